/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-executor.h>

G_BEGIN_DECLS

#define CFUT_TYPE_THREAD_EXECUTOR (cfut_thread_executor_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutThreadExecutor, cfut_thread_executor, CFUT, THREAD_EXECUTOR, CfutExecutor)

CFUT_AVAILABLE_IN_1_0
CfutExecutor *cfut_thread_executor_new (guint max_workers);
CFUT_AVAILABLE_IN_1_0
guint cfut_thread_executor_get_n_threads (CfutThreadExecutor *self);
CFUT_AVAILABLE_IN_1_0
guint cfut_thread_executor_get_n_abandoned (CfutThreadExecutor *self);
CFUT_AVAILABLE_IN_1_0
gint64 cfut_thread_executor_get_idle_timeout_usec (CfutThreadExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_thread_executor_set_idle_timeout_usec (CfutThreadExecutor *self,
                                                 gint64              timeout_usec);
CFUT_AVAILABLE_IN_1_0
char *cfut_thread_executor_dup_thread_name_prefix (CfutThreadExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_thread_executor_set_thread_name_prefix (CfutThreadExecutor *self,
                                                  const char         *prefix);
CFUT_AVAILABLE_IN_1_0
void cfut_thread_executor_set_initializer (CfutThreadExecutor  *self,
                                           CfutInitializerFunc  func,
                                           gpointer             user_data,
                                           GDestroyNotify       destroy);

G_END_DECLS
