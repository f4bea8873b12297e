/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_FUNCTIONS (cfut_functions_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutFunctions, cfut_functions, CFUT, FUNCTIONS, GObject)

CFUT_AVAILABLE_IN_1_0
CfutFunctions *cfut_functions_new (void);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_functions_add (CfutFunctions  *self,
                             const char     *function,
                             CfutCallFunc    func,
                             gpointer        user_data,
                             GDestroyNotify  destroy);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_functions_contains (CfutFunctions *self,
                                  const char    *function);
CFUT_AVAILABLE_IN_1_0
char **cfut_functions_dup_names (CfutFunctions *self);

G_END_DECLS
