/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What time does to workers: one timer for each, armed for the next of these.
 *
 *   no hello in time                        -> ended
 *   asked to stop a call, or to exit        -> after the grace SIGTERM, after another SIGKILL
 *   silent for a heartbeat while it works   -> asked for an answer; silent for another: killed
 *   silent for a moment with others behind  -> asked to send what waits, and what it has started
 *   a call lasts with others behind it      -> these are taken back
 *   nothing to do for the idle timeout      -> told to exit
 *
 * Threads: the timers' thread fires; what it decides is done there too.
 * Locks: the crew's.
 * Owns: an armed timer owns a reference on its worker.
 * Invariants:
 * 1. The timer fires at the latest when the next of these is due. It may fire before, find nothing,
 *    and is armed again: so a call costs no arming. An idle worker causes no wake-ups but the one of
 *    its retirement, and one of a heartbeat that was armed while it worked.
 * 2. Anything that comes from a worker counts as an answer.
 * Not here: signals and reaping (cfut-child.c). */

#include <glib/gi18n-lib.h>

#include "cfut-error.h"
#include "process/cfut-crew-struct-private.h"

/* So long may a call last before what was handed over behind it is taken back. */
#define LASTS_USEC (3 * 1000)

/* So long may a worker be silent before it is asked whether what it has done waits behind what it does:
 * RUNNING is shown at most so much late, and asked for it is exact. */
#define WAITS_USEC 1000

static inline gint64
sooner (gint64 a_usec,
        gint64 b_usec)
{
  return b_usec != 0 && b_usec < a_usec ? b_usec : a_usec;
}

/* 0: a worker that works need not be heard of. */
static gint64
worker_beat_at_locked (CfutCrewWorker *self)
{
  gint64 heartbeat_usec = self->crew->options.heartbeat_usec;

  if (heartbeat_usec <= 0 || self->list.n == 0)
    return 0;

  return MAX (self->heard_usec, self->pinged_usec) + heartbeat_usec;
}

/* Whether it has started something, by its journal, and not said so. */
static gboolean
worker_is_ahead_locked (CfutCrewWorker *self)
{
  CfutCrewCall *call = self->list.first;

  return call != NULL &&
         cfut_crew_worker_has_entered (self, call->id + (call->state == CFUT_CREW_CALL_STARTED));
}

static gint64
worker_next_locked (CfutCrewWorker *self,
                    gint64          now_usec)
{
  gint64 next_usec = sooner (G_MAXINT64, self->stop_at_usec);

  if (self->state == CFUT_CREW_WORKER_STARTING)
    return sooner (next_usec, self->start_by_usec);
  if (self->state != CFUT_CREW_WORKER_READY)
    return next_usec;

  if (self->list.n > 0)
    self->idle_at_usec = 0;
  else if (self->idle_at_usec == 0 && self->crew->options.idle_timeout_usec >= 0)
    self->idle_at_usec = now_usec + self->crew->options.idle_timeout_usec;
  next_usec = sooner (next_usec, self->idle_at_usec);
  next_usec = sooner (next_usec, worker_beat_at_locked (self));
  if (self->journal != NULL && !self->asked &&
      (worker_is_ahead_locked (self) || (self->list.n > 1 && self->taking_back == 0)))
    next_usec = sooner (next_usec, now_usec + WAITS_USEC);
  else if (self->list.n > 1 && self->taking_back == 0)
    next_usec = sooner (next_usec, now_usec + LASTS_USEC);

  return next_usec;
}

static void worker_fire (CfutTimer *timer);

void
cfut_crew_worker_watch_locked (CfutCrewWorker *self)
{
  gint64 next_usec;

  if (self->state == CFUT_CREW_WORKER_GONE)
    return;

  next_usec = worker_next_locked (self, g_get_monotonic_time ());
  if (next_usec == G_MAXINT64 || (self->armed_usec != 0 && self->armed_usec <= next_usec))
    return;

  /* Where that fails it is about to fire, and arms it then. */
  if (self->armed_usec == 0)
    cfut_crew_worker_ref (self);
  else if (!cfut_timer_disarm (&self->timer))
    return;

  self->timer.fire = worker_fire;
  self->armed_usec = next_usec;
  if (!cfut_timer_arm (&self->timer, next_usec))
    {
      self->armed_usec = 0;
      g_atomic_ref_count_dec (&self->ref_count);
    }
}

static void
worker_end_locked (CfutCrewWorker *self)
{
  self->stopped = TRUE;
  cfut_crew_worker_retire_locked (self);
  self->stop_at_usec = 0;
  cfut_crew_worker_do_locked (self, CFUT_CREW_DO_STOP);
}

static void
worker_beat_locked (CfutCrewWorker *self,
                    gint64          now_usec)
{
  if (self->pinged_usec == 0)
    {
      self->pinged_usec = now_usec;
      cfut_crew_worker_send_locked (self, CFUT_WIRE_PING, 0, NULL);
      return;
    }

  cfut_crew_worker_fail_locked (self,
    g_error_new (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED,
                 _("It did not answer for %.1f seconds"),
                 (double) (now_usec - self->heard_usec) / G_USEC_PER_SEC));
}

static void
worker_look_locked (CfutCrewWorker *self,
                    gint64          now_usec)
{
  CfutCrewCall *call = self->list.first;
  gint64 beat_usec = worker_beat_at_locked (self);

  if (beat_usec != 0 && beat_usec <= now_usec)
    worker_beat_locked (self, now_usec);
  else if (!self->asked && worker_is_ahead_locked (self) &&
           now_usec - self->heard_usec >= WAITS_USEC)
    {
      self->asked = TRUE;
      cfut_crew_worker_send_locked (self, CFUT_WIRE_PING, 0, NULL);
    }
  if (self->list.n > 1 && call->state == CFUT_CREW_CALL_STARTED &&
      now_usec - call->started_usec >= LASTS_USEC)
    {
      cfut_crew_pace_lasts (&self->crew->pace, now_usec - call->started_usec);
      cfut_crew_worker_take_back_locked (self);
    }
  if (self->list.n == 0 && self->idle_at_usec != 0 && self->idle_at_usec <= now_usec)
    cfut_crew_worker_retire_locked (self);
}

static void
worker_fire (CfutTimer *timer)
{
  CfutCrewWorker *self = (CfutCrewWorker *) ((char *) timer -
                                             G_STRUCT_OFFSET (CfutCrewWorker, timer));
  CfutCrew *crew = self->crew;
  gint64 now_usec = g_get_monotonic_time ();

  cfut_crew_enter (crew);
  self->armed_usec = 0;
  if (self->stop_at_usec != 0 && self->stop_at_usec <= now_usec)
    worker_end_locked (self);
  if (self->state == CFUT_CREW_WORKER_STARTING && self->start_by_usec != 0 &&
      self->start_by_usec <= now_usec)
    {
      self->for_good = TRUE;
      cfut_crew_worker_fail_locked (self,
        g_error_new (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                     _("It was not ready after %.1f seconds"),
                     (double) crew->options.start_timeout_usec / G_USEC_PER_SEC));
    }
  if (self->state == CFUT_CREW_WORKER_READY)
    worker_look_locked (self, now_usec);
  cfut_crew_worker_watch_locked (self);
  cfut_crew_leave (crew);
  cfut_crew_worker_unref (self);
}

/* It is running, and is to stop. */
void
cfut_crew_call_stop_locked (CfutCrewCall *self)
{
  CfutCrewWorker *worker = self->worker;

  if (self->stopping)
    return;

  self->stopping = TRUE;
  worker->stopping = TRUE;
  cfut_crew_worker_send_locked (worker, CFUT_WIRE_CANCEL, self->id, NULL);
  if (worker->state != CFUT_CREW_WORKER_READY)
    return;

  cfut_crew_worker_take_back_locked (worker);
  worker->stop_at_usec = g_get_monotonic_time () + worker->crew->options.stop_grace_usec;
  cfut_crew_worker_watch_locked (worker);
}

void
cfut_crew_watch_anew_locked (CfutCrew *self,
                             gboolean  idle)
{
  for (CfutCrewWorker *worker = self->workers; worker != NULL; worker = worker->next)
    {
      if (idle)
        worker->idle_at_usec = 0;
      cfut_crew_worker_watch_locked (worker);
    }
}

void
cfut_crew_end_workers (CfutCrew *self,
                       gboolean  kill)
{
  cfut_crew_enter (self);
  for (CfutCrewWorker *worker = self->workers; worker != NULL; worker = worker->next)
    {
      worker_end_locked (worker);
      if (kill)
        cfut_crew_worker_do_locked (worker, CFUT_CREW_DO_KILL);
    }
  cfut_crew_leave (self);
}
