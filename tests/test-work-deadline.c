/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Guarantee 7 where an executor that an application derives runs the function, on a thread that is
 * no worker of the library's: run deadlines, and deadlines in the queue of work that is held
 * back. */

#include "test-util.h"

/* Runs each work on a thread of its own. */
#define TEST_TYPE_SPAWNING_EXECUTOR (test_spawning_executor_get_type ())
G_DECLARE_FINAL_TYPE (TestSpawningExecutor, test_spawning_executor, TEST, SPAWNING_EXECUTOR,
                      CfutExecutor)

struct _TestSpawningExecutor {
  CfutExecutor parent_instance;
};

G_DEFINE_TYPE (TestSpawningExecutor, test_spawning_executor, CFUT_TYPE_EXECUTOR)

static gpointer
run_work (gpointer work)
{
  cfut_work_run (work);
  cfut_work_unref (work);
  return NULL;
}

static void
test_spawning_executor_execute (CfutExecutor *executor,
                                CfutWork     *work)
{
  g_thread_unref (g_thread_new ("work", run_work, work));
}

static void
test_spawning_executor_class_init (TestSpawningExecutorClass *klass)
{
  CFUT_EXECUTOR_CLASS (klass)->execute = test_spawning_executor_execute;
}

static void
test_spawning_executor_init (TestSpawningExecutor *self)
{
}

typedef struct {
  TestGate gate;
  TestPlace destroyed;
  gboolean was_asked;
  int n_ran;  /* atomic */
} Late;

static gboolean
late_run (CfutTask  *task,
          gpointer   data,
          GError   **error)
{
  Late *self = data;

  g_atomic_int_inc (&self->n_ran);
  test_gate_pass (&self->gate);
  self->was_asked = !cfut_task_checkpoint (task, error);
  return !self->was_asked;
}

static void
late_destroyed (gpointer data)
{
  test_place_note (&((Late *) data)->destroyed);
}

static CfutFuture *
submit_late (CfutExecutor *executor,
             gint64        run_deadline_usec,
             Late         *late)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();

  cfut_request_set_run_deadline_usec (request, run_deadline_usec);
  return cfut_executor_submit_full (executor, request, late_run, late, late_destroyed);
}

/* At its deadline the future is rejected and its function asked to stop. What that was given lives
 * until it has returned, though it takes much longer than a worker would be waited for; then it
 * goes, on the owner's context. */
static void
test_work_deadline_while_it_runs (void)
{
  static const gint64 extras[] = { 0, 150 * 1000 };

  for (guint i = 0; i < G_N_ELEMENTS (extras); i++)
    {
      g_autoptr (CfutExecutor) executor = g_object_new (TEST_TYPE_SPAWNING_EXECUTOR, NULL);
      g_autoptr (CfutFuture) future = NULL;
      Late late = { 0 };
      gint64 begun = g_get_monotonic_time ();

      test_gate_init (&late.gate);
      future = submit_late (executor, 5000, &late);
      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                         CFUT_FUTURE_ERROR_DEADLINE);
      g_assert_cmpint (g_get_monotonic_time (), >=, begun + 5000);
      test_gate_wait_arrived (&late.gate, 1);
      /* Longer than it takes to give up a thread. */
      while (g_get_monotonic_time () < begun + extras[i])
        g_main_context_iteration (NULL, FALSE);
      test_iterate_ready (NULL);
      g_assert_cmpint (test_place_get_n (&late.destroyed), ==, 0);

      test_gate_open (&late.gate);
      test_iterate_until (NULL, test_place_get_n (&late.destroyed) == 1);
      test_place_assert_here (&late.destroyed, 1);
      g_assert_true (late.was_asked);
      test_gate_clear (&late.gate);
    }
}

/* A deadline that is kept leaves nothing behind: the future goes when its last user does, not when
 * the deadline would have come. */
static void
test_work_deadline_is_kept (void)
{
  g_autoptr (CfutExecutor) executor = g_object_new (TEST_TYPE_SPAWNING_EXECUTOR, NULL);
  CfutFuture *future;
  Late late = { 0 };
  int n_gone = 0;

  test_gate_init (&late.gate);
  test_gate_open (&late.gate);
  future = submit_late (executor, 3600 * (gint64) G_USEC_PER_SEC, &late);
  test_watch_gone (future, &n_gone);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_assert_false (late.was_asked);
  g_object_unref (future);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 1);
  test_place_assert_here (&late.destroyed, 1);
  test_gate_clear (&late.gate);
}

/* A deadline of no time: the function is not called. */
static void
test_work_deadline_of_no_time (void)
{
  g_autoptr (CfutExecutor) executor = g_object_new (TEST_TYPE_SPAWNING_EXECUTOR, NULL);
  g_autoptr (CfutFuture) future = NULL;
  Late late = { 0 };

  test_gate_init (&late.gate);
  test_gate_open (&late.gate);
  future = submit_late (executor, 0, &late);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  test_iterate_until (NULL, test_place_get_n (&late.destroyed) == 1);
  g_assert_cmpint (g_atomic_int_get (&late.n_ran), ==, 0);
  test_gate_clear (&late.gate);
}

/* What a pause holds back has its deadline all the same, and is not executed after. */
static void
test_work_deadline_while_held_back (void)
{
  g_autoptr (CfutExecutor) executor = g_object_new (TEST_TYPE_SPAWNING_EXECUTOR, NULL);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) behind = NULL;
  Late late = { 0 };

  test_gate_init (&late.gate);
  test_gate_open (&late.gate);
  cfut_executor_pause (executor);
  cfut_request_set_queue_deadline_usec (request, 2000);
  future = cfut_executor_submit_full (executor, request, late_run, &late, late_destroyed);
  behind = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  g_assert_cmpint (cfut_future_get_state (behind), ==, CFUT_STATE_PENDING);

  cfut_executor_resume (executor);
  test_assert_settles (behind, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, test_place_get_n (&late.destroyed) == 1);
  g_assert_cmpint (g_atomic_int_get (&late.n_ran), ==, 0);
  test_gate_clear (&late.gate);
}

/* An executor that runs no functions says so, and lets go of what it was given. */
static void
test_work_of_no_executor (void)
{
  g_autoptr (CfutExecutor) executor = g_object_new (TEST_TYPE_SPAWNING_EXECUTOR, NULL);
  CfutExecutorClass *klass = CFUT_EXECUTOR_GET_CLASS (executor);
  void (*execute) (CfutExecutor *executor, CfutWork *work) = klass->execute;
  CfutExecutorClass *base = CFUT_EXECUTOR_CLASS (g_type_class_peek (CFUT_TYPE_EXECUTOR));
  g_autoptr (CfutFuture) future = NULL;
  Late late = { 0 };

  g_assert_true (cfut_executor_can_run_functions (executor));
  klass->execute = base->execute;
  g_assert_false (cfut_executor_can_run_functions (executor));
  future = cfut_executor_submit (executor, late_run, &late, late_destroyed);
  test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  test_iterate_until (NULL, test_place_get_n (&late.destroyed) == 1);
  test_place_assert_here (&late.destroyed, 1);
  g_assert_cmpint (g_atomic_int_get (&late.n_ran), ==, 0);
  klass->execute = execute;
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/work/" name, test_work_##func)
  add ("7-deadline-is-kept", deadline_is_kept);
  add ("7-deadline-of-no-time", deadline_of_no_time);
  add ("7-deadline-while-held-back", deadline_while_held_back);
  add ("7-deadline-while-it-runs", deadline_while_it_runs);
  add ("of-no-executor", of_no_executor);
#undef add

  return g_test_run ();
}
