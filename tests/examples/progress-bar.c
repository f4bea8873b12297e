/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Progress in a terminal: a bar that is drawn again, on the same line, whenever one of the jobs has settled. */

#include <cfut/cfut.h>
#include <stdlib.h>

#define N_JOBS 20
#define BAR_LENGTH 30

/* Stands for some work on one of many things. */
static gboolean
work (CfutTask  *task,
      gpointer   user_data,
      GError   **error)
{
  guint n = GPOINTER_TO_UINT (user_data);

  g_usleep (1000 * (n % 7));
  if (n == 13)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "Thirteen cannot be done");
      return FALSE;
    }
  cfut_task_set_result_int64 (task, n * n);
  return TRUE;
}

/* A carriage return goes back to the start of the line, so that the next bar replaces this one. */
static void
draw_bar (guint n_done,
          guint n_jobs)
{
  guint length = BAR_LENGTH * n_done / n_jobs;

  g_print ("\r[");
  for (guint i = 0; i < BAR_LENGTH; i++)
    g_print (i < length ? "=" : " ");
  g_print ("] %3u %%", 100 * n_done / n_jobs);
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GString) failures = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;
  guint n_done = 0;
  gint64 sum = 0;

  for (guint n = 1; n <= N_JOBS; n++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, work, GUINT_TO_POINTER (n), NULL);

      cfut_group_add (group, future);
    }

  draw_bar (0, N_JOBS);
  while ((settled = cfut_group_next (group, -1, NULL, &error)) != NULL)
    {
      g_autoptr (CfutFuture) future = settled;
      g_autoptr (GError) job_error = NULL;

      /* Kept for later: in the middle of the bar they would spoil the line. */
      sum += cfut_future_result_int64 (future, 0, &job_error);
      if (job_error != NULL)
        g_string_append_printf (failures, "%s\n", job_error->message);
      draw_bar (++n_done, N_JOBS);
    }
  g_print ("\n");
  if (error != NULL)
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("%sThe sum of the others is %" G_GINT64_FORMAT "\n", failures->str, sum);
  return EXIT_SUCCESS;
}
