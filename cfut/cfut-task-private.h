/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-pool-private.h"
#include "core/cfut-room-private.h"
#include "core/cfut-timer-private.h"
#include "cfut-future-private.h"
#include "cfut-request.h"
#include "cfut-task.h"

G_BEGIN_DECLS

typedef struct _CfutTaskOptions CfutTaskOptions;

/* What stands in a pool: a task, or, without a pool, what was posted. */
typedef struct {
  CfutPool *pool;  /* of a task: valid while that is queued, CFUT_CELL_QUEUED */
  CfutLink link;
} CfutPoolEntry;

struct _CfutTask {
  CfutFuture parent_instance;

  CfutPoolEntry entry;

  /* Immutable once submitted; released on the owner's context */
  CfutTaskFunc func;
  gpointer user_data;

  /* Set once, atomically; what is in it has its own rules */
  _Atomic (CfutTaskOptions *) options;

  /* With user_data; no worker looks at it */
  GDestroyNotify destroy;
};

/* A function of the library's that calls a user's: the one that reports are to name, or what else
 * they are to call it if it has no name. */
typedef struct {
  CfutTaskFunc func;
  gpointer (*get_function) (gpointer user_data);
  const char *(*get_name) (gpointer user_data);  /* (nullable) */
} CfutTaskWrapper;

typedef enum {
  CFUT_TASK_WRAPPER_MAP,
  CFUT_TASK_WRAPPER_CALL,
  CFUT_TASK_N_WRAPPERS
} CfutTaskWrapperKind;

/* What a task has whose function runs in another process, embedded by who sees to that. Set before
 * it can be started, for good. */
typedef struct {
  /* FALSE: it does not wait in a queue (any more). The priority has been set. */
  gboolean (*replace) (CfutTask *task);
  /* Paused, or resumed: before it is started, and while it runs. */
  void     (*paused)  (CfutTask *task);
  void     (*resumed) (CfutTask *task);
  /* Asked to stop while it runs. */
  void     (*stop)    (CfutTask *task);
  /* With the task. */
  void     (*free)    (gpointer  remote);
} CfutTaskRemoteClass;

typedef struct {
  const CfutTaskRemoteClass *klass;
} CfutTaskRemote;

struct _CfutTaskClass {
  CfutFutureClass parent_class;
};

/* What few tasks need. */
struct _CfutTaskOptions {
  CfutTask *task;

  /* Guarded by the cell's lock, and the place by the pool's too */
  CfutPoolPlace place;
  int priority;
  gint64 made_usec;
  CfutPool *held_pool;        /* (nullable): as long as it may have been set aside there */

  /* Armed: owns a reference on the task */
  CfutTimer timer;

  /* Immutable once submitted */
  gint64 run_deadline_usec;   /* negative: none */
  gboolean has_queue_deadline;
  GCancellable *parent;       /* (nullable) */
  gulong parent_handler;
  CfutNode parent_node;
  CfutRoom *room;             /* (nullable): what counts it as long as it has not been started */
  guint64 size;
  CfutNode room_node;

  _Atomic gboolean in_room;

  _Atomic (CfutTaskRemote *) remote;   /* (nullable): set once */
};

/* Static, one of each kind; set before a task with it is made. */
void cfut_task_set_wrapper (CfutTaskWrapperKind    kind,
                            const CfutTaskWrapper *wrapper);

static inline CfutPoolEntry *
cfut_pool_entry_from_link (CfutLink *link)
{
  return (CfutPoolEntry *) ((char *) link - G_STRUCT_OFFSET (CfutPoolEntry, link));
}

static inline CfutTask *
cfut_task_from_entry (CfutPoolEntry *entry)
{
  return (CfutTask *) ((char *) entry - G_STRUCT_OFFSET (CfutTask, entry));
}

static inline CfutTaskOptions *
cfut_task_peek_options (CfutTask *self)
{
  return atomic_load_explicit (&self->options, memory_order_acquire);
}

CfutTask *cfut_task_new (CfutTaskFunc    func,
                         gpointer        user_data,
                         GDestroyNotify  destroy);
/* Takes over a reference. FALSE: it could not be started, being settled or flagged with one of
 * @unless; the reference is the caller's still. */
gboolean  cfut_task_run (CfutTask       *self,
                         guint           unless);
/* In a wait on a worker of its pool. FALSE: it cannot be run here. */
gboolean  cfut_task_run_here (CfutFuture *future);
/* Whether it has not settled and belongs to the pool that this thread works for. */
gboolean  cfut_task_is_of_this_pool (CfutFuture *future);

CfutTaskOptions *cfut_task_get_options     (CfutTask        *self);
void             cfut_task_options_free    (CfutTaskOptions *self);
gint64           cfut_task_options_key     (CfutTaskOptions *self);
/* What a request says that holds for a task of any executor. FALSE: it is settled by that. */
gboolean         cfut_task_apply_request   (CfutTask        *self,
                                            CfutRequest     *request);
/* It has entered; it leaves when it is started, or settled before. */
void             cfut_task_enter_room      (CfutTask        *self,
                                            CfutRoom        *room,
                                            guint64          size);
void             cfut_task_options_start   (CfutTaskOptions *self,
                                            CfutPoolRun     *run);
gboolean         cfut_task_options_watch   (CfutTaskOptions *self,
                                            gint64           deadline_usec,
                                            GError         **error);
GError          *cfut_task_not_started_error (void);
void             cfut_task_run_late        (GObject         *object);
void             cfut_task_options_ended   (CfutTaskOptions *self);
void             cfut_task_options_released (CfutTaskOptions *self);
void             cfut_task_paused          (CfutFuture      *future);
void             cfut_task_asked_to_stop   (CfutFuture      *future);
void             cfut_task_resumed         (CfutFuture      *future);

G_END_DECLS
