/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Deadlines of the tasks themselves: a function that takes too long fails on time, and is asked to stop; one that has
 * waited too long for a worker does not run at all. Nobody has to wait for them for that to happen. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* Waits for a visitor at a port; the cancellable ends that. */
static gboolean
await_visitor (CfutTask  *task,
               gpointer   user_data,
               GError   **error)
{
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  g_autoptr (GSocketConnection) connection = NULL;

  if (g_socket_listener_add_any_inet_port (listener, NULL, error) == 0)
    return FALSE;
  connection = g_socket_listener_accept (listener, NULL, cfut_task_get_cancellable (task), error);
  return connection != NULL;
}

static gboolean
say_hello (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  cfut_task_set_result_string (task, "hello");
  return TRUE;
}

static void
report (const char *what,
        CfutFuture *future)
{
  g_autoptr (GError) error = NULL;
  const char *result = cfut_future_result_string (future, -1, &error);

  if (g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE))
    g_print ("%s: too late\n", what);
  else
    g_print ("%s: %s\n", what, error ? error->message : result);
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) short_run = cfut_request_new ();
  g_autoptr (CfutRequest) short_wait = cfut_request_new ();
  g_autoptr (CfutRequest) patient = cfut_request_new ();
  g_autoptr (CfutFuture) visitor = NULL;
  g_autoptr (CfutFuture) hurried = NULL;
  g_autoptr (CfutFuture) hello = NULL;

  /* A request may serve for many submissions. */
  cfut_request_set_run_deadline_usec (short_run, G_TIME_SPAN_SECOND);
  cfut_request_set_queue_deadline_usec (short_wait, 50 * G_TIME_SPAN_MILLISECOND);
  cfut_request_set_run_deadline_usec (patient, 60 * G_TIME_SPAN_SECOND);
  cfut_request_set_queue_deadline_usec (patient, 60 * G_TIME_SPAN_SECOND);

  /* There is one worker, and the first task keeps it for a second. */
  visitor = cfut_executor_submit_full (executor, short_run, await_visitor, NULL, NULL);
  hurried = cfut_executor_submit_full (executor, short_wait, say_hello, NULL, NULL);
  hello = cfut_executor_submit_full (executor, patient, say_hello, NULL, NULL);

  report ("waited too long for a worker", hurried);
  report ("ran too long", visitor);
  report ("with time enough", hello);

  return cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
