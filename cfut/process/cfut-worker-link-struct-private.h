/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-lock-private.h"
#include "process/cfut-worker-link-private.h"

G_BEGIN_DECLS

/* For the link's own files. */

/* An operation on a dict, on the stack of who waits for it. */
typedef struct {
  gboolean answered;
  GVariant *reply;
  GError *error;
} CfutWorkerRequest;

struct _CfutWorkerLink {
  gatomicrefcount ref_count;

  /* Immutable once open */
  CfutChannel *calls;
  CfutChannel *control;   /* the same one, over stdio */
  gboolean is_stdio;
  int calls_fd;           /* the channels' */
  int control_fd;
  int wake_fd;            /* an eventfd: the listener is to look */
  CfutJournal *journal;   /* (nullable): of the channel of the calls */
  GThread *listener;

  /* The runner's */
  gint64 sent_usec;       /* when it last sent all */

  /* Atomic */
  _Atomic guint dirty;
  _Atomic gboolean is_gone;   /* turns TRUE under the lock */

  GMutex lock;

  /* Guarded by the lock */
  GCond changed;
  gboolean is_open;
  gboolean is_closing;
  CfutWorkerCall *running;    /* (nullable) */
  guint64 last_id;
  guint64 taken_back_id;      /* up to this one, what was not decided about */
  GArray *cancelled_ids;      /* of calls that were not decided about */
  gint64 grace_usec;
  GQueue frames;              /* stdio: of CfutFrame, for the runner */
  gboolean at_end;            /* stdio: nothing comes after these ... */
  GError *end_error;          /* (nullable): ... for this reason */
  GHashTable *requests;       /* by number */
  guint64 last_request;
  gint64 told_usec;           /* when progress was last sent */
};

static inline void
link_lock (CfutWorkerLink *self)
{
  cfut_lock (&self->lock, CFUT_LOCK_WORKER);
}

static inline void
link_unlock (CfutWorkerLink *self)
{
  cfut_unlock (&self->lock, CFUT_LOCK_WORKER);
}

/* Any thread. The listener is to look. */
void      cfut_worker_link_wake           (CfutWorkerLink  *self);
/* Under the lock, or after the call has ended. */
void      cfut_worker_link_tell_started   (CfutWorkerLink  *self,
                                           CfutWorkerCall  *call);
/* The same. TRUE: something was queued. */
gboolean  cfut_worker_link_queue_progress (CfutWorkerLink  *self,
                                           CfutWorkerCall  *call);
/* Of the frame that says how a worker is to be. (transfer full) (nullable): what is for its own use. */
GVariant *cfut_worker_link_set_up         (CfutWorkerLink  *self,
                                           const CfutFrame *frame);
/* The listener, or the runner between two functions: what may come on either channel. */
void      cfut_worker_link_hear           (CfutWorkerLink  *self,
                                           CfutFrame       *frame);
gboolean  cfut_frame_is_for_runner        (CfutFrame       *frame);
/* The listener's thread. Owns a reference. */
gpointer  cfut_worker_link_run_listener   (gpointer         data);

/* What notes a call's progress, on the thread that runs its function. */
extern const CfutNodeClass cfut_worker_call_node_class;

G_END_DECLS
