/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Owners: who they are, what is pushed for them, and what their threads do for themselves where no
 * main loop runs: they reap, now and then while they submit, and while they are blocked.
 *
 * Threads: push, nudge, ref and unref on any; the rest on the owner's thread, delay and undelay on
 *   who owns the context.
 * Locks: spare_lock, a leaf, guards the list of spare owners. See cfut-delivery.c for the rest.
 * Owns: a thread holds the owners of its contexts until it ends. Owners without a reference are
 *   spare.
 * Invariants: those of cfut-delivery.c, and
 * 1. Reaping happens on the owner's thread, outside of any main loop, with the context acquired;
 *    and never where another thread's loop was seen to run the context, if only between two
 *    iterations.
 * 2. It never emits and never calls back. What wants that is kept for a loop. What another thread
 *    waits for (cfut_owner_want) is done in a loop or while the thread is blocked, no sooner.
 * 3. A context is touched only where it is certain to live: it is this thread's default, or the
 *    global one.
 * Not here: the sources of a context (cfut-delivery.c). */

#include "core/cfut-debug-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-delivery-struct-private.h"
#include "core/cfut-pool-private.h"
#include "core/cfut-thread-private.h"

#define REAP_AT_ONCE 8192
#define REAP_OLD_BLOCKED 2
#define REAP_TICKS 64
#define REAP_OLD_TICK (2 * REAP_TICKS)
#define REAP_DROPPED_TICK (2 * REAP_TICKS)
/* 1,024 submissions. */
#define STALLED_TICKS 16
#define REAP_WAITS 8
#define REAP_DROPPED_WAIT (2 * REAP_WAITS)
#define QUIET_USEC 1000

/* Owners are used again, never freed: who has pushed an item may still look at `scheduled` when
 * that item, the last to hold the owner, has been delivered. */
static GMutex spare_lock;
static CfutOwner *spare;

static CfutOwner *
owner_new (CfutThread   *thread,
           GMainContext *context)
{
  CfutOwner *self;

  cfut_lock (&spare_lock, CFUT_LOCK_SPARE);
  self = spare;
  if (self != NULL)
    spare = self->next_of_thread;
  cfut_unlock (&spare_lock, CFUT_LOCK_SPARE);

  if (self == NULL)
    {
      self = g_aligned_alloc0 (1, sizeof (CfutOwner), 64);
      cfut_queue_init (&self->queue);
      cfut_queue_init (&self->wanted);
    }

  self->thread = thread;
  self->n_ticks = self->n_waits = self->n_stalled = 0;
  self->looked_at = NULL;
  self->reaps = FALSE;
  self->delivery = cfut_delivery_for_context (context);
  g_atomic_ref_count_inc (&self->delivery->ref_count);
  self->next_of_thread = thread->owners;
  thread->owners = self;
  atomic_store_explicit (&self->thread_gone, FALSE, memory_order_relaxed);
  atomic_store_explicit (&self->ref_count, 1, memory_order_relaxed);
  atomic_store_explicit (&self->scheduled, FALSE, memory_order_seq_cst);
  CFUT_TRACE (DELIVERY, "owner %p: this thread, context %p", (void *) self, (void *) context);

  return self;
}

/* Owners of contexts that are gone are let go on the way. */
static CfutOwner *
owner_find (CfutThread   *thread,
            GMainContext *context)
{
  CfutOwner **link = &thread->owners;

  while (*link != NULL)
    {
      CfutOwner *owner = *link;

      if (atomic_load_explicit (&owner->delivery->gone, memory_order_acquire))
        {
          *link = owner->next_of_thread;
          cfut_owner_unref (owner);
        }
      else if (owner->delivery->key == context)
        {
          return owner;
        }
      else
        {
          link = &owner->next_of_thread;
        }
    }

  return owner_new (thread, context);
}

CfutOwner *
cfut_owner_get_current (void)
{
  CfutThread *thread = cfut_thread_get ();
  GMainContext *context;

  if (thread->running_owner != NULL)
    return thread->running_owner;

  context = g_main_context_get_thread_default ();
  if (context == NULL)
    context = g_main_context_default ();

  if (thread->latest == NULL ||
      atomic_load_explicit (&thread->latest->delivery->gone, memory_order_acquire) ||
      thread->latest->delivery->key != context)
    thread->latest = owner_find (thread, context);

  return thread->latest;
}

void
cfut_owner_enter (CfutOwner  *self,
                  CfutOwner **previous)
{
  CfutThread *thread = cfut_thread_get ();

  if (previous != NULL)
    *previous = thread->running_owner;
  thread->running_owner = self;
}

CfutOwner *
cfut_owner_ref (CfutOwner *self)
{
  atomic_fetch_add_explicit (&self->ref_count, 1, memory_order_relaxed);
  return self;
}

/* FALSE: it is spare, and all that was pushed for it was delivered. */
gboolean
cfut_owner_try_ref (CfutOwner *self)
{
  guint n = atomic_load_explicit (&self->ref_count, memory_order_relaxed);

  do
    {
      if (n == 0)
        return FALSE;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->ref_count, &n, n + 1, memory_order_acquire,
                                                 memory_order_relaxed));

  return TRUE;
}

void
cfut_owner_unref (CfutOwner *self)
{
  CfutDelivery *delivery = self->delivery;

  if (atomic_fetch_sub_explicit (&self->ref_count, 1, memory_order_acq_rel) != 1)
    return;

  /* A spare one is never put in a ready list. */
  atomic_store_explicit (&self->scheduled, TRUE, memory_order_seq_cst);
  cfut_delivery_unref (delivery);

  cfut_lock (&spare_lock, CFUT_LOCK_SPARE);
  self->next_of_thread = spare;
  spare = self;
  cfut_unlock (&spare_lock, CFUT_LOCK_SPARE);
}

/* Its thread is blocked and could reap. Whoever gets the parker wakes it, nobody else does. */
static void
owner_nudge (CfutOwner *self)
{
  CfutParker *sleeper = atomic_exchange_explicit (&self->sleeper, NULL, memory_order_acq_rel);

  if (sleeper == NULL)
    return;

  atomic_store_explicit (&self->nudged, TRUE, memory_order_release);
  cfut_parker_signal (sleeper);
}

void
cfut_owner_push (CfutOwner *self,
                 CfutItem  *item)
{
  cfut_queue_push (&self->queue, &item->link);

  if (!atomic_load_explicit (&self->scheduled, memory_order_seq_cst) &&
      !atomic_exchange_explicit (&self->scheduled, TRUE, memory_order_seq_cst))
    cfut_owner_make_ready (self);

  if (G_UNLIKELY (atomic_load_explicit (&self->sleeper, memory_order_seq_cst) != NULL))
    owner_nudge (self);
}

void
cfut_owner_delay (CfutOwner   *self,
                  CfutDelayed *delayed,
                  gint64       at_usec)
{
  CfutDelivery *delivery = self->delivery;
  CfutDelayed **link = &delivery->delayed;

  delayed->at_usec = at_usec;

  /* Nearly always the last: all ask for the same span. */
  if (*link != NULL && delivery->delayed_last->at_usec <= at_usec)
    link = &delivery->delayed_last->next;
  else
    while (*link != NULL && (*link)->at_usec <= at_usec)
      link = &(*link)->next;

  delayed->next = *link;
  *link = delayed;
  if (delayed->next == NULL)
    delivery->delayed_last = delayed;
}

gboolean
cfut_owner_undelay (CfutOwner   *self,
                    CfutDelayed *delayed)
{
  CfutDelivery *delivery = self->delivery;
  CfutDelayed *last = NULL;

  for (CfutDelayed **link = &delivery->delayed; *link != NULL; link = &(*link)->next)
    {
      if (*link == delayed)
        {
          *link = delayed->next;
          if (delivery->delayed_last == delayed)
            delivery->delayed_last = last;
          return TRUE;
        }
      last = *link;
    }

  return FALSE;
}

gboolean
cfut_owner_is_thread_here (CfutOwner *self)
{
  /* A new thread's record may stand where that of a thread which is gone stood. */
  return self->thread == cfut_thread_get () &&
         !atomic_load_explicit (&self->thread_gone, memory_order_relaxed);
}

/* The context, if it is certain to live: it is this thread's default, or the global one. */
static GMainContext *
owner_context_of_thread (CfutOwner *self)
{
  GMainContext *context = g_main_context_get_thread_default ();

  if (atomic_load_explicit (&self->delivery->gone, memory_order_acquire))
    return NULL;
  if (context == NULL)
    context = g_main_context_default ();

  return self->delivery->key == context ? context : NULL;
}

/* Whether the thread may act for a context that nobody owns at the moment: it is the owner's
 * thread, and the context is not merely between two iterations of another thread's loop. */
static gboolean
owner_may_borrow_context (CfutOwner *self)
{
  gpointer iterated_by = atomic_load_explicit (&self->delivery->iterated_by, memory_order_relaxed);

  return cfut_owner_is_thread_here (self) &&
         (iterated_by == NULL || iterated_by == cfut_thread_get ());
}

gboolean
cfut_owner_is_of (CfutOwner    *self,
                  CfutDelivery *delivery)
{
  return self->delivery == delivery;
}

gboolean
cfut_owner_has_seen_loop (CfutOwner *self)
{
  return atomic_load_explicit (&self->delivery->iterated_by, memory_order_seq_cst) != NULL;
}

gboolean
cfut_owner_enter_context (CfutOwner     *self,
                          GMainContext **borrowed)
{
  GMainContext *context;

  *borrowed = NULL;
  if (cfut_thread_get ()->delivering == self->delivery)
    return TRUE;

  context = owner_context_of_thread (self);
  if (context == NULL)
    return FALSE;
  if (g_main_context_is_owner (context))
    return TRUE;
  if (!owner_may_borrow_context (self) || !g_main_context_acquire (context))
    return FALSE;

  *borrowed = g_main_context_ref (context);
  return TRUE;
}

void
cfut_owner_leave_context (GMainContext *borrowed)
{
  if (borrowed == NULL)
    return;

  g_main_context_release (borrowed);
  g_main_context_unref (borrowed);
}

gboolean
cfut_owner_is_context_here (CfutOwner *self)
{
  GMainContext *borrowed;

  if (!cfut_owner_enter_context (self, &borrowed))
    return FALSE;

  cfut_owner_leave_context (borrowed);
  return TRUE;
}

/* FALSE: that was the last. What is kept again stays where it is: a loop delivers all of them in the order in
 * which they came. */
static gboolean
owner_look_at_kept (CfutOwner *self,
                    gsize     *n_reaped)
{
  CfutItem *previous = self->looked_at;
  CfutItem *item = cfut_owner_next_kept (self, previous);
  CfutItem *next;

  if (item == NULL)
    {
      self->looked_at = NULL;
      return FALSE;
    }

  next = cfut_owner_next_kept (self, item);
  cfut_owner_link_kept (self, previous, next);
  if (next == NULL)
    self->kept_last = previous;

  if (!item->klass->deliver (item, CFUT_DELIVER_REAP))
    {
      (*n_reaped)++;
      return TRUE;
    }

  /* What is destroyed may have run a loop, which has taken what stood before. */
  previous = self->looked_at;
  next = cfut_owner_next_kept (self, previous);
  atomic_store_explicit (&item->link.next, next != NULL ? &next->link : NULL, memory_order_relaxed);
  cfut_owner_link_kept (self, previous, item);
  if (next == NULL)
    self->kept_last = item;
  self->looked_at = item;
  return TRUE;
}

static gsize
owner_reap_own (CfutOwner *self,
                guint      n_old)
{
  gsize n = 0;

  if (self->reaps)
    return 0;

  self->reaps = TRUE;
  if (n_old == G_MAXUINT)
    self->looked_at = NULL;
  for (guint i = 0; i < n_old && owner_look_at_kept (self, &n); i++)
    ;

  for (guint i = 0; i < REAP_AT_ONCE; i++)
    {
      CfutItem *item = (CfutItem *) cfut_queue_pop (&self->queue);

      if (item == NULL)
        break;
      if (item->klass->deliver (item, CFUT_DELIVER_REAP))
        cfut_owner_keep (self, item);
      else
        n++;
    }
  self->reaps = FALSE;

  return n;
}

/* Owners whose thread or context is gone, in a program whose main thread runs no loop. */
static gsize
delivery_reap_strays (CfutDelivery *self)
{
  gsize n = 0;

  for (guint left = atomic_load_explicit (&self->n_ready, memory_order_relaxed); left > 0; left--)
    {
      CfutOwner *owner = cfut_delivery_peek_ready (self);
      CfutItem *item;

      if (owner == NULL)
        break;

      cfut_delivery_rotate_ready (self);
      if (owner->delivery != self)
        {
          while ((item = cfut_owner_take (owner)) != NULL)
            {
              item->klass->deliver (item, CFUT_DELIVER_ORPHAN);
              n++;
            }
          cfut_owner_finish (owner, self);
        }
      else if (atomic_load_explicit (&owner->thread_gone, memory_order_acquire))
        {
          n += owner_reap_own (owner, REAP_AT_ONCE);
          cfut_owner_finish (owner, self);
        }
      cfut_owner_unref (owner);
    }

  return n;
}

/* NULL unless this is the owner's thread, outside of any main loop, and the context free: where a
 * loop of another thread was seen to run the context, what is left to do is that loop's. */
static GMainContext *
owner_acquire_context (CfutOwner *self)
{
  GMainContext *context;

  /* What the parent will destroy, a forked child does not destroy as well. */
  if (!owner_may_borrow_context (self) || g_main_depth () > 0 || cfut_is_forked_child ())
    return NULL;

  context = owner_context_of_thread (self);
  return context != NULL && g_main_context_acquire (context) ? context : NULL;
}

static inline gboolean
owner_has_items (CfutOwner *self)
{
  return atomic_load_explicit (&self->kept, memory_order_relaxed) != NULL ||
         !cfut_queue_is_empty (&self->queue);
}

gsize
cfut_owner_reap (CfutOwner *self,
                 guint      n_old)
{
  CfutDelivery *delivery = self->delivery;
  GMainContext *context;
  gboolean strays;
  gsize n = 0;

  strays = cfut_thread_get ()->is_main &&
           atomic_load_explicit (&delivery->n_strays, memory_order_relaxed) > 0;
  if (!cfut_owner_is_thread_here (self) || (!owner_has_items (self) && !strays) ||
      (context = owner_acquire_context (self)) == NULL)
    return 0;

  n = owner_reap_own (self, n_old);
  if (strays)
    n += delivery_reap_strays (delivery);
  g_main_context_release (context);

  return n;
}

static inline gboolean
item_is_held (CfutItem *item)
{
  return item->klass->is_held != NULL && item->klass->is_held (item);
}

/* The oldest first, as long as nobody else holds them: each is looked at once, when it can go. */
static gsize
owner_reap_dropped (CfutOwner *self,
                    guint      n_max)
{
  gsize n = 0;

  if (self->reaps)
    return 0;

  self->reaps = TRUE;
  for (; n_max > 0; n_max--)
    {
      CfutItem *item = cfut_owner_next_kept (self, self->looked_at);

      if (item == NULL || item_is_held (item))
        {
          self->looked_at = NULL;
          break;
        }
      owner_look_at_kept (self, &n);
    }

  for (; n_max > 0; n_max--)
    {
      CfutItem *item = (CfutItem *) cfut_queue_peek (&self->queue);

      if (item == NULL || item_is_held (item) || cfut_queue_pop (&self->queue) == NULL)
        break;
      if (item->klass->deliver (item, CFUT_DELIVER_REAP))
        cfut_owner_keep (self, item);
      else
        n++;
    }
  self->reaps = FALSE;

  return n;
}

/* Where the oldest is held for long, what is behind it is looked at all the same. */
static void
owner_tick_now (CfutOwner *self)
{
  GMainContext *context = owner_acquire_context (self);

  if (context == NULL)
    return;

  if (owner_reap_dropped (self, REAP_DROPPED_TICK) > 0)
    {
      self->n_stalled = 0;
    }
  else if (++self->n_stalled >= STALLED_TICKS)
    {
      self->n_stalled = 0;
      owner_reap_own (self, REAP_OLD_TICK);
    }
  g_main_context_release (context);
}

void
cfut_owner_tick (CfutOwner *self)
{
  if (cfut_owner_is_thread_here (self) && ++self->n_ticks % REAP_TICKS == 0 &&
      owner_has_items (self))
    owner_tick_now (self);
}

/* A wait of this thread was over at once. */
void
cfut_owner_waited (CfutOwner *self)
{
  GMainContext *context;

  if (!cfut_owner_is_thread_here (self) || ++self->n_waits % REAP_WAITS != 0 ||
      !owner_has_items (self) || (context = owner_acquire_context (self)) == NULL)
    return;

  owner_reap_dropped (self, REAP_DROPPED_WAIT);
  g_main_context_release (context);
}

/* Sleeps until the wait is over, or something is pushed for this thread. */
static CfutWake
owner_doze (CfutOwner    *self,
            CfutWaiter   *waiter,
            gint64        deadline_usec,
            GCancellable *cancellable)
{
  CfutWake wake = CFUT_WAKE_NUDGED;

  waiter->owner_nudge = &self->nudged;
  atomic_store_explicit (&self->nudged, FALSE, memory_order_relaxed);
  atomic_store_explicit (&self->sleeper, waiter->parker, memory_order_seq_cst);

  /* Who pushes looks for a sleeper after that. */
  if (cfut_queue_is_empty (&self->queue))
    wake = cfut_waiter_wait_asleep (waiter, deadline_usec, cancellable);

  atomic_store_explicit (&self->sleeper, NULL, memory_order_relaxed);
  waiter->owner_nudge = NULL;
  return wake;
}

/* On a worker, which is stood in for while it sleeps. */
static CfutWake
worker_block (CfutWaiter   *waiter,
              gint64        deadline_usec,
              GCancellable *cancellable)
{
  CfutPool *pool;
  CfutWake wake;

  if (deadline_usec > g_get_monotonic_time () && cfut_waiter_spin (waiter))
    return CFUT_WAKE_FIRED;

  pool = cfut_pool_block ();
  wake = cfut_waiter_wait_asleep (waiter, deadline_usec, cancellable);
  cfut_pool_unblock (pool);

  return wake;
}

/* With CFUT_DEBUG: warns where the wait holds up the program's main loop, and goes on waiting. */
static CfutWake
owner_wait_watched (CfutWaiter   *waiter,
                    gint64        deadline_usec,
                    GCancellable *cancellable)
{
  gint64 warn_usec = cfut_debug_flags & CFUT_DEBUG_KEYS
                       ? cfut_deadline_from_timeout (CFUT_DEBUG_LONG_WAIT_USEC)
                       : CFUT_NO_DEADLINE;
  CfutWake wake = CFUT_WAKE_TIMED_OUT;

  if (warn_usec < deadline_usec && cfut_debug_holds_default_context ())
    {
      wake = cfut_waiter_wait (waiter, warn_usec, cancellable);
      if (wake != CFUT_WAKE_TIMED_OUT)
        return wake;
      cfut_debug_warn_of_wait ();
    }

  return cfut_waiter_wait (waiter, deadline_usec, cancellable);
}

static void
owner_serve_blocked (CfutOwner *self)
{
  if (G_UNLIKELY (!cfut_queue_is_empty (&self->wanted)) && cfut_owner_is_context_here (self))
    cfut_owner_serve_wanted (self, CFUT_DELIVER_LOOP);
}

/* In a callback of this thread's loop, which is held up: nothing is reaped, but what other threads
 * wait for is done. */
static CfutWake
owner_block_in_loop (CfutOwner    *self,
                     CfutWaiter   *waiter,
                     gint64        deadline_usec,
                     GCancellable *cancellable)
{
  CfutWake wake;

  do
    {
      wake = CFUT_WAKE_NUDGED;
      waiter->owner_nudge = &self->nudged;
      atomic_store_explicit (&self->nudged, FALSE, memory_order_relaxed);
      atomic_store_explicit (&self->server, waiter->parker, memory_order_seq_cst);

      /* Who wants something looks for a server after that. */
      if (cfut_queue_is_empty (&self->wanted))
        wake = owner_wait_watched (waiter, deadline_usec, cancellable);
      else if (!cfut_owner_is_context_here (self))
        wake = cfut_waiter_wait (waiter, deadline_usec, cancellable);

      atomic_store_explicit (&self->server, NULL, memory_order_relaxed);
      waiter->owner_nudge = NULL;
      if (wake == CFUT_WAKE_NUDGED)
        owner_serve_blocked (self);
    }
  while (wake == CFUT_WAKE_NUDGED && !cfut_waiter_is_nudged (waiter));

  return wake;
}

/* cfut_waiter_wait, with this thread reaping meanwhile: when something comes for it, and then not
 * again for a while, so that a flood costs it a thousand wake-ups a second at most. */
CfutWake
cfut_owner_block (CfutWaiter   *waiter,
                  gint64        deadline_usec,
                  GCancellable *cancellable)
{
  CfutThread *thread = cfut_thread_get ();
  CfutOwner *owner = thread->running_owner == NULL ? cfut_owner_get_current () : NULL;
  CfutWake wake;

  if (cfut_is_forked_child ())
    return cfut_waiter_wait (waiter, deadline_usec, cancellable);
  if (thread->worker != NULL)
    return worker_block (waiter, deadline_usec, cancellable);
  if (owner != NULL && g_main_depth () > 0 && cfut_owner_is_thread_here (owner))
    return owner_block_in_loop (owner, waiter, deadline_usec, cancellable);
  if (owner == NULL || g_main_depth () > 0 || !owner_may_borrow_context (owner))
    return owner_wait_watched (waiter, deadline_usec, cancellable);

  if (deadline_usec > g_get_monotonic_time () && cfut_waiter_spin (waiter))
    {
      cfut_owner_waited (owner);
      return CFUT_WAKE_FIRED;
    }

  cfut_owner_reap (owner, REAP_OLD_BLOCKED);
  owner_serve_blocked (owner);
  wake = owner_doze (owner, waiter, deadline_usec, cancellable);
  while (wake == CFUT_WAKE_NUDGED && !cfut_waiter_is_nudged (waiter))
    {
      gint64 quiet = cfut_deadline_from_timeout (QUIET_USEC);

      cfut_owner_reap (owner, REAP_OLD_BLOCKED);
      owner_serve_blocked (owner);
      wake = cfut_waiter_wait (waiter, MIN (quiet, deadline_usec), cancellable);
      if (wake == CFUT_WAKE_TIMED_OUT && quiet < deadline_usec)
        wake = owner_doze (owner, waiter, deadline_usec, cancellable);
    }

  cfut_owner_reap (owner, REAP_OLD_BLOCKED);
  return wake;
}

/* What is under way for them is their context's to deliver. */
void
cfut_owners_leave (CfutOwner *owners)
{
  while (owners != NULL)
    {
      CfutOwner *owner = owners;
      CfutDelivery *delivery = owner->delivery;
      CfutOwner *ready;

      owners = owner->next_of_thread;

      cfut_lock (&delivery->lock, CFUT_LOCK_DELIVERY);
      atomic_store_explicit (&owner->thread_gone, TRUE, memory_order_release);
      for (ready = delivery->ready; ready != NULL; ready = ready->next_ready)
        if (ready == owner)
          atomic_fetch_add_explicit (&delivery->n_strays, 1, memory_order_relaxed);
      cfut_unlock (&delivery->lock, CFUT_LOCK_DELIVERY);

      cfut_owner_unref (owner);
    }
}

void
cfut_owner_hold_locks (gboolean hold)
{
  (hold ? g_mutex_lock : g_mutex_unlock) (&spare_lock);
}
