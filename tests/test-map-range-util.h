/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

/* What a range has done; parts write to indexes of their own. */
typedef struct {
  guint8 *seen;         /* (nullable): by index from begin */
  guint64 begin;
  guint64 end;
  guint64 max_part;     /* atomic in effect: read when all is over */
  GMutex lock;
  guint64 n_indexes;
  guint n_parts;
  guint64 fail_at;      /* G_MAXUINT64: never */
  TestGate *gate;       /* (nullable): each part passes it */
  int n_running;
} Work;

#define NEVER G_MAXUINT64

void     work_init            (Work      *self,
                               guint64    begin,
                               guint64    end);
void     work_clear           (Work      *self);
gboolean work_part            (CfutTask  *task,
                               guint64    begin,
                               guint64    end,
                               gpointer   work,
                               GError   **error);
void     work_assert_all_once (Work      *self);

void     assert_progress      (CfutFuture *future,
                               guint64     done,
                               guint64     total);

typedef struct {
  Work work;
  TestPlace place;
  TestPlace done;
} Released;

void     released_destroy     (gpointer   released);

G_END_DECLS
