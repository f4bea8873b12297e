/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The process's timers: one wheel, and one thread that sleeps until its next slot in use.
 *
 * Threads: arm and disarm on any; fire on the thread named cfut-timer, which the first arm starts
 *   and which stays.
 * Locks: one, for the wheel and the sleep. What arms may hold a cell's lock or a pool's.
 * Owns: nothing; an armed timer's embedder holds itself.
 * Invariants:
 * 1. While the thread sleeps, it will wake at wake_usec at the latest, and no timer comes before
 *    that; while it is awake, wake_usec is in the past. So arming wakes it only where the new timer
 *    comes before all that it sleeps for, and disarming never: it may find nothing to do once, and
 *    then sleeps for longer.
 * 2. With no timer armed the thread sleeps without a limit.
 * 3. A timer is out of the wheel before it fires, and is not touched after. What it fires is what
 *    it was armed for, though its embedder may arm it anew, with another function, before that is
 *    called.
 * 4. A timer is armed only when there is a thread. Where none could be made, the next arm tries
 *    again.
 * Not here: what a deadline does. In a child made by fork there is no thread, and no timer
 * fires. */

#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-wheel-private.h"

static GMutex timers_lock;
static GCond timers_cond;    /* for the thread: something comes before wake_usec */
static GThread *thread;      /* guarded by timers_lock, as all of these */
static gint64 wake_usec;
static CfutWheel wheel;

static void
sleep_locked (void)
{
  wake_usec = cfut_wheel_next (&wheel);
  if (wake_usec == G_MAXINT64)
    g_cond_wait (&timers_cond, &timers_lock);
  else
    g_cond_wait_until (&timers_cond, &timers_lock, wake_usec);
  wake_usec = G_MININT64;
}

static gpointer
timers_main (gpointer data)
{
  cfut_lock (&timers_lock, CFUT_LOCK_TIMER);
  for (;;)
    {
      gboolean again;
      CfutTimer *timer = cfut_wheel_pop (&wheel, g_get_monotonic_time (), &again);
      void (*fire) (CfutTimer *timer) = timer != NULL ? timer->fire : NULL;

      if (timer == NULL && !again)
        {
          sleep_locked ();
          continue;
        }

      cfut_unlock (&timers_lock, CFUT_LOCK_TIMER);
      if (timer != NULL)
        {
          cfut_point (CFUT_POINT_TIMER_FIRES, timer);
          fire (timer);
        }
      else
        {
          g_thread_yield ();
        }
      cfut_lock (&timers_lock, CFUT_LOCK_TIMER);
    }

  return NULL;
}

static gboolean
start_thread_locked (void)
{
  gboolean again;

  /* So that the first timers do not begin in the uppermost levels. */
  cfut_wheel_pop (&wheel, g_get_monotonic_time (), &again);
  wake_usec = G_MININT64;
  thread = g_thread_try_new ("cfut-timer", timers_main, NULL, NULL);

  return thread != NULL;
}

gboolean
cfut_timer_arm (CfutTimer *self,
                gint64     at_usec)
{
  gboolean wake = FALSE;
  gboolean armed;

  cfut_lock (&timers_lock, CFUT_LOCK_TIMER);
  g_assert (self->link == NULL);
  /* In a forked child the thread is gone, and no other may be made. */
  armed = !cfut_is_forked_child () && (G_LIKELY (thread != NULL) || start_thread_locked ());
  if (armed)
    {
      self->at_usec = at_usec;
      cfut_wheel_add (&wheel, self);
      wake = at_usec < wake_usec;
      if (wake)
        wake_usec = at_usec;
    }
  cfut_unlock (&timers_lock, CFUT_LOCK_TIMER);

  if (wake)
    g_cond_signal (&timers_cond);
  return armed;
}

gboolean
cfut_timer_disarm (CfutTimer *self)
{
  gboolean was_armed;

  cfut_lock (&timers_lock, CFUT_LOCK_TIMER);
  was_armed = self->link != NULL;
  if (was_armed)
    cfut_wheel_remove (&wheel, self);
  cfut_unlock (&timers_lock, CFUT_LOCK_TIMER);

  return was_armed;
}

void
cfut_timer_hold_locks (gboolean hold)
{
  (hold ? g_mutex_lock : g_mutex_unlock) (&timers_lock);
}
