/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* An array of pointers that grows at its end and may lose items anywhere, cheaply near both ends.
 * */
typedef struct {
  gpointer *items;
  guint head;      /* where the first one is */
  guint len;
  guint size;
  guint64 n_moves; /* of items, ever: for tests that count instead of measuring time */
} CfutDeque;

static inline gpointer
cfut_deque_get (const CfutDeque *self,
                guint            i)
{
  return self->items[self->head + i];
}

static inline void
cfut_deque_set (CfutDeque *self,
                guint      i,
                gpointer   item)
{
  self->items[self->head + i] = item;
}

void cfut_deque_clear  (CfutDeque *self);
void cfut_deque_append (CfutDeque *self,
                        gpointer   item);
void cfut_deque_remove (CfutDeque *self,
                        guint      position,
                        guint      n_items);

G_END_DECLS
