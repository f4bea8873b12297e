/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-command.h"
#include "cfut-task-private.h"

G_BEGIN_DECLS

/* One run of a command: the user_data of a task whose function is cfut_command_run. It lives until
 * the task is released, which is after the run has ended where CFUT_CELL_ENTERED was set before it
 * was started. */
typedef struct _CfutCommandRun CfutCommandRun;

/* What tells the task of a command from others. Never called. */
gboolean        cfut_command_run        (CfutTask            *task,
                                         gpointer             run,
                                         GError             **error);
/* (nullable): of the task of a command. */
CfutCommandRun *cfut_command_run_from_task (CfutTask         *task);

/* (transfer full) */
CfutCommandRun *cfut_command_run_new    (CfutCommand         *command,
                                         const char * const  *argv,
                                         GBytes              *stdin_data);
/* Fits GDestroyNotify. */
void            cfut_command_run_free   (gpointer             self);

/* The process has ended, nothing more comes from its pipes, and nothing of it is left but what it
 * left behind by itself. With @success the task has its value. @error is taken over. On the I/O
 * thread. */
typedef void  (*CfutCommandEnded)       (gpointer             data,
                                         gboolean             success,
                                         GError              *error);

/* On the I/O thread, once, with a task that is RUNNING. @ended is never called from within. */
void            cfut_command_run_start  (CfutCommandRun      *self,
                                         CfutTask            *task,
                                         gint64               grace_usec,
                                         CfutCommandEnded     ended,
                                         gpointer             data);
/* Any thread, at any time, any number of times: SIGTERM to the process group, SIGKILL after the
 * grace; and SIGKILL. Not started yet, it will not be. */
void            cfut_command_run_stop   (CfutCommandRun      *self);
void            cfut_command_run_kill   (CfutCommandRun      *self);

G_END_DECLS
