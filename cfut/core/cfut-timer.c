/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#include "core/cfut-timer-private.h"

void
cfut_timer_arm (CfutTimer *self,
                gint64     at_usec)
{
}

gboolean
cfut_timer_disarm (CfutTimer *self)
{
  return FALSE;
}
