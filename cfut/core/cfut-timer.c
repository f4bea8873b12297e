/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The process's timers: one wheel, and one thread that sleeps until its next slot in use.
 *
 * Threads: arm, disarm and clear on any, let_go in fire; fire on the thread named cfut-timer, which
 *   the first arm starts and which stays.
 * Locks: one for the wheel, which is held for tens of instructions and mostly by one thread, so it
 *   costs one atomic operation, and who finds it taken yields. What arms may hold a cell's lock or a
 *   pool's. sleep_lock is the thread's sleep. With neither, between two timers, it stands aside where
 *   the process forks.
 * Owns: nothing; an armed timer's embedder holds itself, or clears it before it goes.
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
 * 5. firing is what is out of the wheel and whose function may use the embedder without a
 *    reference. It is set with the wheel locked, so who clears a timer finds it there, or in the
 *    wheel, or is the only one to have it.
 * Not here: what a deadline does. In a child made by fork there is no thread, and no timer
 * fires. */

#include <stdatomic.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-thread-private.h"
#include "core/cfut-wheel-private.h"

#define LOOKS_BEFORE_YIELD 16

/* What a thread keeps: of as many futures as it is likely to have at once. */
#define MAX_SPARE 1024

static _Atomic gboolean wheel_locked;
/* Guarded by it */
static CfutWheel wheel;
static GThread *thread;
static gint64 wake_usec;

static _Atomic (CfutTimer *) firing;   /* (nullable): see invariant 5 */

static _Atomic gboolean aside = TRUE;  /* the thread sleeps, or is not there: see cfut-fork.c */

static GMutex sleep_lock;
static GCond sleep_cond;
static gboolean nudged;      /* guarded by sleep_lock: something comes before wake_usec */

static void
lock_wheel (void)
{
  guint looks = 0;

  cfut_lock_enter (CFUT_LOCK_TIMER);
  while (G_UNLIKELY (atomic_exchange_explicit (&wheel_locked, TRUE, memory_order_acquire)))
    while (atomic_load_explicit (&wheel_locked, memory_order_relaxed))
      if (++looks > LOOKS_BEFORE_YIELD)
        g_thread_yield ();
}

static void
unlock_wheel (void)
{
  atomic_store_explicit (&wheel_locked, FALSE, memory_order_release);
  cfut_lock_leave (CFUT_LOCK_TIMER);
}

static void
nudge (void)
{
  g_mutex_lock (&sleep_lock);
  nudged = TRUE;
  g_cond_signal (&sleep_cond);
  g_mutex_unlock (&sleep_lock);
}

static void
sleep_until (gint64 until_usec)
{
  g_mutex_lock (&sleep_lock);
  if (until_usec == G_MAXINT64)
    while (!nudged)
      g_cond_wait (&sleep_cond, &sleep_lock);
  else
    while (!nudged && g_cond_wait_until (&sleep_cond, &sleep_lock, until_usec))
      continue;
  nudged = FALSE;
  g_mutex_unlock (&sleep_lock);
}

/* Unlocks meanwhile. */
static void
sleep_locked (void)
{
  gint64 until_usec = cfut_wheel_next (&wheel);

  wake_usec = until_usec;
  unlock_wheel ();
  atomic_store_explicit (&aside, TRUE, memory_order_release);
  sleep_until (until_usec);
  atomic_store_explicit (&aside, FALSE, memory_order_seq_cst);
  cfut_fork_pass (&aside);
  lock_wheel ();
  wake_usec = G_MININT64;
}

/* The system lets a thread sleep for 50 us longer if it does not care, to wake several at once. */
static void
sleep_exactly (void)
{
#ifdef PR_SET_TIMERSLACK
  prctl (PR_SET_TIMERSLACK, 1, 0, 0, 0);
#endif
}

static gpointer
timers_main (gpointer data)
{
  gint64 now_usec = G_MININT64;

  sleep_exactly ();
  atomic_store_explicit (&aside, FALSE, memory_order_seq_cst);
  cfut_fork_pass (&aside);
  lock_wheel ();
  for (;;)
    {
      gboolean again;
      CfutTimer *timer = cfut_wheel_pop (&wheel, now_usec, &again);
      void (*fire) (CfutTimer *timer) = timer != NULL ? timer->fire : NULL;

      if (timer == NULL && !again)
        {
          sleep_locked ();
          now_usec = g_get_monotonic_time ();
          continue;
        }

      atomic_store_explicit (&firing, timer, memory_order_relaxed);
      unlock_wheel ();
      if (timer != NULL)
        {
          cfut_point (CFUT_POINT_TIMER_FIRES, timer);
          fire (timer);
          atomic_store_explicit (&firing, NULL, memory_order_release);
        }
      else
        {
          g_thread_yield ();
        }
      cfut_fork_pass (&aside);
      lock_wheel ();
    }

  return NULL;
}

gboolean
cfut_timer_is_aside (void)
{
  return atomic_load_explicit (&aside, memory_order_seq_cst);
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

  lock_wheel ();
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
  unlock_wheel ();

  if (G_UNLIKELY (wake))
    nudge ();
  return armed;
}

gboolean
cfut_timer_disarm (CfutTimer *self)
{
  gboolean was_armed;

  lock_wheel ();
  was_armed = self->link != NULL;
  if (was_armed)
    cfut_wheel_remove (&wheel, self);
  unlock_wheel ();

  return was_armed;
}

void
cfut_timer_clear (CfutTimer *self)
{
  if (G_LIKELY (cfut_timer_disarm (self)))
    return;

  while (G_UNLIKELY (atomic_load_explicit (&firing, memory_order_acquire) == self) &&
         !cfut_is_forked_child ())
    {
      cfut_point (CFUT_POINT_TIMER_WAITS, self);
      g_thread_yield ();
    }
}

void
cfut_timer_let_go (CfutTimer *self)
{
  atomic_store_explicit (&firing, NULL, memory_order_release);
}

CfutLooseTimer *
cfut_loose_timer_new (void)
{
  CfutThread *thread_here = cfut_thread_get ();
  CfutLooseTimer *self = thread_here->spare_timers;

  if (G_UNLIKELY (self == NULL))
    {
      self = g_slice_new (CfutLooseTimer);
      self->timer.link = NULL;
      return self;
    }

  thread_here->spare_timers = (CfutLooseTimer *) self->timer.next;
  thread_here->n_spare_timers--;
  return self;
}

/* On any thread: mostly the one that made it. */
void
cfut_loose_timer_free (CfutLooseTimer *self)
{
  CfutThread *thread_here = cfut_thread_get ();

  if (G_UNLIKELY (thread_here->n_spare_timers >= MAX_SPARE))
    {
      g_slice_free (CfutLooseTimer, self);
      return;
    }

  self->timer.next = (CfutTimer *) thread_here->spare_timers;
  thread_here->spare_timers = self;
  thread_here->n_spare_timers++;
}

void
cfut_loose_timers_leave (CfutLooseTimer *spare)
{
  while (spare != NULL)
    {
      CfutLooseTimer *next = (CfutLooseTimer *) spare->timer.next;

      g_slice_free (CfutLooseTimer, spare);
      spare = next;
    }
}

void
cfut_timer_hold_locks (gboolean hold)
{
  if (hold)
    lock_wheel ();
  else
    unlock_wheel ();
}
