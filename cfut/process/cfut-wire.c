/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#include "process/cfut-wire-private.h"

gboolean
cfut_wire_encode (const CfutWireOut *frame, gsize max_body, GByteArray *out, GError **error)
{
  return FALSE;
}

gsize
cfut_wire_peek_size (const guint8 *data, gsize size)
{
  return 0;
}

CfutWireAnswer
cfut_wire_decode (const guint8 *data, gsize size, CfutWireSide from, gsize max_body, CfutWireFrame *frame, gsize *consumed, GError **error)
{
  return CFUT_WIRE_BAD;
}

const char *
cfut_wire_body_type (CfutWireType type)
{
  return NULL;
}

const char *
cfut_wire_type_name (CfutWireType type)
{
  return NULL;
}
