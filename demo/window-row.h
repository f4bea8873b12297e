/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gtk/gtk.h>

#include "window-compare.h"

G_BEGIN_DECLS

#define DEMO_TYPE_ROW (demo_row_get_type ())
G_DECLARE_FINAL_TYPE (DemoRow, demo_row, DEMO, ROW, GtkWidget)

GtkWidget *demo_row_new      (void);
/* @item: (nullable): a future of a run, or a problem. @verdicts: (nullable): outlives the binding.
 * @prefix: (nullable): what is left out at the beginning of a path that has it. */
void       demo_row_set_item (DemoRow      *self,
                              gpointer      item,
                              DemoVerdicts *verdicts,
                              const char   *prefix);

G_END_DECLS
