/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-lock-private.h"
#include "cfut-map-private.h"
#include "cfut-promise.h"

G_BEGIN_DECLS

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
  CfutMapSlot *made;       /* (nullable): counted as submitted, but there was no room for it yet */
  CfutMapSlot *last_made;
  gboolean submitting;
  gboolean cancelled;
  CfutPromise *published;  /* (nullable): kept when the one that submits has something to show, or
                            * leaves it to others */
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

/* Fills the buffer, unless somebody is at it. FALSE: there was no room in time; whoever takes next
 * goes on. */
gboolean cfut_map_top_up (CfutMap      *self,
                          gint64        deadline_usec,
                          GCancellable *cancellable);

/* (transfer full) (nullable): where something waits for room at the moment, and for how much. */
CfutExecutor *cfut_map_dup_full (CfutMap *self,
                                 guint64 *size);

G_END_DECLS
