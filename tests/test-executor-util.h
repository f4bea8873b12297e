/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

typedef struct {
  const char *name;
  int n_workers;  /* of a thread executor; -1: derived */
  GType (*get_type) (void);
  gboolean is_inline;
} Kind;

/* An executor of a kind, which may be kept busy. */
typedef struct {
  CfutExecutor *executor;
  guint n_workers;
  TestGate gate;           /* where blockers stand */
  CfutFuture **blockers;
} Fixture;

CfutExecutor *executor_new      (const Kind    *kind);     /* (transfer full) */
void          fixture_set_up    (Fixture       *fixture,
                                 gconstpointer  kind);
void          fixture_tear_down (Fixture       *fixture,
                                 gconstpointer  kind);
/* Occupies every worker: what is submitted from here on is queued. */
void          fixture_block     (Fixture       *fixture);
void          fixture_unblock   (Fixture       *fixture);
CfutFuture   *submit            (Fixture       *fixture,   /* (transfer full) */
                                 CfutTaskFunc   func,
                                 gpointer       user_data);

typedef struct {
  const char *name;
  void (*func) (Fixture       *fixture,
                gconstpointer  kind);
  gboolean inline_too;  /* needs no worker beside the submitting thread */
} Case;

/* As tests of each executor there is. */
void          add_cases         (const Case    *cases,
                                 gsize          n_cases);

G_END_DECLS
