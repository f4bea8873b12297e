/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutTask: what a running function can say through it, and what becomes of that. Guarantees 1 (what a
 * function returns decides how it settles) and 5 (cancel reaches the function). */

#include "test-executor-util.h"

static const Kind one_worker = { .n_workers = 1 };

static gboolean
set_kind (CfutTask  *task,
          gpointer   kind,
          GError   **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("bytes", 5);
  g_autoptr (GCancellable) object = g_cancellable_new ();

  switch ((TestKind) GPOINTER_TO_INT (kind))
    {
    case TEST_KIND_VARIANT:
      cfut_task_set_result_variant (task, g_variant_new_string ("variant"));
      break;
    case TEST_KIND_STRING:
      cfut_task_set_result_string (task, "string");
      break;
    case TEST_KIND_BYTES:
      cfut_task_set_result_bytes (task, bytes);
      break;
    case TEST_KIND_OBJECT:
      cfut_task_set_result_object (task, G_OBJECT (object));
      break;
    case TEST_KIND_INT64:
      cfut_task_set_result_int64 (task, G_MAXINT64);
      break;
    case TEST_KIND_DOUBLE:
      cfut_task_set_result_double (task, 0.125);
      break;
    case TEST_KIND_BOOLEAN:
      cfut_task_set_result_boolean (task, TRUE);
      break;
    case TEST_N_KINDS:
    default:
      g_assert_not_reached ();
    }

  return TRUE;
}

/* Guarantee 1: each setter's value comes through to its getter, and to no other. */
static void
test_task_result_of_each_kind (Fixture       *fixture,
                               gconstpointer  data)
{
  for (TestKind kind = 0; kind < TEST_N_KINDS; kind++)
    {
      g_autoptr (CfutFuture) future = submit (fixture, set_kind, GINT_TO_POINTER (kind));

      test_assert_settles (future, CFUT_STATE_RESOLVED);
      test_assert_holds (future, kind);
    }
}

static gboolean
set_strv (CfutTask  *task,
          gpointer   data,
          GError   **error)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_STRV);
  g_value_take_boxed (&value, g_strsplit ("x y", " ", -1));
  cfut_task_set_result (task, &value);
  return TRUE;
}

static gboolean
set_twice (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  cfut_task_set_result_string (task, "first");
  cfut_task_set_result_int64 (task, 2);
  return TRUE;
}

/* Any GValue will do, and the last one counts. */
static void
test_task_result_gvalue_and_last (Fixture       *fixture,
                                  gconstpointer  data)
{
  g_autoptr (CfutFuture) strv = submit (fixture, set_strv, NULL);
  g_autoptr (CfutFuture) twice = submit (fixture, set_twice, NULL);
  const GValue *value = cfut_future_result (strv, -1, NULL);

  g_assert_true (G_VALUE_HOLDS (value, G_TYPE_STRV));
  g_assert_cmpstr (((const char * const *) g_value_get_boxed (value))[1], ==, "y");

  g_assert_cmpint (cfut_future_result_int64 (twice, -1, NULL), ==, 2);
}

/* Guarantee 1: TRUE with no result is "no value", not an error. */
static void
test_task_no_value (Fixture       *fixture,
                    gconstpointer  data)
{
  g_autoptr (CfutFuture) future = submit (fixture, test_task_nothing, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (cfut_future_result (future, -1, &error));
  g_assert_no_error (error);
  g_assert_null (cfut_future_dup_error (future));
  test_assert_settles (future, CFUT_STATE_RESOLVED);
}

static gboolean
set_then_fail (CfutTask  *task,
               gpointer   data,
               GError   **error)
{
  cfut_task_set_result_string (task, "half a result");
  return test_task_fail (task, data, error);
}

/* Guarantee 1: FALSE with an error rejects with it; a result that was set before does not count. */
static void
test_task_failure (Fixture       *fixture,
                   gconstpointer  data)
{
  g_autoptr (CfutFuture) fails = submit (fixture, test_task_fail, NULL);
  g_autoptr (CfutFuture) sets = submit (fixture, set_then_fail, NULL);

  test_assert_fails (fails, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_FAILED);
  test_assert_fails (sets, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_null (cfut_future_result (sets, 0, NULL));
  g_assert_null (cfut_future_result_string (sets, 0, NULL));
}

/* Guarantee 1: FALSE without an error never hangs and never looks like success: bindings answer so when
 * they block a callback. */
static void
test_task_false_without_error (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr (CfutFuture) future = submit (fixture, test_task_unset, NULL);

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_CALLBACK_FAILED);
}

static gboolean
true_with_error (CfutTask  *task,
                 gpointer   data,
                 GError   **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "both at once");
  return TRUE;
}

/* Guarantee 1: both at once is a mistake, but it settles, and leaks no error. */
static void
test_task_true_with_error_settles (Fixture       *fixture,
                                   gconstpointer  data)
{
  g_autoptr (CfutFuture) future = submit (fixture, true_with_error, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, &error));
  g_assert_no_error (error);
}

static gboolean
wait_for_itself (CfutTask  *task,
                 gpointer   data,
                 GError   **error)
{
  return cfut_future_wait (CFUT_FUTURE (task), -1, NULL, error);
}

/* Guarantee 1: a wait for itself could never end, so it fails at once. */
static void
test_task_wait_for_itself (Fixture       *fixture,
                           gconstpointer  data)
{
  g_autoptr (CfutFuture) future = submit (fixture, wait_for_itself, NULL);

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
}

typedef struct {
  TestGate gate;
  CfutTask *task;
  gboolean is_task;
  CfutState state;
} Look;

static gboolean
look_at_itself (CfutTask  *task,
                gpointer   data,
                GError   **error)
{
  Look *look = data;

  look->is_task = CFUT_IS_TASK (task) && CFUT_IS_FUTURE (task);
  look->task = g_object_ref (task);
  look->state = cfut_future_get_state (CFUT_FUTURE (task));
  cfut_task_set_progress (task, 3, 12);
  cfut_task_set_message (task, "looking");
  test_gate_pass (&look->gate);
  return TRUE;
}

/* The task is the very future that the submitter holds, and RUNNING inside the function; what it
 * tells is seen at once by who asks. */
static void
test_task_is_the_future (Fixture       *fixture,
                         gconstpointer  data)
{
  Look look = { 0 };
  g_autoptr (CfutFuture) future = NULL;
  g_autofree char *message = NULL;
  guint64 done;
  guint64 total;

  test_gate_init (&look.gate);
  future = submit (fixture, look_at_itself, &look);
  test_gate_wait_arrived (&look.gate, 1);

  g_assert_true ((gpointer) look.task == (gpointer) future);
  g_assert_true (look.is_task);
  g_assert_cmpint (look.state, ==, CFUT_STATE_RUNNING);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
  g_assert_cmpfloat (cfut_future_get_fraction (future), ==, 0.25);
  cfut_future_get_progress (future, &done, &total);
  g_assert_cmpuint (done, ==, 3);
  g_assert_cmpuint (total, ==, 12);
  message = cfut_future_dup_message (future);
  g_assert_cmpstr (message, ==, "looking");

  test_gate_open (&look.gate);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_object_unref (look.task);
  test_gate_clear (&look.gate);
}

/* Guarantee 1: setters work on the running thread alone; others change nothing, during and after. */
static void
test_task_setters_from_elsewhere_do_nothing (Fixture       *fixture,
                                             gconstpointer  data)
{
  Look look = { 0 };
  g_autoptr (CfutFuture) future = NULL;
  g_autofree char *message = NULL;
  g_autoptr (GError) error = NULL;
  guint64 done;
  guint64 total;

  test_gate_init (&look.gate);
  future = submit (fixture, look_at_itself, &look);
  test_gate_wait_arrived (&look.gate, 1);

  for (guint i = 0; i < 2; i++)
    {
      cfut_task_set_result_int64 (look.task, 13);
      cfut_task_set_result_string (look.task, "not mine to say");
      cfut_task_set_progress (look.task, 12, 12);
      cfut_task_set_message (look.task, "not mine to say");

      test_gate_open (&look.gate);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      g_assert_null (cfut_future_result (future, -1, &error));
      g_assert_no_error (error);
      cfut_future_get_progress (future, &done, &total);
      g_assert_cmpuint (done, ==, 3);
      g_assert_cmpuint (total, ==, 12);
      g_clear_pointer (&message, g_free);
      message = cfut_future_dup_message (future);
      g_assert_cmpstr (message, ==, "looking");
    }

  g_object_unref (look.task);
  test_gate_clear (&look.gate);
}

static gboolean
set_on_older_task (CfutTask  *task,
                   gpointer   older,
                   GError   **error)
{
  cfut_task_set_result_string (older, "from the grave");
  cfut_task_set_message (older, "from the grave");
  cfut_task_set_result_int64 (task, 1);
  return TRUE;
}

/* Nor may a later task on the same worker thread write into an earlier one. */
static void
test_task_setters_after_settling_do_nothing (Fixture       *fixture,
                                             gconstpointer  data)
{
  g_autoptr (CfutFuture) older = submit (fixture, test_task_number, GINT_TO_POINTER (5));
  g_autoptr (CfutFuture) newer = NULL;

  test_assert_settles (older, CFUT_STATE_RESOLVED);
  newer = submit (fixture, set_on_older_task, older);
  g_assert_cmpint (cfut_future_result_int64 (newer, -1, NULL), ==, 1);
  g_assert_cmpint (cfut_future_result_int64 (older, -1, NULL), ==, 5);
  g_assert_null (cfut_future_dup_message (older));
}

typedef struct {
  TestGate gate;
  GCancellable *cancellable;
  gboolean same;
  gboolean first_checkpoint;
  gboolean second_checkpoint;
  gboolean succeed;
} Ask;

static gboolean
ask_checkpoint (CfutTask  *task,
                gpointer   data,
                GError   **error)
{
  Ask *ask = data;
  g_autoptr (GError) none = NULL;

  ask->first_checkpoint = cfut_task_checkpoint (task, &none);
  g_assert_no_error (none);
  test_gate_pass (&ask->gate);
  ask->second_checkpoint = cfut_task_checkpoint (task, NULL);

  ask->cancellable = cfut_task_get_cancellable (task);
  ask->same = ask->cancellable == cfut_task_get_cancellable (task);
  g_object_ref (ask->cancellable);
  return ask->succeed || cfut_task_checkpoint (task, error);
}

/* Guarantee 5: running, it is asked to stop; checkpoint says so, and what the function then
 * returns decides. */
static void
test_task_cancel_running (Fixture       *fixture,
                          gconstpointer  data)
{
  for (guint succeed = 0; succeed < 2; succeed++)
    {
      Ask ask = { .succeed = succeed };
      g_autoptr (CfutFuture) future = NULL;

      test_gate_init (&ask.gate);
      future = submit (fixture, ask_checkpoint, &ask);
      test_gate_wait_arrived (&ask.gate, 1);
      g_assert_false (cfut_future_cancel (future));
      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
      test_gate_open (&ask.gate);

      if (succeed)
        {
          test_assert_settles (future, CFUT_STATE_RESOLVED);
          g_assert_false (cfut_future_cancel (future));
        }
      else
        {
          test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          g_assert_true (cfut_future_cancel (future));
        }

      g_assert_true (ask.first_checkpoint);
      g_assert_false (ask.second_checkpoint);
      g_assert_true (ask.same);
      g_assert_true (g_cancellable_is_cancelled (ask.cancellable));
      g_object_unref (ask.cancellable);
      test_gate_clear (&ask.gate);
    }
}

static gboolean
never_cancelled (CfutTask  *task,
                 gpointer   data,
                 GError   **error)
{
  return cfut_task_checkpoint (task, error) &&
         !g_cancellable_is_cancelled (cfut_task_get_cancellable (task));
}

/* The GCancellable fires while the function waits with it. */
static void
test_task_cancellable_fires (Fixture       *fixture,
                             gconstpointer  data)
{
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) next = NULL;
  TestGate gate;

  test_gate_init (&gate);
  future = submit (fixture, test_task_until_cancelled, &gate);
  test_gate_wait_arrived (&gate, 1);
  cfut_future_cancel (future);
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  /* It is that task's own: the next on the same thread has nothing of it. */
  next = submit (fixture, never_cancelled, NULL);
  test_assert_settles (next, CFUT_STATE_RESOLVED);
  test_gate_clear (&gate);
}

static gboolean
fail_as (CfutTask  *task,
         gpointer   gate,
         GError   **error)
{
  test_gate_pass (gate);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "not found");
  return FALSE;
}

static gboolean
fail_unset_after_gate (CfutTask  *task,
                       gpointer   gate,
                       GError   **error)
{
  test_gate_pass (gate);
  return FALSE;
}

static gboolean
fail_cancelled (CfutTask  *task,
                gpointer   data,
                GError   **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "something else was cancelled");
  return FALSE;
}

/* Guarantee 5: any other failure after a request is REJECTED, and so is a G_IO_ERROR_CANCELLED
 * that nobody asked this future for. */
static void
test_task_other_failures_are_rejections (Fixture       *fixture,
                                         gconstpointer  data)
{
  static const CfutTaskFunc funcs[] = { fail_as, fail_unset_after_gate };
  g_autoptr (CfutFuture) unasked = submit (fixture, fail_cancelled, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    {
      g_autoptr (CfutFuture) future = NULL;
      TestGate gate;

      test_gate_init (&gate);
      future = submit (fixture, funcs[i], &gate);
      test_gate_wait_arrived (&gate, 1);
      g_assert_false (cfut_future_cancel (future));
      test_gate_open (&gate);
      if (i == 0)
        test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
      else
        test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                           CFUT_FUTURE_ERROR_CALLBACK_FAILED);
      g_assert_false (cfut_future_cancel (future));
      test_gate_clear (&gate);
    }

  test_assert_fails (unasked, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Bad input is refused with a critical. */
static void
test_task_bad_input (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  test_expect_critical ();
  cfut_task_set_result_int64 (NULL, 1);
  g_test_assert_expected_messages ();

  test_expect_critical ();
  cfut_task_set_progress (NULL, 1, 2);
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_false (cfut_task_checkpoint (NULL, NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_null (cfut_task_get_cancellable (NULL));
  g_test_assert_expected_messages ();

  /* A promise's future is a future, not a task. */
  test_expect_critical ();
  cfut_task_set_result_int64 ((CfutTask *) cfut_promise_get_future (promise), 1);
  g_test_assert_expected_messages ();
  cfut_promise_resolve (promise, NULL);
}

/* A deadline that has passed when the task begins: the function is not called. */
static void
test_task_deadline_of_nothing (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  int n_ran = 0;

  cfut_request_set_run_deadline_usec (request, 0);
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (CfutFuture) future =
        cfut_executor_submit_full (executor, request, test_task_count, &n_ran, NULL);

      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
    }
  g_assert_cmpint (n_ran, ==, 0);
}

static gboolean
set_real (CfutTask  *task,
          gpointer   real,
          GError   **error)
{
  cfut_task_set_result_double (task, *(double *) real);
  return TRUE;
}

/* What has no place in a whole number is an error, and not another number. */
static void
test_task_numbers_out_of_range (void)
{
  static const double reals[] = { 1e300, -1e300, 0x1p63, G_MAXDOUBLE };
  static double lowest = -0x1p63;
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) fits = cfut_executor_submit (executor, set_real, &lowest, NULL);
  g_auto (GValue) large = G_VALUE_INIT;
  g_autoptr (CfutFuture) unsigned_one = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (cfut_future_result_int64 (fits, -1, NULL), ==, G_MININT64);
  for (guint i = 0; i < G_N_ELEMENTS (reals); i++)
    {
      g_autoptr (CfutFuture) future =
        cfut_executor_submit (executor, set_real, (gpointer) &reals[i], NULL);

      g_assert_cmpint (cfut_future_result_int64 (future, -1, &error), ==, 0);
      g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_INVALID_STATE);
      g_clear_error (&error);
    }

  g_value_init (&large, G_TYPE_UINT64);
  g_value_set_uint64 (&large, G_MAXUINT64);
  unsigned_one = cfut_future_from_value (&large);
  g_assert_cmpint (cfut_future_result_int64 (unsigned_one, 0, &error), ==, 0);
  g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_INVALID_STATE);
}

/* Nobody runs it, but it is a future: of the context on which it was made. */
static void
test_task_made_by_its_type (void)
{
  CfutFuture *future = g_object_new (CFUT_TYPE_TASK, NULL);
  TestPlace done = { 0 };

  g_signal_connect (future, "done", G_CALLBACK (test_place_done), &done);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
  g_assert_true (cfut_future_cancel (future));
  test_iterate_until (NULL, test_place_get_n (&done) == 1);
  test_place_assert_here (&done, 1);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
  g_object_unref (future);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) \
  g_test_add ("/cfut/task/" name, Fixture, &one_worker, fixture_set_up, test_task_##func, \
              fixture_tear_down)
  add ("1-result-of-each-kind", result_of_each_kind);
  add ("1-result-gvalue-and-last", result_gvalue_and_last);
  add ("1-no-value", no_value);
  add ("1-failure", failure);
  add ("1-false-without-error", false_without_error);
  add ("1-true-with-error-settles", true_with_error_settles);
  add ("1-wait-for-itself", wait_for_itself);
  add ("1-is-the-future", is_the_future);
  add ("1-setters-from-elsewhere-do-nothing", setters_from_elsewhere_do_nothing);
  add ("1-setters-after-settling-do-nothing", setters_after_settling_do_nothing);
  add ("5-cancel-running", cancel_running);
  add ("5-cancellable-fires", cancellable_fires);
  add ("5-other-failures-are-rejections", other_failures_are_rejections);
  add ("bad-input", bad_input);
#undef add

  g_test_add_func ("/cfut/task/1-made-by-its-type", test_task_made_by_its_type);
  g_test_add_func ("/cfut/task/7-deadline-of-nothing", test_task_deadline_of_nothing);
  g_test_add_func ("/cfut/task/numbers-out-of-range", test_task_numbers_out_of_range);

  return g_test_run ();
}
