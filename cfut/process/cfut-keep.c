/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What is kept of a stream of any length: the beginning, or the end.
 *
 * Threads: one at a time.
 * Locks: none.
 * Owns: its bytes.
 * Invariants:
 * 1. Of the beginning no more than max bytes are held, of the end no more than twice that, so that
 *    each byte is moved once at most.
 * 2. Where memory is short, what is there stays, truncated says so, and nothing fails.
 * Not here: where it comes from. */

#include <string.h>

#include "process/cfut-keep-private.h"

#define FIRST_ROOM 4096

static gboolean
keep_make_room (CfutKeep *self,
                gsize     size)
{
  gsize wanted = MAX (self->size + size, FIRST_ROOM);
  char *moved;

  if (wanted <= self->room)
    return TRUE;

  wanted = MAX (wanted, MIN (self->room * 2, G_MAXSSIZE));
  moved = g_try_realloc (self->bytes, wanted);
  if (moved == NULL)
    return FALSE;

  self->bytes = moved;
  self->room = wanted;
  return TRUE;
}

static void
keep_append (CfutKeep   *self,
             const char *bytes,
             gsize       size)
{
  memcpy (self->bytes + self->size, bytes, size);
  self->size += size;
}

static void
keep_first (CfutKeep   *self,
            const char *bytes,
            gsize       size)
{
  gsize n = MIN (size, self->max - self->size);

  self->truncated |= n < size;
  if (n == 0)
    return;

  if (keep_make_room (self, n))
    {
      keep_append (self, bytes, n);
    }
  else
    {
      self->truncated = TRUE;
      self->max = self->size;
    }
}

static void
keep_drop_but (CfutKeep *self,
               gsize     n)
{
  if (self->size <= n)
    return;

  memmove (self->bytes, self->bytes + self->size - n, n);
  self->size = n;
  self->truncated = TRUE;
}

static void
keep_last (CfutKeep   *self,
           const char *bytes,
           gsize       size)
{
  if (size > self->max)
    {
      bytes += size - self->max;
      size = self->max;
      self->truncated = TRUE;
    }
  if (self->size + size > self->max && self->size + size - self->max > self->max)
    keep_drop_but (self, self->max - size);

  /* Without memory: in the room that there is. */
  if (!keep_make_room (self, size))
    {
      keep_drop_but (self, MIN (self->size / 2, self->room - MIN (self->room, size)));
      if (self->room - self->size < size)
        {
          self->truncated = TRUE;
          return;
        }
    }

  if (size > 0)
    keep_append (self, bytes, size);
}

void
cfut_keep_add (CfutKeep   *self,
               const char *bytes,
               gsize       size)
{
  if (self->last)
    keep_last (self, bytes, size);
  else
    keep_first (self, bytes, size);
}

GBytes *
cfut_keep_steal (CfutKeep *self,
                 gsize     max)
{
  GBytes *bytes;

  if (self->last)
    keep_drop_but (self, MIN (max, self->max));
  if (self->size == 0)
    return g_bytes_new_static ("", 0);

  bytes = g_bytes_new_take (g_realloc (self->bytes, self->size), self->size);
  self->bytes = NULL;
  self->size = 0;
  self->room = 0;
  return bytes;
}
