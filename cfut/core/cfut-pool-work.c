/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a worker of a pool does: find a link in its own ring, in the injector or in another's ring,
 * run it, and sleep when there is none.
 *
 * How many it fetches at once from the injector grows while tasks prove quick, and it looks into the
 * rings of others every second time: what they have fetched may stand behind a long task.
 *
 * Threads: a worker's functions on its own thread; wake_idle, retire_idle, has_links, has_work and
 *   is_held_back on any.
 * Locks: the pool's lock guards the stack of idle workers and the slots.
 * Owns: a worker is its pool's, from first to last; its slot is used again.
 * Invariants: those of cfut-pool.c, and
 * 1. A worker that sleeps has put itself on the idle stack and then looked at all queues once more.
 * 2. Whoever takes it from there, under the pool's lock, counts it as searching, or as gone, tells
 *    it so, and fires it; the worker does nothing else before it is fired.
 * 3. Nothing is taken without the gate's leave, where there is a gate; a leave that is not used is
 *    given back.
 * 4. Where the process forks a worker is aside: asleep, in a function of a user's, or waiting between
 *    two links, with nothing locked. On its way to its first link, and from its last, it counts in
 *    cfut_pool_n_between.
 * Not here: where threads come from. */

#include "core/cfut-fork-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-pool-struct-private.h"
#include "core/cfut-thread-private.h"

#define BATCH 32u
/* Tasks that take less are worth taking several at once. */
#define QUICK_USEC 10
#define LOOK_ELSEWHERE 64u
#define SPIN_USEC 5
#define MAX_SPIN_USEC 40
#define SOON_USEC 200
/* Of so many starts one is not the most urgent's. */
#define PASS_URGENT 8u

/* As many as the last ones were quick: a batch saves tens of nanoseconds for each task, but what
 * stands behind a long one has to wait for a thief. */
static void
worker_adapt_batch (CfutPoolWorker *worker)
{
  guint64 n_taken = atomic_load_explicit (&worker->n_taken, memory_order_relaxed);
  gint64 now_usec = g_get_monotonic_time ();

  if (now_usec - worker->refilled_usec < QUICK_USEC * (gint64) (n_taken - worker->n_at_refill))
    worker->batch = MIN (2 * worker->batch, BATCH);
  else
    worker->batch = MAX (worker->batch / 4, 1);
  worker->refilled_usec = now_usec;
  worker->n_at_refill = n_taken;
}

/* Moves a batch into the worker's ring, behind what is there: what was submitted first from outside
 * starts first. */
static void
pool_take_injected (CfutPool       *self,
                    CfutPoolWorker *worker)
{
  CfutLink *link;
  guint space;
  guint n = 0;

  if (cfut_queue_is_empty (&self->injector) ||
      atomic_load_explicit (&self->injector_lock, memory_order_relaxed))
    return;

  worker_adapt_batch (worker);
  space = MIN (cfut_ring_space (&worker->ring), worker->batch);
  if (atomic_exchange_explicit (&self->injector_lock, TRUE, memory_order_acquire))
    return;

  while (n < space && (link = cfut_queue_pop (&self->injector)) != NULL)
    {
      cfut_link_prefetch (link, 40, 64);
      cfut_ring_append (&worker->ring, link);
      n++;
    }
  atomic_store_explicit (&self->injector_lock, FALSE, memory_order_release);

  /* What is in our ring now may have sleepers to run it. */
  if (n > 1)
    cfut_pool_notify (self);
}

/* Half of what is left, so that the thief does not come for each. */
static void
worker_steal_more (CfutPoolWorker *thief,
                   CfutPoolWorker *victim)
{
  guint32 more = cfut_ring_length (&victim->ring) / 2;

  more = MIN (more, MIN (BATCH, cfut_ring_space (&thief->ring)));
  if (more == 0)
    return;

  /* Who drains says so, then looks at us; we look at that after saying so. */
  atomic_store_explicit (&thief->moves, TRUE, memory_order_seq_cst);
  if (G_LIKELY (atomic_load_explicit (&thief->pool->n_drains, memory_order_seq_cst) == 0))
    {
      for (; more > 0; more--)
        {
          CfutLink *link = cfut_ring_take (&victim->ring);

          if (link == NULL)
            break;
          cfut_point (CFUT_POINT_STEALS, thief->pool);
          cfut_ring_append (&thief->ring, link);
        }
    }
  atomic_store_explicit (&thief->moves, FALSE, memory_order_release);
}

static CfutLink *
pool_steal (CfutPool       *self,
            CfutPoolWorker *thief)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);
  guint start;

  if (n_slots < 2)
    return NULL;

  thief->seed = thief->seed * 1664525u + 1013904223u;
  start = (thief->seed >> 8) % n_slots;

  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *victim = atomic_load_explicit (&self->slots[(start + i) % n_slots],
                                                     memory_order_acquire);
      CfutLink *first;

      if (victim == NULL || victim == thief)
        continue;

      first = cfut_ring_take (&victim->ring);
      if (first == NULL)
        continue;

      worker_steal_more (thief, victim);
      return first;
    }

  return NULL;
}

static gboolean
pool_has_queued (CfutPool *self)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);

  if (!cfut_queue_is_empty (&self->injector))
    return TRUE;

  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_acquire);

      if (worker != NULL && !cfut_ring_is_empty (&worker->ring))
        return TRUE;
    }

  return FALSE;
}

gboolean
cfut_pool_has_links (CfutPool *self)
{
  return atomic_load_explicit (&self->n_places, memory_order_seq_cst) > 0 || pool_has_queued (self);
}

static gboolean
pool_has_ready (CfutPool *self)
{
  return atomic_load_explicit (&self->n_ready, memory_order_seq_cst) > 0 || pool_has_queued (self);
}

static inline gboolean
pool_is_open (CfutPool *self)
{
  CfutGate *gate = atomic_load_explicit (&self->gate, memory_order_acquire);

  return G_LIKELY (gate == NULL) || cfut_gate_is_open (gate);
}

gboolean
cfut_pool_has_work (CfutPool *self)
{
  return pool_has_ready (self) && pool_is_open (self);
}

gboolean
cfut_pool_is_held_back (CfutPool *self)
{
  return pool_has_ready (self) && !pool_is_open (self);
}

/* What is urgent first, but not always; what is less so when there is nothing else. */
static CfutLink *
worker_find (CfutPoolWorker *worker)
{
  CfutPool *self = worker->pool;
  guint n_ready = atomic_load_explicit (&self->n_ready, memory_order_relaxed);
  CfutLink *link;

  worker->n_ticks++;
  worker->placed = TRUE;
  if (G_UNLIKELY (n_ready > 0) && worker->n_ticks % PASS_URGENT != 0 &&
      (link = cfut_pool_take_placed (self, FALSE)) != NULL)
    return link;

  worker->placed = FALSE;
  /* Now and then the injector and other rings, though the ring is not empty: work that makes work
   * must not keep out the rest. */
  if (worker->n_ticks % LOOK_ELSEWHERE == 0)
    pool_take_injected (self, worker);
  else if (worker->n_ticks % LOOK_ELSEWHERE == LOOK_ELSEWHERE / 2 &&
           (link = pool_steal (self, worker)) != NULL)
    return link;

  /* What others have fetched is older than what is in the injector, and may stand behind a long
   * task. */
  link = cfut_ring_take (&worker->ring);
  if (link == NULL && ++worker->n_refills % 2 == 0)
    link = pool_steal (self, worker);
  if (link == NULL)
    {
      pool_take_injected (self, worker);
      link = cfut_ring_take (&worker->ring);
    }

  /* It is their turn, wherever they are: others may have fetched them, and be busy for long. */
  if (link == NULL && G_UNLIKELY (n_ready > 0))
    link = pool_steal (self, worker);

  return link;
}

/* When there is nothing of its own: others' first, then what may wait. */
static CfutLink *
worker_find_elsewhere (CfutPoolWorker *worker)
{
  CfutLink *link = pool_steal (worker->pool, worker);

  if (link == NULL && atomic_load_explicit (&worker->pool->n_ready, memory_order_relaxed) > 0)
    {
      link = cfut_pool_take_placed (worker->pool, TRUE);
      worker->placed = link != NULL;
    }

  return link;
}

/* What it takes has the gate's leave, if there is a gate. */
static CfutLink *
worker_look (CfutPoolWorker *worker,
             gboolean        elsewhere)
{
  CfutPool *self = worker->pool;
  CfutGate *gate = atomic_load_explicit (&self->gate, memory_order_acquire);
  CfutLink *link;

  if (G_UNLIKELY (gate != NULL) && (!pool_has_ready (self) || !cfut_gate_pass (gate)))
    return NULL;

  link = worker_find (worker);
  if (link == NULL && elsewhere)
    link = worker_find_elsewhere (worker);

  worker->gated = gate != NULL;
  if (G_UNLIKELY (gate != NULL) && link == NULL)
    cfut_gate_give_back (gate);

  return link;
}

static gboolean
worker_start_search (CfutPoolWorker *worker)
{
  CfutPool *self = worker->pool;
  guint64 word = atomic_load_explicit (&self->word, memory_order_relaxed);

  if (worker->searching)
    return TRUE;

  do
    {
      if (WORD_SEARCHING (word) > 0)
        return FALSE;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->word, &word, word + ONE_SEARCHING,
                                                 memory_order_seq_cst, memory_order_relaxed));

  worker->searching = TRUE;
  return TRUE;
}

static void
worker_end_search (CfutPoolWorker *worker,
                   gboolean        found)
{
  CfutPool *self = worker->pool;
  guint64 word;

  worker->searching = FALSE;
  word = atomic_fetch_sub_explicit (&self->word, ONE_SEARCHING, memory_order_seq_cst);

  if (found && WORD_SEARCHING (word) == 1 && cfut_pool_has_work (self))
    cfut_pool_notify (self);
}

/* Before something is taken: what is taken after all that runs was asked to stop, was queued
 * then. */
static inline void
worker_note_stops (CfutPoolWorker *worker)
{
  worker->stop_epoch = atomic_load_explicit (&worker->pool->stop_epoch, memory_order_acquire);
}

static CfutLink *
worker_search (CfutPoolWorker *worker)
{
  CfutLink *link = NULL;
  gint64 until = 0;

  if (!worker_start_search (worker))
    return NULL;

  for (guint look = 0; link == NULL; look++)
    {
      worker_note_stops (worker);
      link = worker_look (worker, TRUE);
      if (link != NULL)
        break;

      if (look == 0)
        until = g_get_monotonic_time () + worker->spin_usec;
      else if (g_get_monotonic_time () >= until)
        break;
      if (look >= 1)
        g_thread_yield ();
    }

  /* Without a find the search ends in parking, which looks again. */
  if (link != NULL)
    worker_end_search (worker, TRUE);
  return link;
}

static void
idle_stack_remove (CfutPool       *self,
                   CfutPoolWorker *worker)
{
  CfutPoolWorker **link = &self->idle;

  while (*link != worker)
    link = &(*link)->next_idle;

  *link = worker->next_idle;
  worker->is_idle = FALSE;
}

/* It was not fired. FALSE: somebody has taken it off the stack, and is about to fire it. */
static gboolean
worker_leave_stack (CfutPoolWorker *worker,
                    CfutWake        wake)
{
  CfutPool *self = worker->pool;
  gboolean was_idle;

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  was_idle = worker->is_idle;
  if (was_idle)
    {
      gboolean leaves = wake == CFUT_WAKE_TIMED_OUT;

      idle_stack_remove (self, worker);
      worker->searching = !leaves;
      atomic_fetch_add_explicit (&self->word, (leaves ? -ONE_LIVE : ONE_SEARCHING) - ONE_IDLE,
                                 memory_order_seq_cst);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);

  return was_idle;
}

/* Where work comes again soon after a worker went to sleep, it looks for longer the next time: to
 * wake it takes ten times as long as to find it awake. */
static void
worker_learn_spin (CfutPoolWorker *worker,
                   gint64          slept_usec)
{
  if (slept_usec < SOON_USEC)
    worker->spin_usec = MIN (2 * worker->spin_usec, MAX_SPIN_USEC);
  else
    worker->spin_usec = MAX (worker->spin_usec / 2, SPIN_USEC);
}

/* FALSE: the worker leaves. */
static gboolean
worker_park (CfutPoolWorker *worker)
{
  CfutPool *self = worker->pool;
  guint64 change = ONE_IDLE;
  gint64 deadline_usec = 0;
  gint64 slept_usec = 0;
  CfutWake wake = CFUT_WAKE_TIMED_OUT;

  cfut_point (CFUT_POINT_PARKS, self);
  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  cfut_pool_drop_timer_locked (worker);
  cfut_waiter_init (&worker->waiter);
  worker->is_idle = TRUE;
  worker->next_idle = self->idle;
  self->idle = worker;
  if (worker->searching)
    change -= ONE_SEARCHING;
  worker->searching = FALSE;  /* who fires us says otherwise */
  atomic_fetch_add_explicit (&self->word, change, memory_order_seq_cst);
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);

  if (cfut_pool_has_work (self))
    wake = CFUT_WAKE_NUDGED;
  else if (!(pool_word (self) & STOP))
    deadline_usec = cfut_deadline_from_timeout (atomic_load_explicit (&self->idle_usec,
                                                                      memory_order_relaxed));
  else if (cfut_pool_is_held_back (self))
    deadline_usec = CFUT_NO_DEADLINE;

  if (wake == CFUT_WAKE_TIMED_OUT && deadline_usec > 0)
    {
      slept_usec = -g_get_monotonic_time ();
      atomic_store_explicit (&worker->aside, TRUE, memory_order_release);
      wake = cfut_waiter_park (&worker->waiter, deadline_usec);
      atomic_store_explicit (&worker->aside, FALSE, memory_order_seq_cst);
      slept_usec += g_get_monotonic_time ();
      cfut_fork_pass (&worker->aside);
    }

  if (wake != CFUT_WAKE_FIRED && !worker_leave_stack (worker, wake))
    cfut_waiter_wait (&worker->waiter, CFUT_NO_DEADLINE, NULL);

  if (slept_usec > 0)
    worker_learn_spin (worker, slept_usec);
  return worker->searching;
}

/* FALSE: nobody is idle. */
gboolean
cfut_pool_wake_idle (CfutPool *self)
{
  CfutPoolWorker *worker;

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  worker = self->idle;
  if (worker == NULL || WORD_SEARCHING (atomic_load (&self->word)) > 0)
    {
      gboolean searched = worker != NULL;

      cfut_unlock (&self->lock, CFUT_LOCK_POOL);
      return searched;
    }

  self->idle = worker->next_idle;
  worker->is_idle = FALSE;
  worker->searching = TRUE;
  atomic_fetch_add_explicit (&self->word, ONE_SEARCHING - ONE_IDLE, memory_order_seq_cst);
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);

  /* The worker waits for it before it does anything else. */
  cfut_waiter_fire (&worker->waiter);
  return TRUE;
}

static CfutPoolWorker *
pool_take_slot (CfutPool *self)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_relaxed);
  CfutPoolWorker *worker = NULL;

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  n_slots = atomic_load_explicit (&self->n_slots, memory_order_relaxed);
  for (guint i = 0; i < n_slots && worker == NULL; i++)
    {
      CfutPoolWorker *slot = atomic_load_explicit (&self->slots[i], memory_order_relaxed);

      if (!slot->in_use)
        worker = slot;
    }

  if (worker == NULL)
    {
      worker = g_aligned_alloc0 (1, sizeof (CfutPoolWorker), 64);
      worker->pool = self;
      worker->number = n_slots + 1;
      worker->spin_usec = SPIN_USEC;
      worker->batch = 1;
      cfut_pool_init_timer (worker);
      worker->seed = n_slots + 1;
      atomic_store_explicit (&self->slots[n_slots], worker, memory_order_release);
      atomic_store_explicit (&self->n_slots, n_slots + 1, memory_order_release);
    }
  worker->in_use = TRUE;
  worker->searching = TRUE;
  atomic_fetch_sub_explicit (&cfut_pool_n_between, 1, memory_order_seq_cst);
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);

  return worker;
}

/* One that stood in for a blocked one goes when that is back. Under the lock, as for all that
 * changes idle. */
void
cfut_pool_retire_idle (CfutPool *self)
{
  CfutPoolWorker *worker = NULL;
  guint64 word;

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  word = pool_word (self);
  if (WORD_LIVE (word) > pool_limit (self, word))
    worker = self->idle;
  if (worker != NULL)
    {
      self->idle = worker->next_idle;
      worker->is_idle = FALSE;
      atomic_fetch_sub_explicit (&self->word, ONE_IDLE + ONE_LIVE, memory_order_seq_cst);
      cfut_waiter_fire (&worker->waiter);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);
}

/* TRUE: there are more than may be, and this one is not counted any more. */
static gboolean
worker_retire (CfutPoolWorker *worker)
{
  CfutPool *self = worker->pool;
  guint64 word = atomic_load_explicit (&self->word, memory_order_relaxed);
  guint64 change = worker->searching ? ONE_LIVE + ONE_SEARCHING : ONE_LIVE;

  do
    {
      if (G_LIKELY (WORD_LIVE (word) <= pool_limit (self, word)))
        return FALSE;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->word, &word, word - change,
                                                 memory_order_seq_cst, memory_order_relaxed));

  worker->searching = FALSE;
  return TRUE;
}

/* It is live no more, whoever took it out of the count. Work may have come in just now, which we
 * may have been the one to see to. */
static void
pool_leave (CfutPool       *self,
            CfutPoolWorker *worker)
{
  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  cfut_pool_drop_timer_locked (worker);
  atomic_fetch_add_explicit (&cfut_pool_n_between, 1, memory_order_seq_cst);
  worker->in_use = FALSE;
  if (worker->abandoned)
    self->n_abandoned--;
  worker->abandoned = FALSE;
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);

  if (cfut_pool_has_work (self))
    cfut_pool_notify (self);
  else if ((pool_word (self) & STOP) && !cfut_pool_is_held_back (self))
    cfut_pool_wake_all_idle (self);
  cfut_pool_check_ended (self);
}

static void
worker_run (CfutPoolWorker *worker,
            CfutLink       *link)
{
  CfutPool *self = worker->pool;

  count_one (&worker->n_taken);
  if (self->klass->run (link, worker->placed) == CFUT_POOL_RAN)
    {
      count_one (&worker->n_completed);
      return;
    }

  count_one (&worker->n_stale);
  if (G_UNLIKELY (worker->gated))
    cfut_gate_give_back (atomic_load_explicit (&self->gate, memory_order_relaxed));
}

/* FALSE: the pool is broken. */
static gboolean
worker_enter (CfutPoolWorker *worker)
{
  CfutPool *self = worker->pool;
  GError *error = NULL;
  gboolean entered;

  if (pool_word (self) & BROKEN)
    return FALSE;

  entered = self->klass->enter == NULL || self->klass->enter (self->data, worker->number, &error);
  if (cfut_is_forked_child ())
    cfut_fork_leave (entered);
  if (entered)
    return TRUE;

  cfut_pool_break (self, error);
  return FALSE;
}

static void
worker_loop (CfutPoolWorker *worker)
{
  for (;;)
    {
      CfutLink *link;

      cfut_fork_pass (&worker->aside);
      if (G_UNLIKELY (atomic_load_explicit (&worker->abandoned, memory_order_relaxed)) ||
          worker_retire (worker))
        break;

      worker_note_stops (worker);
      link = worker->searching ? worker_search (worker) : worker_look (worker, FALSE);
      if (link == NULL && !worker->searching)
        link = worker_search (worker);
      if (link != NULL)
        worker_run (worker, link);
      else if (!worker_park (worker))
        break;
    }
}

void
cfut_pool_work (CfutPool *self)
{
  CfutThread *thread = cfut_thread_get ();
  CfutPoolWorker *worker = pool_take_slot (self);

  thread->worker = worker;
  thread->serving = self;
  if (worker_enter (worker))
    {
      worker_loop (worker);
      if (self->klass->leave != NULL)
        self->klass->leave (self->data);
    }
  else
    {
      atomic_fetch_sub_explicit (&self->word, ONE_LIVE + ONE_SEARCHING, memory_order_seq_cst);
      worker->searching = FALSE;
      cfut_pool_drain_broken (self);
    }
  thread->worker = NULL;
  thread->serving = NULL;

  pool_leave (self, worker);
}
