/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#include "process/cfut-io-private.h"

GMainContext *
cfut_io_get_context (GError **error)
{
  return NULL;
}

gboolean
cfut_io_is_current (void)
{
  return FALSE;
}

void
cfut_io_invoke (void (*func) (gpointer data), gpointer data)
{
}

void
cfut_io_hold_locks (gboolean hold)
{
}
