/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What holds back the tasks of a queue: a pause, and a rate limit. Whoever is about to start a task
 * asks here first; who is told no goes away, and is called when there is reason to ask again.
 * Nobody sleeps for a token.
 *
 * Threads: any.
 * Locks: one for each gate; the limit's and the timers' locks may be taken under it. Neither open
 *   nor a last unref happens under it.
 * Owns: the limit, which is let go on the context where it was set. An armed timer holds the gate.
 * Invariants:
 * 1. After an answer of FALSE, held is TRUE until open is called. While held and not paused, the
 *    timer is armed for the next token, or the thread is on its way that will call open.
 * 2. So between any FALSE and the next TRUE there is a call of open, which begins after that FALSE.
 *    Who sleeps after a FALSE has to be found by open. TRUE promises nothing: who has more to start
 *    than it was allowed to, or leaves more to others, asks again.
 * 3. Where the timer cannot be armed, as no thread can be made for it, the gate is open: late is
 *    not worse than never.
 * 4. Those that call open stand in a list, so that close can wait for them.
 * Not here: the queue. */

#include "core/cfut-delivery-private.h"
#include "core/cfut-gate-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-timer-private.h"
#include "cfut-rate-limit-private.h"

/* What the gate holds of a limit, and how it goes back to who set it. */
typedef struct {
  CfutItem item;
  CfutOwner *owner;
  CfutRateLimit *limit;
} HeldLimit;

/* One call of open, on the stack of its thread. */
typedef struct _Opening Opening;
struct _Opening {
  Opening *next;
  GThread *thread;
};

struct _CfutGate {
  _Atomic guint ref_count;

  /* Atomic: neither paused nor limited, which is most gates at most times */
  _Atomic gboolean is_free;

  /* Guarded by lock */
  GMutex lock;
  GCond opened;         /* for close: an entry left openings */
  CfutTimer timer;      /* the timers' own lock guards what is in it */
  CfutRateWatch watch;  /* of the limit; the limit's lock guards what is in it */
  HeldLimit *held_limit;  /* (nullable) */
  gboolean paused;
  gboolean held;
  gboolean closed;
  Opening *openings;

  /* Immutable */
  void (*open) (gpointer data);
  gpointer data;
};

static gboolean
held_limit_deliver (CfutItem        *item,
                    CfutDeliverMode  mode)
{
  HeldLimit *self = (HeldLimit *) item;

  g_object_unref (self->limit);
  cfut_owner_unref (self->owner);
  g_free (self);
  return FALSE;
}

static const CfutItemClass held_limit_class = {
  .deliver = held_limit_deliver,
};

static HeldLimit *
held_limit_new (CfutRateLimit *limit)
{
  HeldLimit *self = g_new0 (HeldLimit, 1);

  self->item.klass = &held_limit_class;
  self->owner = cfut_owner_ref (cfut_owner_get_current ());
  self->limit = g_object_ref (limit);

  return self;
}

static gboolean
gate_try_ref (CfutGate *self)
{
  guint n = atomic_load_explicit (&self->ref_count, memory_order_relaxed);

  do
    {
      if (n == 0)
        return FALSE;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->ref_count, &n, n + 1, memory_order_relaxed,
                                                 memory_order_relaxed));

  return TRUE;
}

CfutGate *
cfut_gate_ref (CfutGate *self)
{
  atomic_fetch_add_explicit (&self->ref_count, 1, memory_order_relaxed);
  return self;
}

void
cfut_gate_unref (CfutGate *self)
{
  if (atomic_fetch_sub_explicit (&self->ref_count, 1, memory_order_acq_rel) != 1)
    return;

  if (self->watch.link != NULL)
    cfut_rate_limit_unwatch (self->held_limit->limit, &self->watch);
  if (self->held_limit != NULL)
    cfut_owner_push (self->held_limit->owner, &self->held_limit->item);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->opened);
  g_free (self);
}

static void
gate_update_free_locked (CfutGate *self)
{
  atomic_store_explicit (&self->is_free, !self->paused && self->held_limit == NULL,
                         memory_order_seq_cst);
}

/* Gives up the lock, and calls open, if somebody was turned away who may come now. The caller has a
 * reference. */
static void
gate_unlock_and_open (CfutGate *self)
{
  Opening opening = { .thread = g_thread_self () };
  gboolean calls = self->held && !self->paused && !self->closed;
  gboolean disarmed = FALSE;

  if (calls)
    {
      self->held = FALSE;
      disarmed = cfut_timer_disarm (&self->timer);
      opening.next = self->openings;
      self->openings = &opening;
    }
  cfut_unlock (&self->lock, CFUT_LOCK_GATE);

  if (!calls)
    return;

  self->open (self->data);

  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  for (Opening **link = &self->openings;; link = &(*link)->next)
    if (*link == &opening)
      {
        *link = opening.next;
        break;
      }
  g_cond_broadcast (&self->opened);
  cfut_unlock (&self->lock, CFUT_LOCK_GATE);

  if (disarmed)
    cfut_gate_unref (self);
}

static void
gate_timer_fire (CfutTimer *timer)
{
  CfutGate *self = (CfutGate *) ((char *) timer - G_STRUCT_OFFSET (CfutGate, timer));

  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  gate_unlock_and_open (self);
  cfut_gate_unref (self);
}

static gboolean
gate_watch_hold (CfutRateWatch *watch)
{
  return gate_try_ref ((CfutGate *) ((char *) watch - G_STRUCT_OFFSET (CfutGate, watch)));
}

static void
gate_watch_changed (CfutRateWatch *watch)
{
  CfutGate *self = (CfutGate *) ((char *) watch - G_STRUCT_OFFSET (CfutGate, watch));

  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  gate_unlock_and_open (self);
  cfut_gate_unref (self);
}

CfutGate *
cfut_gate_new (void     (*open) (gpointer data),
               gpointer   data)
{
  CfutGate *self = g_new0 (CfutGate, 1);

  atomic_init (&self->ref_count, 1);
  atomic_init (&self->is_free, TRUE);
  g_mutex_init (&self->lock);
  g_cond_init (&self->opened);
  self->timer.fire = gate_timer_fire;
  self->watch.hold = gate_watch_hold;
  self->watch.changed = gate_watch_changed;
  self->open = open;
  self->data = data;

  return self;
}

static gboolean
gate_opens_elsewhere_locked (CfutGate *self)
{
  for (Opening *opening = self->openings; opening != NULL; opening = opening->next)
    if (opening->thread != g_thread_self ())
      return TRUE;

  return FALSE;
}

void
cfut_gate_close (CfutGate *self)
{
  gboolean disarmed;

  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  self->closed = TRUE;
  disarmed = cfut_timer_disarm (&self->timer);
  if (self->watch.link != NULL)
    cfut_rate_limit_unwatch (self->held_limit->limit, &self->watch);
  while (gate_opens_elsewhere_locked (self))
    g_cond_wait (&self->opened, &self->lock);
  cfut_unlock (&self->lock, CFUT_LOCK_GATE);

  if (disarmed)
    cfut_gate_unref (self);
}

/* FALSE: the next token cannot be waited for. */
static gboolean
gate_wait_for_token_locked (CfutGate *self,
                            gint64    next_usec)
{
  if (self->held || self->closed)
    return TRUE;
  if (next_usec < G_MAXINT64 && !cfut_timer_arm (&self->timer, next_usec))
    return FALSE;

  self->held = TRUE;
  if (next_usec < G_MAXINT64)
    cfut_gate_ref (self);
  return TRUE;
}

static gboolean
gate_ask (CfutGate *self,
          gboolean  take)
{
  gboolean passes = TRUE;

  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  if (self->paused)
    {
      self->held = TRUE;
      passes = FALSE;
    }
  else if (self->held_limit != NULL)
    {
      CfutRateLimit *limit = self->held_limit->limit;
      gint64 now = g_get_monotonic_time ();
      gint64 next = 0;

      passes = take ? cfut_rate_limit_try_take (limit, now, &next)
                    : cfut_rate_limit_has_token (limit, now, &next);
      if (!passes)
        passes = !gate_wait_for_token_locked (self, next);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_GATE);

  return passes;
}

gboolean
cfut_gate_pass (CfutGate *self)
{
  return G_LIKELY (atomic_load_explicit (&self->is_free, memory_order_seq_cst)) ||
         gate_ask (self, TRUE);
}

gboolean
cfut_gate_is_open (CfutGate *self)
{
  return G_LIKELY (atomic_load_explicit (&self->is_free, memory_order_seq_cst)) ||
         gate_ask (self, FALSE);
}

void
cfut_gate_give_back (CfutGate *self)
{
  GPtrArray *watches = NULL;

  if (G_LIKELY (atomic_load_explicit (&self->is_free, memory_order_seq_cst)))
    return;

  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  if (self->held_limit != NULL)
    watches = cfut_rate_limit_give_back (self->held_limit->limit);
  cfut_unlock (&self->lock, CFUT_LOCK_GATE);

  /* This gate among them: somebody may have been turned away meanwhile. */
  cfut_rate_watches_tell (watches);
}

void
cfut_gate_set_paused (CfutGate *self,
                      gboolean  paused)
{
  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  self->paused = paused;
  gate_update_free_locked (self);
  gate_unlock_and_open (self);
}

gboolean
cfut_gate_is_paused (CfutGate *self)
{
  gboolean paused;

  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  paused = self->paused;
  cfut_unlock (&self->lock, CFUT_LOCK_GATE);

  return paused;
}

void
cfut_gate_set_limit (CfutGate      *self,
                     CfutRateLimit *limit)
{
  HeldLimit *fresh = limit != NULL ? held_limit_new (limit) : NULL;
  HeldLimit *old;

  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  old = self->held_limit;
  if (self->watch.link != NULL)
    cfut_rate_limit_unwatch (old->limit, &self->watch);
  self->held_limit = fresh;
  if (limit != NULL && !self->closed)
    cfut_rate_limit_watch (limit, &self->watch);
  gate_update_free_locked (self);
  gate_unlock_and_open (self);

  if (old != NULL)
    held_limit_deliver (&old->item, CFUT_DELIVER_LOOP);
}

CfutRateLimit *
cfut_gate_peek_limit (CfutGate *self)
{
  CfutRateLimit *limit = NULL;

  cfut_lock (&self->lock, CFUT_LOCK_GATE);
  if (self->held_limit != NULL)
    limit = self->held_limit->limit;
  cfut_unlock (&self->lock, CFUT_LOCK_GATE);

  return limit;
}
