/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>
#include <stdatomic.h>

G_BEGIN_DECLS

typedef struct _CfutParker CfutParker;

typedef enum {
  CFUT_WAKE_FIRED,
  CFUT_WAKE_TIMED_OUT,
  CFUT_WAKE_CANCELLED,
  CFUT_WAKE_NUDGED,
  CFUT_WAKE_FORKED,     /* nobody is left in this process who could fire it */
  CFUT_WAKE_OWN,        /* only what runs on this thread could */
  CFUT_WAKE_NO_THREAD   /* the same, or its pool, which has no thread left */
} CfutWake;

/* One blocking wait, on the stack of the thread that waits. Whoever fires it must not touch
 * it afterwards. */
typedef struct {
  _Atomic int state;
  CfutParker *parker;
  _Atomic gboolean *nudge;  /* (nullable): when it turns TRUE, the wait ends with NUDGED */
  _Atomic gboolean *owner_nudge;  /* (nullable): the same, of cfut_owner_block () */
} CfutWaiter;

#define CFUT_NO_DEADLINE G_MAXINT64
#define CFUT_SPIN_USEC 5

gint64   cfut_deadline_from_timeout (gint64 timeout_usec);  /* negative: CFUT_NO_DEADLINE */

void     cfut_waiter_init   (CfutWaiter    *self);
void     cfut_waiter_fire   (CfutWaiter    *self);          /* any thread, once */
void     cfut_parker_signal (CfutParker    *parker);        /* any thread: its sleeper looks */
gboolean cfut_waiter_fired  (CfutWaiter    *self);
gboolean cfut_waiter_is_nudged (CfutWaiter *self);
/* Until fired, the deadline, or cancelled. After TIMED_OUT or CANCELLED the caller takes the waiter
 * out of where it is registered; where that fails as it is being fired, it calls again with
 * no deadline and no cancellable, which ends at once. */
CfutWake cfut_waiter_wait   (CfutWaiter    *self,
                             gint64         deadline_usec,
                             GCancellable  *cancellable);

gboolean cfut_waiter_spin   (CfutWaiter    *self);         /* looks for some microseconds */
/* cfut_waiter_wait without looking for a while first. */
CfutWake cfut_waiter_wait_asleep (CfutWaiter   *self,
                                  gint64        deadline_usec,
                                  GCancellable *cancellable);
CfutWake cfut_waiter_park   (CfutWaiter    *self,
                             gint64         deadline_usec);

/* TIMED_OUT or CANCELLED as a GError of GIO, FORKED as BROKEN, the others as DEADLOCK. */
void     cfut_set_wake_error (GError   **error,
                              CfutWake   wake);

G_END_DECLS
