/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "hash-compare.h"
#include "hash-run.h"

G_BEGIN_DECLS

/* Translated; (transfer full). */
char *demo_status_format_paths      (const char * const *paths);
char *demo_status_format_run        (HashRun            *run);
char *demo_status_format_detail     (HashRun            *run);
char *demo_status_format_comparison (HashComparison     *comparison,
                                     guint               n_missing);
char *demo_status_format_problems   (guint               n_problems);

G_END_DECLS
