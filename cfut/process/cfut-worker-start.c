/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How a program finds out that it was started as a worker, and by which way it is to talk.
 *
 *   CFUT_WORKER=1:COOKIE:FD:INODE:FD:INODE:FD:INODE
 *
 * The descriptors are two sockets and a journal of the application's, if they arrive: what arrives
 * under their numbers may be something else, where other programs stand between, perhaps on other
 * machines. So their inodes are looked at. Where the control socket is not ours, all goes over one
 * stream: the call socket, or standard input and output. Without a journal nothing is put off.
 *
 * Threads: any; meant for the first one, before there are others.
 * Locks: start_once.
 * Owns: the descriptors and the journal, until a worker takes them.
 * Invariants:
 * 1. The environment does not have the variable after, so what this process starts is no worker.
 * 2. What the protocol uses is not open under the numbers 0 to 2, nor in what this process starts.
 *    Whatever a library prints goes to standard error.
 * 3. A variable that cannot be understood still means that a worker was wanted: a program that went
 *    on as itself might start workers, and so on.
 * Not here: the protocol (cfut-worker-link.c). */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/cfut-worker-start-private.h"
#include "process/cfut-wire-private.h"

enum { PART_VERSION, PART_COOKIE, PART_CALL_FD, PART_CALL_INODE, PART_CONTROL_FD,
       PART_CONTROL_INODE, N_PARTS, PART_JOURNAL_FD = N_PARTS, PART_JOURNAL_INODE,
       N_PARTS_WITH_JOURNAL };

static CfutWorkerStart start = { FALSE, 0, NULL, -1, -1, -1, NULL };
static int start_taken;

/* -1: what has that number is not that socket, or that file. */
static int
find_ours (const char *fd_text,
           const char *inode_text,
           mode_t      kind)
{
  guint64 fd;
  guint64 inode;
  struct stat info;

  if (!g_ascii_string_to_unsigned (fd_text, 10, 0, G_MAXINT, &fd, NULL) ||
      !g_ascii_string_to_unsigned (inode_text, 10, 0, G_MAXUINT64, &inode, NULL))
    return -1;

  if (fstat ((int) fd, &info) < 0 || (info.st_mode & S_IFMT) != kind ||
      (guint64) info.st_ino != inode)
    return -1;

  return (int) fd;
}

/* Out of the way of what others use, and of what this process starts. */
static int
move_aside (int fd)
{
  return fcntl (fd, F_DUPFD_CLOEXEC, 3);
}

/* What reads standard input is at its end; what is printed joins standard error. */
static void
replace_standard_streams (void)
{
  int null_fd = open ("/dev/null", O_RDWR | O_CLOEXEC);

  if (null_fd < 0)
    {
      close (STDIN_FILENO);
      close (STDOUT_FILENO);
      return;
    }

  dup2 (null_fd, STDIN_FILENO);
  if (dup2 (STDERR_FILENO, STDOUT_FILENO) < 0)
    dup2 (null_fd, STDOUT_FILENO);
  if (null_fd > STDERR_FILENO)
    close (null_fd);
}

static void
take_streams (int call_fd)
{
  if (call_fd >= 0)
    {
      start.read_fd = start.write_fd = move_aside (call_fd);
    }
  else
    {
      start.read_fd = move_aside (STDIN_FILENO);
      start.write_fd = move_aside (STDOUT_FILENO);
    }
  replace_standard_streams ();
}

static void
take_descriptors (char **parts)
{
  int call_fd = find_ours (parts[PART_CALL_FD], parts[PART_CALL_INODE], S_IFSOCK);
  int control_fd = find_ours (parts[PART_CONTROL_FD], parts[PART_CONTROL_INODE], S_IFSOCK);
  int journal_fd = -1;

  if (g_strv_length (parts) >= N_PARTS_WITH_JOURNAL)
    journal_fd = find_ours (parts[PART_JOURNAL_FD], parts[PART_JOURNAL_INODE], S_IFREG);

  if (journal_fd > STDERR_FILENO)
    {
      if (control_fd >= 0 && call_fd >= 0)
        start.journal = cfut_journal_open (journal_fd);
      close (journal_fd);
    }

  if (control_fd >= 0)
    {
      if (call_fd >= 0)
        start.control_fd = move_aside (control_fd);
      if (control_fd > STDERR_FILENO)
        close (control_fd);
    }

  if (call_fd > STDERR_FILENO)
    {
      start.read_fd = start.write_fd = move_aside (call_fd);
      close (call_fd);
    }
  else
    take_streams (call_fd);
}

static void
start_read (void)
{
  g_autofree char *text = g_strdup (g_getenv (CFUT_WORKER_VARIABLE));
  g_auto (GStrv) parts = NULL;
  guint64 version;

  if (text == NULL)
    return;

  g_unsetenv (CFUT_WORKER_VARIABLE);
  start.requested = TRUE;
  parts = g_strsplit (text, ":", -1);
  if (g_strv_length (parts) < N_PARTS ||
      !g_ascii_string_to_unsigned (parts[PART_VERSION], 10, 1, G_MAXUINT, &version, NULL) ||
      !g_utf8_validate (parts[PART_COOKIE], -1, NULL))
    return;

  start.version = (guint) version;
  start.cookie = g_strdup (parts[PART_COOKIE]);
  take_descriptors (parts);
}

const CfutWorkerStart *
cfut_worker_start_get (void)
{
  static gsize start_once;

  if (g_once_init_enter (&start_once))
    {
      start_read ();
      g_once_init_leave (&start_once, 1);
    }

  return &start;
}

gboolean
cfut_worker_start_take (void)
{
  return g_atomic_int_compare_and_exchange (&start_taken, FALSE, TRUE);
}
