/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Starting workers: how many, when, and what if that fails.
 *
 * A worker is a process with two sockets: that of its calls, and that of what has to reach it in the
 * middle of one; and with a journal. They are given to it as descriptors, and the variable
 * CFUT_WORKER tells which ones, and how to recognize them. Where a prefix stands in front, the
 * socket of the calls is its stdin and stdout as well, and there the worker looks when the
 * descriptors have not got through; its hello, which comes on that socket in any case, says so.
 *
 * Threads: grow on any; processes are spawned on the I/O thread.
 * Locks: the crew's; not while spawning.
 * Owns: nothing; the spawning holds the worker.
 * Invariants:
 * 1. After a worker that ended no call the next is started later, each time twice as late, and one
 *    at a time. The first call that ends makes up for all.
 * 2. The crew breaks when a worker says that none can work, or when a program cannot be started at
 *    all, or several one after the other never said hello, and nobody is there who did. Where this
 *    process is short of something, descriptors or memory, what waits fails after some tries, and
 *    what comes after that tries again.
 * Not here: what makes a process (cfut-child.c), who needs how many (cfut-crew.c). */

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cfut-error.h"
#include "process/cfut-crew-struct-private.h"
#include "process/cfut-io-private.h"

/* So many that never say hello break the crew. */
#define MAX_MUTE 3

/* So often it is tried to get what this process is short of: for a third of a second. */
#define MAX_SCARCE 6

#define BACK_OFF_USEC (10 * 1000)
#define MAX_BACK_OFF_USEC G_USEC_PER_SEC

/* Where the child has them. */
#define CALLS_FD 3
#define CONTROL_FD 4
#define JOURNAL_FD 5

/* Ours, and the child's. */
typedef struct {
  int calls[2];
  int control[2];
  int journal;   /* the child's; -1: it does without */
} Sockets;

static void
close_sockets (Sockets *self)
{
  int fds[] = { self->calls[0], self->calls[1], self->control[0], self->control[1], self->journal };

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i] >= 0)
      close (fds[i]);
}

static gboolean
open_sockets (Sockets  *self,
              GError  **error)
{
  int saved;

  *self = (Sockets) { { -1, -1 }, { -1, -1 }, -1 };
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->calls) == 0 &&
      socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->control) == 0)
    return TRUE;

  saved = errno;
  close_sockets (self);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved),
               _("A socket for a worker could not be made: %s"), g_strerror (saved));
  return FALSE;
}

static guint64
inode_of (int fd)
{
  struct stat buffer;

  return fstat (fd, &buffer) == 0 ? buffer.st_ino : 0;
}

/* A copy, as the options may change meanwhile. */
static CfutCrewOptions
worker_dup_options (CfutCrewWorker *self)
{
  CfutCrewOptions options;

  cfut_crew_enter (self->crew);
  options = self->crew->options;
  options.launch_prefix = g_strdupv (options.launch_prefix);
  if (options.setup != NULL)
    g_variant_ref (options.setup);
  cfut_unlock (&self->crew->lock, CFUT_LOCK_CREW);

  return options;
}

/* Takes over the child's ends. */
static CfutChild *
worker_spawn_child (CfutCrewWorker  *self,
                    CfutCrewOptions *options,
                    Sockets         *sockets,
                    GError         **error)
{
  gboolean prefixed = options->launch_prefix != NULL;
  int calls_fd = prefixed ? 0 : CALLS_FD;
  g_autofree char *variable =
    g_strdup_printf ("CFUT_WORKER=1:%s:%d:%" G_GUINT64_FORMAT ":%d:%" G_GUINT64_FORMAT
                     ":%d:%" G_GUINT64_FORMAT,
                     self->cookie, calls_fd, inode_of (sockets->calls[1]), CONTROL_FD,
                     inode_of (sockets->control[1]), JOURNAL_FD, inode_of (sockets->journal));
  const char *variables[] = { variable, NULL };
  CfutChildFd fds[3] = { { sockets->control[1], CONTROL_FD } };
  CfutChildSpec spec = CFUT_CHILD_SPEC_INIT;
  CfutChild *child;

  spec.argv = (const char * const *) self->crew->argv;
  spec.prefix = (const char * const *) options->launch_prefix;
  spec.prefix_quoted = options->launch_quoted;
  spec.set_variables = variables;
  spec.stdio[1] = CFUT_STDIO_INHERIT;
  spec.stdio[2] = CFUT_STDIO_TAIL;
  spec.forward_stderr = TRUE;
  spec.fds = fds;
  spec.n_fds = 1;
  if (sockets->journal >= 0)
    fds[spec.n_fds++] = (CfutChildFd) { sockets->journal, JOURNAL_FD };
  if (prefixed)
    {
      spec.stdio[0] = spec.stdio[1] = CFUT_STDIO_FD;
      spec.stdio_fds[0] = sockets->calls[1];
      spec.stdio_fds[1] = fcntl (sockets->calls[1], F_DUPFD_CLOEXEC, 3);
    }
  else
    fds[spec.n_fds++] = (CfutChildFd) { sockets->calls[1], CALLS_FD };
  spec.quick = TRUE;
  spec.limits = options->limits;
  spec.grace_usec = options->stop_grace_usec;
  spec.exited = cfut_crew_worker_exited;
  spec.user_data = self;
  child = cfut_child_spawn (&spec, error);
  sockets->calls[1] = sockets->control[1] = sockets->journal = -1;

  return child;
}

static void
worker_send_setup (CfutCrewWorker  *self,
                   CfutCrewOptions *options)
{
  CfutWireOut frame = { .type = CFUT_WIRE_SETUP };
  GVariant *shared = cfut_crew_list_shared (self->crew);
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "stop-grace-usec", "x", options->stop_grace_usec);
  if (shared != NULL)
    g_variant_dict_insert_value (&dict, "shared", shared);
  if (options->setup != NULL)
    g_variant_dict_insert_value (&dict, "setup", options->setup);
  frame.value = g_variant_ref_sink (g_variant_dict_end (&dict));
  /* A channel that is closed is heard of. */
  if (cfut_channel_queue (self->calls, &frame, NULL, NULL))
    cfut_channel_flush (self->calls);
  g_variant_unref (frame.value);
}

/* Each holds the worker until it is closed. */
static gboolean
worker_start_channel (CfutCrewWorker *self,
                      CfutChannel    *channel)
{
  return cfut_channel_start (channel, &cfut_crew_worker_events, cfut_crew_worker_ref (self),
                             (GDestroyNotify) cfut_crew_worker_unref, NULL);
}

static gboolean
worker_spawn (CfutCrewWorker  *self,
              CfutCrewOptions *options,
              GError         **error)
{
  Sockets sockets;

  if (!open_sockets (&sockets, error))
    return FALSE;
  self->journal = cfut_journal_new (&sockets.journal);

  self->child = worker_spawn_child (self, options, &sockets, error);
  if (self->child == NULL)
    {
      close_sockets (&sockets);
      return FALSE;
    }

  self->calls = cfut_channel_new (sockets.calls[0], sockets.calls[0], CFUT_WIRE_APPLICATION,
                                  CFUT_CHANNEL_PASS_FDS);
  self->own_control = cfut_channel_new (sockets.control[0], sockets.control[0],
                                        CFUT_WIRE_APPLICATION, CFUT_CHANNEL_PASS_FDS);
  self->control = self->own_control;
  if (self->journal != NULL)
    cfut_channel_set_journal (self->calls, self->journal);
  /* The process was started on its thread, so it is there. */
  if (!worker_start_channel (self, self->calls) || !worker_start_channel (self, self->own_control))
    g_assert_not_reached ();
  worker_send_setup (self, options);

  return TRUE;
}

/* Whether another try would fail as well. */
static gboolean
is_for_good (const GError *error)
{
  return error->domain == G_SPAWN_ERROR && error->code != G_SPAWN_ERROR_FORK &&
         error->code != G_SPAWN_ERROR_FAILED && error->code != G_SPAWN_ERROR_NOMEM &&
         error->code != G_SPAWN_ERROR_MFILE;
}

/* On the I/O thread; takes over a reference. */
static void
spawn_on_io (gpointer data)
{
  CfutCrewWorker *self = data;
  CfutCrewOptions options = worker_dup_options (self);
  gboolean wanted;
  gboolean spawned;
  GError *error = NULL;

  cfut_crew_enter (self->crew);
  wanted = self->state == CFUT_CREW_WORKER_STARTING;
  self->stopped |= !wanted;
  cfut_unlock (&self->crew->lock, CFUT_LOCK_CREW);

  spawned = wanted && worker_spawn (self, &options, &error);
  g_strfreev (options.launch_prefix);
  g_clear_pointer (&options.setup, g_variant_unref);

  cfut_crew_enter (self->crew);
  if (spawned)
    {
      self->n_parts = 3;
      self->spawned = TRUE;
      if (options.start_timeout_usec >= 0)
        self->start_by_usec = g_get_monotonic_time () + options.start_timeout_usec;
      /* It may have been retired meanwhile. */
      if (self->state != CFUT_CREW_WORKER_STARTING)
        cfut_crew_worker_do_locked (self, CFUT_CREW_DO_STOP);
      cfut_crew_worker_watch_locked (self);
    }
  else if (error != NULL)
    {
      self->for_good = is_for_good (error);
      self->scarce = !self->for_good;
      self->why = error;
    }
  cfut_crew_leave (self->crew);

  if (!spawned)
    cfut_crew_worker_ended (self);
  cfut_crew_worker_unref (self);
}

static void
crew_start_one_locked (CfutCrew *self)
{
  CfutCrewWorker *worker = cfut_crew_worker_new (self);

  worker->next = self->workers;
  if (worker->next != NULL)
    worker->next->prev = worker;
  self->workers = worker;
  self->n_alive++;
  self->n_starting++;
  self->n_present++;
  cfut_io_invoke (spawn_on_io, cfut_crew_worker_ref (worker));
}

static void
on_start_time (CfutTimer *timer)
{
  CfutCrew *self = (CfutCrew *) ((char *) timer - G_STRUCT_OFFSET (CfutCrew, timer));

  cfut_crew_enter (self);
  self->timer_armed = FALSE;
  self->start_at_usec = 0;
  cfut_crew_dispatch_locked (self);
  cfut_crew_leave (self);
  cfut_crew_unref (self);
}

/* Without timers there is nobody to wait for. */
static gboolean
crew_wait_to_start_locked (CfutCrew *self)
{
  if (self->start_at_usec == 0)
    return FALSE;
  if (self->timer_armed)
    return TRUE;

  self->timer.fire = on_start_time;
  self->timer_armed = cfut_timer_arm (&self->timer, self->start_at_usec);
  if (self->timer_armed)
    cfut_crew_ref (self);
  else
    self->start_at_usec = 0;
  return self->timer_armed;
}

void
cfut_crew_grow_locked (CfutCrew *self,
                       guint64   n_wanted)
{
  guint n = MIN (n_wanted, self->max_workers);

  while (self->n_alive < n)
    {
      if (self->n_failed > 0 && (self->n_starting > 0 || crew_wait_to_start_locked (self)))
        return;
      crew_start_one_locked (self);
    }
}

void
cfut_crew_start_failed_locked (CfutCrew *self,
                               GError   *why,
                               gboolean  for_good,
                               gboolean  scarce)
{
  gint64 back_off_usec = BACK_OFF_USEC << MIN (self->n_failed, 10);

  self->n_failed++;
  self->n_mute += why != NULL && !scarce;
  if (!self->timer_armed)
    self->start_at_usec = g_get_monotonic_time () + MIN (back_off_usec, MAX_BACK_OFF_USEC);
  if (why != NULL && self->n_alive == self->n_starting && (for_good || self->n_mute >= MAX_MUTE))
    {
      cfut_crew_break_locked (self, why);
      return;
    }

  if (scarce && self->n_alive == self->n_starting && self->n_failed >= MAX_SCARCE)
    {
      self->n_failed = 0;
      cfut_crew_reject_locked (self, why);
    }
  g_clear_error (&why);
}

/* It is ready, unless it speaks of something else. */
void
cfut_crew_worker_hello (CfutCrewWorker      *self,
                        const CfutWireFrame *frame)
{
  CfutCrew *crew = self->crew;
  gboolean one_stream = !frame->has_control;
  GError *error = NULL;

  if (frame->version != CFUT_WIRE_VERSION)
    error = g_error_new (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                         _("It speaks version %u of the protocol, and version %u is needed"),
                         frame->version, CFUT_WIRE_VERSION);
  else if (self->pid != 0 || frame->pid == 0 || frame->pid > G_MAXINT ||
           g_strcmp0 (frame->name, self->cookie) != 0)
    error = g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                                 _("It is not the worker that was started"));

  cfut_crew_enter (crew);
  if (error == NULL && self->lost_control && !one_stream)
    error = g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                                 _("It closed its second socket"));
  if (error != NULL)
    {
      self->for_good = TRUE;
      cfut_crew_worker_fail_locked (self, error);
    }
  else
    {
      self->pid = frame->pid;
      if (one_stream)
        self->control = self->calls;
      if (self->state == CFUT_CREW_WORKER_STARTING)
        {
          self->state = CFUT_CREW_WORKER_READY;
          crew->n_starting--;
        }
      crew->n_mute = 0;
      self->start_by_usec = 0;
    }
  cfut_crew_leave (crew);

  if (one_stream && error == NULL)
    cfut_channel_close (self->own_control);
}

/* It exits by itself then. What others run they finish; their next call would meet the same. */
void
cfut_crew_worker_refused (CfutCrewWorker *self,
                          const char     *why)
{
  CfutCrew *crew = self->crew;

  cfut_crew_enter (crew);
  if (self->state == CFUT_CREW_WORKER_STARTING)
    {
      crew->n_starting--;
      crew->n_alive--;
      self->state = CFUT_CREW_WORKER_LEAVING;
      self->start_by_usec = 0;
      self->stop_at_usec = g_get_monotonic_time () + crew->options.stop_grace_usec;
      cfut_crew_worker_watch_locked (self);
    }
  self->refused = TRUE;
  cfut_crew_break_locked (crew, g_error_new (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                                             /* Translators: a sentence follows */
                                             _("No worker can be started. %s"), why));
  cfut_crew_leave (crew);
}
