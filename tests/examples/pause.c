/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Pausing: a task that waits is not started, one that runs stops at its next checkpoint and gives its place to others
 * until it is resumed. */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  GAsyncQueue *started;
  GAsyncQueue *go_on;
} Signals;

static gboolean
read_long_book (CfutTask  *task,
                gpointer   user_data,
                GError   **error)
{
  Signals *signals = user_data;

  g_async_queue_push (signals->started, task);
  g_async_queue_pop (signals->go_on);
  for (guint page = 1; page <= 500; page++)
    {
      if (!cfut_task_checkpoint (task, error))
        return FALSE;
      cfut_task_set_progress (task, page, 500);
    }
  cfut_task_set_result_string (task, "the long book is read");
  return TRUE;
}

static gboolean
read_letter (CfutTask  *task,
             gpointer   user_data,
             GError   **error)
{
  cfut_task_set_result_string (task, "the letter is read");
  return TRUE;
}

int
main (void)
{
  g_autoptr (GAsyncQueue) started = g_async_queue_new ();
  g_autoptr (GAsyncQueue) go_on = g_async_queue_new ();
  Signals signals = { started, go_on };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) book = cfut_executor_submit (executor, read_long_book, &signals, NULL);
  g_autoptr (CfutFuture) letter = NULL;
  g_autoptr (GError) error = NULL;

  g_async_queue_pop (started);
  cfut_future_pause (book);
  g_async_queue_push (go_on, executor);

  /* There is one worker, and it has laid the book aside. */
  letter = cfut_executor_submit (executor, read_letter, NULL, NULL);
  g_print ("%s\n", cfut_future_result_string (letter, -1, &error));
  g_assert_no_error (error);
  g_print ("the book: %s, %.0f %%\n", cfut_future_is_paused (book) ? "paused" : "not paused",
           100 * cfut_future_get_fraction (book));

  cfut_future_resume (book);
  g_print ("%s\n", cfut_future_result_string (book, -1, &error));
  g_assert_no_error (error);
  return EXIT_SUCCESS;
}
