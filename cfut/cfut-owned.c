/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What several share, and one context frees: counted on any thread, and released on the context of
 * the owner that made it.
 *
 * Threads: made on the owner's; referenced and let go on any.
 * Locks: none.
 * Owns: a reference on the owner, and the user's data.
 * Invariants:
 * 1. The user's destroy is called once, before the rest is freed, on the owner's context; where
 *    that is gone, on the default one.
 * Not here: what it is part of. */

#include "cfut-owned-private.h"

static void
owned_release (CfutOwned *self)
{
  CfutOwner *owner = self->owner;

  if (self->destroy != NULL)
    self->destroy (self->user_data);
  self->free (self);
  cfut_owner_unref (owner);
}

static gboolean
owned_deliver (CfutItem        *item,
               CfutDeliverMode  mode)
{
  owned_release ((CfutOwned *) item);
  return FALSE;
}

static const CfutItemClass owned_item_class = {
  .deliver = owned_deliver,
};

void
cfut_owned_init (CfutOwned      *self,
                 gpointer        user_data,
                 GDestroyNotify  destroy,
                 void          (*free) (CfutOwned *self))
{
  self->item.klass = &owned_item_class;
  g_atomic_ref_count_init (&self->ref_count);
  self->owner = cfut_owner_ref (cfut_owner_get_current ());
  self->user_data = user_data;
  self->destroy = destroy;
  self->free = free;
}

CfutOwned *
cfut_owned_ref (CfutOwned *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_owned_unref (CfutOwned *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  if (cfut_owner_is_context_here (self->owner))
    owned_release (self);
  else
    cfut_owner_push (self->owner, &self->item);
}
