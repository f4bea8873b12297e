/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-group-core-private.h"
#include "cfut-group.h"

G_BEGIN_DECLS

struct _CfutGroup {
  GObject parent_instance;

  /* Immutable */
  CfutGroupCore *core;

  /* The owner's context only */
  int emitting_depth;       /* g_main_depth () of the items-changed that goes on; -1: none does */
  CfutGroupStatus notified; /* what was last notified */
  guint doubtful;           /* bits by property: notified, perhaps with something else seen */
  gint64 notified_usec;
};

void     cfut_group_model_init  (GListModelInterface *iface);
/* Shows what was added and removed, if this thread may. */
void     cfut_group_model_show  (CfutGroup           *self);
/* The same, on the owner's context. */
gboolean cfut_group_model_flush (CfutGroup           *self);

G_END_DECLS
