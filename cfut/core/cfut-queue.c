/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* An intrusive queue of many producers and one consumer at a time, after Dmitry Vyukov's
 * "Intrusive MPSC node-based queue": a producer exchanges the tail, then links its
 * predecessor to itself. Used for the submissions of an executor and for what a main
 * context has to deliver.
 *
 * Threads: push and is_empty on any thread; pop by one thread at a time, which the embedder
 * sees to (a lock that is tried, or the ownership of a main context).
 * Locks: none.
 * Owns: nothing. A link belongs to the queue from push until pop returned it.
 * Invariants:
 * 1. The tail is the stub exactly when the queue is empty: when the last link goes, the consumer
 *    swaps the stub back in with a compare-and-exchange instead of pushing it, so
 *    one load of the tail tells a thread that wants to sleep whether it may.
 * 2. A push that has exchanged the tail but not linked yet counts as not empty, though pop
 *    returns NULL until it is linked.
 * Not here: blocking, waking, priorities. */

#include "core/cfut-queue-private.h"

void
cfut_queue_init (CfutQueue *self)
{
  atomic_init (&self->stub.next, NULL);
  atomic_init (&self->tail, &self->stub);
  self->head = &self->stub;
}

void
cfut_queue_push (CfutQueue *self,
                 CfutLink  *link)
{
  CfutLink *previous;

  atomic_store_explicit (&link->next, NULL, memory_order_relaxed);

  /* seq_cst: a sleeper announces itself, then looks at the tail; we move the tail, then look
   * for sleepers. */
  previous = atomic_exchange_explicit (&self->tail, link, memory_order_seq_cst);
  atomic_store_explicit (&previous->next, link, memory_order_release);
}

/* What pop would return; it may return NULL yet, while another thread is pushing. */
CfutLink *
cfut_queue_peek (CfutQueue *self)
{
  return self->head == &self->stub
           ? atomic_load_explicit (&self->stub.next, memory_order_acquire) : self->head;
}

/* NULL: empty, or the next link is not linked yet, which is_empty tells apart. */
CfutLink *
cfut_queue_pop (CfutQueue *self)
{
  CfutLink *head = self->head;
  CfutLink *next = atomic_load_explicit (&head->next, memory_order_acquire);
  CfutLink *expected = head;

  if (head == &self->stub)
    {
      if (next == NULL)
        return NULL;

      self->head = next;
      head = expected = next;
      next = atomic_load_explicit (&head->next, memory_order_acquire);
    }

  if (next != NULL)
    {
      self->head = next;
      return head;
    }

  atomic_store_explicit (&self->stub.next, NULL, memory_order_relaxed);
  if (atomic_compare_exchange_strong_explicit (&self->tail, &expected, &self->stub,
                                               memory_order_acq_rel, memory_order_acquire))
    {
      self->head = &self->stub;
      return head;
    }

  return NULL;
}

gboolean
cfut_queue_is_empty (CfutQueue *self)
{
  return atomic_load_explicit (&self->tail, memory_order_seq_cst) == &self->stub;
}
