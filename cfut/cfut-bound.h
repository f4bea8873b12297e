/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-functions.h>
#include <cfut/cfut-map.h>
#include <cfut/cfut-thread-executor.h>
#include <cfut/cfut-types.h>
#include <cfut/cfut-worker.h>

G_BEGIN_DECLS

CFUT_AVAILABLE_IN_1_0
void cfut_allow_bound_functions (void);

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_executor_submit_bound (CfutExecutor  *self,
                                        CfutTaskFunc   func,
                                        gpointer       user_data,
                                        GDestroyNotify destroy) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_executor_submit_full_bound (CfutExecutor  *self,
                                             CfutRequest   *request,
                                             CfutTaskFunc   func,
                                             gpointer       user_data,
                                             GDestroyNotify destroy) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
void cfut_executor_post_bound (CfutExecutor  *self,
                               CfutTaskFunc   func,
                               gpointer       user_data,
                               GDestroyNotify destroy);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_executor_register_bound (CfutExecutor  *self,
                                       const char    *function,
                                       CfutCallFunc   func,
                                       gpointer       user_data,
                                       GDestroyNotify destroy);
CFUT_AVAILABLE_IN_1_0
CfutMap *cfut_executor_map_bound (CfutExecutor  *self,
                                  CfutRequest   *request,
                                  guint64        n_items,
                                  guint          buffer_size,
                                  CfutMapFunc    func,
                                  gpointer       user_data,
                                  GDestroyNotify destroy) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutMap *cfut_executor_map_model_bound (CfutExecutor   *self,
                                        CfutRequest    *request,
                                        GListModel     *model,
                                        guint           buffer_size,
                                        CfutMapItemFunc func,
                                        gpointer        user_data,
                                        GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutMap *cfut_executor_map_array_bound (CfutExecutor   *self,
                                        CfutRequest    *request,
                                        GObject       **items,
                                        gsize           n_items,
                                        guint           buffer_size,
                                        CfutMapItemFunc func,
                                        gpointer        user_data,
                                        GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_executor_map_range_bound (CfutExecutor  *self,
                                           CfutRequest   *request,
                                           guint64        begin,
                                           guint64        end,
                                           guint64        grain,
                                           CfutRangeFunc  func,
                                           gpointer       user_data,
                                           GDestroyNotify destroy) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
void cfut_thread_executor_set_initializer_bound (CfutThreadExecutor *self,
                                                 CfutInitializerFunc func,
                                                 gpointer            user_data,
                                                 GDestroyNotify      destroy);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_functions_add_bound (CfutFunctions *self,
                                   const char    *function,
                                   CfutCallFunc   func,
                                   gpointer       user_data,
                                   GDestroyNotify destroy);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_worker_register_bound (CfutWorker    *self,
                                     const char    *function,
                                     CfutCallFunc   func,
                                     gpointer       user_data,
                                     GDestroyNotify destroy);
CFUT_AVAILABLE_IN_1_0
void cfut_future_add_done_callback_bound (CfutFuture       *self,
                                          CfutCallbackFlags flags,
                                          CfutCallback      callback,
                                          gpointer          user_data,
                                          GDestroyNotify    destroy);

G_END_DECLS
