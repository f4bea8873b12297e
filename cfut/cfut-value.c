/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Values of results: made from what C programs have, and read back with a check of the type.
 *
 * Threads: any; a value is the caller's.
 * Locks: none.
 * Owns: nothing beyond the GValue that the caller passes.
 * Invariants:
 * 1. A value whose type is 0 stands for "no value".
 * 2. Numbers convert among each other if nothing is lost but what C's own conversion loses; nothing
 *    else converts.
 * 3. What has gone to another process and come back is of the same kind, as far as it can be sent.
 * Not here: whose value it is, and when it may be read. */

#include <glib/gi18n-lib.h>

#include "cfut-error.h"
#include "cfut-value-private.h"

void
cfut_value_init_copy (GValue       *value,
                      const GValue *from)
{
  if (from == NULL || from->g_type == G_TYPE_INVALID)
    return;

  g_value_init (value, G_VALUE_TYPE (from));
  g_value_copy (from, value);
}

void
cfut_value_init_variant (GValue   *value,
                         GVariant *variant)
{
  g_value_init (value, G_TYPE_VARIANT);
  g_value_set_variant (value, variant);
}

void
cfut_value_init_string (GValue     *value,
                        const char *string)
{
  g_value_init (value, G_TYPE_STRING);
  g_value_set_string (value, string);
}

void
cfut_value_init_bytes (GValue *value,
                       GBytes *bytes)
{
  g_value_init (value, G_TYPE_BYTES);
  g_value_set_boxed (value, bytes);
}

void
cfut_value_init_object (GValue  *value,
                        GObject *object)
{
  g_value_init (value, object != NULL ? G_OBJECT_TYPE (object) : G_TYPE_OBJECT);
  g_value_set_object (value, object);
}

void
cfut_value_init_int64 (GValue *value,
                       gint64  number)
{
  g_value_init (value, G_TYPE_INT64);
  g_value_set_int64 (value, number);
}

void
cfut_value_init_double (GValue *value,
                        double  number)
{
  g_value_init (value, G_TYPE_DOUBLE);
  g_value_set_double (value, number);
}

void
cfut_value_init_boolean (GValue   *value,
                         gboolean  boolean)
{
  g_value_init (value, G_TYPE_BOOLEAN);
  g_value_set_boolean (value, boolean);
}

static void
set_type_error (GError       **error,
                const GValue  *value,
                GType          type)
{
  if (value == NULL)
    g_set_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_INVALID_STATE,
                 _("The future has no value; one of type %s was asked for"), g_type_name (type));
  else
    g_set_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_INVALID_STATE,
                 _("The future’s value is of type %s; one of type %s was asked for"),
                 G_VALUE_TYPE_NAME (value), g_type_name (type));
}

/* Whether @value is of @type; "no value" is not an error here, as NULL can stand for it. */
gboolean
cfut_value_check (const GValue  *value,
                  GType          type,
                  GError       **error)
{
  if (value == NULL)
    return FALSE;
  if (G_VALUE_HOLDS (value, type))
    return TRUE;

  set_type_error (error, value, type);
  return FALSE;
}

/* The same where "no value" is an error too. */
gboolean
cfut_value_require (const GValue  *value,
                    GType          type,
                    GError       **error)
{
  if (value == NULL)
    set_type_error (error, value, type);

  return cfut_value_check (value, type, error);
}

static gboolean
is_number (GType type)
{
  switch (G_TYPE_FUNDAMENTAL (type))
    {
    case G_TYPE_CHAR:
    case G_TYPE_UCHAR:
    case G_TYPE_INT:
    case G_TYPE_UINT:
    case G_TYPE_LONG:
    case G_TYPE_ULONG:
    case G_TYPE_INT64:
    case G_TYPE_UINT64:
    case G_TYPE_FLOAT:
    case G_TYPE_DOUBLE:
    case G_TYPE_ENUM:
    case G_TYPE_FLAGS:
      return TRUE;
    default:
      return FALSE;
    }
}

/* A number that has no place in a gint64. */
static gboolean
is_out_of_range (const GValue *value)
{
  GValue number = G_VALUE_INIT;
  double real;

  if (G_VALUE_HOLDS_UINT64 (value))
    return g_value_get_uint64 (value) > G_MAXINT64;
  if (G_VALUE_HOLDS_ULONG (value))
    return (guint64) g_value_get_ulong (value) > G_MAXINT64;
  if (!G_VALUE_HOLDS_DOUBLE (value) && !G_VALUE_HOLDS_FLOAT (value))
    return FALSE;

  g_value_init (&number, G_TYPE_DOUBLE);
  g_value_transform (value, &number);
  real = g_value_get_double (&number);

  /* 2 to the 63rd is exact in a double; what is not a number is neither less nor more. */
  return !(real >= -0x1p63 && real < 0x1p63);
}

gboolean
cfut_value_get_number (const GValue  *value,
                       GType          type,
                       GValue        *number,
                       GError       **error)
{
  if (value != NULL && is_number (G_VALUE_TYPE (value)))
    {
      if (type == G_TYPE_INT64 && is_out_of_range (value))
        {
          g_set_error_literal (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_INVALID_STATE,
                               _("The future’s value is too large for a whole number of 64 bits"));
          return FALSE;
        }

      g_value_init (number, type);
      if (g_value_transform (value, number))
        return TRUE;
      g_value_unset (number);
    }

  set_type_error (error, value, type);
  return FALSE;
}

static GVariant *
string_to_variant (const char  *string,
                   GError     **error)
{
  if (g_utf8_validate (string, -1, NULL))
    return g_variant_new_string (string);

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                       _("A result that is a string has to be UTF-8"));
  return NULL;
}

static GVariant *
strv_to_variant (const char *const *strv,
                 GError           **error)
{
  for (gsize i = 0; strv[i] != NULL; i++)
    if (!g_utf8_validate (strv[i], -1, NULL))
      return string_to_variant (strv[i], error);

  return g_variant_new_strv (strv, -1);
}

/* Floating; NULL without an error: it stands for no value. */
static GVariant *
native_to_variant (const GValue  *value,
                   GError       **error)
{
  GType type = G_VALUE_TYPE (value);
  gconstpointer pointer = g_value_fits_pointer (value) ? g_value_peek_pointer (value) : NULL;

  switch (G_TYPE_FUNDAMENTAL (type))
    {
    case G_TYPE_BOOLEAN:
      return g_variant_new_boolean (g_value_get_boolean (value));
    case G_TYPE_UCHAR:
      return g_variant_new_byte (g_value_get_uchar (value));
    case G_TYPE_CHAR:
      return g_variant_new_int32 (g_value_get_schar (value));
    case G_TYPE_INT:
      return g_variant_new_int32 (g_value_get_int (value));
    case G_TYPE_ENUM:
      return g_variant_new_int32 (g_value_get_enum (value));
    case G_TYPE_UINT:
      return g_variant_new_uint32 (g_value_get_uint (value));
    case G_TYPE_FLAGS:
      return g_variant_new_uint32 (g_value_get_flags (value));
    case G_TYPE_LONG:
      return g_variant_new_int64 (g_value_get_long (value));
    case G_TYPE_INT64:
      return g_variant_new_int64 (g_value_get_int64 (value));
    case G_TYPE_ULONG:
      return g_variant_new_uint64 (g_value_get_ulong (value));
    case G_TYPE_UINT64:
      return g_variant_new_uint64 (g_value_get_uint64 (value));
    case G_TYPE_FLOAT:
      return g_variant_new_double ((double) g_value_get_float (value));
    case G_TYPE_DOUBLE:
      return g_variant_new_double (g_value_get_double (value));
    case G_TYPE_STRING:
      return pointer != NULL ? string_to_variant (pointer, error) : NULL;
    default:
      break;
    }

  if (type == G_TYPE_BYTES)
    return pointer != NULL ? g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING,
                                                       (GBytes *) pointer, TRUE)
                           : NULL;
  if (type == G_TYPE_STRV)
    return pointer != NULL ? strv_to_variant (pointer, error) : NULL;
  if (type == G_TYPE_NONE || (pointer == NULL && G_TYPE_IS_OBJECT (type)))
    return NULL;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               _("A result of type %s cannot be sent to another process"), g_type_name (type));
  return NULL;
}

GVariant *
cfut_value_to_wire (const GValue  *value,
                    GError       **error)
{
  GVariant *variant;

  if (value == NULL || value->g_type == G_TYPE_INVALID)
    return NULL;

  if (!G_VALUE_HOLDS_VARIANT (value))
    {
      variant = native_to_variant (value, error);
      return variant != NULL ? g_variant_ref_sink (g_variant_new_variant (variant)) : NULL;
    }

  variant = g_value_get_variant (value);
  if (variant == NULL)
    return NULL;
  if (g_variant_is_of_type (variant, G_VARIANT_TYPE_VARIANT))
    return g_variant_ref_sink (g_variant_new_variant (variant));
  return g_variant_ref (variant);
}

/* FALSE: none of the kinds that are sent so. */
static gboolean
init_native (GValue   *value,
             GVariant *variant)
{
  switch (g_variant_classify (variant))
    {
    case G_VARIANT_CLASS_BOOLEAN:
      cfut_value_init_boolean (value, g_variant_get_boolean (variant));
      return TRUE;
    case G_VARIANT_CLASS_BYTE:
      g_value_init (value, G_TYPE_UCHAR);
      g_value_set_uchar (value, g_variant_get_byte (variant));
      return TRUE;
    case G_VARIANT_CLASS_INT32:
      g_value_init (value, G_TYPE_INT);
      g_value_set_int (value, g_variant_get_int32 (variant));
      return TRUE;
    case G_VARIANT_CLASS_UINT32:
      g_value_init (value, G_TYPE_UINT);
      g_value_set_uint (value, g_variant_get_uint32 (variant));
      return TRUE;
    case G_VARIANT_CLASS_INT64:
      cfut_value_init_int64 (value, g_variant_get_int64 (variant));
      return TRUE;
    case G_VARIANT_CLASS_UINT64:
      g_value_init (value, G_TYPE_UINT64);
      g_value_set_uint64 (value, g_variant_get_uint64 (variant));
      return TRUE;
    case G_VARIANT_CLASS_DOUBLE:
      cfut_value_init_double (value, g_variant_get_double (variant));
      return TRUE;
    case G_VARIANT_CLASS_STRING:
      cfut_value_init_string (value, g_variant_get_string (variant, NULL));
      return TRUE;
    case G_VARIANT_CLASS_ARRAY:
      break;
    default:
      return FALSE;
    }

  if (g_variant_is_of_type (variant, G_VARIANT_TYPE_BYTESTRING))
    {
      g_value_init (value, G_TYPE_BYTES);
      g_value_take_boxed (value, g_variant_get_data_as_bytes (variant));
      return TRUE;
    }
  if (g_variant_is_of_type (variant, G_VARIANT_TYPE_STRING_ARRAY))
    {
      g_value_init (value, G_TYPE_STRV);
      g_value_take_boxed (value, g_variant_dup_strv (variant, NULL));
      return TRUE;
    }
  return FALSE;
}

void
cfut_value_init_from_wire (GValue   *value,
                           GVariant *variant)
{
  GVariant *inner;

  if (variant == NULL)
    return;

  if (!g_variant_is_of_type (variant, G_VARIANT_TYPE_VARIANT))
    {
      cfut_value_init_variant (value, variant);
      return;
    }

  inner = g_variant_get_variant (variant);
  if (!init_native (value, inner))
    cfut_value_init_variant (value, inner);
  g_variant_unref (inner);
}
