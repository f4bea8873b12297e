/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-thread-private.h"
#include "cfut-future-private.h"

G_BEGIN_DECLS

/* A blocked wait of a thread for a future that hangs on functions which only this thread can call. On its stack. */
typedef struct {
  /* Immutable */
  CfutThread *thread;

  /* Any thread, while a chain has the help as its own, under that chain's lock */
  CfutQueue ready;
  _Atomic gboolean nudged;

  /* The thread's own */
  GArray *marks;
} CfutHelp;

/* cfut_cell_block () for a future that waits for others. */
CfutWake cfut_future_block_helping (CfutFuture    *future,
                                    gint64         deadline_usec,
                                    GCancellable  *cancellable);
/* What a function on @self's thread has returned is waited for as well. */
void     cfut_help_add             (CfutHelp      *self,
                                    CfutFuture    *future);

/* On the thread of @help. FALSE: it is no chain whose function this thread could call. */
gboolean cfut_chain_mark           (CfutFuture    *future,
                                    CfutHelp      *help,
                                    CfutHelp     **previous);
void     cfut_chain_unmark         (CfutFuture    *future,
                                    CfutHelp      *previous);
/* Takes over what stood in a queue of those that are ready; calls its function or not. */
void     cfut_chain_serve_ready    (CfutLink      *link,
                                    gboolean       calls);

G_END_DECLS
