/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Waits of tasks that can never end, as what they hang on is the task itself: DEADLOCK, and not as long as somebody
 * else may end them. Guarantee 6. */

#include "test-stuck-util.h"

static gboolean
wait_for_oneself (CfutTask  *task,
                  gpointer   data,
                  GError   **error)
{
  for (guint way = 0; way < N_WAYS; way++)
    {
      g_autoptr (CfutFuture) made = make_of (CFUT_FUTURE (task), way);
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) problem = NULL;

      g_assert_false (cfut_future_wait (made, -1, NULL, &problem));
      assert_deadlock (&problem);
      g_assert_false (cfut_future_wait (made, TEST_DEADLINE_USEC, NULL, &problem));
      assert_deadlock (&problem);
      g_assert_false (cfut_future_wait (made, -1, cancellable, &problem));
      assert_deadlock (&problem);
      g_assert_null (cfut_future_result (made, -1, &problem));
      assert_deadlock (&problem);
      g_assert_false (cfut_future_wait (made, 0, NULL, &problem));
      assert_times_out (&problem);
    }
  return TRUE;
}

/* What is made of the task's own future, however and with whatever limit it is waited for. */
static void
test_stuck_for_oneself (void)
{
  for (guint compensate = 0; compensate < 2; compensate++)
    {
      g_autoptr (CfutFuture) future = NULL;
      Stuck stuck;

      stuck_begin (&stuck, compensate ? cfut_thread_executor_new (1) : new_serial (1));
      future = stuck_run (&stuck, wait_for_oneself);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      stuck_end (&stuck);
    }
}

/* With the promise beside itself. */
static gboolean
wait_with_another (CfutTask   *task,
                   Stuck      *self,
                   CfutFuture *(*make) (CfutFuture **futures, gsize n_futures),
                   gboolean    first,
                   GError    **error)
{
  CfutFuture *futures[2];

  futures[first ? 0 : 1] = CFUT_FUTURE (task);
  futures[first ? 1 : 0] = cfut_promise_get_future (self->promise);
  self->waited = make (futures, 2);
  test_gate_arrive (&self->gate);
  return cfut_future_wait (self->waited, -1, NULL, error);
}

#define WITH_ANOTHER(name, make, first) \
  static gboolean \
  name (CfutTask *task, gpointer data, GError **error) \
  { \
    return wait_with_another (task, data, make, first, error); \
  }

WITH_ANOTHER (wait_for_all_first, cfut_future_all, TRUE)
WITH_ANOTHER (wait_for_all_last, cfut_future_all, FALSE)
WITH_ANOTHER (wait_for_any_first, cfut_future_any, TRUE)
WITH_ANOTHER (wait_for_any_last, cfut_future_any, FALSE)
WITH_ANOTHER (wait_for_race_first, cfut_future_race, TRUE)
WITH_ANOTHER (wait_for_race_last, cfut_future_race, FALSE)

/* As long as another one may decide there is no deadlock; it is there once that has not done so. */
static void
test_stuck_for_oneself_and_another (void)
{
  static const struct { CfutTaskFunc func; gboolean resolved_ends; gboolean rejected_ends; } kinds[] = {
    { wait_for_all_first, FALSE, TRUE }, { wait_for_all_last, FALSE, TRUE },
    { wait_for_any_first, TRUE, FALSE }, { wait_for_any_last, TRUE, FALSE },
    { wait_for_race_first, TRUE, TRUE }, { wait_for_race_last, TRUE, TRUE },
  };

  for (guint i = 0; i < 4 * G_N_ELEMENTS (kinds); i++)
    {
      gboolean resolves = i % 2;
      gboolean ends = resolves ? kinds[i / 4].resolved_ends : kinds[i / 4].rejected_ends;
      g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
      g_autoptr (CfutFuture) future = NULL;
      Stuck stuck;

      stuck_begin (&stuck, cfut_thread_executor_new (1));
      future = stuck_run (&stuck, kinds[i / 4].func);
      if (i / 2 % 2)
        test_gate_wait_arrived (&stuck.gate, 1);
      if (resolves)
        cfut_promise_resolve (stuck.promise, NULL);
      else
        cfut_promise_reject (stuck.promise, error);
      if (ends)
        test_assert_settles (future, CFUT_STATE_RESOLVED);
      else
        test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
      stuck_end (&stuck);
    }
}

static gboolean
wait_for_what_is_chained (CfutTask  *task,
                          gpointer   data,
                          GError   **error)
{
  Stuck *self = data;

  test_gate_pass (&self->gate);
  return cfut_future_wait (self->waited, -1, NULL, error);
}

/* A chain whose function gives the task, or what is made of it, while the task waits for the chain: the function is
 * called by the loop, or by a wait of the thread that owns it. */
static void
test_stuck_by_a_chain (void)
{
  for (guint i = 0; i < 2 * N_WAYS + 2; i++)
    {
      gboolean loop = i % 2;
      g_autoptr (CfutFuture) future = NULL;
      g_autoptr (CfutFuture) made = NULL;
      g_autoptr (CfutFuture) chained = NULL;
      Stuck stuck;

      stuck_begin (&stuck, cfut_thread_executor_new (1));
      future = stuck_run (&stuck, wait_for_what_is_chained);
      made = i / 2 < N_WAYS ? make_of (future, i / 2) : g_object_ref (future);
      chained = cfut_future_chain (cfut_promise_get_future (stuck.promise), give_again, made, NULL);
      stuck.waited = cfut_future_all (&chained, 1);
      test_gate_open (&stuck.gate);
      if (i % 4 < 2)
        test_poll_until (cfut_future_get_state (future) == CFUT_STATE_RUNNING);
      cfut_promise_resolve (stuck.promise, NULL);
      if (loop)
        test_iterate_until (NULL, cfut_future_is_settled (future));
      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
      test_assert_settles (stuck.waited, CFUT_STATE_REJECTED);
      stuck_end (&stuck);
    }
}

static gboolean
wait_for_outer (CfutTask  *task,
                gpointer   data,
                GError   **error)
{
  Stuck *self = data;
  g_autoptr (CfutFuture) all = cfut_future_all (&self->waited, 1);
  g_autoptr (GError) problem = NULL;

  g_assert_false (cfut_future_wait (self->waited, -1, NULL, &problem));
  assert_deadlock (&problem);
  g_assert_false (cfut_future_wait (all, -1, NULL, &problem));
  assert_deadlock (&problem);
  return cfut_group_wait (self->group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, error);
}

static gboolean
run_what_waits_for_it (CfutTask  *task,
                       gpointer   data,
                       GError   **error)
{
  Stuck *self = data;
  g_autoptr (CfutFuture) inner = NULL;

  self->waited = g_object_ref (CFUT_FUTURE (task));
  cfut_group_add (self->group, CFUT_FUTURE (task));
  inner = cfut_executor_submit (self->executor, wait_for_outer, self, NULL);
  if (!cfut_future_wait (inner, -1, NULL, error))
    return FALSE;
  cfut_future_result (inner, 0, error);
  return FALSE;
}

/* A task that runs inside of another one's wait waits for that one: neither can go on. */
static void
test_stuck_for_outer (void)
{
  g_autoptr (CfutFuture) future = NULL;
  Stuck stuck;

  stuck_begin (&stuck, cfut_thread_executor_new (1));
  future = stuck_run (&stuck, run_what_waits_for_it);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
  stuck_end (&stuck);
}

/* --- groups with the task itself --- */

static gboolean
use_own_group (CfutTask  *task,
               gpointer   data,
               GError   **error)
{
  Stuck *self = data;
  g_autoptr (CfutFuture) chained = cfut_future_chain (CFUT_FUTURE (task), give_again, NULL, NULL);
  g_autoptr (GError) problem = NULL;

  cfut_group_add (self->group, CFUT_FUTURE (task));
  cfut_group_add (self->group, chained);
  for (guint when = CFUT_RETURN_WHEN_ALL_COMPLETED; when <= CFUT_RETURN_WHEN_FIRST_FAILURE; when++)
    {
      g_assert_false (cfut_group_wait (self->group, when, -1, NULL, &problem));
      assert_deadlock (&problem);
      g_assert_false (cfut_group_wait (self->group, when, 0, NULL, &problem));
      assert_times_out (&problem);
    }
  g_assert_null (cfut_group_next (self->group, TEST_DEADLINE_USEC, NULL, &problem));
  assert_deadlock (&problem);
  return TRUE;
}

/* Nothing else is in the group. */
static void
test_stuck_in_own_group (void)
{
  g_autoptr (CfutFuture) future = NULL;
  Stuck stuck;

  stuck_begin (&stuck, cfut_thread_executor_new (2));
  future = stuck_run (&stuck, use_own_group);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  stuck_end (&stuck);
}

static gboolean
take_all_of_own_group (CfutTask  *task,
                       gpointer   data,
                       GError   **error)
{
  Stuck *self = data;
  CfutFuture *next;
  gint64 n = 0;

  cfut_group_add (self->group, CFUT_FUTURE (task));
  test_gate_arrive (&self->gate);
  while ((next = cfut_group_next (self->group, -1, NULL, error)) != NULL)
    {
      g_object_unref (next);
      n++;
    }
  g_assert_error (*error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
  g_clear_error (error);
  cfut_task_set_result_int64 (task, n);
  return TRUE;
}

/* What is there beside the task itself is handed out, as it comes, and only then there is a deadlock. */
static void
test_stuck_in_own_group_at_last (void)
{
  g_autoptr (CfutFuture) future = NULL;
  CfutPromise *promises[20];
  Stuck stuck;

  stuck_begin (&stuck, cfut_thread_executor_new (2));
  for (guint i = 0; i < G_N_ELEMENTS (promises); i++)
    {
      promises[i] = cfut_promise_new ();
      cfut_group_add (stuck.group, cfut_promise_get_future (promises[i]));
    }
  future = stuck_run (&stuck, take_all_of_own_group);
  test_gate_wait_arrived (&stuck.gate, 1);
  for (guint i = 0; i < G_N_ELEMENTS (promises); i++)
    {
      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
      cfut_promise_resolve (promises[(i * 7) % G_N_ELEMENTS (promises)], NULL);
      g_object_unref (promises[(i * 7) % G_N_ELEMENTS (promises)]);
    }
  g_assert_cmpint (cfut_future_result_int64 (future, TEST_DEADLINE_USEC, NULL), ==,
                   G_N_ELEMENTS (promises));
  stuck_end (&stuck);
}

/* Whoever holds the group has something to add; when nobody does any more, there is a deadlock. */
static void
test_stuck_in_own_group_held (void)
{
  for (guint adds = 0; adds < 4; adds++)
    {
      g_autoptr (CfutFuture) future = NULL;
      Stuck stuck;

      stuck_begin (&stuck, cfut_thread_executor_new (1));
      cfut_group_hold (stuck.group);
      future = stuck_run (&stuck, take_all_of_own_group);
      test_gate_wait_arrived (&stuck.gate, 1);
      for (guint i = 0; i < adds; i++)
        {
          g_autoptr (CfutPromise) promise = cfut_promise_new ();

          cfut_group_add (stuck.group, cfut_promise_get_future (promise));
          cfut_promise_resolve (promise, NULL);
        }
      cfut_group_release (stuck.group);
      g_assert_cmpint (cfut_future_result_int64 (future, TEST_DEADLINE_USEC, NULL), ==, adds);
      stuck_end (&stuck);
    }
}

/* --- not yet --- */

static void
pass_gate (CfutFuture *settled,
           gpointer    gate)
{
  test_gate_pass (gate);
}

static gpointer
resolve_on_thread (gpointer promise)
{
  cfut_promise_resolve (promise, NULL);
  return NULL;
}

/* What has just settled, and what follows it has not yet, as a callback of the settling thread takes its time: that is
 * no reason to give up. */
static void
test_stuck_not_while_it_settles (void)
{
  static const CfutTaskFunc funcs[] = { wait_for_any_first, wait_for_any_last, wait_for_race_first,
                                        wait_for_race_last };

  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    {
      g_autoptr (CfutFuture) future = NULL;
      GThread *thread;
      TestGate callback;
      Stuck stuck;

      stuck_begin (&stuck, cfut_thread_executor_new (1));
      test_gate_init (&callback);
      future = stuck_run (&stuck, funcs[i]);
      test_gate_wait_arrived (&stuck.gate, 1);
      cfut_future_add_done_callback (cfut_promise_get_future (stuck.promise), CFUT_CALLBACK_DIRECT,
                                     pass_gate, &callback, NULL);
      thread = g_thread_new ("resolve", resolve_on_thread, stuck.promise);
      test_gate_wait_arrived (&callback, 1);
      g_assert_cmpint (cfut_future_get_state (stuck.waited), ==, CFUT_STATE_PENDING);
      g_assert_false (cfut_future_wait (future, 2000, NULL, NULL));
      test_gate_open (&callback);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      g_thread_join (thread);
      test_gate_clear (&callback);
      stuck_end (&stuck);
    }
}

/* --- maps --- */

typedef struct {
  CfutExecutor *executor;
  CfutMap *map;
  TestGate gate;
} OwnMap;

static gboolean
take_first (CfutTask  *task,
            gpointer   data,
            GError   **error)
{
  OwnMap *self = data;

  g_assert_null (cfut_map_next (self->map, -1, NULL, error));
  return FALSE;
}

static gboolean
item_has_itself_taken (CfutTask  *task,
                       guint64    index,
                       gpointer   user_data,
                       GError   **error)
{
  OwnMap *self = user_data;
  g_autoptr (CfutFuture) future = NULL;

  if (index > 0)
    return TRUE;

  test_gate_pass (&self->gate);
  future = cfut_executor_submit (self->executor, take_first, self, NULL);
  cfut_future_result (future, -1, error);
  return FALSE;
}

/* An item waits for a task, which is run inside of that wait, and takes the item from the map. */
static void
test_stuck_in_own_map (void)
{
  for (guint chunk = 1; chunk <= 4; chunk += 3)
    {
      g_autoptr (CfutRequest) request = g_object_new (CFUT_TYPE_REQUEST, "chunk-size", chunk, NULL);
      OwnMap own = { .executor = cfut_thread_executor_new (1) };
      g_autoptr (CfutFuture) failed = NULL;

      test_gate_init (&own.gate);
      own.map = cfut_executor_map (own.executor, request, 4, 0, item_has_itself_taken, &own, NULL);
      test_gate_open (&own.gate);
      failed = cfut_map_next (own.map, TEST_DEADLINE_USEC, NULL, NULL);
      test_assert_fails (failed, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
      test_assert_ends (own.executor);
      g_object_unref (own.map);
      g_object_unref (own.executor);
      test_gate_clear (&own.gate);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/nested-own/" name, test_stuck_##func)
  add ("6-for-oneself", for_oneself);
  add ("6-for-oneself-and-another", for_oneself_and_another);
  add ("6-by-a-chain", by_a_chain);
  add ("6-for-outer", for_outer);
  add ("6-in-own-group", in_own_group);
  add ("6-in-own-group-at-last", in_own_group_at_last);
  add ("6-in-own-group-held", in_own_group_held);
  add ("6-not-while-it-settles", not_while_it_settles);
  add ("6-in-own-map", in_own_map);
#undef add

  return g_test_run ();
}
