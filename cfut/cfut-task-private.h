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

  /* What it was submitted with, by CfutTaskTerms; 0: nothing. Atomic: set once by who submits, and
   * once by who makes options of that, which stay */
  _Atomic guintptr terms;

  /* With user_data; no worker looks at it */
  GDestroyNotify destroy;
};

/* The low bits of a task's terms: most that have a deadline have nothing else, and pay for nothing
 * else. */
typedef enum {
  CFUT_TASK_TERMS_OPTIONS,      /* the address of a CfutTaskOptions */
  CFUT_TASK_TERMS_RUN,          /* a run deadline, in the other bits */
  CFUT_TASK_TERMS_QUEUE,        /* a queue deadline: the address of its timer ... */
  CFUT_TASK_TERMS_QUEUE_RUN,    /* ... which has a run deadline too, as usec */
  CFUT_TASK_TERMS_MASK = 3
} CfutTaskTerms;

#define CFUT_TASK_TERMS_SHIFT 2

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
  /* Whether it runs, though its future is PENDING still, as that has not been heard of. Any thread,
   * also with a group's lock. */
  gboolean (*has_begun) (CfutTask *task);
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

  /* Of the run, on threads that are no pool's workers. Armed: owns a reference on the task */
  CfutTimer timer;

  /* Immutable once submitted */
  gint64 run_deadline_usec;     /* negative: none */
  CfutLooseTimer *queue_timer;  /* (nullable): see on_queue_deadline */
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

static inline guintptr
cfut_task_terms (CfutTask *self)
{
  return atomic_load_explicit (&self->terms, memory_order_acquire);
}

static inline CfutTaskOptions *
cfut_task_terms_options (guintptr terms)
{
  return (terms & CFUT_TASK_TERMS_MASK) == CFUT_TASK_TERMS_OPTIONS ? (CfutTaskOptions *) terms
                                                                   : NULL;
}

/* Whether there is anything to be done about them when it starts. */
static inline gboolean
cfut_task_terms_hold_in_run (guintptr terms)
{
  return terms != 0 && (terms & CFUT_TASK_TERMS_MASK) != CFUT_TASK_TERMS_QUEUE;
}

static inline CfutLooseTimer *
cfut_task_terms_queue_timer (guintptr terms)
{
  return (terms & CFUT_TASK_TERMS_QUEUE) != 0
           ? (CfutLooseTimer *) (terms & ~(guintptr) CFUT_TASK_TERMS_MASK)
           : NULL;
}

/* (nullable): what has only a deadline has none. */
static inline CfutTaskOptions *
cfut_task_peek_options (CfutTask *self)
{
  return cfut_task_terms_options (cfut_task_terms (self));
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
void             cfut_task_free_terms      (CfutTask        *self);
gint64           cfut_task_options_key     (CfutTaskOptions *self);
/* What a request says that holds for a task of any executor. Without @arm a queue deadline may be
 * left to who queues the task. FALSE: it is settled by that. */
gboolean         cfut_task_apply_request   (CfutTask        *self,
                                            CfutRequest     *request,
                                            gboolean         arm);
void             cfut_task_arm_queue_deadline (CfutTask       *self,
                                               CfutLooseTimer *timer);
/* It has entered; it leaves when it is started, or settled before. */
void             cfut_task_enter_room      (CfutTask        *self,
                                            CfutRoom        *room,
                                            guint64          size);
/* Around a run of a task that has terms. */
void             cfut_task_terms_start     (CfutTask        *self,
                                            CfutPoolRun     *run);
gboolean         cfut_task_terms_watch     (CfutTask        *self,
                                            gint64           deadline_usec,
                                            GError         **error);
GError          *cfut_task_not_started_error (void);
void             cfut_task_run_late        (GObject         *object);
void             cfut_task_options_ended   (CfutTaskOptions *self);
void             cfut_task_options_released (CfutTaskOptions *self);
void             cfut_task_paused          (CfutFuture      *future);
void             cfut_task_asked_to_stop   (CfutFuture      *future);
gboolean         cfut_task_has_begun       (CfutFuture      *future);
void             cfut_task_resumed         (CfutFuture      *future);

G_END_DECLS
