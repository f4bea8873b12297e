/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

/**
 * CfutAsyncFunc:
 * @source: (nullable): the object that was given with the call
 * @cancellable: to be given to the operation
 * @callback: (scope async) (closure callback_data): to be given to the operation
 * @callback_data: to be given to the operation
 * @user_data: the data given with the call
 *
 * Starts an asynchronous operation: calls the `_async` function of a pair, with what it is given
 * here.
 *
 * Since: 1.0
 */
typedef void (*CfutAsyncFunc) (GObject             *source,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             callback_data,
                               gpointer             user_data);

/**
 * CfutFinishFunc:
 * @source: (nullable): the object that the operation belongs to
 * @result: what the operation came to
 * @promise: where the value goes to
 * @user_data: the data given with the call
 * @error: return location for an error
 *
 * Ends an asynchronous operation: calls the `_finish` function of a pair, and gives the value to
 * @promise with [method@Cfut.Promise.resolve] or one of its kin. %TRUE without that means "no
 * value". %FALSE without an error rejects the future with %CFUT_FUTURE_ERROR_CALLBACK_FAILED.
 *
 * Returns: whether the operation succeeded
 *
 * Since: 1.0
 */
typedef gboolean (*CfutFinishFunc) (GObject       *source,
                                    GAsyncResult  *result,
                                    CfutPromise   *promise,
                                    gpointer       user_data,
                                    GError       **error);

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_from_async (gpointer        source,
                                    CfutAsyncFunc   start,
                                    CfutFinishFunc  finish,
                                    gpointer        user_data,
                                    GDestroyNotify  destroy);
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_from_task (GTask          *task,
                                   CfutFinishFunc  finish,
                                   gpointer        user_data,
                                   GDestroyNotify  destroy);
CFUT_AVAILABLE_IN_1_0
void cfut_future_to_task (CfutFuture *self,
                          GTask      *task);

G_END_DECLS
