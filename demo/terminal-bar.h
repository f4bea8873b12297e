/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  gboolean scanning;      /* the totals still grow, so there is no fraction to show */
  double fraction;        /* 0 to 1 */
  guint64 n_done;         /* settled, however */
  guint64 n_failed;
  guint64 n_files;
  double rate;            /* bytes per second; 0: unknown */
  gint64 remaining_usec;  /* negative: unknown */
} TerminalBarState;

/* The line for a terminal that is @columns wide: UTF-8, at most @columns - 1 cells. What does not
 * fit is left out, the least important first. @blocks: whether the terminal can show block
 * characters. (transfer full) */
char        *terminal_bar_layout    (const TerminalBarState *state,
                                     guint                   columns,
                                     gboolean                blocks);

/* One line of the terminal on standard error that is drawn again and again. Main thread. */
typedef struct _TerminalBar TerminalBar;

TerminalBar *terminal_bar_new       (void);
void         terminal_bar_free      (TerminalBar            *self);
/* FALSE: standard error is no terminal that can do this; then draw and clear do nothing. */
gboolean     terminal_bar_is_live   (TerminalBar            *self);
void         terminal_bar_draw      (TerminalBar            *self,
                                     const TerminalBarState *state);
/* Before anything else is printed, and at the end. */
void         terminal_bar_clear     (TerminalBar            *self);

G_END_DECLS
