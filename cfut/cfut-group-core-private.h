/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

#include "cfut-future-private.h"
#include "cfut-group.h"
#include "core/cfut-deque-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-pointer-map-private.h"
#include "core/cfut-rate-private.h"

G_BEGIN_DECLS

typedef struct _CfutGroupCore CfutGroupCore;
typedef struct _CfutGroupMember CfutGroupMember;
typedef struct _CfutGroupRequest CfutGroupRequest;

/* What somebody waits for. The first ones are CfutReturnWhen. */
typedef enum {
  CFUT_GROUP_REQUEST_ALL = CFUT_RETURN_WHEN_ALL_COMPLETED,
  CFUT_GROUP_REQUEST_FIRST = CFUT_RETURN_WHEN_FIRST_COMPLETED,
  CFUT_GROUP_REQUEST_FAILURE = CFUT_RETURN_WHEN_FIRST_FAILURE,
  CFUT_GROUP_REQUEST_NEXT
} CfutGroupRequestKind;

#define CFUT_GROUP_N_REQUEST_KINDS (CFUT_GROUP_REQUEST_NEXT + 1)

typedef enum {
  CFUT_GROUP_REQUEST_NEW,
  CFUT_GROUP_REQUEST_REGISTERED,
  CFUT_GROUP_REQUEST_SERVED,
  CFUT_GROUP_REQUEST_WITHDRAWN
} CfutGroupRequestState;

/* One call of next or wait. */
struct _CfutGroupRequest {
  CfutGroupRequestKind kind;
  CfutFuture *future;      /* served, NEXT: what is next, with a reference; NULL: the end */

  /* Called once after it was served, outside the lock, on the thread that settled, cancelled or
   * removed something. The request is not touched after it. */
  void (*wake) (CfutGroupRequest *self);
  /* (nullable): something that waits for other futures was added; or, once it was looked at what
   * the group hangs on, that may have changed. Under the core's lock, while registered. */
  void (*added) (CfutGroupRequest *self);

  /* The core's */
  CfutGroupRequestState state;
  GList link;
  CfutGroupRequest *next_served;
};

/* What the properties show. */
typedef struct {
  guint n_items;
  guint64 n_done;
  guint64 n_failed;
  guint64 n_cancelled;
  guint64 units_done;
  guint64 units_total;
  double fraction;
  double rate;
  gint64 remaining_usec;
  gboolean cancel_on_failure;
  gboolean paused;
} CfutGroupStatus;

/* As in items-changed. */
typedef struct {
  guint position;
  guint n_removed;
  guint n_added;
} CfutGroupChange;

/* A slice of the face's work on the owner's context: changes of the model, signals, notifications.
 * Between slices the face is told of nothing. */
typedef void (*CfutGroupSliceFunc) (GObject *face);

CfutGroupCore *cfut_group_core_new            (GObject               *face,
                                               CfutGroupSliceFunc     slice);
void           cfut_group_core_unref          (CfutGroupCore         *self);
void           cfut_group_core_close          (CfutGroupCore         *self);
CfutOwner     *cfut_group_core_get_owner      (CfutGroupCore         *self);

/* Any thread */
void           cfut_group_core_add            (CfutGroupCore         *self,
                                               CfutFuture           **futures,
                                               const guint64         *units,
                                               gsize                  n_futures);
gboolean       cfut_group_core_remove         (CfutGroupCore         *self,
                                               CfutFuture            *future);
gsize          cfut_group_core_remove_settled (CfutGroupCore         *self);
void           cfut_group_core_hold           (CfutGroupCore         *self);
gboolean       cfut_group_core_release        (CfutGroupCore         *self);
void           cfut_group_core_cancel         (CfutGroupCore         *self);
/* Cancels, and from now on what is added too. */
void           cfut_group_core_end            (CfutGroupCore         *self);
void           cfut_group_core_set_cancel_on_failure (CfutGroupCore  *self,
                                                      gboolean        cancel_on_failure);
void           cfut_group_core_set_paused     (CfutGroupCore         *self,
                                               gboolean               paused);
void           cfut_group_core_get_status     (CfutGroupCore         *self,
                                               CfutGroupStatus       *status);
/* As before; what it gives others, on any thread, between the two is compared with @status. TRUE:
 * somebody saw something else. They may be nested, and then TRUE is for all that are under way. */
void           cfut_group_core_begin_telling  (CfutGroupCore         *self,
                                               CfutGroupStatus       *status);
gboolean       cfut_group_core_end_telling    (CfutGroupCore         *self);
gboolean       cfut_group_core_has_changes    (CfutGroupCore         *self);
void           cfut_group_request_init        (CfutGroupRequest      *request,
                                               CfutGroupRequestKind   kind,
                                               void                 (*wake) (CfutGroupRequest *));
/* TRUE: it is served already, wake is not called. FALSE: it was registered if @may_wait, and unless
 * it was withdrawn before. */
gboolean       cfut_group_core_request        (CfutGroupCore         *self,
                                               CfutGroupRequest      *request,
                                               gboolean               may_wait);
/* Adds references on what has not settled and waits for others. */
void           cfut_group_core_list_following (CfutGroupCore         *self,
                                               GPtrArray             *list);
/* Shows what has not settled, or enough of it to know what a wait hangs on. */
void           cfut_group_core_look           (CfutGroupCore         *self,
                                               CfutOutlook           *outlook);
/* FALSE: it was served, wake is called or about to be; or it was withdrawn before. */
gboolean       cfut_group_core_withdraw       (CfutGroupCore         *self,
                                               CfutGroupRequest      *request);

/* The owner's context only */
guint          cfut_group_core_get_n_shown    (CfutGroupCore         *self);
CfutFuture    *cfut_group_core_dup_shown      (CfutGroupCore         *self,
                                               guint                  position);
gboolean       cfut_group_core_next_change    (CfutGroupCore         *self,
                                               CfutGroupChange       *change);
CfutFuture    *cfut_group_core_next_announced (CfutGroupCore         *self,
                                               gboolean              *has_changes);
void           cfut_group_core_skip_announced (CfutGroupCore         *self);
gboolean       cfut_group_core_has_news       (CfutGroupCore         *self);
gboolean       cfut_group_core_is_all_done    (CfutGroupCore         *self,
                                               gboolean               take);
void           cfut_group_core_again          (CfutGroupCore         *self);
void           cfut_group_core_later          (CfutGroupCore         *self,
                                               gint64                 at_usec,
                                               gboolean               quiet);

/* For tests: NULL is g_get_monotonic_time; the check asserts the invariants; moves and looks count
 * what may depend on the number of members. */
void           cfut_group_core_set_clock      (CfutGroupCore         *self,
                                               gint64               (*clock) (void));
void           cfut_group_core_check          (CfutGroupCore         *self);
guint64        cfut_group_core_get_n_steps    (CfutGroupCore         *self);

/* For cfut-group-act.c, cfut-group-core.c, cfut-group-remove.c and cfut-group-shown.c */

enum {
  MEMBER_ATTACHED = 1 << 0,  /* its node is in the cell, or its settled function is to come */
  MEMBER_SETTLED = 1 << 1,
  MEMBER_FAILED = 1 << 2,
  MEMBER_CANCELLED = 1 << 3,
  MEMBER_JOINED = 1 << 4,
  MEMBER_LEAVING = 1 << 5,
  MEMBER_OUT = 1 << 6,
  MEMBER_TO_CANCEL = 1 << 7, /* garbage of a group that went before it could cancel it */
  MEMBER_TO_RESUME = 1 << 8  /* garbage of a group that went while it was paused */
};

/* 56 bytes: there may be a million. */
struct _CfutGroupMember {
  CfutNode node;       /* in the cell, then in the log, then in the garbage; klass is the core's */
  CfutFuture *future;
  guint64 units;
  guint64 part;        /* units by its progress; guarded by the cell's lock until the node is out */
  guint flags;
  guint32 number;      /* grows along `members` */
};

struct _CfutGroupCore {
  gatomicrefcount ref_count;

  /* Immutable */
  CfutOwner *owner;
  CfutNodeClass node_class;
  CfutGroupSliceFunc slice;
  GWeakRef face;

  /* In the owner's queue while `scheduled` */
  CfutItem item;

  GMutex lock;
  /* Guarded by lock */
  gboolean closed;
  CfutDeque members;
  guint n_shown;
  guint n_leaving;                /* of the shown ones */
  guint leaving_begin;            /* none of these stands before that */
  guint found_at;                 /* where the last removed one stood */
  guint n_looked_at;              /* so many of the first are settled, or tasks of this pool: */
  gpointer looked_for;            /* (nullable): compared only */
  gboolean is_looked_at;          /* somebody has: tell of changes */
  GHashTable *following;          /* (nullable): futures that wait for others, until they settle */
  CfutPointerMap futures;         /* to the numbers of the members that are not LEAVING */
  guint32 next_number;
  CfutNode *garbage;              /* members that are out and may be freed */
  guint n_garbage;
  CfutGroupMember *first_settled;
  CfutGroupMember *last_settled;
  CfutGroupMember *ready;
  CfutGroupMember *unannounced;
  guint64 n_unsettled;            /* the live counts */
  guint64 n_settled;
  guint64 n_bad;
  guint64 n_rejected;             /* of these */
  guint64 n_holds;
  gboolean failed;                /* something was rejected while shown.cancel_on_failure */
  guint n_pause_walks;            /* not all members are yet as shown.paused says */
  gboolean ended;                 /* what it was bound to is gone */
  gboolean all_done;              /* came to an end since all-done was emitted */
  CfutGroupStatus shown;          /* the counts; the rest is computed from them */
  CfutGroupStatus told;           /* what the handlers are called for that are being called */
  guint n_tellings;               /* nested */
  gboolean seen_otherwise;        /* during these */
  GQueue requests[CFUT_GROUP_N_REQUEST_KINDS];
  CfutGroupRequest *served;       /* to be woken after unlock */
  CfutGroupRequest **served_end;
  CfutRate rate;
  guint64 worked;                 /* without what is running: see core_worked_locked */
  gint64 measured_usec;           /* when rate and remaining_usec were computed; -1: to be done */
  gint64 (*clock) (void);
  guint64 n_looks;

  /* Atomic, sequentially consistent: a producer changes something and looks at the flag, the slice
   * clears the flag and looks at everything */
  _Atomic gboolean scheduled;
  _Atomic gboolean quiet;         /* a slice is coming soon: progress need not ask for one */
  _Atomic guint64 part;           /* the sum of the members' */

  /* The owner's context only */
  CfutDelayed delayed;
  gboolean armed;
};

/* Whether nothing is to go on in it. */
static inline gboolean
cfut_group_core_is_doomed_locked (CfutGroupCore *self)
{
  return self->failed || self->ended;
}

/* The lock is held for some tens of nanoseconds, while to sleep and be woken takes thousands:
 * workers that settle small tasks and the thread that adds them would mostly do that. */
static inline void
cfut_group_core_lock (CfutGroupCore *self)
{
  cfut_lock_enter (CFUT_LOCK_GROUP);
  for (guint look = 0; look < 20; look++)
    {
      if (g_mutex_trylock (&self->lock))
        return;
    }
  g_mutex_lock (&self->lock);
}

void           cfut_group_core_init_slices       (CfutGroupCore   *self);
CfutGroupCore *cfut_group_core_ref               (CfutGroupCore   *self);
gboolean       cfut_group_core_schedule          (CfutGroupCore   *self);
gboolean       cfut_group_core_is_at_end_locked  (CfutGroupCore   *self);
guint64        cfut_group_core_worked_locked     (CfutGroupCore   *self);
void           cfut_group_core_count_done_locked (CfutGroupCore   *self,
                                                  CfutGroupMember *member,
                                                  int               sign);
void           cfut_group_core_take_part_locked  (CfutGroupCore   *self,
                                                  CfutGroupMember *member,
                                                  gboolean          all);
void           cfut_group_core_ended_locked      (CfutGroupCore   *self);
void           cfut_group_core_serve_locked      (CfutGroupCore   *self);
void           cfut_group_core_unlock            (CfutGroupCore   *self,
                                                  gboolean          changed);
void           cfut_group_core_out_locked        (CfutGroupCore   *self,
                                                  CfutGroupMember *member);
void           cfut_group_core_cancel_later      (CfutGroupCore   *self);
void           cfut_group_core_cancel_added      (CfutFuture     **futures,
                                                  gsize            n_futures);
void           cfut_group_core_pause_added       (CfutGroupCore   *self,
                                                  CfutFuture     **futures,
                                                  gsize            n_futures);
guint          cfut_group_core_find_locked       (CfutGroupCore   *self,
                                                  guint32          number);
void           cfut_group_member_free            (CfutGroupMember  *member);
gboolean       cfut_group_core_sweep             (CfutGroupCore   *self,
                                                  gint64            until_usec);
void           cfut_group_core_tidy              (CfutGroupCore   *self);

G_END_DECLS
