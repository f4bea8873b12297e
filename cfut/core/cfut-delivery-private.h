/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

#include "core/cfut-queue-private.h"
#include "core/cfut-waiter-private.h"

G_BEGIN_DECLS

typedef struct _CfutOwner CfutOwner;
typedef struct _CfutDelivery CfutDelivery;
typedef struct _CfutItem CfutItem;
typedef struct _CfutItemClass CfutItemClass;
typedef struct _CfutDelayed CfutDelayed;

typedef enum {
  CFUT_DELIVER_LOOP,    /* from the owner's main context: emit, notify, call back, release */
  CFUT_DELIVER_REAP,    /* on the owner's thread, in a blocking call and no loop: release only */
  CFUT_DELIVER_ORPHAN   /* that context is gone: on the default one, drop callbacks, release */
} CfutDeliverMode;

struct _CfutItemClass {
  /* Called with the item already out of the queue, so it may be pushed again from here.
   * In REAP it returns TRUE if it has something left that only a loop may do: it is kept and will
   * be delivered once more, before all younger items; otherwise FALSE. What it returns else tells,
   * with is_brief, whether it may have taken long: FALSE if it has called and freed nothing of a
   * user's. */
  gboolean (*deliver) (CfutItem        *item,
                       CfutDeliverMode  mode);

  /* Before it is taken out for REAP; may be NULL. TRUE: it would only be kept, and is better left
   * where it is until others have let go of it. */
  gboolean (*is_held) (CfutItem        *item);

  /* Most of these are delivered so quickly that to read the clock after each would take a tenth of
   * the time. */
  gboolean is_brief;
};

/* Embedded in what is delivered. It may stand in one queue at a time: the embedder keeps
 * a flag, and a reference of its own for each presence in a queue. */
struct _CfutItem {
  CfutLink link;
  const CfutItemClass *klass;
};

/* Something to be called on the owner's context at a time: throttled notifications. Context
 * only. */
struct _CfutDelayed {
  CfutDelayed *next;
  gint64 at_usec;
  void (*func) (CfutDelayed     *delayed,
                CfutDeliverMode  mode);
};

/* (transfer none): of the running task, else of the thread. */
CfutOwner    *cfut_owner_get_current     (void);
CfutOwner    *cfut_owner_ref             (CfutOwner       *self);
void          cfut_owner_unref           (CfutOwner       *self);
gboolean      cfut_owner_is_context_here (CfutOwner       *self);   /* this thread owns it now */
/* The same, and until leave no other thread can own it. */
gboolean      cfut_owner_enter_context   (CfutOwner       *self,
                                          GMainContext   **borrowed);
void          cfut_owner_leave_context   (GMainContext    *borrowed);
gboolean      cfut_owner_is_thread_here  (CfutOwner       *self);   /* this thread is the owner's */
gboolean      cfut_owner_is_of           (CfutOwner       *self,
                                          CfutDelivery    *delivery);
gboolean      cfut_owner_has_seen_loop   (CfutOwner       *self);   /* one has iterated it */
/* Set once: called before the first iteration of each context, on the loop's thread. */
typedef void (*CfutDeliveryLoopFunc)      (CfutDelivery    *delivery);
void          cfut_delivery_set_loop_func (CfutDeliveryLoopFunc func);
void          cfut_owner_push            (CfutOwner       *self,    /* any thread */
                                          CfutItem        *item);
/* Any thread: @func is called once, on who has the owner's context: from its loop, or by the
 * owner's thread while that is blocked in a wait. With ORPHAN when the context is gone. */
void          cfut_owner_want            (CfutOwner       *self,
                                          void           (*func) (gpointer        data,
                                                                  CfutDeliverMode mode),
                                          gpointer         data);
void          cfut_owner_serve_wanted    (CfutOwner       *self,    /* on who owns the context */
                                          CfutDeliverMode  mode);
/* Only from deliver, LOOP, or from a delayed func. */
void          cfut_owner_delay           (CfutOwner       *self,
                                          CfutDelayed     *delayed,
                                          gint64           at_usec);
/* Context only; FALSE: was not there. */
gboolean      cfut_owner_undelay         (CfutOwner       *self,
                                          CfutDelayed     *delayed);
/* On its thread; what may be released without a loop. */
gsize         cfut_owner_reap            (CfutOwner       *self,
                                          guint            n_old);
/* A wait was over at once: reaps a little. */
void          cfut_owner_waited          (CfutOwner       *self);
/* Something was submitted for it: reaps now and then. */
void          cfut_owner_tick            (CfutOwner       *self);
/* cfut_waiter_wait, with this thread reaping meanwhile. */
CfutWake      cfut_owner_block           (CfutWaiter      *waiter,
                                          gint64           deadline_usec,
                                          GCancellable    *cancellable);

/* A worker runs for this owner from now on; NULL: no more. */
void          cfut_owner_enter           (CfutOwner       *self,
                                          CfutOwner      **previous);

G_END_DECLS
