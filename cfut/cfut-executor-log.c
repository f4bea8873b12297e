/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The engine of executors that are derived from the class: a CfutWork is made of each task and
 * given to the class's execute, and all that are open stand in a log.
 *
 * Threads: any. execute is called on the submitting thread, unless the work gate holds work back.
 * Locks: none of its own; the log's, under which nothing is executed or cancelled.
 * Owns: nothing; the log and the work gate are the executor's.
 * Invariants:
 * 1. Once the log is closed no work is made: what comes then is rejected.
 * 2. The work gate is made with the first pause or rate limit, and stays.
 * Not here: what becomes of work (cfut-work.c), holding it back (cfut-work-gate.c). */

#include "core/cfut-thread-private.h"
#include "cfut-executor-private.h"

static void
log_enqueue (CfutExecutor *self,
             CfutTask     *task)
{
  CfutExecutorPrivate *priv = cfut_executor_get_private (self);
  CfutWork *work = cfut_work_new (priv->log, task);
  CfutWorkGate *gate;

  if (work == NULL)
    {
      cfut_future_reject_pending (CFUT_FUTURE (task), cfut_executor_shut_down_error ());
      cfut_future_release (CFUT_FUTURE (task));
      return;
    }

  gate = atomic_load_explicit (&priv->work_gate, memory_order_acquire);
  if (gate != NULL)
    cfut_work_gate_enqueue (gate, work);
  else
    CFUT_EXECUTOR_GET_CLASS (self)->execute (self, work);
}

static CfutGate *
log_get_gate (CfutExecutor *self,
              gboolean      make)
{
  CfutExecutorPrivate *priv = cfut_executor_get_private (self);
  CfutWorkGate *gate = atomic_load_explicit (&priv->work_gate, memory_order_acquire);

  if (gate == NULL && make)
    {
      CfutWorkGate *made = cfut_work_gate_new (self);

      if (atomic_compare_exchange_strong (&priv->work_gate, &gate, made))
        gate = made;
      else
        cfut_work_gate_free (made);
    }

  return gate != NULL ? cfut_work_gate_get_gate (gate) : NULL;
}

static void
log_stop (CfutExecutor      *self,
          CfutShutdownFlags  flags)
{
  CfutExecutorPrivate *priv = cfut_executor_get_private (self);
  CfutExecutorClass *klass = CFUT_EXECUTOR_GET_CLASS (self);
  GPtrArray *futures;

  cfut_work_log_close (priv->log);

  futures = cfut_work_log_dup (priv->log);
  for (guint i = 0; i < futures->len; i++)
    {
      CfutFuture *future = futures->pdata[i];
      gboolean runs = cfut_future_get_state (future) == CFUT_STATE_RUNNING;

      if (flags & (runs ? CFUT_SHUTDOWN_CANCEL_RUNNING : CFUT_SHUTDOWN_CANCEL_PENDING))
        cfut_future_cancel (future);
      cfut_future_release (future);
    }
  g_ptr_array_unref (futures);

  if (klass->shutdown != NULL)
    klass->shutdown (self, flags);
}

static GPtrArray *
log_dup_running (CfutExecutor *self)
{
  GPtrArray *futures = cfut_work_log_dup (cfut_executor_get_private (self)->log);
  guint n = 0;

  for (guint i = 0; i < futures->len; i++)
    {
      if (cfut_future_get_state (futures->pdata[i]) == CFUT_STATE_RUNNING)
        futures->pdata[n++] = futures->pdata[i];
      else
        cfut_future_release (futures->pdata[i]);
    }
  g_ptr_array_set_size (futures, n);

  return futures;
}

static CfutCell *
log_get_ended (CfutExecutor *self)
{
  return &cfut_executor_get_private (self)->log->ended;
}

static gboolean
log_runs_here (CfutExecutor *self)
{
  return cfut_thread_get ()->serving == cfut_executor_get_private (self)->log;
}

static void
log_paused (CfutExecutor *self)
{
  CfutExecutorPrivate *priv = cfut_executor_get_private (self);

  cfut_work_gate_paused (atomic_load_explicit (&priv->work_gate, memory_order_acquire));
}

const CfutExecutorEngine cfut_executor_log_engine = {
  .enqueue = log_enqueue,
  .stop = log_stop,
  .dup_running = log_dup_running,
  .get_ended = log_get_ended,
  .runs_here = log_runs_here,
  .get_gate = log_get_gate,
  .paused = log_paused,
};
