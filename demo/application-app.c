/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The application: its one window, its name, its keys, and the box that says what it is.
 *
 * The command line was read before, by what the terminal twin reads it with, so that both have
 * the same options and the same errors; GApplication gets none of it. Each start is a process of
 * its own (NON_UNIQUE), as each has folders and options of its own.
 *
 * Threads: the main one only.
 */

#include "application-app.h"

#include <glib/gi18n.h>

#include "hash-run.h"
#include "window-main.h"

struct _DemoApplication {
  AdwApplication parent_instance;

  TerminalOptions options;
};

G_DEFINE_TYPE (DemoApplication, demo_application, ADW_TYPE_APPLICATION)

static void
about_cb (GSimpleAction *action,
          GVariant      *parameter,
          gpointer       user_data)
{
  GtkApplication *self = user_data;
  g_autofree char *backend = NULL;

  /* Translators: %s is the library that does the arithmetic, for example "libcrypto" */
  backend = g_strdup_printf (_("Computes and compares the checksums of all files in a folder. "
                               "The sums are computed by %s."),
                             hash_digest_get_backend ());

  adw_show_about_window (gtk_application_get_active_window (self),
                         "application-name", _("Checksums"),
                         "application-icon", DEMO_APPLICATION_ID,
                         "developer-name", _("the cfut authors"),
                         /* Translators: your names, one a line; they are shown to the users */
                         "translator-credits", _("translator-credits"),
                         "comments", backend,
                         "version", CFUT_VERSION_S,
                         "license-type", GTK_LICENSE_LGPL_2_1,
                         NULL);
}

static void
quit_cb (GSimpleAction *action,
         GVariant      *parameter,
         gpointer       user_data)
{
  GList *windows = gtk_application_get_windows (user_data);

  /* Closed, not just left: a window stops what runs in it. */
  while (windows != NULL)
    {
      GtkWindow *window = windows->data;

      windows = windows->next;
      gtk_window_close (window);
    }
}

static const GActionEntry actions[] = {
  { .name = "about", .activate = about_cb },
  { .name = "quit", .activate = quit_cb },
};

static const struct {
  const char *action;
  const char *keys[3];
} shortcuts[] = {
  { "app.quit", { "<Control>q" } },
  { "window.close", { "<Control>w" } },
  { "win.choose-folders", { "<Control>o" } },
  { "win.start", { "<Control>Return", "F5" } },
  { "win.cancel", { "<Control>period" } },
  { "win.copy", { "<Control><Shift>c" } },
  { "win.export", { "<Control>s" } },
  { "win.compare", { "<Control>m" } },
  { "win.problems", { "<Control>p" } },
};

static void
demo_application_startup (GApplication *application)
{
  G_APPLICATION_CLASS (demo_application_parent_class)->startup (application);

  g_action_map_add_action_entries (G_ACTION_MAP (application), actions, G_N_ELEMENTS (actions),
                                   application);
  for (gsize i = 0; i < G_N_ELEMENTS (shortcuts); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (application), shortcuts[i].action,
                                           shortcuts[i].keys);
  gtk_window_set_default_icon_name (DEMO_APPLICATION_ID);
}

static void
demo_application_activate (GApplication *application)
{
  DemoApplication *self = DEMO_APPLICATION (application);
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (self));

  if (window == NULL)
    window = GTK_WINDOW (demo_window_new (GTK_APPLICATION (self), &self->options));

  gtk_window_present (window);
}

static void
demo_application_finalize (GObject *object)
{
  DemoApplication *self = DEMO_APPLICATION (object);

  terminal_options_clear (&self->options);

  G_OBJECT_CLASS (demo_application_parent_class)->finalize (object);
}

static void
demo_application_class_init (DemoApplicationClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = demo_application_finalize;
  G_APPLICATION_CLASS (klass)->startup = demo_application_startup;
  G_APPLICATION_CLASS (klass)->activate = demo_application_activate;
}

static void
demo_application_init (DemoApplication *self)
{
}

DemoApplication *
demo_application_new (TerminalOptions *options)
{
  DemoApplication *self = g_object_new (DEMO_TYPE_APPLICATION,
                                        "application-id", DEMO_APPLICATION_ID,
                                        "flags", G_APPLICATION_NON_UNIQUE,
                                        NULL);

  self->options = *options;
  memset (options, 0, sizeof *options);

  return self;
}
