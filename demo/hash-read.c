/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Reads one file and computes its sum.
 *
 * Small files are most files, so the way of one is open, fstat, read to the end, fstat, close, with
 * the buffer and the digest that the thread keeps: no allocation and no stream object for each.
 *
 * A sum is only worth something if it is that of one state of the file. So size and time of change
 * are looked at before and after, and no more is read than the size said; whatever does not agree
 * is an error, never a sum. Files without blocks (those of /proc and /sys tell no true size, and
 * empty ones) are read to their end, wherever that is.
 *
 * O_NONBLOCK keeps the opening of a pipe or a device from waiting; what is no regular file is
 * refused.
 *
 * Threads: any. The workspace belongs to its thread and goes with it.
 */

#include "hash-read.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <sys/stat.h>
#include <unistd.h>

/* Stays in the second-level cache between read and digest. */
#define BUFFER_SIZE (256 * 1024)
/* What the kernel reads ahead anyway: not worth a system call. */
#define READ_AHEAD_SIZE (128 * 1024)

typedef struct {
  HashDigest *digests[HASH_N_ALGORITHMS];
  char buffer[BUFFER_SIZE];
} Workspace;

static void
workspace_free (gpointer data)
{
  Workspace *self = data;

  for (guint i = 0; i < HASH_N_ALGORITHMS; i++)
    g_clear_pointer (&self->digests[i], hash_digest_free);

  g_free (self);
}

static Workspace *
workspace_get (void)
{
  static GPrivate key = G_PRIVATE_INIT (workspace_free);
  Workspace *self = g_private_get (&key);

  if (self == NULL)
    {
      self = g_malloc (sizeof (Workspace));

      for (guint i = 0; i < HASH_N_ALGORITHMS; i++)
        self->digests[i] = NULL;

      g_private_set (&key, self);
    }

  return self;
}

static void
set_open_error (GError **error,
                int      saved_errno)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno),
               _("The file cannot be opened: %s"), g_strerror (saved_errno));
}

static void
set_read_error (GError **error,
                int      saved_errno)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno),
               _("The file cannot be read: %s"), g_strerror (saved_errno));
}

static int
open_file (const char   *path,
           struct stat  *before,
           GError      **error)
{
  int fd;

  do
    fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  while (fd < 0 && errno == EINTR);

  /* ENXIO: a socket, or a device without a driver. */
  if (fd < 0 && errno != ENXIO)
    {
      set_open_error (error, errno);
      return -1;
    }

  if (fd >= 0 && fstat (fd, before) != 0)
    {
      set_read_error (error, errno);
      close (fd);
      return -1;
    }

  if (fd < 0 || !S_ISREG (before->st_mode))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                           _("This is neither a regular file nor a folder"));
      if (fd >= 0)
        close (fd);
      return -1;
    }

  return fd;
}

/* Whether what was read is one state of the file. */
static gboolean
is_unchanged (const struct stat *before,
              const struct stat *after,
              guint64            n_read)
{
  if (before->st_size != after->st_size ||
      before->st_mtim.tv_sec != after->st_mtim.tv_sec ||
      before->st_mtim.tv_nsec != after->st_mtim.tv_nsec)
    return FALSE;

  return n_read == (guint64) after->st_size || after->st_blocks == 0;
}

static gboolean
read_to_end (int                 fd,
             const struct stat  *before,
             HashDigest         *digest,
             char               *buffer,
             HashReadTick        tick,
             gpointer            user_data,
             guint64            *n_read,
             GError            **error)
{
  gboolean sized = before->st_blocks > 0;
  guint64 size = before->st_size;
  guint64 done = 0;

  while (TRUE)
    {
      gssize n = read (fd, buffer, BUFFER_SIZE);

      if (n < 0 && errno == EINTR)
        continue;

      if (n < 0)
        {
          set_read_error (error, errno);
          return FALSE;
        }

      if (n == 0)
        break;

      hash_digest_update (digest, buffer, n);
      done += n;

      /* Grown, perhaps faster than it can be read: the caller sees it by the count. */
      if (sized && done > size)
        break;

      /* A read that was cut short is the end of a file of known size, but for the rare signal: most
       * files are small, and one read less is a sixth of their system calls. */
      if (sized && done == size && (gsize) n < BUFFER_SIZE)
        break;

      if (tick != NULL && !tick (done, MAX (done, size), user_data, error))
        return FALSE;
    }

  *n_read = done;

  return TRUE;
}

gboolean
hash_read_file (const char     *path,
                HashAlgorithm   algorithm,
                HashReadTick    tick,
                gpointer        user_data,
                char            hex[HASH_MAX_HEX_LENGTH + 1],
                GError        **error)
{
  Workspace *workspace = workspace_get ();
  HashDigest *digest = workspace->digests[algorithm];
  struct stat before, after;
  guint64 n_read = 0;
  gboolean read_it;
  int fd;

  if (digest == NULL)
    digest = workspace->digests[algorithm] = hash_digest_new (algorithm);

  fd = open_file (path, &before, error);
  if (fd < 0)
    return FALSE;

  if (before.st_size > READ_AHEAD_SIZE)
    posix_fadvise (fd, 0, 0, POSIX_FADV_SEQUENTIAL);

  hash_digest_begin (digest);
  read_it = read_to_end (fd, &before, digest, workspace->buffer, tick, user_data, &n_read, error);

  if (read_it && fstat (fd, &after) != 0)
    {
      set_read_error (error, errno);
      read_it = FALSE;
    }

  close (fd);

  if (!read_it)
    return FALSE;

  if (!is_unchanged (&before, &after, n_read))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WRONG_ETAG,
                           _("The file was changed while it was read"));
      return FALSE;
    }

  hash_digest_end (digest, hex);

  return TRUE;
}
