/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#include "process/cfut-child-private.h"

CfutChild *
cfut_child_spawn (CfutChildSpec  *spec,
                  GError        **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "");
  return NULL;
}
