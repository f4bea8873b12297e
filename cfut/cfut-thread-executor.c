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
 * Not here: scheduling. */

#include <glib/gi18n-lib.h>

#include "core/cfut-thread-private.h"
#include "cfut-error.h"
#include "cfut-executor-private.h"
#include "cfut-thread-executor.h"

#define IDLE_USEC (15 * G_USEC_PER_SEC)

/**
 * CfutThreadExecutor:
 *
 * Runs functions on threads, for work that waits or that computes in C.
 *
 * Threads are started when there is work for them and go away after 15 seconds without. An executor that is
 * dropped finishes what it took, and nobody has to wait for that.
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

struct _CfutThreadExecutor {
  CfutExecutor parent_instance;

  CfutPool *pool;     /* immutable once constructed */
  guint max_workers;  /* construct only */
};

typedef enum {
  PROP_MAX_WORKERS = 1,
  PROP_N_THREADS
} ThreadExecutorProperty;

G_DEFINE_FINAL_TYPE (CfutThreadExecutor, cfut_thread_executor, CFUT_TYPE_EXECUTOR)

static CfutPoolOutcome
pool_run (CfutLink *link)
{
  return cfut_task_run (cfut_task_from_link (link)) ? CFUT_POOL_RAN : CFUT_POOL_STALE;
}

static void
pool_fail (CfutLink     *link,
           const GError *error)
{
  CfutFuture *future = CFUT_FUTURE (cfut_task_from_link (link));

  cfut_future_reject_pending (future,
                              g_error_new (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                                           _("No thread could be started: %s"), error->message));
  cfut_future_release (future);
}

static const CfutPoolClass pool_class = {
  .run = pool_run,
  .fail = pool_fail,
};

static void
drain_cancel (CfutLink *link)
{
  CfutFuture *future = CFUT_FUTURE (cfut_task_from_link (link));

  cfut_future_cancel (future);
  cfut_future_release (future);
}

static void
thread_executor_enqueue (CfutExecutor *executor,
                         CfutTask     *task)
{
  CfutThreadExecutor *self = (CfutThreadExecutor *) executor;
  CfutFuture *future = (CfutFuture *) task;
  gboolean queued;

  task->pool = self->pool;
  atomic_store_explicit (&future->cell.word, CFUT_STATE_PENDING | CFUT_CELL_QUEUED,
                         memory_order_relaxed);

  if (G_LIKELY (cfut_pool_push (self->pool, &task->link, &queued)))
    return;

  if (!queued)
    {
      cfut_cell_clear_flags (&future->cell, CFUT_CELL_QUEUED);
      cfut_future_reject_pending (future, cfut_executor_shut_down_error ());
      cfut_future_release (future);
    }
  else
    {
      /* The reference is the pool's now, and the caller of submit has one of its own. */
      cfut_future_reject_pending (future, cfut_executor_shut_down_error ());
    }
}

static void
thread_executor_stop (CfutExecutor      *executor,
                      CfutShutdownFlags  flags)
{
  CfutThreadExecutor *self = CFUT_THREAD_EXECUTOR (executor);

  cfut_pool_close (self->pool);

  if (flags & CFUT_SHUTDOWN_CANCEL_PENDING)
    cfut_pool_drain (self->pool, drain_cancel);

  if (flags & CFUT_SHUTDOWN_CANCEL_RUNNING)
    {
      GPtrArray *watched = cfut_pool_stop_running (self->pool);

      for (guint i = 0; i < watched->len; i++)
        {
          cfut_future_cancel (watched->pdata[i]);
          cfut_future_release (watched->pdata[i]);
        }
      g_ptr_array_unref (watched);
    }
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

static const CfutExecutorEngine thread_engine = {
  .enqueue = thread_executor_enqueue,
  .stop = thread_executor_stop,
  .get_ended = thread_executor_get_ended,
  .runs_here = thread_executor_runs_here,
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
  self->pool = cfut_pool_new (&pool_class, max_workers, IDLE_USEC);

  G_OBJECT_CLASS (cfut_thread_executor_parent_class)->constructed (object);
}

static void
cfut_thread_executor_finalize (GObject *object)
{
  CfutThreadExecutor *self = CFUT_THREAD_EXECUTOR (object);

  cfut_pool_close (self->pool);
  cfut_pool_unref (self->pool);

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
   * How many threads there are at most. 0, the default, means the number of processors and four, 32 at
   * most, as CPython's thread pool has it. More than 4,095 count as 4,095.
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
}

static void
cfut_thread_executor_init (CfutThreadExecutor *self)
{
  cfut_executor_set_engine (CFUT_EXECUTOR (self), &thread_engine);
}

/**
 * cfut_thread_executor_new:
 * @max_workers: how many threads there may be at most; 0 for the number of processors and four, 32 at
 *   most
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

/**
 * cfut_thread_executor_get_n_threads: (get-property n-threads)
 * @self: a thread executor
 *
 * Tells how many threads there are at the moment, idle ones included. May be called on any thread.
 *
 * Returns: the number of threads
 *
 * Since: 1.0
 */
guint
cfut_thread_executor_get_n_threads (CfutThreadExecutor *self)
{
  CfutPoolCounts counts;

  g_return_val_if_fail (CFUT_IS_THREAD_EXECUTOR (self), 0);

  cfut_pool_get_counts (self->pool, &counts);
  return counts.n_threads;
}
