/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Data that worker processes share: counters that all of them add to, and a best result that each replaces by a
 * better one. The application has the data, sees them change, and keeps them when a worker dies. */

#include <cfut/cfut.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define N_PARTS 8
#define N_OF_PART 10000

/* How many steps it takes to come to 1: halve what is even, and make 3n + 1 of what is odd. */
static guint
count_steps (guint64 number)
{
  guint n_steps = 0;

  for (; number != 1; n_steps++)
    number = number % 2 == 0 ? number / 2 : 3 * number + 1;
  return n_steps;
}

/* Nobody can come in between: if the best is another one by now, it is looked at again. */
static gboolean
offer_best (CfutSharedDict  *shared,
            guint            n_steps,
            guint            number,
            GError         **error)
{
  for (;;)
    {
      g_autoptr (GError) problem = NULL;
      g_autoptr (GVariant) best = cfut_shared_dict_lookup (shared, "best", &problem);
      guint n_best = 0;

      if (best != NULL)
        g_variant_get (best, "(uu)", &n_best, NULL);
      if (problem == NULL &&
          (n_best >= n_steps || cfut_shared_dict_compare_and_set (
                                  shared, "best", best, g_variant_new ("(uu)", n_steps, number), &problem)))
        return TRUE;
      if (problem != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&problem));
          return FALSE;
        }
    }
}

static gboolean
search (CfutTask  *task,
        GVariant  *args,
        gpointer   worker,
        GError   **error)
{
  CfutSharedDict *shared = cfut_worker_get_shared (worker, "numbers");
  guint part = g_variant_get_uint32 (args);
  guint n_most = 0;
  guint number = 0;

  for (guint i = 1 + part * N_OF_PART; i <= (part + 1) * N_OF_PART; i++)
    {
      guint n_steps = count_steps (i);

      if (n_steps > n_most)
        {
          n_most = n_steps;
          number = i;
        }
      if (i % 100 == 0 && cfut_shared_dict_add (shared, "looked at", 100, error) == 0)
        return FALSE;
    }

  return offer_best (shared, n_most, number, error);
}

static gboolean
crash (CfutTask  *task,
       GVariant  *args,
       gpointer   worker,
       GError   **error)
{
  cfut_shared_dict_add (cfut_worker_get_shared (worker, "numbers"), "crashes", 1, NULL);
  kill (getpid (), SIGKILL);
  return TRUE;
}

static int
run_worker (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();

  cfut_worker_register (worker, "search", search, worker, NULL);
  cfut_worker_register (worker, "crash", crash, worker, NULL);
  return cfut_worker_run (worker, NULL);
}

static void
on_changed (CfutSharedDict *shared,
            const char     *key,
            gint64         *seen)
{
  /* Several changes may have become one: what counts is what the value is now. */
  if (g_str_equal (key, "looked at"))
    *seen = cfut_shared_dict_add (shared, key, 0, NULL);
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = NULL;
  g_autoptr (CfutSharedDict) shared = NULL;
  g_autoptr (CfutGroup) group = NULL;
  g_autoptr (CfutFuture) crashed = NULL;
  g_autoptr (GVariant) best = NULL;
  g_autoptr (GError) error = NULL;
  gint64 seen = 0;
  guint n_steps;
  guint number;

  if (cfut_worker_requested ())
    return run_worker ();

  executor = cfut_process_executor_new_self (2);
  shared = cfut_shared_dict_new ();
  g_signal_connect (shared, "changed", G_CALLBACK (on_changed), &seen);
  cfut_process_executor_share (CFUT_PROCESS_EXECUTOR (executor), "numbers", shared);

  group = cfut_group_new ();
  for (guint part = 0; part < N_PARTS; part++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "search", g_variant_new_uint32 (part));

      cfut_group_add (group, future);
    }
  crashed = cfut_executor_call (executor, NULL, "crash", NULL);

  cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, NULL);
  cfut_future_wait (crashed, -1, NULL, NULL);

  /* The signal comes from the main loop, and always once more after the last change. */
  while (seen < cfut_shared_dict_add (shared, "looked at", 0, NULL))
    g_main_context_iteration (NULL, TRUE);
  g_print ("looked at: %" G_GINT64_FORMAT "\n", seen);
  best = cfut_shared_dict_lookup (shared, "best", NULL);
  g_variant_get (best, "(uu)", &n_steps, &number);
  g_print ("most steps: %u, from %u\n", n_steps, number);

  error = cfut_future_dup_error (crashed);
  g_print ("a worker has died: %s; what it had counted is there: %" G_GINT64_FORMAT "\n",
           g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED) ? "yes" : "no",
           cfut_shared_dict_add (shared, "crashes", 0, NULL));

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  return EXIT_SUCCESS;
}
