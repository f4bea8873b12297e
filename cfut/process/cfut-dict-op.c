/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The operations on a shared dict, what is said to them, and how both travel.
 *
 *   worker: op --check, encode--> request ~~> application: decode, own, (table), reply
 *   worker: result <--decode-- reply <~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~|
 *
 * Requests and replies have one type each, with parts that may be empty, so that a frame can be
 * checked by its type alone before anybody looks into it.
 *
 * Threads: any; whoever has an operation has it alone.
 * Locks: none.
 * Owns: an operation its values, and not its key.
 * Invariants:
 * 1. What was checked can travel: it fits in a frame, and in the depth that GVariant allows.
 * 2. The decoders take any variant at all, and answer with an error.
 * 3. A value that was owned keeps nothing of what it was made from.
 * Not here: what the operations do (cfut-dict-table.c); the limit of a frame. */

#include <glib/gi18n-lib.h>
#include <string.h>

#include "process/cfut-dict-op-private.h"
#include "process/cfut-dict-table-private.h"

static guint
type_get_depth (const GVariantType *type)
{
  guint deepest = 0;

  if (g_variant_type_is_variant (type))
    return 1;
  if (g_variant_type_is_basic (type))
    return 0;
  if (g_variant_type_is_array (type) || g_variant_type_is_maybe (type))
    return 1 + type_get_depth (g_variant_type_element (type));

  for (const GVariantType *item = g_variant_type_first (type);
       item != NULL;
       item = g_variant_type_next (item))
    {
      guint depth = type_get_depth (item);

      deepest = MAX (deepest, depth);
    }

  return 1 + deepest;
}

/* How many containers stand in each other, as far as @limit. */
static guint
value_get_depth (GVariant *value,
                 guint     limit)
{
  gsize n_children;
  guint deepest = 0;

  if (strchr (g_variant_get_type_string (value), 'v') == NULL)
    return type_get_depth (g_variant_get_type (value));
  if (limit == 0)
    return 1;

  n_children = g_variant_n_children (value);
  for (gsize i = 0; i < n_children && deepest < limit; i++)
    {
      GVariant *child = g_variant_get_child_value (value, i);
      guint depth = g_variant_is_container (child) ? value_get_depth (child, limit - 1) : 0;

      deepest = MAX (deepest, depth);
      g_variant_unref (child);
    }

  return 1 + deepest;
}

static gboolean
value_check_size (GVariant  *value,
                  GError   **error)
{
  if (g_variant_get_size (value) <= CFUT_DICT_MAX_VALUE)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
               _("A value of %zu bytes is too large for a shared dict, which takes %d"),
               g_variant_get_size (value), CFUT_DICT_MAX_VALUE);
  return FALSE;
}

static gboolean
value_check (GVariant **value,
             GError   **error)
{
  GVariant *normal;

  if (*value == NULL)
    return TRUE;

  /* The size first, as it bounds how much there is to walk. */
  if (!value_check_size (*value, error))
    return FALSE;
  if (value_get_depth (*value, CFUT_DICT_MAX_DEPTH) > CFUT_DICT_MAX_DEPTH)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("A value is nested too deeply for a shared dict, which takes %d levels"),
                   CFUT_DICT_MAX_DEPTH);
      return FALSE;
    }

  normal = g_variant_get_normal_form (*value);
  g_variant_unref (*value);
  *value = normal;
  return value_check_size (normal, error);
}

static gboolean
key_check (const char  *key,
           GError     **error)
{
  if (strlen (key) > CFUT_DICT_MAX_KEY)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("A key of %zu bytes is too long for a shared dict, which takes %d"),
                   strlen (key), CFUT_DICT_MAX_KEY);
      return FALSE;
    }
  if (!g_utf8_validate (key, -1, NULL))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _("A key of a shared dict has to be UTF-8"));
      return FALSE;
    }

  return TRUE;
}

gboolean
cfut_dict_op_check (CfutDictOp  *self,
                    GError     **error)
{
  switch (self->verb)
    {
    case CFUT_DICT_LENGTH:
    case CFUT_DICT_KEYS:
      return TRUE;

    case CFUT_DICT_LOOKUP:
    case CFUT_DICT_REMOVE:
    case CFUT_DICT_CONTAINS:
    case CFUT_DICT_ADD:
      return key_check (self->key, error);

    case CFUT_DICT_SET:
      if (self->value == NULL)
        break;
      return key_check (self->key, error) && value_check (&self->value, error);

    case CFUT_DICT_COMPARE_AND_SET:
      return key_check (self->key, error) && value_check (&self->expected, error) &&
             value_check (&self->value, error);

    default:
      break;
    }

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       _("The operation on the shared dict is not known here"));
  return FALSE;
}

static void
value_own (GVariant **value)
{
  const GVariantType *type;
  gpointer data;
  GBytes *bytes;
  GVariant *copy;
  gsize size;

  if (*value == NULL)
    return;

  type = g_variant_get_type (*value);
  size = g_variant_get_size (*value);
  data = g_malloc (size);
  if (size > 0)
    g_variant_store (*value, data);
  bytes = g_bytes_new_take (data, size);
  copy = g_variant_ref_sink (g_variant_new_from_bytes (type, bytes, TRUE));

  g_bytes_unref (bytes);
  g_variant_unref (*value);
  *value = copy;
}

void
cfut_dict_op_own (CfutDictOp *self)
{
  value_own (&self->value);
  if (self->expected != NULL)
    g_variant_get_data (self->expected);
}

void
cfut_dict_op_clear (CfutDictOp *self)
{
  g_clear_pointer (&self->expected, g_variant_unref);
  g_clear_pointer (&self->value, g_variant_unref);
}

GVariant *
cfut_dict_op_encode (const CfutDictOp *self)
{
  GVariant *request = g_variant_new ("(ysmvmvx)", (guchar) self->verb,
                                     self->key != NULL ? self->key : "", self->expected,
                                     self->value, self->delta);

  return g_variant_ref_sink (request);
}

gboolean
cfut_dict_op_decode (CfutDictOp  *self,
                     GVariant    *request,
                     GError     **error)
{
  guchar verb;

  if (!g_variant_is_of_type (request, CFUT_DICT_REQUEST_TYPE) ||
      !g_variant_is_normal_form (request))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           _("What came is no operation on a shared dict"));
      return FALSE;
    }

  g_variant_get (request, "(y&smvmvx)", &verb, &self->key, &self->expected, &self->value,
                 &self->delta);
  self->verb = verb;
  if (cfut_dict_op_check (self, error))
    return TRUE;

  cfut_dict_op_clear (self);
  return FALSE;
}

gboolean
cfut_dict_answer_check (const CfutDictAnswer  *self,
                        GError               **error)
{
  switch (self->outcome)
    {
    case CFUT_DICT_OVERFLOW:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _("The sum does not fit in 64 bits"));
      return FALSE;

    case CFUT_DICT_NO_NUMBER:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                           _("The value is something other than a signed integer of 64 bits, and "
                             "cannot be added to"));
      return FALSE;

    case CFUT_DICT_DONE:
    default:
      return TRUE;
    }
}

char **
cfut_dict_answer_dup_keys (const CfutDictAnswer *self)
{
  char **keys;

  if (self->keys == NULL)
    return g_variant_dup_strv (self->value, NULL);

  keys = g_new (char *, self->keys->len + 1);
  for (guint i = 0; i < self->keys->len; i++)
    keys[i] = g_strdup (cfut_dict_entry_get_key (self->keys->pdata[i]));
  keys[self->keys->len] = NULL;

  return keys;
}

void
cfut_dict_answer_clear (CfutDictAnswer *self)
{
  g_clear_pointer (&self->value, g_variant_unref);
  g_clear_pointer (&self->keys, g_ptr_array_unref);
  g_clear_pointer (&self->dropped, g_variant_unref);
}

static GVariant *
reply_new (GVariant *value)
{
  return g_variant_ref_sink (g_variant_new ("(m(sis)mv)", FALSE, NULL, 0, NULL, value));
}

GVariant *
cfut_dict_reply_new_error (const GError *error)
{
  g_autofree char *message = g_utf8_make_valid (error->message, -1);

  return g_variant_ref_sink (g_variant_new ("(m(sis)mv)", TRUE, g_quark_to_string (error->domain),
                                            error->code, message, NULL));
}

static GVariant *
keys_to_variant (GPtrArray *keys)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  for (guint i = 0; i < keys->len; i++)
    g_variant_builder_add (&builder, "s", cfut_dict_entry_get_key (keys->pdata[i]));

  return g_variant_builder_end (&builder);
}

GVariant *
cfut_dict_reply_new (CfutDictVerb          verb,
                     const CfutDictAnswer *answer)
{
  g_autoptr (GError) error = NULL;

  if (!cfut_dict_answer_check (answer, &error))
    return cfut_dict_reply_new_error (error);

  switch (verb)
    {
    case CFUT_DICT_LOOKUP:
      return reply_new (answer->value);
    case CFUT_DICT_REMOVE:
    case CFUT_DICT_CONTAINS:
    case CFUT_DICT_COMPARE_AND_SET:
      return reply_new (g_variant_new_boolean (answer->truth));
    case CFUT_DICT_LENGTH:
      return reply_new (g_variant_new_uint64 (answer->length));
    case CFUT_DICT_KEYS:
      return reply_new (keys_to_variant (answer->keys));
    case CFUT_DICT_ADD:
      return reply_new (g_variant_new_int64 (answer->sum));
    case CFUT_DICT_SET:
    default:
      return reply_new (NULL);
    }
}

/* FALSE: @value is not what the operation gives. */
static gboolean
answer_take (CfutDictAnswer *self,
             CfutDictVerb    verb,
             GVariant       *value)
{
  const GVariantType *type = value != NULL ? g_variant_get_type (value) : NULL;

  switch (verb)
    {
    case CFUT_DICT_SET:
      return value == NULL;

    case CFUT_DICT_LOOKUP:
      self->value = value != NULL ? g_variant_ref (value) : NULL;
      return TRUE;

    case CFUT_DICT_REMOVE:
    case CFUT_DICT_CONTAINS:
    case CFUT_DICT_COMPARE_AND_SET:
      if (type == NULL || !g_variant_type_equal (type, G_VARIANT_TYPE_BOOLEAN))
        return FALSE;
      self->truth = g_variant_get_boolean (value);
      return TRUE;

    case CFUT_DICT_LENGTH:
      if (type == NULL || !g_variant_type_equal (type, G_VARIANT_TYPE_UINT64))
        return FALSE;
      self->length = g_variant_get_uint64 (value);
      return TRUE;

    case CFUT_DICT_KEYS:
      if (type == NULL || !g_variant_type_equal (type, G_VARIANT_TYPE_STRING_ARRAY))
        return FALSE;
      self->value = g_variant_ref (value);
      return TRUE;

    case CFUT_DICT_ADD:
      if (type == NULL || !g_variant_type_equal (type, G_VARIANT_TYPE_INT64))
        return FALSE;
      self->sum = g_variant_get_int64 (value);
      return TRUE;

    default:
      return FALSE;
    }
}

gboolean
cfut_dict_reply_decode (GVariant        *reply,
                        CfutDictVerb     verb,
                        CfutDictAnswer  *answer,
                        GError         **error)
{
  g_autoptr (GVariant) value = NULL;
  const char *domain;
  const char *message;
  gboolean failed;
  gint32 code;

  if (g_variant_is_of_type (reply, CFUT_DICT_REPLY_TYPE) && g_variant_is_normal_form (reply))
    {
      g_variant_get (reply, "(m(&si&s)mv)", &failed, &domain, &code, &message, &value);
      if (failed)
        {
          g_set_error_literal (error, g_quark_from_string (domain), code, message);
          return FALSE;
        }
      if (answer_take (answer, verb, value))
        return TRUE;
    }

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                       _("What came is no answer to an operation on a shared dict"));
  return FALSE;
}
