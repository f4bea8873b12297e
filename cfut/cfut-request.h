/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_REQUEST (cfut_request_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutRequest, cfut_request, CFUT, REQUEST, GObject)

CFUT_AVAILABLE_IN_1_0
CfutRequest *cfut_request_new (void);

G_END_DECLS
