/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What bound languages have in place of the functions that take one to call on other threads. Most
 * interpreters are for one thread, and crash on another. Those that are not say so in their
 * override; until then a function of the language is called on the thread that handed it over, and
 * refused with an error on every other.
 *
 * Threads: all may be called on any.
 * Locks: none.
 * Owns: for each function that was handed over before any were allowed, its data and its thread.
 * Invariants:
 * 1. What is handed over is released as ever, on its owner's context: only the call is refused.
 * Not here: what C and Vala call, which need no such check. */

#include "cfut-bound.h"

#include "cfut-call.h"
#include "cfut-executor.h"
#include "cfut-future.h"

#include <glib/gi18n-lib.h>
#include <stdatomic.h>

typedef struct {
  GCallback func;
  gpointer data;
  GDestroyNotify destroy;
  GThread *home;
} Bound;

static atomic_bool functions_are_allowed;

static Bound *
bound_new (GCallback      func,
           gpointer       user_data,
           GDestroyNotify destroy)
{
  Bound *self = g_new (Bound, 1);

  self->func = func;
  self->data = user_data;
  self->destroy = destroy;
  self->home = g_thread_ref (g_thread_self ());

  return self;
}

static void
bound_free (gpointer data)
{
  Bound *self = data;

  if (self->destroy != NULL)
    self->destroy (self->data);
  g_thread_unref (self->home);
  g_free (self);
}

static gboolean
bound_may_call (Bound   *self,
                GError **error)
{
  if (self->home == g_thread_self ())
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       _("A function of this language cannot run on another thread; use functions of "
                         "a worker process, by CfutProcessExecutor and call, or commands, by run"));
  return FALSE;
}

static gboolean
call_task (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  Bound *self = user_data;

  return bound_may_call (self, error) && ((CfutTaskFunc) self->func) (task, self->data, error);
}

static gboolean
call_call (CfutTask  *task,
           GVariant  *args,
           gpointer   user_data,
           GError   **error)
{
  Bound *self = user_data;

  return bound_may_call (self, error) &&
         ((CfutCallFunc) self->func) (task, args, self->data, error);
}

static gboolean
call_map (CfutTask  *task,
          guint64    index,
          gpointer   user_data,
          GError   **error)
{
  Bound *self = user_data;

  return bound_may_call (self, error) &&
         ((CfutMapFunc) self->func) (task, index, self->data, error);
}

static gboolean
call_map_item (CfutTask  *task,
               gpointer   item,
               gpointer   user_data,
               GError   **error)
{
  Bound *self = user_data;

  return bound_may_call (self, error) &&
         ((CfutMapItemFunc) self->func) (task, item, self->data, error);
}

static gboolean
call_range (CfutTask  *task,
            guint64    begin,
            guint64    end,
            gpointer   user_data,
            GError   **error)
{
  Bound *self = user_data;

  return bound_may_call (self, error) &&
         ((CfutRangeFunc) self->func) (task, begin, end, self->data, error);
}

static gboolean
call_initializer (gpointer   user_data,
                  GError   **error)
{
  Bound *self = user_data;

  return bound_may_call (self, error) && ((CfutInitializerFunc) self->func) (self->data, error);
}

/**
 * cfut_allow_bound_functions:
 *
 * Says that functions of the language that the library is bound to can run on every thread. It is
 * for the binding of that language to call, once, before anything else; what comes with the library
 * for Python does so.
 *
 * Without this a function that comes through introspection is called on no thread but the one that
 * has handed it over: elsewhere the call fails with %G_IO_ERROR_NOT_SUPPORTED, where most
 * interpreters would crash. C and Vala are not concerned. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_allow_bound_functions (void)
{
  /* Relaxed: nothing else is published by it. */
  atomic_store_explicit (&functions_are_allowed, TRUE, memory_order_relaxed);
}

static gboolean
bound_is_allowed (void)
{
  return atomic_load_explicit (&functions_are_allowed, memory_order_relaxed);
}

/**
 * cfut_executor_submit_bound: (rename-to cfut_executor_submit)
 * @self: an executor
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Executor.submit] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Returns: (transfer full): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_executor_submit_bound (CfutExecutor  *self,
                            CfutTaskFunc   func,
                            gpointer       user_data,
                            GDestroyNotify destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  if (bound_is_allowed ())
    return cfut_executor_submit (self, func, user_data, destroy);

  return cfut_executor_submit (self, call_task, bound_new (G_CALLBACK (func), user_data, destroy),
                               bound_free);
}

/**
 * cfut_executor_submit_full_bound: (rename-to cfut_executor_submit_full)
 * @self: an executor
 * @request: (nullable): how
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Executor.submit_full] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Returns: (transfer full): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_executor_submit_full_bound (CfutExecutor  *self,
                                 CfutRequest   *request,
                                 CfutTaskFunc   func,
                                 gpointer       user_data,
                                 GDestroyNotify destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  if (bound_is_allowed ())
    return cfut_executor_submit_full (self, request, func, user_data, destroy);

  return cfut_executor_submit_full (self, request, call_task,
                                    bound_new (G_CALLBACK (func), user_data, destroy), bound_free);
}

/**
 * cfut_executor_post_bound: (rename-to cfut_executor_post)
 * @self: an executor
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Executor.post] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Since: 1.0
 */
void
cfut_executor_post_bound (CfutExecutor  *self,
                          CfutTaskFunc   func,
                          gpointer       user_data,
                          GDestroyNotify destroy)
{
  g_return_if_fail (func != NULL);

  if (bound_is_allowed ())
    cfut_executor_post (self, func, user_data, destroy);
  else
    cfut_executor_post (self, call_task, bound_new (G_CALLBACK (func), user_data, destroy),
                        bound_free);
}

/**
 * cfut_executor_register_bound: (rename-to cfut_executor_register)
 * @self: an executor
 * @function: the name
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Executor.register] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Returns: whether it was added
 *
 * Since: 1.0
 */
gboolean
cfut_executor_register_bound (CfutExecutor  *self,
                              const char    *function,
                              CfutCallFunc   func,
                              gpointer       user_data,
                              GDestroyNotify destroy)
{
  g_return_val_if_fail (func != NULL, FALSE);

  if (bound_is_allowed ())
    return cfut_executor_register (self, function, func, user_data, destroy);

  return cfut_executor_register (self, function, call_call,
                                 bound_new (G_CALLBACK (func), user_data, destroy), bound_free);
}

/**
 * cfut_executor_map_bound: (rename-to cfut_executor_map)
 * @self: an executor
 * @request: (nullable): how each item is to be submitted
 * @n_items: how many
 * @buffer_size: how many may be submitted ahead
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Executor.map] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Returns: (transfer full): the map
 *
 * Since: 1.0
 */
CfutMap *
cfut_executor_map_bound (CfutExecutor  *self,
                         CfutRequest   *request,
                         guint64        n_items,
                         guint          buffer_size,
                         CfutMapFunc    func,
                         gpointer       user_data,
                         GDestroyNotify destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  if (bound_is_allowed ())
    return cfut_executor_map (self, request, n_items, buffer_size, func, user_data, destroy);

  return cfut_executor_map (self, request, n_items, buffer_size, call_map,
                            bound_new (G_CALLBACK (func), user_data, destroy), bound_free);
}

/**
 * cfut_executor_map_model_bound: (rename-to cfut_executor_map_model)
 * @self: an executor
 * @request: (nullable): how each item is to be submitted
 * @model: a list
 * @buffer_size: how many may be submitted ahead
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Executor.map_model] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Returns: (transfer full): the map
 *
 * Since: 1.0
 */
CfutMap *
cfut_executor_map_model_bound (CfutExecutor   *self,
                               CfutRequest    *request,
                               GListModel     *model,
                               guint           buffer_size,
                               CfutMapItemFunc func,
                               gpointer        user_data,
                               GDestroyNotify  destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  if (bound_is_allowed ())
    return cfut_executor_map_model (self, request, model, buffer_size, func, user_data, destroy);

  return cfut_executor_map_model (self, request, model, buffer_size, call_map_item,
                                  bound_new (G_CALLBACK (func), user_data, destroy), bound_free);
}

/**
 * cfut_executor_map_array_bound: (rename-to cfut_executor_map_array)
 * @self: an executor
 * @request: (nullable): how each item is to be submitted
 * @items: (array length=n_items): the objects
 * @n_items: how many
 * @buffer_size: how many may be submitted ahead
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Executor.map_array] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Returns: (transfer full): the map
 *
 * Since: 1.0
 */
CfutMap *
cfut_executor_map_array_bound (CfutExecutor   *self,
                               CfutRequest    *request,
                               GObject       **items,
                               gsize           n_items,
                               guint           buffer_size,
                               CfutMapItemFunc func,
                               gpointer        user_data,
                               GDestroyNotify  destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  if (bound_is_allowed ())
    return cfut_executor_map_array (self, request, items, n_items, buffer_size, func, user_data,
                                    destroy);

  return cfut_executor_map_array (self, request, items, n_items, buffer_size, call_map_item,
                                  bound_new (G_CALLBACK (func), user_data, destroy), bound_free);
}

/**
 * cfut_executor_map_range_bound: (rename-to cfut_executor_map_range)
 * @self: an executor
 * @request: (nullable): how it is to be submitted
 * @begin: the first index
 * @end: the first index behind the range
 * @grain: how many indexes to do in one call; 0 to have that chosen
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Executor.map_range] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Returns: (transfer full): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_executor_map_range_bound (CfutExecutor  *self,
                               CfutRequest   *request,
                               guint64        begin,
                               guint64        end,
                               guint64        grain,
                               CfutRangeFunc  func,
                               gpointer       user_data,
                               GDestroyNotify destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  if (bound_is_allowed ())
    return cfut_executor_map_range (self, request, begin, end, grain, func, user_data, destroy);

  return cfut_executor_map_range (self, request, begin, end, grain, call_range,
                                  bound_new (G_CALLBACK (func), user_data, destroy), bound_free);
}

/**
 * cfut_thread_executor_set_initializer_bound: (rename-to cfut_thread_executor_set_initializer)
 * @self: a thread executor
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.ThreadExecutor.set_initializer] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Since: 1.0
 */
void
cfut_thread_executor_set_initializer_bound (CfutThreadExecutor *self,
                                            CfutInitializerFunc func,
                                            gpointer            user_data,
                                            GDestroyNotify      destroy)
{
  g_return_if_fail (func != NULL);

  if (bound_is_allowed ())
    cfut_thread_executor_set_initializer (self, func, user_data, destroy);
  else
    cfut_thread_executor_set_initializer (self, call_initializer,
                                          bound_new (G_CALLBACK (func), user_data, destroy),
                                          bound_free);
}

/**
 * cfut_functions_add_bound: (rename-to cfut_functions_add)
 * @self: a table
 * @function: the name
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Functions.add] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Returns: whether it was added
 *
 * Since: 1.0
 */
gboolean
cfut_functions_add_bound (CfutFunctions *self,
                          const char    *function,
                          CfutCallFunc   func,
                          gpointer       user_data,
                          GDestroyNotify destroy)
{
  g_return_val_if_fail (func != NULL, FALSE);

  if (bound_is_allowed ())
    return cfut_functions_add (self, function, func, user_data, destroy);

  return cfut_functions_add (self, function, call_call,
                             bound_new (G_CALLBACK (func), user_data, destroy), bound_free);
}

/**
 * cfut_worker_register_bound: (rename-to cfut_worker_register)
 * @self: a worker
 * @function: the name
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Worker.register] for bound languages, subject to
 * [func@Cfut.allow_bound_functions].
 *
 * Returns: whether it was added
 *
 * Since: 1.0
 */
gboolean
cfut_worker_register_bound (CfutWorker    *self,
                            const char    *function,
                            CfutCallFunc   func,
                            gpointer       user_data,
                            GDestroyNotify destroy)
{
  g_return_val_if_fail (func != NULL, FALSE);

  if (bound_is_allowed ())
    return cfut_worker_register (self, function, func, user_data, destroy);

  return cfut_worker_register (self, function, call_call,
                               bound_new (G_CALLBACK (func), user_data, destroy), bound_free);
}

/**
 * cfut_future_add_done_callback_bound: (rename-to cfut_future_add_done_callback)
 * @self: a future
 * @flags: where to call
 * @callback: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @callback
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * [method@Cfut.Future.add_done_callback] for bound languages. Before
 * [func@Cfut.allow_bound_functions], %CFUT_CALLBACK_DIRECT is left out with a warning.
 *
 * Since: 1.0
 */
void
cfut_future_add_done_callback_bound (CfutFuture       *self,
                                     CfutCallbackFlags flags,
                                     CfutCallback      callback,
                                     gpointer          user_data,
                                     GDestroyNotify    destroy)
{
  if ((flags & CFUT_CALLBACK_DIRECT) && !bound_is_allowed ())
    {
      g_warning ("A function of this language cannot run on another thread: it is called from "
                 "the main loop instead");
      flags &= ~CFUT_CALLBACK_DIRECT;
    }
  cfut_future_add_done_callback (self, flags, callback, user_data, destroy);
}
