/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Very many futures at once: what they take up, and what it costs to be rid of them. */

#include "bench-cfut.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

/* An executor whose only worker is kept, and futures that lie behind what keeps it. */
typedef struct {
  CfutExecutor *executor;
  CfutFuture *keeper;
  BenchLatch kept;
  BenchLatch gate;
  CfutFuture **futures;
  guint64 n;
} Backlog;

static gboolean
keep (CfutTask  *task,
      gpointer   user_data,
      GError   **error)
{
  Backlog *self = user_data;

  bench_latch_down (&self->kept);
  bench_latch_wait (&self->gate);
  return TRUE;
}

static void
backlog_init (Backlog *self,
              guint64  n)
{
  self->executor = cfut_thread_executor_new (1);
  self->n = n;
  self->futures = g_new0 (CfutFuture *, n);
  bench_latch_init (&self->kept, 1);
  bench_latch_init (&self->gate, 1);
  self->keeper = cfut_executor_submit (self->executor, keep, self, NULL);
  bench_latch_wait (&self->kept);
}

static void
backlog_fill (Backlog *self)
{
  for (guint64 i = 0; i < self->n; i++)
    self->futures[i] = cfut_executor_submit (self->executor, bench_nothing, NULL, NULL);
}

static void
backlog_drop (Backlog *self)
{
  for (guint64 i = 0; i < self->n; i++)
    g_clear_object (&self->futures[i]);
}

static void
backlog_clear (Backlog *self)
{
  g_object_unref (self->keeper);
  bench_latch_clear (&self->kept);
  bench_latch_clear (&self->gate);
  g_free (self->futures);
}

static double
resident_bytes (void)
{
  unsigned long pages = 0;
  FILE *file = fopen ("/proc/self/statm", "r");

  if (file == NULL || fscanf (file, "%*u %lu", &pages) != 1)
    g_printerr ("/proc/self/statm says nothing\n");
  g_clear_pointer (&file, fclose);
  return (double) pages * sysconf (_SC_PAGESIZE);
}

/* What each of many pending futures adds to the process, all in. */
void
bench_pending_bytes (const BenchOptions *options)
{
  Backlog backlog;
  double before;

  backlog_init (&backlog, options->n);
  /* The array of pointers is not part of it. */
  for (guint64 i = 0; i < options->n; i++)
    ((CfutFuture * volatile *) backlog.futures)[i] = backlog.keeper;
  malloc_trim (0);
  before = resident_bytes ();
  backlog_fill (&backlog);
  malloc_trim (0);
  bench_report ("bytes", (resident_bytes () - before) / options->n, NULL);

  bench_latch_down (&backlog.gate);
  bench_end (backlog.executor);
  backlog_drop (&backlog);
  backlog_clear (&backlog);
}

/* Until all are cancelled, and until all are gone too: the worker is let go, throws them out, and
 * the executor ends. */
void
bench_cancel (const BenchOptions *options)
{
  Backlog backlog;
  BenchTime start;
  BenchTime cancelled;
  BenchTime dropped;

  backlog_init (&backlog, options->n);
  backlog_fill (&backlog);
  start = bench_now ();
  for (guint64 i = 0; i < options->n; i++)
    cfut_future_cancel (backlog.futures[i]);
  cancelled = bench_each (start, options->n);
  backlog_drop (&backlog);
  bench_latch_down (&backlog.gate);
  bench_end (backlog.executor);
  dropped = bench_each (start, options->n);

  bench_report ("ns", cancelled.wall, "cpu_ns", cancelled.cpu, "drop_ns", dropped.wall,
                "drop_cpu_ns", dropped.cpu, NULL);
  backlog_clear (&backlog);
}

/* The same by a shutdown that cancels what is queued. */
void
bench_shut_down (const BenchOptions *options)
{
  Backlog backlog;
  BenchTime start;
  BenchTime stopped;
  BenchTime dropped;

  backlog_init (&backlog, options->n);
  backlog_fill (&backlog);
  start = bench_now ();
  cfut_executor_shutdown (backlog.executor, CFUT_SHUTDOWN_CANCEL_PENDING, -1, NULL);
  stopped = bench_each (start, options->n);
  backlog_drop (&backlog);
  bench_latch_down (&backlog.gate);
  bench_end (backlog.executor);
  dropped = bench_each (start, options->n);

  bench_report ("ns", stopped.wall, "cpu_ns", stopped.cpu, "drop_ns", dropped.wall,
                "drop_cpu_ns", dropped.cpu, NULL);
  backlog_clear (&backlog);
}

/* Moves each of them to another priority while it is queued. */
void
bench_set_priority (const BenchOptions *options)
{
  Backlog backlog;
  BenchTime start;

  backlog_init (&backlog, options->n);
  backlog_fill (&backlog);
  start = bench_now ();
  for (guint64 i = 0; i < options->n; i++)
    cfut_future_set_priority (backlog.futures[i], (int) (i % 5) - 2);
  bench_report_each (bench_each (start, options->n));

  bench_latch_down (&backlog.gate);
  bench_end (backlog.executor);
  backlog_drop (&backlog);
  backlog_clear (&backlog);
}

static void
group_round (CfutExecutor *executor,
             guint64       n)
{
  CfutGroup *group = cfut_group_new ();
  CfutFuture *future;

  for (guint64 i = 0; i < n; i++)
    {
      future = cfut_executor_submit (executor, bench_nothing, NULL, NULL);
      cfut_group_add (group, future);
      g_object_unref (future);
    }
  while ((future = cfut_group_next (group, -1, NULL, NULL)) != NULL)
    g_object_unref (future);
  g_object_unref (group);
}

/* A window is the group's size here; groups of it until n futures have gone through. */
void
bench_group_next (const BenchOptions *options)
{
  CfutExecutor *executor = cfut_thread_executor_new (options->workers);
  guint64 done = 0;
  BenchTime start;

  group_round (executor, MIN (options->window, 10000));
  start = bench_now ();
  while (done < options->n)
    {
      guint64 n = MIN (options->window, options->n - done);

      group_round (executor, n);
      done += n;
    }
  bench_end (executor);
  bench_report_each (bench_each (start, options->n));
}
