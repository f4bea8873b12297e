/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Workers that die, and what that costs: the call that was running, and nothing else. */

#include "test-process-util.h"

#include <signal.h>
#include <string.h>

static char *
read_all (const char *path)
{
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : g_strdup ("");
}

/* The error tells the process, how it ended, and what it last wrote. */
static void
test_crash (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future =
    cfut_executor_call (executor, NULL, "crash", g_variant_new ("(s)", "a last word"));
  g_autoptr (GError) error = NULL;
  g_autofree char *pid = NULL;

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_WORKER_DIED);
  error = cfut_future_dup_error (future);
  g_test_message ("%s", error->message);
  pid = g_strdup_printf ("%d", cfut_future_get_worker_pid (future));
  g_assert_nonnull (strstr (error->message, pid));
  g_assert_nonnull (strstr (error->message, "a last word"));

  test_process_executor_end (executor);
}

/* So does an exit in the middle of a call, of any status, 0 included. */
static void
test_exit (gconstpointer data)
{
  int status = GPOINTER_TO_INT (data);
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future =
    cfut_executor_call (executor, NULL, "exit", g_variant_new ("(i)", status));
  g_autoptr (GError) error = NULL;

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_WORKER_DIED);
  error = cfut_future_dup_error (future);
  g_test_message ("%s", error->message);
  g_assert_cmpint (test_process_call_number (executor, "count"), ==, 1);

  test_process_executor_end (executor);
}

/* Calls behind the one that died go to the next worker: each has run once, the deadly one too. */
static void
test_contained (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autofree char *path = test_process_path ("log");
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (CfutFuture) deadly = NULL;
  g_autofree char *text = NULL;
  gsize n_died = 0;
  gsize n_ran = 0;

  /* Short ones, so that many are handed ahead. */
  for (guint i = 0; i < 300; i++)
    g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "nothing", NULL));
  deadly = cfut_executor_call (executor, NULL, "append-and-die", g_variant_new ("(ss)", path, "x"));
  for (guint i = 0; i < 300; i++)
    g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "append",
                                                  g_variant_new ("(ss)", path, ".")));

  test_assert_fails (deadly, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
  for (guint i = 0; i < futures->len; i++)
    test_assert_settles (futures->pdata[i], CFUT_STATE_RESOLVED);
  text = read_all (path);
  for (const char *c = text; *c != '\0'; c++)
    {
      n_died += *c == 'x';
      n_ran += *c == '.';
    }
  g_assert_cmpuint (n_died, ==, 1);
  g_assert_cmpuint (n_ran, ==, 300);

  test_process_executor_end (executor);
}

/* Many deadly calls: each fails, once, and the executor goes on. */
static void
test_many_deaths (void)
{
  CfutExecutor *executor = test_process_executor_new (2);
  CfutFuture *futures[6];

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_call (executor, NULL, "exit", g_variant_new ("(i)", 1));
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_fails (futures[i], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                         CFUT_FUTURE_ERROR_WORKER_DIED);
      g_object_unref (futures[i]);
    }
  test_process_call_number (executor, "pid");

  test_process_executor_end (executor);
}

/* An idle worker that somebody kills is noticed, and replaced by the next call. */
static void
test_killed_idle (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  int pid = test_process_call_number (executor, "pid");

  g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
  test_poll_until (cfut_process_executor_get_n_workers (CFUT_PROCESS_EXECUTOR (executor)) == 0);
  g_assert_cmpint (test_process_call_number (executor, "pid"), !=, pid);

  test_process_executor_end (executor);
}

/* A worker that is stopped in the middle of a call does not answer any more: it is found, killed, and
 * its call fails. */
static void
test_frozen (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), 50 * 1000);
  future = cfut_executor_call (executor, NULL, "freeze", NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_WORKER_DIED);
  error = cfut_future_dup_error (future);
  g_test_message ("%s", error->message);
  test_process_call_number (executor, "pid");

  test_process_executor_end (executor);
}

/* A call may last as long as it likes, as long as its process answers; which a busy machine may delay
 * for a tenth of a second. */
static void
test_long_call (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;

  cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), 500 * 1000);
  future = cfut_executor_call (executor, NULL, "burn", g_variant_new ("(t)", (guint64) 4000 * 1000));
  test_assert_settles (future, CFUT_STATE_RESOLVED);

  test_process_executor_end (executor);
}

/* After max-calls-per-worker the next call has a new process. */
static void
test_max_calls (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  int pids[6];

  cfut_process_executor_set_max_calls_per_worker (CFUT_PROCESS_EXECUTOR (executor), 2);
  for (guint i = 0; i < 6; i++)
    pids[i] = test_process_call_number (executor, "pid");
  for (guint i = 0; i < 6; i += 2)
    g_assert_cmpint (pids[i], ==, pids[i + 1]);
  g_assert_cmpint (pids[0], !=, pids[2]);
  g_assert_cmpint (pids[2], !=, pids[4]);

  test_process_executor_end (executor);
}

/* The same with more calls at once than that. */
static void
test_max_calls_many (void)
{
  CfutExecutor *executor = test_process_executor_new (2);
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);

  cfut_process_executor_set_max_calls_per_worker (CFUT_PROCESS_EXECUTOR (executor), 7);
  for (guint i = 0; i < 50; i++)
    g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "count", NULL));
  for (guint i = 0; i < 50; i++)
    {
      test_assert_settles (futures->pdata[i], CFUT_STATE_RESOLVED);
      g_assert_cmpint (g_variant_get_int32 (cfut_future_result_variant (futures->pdata[i], 0, NULL)),
                       <=, 7);
    }

  test_process_executor_end (executor);
}

/* A worker without work goes away. */
static void
test_idle (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  int pid;

  cfut_process_executor_set_idle_timeout_usec (CFUT_PROCESS_EXECUTOR (executor), 20 * 1000);
  pid = test_process_call_number (executor, "pid");
  test_poll_until (cfut_process_executor_get_n_workers (CFUT_PROCESS_EXECUTOR (executor)) == 0);
  test_poll_until (!test_process_exists (pid));
  test_process_call_number (executor, "pid");

  test_process_executor_end (executor);
}

/* Limits hold in the worker: what it asks for beyond ends it, and only it. */
static void
test_limits (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  g_autoptr (CfutFuture) memory = NULL;
#endif
  g_autoptr (CfutFuture) cpu = NULL;

  cfut_process_executor_set_max_open_files (CFUT_PROCESS_EXECUTOR (executor), 61);
  g_assert_cmpint (test_process_call_number (executor, "max-files"), ==, 61);
  cfut_process_executor_terminate_workers (CFUT_PROCESS_EXECUTOR (executor));

  /* With sanitizers a program has terabytes of it. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  cfut_process_executor_set_max_memory (CFUT_PROCESS_EXECUTOR (executor), (guint64) 1 << 30);
  memory = cfut_executor_call (executor, NULL, "allocate",
                               g_variant_new ("(t)", (guint64) 2 << 30));
  test_assert_fails (memory, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
#endif

  cfut_process_executor_set_max_cpu_seconds (CFUT_PROCESS_EXECUTOR (executor), 1);
  cpu = cfut_executor_call (executor, NULL, "burn",
                            g_variant_new ("(t)", (guint64) 30 * G_USEC_PER_SEC));
  test_assert_fails (cpu, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);

  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process-death/crash", test_crash);
  g_test_add_data_func ("/cfut/process-death/exit/0", GINT_TO_POINTER (0), test_exit);
  g_test_add_data_func ("/cfut/process-death/exit/7", GINT_TO_POINTER (7), test_exit);
  g_test_add_func ("/cfut/process-death/contained", test_contained);
  g_test_add_func ("/cfut/process-death/many", test_many_deaths);
  g_test_add_func ("/cfut/process-death/killed-idle", test_killed_idle);
  g_test_add_func ("/cfut/process-death/frozen", test_frozen);
  g_test_add_func ("/cfut/process-death/long-call", test_long_call);
  g_test_add_func ("/cfut/process-death/max-calls", test_max_calls);
  g_test_add_func ("/cfut/process-death/max-calls-of-many", test_max_calls_many);
  g_test_add_func ("/cfut/process-death/idle", test_idle);
  g_test_add_func ("/cfut/process-death/limits", test_limits);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
