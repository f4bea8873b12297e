/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A map over more items than anybody wants to have at once: it runs only as far ahead of what was taken as its buffer
 * is long, and stops when it is dropped. */

#include <cfut/cfut.h>
#include <stdlib.h>

#define BUFFER_SIZE 8

/* Finds out how many steps a number takes to come to 1 when it is halved, or multiplied by three with one added. */
static gboolean
count_steps (CfutTask  *task,
             guint64    index,
             gpointer   user_data,
             GError   **error)
{
  int *n_started = user_data;
  gint64 n_steps = 0;

  g_atomic_int_inc (n_started);
  for (guint64 number = index + 1; number != 1; n_steps++)
    number = number % 2 == 0 ? number / 2 : 3 * number + 1;
  cfut_task_set_result_int64 (task, n_steps);
  return TRUE;
}

int
main (void)
{
  int n_started = 0;
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (4);
  g_autoptr (CfutMap) map = cfut_executor_map (executor, NULL, G_MAXUINT64, BUFFER_SIZE, count_steps,
                                               &n_started, NULL);
  g_autoptr (GError) error = NULL;
  gint64 n_steps = 0;
  guint64 number;

  /* The first number that takes more than a hundred steps; nothing says how far away it is. */
  while (n_steps <= 100)
    {
      g_autoptr (CfutFuture) settled = cfut_map_next (map, -1, NULL, &error);

      if (settled == NULL)
        {
          g_printerr ("There is none: %s\n", error ? error->message : "that was the last");
          return EXIT_FAILURE;
        }
      n_steps = cfut_future_result_int64 (settled, 0, NULL);
    }
  number = cfut_map_get_n_taken (map);
  g_print ("%" G_GUINT64_FORMAT " takes %" G_GINT64_FORMAT " steps\n", number, n_steps);

  /* Nothing more is started from here on. */
  g_clear_object (&map);
  if (!cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, &error))
    {
      g_printerr ("Shutting down failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("started ahead: %s\n",
           (guint64) n_started <= number + BUFFER_SIZE ? "no more than the buffer is long" : "too many");
  return EXIT_SUCCESS;
}
