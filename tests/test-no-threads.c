/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Where no thread can be made, and then can: what was queued is rejected, or waits for the threads
 * that there are; nothing hangs, and nothing that was left behind confuses the pool later.
 * Guarantees 1, 6, 7. */

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-util.h"

static void
limit_threads (rlim_t n)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_NPROC, &limit), ==, 0);
  limit.rlim_cur = n == RLIM_INFINITY ? limit.rlim_max : n;
  g_assert_cmpint (setrlimit (RLIMIT_NPROC, &limit), ==, 0);
}

/* Root may always make threads, so root becomes nobody. */
static gboolean
become_limited (void)
{
  if (getuid () == 0)
    {
      if (setgid (65534) != 0 || setuid (65534) != 0)
        return FALSE;
      prctl (PR_SET_DUMPABLE, 1, 0, 0, 0);
    }
  limit_threads (1);
  return TRUE;
}

static void *
end_at_once (void *data)
{
  return NULL;
}

/* Whether the limit works here, tried in a process that does nothing else. */
static gboolean
threads_can_be_limited (void)
{
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      pthread_t thread;

      _exit (become_limited () && pthread_create (&thread, NULL, end_at_once, NULL) != 0 ? 0 : 1);
    }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

/* Runs the test's own body in a process whose threads can be limited. */
static void
run_limited (void (*func) (void))
{
  if (g_test_subprocess ())
    {
      func ();
      return;
    }

  if (!threads_can_be_limited ())
    {
      g_test_skip ("the number of threads cannot be limited here");
      return;
    }

  g_test_trap_subprocess (NULL, TEST_DEADLINE_USEC, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

static void
submit_without_threads (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutExecutor) fresh = NULL;
  g_autoptr (CfutFuture) again = NULL;
  g_autoptr (CfutFuture) in_fresh = NULL;
  CfutFuture *futures[20];
  TestPlace destroyed = { 0 };
  TestPlace called = { 0 };

  g_assert_true (become_limited ());
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      futures[i] = cfut_executor_submit (executor, test_task_nothing, &destroyed, test_place_note);
      cfut_future_add_done_callback (futures[i], CFUT_CALLBACK_DEFAULT, test_place_callback,
                                     &called, NULL);
    }
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      /* Nobody can have run it. */
      test_assert_fails (futures[i], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                         CFUT_FUTURE_ERROR_BROKEN);
      g_object_unref (futures[i]);
    }
  test_iterate_until (NULL, test_place_get_n (&called) == G_N_ELEMENTS (futures) &&
                            test_place_get_n (&destroyed) == G_N_ELEMENTS (futures));
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures));

  /* Threads can be made again: so they are, by this executor and by another. */
  limit_threads (RLIM_INFINITY);
  again = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  test_assert_settles (again, CFUT_STATE_RESOLVED);
  fresh = cfut_thread_executor_new (2);
  in_fresh = cfut_executor_submit (fresh, test_task_nothing, NULL, NULL);
  test_assert_settles (in_fresh, CFUT_STATE_RESOLVED);
  test_assert_ends (executor);
  test_assert_ends (fresh);
}

/* Guarantee 1: futures of an executor that can make no thread are rejected with BROKEN; none
 * hangs. */
static void
test_no_threads_at_all (void)
{
  run_limited (submit_without_threads);
}

#define N_MET 3

static void
submit_behind_one_thread (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (N_MET + 1);
  g_autoptr (CfutFuture) blocker = NULL;
  CfutFuture *futures[N_MET];
  TestGate gate;
  TestGate meeting;

  test_gate_init (&gate);
  test_gate_init (&meeting);
  blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);

  /* All but the last find no thread, and are not given up, as there is one. */
  g_assert_true (become_limited ());
  for (guint i = 0; i + 1 < N_MET; i++)
    {
      futures[i] = cfut_executor_submit (executor, test_task_pass, &meeting, NULL);
      g_assert_false (cfut_future_is_settled (futures[i]));
    }
  limit_threads (RLIM_INFINITY);
  futures[N_MET - 1] = cfut_executor_submit (executor, test_task_pass, &meeting, NULL);

  /* There is a thread for each of them. */
  test_gate_wait_arrived (&meeting, N_MET);
  g_assert_cmpuint (cfut_thread_executor_get_n_threads (CFUT_THREAD_EXECUTOR (executor)), ==,
                    N_MET + 1);
  test_gate_open (&meeting);
  test_gate_open (&gate);
  for (guint i = 0; i < N_MET; i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  test_assert_settles (blocker, CFUT_STATE_RESOLVED);
  test_assert_ends (executor);
  test_gate_clear (&meeting);
  test_gate_clear (&gate);
}

/* Guarantee 1: what finds no thread waits for the threads that there are. When threads can be made
 * again, there are as many as there may be, whatever was left in GLib's queue, and in the end
 * none. */
static void
test_no_threads_beside_one (void)
{
  run_limited (submit_behind_one_thread);
}

static guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
submit_again_and_again (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestPlace destroyed = { 0 };
  guint n_threads = count_threads ();

  cfut_thread_executor_set_idle_timeout_usec (CFUT_THREAD_EXECUTOR (executor), 0);
  g_thread_pool_set_max_unused_threads (0);
  g_assert_true (become_limited ());
  for (guint i = 1; i <= 4; i++)
    {
      g_autoptr (CfutFuture) without = NULL;
      g_autoptr (CfutFuture) with = NULL;

      limit_threads (1);
      test_poll_until (count_threads () == n_threads);
      without = cfut_executor_submit (executor, test_task_nothing, &destroyed, test_place_note);
      test_assert_fails (without, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
      limit_threads (RLIM_INFINITY);
      with = cfut_executor_submit (executor, test_task_nothing, &destroyed, test_place_note);
      test_assert_settles (with, CFUT_STATE_RESOLVED);
      test_iterate_until (NULL, test_place_get_n (&destroyed) == 2 * (int) i);
    }
  test_assert_ends (executor);
}

/* The same several times over, for an executor of one thread that goes at once. */
static void
test_no_threads_now_and_then (void)
{
  run_limited (submit_again_and_again);
}

static void
submit_with_deadlines (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) runs = cfut_request_new ();
  g_autoptr (CfutRequest) waits = cfut_request_new ();
  CfutFuture *futures[2];
  TestPlace destroyed = { 0 };
  int n_ran = 0;

  cfut_thread_executor_set_idle_timeout_usec (CFUT_THREAD_EXECUTOR (executor), -1);
  cfut_request_set_run_deadline_usec (runs, 3600 * (gint64) G_USEC_PER_SEC);
  cfut_request_set_queue_deadline_usec (waits, 3600 * (gint64) G_USEC_PER_SEC);
  futures[0] = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  test_assert_settles (futures[0], CFUT_STATE_RESOLVED);
  g_object_unref (futures[0]);

  /* The worker is there; the thread for timers cannot be made. */
  g_assert_true (become_limited ());
  for (guint with_thread = 0; with_thread < 2; with_thread++)
    {
      /* What is started before its timer is armed needs none any more. */
      cfut_executor_pause (executor);
      futures[0] = cfut_executor_submit_full (executor, runs, test_task_count, &n_ran, NULL);
      futures[1] = cfut_executor_submit_full (executor, waits, test_task_nothing, &destroyed,
                                              test_place_note);
      cfut_executor_resume (executor);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          if (with_thread)
            test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
          else
            test_assert_fails (futures[i], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                               CFUT_FUTURE_ERROR_BROKEN);
          g_object_unref (futures[i]);
        }
      g_assert_cmpint (g_atomic_int_get (&n_ran), ==, with_thread);
      test_iterate_until (NULL, test_place_get_n (&destroyed) == (int) with_thread + 1);
      limit_threads (RLIM_INFINITY);
    }

  test_assert_ends (executor);
}

/* Guarantee 7: a deadline that no thread can watch is an error, and the function is not called;
 * later it is. */
static void
test_no_threads_for_deadlines (void)
{
  run_limited (submit_with_deadlines);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/no-threads/" name, test_no_threads_##func)
  add ("1-at-all", at_all);
  add ("1-beside-one", beside_one);
  add ("1-now-and-then", now_and_then);
  add ("7-for-deadlines", for_deadlines);
#undef add

  return g_test_run ();
}
