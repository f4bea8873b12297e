/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-timer-private.h"

G_BEGIN_DECLS

#define CFUT_WHEEL_TICK_USEC 32
#define CFUT_WHEEL_N_LEVELS 10
#define CFUT_WHEEL_N_SLOTS 64

typedef struct {
  guint64 tick;            /* how far it has come */
  guint cascading;         /* the level whose slot at tick is being spread below; 0: none */
  guint levels;            /* a bit for each level that has anything */
  guint64 used[CFUT_WHEEL_N_LEVELS];  /* a bit for each slot that has anything */
  CfutTimer *slots[CFUT_WHEEL_N_LEVELS * CFUT_WHEEL_N_SLOTS];
} CfutWheel;

/* A wheel of zeros is empty, and stands at 0. */
void       cfut_wheel_add    (CfutWheel *self,
                              CfutTimer *timer);
void       cfut_wheel_remove (CfutWheel *self,
                              CfutTimer *timer);
/* Takes out one timer that is due. NULL: none; @again: it was too much for once. */
CfutTimer *cfut_wheel_pop    (CfutWheel *self,
                              gint64     now_usec,
                              gboolean  *again);
/* When to look again, after pop has found nothing more; G_MAXINT64: never. */
gint64     cfut_wheel_next   (CfutWheel *self);

G_END_DECLS
