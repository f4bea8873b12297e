/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A range in parts, over threads and over processes: whoever calls by name need not know which. The table of
 * functions is one, and so are the results; a process costs more to start, and a crash of its does not reach this
 * one. */

#include <cfut/cfut.h>
#include <stdlib.h>

#define N_PARTS 8
#define N_OF_PART 25000

static gboolean
is_prime (guint number)
{
  if (number < 2)
    return FALSE;
  for (guint divisor = 2; divisor <= number / divisor; divisor++)
    if (number % divisor == 0)
      return FALSE;
  return TRUE;
}

/* Of (first, behind the last). */
static gboolean
count_primes (CfutTask  *task,
              GVariant  *args,
              gpointer   user_data,
              GError   **error)
{
  gint64 n_primes = 0;
  guint first;
  guint end;

  g_variant_get (args, "(uu)", &first, &end);
  for (guint number = first; number < end; number++)
    {
      n_primes += is_prime (number);
      if (number % 4096 == 0)
        {
          if (!cfut_task_checkpoint (task, error))
            return FALSE;
          cfut_task_set_progress (task, number - first, end - first);
        }
    }

  cfut_task_set_result_int64 (task, n_primes);
  return TRUE;
}

static CfutFunctions *
make_functions (void)
{
  CfutFunctions *functions = cfut_functions_new ();

  cfut_functions_add (functions, "count-primes", count_primes, NULL, NULL);
  return functions;
}

static int
run_worker (void)
{
  g_autoptr (CfutFunctions) functions = make_functions ();
  g_autoptr (CfutWorker) worker = cfut_worker_new ();

  cfut_worker_set_functions (worker, functions);
  return cfut_worker_run (worker, NULL);
}

/* The same for every executor. */
static gboolean
count_with (const char    *what,
            CfutExecutor  *executor,
            GVariant      *parts,
            GError       **error)
{
  g_autoptr (CfutMap) map = cfut_executor_map_call (executor, NULL, "count-primes", parts, 0);
  gint64 n_primes = 0;
  CfutFuture *settled;
  GError *problem = NULL;

  for (guint part = 1; (settled = cfut_map_next (map, -1, NULL, &problem)) != NULL; part++)
    {
      n_primes += cfut_future_result_int64 (settled, 0, &problem);
      g_object_unref (settled);
      if (problem != NULL)
        break;
      if (part % 4 == 0)
        g_print ("%s: %" G_GINT64_FORMAT " primes below %u\n", what, n_primes, part * N_OF_PART);
    }
  if (problem == NULL)
    return TRUE;

  g_propagate_error (error, problem);
  return FALSE;
}

int
main (void)
{
  g_autoptr (CfutFunctions) functions = NULL;
  g_autoptr (CfutExecutor) threads = NULL;
  g_autoptr (CfutExecutor) processes = NULL;
  g_autoptr (GVariant) parts = NULL;
  g_autoptr (GError) error = NULL;
  GVariantBuilder builder;

  if (cfut_worker_requested ())
    return run_worker ();

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(uu)"));
  for (guint part = 0; part < N_PARTS; part++)
    g_variant_builder_add (&builder, "(uu)", part * N_OF_PART, (part + 1) * N_OF_PART);
  parts = g_variant_ref_sink (g_variant_builder_end (&builder));

  functions = make_functions ();
  threads = cfut_thread_executor_new (2);
  cfut_executor_set_functions (threads, functions);
  processes = cfut_process_executor_new_self (2);
  if (!count_with ("threads", threads, parts, &error) || !count_with ("processes", processes, parts, &error))
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
