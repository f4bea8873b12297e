/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Waiting for the futures of a group: by a blocked thread, or by a callback.
 *
 *   next, wait ---------> request in the core --served--> wake: the waiter is fired
 *   next_async, ... ----> request in the core --served--> wake: a source on the caller's context
 *
 * Threads: any. An asynchronous one ends on the thread-default context of its caller, which need
 *   not be the group's.
 * Locks: none; the core's guards requests.
 * Owns: an asynchronous request is its source's. The source is held by its context, and by the
 *   request as long as that is not withdrawn and wake was not called. The source holds the GTask,
 *   which holds the group.
 * Invariants:
 * 1. A request is either served or withdrawn, and who withdraws it has lost nothing: a future that
 *    was handed out is returned, even if the time was up when it came.
 * 2. The GTask, and so the group, is let go on the caller's context only.
 * Not here: what serves a request (cfut-group-core.c). */

#include <glib/gi18n-lib.h>

#include "core/cfut-fork-private.h"
#include "core/cfut-point-private.h"
#include "cfut-group-private.h"
#include "cfut-outlook-private.h"

/* Entries that could not be reaped before, looked at again with each call that does not block. */
#define REAP_OLD 2

typedef struct {
  CfutGroupRequest request;
  CfutWaiter waiter;
  CfutHelp help;
} GroupBlock;

/* One asynchronous request. Ready at the deadline, when it is served, and with its child, the
 * cancellable's source. */
typedef struct {
  GSource source;
  CfutGroupRequest request;
} GroupSource;

static void
group_block_wake (CfutGroupRequest *request)
{
  GroupBlock *block = (GroupBlock *) ((char *) request - G_STRUCT_OFFSET (GroupBlock, request));

  cfut_waiter_fire (&block->waiter);
}

static void
group_block_added (CfutGroupRequest *request)
{
  GroupBlock *block = (GroupBlock *) ((char *) request - G_STRUCT_OFFSET (GroupBlock, request));

  cfut_help_nudge (&block->help);
  cfut_help_look_again (&block->help);
}

static void
group_block_look (CfutOutlook *outlook,
                  gpointer     group)
{
  cfut_group_core_look (((CfutGroup *) group)->core, outlook);
}

/* Calls the functions on which the group's futures hang meanwhile. */
static CfutWake
group_block_helping (CfutGroup    *self,
                     GroupBlock   *block,
                     gint64        deadline_usec,
                     GCancellable *cancellable)
{
  g_autoptr (GPtrArray) following = g_ptr_array_new ();
  CfutOutlook outlook;
  CfutWake wake;

  cfut_outlook_init (&outlook, &block->help);
  do
    {
      if (cfut_help_wants_more (&block->help))
        {
          cfut_group_core_list_following (self->core, following);
          if (following->len > 0)
            cfut_help_add_all (&block->help, following);
        }
      cfut_help_serve (&block->help);
      wake = cfut_outlook_begin_block (&outlook, group_block_look, self, NULL, &block->waiter);
      /* With a deadline that has passed this only reaps. */
      if (wake == CFUT_WAKE_FIRED)
        wake = cfut_owner_block (&block->waiter, deadline_usec, cancellable);
      cfut_outlook_end_block (&outlook);
    }
  while (wake == CFUT_WAKE_NUDGED);
  cfut_outlook_clear (&outlook);

  return wake;
}

/* Without a loop nobody else shows what other threads have added. */
static void
group_catch_up (CfutGroup *self)
{
  if (g_main_depth () == 0 && cfut_group_core_has_changes (self->core))
    cfut_group_model_show (self);
}

static CfutWake
group_block (CfutGroup    *self,
             GroupBlock   *block,
             gint64        timeout_usec,
             GCancellable *cancellable)
{
  gint64 deadline = cfut_deadline_from_timeout (timeout_usec);
  CfutWake wake;

  if (cfut_is_forked_child ())
    return CFUT_WAKE_FORKED;

  cfut_waiter_init (&block->waiter);
  block->waiter.nudge = &block->help.nudged;
  cfut_help_begin (&block->help, timeout_usec < 0 && cancellable == NULL);
  if (cfut_group_core_request (self->core, &block->request, timeout_usec != 0))
    {
      cfut_help_end (&block->help);
      cfut_owner_waited (cfut_owner_get_current ());
      return CFUT_WAKE_FIRED;
    }

  wake = timeout_usec != 0 ? group_block_helping (self, block, deadline, cancellable)
                           : cfut_owner_block (&block->waiter, deadline, cancellable);
  block->waiter.nudge = NULL;
  if (wake != CFUT_WAKE_FIRED)
    cfut_point (CFUT_POINT_GROUP_WITHDRAWS, self->core);
  if (wake != CFUT_WAKE_FIRED && !cfut_group_core_withdraw (self->core, &block->request))
    {
      cfut_point (CFUT_POINT_GROUP_WITHDRAWS_LATE, self->core);
      wake = cfut_waiter_wait (&block->waiter, CFUT_NO_DEADLINE, NULL);
    }
  cfut_help_end (&block->help);

  return wake;
}

/* FALSE: not served, and @error is set. */
static gboolean
group_request (CfutGroup             *self,
               CfutGroupRequestKind   kind,
               gint64                 timeout_usec,
               GCancellable          *cancellable,
               CfutFuture           **future,
               GError               **error)
{
  GroupBlock block;
  CfutWake wake = CFUT_WAKE_CANCELLED;

  cfut_group_request_init (&block.request, kind, group_block_wake);
  block.request.added = group_block_added;
  if (!g_cancellable_is_cancelled (cancellable))
    wake = group_block (self, &block, timeout_usec, cancellable);
  if (wake != CFUT_WAKE_FORKED)
    group_catch_up (self);

  *future = block.request.future;
  if (wake == CFUT_WAKE_FIRED)
    return TRUE;

  cfut_set_wake_error (error, wake);
  return FALSE;
}

/* On a thread that settled something, or on the caller's. The source's memory may be freed here,
 * but no more. */
static void
group_source_wake (CfutGroupRequest *request)
{
  GSource *source = (GSource *) ((char *) request - G_STRUCT_OFFSET (GroupSource, request));

  g_source_set_ready_time (source, 0);
  g_source_unref (source);
}

static void
group_task_return (GTask            *task,
                   CfutGroupRequest *request,
                   CfutWake          wake)
{
  GError *error = NULL;

  if (wake != CFUT_WAKE_FIRED)
    {
      cfut_set_wake_error (&error, wake);
      g_task_return_error (task, error);
    }
  else if (request->kind == CFUT_GROUP_REQUEST_NEXT)
    {
      g_task_return_pointer (task, g_steal_pointer (&request->future),
                             (GDestroyNotify) cfut_future_release);
    }
  else
    {
      g_task_return_boolean (task, TRUE);
    }
}

static gboolean
group_source_dispatch (GSource     *source,
                       GSourceFunc  callback,
                       gpointer     user_data)
{
  CfutGroupRequest *request = &((GroupSource *) source)->request;
  GTask *task = user_data;
  CfutGroup *self = g_task_get_source_object (task);
  CfutWake wake = CFUT_WAKE_FIRED;

  if (cfut_group_core_withdraw (self->core, request))
    {
      wake = g_cancellable_is_cancelled (g_task_get_cancellable (task)) ? CFUT_WAKE_CANCELLED
                                                                         : CFUT_WAKE_TIMED_OUT;
      g_source_unref (source);
    }

  group_task_return (task, request, wake);
  return G_SOURCE_REMOVE;
}

static GSourceFuncs group_source_funcs = {
  .dispatch = group_source_dispatch,
};

/* Never called: it is there for the GTask that comes with it. */
static gboolean
group_source_callback (gpointer data)
{
  return G_SOURCE_REMOVE;
}

/* Takes the reference on @task. */
static void
group_wait_in_source (CfutGroup            *self,
                      CfutGroupRequestKind  kind,
                      gint64                timeout_usec,
                      GTask                *task)
{
  GCancellable *cancellable = g_task_get_cancellable (task);
  GMainContext *context = g_task_get_context (task);
  GSource *source = g_source_new (&group_source_funcs, sizeof (GroupSource));
  CfutGroupRequest *request = &((GroupSource *) source)->request;
  gint64 deadline = cfut_deadline_from_timeout (timeout_usec);

  cfut_group_request_init (request, kind, group_source_wake);
  g_source_set_static_name (source, "[cfut] group");
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, group_source_callback, task, g_object_unref);
  if (deadline != CFUT_NO_DEADLINE)
    g_source_set_ready_time (source, deadline);
  if (cancellable != NULL)
    {
      GSource *child = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (child);
      g_source_add_child_source (source, child);
      g_source_unref (child);
    }

  /* One reference is ours, one the request's. The source comes first: what serves the request must
   * find it attached. If another thread runs its context, it may be over before it is registered.
   * */
  g_source_ref (source);
  g_source_attach (source, context);
  if (cfut_group_core_request (self->core, request, TRUE))
    group_source_wake (request);
  g_source_unref (source);
}

static void
group_request_async (CfutGroup            *self,
                     CfutGroupRequestKind  kind,
                     gint64                timeout_usec,
                     GCancellable         *cancellable,
                     GAsyncReadyCallback   callback,
                     gpointer              user_data,
                     gpointer              tag,
                     const char           *name)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  CfutGroupRequest request;

  g_task_set_source_tag (task, tag);
  g_task_set_name (task, name);
  /* What was handed out is returned, and not dropped as cancelled. */
  g_task_set_check_cancellable (task, FALSE);

  cfut_group_request_init (&request, kind, NULL);
  if (g_cancellable_is_cancelled (cancellable))
    {
      group_task_return (task, &request, CFUT_WAKE_CANCELLED);
      g_object_unref (task);
    }
  else if (cfut_is_forked_child ())
    {
      group_task_return (task, &request, CFUT_WAKE_FORKED);
      g_object_unref (task);
    }
  else if (cfut_group_core_request (self->core, &request, FALSE))
    {
      group_task_return (task, &request, CFUT_WAKE_FIRED);
      g_object_unref (task);
    }
  else if (timeout_usec == 0)
    {
      group_task_return (task, &request, CFUT_WAKE_TIMED_OUT);
      g_object_unref (task);
    }
  else
    {
      group_wait_in_source (self, kind, timeout_usec, task);
    }
}

/**
 * cfut_group_next:
 * @self: a group
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @cancellable: (nullable): ends the wait, not the futures
 * @error: return location for an error
 *
 * Hands out the next future that has settled, and waits for one to settle if need be.
 *
 * Futures come in the order in which they settle, however they do; each is handed to one caller.
 * What is handed out stays in the group until it is removed.
 *
 * %NULL without an error is the end: every future has settled and was handed out, and nobody holds
 * the group ([method@Cfut.Group.hold]). More may be added at any time, also after the end, and
 * between two calls:
 *
 * ```c
 * while ((future = cfut_group_next (group, -1, NULL, &error)) != NULL)
 *   {
 *     handle (future);
 *     g_object_unref (future);
 *   }
 * ```
 *
 * May be called on any thread, by several at once, and needs no main loop. It blocks; in the
 * thread of a main loop use [method@Cfut.Group.next_async] or
 * [signal@Cfut.Group::future-done].
 *
 * In a task, a group that nobody holds may have nothing left that anything else could settle than
 * that task itself; or than tasks for which its executor has no thread left, where that may not
 * start more ([property@Cfut.ThreadExecutor:compensate]) and the wait has neither limit nor
 * cancellable.
 *
 * Errors: %G_IO_ERROR_TIMED_OUT when nothing has settled in time; %G_IO_ERROR_CANCELLED;
 * %CFUT_FUTURE_ERROR_DEADLOCK in a task when nothing ever would. Then no future was handed out.
 *
 * Returns: (transfer full) (nullable): a settled future; %NULL at the end, and with @error set
 *
 * Since: 1.0
 */
CfutFuture *
cfut_group_next (CfutGroup     *self,
                 gint64         timeout_usec,
                 GCancellable  *cancellable,
                 GError       **error)
{
  CfutFuture *future;

  g_return_val_if_fail (CFUT_IS_GROUP (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  group_request (self, CFUT_GROUP_REQUEST_NEXT, timeout_usec, cancellable, &future, error);
  if (future != NULL)
    cfut_future_observe_failure (future);
  return future;
}

/**
 * cfut_group_next_async:
 * @self: a group
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @cancellable: (nullable): ends the wait, not the futures
 * @callback: (scope async) (closure user_data): called when it is over
 * @user_data: data for @callback
 *
 * Waits for the next future that has settled, without blocking.
 *
 * It is [method@Cfut.Group.next] otherwise. Several may be under way, and are served in the
 * order in which they were called. It may be called on any thread; @callback is called on the
 * thread-default main context of this one, whatever context the group belongs to. The group lives
 * until then.
 *
 * Since: 1.0
 */
void
cfut_group_next_async (CfutGroup           *self,
                       gint64               timeout_usec,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  g_return_if_fail (CFUT_IS_GROUP (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  group_request_async (self, CFUT_GROUP_REQUEST_NEXT, timeout_usec, cancellable,
                       callback, user_data, cfut_group_next_async, "[cfut] group next");
}

/**
 * cfut_group_next_finish:
 * @self: a group
 * @result: the result that the callback got
 * @error: return location for an error
 *
 * Ends [method@Cfut.Group.next_async].
 *
 * Errors: those of [method@Cfut.Group.next].
 *
 * Returns: (transfer full) (nullable): a settled future; %NULL at the end, and with @error set
 *
 * Since: 1.0
 */
CfutFuture *
cfut_group_next_finish (CfutGroup     *self,
                        GAsyncResult  *result,
                        GError       **error)
{
  CfutFuture *future;

  g_return_val_if_fail (CFUT_IS_GROUP (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, cfut_group_next_async), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  future = g_task_propagate_pointer (G_TASK (result), error);
  if (future != NULL)
    cfut_future_observe_failure (future);
  return future;
}

/**
 * cfut_group_wait:
 * @self: a group
 * @return_when: what to wait for
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @cancellable: (nullable): ends the wait, not the futures
 * @error: return location for an error
 *
 * Waits for futures of the group without taking them from [method@Cfut.Group.next].
 *
 * It counts what is in the group, also what had settled before; a group that has nothing unsettled
 * and that nobody holds ends every wait. May be called on any thread and needs no main loop. It
 * blocks; in the thread of a main loop use [method@Cfut.Group.wait_async].
 *
 * Errors: %G_IO_ERROR_TIMED_OUT, %G_IO_ERROR_CANCELLED, and %CFUT_FUTURE_ERROR_DEADLOCK as in
 * [method@Cfut.Group.next].
 *
 * Returns: %TRUE if it is so; %FALSE if the wait ended first
 *
 * Since: 1.0
 */
gboolean
cfut_group_wait (CfutGroup       *self,
                 CfutReturnWhen   return_when,
                 gint64           timeout_usec,
                 GCancellable    *cancellable,
                 GError         **error)
{
  CfutFuture *none;

  g_return_val_if_fail (CFUT_IS_GROUP (self), FALSE);
  g_return_val_if_fail (return_when <= CFUT_RETURN_WHEN_FIRST_FAILURE, FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return group_request (self, (CfutGroupRequestKind) return_when, timeout_usec, cancellable, &none,
                        error);
}

/**
 * cfut_group_wait_async:
 * @self: a group
 * @return_when: what to wait for
 * @timeout_usec: how long to wait at most, in microseconds; negative for no limit, 0 to look only
 * @cancellable: (nullable): ends the wait, not the futures
 * @callback: (scope async) (closure user_data): called when it is over
 * @user_data: data for @callback
 *
 * Waits for futures of the group without blocking.
 *
 * It is [method@Cfut.Group.wait] otherwise. It may be called on any thread; @callback is called on
 * the thread-default main context of this one, whatever context the group belongs to. The group
 * lives until then.
 *
 * Since: 1.0
 */
void
cfut_group_wait_async (CfutGroup           *self,
                       CfutReturnWhen       return_when,
                       gint64               timeout_usec,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  g_return_if_fail (CFUT_IS_GROUP (self));
  g_return_if_fail (return_when <= CFUT_RETURN_WHEN_FIRST_FAILURE);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  group_request_async (self, (CfutGroupRequestKind) return_when, timeout_usec, cancellable,
                       callback, user_data, cfut_group_wait_async, "[cfut] group wait");
}

/**
 * cfut_group_wait_finish:
 * @self: a group
 * @result: the result that the callback got
 * @error: return location for an error
 *
 * Ends [method@Cfut.Group.wait_async].
 *
 * Errors: %G_IO_ERROR_TIMED_OUT and %G_IO_ERROR_CANCELLED.
 *
 * Returns: %TRUE if it is so; %FALSE if the wait ended first
 *
 * Since: 1.0
 */
gboolean
cfut_group_wait_finish (CfutGroup     *self,
                        GAsyncResult  *result,
                        GError       **error)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, cfut_group_wait_async), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
