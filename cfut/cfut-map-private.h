/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-map.h"
#include "cfut-owned-private.h"
#include "cfut-request-private.h"

G_BEGIN_DECLS

typedef struct _CfutMapCore CfutMapCore;
typedef struct _CfutMapSource CfutMapSource;

/* What of a request is for the futures that others have, and what for the tasks that run them,
 * where that is not the same. Both (transfer full) (nullable). */
void         cfut_map_split_request  (CfutRequest       *request,
                                      CfutRequest      **of_future,
                                      CfutRequest      **of_task);

/* What the items of a map run: immutable, held by each of them until it has settled. */
struct _CfutMapCore {
  CfutOwned data;
  CfutMapFunc func;           /* either this ... */
  CfutMapItemFunc item_func;  /* ... or this, with ... */
  GPtrArray *items;           /* ... the objects; or a call of ... */
  char *function;             /* ... what has this name, with each of ... */
  GVariant *args;             /* ... these */
};

CfutMapCore *cfut_map_core_new       (gpointer           user_data,
                                      GDestroyNotify     destroy);

/* Where items come from: held by the map as long as there is something to submit, and by who does
 * it. */
struct _CfutMapSource {
  CfutOwned data;
  CfutMapCore *core;
  CfutExecutor *executor;
  CfutRequest *whole;      /* (nullable): for an item that is its own task, ... */
  CfutRequest *of_item;    /* ... in a chunk, and ... */
  CfutRequest *of_chunk;   /* ... for that */
};

CfutMapSource *cfut_map_source_new   (CfutMapCore       *core,
                                      CfutExecutor      *executor,
                                      CfutRequest       *request);
/* One caller at a time. (transfer full) futures; returns that of the task that runs them, or NULL
 * where the one item is the task itself. */
CfutFuture *cfut_map_source_submit   (CfutMapSource     *self,
                                      guint64            first,
                                      guint              n,
                                      CfutFuture       **items);

G_END_DECLS
