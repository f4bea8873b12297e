/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-pool-private.h"
#include "cfut-help-private.h"
#include "cfut-task-private.h"

G_BEGIN_DECLS

/* One that runs inside of the other's waits. */
#define CFUT_OUTLOOK_MAX_OWN 66

/* What a blocked wait of a task hangs on. On the stack of its thread, with a help. */
struct _CfutOutlook {
  /* Immutable */
  CfutHelp *help;

  /* The thread's own: what it runs, ... */
  GObject *own[CFUT_OUTLOOK_MAX_OWN];
  guint n_own;

  /* ... and what was seen when it looked last */
  gboolean has_looked;
  gboolean is_touched;   /* something of the thread's own, or of its pool's */
  gboolean is_on_pool;   /* something of its pool's */
  CfutFuture *other;     /* (nullable): something that others settle */
  GPtrArray *left;       /* (nullable): to be looked at */
  GHashTable *seen;
  GPtrArray *tasks;      /* (nullable): collects them instead */

  /* The watch on `other` */
  CfutNode node;
  CfutWaiter waiter;
  gboolean is_watching;

  CfutPoolOwnWait own_wait;
  gboolean waits_own;
};

/* Calls cfut_outlook_see () for what is waited for. */
typedef void (*CfutOutlookFunc) (CfutOutlook *self,
                                 gpointer     data);

void     cfut_outlook_init        (CfutOutlook     *self,
                                   CfutHelp        *help);
void     cfut_outlook_clear       (CfutOutlook     *self);
/* Around each time that the thread blocks, until @cell settles or @waiter is fired; either may be
 * NULL. Begin returns FIRED to go on, or that this would be for ever. A nudge ends the block when
 * there may be something else to see. */
CfutWake cfut_outlook_begin_block (CfutOutlook     *self,
                                   CfutOutlookFunc  look,
                                   gpointer         data,
                                   CfutCell        *cell,
                                   CfutWaiter      *waiter);
void     cfut_outlook_end_block   (CfutOutlook     *self);

/* While it looks, also under a group's lock or a cell's: what has not settled; and what will come
 * to something without this thread. */
void     cfut_outlook_see         (CfutOutlook     *self,
                                   CfutFuture      *future);
void     cfut_outlook_see_other   (CfutOutlook     *self,
                                   CfutFuture      *future);
static inline gboolean
cfut_outlook_is_pools (CfutOutlook *self,
                       CfutFuture  *leaf)
{
  return self->help->pool != NULL && CFUT_IS_TASK (leaf) &&
         ((CfutTask *) leaf)->entry.pool == self->help->pool;
}

gboolean cfut_outlook_is_own      (CfutOutlook     *self,
                                   CfutFuture      *leaf);

/* (transfer full): the tasks on which @future hangs. */
GPtrArray *cfut_outlook_list_tasks (CfutFuture     *future);
/* Whether a wait of @help's thread has to look again that hangs on them now. */
gboolean cfut_outlook_concerns    (CfutHelp        *help,
                                   GPtrArray       *tasks);

/* Whether the task runs on this thread, be it below what has waited and runs another. */
gboolean cfut_outlook_runs_here   (CfutFuture      *future);

G_END_DECLS
