/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The progress bar of the terminal.
 *
 * The layout is a function of the figures and the width alone. What draws asks for the width each
 * time, as windows are resized, writes a line only when it differs from the one that stands there,
 * and leaves the last column free, since a terminal may wrap when that is filled.
 *
 * Threads: the main thread.
 */

#include "terminal-bar.h"

#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hash-format.h"

#define MIN_BAR_CELLS 10
#define MAX_BAR_CELLS 40
#define DEFAULT_COLUMNS 80
#define GAP "  "

/* In the order in which they stand. */
typedef enum {
  PART_HEAD,
  PART_COUNT,
  PART_FAILED,
  PART_RATE,
  PART_REMAINING,
  N_PARTS
} Part;

struct _TerminalBar {
  gboolean live;
  gboolean blocks;
  char *drawn;  /* NULL: nothing stands there */
};

static guint
count_cells (const char *text)
{
  guint n = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (!g_unichar_iszerowidth (c))
        n += g_unichar_iswide (c) ? 2 : 1;
    }

  return n;
}

static void
make_parts (const TerminalBarState *state,
            char                   *parts[N_PARTS])
{
  g_autofree char *n_done = hash_format_count (state->n_done);
  g_autofree char *n_files = hash_format_count (state->n_files);

  /* Rounded down: 100 is when it is done. */
  if (state->scanning)
    parts[PART_HEAD] = g_strdup (_("Scanning…"));
  else
    /* Translators: percent, always three columns wide; %% is a percent sign */
    parts[PART_HEAD] = g_strdup_printf (_("%3d %%"), (int) (CLAMP (state->fraction, 0, 1) * 100));

  parts[PART_COUNT] = g_strdup_printf (
      /* Translators: how many files are done, and how many there are */
      ngettext ("%s of %s file", "%s of %s files", (gulong) state->n_files), n_done, n_files);

  if (state->n_failed > 0)
    {
      g_autofree char *n_failed = hash_format_count (state->n_failed);

      parts[PART_FAILED] = g_strdup_printf (
          ngettext ("%s failed", "%s failed", (gulong) state->n_failed), n_failed);
    }

  if (state->rate > 0)
    parts[PART_RATE] = hash_format_rate (state->rate);

  if (state->remaining_usec >= 0 && !state->scanning)
    {
      g_autofree char *remaining = hash_format_duration (state->remaining_usec);

      /* Translators: a time, as in "0:12 left" */
      parts[PART_REMAINING] = g_strdup_printf (_("%s left"), remaining);
    }
}

static guint
count_part_cells (char *parts[N_PARTS])
{
  guint n = 0;

  for (guint i = 0; i < N_PARTS; i++)
    {
      if (parts[i] != NULL)
        n += count_cells (parts[i]) + (i > 0 ? strlen (GAP) : 0);
    }

  return n;
}

static void
append_bar (GString  *line,
            double    fraction,
            guint     n_cells,
            gboolean  blocks)
{
  static const char * const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
  guint n_eighths = (guint) (CLAMP (fraction, 0, 1) * n_cells * 8);
  guint n_full = n_eighths / 8;
  guint n = n_full;

  g_string_append_c (line, '[');

  for (guint i = 0; i < n_full; i++)
    g_string_append (line, blocks ? "█" : "#");

  if (blocks && n_eighths % 8 > 0)
    {
      g_string_append (line, eighths[n_eighths % 8]);
      n++;
    }

  for (; n < n_cells; n++)
    g_string_append (line, blocks ? "░" : "-");

  g_string_append (line, "]" GAP);
}

char *
terminal_bar_layout (const TerminalBarState *state,
                     guint                   columns,
                     gboolean                blocks)
{
  static const Part first_left_out[] = {
    PART_RATE, PART_REMAINING, PART_FAILED, PART_COUNT, PART_HEAD
  };
  const guint frame = 2 + strlen (GAP);
  guint available = MAX (columns, 1) - 1;
  char *parts[N_PARTS] = { NULL, };
  GString *line = g_string_new (NULL);
  guint n_used;

  make_parts (state, parts);

  /* With a bar if that costs no more than the rate, else with what there is room for. */
  for (guint i = 0; i < G_N_ELEMENTS (first_left_out); i++)
    {
      guint wanted = count_part_cells (parts) + (i <= 1 ? frame + MIN_BAR_CELLS : 0);

      if (wanted <= available)
        break;

      g_clear_pointer (&parts[first_left_out[i]], g_free);
    }

  n_used = count_part_cells (parts);

  if (parts[PART_HEAD] != NULL && available >= n_used + frame + MIN_BAR_CELLS)
    append_bar (line, state->scanning ? 0 : state->fraction,
                MIN (available - n_used - frame, MAX_BAR_CELLS), blocks);

  for (guint i = 0; i < N_PARTS; i++)
    {
      if (parts[i] == NULL)
        continue;

      g_string_append (line, i > 0 ? GAP : "");
      g_string_append (line, parts[i]);
      g_free (parts[i]);
    }

  return g_string_free (line, FALSE);
}

TerminalBar *
terminal_bar_new (void)
{
  TerminalBar *self = g_new0 (TerminalBar, 1);

  self->live = isatty (STDERR_FILENO) && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
  self->blocks = g_get_charset (NULL);

  return self;
}

void
terminal_bar_free (TerminalBar *self)
{
  terminal_bar_clear (self);
  g_free (self);
}

gboolean
terminal_bar_is_live (TerminalBar *self)
{
  return self->live;
}

void
terminal_bar_draw (TerminalBar            *self,
                   const TerminalBarState *state)
{
  struct winsize size = { 0, };
  g_autofree char *line = NULL;

  if (!self->live)
    return;

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    size.ws_col = DEFAULT_COLUMNS;

  line = terminal_bar_layout (state, size.ws_col, self->blocks);
  if (g_strcmp0 (line, self->drawn) == 0)
    return;

  g_printerr ("\r%s\033[K", line);
  g_free (self->drawn);
  self->drawn = g_steal_pointer (&line);
}

void
terminal_bar_clear (TerminalBar *self)
{
  if (self->drawn == NULL)
    return;

  g_printerr ("\r\033[K");
  g_clear_pointer (&self->drawn, g_free);
}
