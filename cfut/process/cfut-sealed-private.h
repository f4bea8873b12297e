/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Any thread. That memory shows the first bytes of a file that is sealed against writes and
 * shrinking, and is not unmapped before it is removed. Takes @fd over. FALSE: it did not, as enough are
 * open for this. */
gboolean cfut_sealed_add      (gpointer      data,
                               gsize         size,
                               int           fd);
/* Whether it was added or not. */
void     cfut_sealed_remove   (gpointer      data);
/* The caller holds bytes at @data, not NULL. (transfer full): another descriptor of the file, if
 * they are all that was mapped of one; -1: they are not, or there is none. */
int      cfut_sealed_dup_file (gconstpointer data,
                               gsize         size);

G_END_DECLS
