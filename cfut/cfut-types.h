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
typedef struct _CfutProcessExecutor CfutProcessExecutor;
typedef struct _CfutGroup CfutGroup;
typedef struct _CfutRequest CfutRequest;
typedef struct _CfutMap CfutMap;
typedef struct _CfutRateLimit CfutRateLimit;
typedef struct _CfutFunctions CfutFunctions;
typedef struct _CfutWorker CfutWorker;

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

/**
 * CfutWhenFull:
 * @CFUT_WHEN_FULL_REJECT: the future is rejected at once, with %CFUT_FUTURE_ERROR_QUEUE_FULL
 * @CFUT_WHEN_FULL_BLOCK: the submitting thread is blocked until there is room
 *
 * What a submission to an executor does whose queue has reached its limit.
 *
 * Since: 1.0
 */
typedef enum {
  CFUT_WHEN_FULL_REJECT,
  CFUT_WHEN_FULL_BLOCK
} CfutWhenFull;

#define CFUT_TYPE_STATE (cfut_state_get_type ())
#define CFUT_TYPE_CALLBACK_FLAGS (cfut_callback_flags_get_type ())
#define CFUT_TYPE_RETURN_WHEN (cfut_return_when_get_type ())
#define CFUT_TYPE_SHUTDOWN_FLAGS (cfut_shutdown_flags_get_type ())
#define CFUT_TYPE_WHEN_FULL (cfut_when_full_get_type ())

CFUT_AVAILABLE_IN_1_0
GType cfut_state_get_type (void) G_GNUC_CONST;
CFUT_AVAILABLE_IN_1_0
GType cfut_callback_flags_get_type (void) G_GNUC_CONST;
CFUT_AVAILABLE_IN_1_0
GType cfut_return_when_get_type (void) G_GNUC_CONST;
CFUT_AVAILABLE_IN_1_0
GType cfut_shutdown_flags_get_type (void) G_GNUC_CONST;
CFUT_AVAILABLE_IN_1_0
GType cfut_when_full_get_type (void) G_GNUC_CONST;

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
 * CfutInitializerFunc:
 * @user_data: the data given with the function
 * @error: return location for an error
 *
 * A function that prepares a thread for the tasks of an executor. It is called on that thread.
 *
 * Returns: whether it succeeded
 *
 * Since: 1.0
 */
typedef gboolean (*CfutInitializerFunc) (gpointer   user_data,
                                         GError   **error);

/**
 * CfutRangeFunc:
 * @task: the task that is running
 * @begin: the first index of this part
 * @end: the first index behind it
 * @user_data: the data given with the call
 * @error: return location for an error
 *
 * A function that does a part of a range of indexes. It is called on threads of the executor, on
 * several at once.
 *
 * Returns: whether it succeeded
 *
 * Since: 1.0
 */
typedef gboolean (*CfutRangeFunc) (CfutTask  *task,
                                   guint64    begin,
                                   guint64    end,
                                   gpointer   user_data,
                                   GError   **error);

/**
 * CfutMapFunc:
 * @task: the task that is running, which is the item's future
 * @index: which item
 * @user_data: the data given with the call
 * @error: return location for an error
 *
 * A function that does one item of a map; like [callback@Cfut.TaskFunc]. It is called on threads of
 * the executor, on several at once.
 *
 * Returns: whether the item succeeded
 *
 * Since: 1.0
 */
typedef gboolean (*CfutMapFunc) (CfutTask  *task,
                                 guint64    index,
                                 gpointer   user_data,
                                 GError   **error);

/**
 * CfutCallFunc:
 * @task: the task that is running
 * @args: what it was called with
 * @user_data: the data given with the function
 * @error: return location for an error
 *
 * A function that is called by its name; like [callback@Cfut.TaskFunc], which says how it gives its
 * result. It is called on threads of an executor, on several at once, or in a worker process. There
 * a result has to have a form as a [type@GLib.Variant], as numbers, strings and bytes have.
 *
 * Returns: whether the call succeeded
 *
 * Since: 1.0
 */
typedef gboolean (*CfutCallFunc) (CfutTask  *task,
                                  GVariant  *args,
                                  gpointer   user_data,
                                  GError   **error);

/**
 * CfutChainFunc:
 * @settled: the future, which has settled
 * @user_data: the data given with the call
 * @error: return location for an error
 *
 * What follows a settled future. It is called on the main context of who chained it.
 *
 * Returns: (transfer full) (nullable): the future that the chained one is settled like; %NULL
 *   rejects the chained one with @error
 *
 * Since: 1.0
 */
typedef CfutFuture *(*CfutChainFunc) (CfutFuture  *settled,
                                      gpointer     user_data,
                                      GError     **error);

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
