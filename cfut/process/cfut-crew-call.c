/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A call in a crew: where it stands, and its future's hooks.
 *
 *            queue               hand               start            done: answered, or its
 *   NEW ---------------> QUEUED ------> HANDED ------------> STARTED ---------> DONE  worker died
 *    |      aside /resume  |  ^           |                                      ^
 *    |        ASIDE <------'  '-----------'  queue (back): returned, or          |
 *    |          |    turn, but paused        its worker died                     |
 *    '----------'-------------------------- done: settled, refused --------------'
 *
 * The future is PENDING up to HANDED and RUNNING in STARTED, and whoever asks for its state is told
 * RUNNING as soon as the worker has noted that it enters it, a moment before that is heard of. It may
 * settle at any time, by its deadline, its cancellable, its group. What is not in a worker's hands
 * is DONE then. What is, is only marked, and its worker told: it stays in that one's list until it
 * has been answered.
 *
 * Threads: any.
 * Locks: the crew's guards all that changes; nothing is settled or let go of under it.
 * Owns: until DONE a reference on the task, and one on the CfutCall; the crew as long as the task, as
 *   who settles it may be on the way to here.
 * Invariants:
 * 1. What goes from STARTED goes to DONE: nothing that was started is started again.
 * 2. Only the I/O thread takes a STARTED call out of its worker's list.
 * 3. n_pending counts what is QUEUED, ASIDE or HANDED and not settled, n_running what is STARTED,
 *    n_open all that is neither NEW nor DONE.
 * 4. n_ahead counts what stands behind another in its worker's list, n_busy the workers with a list
 *    that is not empty.
 * Not here: who gets which call (cfut-crew.c), what workers say (cfut-crew-worker.c). */

#include "cfut-request-private.h"
#include "process/cfut-crew-struct-private.h"

/* edges[from] has the bit of each state that may follow. */
static const guint8 edges[] = {
  [CFUT_CREW_CALL_NEW] = 1 << CFUT_CREW_CALL_QUEUED | 1 << CFUT_CREW_CALL_DONE,
  [CFUT_CREW_CALL_QUEUED] = 1 << CFUT_CREW_CALL_ASIDE | 1 << CFUT_CREW_CALL_HANDED |
                            1 << CFUT_CREW_CALL_DONE,
  [CFUT_CREW_CALL_ASIDE] = 1 << CFUT_CREW_CALL_QUEUED | 1 << CFUT_CREW_CALL_DONE,
  [CFUT_CREW_CALL_HANDED] = 1 << CFUT_CREW_CALL_QUEUED | 1 << CFUT_CREW_CALL_STARTED |
                            1 << CFUT_CREW_CALL_DONE,
  [CFUT_CREW_CALL_STARTED] = 1 << CFUT_CREW_CALL_DONE,
  [CFUT_CREW_CALL_DONE] = 0,
};

static inline gboolean
is_pending (const CfutCrewCall *self)
{
  return self->state >= CFUT_CREW_CALL_QUEUED && self->state <= CFUT_CREW_CALL_HANDED &&
         !self->settled;
}

static void
call_transition_locked (CfutCrewCall      *self,
                        CfutCrewCallState  to)
{
  CfutCrew *crew = self->crew;

  g_assert (edges[self->state] & (1 << to));

  crew->n_pending -= is_pending (self);
  crew->n_running -= self->state == CFUT_CREW_CALL_STARTED;
  crew->n_completed += self->state == CFUT_CREW_CALL_STARTED;
  crew->n_open += (self->state == CFUT_CREW_CALL_NEW) - (guint64) (to == CFUT_CREW_CALL_DONE);
  self->state = to;
  crew->n_running += to == CFUT_CREW_CALL_STARTED;
  crew->n_pending += is_pending (self);
}

static void
call_note_settled_locked (CfutCrewCall *self)
{
  self->crew->n_pending -= is_pending (self);
  self->settled = TRUE;
}

void
cfut_crew_list_append (CfutCrewList *self,
                       CfutCrewCall *call)
{
  call->next = NULL;
  call->prev = self->last;
  if (self->last != NULL)
    self->last->next = call;
  else
    self->first = call;
  self->last = call;
  self->n++;
}

void
cfut_crew_list_remove (CfutCrewList *self,
                       CfutCrewCall *call)
{
  if (call->prev != NULL)
    call->prev->next = call->next;
  else
    self->first = call->next;
  if (call->next != NULL)
    call->next->prev = call->prev;
  else
    self->last = call->prev;
  call->next = call->prev = NULL;
  self->n--;
}

static inline CfutCrewCall *
call_from_task (CfutTask *task)
{
  CfutTaskRemote *remote = atomic_load_explicit (&cfut_task_peek_options (task)->remote,
                                                 memory_order_acquire);

  return (CfutCrewCall *) ((char *) remote - G_STRUCT_OFFSET (CfutCrewCall, remote));
}

/* (nullable): whose turn it is. */
CfutCrewCall *
cfut_crew_first_locked (CfutCrew *self)
{
  CfutPlace *place = cfut_heap_peek (&self->heap);

  if (place == NULL || (self->fifo.first != NULL && self->fifo.first->key <= place->key))
    return self->fifo.first;

  return cfut_crew_call_from_place (place);
}

/* The key is set: what comes without a priority comes in the order of that, and stands in the
 * list. */
static void
call_place_locked (CfutCrewCall *self,
                   gboolean      in_heap)
{
  CfutCrew *crew = self->crew;

  call_transition_locked (self, CFUT_CREW_CALL_QUEUED);
  if (in_heap)
    cfut_heap_insert (&crew->heap, &self->place, self->key);
  else
    cfut_crew_list_append (&crew->fifo, self);
}

static void
call_leave_queue_locked (CfutCrewCall *self)
{
  if (self->state == CFUT_CREW_CALL_ASIDE)
    cfut_crew_list_remove (&self->crew->aside, self);
  else if (self->place.index > 0)
    cfut_heap_remove (&self->crew->heap, &self->place);
  else
    cfut_crew_list_remove (&self->crew->fifo, self);
}

static void
call_leave_worker_locked (CfutCrewCall *self)
{
  CfutCrewWorker *worker = g_steal_pointer (&self->worker);

  if (worker == NULL)
    {
      cfut_crew_list_remove (&self->crew->commands, self);
      return;
    }

  self->crew->n_ahead -= worker->list.n > 1;
  self->crew->n_busy -= worker->list.n == 1;
  if (self->stopping)
    {
      worker->stopping = FALSE;
      if (worker->state == CFUT_CREW_WORKER_READY)
        worker->stop_at_usec = 0;
    }
  cfut_crew_list_remove (&worker->list, self);
}

void
cfut_crew_call_queue_locked (CfutCrewCall *self,
                             gboolean      back)
{
  CfutTaskOptions *options = cfut_task_peek_options (self->task);
  gboolean in_heap = back || options->priority != 0;

  if (self->state == CFUT_CREW_CALL_HANDED)
    call_leave_worker_locked (self);

  if (!back)
    {
      cfut_cell_lock (&self->task->parent_instance.cell);
      self->key = cfut_task_options_key (options);
      cfut_cell_unlock (&self->task->parent_instance.cell);
    }
  call_place_locked (self, in_heap);
}

void
cfut_crew_call_aside_locked (CfutCrewCall *self)
{
  call_leave_queue_locked (self);
  call_transition_locked (self, CFUT_CREW_CALL_ASIDE);
  cfut_crew_list_append (&self->crew->aside, self);
}

void
cfut_crew_call_hand_locked (CfutCrewCall   *self,
                            CfutCrewWorker *worker)
{
  CfutCrew *crew = self->crew;

  call_leave_queue_locked (self);
  call_transition_locked (self, CFUT_CREW_CALL_HANDED);
  if (worker == NULL)
    {
      cfut_crew_list_append (&crew->commands, self);
      return;
    }

  self->worker = worker;
  self->id = ++worker->last_id;
  crew->n_ahead += worker->list.n > 0;
  crew->n_busy += worker->list.n == 0;
  cfut_crew_list_append (&worker->list, self);
  cfut_crew_worker_send_locked (worker, CFUT_WIRE_CALL, self->id, self->call);
}

void
cfut_crew_call_start_locked (CfutCrewCall *self)
{
  call_transition_locked (self, CFUT_CREW_CALL_STARTED);
}

void
cfut_crew_call_done_locked (CfutCrewCall *self)
{
  if (self->worker != NULL)
    self->worker->n_done += self->state == CFUT_CREW_CALL_STARTED;
  if (self->state == CFUT_CREW_CALL_HANDED || self->state == CFUT_CREW_CALL_STARTED)
    call_leave_worker_locked (self);
  else if (self->state != CFUT_CREW_CALL_NEW)
    call_leave_queue_locked (self);
  call_transition_locked (self, CFUT_CREW_CALL_DONE);
}

/* What DONE leaves to be let go of. It may be gone after. */
static void
call_release (CfutCrewCall *self)
{
  CfutCall *call = g_steal_pointer (&self->call);

  if (call != NULL)
    cfut_call_unref (call);
  cfut_future_release (CFUT_FUTURE (self->task));
}

void
cfut_crew_call_end (CfutCrewCall *self,
                    gboolean      success,
                    GError       *error)
{
  CfutTask *task = self->task;
  CfutFuture *future = CFUT_FUTURE (task);
  CfutCall *call = g_steal_pointer (&self->call);

  cfut_future_remove_node (future, &self->node);
  cfut_task_options_ended (cfut_task_peek_options (task));
  cfut_future_finish_run (future, success, error);
  if (call != NULL)
    cfut_call_unref (call);
}

/* On the I/O thread: only that ends it. Its future is RUNNING, and has been told so. */
void
cfut_crew_call_entered (CfutCrewCall *self)
{
  CfutFuture *future = CFUT_FUTURE (self->task);
  CfutPoolRun run = { .deadline_usec = 0 };
  GError *error = NULL;

  cfut_task_terms_start (self->task, &run);
  if (run.deadline_usec != 0 && !cfut_task_terms_watch (self->task, run.deadline_usec, &error))
    cfut_future_settle (future, CFUT_STATE_REJECTED, NULL, error);
}

static void
call_stop_locked (CfutCrewCall *self)
{
  if (self->worker != NULL)
    cfut_crew_call_stop_locked (self);
  else
    cfut_crew_command_stop_locked (self);
}

static void
on_settled (CfutNode   *node,
            CfutFuture *future,
            CfutState   state)
{
  CfutCrewCall *self = (CfutCrewCall *) ((char *) node - G_STRUCT_OFFSET (CfutCrewCall, node));
  CfutCrew *crew = self->crew;
  gboolean done = FALSE;

  cfut_crew_enter (crew);
  switch (self->state)
    {
    case CFUT_CREW_CALL_NEW:
      self->settled = TRUE;
      break;
    case CFUT_CREW_CALL_QUEUED:
    case CFUT_CREW_CALL_ASIDE:
      cfut_crew_call_done_locked (self);
      cfut_crew_check_ended_locked (crew);
      done = TRUE;
      break;
    case CFUT_CREW_CALL_HANDED:
      call_note_settled_locked (self);
      if (self->worker != NULL)
        cfut_crew_worker_send_locked (self->worker, CFUT_WIRE_CANCEL, self->id, NULL);
      break;
    case CFUT_CREW_CALL_STARTED:
      call_note_settled_locked (self);
      call_stop_locked (self);
      break;
    case CFUT_CREW_CALL_DONE:
      break;
    }
  cfut_crew_leave (crew);

  if (done)
    call_release (self);
}

static const CfutNodeClass node_class = {
  .kind = CFUT_NODE_INTERNAL,
  .settled = on_settled,
};

static gboolean
remote_replace (CfutTask *task)
{
  CfutCrewCall *self = call_from_task (task);
  CfutCrew *crew = self->crew;
  gboolean waits;

  cfut_crew_enter (crew);
  waits = self->state == CFUT_CREW_CALL_QUEUED || self->state == CFUT_CREW_CALL_ASIDE;
  if (waits)
    {
      cfut_cell_lock (&task->parent_instance.cell);
      self->key = cfut_task_options_key (cfut_task_peek_options (task));
      cfut_cell_unlock (&task->parent_instance.cell);
    }
  if (self->state == CFUT_CREW_CALL_QUEUED)
    {
      call_leave_queue_locked (self);
      cfut_heap_insert (&crew->heap, &self->place, self->key);
    }
  cfut_crew_leave (crew);

  return waits;
}

/* A worker that has it stops at the next checkpoint, or gives it back. */
static void
remote_paused (CfutTask *task)
{
  CfutCrewCall *self = call_from_task (task);
  CfutCrew *crew = self->crew;

  cfut_crew_enter (crew);
  if (self->worker != NULL && self->state == CFUT_CREW_CALL_HANDED)
    cfut_crew_worker_take_back_locked (self->worker);
  if (self->worker != NULL)
    cfut_crew_worker_send_locked (self->worker, CFUT_WIRE_PAUSE, self->id, NULL);
  cfut_crew_leave (crew);
}

static void
remote_resumed (CfutTask *task)
{
  CfutCrewCall *self = call_from_task (task);
  CfutCrew *crew = self->crew;

  cfut_crew_enter (crew);
  if (self->worker != NULL)
    {
      cfut_crew_worker_send_locked (self->worker, CFUT_WIRE_RESUME, self->id, NULL);
    }
  else if (self->state == CFUT_CREW_CALL_ASIDE)
    {
      cfut_crew_list_remove (&crew->aside, self);
      call_place_locked (self, TRUE);
      cfut_crew_dispatch_locked (crew);
    }
  cfut_crew_leave (crew);
}

/* By what its worker has noted, if it has not said so yet. */
static gboolean
call_has_begun_locked (CfutCrewCall *self)
{
  return self->state == CFUT_CREW_CALL_STARTED ||
         (self->state == CFUT_CREW_CALL_HANDED && self->worker != NULL &&
          cfut_crew_worker_has_entered (self->worker, self->id));
}

static gboolean
remote_has_begun (CfutTask *task)
{
  CfutCrewCall *self = call_from_task (task);
  CfutCrew *crew = self->crew;
  gboolean begun;

  cfut_crew_enter (crew);
  begun = call_has_begun_locked (self);
  if (begun && self->worker != NULL)
    cfut_future_set_worker_pid (CFUT_FUTURE (task), self->worker->pid);
  cfut_unlock (&crew->lock, CFUT_LOCK_CREW);

  return begun;
}

static void
remote_stop (CfutTask *task)
{
  CfutCrewCall *self = call_from_task (task);
  CfutCrew *crew = self->crew;

  cfut_crew_enter (crew);
  if (call_has_begun_locked (self))
    call_stop_locked (self);
  cfut_crew_leave (crew);
}

static void
remote_free (gpointer remote)
{
  CfutCrewCall *self = (CfutCrewCall *) ((char *) remote - G_STRUCT_OFFSET (CfutCrewCall, remote));

  cfut_crew_unref (self->crew);
  g_slice_free (CfutCrewCall, self);
}

static const CfutTaskRemoteClass remote_class = {
  .replace = remote_replace,
  .paused = remote_paused,
  .resumed = remote_resumed,
  .has_begun = remote_has_begun,
  .stop = remote_stop,
  .free = remote_free,
};

/* Takes over the task. Its future may have settled, or do so from here on. */
CfutCrewCall *
cfut_crew_call_new (CfutCrew *crew,
                    CfutTask *task)
{
  CfutCrewCall *self = g_slice_new0 (CfutCrewCall);
  CfutTaskOptions *options = cfut_task_get_options (task);

  self->remote.klass = &remote_class;
  self->node.klass = &node_class;
  self->crew = cfut_crew_ref (crew);
  self->task = task;
  self->call = cfut_call_from_task (task);
  if (self->call != NULL)
    cfut_owned_ref (&self->call->data);
  atomic_store_explicit (&options->remote, &self->remote, memory_order_release);
  if (!cfut_future_add_node (CFUT_FUTURE (task), &self->node))
    self->settled = TRUE;

  return self;
}
