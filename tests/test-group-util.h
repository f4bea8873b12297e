/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

CfutPromise *add_promise         (CfutGroup      *group);      /* (transfer full) */
GPtrArray   *add_promises        (CfutGroup      *group,       /* (transfer full): of promises */
                                  guint           n);
CfutFuture  *future_at           (GPtrArray      *promises,    /* (transfer none) */
                                  guint           i);
void         reject              (CfutPromise    *promise);

/* The same on another thread, which is over when these return. */
GPtrArray   *add_elsewhere       (CfutGroup      *group,
                                  guint           n);
void         remove_elsewhere    (CfutGroup      *group,
                                  CfutFuture     *future);

void         assert_next         (CfutGroup      *group,
                                  CfutFuture     *expected);   /* NULL: the end */
void         assert_next_fails   (CfutGroup      *group,
                                  gint64          timeout_usec,
                                  GCancellable   *cancellable,
                                  int             code);
gboolean     wait_now            (CfutGroup      *group,
                                  CfutReturnWhen  return_when);
guint        n_items             (CfutGroup      *group);

/* A thread that resolves promises one by one, each when it is told. */
typedef struct {
  GPtrArray *promises;
  GThread *thread;
  TestSem start;
  TestSem ended;
} Settler;

void         settler_init        (Settler        *settler,
                                  GPtrArray      *promises);   /* taken over */
void         settler_clear       (Settler        *settler);    /* after the last */

/* Follows the model by its signal, and notes what else is emitted, and on what thread. */
typedef struct {
  GThread *thread;
  GPtrArray *mirror;      /* what items-changed told */
  GPtrArray *done;        /* in the order of future-done */
  guint n_changes;
  guint n_all_done;
  guint n_fraction;       /* notifications */
  double fraction;        /* as last notified */
  guint64 n_done;
  guint n_items;
  gint64 remaining_usec;
} GroupLog;

void         group_log_connect   (GroupLog       *log,
                                  CfutGroup      *group);
void         group_log_clear     (GroupLog       *log);

/* A handler that counts. */
void         on_all_done_count   (CfutGroup      *group,
                                  guint          *n_all_done);

G_END_DECLS
