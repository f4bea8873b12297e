/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The same work with QtConcurrent::run and QFuture::then, which calls back in an object's thread:
 * bench-qt BENCHMARK N WORKERS WINDOW */

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

int
main (int    argc,
      char **argv)
{
  if (argc != 5)
    return 2;

  QCoreApplication application (argc, argv);
  QThreadPool pool;
  QObject context;
  long n = std::atol (argv[2]);
  double wall = 0;
  double cpu = 0;

  pool.setMaxThreadCount (std::atoi (argv[3]));
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
  std::printf ("{\"case\": \"%s\", \"ns\": %.6g, \"cpu_ns\": %.6g}\n", argv[1],
               (read_clock (CLOCK_MONOTONIC) - wall) / n,
               (read_clock (CLOCK_PROCESS_CPUTIME_ID) - cpu) / n);
  return 0;
}
