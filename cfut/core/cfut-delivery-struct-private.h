/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-delivery-private.h"

G_BEGIN_DECLS

typedef struct _CfutThread CfutThread;

/* On lines of its own: workers look at it for each task, and what happened to lie beside it may be
 * written for each by the owner's thread. */
struct _CfutDelivery {
  _Alignas (64) gatomicrefcount ref_count;
  gconstpointer key;        /* immutable: the context, to compare with only */

  /* Guarded by lock */
  GMutex lock;
  GMainContext *context;    /* NULL: gone */
  CfutOwner *ready;
  CfutOwner *ready_last;
  _Atomic (CfutDelayed *) orphans;  /* the default context's: delayed ones of those gone */

  /* The context destroys both; alive as long as context is not NULL */
  GSource *source;
  GSource *guard;

  /* Owning context only */
  CfutDelayed *delayed;     /* by time */
  CfutDelayed *delayed_last;
  gboolean lifted;

  /* Atomic: written under the lock, looked at without it */
  _Atomic guint n_ready;
  _Atomic gboolean gone;
  _Atomic guint n_strays;   /* owners in ready that no thread of their own will reap */
  _Atomic gpointer iterated_by;  /* the thread whose loop last looked at the source */
};

/* On lines of their own: what who pushes reads, what it writes, and what the thread writes for each
 * of its submissions. Between two processors a line may take as long as the making of an object. */
struct _CfutOwner {
  /* Immutable while anybody holds it */
  CfutDelivery *delivery;
  CfutThread *thread;       /* compared only */

  _Atomic gboolean scheduled;
  _Atomic gboolean thread_gone;

  /* Atomic: the parker of the thread while it is blocked and could reap, and whether it should */
  _Atomic (CfutParker *) sleeper;
  _Atomic gboolean nudged;
  _Atomic (CfutParker *) server;  /* the thread's, while it is blocked in a loop */

  /* Guarded by the lock of the delivery in whose ready list it stands */
  CfutOwner *next_ready;

  _Alignas (64) CfutQueue queue;

  /* Behind the head of that. Who owns the context only; others may look whether there is anything */
  _Atomic (CfutItem *) kept;
  CfutItem *kept_last;
  CfutItem *looked_at;      /* of the kept ones, the last that reaping has looked at and left; NULL: begin */

  /* The thread's own */
  _Alignas (64) CfutOwner *next_of_thread;
  gint64 n_own;             /* references that it has counted, see cfut_owner_ref */
  gboolean counts_own;      /* until it leaves the owner */
  guint n_ticks;
  guint n_waits;
  gboolean reaps;           /* what it destroys may wait, and then does not reap */
  guint n_stalled;          /* ticks at which nothing could go */

  /* Of all others, and CFUT_OWNER_HELD as long as the thread counts its own; 0: spare */
  _Alignas (64) _Atomic gint64 ref_count;

  /* What another thread waits for, to be done by the thread while it is blocked, in a loop too: who
   * owns the context takes it out */
  CfutQueue wanted;
};

#define CFUT_OWNER_HELD (G_GINT64_CONSTANT (1) << 40)

static inline void
cfut_owner_keep (CfutOwner *self,
                 CfutItem  *item)
{
  atomic_store_explicit (&item->link.next, NULL, memory_order_relaxed);
  if (atomic_load_explicit (&self->kept, memory_order_relaxed) == NULL)
    atomic_store_explicit (&self->kept, item, memory_order_relaxed);
  else
    atomic_store_explicit (&self->kept_last->link.next, &item->link, memory_order_relaxed);
  self->kept_last = item;
}

static inline CfutItem *
cfut_owner_next_kept (CfutOwner *self,
                      CfutItem  *previous)
{
  return previous == NULL
           ? atomic_load_explicit (&self->kept, memory_order_relaxed)
           : (CfutItem *) atomic_load_explicit (&previous->link.next, memory_order_relaxed);
}

static inline void
cfut_owner_link_kept (CfutOwner *self,
                      CfutItem  *previous,
                      CfutItem  *next)
{
  if (previous == NULL)
    atomic_store_explicit (&self->kept, next, memory_order_relaxed);
  else
    atomic_store_explicit (&previous->link.next, next != NULL ? &next->link : NULL,
                           memory_order_relaxed);
}

static inline CfutItem *
cfut_owner_take_kept (CfutOwner *self)
{
  CfutItem *item = atomic_load_explicit (&self->kept, memory_order_relaxed);

  if (item != NULL)
    cfut_owner_link_kept (self, NULL, cfut_owner_next_kept (self, item));
  if (self->looked_at == item)
    self->looked_at = NULL;
  return item;
}

/* As far as it is known. The numbers are those of a task. */
static inline void
cfut_owner_prefetch_next (CfutOwner *self)
{
  CfutItem *item = atomic_load_explicit (&self->kept, memory_order_relaxed);

  cfut_link_prefetch (item != NULL ? &item->link : self->queue.head, 80, 64);
}

static inline CfutItem *
cfut_owner_take (CfutOwner *self)
{
  CfutItem *item = cfut_owner_take_kept (self);

  if (item == NULL)
    item = (CfutItem *) cfut_queue_pop (&self->queue);
  if (item != NULL)
    cfut_owner_prefetch_next (self);
  return item;
}

/* (transfer none): the source of the delivery holds it as long as the context lives. */
CfutDelivery *cfut_delivery_for_context  (GMainContext *context);
void          cfut_delivery_unref        (CfutDelivery *self);
CfutOwner    *cfut_delivery_peek_ready   (CfutDelivery *self);
void          cfut_delivery_rotate_ready (CfutDelivery *self);
gboolean      cfut_owner_try_ref         (CfutOwner    *self);
/* The context, if it is certain to live; NULL: it is not this thread's. */
GMainContext *cfut_owner_context_of_thread  (CfutOwner *self);
gboolean      cfut_owner_may_borrow_context (CfutOwner *self);
void          cfut_owner_make_ready      (CfutOwner    *self);
gboolean      cfut_owner_finish          (CfutOwner    *self,
                                          CfutDelivery *delivery);

G_END_DECLS
