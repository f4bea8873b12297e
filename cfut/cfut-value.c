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
