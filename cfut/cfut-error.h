/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-version-macros.h>
#include <glib-object.h>

G_BEGIN_DECLS

/**
 * CFUT_FUTURE_ERROR:
 *
 * The domain of [error@Cfut.FutureError].
 *
 * Since: 1.0
 */
#define CFUT_FUTURE_ERROR (cfut_future_error_quark ())
#define CFUT_TYPE_FUTURE_ERROR (cfut_future_error_get_type ())

/**
 * CfutFutureError:
 * @CFUT_FUTURE_ERROR_CALLBACK_FAILED: a task's function returned %FALSE and set no error
 * @CFUT_FUTURE_ERROR_ABANDONED: whoever was to settle the future dropped it: a promise or a
 *   [struct@Cfut.Work] was finalised unsettled
 * @CFUT_FUTURE_ERROR_SHUT_DOWN: the executor takes no more work
 * @CFUT_FUTURE_ERROR_DEADLINE: a deadline of the future's own passed before it was started, or
 *   before it ended
 * @CFUT_FUTURE_ERROR_DEADLOCK: the wait can never end, as it waits for its own thread
 * @CFUT_FUTURE_ERROR_BROKEN: the executor cannot run anything, for example as no thread
 *   could be made
 * @CFUT_FUTURE_ERROR_QUEUE_FULL: the executor's queue has reached its limit
 * @CFUT_FUTURE_ERROR_INVALID_STATE: the future has not settled, or holds no error or no value of
 *   the kind that was asked for
 * @CFUT_FUTURE_ERROR_WORKER_DIED: the worker process that ran the call ended before the call did
 * @CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION: no function has the name that was called
 *
 * Errors of futures and executors. A wait that ran out of time is %G_IO_ERROR_TIMED_OUT, and
 * cancellation is always %G_IO_ERROR_CANCELLED.
 *
 * Since: 1.0
 */
typedef enum {
  CFUT_FUTURE_ERROR_CALLBACK_FAILED,
  CFUT_FUTURE_ERROR_ABANDONED,
  CFUT_FUTURE_ERROR_SHUT_DOWN,
  CFUT_FUTURE_ERROR_DEADLINE,
  CFUT_FUTURE_ERROR_DEADLOCK,
  CFUT_FUTURE_ERROR_BROKEN,
  CFUT_FUTURE_ERROR_QUEUE_FULL,
  CFUT_FUTURE_ERROR_INVALID_STATE,
  CFUT_FUTURE_ERROR_WORKER_DIED,
  CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION
} CfutFutureError;

CFUT_AVAILABLE_IN_1_0
GQuark cfut_future_error_quark (void);
CFUT_AVAILABLE_IN_1_0
GType cfut_future_error_get_type (void) G_GNUC_CONST;

G_END_DECLS
