/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Comparing with a sums file: loading it, comparing at the end of a run, and what the list of
 * problems gets from it.
 *
 * Reading a file and comparing a million paths takes too long for a frame, so both are tasks of
 * the window's background executor. A task and the callback that takes its result share a job,
 * which is counted atomically: whichever is last frees it.
 *
 * Threads: the main one, but for the two task functions, which touch nothing but their job.
 * Invariants:
 *   1. A callback whose future is not the one that the window waits for (after a new run, or
 *      another sums file) does nothing.
 *   2. problems holds the futures that failed (n_failed_items), then what the comparison found.
 */

#include "window-compare.h"

#include <glib/gi18n.h>

#include "window-private.h"
#include "window-problem.h"

struct _DemoVerdicts {
  HashComparison *comparison;
  GPtrArray *entries;    /* of the comparison, those of the run, sorted by their paths */
};

typedef struct {
  DemoWindow *window;    /* the main thread's; counted */
  char *filename;        /* of what is loaded */
  char *base;            /* absolute: where its paths start */
  HashSums *expected;
  HashSums *actual;      /* of a comparison */
  gsize n_bad_lines;
  DemoVerdicts *verdicts;
} CompareJob;

static int
compare_paths (gconstpointer a,
               gconstpointer b)
{
  const HashComparisonEntry * const *one = a, * const *other = b;

  return strcmp ((*one)->path, (*other)->path);
}

/* Takes @comparison, whose own order is that of absolute paths. */
static DemoVerdicts *
demo_verdicts_new (HashComparison *comparison)
{
  DemoVerdicts *self = g_new (DemoVerdicts, 1);

  self->comparison = comparison;
  self->entries = g_ptr_array_new ();
  for (gsize i = 0; i < hash_comparison_get_length (comparison); i++)
    {
      const HashComparisonEntry *entry = hash_comparison_get_entry (comparison, i);

      if (entry->match != HASH_MATCH_MISSING)
        g_ptr_array_add (self->entries, (gpointer) entry);
    }
  g_ptr_array_sort (self->entries, compare_paths);

  return self;
}

void
demo_verdicts_free (DemoVerdicts *self)
{
  g_ptr_array_unref (self->entries);
  hash_comparison_free (self->comparison);
  g_free (self);
}

const HashComparisonEntry *
demo_verdicts_find (DemoVerdicts *self,
                    const char   *path)
{
  gsize low = 0, high = self->entries->len;

  while (low < high)
    {
      gsize middle = low + (high - low) / 2;
      const HashComparisonEntry *entry = g_ptr_array_index (self->entries, middle);
      int order = strcmp (path, entry->path);

      if (order == 0)
        return entry;
      if (order > 0)
        low = middle + 1;
      else
        high = middle;
    }

  return NULL;
}

HashComparison *
demo_verdicts_get_comparison (DemoVerdicts *self)
{
  return self->comparison;
}

static CompareJob *
compare_job_new (DemoWindow *window,
                 const char *base)
{
  CompareJob *self = g_atomic_rc_box_new0 (CompareJob);

  self->window = g_object_ref (window);
  self->base = g_canonicalize_filename (base != NULL ? base : ".", NULL);

  return self;
}

static void
compare_job_clear (gpointer data)
{
  CompareJob *self = data;

  g_clear_object (&self->window);
  g_clear_pointer (&self->filename, g_free);
  g_clear_pointer (&self->base, g_free);
  g_clear_pointer (&self->expected, hash_sums_unref);
  g_clear_pointer (&self->actual, hash_sums_unref);
  g_clear_pointer (&self->verdicts, demo_verdicts_free);
}

static void
compare_job_release (gpointer data)
{
  g_atomic_rc_box_release_full (data, compare_job_clear);
}

/* Submits @func, whose end calls @callback; both have the job. */
static CfutFuture *
compare_job_submit (CompareJob   *self,
                    CfutTaskFunc  func,
                    CfutCallback  callback)
{
  CfutFuture *future = cfut_executor_submit (self->window->background, func,
                                             g_atomic_rc_box_acquire (self), compare_job_release);

  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, callback,
                                 g_atomic_rc_box_acquire (self), compare_job_release);

  return future;
}

static void
remove_compared (DemoWindow *self)
{
  guint n_items = g_list_model_get_n_items (G_LIST_MODEL (self->problems));

  g_list_store_splice (self->problems, self->n_failed_items, n_items - self->n_failed_items,
                       NULL, 0);
  self->n_missing = 0;

  if (self->verdicts != NULL)
    {
      g_autoptr (DemoVerdicts) old = g_steal_pointer (&self->verdicts);

      demo_window_rebind_rows (self);
    }
}

/* The files that failed: they have no sum, so the comparison takes them for missing, but they are
 * in the list already. */
static GHashTable *
collect_failed (DemoWindow *self)
{
  GHashTable *paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->n_failed_items; i++)
    {
      g_autoptr (CfutFuture) future = g_list_model_get_item (G_LIST_MODEL (self->problems), i);
      g_autofree char *path = hash_file_dup_path (hash_file_from_future (future));

      g_hash_table_add (paths, g_canonicalize_filename (path, NULL));
    }

  return paths;
}

static void
add_problems (DemoWindow *self)
{
  HashComparison *comparison = self->verdicts->comparison;
  g_autoptr (GHashTable) failed = collect_failed (self);
  g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_object_unref);

  for (gsize i = 0; i < hash_comparison_get_length (comparison); i++)
    {
      const HashComparisonEntry *entry = hash_comparison_get_entry (comparison, i);

      if (entry->match == HASH_MATCH_MISSING)
        {
          g_autofree char *path = g_canonicalize_filename (entry->path, self->expected_base);

          if (g_hash_table_contains (failed, path))
            continue;
          self->n_missing++;
        }
      else if (entry->match != HASH_MATCH_DIFFERENT)
        {
          continue;
        }

      g_ptr_array_add (problems, demo_problem_new (entry));
    }

  g_list_store_splice (self->problems, self->n_failed_items, 0, problems->pdata, problems->len);
}

static void
compared_cb (CfutFuture *future,
             gpointer    user_data)
{
  CompareJob *job = user_data;
  DemoWindow *self = job->window;
  g_autoptr (GError) error = NULL;

  if (future != self->comparing)
    return;

  g_clear_object (&self->comparing);
  if (cfut_future_get_state (future) == CFUT_STATE_RESOLVED)
    {
      self->verdicts = g_steal_pointer (&job->verdicts);
      add_problems (self);
      demo_window_rebind_rows (self);
    }
  else if ((error = cfut_future_dup_error (future)) != NULL)
    {
      demo_window_toast (self, error->message);
    }

  demo_window_update (self);
}

static gboolean
compare_task (CfutTask  *task,
              gpointer   user_data,
              GError   **error)
{
  CompareJob *job = user_data;
  HashComparison *comparison = hash_comparison_new (job->expected, job->base, job->actual, error);

  if (comparison == NULL)
    return FALSE;

  job->verdicts = demo_verdicts_new (comparison);

  return TRUE;
}

void
demo_window_start_compare (DemoWindow *self)
{
  CompareJob *job;

  if (self->expected == NULL || self->run == NULL || hash_run_get_running (self->run))
    return;

  remove_compared (self);
  job = compare_job_new (self, self->expected_base);
  job->expected = hash_sums_ref (self->expected);
  job->actual = hash_sums_new_from_run (self->run);

  g_clear_object (&self->comparing);
  self->comparing = compare_job_submit (job, compare_task, compared_cb);
  compare_job_release (job);
}

static void
loaded_cb (CfutFuture *future,
           gpointer    user_data)
{
  CompareJob *job = user_data;
  DemoWindow *self = job->window;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL, *label = NULL;

  if (future != self->loading)
    return;

  g_clear_object (&self->loading);
  if (cfut_future_get_state (future) != CFUT_STATE_RESOLVED)
    {
      if ((error = cfut_future_dup_error (future)) != NULL)
        demo_window_toast (self, error->message);
      return;
    }

  demo_window_clear_expected (self);
  self->expected = g_steal_pointer (&job->expected);
  self->expected_base = g_steal_pointer (&job->base);

  /* What is to be compared has to be made the same way. */
  if (!self->running)
    gtk_drop_down_set_selected (self->algorithm_drop_down,
                                hash_sums_get_algorithm (self->expected));

  name = g_path_get_basename (job->filename);
  label = hash_path_to_display (name);
  gtk_label_set_label (self->compare_label, label);
  gtk_widget_set_visible (self->compare_box, TRUE);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.compare-clear", TRUE);

  if (job->n_bad_lines > 0)
    {
      g_autofree char *text = NULL;

      text = g_strdup_printf (ngettext ("%u line of the sums file is not a sum",
                                        "%u lines of the sums file are not sums", job->n_bad_lines),
                              (guint) job->n_bad_lines);
      demo_window_toast (self, text);
    }

  demo_window_start_compare (self);
}

static gboolean
load_task (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  CompareJob *job = user_data;

  job->expected = hash_sums_load (job->filename, &job->n_bad_lines, error);

  return job->expected != NULL;
}

void
demo_window_load_expected (DemoWindow *self,
                           const char *filename,
                           const char *base)
{
  CompareJob *job = compare_job_new (self, base);

  job->filename = g_strdup (filename);
  g_clear_object (&self->loading);
  self->loading = compare_job_submit (job, load_task, loaded_cb);
  compare_job_release (job);
}

void
demo_window_clear_expected (DemoWindow *self)
{
  g_clear_object (&self->comparing);
  g_clear_pointer (&self->expected, hash_sums_unref);
  g_clear_pointer (&self->expected_base, g_free);
  remove_compared (self);

  gtk_widget_set_visible (self->compare_box, FALSE);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.compare-clear", FALSE);
}
