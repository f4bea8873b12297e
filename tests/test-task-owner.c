/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutTask: guarantee 2: user data goes where it came from, and a task's own submissions inherit its
 * owner. */

#include "test-executor-util.h"

static const Kind one_worker = { .n_workers = 1 };

/* Guarantee 2: user data is destroyed once, on the thread and context of the submission, after the
 * function returned, whatever came of it. */
typedef struct {
  TestPlace destroyed;
  TestGate gate;
  gboolean fail;
  gboolean returned;
} Cargo;

static void
cargo_destroyed (gpointer data)
{
  Cargo *cargo = data;

  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  test_place_note (&cargo->destroyed);
}

static gboolean
carry (CfutTask  *task,
       gpointer   data,
       GError   **error)
{
  Cargo *cargo = data;

  g_assert_cmpint (test_place_get_n (&cargo->destroyed), ==, 0);
  test_gate_pass (&cargo->gate);
  cargo->returned = TRUE;
  return cargo->fail ? test_task_fail (task, NULL, error) : cfut_task_checkpoint (task, error);
}

static void
test_task_user_data_goes_home (Fixture       *fixture,
                               gconstpointer  data)
{
  enum { RESOLVED, REJECTED, CANCELLED_RUNNING, CANCELLED_QUEUED, DROPPED, N_CASES } i;

  for (i = RESOLVED; i < N_CASES; i++)
    {
      Cargo cargo = { .fail = i == REJECTED };
      TestGate blocked;
      CfutFuture *blocker;
      CfutFuture *future;

      test_gate_init (&cargo.gate);
      test_gate_init (&blocked);
      blocker = submit (fixture, test_task_pass, &blocked);
      test_gate_wait_arrived (&blocked, 1);

      future = cfut_executor_submit (fixture->executor, carry, &cargo, cargo_destroyed);
      if (i == CANCELLED_QUEUED)
        g_assert_true (cfut_future_cancel (future));
      else
        g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
      if (i == DROPPED)
        g_object_unref (future);

      test_gate_open (&blocked);
      if (i != CANCELLED_QUEUED)
        {
          test_gate_wait_arrived (&cargo.gate, 1);
          if (i == CANCELLED_RUNNING)
            g_assert_false (cfut_future_cancel (future));
          test_iterate_ready (NULL);
          g_assert_cmpint (test_place_get_n (&cargo.destroyed), ==, 0);
          test_gate_open (&cargo.gate);
        }

      test_iterate_until (NULL, test_place_get_n (&cargo.destroyed) > 0);
      test_iterate_ready (NULL);
      test_place_assert_here (&cargo.destroyed, 1);
      g_assert_true (cargo.destroyed.context == g_main_context_default ());
      g_assert_cmpint (cargo.returned, ==, i != CANCELLED_QUEUED);

      if (i != DROPPED)
        g_object_unref (future);
      test_assert_settles (blocker, CFUT_STATE_RESOLVED);
      g_object_unref (blocker);
      test_gate_clear (&blocked);
      test_gate_clear (&cargo.gate);
    }
}

/* It goes before the future does: a submitter that keeps futures keeps no user data. */
static void
test_task_user_data_goes_before_the_future (Fixture       *fixture,
                                            gconstpointer  data)
{
  TestPlace destroyed = { 0 };
  g_autoptr (CfutFuture) future = NULL;

  future = cfut_executor_submit (fixture->executor, test_task_nothing, &destroyed,
                                 test_place_note);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 1);
  test_place_assert_here (&destroyed, 1);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RESOLVED);
}

typedef struct {
  CfutExecutor *executor;
  CfutFuture *inner;   /* made by the task; dropped by the submitter */
  TestPlace inner_done;
  TestPlace inner_destroyed;
  TestPlace promise_done;
  CfutPromise *promise;
} Nest;

static gboolean
submit_inside (CfutTask  *task,
               gpointer   data,
               GError   **error)
{
  Nest *nest = data;

  nest->inner = cfut_executor_submit (nest->executor, test_task_nothing, &nest->inner_destroyed,
                                      test_place_note);
  cfut_future_add_done_callback (nest->inner, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                 &nest->inner_done, NULL);
  nest->promise = cfut_promise_new ();
  cfut_future_add_done_callback (cfut_promise_get_future (nest->promise), CFUT_CALLBACK_DEFAULT,
                                 test_place_callback, &nest->promise_done, NULL);
  cfut_promise_resolve (nest->promise, NULL);
  return TRUE;
}

static void
submit_outer (gpointer data)
{
  Nest *nest = data;
  g_autoptr (CfutFuture) outer = cfut_executor_submit (nest->executor, submit_inside, nest, NULL);

  g_assert_nonnull (outer);
}

/* Guarantee 2: what a task submits belongs to the task's owner, not to the worker: so too
 * the promises that it makes. */
static void
test_task_submissions_inherit_the_owner (Fixture       *fixture,
                                         gconstpointer  data)
{
  TestLoopThread *other = test_loop_thread_new ();

  for (guint i = 0; i < 2; i++)
    {
      Nest nest = { .executor = fixture->executor };
      GThread *owner = i == 0 ? g_thread_self () : test_loop_thread_get_thread (other);
      GMainContext *context = i == 0 ? g_main_context_default ()
                                     : test_loop_thread_get_context (other);

      if (i == 0)
        submit_outer (&nest);
      else
        test_loop_thread_call (other, submit_outer, &nest);

      test_iterate_until (NULL, test_place_get_n (&nest.inner_done) == 1 &&
                                test_place_get_n (&nest.inner_destroyed) == 1 &&
                                test_place_get_n (&nest.promise_done) == 1);
      g_assert_true (nest.inner_done.thread == owner);
      g_assert_true (nest.inner_done.context == context);
      g_assert_true (nest.inner_destroyed.thread == owner);
      g_assert_true (nest.inner_destroyed.context == context);
      g_assert_true (nest.promise_done.thread == owner);
      g_assert_true (nest.promise_done.context == context);
      g_object_unref (nest.inner);
      g_object_unref (nest.promise);
    }

  test_loop_thread_free (other);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) \
  g_test_add ("/cfut/task/" name, Fixture, &one_worker, fixture_set_up, test_task_##func, \
              fixture_tear_down)
  add ("2-user-data-goes-home", user_data_goes_home);
  add ("2-user-data-goes-before-the-future", user_data_goes_before_the_future);
  add ("2-submissions-inherit-the-owner", submissions_inherit_the_owner);
#undef add

  return g_test_run ();
}
