/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The terminal twin of the window: the same work, a progress bar on a terminal and plain lines
 * elsewhere.
 *
 * Sums go to standard output, or whole or not at all to a file; everything said about them goes to
 * standard error. A run, then what becomes of its sums (written, or compared with a sums file),
 * then one summary.
 *
 * A signal cancels what is going on. Sums that were computed by then are still written to standard
 * output, so that no work is lost; a file that was asked for is not touched. A second signal ends
 * the program where it is.
 *
 * Exit status: 0 all is well; 1 a file failed, differs or is missing, or the sums could not be
 * written; 2 the command line is wrong; 128 and the signal's number when it was cancelled.
 *
 * Threads: all of this is the main thread's, in its main loop.
 */

#include <cfut/cfut.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "hash-compare.h"
#include "hash-format.h"
#include "hash-run.h"
#include "hash-sums.h"
#include "terminal-bar.h"
#include "terminal-options.h"

#define REDRAW_MSEC 100
#define PLAIN_STEP_PERCENT 10

enum {
  STATUS_OK = 0,
  STATUS_FAILED = 1,
  STATUS_USAGE = 2,
  STATUS_SIGNAL = 128
};

typedef struct {
  TerminalOptions options;
  GMainLoop *loop;
  TerminalBar *bar;
  HashRun *run;
  HashSums *expected;   /* with --check */
  CfutFuture *writing;  /* while the sums are written */
  gulong done_handler;
  guint redraw_source;
  guint signal_sources[3];
  guint64 n_hashed;
  guint64 n_hashed_bytes;
  int cancel_signal;    /* 0: none came */
  int next_percent;     /* plain lines: what is to be reached for the next */
  int status;
} Terminal;

static void G_GNUC_PRINTF (2, 3)
say (Terminal   *self,
     const char *format,
     ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  terminal_bar_clear (self->bar);
  g_printerr ("%s\n", text);
}

static void
finish (Terminal *self,
        int       status)
{
  if (self->cancel_signal != 0)
    self->status = STATUS_SIGNAL + self->cancel_signal;
  else
    self->status = MAX (self->status, status);

  terminal_bar_clear (self->bar);
  g_main_loop_quit (self->loop);
}

static void
say_plain_progress (Terminal  *self,
                    CfutGroup *group)
{
  int percent;

  if (hash_run_get_scanning (self->run))
    return;

  if (self->next_percent == 0)
    {
      guint n_files = g_list_model_get_n_items (G_LIST_MODEL (group));
      g_autofree char *count = hash_format_count (n_files);
      g_autofree char *size = g_format_size (hash_run_get_total_bytes (self->run));

      say (self, ngettext ("Found %s file (%s).", "Found %s files (%s).", n_files), count, size);
      self->next_percent = PLAIN_STEP_PERCENT;
    }

  percent = (int) (cfut_group_get_fraction (group) * 100);

  if (percent >= self->next_percent && percent < 100)
    {
      say (self, _("%d %% are done."), percent);
      self->next_percent = (percent / PLAIN_STEP_PERCENT + 1) * PLAIN_STEP_PERCENT;
    }
}

static gboolean
on_redraw (gpointer user_data)
{
  Terminal *self = user_data;
  CfutGroup *group = hash_run_get_group (self->run);
  TerminalBarState state;

  if (!terminal_bar_is_live (self->bar))
    {
      say_plain_progress (self, group);
      return G_SOURCE_CONTINUE;
    }

  state.scanning = hash_run_get_scanning (self->run);
  state.fraction = cfut_group_get_fraction (group);
  state.n_done = cfut_group_get_n_done (group);
  state.n_failed = cfut_group_get_n_failed (group);
  state.n_files = g_list_model_get_n_items (G_LIST_MODEL (group));
  state.rate = cfut_group_get_rate (group);
  state.remaining_usec = cfut_group_get_remaining_usec (group);
  terminal_bar_draw (self->bar, &state);

  return G_SOURCE_CONTINUE;
}

static void
on_future_done (CfutGroup  *group,
                CfutFuture *future,
                gpointer    user_data)
{
  Terminal *self = user_data;
  HashFile *file = hash_file_from_future (future);
  g_autofree char *reason = NULL;
  g_autofree char *path = NULL;

  if (cfut_future_get_state (future) == CFUT_STATE_RESOLVED)
    {
      self->n_hashed++;
      self->n_hashed_bytes += hash_file_get_size (file);
    }

  reason = hash_future_dup_reason (future);
  if (reason == NULL)
    return;

  path = hash_file_dup_display_path (file);
  /* Translators: a path, and what went wrong with it */
  say (self, _("%s: %s"), path, reason);
  self->status = STATUS_FAILED;
}

static void
say_summary (Terminal *self)
{
  CfutGroup *group = hash_run_get_group (self->run);
  guint64 n_failed = cfut_group_get_n_failed (group);
  gint64 elapsed = hash_run_get_elapsed_usec (self->run);
  g_autofree char *time = g_strdup_printf ("%.1f", (double) elapsed / G_USEC_PER_SEC);
  g_autofree char *hashed = hash_format_count (self->n_hashed);
  g_autofree char *failed = hash_format_count (n_failed);

  if (self->cancel_signal != 0)
    {
      guint n_files = g_list_model_get_n_items (G_LIST_MODEL (group));
      g_autofree char *files = hash_format_count (n_files);

      say (self, ngettext ("Cancelled: %s of %s file was hashed.",
                           "Cancelled: %s of %s files were hashed.", n_files), hashed, files);
    }
  else
    {
      g_autofree char *size = g_format_size (self->n_hashed_bytes);

      say (self, ngettext ("Hashed %s file (%s) in %s s.", "Hashed %s files (%s) in %s s.",
                           (gulong) self->n_hashed), hashed, size, time);
    }

  if (n_failed > 0)
    say (self, ngettext ("%s could not be hashed.", "%s could not be hashed.", (gulong) n_failed),
         failed);
}

static void
on_written (CfutFuture *writing,
            Terminal   *self)
{
  g_autoptr (GError) error = cfut_future_dup_error (writing);
  gboolean written = cfut_future_get_state (writing) == CFUT_STATE_RESOLVED;

  say_summary (self);

  if (self->options.output != NULL)
    {
      g_autofree char *name = hash_path_to_display (self->options.output);

      if (written)
        say (self, _("The sums were written to “%s”."), name);
      else if (self->cancel_signal != 0)
        say (self, _("Nothing was written to “%s”."), name);
    }

  if (!written && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    say (self, "%s", error->message);

  finish (self, written ? STATUS_OK : STATUS_FAILED);
}

static void
write_sums (Terminal *self)
{
  g_autoptr (HashSums) sums = hash_sums_new_from_run (self->run);
  CfutExecutor *executor = hash_run_get_executor (self->run);

  terminal_bar_clear (self->bar);

  if (self->options.output != NULL)
    self->writing = hash_sums_save_in (sums, executor, self->options.output);
  else
    self->writing = hash_sums_write_in (sums, executor, STDOUT_FILENO);

  g_signal_connect (self->writing, "done", G_CALLBACK (on_written), self);
}

static void
compare_sums (Terminal *self)
{
  g_autoptr (HashSums) sums = hash_sums_new_from_run (self->run);
  g_autoptr (HashComparison) comparison = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *same = NULL;
  gsize n_same;

  say_summary (self);

  comparison = hash_comparison_new (self->expected, NULL, sums, &error);
  if (comparison == NULL)
    {
      say (self, "%s", error->message);
      finish (self, STATUS_FAILED);
      return;
    }

  for (gsize i = 0; i < hash_comparison_get_length (comparison); i++)
    {
      const HashComparisonEntry *entry = hash_comparison_get_entry (comparison, i);
      g_autofree char *path = hash_path_to_display (entry->path);

      if (entry->match != HASH_MATCH_SAME)
        g_print ("%s: %s\n", path, hash_match_get_title (entry->match));
    }

  n_same = hash_comparison_get_count (comparison, HASH_MATCH_SAME);
  same = hash_format_count (n_same);
  say (self, ngettext ("%s file is the same.", "%s files are the same.", (gulong) n_same), same);

  finish (self, hash_comparison_get_count (comparison, HASH_MATCH_DIFFERENT) > 0 ||
                hash_comparison_get_count (comparison, HASH_MATCH_MISSING) > 0 ?
                STATUS_FAILED : STATUS_OK);
}

static void
on_finished (HashRun  *run,
             Terminal *self)
{
  if (self->cancel_signal == 0)
    on_redraw (self);

  g_clear_handle_id (&self->redraw_source, g_source_remove);

  if (self->cancel_signal != 0 && (self->options.output != NULL || self->options.check != NULL))
    {
      say_summary (self);

      if (self->options.output != NULL)
        {
          g_autofree char *name = hash_path_to_display (self->options.output);

          say (self, _("Nothing was written to “%s”."), name);
        }

      finish (self, STATUS_FAILED);
    }
  else if (self->options.check != NULL)
    compare_sums (self);
  else
    write_sums (self);
}

static void
on_signal (Terminal *self,
           int       number)
{
  if (self->cancel_signal != 0)
    {
      terminal_bar_clear (self->bar);
      _exit (STATUS_SIGNAL + number);
    }

  self->cancel_signal = number;
  say (self, _("Cancelling…"));

  if (self->writing != NULL)
    cfut_future_cancel (self->writing);
  else
    hash_run_cancel (self->run);
}

static gboolean
on_interrupt (gpointer user_data)
{
  on_signal (user_data, SIGINT);

  return G_SOURCE_CONTINUE;
}

static gboolean
on_terminate (gpointer user_data)
{
  on_signal (user_data, SIGTERM);

  return G_SOURCE_CONTINUE;
}

static gboolean
on_hang_up (gpointer user_data)
{
  on_signal (user_data, SIGHUP);

  return G_SOURCE_CONTINUE;
}

/* What can be known to go wrong before hours of work. */
static gboolean
prepare (Terminal  *self,
         GError   **error)
{
  gsize n_bad_lines = 0;

  if (self->options.output != NULL)
    return hash_sums_check_target (self->options.output, error);

  if (self->options.check == NULL)
    return TRUE;

  self->expected = hash_sums_load (self->options.check, &n_bad_lines, error);
  if (self->expected == NULL)
    {
      g_autofree char *name = hash_path_to_display (self->options.check);

      g_prefix_error (error, _("“%s” cannot be used: "), name);
      return FALSE;
    }

  if (n_bad_lines > 0)
    {
      g_autofree char *count = hash_format_count (n_bad_lines);

      say (self, ngettext ("%s line of the sums file is not a sum, and was passed over.",
                           "%s lines of the sums file are not sums, and were passed over.",
                           (gulong) n_bad_lines), count);
    }

  if (!self->options.algorithm_given)
    self->options.algorithm = hash_sums_get_algorithm (self->expected);

  return TRUE;
}

static void
add_paths (Terminal *self)
{
  GStrv paths = self->options.paths;

  for (guint i = 0; paths[i] != NULL; i++)
    hash_run_add_path (self->run, paths[i]);

  if (paths[0] != NULL)
    return;

  if (self->expected == NULL)
    hash_run_add_path (self->run, ".");

  for (gsize i = 0; self->expected != NULL && i < hash_sums_get_length (self->expected); i++)
    hash_run_add_path (self->run, hash_sums_get_path (self->expected, i));
}

static void
start (Terminal *self)
{
  self->run = hash_run_new (self->options.algorithm, self->options.workers);
  add_paths (self);

  if (self->options.output != NULL)
    hash_run_set_excluded (self->run, self->options.output);
  if (self->options.check != NULL)
    hash_run_set_excluded (self->run, self->options.check);

  self->done_handler = g_signal_connect (hash_run_get_group (self->run), "future-done",
                                         G_CALLBACK (on_future_done), self);
  g_signal_connect (self->run, "finished", G_CALLBACK (on_finished), self);

  self->signal_sources[0] = g_unix_signal_add (SIGINT, on_interrupt, self);
  self->signal_sources[1] = g_unix_signal_add (SIGTERM, on_terminate, self);
  self->signal_sources[2] = g_unix_signal_add (SIGHUP, on_hang_up, self);
  self->redraw_source = g_timeout_add (REDRAW_MSEC, on_redraw, self);

  hash_run_start (self->run);
}

static void
terminal_clear (Terminal *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->signal_sources); i++)
    g_clear_handle_id (&self->signal_sources[i], g_source_remove);

  g_clear_handle_id (&self->redraw_source, g_source_remove);

  if (self->run != NULL)
    g_clear_signal_handler (&self->done_handler, hash_run_get_group (self->run));

  g_clear_object (&self->writing);
  g_clear_object (&self->run);
  g_clear_pointer (&self->expected, hash_sums_unref);
  g_clear_pointer (&self->bar, terminal_bar_free);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  terminal_options_clear (&self->options);
}

/* A standard stream that is closed would have its number given to the next file that is opened,
 * which then gets what is printed. What cannot be written to stands in for it, so that this is an
 * error. */
static void
fill_standard_streams (void)
{
  int fd;

  do
    fd = open ("/dev/null", O_RDONLY);
  while (fd >= 0 && fd <= STDERR_FILENO);

  if (fd >= 0)
    close (fd);
}

int
main (int    argc,
      char **argv)
{
  Terminal self = { 0, };
  g_autoptr (GError) error = NULL;

  fill_standard_streams ();
  terminal_options_init_locale ();

  /* A reader that is gone and a limit of size are errors of writing like any other. */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN);

  if (!terminal_options_parse (&self.options, (const char * const *) argv, &error))
    {
      g_printerr (_("%s\nRun “%s --help” to see all options.\n"), error->message, argv[0]);
      terminal_options_clear (&self.options);
      return STATUS_USAGE;
    }

  if (self.options.version)
    {
      g_print ("cfut-demo-terminal %s (%s)\n", CFUT_VERSION_S, hash_digest_get_backend ());
      terminal_options_clear (&self.options);
      return STATUS_OK;
    }

  self.loop = g_main_loop_new (NULL, FALSE);
  self.bar = terminal_bar_new ();

  if (prepare (&self, &error))
    {
      start (&self);
      g_main_loop_run (self.loop);
    }
  else
    {
      g_printerr ("%s\n", error->message);
      self.status = STATUS_FAILED;
    }

  terminal_clear (&self);

  return self.status;
}
