/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

#include "hash-algorithm.h"

G_BEGIN_DECLS

#define TERMINAL_MAX_WORKERS 1024

/* The command line, which the window and its terminal twin share. */
typedef struct {
  HashAlgorithm algorithm;
  gboolean algorithm_given;
  guint workers;  /* 0: not given */
  char *output;   /* raw file name; NULL: not given */
  char *check;    /* raw file name; NULL: not given */
  GStrv paths;    /* raw file names; never NULL once parsed */
  gboolean terminal;
  gboolean version;
} TerminalOptions;

/* @argv: the program's own name first, then its arguments as main got them; not changed. Errors are
 * translated sentences. --help prints and ends the program. */
gboolean terminal_options_parse (TerminalOptions     *self,
                                 const char * const  *argv,
                                 GError             **error);
void     terminal_options_clear (TerminalOptions     *self);

/* setlocale, and the domain of the translations. First in main. */
void     terminal_options_init_locale (void);

G_END_DECLS
