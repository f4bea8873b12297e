/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

#include "core/cfut-delivery-private.h"
#include "core/cfut-timer-private.h"
#include "core/cfut-waiter-private.h"

G_BEGIN_DECLS

typedef struct _CfutThread CfutThread;

/* What the library knows of one thread, of any program's; it is that thread's alone. */
struct _CfutThread {
  CfutOwner *running_owner;  /* of the task that runs on this thread */
  gpointer running_task;     /* the innermost, when a wait runs another inline */
  gpointer telling_task;     /* whose lines are told on this thread, on its owner's context */
  gpointer serving;          /* compared only: the pool or the work log whose task runs here */
  gpointer worker;           /* the CfutPoolWorker that this thread is, or NULL */
  gpointer delivering;       /* the CfutDelivery that this thread dispatches, or NULL */
  CfutOwner *owners;         /* of this thread's contexts, each with a reference */
  CfutOwner *latest;         /* of these, the one last asked for */
  CfutParker *parker;
  CfutLooseTimer *spare_timers;  /* linked by what is theirs when they are armed */
  guint n_spare_timers;
  GQuark worker_name;        /* what futures that run here tell of it; 0: none */
  guint spin_usec;           /* how long to look before sleeping */
  gboolean is_main;
};

CfutThread *cfut_thread_make (void);

/* initial-exec: the library's few bytes fit in what the loader keeps for it. */
extern __thread CfutThread *cfut_thread_self __attribute__ ((tls_model ("initial-exec")));

static inline CfutThread *
cfut_thread_get (void)
{
  CfutThread *self = cfut_thread_self;

  return G_LIKELY (self != NULL) ? self : cfut_thread_make ();
}

CfutParker *cfut_parker_take  (void);
void        cfut_parker_give  (CfutParker *parker);

/* The thread ends: its owners are told, and let go. */
void        cfut_owners_leave (CfutOwner  *owners);

G_END_DECLS
