/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>
#include <string.h>

#include "process/cfut-wire-private.h"

G_BEGIN_DECLS

/* The value of a decoded frame, (transfer full); NULL: none. */
static inline GVariant *
test_wire_dup_value (const CfutWireFrame *frame)
{
  g_autoptr (GBytes) bytes = NULL;

  if (frame->value == NULL)
    return NULL;

  bytes = g_bytes_new (frame->value, frame->value_size);
  return g_variant_ref_sink (g_variant_new_from_bytes ((const GVariantType *) frame->value_type, bytes,
                                                       FALSE));
}

/* What was decoded from @data is a frame to the letter: its value is in normal form, and encoding it
 * gives the same bytes. */
static inline void
test_wire_assert_encodes_again (const CfutWireFrame *frame,
                                const guint8        *data,
                                gsize                size)
{
  g_autoptr (GVariant) value = test_wire_dup_value (frame);
  g_autoptr (GByteArray) again = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  CfutWireOut out = {
    .type = frame->type,
    .id = frame->id,
    .name = frame->name,
    .value = value,
    .domain = frame->domain,
    .code = frame->code,
    .message = frame->message,
    .cancelled = frame->cancelled,
    .done = frame->done,
    .total = frame->total,
    .version = frame->version,
    .pid = frame->pid,
    .has_control = frame->has_control,
    .n_fds = frame->n_fds,
    .payloads = frame->payloads,
    .n_payloads = frame->n_payloads,
  };
  g_autofree guint8 *before = NULL;

  if (frame->type == CFUT_WIRE_HELLO &&
      (frame->version != CFUT_WIRE_VERSION || frame->name[0] == 0))
    return;

  if (value != NULL)
    g_assert_true (g_variant_is_normal_form (value));
  g_assert_true (cfut_wire_encode (&out, CFUT_WIRE_MAX_BODY, again, &error));
  g_assert_no_error (error);

  /* Whose byte order it was is not ours to say again. */
  before = g_memdup2 (data, size);
  if (frame->type == CFUT_WIRE_HELLO)
    before[CFUT_WIRE_HEADER_SIZE + 8] = again->data[CFUT_WIRE_HEADER_SIZE + 8];
  g_assert_cmpmem (before, size, again->data, again->len);
}

G_END_DECLS
