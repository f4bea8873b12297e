/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define CFUT_POINTER_MAP_CELL 64
#define CFUT_POINTER_MAP_FEW 2

typedef struct {
  gsize page;        /* number of a page of memory */
  gsize bits;        /* one for each cell of it that an object of the map begins in */
  union {            /* the numbers of these, in the order of the bits */
    guint32 few[CFUT_POINTER_MAP_FEW];
    guint32 *many;   /* of more than that */
  } numbers;
} CfutPointerPage;

/* A number for each object that was added; objects are at least CFUT_POINTER_MAP_CELL bytes long.
 * All zero is empty. */
typedef struct {
  CfutPointerPage *pages;
  guint n_used;
  guint shift;       /* there is room for 2 to the (bits of a gsize - shift) */
} CfutPointerMap;

void     cfut_pointer_map_clear  (CfutPointerMap *self);
gboolean cfut_pointer_map_add    (CfutPointerMap *self,
                                  gconstpointer   object,
                                  guint32         number);
guint32 *cfut_pointer_map_get    (CfutPointerMap *self,
                                  gconstpointer   object);
gboolean cfut_pointer_map_remove (CfutPointerMap *self,
                                  gconstpointer   object);

G_END_DECLS
