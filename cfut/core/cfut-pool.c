/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Threads that take links from a queue and run them. GThreadPool supplies the threads; what is
 * pushed into it are tokens, each of which becomes a worker: a loop that drains our queue and goes
 * back to GThreadPool when it has been idle for long. The scheduler is modelled on Go's.
 *
 *   push --> injector --(a batch)--> ring of a worker --> run
 *   push on a worker ------------------^        \--(half)--> ring of a worker that has nothing
 *
 * Threads: everything may be called on any thread.
 * Locks: `lock` guards the stack of idle workers, the slots, n_strays and n_abandoned; the word is
 *   changed under it wherever idle is. `places_lock` guards the heap of what has a priority. Both
 *   are leaves, but that a worker's GMutex may be taken after the first is released.
 *   `injector_lock` is only ever tried, by who wants to pop; taking all waits for it.
 * Owns: a pool is held by its executor and by each live worker. Links in it belong to it.
 * Invariants:
 * 1. The word is {searching, idle, live, blocked, stop, broken, emptied}. A worker is live from the
 *    moment its token is pushed until it has left, or was given up as stuck; idle is the length of
 *    the idle stack; a searching one is awake and has nothing. For each blocked one there may be
 *    one more live.
 * 2. Who pushes looks at the word after the push; who goes to sleep, or blocks, changes the word,
 *    then looks at the queues. All in one total order, so one of them sees the other.
 * 3. If work is queued, somebody is searching, or live equals the limit and all are busy. One
 *    searcher at a time is woken; the one that finds work and was the last wakes the next if more
 *    is left.
 * 4. A worker pushes into its own ring only, and takes back what a wait of its own is to run. What it
 *    leaves there is stolen by others: rings of all slots are looked at, used or not.
 * 5. Tokens in GThreadPool that nobody counts as live are strays, left by a thread that could not
 *    be made: GThreadPool keeps such a token in its queue. As many are dropped by the next threads
 *    that come for one. The handle lets them outlive the pool.
 * Not here: how a worker finds its next link (cfut-pool-work.c), priorities (cfut-pool-place.c),
 * what runs and what blocks (cfut-pool-run.c), deadlines (cfut-pool-late.c); what links are. */

#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-pool-struct-private.h"
#include "core/cfut-thread-private.h"

static void
handle_unref (gpointer data)
{
  PoolHandle *handle = data;

  /* GThreadPool wakes its threads by queueing items of its own, and has those freed too (2.74). */
  if (data == GUINT_TO_POINTER (1))
    return;

  if (!g_atomic_ref_count_dec (&handle->ref_count))
    return;

  g_mutex_clear (&handle->lock);
  g_free (handle);
}

/* Who closes it looks after that, and a worker that leaves looks after leaving, so the last sees
 * it. */
void
cfut_pool_check_ended (CfutPool *self)
{
  guint64 word = atomic_load_explicit (&self->word, memory_order_seq_cst);

  if (!(word & STOP) || WORD_LIVE (word) > 0 || cfut_pool_has_links (self))
    return;

  cfut_cell_open (&self->ended);
}

/* Takes all that is in the injector, in order. Nothing of a user's runs while the injector is
 * ours. */
static CfutLink *
pool_take_all_injected (CfutPool *self)
{
  CfutLink *first = NULL;
  CfutLink *last = NULL;
  CfutLink *link;

  while (atomic_exchange_explicit (&self->injector_lock, TRUE, memory_order_acquire))
    g_thread_yield ();

  while (!cfut_queue_is_empty (&self->injector))
    {
      link = cfut_queue_pop (&self->injector);
      if (link == NULL)
        {
          g_thread_yield ();
          continue;
        }

      atomic_store_explicit (&link->next, NULL, memory_order_relaxed);
      if (first == NULL)
        first = link;
      else
        atomic_store_explicit (&last->next, link, memory_order_relaxed);
      last = link;
    }

  atomic_store_explicit (&self->injector_lock, FALSE, memory_order_release);
  return first;
}

void
cfut_pool_drain_link (CfutPool *self,
                      CfutLink *link,
                      void    (*func) (CfutLink *link))
{
  if (self->klass->is_bare != NULL && self->klass->is_bare (link))
    cfut_pool_count_unqueued (self);
  func (link);
}

/* Who has begun to move links from ring to ring is waited for; nobody else begins. */
static void
pool_begin_drain (CfutPool *self)
{
  guint n_slots;

  atomic_fetch_add_explicit (&self->n_drains, 1, memory_order_seq_cst);
  n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);
  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_acquire);

      while (atomic_load_explicit (&worker->moves, memory_order_seq_cst))
        {
          cfut_point (CFUT_POINT_DRAIN_WAITS, self);
          g_thread_yield ();
        }
    }
}

/* Takes out all that is queued and has not been started, as far as it was pushed before the call.
 * What a worker fetches from the injector is in its ring when that is ours, so the rings come
 * after. */
void
cfut_pool_drain (CfutPool *self,
                 void    (*func) (CfutLink *link))
{
  CfutLink *link;
  guint n_slots;

  pool_begin_drain (self);
  cfut_point (CFUT_POINT_DRAINS, self);
  link = pool_take_all_injected (self);
  n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);
  while (link != NULL)
    {
      CfutLink *next = atomic_load_explicit (&link->next, memory_order_relaxed);

      cfut_pool_drain_link (self, link, func);
      link = next;
    }

  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_acquire);

      while ((link = cfut_ring_take (&worker->ring)) != NULL)
        cfut_pool_drain_link (self, link, func);
    }
  atomic_fetch_sub_explicit (&self->n_drains, 1, memory_order_seq_cst);

  cfut_pool_drain_places (self, func);
  cfut_pool_check_ended (self);
}

/* After close: what is pending is not to be run. */
void
cfut_pool_empty (CfutPool *self,
                 void    (*func) (CfutLink *link))
{
  atomic_fetch_or_explicit (&self->word, EMPTIED, memory_order_seq_cst);
  cfut_pool_drain (self, func);
}

static void
on_gate_open (gpointer data)
{
  CfutPool *self = data;

  if (cfut_pool_has_work (self))
    cfut_pool_notify (self);
}

CfutGate *
cfut_pool_get_gate (CfutPool *self,
                    gboolean  make)
{
  CfutGate *gate = atomic_load_explicit (&self->gate, memory_order_acquire);
  CfutGate *made;

  if (gate != NULL || !make)
    return gate;

  made = cfut_gate_new (on_gate_open, self);
  if (atomic_compare_exchange_strong (&self->gate, &gate, made))
    return made;

  cfut_gate_close (made);
  cfut_gate_unref (made);
  return gate;
}

typedef struct {
  CfutPool *pool;
  const GError *error;
} PoolFailure;

/* A callback of what fails may make another pool fail. */
static __thread PoolFailure failing;

static void
fail_link (CfutLink *link)
{
  failing.pool->klass->fail (link, failing.error);
}

static void
pool_fail_all (CfutPool     *self,
               const GError *error)
{
  PoolFailure outer = failing;

  failing = (PoolFailure) { self, error };
  cfut_pool_drain (self, fail_link);
  failing = outer;
}

/* The first error stands. No more tasks are started; what runs, runs on. */
void
cfut_pool_break (CfutPool *self,
                 GError   *error)
{
  GError *none = NULL;

  if (!atomic_compare_exchange_strong (&self->error, &none, error))
    g_error_free (error);
  atomic_fetch_or_explicit (&self->word, BROKEN, memory_order_seq_cst);

  pool_fail_all (self, atomic_load (&self->error));
}

/* By each worker that could not begin: what was pushed while the pool was being broken. */
void
cfut_pool_drain_broken (CfutPool *self)
{
  pool_fail_all (self, atomic_load (&self->error));
}

GError *
cfut_pool_dup_error (CfutPool *self)
{
  GError *error = atomic_load (&self->error);

  return error != NULL ? g_error_copy (error) : NULL;
}

/* The token that could not get a thread stays in GThreadPool's queue, whatever that returns. Under
 * the lock, as a thread that is there already may come for it at once. */
static gboolean
pool_push_token (CfutPool  *self,
                 guint64   *word,
                 GError   **error)
{
  gboolean pushed;

  atomic_fetch_add_explicit (&cfut_pool_n_between, 1, memory_order_seq_cst);
  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  pushed = g_thread_pool_push (self->threads, self->handle, error);
  if (!pushed)
    {
      self->n_strays++;
      *word = atomic_fetch_sub_explicit (&self->word, ONE_LIVE + ONE_SEARCHING,
                                         memory_order_seq_cst);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);
  if (!pushed)
    atomic_fetch_sub_explicit (&cfut_pool_n_between, 1, memory_order_seq_cst);

  return pushed;
}

static void
pool_start_worker (CfutPool *self)
{
  guint64 word = atomic_load_explicit (&self->word, memory_order_relaxed);
  GError *error = NULL;

  do
    {
      if (WORD_SEARCHING (word) > 0 || WORD_LIVE (word) >= pool_limit (self, word))
        return;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->word, &word,
                                                 word + ONE_LIVE + ONE_SEARCHING,
                                                 memory_order_seq_cst, memory_order_relaxed));

  cfut_pool_ref (self);
  g_atomic_ref_count_inc (&self->handle->ref_count);
  if (pool_push_token (self, &word, &error))
    return;

  /* Others work on; if there are none, what is queued fails, and the next push tries again. */
  if (WORD_LIVE (word) == 1)
    pool_fail_all (self, error);
  g_clear_error (&error);
  cfut_pool_check_ended (self);
  cfut_pool_unref (self);
}

/* There is work: sees to it that somebody looks for it. */
void
cfut_pool_notify (CfutPool *self)
{
  guint64 word = atomic_load_explicit (&self->word, memory_order_seq_cst);

  if (WORD_SEARCHING (word) > 0)
    return;
  if (WORD_IDLE (word) > 0 && cfut_pool_wake_idle (self))
    return;
  if (WORD_LIVE (word) < pool_limit (self, word))
    pool_start_worker (self);
}

/* On a thread of GThreadPool's, for each token. */
static void
on_token (gpointer data,
          gpointer user_data)
{
  PoolHandle *handle = data;
  CfutPool *self;
  gboolean works = FALSE;

  cfut_lock (&handle->lock, CFUT_LOCK_HANDLE);
  self = handle->pool;
  if (self != NULL)
    {
      cfut_lock (&self->lock, CFUT_LOCK_POOL);
      /* All tokens are alike: as many are dropped as came without a thread, so that each thread
       * that was made for one finds one that counts. */
      works = self->n_strays == 0;
      if (!works)
        self->n_strays--;
      cfut_unlock (&self->lock, CFUT_LOCK_POOL);
    }
  cfut_unlock (&handle->lock, CFUT_LOCK_HANDLE);

  if (works)
    {
      cfut_pool_work (self);
      cfut_pool_unref (self);
    }
  handle_unref (handle);
  if (works)
    atomic_fetch_sub_explicit (&cfut_pool_n_between, 1, memory_order_seq_cst);
}

/* Takes over @data. */
CfutPool *
cfut_pool_new (const CfutPoolClass *klass,
               guint                max_workers,
               gint64               idle_usec,
               gpointer             data,
               GDestroyNotify       data_free)
{
  CfutPool *self = g_aligned_alloc0 (1, sizeof (CfutPool), 64);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  cfut_queue_init (&self->injector);
  g_mutex_init (&self->places_lock);
  self->klass = klass;
  self->max_workers = CLAMP (max_workers, 1, CFUT_POOL_MAX_WORKERS);
  self->idle_usec = idle_usec;
  self->compensate = TRUE;
  self->data = data;
  self->data_free = data_free;
  /* Room for those that stand in for others. */
  self->slots = g_new0 (_Atomic (CfutPoolWorker *),
                        CFUT_POOL_MAX_WORKERS + CFUT_POOL_MAX_ABANDONED);

  self->handle = g_new0 (PoolHandle, 1);
  g_atomic_ref_count_init (&self->handle->ref_count);
  g_mutex_init (&self->handle->lock);
  self->handle->pool = self;

  /* Not exclusive: threads come from the process's unused ones and go back there. No limit of
   * its own: the number of tokens is the limit. */
  self->threads = g_thread_pool_new_full (on_token, NULL, handle_unref, -1, FALSE, NULL);
  cfut_pool_register (self);

  return self;
}

CfutPool *
cfut_pool_ref (CfutPool *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/* The last one may be a worker's, on its own thread: nothing here waits. */
void
cfut_pool_unref (CfutPool *self)
{
  guint n_slots;

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  cfut_pool_unregister (self);
  if (self->gate != NULL)
    {
      cfut_gate_close (self->gate);
      cfut_gate_unref (self->gate);
    }
  cfut_lock (&self->handle->lock, CFUT_LOCK_HANDLE);
  self->handle->pool = NULL;
  cfut_unlock (&self->handle->lock, CFUT_LOCK_HANDLE);

  g_thread_pool_free (self->threads, TRUE, FALSE);
  handle_unref (self->handle);

  n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);
  for (guint i = 0; i < n_slots; i++)
    g_aligned_free (atomic_load_explicit (&self->slots[i], memory_order_relaxed));
  g_free (self->slots);
  cfut_heap_clear (&self->heap);
  if (self->data_free != NULL)
    self->data_free (self->data);
  if (self->error != NULL)
    g_error_free (self->error);
  g_mutex_clear (&self->places_lock);
  g_mutex_clear (&self->lock);
  g_aligned_free (self);
}

/* After the push. */
gboolean
cfut_pool_pushed (CfutPool *self)
{
  guint64 word = pool_word (self);

  if (WORD_SEARCHING (word) == 0 &&
      (WORD_IDLE (word) > 0 || WORD_LIVE (word) < pool_limit (self, word)))
    cfut_pool_notify (self);

  return !(word & (STOP | BROKEN));
}

gboolean
cfut_pool_push (CfutPool *self,
                CfutLink *link,
                gboolean *queued)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  *queued = FALSE;
  if (atomic_load_explicit (&self->word, memory_order_relaxed) & (STOP | BROKEN))
    return FALSE;

  *queued = TRUE;
  if (worker != NULL && worker->pool == self && cfut_ring_space (&worker->ring) > 0)
    {
      count_one (&worker->n_pushed);
      cfut_ring_append (&worker->ring, link);
    }
  else
    {
      atomic_fetch_add_explicit (&self->n_injected, 1, memory_order_relaxed);
      cfut_queue_push (&self->injector, link);
    }

  return cfut_pool_pushed (self);
}

gboolean
cfut_pool_push_placed (CfutPool      *self,
                       CfutPoolPlace *place,
                       gint64         key)
{
  if (atomic_load_explicit (&self->word, memory_order_relaxed) & (STOP | BROKEN))
    return FALSE;

  atomic_fetch_add_explicit (&self->n_injected, 1, memory_order_relaxed);
  cfut_pool_place (self, place, key);
  return TRUE;
}

/* Under the lock of a link that is queued, by who settles it. */
void
cfut_pool_count_unqueued (CfutPool *self)
{
  atomic_fetch_add_explicit (&self->n_unqueued, 1, memory_order_relaxed);
}

/* To see that they may leave. */
void
cfut_pool_wake_all_idle (CfutPool *self)
{
  CfutPoolWorker *idle;

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  while ((idle = self->idle) != NULL)
    {
      self->idle = idle->next_idle;
      idle->is_idle = FALSE;
      idle->searching = TRUE;
      atomic_fetch_add_explicit (&self->word, ONE_SEARCHING - ONE_IDLE, memory_order_seq_cst);
      cfut_waiter_fire (&idle->waiter);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);
}

/* No more pushes; what is queued is run, then all workers leave. Where a gate holds it back, a
 * worker stays to wait for that: the pool would be gone else when the gate opens. */
void
cfut_pool_close (CfutPool *self)
{
  atomic_fetch_or_explicit (&self->word, STOP, memory_order_seq_cst);
  cfut_pool_wake_all_idle (self);
  if (cfut_pool_is_held_back (self))
    pool_start_worker (self);

  if (pool_word (self) & BROKEN)
    pool_fail_all (self, atomic_load (&self->error));
  cfut_pool_check_ended (self);
}

/* Settles some time after close. As long as the pool. */
CfutCell *
cfut_pool_get_ended (CfutPool *self)
{
  return &self->ended;
}

/* Sums of counters that move: each is right, together they may be some tasks apart. */
void
cfut_pool_get_counts (CfutPool       *self,
                      CfutPoolCounts *counts)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);
  guint64 completed = 0;
  guint64 started = 0;
  guint64 gone;
  guint64 pushed;

  gone = atomic_load_explicit (&self->n_unqueued, memory_order_relaxed);
  pushed = atomic_load_explicit (&self->n_injected, memory_order_relaxed);
  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_acquire);

      completed += atomic_load_explicit (&worker->n_completed, memory_order_relaxed);
      started -= atomic_load_explicit (&worker->n_stale, memory_order_relaxed);
      started += atomic_load_explicit (&worker->n_taken, memory_order_relaxed);
      pushed += atomic_load_explicit (&worker->n_pushed, memory_order_relaxed);
    }
  gone += started;

  counts->n_completed = completed;
  counts->n_running = started > completed ? started - completed : 0;
  counts->n_pending = pushed > gone ? pushed - gone : 0;
  counts->n_threads = WORD_LIVE (atomic_load_explicit (&self->word, memory_order_relaxed));

  cfut_lock (&self->lock, CFUT_LOCK_POOL);
  counts->n_abandoned = self->n_abandoned;
  cfut_unlock (&self->lock, CFUT_LOCK_POOL);
}

guint
cfut_pool_get_max (CfutPool *self)
{
  return self->max_workers;
}

void
cfut_pool_set_idle (CfutPool *self,
                    gint64    idle_usec)
{
  atomic_store_explicit (&self->idle_usec, idle_usec, memory_order_relaxed);
}

void
cfut_pool_set_compensate (CfutPool *self,
                          gboolean  compensate)
{
  atomic_store_explicit (&self->compensate, compensate, memory_order_relaxed);
}
