/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The process's I/O thread: one main loop for all pipes and sockets of workers and commands, so
 * that a busy or missing main loop of the program's delays none of them.
 *
 * Threads: any.
 * Locks: io_lock, for the start; held over a fork.
 * Owns: the context and its thread, for as long as the process lives.
 * Invariants:
 * 1. io_context is set once, when its thread exists; then it never changes.
 * 2. With nothing to do the thread sleeps without a limit.
 * 3. SIGPIPE is blocked on it, so that a pipe that nobody reads is EPIPE there.
 * 4. Where the process forks it is in its poll, which holds no lock.
 * Not here: what is read and written. In a child made by fork there is no thread, and none can be
 *   made. */

#include "process/cfut-io-private.h"

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <signal.h>
#include <stdatomic.h>

#include "core/cfut-lock-private.h"
#include "cfut-error.h"

static GMutex io_lock;
static _Atomic (GMainContext *) io_context;   /* written with io_lock, release; read with acquire */
static _Atomic (GThread *) io_thread;         /* the same */

static _Atomic gboolean aside = TRUE;         /* the thread polls, or is not there: see cfut-fork.c */

typedef struct {
  void (*func) (gpointer data);
  gpointer data;
} Invocation;

static gint
io_poll (GPollFD *fds,
         guint    n_fds,
         gint     timeout_msec)
{
  gint n;
  int error;

  atomic_store_explicit (&aside, TRUE, memory_order_release);
  n = g_poll (fds, n_fds, timeout_msec);
  error = errno;
  atomic_store_explicit (&aside, FALSE, memory_order_seq_cst);
  cfut_fork_pass (&aside);
  errno = error;

  return n;
}

static gpointer
io_main (gpointer data)
{
  g_autoptr (GMainContext) context = data;
  sigset_t pipe_signal;

  sigemptyset (&pipe_signal);
  sigaddset (&pipe_signal, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &pipe_signal, NULL);

  g_main_context_push_thread_default (context);
  for (;;)
    g_main_context_iteration (context, TRUE);

  return NULL;
}

static GMainContext *
start_locked (GError **error)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GError) cause = NULL;
  GThread *thread;

  cfut_fork_watch ();
  g_main_context_set_poll_func (context, io_poll);
  thread = g_thread_try_new ("cfut-io", io_main, g_main_context_ref (context), &cause);
  if (thread == NULL)
    {
      g_main_context_unref (context);
      g_set_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                   _("The thread that talks to other processes could not be started: %s"),
                   cause->message);
      return NULL;
    }

  atomic_store_explicit (&io_thread, thread, memory_order_release);
  atomic_store_explicit (&io_context, context, memory_order_release);

  return g_steal_pointer (&context);
}

GMainContext *
cfut_io_get_context (GError **error)
{
  GMainContext *context = atomic_load_explicit (&io_context, memory_order_acquire);

  if (cfut_is_forked_child ())
    {
      g_propagate_error (error, cfut_fork_error ());
      return NULL;
    }
  if (G_LIKELY (context != NULL))
    return context;

  cfut_lock (&io_lock, CFUT_LOCK_IO);
  context = atomic_load_explicit (&io_context, memory_order_relaxed);
  if (context == NULL)
    context = start_locked (error);
  cfut_unlock (&io_lock, CFUT_LOCK_IO);

  return context;
}

gboolean
cfut_io_is_aside (void)
{
  return atomic_load_explicit (&aside, memory_order_seq_cst) || cfut_io_is_current ();
}

gboolean
cfut_io_is_current (void)
{
  return g_thread_self () == atomic_load_explicit (&io_thread, memory_order_acquire);
}

static gboolean
invocation_run (gpointer data)
{
  Invocation *self = data;

  self->func (self->data);
  return G_SOURCE_REMOVE;
}

void
cfut_io_invoke (void    (*func) (gpointer data),
                gpointer  data)
{
  Invocation *invocation = g_new (Invocation, 1);
  g_autoptr (GSource) source = g_idle_source_new ();

  *invocation = (Invocation) { func, data };
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "cfut-io-invoke");
  g_source_set_callback (source, invocation_run, invocation, g_free);
  g_source_attach (source, atomic_load_explicit (&io_context, memory_order_acquire));
}

void
cfut_io_hold_locks (gboolean hold)
{
  (hold ? g_mutex_lock : g_mutex_unlock) (&io_lock);
}
