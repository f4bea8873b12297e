/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a request asks for and a thread executor does: names, groups, and cancellables from outside;
 * with the counts of the executor after each. Guarantees 1 (all settles, once), 2 (what was
 * submitted is released on the owner's context) and 5 (cancel). */

#include "test-request-util.h"

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

/* Guarantee 1: a future that is cancelled through its group while it is being submitted settles
 * once, and its function does not run after that. */
static void
test_request_group_cancelled_while_submitting (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  Canceller canceller = { group, 0 };
  GThread *thread = g_thread_new ("canceller", cancel_all_the_time, &canceller);
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
  test_assert_ends (executor);
  test_iterate_until (NULL, test_place_get_n (&called) >= n);
  test_iterate_ready (NULL);
  g_assert_cmpint (test_place_get_n (&called), ==, n);
  g_assert_cmpint (n_cancelled + n_ran, ==, n);
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
  test_assert_ends (executor);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 0);
}

/* Guarantee 5: queued ones are cancelled at once by the cancellable that a thousand of them share,
 * and release what was submitted; nothing of them stays with the cancellable. */
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
      futures[i] = submit_below (held.executor, parent, test_task_nothing, &destroyed,
                                 test_place_note);
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

/* Guarantee 5: a running function hears it through the cancellable of its own, and the future is
 * cancelled when it fails for that. */
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
  test_assert_ends (executor);
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

/* A handler of the cancellable may cancel futures that follow it, the cancellable, and submit more
 * with it. */
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

/* Guarantee 1: however a cancellable's cancelling falls together with submitting, starting and
 * ending, each future settles, once. */
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
        futures[i] = submit_below (executor, parent, test_task_nothing, &destroyed,
                                   test_place_note);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_assert_true (cfut_future_wait (futures[i], TEST_DEADLINE_USEC, NULL, NULL));
          g_assert_cmpint (cfut_future_get_state (futures[i]), !=, CFUT_STATE_REJECTED);
          g_object_unref (futures[i]);
        }
      g_thread_join (thread);
    }
  test_assert_ends (executor);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == n);
  test_place_assert_here (&destroyed, n);
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
#undef add

  return g_test_run ();
}
