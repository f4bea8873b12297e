/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a benchmark is asked for on its command line. */
typedef struct {
  guint64 n;        /* how much to do: tasks, futures, indices, tries */
  guint workers;
  guint window;     /* how many are under way at once; at most n */
  guint threads;    /* that submit */
} BenchOptions;

/* Does its work once to warm up, and once to be measured; reports by bench_report. */
typedef struct {
  const char *name;
  void (*run) (const BenchOptions *options);
  guint64 n;        /* unless told otherwise */
} BenchCase;

/* Wall clock and processor time, in nanoseconds. */
typedef struct {
  double wall;
  double cpu;
} BenchTime;

int       bench_main       (int               argc,
                            char            **argv,
                            const BenchCase  *cases,
                            guint             n_cases);

BenchTime bench_now        (void);
/* The wall clock alone: the other one is a call of the system's, which takes as long as much of what is
 * measured one by one. */
double    bench_wall       (void);
/* Since @start, for each of @n. */
BenchTime bench_each       (BenchTime         start,
                            guint64           n);
void      bench_report     (const char       *first_key,
                            ...) G_GNUC_NULL_TERMINATED;     /* const char *key, double value, ... */
void      bench_report_each (BenchTime         each);        /* the keys "ns" and "cpu_ns" */
/* Sorts. */
double    bench_percentile (double           *values,
                            guint64           n_values,
                            double            percent);
/* Keeps one processor busy. */
void      bench_burn       (double            ns);

/* How many are not done yet; a thread sleeps until none is. */
typedef struct {
  GMutex lock;
  GCond cond;
  gint64 left;
} BenchLatch;

void      bench_latch_init  (BenchLatch *latch,
                             gint64      n);
void      bench_latch_clear (BenchLatch *latch);
void      bench_latch_add   (BenchLatch *latch,
                             gint64      n);
void      bench_latch_down  (BenchLatch *latch);
void      bench_latch_wait  (BenchLatch *latch);

G_END_DECLS
