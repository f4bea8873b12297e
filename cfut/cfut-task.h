/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>
#include <cfut/cfut-future.h>

G_BEGIN_DECLS

#define CFUT_TYPE_TASK (cfut_task_get_type ())
#define CFUT_TASK(obj) (G_TYPE_CHECK_INSTANCE_CAST ((obj), CFUT_TYPE_TASK, CfutTask))
#define CFUT_IS_TASK(obj) (G_TYPE_CHECK_INSTANCE_TYPE ((obj), CFUT_TYPE_TASK))

CFUT_AVAILABLE_IN_1_0
GType cfut_task_get_type (void) G_GNUC_CONST;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfutTask, g_object_unref)

CFUT_AVAILABLE_IN_1_0
void cfut_task_set_result (CfutTask     *self,
                           const GValue *value);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_result_variant (CfutTask *self,
                                   GVariant *value);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_result_string (CfutTask   *self,
                                  const char *value);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_result_bytes (CfutTask *self,
                                 GBytes   *value);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_result_object (CfutTask *self,
                                  GObject  *value);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_result_int64 (CfutTask *self,
                                 gint64    value);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_result_double (CfutTask *self,
                                  double    value);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_result_boolean (CfutTask *self,
                                   gboolean  value);

CFUT_AVAILABLE_IN_1_0
void cfut_task_set_progress (CfutTask *self,
                             guint64   done,
                             guint64   total);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_message (CfutTask   *self,
                            const char *message);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_task_checkpoint (CfutTask  *self,
                               GError   **error);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_error_details (CfutTask *self,
                                  GVariant *details);
CFUT_AVAILABLE_IN_1_0
GCancellable *cfut_task_get_cancellable (CfutTask *self);

G_END_DECLS
