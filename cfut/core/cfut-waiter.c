/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A blocking wait of one thread: fired once by another thread, or ended by a deadline or a
 * GCancellable.
 *
 * Threads: init and wait on the thread that waits; fire on any, once.
 * Locks: a parker's mutex, which guards nothing but the sleep. It is a leaf.
 * Owns: parkers, one for each thread, given back at its end and used again; never freed, so that
 *   a thread that fires may still be inside the mutex of one whose thread has just ended.
 * Invariants:
 * 1. After the exchange to FIRED the firing thread does not touch the waiter, which is on the stack
 *    of a thread that may be gone by then; it read the parker before.
 * 2. A wake-up of the condition proves nothing: the sleeper always looks at its own state.
 * Not here: who fires, and where the waiter is registered.
 *
 * The sleeper looks for 5 us before it sleeps, and yields between looks: a task's round trip takes
 * 8 us so and 50 us otherwise, and without the yield the thread that is to fire may land on our
 * processor and wait for us. */

#include <glib/gi18n-lib.h>

#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-thread-private.h"
#include "core/cfut-waiter-private.h"
#include "cfut-error.h"

/* As long as a thread that was not lucky lately looks, and at most one that was. */
#define SPIN_USEC CFUT_SPIN_USEC
#define MAX_SPIN_USEC 80
#define SOON_USEC 200

enum {
  WAITER_AWAKE,
  WAITER_ASLEEP,
  WAITER_FIRED
};

struct _CfutParker {
  GMutex mutex;
  GCond cond;
  CfutParker *next;
};

static GMutex parkers_lock;
static CfutParker *parkers;

CfutParker *
cfut_parker_take (void)
{
  CfutParker *parker;

  cfut_lock (&parkers_lock, CFUT_LOCK_PARKER);
  parker = parkers;
  if (parker != NULL)
    parkers = parker->next;
  cfut_unlock (&parkers_lock, CFUT_LOCK_PARKER);

  if (parker == NULL)
    {
      parker = g_new0 (CfutParker, 1);
      g_mutex_init (&parker->mutex);
      g_cond_init (&parker->cond);
    }

  return parker;
}

void
cfut_parker_give (CfutParker *parker)
{
  cfut_lock (&parkers_lock, CFUT_LOCK_PARKER);
  parker->next = parkers;
  parkers = parker;
  cfut_unlock (&parkers_lock, CFUT_LOCK_PARKER);
}

void
cfut_parker_hold_locks (gboolean hold)
{
  (hold ? g_mutex_lock : g_mutex_unlock) (&parkers_lock);
}

gint64
cfut_deadline_from_timeout (gint64 timeout_usec)
{
  gint64 now;

  if (timeout_usec < 0)
    return CFUT_NO_DEADLINE;

  now = g_get_monotonic_time ();
  return timeout_usec < CFUT_NO_DEADLINE - now ? now + timeout_usec : CFUT_NO_DEADLINE;
}

void
cfut_waiter_init (CfutWaiter *self)
{
  atomic_init (&self->state, WAITER_AWAKE);
  self->parker = cfut_thread_get ()->parker;
  self->nudge = NULL;
  self->owner_nudge = NULL;
}

/* Through the mutex, as the sleeper may be between its look and its sleep. */
void
cfut_parker_signal (CfutParker *parker)
{
  cfut_lock (&parker->mutex, CFUT_LOCK_PARKER);
  cfut_unlock (&parker->mutex, CFUT_LOCK_PARKER);
  g_cond_signal (&parker->cond);
}

void
cfut_waiter_fire (CfutWaiter *self)
{
  CfutParker *parker = self->parker;

  if (atomic_exchange_explicit (&self->state, WAITER_FIRED, memory_order_acq_rel) == WAITER_ASLEEP)
    cfut_parker_signal (parker);
}

gboolean
cfut_waiter_fired (CfutWaiter *self)
{
  return atomic_load_explicit (&self->state, memory_order_acquire) == WAITER_FIRED;
}

/* By who had the wait nudged, not by the owner. */
gboolean
cfut_waiter_is_nudged (CfutWaiter *self)
{
  return self->nudge != NULL && atomic_load_explicit (self->nudge, memory_order_acquire);
}

/* TRUE: fired. */
gboolean
cfut_waiter_spin (CfutWaiter *self)
{
  gint64 until = 0;

  for (guint look = 0;; look++)
    {
      if (cfut_waiter_fired (self))
        return TRUE;
      if (look == 0)
        until = g_get_monotonic_time () + cfut_thread_get ()->spin_usec;
      else if (g_get_monotonic_time () >= until)
        return FALSE;
      if (look >= 1)
        g_thread_yield ();
    }
}

/* Where the wake-up came soon after the spin was given up, to look for longer would have spared two
 * switches of threads: the next spin is longer. Where it came late, looking was in vain. */
static void
thread_learn_spin (gint64 slept_usec)
{
  CfutThread *thread = cfut_thread_get ();

  if (slept_usec < SOON_USEC)
    thread->spin_usec = MIN (2 * thread->spin_usec, MAX_SPIN_USEC);
  else
    thread->spin_usec = MAX (thread->spin_usec / 2, SPIN_USEC);
}

static void
on_cancelled (GCancellable *cancellable,
              gpointer      data)
{
  cfut_parker_signal (data);
}

static CfutWake
waiter_sleep (CfutWaiter   *self,
              gint64        deadline_usec,
              GCancellable *cancellable)
{
  CfutParker *parker = self->parker;
  CfutWake wake = CFUT_WAKE_FIRED;
  int awake = WAITER_AWAKE;

  cfut_lock (&parker->mutex, CFUT_LOCK_PARKER);
  if (atomic_compare_exchange_strong (&self->state, &awake, WAITER_ASLEEP))
    {
      while (!cfut_waiter_fired (self))
        {
          if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
            {
              wake = CFUT_WAKE_CANCELLED;
              break;
            }
          if (cfut_waiter_is_nudged (self) ||
              (self->owner_nudge != NULL &&
                atomic_load_explicit (self->owner_nudge, memory_order_acquire)))
            {
              wake = CFUT_WAKE_NUDGED;
              break;
            }
          cfut_point (CFUT_POINT_SLEEPS, self);
          if (deadline_usec == CFUT_NO_DEADLINE)
            {
              g_cond_wait (&parker->cond, &parker->mutex);
            }
          else if (!g_cond_wait_until (&parker->cond, &parker->mutex, deadline_usec))
            {
              if (!cfut_waiter_fired (self))
                wake = CFUT_WAKE_TIMED_OUT;
              break;
            }
        }

      /* Awake again, unless fired meanwhile: then it is as well fired. */
      if (wake != CFUT_WAKE_FIRED)
        {
          int asleep = WAITER_ASLEEP;

          if (!atomic_compare_exchange_strong (&self->state, &asleep, WAITER_AWAKE))
            wake = CFUT_WAKE_FIRED;
        }
    }
  cfut_unlock (&parker->mutex, CFUT_LOCK_PARKER);

  return wake;
}

/* Sleeps at once. */
CfutWake
cfut_waiter_park (CfutWaiter *self,
                  gint64      deadline_usec)
{
  return waiter_sleep (self, deadline_usec, NULL);
}

CfutWake
cfut_waiter_wait_asleep (CfutWaiter   *self,
                         gint64        deadline_usec,
                         GCancellable *cancellable)
{
  CfutWake wake;
  gint64 slept_usec;
  gulong handler = 0;

  if (cfut_waiter_fired (self))
    return CFUT_WAKE_FIRED;
  if (cfut_is_forked_child ())
    return CFUT_WAKE_FORKED;
  if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
    return CFUT_WAKE_CANCELLED;

  if (cancellable != NULL)
    handler = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), self->parker, NULL);
  slept_usec = -g_get_monotonic_time ();
  wake = waiter_sleep (self, deadline_usec, cancellable);
  slept_usec += g_get_monotonic_time ();
  if (wake == CFUT_WAKE_FIRED)
    thread_learn_spin (slept_usec);
  if (handler != 0)
    g_cancellable_disconnect (cancellable, handler);

  return wake;
}

CfutWake
cfut_waiter_wait (CfutWaiter   *self,
                  gint64        deadline_usec,
                  GCancellable *cancellable)
{
  if (cfut_waiter_fired (self))
    return CFUT_WAKE_FIRED;
  if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
    return CFUT_WAKE_CANCELLED;
  if (deadline_usec != CFUT_NO_DEADLINE && g_get_monotonic_time () >= deadline_usec)
    return CFUT_WAKE_TIMED_OUT;
  if (cfut_waiter_spin (self))
    return CFUT_WAKE_FIRED;

  return cfut_waiter_wait_asleep (self, deadline_usec, cancellable);
}

void
cfut_set_wake_error (GError   **error,
                     CfutWake   wake)
{
  if (wake == CFUT_WAKE_TIMED_OUT)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _("The wait timed out"));
  else if (wake == CFUT_WAKE_CANCELLED)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The wait was cancelled"));
  else if (wake == CFUT_WAKE_FORKED)
    g_propagate_error (error, cfut_fork_error ());
  else if (wake == CFUT_WAKE_OWN)
    g_set_error_literal (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK,
                         _("A task cannot wait for itself"));
  else if (wake == CFUT_WAKE_NO_THREAD)
    g_set_error_literal (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK,
                         _("No thread of the executor would be left to run what is waited for"));
}
