/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the library keeps for each thread that calls it: the task that it runs, its owners, its
 * parker.
 *
 * Threads: each has its own, made on first use and released when the thread ends.
 * Locks: none.
 * Owns: the thread's owners (a reference each), its parker and its spare timers.
 * Invariants:
 * 1. cfut_thread_self is NULL before the first use and after the thread's end has begun; a use
 *    during the end, by another library's destructor, makes a new one, which is released in the
 *    next round of destructors.
 * Not here: what owners do when their thread is gone (cfut-delivery.c). */

#include <sys/syscall.h>
#include <unistd.h>

#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-thread-private.h"

__thread CfutThread *cfut_thread_self __attribute__ ((tls_model ("initial-exec")));

#ifdef CFUT_CHECK_LOCKS
__thread guint cfut_locks_held;
#endif

#ifdef CFUT_TEST_POINTS
_Atomic (CfutPointFunc) cfut_point_func;
#endif

static void
thread_free (gpointer data)
{
  CfutThread *self = data;

  cfut_thread_self = NULL;
  cfut_owners_leave (self->owners);
  g_clear_pointer (&self->parker, cfut_parker_give);
  cfut_loose_timers_leave (self->spare_timers);
  g_free (self);
}

static GPrivate thread_private = G_PRIVATE_INIT (thread_free);

CfutThread *
cfut_thread_make (void)
{
  CfutThread *self = g_new0 (CfutThread, 1);

  cfut_fork_watch ();
#ifdef SYS_gettid
  self->is_main = syscall (SYS_gettid) == getpid ();
#endif
  self->parker = cfut_parker_take ();
  self->spin_usec = CFUT_SPIN_USEC;

  cfut_thread_self = self;
  g_private_set (&thread_private, self);

  return self;
}
