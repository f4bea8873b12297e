/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-call.h"
#include "cfut-owned-private.h"
#include "cfut-task-private.h"

G_BEGIN_DECLS

/* Longer names cannot be sent, so there are none. In bytes. */
#define CFUT_FUNCTION_NAME_MAX 255

/* One of a table's. Held by the table and by each call; its user data is released on the context
 * that added it. */
typedef struct {
  CfutOwned data;
  CfutCallFunc func;
  char name[];
} CfutFunction;

/* What a call's task has as its user data. Held by the task, until that is released on its owner's
 * context, and by who needs it longer: cfut_owned_ref (&call->data) on any thread, while the task
 * has not settled, or in an engine's enqueue and a class's execute. */
typedef struct {
  CfutOwned data;

  /* Immutable */
  CfutFunction *function;  /* (nullable): where the executor does not run it by itself */
  GVariant *args;          /* never NULL, never floating */
  GUnixFDList *fds;        /* (nullable) */
  char name[];             /* valid, see cfut_function_name_is_valid */
} CfutCall;

/* The function of each task that is a call. */
gboolean      cfut_call_run               (CfutTask       *task,
                                           gpointer        call,
                                           GError        **error);

/* (nullable) (transfer none): what the task is to call, if it is a call. */
static inline CfutCall *
cfut_call_from_task (CfutTask *task)
{
  return task->func == cfut_call_run ? (CfutCall *) task->user_data : NULL;
}

/* Takes over @function, sinks @args. The call belongs to the current owner. */
CfutCall     *cfut_call_new               (CfutFunction   *function,
                                           const char     *name,
                                           GVariant       *args,
                                           GUnixFDList    *fds);
/* Fits GDestroyNotify. */
void          cfut_call_unref             (gpointer        call);

gboolean      cfut_function_name_is_valid (const char     *name);
GError       *cfut_call_unknown_error     (const char     *name);

/* (transfer full) (nullable) */
CfutFunction *cfut_functions_lookup       (CfutFunctions  *self,
                                           const char     *name);
void          cfut_function_unref         (CfutFunction   *self);

/* In the instance's init: this executor runs no functions of this process. Its calls' names are not
 * looked up here, and can-run-functions is FALSE. */
void          cfut_executor_set_by_name   (CfutExecutor   *self);
/* @request may be NULL. Sinks @args. */
CfutFuture   *cfut_executor_submit_call   (CfutExecutor   *self,
                                           CfutRequest    *request,
                                           const char     *name,
                                           GVariant       *args,
                                           GUnixFDList    *fds);

/* The first step of that, see cfut_executor_prepare (). @call, a CfutCall, is (transfer full): to be
 * kept until it is submitted. */
CfutTask     *cfut_executor_prepare_call  (CfutExecutor   *self,
                                           CfutRequest    *request,
                                           const char     *name,
                                           GVariant       *args,
                                           GUnixFDList    *fds,
                                           gpointer       *call);

/* Any thread, before the future is settled: what the result's handles index. Takes over @fds. */
void          cfut_future_take_fds        (CfutFuture     *self,
                                           GUnixFDList    *fds);

G_END_DECLS
