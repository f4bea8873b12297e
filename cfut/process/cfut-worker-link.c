/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A worker's connection with the application.
 *
 *   sockets:  calls   --> the runner, between two functions         results, progress -->
 *             control --> the listener, also while a function runs  its answers -->
 *   stdio:    all     --> the listener --> a queue --> the runner    all -->
 *
 * The runner is the thread that runs the functions. With sockets it reads the calls by itself, so
 * that a call costs no switch of threads. The listener hears what concerns a function that runs: to
 * stop, to pause, and that the application is gone, after which it gives the function a time of
 * grace and ends the process. It also sends progress, as often as is sensible.
 *
 * With a journal, and more calls at hand, the runner does not send for each: what they came to, and
 * that the next was started, may wait for a moment, as the journal has it. If a function lasts
 * meanwhile the application asks, by a ping, and the listener sends.
 *
 * Threads: as the header says. Frames are sent on any.
 * Locks: the link's lock guards what is running and what is to be; a channel's queue is filled
 *   under it, where the order with the end of a call counts, and never flushed. The cell's lock is
 *   taken under it.
 * Owns: the channels; the running task, for the listener.
 * Invariants:
 * 1. Of the calls that were handed to this worker it starts a row without gaps, but for those that
 *    were taken back: last_id is the last one that was decided about, and never goes back.
 * 2. Nothing about a call is queued after its result.
 * 3. `dirty` is set from a change of the running call's progress or message until somebody queues
 *    it, and who sets it first wakes the listener.
 * 4. The listener never waits for the runner without a limit.
 * 5. Before a function is entered, STARTED is sent or the journal says so, and all that was queued is
 *    sent or in the journal. The listener, which may be at sending it, is waited for.
 * 6. The journal has room for all that one call may queue, its texts being cut, beside WAIT_BYTES.
 *    Calls that fail without being entered make room before.
 * Not here: the listener (cfut-worker-listen.c), functions and results (cfut-worker.c), how frames look
 *   (cfut-wire.c). */

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cfut-error.h"
#include "process/cfut-shared-dict-private.h"
#include "process/cfut-worker-link-struct-private.h"

/* So long, and so much, may wait to be sent together. */
#define WAIT_USEC 100
#define WAIT_BYTES ((gsize) 8 * 1024)

/* How long a function may go on when the application is gone. */
#define GRACE_USEC G_USEC_PER_SEC

CfutWorkerLink *
cfut_worker_link_new (void)
{
  CfutWorkerLink *self = g_new0 (CfutWorkerLink, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->wake_fd = -1;
  self->grace_usec = GRACE_USEC;
  self->cancelled_ids = g_array_new (FALSE, FALSE, sizeof (guint64));
  self->requests = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_queue_init (&self->frames);

  return self;
}

CfutWorkerLink *
cfut_worker_link_ref (CfutWorkerLink *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_worker_link_unref (CfutWorkerLink *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_pointer (&self->calls, cfut_channel_unref);
  g_clear_pointer (&self->control, cfut_channel_unref);
  g_clear_pointer (&self->journal, cfut_journal_unref);
  if (self->wake_fd >= 0)
    close (self->wake_fd);
  g_queue_clear_full (&self->frames, (GDestroyNotify) cfut_frame_free);
  g_array_unref (self->cancelled_ids);
  g_hash_table_unref (self->requests);
  g_clear_error (&self->end_error);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static gboolean
link_say_hello (CfutWorkerLink        *self,
                const CfutWorkerStart *start,
                GError               **error)
{
  CfutWireOut hello = {
    .type = CFUT_WIRE_HELLO,
    .has_control = !self->is_stdio,
    .version = CFUT_WIRE_VERSION,
    .pid = (guint32) getpid (),
    .name = start->cookie,
  };

  return cfut_channel_send (self->calls, &hello, NULL, error);
}

/* Of another version: the application finds out by the hello. */
static gboolean
link_check_version (CfutWorkerLink         *self,
                    const CfutWorkerStart  *start,
                    GError                **error)
{
  if (start->version == CFUT_WIRE_VERSION)
    return TRUE;

  if (link_say_hello (self, start, error))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _("The application speaks version %u of the protocol, this worker version %d"),
                 start->version, CFUT_WIRE_VERSION);
  return FALSE;
}

gboolean
cfut_worker_link_open (CfutWorkerLink         *self,
                       const CfutWorkerStart  *start,
                       GError                **error)
{
  CfutChannelFlags flags = CFUT_CHANNEL_BLOCKING;

  self->is_stdio = start->control_fd < 0;
  if (!self->is_stdio)
    flags |= CFUT_CHANNEL_PASS_FDS;

  self->calls = cfut_channel_new (start->read_fd, start->write_fd, CFUT_WIRE_WORKER, flags);
  self->calls_fd = start->read_fd;
  self->control_fd = self->is_stdio ? start->read_fd : start->control_fd;
  self->control = self->is_stdio ? cfut_channel_ref (self->calls)
                                 : cfut_channel_new (start->control_fd, start->control_fd,
                                                     CFUT_WIRE_WORKER, flags);
  if (start->journal != NULL && !self->is_stdio)
    {
      self->journal = cfut_journal_ref (start->journal);
      cfut_channel_set_journal (self->calls, self->journal);
    }
  self->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (self->wake_fd < 0)
    {
      int code = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
                   _("The worker could not be set up: %s"), g_strerror (code));
      return FALSE;
    }

  return link_check_version (self, start, error);
}

gboolean
cfut_worker_link_hear_setup (CfutWorkerLink  *self,
                             GVariant       **setup,
                             GError         **error)
{
  CfutFrame frame;
  CfutReceived received = cfut_channel_receive (self->calls, &frame, -1, error);

  if (received == CFUT_RECEIVED_ERROR)
    return FALSE;
  if (received != CFUT_RECEIVED_FRAME)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, _("The application is gone"));
      return FALSE;
    }

  if (frame.wire.type == CFUT_WIRE_SETUP)
    {
      *setup = cfut_worker_link_set_up (self, &frame);
      cfut_frame_clear (&frame);
      return TRUE;
    }

  cfut_frame_clear (&frame);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                       _("The application does not say what a worker has to know first"));
  return FALSE;
}

void
cfut_worker_link_refuse (CfutWorkerLink *self,
                         const GError   *why)
{
  g_autofree char *message = g_utf8_make_valid (why->message, -1);
  CfutWireOut frame = {
    .type = CFUT_WIRE_ERROR,
    .domain = g_quark_to_string (why->domain),
    .code = why->code,
    .message = message,
  };

  if (cfut_channel_queue (self->calls, &frame, NULL, NULL))
    cfut_channel_flush (self->calls);
}

gboolean
cfut_worker_link_begin_service (CfutWorkerLink         *self,
                                const CfutWorkerStart  *start,
                                GError                **error)
{
  if (!link_say_hello (self, start, error))
    return FALSE;

  self->is_open = TRUE;
  cfut_worker_link_ref (self);
  self->listener = g_thread_try_new ("cfut-listener", cfut_worker_link_run_listener, self, error);
  if (self->listener == NULL)
    {
      self->is_open = FALSE;
      cfut_worker_link_unref (self);
      return FALSE;
    }

  return TRUE;
}

void
cfut_worker_link_close (CfutWorkerLink *self)
{
  link_lock (self);
  self->is_closing = TRUE;
  atomic_store (&self->is_gone, TRUE);
  g_cond_broadcast (&self->changed);
  link_unlock (self);

  if (self->listener != NULL)
    {
      cfut_worker_link_wake (self);
      g_thread_join (g_steal_pointer (&self->listener));
    }
  if (self->calls != NULL)
    cfut_channel_close (self->calls);
  if (self->control != NULL)
    cfut_channel_close (self->control);
}

/* Over sockets. */
static CfutWorkerNext
link_receive (CfutWorkerLink  *self,
              CfutFrame       *frame,
              GError         **error)
{
  for (;;)
    {
      if (!cfut_channel_has_frame (self->calls))
        cfut_worker_link_flush (self);

      switch (cfut_channel_receive (self->calls, frame, -1, error))
        {
        case CFUT_RECEIVED_FRAME:
          if (cfut_frame_is_for_runner (frame))
            return CFUT_WORKER_CALL;
          cfut_worker_link_hear (self, frame);
          cfut_frame_clear (frame);
          break;
        case CFUT_RECEIVED_END:
          return CFUT_WORKER_GONE;
        case CFUT_RECEIVED_TIMED_OUT:
          break;
        case CFUT_RECEIVED_ERROR:
        default:
          return CFUT_WORKER_FAILED;
        }
    }
}

/* Over stdio: from the listener. */
static CfutWorkerNext
link_pop (CfutWorkerLink *self,
          CfutFrame      *frame)
{
  CfutFrame *kept;

  cfut_channel_flush (self->calls);
  link_lock (self);
  while (g_queue_is_empty (&self->frames) && !self->at_end)
    g_cond_wait (&self->changed, &self->lock);
  kept = self->at_end ? NULL : g_queue_pop_head (&self->frames);
  link_unlock (self);

  if (kept == NULL)
    return CFUT_WORKER_GONE;

  *frame = *kept;
  g_free (kept);
  return CFUT_WORKER_CALL;
}

/* Why the listener heard the last of the application. */
static CfutWorkerNext
link_explain_end (CfutWorkerLink  *self,
                  GError         **error)
{
  GError *end_error;

  link_lock (self);
  end_error = self->end_error != NULL ? g_error_copy (self->end_error) : NULL;
  link_unlock (self);

  if (end_error == NULL)
    return CFUT_WORKER_GONE;

  g_propagate_error (error, end_error);
  return CFUT_WORKER_FAILED;
}

CfutWorkerNext
cfut_worker_link_next (CfutWorkerLink  *self,
                       CfutFrame       *frame,
                       GError         **error)
{
  CfutWorkerNext next = self->is_stdio ? link_pop (self, frame)
                                       : link_receive (self, frame, error);

  if (next == CFUT_WORKER_GONE)
    return link_explain_end (self, error);
  if (next != CFUT_WORKER_CALL)
    return next;
  if (frame->wire.type == CFUT_WIRE_CALL && !atomic_load (&self->is_gone))
    return CFUT_WORKER_CALL;

  next = frame->wire.type == CFUT_WIRE_CALL ? CFUT_WORKER_GONE : CFUT_WORKER_STOP;
  cfut_frame_clear (frame);
  return next;
}

/* Under the lock. */
static gboolean
link_forget_cancelled (CfutWorkerLink *self,
                       guint64         id)
{
  gboolean found = FALSE;

  for (guint i = self->cancelled_ids->len; i-- > 0;)
    {
      guint64 cancelled_id = g_array_index (self->cancelled_ids, guint64, i);

      found = found || cancelled_id == id;
      if (cancelled_id <= id)
        g_array_remove_index_fast (self->cancelled_ids, i);
    }

  return found;
}

CfutWorkerVerdict
cfut_worker_link_begin (CfutWorkerLink *self,
                        CfutWorkerCall *call)
{
  CfutWorkerVerdict verdict = CFUT_WORKER_RUN;

  call->node.klass = &cfut_worker_call_node_class;
  call->link = self;

  link_lock (self);
  if (call->id <= self->taken_back_id)
    {
      verdict = CFUT_WORKER_SKIP;
    }
  else
    {
      self->last_id = MAX (self->last_id, call->id);
      if (link_forget_cancelled (self, call->id))
        verdict = CFUT_WORKER_CANCELLED;
      else
        self->running = call;
    }
  link_unlock (self);

  if (verdict == CFUT_WORKER_RUN)
    cfut_future_add_node (CFUT_FUTURE (call->task), &call->node);
  return verdict;
}

/* Whether what is queued, and what is about to be said, can wait until another call has ended. */
static gboolean
link_may_wait (CfutWorkerLink *self)
{
  if (self->journal == NULL || !cfut_channel_has_frame (self->calls) ||
      cfut_channel_get_n_queued (self->calls) > WAIT_BYTES)
    return FALSE;

  return g_get_monotonic_time () - self->sent_usec < WAIT_USEC;
}

void
cfut_worker_link_enter (CfutWorkerLink *self,
                        CfutWorkerCall *call)
{
  gboolean waits = link_may_wait (self);

  if (self->journal != NULL)
    cfut_journal_set_entered (self->journal, call->id);
  link_lock (self);
  call->entered = TRUE;
  if (!waits)
    cfut_worker_link_tell_started (self, call);
  link_unlock (self);

  /* Together with what the last calls came to. */
  if (!waits)
    cfut_worker_link_flush (self);
}

void
cfut_worker_link_tell (CfutWorkerLink *self,
                       CfutWorkerCall *call)
{
  if (call->entered && !call->told)
    cfut_worker_link_tell_started (self, call);
}

void
cfut_worker_link_end (CfutWorkerLink *self,
                      CfutWorkerCall *call)
{
  link_lock (self);
  self->running = NULL;
  link_unlock (self);

  if (G_UNLIKELY (atomic_load (&self->dirty) != 0))
    cfut_worker_link_queue_progress (self, call);
}

void
cfut_worker_link_make_room (CfutWorkerLink *self)
{
  if (self->journal != NULL && cfut_channel_get_n_queued (self->calls) > WAIT_BYTES)
    cfut_worker_link_flush (self);
}

gboolean
cfut_worker_link_queue (CfutWorkerLink     *self,
                        const CfutWireOut  *frame,
                        GUnixFDList        *fds,
                        GError            **error)
{
  return cfut_channel_queue (self->calls, frame, fds, error);
}

void
cfut_worker_link_flush (CfutWorkerLink *self)
{
  cfut_channel_drain (self->calls);
  if (self->journal != NULL)
    self->sent_usec = g_get_monotonic_time ();
}

/* --- dicts --- */

GVariant *
cfut_worker_link_request (CfutWorkerLink  *self,
                          const char      *name,
                          GVariant        *value,
                          GError         **error)
{
  CfutWireOut frame = { .type = CFUT_WIRE_DICT, .name = name, .value = value };
  CfutWorkerRequest request = { FALSE, NULL, NULL };
  guint64 id;
  gboolean is_open;

  link_lock (self);
  is_open = self->is_open && !atomic_load (&self->is_gone);
  id = ++self->last_request;
  if (is_open)
    g_hash_table_insert (self->requests, &id, &request);
  link_unlock (self);

  frame.id = id;
  if (is_open && !cfut_channel_send (self->control, &frame, NULL, &request.error))
    g_assert (request.error != NULL);

  link_lock (self);
  while (is_open && !request.answered && request.error == NULL && !atomic_load (&self->is_gone))
    g_cond_wait (&self->changed, &self->lock);
  if (is_open)
    g_hash_table_remove (self->requests, &id);
  link_unlock (self);

  if (request.reply != NULL)
    return request.reply;

  if (request.error == NULL ||
      g_error_matches (request.error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE))
    {
      g_clear_error (&request.error);
      request.error = cfut_shared_dict_gone_error ();
    }
  g_propagate_error (error, request.error);
  return NULL;
}
