/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The deadlines that a request sets, for the start and for the run, and the threads that stay stuck
 * past one. Guarantees 1 (all settles, once), 2 (what was submitted is released on the owner's
 * context) and 7 (deadlines). */

#include "test-request-util.h"

static CfutFuture *
submit_until (CfutExecutor   *executor,
              gint64          queue_deadline_usec,
              gint64          run_deadline_usec,
              CfutTaskFunc    func,
              gpointer        user_data,
              GDestroyNotify  destroy)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();

  cfut_request_set_queue_deadline_usec (request, queue_deadline_usec);
  cfut_request_set_run_deadline_usec (request, run_deadline_usec);
  return cfut_executor_submit_full (executor, request, func, user_data, destroy);
}

/* --- queue deadlines --- */

/* Guarantee 7: what has not started by its queue deadline is rejected, once, without a thread being
 * free; what was submitted with it is released on the owner's context. */
static void
test_request_queue_deadline_rejects (void)
{
  CfutFuture *futures[50];
  TestPlace destroyed = { 0 };
  TestPlace called = { 0 };
  int n_gone = 0;
  Held held;

  held_init (&held);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      futures[i] = submit_until (held.executor, i * 100, i % 2 == 0 ? -1 : 1000, test_task_nothing,
                                 &destroyed, test_place_note);
      cfut_future_add_done_callback (futures[i], CFUT_CALLBACK_DEFAULT, test_place_callback,
                                     &called, NULL);
      if (i % 3 == 0)
        cfut_future_set_priority (futures[i], (int) i - 25);
      test_watch_gone (futures[i], &n_gone);
    }
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_fails (futures[i], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                         CFUT_FUTURE_ERROR_DEADLINE);
      g_object_unref (futures[i]);
    }
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, 0);
  test_iterate_until (NULL, test_place_get_n (&called) == G_N_ELEMENTS (futures) &&
                            test_place_get_n (&destroyed) == G_N_ELEMENTS (futures));
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures));
  test_place_assert_here (&called, G_N_ELEMENTS (futures));
  held_clear (&held, 0);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == G_N_ELEMENTS (futures));
}

/* A deadline of 0 rejects where threads are free too. */
static void
test_request_queue_deadline_zero (void)
{
  g_autoptr (CfutFuture) future = NULL;
  Held held;

  held_init (&held);
  future = submit_until (held.executor, 0, -1, test_task_nothing, NULL, NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  held_clear (&held, 0);
}

/* Guarantee 7: a deadline that is far away harms nobody, and does not keep what has settled before
 * it. */
static void
test_request_far_deadlines_keep_nothing (void)
{
  static const gint64 deadlines[] = { G_MAXINT64, G_MAXINT64 - 1,
                                      G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC };
  CfutFuture *ran[G_N_ELEMENTS (deadlines)];
  CfutFuture *cancelled[G_N_ELEMENTS (deadlines)];
  int n_gone = 0;
  Held held;

  held_init (&held);
  for (guint i = 0; i < G_N_ELEMENTS (deadlines); i++)
    {
      ran[i] = submit_until (held.executor, deadlines[i], deadlines[i], test_task_nothing, NULL,
                             NULL);
      cancelled[i] = submit_until (held.executor, deadlines[i], -1, test_task_nothing, NULL, NULL);
      test_watch_gone (ran[i], &n_gone);
      test_watch_gone (cancelled[i], &n_gone);
      g_assert_true (cfut_future_cancel (cancelled[i]));
    }
  held_open (&held);
  for (guint i = 0; i < G_N_ELEMENTS (deadlines); i++)
    {
      test_assert_settles (ran[i], CFUT_STATE_RESOLVED);
      g_object_unref (ran[i]);
      g_object_unref (cancelled[i]);
    }
  held_clear (&held, G_N_ELEMENTS (deadlines));
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 2 * G_N_ELEMENTS (deadlines));
}

/* Guarantee 7: start and queue deadline fall together again and again: one of them wins, and a run
 * deadline that is far away is not taken for the one that has passed. */
static void
test_request_queue_deadline_against_start (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  guint n = 4000;
  int n_rejected = 0;
  int n_ran = 0;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (CfutFuture) future = NULL;

      future = submit_until (executor, g_rand_int_range (rand, 0, 60), TEST_DEADLINE_USEC,
                             test_task_count, &n_ran, NULL);
      g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));
      if (cfut_future_get_state (future) == CFUT_STATE_REJECTED)
        {
          g_autoptr (GError) error = cfut_future_dup_error (future);

          g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
          n_rejected++;
        }
    }
  test_assert_ends (executor);
  g_test_message ("%d rejected, %d ran", n_rejected, n_ran);
  g_assert_cmpint (n_rejected + n_ran, ==, n);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, n_ran);
}

/* --- run deadlines --- */

/* Passes the gate, then reports what its checkpoint says. */
typedef struct {
  TestGate gate;
  TestPlace destroyed;
  GError *error;           /* of the checkpoint after the gate */
  gboolean cancelled;      /* of the task's cancellable, after the gate */
  gboolean sets_result;
} Late;

static void
late_init (Late *self)
{
  memset (self, 0, sizeof *self);
  test_gate_init (&self->gate);
}

static void
late_clear (Late *self)
{
  g_clear_error (&self->error);
  test_gate_clear (&self->gate);
}

static void
late_destroy (gpointer data)
{
  test_place_note (&((Late *) data)->destroyed);
}

static gboolean
late_run (CfutTask  *task,
          gpointer   data,
          GError   **error)
{
  Late *self = data;

  if (self->sets_result)
    cfut_task_set_result_string (task, "too early");
  test_gate_pass (&self->gate);
  g_assert_false (cfut_task_checkpoint (task, &self->error));
  self->cancelled = g_cancellable_is_cancelled (cfut_task_get_cancellable (task));
  if (self->sets_result)
    cfut_task_set_result_string (task, "too late");
  if (error != NULL)
    *error = g_error_copy (self->error);
  return FALSE;
}

static void
assert_deadline (CfutFuture *future)
{
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
}

/* Guarantee 7: the future is settled while the function still runs; that is told to stop, and what
 * was submitted with it lives until it has returned. What the function says of itself then changes
 * nothing. */
static void
test_request_run_deadline (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint sets_result = 0; sets_result < 2; sets_result++)
    {
      g_autoptr (CfutFuture) future = NULL;
      Late late;

      late_init (&late);
      late.sets_result = sets_result;
      future = submit_until (executor, -1, 2000, late_run, &late, late_destroy);
      assert_deadline (future);
      test_gate_wait_arrived (&late.gate, 1);
      test_iterate_ready (NULL);
      g_assert_cmpint (test_place_get_n (&late.destroyed), ==, 0);

      test_gate_open (&late.gate);
      test_iterate_until (NULL, test_place_get_n (&late.destroyed) > 0);
      test_place_assert_here (&late.destroyed, 1);
      g_assert_error (late.error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
      g_assert_true (late.cancelled);
      assert_deadline (future);
      g_assert_null (cfut_future_result (future, 0, NULL));
      late_clear (&late);
    }
  test_assert_ends (executor);
}

static void
on_task_cancelled (GCancellable *cancellable,
                   gpointer      gate)
{
  test_gate_open (gate);
}

static gboolean
wait_on_cancellable (CfutTask  *task,
                     gpointer   data,
                     GError   **error)
{
  GCancellable *cancellable = cfut_task_get_cancellable (task);
  gulong id = g_cancellable_connect (cancellable, G_CALLBACK (on_task_cancelled), data, NULL);

  test_gate_pass (data);
  g_cancellable_disconnect (cancellable, id);
  return cfut_task_checkpoint (task, error);
}

/* Guarantee 7: the task's cancellable is cancelled at the deadline, so that what waits with it
 * ends. */
static void
test_request_run_deadline_cancels (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;

  test_gate_init (&gate);
  future = submit_until (executor, -1, 1000, wait_on_cancellable, &gate, NULL);
  assert_deadline (future);
  test_assert_ends (executor);
  test_gate_clear (&gate);
}

/* A function that ends in time is what it is, and leaves no timer behind that would keep it. */
static void
test_request_run_deadline_in_time (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  int n_gone = 0;
  guint n = 500;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (CfutFuture) good = submit_until (executor, -1,
                                                  G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC,
                                                  test_task_number, GINT_TO_POINTER (5), NULL);
      g_autoptr (CfutFuture) bad = submit_until (executor, -1,
                                                 G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC,
                                                 test_task_fail, NULL, NULL);

      test_watch_gone (good, &n_gone);
      test_watch_gone (bad, &n_gone);
      g_assert_cmpint (cfut_future_result_int64 (good, -1, NULL), ==, 5);
      test_assert_fails (bad, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_FAILED);
    }
  test_assert_ends (executor);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == (int) (2 * n));
}

/* Guarantee 7: a thread that stays stuck is replaced, and counted, until its function returns; the
 * one worker's place is taken by another, and never by two. */
static void
test_request_stuck_thread_is_replaced (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  CfutThreadExecutor *threads = CFUT_THREAD_EXECUTOR (executor);
  g_autoptr (CfutFuture) stuck = NULL;
  g_autoptr (CfutFuture) other = NULL;
  g_autoptr (CfutFuture) last = NULL;
  Late late;

  late_init (&late);
  stuck = submit_until (executor, -1, 1000, late_run, &late, late_destroy);
  other = cfut_executor_submit (executor, test_task_number, GINT_TO_POINTER (3), NULL);
  assert_deadline (stuck);
  g_assert_cmpint (cfut_future_result_int64 (other, TEST_DEADLINE_USEC, NULL), ==, 3);
  g_assert_cmpuint (cfut_thread_executor_get_n_abandoned (threads), ==, 1);
  g_assert_cmpuint (cfut_thread_executor_get_n_threads (threads), <=, 1);

  test_gate_open (&late.gate);
  test_poll_until (cfut_thread_executor_get_n_abandoned (threads) == 0);
  g_assert_cmpuint (cfut_thread_executor_get_n_threads (threads), <=, 1);
  last = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  test_assert_settles (last, CFUT_STATE_RESOLVED);
  test_assert_ends (executor);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 3);
  test_iterate_until (NULL, test_place_get_n (&late.destroyed) == 1);
  late_clear (&late);
}

typedef struct {
  CfutPromise *promise;
  TestGate before;
} StuckWait;

static gboolean
wait_for_promise (CfutTask  *task,
                  gpointer   data,
                  GError   **error)
{
  StuckWait *self = data;

  test_gate_pass (&self->before);
  return cfut_future_wait (cfut_promise_get_future (self->promise), -1, NULL, error);
}

/* Guarantee 7: a stuck thread that sleeps in a wait, from before it was given up or from after, is
 * replaced by one thread and not by two: one that is not counted is not stood in for. */
static void
test_request_stuck_in_a_wait (void)
{
  for (guint blocks_first = 0; blocks_first < 2; blocks_first++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      CfutThreadExecutor *threads = CFUT_THREAD_EXECUTOR (executor);
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      g_autoptr (CfutFuture) stuck = NULL;
      CfutFuture *others[4];
      StuckWait wait = { .promise = promise };
      TestGate gate;

      test_gate_init (&wait.before);
      test_gate_init (&gate);
      stuck = submit_until (executor, -1, 1000, wait_for_promise, &wait, NULL);
      if (blocks_first)
        test_gate_open (&wait.before);
      test_poll_until (cfut_thread_executor_get_n_abandoned (threads) == 1);
      test_gate_open (&wait.before);

      /* With the first at the gate nobody looks for work, so each submission starts a thread if it
       * may. */
      for (guint i = 0; i < G_N_ELEMENTS (others); i++)
        {
          others[i] = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
          test_gate_wait_arrived (&gate, 1);
          g_assert_cmpuint (cfut_thread_executor_get_n_threads (threads), ==, 1);
        }
      g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, G_N_ELEMENTS (others) - 1);
      test_gate_open (&gate);
      cfut_promise_resolve (promise, NULL);
      for (guint i = 0; i < G_N_ELEMENTS (others); i++)
        {
          test_assert_settles (others[i], CFUT_STATE_RESOLVED);
          g_object_unref (others[i]);
        }
      test_poll_until (cfut_thread_executor_get_n_abandoned (threads) == 0);
      assert_deadline (stuck);
      test_assert_ends (executor);
      test_gate_clear (&wait.before);
      test_gate_clear (&gate);
    }
}

/* A shutdown that waits does not wait for one that is stuck, whose future has settled; and what is
 * left behind ends by itself, with the executor long gone. */
static void
test_request_shutdown_while_stuck (void)
{
  CfutExecutor *executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) stuck = NULL;
  g_autoptr (CfutFuture) other = NULL;
  Late late;

  late_init (&late);
  stuck = submit_until (executor, -1, 500, late_run, &late, late_destroy);
  other = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  test_assert_ends (executor);
  assert_deadline (stuck);
  test_assert_settles (other, CFUT_STATE_RESOLVED);
  g_assert_cmpint (test_place_get_n (&late.destroyed), ==, 0);
  g_object_unref (executor);

  test_gate_open (&late.gate);
  test_iterate_until (NULL, test_place_get_n (&late.destroyed) > 0);
  test_place_assert_here (&late.destroyed, 1);
  late_clear (&late);
}

typedef struct {
  gint64 usec;
  gboolean fails;
  int n_destroyed;  /* atomic */
} Short;

static gboolean
run_short (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Short *self = data;

  cfut_task_set_result_string (task, "done");
  test_burn (self->usec);
  if (self->fails)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "it failed as it should");
      return FALSE;
    }
  return TRUE;
}

static void
short_destroy (gpointer data)
{
  g_atomic_int_inc (&((Short *) data)->n_destroyed);
}

/* Guarantee 7: end and deadline fall together again and again: the future is one or the other,
 * whole, for good; what was submitted is released once. */
static void
test_request_run_deadline_against_end (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  guint n_deadlines = 0;
  guint n_ends = 0;

  for (guint i = 0; i < 4000; i++)
    {
      Short it = { .usec = g_rand_int_range (rand, 0, 100), .fails = i % 2 };
      g_autoptr (CfutFuture) future = NULL;

      future = submit_until (executor, -1, g_rand_int_range (rand, 0, 200), run_short, &it,
                             short_destroy);
      g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));

      /* Before and after the function has returned. */
      for (guint look = 0; look < 2; look++)
        {
          g_autoptr (GError) error = NULL;
          const char *value = cfut_future_result_string (future, 0, &error);

          if (cfut_future_get_state (future) == CFUT_STATE_RESOLVED)
            {
              g_assert_no_error (error);
              g_assert_cmpstr (value, ==, "done");
              g_assert_false (it.fails);
            }
          else if (!g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE))
            {
              g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
              g_assert_true (it.fails);
            }
          if (look == 0)
            {
              if (g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE))
                n_deadlines++;
              else
                n_ends++;
              test_iterate_until (NULL, g_atomic_int_get (&it.n_destroyed) == 1);
            }
        }
    }
  g_test_message ("%u deadlines, %u ends", n_deadlines, n_ends);
  test_assert_ends (executor);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 4000);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/request-run/" name, test_request_##func)
  add ("7-queue-deadline-rejects", queue_deadline_rejects);
  add ("7-queue-deadline-zero", queue_deadline_zero);
  add ("7-far-deadlines-keep-nothing", far_deadlines_keep_nothing);
  add ("7-queue-deadline-against-start", queue_deadline_against_start);
  add ("7-run-deadline", run_deadline);
  add ("7-run-deadline-cancels", run_deadline_cancels);
  add ("7-run-deadline-in-time", run_deadline_in_time);
  add ("7-stuck-thread-is-replaced", stuck_thread_is_replaced);
  add ("7-stuck-in-a-wait", stuck_in_a_wait);
  add ("7-shutdown-while-stuck", shutdown_while_stuck);
  add ("7-run-deadline-against-end", run_deadline_against_end);
#undef add

  return g_test_run ();
}
