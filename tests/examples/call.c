/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Functions with names: who calls them needs only the name, and a variant of what they are given. The same
 * table would serve a worker process. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* Of (width, height). */
static gboolean
area (CfutTask  *task,
      GVariant  *args,
      gpointer   user_data,
      GError   **error)
{
  gint64 width;
  gint64 height;

  if (!g_variant_is_of_type (args, G_VARIANT_TYPE ("(xx)")))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "An area has a width and a height");
      return FALSE;
    }

  g_variant_get (args, "(xx)", &width, &height);
  cfut_task_set_result_int64 (task, width * height);
  return TRUE;
}

static gboolean
greet (CfutTask  *task,
       GVariant  *args,
       gpointer   greeting,
       GError   **error)
{
  g_autofree char *text = g_strdup_printf ("%s, %s!", (const char *) greeting,
                                           g_variant_get_string (args, NULL));

  cfut_task_set_result_string (task, text);
  return TRUE;
}

static void
call_area (CfutExecutor *executor,
           GVariant     *args)
{
  g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "area", args);
  g_autoptr (GError) error = NULL;
  gint64 result = cfut_future_result_int64 (future, -1, &error);

  if (error != NULL)
    g_print ("Failed: %s\n", error->message);
  else
    g_print ("The area is %" G_GINT64_FORMAT "\n", result);
}

int
main (void)
{
  static const char *names[] = { "Mole", "Rat", "Badger" };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);
  g_autoptr (CfutMap) map = NULL;
  g_autoptr (CfutFuture) unknown = NULL;
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;

  cfut_executor_register (executor, "area", area, NULL, NULL);
  cfut_executor_register (executor, "greet", greet, "Good morning", NULL);

  call_area (executor, g_variant_new ("(xx)", (gint64) 6, (gint64) 7));
  call_area (executor, g_variant_new_string ("large"));

  /* One call for each element, with the results in order. */
  map = cfut_executor_map_call (executor, NULL, "greet",
                                g_variant_new_strv (names, G_N_ELEMENTS (names)), 0);
  while ((settled = cfut_map_next (map, -1, NULL, NULL)) != NULL)
    {
      g_print ("%s\n", cfut_future_result_string (settled, 0, NULL));
      g_object_unref (settled);
    }

  unknown = cfut_executor_call (executor, NULL, "volume", NULL);
  if (cfut_future_result (unknown, -1, &error) == NULL &&
      g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION))
    g_print ("Nobody knows \"volume\"\n");
  return EXIT_SUCCESS;
}
