/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-debug-private.h"

#ifdef HAVE_SYSPROF
#include <sysprof-capture.h>
#endif

G_BEGIN_DECLS

/* Marks for Sysprof. Where nobody records a begin is one look at cfut_debug_flags and gives 0, and
 * an end with 0 does nothing; without libsysprof-capture both are nothing at all. */

static inline gint64
cfut_mark_begin (void)
{
#ifdef HAVE_SYSPROF
  if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_MARKS))
    return SYSPROF_CAPTURE_CURRENT_TIME;
#endif
  return 0;
}

/* @message: (nullable) */
static inline void
cfut_mark_end (gint64      begin,
               const char *name,
               const char *message)
{
#ifdef HAVE_SYSPROF
  if (G_UNLIKELY (begin != 0))
    sysprof_collector_mark (begin, SYSPROF_CAPTURE_CURRENT_TIME - begin, "cfut", name, message);
#endif
}

G_END_DECLS
