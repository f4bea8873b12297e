/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutMap: the futures of many items in order, lazily, within the buffer. */

#include "test-map-util.h"

/* Every third fails, every third of these without an error. */
static gboolean
item_sometimes_fails (CfutTask  *task,
                      guint64    index,
                      gpointer   user_data,
                      GError   **error)
{
  if (index % 9 == 8)
    return FALSE;
  if (index % 3 == 2)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "item %u", (guint) index);
      return FALSE;
    }

  return item_number (task, index, NULL, error);
}

/* The results come in order, each once, then the end, for chunks of any size. */
static void
test_map_gives_results_in_order (void)
{
  static const guint chunks[] = { 1, 2, 7, 1000, G_MAXUINT };

  for (guint i = 0; i < G_N_ELEMENTS (chunks); i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
      g_autoptr (CfutRequest) request = chunked (chunks[i]);
      g_autoptr (CfutMap) map = NULL;
      int n_calls = 0;

      map = cfut_executor_map (executor, i == 0 ? NULL : request, 200, 0, item_number, &n_calls, NULL);
      g_assert_cmpuint (cfut_map_get_n_items (map), ==, 200);
      g_assert_cmpuint (cfut_map_get_n_taken (map), ==, 0);
      for (guint j = 0; j < 200; j++)
        assert_next_is (map, j);
      assert_at_end (map);
      g_assert_cmpint (g_atomic_int_get (&n_calls), ==, 200);
    }
}

/* Without items the first call is the end, and the data is freed. */
static void
test_map_empty (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutMap) map = NULL;
  TestPlace place = { 0 };

  map = cfut_executor_map (executor, NULL, 0, 0, item_kept, &place, test_place_note);
  assert_at_end (map);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
  cfut_map_cancel (map);
  assert_at_end (map);
}

/* An item's error is the item's: it ends neither the map nor its chunk. */
static void
test_map_errors_are_the_items (void)
{
  for (guint chunk = 1; chunk <= 5; chunk += 4)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
      g_autoptr (CfutRequest) request = chunked (chunk);
      g_autoptr (CfutMap) map = NULL;

      map = cfut_executor_map (executor, request, 50, 0, item_sometimes_fails, NULL, NULL);
      for (guint i = 0; i < 50; i++)
        {
          g_autoptr (CfutFuture) future = next_now (map);
          g_autoptr (GError) error = cfut_future_dup_error (future);

          if (i % 9 == 8)
            g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED);
          else if (i % 3 == 2)
            {
              g_autofree char *message = g_strdup_printf ("item %u", i);

              g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
              g_assert_cmpstr (error->message, ==, message);
            }
          else
            g_assert_no_error (error);
        }
      assert_at_end (map);
    }
}

/* No more is submitted than the buffer holds ahead of what was taken; a huge map costs no more than that. */
static void
test_map_is_lazy (void)
{
  for (guint chunk = 1; chunk <= 4; chunk += 3)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
      g_autoptr (CfutRequest) request = chunked (chunk);
      g_autoptr (CfutMap) map = NULL;
      int n_calls = 0;

      map = cfut_executor_map (executor, request, G_GUINT64_CONSTANT (1) << 40, 8, item_number, &n_calls, NULL);
      g_assert_cmpuint (cfut_map_get_n_items (map), ==, G_GUINT64_CONSTANT (1) << 40);

      for (guint i = 0; i < 40; i++)
        {
          /* All that is submitted runs, and more is not. */
          guint64 submitted = chunk == 1 ? i + 8 : (i + 8) / chunk * chunk;

          test_poll_until (cfut_executor_get_n_pending (executor) == 0 &&
                           cfut_executor_get_n_running (executor) == 0 &&
                           (guint64) g_atomic_int_get (&n_calls) >= submitted);
          g_assert_cmpint (g_atomic_int_get (&n_calls), ==, submitted);
          assert_next_is (map, i);
        }
    }
}

/* A slow item at the head holds back submissions, though those behind it have settled. */
static void
test_map_settled_items_submit_nothing (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutMap) map = NULL;
  g_autoptr (GError) error = NULL;
  Gated gated = { .stop_at = 0 };

  test_gate_init (&gated.gate);
  map = cfut_executor_map (executor, NULL, 100, 5, item_gated, &gated, NULL);
  test_poll_until (g_atomic_int_get (&gated.n_calls) == 5);
  g_assert_null (cfut_map_next (map, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
  g_assert_cmpint (g_atomic_int_get (&gated.n_calls), ==, 5);

  test_gate_open (&gated.gate);
  for (guint i = 0; i < 100; i++)
    assert_next_is (map, i);
  assert_at_end (map);
  g_assert_cmpint (gated.n_calls, ==, 100);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gated.gate);
}

static gpointer
cancel_when_arrived (gpointer data)
{
  gpointer *both = data;

  test_gate_wait_arrived (both[0], 1);
  g_cancellable_cancel (both[1]);
  return NULL;
}

/* A wait that times out or is cancelled takes nothing. */
static void
test_map_lost_waits_lose_nothing (void)
{
  for (guint chunk = 1; chunk <= 3; chunk += 2)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = chunked (chunk);
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (CfutMap) map = NULL;
      g_autoptr (GError) error = NULL;
      Gated gated = { .stop_at = 0 };
      gpointer both[] = { &gated.gate, cancellable };
      GThread *thread;

      test_gate_init (&gated.gate);
      map = cfut_executor_map (executor, request, 6, 0, item_gated, &gated, NULL);

      g_assert_null (cfut_map_next (map, 1000, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_clear_error (&error);

      thread = g_thread_new ("cancel", cancel_when_arrived, both);
      g_assert_null (cfut_map_next (map, -1, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&error);
      g_thread_join (thread);

      test_gate_open (&gated.gate);
      assert_next_is (map, 0);

      /* Not even what is there is taken by one that is cancelled already. */
      g_assert_null (cfut_map_next (map, -1, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      for (guint i = 1; i < 6; i++)
        assert_next_is (map, i);
      assert_at_end (map);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      test_gate_clear (&gated.gate);
    }
}

/* The map's own limit counts from its making: then what has settled is still handed out, what has not is a timeout,
 * and another limit makes it go on. */
static void
test_map_has_a_timeout_of_its_own (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutMap) map = NULL;
  g_autoptr (GError) error = NULL;
  Gated gated = { .stop_at = 1 };

  test_gate_init (&gated.gate);
  map = cfut_executor_map (executor, NULL, 3, 0, item_gated, &gated, NULL);
  g_assert_cmpint (cfut_map_get_timeout_usec (map), ==, -1);
  test_poll_until (g_atomic_int_get (&gated.n_calls) == 3);
  cfut_map_set_timeout_usec (map, 1);
  g_assert_cmpint (cfut_map_get_timeout_usec (map), ==, 1);

  {
    g_autoptr (CfutFuture) first = NULL;

    /* The limit has passed; the item has settled, or is about to. */
    test_poll_until ((first = cfut_map_next (map, 0, NULL, NULL)) != NULL);
    g_assert_cmpint (cfut_future_result_int64 (first, 0, NULL), ==, ITEM_NUMBER (0));
  }
  g_assert_null (cfut_map_next (map, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  cfut_map_set_timeout_usec (map, -7);
  g_assert_cmpint (cfut_map_get_timeout_usec (map), ==, -1);
  test_gate_open (&gated.gate);
  assert_next_is (map, 1);
  cfut_map_set_timeout_usec (map, G_MAXINT64);
  assert_next_is (map, 2);
  assert_at_end (map);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gated.gate);
}

/* cancel: what runs is asked, what waits is cancelled, what is not submitted never is; then the end. */
static void
test_map_cancel (void)
{
  for (guint chunk = 1; chunk <= 3; chunk++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = chunked (chunk);
      g_autoptr (CfutMap) map = NULL;
      guint submitted = (1 + 7) / chunk * chunk;
      TestGate gate;

      test_gate_init (&gate);
      map = cfut_executor_map (executor, request, 1000, 7, item_until_cancelled, &gate, NULL);
      test_gate_wait_arrived (&gate, 1);
      assert_next_is (map, 0);

      cfut_map_cancel (map);
      cfut_map_cancel (map);
      for (guint i = 1; i < submitted; i++)
        {
          g_autoptr (CfutFuture) future = next_now (map);

          g_assert_nonnull (future);
          g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
        }
      assert_at_end (map);
      g_assert_cmpuint (cfut_map_get_n_items (map), ==, 1000);
      g_assert_cmpuint (cfut_map_get_n_taken (map), ==, submitted);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      test_gate_clear (&gate);
    }
}

/* A map that is dropped submits no more and cancels what waits; what runs ends by itself and is not asked
 * to stop; the data is freed once, after that, by the owner. */
static void
test_map_dropped_before_the_end (void)
{
  for (guint chunk = 1; chunk <= 3; chunk += 2)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = chunked (chunk);
      g_autoptr (CfutGroup) group = cfut_group_new ();
      Gated gated = { .stop_at = 0 };
      CfutMap *map;
      CfutFuture *first;

      test_gate_init (&gated.gate);
      g_object_set (request, "group", group, NULL);
      map = cfut_executor_map (executor, request, 1000, 9, item_gated, &gated, gated_destroy);
      test_gate_wait_arrived (&gated.gate, 1);
      g_object_unref (map);
      test_iterate_ready (NULL);
      g_assert_cmpint (gated.n_destroyed, ==, 0);

      first = g_list_model_get_item (G_LIST_MODEL (group), 0);
      g_assert_cmpint (cfut_future_get_state (first), ==, CFUT_STATE_RUNNING);
      test_gate_open (&gated.gate);
      test_assert_settles (first, CFUT_STATE_RESOLVED);
      g_object_unref (first);

      g_assert_true (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, TEST_DEADLINE_USEC, NULL, NULL));
      g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (group)), ==, 9);
      g_assert_cmpuint (cfut_group_get_n_cancelled (group), ==, 8);
      g_assert_cmpint (g_atomic_int_get (&gated.n_calls), ==, 1);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      test_iterate_until (NULL, gated.n_destroyed == 1);
      test_gate_clear (&gated.gate);
    }
}

static gboolean
item_name (CfutTask  *task,
           gpointer   item,
           gpointer   user_data,
           GError   **error)
{
  cfut_task_set_result_string (task, g_action_get_name (item));
  return TRUE;
}

/* Over a list: its items as they were at the call, held until the end and let go here. */
static void
test_map_over_a_model (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (GListStore) store = g_list_store_new (G_TYPE_SIMPLE_ACTION);
  TestPlace place = { 0 };
  CfutMap *map;
  int n_gone = 0;

  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *name = g_strdup_printf ("action%u", i);
      g_autoptr (GSimpleAction) action = g_simple_action_new (name, NULL);

      test_watch_gone (action, &n_gone);
      g_list_store_append (store, action);
    }

  map = cfut_executor_map_model (executor, NULL, G_LIST_MODEL (store), 4, item_name, &place, test_place_note);
  g_list_store_remove_all (store);
  g_assert_cmpint (n_gone, ==, 0);
  g_assert_cmpuint (cfut_map_get_n_items (map), ==, 20);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (CfutFuture) future = next_now (map);
      g_autofree char *name = g_strdup_printf ("action%u", i);

      g_assert_cmpstr (cfut_future_result_string (future, 0, NULL), ==, name);
    }
  assert_at_end (map);
  test_iterate_until (NULL, n_gone == 20);
  test_place_assert_here (&place, 1);
  g_object_unref (map);
}

/* Over an array, which may go after the call. */
static void
test_map_over_an_array (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutRequest) request = chunked (3);
  g_autoptr (CfutMap) map = NULL;
  g_autoptr (CfutMap) empty = NULL;
  GPtrArray *actions = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < 10; i++)
    {
      g_autofree char *name = g_strdup_printf ("action%u", i);

      g_ptr_array_add (actions, g_simple_action_new (name, NULL));
    }
  map = cfut_executor_map_array (executor, request, (GObject **) actions->pdata, actions->len, 0, item_name,
                                 NULL, NULL);
  g_ptr_array_unref (actions);
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (CfutFuture) future = next_now (map);
      g_autofree char *name = g_strdup_printf ("action%u", i);

      g_assert_cmpstr (cfut_future_result_string (future, 0, NULL), ==, name);
    }
  assert_at_end (map);

  empty = cfut_executor_map_array (executor, NULL, NULL, 0, 0, item_name, NULL, NULL);
  assert_at_end (empty);
}

static gpointer
unref_it (gpointer object)
{
  g_object_unref (object);
  return NULL;
}

/* Guarantee 2: dropped on another thread while items run, the map has its data and the executor that it was
 * the last to hold let go by the owner, once. */
static void
test_map_released_by_the_owner (void)
{
  for (guint chunk = 1; chunk <= 3; chunk += 2)
    {
      CfutExecutor *executor = cfut_thread_executor_new (2);
      g_autoptr (CfutRequest) request = chunked (chunk);
      TestPlace executor_place = { 0 };
      TestPlace data_place = { 0 };
      CfutMap *map;

      map = cfut_executor_map (executor, request, 1000, 10, item_kept, &data_place, test_place_note);
      g_object_set_data_full (G_OBJECT (executor), "place", &executor_place, test_place_note);
      g_object_unref (executor);
      assert_next_is (map, 0);
      g_thread_join (g_thread_new ("unref", unref_it, map));
      g_assert_cmpint (test_place_get_n (&executor_place), ==, 0);
      g_assert_cmpint (test_place_get_n (&data_place), ==, 0);
      test_iterate_until (NULL, test_place_get_n (&executor_place) + test_place_get_n (&data_place) == 2);
      test_place_assert_here (&executor_place, 1);
      test_place_assert_here (&data_place, 1);
    }
}

/* Bad input is refused with a critical. */
static void
test_map_bad_input (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutMap) map = cfut_executor_map (executor, NULL, 1, 0, item_number, NULL, NULL);
  GObject *nothing[] = { NULL };

#define refuse(call) \
  G_STMT_START { \
    test_expect_critical (); \
    call; \
    g_test_assert_expected_messages (); \
  } G_STMT_END

  refuse (g_assert_null (cfut_executor_map (NULL, NULL, 1, 0, item_number, NULL, NULL)));
  refuse (g_assert_null (cfut_executor_map (executor, NULL, 1, 0, NULL, NULL, NULL)));
  refuse (g_assert_null (cfut_executor_map (executor, (CfutRequest *) executor, 1, 0, item_number, NULL, NULL)));
  refuse (g_assert_null (cfut_executor_map_model (executor, NULL, NULL, 0, item_name, NULL, NULL)));
  refuse (g_assert_null (cfut_executor_map_array (executor, NULL, NULL, 1, 0, item_name, NULL, NULL)));
  refuse (g_assert_null (cfut_executor_map_array (executor, NULL, nothing, 1, 0, item_name, NULL, NULL)));
  refuse (g_assert_null (cfut_map_next (NULL, 0, NULL, NULL)));
  refuse (g_assert_null (cfut_map_next (map, 0, (GCancellable *) executor, NULL)));
  refuse (cfut_map_next_async (NULL, 0, NULL, NULL, NULL));
  refuse (g_assert_null (cfut_map_next_finish (map, NULL, NULL)));
  refuse (cfut_map_cancel (NULL));
  refuse (cfut_map_set_timeout_usec (NULL, 0));
  refuse (g_assert_cmpint (cfut_map_get_timeout_usec (NULL), ==, -1));
  refuse (g_assert_cmpuint (cfut_map_get_n_items (NULL), ==, 0));
  refuse (g_assert_cmpuint (cfut_map_get_n_taken (NULL), ==, 0));
#undef refuse

  assert_next_is (map, 0);
  assert_at_end (map);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/map/" name, test_map_##func)
  add ("gives-results-in-order", gives_results_in_order);
  add ("empty", empty);
  add ("errors-are-the-items", errors_are_the_items);
  add ("is-lazy", is_lazy);
  add ("settled-items-submit-nothing", settled_items_submit_nothing);
  add ("lost-waits-lose-nothing", lost_waits_lose_nothing);
  add ("has-a-timeout-of-its-own", has_a_timeout_of_its_own);
  add ("5-cancel", cancel);
  add ("dropped-before-the-end", dropped_before_the_end);
  add ("over-a-model", over_a_model);
  add ("over-an-array", over_an_array);
  add ("2-released-by-the-owner", released_by_the_owner);
  add ("bad-input", bad_input);
#undef add

  return g_test_run ();
}
