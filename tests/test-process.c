/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The process executor: calls, results, errors, reports, its beginning and its end. */

#include "test-process-util.h"

#include <glib/gstdio.h>
#include <string.h>

/* A call reaches a function in another process, and its result comes back. */
static void
test_call (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future =
    cfut_executor_call (executor, NULL, "add", g_variant_new ("(xx)", (gint64) 40, (gint64) 2));
  GError *error = NULL;

  GVariant *value = cfut_future_result_variant (future, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_variant_get_int64 (value), ==, 42);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RESOLVED);

  test_process_executor_end (executor);
}

/* Nothing is started until there is a call, and then no more than there are calls. */
static void
test_on_demand (void)
{
  CfutExecutor *executor = test_process_executor_new (4);
  CfutProcessExecutor *processes = CFUT_PROCESS_EXECUTOR (executor);

  g_assert_cmpuint (cfut_process_executor_get_n_workers (processes), ==, 0);
  test_process_call_number (executor, "pid");
  test_process_call_number (executor, "pid");
  g_assert_cmpuint (cfut_process_executor_get_n_workers (processes), ==, 1);

  test_process_executor_end (executor);
}

/* A worker stays for the next call. */
static void
test_warm (void)
{
  CfutExecutor *executor = test_process_executor_new (1);

  for (int i = 1; i <= 5; i++)
    g_assert_cmpint (test_process_call_number (executor, "count"), ==, i);

  test_process_executor_end (executor);
}

/* max-workers calls run at the same time, each in a process of its own, and the future tells which. */
static void
test_side_by_side (void)
{
  CfutExecutor *executor = test_process_executor_new (2);
  CfutFuture *futures[2];
  TestFifo fifos[2];
  int pids[2];

  for (guint i = 0; i < 2; i++)
    {
      test_fifo_init (&fifos[i], i == 0 ? "first" : "second");
      futures[i] = test_fifo_hold (&fifos[i], executor, NULL);
    }
  for (guint i = 0; i < 2; i++)
    {
      test_fifo_wait_arrived (&fifos[i]);
      test_poll_until (cfut_future_get_state (futures[i]) == CFUT_STATE_RUNNING);
      pids[i] = cfut_future_get_worker_pid (futures[i]);
      g_assert_cmpint (pids[i], >, 0);
    }
  g_assert_cmpint (pids[0], !=, pids[1]);
  g_assert_cmpuint (cfut_executor_get_n_running (executor), ==, 2);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);

  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *name = NULL;

      test_fifo_open (&fifos[i]);
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_assert_cmpint (g_variant_get_int32 (cfut_future_result_variant (futures[i], 0, NULL)), ==,
                       pids[i]);
      g_assert_cmpint (cfut_future_get_worker_pid (futures[i]), ==, pids[i]);
      name = cfut_future_dup_worker_name (futures[i]);
      g_assert_null (name);
      g_object_unref (futures[i]);
      test_fifo_clear (&fifos[i]);
    }
  test_poll_until (cfut_executor_get_n_completed (executor) == 2);

  test_process_executor_end (executor);
}

/* A second call waits for the one worker, and says so: pending, not running. */
static void
test_true_to_life (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) first = NULL;
  g_autoptr (CfutFuture) second = NULL;
  TestFifo fifo;

  test_fifo_init (&fifo, "fifo");
  first = test_fifo_hold (&fifo, executor, NULL);
  second = cfut_executor_call (executor, NULL, "pid", NULL);
  test_fifo_wait_arrived (&fifo);
  test_poll_until (cfut_future_get_state (first) == CFUT_STATE_RUNNING);
  g_assert_cmpint (cfut_future_get_state (second), ==, CFUT_STATE_PENDING);
  g_assert_cmpint (cfut_future_get_worker_pid (second), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 1);

  test_fifo_open (&fifo);
  test_assert_settles (second, CFUT_STATE_RESOLVED);
  test_fifo_clear (&fifo);
  test_process_executor_end (executor);
}

/* An error keeps its domain, code and message. */
static void
test_error (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future =
    cfut_executor_call (executor, NULL, "fail", g_variant_new ("(s)", "no room for “it”"));
  g_autoptr (GError) error = NULL;

  test_assert_fails (future, CFUT_STATE_REJECTED, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  error = cfut_future_dup_error (future);
  g_assert_cmpstr (error->message, ==, "no room for “it”");

  test_process_executor_end (executor);
}

/* A name that the worker does not have; it goes on after that. */
static void
test_unknown_function (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "no-such-thing", NULL);

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION);
  g_assert_cmpint (test_process_call_number (executor, "count"), ==, 1);

  test_process_executor_end (executor);
}

/* A function of this program is refused, and the executor says so beforehand. */
static void
test_submit (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);

  g_assert_false (cfut_executor_can_run_functions (executor));
  test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_cmpuint (cfut_process_executor_get_n_workers (CFUT_PROCESS_EXECUTOR (executor)), ==, 0);

  test_process_executor_end (executor);
}

/* Without a program for workers calls are refused. */
static void
test_commands_only (void)
{
  CfutExecutor *executor = cfut_process_executor_new (NULL, 1);
  g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "pid", NULL);

  test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);

  test_process_executor_end (executor);
}

/* What the function reports arrives, the last of it before the end. */
static void
test_progress (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future =
    cfut_executor_call (executor, NULL, "progress", g_variant_new ("(u)", 500));
  g_autofree char *message = NULL;
  guint64 done;
  guint64 total;

  test_assert_settles (future, CFUT_STATE_RESOLVED);
  cfut_future_get_progress (future, &done, &total);
  message = cfut_future_dup_message (future);
  g_assert_cmpuint (done, ==, 500);
  g_assert_cmpuint (total, ==, 500);
  g_assert_cmpstr (message, ==, "step 500");

  test_process_executor_end (executor);
}

static void
count_done (CfutFuture *future,
            gpointer    data)
{
  (*(guint *) data)++;
}

/* Callbacks come on the context of the submitter, here the main loop of this thread. */
static void
test_callbacks (void)
{
  CfutExecutor *executor = test_process_executor_new (2);
  CfutFuture *futures[20];
  guint n_done = 0;

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      futures[i] = cfut_executor_call (executor, NULL, "nothing", NULL);
      cfut_future_add_done_callback (futures[i], CFUT_CALLBACK_DEFAULT, count_done, &n_done, NULL);
    }
  test_iterate_until (NULL, n_done == G_N_ELEMENTS (futures));
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    g_object_unref (futures[i]);

  test_process_executor_end (executor);
}

/* Thousands of short calls, handed ahead in batches: each is answered once, with its own answer. */
static void
test_many (void)
{
  CfutExecutor *executor = test_process_executor_new (2);
  const guint n = 5000;
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  gint64 sum = 0;

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "add",
                                                  g_variant_new ("(xx)", (gint64) i, (gint64) 1)));
  for (guint i = 0; i < n; i++)
    {
      test_assert_settles (futures->pdata[i], CFUT_STATE_RESOLVED);
      g_assert_cmpint (g_variant_get_int64 (cfut_future_result_variant (futures->pdata[i], 0, NULL)),
                       ==, i + 1);
      sum += i + 1;
    }
  g_assert_cmpint (sum, ==, (gint64) n * (n + 1) / 2);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_running (executor), ==, 0);

  test_process_executor_end (executor);
}

typedef struct {
  CfutExecutor *executor;
  guint n;
  int n_right;
} Caller;

static gpointer
call_many (gpointer data)
{
  Caller *caller = data;

  for (guint i = 0; i < caller->n; i++)
    {
      g_autoptr (CfutFuture) future =
        cfut_executor_call (caller->executor, NULL, "add",
                            g_variant_new ("(xx)", (gint64) i, (gint64) i));
      GVariant *value = cfut_future_result_variant (future, TEST_DEADLINE_USEC, NULL);

      if (value != NULL && g_variant_get_int64 (value) == 2 * (gint64) i)
        g_atomic_int_inc (&caller->n_right);
    }
  return NULL;
}

/* Four threads that block for each result, no main loop anywhere. */
static void
test_threads (void)
{
  CfutExecutor *executor = test_process_executor_new (2);
  Caller caller = { executor, 200, 0 };
  GThread *threads[4];

  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("caller", call_many, &caller);
  for (guint i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (caller.n_right, ==, 4 * 200);

  test_process_executor_end (executor);
}

/* What a function prints does not get between the frames. */
static void
test_print (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future =
    cfut_executor_call (executor, NULL, "print", g_variant_new ("(s)", "printed by a worker"));

  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_assert_cmpint (test_process_call_number (executor, "count"), ==, 1);

  test_process_executor_end (executor);
}

/* After a shutdown: refused; what was taken has run; the worker is gone when the wait is over. */
static void
test_shutdown (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) first = cfut_executor_call (executor, NULL, "pid", NULL);
  g_autoptr (CfutFuture) second = cfut_executor_call (executor, NULL, "pid", NULL);
  g_autoptr (CfutFuture) late = NULL;
  GError *error = NULL;
  int pid;

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
  late = cfut_executor_call (executor, NULL, "pid", NULL);
  test_assert_fails (late, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_assert_cmpint (cfut_future_get_state (first), ==, CFUT_STATE_RESOLVED);
  g_assert_cmpint (cfut_future_get_state (second), ==, CFUT_STATE_RESOLVED);
  pid = cfut_future_get_worker_pid (first);
  g_assert_false (test_process_exists (pid));
  g_assert_cmpuint (cfut_process_executor_get_n_workers (CFUT_PROCESS_EXECUTOR (executor)), ==, 0);
  g_object_unref (executor);
}

/* Shutdown that cancels what waits: it is cancelled, what runs ends. */
static void
test_shutdown_cancel_pending (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) running = NULL;
  g_autoptr (CfutFuture) waiting = NULL;
  TestFifo fifo;

  test_fifo_init (&fifo, "fifo");
  running = test_fifo_hold (&fifo, executor, NULL);
  waiting = cfut_executor_call (executor, NULL, "pid", NULL);
  test_fifo_wait_arrived (&fifo);
  test_poll_until (cfut_future_get_state (running) == CFUT_STATE_RUNNING);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_PENDING, 0, NULL);
  g_assert_cmpint (cfut_future_get_state (waiting), ==, CFUT_STATE_CANCELLED);
  g_assert_cmpint (cfut_future_get_state (running), ==, CFUT_STATE_RUNNING);
  test_fifo_open (&fifo);
  test_assert_settles (running, CFUT_STATE_RESOLVED);
  test_fifo_clear (&fifo);

  test_process_executor_end (executor);
}

/* An executor that is dropped at once finishes what it took. */
static void
test_drop (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  CfutFuture *futures[10];
  int n_gone = 0;
  int pid;

  test_watch_gone (executor, &n_gone);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_call (executor, NULL, "nothing", NULL);
  g_object_unref (executor);
  g_assert_cmpint (n_gone, ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
  pid = cfut_future_get_worker_pid (futures[0]);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    g_object_unref (futures[i]);
  test_poll_until (!test_process_exists (pid));
}

/* A program that does not exist: the call says so, with its name, and so does each after it. */
static void
test_no_program (void)
{
  const char *argv[] = { "/no/such/program", NULL };
  CfutExecutor *executor = cfut_process_executor_new (argv, 2);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "pid", NULL);

      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
      g_clear_error (&error);
      error = cfut_future_dup_error (future);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, "/no/such/program"));
    }

  test_process_executor_end (executor);
}

/* Programs that are no workers: one that ends, one that talks otherwise, one that never says
 * anything. */
static void
test_no_worker (gconstpointer data)
{
  const char *argv[] = { "/bin/sh", "-c", data, NULL };
  CfutExecutor *executor = cfut_process_executor_new (argv, 1);
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) second = NULL;
  g_autoptr (GError) error = NULL;

  cfut_process_executor_set_start_timeout_usec (CFUT_PROCESS_EXECUTOR (executor), 500 * 1000);
  cfut_process_executor_set_stop_grace_usec (CFUT_PROCESS_EXECUTOR (executor), 100 * 1000);
  future = cfut_executor_call (executor, NULL, "pid", NULL);
  second = cfut_executor_call (executor, NULL, "pid", NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  test_assert_fails (second, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  error = cfut_future_dup_error (future);
  g_test_message ("%s", error->message);

  test_process_executor_end (executor);
}

/* A worker that fails to begin: the error has its status and its last words. */
static void
test_failing_worker (void)
{
  CfutExecutor *executor = test_process_executor_new_with (1, "--fail");
  g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "pid", NULL);
  g_autoptr (GError) error = NULL;

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  error = cfut_future_dup_error (future);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "no licence"));
  g_assert_nonnull (strstr (error->message, "3"));

  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process/call", test_call);
  g_test_add_func ("/cfut/process/on-demand", test_on_demand);
  g_test_add_func ("/cfut/process/warm", test_warm);
  g_test_add_func ("/cfut/process/side-by-side", test_side_by_side);
  g_test_add_func ("/cfut/process/true-to-life", test_true_to_life);
  g_test_add_func ("/cfut/process/error", test_error);
  g_test_add_func ("/cfut/process/unknown-function", test_unknown_function);
  g_test_add_func ("/cfut/process/submit-is-refused", test_submit);
  g_test_add_func ("/cfut/process/commands-only", test_commands_only);
  g_test_add_func ("/cfut/process/progress", test_progress);
  g_test_add_func ("/cfut/process/callbacks", test_callbacks);
  g_test_add_func ("/cfut/process/many", test_many);
  g_test_add_func ("/cfut/process/threads", test_threads);
  g_test_add_func ("/cfut/process/print", test_print);
  g_test_add_func ("/cfut/process/shutdown", test_shutdown);
  g_test_add_func ("/cfut/process/shutdown-cancel-pending", test_shutdown_cancel_pending);
  g_test_add_func ("/cfut/process/drop", test_drop);
  g_test_add_func ("/cfut/process/no-such-program", test_no_program);
  g_test_add_data_func ("/cfut/process/no-worker/ends", "exit 0", test_no_worker);
  g_test_add_data_func ("/cfut/process/no-worker/talks",
                        "echo 'Hello, this is some text on the descriptor' >&3; sleep 1000",
                        test_no_worker);
  g_test_add_data_func ("/cfut/process/no-worker/hangs", "exec sleep 1000", test_no_worker);
  g_test_add_func ("/cfut/process/failing-worker", test_failing_worker);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
