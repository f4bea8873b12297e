/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A path on which a sums file and a run disagree.
 *
 * It is an item of a list model next to the futures that failed, and has no future of its own:
 * what is missing from a run was never submitted.
 *
 * Threads: the main one only.
 * Owns: copies of the entry's strings, as the comparison may go before the list does.
 */

#include "window-problem.h"

#include <glib/gi18n.h>

struct _DemoProblem {
  GObject parent_instance;

  HashMatch match;
  char *path;
  char *expected;
  char *actual;
};

G_DEFINE_TYPE (DemoProblem, demo_problem, G_TYPE_OBJECT)

static void
demo_problem_finalize (GObject *object)
{
  DemoProblem *self = DEMO_PROBLEM (object);

  g_free (self->path);
  g_free (self->expected);
  g_free (self->actual);

  G_OBJECT_CLASS (demo_problem_parent_class)->finalize (object);
}

static void
demo_problem_class_init (DemoProblemClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = demo_problem_finalize;
}

static void
demo_problem_init (DemoProblem *self)
{
}

DemoProblem *
demo_problem_new (const HashComparisonEntry *entry)
{
  DemoProblem *self = g_object_new (DEMO_TYPE_PROBLEM, NULL);

  self->match = entry->match;
  self->path = hash_path_to_display (entry->path);
  self->expected = g_strdup (entry->expected);
  self->actual = g_strdup (entry->actual);

  return self;
}

HashMatch
demo_problem_get_match (DemoProblem *self)
{
  return self->match;
}

const char *
demo_problem_get_path (DemoProblem *self)
{
  return self->path;
}

char *
demo_problem_dup_reason (DemoProblem *self)
{
  if (self->match == HASH_MATCH_MISSING)
    return g_strdup (_("Listed in the sums file, but not among these files"));

  /* Translators: both are checksums */
  return g_strdup_printf (_("Expected %s, found %s"), self->expected, self->actual);
}
