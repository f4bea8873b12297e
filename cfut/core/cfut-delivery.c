/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How the library gets back to whoever submitted something.
 *
 * An owner is a main context together with a thread that submits under it. Workers push items into
 * the owner's queue; the context's delivery, one for each main context, calls them from one
 * GSource in slices of 4 ms. Where no main loop runs, the owner's thread reaps: it lets the items
 * release what they hold, and keeps those that have something to emit.
 *
 *   worker --push--> owner's queue --(first into an empty one)--> delivery's ready list --> source
 *                         \--> reap, on the owner's thread --> kept, until a loop runs
 *
 * Threads: push, ref, unref on any thread. Items are called on the thread that owns the main
 *   context at that time: its loop's, or the owner's own while it reaps.
 * Locks: the delivery's lock guards its context pointer and its ready list. Under it the lock of
 *   the GMainContext may be taken (wake-up), never the other way round: the context gives its own
 *   up before it calls our destroy notify. The registry's lock guards the map of contexts; a
 *   delivery's may be taken under it.
 * Owns: an owner is held by its thread until that ends, by each future that belongs to it, and by
 *   the ready list. A delivery is held by its owners and by its source. Nobody holds the context.
 * Invariants:
 * 1. `scheduled` is TRUE from the push into an empty queue until the context has found the queue
 *    empty; in between the owner is in the ready list once, or about to be put there.
 * 2. Only who owns the context pops, and keeps; so there is one consumer at a time. Of a context
 *    that is gone, the default context is the consumer, in ORPHAN mode.
 * 3. An item that was kept is delivered before all younger ones, and `scheduled` stays TRUE until
 *    then.
 * 4. The main source stands just below GTK's redraw. The guard, at the highest priority, is armed
 *    by every wake-up, and lifts the main source to redraw's own priority if it was not served in
 *    time.
 * Not here: what items are; what an owner's thread does for itself (cfut-owner.c). */

#include "core/cfut-debug-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-marks-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-delivery-struct-private.h"
#include "core/cfut-thread-private.h"

/* GDK_PRIORITY_REDRAW is G_PRIORITY_HIGH_IDLE + 20. */
#define REDRAW_PRIORITY (G_PRIORITY_HIGH_IDLE + 20)
#define DELIVERY_PRIORITY (REDRAW_PRIORITY + 1)
#define SLICE_USEC (4 * 1000)
#define STARVED_USEC (100 * 1000)
/* So many that took nothing of a user's, one look at the clock. */
#define BRIEF_ITEMS 16u

typedef struct {
  GSource source;
  CfutDelivery *delivery;
} DeliverySource;

static GMutex registry_lock;
static GHashTable *registry;  /* GMainContext -> CfutDelivery, not owned: leaves with its context */

void
cfut_delivery_unref (CfutDelivery *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_mutex_clear (&self->lock);
  g_aligned_free (self);
}

/* Puts an owner in the ready list of its delivery, or, when its context is gone, in that of the
 * default context. Takes a reference for the list. */
void
cfut_owner_make_ready (CfutOwner *self)
{
  CfutDelivery *delivery;
  gboolean stray;

  /* What was pushed may have been delivered by now, by way of an earlier wake-up. */
  if (!cfut_owner_try_ref (self))
    return;

  delivery = self->delivery;
  cfut_lock (&delivery->lock, CFUT_LOCK_DELIVERY);
  if (delivery->context == NULL)
    {
      cfut_unlock (&delivery->lock, CFUT_LOCK_DELIVERY);
      delivery = cfut_delivery_for_context (g_main_context_default ());
      cfut_lock (&delivery->lock, CFUT_LOCK_DELIVERY);
    }

  stray = delivery != self->delivery ||
          atomic_load_explicit (&self->thread_gone, memory_order_relaxed);
  self->next_ready = NULL;
  if (delivery->ready == NULL)
    delivery->ready = self;
  else
    delivery->ready_last->next_ready = self;
  delivery->ready_last = self;
  if (stray)
    atomic_fetch_add_explicit (&delivery->n_strays, 1, memory_order_relaxed);

  /* The first one wakes: setting the guard's time makes the context look at all its sources. */
  if (atomic_fetch_add_explicit (&delivery->n_ready, 1, memory_order_seq_cst) == 0)
    g_source_set_ready_time (delivery->guard, g_get_monotonic_time () + STARVED_USEC);
  cfut_unlock (&delivery->lock, CFUT_LOCK_DELIVERY);
}

CfutOwner *
cfut_delivery_peek_ready (CfutDelivery *self)
{
  CfutOwner *owner;

  cfut_lock (&self->lock, CFUT_LOCK_DELIVERY);
  owner = self->ready;
  if (owner != NULL)
    cfut_owner_ref (owner);
  cfut_unlock (&self->lock, CFUT_LOCK_DELIVERY);

  return owner;
}

static void
delivery_remove_ready (CfutDelivery *self,
                       CfutOwner    *owner)
{
  CfutOwner **link;
  CfutOwner *last = NULL;
  gboolean removed = FALSE;

  cfut_lock (&self->lock, CFUT_LOCK_DELIVERY);
  for (link = &self->ready; *link != NULL; link = &(*link)->next_ready)
    {
      if (*link == owner)
        {
          *link = owner->next_ready;
          if (self->ready_last == owner)
            self->ready_last = last;
          if (atomic_load_explicit (&self->n_strays, memory_order_relaxed) > 0 &&
              (owner->delivery != self ||
               atomic_load_explicit (&owner->thread_gone, memory_order_relaxed)))
            atomic_fetch_sub_explicit (&self->n_strays, 1, memory_order_relaxed);
          atomic_fetch_sub_explicit (&self->n_ready, 1, memory_order_relaxed);
          removed = TRUE;
          break;
        }
      last = *link;
    }
  cfut_unlock (&self->lock, CFUT_LOCK_DELIVERY);

  if (removed)
    cfut_owner_unref (owner);
}

void
cfut_delivery_rotate_ready (CfutDelivery *self)
{
  CfutOwner *first;

  cfut_lock (&self->lock, CFUT_LOCK_DELIVERY);
  first = self->ready;
  if (first != NULL && first != self->ready_last)
    {
      self->ready = first->next_ready;
      first->next_ready = NULL;
      self->ready_last->next_ready = first;
      self->ready_last = first;
    }
  cfut_unlock (&self->lock, CFUT_LOCK_DELIVERY);
}

/* TRUE: nothing is left and the owner is out of the ready list. FALSE: something is there, be it
 * only a push that has not finished. */
gboolean
cfut_owner_finish (CfutOwner    *self,
              CfutDelivery *delivery)
{
  if (atomic_load_explicit (&self->kept, memory_order_relaxed) != NULL ||
      !cfut_queue_is_empty (&self->queue))
    return FALSE;

  /* Out of the list first: whoever finds scheduled FALSE may put it back at once. */
  delivery_remove_ready (delivery, self);
  cfut_point (CFUT_POINT_DELIVERED, self);
  atomic_store_explicit (&self->scheduled, FALSE, memory_order_seq_cst);

  if (!cfut_queue_is_empty (&self->queue) &&
      !atomic_exchange_explicit (&self->scheduled, TRUE, memory_order_seq_cst))
    cfut_owner_make_ready (self);

  return TRUE;
}

static void
delivery_run_delayed (CfutDelivery *self)
{
  gint64 now;

  if (self->orphans != NULL)
    {
      CfutDelayed *orphans;

      cfut_lock (&self->lock, CFUT_LOCK_DELIVERY);
      orphans = self->orphans;
      self->orphans = NULL;
      cfut_unlock (&self->lock, CFUT_LOCK_DELIVERY);

      while (orphans != NULL)
        {
          CfutDelayed *delayed = orphans;

          orphans = delayed->next;
          delayed->func (delayed, CFUT_DELIVER_ORPHAN);
        }
    }

  if (self->delayed == NULL)
    return;

  now = g_get_monotonic_time ();
  while (self->delayed != NULL && self->delayed->at_usec <= now)
    {
      CfutDelayed *delayed = self->delayed;

      self->delayed = delayed->next;
      delayed->func (delayed, CFUT_DELIVER_LOOP);
    }
}

/* TRUE: it may have taken long. */
static inline gboolean
deliver_item (CfutItem        *item,
              CfutDeliverMode  mode)
{
  const CfutItemClass *klass = item->klass;

  return klass->deliver (item, mode) || !klass->is_brief;
}

static gboolean
delivery_has_work (CfutDelivery *self)
{
  return atomic_load_explicit (&self->n_ready, memory_order_seq_cst) > 0 || self->orphans != NULL;
}

/* One slice. An item may run the main loop itself and so this function again: nothing is held over
 * the call but a reference on the owner. */
static void
delivery_slice (CfutDelivery *self)
{
  gint64 until = g_get_monotonic_time () + SLICE_USEC;
  gint64 mark = cfut_mark_begin ();
  guint n_items = 0;
  guint n_brief = 0;
  CfutOwner *owner;

  delivery_run_delayed (self);

  while ((owner = cfut_delivery_peek_ready (self)) != NULL)
    {
      CfutDeliverMode mode = owner->delivery == self ? CFUT_DELIVER_LOOP : CFUT_DELIVER_ORPHAN;
      gboolean in_time = TRUE;
      CfutItem *item;

      while (in_time && (item = cfut_owner_take (owner)) != NULL)
        {
          n_brief = deliver_item (item, mode) ? 0 : n_brief + 1;
          n_items++;
          if (n_brief % BRIEF_ITEMS == 0)
            in_time = g_get_monotonic_time () < until;
        }

      /* Though the time is over: whether there is more decides about the priority. */
      if (!cfut_owner_finish (owner, self))
        {
          if (in_time)
            {
              /* A producer stands between the two halves of its push. */
              g_thread_yield ();
              in_time = g_get_monotonic_time () < until;
            }
          else
            {
              cfut_delivery_rotate_ready (self);
            }
        }

      cfut_owner_unref (owner);
      if (!in_time)
        break;
    }

  cfut_mark_end (mark, "delivery", NULL);
  CFUT_TRACE (DELIVERY, "slice of context %p: %u items in %" G_GINT64_FORMAT " us%s%s",
              self->key, n_items, g_get_monotonic_time () - until + SLICE_USEC,
              delivery_has_work (self) ? ", more to come" : "",
              self->lifted ? ", at the priority of redrawing" : "");
}

/* Set when the first future is made, while loops may be running. */
static _Atomic (CfutDeliveryLoopFunc) loop_func;

void
cfut_delivery_set_loop_func (CfutDeliveryLoopFunc func)
{
  atomic_store_explicit (&loop_func, func, memory_order_release);
}

static gboolean
main_prepare (GSource *source,
              gint    *timeout)
{
  CfutDelivery *self = ((DeliverySource *) source)->delivery;
  CfutThread *thread = cfut_thread_get ();

  if (atomic_load_explicit (&self->iterated_by, memory_order_relaxed) != thread &&
      atomic_exchange_explicit (&self->iterated_by, thread, memory_order_seq_cst) == NULL)
    {
      CfutDeliveryLoopFunc func = atomic_load_explicit (&loop_func, memory_order_acquire);

      if (func != NULL)
        func (self);
    }

  *timeout = -1;
  if (delivery_has_work (self))
    {
      *timeout = 0;
      return TRUE;
    }

  if (self->delayed != NULL)
    {
      gint64 left = self->delayed->at_usec - g_get_monotonic_time ();

      *timeout = left > 0 ? (gint) ((left + 999) / 1000) : 0;
    }

  return *timeout == 0;
}

static gboolean
main_check (GSource *source)
{
  CfutDelivery *self = ((DeliverySource *) source)->delivery;

  return delivery_has_work (self) ||
         (self->delayed != NULL && self->delayed->at_usec <= g_get_monotonic_time ());
}

static gboolean
main_dispatch (GSource     *source,
               GSourceFunc  callback,
               gpointer     data)
{
  CfutDelivery *self = ((DeliverySource *) source)->delivery;
  CfutThread *thread = cfut_thread_get ();
  gpointer outer = thread->delivering;

  thread->delivering = self;
  delivery_slice (self);
  thread->delivering = outer;

  if (self->lifted && !delivery_has_work (self))
    {
      self->lifted = FALSE;
      g_source_set_priority (source, DELIVERY_PRIORITY);
    }

  return G_SOURCE_CONTINUE;
}

static void
source_finalize (GSource *source)
{
  cfut_delivery_unref (((DeliverySource *) source)->delivery);
}

static GSourceFuncs main_funcs = {
  .prepare = main_prepare,
  .check = main_check,
  .dispatch = main_dispatch,
  .finalize = source_finalize,
};

/* The main source was not served for long, or all is done and this wake-up is the last. */
static gboolean
guard_dispatch (GSource     *source,
                GSourceFunc  callback,
                gpointer     data)
{
  CfutDelivery *self = ((DeliverySource *) source)->delivery;

  g_source_set_ready_time (source, -1);
  if (delivery_has_work (self) && !self->lifted)
    {
      CFUT_TRACE (DELIVERY, "context %p: not served for %d ms, to the priority of redrawing",
                  self->key, STARVED_USEC / 1000);
      self->lifted = TRUE;
      g_source_set_priority (self->source, REDRAW_PRIORITY);
    }

  return G_SOURCE_CONTINUE;
}

static GSourceFuncs guard_funcs = {
  .dispatch = guard_dispatch,
  .finalize = source_finalize,
};

/* The context is being finalised; it has given up its lock, and its memory is there until we
 * return. A thread that wakes it holds our lock, so we wait for that one here. */
static void
on_context_gone (gpointer data)
{
  CfutDelivery *self = data;
  CfutOwner *ready;
  CfutDelayed *delayed;

  CFUT_TRACE (DELIVERY, "context %p is gone", self->key);
  cfut_lock (&registry_lock, CFUT_LOCK_REGISTRY);
  cfut_lock (&self->lock, CFUT_LOCK_DELIVERY);
  if (self->context != NULL)
    g_hash_table_remove (registry, self->context);
  self->context = NULL;
  atomic_store_explicit (&self->gone, TRUE, memory_order_release);
  ready = g_steal_pointer (&self->ready);
  self->ready_last = NULL;
  delayed = g_steal_pointer (&self->delayed);
  atomic_store_explicit (&self->n_ready, 0, memory_order_relaxed);
  cfut_unlock (&self->lock, CFUT_LOCK_DELIVERY);
  cfut_unlock (&registry_lock, CFUT_LOCK_REGISTRY);

  while (ready != NULL)
    {
      CfutOwner *owner = ready;

      ready = owner->next_ready;
      cfut_owner_make_ready (owner);
      cfut_owner_unref (owner);
    }

  if (delayed != NULL)
    {
      CfutDelivery *heir = cfut_delivery_for_context (g_main_context_default ());
      CfutDelayed **last = &delayed;

      while (*last != NULL)
        last = &(*last)->next;
      cfut_lock (&heir->lock, CFUT_LOCK_DELIVERY);
      *last = heir->orphans;
      heir->orphans = delayed;
      g_source_set_ready_time (heir->guard, g_get_monotonic_time () + STARVED_USEC);
      cfut_unlock (&heir->lock, CFUT_LOCK_DELIVERY);
    }
}

static GSource *
delivery_add_source (CfutDelivery *self,
                     GMainContext *context,
                     GSourceFuncs *funcs,
                     int           priority,
                     const char   *name)
{
  GSource *source = g_source_new (funcs, sizeof (DeliverySource));

  g_atomic_ref_count_inc (&self->ref_count);
  ((DeliverySource *) source)->delivery = self;
  g_source_set_priority (source, priority);
  g_source_set_static_name (source, name);
  if (funcs == &main_funcs)
    {
      g_source_set_can_recurse (source, TRUE);
      g_source_set_callback (source, NULL, self, on_context_gone);
    }
  g_source_attach (source, context);
  g_source_unref (source);

  return source;
}

/* (transfer none): the source of the delivery holds it as long as the context lives. */
CfutDelivery *
cfut_delivery_for_context (GMainContext *context)
{
  CfutDelivery *self;

  cfut_lock (&registry_lock, CFUT_LOCK_REGISTRY);
  if (registry == NULL)
    registry = g_hash_table_new (NULL, NULL);

  self = g_hash_table_lookup (registry, context);
  if (self == NULL)
    {
      self = g_aligned_alloc0 (1, sizeof (CfutDelivery), 64);
      g_atomic_ref_count_init (&self->ref_count);
      g_mutex_init (&self->lock);
      self->context = context;
      self->key = context;
      self->guard = delivery_add_source (self, context, &guard_funcs, G_PRIORITY_DEFAULT,
                                         "[cfut] guard");
      self->source = delivery_add_source (self, context, &main_funcs, DELIVERY_PRIORITY,
                                          "[cfut] delivery");
      cfut_delivery_unref (self);
      g_hash_table_insert (registry, context, self);
    }
  cfut_unlock (&registry_lock, CFUT_LOCK_REGISTRY);

  return self;
}

void
cfut_delivery_hold_locks (gboolean hold)
{
  GHashTableIter iter;
  gpointer delivery;

  if (hold)
    g_mutex_lock (&registry_lock);
  if (registry != NULL)
    {
      g_hash_table_iter_init (&iter, registry);
      while (g_hash_table_iter_next (&iter, NULL, &delivery))
        (hold ? g_mutex_lock : g_mutex_unlock) (&((CfutDelivery *) delivery)->lock);
    }
  if (!hold)
    g_mutex_unlock (&registry_lock);
}
