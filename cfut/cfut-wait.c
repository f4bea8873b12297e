/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Waiting for a cell: blocking, and in a main loop.
 *
 * Threads: any. What waits in a main loop ends on the thread-default context of its caller.
 * Locks: none of its own.
 * Owns: an AsyncWait is held by the cell's list, or the delivery queue after it, and by the source
 *   of its deadline. The GTask in it holds the source object and so the cell.
 * Invariants:
 * 1. Exactly one of two ends an AsyncWait: the item that the settling thread queued, or the source
 *    when it has got the node out of the cell's list.
 * 2. The item goes through the caller's own delivery queue behind the future, so that where caller
 *    and owner are the same the wait ends after the future's callbacks.
 * Not here: what settling means. */

#include "core/cfut-fork-private.h"
#include "core/cfut-point-private.h"
#include "core/cfut-delivery-private.h"
#include "cfut-wait-private.h"
#include "cfut-wait-source-private.h"

typedef struct {
  CfutNode node;
  CfutWaiter waiter;
} BlockedWait;

typedef struct {
  CfutNode node;
  CfutItem item;
  gatomicrefcount ref_count;
  CfutCell *cell;
  CfutOwner *owner;
  GTask *task;
  GSource *source;  /* (nullable): of deadline and cancellable; dropped by who ends the wait */
} AsyncWait;

static void
blocked_wait_settled (CfutNode   *node,
                      CfutFuture *future,
                      CfutState   state)
{
  cfut_waiter_fire (&((BlockedWait *) node)->waiter);
}

static const CfutNodeClass blocked_wait_class = {
  .kind = CFUT_NODE_WAIT,
  .settled = blocked_wait_settled,
};

CfutWake
cfut_cell_block (CfutCell     *cell,
                 gint64        deadline_usec,
                 GCancellable *cancellable)
{
  return cfut_cell_block_nudged (cell, NULL, deadline_usec, cancellable);
}

CfutWake
cfut_cell_block_nudged (CfutCell         *cell,
                        _Atomic gboolean *nudge,
                        gint64            deadline_usec,
                        GCancellable     *cancellable)
{
  BlockedWait wait = { .node.klass = &blocked_wait_class };
  CfutWake wake;

  if (cfut_is_forked_child ())
    return cfut_cell_settled (cfut_cell_load (cell)) ? CFUT_WAKE_FIRED : CFUT_WAKE_FORKED;

  cfut_waiter_init (&wait.waiter);
  wait.waiter.nudge = nudge;
  if (!cfut_cell_add (cell, &wait.node))
    return CFUT_WAKE_FIRED;

  wake = cfut_owner_block (&wait.waiter, deadline_usec, cancellable);

  if (wake != CFUT_WAKE_FIRED)
    cfut_point (CFUT_POINT_WITHDRAWS, cell);

  /* Closed before we could leave: whoever closed it is about to fire us. */
  if (wake != CFUT_WAKE_FIRED && !cfut_cell_remove (cell, &wait.node))
    {
      cfut_point (CFUT_POINT_WITHDRAWS_LATE, cell);
      wait.waiter.nudge = NULL;
      wake = cfut_waiter_wait (&wait.waiter, CFUT_NO_DEADLINE, NULL);
    }

  return wake;
}

static void
async_wait_unref (gpointer data)
{
  AsyncWait *self = data;

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  cfut_owner_unref (self->owner);
  g_clear_object (&self->task);
  g_free (self);
}

static gboolean
async_wait_deliver (CfutItem        *item,
                    CfutDeliverMode  mode)
{
  AsyncWait *self = (AsyncWait *) ((char *) item - G_STRUCT_OFFSET (AsyncWait, item));

  if (mode == CFUT_DELIVER_REAP)
    return TRUE;

  cfut_wait_source_drop (&self->source);
  if (mode == CFUT_DELIVER_LOOP)
    g_task_return_boolean (self->task, TRUE);
  async_wait_unref (self);
  return FALSE;
}

static const CfutItemClass async_wait_item_class = {
  .deliver = async_wait_deliver,
};

static void
async_wait_settled (CfutNode   *node,
                    CfutFuture *future,
                    CfutState   state)
{
  AsyncWait *self = (AsyncWait *) node;

  cfut_owner_push (self->owner, &self->item);
}

static const CfutNodeClass async_wait_class = {
  .kind = CFUT_NODE_LATE,
  .settled = async_wait_settled,
};

/* By its source. */
static void
async_wait_ended (gpointer data)
{
  AsyncWait *self = data;
  GCancellable *cancellable = g_task_get_cancellable (self->task);
  CfutWake wake = CFUT_WAKE_TIMED_OUT;
  GError *error = NULL;

  if (cancellable != NULL && g_cancellable_is_cancelled (cancellable))
    wake = CFUT_WAKE_CANCELLED;

  if (cfut_cell_remove (self->cell, &self->node))
    {
      cfut_set_wake_error (&error, wake);
      g_task_return_error (self->task, error);
      cfut_wait_source_drop (&self->source);
      async_wait_unref (self);
    }
}

/* (nullable): none of the two is asked for. */
static GSource *
async_wait_make_source (AsyncWait    *self,
                        gint64        deadline_usec,
                        GCancellable *cancellable)
{
  if (deadline_usec == CFUT_NO_DEADLINE && cancellable == NULL)
    return NULL;

  g_atomic_ref_count_inc (&self->ref_count);
  return cfut_wait_source_new ("[cfut] wait", deadline_usec, cancellable, self, async_wait_ended,
                               async_wait_unref);
}

void
cfut_cell_wait_async (CfutCell            *cell,
                      gpointer             source_object,
                      gpointer             tag,
                      gint64               timeout_usec,
                      GCancellable        *cancellable,
                      GAsyncReadyCallback  callback,
                      gpointer             user_data)
{
  AsyncWait *self = g_new0 (AsyncWait, 1);
  GMainContext *context;

  g_atomic_ref_count_init (&self->ref_count);
  self->node.klass = &async_wait_class;
  self->item.klass = &async_wait_item_class;
  self->cell = cell;
  self->owner = cfut_owner_ref (cfut_owner_get_current ());
  self->task = g_task_new (source_object, cancellable, callback, user_data);
  g_task_set_source_tag (self->task, tag);
  g_task_set_check_cancellable (self->task, FALSE);

  if (cfut_is_forked_child () && !cfut_cell_settled (cfut_cell_load (cell)))
    {
      g_task_return_error (self->task, cfut_fork_error ());
      async_wait_unref (self);
      return;
    }

  self->source = async_wait_make_source (self, cfut_deadline_from_timeout (timeout_usec),
                                         cancellable);
  context = g_main_context_ref (g_task_get_context (self->task));

  g_atomic_ref_count_inc (&self->ref_count);
  if (!cfut_cell_add (cell, &self->node))
    cfut_owner_push (self->owner, &self->item);

  cfut_wait_source_attach (&self->source, context);
  async_wait_unref (self);
  g_main_context_unref (context);
}
