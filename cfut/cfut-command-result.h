/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_COMMAND_RESULT (cfut_command_result_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutCommandResult, cfut_command_result, CFUT, COMMAND_RESULT, GObject)

CFUT_AVAILABLE_IN_1_0
int cfut_command_result_get_exit_status (CfutCommandResult *self);
CFUT_AVAILABLE_IN_1_0
int cfut_command_result_get_term_signal (CfutCommandResult *self);
CFUT_AVAILABLE_IN_1_0
GBytes *cfut_command_result_get_stdout (CfutCommandResult *self);
CFUT_AVAILABLE_IN_1_0
GBytes *cfut_command_result_get_stderr (CfutCommandResult *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_command_result_get_stdout_truncated (CfutCommandResult *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_command_result_get_stderr_truncated (CfutCommandResult *self);
CFUT_AVAILABLE_IN_1_0
char *cfut_command_result_dup_stdout_text (CfutCommandResult *self);
CFUT_AVAILABLE_IN_1_0
char *cfut_command_result_dup_stderr_text (CfutCommandResult *self);

G_END_DECLS
