/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * How many threads: what the default is, and that a pool makes them only when there is work for them. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
do_nothing (CfutTask  *task,
            gpointer   user_data,
            GError   **error)
{
  return TRUE;
}

int
main (void)
{
  /* 0 stands for the processors and four more, 32 at most: right for most programs, which have one such pool. */
  g_autoptr (CfutExecutor) ordinary = cfut_thread_executor_new (0);

  /* Functions that mostly wait, for the network or for discs, need no processor while they do: many at once. */
  g_autoptr (CfutExecutor) waiting = cfut_thread_executor_new (64);

  /* Functions that only compute gain nothing from more threads than there are processors. */
  g_autoptr (CfutExecutor) computing = cfut_thread_executor_new (g_get_num_processors ());

  /* One thread runs one function after the other, in the order of their submission. */
  g_autoptr (CfutExecutor) serial = cfut_thread_executor_new (1);

  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  g_print ("by default: %s\n",
           cfut_executor_get_max_workers (ordinary) == MIN (32, g_get_num_processors () + 4)
             ? "processors and four"
             : "something else");
  g_print ("for waiting: %u\n", cfut_executor_get_max_workers (waiting));
  g_print ("for computing: %s\n",
           cfut_executor_get_max_workers (computing) == g_get_num_processors ()
             ? "as many as processors"
             : "something else");
  g_print ("one by one: %u\n", cfut_executor_get_max_workers (serial));

  /* The number is a limit: a pool without work has no threads, and costs next to nothing. */
  g_print ("threads before: %u\n", cfut_thread_executor_get_n_threads (CFUT_THREAD_EXECUTOR (waiting)));
  future = cfut_executor_submit (waiting, do_nothing, NULL, NULL);
  if (!cfut_future_wait (future, -1, NULL, &error))
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("threads after one task: %u\n",
           cfut_thread_executor_get_n_threads (CFUT_THREAD_EXECUTOR (waiting)));
  return EXIT_SUCCESS;
}
