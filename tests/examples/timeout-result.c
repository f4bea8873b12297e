/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A limit for a wait: when it passes the wait has failed, not the future, which may be asked again. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* Takes as long as it takes until somebody leaves a letter. */
static gboolean
await_letter (CfutTask  *task,
              gpointer   user_data,
              GError   **error)
{
  GAsyncQueue *letter_box = user_data;
  g_autofree char *letter = g_async_queue_pop (letter_box);

  cfut_task_set_result_string (task, letter);
  return TRUE;
}

int
main (void)
{
  g_autoptr (GAsyncQueue) letter_box = g_async_queue_new_full (g_free);
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = cfut_executor_submit (executor, await_letter, letter_box, NULL);
  g_autoptr (GError) error = NULL;
  const char *letter;

  /* 0 only looks. */
  letter = cfut_future_result_string (future, 0, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_print ("nothing yet\n");
  g_clear_error (&error);

  letter = cfut_future_result_string (future, 50 * G_TIME_SPAN_MILLISECOND, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_print ("nothing after 50 ms, settled: %s\n", cfut_future_is_settled (future) ? "yes" : "no");
  g_clear_error (&error);

  g_async_queue_push (letter_box, g_strdup ("Dear reader"));

  letter = cfut_future_result_string (future, 60 * G_TIME_SPAN_SECOND, &error);
  if (letter == NULL)
    {
      g_printerr ("No letter: %s\n", error ? error->message : "it is empty");
      return EXIT_FAILURE;
    }
  g_print ("%s\n", letter);
  return EXIT_SUCCESS;
}
