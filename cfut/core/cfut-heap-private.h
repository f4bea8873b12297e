/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where something stands in a heap; embedded in that. */
typedef struct {
  gint64 key;      /* the smallest first */
  guint64 number;  /* of equal keys the one that came first */
  guint index;     /* in the heap, from 1; 0: in none */
} CfutPlace;

typedef struct {
  CfutPlace **places;
  guint len;
  guint size;
  guint64 n_inserted;
} CfutHeap;

static inline CfutPlace *
cfut_heap_peek (const CfutHeap *self)
{
  return self->len > 0 ? self->places[0] : NULL;
}

void cfut_heap_clear  (CfutHeap  *self);
void cfut_heap_insert (CfutHeap  *self,
                       CfutPlace *place,
                       gint64     key);
void cfut_heap_move   (CfutHeap  *self,
                       CfutPlace *place,
                       gint64     key);
void cfut_heap_remove (CfutHeap  *self,
                       CfutPlace *place);

G_END_DECLS
