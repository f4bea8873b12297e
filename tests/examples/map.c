/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * One function over many items: the results come in the order of the items, whichever is ready first. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* An item is an index; what it stands for is up to the function. */
static gboolean
capitalize (CfutTask  *task,
            guint64    index,
            gpointer   user_data,
            GError   **error)
{
  const char *const *words = user_data;
  g_autofree char *capitals = g_ascii_strup (words[index], -1);

  /* Earlier items take longer. */
  g_usleep (10000 / (index + 1));
  cfut_task_set_result_string (task, capitals);
  return TRUE;
}

int
main (void)
{
  static const char *words[] = { "one", "two", "three", "four", "five" };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (4);
  g_autoptr (CfutMap) map =
    cfut_executor_map (executor, NULL, G_N_ELEMENTS (words), 0, capitalize, words, NULL);
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;

  for (guint i = 0; (settled = cfut_map_next (map, -1, NULL, &error)) != NULL; i++)
    {
      g_print ("%s: %s\n", words[i], cfut_future_result_string (settled, 0, NULL));
      g_object_unref (settled);
    }
  if (error != NULL)
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
