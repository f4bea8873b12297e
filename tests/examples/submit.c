/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Several tasks at once: submit them all, then ask for the results in whatever order suits. Asking for each before
 * the next is submitted would run them one by one. */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  const char *product;
  guint n_pieces;
  double price;
} Order;

/* Several arguments, and several results, travel in a structure and in a GVariant. */
static gboolean
bill (CfutTask  *task,
      gpointer   user_data,
      GError   **error)
{
  const Order *order = user_data;
  double sum = order->n_pieces * order->price;

  cfut_task_set_result_variant (task, g_variant_new ("(sd)", order->product, sum));
  return TRUE;
}

int
main (void)
{
  static Order orders[] = {
    { "apples", 12, 0.25 },
    { "bread", 2, 3.5 },
    { "cheese", 1, 7.75 },
  };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;

  /* The orders are static, so nothing has to be freed. */
  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    g_ptr_array_add (futures, cfut_executor_submit (executor, bill, &orders[i], NULL));

  for (guint i = 0; i < futures->len; i++)
    {
      /* The future keeps the value: it is valid as long as the future is held. */
      GVariant *result = cfut_future_result_variant (futures->pdata[i], -1, &error);
      const char *product;
      double sum;

      if (result == NULL)
        {
          g_printerr ("Order %u failed: %s\n", i, error ? error->message : "no result");
          return EXIT_FAILURE;
        }
      g_variant_get (result, "(&sd)", &product, &sum);
      g_print ("%s: %.2f\n", product, sum);
    }
  return EXIT_SUCCESS;
}
