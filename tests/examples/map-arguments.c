/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A map over several lists at once: the index picks from each of them. */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  const char *const *guests;
  const guint *nights;
  const double *prices;
} Bookings;

static gboolean
write_bill (CfutTask  *task,
            guint64    index,
            gpointer   user_data,
            GError   **error)
{
  const Bookings *bookings = user_data;
  guint nights = bookings->nights[index];
  double price = bookings->prices[index];
  g_autofree char *bill =
    g_strdup_printf ("%s: %u x %.2f = %.2f", bookings->guests[index], nights, price, nights * price);

  cfut_task_set_result_string (task, bill);
  return TRUE;
}

int
main (void)
{
  static const char *guests[] = { "Mole", "Rat", "Badger" };
  static const guint nights[] = { 2, 1, 7 };
  static const double prices[] = { 80, 120.5, 65.25 };
  Bookings bookings = { guests, nights, prices };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutMap) map =
    cfut_executor_map (executor, NULL, G_N_ELEMENTS (guests), 0, write_bill, &bookings, NULL);
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;

  while ((settled = cfut_map_next (map, -1, NULL, &error)) != NULL)
    {
      g_print ("%s\n", cfut_future_result_string (settled, 0, NULL));
      g_object_unref (settled);
    }
  if (error != NULL)
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
