/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Figures for a person, in the user's language and UTF-8. (transfer full) */
char *hash_format_count    (guint64 count);             /* "12,345" */
char *hash_format_rate     (double  bytes_per_second);  /* "1.2 GB/s" */
char *hash_format_duration (gint64  usec);              /* "0:07", "1:02:03" */

G_END_DECLS
