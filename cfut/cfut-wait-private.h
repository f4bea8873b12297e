/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

#include "core/cfut-cell-private.h"
#include "core/cfut-waiter-private.h"

G_BEGIN_DECLS

/* Both wait for a cell to settle. The cell lives as long as @source_object, or until the call
 * returns. */
CfutWake cfut_cell_block      (CfutCell            *cell,
                               gint64               deadline_usec,
                               GCancellable        *cancellable);
CfutWake cfut_cell_block_nudged (CfutCell          *cell,
                                 _Atomic gboolean  *nudge,   /* set, and the thread woken: NUDGED */
                                 gint64             deadline_usec,
                                 GCancellable      *cancellable);
void     cfut_cell_wait_async (CfutCell            *cell,
                               gpointer             source_object,
                               gpointer             tag,
                               gint64               timeout_usec,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data);

G_END_DECLS
