/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The same work with what GLib has: bench-glib [--n=N] [--workers=N] BENCHMARK... */

#include <gio/gio.h>
#include <time.h>

#include "bench.h"

#define PAUSE_USEC 2000

static BenchLatch latch;

static void
object_round (guint64 n)
{
  for (guint64 i = 0; i < n; i++)
    g_object_unref (g_object_new (G_TYPE_OBJECT, NULL));
}

/* A plain object, made and dropped. */
static void
bench_object (const BenchOptions *options)
{
  BenchTime start;

  object_round (MAX (options->n / 10, 1));
  start = bench_now ();
  object_round (options->n);
  bench_report_each (bench_each (start, options->n));
}

/* Very many plain objects, dropped: the least that it takes to be rid of as many futures. */
static void
bench_drop_objects (const BenchOptions *options)
{
  g_autofree GObject **objects = g_new (GObject *, options->n);
  BenchTime start;
  BenchTime each;

  for (guint64 i = 0; i < options->n; i++)
    objects[i] = g_object_new (G_TYPE_OBJECT, NULL);
  start = bench_now ();
  for (guint64 i = 0; i < options->n; i++)
    g_object_unref (objects[i]);
  each = bench_each (start, options->n);
  bench_report ("ns", each.wall, "cpu_ns", each.cpu, "drop_ns", each.wall, NULL);
}

static void
pool_nothing (gpointer data,
              gpointer user_data)
{
  bench_latch_down (&latch);
}

/* A window is pushed, then all of it waited for. */
static void
pool_round (GThreadPool *pool,
            guint64      n,
            guint        window)
{
  for (guint64 done = 0; done < n;)
    {
      guint now = MIN (window, n - done);

      bench_latch_add (&latch, now);
      for (guint i = 0; i < now; i++)
        g_thread_pool_push (pool, GUINT_TO_POINTER (1), NULL);
      bench_latch_wait (&latch);
      done += now;
    }
}

static void
bench_pool (const BenchOptions *options)
{
  GThreadPool *pool = g_thread_pool_new (pool_nothing, NULL, options->workers, TRUE, NULL);
  BenchTime start;

  bench_latch_init (&latch, 0);
  pool_round (pool, options->n, options->window);
  start = bench_now ();
  pool_round (pool, options->n, options->window);
  bench_report_each (bench_each (start, options->n));
  g_thread_pool_free (pool, FALSE, TRUE);
  bench_latch_clear (&latch);
}

static GThreadPool *tree_pool;
static guint64 tree_n;

static void
tree_node (gpointer data,
           gpointer user_data)
{
  guint64 i = GPOINTER_TO_SIZE (data);

  for (guint64 child = 2 * i; child <= MIN (2 * i + 1, tree_n); child++)
    g_thread_pool_push (tree_pool, GSIZE_TO_POINTER (child), NULL);
  bench_latch_down (&latch);
}

static void
bench_tree (const BenchOptions *options)
{
  BenchTime start;

  tree_pool = g_thread_pool_new (tree_node, NULL, options->workers, TRUE, NULL);
  bench_latch_init (&latch, 0);
  for (guint round = 0; round < 2; round++)
    {
      tree_n = round == 0 ? MAX (options->n / 10, 1) : options->n;
      bench_latch_add (&latch, tree_n);
      start = bench_now ();
      g_thread_pool_push (tree_pool, GSIZE_TO_POINTER (1), NULL);
      bench_latch_wait (&latch);
    }
  bench_report_each (bench_each (start, options->n));
  g_thread_pool_free (tree_pool, FALSE, TRUE);
  bench_latch_clear (&latch);
}

static guint64 n_called;

static void
task_nothing (GTask        *task,
              gpointer      source_object,
              gpointer      task_data,
              GCancellable *cancellable)
{
  g_task_return_boolean (task, TRUE);
}

static void
on_task (GObject      *source_object,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
  n_called++;
}

static void
task_round (guint64 n)
{
  n_called = 0;
  for (guint64 i = 0; i < n; i++)
    {
      GTask *task = g_task_new (NULL, NULL, on_task, NULL);

      g_task_run_in_thread (task, task_nothing);
      g_object_unref (task);
    }
  while (n_called < n)
    g_main_context_iteration (NULL, TRUE);
}

/* In threads of GLib's own choice, ten and more; called back on the main context. */
static void
bench_task (const BenchOptions *options)
{
  BenchTime start;

  task_round (MAX (options->n / 10, 1));
  start = bench_now ();
  task_round (options->n);
  bench_report_each (bench_each (start, options->n));
}

typedef struct {
  GMutex lock;
  GCond cond;
  gboolean done;
} Slot;

static void
pool_hand_back (gpointer data,
                gpointer user_data)
{
  Slot *slot = data;

  g_mutex_lock (&slot->lock);
  slot->done = TRUE;
  g_cond_signal (&slot->cond);
  g_mutex_unlock (&slot->lock);
}

static void
round_trips (const BenchOptions *options,
             gulong              pause_usec)
{
  GThreadPool *pool = g_thread_pool_new (pool_hand_back, NULL, options->workers, TRUE, NULL);
  g_autofree double *tries = g_new (double, options->n);
  Slot slot;

  g_mutex_init (&slot.lock);
  g_cond_init (&slot.cond);
  for (guint64 i = 0; i < options->n + MAX (options->n / 10, 1); i++)
    {
      double start;

      if (pause_usec > 0)
        g_usleep (pause_usec);
      start = bench_wall ();
      slot.done = FALSE;
      g_thread_pool_push (pool, &slot, NULL);
      g_mutex_lock (&slot.lock);
      while (!slot.done)
        g_cond_wait (&slot.cond, &slot.lock);
      g_mutex_unlock (&slot.lock);
      tries[i % options->n] = bench_wall () - start;
    }

  bench_report ("ns", bench_percentile (tries, options->n, 50),
                "p99_ns", bench_percentile (tries, options->n, 99), NULL);
  g_thread_pool_free (pool, FALSE, TRUE);
  g_mutex_clear (&slot.lock);
  g_cond_clear (&slot.cond);
}

static void
bench_round_trip (const BenchOptions *options)
{
  round_trips (options, 0);
}

static void
bench_after_pause (const BenchOptions *options)
{
  round_trips (options, PAUSE_USEC);
}

/* How long it lay in the queue; the long one has no time of submission. */
typedef struct {
  double submitted;
  double waited;
} Short;

static void
long_or_short (gpointer data,
               gpointer user_data)
{
  Short *self = data;

  if (self->submitted > 0)
    self->waited = bench_wall () - self->submitted;
  else
    bench_burn (5e8);
  bench_latch_down (&latch);
}

/* A long one in the middle of short ones, as bench-cfut has it, with threads that are there before. */
static void
bench_long_among_short (const BenchOptions *options)
{
  GThreadPool *pool = g_thread_pool_new (long_or_short, NULL, 2, TRUE, NULL);
  g_autofree Short *shorts = g_new0 (Short, options->n);
  Short long_one = { 0 };
  double longest = 0;

  bench_latch_init (&latch, options->n + 1);
  g_usleep (10 * PAUSE_USEC);
  for (guint64 i = 0; i < options->n; i++)
    {
      if (i == options->n / 2)
        g_thread_pool_push (pool, &long_one, NULL);
      if (i > 3 * options->n / 4 && i % 10 == 0)
        g_usleep (PAUSE_USEC);
      shorts[i].submitted = bench_wall ();
      g_thread_pool_push (pool, &shorts[i], NULL);
    }
  bench_latch_wait (&latch);
  for (guint64 i = 0; i < options->n; i++)
    longest = MAX (longest, shorts[i].waited);

  bench_report ("ns", longest, NULL);
  g_thread_pool_free (pool, FALSE, TRUE);
  bench_latch_clear (&latch);
}

/* A thread that does nothing but sleep for 5 ms again and again: how late the system wakes it. */
static void
bench_sleep_lateness (const BenchOptions *options)
{
  g_autofree double *late = g_new (double, options->n);

  for (guint64 i = 0; i < options->n; i++)
    {
      gint64 at = (gint64) bench_wall () + 5000000;
      struct timespec until = { at / 1000000000, at % 1000000000 };

      clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
      late[i] = bench_wall () - at;
    }
  bench_report ("ns", bench_percentile (late, options->n, 50),
                "max_ns", bench_percentile (late, options->n, 100), NULL);
}

static const BenchCase cases[] = {
  { "object", bench_object, 1000000 },
  { "drop-objects", bench_drop_objects, 1000000 },
  { "pool", bench_pool, 300000 },
  { "pool-tree", bench_tree, 1000000 },
  { "task", bench_task, 100000 },
  { "round-trip", bench_round_trip, 20000 },
  { "after-pause", bench_after_pause, 500 },
  { "long-among-short", bench_long_among_short, 400 },
  { "sleep-lateness", bench_sleep_lateness, 40 },
};

int
main (int    argc,
      char **argv)
{
  return bench_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
