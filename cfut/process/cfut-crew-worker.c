/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A worker process as the crew sees it: what is sent to it, and what its frames mean.
 *
 *               hello            retire, stop, hang-up             reaped, and read
 *   STARTING -----------> READY -----------------------> LEAVING -----to the end-----> GONE
 *       |                                                  ^
 *       '------------- no hello in time, no worker --------'
 *
 * Threads: what is to be sent is noted on any, under the crew's lock; one at a time takes all that is
 *   noted and sends it. Events come on the I/O thread.
 * Locks: the crew's; it is not held while something is sent.
 * Owns: the crew; what is on its way out holds the CfutCall.
 * Invariants:
 * 1. Ids grow in the order in which calls are noted, and that is the order on the wire.
 * 2. A worker that says what makes no sense is ended; that costs it its connection, and the call
 *    that it had started, and nothing else.
 * 3. While an answer to TAKE_BACK is awaited nothing is handed to it: what it gives back is known by
 *    ids alone.
 * Not here: starting it (cfut-crew-start.c), its end (cfut-crew-end.c), when to end it
 * (cfut-crew-watch.c). */

#include <glib/gi18n-lib.h>

#include "cfut-error.h"
#include "cfut-value-private.h"
#include "process/cfut-crew-struct-private.h"

CfutCrewWorker *
cfut_crew_worker_new (CfutCrew *crew)
{
  CfutCrewWorker *self = g_new0 (CfutCrewWorker, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->crew = cfut_crew_ref (crew);
  self->out = g_array_new (FALSE, FALSE, sizeof (CfutCrewOut));
  self->spare = g_array_new (FALSE, FALSE, sizeof (CfutCrewOut));
  g_snprintf (self->cookie, sizeof self->cookie, "%08x%08x%08x%08x", g_random_int (),
              g_random_int (), g_random_int (), g_random_int ());

  return self;
}

CfutCrewWorker *
cfut_crew_worker_ref (CfutCrewWorker *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

static void
outs_clear (GArray *outs)
{
  for (guint i = 0; i < outs->len; i++)
    {
      CfutCall *call = g_array_index (outs, CfutCrewOut, i).call;

      if (call != NULL)
        cfut_call_unref (call);
    }
}

void
cfut_crew_worker_unref (CfutCrewWorker *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  outs_clear (self->out);
  g_array_unref (self->out);
  g_array_unref (self->spare);
  g_clear_pointer (&self->child, cfut_child_unref);
  g_clear_pointer (&self->own_control, cfut_channel_unref);
  g_clear_pointer (&self->calls, cfut_channel_unref);
  g_clear_pointer (&self->journal, cfut_journal_unref);
  g_clear_error (&self->why);
  cfut_crew_unref (self->crew);
  g_free (self);
}

static void
worker_is_due_locked (CfutCrewWorker *self)
{
  if (self->is_due || self->acting)
    return;

  self->is_due = TRUE;
  self->next_due = self->crew->due;
  self->crew->due = cfut_crew_worker_ref (self);
}

void
cfut_crew_worker_send_locked (CfutCrewWorker *self,
                              CfutWireType    type,
                              guint64         id,
                              CfutCall       *call)
{
  CfutCrewOut out = { type, id, call };

  if (call != NULL)
    cfut_owned_ref (&call->data);
  g_array_append_val (self->out, out);
  worker_is_due_locked (self);
}

void
cfut_crew_worker_do_locked (CfutCrewWorker *self,
                            guint           todo)
{
  self->todo |= todo;
  worker_is_due_locked (self);
}

void
cfut_crew_worker_retire_locked (CfutCrewWorker *self)
{
  CfutCrew *crew = self->crew;

  if (self->state >= CFUT_CREW_WORKER_LEAVING)
    return;

  crew->n_starting -= self->state == CFUT_CREW_WORKER_STARTING;
  crew->n_alive--;
  self->stop_at_usec = g_get_monotonic_time () + crew->options.stop_grace_usec;
  if (self->state == CFUT_CREW_WORKER_READY)
    cfut_crew_worker_send_locked (self, CFUT_WIRE_STOP, 0, NULL);
  else
    cfut_crew_worker_do_locked (self, CFUT_CREW_DO_STOP);
  self->state = CFUT_CREW_WORKER_LEAVING;
  cfut_crew_worker_watch_locked (self);
}

/* What it has not started goes back to the queue, once it has said what that is. */
void
cfut_crew_worker_take_back_locked (CfutCrewWorker *self)
{
  if (self->state != CFUT_CREW_WORKER_READY || self->taking_back != 0 || self->list.n == 0 ||
      self->list.last->state != CFUT_CREW_CALL_HANDED)
    return;

  self->taking_back = self->last_id;
  cfut_crew_worker_send_locked (self, CFUT_WIRE_TAKE_BACK, self->last_id, NULL);
}

void
cfut_crew_worker_fail_locked (CfutCrewWorker *self,
                              GError         *why)
{
  if (self->why == NULL)
    self->why = why;
  else
    g_error_free (why);
  cfut_crew_worker_retire_locked (self);
  cfut_crew_worker_do_locked (self, CFUT_CREW_DO_KILL | CFUT_CREW_DO_HANG_UP);
}

/* It cannot be sent: too large, no descriptors left. A worker that is gone is another matter, and
 * will be heard of. */
static void
worker_not_sent (CfutCrewWorker *self,
                 guint64         id,
                 GError         *error)
{
  CfutCrew *crew = self->crew;
  CfutCrewCall *call = NULL;

  cfut_crew_enter (crew);
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE))
    for (call = self->list.first; call != NULL && call->id != id; call = call->next)
      ;
  if (call != NULL)
    {
      cfut_crew_finish_locked (crew, call, FALSE, g_steal_pointer (&error));
      cfut_crew_dispatch_locked (crew);
    }
  cfut_crew_leave (crew);
  g_clear_error (&error);
}

static CfutChannel *
worker_channel_for (CfutCrewWorker *self,
                    CfutWireType    type)
{
  return type == CFUT_WIRE_CALL || type == CFUT_WIRE_STOP ? self->calls : self->control;
}

/* Outside of the lock, on one thread at a time. */
static void
worker_send (CfutCrewWorker *self,
             GArray         *outs)
{
  gboolean calls = FALSE;
  gboolean control = FALSE;

  for (guint i = 0; i < outs->len; i++)
    {
      CfutCrewOut *out = &g_array_index (outs, CfutCrewOut, i);
      CfutChannel *channel = worker_channel_for (self, out->type);
      CfutWireOut frame = { .type = out->type, .id = out->id };
      GUnixFDList *fds = NULL;
      GError *error = NULL;

      if (out->call != NULL)
        {
          frame.name = out->call->name;
          frame.value = out->call->args;
          fds = out->call->fds;
        }
      if (cfut_channel_queue (channel, &frame, fds, &error))
        {
          calls |= channel == self->calls;
          control |= channel != self->calls;
        }
      else if (out->call != NULL)
        worker_not_sent (self, out->id, error);
      else
        g_error_free (error);
    }

  if (calls)
    cfut_channel_flush (self->calls);
  if (control)
    cfut_channel_flush (self->control);
  outs_clear (outs);
}

/* What it does comes back as events. */
static void
worker_do (CfutCrewWorker *self,
           guint           todo)
{
  if (todo & CFUT_CREW_DO_KILL)
    cfut_child_kill (self->child);
  else if (todo & CFUT_CREW_DO_STOP)
    cfut_child_stop (self->child);

  if (todo & CFUT_CREW_DO_HANG_UP)
    {
      cfut_channel_hang_up (self->calls);
      cfut_channel_hang_up (self->own_control);
    }
}

/* The lock is held before and after, and given up meanwhile. */
void
cfut_crew_worker_act_unlock (CfutCrewWorker *self)
{
  CfutCrew *crew = self->crew;

  if (self->acting)
    return;

  self->acting = TRUE;
  while (self->out->len > 0 || self->todo != 0)
    {
      GArray *outs = self->out;
      /* Whoever spawns it sees to what came before. */
      guint todo = self->spawned ? self->todo : 0;

      self->out = g_steal_pointer (&self->spare);
      self->todo = 0;
      cfut_unlock (&crew->lock, CFUT_LOCK_CREW);
      worker_send (self, outs);
      worker_do (self, todo);
      cfut_crew_enter (crew);
      g_array_set_size (outs, 0);
      self->spare = outs;
    }
  self->acting = FALSE;
}

/* (nullable): the call that the frame is about, which has to be the first of the list. */
static CfutCrewCall *
worker_first_locked (CfutCrewWorker *self,
                     guint64         id)
{
  CfutCrewCall *call = self->list.first;

  return call != NULL && call->id == id ? call : NULL;
}

static GError *
nonsense_error (const CfutWireFrame *frame)
{
  /* A macro in the middle of a message hides what follows it from those who translate. */
  g_autofree char *id = g_strdup_printf ("%" G_GUINT64_FORMAT, frame->id);

  return g_error_new (G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                      /* Translators: a word of a protocol, such as RESULT, and a number */
                      _("The worker sent %s for call %s, which it cannot mean"),
                      cfut_wire_type_name (frame->type), id);
}

static void
worker_started (CfutCrewWorker      *self,
                const CfutWireFrame *frame)
{
  CfutCrew *crew = self->crew;
  CfutCrewCall *call;

  cfut_crew_enter (crew);
  call = worker_first_locked (self, frame->id);
  if (call != NULL && call->state == CFUT_CREW_CALL_HANDED)
    {
      cfut_crew_call_start_locked (call);
      call->started_usec = self->batch_usec;
      /* The cancel that was sent when it settled has come too late. */
      if (call->settled)
        cfut_crew_call_stop_locked (call);
    }
  else
    {
      call = NULL;
      cfut_crew_worker_fail_locked (self, nonsense_error (frame));
    }
  cfut_crew_leave (crew);

  if (call == NULL)
    return;

  cfut_future_set_worker_pid (CFUT_FUTURE (call->task), self->pid);
  if (cfut_future_start (CFUT_FUTURE (call->task)))
    cfut_crew_call_entered (call);
}

/* (nullable): the call, DONE. A result may be the first that is heard of it, if the worker has noted
 * that it entered it. */
static CfutCrewCall *
worker_answered (CfutCrewWorker      *self,
                 const CfutWireFrame *frame)
{
  CfutCrew *crew = self->crew;
  gboolean untold = FALSE;
  CfutCrewCall *call;

  cfut_crew_enter (crew);
  call = worker_first_locked (self, frame->id);
  if (call != NULL && call->state != CFUT_CREW_CALL_STARTED && frame->type == CFUT_WIRE_RESULT)
    {
      untold = cfut_crew_worker_has_entered (self, frame->id);
      if (untold)
        cfut_crew_call_start_locked (call);
      else
        call = NULL;
    }
  if (call == NULL)
    {
      cfut_crew_worker_fail_locked (self, nonsense_error (frame));
      cfut_crew_leave (crew);
      return NULL;
    }

  self->n_batch++;
  crew->n_failed = 0;
  cfut_crew_call_done_locked (call);
  cfut_unlock (&crew->lock, CFUT_LOCK_CREW);

  if (untold)
    {
      cfut_future_set_worker_pid (CFUT_FUTURE (call->task), self->pid);
      if (cfut_future_pass_run (CFUT_FUTURE (call->task)))
        cfut_crew_call_entered (call);
    }

  return call;
}

static void
worker_result (CfutCrewWorker *self,
               CfutFrame      *frame)
{
  CfutCrewCall *call = worker_answered (self, &frame->wire);
  CfutFuture *future;
  GError *error = NULL;
  GVariant *value;
  GUnixFDList *fds;

  if (call == NULL)
    return;

  future = CFUT_FUTURE (call->task);
  value = cfut_frame_dup_value (frame, &error);
  if (value != NULL)
    {
      GValue result = G_VALUE_INIT;

      cfut_value_init_from_wire (&result, value);
      cfut_future_take_value (future, &result);
      g_variant_unref (value);
    }
  fds = cfut_frame_steal_fds (frame);
  if (fds != NULL)
    cfut_future_take_fds (future, fds);
  cfut_crew_call_end (call, error == NULL, error);
}

static void
worker_error (CfutCrewWorker      *self,
              const CfutWireFrame *frame)
{
  CfutCrewCall *call = worker_answered (self, frame);
  GError *error;

  if (call == NULL)
    return;

  error = g_error_new_literal (g_quark_from_string (frame->domain), frame->code, frame->message);
  if (frame->cancelled && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      error->domain = G_IO_ERROR;
      error->code = G_IO_ERROR_CANCELLED;
    }
  cfut_crew_call_end (call, FALSE, error);
}

/* An error follows. What cannot be opened is missing then. */
static void
worker_details (CfutFuture *future,
                CfutFrame  *frame)
{
  GVariant *details = cfut_frame_dup_value (frame, NULL);

  if (details != NULL)
    cfut_future_take_error_details (future, details);
}

/* All that follows the one that it has started last. */
static void
worker_returned (CfutCrewWorker      *self,
                 const CfutWireFrame *frame)
{
  CfutCrew *crew = self->crew;
  CfutCrewCall *next;

  cfut_crew_enter (crew);
  if (self->taking_back == 0)
    cfut_crew_worker_fail_locked (self, nonsense_error (frame));
  for (CfutCrewCall *call = self->list.first; call != NULL && self->taking_back != 0; call = next)
    {
      next = call->next;
      if (call->id <= frame->id || call->id > self->taking_back ||
          call->state != CFUT_CREW_CALL_HANDED)
        continue;

      if (call->settled)
        cfut_crew_finish_locked (crew, call, FALSE, NULL);
      else
        cfut_crew_call_queue_locked (call, TRUE);
    }
  self->taking_back = 0;
  cfut_crew_dispatch_locked (crew);
  cfut_crew_leave (crew);
}

/* (nullable): the task that reports, which the I/O thread alone could end. */
static CfutFuture *
worker_reporting (CfutCrewWorker      *self,
                  const CfutWireFrame *frame)
{
  CfutCrew *crew = self->crew;
  CfutCrewCall *call;

  cfut_crew_enter (crew);
  call = worker_first_locked (self, frame->id);
  if (call != NULL && call->state != CFUT_CREW_CALL_STARTED)
    call = NULL;
  cfut_unlock (&crew->lock, CFUT_LOCK_CREW);

  return call != NULL ? CFUT_FUTURE (call->task) : NULL;
}

static void
on_frame (CfutChannel *channel,
          CfutFrame   *frame,
          gpointer     data)
{
  CfutCrewWorker *self = data;
  const CfutWireFrame *wire = &frame->wire;
  CfutFuture *future;

  if (self->batch_usec == 0)
    self->batch_usec = g_get_monotonic_time ();

  if (self->pid == 0 && wire->type == CFUT_WIRE_ERROR && wire->id == 0)
    {
      cfut_crew_worker_refused (self, wire->message);
      return;
    }
  if (self->pid == 0 && wire->type != CFUT_WIRE_HELLO)
    {
      cfut_crew_enter (self->crew);
      cfut_crew_worker_fail_locked (self, nonsense_error (wire));
      cfut_crew_leave (self->crew);
      return;
    }

  switch ((guint) wire->type)
    {
    case CFUT_WIRE_HELLO:
      cfut_crew_worker_hello (self, wire);
      break;
    case CFUT_WIRE_STARTED:
      worker_started (self, wire);
      break;
    case CFUT_WIRE_RESULT:
      worker_result (self, frame);
      break;
    case CFUT_WIRE_ERROR:
      worker_error (self, wire);
      break;
    case CFUT_WIRE_PROGRESS:
      if ((future = worker_reporting (self, wire)) != NULL)
        cfut_future_report_progress (future, wire->done, wire->total);
      break;
    case CFUT_WIRE_MESSAGE:
      if ((future = worker_reporting (self, wire)) != NULL)
        cfut_future_report_message (future, wire->name);
      break;
    case CFUT_WIRE_DETAILS:
      if ((future = worker_reporting (self, wire)) != NULL)
        worker_details (future, frame);
      break;
    case CFUT_WIRE_RETURNED:
      worker_returned (self, wire);
      break;
    case CFUT_WIRE_DICT:
      cfut_crew_serve_dict (self->crew, channel, frame);
      break;
    default:
      break;
    }
}

static void
on_batch (CfutChannel *channel,
          gpointer     data)
{
  CfutCrewWorker *self = data;
  CfutCrew *crew = self->crew;

  cfut_crew_enter (crew);
  cfut_crew_pace_note (&crew->pace, self->batch_usec - self->heard_usec, self->n_batch);
  self->n_batch = 0;
  self->heard_usec = self->batch_usec;
  self->pinged_usec = 0;
  self->asked = FALSE;
  if (self->state == CFUT_CREW_WORKER_READY && self->list.n == 0 && crew->options.max_calls > 0 &&
      self->last_id >= crew->options.max_calls)
    cfut_crew_worker_retire_locked (self);
  cfut_crew_dispatch_locked (crew);
  cfut_crew_worker_watch_locked (self);
  self->batch_usec = 0;
  cfut_crew_leave (crew);
}

static void
on_closed (CfutChannel  *channel,
           const GError *error,
           gpointer      data)
{
  CfutCrewWorker *self = data;
  CfutCrew *crew = self->crew;
  gboolean ended;

  cfut_crew_enter (crew);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED) || self->exited)
    ;
  else if (channel != self->calls && self->state == CFUT_CREW_WORKER_STARTING)
    /* It may not have got that one: its hello will tell. */
    self->lost_control = TRUE;
  else if (error != NULL && !self->stopped)
    cfut_crew_worker_fail_locked (self, g_error_copy (error));
  else
    {
      /* It hung up, and is to end now: on the other channel comes nothing any more. */
      cfut_crew_worker_retire_locked (self);
      cfut_crew_worker_do_locked (self, CFUT_CREW_DO_HANG_UP);
    }
  ended = --self->n_parts == 0;
  cfut_crew_leave (crew);

  if (ended)
    cfut_crew_worker_ended (self);
}

const CfutChannelEvents cfut_crew_worker_events = {
  .frame = on_frame,
  .batch = on_batch,
  .closed = on_closed,
};
