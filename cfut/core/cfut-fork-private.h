/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* Written once, in the child, when it has no other thread. */
extern gboolean cfut_forked_child;

/* The process is a copy made by fork () of one that used the library: of its threads only this one
 * lives. */
static inline gboolean
cfut_is_forked_child (void)
{
  return G_UNLIKELY (cfut_forked_child);
}

/* CFUT_FUTURE_ERROR_BROKEN, saying so. */
GError *cfut_fork_error         (void);

/* Before the first thread's record is made. */
void    cfut_fork_watch         (void);

/* In a forked child, when a function has come back that was running on this worker: it ends here. */
G_NORETURN
void    cfut_fork_leave         (gboolean success);

/* What in a forked child may be locked for ever is taken by force. */
void    cfut_fork_lock_in_child (GMutex *mutex);

/* Who forks is about to, and waits for the library's threads to stand aside: to hold none of GLib's
 * locks, which nobody could give back in the child. */
extern _Atomic gboolean cfut_forking;

/* Until the fork is over; @aside is TRUE meanwhile. */
void    cfut_fork_stand_aside   (_Atomic gboolean *aside);

/* On a thread of the library's, where it holds nothing. What told that it was aside until now was
 * written before, sequentially consistent. */
static inline void
cfut_fork_pass (_Atomic gboolean *aside)
{
  while (G_UNLIKELY (atomic_load_explicit (&cfut_forking, memory_order_seq_cst)))
    cfut_fork_stand_aside (aside);
}

/* Whether the threads of each are, but for the one that asks. */
gboolean cfut_pools_are_aside   (void);
gboolean cfut_timer_is_aside    (void);
gboolean cfut_io_is_aside       (void);

/* Around a fork (), each for the locks of its own file: taken before, given back after, in both
 * processes. */
void    cfut_delivery_hold_locks (gboolean hold);
void    cfut_owner_hold_locks    (gboolean hold);
void    cfut_report_hold_locks   (gboolean hold);
void    cfut_parker_hold_locks   (gboolean hold);
void    cfut_timer_hold_locks    (gboolean hold);
void    cfut_io_hold_locks       (gboolean hold);

G_END_DECLS
