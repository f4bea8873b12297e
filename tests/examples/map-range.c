/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Many small steps of a computation: as a task each they would cost more than they do, so a range is cut into parts,
 * and all of them are one future with one progress. */

#include <cfut/cfut.h>
#include <math.h>
#include <stdlib.h>

#define N_STEPS 2000000

typedef struct {
  GMutex lock; /* guards what follows */
  double sum;
} Total;

/* The area under a quarter of a circle. Each part adds up for itself and tells once. */
static gboolean
add_slices (CfutTask  *task,
            guint64    begin,
            guint64    end,
            gpointer   user_data,
            GError   **error)
{
  Total *total = user_data;
  g_autoptr (GMutexLocker) locker = NULL;
  double sum = 0;

  for (guint64 i = begin; i < end; i++)
    {
      double x = (i + 0.5) / N_STEPS;

      sum += sqrt (1 - x * x);
    }
  locker = g_mutex_locker_new (&total->lock);
  total->sum += sum;
  return TRUE;
}

int
main (void)
{
  static Total total;
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);
  /* A grain of 0: the library chooses how large the parts are. */
  g_autoptr (CfutFuture) future =
    cfut_executor_map_range (executor, NULL, 0, N_STEPS, 0, add_slices, &total, NULL);
  g_autoptr (GError) error = NULL;

  cfut_future_result (future, -1, &error);
  if (error != NULL)
    {
      g_printerr ("It failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("four times the area is about %.4f\n", 4 * total.sum / N_STEPS);
  g_print ("done: %.0f %%\n", 100 * cfut_future_get_fraction (future));
  return EXIT_SUCCESS;
}
