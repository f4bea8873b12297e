/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-cell-private.h"
#include "core/cfut-gate-private.h"
#include "cfut-task-private.h"
#include "process/cfut-child-private.h"
#include "process/cfut-dict-store-private.h"

G_BEGIN_DECLS

/* The worker processes of one executor and the calls that wait for them. All functions may be called
 * on any thread. */
typedef struct _CfutCrew CfutCrew;

typedef struct {
  guint64 n_pending;
  guint64 n_running;
  guint64 n_completed;
  guint n_workers;
} CfutCrewCounts;

/* What may be changed at any time, and holds for workers that are started after, but for heartbeat,
 * idle timeout and the number of calls, which hold at once. */
typedef struct {
  char **launch_prefix;       /* (nullable) */
  gboolean launch_quoted;
  GVariant *setup;            /* (nullable): for the workers' own use */
  guint max_calls;            /* 0: no limit */
  gint64 stop_grace_usec;
  gint64 start_timeout_usec;  /* negative: none */
  gint64 idle_timeout_usec;   /* negative: none */
  gint64 heartbeat_usec;      /* 0: none */
  CfutChildLimits limits;
} CfutCrewOptions;

/* @argv: NULL: there are no workers, commands only. */
CfutCrew *cfut_crew_new         (const char * const *argv,
                                 guint               max_workers);
/* Whoever is the last to have taken it from its executor: what was taken is finished. */
void      cfut_crew_drop        (CfutCrew           *self);

/* Takes over the task. Not of a call or a command: rejected. */
void      cfut_crew_enqueue     (CfutCrew           *self,
                                 CfutTask           *task);
void      cfut_crew_stop        (CfutCrew           *self,
                                 CfutShutdownFlags   flags);
/* The gate was paused. */
void      cfut_crew_paused      (CfutCrew           *self);
GPtrArray *cfut_crew_dup_running (CfutCrew          *self);
CfutCell *cfut_crew_get_ended   (CfutCrew           *self);
CfutGate *cfut_crew_get_gate    (CfutCrew           *self,
                                 gboolean            make);
void      cfut_crew_get_counts  (CfutCrew           *self,
                                 CfutCrewCounts     *counts);
guint     cfut_crew_get_max     (CfutCrew           *self);

/* Between the two the options may be read and written. */
CfutCrewOptions *cfut_crew_lock_options   (CfutCrew *self);
void             cfut_crew_unlock_options (CfutCrew *self);

/* Takes over @store. FALSE: the name is taken. */
gboolean  cfut_crew_share       (CfutCrew           *self,
                                 const char         *name,
                                 CfutDictStore      *store);
/* Locked: what its workers are watched for has changed; @idle: how long they may be idle, from now. */
void      cfut_crew_watch_anew_locked (CfutCrew     *self,
                                       gboolean      idle);
/* SIGTERM to all workers, and SIGKILL after the grace; or SIGKILL. */
void      cfut_crew_end_workers (CfutCrew           *self,
                                 gboolean            kill);

G_END_DECLS
