/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The half of a channel that receives: bytes in, frames out, with their descriptors and payloads.
 *
 * Small frames are decoded where they were read, many for each read. One that is larger than the
 * buffer gets a block of its own, which its values then share without a copy.
 *
 * Threads: the reader's: the I/O thread of a channel that was started, else who calls receive.
 * Locks: none.
 * Owns: the descriptors that have come and are no frame's yet.
 * Invariants:
 * 1. Between two reads the buffer begins with the start of a frame, at a multiple of 8.
 * 2. A block grows with what has come, not with what was announced.
 * 3. Between two reads there are descriptors only if there is a part of a frame, and no more than
 *    a frame can have. (A read never crosses what came with descriptors, and a sender sends them
 *    with the first byte of their frame.)
 * 4. After an error or the end nothing is read any more.
 * Not here: what the frames mean, but for those about payloads. */

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/cfut-channel-struct-private.h"

#define FIRST_BLOCK_ROOM ((gsize) 256 * 1024)

static void
set_bad (CfutChannel *self,
         const char  *why)
{
  if (self->error == NULL)
    g_set_error (&self->error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                 _("The other process broke the protocol: %s"), why);
}

static void
close_fd (int fd)
{
  if (fd >= 0)
    close (fd);
}

/* Reading. */

static gboolean
take_fds (CfutChannel   *self,
          struct msghdr *message)
{
  guint n_now = 0;

  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL;
       header = CMSG_NXTHDR (message, header))
    {
      guint n;

      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        continue;

      n = (header->cmsg_len - CMSG_LEN (0)) / sizeof (int);
      /* There is room for no more than this in the control message. */
      g_assert (n <= CFUT_WIRE_MAX_FDS && self->n_fds + n <= G_N_ELEMENTS (self->fds));
      memcpy (self->fds + self->n_fds, CMSG_DATA (header), n * sizeof (int));
      self->n_fds += n;
      n_now += n;
    }

  if (message->msg_flags & MSG_CTRUNC)
    {
      if (n_now >= CFUT_WIRE_MAX_FDS)
        set_bad (self, "too many descriptors came at once");
      else
        g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES,
                             _("A descriptor from another process was lost: "
                               "too many files are open"));
      return FALSE;
    }

  return TRUE;
}

/* read () with descriptors; -1 with the error set, or errno. */
static gssize
read_some (CfutChannel *self,
           guint8      *at,
           gsize        room,
           gboolean     may_block)
{
  union {
    char room[CMSG_SPACE (sizeof (int) * CFUT_WIRE_MAX_FDS)];
    struct cmsghdr header;
  } control;
  struct iovec vector = { .iov_base = at, .iov_len = room };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
  gssize n;

  if (!self->reads_socket)
    return read (self->read_fd, at, room);
  if (!(self->flags & CFUT_CHANNEL_PASS_FDS))
    return recv (self->read_fd, at, room, may_block ? 0 : MSG_DONTWAIT);

  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  n = recvmsg (self->read_fd, &message, MSG_CMSG_CLOEXEC | (may_block ? 0 : MSG_DONTWAIT));
  if (n >= 0 && message.msg_controllen > 0 && !take_fds (self, &message))
    return -1;

  return n;
}

/* Room for the next read; NULL: the error is set. */
static guint8 *
get_room (CfutChannel *self,
          gsize       *room)
{
  if (self->block == NULL)
    {
      if (self->buffer == NULL)
        self->buffer = g_malloc (CFUT_CHANNEL_BUFFER_SIZE);
      if (self->begin > 0)
        {
          memmove (self->buffer, self->buffer + self->begin, self->end - self->begin);
          self->end -= self->begin;
          self->begin = 0;
        }
      *room = CFUT_CHANNEL_BUFFER_SIZE - self->end;
      return self->buffer + self->end;
    }

  if (self->block_fill == self->block_room)
    {
      gsize wanted = MIN (self->block_size, 2 * self->block_room);
      guint8 *larger = g_try_realloc (self->block, wanted);

      if (larger == NULL)
        {
          g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                               _("There is no memory for a message from another process"));
          return NULL;
        }
      self->block = larger;
      self->block_room = wanted;
    }
  *room = self->block_room - self->block_fill;

  return self->block + self->block_fill;
}

static void
has_come (CfutChannel *self,
          gsize        n)
{
  if (self->block != NULL)
    self->block_fill += n;
  else
    self->end += n;
  self->n_read += n;
}

CfutRead
cfut_channel_read_journal (CfutChannel *self)
{
  gsize room, n = 0;
  guint8 *at = get_room (self, &room);

  if (at == NULL)
    return CFUT_READ_STOP;
  if (self->journal != NULL && self->side == CFUT_WIRE_APPLICATION)
    n = cfut_journal_read (self->journal, self->n_read, at, room);
  if (n == 0)
    {
      self->at_end = TRUE;
      return CFUT_READ_STOP;
    }

  has_come (self, n);
  return CFUT_READ_SOME;
}

CfutRead
cfut_channel_read (CfutChannel *self,
                   gboolean     may_block)
{
  gsize room;
  guint8 *at;
  gssize n;

  if (self->error != NULL || self->at_end)
    return CFUT_READ_STOP;
  at = get_room (self, &room);
  if (at == NULL)
    return CFUT_READ_STOP;

  do
    n = read_some (self, at, room, may_block);
  while (n < 0 && self->error == NULL && errno == EINTR);

  if (n > 0)
    {
      has_come (self, n);
      return CFUT_READ_SOME;
    }

  if (n < 0 && self->error == NULL && errno == EAGAIN)
    return CFUT_READ_NOTHING;

  /* A socket whose other end was closed with something unread in it says this, once all is read. */
  if (n == 0 || (self->error == NULL && errno == ECONNRESET))
    return cfut_channel_read_journal (self);
  if (self->error == NULL)
    {
      int saved = errno;

      g_set_error (&self->error, G_IO_ERROR, g_io_error_from_errno (saved),
                   _("Reading from another process failed: %s"), g_strerror (saved));
    }

  return CFUT_READ_STOP;
}

void
cfut_channel_check_end (CfutChannel *self)
{
  if (self->at_end && self->error == NULL && (self->block != NULL || self->end > self->begin))
    g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                         _("The other process hung up in the middle of a message"));
}

/* Frames. */

/* With the frame's payloads in place of what it said of them. FALSE: a lie. */
static gboolean
open_payloads (CfutChannel *self,
               CfutFrame   *frame)
{
  CfutWireFrame *wire = &frame->wire;

  for (guint i = 0; i < wire->n_payloads; i++)
    {
      CfutWirePayload *payload = &wire->payloads[i];
      int *fd = payload->kind == CFUT_WIRE_PAYLOAD_AGAIN ? NULL : &frame->fds[payload->fd];
      g_autoptr (GError) error = NULL;

      frame->payloads[i] = cfut_payloads_open (self->payloads, payload, fd, &error);
      if (frame->payloads[i] == NULL)
        {
          if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA))
            {
              set_bad (self, error->message);
              return FALSE;
            }
          if (frame->payload_error == NULL)
            frame->payload_error = g_steal_pointer (&error);
        }
    }

  /* They come behind its own. */
  for (guint i = 0; i < wire->n_payloads; i++)
    if (wire->payloads[i].kind != CFUT_WIRE_PAYLOAD_AGAIN)
      close_fd (frame->fds[--frame->n_fds]);

  return TRUE;
}

/* A frame was decoded: it gets what it has beside its bytes. */
static gboolean
complete (CfutChannel *self,
          CfutFrame   *frame)
{
  guint n = frame->wire.n_fds;

  if (n > self->n_fds)
    {
      set_bad (self, "a message came without its descriptors");
      return FALSE;
    }

  memcpy (frame->fds, self->fds, n * sizeof (int));
  frame->n_fds = n;
  self->n_fds -= n;
  memmove (self->fds, self->fds + n, self->n_fds * sizeof (int));

  return open_payloads (self, frame);
}

/* A large frame has begun in the buffer. */
static void
begin_block (CfutChannel *self,
             gsize        size)
{
  gsize have = self->end - self->begin;

  self->block_size = size;
  self->block_room = MIN (size, FIRST_BLOCK_ROOM);
  self->block = g_try_malloc (self->block_room);
  if (self->block == NULL)
    {
      g_set_error_literal (&self->error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                           _("There is no memory for a message from another process"));
      return;
    }

  memcpy (self->block, self->buffer + self->begin, have);
  self->block_fill = have;
  self->begin = self->end = 0;
}

/* CFUT_WIRE_FRAME: decoded, and no longer in the buffer. */
static CfutWireAnswer
decode_next (CfutChannel *self,
             CfutFrame   *frame)
{
  const guint8 *at = self->block != NULL ? self->block : self->buffer + self->begin;
  gsize have = self->block != NULL ? self->block_fill : self->end - self->begin;
  CfutWireSide from = self->side == CFUT_WIRE_WORKER ? CFUT_WIRE_APPLICATION : CFUT_WIRE_WORKER;
  GBytes *block = NULL;
  CfutWireAnswer answer;
  gsize size;

  if (have == 0 || (self->block != NULL && have < self->block_size))
    return CFUT_WIRE_MORE;

  answer = cfut_wire_decode (at, have, from, CFUT_WIRE_MAX_BODY, &frame->wire, &size, &self->error);
  if (answer == CFUT_WIRE_MORE && self->block == NULL && have >= CFUT_WIRE_HEADER_SIZE &&
      cfut_wire_peek_size (at, have) > CFUT_CHANNEL_BUFFER_SIZE)
    begin_block (self, cfut_wire_peek_size (at, have));
  if (answer != CFUT_WIRE_FRAME)
    return answer;

  if (self->block != NULL)
    block = g_bytes_new_take (g_steal_pointer (&self->block), size);
  else
    self->begin += size;
  cfut_frame_init (frame, at, size, block);

  return answer;
}

/* FALSE: the frame is not the channel's own affair. */
static gboolean
keep_to_itself (CfutChannel         *self,
                const CfutWireFrame *frame)
{
  gboolean ok;

  if (frame->type == CFUT_WIRE_RELEASE)
    ok = cfut_payloads_released (self->payloads, frame->id);
  else if (frame->type == CFUT_WIRE_FORGET)
    ok = cfut_payloads_forget (self->payloads, frame->id);
  else
    return FALSE;

  if (!ok)
    set_bad (self, "a payload buffer that is not known");
  return TRUE;
}

gboolean
cfut_channel_next (CfutChannel *self,
                   CfutFrame   *frame)
{
  while (self->error == NULL && decode_next (self, frame) == CFUT_WIRE_FRAME)
    if (!keep_to_itself (self, &frame->wire))
      {
        if (complete (self, frame))
          return TRUE;
        cfut_frame_clear (frame);
      }

  if (self->error == NULL && self->n_fds > 0 &&
      (self->n_fds > CFUT_WIRE_MAX_FDS || (self->block == NULL && self->begin == self->end)))
    set_bad (self, "descriptors came that belong to no message");

  return FALSE;
}

/* The frames before the first whole one that is not the channel's own are dealt with. */
gboolean
cfut_channel_has_frame (CfutChannel *self)
{
  while (self->error == NULL && self->block == NULL)
    {
      const guint8 *at = self->buffer + self->begin;
      gsize have = self->end - self->begin;
      CfutFrame frame;

      if (have < CFUT_WIRE_HEADER_SIZE || cfut_wire_peek_size (at, have) > have)
        return FALSE;
      if (at[4] < CFUT_WIRE_RELEASE)
        return TRUE;
      if (decode_next (self, &frame) != CFUT_WIRE_FRAME)
        return TRUE;
      keep_to_itself (self, &frame.wire);
    }

  return self->error != NULL;
}

void
cfut_channel_clear_in (CfutChannel *self)
{
  for (guint i = 0; i < self->n_fds; i++)
    close (self->fds[i]);
  self->n_fds = 0;
  g_clear_pointer (&self->buffer, g_free);
  g_clear_pointer (&self->block, g_free);
  self->begin = self->end = 0;
}
