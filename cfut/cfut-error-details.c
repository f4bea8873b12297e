/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What an error cannot say: a variant beside it.
 *
 * A GError has a domain, a code and a text. A language has its own exceptions, and a process that died
 * has a number and a status. These travel with the error, across processes too, for those who know what
 * they mean.
 *
 * Threads: any.
 * Locks: the cell's guards them until the future is settled; they are immutable then.
 * Owns: a reference on the variant.
 * Invariants:
 * 1. Only a future that failed shows details.
 * Not here: how they travel (process/cfut-worker.c, process/cfut-crew-worker.c). */

#include "cfut-future-private.h"
#include "cfut-task-private.h"
#include "core/cfut-thread-private.h"

/* Takes over @details. */
void
cfut_future_take_error_details (CfutFuture *self,
                                GVariant   *details)
{
  CfutFutureExtra *extra = cfut_future_get_extra (self);
  guint word = cfut_cell_lock (&self->cell);

  if (!cfut_cell_settled (word))
    {
      GVariant *old = extra->error_details;

      extra->error_details = details;
      details = old;
    }
  cfut_cell_unlock (&self->cell);

  g_clear_pointer (&details, g_variant_unref);
}

/**
 * cfut_task_set_error_details:
 * @self: the running task
 * @details: (nullable): what goes with the error; %NULL for nothing. Consumed if it is floating
 *
 * Gives details along with the error that the function is about to fail with, for those who know
 * what they mean: who has the future finds them with [method@Cfut.Future.dup_error_details], also in
 * another process. When the function succeeds they are of no account. May be called on the thread
 * that runs the function.
 *
 * Since: 1.0
 */
void
cfut_task_set_error_details (CfutTask *self,
                             GVariant *details)
{
  g_return_if_fail (CFUT_IS_TASK (self));

  if (details != NULL)
    g_variant_ref_sink (details);
  if (cfut_thread_get ()->running_task == self)
    cfut_future_take_error_details (CFUT_FUTURE (self), details);
  else
    g_clear_pointer (&details, g_variant_unref);
}

/**
 * cfut_future_dup_error_details:
 * @self: a future
 *
 * Returns what goes with the error that the future failed with, apart from its text. That is what the
 * function has set with [method@Cfut.Task.set_error_details]. Of a future that failed with
 * %CFUT_FUTURE_ERROR_WORKER_DIED they are a dictionary, of type `a{sv}`: `pid` (`i`), the process;
 * `wait-status` (`i`), how it ended, as [func@GLib.spawn_check_wait_status] takes it; and
 * `stderr` (`ay`), the tail of what it had written there. May be called on any thread.
 *
 * Returns: (transfer full) (nullable): the details; %NULL if there are none, or the future has not
 *   failed
 *
 * Since: 1.0
 */
GVariant *
cfut_future_dup_error_details (CfutFuture *self)
{
  CfutFutureExtra *extra;
  CfutState state;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);

  state = cfut_future_get_state (self);
  if (state != CFUT_STATE_REJECTED && state != CFUT_STATE_CANCELLED)
    return NULL;

  extra = cfut_future_peek_extra (self);
  return extra != NULL && extra->error_details != NULL ? g_variant_ref (extra->error_details) : NULL;
}
