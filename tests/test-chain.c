/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* chain, recover and always: what follows a future, on the context of who asked for it. */

#include "test-chain-util.h"

typedef CfutFuture *(*Chain) (CfutFuture     *self,
                              CfutChainFunc   func,
                              gpointer        user_data,
                              GDestroyNotify  destroy);

static const Chain chains[] = { cfut_future_chain, cfut_future_recover, cfut_future_always };

static void
reject (CfutPromise *promise,
        int          code)
{
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, code, "number %d", code);

  g_assert_true (cfut_promise_reject (promise, error));
}

typedef enum {
  OUTCOME_RESOLVED,
  OUTCOME_REJECTED,
  OUTCOME_CANCELLED
} Outcome;

static void
settle (CfutPromise *promise,
        Outcome      outcome)
{
  switch (outcome)
    {
    case OUTCOME_RESOLVED:
      cfut_promise_resolve_int64 (promise, 1);
      break;
    case OUTCOME_REJECTED:
      reject (promise, G_IO_ERROR_BUSY);
      break;
    case OUTCOME_CANCELLED:
    default:
      g_assert_true (cfut_future_cancel (cfut_promise_get_future (promise)));
      break;
    }
}

/* Each of the three calls its function for the outcomes that it is for, and passes the others on; the data is
 * destroyed once in any case, and all on the context of the caller. */
static void
test_chain_calls_for_its_outcomes (void)
{
  static const gboolean calls[3][3] = { { TRUE, FALSE, FALSE },
                                        { FALSE, TRUE, TRUE },
                                        { TRUE, TRUE, TRUE } };

  for (guint i = 0; i < 3; i++)
    for (Outcome outcome = OUTCOME_RESOLVED; outcome <= OUTCOME_CANCELLED; outcome++)
      for (guint before = 0; before < 2; before++)
        {
          g_autoptr (CfutPromise) promise = cfut_promise_new ();
          g_autoptr (CfutPromise) second = cfut_promise_new ();
          Step step = { .inner = cfut_promise_get_future (second) };
          g_autoptr (CfutFuture) chained = NULL;

          cfut_promise_resolve_int64 (second, 2);
          if (before)
            settle (promise, outcome);
          chained = chains[i] (cfut_promise_get_future (promise), step_func, &step, step_destroy);
          if (!before)
            settle (promise, outcome);

          /* What needs no function needs no loop. */
          g_assert_cmpint (cfut_future_is_settled (chained), ==, !calls[i][outcome]);
          test_iterate_until (NULL, test_place_get_n (&step.destroyed) == 1);
          test_place_assert_here (&step.destroyed, 1);
          if (calls[i][outcome])
            {
              test_place_assert_here (&step.called, 1);
              g_assert_true (step.settled == cfut_promise_get_future (promise));
              g_assert_cmpint (cfut_future_result_int64 (chained, 0, NULL), ==, 2);
            }
          else
            {
              g_assert_cmpint (test_place_get_n (&step.called), ==, 0);
              g_assert_cmpint (cfut_future_get_state (chained), ==,
                               cfut_future_get_state (cfut_promise_get_future (promise)));
              if (outcome == OUTCOME_RESOLVED)
                g_assert_cmpint (cfut_future_result_int64 (chained, 0, NULL), ==, 1);
              else if (outcome == OUTCOME_REJECTED)
                test_assert_fails (chained, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
            }
        }
}

/* The new future settles like the one that the function returned, settled or not by then. */
static void
test_chain_adopts_what_is_returned (void)
{
  for (Outcome outcome = OUTCOME_RESOLVED; outcome <= OUTCOME_CANCELLED; outcome++)
    for (guint before = 0; before < 2; before++)
      {
        g_autoptr (CfutPromise) promise = cfut_promise_new ();
        g_autoptr (CfutPromise) second = cfut_promise_new ();
        Step step = { .inner = cfut_promise_get_future (second) };
        g_autoptr (CfutFuture) chained =
          cfut_future_chain (cfut_promise_get_future (promise), step_func, &step, step_destroy);

        cfut_promise_resolve_int64 (promise, 1);
        if (before)
          settle (second, outcome);
        test_iterate_until (NULL, test_place_get_n (&step.called) == 1);
        if (!before)
          {
            g_assert_cmpint (test_place_get_n (&step.destroyed), ==, 1);
            g_assert_cmpint (cfut_future_get_state (chained), ==, CFUT_STATE_PENDING);
            settle (second, outcome);
          }
        g_assert_cmpint (cfut_future_get_state (chained), ==, cfut_future_get_state (step.inner));
        if (outcome == OUTCOME_RESOLVED)
          g_assert_cmpint (cfut_future_result_int64 (chained, 0, NULL), ==, 1);
        else if (outcome == OUTCOME_REJECTED)
          test_assert_fails (chained, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
        test_place_assert_here (&step.destroyed, 1);
      }
}

/* Guarantee 1: an error of the function's own rejects, and so does none at all. */
static void
test_chain_function_fails (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  Step with_error = { .code = G_IO_ERROR_EXISTS };
  Step cancelled = { .code = G_IO_ERROR_CANCELLED };
  Step without = { NULL, };
  g_autoptr (CfutFuture) first =
    cfut_future_chain (cfut_promise_get_future (promise), step_func, &with_error, step_destroy);
  g_autoptr (CfutFuture) second =
    cfut_future_chain (cfut_promise_get_future (promise), step_func, &without, step_destroy);
  g_autoptr (CfutFuture) third =
    cfut_future_chain (cfut_promise_get_future (promise), step_func, &cancelled, step_destroy);

  cfut_promise_resolve (promise, NULL);
  test_iterate_until (NULL, cfut_future_is_settled (third));
  test_assert_fails (first, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_EXISTS);
  test_assert_fails (second, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED);
  test_assert_fails (third, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* A function that returns the new future, or one that waits for it, is told so and hangs nothing. */
static void
test_chain_cycle_is_a_deadlock (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      Step step = { NULL, };
      g_autoptr (CfutFuture) chained =
        cfut_future_chain (cfut_promise_get_future (promise), step_func, &step, step_destroy);
      g_autoptr (CfutFuture) further =
        cfut_future_always (chained, pass_func, NULL, NULL);
      g_autoptr (CfutFuture) all = cfut_future_all (&further, 1);
      CfutFuture *returned[] = { chained, further, all };

      step.inner = returned[i];
      cfut_promise_resolve (promise, NULL);
      test_iterate_until (NULL, cfut_future_is_settled (all));
      test_assert_fails (chained, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
      test_assert_fails (all, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
    }
}

/* Guarantee 5: cancelled at once, everywhere, and so is what it waits for; the function is not
 * called and its data goes. */
static void
test_chain_cancel_goes_upstream (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      Step step = { NULL, };
      g_autoptr (CfutFuture) chained =
        chains[i] (cfut_promise_get_future (promise), step_func, &step, step_destroy);

      g_assert_true (cfut_future_cancel (chained));
      g_assert_cmpint (cfut_future_get_state (chained), ==, CFUT_STATE_CANCELLED);
      g_assert_cmpint (cfut_future_get_state (cfut_promise_get_future (promise)), ==,
                       CFUT_STATE_CANCELLED);
      test_iterate_until (NULL, test_place_get_n (&step.destroyed) == 1);
      test_iterate_ready (NULL);
      test_place_assert_here (&step.destroyed, 1);
      g_assert_cmpint (test_place_get_n (&step.called), ==, 0);
    }
}

/* The cancel reaches what runs as a request, and later the future that the function returned; the chain is
 * cancelled at once in each case. */
static void
test_chain_cancel_asks_what_runs (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (CfutPromise) second = cfut_promise_new ();
  Step step = { .inner = cfut_promise_get_future (second) };
  g_autoptr (CfutFuture) waits =
    cfut_future_chain (cfut_promise_get_future (promise), pass_func, NULL, NULL);
  g_autoptr (CfutFuture) adopted = NULL;

  cfut_promise_set_running (promise);
  g_assert_true (cfut_future_cancel (waits));
  g_assert_true (g_cancellable_is_cancelled (cfut_promise_get_cancellable (promise)));
  g_assert_cmpint (cfut_future_get_state (cfut_promise_get_future (promise)), ==, CFUT_STATE_RUNNING);

  adopted = cfut_future_chain (cfut_promise_get_future (promise), step_func, &step, step_destroy);
  cfut_promise_resolve (promise, NULL);
  cfut_promise_set_running (second);
  test_iterate_until (NULL, test_place_get_n (&step.called) == 1);
  g_assert_false (g_cancellable_is_cancelled (cfut_promise_get_cancellable (second)));
  g_assert_true (cfut_future_cancel (adopted));
  g_assert_true (g_cancellable_is_cancelled (cfut_promise_get_cancellable (second)));
}

static CfutFuture *
cancel_func (CfutFuture  *settled,
             gpointer     user_data,
             GError     **error)
{
  gpointer *data = user_data;

  g_assert_true (cfut_future_cancel (data[0]));
  return g_object_ref (data[1]);
}

/* Cancelled by its own function: what that returns is cancelled too. */
static void
test_chain_cancelled_by_its_function (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (CfutPromise) second = cfut_promise_new ();
  gpointer data[] = { NULL, cfut_promise_get_future (second) };
  g_autoptr (CfutFuture) chained =
    cfut_future_chain (cfut_promise_get_future (promise), cancel_func, data, NULL);

  data[0] = chained;
  cfut_promise_resolve (promise, NULL);
  test_iterate_until (NULL, cfut_future_is_settled (data[1]));
  g_assert_cmpint (cfut_future_get_state (chained), ==, CFUT_STATE_CANCELLED);
  g_assert_cmpint (cfut_future_get_state (data[1]), ==, CFUT_STATE_CANCELLED);
}

/* Cancelled between the settling of the upstream and the loop: the function is not called. */
static void
test_chain_cancelled_when_due (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  Step step = { NULL, };
  g_autoptr (CfutFuture) chained =
    cfut_future_chain (cfut_promise_get_future (promise), step_func, &step, step_destroy);

  cfut_promise_resolve (promise, NULL);
  g_assert_true (cfut_future_cancel (chained));
  test_iterate_until (NULL, test_place_get_n (&step.destroyed) == 1);
  test_iterate_ready (NULL);
  g_assert_cmpint (test_place_get_n (&step.called), ==, 0);
  test_place_assert_here (&step.destroyed, 1);
}

/* Guarantee 3: the function comes after the upstream's handlers and callbacks. */
static void
append_to (CfutFuture *settled,
           gpointer    order)
{
  g_string_append_c (order, 'c');
}

static void
on_done (CfutFuture *future,
         gpointer    order)
{
  g_string_append_c (order, 'd');
}

static CfutFuture *
append_func (CfutFuture  *settled,
             gpointer     order,
             GError     **error)
{
  g_string_append_c (order, 'f');
  return g_object_ref (settled);
}

static void
test_chain_comes_after_callbacks (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  g_autoptr (GString) order = g_string_new (NULL);
  g_autoptr (CfutFuture) chained = cfut_future_chain (future, append_func, order, NULL);

  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, append_to, order, NULL);
  g_signal_connect (future, "done", G_CALLBACK (on_done), order);
  cfut_promise_resolve (promise, NULL);
  test_iterate_until (NULL, cfut_future_is_settled (chained));
  g_assert_cmpstr (order->str, ==, "dcf");
}

/* References may be dropped in every order: the function is called, and in the end nothing is left. */
static void
test_chain_dropped_in_every_order (void)
{
  static const char *orders[] = { "fcp", "fpc", "cfp", "cpf", "pfc", "pcf" };

  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    for (guint settles = 0; settles < 3; settles++)
      {
        CfutPromise *promise = cfut_promise_new ();
        CfutFuture *future = g_object_ref (cfut_promise_get_future (promise));
        int n_gone = 0;
        int n_calls = 0;
        CfutFuture *chained = cfut_future_always (future, pass_func, &n_calls, NULL);

        test_watch_gone (promise, &n_gone);
        test_watch_gone (future, &n_gone);
        test_watch_gone (chained, &n_gone);
        if (settles == 0)
          cfut_promise_resolve_int64 (promise, 1);
        for (const char *c = orders[i]; *c != '\0'; c++)
          {
            if (*c == 'f')
              g_clear_object (&future);
            else if (*c == 'c')
              g_clear_object (&chained);
            else
              {
                if (settles == 1)
                  cfut_promise_resolve_int64 (promise, 1);
                g_clear_object (&promise);
              }
          }
        test_iterate_until (NULL, n_gone == 3);
        g_assert_cmpint (n_calls, ==, 1);
      }
}

/* A long row: settling it, failing through it, cancelling it from the end, and freeing it need no stack
 * as long, and all functions are called in turn. */
static void
test_chain_long_rows (void)
{
  for (Outcome outcome = OUTCOME_RESOLVED; outcome <= OUTCOME_CANCELLED; outcome++)
    {
      CfutPromise *promise = cfut_promise_new ();
      CfutFuture *last = g_object_ref (cfut_promise_get_future (promise));
      CfutFuture *first = g_object_ref (last);
      int n_calls = 0;
      int n_gone = 0;

      for (guint i = 0; i < N_LONG; i++)
        {
          CfutFuture *before = last;

          last = cfut_future_chain (before, pass_func, &n_calls, NULL);
          if (i % 1000 == 0)
            test_watch_gone (last, &n_gone);
          g_object_unref (before);
        }

      if (outcome == OUTCOME_CANCELLED)
        g_assert_true (cfut_future_cancel (last));
      else
        settle (promise, outcome);
      if (outcome != OUTCOME_RESOLVED)
        g_assert_true (cfut_future_is_settled (last));
      test_iterate_until (NULL, cfut_future_is_settled (last));
      g_assert_cmpint (n_calls, ==, outcome == OUTCOME_RESOLVED ? N_LONG : 0);
      g_assert_cmpint (cfut_future_get_state (last), ==, cfut_future_get_state (first));
      g_object_unref (first);
      g_object_unref (promise);
      g_object_unref (last);
      test_iterate_until (NULL, n_gone == N_LONG / 1000);
    }
}

typedef struct {
  int left;
} Countdown;

/* Each step returns a chain of one more: the asynchronous form of a loop. */
static CfutFuture *
countdown_func (CfutFuture  *settled,
                gpointer     user_data,
                GError     **error)
{
  Countdown *countdown = user_data;
  g_autoptr (CfutPromise) promise = NULL;

  if (countdown->left-- == 0)
    return g_object_ref (settled);

  promise = cfut_promise_new ();
  cfut_promise_resolve_int64 (promise, countdown->left);
  return cfut_future_chain (cfut_promise_get_future (promise), countdown_func, countdown, NULL);
}

/* A function that returns a chain whose function returns a chain, and so on: all settle with the last. */
static void
test_chain_loop_of_returned_chains (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  Countdown countdown = { N_LONG };
  g_autoptr (CfutFuture) chained =
    cfut_future_chain (cfut_promise_get_future (promise), countdown_func, &countdown, NULL);
  g_autoptr (GError) error = NULL;

  cfut_promise_resolve_int64 (promise, N_LONG);
  test_iterate_until (NULL, cfut_future_is_settled (chained));
  g_assert_cmpint (countdown.left, ==, -1);
  g_assert_cmpint (cfut_future_result_int64 (chained, 0, &error), ==, 0);
  g_assert_no_error (error);
}

typedef struct {
  CfutFuture *future;
  CfutFuture *chained;
  Step step;
} Elsewhere;

static void
chain_here (gpointer data)
{
  Elsewhere *elsewhere = data;

  elsewhere->chained =
    cfut_future_chain (elsewhere->future, step_func, &elsewhere->step, step_destroy);
}

/* Guarantee 2: a chain made on another thread belongs to that, whoever owns the upstream and settles it. */
static void
test_chain_belongs_to_the_caller (void)
{
  TestLoopThread *loop = test_loop_thread_new ();
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint cancels = 0; cancels < 2; cancels++)
    {
      TestGate gate;
      Elsewhere elsewhere = { NULL, };

      test_gate_init (&gate);
      elsewhere.future = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
      elsewhere.step.inner = elsewhere.future;
      test_loop_thread_call (loop, chain_here, &elsewhere);
      test_gate_wait_arrived (&gate, 1);
      if (cancels)
        g_assert_true (cfut_future_cancel (elsewhere.chained));
      test_gate_open (&gate);
      test_assert_settles (elsewhere.chained, cancels ? CFUT_STATE_CANCELLED : CFUT_STATE_RESOLVED);
      test_poll_until (test_place_get_n (&elsewhere.step.destroyed) == 1);
      g_assert_cmpint (test_place_get_n (&elsewhere.step.called), ==, !cancels);
      if (!cancels)
        {
          g_assert_true (elsewhere.step.called.thread == test_loop_thread_get_thread (loop));
          g_assert_true (elsewhere.step.called.context == test_loop_thread_get_context (loop));
        }
      g_assert_true (elsewhere.step.destroyed.thread == test_loop_thread_get_thread (loop));
      g_assert_true (elsewhere.step.destroyed.context == test_loop_thread_get_context (loop));
      test_assert_settles (elsewhere.future, CFUT_STATE_RESOLVED);
      g_object_unref (elsewhere.future);
      g_object_unref (elsewhere.chained);
      test_gate_clear (&gate);
    }
  test_loop_thread_free (loop);
}

static gpointer
chain_on_context (gpointer data)
{
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  chain_here (data);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* Guarantees 1 and 2: the context goes before the upstream settles: the chain is rejected with ABANDONED as soon
 * as that does, without any loop, and its data goes on the default context. */
static void
test_chain_context_gone (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  Elsewhere elsewhere = { .future = cfut_promise_get_future (promise) };

  g_thread_join (g_thread_new ("chainer", chain_on_context, &elsewhere));
  g_assert_false (cfut_future_is_settled (elsewhere.chained));
  cfut_promise_resolve (promise, NULL);
  g_assert_true (cfut_future_is_settled (elsewhere.chained));
  test_assert_fails (elsewhere.chained, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_ABANDONED);
  test_iterate_until (NULL, test_place_get_n (&elsewhere.step.destroyed) == 1);
  test_place_assert_here (&elsewhere.step.destroyed, 1);
  g_assert_cmpint (test_place_get_n (&elsewhere.step.called), ==, 0);
  g_object_unref (elsewhere.chained);
}

/* The same when the function was due already. */
static void
test_chain_context_gone_when_due (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  Elsewhere elsewhere = { .future = cfut_promise_get_future (promise) };

  cfut_promise_resolve (promise, NULL);
  g_thread_join (g_thread_new ("chainer", chain_on_context, &elsewhere));
  test_iterate_until (NULL, test_place_get_n (&elsewhere.step.destroyed) == 1);
  test_assert_fails (elsewhere.chained, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_ABANDONED);
  test_place_assert_here (&elsewhere.step.destroyed, 1);
  g_assert_cmpint (test_place_get_n (&elsewhere.step.called), ==, 0);
  g_object_unref (elsewhere.chained);
}

static gpointer
settle_on_thread (gpointer promise)
{
  cfut_promise_resolve_int64 (promise, 1);
  return NULL;
}

static gpointer
cancel_on_thread (gpointer future)
{
  cfut_future_cancel (future);
  return NULL;
}

/* Cancelled on one thread, settled on another, delivered on a third: it settles once, and nothing stays. */
static void
test_chain_cancel_against_settle (void)
{
  for (guint i = 0; i < 600; i++)
    {
      CfutPromise *promise = cfut_promise_new ();
      CfutPromise *second = cfut_promise_new ();
      Step step = { .inner = cfut_promise_get_future (second) };
      CfutFuture *chained =
        chains[i % 3] (cfut_promise_get_future (promise), step_func, &step, step_destroy);
      GThread *threads[3];
      int n_gone = 0;

      test_watch_gone (chained, &n_gone);
      test_watch_gone (cfut_promise_get_future (promise), &n_gone);
      test_watch_gone (cfut_promise_get_future (second), &n_gone);
      threads[0] = g_thread_new ("settler", settle_on_thread, promise);
      threads[1] = g_thread_new ("settler", settle_on_thread, second);
      if (i % 2 == 0)
        test_iterate_ready (NULL);
      threads[2] = g_thread_new ("canceller", cancel_on_thread, chained);
      test_iterate_until (NULL, cfut_future_is_settled (chained));
      for (guint j = 0; j < 3; j++)
        g_thread_join (threads[j]);
      g_object_unref (chained);
      g_object_unref (promise);
      g_object_unref (second);
      test_iterate_until (NULL, n_gone == 3);
      test_place_assert_here (&step.destroyed, 1);
    }
}

/* Programmer errors are told, and give NULL. */
static void
test_chain_bad_arguments (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  for (guint i = 0; i < 3; i++)
    {
      test_expect_critical ();
      g_assert_null (chains[i] (NULL, pass_func, NULL, NULL));
      test_expect_critical ();
      g_assert_null (chains[i] (cfut_promise_get_future (promise), NULL, NULL, NULL));
    }
  g_test_assert_expected_messages ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/chain/calls-for-its-outcomes", test_chain_calls_for_its_outcomes);
  g_test_add_func ("/cfut/chain/adopts-what-is-returned", test_chain_adopts_what_is_returned);
  g_test_add_func ("/cfut/chain/function-fails", test_chain_function_fails);
  g_test_add_func ("/cfut/chain/cycle-is-a-deadlock", test_chain_cycle_is_a_deadlock);
  g_test_add_func ("/cfut/chain/cancel-goes-upstream", test_chain_cancel_goes_upstream);
  g_test_add_func ("/cfut/chain/cancel-asks-what-runs", test_chain_cancel_asks_what_runs);
  g_test_add_func ("/cfut/chain/cancelled-by-its-function", test_chain_cancelled_by_its_function);
  g_test_add_func ("/cfut/chain/cancelled-when-due", test_chain_cancelled_when_due);
  g_test_add_func ("/cfut/chain/comes-after-callbacks", test_chain_comes_after_callbacks);
  g_test_add_func ("/cfut/chain/dropped-in-every-order", test_chain_dropped_in_every_order);
  g_test_add_func ("/cfut/chain/long-rows", test_chain_long_rows);
  g_test_add_func ("/cfut/chain/loop-of-returned-chains", test_chain_loop_of_returned_chains);
  g_test_add_func ("/cfut/chain/belongs-to-the-caller", test_chain_belongs_to_the_caller);
  g_test_add_func ("/cfut/chain/context-gone", test_chain_context_gone);
  g_test_add_func ("/cfut/chain/context-gone-when-due", test_chain_context_gone_when_due);
  g_test_add_func ("/cfut/chain/cancel-against-settle", test_chain_cancel_against_settle);
  g_test_add_func ("/cfut/chain/bad-arguments", test_chain_bad_arguments);

  return g_test_run ();
}
