/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a chain has to do with blocked waits that hang on it: they mark it, and are woken when its
 * function is due, or when it waits for something else.
 *
 *   the owner's thread waits --> `help`: gets the chain in its queue of those that are ready
 *   another thread waits ------> `wanted`: the owner's thread is told that the function is wanted
 *   either, in a task ---------> looks again whether its wait can end (cfut-outlook.c)
 *
 * Threads: marks on the thread that waits; a chain gets ready, and tells, on the one that settles
 *   its upstream or calls its function.
 * Locks: the chain's cell lock guards its marks, and so the life of what has set them. Under it
 *   threads are woken, nothing else.
 * Owns: a chain's presence in a help's queue has a reference, and so has what is wanted.
 * Invariants:
 * 1. A chain stands in the queue of one help at a time, that of the innermost wait.
 * 2. A function is called only on a thread that has the context to which it belongs.
 * Not here: the waits (cfut-help.c); what a function gives (cfut-chain.c). */

#include "core/cfut-delivery-struct-private.h"
#include "cfut-chain-private.h"
#include "cfut-outlook-private.h"

/* Takes the context for the time, unless this thread's loop has it already. */
static void
chain_run_here (CfutChainFuture *self)
{
  CfutDelivery *delivery = self->parent_instance.owner->delivery;
  GMainContext *context = g_main_context_get_thread_default ();

  if (context == NULL)
    context = g_main_context_default ();

  if (cfut_thread_get ()->delivering == delivery)
    {
      cfut_chain_run (self);
    }
  else if (cfut_owner_is_context_here (self->parent_instance.owner) &&
           g_main_context_acquire (context))
    {
      cfut_chain_run (self);
      g_main_context_release (context);
    }
}

void
cfut_chain_get_ready_locked (CfutChainFuture *self)
{
  if (self->help == NULL || !self->due || self->is_ready)
    return;

  self->is_ready = TRUE;
  g_object_ref (self);
  cfut_queue_push (&self->help->ready, &self->ready_link);
  atomic_store_explicit (&self->help->nudged, TRUE, memory_order_seq_cst);
  cfut_parker_signal (self->help->thread->parker);
}

static void
chain_run_wanted (gpointer        chain,
                  CfutDeliverMode mode)
{
  if (mode != CFUT_DELIVER_ORPHAN)
    chain_run_here (chain);
  cfut_future_release (chain);
}

void
cfut_chain_want (CfutChainFuture *self)
{
  cfut_owner_want (self->parent_instance.owner, chain_run_wanted, g_object_ref (self));
}

void
cfut_chain_look_again_locked (CfutChainFuture *self,
                              GPtrArray       *tasks)
{
  if (self->help != NULL &&
      (tasks != NULL ? cfut_outlook_concerns (self->help, tasks) : self->help->pool != NULL))
    cfut_help_look_again (self->help);

  for (CfutMark *mark = self->wanted; mark != NULL; mark = mark->next)
    if (tasks != NULL ? cfut_outlook_concerns (mark->help, tasks) : mark->help->pool != NULL)
      cfut_help_look_again (mark->help);
}

gboolean
cfut_chain_concerns_tasks_locked (CfutChainFuture *self)
{
  if (self->help != NULL && (self->help->task != NULL || self->help->pool != NULL))
    return TRUE;

  for (CfutMark *mark = self->wanted; mark != NULL; mark = mark->next)
    if (mark->help->task != NULL || mark->help->pool != NULL)
      return TRUE;

  return FALSE;
}

void
cfut_chain_tell_tasks (CfutChainFuture *self,
                       CfutFuture      *upstream)
{
  CfutFuture *future = &self->parent_instance;
  GPtrArray *tasks = cfut_outlook_list_tasks (upstream);

  cfut_cell_lock (&future->cell);
  cfut_chain_look_again_locked (self, tasks);
  cfut_cell_unlock (&future->cell);
  g_ptr_array_unref (tasks);
}

gboolean
cfut_chain_is_helped (CfutChainFuture *self)
{
  CfutFuture *future = &self->parent_instance;
  gboolean helped;

  cfut_cell_lock (&future->cell);
  helped = self->help != NULL;
  if (helped)
    atomic_store_explicit (&self->help->nudged, FALSE, memory_order_seq_cst);
  cfut_cell_unlock (&future->cell);

  return helped;
}

gboolean
cfut_chain_mark (CfutMark *mark)
{
  CfutFuture *future = mark->chain;
  CfutChainFuture *self = (CfutChainFuture *) future;
  gboolean due;

  if (!G_TYPE_CHECK_INSTANCE_TYPE (future, cfut_chain_future_get_type ()))
    return FALSE;

  mark->is_wanted = !cfut_owner_is_context_here (future->owner);
  cfut_cell_lock (&future->cell);
  due = self->due;
  if (mark->is_wanted)
    {
      mark->next = self->wanted;
      if (mark->next != NULL)
        mark->next->prev = mark;
      self->wanted = mark;
    }
  else
    {
      mark->previous = self->help;
      self->help = mark->help;
      cfut_chain_get_ready_locked (self);
    }
  cfut_cell_unlock (&future->cell);

  if (mark->is_wanted && due)
    cfut_chain_want (self);
  return TRUE;
}

void
cfut_chain_unmark (CfutMark *mark)
{
  CfutFuture *future = mark->chain;
  CfutChainFuture *self = (CfutChainFuture *) future;

  cfut_cell_lock (&future->cell);
  if (!mark->is_wanted)
    self->help = mark->previous;
  else if (mark->prev != NULL)
    mark->prev->next = mark->next;
  else
    self->wanted = mark->next;
  if (mark->is_wanted && mark->next != NULL)
    mark->next->prev = mark->prev;
  cfut_cell_unlock (&future->cell);
}

void
cfut_chain_serve_ready (CfutLink *link,
                        gboolean  calls)
{
  CfutChainFuture *self =
    (CfutChainFuture *) ((char *) link - G_STRUCT_OFFSET (CfutChainFuture, ready_link));
  CfutFuture *future = &self->parent_instance;

  cfut_cell_lock (&future->cell);
  self->is_ready = FALSE;
  if (!calls)
    cfut_chain_get_ready_locked (self);
  cfut_cell_unlock (&future->cell);

  if (calls)
    chain_run_here (self);
  cfut_future_release (future);
}
