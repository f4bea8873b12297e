/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Results of many tasks, collected on one thread: no lock is needed, as only the collector touches the collection. What
 * has failed is told apart from what has not. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* Turns a word around. */
static gboolean
reverse (CfutTask  *task,
         gpointer   user_data,
         GError   **error)
{
  g_autofree char *reversed = NULL;

  if (!g_utf8_validate (user_data, -1, NULL))
    {
      g_set_error_literal (error, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE, "It is not UTF-8");
      return FALSE;
    }
  reversed = g_utf8_strreverse (user_data, -1);
  cfut_task_set_result_string (task, reversed);
  return TRUE;
}

int
main (void)
{
  static const char *words[] = { "star", "\xff\xfe", "level", "regal", "parts" };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GHashTable) results = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  g_autoptr (GError) error = NULL;
  const char *reversed[G_N_ELEMENTS (words)] = { NULL };
  CfutFuture *settled;
  guint n_failed = 0;

  /* The table says which word a future is for: it comes back from the group as the same object. */
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      CfutFuture *future = cfut_executor_submit (executor, reverse, (gpointer) words[i], NULL);

      cfut_group_add (group, future);
      g_hash_table_insert (results, future, GUINT_TO_POINTER (i));
    }

  /* As they come; the strings belong to the futures, and the table holds these. */
  while ((settled = cfut_group_next (group, -1, NULL, &error)) != NULL)
    {
      g_autoptr (CfutFuture) future = settled;
      g_autoptr (GError) task_error = NULL;
      guint i = GPOINTER_TO_UINT (g_hash_table_lookup (results, future));

      reversed[i] = cfut_future_result_string (future, 0, &task_error);
      if (task_error != NULL)
        {
          g_print ("word %u failed: %s\n", i, task_error->message);
          n_failed++;
        }
    }
  if (error != NULL)
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    g_print ("%u: %s\n", i, reversed[i] ? reversed[i] : "-");
  g_print ("%u of %zu failed\n", n_failed, G_N_ELEMENTS (words));
  return EXIT_SUCCESS;
}
