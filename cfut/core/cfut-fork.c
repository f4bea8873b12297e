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
 * Threads: the handlers run on the thread that forks.
 * Locks: the library's global ones, and those of deliveries, are held over the fork, so that they
 *   and what they guard are whole in the child. Others may stand locked there by a thread that is
 *   gone; nobody will give them back, so they are taken by force after a while.
 * Owns: nothing.
 * Invariants:
 * 1. cfut_forked_child is TRUE before anything else of the library runs in the child.
 * 2. In the child no thread sleeps for anything, and nothing of the parent's is reaped.
 * 3. A worker that is the child's only thread goes no further than the function that has forked: what
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

gboolean cfut_forked_child;

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
  hold_locks (TRUE);
}

static void
after_fork_in_parent (void)
{
  hold_locks (FALSE);
}

static void
after_fork_in_child (void)
{
  cfut_forked_child = TRUE;
  hold_locks (FALSE);
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
