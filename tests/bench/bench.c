/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What all benchmarks in C share: the command line, the clocks, and one line of JSON for each result.
 *
 * A program does one thing once, each time with a pool of its own; with --serve once more for each line
 * that it reads. So the driver (bench-report.py) keeps ours and its peers ready, each in a process of its
 * own, and has them measure something short in turn. */

#include "bench.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *current_case;

static double
read_clock (clockid_t clock)
{
  struct timespec time;

  clock_gettime (clock, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

BenchTime
bench_now (void)
{
  return (BenchTime) {
    .wall = read_clock (CLOCK_MONOTONIC),
    .cpu = read_clock (CLOCK_PROCESS_CPUTIME_ID),
  };
}

double
bench_wall (void)
{
  return read_clock (CLOCK_MONOTONIC);
}

BenchTime
bench_each (BenchTime start,
            guint64   n)
{
  BenchTime now = bench_now ();

  return (BenchTime) {
    .wall = (now.wall - start.wall) / n,
    .cpu = (now.cpu - start.cpu) / n,
  };
}

void
bench_report (const char *first_key,
              ...)
{
  const char *key = first_key;
  va_list arguments;

  printf ("{\"case\": \"%s\"", current_case);
  va_start (arguments, first_key);
  while (key != NULL)
    {
      double value = va_arg (arguments, double);

      if (isfinite (value))
        printf (", \"%s\": %.6g", key, value);
      key = va_arg (arguments, const char *);
    }
  va_end (arguments);
  printf ("}\n");
  fflush (stdout);
}

void
bench_report_each (BenchTime each)
{
  bench_report ("ns", each.wall, "cpu_ns", each.cpu, NULL);
}

static int
compare_doubles (const void *a,
                 const void *b)
{
  double left = *(const double *) a;
  double right = *(const double *) b;

  return (left > right) - (left < right);
}

double
bench_percentile (double  *values,
                  guint64  n_values,
                  double   percent)
{
  qsort (values, n_values, sizeof (double), compare_doubles);
  return values[MIN (n_values - 1, (guint64) (n_values * percent / 100))];
}

void
bench_burn (double ns)
{
  double until = bench_wall () + ns;

  while (bench_wall () < until)
    ;
}

void
bench_latch_init (BenchLatch *latch,
                  gint64      n)
{
  g_mutex_init (&latch->lock);
  g_cond_init (&latch->cond);
  __atomic_store_n (&latch->left, n, __ATOMIC_SEQ_CST);
}

void
bench_latch_clear (BenchLatch *latch)
{
  g_mutex_clear (&latch->lock);
  g_cond_clear (&latch->cond);
}

void
bench_latch_add (BenchLatch *latch,
                 gint64      n)
{
  __atomic_add_fetch (&latch->left, n, __ATOMIC_SEQ_CST);
}

/* One atomic operation for each, and the mutex for the last one only. */
void
bench_latch_down (BenchLatch *latch)
{
  if (__atomic_sub_fetch (&latch->left, 1, __ATOMIC_SEQ_CST) > 0)
    return;

  g_mutex_lock (&latch->lock);
  g_cond_broadcast (&latch->cond);
  g_mutex_unlock (&latch->lock);
}

void
bench_latch_wait (BenchLatch *latch)
{
  g_mutex_lock (&latch->lock);
  while (__atomic_load_n (&latch->left, __ATOMIC_SEQ_CST) > 0)
    g_cond_wait (&latch->cond, &latch->lock);
  g_mutex_unlock (&latch->lock);
}

static const BenchCase *
find_case (const BenchCase *cases,
           guint            n_cases,
           const char      *name)
{
  for (guint i = 0; i < n_cases; i++)
    {
      if (g_str_equal (cases[i].name, name))
        return &cases[i];
    }

  g_printerr ("No such benchmark: %s. There are:", name);
  for (guint i = 0; i < n_cases; i++)
    g_printerr (" %s", cases[i].name);
  g_printerr ("\n");
  exit (2);
}

static void
run_case (const BenchCase    *bench,
          const BenchOptions *options,
          gboolean            serve)
{
  char line[16];

  current_case = bench->name;
  do
    {
      if (serve && fgets (line, sizeof line, stdin) == NULL)
        break;
      bench->run (options);
    }
  while (serve);
}

int
bench_main (int               argc,
            char            **argv,
            const BenchCase  *cases,
            guint             n_cases)
{
  gint64 n = 0;
  int workers = MIN (32, g_get_num_processors () + 4);
  int window = 1000;
  int threads = 1;
  gboolean serve = FALSE;
  GOptionEntry entries[] = {
    { "n", 'n', 0, G_OPTION_ARG_INT64, &n, "How much to do", "N" },
    { "workers", 'w', 0, G_OPTION_ARG_INT, &workers, "Threads that work", "N" },
    { "window", 'W', 0, G_OPTION_ARG_INT, &window, "How many at once; 0: all", "N" },
    { "threads", 't', 0, G_OPTION_ARG_INT, &threads, "Threads that submit", "N" },
    { "serve", 's', 0, G_OPTION_ARG_NONE, &serve, "Once for each line of the input", NULL },
    { NULL }
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("BENCHMARK...");
  g_autoptr(GError) error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }

  /* Numbers are written with a point, whatever the language. */
  setlocale (LC_ALL, "C");
  for (int i = 1; i < argc; i++)
    {
      const BenchCase *bench = find_case (cases, n_cases, argv[i]);
      BenchOptions options = { .workers = MAX (workers, 1), .threads = MAX (threads, 1) };

      options.n = n > 0 ? (guint64) n : bench->n;
      options.window = window > 0 ? MIN ((guint64) window, options.n) : options.n;
      run_case (bench, &options, serve);
    }
  return 0;
}
