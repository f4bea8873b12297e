/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Threads that take links from a queue and run them. GThreadPool supplies the threads; what is pushed into
 * it are tokens, each of which becomes a worker: a loop that drains our queue and goes back to
 * GThreadPool when it has been idle for long. The scheduler is modelled on Go's.
 *
 *   push --> injector --(a batch)--> ring of a worker --> run
 *   push on a worker ------------------^        \--(half)--> ring of a worker that has nothing
 *
 * Threads: everything may be called on any thread.
 * Locks: `lock` guards the stack of idle workers, the slots, n_strays and `ended`; the word is changed under it
 *   wherever idle is. It is a leaf, but that a worker's GMutex may be taken after it is released.
 *   `injector_lock` is only ever tried, by who wants to pop; draining waits for it.
 * Owns: a pool is held by its executor and by each live worker. Links in it belong to it.
 * Invariants:
 * 1. The word is {searching, idle, live, stop}. A worker is live from the moment its token is pushed
 *    until it has left; idle is the length of the idle stack; a searching one is awake and has nothing.
 * 2. Who pushes looks at the word after the push; who goes to sleep changes the word, then looks at the
 *    queues. Both in one total order, so one of them sees the other.
 * 3. If work is queued, somebody is searching, or live equals the limit and all are busy. One
 *    searcher at a time is woken; the one that finds work and was the last wakes the next if more is left.
 * 4. A worker pushes into its own ring only, so it leaves with that empty.
 * 5. Tokens in GThreadPool that nobody counts as live are strays, left by a thread that could not be made:
 *    GThreadPool keeps such a token in its queue. The handle lets them outlive the pool.
 * Not here: what links are; which order priorities would want. */

#include <gio/gio.h>
#include <string.h>

#include "core/cfut-pool-private.h"
#include "core/cfut-thread-private.h"

#define RING_SIZE 256u
#define BATCH 32u
#define LOOK_AT_INJECTOR 64u
#define SPIN_USEC 5

#define WORD_SEARCHING(word) ((guint) ((word) & 0xfff))
#define WORD_IDLE(word) ((guint) (((word) >> 12) & 0xfff))
#define WORD_LIVE(word) ((guint) (((word) >> 24) & 0xfff))
#define ONE_SEARCHING (G_GUINT64_CONSTANT (1))
#define ONE_IDLE (G_GUINT64_CONSTANT (1) << 12)
#define ONE_LIVE (G_GUINT64_CONSTANT (1) << 24)
#define STOP (G_GUINT64_CONSTANT (1) << 36)

typedef struct {
  gatomicrefcount ref_count;
  GMutex lock;
  CfutPool *pool;  /* guarded by lock; NULL: gone */
} PoolHandle;

struct _CfutPoolWorker {
  /* A ring of first in, first out: its owner appends, everybody takes from the head */
  _Atomic guint32 head;
  _Atomic guint32 tail;
  _Atomic (CfutLink *) ring[RING_SIZE];

  /* Written by the worker alone, read by who wants statistics */
  _Atomic guint64 n_pushed;
  _Atomic guint64 n_taken;
  _Atomic guint64 n_completed;
  _Atomic guint64 n_stale;

  /* The worker's own */
  CfutPool *pool;
  gboolean searching;
  guint n_ticks;
  guint seed;
  guint stop_epoch;

  /* Guarded by the pool's lock */
  gboolean in_use;
  gboolean is_idle;
  CfutPoolWorker *next_idle;
  CfutWaiter waiter;
  GObject *watched;  /* not owned: the run holds it */
};

struct _CfutPool {
  /* Producers */
  CfutQueue injector;
  _Atomic guint64 n_injected;
  char padding[64];

  /* Atomic, seq_cst where invariant 2 needs it */
  _Atomic guint64 word;
  _Atomic gboolean injector_lock;
  _Atomic guint64 n_unqueued;
  _Atomic guint stop_epoch;
  _Atomic guint n_slots;
  gatomicrefcount ref_count;

  /* Immutable */
  const CfutPoolClass *klass;
  guint max_workers;
  gint64 idle_usec;
  GThreadPool *threads;
  PoolHandle *handle;
  _Atomic (CfutPoolWorker *) *slots;

  /* Settles when the pool is closed, empty, and has no workers */
  CfutCell ended;

  /* Guarded by lock */
  GMutex lock;
  CfutPoolWorker *idle;
  guint n_strays;
};

static void pool_notify (CfutPool *self);

static void
handle_unref (gpointer data)
{
  PoolHandle *handle = data;

  if (!g_atomic_ref_count_dec (&handle->ref_count))
    return;

  g_mutex_clear (&handle->lock);
  g_free (handle);
}

static inline gboolean
ring_is_empty (CfutPoolWorker *worker)
{
  return atomic_load_explicit (&worker->head, memory_order_seq_cst) ==
         atomic_load_explicit (&worker->tail, memory_order_seq_cst);
}

static inline guint32
ring_space (CfutPoolWorker *worker)
{
  return RING_SIZE - (atomic_load_explicit (&worker->tail, memory_order_relaxed) -
                      atomic_load_explicit (&worker->head, memory_order_acquire));
}

/* By the worker itself, where there is space. */
static inline void
ring_append (CfutPoolWorker *worker,
             CfutLink       *link)
{
  guint32 tail = atomic_load_explicit (&worker->tail, memory_order_relaxed);

  atomic_store_explicit (&worker->ring[tail % RING_SIZE], link, memory_order_relaxed);
  atomic_store_explicit (&worker->tail, tail + 1, memory_order_seq_cst);
}

static CfutLink *
ring_take (CfutPoolWorker *worker)
{
  guint32 head = atomic_load_explicit (&worker->head, memory_order_acquire);

  for (;;)
    {
      CfutLink *link;

      if (head == atomic_load_explicit (&worker->tail, memory_order_acquire))
        return NULL;

      /* If the slot has been taken and filled again meanwhile, the head has moved. */
      link = atomic_load_explicit (&worker->ring[head % RING_SIZE], memory_order_relaxed);
      if (atomic_compare_exchange_weak_explicit (&worker->head, &head, head + 1,
                                                 memory_order_acq_rel, memory_order_acquire))
        return link;
    }
}

static inline void
count_one (_Atomic guint64 *counter)
{
  atomic_store_explicit (counter, atomic_load_explicit (counter, memory_order_relaxed) + 1,
                         memory_order_relaxed);
}

/* Moves a batch into the worker's ring, behind what is there: what was submitted first from outside
 * starts first. */
static void
pool_take_injected (CfutPool       *self,
                    CfutPoolWorker *worker)
{
  guint space = MIN (ring_space (worker), BATCH);
  CfutLink *link;
  guint n = 0;

  if (cfut_queue_is_empty (&self->injector) ||
      atomic_load_explicit (&self->injector_lock, memory_order_relaxed) ||
      atomic_exchange_explicit (&self->injector_lock, TRUE, memory_order_acquire))
    return;

  while (n < space && (link = cfut_queue_pop (&self->injector)) != NULL)
    {
      ring_append (worker, link);
      n++;
    }
  atomic_store_explicit (&self->injector_lock, FALSE, memory_order_release);

  /* What is in our ring now may have sleepers to run it. */
  if (n > 1)
    pool_notify (self);
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
      guint32 more;

      if (victim == NULL || victim == thief)
        continue;

      first = ring_take (victim);
      if (first == NULL)
        continue;

      more = (atomic_load_explicit (&victim->tail, memory_order_acquire) -
              atomic_load_explicit (&victim->head, memory_order_acquire)) / 2;
      for (more = MIN (more, MIN (BATCH, ring_space (thief))); more > 0; more--)
        {
          CfutLink *link = ring_take (victim);

          if (link == NULL)
            break;
          ring_append (thief, link);
        }

      return first;
    }

  return NULL;
}

static gboolean
pool_has_work (CfutPool *self)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);

  if (!cfut_queue_is_empty (&self->injector))
    return TRUE;

  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_acquire);

      if (worker != NULL && !ring_is_empty (worker))
        return TRUE;
    }

  return FALSE;
}

static CfutLink *
worker_find (CfutPoolWorker *worker)
{
  CfutPool *self = worker->pool;
  CfutLink *link;

  /* Now and then the injector, though the ring is not empty: work that makes work must not keep out
   * the rest. */
  if (++worker->n_ticks % LOOK_AT_INJECTOR == 0)
    pool_take_injected (self, worker);

  link = ring_take (worker);
  if (link == NULL)
    {
      pool_take_injected (self, worker);
      link = ring_take (worker);
    }

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

  if (found && WORD_SEARCHING (word) == 1 && pool_has_work (self))
    pool_notify (self);
}

static CfutLink *
worker_search (CfutPoolWorker *worker)
{
  CfutPool *self = worker->pool;
  CfutLink *link = NULL;
  gint64 until = 0;

  if (!worker_start_search (worker))
    return NULL;

  for (guint look = 0; link == NULL; look++)
    {
      link = worker_find (worker);
      if (link == NULL)
        link = pool_steal (self, worker);
      if (link != NULL)
        break;

      if (look == 0)
        until = g_get_monotonic_time () + SPIN_USEC;
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

/* FALSE: the worker leaves. */
static gboolean
worker_park (CfutPoolWorker *worker)
{
  CfutPool *self = worker->pool;
  guint64 change = ONE_IDLE;
  CfutWake wake = CFUT_WAKE_FIRED;
  gboolean stays = TRUE;

  g_mutex_lock (&self->lock);
  cfut_waiter_init (&worker->waiter);
  worker->is_idle = TRUE;
  worker->next_idle = self->idle;
  self->idle = worker;
  if (worker->searching)
    change -= ONE_SEARCHING;
  worker->searching = FALSE;
  atomic_fetch_add_explicit (&self->word, change, memory_order_seq_cst);
  g_mutex_unlock (&self->lock);

  if (pool_has_work (self))
    wake = CFUT_WAKE_NUDGED;
  else if (!(atomic_load_explicit (&self->word, memory_order_seq_cst) & STOP))
    wake = cfut_waiter_park (&worker->waiter, cfut_deadline_from_timeout (self->idle_usec));
  else
    wake = CFUT_WAKE_TIMED_OUT;

  g_mutex_lock (&self->lock);
  if (!worker->is_idle)
    {
      /* Somebody took us off the stack, and counted us as searching; fired under the lock. */
      worker->searching = TRUE;
    }
  else
    {
      idle_stack_remove (self, worker);
      if (wake == CFUT_WAKE_TIMED_OUT)
        {
          stays = FALSE;
          atomic_fetch_sub_explicit (&self->word, ONE_IDLE, memory_order_seq_cst);
        }
      else
        {
          worker->searching = TRUE;
          atomic_fetch_add_explicit (&self->word, ONE_SEARCHING - ONE_IDLE, memory_order_seq_cst);
        }
    }
  g_mutex_unlock (&self->lock);

  return stays;
}

static gboolean
pool_wake_idle (CfutPool *self)
{
  CfutPoolWorker *worker;

  g_mutex_lock (&self->lock);
  worker = self->idle;
  if (worker == NULL || WORD_SEARCHING (atomic_load (&self->word)) > 0)
    {
      gboolean searched = worker != NULL;

      g_mutex_unlock (&self->lock);
      return searched;
    }

  self->idle = worker->next_idle;
  worker->is_idle = FALSE;
  atomic_fetch_add_explicit (&self->word, ONE_SEARCHING - ONE_IDLE, memory_order_seq_cst);

  /* Under the lock, which the worker takes before it uses the waiter for another sleep. */
  cfut_waiter_fire (&worker->waiter);
  g_mutex_unlock (&self->lock);
  return TRUE;
}

/* Who closes it looks after that, and a worker that leaves looks after leaving, so the last sees it. */
static void
pool_check_ended (CfutPool *self)
{
  guint64 word = atomic_load_explicit (&self->word, memory_order_seq_cst);

  if (!(word & STOP) || WORD_LIVE (word) > 0 || pool_has_work (self))
    return;

  cfut_cell_open (&self->ended);
}

static void
pool_fail_all (CfutPool     *self,
               const GError *error)
{
  CfutLink *link;

  while (atomic_exchange_explicit (&self->injector_lock, TRUE, memory_order_acquire))
    g_thread_yield ();
  while ((link = cfut_queue_pop (&self->injector)) != NULL)
    {
      self->klass->fail (link, error);
    }
  atomic_store_explicit (&self->injector_lock, FALSE, memory_order_release);
}

/* The token that could not get a thread stays in GThreadPool's queue, whatever it returns. Others work
 * on; if there are none, what is queued fails, and the next push tries again. */
static void
pool_thread_failed (CfutPool     *self,
                    const GError *error)
{
  guint64 word;

  g_mutex_lock (&self->lock);
  self->n_strays++;
  word = atomic_fetch_sub_explicit (&self->word, ONE_LIVE + ONE_SEARCHING, memory_order_seq_cst);
  g_mutex_unlock (&self->lock);

  if (WORD_LIVE (word) == 1)
    pool_fail_all (self, error);
  pool_check_ended (self);
  cfut_pool_unref (self);
}

static void
pool_start_worker (CfutPool *self)
{
  guint64 word = atomic_load_explicit (&self->word, memory_order_relaxed);
  GError *error = NULL;

  do
    {
      if (WORD_SEARCHING (word) > 0 || WORD_LIVE (word) >= self->max_workers)
        return;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->word, &word,
                                                 word + ONE_LIVE + ONE_SEARCHING,
                                                 memory_order_seq_cst, memory_order_relaxed));

  cfut_pool_ref (self);
  g_atomic_ref_count_inc (&self->handle->ref_count);
  if (!g_thread_pool_push (self->threads, self->handle, &error))
    {
      pool_thread_failed (self, error);
      g_clear_error (&error);
    }
}

/* There is work: sees to it that somebody looks for it. */
static void
pool_notify (CfutPool *self)
{
  guint64 word = atomic_load_explicit (&self->word, memory_order_seq_cst);

  if (WORD_SEARCHING (word) > 0)
    return;
  if (WORD_IDLE (word) > 0 && pool_wake_idle (self))
    return;
  if (WORD_LIVE (word) < self->max_workers)
    pool_start_worker (self);
}

static CfutPoolWorker *
pool_take_slot (CfutPool *self)
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_relaxed);
  CfutPoolWorker *worker = NULL;

  g_mutex_lock (&self->lock);
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
      worker->seed = n_slots + 1;
      atomic_store_explicit (&self->slots[n_slots], worker, memory_order_release);
      atomic_store_explicit (&self->n_slots, n_slots + 1, memory_order_release);
    }
  worker->in_use = TRUE;
  worker->searching = TRUE;
  g_mutex_unlock (&self->lock);

  return worker;
}

/* Live no more; unless work came in just now, which we may have been the one to see to. */
static void
pool_leave (CfutPool       *self,
            CfutPoolWorker *worker)
{
  g_mutex_lock (&self->lock);
  worker->in_use = FALSE;
  atomic_fetch_sub_explicit (&self->word, ONE_LIVE, memory_order_seq_cst);
  g_mutex_unlock (&self->lock);

  if (pool_has_work (self))
    pool_notify (self);
  else
    pool_check_ended (self);
}

static void
worker_run (CfutPoolWorker *worker,
            CfutLink       *link)
{
  CfutPool *self = worker->pool;

  worker->stop_epoch = atomic_load_explicit (&self->stop_epoch, memory_order_relaxed);
  count_one (&worker->n_taken);
  if (self->klass->run (link) == CFUT_POOL_RAN)
    count_one (&worker->n_completed);
  else
    count_one (&worker->n_stale);
}

static void
pool_work (CfutPool *self)
{
  CfutThread *thread = cfut_thread_get ();
  CfutPoolWorker *worker = pool_take_slot (self);

  thread->worker = worker;
  thread->serving = self;
  for (;;)
    {
      CfutLink *link = worker->searching ? worker_search (worker) : worker_find (worker);

      if (link == NULL && !worker->searching)
        link = worker_search (worker);
      if (link != NULL)
        worker_run (worker, link);
      else if (!worker_park (worker))
        break;
    }
  thread->worker = NULL;
  thread->serving = NULL;

  pool_leave (self, worker);
}

/* On a thread of GThreadPool's, for each token. */
static void
on_token (gpointer data,
          gpointer user_data)
{
  PoolHandle *handle = data;
  CfutPool *self;
  gboolean works = TRUE;

  g_mutex_lock (&handle->lock);
  self = handle->pool;
  if (self != NULL)
    {
      g_mutex_lock (&self->lock);
      if (self->n_strays > 0)
        {
          /* One token that nobody counts: it becomes a worker if there is room for one. */
          guint64 word = atomic_load_explicit (&self->word, memory_order_relaxed);

          self->n_strays--;
          do
            {
              works = WORD_LIVE (word) < self->max_workers;
            }
          while (works &&
                 !atomic_compare_exchange_weak_explicit (&self->word, &word,
                                                         word + ONE_LIVE + ONE_SEARCHING,
                                                         memory_order_seq_cst,
                                                         memory_order_relaxed));
          if (works)
            cfut_pool_ref (self);
        }
      g_mutex_unlock (&self->lock);
    }
  g_mutex_unlock (&handle->lock);

  if (self != NULL && works)
    {
      pool_work (self);
      cfut_pool_unref (self);
    }
  handle_unref (handle);
}

CfutPool *
cfut_pool_new (const CfutPoolClass *klass,
               guint                max_workers,
               gint64               idle_usec)
{
  CfutPool *self = g_aligned_alloc0 (1, sizeof (CfutPool), 64);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  cfut_queue_init (&self->injector);
  self->klass = klass;
  self->max_workers = CLAMP (max_workers, 1, CFUT_POOL_MAX_WORKERS);
  self->idle_usec = idle_usec;
  self->slots = g_new0 (_Atomic (CfutPoolWorker *), self->max_workers);

  self->handle = g_new0 (PoolHandle, 1);
  g_atomic_ref_count_init (&self->handle->ref_count);
  g_mutex_init (&self->handle->lock);
  self->handle->pool = self;

  /* Not exclusive: threads come from the process's unused ones and go back there. No limit of
   * its own: the number of tokens is the limit. */
  self->threads = g_thread_pool_new_full (on_token, NULL, handle_unref, -1, FALSE, NULL);

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

  g_mutex_lock (&self->handle->lock);
  self->handle->pool = NULL;
  g_mutex_unlock (&self->handle->lock);

  g_thread_pool_free (self->threads, TRUE, FALSE);
  handle_unref (self->handle);

  n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);
  for (guint i = 0; i < n_slots; i++)
    g_aligned_free (atomic_load_explicit (&self->slots[i], memory_order_relaxed));
  g_free (self->slots);
  g_mutex_clear (&self->lock);
  g_aligned_free (self);
}

gboolean
cfut_pool_push (CfutPool *self,
                CfutLink *link,
                gboolean *queued)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;
  guint64 word;

  *queued = FALSE;
  if (atomic_load_explicit (&self->word, memory_order_relaxed) & STOP)
    return FALSE;

  *queued = TRUE;
  if (worker != NULL && worker->pool == self && ring_space (worker) > 0)
    {
      count_one (&worker->n_pushed);
      ring_append (worker, link);
    }
  else
    {
      atomic_fetch_add_explicit (&self->n_injected, 1, memory_order_relaxed);
      cfut_queue_push (&self->injector, link);
    }

  word = atomic_load_explicit (&self->word, memory_order_seq_cst);
  if (WORD_SEARCHING (word) == 0 &&
      (WORD_IDLE (word) > 0 || WORD_LIVE (word) < self->max_workers))
    pool_notify (self);

  return !(word & STOP);
}

/* Under the lock of a link that is queued, by who settles it. */
void
cfut_pool_count_unqueued (CfutPool *self)
{
  atomic_fetch_add_explicit (&self->n_unqueued, 1, memory_order_relaxed);
}

/* No more pushes; what is queued is run, then all workers leave. */
void
cfut_pool_close (CfutPool *self)
{
  CfutPoolWorker *idle;

  g_mutex_lock (&self->lock);
  atomic_fetch_or_explicit (&self->word, STOP, memory_order_seq_cst);
  while ((idle = self->idle) != NULL)
    {
      self->idle = idle->next_idle;
      idle->is_idle = FALSE;
      atomic_fetch_add_explicit (&self->word, ONE_SEARCHING - ONE_IDLE, memory_order_seq_cst);
      cfut_waiter_fire (&idle->waiter);
    }
  g_mutex_unlock (&self->lock);

  pool_check_ended (self);
}

/* Takes out all that is queued and has not been started, as far as it was pushed before the call. */
void
cfut_pool_drain (CfutPool *self,
                 void    (*func) (CfutLink *link))
{
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);
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
      func (link);
    }
  atomic_store_explicit (&self->injector_lock, FALSE, memory_order_release);

  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_acquire);

      while ((link = ring_take (worker)) != NULL)
        func (link);
    }
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
}

guint
cfut_pool_get_max (CfutPool *self)
{
  return self->max_workers;
}

CfutPool *
cfut_pool_get_current (void)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  return worker != NULL ? worker->pool : NULL;
}

/* From here to unwatch, the object that runs on this thread is among those that stop_running returns. */
void
cfut_pool_watch (GObject *object)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  if (worker == NULL || worker->watched != NULL)
    return;

  g_mutex_lock (&worker->pool->lock);
  worker->watched = object;
  g_mutex_unlock (&worker->pool->lock);
}

void
cfut_pool_unwatch (GObject *object)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  if (worker == NULL || worker->watched != object)
    return;

  g_mutex_lock (&worker->pool->lock);
  worker->watched = NULL;
  g_mutex_unlock (&worker->pool->lock);
}

/* (transfer full): what runs and wants to be told by more than is_stopping. */
GPtrArray *
cfut_pool_stop_running (CfutPool *self)
{
  GPtrArray *watched = g_ptr_array_new ();
  guint n_slots = atomic_load_explicit (&self->n_slots, memory_order_acquire);

  atomic_fetch_add_explicit (&self->stop_epoch, 1, memory_order_seq_cst);

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < n_slots; i++)
    {
      CfutPoolWorker *worker = atomic_load_explicit (&self->slots[i], memory_order_acquire);

      if (worker->watched != NULL)
        g_ptr_array_add (watched, g_object_ref (worker->watched));
    }
  g_mutex_unlock (&self->lock);

  return watched;
}

/* Whether what runs on this thread was running when all that ran was asked to stop. */
gboolean
cfut_pool_is_stopping (void)
{
  CfutPoolWorker *worker = cfut_thread_get ()->worker;

  return worker != NULL &&
         atomic_load_explicit (&worker->pool->stop_epoch, memory_order_relaxed) !=
           worker->stop_epoch;
}
