/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Holds the sums of a run against those of a sums file.
 *
 * Both sides are brought to absolute paths by their letters alone, "./a" and "a" being the same,
 * and sorted; then one pass over both decides about each path. A path that stands in the sums file
 * more than once is decided for each of its lines.
 *
 * Threads: any, one at a time. Owns both tables, as its entries point into them.
 */

#include "hash-compare.h"

#include <glib/gi18n.h>
#include <string.h>

typedef struct {
  char *key;    /* absolute */
  gsize index;  /* in its table */
} Keyed;

struct _HashComparison {
  HashSums *expected;
  HashSums *actual;
  GArray *entries;  /* of HashComparisonEntry */
  gsize counts[HASH_N_MATCHES];
};

static void
keyed_clear (gpointer data)
{
  g_free (((Keyed *) data)->key);
}

static int
compare_keyed (gconstpointer a,
               gconstpointer b)
{
  return strcmp (((const Keyed *) a)->key, ((const Keyed *) b)->key);
}

static GArray *
make_keys (HashSums   *sums,
           const char *base)
{
  gsize length = hash_sums_get_length (sums);
  g_autofree char *start = base != NULL ? g_canonicalize_filename (base, NULL)
                                        : g_get_current_dir ();
  GArray *keys = g_array_sized_new (FALSE, FALSE, sizeof (Keyed), length);

  g_array_set_clear_func (keys, keyed_clear);

  for (gsize i = 0; i < length; i++)
    {
      Keyed keyed = { g_canonicalize_filename (hash_sums_get_path (sums, i), start), i };

      g_array_append_val (keys, keyed);
    }

  g_array_sort (keys, compare_keyed);

  return keys;
}

/* Either index may be G_MAXSIZE: not there. */
static void
add_entry (HashComparison *self,
           gsize           expected,
           gsize           actual)
{
  HashComparisonEntry entry = { 0, };

  if (expected != G_MAXSIZE)
    {
      entry.path = hash_sums_get_path (self->expected, expected);
      entry.expected = hash_sums_get_sum (self->expected, expected);
    }

  if (actual != G_MAXSIZE)
    {
      entry.path = hash_sums_get_path (self->actual, actual);
      entry.actual = hash_sums_get_sum (self->actual, actual);
    }

  if (entry.expected == NULL)
    entry.match = HASH_MATCH_EXTRA;
  else if (entry.actual == NULL)
    entry.match = HASH_MATCH_MISSING;
  else if (strcmp (entry.expected, entry.actual) == 0)
    entry.match = HASH_MATCH_SAME;
  else
    entry.match = HASH_MATCH_DIFFERENT;

  self->counts[entry.match]++;
  g_array_append_val (self->entries, entry);
}

static void
merge (HashComparison *self,
       GArray         *expected,
       GArray         *actual)
{
  guint i = 0;
  guint j = 0;

  while (i < expected->len || j < actual->len)
    {
      const Keyed *a = i < expected->len ? &g_array_index (expected, Keyed, i) : NULL;
      const Keyed *b = j < actual->len ? &g_array_index (actual, Keyed, j) : NULL;
      int order = a == NULL ? 1 : b == NULL ? -1 : strcmp (a->key, b->key);

      if (order < 0)
        {
          add_entry (self, a->index, G_MAXSIZE);
          i++;
        }
      else if (order > 0)
        {
          add_entry (self, G_MAXSIZE, b->index);
          j++;
        }
      else
        {
          /* All lines of both sides for this path: each with the first of the other. */
          guint first = j;

          do
            add_entry (self, g_array_index (expected, Keyed, i++).index,
                       g_array_index (actual, Keyed, first).index);
          while (i < expected->len &&
                 compare_keyed (&g_array_index (expected, Keyed, i),
                                &g_array_index (actual, Keyed, first)) == 0);

          do
            j++;
          while (j < actual->len &&
                 compare_keyed (&g_array_index (actual, Keyed, j),
                                &g_array_index (actual, Keyed, first)) == 0);
        }
    }
}

HashComparison *
hash_comparison_new (HashSums    *expected,
                     const char  *base,
                     HashSums    *actual,
                     GError     **error)
{
  HashAlgorithm expected_algorithm = hash_sums_get_algorithm (expected);
  HashAlgorithm actual_algorithm = hash_sums_get_algorithm (actual);
  g_autoptr (GArray) expected_keys = NULL;
  g_autoptr (GArray) actual_keys = NULL;
  HashComparison *self;

  if (expected_algorithm != actual_algorithm)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   /* Translators: both are names of algorithms, like SHA-256 */
                   _("The sums file was made with %s, and not with %s"),
                   hash_algorithm_get_title (expected_algorithm),
                   hash_algorithm_get_title (actual_algorithm));
      return NULL;
    }

  self = g_new0 (HashComparison, 1);
  self->expected = hash_sums_ref (expected);
  self->actual = hash_sums_ref (actual);
  self->entries = g_array_new (FALSE, FALSE, sizeof (HashComparisonEntry));

  expected_keys = make_keys (expected, base);
  actual_keys = make_keys (actual, NULL);
  merge (self, expected_keys, actual_keys);

  return self;
}

void
hash_comparison_free (HashComparison *self)
{
  g_array_unref (self->entries);
  hash_sums_unref (self->expected);
  hash_sums_unref (self->actual);
  g_free (self);
}

gsize
hash_comparison_get_count (HashComparison *self,
                           HashMatch       match)
{
  return self->counts[match];
}

gsize
hash_comparison_get_length (HashComparison *self)
{
  return self->entries->len;
}

const HashComparisonEntry *
hash_comparison_get_entry (HashComparison *self,
                           gsize           index)
{
  return &g_array_index (self->entries, HashComparisonEntry, index);
}

const char *
hash_match_get_title (HashMatch match)
{
  switch (match)
    {
    case HASH_MATCH_SAME:
      return C_("comparison", "the same");
    case HASH_MATCH_DIFFERENT:
      return C_("comparison", "different");
    case HASH_MATCH_MISSING:
      return C_("comparison", "missing");
    case HASH_MATCH_EXTRA:
      return C_("comparison", "not in the sums file");
    default:
      g_return_val_if_reached (NULL);
    }
}
