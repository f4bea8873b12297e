/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Guarantee 10: a failure that nobody saw is reported once, with its name; and what counts as seen. */

#include <string.h>

#include "test-util.h"

/* What the library logged as messages; futures may be finalised on any thread. */
typedef struct {
  GMutex lock;
  GPtrArray *lines;
  guint handler;
} Heard;

static void
on_message (const char     *domain,
            GLogLevelFlags  level,
            const char     *message,
            gpointer        user_data)
{
  Heard *heard = user_data;

  g_mutex_lock (&heard->lock);
  g_ptr_array_add (heard->lines, g_strdup (message));
  g_mutex_unlock (&heard->lock);
}

static void
heard_begin (Heard *self)
{
  g_mutex_init (&self->lock);
  self->lines = g_ptr_array_new_with_free_func (g_free);
  self->handler = g_log_set_handler (TEST_LIBRARY_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, on_message, self);
}

static void
heard_end (Heard *self)
{
  g_log_remove_handler (TEST_LIBRARY_LOG_DOMAIN, self->handler);
  g_ptr_array_unref (self->lines);
  g_mutex_clear (&self->lock);
}

static guint
heard_n (Heard *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = self->lines->len;
  g_mutex_unlock (&self->lock);

  return n;
}

/* How many failures that was; @n_lines: how many were told one by one. */
static guint64
heard_sum (Heard *self,
           guint *n_lines)
{
  guint64 n = 0;

  g_mutex_lock (&self->lock);
  *n_lines = 0;
  for (guint i = 0; i < self->lines->len; i++)
    {
      const char *line = self->lines->pdata[i];

      if (g_str_has_prefix (line, "... and "))
        n += g_ascii_strtoull (line + strlen ("... and "), NULL, 10);
      else
        ++*n_lines;
    }
  g_mutex_unlock (&self->lock);

  return n + *n_lines;
}

/* Guarantee 10: once, with the name, the message and the domain of the error. */
static void
test_unobserved_reported_with_name (void)
{
  Heard heard;

  heard_begin (&heard);
  test_drop_and_await (test_rejected_future ("read the settings"));

  g_assert_cmpuint (heard_n (&heard), ==, 1);
  g_assert_nonnull (strstr (heard.lines->pdata[0], "\"read the settings\""));
  g_assert_nonnull (strstr (heard.lines->pdata[0], "It was in use"));
  g_assert_nonnull (strstr (heard.lines->pdata[0], g_quark_to_string (G_IO_ERROR)));
  heard_end (&heard);
}

/* Guarantee 10: what has no name is called by its type and its function, here one that this program does not
 * export: by its place in the program's file. */
static void
test_unobserved_task_named_by_function (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autofree char *program = g_path_get_basename (g_get_prgname ());
  g_autofree char *expected = NULL;
  CfutFuture *future;
  Heard heard;

  heard_begin (&heard);
  future = cfut_executor_submit (executor, test_task_unset, NULL, NULL);
  test_assert_settles (future, CFUT_STATE_REJECTED);
  test_drop_and_await (future);

  g_assert_cmpuint (heard_n (&heard), ==, 1);
  expected = g_strdup_printf ("a CfutTask of function %s+0x", program);
  g_assert_nonnull (strstr (heard.lines->pdata[0], expected));
  g_assert_nonnull (strstr (heard.lines->pdata[0], "The function failed"));
  heard_end (&heard);
}

static gboolean
fail_item (CfutTask  *task,
           guint64    index,
           gpointer   user_data,
           GError   **error)
{
  return FALSE;
}

static gboolean
fail_range (CfutTask  *task,
            guint64    begin,
            guint64    end,
            gpointer   user_data,
            GError   **error)
{
  return FALSE;
}

/* Guarantee 10: the items of a map, one by one or in chunks, and of them those that were never run, a range and what
 * was posted are called by the user's function. */
static void
test_unobserved_named_by_users_function (void)
{
  g_autofree char *program = g_path_get_basename (g_get_prgname ());
  g_autofree char *expected = g_strdup_printf ("a CfutTask of function %s+0x", program);
  Heard heard;

  heard_begin (&heard);
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = cfut_request_new ();
      g_autoptr (CfutMap) map = NULL;

      if (i == 0)
        cfut_request_set_chunk_size (request, 2);
      if (i == 2)
        cfut_executor_shutdown (executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
      if (i < 3)
        map = cfut_executor_map (executor, request, 2, 0, fail_item, NULL, NULL);
      else if (i == 3)
        test_drop_and_await (cfut_executor_map_range (executor, NULL, 0, 1, 1, fail_range, NULL, NULL));
      else
        cfut_executor_post (executor, test_task_unset, NULL, NULL);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      g_clear_object (&map);
      test_iterate_until (NULL, heard_n (&heard) > 0);
      for (guint line = 0; line < heard.lines->len; line++)
        if (strstr (heard.lines->pdata[line], expected) == NULL &&
            !g_str_has_prefix (heard.lines->pdata[line], "... and "))
          g_error ("%s, of round %u", (char *) heard.lines->pdata[line], i);
      heard_end (&heard);
      heard_begin (&heard);
    }
  heard_end (&heard);
}

/* Guarantee 10: what a map hands out is seen. */
static void
test_observed_by_map_next (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  CfutMap *map = cfut_executor_map (executor, NULL, 5, 2, fail_item, NULL, NULL);
  CfutFuture *item;
  Heard heard;
  int n_gone = 0;

  heard_begin (&heard);
  while ((item = cfut_map_next (map, -1, NULL, NULL)) != NULL)
    {
      g_assert_cmpint (cfut_future_get_state (item), ==, CFUT_STATE_REJECTED);
      test_drop_and_await (item);
    }
  test_watch_gone (map, &n_gone);
  g_object_unref (map);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 1);
  g_assert_cmpuint (heard_n (&heard), ==, 0);
  heard_end (&heard);
}

/* Guarantee 10: a promise that is dropped fails, and so does a task after a shutdown: nobody saw either. */
static void
test_unobserved_abandoned_and_shut_down (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  CfutPromise *promise = cfut_promise_new ();
  CfutFuture *future = g_object_ref (cfut_promise_get_future (promise));
  Heard heard;

  heard_begin (&heard);
  g_object_unref (promise);
  test_drop_and_await (future);
  g_assert_cmpuint (heard_n (&heard), ==, 1);

  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL));
  test_drop_and_await (cfut_executor_submit (executor, test_task_nothing, NULL, NULL));
  g_assert_cmpuint (heard_n (&heard), ==, 2);
  g_assert_nonnull (strstr (heard.lines->pdata[1], "shut down"));
  heard_end (&heard);
}

/* To have waited, and to know the state, is not to have seen why. */
static void
test_unobserved_in_spite_of_wait (void)
{
  CfutFuture *future;
  Heard heard;

  heard_begin (&heard);
  future = test_rejected_future ("waited for");
  g_assert_true (cfut_future_wait (future, -1, NULL, NULL));
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_REJECTED);
  test_drop_and_await (future);
  g_assert_cmpuint (heard_n (&heard), ==, 1);
  heard_end (&heard);
}

/* A handler that hears of something else has not heard of the failure. */
static void
test_unobserved_in_spite_of_other_handler (void)
{
  CfutFuture *future;
  int n_calls = 0;
  Heard heard;

  heard_begin (&heard);
  future = test_rejected_future ("only its progress");
  g_signal_connect_swapped (future, "notify::fraction", G_CALLBACK (g_atomic_int_inc), &n_calls);
  test_drop_and_await (future);
  g_assert_cmpuint (heard_n (&heard), ==, 1);
  g_assert_cmpint (n_calls, ==, 0);
  heard_end (&heard);
}

typedef enum {
  SEEN_BY_RESULT,
  SEEN_BY_RESULT_WITHOUT_ERROR,
  SEEN_BY_TYPED_RESULT,
  SEEN_BY_ERROR,
  SEEN_BY_CALLBACK,
  SEEN_BY_DIRECT_CALLBACK,
  SEEN_BY_DONE,
  SEEN_BY_STATE,
  SEEN_BY_NOTIFY,
  SEEN_BY_GROUP_NEXT,
  SEEN_BY_GROUP_NEXT_ASYNC,
  SEEN_BY_GROUP_HANDLER,
  SEEN_BY_CHAIN,
  SEEN_BY_RECOVER,
  SEEN_BY_ALL,
  SEEN_BY_ANY,
  SEEN_BY_RACE,
  N_SEEN
} SeenBy;

static void
on_next (GObject      *group,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (CfutFuture) future = cfut_group_next_finish (CFUT_GROUP (group), result, NULL);

  g_assert_nonnull (future);
  *(int *) user_data = 1;
}

static CfutFuture *
instead_func (CfutFuture  *settled,
              gpointer     instead,
              GError     **error)
{
  return g_object_ref (instead);
}

/* Who goes on with it has seen it; what that came to is seen here. */
static void
see_combined (CfutFuture *combined,
              CfutState   state)
{
  g_autoptr (GError) error = NULL;

  test_assert_settles (combined, state);
  error = cfut_future_dup_error (combined);
  g_assert_true ((error != NULL) == (state == CFUT_STATE_REJECTED));
  test_drop_and_await (combined);
}

static void
look_at (CfutFuture *future,
         SeenBy      by)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GError) error = NULL;
  TestPlace place = { NULL, };
  int n_calls = 0;

  switch (by)
    {
    case SEEN_BY_RESULT:
      g_assert_null (cfut_future_result (future, 0, &error));
      g_assert_nonnull (error);
      return;
    case SEEN_BY_RESULT_WITHOUT_ERROR:
      g_assert_null (cfut_future_result (future, 0, NULL));
      return;
    case SEEN_BY_TYPED_RESULT:
      g_assert_false (cfut_future_result_boolean (future, 0, &error));
      g_assert_nonnull (error);
      return;
    case SEEN_BY_ERROR:
      error = cfut_future_dup_error (future);
      g_assert_nonnull (error);
      return;
    case SEEN_BY_CALLBACK:
      cfut_future_add_done_callback (future, 0, test_place_callback, &place, NULL);
      test_iterate_until (NULL, test_place_get_n (&place) == 1);
      return;
    case SEEN_BY_DIRECT_CALLBACK:
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, test_place_callback, &place, NULL);
      g_assert_cmpint (test_place_get_n (&place), ==, 1);
      return;
    case SEEN_BY_DONE:
    case SEEN_BY_STATE:
    case SEEN_BY_NOTIFY:
      g_signal_connect_swapped (future,
                                by == SEEN_BY_DONE ? "done" : by == SEEN_BY_STATE ? "notify::state" : "notify",
                                G_CALLBACK (g_atomic_int_inc), &n_calls);
      test_iterate_until (NULL, g_atomic_int_get (&n_calls) >= 1);
      g_signal_handlers_disconnect_by_data (future, &n_calls);
      return;
    case SEEN_BY_GROUP_NEXT:
      {
        g_autoptr (CfutFuture) next = NULL;

        cfut_group_add (group, future);
        next = cfut_group_next (group, -1, NULL, NULL);
        g_assert_true (next == future);
        cfut_group_remove (group, future);
        return;
      }
    case SEEN_BY_GROUP_NEXT_ASYNC:
      cfut_group_add (group, future);
      cfut_group_next_async (group, -1, NULL, on_next, &n_calls);
      test_iterate_until (NULL, n_calls == 1);
      cfut_group_remove (group, future);
      return;
    case SEEN_BY_GROUP_HANDLER:
      g_signal_connect_swapped (group, "future-done", G_CALLBACK (g_atomic_int_inc), &n_calls);
      cfut_group_add (group, future);
      test_iterate_until (NULL, g_atomic_int_get (&n_calls) == 1);
      cfut_group_remove (group, future);
      return;
    case SEEN_BY_CHAIN:
      see_combined (cfut_future_chain (future, instead_func, NULL, NULL), CFUT_STATE_REJECTED);
      return;
    case SEEN_BY_RECOVER:
      {
        g_autoptr (CfutPromise) promise = cfut_promise_new ();

        cfut_promise_resolve (promise, NULL);
        see_combined (cfut_future_recover (future, instead_func, cfut_promise_get_future (promise), NULL),
                      CFUT_STATE_RESOLVED);
        return;
      }
    case SEEN_BY_ALL:
      see_combined (cfut_future_all (&future, 1), CFUT_STATE_REJECTED);
      return;
    case SEEN_BY_ANY:
      see_combined (cfut_future_any (&future, 1), CFUT_STATE_REJECTED);
      return;
    case SEEN_BY_RACE:
      see_combined (cfut_future_race (&future, 1), CFUT_STATE_REJECTED);
      return;
    case N_SEEN:
    default:
      g_assert_not_reached ();
    }
}

/* Guarantee 10: each way to see a failure is enough. */
static void
test_observed_in_each_way (void)
{
  Heard heard;

  heard_begin (&heard);
  for (SeenBy by = 0; by < N_SEEN; by++)
    {
      CfutFuture *future = test_rejected_future ("seen");

      look_at (future, by);
      test_drop_and_await (future);
      if (heard_n (&heard) > 0)
        g_error ("%s, which was seen in way %d", (char *) heard.lines->pdata[0], by);
    }
  heard_end (&heard);
}

/* Neither success nor cancellation is a failure. */
static void
test_observed_never_needed_without_failure (void)
{
  CfutPromise *promise;
  CfutFuture *future;
  Heard heard;

  heard_begin (&heard);

  promise = cfut_promise_new ();
  future = g_object_ref (cfut_promise_get_future (promise));
  g_assert_true (cfut_future_cancel (future));
  g_object_unref (promise);
  test_drop_and_await (future);

  promise = cfut_promise_new ();
  future = g_object_ref (cfut_promise_get_future (promise));
  g_assert_true (cfut_promise_resolve (promise, NULL));
  g_object_unref (promise);
  test_drop_and_await (future);

  g_assert_cmpuint (heard_n (&heard), ==, 0);
  heard_end (&heard);
}

/* A callback that was never called has seen nothing: its context went away before. */
static void
test_unobserved_when_callback_is_dropped (void)
{
  GMainContext *context = g_main_context_new ();
  TestPlace place = { NULL, };
  CfutFuture *future;
  Heard heard;

  heard_begin (&heard);
  g_main_context_push_thread_default (context);
  future = test_rejected_future ("called back nowhere");
  cfut_future_add_done_callback (future, 0, test_place_callback, &place, NULL);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  test_drop_and_await (future);

  g_assert_cmpint (test_place_get_n (&place), ==, 0);
  g_assert_cmpuint (heard_n (&heard), ==, 1);
  heard_end (&heard);
}

/* Of a flood the first are told one by one, and the number of the rest is told with no further failure and no
 * loss. How many come before the clock's second changes is not for us to say, so it is the sum that
 * counts. */
static void
test_unobserved_flood_is_summed_up (void)
{
  enum { N = 10000 };
  guint n_lines;
  gint64 began;
  gint64 seconds;
  Heard heard;

  heard_begin (&heard);
  began = g_get_monotonic_time () / G_USEC_PER_SEC;
  for (guint i = 0; i < N; i++)
    {
      g_object_unref (test_rejected_future ("flood"));
      test_iterate_ready (NULL);
    }
  seconds = g_get_monotonic_time () / G_USEC_PER_SEC - began + 1;

  test_iterate_until (NULL, heard_sum (&heard, &n_lines) == N);
  g_assert_cmpuint (n_lines, <=, 20 * seconds);
  heard_end (&heard);
}

int
main (int   argc,
      char *argv[])
{
  g_unsetenv ("CFUT_DEBUG");
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/unobserved/reported-with-name", test_unobserved_reported_with_name);
  g_test_add_func ("/cfut/unobserved/task-named-by-function",
                   test_unobserved_task_named_by_function);
  g_test_add_func ("/cfut/unobserved/named-by-users-function",
                   test_unobserved_named_by_users_function);
  g_test_add_func ("/cfut/unobserved/observed-by-map-next", test_observed_by_map_next);
  g_test_add_func ("/cfut/unobserved/abandoned-and-shut-down",
                   test_unobserved_abandoned_and_shut_down);
  g_test_add_func ("/cfut/unobserved/in-spite-of-wait", test_unobserved_in_spite_of_wait);
  g_test_add_func ("/cfut/unobserved/in-spite-of-other-handler",
                   test_unobserved_in_spite_of_other_handler);
  g_test_add_func ("/cfut/unobserved/observed-in-each-way", test_observed_in_each_way);
  g_test_add_func ("/cfut/unobserved/observed-never-needed-without-failure",
                   test_observed_never_needed_without_failure);
  g_test_add_func ("/cfut/unobserved/when-callback-is-dropped",
                   test_unobserved_when_callback_is_dropped);
  g_test_add_func ("/cfut/unobserved/flood-is-summed-up", test_unobserved_flood_is_summed_up);

  return g_test_run ();
}
