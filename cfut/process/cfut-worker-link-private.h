/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-task-private.h"
#include "process/cfut-channel-private.h"
#include "process/cfut-worker-start-private.h"

G_BEGIN_DECLS

/* A worker's side of the connection with the application, with the thread that listens while a
 * function runs. Counted references, any thread: what uses it may outlast the worker. */
typedef struct _CfutWorkerLink CfutWorkerLink;

/* A call on its way through the worker, on the runner's stack. */
typedef struct {
  CfutNode node;
  CfutWorkerLink *link;
  CfutTask *task;
  guint64 id;

  /* Guarded by the link's lock, the runner's once it has ended */
  gboolean entered;      /* its function was, or is about to be */
  gboolean told;         /* and STARTED queued */
} CfutWorkerCall;

typedef enum {
  CFUT_WORKER_RUN,       /* now */
  CFUT_WORKER_SKIP,      /* it was taken back; nobody waits for an answer */
  CFUT_WORKER_CANCELLED  /* before it was started */
} CfutWorkerVerdict;

typedef enum {
  CFUT_WORKER_CALL,
  CFUT_WORKER_STOP,   /* the application wants no more */
  CFUT_WORKER_GONE,   /* there is no application any more */
  CFUT_WORKER_FAILED  /* with an error */
} CfutWorkerNext;

CfutWorkerLink *cfut_worker_link_new     (void);
CfutWorkerLink *cfut_worker_link_ref     (CfutWorkerLink         *self);
void            cfut_worker_link_unref   (CfutWorkerLink         *self);

/* Once. Takes the descriptors over. */
gboolean        cfut_worker_link_open    (CfutWorkerLink         *self,
                                          const CfutWorkerStart  *start,
                                          GError                **error);
/* At most once, after it. Waits for what the application tells its workers. @setup: (transfer full)
 * (nullable) */
gboolean        cfut_worker_link_hear_setup (CfutWorkerLink      *self,
                                          GVariant              **setup,
                                          GError                **error);
/* In place of the next one: there will be no service. */
void            cfut_worker_link_refuse  (CfutWorkerLink         *self,
                                          const GError           *why);
/* Says hello, and begins to listen. */
gboolean        cfut_worker_link_begin_service (CfutWorkerLink   *self,
                                          const CfutWorkerStart  *start,
                                          GError                **error);
/* After that, on the same thread: nothing more is received. */
void            cfut_worker_link_close   (CfutWorkerLink         *self);

/* The rest on the runner's thread, but for the request. Sends what is queued before it waits.
 * @frame is to be cleared. */
CfutWorkerNext  cfut_worker_link_next    (CfutWorkerLink         *self,
                                          CfutFrame              *frame,
                                          GError                **error);
/* With RUN the call may be asked to stop, and tells of its progress, until it is ended. */
CfutWorkerVerdict cfut_worker_link_begin (CfutWorkerLink         *self,
                                          CfutWorkerCall         *call);
/* Its function is about to be entered: that is known, or can be found out, before this returns. */
void            cfut_worker_link_enter   (CfutWorkerLink         *self,
                                          CfutWorkerCall         *call);
void            cfut_worker_link_end     (CfutWorkerLink         *self,
                                          CfutWorkerCall         *call);
/* After that: what comes next is not its result, which alone goes without saying that it was
 * entered. */
void            cfut_worker_link_tell    (CfutWorkerLink         *self,
                                          CfutWorkerCall         *call);
/* For what is queued without a call being entered, which may be often: the journal is to keep what
 * there is. */
void            cfut_worker_link_make_room (CfutWorkerLink       *self);
/* Before what is next received, or with the next flush. FALSE: it is no such frame, and nothing was
 * queued. */
gboolean        cfut_worker_link_queue   (CfutWorkerLink         *self,
                                          const CfutWireOut      *frame,
                                          GUnixFDList            *fds,
                                          GError                **error);
void            cfut_worker_link_flush   (CfutWorkerLink         *self);

/* Any thread: an operation on a shared dict. (transfer full): the reply, unchecked. */
GVariant       *cfut_worker_link_request (CfutWorkerLink         *self,
                                          const char             *name,
                                          GVariant               *request,
                                          GError                **error);

G_END_DECLS
