/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Tasks that submit tasks and wait for them. In most pools that comes to a stop when every thread waits; here a thread
 * that waits for something in the queue does it, or the pool grows for as long. */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  CfutExecutor *executor;
  const int *numbers;
  guint n_numbers;
} Part;

/* Finds the greatest number: the two halves are tasks of their own. */
static gboolean
find_greatest (CfutTask  *task,
               gpointer   user_data,
               GError   **error)
{
  Part *part = user_data;
  g_autoptr (CfutFuture) left = NULL;
  g_autoptr (CfutFuture) right = NULL;
  g_autoptr (GError) left_error = NULL;
  Part left_part, right_part;
  gint64 left_greatest, right_greatest;

  if (part->n_numbers == 1)
    {
      cfut_task_set_result_int64 (task, part->numbers[0]);
      return TRUE;
    }

  left_part = (Part){ part->executor, part->numbers, part->n_numbers / 2 };
  right_part = (Part){ part->executor, part->numbers + left_part.n_numbers,
                       part->n_numbers - left_part.n_numbers };
  left = cfut_executor_submit (part->executor, find_greatest, &left_part, NULL);
  right = cfut_executor_submit (part->executor, find_greatest, &right_part, NULL);

  /* Both are waited for in any case, since they use what is on this stack. */
  left_greatest = cfut_future_result_int64 (left, -1, &left_error);
  right_greatest = cfut_future_result_int64 (right, -1, left_error ? NULL : error);
  if (left_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&left_error));
      return FALSE;
    }
  cfut_task_set_result_int64 (task, MAX (left_greatest, right_greatest));
  return cfut_future_get_state (right) == CFUT_STATE_RESOLVED;
}

int
main (void)
{
  int numbers[1000];
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  Part all = { executor, numbers, G_N_ELEMENTS (numbers) };
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (GError) error = NULL;
  gint64 greatest;

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    numbers[i] = i * 7919 % 1009;

  future = cfut_executor_submit (executor, find_greatest, &all, NULL);
  greatest = cfut_future_result_int64 (future, -1, &error);
  if (error != NULL)
    {
      g_printerr ("Searching failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  if (!cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, &error))
    {
      g_printerr ("Shutting down failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("the greatest is %" G_GINT64_FORMAT ", found by %" G_GUINT64_FORMAT " tasks\n", greatest,
           cfut_executor_get_n_completed (executor));
  return EXIT_SUCCESS;
}
