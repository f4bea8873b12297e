/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * The whole of it in one page: a pool of threads runs a function, and a future stands for what will come of it. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* Runs on a thread of the pool. */
static gboolean
count_words (CfutTask  *task,
             gpointer   user_data,
             GError   **error)
{
  const char *text = user_data;
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  cfut_task_set_result_int64 (task, g_strv_length (words));
  return TRUE;
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (GError) error = NULL;
  gint64 n_words;

  /* Returns at once. The text is freed with g_free when the function is through with it. */
  future = cfut_executor_submit (executor, count_words, g_strdup ("the quick brown fox"), g_free);

  /* Waits as long as it takes. A number cannot say that there is none: the error does. */
  n_words = cfut_future_result_int64 (future, -1, &error);
  if (error != NULL)
    {
      g_printerr ("Counting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("%" G_GINT64_FORMAT " words\n", n_words);

  /* An executor that is dropped still does what it was given, but nobody waits for that, and a program that returns
   * from main is over. This waits. */
  if (!cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, &error))
    {
      g_printerr ("Shutting down failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("%" G_GUINT64_FORMAT " task done, %" G_GUINT64_FORMAT " left\n",
           cfut_executor_get_n_completed (executor), cfut_executor_get_n_pending (executor));
  return EXIT_SUCCESS;
}
