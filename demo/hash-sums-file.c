/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Sums files: read, and written whole or not at all.
 *
 * A regular file is written beside its place under a name of its own, brought to the disk, and then
 * renamed over what was there. If anything fails before, a full disk or a cancel, that file is
 * removed and the old one stays as it was. What is no regular file (a pipe, a terminal, /dev/null)
 * cannot be replaced and is written to directly.
 *
 * Threads: everything blocks and may be called on any thread; the _in functions do it on a worker.
 */

#include "hash-sums.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE (64 * 1024)

typedef struct {
  HashSums *sums;
  char *filename;  /* NULL: to the descriptor */
  int fd;
} WriteJob;

HashSums *
hash_sums_load (const char  *filename,
                gsize       *n_bad_lines,
                GError     **error)
{
  g_autofree char *text = NULL;
  gsize length;

  if (!g_file_get_contents (filename, &text, &length, error))
    return NULL;

  return hash_sums_parse (text, length, n_bad_lines, error);
}

static gboolean
write_all (int      fd,
           GString *buffer)
{
  gsize done = 0;

  while (done < buffer->len)
    {
      gssize n = write (fd, buffer->str + done, buffer->len - done);

      if (n < 0 && errno != EINTR)
        return FALSE;
      if (n > 0)
        done += n;
    }

  g_string_truncate (buffer, 0);

  return TRUE;
}

/* @filename: (nullable): NULL for a descriptor, which has no name */
static void
set_write_error (GError     **error,
                 int          saved_errno,
                 const char  *filename)
{
  g_autofree char *display = NULL;

  if (filename == NULL)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno),
                   _("The sums cannot be written: %s"), g_strerror (saved_errno));
      return;
    }

  display = hash_path_to_display (filename);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno),
               _("The sums cannot be written to “%s”: %s"), display, g_strerror (saved_errno));
}

static gboolean
flush (int            fd,
       GString       *buffer,
       const char    *filename,
       GCancellable  *cancellable,
       GError       **error)
{
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  if (write_all (fd, buffer))
    return TRUE;

  set_write_error (error, errno, filename);

  return FALSE;
}

static gboolean
write_lines (HashSums      *self,
             int            fd,
             const char    *filename,
             GCancellable  *cancellable,
             GError       **error)
{
  gsize length = hash_sums_get_length (self);
  g_autoptr (GString) buffer = g_string_sized_new (BUFFER_SIZE + 4096);

  hash_sums_sort (self);

  for (gsize i = 0; i < length; i++)
    {
      hash_sums_append_line (buffer, hash_sums_get_path (self, i), hash_sums_get_sum (self, i));

      if (buffer->len >= BUFFER_SIZE && !flush (fd, buffer, filename, cancellable, error))
        return FALSE;
    }

  return flush (fd, buffer, filename, cancellable, error);
}

gboolean
hash_sums_write (HashSums      *self,
                 int            fd,
                 GCancellable  *cancellable,
                 GError       **error)
{
  return write_lines (self, fd, NULL, cancellable, error);
}

/* Where the file goes in the end: a link is kept, and what it names is replaced. */
static char *
resolve_target (const char *filename)
{
  char *resolved = realpath (filename, NULL);
  char *copy;

  if (resolved == NULL)
    return g_strdup (filename);

  copy = g_strdup (resolved);
  free (resolved);

  return copy;
}

static void
sync_folder (const char *folder)
{
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  /* Not every file system can; the file itself is safe by now. */
  if (fd >= 0)
    {
      fsync (fd);
      close (fd);
    }
}

/* Writes, brings it to the disk and closes @fd. */
static gboolean
fill_and_close (HashSums          *self,
                int                fd,
                const char        *filename,
                const struct stat *old,
                GCancellable      *cancellable,
                GError           **error)
{
  gboolean written = write_lines (self, fd, filename, cancellable, error);

  if (written && ((old != NULL && fchmod (fd, old->st_mode & 07777) != 0) || fsync (fd) != 0))
    {
      set_write_error (error, errno, filename);
      written = FALSE;
    }

  /* Some file systems tell of a full disk only now. */
  if (close (fd) != 0 && written)
    {
      set_write_error (error, errno, filename);
      written = FALSE;
    }

  return written;
}

static gboolean
save_beside (HashSums          *self,
             const char        *filename,
             const struct stat *old,
             GCancellable      *cancellable,
             GError           **error)
{
  g_autofree char *target = resolve_target (filename);
  g_autofree char *folder = g_path_get_dirname (target);
  g_autofree char *temporary = g_build_filename (folder, ".cfut-sums-XXXXXX", NULL);
  int fd;

  fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0)
    {
      set_write_error (error, errno, filename);
      return FALSE;
    }

  if (!fill_and_close (self, fd, filename, old, cancellable, error))
    {
      g_unlink (temporary);
      return FALSE;
    }

  if (g_rename (temporary, target) != 0)
    {
      set_write_error (error, errno, filename);
      g_unlink (temporary);
      return FALSE;
    }

  sync_folder (folder);

  return TRUE;
}

static gboolean
save_directly (HashSums      *self,
               const char    *filename,
               GCancellable  *cancellable,
               GError       **error)
{
  gboolean written;
  int fd;

  fd = g_open (filename, O_WRONLY | O_CLOEXEC | O_NOCTTY, 0);
  if (fd < 0)
    {
      set_write_error (error, errno, filename);
      return FALSE;
    }

  written = write_lines (self, fd, filename, cancellable, error);

  if (close (fd) != 0 && written)
    {
      set_write_error (error, errno, filename);
      written = FALSE;
    }

  return written;
}

gboolean
hash_sums_save (HashSums      *self,
                const char    *filename,
                GCancellable  *cancellable,
                GError       **error)
{
  struct stat info;

  if (stat (filename, &info) != 0)
    return save_beside (self, filename, NULL, cancellable, error);

  if (S_ISREG (info.st_mode))
    return save_beside (self, filename, &info, cancellable, error);

  /* A folder is refused by the opening of it. */
  return save_directly (self, filename, cancellable, error);
}

gboolean
hash_sums_check_target (const char  *filename,
                        GError     **error)
{
  g_autofree char *target = resolve_target (filename);
  g_autofree char *folder = g_path_get_dirname (target);
  struct stat info;
  gboolean exists = stat (filename, &info) == 0;
  int reason = 0;

  if (filename[0] == '\0')
    reason = ENOENT;
  else if (exists && S_ISDIR (info.st_mode))
    reason = EISDIR;
  else if (exists && !S_ISREG (info.st_mode))
    reason = access (filename, W_OK) == 0 ? 0 : errno;
  else
    reason = access (folder, W_OK | X_OK) == 0 ? 0 : errno;

  if (reason != 0)
    set_write_error (error, reason, filename);

  return reason == 0;
}

static void
write_job_free (gpointer data)
{
  WriteJob *job = data;

  hash_sums_unref (job->sums);
  g_free (job->filename);
  g_free (job);
}

static gboolean
write_task (CfutTask  *task,
            gpointer   user_data,
            GError   **error)
{
  WriteJob *job = user_data;
  GCancellable *cancellable = cfut_task_get_cancellable (task);

  if (job->filename != NULL)
    return hash_sums_save (job->sums, job->filename, cancellable, error);

  return hash_sums_write (job->sums, job->fd, cancellable, error);
}

static CfutFuture *
submit_write (HashSums     *self,
              CfutExecutor *executor,
              const char   *filename,
              int           fd)
{
  WriteJob *job = g_new0 (WriteJob, 1);

  job->sums = hash_sums_ref (self);
  job->filename = g_strdup (filename);
  job->fd = fd;

  return cfut_executor_submit (executor, write_task, job, write_job_free);
}

CfutFuture *
hash_sums_save_in (HashSums     *self,
                   CfutExecutor *executor,
                   const char   *filename)
{
  return submit_write (self, executor, filename, -1);
}

CfutFuture *
hash_sums_write_in (HashSums     *self,
                    CfutExecutor *executor,
                    int           fd)
{
  return submit_write (self, executor, NULL, fd);
}
