/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-heap-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-timer-private.h"
#include "cfut-call-private.h"
#include "process/cfut-channel-private.h"
#include "process/cfut-crew-pace-private.h"
#include "process/cfut-crew-private.h"

G_BEGIN_DECLS

typedef struct _CfutCrewCall CfutCrewCall;
typedef struct _CfutCrewWorker CfutCrewWorker;

typedef enum {
  CFUT_CREW_CALL_NEW,       /* not taken yet */
  CFUT_CREW_CALL_QUEUED,
  CFUT_CREW_CALL_ASIDE,     /* its turn came while its future was paused */
  CFUT_CREW_CALL_HANDED,    /* a worker has it, and has not said that it has started it */
  CFUT_CREW_CALL_STARTED,
  CFUT_CREW_CALL_DONE       /* nothing of the crew's has it any more */
} CfutCrewCallState;

/* A call in the crew. As long as its task, which it holds until it is DONE. */
struct _CfutCrewCall {
  CfutTaskRemote remote;
  CfutNode node;

  /* Immutable; let go of when it is DONE */
  CfutCrew *crew;
  CfutTask *task;
  CfutCall *call;           /* (nullable): of a command there is none */

  /* Guarded by the crew's lock */
  CfutCrewCallState state;
  gboolean settled;         /* its future has, though it is not DONE */
  gboolean stopping;        /* its worker was told to cancel it */
  CfutCrewCall *next;       /* in the queue, among those set aside, or in the worker's list */
  CfutCrewCall *prev;
  CfutPlace place;          /* in the heap, unless its priority is 0 and it has never been handed */
  gint64 key;
  CfutCrewWorker *worker;   /* HANDED, STARTED; NULL: a command */
  guint64 id;
  gint64 started_usec;
  gboolean success;         /* once it is finished */
  GError *why;              /* (nullable) */
};

typedef struct {
  CfutCrewCall *first;
  CfutCrewCall *last;
  guint n;
} CfutCrewList;

typedef enum {
  CFUT_CREW_WORKER_STARTING,  /* it has not said hello */
  CFUT_CREW_WORKER_READY,
  CFUT_CREW_WORKER_LEAVING,   /* it was told to stop, or is being stopped, or has hung up */
  CFUT_CREW_WORKER_GONE       /* reaped, its sockets read to their end */
} CfutCrewWorkerState;

/* What is to be done with a worker outside of the lock. */
typedef enum {
  CFUT_CREW_DO_STOP = 1 << 0,     /* SIGTERM, and SIGKILL after a grace */
  CFUT_CREW_DO_KILL = 1 << 1,
  CFUT_CREW_DO_HANG_UP = 1 << 2   /* read its sockets to their end, and close them */
} CfutCrewDo;

/* A frame that is to be sent. */
typedef struct {
  CfutWireType type;
  guint64 id;
  CfutCall *call;       /* (nullable): with a reference */
} CfutCrewOut;

struct _CfutCrewWorker {
  gatomicrefcount ref_count;

  /* Immutable */
  CfutCrew *crew;           /* with a reference */
  char cookie[33];

  /* Set on the I/O thread before the worker can be READY, and immutable then */
  CfutChild *child;
  CfutChannel *calls;
  CfutChannel *own_control;
  CfutChannel *control;     /* one of these: where there is one stream only, that of the calls */
  CfutJournal *journal;     /* (nullable): it may not have got it */
  int pid;                  /* that of hello */

  /* I/O thread only */
  gint64 batch_usec;        /* when the frames came in that are being handled; 0: not looked */
  guint n_batch;            /* calls that ended in it */

  /* Guarded by the crew's lock */
  CfutCrewWorker *next;     /* in the crew's list, with a reference */
  CfutCrewWorker *prev;
  CfutCrewWorkerState state;
  CfutCrewList list;        /* STARTED at most the first, then HANDED, by id */
  gboolean stopping;        /* its running call was told to stop */
  gboolean filling;         /* more is handed ahead, until its window is full */
  guint64 last_id;
  guint64 n_done;           /* calls that it has ended */
  guint64 taking_back;      /* up to this id; 0: no answer is awaited */
  guint n_parts;            /* child and channels that have not come to their end */
  gboolean spawned;         /* child and channels are there */
  gboolean exited;
  gboolean lost_control;    /* that channel ended before there was a hello */
  gboolean stopped;         /* it is ended by signals of ours */
  gboolean for_good;        /* the next one would fail as well */
  gboolean refused;         /* it has said so, and the crew is broken */
  gboolean scarce;          /* this process lacked something to start it */
  int wait_status;
  GError *why;              /* (nullable): what it is ended for */
  GArray *out;              /* of CfutCrewOut */
  GArray *spare;            /* the other one, while it is being sent */
  guint todo;               /* of CfutCrewDo */
  gboolean acting;          /* a thread is at it */
  gboolean is_due;          /* stands in the crew's list of those to act for */
  CfutCrewWorker *next_due; /* with a reference */

  /* Its timer; armed with a reference. Times are 0 where there is none. */
  CfutTimer timer;
  gint64 armed_usec;
  gint64 start_by_usec;
  gint64 stop_at_usec;      /* what it was asked to has lasted long enough */
  gint64 idle_at_usec;
  gint64 heard_usec;        /* when something came from it last */
  gint64 pinged_usec;
  gboolean asked;           /* to send what waits; since something came from it */
};

struct _CfutCrew {
  _Atomic guint ref_count;

  /* Immutable */
  char **argv;              /* (nullable) */
  guint max_workers;
  CfutCell ended;
  _Atomic (CfutGate *) gate;   /* (nullable): set once */

  /* Guarded by lock */
  GMutex lock;
  CfutCrewOptions options;
  CfutCrewList fifo;        /* QUEUED, of priority 0 */
  CfutHeap heap;            /* QUEUED, the others */
  CfutCrewList aside;
  CfutCrewList commands;    /* HANDED and STARTED */
  CfutCrewWorker *workers;
  CfutCrewWorker *due;      /* to act for */
  CfutCrewCall *finished;   /* DONE, to be settled, if they are not */
  guint n_ending;           /* of these, and what somebody is at */
  guint n_alive;            /* workers that are STARTING or READY */
  guint n_starting;
  guint n_busy;             /* READY with something in their list */
  guint n_present;          /* all that are not GONE */
  guint64 n_ahead;          /* HANDED behind another */
  guint64 n_open;           /* calls that are neither NEW nor DONE */
  guint64 n_pending;
  guint64 n_running;
  guint64 n_completed;
  CfutCrewPace pace;
  gboolean closed;
  gboolean dropped;
  GError *broken;           /* (nullable): why nothing can be started */
  GHashTable *stores;       /* (nullable): of name to CfutDictStore */

  /* Starts that fail, one after the other */
  guint n_failed;           /* workers that ended by themselves without having ended a call */
  guint n_mute;             /* that did so without having said hello */
  gint64 start_at_usec;     /* 0: at once */
  CfutTimer timer;          /* armed with a reference */
  gboolean timer_armed;
};

static inline void
cfut_crew_enter (CfutCrew *self)
{
  cfut_lock_short (&self->lock, CFUT_LOCK_CREW);
}

/* cfut-crew.c */
CfutCrew *cfut_crew_ref                (CfutCrew         *self);
void      cfut_crew_unref              (CfutCrew         *self);
/* Unlocks, and does what is to be done for workers. */
void      cfut_crew_leave              (CfutCrew         *self);
/* Hands out what can be; starts workers. */
void      cfut_crew_dispatch_locked    (CfutCrew         *self);
void      cfut_crew_check_ended_locked (CfutCrew         *self);
/* DONE, and settled in that way when the lock is left; takes over @why. */
void      cfut_crew_finish_locked      (CfutCrew         *self,
                                        CfutCrewCall     *call,
                                        gboolean          success,
                                        GError           *why);
/* What waits fails with that. */
void      cfut_crew_reject_locked      (CfutCrew         *self,
                                        const GError     *error);
/* All that waits, and all that comes, is rejected; takes over @error. */
void      cfut_crew_break_locked       (CfutCrew         *self,
                                        GError           *error);

/* cfut-crew-call.c */
CfutCrewCall *cfut_crew_call_new       (CfutCrew         *crew,
                                        CfutTask         *task);
static inline CfutCrewCall *
cfut_crew_call_from_place (CfutPlace *place)
{
  return (CfutCrewCall *) ((char *) place - G_STRUCT_OFFSET (CfutCrewCall, place));
}
void      cfut_crew_list_append        (CfutCrewList     *self,
                                        CfutCrewCall     *call);
void      cfut_crew_list_remove        (CfutCrewList     *self,
                                        CfutCrewCall     *call);
CfutCrewCall *cfut_crew_first_locked   (CfutCrew         *self);
/* Into its place in the queue; back after it was handed. */
void      cfut_crew_call_queue_locked  (CfutCrewCall     *self,
                                        gboolean          back);
void      cfut_crew_call_aside_locked  (CfutCrewCall     *self);
void      cfut_crew_call_hand_locked   (CfutCrewCall     *self,
                                        CfutCrewWorker   *worker);
void      cfut_crew_call_start_locked  (CfutCrewCall     *self);
/* Out of wherever it stands. Its references are the caller's then, to give to cfut_crew_call_end. */
void      cfut_crew_call_done_locked   (CfutCrewCall     *self);
/* Settles it, unless it has settled; outside of the lock, after it was done. */
void      cfut_crew_call_end           (CfutCrewCall     *self,
                                        gboolean          success,
                                        GError           *error);
/* It has been started. */
void      cfut_crew_call_entered       (CfutCrewCall     *self);

/* cfut-crew-command.c */
void      cfut_crew_command_hand_locked (CfutCrewCall    *self);
void      cfut_crew_command_stop_locked (CfutCrewCall    *self);

/* cfut-crew-worker.c */
CfutCrewWorker *cfut_crew_worker_new   (CfutCrew         *crew);
CfutCrewWorker *cfut_crew_worker_ref   (CfutCrewWorker   *self);
void      cfut_crew_worker_unref       (CfutCrewWorker   *self);
void      cfut_crew_worker_send_locked (CfutCrewWorker   *self,
                                        CfutWireType      type,
                                        guint64           id,
                                        CfutCall         *call);
void      cfut_crew_worker_do_locked   (CfutCrewWorker   *self,
                                        guint             todo);
void      cfut_crew_worker_act_unlock  (CfutCrewWorker   *self);
void      cfut_crew_worker_take_back_locked (CfutCrewWorker *self);
/* READY becomes LEAVING: nothing more is handed to it. */
void      cfut_crew_worker_retire_locked (CfutCrewWorker *self);
/* It is of no use any more, for @why, which is taken over: it is killed. */
void      cfut_crew_worker_fail_locked (CfutCrewWorker   *self,
                                        GError           *why);
extern const CfutChannelEvents cfut_crew_worker_events;

/* Whether it has entered the call, or one after it. */
static inline gboolean
cfut_crew_worker_has_entered (CfutCrewWorker *self,
                              guint64         id)
{
  return self->journal != NULL && cfut_journal_get_entered (self->journal) >= id;
}

/* cfut-crew-share.c */
/* (nullable): the names of what is shared. */
GVariant *cfut_crew_list_shared        (CfutCrew         *self);
void      cfut_crew_serve_dict         (CfutCrew         *self,
                                        CfutChannel      *channel,
                                        CfutFrame        *frame);

/* cfut-crew-start.c */
void      cfut_crew_grow_locked        (CfutCrew         *self,
                                        guint64           n_wanted);
void      cfut_crew_worker_hello       (CfutCrewWorker   *self,
                                        const CfutWireFrame *frame);
/* In place of a hello: it can be no worker, and no other one could. */
void      cfut_crew_worker_refused     (CfutCrewWorker   *self,
                                        const char       *why);
/* A worker has gone that has ended no call: the next is started later. @why (nullable): it had not
 * said hello, and that was the reason: taken over. */
void      cfut_crew_start_failed_locked (CfutCrew        *self,
                                        GError           *why,
                                        gboolean          for_good,
                                        gboolean          scarce);

/* cfut-crew-end.c */
void      cfut_crew_worker_ended       (CfutCrewWorker   *self);
void      cfut_crew_worker_exited      (CfutChild        *child,
                                        int               wait_status,
                                        gpointer          data);

/* cfut-crew-watch.c */
/* Arms the timer for what comes next. */
void      cfut_crew_worker_watch_locked (CfutCrewWorker  *self);
void      cfut_crew_call_stop_locked   (CfutCrewCall     *self);

G_END_DECLS
