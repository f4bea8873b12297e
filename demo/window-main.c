/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The window: what is chosen, the run, the list of its files, and how far it is.
 *
 * The list view stands on the run's group itself, which is a list model of futures; nothing is
 * copied, and rows exist only around what is seen. The bar is bound to the group's fraction. The
 * words next to it are made ten times a second, which is as fast as anybody reads.
 *
 * Each start makes a new run, and drops the one before. A run that was cancelled is over for the
 * window at once: the workers may need a moment more for the chunk that they are at, but a new
 * run can start.
 *
 * Threads: the main one only; all signals of runs and groups come there.
 * Owns: the run that is shown. Dropping it cancels what is left of it.
 * Invariants:
 *   1. running = a run is there, goes on, and was not cancelled; actions and buttons follow.
 *   2. The selection's model is the group's, or the list of problems if problems_only is set.
 * Not here: dialogs, clipboard, saving (window-actions.c), comparing (window-compare.c), words
 * (window-status.c), a row (window-row.c).
 */

#include "window-main.h"

#include <glib/gi18n.h>

#include "window-compare.h"
#include "window-private.h"
#include "window-row.h"
#include "window-status.h"

#define UPDATE_MSEC 100
#define SHOW_DELAY_USEC (150 * G_TIME_SPAN_MILLISECOND)

typedef enum {
  PROP_PROBLEMS_ONLY = 1
} DemoWindowProperty;

static GParamSpec *properties[PROP_PROBLEMS_ONLY + 1];

G_DEFINE_FINAL_TYPE (DemoWindow, demo_window, ADW_TYPE_APPLICATION_WINDOW)

/* Rows */

static void
setup_cb (GtkListItemFactory *factory,
          GtkListItem        *item)
{
  gtk_list_item_set_child (item, demo_row_new ());
}

static void
bind_cb (GtkListItemFactory *factory,
         GtkListItem        *item,
         DemoWindow         *self)
{
  demo_row_set_item (DEMO_ROW (gtk_list_item_get_child (item)), gtk_list_item_get_item (item),
                     self->verdicts, self->prefix);
}

static void
unbind_cb (GtkListItemFactory *factory,
           GtkListItem        *item)
{
  demo_row_set_item (DEMO_ROW (gtk_list_item_get_child (item)), NULL, NULL, NULL);
}

/* A new factory makes the view bind all its rows anew. */
void
demo_window_rebind_rows (DemoWindow *self)
{
  g_autoptr (GtkListItemFactory) factory = gtk_signal_list_item_factory_new ();

  g_signal_connect_object (factory, "setup", G_CALLBACK (setup_cb), self, 0);
  g_signal_connect_object (factory, "bind", G_CALLBACK (bind_cb), self, 0);
  g_signal_connect_object (factory, "unbind", G_CALLBACK (unbind_cb), self, 0);
  gtk_list_view_set_factory (self->file_list, factory);
}

/* What is shown */

void
demo_window_toast (DemoWindow *self,
                   const char *text)
{
  if (self->toasts != NULL)
    {
      g_autofree char *markup = g_markup_escape_text (text, -1);

      adw_toast_overlay_add_toast (self->toasts, adw_toast_new (markup));
    }
}

static void
update_page (DemoWindow *self)
{
  guint n_problems = g_list_model_get_n_items (G_LIST_MODEL (self->problems));
  const char *page;

  if (self->run == NULL)
    page = self->paths[0] != NULL ? "ready" : "empty";
  else if (self->problems_only)
    page = n_problems > 0 ? "files" : "no-problems";
  else if (hash_run_get_running (self->run) ||
           g_list_model_get_n_items (G_LIST_MODEL (hash_run_get_group (self->run))) > 0)
    page = "files";
  else
    page = "nothing";

  gtk_stack_set_visible_child_name (self->pages, page);
}

static void
update_model (DemoWindow *self)
{
  GListModel *model = NULL;

  if (self->run != NULL)
    model = self->problems_only ? G_LIST_MODEL (self->problems)
                                : G_LIST_MODEL (hash_run_get_group (self->run));

  if (model != gtk_multi_selection_get_model (self->selection))
    gtk_multi_selection_set_model (self->selection, model);
}

static void
update_words (DemoWindow *self)
{
  guint n_problems = g_list_model_get_n_items (G_LIST_MODEL (self->problems));
  g_autofree char *status = demo_status_format_run (self->run);
  g_autofree char *detail = NULL;
  g_autofree char *problems = demo_status_format_problems (n_problems);

  if (self->verdicts != NULL)
    detail = demo_status_format_comparison (demo_verdicts_get_comparison (self->verdicts),
                                            self->n_missing);
  else
    detail = demo_status_format_detail (self->run);

  gtk_label_set_label (self->status_label, status);
  gtk_label_set_label (self->detail_label, detail);
  adw_button_content_set_label (self->problems_content, problems);
  gtk_widget_set_visible (self->problems_button, n_problems > 0 || self->problems_only);
}

/* While the folders are searched nobody knows how much there is: the bar moves, but shows no
 * part. */
static void
update_bar (DemoWindow *self)
{
  gboolean known = !hash_run_get_scanning (self->run) || !self->running;

  if (known && self->fraction_binding == NULL)
    {
      self->fraction_binding = g_object_bind_property (hash_run_get_group (self->run), "fraction",
                                                       self->progress_bar, "fraction",
                                                       G_BINDING_SYNC_CREATE);
    }
  else if (!known && hash_run_get_elapsed_usec (self->run) > SHOW_DELAY_USEC)
    {
      gtk_progress_bar_pulse (self->progress_bar);
    }
}

void
demo_window_update (DemoWindow *self)
{
  gboolean has_run = self->run != NULL;

  if (has_run)
    {
      update_bar (self);
      update_words (self);
    }
  update_page (self);

  gtk_revealer_set_reveal_child (self->status_revealer, has_run);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.start",
                                 !self->running && self->paths[0] != NULL);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.cancel", self->running);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.choose-folders", !self->running);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.copy", has_run);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.export", has_run && !self->running);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.problems", has_run);
  gtk_widget_set_sensitive (GTK_WIDGET (self->algorithm_drop_down), !self->running);
  gtk_widget_set_sensitive (GTK_WIDGET (self->workers_spin), !self->running);
}

static void
update_title (DemoWindow *self)
{
  g_autofree char *subtitle = NULL;
  guint n_paths = g_strv_length (self->paths);

  if (n_paths == 1)
    subtitle = demo_status_format_paths ((const char * const *) self->paths);
  else if (n_paths > 1)
    subtitle = g_strdup_printf (ngettext ("%u item", "%u items", n_paths), n_paths);

  adw_window_title_set_subtitle (self->title, subtitle != NULL ? subtitle : "");
}

/* One of the two buttons is there; the focus stays where it was, on the other one. */
static void
set_running (DemoWindow *self,
             gboolean    running)
{
  GtkWidget *gone = running ? self->start_button : self->cancel_button;
  GtkWidget *come = running ? self->cancel_button : self->start_button;
  gboolean had_focus = gtk_widget_has_focus (gone);

  self->running = running;
  demo_window_update (self);

  gtk_widget_set_visible (come, TRUE);
  if (had_focus)
    gtk_widget_grab_focus (come);
  gtk_widget_set_visible (gone, FALSE);
}

static void
set_problems_only (DemoWindow *self,
                   gboolean    problems_only)
{
  if (self->problems_only == problems_only)
    return;

  self->problems_only = problems_only;
  update_model (self);
  demo_window_update (self);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PROBLEMS_ONLY]);
}

/* The run */

static void
future_done_cb (CfutGroup  *group,
                CfutFuture *future,
                DemoWindow *self)
{
  if (cfut_future_get_state (future) == CFUT_STATE_REJECTED)
    {
      g_list_store_insert (self->problems, self->n_failed_items, future);
      self->n_failed_items++;
    }
}

static gboolean
update_cb (gpointer user_data)
{
  DemoWindow *self = user_data;

  demo_window_update (self);

  return G_SOURCE_CONTINUE;
}

static void
stop_watching (DemoWindow *self)
{
  g_clear_handle_id (&self->update_id, g_source_remove);
  g_clear_pointer (&self->frames, demo_frames_stop);
}

static void
finished_cb (HashRun    *run,
             DemoWindow *self)
{
  stop_watching (self);
  set_running (self, FALSE);

  if (self->output != NULL && !hash_run_get_cancelled (run))
    {
      demo_window_save_sums (self, self->output);
    }
  else if (self->output != NULL)
    {
      g_autofree char *path = hash_path_to_display (self->output);
      g_autofree char *text = g_strdup_printf (_("Nothing was written to “%s”."), path);

      demo_window_toast (self, text);
    }

  demo_window_start_compare (self);
}

static void
drop_run (DemoWindow *self)
{
  if (self->run == NULL)
    return;

  stop_watching (self);
  g_signal_handlers_disconnect_by_data (self->run, self);
  g_signal_handlers_disconnect_by_data (hash_run_get_group (self->run), self);
  g_clear_object (&self->comparing);
  g_clear_pointer (&self->fraction_binding, g_binding_unbind);

  gtk_multi_selection_set_model (self->selection, NULL);
  g_list_store_remove_all (self->problems);
  g_clear_pointer (&self->verdicts, demo_verdicts_free);
  self->n_failed_items = 0;
  self->n_missing = 0;
  g_clear_object (&self->run);
}

/* One folder: what all its files begin with says nothing, and the title has it. */
static void
take_prefix (DemoWindow *self)
{
  g_clear_pointer (&self->prefix, g_free);

  if (self->paths[0] != NULL && self->paths[1] == NULL)
    {
      g_autofree char *path = hash_path_to_display (self->paths[0]);

      self->prefix = g_str_has_suffix (path, "/") ? g_steal_pointer (&path)
                                                  : g_strconcat (path, "/", NULL);
    }
}

static void
start_action (GtkWidget  *widget,
              const char *name,
              GVariant   *parameter)
{
  DemoWindow *self = DEMO_WINDOW (widget);
  CfutGroup *group;

  gtk_spin_button_update (self->workers_spin);
  drop_run (self);
  take_prefix (self);

  self->run = hash_run_new (gtk_drop_down_get_selected (self->algorithm_drop_down),
                            gtk_spin_button_get_value_as_int (self->workers_spin));
  group = hash_run_get_group (self->run);
  for (guint i = 0; self->paths[i] != NULL; i++)
    hash_run_add_path (self->run, self->paths[i]);
  if (self->output != NULL)
    hash_run_set_excluded (self->run, self->output);

  g_signal_connect (group, "future-done", G_CALLBACK (future_done_cb), self);
  g_signal_connect (self->run, "finished", G_CALLBACK (finished_cb), self);
  g_signal_connect_swapped (self->run, "notify::scanning", G_CALLBACK (demo_window_update), self);

  self->frames = demo_frames_start (GTK_WIDGET (self));
  gtk_progress_bar_set_fraction (self->progress_bar, 0);
  hash_run_start (self->run);
  set_problems_only (self, FALSE);
  update_model (self);
  self->update_id = g_timeout_add (UPDATE_MSEC, update_cb, self);
  set_running (self, TRUE);
}

static void
cancel_action (GtkWidget  *widget,
               const char *name,
               GVariant   *parameter)
{
  DemoWindow *self = DEMO_WINDOW (widget);

  hash_run_cancel (self->run);
  set_running (self, FALSE);
}

/* Escape, but only where nothing nearer to the focus wants it, as an open menu does. */
static gboolean
escape_cb (GtkWidget *widget,
           GVariant  *args,
           gpointer   user_data)
{
  DemoWindow *self = DEMO_WINDOW (widget);

  if (!self->running)
    return FALSE;

  gtk_widget_activate_action (widget, "win.cancel", NULL);

  return TRUE;
}

/* The object */

void
demo_window_set_paths (DemoWindow         *self,
                       const char * const *paths)
{
  g_autofree char *text = NULL, *markup = NULL;

  drop_run (self);
  g_strfreev (self->paths);
  self->paths = g_strdupv ((char **) paths);

  text = demo_status_format_paths (paths);
  markup = g_markup_escape_text (text, -1);
  adw_status_page_set_description (self->ready_page, markup);
  update_title (self);
  demo_window_update (self);
}

static void
demo_window_get_property (GObject    *object,
                          guint       property_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  DemoWindow *self = DEMO_WINDOW (object);

  switch ((DemoWindowProperty) property_id)
    {
    case PROP_PROBLEMS_ONLY:
      g_value_set_boolean (value, self->problems_only);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
demo_window_set_property (GObject      *object,
                          guint         property_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  DemoWindow *self = DEMO_WINDOW (object);

  switch ((DemoWindowProperty) property_id)
    {
    case PROP_PROBLEMS_ONLY:
      set_problems_only (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
demo_window_dispose (GObject *object)
{
  DemoWindow *self = DEMO_WINDOW (object);

  drop_run (self);
  g_clear_object (&self->loading);
  g_clear_object (&self->background);
  g_clear_object (&self->problems);
  g_clear_object (&self->selection);
  if (self->chooser != NULL)
    gtk_native_dialog_destroy (GTK_NATIVE_DIALOG (self->chooser));
  g_clear_object (&self->chooser);
  gtk_widget_dispose_template (GTK_WIDGET (self), DEMO_TYPE_WINDOW);

  G_OBJECT_CLASS (demo_window_parent_class)->dispose (object);
}

static void
demo_window_finalize (GObject *object)
{
  DemoWindow *self = DEMO_WINDOW (object);

  g_clear_pointer (&self->expected, hash_sums_unref);
  g_free (self->expected_base);
  g_free (self->output);
  g_free (self->prefix);
  g_strfreev (self->paths);

  G_OBJECT_CLASS (demo_window_parent_class)->finalize (object);
}

static void
bind_template (GtkWidgetClass *widget_class)
{
  gtk_widget_class_set_template_from_resource (widget_class, "/io/github/cfut/Demo/window-main.ui");
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, drop_area);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, title);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, empty_choose_button);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, start_button);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, cancel_button);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, algorithm_drop_down);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, workers_spin);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, workers_adjustment);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, compare_box);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, compare_label);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, pages);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, ready_page);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, file_list);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, status_revealer);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, progress_bar);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, status_label);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, detail_label);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, problems_button);
  gtk_widget_class_bind_template_child (widget_class, DemoWindow, problems_content);
}

static void
demo_window_class_init (DemoWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->get_property = demo_window_get_property;
  G_OBJECT_CLASS (klass)->set_property = demo_window_set_property;
  G_OBJECT_CLASS (klass)->dispose = demo_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = demo_window_finalize;

  properties[PROP_PROBLEMS_ONLY] =
    g_param_spec_boolean ("problems-only", NULL, NULL, FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (G_OBJECT_CLASS (klass), G_N_ELEMENTS (properties), properties);

  bind_template (widget_class);
  demo_window_install_actions (widget_class);
  gtk_widget_class_install_action (widget_class, "win.start", NULL, start_action);
  gtk_widget_class_install_action (widget_class, "win.cancel", NULL, cancel_action);
  gtk_widget_class_install_property_action (widget_class, "win.problems", "problems-only");
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Escape, 0, escape_cb, NULL);
}

static void
init_list (DemoWindow *self)
{
  self->problems = g_list_store_new (G_TYPE_OBJECT);
  self->selection = gtk_multi_selection_new (NULL);
  gtk_list_view_set_model (self->file_list, GTK_SELECTION_MODEL (self->selection));
  demo_window_rebind_rows (self);
  demo_window_add_list_keys (self);
}

static void
init_options (DemoWindow *self)
{
  g_autoptr (GtkStringList) titles = gtk_string_list_new (NULL);
  GtkWidget *button;

  for (guint i = 0; i < HASH_N_ALGORITHMS; i++)
    gtk_string_list_append (titles, hash_algorithm_get_title (i));
  gtk_drop_down_set_model (self->algorithm_drop_down, G_LIST_MODEL (titles));

  gtk_adjustment_set_upper (self->workers_adjustment, TERMINAL_MAX_WORKERS);

  /* What the keyboard reaches is the button inside, and the label in front does not name that. */
  button = gtk_widget_get_first_child (GTK_WIDGET (self->algorithm_drop_down));
  gtk_accessible_update_property (GTK_ACCESSIBLE (button),
                                  GTK_ACCESSIBLE_PROPERTY_LABEL, _("Algorithm"), -1);
}

static void
demo_window_init (DemoWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  self->background = cfut_thread_executor_new (1);
  self->paths = g_new0 (char *, 1);

  init_list (self);
  init_options (self);
  demo_window_add_drop_target (self);
  gtk_widget_add_css_class (self->drop_area, "drop-area");
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.compare-clear", FALSE);
}

DemoWindow *
demo_window_new (GtkApplication        *application,
                 const TerminalOptions *options)
{
  DemoWindow *self = g_object_new (DEMO_TYPE_WINDOW, "application", application, NULL);
  /* Hashing leaves processors no rest: more workers than these only take turns with the window. */
  guint workers = options->workers > 0 ? options->workers : g_get_num_processors ();

  self->output = g_strdup (options->output);
  gtk_drop_down_set_selected (self->algorithm_drop_down, options->algorithm);
  gtk_spin_button_set_value (self->workers_spin, workers);
  demo_window_set_paths (self, (const char * const *) options->paths);
  if (options->check != NULL)
    demo_window_load_expected (self, options->check, NULL);
  gtk_window_set_focus (GTK_WINDOW (self),
                        self->paths[0] != NULL ? self->start_button : self->empty_choose_button);

  return self;
}
