/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Results on their way between processes: what arrives is what was sent, of the same kind. */

#include "cfut-value-private.h"
#include "test-util.h"

/* Through the form for the way and back; frees what is there. */
static void
send (GValue *value,
      GValue *arrived)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) variant = cfut_value_to_wire (value, &error);

  g_assert_no_error (error);
  g_assert_false (variant != NULL && g_variant_is_floating (variant));
  g_value_unset (value);
  if (G_IS_VALUE (arrived))
    g_value_unset (arrived);
  cfut_value_init_from_wire (arrived, variant);
}

static void
send_text (const char *text,
           GValue     *arrived)
{
  GValue value = G_VALUE_INIT;

  cfut_value_init_variant (&value, g_variant_new_parsed (text));
  send (&value, arrived);
}

/* Each kind that has a setter of its own arrives as that kind, extremes too. */
static void
test_value_kinds_arrive (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("by\0es", 5);
  g_auto (GValue) arrived = G_VALUE_INIT;
  GValue value = G_VALUE_INIT;
  static const char *strv[] = { "a", "", NULL };

  cfut_value_init_int64 (&value, G_MININT64);
  send (&value, &arrived);
  g_assert_true (G_VALUE_HOLDS_INT64 (&arrived));
  g_assert_cmpint (g_value_get_int64 (&arrived), ==, G_MININT64);

  cfut_value_init_double (&value, -0.5);
  send (&value, &arrived);
  g_assert_true (G_VALUE_HOLDS_DOUBLE (&arrived));
  g_assert_cmpfloat (g_value_get_double (&arrived), ==, -0.5);

  cfut_value_init_boolean (&value, TRUE);
  send (&value, &arrived);
  g_assert_true (G_VALUE_HOLDS_BOOLEAN (&arrived) && g_value_get_boolean (&arrived));

  cfut_value_init_string (&value, "");
  send (&value, &arrived);
  g_assert_true (G_VALUE_HOLDS_STRING (&arrived));
  g_assert_cmpstr (g_value_get_string (&arrived), ==, "");

  cfut_value_init_bytes (&value, bytes);
  send (&value, &arrived);
  g_assert_true (G_VALUE_HOLDS (&arrived, G_TYPE_BYTES));
  g_assert_true (g_bytes_equal (g_value_get_boxed (&arrived), bytes));

  g_value_init (&value, G_TYPE_STRV);
  g_value_set_boxed (&value, strv);
  send (&value, &arrived);
  g_assert_true (G_VALUE_HOLDS (&arrived, G_TYPE_STRV));
  g_assert_true (g_strv_equal (g_value_get_boxed (&arrived), strv));

  g_value_init (&value, G_TYPE_UINT);
  g_value_set_uint (&value, G_MAXUINT);
  send (&value, &arrived);
  g_assert_true (G_VALUE_HOLDS_UINT (&arrived));
  g_assert_cmpuint (g_value_get_uint (&arrived), ==, G_MAXUINT);

  g_value_init (&value, G_TYPE_UINT64);
  g_value_set_uint64 (&value, G_MAXUINT64);
  send (&value, &arrived);
  g_assert_true (G_VALUE_HOLDS_UINT64 (&arrived));
  g_assert_cmpuint (g_value_get_uint64 (&arrived), ==, G_MAXUINT64);

  g_value_init (&value, G_TYPE_UCHAR);
  g_value_set_uchar (&value, 200);
  send (&value, &arrived);
  g_assert_true (G_VALUE_HOLDS_UCHAR (&arrived));
  g_assert_cmpuint (g_value_get_uchar (&arrived), ==, 200);
}

/* A number type that has no variant of its own arrives as the one that holds it, with the value. */
static void
test_value_numbers_arrive (void)
{
  g_auto (GValue) arrived = G_VALUE_INIT;
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_CHAR);
  g_value_set_schar (&value, -7);
  send (&value, &arrived);
  g_assert_cmpint (g_value_get_int (&arrived), ==, -7);

  g_value_init (&value, G_TYPE_LONG);
  g_value_set_long (&value, G_MINLONG);
  send (&value, &arrived);
  g_assert_cmpint (g_value_get_int64 (&arrived), ==, G_MINLONG);

  g_value_init (&value, G_TYPE_ULONG);
  g_value_set_ulong (&value, G_MAXULONG);
  send (&value, &arrived);
  g_assert_cmpuint (g_value_get_uint64 (&arrived), ==, G_MAXULONG);

  g_value_init (&value, G_TYPE_FLOAT);
  g_value_set_float (&value, 0.25f);
  send (&value, &arrived);
  g_assert_cmpfloat (g_value_get_double (&arrived), ==, 0.25);

  g_value_init (&value, CFUT_TYPE_STATE);
  g_value_set_enum (&value, CFUT_STATE_REJECTED);
  send (&value, &arrived);
  g_assert_cmpint (g_value_get_int (&arrived), ==, CFUT_STATE_REJECTED);

  g_value_init (&value, CFUT_TYPE_SHUTDOWN_FLAGS);
  g_value_set_flags (&value, CFUT_SHUTDOWN_WAIT);
  send (&value, &arrived);
  g_assert_cmpuint (g_value_get_uint (&arrived), ==, CFUT_SHUTDOWN_WAIT);
}

/* Variants arrive as variants, also those whose form others use: numbers, strings, bytes, and variants
 * inside of variants, as deep as they were. */
static void
test_value_variants_arrive (void)
{
  static const char *texts[] = {
    "(1, 'a', [true])", "int64 5", "'text'", "b'bytes'", "<int64 5>", "<<'text'>>", "<<<1>>>", "<(1, 2)>", "()",
  };
  g_auto (GValue) arrived = G_VALUE_INIT;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GVariant) sent = g_variant_ref_sink (g_variant_new_parsed (texts[i]));

      send_text (texts[i], &arrived);
      g_assert_true (G_VALUE_HOLDS_VARIANT (&arrived));
      g_assert_true (g_variant_equal (g_value_get_variant (&arrived), sent));
    }
}

/* No value stays none, and so does what is NULL of its kind. */
static void
test_value_nothing_arrives (void)
{
  const GType types[] = { G_TYPE_STRING, G_TYPE_BYTES, G_TYPE_STRV, G_TYPE_VARIANT, G_TYPE_OBJECT };
  GValue arrived = G_VALUE_INIT;
  GValue value = G_VALUE_INIT;

  g_assert_null (cfut_value_to_wire (NULL, NULL));
  g_assert_null (cfut_value_to_wire (&value, NULL));
  cfut_value_init_from_wire (&arrived, NULL);
  g_assert_false (G_IS_VALUE (&arrived));

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GError) error = NULL;

      g_value_init (&value, types[i]);
      g_assert_null (cfut_value_to_wire (&value, &error));
      g_assert_no_error (error);
      g_value_unset (&value);
    }
}

/* What has no such form says so. */
static void
test_value_what_cannot_be_sent_says_so (void)
{
  static const char *strv[] = { "fine", "\xff", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  g_auto (GValue) of_object = G_VALUE_INIT;
  g_auto (GValue) of_pointer = G_VALUE_INIT;
  g_auto (GValue) of_text = G_VALUE_INIT;
  g_auto (GValue) of_strv = G_VALUE_INIT;

  cfut_value_init_object (&of_object, object);
  g_assert_null (cfut_value_to_wire (&of_object, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);

  g_value_init (&of_pointer, G_TYPE_POINTER);
  g_assert_null (cfut_value_to_wire (&of_pointer, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);

  cfut_value_init_string (&of_text, "\xff");
  g_assert_null (cfut_value_to_wire (&of_text, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  g_clear_error (&error);

  g_value_init (&of_strv, G_TYPE_STRV);
  g_value_set_boxed (&of_strv, strv);
  g_assert_null (cfut_value_to_wire (&of_strv, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/value/kinds-arrive", test_value_kinds_arrive);
  g_test_add_func ("/cfut/value/numbers-arrive", test_value_numbers_arrive);
  g_test_add_func ("/cfut/value/variants-arrive", test_value_variants_arrive);
  g_test_add_func ("/cfut/value/nothing-arrives", test_value_nothing_arrives);
  g_test_add_func ("/cfut/value/what-cannot-be-sent-says-so",
                   test_value_what_cannot_be_sent_says_so);

  return g_test_run ();
}
