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
 * Not here: the two directions (cfut-wire-encode.c, cfut-wire-decode.c); what
 *   descriptors and payloads are (cfut-channel.c, cfut-payload.c); when a frame may come. */

#include "process/cfut-wire-layout-private.h"

const CfutWireShapeInfo cfut_wire_shapes[CFUT_WIRE_N_SHAPES] = {
  [CFUT_WIRE_SHAPE_NONE] = { NULL, NULL },
  [CFUT_WIRE_SHAPE_HELLO] = { "(uuybs)", NULL },
  [CFUT_WIRE_SHAPE_MAYBE] = { "mv", "(mv" CFUT_WIRE_PAYLOADS_TYPE ")" },
  [CFUT_WIRE_SHAPE_ERROR] = { "(sisb)", NULL },
  [CFUT_WIRE_SHAPE_PROGRESS] = { "(tt)", NULL },
  [CFUT_WIRE_SHAPE_TEXT] = { "s", NULL },
  [CFUT_WIRE_SHAPE_NAMED] = { "(sv)", "((sv)" CFUT_WIRE_PAYLOADS_TYPE ")" },
  [CFUT_WIRE_SHAPE_VARIANT] = { "v", "(v" CFUT_WIRE_PAYLOADS_TYPE ")" },
  [CFUT_WIRE_SHAPE_OPTIONS] = { "a{sv}", NULL },
};

const CfutWireTypeInfo cfut_wire_types[CFUT_WIRE_N_TYPES] = {
  [CFUT_WIRE_HELLO] = { "HELLO", CFUT_WIRE_SHAPE_HELLO, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_STARTED] = { "STARTED", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_RESULT] = { "RESULT", CFUT_WIRE_SHAPE_MAYBE, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_ERROR] = { "ERROR", CFUT_WIRE_SHAPE_ERROR, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_PROGRESS] = { "PROGRESS", CFUT_WIRE_SHAPE_PROGRESS, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_MESSAGE] = { "MESSAGE", CFUT_WIRE_SHAPE_TEXT, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_DICT] = { "DICT", CFUT_WIRE_SHAPE_NAMED, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_PONG] = { "PONG", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_RETURNED] = { "RETURNED", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_DETAILS] = { "DETAILS", CFUT_WIRE_SHAPE_VARIANT, CFUT_WIRE_BY_WORKER },
  [CFUT_WIRE_SETUP] = { "SETUP", CFUT_WIRE_SHAPE_OPTIONS, CFUT_WIRE_BY_APPLICATION },
  [CFUT_WIRE_CALL] = { "CALL", CFUT_WIRE_SHAPE_NAMED, CFUT_WIRE_BY_APPLICATION },
  [CFUT_WIRE_CANCEL] = { "CANCEL", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_APPLICATION },
  [CFUT_WIRE_PAUSE] = { "PAUSE", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_APPLICATION },
  [CFUT_WIRE_RESUME] = { "RESUME", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_APPLICATION },
  [CFUT_WIRE_TAKE_BACK] = { "TAKE_BACK", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_APPLICATION },
  [CFUT_WIRE_DICT_REPLY] = { "DICT_REPLY", CFUT_WIRE_SHAPE_VARIANT, CFUT_WIRE_BY_APPLICATION },
  [CFUT_WIRE_PING] = { "PING", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_APPLICATION },
  [CFUT_WIRE_STOP] = { "STOP", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_APPLICATION },
  [CFUT_WIRE_RELEASE] = { "RELEASE", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_BOTH },
  [CFUT_WIRE_FORGET] = { "FORGET", CFUT_WIRE_SHAPE_NONE, CFUT_WIRE_BY_BOTH },
};

const char *
cfut_wire_body_type (CfutWireType type)
{
  return cfut_wire_type_exists (type) ? cfut_wire_shapes[cfut_wire_types[type].shape].type : NULL;
}

const char *
cfut_wire_type_name (CfutWireType type)
{
  return cfut_wire_type_exists (type) ? cfut_wire_types[type].name : "?";
}

gboolean
cfut_wire_is_sound (const char   *type,
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
        return cfut_wire_is_text (data, size);
      default:
        break;
      }
  else if (type_length == 2 && type[0] == 'a' && type[1] == 'y')
    return TRUE;
  else if (type_length == 2 && type[0] == '(')
    return size == 1 && data[0] == 0;

  value = g_variant_ref_sink (g_variant_new_from_data ((const GVariantType *) type, data, size,
                                                       FALSE, NULL, NULL));
  return g_variant_is_normal_form (value);
}

GVariant *
cfut_wire_swap (GVariant *value)
{
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
  return g_variant_ref (value);
#else
  return g_variant_byteswap (value);
#endif
}
