/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How far ahead of their turn calls are handed to a worker: as many as it is likely to do within a
 * millisecond, so that it need not wait for the next, and none has to wait long for another.
 *
 * A call that lasts longer than was thought closes the window at once; many short ones open it
 * again: 40 of a microsecond after one of a second.
 *
 * Threads: any, under the lock of whose it is.
 * Locks: none.
 * Owns: nothing.
 * Invariants:
 * 1. Where nothing is known the window is 1: only what a worker can start is handed to it.
 * Not here: handing (cfut-crew.c), taking back what a call was handed behind that lasts
 * (cfut-crew-watch.c). */

#include "process/cfut-crew-pace-private.h"

/* As much work may wait in a worker. */
#define AHEAD_NSEC (1000 * 1000)

#define MAX_WEIGHT 32

void
cfut_crew_pace_note (CfutCrewPace *self,
                     gint64        usec,
                     guint         n)
{
  gint64 run_nsec = n > 0 ? MAX (usec, 0) * 1000 / n : 0;

  /* After so many it is what they took. */
  for (guint i = 0; i < MIN (n, MAX_WEIGHT); i++)
    {
      if (self->run_nsec == 0)
        self->run_nsec = MAX (run_nsec, AHEAD_NSEC);
      else
        self->run_nsec += (run_nsec - self->run_nsec) / 4;
      self->run_nsec = CLAMP (self->run_nsec, 1, G_USEC_PER_SEC * 1000);
    }
}

void
cfut_crew_pace_lasts (CfutCrewPace *self,
                      gint64        run_usec)
{
  self->run_nsec = CLAMP (MAX (run_usec, 0) * 1000, MAX (self->run_nsec, 1), G_USEC_PER_SEC * 1000);
}

guint
cfut_crew_pace_window (const CfutCrewPace *self)
{
  if (self->run_nsec == 0)
    return 1;

  return (guint) CLAMP (AHEAD_NSEC / self->run_nsec, 1, CFUT_CREW_PACE_MAX);
}
