/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A group as a GListModel of its futures.
 *
 * Threads: the owner's context only, but for show, which finds out whether it is there.
 * Owns: nothing.
 * Invariants:
 * 1. What get_n_items and get_item tell is at every time what items-changed told. (A model that
 *    counts ahead of its signal makes whoever filters or sorts it count twice.)
 * 2. items-changed is not emitted within itself, where the second handler would hear of the later
 *    change first: what a handler adds or removes is told after the emission. Only when a handler
 *    runs a main loop, in which others may wait for the group, does the model move on under it.
 * Not here: what the futures are (cfut-group-core.c). */

#include "cfut-group-private.h"

static GType
model_get_item_type (GListModel *model)
{
  return CFUT_TYPE_FUTURE;
}

static guint
model_get_n_items (GListModel *model)
{
  return cfut_group_core_get_n_shown (CFUT_GROUP (model)->core);
}

static gpointer
model_get_item (GListModel *model,
                guint       position)
{
  return cfut_group_core_dup_shown (CFUT_GROUP (model)->core, position);
}

void
cfut_group_model_init (GListModelInterface *iface)
{
  iface->get_item_type = model_get_item_type;
  iface->get_n_items = model_get_n_items;
  iface->get_item = model_get_item;
}

/* Nobody may listen: an emission to nobody costs more than to find that out. */
static gboolean
model_emit (CfutGroup             *self,
            const CfutGroupChange *change)
{
  if ((change->n_removed == 0 && change->n_added == 0) ||
      g_signal_handler_find (self, G_SIGNAL_MATCH_UNBLOCKED, 0, 0, NULL, NULL, NULL) == 0)
    return FALSE;

  g_list_model_items_changed (G_LIST_MODEL (self),
                              change->position, change->n_removed, change->n_added);
  return TRUE;
}

/* FALSE: the emission that is going on will do it when it has ended. */
gboolean
cfut_group_model_flush (CfutGroup *self)
{
  int outer = self->emitting_depth;
  int depth = g_main_depth ();
  CfutGroupChange change;
  gboolean again;

  if (outer == depth)
    return FALSE;

  g_object_ref (self);
  self->emitting_depth = depth;
  do
    {
      again = cfut_group_core_next_change (self->core, &change);
      /* A handler may have made changes that were left to us. */
      again |= model_emit (self, &change);
    }
  while (again);
  self->emitting_depth = outer;
  g_object_unref (self);

  return TRUE;
}

void
cfut_group_model_show (CfutGroup *self)
{
  GMainContext *borrowed;

  /* A loop that another thread begins to run meanwhile would do the same. */
  if (cfut_owner_enter_context (cfut_group_core_get_owner (self->core), &borrowed))
    {
      cfut_group_model_flush (self);
      cfut_owner_leave_context (borrowed);
    }
}
