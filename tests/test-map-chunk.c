/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutMap: what a request adds: chunks, the cancelling and pausing of one item, deadlines, and the end of
 * the executor. */

#include "test-map-util.h"

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
      for (guint j = 0; j < 4; j++)
        {
          g_autoptr (CfutFuture) future = next_now (map);

          /* On a busy machine the time may be up before it is over. */
          if (i == 0 && j == 0 && cfut_future_get_state (future) == CFUT_STATE_RESOLVED)
            continue;
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

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/map/" name, test_map_##func)
  add ("5-cancels-one-of-a-chunk", cancels_one_of_a_chunk);
  add ("5-chunk-hears-the-cancellable", chunk_hears_the_cancellable);
  add ("7-chunk-deadlines", chunk_deadlines);
  add ("pauses-one-of-a-chunk", pauses_one_of_a_chunk);
  add ("1-after-a-shutdown", after_a_shutdown);
  add ("1-shutdown-cancels-chunks", shutdown_cancels_chunks);
#undef add

  return g_test_run ();
}
