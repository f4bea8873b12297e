/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* An array of pointers with room at both ends. A list of jobs is appended to, and what is removed
 * from it is mostly old and so near the front: with a GPtrArray, a million jobs that are taken out
 * one by one as they finish move half a million million pointers.
 *
 * Threads: none of its own; the caller locks.
 * Owns: the array, not the items.
 * Invariants: head + len <= size; an append costs a constant number of moves on average, a removal
 *   at most those items that are on its shorter side.
 * Not here: searching. */

#include <string.h>

#include "core/cfut-deque-private.h"

#define MIN_SIZE 16

void
cfut_deque_clear (CfutDeque *self)
{
  g_clear_pointer (&self->items, g_free);
  self->head = 0;
  self->len = 0;
  self->size = 0;
}

static void
deque_move (CfutDeque *self,
            guint      to,
            guint      from,
            guint      n_items)
{
  if (n_items == 0 || to == from)
    return;

  memmove (self->items + to, self->items + from, n_items * sizeof (gpointer));
  self->n_moves += n_items;
}

static void
deque_resize (CfutDeque *self,
              guint      size)
{
  deque_move (self, 0, self->head, self->len);
  self->head = 0;
  self->size = size;
  self->items = g_renew (gpointer, self->items, size);
}

void
cfut_deque_append (CfutDeque *self,
                   gpointer   item)
{
  if (self->head + self->len == self->size)
    {
      /* What the removals at the front left free pays for moving the rest there. */
      guint size = self->head >= self->size / 2 && self->head > 0 ? self->size : self->size * 2;

      deque_resize (self, MAX (size, MIN_SIZE));
    }

  self->items[self->head + self->len++] = item;
}

void
cfut_deque_remove (CfutDeque *self,
                   guint      position,
                   guint      n_items)
{
  guint after = self->len - position - n_items;

  g_assert (position <= self->len && n_items <= self->len - position);

  if (position < after)
    {
      deque_move (self, self->head + n_items, self->head, position);
      self->head += n_items;
    }
  else
    {
      deque_move (self, self->head + position, self->head + position + n_items, after);
    }

  self->len -= n_items;
  if (self->len < self->size / 4 && self->size > MIN_SIZE)
    deque_resize (self, MAX (self->len * 2, MIN_SIZE));
}
