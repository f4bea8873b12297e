/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Ending an executor: it takes nothing more, what has not started may be cancelled, and who waits may set a limit. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* Serves guests until it is asked to stop. */
static gboolean
serve (CfutTask  *task,
       gpointer   user_data,
       GError   **error)
{
  GAsyncQueue *open = user_data;

  g_async_queue_push (open, task);
  while (cfut_task_checkpoint (task, error))
    g_usleep (1000);
  return FALSE;
}

static gboolean
shut_down (CfutExecutor      *executor,
           CfutShutdownFlags  flags,
           gint64             timeout_usec)
{
  g_autoptr (GError) error = NULL;

  if (cfut_executor_shutdown (executor, flags, timeout_usec, &error))
    {
      g_print ("everything has ended\n");
      return TRUE;
    }
  g_print ("%s\n", g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
                     ? "something is still running"
                     : error->message);
  return FALSE;
}

int
main (void)
{
  g_autoptr (GAsyncQueue) open = g_async_queue_new ();
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) running = cfut_executor_submit (executor, serve, open, NULL);
  g_autoptr (CfutFuture) waiting = cfut_executor_submit (executor, serve, open, NULL);
  g_autoptr (CfutFuture) late = NULL;

  g_async_queue_pop (open);

  /* The second task never starts, and the first does not end by itself. */
  shut_down (executor, CFUT_SHUTDOWN_WAIT | CFUT_SHUTDOWN_CANCEL_PENDING, 50 * G_TIME_SPAN_MILLISECOND);
  g_print ("what waited is cancelled: %s\n",
           cfut_future_get_state (waiting) == CFUT_STATE_CANCELLED ? "yes" : "no");
  g_print ("what runs is left alone: %s\n",
           cfut_future_get_state (running) == CFUT_STATE_RUNNING ? "yes" : "no");

  late = cfut_executor_submit (executor, serve, open, NULL);
  g_print ("more is refused: %s\n",
           cfut_future_get_state (late) == CFUT_STATE_REJECTED ? "yes" : "no");

  /* It may be called again, and ask for more. */
  if (!shut_down (executor, CFUT_SHUTDOWN_WAIT | CFUT_SHUTDOWN_CANCEL_RUNNING, -1))
    return EXIT_FAILURE;
  g_print ("what ran was stopped: %s\n",
           cfut_future_get_state (running) == CFUT_STATE_CANCELLED ? "yes" : "no");
  return EXIT_SUCCESS;
}
