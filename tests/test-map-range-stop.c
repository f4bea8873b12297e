/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* cfut_executor_map_range: how a range ends before its end, or rests: errors, cancelling, pauses, deadlines
 * and shutdowns. */

#include "test-map-range-util.h"

/* The first error is the future's, and soon no more parts are begun. */
static void
test_map_range_first_error_wins (void)
{
  for (guint workers = 1; workers <= 4; workers++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (workers);
      g_autoptr (CfutFuture) future = NULL;
      g_autoptr (GError) error = NULL;
      Work work;

      work_init (&work, 10, 100010);
      work.fail_at = 10 + 5;
      future = cfut_executor_map_range (executor, NULL, 10, 100010, 1, work_part, &work, NULL);
      test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
      error = cfut_future_dup_error (future);
      g_assert_cmpstr (error->message, ==, "index 5");
      if (workers == 1)
        g_assert_cmpuint (work.n_parts, ==, 6);
      work_clear (&work);
    }
}

static gboolean
fail_silently (CfutTask  *task,
               guint64    begin,
               guint64    end,
               gpointer   user_data,
               GError   **error)
{
  cfut_task_set_result_int64 (task, 1);
  return FALSE;
}

/* Guarantee 1: a function that fails without a word is an error too, and a value that it set is not the result. */
static void
test_map_range_fails_silently (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutFuture) future = cfut_executor_map_range (executor, NULL, 0, 10, 1, fail_silently, NULL, NULL);

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED);
}

/* After an error the future settles when the parts that were begun have ended, not before. */
static gboolean
fail_or_pass (CfutTask  *task,
              guint64    begin,
              guint64    end,
              gpointer   user_data,
              GError   **error)
{
  Work *self = user_data;

  g_atomic_int_inc (&self->n_running);
  if (begin > 0)
    {
      test_gate_pass (self->gate);
      return TRUE;
    }

  test_gate_wait_arrived (self->gate, 1);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "no");
  return FALSE;
}

static void
test_map_range_waits_for_what_was_begun (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutFuture) future = NULL;
  TestPlace place = { 0 };
  TestGate gate;
  Work work = { .gate = &gate };

  test_gate_init (&gate);
  future = cfut_executor_map_range (executor, NULL, 0, 1000, 1, fail_or_pass, &work, NULL);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, test_place_callback, &place, NULL);
  test_poll_until (cfut_executor_get_n_running (executor) == 1 && cfut_executor_get_n_completed (executor) == 1);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
  g_assert_cmpint (test_place_get_n (&place), ==, 0);

  test_gate_open (&gate);
  test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_cmpint (work.n_running, ==, 2);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

/* Guarantee 5: cancelled while it runs, it stops behind the parts that were begun; each thread's function is
 * asked. */
static gboolean
part_until_cancelled (CfutTask  *task,
                      guint64    begin,
                      guint64    end,
                      gpointer   user_data,
                      GError   **error)
{
  Work *self = user_data;

  g_atomic_int_inc (&self->n_running);
  return test_task_until_cancelled (task, self->gate, error);
}

static void
test_map_range_cancel_running (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;
  Work work = { .gate = &gate };

  test_gate_init (&gate);
  future = cfut_executor_map_range (executor, NULL, 0, 1000, 1, part_until_cancelled, &work, NULL);
  test_gate_wait_arrived (&gate, 3);
  cfut_future_cancel (future);
  test_assert_settles (future, CFUT_STATE_CANCELLED);
  g_assert_cmpint (work.n_running, ==, 3);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

/* A function that takes no notice: the parts that were begun count, and it stops at the next. If there is
 * none, the range was done all the same and is resolved. */
static void
test_map_range_cancel_between_parts (void)
{
  for (guint n = 1; n <= 2; n++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutFuture) future = NULL;
      TestGate gate;
      Work work;

      test_gate_init (&gate);
      work_init (&work, 0, n * 10);
      work.gate = &gate;
      future = cfut_executor_map_range (executor, NULL, 0, n * 10, 10, work_part, &work, NULL);
      test_gate_wait_arrived (&gate, 1);
      g_assert_false (cfut_future_cancel (future));
      test_gate_open (&gate);
      test_assert_settles (future, n == 1 ? CFUT_STATE_RESOLVED : CFUT_STATE_CANCELLED);
      g_assert_cmpuint (work.n_parts, ==, 1);
      assert_progress (future, 10, n * 10);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      work_clear (&work);
      test_gate_clear (&gate);
    }
}

/* Cancelled before it ran, it is cancelled at once, the function is never called, and the data freed. */
static void
test_map_range_cancel_pending (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) busy = NULL;
  g_autoptr (CfutFuture) future = NULL;
  TestPlace place = { 0 };
  TestGate gate;

  test_gate_init (&gate);
  busy = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  future = cfut_executor_map_range (executor, NULL, 0, 10, 0, work_part, &place, test_place_note);
  g_assert_true (cfut_future_cancel (future));
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
  test_place_assert_here (&place, 1);

  test_gate_open (&gate);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

/* The cancellable of the request cancels the one future, before, while it waits, and while it runs. */
static void
test_map_range_hears_the_cancellable (void)
{
  for (guint when = 0; when < 3; when++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (CfutRequest) request = g_object_new (CFUT_TYPE_REQUEST, "cancellable", cancellable, NULL);
      g_autoptr (CfutFuture) busy = NULL;
      g_autoptr (CfutFuture) future = NULL;
      TestGate busy_gate;
      TestGate gate;
      Work work = { .gate = &gate };

      test_gate_init (&busy_gate);
      test_gate_init (&gate);
      if (when < 2)
        {
          busy = cfut_executor_submit (executor, test_task_pass, &busy_gate, NULL);
          test_gate_wait_arrived (&busy_gate, 1);
        }
      if (when == 0)
        g_cancellable_cancel (cancellable);
      future = cfut_executor_map_range (executor, request, 0, 10, 1, part_until_cancelled, &work, NULL);
      if (when == 2)
        test_gate_wait_arrived (&gate, 1);
      g_cancellable_cancel (cancellable);
      test_assert_settles (future, CFUT_STATE_CANCELLED);
      g_assert_cmpint (work.n_running, ==, when == 2 ? 1 : 0);

      test_gate_open (&busy_gate);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      test_gate_clear (&busy_gate);
      test_gate_clear (&gate);
    }
}

static gboolean
part_with_checkpoint (CfutTask  *task,
                      guint64    begin,
                      guint64    end,
                      gpointer   user_data,
                      GError   **error)
{
  Work *self = user_data;

  g_atomic_int_inc (&self->n_running);
  test_gate_pass (self->gate);
  return cfut_task_checkpoint (task, error) && work_part (task, begin, end, self + 1, error);
}

/* Paused, all of its threads stop at their next checkpoints, and begin no more parts; all go on when it is resumed, or
 * cancelled. */
static void
test_map_range_pause (void)
{
  for (guint cancels = 0; cancels < 2; cancels++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
      g_autoptr (CfutFuture) future = NULL;
      TestGate gate;
      Work work[2];

      test_gate_init (&gate);
      work[0] = (Work) { .gate = &gate };
      work_init (&work[1], 0, 100);
      future = cfut_executor_map_range (executor, NULL, 0, 100, 1, part_with_checkpoint, work, NULL);
      test_gate_wait_arrived (&gate, 3);
      cfut_future_pause (future);
      test_gate_open (&gate);
      g_assert_false (cfut_future_wait (future, 2000, NULL, NULL));
      g_assert_cmpint (g_atomic_int_get (&work[0].n_running), ==, 3);
      g_assert_cmpuint (work[1].n_parts, ==, 0);

      if (cancels)
        cfut_future_cancel (future);
      else
        cfut_future_resume (future);
      test_assert_settles (future, cancels ? CFUT_STATE_CANCELLED : CFUT_STATE_RESOLVED);
      if (!cancels)
        work_assert_all_once (&work[1]);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      work_clear (&work[1]);
      test_gate_clear (&gate);
    }
}

/* Guarantee 7: at the run deadline it is rejected, and its data lives until the function has returned. */
static void
test_map_range_run_deadline (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutRequest) request = g_object_new (CFUT_TYPE_REQUEST, "run-deadline-usec", (gint64) 2000, NULL);
  g_autoptr (CfutFuture) future = NULL;
  TestPlace place = { 0 };
  TestGate gate;
  Released released = { 0 };

  test_gate_init (&gate);
  work_init (&released.work, 0, 10);
  released.work.gate = &gate;
  future = cfut_executor_map_range (executor, request, 0, 10, 1, work_part, &released, released_destroy);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &place, NULL);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  test_iterate_ready (NULL);
  g_assert_cmpint (test_place_get_n (&released.place), ==, 0);

  test_gate_open (&gate);
  test_iterate_until (NULL, test_place_get_n (&released.place) == 1);
  test_place_assert_here (&released.place, 1);
  g_assert_cmpuint (released.work.n_parts, <=, 2);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  work_clear (&released.work);
  test_gate_clear (&gate);
}

/* A queue deadline that passes before anything of it was started rejects it. */
static void
test_map_range_queue_deadline (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) request = g_object_new (CFUT_TYPE_REQUEST, "queue-deadline-usec", (gint64) 1000, NULL);
  g_autoptr (CfutFuture) busy = NULL;
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;

  test_gate_init (&gate);
  busy = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  future = cfut_executor_map_range (executor, request, 0, 10, 1, fail_silently, NULL, NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  test_gate_open (&gate);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

/* Guarantee 1: after a shutdown it is rejected so, and the data freed by the owner. */
static void
test_map_range_after_a_shutdown (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutFuture) future = NULL;
  TestPlace place = { 0 };

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  future = cfut_executor_map_range (executor, NULL, 0, 10, 1, work_part, &place, test_place_note);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
  test_place_assert_here (&place, 1);
}

/* A shutdown that cancels what waits does not stop a range that has begun; one that cancels what runs does. */
static void
test_map_range_shut_down_in_the_middle (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
      g_autoptr (CfutFuture) busy = NULL;
      g_autoptr (CfutFuture) future = NULL;
      TestGate busy_gate;
      TestGate gate;
      Work work;

      test_gate_init (&busy_gate);
      test_gate_init (&gate);
      work_init (&work, 0, 100);
      work.gate = &gate;
      busy = cfut_executor_submit (executor, test_task_pass, &busy_gate, NULL);
      test_gate_wait_arrived (&busy_gate, 1);
      future = cfut_executor_map_range (executor, NULL, 0, 100, 1, work_part, &work, NULL);
      test_gate_wait_arrived (&gate, 1);

      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_PENDING | (i == 0 ? 0 : CFUT_SHUTDOWN_CANCEL_RUNNING),
                              -1, NULL);
      test_gate_open (&gate);
      test_assert_settles (future, i == 0 ? CFUT_STATE_RESOLVED : CFUT_STATE_CANCELLED);
      g_assert_cmpuint (work.n_parts, ==, i == 0 ? 100 : 1);
      test_gate_open (&busy_gate);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      work_clear (&work);
      test_gate_clear (&gate);
      test_gate_clear (&busy_gate);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/map-range/" name, test_map_range_##func)
  add ("first-error-wins", first_error_wins);
  add ("1-fails-silently", fails_silently);
  add ("waits-for-what-was-begun", waits_for_what_was_begun);
  add ("5-cancel-running", cancel_running);
  add ("5-cancel-between-parts", cancel_between_parts);
  add ("5-cancel-pending", cancel_pending);
  add ("5-hears-the-cancellable", hears_the_cancellable);
  add ("pause", pause);
  add ("7-run-deadline", run_deadline);
  add ("7-queue-deadline", queue_deadline);
  add ("1-after-a-shutdown", after_a_shutdown);
  add ("shut-down-in-the-middle", shut_down_in_the_middle);
#undef add

  return g_test_run ();
}
