/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Any bytes to a frame, to "more", or to why they are no frame. What is true of the codec is said
 * in cfut-wire.c.
 *
 * Threads: any.
 * Locks: none.
 * Owns: nothing.
 * Invariants:
 * 1. An offset is compared with what there is before anything is read with it.
 * 2. Numbers are added only after each was found to be no larger than the bytes there are.
 * Not here: whether the descriptors have come (cfut-channel-in.c). */

#define _GNU_SOURCE   /* memrchr () */

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

#include "process/cfut-wire-layout-private.h"

static gboolean
all_zero (const guint8 *data,
          gsize         size)
{
  for (gsize i = 0; i < size; i++)
    if (data[i] != 0)
      return FALSE;

  return TRUE;
}

/* What is taken out of a body. Those that return a text say why it is no frame. */

static gboolean
take_text (const guint8 *data,
           gsize         size,
           gsize         max,
           const char  **text)
{
  *text = (const char *) data;
  return size <= max + 1 && cfut_wire_is_text (data, size);
}

static const char *
take_variant (CfutWireFrame *frame,
              const guint8  *data,
              gsize          size)
{
  const guint8 *nul = size > 0 ? memrchr (data, 0, size) : NULL;
  const char *type, *end, *limit = (const char *) data + size;

  if (nul == NULL)
    return "a variant without a type";

  type = (const char *) nul + 1;
  if (!g_variant_type_string_scan (type, limit, &end) || end != limit ||
      !g_variant_type_is_definite ((const GVariantType *) type))
    return "a variant whose type is none";

  frame->value = data;
  frame->value_size = nul - data;
  frame->value_type = type;
  frame->value_type_length = limit - type;
  if (!cfut_wire_is_sound (type, frame->value_type_length, data, frame->value_size))
    return "a value that is not in normal form";

  return NULL;
}

static const char *
take_named (CfutWireFrame *frame,
            const guint8  *data,
            gsize          size)
{
  guint width = cfut_wire_offset_width (size);
  gsize name_end, value_at;

  if (size < width)
    return "a body that is too short";

  name_end = cfut_wire_get_offset (data + size - width, width);
  if (name_end > CFUT_WIRE_MAX_NAME + 1 || name_end > size - width)
    return "a name that is too long";

  value_at = CFUT_WIRE_ALIGN (name_end);
  if (value_at > size - width || cfut_wire_size_with_offsets (size - width, 1) != size ||
      !all_zero (data + name_end, value_at - name_end))
    return "a body that is not in normal form";

  if (!take_text (data, name_end, CFUT_WIRE_MAX_NAME, &frame->name) || name_end < 2)
    return "a name that is none";

  return take_variant (frame, data + value_at, size - width - value_at);
}

static const char *
take_error (CfutWireFrame *frame,
            const guint8  *data,
            gsize          size)
{
  guint width = cfut_wire_offset_width (size);
  gsize domain_end, code_at, message_end;

  if (size < 2 * width + 5)
    return "a body that is too short";

  message_end = cfut_wire_get_offset (data + size - 2 * width, width);
  domain_end = cfut_wire_get_offset (data + size - width, width);
  if (domain_end > size || message_end != size - 2 * width - 1)
    return "offsets that lead out of the body";

  code_at = (domain_end + 3) & ~(gsize) 3;
  if (code_at + 4 > message_end || cfut_wire_size_with_offsets (size - 2 * width, 2) != size ||
      !all_zero (data + domain_end, code_at - domain_end) || data[message_end] > 1)
    return "a body that is not in normal form";

  if (!take_text (data, domain_end, CFUT_WIRE_MAX_NAME, &frame->domain) ||
      !take_text (data + code_at + 4, message_end - code_at - 4, CFUT_WIRE_MAX_MESSAGE,
                  &frame->message))
    return "a text that is none, or too long";

  frame->code = (gint32) cfut_wire_get_u32 (data + code_at);
  frame->cancelled = data[message_end];

  return NULL;
}

static const char *
take_hello (CfutWireFrame *frame,
            const guint8  *data,
            gsize          size)
{
  if (size < 4)
    return "a body that is too short";

  frame->version = cfut_wire_get_u32 (data);
  if (frame->version != CFUT_WIRE_VERSION)
    return NULL;
  if (size < 12)
    return "a body that is too short";

  frame->pid = cfut_wire_get_u32 (data + 4);
  frame->byte_order = data[8];
  frame->has_control = data[9];
  if (data[9] > 1 || (frame->byte_order != 'l' && frame->byte_order != 'B') ||
      !take_text (data + 10, size - 10, CFUT_WIRE_MAX_NAME, &frame->name))
    return "a hello that is none";

  return NULL;
}

static const char *
take_body (CfutWireFrame *frame,
           const guint8  *data,
           gsize          size)
{
  switch (cfut_wire_types[frame->type].shape)
    {
    case CFUT_WIRE_SHAPE_HELLO:
      return take_hello (frame, data, size);
    case CFUT_WIRE_SHAPE_MAYBE:
      if (size == 0)
        return NULL;
      return data[size - 1] == 0 ? take_variant (frame, data, size - 1)
                                 : "a body that is not in normal form";
    case CFUT_WIRE_SHAPE_ERROR:
      return take_error (frame, data, size);
    case CFUT_WIRE_SHAPE_PROGRESS:
      frame->done = cfut_wire_get_u64 (data);
      frame->total = cfut_wire_get_u64 (data + 8);
      return NULL;
    case CFUT_WIRE_SHAPE_TEXT:
      return take_text (data, size, CFUT_WIRE_MAX_MESSAGE, &frame->name)
             ? NULL : "a text that is none";
    case CFUT_WIRE_SHAPE_NAMED:
      return take_named (frame, data, size);
    case CFUT_WIRE_SHAPE_VARIANT:
      return take_variant (frame, data, size);
    case CFUT_WIRE_SHAPE_OPTIONS:
      frame->value = data;
      frame->value_size = size;
      frame->value_type = cfut_wire_shapes[CFUT_WIRE_SHAPE_OPTIONS].type;
      frame->value_type_length = strlen (frame->value_type);
      return cfut_wire_is_sound (frame->value_type, frame->value_type_length, data, size)
             ? NULL : "options that are not in normal form";
    case CFUT_WIRE_SHAPE_NONE:
    case CFUT_WIRE_N_SHAPES:
    default:
      return NULL;
    }
}

/* Whether an empty `ay` is there. */
static gboolean
path_leads_to_bytes (GVariant              *value,
                     const CfutWirePayload *payload)
{
  g_autoptr (GVariant) at = g_variant_ref (value);

  for (guint i = 0; i < payload->path_length; i++)
    {
      GVariant *child;

      if (!g_variant_is_container (at) || payload->path[i] >= g_variant_n_children (at))
        return FALSE;
      child = g_variant_get_child_value (at, payload->path[i]);
      g_variant_unref (at);
      at = child;
    }

  return g_variant_is_of_type (at, G_VARIANT_TYPE_BYTESTRING) && g_variant_get_size (at) == 0;
}

static gboolean
same_path (const CfutWirePayload *a,
           const CfutWirePayload *b)
{
  return a->path_length == b->path_length &&
         memcmp (a->path, b->path, a->path_length * sizeof a->path[0]) == 0;
}

/* One of an array that is in normal form. */
static const char *
take_payload (CfutWirePayload *payload,
              GVariant        *item)
{
  g_autoptr (GVariant) path = NULL;
  const guint32 *steps;
  gsize n_steps;
  guint8 kind;

  memset (payload, 0, sizeof *payload);
  g_variant_get (item, "(@auyutt)", &path, &kind, &payload->fd, &payload->buffer, &payload->size);
  steps = g_variant_get_fixed_array (path, &n_steps, sizeof (guint32));
  if (n_steps > CFUT_WIRE_MAX_PATH)
    return "a payload whose path is too long";

  payload->path_length = n_steps;
  if (n_steps > 0)
    memcpy (payload->path, steps, n_steps * sizeof (guint32));
  payload->kind = kind;
  if (kind > CFUT_WIRE_PAYLOAD_AGAIN || payload->size == 0 || payload->size > G_MAXSSIZE ||
      (kind == CFUT_WIRE_PAYLOAD_ONCE) != (payload->buffer == 0) ||
      (kind == CFUT_WIRE_PAYLOAD_AGAIN && payload->fd != 0))
    return "a payload that is none";

  return NULL;
}

/* The frame's own descriptors come first, then those of its payloads, in order. */
static gboolean
descriptors_fit (const CfutWireFrame *frame)
{
  guint n = 0, fd;

  for (guint i = 0; i < frame->n_payloads; i++)
    n += frame->payloads[i].kind != CFUT_WIRE_PAYLOAD_AGAIN;
  if (n > frame->n_fds)
    return FALSE;

  fd = frame->n_fds - n;
  for (guint i = 0; i < frame->n_payloads; i++)
    if (frame->payloads[i].kind != CFUT_WIRE_PAYLOAD_AGAIN && frame->payloads[i].fd != fd++)
      return FALSE;

  return TRUE;
}

static const char *
take_payloads (CfutWireFrame *frame,
               const guint8  *data,
               gsize          size)
{
  g_autoptr (GVariant) little = NULL;
  g_autoptr (GVariant) array = NULL;
  g_autoptr (GVariant) value = NULL;
  gsize n;

  if (!cfut_wire_is_sound (CFUT_WIRE_PAYLOADS_TYPE, strlen (CFUT_WIRE_PAYLOADS_TYPE), data, size))
    return "payloads that are not in normal form";

  little = g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE (CFUT_WIRE_PAYLOADS_TYPE),
                                                        data, size, TRUE, NULL, NULL));
  array = cfut_wire_swap (little);
  n = g_variant_n_children (array);
  if (n == 0 || n > CFUT_WIRE_MAX_FDS || frame->value == NULL)
    return "no payload, or too many";

  value = g_variant_ref_sink (g_variant_new_from_data ((const GVariantType *) frame->value_type,
                                                       frame->value, frame->value_size, TRUE, NULL,
                                                       NULL));
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) item = g_variant_get_child_value (array, i);
      CfutWirePayload *payload = &frame->payloads[i];
      const char *why = take_payload (payload, item);

      if (why != NULL)
        return why;
      if (!path_leads_to_bytes (value, payload))
        return "a payload that has no place";
      for (gsize j = 0; j < i; j++)
        if (same_path (payload, &frame->payloads[j]))
          return "two payloads in one place";
    }

  frame->n_payloads = n;
  return descriptors_fit (frame) ? NULL : "payloads that do not fit their descriptors";
}

static const char *
take_whole_body (CfutWireFrame *frame,
                 guint          flags,
                 const guint8  *data,
                 gsize          size)
{
  guint width = cfut_wire_offset_width (size);
  const char *why;
  gsize inner, array_at;

  if (!all_zero (data + size, CFUT_WIRE_ALIGN (size) - size))
    return "padding that is not zero";
  if (!(flags & CFUT_WIRE_FLAG_PAYLOAD))
    return take_body (frame, data, size);

  if (size < width)
    return "a body that is too short";
  inner = cfut_wire_get_offset (data + size - width, width);
  if (inner > size - width)
    return "offsets that lead out of the body";
  array_at = CFUT_WIRE_ALIGN (inner);
  if (array_at > size - width || cfut_wire_size_with_offsets (size - width, 1) != size ||
      !all_zero (data + inner, array_at - inner))
    return "a body that is not in normal form";

  why = take_body (frame, data, inner);
  if (why == NULL)
    why = take_payloads (frame, data + array_at, size - width - array_at);

  return why;
}

/* @n: bytes of the header that are there. */
static const char *
check_header (const guint8 *data,
              gsize         n,
              CfutWireSide  from,
              gsize         max_body)
{
  gboolean takes_fds;
  gsize size;
  CfutWireShape shape;

  if (n < 4)
    return NULL;
  size = cfut_wire_get_u32 (data);
  if (size > max_body)
    return "a length over the limit";

  if (n < 5)
    return NULL;
  if (!cfut_wire_type_exists (data[4]))
    return "a type that does not exist";
  if (!(cfut_wire_types[data[4]].by &
        (from == CFUT_WIRE_WORKER ? CFUT_WIRE_BY_WORKER : CFUT_WIRE_BY_APPLICATION)))
    return "a type that this side does not send";

  shape = cfut_wire_types[data[4]].shape;
  if ((shape == CFUT_WIRE_SHAPE_NONE && size != 0) ||
      (shape == CFUT_WIRE_SHAPE_PROGRESS && size != 16) ||
      (shape != CFUT_WIRE_SHAPE_NONE && shape != CFUT_WIRE_SHAPE_MAYBE &&
       shape != CFUT_WIRE_SHAPE_OPTIONS && size == 0) ||
      (shape == CFUT_WIRE_SHAPE_TEXT && size > CFUT_WIRE_MAX_MESSAGE + 1) ||
      (shape == CFUT_WIRE_SHAPE_ERROR && size > CFUT_WIRE_MAX_NAME + CFUT_WIRE_MAX_MESSAGE + 16) ||
      (shape == CFUT_WIRE_SHAPE_HELLO && size > 10 + CFUT_WIRE_MAX_NAME + 1))
    return "a length that does not fit the type";

  takes_fds = cfut_wire_shapes[shape].payloads_type != NULL;
  if (n >= 6 && data[5] > (takes_fds ? CFUT_WIRE_MAX_FDS : 0))
    return "too many descriptors";
  if ((n >= 7 && (data[6] & ~(takes_fds ? CFUT_WIRE_FLAG_PAYLOAD : 0)) != 0) ||
      (n >= 8 && data[7] != 0))
    return "flags that do not exist";

  return NULL;
}

gsize
cfut_wire_peek_size (const guint8 *data,
                     gsize         size)
{
  return size < 4 ? 0 : CFUT_WIRE_HEADER_SIZE + CFUT_WIRE_ALIGN ((gsize) cfut_wire_get_u32 (data));
}

/* Shows what came, as it often is the output of something that knows of no protocol. */
static void
set_bad (GError      **error,
         const char   *why,
         const guint8 *data,
         gsize         size)
{
  GString *start = g_string_new (NULL);

  for (gsize i = 0; i < MIN (size, 32); i++)
    g_string_append_c (start, g_ascii_isprint (data[i]) ? data[i] : '.');

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               _("What came is no message of the protocol: %s. It starts with “%s”"), why, start->str);
  g_string_free (start, TRUE);
}

CfutWireAnswer
cfut_wire_decode (const guint8  *data,
                  gsize          size,
                  CfutWireSide   from,
                  gsize          max_body,
                  CfutWireFrame *frame,
                  gsize         *consumed,
                  GError       **error)
{
  const char *why = check_header (data, size, from, max_body);
  gsize length;

  if (why == NULL && size >= CFUT_WIRE_HEADER_SIZE)
    {
      length = cfut_wire_get_u32 (data);
      if (size - CFUT_WIRE_HEADER_SIZE >= CFUT_WIRE_ALIGN (length))
        {
          memset (frame, 0, G_STRUCT_OFFSET (CfutWireFrame, payloads));
          frame->n_payloads = 0;
          frame->type = data[4];
          frame->n_fds = data[5];
          frame->id = cfut_wire_get_u64 (data + 8);
          why = take_whole_body (frame, data[6], data + CFUT_WIRE_HEADER_SIZE, length);
          *consumed = CFUT_WIRE_HEADER_SIZE + CFUT_WIRE_ALIGN (length);
          if (why == NULL)
            return CFUT_WIRE_FRAME;
        }
    }

  if (why == NULL)
    return CFUT_WIRE_MORE;

  set_bad (error, why, data, size);
  return CFUT_WIRE_BAD;
}
