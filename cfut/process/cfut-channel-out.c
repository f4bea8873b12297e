/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The half of a channel that sends.
 *
 * Frames are encoded one behind the other into chunks. Whoever flushes becomes the writer, unless
 * there is one: it takes all that is pending, gives it to the system in as few calls as can be, and
 * looks again. So a thread that sends writes its frame at once itself, and what others queue
 * meanwhile goes along with the next call.
 *
 * Threads: any. In a channel that is started nobody blocks: what the system does not take is left
 *   to the I/O thread. With BLOCKING the writer waits, and others may wait for it.
 * Locks: the channel's, for what is pending and who writes; not held while anything is written.
 * Owns: chunks, and the duplicates of descriptors until they are sent.
 * Invariants:
 * 1. There is one writer at a time, and only it touches `out`; so the order of the queue is that of
 *    the wire.
 * 2. When nobody writes and nothing waits for the I/O thread, nothing has been flushed and not been
 *    written.
 * 3. Descriptors go with the first byte of their frame, which begins a chunk, and no other frame's
 *    go in the same call.
 * 4. The descriptor is not closed while somebody writes to it; nor is anything written after.
 * Not here: the I/O thread's part (cfut-channel.c). */

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"
#include "process/cfut-channel-struct-private.h"

#define MAX_VECTORS 16
#define CHUNK_ROOM ((guint) 64 * 1024)
/* A value that is no larger is encoded with the lock held. */
#define SMALL_VALUE ((gsize) 4096)
/* A thread that only wanted to send something of its own does not write for others for ever. */
#define MAX_ROUNDS 8

/* Chunks. */

static CfutChunk *
chunk_new (void)
{
  CfutChunk *self = g_new (CfutChunk, 1);

  self->next = NULL;
  self->bytes = g_byte_array_new ();
  self->n_done = 0;
  self->n_fds = 0;

  return self;
}

static void
close_fds (int   *fds,
           guint *n)
{
  for (guint i = 0; i < *n; i++)
    close (fds[i]);
  *n = 0;
}

static void
chunk_free (CfutChunk *self)
{
  close_fds (self->fds, &self->n_fds);
  g_byte_array_unref (self->bytes);
  g_free (self);
}

static void
chunks_push (CfutChunks *self,
             CfutChunk  *chunk)
{
  if (self->last != NULL)
    self->last->next = chunk;
  else
    self->first = chunk;
  self->last = chunk;
}

/* @more comes behind, and is empty after. */
static void
chunks_join (CfutChunks *self,
             CfutChunks *more)
{
  if (more->first != NULL)
    {
      if (self->last != NULL)
        self->last->next = more->first;
      else
        self->first = more->first;
      self->last = more->last;
    }
  *more = (CfutChunks) { 0 };
}

void
cfut_chunks_free (CfutChunks *self)
{
  CfutChunk *chunk = self->first;

  *self = (CfutChunks) { 0 };
  while (chunk != NULL)
    {
      CfutChunk *next = chunk->next;

      chunk_free (chunk);
      chunk = next;
    }
}

/* Where a frame goes that has, or has no, descriptors. */
static CfutChunk *
get_tail_locked (CfutChannel *self,
                 gboolean     has_fds)
{
  CfutChunk *tail = self->pending.last;

  if (tail != NULL && !has_fds && tail->bytes->len < CHUNK_ROOM)
    return tail;

  tail = g_steal_pointer (&self->spare);
  if (tail == NULL)
    tail = chunk_new ();
  chunks_push (&self->pending, tail);

  return tail;
}

/* With the lock not held: what was written of, or what nobody wants. The spare one is kept. */
static void
chunk_done (CfutChannel *self,
            CfutChunk   *chunk)
{
  CfutChunk *surplus = chunk;

  if (chunk->bytes->len <= 2 * CHUNK_ROOM)
    {
      chunk->next = NULL;
      chunk->n_done = 0;
      close_fds (chunk->fds, &chunk->n_fds);
      g_byte_array_set_size (chunk->bytes, 0);

      cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
      surplus = self->spare != NULL ? chunk : NULL;
      if (surplus == NULL)
        self->spare = chunk;
      cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);
    }

  if (surplus != NULL)
    chunk_free (surplus);
}

/* Queueing. */

static gboolean
set_broken_error (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE,
                       _("The other process does not listen any more"));
  return FALSE;
}

static gboolean
duplicate_fds (GUnixFDList *list,
               int         *fds,
               guint       *n,
               GError     **error)
{
  gint length = 0;
  const int *given = g_unix_fd_list_peek_fds (list, &length);

  if (length > CFUT_WIRE_MAX_FDS)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("At most %d descriptors can be sent with a message"), CFUT_WIRE_MAX_FDS);
      return FALSE;
    }

  for (gint i = 0; i < length; i++)
    {
      int fd = fcntl (given[i], F_DUPFD_CLOEXEC, 3);

      if (fd < 0)
        {
          int saved = errno;

          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved),
                       _("A descriptor could not be sent to another process: %s"),
                       g_strerror (saved));
          close_fds (fds, n);
          return FALSE;
        }
      fds[(*n)++] = fd;
    }

  return TRUE;
}

/* @whole: bytes are all that there is of it, and not many. */
static void
note_locked (CfutChannel  *self,
             const guint8 *data,
             gsize         size,
             gboolean      whole)
{
  if (self->side != CFUT_WIRE_WORKER)
    return;

  if (whole)
    cfut_journal_append (self->journal, data, size, self->n_queued);
  else
    cfut_journal_skip (self->journal, size);
}

static gboolean
encode_small (CfutChannel       *self,
              const CfutWireOut *frame,
              const int         *fds,
              GError           **error)
{
  gboolean ok = TRUE, broken;

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  broken = self->is_broken || self->is_closed || self->is_closing;
  if (!broken)
    {
      CfutChunk *tail = get_tail_locked (self, frame->n_fds > 0);
      gsize before = tail->bytes->len;

      ok = cfut_wire_encode (frame, CFUT_WIRE_MAX_BODY, tail->bytes, error);
      if (ok)
        {
          for (guint i = 0; i < frame->n_fds; i++)
            tail->fds[tail->n_fds++] = fds[i];
          self->n_queued += tail->bytes->len - before;
          if (self->journal != NULL)
            note_locked (self, tail->bytes->data + before, tail->bytes->len - before,
                         frame->n_fds == 0);
        }
    }
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  return broken ? set_broken_error (error) : ok;
}

static gboolean
encode_large (CfutChannel       *self,
              const CfutWireOut *frame,
              const int         *fds,
              GError           **error)
{
  CfutChunk *chunk = chunk_new ();
  gboolean broken;

  if (!cfut_wire_encode (frame, CFUT_WIRE_MAX_BODY, chunk->bytes, error))
    {
      chunk_free (chunk);
      return FALSE;
    }

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  broken = self->is_broken || self->is_closed || self->is_closing;
  if (!broken)
    {
      memcpy (chunk->fds, fds, frame->n_fds * sizeof (int));
      chunk->n_fds = frame->n_fds;
      self->n_queued += chunk->bytes->len;
      if (self->journal != NULL)
        note_locked (self, chunk->bytes->data, chunk->bytes->len, FALSE);
      chunks_push (&self->pending, chunk);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  if (broken)
    {
      chunk_free (chunk);
      return set_broken_error (error);
    }

  return TRUE;
}

/* What the journal does not keep: neither what came before nor this could be found any more if it did
 * not get out. Another thread may have taken it, and not written it yet. */
static void
get_out (CfutChannel *self)
{
  if (self->journal != NULL && self->side == CFUT_WIRE_WORKER)
    cfut_channel_drain (self);
}

/* With descriptors, or with a value that is large enough to go in one. */
static gboolean
queue_heavy (CfutChannel       *self,
             const CfutWireOut *given,
             GUnixFDList       *list,
             gsize              size,
             GError           **error)
{
  CfutWireOut frame = *given;
  CfutPacked packed = { 0 };
  int fds[2 * CFUT_WIRE_MAX_FDS];
  guint n_own = 0;
  gboolean ok;

  get_out (self);
  if (list != NULL)
    {
      if (!(self->flags & CFUT_CHANNEL_PASS_FDS))
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                               _("Descriptors cannot be sent to this process"));
          return FALSE;
        }
      if (!duplicate_fds (list, fds, &n_own, error))
        return FALSE;
    }

  if ((self->flags & CFUT_CHANNEL_PASS_FDS) && size >= CFUT_PAYLOAD_THRESHOLD &&
      frame.type != CFUT_WIRE_SETUP)
    {
      if (!cfut_payloads_pack (self->payloads, frame.value, n_own, &packed, error))
        {
          close_fds (fds, &n_own);
          return FALSE;
        }
      frame.value = packed.value;
      frame.payloads = packed.payloads;
      frame.n_payloads = packed.n_payloads;
      size = g_variant_get_size (packed.value);
    }

  if (packed.n_fds > 0)
    memcpy (fds + n_own, packed.fds, packed.n_fds * sizeof (int));
  frame.n_fds = n_own + packed.n_fds;
  if (frame.value != NULL)
    g_variant_get_data (frame.value);
  ok = (size <= SMALL_VALUE ? encode_small : encode_large) (self, &frame, fds, error);
  if (ok)
    packed.n_fds = 0;
  else
    {
      close_fds (fds, &n_own);
      cfut_payloads_unpack (self->payloads, &packed);
    }
  cfut_packed_clear (&packed);
  get_out (self);

  return ok;
}

gboolean
cfut_channel_queue (CfutChannel       *self,
                    const CfutWireOut *frame,
                    GUnixFDList       *fds,
                    GError           **error)
{
  gsize size = 0;

  /* The connection is the parent's. */
  if (cfut_is_forked_child ())
    return set_broken_error (error);

  if (frame->value != NULL)
    {
      /* Laid out now, with no lock held. */
      size = g_variant_get_size (frame->value);
      if (size <= SMALL_VALUE)
        g_variant_get_data (frame->value);
    }
  if (fds != NULL && g_unix_fd_list_get_length (fds) == 0)
    fds = NULL;

  if (G_LIKELY (fds == NULL && size <= SMALL_VALUE))
    return encode_small (self, frame, NULL, error);

  return queue_heavy (self, frame, fds, size, error);
}

gboolean
cfut_channel_send (CfutChannel       *self,
                   const CfutWireOut *frame,
                   GUnixFDList       *fds,
                   GError           **error)
{
  if (!cfut_channel_queue (self, frame, fds, error))
    return FALSE;

  cfut_channel_flush (self);
  return TRUE;
}

gsize
cfut_channel_get_n_queued (CfutChannel *self)
{
  gsize n;

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  n = self->n_queued;
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  return n;
}

/* Writing. */

/* A write to a pipe that nobody reads is EPIPE and no signal. */
static gssize
write_pipe (int           fd,
            struct iovec *vectors,
            guint         n)
{
  sigset_t pipe_signal, before, waiting;
  gssize n_written;
  int saved;

  sigemptyset (&pipe_signal);
  sigaddset (&pipe_signal, SIGPIPE);
  sigpending (&waiting);
  pthread_sigmask (SIG_BLOCK, &pipe_signal, &before);
  n_written = writev (fd, vectors, n);
  saved = errno;
  /* What this call has raised goes, what had come before stays. */
  if (n_written < 0 && saved == EPIPE && !sigismember (&waiting, SIGPIPE))
    while (sigtimedwait (&pipe_signal, NULL, &(struct timespec) { 0 }) < 0 && errno == EINTR)
      ;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  errno = saved;

  return n_written;
}

static gssize
write_socket (CfutChannel  *self,
              struct iovec *vectors,
              guint         n,
              CfutChunk    *first)
{
  union {
    char room[CMSG_SPACE (sizeof (int) * CFUT_WIRE_MAX_FDS)];
    struct cmsghdr header;
  } control;
  struct msghdr message = { .msg_iov = vectors, .msg_iovlen = n };

  if (first->n_fds > 0)
    {
      struct cmsghdr *header = &control.header;

      message.msg_control = &control;
      message.msg_controllen = CMSG_SPACE (sizeof (int) * first->n_fds);
      memset (&control, 0, sizeof control);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN (sizeof (int) * first->n_fds);
      memcpy (CMSG_DATA (header), first->fds, sizeof (int) * first->n_fds);
    }

  return sendmsg (self->write_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One call of the system's. */
static gssize
write_once (CfutChannel *self)
{
  struct iovec vectors[MAX_VECTORS];
  guint n = 0;

  for (CfutChunk *chunk = self->out.first; chunk != NULL && n < MAX_VECTORS; chunk = chunk->next)
    {
      if (n > 0 && chunk->n_fds > 0)
        break;
      vectors[n].iov_base = chunk->bytes->data + chunk->n_done;
      vectors[n].iov_len = chunk->bytes->len - chunk->n_done;
      n++;
    }

  return self->writes_socket ? write_socket (self, vectors, n, self->out.first)
                             : write_pipe (self->write_fd, vectors, n);
}

static void
advance (CfutChannel *self,
         gsize        n)
{
  CfutChunk *chunk;

  close_fds (self->out.first->fds, &self->out.first->n_fds);
  while ((chunk = self->out.first) != NULL)
    {
      gsize left = chunk->bytes->len - chunk->n_done;

      if (n < left)
        {
          chunk->n_done += n;
          return;
        }

      n -= left;
      self->out.first = chunk->next;
      if (self->out.first == NULL)
        self->out.last = NULL;
      chunk_done (self, chunk);
    }
}

static void
wait_until_writable (CfutChannel *self,
                     int          why)
{
  struct pollfd poll_fd = { .fd = self->write_fd, .events = POLLOUT };

  /* Descriptors in flight, or the system's memory, are over a limit: nothing tells when no more. */
  if (why == EAGAIN)
    poll (&poll_fd, 1, -1);
  else
    g_usleep (1000);
}

void
cfut_channel_shut_locked (CfutChannel *self,
                          CfutChunks  *dropped)
{
  chunks_join (dropped, &self->pending);
  self->n_queued = 0;
  if (!self->is_writing)
    {
      CfutChunks out = self->out;

      self->out = (CfutChunks) { 0 };
      chunks_join (dropped, &out);
      if (self->is_closed && self->write_fd >= 0)
        {
          if (self->read_fd != self->write_fd)
            close (self->read_fd);
          close (self->write_fd);
          self->read_fd = self->write_fd = -1;
        }
    }
}

typedef enum {
  WRITTEN_SOME,
  WRITTEN_BLOCKED,
  WRITTEN_LATER,     /* the system is short of something, and will not say when it no longer is */
  WRITTEN_FAILED
} Written;

/* @n: bytes written. */
static Written
write_round (CfutChannel *self,
             gsize       *n)
{
  for (;;)
    {
      gssize n_written = write_once (self);

      if (n_written >= 0)
        {
          *n = n_written;
          advance (self, n_written);
          return WRITTEN_SOME;
        }

      if (errno == EINTR)
        continue;
      if (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM && errno != ETOOMANYREFS)
        return WRITTEN_FAILED;
      if (!(self->flags & CFUT_CHANNEL_BLOCKING))
        return errno == EAGAIN ? WRITTEN_BLOCKED : WRITTEN_LATER;
      wait_until_writable (self, errno);
    }
}

/* The I/O thread is to go on. */
static void
hand_over_locked (CfutChannel *self,
                  Written      written)
{
  self->wants_out = TRUE;
  self->is_throttled = written == WRITTEN_LATER;
  if (self->source != NULL)
    g_source_set_ready_time (self->source, 0);
}

/* As the writer. TRUE: it still is, and there is something to write. */
static gboolean
go_on_writing (CfutChannel *self,
               Written      written,
               gsize        n_written,
               guint        round)
{
  CfutChunks dropped = { 0 };
  gboolean go_on = FALSE;

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  self->n_queued -= MIN (n_written, self->n_queued);
  if (written == WRITTEN_FAILED)
    self->is_broken = TRUE;
  if (self->is_broken || self->is_closed)
    {
      self->is_writing = FALSE;
      cfut_channel_shut_locked (self, &dropped);
    }
  else
    {
      chunks_join (&self->out, &self->pending);
      go_on = self->out.first != NULL;
      if (go_on && (written != WRITTEN_SOME ||
                    (round >= MAX_ROUNDS && !(self->flags & CFUT_CHANNEL_BLOCKING))))
        {
          hand_over_locked (self, written);
          go_on = FALSE;
        }
      self->is_writing = go_on;
    }
  if (!self->is_writing && self->n_draining > 0)
    g_cond_broadcast (&self->written);
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  cfut_chunks_free (&dropped);
  return go_on;
}

static void
write_all (CfutChannel *self)
{
  Written written = WRITTEN_SOME;
  gsize n = 0;

  for (guint round = 0; go_on_writing (self, written, n, round); round++)
    {
      n = 0;
      cfut_point (CFUT_POINT_WRITES, self);
      written = write_round (self, &n);
    }
}

void
cfut_channel_flush (CfutChannel *self)
{
  gboolean mine;

  if (cfut_is_forked_child ())
    return;

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  mine = !self->is_writing && !self->wants_out && !self->is_closed && self->pending.first != NULL;
  if (mine)
    self->is_writing = TRUE;
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  if (mine)
    write_all (self);
}

void
cfut_channel_drain (CfutChannel *self)
{
  g_assert (self->flags & CFUT_CHANNEL_BLOCKING);

  cfut_channel_flush (self);
  if (cfut_is_forked_child ())
    return;

  /* A writer that may block takes what others have queued before it ends. */
  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  self->n_draining++;
  if (self->is_writing)
    cfut_point (CFUT_POINT_WRITE_WAITS, self);
  while (self->is_writing)
    g_cond_wait (&self->written, &self->lock);
  self->n_draining--;
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);
}

void
cfut_channel_write_on (CfutChannel *self)
{
  gboolean mine;

  cfut_lock (&self->lock, CFUT_LOCK_CHANNEL);
  mine = self->wants_out && !self->is_writing && !self->is_closed;
  if (mine)
    {
      self->wants_out = FALSE;
      self->is_writing = TRUE;
    }
  cfut_unlock (&self->lock, CFUT_LOCK_CHANNEL);

  if (mine)
    write_all (self);
}

void
cfut_channel_clear_out (CfutChannel *self)
{
  cfut_chunks_free (&self->pending);
  cfut_chunks_free (&self->out);
  g_clear_pointer (&self->spare, chunk_free);
}
