/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Futures of GIO's operations, and GTasks of futures. */

#include <glib/gstdio.h>

#include "test-util.h"

/* An operation that the test ends by hand: the latest GTask that was started. */
typedef struct {
  GTask *task;
  TestPlace finished;
  TestPlace destroyed;
} Operation;

static void
operation_start (GObject             *source,
                 GCancellable        *cancellable,
                 GAsyncReadyCallback  callback,
                 gpointer             callback_data,
                 gpointer             user_data)
{
  Operation *self = user_data;

  self->task = g_task_new (source, cancellable, callback, callback_data);
}

static gboolean
operation_finish (GObject       *source,
                  GAsyncResult  *result,
                  CfutPromise   *promise,
                  gpointer       user_data,
                  GError       **error)
{
  Operation *self = user_data;
  GError *failure = NULL;
  gssize number;

  test_place_note (&self->finished);
  g_assert_true (g_task_is_valid (result, source));
  g_assert_cmpint (test_place_get_n (&self->destroyed), ==, 0);
  number = g_task_propagate_int (G_TASK (result), &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  if (number == -1)
    return FALSE;
  if (number > 0)
    cfut_promise_resolve_int64 (promise, number);
  return TRUE;
}

static void
operation_destroy (gpointer data)
{
  test_place_note (&((Operation *) data)->destroyed);
}

static void
return_int (Operation *self,
            gssize     number)
{
  g_task_return_int (self->task, number);
  g_clear_object (&self->task);
}

/* The value, no value, an error, or none at all; finish and destroy come on the context of the caller, once. */
static void
test_interop_async_settles (void)
{
  static const gssize numbers[] = { 42, 0, -1 };
  g_autoptr (GObject) source = G_OBJECT (g_cancellable_new ());

  for (guint i = 0; i < 4; i++)
    {
      Operation operation = { NULL, };
      g_autoptr (CfutFuture) future =
        cfut_future_from_async (i % 2 ? source : NULL, operation_start, operation_finish, &operation,
                                operation_destroy);
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
      g_assert_nonnull (operation.task);
      if (i < 3)
        return_int (&operation, numbers[i]);
      else
        {
          g_task_return_new_error (operation.task, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
          g_clear_object (&operation.task);
        }
      test_iterate_until (NULL, test_place_get_n (&operation.destroyed) == 1);
      test_place_assert_here (&operation.finished, 1);
      test_place_assert_here (&operation.destroyed, 1);
      if (i == 0)
        g_assert_cmpint (cfut_future_result_int64 (future, 0, NULL), ==, 42);
      else if (i == 1)
        {
          g_assert_null (cfut_future_result (future, 0, &error));
          g_assert_no_error (error);
        }
      else
        test_assert_fails (future, CFUT_STATE_REJECTED, i == 2 ? CFUT_FUTURE_ERROR : G_IO_ERROR,
                           i == 2 ? (int) CFUT_FUTURE_ERROR_CALLBACK_FAILED : (int) G_IO_ERROR_BUSY);
    }
}

/* Guarantee 5: the cancel asks through the operation's cancellable, and the operation says what came of it. */
static void
test_interop_async_cancel_asks (void)
{
  for (guint succeeds = 0; succeeds < 2; succeeds++)
    {
      Operation operation = { NULL, };
      g_autoptr (CfutFuture) future =
        cfut_future_from_async (NULL, operation_start, operation_finish, &operation, operation_destroy);
      GCancellable *cancellable = g_task_get_cancellable (operation.task);

      g_assert_false (g_cancellable_is_cancelled (cancellable));
      g_assert_false (cfut_future_cancel (future));
      g_assert_true (g_cancellable_is_cancelled (cancellable));
      g_task_set_check_cancellable (operation.task, !succeeds);
      return_int (&operation, 7);
      test_iterate_until (NULL, cfut_future_is_settled (future));
      g_assert_cmpint (cfut_future_get_state (future), ==,
                       succeeds ? CFUT_STATE_RESOLVED : CFUT_STATE_CANCELLED);
      test_iterate_until (NULL, test_place_get_n (&operation.destroyed) == 1);
    }
}

/* G_IO_ERROR_CANCELLED that nobody asked for is a failure like others. */
static void
test_interop_async_cancelled_by_itself (void)
{
  Operation operation = { NULL, };
  g_autoptr (CfutFuture) future =
    cfut_future_from_async (NULL, operation_start, operation_finish, &operation, operation_destroy);

  g_task_return_new_error (operation.task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "by itself");
  g_clear_object (&operation.task);
  test_iterate_until (NULL, test_place_get_n (&operation.destroyed) == 1);
  test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* The dropped future changes nothing for the operation, and all goes in the end. */
static void
test_interop_async_dropped (void)
{
  Operation operation = { NULL, };
  int n_gone = 0;
  CfutFuture *future =
    cfut_future_from_async (NULL, operation_start, operation_finish, &operation, operation_destroy);

  test_watch_gone (future, &n_gone);
  g_object_unref (future);
  test_iterate_ready (NULL);
  g_assert_cmpint (n_gone, ==, 0);
  return_int (&operation, 1);
  test_iterate_until (NULL, n_gone == 1);
  test_place_assert_here (&operation.finished, 1);
  test_place_assert_here (&operation.destroyed, 1);
}

static void
load_start (GObject             *source,
            GCancellable        *cancellable,
            GAsyncReadyCallback  callback,
            gpointer             callback_data,
            gpointer             user_data)
{
  g_file_load_bytes_async (G_FILE (source), cancellable, callback, callback_data);
}

static gboolean
load_finish (GObject       *source,
             GAsyncResult  *result,
             CfutPromise   *promise,
             gpointer       user_data,
             GError       **error)
{
  g_autoptr (GBytes) bytes = g_file_load_bytes_finish (G_FILE (source), result, NULL, error);

  return bytes != NULL && cfut_promise_resolve_bytes (promise, bytes);
}

/* A pair of GIO's own, to success, to an error and to a cancel. */
static void
test_interop_async_of_gio (void)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "cfut-test-interop-XXXXXX", NULL);
  int fd = g_mkstemp (path);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFile) missing = g_file_get_child (file, "missing");
  g_autoptr (CfutFuture) loads = NULL;
  g_autoptr (CfutFuture) fails = NULL;
  g_autoptr (CfutFuture) cancelled = NULL;

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (g_file_set_contents (path, "contents", -1, NULL));
  loads = cfut_future_from_async (file, load_start, load_finish, NULL, NULL);
  fails = cfut_future_from_async (missing, load_start, load_finish, NULL, NULL);
  cancelled = cfut_future_from_async (file, load_start, load_finish, NULL, NULL);
  cfut_future_cancel (cancelled);
  test_iterate_until (NULL, cfut_future_is_settled (loads) && cfut_future_is_settled (fails) &&
                            cfut_future_is_settled (cancelled));
  g_assert_cmpuint (g_bytes_get_size (cfut_future_result_bytes (loads, 0, NULL)), ==, 8);
  g_assert_cmpint (cfut_future_get_state (fails), ==, CFUT_STATE_REJECTED);
  g_assert_cmpint (cfut_future_get_state (cancelled), ==, CFUT_STATE_CANCELLED);
  g_unlink (path);
  g_close (fd, NULL);
}

/* Of a GTask without a callback the future has the value, whether it completes before or after. */
static void
test_interop_for_task_reads_the_result (void)
{
  for (guint before = 0; before < 2; before++)
    for (guint fails = 0; fails < 2; fails++)
      {
        Operation operation = { NULL, };
        GTask *task = g_task_new (NULL, NULL, NULL, NULL);
        CfutFuture *future = NULL;
        int n_gone = 0;

        test_watch_gone (task, &n_gone);
        if (!before)
          future = cfut_future_from_task (task, operation_finish, &operation, operation_destroy);
        if (fails)
          g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
        else
          g_task_return_int (task, 5);
        test_iterate_until (NULL, g_task_get_completed (task));
        if (before)
          future = cfut_future_from_task (task, operation_finish, &operation, operation_destroy);
        g_assert_true (cfut_future_is_settled (future));
        if (fails)
          test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
        else
          g_assert_cmpint (cfut_future_result_int64 (future, 0, NULL), ==, 5);
        test_iterate_until (NULL, test_place_get_n (&operation.destroyed) == 1);
        test_place_assert_here (&operation.finished, 1);
        test_place_assert_here (&operation.destroyed, 1);
        g_object_unref (task);
        test_watch_gone (future, &n_gone);
        g_object_unref (future);
        test_iterate_until (NULL, n_gone == 2);
      }
}

static void
read_int (GObject      *source,
          GAsyncResult *result,
          gpointer      number)
{
  *(gssize *) number = g_task_propagate_int (G_TASK (result), NULL);
}

/* Without a finish the result is left to the task's callback, and the future settles after it. */
static void
test_interop_for_task_leaves_the_result (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      gssize number = 0;
      g_autoptr (GTask) task = g_task_new (NULL, cancellable, read_int, &number);
      g_autoptr (CfutFuture) future = cfut_future_from_task (task, NULL, NULL, NULL);

      if (i == 2)
        g_assert_false (cfut_future_cancel (future));
      g_assert_cmpint (g_cancellable_is_cancelled (cancellable), ==, i == 2);
      if (i == 1)
        g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
      else
        g_task_return_int (task, 5);
      g_assert_false (cfut_future_is_settled (future));
      test_iterate_until (NULL, cfut_future_is_settled (future));
      g_assert_cmpint (number, ==, i == 0 ? 5 : -1);
      if (i == 0)
        test_assert_settles (future, CFUT_STATE_RESOLVED);
      else
        test_assert_fails (future, i == 1 ? CFUT_STATE_REJECTED : CFUT_STATE_CANCELLED, G_IO_ERROR,
                           i == 1 ? G_IO_ERROR_FAILED : G_IO_ERROR_CANCELLED);
    }
}

/* Guarantee 1: a task that goes and was never returned. */
static void
test_interop_for_task_abandoned (void)
{
  Operation operation = { NULL, };
  GTask *task = g_task_new (NULL, NULL, NULL, NULL);
  g_autoptr (CfutFuture) future =
    cfut_future_from_task (task, operation_finish, &operation, operation_destroy);

  g_object_unref (task);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_ABANDONED);
  test_iterate_until (NULL, test_place_get_n (&operation.destroyed) == 1);
  g_assert_cmpint (test_place_get_n (&operation.finished), ==, 0);
}

static void
keep_result (GObject      *source,
             GAsyncResult *result,
             gpointer      kept)
{
  g_assert_null (*(GAsyncResult **) kept);
  *(GAsyncResult **) kept = g_object_ref (result);
}

/* A GTask of a future: the value, no value, the error, the cancel; on the context it was made on, once. */
static void
test_interop_to_task_completes (void)
{
  g_autoptr (GError) busy = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");

  for (guint i = 0; i < 4; i++)
    for (guint before = 0; before < 2; before++)
      {
        g_autoptr (CfutPromise) promise = cfut_promise_new ();
        CfutFuture *future = cfut_promise_get_future (promise);
        g_autoptr (GAsyncResult) result = NULL;
        g_autoptr (GError) error = NULL;
        g_auto (GValue) value = G_VALUE_INIT;

        if (!before)
          cfut_future_to_task (future, g_task_new (promise, NULL, keep_result, &result));
        if (i == 0)
          cfut_promise_resolve_int64 (promise, 3);
        else if (i == 1)
          cfut_promise_resolve (promise, NULL);
        else if (i == 2)
          cfut_promise_reject (promise, busy);
        else
          cfut_future_cancel (future);
        if (before)
          cfut_future_to_task (future, g_task_new (promise, NULL, keep_result, &result));
        g_assert_null (result);
        test_iterate_until (NULL, result != NULL);

        if (i == 0)
          {
            g_assert_true (g_task_propagate_value (G_TASK (result), &value, &error));
            g_assert_cmpint (g_value_get_int64 (&value), ==, 3);
          }
        else
          {
            g_assert_cmpint (g_task_propagate_boolean (G_TASK (result), &error), ==, i == 1);
          }
        if (i < 2)
          g_assert_no_error (error);
        else
          g_assert_error (error, G_IO_ERROR, (i == 2 ? G_IO_ERROR_BUSY : G_IO_ERROR_CANCELLED));
      }
}

/* The task's cancellable cancels the future: what is queued at once, what runs by asking. */
static void
test_interop_to_task_cancels (void)
{
  for (guint runs = 0; runs < 3; runs++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      CfutFuture *future = cfut_promise_get_future (promise);
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      if (runs == 1)
        cfut_promise_set_running (promise);
      if (runs == 2)
        g_cancellable_cancel (cancellable);
      cfut_future_to_task (future, g_task_new (promise, cancellable, keep_result, &result));
      g_cancellable_cancel (cancellable);
      if (runs == 1)
        {
          g_assert_true (g_cancellable_is_cancelled (cfut_promise_get_cancellable (promise)));
          g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
          cfut_promise_resolve_int64 (promise, 1);
        }
      else
        {
          g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
        }
      test_iterate_until (NULL, result != NULL);
      g_assert_false (g_task_propagate_boolean (G_TASK (result), &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

/* Guarantee 2: settled on a worker, the task, its source object and the future go on the caller's context. */
static void
note_gone (gpointer  place,
           GObject  *object)
{
  test_place_note (place);
}

static void
test_interop_to_task_goes_on_the_owner (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint i = 0; i < 100; i++)
    {
      CfutFuture *future = cfut_executor_submit (executor, test_task_number, GINT_TO_POINTER (i), NULL);
      GObject *source = G_OBJECT (g_cancellable_new ());
      g_autoptr (GAsyncResult) result = NULL;
      TestPlace future_gone = { NULL, };
      TestPlace source_gone = { NULL, };
      g_auto (GValue) value = G_VALUE_INIT;

      g_object_weak_ref (G_OBJECT (future), note_gone, &future_gone);
      g_object_weak_ref (source, note_gone, &source_gone);
      cfut_future_to_task (future, g_task_new (source, NULL, keep_result, &result));
      g_object_unref (future);
      g_object_unref (source);
      test_iterate_until (NULL, result != NULL);
      g_assert_true (g_task_propagate_value (G_TASK (result), &value, NULL));
      g_clear_object (&result);
      test_iterate_until (NULL, test_place_get_n (&future_gone) == 1 &&
                                test_place_get_n (&source_gone) == 1);
      test_place_assert_here (&future_gone, 1);
      test_place_assert_here (&source_gone, 1);
    }
}

/* There and back: the outcome of a future through a GTask into a future. */
static void
round_trip_start (GObject             *source,
                  GCancellable        *cancellable,
                  GAsyncReadyCallback  callback,
                  gpointer             callback_data,
                  gpointer             user_data)
{
  cfut_future_to_task (user_data, g_task_new (source, cancellable, callback, callback_data));
}

static gboolean
round_trip_finish (GObject       *source,
                   GAsyncResult  *result,
                   CfutPromise   *promise,
                   gpointer       user_data,
                   GError       **error)
{
  g_auto (GValue) value = G_VALUE_INIT;

  return g_task_propagate_value (G_TASK (result), &value, error) &&
         cfut_promise_resolve (promise, &value);
}

static void
test_interop_there_and_back (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (CfutPromise) cancelled = cfut_promise_new ();
  g_autoptr (CfutFuture) back =
    cfut_future_from_async (NULL, round_trip_start, round_trip_finish,
                            g_object_ref (cfut_promise_get_future (promise)), g_object_unref);
  g_autoptr (CfutFuture) back_cancelled =
    cfut_future_from_async (NULL, round_trip_start, round_trip_finish,
                            g_object_ref (cfut_promise_get_future (cancelled)), g_object_unref);

  cfut_promise_resolve_string (promise, "there");
  cfut_future_cancel (back_cancelled);
  g_assert_cmpint (cfut_future_get_state (cfut_promise_get_future (cancelled)), ==, CFUT_STATE_CANCELLED);
  test_iterate_until (NULL, cfut_future_is_settled (back) && cfut_future_is_settled (back_cancelled));
  g_assert_cmpstr (cfut_future_result_string (back, 0, NULL), ==, "there");
  g_assert_cmpint (cfut_future_get_state (back_cancelled), ==, CFUT_STATE_CANCELLED);
}

/* Programmer errors are told. */
static void
test_interop_bad_arguments (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  test_expect_critical ();
  g_assert_null (cfut_future_from_async (NULL, NULL, operation_finish, NULL, NULL));
  test_expect_critical ();
  g_assert_null (cfut_future_from_async (NULL, operation_start, NULL, NULL, NULL));
  test_expect_critical ();
  g_assert_null (cfut_future_from_task (NULL, operation_finish, NULL, NULL));
  test_expect_critical ();
  cfut_future_to_task (cfut_promise_get_future (promise), NULL);
  test_expect_critical ();
  cfut_future_to_task (NULL, NULL);
  g_test_assert_expected_messages ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/interop/async-settles", test_interop_async_settles);
  g_test_add_func ("/cfut/interop/async-cancel-asks", test_interop_async_cancel_asks);
  g_test_add_func ("/cfut/interop/async-cancelled-by-itself", test_interop_async_cancelled_by_itself);
  g_test_add_func ("/cfut/interop/async-dropped", test_interop_async_dropped);
  g_test_add_func ("/cfut/interop/async-of-gio", test_interop_async_of_gio);
  g_test_add_func ("/cfut/interop/for-task-reads-the-result", test_interop_for_task_reads_the_result);
  g_test_add_func ("/cfut/interop/for-task-leaves-the-result", test_interop_for_task_leaves_the_result);
  g_test_add_func ("/cfut/interop/for-task-abandoned", test_interop_for_task_abandoned);
  g_test_add_func ("/cfut/interop/to-task-completes", test_interop_to_task_completes);
  g_test_add_func ("/cfut/interop/to-task-cancels", test_interop_to_task_cancels);
  g_test_add_func ("/cfut/interop/to-task-goes-on-the-owner", test_interop_to_task_goes_on_the_owner);
  g_test_add_func ("/cfut/interop/there-and-back", test_interop_there_and_back);
  g_test_add_func ("/cfut/interop/bad-arguments", test_interop_bad_arguments);

  return g_test_run ();
}
