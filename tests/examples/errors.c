/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Errors: a function fails with a GError, and its future hands that very error, domain and code included, to whoever
 * asks for the result. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
parse (CfutTask  *task,
       gpointer   user_data,
       GError   **error)
{
  gint64 number;

  if (!g_ascii_string_to_signed (user_data, 10, -1000, 1000, &number, error))
    return FALSE;
  cfut_task_set_result_int64 (task, number);
  return TRUE;
}

/* Fails without saying why, which is a mistake, but no success either. */
static gboolean
shrug (CfutTask  *task,
       gpointer   user_data,
       GError   **error)
{
  return FALSE;
}

/* Tells errors from each other by domain and code, never by their words. */
static void
report (const char *what,
        CfutFuture *future)
{
  g_autoptr (GError) error = NULL;
  gint64 number = cfut_future_result_int64 (future, -1, &error);

  if (error == NULL)
    g_print ("%s: %" G_GINT64_FORMAT "\n", what, number);
  else if (g_error_matches (error, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_INVALID))
    g_print ("%s: not a number\n", what);
  else if (g_error_matches (error, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS))
    g_print ("%s: too great or too small\n", what);
  else if (g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED))
    g_print ("%s: it did not say why\n", what);
  else
    g_print ("%s: %s\n", what, error->message);
}

int
main (void)
{
  static const char *words[] = { "10", "twenty", "30", "40000", "-50" };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutFuture) shrugging = cfut_executor_submit (executor, shrug, NULL, NULL);
  g_autoptr (CfutFuture) looked_at = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, parse, (gpointer) words[i], NULL);

      report (words[i], future);
    }
  report ("shrug", shrugging);

  /* The error alone, without the result: wait first, as this one does not. */
  looked_at = cfut_executor_submit (executor, parse, "sixty", NULL);
  if (!cfut_future_wait (looked_at, -1, NULL, &error))
    return EXIT_FAILURE;
  error = cfut_future_dup_error (looked_at);
  g_print ("sixty: %s\n", error ? g_quark_to_string (error->domain) : "no error");

  /* An executor that was shut down takes nothing more, and its futures say so. */
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  g_clear_object (&looked_at);
  looked_at = cfut_executor_submit (executor, parse, "70", NULL);
  g_clear_error (&error);
  error = cfut_future_dup_error (looked_at);
  g_print ("too late: %s\n",
           g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN) ? "yes" : "no");
  return EXIT_SUCCESS;
}
