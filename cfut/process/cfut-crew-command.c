/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Commands in a crew: they wait in its queue like calls, and take the place of a worker that is at
 * work while they run.
 *
 *   QUEUED --a place is free--> HANDED --on the I/O thread--> STARTED --ended--> DONE
 *
 * Threads: started and ended on the I/O thread; stopped on any, by way of it.
 * Locks: the crew's.
 * Owns: what is on its way to the I/O thread to be stopped holds the task.
 * Invariants:
 * 1. A command that is STARTED is flagged ENTERED, so its run lives until it has ended; only the I/O
 *    thread ends it.
 * Not here: processes, pipes, results (cfut-command-run.c). */

#include "process/cfut-command-run-private.h"
#include "process/cfut-crew-struct-private.h"
#include "process/cfut-io-private.h"

static void
command_done (CfutCrewCall *self,
              gboolean      success,
              GError       *error)
{
  CfutCrew *crew = self->crew;

  cfut_crew_enter (crew);
  cfut_crew_finish_locked (crew, self, success, error);
  cfut_crew_dispatch_locked (crew);
  cfut_crew_leave (crew);
}

static void
on_ended (gpointer  data,
          gboolean  success,
          GError   *error)
{
  command_done (data, success, error);
}

static void
start_on_io (gpointer data)
{
  CfutCrewCall *self = data;
  CfutCrew *crew = self->crew;
  CfutFuture *future = CFUT_FUTURE (self->task);
  gint64 grace_usec;
  gboolean begun;

  cfut_crew_enter (crew);
  begun = cfut_future_begin_run (future, 0);
  if (begun)
    cfut_crew_call_start_locked (self);
  grace_usec = crew->options.stop_grace_usec;
  cfut_crew_leave (crew);

  if (!begun)
    {
      command_done (self, FALSE, NULL);
      return;
    }

  cfut_future_started (future);
  cfut_command_run_start (cfut_command_run_from_task (self->task), self->task, grace_usec, on_ended,
                          self);
  cfut_crew_call_entered (self);
}

void
cfut_crew_command_hand_locked (CfutCrewCall *self)
{
  cfut_crew_call_hand_locked (self, NULL);
  cfut_io_invoke (start_on_io, self);
}

static void
stop_on_io (gpointer data)
{
  CfutCrewCall *self = data;
  CfutCrew *crew = self->crew;
  gboolean runs;

  cfut_crew_enter (crew);
  runs = self->state == CFUT_CREW_CALL_STARTED;
  cfut_unlock (&crew->lock, CFUT_LOCK_CREW);

  if (runs)
    cfut_command_run_stop (cfut_command_run_from_task (self->task));
  cfut_future_release (CFUT_FUTURE (self->task));
}

void
cfut_crew_command_stop_locked (CfutCrewCall *self)
{
  if (self->stopping)
    return;

  self->stopping = TRUE;
  g_object_ref (self->task);
  cfut_io_invoke (stop_on_io, self);
}
