/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What worker processes take for each of the benchmarks, and what the system takes for the same without them:
 * bench-process [--n=N] [--workers=N] BENCHMARK... It is its own worker. */

#include "bench-process.h"

#include <string.h>

static gboolean
do_nothing (CfutTask  *task,
            GVariant  *args,
            gpointer   user_data,
            GError   **error)
{
  return TRUE;
}

/* What came goes back: a number, or bytes. */
static gboolean
do_echo (CfutTask  *task,
         GVariant  *args,
         gpointer   user_data,
         GError   **error)
{
  cfut_task_set_result_variant (task, args);
  return TRUE;
}

/* Other bytes than those that came, as many. */
static gboolean
do_change (CfutTask  *task,
           GVariant  *args,
           gpointer   user_data,
           GError   **error)
{
  gsize size = g_variant_get_size (args);
  const guint8 *from = g_variant_get_data (args);
  guint8 *to = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    to[i] = from[i] ^ 0x55;
  cfut_task_set_result_variant (task, g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, to, size, TRUE,
                                                               g_free, to));
  return TRUE;
}

/* (x): burns that many nanoseconds. */
static gboolean
do_burn (CfutTask  *task,
         GVariant  *args,
         gpointer   user_data,
         GError   **error)
{
  bench_burn (g_variant_get_int64 (args));
  return TRUE;
}

/* So many times a dict is asked. How long that took, each, in nanoseconds. */
static gboolean
do_look_up (CfutTask  *task,
            GVariant  *args,
            gpointer   worker,
            GError   **error)
{
  CfutSharedDict *dict = cfut_worker_get_shared (worker, "dict");
  gint64 n = g_variant_get_int64 (args);
  BenchTime start = bench_now ();

  for (gint64 i = 0; i < n; i++)
    {
      GVariant *value = cfut_shared_dict_lookup (dict, "key", error);

      if (value == NULL)
        return FALSE;
      g_variant_unref (value);
    }

  cfut_task_set_result_variant (task, g_variant_new_double (bench_each (start, n).wall));
  return TRUE;
}

static int
run_worker (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();

  cfut_worker_register (worker, "nothing", do_nothing, NULL, NULL);
  cfut_worker_register (worker, "echo", do_echo, NULL, NULL);
  cfut_worker_register (worker, "change", do_change, NULL, NULL);
  cfut_worker_register (worker, "burn", do_burn, NULL, NULL);
  cfut_worker_register (worker, "look-up", do_look_up, worker, NULL);
  return cfut_worker_run (worker, NULL);
}

static const BenchCase cases[] = {
  { "calls", bench_calls, 100000 },
  { "calls-of-nothing", bench_calls_of_nothing, 100000 },
  { "burn", bench_burn_calls, 400 },
  { "burn-here", bench_burn_here, 400 },
  { "round-trip", bench_call_round_trip, 10000 },
  { "ping-pong", bench_ping_pong, 10000 },
  { "bytes-first", bench_bytes_first, 5 },
  { "bytes-made", bench_bytes_made, 5 },
  { "bytes-again", bench_bytes_again, 10 },
  { "memfd-twice", bench_memfd_twice, 5 },
  { "memfd-there-and-back", bench_memfd_there_and_back, 5 },
  { "cold", bench_cold, 50 },
  { "fork-exec", bench_fork_exec, 50 },
  { "dict", bench_dict, 5000 },
  { "pending", bench_pending_calls, 200000 },
  { "idle", bench_idle_workers, 5 },
};

int
main (int    argc,
      char **argv)
{
  if (cfut_worker_requested ())
    return run_worker ();
  if (argc == 2 && strcmp (argv[1], "leave") == 0)
    return bench_say_so ();

  return bench_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
