/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutSharedDict in the application: what its operations do, what they refuse, and that they are each one
 * step on whatever thread. When it tells of changes is in test-dict-changed.c, workers are in
 * test-dict-proxy.c. */

#include "test-dict-util.h"

#define MAX_VALUE (16 * 1024 * 1024)
#define N_THREADS 4
#define N_TIMES 20000

/* Whatever is done in whatever order, it answers as a naive one does. */
static void
test_shared_dict_as_naive (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
      TestNaiveDict *naive = test_naive_dict_new ();

      for (guint j = 0; j < 500; j++)
        {
          g_autofree char *expected = NULL;
          g_autofree char *said = NULL;
          TestDictOp op;

          test_dict_op_random (&op, rand, 5);
          expected = test_naive_dict_do (naive, &op);
          said = test_dict_do (dict, &op);
          g_assert_cmpstr (said, ==, expected);
          test_dict_op_clear (&op);
        }
      test_naive_dict_free (naive);
    }
}

/* A sum that leaves the 64 bits, at either end, is an error, and so is a value of any other type, however small a
 * number it is; and they change nothing. */
static void
test_shared_dict_add_errors (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  GVariant *others[] = { g_variant_new_int32 (1),  g_variant_new_uint64 (1), g_variant_new_double (1),
                         g_variant_new_string ("1"), g_variant_new_boolean (TRUE) };
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (cfut_shared_dict_add (dict, "n", G_MAXINT64, &error), ==, G_MAXINT64);
  g_assert_no_error (error);
  g_assert_cmpint (cfut_shared_dict_add (dict, "n", 1, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_cmpint (cfut_shared_dict_add (dict, "n", 0, &error), ==, G_MAXINT64);
  g_assert_cmpint (cfut_shared_dict_add (dict, "n", G_MININT64, &error), ==, -1);
  g_assert_cmpint (cfut_shared_dict_add (dict, "n", -G_MAXINT64, &error), ==, G_MININT64);
  g_assert_no_error (error);
  g_assert_cmpint (cfut_shared_dict_add (dict, "n", -1, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_cmpint (cfut_shared_dict_add (dict, "n", 0, NULL), ==, G_MININT64);

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr (GVariant) value = NULL;

      g_assert_true (cfut_shared_dict_set (dict, "other", others[i], &error));
      g_assert_cmpint (cfut_shared_dict_add (dict, "other", 1, &error), ==, 0);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
      g_clear_error (&error);
      value = cfut_shared_dict_lookup (dict, "other", &error);
      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_get_size (value), >, 0);
      g_assert_false (g_variant_is_of_type (value, G_VARIANT_TYPE_INT64));
    }
}

/* NULL stands for "none", on either side. */
static void
test_shared_dict_compare_with_none (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  g_autoptr (GVariant) one = g_variant_ref_sink (g_variant_new_int64 (1));
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_shared_dict_compare_and_set (dict, "k", NULL, NULL, &error));
  g_assert_false (cfut_shared_dict_contains (dict, "k", &error));
  g_assert_false (cfut_shared_dict_compare_and_set (dict, "k", one, NULL, &error));
  g_assert_true (cfut_shared_dict_compare_and_set (dict, "k", NULL, one, &error));
  g_assert_true (cfut_shared_dict_contains (dict, "k", &error));
  g_assert_false (cfut_shared_dict_compare_and_set (dict, "k", NULL, one, &error));
  g_assert_false (cfut_shared_dict_compare_and_set (dict, "k", NULL, NULL, &error));
  g_assert_false (cfut_shared_dict_compare_and_set (dict, "k", g_variant_new_int32 (1), NULL, &error));
  g_assert_true (cfut_shared_dict_contains (dict, "k", &error));
  g_assert_true (cfut_shared_dict_compare_and_set (dict, "k", g_variant_new_int64 (1), NULL, &error));
  g_assert_false (cfut_shared_dict_contains (dict, "k", &error));
  g_assert_cmpuint (cfut_shared_dict_get_length (dict, &error), ==, 0);
  g_assert_no_error (error);
}

static GVariant *
zeros (gsize size)
{
  gpointer data = g_malloc0 (size);

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, g_free, data);
}

/* 16 MiB are taken, and come back whole; a byte more is an error that says so, and what was there stays. */
static void
test_shared_dict_size_limit (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_shared_dict_set (dict, "k", zeros (MAX_VALUE), &error));
  g_assert_no_error (error);
  g_assert_false (cfut_shared_dict_set (dict, "k", zeros (MAX_VALUE + 1), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_clear_error (&error);
  g_assert_false (cfut_shared_dict_compare_and_set (dict, "k", NULL, zeros (MAX_VALUE + 1), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_clear_error (&error);
  g_assert_false (cfut_shared_dict_compare_and_set (dict, "k", zeros (MAX_VALUE + 1), NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_clear_error (&error);

  value = cfut_shared_dict_lookup (dict, "k", &error);
  g_assert_cmpuint (g_variant_get_size (value), ==, MAX_VALUE);
  g_assert_true (cfut_shared_dict_compare_and_set (dict, "k", value, g_variant_new_byte (1), &error));
  g_assert_no_error (error);
}

/* Keys that are no text, or far too long, are errors of every operation that has one. */
static void
test_shared_dict_keys_refused (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  g_autofree char *longest = g_strnfill (4096, 'k');
  g_autofree char *too_long = g_strnfill (4097, 'k');
  const char *refused[] = { too_long, "\xff", "cut \xc3" };
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_shared_dict_set (dict, longest, g_variant_new_byte (1), &error));
  g_assert_true (cfut_shared_dict_set (dict, "", g_variant_new_byte (1), &error));
  g_assert_no_error (error);
  g_assert_cmpuint (cfut_shared_dict_get_length (dict, NULL), ==, 2);

  for (guint i = 0; i < 600; i++)
    {
      g_autofree char *said = NULL;
      TestDictOp op;

      test_dict_op_random (&op, rand, 1);
      if (op.verb != TEST_DICT_LENGTH && op.verb != TEST_DICT_KEYS)
        {
          g_autofree char *expected = g_strdup_printf ("error g-io-error-quark %d", G_IO_ERROR_INVALID_ARGUMENT);

          op.key = refused[i % G_N_ELEMENTS (refused)];
          said = test_dict_do (dict, &op);
          g_assert_cmpstr (said, ==, expected);
        }
      test_dict_op_clear (&op);
    }
  g_assert_cmpuint (cfut_shared_dict_get_length (dict, NULL), ==, 2);
}

/* Bytes of a user's that are no value of their type become one, as GVariant has it, before they are kept. */
static void
test_shared_dict_normal_form (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  g_autoptr (GBytes) bytes = g_bytes_new_static ("no end", 6);
  g_autoptr (GVariant) broken = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_STRING, bytes, FALSE));
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_shared_dict_set (dict, "k", broken, &error));
  value = cfut_shared_dict_lookup (dict, "k", &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_is_normal_form (value));
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "");
}

/* The dict keeps a copy: memory of a user's is let go by the one who had it, when set has returned. */
static void
test_shared_dict_keeps_a_copy (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  char data[] = { 1, 2, 3 };
  TestPlace place = { 0 };
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_shared_dict_set (
    dict, "k",
    g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, sizeof data, TRUE, test_place_note, &place), &error));
  g_assert_cmpint (test_place_get_n (&place), ==, 1);
  data[0] = 9;
  value = cfut_shared_dict_lookup (dict, "k", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (value), ==, 3);
  g_assert_cmpint (((const char *) g_variant_get_data (value))[0], ==, 1);
}

/* What was looked up, and a list of keys, stay as they were. */
static void
test_shared_dict_snapshots (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  g_autoptr (GVariant) before = NULL;
  g_auto (GStrv) keys = NULL;

  g_assert_cmpint (cfut_shared_dict_add (dict, "n", 1, NULL), ==, 1);
  before = cfut_shared_dict_lookup (dict, "n", NULL);
  keys = cfut_shared_dict_dup_keys (dict, NULL);
  g_assert_cmpint (cfut_shared_dict_add (dict, "n", 1, NULL), ==, 2);
  g_assert_true (cfut_shared_dict_remove (dict, "n", NULL));
  g_assert_cmpint (g_variant_get_int64 (before), ==, 1);
  g_assert_cmpuint (g_strv_length (keys), ==, 1);
  g_assert_cmpstr (keys[0], ==, "n");
}

static gpointer
add_and_compare (gpointer data)
{
  CfutSharedDict *dict = data;

  for (guint i = 0; i < N_TIMES; i++)
    {
      g_autoptr (GVariant) before = NULL;
      GVariant *after;

      cfut_shared_dict_add (dict, "added", i % 3 == 0 ? 3 : -1, NULL);
      do
        {
          g_clear_pointer (&before, g_variant_unref);
          before = cfut_shared_dict_lookup (dict, "compared", NULL);
          after = g_variant_new_int32 (before != NULL ? g_variant_get_int32 (before) + 1 : 1);
        }
      while (!cfut_shared_dict_compare_and_set (dict, "compared", before, after, NULL));
    }

  return NULL;
}

/* Nothing that several threads add, or set after comparing, is lost. */
static void
test_shared_dict_sums_of_threads (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  GThread *threads[N_THREADS];
  g_autoptr (GVariant) compared = NULL;
  gint64 sum = 0;

  for (guint i = 0; i < N_TIMES; i++)
    sum += i % 3 == 0 ? 3 : -1;
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("adder", add_and_compare, dict);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);

  g_assert_cmpint (cfut_shared_dict_add (dict, "added", 0, NULL), ==, N_THREADS * sum);
  compared = cfut_shared_dict_lookup (dict, "compared", NULL);
  g_assert_cmpint (g_variant_get_int32 (compared), ==, N_THREADS * N_TIMES);
}

typedef struct {
  CfutSharedDict *dict;
  _Atomic gboolean stop;
} Churn;

static gpointer
churn (gpointer data)
{
  Churn *self = data;

  for (guint i = 0; !self->stop; i = (i + 1) % 100)
    {
      g_autofree char *key = g_strdup_printf ("%u", i);

      cfut_shared_dict_set (self->dict, key, g_variant_new_uint32 (i), NULL);
      if (!cfut_shared_dict_remove (self->dict, key, NULL))
        g_assert_not_reached ();
    }

  return NULL;
}

/* Keys and values that are listed and looked up while others come and go are whole; there is one at most here. */
static void
test_shared_dict_keys_while_they_change (void)
{
  Churn data = { .dict = cfut_shared_dict_new () };
  GThread *thread = g_thread_new ("churn", churn, &data);
  guint n_found = 0;

  for (guint i = 0; i < 20000 || n_found == 0; i++)
    {
      g_auto (GStrv) keys = cfut_shared_dict_dup_keys (data.dict, NULL);
      guint n_keys = g_strv_length (keys);

      g_assert_cmpuint (n_keys, <=, 1);
      if (n_keys == 1)
        {
          g_autoptr (GVariant) value = cfut_shared_dict_lookup (data.dict, keys[0], NULL);

          if (value != NULL)
            g_assert_cmpuint (g_variant_get_uint32 (value), ==, (guint) g_ascii_strtoull (keys[0], NULL, 10));
          n_found++;
        }
    }
  data.stop = TRUE;
  g_thread_join (thread);
  g_object_unref (data.dict);
}

/* Arguments that no program means are complained about. */
static void
test_shared_dict_arguments (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();

  test_expect_critical ();
  g_assert_false (cfut_shared_dict_set (dict, NULL, NULL, NULL));
  test_expect_critical ();
  g_assert_false (cfut_shared_dict_set (dict, "k", NULL, NULL));
  test_expect_critical ();
  g_assert_null (cfut_shared_dict_lookup (dict, NULL, NULL));
  test_expect_critical ();
  g_assert_false (cfut_shared_dict_remove (dict, NULL, NULL));
  test_expect_critical ();
  g_assert_false (cfut_shared_dict_contains (dict, NULL, NULL));
  test_expect_critical ();
  g_assert_cmpint (cfut_shared_dict_add (dict, NULL, 1, NULL), ==, 0);
  test_expect_critical ();
  g_assert_false (cfut_shared_dict_compare_and_set (dict, NULL, NULL, NULL, NULL));
  test_expect_critical ();
  g_assert_cmpuint (cfut_shared_dict_get_length (NULL, NULL), ==, 0);
  test_expect_critical ();
  g_assert_null (cfut_shared_dict_dup_keys (NULL, NULL));
  g_test_assert_expected_messages ();
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/shared-dict/as-a-naive-one", test_shared_dict_as_naive);
  g_test_add_func ("/cfut/shared-dict/adding-fails-where-it-cannot-add", test_shared_dict_add_errors);
  g_test_add_func ("/cfut/shared-dict/null-compares-as-none", test_shared_dict_compare_with_none);
  g_test_add_func ("/cfut/shared-dict/values-up-to-16-mib", test_shared_dict_size_limit);
  g_test_add_func ("/cfut/shared-dict/bad-keys-are-refused", test_shared_dict_keys_refused);
  g_test_add_func ("/cfut/shared-dict/values-are-made-normal", test_shared_dict_normal_form);
  g_test_add_func ("/cfut/shared-dict/keeps-a-copy", test_shared_dict_keeps_a_copy);
  g_test_add_func ("/cfut/shared-dict/what-was-looked-up-stays", test_shared_dict_snapshots);
  g_test_add_func ("/cfut/shared-dict/sums-of-threads-are-right", test_shared_dict_sums_of_threads);
  g_test_add_func ("/cfut/shared-dict/lists-keys-while-they-change", test_shared_dict_keys_while_they_change);
  g_test_add_func ("/cfut/shared-dict/complains-about-arguments", test_shared_dict_arguments);

  return g_test_run ();
}
