/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* One task at a time: how long until its result is there, or until it starts. */

#include "bench-cfut.h"

#include <string.h>
#include <unistd.h>

/* What lies between two tries, for the threads to fall asleep. */
#define PAUSE_USEC 2000

static void
round_trips (const BenchOptions *options,
             gulong              pause_usec)
{
  CfutExecutor *executor = cfut_thread_executor_new (options->workers);
  g_autofree double *tries = g_new (double, options->n);

  for (guint64 i = 0; i < options->n + MAX (options->n / 10, 1); i++)
    {
      CfutFuture *future;
      double start;

      if (pause_usec > 0)
        g_usleep (pause_usec);
      start = bench_wall ();
      future = cfut_executor_submit (executor, bench_nothing, NULL, NULL);
      cfut_future_wait (future, -1, NULL, NULL);
      tries[i % options->n] = bench_wall () - start;
      g_object_unref (future);
    }

  bench_report ("ns", bench_percentile (tries, options->n, 50),
                "p99_ns", bench_percentile (tries, options->n, 99), NULL);
  bench_end (executor);
}

/* Submit, wait, and at once again. */
void
bench_round_trip (const BenchOptions *options)
{
  round_trips (options, 0);
}

void
bench_after_pause (const BenchOptions *options)
{
  round_trips (options, PAUSE_USEC);
}

typedef struct {
  double submitted;
  double waited;
} Short;

static gboolean
long_task (CfutTask  *task,
           gpointer   started,
           GError   **error)
{
  bench_latch_down (started);
  bench_burn (5e8);
  return TRUE;
}

static gboolean
short_task (CfutTask  *task,
            gpointer   user_data,
            GError   **error)
{
  Short *self = user_data;

  self->waited = bench_wall () - self->submitted;
  return TRUE;
}

static gboolean
meet (CfutTask  *task,
      gpointer   latch,
      GError   **error)
{
  bench_latch_down (latch);
  bench_latch_wait (latch);
  return TRUE;
}

/* So that what is measured does not begin with threads being made. */
static void
start_workers (CfutExecutor *executor,
               guint         n)
{
  g_autofree CfutFuture **futures = g_new (CfutFuture *, n);
  BenchLatch latch;

  bench_latch_init (&latch, n);
  for (guint i = 0; i < n; i++)
    futures[i] = cfut_executor_submit (executor, meet, &latch, NULL);
  for (guint i = 0; i < n; i++)
    {
      cfut_future_wait (futures[i], -1, NULL, NULL);
      g_object_unref (futures[i]);
    }
  bench_latch_clear (&latch);
}

/* Two workers, and in the middle of many short tasks a long one: the longest that a short one lies in the queue.
 * Half of them come in one go, some of which the worker that gets the long one may have taken
 * along; the rest by and by. */
void
bench_long_among_short (const BenchOptions *options)
{
  CfutExecutor *executor = cfut_thread_executor_new (2);
  g_autofree Short *shorts = g_new0 (Short, options->n);
  g_autoptr(GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  double longest = 0;
  BenchLatch started;

  bench_latch_init (&started, 1);
  start_workers (executor, 2);
  for (guint64 i = 0; i < options->n; i++)
    {
      if (i == options->n / 2)
        g_ptr_array_add (futures, cfut_executor_submit (executor, long_task, &started, NULL));
      if (i > 3 * options->n / 4 && i % 10 == 0)
        g_usleep (PAUSE_USEC);
      shorts[i].submitted = bench_wall ();
      g_ptr_array_add (futures, cfut_executor_submit (executor, short_task, &shorts[i], NULL));
    }
  bench_latch_wait (&started);
  for (guint i = 0; i < futures->len; i++)
    cfut_future_wait (g_ptr_array_index (futures, i), -1, NULL, NULL);
  for (guint64 i = 0; i < options->n; i++)
    longest = MAX (longest, shorts[i].waited);

  bench_report ("ns", longest, NULL);
  bench_latch_clear (&started);
  g_ptr_array_set_size (futures, 0);
  bench_end (executor);
}

/* What has a deadline, and when it was told. */
typedef struct {
  double at;
  double told;
  BenchLatch *latch;
} Deadline;

static void
report_lateness (const Deadline *deadlines,
                 guint64         n)
{
  g_autofree double *late = g_new (double, n);

  for (guint64 i = 0; i < n; i++)
    late[i] = deadlines[i].told - deadlines[i].at;
  bench_report ("ns", bench_percentile (late, n, 50), "max_ns", bench_percentile (late, n, 100), NULL);
}

static void
on_rejected (CfutFuture *future,
             gpointer    user_data)
{
  Deadline *self = user_data;

  self->told = bench_wall ();
  bench_latch_down (self->latch);
}

static gboolean
wait_for_latch (CfutTask  *task,
                gpointer   latch,
                GError   **error)
{
  bench_latch_wait (latch);
  return TRUE;
}

/* Behind a task that keeps the only worker, futures that may wait for 10 ms, 10.3 ms, and so on: how late
 * they are rejected. */
void
bench_queue_lateness (const BenchOptions *options)
{
  CfutExecutor *executor = cfut_thread_executor_new (1);
  g_autofree Deadline *deadlines = g_new0 (Deadline, options->n);
  g_autoptr(CfutRequest) request = cfut_request_new ();
  CfutFuture *keeper;
  BenchLatch latch;

  bench_latch_init (&latch, options->n);
  keeper = cfut_executor_submit (executor, wait_for_latch, &latch, NULL);
  for (guint64 i = 0; i < options->n; i++)
    {
      gint64 usec = 10000 + 300 * i;
      CfutFuture *future;

      deadlines[i].latch = &latch;
      cfut_request_set_queue_deadline_usec (request, usec);
      deadlines[i].at = bench_wall () + usec * 1000;
      future = cfut_executor_submit_full (executor, request, bench_nothing, NULL, NULL);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, on_rejected, &deadlines[i], NULL);
      g_object_unref (future);
    }
  bench_latch_wait (&latch);
  report_lateness (deadlines, options->n);

  g_object_unref (keeper);
  bench_end (executor);
  bench_latch_clear (&latch);
}

static gboolean
sleep_until_told (CfutTask  *task,
                  gpointer   user_data,
                  GError   **error)
{
  Deadline *self = user_data;

  self->at += bench_wall ();
  bench_latch_wait (self->latch);
  return TRUE;
}

/* Tasks that may run for 5 ms, one after the other, and sleep: how late they are told to stop. */
void
bench_run_lateness (const BenchOptions *options)
{
  CfutExecutor *executor = cfut_thread_executor_new (options->workers);
  g_autofree Deadline *deadlines = g_new0 (Deadline, options->n);
  g_autoptr(CfutRequest) request = cfut_request_new ();

  cfut_request_set_run_deadline_usec (request, 5000);
  for (guint64 i = 0; i < options->n; i++)
    {
      BenchLatch latch;
      CfutFuture *future;

      bench_latch_init (&latch, 1);
      deadlines[i].latch = &latch;
      deadlines[i].at = 5e6;
      future = cfut_executor_submit_full (executor, request, sleep_until_told, &deadlines[i], NULL);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, on_rejected, &deadlines[i], NULL);
      bench_latch_wait (&latch);
      g_object_unref (future);
      /* For the function to leave the latch. */
      while (cfut_executor_get_n_running (executor) > 0)
        g_usleep (100);
      bench_latch_clear (&latch);
    }
  report_lateness (deadlines, options->n);
  bench_end (executor);
}

/* How often the threads of this process but this one have gone to sleep; -1: it could not be read. */
static gint64
sleeps_of_others (void)
{
  g_autoptr(GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  gint64 sum = 0;
  const char *name;

  while (tasks != NULL && (name = g_dir_read_name (tasks)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/status", name);
      g_autofree char *text = NULL;
      const char *found;

      if (g_ascii_strtoll (name, NULL, 10) == getpid ())
        continue;
      if (!g_file_get_contents (path, &text, NULL, NULL) ||
          (found = strstr (text, "\nvoluntary_ctxt_switches:")) == NULL)
        return -1;
      sum += g_ascii_strtoll (strchr (found, ':') + 1, NULL, 10);
    }

  return tasks != NULL ? sum : -1;
}

/* An executor that has had work: from one second after, for n seconds, how often its threads wake up. */
void
bench_idle (const BenchOptions *options)
{
  CfutExecutor *executor = cfut_thread_executor_new (options->workers);
  gint64 before;
  gint64 after;

  for (guint i = 0; i < 1000; i++)
    g_object_unref (cfut_executor_submit (executor, bench_nothing, NULL, NULL));
  while (cfut_executor_get_n_completed (executor) < 1000)
    g_usleep (1000);

  g_usleep (G_USEC_PER_SEC);
  before = sleeps_of_others ();
  g_usleep (options->n * G_USEC_PER_SEC);
  after = sleeps_of_others ();
  if (before >= 0 && after >= 0)
    bench_report ("times", (double) (after - before), NULL);
  bench_end (executor);
}
