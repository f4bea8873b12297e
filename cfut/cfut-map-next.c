/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What takes the items out of a map: the blocking call and the asynchronous one, which are steps of
 * the same kind with a wait between them.
 *
 *   take the first item --(settled)--> fill its place --> hand it out
 *     ^        '--(not yet)--> fill the buffer --> wait for it, or for what runs it --.
 *     '--------------------------------------------------------------------------------'
 *
 * Threads: any. The asynchronous wait goes on, and ends, on its caller's context.
 * Locks: the map's, for one step; no wait is under it.
 * Owns: an asynchronous wait is a GTask, held by the wait for the future that it waits for at the
 *   moment.
 * Invariants:
 * 1. An item is taken in the step in which it is found settled, so a wait that ends first has lost
 *    nothing.
 * 2. While the first item is with the thread that submits it, others wait for `published`.
 * 3. A worker waits for the chunk while that is queued, as that is what it may run itself.
 * 4. What ends a wait, the map's limit or the caller's, is settled when the wait begins.
 * 5. Where the executor is full and the request says to wait for room, that wait is a part of the
 *    caller's: it ends with it, and what was taken before is handed out all the same. The
 *    asynchronous form waits for room only when there is nothing else to wait for.
 * Not here: what fills the buffer (cfut-map.c). */

#include "core/cfut-pool-private.h"
#include "core/cfut-waiter-private.h"
#include "cfut-error.h"
#include "cfut-executor-private.h"
#include "cfut-map-struct-private.h"

/* What to wait for until the first item has settled. A worker that waits for an item which is not
 * itself in a queue waits for what is, as that is what it may run. */
static CfutFuture *
slot_get_target (CfutMapSlot *slot)
{
  if (slot->chunk != NULL && cfut_pool_get_current () != NULL &&
      cfut_future_get_state (slot->chunk) == CFUT_STATE_PENDING)
    return slot->chunk;

  return slot->item;
}

/* TRUE: @item was taken, or is NULL at the end. FALSE: wait for @target, or look again if that is
 * NULL. */
static gboolean
map_take (CfutMap     *self,
          CfutFuture **item,
          CfutFuture **target)
{
  CfutMapSlot *taken = NULL;
  gboolean ended = FALSE;

  *item = *target = NULL;

  cfut_map_lock (self);
  if (self->slots != NULL)
    {
      if (cfut_future_is_settled (self->slots->item))
        {
          taken = self->slots;
          self->slots = taken->next;
          self->n_taken++;
        }
      else
        {
          *target = g_object_ref (slot_get_target (self->slots));
        }
    }
  else if (self->submitting)
    {
      if (self->published == NULL)
        self->published = cfut_promise_new ();
      *target = g_object_ref (cfut_promise_get_future (self->published));
    }
  else
    {
      ended = self->n_submitted == self->n_end && self->made == NULL;
    }
  cfut_map_unlock (self);

  if (taken != NULL)
    {
      *item = g_steal_pointer (&taken->item);
      taken->next = NULL;
      cfut_map_slots_free (taken);
      cfut_future_observe (*item);
    }

  return taken != NULL || ended;
}

/* The earlier of the caller's and the map's. */
static gint64
map_limit_deadline (CfutMap *self,
                    gint64   deadline_usec)
{
  gint64 timeout_usec;

  cfut_map_lock (self);
  timeout_usec = self->timeout_usec;
  cfut_map_unlock (self);

  if (timeout_usec < 0 || timeout_usec > G_MAXINT64 - self->made_usec)
    return deadline_usec;

  return MIN (deadline_usec, self->made_usec + timeout_usec);
}

static gint64
timeout_until (gint64 deadline_usec)
{
  if (deadline_usec == CFUT_NO_DEADLINE)
    return -1;

  return MAX (deadline_usec - g_get_monotonic_time (), 0);
}

static void
set_end_error (GCancellable  *cancellable,
               GError       **error)
{
  cfut_set_wake_error (error, g_cancellable_is_cancelled (cancellable) ? CFUT_WAKE_CANCELLED
                                                                       : CFUT_WAKE_TIMED_OUT);
}

/* Takes an item and fills its place. Returns as map_take; without a target too there was no room in
 * time. */
static gboolean
map_step (CfutMap      *self,
          gint64        deadline_usec,
          GCancellable *cancellable,
          CfutFuture  **item,
          CfutFuture  **target)
{
  gboolean in_time = TRUE;
  gboolean over;

  for (;;)
    {
      over = map_take (self, item, target);
      if (over || !in_time)
        break;
      in_time = cfut_map_top_up (self, deadline_usec, cancellable);
      if (*target != NULL)
        break;
    }

  if (*item != NULL)
    cfut_map_top_up (self, deadline_usec, cancellable);
  return over;
}

/**
 * cfut_map_next:
 * @self: a map
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @cancellable: (nullable): ends the wait, not the items
 * @error: return location for an error
 *
 * Hands out the future of the next item, in order, and waits for it to settle if need be.
 *
 * How the item fared is for the future to tell: an item that failed ends neither the map nor the
 * others. %NULL without an error is the end.
 *
 * May be called on any thread, by several at once; each item goes to one of them. It blocks: in the
 * thread of a main loop use [method@Cfut.Map.next_async]. The place of what is taken is filled on
 * this thread; where that has to wait for room in the executor, no longer than this call may wait,
 * and the next one goes on with it.
 *
 * Errors: %G_IO_ERROR_TIMED_OUT when the item has not settled in time, be it that of this call or
 * [method@Cfut.Map.set_timeout_usec]; %G_IO_ERROR_CANCELLED; %CFUT_FUTURE_ERROR_DEADLOCK when an
 * item waits for itself so, or a task for an item for which no thread would be left. Then nothing
 * was taken, and the map may be asked again.
 *
 * Returns: (transfer full) (nullable): the settled future of the next item; %NULL at the end, and
 *   with @error set
 *
 * Since: 1.0
 */
CfutFuture *
cfut_map_next (CfutMap       *self,
               gint64         timeout_usec,
               GCancellable  *cancellable,
               GError       **error)
{
  CfutFuture *target;
  CfutFuture *item;
  gint64 deadline;

  g_return_val_if_fail (CFUT_IS_MAP (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_cancellable_is_cancelled (cancellable))
    {
      cfut_set_wake_error (error, CFUT_WAKE_CANCELLED);
      return NULL;
    }

  deadline = map_limit_deadline (self, cfut_deadline_from_timeout (timeout_usec));
  while (!map_step (self, deadline, cancellable, &item, &target))
    {
      gboolean settled;

      if (target == NULL)
        {
          set_end_error (cancellable, error);
          return NULL;
        }

      settled = cfut_future_wait (target, timeout_until (deadline), cancellable, error);
      cfut_future_release (target);
      if (!settled)
        return NULL;
    }

  /* On the owner's thread it lets go of what was delivered. */
  if (item != NULL)
    cfut_future_wait (item, 0, NULL, NULL);
  return item;
}

static void on_target_settled (GObject      *object,
                               GAsyncResult *result,
                               gpointer      data);
static void on_room (GObject      *object,
                     GAsyncResult *result,
                     gpointer      data);

/* map_step, but this thread may have a loop to run: it only looks for room. (transfer full)
 * (nullable): what has none, @full, is all there is to wait for. */
static gboolean
map_step_async (CfutMap       *self,
                CfutFuture   **item,
                CfutFuture   **target,
                CfutExecutor **full,
                guint64       *size)
{
  gboolean over;

  *full = NULL;
  do
    {
      over = map_step (self, g_get_monotonic_time (), NULL, item, target);
      if (!over && *target == NULL)
        *full = cfut_map_dup_full (self, size);
    }
  while (!over && *target == NULL && *full == NULL);

  return over;
}

/* Ends the task, which it takes over, or goes on waiting. */
static void
map_next_go_on (CfutMap *self,
                GTask   *task)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  gint64 deadline = *(gint64 *) g_task_get_task_data (task);
  g_autoptr (CfutExecutor) full = NULL;
  CfutFuture *item = NULL;
  CfutFuture *target = NULL;
  GError *error = NULL;
  guint64 size;

  if (!g_cancellable_is_cancelled (cancellable) &&
      map_step_async (self, &item, &target, &full, &size))
    {
      g_task_return_pointer (task, item, (GDestroyNotify) cfut_future_release);
    }
  else if (timeout_until (deadline) == 0 || g_cancellable_is_cancelled (cancellable))
    {
      set_end_error (cancellable, &error);
      g_task_return_error (task, error);
    }
  else if (target != NULL)
    {
      cfut_future_wait_async (target, timeout_until (deadline), cancellable, on_target_settled,
                              g_object_ref (task));
    }
  else
    {
      cfut_executor_wait_room_async (full, size, deadline, cancellable, on_room,
                                     g_object_ref (task));
    }

  if (target != NULL)
    cfut_future_release (target);
  g_object_unref (task);
}

/* Takes over the task, and @error if there is one. */
static void
map_next_waited (GTask  *task,
                 GError *error)
{
  GMainContext *context = g_task_get_context (task);

  if (error != NULL)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }

  /* A loop need not have made its context the thread's default one; the next wait is to end here
   * too. */
  g_main_context_push_thread_default (context);
  map_next_go_on (g_task_get_source_object (task), task);
  g_main_context_pop_thread_default (context);
}

static void
on_target_settled (GObject      *object,
                   GAsyncResult *result,
                   gpointer      data)
{
  GError *error = NULL;

  cfut_future_wait_finish (CFUT_FUTURE (object), result, &error);
  map_next_waited (data, error);
}

/* An executor that was shut down has room for none, and tells the item so. */
static void
on_room (GObject      *object,
         GAsyncResult *result,
         gpointer      data)
{
  GError *error = NULL;

  cfut_executor_wait_ready_finish (CFUT_EXECUTOR (object), result, &error);
  if (g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN))
    g_clear_error (&error);
  map_next_waited (data, error);
}

/**
 * cfut_map_next_async:
 * @self: a map
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @cancellable: (nullable): ends the wait, not the items
 * @callback: (scope async) (closure user_data): called when it is over
 * @user_data: data for @callback
 *
 * Waits for the next item without blocking; [method@Cfut.Map.next] otherwise.
 *
 * May be called on any thread; @callback is called on the thread-default main context of this call.
 * Several may be under way: items are handed out in order, but which call gets which is not
 * certain. The map lives until then.
 *
 * Since: 1.0
 */
void
cfut_map_next_async (CfutMap             *self,
                     gint64               timeout_usec,
                     GCancellable        *cancellable,
                     GAsyncReadyCallback  callback,
                     gpointer             user_data)
{
  GTask *task;
  gint64 *deadline;

  g_return_if_fail (CFUT_IS_MAP (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, cfut_map_next_async);
  g_task_set_name (task, "[cfut] map next");
  /* What was taken is returned, and not dropped as cancelled. */
  g_task_set_check_cancellable (task, FALSE);
  deadline = g_new (gint64, 1);
  *deadline = map_limit_deadline (self, cfut_deadline_from_timeout (timeout_usec));
  g_task_set_task_data (task, deadline, g_free);

  map_next_go_on (self, task);
}

/**
 * cfut_map_next_finish:
 * @self: a map
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@Cfut.Map.next_async].
 *
 * Errors: those of [method@Cfut.Map.next].
 *
 * Returns: (transfer full) (nullable): the settled future of the next item; %NULL at the end, and
 *   with @error set
 *
 * Since: 1.0
 */
CfutFuture *
cfut_map_next_finish (CfutMap       *self,
                      GAsyncResult  *result,
                      GError       **error)
{
  g_return_val_if_fail (CFUT_IS_MAP (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
