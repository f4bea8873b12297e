/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-delivery-private.h"

G_BEGIN_DECLS

typedef struct _CfutOwned CfutOwned;

/* What several tasks or threads share, to be embedded: the last reference, dropped on any thread,
 * releases it on the context of the owner that made it. */
struct _CfutOwned {
  CfutItem item;
  gatomicrefcount ref_count;
  CfutOwner *owner;
  gpointer user_data;
  GDestroyNotify destroy;
  void (*free) (CfutOwned *self);
};

void       cfut_owned_init  (CfutOwned      *self,
                             gpointer        user_data,
                             GDestroyNotify  destroy,
                             void          (*free) (CfutOwned *self));
CfutOwned *cfut_owned_ref   (CfutOwned      *self);
void       cfut_owned_unref (CfutOwned      *self);

G_END_DECLS
