/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A set of pointers to objects of one kind that are alive, so that a group of a million futures
 * knows which it has, at a few bytes for each and at a cost that hardly grows with their number.
 *
 * Objects that were made one after the other lie side by side, and are added in that order. So the
 * set has a word of bits for each page of memory, one bit for each 64 bytes of it: some twenty
 * futures find themselves in the same 16 bytes of the table. A hash table of the pointers would
 * take 16 to 40 bytes for each and miss the processor's cache at every look.
 *
 * Threads: none of its own; the caller locks.
 * Owns: the table, not the objects.
 * Invariants:
 * 1. Objects are longer than a cell, so no two begin in the same one (the caller asserts it).
 * 2. An entry whose bits are all gone stays, so that searches go on past it, until the table is
 *    made anew; an entry that was never used has page 0, in which there are no objects.
 * 3. At most half of the entries are used.
 * Not here: what belongs to an object. */

#include "core/cfut-pointer-set-private.h"

/* A page is as many cells as a word has bits. */
#define WORD_BITS (8 * GLIB_SIZEOF_SIZE_T)
#define PAGE_BYTES (CFUT_POINTER_SET_CELL * WORD_BITS)
#define MIN_SIZE_BITS 4

/* The odd number nearest to the golden section of all numbers; the high bits of the product count.
 * */
#if GLIB_SIZEOF_SIZE_T == 8
#define GOLDEN ((gsize) 0x9e3779b97f4a7c15)
#else
#define GOLDEN ((gsize) 0x9e3779b9)
#endif

static inline guint
table_size (const CfutPointerSet *self)
{
  return self->pages != NULL ? 1u << (WORD_BITS - self->shift) : 0;
}

void
cfut_pointer_set_clear (CfutPointerSet *self)
{
  g_clear_pointer (&self->pages, g_free);
  self->n_used = 0;
}

/* The entry of @page, or the unused one where it belongs. */
static CfutPointerPage *
table_find (const CfutPointerSet *self,
            gsize                 page)
{
  guint mask = table_size (self) - 1;
  guint i = (page * GOLDEN) >> self->shift;

  while (self->pages[i].page != page && self->pages[i].page != 0)
    i = (i + 1) & mask;

  return &self->pages[i];
}

/* Makes the table anew, without what is empty, and so that it is filled to a quarter at most. */
static void
table_rebuild (CfutPointerSet *self)
{
  CfutPointerPage *old = self->pages;
  guint old_size = table_size (self);
  guint size_bits = MIN_SIZE_BITS;
  guint n_pages = 1;

  for (guint i = 0; i < old_size; i++)
    n_pages += old[i].bits != 0;
  while (n_pages > (1u << size_bits) / 4)
    size_bits++;

  self->shift = WORD_BITS - size_bits;
  self->pages = g_new0 (CfutPointerPage, 1u << size_bits);
  self->n_used = 0;
  for (guint i = 0; i < old_size; i++)
    {
      if (old[i].bits != 0)
        {
          *table_find (self, old[i].page) = old[i];
          self->n_used++;
        }
    }
  g_free (old);
}

static inline gsize
bit_of (gconstpointer object)
{
  return (gsize) 1 << ((gsize) object / CFUT_POINTER_SET_CELL % WORD_BITS);
}

/* FALSE: it was there. */
gboolean
cfut_pointer_set_add (CfutPointerSet *self,
                      gconstpointer   object)
{
  gsize page = (gsize) object / PAGE_BYTES;
  gsize bit = bit_of (object);
  CfutPointerPage *entry;

  if (self->n_used >= table_size (self) / 2)
    table_rebuild (self);

  entry = table_find (self, page);
  if (entry->bits & bit)
    return FALSE;

  if (entry->page == 0)
    {
      entry->page = page;
      self->n_used++;
    }
  entry->bits |= bit;
  return TRUE;
}

/* FALSE: it was not there. */
gboolean
cfut_pointer_set_remove (CfutPointerSet *self,
                         gconstpointer   object)
{
  gsize bit = bit_of (object);
  CfutPointerPage *entry;

  if (self->pages == NULL)
    return FALSE;

  entry = table_find (self, (gsize) object / PAGE_BYTES);
  if (!(entry->bits & bit))
    return FALSE;

  entry->bits &= ~bit;
  return TRUE;
}
