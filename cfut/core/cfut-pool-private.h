/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib-object.h>

#include "core/cfut-cell-private.h"
#include "core/cfut-gate-private.h"
#include "core/cfut-heap-private.h"
#include "core/cfut-queue-private.h"
#include "core/cfut-waiter-private.h"

G_BEGIN_DECLS

typedef struct _CfutPool CfutPool;
typedef struct _CfutPoolWorker CfutPoolWorker;
typedef struct _CfutPoolRun CfutPoolRun;

/* More threads than that are never made, those included that stand in for blocked ones. */
#define CFUT_POOL_MAX_WORKERS 4095
/* Nor are more replaced that are stuck. */
#define CFUT_POOL_MAX_ABANDONED 1024

/* A key that no clock reaches: set aside. */
#define CFUT_POOL_NEVER G_MAXINT64

typedef struct {
  guint64 n_pending;
  guint64 n_running;
  guint64 n_completed;
  guint n_threads;
  guint n_abandoned;
} CfutPoolCounts;

typedef enum {
  CFUT_POOL_RAN,      /* it was started, and has ended */
  CFUT_POOL_STALE     /* it had been settled while it was queued, or stands elsewhere by now */
} CfutPoolOutcome;

/* What the pool does with links. Run and fail take them over. */
typedef struct {
  /* @placed: it comes from the heap of priorities. */
  CfutPoolOutcome (*run)  (CfutLink     *link,
                           gboolean      placed);
  /* No thread can be made, or none can be set up. */
  void            (*fail) (CfutLink     *link,
                           const GError *error);
  /* Whether a link that is taken out without being run is to be counted here: nobody calls
   * count_unqueued for it. May be NULL: none is. */
  gboolean        (*is_bare) (CfutLink  *link);
  /* On a thread that begins to work, and ends; both may be NULL. When setting up fails, the pool is
   * broken. */
  gboolean        (*enter) (gpointer      data,
                            guint         worker,
                            GError      **error);
  void            (*leave) (gpointer      data);
  /* On the thread of the timers: the deadline of what runs has passed. Takes the reference. */
  void            (*late)  (GObject      *object);
} CfutPoolClass;

/* A function that runs, on the stack of its thread. */
struct _CfutPoolRun {
  GObject *object;
  CfutPoolRun *outer;     /* in which it runs, inside of a wait */
  gint64 deadline_usec;   /* 0: none; set before it is entered, then of who claims it */
};

/* A wait for what only this thread's own pool can run, on the stack of its thread; the first three
 * are set before it begins. */
typedef struct _CfutPoolOwnWait CfutPoolOwnWait;
struct _CfutPoolOwnWait {
  CfutCell *cell;           /* (nullable): what settles then ... */
  CfutWaiter *waiter;       /* (nullable): ... or is fired; or it may be for something else ... */
  _Atomic gboolean *is_stale;  /* (nullable): ... when this is set */
  CfutPoolOwnWait *outer;   /* in which it waits */
};

/* Embedded in what has been given a priority. */
typedef struct {
  CfutPlace place;
  CfutLink *link;
} CfutPoolPlace;

CfutPool *cfut_pool_new            (const CfutPoolClass *klass,
                                    guint                max_workers,
                                    gint64               idle_usec,
                                    gpointer             data,
                                    GDestroyNotify       data_free);
CfutPool *cfut_pool_ref            (CfutPool            *self);
void      cfut_pool_unref          (CfutPool            *self);

/* FALSE: it was closed or broken before or meanwhile. The link is in the queue all the same, unless
 * @queued says otherwise, and whoever is inside settles it. */
gboolean  cfut_pool_push           (CfutPool            *self,
                                    CfutLink            *link,
                                    gboolean            *queued);
/* The same for a link with a priority: the smaller the key, which is a time, the sooner. In two
 * steps, under the lock of what stands there and after it; the first says whether it is queued. */
gboolean  cfut_pool_push_placed    (CfutPool            *self,
                                    CfutPoolPlace       *place,
                                    gint64               key);
gboolean  cfut_pool_pushed         (CfutPool            *self);
/* Under the cell's lock of what stands there: sets the key of a link that was pushed before. FALSE:
 * it was not in the heap, and a reference on the link has to come with it. */
gboolean  cfut_pool_place          (CfutPool            *self,
                                    CfutPoolPlace       *place,
                                    gint64               key);
/* The same for a link that stands in a queue, or in the hands of a worker. FALSE: all that is
 * pending has been taken out for good, and it is not placed. */
gboolean  cfut_pool_try_place      (CfutPool            *self,
                                    CfutPoolPlace       *place,
                                    gint64               key,
                                    gboolean            *was_placed);
gboolean  cfut_pool_unplace        (CfutPool            *self,
                                    CfutPoolPlace       *place);
gboolean  cfut_pool_is_aside       (CfutPool            *self,
                                    CfutPoolPlace       *place);
void      cfut_pool_check_ended    (CfutPool            *self);
void      cfut_pool_notify         (CfutPool            *self);
void      cfut_pool_count_unqueued (CfutPool            *self);
void      cfut_pool_close          (CfutPool            *self);
void      cfut_pool_drain          (CfutPool            *self,
                                    void               (*func) (CfutLink *link));
void      cfut_pool_empty          (CfutPool            *self,
                                    void               (*func) (CfutLink *link));
CfutCell *cfut_pool_get_ended      (CfutPool            *self);
/* (transfer full) (nullable): why the pool is broken. */
GError   *cfut_pool_dup_error      (CfutPool            *self);
void      cfut_pool_get_counts     (CfutPool            *self,
                                    CfutPoolCounts      *counts);
guint     cfut_pool_get_max        (CfutPool            *self);
/* (transfer none) (nullable): what holds its links back; with @make it is there for good. */
CfutGate *cfut_pool_get_gate       (CfutPool            *self,
                                    gboolean             make);
void      cfut_pool_set_idle       (CfutPool            *self,
                                    gint64               idle_usec);
void      cfut_pool_set_compensate (CfutPool            *self,
                                    gboolean             compensate);

/* On a worker: the pool that this thread works for, or NULL; and if that may not grow. */
CfutPool *cfut_pool_get_current    (void);
CfutPool *cfut_pool_get_fixed      (void);

/* What runs. Enter and leave on the thread that runs it, nested. */
void      cfut_pool_enter_run      (CfutPoolRun         *run,
                                    GObject             *object);
void      cfut_pool_leave_run      (CfutPoolRun         *run);
/* On a worker, around a function of a user's that is not a run: it is not waited for by who forks.
 * What the first gives is for the second. */
gboolean      cfut_pool_step_aside (void);
void          cfut_pool_step_back (gboolean was_aside);

/* What this worker runs, the innermost first, up to @n_max. */
guint     cfut_pool_list_runs_here (GObject            **objects,
                                    guint                n_max);
gboolean  cfut_pool_is_nested      (void);
/* Once a run with that deadline was entered, on a worker. FALSE: nothing will come of it. */
gboolean  cfut_pool_watch_run      (gint64               deadline_usec);
GPtrArray *cfut_pool_dup_running   (CfutPool            *self);
/* On all pools; @wanted must not wait, nor take any of our locks. */
GPtrArray *cfut_pool_dup_running_if (gboolean          (*wanted) (GObject *object));
GPtrArray *cfut_pool_stop_running  (CfutPool            *self);
gboolean  cfut_pool_is_stopping    (void);
/* The thread that runs @object is not counted on any more. FALSE: none does. */
gboolean  cfut_pool_abandon        (GObject             *object);

/* Runs a link of this thread's own pool inside of a wait. */
gboolean  cfut_pool_may_run_here   (CfutPool            *self);
/* One that this thread has queued itself, and that is taken out of there. FALSE: it did not run. */
gboolean  cfut_pool_run_own        (CfutLink            *link);
void      cfut_pool_begin_run_here (void);
void      cfut_pool_end_run_here   (gboolean             ran);
/* This thread will sleep; (nullable): the pool that has to hear when it is back. */
CfutPool *cfut_pool_block          (void);
void      cfut_pool_unblock        (CfutPool            *self);
/* This thread will sleep until something of its own pool has run. FALSE: that is for ever, as no
 * other worker is left for it, and the pool may not grow. */
gboolean  cfut_pool_begin_wait_own (CfutPoolOwnWait     *wait);
void      cfut_pool_end_wait_own   (CfutPoolOwnWait     *wait);

G_END_DECLS
