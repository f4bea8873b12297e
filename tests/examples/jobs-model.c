/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A list of jobs for a user interface: a group is a GListModel, so a list view can show it as it is, and its properties
 * bind to a progress bar. Here a few lines of text stand for the widgets. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
copy_file (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  guint n_blocks = GPOINTER_TO_UINT (user_data);

  for (guint i = 1; i <= n_blocks; i++)
    {
      if (i > 5)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "No space left");
          return FALSE;
        }
      cfut_task_set_message (task, i < n_blocks ? "copying" : "done");
      cfut_task_set_progress (task, i, n_blocks);
    }
  return TRUE;
}

/* A list view would make rows for what was added and drop those of what was removed. */
static void
on_items_changed (GListModel *model,
                  guint       position,
                  guint       n_removed,
                  guint       n_added,
                  gpointer    user_data)
{
  g_print ("row %u: %u removed, %u added\n", position, n_removed, n_added);
}

static void
on_future_done (CfutGroup  *group,
                CfutFuture *future,
                gpointer    user_data)
{
  g_autofree char *name = cfut_future_dup_name (future);
  g_autofree char *message = cfut_future_dup_message (future);
  g_autoptr (GError) error = cfut_future_dup_error (future);

  g_print ("%s: %s, %.0f %%\n", name, error ? error->message : message,
           100 * cfut_future_get_fraction (future));
}

static void
on_all_done (CfutGroup *group,
             gpointer   user_data)
{
  g_print ("%.0f %% of all, %" G_GUINT64_FORMAT " failed\n", 100 * cfut_group_get_fraction (group),
           cfut_group_get_n_failed (group));
  g_main_loop_quit (user_data);
}

int
main (void)
{
  static const struct {
    const char *name;
    guint n_blocks;
  } files[] = { { "a.txt", 2 }, { "b.txt", 10 }, { "c.txt", 4 } };
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutGroup) group = cfut_group_new ();

  g_signal_connect (group, "items-changed", G_CALLBACK (on_items_changed), NULL);
  g_signal_connect (group, "future-done", G_CALLBACK (on_future_done), NULL);
  g_signal_connect (group, "all-done", G_CALLBACK (on_all_done), loop);

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (CfutFuture) future =
        cfut_executor_submit (executor, copy_file, GUINT_TO_POINTER (files[i].n_blocks), NULL);

      cfut_future_set_name (future, files[i].name);
      /* A file counts by its size. */
      cfut_group_add_units (group, future, files[i].n_blocks);
    }
  g_main_loop_run (loop);

  /* The list's "clear finished" button. */
  cfut_group_remove_settled (group);
  g_print ("%u rows left\n", g_list_model_get_n_items (G_LIST_MODEL (group)));
  return EXIT_SUCCESS;
}
