/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-cell-private.h"
#include "cfut-task-private.h"
#include "cfut-work.h"

G_BEGIN_DECLS

/* The work that a derived executor was given and that has not settled; it may outlive the
 * executor. */
typedef struct {
  gatomicrefcount ref_count;

  GMutex lock;
  CfutWork *works;
  guint64 n_completed;
  gboolean closed;

  /* Settles when it is closed and nothing is left */
  CfutCell ended;
} CfutWorkLog;

CfutWorkLog *cfut_work_log_new        (void);
void         cfut_work_log_unref      (CfutWorkLog *self);
gboolean     cfut_work_log_close      (CfutWorkLog *self);
GPtrArray   *cfut_work_log_dup        (CfutWorkLog *self);
void         cfut_work_log_get_counts (CfutWorkLog *self,
                                       guint64     *n_pending,
                                       guint64     *n_running,
                                       guint64     *n_completed);

/* Takes over the task's reference. NULL: the log is closed, and the task's reference is still the
 * caller's. */
CfutWork    *cfut_work_new            (CfutWorkLog *log,
                                       CfutTask    *task);

G_END_DECLS
