/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Any thread. The context of the process's one I/O thread, "cfut-io", which the first call starts
 * and which stays; it is the thread-default one there, and SIGPIPE is blocked there. Sources on it
 * are quick and never block. (transfer none). NULL: there is no such thread and none can be made
 * (CFUT_FUTURE_ERROR_BROKEN). */
GMainContext *cfut_io_get_context (GError        **error);
/* Whether this is that thread. */
gboolean      cfut_io_is_current  (void);
/* Any thread. Calls @func once on the I/O thread, soon; never from within this call, not even
 * there. In the order of the calls. Only after a cfut_io_get_context () that succeeded. In a forked
 * child nothing comes of it. */
void          cfut_io_invoke      (void          (*func) (gpointer data),
                                   gpointer        data);

G_END_DECLS
