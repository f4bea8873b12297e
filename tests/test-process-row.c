/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Rows of short calls, of which a worker tells by and by: what it has done and what it is at is known
 * nevertheless, at any moment and when it dies. */

#include "test-process-util.h"

#define N_BEFORE 40
#define N_AFTER 20

/* A worker dies in the middle of a row: that costs the one call that it had entered. What it had done
 * before is done, told of or not, and the rest is done by another. */
static void
test_death (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autofree char *path = test_process_path ("log");

  for (guint round = 0; round < 20; round++)
    {
      g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
      GVariant *args = g_variant_new ("(ss)", path, "x");
      gint32 count;

      test_process_warm_up (executor);
      count = test_process_call_number (executor, "count");
      test_process_add_counts (futures, executor, N_BEFORE);
      g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "append-and-die", args));
      test_process_add_counts (futures, executor, N_AFTER);

      for (guint i = 0; i < N_BEFORE; i++)
        g_assert_cmpint (test_process_get_number (futures->pdata[i]), ==, count + 1 + (gint) i);
      test_assert_fails (futures->pdata[N_BEFORE], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                         CFUT_FUTURE_ERROR_WORKER_DIED);
      test_process_assert_done_by_another (futures, N_BEFORE + 1);
    }

  test_process_executor_end (executor);
}

/* RUNNING at the very moment at which the function runs, and it can no longer be cancelled; what came
 * before it settles though it lasts. */
static void
test_running (gconstpointer cancels)
{
  CfutExecutor *executor = test_process_executor_new (1);

  for (guint round = 0; round < 20; round++)
    {
      g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
      CfutFuture *held;
      TestFifo fifo;

      test_process_warm_up (executor);
      test_fifo_init (&fifo, "fifo");
      test_process_add_counts (futures, executor, N_BEFORE);
      held = test_fifo_hold (&fifo, executor, NULL);
      test_process_add_counts (futures, executor, N_AFTER);

      test_fifo_wait_arrived (&fifo);
      if (cancels != NULL)
        g_assert_false (cfut_future_cancel (held));
      g_assert_cmpint (cfut_future_get_state (held), ==, CFUT_STATE_RUNNING);
      g_assert_cmpint (cfut_future_get_worker_pid (held), >, 0);
      for (guint i = 0; i < N_BEFORE; i++)
        test_assert_settles (futures->pdata[i], CFUT_STATE_RESOLVED);
      g_assert_cmpint (cfut_future_get_state (held), ==, CFUT_STATE_RUNNING);

      test_fifo_open (&fifo);
      test_assert_settles (held, CFUT_STATE_RESOLVED);
      for (guint i = N_BEFORE; i < futures->len; i++)
        test_assert_settles (futures->pdata[i], CFUT_STATE_RESOLVED);
      g_object_unref (held);
      test_fifo_clear (&fifo);
    }

  test_process_executor_end (executor);
}

/* Errors in a row keep their places, and only calls that were started count as completed. */
static void
test_errors (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  guint64 completed;

  test_process_warm_up (executor);
  completed = cfut_executor_get_n_completed (executor);
  for (guint i = 0; i < 60; i++)
    {
      const char *name = i % 3 == 0 ? "nothing" : i % 3 == 1 ? "fail" : "no-such-function";

      g_ptr_array_add (futures, cfut_executor_call (executor, NULL, name, g_variant_new ("(s)", "x")));
    }
  for (guint i = 0; i < 60; i++)
    {
      if (i % 3 == 0)
        test_assert_settles (futures->pdata[i], CFUT_STATE_RESOLVED);
      else if (i % 3 == 2)
        test_assert_fails (futures->pdata[i], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                           CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION);
      else
        {
          g_autoptr (GError) error = NULL;

          test_assert_settles (futures->pdata[i], CFUT_STATE_REJECTED);
          error = cfut_future_dup_error (futures->pdata[i]);
          g_assert_cmpstr (error->message, ==, "x");
        }
    }
  g_assert_cmpuint (cfut_executor_get_n_completed (executor) - completed, ==, 40);

  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process-row/death", test_death);
  g_test_add_data_func ("/cfut/process-row/running", NULL, test_running);
  g_test_add_data_func ("/cfut/process-row/running-cancelled", "x", test_running);
  g_test_add_func ("/cfut/process-row/errors", test_errors);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
