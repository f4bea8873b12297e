/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The executor: what all executors have in common. Tasks go to an engine: that of a library's own
 * executor, or that of derived ones, which makes a CfutWork of each for the class's execute.
 *
 * Threads: any.
 * Locks: none of its own.
 * Owns: the room, and of a derived executor the log of its open work and the work gate.
 * Invariants:
 * 1. submit always returns a future that settles: after shutdown it is rejected, and the function's
 *    data released on the owner's context as ever.
 * 2. An executor that is dropped finishes what it took; nothing here waits for that.
 * Not here: the engine of derived executors (cfut-executor-log.c), their end and that of others
 * (cfut-executor-shutdown.c), counts (cfut-executor-counts.c), limits (cfut-executor-limits.c) and
 * what they mean for a submission (cfut-executor-enter.c); threads, queues. */

#include <glib/gi18n-lib.h>

#include "core/cfut-fork-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-check-private.h"
#include "cfut-error.h"
#include "cfut-executor-private.h"
#include "cfut-group.h"
#include "cfut-rate-limit.h"
#include "cfut-request-private.h"

/**
 * CfutExecutor:
 *
 * Takes work and gives futures.
 *
 * [class@Cfut.ThreadExecutor] runs functions on threads. Other executors are derived from this
 * class by implementing `execute`.
 *
 * An executor may be dropped at any time: what it took is still run, unless the program ends
 * before. In C, `g_autoptr (CfutExecutorScope)` instead of `g_autoptr (CfutExecutor)` waits for
 * that at the end of the block. All methods may be called on any thread.
 *
 * Threads do not survive a `fork()`. In a child that was forked after the library was used, and does
 * not `exec()`, what needs a thread fails with %CFUT_FUTURE_ERROR_BROKEN: submissions are rejected,
 * and waits for what has not settled end. What needs none goes on.
 *
 * A function that runs on a [class@Cfut.ThreadExecutor] may fork as well. In the child it is then
 * all that is left: when it returns the child ends, as by `_exit()`, with status 0 if it returned
 * %TRUE and 1 otherwise. Its future settles in the parent only, and what is queued behind it runs
 * there only. Buffered output is not written, and no `atexit()` handler is called; a child that
 * wants that does it before, or calls `exit()` itself.
 *
 * Since: 1.0
 */

/**
 * CfutExecutorClass::execute:
 * @self: an executor
 * @work: (transfer full): one piece of work
 *
 * Takes over one piece of work and returns without waiting for it. Sooner or later it is given to
 * [method@Cfut.Work.run] on a thread of the implementation's choice, or to
 * [method@Cfut.Work.reject], or dropped. Called on the submitting thread. Work that a pause or a
 * rate limit has held back is executed on the main context of its submitter, to which its future
 * belongs: by its loop, or inside of a wait of the library's in which the submitter's thread is
 * blocked. Where that is gone, it is on the default main context.
 *
 * Since: 1.0
 */

/**
 * CfutExecutorClass::shutdown:
 * @self: an executor
 * @flags: what was asked for
 *
 * Stops as [method@Cfut.Executor.shutdown] describes it. Called once for each call of that, on its
 * thread. It must not wait, as the base class does so.
 *
 * Since: 1.0
 */

/**
 * CfutExecutorClass::get_counts:
 * @self: an executor
 * @n_pending: (out): how much work has not been started
 * @n_running: (out): how much is running
 * @n_completed: (out): how much has run to its end
 *
 * Counts the executor's work; called on any thread. Without an implementation the base class
 * counts.
 *
 * Since: 1.0
 */

typedef enum {
  PROP_MAX_WORKERS = 1,
  PROP_N_PENDING,
  PROP_N_RUNNING,
  PROP_N_COMPLETED,
  PROP_CAN_RUN_FUNCTIONS,
  PROP_MAX_PENDING,
  PROP_MAX_PENDING_BYTES,
  PROP_RATE_LIMIT,
  PROP_PAUSED
} ExecutorProperty;

static GParamSpec *properties[PROP_PAUSED + 1];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (CfutExecutor, cfut_executor, G_TYPE_OBJECT)

static inline CfutExecutorPrivate *
executor_get (CfutExecutor *self)
{
  return cfut_executor_get_instance_private (self);
}

CfutExecutorPrivate *
cfut_executor_get_private (CfutExecutor *self)
{
  return executor_get (self);
}

/* In the instance's init. */
void
cfut_executor_set_engine (CfutExecutor             *self,
                          const CfutExecutorEngine *engine)
{
  CfutExecutorPrivate *priv = executor_get (self);

  priv->engine = engine;
  g_clear_pointer (&priv->log, cfut_work_log_unref);
}

static void
cfut_executor_execute (CfutExecutor *self,
                       CfutWork     *work)
{
  GError *error = g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                               _("An executor of type %s runs no functions"),
                               G_OBJECT_TYPE_NAME (self));

  cfut_work_reject (work, error);
  cfut_work_unref (work);
  g_error_free (error);
}

static void
cfut_executor_get_counts (CfutExecutor *self,
                          guint64      *n_pending,
                          guint64      *n_running,
                          guint64      *n_completed)
{
  CfutWorkLog *log = executor_get (self)->log;

  if (log != NULL)
    cfut_work_log_get_counts (log, n_pending, n_running, n_completed);
}

CfutRoom *
cfut_executor_get_room (CfutExecutor *self,
                        gboolean      make)
{
  CfutExecutorPrivate *priv = executor_get (self);
  CfutRoom *room = atomic_load_explicit (&priv->room, memory_order_acquire);

  if (room == NULL && make)
    {
      CfutRoom *made = cfut_room_new ();

      if (atomic_compare_exchange_strong (&priv->room, &room, made))
        room = made;
      else
        cfut_room_unref (made);
      if (atomic_load (&priv->shut_down))
        cfut_room_close (room);
    }

  return room;
}

CfutGate *
cfut_executor_get_gate (CfutExecutor *self,
                        gboolean      make)
{
  return executor_get (self)->engine->get_gate (self, make);
}

void
cfut_executor_note_paused (CfutExecutor *self)
{
  const CfutExecutorEngine *engine = executor_get (self)->engine;

  if (engine->paused != NULL)
    engine->paused (self);
}

/* What it took is still run: nobody is left who could resume it. */
static void
cfut_executor_dispose (GObject *object)
{
  CfutGate *gate = cfut_executor_get_gate (CFUT_EXECUTOR (object), FALSE);

  if (gate != NULL)
    cfut_gate_set_paused (gate, FALSE);

  G_OBJECT_CLASS (cfut_executor_parent_class)->dispose (object);
}

static void
cfut_executor_finalize (GObject *object)
{
  CfutExecutorPrivate *priv = executor_get (CFUT_EXECUTOR (object));

  if (priv->work_gate != NULL)
    cfut_work_gate_free (priv->work_gate);
  if (priv->room != NULL)
    {
      cfut_room_close (priv->room);
      cfut_room_unref (priv->room);
    }
  g_clear_pointer (&priv->log, cfut_work_log_unref);
  if (priv->functions != NULL)
    g_object_unref (priv->functions);

  G_OBJECT_CLASS (cfut_executor_parent_class)->finalize (object);
}

static void
cfut_executor_get_property (GObject    *object,
                            guint       id,
                            GValue     *value,
                            GParamSpec *pspec)
{
  CfutExecutor *self = CFUT_EXECUTOR (object);

  switch ((ExecutorProperty) id)
    {
    case PROP_MAX_WORKERS:
      g_value_set_uint (value, cfut_executor_get_max_workers (self));
      break;
    case PROP_N_PENDING:
      g_value_set_uint64 (value, cfut_executor_get_n_pending (self));
      break;
    case PROP_N_RUNNING:
      g_value_set_uint64 (value, cfut_executor_get_n_running (self));
      break;
    case PROP_N_COMPLETED:
      g_value_set_uint64 (value, cfut_executor_get_n_completed (self));
      break;
    case PROP_CAN_RUN_FUNCTIONS:
      g_value_set_boolean (value, cfut_executor_can_run_functions (self));
      break;
    case PROP_MAX_PENDING:
      g_value_set_uint64 (value, cfut_executor_get_max_pending (self));
      break;
    case PROP_MAX_PENDING_BYTES:
      g_value_set_uint64 (value, cfut_executor_get_max_pending_bytes (self));
      break;
    case PROP_RATE_LIMIT:
      g_value_set_object (value, cfut_executor_get_rate_limit (self));
      break;
    case PROP_PAUSED:
      g_value_set_boolean (value, cfut_executor_is_paused (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_executor_set_property (GObject      *object,
                            guint         id,
                            const GValue *value,
                            GParamSpec   *pspec)
{
  CfutExecutor *self = CFUT_EXECUTOR (object);

  switch ((ExecutorProperty) id)
    {
    case PROP_MAX_PENDING:
      cfut_executor_set_max_pending (self, g_value_get_uint64 (value));
      break;
    case PROP_MAX_PENDING_BYTES:
      cfut_executor_set_max_pending_bytes (self, g_value_get_uint64 (value));
      break;
    case PROP_RATE_LIMIT:
      cfut_executor_set_rate_limit (self, g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_executor_class_init (CfutExecutorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = cfut_executor_dispose;
  object_class->finalize = cfut_executor_finalize;
  object_class->get_property = cfut_executor_get_property;
  object_class->set_property = cfut_executor_set_property;
  klass->execute = cfut_executor_execute;
  klass->get_counts = cfut_executor_get_counts;

  /**
   * CfutExecutor:max-workers: (getter get_max_workers)
   *
   * How many functions may run at once; 0 where the executor does not say.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_WORKERS] =
    g_param_spec_uint ("max-workers", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * CfutExecutor:n-pending: (getter get_n_pending)
   *
   * How many tasks have not been started. Not notified: ask when it is needed.
   *
   * Since: 1.0
   */
  properties[PROP_N_PENDING] =
    g_param_spec_uint64 ("n-pending", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * CfutExecutor:n-running: (getter get_n_running)
   *
   * How many tasks are running. Not notified.
   *
   * Since: 1.0
   */
  properties[PROP_N_RUNNING] =
    g_param_spec_uint64 ("n-running", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * CfutExecutor:n-completed: (getter get_n_completed)
   *
   * How many tasks' functions have run to their end, well or not. Not notified.
   *
   * Since: 1.0
   */
  properties[PROP_N_COMPLETED] =
    g_param_spec_uint64 ("n-completed", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * CfutExecutor:can-run-functions: (getter can_run_functions)
   *
   * Whether [method@Cfut.Executor.submit] runs functions here.
   *
   * Since: 1.0
   */
  properties[PROP_CAN_RUN_FUNCTIONS] =
    g_param_spec_boolean ("can-run-functions", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * CfutExecutor:max-pending: (getter get_max_pending) (setter set_max_pending)
   *
   * How many tasks may wait to be started; 0 for no limit. A task that is seen to run may count for
   * a moment yet. Notified on the thread that sets it.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_PENDING] =
    g_param_spec_uint64 ("max-pending", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutExecutor:max-pending-bytes: (getter get_max_pending_bytes) (setter set_max_pending_bytes)
   *
   * How many bytes the tasks that wait may be said to hold; 0 for no limit. Notified on the thread
   * that sets it.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_PENDING_BYTES] =
    g_param_spec_uint64 ("max-pending-bytes", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutExecutor:rate-limit: (getter get_rate_limit) (setter set_rate_limit)
   *
   * How fast tasks may be started. Notified on the thread that sets it.
   *
   * Since: 1.0
   */
  properties[PROP_RATE_LIMIT] =
    g_param_spec_object ("rate-limit", NULL, NULL, CFUT_TYPE_RATE_LIMIT,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutExecutor:paused: (getter is_paused)
   *
   * Whether the executor starts no tasks. Notified on the thread that pauses or resumes it.
   *
   * Since: 1.0
   */
  properties[PROP_PAUSED] =
    g_param_spec_boolean ("paused", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
cfut_executor_init (CfutExecutor *self)
{
  CfutExecutorPrivate *priv = executor_get (self);

  priv->engine = &cfut_executor_log_engine;
  priv->log = cfut_work_log_new ();
}

/**
 * cfut_executor_submit:
 * @self: an executor
 * @func: (scope notified) (closure user_data) (destroy destroy): what to run; called once at most,
 *   on a thread of the executor
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, after @func has returned or will not be called any more;
 *   called on the main context of this call, never on a worker
 *
 * Has a function run, and returns a future for it.
 *
 * The future belongs to the thread-default main context and the thread of this call; within a task,
 * to the owner of that task. May be called on any thread, and does not block.
 *
 * Errors, on the future: what the function fails with; %CFUT_FUTURE_ERROR_CALLBACK_FAILED when it
 * fails and says nothing; %CFUT_FUTURE_ERROR_SHUT_DOWN after a shutdown;
 * %CFUT_FUTURE_ERROR_QUEUE_FULL where [property@Cfut.Executor:max-pending] is reached;
 * %CFUT_FUTURE_ERROR_BROKEN when no thread can be made, and in a child that was forked after the
 * library was used; %G_IO_ERROR_NOT_SUPPORTED where the executor runs no functions.
 *
 * Returns: (transfer full): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_executor_submit (CfutExecutor   *self,
                      CfutTaskFunc    func,
                      gpointer        user_data,
                      GDestroyNotify  destroy)
{
  CfutTask *task;

  g_return_val_if_fail (CFUT_CHECK (self, CFUT_IS_EXECUTOR), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  if (cfut_is_forked_child ())
    return cfut_executor_refuse_forked (func, user_data, destroy);

  task = cfut_task_new (func, user_data, destroy);
  if (G_LIKELY (executor_get (self)->room == NULL) || cfut_executor_enter (self, task, NULL))
    executor_get (self)->engine->enqueue (self, g_object_ref (task));
  cfut_owner_tick (cfut_future_get_owner ((CfutFuture *) task));

  return (CfutFuture *) task;
}

/**
 * cfut_executor_submit_full:
 * @self: an executor
 * @request: (nullable): how; it is only read, and may be changed or used again after
 * @func: (scope notified) (closure user_data) (destroy destroy): what to run
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call
 *
 * Has a function run, like [method@Cfut.Executor.submit], in the way that @request says. With
 * [property@Cfut.Request:when-full] it may block while the executor's queue is full.
 *
 * Returns: (transfer full): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_executor_submit_full (CfutExecutor   *self,
                           CfutRequest    *request,
                           CfutTaskFunc    func,
                           gpointer        user_data,
                           GDestroyNotify  destroy)
{
  CfutExecutorPrivate *priv;
  CfutTask *task;
  gboolean arm;

  g_return_val_if_fail (CFUT_CHECK (self, CFUT_IS_EXECUTOR), NULL);
  g_return_val_if_fail (request == NULL || CFUT_CHECK (request, CFUT_IS_REQUEST), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  if (request == NULL || cfut_is_forked_child ())
    return cfut_executor_submit (self, func, user_data, destroy);

  priv = executor_get (self);
  arm = priv->room != NULL || !priv->engine->arms_deadlines;
  task = cfut_task_new (func, user_data, destroy);
  if (G_LIKELY (cfut_task_apply_request (task, request, arm)) &&
      (G_LIKELY (priv->room == NULL) || cfut_executor_enter (self, task, request)))
    priv->engine->enqueue (self, g_object_ref (task));
  cfut_owner_tick (cfut_future_get_owner ((CfutFuture *) task));

  return (CfutFuture *) task;
}

/**
 * cfut_executor_post:
 * @self: an executor
 * @func: (scope notified) (closure user_data) (destroy destroy): what to run; called once at most,
 *   on a thread of the executor
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, on the main context of this call, never on a worker
 *
 * Has a function run of which nobody wants to hear: there is no future, and it costs less than
 * [method@Cfut.Executor.submit].
 *
 * The task that the function gets is good for [method@Cfut.Task.checkpoint] and
 * [method@Cfut.Task.get_cancellable]; what it sets there as result or progress is lost. A failure
 * is logged, as one that nobody has seen. May be called on any thread, and does not block.
 *
 * Since: 1.0
 */
void
cfut_executor_post (CfutExecutor   *self,
                    CfutTaskFunc    func,
                    gpointer        user_data,
                    GDestroyNotify  destroy)
{
  const CfutExecutorEngine *engine;

  g_return_if_fail (CFUT_CHECK (self, CFUT_IS_EXECUTOR));
  g_return_if_fail (func != NULL);

  engine = executor_get (self)->engine;
  if (cfut_is_forked_child ())
    {
      cfut_future_release (cfut_executor_refuse_forked (func, user_data, destroy));
    }
  else if (engine->post != NULL && executor_get (self)->room == NULL)
    {
      engine->post (self, func, user_data, destroy);
    }
  else
    {
      CfutTask *task = cfut_task_new (func, user_data, destroy);

      if (cfut_executor_enter (self, task, NULL))
        engine->enqueue (self, g_object_ref (task));
      cfut_future_release (CFUT_FUTURE (task));
    }
  cfut_owner_tick (cfut_owner_get_current ());
}

/**
 * cfut_executor_can_run_functions: (get-property can-run-functions)
 * @self: an executor
 *
 * Tells whether [method@Cfut.Executor.submit] runs functions here; where it does not, its futures
 * are rejected with %G_IO_ERROR_NOT_SUPPORTED.
 *
 * Returns: whether functions can be submitted
 *
 * Since: 1.0
 */
gboolean
cfut_executor_can_run_functions (CfutExecutor *self)
{
  CfutExecutorPrivate *priv;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), FALSE);

  priv = executor_get (self);
  return !priv->by_name && (priv->engine != &cfut_executor_log_engine ||
                            CFUT_EXECUTOR_GET_CLASS (self)->execute != cfut_executor_execute);
}
