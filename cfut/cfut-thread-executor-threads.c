/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The threads of a thread executor as its user sees them: how many there are, how long they stay,
 * what they are called, and what each does first.
 *
 * Threads: any.
 * Locks: none.
 * Owns: nothing; pool and setup are the executor's.
 * Invariants:
 * 1. A change is notified on the thread that makes it.
 * Not here: how a thread is prepared (cfut-thread-setup.c), and what it runs (core/cfut-pool.c). */

#include "cfut-thread-executor-private.h"

/**
 * cfut_thread_executor_get_n_threads: (get-property n-threads)
 * @self: a thread executor
 *
 * Tells how many threads there are at the moment, idle ones included. May be called on any thread.
 *
 * Returns: the number of threads
 *
 * Since: 1.0
 */
guint
cfut_thread_executor_get_n_threads (CfutThreadExecutor *self)
{
  CfutPoolCounts counts;

  g_return_val_if_fail (CFUT_IS_THREAD_EXECUTOR (self), 0);

  cfut_pool_get_counts (self->pool, &counts);
  return counts.n_threads;
}

/**
 * cfut_thread_executor_get_n_abandoned: (get-property n-abandoned)
 * @self: a thread executor
 *
 * Tells how many threads are stuck in functions whose run deadline has passed. May be called on any
 * thread.
 *
 * Returns: the number of threads
 *
 * Since: 1.0
 */
guint
cfut_thread_executor_get_n_abandoned (CfutThreadExecutor *self)
{
  CfutPoolCounts counts;

  g_return_val_if_fail (CFUT_IS_THREAD_EXECUTOR (self), 0);

  cfut_pool_get_counts (self->pool, &counts);
  return counts.n_abandoned;
}

/**
 * cfut_thread_executor_get_idle_timeout_usec: (get-property idle-timeout-usec)
 * @self: a thread executor
 *
 * Tells after how many microseconds without work a thread goes away. May be called on any thread.
 *
 * Returns: microseconds; negative for never
 *
 * Since: 1.0
 */
gint64
cfut_thread_executor_get_idle_timeout_usec (CfutThreadExecutor *self)
{
  g_return_val_if_fail (CFUT_IS_THREAD_EXECUTOR (self), 0);

  return __atomic_load_n (&self->idle_timeout_usec, __ATOMIC_RELAXED);
}

/**
 * cfut_thread_executor_set_idle_timeout_usec: (set-property idle-timeout-usec)
 * @self: a thread executor
 * @timeout_usec: microseconds; negative for never
 *
 * Sets after how long without work a thread goes away. It holds from the next time on that a thread
 * goes to sleep. May be called on any thread, where the notification comes too.
 *
 * Since: 1.0
 */
void
cfut_thread_executor_set_idle_timeout_usec (CfutThreadExecutor *self,
                                            gint64              timeout_usec)
{
  gint64 before;

  g_return_if_fail (CFUT_IS_THREAD_EXECUTOR (self));

  timeout_usec = MAX (timeout_usec, -1);
  before = __atomic_exchange_n (&self->idle_timeout_usec, timeout_usec, __ATOMIC_RELAXED);
  if (before == timeout_usec)
    return;

  if (self->pool != NULL)
    cfut_pool_set_idle (self->pool, timeout_usec);
  g_object_notify (G_OBJECT (self), "idle-timeout-usec");
}

/**
 * cfut_thread_executor_dup_thread_name_prefix: (get-property thread-name-prefix)
 * @self: a thread executor
 *
 * Returns what the names of the threads begin with. May be called on any thread.
 *
 * Returns: (transfer full): the prefix
 *
 * Since: 1.0
 */
char *
cfut_thread_executor_dup_thread_name_prefix (CfutThreadExecutor *self)
{
  g_return_val_if_fail (CFUT_IS_THREAD_EXECUTOR (self), NULL);

  return g_strdup (cfut_thread_setup_get_prefix (self->setup));
}

/**
 * cfut_thread_executor_set_thread_name_prefix: (set-property thread-name-prefix)
 * @self: a thread executor
 * @prefix: (nullable): the prefix; %NULL for the default
 *
 * Sets what the names of threads begin with that are started from now on. The string is kept for
 * ever. May be called on any thread, where the notification comes too.
 *
 * Since: 1.0
 */
void
cfut_thread_executor_set_thread_name_prefix (CfutThreadExecutor *self,
                                             const char         *prefix)
{
  g_return_if_fail (CFUT_IS_THREAD_EXECUTOR (self));

  cfut_thread_setup_set_prefix (self->setup, prefix);
  g_object_notify (G_OBJECT (self), "thread-name-prefix");
}

/**
 * cfut_thread_executor_set_initializer:
 * @self: a thread executor
 * @func: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, when no thread of the executor will need it any more;
 *   called on the main context of this call
 *
 * Has a function called on each of the executor's threads before that runs its first task.
 *
 * When it fails, the executor is broken: what is queued, and what is submitted later, is rejected
 * with %CFUT_FUTURE_ERROR_BROKEN and the function's message; what runs on other threads runs to its
 * end. To be called once, before the first submission.
 *
 * Since: 1.0
 */
void
cfut_thread_executor_set_initializer (CfutThreadExecutor  *self,
                                      CfutInitializerFunc  func,
                                      gpointer             user_data,
                                      GDestroyNotify       destroy)
{
  g_return_if_fail (CFUT_IS_THREAD_EXECUTOR (self));
  g_return_if_fail (func != NULL);
  g_return_if_fail (!cfut_thread_setup_has_initializer (self->setup));

  cfut_thread_setup_set_initializer (self->setup, func, user_data, destroy);
}
