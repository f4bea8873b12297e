/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-process-executor.h>

G_BEGIN_DECLS

/**
 * CfutCommandStream:
 * @CFUT_COMMAND_STREAM_STDOUT: the command's standard output
 * @CFUT_COMMAND_STREAM_STDERR: its standard error output
 *
 * Where a command wrote a line.
 *
 * Since: 1.0
 */
typedef enum {
  CFUT_COMMAND_STREAM_STDOUT,
  CFUT_COMMAND_STREAM_STDERR
} CfutCommandStream;

#define CFUT_TYPE_COMMAND_STREAM (cfut_command_stream_get_type ())

CFUT_AVAILABLE_IN_1_0
GType cfut_command_stream_get_type (void) G_GNUC_CONST;

/**
 * CfutLineFunc:
 * @task: the command's future, as a task: [method@Cfut.Task.set_progress] and
 *   [method@Cfut.Task.set_message] work within this call
 * @stream: where the line was written
 * @line: the line, without its end; valid UTF-8, whatever the command wrote
 * @user_data: data of the user's
 *
 * Called on the owner's main context for each line that a command writes. See
 * [method@Cfut.Command.set_line_func].
 *
 * Since: 1.0
 */
typedef void (*CfutLineFunc) (CfutTask          *task,
                              CfutCommandStream  stream,
                              const char        *line,
                              gpointer           user_data);

#define CFUT_TYPE_COMMAND (cfut_command_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutCommand, cfut_command, CFUT, COMMAND, GObject)

CFUT_AVAILABLE_IN_1_0
CfutCommand *cfut_command_new (void);

CFUT_AVAILABLE_IN_1_0
const char *cfut_command_get_cwd (CfutCommand *self);
CFUT_AVAILABLE_IN_1_0
void cfut_command_set_cwd (CfutCommand *self,
                           const char  *cwd);

CFUT_AVAILABLE_IN_1_0
const char * const *cfut_command_get_environ (CfutCommand *self);
CFUT_AVAILABLE_IN_1_0
void cfut_command_set_environ (CfutCommand        *self,
                               const char * const *environ);

CFUT_AVAILABLE_IN_1_0
gboolean cfut_command_get_any_exit_status (CfutCommand *self);
CFUT_AVAILABLE_IN_1_0
void cfut_command_set_any_exit_status (CfutCommand *self,
                                       gboolean     any_exit_status);

CFUT_AVAILABLE_IN_1_0
guint64 cfut_command_get_max_stdout_bytes (CfutCommand *self);
CFUT_AVAILABLE_IN_1_0
void cfut_command_set_max_stdout_bytes (CfutCommand *self,
                                        guint64      max_bytes);

CFUT_AVAILABLE_IN_1_0
guint64 cfut_command_get_max_stderr_bytes (CfutCommand *self);
CFUT_AVAILABLE_IN_1_0
void cfut_command_set_max_stderr_bytes (CfutCommand *self,
                                        guint64      max_bytes);

CFUT_AVAILABLE_IN_1_0
guint64 cfut_command_get_max_memory (CfutCommand *self);
CFUT_AVAILABLE_IN_1_0
void cfut_command_set_max_memory (CfutCommand *self,
                                  guint64      max_bytes);

CFUT_AVAILABLE_IN_1_0
guint64 cfut_command_get_max_cpu_seconds (CfutCommand *self);
CFUT_AVAILABLE_IN_1_0
void cfut_command_set_max_cpu_seconds (CfutCommand *self,
                                       guint64      max_seconds);

CFUT_AVAILABLE_IN_1_0
guint64 cfut_command_get_max_open_files (CfutCommand *self);
CFUT_AVAILABLE_IN_1_0
void cfut_command_set_max_open_files (CfutCommand *self,
                                      guint64      max_files);

CFUT_AVAILABLE_IN_1_0
void cfut_command_set_line_func (CfutCommand    *self,
                                 CfutLineFunc    func,
                                 gpointer        user_data,
                                 GDestroyNotify  destroy);

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_process_executor_run (CfutProcessExecutor *self,
                                       CfutRequest         *request,
                                       CfutCommand         *command,
                                       const char * const  *argv,
                                       GBytes              *stdin_data) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
