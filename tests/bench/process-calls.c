/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Calls of functions in worker processes. */

#include "bench-process.h"

#include <string.h>
#include <sys/resource.h>

#include <unistd.h>

static CfutExecutor *
executor_new (guint workers)
{
  CfutExecutor *executor = cfut_process_executor_new_self (workers);

  g_assert (executor != NULL);
  return executor;
}

static void
executor_end (CfutExecutor *executor)
{
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  g_object_unref (executor);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
must_succeed (CfutFuture *future)
{
  GError *error = NULL;

  cfut_future_result (future, -1, &error);
  if (error != NULL)
    g_error ("%s", error->message);
}

/* Of workers that have ended, in nanoseconds. */
static double
workers_cpu (void)
{
  struct rusage usage;

  getrusage (RUSAGE_CHILDREN, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

/* A number there and the same back, or nothing at all. */
static void
call_many (CfutExecutor       *executor,
           const BenchOptions *options,
           const char         *function,
           guint64             n)
{
  g_autofree CfutFuture **futures = g_new (CfutFuture *, options->window);

  for (guint64 done = 0; done < n;)
    {
      guint64 now = MIN (options->window, n - done);

      for (guint64 i = 0; i < now; i++)
        futures[i] = cfut_executor_call (executor, NULL, function,
                                         function[0] == 'e' ? g_variant_new_int64 (i) : NULL);
      for (guint64 i = 0; i < now; i++)
        {
          if (function[0] == 'e')
            g_assert (g_variant_get_int64 (cfut_future_result_variant (futures[i], -1, NULL)) ==
                      (gint64) i);
          else
            must_succeed (futures[i]);
          g_object_unref (futures[i]);
        }
      done += now;
    }
}

/* "cpu_ns" is this process's, "workers_cpu_ns" that of its workers, of their start and end too. */
static void
calls (const BenchOptions *options,
       const char         *function)
{
  CfutExecutor *executor = executor_new (options->workers);
  double workers_before = workers_cpu ();
  BenchTime start, each;

  call_many (executor, options, function, MAX (options->n / 10, options->workers * 100));
  start = bench_now ();
  call_many (executor, options, function, options->n);
  each = bench_each (start, options->n);
  executor_end (executor);

  bench_report ("ns", each.wall, "cpu_ns", each.cpu,
                "workers_cpu_ns", (workers_cpu () - workers_before) / options->n, NULL);
}

void
bench_calls (const BenchOptions *options)
{
  calls (options, "echo");
}

void
bench_calls_of_nothing (const BenchOptions *options)
{
  calls (options, "nothing");
}

/* A millisecond of work for each. */
void
bench_burn_calls (const BenchOptions *options)
{
  CfutExecutor *executor = executor_new (options->workers);
  g_autofree CfutFuture **futures = g_new (CfutFuture *, options->n);
  BenchTime start;

  call_many (executor, options, "nothing", options->workers * 100);
  start = bench_now ();
  for (guint64 i = 0; i < options->n; i++)
    futures[i] = cfut_executor_call (executor, NULL, "burn", g_variant_new_int64 (1000000));
  for (guint64 i = 0; i < options->n; i++)
    {
      must_succeed (futures[i]);
      g_object_unref (futures[i]);
    }
  bench_report_each (bench_each (start, options->n));
  executor_end (executor);
}

/* One at a time, all on one processor. */
void
bench_call_round_trip (const BenchOptions *options)
{
  g_autofree double *tries = g_new (double, options->n);
  CfutExecutor *executor;

  bench_pin ();
  executor = executor_new (1);
  for (guint64 i = 0; i < options->n + MAX (options->n / 10, 1); i++)
    {
      double start = bench_wall ();
      CfutFuture *future = cfut_executor_call (executor, NULL, "echo", g_variant_new_int64 (i));

      must_succeed (future);
      tries[i % options->n] = bench_wall () - start;
      g_object_unref (future);
    }

  bench_report ("ns", bench_percentile (tries, options->n, 50),
                "p99_ns", bench_percentile (tries, options->n, 99), NULL);
  executor_end (executor);
}

static void
send_bytes (CfutExecutor *executor,
            const char   *function,
            GBytes       *bytes)
{
  GVariant *args = g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
  g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, function, args);
  GVariant *value = cfut_future_result_variant (future, -1, NULL);

  g_assert (g_variant_get_size (value) == BENCH_N_BYTES);
}

static GBytes *
make_bytes (void)
{
  char *data = g_malloc (BENCH_N_BYTES);

  memset (data, 'x', BENCH_N_BYTES);
  return g_bytes_new_take (data, BENCH_N_BYTES);
}

/* 64 MiB there and back, by a worker that is there and has seen none. */
static void
bytes_first (const BenchOptions *options,
             const char         *function)
{
  g_autofree double *tries = g_new (double, options->n);
  g_autoptr (GBytes) bytes = make_bytes ();

  for (guint64 i = 0; i < options->n; i++)
    {
      CfutExecutor *executor = executor_new (1);
      double start;

      call_many (executor, options, "nothing", 10);
      start = bench_wall ();
      send_bytes (executor, function, bytes);
      tries[i] = bench_wall () - start;
      executor_end (executor);
    }
  bench_report ("ns", bench_percentile (tries, options->n, 50), NULL);
}

/* What comes back is what came. */
void
bench_bytes_first (const BenchOptions *options)
{
  bytes_first (options, "echo");
}

/* What comes back is as large, and new. */
void
bench_bytes_made (const BenchOptions *options)
{
  bytes_first (options, "change");
}

/* The same again and again. */
void
bench_bytes_again (const BenchOptions *options)
{
  g_autofree double *tries = g_new (double, options->n);
  g_autoptr (GBytes) bytes = make_bytes ();
  CfutExecutor *executor = executor_new (1);

  for (guint64 i = 0; i < options->n + 3; i++)
    {
      double start = bench_wall ();

      send_bytes (executor, "echo", bytes);
      tries[i % options->n] = bench_wall () - start;
    }
  bench_report ("ns", bench_percentile (tries, options->n, 50), NULL);
  executor_end (executor);
}

/* From a new executor to the result of its first call. */
void
bench_cold (const BenchOptions *options)
{
  g_autofree double *tries = g_new (double, options->n);

  for (guint64 i = 0; i < options->n; i++)
    {
      double start = bench_wall ();
      CfutExecutor *executor = executor_new (1);
      CfutFuture *future = cfut_executor_call (executor, NULL, "nothing", NULL);

      must_succeed (future);
      tries[i] = bench_wall () - start;
      g_object_unref (future);
      executor_end (executor);
    }
  bench_report ("ns", bench_percentile (tries, options->n, 50), NULL);
}

/* A worker asks a dict of this process's. */
void
bench_dict (const BenchOptions *options)
{
  CfutExecutor *executor = executor_new (1);
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  g_autoptr (CfutFuture) future = NULL;

  cfut_shared_dict_set (dict, "key", g_variant_new_int64 (1), NULL);
  cfut_process_executor_share (CFUT_PROCESS_EXECUTOR (executor), "dict", dict);
  future = cfut_executor_call (executor, NULL, "look-up", g_variant_new_int64 (options->n));
  must_succeed (future);
  bench_report ("ns", g_variant_get_double (cfut_future_result_variant (future, -1, NULL)), NULL);
  executor_end (executor);
}

static double
resident_bytes (void)
{
  g_autofree char *text = NULL;

  g_file_get_contents ("/proc/self/statm", &text, NULL, NULL);
  return g_ascii_strtoull (strchr (text, ' '), NULL, 10) * sysconf (_SC_PAGESIZE);
}

/* What a call takes that waits for a worker, all in. */
void
bench_pending_calls (const BenchOptions *options)
{
  CfutExecutor *executor = executor_new (1);
  g_autofree CfutFuture **futures = g_new0 (CfutFuture *, options->n);
  double before;

  call_many (executor, options, "nothing", 100);
  cfut_executor_pause (executor);
  before = resident_bytes ();
  for (guint64 i = 0; i < options->n; i++)
    futures[i] = cfut_executor_call (executor, NULL, "nothing", NULL);
  bench_report ("bytes", (resident_bytes () - before) / options->n, NULL);

  for (guint64 i = 0; i < options->n; i++)
    cfut_future_cancel (futures[i]);
  for (guint64 i = 0; i < options->n; i++)
    g_object_unref (futures[i]);
  cfut_executor_resume (executor);
  executor_end (executor);
}

/* How often the threads of a process have gone to sleep. */
static double
count_sleeps (int pid)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%d/task", pid);
  g_autoptr (GDir) threads = g_dir_open (folder, 0, NULL);
  const char *thread;
  double n = 0;

  while ((thread = g_dir_read_name (threads)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, thread, "status", NULL);
      g_autofree char *text = NULL;

      if (g_file_get_contents (path, &text, NULL, NULL))
        n += g_ascii_strtoull (strstr (text, "\nvoluntary_ctxt_switches:") + 26, NULL, 10);
    }
  return n;
}

/* Warm workers with nothing to do, from a second after their last call, with the heartbeat off: how often
 * anybody wakes up, here or there, in so many seconds. */
void
bench_idle_workers (const BenchOptions *options)
{
  CfutExecutor *executor = executor_new (options->workers);
  g_autofree CfutFuture **futures = g_new (CfutFuture *, options->workers);
  g_autofree int *pids = g_new (int, options->workers);
  double n = 0;

  /* One that was armed while they worked fires once more. */
  cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), 0);
  call_many (executor, options, "nothing", 1000);
  for (guint i = 0; i < options->workers; i++)
    futures[i] = cfut_executor_call (executor, NULL, "burn", g_variant_new_int64 (20000000));
  for (guint i = 0; i < options->workers; i++)
    {
      must_succeed (futures[i]);
      pids[i] = cfut_future_get_worker_pid (futures[i]);
      g_object_unref (futures[i]);
    }

  g_usleep (G_USEC_PER_SEC);
  /* This thread's own. */
  n = -count_sleeps (getpid ()) - 1;
  for (guint i = 0; i < options->workers; i++)
    n -= count_sleeps (pids[i]);
  g_usleep (options->n * G_USEC_PER_SEC);
  n += count_sleeps (getpid ());
  for (guint i = 0; i < options->workers; i++)
    n += count_sleeps (pids[i]);
  bench_report ("times", n, NULL);
  executor_end (executor);
}
