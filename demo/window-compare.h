/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "window-main.h"
#include "hash-compare.h"

G_BEGIN_DECLS

/* What a comparison says of each path of the run, to be found by it. Immutable. */
typedef struct _DemoVerdicts DemoVerdicts;

void                       demo_verdicts_free           (DemoVerdicts *self);
/* (nullable): nothing. @path: raw, as the run has it. */
const HashComparisonEntry *demo_verdicts_find           (DemoVerdicts *self,
                                                         const char   *path);
HashComparison            *demo_verdicts_get_comparison (DemoVerdicts *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DemoVerdicts, demo_verdicts_free)

/* @base: (nullable): where the paths in the sums file start; NULL: at the current folder. */
void demo_window_load_expected  (DemoWindow *self,
                                 const char *filename,
                                 const char *base);
void demo_window_start_compare  (DemoWindow *self);
void demo_window_clear_expected (DemoWindow *self);

G_END_DECLS
