/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "process/cfut-wire-private.h"

#include <string.h>

G_BEGIN_DECLS

/* For the codec's own files: how bodies are laid out. */

#define CFUT_WIRE_ALIGN(n) (((n) + 7) & ~(gsize) 7)
#define CFUT_WIRE_PAYLOADS_TYPE "a(auyutt)"

/* What a frame's body looks like. */
typedef enum {
  CFUT_WIRE_SHAPE_NONE,
  CFUT_WIRE_SHAPE_HELLO,
  CFUT_WIRE_SHAPE_MAYBE,
  CFUT_WIRE_SHAPE_ERROR,
  CFUT_WIRE_SHAPE_PROGRESS,
  CFUT_WIRE_SHAPE_TEXT,
  CFUT_WIRE_SHAPE_NAMED,
  CFUT_WIRE_SHAPE_VARIANT,
  CFUT_WIRE_SHAPE_OPTIONS,
  CFUT_WIRE_N_SHAPES
} CfutWireShape;

/* Its GVariant type, and that of one with payloads. */
typedef struct {
  const char *type;            /* NULL: none */
  const char *payloads_type;   /* NULL: it takes no descriptors or payloads */
} CfutWireShapeInfo;

enum {
  CFUT_WIRE_BY_WORKER = 1 << 0,
  CFUT_WIRE_BY_APPLICATION = 1 << 1,
  CFUT_WIRE_BY_BOTH = CFUT_WIRE_BY_WORKER | CFUT_WIRE_BY_APPLICATION
};

typedef struct {
  const char *name;      /* NULL: there is no such type */
  CfutWireShape shape;
  guint by;
} CfutWireTypeInfo;

#define CFUT_WIRE_N_TYPES (CFUT_WIRE_FORGET + 1)

extern const CfutWireShapeInfo cfut_wire_shapes[CFUT_WIRE_N_SHAPES];
extern const CfutWireTypeInfo cfut_wire_types[CFUT_WIRE_N_TYPES];

/* Whether @data is in the normal form of the definite type that is at @type. */
gboolean  cfut_wire_is_sound       (const char   *type,
                                    gsize         type_length,
                                    const guint8 *data,
                                    gsize         size);
/* (transfer full): in the byte order of the wire, or from that to the system's. */
GVariant *cfut_wire_swap           (GVariant     *value);

static inline gboolean
cfut_wire_type_exists (guint type)
{
  return type < CFUT_WIRE_N_TYPES && cfut_wire_types[type].name != NULL;
}

/* Numbers are little-endian. */

static inline guint32
cfut_wire_get_u32 (const guint8 *data)
{
  guint32 n;

  memcpy (&n, data, sizeof n);
  return GUINT32_FROM_LE (n);
}

static inline guint64
cfut_wire_get_u64 (const guint8 *data)
{
  guint64 n;

  memcpy (&n, data, sizeof n);
  return GUINT64_FROM_LE (n);
}

static inline void
cfut_wire_set_u32 (guint8  *data,
                   guint32  n)
{
  n = GUINT32_TO_LE (n);
  memcpy (data, &n, sizeof n);
}

static inline void
cfut_wire_set_u64 (guint8  *data,
                   guint64  n)
{
  n = GUINT64_TO_LE (n);
  memcpy (data, &n, sizeof n);
}

/* How GVariant counts: the offsets at the end of a container have the width that its whole size,
 * with them, needs. */

static inline guint
cfut_wire_offset_width (gsize size)
{
  return size <= G_MAXUINT8 ? 1 : size <= G_MAXUINT16 ? 2 : size <= G_MAXUINT32 ? 4 : 8;
}

static inline gsize
cfut_wire_size_with_offsets (gsize size,
                             guint n)
{
  guint width = 1;

  while (width < 8 && size + n * width > (G_GUINT64_CONSTANT (1) << (8 * width)) - 1)
    width *= 2;

  return size + n * width;
}

static inline gsize
cfut_wire_get_offset (const guint8 *data,
                      guint         width)
{
  guint64 n = 0;

  memcpy (&n, data, width);
  return GUINT64_FROM_LE (n);
}

static inline void
cfut_wire_set_offset (guint8 *data,
                      guint   width,
                      gsize   n)
{
  guint64 le = GUINT64_TO_LE ((guint64) n);

  memcpy (data, &le, width);
}

/* The only one, or that of the first item. */
static inline void
cfut_wire_set_last_offset (guint8 *data,
                           gsize   size,
                           gsize   n)
{
  guint width = cfut_wire_offset_width (size);

  cfut_wire_set_offset (data + size - width, width, n);
}

/* A GVariant `s` of @size bytes with its NUL. */
static inline gboolean
cfut_wire_is_text (const guint8 *data,
                   gsize         size)
{
  return size > 0 && data[size - 1] == 0 &&
         g_utf8_validate_len ((const char *) data, size - 1, NULL);
}

G_END_DECLS
