/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_GROUP (cfut_group_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutGroup, cfut_group, CFUT, GROUP, GObject)

CFUT_AVAILABLE_IN_1_0
CfutGroup *cfut_group_new (void);

CFUT_AVAILABLE_IN_1_0
void cfut_group_add (CfutGroup  *self,
                     CfutFuture *future);
CFUT_AVAILABLE_IN_1_0
void cfut_group_add_units (CfutGroup  *self,
                           CfutFuture *future,
                           guint64     units);
CFUT_AVAILABLE_IN_1_0
void cfut_group_add_many (CfutGroup      *self,
                          CfutFuture    **futures,
                          gsize           n_futures,
                          const guint64  *units,
                          gsize           n_units);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_group_remove (CfutGroup  *self,
                            CfutFuture *future);
CFUT_AVAILABLE_IN_1_0
gsize cfut_group_remove_settled (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
void cfut_group_hold (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
void cfut_group_release (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
void cfut_group_cancel (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_group_get_cancel_on_failure (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
void cfut_group_set_cancel_on_failure (CfutGroup *self,
                                       gboolean   cancel_on_failure);
CFUT_AVAILABLE_IN_1_0
void cfut_group_pause (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
void cfut_group_resume (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_group_is_paused (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
void cfut_group_bind (CfutGroup *self,
                      GObject   *object);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_group_unbind (CfutGroup *self,
                            GObject   *object);

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_group_next (CfutGroup     *self,
                             gint64         timeout_usec,
                             GCancellable  *cancellable,
                             GError       **error);
CFUT_AVAILABLE_IN_1_0
void cfut_group_next_async (CfutGroup           *self,
                            gint64               timeout_usec,
                            GCancellable        *cancellable,
                            GAsyncReadyCallback  callback,
                            gpointer             user_data);
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_group_next_finish (CfutGroup     *self,
                                    GAsyncResult  *result,
                                    GError       **error);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_group_wait (CfutGroup       *self,
                          CfutReturnWhen   return_when,
                          gint64           timeout_usec,
                          GCancellable    *cancellable,
                          GError         **error);
CFUT_AVAILABLE_IN_1_0
void cfut_group_wait_async (CfutGroup           *self,
                            CfutReturnWhen       return_when,
                            gint64               timeout_usec,
                            GCancellable        *cancellable,
                            GAsyncReadyCallback  callback,
                            gpointer             user_data);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_group_wait_finish (CfutGroup     *self,
                                 GAsyncResult  *result,
                                 GError       **error);

CFUT_AVAILABLE_IN_1_0
guint64 cfut_group_get_n_done (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_group_get_n_failed (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_group_get_n_cancelled (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
double cfut_group_get_fraction (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_group_get_units_done (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_group_get_units_total (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
double cfut_group_get_rate (CfutGroup *self);
CFUT_AVAILABLE_IN_1_0
gint64 cfut_group_get_remaining_usec (CfutGroup *self);

G_END_DECLS
