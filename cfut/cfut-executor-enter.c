/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A task's way into an executor that limits how much may wait in it: there is room, or there is
 * none and the task is turned away, or its submitter waits.
 *
 *   prepare --> enter --(room)-----------------> the engine's queue
 *                 ^  \--(none, or settled)-----> it has settled
 *                 |   \-(the wait ends first)--> as before --.
 *                 '------------------------------------------'
 *
 * Threads: any. A wait blocks the submitter's.
 * Locks: none.
 * Owns: an EnterWatch is its submitter's and its node's.
 * Invariants:
 * 1. A task that has settled waits for no room: its deadline, its cancellable and its group end the
 *    wait.
 * 2. What was not entered in time is not counted anywhere.
 * Not here: rooms (core/cfut-room.c), their limits and waiting in a main loop
 *   (cfut-executor-limits.c). */

#include <glib/gi18n-lib.h>

#include "core/cfut-fork-private.h"
#include "cfut-error.h"
#include "cfut-executor-private.h"
#include "cfut-request-private.h"

/* Ends the wait of a submission when its future settles first. */
typedef struct {
  CfutNode node;
  gatomicrefcount ref_count;
  GCancellable *ended;
} EnterWatch;

gboolean
cfut_executor_block_for_room (CfutExecutor     *self,
                              CfutRoom         *room,
                              guint64           bytes,
                              gboolean          enters,
                              gint64            deadline_usec,
                              GCancellable     *cancellable,
                              CfutRoomOutcome  *outcome,
                              GError          **error)
{
  gboolean own = cfut_executor_get_private (self)->engine->runs_here (self);
  CfutPoolOwnWait wait = { NULL, };

  if (own && !cfut_pool_begin_wait_own (&wait))
    {
      g_set_error_literal (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK,
                           _("No thread of the executor would be left to make room in its queue"));
      return FALSE;
    }
  *outcome = cfut_room_block (room, bytes, enters, deadline_usec, cancellable);
  if (own)
    cfut_pool_end_wait_own (&wait);

  return TRUE;
}

/* In a forked child: no queue and no thread is touched. */
CfutFuture *
cfut_executor_refuse_forked (CfutTaskFunc    func,
                             gpointer        user_data,
                             GDestroyNotify  destroy)
{
  CfutTask *task = cfut_task_new (func, user_data, destroy);

  cfut_future_reject_pending (CFUT_FUTURE (task), cfut_fork_error ());
  return CFUT_FUTURE (task);
}

static void
enter_watch_unref (EnterWatch *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_object_unref (self->ended);
  g_free (self);
}

static void
enter_watch_settled (CfutNode   *node,
                     CfutFuture *future,
                     CfutState   state)
{
  EnterWatch *self = (EnterWatch *) node;

  g_cancellable_cancel (self->ended);
  enter_watch_unref (self);
}

static const CfutNodeClass enter_watch_class = {
  .kind = CFUT_NODE_INTERNAL,
  .settled = enter_watch_settled,
};

static void
on_wait_cancelled (GCancellable *cancellable,
                   gpointer      ended)
{
  g_cancellable_cancel (ended);
}

static CfutRoomOutcome
executor_wait_to_enter (CfutExecutor  *self,
                        CfutRoom      *room,
                        CfutFuture    *future,
                        guint64        size,
                        gint64         deadline_usec,
                        GCancellable  *cancellable,
                        GError       **error)
{
  CfutRoomOutcome outcome = CFUT_ROOM_CANCELLED;
  EnterWatch *watch = g_new0 (EnterWatch, 1);
  gulong handler = 0;

  /* One reference is ours, one the node's. */
  watch->node.klass = &enter_watch_class;
  watch->ended = g_cancellable_new ();
  g_atomic_ref_count_init (&watch->ref_count);
  g_atomic_ref_count_inc (&watch->ref_count);

  if (!cfut_future_add_node (future, &watch->node))
    {
      enter_watch_unref (watch);
    }
  else
    {
      if (cancellable != NULL)
        handler = g_cancellable_connect (cancellable, G_CALLBACK (on_wait_cancelled), watch->ended,
                                         NULL);
      cfut_executor_block_for_room (self, room, size, TRUE, deadline_usec, watch->ended, &outcome,
                                    error);
      if (handler != 0)
        g_cancellable_disconnect (cancellable, handler);
      if (cfut_future_remove_node (future, &watch->node))
        enter_watch_unref (watch);
    }
  enter_watch_unref (watch);

  return outcome;
}

/* With a limit on what waits. TRUE: it is to be enqueued; else it is settled, or, with @in_time
 * FALSE, as it was. */
static gboolean
executor_enter_room (CfutExecutor *self,
                     CfutRoom     *room,
                     CfutTask     *task,
                     CfutRequest  *request,
                     gint64        deadline_usec,
                     GCancellable *cancellable,
                     gboolean     *in_time)
{
  CfutFuture *future = CFUT_FUTURE (task);
  guint64 size = request != NULL ? request->size : 0;
  gboolean waits = request != NULL && request->when_full == CFUT_WHEN_FULL_BLOCK;
  CfutRoomOutcome outcome = CFUT_ROOM_OPEN;
  GError *error = NULL;

  if (!cfut_room_try_enter (room, size))
    outcome = waits ? executor_wait_to_enter (self, room, future, size, deadline_usec, cancellable,
                                              &error)
                    : CFUT_ROOM_WAITING;
  if (outcome == CFUT_ROOM_WAITING)
    error = g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_QUEUE_FULL,
                                 _("The executor's queue is full"));

  /* It leaves when it is settled, be it at once. A room that is closed may let in or not: what
   * counts is why. */
  if (outcome == CFUT_ROOM_OPEN)
    cfut_task_enter_room (task, room, size);
  if (error == NULL && cfut_executor_is_shut_down (self))
    error = cfut_executor_shut_down_error ();
  if (error != NULL)
    cfut_future_reject_pending (future, error);

  *in_time = outcome == CFUT_ROOM_OPEN || cfut_future_is_settled (future);
  return *in_time && !cfut_future_is_settled (future);
}

gboolean
cfut_executor_enter (CfutExecutor *self,
                     CfutTask     *task,
                     CfutRequest  *request)
{
  CfutRoom *room = cfut_executor_get_room (self, FALSE);
  gboolean in_time;

  return room == NULL || executor_enter_room (self, room, task, request, CFUT_NO_DEADLINE, NULL,
                                              &in_time);
}

CfutTask *
cfut_executor_prepare (CfutExecutor   *self,
                       CfutRequest    *request,
                       CfutTaskFunc    func,
                       gpointer        user_data,
                       GDestroyNotify  destroy)
{
  CfutTask *task;

  if (cfut_is_forked_child ())
    return CFUT_TASK (cfut_executor_refuse_forked (func, user_data, destroy));

  task = cfut_task_new (func, user_data, destroy);
  if (request != NULL)
    cfut_task_apply_request (task, request, TRUE);
  return task;
}

gboolean
cfut_executor_submit_prepared (CfutExecutor *self,
                               CfutTask     *task,
                               CfutRequest  *request,
                               gint64        deadline_usec,
                               GCancellable *cancellable)
{
  CfutRoom *room = cfut_executor_get_room (self, FALSE);
  gboolean in_time = TRUE;

  if (cfut_is_forked_child ())
    cfut_future_reject_pending (CFUT_FUTURE (task), cfut_fork_error ());
  else if (!cfut_future_is_settled (CFUT_FUTURE (task)) &&
           (room == NULL || executor_enter_room (self, room, task, request, deadline_usec,
                                                 cancellable, &in_time)))
    cfut_executor_get_private (self)->engine->enqueue (self, g_object_ref (task));
  cfut_owner_tick (cfut_future_get_owner (CFUT_FUTURE (task)));

  return in_time;
}
