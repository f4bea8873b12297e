/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The protocol's codec: frames to bytes, and any bytes at all to frames, "more" or an error.
 *
 * Bodies are GVariants. Those that each call has are laid out and taken apart here by hand, which
 * costs a fraction of a GVariantBuilder, and gives the same bytes; only the value that is a user's
 * goes through GVariant, and is seldom looked into: most are of a type that one look proves sound.
 *
 * Threads: any.
 * Locks: none.
 * Owns: nothing; what was decoded points into the bytes that were given.
 * Invariants:
 * 1. What decodes as a frame is one to the letter: its body is in GVariant's normal form, all
 *    padding is zero, its strings are UTF-8, and encoding it again gives the same bytes.
 * 2. Nothing outside of the bytes given is read, whatever they say.
 * 3. Time and memory are bounded by the bytes that are there, not by what they announce.
 * 4. What is encoded decodes, at the other end, under the same limit.
 * Not here: what descriptors and payloads are (cfut-channel.c, cfut-payload.c); when a frame may
 *   come. */

#define _GNU_SOURCE   /* memrchr () */

#include "process/cfut-wire-private.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <string.h>

#define ALIGN_8(n) (((n) + 7) & ~(gsize) 7)
#define PAYLOADS_TYPE "a(auyutt)"

/* What a frame's body looks like. */
typedef enum {
  SHAPE_NONE,
  SHAPE_HELLO,
  SHAPE_MAYBE,
  SHAPE_ERROR,
  SHAPE_PROGRESS,
  SHAPE_TEXT,
  SHAPE_NAMED,
  SHAPE_VARIANT,
  SHAPE_OPTIONS,
  N_SHAPES
} Shape;

static const struct {
  const char *type;
  const char *payloads_type;   /* NULL: no descriptors or payloads either */
} shapes[N_SHAPES] = {
  [SHAPE_NONE] = { NULL, NULL },
  [SHAPE_HELLO] = { "(uuybs)", NULL },
  [SHAPE_MAYBE] = { "mv", "(mv" PAYLOADS_TYPE ")" },
  [SHAPE_ERROR] = { "(sisb)", NULL },
  [SHAPE_PROGRESS] = { "(tt)", NULL },
  [SHAPE_TEXT] = { "s", NULL },
  [SHAPE_NAMED] = { "(sv)", "((sv)" PAYLOADS_TYPE ")" },
  [SHAPE_VARIANT] = { "v", "(v" PAYLOADS_TYPE ")" },
  [SHAPE_OPTIONS] = { "a{sv}", NULL },
};

enum {
  BY_WORKER = 1 << 0,
  BY_APPLICATION = 1 << 1
};

static const struct {
  const char *name;   /* NULL: there is no such type */
  Shape shape;
  guint by;
} types[] = {
  [CFUT_WIRE_HELLO] = { "HELLO", SHAPE_HELLO, BY_WORKER },
  [CFUT_WIRE_STARTED] = { "STARTED", SHAPE_NONE, BY_WORKER },
  [CFUT_WIRE_RESULT] = { "RESULT", SHAPE_MAYBE, BY_WORKER },
  [CFUT_WIRE_ERROR] = { "ERROR", SHAPE_ERROR, BY_WORKER },
  [CFUT_WIRE_PROGRESS] = { "PROGRESS", SHAPE_PROGRESS, BY_WORKER },
  [CFUT_WIRE_MESSAGE] = { "MESSAGE", SHAPE_TEXT, BY_WORKER },
  [CFUT_WIRE_DICT] = { "DICT", SHAPE_NAMED, BY_WORKER },
  [CFUT_WIRE_PONG] = { "PONG", SHAPE_NONE, BY_WORKER },
  [CFUT_WIRE_RETURNED] = { "RETURNED", SHAPE_NONE, BY_WORKER },
  [CFUT_WIRE_SETUP] = { "SETUP", SHAPE_OPTIONS, BY_APPLICATION },
  [CFUT_WIRE_CALL] = { "CALL", SHAPE_NAMED, BY_APPLICATION },
  [CFUT_WIRE_CANCEL] = { "CANCEL", SHAPE_NONE, BY_APPLICATION },
  [CFUT_WIRE_PAUSE] = { "PAUSE", SHAPE_NONE, BY_APPLICATION },
  [CFUT_WIRE_RESUME] = { "RESUME", SHAPE_NONE, BY_APPLICATION },
  [CFUT_WIRE_TAKE_BACK] = { "TAKE_BACK", SHAPE_NONE, BY_APPLICATION },
  [CFUT_WIRE_DICT_REPLY] = { "DICT_REPLY", SHAPE_VARIANT, BY_APPLICATION },
  [CFUT_WIRE_PING] = { "PING", SHAPE_NONE, BY_APPLICATION },
  [CFUT_WIRE_STOP] = { "STOP", SHAPE_NONE, BY_APPLICATION },
  [CFUT_WIRE_RELEASE] = { "RELEASE", SHAPE_NONE, BY_WORKER | BY_APPLICATION },
  [CFUT_WIRE_FORGET] = { "FORGET", SHAPE_NONE, BY_WORKER | BY_APPLICATION },
};

static inline gboolean
type_exists (guint type)
{
  return type < G_N_ELEMENTS (types) && types[type].name != NULL;
}

const char *
cfut_wire_body_type (CfutWireType type)
{
  return type_exists (type) ? shapes[types[type].shape].type : NULL;
}

const char *
cfut_wire_type_name (CfutWireType type)
{
  return type_exists (type) ? types[type].name : "?";
}

/* Numbers are little-endian. */

static inline guint32
get_u32 (const guint8 *data)
{
  guint32 n;

  memcpy (&n, data, sizeof n);
  return GUINT32_FROM_LE (n);
}

static inline guint64
get_u64 (const guint8 *data)
{
  guint64 n;

  memcpy (&n, data, sizeof n);
  return GUINT64_FROM_LE (n);
}

static inline void
set_u32 (guint8  *data,
         guint32  n)
{
  n = GUINT32_TO_LE (n);
  memcpy (data, &n, sizeof n);
}

static inline void
set_u64 (guint8  *data,
         guint64  n)
{
  n = GUINT64_TO_LE (n);
  memcpy (data, &n, sizeof n);
}

/* How GVariant counts: the offsets at the end of a container have the width that its whole size,
 * with them, needs. */

static inline guint
offset_width (gsize size)
{
  return size <= G_MAXUINT8 ? 1 : size <= G_MAXUINT16 ? 2 : size <= G_MAXUINT32 ? 4 : 8;
}

static inline gsize
size_with_offsets (gsize size,
                   guint n)
{
  guint width = 1;

  while (size + n * width > (width == 8 ? G_MAXUINT64 : (G_GUINT64_CONSTANT (1) << (8 * width)) - 1))
    width *= 2;

  return size + n * width;
}

static inline gsize
get_offset (const guint8 *data,
            guint         width)
{
  guint64 n = 0;

  memcpy (&n, data, width);
  return GUINT64_FROM_LE (n);
}

static inline void
set_offset (guint8 *data,
            guint   width,
            gsize   n)
{
  guint64 le = GUINT64_TO_LE ((guint64) n);

  memcpy (data, &le, width);
}

static gboolean
all_zero (const guint8 *data,
          gsize         size)
{
  for (gsize i = 0; i < size; i++)
    if (data[i] != 0)
      return FALSE;

  return TRUE;
}

/* A GVariant `s` of @size bytes with its NUL. */
static inline gboolean
is_text (const guint8 *data,
         gsize         size)
{
  return size > 0 && data[size - 1] == 0 && g_utf8_validate_len ((const char *) data, size - 1, NULL);
}

/* Whether @data is in the normal form of the definite type that is at @type. */
static gboolean
is_sound (const char   *type,
          gsize         type_length,
          const guint8 *data,
          gsize         size)
{
  g_autoptr (GVariant) value = NULL;

  if (type_length == 1)
    switch (type[0])
      {
      case 'y':
        return size == 1;
      case 'b':
        return size == 1 && data[0] <= 1;
      case 'n':
      case 'q':
        return size == 2;
      case 'i':
      case 'u':
      case 'h':
        return size == 4;
      case 'x':
      case 't':
      case 'd':
        return size == 8;
      case 's':
        return is_text (data, size);
      default:
        break;
      }
  else if (type_length == 2 && type[0] == 'a' && type[1] == 'y')
    return TRUE;
  else if (type_length == 2 && type[0] == '(')
    return size == 1 && data[0] == 0;

  value = g_variant_ref_sink (g_variant_new_from_data ((const GVariantType *) type, data, size, FALSE,
                                                       NULL, NULL));
  return g_variant_is_normal_form (value);
}

/* Encoding. The bodies' sizes are known before anything is written. */

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
  switch (types[frame->type].shape)
    {
    case SHAPE_HELLO:
      return 10 + strlen (frame->name) + 1;
    case SHAPE_MAYBE:
      return frame->value != NULL ? variant_size (value) + 1 : 0;
    case SHAPE_ERROR:
      return size_with_offsets (((strlen (frame->domain) + 1 + 3) & ~(gsize) 3) + 4 +
                                strlen (frame->message) + 1 + 1, 2);
    case SHAPE_PROGRESS:
      return 16;
    case SHAPE_TEXT:
      return strlen (frame->name) + 1;
    case SHAPE_NAMED:
      return size_with_offsets (ALIGN_8 (strlen (frame->name) + 1) + variant_size (value), 1);
    case SHAPE_VARIANT:
      return variant_size (value);
    case SHAPE_OPTIONS:
      return value->size;
    case SHAPE_NONE:
    case N_SHAPES:
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
  guint width = offset_width (size);

  memcpy (at, frame->domain, domain_end);
  set_u32 (at + code_at, frame->code);
  memcpy (at + code_at + 4, frame->message, message_end - code_at - 4);
  at[message_end] = frame->cancelled != FALSE;
  set_offset (at + size - 2 * width, width, message_end);
  set_offset (at + size - width, width, domain_end);
}

/* @at holds zeros. */
static void
put_body (const CfutWireOut *frame,
          const Value       *value,
          guint8            *at,
          gsize              size)
{
  gsize name_end;

  switch (types[frame->type].shape)
    {
    case SHAPE_HELLO:
      set_u32 (at, frame->version);
      set_u32 (at + 4, frame->pid);
      at[8] = G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B';
      at[9] = frame->has_control != FALSE;
      memcpy (at + 10, frame->name, size - 10);
      break;
    case SHAPE_MAYBE:
      if (size > 0)
        put_variant (at, value);
      break;
    case SHAPE_ERROR:
      put_error (frame, at, size);
      break;
    case SHAPE_PROGRESS:
      set_u64 (at, frame->done);
      set_u64 (at + 8, frame->total);
      break;
    case SHAPE_TEXT:
      memcpy (at, frame->name, size);
      break;
    case SHAPE_NAMED:
      name_end = strlen (frame->name) + 1;
      memcpy (at, frame->name, name_end);
      put_variant (at + ALIGN_8 (name_end), value);
      set_offset (at + size - offset_width (size), offset_width (size), name_end);
      break;
    case SHAPE_VARIANT:
      put_variant (at, value);
      break;
    case SHAPE_OPTIONS:
      if (size > 0)
        memcpy (at, value->data, size);
      break;
    case SHAPE_NONE:
    case N_SHAPES:
    default:
      break;
    }
}

/* (transfer full): in the byte order of the wire. */
static GVariant *
to_wire_order (GVariant *value)
{
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
  return g_variant_ref (value);
#else
  return g_variant_byteswap (value);
#endif
}

static GVariant *
build_payloads (const CfutWirePayload *payloads,
                guint                  n)
{
  GVariantBuilder builder;
  g_autoptr (GVariant) array = NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (PAYLOADS_TYPE));
  for (guint i = 0; i < n; i++)
    g_variant_builder_add (&builder, "(@auyutt)",
                           g_variant_new_fixed_array (G_VARIANT_TYPE_UINT32, payloads[i].path,
                                                      payloads[i].path_length, sizeof (guint32)),
                           (guint8) payloads[i].kind, payloads[i].fd, payloads[i].buffer,
                           payloads[i].size);
  array = g_variant_ref_sink (g_variant_builder_end (&builder));

  return to_wire_order (array);
}

/* (transfer full): what is laid down of @frame's value; NULL: the other side could not accept it. */
static GVariant *
sound_value (GVariant *given,
             GError  **error)
{
  g_autoptr (GVariant) normal = g_variant_get_normal_form (given);
  g_autoptr (GVariant) value = to_wire_order (normal);
  const char *type = g_variant_get_type_string (value);

  /* Only variants in variants can be too deep, or what nearly is so by its type. */
  if ((strchr (type, 'v') != NULL || strlen (type) > 64) &&
      !is_sound (type, strlen (type), g_variant_get_data (value), g_variant_get_size (value)))
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
  set_u32 (at, size);
  at[4] = frame->type;
  at[5] = frame->n_fds;
  at[6] = frame->n_payloads > 0 ? CFUT_WIRE_FLAG_PAYLOAD : 0;
  at[7] = 0;
  set_u64 (at + 8, frame->id);
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
      size = size_with_offsets (ALIGN_8 (inner) + g_variant_get_size (payloads), 1);
    }
  if (size > max_body)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                   _("A message to another process would have %" G_GSIZE_FORMAT " bytes, and %"
                     G_GSIZE_FORMAT " are allowed"), size, max_body);
      return FALSE;
    }

  g_byte_array_set_size (out, start + CFUT_WIRE_HEADER_SIZE + ALIGN_8 (size));
  at = out->data + start;
  put_header (frame, at, size);
  at += CFUT_WIRE_HEADER_SIZE;
  /* All that is not overwritten below is padding. */
  if (size <= 512)
    memset (at, 0, ALIGN_8 (size));
  else
    {
      memset (at, 0, 512);
      memset (at + size - 32, 0, ALIGN_8 (size) - size + 32);
      if (payloads != NULL)
        memset (at + inner - 1, 0, ALIGN_8 (inner) - inner + 1);
    }
  put_body (frame, &value, at, inner);
  if (payloads != NULL)
    {
      memcpy (at + ALIGN_8 (inner), g_variant_get_data (payloads), g_variant_get_size (payloads));
      set_offset (at + size - offset_width (size), offset_width (size), inner);
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
  Shape shape = types[frame.type].shape;
  g_autofree char *domain = NULL;
  g_autofree char *message = NULL;
  g_autoptr (GVariant) value = NULL;

  g_assert (type_exists (frame.type));
  g_assert (frame.n_fds <= CFUT_WIRE_MAX_FDS && frame.n_payloads <= CFUT_WIRE_MAX_FDS);
  g_assert ((frame.n_fds == 0 && frame.n_payloads == 0) || shapes[shape].payloads_type != NULL);

  if ((shape == SHAPE_NAMED || shape == SHAPE_HELLO) && !check_name (&frame, error))
    return FALSE;

  if (shape == SHAPE_TEXT)
    frame.name = fit_text (frame.name, CFUT_WIRE_MAX_MESSAGE, &message);
  if (shape == SHAPE_ERROR)
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

/* Decoding. Each returns why it is no frame, or NULL. */

static gboolean
take_text (const guint8 *data,
           gsize         size,
           gsize         max,
           const char  **text)
{
  *text = (const char *) data;
  return size <= max + 1 && is_text (data, size);
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
  if (!is_sound (type, frame->value_type_length, data, frame->value_size))
    return "a value that is not in normal form";

  return NULL;
}

static const char *
take_named (CfutWireFrame *frame,
            const guint8  *data,
            gsize          size)
{
  guint width = offset_width (size);
  gsize name_end, value_at;

  if (size < width)
    return "a body that is too short";

  name_end = get_offset (data + size - width, width);
  if (name_end > CFUT_WIRE_MAX_NAME + 1 || name_end > size - width)
    return "a name that is too long";

  value_at = ALIGN_8 (name_end);
  if (value_at > size - width || size_with_offsets (size - width, 1) != size ||
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
  guint width = offset_width (size);
  gsize domain_end, code_at, message_end;

  if (size < 2 * width + 5)
    return "a body that is too short";

  message_end = get_offset (data + size - 2 * width, width);
  domain_end = get_offset (data + size - width, width);
  if (domain_end > size || message_end != size - 2 * width - 1)
    return "offsets that lead out of the body";

  code_at = (domain_end + 3) & ~(gsize) 3;
  if (code_at + 4 > message_end || size_with_offsets (size - 2 * width, 2) != size ||
      !all_zero (data + domain_end, code_at - domain_end) || data[message_end] > 1)
    return "a body that is not in normal form";

  if (!take_text (data, domain_end, CFUT_WIRE_MAX_NAME, &frame->domain) ||
      !take_text (data + code_at + 4, message_end - code_at - 4, CFUT_WIRE_MAX_MESSAGE,
                  &frame->message))
    return "a text that is none, or too long";

  frame->code = (gint32) get_u32 (data + code_at);
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

  frame->version = get_u32 (data);
  if (frame->version != CFUT_WIRE_VERSION)
    return NULL;
  if (size < 12)
    return "a body that is too short";

  frame->pid = get_u32 (data + 4);
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
  switch (types[frame->type].shape)
    {
    case SHAPE_HELLO:
      return take_hello (frame, data, size);
    case SHAPE_MAYBE:
      if (size == 0)
        return NULL;
      return data[size - 1] == 0 ? take_variant (frame, data, size - 1)
                                 : "a body that is not in normal form";
    case SHAPE_ERROR:
      return take_error (frame, data, size);
    case SHAPE_PROGRESS:
      frame->done = get_u64 (data);
      frame->total = get_u64 (data + 8);
      return NULL;
    case SHAPE_TEXT:
      return take_text (data, size, CFUT_WIRE_MAX_MESSAGE, &frame->name) ? NULL : "a text that is none";
    case SHAPE_NAMED:
      return take_named (frame, data, size);
    case SHAPE_VARIANT:
      return take_variant (frame, data, size);
    case SHAPE_OPTIONS:
      frame->value = data;
      frame->value_size = size;
      frame->value_type = shapes[SHAPE_OPTIONS].type;
      frame->value_type_length = strlen (frame->value_type);
      return is_sound (frame->value_type, frame->value_type_length, data, size)
             ? NULL : "options that are not in normal form";
    case SHAPE_NONE:
    case N_SHAPES:
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

  if (!is_sound (PAYLOADS_TYPE, strlen (PAYLOADS_TYPE), data, size))
    return "payloads that are not in normal form";

  little = g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE (PAYLOADS_TYPE), data, size,
                                                        TRUE, NULL, NULL));
  array = to_wire_order (little);
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
  guint width = offset_width (size);
  const char *why;
  gsize inner, array_at;

  if (!all_zero (data + size, ALIGN_8 (size) - size))
    return "padding that is not zero";
  if (!(flags & CFUT_WIRE_FLAG_PAYLOAD))
    return take_body (frame, data, size);

  if (size < width)
    return "a body that is too short";
  inner = get_offset (data + size - width, width);
  if (inner > size - width)
    return "offsets that lead out of the body";
  array_at = ALIGN_8 (inner);
  if (array_at > size - width || size_with_offsets (size - width, 1) != size ||
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
  Shape shape;

  if (n < 4)
    return NULL;
  size = get_u32 (data);
  if (size > max_body)
    return "a length over the limit";

  if (n < 5)
    return NULL;
  if (!type_exists (data[4]))
    return "a type that does not exist";
  if (!(types[data[4]].by & (from == CFUT_WIRE_WORKER ? BY_WORKER : BY_APPLICATION)))
    return "a type that this side does not send";

  shape = types[data[4]].shape;
  if ((shape == SHAPE_NONE && size != 0) || (shape == SHAPE_PROGRESS && size != 16) ||
      (shape != SHAPE_NONE && shape != SHAPE_MAYBE && shape != SHAPE_OPTIONS && size == 0) ||
      (shape == SHAPE_TEXT && size > CFUT_WIRE_MAX_MESSAGE + 1) ||
      (shape == SHAPE_ERROR && size > CFUT_WIRE_MAX_NAME + CFUT_WIRE_MAX_MESSAGE + 16) ||
      (shape == SHAPE_HELLO && size > 10 + CFUT_WIRE_MAX_NAME + 1))
    return "a length that does not fit the type";

  takes_fds = shapes[shape].payloads_type != NULL;
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
  return size < 4 ? 0 : CFUT_WIRE_HEADER_SIZE + ALIGN_8 ((gsize) get_u32 (data));
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
      length = get_u32 (data);
      if (size - CFUT_WIRE_HEADER_SIZE >= ALIGN_8 (length))
        {
          memset (frame, 0, G_STRUCT_OFFSET (CfutWireFrame, payloads));
          frame->n_payloads = 0;
          frame->type = data[4];
          frame->n_fds = data[5];
          frame->id = get_u64 (data + 8);
          why = take_whole_body (frame, data[6], data + CFUT_WIRE_HEADER_SIZE, length);
          *consumed = CFUT_WIRE_HEADER_SIZE + ALIGN_8 (length);
          if (why == NULL)
            return CFUT_WIRE_FRAME;
        }
    }

  if (why == NULL)
    return CFUT_WIRE_MORE;

  set_bad (error, why, data, size);
  return CFUT_WIRE_BAD;
}
