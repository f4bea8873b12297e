/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Reaping: what an owner's thread does for itself where no main loop runs. What has settled lets go
 * of what was submitted with it, and goes itself when nobody else holds it.
 *
 *   queue --(nobody holds it)--> gone
 *      \--(something is left that only a loop may do)--> kept, in the order in which it came
 *
 * Threads: the owner's; now and then while it submits or waits, and while it is blocked.
 * Locks: the delivery's, to look at the owners whose threads are gone.
 * Owns: nothing.
 * Invariants:
 * 1. Reaping happens outside of any main loop, with the context acquired; and never where another
 *    thread's loop was seen to run the context, if only between two iterations.
 * 2. It never emits and never calls back. What wants that is kept for a loop.
 * 3. What is kept stays in its order, also where only a part of it is looked at.
 * 4. What is destroyed may wait, or run a loop: reaping is not nested, and looks again after each.
 * 5. While it submits, a thread goes past what is held by a few at a time; what has been dropped behind
 *    that goes before it is many times as much.
 * Not here: being blocked (cfut-owner.c), loops (cfut-delivery.c). */

#include "core/cfut-delivery-struct-private.h"
#include "core/cfut-fork-private.h"
#include "core/cfut-thread-private.h"

#define REAP_AT_ONCE 8192
#define REAP_TICKS 64
#define REAP_OLD_TICK (2 * REAP_TICKS)
#define REAP_DROPPED_TICK (2 * REAP_TICKS)
/* 1,024 submissions. */
#define STALLED_TICKS 16
/* So many in a row that are all held, then no more of them this time: what waits behind is at most
 * four times of what is held in front of it. */
#define STALLED_LOOKS 256
#define REAP_WAITS 8
#define REAP_DROPPED_WAIT (2 * REAP_WAITS)

/* FALSE: that was the last. What is kept again stays where it is: a loop delivers all of them in
 * the order in which they came. */
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
                guint      n_old,
                guint      n_held_max)
{
  guint n_held = 0;
  gsize n = 0;

  if (self->reaps)
    return 0;

  self->reaps = TRUE;
  if (n_old == G_MAXUINT)
    self->looked_at = NULL;
  for (guint i = 0; i < n_old && owner_look_at_kept (self, &n); i++)
    ;

  for (guint i = 0; i < REAP_AT_ONCE && n_held < n_held_max; i++)
    {
      CfutItem *item = (CfutItem *) cfut_queue_pop (&self->queue);

      if (item == NULL)
        break;
      cfut_link_prefetch (self->queue.head, 80, 64);
      if (item->klass->deliver (item, CFUT_DELIVER_REAP))
        {
          cfut_owner_keep (self, item);
          n_held++;
        }
      else
        {
          n_held = 0;
          n++;
        }
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
          n += owner_reap_own (owner, REAP_AT_ONCE, REAP_AT_ONCE);
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
  if (!cfut_owner_may_borrow_context (self) || g_main_depth () > 0 || cfut_is_forked_child ())
    return NULL;

  context = cfut_owner_context_of_thread (self);
  return context != NULL && g_main_context_acquire (context) ? context : NULL;
}

/* As cfut_owner_is_thread_here. */
static inline gboolean
owner_is_here (CfutOwner *self)
{
  return self->thread == cfut_thread_get () &&
         !atomic_load_explicit (&self->thread_gone, memory_order_relaxed);
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

  n = owner_reap_own (self, n_old, REAP_AT_ONCE);
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
      cfut_link_prefetch (self->queue.head, 80, 64);
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
      owner_reap_own (self, REAP_OLD_TICK, STALLED_LOOKS);
    }
  g_main_context_release (context);
}

void
cfut_owner_tick (CfutOwner *self)
{
  if (owner_is_here (self) && ++self->n_ticks % REAP_TICKS == 0 &&
      owner_has_items (self))
    owner_tick_now (self);
}

/* A wait of this thread was over at once. */
void
cfut_owner_waited (CfutOwner *self)
{
  GMainContext *context;

  if (!owner_is_here (self) || ++self->n_waits % REAP_WAITS != 0 ||
      !owner_has_items (self) || (context = owner_acquire_context (self)) == NULL)
    return;

  owner_reap_dropped (self, REAP_DROPPED_WAIT);
  g_main_context_release (context);
}
