/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The contract of CfutExecutor, which goes over every executor there is: outcomes, cancelling, counts.
 * Guarantees 1, 2, 3, 5. How executors end is test-executor-shutdown.c's, what they do for many threads at
 * once test-executor-race.c's. */

#include "test-executor-util.h"

/* Guarantee 1: what a function returns is what the future says. */
static void
test_outcomes (Fixture       *fixture,
               gconstpointer  data)
{
  g_autoptr (CfutFuture) number = submit (fixture, test_task_number, GINT_TO_POINTER (42));
  g_autoptr (CfutFuture) nothing = submit (fixture, test_task_nothing, NULL);
  g_autoptr (CfutFuture) fails = submit (fixture, test_task_fail, NULL);
  g_autoptr (CfutFuture) unset = submit (fixture, test_task_unset, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (CFUT_IS_TASK (number));
  g_assert_cmpint (cfut_future_result_int64 (number, TEST_DEADLINE_USEC, &error), ==, 42);
  g_assert_no_error (error);
  g_assert_null (cfut_future_result (nothing, TEST_DEADLINE_USEC, &error));
  g_assert_no_error (error);
  test_assert_settles (nothing, CFUT_STATE_RESOLVED);
  test_assert_fails (fails, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_FAILED);
  test_assert_fails (unset, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_CALLBACK_FAILED);
}

typedef struct {
  TestPlace called;
  TestPlace destroyed;
  TestPlace done;
} Places;

static void
note_destroyed (gpointer data)
{
  test_place_note (&((Places *) data)->destroyed);
}

/* Guarantees 2 and 3: callbacks, handlers and the user data's destroy notify come here, each once. */
static void
test_delivers_to_the_submitter (Fixture       *fixture,
                                gconstpointer  data)
{
  static const CfutTaskFunc funcs[] = { test_task_nothing, test_task_fail, test_task_unset };

  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    {
      Places places = { 0 };
      g_autoptr (CfutFuture) future = cfut_executor_submit (fixture->executor, funcs[i], &places,
                                                            note_destroyed);

      g_signal_connect (future, "done", G_CALLBACK (test_place_done), &places.done);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                     &places.called, test_place_note);
      test_iterate_until (NULL, test_place_get_n (&places.called) == 2 &&
                                test_place_get_n (&places.destroyed) == 1);
      test_iterate_ready (NULL);
      test_place_assert_here (&places.called, 2);
      test_place_assert_here (&places.done, 1);
      test_place_assert_here (&places.destroyed, 1);
    }
}

typedef struct {
  CfutFuture *future;
  TestGate *start;
  gboolean settled;
} Waiting;

static gpointer
wait_in_thread (gpointer data)
{
  Waiting *self = data;

  test_gate_pass (self->start);
  self->settled = cfut_future_wait (self->future, -1, NULL, NULL);
  return NULL;
}

static void
async_done (GObject      *source,
            GAsyncResult *result,
            gpointer      place)
{
  g_assert_true (cfut_future_wait_finish (CFUT_FUTURE (source), result, NULL));
  test_place_note (place);
}

/* Guarantee 5: queued work is cancelled at once, everywhere: whoever waits returns, handlers and callbacks
 * come and the user data goes while the workers are busy still, and the function is never called.
 * (Elsewhere, waiters of a cancelled future were known to hang for ever.) */
static void
test_cancel_queued (Fixture       *fixture,
                    gconstpointer  data)
{
  GThread *threads[3];
  Waiting waiting[G_N_ELEMENTS (threads)];
  TestGate start;
  TestPlace destroyed = { 0 };
  TestPlace async = { 0 };
  TestPlace called = { 0 };
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) other = NULL;
  int n_ran = 0;

  fixture_block (fixture);
  test_gate_init (&start);
  future = cfut_executor_submit (fixture->executor, test_task_count, &n_ran, NULL);
  other = cfut_executor_submit (fixture->executor, test_task_nothing, &destroyed,
                                test_place_note);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      waiting[i] = (Waiting) { future, &start, FALSE };
      threads[i] = g_thread_new ("waiter", wait_in_thread, &waiting[i]);
    }
  cfut_future_wait_async (future, -1, NULL, async_done, &async);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &called, NULL);
  test_gate_wait_arrived (&start, G_N_ELEMENTS (threads));
  test_gate_open (&start);

  g_assert_true (cfut_future_cancel (future));
  g_assert_true (cfut_future_cancel (other));
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      g_thread_join (threads[i]);
      g_assert_true (waiting[i].settled);
    }
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_iterate_until (NULL, test_place_get_n (&async) == 1 && test_place_get_n (&called) == 1 &&
                            test_place_get_n (&destroyed) == 1);
  test_place_assert_here (&called, 1);
  test_place_assert_here (&destroyed, 1);

  fixture_unblock (fixture);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  g_assert_cmpint (n_ran, ==, 0);
  test_iterate_ready (NULL);
  test_place_assert_here (&destroyed, 1);
  test_gate_clear (&start);
}

/* Guarantee 5: running work is asked to stop, and says how it ended. */
static void
test_cancel_running (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;

  test_gate_init (&gate);
  future = submit (fixture, test_task_until_cancelled, &gate);
  test_gate_wait_arrived (&gate, 1);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);

  /* The function may have ended by the time cancel returns. */
  if (!cfut_future_cancel (future))
    g_assert_cmpint (cfut_future_get_state (future), !=, CFUT_STATE_RESOLVED);
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_gate_clear (&gate);
}

/* Guarantee 1: after a shutdown each submit gives a rejected future that says so; the user data goes home. */
static void
test_submit_after_shutdown (Fixture       *fixture,
                            gconstpointer  data)
{
  g_assert_false (cfut_executor_is_shut_down (fixture->executor));
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL));
  g_assert_true (cfut_executor_is_shut_down (fixture->executor));
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL));

  for (guint i = 0; i < 3; i++)
    {
      Places places = { 0 };
      g_autoptr (CfutFuture) future = cfut_executor_submit (fixture->executor, test_task_nothing,
                                                            &places, note_destroyed);

      g_assert_nonnull (future);
      g_assert_cmpint (test_place_get_n (&places.destroyed), ==, 0);
      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                         CFUT_FUTURE_ERROR_SHUT_DOWN);
      g_assert_false (cfut_future_cancel (future));
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                     &places.called, NULL);
      test_iterate_until (NULL, test_place_get_n (&places.destroyed) == 1 &&
                                test_place_get_n (&places.called) == 1);
      test_place_assert_here (&places.destroyed, 1);
      test_place_assert_here (&places.called, 1);
    }
}

/* Counts tell the present: pending, running and completed work. */
static void
test_counts (Fixture       *fixture,
             gconstpointer  data)
{
  g_autoptr (CfutFuture) first = NULL;
  g_autoptr (CfutFuture) second = NULL;
  guint64 pending;
  guint64 running;
  guint64 completed;
  guint max_workers;

  fixture_block (fixture);
  first = submit (fixture, test_task_nothing, NULL);
  second = submit (fixture, test_task_nothing, NULL);
  g_assert_cmpuint (cfut_executor_get_n_running (fixture->executor), ==, fixture->n_workers);
  g_assert_cmpuint (cfut_executor_get_n_pending (fixture->executor), ==, 2);
  g_assert_cmpuint (cfut_executor_get_n_completed (fixture->executor), ==, 0);

  g_assert_true (cfut_future_cancel (second));
  g_assert_cmpuint (cfut_executor_get_n_pending (fixture->executor), ==, 1);
  g_object_get (fixture->executor, "n-pending", &pending, "n-running", &running, "n-completed",
                &completed, "max-workers", &max_workers, NULL);
  g_assert_cmpuint (pending, ==, 1);
  g_assert_cmpuint (running, ==, fixture->n_workers);
  g_assert_cmpuint (completed, ==, 0);
  g_assert_cmpuint (max_workers, ==, fixture->n_workers);

  fixture_unblock (fixture);
  test_assert_settles (first, CFUT_STATE_RESOLVED);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  g_assert_cmpuint (cfut_executor_get_n_pending (fixture->executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_running (fixture->executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_completed (fixture->executor), >=, fixture->n_workers + 1);
  g_assert_cmpuint (cfut_executor_get_n_completed (fixture->executor), <=, fixture->n_workers + 2);
}

/* Functions are what all of these run. */
static void
test_can_run_functions (Fixture       *fixture,
                        gconstpointer  data)
{
  gboolean can = FALSE;

  g_assert_true (cfut_executor_can_run_functions (fixture->executor));
  g_object_get (fixture->executor, "can-run-functions", &can, NULL);
  g_assert_true (can);
}

/* Bad input is refused with a critical; a NULL function is no work. */
static void
test_bad_input (Fixture       *fixture,
                gconstpointer  data)
{
  CfutFuture *none;

  test_expect_critical ();
  none = cfut_executor_submit (NULL, test_task_nothing, NULL, NULL);
  g_test_assert_expected_messages ();
  g_assert_null (none);

  test_expect_critical ();
  none = cfut_executor_submit (fixture->executor, NULL, NULL, NULL);
  g_test_assert_expected_messages ();
  g_assert_null (none);

  test_expect_critical ();
  g_assert_false (cfut_executor_shutdown (NULL, CFUT_SHUTDOWN_DEFAULT, 0, NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_cmpuint (cfut_executor_get_n_pending (NULL), ==, 0);
  g_test_assert_expected_messages ();
  g_assert_false (cfut_executor_is_shut_down (fixture->executor));
}

static const Case cases[] = {
  { "1-outcomes", test_outcomes, TRUE },
  { "2-3-delivers-to-the-submitter", test_delivers_to_the_submitter, TRUE },
  { "5-cancel-queued", test_cancel_queued, FALSE },
  { "5-cancel-running", test_cancel_running, FALSE },
  { "1-2-submit-after-shutdown", test_submit_after_shutdown, TRUE },
  { "counts", test_counts, FALSE },
  { "can-run-functions", test_can_run_functions, TRUE },
  { "bad-input", test_bad_input, TRUE },
};

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_cases (cases, G_N_ELEMENTS (cases));

  return g_test_run ();
}
