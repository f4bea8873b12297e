/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#include "test-dict-util.h"

#include <string.h>

static const char *keys[] = { "a", "b", "", "\xc3\xa4", "a key" };

static GVariant *
random_value (GRand *rand)
{
  switch (g_rand_int_range (rand, 0, 8))
    {
    case 0:
      return g_variant_new_int64 (G_MAXINT64 - g_rand_int_range (rand, 0, 3));
    case 1:
      return g_variant_new_int64 (G_MININT64 + g_rand_int_range (rand, 0, 3));
    case 2:
      return g_variant_new_string (g_rand_boolean (rand) ? "one" : "two");
    case 3:
      return g_variant_new_int32 (g_rand_int_range (rand, 0, 3));
    case 4:
      return g_variant_new ("(sv)", "in a variant", g_variant_new_byte ((guchar) g_rand_int_range (rand, 0, 2)));
    case 5:
      return g_variant_new_array (G_VARIANT_TYPE_STRING, NULL, 0);
    default:
      return g_variant_new_int64 (g_rand_int_range (rand, -2, 3));
    }
}

void
test_dict_op_random (TestDictOp *op,
                     GRand      *rand,
                     guint       n_keys)
{
  memset (op, 0, sizeof *op);
  op->verb = (TestDictVerb) g_rand_int_range (rand, 0, TEST_DICT_N_VERBS);
  op->key = keys[g_rand_int_range (rand, 0, (gint32) MIN (n_keys, G_N_ELEMENTS (keys)))];
  op->delta = g_rand_int_range (rand, -2, 3);
  if (op->verb == TEST_DICT_SET || (op->verb == TEST_DICT_COMPARE_AND_SET && g_rand_int_range (rand, 0, 4) > 0))
    op->value = g_variant_ref_sink (random_value (rand));
  if (op->verb == TEST_DICT_COMPARE_AND_SET && g_rand_int_range (rand, 0, 3) > 0)
    op->expected = g_variant_ref_sink (random_value (rand));
}

void
test_dict_op_clear (TestDictOp *op)
{
  g_clear_pointer (&op->expected, g_variant_unref);
  g_clear_pointer (&op->value, g_variant_unref);
}

char *
test_dict_say_value (GVariant *value)
{
  return value != NULL ? g_variant_print (value, TRUE) : g_strdup ("nothing");
}

char *
test_dict_op_describe (const TestDictOp *op)
{
  static const char *verbs[] = { "set", "lookup", "remove", "contains", "length", "keys", "add", "compare-and-set" };
  g_autofree char *expected = test_dict_say_value (op->expected);
  g_autofree char *value = test_dict_say_value (op->value);

  return g_strdup_printf ("%s '%s' %s %s %" G_GINT64_FORMAT, verbs[op->verb], op->key, expected, value, op->delta);
}

char *
test_dict_say_error (const GError *error)
{
  return g_strdup_printf ("error %s %d", g_quark_to_string (error->domain), error->code);
}

static int
compare_strings (gconstpointer a,
                 gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char *
test_dict_say_keys (const char **names)
{
  g_autofree char *joined = NULL;

  qsort (names, g_strv_length ((char **) names), sizeof *names, compare_strings);
  joined = g_strjoinv ("|", (char **) names);
  return g_strdup_printf ("keys %s", joined);
}

char *
test_dict_do (CfutSharedDict   *dict,
              const TestDictOp *op)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;
  g_auto (GStrv) names = NULL;
  gboolean truth = FALSE;
  gint64 number = 0;

  switch (op->verb)
    {
    case TEST_DICT_SET:
      truth = cfut_shared_dict_set (dict, op->key, op->value, &error);
      break;
    case TEST_DICT_LOOKUP:
      value = cfut_shared_dict_lookup (dict, op->key, &error);
      return error != NULL ? test_dict_say_error (error) : test_dict_say_value (value);
    case TEST_DICT_REMOVE:
      truth = cfut_shared_dict_remove (dict, op->key, &error);
      break;
    case TEST_DICT_CONTAINS:
      truth = cfut_shared_dict_contains (dict, op->key, &error);
      break;
    case TEST_DICT_LENGTH:
      number = (gint64) cfut_shared_dict_get_length (dict, &error);
      return error != NULL ? test_dict_say_error (error) : g_strdup_printf ("x %" G_GINT64_FORMAT, number);
    case TEST_DICT_KEYS:
      names = cfut_shared_dict_dup_keys (dict, &error);
      return error != NULL ? test_dict_say_error (error) : test_dict_say_keys ((const char **) names);
    case TEST_DICT_ADD:
      number = cfut_shared_dict_add (dict, op->key, op->delta, &error);
      return error != NULL ? test_dict_say_error (error) : g_strdup_printf ("x %" G_GINT64_FORMAT, number);
    case TEST_DICT_COMPARE_AND_SET:
    default:
      truth = cfut_shared_dict_compare_and_set (dict, op->key, op->expected, op->value, &error);
      break;
    }

  /* No without a failure, or a failure. */
  g_assert_false (truth && error != NULL);
  return error != NULL ? test_dict_say_error (error) : g_strdup (truth ? "true" : "false");
}

typedef struct {
  char *key;
  char *text;
} NaiveItem;

struct _TestNaiveDict {
  GArray *items;
};

static void
naive_item_clear (gpointer item)
{
  g_free (((NaiveItem *) item)->key);
  g_free (((NaiveItem *) item)->text);
}

TestNaiveDict *
test_naive_dict_new (void)
{
  TestNaiveDict *self = g_new (TestNaiveDict, 1);

  self->items = g_array_new (FALSE, FALSE, sizeof (NaiveItem));
  g_array_set_clear_func (self->items, naive_item_clear);
  return self;
}

TestNaiveDict *
test_naive_dict_copy (TestNaiveDict *self)
{
  TestNaiveDict *copy = test_naive_dict_new ();

  for (guint i = 0; i < self->items->len; i++)
    {
      NaiveItem *item = &g_array_index (self->items, NaiveItem, i);
      NaiveItem other = { g_strdup (item->key), g_strdup (item->text) };

      g_array_append_val (copy->items, other);
    }

  return copy;
}

void
test_naive_dict_free (TestNaiveDict *self)
{
  g_array_unref (self->items);
  g_free (self);
}

/* NULL: it is not there. */
static const char *
naive_find (TestNaiveDict *self,
            const char    *key,
            guint         *position)
{
  for (*position = 0; *position < self->items->len; (*position)++)
    {
      NaiveItem *item = &g_array_index (self->items, NaiveItem, *position);

      if (strcmp (item->key, key) == 0)
        return item->text;
    }

  return NULL;
}

/* @value NULL: removes it. */
static void
naive_put (TestNaiveDict *self,
           const char    *key,
           GVariant      *value)
{
  guint position;

  if (naive_find (self, key, &position) != NULL)
    g_array_remove_index (self->items, position);
  if (value != NULL)
    {
      NaiveItem item = { g_strdup (key), g_variant_print (value, TRUE) };

      g_array_append_val (self->items, item);
    }
}

static char *
naive_add (TestNaiveDict *self,
           const char    *key,
           gint64         delta)
{
  guint position;
  const char *text = naive_find (self, key, &position);
  g_autoptr (GVariant) before = NULL;
  g_autoptr (GVariant) after = NULL;
  gint64 number = 0;

  if (text != NULL)
    {
      before = g_variant_parse (NULL, text, NULL, NULL, NULL);
      if (!g_variant_is_of_type (before, G_VARIANT_TYPE_INT64))
        return g_strdup_printf ("error g-io-error-quark %d", G_IO_ERROR_INVALID_DATA);
      number = g_variant_get_int64 (before);
    }
  if ((delta > 0 && number > G_MAXINT64 - delta) || (delta < 0 && number < G_MININT64 - delta))
    return g_strdup_printf ("error g-io-error-quark %d", G_IO_ERROR_INVALID_ARGUMENT);

  after = g_variant_ref_sink (g_variant_new_int64 (number + delta));
  naive_put (self, key, after);
  return g_strdup_printf ("x %" G_GINT64_FORMAT, number + delta);
}

static char *
naive_say_keys (TestNaiveDict *self)
{
  g_autofree const char **names = g_new0 (const char *, self->items->len + 1);

  for (guint i = 0; i < self->items->len; i++)
    names[i] = g_array_index (self->items, NaiveItem, i).key;

  return test_dict_say_keys (names);
}

char *
test_naive_dict_do (TestNaiveDict    *self,
                    const TestDictOp *op)
{
  guint position;
  const char *text = naive_find (self, op->key, &position);
  g_autofree char *expected = op->expected != NULL ? g_variant_print (op->expected, TRUE) : NULL;
  gboolean truth = text != NULL;

  switch (op->verb)
    {
    case TEST_DICT_SET:
      naive_put (self, op->key, op->value);
      return g_strdup ("true");
    case TEST_DICT_LOOKUP:
      return g_strdup (text != NULL ? text : "nothing");
    case TEST_DICT_REMOVE:
      naive_put (self, op->key, NULL);
      break;
    case TEST_DICT_CONTAINS:
      break;
    case TEST_DICT_LENGTH:
      return g_strdup_printf ("x %u", self->items->len);
    case TEST_DICT_KEYS:
      return naive_say_keys (self);
    case TEST_DICT_ADD:
      return naive_add (self, op->key, op->delta);
    case TEST_DICT_COMPARE_AND_SET:
    default:
      truth = g_strcmp0 (text, expected) == 0;
      if (truth)
        naive_put (self, op->key, op->value);
      break;
    }

  return g_strdup (truth ? "true" : "false");
}

static int
compare_items (gconstpointer a,
               gconstpointer b)
{
  return strcmp (((const NaiveItem *) a)->key, ((const NaiveItem *) b)->key);
}

char *
test_naive_dict_describe (TestNaiveDict *self)
{
  GString *text = g_string_new (NULL);

  g_array_sort (self->items, compare_items);
  for (guint i = 0; i < self->items->len; i++)
    {
      NaiveItem *item = &g_array_index (self->items, NaiveItem, i);

      g_string_append_printf (text, "%s=%s|", item->key, item->text);
    }

  return g_string_free (text, FALSE);
}

/* Whether what is left of the history, of which `done` has a bit for each that was taken, can have come after
 * @state: some order of single steps in which none comes before one that had ended when it began. */
static gboolean
can_be_ordered (const TestDictEvent *events,
                guint                n_events,
                guint32              done,
                TestNaiveDict       *state,
                GHashTable          *failed)
{
  guint first_end = G_MAXUINT;

  if (done == (1u << n_events) - 1)
    return TRUE;

  for (guint i = 0; i < n_events; i++)
    {
      if (!(done & (1u << i)))
        first_end = MIN (first_end, events[i].end);
    }

  for (guint i = 0; i < n_events; i++)
    {
      TestNaiveDict *after;
      g_autofree char *said = NULL;
      gboolean can;

      if ((done & (1u << i)) || events[i].begin > first_end)
        continue;

      after = test_naive_dict_copy (state);
      said = test_naive_dict_do (after, &events[i].op);
      can = strcmp (said, events[i].said) == 0;
      if (can)
        {
          g_autofree char *text = test_naive_dict_describe (after);
          char *place = g_strdup_printf ("%x %s", done | (1u << i), text);

          can = g_hash_table_add (failed, place) &&
                can_be_ordered (events, n_events, done | (1u << i), after, failed);
        }
      test_naive_dict_free (after);
      if (can)
        return TRUE;
    }

  return FALSE;
}

gboolean
test_dict_is_linearizable (const TestDictEvent *events,
                           guint                n_events)
{
  TestNaiveDict *state = test_naive_dict_new ();
  GHashTable *failed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gboolean can = can_be_ordered (events, n_events, 0, state, failed);

  g_hash_table_unref (failed);
  test_naive_dict_free (state);
  return can;
}

guint
test_dict_count_overlaps (const TestDictEvent *events,
                          guint                n_events)
{
  guint n = 0;

  for (guint i = 0; i < n_events; i++)
    for (guint j = 0; j < i; j++)
      n += events[i].begin < events[j].end && events[j].begin < events[i].end;

  return n;
}

void
test_dict_print_events (const TestDictEvent *events,
                        guint                n_events)
{
  for (guint i = 0; i < n_events; i++)
    {
      g_autofree char *described = test_dict_op_describe (&events[i].op);

      g_test_message ("%u to %u, %s: %s", events[i].begin, events[i].end, described, events[i].said);
    }
}
