/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A set of pointers to objects of one kind that are alive, so that a group of a million futures knows
 * which it has, at less than a byte for each and at a cost that does not grow with their number.
 *
 * Objects that were made one after the other lie side by side, and are added in that order. So the
 * set has a word of bits for each page of memory, one bit for each 64 bytes of it, and the word last
 * used is at hand. A hash table of the pointers would take 16 to 40 bytes for each and miss the
 * processor's cache at every look.
 *
 * Threads: none of its own; the caller locks.
 * Owns: the table, not the objects.
 * Invariants:
 * 1. Objects are longer than a cell, so no two begin in the same one (the caller asserts it).
 * 2. No page in the table has no bits, and the one at hand is not in the table.
 * Not here: what belongs to an object. */

#include "core/cfut-pointer-set-private.h"

/* A page is as many cells as a word has bits. */
#define WORD_BITS (8 * GLIB_SIZEOF_VOID_P)
#define PAGE_BYTES (CFUT_POINTER_SET_CELL * WORD_BITS)

void
cfut_pointer_set_init (CfutPointerSet *self)
{
  self->pages = g_hash_table_new (NULL, NULL);
  self->page = 0;
  self->bits = 0;
}

void
cfut_pointer_set_clear (CfutPointerSet *self)
{
  g_clear_pointer (&self->pages, g_hash_table_unref);
}

/* Makes the object's page the one at hand. */
static gsize
pointer_set_turn_to (CfutPointerSet *self,
                     gconstpointer   object)
{
  gsize page = (gsize) object / PAGE_BYTES;

  if (page != self->page)
    {
      gpointer key;
      gpointer bits;

      if (self->bits != 0)
        g_hash_table_insert (self->pages, (gpointer) self->page, (gpointer) self->bits);

      self->page = page;
      self->bits = 0;
      if (g_hash_table_steal_extended (self->pages, (gpointer) page, &key, &bits))
        self->bits = (gsize) bits;
    }

  return (gsize) 1 << ((gsize) object / CFUT_POINTER_SET_CELL % WORD_BITS);
}

/* FALSE: it was there. */
gboolean
cfut_pointer_set_add (CfutPointerSet *self,
                      gconstpointer   object)
{
  gsize bit = pointer_set_turn_to (self, object);

  if (self->bits & bit)
    return FALSE;

  self->bits |= bit;
  return TRUE;
}

/* FALSE: it was not there. */
gboolean
cfut_pointer_set_remove (CfutPointerSet *self,
                         gconstpointer   object)
{
  gsize bit = pointer_set_turn_to (self, object);

  if (!(self->bits & bit))
    return FALSE;

  self->bits &= ~bit;
  return TRUE;
}
