/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-executor.h>
#include <cfut/cfut-functions.h>
#include <cfut/cfut-task.h>

G_BEGIN_DECLS

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_executor_call (CfutExecutor *self,
                                CfutRequest  *request,
                                const char   *function,
                                GVariant     *args) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_executor_call_with_fds (CfutExecutor *self,
                                         CfutRequest  *request,
                                         const char   *function,
                                         GVariant     *args,
                                         GUnixFDList  *fds) G_GNUC_WARN_UNUSED_RESULT;

CFUT_AVAILABLE_IN_1_0
gboolean cfut_executor_register (CfutExecutor   *self,
                                 const char     *function,
                                 CfutCallFunc    func,
                                 gpointer        user_data,
                                 GDestroyNotify  destroy);
CFUT_AVAILABLE_IN_1_0
CfutFunctions *cfut_executor_get_functions (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_executor_set_functions (CfutExecutor  *self,
                                  CfutFunctions *functions);

CFUT_AVAILABLE_IN_1_0
GUnixFDList *cfut_task_get_fds (CfutTask *self);
CFUT_AVAILABLE_IN_1_0
void cfut_task_set_result_fds (CfutTask    *self,
                               GUnixFDList *fds);
CFUT_AVAILABLE_IN_1_0
GUnixFDList *cfut_future_get_fds (CfutFuture *self);

G_END_DECLS
