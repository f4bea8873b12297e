/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A range of indexes, each with next to nothing to do. */

#include "bench-cfut.h"

/* About a microsecond on the processors of today; what matters is that it is the same with one thread. */
#define STEPS_OF_AN_INDEX 500

static volatile guint64 sink;

static void
do_index (guint64 index)
{
  guint64 value = index;

  for (guint i = 0; i < STEPS_OF_AN_INDEX; i++)
    value = value * 6364136223846793005u + 1442695040888963407u;
  if (value == 0)
    sink = value;
}

static gboolean
do_nothing (CfutTask  *task,
            guint64    begin,
            guint64    end,
            gpointer   user_data,
            GError   **error)
{
  /* Nothing, for each index. */
  for (guint64 index = begin; index < end; index++)
    __asm__ volatile ("" : : "r" (index));
  return TRUE;
}

static gboolean
do_part (CfutTask  *task,
         guint64    begin,
         guint64    end,
         gpointer   user_data,
         GError   **error)
{
  for (guint64 index = begin; index < end; index++)
    do_index (index);
  return TRUE;
}

static void
range_round (CfutExecutor  *executor,
             guint64        n,
             CfutRangeFunc  func)
{
  CfutFuture *future = cfut_executor_map_range (executor, NULL, 0, n, 0, func, NULL, NULL);

  cfut_future_wait (future, -1, NULL, NULL);
  g_object_unref (future);
}

static void
bench_range (const BenchOptions *options,
             CfutRangeFunc       func)
{
  CfutExecutor *executor = cfut_thread_executor_new (options->workers);
  BenchTime start;

  range_round (executor, MAX (options->n / 10, 1), func);
  start = bench_now ();
  range_round (executor, options->n, func);
  bench_report_each (bench_each (start, options->n));
  bench_end (executor);
}

void
bench_range_empty (const BenchOptions *options)
{
  bench_range (options, do_nothing);
}

void
bench_range_work (const BenchOptions *options)
{
  bench_range (options, do_part);
}

/* The same in a loop. */
void
bench_loop (const BenchOptions *options)
{
  BenchTime start;

  for (guint64 index = 0; index < options->n / 10; index++)
    do_index (index);
  start = bench_now ();
  for (guint64 index = 0; index < options->n; index++)
    do_index (index);
  bench_report_each (bench_each (start, options->n));
}
