/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A limit on what waits: who submits faster than the workers work is refused, or is blocked until there is room. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
sleep_until_called (CfutTask  *task,
                    gpointer   user_data,
                    GError   **error)
{
  GAsyncQueue *alarm = user_data;

  g_async_queue_pop (alarm);
  return TRUE;
}

static gboolean
do_nothing (CfutTask  *task,
            gpointer   user_data,
            GError   **error)
{
  return TRUE;
}

int
main (void)
{
  g_autoptr (GAsyncQueue) alarm = g_async_queue_new ();
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) patient = cfut_request_new ();
  g_autoptr (CfutFuture) sleeper = NULL;
  g_autoptr (CfutFuture) waiting = NULL;
  g_autoptr (CfutFuture) refused = NULL;
  g_autoptr (GError) error = NULL;

  cfut_executor_set_max_pending (executor, 1);
  sleeper = cfut_executor_submit (executor, sleep_until_called, alarm, NULL);

  /* Once the worker has taken the sleeper, there is room for one more. */
  if (!cfut_executor_wait_ready (executor, -1, NULL, &error))
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  waiting = cfut_executor_submit (executor, do_nothing, NULL, NULL);
  refused = cfut_executor_submit (executor, do_nothing, NULL, NULL);
  error = cfut_future_dup_error (refused);
  g_print ("the third: %s\n", g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_QUEUE_FULL)
                                ? "refused"
                                : "taken");

  /* Whoever would rather wait says so in a request. */
  g_async_queue_push (alarm, executor);
  cfut_request_set_when_full (patient, CFUT_WHEN_FULL_BLOCK);
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (CfutFuture) future =
        cfut_executor_submit_full (executor, patient, do_nothing, NULL, NULL);
    }
  if (!cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL))
    return EXIT_FAILURE;
  g_print ("done: %" G_GUINT64_FORMAT "\n", cfut_executor_get_n_completed (executor));
  return EXIT_SUCCESS;
}
