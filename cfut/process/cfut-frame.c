/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A frame that a channel received.
 *
 * Threads: one at a time.
 * Locks: none.
 * Owns: its descriptors until they are stolen; what its payloads are mapped to; its bytes if there
 *   is a block, else they are the channel's, who reuses them.
 * Invariants:
 * 1. What is taken out of a frame outlives it, and the channel.
 * 2. Nothing of a payload, and nothing of a block, is copied.
 * Not here: what is in it (cfut-wire.c). */

#include <string.h>
#include <unistd.h>

#include "process/cfut-channel-struct-private.h"

void
cfut_frame_init (CfutFrame    *self,
                 const guint8 *raw,
                 gsize         raw_size,
                 GBytes       *block)
{
  self->n_fds = 0;
  self->payload_error = NULL;
  self->raw = raw;
  self->raw_size = raw_size;
  self->block = block;
  memset (self->payloads, 0, self->wire.n_payloads * sizeof self->payloads[0]);
}

/* (transfer full) */
static GBytes *
dup_value_bytes (const CfutFrame *self)
{
  const CfutWireFrame *wire = &self->wire;

  if (self->block != NULL)
    return g_bytes_new_from_bytes (self->block, wire->value - self->raw, wire->value_size);

  return g_bytes_new (wire->value, wire->value_size);
}

GVariant *
cfut_frame_dup_value (const CfutFrame *self,
                      GError         **error)
{
  const CfutWireFrame *wire = &self->wire;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) value = NULL;

  if (self->payload_error != NULL)
    {
      g_propagate_error (error, g_error_copy (self->payload_error));
      return NULL;
    }
  if (wire->value == NULL)
    return NULL;

  bytes = dup_value_bytes (self);
  value = g_variant_ref_sink (g_variant_new_from_bytes ((const GVariantType *) wire->value_type,
                                                        bytes, TRUE));
#if G_BYTE_ORDER == G_BIG_ENDIAN
  {
    GVariant *swapped = g_variant_byteswap (value);

    g_variant_unref (value);
    value = swapped;
  }
#endif
  if (wire->n_payloads == 0)
    return g_steal_pointer (&value);

  return cfut_payload_put_in (value, wire->payloads, self->payloads, wire->n_payloads);
}

GUnixFDList *
cfut_frame_steal_fds (CfutFrame *self)
{
  GUnixFDList *list;

  if (self->n_fds == 0)
    return NULL;

  list = g_unix_fd_list_new_from_array (self->fds, self->n_fds);
  self->n_fds = 0;

  return list;
}

/* @pointer, which may lead into the bytes, after these have moved. */
static gconstpointer
moved (const CfutFrame *self,
       gconstpointer    pointer,
       const guint8    *to)
{
  const guint8 *at = pointer;

  return at >= self->raw && at <= self->raw + self->raw_size ? to + (at - self->raw) : pointer;
}

CfutFrame *
cfut_frame_keep (CfutFrame *self)
{
  CfutFrame *kept = g_memdup2 (self, sizeof *self);
  CfutWireFrame *wire = &kept->wire;

  if (kept->block == NULL)
    {
      const guint8 *to;

      kept->block = g_bytes_new (self->raw, self->raw_size);
      to = g_bytes_get_data (kept->block, NULL);
      wire->name = moved (self, wire->name, to);
      wire->domain = moved (self, wire->domain, to);
      wire->message = moved (self, wire->message, to);
      wire->value = moved (self, wire->value, to);
      wire->value_type = moved (self, wire->value_type, to);
      kept->raw = to;
    }

  self->n_fds = 0;
  self->payload_error = NULL;
  self->block = NULL;
  self->wire.n_payloads = 0;
  self->wire.value = NULL;

  return kept;
}

void
cfut_frame_clear (CfutFrame *self)
{
  for (guint i = 0; i < self->n_fds; i++)
    if (self->fds[i] >= 0)
      close (self->fds[i]);
  self->n_fds = 0;
  for (guint i = 0; i < self->wire.n_payloads; i++)
    g_clear_pointer (&self->payloads[i], g_bytes_unref);
  self->wire.n_payloads = 0;
  g_clear_error (&self->payload_error);
  g_clear_pointer (&self->block, g_bytes_unref);
}

void
cfut_frame_free (CfutFrame *self)
{
  if (self == NULL)
    return;

  cfut_frame_clear (self);
  g_free (self);
}
