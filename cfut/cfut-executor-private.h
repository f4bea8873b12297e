/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-cell-private.h"
#include "core/cfut-gate-private.h"
#include "core/cfut-room-private.h"
#include "cfut-executor.h"
#include "cfut-task-private.h"
#include "cfut-work-gate-private.h"
#include "cfut-work-private.h"

G_BEGIN_DECLS

/* How an executor of the library's own takes tasks, without a CfutWork for each. */
typedef struct {
  /* Takes over a reference. */
  void      (*enqueue)   (CfutExecutor      *self,
                          CfutTask          *task);
  /* A queue deadline that is not armed yet is armed by that, if its submitter has a reference of his
   * own meanwhile. */
  gboolean   arms_deadlines;
  /* What has no future. May be NULL. */
  void      (*post)      (CfutExecutor      *self,
                          CfutTaskFunc       func,
                          gpointer           user_data,
                          GDestroyNotify     destroy);
  /* (transfer full): the tasks that run. */
  GPtrArray *(*dup_running) (CfutExecutor   *self);
  /* Any number of times. */
  void      (*stop)      (CfutExecutor      *self,
                          CfutShutdownFlags  flags);
  /* Settles some time after stop; as long as the executor. */
  CfutCell *(*get_ended) (CfutExecutor      *self);
  /* Whether a task of it runs on this thread. */
  gboolean  (*runs_here) (CfutExecutor      *self);
  /* (transfer none) (nullable): what holds its tasks back; with @make it is there for good. */
  CfutGate *(*get_gate)  (CfutExecutor      *self,
                          gboolean           make);
  /* The gate was paused. May be NULL. */
  void      (*paused)    (CfutExecutor      *self);
} CfutExecutorEngine;

typedef struct {
  const CfutExecutorEngine *engine;
  CfutWorkLog *log;  /* (nullable): of a derived executor */
  _Atomic gboolean shut_down;
  _Atomic (CfutRoom *) room;  /* (nullable): set once */
  _Atomic (CfutFunctions *) functions;  /* (nullable): set once */
  gboolean by_name;  /* runs no functions of this process; immutable */
  _Atomic (CfutWorkGate *) work_gate;  /* (nullable): set once; of a derived executor */
} CfutExecutorPrivate;

/* That of an executor which is derived by others: it makes a CfutWork of each task. */
extern const CfutExecutorEngine cfut_executor_log_engine;

CfutExecutorPrivate *cfut_executor_get_private (CfutExecutor *self);

void cfut_executor_set_engine (CfutExecutor             *self,
                               const CfutExecutorEngine *engine);

GError *cfut_executor_shut_down_error (void);

/* (transfer none) (nullable): what limits the executor; with @make it is there for good. */
CfutRoom *cfut_executor_get_room       (CfutExecutor     *self,
                                        gboolean          make);
CfutGate *cfut_executor_get_gate       (CfutExecutor     *self,
                                        gboolean          make);
void      cfut_executor_note_paused    (CfutExecutor     *self);
/* cfut_room_block, where this thread may be one that is needed to make room. FALSE: it is, with
 * @error. */
gboolean  cfut_executor_block_for_room (CfutExecutor     *self,
                                        CfutRoom         *room,
                                        guint64           bytes,
                                        gboolean          enters,
                                        gint64            deadline_usec,
                                        GCancellable     *cancellable,
                                        CfutRoomOutcome  *outcome,
                                        GError          **error);
/* cfut_executor_wait_ready_async for so many bytes, with its finish. */
void      cfut_executor_wait_room_async (CfutExecutor        *self,
                                         guint64              bytes,
                                         gint64               deadline_usec,
                                         GCancellable        *cancellable,
                                         GAsyncReadyCallback  callback,
                                         gpointer             user_data);
/* Sooner or later there is room. FALSE: the task is settled instead. */
gboolean  cfut_executor_enter          (CfutExecutor     *self,
                                        CfutTask         *task,
                                        CfutRequest      *request);
CfutFuture *cfut_executor_refuse_forked (CfutTaskFunc     func,
                                         gpointer         user_data,
                                         GDestroyNotify   destroy);

/* cfut_executor_submit_full in two steps, for who can't wait for room for as long as it takes.
 * FALSE: there was none in time, nothing has changed, and it may be called again. */
CfutTask *cfut_executor_prepare         (CfutExecutor    *self,
                                         CfutRequest     *request,
                                         CfutTaskFunc     func,
                                         gpointer         user_data,
                                         GDestroyNotify   destroy);
gboolean  cfut_executor_submit_prepared (CfutExecutor    *self,
                                         CfutTask        *task,
                                         CfutRequest     *request,
                                         gint64           deadline_usec,
                                         GCancellable    *cancellable);

G_END_DECLS
