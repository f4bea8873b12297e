/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <stdatomic.h>

#include "cfut-types.h"

G_BEGIN_DECLS

typedef struct _CfutGate CfutGate;

/* @open: on the thread of the timers, or that resumes, changes the limit or gives a token back;
 * quick, outside any lock, and not of a user's. It means: ask again. */
CfutGate      *cfut_gate_new        (void          (*open) (gpointer data),
                                     gpointer        data);
CfutGate      *cfut_gate_ref        (CfutGate       *self);
void           cfut_gate_unref      (CfutGate       *self);
/* After it has returned @open is not called and does not run, but for one that this call was made
 * from. */
void           cfut_gate_close      (CfutGate       *self);

/* Any thread. TRUE: one task may be started, and there may be no room for a second. FALSE: not now,
 * and @open will be called. */
gboolean       cfut_gate_pass       (CfutGate       *self);
/* Nothing was started after all. */
void           cfut_gate_give_back  (CfutGate       *self);
/* Like pass, without taking anything. */
gboolean       cfut_gate_is_open    (CfutGate       *self);

void           cfut_gate_set_paused (CfutGate       *self,
                                     gboolean        paused);
gboolean       cfut_gate_is_paused  (CfutGate       *self);
void           cfut_gate_set_limit  (CfutGate       *self,
                                     CfutRateLimit  *limit);   /* nullable */
/* (transfer none) (nullable): for who knows that nobody else sets it. */
CfutRateLimit *cfut_gate_peek_limit (CfutGate       *self);

G_END_DECLS
