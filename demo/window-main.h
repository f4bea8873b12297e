/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <adwaita.h>

#include "terminal-options.h"

G_BEGIN_DECLS

#define DEMO_TYPE_WINDOW (demo_window_get_type ())
G_DECLARE_FINAL_TYPE (DemoWindow, demo_window, DEMO, WINDOW, AdwApplicationWindow)

/* Begins with what @options say: paths, algorithm, workers, what to compare with, and the output,
 * which gets the sums at the end of each run. */
DemoWindow *demo_window_new       (GtkApplication        *application,
                                   const TerminalOptions *options);
/* Raw file names: what the next run hashes. */
void        demo_window_set_paths (DemoWindow            *self,
                                   const char * const    *paths);

G_END_DECLS
