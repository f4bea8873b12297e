/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Calls by name, on every kind of executor that runs functions: what goes in and comes out, who frees what
 * and where (guarantee 2), and that each settles (1). */

#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "test-executor-util.h"
#include "test-map-util.h"

/* --- functions --- */

static gboolean
call_echo (CfutTask  *task,
           GVariant  *args,
           gpointer   user_data,
           GError   **error)
{
  cfut_task_set_result_variant (task, args);
  return TRUE;
}

static gboolean
call_type (CfutTask  *task,
           GVariant  *args,
           gpointer   user_data,
           GError   **error)
{
  cfut_task_set_result_string (task, g_variant_get_type_string (args));
  return TRUE;
}

static gboolean
call_double (CfutTask  *task,
             GVariant  *args,
             gpointer   user_data,
             GError   **error)
{
  gint64 number = g_variant_get_int64 (args);

  if (number < 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "negative");
      return FALSE;
    }
  cfut_task_set_result_int64 (task, 2 * number);
  return TRUE;
}

static gboolean
call_data (CfutTask  *task,
           GVariant  *args,
           gpointer   user_data,
           GError   **error)
{
  cfut_task_set_result_int64 (task, *(int *) user_data);
  return TRUE;
}

static gboolean
call_pass (CfutTask  *task,
           GVariant  *args,
           gpointer   gate,
           GError   **error)
{
  test_gate_pass (gate);
  return TRUE;
}

static gint64
call_int64 (CfutExecutor *executor,
            const char   *function,
            GVariant     *args)
{
  g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, function, args);
  g_autoptr (GError) error = NULL;
  gint64 number = cfut_future_result_int64 (future, TEST_DEADLINE_USEC, &error);

  g_assert_no_error (error);
  return number;
}

/* --- on every kind --- */

/* What is given arrives, and what is set comes back; no arguments are the empty tuple. */
static void
test_call_gives_and_takes (Fixture       *fixture,
                           gconstpointer  kind)
{
  GVariant *args = g_variant_new ("(sai)", "text", NULL);
  g_autoptr (CfutFuture) echo = NULL;
  g_autoptr (CfutFuture) none = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_executor_register (fixture->executor, "echo", call_echo, NULL, NULL));
  g_assert_true (cfut_executor_register (fixture->executor, "type", call_type, NULL, NULL));
  g_assert_true (cfut_executor_register (fixture->executor, "double", call_double, NULL, NULL));

  g_variant_ref_sink (args);
  echo = cfut_executor_call (fixture->executor, NULL, "echo", args);
  none = cfut_executor_call (fixture->executor, NULL, "type", NULL);
  g_assert_true (g_variant_equal (cfut_future_result_variant (echo, TEST_DEADLINE_USEC, &error),
                                  args));
  g_assert_no_error (error);
  g_assert_cmpstr (cfut_future_result_string (none, TEST_DEADLINE_USEC, &error), ==, "()");
  g_assert_no_error (error);
  g_assert_cmpint (call_int64 (fixture->executor, "double", g_variant_new_int64 (21)), ==, 42);
  g_variant_unref (args);
}

/* Guarantee 1: what the function fails with is what the future fails with; a name that nobody has fails at
 * once, whatever a name can look like. */
static void
test_call_fails_as_it_should (Fixture       *fixture,
                              gconstpointer  kind)
{
  g_autofree char *too_long = g_strnfill (256, 'x');
  const char *unknown[] = { "nobody", "", "\xff\xfe", too_long };
  g_autoptr (CfutFuture) failed = NULL;

  /* Without a table first. */
  for (guint with_table = 0; with_table < 2; with_table++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (unknown); i++)
        {
          g_autoptr (CfutFuture) future =
            cfut_executor_call (fixture->executor, NULL, unknown[i], g_variant_new_int64 (1));

          g_assert_true (cfut_future_is_settled (future));
          test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                             CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION);
        }
      if (!with_table)
        cfut_executor_register (fixture->executor, "double", call_double, NULL, NULL);
    }

  failed = cfut_executor_call (fixture->executor, NULL, "double", g_variant_new_int64 (-1));
  test_assert_fails (failed, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
}

/* A call is a submission like others: cancelled while it waits it never runs, and its request holds. */
static void
test_call_is_a_submission (Fixture       *fixture,
                           gconstpointer  kind)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutFuture) cancelled = NULL;
  g_autoptr (CfutFuture) late = NULL;
  g_autoptr (CfutFuture) unknown = NULL;
  g_autofree char *name = NULL;
  int number = 5;

  cfut_executor_register (fixture->executor, "data", call_data, &number, NULL);
  cfut_request_set_name (request, "named");
  cfut_request_set_group (request, group);
  fixture_block (fixture);
  cancelled = cfut_executor_call (fixture->executor, request, "data", NULL);
  g_assert_true (cfut_future_cancel (cancelled));

  cfut_request_set_queue_deadline_usec (request, 1);
  late = cfut_executor_call (fixture->executor, request, "data", NULL);
  test_assert_fails (late, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  fixture_unblock (fixture);

  /* That there is none such is found when it is started. */
  cfut_request_set_queue_deadline_usec (request, -1);
  unknown = cfut_executor_call (fixture->executor, request, "nobody", NULL);
  test_assert_fails (unknown, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION);
  name = cfut_future_dup_name (unknown);
  g_assert_cmpstr (name, ==, "named");
  test_iterate_until (NULL, cfut_group_get_n_done (group) == 3);
  g_assert_cmpuint (cfut_group_get_n_failed (group), ==, 2);
}

/* Guarantee 2: arguments are let go on the submitter's context, whatever became of the call. */
static void
test_call_frees_arguments_here (Fixture       *fixture,
                                gconstpointer  kind)
{
  static const char *functions[] = { "type", "nobody" };

  cfut_executor_register (fixture->executor, "type", call_type, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    {
      TestPlace freed = { NULL, };
      g_autoptr (GBytes) bytes = g_bytes_new_with_free_func ("data", 4, test_place_note, &freed);
      CfutFuture *future =
        cfut_executor_call (fixture->executor, NULL, functions[i],
                            g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE));
      g_autoptr (GError) error = NULL;

      g_clear_pointer (&bytes, g_bytes_unref);
      g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));
      error = cfut_future_dup_error (future);
      g_object_unref (future);
      test_iterate_until (NULL, test_place_get_n (&freed) == 1);
      test_place_assert_here (&freed, 1);
    }
}

/* Descriptors go in and come out, and the list that came out belongs to the future. */
static gboolean
call_swap (CfutTask  *task,
           GVariant  *args,
           gpointer   user_data,
           GError   **error)
{
  GUnixFDList *fds = cfut_task_get_fds (task);
  g_autoptr (GUnixFDList) result = g_unix_fd_list_new ();
  int fd = g_unix_fd_list_get (fds, g_variant_get_handle (args), error);
  gboolean written = fd >= 0 && write (fd, "in", 3) == 3;

  g_assert_true (written);
  g_unix_fd_list_append (result, fd, NULL);
  cfut_task_set_result_fds (task, result);
  cfut_task_set_result_variant (task, g_variant_new_handle (0));
  close (fd);
  return TRUE;
}

static void
test_call_passes_descriptors (Fixture       *fixture,
                              gconstpointer  kind)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) without = NULL;
  char text[4] = "";
  int pipe_fds[2];
  int fd;

  g_assert_true (g_unix_open_pipe (pipe_fds, FD_CLOEXEC, NULL));
  g_assert_cmpint (g_unix_fd_list_append (fds, pipe_fds[1], NULL), ==, 0);
  close (pipe_fds[1]);

  cfut_executor_register (fixture->executor, "swap", call_swap, NULL, NULL);
  cfut_executor_register (fixture->executor, "type", call_type, NULL, NULL);
  future = cfut_executor_call_with_fds (fixture->executor, NULL, "swap", g_variant_new_handle (0),
                                        fds);
  g_clear_object (&fds);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_assert_cmpint (read (pipe_fds[0], text, sizeof (text)), ==, 3);
  g_assert_cmpstr (text, ==, "in");

  /* Only of the running task are the arguments' to be had. */
  g_assert_null (cfut_task_get_fds (CFUT_TASK (future)));
  fd = g_unix_fd_list_get (cfut_future_get_fds (future), 0, NULL);
  g_assert_cmpint (write (fd, "out", 4), ==, 4);
  g_assert_cmpint (read (pipe_fds[0], text, sizeof (text)), ==, 4);
  g_assert_cmpstr (text, ==, "out");
  close (fd);

  /* With the future and the call go the last writers. */
  g_clear_object (&future);
  test_iterate_ready (NULL);
  g_assert_cmpint (read (pipe_fds[0], text, sizeof (text)), ==, 0);
  close (pipe_fds[0]);

  without = cfut_executor_call (fixture->executor, NULL, "type", NULL);
  test_assert_settles (without, CFUT_STATE_RESOLVED);
  g_assert_null (cfut_future_get_fds (without));
}

/* A map of calls is in order; of an array of variants each call gets what is inside; an element's failure is
 * its own. */
static void
test_call_maps (Fixture       *fixture,
                gconstpointer  kind)
{
  static const gint64 numbers[] = { 1, 2, -1, 4 };
  g_autoptr (CfutRequest) request = chunked (3);
  g_autoptr (CfutMap) map = NULL;
  g_autoptr (CfutMap) mixed = NULL;
  g_autoptr (CfutMap) empty = NULL;
  g_autoptr (CfutMap) unknown = NULL;
  g_autoptr (CfutFuture) first = NULL;
  g_autoptr (CfutFuture) second = NULL;
  g_autoptr (CfutFuture) refused = NULL;

  cfut_executor_register (fixture->executor, "double", call_double, NULL, NULL);
  cfut_executor_register (fixture->executor, "type", call_type, NULL, NULL);

  map = cfut_executor_map_call (fixture->executor, request, "double",
                                g_variant_new_fixed_array (G_VARIANT_TYPE_INT64, numbers,
                                                           G_N_ELEMENTS (numbers), sizeof (gint64)),
                                2);
  g_assert_cmpuint (cfut_map_get_n_items (map), ==, G_N_ELEMENTS (numbers));
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr (CfutFuture) future = next_now (map);

      if (numbers[i] < 0)
        test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
      else
        g_assert_cmpint (cfut_future_result_int64 (future, 0, NULL), ==, 2 * numbers[i]);
    }
  assert_at_end (map);

  mixed = cfut_executor_map_call (fixture->executor, NULL, "type",
                                  g_variant_new_parsed ("[<'s'>, <(1, true)>]"), 0);
  first = next_now (mixed);
  second = next_now (mixed);
  g_assert_cmpstr (cfut_future_result_string (first, 0, NULL), ==, "s");
  g_assert_cmpstr (cfut_future_result_string (second, 0, NULL), ==, "(ib)");
  assert_at_end (mixed);

  empty = cfut_executor_map_call (fixture->executor, NULL, "type", g_variant_new ("ai", NULL), 0);
  assert_at_end (empty);

  unknown = cfut_executor_map_call (fixture->executor, NULL, "nobody",
                                    g_variant_new_parsed ("[1]"), 0);
  refused = next_now (unknown);
  test_assert_fails (refused, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION);
  assert_at_end (unknown);
}

/* After a shutdown a call is refused like any submission. */
static void
test_call_is_refused_after_shutdown (Fixture       *fixture,
                                     gconstpointer  kind)
{
  g_autoptr (CfutFuture) future = NULL;

  cfut_executor_register (fixture->executor, "type", call_type, NULL, NULL);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC,
                                         NULL));
  future = cfut_executor_call (fixture->executor, NULL, "type", NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
}

/* --- tables --- */

/* A name that is taken stays with its function: the second is refused aloud, and its data freed, here and
 * now. */
static void
test_functions_refuse_a_name_twice (void)
{
  g_autoptr (CfutFunctions) functions = cfut_functions_new ();
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_auto (GStrv) names = NULL;
  TestPlace freed = { NULL, };
  int number = 3;

  g_assert_true (cfut_functions_add (functions, "b", call_data, &number, NULL));
  g_assert_true (cfut_functions_add (functions, "a", call_type, NULL, NULL));
  g_test_expect_message (TEST_LIBRARY_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, "*\"b\"*already*");
  g_assert_false (cfut_functions_add (functions, "b", call_echo, &freed, test_place_note));
  g_test_assert_expected_messages ();
  test_place_assert_here (&freed, 1);

  g_assert_true (cfut_functions_contains (functions, "b"));
  g_assert_false (cfut_functions_contains (functions, "c"));
  names = cfut_functions_dup_names (functions);
  g_assert_cmpint (g_strv_length (names), ==, 2);
  g_assert_cmpstr (names[0], ==, "a");
  g_assert_cmpstr (names[1], ==, "b");

  cfut_executor_set_functions (executor, functions);
  g_assert_true (cfut_executor_get_functions (executor) == functions);
  g_assert_cmpint (call_int64 (executor, "b", NULL), ==, 3);
}

/* Names that no frame could carry are no names. */
static void
test_functions_refuse_bad_names (void)
{
  g_autoptr (CfutFunctions) functions = cfut_functions_new ();
  g_autofree char *longest = g_strnfill (255, 'x');
  g_autofree char *too_long = g_strnfill (256, 'x');
  const char *bad[] = { "", "\xff", too_long };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      test_expect_critical ();
      g_assert_false (cfut_functions_add (functions, bad[i], call_type, NULL, NULL));
      g_test_assert_expected_messages ();
    }
  g_assert_true (cfut_functions_add (functions, longest, call_type, NULL, NULL));
}

/* One table serves two executors, and is set once. */
static void
test_functions_serve_two_executors (void)
{
  g_autoptr (CfutFunctions) functions = cfut_functions_new ();
  g_autoptr (CfutExecutor) one = cfut_thread_executor_new (1);
  g_autoptr (CfutExecutor) other = cfut_thread_executor_new (1);
  int number = 11;

  cfut_executor_set_functions (one, functions);
  cfut_executor_set_functions (other, functions);
  g_test_expect_message (TEST_LIBRARY_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, "*has a table*already*");
  cfut_executor_set_functions (one, functions);
  g_test_assert_expected_messages ();

  cfut_executor_register (one, "data", call_data, &number, NULL);
  g_assert_cmpint (call_int64 (other, "data", NULL), ==, 11);
}

/* Guarantee 2: a function's data outlives the table for as long as a call of it is left, and is freed on the
 * context that added it. */
static void
test_functions_live_as_long_as_their_calls (void)
{
  CfutExecutor *executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) running = NULL;
  g_autoptr (CfutFuture) queued = NULL;
  TestPlace freed = { NULL, };
  TestGate gate;

  test_gate_init (&gate);
  cfut_executor_register (executor, "pass", call_pass, &gate, NULL);
  cfut_executor_register (executor, "kept", call_type, &freed, test_place_note);
  running = cfut_executor_call (executor, NULL, "pass", NULL);
  queued = cfut_executor_call (executor, NULL, "kept", NULL);
  test_gate_wait_arrived (&gate, 1);
  g_object_unref (executor);
  test_iterate_ready (NULL);
  g_assert_cmpint (test_place_get_n (&freed), ==, 0);
  test_gate_open (&gate);
  test_assert_settles (queued, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, test_place_get_n (&freed) == 1);
  test_place_assert_here (&freed, 1);
  test_gate_clear (&gate);
}

typedef struct {
  CfutFunctions *functions;
  TestPlace freed;
} Elsewhere;

static void
add_elsewhere (gpointer data)
{
  Elsewhere *self = data;

  cfut_functions_add (self->functions, "type", call_type, &self->freed, test_place_note);
}

/* Guarantee 2: of several owners, each gets its own back: data to the thread that added the function, though
 * another made the last call and dropped the table. */
static void
test_functions_free_data_where_it_was_added (void)
{
  TestLoopThread *thread = test_loop_thread_new ();
  CfutExecutor *executor = cfut_thread_executor_new (1);
  Elsewhere self = { cfut_functions_new (), { NULL, } };
  g_autoptr (CfutFuture) future = NULL;

  test_loop_thread_call (thread, add_elsewhere, &self);
  cfut_executor_set_functions (executor, self.functions);
  g_object_unref (self.functions);
  future = cfut_executor_call (executor, NULL, "type", NULL);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_object_unref (executor);
  g_clear_object (&future);
  test_iterate_ready (NULL);

  test_poll_until (test_place_get_n (&self.freed) == 1);
  g_assert_true (self.freed.thread == test_loop_thread_get_thread (thread));
  g_assert_true (self.freed.context == test_loop_thread_get_context (thread));
  test_loop_thread_free (thread);
}

/* --- the rest --- */

/* Guarantee 10: a report of a failure that nobody saw names the function that was called. */
static void
test_call_is_reported_by_name (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  CfutFuture *future;

  cfut_executor_register (executor, "double", call_double, NULL, NULL);
  future = cfut_executor_call (executor, NULL, "double", g_variant_new_int64 (-1));
  g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));
  test_iterate_ready (NULL);
  g_test_expect_message (TEST_LIBRARY_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE,
                         "Nobody saw that \"double\" failed: negative*");
  g_object_unref (future);
  test_iterate_ready (NULL);
  g_test_assert_expected_messages ();
}

/* Tables are filled and searched by several threads at once. */
#define N_NAMES 200

static gpointer
add_names (gpointer functions)
{
  for (int i = 0; i < N_NAMES; i++)
    {
      g_autofree char *name = g_strdup_printf ("%d-%p", i, (gpointer) g_thread_self ());

      g_assert_true (cfut_functions_add (functions, name, call_type, NULL, NULL));
      g_assert_true (cfut_functions_contains (functions, name));
    }
  return NULL;
}

static void
test_functions_bear_many_threads (void)
{
  g_autoptr (CfutFunctions) functions = cfut_functions_new ();
  g_auto (GStrv) names = NULL;
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("adds", add_names, functions);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  names = cfut_functions_dup_names (functions);
  g_assert_cmpint (g_strv_length (names), ==, N_NAMES * G_N_ELEMENTS (threads));
}

static const Case cases[] = {
  { "call-gives-and-takes", test_call_gives_and_takes, TRUE },
  { "1-call-fails-as-it-should", test_call_fails_as_it_should, TRUE },
  { "call-is-a-submission", test_call_is_a_submission, FALSE },
  { "2-call-frees-arguments-on-the-submitters-context", test_call_frees_arguments_here, TRUE },
  { "call-passes-descriptors", test_call_passes_descriptors, TRUE },
  { "call-maps-in-order", test_call_maps, TRUE },
  { "1-call-is-refused-after-shutdown", test_call_is_refused_after_shutdown, TRUE },
};

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add_cases (cases, G_N_ELEMENTS (cases));

  g_test_add_func ("/cfut/call/is-reported-by-name", test_call_is_reported_by_name);
  g_test_add_func ("/cfut/functions/refuse-a-name-twice", test_functions_refuse_a_name_twice);
  g_test_add_func ("/cfut/functions/refuse-bad-names", test_functions_refuse_bad_names);
  g_test_add_func ("/cfut/functions/serve-two-executors", test_functions_serve_two_executors);
  g_test_add_func ("/cfut/functions/live-as-long-as-their-calls",
                   test_functions_live_as_long_as_their_calls);
  g_test_add_func ("/cfut/functions/free-data-where-it-was-added",
                   test_functions_free_data_where_it_was_added);
  g_test_add_func ("/cfut/functions/bear-many-threads", test_functions_bear_many_threads);

  return g_test_run ();
}
