/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Results in the order in which they come: a group hands out each future as soon as it has settled, so that short jobs
 * need not wait for long ones that were submitted before. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* Counts the primes below a number: the greater it is, the longer that takes. */
static gboolean
count_primes (CfutTask  *task,
              gpointer   user_data,
              GError   **error)
{
  guint limit = GPOINTER_TO_UINT (user_data);
  gint64 n_primes = 0;

  if (limit < 2)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "No number is below it");
      return FALSE;
    }
  for (guint number = 2; number < limit; number++)
    {
      guint divisor = 2;

      while (divisor * divisor <= number && number % divisor != 0)
        divisor++;
      n_primes += divisor * divisor > number;
    }
  cfut_task_set_result_int64 (task, n_primes);
  return TRUE;
}

int
main (void)
{
  static const guint limits[] = { 300000, 10, 50000, 0, 1000 };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;
  guint n_settled = 0;

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      g_autoptr (CfutFuture) future =
        cfut_executor_submit (executor, count_primes, GUINT_TO_POINTER (limits[i]), NULL);
      g_autofree char *name = g_strdup_printf ("below %u", limits[i]);

      cfut_future_set_name (future, name);
      cfut_group_add (group, future);
    }

  /* NULL is the end, unless there is an error: then the wait failed. */
  while ((settled = cfut_group_next (group, -1, NULL, &error)) != NULL)
    {
      g_autoptr (CfutFuture) future = settled;
      g_autoptr (GError) job_error = NULL;
      g_autofree char *name = cfut_future_dup_name (future);
      gint64 n_primes = cfut_future_result_int64 (future, 0, &job_error);

      n_settled++;
      if (job_error != NULL)
        g_print ("[%u/%zu] %s: %s\n", n_settled, G_N_ELEMENTS (limits), name, job_error->message);
      else
        g_print ("[%u/%zu] %s: %" G_GINT64_FORMAT " primes\n", n_settled, G_N_ELEMENTS (limits), name,
                 n_primes);
    }
  if (error != NULL)
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("%" G_GUINT64_FORMAT " done, %" G_GUINT64_FORMAT " of them failed\n",
           cfut_group_get_n_done (group), cfut_group_get_n_failed (group));
  return EXIT_SUCCESS;
}
