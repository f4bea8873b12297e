/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What something is called in a report: its name, else its type and the function that it runs.
 * @function may be NULL, and is never called. */
char *cfut_debug_describe     (const char   *name,
                               const char   *type_name,
                               gpointer      function);

/* Under no lock. Of the many failures of one second only the first few are told one by one. */
void  cfut_report_unobserved  (const char   *name,
                               const char   *type_name,
                               gpointer      function,
                               const GError *error);

G_END_DECLS
