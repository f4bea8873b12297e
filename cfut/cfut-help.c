/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Blocking waits for chains on the thread that is to call their functions.
 *
 * The function of a chain is called on its owner's context, so a thread that blocks in a wait for what depends on one
 * of its own chains would wait for itself. Instead it calls these functions, and no others, inside the
 * wait: it marks the chains on which the future hangs, and whoever makes one of them due wakes it.
 *
 * Threads: the one that waits. Others only push into `ready` and wake.
 * Locks: a chain's cell lock guards its mark, and so the life of what is marked with.
 * Owns: a reference on each chain that it has marked, and on each in `ready`.
 * Invariants:
 * 1. A mark does not outlast its wait; the one of an outer wait of the same thread comes back after.
 * 2. A function is called only while this thread has the context that it belongs to.
 * 3. What a called function returns is marked before the wait goes on.
 * Not here: who calls a function where nobody waits (cfut-chain.c). */

#include "cfut-follow-private.h"
#include "cfut-help-private.h"
#include "cfut-wait-private.h"

typedef struct {
  CfutFuture *chain;
  CfutHelp *previous;
} Mark;

void
cfut_help_add (CfutHelp   *self,
               CfutFuture *future)
{
  GHashTable *seen;
  GPtrArray *left;

  if (!cfut_future_has_upstream (future))
    return;

  seen = g_hash_table_new (NULL, NULL);
  left = g_ptr_array_new ();
  g_ptr_array_add (left, g_object_ref (future));
  while (left->len > 0)
    {
      CfutFuture *next = g_ptr_array_steal_index_fast (left, left->len - 1);
      Mark mark = { next, NULL };

      if (cfut_future_is_settled (next) || !g_hash_table_add (seen, next))
        {
          cfut_future_release (next);
          continue;
        }

      ((CfutFutureClass *) ((GTypeInstance *) next)->g_class)->list_upstream (next, left);
      if (cfut_chain_mark (next, self, &mark.previous))
        g_array_append_val (self->marks, mark);
      else
        cfut_future_release (next);
    }
  g_ptr_array_unref (left);
  g_hash_table_unref (seen);
}

static void
help_serve (CfutHelp *self,
            gboolean  calls)
{
  CfutLink *link;

  while ((link = cfut_queue_pop (&self->ready)) != NULL)
    cfut_chain_serve_ready (link, calls);
}

/* The last marked first, so that marks which were made twice come off in their order. */
static void
help_end (CfutHelp *self)
{
  for (guint i = self->marks->len; i > 0; i--)
    {
      Mark *mark = &g_array_index (self->marks, Mark, i - 1);

      cfut_chain_unmark (mark->chain, mark->previous);
    }

  help_serve (self, FALSE);
  for (guint i = 0; i < self->marks->len; i++)
    cfut_future_release (g_array_index (self->marks, Mark, i).chain);
  g_array_unref (self->marks);
}

CfutWake
cfut_future_block_helping (CfutFuture   *future,
                           gint64        deadline_usec,
                           GCancellable *cancellable)
{
  CfutHelp help = { .thread = cfut_thread_get () };
  CfutWake wake;

  help.marks = g_array_new (FALSE, FALSE, sizeof (Mark));
  cfut_queue_init (&help.ready);
  cfut_help_add (&help, future);
  do
    {
      atomic_store_explicit (&help.nudged, FALSE, memory_order_seq_cst);
      help_serve (&help, TRUE);
      wake = cfut_cell_block_nudged (&future->cell, &help.nudged, deadline_usec, cancellable);
    }
  while (wake == CFUT_WAKE_NUDGED);
  help_end (&help);

  return wake;
}
