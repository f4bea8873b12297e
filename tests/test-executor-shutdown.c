/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The contract of CfutExecutor, over every executor there is: how it is shut down and dropped. Guarantees 1,
 * 2, 5, 9. */

#include "test-executor-util.h"

/* A plain shutdown returns at once, and what was taken still runs. */
static void
test_shutdown_runs_what_it_took (Fixture       *fixture,
                                 gconstpointer  data)
{
  CfutFuture *futures[50];
  int n_ran = 0;

  fixture_block (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = submit (fixture, test_task_count, &n_ran);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL));
  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, 0);
  fixture_unblock (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, G_N_ELEMENTS (futures));
}

/* Guarantees 1, 2, 5: CANCEL_PENDING cancels what has not started, at once; what runs goes on. */
static void
test_shutdown_cancels_pending (Fixture       *fixture,
                               gconstpointer  data)
{
  CfutFuture *futures[50];
  TestPlace destroyed = { 0 };
  int n_ran = 0;

  fixture_block (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = i % 2 ? submit (fixture, test_task_count, &n_ran)
                       : cfut_executor_submit (fixture->executor, test_task_nothing, &destroyed,
                                               test_place_note);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_CANCEL_PENDING, 0, NULL));

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_assert_cmpint (cfut_future_get_state (futures[i]), ==, CFUT_STATE_CANCELLED);
      test_assert_fails (futures[i], CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_object_unref (futures[i]);
    }
  g_assert_cmpint (cfut_future_get_state (fixture->blockers[0]), ==, CFUT_STATE_RUNNING);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == G_N_ELEMENTS (futures) / 2);
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures) / 2);

  fixture_unblock (fixture);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  g_assert_cmpint (n_ran, ==, 0);
}

/* CANCEL_RUNNING asks what runs to stop; with WAIT it has ended when the call returns. */
static void
test_shutdown_cancels_running (Fixture       *fixture,
                               gconstpointer  data)
{
  CfutFuture **futures = g_new0 (CfutFuture *, fixture->n_workers);
  g_autoptr (CfutFuture) queued = NULL;
  TestGate gate;
  int n_ran = 0;

  test_gate_init (&gate);
  for (guint i = 0; i < fixture->n_workers; i++)
    futures[i] = submit (fixture, test_task_until_cancelled, &gate);
  test_gate_wait_arrived (&gate, fixture->n_workers);
  queued = submit (fixture, test_task_count, &n_ran);

  g_assert_true (cfut_executor_shutdown (fixture->executor,
                                         CFUT_SHUTDOWN_CANCEL_RUNNING | CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  for (guint i = 0; i < fixture->n_workers; i++)
    {
      g_assert_cmpint (cfut_future_get_state (futures[i]), ==, CFUT_STATE_CANCELLED);
      g_object_unref (futures[i]);
    }

  /* What was queued was not to be cancelled, and has run. */
  g_assert_cmpint (cfut_future_get_state (queued), ==, CFUT_STATE_RESOLVED);
  g_assert_cmpint (n_ran, ==, 1);
  g_free (futures);
  test_gate_clear (&gate);
}

/* WAIT keeps its limit, and after it returned TRUE nothing is left. */
static void
test_shutdown_waits (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr (CfutFuture) queued = NULL;
  g_autoptr (GError) looked = NULL;
  g_autoptr (GError) waited = NULL;

  fixture_block (fixture);
  queued = submit (fixture, test_task_nothing, NULL);
  g_assert_false (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT, 0, &looked));
  g_assert_error (looked, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_false (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT, 10000, &waited));
  g_assert_error (waited, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_false (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT, 1, NULL));
  g_assert_true (cfut_executor_is_shut_down (fixture->executor));
  g_assert_cmpint (cfut_future_get_state (queued), ==, CFUT_STATE_PENDING);

  test_gate_open (&fixture->gate);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT, -1, NULL));
  g_assert_cmpint (cfut_future_get_state (queued), ==, CFUT_STATE_RESOLVED);
  for (guint i = 0; i < fixture->n_workers; i++)
    g_assert_cmpint (cfut_future_get_state (fixture->blockers[i]), ==, CFUT_STATE_RESOLVED);
  g_assert_cmpuint (cfut_executor_get_n_pending (fixture->executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_running (fixture->executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_completed (fixture->executor), ==, fixture->n_workers + 1);
}

typedef struct {
  TestPlace place;
  gboolean ended;
  GError *error;
} AsyncShutdown;

static void
async_shutdown_done (GObject      *source,
                     GAsyncResult *result,
                     gpointer      data)
{
  AsyncShutdown *self = data;

  self->ended = cfut_executor_shutdown_finish (CFUT_EXECUTOR (source), result, &self->error);
  test_place_note (&self->place);
}

/* The asynchronous twin: limits, cancellable and end, each on the caller's context. */
static void
test_shutdown_async (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  AsyncShutdown limited = { 0 };
  AsyncShutdown cancelled = { 0 };
  AsyncShutdown unlimited = { 0 };
  AsyncShutdown after = { 0 };

  if (!((const Kind *) data)->is_inline)
    fixture_block (fixture);

  if (fixture->blockers != NULL)
    {
      cfut_executor_shutdown_async (fixture->executor, CFUT_SHUTDOWN_WAIT, 2000, NULL,
                                    async_shutdown_done, &limited);
      cfut_executor_shutdown_async (fixture->executor, CFUT_SHUTDOWN_WAIT, -1, cancellable,
                                    async_shutdown_done, &cancelled);
      cfut_executor_shutdown_async (fixture->executor, CFUT_SHUTDOWN_WAIT, -1, NULL,
                                    async_shutdown_done, &unlimited);
      g_assert_true (cfut_executor_is_shut_down (fixture->executor));
      test_iterate_until (NULL, test_place_get_n (&limited.place) == 1);
      g_assert_error (limited.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_cancellable_cancel (cancellable);
      test_iterate_until (NULL, test_place_get_n (&cancelled.place) == 1);
      g_assert_error (cancelled.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpint (test_place_get_n (&unlimited.place), ==, 0);
      fixture_unblock (fixture);
      test_iterate_until (NULL, test_place_get_n (&unlimited.place) == 1);
      g_assert_no_error (unlimited.error);
      g_assert_true (unlimited.ended);
      test_place_assert_here (&unlimited.place, 1);
    }

  cfut_executor_shutdown_async (fixture->executor, CFUT_SHUTDOWN_WAIT, -1, NULL,
                                async_shutdown_done, &after);
  g_assert_cmpint (test_place_get_n (&after.place), ==, 0);
  test_iterate_until (NULL, test_place_get_n (&after.place) == 1);
  g_assert_no_error (after.error);
  g_assert_true (after.ended);
  g_clear_error (&limited.error);
  g_clear_error (&cancelled.error);
}

static gboolean
shut_down_from_inside (CfutTask  *task,
                       gpointer   executor,
                       GError   **error)
{
  return cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, error);
}

/* Guarantee 1: a task that waits for the end of its own executor is told so instead of hanging. */
static void
test_shutdown_from_own_task (Fixture       *fixture,
                             gconstpointer  data)
{
  g_autoptr (CfutFuture) future = submit (fixture, shut_down_from_inside, fixture->executor);

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
}

/* From a task of another executor it is a wait like any. */
static void
test_shutdown_from_other_task (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr (CfutExecutor) other = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;

  if (!((const Kind *) data)->is_inline)
    fixture_block (fixture);
  future = cfut_executor_submit (other, shut_down_from_inside, fixture->executor, NULL);
  fixture_unblock (fixture);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
}

/* Guarantees 1 and 9: an executor that is dropped finishes what it took, does not block who dropped
 * it, and goes. */
static void
test_dropped_finishes_its_work (Fixture       *fixture,
                                gconstpointer  data)
{
  CfutFuture *futures[50];
  TestPlace destroyed = { 0 };
  int n_ran = 0;
  int n_gone = 0;

  if (!((const Kind *) data)->is_inline)
    fixture_block (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = i % 2 ? submit (fixture, test_task_count, &n_ran)
                       : cfut_executor_submit (fixture->executor, test_task_nothing, &destroyed,
                                               test_place_note);

  test_watch_gone (fixture->executor, &n_gone);
  g_clear_object (&fixture->executor);
  if (fixture->blockers != NULL)
    g_assert_cmpint (cfut_future_get_state (fixture->blockers[0]), ==, CFUT_STATE_RUNNING);
  fixture_unblock (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, G_N_ELEMENTS (futures) / 2);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == G_N_ELEMENTS (futures) / 2 &&
                            g_atomic_int_get (&n_gone) == 1);
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures) / 2);
}

static gboolean
drop_executor_after_gate (CfutTask  *task,
                          gpointer   data,
                          GError   **error)
{
  Fixture *fixture = data;

  test_gate_pass (&fixture->gate);
  g_clear_object (&fixture->executor);
  return TRUE;
}

/* Guarantee 9: the last reference may be dropped by a task of its own. */
static void
test_dropped_by_its_own_task (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) queued = NULL;
  int n_gone = 0;

  test_watch_gone (fixture->executor, &n_gone);
  future = submit (fixture, drop_executor_after_gate, fixture);
  queued = submit (fixture, test_task_nothing, NULL);
  test_gate_open (&fixture->gate);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  test_assert_settles (queued, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 1);
}

static const Case cases[] = {
  { "1-shutdown-runs-what-it-took", test_shutdown_runs_what_it_took, FALSE },
  { "1-2-5-shutdown-cancels-pending", test_shutdown_cancels_pending, FALSE },
  { "5-shutdown-cancels-running", test_shutdown_cancels_running, FALSE },
  { "1-shutdown-waits", test_shutdown_waits, FALSE },
  { "1-shutdown-async", test_shutdown_async, TRUE },
  { "1-shutdown-from-own-task", test_shutdown_from_own_task, TRUE },
  { "1-shutdown-from-other-task", test_shutdown_from_other_task, TRUE },
  { "1-9-dropped-finishes-its-work", test_dropped_finishes_its_work, TRUE },
  { "9-dropped-by-its-own-task", test_dropped_by_its_own_task, FALSE },
};

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_cases (cases, G_N_ELEMENTS (cases));

  return g_test_run ();
}
