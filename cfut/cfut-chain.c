/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Chains: what follows a future, as a function that gives the next one.
 *
 *   waits for the upstream --(settled)--> function due --(owner's context)--> waits for the inner
 *        |                                         |                               |
 *        '--(nothing for the function)             '--(it gives none)              |
 *              --> settles like it                       --> rejected              '--> settles
 *                                                                                       like it
 *
 * Threads: made, cancelled and dropped on any; the function and the release of its data on the
 *   owner's context. What only passes an outcome on happens on the settling thread.
 * Locks: the chain's cell lock guards `upstream`, `linked`, and what tells a thread that waits.
 *   Under it that thread is woken, nothing else.
 * Owns: `upstream`, the future it waits for at the moment, whose node holds the chain in turn: this
 *   circle is broken when that settles, or the chain is cancelled. The item's presence in the queue
 *   has the node's reference.
 * Invariants:
 * 1. Whoever takes `upstream` out acts on it; the others find nothing.
 * 2. A node is taken out of a list only when `linked` says that it was put there.
 * 3. The function is taken out by who calls it, and it is called on a chain that has not settled
 *    only. Its data goes after that call, or with the settled chain.
 * 4. A chain is PENDING until it settles, so that cancelling it takes effect at once.
 * Not here: rows of chains without an end on the stack (cfut-follow.c); what chains have to do with
 *   blocked waits (cfut-chain-help.c). */

#include <glib/gi18n-lib.h>

#include "core/cfut-delivery-struct-private.h"
#include "cfut-chain-private.h"
#include "cfut-error.h"
#include "cfut-follow-private.h"
#include "cfut-outlook-private.h"

G_DEFINE_FINAL_TYPE (CfutChainFuture, cfut_chain_future, CFUT_TYPE_FUTURE)

static inline CfutChainFuture *
chain_of_node (CfutNode *node)
{
  return (CfutChainFuture *) ((char *) node - G_STRUCT_OFFSET (CfutChainFuture, node));
}

/* (transfer full) (nullable) */
static CfutFuture *
chain_take_upstream (CfutChainFuture *self,
                     gboolean        *linked)
{
  CfutFuture *future = &self->parent_instance;
  CfutFuture *upstream;

  cfut_cell_lock (&future->cell);
  upstream = g_steal_pointer (&self->upstream);
  if (linked != NULL)
    *linked = self->linked;
  cfut_cell_unlock (&future->cell);

  return upstream;
}

/* Settles like what it waits for, unless it was cancelled meanwhile. */
static void
chain_pass_on (CfutChainFuture *self)
{
  CfutFuture *upstream = chain_take_upstream (self, NULL);

  if (upstream == NULL)
    return;

  cfut_future_settle_like (&self->parent_instance, upstream);
  cfut_future_hand_over (upstream);
}

static void
chain_abandon (CfutChainFuture *self)
{
  CfutFuture *upstream = chain_take_upstream (self, NULL);
  GError *error;

  if (upstream == NULL)
    return;

  error = g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_ABANDONED,
                               _("The main context that was to go on with the future is gone"));
  cfut_future_settle (&self->parent_instance, CFUT_STATE_REJECTED, NULL, error);
  cfut_future_hand_over (upstream);
}

static gboolean
chain_wants (CfutChainFuture *self,
             CfutState        state)
{
  switch (self->when)
    {
    case CHAIN_WHEN_RESOLVED:
      return state == CFUT_STATE_RESOLVED;
    case CHAIN_WHEN_FAILED:
      return state != CFUT_STATE_RESOLVED;
    case CHAIN_ALWAYS:
    default:
      return TRUE;
    }
}

static gboolean
chain_is_due (CfutChainFuture *self)
{
  CfutFuture *future = &self->parent_instance;
  guint word = cfut_cell_lock (&future->cell);
  gboolean due = self->upstream != NULL && !cfut_cell_settled (word) &&
                 chain_wants (self, cfut_future_get_state (self->upstream));

  cfut_cell_unlock (&future->cell);
  return due;
}

static void
chain_follow_upstream (CfutNode *node)
{
  CfutChainFuture *self = chain_of_node (node);
  CfutFuture *future = &self->parent_instance;
  gboolean due = chain_is_due (self);
  gboolean wanted;

  if (due && !atomic_load_explicit (&future->owner->delivery->gone, memory_order_acquire))
    {
      cfut_cell_lock (&future->cell);
      self->due = TRUE;
      wanted = self->wanted != NULL;
      cfut_chain_get_ready_locked (self);
      cfut_chain_look_again_locked (self, NULL);
      cfut_cell_unlock (&future->cell);
      if (wanted)
        cfut_chain_want (self);
      cfut_owner_push (future->owner, &self->item);
      return;
    }

  if (due)
    chain_abandon (self);
  else
    chain_pass_on (self);
  cfut_future_hand_over (future);
}

static const CfutFollowClass upstream_node_class = {
  .base.kind = CFUT_NODE_LATE,
  .base.settled = cfut_follow_settled,
  .follow = chain_follow_upstream,
};

static void
chain_follow_inner (CfutNode *node)
{
  CfutChainFuture *self = chain_of_node (node);

  chain_pass_on (self);
  cfut_future_hand_over (&self->parent_instance);
}

static const CfutFollowClass inner_node_class = {
  .base.kind = CFUT_NODE_LATE,
  .base.settled = cfut_follow_settled,
  .follow = chain_follow_inner,
};

/* Waits for @upstream from now on; takes it over. FALSE: the chain was cancelled; @upstream is to
 * be cancelled by the caller, who has it still. */
static gboolean
chain_wait_for (CfutChainFuture       *self,
                CfutFuture            *upstream,
                const CfutFollowClass *klass)
{
  CfutFuture *future = &self->parent_instance;
  CfutHelp *help = NULL;
  gboolean settled;
  gboolean concerns_tasks;

  cfut_future_observe (upstream);
  cfut_cell_lock (&future->cell);
  if (self->help != NULL && self->help->thread == cfut_thread_get ())
    help = self->help;
  settled = cfut_cell_settled (cfut_cell_load (&future->cell));
  if (!settled)
    {
      self->upstream = g_object_ref (upstream);
      self->linked = FALSE;
    }
  if (!settled && cfut_future_has_upstream (upstream))
    for (CfutMark *mark = self->wanted; mark != NULL; mark = mark->next)
      cfut_help_nudge (mark->help);
  concerns_tasks = cfut_chain_concerns_tasks_locked (self);
  cfut_cell_unlock (&future->cell);
  if (settled)
    return FALSE;

  if (G_UNLIKELY (concerns_tasks))
    cfut_chain_tell_tasks (self, upstream);

  if (help != NULL)
    cfut_help_add (help, upstream);
  g_object_ref (self);
  self->node.klass = &klass->base;
  if (!cfut_future_add_node (upstream, &self->node))
    {
      cfut_follow_settled (&self->node, upstream, cfut_future_get_state (upstream));
    }
  else
    {
      /* Who cancelled it meanwhile did not know that there is a node. */
      cfut_cell_lock (&future->cell);
      settled = cfut_cell_settled (cfut_cell_load (&future->cell));
      if (!settled)
        self->linked = TRUE;
      cfut_cell_unlock (&future->cell);
      if (settled && cfut_future_remove_node (upstream, &self->node))
        g_object_unref (self);
    }

  cfut_future_release (upstream);
  return TRUE;
}

/* Takes over both. */
static void
chain_conclude (CfutChainFuture *self,
                CfutFuture      *inner,
                GError          *error)
{
  CfutFuture *future = &self->parent_instance;

  if (inner == NULL && error == NULL)
    error = g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED,
                                 _("The function failed and set no error"));
  if (inner == NULL)
    {
      cfut_future_settle (future, CFUT_STATE_REJECTED, NULL, error);
      return;
    }

  g_clear_error (&error);
  if (inner == future || cfut_future_depends_on (inner, future))
    {
      cfut_future_settle (future, CFUT_STATE_REJECTED, NULL,
                          g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK,
                                               _("A future cannot go on with itself")));
      cfut_future_release (inner);
    }
  else if (!chain_wait_for (self, inner, &inner_node_class))
    {
      cfut_future_cancel (inner);
      cfut_future_release (inner);
    }
}

void
cfut_chain_run (CfutChainFuture *self)
{
  CfutChainFunc func = g_steal_pointer (&self->func);
  GDestroyNotify destroy = g_steal_pointer (&self->destroy);
  CfutFuture *upstream = func != NULL ? chain_take_upstream (self, NULL) : NULL;
  CfutFuture *inner;
  GError *error = NULL;

  /* Cancelled: what was taken out is for its release then. */
  if (upstream == NULL)
    {
      if (destroy != NULL)
        destroy (self->user_data);
      return;
    }

  inner = func (upstream, self->user_data, &error);
  if (destroy != NULL)
    destroy (self->user_data);
  cfut_future_release (upstream);
  chain_conclude (self, inner, error);
}

static gboolean
chain_deliver (CfutItem        *item,
               CfutDeliverMode  mode)
{
  CfutChainFuture *self =
    (CfutChainFuture *) ((char *) item - G_STRUCT_OFFSET (CfutChainFuture, item));

  if (mode == CFUT_DELIVER_REAP && self->func != NULL && chain_is_due (self))
    {
      if (!cfut_chain_is_helped (self))
        return TRUE;
      mode = CFUT_DELIVER_LOOP;
    }

  if (mode == CFUT_DELIVER_LOOP)
    cfut_chain_run (self);
  else if (mode == CFUT_DELIVER_ORPHAN && self->func != NULL)
    chain_abandon (self);
  g_object_unref (self);
  return FALSE;
}

static const CfutItemClass chain_item_class = {
  .deliver = chain_deliver,
};

static void
chain_released (CfutFuture *future)
{
  CfutChainFuture *self = (CfutChainFuture *) future;
  GDestroyNotify destroy = g_steal_pointer (&self->destroy);

  self->func = NULL;
  if (destroy != NULL)
    destroy (self->user_data);
}

static void
chain_cancelled (CfutFuture *future,
                 GPtrArray  *list)
{
  CfutChainFuture *self = (CfutChainFuture *) future;
  gboolean linked;
  CfutFuture *upstream = chain_take_upstream (self, &linked);

  if (upstream == NULL)
    return;

  if (linked && cfut_future_remove_node (upstream, &self->node))
    cfut_future_hand_over (future);
  g_ptr_array_add (list, upstream);
}

static void
chain_list_upstream (CfutFuture *future,
                     GPtrArray  *list)
{
  CfutChainFuture *self = (CfutChainFuture *) future;

  cfut_cell_lock (&future->cell);
  if (self->upstream != NULL && cfut_future_has_upstream (self->upstream))
    g_ptr_array_add (list, g_object_ref (self->upstream));
  cfut_cell_unlock (&future->cell);
}

static void
chain_look_upstream (CfutFuture  *future,
                     CfutOutlook *outlook)
{
  CfutChainFuture *self = (CfutChainFuture *) future;
  CfutFuture *upstream = NULL;

  cfut_cell_lock (&future->cell);
  if (self->upstream != NULL && !cfut_future_is_settled (self->upstream))
    upstream = g_object_ref (self->upstream);
  cfut_cell_unlock (&future->cell);

  if (upstream == NULL)
    {
      cfut_outlook_see_other (outlook, future);
      return;
    }
  cfut_outlook_see (outlook, upstream);
  cfut_future_release (upstream);
}

static void
cfut_chain_future_class_init (CfutChainFutureClass *klass)
{
  CfutFutureClass *future_class = (CfutFutureClass *) klass;

  future_class->released = chain_released;
  future_class->cancelled = chain_cancelled;
  future_class->list_upstream = chain_list_upstream;
  future_class->look_upstream = chain_look_upstream;
}

static void
cfut_chain_future_init (CfutChainFuture *self)
{
  self->item.klass = &chain_item_class;
}

static CfutFuture *
chain_new (CfutFuture     *upstream,
           ChainWhen       when,
           CfutChainFunc   func,
           gpointer        user_data,
           GDestroyNotify  destroy)
{
  CfutChainFuture *self = g_object_new (cfut_chain_future_get_type (), NULL);

  cfut_future_made (&self->parent_instance);
  self->when = when;
  self->func = func;
  self->user_data = user_data;
  self->destroy = destroy;
  chain_wait_for (self, g_object_ref (upstream), &upstream_node_class);

  return &self->parent_instance;
}

/**
 * cfut_future_chain:
 * @self: a future
 * @func: (scope notified) (closure user_data) (destroy destroy): what to do with the value
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data; called once, on the main context that @func belongs to,
 *   also when that is not called
 *
 * Goes on with the value of a future: what is known as `then` elsewhere.
 *
 * When @self is resolved, @func is called with it, and returns the next future; the new future,
 * which this call returns, settles like that one, whenever it does. @func may return @self itself,
 * or another that has settled. When @self is rejected or cancelled, @func is not called and the new
 * future settles like @self.
 *
 * @func is called on the main context of the caller, who owns the new future: the thread-default
 * one of this call. It is called after the callbacks of @self there, and also when the new future
 * was dropped. If that main context goes away before, the new future is rejected with
 * %CFUT_FUTURE_ERROR_ABANDONED and @destroy is called on the default main context.
 *
 * A thread that blocks in [method@Cfut.Future.wait], in one of the results, or in a wait of a
 * group, for the new future or for what hangs on it calls @func itself, inside that wait, if the
 * main context is its own to run; so programs without a main loop can use chains. Other waits do so
 * only where another thread is blocked for the new future: a task's chains belong to who submitted
 * it, and a task that waits for one of them waits for that thread, which may in turn wait for the
 * task.
 *
 * Cancelling the new future takes effect at once, and cancels what it waits for: @self, or later
 * the future that @func returned.
 *
 * The failure of @self counts as seen: it is the new future's now. May be called on any thread.
 *
 * Errors of the new future: that of @self or of the future that @func returned; that of @func, or
 * %CFUT_FUTURE_ERROR_CALLBACK_FAILED where it returned %NULL without one; and
 * %CFUT_FUTURE_ERROR_DEADLOCK where @func returned the new future itself, or one that waits for it.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_chain (CfutFuture     *self,
                   CfutChainFunc   func,
                   gpointer        user_data,
                   GDestroyNotify  destroy)
{
  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  return chain_new (self, CHAIN_WHEN_RESOLVED, func, user_data, destroy);
}

/**
 * cfut_future_recover:
 * @self: a future
 * @func: (scope notified) (closure user_data) (destroy destroy): what to do with the failure
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, as for [method@Cfut.Future.chain]
 *
 * Goes on where a future fails: what is known as `catch` elsewhere.
 *
 * Like [method@Cfut.Future.chain], but @func is called when @self is rejected or cancelled; when it
 * is resolved the new future is resolved with the same value. To let a failure stand, @func returns
 * @self, with a reference.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_recover (CfutFuture     *self,
                     CfutChainFunc   func,
                     gpointer        user_data,
                     GDestroyNotify  destroy)
{
  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  return chain_new (self, CHAIN_WHEN_FAILED, func, user_data, destroy);
}

/**
 * cfut_future_always:
 * @self: a future
 * @func: (scope notified) (closure user_data) (destroy destroy): what to do
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, as for [method@Cfut.Future.chain]
 *
 * Goes on with a future however it settles: what is known as `finally` elsewhere.
 *
 * Like [method@Cfut.Future.chain], but @func is called in any case. To pass the outcome on, @func
 * returns @self, with a reference.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_always (CfutFuture     *self,
                    CfutChainFunc   func,
                    gpointer        user_data,
                    GDestroyNotify  destroy)
{
  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  return chain_new (self, CHAIN_ALWAYS, func, user_data, destroy);
}
