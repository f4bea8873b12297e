/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What this library takes for each of the benchmarks: bench-cfut [--n=N] [--workers=N] BENCHMARK... */

#include "bench-cfut.h"

gboolean
bench_nothing (CfutTask  *task,
               gpointer   user_data,
               GError   **error)
{
  return TRUE;
}

void
bench_deliver (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

void
bench_end (CfutExecutor *executor)
{
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  g_object_unref (executor);
  bench_deliver ();
}

static const BenchCase cases[] = {
  { "submit-wait", bench_submit_wait, 300000 },
  { "run-deadline", bench_run_deadline, 300000 },
  { "queue-deadline", bench_queue_deadline, 300000 },
  { "priority", bench_priority, 300000 },
  { "submit-callback", bench_submit_callback, 200000 },
  { "submit-done", bench_submit_done, 100000 },
  { "submitters", bench_submitters, 400000 },
  { "tree", bench_tree, 1000000 },
  { "post", bench_post, 300000 },
  { "post-tree", bench_post_tree, 1000000 },
  { "nested", bench_nested, 300000 },
  { "commands", bench_commands, 1000 },
  { "range-empty", bench_range_empty, 100000000 },
  { "range-work", bench_range_work, 200000 },
  { "loop", bench_loop, 200000 },
  { "round-trip", bench_round_trip, 20000 },
  { "after-pause", bench_after_pause, 500 },
  { "long-among-short", bench_long_among_short, 400 },
  { "queue-lateness", bench_queue_lateness, 200 },
  { "run-lateness", bench_run_lateness, 40 },
  { "idle", bench_idle, 5 },
  { "pending-bytes", bench_pending_bytes, 1000000 },
  { "cancel", bench_cancel, 1000000 },
  { "shut-down", bench_shut_down, 1000000 },
  { "set-priority", bench_set_priority, 1000000 },
  { "group-next", bench_group_next, 1000000 },
};

int
main (int    argc,
      char **argv)
{
  return bench_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
