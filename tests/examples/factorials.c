/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Work that keeps a processor busy, in processes: how many digits large factorials have. The program is its own
 * worker, so what it can be called for is in the same file; arguments and results travel as variants. */

#include <cfut/cfut.h>
#include <stdlib.h>

#define BASE 1000000000u   /* of the digits that it computes with: nine decimal ones each */

/* In place; how many digits of the base there are then. */
static gsize
multiply (guint32 *digits,
          gsize    n_digits,
          guint32  factor)
{
  guint64 carry = 0;

  for (gsize i = 0; i < n_digits; i++)
    {
      carry += (guint64) digits[i] * factor;
      digits[i] = carry % BASE;
      carry /= BASE;
    }
  if (carry > 0)
    digits[n_digits++] = carry;
  return n_digits;
}

/* Of a number; its result is that and how many decimal digits its factorial has. */
static gboolean
factorial (CfutTask  *task,
           GVariant  *args,
           gpointer   user_data,
           GError   **error)
{
  guint32 number = g_variant_get_uint32 (args);
  g_autofree guint32 *digits = g_new (guint32, number + 1);
  gsize n_digits = 1;
  guint32 n_decimal;

  digits[0] = 1;
  for (guint32 factor = 2; factor <= number; factor++)
    {
      n_digits = multiply (digits, n_digits, factor);
      if (factor % 1000 == 0 && !cfut_task_checkpoint (task, error))
        return FALSE;
    }

  n_decimal = 9 * (n_digits - 1);
  for (guint32 rest = digits[n_digits - 1]; rest > 0; rest /= 10)
    n_decimal++;
  cfut_task_set_result_variant (task, g_variant_new ("(uu)", number, n_decimal));
  return TRUE;
}

static int
run_worker (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();

  cfut_worker_register (worker, "factorial", factorial, NULL, NULL);
  return cfut_worker_run (worker, NULL);
}

int
main (void)
{
  static const guint32 numbers[] = { 1000, 2000, 3000, 4000, 5000 };
  g_autoptr (CfutExecutor) executor = NULL;
  g_autoptr (CfutMap) map = NULL;
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;

  /* First of all: whoever was started as a worker is one, and nothing else. */
  if (cfut_worker_requested ())
    return run_worker ();

  executor = cfut_process_executor_new_self (4);
  map = cfut_executor_map_call (executor, NULL, "factorial",
                                g_variant_new_fixed_array (G_VARIANT_TYPE_UINT32, numbers, G_N_ELEMENTS (numbers),
                                                           sizeof (guint32)), 0);
  while ((settled = cfut_map_next (map, -1, NULL, &error)) != NULL)
    {
      GVariant *result = cfut_future_result_variant (settled, 0, &error);
      guint32 number;
      guint32 n_decimal;

      if (result == NULL)
        break;
      g_variant_get (result, "(uu)", &number, &n_decimal);
      g_print ("%u! has %u digits\n", number, n_decimal);
      g_object_unref (settled);
    }
  if (error != NULL)
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
