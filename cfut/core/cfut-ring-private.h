/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-queue-private.h"

G_BEGIN_DECLS

#define CFUT_RING_SIZE 256u

/* Links, first in, first out: the ring's owner appends, everybody takes from the head. The indexes
 * run on and wrap at 2^32, of which the size is a divisor. */
typedef struct {
  _Atomic guint32 head;
  _Atomic guint32 tail;
  _Atomic (CfutLink *) slots[CFUT_RING_SIZE];
} CfutRing;

static inline gboolean
cfut_ring_is_empty (CfutRing *self)
{
  return atomic_load_explicit (&self->head, memory_order_seq_cst) ==
         atomic_load_explicit (&self->tail, memory_order_seq_cst);
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
  guint32 head = atomic_load_explicit (&self->head, memory_order_acquire);

  for (;;)
    {
      CfutLink *link;

      if (head == atomic_load_explicit (&self->tail, memory_order_acquire))
        return NULL;

      /* If the slot has been taken and filled again meanwhile, the head has moved. */
      link = atomic_load_explicit (&self->slots[head % CFUT_RING_SIZE], memory_order_relaxed);
      if (atomic_compare_exchange_weak_explicit (&self->head, &head, head + 1,
                                                 memory_order_acq_rel, memory_order_acquire))
        return link;
    }
}

G_END_DECLS
