/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib-object.h>

#include "core/cfut-cell-private.h"
#include "core/cfut-queue-private.h"

G_BEGIN_DECLS

typedef struct _CfutPool CfutPool;
typedef struct _CfutPoolWorker CfutPoolWorker;

#define CFUT_POOL_MAX_WORKERS 4095

typedef struct {
  guint64 n_pending;
  guint64 n_running;
  guint64 n_completed;
  guint n_threads;
} CfutPoolCounts;

typedef enum {
  CFUT_POOL_RAN,      /* it was started, and has ended */
  CFUT_POOL_STALE     /* it had been settled while it was queued */
} CfutPoolOutcome;

/* What the pool does with links. Both take them over. */
typedef struct {
  CfutPoolOutcome (*run)  (CfutLink     *link);
  /* No thread can be made. */
  void            (*fail) (CfutLink     *link,
                           const GError *error);
} CfutPoolClass;

CfutPool *cfut_pool_new            (const CfutPoolClass *klass,
                                    guint                max_workers,
                                    gint64               idle_usec);
CfutPool *cfut_pool_ref            (CfutPool            *self);
void      cfut_pool_unref          (CfutPool            *self);

/* FALSE: it was closed before or meanwhile. The link is in the queue all the same, unless @queued says
 * otherwise, and whoever is inside settles it. */
gboolean  cfut_pool_push           (CfutPool            *self,
                                    CfutLink            *link,
                                    gboolean            *queued);
void      cfut_pool_count_unqueued (CfutPool            *self);
void      cfut_pool_close          (CfutPool            *self);
void      cfut_pool_drain          (CfutPool            *self,
                                    void               (*func) (CfutLink *link));
CfutCell *cfut_pool_get_ended      (CfutPool            *self);
void      cfut_pool_get_counts     (CfutPool            *self,
                                    CfutPoolCounts      *counts);
guint     cfut_pool_get_max        (CfutPool            *self);

/* Called by a task that runs: the pool that this thread works for, or NULL. */
CfutPool *cfut_pool_get_current    (void);

/* Asking all that runs at this moment to stop. */
GPtrArray *cfut_pool_stop_running  (CfutPool            *self);
void      cfut_pool_watch          (GObject             *object);
void      cfut_pool_unwatch        (GObject             *object);
gboolean  cfut_pool_is_stopping    (void);

G_END_DECLS
