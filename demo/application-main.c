/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The window's program: reads the command line, then lets the application run.
 *
 * What is wrong on the command line ends it before anything is shown, with status 2, as in the
 * terminal twin. A path that does not exist is not wrong there: it becomes a row that says so.
 */

#include "application-app.h"

#include <cfut/cfut.h>
#include <glib/gi18n.h>

#include "hash-sums.h"
#include "terminal-options.h"

#define STATUS_USAGE 2

int
main (int    argc,
      char **argv)
{
  TerminalOptions options;
  g_autoptr (DemoApplication) application = NULL;
  g_autoptr (GError) error = NULL;

  terminal_options_init_locale ();
  g_set_prgname (DEMO_APPLICATION_ID);

  if (!terminal_options_parse (&options, (const char * const *) argv, &error) ||
      (options.output != NULL && !hash_sums_check_target (options.output, &error)))
    {
      g_printerr ("cfut-demo: %s\n", error->message);
      terminal_options_clear (&options);
      return STATUS_USAGE;
    }

  if (options.version)
    {
      g_print ("cfut-demo %s\n", CFUT_VERSION_S);
      terminal_options_clear (&options);
      return 0;
    }

  g_set_application_name (_("Checksums"));
  application = demo_application_new (&options);

  /* The arguments have been read; they are not GApplication's. */
  return g_application_run (G_APPLICATION (application), MIN (argc, 1), argv);
}
