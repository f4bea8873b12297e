/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-request.h"

G_BEGIN_DECLS

#define CFUT_PRIORITY_LIMIT 100

/* A template: read by each submission, on the thread of that. */
struct _CfutRequest {
  GObject parent_instance;

  char *name;                  /* (nullable) */
  int priority;                /* as GLib's: 0 is the default, less is more urgent;
                                * within CFUT_PRIORITY_LIMIT */
  gint64 queue_deadline_usec;  /* from the submission on; -1: none */
  gint64 run_deadline_usec;    /* from the start on; -1: none */
  GCancellable *cancellable;   /* (nullable) */
  CfutGroup *group;            /* (nullable) */
  guint64 size;                /* bytes that count for the executor's limit */
  CfutWhenFull when_full;
  guint chunk_size;            /* items of a map that run as one task; at least 1 */
};

G_END_DECLS
