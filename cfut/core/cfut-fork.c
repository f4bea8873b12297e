/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What becomes of the library in a child of fork () that does not exec.
 *
 * Threads do not survive a fork. A process that had used the library before it forked gets clear
 * errors in the child: what would need another thread fails with CFUT_FUTURE_ERROR_BROKEN, and
 * nothing hangs. What needs none goes on: promises, getters, callbacks, cancelling, dropping. A
 * process that uses the library only after it forked is not a child in this sense.
 *
 * GLib's own locks, as that of all signals, and in GLib before 2.76 that of its slices, are in no
 * library's hands. So before a fork the threads of this one stand aside: a worker between two tasks,
 * the timers' thread between two timers, that of I/O where it polls. What a program's own functions
 * and threads hold at that time is its own affair.
 *
 * Threads: the handlers run on the thread that forks.
 * Locks: fork_lock, for what stands aside, before all others. The library's global ones, and those of
 *   deliveries, are held over the fork, so that they and what they guard are whole in the child.
 *   Others may stand locked there by a thread that is gone; nobody will give them back, so they are
 *   taken by force after a while.
 * Owns: nothing.
 * Invariants:
 * 1. cfut_forked_child is TRUE before anything else of the library runs in the child.
 * 2. In the child no thread sleeps for anything, and nothing of the parent's is reaped.
 * 3. A thread says that it is not aside any more, then looks whether somebody forks; who forks says
 *    so, then looks who is aside: one of them sees the other.
 * 4. A worker that is the child's only thread goes no further than the function that has forked: what
 *    it came from is the parent's, and what is queued there would be run twice.
 * Not here: which calls fail (cfut-executor.c, cfut-executor-limits.c, cfut-wait.c, cfut-waiter.c,
 *   cfut-group-wait.c). */

#include <glib/gi18n-lib.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/cfut-fork-private.h"
#include "cfut-error.h"

/* Some tens of milliseconds. Who lives holds such a lock for microseconds. */
#define LOOKS_IN_CHILD 100000

/* A thread that is not aside by then runs what a user has it destroy, and may wait for who forks. */
#define ASIDE_USEC G_USEC_PER_SEC
#define LOOKS_BEFORE_SLEEP 100
#define SLEEP_USEC 50

gboolean cfut_forked_child;
_Atomic gboolean cfut_forking;

static GMutex fork_lock;

void
cfut_fork_stand_aside (_Atomic gboolean *aside)
{
  atomic_store_explicit (aside, TRUE, memory_order_seq_cst);
  g_mutex_lock (&fork_lock);
  g_mutex_unlock (&fork_lock);
  atomic_store_explicit (aside, FALSE, memory_order_seq_cst);
}

static gboolean
all_are_aside (void)
{
  return cfut_pools_are_aside () && cfut_timer_is_aside () && cfut_io_is_aside ();
}

static void
ask_all_aside (void)
{
  gint64 until_usec = g_get_monotonic_time () + ASIDE_USEC;

  g_mutex_lock (&fork_lock);
  atomic_store_explicit (&cfut_forking, TRUE, memory_order_seq_cst);
  /* In a child of a child there is nobody. */
  if (cfut_is_forked_child ())
    return;

  for (guint i = 0; !all_are_aside () && g_get_monotonic_time () < until_usec; i++)
    {
      if (i < LOOKS_BEFORE_SLEEP)
        g_thread_yield ();
      else
        g_usleep (SLEEP_USEC);
    }
}

static void
let_all_go_on (void)
{
  atomic_store_explicit (&cfut_forking, FALSE, memory_order_seq_cst);
  g_mutex_unlock (&fork_lock);
}

static void
hold_locks (gboolean hold)
{
  if (hold)
    {
      cfut_delivery_hold_locks (TRUE);
      cfut_owner_hold_locks (TRUE);
      cfut_report_hold_locks (TRUE);
      cfut_io_hold_locks (TRUE);
      cfut_timer_hold_locks (TRUE);
      cfut_parker_hold_locks (TRUE);
    }
  else
    {
      cfut_parker_hold_locks (FALSE);
      cfut_timer_hold_locks (FALSE);
      cfut_io_hold_locks (FALSE);
      cfut_report_hold_locks (FALSE);
      cfut_owner_hold_locks (FALSE);
      cfut_delivery_hold_locks (FALSE);
    }
}

static void
before_fork (void)
{
  ask_all_aside ();
  hold_locks (TRUE);
}

static void
after_fork_in_parent (void)
{
  hold_locks (FALSE);
  let_all_go_on ();
}

static void
after_fork_in_child (void)
{
  cfut_forked_child = TRUE;
  hold_locks (FALSE);
  let_all_go_on ();
}

void
cfut_fork_watch (void)
{
  static gsize watched = 0;

  if (g_once_init_enter (&watched))
    {
      pthread_atfork (before_fork, after_fork_in_parent, after_fork_in_child);
      g_once_init_leave (&watched, 1);
    }
}

void
cfut_fork_lock_in_child (GMutex *mutex)
{
  for (guint i = 0; i < LOOKS_IN_CHILD; i++)
    {
      if (g_mutex_trylock (mutex))
        return;
      g_thread_yield ();
    }
}

void
cfut_fork_leave (gboolean success)
{
  _exit (success ? EXIT_SUCCESS : EXIT_FAILURE);
}

GError *
cfut_fork_error (void)
{
  return g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                              _("The process was forked, and threads do not survive a fork"));
}
