/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-process-executor.h"
#include "process/cfut-crew-private.h"

G_BEGIN_DECLS

struct _CfutProcessExecutor {
  CfutExecutor parent_instance;

  /* Immutable once constructed */
  CfutCrew *crew;

  /* Construct only */
  char **worker_argv;   /* (nullable) */
  guint max_workers;
};

G_END_DECLS
