/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Blocking waits for chains on the thread that is to call their functions: it calls them inside the wait, and
 * other waits do not. */

#include "test-chain-util.h"

static gpointer
open_gate (gpointer gate)
{
  test_gate_wait_arrived (gate, 1);
  test_gate_open (gate);
  return NULL;
}

typedef struct {
  CfutFuture *future;
  CfutFuture *chained;
  Step step;
} Elsewhere;

static void
chain_here (gpointer data)
{
  Elsewhere *elsewhere = data;

  elsewhere->chained =
    cfut_future_chain (elsewhere->future, step_func, &elsewhere->step, step_destroy);
}

static gpointer
settle_on_thread (gpointer promise)
{
  cfut_promise_resolve_int64 (promise, 1);
  return NULL;
}

/* Guarantee 2 and the help of a wait: where no loop runs, the thread that owns the chain calls the functions inside
 * its wait for it, in order, and the data is destroyed there. */
static void
test_chain_wait_calls_without_a_loop (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint i = 0; i < 200; i++)
    {
      TestGate gate;
      Step steps[3] = { { NULL, }, { NULL, }, { NULL, } };
      g_autoptr (CfutFuture) task = NULL;
      g_autoptr (CfutFuture) number = NULL;
      g_autoptr (CfutFuture) first = NULL;
      g_autoptr (CfutFuture) second = NULL;
      g_autoptr (CfutFuture) third = NULL;
      g_autoptr (CfutFuture) all = NULL;

      test_gate_init (&gate);
      task = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
      number = cfut_executor_submit (executor, test_task_number, GINT_TO_POINTER (7), NULL);
      steps[0].code = G_IO_ERROR_BUSY;
      steps[1].inner = number;
      steps[2].inner = number;
      first = cfut_future_chain (task, step_func, &steps[0], step_destroy);
      second = cfut_future_recover (first, step_func, &steps[1], step_destroy);
      third = cfut_future_always (second, step_func, &steps[2], step_destroy);
      all = cfut_future_all (&third, 1);
      if (i % 2 == 0)
        test_gate_open (&gate);
      else
        g_thread_unref (g_thread_new ("opener", open_gate, &gate));
      test_assert_settles (i % 4 < 2 ? all : third, CFUT_STATE_RESOLVED);
      g_assert_cmpint (cfut_future_result_int64 (third, 0, NULL), ==, 7);
      for (guint j = 0; j < 3; j++)
        {
          g_assert_cmpint (test_place_get_n (&steps[j].called), ==, 1);
          g_assert_true (steps[j].called.thread == g_thread_self ());
          g_assert_true (steps[j].destroyed.thread == g_thread_self ());
          g_assert_cmpint (test_place_get_n (&steps[j].destroyed), ==, 1);
        }
      test_gate_clear (&gate);
    }
}

/* A wait for something else calls nothing, however long the function is due; nor does one that ended early leave
 * anything behind that does. */
static void
test_chain_other_waits_call_nothing (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  Step step = { .inner = cfut_promise_get_future (promise) };
  g_autoptr (CfutFuture) chained =
    cfut_future_chain (cfut_promise_get_future (promise), step_func, &step, step_destroy);
  g_autoptr (GError) error = NULL;

  g_assert_false (cfut_future_wait (chained, 1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  cfut_promise_resolve_int64 (promise, 1);
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (CfutFuture) other = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      g_autoptr (CfutFuture) all = cfut_future_all (&other, 1);

      test_assert_settles (all, CFUT_STATE_RESOLVED);
      g_assert_false (cfut_future_wait (chained, 0, NULL, NULL));
    }
  g_assert_cmpint (test_place_get_n (&step.called), ==, 0);
  test_assert_settles (chained, CFUT_STATE_RESOLVED);
  g_assert_cmpint (test_place_get_n (&step.called), ==, 1);
}

/* It is found behind any number of futures that wait for a loop. */
static void
test_chain_wait_finds_what_is_kept (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (CfutFuture) chained = NULL;
  Step step = { NULL, };

  for (guint i = 0; i < 3000; i++)
    {
      g_ptr_array_add (held, cfut_executor_submit (executor, test_task_nothing, NULL, NULL));
      if (i == 1500)
        {
          step.inner = held->pdata[i];
          chained = cfut_future_chain (held->pdata[i], step_func, &step, step_destroy);
        }
      test_assert_settles (held->pdata[i], CFUT_STATE_RESOLVED);
    }
  g_assert_cmpint (test_place_get_n (&step.called), ==, 0);
  test_assert_settles (chained, CFUT_STATE_RESOLVED);
  g_assert_cmpint (test_place_get_n (&step.called), ==, 1);
  g_assert_cmpint (test_place_get_n (&step.destroyed), ==, 1);
}

/* Inside a callback of the main loop, which is held up by the wait. */
static gboolean
wait_in_loop (gpointer data)
{
  Elsewhere *elsewhere = data;

  chain_here (elsewhere);
  test_assert_settles (elsewhere->chained, CFUT_STATE_RESOLVED);
  g_assert_true (elsewhere->step.called.thread == g_thread_self ());
  return G_SOURCE_REMOVE;
}

static void
test_chain_wait_inside_the_loop (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint i = 0; i < 100; i++)
    {
      TestGate gate;
      Elsewhere elsewhere = { NULL, };

      test_gate_init (&gate);
      elsewhere.future = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
      elsewhere.step.inner = elsewhere.future;
      if (i % 2 == 0)
        test_gate_open (&gate);
      else
        g_thread_unref (g_thread_new ("opener", open_gate, &gate));
      g_idle_add (wait_in_loop, &elsewhere);
      test_iterate_until (NULL, test_place_get_n (&elsewhere.step.destroyed) == 1);
      g_assert_cmpint (test_place_get_n (&elsewhere.step.called), ==, 1);
      g_object_unref (elsewhere.future);
      g_object_unref (elsewhere.chained);
      test_gate_clear (&gate);
    }
}

static CfutFuture *
submit_func (CfutFuture  *settled,
             gpointer     user_data,
             GError     **error)
{
  gpointer *data = user_data;
  int *left = data[1];
  g_autoptr (CfutFuture) next = cfut_executor_submit (data[0], test_task_number, GINT_TO_POINTER (*left), NULL);

  if (--*left == 0)
    return g_steal_pointer (&next);
  return cfut_future_chain (next, submit_func, data, NULL);
}

/* What the functions return is helped along too, steps that run elsewhere in between. */
static void
test_chain_wait_goes_on_with_what_is_returned (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  int left = 500;
  gpointer data[] = { executor, &left };
  g_autoptr (CfutFuture) task = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  g_autoptr (CfutFuture) chained = cfut_future_chain (task, submit_func, data, NULL);

  test_assert_settles (chained, CFUT_STATE_RESOLVED);
  g_assert_cmpint (cfut_future_result_int64 (chained, 0, NULL), ==, 1);
  g_assert_cmpint (left, ==, 0);
}

/* A function waits for another chain itself, and that for a third. */
static CfutFuture *
waiting_func (CfutFuture  *settled,
              gpointer     depth,
              GError     **error)
{
  g_autoptr (CfutFuture) chained = NULL;

  if (GPOINTER_TO_INT (depth) == 0)
    return g_object_ref (settled);

  chained = cfut_future_chain (settled, waiting_func, GINT_TO_POINTER (GPOINTER_TO_INT (depth) - 1), NULL);
  test_assert_settles (chained, CFUT_STATE_RESOLVED);
  return g_steal_pointer (&chained);
}

static void
test_chain_wait_inside_a_function (void)
{
  for (guint in_loop = 0; in_loop < 2; in_loop++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      g_autoptr (CfutFuture) chained =
        cfut_future_chain (cfut_promise_get_future (promise), waiting_func, GINT_TO_POINTER (20), NULL);

      cfut_promise_resolve_int64 (promise, 5);
      if (in_loop)
        test_iterate_until (NULL, cfut_future_is_settled (chained));
      test_assert_settles (chained, CFUT_STATE_RESOLVED);
      g_assert_cmpint (cfut_future_result_int64 (chained, 0, NULL), ==, 5);
    }
}

/* An inner wait for the same chain that ends early leaves it to the outer one. */
static CfutFuture *
impatient_func (CfutFuture  *settled,
                gpointer     user_data,
                GError     **error)
{
  gpointer *data = user_data;

  g_assert_false (cfut_future_wait (data[0], 1, NULL, NULL));
  cfut_promise_resolve_int64 (data[1], 1);
  return g_object_ref (settled);
}

static void
test_chain_wait_inside_for_the_same (void)
{
  g_autoptr (CfutPromise) first = cfut_promise_new ();
  g_autoptr (CfutPromise) second = cfut_promise_new ();
  gpointer data[] = { NULL, second };
  g_autoptr (CfutFuture) impatient =
    cfut_future_chain (cfut_promise_get_future (first), impatient_func, data, NULL);
  g_autoptr (CfutFuture) other =
    cfut_future_chain (cfut_promise_get_future (second), pass_func, NULL, NULL);
  CfutFuture *both[] = { other, impatient };
  g_autoptr (CfutFuture) all = cfut_future_all (both, 2);

  data[0] = other;
  cfut_promise_resolve_int64 (first, 1);
  test_assert_settles (all, CFUT_STATE_RESOLVED);
}

static gpointer
wait_for_a_row (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  CfutPromise *promise = data;
  g_autoptr (CfutFuture) last = g_object_ref (cfut_promise_get_future (promise));
  int n_calls = 0;

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < N_LONG; i++)
    {
      CfutFuture *before = last;

      last = cfut_future_chain (before, pass_func, &n_calls, NULL);
      g_object_unref (before);
    }
  g_thread_unref (g_thread_new ("settler", settle_on_thread, promise));
  test_assert_settles (last, CFUT_STATE_RESOLVED);
  g_assert_cmpint (n_calls, ==, N_LONG);
  g_clear_object (&last);
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* A long row is called through in one wait, on a thread whose context nobody runs. */
static void
test_chain_wait_for_a_long_row (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  g_thread_join (g_thread_new ("waiter", wait_for_a_row, promise));
}

/* A group's waits are waits for what is in it. */
static void
test_chain_wait_for_a_group (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint next = 0; next < 2; next++)
    {
      TestGate gate;
      g_autoptr (CfutGroup) group = cfut_group_new ();
      Step steps[20];
      guint n_next = 0;

      test_gate_init (&gate);
      for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
        {
          g_autoptr (CfutFuture) task = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
          g_autoptr (CfutFuture) chained = NULL;

          steps[i] = (Step) { .inner = task };
          chained = cfut_future_chain (task, step_func, &steps[i], step_destroy);
          cfut_group_add (group, chained);
        }
      g_thread_unref (g_thread_new ("opener", open_gate, &gate));
      if (next)
        {
          CfutFuture *future;

          while ((future = cfut_group_next (group, -1, NULL, NULL)) != NULL)
            {
              n_next++;
              g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RESOLVED);
              g_object_unref (future);
            }
          g_assert_cmpuint (n_next, ==, G_N_ELEMENTS (steps));
        }
      else
        {
          g_assert_true (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, NULL));
        }
      for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
        {
          g_assert_cmpint (test_place_get_n (&steps[i].called), ==, 1);
          g_assert_true (steps[i].called.thread == g_thread_self ());
        }
      test_gate_clear (&gate);
    }
}

static gboolean
add_chain (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  gpointer *data = user_data;
  g_autoptr (CfutFuture) chained = cfut_future_chain (data[1], pass_func, NULL, NULL);

  cfut_group_add (data[0], chained);
  cfut_group_release (data[0]);
  return TRUE;
}

/* What joins a group while its thread waits is helped along too. */
static void
test_chain_wait_for_what_joins (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      gpointer data[] = { group, cfut_promise_get_future (promise) };
      g_autoptr (CfutFuture) task = NULL;
      g_autoptr (CfutFuture) first = NULL;
      g_autoptr (CfutFuture) second = NULL;

      cfut_promise_resolve_int64 (promise, 1);
      cfut_group_hold (group);
      task = cfut_executor_submit (executor, add_chain, data, NULL);
      first = cfut_group_next (group, -1, NULL, NULL);
      g_assert_nonnull (first);
      second = cfut_group_next (group, -1, NULL, NULL);
      g_assert_null (second);
      test_assert_settles (task, CFUT_STATE_RESOLVED);
    }
}

/* In a task, where the function belongs to the thread that waits for the task. */
static gboolean
wait_for_own_chain (CfutTask  *task,
                    gpointer   user_data,
                    GError   **error)
{
  gpointer *data = user_data;
  g_autoptr (CfutFuture) first = cfut_future_chain (data[0], pass_func, data[2], NULL);
  g_autoptr (CfutFuture) second = cfut_future_chain (first, waiting_func, GINT_TO_POINTER (3), NULL);
  g_autoptr (CfutGroup) group = cfut_group_new ();

  if (data[1] == NULL)
    return cfut_future_wait (second, -1, NULL, error);
  cfut_group_add (group, second);
  return cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, error);
}

static gboolean
wait_for_waiting_task (gpointer user_data)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      int n_calls = 0;
      gpointer data[] = { cfut_promise_get_future (promise), i % 2 == 0 ? NULL : data, &n_calls };
      g_autoptr (CfutFuture) task = cfut_executor_submit (executor, wait_for_own_chain, data, NULL);
      g_autoptr (GThread) settler = NULL;

      if (i % 4 < 2)
        cfut_promise_resolve_int64 (promise, 1);
      else
        settler = g_thread_new ("settler", settle_on_thread, promise);
      test_assert_settles (task, CFUT_STATE_RESOLVED);
      g_assert_cmpint (n_calls, ==, 1);
      if (settler != NULL)
        g_thread_join (g_steal_pointer (&settler));
    }
  test_place_note (user_data);
  return G_SOURCE_REMOVE;
}

/* A task waits for a chain that it made: its submitter's thread calls the function inside its own wait, be that in a
 * callback of its loop or without any. */
static void
test_chain_wait_in_a_task (void)
{
  TestPlace waited = { NULL, };

  wait_for_waiting_task (&waited);
  g_idle_add (wait_for_waiting_task, &waited);
  test_iterate_until (NULL, test_place_get_n (&waited) == 2);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/chain-wait/calls-without-a-loop", test_chain_wait_calls_without_a_loop);
  g_test_add_func ("/cfut/chain-wait/others-call-nothing", test_chain_other_waits_call_nothing);
  g_test_add_func ("/cfut/chain-wait/finds-what-is-kept", test_chain_wait_finds_what_is_kept);
  g_test_add_func ("/cfut/chain-wait/inside-the-loop", test_chain_wait_inside_the_loop);
  g_test_add_func ("/cfut/chain-wait/goes-on-with-what-is-returned",
                   test_chain_wait_goes_on_with_what_is_returned);
  g_test_add_func ("/cfut/chain-wait/inside-a-function", test_chain_wait_inside_a_function);
  g_test_add_func ("/cfut/chain-wait/inside-for-the-same", test_chain_wait_inside_for_the_same);
  g_test_add_func ("/cfut/chain-wait/for-a-group", test_chain_wait_for_a_group);
  g_test_add_func ("/cfut/chain-wait/for-what-joins-a-group", test_chain_wait_for_what_joins);
  g_test_add_func ("/cfut/chain-wait/in-a-task", test_chain_wait_in_a_task);
  g_test_add_func ("/cfut/chain-wait/for-a-long-row", test_chain_wait_for_a_long_row);

  return g_test_run ();
}
