/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A child process, from its start until it is told of.
 *
 *   running --(reap)--> reaped --(stderr at its end, or DRAIN_USEC)--> told
 *
 * Threads: started, reaped and told of on the I/O thread; signals, status and tail on any.
 * Locks: lock, for what is reaped and the tail; signals are sent under it.
 * Owns: itself, a reference until it is told of, and one of the ladder's until its SIGKILL; the
 *   pidfd, as long as a signal may have to be sent.
 * Invariants:
 * 1. What posix_spawn started is reaped here, under the lock, so that its number is nobody else's
 *    while a signal is sent under the lock to what is not reaped.
 * 2. What GSubprocess started is reaped by it, at any time. A signal goes to the group of the pidfd
 *    then, which is never another's; where the kernel cannot do that, to the number, right after
 *    the pidfd said that it is not reaped.
 * 3. After the reaping a signal goes to the group of the pidfd, or nowhere. So where the kernel
 *    cannot do that, a child that was told to stop takes what is left of its group with it when it
 *    is reaped.
 * 4. exited is called once, with nothing of the child left to read.
 * Not here: starting (cfut-child-start.c), what its pipes carry. */

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <glib-unix.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cfut-lock-private.h"
#include "process/cfut-child-start-private.h"
#include "process/cfut-io-private.h"
#include "process/cfut-pipe-private.h"

/* For how long after the exit others may keep stderr open before that is not waited for. */
#define DRAIN_USEC (200 * 1000)
/* How often to look, between the end of a child that was stopped and its SIGKILL, whether anybody is
 * left of its group. */
#define LOOK_USEC (50 * 1000)
#define DEFAULT_TAIL (4 * 1024)
#define LOST_STATUS (-1)

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1u << 2)
#endif

struct _CfutChild {
  gatomicrefcount ref_count;

  /* Immutable once started */
  int pid;
  gint64 grace_usec;
  gsize tail_bytes;
  gboolean forward_stderr;
  CfutChildExited exited;
  gpointer user_data;

  /* I/O thread only */
  GSubprocess *subprocess;  /* (nullable): who reaps it */
  GSource *watch;           /* (nullable): of the pidfd */
  GSource *drain;           /* (nullable): of the end of patience with stderr */
  CfutPipe stderr_pipe;

  /* Guarded by lock */
  GMutex lock;
  int pipes[3];             /* not stolen yet */
  int pidfd;
  gboolean reaped;
  gboolean told;
  gboolean stopping;
  GSource *ladder;          /* (nullable): whose SIGKILL is still to come */
  int wait_status;
  GByteArray *tail;         /* (nullable) */
  gboolean tail_cut;
};

static atomic_uint n_live;
static atomic_bool pretend_old;

CfutChild *
cfut_child_ref (CfutChild *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_child_unref (CfutChild *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  for (int i = 0; i < 3; i++)
    if (self->pipes[i] >= 0)
      close (self->pipes[i]);
  if (self->pidfd >= 0)
    close (self->pidfd);
  g_clear_object (&self->subprocess);
  g_clear_pointer (&self->tail, g_byte_array_unref);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static int
send_by_pidfd (int pidfd,
               int signal_number,
               guint flags)
{
  return pidfd_send_signal (pidfd, signal_number, NULL, flags) == 0 ? 0 : errno;
}

/* Whether it is a child of ours still, dead or alive. */
static gboolean
pidfd_is_child (int pidfd)
{
  siginfo_t info;

  return waitid (P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void
child_signal_locked (CfutChild *self,
                     int        signal_number)
{
  int code = EINVAL;

  if (self->pidfd < 0)
    return;

  if (!atomic_load_explicit (&pretend_old, memory_order_relaxed))
    code = send_by_pidfd (self->pidfd, signal_number, PIDFD_SIGNAL_PROCESS_GROUP);
  if ((code == EINVAL || code == ENOSYS) && !self->reaped && pidfd_is_child (self->pidfd))
    kill (-self->pid, signal_number);
}

/* Somebody is left of its group, and the kernel can signal them. */
static gboolean
can_signal_after_reaping_locked (CfutChild *self)
{
  return !atomic_load_explicit (&pretend_old, memory_order_relaxed) &&
         send_by_pidfd (self->pidfd, 0, PIDFD_SIGNAL_PROCESS_GROUP) == 0;
}

/* (transfer full) (nullable): of the ladder, when nothing more is to be signalled, to be destroyed
 * outside of the lock. */
static GSource *
child_check_over_locked (CfutChild *self)
{
  if (!self->told || self->pidfd < 0)
    return NULL;
  if (self->ladder != NULL && can_signal_after_reaping_locked (self))
    return NULL;

  close (self->pidfd);
  self->pidfd = -1;
  return g_steal_pointer (&self->ladder);
}

static void
end_ladder (GSource *ladder)
{
  if (ladder == NULL)
    return;

  g_source_destroy (ladder);
  g_source_unref (ladder);
}

static void
child_unref_by_source (gpointer data)
{
  cfut_child_unref (data);
}

static gboolean
child_look_at_group (gpointer data)
{
  CfutChild *self = data;
  GSource *ladder;
  gboolean is_over;

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  ladder = child_check_over_locked (self);
  is_over = self->pidfd < 0;
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  end_ladder (ladder);
  return is_over ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/* Nobody tells when the last of a group has gone. */
static void
child_watch_group (CfutChild *self)
{
  g_autoptr (GSource) source = g_timeout_source_new (LOOK_USEC / 1000);

  g_source_set_static_name (source, "[cfut] child group");
  g_source_set_callback (source, child_look_at_group, cfut_child_ref (self),
                         child_unref_by_source);
  g_source_attach (source, cfut_io_get_context (NULL));
}

static void
child_tell (CfutChild *self)
{
  GSource *ladder;
  gboolean has_group;
  int wait_status;

  cfut_pipe_close (&self->stderr_pipe);
  if (self->drain != NULL)
    {
      g_source_destroy (self->drain);
      g_clear_pointer (&self->drain, g_source_unref);
    }

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  self->told = TRUE;
  wait_status = self->wait_status;
  ladder = child_check_over_locked (self);
  has_group = self->ladder != NULL;
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  end_ladder (ladder);
  if (has_group)
    child_watch_group (self);
  atomic_fetch_sub_explicit (&n_live, 1, memory_order_relaxed);
  if (self->exited != NULL)
    self->exited (self, wait_status, self->user_data);
  cfut_child_unref (self);
}

static gboolean
child_lost_patience (gpointer data)
{
  child_tell (data);
  return G_SOURCE_REMOVE;
}

/* It has been reaped, and the reading of its stderr ends. */
static void
child_gone (CfutChild *self)
{
  if (!cfut_pipe_drain (&self->stderr_pipe))
    {
      child_tell (self);
      return;
    }

  self->drain = g_timeout_source_new (DRAIN_USEC / 1000);
  g_source_set_static_name (self->drain, "[cfut] child drain");
  g_source_set_callback (self->drain, child_lost_patience, self, NULL);
  g_source_attach (self->drain, cfut_io_get_context (NULL));
}

/* As much as can be written without waiting for who reads ours. */
static void
forward_to_stderr (const char *data,
                   gsize       size)
{
  GPollFD ours = { STDERR_FILENO, G_IO_OUT, 0 };

  while (size > 0 && g_poll (&ours, 1, 0) == 1 && (ours.revents & G_IO_OUT))
    {
      gssize written = write (STDERR_FILENO, data, MIN (size, PIPE_BUF));

      if (written <= 0)
        break;
      data += written;
      size -= written;
    }
}

static void
stderr_got (CfutPipe   *stderr_pipe,
            const char *data,
            gsize       size)
{
  CfutChild *self = (CfutChild *) ((char *) stderr_pipe - G_STRUCT_OFFSET (CfutChild, stderr_pipe));

  if (self->forward_stderr)
    forward_to_stderr (data, size);

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  if (size > self->tail_bytes)
    {
      data += size - self->tail_bytes;
      size = self->tail_bytes;
      g_byte_array_set_size (self->tail, 0);
      self->tail_cut = TRUE;
    }
  g_byte_array_append (self->tail, (const guint8 *) data, size);
  /* Twice the size, so that bytes are moved once each. */
  if (self->tail->len > 2 * self->tail_bytes)
    {
      g_byte_array_remove_range (self->tail, 0, self->tail->len - self->tail_bytes);
      self->tail_cut = TRUE;
    }
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);
}

static void
stderr_ended (CfutPipe *stderr_pipe)
{
  CfutChild *self = (CfutChild *) ((char *) stderr_pipe - G_STRUCT_OFFSET (CfutChild, stderr_pipe));

  /* While patience lasts. Drained in child_gone, it is told of there. */
  if (self->drain != NULL)
    child_tell (self);
}

static int
status_from_info (const siginfo_t *info)
{
  switch (info->si_code)
    {
    case CLD_EXITED:
      return (info->si_status & 0xff) << 8;
    case CLD_DUMPED:
      return (info->si_status & 0x7f) | 0x80;
    default:
      return info->si_status & 0x7f;
    }
}

static gboolean
child_on_exited (int          fd,
                 GIOCondition condition,
                 gpointer     data)
{
  CfutChild *self = data;
  siginfo_t info = { .si_pid = 0 };

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  if (self->stopping && !can_signal_after_reaping_locked (self))
    child_signal_locked (self, SIGKILL);
  if (waitid (P_PIDFD, self->pidfd, &info, WEXITED | WNOHANG) != 0)
    self->wait_status = LOST_STATUS;
  else if (info.si_pid != 0)
    self->wait_status = status_from_info (&info);
  self->reaped = info.si_pid != 0 || self->wait_status == LOST_STATUS;
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  if (!self->reaped)
    return G_SOURCE_CONTINUE;

  g_clear_pointer (&self->watch, g_source_unref);
  child_gone (self);
  return G_SOURCE_REMOVE;
}

static void
child_on_waited (GObject      *source,
                 GAsyncResult *result,
                 gpointer      data)
{
  CfutChild *self = data;

  g_subprocess_wait_finish (G_SUBPROCESS (source), result, NULL);

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  self->wait_status = g_subprocess_get_status (G_SUBPROCESS (source));
  self->reaped = TRUE;
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  child_gone (self);
}

/* Reaped by somebody else before it could be watched. */
static void
child_lost (gpointer data)
{
  CfutChild *self = data;

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  self->wait_status = LOST_STATUS;
  self->reaped = TRUE;
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  child_gone (self);
}

static void
child_watch (CfutChild *self)
{
  if (self->subprocess != NULL)
    {
      g_subprocess_wait_async (self->subprocess, NULL, child_on_waited, self);
      return;
    }
  if (self->pidfd < 0)
    {
      cfut_io_invoke (child_lost, self);
      return;
    }

  self->watch = g_unix_fd_source_new (self->pidfd, G_IO_IN);
  g_source_set_static_name (self->watch, "[cfut] child");
  g_source_set_callback (self->watch, G_SOURCE_FUNC (child_on_exited), self, NULL);
  g_source_attach (self->watch, cfut_io_get_context (NULL));
}

/* FALSE: no descriptors. */
static gboolean
child_open_pidfd (CfutChild  *self,
                  GError    **error)
{
  int code;

  self->pidfd = pidfd_open (self->pid, 0);
  code = errno;
  if (self->pidfd >= 0 && self->subprocess != NULL && !pidfd_is_child (self->pidfd))
    {
      /* Reaped before, and the number may be another's. */
      close (self->pidfd);
      self->pidfd = -1;
      return TRUE;
    }
  if (self->pidfd >= 0 || code == ESRCH)
    return TRUE;

  g_set_error (error, G_SPAWN_ERROR,
               code == EMFILE || code == ENFILE ? G_SPAWN_ERROR_MFILE : G_SPAWN_ERROR_FAILED,
               _("A child process could not be watched: %s"), g_strerror (code));
  return FALSE;
}

/* What was started but cannot be watched. */
static void
child_undo (CfutChild *self)
{
  if (self->subprocess != NULL)
    {
      g_subprocess_force_exit (self->subprocess);
    }
  else
    {
      kill (-self->pid, SIGKILL);
      while (waitpid (self->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    }
}

/* Makes the pipes, and moves what is given above stdio; what the child gets is in @stdio. */
static gboolean
child_prepare_stdio (CfutChild      *self,
                     CfutChildSpec  *spec,
                     int            *stdio,
                     GError        **error)
{
  gboolean made = TRUE;

  for (int i = 0; i < 3; i++)
    {
      stdio[i] = -1;
      if (spec->stdio[i] == CFUT_STDIO_FD)
        stdio[i] = cfut_fd_above_stdio (spec->stdio_fds[i]);
      else if (made && (spec->stdio[i] == CFUT_STDIO_PIPE || spec->stdio[i] == CFUT_STDIO_TAIL))
        made = cfut_pipe_make (i == 0, &self->pipes[i], &stdio[i], error);
      if (made && spec->stdio[i] == CFUT_STDIO_FD && stdio[i] < 0)
        {
          g_set_error_literal (error, G_SPAWN_ERROR, G_SPAWN_ERROR_MFILE, g_strerror (EMFILE));
          made = FALSE;
        }
    }

  if (!made)
    {
      for (int i = 0; i < 3; i++)
        if (stdio[i] >= 0)
          close (stdio[i]);
      for (guint i = 0; i < spec->n_fds; i++)
        close (spec->fds[i].fd);
    }
  return made;
}

CfutChild *
cfut_child_spawn (CfutChildSpec  *spec,
                  GError        **error)
{
  CfutChild *self = g_new0 (CfutChild, 1);
  int stdio[3];

  g_assert (cfut_io_is_current ());

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->grace_usec = spec->grace_usec;
  self->tail_bytes = spec->tail_bytes > 0 ? spec->tail_bytes : DEFAULT_TAIL;
  self->forward_stderr = spec->forward_stderr;
  self->exited = spec->exited;
  self->user_data = spec->user_data;
  self->pidfd = -1;
  self->pipes[0] = self->pipes[1] = self->pipes[2] = -1;
  self->stderr_pipe = (CfutPipe) { .fd = -1, .got = stderr_got, .ended = stderr_ended };

  if (!child_prepare_stdio (self, spec, stdio, error) ||
      !cfut_child_start (spec, stdio, &self->pid, &self->subprocess, error))
    {
      cfut_child_unref (self);
      return NULL;
    }
  if (!child_open_pidfd (self, error))
    {
      child_undo (self);
      cfut_child_unref (self);
      return NULL;
    }

  if (spec->stdio[2] == CFUT_STDIO_TAIL)
    {
      self->tail = g_byte_array_new ();
      cfut_pipe_read (&self->stderr_pipe, g_steal_fd (&self->pipes[2]));
    }
  atomic_fetch_add_explicit (&n_live, 1, memory_order_relaxed);
  child_watch (cfut_child_ref (self));

  return self;
}

int
cfut_child_get_pid (CfutChild *self)
{
  return self->pid;
}

int
cfut_child_steal_pipe (CfutChild *self,
                       int        number)
{
  int fd;

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  fd = self->pipes[number];
  self->pipes[number] = -1;
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  return fd;
}

static gboolean
child_end_grace (gpointer data)
{
  CfutChild *self = data;
  GSource *ladder;

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  child_signal_locked (self, SIGKILL);
  ladder = g_steal_pointer (&self->ladder);
  child_check_over_locked (self);
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  end_ladder (ladder);
  return G_SOURCE_REMOVE;
}

/* (transfer full) */
static GSource *
child_make_ladder (CfutChild *self)
{
  GSource *source = g_timeout_source_new (MIN ((self->grace_usec + 999) / 1000, G_MAXINT));

  g_source_set_static_name (source, "[cfut] child stop");
  g_source_set_callback (source, child_end_grace, cfut_child_ref (self), child_unref_by_source);
  return source;
}

void
cfut_child_stop (CfutChild *self)
{
  GSource *unused = child_make_ladder (self);

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  if (!self->told && !self->stopping)
    {
      self->stopping = TRUE;
      child_signal_locked (self, SIGTERM);
      child_signal_locked (self, SIGCONT);
      self->ladder = g_steal_pointer (&unused);
      g_source_attach (self->ladder, cfut_io_get_context (NULL));
    }
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  end_ladder (unused);
}

void
cfut_child_kill (CfutChild *self)
{
  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  self->stopping = TRUE;
  child_signal_locked (self, SIGKILL);
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);
}

gboolean
cfut_child_signal (CfutChild *self,
                   int        signal_number)
{
  gboolean reaped;

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  reaped = self->reaped;
  if (!reaped)
    child_signal_locked (self, signal_number);
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  return !reaped;
}

gboolean
cfut_child_get_exited (CfutChild *self,
                       int       *wait_status)
{
  gboolean reaped;

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  reaped = self->reaped;
  if (reaped)
    *wait_status = self->wait_status;
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  return reaped;
}

char *
cfut_text_tail (const char *data,
                gsize       size,
                gsize       most,
                gboolean    cut)
{
  const char *newline;

  if (size == 0)
    return g_strdup ("");

  if (size > most)
    {
      data += size - most;
      size = most;
      cut = TRUE;
    }
  newline = cut ? memchr (data, '\n', size / 2) : NULL;
  if (newline != NULL)
    {
      size -= newline + 1 - data;
      data = newline + 1;
    }
  while (size > 0 && data[size - 1] == '\n')
    size--;

  return g_utf8_make_valid (data, size);
}

char *
cfut_child_dup_stderr_tail (CfutChild *self)
{
  char *text;

  cfut_lock (&self->lock, CFUT_LOCK_CHILD);
  if (self->tail == NULL)
    text = g_strdup ("");
  else
    text = cfut_text_tail ((const char *) self->tail->data, self->tail->len, self->tail_bytes,
                           self->tail_cut);
  cfut_unlock (&self->lock, CFUT_LOCK_CHILD);

  return text;
}

char *
cfut_child_describe_status (int wait_status)
{
  if (wait_status == LOST_STATUS)
    return g_strdup (_("ended, and how is not known"));
  if (WIFSIGNALED (wait_status))
    return g_strdup_printf (_("was killed by signal %d (%s)"), WTERMSIG (wait_status),
                            g_strsignal (WTERMSIG (wait_status)));

  return g_strdup_printf (_("exited with status %d"), WEXITSTATUS (wait_status));
}

guint
cfut_child_get_n_live (void)
{
  return atomic_load_explicit (&n_live, memory_order_relaxed);
}

void
cfut_child_pretend_old (gboolean pretend)
{
  atomic_store_explicit (&pretend_old, pretend, memory_order_relaxed);
}
