/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>
#include <cfut/cfut-executor.h>

G_BEGIN_DECLS

#define CFUT_TYPE_MAP (cfut_map_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutMap, cfut_map, CFUT, MAP, GObject)

/**
 * CfutMapItemFunc:
 * @task: the task that is running, which is the item's future
 * @item: (type GObject): the item
 * @user_data: the data given with the call
 * @error: return location for an error
 *
 * A function that does one item of a map over objects; like [callback@Cfut.MapFunc]. It is called
 * on threads of the executor, on several at once, and the item must bear that.
 *
 * Returns: whether the item succeeded
 *
 * Since: 1.0
 */
typedef gboolean (*CfutMapItemFunc) (CfutTask  *task,
                                     gpointer   item,
                                     gpointer   user_data,
                                     GError   **error);

CFUT_AVAILABLE_IN_1_0
CfutMap *cfut_executor_map (CfutExecutor   *self,
                            CfutRequest    *request,
                            guint64         n_items,
                            guint           buffer_size,
                            CfutMapFunc     func,
                            gpointer        user_data,
                            GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutMap *cfut_executor_map_model (CfutExecutor    *self,
                                  CfutRequest     *request,
                                  GListModel      *model,
                                  guint            buffer_size,
                                  CfutMapItemFunc  func,
                                  gpointer         user_data,
                                  GDestroyNotify   destroy) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutMap *cfut_executor_map_array (CfutExecutor    *self,
                                  CfutRequest     *request,
                                  GObject        **items,
                                  gsize            n_items,
                                  guint            buffer_size,
                                  CfutMapItemFunc  func,
                                  gpointer         user_data,
                                  GDestroyNotify   destroy) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutMap *cfut_executor_map_call (CfutExecutor *self,
                                 CfutRequest  *request,
                                 const char   *function,
                                 GVariant     *args,
                                 guint         buffer_size) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_executor_map_range (CfutExecutor   *self,
                                     CfutRequest    *request,
                                     guint64         begin,
                                     guint64         end,
                                     guint64         grain,
                                     CfutRangeFunc   func,
                                     gpointer        user_data,
                                     GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_map_next (CfutMap       *self,
                           gint64         timeout_usec,
                           GCancellable  *cancellable,
                           GError       **error);
CFUT_AVAILABLE_IN_1_0
void cfut_map_next_async (CfutMap             *self,
                          gint64               timeout_usec,
                          GCancellable        *cancellable,
                          GAsyncReadyCallback  callback,
                          gpointer             user_data);
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_map_next_finish (CfutMap       *self,
                                  GAsyncResult  *result,
                                  GError       **error);

CFUT_AVAILABLE_IN_1_0
void cfut_map_cancel (CfutMap *self);

CFUT_AVAILABLE_IN_1_0
void cfut_map_set_timeout_usec (CfutMap *self,
                                gint64   timeout_usec);
CFUT_AVAILABLE_IN_1_0
gint64 cfut_map_get_timeout_usec (CfutMap *self);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_map_get_n_items (CfutMap *self);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_map_get_n_taken (CfutMap *self);

G_END_DECLS
