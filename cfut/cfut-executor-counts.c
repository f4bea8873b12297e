/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How much work an executor has, and how many workers for it.
 *
 * Threads: any.
 * Locks: none; what counts has its own.
 * Owns: nothing.
 * Invariants:
 * 1. A getter and its property tell the same.
 * Not here: counting (cfut-work.c, core/cfut-pool.c). */

#include "cfut-executor-private.h"

static void
executor_counts (CfutExecutor *self,
                 guint64      *n_pending,
                 guint64      *n_running,
                 guint64      *n_completed)
{
  *n_pending = *n_running = *n_completed = 0;
  CFUT_EXECUTOR_GET_CLASS (self)->get_counts (self, n_pending, n_running, n_completed);
}

/**
 * cfut_executor_get_max_workers: (get-property max-workers)
 * @self: an executor
 *
 * Tells how many functions may run at once.
 *
 * Returns: the number, or 0 where the executor does not say
 *
 * Since: 1.0
 */
guint
cfut_executor_get_max_workers (CfutExecutor *self)
{
  CfutExecutorClass *klass;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), 0);

  klass = CFUT_EXECUTOR_GET_CLASS (self);
  return klass->get_max_workers != NULL ? klass->get_max_workers (self) : 0;
}

/**
 * cfut_executor_get_n_pending: (get-property n-pending)
 * @self: an executor
 *
 * Tells how many tasks have not been started. While other threads submit and run, the number is a
 * glimpse.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint64
cfut_executor_get_n_pending (CfutExecutor *self)
{
  guint64 n_pending;
  guint64 n_running;
  guint64 n_completed;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), 0);

  executor_counts (self, &n_pending, &n_running, &n_completed);
  return n_pending;
}

/**
 * cfut_executor_get_n_running: (get-property n-running)
 * @self: an executor
 *
 * Tells how many tasks are running.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint64
cfut_executor_get_n_running (CfutExecutor *self)
{
  guint64 n_pending;
  guint64 n_running;
  guint64 n_completed;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), 0);

  executor_counts (self, &n_pending, &n_running, &n_completed);
  return n_running;
}

/**
 * cfut_executor_get_n_completed: (get-property n-completed)
 * @self: an executor
 *
 * Tells how many tasks' functions have run to their end. What was cancelled before it ran is not
 * among them.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint64
cfut_executor_get_n_completed (CfutExecutor *self)
{
  guint64 n_pending;
  guint64 n_running;
  guint64 n_completed;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), 0);

  executor_counts (self, &n_pending, &n_running, &n_completed);
  return n_completed;
}
