/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-task-private.h"

G_BEGIN_DECLS

/* A function without a future. The entry's pool is NULL. */
CfutPoolEntry *cfut_post_new   (CfutTaskFunc    func,
                                gpointer        user_data,
                                GDestroyNotify  destroy);
/* All take it over. */
void           cfut_post_run   (CfutPoolEntry  *entry);
void           cfut_post_fail  (CfutPoolEntry  *entry,
                                GError         *error);
void           cfut_post_free  (CfutPoolEntry  *entry);

/* This thread runs none any more. */
void           cfut_post_thread_leaves (void);
void           cfut_post_show (CfutTask       *task);

G_END_DECLS
