/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define CFUT_POINTER_SET_CELL 64

typedef struct {
  gsize page;   /* number of a page of memory */
  gsize bits;   /* one for each cell of it that an object of the set begins in */
} CfutPointerPage;

/* Which objects were added; each is at least CFUT_POINTER_SET_CELL bytes long. All zero is empty.
 * */
typedef struct {
  CfutPointerPage *pages;
  guint n_used;
  guint shift;  /* there is room for 2 to the (bits of a gsize - shift) */
} CfutPointerSet;

void     cfut_pointer_set_clear  (CfutPointerSet *self);
gboolean cfut_pointer_set_add    (CfutPointerSet *self,
                                  gconstpointer   object);
gboolean cfut_pointer_set_remove (CfutPointerSet *self,
                                  gconstpointer   object);

G_END_DECLS
