/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the system alone takes for what worker processes do. */

#define _GNU_SOURCE   /* memfd_create (), sched_setaffinity () */

#include "bench-process.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void
bench_pin (void)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  CPU_SET (0, &set);
  if (sched_setaffinity (0, sizeof set, &set) != 0)
    g_error ("sched_setaffinity");
}

/* 20 bytes there and back again, between two processes on one processor. */
void
bench_ping_pong (const BenchOptions *options)
{
  g_autofree double *tries = g_new (double, options->n);
  char bytes[20] = "";
  int fds[2];
  pid_t pid;

  bench_pin ();
  if (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) != 0)
    g_error ("socketpair");
  pid = fork ();
  if (pid == 0)
    {
      close (fds[0]);
      while (read (fds[1], bytes, sizeof bytes) > 0)
        if (write (fds[1], bytes, sizeof bytes) < 0)
          break;
      _exit (0);
    }
  close (fds[1]);

  for (guint64 i = 0; i < options->n + MAX (options->n / 10, 1); i++)
    {
      double start = bench_wall ();

      if (write (fds[0], bytes, sizeof bytes) < 0 || read (fds[0], bytes, sizeof bytes) < 0)
        g_error ("ping-pong");
      tries[i % options->n] = bench_wall () - start;
    }

  close (fds[0]);
  waitpid (pid, NULL, 0);
  bench_report ("ns", bench_percentile (tries, options->n, 50),
                "p99_ns", bench_percentile (tries, options->n, 99), NULL);
}

/* The descriptor of a fresh one. */
static int
fill_memfd (const char *bytes)
{
  int fd = memfd_create ("bench", MFD_CLOEXEC);

  for (gsize n = 0; n < BENCH_N_BYTES;)
    {
      gssize now = write (fd, bytes + n, BENCH_N_BYTES - n);

      if (now <= 0)
        g_error ("write");
      n += now;
    }

  return fd;
}

static void
write_memfd (const char *bytes)
{
  close (fill_memfd (bytes));
}

/* The least that two processes do to have 64 MiB there and back: one writes them to a memfd, and the
 * other maps that and writes what it sees there to the next. */
void
bench_memfd_there_and_back (const BenchOptions *options)
{
  g_autofree char *bytes = g_malloc (BENCH_N_BYTES);
  g_autofree double *tries = g_new (double, options->n);

  memset (bytes, 'x', BENCH_N_BYTES);
  for (guint64 i = 0; i < options->n; i++)
    {
      int there[2], back[2];
      double start;
      char byte;
      pid_t pid;
      int fd;

      if (pipe (there) != 0 || pipe (back) != 0)
        g_error ("pipe");
      /* It opens what it is told the number of. */
      pid = fork ();
      if (pid == 0)
        {
          g_autofree char *path = NULL;
          char *seen;

          close (there[1]);
          if (read (there[0], &fd, sizeof fd) != sizeof fd)
            _exit (EXIT_FAILURE);
          path = g_strdup_printf ("/proc/%d/fd/%d", (int) getppid (), fd);
          fd = open (path, O_RDONLY | O_CLOEXEC);
          seen = mmap (NULL, BENCH_N_BYTES, PROT_READ, MAP_SHARED, fd, 0);
          if (seen == MAP_FAILED)
            _exit (EXIT_FAILURE);
          fill_memfd (seen);
          _exit (write (back[1], "x", 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
        }

      close (there[0]);
      close (back[1]);
      start = bench_wall ();
      fd = fill_memfd (bytes);
      if (write (there[1], &fd, sizeof fd) != sizeof fd || read (back[0], &byte, 1) != 1)
        g_error ("The other process has failed");
      tries[i] = bench_wall () - start;
      close (fd);
      close (there[1]);
      close (back[0]);
      waitpid (pid, NULL, 0);
    }
  bench_report ("ns", bench_percentile (tries, options->n, 50), NULL);
}

/* 64 MiB written to a fresh memfd, twice. */
void
bench_memfd_twice (const BenchOptions *options)
{
  g_autofree char *bytes = g_malloc (BENCH_N_BYTES);
  g_autofree double *tries = g_new (double, options->n);

  memset (bytes, 'x', BENCH_N_BYTES);
  for (guint64 i = 0; i < options->n; i++)
    {
      double start = bench_wall ();

      write_memfd (bytes);
      write_memfd (bytes);
      tries[i] = bench_wall () - start;
    }
  bench_report ("ns", bench_percentile (tries, options->n, 50), NULL);
}

int
bench_say_so (void)
{
  return write (STDOUT_FILENO, "x", 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* This program is started, until it says in main that it was, and until it has ended. */
void
bench_fork_exec (const BenchOptions *options)
{
  g_autofree double *said = g_new (double, options->n);
  g_autofree double *ended = g_new (double, options->n);

  for (guint64 i = 0; i < options->n; i++)
    {
      double start = bench_wall ();
      int fds[2];
      char byte;
      pid_t pid;

      if (pipe (fds) != 0)
        g_error ("pipe");
      pid = fork ();
      if (pid == 0)
        {
          dup2 (fds[1], STDOUT_FILENO);
          close (fds[0]);
          close (fds[1]);
          execl ("/proc/self/exe", "bench-process", "leave", NULL);
          _exit (127);
        }
      close (fds[1]);
      if (read (fds[0], &byte, 1) != 1)
        g_error ("The program did not start");
      said[i] = bench_wall () - start;
      waitpid (pid, NULL, 0);
      ended[i] = bench_wall () - start;
      close (fds[0]);
    }

  bench_report ("ns", bench_percentile (said, options->n, 50),
                "end_ns", bench_percentile (ended, options->n, 50), NULL);
}

/* What bench_burn_calls has its workers do, on this thread. */
void
bench_burn_here (const BenchOptions *options)
{
  BenchTime start = bench_now ();

  for (guint64 i = 0; i < options->n; i++)
    bench_burn (1e6);
  bench_report_each (bench_each (start, options->n));
}
