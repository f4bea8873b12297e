/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The end of an executor: it takes no more, and whoever wants to waits until what it took has
 * ended.
 *
 * Threads: any, but that a task may not wait for its own executor.
 * Locks: none.
 * Owns: nothing.
 * Invariants:
 * 1. shut_down is set before the room is closed and the engine stopped, and stays.
 * 2. A wait that ends first changes nothing: the executor is shut down all the same.
 * Not here: what stopping does (cfut-executor-log.c, core/cfut-pool.c); dropping
 * (cfut-executor.c). */

#include <glib/gi18n-lib.h>

#include "core/cfut-fork-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-error.h"
#include "cfut-executor-private.h"
#include "cfut-wait-private.h"

/* As many names of tasks as a message gives. */
#define MAX_STRAGGLERS 5

GError *
cfut_executor_shut_down_error (void)
{
  return g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN,
                              _("The executor was shut down and takes no more tasks"));
}

static void
executor_stop (CfutExecutor      *self,
               CfutShutdownFlags  flags)
{
  CfutExecutorPrivate *priv = cfut_executor_get_private (self);

  atomic_store (&priv->shut_down, TRUE);
  if (cfut_is_forked_child ())
    return;

  if (cfut_executor_get_room (self, FALSE) != NULL)
    cfut_room_close (cfut_executor_get_room (self, FALSE));
  priv->engine->stop (self, flags);
  /* What was taken is to end. */
  cfut_executor_resume (self);
}

/* Adds to the message of a wait that was not long enough what it was too short for. */
static void
executor_name_stragglers (CfutExecutor  *self,
                          GError       **error)
{
  g_autoptr (GPtrArray) running = NULL;
  g_autoptr (GString) names = g_string_new (NULL);
  guint n_named = 0;

  if (error == NULL)
    return;

  running = cfut_executor_get_private (self)->engine->dup_running (self);
  for (guint i = 0; i < running->len; i++)
    {
      g_autofree char *name = cfut_future_dup_name (running->pdata[i]);

      if (name != NULL && n_named++ < MAX_STRAGGLERS)
        g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", name);
      cfut_future_release (running->pdata[i]);
    }
  if (n_named > MAX_STRAGGLERS)
    g_string_append (names, ", …");

  if (n_named > 0)
    /* Translators: how many tasks, a list of their names; the message of the wait follows. */
    g_prefix_error (error,
                    g_dngettext (GETTEXT_PACKAGE, "%u task is still running (%s): ",
                                 "%u tasks are still running (%s): ", running->len),
                    running->len, names->str);
  else if (running->len > 0)
    g_prefix_error (error,
                    g_dngettext (GETTEXT_PACKAGE, "%u task is still running: ",
                                 "%u tasks are still running: ", running->len), running->len);
}

/**
 * cfut_executor_shutdown:
 * @self: an executor
 * @flags: what to do with the work that was taken, and whether to wait
 * @timeout_usec: how long to wait at most, in microseconds, with %CFUT_SHUTDOWN_WAIT; negative for
 *   no limit
 * @error: return location for an error
 *
 * Takes no more work. What was taken is still run, unless @flags say otherwise: a pause of the
 * executor ends, but not one of single futures, which are still to be resumed or cancelled. May be
 * called again, for example to wait or to cancel after all. What is stuck in a function 100
 * milliseconds after its run deadline has been given up, and is not waited for.
 *
 * Errors: %G_IO_ERROR_TIMED_OUT when the work has not ended in time; the message tells how many
 * tasks still run, and their names as far as they have any; the executor stays shut down.
 * %CFUT_FUTURE_ERROR_DEADLOCK when called with %CFUT_SHUTDOWN_WAIT by a task of this executor,
 * which would wait for itself; it is shut down all the same. %CFUT_FUTURE_ERROR_BROKEN in a forked
 * child, where no thread is left to wait for.
 *
 * Returns: %FALSE if waiting failed
 *
 * Since: 1.0
 */
gboolean
cfut_executor_shutdown (CfutExecutor       *self,
                        CfutShutdownFlags   flags,
                        gint64              timeout_usec,
                        GError            **error)
{
  CfutExecutorPrivate *priv;
  CfutWake wake;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  priv = cfut_executor_get_private (self);
  executor_stop (self, flags);
  if (!(flags & CFUT_SHUTDOWN_WAIT))
    return TRUE;

  if (priv->engine->runs_here (self) && !cfut_is_forked_child ())
    {
      g_set_error_literal (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK,
                           _("A task cannot wait for the end of its own executor"));
      return FALSE;
    }

  wake = cfut_cell_block (priv->engine->get_ended (self), cfut_deadline_from_timeout (timeout_usec),
                          NULL);
  cfut_owner_reap (cfut_owner_get_current (), G_MAXUINT);
  if (wake == CFUT_WAKE_FIRED)
    return TRUE;

  cfut_set_wake_error (error, wake);
  if (wake == CFUT_WAKE_TIMED_OUT)
    executor_name_stragglers (self, error);
  return FALSE;
}

/**
 * cfut_executor_shutdown_async:
 * @self: an executor
 * @flags: what to do with the work that was taken
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit
 * @cancellable: (nullable): ends the wait, not the shutdown
 * @callback: (scope async) (closure user_data): called when all work has ended, or the wait
 * @user_data: data for @callback
 *
 * Shuts down like [method@Cfut.Executor.shutdown] with %CFUT_SHUTDOWN_WAIT, without blocking.
 * @callback is called on the thread-default main context of this call.
 *
 * Since: 1.0
 */
void
cfut_executor_shutdown_async (CfutExecutor        *self,
                              CfutShutdownFlags    flags,
                              gint64               timeout_usec,
                              GCancellable        *cancellable,
                              GAsyncReadyCallback  callback,
                              gpointer             user_data)
{
  g_return_if_fail (CFUT_IS_EXECUTOR (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  executor_stop (self, flags);
  cfut_cell_wait_async (cfut_executor_get_private (self)->engine->get_ended (self), self,
                        cfut_executor_shutdown_async, timeout_usec, cancellable, callback,
                        user_data);
}

/**
 * cfut_executor_shutdown_finish:
 * @self: an executor
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Cfut.Executor.shutdown_async].
 *
 * Errors: %G_IO_ERROR_TIMED_OUT, with a message like that of [method@Cfut.Executor.shutdown], and
 * %G_IO_ERROR_CANCELLED.
 *
 * Returns: %FALSE if the wait ended first
 *
 * Since: 1.0
 */
gboolean
cfut_executor_shutdown_finish (CfutExecutor  *self,
                               GAsyncResult  *result,
                               GError       **error)
{
  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (g_task_propagate_boolean (G_TASK (result), error))
    return TRUE;

  if (error != NULL && g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    executor_name_stragglers (self, error);
  return FALSE;
}

/**
 * cfut_executor_is_shut_down:
 * @self: an executor
 *
 * Tells whether [method@Cfut.Executor.shutdown] was called.
 *
 * Returns: whether the executor takes no more work
 *
 * Since: 1.0
 */
gboolean
cfut_executor_is_shut_down (CfutExecutor *self)
{
  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), FALSE);

  return atomic_load (&cfut_executor_get_private (self)->shut_down);
}
