/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-thread-private.h"
#include "core/cfut-pool-private.h"
#include "cfut-future-private.h"

G_BEGIN_DECLS

/* A blocked wait of a thread for a future that hangs on functions which only this thread can call.
 * On its stack. */
typedef struct {
  /* Immutable */
  CfutThread *thread;
  gpointer task;       /* (nullable): what the thread runs; compared only */
  gboolean is_nested;  /* and other tasks below it */
  CfutPool *pool;      /* (nullable): which runs that, may not grow, and is waited for without limit */

  /* Any thread, while a chain has the help as its own, under that chain's lock */
  CfutQueue ready;
  _Atomic gboolean nudged;
  _Atomic gboolean again;     /* there is more to be marked */
  _Atomic gboolean is_stale;  /* the wait hangs on something else now */

  /* The thread's own */
  GPtrArray *marks;   /* (nullable) */
  GHashTable *marked; /* (nullable): their chains */
} CfutHelp;

/* What a help has to do with one chain. */
typedef struct _CfutMark CfutMark;
struct _CfutMark {
  /* Immutable */
  CfutFuture *chain;
  CfutHelp *help;

  /* Guarded by the chain's lock */
  gboolean is_wanted;  /* another thread is to call the function: then in a list of such, else */
  CfutHelp *previous;
  CfutMark *next;
  CfutMark *prev;
};

/* cfut_cell_block () for a future that waits for others. */
CfutWake cfut_future_block_helping (CfutFuture    *future,
                                    gint64         deadline_usec,
                                    GCancellable  *cancellable);
/* The same in parts, for a wait whose waiter has `nudged` as its nudge: begin; add, serve and block
 * as long as that ends with NUDGED; end. */
void     cfut_help_begin           (CfutHelp      *self,
                                    gboolean       unlimited);
void     cfut_help_end             (CfutHelp      *self);
void     cfut_help_serve           (CfutHelp      *self);
/* Whether what is waited for is to be added, first or again. */
gboolean cfut_help_wants_more      (CfutHelp      *self);
/* Takes over the references, not the array. */
void     cfut_help_add_all         (CfutHelp      *self,
                                    GPtrArray     *futures);
/* What a function on @self's thread has returned is waited for as well. */
void     cfut_help_add             (CfutHelp      *self,
                                    CfutFuture    *future);
/* Any thread, under the lock of a chain that it has marked: its thread looks again. */
void     cfut_help_nudge           (CfutHelp      *self);
/* Any thread, under such a lock too, or before the wait may end: it looks at what it hangs on. */
void     cfut_help_look_again      (CfutHelp      *self);

/* On the thread of the mark's help. FALSE: it is no chain. */
gboolean cfut_chain_mark           (CfutMark      *mark);
void     cfut_chain_unmark         (CfutMark      *mark);
/* Takes over what stood in a queue of those that are ready; calls its function or not. */
void     cfut_chain_serve_ready    (CfutLink      *link,
                                    gboolean       calls);

G_END_DECLS
