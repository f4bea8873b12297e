/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-gate-private.h"
#include "core/cfut-pool-private.h"
#include "core/cfut-ring-private.h"
#include "core/cfut-timer-private.h"
#include "core/cfut-waiter-private.h"

G_BEGIN_DECLS

#define WORD_SEARCHING(word) ((guint) ((word) & 0xfff))
#define WORD_IDLE(word) ((guint) (((word) >> 12) & 0xfff))
#define WORD_LIVE(word) ((guint) (((word) >> 24) & 0xfff))
#define WORD_BLOCKED(word) ((guint) (((word) >> 36) & 0xfff))
#define ONE_SEARCHING (G_GUINT64_CONSTANT (1))
#define ONE_IDLE (G_GUINT64_CONSTANT (1) << 12)
#define ONE_LIVE (G_GUINT64_CONSTANT (1) << 24)
#define ONE_BLOCKED (G_GUINT64_CONSTANT (1) << 36)
#define STOP (G_GUINT64_CONSTANT (1) << 48)
#define BROKEN (G_GUINT64_CONSTANT (1) << 49)
#define EMPTIED (G_GUINT64_CONSTANT (1) << 50)

typedef struct {
  gatomicrefcount ref_count;
  GMutex lock;
  CfutPool *pool;  /* guarded by lock; NULL: gone */
} PoolHandle;

struct _CfutPoolWorker {
  CfutRing ring;

  /* Written by the worker alone, read by who wants statistics */
  _Atomic guint64 n_pushed;
  _Atomic guint64 n_taken;
  _Atomic guint64 n_completed;
  _Atomic guint64 n_stale;

  /* The innermost of what runs; see cfut-pool-run.c for who may change it */
  _Atomic (CfutPoolRun *) run;

  /* Not live any more, though it has not come back; written under the pool's lock */
  _Atomic gboolean abandoned;

  /* When the timer fires, NEVER if it is not armed; written under the pool's lock. Not later than
   * the first deadline of what runs, but it may be earlier: deadlines that were kept are forgotten,
   * not taken out. */
  _Atomic gint64 timer_usec;

  /* Counted as blocked; who turns it off takes it out of the count */
  _Atomic gboolean blocked;

  /* It has what it steals in its hands */
  _Atomic gboolean moves;

  /* It sleeps, or runs a function of a user's that is not among its runs: see cfut-fork.c */
  _Atomic gboolean aside;

  /* The worker's own */
  CfutPool *pool;
  guint number;
  guint depth;
  gint64 spin_usec;
  gboolean gated;      /* what it took last went through the gate */
  gboolean placed;     /* what it took last stood among the priorities */
  guint n_ticks;
  guint n_refills;
  guint batch;            /* as many as it takes from the injector at once */
  gint64 refilled_usec;
  guint64 n_at_refill;
  guint seed;
  guint stop_epoch;
  gpointer spare;      /* the embedder's, freed by its leave */

  /* The worker's own; while it stands on the idle stack, of who takes it from there */
  gboolean searching;

  /* Guarded by the pool's lock */
  gboolean in_use;
  gboolean is_idle;
  CfutPoolOwnWait *own_wait;   /* (nullable): the innermost; without compensation only */
  CfutPoolWorker *next_idle;
  CfutWaiter waiter;
  CfutTimer timer;     /* armed: owns a reference on the pool */
};

struct _CfutPool {
  /* Written for each link that is pushed, and taken, in turn */
  _Atomic guint64 n_injected;
  CfutQueue injector;
  char padding[64];

  /* Atomic, seq_cst where invariant 2 needs it */
  _Atomic guint64 word;
  _Atomic gboolean injector_lock;
  _Atomic guint n_ready;        /* of the heap: what may be taken now */
  _Atomic guint n_places;       /* of the heap: with what was set aside */
  _Atomic guint64 n_unqueued;
  _Atomic guint stop_epoch;
  _Atomic guint n_drains;       /* under way: nobody steals more than what is run next */
  _Atomic guint n_slots;
  _Atomic gint64 idle_usec;
  _Atomic gboolean compensate;
  _Atomic (GError *) error;     /* set once */
  _Atomic (CfutGate *) gate;    /* (nullable): set once; asked before anything is started */
  gatomicrefcount ref_count;

  /* Immutable */
  const CfutPoolClass *klass;
  guint max_workers;
  gpointer data;
  GDestroyNotify data_free;
  GThreadPool *threads;
  PoolHandle *handle;
  _Atomic (CfutPoolWorker *) *slots;

  /* Settles when the pool is closed, empty, and has no workers */
  CfutCell ended;

  GMutex places_lock;
  /* Guarded by places_lock */
  CfutHeap heap;

  GMutex lock;
  /* Guarded by lock */
  CfutPoolWorker *idle;
  guint n_strays;
  guint n_abandoned;

  /* Guarded by the lock of all pools */
  CfutPool *next_pool;
  CfutPool *prev_pool;
};

/* Threads that are not at a worker's work yet, or not any more, and are between GLib's hands and
 * ours: they allocate and free. */
extern _Atomic guint cfut_pool_n_between;

static inline void
count_one (_Atomic guint64 *counter)
{
  atomic_store_explicit (counter, atomic_load_explicit (counter, memory_order_relaxed) + 1,
                         memory_order_relaxed);
}

/* How many workers may be live: those that are blocked are stood in for. */
static inline guint
pool_limit (const CfutPool *self,
            guint64         word)
{
  return MIN (self->max_workers + WORD_BLOCKED (word), CFUT_POOL_MAX_WORKERS);
}

static inline guint64
pool_word (CfutPool *self)
{
  return atomic_load_explicit (&self->word, memory_order_seq_cst);
}

gboolean  cfut_pool_has_links   (CfutPool *self);   /* anything at all */
gboolean  cfut_pool_has_work    (CfutPool *self);   /* anything that may be started now */
gboolean  cfut_pool_is_held_back (CfutPool *self);  /* anything that may when the gate is open */
void      cfut_pool_wake_all_idle (CfutPool *self);
gboolean  cfut_pool_wake_idle   (CfutPool *self);
/* NULL: nothing runs. Else what runs is alive until it is given back, soon. */
CfutPoolRun *cfut_pool_claim    (CfutPoolWorker *worker);
void      cfut_pool_give_back   (CfutPoolWorker *worker,
                                 CfutPoolRun    *run);
void      cfut_pool_init_timer  (CfutPoolWorker *worker);
void      cfut_pool_drop_timer_locked (CfutPoolWorker *worker);
void      cfut_pool_retire_idle (CfutPool *self);
void      cfut_pool_drain_broken (CfutPool *self);
void      cfut_pool_break       (CfutPool *self,
                                 GError   *error);
CfutLink *cfut_pool_take_placed (CfutPool *self,
                                 gboolean  any);
void      cfut_pool_drain_link  (CfutPool *self,
                                 CfutLink *link,
                                 void    (*func) (CfutLink *link));
void      cfut_pool_drain_places (CfutPool *self,
                                  void    (*func) (CfutLink *link));
void      cfut_pool_register    (CfutPool *self);
void      cfut_pool_unregister  (CfutPool *self);
/* What a thread does with a token that was counted as live and searching. */
void      cfut_pool_work        (CfutPool *self);

G_END_DECLS
