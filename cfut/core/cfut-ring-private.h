/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-queue-private.h"

G_BEGIN_DECLS

#define CFUT_RING_SIZE 256u

/* Links, first in, first out: the ring's owner appends, everybody takes from the head. Its owner may
 * also take back a certain link, if that stands at one of the two ends. The indexes run on and wrap
 * at 2^32, of which the size is a divisor.
 *
 * To take back the last the owner lowers the tail, then looks at the head; others look at the head,
 * then at the tail: all sequentially consistent, so that a link which the owner took for one among
 * several is seen by nobody (Chase and Lev, 2005). The only one left is taken from the head as
 * others do. For a moment the tail may stand before the head: such a ring is empty. */
typedef struct {
  _Atomic guint32 head;
  _Atomic guint32 tail;
  _Atomic (CfutLink *) slots[CFUT_RING_SIZE];
} CfutRing;

/* How many there are, as far as anybody can tell who is not its owner. */
static inline guint32
cfut_ring_length (CfutRing *self)
{
  guint32 head = atomic_load_explicit (&self->head, memory_order_seq_cst);
  gint32 length = (gint32) (atomic_load_explicit (&self->tail, memory_order_seq_cst) - head);

  return length > 0 ? (guint32) length : 0;
}

static inline gboolean
cfut_ring_is_empty (CfutRing *self)
{
  return cfut_ring_length (self) == 0;
}

static inline guint32
cfut_ring_space (CfutRing *self)
{
  return CFUT_RING_SIZE - (atomic_load_explicit (&self->tail, memory_order_relaxed) -
                           atomic_load_explicit (&self->head, memory_order_acquire));
}

/* By the worker itself, where there is space. */
static inline void
cfut_ring_append (CfutRing *self,
                  CfutLink *link)
{
  guint32 tail = atomic_load_explicit (&self->tail, memory_order_relaxed);

  atomic_store_explicit (&self->slots[tail % CFUT_RING_SIZE], link, memory_order_relaxed);
  atomic_store_explicit (&self->tail, tail + 1, memory_order_seq_cst);
}

static inline CfutLink *
cfut_ring_take (CfutRing *self)
{
  guint32 head = atomic_load_explicit (&self->head, memory_order_seq_cst);

  for (;;)
    {
      CfutLink *link;

      if ((gint32) (atomic_load_explicit (&self->tail, memory_order_seq_cst) - head) <= 0)
        return NULL;

      /* If the slot has been taken and filled again meanwhile, the head has moved. */
      link = atomic_load_explicit (&self->slots[head % CFUT_RING_SIZE], memory_order_relaxed);
      if (atomic_compare_exchange_weak_explicit (&self->head, &head, head + 1,
                                                 memory_order_seq_cst, memory_order_seq_cst))
        return link;
    }
}

static inline gboolean
ring_has_at (CfutRing *self,
             guint32   index,
             CfutLink *link)
{
  return atomic_load_explicit (&self->slots[index % CFUT_RING_SIZE], memory_order_relaxed) == link;
}

/* By the worker itself. FALSE: it is not the last. */
static inline gboolean
ring_take_last (CfutRing *self,
                CfutLink *link)
{
  guint32 last = atomic_load_explicit (&self->tail, memory_order_relaxed) - 1;
  guint32 head;
  gboolean taken;

  if (!ring_has_at (self, last, link))
    return FALSE;

  atomic_store_explicit (&self->tail, last, memory_order_seq_cst);
  head = atomic_load_explicit (&self->head, memory_order_seq_cst);
  if ((gint32) (last - head) > 0)
    return TRUE;

  /* It is the only one, or gone. */
  taken = head == last &&
          atomic_compare_exchange_strong_explicit (&self->head, &head, last + 1,
                                                   memory_order_seq_cst, memory_order_relaxed);
  atomic_store_explicit (&self->tail, last + 1, memory_order_seq_cst);
  return taken;
}

/* By the worker itself. FALSE: it stands somewhere in the middle, or not here. */
static inline gboolean
cfut_ring_take_back (CfutRing *self,
                     CfutLink *link)
{
  guint32 head;

  if (ring_take_last (self, link))
    return TRUE;

  head = atomic_load_explicit (&self->head, memory_order_seq_cst);
  return atomic_load_explicit (&self->tail, memory_order_relaxed) != head &&
         ring_has_at (self, head, link) &&
         atomic_compare_exchange_strong_explicit (&self->head, &head, head + 1,
                                                  memory_order_seq_cst, memory_order_relaxed);
}

G_END_DECLS
