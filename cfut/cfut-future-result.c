/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Waiting for a future, and reading what it came to.
 *
 * Threads: any. What is returned lives as long as the caller holds the future.
 * Locks: none: a settled future's value does not change.
 * Owns: nothing.
 * Invariants:
 * 1. A wait that ends before the future has settled is an error of the wait, never of the future.
 * 2. On the owner's thread, where no main loop runs, a wait lets go of what has settled before it
 *    returns.
 * Not here: how a future settles (cfut-future-settle.c). */

#include <glib/gi18n-lib.h>

#include "core/cfut-fork-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-check-private.h"
#include "cfut-error.h"
#include "cfut-follow-private.h"
#include "cfut-help-private.h"
#include "cfut-outlook-private.h"
#include "cfut-task-private.h"
#include "cfut-value-private.h"
#include "cfut-wait-private.h"

/* On its owner's thread what it was submitted with has gone when a wait returns; and some of what
 * is older. */
static void
future_waited (CfutFuture *self)
{
  CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;

  if (!cfut_owner_is_thread_here (self->owner))
    return;

  if (!(cfut_cell_load (&self->cell) & CFUT_CELL_REAPED) && klass->holds_data != NULL &&
      klass->holds_data (self))
    cfut_owner_reap (self->owner, 2);
  else
    cfut_owner_waited (self->owner);
}

/* Without limit, on a worker, for a task of the pool that this thread works for: it is run here if
 * nobody has begun to; else others go on meanwhile. */
static gboolean
future_wait_for_own (CfutFuture  *self,
                     GError     **error)
{
  CfutPoolOwnWait wait = { .cell = &self->cell };

  if (cfut_task_run_here (self))
    return TRUE;

  if (!cfut_pool_begin_wait_own (&wait))
    {
      cfut_set_wake_error (error, CFUT_WAKE_NO_THREAD);
      return FALSE;
    }
  cfut_cell_block (&self->cell, CFUT_NO_DEADLINE, NULL);
  cfut_pool_end_wait_own (&wait);

  return TRUE;
}

/**
 * cfut_future_wait:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @cancellable: (nullable): ends the wait, not the future
 * @error: return location for an error
 *
 * Blocks until the future has settled, however it did. That says nothing of its result: a failure
 * counts as seen only when that or the error is asked for.
 *
 * May be called on any thread. On the thread of a main loop it blocks that loop; prefer
 * [method@Cfut.Future.wait_async], a callback or [signal@Cfut.Future::done] there. Where the future
 * hangs on functions that were given to [method@Cfut.Future.chain] and its kin on this thread, and
 * their main context is this thread's to run, they are called inside the wait.
 *
 * A task may wait for another one of its own executor: without limit and cancellable, what is still
 * queued there is run by the waiting thread itself, inside of the wait, to a depth of 64; otherwise
 * another thread stands in for it while it is blocked. Without
 * [property@Cfut.ThreadExecutor:compensate] neither happens, and a wait that no thread would be
 * left for fails with %CFUT_FUTURE_ERROR_DEADLOCK.
 *
 * A task that waits for itself fails with %CFUT_FUTURE_ERROR_DEADLOCK, and so does one that waits
 * for what is made of futures of which none is left that anything else could settle: at once, or
 * when the last one of them has settled.
 *
 * Errors: %G_IO_ERROR_TIMED_OUT, %G_IO_ERROR_CANCELLED, %CFUT_FUTURE_ERROR_DEADLOCK.
 *
 * Returns: %TRUE if the future has settled; %FALSE if the wait ended first
 *
 * Since: 1.0
 */
gboolean
cfut_future_wait (CfutFuture    *self,
                  gint64         timeout_usec,
                  GCancellable  *cancellable,
                  GError       **error)
{
  guint word;
  CfutWake wake;

  g_return_val_if_fail (CFUT_CHECK (self, CFUT_IS_FUTURE), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  word = cfut_cell_load (&self->cell);
  if (cfut_cell_settled (word))
    {
      future_waited (self);
      return TRUE;
    }

  if (cfut_outlook_runs_here (self))
    {
      cfut_set_wake_error (error, CFUT_WAKE_OWN);
      return FALSE;
    }

  if (timeout_usec < 0 && cancellable == NULL && cfut_task_is_of_this_pool (self) &&
      !cfut_is_forked_child ())
    return future_wait_for_own (self, error);

  if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_KEYS))
    cfut_debug_begin_wait (cfut_future_debug_describe (self));
  if (timeout_usec != 0 && cfut_future_has_upstream (self))
    wake = cfut_future_block_helping (self, cfut_deadline_from_timeout (timeout_usec), cancellable);
  else
    wake = cfut_cell_block (&self->cell, cfut_deadline_from_timeout (timeout_usec), cancellable);
  if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_KEYS))
    cfut_debug_end_wait ();
  if (wake == CFUT_WAKE_FIRED)
    {
      future_waited (self);
      return TRUE;
    }

  cfut_set_wake_error (error, wake);
  return FALSE;
}

/**
 * cfut_future_wait_async:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit
 * @cancellable: (nullable): ends the wait, not the future
 * @callback: (scope async) (closure user_data): called when the wait has ended
 * @user_data: data for @callback
 *
 * Waits for the future without blocking. @callback is called on the thread-default main context of
 * this call; where that is the future's owner's too, after the future's callbacks.
 *
 * Since: 1.0
 */
void
cfut_future_wait_async (CfutFuture          *self,
                        gint64               timeout_usec,
                        GCancellable        *cancellable,
                        GAsyncReadyCallback  callback,
                        gpointer             user_data)
{
  g_return_if_fail (CFUT_IS_FUTURE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  cfut_cell_wait_async (&self->cell, self, cfut_future_wait_async, timeout_usec, cancellable,
                        callback, user_data);
}

/**
 * cfut_future_wait_finish:
 * @self: a future
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Cfut.Future.wait_async].
 *
 * Errors: %G_IO_ERROR_TIMED_OUT and %G_IO_ERROR_CANCELLED.
 *
 * Returns: %TRUE if the future has settled, however it did; %FALSE if the wait ended first
 *
 * Since: 1.0
 */
gboolean
cfut_future_wait_finish (CfutFuture    *self,
                         GAsyncResult  *result,
                         GError       **error)
{
  g_return_val_if_fail (CFUT_IS_FUTURE (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * cfut_future_result:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @error: return location for an error
 *
 * Waits for the future and returns its value.
 *
 * %NULL without an error means that the future was resolved without a value: test the error, not
 * the pointer. The value is immutable and lives as long as the caller holds the future. May be
 * called on any thread; it waits like [method@Cfut.Future.wait]. A failure counts as seen, also
 * where @error is %NULL.
 *
 * Errors: the error of the future when it was rejected; %G_IO_ERROR_CANCELLED when it was
 * cancelled; %G_IO_ERROR_TIMED_OUT when it has not settled in time, after which it may be asked
 * again.
 *
 * Returns: (transfer none) (nullable): the value
 *
 * Since: 1.0
 */
const GValue *
cfut_future_result (CfutFuture  *self,
                    gint64       timeout_usec,
                    GError     **error)
{
  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!cfut_future_wait (self, timeout_usec, NULL, error))
    return NULL;

  if (cfut_future_get_state (self) != CFUT_STATE_RESOLVED)
    {
      g_propagate_error (error, cfut_future_dup_error (self));
      return NULL;
    }

  return self->value.g_type != G_TYPE_INVALID ? &self->value : NULL;
}

/* FALSE with an error set if there is none to be had. */
static gboolean
future_result_number (CfutFuture  *self,
                      gint64       timeout_usec,
                      GType        type,
                      GValue      *number,
                      GError     **error)
{
  const GValue *value;
  GError *failure = NULL;

  value = cfut_future_result (self, timeout_usec, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }

  return CFUT_IS_FUTURE (self) && cfut_value_get_number (value, type, number, error);
}

/**
 * cfut_future_result_variant:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @error: return location for an error
 *
 * Like [method@Cfut.Future.result], for a value that is a [type@GLib.Variant]. It is %NULL without
 * an error when there is no value.
 *
 * Errors: as for [method@Cfut.Future.result], and %CFUT_FUTURE_ERROR_INVALID_STATE when the value
 * is of another type.
 *
 * Returns: (transfer none) (nullable): the value
 *
 * Since: 1.0
 */
GVariant *
cfut_future_result_variant (CfutFuture  *self,
                            gint64       timeout_usec,
                            GError     **error)
{
  const GValue *value = cfut_future_result (self, timeout_usec, error);

  return cfut_value_check (value, G_TYPE_VARIANT, error) ? g_value_get_variant (value) : NULL;
}

/**
 * cfut_future_result_string:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @error: return location for an error
 *
 * Like [method@Cfut.Future.result], for a value that is a string. It is %NULL without an error when
 * there is no value.
 *
 * Errors: as for [method@Cfut.Future.result], and %CFUT_FUTURE_ERROR_INVALID_STATE when the value
 * is of another type.
 *
 * Returns: (transfer none) (nullable): the value
 *
 * Since: 1.0
 */
const char *
cfut_future_result_string (CfutFuture  *self,
                           gint64       timeout_usec,
                           GError     **error)
{
  const GValue *value = cfut_future_result (self, timeout_usec, error);

  return cfut_value_check (value, G_TYPE_STRING, error) ? g_value_get_string (value) : NULL;
}

/**
 * cfut_future_result_bytes:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @error: return location for an error
 *
 * Like [method@Cfut.Future.result], for a value that is a [struct@GLib.Bytes]. It is %NULL without
 * an error when there is no value.
 *
 * Errors: as for [method@Cfut.Future.result], and %CFUT_FUTURE_ERROR_INVALID_STATE when the value
 * is of another type.
 *
 * Returns: (transfer none) (nullable): the value
 *
 * Since: 1.0
 */
GBytes *
cfut_future_result_bytes (CfutFuture  *self,
                          gint64       timeout_usec,
                          GError     **error)
{
  const GValue *value = cfut_future_result (self, timeout_usec, error);

  return cfut_value_check (value, G_TYPE_BYTES, error) ? g_value_get_boxed (value) : NULL;
}

/**
 * cfut_future_result_object:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @error: return location for an error
 *
 * Like [method@Cfut.Future.result], for a value that is an object. It is %NULL without an error
 * when there is no value.
 *
 * Errors: as for [method@Cfut.Future.result], and %CFUT_FUTURE_ERROR_INVALID_STATE when the value
 * is of another type.
 *
 * Returns: (transfer none) (nullable): the value
 *
 * Since: 1.0
 */
GObject *
cfut_future_result_object (CfutFuture  *self,
                           gint64       timeout_usec,
                           GError     **error)
{
  const GValue *value = cfut_future_result (self, timeout_usec, error);

  return cfut_value_check (value, G_TYPE_OBJECT, error) ? g_value_get_object (value) : NULL;
}

/**
 * cfut_future_result_int64:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @error: return location for an error
 *
 * Like [method@Cfut.Future.result], for a value that is a number of any type, as a whole one.
 *
 * Errors: as for [method@Cfut.Future.result], and %CFUT_FUTURE_ERROR_INVALID_STATE when the value
 * is of another type, there is none, or it has no place in 64 bits with a sign.
 *
 * Returns: the value, or 0 with @error set
 *
 * Since: 1.0
 */
gint64
cfut_future_result_int64 (CfutFuture  *self,
                          gint64       timeout_usec,
                          GError     **error)
{
  GValue number = G_VALUE_INIT;

  return future_result_number (self, timeout_usec, G_TYPE_INT64, &number, error)
           ? g_value_get_int64 (&number)
           : 0;
}

/**
 * cfut_future_result_double:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @error: return location for an error
 *
 * Like [method@Cfut.Future.result], for a value that is a number of any type, as a floating-point
 * one.
 *
 * Errors: as for [method@Cfut.Future.result], and %CFUT_FUTURE_ERROR_INVALID_STATE when the value
 * is of another type or there is none.
 *
 * Returns: the value, or 0 with @error set
 *
 * Since: 1.0
 */
double
cfut_future_result_double (CfutFuture  *self,
                           gint64       timeout_usec,
                           GError     **error)
{
  GValue number = G_VALUE_INIT;

  return future_result_number (self, timeout_usec, G_TYPE_DOUBLE, &number, error)
           ? g_value_get_double (&number)
           : 0;
}

/**
 * cfut_future_result_boolean:
 * @self: a future
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @error: return location for an error
 *
 * Like [method@Cfut.Future.result], for a value that is true or false.
 *
 * Errors: as for [method@Cfut.Future.result], and %CFUT_FUTURE_ERROR_INVALID_STATE when the value
 * is of another type or there is none.
 *
 * Returns: the value, or %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
cfut_future_result_boolean (CfutFuture  *self,
                            gint64       timeout_usec,
                            GError     **error)
{
  const GValue *value;
  GError *failure = NULL;

  value = cfut_future_result (self, timeout_usec, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }

  return cfut_value_require (value, G_TYPE_BOOLEAN, error) && g_value_get_boolean (value);
}

/**
 * cfut_future_dup_error:
 * @self: a future
 *
 * Returns the error that the future was rejected with, or %G_IO_ERROR_CANCELLED when it was
 * cancelled. Does not wait. May be called on any thread. The failure is not reported as unseen
 * after this.
 *
 * Returns: (transfer full) (nullable): a copy of the error; %NULL if there is none (yet)
 *
 * Since: 1.0
 */
GError *
cfut_future_dup_error (CfutFuture *self)
{
  CfutState state;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);

  state = cfut_cell_state (cfut_cell_load (&self->cell));
  if (state != CFUT_STATE_REJECTED && state != CFUT_STATE_CANCELLED)
    return NULL;

  cfut_future_observe_failure (self);

  /* Most cancelled futures have none of their own, and nobody asks. */
  if (self->value.g_type == G_TYPE_INVALID)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The task was cancelled"));

  return g_value_dup_boxed (&self->value);
}
