/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How completions get back to who submitted: guarantees 2 (owner: where things are called and released,
 * with a main loop, without one, and when the context is gone), 3 (order) and 4 (a flood of
 * completions leaves the main loop its turns). */

#include "test-util.h"

#include <string.h>

#define REDRAW_PRIORITY (G_PRIORITY_HIGH_IDLE + 20)

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

      test_iterate_until (NULL, test_place_get_n (&log.place) == 1);
      test_iterate_ready (NULL);

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

static gpointer
resolve_promise (gpointer promise)
{
  cfut_promise_resolve (promise, NULL);
  return NULL;
}

static void
run_nested_loop (CfutFuture *future,
                 gpointer    data)
{
  Nested *nested = data;
  GThread *thread;

  nested->in_first = TRUE;
  thread = g_thread_new ("resolver", resolve_promise, nested->inner);
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
note_done (CfutFuture *future,
           TestPlace  *place)
{
  test_place_note (place);
}

static void
note_notify (CfutFuture *future,
             GParamSpec *pspec,
             TestPlace  *place)
{
  test_place_note (place);
}

static void
note_async (GObject      *source,
            GAsyncResult *result,
            gpointer      place)
{
  test_place_note (place);
}

static void
submit_everywhere (gpointer data)
{
  Everywhere *self = data;

  self->future = cfut_executor_submit (self->executor, test_task_pass, self->gate,
                                       NULL);
  g_signal_connect (self->future, "done", G_CALLBACK (note_done), &self->done);
  g_signal_connect (self->future, "notify::state", G_CALLBACK (note_notify), &self->notified);
  cfut_future_add_done_callback (self->future, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                 &self->called, test_place_note);
  cfut_future_wait_async (self->future, -1, NULL, note_async, &self->async);
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

  cfut_future_wait_async (self->future, -1, NULL, note_async, &self->place);
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

/* A thread with no context of its own: its futures belong to the default context, which the main thread
 * runs. */
typedef struct {
  CfutExecutor *executor;
  TestPlace called;
  TestPlace destroyed;
  int n_finished;
} Contextless;

static void
assert_same_thread (gpointer data)
{
  TestPlace *place = data;

  /* Each has to be there, not just the last. */
  g_assert_true (place->thread == g_thread_self ());
  test_place_note (place);
}

static gpointer
submit_without_context (gpointer data)
{
  Contextless *self = data;

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing,
                                                            &self->destroyed, assert_same_thread);

      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                     &self->called, NULL);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }
  g_atomic_int_set (&self->n_finished, 1);
  return NULL;
}

/* Guarantee 2: its callbacks come on the default context's loop, and where the main thread is seen to run
 * that, its user data is released there too, not by its own waits between two iterations. */
static void
test_delivery_thread_without_context (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutPromise) first = cfut_promise_new ();
  Contextless self = { .executor = executor };
  GThread *thread;

  self.destroyed.thread = g_thread_self ();
  cfut_future_add_done_callback (cfut_promise_get_future (first), CFUT_CALLBACK_DEFAULT,
                                 test_place_callback, &self.called, NULL);
  cfut_promise_resolve (first, NULL);
  test_iterate_until (NULL, test_place_get_n (&self.called) == 1);

  thread = g_thread_new ("contextless", submit_without_context, &self);
  while (!g_atomic_int_get (&self.n_finished))
    g_main_context_iteration (NULL, FALSE);
  g_thread_join (thread);
  test_iterate_until (NULL, test_place_get_n (&self.called) == 201 &&
                            test_place_get_n (&self.destroyed) == 200);
  test_place_assert_here (&self.called, 201);
  test_place_assert_here (&self.destroyed, 200);
}

static gpointer
wait_without_context (gpointer data)
{
  Contextless *self = data;

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing, NULL,
                                                            NULL);

      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }
  return NULL;
}

/* Guarantee 2: what belongs to the main thread is never released by another thread's wait, though its
 * futures belong to the same context and nobody holds that at the moment. */
static void
test_delivery_other_threads_do_not_reap_for_main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  Contextless self = { .executor = executor };
  g_autoptr (CfutFuture) last = NULL;
  GThread *thread;

  self.destroyed.thread = g_thread_self ();
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_nothing,
                                                            &self.destroyed,
                                                            assert_same_thread);

      g_assert_nonnull (future);
    }
  thread = g_thread_new ("contextless", wait_without_context, &self);
  g_thread_join (thread);

  last = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  test_assert_settles (last, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 50);
  test_place_assert_here (&self.destroyed, 50);
}

/* --- 2: without a main loop --- */

/* The sanitizers' bookkeeping makes the full number take half a minute. */
#ifdef __SANITIZE_ADDRESS__
#define N_WAITED 20000
#else
#define N_WAITED 100000
#endif

static int n_released;  /* by the one thread that submits */

static void
count_released (gpointer data)
{
  g_assert_true (data == g_thread_self ());
  n_released++;
}

static void
submit_wait_drop (CfutExecutor *executor)
{
  int n_gone = 0;
  int n_most = 0;

  n_released = 0;
  for (int i = 0; i < N_WAITED; i++)
    {
      CfutFuture *future = cfut_executor_submit (executor, test_task_number, g_thread_self (),
                                                 count_released);

      if (i % 10 == 0)
        test_watch_gone (future, &n_gone);
      g_assert_true (cfut_future_wait (future, -1, NULL, NULL));
      g_object_unref (future);
      n_most = MAX (n_most, i + 1 - n_released);
    }

  /* At most the last few are on their way yet; a wait brings them. */
  g_assert_cmpint (n_most, <=, 2048);
  for (guint i = 0; n_released < N_WAITED || g_atomic_int_get (&n_gone) < N_WAITED / 10; i++)
    {
      g_autoptr (CfutPromise) never = cfut_promise_new ();

      g_assert_cmpuint (i, <, 1000);
      cfut_future_wait (cfut_promise_get_future (never), 1000, NULL, NULL);
    }
  g_assert_cmpint (n_released, ==, N_WAITED);
}

/* Guarantee 2: a program without a main loop leaks nothing: what it waited for and dropped is released on
 * its thread, and the amount that is not yet stays bounded. */
static void
test_delivery_no_loop_waits_release (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  submit_wait_drop (executor);
}

static gpointer
submit_wait_drop_with_context (gpointer executor)
{
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  submit_wait_drop (executor);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* The same on a thread with a context of its own that nobody iterates. */
static void
test_delivery_no_loop_own_context (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  g_thread_join (g_thread_new ("own-context", submit_wait_drop_with_context, executor));
}

static gboolean
post_sem (CfutTask  *task,
          gpointer   sem,
          GError   **error)
{
  test_sem_post (sem);
  return TRUE;
}

/* Guarantee 2: a program that only submits and never waits is reaped for by its submits. */
static void
test_delivery_no_loop_submits_release (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestSem sem;
  int n_submitted = 0;

  test_sem_init (&sem);
  n_released = 0;
  for (guint round = 0; round < 60; round++)
    {
      CfutFuture *last;

      for (guint i = 0; i < 1000; i++)
        {
          g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_number,
                                                                g_thread_self (), count_released);

          g_assert_nonnull (future);
          n_submitted++;
        }

      /* One worker, so all before this have ended. */
      last = cfut_executor_submit (executor, post_sem, &sem, NULL);
      g_object_unref (last);
      test_sem_wait (&sem);
      g_assert_cmpint (n_submitted - n_released, <=, 4096);
    }

  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, NULL));
  test_iterate_until (NULL, n_released == n_submitted);
  test_sem_clear (&sem);
}

static void
resolve_on_destroy (gpointer promise)
{
  cfut_promise_resolve (promise, NULL);
}

/* Guarantee 2: a thread that is blocked in a wait reaps meanwhile: here the wait is for something that only
 * the release of another task's data brings about. */
static void
test_delivery_no_loop_reaps_while_blocked (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      gint64 begin = g_get_monotonic_time ();
      TestGate gate;
      CfutFuture *blocker;
      CfutFuture *future;

      test_gate_init (&gate);
      blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
      future = cfut_executor_submit (executor, test_task_nothing, promise, resolve_on_destroy);
      g_object_unref (blocker);
      g_object_unref (future);
      test_gate_open (&gate);

      /* The end of the wait reaps too, so only one that ended before its limit has proved it. */
      test_assert_settles (cfut_promise_get_future (promise), CFUT_STATE_RESOLVED);
      g_assert_cmpint (g_get_monotonic_time () - begin, <, TEST_DEADLINE_USEC);
      test_gate_clear (&gate);
    }
}

/* Guarantee 2: reaping releases and does nothing else: whatever is called or emitted waits for a loop. */
static void
test_delivery_reaping_never_calls_back (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestPlace destroyed = { 0 };
  TestPlace called = { 0 };
  TestPlace done = { 0 };
  TestPlace notified = { 0 };
  TestPlace async = { 0 };

  for (guint i = 0; i < 20; i++)
    {
      CfutFuture *future = cfut_executor_submit (executor, test_task_nothing, &destroyed,
                                                 test_place_note);

      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &called,
                                     NULL);
      g_signal_connect (future, "done", G_CALLBACK (note_done), &done);
      g_signal_connect (future, "notify::state", G_CALLBACK (note_notify), &notified);
      cfut_future_wait_async (future, -1, NULL, note_async, &async);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      g_object_unref (future);
    }
  for (guint i = 0; test_place_get_n (&destroyed) < 20; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_nothing, NULL,
                                                            NULL);

      g_assert_cmpuint (i, <, 100000);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }

  test_place_assert_here (&destroyed, 20);
  g_assert_cmpint (test_place_get_n (&called), ==, 0);
  g_assert_cmpint (test_place_get_n (&done), ==, 0);
  g_assert_cmpint (test_place_get_n (&notified), ==, 0);
  g_assert_cmpint (test_place_get_n (&async), ==, 0);

  /* None is missed when a loop comes at last. */
  test_iterate_until (NULL, test_place_get_n (&async) == 20);
  test_iterate_ready (NULL);
  test_place_assert_here (&called, 20);
  test_place_assert_here (&done, 20);
  g_assert_cmpint (test_place_get_n (&notified), >=, 20);
  test_place_assert_here (&destroyed, 20);
}

typedef struct {
  CfutExecutor *executor;
  TestPlace destroyed;
} Depth;

static gboolean
wait_in_source (gpointer data)
{
  Depth *self = data;
  TestPlace before = self->destroyed;

  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing,
                                                            &self->destroyed, test_place_note);

      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }

  g_assert_cmpint (test_place_get_n (&self->destroyed), ==, before.n_calls);
  return G_SOURCE_REMOVE;
}

/* Guarantee 2: inside a main loop nothing is reaped: a destroy notify never runs in the middle of a
 * program's own callback. */
static void
test_delivery_no_reaping_inside_a_loop (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  Depth self = { .executor = executor };

  g_idle_add_full (G_PRIORITY_DEFAULT, wait_in_source, &self, NULL);
  test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 100);
  test_place_assert_here (&self.destroyed, 100);
}

/* --- 2: the context goes --- */

typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  gboolean settle_first;
  CfutFuture *future;
  TestPlace destroyed;
  TestPlace called;
  TestPlace callback_destroyed;
  TestPlace done;
} Orphan;

static void
callback_of_the_gone (CfutFuture *future,
                      gpointer    data)
{
  test_place_note (&((Orphan *) data)->called);
}

static void
orphan_callback_destroyed (gpointer data)
{
  test_place_note (&((Orphan *) data)->callback_destroyed);
}

static gboolean
orphan_task (CfutTask  *task,
             gpointer   data,
             GError   **error)
{
  test_gate_pass (&((Orphan *) data)->gate);
  cfut_task_set_progress (task, 1, 2);
  return TRUE;
}

static void
orphan_destroyed (gpointer data)
{
  test_place_note (&((Orphan *) data)->destroyed);
}

static gpointer
submit_and_leave (gpointer data)
{
  Orphan *self = data;
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  self->future = cfut_executor_submit (self->executor, orphan_task, self, orphan_destroyed);
  cfut_future_add_done_callback (self->future, CFUT_CALLBACK_DEFAULT, callback_of_the_gone, self,
                                 orphan_callback_destroyed);
  g_signal_connect (self->future, "done", G_CALLBACK (note_done), &self->done);
  if (self->settle_first)
    {
      test_gate_open (&self->gate);
      while (!cfut_future_is_settled (self->future))
        g_thread_yield ();
    }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* Guarantee 2: when the context goes, with futures still running or settled and not delivered, callbacks are
 * dropped, destroy notifies run on the default context, and waits still work. */
static void
test_delivery_context_goes (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint i = 0; i < 40; i++)
    {
      Orphan self = { .executor = executor, .settle_first = i & 1 };
      int n_gone = 0;

      test_gate_init (&self.gate);
      g_thread_join (g_thread_new ("leaver", submit_and_leave, &self));
      test_watch_gone (self.future, &n_gone);
      test_gate_open (&self.gate);
      test_assert_settles (self.future, CFUT_STATE_RESOLVED);

      test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 1 &&
                                test_place_get_n (&self.callback_destroyed) == 1);
      test_iterate_ready (NULL);
      test_place_assert_here (&self.destroyed, 1);
      test_place_assert_here (&self.callback_destroyed, 1);
      g_assert_cmpint (test_place_get_n (&self.called), ==, 0);
      g_assert_cmpint (test_place_get_n (&self.done), ==, 0);

      /* The future is as usable as before: DIRECT ones are called, others dropped. */
      cfut_future_add_done_callback (self.future, CFUT_CALLBACK_DEFAULT, callback_of_the_gone,
                                     &self, orphan_callback_destroyed);
      test_iterate_until (NULL, test_place_get_n (&self.callback_destroyed) == 2);
      g_assert_cmpint (test_place_get_n (&self.called), ==, 0);
      g_object_unref (self.future);
      test_iterate_until (NULL, n_gone == 1);
      test_gate_clear (&self.gate);
    }
}

static gpointer
flood_and_leave (gpointer data)
{
  Orphan *self = data;
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < 500; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing, self,
                                                            orphan_destroyed);

      if (i % 3 == 0)
        cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, callback_of_the_gone, self,
                                       orphan_callback_destroyed);
      if (i % 7 == 0)
        g_main_context_iteration (context, FALSE);
    }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* The same while workers are pushing: nothing is lost, whichever side of the end it falls on. */
static void
test_delivery_context_goes_under_fire (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  for (guint i = 0; i < 20; i++)
    {
      Orphan self = { .executor = executor };

      g_thread_join (g_thread_new ("leaver", flood_and_leave, &self));
      test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 500 &&
                                test_place_get_n (&self.callback_destroyed) == 167);
      test_iterate_ready (NULL);
      g_assert_cmpint (test_place_get_n (&self.destroyed), ==, 500);
      g_assert_cmpint (test_place_get_n (&self.callback_destroyed), ==, 167);
    }
}

static gpointer
flood_default_and_end (gpointer data)
{
  Orphan *self = data;

  for (guint i = 0; i < 500; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing, self,
                                                            orphan_destroyed);

      g_assert_nonnull (future);
    }
  return NULL;
}

/* A thread that ended leaves its futures to its context's loop. */
static void
test_delivery_thread_goes (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  for (guint i = 0; i < 10; i++)
    {
      Orphan self = { .executor = executor };

      g_thread_join (g_thread_new ("leaver", flood_default_and_end, &self));
      test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 500);
      g_assert_cmpint (test_place_get_n (&self.destroyed), ==, 500);
    }
}

/* No reference is held on a context: it goes when its maker drops it. */
static void
source_finalized (gpointer data)
{
  *(gboolean *) data = TRUE;
}

static gboolean
never_called (gpointer data)
{
  g_assert_not_reached ();
}

typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  gboolean gone;
  gboolean gone_while_running;
} Holding;

static gpointer
make_and_drop_context (gpointer data)
{
  Holding *self = data;
  GMainContext *context = g_main_context_new ();
  GSource *source = g_timeout_source_new_seconds (3600);
  CfutFuture *future;

  g_source_set_callback (source, never_called, &self->gone, source_finalized);
  g_source_attach (source, context);
  g_source_unref (source);
  g_main_context_push_thread_default (context);
  future = cfut_executor_submit (self->executor, test_task_pass, &self->gate, NULL);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  self->gone_while_running = self->gone;
  g_object_unref (future);
  return NULL;
}

static void
test_delivery_holds_no_context (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  Holding self = { .executor = executor };

  test_gate_init (&self.gate);
  g_thread_join (g_thread_new ("maker", make_and_drop_context, &self));
  g_assert_true (self.gone_while_running);
  test_gate_open (&self.gate);
  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, NULL));
  test_iterate_ready (NULL);
  test_gate_clear (&self.gate);
}

/* --- 4: floods --- */

typedef struct {
  GSource source;
  gboolean always;
  gint64 work_usec;
  guint n_turns;
  guint n_called;      /* of callbacks, since it became ready */
  guint most_called;
  gboolean wanted;
} Redraw;

static gboolean
redraw_prepare (GSource *source,
                gint    *timeout)
{
  Redraw *self = (Redraw *) source;

  *timeout = -1;
  return self->always || self->wanted;
}

static gboolean
redraw_check (GSource *source)
{
  Redraw *self = (Redraw *) source;

  return self->always || self->wanted;
}

static gboolean
redraw_dispatch (GSource     *source,
                 GSourceFunc  callback,
                 gpointer     data)
{
  Redraw *self = (Redraw *) source;

  self->wanted = FALSE;
  self->n_turns++;
  self->most_called = MAX (self->most_called, self->n_called);
  self->n_called = 0;
  if (self->work_usec > 0)
    test_burn (self->work_usec);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs redraw_funcs = {
  .prepare = redraw_prepare, .check = redraw_check, .dispatch = redraw_dispatch
};

static Redraw *
redraw_new (void)
{
  GSource *source = g_source_new (&redraw_funcs, sizeof (Redraw));

  g_source_set_priority (source, REDRAW_PRIORITY);
  g_source_attach (source, NULL);
  return (Redraw *) source;
}

static void
redraw_free (Redraw *self)
{
  g_source_destroy ((GSource *) self);
  g_source_unref ((GSource *) self);
}

typedef struct {
  Redraw *redraw;
  int n_called;
  guint n_wanted;
  gint64 first_usec;
} FloodState;

static void
callback_50_usec (CfutFuture *future,
                  gpointer    data)
{
  FloodState *flood = data;

  test_burn (50);
  if (flood->first_usec == 0)
    flood->first_usec = g_get_monotonic_time ();
  flood->n_called++;
  if (flood->redraw->wanted)
    flood->redraw->n_called++;

  /* A frame is wanted now and then, as animations and input want one. */
  if (flood->n_called % 25 == 0 && !flood->redraw->wanted)
    {
      flood->redraw->wanted = TRUE;
      flood->redraw->n_called = 0;
      flood->n_wanted++;
    }
}

/* Resolves many that have the callback; drops them. */
static void
make_flood (FloodState *flood,
            guint       n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();

      cfut_future_add_done_callback (cfut_promise_get_future (promise), CFUT_CALLBACK_DEFAULT,
                                     callback_50_usec, flood, NULL);
      cfut_promise_resolve (promise, NULL);
    }
}

/* Guarantee 4: in a flood of 30,000 callbacks of 50 us, which is 1.5 s of work, a source at GTK's redraw
 * priority never waits for more of them than a slice of 4 ms holds. */
static void
test_delivery_flood_leaves_redraw_its_turns (void)
{
  Redraw *redraw = redraw_new ();
  FloodState flood = { .redraw = redraw };

  make_flood (&flood, 30000);
  test_iterate_until (NULL, flood.n_called == 30000);
  test_iterate_until (NULL, !redraw->wanted);

  g_test_message ("%u redraws wanted, %u turns, at most %u callbacks in between", flood.n_wanted,
                  redraw->n_turns, redraw->most_called);
  g_assert_cmpuint (redraw->n_turns, ==, flood.n_wanted);
  g_assert_cmpuint (redraw->n_turns, >=, 30000 / 120);
  g_assert_cmpuint (redraw->most_called, <=, 4000 / 50 + 16);
  redraw_free (redraw);
}

/* Guarantee 4: where something redraws without pause, a slice comes all the same about every 100 ms,
 * and the redraws go on. */
static void
test_delivery_flood_under_constant_redraw (void)
{
  Redraw *redraw = redraw_new ();
  FloodState flood = { .redraw = redraw };
  gint64 begin;

  redraw->always = TRUE;
  redraw->work_usec = 1000;
  begin = g_get_monotonic_time ();
  make_flood (&flood, 1000);
  test_iterate_until (NULL, flood.n_called > 0);
  g_test_message ("first slice after %" G_GINT64_FORMAT " us", flood.first_usec - begin);
  g_assert_cmpint (flood.first_usec - begin, <=, 2 * G_USEC_PER_SEC);

  /* It does not take over either. */
  redraw->n_turns = 0;
  test_iterate_until (NULL, flood.n_called == 1000);
  g_assert_cmpuint (redraw->n_turns, >=, 1000 / 80 - 3);

  redraw_free (redraw);
  test_iterate_ready (NULL);
}

/* Guarantee 4: afterwards the priority is the normal one again: with redraw ready the queue waits. */
static void
test_delivery_priority_returns_after_starvation (void)
{
  Redraw *redraw = redraw_new ();
  FloodState flood = { .redraw = redraw };
  gint64 begin;

  redraw->always = TRUE;
  make_flood (&flood, 200);
  test_iterate_until (NULL, flood.n_called == 200);

  begin = g_get_monotonic_time ();
  make_flood (&flood, 1);
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, TRUE);
  if (g_get_monotonic_time () - begin < 90 * 1000)
    g_assert_cmpint (flood.n_called, ==, 200);

  redraw->always = FALSE;
  test_iterate_until (NULL, flood.n_called == 201);
  redraw_free (redraw);
}

static void
callback_posts_more (CfutFuture *future,
                     gpointer    data)
{
  FloodState *flood = data;

  test_burn (50);
  flood->n_called++;
  if (flood->redraw->wanted)
    flood->redraw->n_called++;
  if (flood->n_called % 25 == 0 && !flood->redraw->wanted)
    {
      flood->redraw->wanted = TRUE;
      flood->redraw->n_called = 0;
      flood->n_wanted++;
    }

  if (flood->n_called < 5000)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();

      cfut_future_add_done_callback (cfut_promise_get_future (promise), CFUT_CALLBACK_DEFAULT,
                                     callback_posts_more, flood, NULL);
      cfut_promise_resolve (promise, NULL);
    }
}

/* Guarantee 4: a callback that always makes the next one keeps nobody out. */
static void
test_delivery_endless_chain_leaves_turns (void)
{
  Redraw *redraw = redraw_new ();
  FloodState flood = { .redraw = redraw };
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  cfut_future_add_done_callback (cfut_promise_get_future (promise), CFUT_CALLBACK_DEFAULT,
                                 callback_posts_more, &flood, NULL);
  cfut_promise_resolve (promise, NULL);
  test_iterate_until (NULL, flood.n_called == 5000);
  test_iterate_until (NULL, !redraw->wanted);
  g_assert_cmpuint (redraw->n_turns, ==, flood.n_wanted);
  g_assert_cmpuint (redraw->most_called, <=, 4000 / 50 + 16);
  redraw_free (redraw);
}

/* --- 4: progress --- */

#define PROGRESS_USEC (400 * 1000)

typedef struct {
  int n_fraction;
  int n_message;
  double last_fraction;
  int n_done;
  gboolean order_broken;
} Shown;

static void
fraction_shown (CfutFuture *future,
                GParamSpec *pspec,
                Shown      *shown)
{
  double fraction = cfut_future_get_fraction (future);

  shown->n_fraction++;
  if (shown->n_done > 0 || fraction < shown->last_fraction)
    shown->order_broken = TRUE;
  shown->last_fraction = fraction;
}

static void
message_shown (CfutFuture *future,
               GParamSpec *pspec,
               Shown      *shown)
{
  shown->n_message++;
  if (shown->n_done > 0)
    shown->order_broken = TRUE;
}

static void
done_shown (CfutFuture *future,
            Shown      *shown)
{
  shown->n_done++;
}

typedef struct {
  gint64 first_usec;
  gint64 last_usec;
  guint64 n_reports;
} Reports;

static gboolean
report_without_pause (CfutTask  *task,
                      gpointer   data,
                      GError   **error)
{
  Reports *reports = data;
  const guint64 total = G_MAXUINT32;
  guint64 done = 0;
  char message[32];

  reports->first_usec = g_get_monotonic_time ();
  do
    {
      cfut_task_set_progress (task, ++done, total);
      g_snprintf (message, sizeof message, "%" G_GUINT64_FORMAT, done);
      cfut_task_set_message (task, message);
      reports->last_usec = g_get_monotonic_time ();
    }
  while (reports->last_usec - reports->first_usec < PROGRESS_USEC);

  reports->n_reports = done;
  cfut_task_set_progress (task, total / 2, total);
  cfut_task_set_message (task, "the last word");
  return test_task_fail (task, NULL, error);
}

/* Guarantee 4: progress is coalesced to at most 60 notifications a second for each future and property,
 * the latest wins, and the last value comes before completion. */
static void
test_delivery_progress_is_coalesced (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  g_autofree char *message = NULL;
  Reports reports = { 0 };
  Shown shown = { 0 };
  gint64 begin = g_get_monotonic_time ();
  double span;
  int allowed;

  future = cfut_executor_submit (executor, report_without_pause, &reports, NULL);
  g_signal_connect (future, "notify::fraction", G_CALLBACK (fraction_shown), &shown);
  g_signal_connect (future, "notify::message", G_CALLBACK (message_shown), &shown);
  g_signal_connect (future, "done", G_CALLBACK (done_shown), &shown);
  test_iterate_until (NULL, shown.n_done == 1);
  span = (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC;

  /* The first comes at once and the last with the completion, whenever that is. */
  allowed = (int) (span * 60.0) + 2;
  g_test_message ("%" G_GUINT64_FORMAT " reports in %.3f s, %d notifications, %d allowed",
                  reports.n_reports, span, shown.n_fraction, allowed);
  g_assert_cmpint (shown.n_fraction, <=, allowed);
  g_assert_cmpint (shown.n_message, <=, allowed);
  g_assert_cmpint (shown.n_fraction, >=, 3);
  g_assert_cmpint (shown.n_message, >=, 3);
  g_assert_false (shown.order_broken);
  g_assert_cmpfloat_with_epsilon (shown.last_fraction, 0.5, 0.001);
  message = cfut_future_dup_message (future);
  g_assert_cmpstr (message, ==, "the last word");
}

/* Guarantee 4: the last of a burst is shown though nothing follows it and the future does not settle. */
static void
test_delivery_progress_last_of_a_burst_is_shown (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  Shown shown = { 0 };

  g_signal_connect (future, "notify::fraction", G_CALLBACK (fraction_shown), &shown);
  for (guint i = 1; i <= 100; i++)
    {
      cfut_promise_set_progress (promise, i, 200);
      test_iterate_ready (NULL);
    }
  test_iterate_until (NULL, shown.last_fraction == 0.5);
  g_assert_cmpint (shown.n_fraction, <, 100);

  /* The same value again is no change. */
  test_iterate_ready (NULL);
  shown.n_fraction = 0;
  cfut_promise_set_progress (promise, 100, 200);
  cfut_promise_set_running (promise);
  cfut_promise_set_progress (promise, 200, 200);
  cfut_promise_resolve (promise, NULL);
  g_signal_connect (future, "done", G_CALLBACK (done_shown), &shown);
  test_iterate_until (NULL, shown.n_done == 1);
  g_assert_cmpint (shown.n_fraction, ==, 1);
  g_assert_false (shown.order_broken);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/delivery/" name, test_delivery_##func)
  add ("3-order-of-one-future", order_of_one_future);
  add ("3-state-running-is-notified", state_running_is_notified);
  add ("3-order-of-many-futures", order_of_many_futures);
  add ("3-nested-main-loop", nested_main_loop);
  add ("3-wait-inside-done", wait_inside_done);
  add ("3-callback-drops-the-future", callback_drops_the_future);
  add ("2-everything-on-the-owner", everything_on_the_owner);
  add ("2-wait-async-answers-the-caller", wait_async_answers_the_caller);
  add ("2-waits-need-no-loop", waits_need_no_loop);
  add ("2-thread-without-context", thread_without_context);
  add ("2-other-threads-do-not-reap-for-main", other_threads_do_not_reap_for_main);
  add ("2-no-loop-waits-release", no_loop_waits_release);
  add ("2-no-loop-own-context", no_loop_own_context);
  add ("2-no-loop-submits-release", no_loop_submits_release);
  add ("2-no-loop-reaps-while-blocked", no_loop_reaps_while_blocked);
  add ("2-reaping-never-calls-back", reaping_never_calls_back);
  add ("2-no-reaping-inside-a-loop", no_reaping_inside_a_loop);
  add ("2-context-goes", context_goes);
  add ("2-context-goes-under-fire", context_goes_under_fire);
  add ("2-thread-goes", thread_goes);
  add ("2-holds-no-context", holds_no_context);
  add ("4-flood-leaves-redraw-its-turns", flood_leaves_redraw_its_turns);
  add ("4-flood-under-constant-redraw", flood_under_constant_redraw);
  add ("4-priority-returns-after-starvation", priority_returns_after_starvation);
  add ("4-endless-chain-leaves-turns", endless_chain_leaves_turns);
  add ("4-progress-is-coalesced", progress_is_coalesced);
  add ("4-progress-last-of-a-burst-is-shown", progress_last_of_a_burst_is_shown);
#undef add

  return g_test_run ();
}
