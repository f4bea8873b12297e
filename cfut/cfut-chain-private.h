/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-combine.h"
#include "cfut-help-private.h"

G_BEGIN_DECLS

typedef enum {
  CHAIN_WHEN_RESOLVED,
  CHAIN_WHEN_FAILED,
  CHAIN_ALWAYS
} ChainWhen;

typedef struct {
  CfutFuture parent_instance;

  /* Immutable */
  ChainWhen when;

  /* Owning context only */
  CfutChainFunc func;
  gpointer user_data;
  GDestroyNotify destroy;

  /* In the list of `upstream`, then in the owner's queue */
  CfutNode node;
  CfutItem item;

  /* Guarded by the cell's lock */
  CfutFuture *upstream;
  gboolean linked;
  gboolean due;      /* handed to the owner's queue */
  CfutHelp *help;    /* (nullable): of the owner's thread, which waits for this */
  CfutMark *wanted;  /* (nullable): of other threads that wait for this */
  gboolean is_ready; /* stands in the queue of a help */
  CfutLink ready_link;
} CfutChainFuture;

typedef struct {
  CfutFutureClass parent_class;
} CfutChainFutureClass;

GType cfut_chain_future_get_type (void);

/* Calls the function, if it is to be. On the owner's context. */
void     cfut_chain_run                   (CfutChainFuture *self);

/* Wakes the owner's thread, if that waits for this very chain. */
void     cfut_chain_get_ready_locked      (CfutChainFuture *self);
/* Those look again who wait for it and are concerned: it goes on to @tasks, or with NULL its
 * function is due. */
void     cfut_chain_look_again_locked     (CfutChainFuture *self,
                                           GPtrArray       *tasks);
/* Whether a task waits for it. */
gboolean cfut_chain_concerns_tasks_locked (CfutChainFuture *self);

/* Has the owner's thread call the function inside its own wait. */
void     cfut_chain_want                  (CfutChainFuture *self);
/* Tasks that wait for it wait for @upstream from now on: that may be for themselves. */
void     cfut_chain_tell_tasks            (CfutChainFuture *self,
                                           CfutFuture      *upstream);
/* The thread that waits for it calls its function while it reaps; where another wait reaps, a loop
 * is to. */
gboolean cfut_chain_is_helped             (CfutChainFuture *self);

G_END_DECLS
