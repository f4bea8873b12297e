/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_RATE_LIMIT (cfut_rate_limit_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutRateLimit, cfut_rate_limit, CFUT, RATE_LIMIT, GObject)

CFUT_AVAILABLE_IN_1_0
CfutRateLimit *cfut_rate_limit_new (double rate,
                                    guint  burst);
CFUT_AVAILABLE_IN_1_0
double cfut_rate_limit_get_rate (CfutRateLimit *self);
CFUT_AVAILABLE_IN_1_0
void cfut_rate_limit_set_rate (CfutRateLimit *self,
                               double         rate);
CFUT_AVAILABLE_IN_1_0
guint cfut_rate_limit_get_burst (CfutRateLimit *self);
CFUT_AVAILABLE_IN_1_0
void cfut_rate_limit_set_burst (CfutRateLimit *self,
                                guint          burst);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_rate_limit_take (CfutRateLimit *self,
                               gint64        *wait_usec);

G_END_DECLS
