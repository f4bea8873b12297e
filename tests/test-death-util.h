/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-worker-util.h"

G_BEGIN_DECLS

/* A worker, and an application, that speak the protocol by hand up to some step, and then die there. */

typedef enum {
  DEATH_KILLED,    /* by SIGKILL */
  DEATH_STOPPED,   /* by SIGSTOP: it is there, and does nothing any more */
  DEATH_CLOSED,    /* its descriptors are closed; it is there */
  DEATH_EXITED,    /* by exit (3) */
  DEATH_N_WAYS
} DeathWay;

typedef enum {
  /* of the worker */
  DEATH_BEFORE_HELLO,
  DEATH_IN_HELLO,             /* half of that frame was written */
  DEATH_CALL_UNREAD,          /* in its socket, with a descriptor */
  DEATH_CALL_READ,
  DEATH_ENTERED,              /* that stands in its journal; nothing was said */
  DEATH_RESULT_NOTED,         /* the same, with what it would have said */
  DEATH_IN_STARTED,
  DEATH_STARTED,
  DEATH_IN_PROGRESS,
  DEATH_PING_READ,
  DEATH_CANCEL_READ,
  DEATH_TAKE_BACK_READ,
  DEATH_IN_DICT,
  DEATH_DICT_ASKED,
  DEATH_IN_RESULT,            /* with a descriptor */
  DEATH_RESULT_WRITTEN,
  DEATH_IN_PAYLOAD,           /* a result with large bytes */
  DEATH_PAYLOAD_WRITTEN,
  DEATH_RELEASE_READ,         /* of the memory in which these went */
  DEATH_STOP_READ,
  DEATH_RETIRED,              /* told to stop, having had all its calls */
  /* of the application */
  DEATH_HELLO_UNREAD,         /* nothing was sent either */
  DEATH_IN_SETUP,
  DEATH_IDLE,
  DEATH_IN_CALL,
  DEATH_CALL_RUNS,
  DEATH_IN_CALL_BEHIND,       /* of one that runs, with a descriptor */
  DEATH_CALL_BEHIND,          /* the same, whole */
  DEATH_IN_PAYLOAD_BEHIND,    /* of one that runs, with large bytes */
  DEATH_PAYLOAD_BEHIND,       /* the same, whole */
  DEATH_IN_CANCEL,
  DEATH_PING_SENT,
  DEATH_TAKE_BACK_SENT,
  DEATH_DICT_UNANSWERED,
  DEATH_IN_DICT_REPLY,
  DEATH_RESULT_UNREAD,
  DEATH_PAYLOAD_UNREAD,       /* a result with large bytes */
  DEATH_IN_RELEASE,           /* of the memory in which these came */
  DEATH_STOP_SENT
} DeathStep;

/* In a process that was started as a worker: up to the step, with an "!" in the log when it says that it has
 * started a call. */
void death_play_worker      (DeathStep   step,
                             DeathWay    way,
                             const char *log) G_GNUC_NORETURN;
/* Prints the pid of its worker, which is this program, and goes up to the step; @fd is what it sends along.
 * With DEATH_CLOSED it exits as the worker does. */
void death_play_application (DeathStep   step,
                             DeathWay    way,
                             PeerWay     peer_way,
                             const char *log,
                             int         fd) G_GNUC_NORETURN;

void death_log              (const char *log,
                             const char *letter);

/* (transfer full): bytes that travel beside their frame. */
GVariant *death_large_new   (void);

G_END_DECLS
