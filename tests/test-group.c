/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The group as a set of futures: adding, removing, counting, holding, cancelling, dropping.
 * Guarantee 5 (cancel), and what the design says of groups. */

#include "test-group-util.h"

/* An empty group is at its end: next says so, every wait is over, and nothing is emitted. */
static void
test_group_empty (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  GroupLog log;

  group_log_connect (&log, group);
  g_assert_true (g_list_model_get_item_type (G_LIST_MODEL (group)) == CFUT_TYPE_FUTURE);
  g_assert_cmpuint (n_items (group), ==, 0);
  g_assert_null (g_list_model_get_item (G_LIST_MODEL (group), 0));
  assert_next (group, NULL);
  for (int when = CFUT_RETURN_WHEN_ALL_COMPLETED; when <= CFUT_RETURN_WHEN_FIRST_FAILURE; when++)
    g_assert_true (wait_now (group, when));
  g_assert_cmpfloat (cfut_group_get_fraction (group), ==, 0.0);
  g_assert_cmpfloat (cfut_group_get_rate (group), ==, 0.0);
  g_assert_cmpint (cfut_group_get_remaining_usec (group), ==, 0);
  g_assert_cmpuint (cfut_group_remove_settled (group), ==, 0);
  cfut_group_cancel (group);
  cfut_group_add_many (group, NULL, 0, NULL, 0);
  test_iterate_ready (NULL);
  g_assert_cmpuint (log.n_all_done, ==, 0);
  group_log_clear (&log);
}

static gpointer
next_thread (gpointer group)
{
  return cfut_group_next (group, TEST_DEADLINE_USEC, NULL, NULL);
}

/* A group that is held is not at its end, though nothing is unsettled; releasing the last hold ends
 * it for everybody who waits, and is all-done, also where nothing was ever added. */
static void
test_group_hold (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) promise = NULL;
  GThread *threads[3];
  GroupLog log;

  group_log_connect (&log, group);
  cfut_group_hold (group);
  cfut_group_hold (group);
  assert_next_fails (group, 0, NULL, G_IO_ERROR_TIMED_OUT);
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_ALL_COMPLETED));
  g_assert_cmpint (cfut_group_get_remaining_usec (group), ==, -1);

  for (guint i = 0; i < 3; i++)
    threads[i] = g_thread_new ("next", next_thread, group);
  cfut_group_release (group);
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_FIRST_COMPLETED));
  cfut_group_release (group);
  for (guint i = 0; i < 3; i++)
    g_assert_null (g_thread_join (threads[i]));
  assert_next (group, NULL);
  test_iterate_ready (NULL);
  g_assert_cmpuint (log.n_all_done, ==, 1);

  log.n_all_done = 0;
  cfut_group_hold (group);
  promise = add_promise (group);
  cfut_promise_resolve (promise, NULL);
  test_iterate_ready (NULL);
  g_assert_cmpuint (log.done->len, ==, 1);
  g_assert_cmpuint (log.n_all_done, ==, 0);
  assert_next (group, cfut_promise_get_future (promise));
  assert_next_fails (group, 0, NULL, G_IO_ERROR_TIMED_OUT);
  cfut_group_release (group);
  test_iterate_ready (NULL);
  g_assert_cmpuint (log.n_all_done, ==, 1);

  test_expect_critical ();
  cfut_group_release (group);
  g_test_assert_expected_messages ();
  group_log_clear (&log);
}

/* What next hands out may give the group more to do, as a crawler does: it ends when all is done.
 * */
static void
test_group_grows_while_iterated (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  CfutFuture *future;
  guint n_next = 0;
  guint n_added = 1;

  future = cfut_executor_submit (executor, test_task_number, GINT_TO_POINTER (11), NULL);
  cfut_group_add (group, future);
  g_object_unref (future);

  while ((future = cfut_group_next (group, TEST_DEADLINE_USEC, NULL, NULL)) != NULL)
    {
      gint64 depth = cfut_future_result_int64 (future, 0, NULL);

      g_object_unref (future);
      n_next++;
      for (guint i = 0; depth > 0 && i < 2; i++)
        {
          future = cfut_executor_submit (executor, test_task_number,
                                         GINT_TO_POINTER ((int) depth - 1), NULL);
          cfut_group_add (group, future);
          g_object_unref (future);
          n_added++;
        }
    }
  g_assert_cmpuint (n_next, ==, n_added);
  g_assert_cmpuint (n_next, ==, (1 << 12) - 1);
  g_assert_cmpuint (cfut_group_get_n_done (group), ==, n_added);
}

/* A future that is there is not added again; one that was removed may come back, and is handed out
 * again. */
static void
test_group_added_twice (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) promise = add_promise (group);
  CfutFuture *future = cfut_promise_get_future (promise);
  CfutFuture *twice[] = { future, future };
  GroupLog log;

  group_log_connect (&log, group);
  g_ptr_array_add (log.mirror, g_object_ref (future));
  cfut_group_add (group, future);
  cfut_group_add_many (group, twice, 2, NULL, 0);
  g_assert_cmpuint (log.n_changes, ==, 0);
  g_assert_cmpuint (n_items (group), ==, 1);
  cfut_promise_resolve (promise, NULL);
  cfut_group_add (group, future);
  assert_next (group, future);
  assert_next (group, NULL);
  g_assert_true (cfut_group_remove (group, future));
  g_assert_false (cfut_group_remove (group, future));
  g_assert_cmpuint (n_items (group), ==, 0);
  cfut_group_add_many (group, twice, 2, NULL, 0);
  g_assert_cmpuint (n_items (group), ==, 1);
  assert_next (group, future);
  assert_next (group, NULL);
  test_iterate_ready (NULL);
  g_assert_cmpuint (log.done->len, ==, 1);
  group_log_clear (&log);
}

/* A settled future counts, and is handed out, at once. */
static void
test_group_add_settled (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  CfutPromise *promises[3];
  CfutFuture *futures[3];
  const guint64 units[3] = { 10, 20, 30 };
  GroupLog log;

  group_log_connect (&log, group);
  for (guint i = 0; i < 3; i++)
    {
      promises[i] = cfut_promise_new ();
      futures[i] = cfut_promise_get_future (promises[i]);
    }
  cfut_promise_resolve (promises[0], NULL);
  reject (promises[1]);
  cfut_future_cancel (futures[2]);
  cfut_group_add_many (group, futures, 3, units, 3);

  g_assert_cmpuint (log.n_changes, ==, 1);
  g_assert_cmpuint (cfut_group_get_n_done (group), ==, 3);
  g_assert_cmpuint (cfut_group_get_n_failed (group), ==, 1);
  g_assert_cmpuint (cfut_group_get_n_cancelled (group), ==, 1);
  g_assert_cmpuint (cfut_group_get_units_done (group), ==, 60);
  g_assert_cmpfloat (cfut_group_get_fraction (group), ==, 1.0);
  g_assert_true (wait_now (group, CFUT_RETURN_WHEN_FIRST_FAILURE));
  for (guint i = 0; i < 3; i++)
    assert_next (group, futures[i]);
  assert_next (group, NULL);
  test_iterate_ready (NULL);
  g_assert_cmpuint (log.done->len, ==, 3);
  g_assert_cmpuint (log.n_all_done, ==, 1);

  for (guint i = 0; i < 3; i++)
    g_object_unref (promises[i]);
  group_log_clear (&log);
}

/* A removed future leaves the model, the counts and next, whatever its state; it is not cancelled,
 * and settles as it would. */
static void
test_group_remove (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 5);
  GroupLog log;

  group_log_connect (&log, group);
  for (guint i = 0; i < 5; i++)
    g_ptr_array_add (log.mirror, g_object_ref (future_at (promises, i)));
  cfut_promise_resolve (promises->pdata[1], NULL);
  reject (promises->pdata[2]);

  /* Unsettled, settled and not handed out. */
  g_assert_true (cfut_group_remove (group, future_at (promises, 0)));
  g_assert_true (cfut_group_remove (group, future_at (promises, 2)));
  g_assert_false (cfut_group_remove (group, future_at (promises, 2)));
  g_assert_cmpuint (n_items (group), ==, 3);
  g_assert_cmpuint (cfut_group_get_n_done (group), ==, 1);
  g_assert_cmpuint (cfut_group_get_n_failed (group), ==, 0);
  g_assert_false (wait_now (group, CFUT_RETURN_WHEN_FIRST_FAILURE));
  assert_next (group, future_at (promises, 1));

  /* On another thread: out of next at once, out of the model in the next slice. */
  cfut_promise_resolve (promises->pdata[3], NULL);
  remove_elsewhere (group, future_at (promises, 3));
  remove_elsewhere (group, future_at (promises, 4));
  g_assert_cmpuint (n_items (group), ==, 3);
  g_assert_true (log.mirror->pdata[1] == future_at (promises, 3));
  test_iterate_ready (NULL);
  g_assert_cmpuint (n_items (group), ==, 1);
  assert_next (group, NULL);
  g_assert_true (log.mirror->pdata[0] == future_at (promises, 1));
  g_assert_cmpuint (log.done->len, ==, 1);
  g_assert_cmpuint (log.n_all_done, ==, 1);

  g_assert_cmpint (cfut_future_get_state (future_at (promises, 0)), ==, CFUT_STATE_PENDING);
  g_assert_true (cfut_promise_resolve (promises->pdata[0], NULL));
  test_iterate_ready (NULL);
  g_assert_cmpuint (log.done->len, ==, 1);
  group_log_clear (&log);
}

/* remove_settled takes out what has settled, handed out or not, and tells it by stretches, or,
 * where these are many, by one. */
static void
test_group_remove_settled (void)
{
  for (guint every = 2; every <= 20; every += 18)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (GPtrArray) promises = NULL;
      GroupLog log;

      group_log_connect (&log, group);
      promises = add_promises (group, 100);
      for (guint i = 0; i < 100; i++)
        {
          if (i % every != 0)
            cfut_promise_resolve (promises->pdata[i], NULL);
        }
      assert_next (group, future_at (promises, 1));
      log.n_changes = 0;
      g_assert_cmpuint (cfut_group_remove_settled (group), ==, 100 - 100 / every);
      g_assert_cmpuint (log.n_changes, ==, every == 2 ? 1 : 5);
      g_assert_cmpuint (n_items (group), ==, 100 / every);
      g_assert_cmpuint (cfut_group_get_n_done (group), ==, 0);
      g_assert_cmpfloat (cfut_group_get_fraction (group), ==, 0.0);
      assert_next_fails (group, 0, NULL, G_IO_ERROR_TIMED_OUT);
      for (guint i = 0; i < 100 / every; i++)
        g_assert_true (log.mirror->pdata[i] == future_at (promises, i * every));
      test_iterate_ready (NULL);
      g_assert_cmpuint (log.done->len, ==, 0);
      g_assert_cmpuint (cfut_group_remove_settled (group), ==, 0);
      group_log_clear (&log);
    }
}

/* Removing, and dropping the group, against the futures that settle at the same time. */
static void
test_group_remove_against_settle (void)
{
  const guint n = 3000;
  GPtrArray *promises = g_ptr_array_new_with_free_func (g_object_unref);
  Settler settler;
  CfutGroup *group = cfut_group_new ();

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (promises, cfut_promise_new ());
  settler_init (&settler, promises);

  for (guint i = 0; i < n; i++)
    {
      CfutFuture *future = future_at (promises, i);

      cfut_group_add (group, future);
      test_sem_post (&settler.start);
      test_burn (i % 16);
      if (i % 3 == 0)
        {
          g_object_unref (group);
          group = cfut_group_new ();
        }
      else
        {
          g_assert_true (cfut_group_remove (group, future));
          assert_next (group, NULL);
        }
      test_sem_wait (&settler.ended);
      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RESOLVED);
    }

  g_object_unref (group);
  settler_clear (&settler);
  test_iterate_ready (NULL);
}

/* fraction is units done of units in all: settled ones in full, running ones by their progress;
 * where all units are nought, settled futures of all; nought when empty. */
static void
test_group_units (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutGroup) zero = cfut_group_new ();
  g_autoptr (CfutPromise) big = cfut_promise_new ();
  g_autoptr (CfutPromise) small = cfut_promise_new ();
  g_autoptr (CfutPromise) running = cfut_promise_new ();

  cfut_promise_set_running (running);
  cfut_promise_set_progress (running, 1, 4);

  cfut_group_add_units (group, cfut_promise_get_future (big), 900);
  cfut_group_add_units (group, cfut_promise_get_future (small), 60);
  cfut_group_add_units (group, cfut_promise_get_future (running), 40);
  g_assert_cmpuint (cfut_group_get_units_total (group), ==, 1000);
  g_assert_cmpuint (cfut_group_get_units_done (group), ==, 10);
  cfut_promise_set_progress (running, 2, 4);
  cfut_promise_set_running (big);
  cfut_promise_set_progress (big, 1, 3);
  g_assert_cmpuint (cfut_group_get_units_done (group), ==, 320);
  g_assert_cmpfloat (cfut_group_get_fraction (group), ==, 0.32);
  g_assert_cmpuint (cfut_group_get_n_done (group), ==, 0);
  reject (small);
  g_assert_cmpuint (cfut_group_get_units_done (group), ==, 380);
  cfut_promise_resolve (big, NULL);
  g_assert_cmpuint (cfut_group_get_units_done (group), ==, 980);
  g_assert_true (cfut_group_remove (group, cfut_promise_get_future (running)));
  g_assert_cmpuint (cfut_group_get_units_done (group), ==, 960);
  g_assert_cmpuint (cfut_group_get_units_total (group), ==, 960);
  g_assert_cmpfloat (cfut_group_get_fraction (group), ==, 1.0);

  cfut_group_add_units (zero, cfut_promise_get_future (running), 0);
  g_assert_cmpfloat (cfut_group_get_fraction (zero), ==, 0.0);
  cfut_group_add_units (zero, cfut_promise_get_future (small), 0);
  g_assert_cmpfloat (cfut_group_get_fraction (zero), ==, 0.5);
  cfut_promise_resolve (running, NULL);
  g_assert_cmpfloat (cfut_group_get_fraction (zero), ==, 1.0);
}

/* A future may be in several groups, and each counts it. */
static void
test_group_shared_future (void)
{
  g_autoptr (CfutGroup) a = cfut_group_new ();
  g_autoptr (CfutGroup) b = cfut_group_new ();
  g_autoptr (CfutPromise) promise = add_promise (a);
  CfutFuture *future = cfut_promise_get_future (promise);

  cfut_group_add (b, future);
  cfut_promise_resolve (promise, NULL);
  assert_next (a, future);
  g_assert_true (cfut_group_remove (a, future));
  g_assert_cmpuint (cfut_group_get_n_done (b), ==, 1);
  assert_next (b, future);
  assert_next (b, NULL);
}

typedef struct {
  CfutGroup *group;
  GPtrArray *more;
  guint n_calls;
} Reentry;

static void
direct_reenter (CfutFuture *settled,
                gpointer    data)
{
  Reentry *reentry = data;
  g_autoptr (CfutFuture) next = NULL;

  reentry->n_calls++;
  if (reentry->more->len < 50)
    g_ptr_array_add (reentry->more, add_promise (reentry->group));
  /* It was counted before. */
  next = cfut_group_next (reentry->group, 0, NULL, NULL);
  g_assert_nonnull (next);
  g_assert_true (cfut_group_remove (reentry->group, settled));
  cfut_group_cancel (reentry->group);
}

static void
on_cancelled_reenter (GCancellable *cancellable,
                      gpointer      data)
{
  Reentry *reentry = data;

  reentry->n_calls++;
  cfut_group_cancel (reentry->group);
  g_ptr_array_add (reentry->more, add_promise (reentry->group));
  g_assert_false (cfut_group_wait (reentry->group, CFUT_RETURN_WHEN_ALL_COMPLETED, 0, NULL, NULL));
}

/* Guarantee 5: cancel calls what users hung on the futures, and these may call the group. */
static void
test_group_cancel_reenters (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 10);
  Reentry reentry = { .group = group, .more = g_ptr_array_new_with_free_func (g_object_unref) };
  GCancellable *cancellable;

  for (guint i = 0; i < 10; i++)
    cfut_future_add_done_callback (future_at (promises, i), CFUT_CALLBACK_DIRECT, direct_reenter,
                                   &reentry, NULL);
  cfut_group_cancel (group);
  g_assert_cmpuint (reentry.n_calls, ==, 10);
  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (cfut_future_get_state (future_at (promises, i)), ==, CFUT_STATE_CANCELLED);

  /* One that runs is asked, through its cancellable. */
  cfut_group_remove_settled (group);
  cfut_promise_set_running (reentry.more->pdata[9]);
  reentry.n_calls = 0;
  g_ptr_array_add (promises, add_promise (group));
  cfut_promise_set_running (promises->pdata[10]);
  cancellable = cfut_promise_get_cancellable (promises->pdata[10]);
  g_signal_connect (cancellable, "cancelled", G_CALLBACK (on_cancelled_reenter), &reentry);
  cfut_group_cancel (group);
  g_assert_cmpuint (reentry.n_calls, ==, 1);
  g_assert_cmpint (cfut_future_get_state (future_at (promises, 10)), ==, CFUT_STATE_RUNNING);
  cfut_promise_resolve (promises->pdata[10], NULL);
  cfut_group_cancel (group);
  g_ptr_array_unref (reentry.more);
  test_iterate_ready (NULL);
}

typedef struct {
  GPtrArray *promises;
  guint n_cancelled;
  gboolean asked;
} CancelOrder;

static void
direct_cancelled (CfutFuture *settled,
                  gpointer    data)
{
  CancelOrder *order = data;

  g_assert_true (order->asked);
  order->n_cancelled++;
  g_assert_true (settled == future_at (order->promises, order->promises->len - order->n_cancelled));
}

static void
on_asked (GCancellable *cancellable,
          CancelOrder  *order)
{
  g_assert_cmpuint (order->n_cancelled, ==, 0);
  order->asked = TRUE;
}

/* Guarantee 5: what runs is asked before anything else, as it takes its time; what waits is
 * cancelled from the end on, since workers come from the front. */
static void
test_group_cancel_order (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) running = add_promise (group);
  CancelOrder order = { .promises = add_promises (group, 1500) };

  cfut_promise_set_running (running);
  g_signal_connect (cfut_promise_get_cancellable (running), "cancelled", G_CALLBACK (on_asked),
                    &order);
  for (guint i = 0; i < order.promises->len; i++)
    cfut_future_add_done_callback (future_at (order.promises, i), CFUT_CALLBACK_DIRECT,
                                   direct_cancelled, &order, NULL);
  cfut_group_cancel (group);
  g_assert_cmpuint (order.n_cancelled, ==, 1500);
  cfut_promise_resolve (running, NULL);
  g_ptr_array_unref (order.promises);
  test_iterate_ready (NULL);
}

/* Dropping a group cancels nothing and lets go of its futures. */
static void
test_group_drop (void)
{
  CfutGroup *group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 4);
  g_autoptr (GPtrArray) elsewhere = add_elsewhere (group, 2);
  int n_gone = 0;
  int n_futures_gone = 0;

  cfut_promise_resolve (promises->pdata[0], NULL);
  test_watch_gone (group, &n_gone);
  for (guint i = 0; i < 4; i++)
    test_watch_gone (future_at (promises, i), &n_futures_gone);
  g_object_unref (group);
  g_assert_cmpint (n_gone, ==, 1);
  for (guint i = 1; i < 4; i++)
    {
      g_assert_cmpint (cfut_future_get_state (future_at (promises, i)), ==, CFUT_STATE_PENDING);
      g_assert_true (cfut_promise_resolve (promises->pdata[i], NULL));
    }
  g_ptr_array_set_size (promises, 0);
  test_iterate_ready (NULL);
  g_assert_cmpint (n_futures_gone, ==, 4);
}

typedef struct {
  CfutGroup *group;
  GPtrArray *promises;
  gboolean remove_only;
  int n_gone;
  int n_gone_at_once;
  gboolean is_over;
} Sweep;

static gboolean
sweep_in_loop (gpointer data)
{
  Sweep *sweep = data;

  if (sweep->remove_only)
    cfut_group_remove_settled (sweep->group);
  else
    g_clear_object (&sweep->group);
  sweep->n_gone_at_once = g_atomic_int_get (&sweep->n_gone);
  sweep->is_over = TRUE;
  return G_SOURCE_REMOVE;
}

/* Guarantee 4: dropping a group of very many, or removing so many, in a loop lets go of the futures
 * in slices; without a loop at once. A few have not settled. */
static void
test_group_drop_many (void)
{
  const int n = 5000;

  for (guint round = 0; round < 4; round++)
    {
      gboolean in_loop = round % 2 == 0;
      Sweep sweep = { .group = cfut_group_new (), .remove_only = round >= 2 };
      g_autoptr (GPtrArray) elsewhere = NULL;

      sweep.promises = add_promises (sweep.group, n - 10);
      elsewhere = add_elsewhere (sweep.group, 10);
      for (int i = 0; i < n - 10; i++)
        test_watch_gone (future_at (sweep.promises, i), &sweep.n_gone);
      for (guint i = 0; i < 10; i++)
        test_watch_gone (future_at (elsewhere, i), &sweep.n_gone);
      for (int i = 0; i < n - 10; i++)
        {
          if (sweep.remove_only || i % 2 == 0)
            cfut_promise_resolve (sweep.promises->pdata[i], NULL);
        }
      /* Delivered, so that nobody else holds them: the group alone keeps what has settled. */
      if (sweep.remove_only)
        test_iterate_ready (NULL);
      g_ptr_array_unref (sweep.promises);
      test_iterate_ready (NULL);
      g_assert_cmpint (sweep.n_gone, ==, 0);

      if (in_loop)
        {
          g_idle_add (sweep_in_loop, &sweep);
          test_iterate_until (NULL, sweep.is_over);
          g_assert_cmpint (sweep.n_gone_at_once, <, n / 2);
        }
      else
        {
          sweep_in_loop (&sweep);
          g_assert_cmpint (sweep.n_gone_at_once, ==, n - 10);
        }
      test_iterate_until (NULL, sweep.n_gone == n - 10);
      g_clear_object (&sweep.group);
      g_ptr_array_set_size (elsewhere, 0);
      test_iterate_until (NULL, sweep.n_gone == n);
    }
}

/* The last reference is dropped on another thread, while futures settle on a third: nothing is
 * emitted, and every future goes. */
static gpointer
unref_thread (gpointer group)
{
  g_object_unref (group);
  return NULL;
}

static void
test_group_dropped_elsewhere (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  int n_gone = 0;
  int n_futures_gone = 0;

  for (guint round = 0; round < 100; round++)
    {
      CfutGroup *group = cfut_group_new ();
      GThread *thread;

      test_watch_gone (group, &n_gone);
      for (guint i = 0; i < 20; i++)
        {
          CfutFuture *future = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);

          test_watch_gone (future, &n_futures_gone);
          cfut_group_add (group, future);
          g_object_unref (future);
        }
      thread = g_thread_new ("unref", unref_thread, group);
      if (round % 2 == 0)
        test_iterate_ready (NULL);
      g_thread_join (thread);
    }
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_iterate_until (NULL, n_gone == 100 && n_futures_gone == 2000);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/group/empty", test_group_empty);
  g_test_add_func ("/cfut/group/next/grows-while-iterated", test_group_grows_while_iterated);
  g_test_add_func ("/cfut/group/hold", test_group_hold);
  g_test_add_func ("/cfut/group/added-twice", test_group_added_twice);
  g_test_add_func ("/cfut/group/add-settled", test_group_add_settled);
  g_test_add_func ("/cfut/group/remove", test_group_remove);
  g_test_add_func ("/cfut/group/remove-settled", test_group_remove_settled);
  g_test_add_func ("/cfut/group/remove-against-settle", test_group_remove_against_settle);
  g_test_add_func ("/cfut/group/units", test_group_units);
  g_test_add_func ("/cfut/group/shared-future", test_group_shared_future);
  g_test_add_func ("/cfut/group/drop", test_group_drop);
  g_test_add_func ("/cfut/group/drop-many", test_group_drop_many);
  g_test_add_func ("/cfut/group/dropped-elsewhere", test_group_dropped_elsewhere);
  g_test_add_func ("/cfut/group/cancel-reenters", test_group_cancel_reenters);
  g_test_add_func ("/cfut/group/cancel-order", test_group_cancel_order);

  return g_test_run ();
}
