/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What workers are told before their first call, their refusal, and the details of errors. */

#include <signal.h>

#include "test-process-util.h"

static CfutFuture *
call (CfutExecutor *executor,
      const char   *function)
{
  return cfut_executor_call (executor, NULL, function, NULL);
}

/* Each worker has what was set when it was started, whatever it is. */
static void
test_told (void)
{
  CfutExecutor *executor = test_process_executor_new_with (2, "--prepare");
  CfutProcessExecutor *processes = CFUT_PROCESS_EXECUTOR (executor);
  g_autoptr (GVariant) setup = g_variant_ref_sink (g_variant_new_parsed ("{'a': <(1, @ay [2, 3])>}"));
  g_autoptr (GVariant) kept = NULL;

  cfut_process_executor_set_setup (processes, setup);
  g_object_get (executor, "setup", &kept, NULL);
  g_assert_true (g_variant_equal (kept, setup));
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (CfutFuture) future = call (executor, "setup");
      g_autoptr (GError) error = NULL;
      GVariant *told = cfut_future_result_variant (future, TEST_DEADLINE_USEC, &error);

      g_assert_no_error (error);
      g_assert_true (g_variant_equal (told, setup));
      cfut_process_executor_kill_workers (processes);
    }

  test_process_executor_end (executor);
}

/* A worker may ask, and there is nothing. */
static void
test_not_told (void)
{
  CfutExecutor *executor = test_process_executor_new_with (1, "--prepare");
  g_autoptr (CfutFuture) future = call (executor, "setup");
  g_autoptr (GError) error = NULL;

  g_assert_null (cfut_future_result (future, TEST_DEADLINE_USEC, &error));
  g_assert_no_error (error);
  test_process_executor_end (executor);
}

/* The first refusal breaks the executor, with its reason, for what waits and for what comes. */
static void
test_refused (void)
{
  CfutExecutor *executor = test_process_executor_new_with (2, "--prepare");
  CfutFuture *futures[5];

  cfut_process_executor_set_setup (CFUT_PROCESS_EXECUTOR (executor), g_variant_new_string ("no ink"));
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = call (executor, "pid");
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (cfut_future_result (futures[i], TEST_DEADLINE_USEC, &error));
      g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
      g_assert_nonnull (strstr (error->message, "no ink"));
      g_object_unref (futures[i]);
    }
  futures[0] = call (executor, "pid");
  test_assert_fails (futures[0], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  g_object_unref (futures[0]);
  test_process_executor_end (executor);
}

/* What a function gives with its error comes along, large ones too, and is gone with success. */
static void
test_details (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autofree char *large = g_malloc0 (1024 * 1024);
  GVariant *variants[] = {
    g_variant_new ("(sx)", "one", G_GINT64_CONSTANT (2)),
    g_variant_new ("(@ay)", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, large, 1024 * 1024, 1)),
  };
  g_autoptr (CfutFuture) fine = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (variants); i++)
    {
      g_autoptr (GVariant) args = g_variant_ref_sink (variants[i]);
      g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "detail", args);
      g_autoptr (GVariant) details = NULL;

      test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_FAILED);
      details = cfut_future_dup_error_details (future);
      g_assert_nonnull (details);
      g_assert_true (g_variant_equal (details, args));
    }

  fine = call (executor, "pid");
  g_assert_true (cfut_future_wait (fine, TEST_DEADLINE_USEC, NULL, NULL));
  g_assert_null (cfut_future_dup_error_details (fine));
  test_process_executor_end (executor);
}

/* How a worker died can be read without its text. */
static void
test_death (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  TestFifo fifo;
  CfutFuture *future;
  g_autoptr (GVariant) details = NULL;
  const char *tail;
  int pid, status;

  test_fifo_init (&fifo, "death");
  future = test_fifo_hold (&fifo, executor, NULL);
  test_fifo_wait_arrived (&fifo);
  cfut_process_executor_kill_workers (CFUT_PROCESS_EXECUTOR (executor));
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
  details = cfut_future_dup_error_details (future);
  g_assert_nonnull (details);
  g_assert_true (g_variant_lookup (details, "pid", "i", &pid));
  g_assert_cmpint (pid, ==, cfut_future_get_worker_pid (future));
  g_assert_true (g_variant_lookup (details, "wait-status", "i", &status));
  g_assert_cmpint (status & 0x7f, ==, SIGKILL);
  g_assert_true (g_variant_lookup (details, "stderr", "&s", &tail));

  g_object_unref (future);
  test_fifo_clear (&fifo);
  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cfut/process/setup/told", test_told);
  g_test_add_func ("/cfut/process/setup/not-told", test_not_told);
  g_test_add_func ("/cfut/process/setup/refused", test_refused);
  g_test_add_func ("/cfut/process/setup/details", test_details);
  g_test_add_func ("/cfut/process/setup/death", test_death);
  status = g_test_run ();
  test_process_clear ();
  return status;
}
