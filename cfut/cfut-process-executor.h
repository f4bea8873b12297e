/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-executor.h>
#include <cfut/cfut-shared-dict.h>

G_BEGIN_DECLS

#define CFUT_TYPE_PROCESS_EXECUTOR (cfut_process_executor_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutProcessExecutor, cfut_process_executor, CFUT, PROCESS_EXECUTOR,
                      CfutExecutor)

CFUT_AVAILABLE_IN_1_0
CfutExecutor *cfut_process_executor_new (const char * const *worker_argv,
                                         guint               max_workers);
CFUT_AVAILABLE_IN_1_0
CfutExecutor *cfut_process_executor_new_self (guint max_workers);

CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_share (CfutProcessExecutor *self,
                                  const char          *name,
                                  CfutSharedDict      *dict);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_terminate_workers (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_kill_workers (CfutProcessExecutor *self);

CFUT_AVAILABLE_IN_1_0
guint cfut_process_executor_get_n_workers (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
char **cfut_process_executor_dup_worker_argv (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
char **cfut_process_executor_dup_launch_prefix (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_launch_prefix (CfutProcessExecutor *self,
                                              const char * const  *prefix);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_process_executor_get_launch_quoted (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_launch_quoted (CfutProcessExecutor *self,
                                              gboolean             quoted);
CFUT_AVAILABLE_IN_1_0
GVariant *cfut_process_executor_dup_setup (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_setup (CfutProcessExecutor *self,
                                      GVariant            *setup);
CFUT_AVAILABLE_IN_1_0
guint cfut_process_executor_get_max_calls_per_worker (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_max_calls_per_worker (CfutProcessExecutor *self,
                                                     guint                max_calls);
CFUT_AVAILABLE_IN_1_0
gint64 cfut_process_executor_get_stop_grace_usec (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_stop_grace_usec (CfutProcessExecutor *self,
                                                gint64               grace_usec);
CFUT_AVAILABLE_IN_1_0
gint64 cfut_process_executor_get_start_timeout_usec (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_start_timeout_usec (CfutProcessExecutor *self,
                                                   gint64               timeout_usec);
CFUT_AVAILABLE_IN_1_0
gint64 cfut_process_executor_get_idle_timeout_usec (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_idle_timeout_usec (CfutProcessExecutor *self,
                                                  gint64               timeout_usec);
CFUT_AVAILABLE_IN_1_0
gint64 cfut_process_executor_get_heartbeat_usec (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_heartbeat_usec (CfutProcessExecutor *self,
                                               gint64               heartbeat_usec);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_process_executor_get_max_memory (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_max_memory (CfutProcessExecutor *self,
                                           guint64              max_bytes);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_process_executor_get_max_cpu_seconds (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_max_cpu_seconds (CfutProcessExecutor *self,
                                                guint64              max_seconds);
CFUT_AVAILABLE_IN_1_0
guint64 cfut_process_executor_get_max_open_files (CfutProcessExecutor *self);
CFUT_AVAILABLE_IN_1_0
void cfut_process_executor_set_max_open_files (CfutProcessExecutor *self,
                                               guint64              max_files);

G_END_DECLS
