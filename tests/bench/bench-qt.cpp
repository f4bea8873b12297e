/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The same work with QtConcurrent::run and QFuture::then, which calls back in an object's thread:
 * bench-qt BENCHMARK N WORKERS WINDOW, once for each line of the input */

#include <QCoreApplication>
#include <QFuture>
#include <QThreadPool>
#include <QtConcurrent>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

static double
read_clock (clockid_t clock)
{
  struct timespec time;

  clock_gettime (clock, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

/* A tenth to warm up, then all. */
static void
measure (const char       *name,
         QCoreApplication &application,
         QThreadPool      &pool,
         QObject          &context,
         long              n)
{
  double wall = 0;
  double cpu = 0;

  for (int round = 0; round < 2; round++)
    {
      long now = round == 0 ? std::max (n / 10, 1L) : n;
      long called = 0;

      wall = read_clock (CLOCK_MONOTONIC);
      cpu = read_clock (CLOCK_PROCESS_CPUTIME_ID);
      for (long i = 0; i < now; i++)
        {
          QtConcurrent::run (&pool, [] {}).then (&context, [&called, now] {
            if (++called == now)
              QCoreApplication::quit ();
          });
        }
      application.exec ();
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

  QCoreApplication application (argc, argv);
  QThreadPool pool;
  QObject context;
  char line[16];

  pool.setMaxThreadCount (std::atoi (argv[3]));
  while (std::fgets (line, sizeof line, stdin) != nullptr)
    measure (argv[1], application, pool, context, std::atol (argv[2]));
  return 0;
}
