/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Workers that come and go, as many as CFUT_TEST_STARTS says (150): each runs one call, and of none is anything
 * left, dead or alive. And a table of functions that threads and workers have alike. This program is the worker. */

#include "test-process-util.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static gboolean
do_double (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  if (!g_variant_is_of_type (args, G_VARIANT_TYPE_INT64))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "A number, please");
      return FALSE;
    }
  cfut_task_set_progress (task, 1, 1);
  cfut_task_set_result_int64 (task, 2 * g_variant_get_int64 (args));
  return TRUE;
}

static gboolean
do_pid (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  cfut_task_set_result_int64 (task, getpid ());
  return TRUE;
}

static gboolean
do_crash (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  raise (SIGKILL);
  return TRUE;
}

static CfutFunctions *
make_functions (void)
{
  CfutFunctions *functions = cfut_functions_new ();

  cfut_functions_add (functions, "double", do_double, NULL, NULL);
  cfut_functions_add (functions, "pid", do_pid, NULL, NULL);
  cfut_functions_add (functions, "crash", do_crash, NULL, NULL);
  return functions;
}

static int
run_worker (void)
{
  g_autoptr (CfutFunctions) functions = make_functions ();
  g_autoptr (CfutWorker) worker = cfut_worker_new ();

  cfut_worker_set_functions (worker, functions);
  return cfut_worker_run (worker, NULL);
}

static void
check_functions (CfutExecutor *executor)
{
  g_autoptr (CfutFuture) right = cfut_executor_call (executor, NULL, "double", g_variant_new_int64 (21));
  g_autoptr (CfutFuture) wrong = cfut_executor_call (executor, NULL, "double", g_variant_new_string ("21"));
  g_autoptr (CfutFuture) unknown = cfut_executor_call (executor, NULL, "triple", g_variant_new_int64 (21));
  guint64 done;
  guint64 total;

  test_assert_settles (right, CFUT_STATE_RESOLVED);
  g_assert_cmpint (cfut_future_result_int64 (right, 0, NULL), ==, 42);
  cfut_future_get_progress (right, &done, &total);
  g_assert_cmpuint (done, ==, 1);
  test_assert_fails (wrong, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  test_assert_fails (unknown, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION);
}

/* The same calls of the same functions, here and there. */
static void
test_starts_same_functions (void)
{
  g_autoptr (CfutFunctions) functions = make_functions ();
  CfutExecutor *threads = cfut_thread_executor_new (1);
  CfutExecutor *processes = cfut_process_executor_new_self (1);

  cfut_executor_set_functions (threads, functions);
  check_functions (threads);
  check_functions (processes);
  test_process_executor_end (threads);
  test_process_executor_end (processes);
}

/* One in ten is killed, or kills itself. */
static void
test_starts_leave_nothing (void)
{
  const char *wanted = g_getenv ("CFUT_TEST_STARTS");
  guint n_wanted = wanted != NULL ? (guint) g_ascii_strtoull (wanted, NULL, 10) : 150;
  CfutExecutor *executor = cfut_process_executor_new_self (2);
  CfutProcessExecutor *processes = CFUT_PROCESS_EXECUTOR (executor);
  g_autoptr (GHashTable) pids = g_hash_table_new (NULL, NULL);
  guint n_before;

  /* What stays open is open from here on. */
  check_functions (executor);
  test_process_executor_end (executor);
  n_before = test_count_descriptors ();

  executor = cfut_process_executor_new_self (2);
  processes = CFUT_PROCESS_EXECUTOR (executor);
  cfut_process_executor_set_max_calls_per_worker (processes, 1);
  for (guint i = 0; i < n_wanted; i++)
    {
      gboolean dies = i % 10 == 9;
      g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, dies ? "crash" : "pid", NULL);

      if (dies)
        test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
      else
        test_assert_settles (future, CFUT_STATE_RESOLVED);
      /* Numbers come again some time. */
      g_assert_true (g_hash_table_add (pids, GINT_TO_POINTER (cfut_future_get_worker_pid (future))) || n_wanted > 1000);
      if (i % 100 == 0)
        cfut_process_executor_kill_workers (processes);
    }
  test_process_executor_end (executor);
  g_test_message ("%u calls, %u pids", n_wanted, g_hash_table_size (pids));
  g_assert_cmpuint (test_count_descriptors (), ==, n_before);
  g_assert_cmpuint (test_count_children (), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  if (cfut_worker_requested ())
    return run_worker ();

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process-starts/same-functions", test_starts_same_functions);
  g_test_add_func ("/cfut/process-starts/leave-nothing", test_starts_leave_nothing);

  return g_test_run ();
}
