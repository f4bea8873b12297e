/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* An executor that has nothing to do costs nothing: nobody looks at the clock, or at a queue, now and then.
 * Linux counts how often each thread went to sleep; who never wakes up never goes to sleep again. */

#include "test-util.h"

#include <string.h>

#define SETTLE_USEC G_USEC_PER_SEC
#define IDLE_SECONDS 5

/* How often a thread has gone to sleep; -1: the system does not say. */
static gint64
count_sleeps_of (const char *thread)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/status", thread);
  g_autofree char *text = NULL;
  const char *found;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return -1;

  found = strstr (text, "\nvoluntary_ctxt_switches:");
  return found != NULL ? g_ascii_strtoll (strchr (found, ':') + 1, NULL, 10) : -1;
}

/* How often each thread has gone to sleep, by its number; without those in @but. */
static GHashTable *
count_sleeps (GHashTable *but)
{
  g_autoptr (GDir) threads = g_dir_open ("/proc/self/task", 0, NULL);
  g_autoptr (GHashTable) sleeps = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  const char *thread;

  while (threads != NULL && (thread = g_dir_read_name (threads)) != NULL)
    {
      gint64 n = count_sleeps_of (thread);

      if (n >= 0 && (but == NULL || !g_hash_table_contains (but, thread)))
        g_hash_table_insert (sleeps, g_strdup (thread),
                             g_strdup_printf ("%" G_GINT64_FORMAT, n));
    }

  return g_steal_pointer (&sleeps);
}

static void
assert_same (GHashTable *before,
             GHashTable *after)
{
  GHashTableIter iter;
  gpointer thread;
  gpointer sleeps;

  g_assert_cmpuint (g_hash_table_size (after), ==, g_hash_table_size (before));
  g_hash_table_iter_init (&iter, after);
  while (g_hash_table_iter_next (&iter, &thread, &sleeps))
    {
      g_test_message ("thread %s: %s, then %s", (char *) thread,
                      (char *) g_hash_table_lookup (before, thread), (char *) sleeps);
      g_assert_cmpstr (g_hash_table_lookup (before, thread), ==, sleeps);
    }
}

static gboolean
on_timeout (gpointer is_over)
{
  *(gboolean *) is_over = TRUE;
  return G_SOURCE_REMOVE;
}

/* Runs the default context for so long, and returns how often it woke up. */
static int
run_loop (guint usec)
{
  gboolean is_over = FALSE;
  int n_woken = 0;

  g_timeout_add_full (G_PRIORITY_LOW, usec / 1000, on_timeout, &is_over, NULL);
  for (; !is_over; n_woken++)
    g_main_context_iteration (NULL, TRUE);

  return n_woken;
}

/* From one second after its last task no worker wakes up for five seconds, and neither does the main loop
 * that its futures belong to. */
static void
test_idle_wakes_nobody (void)
{
  g_autoptr (GHashTable) others = count_sleeps (NULL);
  g_autoptr (GHashTable) before = NULL;
  g_autoptr (GHashTable) after = NULL;
  CfutExecutor *executor = cfut_thread_executor_new (4);
  TestPlace place = { 0, };

#ifdef __SANITIZE_THREAD__
  g_test_skip ("ThreadSanitizer has a thread of its own, which wakes up ten times a second");
  g_object_unref (executor);
  return;
#endif

  if (g_hash_table_size (others) == 0)
    {
      g_test_skip ("The system does not say how often threads sleep");
      g_object_unref (executor);
      return;
    }

  for (int i = 0; i < 1000; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);

      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &place, NULL);
    }
  test_iterate_until (NULL, test_place_get_n (&place) == 1000);

  run_loop (SETTLE_USEC);
  before = count_sleeps (others);
  g_assert_cmpuint (g_hash_table_size (before), >, 0);
  g_assert_cmpint (run_loop (IDLE_SECONDS * G_USEC_PER_SEC), <=, 2);
  after = count_sleeps (others);
  assert_same (before, after);

  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL));
  g_object_unref (executor);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/idle/wakes-nobody", test_idle_wakes_nobody);

  return g_test_run ();
}
