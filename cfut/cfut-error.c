/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The error domain, and the registered types of the library's enumerations: without these
 * introspection would make plain constants of them.
 *
 * Threads: any.
 * Locks: none.
 * Owns: nothing.
 * Not here: messages; each stands where its error is raised. */

#include "cfut-error.h"
#include "cfut-types.h"

/**
 * cfut_future_error_quark:
 *
 * Returns the domain of [error@Cfut.FutureError], for languages that compare domains by number. In C
 * it is %CFUT_FUTURE_ERROR. May be called on any thread.
 *
 * Returns: the domain
 *
 * Since: 1.0
 */
G_DEFINE_QUARK (cfut-future-error-quark, cfut_future_error)

G_DEFINE_ENUM_TYPE (CfutFutureError, cfut_future_error,
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_CALLBACK_FAILED, "callback-failed"),
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_ABANDONED, "abandoned"),
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_SHUT_DOWN, "shut-down"),
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_DEADLINE, "deadline"),
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_DEADLOCK, "deadlock"),
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_BROKEN, "broken"),
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_QUEUE_FULL, "queue-full"),
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_INVALID_STATE, "invalid-state"),
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_WORKER_DIED, "worker-died"),
  G_DEFINE_ENUM_VALUE (CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION, "unknown-function"))

G_DEFINE_ENUM_TYPE (CfutState, cfut_state,
  G_DEFINE_ENUM_VALUE (CFUT_STATE_PENDING, "pending"),
  G_DEFINE_ENUM_VALUE (CFUT_STATE_RUNNING, "running"),
  G_DEFINE_ENUM_VALUE (CFUT_STATE_RESOLVED, "resolved"),
  G_DEFINE_ENUM_VALUE (CFUT_STATE_REJECTED, "rejected"),
  G_DEFINE_ENUM_VALUE (CFUT_STATE_CANCELLED, "cancelled"))

G_DEFINE_FLAGS_TYPE (CfutCallbackFlags, cfut_callback_flags,
  G_DEFINE_ENUM_VALUE (CFUT_CALLBACK_DEFAULT, "default"),
  G_DEFINE_ENUM_VALUE (CFUT_CALLBACK_DIRECT, "direct"))

G_DEFINE_ENUM_TYPE (CfutReturnWhen, cfut_return_when,
  G_DEFINE_ENUM_VALUE (CFUT_RETURN_WHEN_ALL_COMPLETED, "all-completed"),
  G_DEFINE_ENUM_VALUE (CFUT_RETURN_WHEN_FIRST_COMPLETED, "first-completed"),
  G_DEFINE_ENUM_VALUE (CFUT_RETURN_WHEN_FIRST_FAILURE, "first-failure"))

G_DEFINE_FLAGS_TYPE (CfutShutdownFlags, cfut_shutdown_flags,
  G_DEFINE_ENUM_VALUE (CFUT_SHUTDOWN_DEFAULT, "default"),
  G_DEFINE_ENUM_VALUE (CFUT_SHUTDOWN_WAIT, "wait"),
  G_DEFINE_ENUM_VALUE (CFUT_SHUTDOWN_CANCEL_PENDING, "cancel-pending"),
  G_DEFINE_ENUM_VALUE (CFUT_SHUTDOWN_CANCEL_RUNNING, "cancel-running"))

G_DEFINE_ENUM_TYPE (CfutWhenFull, cfut_when_full,
  G_DEFINE_ENUM_VALUE (CFUT_WHEN_FULL_REJECT, "reject"),
  G_DEFINE_ENUM_VALUE (CFUT_WHEN_FULL_BLOCK, "block"))
