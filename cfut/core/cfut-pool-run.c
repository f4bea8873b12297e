/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What runs on a pool's workers, and what happens when it blocks or does not come back.
 *
 * Each worker has a stack of runs, the innermost first: more than one where a wait runs another
 * task. Other threads look at it by claiming it: they swap the pointer for a mark, and while it is
 * there the worker can neither enter nor leave a run, so all that runs is alive.
 *
 * A worker that will sleep inside of a task adds one to the number of workers that may be live, and
 * one more may be started in its place; when it is back, one of those that are over the limit
 * leaves.
 *
 * Threads: enter, leave, block, unblock, may_run_here and run_own on the worker's own; the rest on
 *   any.
 * Locks: pools_lock guards the list of all pools; a pool's lock may be taken under it. A claim is
 *   held for a few instructions and by one thread for each worker; under it the pool's lock may be
 *   taken, and GObject's own by what dup_running_if asks.
 * Owns: nothing.
 * Invariants:
 * 1. Only the worker makes `run` something else than the mark or what stood there; entering is
 *    sequentially consistent, so that who raises the stop epoch either sees the run or is seen by
 *    it.
 * 2. A worker that is abandoned is neither live nor counted as blocked; it works on for nobody but
 *    what it runs, and leaves after that.
 * Not here: what runs. */

#include "core/cfut-fork-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-pool-struct-private.h"
#include "core/cfut-thread-private.h"

#define CLAIMED ((CfutPoolRun *) GUINT_TO_POINTER (1))

/* Each wait that runs another task inside of it takes some of the stack. */
#define MAX_DEPTH 64

_Atomic guint cfut_pool_n_between;

static GMutex pools_lock;
static CfutPool *pools;

void
cfut_pool_register (CfutPool *self)
{
  cfut_lock (&pools_lock, CFUT_LOCK_POOLS);
  self->next_pool = pools;
  if (pools != NULL)
    pools->prev_pool = self;
  pools = self;
  cfut_unlock (&pools_lock, CFUT_LOCK_POOLS);
}

void
cfut_pool_unregister (CfutPool *self)
{
  cfut_lock (&pools_lock, CFUT_LOCK_POOLS);
  if (self->next_pool != NULL)
    self->next_pool->prev_pool = self->prev_pool;
  if (self->prev_pool != NULL)
    self->prev_pool->next_pool = self->next_pool;
  else
    pools = self->next_pool;
  cfut_unlock (&pools_lock, CFUT_LOCK_POOLS);
}

CfutPool *
cfut_pool_get_current (void)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  return worker != NULL ? worker->pool : NULL;
}

void
cfut_pool_enter_run (CfutPoolRun *run,
                     GObject     *object)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;
  CfutPoolRun *outer;

  run->object = object;
  run->outer = NULL;
  if (worker == NULL)
    return;

  /* What is not there is not claimed. */
  outer = atomic_load_explicit (&worker->run, memory_order_relaxed);
  if (outer == NULL)
    {
      atomic_store_explicit (&worker->run, run, memory_order_seq_cst);
      return;
    }

  do
    {
      while (outer == CLAIMED)
        {
          cfut_point (CFUT_POINT_CLAIM_WAITS, worker->pool);
          g_thread_yield ();
          outer = atomic_load_explicit (&worker->run, memory_order_acquire);
        }
      run->outer = outer;
    }
  while (!atomic_compare_exchange_weak_explicit (&worker->run, &outer, run, memory_order_seq_cst,
                                                 memory_order_relaxed));
}

void
cfut_pool_leave_run (CfutPoolRun *run)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;
  CfutPoolRun *expected = run;

  if (worker == NULL)
    return;

  while (!atomic_compare_exchange_strong_explicit (&worker->run, &expected, run->outer,
                                                   memory_order_seq_cst, memory_order_relaxed))
    {
      cfut_point (CFUT_POINT_CLAIM_WAITS, worker->pool);
      g_thread_yield ();
      expected = run;
    }
  if (run->outer == NULL)
    cfut_fork_pass (&worker->aside);
}

gboolean
cfut_pool_step_aside (void)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  return worker == NULL ||
         atomic_exchange_explicit (&worker->aside, TRUE, memory_order_release);
}

void
cfut_pool_step_back (gboolean was_aside)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  if (was_aside)
    return;

  atomic_store_explicit (&worker->aside, FALSE, memory_order_seq_cst);
  cfut_fork_pass (&worker->aside);
}

static gboolean
worker_is_aside (CfutPoolWorker *worker)
{
  return !worker->in_use || atomic_load_explicit (&worker->aside, memory_order_seq_cst) ||
         atomic_load_explicit (&worker->run, memory_order_seq_cst) != NULL ||
         worker == cfut_thread_get ()->worker;
}

static gboolean
pool_is_aside (CfutPool *self)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);
  gboolean aside = TRUE;

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  for (guint i = 0; i < n_slots && aside; i++)
    aside = worker_is_aside (atomic_load_explicit (&self->slots[i], memory_order_acquire));
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);

  return aside;
}

gboolean
cfut_pools_are_aside (void)
{
  gboolean aside;

  cfut_lock (&pools_lock, CFUT_LOCK_POOLS);
  aside = atomic_load_explicit (&cfut_pool_n_between, memory_order_seq_cst) == 0;
  for (CfutPool *pool = pools; pool != NULL && aside; pool = pool->next_pool)
    aside = pool_is_aside (pool);
  cfut_unlock (&pools_lock, CFUT_LOCK_POOLS);

  return aside;
}

/* NULL: nothing runs. Else it is to be given back soon. */
CfutPoolRun *
cfut_pool_claim (CfutPoolWorker *worker)
{
  CfutPoolRun *run = atomic_load_explicit (&worker->run, memory_order_seq_cst);

  while (run != NULL)
    {
      if (run == CLAIMED)
        {
          g_thread_yield ();
          run = atomic_load_explicit (&worker->run, memory_order_seq_cst);
        }
      else if (atomic_compare_exchange_weak_explicit (&worker->run, &run, CLAIMED,
                                                      memory_order_acq_rel, memory_order_acquire))
        {
          cfut_point (CFUT_POINT_CLAIMS, worker->pool);
          break;
        }
    }

  return run;
}

void
cfut_pool_give_back (CfutPoolWorker *worker,
                     CfutPoolRun    *run)
{
  atomic_store_explicit (&worker->run, run, memory_order_release);
}

guint
cfut_pool_list_runs_here (GObject **objects,
                          guint     n_max)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;
  CfutPoolRun *run = worker != NULL ? cfut_pool_claim (worker) : NULL;
  guint n = 0;

  if (run == NULL)
    return 0;

  for (CfutPoolRun *each = run; each != NULL && n < n_max; each = each->outer)
    objects[n++] = each->object;
  cfut_pool_give_back (worker, run);

  return n;
}

gboolean
cfut_pool_is_nested (void)
{
  GObject *objects[2];

  return cfut_pool_list_runs_here (objects, 2) == 2;
}

static void
pool_collect_running (CfutPool  *self,
                      gboolean (*wanted) (GObject *object),
                      GPtrArray *objects)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);

  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_acquire);
      CfutPoolRun *run = cfut_pool_claim (worker);

      if (run == NULL)
        continue;
      for (CfutPoolRun *each = run; each != NULL; each = each->outer)
        if (wanted == NULL || wanted (each->object))
          g_ptr_array_add (objects, g_object_ref (each->object));
      cfut_pool_give_back (worker, run);
    }
}

/* (transfer full): what runs at this moment. */
GPtrArray *
cfut_pool_dup_running (CfutPool *self)
{
  GPtrArray *objects = g_ptr_array_new ();

  pool_collect_running (self, NULL, objects);
  return objects;
}

/* (transfer full) */
GPtrArray *
cfut_pool_dup_running_if (gboolean (*wanted) (GObject *object))
{
  GPtrArray *objects = g_ptr_array_new ();

  cfut_lock (&pools_lock, CFUT_LOCK_POOLS);
  for (CfutPool *pool = pools; pool != NULL; pool = pool->next_pool)
    pool_collect_running (pool, wanted, objects);
  cfut_unlock (&pools_lock, CFUT_LOCK_POOLS);

  return objects;
}

/* (transfer full): what runs, and is to be told. What is about to run learns it from
 * is_stopping. */
GPtrArray *
cfut_pool_stop_running (CfutPool *self)
{
  atomic_fetch_add_explicit (&self->stop_epoch, 1, memory_order_seq_cst);

  return cfut_pool_dup_running (self);
}

/* Whether what runs on this thread had been taken when all that ran was asked to stop. */
gboolean
cfut_pool_is_stopping (void)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  return worker != NULL &&
         atomic_load_explicit (&worker->pool->stop_epoch, memory_order_seq_cst) !=
           worker->stop_epoch;
}

static gboolean
run_is_of (CfutPoolRun *run,
           GObject     *object)
{
  for (; run != NULL; run = run->outer)
    if (run->object == object)
      return TRUE;

  return FALSE;
}

/* It is not blocked any more, or not one that has to be stood in for. */
static void
worker_count_awake (CfutPoolWorker *worker)
{
  CfutPool *self = worker->pool;
  guint64 word;

  if (!atomic_exchange_explicit (&worker->blocked, FALSE, memory_order_seq_cst))
    return;

  word = atomic_fetch_sub_explicit (&self->word, ONE_BLOCKED, memory_order_seq_cst) - ONE_BLOCKED;
  if (WORD_LIVE (word) > pool_limit (self, word))
    cfut_pool_retire_idle (self);
}

static void
pool_abandon_worker (CfutPool       *self,
                     CfutPoolWorker *worker)
{
  gboolean abandoned;

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  if (!worker->abandoned && self->n_abandoned < CFUT_POOL_MAX_ABANDONED)
    {
      atomic_store_explicit (&worker->abandoned, TRUE, memory_order_seq_cst);
      self->n_abandoned++;
      atomic_fetch_sub_explicit (&self->word, ONE_LIVE, memory_order_seq_cst);
    }
  abandoned = worker->abandoned;
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);

  if (abandoned)
    worker_count_awake (worker);
}

/* TRUE: it ran here. */
static gboolean
pool_try_abandon (CfutPool *self,
                  GObject  *object)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);
  gboolean found = FALSE;

  for (guint i = 0; i < n_slots && !found; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_acquire);
      CfutPoolRun *run = cfut_pool_claim (worker);

      if (run == NULL)
        continue;

      /* As long as we have the claim it cannot leave, and it holds the pool. */
      found = run_is_of (run, object);
      if (found)
        {
          pool_abandon_worker (self, worker);
          cfut_pool_ref (self);
        }
      cfut_pool_give_back (worker, run);
    }

  return found;
}

gboolean
cfut_pool_abandon (GObject *object)
{
  CfutPool *pool;

  cfut_lock (&pools_lock, CFUT_LOCK_POOLS);
  for (pool = pools; pool != NULL; pool = pool->next_pool)
    if (pool_try_abandon (pool, object))
      break;
  cfut_unlock (&pools_lock, CFUT_LOCK_POOLS);

  if (pool == NULL)
    return FALSE;

  if (cfut_pool_has_work (pool))
    cfut_pool_notify (pool);
  cfut_pool_check_ended (pool);
  cfut_pool_unref (pool);
  return TRUE;
}

gboolean
cfut_pool_may_run_here (CfutPool *self)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  return worker != NULL && worker->pool == self && worker->depth < MAX_DEPTH &&
         atomic_load_explicit (&self->compensate, memory_order_relaxed) &&
         atomic_load_explicit (&self->gate, memory_order_relaxed) == NULL;
}

gboolean
cfut_pool_run_own (CfutLink *link)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;
  gboolean ran;

  if (!cfut_ring_take_back (&worker->ring, link))
    return FALSE;

  cfut_pool_begin_run_here ();
  ran = worker->pool->klass->run (link, FALSE) == CFUT_POOL_RAN;
  cfut_pool_end_run_here (ran);

  return ran;
}

/* Around a link of this pool's that is run here. */
void
cfut_pool_begin_run_here (void)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  worker->depth++;
  count_one (&worker->n_taken);
}

void
cfut_pool_end_run_here (gboolean ran)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  worker->depth--;
  count_one (ran ? &worker->n_completed : &worker->n_stale);
}

CfutPool *
cfut_pool_block (void)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;
  CfutPool *self;
  guint64 word;

  if (worker == NULL || atomic_load_explicit (&worker->blocked, memory_order_relaxed) ||
      atomic_load_explicit (&worker->abandoned, memory_order_relaxed) ||
      !atomic_load_explicit (&worker->pool->compensate, memory_order_relaxed))
    return NULL;

  self = worker->pool;
  word = atomic_fetch_add_explicit (&self->word, ONE_BLOCKED, memory_order_seq_cst) + ONE_BLOCKED;
  atomic_store_explicit (&worker->blocked, TRUE, memory_order_seq_cst);
  if (G_UNLIKELY (atomic_load_explicit (&worker->abandoned, memory_order_seq_cst)))
    {
      worker_count_awake (worker);
      return NULL;
    }

  if (WORD_SEARCHING (word) == 0 && cfut_pool_has_work (self))
    cfut_pool_notify (self);

  return self;
}

void
cfut_pool_unblock (CfutPool *self)
{
  if (self != NULL)
    worker_count_awake (cfut_thread_get ()->worker);
}

static gboolean
own_wait_is_over (CfutPoolOwnWait *wait)
{
  return (wait->cell != NULL && cfut_cell_settled (cfut_cell_load (wait->cell))) ||
         (wait->waiter != NULL && cfut_waiter_fired (wait->waiter)) ||
         (wait->is_stale != NULL && atomic_load_explicit (wait->is_stale, memory_order_acquire));
}

/* Without those that have no reason to wait any more, and are about to wake. */
static guint
pool_count_waiting_locked (CfutPool       *self,
                           CfutPoolWorker *except)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_relaxed);
  guint n = 0;

  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_relaxed);

      if (worker != except && worker->own_wait != NULL && !worker->abandoned &&
          !own_wait_is_over (worker->own_wait))
        n++;
    }

  return n;
}

CfutPool *
cfut_pool_get_fixed (void)
{
  CfutPool *self = cfut_pool_get_current ();

  return self != NULL && !atomic_load_explicit (&self->compensate, memory_order_relaxed) ? self
                                                                                         : NULL;
}

gboolean
cfut_pool_begin_wait_own (CfutPoolOwnWait *wait)
{
  CfutPool *self = cfut_pool_get_fixed ();
  CfutPoolWorker *worker = cfut_thread_get ()->worker;
  gboolean may_wait;

  if (self == NULL)
    return TRUE;

  cfut_point (CFUT_POINT_WAITS_OWN, self);
  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  /* What it waits for may have ended since it looked, on a worker that waits for something else now:
   * it will not sleep then. */
  may_wait = worker->abandoned || own_wait_is_over (wait) ||
             pool_count_waiting_locked (self, worker) + 1 < self->max_workers;
  if (may_wait)
    {
      wait->outer = worker->own_wait;
      worker->own_wait = wait;
    }
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);

  return may_wait;
}

void
cfut_pool_end_wait_own (CfutPoolOwnWait *wait)
{
  CfutPool *self = cfut_pool_get_fixed ();

  if (self == NULL)
    return;

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  ((CfutPoolWorker *) cfut_thread_get ()->worker)->own_wait = wait->outer;
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);
}
