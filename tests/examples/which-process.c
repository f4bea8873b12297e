/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Which process runs what: a worker stays for the next call, and there are no more of them than was asked for. A
 * future tells by itself where its function ran. */

#include <cfut/cfut.h>
#include <stdlib.h>
#include <unistd.h>

#define N_WORKERS 3
#define N_VALUES 6

static gboolean
tell (CfutTask  *task,
      GVariant  *args,
      gpointer   user_data,
      GError   **error)
{
  g_autofree char *text = g_strdup_printf ("value %d was looked at by process %d", g_variant_get_int32 (args),
                                           getpid ());

  /* Long enough for the others to be wanted too. */
  g_usleep (50 * 1000);
  cfut_task_set_result_string (task, text);
  return TRUE;
}

static int
run_worker (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();

  cfut_worker_register (worker, "tell", tell, NULL, NULL);
  return cfut_worker_run (worker, NULL);
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = NULL;
  g_autoptr (CfutGroup) group = NULL;
  g_autoptr (GHashTable) pids = g_hash_table_new (NULL, NULL);
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;

  if (cfut_worker_requested ())
    return run_worker ();

  g_print ("this is process %d\n", getpid ());
  executor = cfut_process_executor_new_self (N_WORKERS);
  group = cfut_group_new ();
  for (int value = 0; value < N_VALUES; value++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "tell", g_variant_new_int32 (value));

      cfut_group_add (group, future);
    }

  /* In the order in which they are ready. */
  while ((settled = cfut_group_next (group, -1, NULL, &error)) != NULL)
    {
      const char *text = cfut_future_result_string (settled, 0, &error);

      if (text != NULL)
        g_print ("%s\n", text);
      g_hash_table_add (pids, GINT_TO_POINTER (cfut_future_get_worker_pid (settled)));
      g_object_unref (settled);
    }
  if (error != NULL)
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }

  g_print ("processes: %s\n", g_hash_table_size (pids) <= N_WORKERS ? "no more than three" : "too many");
  g_print ("this one among them: %s\n", g_hash_table_contains (pids, GINT_TO_POINTER (getpid ())) ? "yes" : "no");
  return EXIT_SUCCESS;
}
