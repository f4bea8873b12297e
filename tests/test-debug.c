/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What CFUT_DEBUG shows: traces, the futures that are alive, and a wait that holds up a loop. */

#include <string.h>

#include "test-util.h"

/* Runs this test again as another process, with CFUT_DEBUG set so, as the library reads it once. */
static void
run_with (const char *debug)
{
  g_setenv ("CFUT_DEBUG", debug, TRUE);
  g_test_trap_subprocess (NULL, TEST_DEADLINE_USEC, 0);
  g_unsetenv ("CFUT_DEBUG");
  g_test_trap_assert_passed ();
}

/* A future that goes through its states, and is dropped, on this thread alone. */
static void
live_and_die (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = g_object_ref (cfut_promise_get_future (promise));

  cfut_future_set_name (future, "traced");
  g_assert_true (cfut_promise_set_running (promise));
  g_assert_true (cfut_promise_resolve (promise, NULL));
  g_clear_object (&promise);
  test_drop_and_await (future);
}

/* CFUT_DEBUG=futures: made, finalised, and how many are left at the end; nothing of the other keys. */
static void
test_trace_of_futures (void)
{
  if (g_test_subprocess ())
    {
      live_and_die ();
      return;
    }

  run_with ("futures");
  g_test_trap_assert_stderr ("*cfut futures * made: a CfutPromiseFuture*cfut futures * finalised, resolved*"
                             "at exit 0 futures are alive*");
  g_test_trap_assert_stderr_unmatched ("*cfut states *");
  g_test_trap_assert_stderr_unmatched ("*cfut delivery *");
}

/* CFUT_DEBUG=states: each transition once, with the name, also of cancelled and rejected ones. */
static void
test_trace_of_states (void)
{
  if (g_test_subprocess ())
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();

      live_and_die ();
      g_assert_true (cfut_future_cancel (cfut_promise_get_future (promise)));
      g_object_unref (test_rejected_future ("bad luck"));
      return;
    }

  run_with ("states");
  g_test_trap_assert_stderr ("*cfut states * running after * ms: \"traced\"\n"
                             "cfut states * resolved after * ms: \"traced\"\n"
                             "*cancelled after * ms: a CfutPromiseFuture\n"
                             "*rejected after * ms: \"bad luck\"\n*");
  g_test_trap_assert_stderr_unmatched ("*resolved*resolved*");
  g_test_trap_assert_stderr_unmatched ("*cfut futures *");
}

/* With tasks, whose last reference is dropped by the delivery, tracing keeps nothing alive and lets nothing go
 * on a worker: the destroy notify comes here. */
static void
test_trace_of_states_of_tasks (void)
{
  if (g_test_subprocess ())
    {
      CfutExecutor *executor = cfut_thread_executor_new (2);
      TestPlace place = { NULL, };

      for (guint i = 0; i < 100; i++)
        g_object_unref (cfut_executor_submit (executor,
                                              i % 2 == 0 ? test_task_nothing : test_task_fail,
                                              &place, test_place_note));
      test_iterate_until (NULL, test_place_get_n (&place) == 100);
      test_place_assert_here (&place, 100);
      g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL));
      test_iterate_until (NULL, cfut_debug_get_n_futures () == 0);
      g_object_unref (executor);
      return;
    }

  run_with ("futures,states");
  g_test_trap_assert_stderr ("*[cfut-*] * running after * ms: a CfutTask of function *");
  g_test_trap_assert_stderr ("*at exit 0 futures are alive*");
}

/* CFUT_DEBUG=delivery: the owner, the slice with its one item, the end of a context. */
static void
test_trace_of_delivery (void)
{
  if (g_test_subprocess ())
    {
      GMainContext *context = g_main_context_new ();

      live_and_die ();
      g_main_context_push_thread_default (context);
      live_and_die ();
      g_main_context_pop_thread_default (context);
      g_main_context_unref (context);
      return;
    }

  run_with ("delivery");
  g_test_trap_assert_stderr ("*cfut delivery * owner * context *slice of context *: 1 items in * us*");
  g_test_trap_assert_stderr ("*cfut delivery * context * is gone*");
}

/* Without the variable nothing is written and nothing is kept; `help` lists the keys. */
static void
test_trace_of_nothing (void)
{
  if (g_test_subprocess ())
    {
      g_autofree char *dump = cfut_debug_dump_futures ();
      g_autoptr (CfutPromise) promise = cfut_promise_new ();

      live_and_die ();
      g_assert_cmpuint (cfut_debug_get_n_futures (), ==, 0);
      g_assert_nonnull (strstr (dump, "CFUT_DEBUG=futures"));
      return;
    }

  g_test_trap_subprocess (NULL, TEST_DEADLINE_USEC, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("");
  run_with ("help");
  g_test_trap_assert_stderr ("*futures*states*delivery*pools*all*");
}

static gboolean
work_half (CfutTask  *task,
           gpointer   gate,
           GError   **error)
{
  cfut_task_set_progress (task, 5, 10);
  test_gate_pass (gate);
  return TRUE;
}

/* The dump has a line for each live future that tells what it is at. */
static void
test_dump_lists_live_futures (void)
{
  if (g_test_subprocess ())
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (CfutFuture) running = NULL;
      g_autoptr (CfutFuture) pending = NULL;
      g_autofree char *dump = NULL;
      TestPlace place = { NULL, };
      TestGate gate;

      test_gate_init (&gate);
      running = cfut_executor_submit (executor, work_half, &gate, NULL);
      cfut_future_set_name (running, "half");
      cfut_group_add (group, running);
      test_gate_wait_arrived (&gate, 1);
      pending = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      cfut_future_set_name (pending, "waiting");
      cfut_future_add_done_callback (pending, 0, test_place_callback, &place, NULL);

      g_assert_cmpuint (cfut_debug_get_n_futures (), ==, 2);
      dump = cfut_debug_dump_futures ();
      g_printerr ("%s", dump);
      test_gate_open (&gate);
      test_iterate_until (NULL, test_place_get_n (&place) == 1);
      test_gate_clear (&gate);
      return;
    }

  run_with ("futures");
  g_test_trap_assert_stderr ("*\n2 futures are alive\n"
                             "*number*state*age*progress*links*waits*calls*worker*what\n"
                             "* 1  running * s  5/10 * 1      0      0  cfut-*  \"half\"\n"
                             "* 2  pending * s  -    * 0      0      1  -  *  \"waiting\"\n*");
}

static CfutPromise * volatile left_over;

/* What is alive at the end of the program is listed. */
static void
test_dump_at_exit (void)
{
  if (g_test_subprocess ())
    {
      CfutPromise *promise = cfut_promise_new ();

      cfut_future_set_name (cfut_promise_get_future (promise), "forgotten");
      /* Kept in sight of who looks for leaks. */
      left_over = promise;
      return;
    }

  run_with ("futures");
  g_test_trap_assert_stderr ("*cfut futures *at exit 1 futures are alive*pending*\"forgotten\"*");
}

static gboolean
wait_in_vain (gpointer future)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (cfut_future_wait (future, 150 * 1000, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  return G_SOURCE_REMOVE;
}

static void
wait_in_loop (const char *name,
              guint       n)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  cfut_future_set_name (cfut_promise_get_future (promise), name);
  for (guint i = 0; i < n; i++)
    {
      g_idle_add (wait_in_vain, cfut_promise_get_future (promise));
      test_iterate_ready (NULL);
    }
  cfut_promise_resolve (promise, NULL);
}

/* With any key, a wait in a dispatch of the default main context that lasts is warned of, once for each future; a
 * wait outside of any loop is not, as it holds up nobody. */
static void
test_warning_of_wait_in_loop (void)
{
  if (g_test_subprocess ())
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();

      g_log_set_always_fatal (G_LOG_FATAL_MASK);
      wait_in_loop ("slow one", 2);
      wait_in_loop ("slow other", 1);
      cfut_future_set_name (cfut_promise_get_future (promise), "harmless");
      wait_in_vain (cfut_promise_get_future (promise));
      return;
    }

  run_with ("pools");
  g_test_trap_assert_stderr ("*WARNING*held by a blocking wait for \"slow one\"*WARNING*\"slow other\"*");
  g_test_trap_assert_stderr_unmatched ("*\"slow one\"*\"slow one\"*");
  g_test_trap_assert_stderr_unmatched ("*harmless*");

  g_test_trap_subprocess (NULL, TEST_DEADLINE_USEC, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr_unmatched ("*WARNING*");
}

int
main (int   argc,
      char *argv[])
{
  /* Each test that wants it sets it for a process of its own. */
  g_unsetenv ("CFUT_DEBUG");
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/debug/trace-of-futures", test_trace_of_futures);
  g_test_add_func ("/cfut/debug/trace-of-states", test_trace_of_states);
  g_test_add_func ("/cfut/debug/trace-of-states-of-tasks", test_trace_of_states_of_tasks);
  g_test_add_func ("/cfut/debug/trace-of-delivery", test_trace_of_delivery);
  g_test_add_func ("/cfut/debug/trace-of-nothing", test_trace_of_nothing);
  g_test_add_func ("/cfut/debug/dump-lists-live-futures", test_dump_lists_live_futures);
  g_test_add_func ("/cfut/debug/dump-at-exit", test_dump_at_exit);
  g_test_add_func ("/cfut/debug/warning-of-wait-in-loop", test_warning_of_wait_in_loop);

  return g_test_run ();
}
