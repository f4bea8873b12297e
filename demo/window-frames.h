/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef struct _DemoFrames DemoFrames;

DemoFrames *demo_frames_start (GtkWidget  *widget);
void        demo_frames_stop  (DemoFrames *self);

G_END_DECLS
