/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <cfut/cfut.h>

#include "test-util.h"

G_BEGIN_DECLS

/* (transfer full): one whose workers run tests/worker-program. */
CfutExecutor *test_process_executor_new (guint         max_workers);
/* The same with an argument for it. */
CfutExecutor *test_process_executor_new_with (guint       max_workers,
                                              const char *argument);
/* Shuts it down, waits for its end, and drops it. */
void          test_process_executor_end (CfutExecutor *executor);

/* Calls and waits; the result, which has to be one. (transfer full): drop it. */
gint64        test_process_call_number  (CfutExecutor *executor,
                                         const char   *function);

/* So many short calls that those that follow are handed ahead in a row. */
void          test_process_warm_up      (CfutExecutor *executor);
/* Calls of `count`, which counts the worker's calls of it from 1. */
void          test_process_add_counts   (GPtrArray    *futures,
                                         CfutExecutor *executor,
                                         guint         n);
/* Waits; the result, which has to be one. */
gint32        test_process_get_number   (CfutFuture   *future);
/* Those from @first on were done by a worker that counts from the beginning, each once. */
void          test_process_assert_done_by_another (GPtrArray *futures,
                                                   guint      first);

/* A file name in a folder of the test's own, which goes with test_process_clear. (transfer full) */
char         *test_process_path         (const char   *name);
void          test_process_clear        (void);

/* A place where a worker's function `hold` stops until it is opened. */
typedef struct {
  char *path;
  int fd;
} TestFifo;

void          test_fifo_init            (TestFifo     *fifo,
                                         const char   *name);
CfutFuture   *test_fifo_hold            (TestFifo     *fifo,
                                         CfutExecutor *executor,
                                         CfutRequest  *request);
/* Somebody stands there. */
void          test_fifo_wait_arrived    (TestFifo     *fifo);
/* Waits for somebody to stand there, and lets him pass. */
void          test_fifo_open            (TestFifo     *fifo);
void          test_fifo_clear           (TestFifo     *fifo);

/* The pids in question: whether there is such a process, a zombie included. */
gboolean      test_process_exists       (int           pid);

/* How many descriptors are open, once none of them watches a process any more: GLib closes its own some time after
 * it has told that a process has ended. */
guint         test_count_descriptors    (void);
/* How many children there are, dead ones that nobody has reaped included. */
guint         test_count_children       (void);

G_END_DECLS
