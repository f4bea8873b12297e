/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Which objects were added; each is at least CFUT_POINTER_SET_CELL bytes long. */
typedef struct {
  GHashTable *pages;   /* number of a page -> a bit for each 64 bytes of it that an object begins in */
  gsize page;          /* the page last looked at: its bits are here, not in the table */
  gsize bits;
} CfutPointerSet;

#define CFUT_POINTER_SET_CELL 64

void     cfut_pointer_set_init     (CfutPointerSet *self);
void     cfut_pointer_set_clear    (CfutPointerSet *self);
gboolean cfut_pointer_set_add      (CfutPointerSet *self,
                                    gconstpointer   object);
gboolean cfut_pointer_set_remove   (CfutPointerSet *self,
                                    gconstpointer   object);

G_END_DECLS
