/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "process/cfut-payload-private.h"

G_BEGIN_DECLS

/* For the payloads' own files. */

typedef struct {
  guint64 number;
  guint8 *data;
  gsize capacity;
  gboolean is_busy;       /* being written, or the other side has bytes of it */
  gboolean was_reused;
} CfutOwnBuffer;

typedef struct {
  guint64 number;
  const guint8 *data;     /* NULL: it could not be mapped */
  gsize capacity;
  int fd;                 /* (owned); -1: none, as it is mapped */
  gboolean is_busy;       /* bytes of it live */
} CfutForeignBuffer;

struct _CfutPayloads {
  /* Immutable. */
  const CfutPayloadOwner *owner;
  gpointer data;
  GMutex lock;

  /* Guarded by the lock; the lists own what they hold. */
  GPtrArray *own;
  GPtrArray *foreign;
  guint64 last_number;
  gsize kept_bytes;
  gboolean had_one;
  gboolean is_closed;
};

void       cfut_own_buffer_free          (CfutOwnBuffer     *self);
void       cfut_foreign_buffer_free      (CfutForeignBuffer *self);
/* FALSE; of errno. */
gboolean   cfut_payload_set_memory_error (GError           **error,
                                          int                why);
/* (transfer full) */
GPtrArray *cfut_payload_get_children     (GVariant          *value);
/* A container like @value, of these children (transfer none). (transfer full) */
GVariant  *cfut_payload_rebuild          (GVariant          *value,
                                          GVariant         **children,
                                          gsize              n);

G_END_DECLS
