/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Programs that are run: the cost of each. */

#include "bench-cfut.h"

#include <sys/resource.h>

/* Of all programs that have ended, in nanoseconds. */
static double
children_cpu (void)
{
  struct rusage usage;

  getrusage (RUSAGE_CHILDREN, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

static void
run_commands (const BenchOptions *options,
              CfutExecutor       *executor,
              guint64             n)
{
  const char *argv[] = { "/bin/true", NULL };
  g_autofree CfutFuture **futures = g_new (CfutFuture *, n);

  for (guint64 i = 0; i < n; i++)
    futures[i] = cfut_process_executor_run (CFUT_PROCESS_EXECUTOR (executor), NULL, NULL, argv, NULL);
  for (guint64 i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;

      if (cfut_future_result (futures[i], -1, &error) == NULL)
        g_error ("%s", error->message);
      g_object_unref (futures[i]);
    }
}

/* /bin/true, both outputs captured. */
void
bench_commands (const BenchOptions *options)
{
  CfutExecutor *executor = cfut_process_executor_new (NULL, options->workers);
  BenchTime start, each;
  double cpu;

  run_commands (options, executor, MAX (options->n / 10, 1));
  bench_deliver ();
  cpu = children_cpu ();
  start = bench_now ();
  run_commands (options, executor, options->n);
  each = bench_each (start, options->n);
  each.cpu += (children_cpu () - cpu) / options->n;
  bench_report_each (each);
  bench_end (executor);
}
