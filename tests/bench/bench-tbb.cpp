/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The same work with oneTBB's task_group: bench-tbb BENCHMARK N WORKERS WINDOW, once for each line of the
 * input */

#include <tbb/global_control.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

static double
read_clock (clockid_t clock)
{
  struct timespec time;

  clock_gettime (clock, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static std::atomic<long> n_run;

static void
flow (tbb::task_group &group,
      long             n,
      long             window)
{
  for (long done = 0; done < n;)
    {
      long now = std::min (window, n - done);

      for (long i = 0; i < now; i++)
        group.run ([] { n_run.fetch_add (1, std::memory_order_relaxed); });
      group.wait ();
      done += now;
    }
}

static void
node (tbb::task_group &group,
      long             i,
      long             n)
{
  for (long child = 2 * i; child <= std::min (2 * i + 1, n); child++)
    group.run ([&group, child, n] { node (group, child, n); });
  n_run.fetch_add (1, std::memory_order_relaxed);
}

/* A tenth to warm up, then all. */
static void
measure (const char      *name,
         tbb::task_group &group,
         long             n,
         long             window)
{
  bool is_tree = std::strcmp (name, "tree") == 0;
  double wall = 0;
  double cpu = 0;

  for (int round = 0; round < 2; round++)
    {
      long now = round == 0 ? std::max (n / 10, 1L) : n;

      wall = read_clock (CLOCK_MONOTONIC);
      cpu = read_clock (CLOCK_PROCESS_CPUTIME_ID);
      if (is_tree)
        {
          group.run ([&group, now] { node (group, 1, now); });
          group.wait ();
        }
      else
        {
          flow (group, now, window);
        }
    }
  std::printf ("{\"case\": \"%s\", \"ns\": %.6g, \"cpu_ns\": %.6g}\n", name,
               (read_clock (CLOCK_MONOTONIC) - wall) / n,
               (read_clock (CLOCK_PROCESS_CPUTIME_ID) - cpu) / n);
  std::fflush (stdout);
}

int
main (int    argc,
      char **argv)
{
  if (argc != 5)
    return 2;

  long n = std::atol (argv[2]);
  long window = std::atol (argv[4]);
  tbb::global_control control (tbb::global_control::max_allowed_parallelism, std::atol (argv[3]));
  tbb::task_group group;
  char line[16];

  while (std::fgets (line, sizeof line, stdin) != nullptr)
    measure (argv[1], group, n, window > 0 ? window : n);
  return 0;
}
