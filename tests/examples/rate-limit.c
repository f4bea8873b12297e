/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A client that must not ask too often: the executor starts no more calls than its rate limit allows, and no thread
 * waits for that, so that the workers are free for the calls that are under way. */

#include <cfut/cfut.h>
#include <stdlib.h>

#define CALLS_PER_SECOND 50
#define N_CALLS 12
#define BURST 2

static gboolean
call (CfutTask  *task,
      gpointer   user_data,
      GError   **error)
{
  g_autofree char *answer = g_strdup_printf ("answer %u", GPOINTER_TO_UINT (user_data));

  cfut_task_set_result_string (task, answer);
  return TRUE;
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (CALLS_PER_SECOND, BURST);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  double seconds;

  cfut_executor_set_rate_limit (executor, limit);

  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, call, GUINT_TO_POINTER (i), NULL);

      cfut_group_add (group, future);
    }
  if (!cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, &error))
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  seconds = (g_get_monotonic_time () - start) / (double) G_USEC_PER_SEC;

  /* The first two go at once, and each of the others has to wait for its turn. */
  g_print ("%" G_GUINT64_FORMAT " calls, %" G_GUINT64_FORMAT " failed\n", cfut_group_get_n_done (group),
           cfut_group_get_n_failed (group));
  g_print ("as slowly as they have to be: %s\n",
           seconds >= (N_CALLS - BURST) / (double) CALLS_PER_SECOND ? "yes" : "no");
  return EXIT_SUCCESS;
}
