/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A map from objects of one kind that are alive to numbers, so that a group of a million futures
 * knows which it has and when each came, at some ten bytes for each and at a cost that hardly grows
 * with their number.
 *
 * Objects that were made one after the other lie side by side, and are added in that order. So the
 * map has a word of bits for each page of memory, one bit for each 64 bytes of it, and the numbers
 * of those side by side: some twenty futures find themselves in the same 24 bytes of the table. A
 * hash table of the pointers would take 24 to 48 bytes for each and miss the processor's cache at
 * every look.
 *
 * Threads: none of its own; the caller locks.
 * Owns: the table and the numbers, not the objects.
 * Invariants:
 * 1. Objects are longer than a cell, so no two begin in the same one (the caller asserts it).
 * 2. An entry whose bits are all gone stays, so that searches go on past it, until the table is
 *    made anew; an entry that was never used has page 0, in which there are no objects.
 * 3. At most half of the entries are used.
 * 4. `many` is what the numbers are in when there are more than FEW, and has room for as many as
 *    the next multiple of MANY_STEP.
 * Not here: what belongs to an object. */

#include "core/cfut-pointer-map-private.h"

#include <string.h>

/* A page is as many cells as a word has bits. */
#define WORD_BITS (8 * GLIB_SIZEOF_SIZE_T)
#define PAGE_BYTES (CFUT_POINTER_MAP_CELL * WORD_BITS)
#define MIN_SIZE_BITS 4
#define MANY_STEP 8

/* The odd number nearest to the golden section of all numbers; the high bits of the product count.
 * */
#if GLIB_SIZEOF_SIZE_T == 8
#define GOLDEN ((gsize) 0x9e3779b97f4a7c15)
#else
#define GOLDEN ((gsize) 0x9e3779b9)
#endif

static inline guint
table_size (const CfutPointerMap *self)
{
  return self->pages != NULL ? 1u << (WORD_BITS - self->shift) : 0;
}

static inline guint
page_n (const CfutPointerPage *entry)
{
  return (guint) __builtin_popcountll (entry->bits);
}

static inline guint32 *
page_numbers (CfutPointerPage *entry)
{
  return page_n (entry) > CFUT_POINTER_MAP_FEW ? entry->numbers.many : entry->numbers.few;
}

/* Where the number of @bit is, or belongs. */
static inline guint
page_place (const CfutPointerPage *entry,
            gsize                  bit)
{
  return (guint) __builtin_popcountll (entry->bits & (bit - 1));
}

/* Makes room for one more. */
static guint32 *
page_grow (CfutPointerPage *entry)
{
  guint n = page_n (entry);
  guint32 *many;

  if (n < CFUT_POINTER_MAP_FEW)
    return entry->numbers.few;

  if (n == CFUT_POINTER_MAP_FEW)
    {
      many = g_new (guint32, MANY_STEP);
      memcpy (many, entry->numbers.few, sizeof (entry->numbers.few));
      entry->numbers.many = many;
    }
  else if (n % MANY_STEP == 0)
    {
      entry->numbers.many = g_renew (guint32, entry->numbers.many, n + MANY_STEP);
    }

  return entry->numbers.many;
}

static void
page_add (CfutPointerPage *entry,
          gsize            bit,
          guint32          number)
{
  guint32 *numbers = page_grow (entry);
  guint place = page_place (entry, bit);

  memmove (&numbers[place + 1], &numbers[place], (page_n (entry) - place) * sizeof (guint32));
  numbers[place] = number;
  entry->bits |= bit;
}

static void
page_remove (CfutPointerPage *entry,
             gsize            bit)
{
  guint32 *numbers = page_numbers (entry);
  guint place = page_place (entry, bit);
  guint n = page_n (entry) - 1;

  memmove (&numbers[place], &numbers[place + 1], (n - place) * sizeof (guint32));
  entry->bits &= ~bit;
  if (n == CFUT_POINTER_MAP_FEW)
    {
      memcpy (entry->numbers.few, numbers, sizeof (entry->numbers.few));
      g_free (numbers);
    }
}

void
cfut_pointer_map_clear (CfutPointerMap *self)
{
  for (guint i = 0; i < table_size (self); i++)
    {
      if (page_n (&self->pages[i]) > CFUT_POINTER_MAP_FEW)
        g_free (self->pages[i].numbers.many);
    }
  g_clear_pointer (&self->pages, g_free);
  self->n_used = 0;
}

/* The entry of @page, or the unused one where it belongs. */
static CfutPointerPage *
table_find (const CfutPointerMap *self,
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
table_rebuild (CfutPointerMap *self)
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
  return (gsize) 1 << ((gsize) object / CFUT_POINTER_MAP_CELL % WORD_BITS);
}

/* FALSE: it was there, and keeps its number. */
gboolean
cfut_pointer_map_add (CfutPointerMap *self,
                      gconstpointer   object,
                      guint32         number)
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
  page_add (entry, bit, number);
  return TRUE;
}

/* Where its number is until something is added or removed; NULL: it is not there. */
guint32 *
cfut_pointer_map_get (CfutPointerMap *self,
                      gconstpointer   object)
{
  gsize bit = bit_of (object);
  CfutPointerPage *entry;

  if (self->pages == NULL)
    return NULL;

  entry = table_find (self, (gsize) object / PAGE_BYTES);
  if (!(entry->bits & bit))
    return NULL;

  return &page_numbers (entry)[page_place (entry, bit)];
}

/* FALSE: it was not there. */
gboolean
cfut_pointer_map_remove (CfutPointerMap *self,
                         gconstpointer   object)
{
  gsize bit = bit_of (object);
  CfutPointerPage *entry;

  if (self->pages == NULL)
    return FALSE;

  entry = table_find (self, (gsize) object / PAGE_BYTES);
  if (!(entry->bits & bit))
    return FALSE;

  page_remove (entry, bit);
  return TRUE;
}
