/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The future: a cell and its result in a GObject, with an owner to whom it is announced.
 *
 * Who settles it writes the result, closes the cell's list, serves the nodes that were in it, and hands the
 * future to its owner's delivery queue. There, on the owner's main context, it notifies and
 * emits, calls back, and lets go of what was submitted with it.
 *
 * Threads: getters, wait, cancel and add_done_callback on any. Signals, notifications, callbacks (but
 *   DIRECT ones), destroy notifies and the library's own unrefs on the owner's context.
 * Locks: the cell's lock bit guards the value until the future has settled, and the fields of the
 *   extra part that say so. Nothing of a user's runs under it, and nothing is freed.
 * Owns: its value, its extra part, a reference on its owner.
 * Invariants:
 * 1. The value is written before the state settles and never after, so whoever has seen a settled state reads
 *    it without a lock.
 * 2. Each presence in the owner's queue, and each count of CFUT_CELL_RELEASE_ONE, owns a reference.
 * 3. A future that settled is announced by a loop of its owner's once; reaping never announces, and keeps
 *    what somebody else still holds, since a handler may be connected to it yet.
 * Not here: the function that a task runs (cfut-task.c), waiting in a main loop
 * (cfut-future-async.c), groups. */

#include <glib/gi18n-lib.h>

#include "core/cfut-thread-private.h"
#include "cfut-error.h"
#include "cfut-future-private.h"
#include "cfut-value-private.h"
#include "cfut-wait-private.h"

/**
 * CfutFuture:
 *
 * The read side of a computation: its state, its result or its error, and how far it has come.
 *
 * Futures are made by executors ([method@Cfut.Executor.submit]) and promises ([class@Cfut.Promise]).
 * A future settles exactly once, and always.
 *
 * A future belongs to its owner: the thread-default main context and the thread of the submission. Its
 * signals, notifications and callbacks come on that context, in this order: last progress, `state`,
 * [signal@Cfut.Future::done], callbacks, [method@Cfut.Future.wait_async]. All methods may be called on
 * any thread, and getters always tell the present.
 *
 * Since: 1.0
 */

/* At most 60 notifications of progress a second for each future. */
#define PROGRESS_USEC (G_USEC_PER_SEC / 60)

typedef enum {
  DIRTY_PROGRESS = 1 << 0,
  DIRTY_MESSAGE = 1 << 1,
  DIRTY_NAME = 1 << 2
} Dirty;

struct _CfutFutureExtra {
  /* Guarded by the cell's lock */
  char *name;
  char *message;
  GCancellable *cancellable;
  guint64 done;
  guint64 total;
  Dirty dirty;

  /* Owning context only */
  CfutFuture *future;
  CfutDelayed delayed;
  gint64 notified_usec;
  CfutState shown_state;

};

typedef struct {
  CfutNode node;
  CfutCallback callback;
  gpointer user_data;
  GDestroyNotify destroy;
} CallbackNode;

typedef enum {
  PROP_STATE = 1,
  PROP_FRACTION,
  PROP_MESSAGE,
  PROP_NAME
} FutureProperty;

static GParamSpec *properties[PROP_NAME + 1];
static guint done_signal;

G_DEFINE_ABSTRACT_TYPE (CfutFuture, cfut_future, G_TYPE_OBJECT)

static void on_delayed (CfutDelayed     *delayed,
                        CfutDeliverMode  mode);

static inline CfutFutureExtra *
future_peek_extra (CfutFuture *self)
{
  return atomic_load_explicit (&self->extra, memory_order_acquire);
}

static CfutFutureExtra *
future_get_extra (CfutFuture *self)
{
  CfutFutureExtra *extra = future_peek_extra (self);
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
        node->callback (self, node->user_data);
      callback_node_free (node);
    }
}

static void
future_drop_callbacks (CfutFuture          *self,
                       const CfutNodeClass *only)
{
  CallbackNode *node;

  while ((node = (CallbackNode *) cfut_cell_take_context_node (&self->cell, only)) != NULL)
    callback_node_free (node);
}

static void
future_reap_submitted (CfutFuture *self)
{
  CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;

  if (!(cfut_cell_set_flags (&self->cell, CFUT_CELL_REAPED) & CFUT_CELL_REAPED) &&
      klass->released != NULL)
    klass->released (self);
}

/* Returns what changed, and what the state was when that was last shown. */
static Dirty
future_take_dirty (CfutFuture *self,
                   CfutState  *shown)
{
  CfutFutureExtra *extra = future_peek_extra (self);
  Dirty dirty;

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
  CfutState shown;
  Dirty dirty = future_take_dirty (self, &shown);

  if (dirty & DIRTY_NAME)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_NAME]);
  if (dirty & DIRTY_PROGRESS || (state == CFUT_STATE_RESOLVED && shown != state))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FRACTION]);
  if (dirty & DIRTY_MESSAGE)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MESSAGE]);

  if (state != shown)
    {
      CfutFutureExtra *extra = future_peek_extra (self);

      if (extra != NULL)
        extra->shown_state = state;
      g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
    }
}

static void
future_announce (CfutFuture *self,
                 guint       word)
{
  if (!(word & CFUT_CELL_ANNOUNCED))
    {
      cfut_cell_set_flags (&self->cell, CFUT_CELL_ANNOUNCED);
      if (future_has_handlers (self))
        {
          future_notify (self, cfut_cell_state (word));
          g_signal_emit (self, done_signal, 0);
        }
    }

  if (cfut_cell_load (&self->cell) & CFUT_CELL_HAS_NODES)
    future_call_back (self);
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
  CfutFutureExtra *extra = future_get_extra (self);
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
      future_reap_submitted (self);
      if (word & CFUT_CELL_HAS_NODES)
        future_drop_callbacks (self, &spent_node_class);

      word = cfut_cell_load (&self->cell);
      if (word & CFUT_CELL_HAS_NODES)
        return TRUE;
      if (!(word & CFUT_CELL_ANNOUNCED) &&
          ((guint) g_atomic_int_get ((gint *) &G_OBJECT (self)->ref_count) > queue_references (word) ||
           future_has_handlers (self)))
        return TRUE;
    }

  /* Changes of one that still runs stay marked, and are shown by the next that is scheduled. One that
   * settles meanwhile counts on us: look again. */
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

static gboolean
future_deliver (CfutItem        *item,
                CfutDeliverMode  mode)
{
  CfutFuture *self = (CfutFuture *) ((char *) item - G_STRUCT_OFFSET (CfutFuture, item));
  guint word;

  if (mode == CFUT_DELIVER_REAP)
    return future_reap (self);

  word = cfut_cell_clear_flags (&self->cell, CFUT_CELL_SCHEDULED | CFUT_CELL_RELEASE_MASK);

  if (cfut_cell_settled (word))
    {
      if (mode == CFUT_DELIVER_LOOP)
        future_announce (self, word);
      else
        future_drop_callbacks (self, NULL);
      future_reap_submitted (self);
    }
  else if (mode == CFUT_DELIVER_LOOP)
    {
      future_show_changes (self, word);
    }

  future_unref_many (self, queue_references (word));
  return FALSE;
}

static const CfutItemClass future_item_class = {
  .deliver = future_deliver,
};

/* Something that a UI shows has changed: schedules the future if anybody listens. */
static void
future_changed (CfutFuture *self)
{
  guint word;

  if (!future_has_handlers (self))
    return;

  word = atomic_load_explicit (&self->cell.word, memory_order_relaxed);
  do
    {
      if (cfut_cell_settled (word))
        return;
    }
  while (!atomic_compare_exchange_weak_explicit (&self->cell.word, &word,
                                                 word | CFUT_CELL_CHANGED |
                                                   (word & CFUT_CELL_THROTTLED
                                                      ? 0 : CFUT_CELL_SCHEDULED),
                                                 memory_order_acq_rel, memory_order_relaxed));

  if (!(word & (CFUT_CELL_THROTTLED | CFUT_CELL_SCHEDULED)))
    {
      g_object_ref (self);
      cfut_owner_push (self->owner, &self->item);
    }
}

static void
serve (CfutNode   *nodes,
       CfutFuture *self,
       CfutState   state)
{
  while (nodes != NULL)
    {
      CfutNode *node = nodes;

      nodes = node->next;
      node->klass->settled (node, self, state);
    }
}

/* What is left to do once the word says settled. Takes one reference of the caller's, which is the
 * delivery queue's from here. Blocked threads come after the hand-over, so that what they
 * reap first is what they waited for; only a callback that may block goes behind them. */
static void
future_settled (CfutFuture *self,
                CfutState   state,
                guint       before,
                CfutNode   *nodes[CFUT_NODE_CONTEXT])
{
  serve (nodes[CFUT_NODE_INTERNAL], self, state);

  if (nodes[CFUT_NODE_DIRECT] != NULL)
    {
      serve (nodes[CFUT_NODE_WAIT], self, state);
      nodes[CFUT_NODE_WAIT] = NULL;
      serve (nodes[CFUT_NODE_DIRECT], self, state);
    }

  if (!(before & CFUT_CELL_SCHEDULED))
    cfut_owner_push (self->owner, &self->item);

  serve (nodes[CFUT_NODE_WAIT], self, state);
  serve (nodes[CFUT_NODE_LATE], self, state);
}

static inline void
value_take_error (GValue *value,
                  GError *error)
{
  g_value_init (value, G_TYPE_ERROR);
  g_value_take_boxed (value, error);
}

static GError *
cancelled_error (void)
{
  return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The task was cancelled"));
}

/* Under the cell's lock: it will not be run any more, though the queue holds it still. */
static void
future_unqueue (CfutFuture *self,
                guint       word)
{
  CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;

  if ((word & CFUT_CELL_QUEUED) && klass->unqueued != NULL)
    klass->unqueued (self);
}

static gboolean
future_settle_below (CfutFuture *self,
                     CfutState   below,
                     CfutState   to,
                     GValue     *value,
                     GError     *error)
{
  CfutNode *nodes[CFUT_NODE_CONTEXT] = { NULL, };
  guint before = cfut_cell_lock (&self->cell);

  if (cfut_cell_state (before) >= below)
    {
      cfut_cell_unlock (&self->cell);
      g_clear_error (&error);
      if (value != NULL && value->g_type != G_TYPE_INVALID)
        g_value_unset (value);
      return FALSE;
    }

  if (error != NULL)
    value_take_error (&self->value, error);
  else if (value != NULL)
    self->value = *value;
  future_unqueue (self, before);

  g_object_ref (self);
  before = cfut_cell_settle_locked (&self->cell, to, nodes);
  future_settled (self, to, before, nodes);
  return TRUE;
}

gboolean
cfut_future_settle (CfutFuture *self,
                    CfutState   to,
                    GValue     *value,
                    GError     *error)
{
  return future_settle_below (self, CFUT_STATE_RESOLVED, to, value, error);
}

gboolean
cfut_future_reject_pending (CfutFuture *self,
                            GError     *error)
{
  return future_settle_below (self, CFUT_STATE_RUNNING, CFUT_STATE_REJECTED, NULL, error);
}

/* PENDING to RUNNING. FALSE: it has settled. */
gboolean
cfut_future_start (CfutFuture *self)
{
  if (!cfut_cell_start (&self->cell))
    return FALSE;

  future_changed (self);
  return TRUE;
}

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

/* A value that was set by a running function and then is not to be the result. It is empty after. */
static void
future_discard_value (CfutFuture *self,
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

static CfutState
state_after_run (CfutFuture  *self,
                 gboolean     success,
                 GError     **error)
{
  if (success && *error == NULL)
    return CFUT_STATE_RESOLVED;

  if (*error == NULL)
    *error = g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED,
                                  _("The function failed and set no error"));

  return g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED) &&
         cfut_future_cancel_requested (self) ? CFUT_STATE_CANCELLED : CFUT_STATE_REJECTED;
}

void
cfut_future_finish_run (CfutFuture *self,
                        gboolean    success,
                        GError     *error)
{
  CfutNode *nodes[CFUT_NODE_CONTEXT] = { NULL, };
  CfutState state = state_after_run (self, success, &error);
  guint before;

  if (error == NULL && cfut_cell_try_settle (&self->cell, state, &before))
    {
      if (!(before & CFUT_CELL_SCHEDULED))
        cfut_owner_push (self->owner, &self->item);
      return;
    }

  if (error != NULL)
    future_discard_value (self, &self->value);

  before = cfut_cell_lock (&self->cell);
  if (cfut_cell_settled (before))
    {
      cfut_cell_unlock (&self->cell);
      g_clear_error (&error);
      cfut_future_release (self);
      return;
    }

  if (error != NULL)
    value_take_error (&self->value, error);
  before = cfut_cell_settle_locked (&self->cell, state, nodes);
  future_settled (self, state, before, nodes);
}

/* Of the function that runs; the last one stands. */
void
cfut_future_take_value (CfutFuture *self,
                        GValue     *value)
{
  GValue old;
  guint word = cfut_cell_lock (&self->cell);

  if (cfut_cell_settled (word))
    {
      old = *value;
    }
  else
    {
      old = self->value;
      self->value = *value;
    }
  cfut_cell_unlock (&self->cell);

  future_discard_value (self, &old);
}

void
cfut_future_report_progress (CfutFuture *self,
                             guint64     done,
                             guint64     total)
{
  CfutFutureExtra *extra = future_get_extra (self);
  gboolean changed = FALSE;
  guint word;

  if (total > 0)
    done = MIN (done, total);
  word = cfut_cell_lock (&self->cell);
  if (!cfut_cell_settled (word) && (extra->done != done || extra->total != total))
    {
      changed = TRUE;
      extra->done = done;
      extra->total = total;
      extra->dirty |= DIRTY_PROGRESS;
    }
  cfut_cell_unlock (&self->cell);

  if (changed)
    {
      cfut_cell_walk_progress (&self->cell, done, total);
      future_changed (self);
    }
}

void
cfut_future_report_message (CfutFuture *self,
                            const char *message)
{
  CfutFutureExtra *extra = future_get_extra (self);
  char *old = g_strdup (message);
  gboolean changed = FALSE;
  guint word;

  word = cfut_cell_lock (&self->cell);
  if (!cfut_cell_settled (word) && g_strcmp0 (extra->message, message) != 0)
    {
      char *copy = old;

      changed = TRUE;
      old = extra->message;
      extra->message = copy;
      extra->dirty |= DIRTY_MESSAGE;
    }
  cfut_cell_unlock (&self->cell);

  g_free (old);
  if (changed)
    future_changed (self);
}

gboolean
cfut_future_cancel_requested (CfutFuture *self)
{
  return (cfut_cell_load (&self->cell) & CFUT_CELL_CANCEL_REQUESTED) != 0;
}

/* (transfer none): made on first use, as long-lived as the future. */
GCancellable *
cfut_future_cancellable (CfutFuture *self)
{
  CfutFutureExtra *extra = future_get_extra (self);
  GCancellable *made = g_cancellable_new ();
  GCancellable *cancellable;
  guint word;

  word = cfut_cell_lock (&self->cell);
  if (extra->cancellable == NULL)
    extra->cancellable = g_steal_pointer (&made);
  cancellable = extra->cancellable;
  cfut_cell_unlock (&self->cell);

  g_clear_object (&made);
  if (word & CFUT_CELL_CANCEL_REQUESTED)
    g_cancellable_cancel (cancellable);

  return cancellable;
}

gboolean
cfut_future_add_node (CfutFuture *self,
                      CfutNode   *node)
{
  return cfut_cell_add (&self->cell, node);
}

gboolean
cfut_future_remove_node (CfutFuture *self,
                         CfutNode   *node)
{
  return cfut_cell_remove (&self->cell, node);
}

CfutOwner *
cfut_future_get_owner (CfutFuture *self)
{
  return self->owner;
}

void
cfut_future_release (CfutFuture *self)
{
  gboolean full;

  if (cfut_owner_is_context_here (self->owner))
    {
      g_object_unref (self);
    }
  else if (cfut_cell_hand_over (&self->cell, &full))
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
cfut_future_init_owner (CfutFuture *self,
                        CfutOwner  *owner)
{
  self->owner = cfut_owner_ref (owner);
}

static void
cfut_future_finalize (GObject *object)
{
  CfutFuture *self = (CfutFuture *) object;
  CfutFutureExtra *extra = future_peek_extra (self);

  future_reap_submitted (self);
  if (self->cell.nodes != NULL)
    future_drop_callbacks (self, NULL);
  if (self->value.g_type != G_TYPE_INVALID)
    g_value_unset (&self->value);
  if (extra != NULL)
    {
      g_free (extra->name);
      g_free (extra->message);
      g_clear_object (&extra->cancellable);
      g_slice_free (CfutFutureExtra, extra);
    }
  if (self->owner != NULL)
    cfut_owner_unref (self->owner);

  G_OBJECT_CLASS (cfut_future_parent_class)->finalize (object);
}

static void
cfut_future_get_property (GObject    *object,
                          guint       id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  CfutFuture *self = CFUT_FUTURE (object);

  switch ((FutureProperty) id)
    {
    case PROP_STATE:
      g_value_set_enum (value, cfut_future_get_state (self));
      break;
    case PROP_FRACTION:
      g_value_set_double (value, cfut_future_get_fraction (self));
      break;
    case PROP_MESSAGE:
      g_value_take_string (value, cfut_future_dup_message (self));
      break;
    case PROP_NAME:
      g_value_take_string (value, cfut_future_dup_name (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_future_set_property (GObject      *object,
                          guint         id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  CfutFuture *self = CFUT_FUTURE (object);

  switch ((FutureProperty) id)
    {
    case PROP_NAME:
      cfut_future_set_name (self, g_value_get_string (value));
      break;
    case PROP_STATE:
    case PROP_FRACTION:
    case PROP_MESSAGE:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_future_class_init (CfutFutureClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = cfut_future_finalize;
  object_class->get_property = cfut_future_get_property;
  object_class->set_property = cfut_future_set_property;

  /**
   * CfutFuture:state: (getter get_state)
   *
   * Where the future stands. Notified on the owner's context; states that pass between two
   * deliveries are not notified one by one.
   *
   * Since: 1.0
   */
  properties[PROP_STATE] =
    g_param_spec_enum ("state", NULL, NULL, CFUT_TYPE_STATE, CFUT_STATE_PENDING,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * CfutFuture:fraction: (getter get_fraction)
   *
   * How much is done, from 0 to 1; 1 when resolved, 0 where nothing is known. Notified at
   * most 60 times a second, and the last value always before [signal@Cfut.Future::done].
   *
   * Since: 1.0
   */
  properties[PROP_FRACTION] =
    g_param_spec_double ("fraction", NULL, NULL, 0.0, 1.0, 0.0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * CfutFuture:message: (getter dup_message)
   *
   * What the task says of itself, for people. Notified like [property@Cfut.Future:fraction].
   *
   * Since: 1.0
   */
  properties[PROP_MESSAGE] =
    g_param_spec_string ("message", NULL, NULL, NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * CfutFuture:name: (getter dup_name) (setter set_name)
   *
   * What the future is called in lists and reports.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] =
    g_param_spec_string ("name", NULL, NULL, NULL,
                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);

  /**
   * CfutFuture::done:
   * @self: the future
   *
   * The future has settled. Emitted once, on the owner's main context, before the callbacks. A handler that is
   * connected before the program returns to its main loop is never missed; one that
   * is connected to a future which was announced already is not called.
   *
   * Since: 1.0
   */
  done_signal = g_signal_new ("done", CFUT_TYPE_FUTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                              g_cclosure_marshal_VOID__VOID, G_TYPE_NONE, 0);
}

static void
cfut_future_init (CfutFuture *self)
{
  self->item.klass = &future_item_class;
}

/**
 * cfut_future_get_state: (get-property state)
 * @self: a future
 *
 * Tells where the future stands at this moment. May be called on any thread.
 *
 * Returns: the state
 *
 * Since: 1.0
 */
CfutState
cfut_future_get_state (CfutFuture *self)
{
  g_return_val_if_fail (CFUT_IS_FUTURE (self), CFUT_STATE_PENDING);

  return cfut_cell_state (cfut_cell_load (&self->cell));
}

/**
 * cfut_future_is_settled:
 * @self: a future
 *
 * Tells whether the future is resolved, rejected or cancelled. May be called on any thread.
 *
 * Returns: whether it has settled
 *
 * Since: 1.0
 */
gboolean
cfut_future_is_settled (CfutFuture *self)
{
  g_return_val_if_fail (CFUT_IS_FUTURE (self), FALSE);

  return cfut_cell_settled (cfut_cell_load (&self->cell));
}

/**
 * cfut_future_cancel:
 * @self: a future
 *
 * Cancels the future, or asks for it.
 *
 * What has not started is cancelled at once, everywhere. What is running is asked to stop through its
 * [method@Cfut.Task.get_cancellable] and [method@Cfut.Task.checkpoint]: if its function then fails with
 * %G_IO_ERROR_CANCELLED the future becomes cancelled, if it still succeeds it is resolved. May be
 * called on any thread; handlers of that cancellable run on this one.
 *
 * Returns: %TRUE if the future is cancelled now; %FALSE if it has settled otherwise, or is
 *   running and was asked
 *
 * Since: 1.0
 */
gboolean
cfut_future_cancel (CfutFuture *self)
{
  CfutNode *nodes[CFUT_NODE_CONTEXT] = { NULL, };
  CfutFutureExtra *extra;
  GCancellable *cancellable = NULL;
  GError *error;
  guint word;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), FALSE);

  word = cfut_cell_load (&self->cell);
  if (cfut_cell_settled (word))
    return cfut_cell_state (word) == CFUT_STATE_CANCELLED;

  error = cancelled_error ();

  word = cfut_cell_lock (&self->cell);
  extra = future_peek_extra (self);
  if (extra != NULL && extra->cancellable != NULL && !cfut_cell_settled (word))
    cancellable = g_object_ref (extra->cancellable);
  cfut_cell_set_flags (&self->cell, CFUT_CELL_CANCEL_REQUESTED);

  if (cfut_cell_state (word) == CFUT_STATE_PENDING)
    {
      g_object_ref (self);
      value_take_error (&self->value, g_steal_pointer (&error));
      future_unqueue (self, word);
      word = cfut_cell_settle_locked (&self->cell, CFUT_STATE_CANCELLED, nodes);
      future_settled (self, CFUT_STATE_CANCELLED, word, nodes);
    }
  else
    {
      cfut_cell_unlock (&self->cell);
    }

  if (cancellable != NULL)
    {
      g_cancellable_cancel (cancellable);
      g_object_unref (cancellable);
    }
  g_clear_error (&error);

  return cfut_future_get_state (self) == CFUT_STATE_CANCELLED;
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
 * Has a function called when the future has settled; if it has already, then in the next iteration of the
 * owner's main context. It is called exactly once, after the handlers of
 * [signal@Cfut.Future::done], in the order in which callbacks were added.
 *
 * With %CFUT_CALLBACK_DIRECT it is called on the thread that settles the future, or at once on this
 * one. Bound languages other than C, Vala and Python must not use that.
 *
 * May be called on any thread. If the owner's main context goes away before, the callback is dropped and
 * @destroy is called on the default main context.
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

  g_return_if_fail (CFUT_IS_FUTURE (self));
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

/**
 * cfut_future_dup_name: (get-property name)
 * @self: a future
 *
 * Returns what the future is called. May be called on any thread.
 *
 * Returns: (transfer full) (nullable): the name
 *
 * Since: 1.0
 */
char *
cfut_future_dup_name (CfutFuture *self)
{
  CfutFutureExtra *extra;
  char *name;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);

  extra = future_peek_extra (self);
  if (extra == NULL)
    return NULL;

  cfut_cell_lock (&self->cell);
  name = g_strdup (extra->name);
  cfut_cell_unlock (&self->cell);

  return name;
}

/**
 * cfut_future_set_name: (set-property name)
 * @self: a future
 * @name: (nullable): what to call it
 *
 * Names the future, for lists and reports. May be called on any thread; the notification comes on the
 * owner's context, at once if that is here.
 *
 * Since: 1.0
 */
void
cfut_future_set_name (CfutFuture *self,
                      const char *name)
{
  CfutFutureExtra *extra;
  gboolean here;
  char *copy;
  char *old;

  g_return_if_fail (CFUT_IS_FUTURE (self));

  extra = future_get_extra (self);
  here = cfut_owner_is_context_here (self->owner);
  copy = g_strdup (name);
  cfut_cell_lock (&self->cell);
  old = extra->name;
  extra->name = copy;
  if (!here)
    extra->dirty |= DIRTY_NAME;
  cfut_cell_unlock (&self->cell);
  g_free (old);

  if (here)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_NAME]);
  else
    future_changed (self);
}

/**
 * cfut_future_get_fraction: (get-property fraction)
 * @self: a future
 *
 * Tells how much is done. May be called on any thread.
 *
 * Returns: from 0 to 1; 1 when resolved, 0 where nothing is known
 *
 * Since: 1.0
 */
double
cfut_future_get_fraction (CfutFuture *self)
{
  guint64 done;
  guint64 total;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), 0.0);

  if (cfut_future_get_state (self) == CFUT_STATE_RESOLVED)
    return 1.0;

  cfut_future_get_progress (self, &done, &total);
  return total > 0 ? (double) done / (double) total : 0.0;
}

/**
 * cfut_future_get_progress:
 * @self: a future
 * @done: (out) (optional): how much is done, in units of the task's choice
 * @total: (out) (optional): how much there is; 0 when that is not known
 *
 * Returns the progress that was last reported. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_future_get_progress (CfutFuture *self,
                          guint64    *done,
                          guint64    *total)
{
  CfutFutureExtra *extra;
  guint64 is_done = 0;
  guint64 of_total = 0;

  g_return_if_fail (CFUT_IS_FUTURE (self));

  extra = future_peek_extra (self);
  if (extra != NULL)
    {
      cfut_cell_lock (&self->cell);
      is_done = extra->done;
      of_total = extra->total;
      cfut_cell_unlock (&self->cell);
    }

  if (done != NULL)
    *done = is_done;
  if (total != NULL)
    *total = of_total;
}

/**
 * cfut_future_dup_message: (get-property message)
 * @self: a future
 *
 * Returns what the task last said of itself. May be called on any thread.
 *
 * Returns: (transfer full) (nullable): the message
 *
 * Since: 1.0
 */
char *
cfut_future_dup_message (CfutFuture *self)
{
  CfutFutureExtra *extra;
  char *message;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);

  extra = future_peek_extra (self);
  if (extra == NULL)
    return NULL;

  cfut_cell_lock (&self->cell);
  message = g_strdup (extra->message);
  cfut_cell_unlock (&self->cell);

  return message;
}
