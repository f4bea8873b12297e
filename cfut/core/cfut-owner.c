/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Owners: who they are, what is pushed for them, and what their threads do while they are blocked.
 *
 * Threads: push, nudge, ref and unref on any; the rest on the owner's thread, delay and undelay on
 *   who owns the context.
 * Locks: spare_lock, a leaf, guards the list of spare owners. See cfut-delivery.c for the rest.
 * Owns: a thread holds the owners of its contexts until it ends. Owners without a reference are
 *   spare.
 * Invariants: those of cfut-delivery.c, and
 * 1. What another thread waits for (cfut_owner_want) is done in a loop or while the thread is
 *    blocked, no sooner.
 * 2. A context is touched only where it is certain to live: it is this thread's default, or the
 *    global one.
 * 3. The references that an owner's thread takes and drops it counts in n_own, others in ref_count,
 *    which is far from 0 until the thread leaves the owner and adds the two up.
 * Not here: the sources of a context (cfut-delivery.c), reaping (cfut-reap.c). */

#include "core/cfut-debug-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-delivery-struct-private.h"
#include "core/cfut-pool-private.h"
#include "core/cfut-thread-private.h"

#define REAP_OLD_BLOCKED 2
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
  self->n_own = 0;
  self->counts_own = TRUE;
  self->n_ticks = self->n_waits = self->n_stalled = 0;
  self->looked_at = NULL;
  self->reaps = FALSE;
  self->delivery = cfut_delivery_for_context (context);
  g_atomic_ref_count_inc (&self->delivery->ref_count);
  self->next_of_thread = thread->owners;
  thread->owners = self;
  atomic_store_explicit (&self->thread_gone, FALSE, memory_order_relaxed);
  atomic_store_explicit (&self->ref_count, CFUT_OWNER_HELD, memory_order_relaxed);
  atomic_store_explicit (&self->scheduled, FALSE, memory_order_seq_cst);
  CFUT_TRACE (DELIVERY, "owner %p: this thread, context %p", (void *) self, (void *) context);

  return self;
}

/* What the thread has counted by itself, each future that it made and that has gone, without an
 * atomic operation: others look at the sum only after the thread has left. */
static inline gboolean
owner_counts_here (CfutOwner *self)
{
  return self->thread == cfut_thread_self &&
         !atomic_load_explicit (&self->thread_gone, memory_order_relaxed) && self->counts_own;
}

CfutOwner *
cfut_owner_ref (CfutOwner *self)
{
  if (owner_counts_here (self))
    self->n_own++;
  else
    atomic_fetch_add_explicit (&self->ref_count, 1, memory_order_relaxed);
  return self;
}

static void
owner_drop (CfutOwner *self,
            gint64     n)
{
  CfutDelivery *delivery = self->delivery;

  if (atomic_fetch_sub_explicit (&self->ref_count, n, memory_order_acq_rel) != n)
    return;

  /* A spare one is never put in a ready list. */
  atomic_store_explicit (&self->scheduled, TRUE, memory_order_seq_cst);
  cfut_delivery_unref (delivery);

  cfut_lock (&spare_lock, CFUT_LOCK_SPARE);
  self->next_of_thread = spare;
  spare = self;
  cfut_unlock (&spare_lock, CFUT_LOCK_SPARE);
}

void
cfut_owner_unref (CfutOwner *self)
{
  if (owner_counts_here (self))
    self->n_own--;
  else
    owner_drop (self, 1);
}

/* By the thread, which counts no more by itself. */
static void
owner_leave (CfutOwner *self)
{
  self->counts_own = FALSE;
  owner_drop (self, CFUT_OWNER_HELD - self->n_own);
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
          owner_leave (owner);
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


/* FALSE: it is spare, and all that was pushed for it was delivered. */
gboolean
cfut_owner_try_ref (CfutOwner *self)
{
  gint64 n = atomic_load_explicit (&self->ref_count, memory_order_relaxed);

  do
    {
      if (n == 0)
        return FALSE;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->ref_count, &n, n + 1, memory_order_acquire,
                                                 memory_order_relaxed));

  return TRUE;
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
GMainContext *
cfut_owner_context_of_thread (CfutOwner *self)
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
gboolean
cfut_owner_may_borrow_context (CfutOwner *self)
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

  context = cfut_owner_context_of_thread (self);
  if (context == NULL)
    return FALSE;
  if (g_main_context_is_owner (context))
    return TRUE;
  if (!cfut_owner_may_borrow_context (self) || !g_main_context_acquire (context))
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
  if (owner == NULL || g_main_depth () > 0 || !cfut_owner_may_borrow_context (owner))
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
      gsize n = cfut_owner_reap (owner, REAP_OLD_BLOCKED);

      owner_serve_blocked (owner);
      /* It goes on at once with what did not come just now. */
      if (n > 0 && !cfut_queue_is_empty (&owner->queue))
        quiet = MIN (quiet, g_get_monotonic_time ());
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

      owner_leave (owner);
    }
}

void
cfut_owner_hold_locks (gboolean hold)
{
  (hold ? g_mutex_lock : g_mutex_unlock) (&spare_lock);
}
