/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-lock-private.h"
#include "cfut-map-private.h"
#include "cfut-promise.h"

G_BEGIN_DECLS

typedef struct _CfutMapSlot CfutMapSlot;

/* An item that was submitted, and not taken. */
struct _CfutMapSlot {
  CfutMapSlot *next;
  CfutFuture *item;
  CfutFuture *chunk;  /* (nullable): what runs it, if that is not the item itself */
};

struct _CfutMap {
  GObject parent_instance;

  /* Immutable once made */
  guint64 n_items;
  guint buffer_size;
  guint chunk_size;
  gint64 made_usec;

  GMutex lock;

  /* Guarded by the lock */
  CfutMapSource *source;   /* (nullable): until nothing is left to submit */
  guint64 n_submitted;
  guint64 n_taken;
  guint64 n_end;           /* n_items, until it is cancelled */
  CfutMapSlot *slots;
  CfutMapSlot *last;
  gboolean submitting;
  gboolean cancelled;
  CfutPromise *published;  /* (nullable): kept when the one that submits has something to show */
  gint64 timeout_usec;
};

static inline void
cfut_map_lock (CfutMap *self)
{
  cfut_lock (&self->lock, CFUT_LOCK_MAP);
}

static inline void
cfut_map_unlock (CfutMap *self)
{
  g_assert (self->n_taken <= self->n_submitted && self->n_submitted <= self->n_end);
  cfut_unlock (&self->lock, CFUT_LOCK_MAP);
}

void cfut_map_slot_free (CfutMapSlot *slot);

/* Fills the buffer, unless somebody is at it. */
void cfut_map_top_up    (CfutMap     *self);

G_END_DECLS
