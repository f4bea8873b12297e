/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What limits an executor: how much may wait in it, how fast it starts tasks, and whether it does
 * at all.
 *
 * Threads: any. What waits in a main loop ends on the thread-default context of its caller.
 * Locks: none of its own.
 * Owns: an AsyncRoom is held by the room's line, or the delivery queue after it, and by its source.
 *   The GTask in it holds the executor.
 * Invariants:
 * 1. Exactly one of two ends an AsyncRoom: the item that who made room has queued, or the source
 *    when it has got the wait out of the line.
 * 2. An executor that nobody limits has neither a room nor a gate, and pays nothing for them.
 * Not here: rooms and gates (core/), and what a submission does without room (cfut-executor-enter.c). */

#include "core/cfut-delivery-private.h"
#include "core/cfut-fork-private.h"
#include "cfut-executor-private.h"
#include "cfut-rate-limit.h"
#include "cfut-wait-source-private.h"

typedef struct {
  CfutRoomWait wait;
  CfutItem item;
  gatomicrefcount ref_count;
  CfutRoom *room;
  CfutOwner *owner;
  GTask *task;
  GSource *source;  /* (nullable): of deadline and cancellable; dropped by who ends the wait */
} AsyncRoom;

static void
async_room_unref (gpointer data)
{
  AsyncRoom *self = data;

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  cfut_owner_unref (self->owner);
  cfut_room_unref (self->room);
  g_clear_object (&self->task);
  g_free (self);
}

/* Takes the task's outcome from that of the wait. */
static void
return_outcome (GTask           *task,
                CfutRoomOutcome  outcome)
{
  GError *error = NULL;

  if (outcome == CFUT_ROOM_OPEN)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }

  if (outcome == CFUT_ROOM_CLOSED)
    error = cfut_executor_shut_down_error ();
  else
    cfut_set_wake_error (&error, outcome == CFUT_ROOM_CANCELLED ? CFUT_WAKE_CANCELLED
                                                                : CFUT_WAKE_TIMED_OUT);
  g_task_return_error (task, error);
}

static gboolean
async_room_deliver (CfutItem        *item,
                    CfutDeliverMode  mode)
{
  AsyncRoom *self = (AsyncRoom *) ((char *) item - G_STRUCT_OFFSET (AsyncRoom, item));

  if (mode == CFUT_DELIVER_REAP)
    return TRUE;

  cfut_wait_source_drop (&self->source);
  if (mode == CFUT_DELIVER_LOOP)
    return_outcome (self->task, self->wait.outcome);
  async_room_unref (self);
  return FALSE;
}

static const CfutItemClass async_room_item_class = {
  .deliver = async_room_deliver,
};

static void
async_room_end (CfutRoomWait *wait)
{
  AsyncRoom *self = (AsyncRoom *) wait;

  cfut_owner_push (self->owner, &self->item);
}

/* By its source. */
static void
async_room_ended (gpointer data)
{
  AsyncRoom *self = data;
  GCancellable *cancellable = g_task_get_cancellable (self->task);

  if (cfut_room_remove (self->room, &self->wait))
    {
      return_outcome (self->task, g_cancellable_is_cancelled (cancellable) ? CFUT_ROOM_CANCELLED
                                                                           : CFUT_ROOM_TIMED_OUT);
      cfut_wait_source_drop (&self->source);
      async_room_unref (self);
    }
}

/* (nullable): none of the two is asked for. */
static GSource *
async_room_make_source (AsyncRoom    *self,
                        gint64        deadline_usec,
                        GCancellable *cancellable)
{
  if (deadline_usec == CFUT_NO_DEADLINE && cancellable == NULL)
    return NULL;

  g_atomic_ref_count_inc (&self->ref_count);
  return cfut_wait_source_new ("[cfut] wait for room", deadline_usec, cancellable, self,
                               async_room_ended, async_room_unref);
}

void
cfut_executor_wait_room_async (CfutExecutor        *self,
                               guint64              bytes,
                               gint64               deadline_usec,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data)
{
  CfutRoom *room;
  GMainContext *context;
  AsyncRoom *wait;

  if (cfut_is_forked_child ())
    {
      g_task_report_error (self, callback, user_data, cfut_executor_wait_room_async,
                           cfut_fork_error ());
      return;
    }

  room = cfut_executor_get_room (self, TRUE);
  wait = g_new0 (AsyncRoom, 1);
  g_atomic_ref_count_init (&wait->ref_count);
  wait->wait.bytes = bytes;
  wait->wait.end = async_room_end;
  wait->item.klass = &async_room_item_class;
  wait->room = cfut_room_ref (room);
  wait->owner = cfut_owner_ref (cfut_owner_get_current ());
  wait->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (wait->task, cfut_executor_wait_room_async);
  g_task_set_check_cancellable (wait->task, FALSE);
  wait->source = async_room_make_source (wait, deadline_usec, cancellable);
  context = g_main_context_ref (g_task_get_context (wait->task));

  g_atomic_ref_count_inc (&wait->ref_count);
  if (cfut_room_add (room, &wait->wait) != CFUT_ROOM_WAITING)
    cfut_owner_push (wait->owner, &wait->item);

  cfut_wait_source_attach (&wait->source, context);
  async_room_unref (wait);
  g_main_context_unref (context);
}

/**
 * cfut_executor_set_max_pending: (set-property max-pending)
 * @self: an executor
 * @max_pending: how many tasks may wait to be started; 0 for no limit
 *
 * Limits how many tasks may wait to be started. A submission beyond that is rejected with
 * %CFUT_FUTURE_ERROR_QUEUE_FULL, or blocks, as its [class@Cfut.Request] says. What was submitted
 * before the first limit was set does not count.
 *
 * Since: 1.0
 */
void
cfut_executor_set_max_pending (CfutExecutor *self,
                               guint64       max_pending)
{
  CfutRoom *room;
  guint64 old;
  guint64 max_bytes;

  g_return_if_fail (CFUT_IS_EXECUTOR (self));

  room = cfut_executor_get_room (self, max_pending != 0);
  if (room == NULL)
    return;

  cfut_room_get_limits (room, &old, &max_bytes);
  if (old == max_pending)
    return;
  cfut_room_set_limits (room, max_pending, max_bytes);
  g_object_notify (G_OBJECT (self), "max-pending");
}

/**
 * cfut_executor_get_max_pending: (get-property max-pending)
 * @self: an executor
 *
 * Tells how many tasks may wait to be started.
 *
 * Returns: the number; 0 for no limit
 *
 * Since: 1.0
 */
guint64
cfut_executor_get_max_pending (CfutExecutor *self)
{
  CfutRoom *room;
  guint64 max_tasks = 0;
  guint64 max_bytes;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), 0);

  room = cfut_executor_get_room (self, FALSE);
  if (room != NULL)
    cfut_room_get_limits (room, &max_tasks, &max_bytes);
  return max_tasks;
}

/**
 * cfut_executor_set_max_pending_bytes: (set-property max-pending-bytes)
 * @self: an executor
 * @max_bytes: how many bytes the tasks that wait may be said to hold; 0 for no limit
 *
 * Limits how much waiting tasks may hold, by the sizes that their requests give. One task that is
 * larger than the limit is taken when no other waits.
 *
 * Since: 1.0
 */
void
cfut_executor_set_max_pending_bytes (CfutExecutor *self,
                                     guint64       max_bytes)
{
  CfutRoom *room;
  guint64 max_tasks;
  guint64 old;

  g_return_if_fail (CFUT_IS_EXECUTOR (self));

  room = cfut_executor_get_room (self, max_bytes != 0);
  if (room == NULL)
    return;

  cfut_room_get_limits (room, &max_tasks, &old);
  if (old == max_bytes)
    return;
  cfut_room_set_limits (room, max_tasks, max_bytes);
  g_object_notify (G_OBJECT (self), "max-pending-bytes");
}

/**
 * cfut_executor_get_max_pending_bytes: (get-property max-pending-bytes)
 * @self: an executor
 *
 * Tells how many bytes the tasks that wait may be said to hold.
 *
 * Returns: the number; 0 for no limit
 *
 * Since: 1.0
 */
guint64
cfut_executor_get_max_pending_bytes (CfutExecutor *self)
{
  CfutRoom *room;
  guint64 max_tasks;
  guint64 max_bytes = 0;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), 0);

  room = cfut_executor_get_room (self, FALSE);
  if (room != NULL)
    cfut_room_get_limits (room, &max_tasks, &max_bytes);
  return max_bytes;
}

/**
 * cfut_executor_wait_ready:
 * @self: an executor
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @cancellable: (nullable): ends the wait
 * @error: return location for an error
 *
 * Blocks until the executor's limits have room for another task. The room is not kept for the
 * caller: other threads may submit first. Without a limit it returns at once.
 *
 * Errors: %G_IO_ERROR_TIMED_OUT, %G_IO_ERROR_CANCELLED, and %CFUT_FUTURE_ERROR_SHUT_DOWN when the
 * executor takes no more work. %CFUT_FUTURE_ERROR_DEADLOCK in a task of the executor, when no
 * thread would be left to make room.
 *
 * Returns: %FALSE if the wait ended first
 *
 * Since: 1.0
 */
gboolean
cfut_executor_wait_ready (CfutExecutor  *self,
                          gint64         timeout_usec,
                          GCancellable  *cancellable,
                          GError       **error)
{
  CfutRoomOutcome outcome = CFUT_ROOM_OPEN;
  CfutRoom *room;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (cfut_is_forked_child ())
    {
      g_propagate_error (error, cfut_fork_error ());
      return FALSE;
    }

  room = cfut_executor_get_room (self, FALSE);
  if (room != NULL && !cfut_executor_block_for_room (self, room, 1, FALSE,
                                                     cfut_deadline_from_timeout (timeout_usec),
                                                     cancellable, &outcome, error))
    return FALSE;
  if (room == NULL && cfut_executor_is_shut_down (self))
    outcome = CFUT_ROOM_CLOSED;

  if (outcome == CFUT_ROOM_CLOSED)
    g_propagate_error (error, cfut_executor_shut_down_error ());
  else if (outcome != CFUT_ROOM_OPEN)
    cfut_set_wake_error (error, outcome == CFUT_ROOM_CANCELLED ? CFUT_WAKE_CANCELLED
                                                               : CFUT_WAKE_TIMED_OUT);
  return outcome == CFUT_ROOM_OPEN;
}

/**
 * cfut_executor_wait_ready_async:
 * @self: an executor
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async) (closure user_data): called when there is room, or the wait has ended
 * @user_data: data for @callback
 *
 * Waits like [method@Cfut.Executor.wait_ready], without blocking. @callback is called on the
 * thread-default main context of this call.
 *
 * Since: 1.0
 */
void
cfut_executor_wait_ready_async (CfutExecutor        *self,
                                gint64               timeout_usec,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  g_return_if_fail (CFUT_IS_EXECUTOR (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  cfut_executor_wait_room_async (self, 1, cfut_deadline_from_timeout (timeout_usec), cancellable,
                                 callback, user_data);
}

/**
 * cfut_executor_wait_ready_finish:
 * @self: an executor
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Cfut.Executor.wait_ready_async].
 *
 * Errors: those of [method@Cfut.Executor.wait_ready].
 *
 * Returns: %TRUE if there is room; %FALSE if the wait ended first
 *
 * Since: 1.0
 */
gboolean
cfut_executor_wait_ready_finish (CfutExecutor  *self,
                                 GAsyncResult  *result,
                                 GError       **error)
{
  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * cfut_executor_set_rate_limit: (set-property rate-limit)
 * @self: an executor
 * @limit: (nullable): how fast tasks may be started; %NULL for no limit
 *
 * Limits how fast the executor starts tasks. No thread waits for that. Several executors may share
 * a limit.
 *
 * Since: 1.0
 */
void
cfut_executor_set_rate_limit (CfutExecutor  *self,
                              CfutRateLimit *limit)
{
  CfutGate *gate;

  g_return_if_fail (CFUT_IS_EXECUTOR (self));
  g_return_if_fail (limit == NULL || CFUT_IS_RATE_LIMIT (limit));

  if (limit == cfut_executor_get_rate_limit (self))
    return;

  gate = cfut_executor_get_gate (self, TRUE);
  cfut_gate_set_limit (gate, limit);
  g_object_notify (G_OBJECT (self), "rate-limit");
}

/**
 * cfut_executor_get_rate_limit: (get-property rate-limit)
 * @self: an executor
 *
 * Tells how fast tasks may be started.
 *
 * Returns: (transfer none) (nullable): the limit
 *
 * Since: 1.0
 */
CfutRateLimit *
cfut_executor_get_rate_limit (CfutExecutor *self)
{
  CfutGate *gate;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), NULL);

  gate = cfut_executor_get_gate (self, FALSE);
  return gate != NULL ? cfut_gate_peek_limit (gate) : NULL;
}

static void
executor_set_paused (CfutExecutor *self,
                     gboolean      paused)
{
  CfutGate *gate = cfut_executor_get_gate (self, paused);

  if (gate == NULL || cfut_gate_is_paused (gate) == paused)
    return;

  cfut_gate_set_paused (gate, paused);
  if (paused)
    cfut_executor_note_paused (self);
  g_object_notify (G_OBJECT (self), "paused");
}

/**
 * cfut_executor_pause:
 * @self: an executor
 *
 * Starts no more tasks until [method@Cfut.Executor.resume]. What runs goes on; tasks are still
 * taken, and can be cancelled. An executor that is dropped or shut down is resumed by that; one
 * that was shut down is not paused any more. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_executor_pause (CfutExecutor *self)
{
  g_return_if_fail (CFUT_IS_EXECUTOR (self));

  if (cfut_executor_is_shut_down (self))
    return;

  executor_set_paused (self, TRUE);
  /* Meanwhile: who waits for the end would wait for ever. */
  if (cfut_executor_is_shut_down (self))
    executor_set_paused (self, FALSE);
}

/**
 * cfut_executor_resume:
 * @self: an executor
 *
 * Starts tasks again, after [method@Cfut.Executor.pause], however often that was called.
 *
 * Since: 1.0
 */
void
cfut_executor_resume (CfutExecutor *self)
{
  g_return_if_fail (CFUT_IS_EXECUTOR (self));

  executor_set_paused (self, FALSE);
}

/**
 * cfut_executor_is_paused: (get-property paused)
 * @self: an executor
 *
 * Tells whether the executor was paused and not resumed.
 *
 * Returns: whether it starts no tasks
 *
 * Since: 1.0
 */
gboolean
cfut_executor_is_paused (CfutExecutor *self)
{
  CfutGate *gate;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), FALSE);

  gate = cfut_executor_get_gate (self, FALSE);
  return gate != NULL && cfut_gate_is_paused (gate);
}
