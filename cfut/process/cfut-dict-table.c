/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The table of a shared dict: keys and values, and what each operation does to them. It knows no
 * lock, no object and no connection, so that it can be tested by itself against a naive one.
 *
 * Threads: one at a time. Entries may be held, and let go, on any.
 * Locks: none; see cfut-dict-store.c.
 * Owns: its entries, and each of those its value. Who looks up a value, or lists the keys, gets
 *   references.
 * Invariants:
 * 1. An operation is done as a whole or changes nothing.
 * 2. Nothing is freed by an operation: the value that goes is handed out.
 * 3. All values are serialized and of normal form, so comparing two of them looks at bytes.
 * Not here: which keys and values are taken at all (cfut-dict-op.c); who is told. */

#include <string.h>

#include "process/cfut-dict-table-private.h"

struct _CfutDictEntry {
  gatomicrefcount ref_count;
  GVariant *value;  /* guarded as the table is; NULL: out of it */
  char key[];       /* immutable */
};

struct _CfutDictTable {
  GHashTable *entries;  /* by their keys */
};

CfutDictTable *
cfut_dict_table_new (void)
{
  CfutDictTable *self = g_new (CfutDictTable, 1);

  self->entries = g_hash_table_new (g_str_hash, g_str_equal);
  return self;
}

void
cfut_dict_table_free (CfutDictTable *self)
{
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    {
      g_clear_pointer (&((CfutDictEntry *) entry)->value, g_variant_unref);
      cfut_dict_entry_unref (entry);
    }
  g_hash_table_unref (self->entries);
  g_free (self);
}

const char *
cfut_dict_entry_get_key (CfutDictEntry *self)
{
  return self->key;
}

CfutDictEntry *
cfut_dict_entry_ref (CfutDictEntry *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_dict_entry_unref (CfutDictEntry *self)
{
  if (g_atomic_ref_count_dec (&self->ref_count))
    g_free (self);
}

static CfutDictEntry *
table_insert (CfutDictTable *self,
              const char    *key)
{
  gsize size = strlen (key) + 1;
  CfutDictEntry *entry = g_malloc (sizeof (CfutDictEntry) + size);

  g_atomic_ref_count_init (&entry->ref_count);
  entry->value = NULL;
  memcpy (entry->key, key, size);
  g_hash_table_insert (self->entries, entry->key, entry);

  return entry;
}

/* Of the key that changed to @value, which is taken over; NULL removes it. */
static CfutDictEntry *
table_change (CfutDictTable  *self,
              CfutDictEntry  *entry,
              const char     *key,
              GVariant       *value,
              CfutDictAnswer *answer)
{
  if (entry == NULL)
    entry = table_insert (self, key);
  answer->dropped = entry->value;
  entry->value = value;
  answer->changed = TRUE;

  if (value != NULL)
    return cfut_dict_entry_ref (entry);

  g_hash_table_remove (self->entries, entry->key);
  return entry;
}

static CfutDictEntry *
table_add (CfutDictTable    *self,
           CfutDictEntry    *entry,
           const CfutDictOp *op,
           CfutDictAnswer   *answer)
{
  gint64 before = 0;

  if (entry != NULL)
    {
      if (!g_variant_is_of_type (entry->value, G_VARIANT_TYPE_INT64))
        {
          answer->outcome = CFUT_DICT_NO_NUMBER;
          return NULL;
        }
      before = g_variant_get_int64 (entry->value);
    }

  if (__builtin_add_overflow (before, op->delta, &answer->sum))
    {
      answer->outcome = CFUT_DICT_OVERFLOW;
      return NULL;
    }

  /* Who adds 0 looks. */
  if (entry != NULL && op->delta == 0)
    return NULL;

  return table_change (self, entry, op->key, g_variant_ref_sink (g_variant_new_int64 (answer->sum)),
                       answer);
}

static CfutDictEntry *
table_compare_and_set (CfutDictTable    *self,
                       CfutDictEntry    *entry,
                       const CfutDictOp *op,
                       CfutDictAnswer   *answer)
{
  if (entry == NULL || op->expected == NULL)
    answer->truth = entry == NULL && op->expected == NULL;
  else
    answer->truth = g_variant_equal (entry->value, op->expected);

  if (!answer->truth || (entry == NULL && op->value == NULL))
    return NULL;

  return table_change (self, entry, op->key, op->value != NULL ? g_variant_ref (op->value) : NULL,
                       answer);
}

static GPtrArray *
table_dup_entries (CfutDictTable *self)
{
  GPtrArray *entries = g_ptr_array_new_full (g_hash_table_size (self->entries),
                                             (GDestroyNotify) cfut_dict_entry_unref);
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    g_ptr_array_add (entries, cfut_dict_entry_ref (entry));

  return entries;
}

CfutDictEntry *
cfut_dict_table_apply (CfutDictTable    *self,
                       const CfutDictOp *op,
                       CfutDictAnswer   *answer)
{
  CfutDictEntry *entry = op->key != NULL ? g_hash_table_lookup (self->entries, op->key) : NULL;

  switch (op->verb)
    {
    case CFUT_DICT_SET:
      return table_change (self, entry, op->key, g_variant_ref (op->value), answer);

    case CFUT_DICT_LOOKUP:
      answer->value = entry != NULL ? g_variant_ref (entry->value) : NULL;
      return NULL;

    case CFUT_DICT_REMOVE:
      answer->truth = entry != NULL;
      return entry != NULL ? table_change (self, entry, op->key, NULL, answer) : NULL;

    case CFUT_DICT_CONTAINS:
      answer->truth = entry != NULL;
      return NULL;

    case CFUT_DICT_LENGTH:
      answer->length = g_hash_table_size (self->entries);
      return NULL;

    case CFUT_DICT_KEYS:
      answer->keys = table_dup_entries (self);
      return NULL;

    case CFUT_DICT_ADD:
      return table_add (self, entry, op, answer);

    case CFUT_DICT_COMPARE_AND_SET:
      return table_compare_and_set (self, entry, op, answer);

    default:
      g_assert_not_reached ();
    }
}
