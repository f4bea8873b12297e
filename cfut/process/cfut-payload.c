/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#include "process/cfut-payload-private.h"

CfutPayloads *
cfut_payloads_new (void (*release) (gpointer data, guint64 buffer), gpointer (*ref) (gpointer data), void (*unref) (gpointer data), gpointer data)
{
  return NULL;
}

void
cfut_payloads_free (CfutPayloads *self)
{
}

gboolean
cfut_payloads_pack (CfutPayloads *self, GVariant *value, guint first_fd, CfutPacked *packed, GError **error)
{
  return FALSE;
}

void
cfut_payloads_unpack (CfutPayloads *self, CfutPacked *packed)
{
}

void
cfut_packed_clear (CfutPacked *packed)
{
}

gboolean
cfut_payloads_released (CfutPayloads *self, guint64 buffer)
{
  return FALSE;
}

gboolean
cfut_payloads_forget (CfutPayloads *self, guint64 buffer)
{
  return FALSE;
}

GBytes *
cfut_payloads_open (CfutPayloads *self, const CfutWirePayload *payload, int fd, GError **error)
{
  return NULL;
}

GVariant *
cfut_payload_put_in (GVariant *value, const CfutWirePayload *payloads, GBytes * const *bytes, guint n)
{
  return NULL;
}
