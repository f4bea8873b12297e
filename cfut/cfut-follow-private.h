/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-future-private.h"

G_BEGIN_DECLS

/* The class of a node by which one future follows another. */
typedef struct {
  CfutNodeClass base;  /* LATE, settled by cfut_follow_settled () */

  /* The future that the node was added to has settled. On the settling thread, outside any lock,
   * never inside another follow; it may settle futures, and runs nothing of a user's. */
  void (*follow) (CfutNode *node);
} CfutFollowClass;

typedef struct {
  CfutNode *first;
  CfutNode *last;
  gboolean runs;
} CfutFollowScope;

void     cfut_follow_settled       (CfutNode              *node,
                                    CfutFuture            *future,
                                    CfutState              state);
/* Around what may block on this thread: what comes up inside is followed inside. */
void     cfut_follow_suspend       (CfutFollowScope       *scope);
void     cfut_follow_resume        (const CfutFollowScope *scope);

/* With a copy of the value or the error. FALSE: it had settled before. */
gboolean cfut_future_settle_like   (CfutFuture            *self,
                                    CfutFuture            *settled);
/* Whether it waits for @other, or for what waits for that; it does not for itself. */
gboolean cfut_future_depends_on    (CfutFuture            *self,
                                    CfutFuture            *other);
static inline gboolean
cfut_future_has_upstream (CfutFuture *self)
{
  return ((CfutFutureClass *) ((GTypeInstance *) self)->g_class)->list_upstream != NULL;
}

G_END_DECLS
