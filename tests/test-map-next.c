/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutMap: who takes from it: several threads, tasks of the same pool, an item of its own, and main loops
 * with the asynchronous form. */

#include "test-map-util.h"

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
  int ended;  /* atomic */
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
      g_atomic_int_set (&self->ended, TRUE);
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

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/map/" name, test_map_##func)
  add ("6-taken-inside", taken_inside);
  add ("several-take", several_take);
  add ("next-async", next_async);
  add ("next-async-lost", next_async_lost);
  add ("next-async-elsewhere", next_async_elsewhere);
  add ("6-item-takes-itself", item_takes_itself);
#undef add

  return g_test_run ();
}
