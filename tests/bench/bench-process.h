/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <cfut/cfut.h>

#include "bench.h"

G_BEGIN_DECLS

/* process-calls.c: calls, one or many at a time */
void bench_calls            (const BenchOptions *options);
void bench_calls_of_nothing (const BenchOptions *options);
void bench_burn_calls       (const BenchOptions *options);
void bench_call_round_trip  (const BenchOptions *options);
void bench_bytes_first      (const BenchOptions *options);
void bench_bytes_made       (const BenchOptions *options);
void bench_bytes_again      (const BenchOptions *options);
void bench_cold             (const BenchOptions *options);
void bench_dict             (const BenchOptions *options);
void bench_pending_calls    (const BenchOptions *options);
void bench_idle_workers     (const BenchOptions *options);

/* process-bare.c: the same by hand */
void bench_burn_here        (const BenchOptions *options);
void bench_ping_pong        (const BenchOptions *options);
void bench_memfd_twice      (const BenchOptions *options);
void bench_memfd_there_and_back (const BenchOptions *options);
void bench_fork_exec        (const BenchOptions *options);
/* What a program does that was only started: a byte to standard output. For main to return. */
int  bench_say_so           (void);

/* The calling process and those it starts, on one processor from here on. */
void bench_pin              (void);

/* What is sent in the benchmarks with bytes. */
#define BENCH_N_BYTES ((gsize) 64 * 1024 * 1024)

G_END_DECLS
