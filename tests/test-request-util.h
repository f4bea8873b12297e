/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

/* A pool, the one worker of which stands at a gate, so that all that is submitted is queued. */
typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  CfutFuture *blocker;
} Held;

void held_init   (Held         *self);
void held_open   (Held         *self);
/* All has ended, and so many functions have run besides the blocker. */
void held_clear  (Held         *self,
                  guint64       n_completed);

G_END_DECLS
