/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the window says of a run, in words.
 *
 * Everything here is a whole translatable phrase; phrases are joined by a translatable separator
 * and by nothing else, as languages differ in order and in how many plurals they have.
 *
 * Threads: that of the run.
 */

#include "window-status.h"

#include <glib/gi18n.h>

#include "hash-format.h"

#define MAX_PATHS_SHOWN 4

/* Takes the strings. */
static char *
join (char *strings[],
      guint n_strings)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < n_strings; i++)
    {
      if (text->len > 0)
        /* Translators: stands between two short facts: "3 files · 2 failed" */
        g_string_append (text, _(" · "));
      g_string_append (text, strings[i]);
      g_free (strings[i]);
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
format_remaining (gint64 usec)
{
  guint64 seconds = (usec + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
  guint64 minutes = (seconds + 30) / 60;
  guint64 hours = (minutes + 30) / 60;

  if (seconds < 60)
    return g_strdup_printf (ngettext ("about %u second left", "about %u seconds left", seconds),
                            (guint) seconds);
  if (minutes < 60)
    return g_strdup_printf (ngettext ("about %u minute left", "about %u minutes left", minutes),
                            (guint) minutes);

  return g_strdup_printf (ngettext ("about %u hour left", "about %u hours left", hours),
                          (guint) hours);
}

static char *
format_elapsed (gint64 usec)
{
  double seconds = usec / (double) G_USEC_PER_SEC;
  guint64 minutes = seconds / 60;

  if (minutes == 0)
    /* Translators: a number of seconds, with a fraction */
    return g_strdup_printf (_("in %.1f s"), seconds);

  /* Translators: minutes and seconds that a run took */
  return g_strdup_printf (_("in %u min %u s"), (guint) minutes, (guint) (seconds - minutes * 60.0));
}

static char *
format_n_failed (guint64 n_failed)
{
  g_autofree char *count = hash_format_count (n_failed);

  return g_strdup_printf (ngettext ("%s failed", "%s failed", n_failed), count);
}

char *
demo_status_format_paths (const char * const *paths)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint n_paths = g_strv_length ((char **) paths);
  guint n_shown = n_paths > MAX_PATHS_SHOWN ? MAX_PATHS_SHOWN - 1 : n_paths;

  for (guint i = 0; i < n_shown; i++)
    {
      /* "." says nothing to a person. */
      g_autofree char *absolute = g_canonicalize_filename (paths[i], NULL);
      g_autofree char *path = hash_path_to_display (absolute);

      g_string_append_printf (text, i == 0 ? "%s" : "\n%s", path);
    }

  if (n_shown < n_paths)
    {
      g_string_append_c (text, '\n');
      g_string_append_printf (text, ngettext ("and %u more", "and %u more", n_paths - n_shown),
                              n_paths - n_shown);
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* "12 of 345 files · 2 failed" */
char *
demo_status_format_run (HashRun *run)
{
  CfutGroup *group = hash_run_get_group (run);
  guint64 n_failed = cfut_group_get_n_failed (group);
  guint64 n_summed = cfut_group_get_n_done (group) - n_failed - cfut_group_get_n_cancelled (group);
  guint64 n_all = g_list_model_get_n_items (G_LIST_MODEL (group));
  g_autofree char *summed = hash_format_count (n_summed);
  g_autofree char *all = hash_format_count (n_all);
  char *parts[3];
  guint n_parts = 0;

  if (hash_run_get_cancelled (run))
    parts[n_parts++] = g_strdup (_("Cancelled"));

  if (hash_run_get_scanning (run) && !hash_run_get_cancelled (run))
    parts[n_parts++] = g_strdup_printf (ngettext ("Looking for files: %s of %s hashed so far",
                                                  "Looking for files: %s of %s hashed so far",
                                                  n_all),
                                        summed, all);
  else if (hash_run_get_running (run) || n_summed != n_all)
    parts[n_parts++] = g_strdup_printf (ngettext ("%s of %s file hashed", "%s of %s files hashed",
                                                  n_all),
                                        summed, all);
  else
    parts[n_parts++] = g_strdup_printf (ngettext ("%s file hashed", "%s files hashed", n_all), all);

  if (n_failed > 0)
    parts[n_parts++] = format_n_failed (n_failed);

  return join (parts, n_parts);
}

static char *
format_end (HashRun *run)
{
  gint64 elapsed = hash_run_get_elapsed_usec (run);
  guint64 bytes = cfut_group_get_units_done (hash_run_get_group (run));
  guint workers = hash_run_get_workers (run);
  char *parts[5];
  guint n_parts = 0;

  if (!hash_run_get_cancelled (run))
    {
      bytes = hash_run_get_total_bytes (run);
      parts[n_parts++] = g_format_size (bytes);
    }
  parts[n_parts++] = format_elapsed (elapsed);
  if (elapsed > 0 && !hash_run_get_cancelled (run))
    parts[n_parts++] = hash_format_rate (bytes * (double) G_USEC_PER_SEC / elapsed);
  parts[n_parts++] = g_strdup (hash_algorithm_get_title (hash_run_get_algorithm (run)));
  parts[n_parts++] = g_strdup_printf (ngettext ("%u worker", "%u workers", workers), workers);

  return join (parts, n_parts);
}

/* "1.2 GB of 3.4 GB · 560 MB/s · about 4 seconds left" */
char *
demo_status_format_detail (HashRun *run)
{
  CfutGroup *group = hash_run_get_group (run);
  double rate = cfut_group_get_rate (group);
  gint64 remaining = cfut_group_get_remaining_usec (group);
  g_autofree char *done = NULL, *total = NULL;
  char *parts[3];
  guint n_parts = 0;

  if (!hash_run_get_running (run) || hash_run_get_cancelled (run))
    return format_end (run);

  done = g_format_size (cfut_group_get_units_done (group));
  total = g_format_size (hash_run_get_total_bytes (run));

  /* Translators: both are sizes, as "1.2 GB of 3.4 GB" */
  parts[n_parts++] = g_strdup_printf (_("%s of %s"), done, total);
  if (rate > 0)
    parts[n_parts++] = hash_format_rate (rate);
  if (remaining >= 0 && !hash_run_get_scanning (run))
    parts[n_parts++] = format_remaining (remaining);

  return join (parts, n_parts);
}

char *
demo_status_format_comparison (HashComparison *comparison,
                               guint           n_missing)
{
  guint64 n_same = hash_comparison_get_count (comparison, HASH_MATCH_SAME);
  guint64 n_different = hash_comparison_get_count (comparison, HASH_MATCH_DIFFERENT);
  guint64 n_extra = hash_comparison_get_count (comparison, HASH_MATCH_EXTRA);
  g_autofree char *same = hash_format_count (n_same);
  g_autofree char *different = hash_format_count (n_different);
  g_autofree char *missing = hash_format_count (n_missing);
  g_autofree char *extra = hash_format_count (n_extra);
  char *parts[4];
  guint n_parts = 0;

  parts[n_parts++] = g_strdup_printf (ngettext ("%s matches", "%s match", n_same), same);
  parts[n_parts++] = g_strdup_printf (ngettext ("%s differs", "%s differ", n_different), different);
  if (n_missing > 0)
    parts[n_parts++] = g_strdup_printf (ngettext ("%s is missing", "%s are missing", n_missing),
                                        missing);
  if (n_extra > 0)
    parts[n_parts++] = g_strdup_printf (ngettext ("%s is not listed", "%s are not listed", n_extra),
                                        extra);

  return join (parts, n_parts);
}

char *
demo_status_format_problems (guint n_problems)
{
  g_autofree char *count = hash_format_count (n_problems);

  return g_strdup_printf (ngettext ("%s _Problem", "%s _Problems", n_problems), count);
}
