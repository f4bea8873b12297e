/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* all, any and race: one future for several. */

#include "test-util.h"

/* Deeper than any stack; where each allocation is recorded that takes too long. */
#ifdef __SANITIZE_ADDRESS__
#define N_MANY 10000
#else
#define N_MANY 100000
#endif

typedef CfutFuture *(*Combine) (CfutFuture **futures,
                                gsize        n_futures);

static const Combine combines[] = { cfut_future_all, cfut_future_any, cfut_future_race };

/* Promises, their futures, and what was made of them. */
typedef struct {
  CfutPromise *promises[3];
  CfutFuture *futures[3];
  CfutFuture *combined;
} Three;

static void
three_init (Three   *self,
            Combine  combine)
{
  for (guint i = 0; i < 3; i++)
    {
      self->promises[i] = cfut_promise_new ();
      self->futures[i] = cfut_promise_get_future (self->promises[i]);
    }
  self->combined = combine (self->futures, 3);
  g_assert_cmpint (cfut_future_get_state (self->combined), ==, CFUT_STATE_PENDING);
}

static void
three_clear (Three *self)
{
  for (guint i = 0; i < 3; i++)
    g_object_unref (self->promises[i]);
  g_object_unref (self->combined);
}

static void
reject (CfutPromise *promise,
        int          code)
{
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, code, "number %d", code);

  g_assert_true (cfut_promise_reject (promise, error));
}

/* `all` is resolved with the last, without a value; before that it is not. */
static void
test_combine_all_resolves_with_the_last (void)
{
  g_autoptr (GError) error = NULL;
  Three three;

  three_init (&three, cfut_future_all);
  cfut_promise_resolve_int64 (three.promises[2], 1);
  cfut_promise_resolve_int64 (three.promises[0], 2);
  g_assert_cmpint (cfut_future_get_state (three.combined), ==, CFUT_STATE_PENDING);
  cfut_promise_resolve_int64 (three.promises[1], 3);
  g_assert_cmpint (cfut_future_get_state (three.combined), ==, CFUT_STATE_RESOLVED);
  g_assert_null (cfut_future_result (three.combined, 0, &error));
  g_assert_no_error (error);
  three_clear (&three);
}

/* `all` fails at once like the first that does, and leaves the others alone. */
static void
test_combine_all_fails_with_the_first (void)
{
  Three three;

  three_init (&three, cfut_future_all);
  cfut_promise_resolve_int64 (three.promises[0], 1);
  reject (three.promises[2], G_IO_ERROR_BUSY);
  test_assert_fails (three.combined, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_cmpint (cfut_future_get_state (three.futures[1]), ==, CFUT_STATE_PENDING);
  reject (three.promises[1], G_IO_ERROR_FAILED);
  test_assert_fails (three.combined, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
  three_clear (&three);

  three_init (&three, cfut_future_all);
  cfut_future_cancel (three.futures[1]);
  test_assert_fails (three.combined, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (cfut_future_get_state (three.futures[0]), ==, CFUT_STATE_PENDING);
  three_clear (&three);
}

/* `any` takes the first value, whatever failed before. */
static void
test_combine_any_takes_the_first_value (void)
{
  Three three;

  three_init (&three, cfut_future_any);
  reject (three.promises[0], G_IO_ERROR_BUSY);
  cfut_future_cancel (three.futures[1]);
  g_assert_cmpint (cfut_future_get_state (three.combined), ==, CFUT_STATE_PENDING);
  cfut_promise_resolve_string (three.promises[2], "third");
  g_assert_cmpstr (cfut_future_result_string (three.combined, 0, NULL), ==, "third");
  three_clear (&three);

  three_init (&three, cfut_future_any);
  cfut_promise_resolve_string (three.promises[1], "second");
  g_assert_cmpstr (cfut_future_result_string (three.combined, 0, NULL), ==, "second");
  g_assert_cmpint (cfut_future_get_state (three.futures[0]), ==, CFUT_STATE_PENDING);
  three_clear (&three);
}

/* When all fail, the error is that of the first as they were given which was rejected, and says how many there
 * were; when all were cancelled, `any` is too; one alone is followed to the letter. */
static void
test_combine_any_says_how_many_failed (void)
{
  g_autoptr (CfutPromise) alone = cfut_promise_new ();
  CfutFuture *alone_future = cfut_promise_get_future (alone);
  g_autoptr (CfutFuture) any_of_one = cfut_future_any (&alone_future, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) alone_error = NULL;
  Three three;

  three_init (&three, cfut_future_any);
  reject (three.promises[2], G_IO_ERROR_EXISTS);
  reject (three.promises[1], G_IO_ERROR_BUSY);
  g_assert_cmpint (cfut_future_get_state (three.combined), ==, CFUT_STATE_PENDING);
  cfut_future_cancel (three.futures[0]);
  test_assert_fails (three.combined, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
  error = cfut_future_dup_error (three.combined);
  g_assert_nonnull (strstr (error->message, "3 futures"));
  g_assert_nonnull (strstr (error->message, "number"));
  three_clear (&three);

  three_init (&three, cfut_future_any);
  for (guint i = 0; i < 3; i++)
    cfut_future_cancel (three.futures[i]);
  test_assert_fails (three.combined, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  three_clear (&three);

  reject (alone, G_IO_ERROR_BUSY);
  alone_error = cfut_future_dup_error (any_of_one);
  g_assert_error (alone_error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_true (g_str_has_prefix (alone_error->message, "number"));
}

/* `race` settles like the first, whichever way. */
static void
test_combine_race_settles_like_the_first (void)
{
  Three three;

  three_init (&three, cfut_future_race);
  cfut_promise_resolve_int64 (three.promises[1], 7);
  g_assert_cmpint (cfut_future_result_int64 (three.combined, 0, NULL), ==, 7);
  reject (three.promises[0], G_IO_ERROR_BUSY);
  g_assert_cmpint (cfut_future_get_state (three.combined), ==, CFUT_STATE_RESOLVED);
  three_clear (&three);

  three_init (&three, cfut_future_race);
  reject (three.promises[2], G_IO_ERROR_BUSY);
  test_assert_fails (three.combined, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
  three_clear (&three);

  three_init (&three, cfut_future_race);
  cfut_future_cancel (three.futures[0]);
  test_assert_fails (three.combined, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  three_clear (&three);
}

/* Of nothing: `all` is resolved, the others cannot be. */
static void
test_combine_of_nothing (void)
{
  g_autoptr (CfutFuture) all = cfut_future_all (NULL, 0);
  g_autoptr (CfutFuture) any = cfut_future_any (NULL, 0);
  g_autoptr (CfutFuture) race = cfut_future_race (NULL, 0);

  test_assert_settles (all, CFUT_STATE_RESOLVED);
  test_assert_fails (any, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  test_assert_fails (race, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

/* What has settled before counts, and the same future may be there several times. */
static void
test_combine_takes_settled_and_repeated_futures (void)
{
  g_autoptr (CfutPromise) done = cfut_promise_new ();
  g_autoptr (CfutPromise) open = cfut_promise_new ();
  CfutFuture *futures[] = { cfut_promise_get_future (open), cfut_promise_get_future (done),
                            cfut_promise_get_future (open), cfut_promise_get_future (done) };

  cfut_promise_resolve_int64 (done, 1);
  for (guint i = 0; i < G_N_ELEMENTS (combines); i++)
    {
      g_autoptr (CfutFuture) of_done = combines[i] (&futures[1], 1);
      g_autoptr (CfutFuture) of_four = combines[i] (futures, 4);

      g_assert_cmpint (cfut_future_get_state (of_done), ==, CFUT_STATE_RESOLVED);
      g_assert_cmpint (cfut_future_is_settled (of_four), ==, i > 0);
    }

  {
    g_autoptr (CfutFuture) all = cfut_future_all (futures, 4);

    cfut_promise_resolve_int64 (open, 1);
    g_assert_cmpint (cfut_future_get_state (all), ==, CFUT_STATE_RESOLVED);
  }
}

/* Guarantee 5: the combined future is cancelled at once, and all of its inputs with it. */
static void
test_combine_cancel_goes_to_all_inputs (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (combines); i++)
    {
      Three three;

      three_init (&three, combines[i]);
      cfut_promise_set_running (three.promises[2]);
      g_assert_true (cfut_future_cancel (three.combined));
      test_assert_fails (three.combined, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpint (cfut_future_get_state (three.futures[0]), ==, CFUT_STATE_CANCELLED);
      g_assert_cmpint (cfut_future_get_state (three.futures[1]), ==, CFUT_STATE_CANCELLED);
      g_assert_cmpint (cfut_future_get_state (three.futures[2]), ==, CFUT_STATE_RUNNING);
      g_assert_true (g_cancellable_is_cancelled (cfut_promise_get_cancellable (three.promises[2])));
      three_clear (&three);
    }
}

/* A combined future that has settled keeps nothing: not its inputs, nor itself in the lists of those
 * that go on. */
static void
test_combine_leaves_nothing_behind (void)
{
  g_autoptr (CfutPromise) long_one = cfut_promise_new ();
  int n_gone = 0;
  int n_made = 0;

  for (guint i = 0; i < 100; i++)
    {
      CfutPromise *other = cfut_promise_new ();
      CfutFuture *futures[] = { cfut_promise_get_future (long_one), cfut_promise_get_future (other) };

      for (guint j = 0; j < G_N_ELEMENTS (combines); j++)
        {
          g_autoptr (CfutFuture) combined = combines[j] (futures, 2);

          test_watch_gone (combined, &n_gone);
          n_made++;
          if (j == 0 && i % 2 == 0)
            reject (other, G_IO_ERROR_BUSY);
          if (j == 1 && i % 2 == 1)
            cfut_promise_resolve_int64 (other, 1);
          g_assert_cmpint (cfut_future_is_settled (combined), ==, j == 2 || j == i % 2);
        }
      test_watch_gone (futures[1], &n_gone);
      n_made++;
      g_object_unref (other);
    }

  /* Only what waits for the long one still is there: `any` where the other failed, `all` where it did not. */
  test_iterate_until (NULL, n_gone == n_made - 100 - 100);
  test_iterate_ready (NULL);
  g_assert_cmpint (n_gone, ==, n_made - 200);
  g_assert_false (cfut_future_is_settled (cfut_promise_get_future (long_one)));
  cfut_promise_resolve_int64 (long_one, 1);
  test_iterate_until (NULL, n_gone == n_made);
}

/* The dropped combined future lives as long as it waits, and goes when it has settled. */
static void
test_combine_dropped_still_settles (void)
{
  TestPlace place = { NULL, };
  Three three;
  int n_gone = 0;

  three_init (&three, cfut_future_all);
  cfut_future_add_done_callback (three.combined, CFUT_CALLBACK_DEFAULT, test_place_callback, &place, NULL);
  test_watch_gone (three.combined, &n_gone);
  g_clear_object (&three.combined);
  for (guint i = 0; i < 3; i++)
    {
      cfut_promise_resolve_int64 (three.promises[i], 1);
      g_clear_object (&three.promises[i]);
    }
  test_iterate_until (NULL, n_gone == 1);
  test_place_assert_here (&place, 1);
}

static gpointer
settle_on_thread (gpointer data)
{
  GPtrArray *promises = data;

  for (guint i = 0; i < promises->len; i++)
    cfut_promise_resolve_int64 (promises->pdata[i], i);
  return NULL;
}

/* Many inputs, settled by two threads while they are being combined: each of the three settles, once. */
static void
test_combine_many_from_threads (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (combines); i++)
    {
      GPtrArray *halves[] = { g_ptr_array_new_with_free_func (g_object_unref),
                              g_ptr_array_new_with_free_func (g_object_unref) };
      g_autoptr (GPtrArray) futures = g_ptr_array_new ();
      GThread *threads[2];
      CfutFuture *combined;
      TestPlace place = { NULL, };

      for (guint j = 0; j < N_MANY; j++)
        {
          CfutPromise *promise = cfut_promise_new ();

          g_ptr_array_add (halves[j % 2], promise);
          g_ptr_array_add (futures, cfut_promise_get_future (promise));
        }

      for (guint j = 0; j < 2; j++)
        threads[j] = g_thread_new ("settler", settle_on_thread, halves[j]);
      combined = combines[i] ((CfutFuture **) futures->pdata, futures->len);
      cfut_future_add_done_callback (combined, CFUT_CALLBACK_DEFAULT, test_place_callback, &place,
                                     NULL);
      test_assert_settles (combined, CFUT_STATE_RESOLVED);
      for (guint j = 0; j < 2; j++)
        g_thread_join (threads[j]);
      test_iterate_until (NULL, test_place_get_n (&place) == 1);
      test_place_assert_here (&place, 1);
      g_object_unref (combined);
      for (guint j = 0; j < 2; j++)
        g_ptr_array_unref (halves[j]);
    }
}

static gpointer
cancel_on_thread (gpointer future)
{
  cfut_future_cancel (future);
  return NULL;
}

/* Cancelled on one thread while inputs settle on another: it settles one way or the other, and nothing of it
 * stays. */
static void
test_combine_cancel_against_settle (void)
{
  for (guint i = 0; i < 300; i++)
    {
      GPtrArray *promises = g_ptr_array_new_with_free_func (g_object_unref);
      CfutFuture *futures[20];
      CfutFuture *combined;
      GThread *threads[2];
      int n_gone = 0;

      for (guint j = 0; j < 20; j++)
        {
          g_ptr_array_add (promises, cfut_promise_new ());
          futures[j] = cfut_promise_get_future (promises->pdata[j]);
        }
      combined = combines[i % 3] (futures, 20);
      test_watch_gone (combined, &n_gone);
      threads[0] = g_thread_new ("settler", settle_on_thread, promises);
      threads[1] = g_thread_new ("canceller", cancel_on_thread, combined);
      g_thread_join (threads[0]);
      g_thread_join (threads[1]);
      g_assert_true (cfut_future_is_settled (combined));
      g_object_unref (combined);
      g_ptr_array_unref (promises);
      test_iterate_until (NULL, n_gone == 1);
    }
}

/* A tower of combined futures, each of the one below: it settles, is cancelled and is freed without a
 * stack as deep. */
static void
test_combine_tower (void)
{
  for (guint i = 0; i < 2 * G_N_ELEMENTS (combines); i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      CfutFuture *top = g_object_ref (cfut_promise_get_future (promise));
      gboolean cancels = i >= G_N_ELEMENTS (combines);

      for (guint j = 0; j < N_MANY; j++)
        {
          CfutFuture *below = top;

          top = combines[(i + j) % G_N_ELEMENTS (combines)] (&below, 1);
          g_object_unref (below);
        }

      if (cancels)
        g_assert_true (cfut_future_cancel (top));
      else
        cfut_promise_resolve_int64 (promise, 1);
      g_assert_cmpint (cfut_future_get_state (cfut_promise_get_future (promise)), ==,
                       cancels ? CFUT_STATE_CANCELLED : CFUT_STATE_RESOLVED);
      g_assert_cmpint (cfut_future_get_state (top), ==,
                       cancels ? CFUT_STATE_CANCELLED : CFUT_STATE_RESOLVED);
      g_object_unref (top);
      test_iterate_ready (NULL);
    }
}

static void
resolve_then_look (CfutFuture *settled,
                   gpointer    data)
{
  CfutPromise *promise = ((gpointer *) data)[0];
  CfutFuture *combined = ((gpointer *) data)[1];

  cfut_promise_resolve_int64 (promise, 1);
  ((gpointer *) data)[2] = GINT_TO_POINTER (cfut_future_get_state (combined));
}

/* A DIRECT callback in a row of futures that settle: what it settles itself is followed before it
 * goes on. */
static void
test_combine_direct_callback_sees_what_it_settled (void)
{
  g_autoptr (CfutPromise) first = cfut_promise_new ();
  g_autoptr (CfutPromise) second = cfut_promise_new ();
  CfutFuture *first_future = cfut_promise_get_future (first);
  CfutFuture *second_future = cfut_promise_get_future (second);
  g_autoptr (CfutFuture) of_first = cfut_future_all (&first_future, 1);
  g_autoptr (CfutFuture) of_second = cfut_future_all (&second_future, 1);
  gpointer data[] = { second, of_second, GINT_TO_POINTER (CFUT_STATE_PENDING) };

  cfut_future_add_done_callback (of_first, CFUT_CALLBACK_DIRECT, resolve_then_look, data, NULL);
  cfut_promise_resolve_int64 (first, 1);
  g_assert_cmpint (GPOINTER_TO_INT (data[2]), ==, CFUT_STATE_RESOLVED);
}

/* Guarantee 2: what is combined on a thread with a loop of its own is announced there, wherever it was
 * settled. */
static void
combine_here (gpointer data)
{
  Three *three = data;

  three->combined = cfut_future_all (three->futures, 3);
}

static void
test_combine_belongs_to_the_caller (void)
{
  TestLoopThread *loop = test_loop_thread_new ();
  TestPlace place = { NULL, };
  Three three;

  three_init (&three, cfut_future_all);
  g_object_unref (three.combined);
  test_loop_thread_call (loop, combine_here, &three);
  cfut_future_add_done_callback (three.combined, CFUT_CALLBACK_DEFAULT, test_place_callback, &place, NULL);
  for (guint i = 0; i < 3; i++)
    cfut_promise_resolve_int64 (three.promises[i], 1);
  test_poll_until (test_place_get_n (&place) == 1);
  g_assert_true (place.context == test_loop_thread_get_context (loop));
  g_assert_true (place.thread == test_loop_thread_get_thread (loop));
  three_clear (&three);
  test_loop_thread_free (loop);
}

/* Programmer errors are told, and give NULL. */
static void
test_combine_bad_arguments (void)
{
  g_autoptr (GObject) stranger = G_OBJECT (g_cancellable_new ());
  CfutFuture *with_null[] = { NULL };
  CfutFuture *with_stranger[] = { (CfutFuture *) stranger };

  for (guint i = 0; i < G_N_ELEMENTS (combines); i++)
    {
      test_expect_critical ();
      g_assert_null (combines[i] (NULL, 1));
      test_expect_critical ();
      g_assert_null (combines[i] (with_null, 1));
      test_expect_critical ();
      g_assert_null (combines[i] (with_stranger, 1));
    }
  g_test_assert_expected_messages ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/combine/all-resolves-with-the-last",
                   test_combine_all_resolves_with_the_last);
  g_test_add_func ("/cfut/combine/all-fails-with-the-first", test_combine_all_fails_with_the_first);
  g_test_add_func ("/cfut/combine/any-takes-the-first-value",
                   test_combine_any_takes_the_first_value);
  g_test_add_func ("/cfut/combine/any-says-how-many-failed", test_combine_any_says_how_many_failed);
  g_test_add_func ("/cfut/combine/race-settles-like-the-first",
                   test_combine_race_settles_like_the_first);
  g_test_add_func ("/cfut/combine/of-nothing", test_combine_of_nothing);
  g_test_add_func ("/cfut/combine/takes-settled-and-repeated-futures",
                   test_combine_takes_settled_and_repeated_futures);
  g_test_add_func ("/cfut/combine/cancel-goes-to-all-inputs",
                   test_combine_cancel_goes_to_all_inputs);
  g_test_add_func ("/cfut/combine/leaves-nothing-behind", test_combine_leaves_nothing_behind);
  g_test_add_func ("/cfut/combine/dropped-still-settles", test_combine_dropped_still_settles);
  g_test_add_func ("/cfut/combine/many-from-threads", test_combine_many_from_threads);
  g_test_add_func ("/cfut/combine/cancel-against-settle", test_combine_cancel_against_settle);
  g_test_add_func ("/cfut/combine/tower", test_combine_tower);
  g_test_add_func ("/cfut/combine/direct-callback-sees-what-it-settled",
                   test_combine_direct_callback_sees_what_it_settled);
  g_test_add_func ("/cfut/combine/belongs-to-the-caller", test_combine_belongs_to_the_caller);
  g_test_add_func ("/cfut/combine/bad-arguments", test_combine_bad_arguments);

  return g_test_run ();
}
