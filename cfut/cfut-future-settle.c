/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How a future settles: by its runner, by its promise, by cancellation, or as nobody can run it.
 *
 * Threads: any; whoever comes first settles, all others are told so.
 * Locks: the cell's lock. Nothing of a user's runs under it, and nothing is freed.
 * Owns: settling hands one reference to the owner's delivery queue, in the step that settles where
 *   nobody needs the future any more, else when they have been served.
 * Invariants:
 * 1. The value is written under the lock, or alone in RUNNING, before the state settles, and never
 *    after.
 * 2. Who settles serves the nodes of the closed list outside the lock: groups, then blocked threads
 *    and DIRECT callbacks, a thread never behind a callback that may wait for it.
 * 3. An error or a value that comes too late is freed; one that a running function replaces is
 *    freed on the owner's context.
 * Not here: what the owner is told (cfut-future-announce.c). */

#include <glib/gi18n-lib.h>
#include <string.h>

#include "core/cfut-point-private.h"
#include "cfut-check-private.h"
#include "cfut-error.h"
#include "cfut-follow-private.h"

/* Of this thread, for the list that it serves. */
static __thread CfutNode *served_after;

/* From an INTERNAL node's settled function, for what may run code of users: has @node served, once,
 * before the DIRECT ones of the same list. */
void
cfut_future_serve_after (CfutNode *node)
{
  node->next = served_after;
  served_after = node;
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

/* One of them may settle another future, whose nodes are its own. */
static void
serve_internal (CfutNode   *nodes[CFUT_NODE_CONTEXT],
                CfutFuture *self,
                CfutState   state)
{
  CfutNode *outer = g_steal_pointer (&served_after);

  serve (nodes[CFUT_NODE_INTERNAL], self, state);
  while (G_UNLIKELY (served_after != NULL))
    {
      CfutNode *node = served_after;

      served_after = node->next;
      node->next = nodes[CFUT_NODE_DIRECT];
      nodes[CFUT_NODE_DIRECT] = node;
    }
  served_after = outer;
}

/* What is left to do once the word says settled. Takes one reference of the caller's, for the
 * delivery queue. Blocked threads come after the hand-over, so that what they reap first is what
 * they waited for; only a callback that may block goes behind them. */
static void
future_settled (CfutFuture *self,
                CfutState   state,
                guint       before,
                CfutNode   *nodes[CFUT_NODE_CONTEXT])
{
  CfutFollowScope scope;

  cfut_point (CFUT_POINT_SERVES, self);
  if (cfut_nodes_need_future (nodes))
    {
      serve_internal (nodes, self, state);
      if (nodes[CFUT_NODE_DIRECT] != NULL)
        {
          serve (nodes[CFUT_NODE_WAIT], self, state);
          nodes[CFUT_NODE_WAIT] = NULL;
          cfut_follow_suspend (&scope);
          serve (nodes[CFUT_NODE_DIRECT], self, state);
          cfut_follow_resume (&scope);
        }
      cfut_future_hand_over (self);
    }
  else if (!(before & CFUT_CELL_SCHEDULED))
    {
      cfut_owner_push (self->owner, &self->item);
    }

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

static inline CfutFutureClass *
class_of (CfutFuture *self)
{
  return (CfutFutureClass *) ((GTypeInstance *) self)->g_class;
}

/* Under the cell's lock: it will not be run any more, though the queue holds it still. */
static gpointer
future_unqueue (CfutFuture *self,
                guint       word)
{
  CfutFutureClass *klass = class_of (self);
  gpointer data = NULL;

  if ((word & CFUT_CELL_QUEUED) && klass->unqueued != NULL)
    data = klass->unqueued (self);
  cfut_point (CFUT_POINT_SETTLES, self);

  return data;
}

/* Around what settles, with CFUT_DEBUG=states: keeps the future, which is the owner's to drop after
 * it. */
static inline void
debug_will_settle (CfutFuture *self)
{
  if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_STATES))
    g_object_ref (self);
}

static inline void
debug_has_settled (CfutFuture *self,
                   CfutState   to)
{
  if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_STATES))
    cfut_future_debug_settled (self, to);
}

/* The threads that wait at a checkpoint, or for what is paused to have its turn. */
static CfutPaused *
steal_paused_locked (CfutFuture *self)
{
  CfutFutureExtra *extra = cfut_future_peek_extra (self);

  return extra != NULL ? g_steal_pointer (&extra->paused) : NULL;
}

static gboolean
future_settle_below (CfutFuture *self,
                     CfutState   below,
                     CfutState   to,
                     GValue     *value,
                     GError     *error)
{
  CfutNode *nodes[CFUT_NODE_CONTEXT] = { NULL, };
  CfutFutureClass *klass = class_of (self);
  guint before = cfut_cell_lock (&self->cell);
  CfutPaused *paused;
  gpointer data;

  if (cfut_cell_state (before) >= below)
    {
      cfut_cell_unlock (&self->cell);
      g_clear_error (&error);
      if (value != NULL && value->g_type != G_TYPE_INVALID)
        g_value_unset (value);
      return FALSE;
    }

  if (error != NULL)
    {
      cfut_future_discard_value (self, &self->value);
      value_take_error (&self->value, error);
    }
  else if (value != NULL)
    self->value = *value;
  data = future_unqueue (self, before);
  paused = steal_paused_locked (self);

  g_object_ref (self);
  debug_will_settle (self);
  before = cfut_cell_settle_locked (&self->cell, to, nodes);
  debug_has_settled (self, to);
  future_settled (self, to, before, nodes);
  if (data != NULL)
    klass->after_unqueued (data);
  cfut_future_wake_paused (paused);
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

gboolean
cfut_future_cancel_pending (CfutFuture *self)
{
  return future_settle_below (self, CFUT_STATE_RUNNING, CFUT_STATE_CANCELLED, NULL, NULL);
}

/* PENDING to RUNNING. FALSE: it has settled. */
gboolean
cfut_future_pass_run (CfutFuture *self)
{
  if (!cfut_cell_start (&self->cell, 0, 0))
    return FALSE;

  if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_TRACKS_FUTURES))
    cfut_future_debug_started (self);
  return TRUE;
}

gboolean
cfut_future_start (CfutFuture *self)
{
  if (!cfut_future_pass_run (self))
    return FALSE;

  cfut_future_changed (self);
  return TRUE;
}

GError *
cfut_future_no_error_set (void)
{
  return g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED,
                              _("The function failed and set no error"));
}

static CfutState
state_after_run (CfutFuture  *self,
                 gboolean     success,
                 GError     **error)
{
  if (success && *error == NULL)
    return CFUT_STATE_RESOLVED;

  if (*error == NULL)
    *error = cfut_future_no_error_set ();

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

  debug_will_settle (self);
  if (error == NULL && cfut_cell_try_settle (&self->cell, state, &before))
    {
      debug_has_settled (self, state);
      if (!(before & CFUT_CELL_SCHEDULED))
        cfut_owner_push (self->owner, &self->item);
      return;
    }

  before = cfut_cell_lock (&self->cell);
  cfut_cell_clear_flags (&self->cell, CFUT_CELL_ENTERED);
  if (cfut_cell_settled (before))
    {
      /* Through the queue, where what was submitted is released now. */
      cfut_cell_unlock (&self->cell);
      g_clear_error (&error);
      if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_STATES))
        cfut_future_release (self);
      cfut_future_hand_over (self);
      return;
    }

  if (error != NULL)
    {
      cfut_future_discard_value (self, &self->value);
      value_take_error (&self->value, error);
    }
  before = cfut_cell_settle_locked (&self->cell, state, nodes);
  debug_has_settled (self, state);
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

  cfut_future_discard_value (self, &old);
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
  CfutFutureExtra *extra = cfut_future_get_extra (self);
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
cfut_future_made (CfutFuture *self)
{
  if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_TRACKS_FUTURES))
    cfut_future_debug_made (self);
}

/* Unlocks the cell. */
static void
future_ask_to_stop_locked (CfutFuture *self,
                           guint       word)
{
  CfutFutureExtra *extra = cfut_future_peek_extra (self);
  GCancellable *cancellable = NULL;
  CfutPaused *paused = steal_paused_locked (self);

  if (extra != NULL && extra->cancellable != NULL)
    cancellable = g_object_ref (extra->cancellable);
  cfut_cell_set_flags (&self->cell, CFUT_CELL_CANCEL_REQUESTED);
  cfut_cell_unlock (&self->cell);

  cfut_future_wake_paused (paused);
  if (cancellable != NULL)
    {
      g_cancellable_cancel (cancellable);
      g_object_unref (cancellable);
    }
  if (class_of (self)->asked_to_stop != NULL)
    class_of (self)->asked_to_stop (self);
}

void
cfut_future_ask_to_stop (CfutFuture *self)
{
  future_ask_to_stop_locked (self, cfut_cell_lock (&self->cell));
}

/* TRUE: this call has settled it. */
static gboolean
future_cancel (CfutFuture *self)
{
  CfutNode *nodes[CFUT_NODE_CONTEXT] = { NULL, };
  CfutFutureClass *klass;
  CfutFutureExtra *extra;
  GCancellable *cancellable = NULL;
  CfutPaused *paused;
  gpointer data;
  gboolean begun;
  guint word;

  begun = cfut_cell_state (cfut_cell_load (&self->cell)) == CFUT_STATE_PENDING &&
          cfut_future_has_begun (self);
  word = cfut_cell_lock (&self->cell);
  if (begun || cfut_cell_state (word) != CFUT_STATE_PENDING)
    {
      if (cfut_cell_settled (word))
        cfut_cell_unlock (&self->cell);
      else
        future_ask_to_stop_locked (self, word);
      return FALSE;
    }

  klass = class_of (self);
  extra = cfut_future_peek_extra (self);
  if (extra != NULL && extra->cancellable != NULL)
    cancellable = g_object_ref (extra->cancellable);
  cfut_cell_set_flags (&self->cell, CFUT_CELL_CANCEL_REQUESTED);
  data = future_unqueue (self, word);
  paused = steal_paused_locked (self);
  g_object_ref (self);
  debug_will_settle (self);
  word = cfut_cell_settle_locked (&self->cell, CFUT_STATE_CANCELLED, nodes);
  debug_has_settled (self, CFUT_STATE_CANCELLED);
  future_settled (self, CFUT_STATE_CANCELLED, word, nodes);

  if (data != NULL)
    klass->after_unqueued (data);
  cfut_future_wake_paused (paused);
  if (cancellable != NULL)
    {
      g_cancellable_cancel (cancellable);
      g_object_unref (cancellable);
    }

  return TRUE;
}

/* One after the other, as they may stand in a row of any length. */
static void
future_pass_cancel (CfutFuture *self)
{
  GPtrArray *upstream = g_ptr_array_new ();

  ((CfutFutureClass *) ((GTypeInstance *) self)->g_class)->cancelled (self, upstream);
  while (upstream->len > 0)
    {
      CfutFuture *future = g_ptr_array_steal_index_fast (upstream, upstream->len - 1);
      CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) future)->g_class;

      if (!cfut_future_is_settled (future) && future_cancel (future) && klass->cancelled != NULL)
        klass->cancelled (future, upstream);
      cfut_future_release (future);
    }
  g_ptr_array_unref (upstream);
}

/**
 * cfut_future_cancel:
 * @self: a future
 *
 * Cancels the future, or asks for it.
 *
 * What has not started is cancelled at once, everywhere. What is running is asked to stop through
 * its [method@Cfut.Task.get_cancellable] and [method@Cfut.Task.checkpoint]: if its function then
 * fails with %G_IO_ERROR_CANCELLED the future becomes cancelled, if it still succeeds it is
 * resolved. May be called on any thread; handlers of that cancellable run on this one.
 *
 * Cancelling what [method@Cfut.Future.chain] and its kin, or [func@Cfut.Future.all] and its kin
 * returned also cancels what that still waits for.
 *
 * Returns: %TRUE if the future is cancelled now; %FALSE if it has settled otherwise, or is
 *   running and was asked
 *
 * Since: 1.0
 */
gboolean
cfut_future_cancel (CfutFuture *self)
{
  guint word;

  g_return_val_if_fail (CFUT_CHECK (self, CFUT_IS_FUTURE), FALSE);

  word = cfut_cell_load (&self->cell);
  if (cfut_cell_settled (word))
    return cfut_cell_state (word) == CFUT_STATE_CANCELLED;

  if (future_cancel (self) &&
      ((CfutFutureClass *) ((GTypeInstance *) self)->g_class)->cancelled != NULL)
    future_pass_cancel (self);

  return cfut_future_get_state (self) == CFUT_STATE_CANCELLED;
}
