/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-pool-private.h"
#include "core/cfut-ring-private.h"
#include "core/cfut-waiter-private.h"

G_BEGIN_DECLS

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
  CfutRing ring;

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

static inline void
count_one (_Atomic guint64 *counter)
{
  atomic_store_explicit (counter, atomic_load_explicit (counter, memory_order_relaxed) + 1,
                         memory_order_relaxed);
}

gboolean cfut_pool_has_work    (CfutPool *self);
void     cfut_pool_notify      (CfutPool *self);
gboolean cfut_pool_wake_idle   (CfutPool *self);
void     cfut_pool_check_ended (CfutPool *self);
/* What a thread does with a token that was counted as live and searching. */
void     cfut_pool_work        (CfutPool *self);

G_END_DECLS
