/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-command-result.h"
#include "cfut-command.h"
#include "process/cfut-child-private.h"

G_BEGIN_DECLS

/* A user's function and its data, which outlive the command that they were set in where runs of it
 * are left. The last reference is dropped on the context of who holds it. */
typedef struct {
  gatomicrefcount ref_count;
  CfutLineFunc func;
  gpointer user_data;
  GDestroyNotify destroy;
} CfutLineClosure;

CfutLineClosure *cfut_line_closure_ref   (CfutLineClosure *self);
void             cfut_line_closure_unref (CfutLineClosure *self);

/* A template: read by each run, on the thread that submits it. */
struct _CfutCommand {
  GObject parent_instance;

  char *cwd;                /* (nullable) */
  char **environ;           /* (nullable) */
  gboolean any_exit_status;
  guint64 max_bytes[2];     /* of what is kept, by CfutCommandStream */
  CfutChildLimits limits;
  CfutLineClosure *line;    /* (nullable) */
};

/* (transfer full); takes over the bytes. */
CfutCommandResult *cfut_command_result_new (int       wait_status,
                                            GBytes   *out,
                                            gboolean  out_truncated,
                                            GBytes   *err,
                                            gboolean  err_truncated);

G_END_DECLS
