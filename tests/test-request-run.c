/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a request asks for and a thread executor does: names, groups, cancellables from outside, deadlines,
 * priorities; with the counts of the executor after each. Guarantees 1 (all settles, once), 2 (what was submitted is
 * released on the owner's context), 5 (cancel) and 7 (deadlines). */

#include "test-util.h"

/* A pool, the one worker of which stands at a gate, so that all that is submitted is queued. */
typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  CfutFuture *blocker;
} Held;

static void
held_init (Held *self)
{
  self->executor = cfut_thread_executor_new (1);
  test_gate_init (&self->gate);
  self->blocker = cfut_executor_submit (self->executor, test_task_pass, &self->gate, NULL);
  test_gate_wait_arrived (&self->gate, 1);
}

static void
held_open (Held *self)
{
  test_gate_open (&self->gate);
}

static void
assert_ends (CfutExecutor *executor)
{
  GError *error = NULL;

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
}

/* All has ended, and so many functions have run besides the blocker. */
static void
held_clear (Held    *self,
            guint64  n_completed)
{
  held_open (self);
  assert_ends (self->executor);
  g_assert_cmpuint (cfut_executor_get_n_completed (self->executor), ==, n_completed + 1);
  g_assert_cmpuint (cfut_executor_get_n_running (self->executor), ==, 0);
  g_clear_object (&self->blocker);
  test_iterate_ready (NULL);
  g_clear_object (&self->executor);
  test_gate_clear (&self->gate);
}

static CfutFuture *
submit (CfutExecutor   *executor,
        int             priority,
        CfutTaskFunc    func,
        gpointer        user_data,
        GDestroyNotify  destroy)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();

  cfut_request_set_priority (request, priority);
  return cfut_executor_submit_full (executor, request, func, user_data, destroy);
}

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

static CfutFuture *
submit_below (CfutExecutor   *executor,
              GCancellable   *parent,
              CfutTaskFunc    func,
              gpointer        user_data,
              GDestroyNotify  destroy)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();

  cfut_request_set_cancellable (request, parent);
  return cfut_executor_submit_full (executor, request, func, user_data, destroy);
}

/* --- names and groups --- */

/* The future has the request's name, and stands in its group before it can start. */
static void
test_request_name_and_group (void)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) next = NULL;
  g_autofree char *name = NULL;
  Held held;

  held_init (&held);
  cfut_request_set_name (request, "Täsk");
  cfut_request_set_group (request, group);
  future = cfut_executor_submit_full (held.executor, request, test_task_number,
                                      GINT_TO_POINTER (7), NULL);
  name = cfut_future_dup_name (future);
  g_assert_cmpstr (name, ==, "Täsk");
  held_open (&held);
  next = cfut_group_next (group, TEST_DEADLINE_USEC, NULL, NULL);
  g_assert_true (next == future);
  g_assert_cmpint (cfut_future_result_int64 (future, -1, NULL), ==, 7);
  held_clear (&held, 1);
}

typedef struct {
  CfutGroup *group;
  int ends;  /* atomic */
} Canceller;

static gpointer
cancel_all_the_time (gpointer data)
{
  Canceller *self = data;

  while (!g_atomic_int_get (&self->ends))
    cfut_group_cancel (self->group);
  return NULL;
}

/* Guarantee 1: a future that is cancelled through its group while it is being submitted settles once, and its function
 * does not run after that. */
static void
test_request_group_cancelled_while_submitting (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  Canceller canceller = { group, 0 };
  GThread *thread = g_thread_new ("canceller", cancel_all_the_time, &canceller);
  TestPlace destroyed = { 0 };
  TestPlace called = { 0 };
  int n_cancelled = 0;
  int n_ran = 0;
  int n = 3000;

  cfut_request_set_group (request, group);
  for (int i = 0; i < n; i++)
    {
      g_autoptr (CfutFuture) future = NULL;
      int before = g_atomic_int_get (&n_ran);

      future = cfut_executor_submit_full (executor, request, test_task_count, &n_ran, NULL);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &called,
                                     NULL);
      cfut_future_wait (future, -1, NULL, NULL);
      if (cfut_future_get_state (future) == CFUT_STATE_CANCELLED)
        {
          n_cancelled++;
          g_assert_cmpint (g_atomic_int_get (&n_ran), ==, before);
        }
      else
        {
          g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RESOLVED);
        }
    }
  g_atomic_int_set (&canceller.ends, TRUE);
  g_thread_join (thread);
  assert_ends (executor);
  test_iterate_until (NULL, test_place_get_n (&called) >= n);
  test_iterate_ready (NULL);
  g_assert_cmpint (test_place_get_n (&called), ==, n);
  g_assert_cmpint (n_cancelled + n_ran, ==, n);
  g_assert_cmpint (destroyed.n_calls, ==, 0);
}

/* --- cancellables --- */

/* What is cancelled before the submission never starts. */
static void
test_request_cancelled_before (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (GCancellable) parent = g_cancellable_new ();
  g_autoptr (CfutFuture) future = NULL;
  TestPlace destroyed = { 0 };

  g_cancellable_cancel (parent);
  future = submit_below (executor, parent, test_task_count, &destroyed.n_calls, NULL);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&future);

  future = submit_below (executor, parent, test_task_nothing, &destroyed, test_place_note);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
  test_iterate_until (NULL, test_place_get_n (&destroyed) > 0);
  test_place_assert_here (&destroyed, 1);
  assert_ends (executor);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 0);
}

/* Guarantee 5: queued ones are cancelled at once by the cancellable that a thousand of them share, and release what was
 * submitted; nothing of them stays with the cancellable. */
static void
test_request_cancelled_while_queued (void)
{
  g_autoptr (GCancellable) parent = g_cancellable_new ();
  CfutFuture *futures[1000];
  TestPlace destroyed = { 0 };
  int n_gone = 0;
  Held held;

  held_init (&held);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      futures[i] = submit_below (held.executor, parent, test_task_nothing, &destroyed, test_place_note);
      test_watch_gone (futures[i], &n_gone);
    }
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, G_N_ELEMENTS (futures));

  g_cancellable_cancel (parent);
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_assert_cmpint (cfut_future_get_state (futures[i]), ==, CFUT_STATE_CANCELLED);
      g_object_unref (futures[i]);
    }
  test_iterate_until (NULL, test_place_get_n (&destroyed) == G_N_ELEMENTS (futures));
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures));
  held_clear (&held, 0);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == G_N_ELEMENTS (futures));
  g_assert_cmpuint (G_OBJECT (parent)->ref_count, ==, 1);
}

/* Guarantee 5: a running function hears it through the cancellable of its own, and the future is cancelled
 * when it fails for that. */
static void
test_request_cancelled_while_running (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (GCancellable) parent = g_cancellable_new ();
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) other = NULL;
  TestGate gate;

  test_gate_init (&gate);
  future = submit_below (executor, parent, test_task_until_cancelled, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  g_cancellable_cancel (parent);
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  other = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  test_assert_settles (other, CFUT_STATE_RESOLVED);
  assert_ends (executor);
  test_gate_clear (&gate);
}

/* To cancel one future cancels neither the cancellable nor the others. */
static void
test_request_cancel_does_not_go_up (void)
{
  g_autoptr (GCancellable) parent = g_cancellable_new ();
  g_autoptr (CfutFuture) one = NULL;
  g_autoptr (CfutFuture) other = NULL;
  Held held;

  held_init (&held);
  one = submit_below (held.executor, parent, test_task_nothing, NULL, NULL);
  other = submit_below (held.executor, parent, test_task_nothing, NULL, NULL);
  g_assert_true (cfut_future_cancel (one));
  g_assert_false (g_cancellable_is_cancelled (parent));
  g_assert_cmpint (cfut_future_get_state (other), ==, CFUT_STATE_PENDING);
  held_open (&held);
  test_assert_settles (other, CFUT_STATE_RESOLVED);
  held_clear (&held, 1);
}

/* The cancellable may go first, and may be cancelled long after all has settled. */
static void
test_request_cancellable_lives_as_it_likes (void)
{
  g_autoptr (GCancellable) outliving = g_cancellable_new ();
  GCancellable *dying = g_cancellable_new ();
  g_autoptr (CfutFuture) first = NULL;
  CfutFuture *second;
  int n_gone = 0;
  Held held;

  held_init (&held);
  test_watch_gone (dying, &n_gone);
  first = submit_below (held.executor, dying, test_task_nothing, NULL, NULL);
  g_object_unref (dying);
  second = submit_below (held.executor, outliving, test_task_nothing, NULL, NULL);
  held_open (&held);
  test_assert_settles (first, CFUT_STATE_RESOLVED);
  test_assert_settles (second, CFUT_STATE_RESOLVED);
  test_iterate_ready (NULL);

  g_clear_object (&first);
  g_object_unref (second);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 1);
  g_cancellable_cancel (outliving);
  g_assert_cmpuint (G_OBJECT (outliving)->ref_count, ==, 1);
  held_clear (&held, 2);
}

typedef struct {
  CfutExecutor *executor;
  GCancellable *parent;
  CfutFuture *first;
  CfutFuture *second;
  CfutFuture *late;
} Handler;

static void
on_cancelled (GCancellable *cancellable,
              gpointer      data)
{
  Handler *self = data;

  g_assert_true (cfut_future_cancel (self->second));
  cfut_future_cancel (self->first);
  g_cancellable_cancel (self->parent);
  self->late = submit_below (self->executor, self->parent, test_task_nothing, NULL, NULL);
}

/* A handler of the cancellable may cancel futures that follow it, the cancellable, and submit more with it. */
static void
test_request_cancel_inside_a_handler (void)
{
  g_autoptr (GCancellable) parent = g_cancellable_new ();
  Handler handler = { NULL };
  gulong id;
  Held held;

  held_init (&held);
  handler.executor = held.executor;
  handler.parent = parent;
  handler.first = submit_below (held.executor, parent, test_task_nothing, NULL, NULL);
  id = g_signal_connect (parent, "cancelled", G_CALLBACK (on_cancelled), &handler);
  handler.second = submit_below (held.executor, parent, test_task_nothing, NULL, NULL);

  g_cancellable_cancel (parent);
  g_assert_cmpint (cfut_future_get_state (handler.first), ==, CFUT_STATE_CANCELLED);
  g_assert_cmpint (cfut_future_get_state (handler.second), ==, CFUT_STATE_CANCELLED);
  g_assert_cmpint (cfut_future_get_state (handler.late), ==, CFUT_STATE_CANCELLED);
  g_signal_handler_disconnect (parent, id);
  g_object_unref (handler.first);
  g_object_unref (handler.second);
  g_object_unref (handler.late);
  held_clear (&held, 0);
}

static gpointer
cancel_it (gpointer data)
{
  g_cancellable_cancel (data);
  return NULL;
}

/* Guarantee 1: however a cancellable's cancelling falls together with submitting, starting and ending, each future
 * settles, once. */
static void
test_request_cancel_races (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  TestPlace destroyed = { 0 };
  int n = 0;

  for (guint round = 0; round < 300; round++)
    {
      g_autoptr (GCancellable) parent = g_cancellable_new ();
      CfutFuture *futures[5];
      GThread *thread = g_thread_new ("cancel", cancel_it, parent);

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++, n++)
        futures[i] = submit_below (executor, parent, test_task_nothing, &destroyed, test_place_note);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_assert_true (cfut_future_wait (futures[i], TEST_DEADLINE_USEC, NULL, NULL));
          g_assert_cmpint (cfut_future_get_state (futures[i]), !=, CFUT_STATE_REJECTED);
          g_object_unref (futures[i]);
        }
      g_thread_join (thread);
    }
  assert_ends (executor);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == n);
  test_place_assert_here (&destroyed, n);
}

/* --- queue deadlines --- */

/* Guarantee 7: what has not started by its queue deadline is rejected, once, without a thread being free; what was
 * submitted with it is released on the owner's context. */
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
      cfut_future_add_done_callback (futures[i], CFUT_CALLBACK_DEFAULT, test_place_callback, &called,
                                     NULL);
      if (i % 3 == 0)
        cfut_future_set_priority (futures[i], (int) i - 25);
      test_watch_gone (futures[i], &n_gone);
    }
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_fails (futures[i], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
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

/* Guarantee 7: a deadline that is far away harms nobody, and does not keep what has settled before it. */
static void
test_request_far_deadlines_keep_nothing (void)
{
  static const gint64 deadlines[] = { G_MAXINT64, G_MAXINT64 - 1, G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC };
  CfutFuture *ran[G_N_ELEMENTS (deadlines)];
  CfutFuture *cancelled[G_N_ELEMENTS (deadlines)];
  int n_gone = 0;
  Held held;

  held_init (&held);
  for (guint i = 0; i < G_N_ELEMENTS (deadlines); i++)
    {
      ran[i] = submit_until (held.executor, deadlines[i], deadlines[i], test_task_nothing, NULL, NULL);
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

/* Guarantee 7: start and queue deadline fall together again and again: one of them wins, and a run deadline
 * that is far away is not taken for the one that has passed. */
static void
test_request_queue_deadline_against_start (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  TestPlace destroyed = { 0 };
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
  assert_ends (executor);
  g_test_message ("%d rejected, %d ran", n_rejected, n_ran);
  g_assert_cmpint (n_rejected + n_ran, ==, n);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, n_ran);
  g_assert_cmpint (destroyed.n_calls, ==, 0);
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

/* Guarantee 7: the future is settled while the function still runs; that is told to stop, and what was submitted with
 * it lives until it has returned. What the function says of itself then changes nothing. */
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
  assert_ends (executor);
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

/* Guarantee 7: the task's cancellable is cancelled at the deadline, so that what waits with it ends. */
static void
test_request_run_deadline_cancels (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;

  test_gate_init (&gate);
  future = submit_until (executor, -1, 1000, wait_on_cancellable, &gate, NULL);
  assert_deadline (future);
  assert_ends (executor);
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
      g_autoptr (CfutFuture) good = submit_until (executor, -1, G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC,
                                                  test_task_number, GINT_TO_POINTER (5), NULL);
      g_autoptr (CfutFuture) bad = submit_until (executor, -1, G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC,
                                                 test_task_fail, NULL, NULL);

      test_watch_gone (good, &n_gone);
      test_watch_gone (bad, &n_gone);
      g_assert_cmpint (cfut_future_result_int64 (good, -1, NULL), ==, 5);
      test_assert_fails (bad, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_FAILED);
    }
  assert_ends (executor);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == (int) (2 * n));
}

/* Guarantee 7: a thread that stays stuck is replaced, and counted, until its function returns; the one worker's place
 * is taken by another, and never by two. */
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
  assert_ends (executor);
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

/* Guarantee 7: a stuck thread that sleeps in a wait, from before it was given up or from after, is replaced by one
 * thread and not by two: one that is not counted is not stood in for. */
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

      /* With the first at the gate nobody looks for work, so each submission starts a thread if it may. */
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
      assert_ends (executor);
      test_gate_clear (&wait.before);
      test_gate_clear (&gate);
    }
}

/* A shutdown that waits does not wait for one that is stuck, whose future has settled; and what is left behind ends by
 * itself, with the executor long gone. */
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
  assert_ends (executor);
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

/* Guarantee 7: end and deadline fall together again and again: the future is one or the other, whole, for good; what
 * was submitted is released once. */
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
  assert_ends (executor);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 4000);
}


/* --- priorities --- */

typedef struct {
  GMutex lock;
  GString *starts;
} Log;

typedef struct {
  Log *log;
  char sign;
} Logged;

static void
log_init (Log *self)
{
  g_mutex_init (&self->lock);
  self->starts = g_string_new (NULL);
}

static void
log_clear (Log *self)
{
  g_string_free (self->starts, TRUE);
  g_mutex_clear (&self->lock);
}

static gboolean
log_start (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Logged *self = data;

  g_mutex_lock (&self->log->lock);
  g_string_append_c (self->log->starts, self->sign);
  g_mutex_unlock (&self->log->lock);
  return TRUE;
}

static CfutFuture *
submit_logged (CfutExecutor *executor,
               Log          *log,
               int           priority,
               char          sign)
{
  Logged *logged = g_new (Logged, 1);

  *logged = (Logged) { log, sign };
  return submit (executor, priority, log_start, logged, g_free);
}

/* Urgent before default before background, and first in, first out, among equals, in whatever order they come. */
static void
test_request_priorities_order (void)
{
  Log log;
  Held held;

  held_init (&held);
  log_init (&log);
  for (guint i = 0; i < 3; i++)
    {
      g_object_unref (submit_logged (held.executor, &log, 100, (char) ('x' + i)));
      g_object_unref (submit_logged (held.executor, &log, 0, (char) ('m' + i)));
      g_object_unref (submit_logged (held.executor, &log, -100, (char) ('a' + i)));
    }
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, 9);
  held_clear (&held, 9);

  g_assert_cmpstr (log.starts->str, ==, "abcmnoxyz");
  log_clear (&log);
}

/* A priority that is out of range counts as the nearest that is not, and is told so. */
static void
test_request_priority_extremes (void)
{
  g_autoptr (CfutFuture) low = NULL;
  g_autoptr (CfutFuture) high = NULL;
  Log log;
  Held held;

  held_init (&held);
  log_init (&log);
  low = submit_logged (held.executor, &log, 0, 'z');
  high = submit_logged (held.executor, &log, 0, 'a');
  g_assert_cmpint (cfut_future_get_priority (low), ==, 0);
  g_assert_true (cfut_future_set_priority (low, G_MAXINT));
  g_assert_true (cfut_future_set_priority (high, G_MININT));
  g_assert_cmpint (cfut_future_get_priority (low), ==, 100);
  g_assert_cmpint (cfut_future_get_priority (high), ==, -100);
  held_clear (&held, 2);
  g_assert_cmpstr (log.starts->str, ==, "az");
  log_clear (&log);
}

/* While it is queued, up, down and back to the default, each as often as one likes; the counts stay as they are. */
static void
test_request_priority_changes_while_queued (void)
{
  CfutFuture *futures[6];
  Log log;
  Held held;

  held_init (&held);
  log_init (&log);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = submit_logged (held.executor, &log, i == 5 ? 100 : 0, (char) ('a' + i));

  g_assert_true (cfut_future_set_priority (futures[1], 100));
  g_assert_true (cfut_future_set_priority (futures[1], -100));
  g_assert_true (cfut_future_set_priority (futures[3], -100));
  g_assert_true (cfut_future_set_priority (futures[3], 50));
  g_assert_true (cfut_future_set_priority (futures[4], 100));
  g_assert_true (cfut_future_set_priority (futures[4], 0));
  g_assert_true (cfut_future_set_priority (futures[5], -50));
  g_assert_true (cfut_future_set_priority (futures[0], 100));
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, G_N_ELEMENTS (futures));

  held_open (&held);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_assert_false (cfut_future_set_priority (futures[i], 1));
      g_object_unref (futures[i]);
    }
  held_clear (&held, G_N_ELEMENTS (futures));
  g_assert_cmpuint (log.starts->len, ==, G_N_ELEMENTS (futures));
  g_assert_true (g_str_has_prefix (log.starts->str, "bf"));
  g_assert_true (g_str_has_suffix (log.starts->str, "da"));
  log_clear (&log);
}

/* Only what is queued can be moved. */
static void
test_request_set_priority_elsewhere (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (CfutFuture) cancelled = NULL;
  Held held;

  held_init (&held);
  g_assert_false (cfut_future_set_priority (held.blocker, -1));
  g_assert_false (cfut_future_set_priority (cfut_promise_get_future (promise), -1));
  g_assert_cmpint (cfut_future_get_priority (cfut_promise_get_future (promise)), ==, 0);
  cancelled = submit (held.executor, 3, test_task_nothing, NULL, NULL);
  g_assert_true (cfut_future_cancel (cancelled));
  g_assert_false (cfut_future_set_priority (cancelled, -1));
  held_clear (&held, 0);
}

typedef struct {
  CfutFuture **futures;
  guint n;
  guint32 seed;
} Shuffler;

static gpointer
shuffle_priorities (gpointer data)
{
  Shuffler *self = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (self->seed);

  for (guint i = 0; i < 20 * self->n; i++)
    cfut_future_set_priority (self->futures[g_rand_int_range (rand, 0, (gint32) self->n)],
                              g_rand_int_range (rand, -3, 4));
  return NULL;
}

/* Guarantee 1: several threads move tasks about while they are started, cancelled and come to their deadlines: each
 * settles, runs once at most, and is released; nothing is pending in the end. */
static void
test_request_priority_races (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint round = 0; round < 40; round++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1 + round % 3);
      TestPlace destroyed = { 0 };
      CfutFuture *futures[120];
      Shuffler shufflers[2];
      GThread *threads[2];
      int n_gone = 0;

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_autoptr (CfutRequest) request = cfut_request_new ();

          cfut_request_set_priority (request, (int) (i % 4) - 1);
          if (i % 5 == 0)
            cfut_request_set_queue_deadline_usec (request, g_rand_int_range (rand, 0, 1000));
          futures[i] = cfut_executor_submit_full (executor, request, test_task_nothing, &destroyed,
                                                  test_place_note);
          test_watch_gone (futures[i], &n_gone);
        }
      for (guint i = 0; i < 2; i++)
        {
          shufflers[i] = (Shuffler) { futures, G_N_ELEMENTS (futures), g_rand_int (rand) };
          threads[i] = g_thread_new ("shuffler", shuffle_priorities, &shufflers[i]);
        }
      for (guint i = 0; i < 20; i++)
        cfut_future_cancel (futures[g_rand_int_range (rand, 0, G_N_ELEMENTS (futures))]);
      for (guint i = 0; i < 2; i++)
        g_thread_join (threads[i]);

      assert_ends (executor);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_assert_true (cfut_future_is_settled (futures[i]));
          g_object_unref (futures[i]);
        }
      test_iterate_until (NULL, g_atomic_int_get (&n_gone) == G_N_ELEMENTS (futures));
      test_place_assert_here (&destroyed, G_N_ELEMENTS (futures));
    }
}

typedef struct {
  CfutExecutor *executor;
  CfutFuture *awaited;    /* (nullable): the flood ends when it has run */
  int priority;
  int n_starts;           /* atomic */
  int ends;               /* atomic */
} Flood;

/* Each submits another one before it ends, so there is always one more of them. */
static gboolean
flood_on (CfutTask  *task,
          gpointer   data,
          GError   **error)
{
  Flood *self = data;

  g_atomic_int_inc (&self->n_starts);
  if (!g_atomic_int_get (&self->ends) && !cfut_future_is_settled (self->awaited))
    g_object_unref (submit (self->executor, self->priority, flood_on, self, NULL));
  return TRUE;
}

/* Nothing starves: among default tasks without end one of the background is started when its time has come. */
static void
test_request_background_ages (void)
{
  g_autoptr (CfutFuture) awaited = NULL;
  Flood flood = { NULL };
  Held held;

  held_init (&held);
  flood.executor = held.executor;
  flood.awaited = awaited = submit (held.executor, 1, test_task_nothing, NULL, NULL);
  for (guint i = 0; i < 4; i++)
    g_object_unref (submit (held.executor, 0, flood_on, &flood, NULL));
  held_open (&held);
  test_assert_settles (awaited, CFUT_STATE_RESOLVED);
  assert_ends (held.executor);
  held_clear (&held, 1 + (guint64) g_atomic_int_get (&flood.n_starts));
}

/* Of eight starts one is of default priority, while urgent ones come without end. */
static void
test_request_default_among_urgent (void)
{
  Flood flood = { .priority = -100 };
  CfutFuture *defaults[20];
  Log log;
  Held held;

  held_init (&held);
  log_init (&log);
  flood.executor = held.executor;
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    defaults[i] = submit (held.executor, 0, test_task_nothing, NULL, NULL);
  flood.awaited = defaults[G_N_ELEMENTS (defaults) - 1];
  for (guint i = 0; i < 4; i++)
    g_object_unref (submit (held.executor, -100, flood_on, &flood, NULL));
  held_open (&held);
  test_assert_settles (flood.awaited, CFUT_STATE_RESOLVED);
  assert_ends (held.executor);

  /* Seven for each of them, the four that end the flood, and what the first look at the queue is worth. */
  g_assert_cmpint (g_atomic_int_get (&flood.n_starts), <=, 8 * (int) G_N_ELEMENTS (defaults) + 8);
  g_assert_cmpint (g_atomic_int_get (&flood.n_starts), >=, 4 * (int) G_N_ELEMENTS (defaults));
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    g_object_unref (defaults[i]);
  held_clear (&held, G_N_ELEMENTS (defaults) + (guint64) flood.n_starts);
  log_clear (&log);
}

/* The same for those that another worker has fetched, which is held up by the first of them. */
static void
test_request_default_behind_a_long_task (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  Flood flood = { .executor = executor, .priority = -100 };
  CfutFuture *defaults[8];
  TestGate both;
  TestGate gate;

  /* One of two workers takes all that is queued, of which the first does not end. */
  test_gate_init (&both);
  test_gate_init (&gate);
  for (guint i = 0; i < 2; i++)
    g_object_unref (cfut_executor_submit (executor, test_task_pass, &both, NULL));
  test_gate_wait_arrived (&both, 2);
  g_object_unref (cfut_executor_submit (executor, test_task_pass, &gate, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    defaults[i] = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  flood.awaited = defaults[G_N_ELEMENTS (defaults) - 1];
  for (guint i = 0; i < 4; i++)
    g_object_unref (submit (executor, -100, flood_on, &flood, NULL));
  test_gate_open (&both);
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    {
      test_assert_settles (defaults[i], CFUT_STATE_RESOLVED);
      g_object_unref (defaults[i]);
    }
  test_gate_open (&gate);
  assert_ends (executor);
  test_gate_clear (&gate);
  test_gate_clear (&both);
}

/* Guarantee 5: what stands among the priorities is cancelled at once, in any order: nothing is pending, nothing kept, and
 * the executor ends. */
static void
test_request_cancel_of_placed (void)
{
  CfutFuture *futures[300];
  TestPlace destroyed = { 0 };
  int n_gone = 0;
  Held held;

  held_init (&held);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      futures[i] = submit (held.executor, (int) (i % 7) - 3, test_task_nothing, &destroyed,
                           test_place_note);
      if (i % 2 == 0)
        cfut_future_set_priority (futures[i], (int) (i % 5) - 2);
      test_watch_gone (futures[i], &n_gone);
    }
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, G_N_ELEMENTS (futures));
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      guint j = (i * 7) % G_N_ELEMENTS (futures);

      g_assert_true (cfut_future_cancel (futures[j]));
      g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==,
                        G_N_ELEMENTS (futures) - i - 1);
    }
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    g_object_unref (futures[i]);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == G_N_ELEMENTS (futures));
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures));
  held_clear (&held, 0);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == G_N_ELEMENTS (futures));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/request-run/" name, test_request_##func)
  add ("name-and-group", name_and_group);
  add ("1-group-cancelled-while-submitting", group_cancelled_while_submitting);
  add ("5-cancelled-before", cancelled_before);
  add ("5-cancelled-while-queued", cancelled_while_queued);
  add ("5-cancelled-while-running", cancelled_while_running);
  add ("5-cancel-does-not-go-up", cancel_does_not_go_up);
  add ("cancellable-lives-as-it-likes", cancellable_lives_as_it_likes);
  add ("5-cancel-inside-a-handler", cancel_inside_a_handler);
  add ("1-cancel-races", cancel_races);
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
  add ("priorities-order", priorities_order);
  add ("priority-extremes", priority_extremes);
  add ("priority-changes-while-queued", priority_changes_while_queued);
  add ("set-priority-elsewhere", set_priority_elsewhere);
  add ("1-priority-races", priority_races);
  add ("background-ages", background_ages);
  add ("default-among-urgent", default_among_urgent);
  add ("default-behind-a-long-task", default_behind_a_long_task);
  add ("5-cancel-of-placed", cancel_of_placed);
#undef add

  return g_test_run ();
}
