/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-pool-private.h"
#include "cfut-thread-executor.h"
#include "cfut-thread-setup-private.h"

G_BEGIN_DECLS

struct _CfutThreadExecutor {
  CfutExecutor parent_instance;

  /* Immutable once constructed */
  CfutPool *pool;
  CfutThreadSetup *setup;  /* the pool's */

  /* Construct only */
  guint max_workers;
  gboolean compensate;

  /* Atomic */
  gint64 idle_timeout_usec;
};

G_END_DECLS
