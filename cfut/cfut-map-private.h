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
typedef struct _CfutMapSlot CfutMapSlot;

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
  gpointer call;           /* (nullable): of an item that was made, until it is submitted */
};

CfutMapSource *cfut_map_source_new   (CfutMapCore       *core,
                                      CfutExecutor      *executor,
                                      CfutRequest       *request);
/* An item that was made, and not taken. */
struct _CfutMapSlot {
  CfutMapSlot *next;
  CfutFuture *item;
  CfutFuture *chunk;  /* (nullable): what runs it, if that is not the item itself */
};

void         cfut_map_slots_free     (CfutMapSlot       *slots);

/* Both one caller at a time, and what is made first is submitted first. Makes the slots of one task,
 * a chain in order. */
CfutMapSlot *cfut_map_source_make    (CfutMapSource     *self,
                                      guint64            first,
                                      guint              n,
                                      CfutMapSlot      **last);
/* FALSE: there was no room for it in time, and it may be called again. */
gboolean     cfut_map_source_submit  (CfutMapSource     *self,
                                      CfutMapSlot       *slots,
                                      gint64             deadline_usec,
                                      GCancellable      *cancellable);
/* Where @slots are to go, and how much room they take there. */
CfutExecutor *cfut_map_source_peek   (CfutMapSource     *self,
                                      CfutMapSlot       *slots,
                                      guint64           *size);

G_END_DECLS
