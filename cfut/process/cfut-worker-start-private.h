/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

#include "process/cfut-journal-private.h"

G_BEGIN_DECLS

/* In the environment of a worker, and of nobody that it starts: version, cookie, call socket and
 * its inode, control socket and its inode, journal and its inode, with colons between. The last two
 * need not be there. */
#define CFUT_WORKER_VARIABLE "CFUT_WORKER"

/* How this process was started. */
typedef struct {
  gboolean requested;  /* as a worker */
  guint version;       /* of the protocol, that the application speaks; 0: it cannot be read */
  char *cookie;
  int read_fd;         /* of the calls; -1: there is none */
  int write_fd;        /* the same one, if it is a socket of the application's */
  int control_fd;      /* -1: all goes over one stream */
  CfutJournal *journal;   /* (nullable) */
} CfutWorkerStart;

/* Any thread; the first call takes the variable out of the environment, and what it found stays.
 * (transfer none) */
const CfutWorkerStart *cfut_worker_start_get  (void);
/* What the variable said is a worker's own from now on. FALSE: somebody has taken it. */
gboolean               cfut_worker_start_take (void);

G_END_DECLS
