/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_EXECUTOR (cfut_executor_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (CfutExecutor, cfut_executor, CFUT, EXECUTOR, GObject)

/**
 * CfutExecutorClass:
 * @parent_class: the parent class
 * @execute: takes over one piece of work (transfer full) and returns without waiting for it: sooner
 *   or later it is given to [method@Cfut.Work.run] on a thread of the implementation's choice, or
 *   to [method@Cfut.Work.reject], or dropped; called on the submitting thread
 * @shutdown: stops as [method@Cfut.Executor.shutdown] describes it; called once for each call of
 *   that, on its thread; it must not wait, as the base class does so
 * @get_counts: fills in how much work is pending, running and completed; called on any thread
 * @get_max_workers: tells how many functions may run at once; called on any thread
 *
 * The class of an executor. All functions may be called on several threads at once.
 *
 * An implementation that leaves @get_counts out has the base class count its work.
 *
 * Since: 1.0
 */
struct _CfutExecutorClass {
  GObjectClass parent_class;

  void  (*execute)         (CfutExecutor      *self,
                            CfutWork          *work);
  void  (*shutdown)        (CfutExecutor      *self,
                            CfutShutdownFlags  flags);
  void  (*get_counts)      (CfutExecutor      *self,
                            guint64           *n_pending,
                            guint64           *n_running,
                            guint64           *n_completed);
  guint (*get_max_workers) (CfutExecutor      *self);

  /*< private >*/
  gpointer padding[16];
};

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_executor_submit (CfutExecutor   *self,
                                  CfutTaskFunc    func,
                                  gpointer        user_data,
                                  GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_executor_submit_full (CfutExecutor   *self,
                                       CfutRequest    *request,
                                       CfutTaskFunc    func,
                                       gpointer        user_data,
                                       GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;

CFUT_AVAILABLE_IN_1_0
void cfut_executor_post (CfutExecutor   *self,
                         CfutTaskFunc    func,
                         gpointer        user_data,
                         GDestroyNotify  destroy);

CFUT_AVAILABLE_IN_1_0
gboolean cfut_executor_shutdown (CfutExecutor       *self,
                                 CfutShutdownFlags   flags,
                                 gint64              timeout_usec,
                                 GError            **error);
CFUT_AVAILABLE_IN_1_0
void cfut_executor_shutdown_async (CfutExecutor        *self,
                                   CfutShutdownFlags    flags,
                                   gint64               timeout_usec,
                                   GCancellable        *cancellable,
                                   GAsyncReadyCallback  callback,
                                   gpointer             user_data);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_executor_shutdown_finish (CfutExecutor  *self,
                                        GAsyncResult  *result,
                                        GError       **error);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_executor_is_shut_down (CfutExecutor *self);

CFUT_AVAILABLE_IN_1_0
guint cfut_executor_get_max_workers (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_executor_get_n_pending (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_executor_get_n_running (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_executor_get_n_completed (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_executor_can_run_functions (CfutExecutor *self);

CFUT_AVAILABLE_IN_1_0
void cfut_executor_set_max_pending (CfutExecutor *self,
                                    guint64       max_pending);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_executor_get_max_pending (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_executor_set_max_pending_bytes (CfutExecutor *self,
                                          guint64       max_bytes);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_executor_get_max_pending_bytes (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_executor_wait_ready (CfutExecutor  *self,
                                   gint64         timeout_usec,
                                   GCancellable  *cancellable,
                                   GError       **error);
CFUT_AVAILABLE_IN_1_0
void cfut_executor_wait_ready_async (CfutExecutor        *self,
                                     gint64               timeout_usec,
                                     GCancellable        *cancellable,
                                     GAsyncReadyCallback  callback,
                                     gpointer             user_data);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_executor_wait_ready_finish (CfutExecutor  *self,
                                          GAsyncResult  *result,
                                          GError       **error);
CFUT_AVAILABLE_IN_1_0
void cfut_executor_set_rate_limit (CfutExecutor  *self,
                                   CfutRateLimit *limit);
CFUT_AVAILABLE_IN_1_0
CfutRateLimit *cfut_executor_get_rate_limit (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_executor_pause (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_executor_resume (CfutExecutor *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_executor_is_paused (CfutExecutor *self);

#ifndef __GI_SCANNER__
/**
 * CfutExecutorScope: (skip)
 *
 * An executor that is shut down at the end of a block, which waits for all its work: the context
 * manager of other languages.
 *
 * ```c
 * g_autoptr (CfutExecutorScope) executor = cfut_thread_executor_new (0);
 * ```
 *
 * Since: 1.0
 */
typedef CfutExecutor CfutExecutorScope;

static inline void
cfut_executor_scope_end (CfutExecutorScope *self)
{
  cfut_executor_shutdown (self, CFUT_SHUTDOWN_WAIT, -1, NULL);
  g_object_unref (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfutExecutorScope, cfut_executor_scope_end)
#endif

G_END_DECLS
