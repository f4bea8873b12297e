/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Blocking waits for chains on the thread that is to call their functions.
 *
 * The function of a chain is called on its owner's context, so a thread that blocks in a wait for
 * what depends on one of its own chains would wait for itself. Instead it calls these functions
 * inside the wait: it marks the chains on which the future hangs, and whoever makes one of them due
 * wakes it. A chain of another thread is marked as wanted: where that thread is blocked too,
 * perhaps for this one, it calls the function inside its own wait.
 *
 * A wait that goes on for what is new marks only that; to mark is some hundred nanoseconds for each
 * chain, during which more of them become due: so a row of waits takes no longer than twice what is
 * waited for, however many chains.
 *
 * Threads: the one that waits. Others only push into `ready` and wake.
 * Locks: a chain's cell lock guards its mark, and so the life of what is marked with.
 * Owns: a reference on each chain that it has marked, and on each in `ready`.
 * Invariants:
 * 1. A mark does not outlast its wait; the one of an outer wait of the same thread comes back
 *    after.
 * 2. A function is called only while this thread has the context that it belongs to.
 * 3. What a called function returns is marked before the wait goes on.
 * Not here: who calls a function where nobody waits (cfut-chain.c). */

#include "cfut-follow-private.h"
#include "cfut-help-private.h"
#include "cfut-outlook-private.h"
#include "cfut-wait-private.h"

/* Takes over the reference. */
static void
help_mark (CfutHelp   *self,
           CfutFuture *future)
{
  CfutMark *mark;

  if (self->marks == NULL)
    {
      self->marks = g_ptr_array_new ();
      self->marked = g_hash_table_new (NULL, NULL);
    }

  if (!g_hash_table_add (self->marked, future))
    {
      cfut_future_release (future);
      return;
    }

  mark = g_new0 (CfutMark, 1);
  mark->chain = future;
  mark->help = self;
  if (cfut_chain_mark (mark))
    {
      g_ptr_array_add (self->marks, mark);
      return;
    }

  g_hash_table_remove (self->marked, future);
  cfut_future_release (future);
  g_free (mark);
}

void
cfut_help_add_all (CfutHelp  *self,
                   GPtrArray *futures)
{
  GHashTable *seen = g_hash_table_new (NULL, NULL);

  while (futures->len > 0)
    {
      CfutFuture *next = g_ptr_array_steal_index_fast (futures, futures->len - 1);

      if (cfut_future_is_settled (next) || !cfut_future_has_upstream (next) ||
          !g_hash_table_add (seen, next))
        {
          cfut_future_release (next);
          continue;
        }

      ((CfutFutureClass *) ((GTypeInstance *) next)->g_class)->list_upstream (next, futures);
      help_mark (self, next);
    }
  g_hash_table_unref (seen);
}

void
cfut_help_add (CfutHelp   *self,
               CfutFuture *future)
{
  GPtrArray *futures;

  if (!cfut_future_has_upstream (future))
    return;

  futures = g_ptr_array_new ();
  g_ptr_array_add (futures, g_object_ref (future));
  cfut_help_add_all (self, futures);
  g_ptr_array_unref (futures);
}

void
cfut_help_nudge (CfutHelp *self)
{
  atomic_store_explicit (&self->again, TRUE, memory_order_seq_cst);
  atomic_store_explicit (&self->nudged, TRUE, memory_order_seq_cst);
  cfut_parker_signal (self->thread->parker);
}

static void
help_serve (CfutHelp *self,
            gboolean  calls)
{
  CfutLink *link;

  while ((link = cfut_queue_pop (&self->ready)) != NULL)
    cfut_chain_serve_ready (link, calls);
}

void
cfut_help_look_again (CfutHelp *self)
{
  atomic_store_explicit (&self->is_stale, TRUE, memory_order_seq_cst);
  atomic_store_explicit (&self->nudged, TRUE, memory_order_seq_cst);
  cfut_parker_signal (self->thread->parker);
}

void
cfut_help_begin (CfutHelp *self,
                 gboolean  unlimited)
{
  self->thread = cfut_thread_get ();
  self->task = self->thread->running_task;
  self->is_nested = cfut_pool_is_nested ();
  self->pool = unlimited ? cfut_pool_get_fixed () : NULL;
  self->marks = NULL;
  self->marked = NULL;
  cfut_queue_init (&self->ready);
  atomic_init (&self->nudged, FALSE);
  atomic_init (&self->again, TRUE);
  atomic_init (&self->is_stale, FALSE);
}

gboolean
cfut_help_wants_more (CfutHelp *self)
{
  atomic_store_explicit (&self->nudged, FALSE, memory_order_seq_cst);
  return atomic_exchange_explicit (&self->again, FALSE, memory_order_seq_cst);
}

void
cfut_help_serve (CfutHelp *self)
{
  help_serve (self, TRUE);
}

void
cfut_help_end (CfutHelp *self)
{
  if (self->marks == NULL)
    return;

  for (guint i = 0; i < self->marks->len; i++)
    cfut_chain_unmark (self->marks->pdata[i]);

  help_serve (self, FALSE);
  for (guint i = 0; i < self->marks->len; i++)
    {
      CfutMark *mark = self->marks->pdata[i];

      cfut_future_release (mark->chain);
      g_free (mark);
    }
  g_ptr_array_unref (self->marks);
  g_hash_table_unref (self->marked);
}

static void
help_look (CfutOutlook *outlook,
           gpointer     future)
{
  if (!cfut_future_is_settled (future))
    cfut_outlook_see (outlook, future);
}

CfutWake
cfut_future_block_helping (CfutFuture   *future,
                           gint64        deadline_usec,
                           GCancellable *cancellable)
{
  CfutHelp help;
  CfutOutlook outlook;
  CfutWake wake;

  cfut_help_begin (&help, deadline_usec == CFUT_NO_DEADLINE && cancellable == NULL);
  cfut_outlook_init (&outlook, &help);
  do
    {
      if (cfut_help_wants_more (&help))
        cfut_help_add (&help, future);
      cfut_help_serve (&help);
      wake = cfut_outlook_begin_block (&outlook, help_look, future, &future->cell, NULL);
      if (wake == CFUT_WAKE_FIRED)
        wake = cfut_cell_block_nudged (&future->cell, &help.nudged, deadline_usec, cancellable);
      cfut_outlook_end_block (&outlook);
    }
  while (wake == CFUT_WAKE_NUDGED);
  cfut_outlook_clear (&outlook);
  cfut_help_end (&help);

  return cfut_future_is_settled (future) ? CFUT_WAKE_FIRED : wake;
}
