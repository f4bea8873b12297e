/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutMap: the futures of many items in order, lazily, within the buffer; compared with a naive model at
 * the end. What a request adds (chunks, groups) is set through its properties. */

#include "test-util.h"

#define ITEM_NUMBER(index) ((gint64) (index) * 3 + 1)

static CfutRequest *
chunked (guint chunk_size)
{
  return g_object_new (CFUT_TYPE_REQUEST, "chunk-size", chunk_size, NULL);
}

static gboolean
item_number (CfutTask  *task,
             guint64    index,
             gpointer   n_calls,
             GError   **error)
{
  if (n_calls != NULL)
    g_atomic_int_inc ((int *) n_calls);
  cfut_task_set_result_int64 (task, ITEM_NUMBER (index));
  return TRUE;
}

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

/* With data that is not its own to write to. */
static gboolean
item_kept (CfutTask  *task,
           guint64    index,
           gpointer   user_data,
           GError   **error)
{
  return item_number (task, index, NULL, error);
}

static CfutFuture *
next_now (CfutMap *map)
{
  g_autoptr (GError) error = NULL;
  CfutFuture *future = cfut_map_next (map, TEST_DEADLINE_USEC, NULL, &error);

  g_assert_no_error (error);
  if (future != NULL)
    g_assert_true (cfut_future_is_settled (future));
  return future;
}

static void
assert_next_is (CfutMap *map,
                guint64  index)
{
  g_autoptr (CfutFuture) future = next_now (map);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (future);
  g_assert_cmpint (cfut_future_result_int64 (future, 0, &error), ==, ITEM_NUMBER (index));
  g_assert_no_error (error);
  g_assert_cmpuint (cfut_map_get_n_taken (map), ==, index + 1);
}

static void
assert_at_end (CfutMap *map)
{
  for (guint i = 0; i < 2; i++)
    g_assert_null (next_now (map));
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

typedef struct {
  TestGate gate;
  int n_calls;      /* atomic */
  int n_destroyed;  /* atomic */
  guint64 stop_at;  /* the item that passes the gate */
} Gated;

static gboolean
item_gated (CfutTask  *task,
            guint64    index,
            gpointer   user_data,
            GError   **error)
{
  Gated *self = user_data;

  g_atomic_int_inc (&self->n_calls);
  if (index == self->stop_at)
    test_gate_pass (&self->gate);
  return item_number (task, index, NULL, error);
}

static void
gated_destroy (gpointer user_data)
{
  g_atomic_int_inc (&((Gated *) user_data)->n_destroyed);
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

static gboolean
item_until_cancelled (CfutTask  *task,
                      guint64    index,
                      gpointer   gate,
                      GError   **error)
{
  if (index == 0)
    return item_number (task, index, NULL, error);

  return test_task_until_cancelled (task, gate, error);
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

/* One item of a chunk is cancelled before the chunk comes to it: it alone is skipped. */
static void
test_map_cancels_one_of_a_chunk (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) request = chunked (4);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutMap) map = NULL;
  g_autoptr (CfutFuture) third = NULL;
  Gated gated = { .stop_at = 0 };

  test_gate_init (&gated.gate);
  g_object_set (request, "group", group, "name", "item", NULL);
  map = cfut_executor_map (executor, request, 4, 0, item_gated, &gated, NULL);
  test_gate_wait_arrived (&gated.gate, 1);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (group)), ==, 4);
  third = g_list_model_get_item (G_LIST_MODEL (group), 2);
  g_assert_true (cfut_future_cancel (third));
  test_gate_open (&gated.gate);

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (CfutFuture) future = next_now (map);
      g_autofree char *name = cfut_future_dup_name (future);

      g_assert_cmpstr (name, ==, "item");
      g_assert_cmpint (cfut_future_get_state (future), ==,
                       i == 2 ? CFUT_STATE_CANCELLED : CFUT_STATE_RESOLVED);
    }
  assert_at_end (map);
  g_assert_cmpint (gated.n_calls, ==, 3);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gated.gate);
}

/* The request's cancellable reaches the item of a chunk that runs, and those behind it. */
static void
test_map_chunk_hears_the_cancellable (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) request = chunked (4);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (CfutMap) map = NULL;
  TestGate gate;

  test_gate_init (&gate);
  g_object_set (request, "cancellable", cancellable, NULL);
  map = cfut_executor_map (executor, request, 4, 0, item_until_cancelled, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  g_cancellable_cancel (cancellable);

  assert_next_is (map, 0);
  for (guint i = 1; i < 4; i++)
    {
      g_autoptr (CfutFuture) future = next_now (map);

      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
    }
  assert_at_end (map);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

/* Guarantee 7: when a chunk's time is up, the item that runs and those behind it are rejected so, and the item is
 * asked to stop; when it was not started in time, all of them. */
static void
test_map_chunk_deadlines (void)
{
  static const char *names[] = { "run-deadline-usec", "queue-deadline-usec" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = chunked (4);
      g_autoptr (CfutFuture) busy = NULL;
      g_autoptr (CfutMap) map = NULL;
      TestGate busy_gate;
      TestGate gate;

      test_gate_init (&busy_gate);
      test_gate_init (&gate);
      if (i == 1)
        {
          busy = cfut_executor_submit (executor, test_task_pass, &busy_gate, NULL);
          test_gate_wait_arrived (&busy_gate, 1);
        }
      g_object_set (request, names[i], (gint64) 3000, NULL);
      map = cfut_executor_map (executor, request, 4, 0, item_until_cancelled, &gate, NULL);
      if (i == 0)
        assert_next_is (map, 0);
      for (guint j = i == 0 ? 1 : 0; j < 4; j++)
        {
          g_autoptr (CfutFuture) future = next_now (map);

          test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
        }
      assert_at_end (map);
      test_gate_open (&busy_gate);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      test_gate_clear (&busy_gate);
      test_gate_clear (&gate);
    }
}

/* An item of a chunk that is paused before its turn is not started until it is resumed, or cancelled. */
static void
test_map_pauses_one_of_a_chunk (void)
{
  for (guint cancels = 0; cancels < 2; cancels++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = chunked (3);
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (CfutMap) map = NULL;
      g_autoptr (CfutFuture) second = NULL;
      Gated gated = { .stop_at = 0 };

      test_gate_init (&gated.gate);
      g_object_set (request, "group", group, NULL);
      map = cfut_executor_map (executor, request, 3, 0, item_gated, &gated, NULL);
      test_gate_wait_arrived (&gated.gate, 1);
      second = g_list_model_get_item (G_LIST_MODEL (group), 1);
      cfut_future_pause (second);
      test_gate_open (&gated.gate);
      assert_next_is (map, 0);
      g_assert_null (cfut_map_next (map, 2000, NULL, NULL));
      g_assert_cmpint (cfut_future_get_state (second), ==, CFUT_STATE_PENDING);

      if (cancels)
        cfut_future_cancel (second);
      else
        cfut_future_resume (second);
      for (guint i = 1; i < 3; i++)
        {
          g_autoptr (CfutFuture) future = next_now (map);

          g_assert_cmpint (cfut_future_get_state (future), ==,
                           cancels && i == 1 ? CFUT_STATE_CANCELLED : CFUT_STATE_RESOLVED);
        }
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      test_gate_clear (&gated.gate);
    }
}

/* Guarantee 6: a task takes from a map in its own pool of one, and runs what it waits for; where that may not be, it is
 * told so. */
static gboolean
take_inside (CfutTask  *task,
             gpointer   user_data,
             GError   **error)
{
  g_autoptr (CfutRequest) request = chunked (3);
  g_autoptr (CfutMap) map = cfut_executor_map (user_data, request, 10, 0, item_number, NULL, NULL);

  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (CfutFuture) future = cfut_map_next (map, -1, NULL, error);

      if (future == NULL)
        return FALSE;
      g_assert_cmpint (cfut_future_result_int64 (future, 0, NULL), ==, ITEM_NUMBER (i));
    }

  return cfut_map_next (map, -1, NULL, error) == NULL;
}

static void
test_map_taken_inside (void)
{
  for (guint compensate = 0; compensate < 2; compensate++)
    {
      g_autoptr (CfutExecutor) executor = g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", 1,
                                                        "compensate", compensate, NULL);
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, take_inside, executor, NULL);

      if (compensate)
        test_assert_settles (future, CFUT_STATE_RESOLVED);
      else
        test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
    }
}

/* Guarantee 1: after a shutdown each item is rejected so, in chunks too, and the map still comes to its end. */
static void
test_map_after_a_shutdown (void)
{
  for (guint chunk = 1; chunk <= 4; chunk += 3)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = chunked (chunk);
      g_autoptr (CfutMap) map = NULL;
      TestPlace place = { 0 };

      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      map = cfut_executor_map (executor, request, 30, 0, item_kept, &place, test_place_note);
      for (guint i = 0; i < 30; i++)
        {
          g_autoptr (CfutFuture) future = next_now (map);

          test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
        }
      assert_at_end (map);
      test_iterate_until (NULL, test_place_get_n (&place) == 1);
    }
}

/* A shutdown that cancels takes the items of queued chunks along. */
static void
test_map_shutdown_cancels_chunks (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) request = chunked (3);
  g_autoptr (CfutMap) map = NULL;
  TestGate gate;

  test_gate_init (&gate);
  map = cfut_executor_map (executor, request, 9, 9, item_until_cancelled, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_PENDING | CFUT_SHUTDOWN_CANCEL_RUNNING, -1, NULL);

  assert_next_is (map, 0);
  for (guint i = 1; i < 9; i++)
    {
      g_autoptr (CfutFuture) future = next_now (map);

      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
    }
  assert_at_end (map);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

typedef struct {
  CfutMap *map;
  guint64 n_got;
  gint64 sum;
} Consumer;

static gpointer
consume (gpointer data)
{
  Consumer *self = data;
  gint64 last = -1;
  CfutFuture *future;

  while ((future = next_now (self->map)) != NULL)
    {
      gint64 number = cfut_future_result_int64 (future, 0, NULL);

      g_assert_cmpint (number, >, last);
      last = number;
      self->sum += number;
      self->n_got++;
      g_object_unref (future);
    }

  return NULL;
}

/* Several threads take from one map: each item goes to one of them, and each sees them in order. All items
 * belong to the map's owner, whoever submitted them: the data of all is freed here. */
static void
test_map_several_take (void)
{
  for (guint chunk = 1; chunk <= 6; chunk += 5)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
      g_autoptr (CfutRequest) request = chunked (chunk);
      Consumer consumers[3] = { { 0 } };
      GThread *threads[3];
      TestPlace place = { 0 };
      CfutMap *map;
      guint64 n = 0;
      gint64 sum = 0;
      gint64 expected = 0;

      map = cfut_executor_map (executor, request, 3000, 20, item_kept, &place, test_place_note);
      for (guint i = 0; i < 3; i++)
        {
          consumers[i].map = map;
          threads[i] = g_thread_new ("consumer", consume, &consumers[i]);
        }
      for (guint i = 0; i < 3; i++)
        {
          g_thread_join (threads[i]);
          n += consumers[i].n_got;
          sum += consumers[i].sum;
        }
      for (guint i = 0; i < 3000; i++)
        expected += ITEM_NUMBER (i);
      g_assert_cmpuint (n, ==, 3000);
      g_assert_cmpint (sum, ==, expected);
      g_object_unref (map);
      test_iterate_until (NULL, test_place_get_n (&place) == 1);
      test_place_assert_here (&place, 1);
    }
}

typedef struct {
  CfutMap *map;
  GPtrArray *got;
  GMainContext *context;
  gboolean ended;
  guint n_errors;
} AsyncTaker;

static void
on_next (GObject      *object,
         GAsyncResult *result,
         gpointer      data)
{
  AsyncTaker *self = data;
  g_autoptr (GError) error = NULL;
  CfutFuture *future = cfut_map_next_finish (CFUT_MAP (object), result, &error);

  g_assert_true (g_main_context_is_owner (self->context));
  if (error != NULL)
    {
      g_assert_null (future);
      self->n_errors++;
      return;
    }
  if (future == NULL)
    {
      self->ended = TRUE;
      return;
    }
  g_assert_true (cfut_future_is_settled (future));
  g_ptr_array_add (self->got, future);
  cfut_map_next_async (self->map, -1, NULL, on_next, self);
}

/* The asynchronous form gives the same, one after the other, without blocking. */
static void
test_map_next_async (void)
{
  for (guint chunk = 1; chunk <= 4; chunk += 3)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
      g_autoptr (CfutRequest) request = chunked (chunk);
      g_autoptr (CfutMap) map = cfut_executor_map (executor, request, 100, 5, item_number, NULL, NULL);
      AsyncTaker taker = { map, g_ptr_array_new_with_free_func (g_object_unref), g_main_context_default (), 0, 0 };

      cfut_map_next_async (map, -1, NULL, on_next, &taker);
      g_assert_cmpuint (taker.got->len, ==, 0);
      test_iterate_until (NULL, taker.ended);
      g_assert_cmpuint (taker.got->len, ==, 100);
      for (guint i = 0; i < 100; i++)
        g_assert_cmpint (cfut_future_result_int64 (taker.got->pdata[i], 0, NULL), ==, ITEM_NUMBER (i));
      g_ptr_array_unref (taker.got);
    }
}

/* It times out and is cancelled like the blocking one, and then has taken nothing. */
static void
test_map_next_async_lost (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (CfutMap) map = NULL;
  Gated gated = { .stop_at = 0 };
  AsyncTaker taker = { NULL, g_ptr_array_new_with_free_func (g_object_unref), g_main_context_default (), 0, 0 };

  test_gate_init (&gated.gate);
  map = cfut_executor_map (executor, NULL, 2, 0, item_gated, &gated, NULL);
  taker.map = map;
  cfut_map_next_async (map, 0, NULL, on_next, &taker);
  cfut_map_next_async (map, 500, NULL, on_next, &taker);
  cfut_map_next_async (map, -1, cancellable, on_next, &taker);
  test_iterate_until (NULL, taker.n_errors == 2);
  g_cancellable_cancel (cancellable);
  test_iterate_until (NULL, taker.n_errors == 3);
  cfut_map_next_async (map, -1, cancellable, on_next, &taker);
  test_iterate_until (NULL, taker.n_errors == 4);

  g_assert_cmpuint (cfut_map_get_n_taken (map), ==, 0);
  test_gate_open (&gated.gate);
  cfut_map_next_async (map, -1, NULL, on_next, &taker);
  test_iterate_until (NULL, taker.ended);
  g_assert_cmpuint (taker.got->len, ==, 2);
  g_ptr_array_unref (taker.got);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gated.gate);
}

static void
take_on_loop (gpointer data)
{
  AsyncTaker *self = data;

  self->context = g_main_context_get_thread_default ();
  cfut_map_next_async (self->map, -1, NULL, on_next, self);
}

/* Its callback comes on the caller's context, whoever owns the map. */
static void
test_map_next_async_elsewhere (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutMap) map = cfut_executor_map (executor, NULL, 50, 3, item_number, NULL, NULL);
  AsyncTaker taker = { map, g_ptr_array_new_with_free_func ((GDestroyNotify) g_object_unref), NULL, 0, 0 };
  TestLoopThread *loop = test_loop_thread_new ();

  test_loop_thread_call (loop, take_on_loop, &taker);
  test_poll_until (g_atomic_int_get (&taker.ended));
  g_assert_cmpuint (taker.got->len, ==, 50);
  test_loop_thread_free (loop);
  g_ptr_array_unref (taker.got);
  test_iterate_ready (NULL);
}

static gboolean
item_takes_from_itself (CfutTask  *task,
                        guint64    index,
                        gpointer   user_data,
                        GError   **error)
{
  CfutMap **map = user_data;
  CfutFuture *future;

  while (g_atomic_pointer_get (map) == NULL)
    g_thread_yield ();

  future = cfut_map_next (*map, -1, NULL, error);
  g_assert_null (future);
  return FALSE;
}

/* An item that takes from its own map while it is first in it waits for itself: an error, not a hang. */
static void
test_map_item_takes_itself (void)
{
  for (guint chunk = 1; chunk <= 2; chunk++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = chunked (chunk);
      g_autoptr (CfutFuture) future = NULL;
      CfutMap *map = NULL;
      CfutMap *made;

      made = cfut_executor_map (executor, request, 1, 0, item_takes_from_itself, &map, NULL);
      g_atomic_pointer_set (&map, made);
      future = next_now (made);
      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
      g_object_unref (made);
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

/* The same against a naive model: a random map is taken by a random mixture of calls, and each item is
 * found as the model has it. */
typedef struct {
  guint32 seed;
  int *calls;  /* atomic, each */
  int n_destroyed;
} Random;

typedef enum { FINE, FAILS, SILENT, EMPTY } Outcome;

static Outcome
random_outcome (Random  *self,
                guint64  index)
{
  guint32 x = (self->seed ^ (guint32) index) * 2654435761u;

  return (x >> 16) % 8 > 3 ? FINE : (Outcome) ((x >> 16) % 4);
}

static gboolean
item_random (CfutTask  *task,
             guint64    index,
             gpointer   user_data,
             GError   **error)
{
  Random *self = user_data;

  g_atomic_int_inc (&self->calls[index]);
  switch (random_outcome (self, index))
    {
    case FINE:
      return item_number (task, index, NULL, error);
    case FAILS:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%u", (guint) index);
      return FALSE;
    case SILENT:
      return FALSE;
    case EMPTY:
    default:
      return TRUE;
    }
}

static void
random_destroy (gpointer user_data)
{
  ((Random *) user_data)->n_destroyed++;
}

static void
random_check (Random     *self,
              guint64     index,
              CfutFuture *future,
              gboolean    was_cancelled)
{
  g_autoptr (GError) error = cfut_future_dup_error (future);

  if (was_cancelled && cfut_future_get_state (future) == CFUT_STATE_CANCELLED)
    {
      g_assert_cmpint (self->calls[index], ==, 0);
      return;
    }

  g_assert_cmpint (self->calls[index], ==, 1);
  switch (random_outcome (self, index))
    {
    case FINE:
      g_assert_cmpint (cfut_future_result_int64 (future, 0, NULL), ==, ITEM_NUMBER (index));
      break;
    case FAILS:
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
      g_assert_cmpint (atoi (error->message), ==, (int) index);
      break;
    case SILENT:
      g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED);
      break;
    case EMPTY:
    default:
      g_assert_no_error (error);
      g_assert_null (cfut_future_result (future, 0, NULL));
    }
}

static void
random_round (GRand *rand)
{
  int n = g_rand_int_range (rand, 0, 200);
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (g_rand_int_range (rand, 1, 5));
  g_autoptr (CfutRequest) request = chunked (g_rand_int_range (rand, 1, 12));
  Random random = { .seed = g_rand_int (rand), .calls = g_new0 (int, n + 1) };
  int cancel_at = g_rand_boolean (rand) ? g_rand_int_range (rand, 0, n + 1) : G_MAXINT;
  int drop_at = g_rand_int_range (rand, 0, 3) == 0 ? g_rand_int_range (rand, 0, n + 1) : G_MAXINT;
  gboolean cancelled = FALSE;
  CfutMap *map;
  int i = 0;

  map = cfut_executor_map (executor, g_rand_boolean (rand) ? request : NULL, n,
                           g_rand_int_range (rand, 0, 30), item_random, &random, random_destroy);
  while (map != NULL)
    {
      g_autoptr (GError) error = NULL;
      CfutFuture *future;

      if (i >= cancel_at && !cancelled)
        {
          cfut_map_cancel (map);
          cancelled = TRUE;
        }
      if (i >= drop_at)
        {
          g_clear_object (&map);
          break;
        }

      future = cfut_map_next (map, g_rand_boolean (rand) ? -1 : g_rand_int_range (rand, 0, 50), NULL, &error);
      if (future != NULL)
        {
          random_check (&random, i++, future, cancelled);
          g_object_unref (future);
        }
      else if (error != NULL)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      else
        break;
    }

  if (map != NULL && !cancelled)
    g_assert_cmpint (i, ==, n);
  g_clear_object (&map);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_iterate_until (NULL, random.n_destroyed > 0);
  test_iterate_ready (NULL);
  g_assert_cmpint (random.n_destroyed, ==, 1);
  for (int j = 0; j < n; j++)
    g_assert_cmpint (random.calls[j], <=, 1);
  g_free (random.calls);
}

static void
test_map_as_the_model (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < 150; i++)
    random_round (rand);
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
  add ("5-cancels-one-of-a-chunk", cancels_one_of_a_chunk);
  add ("5-chunk-hears-the-cancellable", chunk_hears_the_cancellable);
  add ("7-chunk-deadlines", chunk_deadlines);
  add ("pauses-one-of-a-chunk", pauses_one_of_a_chunk);
  add ("6-taken-inside", taken_inside);
  add ("1-after-a-shutdown", after_a_shutdown);
  add ("1-shutdown-cancels-chunks", shutdown_cancels_chunks);
  add ("several-take", several_take);
  add ("next-async", next_async);
  add ("next-async-lost", next_async_lost);
  add ("next-async-elsewhere", next_async_elsewhere);
  add ("6-item-takes-itself", item_takes_itself);
  add ("over-a-model", over_a_model);
  add ("over-an-array", over_an_array);
  add ("2-released-by-the-owner", released_by_the_owner);
  add ("as-the-model", as_the_model);
  add ("bad-input", bad_input);
#undef add

  return g_test_run ();
}
