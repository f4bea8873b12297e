/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The crew: the worker processes of one executor, and the calls that wait for them.
 *
 *   any thread:  enqueue -> queue --dispatch--> a worker's list -> frames out -> its socket
 *   I/O thread:  its socket -> frames in -> the call starts, reports, ends -> its future settles
 *
 * Calls stand in one queue by time of submission, moved by their priority, as those of threads do.
 * Dispatching gives the first to a worker that has nothing to do; where calls are short, to one that
 * is at work too, up to a window (cfut-crew-pace.c), of which who submits hands on the first few, and
 * the I/O thread many at once. Whoever changes something that may let a call go
 * on dispatches: who submits, the I/O thread after each batch of frames, the gate that opens, a timer.
 *
 * Threads: any. Frames come in, and workers come and go, on the I/O thread only.
 * Locks: one, for all that changes: queue, workers, lists. Under it nothing is sent, encoded,
 *   killed, settled or let go of: that is noted, and done by leave, which gives up the lock for it.
 *   One thread at a time acts for a worker, in the order in which things were noted.
 * Owns: the list of workers holds each until it is GONE; each worker holds the crew, and so does each
 *   call. The executor holds it until it is dropped.
 * Invariants:
 * 1. What was taken is DONE some time: answered, or failed with its worker, or rejected as the crew
 *    broke, or settled otherwise.
 * 2. Whenever a call waits, and nothing is held back by the gate, there is a worker that has
 *    something to do, one that is starting, or a timer that is armed to start one.
 * 3. ended opens when no more is taken, nothing is open and all workers are GONE.
 * 4. In a forked child nothing is sent, and nobody is killed.
 * Not here: a call's states (cfut-crew-call.c), commands (cfut-crew-command.c), a worker's
 * (cfut-crew-worker.c), starting them (cfut-crew-start.c), their end (cfut-crew-end.c), time
 * (cfut-crew-watch.c). */

#include <glib/gi18n-lib.h>

#include "cfut-error.h"
#include "cfut-executor-private.h"
#include "process/cfut-command-run-private.h"
#include "process/cfut-crew-struct-private.h"
#include "process/cfut-io-private.h"

/* So many calls a thread that submits hands to one worker, each in a message of its own. */
#define SUBMIT_AHEAD 4

CfutCrew *
cfut_crew_new (const char * const *argv,
               guint               max_workers)
{
  CfutCrew *self = g_new0 (CfutCrew, 1);

  self->ref_count = 1;
  g_mutex_init (&self->lock);
  self->argv = g_strdupv ((char **) argv);
  self->max_workers = max_workers > 0 ? max_workers : g_get_num_processors ();

  return self;
}

CfutCrew *
cfut_crew_ref (CfutCrew *self)
{
  atomic_fetch_add_explicit (&self->ref_count, 1, memory_order_relaxed);
  return self;
}

static gboolean
crew_try_ref (CfutCrew *self)
{
  guint n = atomic_load_explicit (&self->ref_count, memory_order_relaxed);

  do
    {
      if (n == 0)
        return FALSE;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->ref_count, &n, n + 1, memory_order_relaxed,
                                                 memory_order_relaxed));

  return TRUE;
}

void
cfut_crew_unref (CfutCrew *self)
{
  if (atomic_fetch_sub_explicit (&self->ref_count, 1, memory_order_acq_rel) != 1)
    return;

  if (self->gate != NULL)
    {
      cfut_gate_close (self->gate);
      cfut_gate_unref (self->gate);
    }
  g_strfreev (self->argv);
  g_strfreev (self->options.launch_prefix);
  g_clear_pointer (&self->options.setup, g_variant_unref);
  g_clear_error (&self->broken);
  g_clear_pointer (&self->stores, g_hash_table_unref);
  cfut_heap_clear (&self->heap);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
cfut_crew_check_ended_locked (CfutCrew *self)
{
  if (!self->closed || self->n_open > 0)
    return;

  for (CfutCrewWorker *worker = self->workers; worker != NULL; worker = worker->next)
    cfut_crew_worker_retire_locked (worker);
}

static gboolean
crew_has_ended_locked (CfutCrew *self)
{
  return self->closed && self->n_open == 0 && self->n_ending == 0 && self->n_present == 0;
}

void
cfut_crew_leave (CfutCrew *self)
{
  CfutCrewCall *finished;
  gboolean ended;
  guint n = 0;

  while (self->due != NULL && !cfut_is_forked_child ())
    {
      CfutCrewWorker *worker = self->due;

      self->due = worker->next_due;
      worker->is_due = FALSE;
      cfut_crew_worker_act_unlock (worker);
      cfut_unlock (&self->lock, CFUT_LOCK_CREW);
      cfut_crew_worker_unref (worker);
      cfut_crew_enter (self);
    }
  finished = g_steal_pointer (&self->finished);
  ended = crew_has_ended_locked (self);
  cfut_unlock (&self->lock, CFUT_LOCK_CREW);

  for (; finished != NULL; n++)
    {
      CfutCrewCall *call = finished;

      finished = call->next;
      cfut_crew_call_end (call, call->success, call->why);
    }
  if (n > 0)
    {
      cfut_crew_enter (self);
      self->n_ending -= n;
      ended = crew_has_ended_locked (self);
      cfut_unlock (&self->lock, CFUT_LOCK_CREW);
    }
  if (ended)
    cfut_cell_open (&self->ended);
}

void
cfut_crew_finish_locked (CfutCrew     *self,
                         CfutCrewCall *call,
                         gboolean      success,
                         GError       *why)
{
  cfut_crew_call_done_locked (call);
  self->n_ending++;
  call->success = success;
  call->why = why;
  call->next = self->finished;
  self->finished = call;
}

/* (nullable): who takes the next call. With a limit on how fast calls are started they are given
 * only to who starts them at once. */
static CfutCrewWorker *
crew_choose_locked (CfutCrew *self,
                    guint     window,
                    gboolean  submits)
{
  CfutCrewWorker *best = NULL;

  for (CfutCrewWorker *worker = self->workers; worker != NULL; worker = worker->next)
    {
      if (worker->state != CFUT_CREW_WORKER_READY || worker->taking_back != 0 || worker->stopping)
        continue;
      if (self->options.max_calls > 0 && worker->last_id >= self->options.max_calls)
        continue;
      if (worker->list.n == 0)
        return worker;

      /* With these it will not be idle until the I/O thread has heard of one, and fills it up with
       * many at once. */
      if (submits && worker->list.n >= SUBMIT_AHEAD)
        continue;
      if (worker->list.n >= window)
        worker->filling = FALSE;
      else if (worker->list.n <= window / 2)
        worker->filling = TRUE;
      if (worker->filling && (best == NULL || worker->list.n < best->list.n))
        best = worker;
    }

  return best;
}

/* Its turn has come. FALSE: it goes nowhere now. */
static gboolean
crew_serve_locked (CfutCrew     *self,
                   CfutCrewCall *call,
                   CfutGate     *gate,
                   guint         window,
                   gboolean      submits)
{
  gboolean has_place = self->n_busy + self->commands.n < self->max_workers;
  CfutCrewWorker *worker = NULL;
  guint word = cfut_cell_load (&call->task->parent_instance.cell);

  if (cfut_cell_settled (word))
    {
      cfut_crew_finish_locked (self, call, FALSE, NULL);
      return TRUE;
    }
  if (word & CFUT_CELL_PAUSED)
    {
      cfut_crew_call_aside_locked (call);
      return TRUE;
    }
  if (call->call != NULL)
    worker = crew_choose_locked (self, window, submits);
  if ((worker == NULL || worker->list.n == 0) && !has_place)
    return FALSE;
  if ((worker == NULL && call->call != NULL) || (gate != NULL && !cfut_gate_pass (gate)))
    return FALSE;

  if (worker == NULL)
    {
      cfut_crew_command_hand_locked (call);
      return TRUE;
    }

  if (worker->list.n == 0)
    worker->heard_usec = g_get_monotonic_time ();
  cfut_crew_call_hand_locked (call, worker);
  cfut_crew_worker_watch_locked (worker);
  return TRUE;
}

static void
crew_dispatch_locked (CfutCrew *self,
                      gboolean  submits)
{
  CfutGate *gate = atomic_load_explicit (&self->gate, memory_order_acquire);
  gboolean limited = gate != NULL && cfut_gate_peek_limit (gate) != NULL;
  guint window = limited ? 1 : cfut_crew_pace_window (&self->pace);
  CfutCrewCall *call;

  if (cfut_is_forked_child () || self->broken != NULL)
    return;

  while ((call = cfut_crew_first_locked (self)) != NULL &&
         crew_serve_locked (self, call, gate, window, submits))
    ;

  if (self->argv != NULL && (call != NULL || self->n_ahead > 0))
    cfut_crew_grow_locked (self, self->n_busy + self->n_ahead + self->fifo.n + self->heap.len);
  cfut_crew_check_ended_locked (self);
}

void
cfut_crew_dispatch_locked (CfutCrew *self)
{
  crew_dispatch_locked (self, FALSE);
}

void
cfut_crew_reject_locked (CfutCrew     *self,
                         const GError *error)
{
  CfutCrewCall *call;

  while ((call = cfut_crew_first_locked (self)) != NULL)
    cfut_crew_finish_locked (self, call, FALSE, g_error_copy (error));
}

void
cfut_crew_break_locked (CfutCrew *self,
                        GError   *error)
{
  CfutCrewCall *call;

  if (self->broken != NULL)
    g_error_free (error);
  else
    self->broken = error;

  cfut_crew_reject_locked (self, self->broken);
  while ((call = self->aside.first) != NULL)
    cfut_crew_finish_locked (self, call, FALSE, g_error_copy (self->broken));
  cfut_crew_check_ended_locked (self);
}

/* (nullable): why this crew does not run such a task. */
static GError *
crew_refuse (CfutCrew *self,
             CfutTask *task)
{
  GError *error = NULL;

  if (cfut_call_from_task (task) == NULL && cfut_command_run_from_task (task) == NULL)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                                _("A process executor runs no functions of this program; it calls "
                                  "functions of its workers by their names, and runs commands"));
  if (self->argv == NULL && cfut_call_from_task (task) != NULL)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                                _("The process executor was made without a program for workers, "
                                  "and runs commands only"));
  cfut_io_get_context (&error);
  return error;
}

void
cfut_crew_enqueue (CfutCrew *self,
                   CfutTask *task)
{
  GError *error = crew_refuse (self, task);
  CfutCrewCall *call;

  if (error != NULL)
    {
      cfut_future_reject_pending (CFUT_FUTURE (task), error);
      cfut_future_release (CFUT_FUTURE (task));
      return;
    }

  call = cfut_crew_call_new (self, task);
  cfut_crew_enter (self);
  if (self->closed)
    cfut_crew_finish_locked (self, call, FALSE, cfut_executor_shut_down_error ());
  else if (self->broken != NULL)
    cfut_crew_finish_locked (self, call, FALSE, g_error_copy (self->broken));
  else if (call->settled)
    cfut_crew_finish_locked (self, call, FALSE, NULL);
  else
    cfut_crew_call_queue_locked (call, FALSE);
  crew_dispatch_locked (self, TRUE);
  cfut_crew_leave (self);
}

/* References on the futures of all that is open. */
static void
crew_add_futures (GPtrArray          *futures,
                  const CfutCrewList *list)
{
  for (CfutCrewCall *call = list->first; call != NULL; call = call->next)
    g_ptr_array_add (futures, g_object_ref (call->task));
}

static GPtrArray *
crew_dup_futures (CfutCrew *self,
                  gboolean  waiting)
{
  GPtrArray *futures = g_ptr_array_new ();

  cfut_crew_enter (self);
  if (waiting)
    {
      crew_add_futures (futures, &self->fifo);
      crew_add_futures (futures, &self->aside);
      for (guint i = 0; i < self->heap.len; i++)
        g_ptr_array_add (futures, g_object_ref (cfut_crew_call_from_place (self->heap.places[i])->task));
    }
  crew_add_futures (futures, &self->commands);
  for (CfutCrewWorker *worker = self->workers; worker != NULL; worker = worker->next)
    crew_add_futures (futures, &worker->list);
  cfut_unlock (&self->lock, CFUT_LOCK_CREW);

  return futures;
}

GPtrArray *
cfut_crew_dup_running (CfutCrew *self)
{
  GPtrArray *futures = crew_dup_futures (self, FALSE);
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

void
cfut_crew_stop (CfutCrew          *self,
                CfutShutdownFlags  flags)
{
  cfut_crew_enter (self);
  self->closed = TRUE;
  cfut_crew_check_ended_locked (self);
  cfut_crew_leave (self);

  if (flags & (CFUT_SHUTDOWN_CANCEL_PENDING | CFUT_SHUTDOWN_CANCEL_RUNNING))
    {
      GPtrArray *futures = crew_dup_futures (self, TRUE);

      for (guint i = 0; i < futures->len; i++)
        {
          CfutFuture *future = futures->pdata[i];
          gboolean runs = cfut_future_get_state (future) == CFUT_STATE_RUNNING;

          if (flags & (runs ? CFUT_SHUTDOWN_CANCEL_RUNNING : CFUT_SHUTDOWN_CANCEL_PENDING))
            cfut_future_cancel (future);
          cfut_future_release (future);
        }
      g_ptr_array_unref (futures);
    }
}

void
cfut_crew_drop (CfutCrew *self)
{
  if (!cfut_is_forked_child ())
    cfut_crew_stop (self, CFUT_SHUTDOWN_DEFAULT);
  cfut_crew_unref (self);
}

/* What was handed ahead has not been started, and is not to be. */
void
cfut_crew_paused (CfutCrew *self)
{
  cfut_crew_enter (self);
  for (CfutCrewWorker *worker = self->workers; worker != NULL; worker = worker->next)
    cfut_crew_worker_take_back_locked (worker);
  cfut_crew_leave (self);
}

static void
on_gate_open (gpointer data)
{
  CfutCrew *self = data;

  if (!crew_try_ref (self))
    return;

  cfut_crew_enter (self);
  cfut_crew_dispatch_locked (self);
  cfut_crew_leave (self);
  cfut_crew_unref (self);
}

CfutGate *
cfut_crew_get_gate (CfutCrew *self,
                    gboolean  make)
{
  CfutGate *gate = atomic_load_explicit (&self->gate, memory_order_acquire);

  if (gate == NULL && make)
    {
      CfutGate *made = cfut_gate_new (on_gate_open, self);

      if (atomic_compare_exchange_strong (&self->gate, &gate, made))
        return made;
      cfut_gate_close (made);
      cfut_gate_unref (made);
    }

  return gate;
}

CfutCell *
cfut_crew_get_ended (CfutCrew *self)
{
  return &self->ended;
}

guint
cfut_crew_get_max (CfutCrew *self)
{
  return self->max_workers;
}

void
cfut_crew_get_counts (CfutCrew       *self,
                      CfutCrewCounts *counts)
{
  cfut_crew_enter (self);
  counts->n_pending = self->n_pending;
  counts->n_running = self->n_running;
  counts->n_completed = self->n_completed;
  for (CfutCrewWorker *worker = self->workers; worker != NULL; worker = worker->next)
    if (worker->list.n > 0 && worker->list.first->state == CFUT_CREW_CALL_HANDED &&
        !worker->list.first->settled &&
        cfut_crew_worker_has_entered (worker, worker->list.first->id))
      {
        counts->n_pending--;
        counts->n_running++;
      }
  counts->n_workers = self->n_alive;
  cfut_unlock (&self->lock, CFUT_LOCK_CREW);
}

CfutCrewOptions *
cfut_crew_lock_options (CfutCrew *self)
{
  cfut_crew_enter (self);
  return &self->options;
}

void
cfut_crew_unlock_options (CfutCrew *self)
{
  cfut_crew_dispatch_locked (self);
  cfut_crew_leave (self);
}
