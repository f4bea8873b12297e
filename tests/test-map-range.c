/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* cfut_executor_map_range: every index once, on several threads, and one future that tells of all of it. */

#include "test-map-range-util.h"

/* The parts cover the range exactly, with any grain, any number of threads, and wherever it lies. */
static void
test_map_range_covers_the_range (void)
{
  static const guint64 sizes[] = { 1, 2, 3, 100, 4097, 300000 };
  static const guint64 begins[] = { 0, 1, G_MAXUINT64 - 300000, };
  static const guint64 grains[] = { 0, 1, 7, 300000, G_MAXUINT64 };

  for (guint workers = 1; workers <= 5; workers += 2)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      for (guint j = 0; j < G_N_ELEMENTS (begins) * G_N_ELEMENTS (grains); j++)
        {
          g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (workers);
          guint64 begin = begins[j % G_N_ELEMENTS (begins)];
          guint64 grain = grains[j / G_N_ELEMENTS (begins)];
          g_autoptr (CfutFuture) future = NULL;
          Work work;

          if (grain == 1 && sizes[i] > 10000)
            continue;

          work_init (&work, begin, begin + sizes[i]);
          future = cfut_executor_map_range (executor, NULL, begin, begin + sizes[i], grain, work_part,
                                            &work, NULL);
          test_assert_settles (future, CFUT_STATE_RESOLVED);
          work_assert_all_once (&work);
          assert_progress (future, sizes[i], sizes[i]);
          g_assert_null (cfut_future_result (future, 0, NULL));
          if (grain > 0)
            {
              g_assert_cmpuint (work.n_parts, ==, (sizes[i] - 1) / grain + 1);
              g_assert_cmpuint (work.max_part, ==, MIN (grain, sizes[i]));
            }
          work_clear (&work);
        }
}

/* The greatest of ranges: nothing overflows, and an automatic grain gets through it. */
static void
test_map_range_of_all_numbers (void)
{
  static const guint64 grains[] = { 0, G_GUINT64_CONSTANT (1) << 60, G_MAXUINT64 - 1, G_MAXUINT64 };

  for (guint i = 0; i < G_N_ELEMENTS (grains); i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
      g_autoptr (CfutFuture) future = NULL;
      Work work;

      work_init (&work, 0, G_MAXUINT64);
      future = cfut_executor_map_range (executor, NULL, 0, G_MAXUINT64, grains[i], work_part, &work, NULL);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      work_assert_all_once (&work);
      assert_progress (future, G_MAXUINT64, G_MAXUINT64);
      work_clear (&work);
    }
}

/* An empty range is resolved without a call; one that ends before it begins is rejected. */
static void
test_map_range_empty (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) empty = NULL;
  g_autoptr (CfutFuture) backwards = NULL;
  TestPlace place = { 0 };
  Work work;

  work_init (&work, 5, 5);
  empty = cfut_executor_map_range (executor, NULL, 5, 5, 0, work_part, &work, NULL);
  g_assert_cmpint (cfut_future_get_state (empty), ==, CFUT_STATE_RESOLVED);
  backwards = cfut_executor_map_range (executor, NULL, 6, 5, 0, work_part, &place, test_place_note);
  test_assert_fails (backwards, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_cmpuint (work.n_parts, ==, 0);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
  test_place_assert_here (&place, 1);
  work_clear (&work);
}

/* Several threads are at it at once, as many as the executor has. */
static void
test_map_range_uses_all_workers (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;
  Work work;

  test_gate_init (&gate);
  work_init (&work, 0, 3);
  work.gate = &gate;
  future = cfut_executor_map_range (executor, NULL, 0, 3, 0, work_part, &work, NULL);
  test_gate_wait_arrived (&gate, 3);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
  test_gate_open (&gate);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  work_assert_all_once (&work);
  work_clear (&work);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

/* With all but one worker busy elsewhere one does everything; nothing waits for those that never came, and they
 * leave nothing behind in the queue's count. */
static void
test_map_range_one_does_it_all (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  CfutFuture *busy[2];
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;
  Work work;

  test_gate_init (&gate);
  for (guint i = 0; i < 2; i++)
    busy[i] = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 2);

  work_init (&work, 0, 1000);
  future = cfut_executor_map_range (executor, NULL, 0, 1000, 10, work_part, &work, NULL);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  work_assert_all_once (&work);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);

  test_gate_open (&gate);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  for (guint i = 0; i < 2; i++)
    g_object_unref (busy[i]);
  work_clear (&work);
  test_gate_clear (&gate);
}

static gboolean
part_says_something (CfutTask  *task,
                     guint64    begin,
                     guint64    end,
                     gpointer   user_data,
                     GError   **error)
{
  cfut_task_set_result_int64 (task, 42);
  cfut_task_set_message (task, "at it");
  if (user_data != NULL && g_atomic_pointer_get ((gpointer *) user_data) != NULL)
    g_assert_true (task == g_atomic_pointer_get ((gpointer *) user_data));
  return cfut_task_checkpoint (task, error);
}

/* Result, message and name are the one future's, which is what the function gets; it is in the request's group, and
 * nothing else is. */
static void
test_map_range_is_one_future (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutRequest) request = g_object_new (CFUT_TYPE_REQUEST, "name", "range", "group", group, NULL);
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) member = NULL;
  g_autofree char *message = NULL;
  g_autofree char *name = NULL;
  gpointer expected = NULL;

  future = cfut_executor_map_range (executor, request, 0, 100, 1, part_says_something, &expected, NULL);
  g_atomic_pointer_set (&expected, future);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_assert_cmpint (cfut_future_result_int64 (future, 0, NULL), ==, 42);
  message = cfut_future_dup_message (future);
  name = cfut_future_dup_name (future);
  g_assert_cmpstr (message, ==, "at it");
  g_assert_cmpstr (name, ==, "range");
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (group)), ==, 1);
  member = g_list_model_get_item (G_LIST_MODEL (group), 0);
  g_assert_true (member == future);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
}

static void
on_fraction (CfutFuture *future,
             GParamSpec *pspec,
             gpointer    data)
{
  double *last = data;
  double now = cfut_future_get_fraction (future);

  g_assert_cmpfloat (now, >=, *last);
  *last = now;
}

/* Guarantee 4: progress never goes back, and the last of it is told before done. */
static void
test_map_range_progress (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (4);

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (CfutFuture) future = NULL;
      double last = 0;
      Work work;

      work_init (&work, 0, 20000);
      future = cfut_executor_map_range (executor, NULL, 0, 20000, 10, work_part, &work, NULL);
      g_signal_connect (future, "notify::fraction", G_CALLBACK (on_fraction), &last);
      test_iterate_until (NULL, last == 1.0);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      assert_progress (future, 20000, 20000);
      /* It may be announced only after this. */
      g_signal_handlers_disconnect_by_data (future, &last);
      work_clear (&work);
    }
}

/* Each part that takes long is told of, as it ends. */
static void
test_map_range_progress_of_few (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;
  Work work;

  test_gate_init (&gate);
  work_init (&work, 0, 4);
  future = cfut_executor_map_range (executor, NULL, 0, 3, 1, work_part, &work, NULL);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_clear_object (&future);

  work.gate = &gate;
  future = cfut_executor_map_range (executor, NULL, 3, 4, 1, work_part, &work, NULL);
  test_gate_wait_arrived (&gate, 1);
  assert_progress (future, 0, 0);
  test_gate_open (&gate);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  assert_progress (future, 1, 1);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  work_clear (&work);
  test_gate_clear (&gate);
}

static void
released_callback (CfutFuture *settled,
                   gpointer    user_data)
{
  Released *self = user_data;

  /* What the function was given is there still. */
  g_assert_cmpint (test_place_get_n (&self->place), ==, 0);
  test_place_note (&self->done);
}

/* Guarantees 2 and 3: the data is freed once, by the owner, behind the callbacks, though the executor and the future
 * were dropped long before. */
static void
test_map_range_released_by_the_owner (void)
{
  for (guint i = 0; i < 100; i++)
    {
      CfutExecutor *executor = cfut_thread_executor_new (1 + i % 4);
      CfutFuture *future;
      Released released = { 0 };

      work_init (&released.work, 0, 50);
      future = cfut_executor_map_range (executor, NULL, 0, 50, 1, work_part, &released, released_destroy);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, released_callback, &released, NULL);
      g_object_unref (executor);
      g_object_unref (future);
      test_iterate_until (NULL, test_place_get_n (&released.place) > 0);
      test_iterate_ready (NULL);
      test_place_assert_here (&released.place, 1);
      test_place_assert_here (&released.done, 1);
      work_assert_all_once (&released.work);
      work_clear (&released.work);
    }
}

static gboolean
run_range_inside (CfutTask  *task,
                  gpointer   user_data,
                  GError   **error)
{
  g_autoptr (CfutFuture) future = NULL;

  future = cfut_executor_map_range (user_data, NULL, 0, 1000, 0, part_says_something, NULL, NULL);
  return cfut_future_wait (future, -1, NULL, error);
}

/* Guarantee 6: a task may wait for a range in its own executor; if that is a pool of one that may not grow, it is told
 * that this would never end. */
static void
test_map_range_nested (void)
{
  for (guint workers = 1; workers <= 2; workers++)
    for (guint compensate = 0; compensate < 2; compensate++)
      {
        g_autoptr (CfutExecutor) executor = g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", workers,
                                                          "compensate", compensate, NULL);
        g_autoptr (CfutFuture) future = cfut_executor_submit (executor, run_range_inside, executor, NULL);

        if (workers > 1 || compensate)
          test_assert_settles (future, CFUT_STATE_RESOLVED);
        else
          test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
        cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      }
}

/* Random ranges, grains, errors and cancellations against a model: no index twice, all of them if it is resolved, and
 * progress as many as were done. */
static void
test_map_range_as_the_model (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < 400; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (g_rand_int_range (rand, 1, 6));
      guint64 n = g_rand_int_range (rand, 0, 5000);
      guint64 begin = ((guint64) g_rand_int (rand) << 32) + g_rand_int (rand) / 2;
      guint64 grain = g_rand_boolean (rand) ? 0 : g_rand_int_range (rand, 1, 700);
      gboolean cancels = g_rand_int_range (rand, 0, 3) == 0;
      CfutFuture *future;
      CfutState state;
      TestPlace place = { 0 };
      guint64 is_done;
      Work work;

      begin = MIN (begin, G_MAXUINT64 - n);
      work_init (&work, begin, begin + n);
      if (g_rand_int_range (rand, 0, 3) == 0)
        work.fail_at = begin + g_rand_int_range (rand, 0, 5000);
      future = cfut_executor_map_range (executor, NULL, begin, begin + n, grain, work_part, &work, NULL);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &place, NULL);
      if (cancels)
        cfut_future_cancel (future);
      test_iterate_until (NULL, test_place_get_n (&place) == 1);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);

      state = cfut_future_get_state (future);
      cfut_future_get_progress (future, &is_done, NULL);
      for (guint64 j = 0; j < n; j++)
        g_assert_cmpuint (work.seen[j], <=, 1);
      g_assert_cmpuint (is_done, <=, work.n_indexes);
      if (state == CFUT_STATE_RESOLVED)
        {
          work_assert_all_once (&work);
          g_assert_cmpuint (is_done, ==, n);
          g_assert_false (n > 0 && work.fail_at < begin + n);
        }
      else if (state == CFUT_STATE_REJECTED)
        {
          g_assert_cmpuint (work.fail_at, <, begin + n);
          g_assert_cmpuint (work.seen[work.fail_at - begin], ==, 1);
        }
      else
        {
          g_assert_true (cancels);
          g_assert_cmpuint (is_done, ==, work.n_indexes);
        }
      work_clear (&work);
      g_object_unref (future);
    }
}

/* Bad input is refused with a critical. */
static void
test_map_range_bad_input (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  test_expect_critical ();
  g_assert_null (cfut_executor_map_range (NULL, NULL, 0, 1, 0, work_part, NULL, NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_null (cfut_executor_map_range (executor, NULL, 0, 1, 0, NULL, NULL, NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_null (cfut_executor_map_range (executor, (CfutRequest *) executor, 0, 1, 0, work_part, NULL, NULL));
  g_test_assert_expected_messages ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/map-range/" name, test_map_range_##func)
  add ("covers-the-range", covers_the_range);
  add ("of-all-numbers", of_all_numbers);
  add ("empty", empty);
  add ("uses-all-workers", uses_all_workers);
  add ("one-does-it-all", one_does_it_all);
  add ("is-one-future", is_one_future);
  add ("4-progress", progress);
  add ("4-progress-of-few", progress_of_few);
  add ("2-3-released-by-the-owner", released_by_the_owner);
  add ("6-nested", nested);
  add ("as-the-model", as_the_model);
  add ("bad-input", bad_input);
#undef add

  return g_test_run ();
}
