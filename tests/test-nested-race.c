/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Tasks that run inside of a wait, against what else takes them at the same time: the workers, the
 * end of a pause, a shutdown. Guarantee 6: each runs once, whoever is first. */

#include "test-util.h"

typedef struct {
  CfutExecutor *executor;
  TestPlace destroyed;
  int n_ran;           /* atomic */
  gboolean drops;
} Race;

static gboolean
count_run (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  g_atomic_int_inc (&((Race *) data)->n_ran);
  return TRUE;
}

static void
count_destroy (gpointer data)
{
  test_place_note (&((Race *) data)->destroyed);
}

static gboolean
submit_and_wait (CfutTask  *task,
                 gpointer   data,
                 GError   **error)
{
  Race *self = data;
  CfutFuture *futures[4];

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_submit (self->executor, count_run, self, count_destroy);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      /* The last reference of a waiter's, while a worker may hold the stale presence, or run it. */
      if (!self->drops || i % 2 == 0)
        cfut_future_wait (futures[i], -1, NULL, NULL);
      if (i % 3 == 1)
        cfut_future_set_priority (futures[i], -1);
      g_object_unref (futures[i]);
    }
  return TRUE;
}

/* Guarantee 6: the wait and a worker take the same task again and again, and the last reference
 * goes at any point: each runs once, and releases once. */
static void
test_nested_inline_races (void)
{
  for (guint max = 1; max <= 3; max++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (max);
      Race race = { .executor = executor };
      int n = 0;

      for (guint round = 0; round < 400; round++)
        {
          CfutFuture *futures[3];

          race.drops = round % 2;
          for (guint i = 0; i < G_N_ELEMENTS (futures); i++, n += 4)
            futures[i] = cfut_executor_submit (executor, submit_and_wait, &race, NULL);
          for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
            {
              test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
              g_object_unref (futures[i]);
            }
        }
      test_assert_ends (executor);
      g_assert_cmpint (race.n_ran, ==, n);
      test_iterate_until (NULL, test_place_get_n (&race.destroyed) == n);
      test_place_assert_here (&race.destroyed, n);
      g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, n + n / 4);
    }
}

/* Waits for it as soon as it is not paused any more. */
static gboolean
wait_for_resumed (CfutTask  *task,
                  gpointer   paused,
                  GError   **error)
{
  while (cfut_future_is_paused (paused))
    ;
  return cfut_future_wait (paused, -1, NULL, error);
}

/* Takes the future's lock again and again, so that others come into each other's way. */
static gpointer
look_at_priority (gpointer future)
{
  while (!cfut_future_is_settled (future))
    cfut_future_get_priority (future);
  return NULL;
}

/* A task that was set aside is resumed in the moment in which it is waited for: it runs, and its
 * place is not forgotten, which would keep the executor from ending. */
static void
test_nested_wait_for_what_is_resumed (void)
{
  for (guint round = 0; round < 100; round++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutFuture) paused = NULL;
      g_autoptr (CfutFuture) waiting = NULL;
      g_autoptr (CfutFuture) between = NULL;
      GThread *looks;
      TestGate gate;

      test_gate_init (&gate);
      g_object_unref (cfut_executor_submit (executor, test_task_pass, &gate, NULL));
      paused = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      cfut_future_pause (paused);
      between = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      test_gate_open (&gate);
      test_assert_settles (between, CFUT_STATE_RESOLVED);

      waiting = cfut_executor_submit (executor, wait_for_resumed, paused, NULL);
      looks = g_thread_new ("looks", look_at_priority, paused);
      test_poll_until (cfut_future_get_state (waiting) == CFUT_STATE_RUNNING);
      cfut_future_resume (paused);
      test_assert_settles (paused, CFUT_STATE_RESOLVED);
      test_assert_settles (waiting, CFUT_STATE_RESOLVED);
      g_thread_join (looks);
      test_assert_ends (executor);
      test_gate_clear (&gate);
    }
}

typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  gboolean told;  /* what the inner one's checkpoint says after the gate */
} Stopped;

static gboolean
pass_and_ask (CfutTask  *task,
              gpointer   data,
              GError   **error)
{
  Stopped *self = data;

  test_gate_pass (&self->gate);
  self->told = !cfut_task_checkpoint (task, NULL);
  return TRUE;
}

static gboolean
wait_inline (CfutTask  *task,
             gpointer   data,
             GError   **error)
{
  Stopped *self = data;
  g_autoptr (CfutFuture) inner = cfut_executor_submit (self->executor, pass_and_ask, self, NULL);

  return cfut_future_wait (inner, -1, NULL, error);
}

/* A shutdown that cancels what is pending does not ask a task to stop that a wait runs, though the
 * queue holds it still. */
static void
test_nested_is_not_pending (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) outer = NULL;
  Stopped stopped = { .executor = executor };

  test_gate_init (&stopped.gate);
  outer = cfut_executor_submit (executor, wait_inline, &stopped, NULL);
  test_gate_wait_arrived (&stopped.gate, 1);
  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_PENDING, 0, NULL));
  test_gate_open (&stopped.gate);
  test_assert_settles (outer, CFUT_STATE_RESOLVED);
  g_assert_false (stopped.told);
  test_assert_ends (executor);
  test_gate_clear (&stopped.gate);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/nested/" name, test_nested_##func)
  add ("6-inline-races", inline_races);
  add ("wait-for-what-is-resumed", wait_for_what_is_resumed);
  add ("is-not-pending", is_not_pending);
#undef add

  return g_test_run ();
}
