/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The task: a future together with the function that computes it, in one object.
 *
 * Threads: made on the submitting thread, run once on any. Setters, progress and checkpoint work on
 *   the thread that runs it, and do nothing elsewhere.
 * Locks: none of its own; see cfut-future.c.
 * Owns: the function's data, until the owner's context releases it after settling.
 * Invariants:
 * 1. The thread's running_task is the task exactly while its function is on that thread's
 *    stack, innermost.
 * 2. A runner's reference goes to the delivery queue, whatever comes of the run.
 * Not here: queues, threads, limits. */

#include <glib/gi18n-lib.h>

#include "core/cfut-fork-private.h"
#include "core/cfut-marks-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-error.h"
#include "cfut-post-private.h"
#include "cfut-task-private.h"
#include "cfut-value-private.h"

/**
 * CfutTask:
 *
 * A submitted future as its own function sees it: results, progress, and being asked to stop.
 *
 * Only executors make tasks; the future that [method@Cfut.Executor.submit] returns is the task.
 * Setters work only on the thread on which the function runs, and only while it does: anywhere else
 * they have no effect.
 *
 * Since: 1.0
 */

G_DEFINE_FINAL_TYPE (CfutTask, cfut_task, CFUT_TYPE_FUTURE)

/* What a worker touches lies on two lines of the cache: where an object begins is a multiple of 16. */
G_STATIC_ASSERT (sizeof (gpointer) != 8 ||
                 (G_STRUCT_OFFSET (CfutFuture, cell.word) % 16 == 0 &&
                  G_STRUCT_OFFSET (CfutTask, destroy) - G_STRUCT_OFFSET (CfutFuture, cell.word) <= 80));

static _Atomic (const CfutTaskWrapper *) task_wrappers[CFUT_TASK_N_WRAPPERS];

void
cfut_task_set_wrapper (CfutTaskWrapperKind    kind,
                       const CfutTaskWrapper *wrapper)
{
  if (atomic_load_explicit (&task_wrappers[kind], memory_order_relaxed) != wrapper)
    atomic_store_explicit (&task_wrappers[kind], wrapper, memory_order_release);
}

/* What wraps the user's function is called no more. */
static void
task_unwrap (CfutTask              *self,
             const CfutTaskWrapper *wrapper)
{
  CfutFuture *future = &self->parent_instance;

  if (wrapper->get_name != NULL && cfut_future_get_state (future) == CFUT_STATE_REJECTED)
    cfut_future_name_if_unnamed (future, wrapper->get_name (self->user_data));
  self->func = (CfutTaskFunc) wrapper->get_function (self->user_data);
}

static void
cfut_task_released (CfutFuture *future)
{
  CfutTask *self = (CfutTask *) future;
  CfutTaskOptions *options = cfut_task_peek_options (self);

  for (guint i = 0; i < CFUT_TASK_N_WRAPPERS; i++)
    {
      const CfutTaskWrapper *wrapper =
        atomic_load_explicit (&task_wrappers[i], memory_order_acquire);

      if (wrapper != NULL && self->func == wrapper->func && self->destroy != NULL)
        {
          task_unwrap (self, wrapper);
          break;
        }
    }

  /* It is not taken out: whoever waits may be asking whether there is something to be freed. */
  if (self->destroy != NULL)
    self->destroy (self->user_data);
  if (options != NULL)
    cfut_task_options_released (options);
}

static gboolean
cfut_task_is_bare (CfutFuture *future)
{
  CfutTask *self = (CfutTask *) future;

  return self->destroy == NULL && cfut_task_peek_options (self) == NULL;
}

static gboolean
cfut_task_holds_data (CfutFuture *future)
{
  return ((CfutTask *) future)->destroy != NULL;
}

/* Under the cell's lock. A place among the priorities is given up, a presence in a queue becomes
 * stale. */
static gpointer
cfut_task_unqueued (CfutFuture *future)
{
  CfutTask *self = (CfutTask *) future;
  CfutTaskOptions *options = cfut_task_peek_options (self);
  CfutPool *pool = self->entry.pool;

  if (pool == NULL)
    return NULL;

  cfut_pool_count_unqueued (pool);
  if (options == NULL || !cfut_pool_unplace (pool, &options->place))
    return NULL;

  /* The reference of that place goes with the one that is handed over by who settles. */
  atomic_fetch_add_explicit (&future->cell.word, CFUT_CELL_RELEASE_ONE, memory_order_relaxed);
  return cfut_pool_ref (pool);
}

static void
cfut_task_after_unqueued (gpointer data)
{
  CfutPool *pool = data;

  cfut_pool_check_ended (pool);
  cfut_pool_unref (pool);
}

static void
cfut_task_finalize (GObject *object)
{
  CfutTask *self = (CfutTask *) object;

  if (self->terms != 0)
    cfut_task_free_terms (self);

  G_OBJECT_CLASS (cfut_task_parent_class)->finalize (object);
}

static gpointer
cfut_task_get_function (CfutFuture *future)
{
  return (gpointer) ((CfutTask *) future)->func;
}

static void
cfut_task_class_init (CfutTaskClass *klass)
{
  CfutFutureClass *future_class = (CfutFutureClass *) klass;

  G_OBJECT_CLASS (klass)->finalize = cfut_task_finalize;
  future_class->released = cfut_task_released;
  future_class->is_bare = cfut_task_is_bare;
  future_class->holds_data = cfut_task_holds_data;
  future_class->unqueued = cfut_task_unqueued;
  future_class->after_unqueued = cfut_task_after_unqueued;
  future_class->paused = cfut_task_paused;
  future_class->resumed = cfut_task_resumed;
  future_class->asked_to_stop = cfut_task_asked_to_stop;
  future_class->has_begun = cfut_task_has_begun;
  future_class->get_function = cfut_task_get_function;
}

static void
cfut_task_init (CfutTask *self)
{
}

CfutTask *
cfut_task_new (CfutTaskFunc   func,
               gpointer       user_data,
               GDestroyNotify destroy)
{
  CfutTask *self = g_object_new (CFUT_TYPE_TASK, NULL);

  self->func = func;
  self->user_data = user_data;
  self->destroy = destroy;
  cfut_future_made (&self->parent_instance);

  return self;
}

/* It is flagged as running. Takes over a reference. */
static void
task_run_begun (CfutTask *self)
{
  CfutThread *thread = cfut_thread_get ();
  CfutFuture *future = &self->parent_instance;
  CfutOwner *outer_owner = thread->running_owner;
  gpointer outer_task = thread->running_task;
  CfutPoolRun run;
  GError *error = NULL;
  gboolean success = TRUE;
  gint64 deadline_usec;
  CfutTaskOptions *options;
  gint64 mark;

  run.deadline_usec = 0;
  if (G_UNLIKELY (cfut_task_terms_hold_in_run (cfut_task_terms (self))))
    cfut_task_terms_start (self, &run);
  deadline_usec = run.deadline_usec;

  cfut_point (CFUT_POINT_STARTED, self);
  atomic_store_explicit (&future->cell.tag, thread->worker_name, memory_order_relaxed);
  cfut_pool_enter_run (&run, (GObject *) self);
  if (G_UNLIKELY (deadline_usec != 0))
    success = cfut_task_terms_watch (self, deadline_usec, &error);
  cfut_future_started (future);
  thread->running_task = self;
  thread->running_owner = future->owner;
  mark = cfut_mark_begin ();
  if (G_LIKELY (success))
    success = self->func (self, self->user_data, &error);
  if (cfut_is_forked_child () && thread->worker != NULL)
    cfut_fork_leave (success);
  if (G_UNLIKELY (mark != 0))
    cfut_future_mark_run (future, mark);
  thread->running_owner = outer_owner;
  thread->running_task = outer_task;
  cfut_pool_leave_run (&run);

  options = cfut_task_peek_options (self);
  if (G_UNLIKELY (options != NULL))
    cfut_task_options_ended (options);
  cfut_future_finish_run (future, success, error);
}

gboolean
cfut_task_run (CfutTask *self,
               guint     unless)
{
  if (!cfut_future_begin_run (&self->parent_instance, unless))
    return FALSE;

  task_run_begun (self);
  return TRUE;
}

gboolean
cfut_task_is_of_this_pool (CfutFuture *future)
{
  CfutPool *pool = cfut_pool_get_current ();

  return pool != NULL && CFUT_IS_TASK (future) && ((CfutTask *) future)->entry.pool == pool &&
         !cfut_future_is_settled (future);
}

gboolean
cfut_task_run_here (CfutFuture *future)
{
  CfutTask *self = (CfutTask *) future;
  gboolean ran;

  if (!cfut_task_is_of_this_pool (future) || !cfut_pool_may_run_here (self->entry.pool) ||
      !(cfut_cell_load (&future->cell) & CFUT_CELL_QUEUED))
    return FALSE;

  if (cfut_pool_run_own (&self->entry.link))
    return TRUE;

  /* The run's own: its presence in the queue has one, which goes with whoever finds that stale. */
  g_object_ref (self);
  cfut_pool_begin_run_here ();
  ran = cfut_future_begin_run (future, CFUT_CELL_PAUSED);
  if (ran)
    task_run_begun (self);
  cfut_pool_end_run_here (ran);
  if (!ran)
    cfut_future_release (future);

  return ran;
}

static inline gboolean
task_runs_here (CfutTask *self)
{
  return cfut_thread_get ()->running_task == self;
}

/* Where lines of its command are told too. */
static inline gboolean
task_may_report_here (CfutTask *self)
{
  return task_runs_here (self) || cfut_thread_get ()->telling_task == self;
}

static void
task_take_value (CfutTask *self,
                 GValue   *value)
{
  if (task_runs_here (self))
    cfut_future_take_value (&self->parent_instance, value);
  else if (value->g_type != G_TYPE_INVALID)
    g_value_unset (value);
}

/**
 * cfut_task_set_result:
 * @self: the running task
 * @value: (nullable): the result; %NULL or an unset value for "no value"
 *
 * Sets the value that the future is resolved with when the function returns %TRUE. The last one set
 * stands.
 *
 * Since: 1.0
 */
void
cfut_task_set_result (CfutTask     *self,
                      const GValue *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_if_fail (CFUT_IS_TASK (self));
  g_return_if_fail (value == NULL || value->g_type == G_TYPE_INVALID || G_IS_VALUE (value));

  cfut_value_init_copy (&copy, value);
  task_take_value (self, &copy);
}

/**
 * cfut_task_set_result_variant:
 * @self: the running task
 * @value: (nullable): the result; a floating reference is sunk
 *
 * Sets a result of type [type@GLib.Variant], like [method@Cfut.Task.set_result].
 *
 * Since: 1.0
 */
void
cfut_task_set_result_variant (CfutTask *self,
                              GVariant *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_if_fail (CFUT_IS_TASK (self));

  cfut_value_init_variant (&copy, value);
  task_take_value (self, &copy);
}

/**
 * cfut_task_set_result_string:
 * @self: the running task
 * @value: (nullable): the result
 *
 * Sets a result that is a string, like [method@Cfut.Task.set_result].
 *
 * Since: 1.0
 */
void
cfut_task_set_result_string (CfutTask   *self,
                             const char *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_if_fail (CFUT_IS_TASK (self));

  cfut_value_init_string (&copy, value);
  task_take_value (self, &copy);
}

/**
 * cfut_task_set_result_bytes:
 * @self: the running task
 * @value: (nullable): the result
 *
 * Sets a result of type [struct@GLib.Bytes], like [method@Cfut.Task.set_result].
 *
 * Since: 1.0
 */
void
cfut_task_set_result_bytes (CfutTask *self,
                            GBytes   *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_if_fail (CFUT_IS_TASK (self));

  cfut_value_init_bytes (&copy, value);
  task_take_value (self, &copy);
}

/**
 * cfut_task_set_result_object:
 * @self: the running task
 * @value: (nullable): the result
 *
 * Sets a result that is an object, like [method@Cfut.Task.set_result].
 *
 * Since: 1.0
 */
void
cfut_task_set_result_object (CfutTask *self,
                             GObject  *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_if_fail (CFUT_IS_TASK (self));
  g_return_if_fail (value == NULL || G_IS_OBJECT (value));

  cfut_value_init_object (&copy, value);
  task_take_value (self, &copy);
}

/**
 * cfut_task_set_result_int64:
 * @self: the running task
 * @value: the result
 *
 * Sets a result that is a whole number, like [method@Cfut.Task.set_result].
 *
 * Since: 1.0
 */
void
cfut_task_set_result_int64 (CfutTask *self,
                            gint64    value)
{
  GValue copy = G_VALUE_INIT;

  g_return_if_fail (CFUT_IS_TASK (self));

  cfut_value_init_int64 (&copy, value);
  task_take_value (self, &copy);
}

/**
 * cfut_task_set_result_double:
 * @self: the running task
 * @value: the result
 *
 * Sets a result that is a floating-point number, like [method@Cfut.Task.set_result].
 *
 * Since: 1.0
 */
void
cfut_task_set_result_double (CfutTask *self,
                             double    value)
{
  GValue copy = G_VALUE_INIT;

  g_return_if_fail (CFUT_IS_TASK (self));

  cfut_value_init_double (&copy, value);
  task_take_value (self, &copy);
}

/**
 * cfut_task_set_result_boolean:
 * @self: the running task
 * @value: the result
 *
 * Sets a result that is true or false, like [method@Cfut.Task.set_result].
 *
 * Since: 1.0
 */
void
cfut_task_set_result_boolean (CfutTask *self,
                              gboolean  value)
{
  GValue copy = G_VALUE_INIT;

  g_return_if_fail (CFUT_IS_TASK (self));

  cfut_value_init_boolean (&copy, value);
  task_take_value (self, &copy);
}

/**
 * cfut_task_set_progress:
 * @self: the running task
 * @done: how much is done, in units of the task's choice; more than @total counts as @total
 * @total: how much there is; 0 if that is not known
 *
 * Tells how far the task has come. It may be called as often as is convenient: the owner is
 * notified of the latest, at most 60 times a second, and always of the last before the future
 * settles.
 *
 * Since: 1.0
 */
void
cfut_task_set_progress (CfutTask *self,
                        guint64   done,
                        guint64   total)
{
  g_return_if_fail (CFUT_IS_TASK (self));

  if (task_may_report_here (self))
    cfut_future_report_progress (&self->parent_instance, done, total);
}

/**
 * cfut_task_set_message:
 * @self: the running task
 * @message: (nullable): what the task does at the moment, for people to read
 *
 * Tells in words what the task does. Notified like [method@Cfut.Task.set_progress].
 *
 * Since: 1.0
 */
void
cfut_task_set_message (CfutTask   *self,
                       const char *message)
{
  g_return_if_fail (CFUT_IS_TASK (self));

  if (task_may_report_here (self))
    cfut_future_report_message (&self->parent_instance, message);
}

/* On its thread. */
static gboolean
task_is_told_to_stop (CfutTask *self)
{
  if (cfut_future_cancel_requested (&self->parent_instance))
    return TRUE;
  if (!cfut_pool_is_stopping ())
    return FALSE;

  /* All that runs was asked: from here it is as if this one had been asked by itself. */
  cfut_future_ask_to_stop (&self->parent_instance);
  return TRUE;
}

static gboolean
task_is_asked_to_stop (CfutTask *self)
{
  if (!task_runs_here (self))
    return cfut_future_cancel_requested (&self->parent_instance);

  /* Who asks all that runs did not see what had just been begun, and will not end its pause. */
  if (task_is_told_to_stop (self))
    return TRUE;
  cfut_future_pause_here (&self->parent_instance);
  return task_is_told_to_stop (self);
}

/**
 * cfut_task_checkpoint:
 * @self: the running task
 * @error: return location for an error
 *
 * Tells whether to go on. A function calls it between steps, some thousand times a second at most
 * being plenty, and when it returns %FALSE undoes what has to be undone and returns %FALSE with
 * that error. While the task is paused ([method@Cfut.Future.pause]) it does not return.
 *
 * Errors: %G_IO_ERROR_CANCELLED when the task was asked to stop, %CFUT_FUTURE_ERROR_DEADLINE when
 * its run deadline has passed.
 *
 * Returns: %TRUE to go on
 *
 * Since: 1.0
 */
gboolean
cfut_task_checkpoint (CfutTask  *self,
                      GError   **error)
{
  g_return_val_if_fail (CFUT_IS_TASK (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!task_is_asked_to_stop (self))
    return TRUE;

  if (cfut_future_is_settled (&self->parent_instance))
    g_set_error_literal (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE,
                         _("The task did not end before its deadline"));
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The task was cancelled"));
  return FALSE;
}

/**
 * cfut_task_get_cancellable:
 * @self: the running task
 *
 * Returns what is cancelled when the task is asked to stop, for functions that take a
 * [class@Gio.Cancellable]. Made on the first call.
 *
 * Returns: (transfer none): the cancellable
 *
 * Since: 1.0
 */
GCancellable *
cfut_task_get_cancellable (CfutTask *self)
{
  g_return_val_if_fail (CFUT_IS_TASK (self), NULL);

  if (task_runs_here (self))
    {
      cfut_post_show (self);
      task_is_told_to_stop (self);
    }
  return cfut_future_cancellable (&self->parent_instance);
}
