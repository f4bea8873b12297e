/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-version-macros.h>
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _CfutFuture CfutFuture;
typedef struct _CfutFutureClass CfutFutureClass;
typedef struct _CfutTask CfutTask;
typedef struct _CfutTaskClass CfutTaskClass;
typedef struct _CfutPromise CfutPromise;
typedef struct _CfutWork CfutWork;
typedef struct _CfutExecutor CfutExecutor;
typedef struct _CfutThreadExecutor CfutThreadExecutor;
typedef struct _CfutGroup CfutGroup;

/**
 * CfutState:
 * @CFUT_STATE_PENDING: waiting to be started; it can be cancelled at once
 * @CFUT_STATE_RUNNING: being computed
 * @CFUT_STATE_RESOLVED: settled with a result, which may be "no value"
 * @CFUT_STATE_REJECTED: settled with an error
 * @CFUT_STATE_CANCELLED: settled by cancellation
 *
 * Where a [class@Cfut.Future] stands. The last three are final: a future settles
 * exactly once.
 *
 * Since: 1.0
 */
typedef enum {
  CFUT_STATE_PENDING,
  CFUT_STATE_RUNNING,
  CFUT_STATE_RESOLVED,
  CFUT_STATE_REJECTED,
  CFUT_STATE_CANCELLED
} CfutState;

/**
 * CfutCallbackFlags:
 * @CFUT_CALLBACK_DEFAULT: call on the main context of the future's owner
 * @CFUT_CALLBACK_DIRECT: call on the thread that settles the future, or at once when it is
 *   settled already; the callback has to be quick and safe on any thread
 *
 * How [method@Cfut.Future.add_done_callback] calls.
 *
 * Since: 1.0
 */
typedef enum { /*< flags >*/
  CFUT_CALLBACK_DEFAULT = 0,
  CFUT_CALLBACK_DIRECT = 1 << 0
} CfutCallbackFlags;

/**
 * CfutReturnWhen:
 * @CFUT_RETURN_WHEN_ALL_COMPLETED: when every future has settled
 * @CFUT_RETURN_WHEN_FIRST_COMPLETED: when any future has settled
 * @CFUT_RETURN_WHEN_FIRST_FAILURE: when any future was rejected or cancelled, or every one
 *   has settled
 *
 * When [method@Cfut.Group.wait] returns.
 *
 * Since: 1.0
 */
typedef enum {
  CFUT_RETURN_WHEN_ALL_COMPLETED,
  CFUT_RETURN_WHEN_FIRST_COMPLETED,
  CFUT_RETURN_WHEN_FIRST_FAILURE
} CfutReturnWhen;

/**
 * CfutShutdownFlags:
 * @CFUT_SHUTDOWN_DEFAULT: take no more work; what was taken still runs
 * @CFUT_SHUTDOWN_WAIT: return when all work has ended
 * @CFUT_SHUTDOWN_CANCEL_PENDING: cancel what has not started
 * @CFUT_SHUTDOWN_CANCEL_RUNNING: ask what is running to stop
 *
 * How [method@Cfut.Executor.shutdown] ends an executor.
 *
 * Since: 1.0
 */
typedef enum { /*< flags >*/
  CFUT_SHUTDOWN_DEFAULT = 0,
  CFUT_SHUTDOWN_WAIT = 1 << 0,
  CFUT_SHUTDOWN_CANCEL_PENDING = 1 << 1,
  CFUT_SHUTDOWN_CANCEL_RUNNING = 1 << 2
} CfutShutdownFlags;

#define CFUT_TYPE_STATE (cfut_state_get_type ())
#define CFUT_TYPE_CALLBACK_FLAGS (cfut_callback_flags_get_type ())
#define CFUT_TYPE_RETURN_WHEN (cfut_return_when_get_type ())
#define CFUT_TYPE_SHUTDOWN_FLAGS (cfut_shutdown_flags_get_type ())

CFUT_AVAILABLE_IN_1_0
GType cfut_state_get_type (void) G_GNUC_CONST;
CFUT_AVAILABLE_IN_1_0
GType cfut_callback_flags_get_type (void) G_GNUC_CONST;
CFUT_AVAILABLE_IN_1_0
GType cfut_return_when_get_type (void) G_GNUC_CONST;
CFUT_AVAILABLE_IN_1_0
GType cfut_shutdown_flags_get_type (void) G_GNUC_CONST;

/**
 * CfutTaskFunc:
 * @task: the task that is running; it is also the future that the submitter holds
 * @user_data: the data given at submission
 * @error: return location for an error
 *
 * A function that an executor runs.
 *
 * It sets a result with [method@Cfut.Task.set_result] or one of its kin and returns %TRUE, or
 * sets @error and returns %FALSE. %TRUE without a result means "no value". %FALSE
 * without an error rejects the future with %CFUT_FUTURE_ERROR_CALLBACK_FAILED.
 *
 * It is called on a thread of the executor.
 *
 * Returns: whether the task succeeded
 *
 * Since: 1.0
 */
typedef gboolean (*CfutTaskFunc) (CfutTask  *task,
                                  gpointer   user_data,
                                  GError   **error);

/**
 * CfutCallback:
 * @settled: the future, which has settled
 * @user_data: the data given with the callback
 *
 * A function called when a future has settled.
 *
 * Since: 1.0
 */
typedef void (*CfutCallback) (CfutFuture *settled,
                              gpointer    user_data);

G_END_DECLS
