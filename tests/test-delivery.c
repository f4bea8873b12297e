/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How completions get back to who submitted: guarantees 2 (owner: where things are called and released)
 * and 3 (order). Programs without a main loop are test-delivery-reap.c's, floods test-delivery-flood.c's. */

#include "test-util.h"

#include <string.h>

/* --- 3: order --- */

typedef struct {
  GString *order;
  TestPlace place;
} Log;

static void
log_progress (CfutFuture *future,
              GParamSpec *pspec,
              Log        *log)
{
  g_string_append_printf (log->order, "p%.2f ", cfut_future_get_fraction (future));
}

static void
log_message (CfutFuture *future,
             GParamSpec *pspec,
             Log        *log)
{
  g_autofree char *message = cfut_future_dup_message (future);

  g_string_append_printf (log->order, "m:%s ", message);
}

static void
log_state (CfutFuture *future,
           GParamSpec *pspec,
           Log        *log)
{
  g_string_append_printf (log->order, "s%d ", cfut_future_get_state (future));
}

static void
log_done (CfutFuture *future,
          Log        *log)
{
  g_string_append (log->order, "done ");
}

static void
log_done_again (CfutFuture *future,
                Log        *log)
{
  g_string_append (log->order, "done2 ");
}

static void
log_callback (CfutFuture *future,
              gpointer    data)
{
  g_string_append (((Log *) data)->order, "cb ");
}

static void
log_callback_again (CfutFuture *future,
                    gpointer    data)
{
  g_string_append (((Log *) data)->order, "cb2 ");
}

static void
log_destroy (gpointer data)
{
  g_string_append (((Log *) data)->order, "destroy ");
}

static void
log_async (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  Log *log = data;

  g_assert_true (cfut_future_wait_finish (CFUT_FUTURE (source), result, NULL));
  g_string_append (log->order, "async ");
  test_place_note (&log->place);
}

static void
connect_all (CfutFuture *future,
             Log        *log)
{
  log->order = g_string_new (NULL);

  /* Against the order in which they are to be called. */
  cfut_future_wait_async (future, -1, NULL, log_async, log);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, log_callback, log, NULL);
  g_signal_connect (future, "done", G_CALLBACK (log_done), log);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, log_callback_again, log,
                                 log_destroy);
  g_signal_connect (future, "done", G_CALLBACK (log_done_again), log);
  g_signal_connect (future, "notify::state", G_CALLBACK (log_state), log);
  g_signal_connect (future, "notify::fraction", G_CALLBACK (log_progress), log);
  g_signal_connect (future, "notify::message", G_CALLBACK (log_message), log);
}

static gboolean
report_and_resolve (CfutTask  *task,
                    gpointer   data,
                    GError   **error)
{
  cfut_task_set_progress (task, 1, 4);
  cfut_task_set_message (task, "one");
  cfut_task_set_progress (task, 3, 4);
  cfut_task_set_message (task, "last");
  return data == NULL || test_task_fail (task, NULL, error);
}

/* Guarantee 3: last progress, `state`, `done` handlers, callbacks, each in the order added, and the
 * asynchronous wait last of all, however the future settled and in whatever order they
 * were asked for. */
static void
test_delivery_order_of_one_future (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint fail = 0; fail < 2; fail++)
    {
      g_autoptr (CfutFuture) future = NULL;
      TestGate gate;
      Log log = { 0 };
      CfutFuture *blocker;
      char *last;

      test_gate_init (&gate);
      blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
      future = cfut_executor_submit (executor, report_and_resolve, GUINT_TO_POINTER (fail), NULL);
      connect_all (future, &log);
      test_gate_open (&gate);
      test_assert_settles (future, fail ? CFUT_STATE_REJECTED : CFUT_STATE_RESOLVED);
      g_assert_cmpstr (log.order->str, ==, "");

      /* The settling thread answers asynchronous waits last, when the rest may be delivered already. */
      test_iterate_until (NULL, strstr (log.order->str, "async") != NULL);
      g_assert_cmpint (test_place_get_n (&log.place), ==, 1);

      /* Nothing was shown while it ran, so all of it comes now. */
      g_assert_nonnull (strstr (log.order->str, "m:last "));
      last = strstr (log.order->str, fail ? "s3 " : "s2 ");
      g_assert_nonnull (last);
      g_assert_cmpstr (last + 3, ==, "done done2 cb cb2 destroy async ");
      *last = '\0';
      g_assert_nonnull (strstr (log.order->str, fail ? "p0.75 " : "p1.00 "));

      g_string_free (log.order, TRUE);
      g_object_unref (blocker);
      test_gate_clear (&gate);
    }
}

/* Guarantee 3: notifications follow the getters: RUNNING is notified while it runs, then the end. */
static void
test_delivery_state_running_is_notified (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) blocker = NULL;
  TestGate gates[2];
  Log log = { 0 };

  test_gate_init (&gates[0]);
  test_gate_init (&gates[1]);
  blocker = cfut_executor_submit (executor, test_task_pass, &gates[0], NULL);
  future = cfut_executor_submit (executor, test_task_pass, &gates[1], NULL);
  connect_all (future, &log);

  test_gate_wait_arrived (&gates[0], 1);
  test_iterate_ready (NULL);
  g_assert_cmpstr (log.order->str, ==, "");

  test_gate_open (&gates[0]);
  test_iterate_until (NULL, log.order->len > 0);
  g_assert_cmpstr (log.order->str, ==, "s1 ");
  test_gate_wait_arrived (&gates[1], 1);
  test_gate_open (&gates[1]);
  test_iterate_until (NULL, test_place_get_n (&log.place) == 1);
  g_assert_true (g_str_has_prefix (log.order->str, "s1 "));
  g_assert_true (g_str_has_suffix (log.order->str, "s2 done done2 cb cb2 destroy async "));

  g_string_free (log.order, TRUE);
  test_gate_clear (&gates[0]);
  test_gate_clear (&gates[1]);
}

/* Guarantee 3: whoever submits, and connects before it returns to its loop, misses no report, however soon that
 * came. */
static void
test_delivery_report_before_the_handler (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  Log log = { 0 };

  cfut_promise_set_message (promise, "early");
  cfut_promise_set_progress (promise, 1, 4);
  connect_all (future, &log);
  g_assert_cmpstr (log.order->str, ==, "");
  test_iterate_until (NULL, log.order->len > 0);
  g_assert_cmpstr (log.order->str, ==, "p0.25 m:early ");

  g_assert_true (cfut_promise_resolve (promise, NULL));
  test_iterate_until (NULL, test_place_get_n (&log.place) == 1);
  g_string_free (log.order, TRUE);
}

static void
append_number (CfutFuture *future,
               gpointer    numbers)
{
  int number = (int) cfut_future_result_int64 (future, 0, NULL);

  g_array_append_val ((GArray *) numbers, number);
}

/* Guarantee 3: futures of one context come in the order in which they settled. */
static void
test_delivery_order_of_many_futures (void)
{
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (int));
  CfutPromise *promises[100];

  for (guint i = 0; i < G_N_ELEMENTS (promises); i++)
    {
      promises[i] = cfut_promise_new ();
      cfut_future_add_done_callback (cfut_promise_get_future (promises[i]), CFUT_CALLBACK_DEFAULT,
                                     append_number, numbers, NULL);
    }
  for (int i = G_N_ELEMENTS (promises) - 1; i >= 0; i--)
    cfut_promise_resolve_int64 (promises[i], i);

  test_iterate_until (NULL, numbers->len == G_N_ELEMENTS (promises));
  for (guint i = 0; i < numbers->len; i++)
    {
      g_assert_cmpint (g_array_index (numbers, int, i), ==, (int) (numbers->len - 1 - i));
      g_object_unref (promises[i]);
    }
}

typedef struct {
  CfutPromise *inner;
  TestPlace inner_called;
  TestPlace second_called;
  gboolean in_first;
  gboolean nested_done;
} Nested;

static void
inner_callback (CfutFuture *future,
                gpointer    data)
{
  Nested *nested = data;

  g_assert_true (nested->in_first);
  test_place_note (&nested->inner_called);
}

static void
run_nested_loop (CfutFuture *future,
                 gpointer    data)
{
  Nested *nested = data;
  GThread *thread;

  nested->in_first = TRUE;
  thread = g_thread_new ("resolver", test_promise_resolve, nested->inner);
  test_iterate_until (NULL, test_place_get_n (&nested->inner_called) == 1);
  g_thread_join (thread);
  nested->in_first = FALSE;
  nested->nested_done = TRUE;
}

static void
second_callback (CfutFuture *future,
                 gpointer    data)
{
  test_place_note (&((Nested *) data)->second_called);
}

static void
nested_handler (CfutFuture *future,
                Nested     *nested)
{
  run_nested_loop (future, nested);
}

/* Guarantees 2 and 3: a main loop inside a callback or handler gets what settles meanwhile; nothing
 * is lost, and nothing is called twice. */
static void
test_delivery_nested_main_loop (void)
{
  for (guint handler = 0; handler < 2; handler++)
    {
      g_autoptr (CfutPromise) outer = cfut_promise_new ();
      g_autoptr (CfutPromise) other = cfut_promise_new ();
      Nested nested = { 0 };

      nested.inner = cfut_promise_new ();
      cfut_future_add_done_callback (cfut_promise_get_future (nested.inner), CFUT_CALLBACK_DEFAULT,
                                     inner_callback, &nested, NULL);
      if (handler)
        g_signal_connect (cfut_promise_get_future (outer), "done", G_CALLBACK (nested_handler),
                          &nested);
      else
        cfut_future_add_done_callback (cfut_promise_get_future (outer), CFUT_CALLBACK_DEFAULT,
                                       run_nested_loop, &nested, NULL);
      cfut_future_add_done_callback (cfut_promise_get_future (outer), CFUT_CALLBACK_DEFAULT,
                                     second_callback, &nested, NULL);
      cfut_future_add_done_callback (cfut_promise_get_future (other), CFUT_CALLBACK_DEFAULT,
                                     second_callback, &nested, NULL);

      cfut_promise_resolve (outer, NULL);
      cfut_promise_resolve (other, NULL);
      test_iterate_until (NULL, nested.nested_done &&
                                test_place_get_n (&nested.second_called) == 2);
      test_iterate_ready (NULL);
      test_place_assert_here (&nested.inner_called, 1);
      test_place_assert_here (&nested.second_called, 2);
      g_object_unref (nested.inner);
    }
}

typedef struct {
  CfutFuture *other;
  TestGate *gate;
  TestPlace place;
} WaitInside;

static void
wait_inside_done (CfutFuture *future,
                  WaitInside *wait)
{
  g_assert_true (cfut_future_wait (future, -1, NULL, NULL));
  test_gate_open (wait->gate);
  test_assert_settles (wait->other, CFUT_STATE_RESOLVED);
  test_place_note (&wait->place);
}

/* A blocking wait inside a `done` handler returns: for this future, which has settled, and for another. */
static void
test_delivery_wait_inside_done (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  TestPlace destroyed = { 0 };
  TestGate gate;
  WaitInside wait = { NULL, &gate, { 0 } };
  g_autoptr (CfutFuture) third = NULL;

  test_gate_init (&gate);
  wait.other = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  third = cfut_executor_submit (executor, test_task_nothing, &destroyed, test_place_note);
  g_signal_connect (cfut_promise_get_future (promise), "done", G_CALLBACK (wait_inside_done),
                    &wait);
  cfut_promise_resolve (promise, NULL);
  test_iterate_until (NULL, test_place_get_n (&wait.place) == 1);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 1);
  test_place_assert_here (&destroyed, 1);
  g_object_unref (wait.other);
  test_gate_clear (&gate);
}

static void
drop_last_reference (CfutFuture *future,
                     gpointer    slot)
{
  g_clear_object ((CfutFuture **) slot);
}

/* Guarantee 3: a callback that drops what was the last reference of the program's stops none after it. */
static void
test_delivery_callback_drops_the_future (void)
{
  CfutPromise *promise = cfut_promise_new ();
  CfutFuture *future = g_object_ref (cfut_promise_get_future (promise));
  TestPlace place = { 0 };
  int n_gone = 0;

  test_watch_gone (future, &n_gone);
  g_signal_connect (future, "done", G_CALLBACK (drop_last_reference), &future);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &place,
                                 test_place_note);
  cfut_promise_resolve (promise, NULL);
  g_object_unref (promise);
  test_iterate_until (NULL, n_gone == 1);
  g_assert_null (future);
  test_place_assert_here (&place, 2);
}

/* --- 2: owner --- */

typedef struct {
  CfutExecutor *executor;
  CfutFuture *future;
  TestGate *gate;
  TestPlace done;
  TestPlace notified;
  TestPlace called;
  TestPlace async;
  TestPlace destroyed;
  TestPlace gone;
} Everywhere;

static void
submit_everywhere (gpointer data)
{
  Everywhere *self = data;

  self->future = cfut_executor_submit (self->executor, test_task_pass, self->gate,
                                       NULL);
  g_signal_connect (self->future, "done", G_CALLBACK (test_place_done), &self->done);
  g_signal_connect (self->future, "notify::state", G_CALLBACK (test_place_notify), &self->notified);
  cfut_future_add_done_callback (self->future, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                 &self->called, test_place_note);
  cfut_future_wait_async (self->future, -1, NULL, test_place_async, &self->async);
  g_object_set_data_full (G_OBJECT (self->future), "data", &self->gone, test_place_note);

  {
    g_autoptr (CfutFuture) other = cfut_executor_submit (self->executor, test_task_nothing,
                                                         &self->destroyed, test_place_note);
    g_assert_nonnull (other);
  }
}

static void
drop_everywhere (gpointer data)
{
  g_clear_object (&((Everywhere *) data)->future);
}

static void
assert_place (TestPlace      *place,
              TestLoopThread *thread)
{
  g_assert_true (place->thread == test_loop_thread_get_thread (thread));
  g_assert_true (place->context == test_loop_thread_get_context (thread));
}

/* Guarantee 2: all that is called is called on the context and thread of the submission, whatever thread
 * settled, waited or looked; another main loop gets nothing of it. */
static void
test_delivery_everything_on_the_owner (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  TestLoopThread *owner = test_loop_thread_new ();
  TestGate gate;
  Everywhere self = { .executor = executor, .gate = &gate };

  test_gate_init (&gate);
  test_loop_thread_call (owner, submit_everywhere, &self);
  test_gate_open (&gate);
  test_assert_settles (self.future, CFUT_STATE_RESOLVED);

  test_iterate_until (NULL, test_place_get_n (&self.async) == 1 &&
                            test_place_get_n (&self.destroyed) == 1);
  g_assert_cmpint (test_place_get_n (&self.done), ==, 1);
  g_assert_cmpint (test_place_get_n (&self.called), ==, 2);
  g_assert_cmpint (test_place_get_n (&self.notified), >=, 1);
  assert_place (&self.done, owner);
  assert_place (&self.notified, owner);
  assert_place (&self.called, owner);
  assert_place (&self.async, owner);
  assert_place (&self.destroyed, owner);

  test_loop_thread_call (owner, drop_everywhere, &self);
  test_poll_until (test_place_get_n (&self.gone) == 1);
  g_assert_true (self.gone.thread == test_loop_thread_get_thread (owner));
  test_loop_thread_free (owner);
  test_gate_clear (&gate);
}

/* Guarantee 2: the asynchronous wait alone answers the caller, on the caller's context. */
typedef struct {
  CfutFuture *future;
  TestPlace place;
} CallerWait;

static void
start_caller_wait (gpointer data)
{
  CallerWait *self = data;

  cfut_future_wait_async (self->future, -1, NULL, test_place_async, &self->place);
}

static void
test_delivery_wait_async_answers_the_caller (void)
{
  TestLoopThread *caller = test_loop_thread_new ();
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CallerWait waits[2] = { { cfut_promise_get_future (promise), { 0 } },
                          { cfut_promise_get_future (promise), { 0 } } };

  test_loop_thread_call (caller, start_caller_wait, &waits[0]);
  cfut_promise_resolve (promise, NULL);
  test_loop_thread_call (caller, start_caller_wait, &waits[1]);

  /* The owner's loop does not run, and is not needed. */
  test_poll_until (test_place_get_n (&waits[0].place) == 1 &&
                   test_place_get_n (&waits[1].place) == 1);
  assert_place (&waits[0].place, caller);
  assert_place (&waits[1].place, caller);
  test_loop_thread_free (caller);
}

/* Guarantee 2: a blocking wait works when the owner's loop does not run, and when it runs something
 * else: only delivery needs it. */
static gpointer
wait_for_future (gpointer future)
{
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  return NULL;
}

static void
test_delivery_waits_need_no_loop (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;
  GThread *thread;
  TestPlace called = { 0 };

  test_gate_init (&gate);
  future = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &called, NULL);
  thread = g_thread_new ("waiter", wait_for_future, future);
  test_gate_open (&gate);
  g_thread_join (thread);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_assert_cmpint (test_place_get_n (&called), ==, 0);
  test_iterate_until (NULL, test_place_get_n (&called) == 1);
  test_gate_clear (&gate);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/delivery/" name, test_delivery_##func)
  add ("3-order-of-one-future", order_of_one_future);
  add ("3-state-running-is-notified", state_running_is_notified);
  add ("3-report-before-the-handler", report_before_the_handler);
  add ("3-order-of-many-futures", order_of_many_futures);
  add ("3-nested-main-loop", nested_main_loop);
  add ("3-wait-inside-done", wait_inside_done);
  add ("3-callback-drops-the-future", callback_drops_the_future);
  add ("2-everything-on-the-owner", everything_on_the_owner);
  add ("2-wait-async-answers-the-caller", wait_async_answers_the_caller);
  add ("2-waits-need-no-loop", waits_need_no_loop);
#undef add

  return g_test_run ();
}
