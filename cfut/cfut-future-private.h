/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-cell-private.h"
#include "core/cfut-debug-private.h"
#include "core/cfut-delivery-private.h"
#include "core/cfut-waiter-private.h"
#include "cfut-future.h"

G_BEGIN_DECLS

typedef struct _CfutFutureExtra CfutFutureExtra;
typedef struct _CfutOutlook CfutOutlook;

/* 96 bytes; a task adds 48. A program may hold a million of them. From the cell's word on it is what
 * a worker touches, and of a task what comes after: two lines of the cache, wherever it lies. */
struct _CfutFuture {
  GObject parent_instance;

  /* Written by who settles, under the cell's lock or alone in RUNNING; immutable once settled. An
   * error is a value of G_TYPE_ERROR. */
  GValue value;

  /* Set once, atomically; what is in it has its own rules */
  _Atomic (CfutFutureExtra *) extra;

  CfutCell cell;

  /* Immutable once it was submitted */
  CfutOwner *owner;

  /* In the owner's queue, see CFUT_CELL_SCHEDULED */
  CfutItem item;
};

typedef enum {
  CFUT_FUTURE_DIRTY_PROGRESS = 1 << 0,
  CFUT_FUTURE_DIRTY_MESSAGE = 1 << 1,
  CFUT_FUTURE_DIRTY_NAME = 1 << 2,
  CFUT_FUTURE_DIRTY_STATE = 1 << 3
} CfutFutureDirty;

/* A range runs on several threads. */
typedef struct _CfutPaused CfutPaused;
struct _CfutPaused {
  CfutWaiter waiter;
  CfutPaused *next;
};

struct _CfutFutureExtra {
  /* Guarded by the cell's lock */
  char *name;
  char *message;
  GCancellable *cancellable;
  CfutPaused *paused;   /* (nullable): the threads on which its function waits to be resumed */
  guint64 done;
  guint64 total;
  CfutFutureDirty dirty;
  GUnixFDList *fds;     /* (nullable): with the result; immutable once settled */
  GVariant *error_details;  /* (nullable): with the error; immutable once settled */

  /* (nullable): of a command, set before CFUT_CELL_LINES is. On the owner's context, in its loop:
   * tells of lines for a while. TRUE: there are more. */
  gboolean (*tell_lines) (CfutFuture *future);

  /* Owning context only */
  CfutFuture *future;
  CfutDelayed delayed;
  gint64 notified_usec;
  CfutState shown_state;
};

struct _CfutFutureClass {
  GObjectClass parent_class;

  /* Releases what the future was submitted with, once, on the owner's context. */
  void (*released) (CfutFuture *self);
  /* (nullable): whether there is nothing for that to do. */
  gboolean (*is_bare) (CfutFuture *self);
  /* Whether that would free what a user gave; on the owner's thread. */
  gboolean (*holds_data) (CfutFuture *self);
  /* Settled while it stood in a queue: called under the cell's lock, to keep the accounts. What it
   * returns, if anything, is given to after_unqueued outside of the lock. */
  gpointer (*unqueued) (CfutFuture *self);
  void (*after_unqueued) (gpointer data);
  /* Paused, and may go on, while it has not settled. (nullable) */
  void (*paused) (CfutFuture *self);
  void (*resumed) (CfutFuture *self);
  /* Asked to stop. Outside of locks; (nullable). */
  void (*asked_to_stop) (CfutFuture *self);
  /* PENDING: whether it runs nevertheless, elsewhere, as who runs it has not said so yet.
   * (nullable) */
  gboolean (*has_begun) (CfutFuture *self);
  /* (nullable): what it runs, to be named in reports, never to be called. */
  gpointer (*get_function) (CfutFuture *self);
  /* Of a future that waits for others: cancelled, it stops waiting, and moves references on what is
   * to be cancelled with it to the end of @upstream. Called once, on the cancelling thread, outside
   * of locks. */
  void (*cancelled) (CfutFuture *self,
                     GPtrArray  *upstream);
  /* Adds references on those futures it waits for which have this function too. On any thread. */
  void (*list_upstream) (CfutFuture *self,
                         GPtrArray  *upstream);
  /* Shows all that it waits for, or itself where it is about to settle, or to wait for something
   * else. There with the one before. */
  void (*look_upstream) (CfutFuture  *self,
                         CfutOutlook *outlook);
};

#define CFUT_DEBUG_TRACKS_FUTURES (CFUT_DEBUG_FUTURES | CFUT_DEBUG_STATES)

/* In the cell's tag: a process's number is below it, else it is the name of a thread. */
#define CFUT_FUTURE_TAG_PID 0x80000000u

static inline CfutFutureExtra *
cfut_future_peek_extra (CfutFuture *self)
{
  return atomic_load_explicit (&self->extra, memory_order_acquire);
}

/* Of one that is PENDING by its word. */
static inline gboolean
cfut_future_has_begun (CfutFuture *self)
{
  CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;

  return klass->has_begun != NULL && klass->has_begun (self);
}

/* Its error will not be reported as one that nobody looked at. */
static inline void
cfut_future_observe (CfutFuture *self)
{
  if (!(cfut_cell_load (&self->cell) & CFUT_CELL_OBSERVED))
    cfut_cell_set_flags (&self->cell, CFUT_CELL_OBSERVED);
}

/* The same, by somebody to whom it may be shown well: only a failure is ever asked about. */
static inline void
cfut_future_observe_failure (CfutFuture *self)
{
  if (G_UNLIKELY (cfut_cell_state (cfut_cell_load (&self->cell)) == CFUT_STATE_REJECTED))
    cfut_future_observe (self);
}

CfutFutureExtra *cfut_future_get_extra   (CfutFuture       *self);

/* On the owner's context: what a handler hears. */
void        cfut_future_notify           (CfutFuture       *self,
                                          CfutFutureDirty   dirty);
void        cfut_future_emit_done        (CfutFuture       *self);
/* A handler of any notification. */
gboolean    cfut_future_has_watchers     (CfutFuture       *self);
/* A handler of `done`, or of the notification of `state`. */
gboolean    cfut_future_has_observers    (CfutFuture       *self);

extern const CfutItemClass cfut_future_item_class;
void        cfut_future_changed          (CfutFuture       *self);
/* There are lines to tell of, which come before anything else that is told. Any thread; nothing once
 * it has settled. */
void        cfut_future_lines_came       (CfutFuture       *self);
/* Has all that wait told now, where its owner's context is here. */
void        cfut_future_tell_all_lines   (CfutFuture       *self);
void        cfut_future_reap_submitted   (CfutFuture       *self);
void        cfut_future_drop_callbacks   (CfutFuture       *self);
/* Frees it on the owner's context; it is empty after. */
void        cfut_future_discard_value    (CfutFuture       *self,
                                          GValue           *value);

/* With CFUT_DEBUG, see cfut-debug.c. A running future is let go on its owner's context by
 * _settled. */
void        cfut_future_debug_made       (CfutFuture       *self);
void        cfut_future_debug_gone       (CfutFuture       *self);
void        cfut_future_debug_started    (CfutFuture       *self);
void        cfut_future_debug_settled    (CfutFuture       *self,
                                          CfutState         to);
char       *cfut_future_debug_describe   (CfutFuture       *self);
/* A run that began then has ended; with a mark that is not 0 only. */
void        cfut_future_mark_run         (CfutFuture       *self,
                                          gint64            begin);

/* By who made it, when it is known what it is for. */
void        cfut_future_made             (CfutFuture       *self);

/* For siblings: groups, waits. FALSE: settled already, the node was not taken. */
gboolean    cfut_future_add_node         (CfutFuture       *self,
                                          CfutNode         *node);
/* FALSE: the node's settled function was called, or is about to be, on another thread. */
gboolean    cfut_future_remove_node      (CfutFuture       *self,
                                          CfutNode         *node);
void        cfut_future_serve_after      (CfutNode         *node);
CfutOwner  *cfut_future_get_owner        (CfutFuture       *self);
/* Drops a reference on the owner's context: at once if that is here, else through its queue. */
void        cfut_future_release          (CfutFuture       *self);
/* The same always through the queue. */
void        cfut_future_hand_over        (CfutFuture       *self);

/* What has not started: FALSE if it has. */
gboolean    cfut_future_reject_pending   (CfutFuture       *self,
                                          GError           *error);
/* The same, as cancelled; unlike cfut_future_cancel it asks nothing of what runs. */
gboolean    cfut_future_cancel_pending   (CfutFuture       *self);

/* Settle; @value and @error are taken over, and freed if it was too late. */
gboolean    cfut_future_settle           (CfutFuture       *self,
                                          CfutState         to,
                                          GValue           *value,
                                          GError           *error);
/* The same out of RUNNING, by the one that runs it, with the value it has; takes over the caller's
 * reference. */
void        cfut_future_finish_run       (CfutFuture       *self,
                                          gboolean          success,
                                          GError           *error);
gboolean    cfut_future_start            (CfutFuture       *self);
/* The same of what has run already, and is about to settle: nobody is told. */
gboolean    cfut_future_pass_run         (CfutFuture       *self);
/* Unless one of some flags is set; sets others. Nobody is told: see cfut_future_started. */
static inline gboolean
cfut_future_begin_run (CfutFuture *self,
                       guint       unless)
{
  return cfut_cell_start (&self->cell, unless, CFUT_CELL_ENTERED);
}
void        cfut_future_started          (CfutFuture       *self);
void        cfut_future_loop_seen        (CfutDelivery     *delivery);
/* What runs is to stop as soon as it can. */
void        cfut_future_ask_to_stop      (CfutFuture       *self);
/* On the thread that runs it: returns when it is not paused, or asked to stop. */
void        cfut_future_pause_here       (CfutFuture       *self);
void        cfut_future_wake_paused      (CfutPaused       *paused);
GError     *cfut_future_no_error_set     (void);
void        cfut_future_set_worker_pid   (CfutFuture       *self,
                                          int               pid);
void        cfut_future_take_value       (CfutFuture       *self,
                                          GValue           *value);
/* Before it is settled; for one that is they are dropped. Takes over @details, not floating. */
void        cfut_future_take_error_details (CfutFuture     *self,
                                          GVariant         *details);

/* For reports; nobody is notified. */
void        cfut_future_name_if_unnamed  (CfutFuture       *self,
                                          const char       *name);
void        cfut_future_report_progress  (CfutFuture       *self,
                                          guint64           done,
                                          guint64           total);
void        cfut_future_report_message   (CfutFuture       *self,
                                          const char       *message);
GCancellable *cfut_future_cancellable    (CfutFuture       *self);
gboolean    cfut_future_cancel_requested (CfutFuture       *self);

G_END_DECLS
