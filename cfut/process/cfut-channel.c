/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A connection to another process: its life, and the I/O thread's part in it.
 *
 * Threads: any, but for the reader's half (cfut-channel-in.c).
 * Locks: the channel's; nothing of the events is called with it.
 * Owns: the descriptors. A started channel is held by its source until it is closed; bytes of
 *   payloads that live hold it as well, so that they can be given back.
 * Invariants:
 * 1. From start until it is closed there is a source on the I/O thread, and its ready time is how
 *    others wake it.
 * 2. `closed` is called once, after the last frame, when nothing can be sent any more.
 * 3. The source waits for the descriptor to take bytes only while wants_out is set: with nothing to
 *    write the I/O thread sleeps.
 * 4. Without an I/O thread (BLOCKING, or not started) the reader alone closes, with the last
 *    reference.
 * Not here: what is sent (cfut-channel-out.c) and received (cfut-channel-in.c). */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cfut-lock-private.h"
#include "process/cfut-channel-struct-private.h"
#include "process/cfut-io-private.h"

/* So that one that never pauses does not keep the others waiting. */
#define READS_AT_ONCE 8
#define THROTTLED_USEC 1000

typedef struct {
  GSource source;
  CfutChannel *channel;
} ChannelSource;

static gboolean
is_socket (int fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 && S_ISSOCK (status.st_mode);
}

/* A payload's bytes are gone here. */
static void
send_release (gpointer data,
              guint64  buffer)
{
  CfutWireOut frame = { .type = CFUT_WIRE_RELEASE, .id = buffer };
  gboolean ignored G_GNUC_UNUSED;

  /* Where it cannot be sent nobody waits for it. */
  ignored = cfut_channel_send (data, &frame, NULL, NULL);
}

/* One of our own will not be used again. */
static void
send_forget (gpointer data,
             guint64  buffer)
{
  CfutWireOut frame = { .type = CFUT_WIRE_FORGET, .id = buffer };
  gboolean ignored G_GNUC_UNUSED;

  ignored = cfut_channel_queue (data, &frame, NULL, NULL);
}

static const CfutPayloadOwner payload_owner = {
  .ref = (gpointer (*) (gpointer)) cfut_channel_ref,
  .unref = (void (*) (gpointer)) cfut_channel_unref,
  .release = send_release,
  .forget = send_forget,
};

CfutChannel *
cfut_channel_new (int              read_fd,
                  int              write_fd,
                  CfutWireSide     side,
                  CfutChannelFlags flags)
{
  CfutChannel *self = g_new0 (CfutChannel, 1);

  cfut_fork_watch ();
  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  g_cond_init (&self->written);
  self->read_fd = read_fd;
  self->write_fd = write_fd;
  self->side = side;
  self->flags = flags;
  self->reads_socket = is_socket (read_fd);
  self->writes_socket = is_socket (write_fd);
  self->payloads = cfut_payloads_new (&payload_owner, self);

  fcntl (read_fd, F_SETFD, FD_CLOEXEC);
  fcntl (write_fd, F_SETFD, FD_CLOEXEC);
  if (!(flags & CFUT_CHANNEL_BLOCKING))
    {
      if (!self->reads_socket)
        g_unix_set_fd_nonblocking (read_fd, TRUE, NULL);
      if (!self->writes_socket)
        g_unix_set_fd_nonblocking (write_fd, TRUE, NULL);
    }

  return self;
}

void
cfut_channel_set_journal (CfutChannel *self,
                          CfutJournal *journal)
{
  self->journal = cfut_journal_ref (journal);
}

CfutChannel *
cfut_channel_ref (CfutChannel *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_channel_unref (CfutChannel *self)
{
  CfutChunks dropped = { 0 };

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  self->is_closed = TRUE;
  cfut_channel_shut_locked (self, &dropped);
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);
  cfut_chunks_free (&dropped);

  cfut_channel_clear_in (self);
  cfut_channel_clear_out (self);
  cfut_payloads_free (self->payloads);
  g_clear_pointer (&self->journal, cfut_journal_unref);
  g_clear_error (&self->error);
  g_cond_clear (&self->written);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* The I/O thread. */

/* Nothing more is sent or read. The source's reference is the caller's then. */
static void
finish (CfutChannel *self)
{
  CfutChunks dropped = { 0 };
  GSource *source;

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  if (self->is_closing)
    {
      g_clear_error (&self->error);
      g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                           _("The connection was closed"));
    }
  self->is_closed = TRUE;
  /* Who still writes sees that, and closes. */
  if (self->is_writing && self->writes_socket)
    shutdown (self->write_fd, SHUT_RDWR);
  source = g_steal_pointer (&self->source);
  cfut_channel_shut_locked (self, &dropped);
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  cfut_chunks_free (&dropped);
  g_source_destroy (source);
  g_source_unref (source);
  cfut_channel_clear_in (self);
  cfut_payloads_close (self->payloads);

  self->events->closed (self, self->error, self->data);
  if (self->destroy != NULL)
    self->destroy (self->data);
}

static gboolean
is_closing (CfutChannel *self)
{
  gboolean closing;

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  closing = self->is_closing;
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  return closing;
}

/* Hands in what was read. */
static void
give_frames (CfutChannel *self)
{
  gboolean any = FALSE;
  CfutFrame frame;

  while (!is_closing (self) && cfut_channel_next (self, &frame))
    {
      any = TRUE;
      self->events->frame (self, &frame, self->data);
      cfut_frame_clear (&frame);
    }

  if (any && self->events->batch != NULL)
    self->events->batch (self, self->data);
}

/* TRUE: there is nothing more to come. */
static gboolean
read_on (CfutChannel *self,
         gboolean     to_the_end)
{
  for (guint i = 0; to_the_end || i < READS_AT_ONCE; i++)
    {
      gsize before = self->block == NULL ? self->end - self->begin : 0;
      CfutRead got = cfut_channel_read (self, FALSE);
      gboolean was_short;

      if (got == CFUT_READ_NOTHING && to_the_end)
        got = cfut_channel_read_journal (self);
      if (got == CFUT_READ_NOTHING)
        return FALSE;
      if (got == CFUT_READ_STOP)
        return TRUE;

      was_short = self->block == NULL && self->end - before < CFUT_CHANNEL_BUFFER_SIZE / 2;
      give_frames (self);
      if (self->error != NULL || is_closing (self))
        return TRUE;
      /* More would have come along, most often; if there is more after all, poll says so. */
      if (was_short && !to_the_end)
        return FALSE;
    }

  return FALSE;
}

static void
set_write_watch (CfutChannel *self,
                 gboolean     on)
{
  gboolean is_on = self->out_tag != NULL;

  if (on == is_on)
    return;

  if (self->read_fd == self->write_fd)
    {
      self->out_tag = on ? self->in_tag : NULL;
      g_source_modify_unix_fd (self->source, self->in_tag, on ? G_IO_IN | G_IO_OUT : G_IO_IN);
    }
  else if (on)
    self->out_tag = g_source_add_unix_fd (self->source, self->write_fd, G_IO_OUT);
  else
    g_source_remove_unix_fd (self->source, g_steal_pointer (&self->out_tag));
}

static void
write_on (CfutChannel *self)
{
  gboolean wants_out, throttled;

  cfut_channel_write_on (self);

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  wants_out = self->wants_out;
  throttled = self->is_throttled;
  if (wants_out && throttled)
    g_source_set_ready_time (self->source, g_get_monotonic_time () + THROTTLED_USEC);
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);
  set_write_watch (self, wants_out && !throttled);
}

static gboolean
channel_dispatch (GSource     *source,
                  GSourceFunc  callback,
                  gpointer     user_data)
{
  CfutChannel *self = ((ChannelSource *) source)->channel;
  gboolean hung_up, closing, wants_out, over;

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  g_source_set_ready_time (source, -1);
  hung_up = self->is_hung_up;
  closing = self->is_closing;
  wants_out = self->wants_out;
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  over = closing;
  if (!over && (hung_up || g_source_query_unix_fd (source, self->in_tag) & ~G_IO_OUT))
    over = read_on (self, hung_up);
  if (!over && wants_out)
    write_on (self);

  if (over)
    {
      if (hung_up)
        self->at_end = TRUE;
      cfut_channel_check_end (self);
      finish (self);
      cfut_channel_unref (self);
      return G_SOURCE_REMOVE;
    }

  return G_SOURCE_CONTINUE;
}

static GSourceFuncs channel_source_funcs = { .dispatch = channel_dispatch };

gboolean
cfut_channel_start (CfutChannel             *self,
                    const CfutChannelEvents *events,
                    gpointer                 data,
                    GDestroyNotify           destroy,
                    GError                 **error)
{
  GMainContext *context = cfut_io_get_context (error);
  GSource *source;

  g_assert (!(self->flags & CFUT_CHANNEL_BLOCKING) && self->events == NULL);
  if (context == NULL)
    return FALSE;

  self->events = events;
  self->data = data;
  self->destroy = destroy;

  source = g_source_new (&channel_source_funcs, sizeof (ChannelSource));
  ((ChannelSource *) source)->channel = cfut_channel_ref (self);
  g_source_set_static_name (source, "[cfut] channel");
  /* It never runs within itself; but one that may is not taken out of the loop while it is
   * dispatched, which would wake the loop each time. */
  g_source_set_can_recurse (source, TRUE);
  self->in_tag = g_source_add_unix_fd (source, self->read_fd, G_IO_IN);

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  self->source = g_source_ref (source);
  if (self->wants_out || self->is_closing || self->is_hung_up)
    g_source_set_ready_time (source, 0);
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  g_source_attach (source, context);
  g_source_unref (source);

  return TRUE;
}

static void
set_and_wake (CfutChannel *self,
              gboolean    *what)
{
  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  *what = TRUE;
  if (self->source != NULL)
    g_source_set_ready_time (self->source, 0);
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);
}

void
cfut_channel_hang_up (CfutChannel *self)
{
  set_and_wake (self, &self->is_hung_up);
}

void
cfut_channel_close (CfutChannel *self)
{
  set_and_wake (self, &self->is_closing);
}

/* The blocking reader. */

/* FALSE: the time is over. */
static gboolean
wait_until_readable (CfutChannel *self,
                     gint64       deadline_usec)
{
  struct pollfd poll_fd = { .fd = self->read_fd, .events = POLLIN };
  int n;

  do
    {
      int timeout = -1;

      if (deadline_usec >= 0)
        timeout = CLAMP ((deadline_usec - g_get_monotonic_time () + 999) / 1000, 0, G_MAXINT);
      n = poll (&poll_fd, 1, timeout);
    }
  while (n < 0 && errno == EINTR);

  return n != 0;
}

CfutReceived
cfut_channel_receive (CfutChannel *self,
                      CfutFrame   *frame,
                      gint64       timeout_usec,
                      GError     **error)
{
  gint64 deadline_usec = timeout_usec < 0 ? -1 : g_get_monotonic_time () + timeout_usec;
  gboolean may_block = timeout_usec < 0;

  while (!cfut_channel_next (self, frame))
    {
      CfutRead got;

      /* What is no socket cannot be asked without waiting. */
      if (!may_block && !self->reads_socket && self->error == NULL && !self->at_end &&
          !wait_until_readable (self, deadline_usec))
        return CFUT_RECEIVED_TIMED_OUT;
      got = cfut_channel_read (self, may_block);
      if (got == CFUT_READ_NOTHING && !wait_until_readable (self, deadline_usec))
        return CFUT_RECEIVED_TIMED_OUT;
      if (got == CFUT_READ_STOP)
        {
          cfut_channel_check_end (self);
          if (self->error == NULL)
            return CFUT_RECEIVED_END;
          g_propagate_error (error, g_error_copy (self->error));
          return CFUT_RECEIVED_ERROR;
        }
    }

  return CFUT_RECEIVED_FRAME;
}
