/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a worker hears, and does, beside the functions that it runs: the listener's thread.
 *
 * It stops, pauses and resumes what runs, gives back what does not yet, answers pings, and takes
 * the answers of dicts to who waits for them. It sends the progress of what runs, as often as is
 * sensible. When the application is gone it gives what runs a time of grace, and ends the process.
 *
 * Threads: as each function says; frames that may come on either channel the runner hears, too.
 * Locks: the link's, see there.
 * Owns: nothing.
 * Invariants: those of the link (cfut-worker-link.c), of which it keeps 2, 3 and 4.
 * Not here: what the runner does between two functions (cfut-worker-link.c). */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/cfut-worker-link-struct-private.h"

#define PROGRESS_USEC (G_USEC_PER_SEC / 60)

/* What an application may say of how long a function goes on without it. */
#define GRACE_MAX_USEC (5 * G_USEC_PER_SEC)

enum { DIRTY_PROGRESS = 1 << 0, DIRTY_MESSAGE = 1 << 1 };

void
cfut_worker_link_wake (CfutWorkerLink *self)
{
  guint64 one = 1;

  /* It can only fail when it is awake already. */
  while (write (self->wake_fd, &one, sizeof (one)) < 0 && errno == EINTR)
    ;
}

/* (transfer full) (nullable): a reference on the running task, if it is that of @id. */
static CfutTask *
link_dup_running (CfutWorkerLink *self,
                  guint64         id)
{
  CfutTask *task = NULL;

  link_lock (self);
  if (self->running != NULL && self->running->id == id)
    task = g_object_ref (self->running->task);
  link_unlock (self);

  return task;
}

/* Takes over the reference. It is settled by the runner alone, also where that has not begun to run
 * it. */
static void
link_ask_to_stop (CfutTask *task)
{
  if (task == NULL)
    return;

  cfut_future_ask_to_stop (CFUT_FUTURE (task));
  cfut_future_release (CFUT_FUTURE (task));
}

static void
link_cancel (CfutWorkerLink *self,
             guint64         id)
{
  CfutTask *task = NULL;

  link_lock (self);
  if (self->running != NULL && self->running->id == id)
    task = g_object_ref (self->running->task);
  else if (id > self->last_id)
    g_array_append_val (self->cancelled_ids, id);
  link_unlock (self);

  link_ask_to_stop (task);
}

static void
link_pause (CfutWorkerLink *self,
            guint64         id,
            gboolean        pause)
{
  CfutTask *task = link_dup_running (self, id);

  if (task == NULL)
    return;

  if (pause)
    cfut_future_pause (CFUT_FUTURE (task));
  else
    cfut_future_resume (CFUT_FUTURE (task));
  cfut_future_release (CFUT_FUTURE (task));
}

/* What cannot be sent any more is nobody's. */
static void
link_answer (CfutWorkerLink *self,
             CfutWireType    type,
             guint64         id)
{
  CfutWireOut frame = { .type = type, .id = id };

  if (cfut_channel_queue (self->control, &frame, NULL, NULL))
    cfut_channel_flush (self->control);
}

/* Under the lock, or after it has ended. */
void
cfut_worker_link_tell_started (CfutWorkerLink *self,
                               CfutWorkerCall *call)
{
  CfutWireOut frame = { .type = CFUT_WIRE_STARTED, .id = call->id };
  gboolean ignored G_GNUC_UNUSED;

  /* What cannot be sent any more nobody waits for. */
  ignored = cfut_channel_queue (self->calls, &frame, NULL, NULL);
  call->told = TRUE;
}

/* What waits to be sent need wait no longer. */
static void
link_send_waiting (CfutWorkerLink *self)
{
  link_lock (self);
  if (self->running != NULL && self->running->entered && !self->running->told)
    cfut_worker_link_tell_started (self, self->running);
  link_unlock (self);

  cfut_channel_flush (self->calls);
}

/* The runner may be about to start one of them: that is decided under the lock. */
static void
link_take_back (CfutWorkerLink *self,
                guint64         id)
{
  guint64 last_id;

  link_lock (self);
  self->taken_back_id = MAX (self->taken_back_id, id);
  last_id = self->last_id;
  link_unlock (self);

  link_send_waiting (self);
  link_answer (self, CFUT_WIRE_RETURNED, last_id);
}

/* (transfer full) (nullable): what is for the worker's own use. */
GVariant *
cfut_worker_link_set_up (CfutWorkerLink  *self,
                         const CfutFrame *frame)
{
  g_autoptr (GVariant) options = cfut_frame_dup_value (frame, NULL);
  gint64 grace_usec;

  if (options == NULL || !g_variant_is_of_type (options, G_VARIANT_TYPE_VARDICT))
    return NULL;

  if (g_variant_lookup (options, "stop-grace-usec", "x", &grace_usec))
    {
      link_lock (self);
      self->grace_usec = CLAMP (grace_usec, 0, GRACE_MAX_USEC);
      link_unlock (self);
    }

  return g_variant_lookup_value (options, "setup", NULL);
}

static void
link_reply (CfutWorkerLink  *self,
            const CfutFrame *frame)
{
  GError *error = NULL;
  GVariant *reply = cfut_frame_dup_value (frame, &error);
  CfutWorkerRequest *request;

  link_lock (self);
  request = g_hash_table_lookup (self->requests, &frame->wire.id);
  if (request != NULL && !request->answered)
    {
      request->answered = TRUE;
      request->reply = g_steal_pointer (&reply);
      request->error = g_steal_pointer (&error);
      g_cond_broadcast (&self->changed);
    }
  link_unlock (self);

  g_clear_pointer (&reply, g_variant_unref);
  g_clear_error (&error);
}

/* What may come on either channel, at any time. It may come too late for what it concerns: then
 * there is nothing to do. */
void
cfut_worker_link_hear (CfutWorkerLink *self,
                       CfutFrame      *frame)
{
  guint64 id = frame->wire.id;
  GVariant *setup;

  switch (frame->wire.type)
    {
    case CFUT_WIRE_SETUP:
      setup = cfut_worker_link_set_up (self, frame);
      g_clear_pointer (&setup, g_variant_unref);
      break;
    case CFUT_WIRE_CANCEL:
      link_cancel (self, id);
      break;
    case CFUT_WIRE_PAUSE:
    case CFUT_WIRE_RESUME:
      link_pause (self, id, frame->wire.type == CFUT_WIRE_PAUSE);
      break;
    case CFUT_WIRE_TAKE_BACK:
      link_take_back (self, id);
      break;
    case CFUT_WIRE_DICT_REPLY:
      link_reply (self, frame);
      break;
    case CFUT_WIRE_PING:
      link_send_waiting (self);
      link_answer (self, CFUT_WIRE_PONG, id);
      break;
    default:
      break;
    }
}

gboolean
cfut_frame_is_for_runner (CfutFrame *frame)
{
  return frame->wire.type == CFUT_WIRE_CALL || frame->wire.type == CFUT_WIRE_STOP;
}

/* --- progress --- */

static void
call_mark (CfutWorkerCall *call,
           guint           what)
{
  if (atomic_fetch_or (&call->link->dirty, what) == 0)
    cfut_worker_link_wake (call->link);
}

/* Under the cell's lock, on the thread that runs the function. */
static void
call_progress (CfutNode *node,
               guint64   done,
               guint64   total)
{
  call_mark ((CfutWorkerCall *) node, DIRTY_PROGRESS);
}

static void
call_message (CfutNode *node)
{
  call_mark ((CfutWorkerCall *) node, DIRTY_MESSAGE);
}

static void
call_settled (CfutNode   *node,
              CfutFuture *future,
              CfutState   state)
{
}

const CfutNodeClass cfut_worker_call_node_class = {
  .kind = CFUT_NODE_INTERNAL,
  .settled = call_settled,
  .progress = call_progress,
  .message = call_message,
};

/* Under the lock, or after the call has been ended. TRUE: something was queued. */
gboolean
cfut_worker_link_queue_progress (CfutWorkerLink *self,
                                 CfutWorkerCall *call)
{
  guint dirty = atomic_exchange (&self->dirty, 0);
  CfutFuture *future = CFUT_FUTURE (call->task);

  if (!call->told)
    cfut_worker_link_tell_started (self, call);
  if (dirty & DIRTY_PROGRESS)
    {
      CfutWireOut frame = { .type = CFUT_WIRE_PROGRESS, .id = call->id };

      cfut_future_get_progress (future, &frame.done, &frame.total);
      dirty = cfut_channel_queue (self->calls, &frame, NULL, NULL) ? dirty : 0;
    }
  if (dirty & DIRTY_MESSAGE)
    {
      g_autofree char *message = cfut_future_dup_message (future);
      g_autofree char *valid = message != NULL ? g_utf8_make_valid (message, -1) : g_strdup ("");
      CfutWireOut frame = { .type = CFUT_WIRE_MESSAGE, .id = call->id, .name = valid };

      dirty = cfut_channel_queue (self->calls, &frame, NULL, NULL) ? dirty : 0;
    }

  return dirty != 0;
}

/* By the listener. How long until it is due, in microseconds; negative: there is none. */
static gint64
link_tell_progress (CfutWorkerLink *self)
{
  gint64 now;
  gint64 wait_usec;
  gboolean queued = FALSE;

  if (atomic_load (&self->dirty) == 0)
    return -1;

  now = g_get_monotonic_time ();
  link_lock (self);
  wait_usec = self->told_usec + PROGRESS_USEC - now;
  if (self->running == NULL)
    {
      wait_usec = -1;
    }
  else if (wait_usec <= 0)
    {
      wait_usec = -1;
      self->told_usec = now;
      queued = cfut_worker_link_queue_progress (self, self->running);
    }
  link_unlock (self);

  if (queued)
    cfut_channel_flush (self->calls);
  return wait_usec;
}

/* --- the listener --- */

/* Takes over @error. */
static void
link_end (CfutWorkerLink *self,
          GError         *error)
{
  CfutTask *task = NULL;

  link_lock (self);
  atomic_store (&self->is_gone, TRUE);
  self->at_end = TRUE;
  self->end_error = error;
  if (self->running != NULL)
    task = g_object_ref (self->running->task);
  g_cond_broadcast (&self->changed);
  link_unlock (self);

  /* The runner may wait for calls. */
  if (!self->is_stdio)
    shutdown (self->calls_fd, SHUT_RD);
  link_ask_to_stop (task);
}

/* FALSE: nothing more will come. */
static gboolean
link_listen (CfutWorkerLink *self)
{
  CfutFrame frame;
  GError *error = NULL;
  CfutReceived received;

  while ((received = cfut_channel_receive (self->control, &frame, 0, &error)) ==
         CFUT_RECEIVED_FRAME)
    {
      if (self->is_stdio && cfut_frame_is_for_runner (&frame))
        {
          CfutFrame *kept = cfut_frame_keep (&frame);

          link_lock (self);
          g_queue_push_tail (&self->frames, kept);
          g_cond_broadcast (&self->changed);
          link_unlock (self);
        }
      else
        {
          cfut_worker_link_hear (self, &frame);
        }
      cfut_frame_clear (&frame);
    }

  if (received == CFUT_RECEIVED_TIMED_OUT)
    {
      g_clear_error (&error);
      return TRUE;
    }

  link_end (self, error);
  return FALSE;
}

static gboolean
link_is_closing (CfutWorkerLink *self)
{
  gboolean is_closing;

  link_lock (self);
  is_closing = self->is_closing;
  link_unlock (self);

  return is_closing;
}

/* Until somebody wakes the listener, there is something to read, or the time is up. */
static void
link_sleep (CfutWorkerLink *self,
            gboolean        reads,
            gint64          usec)
{
  struct pollfd fds[2] = { { .fd = self->wake_fd, .events = POLLIN },
                           { .fd = self->control_fd, .events = POLLIN } };
  guint64 n_wakes;

  poll (fds, reads ? 2 : 1, usec >= 0 ? (int) ((usec + 999) / 1000) : -1);
  if (read (self->wake_fd, &n_wakes, sizeof (n_wakes)) < 0)
    return;
}

/* The application is gone, and what runs was asked to stop. */
static void
link_give_grace (CfutWorkerLink *self)
{
  gint64 end_usec;

  link_lock (self);
  end_usec = g_get_monotonic_time () + self->grace_usec;
  link_unlock (self);

  while (!link_is_closing (self))
    {
      gint64 left_usec = end_usec - g_get_monotonic_time ();

      if (left_usec <= 0)
        _exit (EXIT_FAILURE);
      link_sleep (self, FALSE, left_usec);
    }
}

gpointer
cfut_worker_link_run_listener (gpointer data)
{
  CfutWorkerLink *self = data;

  for (;;)
    {
      gint64 wait_usec;

      if (!link_listen (self))
        {
          link_give_grace (self);
          break;
        }
      wait_usec = link_tell_progress (self);
      if (link_is_closing (self))
        break;
      link_sleep (self, TRUE, wait_usec);
    }

  cfut_worker_link_unref (self);
  return NULL;
}
