/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

CFUT_AVAILABLE_IN_1_0
char    *cfut_debug_dump_futures  (void);
CFUT_AVAILABLE_IN_1_0
guint64  cfut_debug_get_n_futures (void);

G_END_DECLS
