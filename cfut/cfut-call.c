/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Calls: tasks whose function has a name, and whose arguments and result can go to another process.
 *
 * Threads: a call is made on any thread, and runs where its executor runs it. What it is given and
 *   what it gives are the same on a thread of this process as in another process.
 * Locks: none of its own; the future's guards its descriptors.
 * Owns: a call owns its arguments, and holds its function, if that is one of this process.
 * Invariants:
 * 1. Each call settles: one that nobody knows is rejected at once.
 * 2. A call's task has cfut_call_run as its function and the call as its data. An executor that
 *    does not run functions of this process takes out name and arguments, and never runs it.
 * Not here: the table (cfut-functions.c), maps of calls (cfut-map.c), other processes
 * (process/). */

#include <gio/gunixfdlist.h>
#include <glib/gi18n-lib.h>

#include "core/cfut-thread-private.h"
#include "cfut-call-private.h"
#include "cfut-error.h"
#include "cfut-executor-private.h"

gboolean
cfut_call_run (CfutTask  *task,
               gpointer   call,
               GError   **error)
{
  CfutCall *self = call;

  return self->function->func (task, self->args, self->function->data.user_data, error);
}

static gpointer
call_get_function (gpointer data)
{
  CfutCall *self = data;

  return self->function != NULL ? (gpointer) self->function->func : NULL;
}

static const char *
call_get_name (gpointer data)
{
  return ((CfutCall *) data)->name;
}

static void
call_free (CfutOwned *data)
{
  CfutCall *self = (CfutCall *) data;

  if (self->function != NULL)
    cfut_function_unref (self->function);
  g_variant_unref (self->args);
  g_clear_object (&self->fds);
  g_free (self);
}

/* As of a function without arguments. Laid out before it is shared, so that no thread changes it. */
static GVariant *
no_args (void)
{
  static gsize made;

  if (g_once_init_enter (&made))
    {
      GVariant *args = g_variant_ref_sink (g_variant_new_tuple (NULL, 0));

      g_variant_get_data (args);
      g_once_init_leave (&made, (gsize) args);
    }

  return (GVariant *) made;
}

CfutCall *
cfut_call_new (CfutFunction *function,
               const char   *name,
               GVariant     *args,
               GUnixFDList  *fds)
{
  static const CfutTaskWrapper wrapper = { cfut_call_run, call_get_function, call_get_name };
  gsize size = strlen (name) + 1;
  CfutCall *self = g_malloc (sizeof (CfutCall) + size);

  cfut_task_set_wrapper (CFUT_TASK_WRAPPER_CALL, &wrapper);
  cfut_owned_init (&self->data, NULL, NULL, call_free);
  self->function = function;
  self->args = g_variant_ref_sink (args != NULL ? args : no_args ());
  self->fds = fds != NULL ? g_object_ref (fds) : NULL;
  memcpy (self->name, name, size);

  return self;
}

void
cfut_call_unref (gpointer call)
{
  cfut_owned_unref (&((CfutCall *) call)->data);
}

GError *
cfut_call_unknown_error (const char *name)
{
  gsize length = strnlen (name, CFUT_FUNCTION_NAME_MAX);
  g_autofree char *shown = g_utf8_make_valid (name, (gssize) length);

  return g_error_new (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION,
                      _("There is no function with the name “%s”"), shown);
}

void
cfut_executor_set_by_name (CfutExecutor *self)
{
  cfut_executor_get_private (self)->by_name = TRUE;
}

static CfutFuture *
refuse_unknown (CfutRequest *request,
                CfutCall    *call)
{
  CfutTask *task = cfut_task_new (cfut_call_run, call, cfut_call_unref);

  if (request != NULL)
    cfut_task_apply_request (task, request, TRUE);
  cfut_future_reject_pending (CFUT_FUTURE (task), cfut_call_unknown_error (call->name));

  return CFUT_FUTURE (task);
}

/* The one more reference is the executor's, while it looks at the call for the first time. */
static CfutCall *
call_look_up (CfutExecutor *self,
              const char   *name,
              GVariant     *args,
              GUnixFDList  *fds,
              gboolean     *known)
{
  CfutExecutorPrivate *priv = cfut_executor_get_private (self);
  CfutFunctions *functions = atomic_load_explicit (&priv->functions, memory_order_acquire);
  CfutFunction *function = NULL;
  CfutCall *call;

  if (priv->by_name)
    *known = cfut_function_name_is_valid (name);
  else
    *known = functions != NULL && (function = cfut_functions_lookup (functions, name)) != NULL;

  call = cfut_call_new (function, name, args, fds);
  cfut_owned_ref (&call->data);
  return call;
}

CfutFuture *
cfut_executor_submit_call (CfutExecutor *self,
                           CfutRequest  *request,
                           const char   *name,
                           GVariant     *args,
                           GUnixFDList  *fds)
{
  gboolean known;
  CfutCall *call = call_look_up (self, name, args, fds, &known);
  CfutFuture *future;

  future = known ? cfut_executor_submit_full (self, request, cfut_call_run, call, cfut_call_unref)
                 : refuse_unknown (request, call);
  cfut_call_unref (call);

  return future;
}

CfutTask *
cfut_executor_prepare_call (CfutExecutor *self,
                            CfutRequest  *request,
                            const char   *name,
                            GVariant     *args,
                            GUnixFDList  *fds,
                            gpointer     *call)
{
  gboolean known;

  *call = call_look_up (self, name, args, fds, &known);
  return known ? cfut_executor_prepare (self, request, cfut_call_run, *call, cfut_call_unref)
               : CFUT_TASK (refuse_unknown (request, *call));
}

/**
 * cfut_executor_call:
 * @self: an executor
 * @request: (nullable): how; it is only read, and may be changed or used again after
 * @function: the name of a function
 * @args: (nullable): what it is called with; %NULL arrives as the empty tuple. A floating reference
 *   is sunk
 *
 * Calls a function by its name, and returns a future for it.
 *
 * An executor that runs functions of this program looks the name up in its table,
 * [method@Cfut.Executor.get_functions]; one that has other processes work for it looks it up there.
 * Otherwise it is like [method@Cfut.Executor.submit_full]. A call that fails and has no name takes
 * that of the function.
 *
 * Errors, on the future: as there, and %CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION where no function has
 * that name.
 *
 * Returns: (transfer full): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_executor_call (CfutExecutor *self,
                    CfutRequest  *request,
                    const char   *function,
                    GVariant     *args)
{
  return cfut_executor_call_with_fds (self, request, function, args, NULL);
}

/**
 * cfut_executor_call_with_fds:
 * @self: an executor
 * @request: (nullable): how
 * @function: the name of a function
 * @args: (nullable): what it is called with; a floating reference is sunk
 * @fds: (nullable): file descriptors, which the handles in @args index; not to be changed any more
 *
 * Calls a function by its name, like [method@Cfut.Executor.call], and gives it file descriptors,
 * which it finds with [method@Cfut.Task.get_fds].
 *
 * As on D-Bus, a value of type `h` in @args is the index of a descriptor in the list. The list is
 * let go on the main context of this call when the future has settled; a function in another
 * process gets duplicates. At most 16 descriptors go to another process.
 *
 * Returns: (transfer full): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_executor_call_with_fds (CfutExecutor *self,
                             CfutRequest  *request,
                             const char   *function,
                             GVariant     *args,
                             GUnixFDList  *fds)
{
  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), NULL);
  g_return_val_if_fail (request == NULL || CFUT_IS_REQUEST (request), NULL);
  g_return_val_if_fail (function != NULL, NULL);
  g_return_val_if_fail (fds == NULL || G_IS_UNIX_FD_LIST (fds), NULL);

  return cfut_executor_submit_call (self, request, function, args, fds);
}

/**
 * cfut_executor_register:
 * @self: an executor
 * @function: the name: UTF-8, of 1 to 255 bytes
 * @func: (scope notified) (closure user_data) (destroy destroy): what is called by that name, on
 *   threads of the executor, on several at once
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data; called on the main context of this call
 *
 * Adds a function to the executor's table, like [method@Cfut.Functions.add].
 *
 * Returns: whether it was added
 *
 * Since: 1.0
 */
gboolean
cfut_executor_register (CfutExecutor   *self,
                        const char     *function,
                        CfutCallFunc    func,
                        gpointer        user_data,
                        GDestroyNotify  destroy)
{
  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), FALSE);

  return cfut_functions_add (cfut_executor_get_functions (self), function, func, user_data,
                             destroy);
}

/* FALSE: it has one. */
static gboolean
executor_take_functions (CfutExecutor  *self,
                         CfutFunctions *functions)
{
  CfutFunctions *none = NULL;

  if (atomic_compare_exchange_strong (&cfut_executor_get_private (self)->functions, &none,
                                      functions))
    return TRUE;

  g_object_unref (functions);
  return FALSE;
}

/**
 * cfut_executor_get_functions:
 * @self: an executor
 *
 * Returns the table of functions that [method@Cfut.Executor.call] finds here. It is made with the
 * first look at it, unless it was set, and stays. An executor whose calls run in other processes
 * has no use for it.
 *
 * May be called on any thread.
 *
 * Returns: (transfer none): the table
 *
 * Since: 1.0
 */
CfutFunctions *
cfut_executor_get_functions (CfutExecutor *self)
{
  CfutExecutorPrivate *priv;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), NULL);

  priv = cfut_executor_get_private (self);
  if (atomic_load_explicit (&priv->functions, memory_order_acquire) == NULL)
    executor_take_functions (self, cfut_functions_new ());

  return atomic_load_explicit (&priv->functions, memory_order_acquire);
}

/**
 * cfut_executor_set_functions:
 * @self: an executor
 * @functions: a table
 *
 * Gives the executor a table of functions, which others may have too. To be called once, before
 * [method@Cfut.Executor.register] and [method@Cfut.Executor.get_functions].
 *
 * Since: 1.0
 */
void
cfut_executor_set_functions (CfutExecutor  *self,
                             CfutFunctions *functions)
{
  g_return_if_fail (CFUT_IS_EXECUTOR (self));
  g_return_if_fail (CFUT_IS_FUNCTIONS (functions));

  if (!executor_take_functions (self, g_object_ref (functions)))
    g_critical ("An executor of type %s has a table of functions already",
                G_OBJECT_TYPE_NAME (self));
}

/**
 * cfut_task_get_fds:
 * @self: a running task, of a call
 *
 * Returns the file descriptors that the call was given, which the handles in its arguments index:
 * [method@Gio.UnixFDList.get] duplicates one of them. The list is not to be changed.
 *
 * Returns: (transfer none) (nullable): the descriptors; %NULL if there are none
 *
 * Since: 1.0
 */
GUnixFDList *
cfut_task_get_fds (CfutTask *self)
{
  CfutCall *call;

  g_return_val_if_fail (CFUT_IS_TASK (self), NULL);

  if (cfut_thread_get ()->running_task != self)
    return NULL;

  call = cfut_call_from_task (self);
  return call != NULL ? call->fds : NULL;
}

void
cfut_future_take_fds (CfutFuture  *self,
                      GUnixFDList *fds)
{
  CfutFutureExtra *extra = cfut_future_get_extra (self);
  guint word = cfut_cell_lock (&self->cell);

  if (!cfut_cell_settled (word))
    {
      GUnixFDList *old = extra->fds;

      extra->fds = fds;
      fds = old;
    }
  cfut_cell_unlock (&self->cell);

  g_clear_object (&fds);
}

/**
 * cfut_task_set_result_fds:
 * @self: the running task
 * @fds: (nullable): file descriptors, which the handles in the result index; not to be changed any
 *   more
 *
 * Gives file descriptors along with the result, which is set as ever, commonly with
 * [method@Cfut.Task.set_result_variant]; who has the future finds them with
 * [method@Cfut.Future.get_fds]. At most 16 descriptors come from another process.
 *
 * Since: 1.0
 */
void
cfut_task_set_result_fds (CfutTask    *self,
                          GUnixFDList *fds)
{
  g_return_if_fail (CFUT_IS_TASK (self));
  g_return_if_fail (fds == NULL || G_IS_UNIX_FD_LIST (fds));

  if (cfut_thread_get ()->running_task == self)
    cfut_future_take_fds (CFUT_FUTURE (self), fds != NULL ? g_object_ref (fds) : NULL);
}

/**
 * cfut_future_get_fds:
 * @self: a future
 *
 * Returns the file descriptors that came with the result, which the handles in it index. They are
 * closed with the future. May be called on any thread.
 *
 * Returns: (transfer none) (nullable): the descriptors; %NULL if there are none, or the future is
 *   not resolved
 *
 * Since: 1.0
 */
GUnixFDList *
cfut_future_get_fds (CfutFuture *self)
{
  CfutFutureExtra *extra;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);

  if (cfut_future_get_state (self) != CFUT_STATE_RESOLVED)
    return NULL;

  extra = cfut_future_peek_extra (self);
  return extra != NULL ? extra->fds : NULL;
}
