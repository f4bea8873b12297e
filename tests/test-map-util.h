/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

/* What item_number gives for an index. */
#define ITEM_NUMBER(index) ((gint64) (index) * 3 + 1)

CfutRequest *chunked         (guint      chunk_size);  /* (transfer full) */
gboolean     item_number     (CfutTask  *task,
                              guint64    index,
                              gpointer   n_calls,      /* (nullable): an int, atomic */
                              GError   **error);
/* With data that is not its own to write to. */
gboolean     item_kept       (CfutTask  *task,
                              guint64    index,
                              gpointer   user_data,
                              GError   **error);
/* All but the first arrive at a TestGate, and wait for their cancellation. */
gboolean     item_until_cancelled (CfutTask  *task,
                                   guint64    index,
                                   gpointer   gate,
                                   GError   **error);

CfutFuture  *next_now        (CfutMap   *map);         /* (transfer full) (nullable) */
void         assert_next_is  (CfutMap   *map,
                              guint64    index);
void         assert_at_end   (CfutMap   *map);

/* Items of which one stands at a gate. */
typedef struct {
  TestGate gate;
  int n_calls;      /* atomic */
  int n_destroyed;  /* atomic */
  guint64 stop_at;  /* the item that passes the gate */
} Gated;

gboolean     item_gated      (CfutTask  *task,
                              guint64    index,
                              gpointer   gated,
                              GError   **error);
void         gated_destroy   (gpointer   gated);

G_END_DECLS
