/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The command line, which the window and its terminal twin share.
 *
 * Values are taken as strings and judged here and not by GOption, so that what is wrong is told in
 * one whole sentence with what would be right. File names stay raw bytes.
 */

#include "terminal-options.h"

#include <glib/gi18n.h>
#include <locale.h>
#include <string.h>

static gboolean
parse_algorithm (TerminalOptions  *self,
                 const char       *value,
                 GError          **error)
{
  g_autoptr (GString) names = NULL;

  if (value == NULL)
    return TRUE;

  self->algorithm_given = TRUE;

  if (hash_algorithm_from_string (value, &self->algorithm))
    return TRUE;

  names = g_string_new (NULL);
  for (guint i = 0; i < HASH_N_ALGORITHMS; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", hash_algorithm_to_string (i));

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               /* Translators: the second is a list like: sha256, md5 */
               _("There is no algorithm “%s”; known are: %s"), value, names->str);

  return FALSE;
}

static gboolean
parse_workers (TerminalOptions  *self,
               const char       *value,
               GError          **error)
{
  guint64 workers;

  if (value == NULL)
    return TRUE;

  if (g_ascii_string_to_unsigned (value, 10, 1, TERMINAL_MAX_WORKERS, &workers, NULL))
    {
      self->workers = (guint) workers;
      return TRUE;
    }

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               _("The number of workers has to be from 1 to %d, and not “%s”"),
               TERMINAL_MAX_WORKERS, value);

  return FALSE;
}

gboolean
terminal_options_parse (TerminalOptions     *self,
                        const char * const  *argv,
                        GError             **error)
{
  g_autofree char *algorithm = NULL;
  g_autofree char *workers = NULL;
  g_autoptr (GOptionContext) context = g_option_context_new (_("[FILE OR FOLDER …]"));
  g_auto (GStrv) arguments = g_strdupv ((char **) argv);
  GOptionEntry entries[] = {
    { "algorithm", 'a', 0, G_OPTION_ARG_STRING, &algorithm,
      N_("What to compute: sha256 (the default), sha512, sha1 or md5"), N_("NAME") },
    { "workers", 'w', 0, G_OPTION_ARG_STRING, &workers,
      N_("How many files to read at a time"), N_("N") },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &self->output,
      N_("Write the sums to FILE, whole or not at all"), N_("FILE") },
    { "check", 'c', 0, G_OPTION_ARG_FILENAME, &self->check,
      N_("Compare with the sums in FILE"), N_("FILE") },
    { "terminal", 0, 0, G_OPTION_ARG_NONE, &self->terminal,
      N_("Stay in the terminal"), NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->version,
      N_("Show the version"), NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self->paths, NULL, NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };

  memset (self, 0, sizeof *self);
  self->algorithm = HASH_DEFAULT_ALGORITHM;

  g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
  g_option_context_set_summary (context,
                                _("Computes the sums of files, and of all files in folders."));
  g_option_context_add_main_entries (context, entries, GETTEXT_PACKAGE);

  if (!g_option_context_parse_strv (context, &arguments, error) ||
      !parse_algorithm (self, algorithm, error) ||
      !parse_workers (self, workers, error))
    return FALSE;

  if (self->output != NULL && self->check != NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                           _("--output and --check cannot be used together"));
      return FALSE;
    }

  if (self->paths == NULL)
    self->paths = g_new0 (char *, 1);

  return TRUE;
}

void
terminal_options_clear (TerminalOptions *self)
{
  g_clear_pointer (&self->output, g_free);
  g_clear_pointer (&self->check, g_free);
  g_clear_pointer (&self->paths, g_strfreev);
}

void
terminal_options_init_locale (void)
{
  const char *locale_dir = g_getenv ("CFUT_LOCALEDIR");

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, locale_dir != NULL ? locale_dir : LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
}
