/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The thread executor: a pool of threads behind the executor's face.
 *
 * Threads: any.
 * Locks: none of its own; see core/cfut-pool.c.
 * Owns: a reference on the pool. The pool's workers hold it too, so it outlives an executor that is
 *   dropped with work left, and the last of them to go frees it.
 * Invariants:
 * 1. A task that the pool holds is flagged QUEUED until it is started or settled.
 * 2. A task that came too late to a closed pool is rejected by its submitter, though the pool holds
 *    it: whoever of them is first settles it, the other lets go.
 * 3. A task that is paused when its turn comes is set aside: it stands among the priorities, at a
 *    time that never comes, until it is resumed or settled.
 * Not here: scheduling; what its threads are like (cfut-thread-executor-threads.c). */

#include <glib/gi18n-lib.h>

#include "core/cfut-fork-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-error.h"
#include "cfut-executor-private.h"
#include "cfut-post-private.h"
#include "cfut-thread-executor-private.h"

#define IDLE_USEC (15 * G_USEC_PER_SEC)

/**
 * CfutThreadExecutor:
 *
 * Runs functions on threads, for work that waits or that computes in C.
 *
 * Threads are started when there is work for them and go away after 15 seconds without. An executor
 * that is dropped finishes what it took, and nobody has to wait for that.
 *
 * ```c
 * g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);
 * g_autoptr (CfutFuture) future = cfut_executor_submit (executor, compute, input, g_free);
 *
 * cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, show_result, window, NULL);
 * ```
 *
 * Since: 1.0
 */

typedef enum {
  PROP_MAX_WORKERS = 1,
  PROP_N_THREADS,
  PROP_N_ABANDONED,
  PROP_COMPENSATE,
  PROP_IDLE_TIMEOUT_USEC,
  PROP_THREAD_NAME_PREFIX
} ThreadExecutorProperty;

G_DEFINE_FINAL_TYPE (CfutThreadExecutor, cfut_thread_executor, CFUT_TYPE_EXECUTOR)

/* It could not be started: it is not pending any more, stands elsewhere, or is paused. What is
 * paused is set aside, unless it was resumed meanwhile: then TRUE, and it is to be tried again. */
static gboolean
pool_left_behind (CfutTask *task,
                  gboolean  placed)
{
  CfutFuture *future = (CfutFuture *) task;
  CfutTaskOptions *options = NULL;
  guint word = cfut_cell_load (&future->cell);

  /* Who settled it has done with its accounts, which a start that fails waits for. */
  if (G_LIKELY (cfut_cell_settled (word) && !(word & CFUT_CELL_LOCK)))
    {
      cfut_future_hand_over (future);
      return FALSE;
    }

  /* Not under the lock. */
  if (cfut_cell_state (word) == CFUT_STATE_PENDING && (word & CFUT_CELL_PAUSED))
    options = cfut_task_get_options (task);

  word = cfut_cell_lock (&future->cell);

  if (cfut_cell_state (word) != CFUT_STATE_PENDING || (!placed && (word & CFUT_CELL_PLACED)))
    {
      cfut_cell_unlock (&future->cell);
      cfut_future_hand_over (future);
      return FALSE;
    }

  if (options != NULL && (word & CFUT_CELL_PAUSED))
    {
      gboolean was_placed;
      gboolean aside = cfut_pool_try_place (task->entry.pool, &options->place, CFUT_POOL_NEVER,
                                            &was_placed);

      if (aside && options->held_pool == NULL)
        options->held_pool = cfut_pool_ref (task->entry.pool);
      if (aside)
        cfut_cell_set_flags (&future->cell, CFUT_CELL_PLACED);
      cfut_cell_unlock (&future->cell);

      /* It stood there with a reference of its own, if it was given a priority after it had been
       * taken. */
      if (!aside)
        cfut_future_cancel_pending (future);
      if (!aside || was_placed)
        cfut_future_hand_over (future);
      return FALSE;
    }
  cfut_cell_unlock (&future->cell);

  return TRUE;
}

static CfutPoolOutcome
pool_run (CfutLink *link,
          gboolean  placed)
{
  CfutPoolEntry *entry = cfut_pool_entry_from_link (link);
  CfutTask *task;

  if (entry->pool == NULL)
    {
      cfut_post_run (entry);
      return CFUT_POOL_RAN;
    }

  task = cfut_task_from_entry (entry);
  cfut_point (CFUT_POINT_TAKEN, task);
  do
    {
      if (G_LIKELY (cfut_task_run (task, CFUT_CELL_PAUSED | (placed ? 0 : CFUT_CELL_PLACED))))
        return CFUT_POOL_RAN;
    }
  while (pool_left_behind (task, placed));

  return CFUT_POOL_STALE;
}

/* Of a pool that cannot run anything. */
static GError *
broken_error (const GError *why)
{
  return g_error_new (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN, "%s", why->message);
}

static void
pool_fail (CfutLink     *link,
           const GError *error)
{
  CfutPoolEntry *entry = cfut_pool_entry_from_link (link);
  CfutFuture *future;

  if (entry->pool == NULL)
    {
      cfut_post_fail (entry, broken_error (error));
      return;
    }

  future = CFUT_FUTURE (cfut_task_from_entry (entry));
  cfut_future_reject_pending (future, broken_error (error));
  cfut_future_hand_over (future);
}

/* A future counts itself when it settles. */
static gboolean
pool_is_bare (CfutLink *link)
{
  return cfut_pool_entry_from_link (link)->pool == NULL;
}

static const CfutPoolClass pool_class = {
  .run = pool_run,
  .fail = pool_fail,
  .is_bare = pool_is_bare,
  .enter = cfut_thread_setup_enter,
  .leave = cfut_thread_setup_leave,
  .late = cfut_task_run_late,
};

static void
drain_cancel (CfutLink *link)
{
  CfutPoolEntry *entry = cfut_pool_entry_from_link (link);
  CfutFuture *future;

  if (entry->pool == NULL)
    {
      cfut_post_free (entry);
      return;
    }

  /* One that runs inside of a wait has its presence here still, and is not asked to stop. Through
   * the queue, where it stands now in any case. */
  future = CFUT_FUTURE (cfut_task_from_entry (entry));
  if (cfut_future_cancel_pending (future))
    cfut_future_ask_to_stop (future);
  cfut_future_hand_over (future);
}

/* Why the pool took nothing, or nobody runs what it took. */
static GError *
refusal_error (CfutThreadExecutor *self)
{
  GError *why = cfut_pool_dup_error (self->pool);
  GError *error;

  if (why == NULL)
    return cfut_executor_shut_down_error ();

  error = broken_error (why);
  g_error_free (why);
  return error;
}

/* Nobody else has it, but for the timers where a queue deadline is armed. FALSE: that has settled
 * it. */
static inline gboolean
flag_as_queued (CfutTask       *task,
                CfutLooseTimer *timer)
{
  CfutCell *cell = &((CfutFuture *) task)->cell;
  guint pending = CFUT_STATE_PENDING;

  if (G_LIKELY (timer == NULL) || G_LIKELY (timer->wait_usec >= 0))
    {
      atomic_store_explicit (&cell->word, CFUT_STATE_PENDING | CFUT_CELL_QUEUED,
                             memory_order_relaxed);
      return TRUE;
    }

  return atomic_compare_exchange_strong_explicit (&cell->word, &pending,
                                                  CFUT_STATE_PENDING | CFUT_CELL_QUEUED,
                                                  memory_order_relaxed, memory_order_relaxed);
}

/* With a request: others may have it by now, and settle it at any time, or give it another
 * priority: so it comes to its place in the step that flags it. */
static gboolean
enqueue_with_options (CfutThreadExecutor *self,
                      CfutTask           *task,
                      CfutTaskOptions    *options,
                      gboolean           *queued)
{
  CfutFuture *future = CFUT_FUTURE (task);
  gboolean pending;
  gboolean placed;
  guint word;

  cfut_point (CFUT_POINT_FLAGS, task);
  word = cfut_cell_lock (&future->cell);
  pending = cfut_cell_state (word) == CFUT_STATE_PENDING;
  placed = pending && options->priority != 0;
  if (pending)
    cfut_cell_set_flags (&future->cell, CFUT_CELL_QUEUED | (placed ? CFUT_CELL_PLACED : 0));
  if (placed)
    *queued = cfut_pool_push_placed (self->pool, &options->place, cfut_task_options_key (options));
  cfut_cell_unlock (&future->cell);

  if (!pending)
    {
      *queued = TRUE;
      cfut_future_release (future);
      return TRUE;
    }

  cfut_point (CFUT_POINT_ENQUEUES, task);
  return placed ? *queued && cfut_pool_pushed (self->pool)
                : cfut_pool_push (self->pool, &task->entry.link, queued);
}

static void
thread_executor_enqueue (CfutExecutor *executor,
                         CfutTask     *task)
{
  CfutThreadExecutor *self = (CfutThreadExecutor *) executor;
  CfutFuture *future = (CfutFuture *) task;
  guintptr terms = cfut_task_terms (task);
  CfutLooseTimer *timer = cfut_task_terms_queue_timer (terms);
  gboolean to_arm = G_UNLIKELY (timer != NULL) && timer->wait_usec >= 0;
  gboolean queued;
  gboolean taken;

  task->entry.pool = self->pool;
  if (G_UNLIKELY (cfut_task_terms_options (terms) != NULL || future->cell.nodes != NULL ||
                  !flag_as_queued (task, timer)))
    taken = enqueue_with_options (self, task, cfut_task_get_options (task), &queued);
  else
    taken = cfut_pool_push (self->pool, &task->entry.link, &queued);

  /* After that, as it costs less there; its submitter has a reference still. */
  if (to_arm)
    {
      cfut_point (CFUT_POINT_ARMS, task);
      cfut_task_arm_queue_deadline (task, timer);
    }
  if (G_LIKELY (taken))
    return;

  if (!queued)
    cfut_cell_clear_flags (&future->cell, CFUT_CELL_QUEUED);

  /* If it was queued the reference is the pool's now, and the caller of submit has one of its
   * own. */
  cfut_future_reject_pending (future, refusal_error (self));
  if (!queued)
    cfut_future_release (future);
}

static void
thread_executor_post (CfutExecutor  *executor,
                      CfutTaskFunc   func,
                      gpointer       user_data,
                      GDestroyNotify destroy)
{
  CfutThreadExecutor *self = (CfutThreadExecutor *) executor;
  CfutPoolEntry *entry = cfut_post_new (func, user_data, destroy);
  gboolean queued;

  if (G_LIKELY (cfut_pool_push (self->pool, &entry->link, &queued)))
    return;

  /* What came into the queue while that was being closed is run by who drains it. */
  if (!queued)
    cfut_post_fail (entry, refusal_error (self));
}

static void
thread_executor_stop (CfutExecutor      *executor,
                      CfutShutdownFlags  flags)
{
  CfutThreadExecutor *self = CFUT_THREAD_EXECUTOR (executor);

  cfut_pool_close (self->pool);

  if (flags & CFUT_SHUTDOWN_CANCEL_PENDING)
    cfut_pool_empty (self->pool, drain_cancel);

  if (flags & CFUT_SHUTDOWN_CANCEL_RUNNING)
    {
      GPtrArray *running = cfut_pool_stop_running (self->pool);

      for (guint i = 0; i < running->len; i++)
        {
          cfut_future_cancel (running->pdata[i]);
          cfut_future_release (running->pdata[i]);
        }
      g_ptr_array_unref (running);
    }
}

static GPtrArray *
thread_executor_dup_running (CfutExecutor *executor)
{
  return cfut_pool_dup_running (CFUT_THREAD_EXECUTOR (executor)->pool);
}

static CfutCell *
thread_executor_get_ended (CfutExecutor *executor)
{
  return cfut_pool_get_ended (CFUT_THREAD_EXECUTOR (executor)->pool);
}

static gboolean
thread_executor_runs_here (CfutExecutor *executor)
{
  CfutThreadExecutor *self = CFUT_THREAD_EXECUTOR (executor);

  return cfut_thread_get ()->serving == self->pool || cfut_pool_get_current () == self->pool;
}

static CfutGate *
thread_executor_get_gate (CfutExecutor *executor,
                          gboolean      make)
{
  return cfut_pool_get_gate (CFUT_THREAD_EXECUTOR (executor)->pool, make);
}

static const CfutExecutorEngine thread_engine = {
  .enqueue = thread_executor_enqueue,
  .arms_deadlines = TRUE,
  .post = thread_executor_post,
  .stop = thread_executor_stop,
  .dup_running = thread_executor_dup_running,
  .get_ended = thread_executor_get_ended,
  .runs_here = thread_executor_runs_here,
  .get_gate = thread_executor_get_gate,
};

static void
cfut_thread_executor_get_counts (CfutExecutor *executor,
                                 guint64      *n_pending,
                                 guint64      *n_running,
                                 guint64      *n_completed)
{
  CfutPoolCounts counts;

  cfut_pool_get_counts (CFUT_THREAD_EXECUTOR (executor)->pool, &counts);
  *n_pending = counts.n_pending;
  *n_running = counts.n_running;
  *n_completed = counts.n_completed;
}

static guint
cfut_thread_executor_get_max_workers (CfutExecutor *executor)
{
  return cfut_pool_get_max (CFUT_THREAD_EXECUTOR (executor)->pool);
}

static void
cfut_thread_executor_constructed (GObject *object)
{
  CfutThreadExecutor *self = CFUT_THREAD_EXECUTOR (object);
  guint max_workers = self->max_workers;

  if (max_workers == 0)
    max_workers = MIN (32, g_get_num_processors () + 4);
  self->setup = cfut_thread_setup_new ();
  self->pool = cfut_pool_new (&pool_class, max_workers, self->idle_timeout_usec, self->setup,
                              (GDestroyNotify) cfut_thread_setup_free);
  cfut_pool_set_compensate (self->pool, self->compensate);

  G_OBJECT_CLASS (cfut_thread_executor_parent_class)->constructed (object);
}

static void
cfut_thread_executor_finalize (GObject *object)
{
  CfutThreadExecutor *self = CFUT_THREAD_EXECUTOR (object);

  /* In a forked child its locks may be held by threads that are gone, and so are the workers. */
  if (!cfut_is_forked_child ())
    {
      cfut_pool_close (self->pool);
      cfut_pool_unref (self->pool);
    }

  G_OBJECT_CLASS (cfut_thread_executor_parent_class)->finalize (object);
}

static void
cfut_thread_executor_get_property (GObject    *object,
                                   guint       id,
                                   GValue     *value,
                                   GParamSpec *pspec)
{
  CfutThreadExecutor *self = CFUT_THREAD_EXECUTOR (object);

  switch ((ThreadExecutorProperty) id)
    {
    case PROP_MAX_WORKERS:
      g_value_set_uint (value, cfut_pool_get_max (self->pool));
      break;
    case PROP_N_THREADS:
      g_value_set_uint (value, cfut_thread_executor_get_n_threads (self));
      break;
    case PROP_N_ABANDONED:
      g_value_set_uint (value, cfut_thread_executor_get_n_abandoned (self));
      break;
    case PROP_COMPENSATE:
      g_value_set_boolean (value, self->compensate);
      break;
    case PROP_IDLE_TIMEOUT_USEC:
      g_value_set_int64 (value, cfut_thread_executor_get_idle_timeout_usec (self));
      break;
    case PROP_THREAD_NAME_PREFIX:
      g_value_take_string (value, cfut_thread_executor_dup_thread_name_prefix (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_thread_executor_set_property (GObject      *object,
                                   guint         id,
                                   const GValue *value,
                                   GParamSpec   *pspec)
{
  CfutThreadExecutor *self = CFUT_THREAD_EXECUTOR (object);

  switch ((ThreadExecutorProperty) id)
    {
    case PROP_MAX_WORKERS:
      self->max_workers = g_value_get_uint (value);
      break;
    case PROP_COMPENSATE:
      self->compensate = g_value_get_boolean (value);
      break;
    case PROP_IDLE_TIMEOUT_USEC:
      cfut_thread_executor_set_idle_timeout_usec (self, g_value_get_int64 (value));
      break;
    case PROP_THREAD_NAME_PREFIX:
      cfut_thread_executor_set_thread_name_prefix (self, g_value_get_string (value));
      break;
    case PROP_N_ABANDONED:
    case PROP_N_THREADS:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_thread_executor_class_init (CfutThreadExecutorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  CfutExecutorClass *executor_class = CFUT_EXECUTOR_CLASS (klass);

  object_class->constructed = cfut_thread_executor_constructed;
  object_class->finalize = cfut_thread_executor_finalize;
  object_class->get_property = cfut_thread_executor_get_property;
  object_class->set_property = cfut_thread_executor_set_property;
  executor_class->get_counts = cfut_thread_executor_get_counts;
  executor_class->get_max_workers = cfut_thread_executor_get_max_workers;

  /**
   * CfutThreadExecutor:max-workers:
   *
   * How many threads there are at most. 0, the default, means the number of processors and four, 32
   * at most, as CPython's thread pool has it. More than 4,095 count as 4,095.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_MAX_WORKERS,
    g_param_spec_uint ("max-workers", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));

  /**
   * CfutThreadExecutor:n-threads: (getter get_n_threads)
   *
   * How many threads there are at the moment, idle ones included. Not notified.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_N_THREADS,
    g_param_spec_uint ("n-threads", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  /**
   * CfutThreadExecutor:n-abandoned: (getter get_n_abandoned)
   *
   * How many threads are stuck at the moment in a function that did not end within 100 milliseconds
   * after its run deadline. They have been replaced, and go when that function returns. Not
   * notified.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_N_ABANDONED,
    g_param_spec_uint ("n-abandoned", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  /**
   * CfutThreadExecutor:compensate:
   *
   * Whether a thread that is blocked in a wait of the library is stood in for: it runs what it
   * waits for itself, or one more thread is started. Without, there are never more threads than
   * [property@Cfut.ThreadExecutor:max-workers], tasks of an executor of one thread never overlap,
   * and a wait that no thread would be left for fails with %CFUT_FUTURE_ERROR_DEADLOCK.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_COMPENSATE,
    g_param_spec_boolean ("compensate", NULL, NULL, TRUE,
                          G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));

  /**
   * CfutThreadExecutor:idle-timeout-usec: (getter get_idle_timeout_usec)
   *   (setter set_idle_timeout_usec)
   *
   * After how many microseconds without work a thread goes away; negative for never. 15 seconds by
   * default.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_IDLE_TIMEOUT_USEC,
    g_param_spec_int64 ("idle-timeout-usec", NULL, NULL, G_MININT64, G_MAXINT64, IDLE_USEC,
                        G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS |
                        G_PARAM_EXPLICIT_NOTIFY));

  /**
   * CfutThreadExecutor:thread-name-prefix: (getter dup_thread_name_prefix)
   *   (setter set_thread_name_prefix)
   *
   * What the names of the threads begin with; a number follows. Of the name, the system shows 15
   * bytes.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_THREAD_NAME_PREFIX,
    g_param_spec_string ("thread-name-prefix", NULL, NULL, "cfut",
                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY));
}

static void
cfut_thread_executor_init (CfutThreadExecutor *self)
{
  cfut_executor_set_engine (CFUT_EXECUTOR (self), &thread_engine);
}

/**
 * cfut_thread_executor_new:
 * @max_workers: how many threads there may be at most; 0 for the number of processors and four, 32
 *   at most
 *
 * Makes an executor that runs functions on threads.
 *
 * Returns: (transfer full) (type Cfut.ThreadExecutor): a new executor
 *
 * Since: 1.0
 */
CfutExecutor *
cfut_thread_executor_new (guint max_workers)
{
  return g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", max_workers, NULL);
}
