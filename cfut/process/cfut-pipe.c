/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A pipe from or to a child process, served by the I/O thread.
 *
 * Threads: the I/O thread; cfut_pipe_make and cfut_fd_above_stdio any.
 * Locks: none.
 * Owns: its descriptor and its source. The source does not own the pipe: whoever embeds it closes
 *   it before going.
 * Invariants:
 * 1. fd is -1 exactly when there is no source.
 * 2. One dispatch moves at most SLICE bytes, so that a child that writes without end starves no
 *    other; cfut_pipe_drain reads no more than a pipe can hold.
 * 3. A reader that goes away is told by EPIPE alone: SIGPIPE is blocked on the I/O thread.
 * Not here: what becomes of the data (cfut-child.c, cfut-run.c). */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "process/cfut-io-private.h"
#include "process/cfut-pipe-private.h"

#define CHUNK (64 * 1024)
#define SLICE (256 * 1024)
#define MOST_IN_A_PIPE (1024 * 1024)

/* The I/O thread's. */
static char buffer[CHUNK];

int
cfut_fd_above_stdio (int fd)
{
  int moved;

  if (fd < 0 || fd > 2)
    return fd;

  moved = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  close (fd);
  return moved;
}

gboolean
cfut_pipe_make (gboolean   to_child,
                int       *ours,
                int       *childs,
                GError   **error)
{
  int fds[2];

  if (pipe2 (fds, O_CLOEXEC) == 0)
    {
      fds[0] = cfut_fd_above_stdio (fds[0]);
      fds[1] = cfut_fd_above_stdio (fds[1]);
      *ours = fds[to_child ? 1 : 0];
      *childs = fds[to_child ? 0 : 1];
      if (*ours >= 0 && *childs >= 0 && g_unix_set_fd_nonblocking (*ours, TRUE, NULL))
        return TRUE;

      errno = EMFILE;
      if (*ours >= 0)
        close (*ours);
      if (*childs >= 0)
        close (*childs);
    }

  *ours = *childs = -1;
  g_set_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_MFILE,
               _("No pipe could be made for a child process: %s"), g_strerror (errno));
  return FALSE;
}

void
cfut_pipe_close (CfutPipe *self)
{
  if (self->fd < 0)
    return;

  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  close (self->fd);
  self->fd = -1;
}

static gboolean
pipe_ended (CfutPipe *self)
{
  cfut_pipe_close (self);
  self->ended (self);
  return FALSE;
}

/* FALSE: it has ended, or was closed by got. */
static gboolean
pipe_read_some (CfutPipe *self,
                gsize     most)
{
  gsize total = 0;

  while (total < most)
    {
      gssize size = read (self->fd, buffer, sizeof buffer);

      if (size < 0 && errno == EINTR)
        continue;
      if (size < 0 && errno == EAGAIN)
        return TRUE;
      if (size <= 0)
        return pipe_ended (self);

      total += size;
      self->got (self, buffer, size);
      if (self->fd < 0)
        return FALSE;
    }

  return TRUE;
}

static gboolean
pipe_on_readable (int          fd,
                  GIOCondition condition,
                  gpointer     data)
{
  return pipe_read_some (data, SLICE) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
pipe_on_writable (int          fd,
                  GIOCondition condition,
                  gpointer     data)
{
  CfutPipe *self = data;
  gsize size;
  const char *bytes = g_bytes_get_data (self->bytes, &size);
  gssize written = write (self->fd, bytes + self->offset, MIN (size - self->offset, SLICE));

  if (written < 0 && (errno == EINTR || errno == EAGAIN))
    return G_SOURCE_CONTINUE;

  if (written > 0)
    self->offset += written;
  if (written < 0 || self->offset == size)
    {
      pipe_ended (self);
      return G_SOURCE_REMOVE;
    }

  return G_SOURCE_CONTINUE;
}

static void
pipe_open (CfutPipe       *self,
           int             fd,
           GIOCondition    condition,
           GUnixFDSourceFunc func)
{
  self->fd = fd;
  self->source = g_unix_fd_source_new (fd, condition);
  g_source_set_static_name (self->source, "[cfut] pipe");
  g_source_set_callback (self->source, G_SOURCE_FUNC (func), self, NULL);
  g_source_attach (self->source, cfut_io_get_context (NULL));
}

void
cfut_pipe_read (CfutPipe *self,
                int       fd)
{
  pipe_open (self, fd, G_IO_IN | G_IO_HUP | G_IO_ERR, pipe_on_readable);
}

void
cfut_pipe_write (CfutPipe *self,
                 int       fd,
                 GBytes   *bytes)
{
  self->bytes = g_bytes_ref (bytes);
  self->offset = 0;
  pipe_open (self, fd, G_IO_OUT | G_IO_HUP | G_IO_ERR, pipe_on_writable);
}

gboolean
cfut_pipe_drain (CfutPipe *self)
{
  return self->fd >= 0 && pipe_read_some (self, MOST_IN_A_PIPE);
}
