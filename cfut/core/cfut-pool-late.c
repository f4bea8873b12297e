/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Deadlines of what runs on a pool's workers.
 *
 * Nearly all are kept, so what counts is the cost of one that is: a run carries its deadline on the
 * stack, and its worker has one timer, which is armed for the first deadline that it hears of and
 * then left alone. When it fires it looks at what runs at that time, and is armed for the earliest
 * deadline that is still to come.
 *
 * Threads: watch_run on the worker's own, fire on the timers'.
 * Locks: the pool's guards the timer. Runs are looked at under a claim.
 * Owns: an armed timer owns a reference on the pool, as a worker that has left may be looked at.
 * Invariants:
 * 1. timer_usec is not later than the deadline of any run that was entered and watched, until that
 *    is late. A run is entered before its worker looks at timer_usec, and who fires sets that to
 *    NEVER before it looks at the runs; both sequentially consistent, so one of the two sees the
 *    other.
 * 2. A worker that goes to sleep, or leaves, takes its timer back: nothing idle wakes up.
 * Not here: what becomes of what is late. */

#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-pool-struct-private.h"
#include "core/cfut-thread-private.h"

static inline CfutPoolWorker *
worker_from_timer (CfutTimer *timer)
{
  return (CfutPoolWorker *) ((char *) timer - G_STRUCT_OFFSET (CfutPoolWorker, timer));
}

static gboolean
worker_is_armed_locked (CfutPoolWorker *worker)
{
  return atomic_load_explicit (&worker->timer_usec, memory_order_relaxed) != CFUT_POOL_NEVER;
}

/* TRUE: armed for that time or an earlier one, or about to fire and to look. */
static gboolean
worker_arm_locked (CfutPoolWorker *worker,
                   gint64          at_usec)
{
  if (worker_is_armed_locked (worker))
    {
      if (atomic_load_explicit (&worker->timer_usec, memory_order_relaxed) <= at_usec ||
          !cfut_timer_disarm (&worker->timer))
        return TRUE;
    }
  else
    {
      cfut_pool_ref (worker->pool);
    }

  atomic_store_explicit (&worker->timer_usec, at_usec, memory_order_seq_cst);
  if (cfut_timer_arm (&worker->timer, at_usec))
    return TRUE;

  /* Not the last: the worker holds one. */
  atomic_store_explicit (&worker->timer_usec, CFUT_POOL_NEVER, memory_order_seq_cst);
  cfut_pool_unref (worker->pool);
  return FALSE;
}

/* Takes the deadlines that have passed, and returns the earliest of the others; 0: there is
 * none. */
static gint64
runs_take_late (CfutPoolRun *run,
                gint64       now_usec,
                GPtrArray   *late)
{
  gint64 next_usec = 0;

  for (; run != NULL; run = run->outer)
    {
      if (run->deadline_usec == 0)
        continue;

      if (run->deadline_usec <= now_usec)
        {
          run->deadline_usec = 0;
          g_ptr_array_add (late, g_object_ref (run->object));
        }
      else if (next_usec == 0 || run->deadline_usec < next_usec)
        {
          next_usec = run->deadline_usec;
        }
    }

  return next_usec;
}

static void
on_timer (CfutTimer *timer)
{
  CfutPoolWorker *worker = worker_from_timer (timer);
  CfutPool *self = worker->pool;
  GPtrArray *late = g_ptr_array_new ();
  CfutPoolRun *run;
  gint64 next_usec = 0;

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  atomic_store_explicit (&worker->timer_usec, CFUT_POOL_NEVER, memory_order_seq_cst);
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);

  run = cfut_pool_claim (worker);
  if (run != NULL)
    {
      next_usec = runs_take_late (run, g_get_monotonic_time (), late);
      cfut_pool_give_back (worker, run);
    }
  cfut_point (CFUT_POINT_LOOKS_LATE, self);

  /* If that run has ended by now, the timer looks in vain. There was a thread for timers: this
   * one. */
  if (next_usec > 0)
    {
      cfut_lock (&self->lock, CFUT_LOCK_POOL);
      worker_arm_locked (worker, next_usec);
      cfut_unlock (&self->lock, CFUT_LOCK_POOL);
    }

  for (guint i = 0; i < late->len; i++)
    self->klass->late (late->pdata[i]);
  g_ptr_array_unref (late);
  cfut_pool_unref (self);
}

void
cfut_pool_init_timer (CfutPoolWorker *worker)
{
  worker->timer.fire = on_timer;
  atomic_init (&worker->timer_usec, CFUT_POOL_NEVER);
}

/* By the worker, which holds the pool. */
void
cfut_pool_drop_timer_locked (CfutPoolWorker *worker)
{
  if (!worker_is_armed_locked (worker) || !cfut_timer_disarm (&worker->timer))
    return;

  atomic_store_explicit (&worker->timer_usec, CFUT_POOL_NEVER, memory_order_seq_cst);
  cfut_pool_unref (worker->pool);
}

gboolean
cfut_pool_watch_run (gint64 deadline_usec)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;
  gboolean armed;

  /* NEVER is not reached either. */
  if (atomic_load_explicit (&worker->timer_usec, memory_order_seq_cst) <= deadline_usec)
    return TRUE;

  cfut_lock (&worker->pool->lock, CFUT_LOCK_POOL);
  armed = worker_arm_locked (worker, deadline_usec);
  cfut_unlock (&worker->pool->lock, CFUT_LOCK_POOL);

  return armed;
}
