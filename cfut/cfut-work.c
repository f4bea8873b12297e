/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The handle that a derived executor gets for each submission, and the log of those that are open.
 *
 * Threads: any. run calls the function on the thread that calls it.
 * Locks: the log's lock guards its list and counters. A cell's lock may be taken under it, by
 *   adding a node, and nothing else.
 * Owns: a work holds its task and its log; the log's list holds nothing, works take themselves out
 *   when their future settles.
 * Invariants:
 * 1. The last reference of a work settles its future: dropped without a run, it rejects with
 *    ABANDONED.
 * 2. A function runs at most once, whatever the executor does.
 * Not here: threads. */

#include <glib/gi18n-lib.h>

#include "core/cfut-lock-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-error.h"
#include "cfut-work-private.h"

/**
 * CfutWork:
 *
 * One submission, as an executor gets it that is derived from [class@Cfut.Executor]: run it, reject
 * it, or drop it, which rejects it.
 *
 * Since: 1.0
 */

struct _CfutWork {
  CfutNode node;
  gatomicrefcount ref_count;   /* of whoever may still run it */
  gatomicrefcount hold_count;  /* of its memory: one for all of these, one for the node */
  _Atomic gboolean used;
  _Atomic gboolean ran;        /* its function was called, or is to be */

  /* Immutable */
  CfutWorkLog *log;
  CfutTask *task;

  /* Guarded by the log's lock */
  CfutWork *next;
  CfutWork *prev;
};

G_DEFINE_BOXED_TYPE (CfutWork, cfut_work, cfut_work_ref, cfut_work_unref)

CfutWorkLog *
cfut_work_log_new (void)
{
  CfutWorkLog *self = g_new0 (CfutWorkLog, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);

  return self;
}

void
cfut_work_log_unref (CfutWorkLog *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_mutex_clear (&self->lock);
  g_free (self);
}

static void
log_check_ended (CfutWorkLog *self)
{
  gboolean ended;

  cfut_lock (&self->lock, CFUT_LOCK_LOG);
  ended = self->closed && self->works == NULL;
  cfut_unlock (&self->lock, CFUT_LOCK_LOG);

  if (ended)
    cfut_cell_open (&self->ended);
}

/* FALSE: it was closed before. */
gboolean
cfut_work_log_close (CfutWorkLog *self)
{
  gboolean was_closed;

  cfut_lock (&self->lock, CFUT_LOCK_LOG);
  was_closed = self->closed;
  self->closed = TRUE;
  cfut_unlock (&self->lock, CFUT_LOCK_LOG);

  log_check_ended (self);
  return !was_closed;
}

/* (transfer full): the futures that have not settled. */
GPtrArray *
cfut_work_log_dup (CfutWorkLog *self)
{
  GPtrArray *futures = g_ptr_array_new ();

  cfut_lock (&self->lock, CFUT_LOCK_LOG);
  for (CfutWork *work = self->works; work != NULL; work = work->next)
    g_ptr_array_add (futures, g_object_ref (work->task));
  cfut_unlock (&self->lock, CFUT_LOCK_LOG);

  return futures;
}

void
cfut_work_log_get_counts (CfutWorkLog *self,
                          guint64     *n_pending,
                          guint64     *n_running,
                          guint64     *n_completed)
{
  *n_pending = 0;
  *n_running = 0;

  cfut_lock (&self->lock, CFUT_LOCK_LOG);
  for (CfutWork *work = self->works; work != NULL; work = work->next)
    {
      CfutState state = cfut_future_get_state (CFUT_FUTURE (work->task));

      if (state == CFUT_STATE_PENDING)
        (*n_pending)++;
      else if (state == CFUT_STATE_RUNNING)
        (*n_running)++;
    }
  *n_completed = self->n_completed;
  cfut_unlock (&self->lock, CFUT_LOCK_LOG);
}

static void
work_release (CfutWork *self)
{
  if (!g_atomic_ref_count_dec (&self->hold_count))
    return;

  cfut_future_release (CFUT_FUTURE (self->task));
  cfut_work_log_unref (self->log);
  g_free (self);
}

static void
on_settled (CfutNode   *node,
            CfutFuture *future,
            CfutState   state)
{
  CfutWork *self = (CfutWork *) node;
  CfutWorkLog *log = self->log;

  cfut_lock (&log->lock, CFUT_LOCK_LOG);
  if (self->prev != NULL)
    self->prev->next = self->next;
  else
    log->works = self->next;
  if (self->next != NULL)
    self->next->prev = self->prev;
  if (atomic_load_explicit (&self->ran, memory_order_relaxed) && state != CFUT_STATE_CANCELLED)
    log->n_completed++;
  cfut_unlock (&log->lock, CFUT_LOCK_LOG);

  log_check_ended (log);
  work_release (self);
}

static const CfutNodeClass work_node_class = {
  .kind = CFUT_NODE_INTERNAL,
  .settled = on_settled,
};

CfutWork *
cfut_work_new (CfutWorkLog *log,
               CfutTask    *task)
{
  CfutWork *self;
  gboolean added;

  cfut_lock (&log->lock, CFUT_LOCK_LOG);
  if (log->closed)
    {
      cfut_unlock (&log->lock, CFUT_LOCK_LOG);
      return NULL;
    }

  self = g_new0 (CfutWork, 1);
  self->node.klass = &work_node_class;
  g_atomic_ref_count_init (&self->ref_count);
  g_atomic_ref_count_inc (&log->ref_count);
  self->log = log;
  self->task = task;
  self->next = log->works;
  if (self->next != NULL)
    self->next->prev = self;
  log->works = self;

  g_atomic_ref_count_init (&self->hold_count);
  g_atomic_ref_count_inc (&self->hold_count);
  added = cfut_future_add_node (CFUT_FUTURE (task), &self->node);
  cfut_unlock (&log->lock, CFUT_LOCK_LOG);

  /* A deadline or a cancellable of its request came first. */
  if (!added)
    on_settled (&self->node, CFUT_FUTURE (task), cfut_future_get_state (CFUT_FUTURE (task)));

  return self;
}

/**
 * cfut_work_ref:
 * @self: a work
 *
 * Takes a reference. May be called on any thread.
 *
 * Returns: (transfer full): @self
 *
 * Since: 1.0
 */
CfutWork *
cfut_work_ref (CfutWork *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * cfut_work_unref:
 * @self: (transfer full): a work
 *
 * Drops a reference. With the last one a future that was neither run nor rejected is rejected with
 * %CFUT_FUTURE_ERROR_ABANDONED. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_work_unref (CfutWork *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  /* Nobody is left who could run it. */
  if (!cfut_future_is_settled (CFUT_FUTURE (self->task)))
    cfut_future_reject_pending (CFUT_FUTURE (self->task),
                                g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_ABANDONED,
                                                     _("The executor dropped the task")));
  work_release (self);
}

/**
 * cfut_work_get_future:
 * @self: a work
 *
 * Returns the future of this submission, for example to ask whether it was cancelled. May be called on
 * any thread.
 *
 * Returns: (transfer none): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_work_get_future (CfutWork *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return CFUT_FUTURE (self->task);
}

/**
 * cfut_work_run:
 * @self: a work
 *
 * Runs the function on this thread and settles the future with what it returns. A function runs
 * once at most: a second call, or one after the future has settled, does nothing.
 *
 * Returns: whether the function ran
 *
 * Since: 1.0
 */
gboolean
cfut_work_run (CfutWork *self)
{
  CfutThread *thread = cfut_thread_get ();
  gpointer outer = thread->serving;
  gboolean ran;

  g_return_val_if_fail (self != NULL, FALSE);

  if (atomic_exchange_explicit (&self->used, TRUE, memory_order_relaxed))
    return FALSE;

  atomic_store_explicit (&self->ran, TRUE, memory_order_relaxed);
  cfut_work_ref (self);
  thread->serving = self->log;
  ran = cfut_task_run (g_object_ref (self->task), 0);
  if (!ran)
    cfut_future_release (CFUT_FUTURE (self->task));
  thread->serving = outer;
  cfut_work_unref (self);

  return ran;
}

/**
 * cfut_work_reject:
 * @self: a work
 * @error: why it is not run
 *
 * Settles the future with an error instead of running the function. May be called on any thread.
 *
 * Returns: %FALSE if the function was run, or the future had settled
 *
 * Since: 1.0
 */
gboolean
cfut_work_reject (CfutWork     *self,
                  const GError *error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (error != NULL, FALSE);

  if (atomic_exchange_explicit (&self->used, TRUE, memory_order_relaxed))
    return FALSE;

  return cfut_future_reject_pending (CFUT_FUTURE (self->task), g_error_copy (error));
}
