/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Calls that a thread makes for others: on its context, in a loop or while it is blocked in a wait
 * of the library's.
 *
 *   want --> the owner's queue of what is wanted --(blocked, in a loop's callback too)--> called,
 *        \-> the delivery queue ------------------(a loop)------------------------------>  once
 *
 * Threads: want on any. The call is made on the owner's thread, or on who iterates the context;
 *   where both are gone, on who takes care of the default context.
 * Locks: none.
 * Owns: a want stands in both queues, with a reference of each.
 * Invariants:
 * 1. Each is called once.
 * 2. Nothing is called where a thread only reaps in passing, as in a submission: it may hold locks
 *    of its own.
 * Not here: when a blocked thread looks (cfut-owner.c). */

#include "core/cfut-delivery-struct-private.h"
#include "core/cfut-waiter-private.h"

typedef struct {
  CfutItem wanted;
  CfutItem item;
  gatomicrefcount ref_count;
  CfutOwner *owner;
  void (*func) (gpointer data, CfutDeliverMode mode);
  gpointer data;
} CfutWant;

static void
want_unref (CfutWant *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  cfut_owner_unref (self->owner);
  g_free (self);
}

static gboolean
want_call (CfutItem        *item,
           CfutDeliverMode  mode)
{
  CfutWant *self = (CfutWant *) item;

  self->func (self->data, mode);
  want_unref (self);
  return FALSE;
}

static const CfutItemClass want_class = {
  .deliver = want_call,
};

/* The owner's thread makes the call in its next wait, unless it is gone: then this one is
 * blocked. */
static gboolean
want_deliver (CfutItem        *item,
              CfutDeliverMode  mode)
{
  CfutWant *self = (CfutWant *) ((char *) item - G_STRUCT_OFFSET (CfutWant, item));
  gboolean called = g_atomic_ref_count_compare (&self->ref_count, 1);

  if (!called && mode == CFUT_DELIVER_REAP && cfut_owner_is_thread_here (self->owner))
    return TRUE;

  if (!called)
    cfut_owner_serve_wanted (self->owner, mode == CFUT_DELIVER_REAP ? CFUT_DELIVER_LOOP : mode);
  want_unref (self);
  return FALSE;
}

static const CfutItemClass want_item_class = {
  .deliver = want_deliver,
};

void
cfut_owner_want (CfutOwner *self,
                 void     (*func) (gpointer data, CfutDeliverMode mode),
                 gpointer   data)
{
  CfutWant *want = g_new0 (CfutWant, 1);
  CfutParker *server;

  want->wanted.klass = &want_class;
  want->item.klass = &want_item_class;
  g_atomic_ref_count_init (&want->ref_count);
  g_atomic_ref_count_inc (&want->ref_count);
  want->owner = cfut_owner_ref (self);
  want->func = func;
  want->data = data;

  cfut_queue_push (&self->wanted, &want->wanted.link);
  server = atomic_exchange_explicit (&self->server, NULL, memory_order_seq_cst);
  if (server != NULL)
    {
      atomic_store_explicit (&self->nudged, TRUE, memory_order_release);
      cfut_parker_signal (server);
    }
  cfut_owner_push (self, &want->item);
}

void
cfut_owner_serve_wanted (CfutOwner       *self,
                         CfutDeliverMode  mode)
{
  CfutItem *wanted;

  while ((wanted = (CfutItem *) cfut_queue_pop (&self->wanted)) != NULL)
    wanted->klass->deliver (wanted, mode);
}
