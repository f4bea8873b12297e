/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A binary heap of places that are embedded in what they are for, so that each can be moved and
 * taken out where it stands.
 *
 * Threads, locks: the embedder's.
 * Owns: the array, not the places.
 * Invariants:
 * 1. A place that is in the heap stands at places[index - 1].
 * 2. No place comes before the one above it: by key, then by number.
 * Not here: what keys mean. */

#include "core/cfut-heap-private.h"

static inline gboolean
comes_before (const CfutPlace *a,
              const CfutPlace *b)
{
  return a->key != b->key ? a->key < b->key : a->number < b->number;
}

static inline void
heap_put (CfutHeap  *self,
          guint      i,
          CfutPlace *place)
{
  self->places[i] = place;
  place->index = i + 1;
}

static void
heap_sift_up (CfutHeap  *self,
              guint      i,
              CfutPlace *place)
{
  while (i > 0 && comes_before (place, self->places[(i - 1) / 2]))
    {
      heap_put (self, i, self->places[(i - 1) / 2]);
      i = (i - 1) / 2;
    }
  heap_put (self, i, place);
}

static void
heap_sift_down (CfutHeap  *self,
                guint      i,
                CfutPlace *place)
{
  for (;;)
    {
      guint child = 2 * i + 1;

      if (child + 1 < self->len && comes_before (self->places[child + 1], self->places[child]))
        child++;
      if (child >= self->len || !comes_before (self->places[child], place))
        break;

      heap_put (self, i, self->places[child]);
      i = child;
    }
  heap_put (self, i, place);
}

/* Where one of its neighbours may be out of order with it. */
static void
heap_sift (CfutHeap  *self,
           guint      i,
           CfutPlace *place)
{
  if (i > 0 && comes_before (place, self->places[(i - 1) / 2]))
    heap_sift_up (self, i, place);
  else
    heap_sift_down (self, i, place);
}

void
cfut_heap_clear (CfutHeap *self)
{
  g_clear_pointer (&self->places, g_free);
  self->len = self->size = 0;
}

void
cfut_heap_insert (CfutHeap  *self,
                  CfutPlace *place,
                  gint64     key)
{
  g_assert (place->index == 0);

  if (self->len == self->size)
    {
      self->size = MAX (16, 2 * self->size);
      self->places = g_renew (CfutPlace *, self->places, self->size);
    }

  place->key = key;
  place->number = self->n_inserted++;
  heap_sift_up (self, self->len++, place);
}

void
cfut_heap_move (CfutHeap  *self,
                CfutPlace *place,
                gint64     key)
{
  g_assert (place->index > 0);

  place->key = key;
  heap_sift (self, place->index - 1, place);
}

void
cfut_heap_remove (CfutHeap  *self,
                  CfutPlace *place)
{
  guint i = place->index - 1;
  CfutPlace *last;

  g_assert (place->index > 0);

  last = self->places[--self->len];
  place->index = 0;
  if (last != place)
    heap_sift (self, i, last);
}
