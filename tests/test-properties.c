/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Properties, as a binding and g_object_bind_property use them: each tells what its getter tells, and
 * takes what its setter takes. */

#include "test-util.h"

static guint64
read_number (gpointer    object,
             const char *name)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_auto (GValue) number = G_VALUE_INIT;

  g_value_init (&number, G_TYPE_UINT64);
  g_object_get_property (object, name, &value);
  g_assert_true (g_value_transform (&value, &number));
  return g_value_get_uint64 (&number);
}

static double
read_double (gpointer    object,
             const char *name)
{
  double number;

  g_object_get (object, name, &number, NULL);
  return number;
}

/* An executor with one task that runs, one that waits, one that has run, and limits. */
static void
test_properties_executor (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (1e9, 100);
  g_autoptr (CfutRateLimit) same = NULL;
  g_autoptr (CfutFuture) done = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  g_autoptr (CfutFuture) running = NULL;
  g_autoptr (CfutFuture) waiting = NULL;
  TestGate gate;

  test_gate_init (&gate);
  test_assert_settles (done, CFUT_STATE_RESOLVED);
  running = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  waiting = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);

  g_assert_cmpuint (read_number (executor, "max-workers"), ==, 1);
  g_assert_cmpuint (read_number (executor, "n-pending"), ==, 1);
  g_assert_cmpuint (read_number (executor, "n-running"), ==, 1);
  test_poll_until (cfut_executor_get_n_completed (executor) == 1);
  g_assert_cmpuint (read_number (executor, "n-completed"), ==, 1);
  g_assert_cmpuint (read_number (executor, "can-run-functions"), ==, TRUE);
  g_assert_cmpuint (read_number (executor, "n-threads"), ==, 1);
  g_assert_cmpuint (read_number (executor, "n-abandoned"), ==, 0);

  g_object_set (executor, "max-pending", (guint64) 7, "max-pending-bytes", (guint64) 9000,
                "rate-limit", limit, "idle-timeout-usec", (gint64) 5000000,
                "thread-name-prefix", "props", NULL);
  g_assert_cmpuint (cfut_executor_get_max_pending (executor), ==, 7);
  g_assert_cmpuint (read_number (executor, "max-pending"), ==, 7);
  g_assert_cmpuint (cfut_executor_get_max_pending_bytes (executor), ==, 9000);
  g_assert_cmpuint (read_number (executor, "max-pending-bytes"), ==, 9000);
  g_assert_cmpuint (read_number (executor, "idle-timeout-usec"), ==, 5000000);
  g_object_get (executor, "rate-limit", &same, NULL);
  g_assert_true (same == limit);
  g_assert_true (cfut_executor_get_rate_limit (executor) == limit);

  g_assert_cmpuint (read_number (executor, "paused"), ==, FALSE);
  cfut_executor_pause (executor);
  g_assert_cmpuint (read_number (executor, "paused"), ==, TRUE);
  cfut_executor_resume (executor);
  test_gate_open (&gate);
  test_assert_settles (waiting, CFUT_STATE_RESOLVED);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

/* A group with one future of each kind of end, and one that goes on. */
static void
test_properties_group (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "one failed");
  CfutPromise *promises[4];

  for (guint i = 0; i < 4; i++)
    {
      promises[i] = cfut_promise_new ();
      cfut_group_add_units (group, cfut_promise_get_future (promises[i]), 10 + i);
    }
  cfut_promise_resolve (promises[0], NULL);
  cfut_promise_reject (promises[1], error);
  cfut_future_cancel (cfut_promise_get_future (promises[2]));

  g_assert_cmpuint (read_number (group, "n-items"), ==, 4);
  g_assert_cmpuint (read_number (group, "n-done"), ==, 3);
  g_assert_cmpuint (read_number (group, "n-failed"), ==, 1);
  g_assert_cmpuint (read_number (group, "n-cancelled"), ==, 1);
  g_assert_cmpuint (read_number (group, "units-done"), ==, 10 + 11 + 12);
  g_assert_cmpuint (read_number (group, "units-total"), ==, 10 + 11 + 12 + 13);
  g_assert_cmpfloat (read_double (group, "fraction"), ==, cfut_group_get_fraction (group));

  g_assert_cmpuint (read_number (group, "cancel-on-failure"), ==, FALSE);
  g_object_set (group, "cancel-on-failure", TRUE, NULL);
  g_assert_cmpuint (read_number (group, "cancel-on-failure"), ==, TRUE);
  g_assert_true (cfut_group_get_cancel_on_failure (group));
  g_assert_cmpuint (read_number (group, "paused"), ==, FALSE);
  cfut_group_pause (group);
  g_assert_cmpuint (read_number (group, "paused"), ==, TRUE);
  cfut_group_resume (group);

  /* Nothing changes these any more. */
  cfut_promise_resolve (promises[3], NULL);
  g_assert_cmpfloat (read_double (group, "rate"), ==, cfut_group_get_rate (group));
  g_assert_cmpint ((gint64) read_number (group, "remaining-usec"), ==,
                   cfut_group_get_remaining_usec (group));

  for (guint i = 0; i < 4; i++)
    g_object_unref (promises[i]);
  test_iterate_ready (NULL);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/properties/executor", test_properties_executor);
  g_test_add_func ("/cfut/properties/group", test_properties_group);

  return g_test_run ();
}
