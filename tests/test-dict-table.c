/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The table of a shared dict and the form in which its operations travel, without any lock, object or
 * connection: against a naive table, and with whatever bytes there may come. */

#include "test-dict-util.h"

#include "process/cfut-dict-table-private.h"

#define N_SEEDS 40
#define N_OPS 1000

static const CfutDictVerb verbs[TEST_DICT_N_VERBS] = {
  [TEST_DICT_SET] = CFUT_DICT_SET,
  [TEST_DICT_LOOKUP] = CFUT_DICT_LOOKUP,
  [TEST_DICT_REMOVE] = CFUT_DICT_REMOVE,
  [TEST_DICT_CONTAINS] = CFUT_DICT_CONTAINS,
  [TEST_DICT_LENGTH] = CFUT_DICT_LENGTH,
  [TEST_DICT_KEYS] = CFUT_DICT_KEYS,
  [TEST_DICT_ADD] = CFUT_DICT_ADD,
  [TEST_DICT_COMPARE_AND_SET] = CFUT_DICT_COMPARE_AND_SET,
};

static void
op_from_test (CfutDictOp       *op,
              const TestDictOp *test)
{
  *op = (CfutDictOp) { .verb = verbs[test->verb], .key = test->key, .delta = test->delta };
  op->expected = test->expected != NULL ? g_variant_ref (test->expected) : NULL;
  op->value = test->value != NULL ? g_variant_ref (test->value) : NULL;
}

static char *
say_answer (CfutDictVerb          verb,
            const CfutDictAnswer *answer,
            const GError         *error)
{
  g_auto (GStrv) keys = NULL;

  if (error != NULL)
    return test_dict_say_error (error);

  switch (verb)
    {
    case CFUT_DICT_SET:
      return g_strdup ("true");
    case CFUT_DICT_LOOKUP:
      return test_dict_say_value (answer->value);
    case CFUT_DICT_LENGTH:
      return g_strdup_printf ("x %" G_GUINT64_FORMAT, answer->length);
    case CFUT_DICT_KEYS:
      keys = cfut_dict_answer_dup_keys (answer);
      return test_dict_say_keys ((const char **) keys);
    case CFUT_DICT_ADD:
      return g_strdup_printf ("x %" G_GINT64_FORMAT, answer->sum);
    case CFUT_DICT_REMOVE:
    case CFUT_DICT_CONTAINS:
    case CFUT_DICT_COMPARE_AND_SET:
    default:
      return g_strdup (answer->truth ? "true" : "false");
    }
}

/* As bytes, and back again: what comes out has no memory in common with what went in. */
static GVariant *
travel (GVariant *value)
{
  g_autoptr (GBytes) bytes = g_bytes_new (g_variant_get_data (value), g_variant_get_size (value));

  return g_variant_ref_sink (g_variant_new_from_bytes (g_variant_get_type (value), bytes, FALSE));
}

static char *
table_do (CfutDictTable *table,
          CfutDictOp    *op,
          gboolean       travels,
          gboolean      *changed)
{
  CfutDictAnswer answer = { 0 };
  CfutDictAnswer arrived = { 0 };
  CfutDictEntry *entry;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) copy = NULL;
  g_autoptr (GError) error = NULL;
  char *said;

  cfut_dict_op_own (op);
  entry = cfut_dict_table_apply (table, op, &answer);
  *changed = answer.changed;
  g_assert_true ((entry != NULL) == answer.changed);
  if (entry != NULL)
    {
      g_assert_cmpstr (cfut_dict_entry_get_key (entry), ==, op->key);
      cfut_dict_entry_unref (entry);
    }

  if (travels)
    {
      reply = cfut_dict_reply_new (op->verb, &answer);
      copy = travel (reply);
      cfut_dict_reply_decode (copy, op->verb, &arrived, &error);
      said = say_answer (op->verb, &arrived, error);
    }
  else
    {
      cfut_dict_answer_check (&answer, &error);
      said = say_answer (op->verb, &answer, error);
    }
  cfut_dict_answer_clear (&answer);
  cfut_dict_answer_clear (&arrived);

  return said;
}

/* Whatever is done, in whatever order, the answer is that of a table so simple that it is right; and it says that
 * something has changed where it has. With @travels, both operation and answer go through their bytes. */
static void
check_model (guint32  seed,
             gboolean travels)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  CfutDictTable *table = cfut_dict_table_new ();
  TestNaiveDict *naive = test_naive_dict_new ();

  for (guint i = 0; i < N_OPS; i++)
    {
      TestDictOp test;
      TestDictOp look = { .verb = TEST_DICT_LOOKUP };
      CfutDictOp op;
      gboolean changed;
      g_autofree char *expected = NULL;
      g_autofree char *said = NULL;
      g_autofree char *was = NULL;
      g_autofree char *is = NULL;
      g_autoptr (GVariant) request = NULL;
      g_autoptr (GVariant) copy = NULL;
      g_autoptr (GError) error = NULL;

      test_dict_op_random (&test, rand, 5);
      look.key = test.key;
      was = test_naive_dict_do (naive, &look);
      op_from_test (&op, &test);
      g_assert_true (cfut_dict_op_check (&op, &error));
      g_assert_no_error (error);

      if (travels)
        {
          request = cfut_dict_op_encode (&op);
          cfut_dict_op_clear (&op);
          g_assert_true (g_variant_is_of_type (request, CFUT_DICT_REQUEST_TYPE));
          copy = travel (request);
          op = (CfutDictOp) { 0 };
          g_assert_true (cfut_dict_op_decode (&op, copy, &error));
          g_assert_no_error (error);
        }

      expected = test_naive_dict_do (naive, &test);
      said = table_do (table, &op, travels, &changed);
      if (strcmp (said, expected) != 0)
        {
          g_autofree char *described = test_dict_op_describe (&test);

          g_error ("seed %u, operation %u, %s: %s, not %s", seed, i, described, said, expected);
        }

      is = test_naive_dict_do (naive, &look);
      if (strcmp (was, is) != 0)
        g_assert_true (changed);

      cfut_dict_op_clear (&op);
      test_dict_op_clear (&test);
    }

  test_naive_dict_free (naive);
  cfut_dict_table_free (table);
}

static void
test_dict_table_as_naive (void)
{
  guint32 seed = test_seed ();

  for (guint i = 0; i < N_SEEDS; i++)
    check_model (seed + i, FALSE);
}

static void
test_dict_table_as_naive_through_bytes (void)
{
  guint32 seed = test_seed ();

  for (guint i = 0; i < N_SEEDS; i++)
    check_model (seed + i, TRUE);
}

/* An operation frees nothing: the value that goes is handed out, and entries outlive their table. */
static void
test_dict_table_hands_out_what_goes (void)
{
  CfutDictTable *table = cfut_dict_table_new ();
  CfutDictOp set = { .verb = CFUT_DICT_SET, .key = "key" };
  CfutDictOp other = { .verb = CFUT_DICT_KEYS };
  CfutDictAnswer first = { 0 };
  CfutDictAnswer second = { 0 };
  CfutDictAnswer third = { 0 };
  CfutDictAnswer keys = { 0 };
  g_auto (GStrv) names = NULL;

  set.value = g_variant_ref_sink (g_variant_new_string ("one"));
  cfut_dict_entry_unref (cfut_dict_table_apply (table, &set, &first));
  g_assert_null (first.dropped);
  cfut_dict_op_clear (&set);

  set.value = g_variant_ref_sink (g_variant_new_string ("two"));
  cfut_dict_entry_unref (cfut_dict_table_apply (table, &set, &second));
  g_assert_cmpstr (g_variant_get_string (second.dropped, NULL), ==, "one");
  cfut_dict_op_clear (&set);

  g_assert_null (cfut_dict_table_apply (table, &other, &keys));
  other = (CfutDictOp) { .verb = CFUT_DICT_REMOVE, .key = "key" };
  cfut_dict_entry_unref (cfut_dict_table_apply (table, &other, &third));
  g_assert_cmpstr (g_variant_get_string (third.dropped, NULL), ==, "two");

  cfut_dict_table_free (table);
  names = cfut_dict_answer_dup_keys (&keys);
  g_assert_cmpuint (g_strv_length (names), ==, 1);
  g_assert_cmpstr (names[0], ==, "key");

  cfut_dict_answer_clear (&first);
  cfut_dict_answer_clear (&second);
  cfut_dict_answer_clear (&third);
  cfut_dict_answer_clear (&keys);
}

/* A value that was owned holds on to nothing: what it was made from is free when its own owner lets go. */
static void
test_dict_op_keeps_nothing (void)
{
  char data[] = "some bytes that are someone else's";
  TestPlace place = { 0 };
  CfutDictOp op = { .verb = CFUT_DICT_SET, .key = "key" };
  g_autoptr (GError) error = NULL;

  op.value = g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, sizeof data, FALSE,
                                                          test_place_note, &place));
  g_assert_true (cfut_dict_op_check (&op, &error));
  g_assert_cmpint (test_place_get_n (&place), ==, 0);
  cfut_dict_op_own (&op);
  g_assert_cmpint (test_place_get_n (&place), ==, 1);
  g_assert_cmpstr (g_variant_get_bytestring (op.value), ==, "some bytes that are someone else's");
  cfut_dict_op_clear (&op);
}

static GVariant *
nested (guint depth)
{
  GVariant *value = g_variant_new_byte (1);

  for (guint i = 0; i < depth; i++)
    value = i % 2 == 0 ? g_variant_new_variant (value) : g_variant_new_tuple (&value, 1);

  return g_variant_ref_sink (value);
}

/* What a dict takes arrives in a worker: a value of the most depth goes there and back; one more, or far more, is
 * refused with an error, whether by its type or by what is inside. */
static void
test_dict_op_depth (void)
{
  static const guint depths[] = { 1, 2, CFUT_DICT_MAX_DEPTH - 1, CFUT_DICT_MAX_DEPTH, CFUT_DICT_MAX_DEPTH + 1,
                                  CFUT_DICT_MAX_DEPTH + 2, 2000 };

  for (guint i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      CfutDictOp op = { .verb = CFUT_DICT_SET, .key = "key", .value = nested (depths[i]) };
      g_autoptr (GError) error = NULL;
      gboolean fits = depths[i] <= CFUT_DICT_MAX_DEPTH;

      g_assert_true (cfut_dict_op_check (&op, &error) == fits);
      if (fits)
        {
          CfutDictAnswer answer = { .value = op.value };
          CfutDictAnswer arrived = { 0 };
          g_autoptr (GVariant) request = cfut_dict_op_encode (&op);
          g_autoptr (GVariant) reply = cfut_dict_reply_new (CFUT_DICT_LOOKUP, &answer);
          g_autoptr (GVariant) copy = travel (reply);

          g_assert_no_error (error);
          g_assert_true (g_variant_is_normal_form (request));
          g_assert_true (cfut_dict_reply_decode (copy, CFUT_DICT_LOOKUP, &arrived, &error));
          g_assert_no_error (error);
          g_assert_true (g_variant_equal (arrived.value, op.value));
          cfut_dict_answer_clear (&arrived);
        }
      else
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
        }
      cfut_dict_op_clear (&op);
    }
}

/* 101 arrays in each other, all in the type. */
static void
test_dict_op_depth_of_type (void)
{
  char type[CFUT_DICT_MAX_DEPTH + 3];
  CfutDictOp op = { .verb = CFUT_DICT_SET, .key = "key" };
  g_autoptr (GError) error = NULL;

  memset (type, 'a', sizeof type);
  type[CFUT_DICT_MAX_DEPTH + 1] = 'y';
  type[CFUT_DICT_MAX_DEPTH + 2] = 0;
  op.value = g_variant_ref_sink (g_variant_new_array ((const GVariantType *) (type + 1), NULL, 0));
  g_assert_false (cfut_dict_op_check (&op, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  cfut_dict_op_clear (&op);
  g_clear_error (&error);

  op.value = g_variant_ref_sink (g_variant_new_array ((const GVariantType *) (type + 2), NULL, 0));
  g_assert_true (cfut_dict_op_check (&op, &error));
  g_assert_no_error (error);
  cfut_dict_op_clear (&op);
}

static void
check_any (GVariant *value,
           guint    *n_taken)
{
  CfutDictOp op = { 0 };
  g_autoptr (GError) error = NULL;

  if (cfut_dict_op_decode (&op, value, &error))
    {
      (*n_taken)++;
      g_assert_no_error (error);
      cfut_dict_op_clear (&op);
    }
  else
    {
      g_assert_nonnull (error);
      g_assert_null (op.value);
      g_assert_null (op.expected);
    }

  for (CfutDictVerb verb = 0; verb <= CFUT_DICT_COMPARE_AND_SET + 1; verb++)
    {
      CfutDictAnswer answer = { 0 };
      g_autoptr (GError) refusal = NULL;

      if (!cfut_dict_reply_decode (value, verb, &answer, &refusal))
        g_assert_nonnull (refusal);
      cfut_dict_answer_clear (&answer);
    }
}

/* Any bytes at all are an operation, an answer, or an error: ones of other types, ones by chance, and good ones in
 * which some bytes were changed. */
static void
test_dict_op_any_bytes (void)
{
  static const char *types[] = { "(ysmvmvx)", "(m(sis)mv)", "v", "s", "(ysmvmv)", "a{sv}", "mv" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  guint n_taken = 0;

  for (guint i = 0; i < 10000; i++)
    {
      const GVariantType *type = (const GVariantType *) types[g_rand_int_range (rand, 0, G_N_ELEMENTS (types))];
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GBytes) bytes = NULL;
      g_autofree guint8 *data = NULL;
      gsize size;

      if (i % 2 == 0)
        {
          size = (gsize) g_rand_int_range (rand, 0, 64);
          data = g_malloc (size + 1);
          for (gsize j = 0; j < size; j++)
            data[j] = (guint8) g_rand_int_range (rand, 0, g_rand_boolean (rand) ? 256 : 8);
        }
      else
        {
          g_autoptr (GVariant) request = NULL;
          TestDictOp test;
          CfutDictOp op;

          test_dict_op_random (&test, rand, 5);
          op_from_test (&op, &test);
          request = cfut_dict_op_encode (&op);
          size = g_variant_get_size (request);
          data = g_malloc (size + 1);
          g_variant_store (request, data);
          for (guint j = g_rand_int_range (rand, 0, 3); j > 0; j--)
            data[g_rand_int_range (rand, 0, (gint32) size)] = (guint8) g_rand_int_range (rand, 0, 256);
          type = CFUT_DICT_REQUEST_TYPE;
          cfut_dict_op_clear (&op);
          test_dict_op_clear (&test);
        }

      bytes = g_bytes_new (data, size);
      value = g_variant_ref_sink (g_variant_new_from_bytes (type, bytes, FALSE));
      check_any (value, &n_taken);
    }

  g_test_message ("%u were operations", n_taken);
  g_assert_cmpuint (n_taken, >, 1000);
  g_assert_cmpuint (n_taken, <, 9000);
}

/* An error arrives with its domain, its code and what is left of its message. */
static void
test_dict_reply_error (void)
{
  g_autoptr (GError) sent = g_error_new (G_FILE_ERROR, G_FILE_ERROR_NOSPC, "no \xff space");
  g_autoptr (GError) received = NULL;
  g_autoptr (GVariant) reply = cfut_dict_reply_new_error (sent);
  CfutDictAnswer answer = { 0 };

  g_assert_false (cfut_dict_reply_decode (reply, CFUT_DICT_ADD, &answer, &received));
  g_assert_error (received, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  g_assert_true (g_str_has_prefix (received->message, "no "));
  g_assert_true (g_str_has_suffix (received->message, " space"));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/dict-table/as-a-naive-one", test_dict_table_as_naive);
  g_test_add_func ("/cfut/dict-table/as-a-naive-one-through-bytes", test_dict_table_as_naive_through_bytes);
  g_test_add_func ("/cfut/dict-table/hands-out-what-goes", test_dict_table_hands_out_what_goes);
  g_test_add_func ("/cfut/dict-op/owned-values-keep-nothing", test_dict_op_keeps_nothing);
  g_test_add_func ("/cfut/dict-op/depth-has-a-limit", test_dict_op_depth);
  g_test_add_func ("/cfut/dict-op/depth-of-a-type-has-a-limit", test_dict_op_depth_of_type);
  g_test_add_func ("/cfut/dict-op/any-bytes-are-answered", test_dict_op_any_bytes);
  g_test_add_func ("/cfut/dict-op/an-error-arrives-whole", test_dict_reply_error);

  return g_test_run ();
}
