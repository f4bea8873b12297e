/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

/* Places between two steps that others may come between. Tests stop a thread there and let another
 * pass it. Builds with sanitizers, and those that count lines, have them; in others they are
 * nothing. */
typedef enum {
  CFUT_POINT_CELL_WAITS,     /* a cell: its lock is taken by another */
  CFUT_POINT_SETTLES,        /* a future: pending, under its lock, and out of its queue's counts */
  CFUT_POINT_SERVES,         /* a future: settled, and nobody has been told */
  CFUT_POINT_WITHDRAWS,      /* a cell: a wait is over, and stands in the list */
  CFUT_POINT_WITHDRAWS_LATE, /* a cell: the list was closed before */
  CFUT_POINT_SUBMITS,        /* a task: in its group, and nowhere else */
  CFUT_POINT_FLAGS,          /* a task: accepted, and not flagged as queued */
  CFUT_POINT_ENQUEUES,       /* a task: flagged as queued, and not there, or nobody knows of it */
  CFUT_POINT_ARMS,           /* a task: queued, and its deadline is not armed */
  CFUT_POINT_TAKEN,          /* a task: in a worker's hands, and not started */
  CFUT_POINT_STARTED,        /* a task: flagged as running, and not seen by who looks for that */
  CFUT_POINT_PAUSES,         /* a future: about to sleep at a checkpoint */
  CFUT_POINT_TIMER_FIRES,    /* a timer: out of the wheel, and not fired */
  CFUT_POINT_TIMER_WAITS,    /* a timer: to be let go by its function, at the end of what it is in */
  CFUT_POINT_LOOKS_LATE,     /* a pool: a worker's deadlines were looked at, none is armed */
  CFUT_POINT_PARKS,          /* a pool: a worker has found nothing, and is awake */
  CFUT_POINT_STEALS,         /* a pool: a thief has a link in its hands */
  CFUT_POINT_DRAIN_WAITS,    /* a pool: for a thief */
  CFUT_POINT_DRAINS,         /* a pool: the thieves are kept off, and nothing has been taken */
  CFUT_POINT_CLAIMS,         /* a pool: what runs on a worker is claimed */
  CFUT_POINT_SLEEPS,         /* a waiter: with its mutex, and not asleep */
  CFUT_POINT_DELIVERED,      /* an owner: nothing is left, and it counts as scheduled */
  CFUT_POINT_CLAIM_WAITS,    /* a pool: a worker waits for its claim to be given back */
  CFUT_POINT_WAITS_OWN,      /* a pool: a worker is about to count itself as waiting for its own */
  CFUT_POINT_GROUP_SERVES,   /* a group's core: a request has been served, and not been told */
  CFUT_POINT_GROUP_WITHDRAWS, /* a group's core: a wait is over, and its request stands there */
  CFUT_POINT_GROUP_WITHDRAWS_LATE, /* a group's core: that was served before */
  CFUT_POINT_WRITES,         /* a channel: the writer has what it is to write, and has not */
  CFUT_POINT_WRITE_WAITS     /* a channel: for another thread, which writes */
} CfutPoint;

#ifdef CFUT_TEST_POINTS
typedef void (*CfutPointFunc) (CfutPoint  point,
                               gpointer   what);

extern _Atomic (CfutPointFunc) cfut_point_func;

static inline void
cfut_point (CfutPoint  point,
            gpointer   what)
{
  CfutPointFunc func = atomic_load_explicit (&cfut_point_func, memory_order_acquire);

  if (func != NULL)
    func (point, what);
}
#else
static inline void
cfut_point (CfutPoint  point,
            gpointer   what)
{
}
#endif

G_END_DECLS
