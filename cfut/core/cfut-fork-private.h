/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

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

/* Around a fork (), each for the locks of its own file: taken before, given back after, in both
 * processes. */
void    cfut_delivery_hold_locks (gboolean hold);
void    cfut_owner_hold_locks    (gboolean hold);
void    cfut_report_hold_locks   (gboolean hold);
void    cfut_parker_hold_locks   (gboolean hold);
void    cfut_timer_hold_locks    (gboolean hold);
void    cfut_io_hold_locks       (gboolean hold);

G_END_DECLS
