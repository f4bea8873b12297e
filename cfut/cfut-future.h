/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_FUTURE (cfut_future_get_type ())
#define CFUT_FUTURE(obj) (G_TYPE_CHECK_INSTANCE_CAST ((obj), CFUT_TYPE_FUTURE, CfutFuture))
#define CFUT_IS_FUTURE(obj) (G_TYPE_CHECK_INSTANCE_TYPE ((obj), CFUT_TYPE_FUTURE))

CFUT_AVAILABLE_IN_1_0
GType cfut_future_get_type (void) G_GNUC_CONST;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfutFuture, g_object_unref)

CFUT_AVAILABLE_IN_1_0
CfutState cfut_future_get_state (CfutFuture *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_future_is_settled (CfutFuture *self);

CFUT_AVAILABLE_IN_1_0
gboolean cfut_future_wait (CfutFuture    *self,
                           gint64         timeout_usec,
                           GCancellable  *cancellable,
                           GError       **error);
CFUT_AVAILABLE_IN_1_0
void cfut_future_wait_async (CfutFuture          *self,
                             gint64               timeout_usec,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_future_wait_finish (CfutFuture    *self,
                                  GAsyncResult  *result,
                                  GError       **error);

CFUT_AVAILABLE_IN_1_0
const GValue *cfut_future_result (CfutFuture  *self,
                                  gint64       timeout_usec,
                                  GError     **error);
CFUT_AVAILABLE_IN_1_0
GVariant *cfut_future_result_variant (CfutFuture  *self,
                                      gint64       timeout_usec,
                                      GError     **error);
CFUT_AVAILABLE_IN_1_0
const char *cfut_future_result_string (CfutFuture  *self,
                                       gint64       timeout_usec,
                                       GError     **error);
CFUT_AVAILABLE_IN_1_0
GBytes *cfut_future_result_bytes (CfutFuture  *self,
                                  gint64       timeout_usec,
                                  GError     **error);
CFUT_AVAILABLE_IN_1_0
GObject *cfut_future_result_object (CfutFuture  *self,
                                    gint64       timeout_usec,
                                    GError     **error);
CFUT_AVAILABLE_IN_1_0
gint64 cfut_future_result_int64 (CfutFuture  *self,
                                 gint64       timeout_usec,
                                 GError     **error);
CFUT_AVAILABLE_IN_1_0
double cfut_future_result_double (CfutFuture  *self,
                                  gint64       timeout_usec,
                                  GError     **error);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_future_result_boolean (CfutFuture  *self,
                                     gint64       timeout_usec,
                                     GError     **error);
CFUT_AVAILABLE_IN_1_0
GError *cfut_future_dup_error (CfutFuture *self);
CFUT_AVAILABLE_IN_1_0
GVariant *cfut_future_dup_error_details (CfutFuture *self);

CFUT_AVAILABLE_IN_1_0
gboolean cfut_future_cancel (CfutFuture *self);

CFUT_AVAILABLE_IN_1_0
gboolean cfut_future_set_priority (CfutFuture *self,
                                   int         priority);
CFUT_AVAILABLE_IN_1_0
int cfut_future_get_priority (CfutFuture *self);
CFUT_AVAILABLE_IN_1_0
void cfut_future_pause (CfutFuture *self);
CFUT_AVAILABLE_IN_1_0
void cfut_future_resume (CfutFuture *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_future_is_paused (CfutFuture *self);

CFUT_AVAILABLE_IN_1_0
void cfut_future_add_done_callback (CfutFuture        *self,
                                    CfutCallbackFlags  flags,
                                    CfutCallback       callback,
                                    gpointer           user_data,
                                    GDestroyNotify     destroy);

CFUT_AVAILABLE_IN_1_0
char *cfut_future_dup_name (CfutFuture *self);
CFUT_AVAILABLE_IN_1_0
void cfut_future_set_name (CfutFuture *self,
                           const char *name);
CFUT_AVAILABLE_IN_1_0
char *cfut_future_dup_worker_name (CfutFuture *self);
CFUT_AVAILABLE_IN_1_0
int cfut_future_get_worker_pid (CfutFuture *self);
CFUT_AVAILABLE_IN_1_0
double cfut_future_get_fraction (CfutFuture *self);
CFUT_AVAILABLE_IN_1_0
void cfut_future_get_progress (CfutFuture *self,
                               guint64    *done,
                               guint64    *total);
CFUT_AVAILABLE_IN_1_0
char *cfut_future_dup_message (CfutFuture *self);

G_END_DECLS
