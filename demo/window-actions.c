/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a user does in the window besides starting and cancelling: choosing folders, dropping them,
 * and copying, exporting and comparing sums.
 *
 * Sums of a million files make a text of a hundred megabytes. Gathering them is quick and has to be
 * done here, on the run's thread; sorting, writing them out and making a text of them is a task.
 *
 * Threads: the main one, but for copy_task.
 * Not here: the comparison itself (window-compare.c).
 */

#include <glib/gi18n.h>

#include "hash-format.h"
#include "window-compare.h"
#include "window-private.h"

#define CLIPBOARD_TYPE "text/plain;charset=utf-8"

/* Copying and saving */

typedef struct {
  DemoWindow *window;  /* the main thread's; counted */
  HashSums *sums;
  char *filename;      /* NULL: the clipboard */
} SumsJob;

static SumsJob *
sums_job_new (DemoWindow *window,
              HashSums   *sums,
              const char *filename)
{
  SumsJob *self = g_new0 (SumsJob, 1);

  self->window = g_object_ref (window);
  self->sums = hash_sums_ref (sums);
  self->filename = g_strdup (filename);

  return self;
}

static void
sums_job_free (gpointer data)
{
  SumsJob *self = data;

  g_object_unref (self->window);
  hash_sums_unref (self->sums);
  g_free (self->filename);
  g_free (self);
}

static void
sums_done_cb (CfutFuture *future,
              gpointer    user_data)
{
  SumsJob *job = user_data;
  gsize n_sums = hash_sums_get_length (job->sums);
  g_autoptr (GError) error = cfut_future_get_state (future) == CFUT_STATE_RESOLVED ?
                             NULL : cfut_future_dup_error (future);
  g_autofree char *count = hash_format_count (n_sums);
  g_autofree char *text = NULL;

  if (error != NULL)
    {
      demo_window_toast (job->window, error->message);
      return;
    }

  if (job->filename != NULL)
    {
      g_autofree char *name = g_path_get_basename (job->filename);
      g_autofree char *display_name = hash_path_to_display (name);

      text = g_strdup_printf (ngettext ("%s sum saved to “%s”", "%s sums saved to “%s”",
                                        n_sums),
                              count, display_name);
    }
  else
    {
      GdkClipboard *clipboard = gtk_widget_get_clipboard (GTK_WIDGET (job->window));
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GdkContentProvider) provider = NULL;

      bytes = g_bytes_ref (cfut_future_result_bytes (future, 0, NULL));
      provider = gdk_content_provider_new_for_bytes (CLIPBOARD_TYPE, bytes);
      gdk_clipboard_set_content (clipboard, provider);
      text = g_strdup_printf (ngettext ("%s sum copied", "%s sums copied", n_sums), count);
    }

  demo_window_toast (job->window, text);
}

static gboolean
copy_task (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  HashSums *sums = user_data;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GBytes) bytes = NULL;

  hash_sums_sort (sums);
  for (gsize i = 0; i < hash_sums_get_length (sums); i++)
    hash_sums_append_line (text, hash_sums_get_path (sums, i), hash_sums_get_sum (sums, i));

  /* A name may be any bytes; what is on a clipboard as text has to be UTF-8. */
  if (g_utf8_validate_len (text->str, text->len, NULL))
    {
      bytes = g_string_free_to_bytes (g_steal_pointer (&text));
    }
  else
    {
      char *valid = g_utf8_make_valid (text->str, text->len);

      bytes = g_bytes_new_take (valid, strlen (valid));
    }
  cfut_task_set_result_bytes (task, bytes);

  return TRUE;
}

static void
copy_sums (DemoWindow *self,
           HashSums   *sums)
{
  g_autoptr (CfutFuture) future = NULL;

  if (hash_sums_get_length (sums) == 0)
    {
      demo_window_toast (self, _("There are no sums to copy yet"));
      return;
    }

  future = cfut_executor_submit (self->background, copy_task, hash_sums_ref (sums),
                                 (GDestroyNotify) hash_sums_unref);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, sums_done_cb,
                                 sums_job_new (self, sums, NULL), sums_job_free);
}

void
demo_window_save_sums (DemoWindow *self,
                       const char *filename)
{
  g_autoptr (HashSums) sums = hash_sums_new_from_run (self->run);
  g_autoptr (CfutFuture) future = hash_sums_save_in (sums, self->background, filename);

  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, sums_done_cb,
                                 sums_job_new (self, sums, filename), sums_job_free);
}

static void
copy_action (GtkWidget  *widget,
             const char *name,
             GVariant   *parameter)
{
  DemoWindow *self = DEMO_WINDOW (widget);
  g_autoptr (HashSums) sums = hash_sums_new_from_run (self->run);

  copy_sums (self, sums);
}

static gboolean
copy_selected_cb (GtkWidget *widget,
                  GVariant  *args,
                  gpointer   user_data)
{
  DemoWindow *self = user_data;
  GtkSelectionModel *selection = GTK_SELECTION_MODEL (self->selection);
  g_autoptr (GtkBitset) selected = gtk_selection_model_get_selection (selection);
  g_autoptr (HashSums) sums = NULL;
  GtkBitsetIter iter;
  guint position;

  if (self->run == NULL || gtk_bitset_is_empty (selected))
    return FALSE;

  sums = hash_sums_new (hash_run_get_algorithm (self->run));
  for (gboolean valid = gtk_bitset_iter_init_first (&iter, selected, &position); valid;
       valid = gtk_bitset_iter_next (&iter, &position))
    {
      g_autoptr (GObject) item = g_list_model_get_item (G_LIST_MODEL (selection), position);

      if (CFUT_IS_FUTURE (item) && hash_future_get_sum (CFUT_FUTURE (item)) != NULL)
        {
          g_autofree char *path = hash_file_dup_path (hash_file_from_future (CFUT_FUTURE (item)));

          hash_sums_add (sums, path, hash_future_get_sum (CFUT_FUTURE (item)));
        }
    }

  copy_sums (self, sums);

  return TRUE;
}

static void
row_activated_cb (GtkListView *list,
                  guint        position,
                  gpointer     user_data)
{
  DemoWindow *self = user_data;

  gtk_selection_model_select_item (GTK_SELECTION_MODEL (self->selection), position, TRUE);
  copy_selected_cb (GTK_WIDGET (list), NULL, self);
}

void
demo_window_add_list_keys (DemoWindow *self)
{
  GtkEventController *controller = gtk_shortcut_controller_new ();

  /* On the list, not on the window: the text in the spin button is copied by the same keys. */
  gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (controller),
    gtk_shortcut_new (gtk_shortcut_trigger_parse_string ("<Control>c"),
                      gtk_callback_action_new (copy_selected_cb, self, NULL)));
  gtk_widget_add_controller (GTK_WIDGET (self->file_list), controller);
  g_signal_connect_object (self->file_list, "activate", G_CALLBACK (row_activated_cb), self, 0);
}

/* Files and folders */

static void
take_files (DemoWindow *self,
            GListModel *files)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < g_list_model_get_n_items (files); i++)
    {
      g_autoptr (GFile) file = g_list_model_get_item (files, i);
      char *path = g_file_get_path (file);

      if (path != NULL)
        g_ptr_array_add (paths, path);
    }

  if (paths->len < g_list_model_get_n_items (files))
    demo_window_toast (self, _("Only files on this computer can be hashed"));
  if (paths->len == 0)
    return;

  g_ptr_array_add (paths, NULL);
  demo_window_set_paths (self, (const char * const *) paths->pdata);
}

static gboolean
drop_cb (GtkDropTarget *target,
         const GValue  *value,
         double         x,
         double         y,
         DemoWindow    *self)
{
  g_autoptr (GListStore) files = NULL;
  g_autoptr (GSList) list = NULL;

  if (self->running || !G_VALUE_HOLDS (value, GDK_TYPE_FILE_LIST))
    return FALSE;

  files = g_list_store_new (G_TYPE_FILE);
  list = gdk_file_list_get_files (g_value_get_boxed (value));
  for (GSList *l = list; l != NULL; l = l->next)
    g_list_store_append (files, l->data);
  take_files (self, G_LIST_MODEL (files));

  return TRUE;
}

void
demo_window_add_drop_target (DemoWindow *self)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  g_signal_connect_object (target, "drop", G_CALLBACK (drop_cb), self, 0);
  gtk_widget_add_controller (self->drop_area, GTK_EVENT_CONTROLLER (target));
}

/* The dialogs. One is open at a time. */

static void
close_chooser (DemoWindow *self)
{
  gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (self->chooser));
  g_clear_object (&self->chooser);
}

static void
folders_chosen_cb (GtkNativeDialog *dialog,
                   int              response,
                   DemoWindow      *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GListModel) files = gtk_file_chooser_get_files (GTK_FILE_CHOOSER (dialog));

      take_files (self, files);
    }

  close_chooser (self);
}

static void
export_chosen_cb (GtkNativeDialog *dialog,
                  int              response,
                  DemoWindow      *self)
{
  if (response == GTK_RESPONSE_ACCEPT && self->run != NULL)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));

      if (g_file_peek_path (file) != NULL)
        demo_window_save_sums (self, g_file_peek_path (file));
      else
        demo_window_toast (self, _("The sums can only be saved on this computer"));
    }

  close_chooser (self);
}

static void
sums_file_chosen_cb (GtkNativeDialog *dialog,
                     int              response,
                     DemoWindow      *self)
{
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));

      if (g_file_peek_path (file) != NULL)
        {
          g_autofree char *base = g_path_get_dirname (g_file_peek_path (file));

          demo_window_load_expected (self, g_file_peek_path (file), base);
        }
      else
        demo_window_toast (self, _("Only a sums file on this computer can be read"));
    }

  close_chooser (self);
}

static GtkFileChooser *
open_chooser (DemoWindow           *self,
              const char           *title,
              GtkFileChooserAction  action,
              const char           *accept_label,
              GCallback             chosen_cb)
{
  if (self->chooser != NULL)
    close_chooser (self);

  self->chooser = gtk_file_chooser_native_new (title, GTK_WINDOW (self), action, accept_label,
                                               NULL);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->chooser), TRUE);
  g_signal_connect_object (self->chooser, "response", chosen_cb, self, 0);

  return GTK_FILE_CHOOSER (self->chooser);
}

static void
choose_folders_action (GtkWidget  *widget,
                       const char *name,
                       GVariant   *parameter)
{
  DemoWindow *self = DEMO_WINDOW (widget);
  GtkFileChooser *chooser;

  chooser = open_chooser (self, _("Choose Folders to Hash"), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER,
                          _("_Choose"), G_CALLBACK (folders_chosen_cb));
  gtk_file_chooser_set_select_multiple (chooser, TRUE);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

static void
export_action (GtkWidget  *widget,
               const char *name,
               GVariant   *parameter)
{
  DemoWindow *self = DEMO_WINDOW (widget);
  g_autofree char *algorithm = NULL, *proposed = NULL;
  GtkFileChooser *chooser;

  chooser = open_chooser (self, _("Export Sums"), GTK_FILE_CHOOSER_ACTION_SAVE, _("_Export"),
                          G_CALLBACK (export_chosen_cb));
  algorithm = g_ascii_strup (hash_algorithm_to_string (hash_run_get_algorithm (self->run)), -1);
  proposed = g_strconcat (algorithm, "SUMS", NULL);
  gtk_file_chooser_set_current_name (chooser, proposed);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

static void
compare_action (GtkWidget  *widget,
                const char *name,
                GVariant   *parameter)
{
  DemoWindow *self = DEMO_WINDOW (widget);

  open_chooser (self, _("Choose a Sums File"), GTK_FILE_CHOOSER_ACTION_OPEN, _("_Compare"),
                G_CALLBACK (sums_file_chosen_cb));
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

static void
compare_clear_action (GtkWidget  *widget,
                      const char *name,
                      GVariant   *parameter)
{
  DemoWindow *self = DEMO_WINDOW (widget);

  demo_window_clear_expected (self);
  demo_window_update (self);
}

void
demo_window_install_actions (GtkWidgetClass *widget_class)
{
  gtk_widget_class_install_action (widget_class, "win.choose-folders", NULL, choose_folders_action);
  gtk_widget_class_install_action (widget_class, "win.copy", NULL, copy_action);
  gtk_widget_class_install_action (widget_class, "win.export", NULL, export_action);
  gtk_widget_class_install_action (widget_class, "win.compare", NULL, compare_action);
  gtk_widget_class_install_action (widget_class, "win.compare-clear", NULL, compare_clear_action);
}
