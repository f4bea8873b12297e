/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutFuture: waits, blocking and not, on promises so that no executor takes part: how they end, whatever
 * their limits. Guarantees 1 (settling) and 3 (order). */

#include "test-util.h"

/* A wait that times out lasts as long as it was told to, and the future stays usable. */
static void
test_future_wait_times_out (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (GError) error = NULL;
  CfutFuture *future = cfut_promise_get_future (promise);
  gint64 begin = g_get_monotonic_time ();

  g_assert_false (cfut_future_wait (future, 20000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 20000);
  g_assert_false (cfut_future_wait (future, 1, NULL, NULL));
  g_assert_false (cfut_future_is_settled (future));

  cfut_promise_resolve_int64 (promise, 1);
  g_assert_true (cfut_future_wait (future, 0, NULL, NULL));
  g_assert_true (cfut_future_wait (future, G_MAXINT64, NULL, NULL));
  g_assert_true (cfut_future_wait (future, G_MININT64, NULL, NULL));
}

typedef struct {
  CfutFuture *future;
  gint64 timeout_usec;
  GCancellable *cancellable;
  TestGate *gate;       /* passed before the wait; may be NULL */
  gboolean settled;
  GError *error;
} Wait;

static gpointer
wait_in_thread (gpointer data)
{
  Wait *wait = data;

  if (wait->gate != NULL)
    test_gate_pass (wait->gate);
  wait->settled = cfut_future_wait (wait->future, wait->timeout_usec, wait->cancellable,
                                    &wait->error);
  return NULL;
}

/* All who wait return, whatever their limit: none, a long one, the longest. */
static void
test_future_many_waiters_return (void)
{
  static const gint64 limits[] = { -1, TEST_DEADLINE_USEC, G_MAXINT64, G_MININT64 };

  for (CfutState how = CFUT_STATE_RESOLVED; how <= CFUT_STATE_CANCELLED; how++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "failed");
      GThread *threads[20];
      Wait waits[G_N_ELEMENTS (threads)] = { 0 };
      TestGate gate;

      test_gate_init (&gate);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        {
          waits[i].future = cfut_promise_get_future (promise);
          waits[i].timeout_usec = limits[i % G_N_ELEMENTS (limits)];
          waits[i].gate = &gate;
          threads[i] = g_thread_new ("waiter", wait_in_thread, &waits[i]);
        }
      test_gate_wait_arrived (&gate, G_N_ELEMENTS (threads));
      test_gate_open (&gate);

      if (how == CFUT_STATE_RESOLVED)
        cfut_promise_resolve (promise, NULL);
      else if (how == CFUT_STATE_REJECTED)
        cfut_promise_reject (promise, error);
      else
        cfut_future_cancel (cfut_promise_get_future (promise));

      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        {
          g_thread_join (threads[i]);
          g_assert_no_error (waits[i].error);
          g_assert_true (waits[i].settled);
        }
      test_gate_clear (&gate);
    }
}

/* Waits whose time runs out while the future settles: either answer, never a hang or a crash, and
 * TRUE exactly when no error is set. */
static void
test_future_timeouts_against_settling (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      GThread *threads[3];
      Wait waits[G_N_ELEMENTS (threads)] = { 0 };
      TestGate gate;

      test_gate_init (&gate);
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        {
          waits[j].future = cfut_promise_get_future (promise);
          waits[j].timeout_usec = g_rand_int_range (rand, 0, 100);
          waits[j].gate = &gate;
          threads[j] = g_thread_new ("waiter", wait_in_thread, &waits[j]);
        }
      test_gate_wait_arrived (&gate, G_N_ELEMENTS (threads));
      test_gate_open (&gate);
      test_burn (g_rand_int_range (rand, 0, 100));
      g_assert_true (cfut_promise_resolve_int64 (promise, i));

      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        {
          g_thread_join (threads[j]);
          if (waits[j].settled)
            g_assert_no_error (waits[j].error);
          else
            g_assert_error (waits[j].error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
          g_clear_error (&waits[j].error);
        }
      test_gate_clear (&gate);
    }
}

/* A cancellable that is cancelled before the wait ends it at once. */
static void
test_future_wait_cancelled_before (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  CfutFuture *future = cfut_promise_get_future (promise);

  g_cancellable_cancel (cancellable);
  g_assert_false (cfut_future_wait (future, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (cfut_future_wait (future, -1, cancellable, NULL));

  /* It is the wait that was cancelled, not the future. */
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
  cfut_promise_resolve (promise, NULL);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
}

/* One that is cancelled by another thread, before the wait is entered or while it lasts. */
static void
test_future_wait_cancelled_while_waiting (void)
{
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      TestGate gate;
      Wait wait = { cfut_promise_get_future (promise), -1, cancellable, &gate, FALSE, NULL };
      GThread *thread;

      test_gate_init (&gate);
      thread = g_thread_new ("waiter", wait_in_thread, &wait);
      test_gate_wait_arrived (&gate, 1);
      test_gate_open (&gate);
      if (i & 1)
        test_burn (50);
      g_cancellable_cancel (cancellable);
      g_thread_join (thread);

      g_assert_false (wait.settled);
      g_assert_error (wait.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&wait.error);
      g_assert_cmpint (cfut_future_get_state (wait.future), ==, CFUT_STATE_PENDING);
      test_gate_clear (&gate);
    }
}

/* One that is cancelled after the wait is of no interest any more, and nobody is connected to it. */
static void
test_future_wait_cancelled_after (void)
{
  g_autoptr (CfutPromise) promise = test_promise_in_state (CFUT_STATE_RESOLVED);
  g_autoptr (CfutPromise) never = cfut_promise_new ();
  GCancellable *cancellable = g_cancellable_new ();
  int n_gone = 0;

  test_watch_gone (cancellable, &n_gone);
  g_assert_true (cfut_future_wait (cfut_promise_get_future (promise), -1, cancellable, NULL));
  g_assert_false (cfut_future_wait (cfut_promise_get_future (never), 500, cancellable, NULL));
  g_assert_false (g_signal_has_handler_pending (cancellable, g_signal_lookup ("cancelled",
                                                                              G_TYPE_CANCELLABLE),
                                                0, TRUE));
  g_cancellable_cancel (cancellable);
  g_object_unref (cancellable);
  g_assert_cmpint (n_gone, ==, 1);
}

typedef struct {
  CfutFuture *future;
  TestPlace place;
  gboolean settled;
  GError *error;
} AsyncWait;

static void
async_wait_done (GObject      *source,
                 GAsyncResult *result,
                 gpointer      data)
{
  AsyncWait *wait = data;

  g_assert_true (CFUT_IS_FUTURE (source));
  wait->settled = cfut_future_wait_finish (CFUT_FUTURE (source), result, &wait->error);
  test_place_note (&wait->place);
}

/* Guarantee 3: the asynchronous wait answers as the blocking one does, and never before it returned. */
static void
test_future_wait_async (void)
{
  for (CfutState state = CFUT_STATE_RESOLVED; state <= CFUT_STATE_CANCELLED; state++)
    {
      g_autoptr (CfutPromise) promise = test_promise_in_state (state);
      AsyncWait wait = { 0 };

      cfut_future_wait_async (cfut_promise_get_future (promise), -1, NULL, async_wait_done, &wait);
      g_assert_cmpint (wait.place.n_calls, ==, 0);
      test_iterate_until (NULL, test_place_get_n (&wait.place) == 1);
      test_place_assert_here (&wait.place, 1);
      g_assert_no_error (wait.error);
      g_assert_true (wait.settled);
    }
}

/* Settled later, on another thread. */
static void
test_future_wait_async_settled_elsewhere (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  AsyncWait wait = { 0 };
  GThread *thread;

  cfut_future_wait_async (cfut_promise_get_future (promise), TEST_DEADLINE_USEC, NULL,
                          async_wait_done, &wait);
  test_iterate_ready (NULL);
  g_assert_cmpint (wait.place.n_calls, ==, 0);
  thread = g_thread_new ("resolver", test_promise_resolve, promise);
  test_iterate_until (NULL, test_place_get_n (&wait.place) == 1);
  g_thread_join (thread);
  test_place_assert_here (&wait.place, 1);
  g_assert_true (wait.settled);
}

/* Its limits end it, once, and the future goes on. */
static void
test_future_wait_async_limits (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (GCancellable) before = g_cancellable_new ();
  g_autoptr (GCancellable) while_waiting = g_cancellable_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  AsyncWait waits[5] = { 0 };

  g_cancellable_cancel (before);
  cfut_future_wait_async (future, 0, NULL, async_wait_done, &waits[0]);
  cfut_future_wait_async (future, 5000, NULL, async_wait_done, &waits[1]);
  cfut_future_wait_async (future, -1, before, async_wait_done, &waits[2]);
  cfut_future_wait_async (future, -1, while_waiting, async_wait_done, &waits[3]);
  cfut_future_wait_async (future, -1, NULL, async_wait_done, &waits[4]);
  cfut_future_wait_async (future, 0, NULL, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
    g_assert_cmpint (waits[i].place.n_calls, ==, 0);

  test_iterate_until (NULL, test_place_get_n (&waits[0].place) == 1 &&
                            test_place_get_n (&waits[1].place) == 1 &&
                            test_place_get_n (&waits[2].place) == 1);
  g_assert_error (waits[0].error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_error (waits[1].error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_error (waits[2].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  g_assert_cmpint (test_place_get_n (&waits[3].place), ==, 0);
  g_cancellable_cancel (while_waiting);
  test_iterate_until (NULL, test_place_get_n (&waits[3].place) == 1);
  g_assert_error (waits[3].error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  g_assert_cmpint (test_place_get_n (&waits[4].place), ==, 0);
  cfut_promise_resolve (promise, NULL);
  test_iterate_until (NULL, test_place_get_n (&waits[4].place) == 1);
  g_assert_true (waits[4].settled);

  test_iterate_ready (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
    {
      test_place_assert_here (&waits[i].place, 1);
      g_assert_cmpint (waits[i].settled, ==, waits[i].error == NULL);
      g_clear_error (&waits[i].error);
    }
}

/* A future that only its wait holds lives until it is answered. */
static void
test_future_wait_async_keeps_the_future (void)
{
  CfutPromise *promise = cfut_promise_new ();
  AsyncWait wait = { 0 };
  int n_gone = 0;

  test_watch_gone (cfut_promise_get_future (promise), &n_gone);
  cfut_future_wait_async (cfut_promise_get_future (promise), -1, NULL, async_wait_done, &wait);
  g_object_unref (promise);
  g_assert_cmpint (n_gone, ==, 0);
  test_iterate_until (NULL, test_place_get_n (&wait.place) == 1 && n_gone == 1);
  g_assert_true (wait.settled);
}

static void
pass_gate_callback (CfutFuture *settled,
                    gpointer    gate)
{
  test_gate_pass (gate);
}

/* Guarantee 1: a DIRECT callback that does not return holds up nobody who waits. */
static void
test_future_blocked_direct_callback_holds_up_no_wait (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  TestPlace later = { 0 };
  TestGate gate;
  Wait wait = { future, TEST_DEADLINE_USEC, NULL, NULL, FALSE, NULL };
  GThread *settler;
  GThread *waiter;

  test_gate_init (&gate);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, pass_gate_callback, &gate, NULL);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, test_place_callback, &later, NULL);
  waiter = g_thread_new ("waiter", wait_in_thread, &wait);
  settler = g_thread_new ("resolver", test_promise_resolve, promise);
  test_gate_wait_arrived (&gate, 1);

  g_thread_join (waiter);
  g_assert_true (wait.settled);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_assert_cmpint (test_place_get_n (&later), ==, 0);

  test_gate_open (&gate);
  g_thread_join (settler);
  g_assert_cmpint (test_place_get_n (&later), ==, 1);
  test_gate_clear (&gate);
}

static void
foreign_done (GObject      *source,
              GAsyncResult *result,
              gpointer      data)
{
  GAsyncResult **kept = data;

  *kept = g_object_ref (result);
}

/* A result that is not of this future's wait is refused. */
static void
test_future_wait_finish_refuses_foreign_results (void)
{
  g_autoptr (CfutPromise) promise = test_promise_in_state (CFUT_STATE_RESOLVED);
  g_autoptr (CfutPromise) other = test_promise_in_state (CFUT_STATE_RESOLVED);
  g_autoptr (GAsyncResult) result = NULL;

  cfut_future_wait_async (cfut_promise_get_future (promise), 0, NULL, foreign_done, &result);
  test_iterate_until (NULL, result != NULL);
  test_expect_critical ();
  g_assert_false (cfut_future_wait_finish (cfut_promise_get_future (other), result, NULL));
  g_test_assert_expected_messages ();
  g_assert_true (cfut_future_wait_finish (cfut_promise_get_future (promise), result, NULL));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/future/" name, test_future_##func)
  add ("1-wait-times-out", wait_times_out);
  add ("1-many-waiters-return", many_waiters_return);
  add ("1-timeouts-against-settling", timeouts_against_settling);
  add ("1-wait-cancelled-before", wait_cancelled_before);
  add ("1-wait-cancelled-while-waiting", wait_cancelled_while_waiting);
  add ("1-wait-cancelled-after", wait_cancelled_after);
  add ("3-wait-async", wait_async);
  add ("3-wait-async-settled-elsewhere", wait_async_settled_elsewhere);
  add ("3-wait-async-limits", wait_async_limits);
  add ("3-wait-async-keeps-the-future", wait_async_keeps_the_future);
  add ("1-blocked-direct-callback-holds-up-no-wait", blocked_direct_callback_holds_up_no_wait);
  add ("wait-finish-refuses-foreign-results", wait_finish_refuses_foreign_results);
#undef add

  return g_test_run ();
}
