/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Threads that are prepared before their first task: an initializer runs once on each, here to open what each needs for
 * itself. Where it fails, every future says so. */

#include <cfut/cfut.h>
#include <stdlib.h>

static GPrivate connection = G_PRIVATE_INIT (g_free);

static gboolean
connect_thread (gpointer   user_data,
                GError   **error)
{
  const char *server = user_data;

  if (server == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "There is no server");
      return FALSE;
    }
  g_private_set (&connection, g_strdup_printf ("connected to %s", server));
  return TRUE;
}

static gboolean
query (CfutTask  *task,
       gpointer   user_data,
       GError   **error)
{
  cfut_task_set_result_string (task, g_private_get (&connection));
  return TRUE;
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutExecutor) broken = cfut_thread_executor_new (2);
  g_autoptr (CfutFuture) answer = NULL;
  g_autoptr (CfutFuture) no_answer = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *worker = NULL;

  cfut_thread_executor_set_thread_name_prefix (CFUT_THREAD_EXECUTOR (executor), "query");
  cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), connect_thread,
                                        g_strdup ("the library"), g_free);
  answer = cfut_executor_submit (executor, query, NULL, NULL);
  g_print ("%s\n", cfut_future_result_string (answer, -1, &error));
  g_assert_no_error (error);

  worker = cfut_future_dup_worker_name (answer);
  g_print ("by a thread called query: %s\n", g_str_has_prefix (worker, "query") ? "yes" : worker);

  cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (broken), connect_thread, NULL, NULL);
  no_answer = cfut_executor_submit (broken, query, NULL, NULL);
  cfut_future_result (no_answer, -1, &error);
  if (g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN))
    g_print ("the other executor cannot be used\n");
  else
    g_printerr ("unexpected: %s\n", error ? error->message : "no error");

  return cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
