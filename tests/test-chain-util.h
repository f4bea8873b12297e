/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

/* Deeper than any stack; where each allocation is recorded that takes too long. */
#ifdef __SANITIZE_ADDRESS__
#define N_LONG 10000
#else
#define N_LONG 100000
#endif

/* What a chain's function is given: what it returns, and where it and the destroy notify were called. */
typedef struct {
  CfutFuture *inner;  /* (nullable): returned, with a reference; else @code is the error */
  int code;           /* 0: none */
  CfutFuture *settled;
  TestPlace called;
  TestPlace destroyed;
} Step;

CfutFuture *step_func    (CfutFuture  *settled,
                          gpointer     step,
                          GError     **error);
void        step_destroy (gpointer     step);
/* Returns what has settled, and counts. */
CfutFuture *pass_func    (CfutFuture  *settled,
                          gpointer     n_calls,    /* (nullable): an int */
                          GError     **error);

G_END_DECLS
