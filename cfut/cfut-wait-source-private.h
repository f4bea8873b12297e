/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Takes over a reference on @wait. @ended is called once at most, on the context that it will be
 * attached to. */
GSource *cfut_wait_source_new    (const char    *name,           /* static */
                                  gint64         deadline_usec,  /* or CFUT_NO_DEADLINE */
                                  GCancellable  *cancellable,    /* (nullable) */
                                  gpointer       wait,
                                  void         (*ended) (gpointer wait),
                                  void         (*unref) (gpointer wait));
/* Both do nothing where it was dropped before; drop takes it out of there, and destroys it. */
void     cfut_wait_source_attach (GSource      **source,
                                  GMainContext  *context);
void     cfut_wait_source_drop   (GSource      **source);

G_END_DECLS
