/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The owner's side of a future: what happens in its delivery queue, on its owner's context.
 *
 *   changed, settled --> scheduled --(loop)--> notify, done, callbacks, release
 *                            |     --(reap)--> release; kept if there is more to do, or may be
 *                            |     --(orphan)--> drop callbacks, release
 *
 * Threads: release and what adds on any; deliver on the thread that owns the context.
 * Locks: the cell's lock guards `dirty` and what it tells of.
 * Owns: one reference for each presence in the queue, and one while a delayed notification waits.
 * Invariants:
 * 1. SCHEDULED is set by who pushes and cleared by who took it from the queue, in one step with the
 *    count of references that came along.
 * 2. ANNOUNCED is set once, by a loop. Reaping keeps a future that somebody else still holds, since
 *    a handler may be connected to it yet.
 * 3. Between two notifications of a running future there is a sixtieth of a second; THROTTLED says
 *    that the next has its time already.
 * 4. The lines of a command are told before anything else of what they came before.
 * Not here: settling (cfut-future-settle.c), who tells of what begins (cfut-future-started.c), what
 *   changes while it runs (cfut-future-report.c). */

#include <string.h>

#include "core/cfut-thread-private.h"
#include "cfut-check-private.h"
#include "cfut-future-private.h"

/* At most 60 notifications of progress a second for each future. */
#define PROGRESS_USEC (G_USEC_PER_SEC / 60)

typedef struct {
  CfutNode node;
  CfutCallback callback;
  gpointer user_data;
  GDestroyNotify destroy;
} CallbackNode;

static void on_delayed (CfutDelayed     *delayed,
                        CfutDeliverMode  mode);

CfutFutureExtra *
cfut_future_get_extra (CfutFuture *self)
{
  CfutFutureExtra *extra = cfut_future_peek_extra (self);
  CfutFutureExtra *made;

  if (extra != NULL)
    return extra;

  made = g_slice_new0 (CfutFutureExtra);
  made->future = self;
  made->delayed.func = on_delayed;
  if (atomic_compare_exchange_strong_explicit (&self->extra, &extra, made, memory_order_acq_rel,
                                               memory_order_acquire))
    return made;

  g_slice_free (CfutFutureExtra, made);
  return extra;
}

/* One look in GObject's table of handlers tells for all signals; emitting to nobody, and
 * notifying nobody, would cost more. */
static inline gboolean
future_has_handlers (CfutFuture *self)
{
  return g_signal_handler_find (self, G_SIGNAL_MATCH_UNBLOCKED, 0, 0, NULL, NULL, NULL) != 0;
}

/* What a DIRECT callback leaves behind: its data goes on the owner's context. */
static const CfutNodeClass spent_node_class = {
  .kind = CFUT_NODE_CONTEXT,
};

static const CfutNodeClass context_node_class = {
  .kind = CFUT_NODE_CONTEXT,
};

static void
callback_node_free (CallbackNode *node)
{
  if (node->destroy != NULL)
    node->destroy (node->user_data);
  g_slice_free (CallbackNode, node);
}

static void
future_call_back (CfutFuture *self)
{
  CallbackNode *node;

  /* One by one, so that a main loop inside a callback goes on with the next. */
  while ((node = (CallbackNode *) cfut_cell_take_context_node (&self->cell, NULL)) != NULL)
    {
      if (node->node.klass == &context_node_class)
        {
          cfut_future_observe_failure (self);
          node->callback (self, node->user_data);
        }
      callback_node_free (node);
    }
}

static void
drop_callbacks (CfutFuture          *self,
                const CfutNodeClass *only)
{
  CallbackNode *node;

  while ((node = (CallbackNode *) cfut_cell_take_context_node (&self->cell, only)) != NULL)
    callback_node_free (node);
}

/* At the end of its life. */
void
cfut_future_drop_callbacks (CfutFuture *self)
{
  if (self->cell.nodes != NULL)
    drop_callbacks (self, NULL);
}

void
cfut_future_reap_submitted (CfutFuture *self)
{
  CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;

  if (klass->released == NULL || (klass->is_bare != NULL && klass->is_bare (self)))
    return;

  if (!(cfut_cell_set_flags (&self->cell, CFUT_CELL_REAPED) & CFUT_CELL_REAPED))
    klass->released (self);
}

/* Returns what changed, and what the state was when that was last shown. */
static CfutFutureDirty
future_take_dirty (CfutFuture *self,
                   CfutState  *shown)
{
  CfutFutureExtra *extra = cfut_future_peek_extra (self);
  CfutFutureDirty dirty;

  *shown = CFUT_STATE_PENDING;
  if (extra == NULL)
    return 0;

  cfut_cell_lock (&self->cell);
  dirty = extra->dirty;
  extra->dirty = 0;
  cfut_cell_unlock (&self->cell);
  *shown = extra->shown_state;

  return dirty;
}

static void
future_notify (CfutFuture *self,
               CfutState   state)
{
  CfutFutureExtra *extra = cfut_future_peek_extra (self);
  CfutState shown;
  CfutFutureDirty dirty = future_take_dirty (self, &shown);

  if (state != shown)
    {
      dirty |= CFUT_FUTURE_DIRTY_STATE;
      if (state == CFUT_STATE_RESOLVED)
        dirty |= CFUT_FUTURE_DIRTY_PROGRESS;
      if (extra != NULL)
        extra->shown_state = state;
    }

  cfut_future_notify (self, dirty);
}

/* TRUE: somebody was told. */
static gboolean
future_announce (CfutFuture *self,
                 guint       word)
{
  gboolean told = FALSE;

  if (!(word & CFUT_CELL_ANNOUNCED))
    {
      cfut_cell_set_flags (&self->cell, CFUT_CELL_ANNOUNCED);
      if (future_has_handlers (self))
        {
          told = TRUE;
          if (cfut_cell_state (word) == CFUT_STATE_REJECTED && cfut_future_has_observers (self))
            cfut_future_observe (self);
          if (cfut_future_has_watchers (self))
            future_notify (self, cfut_cell_state (word));
          cfut_future_emit_done (self);
        }
    }

  if (cfut_cell_load (&self->cell) & CFUT_CELL_HAS_NODES)
    {
      told = TRUE;
      future_call_back (self);
    }

  return told;
}

/* Whether nothing of a user's is freed with it: nor called, as weak references, and what else is
 * attached to an object, is in qdata. */
static inline gboolean
future_is_plain (CfutFuture *self)
{
  CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;

  return self->value.g_type == G_TYPE_INVALID && cfut_future_peek_extra (self) == NULL &&
         g_atomic_pointer_get (&((GObject *) self)->qdata) == NULL &&
         klass->is_bare != NULL && klass->is_bare (self);
}

static void
on_delayed (CfutDelayed     *delayed,
            CfutDeliverMode  mode)
{
  CfutFutureExtra *extra =
    (CfutFutureExtra *) ((char *) delayed - G_STRUCT_OFFSET (CfutFutureExtra, delayed));
  CfutFuture *self = extra->future;
  guint word;

  word = cfut_cell_clear_flags (&self->cell, CFUT_CELL_THROTTLED | CFUT_CELL_CHANGED);

  /* Once it has settled, the announcement tells the last of it. */
  if (mode == CFUT_DELIVER_LOOP && (word & CFUT_CELL_CHANGED) && !cfut_cell_settled (word))
    {
      extra->notified_usec = g_get_monotonic_time ();
      future_notify (self, cfut_cell_state (word));
    }

  g_object_unref (self);
}

/* Something changed while it is not settled. Too soon after the last time: later. */
static void
future_show_changes (CfutFuture *self,
                     guint       word)
{
  CfutFutureExtra *extra = cfut_future_get_extra (self);
  gint64 now = g_get_monotonic_time ();

  if (!(word & CFUT_CELL_CHANGED) || (word & CFUT_CELL_THROTTLED))
    return;

  if (now >= extra->notified_usec + PROGRESS_USEC)
    {
      cfut_cell_clear_flags (&self->cell, CFUT_CELL_CHANGED);
      extra->notified_usec = now;
      future_notify (self, cfut_cell_state (word));
      return;
    }

  cfut_cell_set_flags (&self->cell, CFUT_CELL_THROTTLED);
  g_object_ref (self);
  cfut_owner_delay (self->owner, &extra->delayed, extra->notified_usec + PROGRESS_USEC);
}

static inline guint
future_count_references (CfutFuture *self)
{
  return (guint) g_atomic_int_get ((gint *) &G_OBJECT (self)->ref_count);
}

/* How many references the queue holds, as the word of a scheduled future tells. */
static inline guint
queue_references (guint word)
{
  return 1 + ((word & CFUT_CELL_RELEASE_MASK) >> CFUT_CELL_RELEASE_SHIFT);
}

static void
future_unref_many (CfutFuture *self,
                   guint       n)
{
  while (n-- > 0)
    g_object_unref (self);
}

/* Without a loop: release what was submitted, and the future if nobody else holds it and nobody
 * waits for what only a loop may do. TRUE: keep. */
static gboolean
future_reap (CfutFuture *self)
{
  guint word = cfut_cell_load (&self->cell);

  if (cfut_cell_settled (word))
    {
      if (!(word & (CFUT_CELL_ENTERED | CFUT_CELL_REAPED)))
        cfut_future_reap_submitted (self);
      if (word & CFUT_CELL_HAS_NODES)
        drop_callbacks (self, &spent_node_class);

      word = cfut_cell_load (&self->cell);
      if (word & CFUT_CELL_HAS_NODES)
        return TRUE;
      if (!(word & CFUT_CELL_ANNOUNCED) &&
          (future_count_references (self) > queue_references (word) || future_has_handlers (self)))
        return TRUE;
    }

  /* Changes of one that still runs stay marked, and are shown by the next that is scheduled. One
   * that settles meanwhile counts on us: look again. */
  for (;;)
    {
      guint before = word;

      if (!atomic_compare_exchange_strong_explicit (&self->cell.word, &word,
                                                    word & ~(CFUT_CELL_SCHEDULED |
                                                             CFUT_CELL_RELEASE_MASK),
                                                    memory_order_acq_rel, memory_order_acquire))
        {
          if (cfut_cell_settled (word) != cfut_cell_settled (before) ||
              (cfut_cell_settled (word) && (word & CFUT_CELL_HAS_NODES)))
            return future_reap (self);
          continue;
        }

      future_unref_many (self, queue_references (before));
      return FALSE;
    }
}

/* What was submitted is there still: a wait without a loop may have released it. */
static inline gboolean
has_lines (guint word)
{
  return (word & (CFUT_CELL_LINES | CFUT_CELL_REAPED)) == CFUT_CELL_LINES;
}

/* Still scheduled, so that nobody else puts it into the queue. TRUE: it is there again, as this
 * takes long. */
static gboolean
future_tell_lines (CfutFuture *self)
{
  while (has_lines (cfut_cell_clear_flags (&self->cell, CFUT_CELL_LINES)))
    if (cfut_future_peek_extra (self)->tell_lines (self))
      {
        cfut_cell_set_flags (&self->cell, CFUT_CELL_LINES);
        cfut_owner_push (self->owner, &self->item);
        return TRUE;
      }

  return FALSE;
}

void
cfut_future_tell_all_lines (CfutFuture *self)
{
  if (!cfut_owner_is_context_here (self->owner))
    return;

  while (has_lines (cfut_cell_clear_flags (&self->cell, CFUT_CELL_LINES)))
    while (cfut_future_peek_extra (self)->tell_lines (self))
      continue;
}

/* What came between the last look and now, when it was taken from the queue. */
static void
future_tell_late_lines (CfutFuture *self,
                        guint       word)
{
  if (cfut_cell_settled (word))
    cfut_future_tell_all_lines (self);
  else
    cfut_future_lines_came (self);
}

static gboolean
future_deliver (CfutItem        *item,
                CfutDeliverMode  mode)
{
  CfutFuture *self = (CfutFuture *) ((char *) item - G_STRUCT_OFFSET (CfutFuture, item));
  gboolean brief = FALSE;
  guint word;

  if (mode == CFUT_DELIVER_REAP)
    return future_reap (self);

  if (G_UNLIKELY (cfut_cell_load (&self->cell) & CFUT_CELL_LINES) && mode == CFUT_DELIVER_LOOP &&
      future_tell_lines (self))
    return TRUE;

  word = cfut_cell_clear_flags (&self->cell, CFUT_CELL_SCHEDULED | CFUT_CELL_RELEASE_MASK);
  if (G_UNLIKELY (has_lines (word)) && mode == CFUT_DELIVER_LOOP)
    future_tell_late_lines (self, word);

  if (cfut_cell_settled (word))
    {
      brief = !(word & CFUT_CELL_HAS_NODES) && future_is_plain (self);
      if (mode == CFUT_DELIVER_LOOP)
        brief = !future_announce (self, word) && brief;
      else
        drop_callbacks (self, NULL);
      if (!(word & CFUT_CELL_ENTERED))
        cfut_future_reap_submitted (self);
    }
  else if (mode == CFUT_DELIVER_LOOP)
    {
      future_show_changes (self, word);
    }

  future_unref_many (self, queue_references (word));
  return !brief;
}

/* Not while it has anything to release: that goes in any case, and may do anything, with the future
 * out of the queue. */
static gboolean
future_is_held (CfutItem *item)
{
  CfutFuture *self = (CfutFuture *) ((char *) item - G_STRUCT_OFFSET (CfutFuture, item));
  CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;
  guint word = cfut_cell_load (&self->cell);

  if (!cfut_cell_settled (word) || (word & (CFUT_CELL_HAS_NODES | CFUT_CELL_ANNOUNCED)))
    return FALSE;
  if (!(word & (CFUT_CELL_ENTERED | CFUT_CELL_REAPED)) && klass->holds_data != NULL &&
      klass->holds_data (self))
    return FALSE;

  return (guint) g_atomic_int_get ((gint *) &G_OBJECT (self)->ref_count) > queue_references (word);
}

const CfutItemClass cfut_future_item_class = {
  .deliver = future_deliver,
  .is_held = future_is_held,
  .is_brief = TRUE,
};

typedef struct {
  CfutItem item;
  CfutFuture *future;  /* (nullable) */
  GValue value;
} ReleaseItem;

static gboolean
release_deliver (CfutItem        *item,
                 CfutDeliverMode  mode)
{
  ReleaseItem *self = (ReleaseItem *) item;

  g_clear_object (&self->future);
  if (self->value.g_type != G_TYPE_INVALID)
    g_value_unset (&self->value);
  g_slice_free (ReleaseItem, self);
  return FALSE;
}

static const CfutItemClass release_item_class = {
  .deliver = release_deliver,
};

/* A value that was set by a running function and then is not to be the result. It is empty
 * after. */
void
cfut_future_discard_value (CfutFuture *self,
                           GValue     *value)
{
  ReleaseItem *item;

  if (value->g_type == G_TYPE_INVALID)
    return;

  item = g_slice_new0 (ReleaseItem);
  item->item.klass = &release_item_class;
  item->value = *value;
  memset (value, 0, sizeof (GValue));
  cfut_owner_push (self->owner, &item->item);
}

/* Gives one reference to the delivery queue. */
void
cfut_future_hand_over (CfutFuture *self)
{
  gboolean full;

  if (cfut_cell_hand_over (&self->cell, &full))
    {
      cfut_owner_push (self->owner, &self->item);
    }
  else if (full)
    {
      ReleaseItem *item = g_slice_new0 (ReleaseItem);

      item->item.klass = &release_item_class;
      item->future = self;
      cfut_owner_push (self->owner, &item->item);
    }
}

void
cfut_future_release (CfutFuture *self)
{
  if (cfut_owner_is_context_here (self->owner))
    g_object_unref (self);
  else
    cfut_future_hand_over (self);
}

/* Whoever settles it schedules it; once it has settled, that is up to who adds. */
static void
future_add_context_node (CfutFuture *self,
                         CfutNode   *node)
{
  cfut_cell_add (&self->cell, node);

  if (cfut_cell_settled (cfut_cell_load (&self->cell)) &&
      !(cfut_cell_set_flags (&self->cell, CFUT_CELL_SCHEDULED) & CFUT_CELL_SCHEDULED))
    {
      g_object_ref (self);
      cfut_owner_push (self->owner, &self->item);
    }
}

static void
direct_node_settled (CfutNode   *node,
                     CfutFuture *future,
                     CfutState   state)
{
  CallbackNode *self = (CallbackNode *) node;

  cfut_future_observe_failure (future);
  self->callback (future, self->user_data);

  if (self->destroy == NULL)
    {
      callback_node_free (self);
      return;
    }

  node->klass = &spent_node_class;
  future_add_context_node (future, node);
}

static const CfutNodeClass direct_node_class = {
  .kind = CFUT_NODE_DIRECT,
  .settled = direct_node_settled,
};

/**
 * cfut_future_add_done_callback:
 * @self: a future
 * @flags: where to call
 * @callback: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: data for @callback
 * @destroy: (nullable): frees @user_data; called on the owner's main context, also with
 *   %CFUT_CALLBACK_DIRECT
 *
 * Has a function called when the future has settled; if it has already, then in the next iteration
 * of the owner's main context. It is called exactly once, after the handlers of
 * [signal@Cfut.Future::done], in the order in which callbacks were added.
 *
 * With %CFUT_CALLBACK_DIRECT it is called on the thread that settles the future, or at once on this
 * one. Bound languages other than C, Vala and Python must not use that.
 *
 * May be called on any thread. If the owner's main context goes away before, the callback is
 * dropped and @destroy is called on the default main context.
 *
 * Since: 1.0
 */
void
cfut_future_add_done_callback (CfutFuture        *self,
                               CfutCallbackFlags  flags,
                               CfutCallback       callback,
                               gpointer           user_data,
                               GDestroyNotify     destroy)
{
  CallbackNode *node;

  g_return_if_fail (CFUT_CHECK (self, CFUT_IS_FUTURE));
  g_return_if_fail (callback != NULL);

  node = g_slice_new (CallbackNode);
  node->node.klass = flags & CFUT_CALLBACK_DIRECT ? &direct_node_class : &context_node_class;
  node->callback = callback;
  node->user_data = user_data;
  node->destroy = destroy;

  if (!(flags & CFUT_CALLBACK_DIRECT))
    future_add_context_node (self, &node->node);
  else if (!cfut_cell_add (&self->cell, &node->node))
    direct_node_settled (&node->node, self, cfut_future_get_state (self));
}
