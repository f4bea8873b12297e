/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Pauses of tasks and of executors: what is paused is not started, what runs stops at its next
 * checkpoint, and others go on; cancels, deadlines and shutdowns reach what is paused as ever.
 * Guarantees 1, 5, 7 and 9. */

#include "test-util.h"

static guint
n_threads (CfutExecutor *executor)
{
  return cfut_thread_executor_get_n_threads (CFUT_THREAD_EXECUTOR (executor));
}

/* What was submitted before it has had its turn. */
static void
assert_goes_on (CfutExecutor *executor)
{
  g_autoptr (CfutFuture) other = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);

  test_assert_settles (other, CFUT_STATE_RESOLVED);
}

/* A task of a pool of one that is paused before it can start; with a priority it stands in the heap
 * from the beginning. */
static CfutFuture *
submit_paused (CfutExecutor   *executor,
               int             priority,
               CfutTaskFunc    func,
               gpointer        user_data,
               GDestroyNotify  destroy)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) blocker = NULL;
  CfutFuture *future;
  TestGate gate;

  test_gate_init (&gate);
  blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  cfut_request_set_priority (request, priority);
  future = cfut_executor_submit_full (executor, request, func, user_data, destroy);
  cfut_future_pause (future);
  test_gate_open (&gate);
  test_assert_settles (blocker, CFUT_STATE_RESOLVED);
  test_gate_clear (&gate);

  return future;
}

/* --- queued --- */

/* A paused task is not started while others are; resumed, it is. Pausing twice is pausing once. */
static void
test_pause_queued (void)
{
  for (int priority = -1; priority <= 1; priority++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      TestPlace destroyed = { 0 };
      g_autoptr (CfutFuture) future = submit_paused (executor, priority, test_task_nothing,
                                                     &destroyed, test_place_note);

      cfut_future_pause (future);
      for (guint i = 0; i < 20; i++)
        assert_goes_on (executor);
      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
      g_assert_true (cfut_future_is_paused (future));
      g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 1);

      cfut_future_resume (future);
      g_assert_false (cfut_future_is_paused (future));
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      cfut_future_pause (future);
      g_assert_false (cfut_future_is_paused (future));
      test_assert_ends (executor);
      test_iterate_until (NULL, test_place_get_n (&destroyed) == 1);
      test_place_assert_here (&destroyed, 1);
      g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 22);
    }
}

/* A priority that is set while it is paused holds when it is resumed, and resumes nothing. */
static void
test_pause_set_priority (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = submit_paused (executor, 0, test_task_nothing, NULL, NULL);

  assert_goes_on (executor);
  g_assert_true (cfut_future_set_priority (future, -5));
  g_assert_cmpint (cfut_future_get_priority (future), ==, -5);
  assert_goes_on (executor);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
  cfut_future_resume (future);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  test_assert_ends (executor);
}

/* Guarantee 5: what is paused is cancelled at once, whether it was set aside already or stands in
 * the queue; the shutdown ends then, and not before. */
static void
test_pause_then_cancel (void)
{
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      TestPlace destroyed = { 0 };
      CfutFuture *future = submit_paused (executor, i % 2 ? 3 : 0, test_task_nothing, &destroyed,
                                          test_place_note);
      int n_gone = 0;

      test_watch_gone (future, &n_gone);
      if (i >= 2)
        assert_goes_on (executor);
      g_assert_false (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, 1000, NULL));
      g_assert_true (cfut_future_cancel (future));
      g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
      test_assert_ends (executor);
      g_object_unref (future);
      test_iterate_until (NULL, test_place_get_n (&destroyed) == 1 &&
                                g_atomic_int_get (&n_gone) == 1);
      test_place_assert_here (&destroyed, 1);
    }
}

/* A shutdown that cancels what is pending cancels what is paused. */
static void
test_pause_then_shutdown (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) queued = submit_paused (executor, 0, test_task_nothing, NULL, NULL);
  g_autoptr (CfutFuture) placed = submit_paused (executor, -1, test_task_nothing, NULL, NULL);

  assert_goes_on (executor);
  g_assert_true (cfut_executor_shutdown (executor,
                                         CFUT_SHUTDOWN_WAIT | CFUT_SHUTDOWN_CANCEL_PENDING,
                                         TEST_DEADLINE_USEC, NULL));
  test_assert_settles (queued, CFUT_STATE_CANCELLED);
  test_assert_settles (placed, CFUT_STATE_CANCELLED);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
}

/* Guarantee 9: an executor that is dropped runs what is resumed long after. */
static void
test_pause_outlives_executor (void)
{
  for (guint i = 0; i < 2; i++)
    {
      CfutExecutor *executor = cfut_thread_executor_new (1);
      TestPlace destroyed = { 0 };
      g_autoptr (CfutFuture) future = submit_paused (executor, 0, test_task_number,
                                                     GINT_TO_POINTER (9), NULL);
      g_autoptr (CfutFuture) other = submit_paused (executor, 1, test_task_nothing, &destroyed,
                                                    test_place_note);

      if (i == 1)
        assert_goes_on (executor);
      g_object_unref (executor);
      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
      cfut_future_resume (future);
      g_assert_cmpint (cfut_future_result_int64 (future, TEST_DEADLINE_USEC, NULL), ==, 9);
      g_assert_true (cfut_future_cancel (other));
      test_iterate_until (NULL, test_place_get_n (&destroyed) == 1);
    }
}

/* Guarantee 7: its queue deadline comes all the same. */
static void
test_pause_queue_deadline (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) future = NULL;

  cfut_request_set_queue_deadline_usec (request, 20000);
  cfut_executor_pause (executor);
  future = cfut_executor_submit_full (executor, request, test_task_nothing, NULL, NULL);
  cfut_future_pause (future);
  cfut_executor_resume (executor);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  test_assert_ends (executor);
}

/* --- running --- */

typedef struct {
  TestGate begun;      /* before the checkpoints */
  GError *error;
  int n_checkpoints;   /* atomic */
  int ends;            /* atomic */
} Stepper;

/* From one checkpoint to the next. */
static gboolean
step (CfutTask  *task,
      gpointer   data,
      GError   **error)
{
  Stepper *self = data;

  test_gate_pass (&self->begun);
  while (!g_atomic_int_get (&self->ends))
    {
      if (!cfut_task_checkpoint (task, &self->error))
        {
          *error = g_error_copy (self->error);
          return FALSE;
        }
      g_atomic_int_inc (&self->n_checkpoints);
    }
  return TRUE;
}

static void
stepper_init (Stepper *self)
{
  memset (self, 0, sizeof *self);
  test_gate_init (&self->begun);
}

static void
stepper_clear (Stepper *self)
{
  test_gate_clear (&self->begun);
  g_clear_error (&self->error);
}

/* A task that runs and is paused before its first checkpoint; a worker stands in for it, so a pool
 * of one goes on. */
static CfutFuture *
submit_stepper (CfutExecutor *executor,
                Stepper      *stepper,
                CfutRequest  *request)
{
  CfutFuture *future = cfut_executor_submit_full (executor, request, step, stepper, NULL);

  test_gate_wait_arrived (&stepper->begun, 1);
  cfut_future_pause (future);
  test_gate_open (&stepper->begun);

  return future;
}

/* The function stops at its checkpoint, others run meanwhile, and it goes on when it is resumed. */
static void
test_pause_running (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  Stepper stepper;

  stepper_init (&stepper);
  future = submit_stepper (executor, &stepper, NULL);
  for (guint i = 0; i < 20; i++)
    assert_goes_on (executor);
  g_assert_cmpint (g_atomic_int_get (&stepper.n_checkpoints), ==, 0);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
  g_assert_true (cfut_future_is_paused (future));

  cfut_future_resume (future);
  test_poll_until (g_atomic_int_get (&stepper.n_checkpoints) > 0);
  g_atomic_int_set (&stepper.ends, TRUE);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  test_poll_until (n_threads (executor) <= 1);
  test_assert_ends (executor);
  stepper_clear (&stepper);
}

/* Guarantee 5: a cancel ends the pause, by itself, by a cancellable and by a shutdown. */
static void
test_pause_running_cancelled (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = cfut_request_new ();
      g_autoptr (GCancellable) parent = g_cancellable_new ();
      g_autoptr (CfutFuture) future = NULL;
      Stepper stepper;

      stepper_init (&stepper);
      cfut_request_set_cancellable (request, parent);
      future = submit_stepper (executor, &stepper, request);
      assert_goes_on (executor);
      if (i == 0)
        cfut_future_cancel (future);
      else if (i == 1)
        g_cancellable_cancel (parent);
      else
        g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_RUNNING, 0, NULL));
      test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_error (stepper.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      test_assert_ends (executor);
      stepper_clear (&stepper);
    }
}

/* Guarantee 7: a run deadline comes while it is paused, and ends the pause. */
static void
test_pause_running_deadline (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) future = NULL;
  Stepper stepper;

  stepper_init (&stepper);
  cfut_request_set_run_deadline_usec (request, 20000);
  future = submit_stepper (executor, &stepper, request);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  g_assert_false (cfut_future_is_paused (future));
  test_poll_until (cfut_executor_get_n_running (executor) == 0);
  test_assert_ends (executor);
  g_assert_error (stepper.error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  test_iterate_ready (NULL);
  stepper_clear (&stepper);
}

/* A promise's future only tells. */
static void
test_pause_promise (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);

  cfut_future_pause (future);
  g_assert_true (cfut_future_is_paused (future));
  cfut_future_resume (future);
  g_assert_false (cfut_future_is_paused (future));
  cfut_future_pause (future);
  g_assert_true (cfut_promise_resolve (promise, NULL));
  g_assert_false (cfut_future_is_paused (future));
}

/* --- races --- */

typedef struct {
  CfutFuture **futures;
  guint n;
  guint32 seed;
} Pauser;

static gpointer
pause_and_resume (gpointer data)
{
  Pauser *self = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (self->seed);

  for (guint i = 0; i < 30 * self->n; i++)
    {
      CfutFuture *future = self->futures[g_rand_int_range (rand, 0, (gint32) self->n)];

      switch (g_rand_int_range (rand, 0, 5))
        {
        case 0:
        case 1:
          cfut_future_pause (future);
          break;
        case 2:
          cfut_future_set_priority (future, g_rand_int_range (rand, -2, 3));
          break;
        default:
          cfut_future_resume (future);
        }
    }
  return NULL;
}

static gboolean
run_with_checkpoints (CfutTask  *task,
                      gpointer   n_ran,
                      GError   **error)
{
  for (guint i = 0; i < 3; i++)
    if (!cfut_task_checkpoint (task, error))
      return FALSE;
  g_atomic_int_inc ((int *) n_ran);
  return TRUE;
}

/* Guarantee 1: pauses, ends of pauses, priorities and cancels from several threads, in any order;
 * resumed in the end, each future settles, once, nothing is pending and nothing is kept. */
static void
test_pause_races (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint round = 0; round < 60; round++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1 + round % 3);
      CfutFuture *futures[60];
      Pauser pausers[2];
      GThread *threads[2];
      guint n_resolved = 0;
      int n_ran = 0;
      int n_gone = 0;

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          futures[i] = cfut_executor_submit (executor, run_with_checkpoints, &n_ran, NULL);
          test_watch_gone (futures[i], &n_gone);
        }
      for (guint i = 0; i < 2; i++)
        {
          pausers[i] = (Pauser) { futures, G_N_ELEMENTS (futures), g_rand_int (rand) };
          threads[i] = g_thread_new ("pauser", pause_and_resume, &pausers[i]);
        }
      for (guint i = 0; i < 10; i++)
        cfut_future_cancel (futures[g_rand_int_range (rand, 0, G_N_ELEMENTS (futures))]);
      for (guint i = 0; i < 2; i++)
        g_thread_join (threads[i]);

      /* Shut down first, now and then: what is resumed after that is started still. */
      if (round % 2 == 0)
        g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL));
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        cfut_future_resume (futures[i]);
      test_assert_ends (executor);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_assert_true (cfut_future_is_settled (futures[i]));
          if (cfut_future_get_state (futures[i]) == CFUT_STATE_RESOLVED)
            n_resolved++;
          g_object_unref (futures[i]);
        }
      g_assert_cmpuint (n_resolved, ==, (guint) n_ran);
      test_iterate_until (NULL, g_atomic_int_get (&n_gone) == G_N_ELEMENTS (futures));
    }
}

/* Guarantee 1: the same with a shutdown that cancels what is pending in the midst of it: nothing
 * that is paused or moved at that moment is left behind. */
static void
test_pause_against_shutdown (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint round = 0; round < 200; round++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1 + round % 2);
      CfutFuture *futures[40];
      Pauser pauser = { futures, G_N_ELEMENTS (futures), g_rand_int (rand) };
      GThread *thread;
      int n_ran = 0;

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          futures[i] = cfut_executor_submit (executor, run_with_checkpoints, &n_ran, NULL);
          if (i % 2 == 0)
            cfut_future_pause (futures[i]);
        }
      thread = g_thread_new ("pauser", pause_and_resume, &pauser);
      test_burn (g_rand_int_range (rand, 0, 40));
      g_assert_true (cfut_executor_shutdown (executor,
                                             CFUT_SHUTDOWN_WAIT | CFUT_SHUTDOWN_CANCEL_PENDING |
                                             CFUT_SHUTDOWN_CANCEL_RUNNING,
                                             TEST_DEADLINE_USEC, NULL));
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        g_assert_true (cfut_future_is_settled (futures[i]));
      g_thread_join (thread);
      g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        g_object_unref (futures[i]);
    }
}

/* --- executors --- */

/* A paused executor starts nothing, of what is submitted, placed and posted; what runs goes on;
 * resumed it starts all. */
static void
test_pause_executor (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutFuture) running = NULL;
  g_autoptr (CfutRequest) urgent = cfut_request_new ();
  TestPlace destroyed = { 0 };
  TestGate gate;
  int n_ran = 0;

  test_gate_init (&gate);
  running = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  cfut_executor_pause (executor);
  g_assert_true (cfut_executor_is_paused (executor));
  cfut_request_set_priority (urgent, -100);
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (CfutFuture) cancelled = NULL;

      g_object_unref (cfut_executor_submit (executor, test_task_count, &n_ran, NULL));
      g_object_unref (cfut_executor_submit_full (executor, urgent, test_task_count, &n_ran, NULL));
      cfut_executor_post (executor, test_task_count, &n_ran, NULL);
      cancelled = cfut_executor_submit (executor, test_task_nothing, &destroyed, test_place_note);
      g_assert_true (cfut_future_cancel (cancelled));
    }
  test_gate_open (&gate);
  test_assert_settles (running, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 10);
  test_poll_until (cfut_executor_get_n_running (executor) == 0);
  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 30);

  cfut_executor_resume (executor);
  g_assert_false (cfut_executor_is_paused (executor));
  test_assert_ends (executor);
  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, 30);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 31);
  test_gate_clear (&gate);
}

/* Guarantee 9: dropped while it is paused, it finishes what it took. */
static void
test_pause_executor_dropped (void)
{
  CfutExecutor *executor = cfut_thread_executor_new (1);
  TestPlace destroyed = { 0 };
  g_autoptr (CfutFuture) future = NULL;

  cfut_executor_pause (executor);
  future = cfut_executor_submit (executor, test_task_nothing, &destroyed, test_place_note);
  cfut_executor_post (executor, test_task_nothing, &destroyed, test_place_note);
  g_object_unref (executor);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 2);
}

/* A shutdown of a paused executor ends where it cancels what is pending, posts included. */
static void
test_pause_executor_shut_down (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestPlace destroyed = { 0 };
  g_autoptr (CfutFuture) future = NULL;

  cfut_executor_pause (executor);
  future = cfut_executor_submit (executor, test_task_nothing, &destroyed, test_place_note);
  cfut_executor_post (executor, test_task_nothing, &destroyed, test_place_note);
  g_assert_true (cfut_executor_shutdown (executor,
                                         CFUT_SHUTDOWN_WAIT | CFUT_SHUTDOWN_CANCEL_PENDING,
                                         TEST_DEADLINE_USEC, NULL));
  test_assert_settles (future, CFUT_STATE_CANCELLED);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 2);
  test_place_assert_here (&destroyed, 2);
}

static gpointer
toggle_executor (gpointer executor)
{
  for (guint i = 0; i < 200; i++)
    {
      cfut_executor_pause (executor);
      cfut_executor_resume (executor);
    }
  return NULL;
}

/* Guarantee 1: paused and resumed while others submit; nothing is forgotten. */
static void
test_pause_executor_races (void)
{
  for (guint round = 0; round < 40; round++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1 + round % 3);
      GThread *thread = g_thread_new ("toggle", toggle_executor, executor);
      CfutFuture *futures[100];

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        futures[i] = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
          g_object_unref (futures[i]);
        }
      g_thread_join (thread);
      test_assert_ends (executor);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/pause/" name, test_pause_##func)
  add ("queued", queued);
  add ("set-priority", set_priority);
  add ("5-then-cancel", then_cancel);
  add ("then-shutdown", then_shutdown);
  add ("9-outlives-executor", outlives_executor);
  add ("7-queue-deadline", queue_deadline);
  add ("running", running);
  add ("5-running-cancelled", running_cancelled);
  add ("7-running-deadline", running_deadline);
  add ("promise", promise);
  add ("1-races", races);
  add ("1-against-shutdown", against_shutdown);
  add ("executor", executor);
  add ("9-executor-dropped", executor_dropped);
  add ("executor-shut-down", executor_shut_down);
  add ("1-executor-races", executor_races);
#undef add

  return g_test_run ();
}
