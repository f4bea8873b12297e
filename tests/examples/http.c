/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Fetching several addresses at once with libsoup: status, size and time of each as it comes, and what went wrong with
 * those that failed.
 *
 * usage: http URL ... */

#include <cfut/cfut.h>
#include <libsoup/soup.h>
#include <stdlib.h>

#define TIMEOUT_SECONDS 5

/* A session belongs to one thread, so that each fetch has its own. The result is the status, how many bytes there were,
 * and how many microseconds it took. */
static gboolean
fetch (CfutTask  *task,
       gpointer   user_data,
       GError   **error)
{
  GCancellable *cancellable = cfut_task_get_cancellable (task);
  gint64 start = g_get_monotonic_time ();
  g_autoptr (SoupSession) session = soup_session_new ();
  g_autoptr (SoupMessage) message = soup_message_new (SOUP_METHOD_GET, user_data);
  g_autoptr (GInputStream) body = NULL;
  guint8 buffer[65536];
  guint64 n_bytes = 0;
  gssize n;

  if (message == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "Not an address");
      return FALSE;
    }
  body = soup_session_send (session, message, cancellable, error);
  if (body == NULL)
    return FALSE;
  while ((n = g_input_stream_read (body, buffer, sizeof buffer, cancellable, error)) > 0)
    {
      n_bytes += n;
      cfut_task_set_progress (task, n_bytes,
                              soup_message_headers_get_content_length (
                                soup_message_get_response_headers (message)));
    }
  if (n < 0)
    return FALSE;

  cfut_task_set_result_variant (task, g_variant_new ("(utx)", soup_message_get_status (message),
                                                     n_bytes, g_get_monotonic_time () - start));
  return TRUE;
}

static void
report (CfutFuture *settled)
{
  g_autofree char *url = cfut_future_dup_name (settled);
  g_autoptr (GError) error = NULL;
  GVariant *result = cfut_future_result_variant (settled, 0, &error);
  guint status;
  guint64 n_bytes;
  gint64 usec;

  if (result == NULL)
    {
      g_print ("failed  %s: %s\n", url, error ? error->message : "no result");
      return;
    }
  g_variant_get (result, "(utx)", &status, &n_bytes, &usec);
  g_print ("%6u  %s: %" G_GUINT64_FORMAT " bytes in %" G_GINT64_FORMAT " ms\n", status, url, n_bytes,
           usec / 1000);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (8);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;

  /* What is late fails, and its connection is closed by the cancellable. */
  cfut_request_set_run_deadline_usec (request, TIMEOUT_SECONDS * G_TIME_SPAN_SECOND);
  cfut_request_set_group (request, group);
  for (int i = 1; i < argc; i++)
    {
      g_autoptr (CfutFuture) future = NULL;

      cfut_request_set_name (request, argv[i]);
      future = cfut_executor_submit_full (executor, request, fetch, argv[i], NULL);
    }

  while ((settled = cfut_group_next (group, -1, NULL, &error)) != NULL)
    {
      report (settled);
      g_object_unref (settled);
    }
  if (error != NULL || !cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, &error))
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("%u fetched, %" G_GUINT64_FORMAT " of them failed\n",
           g_list_model_get_n_items (G_LIST_MODEL (group)), cfut_group_get_n_failed (group));
  return EXIT_SUCCESS;
}
