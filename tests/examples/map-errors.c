/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Items that fail: the error is that item's own, and ends neither the map nor the other items. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
parse (CfutTask  *task,
       guint64    index,
       gpointer   user_data,
       GError   **error)
{
  const char *const *words = user_data;
  gint64 number;

  if (!g_ascii_string_to_signed (words[index], 10, G_MININT, G_MAXINT, &number, error))
    return FALSE;
  cfut_task_set_result_int64 (task, number);
  return TRUE;
}

int
main (void)
{
  static const char *words[] = { "10", "20", "many", "40", "99999999999" };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutMap) map =
    cfut_executor_map (executor, NULL, G_N_ELEMENTS (words), 0, parse, words, NULL);
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;
  gint64 sum = 0;

  for (guint i = 0; (settled = cfut_map_next (map, -1, NULL, &error)) != NULL; i++)
    {
      g_autoptr (CfutFuture) future = settled;
      g_autoptr (GError) item_error = NULL;
      gint64 number = cfut_future_result_int64 (future, 0, &item_error);

      if (item_error == NULL)
        g_print ("%s is %" G_GINT64_FORMAT "\n", words[i], number);
      else if (g_error_matches (item_error, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_INVALID))
        g_print ("%s is no number\n", words[i]);
      else
        g_print ("%s is out of range\n", words[i]);
      sum += number;
    }

  /* This is the failure of a wait, not of an item. */
  if (error != NULL)
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("the sum of the rest is %" G_GINT64_FORMAT "\n", sum);
  return EXIT_SUCCESS;
}
