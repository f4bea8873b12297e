/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutFuture, the read side: result getters, errors, callbacks and properties, on promises so that no
 * executor takes part. Guarantees 1 (settling), 3 (callbacks and handlers are never missed) and 5 (cancel).
 * Waits are test-future-wait.c's; where and in which order things are delivered is test-delivery.c's. */

#include "test-util.h"

/* Guarantee 1: what each state answers to each question. */
static void
test_future_each_state (void)
{
  for (CfutState state = CFUT_STATE_PENDING; state <= CFUT_STATE_CANCELLED; state++)
    {
      g_autoptr (CfutPromise) promise = test_promise_in_state (state);
      g_autoptr (GError) error = NULL;
      g_autoptr (GError) wait_error = NULL;
      g_autoptr (GError) result_error = NULL;
      CfutFuture *future = cfut_promise_get_future (promise);
      gboolean settled = state >= CFUT_STATE_RESOLVED;
      const GValue *value;

      g_assert_cmpint (cfut_future_get_state (future), ==, state);
      g_assert_cmpint (cfut_future_is_settled (future), ==, settled);

      /* A wait says how the wait ended, not how the future did. */
      g_assert_cmpint (cfut_future_wait (future, 0, NULL, &wait_error), ==, settled);
      if (settled)
        g_assert_no_error (wait_error);
      else
        g_assert_error (wait_error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

      value = cfut_future_result (future, 0, &result_error);
      error = cfut_future_dup_error (future);
      switch (state)
        {
        case CFUT_STATE_RESOLVED:
          g_assert_no_error (result_error);
          g_assert_cmpint (g_value_get_int64 (value), ==, 7);
          g_assert_no_error (error);
          break;
        case CFUT_STATE_REJECTED:
          g_assert_null (value);
          g_assert_error (result_error, G_IO_ERROR, G_IO_ERROR_EXISTS);
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
          break;
        case CFUT_STATE_CANCELLED:
          g_assert_null (value);
          g_assert_error (result_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          break;
        default:
          g_assert_null (value);
          g_assert_error (result_error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
          g_assert_no_error (error);
          break;
        }
    }
}

/* Each typed getter hands on the future's error, and its own timeout. */
static void
test_future_getters_hand_on_errors (void)
{
  g_autoptr (CfutPromise) rejected = test_promise_in_state (CFUT_STATE_REJECTED);
  g_autoptr (CfutPromise) cancelled = test_promise_in_state (CFUT_STATE_CANCELLED);
  g_autoptr (CfutPromise) pending = test_promise_in_state (CFUT_STATE_PENDING);

  for (TestKind kind = 0; kind < TEST_N_KINDS; kind++)
    {
      g_autoptr (GError) of_rejected = NULL;
      g_autoptr (GError) of_cancelled = NULL;
      g_autoptr (GError) of_pending = NULL;

      g_assert_false (test_ask_getter (cfut_promise_get_future (rejected), kind, -1,
                                       &of_rejected));
      g_assert_error (of_rejected, G_IO_ERROR, G_IO_ERROR_EXISTS);
      g_assert_false (test_ask_getter (cfut_promise_get_future (cancelled), kind, -1,
                                       &of_cancelled));
      g_assert_error (of_cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_false (test_ask_getter (cfut_promise_get_future (pending), kind, 1000,
                                       &of_pending));
      g_assert_error (of_pending, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

      g_assert_false (test_ask_getter (cfut_promise_get_future (rejected), kind, -1, NULL));
      g_assert_false (test_ask_getter (cfut_promise_get_future (pending), kind, 0, NULL));
    }
}

/* Guarantee 3: callbacks on a settled future come in the next iteration, each once; DIRECT ones at once. */
static void
test_future_callback_after_settling (void)
{
  for (CfutState state = CFUT_STATE_RESOLVED; state <= CFUT_STATE_CANCELLED; state++)
    {
      g_autoptr (CfutPromise) promise = test_promise_in_state (state);
      CfutFuture *future = cfut_promise_get_future (promise);
      TestPlace later = { 0 };
      TestPlace later_destroyed = { 0 };
      TestPlace direct = { 0 };

      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &later,
                                     NULL);
      g_assert_cmpint (later.n_calls, ==, 0);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, test_place_callback, &direct,
                                     NULL);
      test_place_assert_here (&direct, 1);

      test_iterate_until (NULL, later.n_calls == 1);

      /* Again, when all that came with settling is long delivered. */
      test_iterate_ready (NULL);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &later,
                                     NULL);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                     &later_destroyed, test_place_note);
      g_assert_cmpint (later.n_calls, ==, 1);
      g_assert_cmpint (later_destroyed.n_calls, ==, 0);
      test_iterate_until (NULL, later.n_calls == 2 && later_destroyed.n_calls == 2);
      test_iterate_ready (NULL);
      test_place_assert_here (&later, 2);
      test_place_assert_here (&later_destroyed, 2);
      test_place_assert_here (&direct, 1);
    }
}

/* Guarantee 3: callbacks come even when nobody but the library holds the future any more. */
static void
test_future_callback_outlives_references (void)
{
  TestPlace before = { 0 };
  TestPlace after = { 0 };
  int n_gone = 0;
  CfutPromise *promise = cfut_promise_new ();

  test_watch_gone (cfut_promise_get_future (promise), &n_gone);
  cfut_future_add_done_callback (cfut_promise_get_future (promise), CFUT_CALLBACK_DEFAULT,
                                 test_place_callback, &before, test_place_note);
  cfut_promise_resolve (promise, NULL);
  cfut_future_add_done_callback (cfut_promise_get_future (promise), CFUT_CALLBACK_DEFAULT,
                                 test_place_callback, &after, test_place_note);
  g_object_unref (promise);

  test_iterate_until (NULL, n_gone == 1);
  test_place_assert_here (&before, 2);
  test_place_assert_here (&after, 2);
}

/* DIRECT: called once, on the settling thread. */
static void
test_future_direct_callback_on_settling_thread (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  TestPlace direct = { 0 };
  GThread *thread;

  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, test_place_callback, &direct, NULL);
  thread = g_thread_ref (g_thread_new ("resolver", test_promise_resolve, promise));
  g_thread_join (thread);

  g_assert_cmpint (direct.n_calls, ==, 1);
  g_assert_true (direct.thread == thread);
  g_thread_unref (thread);
}

static void
wait_again_callback (CfutFuture *settled,
                     gpointer    counter)
{
  g_assert_true (cfut_future_wait (settled, -1, NULL, NULL));
  g_assert_false (cfut_future_cancel (settled));
  g_assert_cmpint (cfut_future_result_int64 (settled, -1, NULL), ==, 1);
  ++*(int *) counter;
}

/* Inside a callback the future answers as settled, DIRECT or not. */
static void
test_future_callback_asks_its_future (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  int counter = 0;

  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, wait_again_callback, &counter, NULL);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, wait_again_callback, &counter,
                                 NULL);
  cfut_promise_resolve_int64 (promise, 1);
  g_assert_cmpint (counter, ==, 1);
  test_iterate_until (NULL, counter == 2);
}

static void
add_another_callback (CfutFuture *settled,
                      gpointer    place)
{
  cfut_future_add_done_callback (settled, CFUT_CALLBACK_DEFAULT, test_place_callback, place, NULL);
}

/* Guarantee 3: a callback that is added by a callback is called too. */
static void
test_future_callback_added_by_callback (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  TestPlace place = { 0 };

  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, add_another_callback, &place, NULL);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, add_another_callback, &place, NULL);
  cfut_promise_resolve (promise, NULL);
  test_iterate_until (NULL, test_place_get_n (&place) == 2);
  test_iterate_ready (NULL);
  test_place_assert_here (&place, 2);
}

static void
count_notify (GObject    *object,
              GParamSpec *pspec,
              gpointer    place)
{
  test_place_note (place);
}

static void
test_future_name (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  g_autofree char *name = NULL;
  g_autofree char *property = NULL;
  TestPlace place = { 0 };

  g_assert_null (cfut_future_dup_name (future));
  g_signal_connect (future, "notify::name", G_CALLBACK (count_notify), &place);
  cfut_future_set_name (future, "hash of a");
  name = cfut_future_dup_name (future);
  g_object_get (future, "name", &property, NULL);
  g_assert_cmpstr (name, ==, "hash of a");
  g_assert_cmpstr (property, ==, "hash of a");
  test_iterate_until (NULL, test_place_get_n (&place) == 1);

  g_object_set (future, "name", "hash of b", NULL);
  g_free (name);
  name = cfut_future_dup_name (future);
  g_assert_cmpstr (name, ==, "hash of b");

  cfut_future_set_name (future, NULL);
  g_assert_null (cfut_future_dup_name (future));
  cfut_promise_resolve (promise, NULL);
}

/* What a UI binds to is there, typed, and follows the getters. */
static void
test_future_properties (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  g_autofree char *message = NULL;
  CfutState state = CFUT_STATE_CANCELLED;
  double fraction = -1.0;

  cfut_promise_set_running (promise);
  cfut_promise_set_progress (promise, 1, 2);
  cfut_promise_set_message (promise, "half");
  g_object_get (future, "state", &state, "fraction", &fraction, "message", &message, NULL);
  g_assert_cmpint (state, ==, CFUT_STATE_RUNNING);
  g_assert_cmpfloat (fraction, ==, 0.5);
  g_assert_cmpstr (message, ==, "half");

  for (guint i = 0; i < 3; i++)
    {
      static const char * const names[] = { "state", "fraction", "message" };
      GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (future), names[i]);

      g_assert_nonnull (pspec);
      g_assert_cmpint (pspec->flags & G_PARAM_WRITABLE, ==, 0);
      g_assert_cmpint (pspec->flags & G_PARAM_EXPLICIT_NOTIFY, !=, 0);
    }
  cfut_promise_resolve (promise, NULL);
}

/* Enums of the API have registered types with nicks: a binding shows names, not numbers. */
static void
test_future_enums_are_registered (void)
{
  g_autoptr (GEnumClass) state = g_type_class_ref (CFUT_TYPE_STATE);
  g_autoptr (GEnumClass) error = g_type_class_ref (CFUT_TYPE_FUTURE_ERROR);
  g_autoptr (GFlagsClass) flags = g_type_class_ref (CFUT_TYPE_CALLBACK_FLAGS);
  g_autoptr (GFlagsClass) shutdown = g_type_class_ref (CFUT_TYPE_SHUTDOWN_FLAGS);
  g_autoptr (GEnumClass) when = g_type_class_ref (CFUT_TYPE_RETURN_WHEN);

  g_assert_cmpuint (state->n_values, ==, 5);
  g_assert_cmpstr (g_enum_get_value (state, CFUT_STATE_REJECTED)->value_nick, ==, "rejected");
  g_assert_cmpuint (error->n_values, ==, 10);
  g_assert_cmpstr (g_enum_get_value (error, CFUT_FUTURE_ERROR_SHUT_DOWN)->value_nick, ==,
                   "shut-down");
  g_assert_nonnull (g_flags_get_value_by_nick (flags, "direct"));
  g_assert_nonnull (g_flags_get_value_by_nick (flags, "default"));
  g_assert_nonnull (g_flags_get_value_by_nick (shutdown, "cancel-pending"));
  g_assert_cmpuint (when->n_values, ==, 3);
  g_assert_cmpstr (g_quark_to_string (CFUT_FUTURE_ERROR), ==, "cfut-future-error-quark");
}

/* Guarantee 3: a handler that is connected after a blocking wait, before the main loop, gets `done`;
 * once, with no argument but the future. */
static void
test_future_done_connected_late (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  TestPlace place = { 0 };
  GSignalQuery query;

  g_signal_query (g_signal_lookup ("done", CFUT_TYPE_FUTURE), &query);
  g_assert_cmpuint (query.n_params, ==, 0);
  g_assert_cmpuint (query.return_type, ==, G_TYPE_NONE);

  g_thread_join (g_thread_new ("resolver", test_promise_resolve, promise));
  g_assert_true (cfut_future_wait (future, -1, NULL, NULL));
  g_signal_connect (future, "done", G_CALLBACK (test_place_callback), &place);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
  test_iterate_ready (NULL);
  test_place_assert_here (&place, 1);
}

/* Bad input is refused with a critical; the answers are neutral. */
static void
test_future_bad_input (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);

  test_expect_critical ();
  g_assert_false (cfut_future_wait (NULL, 0, NULL, NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_null (cfut_future_result (NULL, 0, NULL));
  g_test_assert_expected_messages ();

  for (TestKind kind = 0; kind < TEST_N_KINDS; kind++)
    {
      test_expect_critical ();
      g_assert_false (test_ask_getter (NULL, kind, 0, NULL));
      g_test_assert_expected_messages ();
    }

  test_expect_critical ();
  g_assert_false (cfut_future_cancel (NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_null (cfut_future_dup_error (NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_cmpint (cfut_future_get_state (NULL), ==, CFUT_STATE_PENDING);
  g_test_assert_expected_messages ();

  test_expect_critical ();
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, NULL, NULL, NULL);
  g_test_assert_expected_messages ();

  test_expect_critical ();
  cfut_future_wait_async (NULL, 0, NULL, NULL, NULL);
  g_test_assert_expected_messages ();

  test_expect_critical ();
  cfut_future_set_name (NULL, "x");
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_null (cfut_future_dup_message (NULL));
  g_test_assert_expected_messages ();

  cfut_promise_resolve (promise, NULL);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/future/" name, test_future_##func)
  add ("1-each-state", each_state);
  add ("1-getters-hand-on-errors", getters_hand_on_errors);
  add ("3-callback-after-settling", callback_after_settling);
  add ("3-callback-outlives-references", callback_outlives_references);
  add ("2-direct-callback-on-settling-thread", direct_callback_on_settling_thread);
  add ("3-callback-asks-its-future", callback_asks_its_future);
  add ("3-callback-added-by-callback", callback_added_by_callback);
  add ("name", name);
  add ("properties", properties);
  add ("enums-are-registered", enums_are_registered);
  add ("3-done-connected-late", done_connected_late);
  add ("bad-input", bad_input);
#undef add

  return g_test_run ();
}
