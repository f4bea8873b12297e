/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <adwaita.h>

#include "terminal-options.h"

G_BEGIN_DECLS

#define DEMO_APPLICATION_ID "io.github.cfut.Demo"

#define DEMO_TYPE_APPLICATION (demo_application_get_type ())
G_DECLARE_FINAL_TYPE (DemoApplication, demo_application, DEMO, APPLICATION, AdwApplication)

/* Takes over what @options holds: the first window begins with it. */
DemoApplication *demo_application_new (TerminalOptions *options);

G_END_DECLS
