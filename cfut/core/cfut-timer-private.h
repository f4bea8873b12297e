/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _CfutTimer CfutTimer;

/* Something that is to happen at a time, once. Embedded, and zero before its first use but for
 * @fire. The embedder lives as long as it is armed, and holds a reference of its own for that: it
 * goes to @fire, or back to whose disarm returned TRUE. */
struct _CfutTimer {
  CfutTimer *next;
  CfutTimer **link;   /* what points to it; NULL: not armed */
  gint64 at_usec;

  /* On the timer's thread, outside of any lock of the timer's; quick, and nothing of a user's. The
   * timer is disarmed by then, and may be armed again from there, or freed. */
  void (*fire) (CfutTimer *self);
};

/* Any thread. It must not be armed. At @at_usec of the monotonic clock or within the millisecond
 * after it, as soon as there is a processor; in no certain order with others of that millisecond.
 * G_MAXINT64: never. FALSE: nothing will come of it, as there is no thread and none can be made. */
gboolean cfut_timer_arm    (CfutTimer *self,
                            gint64     at_usec) G_GNUC_WARN_UNUSED_RESULT;
/* Any thread. FALSE: it was not armed: it has fired, or is about to. */
gboolean cfut_timer_disarm (CfutTimer *self);

/* For an embedder that has no reference for it, and where it ends, on any thread: disarms it, and
 * waits until its fire, if that was called, has let it go. From then on it may be freed. */
void     cfut_timer_clear  (CfutTimer *self);
/* By fire, some instructions after it was called: either the embedder is held now, or it is not
 * touched any more. */
void     cfut_timer_let_go (CfutTimer *self);

/* One that is allocated for something that needs none as a rule. */
typedef struct {
  CfutTimer timer;
  gpointer of;
  gint64 usec;        /* of who made it */
  gint64 wait_usec;   /* so long it is to wait once it is armed; -1: it was armed */
} CfutLooseTimer;

/* Disarmed, and else of no certain content; a thread keeps some that it gave back. */
CfutLooseTimer *cfut_loose_timer_new  (void);
void            cfut_loose_timer_free (CfutLooseTimer *self);
void            cfut_loose_timers_leave (CfutLooseTimer *spare);

G_END_DECLS
