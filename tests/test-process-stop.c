/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Stopping calls that run in worker processes: asked, then by signals. */

#include "test-process-util.h"

#include <string.h>

static CfutFuture *
call_begun (CfutExecutor *executor,
            CfutRequest  *request,
            const char   *function)
{
  CfutFuture *future = cfut_executor_call (executor, request, function, NULL);
  gboolean begun = FALSE;

  while (!begun)
    {
      g_autofree char *message = NULL;

      test_poll_until (cfut_future_get_state (future) == CFUT_STATE_RUNNING);
      message = cfut_future_dup_message (future);
      begun = g_strcmp0 (message, "begun") == 0;
      g_thread_yield ();
    }
  return future;
}

/* A function that looks at its checkpoints is cancelled, and its worker is kept. */
static void
test_cooperative (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  gint64 pid;

  pid = test_process_call_number (executor, "pid");
  future = call_begun (executor, NULL, "until-stopped");
  g_assert_false (cfut_future_cancel (future));
  test_assert_settles (future, CFUT_STATE_CANCELLED);
  g_assert_cmpint (test_process_call_number (executor, "pid"), ==, pid);

  test_process_executor_end (executor);
}

/* One that does not is ended by a signal after the grace; the next call has a new worker. */
static void
test_signals (gconstpointer data)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  gint64 begin;
  int pid;

  cfut_process_executor_set_stop_grace_usec (CFUT_PROCESS_EXECUTOR (executor), 50 * 1000);
  future = call_begun (executor, NULL, data);
  pid = cfut_future_get_worker_pid (future);
  begin = g_get_monotonic_time ();
  g_assert_false (cfut_future_cancel (future));
  test_assert_settles (future, CFUT_STATE_CANCELLED);
  /* It had its grace, as often as there are steps. */
  g_assert_cmpint (g_get_monotonic_time () - begin, >=,
                   strcmp (data, "deaf") == 0 ? 50 * 1000 : 100 * 1000);
  g_assert_false (test_process_exists (pid));
  g_assert_cmpint (test_process_call_number (executor, "pid"), !=, pid);

  test_process_executor_end (executor);
}

/* A run deadline settles the future in time, and stops the call afterwards. */
static void
test_run_deadline (gconstpointer data)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) next = NULL;

  cfut_process_executor_set_stop_grace_usec (CFUT_PROCESS_EXECUTOR (executor), 50 * 1000);
  cfut_request_set_run_deadline_usec (request, 100 * 1000);
  future = cfut_executor_call (executor, request, data, NULL);
  next = cfut_executor_call (executor, NULL, "pid", NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  test_assert_settles (next, CFUT_STATE_RESOLVED);

  test_process_executor_end (executor);
}

/* A call that ends before its deadline is not touched by it. */
static void
test_run_deadline_kept (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) future = NULL;

  cfut_request_set_run_deadline_usec (request, 30 * G_USEC_PER_SEC);
  future = cfut_executor_call (executor, request, "pid", NULL);
  test_assert_settles (future, CFUT_STATE_RESOLVED);

  test_process_executor_end (executor);
}

/* Pause: a running call stops at its checkpoint, still running, and goes on when it is resumed. */
static void
test_pause_running (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = call_begun (executor, NULL, "until-stopped");

  cfut_future_pause (future);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
  cfut_future_resume (future);
  cfut_future_pause (future);
  /* A cancel ends a pause. */
  cfut_future_cancel (future);
  test_assert_settles (future, CFUT_STATE_CANCELLED);

  test_process_executor_end (executor);
}

/* All workers are ended by a signal: their calls fail, waiting ones go to new workers. */
static void
test_end_workers (gconstpointer data)
{
  gboolean kills = data != NULL;
  CfutExecutor *executor = test_process_executor_new (2);
  CfutFuture *running[2];
  g_autoptr (CfutFuture) waiting = NULL;
  int pids[2];

  for (guint i = 0; i < 2; i++)
    {
      running[i] = call_begun (executor, NULL, "deaf");
      pids[i] = cfut_future_get_worker_pid (running[i]);
    }
  waiting = cfut_executor_call (executor, NULL, "pid", NULL);
  g_assert_cmpint (pids[0], !=, pids[1]);
  if (kills)
    cfut_process_executor_kill_workers (CFUT_PROCESS_EXECUTOR (executor));
  else
    cfut_process_executor_terminate_workers (CFUT_PROCESS_EXECUTOR (executor));
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      test_assert_fails (running[i], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
      error = cfut_future_dup_error (running[i]);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, kills ? "9" : "15"));
      g_assert_false (test_process_exists (pids[i]));
      g_object_unref (running[i]);
    }
  test_assert_settles (waiting, CFUT_STATE_RESOLVED);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (cfut_future_get_worker_pid (waiting), !=, pids[i]);

  test_process_executor_end (executor);
}

/* A shutdown that cancels what runs ends also what hears of nothing. */
static void
test_shutdown_cancel_running (gconstpointer data)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) running = NULL;
  GError *error = NULL;

  cfut_process_executor_set_stop_grace_usec (CFUT_PROCESS_EXECUTOR (executor), 50 * 1000);
  running = call_begun (executor, NULL, data);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT | CFUT_SHUTDOWN_CANCEL_RUNNING,
                          TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_assert_cmpint (cfut_future_get_state (running), ==, CFUT_STATE_CANCELLED);
  g_object_unref (executor);
}

/* A shutdown that waits too briefly says what still runs. */
static void
test_shutdown_timeout (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) running = NULL;
  g_autoptr (GError) error = NULL;

  cfut_request_set_name (request, "the long one");
  running = call_begun (executor, request, "until-stopped");
  g_assert_false (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, 1000, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (error->message, "the long one"));
  cfut_future_cancel (running);

  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process-stop/cooperative", test_cooperative);
  g_test_add_data_func ("/cfut/process-stop/signals/deaf", "deaf", test_signals);
  g_test_add_data_func ("/cfut/process-stop/signals/stubborn", "stubborn", test_signals);
  g_test_add_data_func ("/cfut/process-stop/run-deadline/cooperative", "until-stopped",
                        test_run_deadline);
  g_test_add_data_func ("/cfut/process-stop/run-deadline/deaf", "deaf", test_run_deadline);
  g_test_add_data_func ("/cfut/process-stop/run-deadline/stubborn", "stubborn", test_run_deadline);
  g_test_add_func ("/cfut/process-stop/run-deadline/kept", test_run_deadline_kept);
  g_test_add_func ("/cfut/process-stop/pause-running", test_pause_running);
  g_test_add_data_func ("/cfut/process-stop/terminate-workers", NULL, test_end_workers);
  g_test_add_data_func ("/cfut/process-stop/kill-workers", "kill", test_end_workers);
  g_test_add_data_func ("/cfut/process-stop/shutdown-cancel-running/cooperative", "until-stopped",
                        test_shutdown_cancel_running);
  g_test_add_data_func ("/cfut/process-stop/shutdown-cancel-running/stubborn", "stubborn",
                        test_shutdown_cancel_running);
  g_test_add_func ("/cfut/process-stop/shutdown-timeout", test_shutdown_timeout);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
