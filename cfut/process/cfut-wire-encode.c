/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Frames to bytes. A body's size is known before anything of it is written, so that each byte is
 * written once. What is true of the codec is said in cfut-wire.c.
 *
 * Threads: any.
 * Locks: none.
 * Owns: nothing.
 * Not here: what comes back (cfut-wire-decode.c). */

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

#include "process/cfut-wire-layout-private.h"

typedef struct {
  const guint8 *data;
  gsize size;
  const char *type;
  gsize type_length;
} Value;

static inline gsize
variant_size (const Value *value)
{
  return value->size + 1 + value->type_length;
}

static void
put_variant (guint8      *at,
             const Value *value)
{
  if (value->size > 0)
    memcpy (at, value->data, value->size);
  at[value->size] = 0;
  memcpy (at + value->size + 1, value->type, value->type_length);
}

static gsize
body_size (const CfutWireOut *frame,
           const Value       *value)
{
  switch (cfut_wire_types[frame->type].shape)
    {
    case CFUT_WIRE_SHAPE_HELLO:
      return 10 + strlen (frame->name) + 1;
    case CFUT_WIRE_SHAPE_MAYBE:
      return frame->value != NULL ? variant_size (value) + 1 : 0;
    case CFUT_WIRE_SHAPE_ERROR:
      return cfut_wire_size_with_offsets (((strlen (frame->domain) + 1 + 3) & ~(gsize) 3) + 4 +
                                strlen (frame->message) + 1 + 1, 2);
    case CFUT_WIRE_SHAPE_PROGRESS:
      return 16;
    case CFUT_WIRE_SHAPE_TEXT:
      return strlen (frame->name) + 1;
    case CFUT_WIRE_SHAPE_NAMED:
      return cfut_wire_size_with_offsets (CFUT_WIRE_ALIGN (strlen (frame->name) + 1) +
                                          variant_size (value), 1);
    case CFUT_WIRE_SHAPE_VARIANT:
      return variant_size (value);
    case CFUT_WIRE_SHAPE_OPTIONS:
      return value->size;
    case CFUT_WIRE_SHAPE_NONE:
    case CFUT_WIRE_N_SHAPES:
    default:
      return 0;
    }
}

static void
put_error (const CfutWireOut *frame,
           guint8            *at,
           gsize              size)
{
  gsize domain_end = strlen (frame->domain) + 1;
  gsize code_at = (domain_end + 3) & ~(gsize) 3;
  gsize message_end = code_at + 4 + strlen (frame->message) + 1;
  guint width = cfut_wire_offset_width (size);

  memcpy (at, frame->domain, domain_end);
  cfut_wire_set_u32 (at + code_at, frame->code);
  memcpy (at + code_at + 4, frame->message, message_end - code_at - 4);
  at[message_end] = frame->cancelled != FALSE;
  cfut_wire_set_offset (at + size - 2 * width, width, message_end);
  cfut_wire_set_offset (at + size - width, width, domain_end);
}

/* @at holds zeros. */
static void
put_body (const CfutWireOut *frame,
          const Value       *value,
          guint8            *at,
          gsize              size)
{
  gsize name_end;

  switch (cfut_wire_types[frame->type].shape)
    {
    case CFUT_WIRE_SHAPE_HELLO:
      cfut_wire_set_u32 (at, frame->version);
      cfut_wire_set_u32 (at + 4, frame->pid);
      at[8] = G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B';
      at[9] = frame->has_control != FALSE;
      memcpy (at + 10, frame->name, size - 10);
      break;
    case CFUT_WIRE_SHAPE_MAYBE:
      if (size > 0)
        put_variant (at, value);
      break;
    case CFUT_WIRE_SHAPE_ERROR:
      put_error (frame, at, size);
      break;
    case CFUT_WIRE_SHAPE_PROGRESS:
      cfut_wire_set_u64 (at, frame->done);
      cfut_wire_set_u64 (at + 8, frame->total);
      break;
    case CFUT_WIRE_SHAPE_TEXT:
      memcpy (at, frame->name, size);
      break;
    case CFUT_WIRE_SHAPE_NAMED:
      name_end = strlen (frame->name) + 1;
      memcpy (at, frame->name, name_end);
      put_variant (at + CFUT_WIRE_ALIGN (name_end), value);
      cfut_wire_set_last_offset (at, size, name_end);
      break;
    case CFUT_WIRE_SHAPE_VARIANT:
      put_variant (at, value);
      break;
    case CFUT_WIRE_SHAPE_OPTIONS:
      if (size > 0)
        memcpy (at, value->data, size);
      break;
    case CFUT_WIRE_SHAPE_NONE:
    case CFUT_WIRE_N_SHAPES:
    default:
      break;
    }
}

static GVariant *
build_payloads (const CfutWirePayload *payloads,
                guint                  n)
{
  GVariantBuilder builder;
  g_autoptr (GVariant) array = NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (CFUT_WIRE_PAYLOADS_TYPE));
  for (guint i = 0; i < n; i++)
    g_variant_builder_add (&builder, "(@auyutt)",
                           g_variant_new_fixed_array (G_VARIANT_TYPE_UINT32, payloads[i].path,
                                                      payloads[i].path_length, sizeof (guint32)),
                           (guint8) payloads[i].kind, payloads[i].fd, payloads[i].buffer,
                           payloads[i].size);
  array = g_variant_ref_sink (g_variant_builder_end (&builder));

  return cfut_wire_swap (array);
}

/* (transfer full): what is laid down of a value; NULL: the other side could not accept it. */
static GVariant *
sound_value (GVariant *given,
             GError  **error)
{
  g_autoptr (GVariant) normal = g_variant_get_normal_form (given);
  g_autoptr (GVariant) value = cfut_wire_swap (normal);
  const char *type = g_variant_get_type_string (value);

  /* Only variants in variants can be too deep, or what nearly is so by its type. */
  if ((strchr (type, 'v') != NULL || strlen (type) > 64) &&
      !cfut_wire_is_sound (type, strlen (type), g_variant_get_data (value),
                           g_variant_get_size (value)))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           _("The value is nested too deeply to be sent to another process"));
      return NULL;
    }

  return g_steal_pointer (&value);
}

static gboolean
check_name (const CfutWireOut *frame,
            GError           **error)
{
  gsize length = strlen (frame->name);

  if (length > 0 && length <= CFUT_WIRE_MAX_NAME && g_utf8_validate (frame->name, length, NULL))
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       _("A name must be valid UTF-8 of 1 to 255 bytes"));
  return FALSE;
}

/* At most @max bytes of @text in valid UTF-8; @text itself, or what is put into @copy. */
static const char *
fit_text (const char *text,
          gsize       max,
          char      **copy)
{
  gsize length = strlen (text);

  if (length <= max && g_utf8_validate (text, length, NULL))
    return text;

  *copy = g_utf8_make_valid (text, MIN (length, max));
  /* Each byte that was none has become three. */
  if (strlen (*copy) > max)
    {
      char *end = *copy + max;

      while ((*end & 0xc0) == 0x80)
        end--;
      *end = 0;
    }

  return *copy;
}

static void
put_header (const CfutWireOut *frame,
            guint8            *at,
            gsize              size)
{
  cfut_wire_set_u32 (at, size);
  at[4] = frame->type;
  at[5] = frame->n_fds;
  at[6] = frame->n_payloads > 0 ? CFUT_WIRE_FLAG_PAYLOAD : 0;
  at[7] = 0;
  cfut_wire_set_u64 (at + 8, frame->id);
}

static gboolean
append_frame (const CfutWireOut *frame,
              GVariant          *wire_value,
              gsize              max_body,
              GByteArray        *out,
              GError           **error)
{
  Value value = { 0 };
  g_autoptr (GVariant) payloads = NULL;
  gsize inner, size, start = out->len;
  guint8 *at;

  if (wire_value != NULL)
    {
      value.data = g_variant_get_data (wire_value);
      value.size = g_variant_get_size (wire_value);
      value.type = g_variant_get_type_string (wire_value);
      value.type_length = strlen (value.type);
    }

  inner = size = body_size (frame, &value);
  if (frame->n_payloads > 0)
    {
      payloads = build_payloads (frame->payloads, frame->n_payloads);
      size = cfut_wire_size_with_offsets (CFUT_WIRE_ALIGN (inner) +
                                          g_variant_get_size (payloads), 1);
    }
  if (size > max_body)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                   _("A message to another process would have %zu bytes, and %zu are allowed"),
                   size, max_body);
      return FALSE;
    }

  g_byte_array_set_size (out, start + CFUT_WIRE_HEADER_SIZE + CFUT_WIRE_ALIGN (size));
  at = out->data + start;
  put_header (frame, at, size);
  at += CFUT_WIRE_HEADER_SIZE;
  /* All that is not overwritten below is padding. */
  if (size <= 512)
    memset (at, 0, CFUT_WIRE_ALIGN (size));
  else
    {
      memset (at, 0, 512);
      memset (at + size - 32, 0, CFUT_WIRE_ALIGN (size) - size + 32);
      if (payloads != NULL)
        memset (at + inner - 1, 0, CFUT_WIRE_ALIGN (inner) - inner + 1);
    }
  put_body (frame, &value, at, inner);
  if (payloads != NULL)
    {
      memcpy (at + CFUT_WIRE_ALIGN (inner), g_variant_get_data (payloads),
              g_variant_get_size (payloads));
      cfut_wire_set_last_offset (at, size, inner);
    }

  return TRUE;
}

gboolean
cfut_wire_encode (const CfutWireOut *given,
                  gsize              max_body,
                  GByteArray        *out,
                  GError           **error)
{
  CfutWireOut frame = *given;
  CfutWireShape shape = cfut_wire_types[frame.type].shape;
  g_autofree char *domain = NULL;
  g_autofree char *message = NULL;
  g_autoptr (GVariant) value = NULL;

  g_assert (cfut_wire_type_exists (frame.type));
  g_assert (frame.n_fds <= CFUT_WIRE_MAX_FDS && frame.n_payloads <= CFUT_WIRE_MAX_FDS);
  g_assert ((frame.n_fds == 0 && frame.n_payloads == 0) ||
            cfut_wire_shapes[shape].payloads_type != NULL);

  if ((shape == CFUT_WIRE_SHAPE_NAMED || shape == CFUT_WIRE_SHAPE_HELLO) &&
      !check_name (&frame, error))
    return FALSE;

  if (shape == CFUT_WIRE_SHAPE_TEXT)
    frame.name = fit_text (frame.name, CFUT_WIRE_MAX_MESSAGE, &message);
  if (shape == CFUT_WIRE_SHAPE_ERROR)
    {
      frame.domain = fit_text (frame.domain, CFUT_WIRE_MAX_NAME, &domain);
      frame.message = fit_text (frame.message, CFUT_WIRE_MAX_MESSAGE, &message);
    }

  if (frame.value != NULL)
    {
      value = sound_value (frame.value, error);
      if (value == NULL)
        return FALSE;
    }

  return append_frame (&frame, value, max_body, out, error);
}
