/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "hash-compare.h"

G_BEGIN_DECLS

/* What a comparison found about one path: an item of the window's list of problems. Immutable. */
#define DEMO_TYPE_PROBLEM (demo_problem_get_type ())
G_DECLARE_FINAL_TYPE (DemoProblem, demo_problem, DEMO, PROBLEM, GObject)

DemoProblem *demo_problem_new        (const HashComparisonEntry *entry);
HashMatch    demo_problem_get_match  (DemoProblem               *self);
const char  *demo_problem_get_path   (DemoProblem               *self);  /* for display */
char        *demo_problem_dup_reason (DemoProblem               *self);

G_END_DECLS
