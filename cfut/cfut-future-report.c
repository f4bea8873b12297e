/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What changes in a future while it is not settled: progress, a message, that it runs, lines of a command.
 *
 *   report, changed, lines came --> scheduled, if anybody listens --> (cfut-future-announce.c)
 *
 * Threads: all on any.
 * Locks: the cell's lock guards `dirty` and what it tells of; nothing is pushed under it.
 * Owns: one reference for the presence in the delivery queue, which who sets SCHEDULED takes.
 * Invariants:
 * 1. A change that nobody listens to costs no wake-up, but for the first report of each future: who has
 *    just submitted may not have had the time to connect.
 * Not here: how it is told on the owner's context, and how often. */

#include "core/cfut-thread-private.h"
#include "cfut-future-private.h"

/* Sets @flags along with what schedules the future. */
static void
future_schedule_changes (CfutFuture *self,
                         guint       flags)
{
  guint word = atomic_load_explicit (&self->cell.word, memory_order_relaxed);

  do
    {
      if (cfut_cell_settled (word))
        return;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->cell.word, &word,
                                                 word | flags | CFUT_CELL_CHANGED |
                                                   (word & CFUT_CELL_THROTTLED
                                                      ? 0 : CFUT_CELL_SCHEDULED),
                                                 memory_order_acq_rel, memory_order_relaxed));

  if (!(word & (CFUT_CELL_THROTTLED | CFUT_CELL_SCHEDULED)))
    {
      g_object_ref (self);
      cfut_owner_push (self->owner, &self->item);
    }
}

/* Something that a UI shows has changed: schedules the future if anybody listens. A handler of `done`
 * need not be told. */
void
cfut_future_changed (CfutFuture *self)
{
  if (cfut_future_has_watchers (self))
    future_schedule_changes (self, 0);
}

/* The first report may come before who has just submitted could connect a handler: the owner's
 * context looks who listens. */
static void
future_reported (CfutFuture *self)
{
  if (!(cfut_cell_load (&self->cell) & CFUT_CELL_REPORTED) || cfut_future_has_watchers (self))
    future_schedule_changes (self, CFUT_CELL_REPORTED);
}

void
cfut_future_lines_came (CfutFuture *self)
{
  guint word = atomic_load_explicit (&self->cell.word, memory_order_relaxed);

  do
    {
      if (cfut_cell_settled (word))
        return;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->cell.word, &word,
                                                 word | CFUT_CELL_LINES | CFUT_CELL_SCHEDULED,
                                                 memory_order_acq_rel, memory_order_relaxed));

  if (!(word & CFUT_CELL_SCHEDULED))
    {
      g_object_ref (self);
      cfut_owner_push (self->owner, &self->item);
    }
}

/* Its function runs, or the lines are told that its command wrote before it settled, which is not
 * shown yet. */
static inline gboolean
may_report (CfutFuture *self,
            guint       word)
{
  return !cfut_cell_settled (word) || cfut_thread_get ()->telling_task == self;
}

void
cfut_future_report_progress (CfutFuture *self,
                             guint64     done,
                             guint64     total)
{
  CfutFutureExtra *extra = cfut_future_get_extra (self);
  gboolean changed = FALSE;
  guint word;

  if (total > 0)
    done = MIN (done, total);
  word = cfut_cell_lock (&self->cell);
  if (may_report (self, word) && (extra->done != done || extra->total != total))
    {
      changed = TRUE;
      extra->done = done;
      extra->total = total;
      extra->dirty |= CFUT_FUTURE_DIRTY_PROGRESS;
    }
  cfut_cell_unlock (&self->cell);

  if (changed)
    {
      cfut_cell_walk_progress (&self->cell, done, total);
      future_reported (self);
    }
}

void
cfut_future_report_message (CfutFuture *self,
                            const char *message)
{
  CfutFutureExtra *extra = cfut_future_get_extra (self);
  char *old = g_strdup (message);
  gboolean changed = FALSE;
  guint word;

  word = cfut_cell_lock (&self->cell);
  if (may_report (self, word) && g_strcmp0 (extra->message, message) != 0)
    {
      char *copy = old;

      changed = TRUE;
      old = extra->message;
      extra->message = copy;
      extra->dirty |= CFUT_FUTURE_DIRTY_MESSAGE;
    }
  cfut_cell_unlock (&self->cell);

  g_free (old);
  if (changed)
    {
      cfut_cell_walk_message (&self->cell);
      future_reported (self);
    }
}
