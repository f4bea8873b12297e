/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* To and from the asynchronous operations of GIO: pairs of `_async` and `_finish`, and GTasks.
 *
 * Threads: an operation is started by its caller and ends on the thread-default main context of
 *   that, as GIO has it; cancellation comes on any thread.
 * Locks: none.
 * Owns: an operation under way owns the promise of its future; what completes a GTask owns that and
 *   the future, and lets go of both on the context on which it was set up.
 * Invariants:
 * 1. An operation's future is RUNNING until it settles, so that cancelling it only asks: the
 *    operation itself says what became of it.
 * 2. A user's data goes with the settled future, on the owner's context.
 * Not here: futures of other origins (cfut-promise.c). */

#include <glib/gi18n-lib.h>

#include "cfut-error.h"
#include "cfut-future-private.h"
#include "cfut-interop.h"
#include "cfut-promise.h"

typedef struct {
  CfutPromise *promise;
  CfutFinishFunc finish;  /* (nullable) for a GTask */
  gpointer user_data;
} Operation;

static void
keep_data (CfutFuture *settled,
           gpointer    user_data)
{
}

static Operation *
operation_new (CfutFinishFunc finish,
               gpointer       user_data,
               GDestroyNotify destroy)
{
  Operation *self = g_new (Operation, 1);

  self->promise = cfut_promise_new ();
  self->finish = finish;
  self->user_data = user_data;
  cfut_promise_set_running (self->promise);
  if (destroy != NULL)
    cfut_future_add_done_callback (cfut_promise_get_future (self->promise), CFUT_CALLBACK_DEFAULT,
                                   keep_data, user_data, destroy);

  return self;
}

/* A promise that was not kept by then is abandoned. */
static void
operation_free (Operation *self)
{
  g_object_unref (self->promise);
  g_free (self);
}

static void
operation_conclude (Operation *self,
                    gboolean   success,
                    GError    *error)
{
  if (success && error == NULL)
    {
      cfut_promise_resolve (self->promise, NULL);
      return;
    }

  if (error == NULL)
    error = g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED,
                                 _("The function failed and set no error"));
  cfut_promise_reject (self->promise, error);
  g_error_free (error);
}

static void
operation_finish (Operation    *self,
                  GObject      *source,
                  GAsyncResult *result)
{
  GError *error = NULL;
  gboolean success = self->finish (source, result, self->promise, self->user_data, &error);

  operation_conclude (self, success, error);
}

static void
on_ready (GObject      *source,
          GAsyncResult *result,
          gpointer      data)
{
  Operation *operation = data;

  operation_finish (operation, source, result);
  operation_free (operation);
}

/**
 * cfut_future_from_async:
 * @source: (type GObject.Object) (nullable): the object that the operation belongs to, for @start
 * @start: (scope call) (closure user_data): starts the operation; called once, before this returns
 * @finish: (scope notified) (closure user_data) (destroy destroy): ends the operation
 * @user_data: data for @start and @finish
 * @destroy: (nullable): frees @user_data; called on the owner's main context when the future has
 *   settled
 *
 * Makes a future of an asynchronous operation of GIO: of any pair of functions of which one ends in
 * `_async`, and the other in `_finish`.
 *
 * |[<!-- language="C" -->
 * static void
 * load_start (GObject *file, GCancellable *cancellable, GAsyncReadyCallback callback,
 *             gpointer callback_data, gpointer user_data)
 * {
 *   g_file_load_bytes_async (G_FILE (file), cancellable, callback, callback_data);
 * }
 *
 * static gboolean
 * load_finish (GObject *file, GAsyncResult *result, CfutPromise *promise, gpointer user_data,
 *              GError **error)
 * {
 *   g_autoptr (GBytes) bytes = g_file_load_bytes_finish (G_FILE (file), result, NULL, error);
 *
 *   return bytes != NULL && cfut_promise_resolve_bytes (promise, bytes);
 * }
 * ]|
 *
 * With these two it is one call:
 *
 * |[<!-- language="C" -->
 * future = cfut_future_from_async (file, load_start, load_finish, NULL, NULL);
 * ]|
 *
 * The future is running at once. Cancelling it cancels the operation's [class@Gio.Cancellable];
 * when the operation then fails with %G_IO_ERROR_CANCELLED the future becomes cancelled. @finish is
 * called on the thread-default main context of this call, which has to run: a thread that blocks in
 * a wait for this future, and runs that context itself, waits in vain.
 *
 * In other languages use [class@Cfut.Promise] with the language's own form of asynchronous
 * functions.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_from_async (gpointer       source,
                        CfutAsyncFunc  start,
                        CfutFinishFunc finish,
                        gpointer       user_data,
                        GDestroyNotify destroy)
{
  Operation *operation;
  CfutFuture *future;
  GCancellable *cancellable;

  g_return_val_if_fail (source == NULL || G_IS_OBJECT (source), NULL);
  g_return_val_if_fail (start != NULL, NULL);
  g_return_val_if_fail (finish != NULL, NULL);

  operation = operation_new (finish, user_data, destroy);
  future = g_object_ref (cfut_promise_get_future (operation->promise));
  cancellable = cfut_promise_get_cancellable (operation->promise);
  start (source, cancellable, on_ready, operation, user_data);

  return future;
}

/* Its result was left to its own callback. */
static void
task_conclude (Operation *self,
               GTask     *task)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  GError *error = NULL;

  if (!g_task_had_error (task))
    ;
  else if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                 _("The operation was cancelled"));
  else
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, _("The operation failed"));

  operation_conclude (self, error == NULL, error);
}

static void
on_completed (GTask      *task,
              GParamSpec *pspec,
              gpointer    data)
{
  Operation *operation = data;

  if (operation->finish != NULL)
    operation_finish (operation, g_task_get_source_object (task), G_ASYNC_RESULT (task));
  else
    task_conclude (operation, task);
}

static void
on_handler_gone (gpointer  data,
                 GClosure *closure)
{
  operation_free (data);
}

static void
pass_cancel (GCancellable *cancellable,
             gpointer      to)
{
  g_cancellable_cancel (to);
}

/**
 * cfut_future_from_task:
 * @task: an operation
 * @finish: (nullable) (scope notified) (closure user_data) (destroy destroy): reads the result of
 *   @task; %NULL to leave it to the callback that @task was made with
 * @user_data: data for @finish
 * @destroy: (nullable): frees @user_data; called on the owner's main context when the future has
 *   settled
 *
 * Makes a future of a [class@Gio.Task] that was made somewhere else. To be called on the thread of
 * the main context that @task belongs to, before or after it has completed.
 *
 * The result of a task can be read once only. So there are two ways: with a @finish, which calls
 * one of `g_task_propagate_boolean ()`, `_int ()`, `_pointer ()` and `_value ()`, whichever suits
 * how @task is returned, the future has the value; then @task has to be one without a callback, or
 * whose callback does not read the result. Without a @finish the future tells only that @task has
 * completed: it is resolved without a value, or rejected with %G_IO_ERROR_CANCELLED if the task's
 * cancellable was cancelled, else with %G_IO_ERROR_FAILED.
 *
 * The future settles when @task has completed, after its callback. It is running until then;
 * cancelling it cancels the cancellable of @task, if that has one. When @task goes away and was
 * never returned, the future is rejected with %CFUT_FUTURE_ERROR_ABANDONED.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_from_task (GTask          *task,
                       CfutFinishFunc  finish,
                       gpointer        user_data,
                       GDestroyNotify  destroy)
{
  Operation *operation;
  CfutFuture *future;
  GCancellable *cancellable;

  g_return_val_if_fail (G_IS_TASK (task), NULL);

  operation = operation_new (finish, user_data, destroy);
  future = g_object_ref (cfut_promise_get_future (operation->promise));
  cancellable = g_task_get_cancellable (task);

  if (g_task_get_completed (task))
    {
      on_completed (task, NULL, operation);
      operation_free (operation);
      return future;
    }

  if (cancellable != NULL)
    g_cancellable_connect (cfut_promise_get_cancellable (operation->promise),
                           G_CALLBACK (pass_cancel), g_object_ref (cancellable), g_object_unref);
  g_signal_connect_data (task, "notify::completed", G_CALLBACK (on_completed), operation,
                         on_handler_gone, G_CONNECT_DEFAULT);

  return future;
}

/* What returns a GTask when a future has settled. */
typedef struct {
  CfutNode node;
  CfutItem item;
  CfutOwner *owner;
  CfutFuture *future;
  GTask *task;
  gulong cancel_handler;
} Completion;

static gboolean
completion_deliver (CfutItem        *item,
                    CfutDeliverMode  mode)
{
  Completion *self = (Completion *) ((char *) item - G_STRUCT_OFFSET (Completion, item));
  CfutFuture *future = self->future;

  if (mode == CFUT_DELIVER_REAP)
    return TRUE;

  /* Not g_cancellable_disconnect (), which would wait for ever where that handler runs a main
   * loop. */
  if (self->cancel_handler != 0)
    g_signal_handler_disconnect (g_task_get_cancellable (self->task), self->cancel_handler);

  if (cfut_future_get_state (future) != CFUT_STATE_RESOLVED)
    g_task_return_error (self->task, cfut_future_dup_error (future));
  else if (future->value.g_type == G_TYPE_INVALID)
    g_task_return_boolean (self->task, TRUE);
  else
    g_task_return_value (self->task, &future->value);

  g_object_unref (self->task);
  cfut_future_release (future);
  cfut_owner_unref (self->owner);
  g_free (self);
  return FALSE;
}

static const CfutItemClass completion_item_class = {
  .deliver = completion_deliver,
};

static void
completion_settled (CfutNode   *node,
                    CfutFuture *future,
                    CfutState   state)
{
  Completion *self = (Completion *) node;

  cfut_owner_push (self->owner, &self->item);
}

static const CfutNodeClass completion_node_class = {
  .kind = CFUT_NODE_LATE,
  .settled = completion_settled,
};

static void
cancel_future (GCancellable *cancellable,
               gpointer      future)
{
  cfut_future_cancel (future);
}

static void
release_future (gpointer future)
{
  cfut_future_release (future);
}

/**
 * cfut_future_to_task:
 * @self: a future
 * @task: (transfer full): what to complete
 *
 * Completes a [class@Gio.Task] with what the future comes to, so that a function of the usual form
 * with a cancellable and a callback can be written with a future:
 *
 * |[<!-- language="C" -->
 * void
 * thing_count_async (Thing *self, GCancellable *cancellable, GAsyncReadyCallback callback,
 *                    gpointer user_data)
 * {
 *   g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, count, self, NULL);
 *
 *   cfut_future_to_task (future, g_task_new (self, cancellable, callback, user_data));
 * }
 *
 * gboolean
 * thing_count_finish (Thing *self, GAsyncResult *result, GValue *value, GError **error)
 * {
 *   return g_task_propagate_value (G_TASK (result), value, error);
 * }
 * ]|
 *
 * A future that is resolved with a value returns that by `g_task_return_value ()`, whatever its
 * type, to be read by `g_task_propagate_value ()`. One that is resolved without a value returns
 * %TRUE, to be read by `g_task_propagate_boolean ()`. A failure returns the error,
 * %G_IO_ERROR_CANCELLED for a cancelled future. Cancelling the task's cancellable cancels the
 * future.
 *
 * The failure of @self counts as seen. To be called on the thread of the main context that @task
 * belongs to; its callback comes there, after the callbacks of the future.
 *
 * Since: 1.0
 */
void
cfut_future_to_task (CfutFuture *self,
                     GTask      *task)
{
  Completion *completion;
  GCancellable *cancellable;

  g_return_if_fail (CFUT_IS_FUTURE (self));
  g_return_if_fail (G_IS_TASK (task));

  cfut_future_observe (self);
  cancellable = g_task_get_cancellable (task);
  completion = g_new0 (Completion, 1);
  completion->node.klass = &completion_node_class;
  completion->item.klass = &completion_item_class;
  completion->owner = cfut_owner_ref (cfut_owner_get_current ());
  completion->future = g_object_ref (self);
  completion->task = task;
  if (cancellable != NULL)
    completion->cancel_handler = g_cancellable_connect (cancellable, G_CALLBACK (cancel_future),
                                                        g_object_ref (self), release_future);

  if (!cfut_future_add_node (self, &completion->node))
    cfut_owner_push (completion->owner, &completion->item);
}
