/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Waiting for the futures of a group: next and wait, blocking and not, and the races at their ends.
 * Guarantees 1 (settling) and 5 (cancel): whatever settles, however it does, ends every wait for
 * it. */

#include "test-group-util.h"

/* next hands out each future once, in the order of settling, however it settled; then the end, more
 * than once, and again after more was added. */
static void
test_group_next_in_order_of_settling (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 6);
  g_autoptr (CfutPromise) later = NULL;
  CfutPromise *dropped = NULL;

  assert_next_fails (group, 0, NULL, G_IO_ERROR_TIMED_OUT);
  cfut_promise_resolve (promises->pdata[3], NULL);
  g_assert_true (cfut_future_cancel (future_at (promises, 5)));
  assert_next (group, future_at (promises, 3));
  reject (promises->pdata[0]);
  cfut_promise_resolve (promises->pdata[4], NULL);
  cfut_promise_resolve (promises->pdata[1], NULL);
  assert_next (group, future_at (promises, 5));
  assert_next (group, future_at (promises, 0));
  assert_next (group, future_at (promises, 4));
  assert_next (group, future_at (promises, 1));
  assert_next_fails (group, 1000, NULL, G_IO_ERROR_TIMED_OUT);

  /* Guarantee 1: a promise that is dropped settles too. */
  dropped = g_steal_pointer (&promises->pdata[2]);
  promises->pdata[2] = g_object_ref (promises->pdata[0]);
  {
    g_autoptr (CfutFuture) future = g_object_ref (cfut_promise_get_future (dropped));

    g_object_unref (dropped);
    assert_next (group, future);
  }
  g_assert_cmpuint (cfut_group_get_n_failed (group), ==, 2);
  g_assert_cmpuint (cfut_group_get_n_cancelled (group), ==, 1);
  g_assert_cmpuint (cfut_group_get_n_done (group), ==, 6);

  assert_next (group, NULL);
  assert_next (group, NULL);
  later = add_promise (group);
  assert_next_fails (group, 0, NULL, G_IO_ERROR_TIMED_OUT);
  cfut_promise_resolve (later, NULL);
  assert_next (group, cfut_promise_get_future (later));
  assert_next (group, NULL);
}

/* Guarantee 5: what is cancelled while it waits in a queue ends next and wait at once. (CPython's
 * as_completed and wait hang there.) */
static void
test_group_cancelled_in_queue (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  TestGate gate;
  CfutFuture *future;
  guint n_next = 0;
  int n_ran = 0;

  test_gate_init (&gate);
  future = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  g_object_unref (future);

  for (guint i = 0; i < 1000; i++)
    {
      future = cfut_executor_submit (executor, test_task_count, &n_ran, NULL);
      cfut_group_add (group, future);
      g_object_unref (future);
    }
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_FIRST_COMPLETED));

  cfut_group_cancel (group);
  g_assert_true (wait_now (group, CFUT_RETURN_WHEN_ALL_COMPLETED));
  while ((future = cfut_group_next (group, TEST_DEADLINE_USEC, NULL, NULL)) != NULL)
    {
      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
      g_object_unref (future);
      n_next++;
    }
  g_assert_cmpuint (n_next, ==, 1000);
  g_assert_cmpuint (cfut_group_get_n_cancelled (group), ==, 1000);
  g_assert_cmpuint (cfut_group_get_n_failed (group), ==, 0);

  test_gate_open (&gate);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  g_assert_cmpint (n_ran, ==, 0);
  test_gate_clear (&gate);
}

/* The same for what a shutdown cancels. */
static void
test_group_cancelled_by_shutdown (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  TestGate gate;

  test_gate_init (&gate);
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_pass, &gate, NULL);

      cfut_group_add (group, future);
    }
  test_gate_wait_arrived (&gate, 1);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_PENDING, 0, NULL);
  for (guint i = 0; i < 49; i++)
    {
      g_autoptr (CfutFuture) future = cfut_group_next (group, TEST_DEADLINE_USEC, NULL, NULL);

      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
    }
  test_gate_open (&gate);
  g_assert_true (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, TEST_DEADLINE_USEC, NULL,
                                  NULL));
  g_assert_cmpuint (cfut_group_get_n_cancelled (group), ==, 49);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

/* Timeouts and cancellables end the wait and nothing else: the future that comes later is handed
 * out. */
static void
test_group_next_ends_early (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) promise = add_promise (group);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GError *error = NULL;

  assert_next_fails (group, 0, cancellable, G_IO_ERROR_TIMED_OUT);
  assert_next_fails (group, 2000, cancellable, G_IO_ERROR_TIMED_OUT);
  g_assert_false (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, 2000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  assert_next_fails (group, -1, cancellable, G_IO_ERROR_CANCELLED);
  g_assert_false (cfut_group_wait (group, CFUT_RETURN_WHEN_FIRST_FAILURE, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (cfut_future_is_settled (cfut_promise_get_future (promise)));

  cfut_promise_resolve (promise, NULL);
  assert_next_fails (group, -1, cancellable, G_IO_ERROR_CANCELLED);
  assert_next (group, cfut_promise_get_future (promise));
}

static gpointer
cancel_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* A cancellable that is cancelled on another thread ends a wait that is about to block, or blocks.
 * */
static void
test_group_next_cancelled_while_parking (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) promise = add_promise (group);

  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      GThread *thread = g_thread_new ("cancel", cancel_thread, cancellable);

      assert_next_fails (group, -1, cancellable, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);
    }
  cfut_promise_resolve (promise, NULL);
}

/* The last future settles while next parks: it gets the future, then the end, and never sleeps over
 * it. */
static void
test_group_last_settles_while_parking (void)
{
  const guint n = 5000;
  g_autoptr (CfutGroup) group = cfut_group_new ();
  GPtrArray *promises = g_ptr_array_new_with_free_func (g_object_unref);
  Settler settler;

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (promises, cfut_promise_new ());
  settler_init (&settler, promises);

  for (guint i = 0; i < n; i++)
    {
      CfutFuture *future = future_at (promises, i);

      cfut_group_add (group, future);
      test_sem_post (&settler.start);
      if (i % 3 == 0)
        {
          g_assert_true (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, TEST_DEADLINE_USEC,
                                          NULL, NULL));
        }
      else if (i % 3 == 1)
        {
          /* A timeout that may end at any time of it: the future is either had now or still there.
           * */
          g_autoptr (CfutFuture) had = cfut_group_next (group, i % 50, NULL, NULL);

          if (had == NULL)
            assert_next (group, future);
          assert_next (group, NULL);
          g_assert_true (cfut_group_remove (group, future));
          test_sem_wait (&settler.ended);
          continue;
        }
      assert_next (group, future);
      assert_next (group, NULL);
      g_assert_true (cfut_group_remove (group, future));
      test_sem_wait (&settler.ended);
    }

  settler_clear (&settler);
}

/* Each kind of wait, by what is in the group. */
static void
test_group_wait_kinds (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 3);

  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_FIRST_COMPLETED));
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_FIRST_FAILURE));
  cfut_promise_resolve (promises->pdata[0], NULL);
  g_assert_true (wait_now (group, CFUT_RETURN_WHEN_FIRST_COMPLETED));
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_FIRST_FAILURE));
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_ALL_COMPLETED));
  reject (promises->pdata[1]);
  g_assert_true (wait_now (group, CFUT_RETURN_WHEN_FIRST_FAILURE));
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_ALL_COMPLETED));
  cfut_group_remove_settled (group);
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_FIRST_COMPLETED));
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_FIRST_FAILURE));
  /* A cancelled one is one that did not succeed. */
  cfut_future_cancel (future_at (promises, 2));
  g_assert_true (wait_now (group, CFUT_RETURN_WHEN_FIRST_FAILURE));
  g_assert_true (wait_now (group, CFUT_RETURN_WHEN_ALL_COMPLETED));
}

typedef struct {
  CfutGroup *group;
  CfutReturnWhen when;
  TestSem over;
} Waiting;

static gpointer
wait_thread (gpointer data)
{
  Waiting *waiting = data;

  g_assert_true (cfut_group_wait (waiting->group, waiting->when, TEST_DEADLINE_USEC, NULL, NULL));
  test_sem_post (&waiting->over);
  return NULL;
}

/* Blocked waits of each kind end by what they wait for, in the order in which that happens; and
 * when what they wait for is removed. */
static void
test_group_wait_blocked (void)
{
  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (GPtrArray) promises = add_promises (group, 4);
      Waiting waiting[3];
      GThread *threads[3];

      for (guint i = 0; i < 3; i++)
        {
          waiting[i].group = group;
          waiting[i].when = i;
          test_sem_init (&waiting[i].over);
          threads[i] = g_thread_new ("wait", wait_thread, &waiting[i]);
        }
      cfut_promise_resolve (promises->pdata[0], NULL);
      test_sem_wait (&waiting[CFUT_RETURN_WHEN_FIRST_COMPLETED].over);
      if (round % 2 == 0)
        {
          cfut_future_cancel (future_at (promises, 1));
          test_sem_wait (&waiting[CFUT_RETURN_WHEN_FIRST_FAILURE].over);
        }
      cfut_promise_resolve (promises->pdata[2], NULL);
      cfut_group_remove (group, future_at (promises, 1));
      cfut_group_remove (group, future_at (promises, 3));
      if (round % 2 == 1)
        test_sem_wait (&waiting[CFUT_RETURN_WHEN_FIRST_FAILURE].over);
      test_sem_wait (&waiting[CFUT_RETURN_WHEN_ALL_COMPLETED].over);
      for (guint i = 0; i < 3; i++)
        {
          g_thread_join (threads[i]);
          test_sem_clear (&waiting[i].over);
        }
    }
}

typedef struct {
  GMainContext *context;
  GThread *thread;
  guint n_calls;
  CfutFuture *future;
  gboolean result;
  GError *error;
} AsyncCall;

static void
on_next (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  AsyncCall *call = data;

  call->n_calls++;
  g_assert_true (g_thread_self () == call->thread);
  g_assert_true (g_main_context_is_owner (call->context));
  call->future = cfut_group_next_finish (CFUT_GROUP (source), result, &call->error);
}

static void
on_waited (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  AsyncCall *call = data;

  call->n_calls++;
  g_assert_true (g_thread_self () == call->thread);
  g_assert_true (g_main_context_is_owner (call->context));
  call->result = cfut_group_wait_finish (CFUT_GROUP (source), result, &call->error);
}

static AsyncCall
async_call (GMainContext *context)
{
  AsyncCall call = { .context = context, .thread = g_thread_self () };

  return call;
}

/* The asynchronous twins end on the caller's context, not on the group's, never inside the call,
 * and are served in the order in which they were called. */
static void
test_group_async (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 3);
  g_autoptr (GMainContext) context = g_main_context_new ();
  AsyncCall calls[4];
  AsyncCall waits[3];

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < 4; i++)
    {
      calls[i] = async_call (context);
      cfut_group_next_async (group, -1, NULL, on_next, &calls[i]);
    }
  for (guint i = 0; i < 3; i++)
    {
      waits[i] = async_call (context);
      cfut_group_wait_async (group, i, -1, NULL, on_waited, &waits[i]);
    }

  cfut_promise_resolve (promises->pdata[2], NULL);
  cfut_promise_resolve (promises->pdata[0], NULL);
  test_iterate_ready (NULL);
  g_assert_cmpuint (calls[0].n_calls, ==, 0);
  test_iterate_until (context, calls[1].n_calls == 1 &&
                               waits[CFUT_RETURN_WHEN_FIRST_COMPLETED].n_calls == 1);
  g_assert_true (calls[0].future == future_at (promises, 2));
  g_assert_true (calls[1].future == future_at (promises, 0));
  g_assert_true (waits[CFUT_RETURN_WHEN_FIRST_COMPLETED].result);
  test_iterate_ready (context);
  g_assert_cmpuint (calls[2].n_calls, ==, 0);
  g_assert_cmpuint (waits[CFUT_RETURN_WHEN_ALL_COMPLETED].n_calls, ==, 0);

  reject (promises->pdata[1]);
  g_assert_cmpuint (calls[2].n_calls, ==, 0);
  test_iterate_until (context, calls[3].n_calls == 1 &&
                               waits[CFUT_RETURN_WHEN_FIRST_FAILURE].n_calls == 1 &&
                               waits[CFUT_RETURN_WHEN_ALL_COMPLETED].n_calls == 1);
  g_assert_true (calls[2].future == future_at (promises, 1));
  /* The end. */
  g_assert_null (calls[3].future);
  g_assert_no_error (calls[3].error);
  g_assert_true (waits[CFUT_RETURN_WHEN_ALL_COMPLETED].result);
  g_assert_true (waits[CFUT_RETURN_WHEN_FIRST_FAILURE].result);

  /* What is so already ends with the next iteration too. */
  waits[0] = async_call (context);
  cfut_group_wait_async (group, 0, 0, NULL, on_waited, &waits[0]);
  g_assert_cmpuint (waits[0].n_calls, ==, 0);
  test_iterate_until (context, waits[0].n_calls == 1);
  g_assert_true (waits[0].result);

  for (guint i = 0; i < 3; i++)
    g_object_unref (calls[i].future);
  g_main_context_pop_thread_default (context);
}

/* Timeouts and cancellables of the asynchronous twins; nothing is lost by them. */
static void
test_group_async_ends_early (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) promise = add_promise (group);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  AsyncCall poll = async_call (NULL);
  AsyncCall timed = async_call (NULL);
  AsyncCall cancelled = async_call (NULL);
  AsyncCall late = async_call (NULL);

  cfut_group_next_async (group, 0, NULL, on_next, &poll);
  cfut_group_next_async (group, 3000, cancellable, on_next, &timed);
  cfut_group_wait_async (group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, cancellable, on_waited,
                         &cancelled);
  test_iterate_until (NULL, poll.n_calls == 1 && timed.n_calls == 1);
  g_assert_error (poll.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_error (timed.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_cancellable_cancel (cancellable);
  cfut_group_next_async (group, -1, cancellable, on_next, &late);
  test_iterate_until (NULL, cancelled.n_calls == 1 && late.n_calls == 1);
  g_assert_error (cancelled.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (late.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  cfut_promise_resolve (promise, NULL);
  assert_next (group, cfut_promise_get_future (promise));
  g_clear_error (&poll.error);
  g_clear_error (&timed.error);
  g_clear_error (&cancelled.error);
  g_clear_error (&late.error);
}

/* Each future goes to one of many asynchronous calls whose time is up as it comes, or stays for the
 * next. */
static void
test_group_async_races (void)
{
  const guint n = 1000;
  g_autoptr (CfutGroup) group = cfut_group_new ();
  Settler settler;
  guint n_had = 0;

  settler_init (&settler, add_promises (group, n));
  for (guint i = 0; i < n; i++)
    {
      AsyncCall call = async_call (NULL);

      cfut_group_next_async (group, i % 40 + 1, NULL, on_next, &call);
      test_sem_post (&settler.start);
      test_iterate_until (NULL, call.n_calls == 1);
      g_assert_true ((call.future != NULL) == (call.error == NULL));
      n_had += call.future != NULL;
      g_clear_object (&call.future);
      g_clear_error (&call.error);
    }
  settler_clear (&settler);
  g_test_message ("%u of %u were in time", n_had, n);
  for (; n_had < n; n_had++)
    {
      g_autoptr (CfutFuture) future = cfut_group_next (group, 0, NULL, NULL);

      g_assert_nonnull (future);
    }
  assert_next (group, NULL);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/group/next/in-order-of-settling", test_group_next_in_order_of_settling);
  g_test_add_func ("/cfut/group/next/cancelled-in-queue", test_group_cancelled_in_queue);
  g_test_add_func ("/cfut/group/next/cancelled-by-shutdown", test_group_cancelled_by_shutdown);
  g_test_add_func ("/cfut/group/next/ends-early", test_group_next_ends_early);
  g_test_add_func ("/cfut/group/next/cancelled-while-parking",
                   test_group_next_cancelled_while_parking);
  g_test_add_func ("/cfut/group/next/last-settles-while-parking",
                   test_group_last_settles_while_parking);
  g_test_add_func ("/cfut/group/wait/kinds", test_group_wait_kinds);
  g_test_add_func ("/cfut/group/wait/blocked", test_group_wait_blocked);
  g_test_add_func ("/cfut/group/async", test_group_async);
  g_test_add_func ("/cfut/group/async-ends-early", test_group_async_ends_early);
  g_test_add_func ("/cfut/group/async-races", test_group_async_races);

  return g_test_run ();
}
