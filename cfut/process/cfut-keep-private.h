/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Some bytes of a stream: its first ones, or its last. Zero before its first use but for max and
 * last. */
typedef struct {
  gsize max;
  gboolean last;       /* up to twice as many are there at times */
  char *bytes;         /* (nullable) */
  gsize size;
  gsize room;
  gboolean truncated;  /* there were more */
} CfutKeep;

void    cfut_keep_add   (CfutKeep   *self,
                         const char *bytes,
                         gsize       size);
/* (transfer full): no more than @max of them. It is empty after, but for what it says of more. */
GBytes *cfut_keep_steal (CfutKeep   *self,
                         gsize       max);

G_END_DECLS
