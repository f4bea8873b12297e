/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

/* Runs @func as a task, while the promise and the loop are the test's. */
typedef struct {
  CfutExecutor *executor;
  CfutPromise *promise;
  CfutGroup *group;
  TestGate gate;          /* of the task: it has made what it waits for */
  CfutFuture *waited;     /* what that is */
  CfutFuture *own;        /* (nullable): queued in the executor */
  int n_refused;          /* atomic: waits */
} Stuck;

void          stuck_begin      (Stuck         *self,
                                CfutExecutor  *executor);  /* (transfer full) */
void          stuck_end        (Stuck         *self);
CfutFuture   *stuck_run        (Stuck         *self,       /* (transfer full) */
                                CfutTaskFunc   func);

/* In each way in which a future can be made of others, and in all of them at once. */
#define N_WAYS 6
CfutFuture   *make_of          (CfutFuture    *future,     /* (transfer full) */
                                guint          way);
/* Gives what has settled, or its data; fits CfutChainFunc. */
CfutFuture   *give_again       (CfutFuture    *settled,
                                gpointer       future,
                                GError       **error);
/* Adds one to an int; fits CfutCallback. */
void          count_call       (CfutFuture    *settled,
                                gpointer       n_calls);

/* A pool that may not grow. */
CfutExecutor *new_serial       (guint          max_workers);

/* Both clear it. */
void          assert_deadlock  (GError       **error);
void          assert_times_out (GError       **error);

G_END_DECLS
