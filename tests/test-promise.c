/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutPromise, the write side of a future: it settles it once (guarantee 1), from any thread, with what
 * follows on the owner's context (2); and how cancellation reaches it (5). */

#include "test-util.h"

/* Resolves with a value of each kind in turn, none of them zero. */
static gboolean
resolve_kind (CfutPromise *promise,
              TestKind     kind)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("bytes", 5);
  g_autoptr (GCancellable) object = g_cancellable_new ();

  switch (kind)
    {
    case TEST_KIND_VARIANT:
      return cfut_promise_resolve_variant (promise, g_variant_new_string ("variant"));
    case TEST_KIND_STRING:
      return cfut_promise_resolve_string (promise, "string");
    case TEST_KIND_BYTES:
      return cfut_promise_resolve_bytes (promise, bytes);
    case TEST_KIND_OBJECT:
      return cfut_promise_resolve_object (promise, G_OBJECT (object));
    case TEST_KIND_INT64:
      return cfut_promise_resolve_int64 (promise, G_MININT64);
    case TEST_KIND_DOUBLE:
      return cfut_promise_resolve_double (promise, -0.5);
    case TEST_KIND_BOOLEAN:
      return cfut_promise_resolve_boolean (promise, TRUE);
    case TEST_N_KINDS:
    default:
      g_assert_not_reached ();
    }
}

/* Guarantee 1: each setter settles, and its getter, no other, gives the value back. */
static void
test_promise_resolves_with_each_kind (void)
{
  for (TestKind kind = 0; kind < TEST_N_KINDS; kind++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      CfutFuture *future = cfut_promise_get_future (promise);

      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
      g_assert_false (cfut_future_is_settled (future));
      g_assert_true (resolve_kind (promise, kind));
      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RESOLVED);
      test_assert_holds (future, kind);

      g_assert_false (resolve_kind (promise, (kind + 1) % TEST_N_KINDS));
      test_assert_holds (future, kind);
    }
}

/* A future may be made before its promise. Of two promises the first one that settles it counts, and
 * to drop one settles nothing. */
static void
test_promise_for_a_future (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (CfutFuture) future = g_object_new (cfut_promise_get_future_type (), NULL);
      CfutPromise *promise = cfut_promise_new_for (future);
      g_autoptr (CfutPromise) other = cfut_promise_new_for (future);
      g_autoptr (GError) error = NULL;

      g_assert_true (cfut_promise_get_future (promise) == future);
      if (i == 0)
        g_assert_true (cfut_promise_resolve_int64 (promise, 7));
      g_object_unref (promise);
      g_assert_cmpint (cfut_future_is_settled (future), ==, i == 0);

      g_assert_cmpint (cfut_promise_resolve_int64 (other, 7), ==, i == 1);
      g_assert_cmpint (cfut_future_result_int64 (future, 0, &error), ==, 7);
      g_assert_no_error (error);
    }
}

/* One that no promise was made for goes without a word. */
static void
test_promise_future_without_a_promise (void)
{
  GObject *future = g_object_new (cfut_promise_get_future_type (), NULL);

  g_object_add_weak_pointer (future, (gpointer *) &future);
  g_object_unref (future);
  g_assert_null (future);
}

/* The values themselves come through, extremes and zeros too. */
static void
test_promise_values_come_through (void)
{
  static const gint64 numbers[] = { G_MININT64, -1, 0, 1, G_MAXINT64 };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      const GValue *value;

      g_assert_true (cfut_promise_resolve_int64 (promise, numbers[i]));
      g_assert_cmpint (cfut_future_result_int64 (cfut_promise_get_future (promise), -1, &error), ==,
                       numbers[i]);
      g_assert_no_error (error);
      value = cfut_future_result (cfut_promise_get_future (promise), -1, NULL);
      g_assert_true (G_VALUE_HOLDS_INT64 (value));
      g_assert_cmpint (g_value_get_int64 (value), ==, numbers[i]);
    }

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();

      g_assert_true (cfut_promise_resolve_boolean (promise, i == 1));
      g_assert_cmpint (cfut_future_result_boolean (cfut_promise_get_future (promise), -1, &error),
                       ==, i == 1);
      g_assert_no_error (error);
    }
}

/* Values are kept, not copied by reference alone: the caller may free what it gave, and finds the same
 * object, bytes and floating variant in the future. */
static void
test_promise_keeps_what_it_was_given (void)
{
  g_autoptr (CfutPromise) string_promise = cfut_promise_new ();
  g_autoptr (CfutPromise) object_promise = cfut_promise_new ();
  g_autoptr (CfutPromise) variant_promise = cfut_promise_new ();
  g_autoptr (GVariant) got = NULL;
  char *string = g_strdup ("gone soon");
  GObject *object = G_OBJECT (g_cancellable_new ());
  GVariant *variant = g_variant_new_uint32 (42);
  int n_gone = 0;

  test_watch_gone (object, &n_gone);

  cfut_promise_resolve_string (string_promise, string);
  string[0] = 'X';
  g_free (string);
  g_assert_cmpstr (cfut_future_result_string (cfut_promise_get_future (string_promise), -1, NULL),
                   ==, "gone soon");

  cfut_promise_resolve_object (object_promise, object);
  g_object_unref (object);
  g_assert_cmpint (n_gone, ==, 0);
  g_assert_true (cfut_future_result_object (cfut_promise_get_future (object_promise), -1, NULL) ==
                 object);

  /* A floating one is sunk: ours is the future's now. */
  cfut_promise_resolve_variant (variant_promise, variant);
  got = g_variant_ref (cfut_future_result_variant (cfut_promise_get_future (variant_promise), -1,
                                                   NULL));
  g_assert_false (g_variant_is_floating (got));
  g_assert_cmpuint (g_variant_get_uint32 (got), ==, 42);

  g_clear_object (&object_promise);
  test_iterate_until (NULL, n_gone == 1);
}

/* Guarantee 1: any GValue is a result; no value, which an unset one is too, is one as well. */
static void
test_promise_resolves_with_any_gvalue (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (CfutPromise) unset = cfut_promise_new ();
  g_autoptr (CfutPromise) empty = cfut_promise_new ();
  g_autoptr (GError) error = NULL;
  g_auto (GValue) value = G_VALUE_INIT;
  const GValue *got;

  g_value_init (&value, G_TYPE_STRV);
  g_value_take_boxed (&value, g_strsplit ("a b c", " ", -1));
  g_assert_true (cfut_promise_resolve (promise, &value));
  got = cfut_future_result (cfut_promise_get_future (promise), 0, &error);
  g_assert_no_error (error);
  g_assert_true (G_VALUE_HOLDS (got, G_TYPE_STRV));
  g_assert_cmpstr (((const char * const *) g_value_get_boxed (got))[2], ==, "c");

  g_assert_true (cfut_promise_resolve (unset, &(GValue) G_VALUE_INIT));
  g_assert_null (cfut_future_result (cfut_promise_get_future (unset), 0, &error));
  g_assert_no_error (error);

  g_assert_true (cfut_promise_resolve (empty, NULL));
  g_assert_cmpint (cfut_future_get_state (cfut_promise_get_future (empty)), ==,
                   CFUT_STATE_RESOLVED);
  g_assert_null (cfut_future_result (cfut_promise_get_future (empty), 0, &error));
  g_assert_no_error (error);
  g_assert_null (cfut_future_dup_error (cfut_promise_get_future (empty)));

  /* NULL can stand for no value, where a number or a boolean cannot. */
  for (TestKind kind = 0; kind < TEST_N_KINDS; kind++)
    {
      g_autoptr (GError) kind_error = NULL;

      g_assert_false (test_ask_getter (cfut_promise_get_future (empty), kind, 0, &kind_error));
      if (kind < TEST_KIND_INT64)
        g_assert_no_error (kind_error);
      else
        g_assert_error (kind_error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_INVALID_STATE);
    }
}

/* Guarantee 1: the first settles; the others say FALSE and change nothing. */
static void
test_promise_settles_once (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (GError) refused = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  CfutFuture *future = cfut_promise_get_future (promise);

  g_assert_true (cfut_promise_reject (promise, refused));
  g_assert_false (cfut_promise_resolve_int64 (promise, 1));
  g_assert_false (cfut_promise_resolve (promise, NULL));
  g_assert_false (cfut_promise_reject (promise, refused));
  g_assert_false (cfut_promise_set_running (promise));
  g_assert_false (cfut_future_cancel (future));
  cfut_promise_set_progress (promise, 1, 2);
  cfut_promise_set_message (promise, "too late");

  test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_null (cfut_future_dup_message (future));
}

/* The error is the caller's own, to the letter, for each who asks. */
static void
test_promise_reject_keeps_the_error (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (GError) first = NULL;
  g_autoptr (GError) second = NULL;
  GError *given = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_NOSPC, "no room: 100 % full");
  CfutFuture *future = cfut_promise_get_future (promise);

  g_assert_true (cfut_promise_reject (promise, given));
  g_error_free (given);

  first = cfut_future_dup_error (future);
  g_assert_error (first, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  g_assert_cmpstr (first->message, ==, "no room: 100 % full");
  g_assert_null (cfut_future_result (future, -1, &second));
  g_assert_error (second, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  g_assert_cmpstr (second->message, ==, "no room: 100 % full");
  g_assert_true (first != second);
}

static gpointer
wait_without_limit (gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_future_wait (data, -1, NULL, &error));
  g_assert_no_error (error);
  return NULL;
}

/* The parts of an error do what the error does, cancellation among it. */
static void
test_promise_reject_literal (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (CfutPromise) asked = cfut_promise_new ();

  g_assert_true (cfut_promise_reject_literal (promise, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "not there"));
  g_assert_false (cfut_promise_reject_literal (promise, G_IO_ERROR, G_IO_ERROR_EXISTS, "there"));
  test_assert_fails (cfut_promise_get_future (promise), CFUT_STATE_REJECTED, G_IO_ERROR,
                     G_IO_ERROR_NOT_FOUND);

  g_assert_true (cfut_promise_set_running (asked));
  g_assert_false (cfut_future_cancel (cfut_promise_get_future (asked)));
  g_assert_true (cfut_promise_reject_literal (asked, G_IO_ERROR, G_IO_ERROR_CANCELLED, "as asked"));
  g_assert_cmpint (cfut_future_get_state (cfut_promise_get_future (asked)), ==, CFUT_STATE_CANCELLED);
}

/* Guarantee 1: a promise that is dropped rejects with ABANDONED, and whoever waits returns. */
static void
test_promise_dropped_is_abandoned (void)
{
  CfutPromise *promise = cfut_promise_new ();
  g_autoptr (CfutFuture) future = g_object_ref (cfut_promise_get_future (promise));
  TestPlace place = { 0 };
  GThread *waiter;

  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &place, NULL);
  waiter = g_thread_new ("waiter", wait_without_limit, future);
  g_object_unref (promise);
  g_thread_join (waiter);

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_ABANDONED);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
}

/* The same while it was said to be running. */
static void
test_promise_dropped_while_running_is_abandoned (void)
{
  CfutPromise *promise = cfut_promise_new ();
  g_autoptr (CfutFuture) future = g_object_ref (cfut_promise_get_future (promise));

  g_assert_true (cfut_promise_set_running (promise));
  g_object_unref (promise);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_ABANDONED);
}

static gpointer
unref_in_thread (gpointer data)
{
  g_object_unref (data);
  return NULL;
}

/* Guarantees 1 and 2: dropped on another thread, it is announced on the owner's. */
static void
test_promise_dropped_on_another_thread (void)
{
  CfutPromise *promise = cfut_promise_new ();
  g_autoptr (CfutFuture) future = g_object_ref (cfut_promise_get_future (promise));
  TestPlace called = { 0 };
  TestPlace destroyed = { 0 };

  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &called,
                                 NULL);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, test_place_callback, &destroyed,
                                 test_place_note);
  g_thread_join (g_thread_new ("dropper", unref_in_thread, promise));

  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_REJECTED);
  g_assert_cmpint (test_place_get_n (&called), ==, 0);
  test_iterate_until (NULL, test_place_get_n (&called) == 1 && test_place_get_n (&destroyed) == 2);
  test_place_assert_here (&called, 1);
  test_place_assert_here (&destroyed, 2);
}

/* Guarantee 2: the last reference to a promise dropped on a thread releases the result on the owner's. */
static gpointer
resolve_and_drop (gpointer data)
{
  CfutPromise *promise = data;
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);

  g_object_set_data_full (object, "place", g_object_get_data (G_OBJECT (promise), "place"),
                          test_place_note);
  cfut_promise_resolve_object (promise, object);
  g_object_unref (object);
  g_object_unref (promise);
  return NULL;
}

static void
test_promise_result_is_released_by_the_owner (void)
{
  for (guint i = 0; i < 100; i++)
    {
      CfutPromise *promise = cfut_promise_new ();
      TestPlace place = { 0 };

      g_object_set_data (G_OBJECT (promise), "place", &place);
      g_thread_join (g_thread_new ("dropper", resolve_and_drop, promise));
      test_iterate_until (NULL, test_place_get_n (&place) == 1);
      test_place_assert_here (&place, 1);
    }
}

/* A promise and its future go when they are dropped, settled or not, in either order. */
static void
test_promise_leaves_nothing (void)
{
  int n_gone = 0;

  for (guint i = 0; i < 4; i++)
    {
      CfutPromise *promise = cfut_promise_new ();
      CfutFuture *future = g_object_ref (cfut_promise_get_future (promise));

      test_watch_gone (promise, &n_gone);
      test_watch_gone (future, &n_gone);
      if (i & 1)
        cfut_promise_resolve_int64 (promise, i);
      g_object_unref (i & 2 ? (gpointer) promise : (gpointer) future);
      g_object_unref (i & 2 ? (gpointer) future : (gpointer) promise);
    }

  test_iterate_until (NULL, n_gone == 8);
}

/* Guarantee 5: before it runs, a cancel settles at once, and the adapter learns of it. */
static void
test_promise_cancel_pending (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "late");
  CfutFuture *future = cfut_promise_get_future (promise);
  GCancellable *cancellable = cfut_promise_get_cancellable (promise);

  g_assert_true (G_IS_CANCELLABLE (cancellable));
  g_assert_true (cfut_promise_get_cancellable (promise) == cancellable);
  g_assert_false (g_cancellable_is_cancelled (cancellable));

  g_assert_true (cfut_future_cancel (future));
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
  g_assert_true (g_cancellable_is_cancelled (cancellable));
  g_assert_false (cfut_promise_resolve_int64 (promise, 1));
  g_assert_false (cfut_promise_reject (promise, error));
  g_assert_false (cfut_promise_set_running (promise));
  g_assert_true (cfut_future_cancel (future));
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Guarantee 5: who asks for the cancellable only after the cancel finds it cancelled. */
static void
test_promise_cancellable_made_late (void)
{
  g_autoptr (CfutPromise) pending = cfut_promise_new ();
  g_autoptr (CfutPromise) running = cfut_promise_new ();

  g_assert_true (cfut_future_cancel (cfut_promise_get_future (pending)));
  g_assert_true (g_cancellable_is_cancelled (cfut_promise_get_cancellable (pending)));

  cfut_promise_set_running (running);
  g_assert_false (cfut_future_cancel (cfut_promise_get_future (running)));
  g_assert_true (g_cancellable_is_cancelled (cfut_promise_get_cancellable (running)));
  cfut_promise_resolve (running, NULL);
}

/* Guarantee 5: running, it is asked; what it answers decides the state. */
static void
test_promise_cancel_running (void)
{
  g_autoptr (GError) stopped = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "stopped");
  g_autoptr (GError) broke = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "broke");
  struct {
    const GError *answer;
    gboolean ask;
    CfutState state;
    gboolean cancel_again;
  } cases[] = {
    { stopped, TRUE, CFUT_STATE_CANCELLED, TRUE },
    { broke, TRUE, CFUT_STATE_REJECTED, FALSE },
    { NULL, TRUE, CFUT_STATE_RESOLVED, FALSE },
    { stopped, FALSE, CFUT_STATE_REJECTED, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      CfutFuture *future = cfut_promise_get_future (promise);
      GCancellable *cancellable = cfut_promise_get_cancellable (promise);

      g_assert_true (cfut_promise_set_running (promise));
      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
      if (cases[i].ask)
        {
          g_assert_false (cfut_future_cancel (future));
          g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
          g_assert_false (cfut_future_cancel (future));
        }
      g_assert_cmpint (g_cancellable_is_cancelled (cancellable), ==, cases[i].ask);

      if (cases[i].answer != NULL)
        g_assert_true (cfut_promise_reject (promise, cases[i].answer));
      else
        g_assert_true (cfut_promise_resolve_int64 (promise, 3));

      g_assert_cmpint (cfut_future_get_state (future), ==, cases[i].state);
      g_assert_cmpint (cfut_future_cancel (future), ==, cases[i].cancel_again);
      if (cases[i].answer != NULL)
        test_assert_fails (future, cases[i].state, cases[i].answer->domain, cases[i].answer->code);
    }
}

static void
note_cancelled (GCancellable *cancellable,
                gpointer      place)
{
  test_place_note (place);
}

/* Guarantee 5: a handler of `cancelled` may settle the promise there and then. */
static void
settle_when_cancelled (GCancellable *cancellable,
                       gpointer      promise)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (g_cancellable_set_error_if_cancelled (cancellable, &error));
  g_assert_true (cfut_promise_reject (promise, error));
}

static void
test_promise_settled_inside_cancel (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  TestPlace place = { 0 };

  g_signal_connect (cfut_promise_get_cancellable (promise), "cancelled",
                    G_CALLBACK (note_cancelled), &place);
  g_signal_connect (cfut_promise_get_cancellable (promise), "cancelled",
                    G_CALLBACK (settle_when_cancelled), promise);
  cfut_promise_set_running (promise);

  /* TRUE is what the contract asks for: it is CANCELLED on return. */
  g_assert_true (cfut_future_cancel (future));
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
  test_place_assert_here (&place, 1);
}

static void
test_promise_progress (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autofree char *message = NULL;
  CfutFuture *future = cfut_promise_get_future (promise);
  guint64 done = 99;
  guint64 total = 99;

  cfut_future_get_progress (future, &done, &total);
  g_assert_cmpuint (done, ==, 0);
  g_assert_cmpuint (total, ==, 0);
  g_assert_null (cfut_future_dup_message (future));

  cfut_promise_set_progress (promise, 1, 4);
  cfut_promise_set_message (promise, "a quarter");
  cfut_future_get_progress (future, &done, &total);
  g_assert_cmpuint (done, ==, 1);
  g_assert_cmpuint (total, ==, 4);
  g_assert_cmpfloat (cfut_future_get_fraction (future), ==, 0.25);
  message = cfut_future_dup_message (future);
  g_assert_cmpstr (message, ==, "a quarter");

  cfut_future_get_progress (future, NULL, &total);
  cfut_future_get_progress (future, &done, NULL);
  cfut_future_get_progress (future, NULL, NULL);

  /* A binding would break on a fraction out of range. */
  cfut_promise_set_progress (promise, 5, 4);
  g_assert_cmpfloat (cfut_future_get_fraction (future), <=, 1.0);
  cfut_promise_set_progress (promise, G_MAXUINT64, G_MAXUINT64);
  g_assert_cmpfloat (cfut_future_get_fraction (future), ==, 1.0);

  /* What was done is known where the total is not. */
  cfut_promise_set_progress (promise, 5, 0);
  cfut_future_get_progress (future, &done, &total);
  g_assert_cmpuint (done, ==, 5);
  g_assert_cmpuint (total, ==, 0);
  g_assert_cmpfloat (cfut_future_get_fraction (future), ==, 0.0);

  cfut_promise_set_progress (promise, 3, 4);
  cfut_promise_resolve (promise, NULL);
  cfut_promise_set_progress (promise, 0, 8);
  cfut_future_get_progress (future, &done, &total);
  g_assert_cmpuint (done, ==, 3);
  g_assert_cmpuint (total, ==, 4);
}

typedef struct {
  CfutPromise *promise;
  CfutFuture *future;
  TestGate start;
  int n_settled;  /* atomic */
  int cancelled;
  int resolved;
  int rejected;
} Contest;

static gpointer
contest_resolve (gpointer data)
{
  Contest *self = data;

  test_gate_pass (&self->start);
  if (cfut_promise_resolve_string (self->promise, "won"))
    {
      self->resolved = TRUE;
      g_atomic_int_inc (&self->n_settled);
    }
  return NULL;
}

static gpointer
contest_reject (gpointer data)
{
  Contest *self = data;
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "won");

  test_gate_pass (&self->start);
  if (cfut_promise_reject (self->promise, error))
    {
      self->rejected = TRUE;
      g_atomic_int_inc (&self->n_settled);
    }
  return NULL;
}

static gpointer
contest_cancel (gpointer data)
{
  Contest *self = data;

  test_gate_pass (&self->start);
  self->cancelled = cfut_future_cancel (self->future);
  return NULL;
}

/* Guarantees 1 and 5: of those who settle at once exactly one wins, and knows it. */
static void
test_promise_one_of_many_settles (void)
{
  GThreadFunc funcs[] = { contest_resolve, contest_reject, contest_cancel };

  for (guint i = 0; i < 300; i++)
    {
      GThread *threads[G_N_ELEMENTS (funcs)];
      Contest contest = { 0 };
      TestPlace place = { 0 };
      CfutState state;

      contest.promise = cfut_promise_new ();
      contest.future = g_object_ref (cfut_promise_get_future (contest.promise));
      cfut_future_add_done_callback (contest.future, CFUT_CALLBACK_DIRECT, test_place_callback,
                                     &place, NULL);
      test_gate_init (&contest.start);
      for (guint j = 0; j < G_N_ELEMENTS (funcs); j++)
        threads[j] = g_thread_new ("contest", funcs[j], &contest);
      test_gate_wait_arrived (&contest.start, G_N_ELEMENTS (funcs));
      test_gate_open (&contest.start);
      for (guint j = 0; j < G_N_ELEMENTS (funcs); j++)
        g_thread_join (threads[j]);

      state = cfut_future_get_state (contest.future);
      g_assert_cmpint (contest.n_settled + contest.cancelled, ==, 1);
      g_assert_cmpint (state == CFUT_STATE_RESOLVED, ==, contest.resolved);
      g_assert_cmpint (state == CFUT_STATE_REJECTED, ==, contest.rejected);
      g_assert_cmpint (state == CFUT_STATE_CANCELLED, ==, contest.cancelled);
      g_assert_cmpint (test_place_get_n (&place), ==, 1);

      g_object_unref (contest.promise);
      g_object_unref (contest.future);
      test_gate_clear (&contest.start);
    }
  test_iterate_ready (NULL);
}

/* Bad input is refused with a critical and changes nothing. */
static void
test_promise_bad_input (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);

  test_expect_critical ();
  g_assert_null (cfut_promise_get_future (NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_false (cfut_promise_resolve (NULL, NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_false (cfut_promise_resolve_int64 (NULL, 1));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_false (cfut_promise_reject (promise, NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_false (cfut_promise_set_running (NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  cfut_promise_set_progress (NULL, 1, 2);
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_null (cfut_promise_get_cancellable (NULL));
  g_test_assert_expected_messages ();

  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
  g_assert_true (cfut_promise_resolve_boolean (promise, TRUE));
}

/* Settled from the beginning, on the owner that made it. */
static void
test_promise_settled_futures (void)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "none");
  g_autoptr (CfutFuture) resolved = NULL;
  g_autoptr (CfutFuture) empty = cfut_future_from_value (NULL);
  g_autoptr (CfutFuture) rejected = cfut_future_from_error (error);
  TestPlace place = { NULL, };

  g_value_init (&value, G_TYPE_INT64);
  g_value_set_int64 (&value, 7);
  resolved = cfut_future_from_value (&value);

  g_assert_cmpint (cfut_future_result_int64 (resolved, 0, NULL), ==, 7);
  g_assert_null (cfut_future_result (empty, 0, NULL));
  test_assert_settles (empty, CFUT_STATE_RESOLVED);
  test_assert_fails (rejected, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);

  cfut_future_add_done_callback (resolved, CFUT_CALLBACK_DEFAULT, test_place_callback, &place, NULL);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
  test_place_assert_here (&place, 1);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/promise/" name, test_promise_##func)
  add ("1-resolves-with-each-kind", resolves_with_each_kind);
  add ("1-values-come-through", values_come_through);
  add ("1-keeps-what-it-was-given", keeps_what_it_was_given);
  add ("1-resolves-with-any-gvalue", resolves_with_any_gvalue);
  add ("1-settles-once", settles_once);
  add ("1-reject-keeps-the-error", reject_keeps_the_error);
  add ("1-reject-literal", reject_literal);
  add ("1-dropped-is-abandoned", dropped_is_abandoned);
  add ("1-dropped-while-running-is-abandoned", dropped_while_running_is_abandoned);
  add ("2-dropped-on-another-thread", dropped_on_another_thread);
  add ("2-result-is-released-by-the-owner", result_is_released_by_the_owner);
  add ("2-leaves-nothing", leaves_nothing);
  add ("5-cancel-pending", cancel_pending);
  add ("5-cancellable-made-late", cancellable_made_late);
  add ("5-cancel-running", cancel_running);
  add ("5-settled-inside-cancel", settled_inside_cancel);
  add ("4-progress", progress);
  add ("1-5-one-of-many-settles", one_of_many_settles);
  add ("bad-input", bad_input);
#undef add

  g_test_add_func ("/cfut/promise/1-for-a-future", test_promise_for_a_future);
  g_test_add_func ("/cfut/promise/future-without-a-promise", test_promise_future_without_a_promise);
  g_test_add_func ("/cfut/promise/settled-futures", test_promise_settled_futures);

  return g_test_run ();
}
