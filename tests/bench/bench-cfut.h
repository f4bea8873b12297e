/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <cfut/cfut.h>

#include "bench.h"

G_BEGIN_DECLS

gboolean bench_nothing (CfutTask  *task,       /* the task that does nothing */
                        gpointer   user_data,
                        GError   **error);
/* Has all delivered that is there for this thread: no future is left that somebody else would pay for. */
void     bench_deliver (void);
/* Shuts down, waits for the end, drops the executor, and delivers. */
void     bench_end     (CfutExecutor *executor);

/* cfut-flow.c: many tasks, the cost of each */
void bench_submit_wait     (const BenchOptions *options);
void bench_run_deadline    (const BenchOptions *options);
void bench_queue_deadline  (const BenchOptions *options);
void bench_priority        (const BenchOptions *options);
void bench_submit_callback (const BenchOptions *options);
void bench_submit_done     (const BenchOptions *options);
void bench_submitters      (const BenchOptions *options);
void bench_tree            (const BenchOptions *options);
void bench_post            (const BenchOptions *options);
void bench_post_tree       (const BenchOptions *options);
void bench_nested          (const BenchOptions *options);

/* cfut-commands.c: programs, the cost of each */
void bench_commands        (const BenchOptions *options);

/* cfut-range.c: very many indexes */
void bench_range_empty     (const BenchOptions *options);
void bench_range_work      (const BenchOptions *options);
void bench_loop            (const BenchOptions *options);

/* cfut-latency.c: one task, how long until something has happened */
void bench_round_trip      (const BenchOptions *options);
void bench_after_pause     (const BenchOptions *options);
void bench_long_among_short (const BenchOptions *options);
void bench_queue_lateness  (const BenchOptions *options);
void bench_run_lateness    (const BenchOptions *options);
void bench_idle            (const BenchOptions *options);

/* cfut-bulk.c: very many futures at once */
void bench_pending_bytes   (const BenchOptions *options);
void bench_cancel          (const BenchOptions *options);
void bench_shut_down       (const BenchOptions *options);
void bench_set_priority    (const BenchOptions *options);
void bench_group_next      (const BenchOptions *options);

G_END_DECLS
