/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Pausing: what has not started stays where it is, what runs stops at its next checkpoint.
 *
 * Threads: pause and resume on any; pause_here on the threads that run the function: one, or for a
 * range several.
 * Locks: the cell's guards the list of those that wait.
 * Owns: nothing; each waiter is on the stack of its thread.
 * Invariants:
 * 1. Whoever takes the list out of the extra part fires all in it, once; only then does pause_here
 *    return there.
 * 2. Nobody is in the list without PAUSED: it is cleared and the list taken under one lock.
 * Not here: queues, which hold back what is paused (cfut-thread-executor.c). */

#include "core/cfut-point-private.h"
#include "cfut-future-private.h"

void
cfut_future_wake_paused (CfutPaused *paused)
{
  while (paused != NULL)
    {
      CfutPaused *next = paused->next;

      cfut_waiter_fire (&paused->waiter);
      paused = next;
    }
}

/* Between two steps of a function. A worker that sleeps here is stood in for. */
void
cfut_future_pause_here (CfutFuture *self)
{
  CfutFutureExtra *extra;

  if (G_LIKELY (!(cfut_cell_load (&self->cell) & CFUT_CELL_PAUSED)))
    return;

  extra = cfut_future_get_extra (self);
  for (;;)
    {
      CfutPaused paused;
      guint word;

      cfut_waiter_init (&paused.waiter);
      cfut_point (CFUT_POINT_PAUSES, self);
      word = cfut_cell_lock (&self->cell);
      if (!(word & CFUT_CELL_PAUSED) || (word & CFUT_CELL_CANCEL_REQUESTED) ||
          cfut_cell_settled (word))
        {
          cfut_cell_unlock (&self->cell);
          return;
        }
      paused.next = extra->paused;
      extra->paused = &paused;
      cfut_cell_unlock (&self->cell);

      cfut_owner_block (&paused.waiter, CFUT_NO_DEADLINE, NULL);
    }
}

/**
 * cfut_future_pause:
 * @self: a future
 *
 * Pauses the future until [method@Cfut.Future.resume].
 *
 * A task that waits in the queue of a [class@Cfut.ThreadExecutor] or a
 * [class@Cfut.ProcessExecutor] is not started. A function that runs stops at its next
 * [method@Cfut.Task.checkpoint]; on threads, another one stands in for it meanwhile.
 * Cancelling works as ever, and deadlines go on. Of other futures, a promise's for example, only
 * [method@Cfut.Future.is_paused] changes, for whoever computes them to look at. May be called on
 * any thread; has no effect on what has settled.
 *
 * An executor that is shut down ends only when what is paused is resumed or cancelled. What is
 * paused in a queue stays there until then, also when everybody else has let go of it: resume or
 * cancel it before you drop it.
 *
 * Since: 1.0
 */
void
cfut_future_pause (CfutFuture *self)
{
  CfutFutureClass *klass;
  guint word;

  g_return_if_fail (CFUT_IS_FUTURE (self));

  word = cfut_cell_lock (&self->cell);
  if (!cfut_cell_settled (word))
    cfut_cell_set_flags (&self->cell, CFUT_CELL_PAUSED);
  cfut_cell_unlock (&self->cell);

  klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;
  if (!cfut_cell_settled (word) && klass->paused != NULL)
    klass->paused (self);
}

/**
 * cfut_future_resume:
 * @self: a future
 *
 * Ends a pause. Pauses do not add up: one call ends it. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_future_resume (CfutFuture *self)
{
  CfutFutureClass *klass;
  CfutFutureExtra *extra;
  CfutPaused *paused = NULL;
  guint word;

  g_return_if_fail (CFUT_IS_FUTURE (self));

  if (!(cfut_cell_load (&self->cell) & CFUT_CELL_PAUSED))
    return;

  word = cfut_cell_lock (&self->cell);
  cfut_cell_clear_flags (&self->cell, CFUT_CELL_PAUSED);
  extra = cfut_future_peek_extra (self);
  if (extra != NULL)
    paused = g_steal_pointer (&extra->paused);
  cfut_cell_unlock (&self->cell);

  cfut_future_wake_paused (paused);

  klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;
  if (!cfut_cell_settled (word) && klass->resumed != NULL)
    klass->resumed (self);
}

/**
 * cfut_future_is_paused:
 * @self: a future
 *
 * Tells whether the future was paused and not resumed. May be called on any thread.
 *
 * Returns: whether it is paused
 *
 * Since: 1.0
 */
gboolean
cfut_future_is_paused (CfutFuture *self)
{
  guint word;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), FALSE);

  word = cfut_cell_load (&self->cell);
  return (word & CFUT_CELL_PAUSED) && !cfut_cell_settled (word);
}
