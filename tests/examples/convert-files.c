/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A batch converter: runs gzip on every file of a folder, as many at once as there are processors, with one bar for all
 * and one line for each file. Ctrl-C stops what runs, with all processes of it, and leaves nothing half converted.
 *
 * usage: convert-files FOLDER */

#include <cfut/cfut.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define BAR_LENGTH 30

typedef struct {
  GMainLoop *loop;
  CfutGroup *group;
  guint n_converted;
  guint n_failed;
} Batch;

/* gzip says "FILE: 98.2% -- created FILE.gz". On the main thread, as everything here. */
static void
on_line (CfutTask          *task,
         CfutCommandStream  stream,
         const char        *line,
         gpointer           user_data)
{
  const char *percent = strrchr (line, '%');

  if (percent != NULL)
    {
      g_autofree char *text = g_strndup (line, percent + 1 - line);
      const char *colon = strrchr (text, ':');

      cfut_task_set_message (task, g_strchug (text + (colon != NULL ? colon + 1 - text : 0)));
    }
}

static void
draw_bar (Batch *batch)
{
  double fraction = cfut_group_get_fraction (batch->group);

  g_print ("\r[");
  for (guint i = 0; i < BAR_LENGTH; i++)
    g_print (i < fraction * BAR_LENGTH ? "=" : " ");
  g_print ("] %3.0f %%", 100 * fraction);
}

static void
on_future_done (CfutGroup  *group,
                CfutFuture *future,
                Batch      *batch)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = cfut_future_dup_name (future);
  g_autofree char *message = cfut_future_dup_message (future);

  if (cfut_future_get_state (future) == CFUT_STATE_CANCELLED)
    return;

  if (cfut_future_result (future, 0, &error) != NULL)
    {
      batch->n_converted++;
      g_print ("\r%s: less by %s\n", name, message);
    }
  else
    {
      /* With the last lines that gzip wrote, which say what is wrong. */
      batch->n_failed++;
      g_printerr ("\r%s: %s\n", name, error->message);
    }
  draw_bar (batch);
}

static void
on_all_done (CfutGroup *group,
             Batch     *batch)
{
  g_main_loop_quit (batch->loop);
}

static gboolean
on_interrupted (gpointer user_data)
{
  cfut_group_cancel (((Batch *) user_data)->group);
  return G_SOURCE_CONTINUE;
}

/* The larger a file is, the more of the bar it stands for. */
static void
submit_folder (CfutProcessExecutor *executor,
               CfutGroup           *group,
               CfutCommand         *command,
               const char          *folder)
{
  g_autoptr (GFile) root = g_file_new_for_commandline_arg (folder);
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileEnumerator) files =
    g_file_enumerate_children (root, "standard::name,standard::type,standard::size",
                               G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS, NULL, &error);
  GFileInfo *info;

  while (files != NULL && g_file_enumerator_iterate (files, &info, NULL, NULL, &error) && info != NULL)
    {
      const char *name = g_file_info_get_name (info);
      const char *argv[] = { "gzip", "-9", "-k", "-v", "--", name, NULL };
      g_autoptr (CfutRequest) request = NULL;
      g_autoptr (CfutFuture) future = NULL;

      if (g_file_info_get_file_type (info) == G_FILE_TYPE_DIRECTORY || g_str_has_suffix (name, ".gz"))
        continue;
      request = cfut_request_new ();
      cfut_request_set_name (request, name);
      future = cfut_process_executor_run (executor, request, command, argv, NULL);
      cfut_group_add_units (group, future, 1 + g_file_info_get_size (info));
    }

  if (error != NULL)
    g_printerr ("%s\n", error->message);
}

int
main (int    argc,
      char **argv)
{
  Batch batch = { NULL, };

  setlocale (LC_ALL, "");
  if (argc != 2)
    {
      g_printerr ("usage: convert-files FOLDER\n");
      return EXIT_FAILURE;
    }

  /* So that what is left of the executor and the rest is dropped before the program ends. */
  {
    g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
    g_autoptr (CfutExecutor) executor = cfut_process_executor_new (NULL, g_get_num_processors ());
    g_autoptr (CfutGroup) group = cfut_group_new ();
    g_autoptr (CfutCommand) command = cfut_command_new ();
    guint interrupt = g_unix_signal_add (SIGINT, on_interrupted, &batch);

    batch.loop = loop;
    batch.group = group;
    cfut_command_set_cwd (command, argv[1]);
    cfut_command_set_line_func (command, on_line, NULL, NULL);
    g_signal_connect (group, "future-done", G_CALLBACK (on_future_done), &batch);
    g_signal_connect_swapped (group, "notify::fraction", G_CALLBACK (draw_bar), &batch);
    g_signal_connect (group, "all-done", G_CALLBACK (on_all_done), &batch);
    submit_folder (CFUT_PROCESS_EXECUTOR (executor), group, command, argv[1]);
    if (g_list_model_get_n_items (G_LIST_MODEL (group)) > 0)
      g_main_loop_run (loop);
    g_source_remove (interrupt);
  }

  g_print ("\r%u converted, %u failed\n", batch.n_converted, batch.n_failed);
  return batch.n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
