/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-pool-private.h"
#include "cfut-future-private.h"
#include "cfut-task.h"

G_BEGIN_DECLS

struct _CfutTask {
  CfutFuture parent_instance;

  /* Immutable once submitted; released on the owner's context */
  CfutTaskFunc func;
  gpointer user_data;
  GDestroyNotify destroy;

  /* Valid while it is queued: CFUT_CELL_QUEUED */
  CfutPool *pool;
  CfutLink link;
};

struct _CfutTaskClass {
  CfutFutureClass parent_class;
};

static inline CfutTask *
cfut_task_from_link (CfutLink *link)
{
  return (CfutTask *) ((char *) link - G_STRUCT_OFFSET (CfutTask, link));
}

CfutTask *cfut_task_new (CfutTaskFunc    func,
                         gpointer        user_data,
                         GDestroyNotify  destroy);
/* Takes over a reference. FALSE: it had been settled. */
gboolean  cfut_task_run (CfutTask       *self);

G_END_DECLS
