/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How a UI learns that functions run. To ask GObject whether anybody listens takes a lock of the
 * process's, which is too much for each of a million short tasks, and for those of less than a
 * frame there is nothing to see. So a thread that begins only sees to it that the timers' thread
 * will look, a frame later, at what runs by then.
 *
 *   begins --> sweep armed --(a sixtieth of a second)--> runs still, and watched --> scheduled
 *
 * Threads: started on the one that runs; the sweep on the timers'; loop_seen on the loop's.
 * Locks: GObject's own, for handlers, is taken under a claim of what runs.
 * Owns: nothing.
 * Invariants:
 * 1. What begins has been entered into its worker's runs before it looks at sweep_armed, and the
 *    sweep clears that before it looks at the runs; both sequentially consistent, so one of the two
 *    sees the other.
 * 2. Where no loop has run yet nobody can be told: the first iteration of a loop looks at all that
 *    runs.
 * 3. What was told once, TOLD, is left alone: what runs for long costs no later sweep anything.
 * Not here: the notification (cfut-future-announce.c). */

#include "core/cfut-pool-private.h"
#include "core/cfut-timer-private.h"
#include "cfut-future-private.h"

#define FRAME_USEC (G_USEC_PER_SEC / 60)

static void on_sweep (CfutTimer *timer);

static _Atomic gboolean sweep_armed;
static CfutTimer sweep = { .fire = on_sweep };

static gboolean
is_to_be_told (GObject *object)
{
  CfutFuture *self = (CfutFuture *) object;

  return !(cfut_cell_load (&self->cell) & CFUT_CELL_TOLD) &&
         cfut_owner_has_seen_loop (self->owner) && cfut_future_has_watchers (self);
}

static void
tell_running (void)
{
  GPtrArray *running = cfut_pool_dup_running_if (is_to_be_told);

  for (guint i = 0; i < running->len; i++)
    {
      CfutFuture *future = running->pdata[i];

      cfut_cell_set_flags (&future->cell, CFUT_CELL_TOLD);
      cfut_future_changed (future);
      cfut_future_hand_over (future);
    }
  g_ptr_array_unref (running);
}

static void
on_sweep (CfutTimer *timer)
{
  atomic_store_explicit (&sweep_armed, FALSE, memory_order_seq_cst);
  tell_running ();
}

/* FALSE: somebody has to tell at once. */
static gboolean
arm_sweep (void)
{
  if (atomic_exchange_explicit (&sweep_armed, TRUE, memory_order_seq_cst) ||
      cfut_timer_arm (&sweep, g_get_monotonic_time () + FRAME_USEC))
    return TRUE;

  atomic_store_explicit (&sweep_armed, FALSE, memory_order_seq_cst);
  return FALSE;
}

/* Its function begins. Only the runs of workers are swept. */
void
cfut_future_started (CfutFuture *self)
{
  if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_TRACKS_FUTURES))
    cfut_future_debug_started (self);

  if (!cfut_owner_has_seen_loop (self->owner))
    return;
  if (cfut_pool_get_current () == NULL)
    cfut_future_changed (self);
  else if (G_UNLIKELY (!atomic_load_explicit (&sweep_armed, memory_order_seq_cst)) && !arm_sweep ())
    cfut_future_changed (self);
}

/* The first iteration of a loop under a context, which counts as seen by now. */
void
cfut_future_loop_seen (CfutDelivery *delivery)
{
  tell_running ();
}
