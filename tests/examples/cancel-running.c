/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Stopping what runs: a function that computes looks at a checkpoint now and then, and one that waits in GIO passes
 * the task's cancellable on. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* Looks for an odd number that two divides, and would do so for ever. */
static gboolean
search (CfutTask  *task,
        gpointer   user_data,
        GError   **error)
{
  GAsyncQueue *started = user_data;

  g_async_queue_push (started, task);
  for (guint64 odd = 1; odd % 2 != 0; odd += 2)
    {
      /* Some thousand times a second is plenty. */
      if (odd % 10000 == 1 && !cfut_task_checkpoint (task, error))
        return FALSE;
    }
  return TRUE;
}

/* Waits for somebody to connect, and nobody will. */
static gboolean
accept_connection (CfutTask  *task,
                   gpointer   user_data,
                   GError   **error)
{
  GAsyncQueue *started = user_data;
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  g_autoptr (GSocketConnection) connection = NULL;

  if (g_socket_listener_add_any_inet_port (listener, NULL, error) == 0)
    return FALSE;
  g_async_queue_push (started, task);
  connection = g_socket_listener_accept (listener, NULL, cfut_task_get_cancellable (task), error);
  return connection != NULL;
}

int
main (void)
{
  static const struct {
    const char *name;
    CfutTaskFunc func;
  } jobs[] = { { "search", search }, { "accept", accept_connection } };
  g_autoptr (GAsyncQueue) started = g_async_queue_new ();
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);

  for (guint i = 0; i < G_N_ELEMENTS (jobs); i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, jobs[i].func, started, NULL);
      g_autoptr (GError) error = NULL;

      g_async_queue_pop (started);
      if (!cfut_future_cancel (future))
        g_print ("%s: was asked to stop\n", jobs[i].name);

      cfut_future_result (future, -1, &error);
      if (cfut_future_get_state (future) == CFUT_STATE_CANCELLED)
        g_print ("%s: has stopped\n", jobs[i].name);
      else
        g_printerr ("%s: %s\n", jobs[i].name, error ? error->message : "has come to an end");
    }
  return cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
