/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_SHARED_DICT (cfut_shared_dict_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutSharedDict, cfut_shared_dict, CFUT, SHARED_DICT, GObject)

CFUT_AVAILABLE_IN_1_0
CfutSharedDict *cfut_shared_dict_new (void);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_shared_dict_set (CfutSharedDict  *self,
                               const char      *key,
                               GVariant        *value,
                               GError         **error);
CFUT_AVAILABLE_IN_1_0
GVariant *cfut_shared_dict_lookup (CfutSharedDict  *self,
                                   const char      *key,
                                   GError         **error);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_shared_dict_remove (CfutSharedDict  *self,
                                  const char      *key,
                                  GError         **error);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_shared_dict_contains (CfutSharedDict  *self,
                                    const char      *key,
                                    GError         **error);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_shared_dict_get_length (CfutSharedDict  *self,
                                     GError         **error);
CFUT_AVAILABLE_IN_1_0
char **cfut_shared_dict_dup_keys (CfutSharedDict  *self,
                                  GError         **error);
CFUT_AVAILABLE_IN_1_0
gint64 cfut_shared_dict_add (CfutSharedDict  *self,
                             const char      *key,
                             gint64           delta,
                             GError         **error);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_shared_dict_compare_and_set (CfutSharedDict  *self,
                                           const char      *key,
                                           GVariant        *expected,
                                           GVariant        *value,
                                           GError         **error);

G_END_DECLS
