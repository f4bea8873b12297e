/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Waits of tasks in pools that may not grow, for tasks of the same pool, directly or for what is made of them:
 * DEADLOCK where no thread is left, and never where there is one, or where somebody else may end them. Guarantee 6. */

#include "test-stuck-util.h"

static gboolean
use_group_of_own (CfutTask  *task,
                  gpointer   data,
                  GError   **error)
{
  Stuck *self = data;
  g_autoptr (CfutFuture) one = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
  g_autoptr (CfutFuture) two = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
  g_autoptr (CfutFuture) chained = cfut_future_chain (two, give_again, NULL, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) problem = NULL;

  cfut_group_add (self->group, one);
  cfut_group_add (self->group, chained);
  for (guint when = CFUT_RETURN_WHEN_ALL_COMPLETED; when <= CFUT_RETURN_WHEN_FIRST_FAILURE; when++)
    {
      g_assert_false (cfut_group_wait (self->group, when, -1, NULL, &problem));
      assert_deadlock (&problem);
      g_assert_false (cfut_group_wait (self->group, when, 100, NULL, &problem));
      assert_times_out (&problem);
    }
  g_assert_null (cfut_group_next (self->group, -1, NULL, &problem));
  assert_deadlock (&problem);
  for (guint way = 0; way < N_WAYS; way++)
    {
      g_autoptr (CfutFuture) made = make_of (one, way);

      g_assert_false (cfut_future_wait (made, -1, NULL, &problem));
      assert_deadlock (&problem);
      g_assert_false (cfut_future_wait (made, 100, NULL, &problem));
      assert_times_out (&problem);
    }
  return TRUE;
}

/* Of a pool of one: groups of its queued tasks, and what is made of them. A wait with a limit ends by that. */
static void
test_stuck_on_a_serial_pool (void)
{
  g_autoptr (CfutFuture) future = NULL;
  Stuck stuck;

  stuck_begin (&stuck, new_serial (1));
  future = stuck_run (&stuck, use_group_of_own);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  stuck_end (&stuck);
}

static gboolean
wait_for_own_and_another (CfutTask  *task,
                          gpointer   data,
                          GError   **error)
{
  Stuck *self = data;
  g_autoptr (GError) problem = NULL;
  CfutFuture *futures[2];
  g_autoptr (CfutFuture) all = NULL;

  self->own = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
  cfut_group_add (self->group, self->own);
  cfut_group_add (self->group, cfut_promise_get_future (self->promise));
  futures[0] = self->own;
  futures[1] = cfut_promise_get_future (self->promise);
  all = cfut_future_all (futures, 2);
  test_gate_arrive (&self->gate);
  if (!cfut_group_wait (self->group, CFUT_RETURN_WHEN_FIRST_COMPLETED, -1, NULL, error))
    return FALSE;

  g_assert_false (cfut_future_wait (all, -1, NULL, &problem));
  assert_deadlock (&problem);
  return cfut_group_wait (self->group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, error);
}

/* A promise beside them may end the wait for the first; once it has not, there is a deadlock. */
static void
test_stuck_on_a_serial_pool_and_another (void)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (CfutFuture) future = NULL;
      Stuck stuck;

      stuck_begin (&stuck, new_serial (1));
      future = stuck_run (&stuck, wait_for_own_and_another);
      test_gate_wait_arrived (&stuck.gate, 1);
      cfut_promise_resolve (stuck.promise, NULL);
      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
      stuck_end (&stuck);
    }
}

static gboolean
wait_for_all_of_own (CfutTask  *task,
                     gpointer   data,
                     GError   **error)
{
  Stuck *self = data;
  g_autoptr (CfutFuture) own = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
  g_autoptr (CfutFuture) chained = cfut_future_always (own, give_again, NULL, NULL);
  CfutFuture *futures[2] = { own, cfut_promise_get_future (self->promise) };

  self->waited = cfut_future_all (futures, 2);
  test_gate_arrive (&self->gate);
  return cfut_future_wait (self->waited, -1, NULL, error);
}

/* The same for a future that is made of them, which is settled by what is not the pool's. */
static void
test_stuck_on_a_serial_pool_ended (void)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  g_autoptr (CfutFuture) future = NULL;
  Stuck stuck;

  stuck_begin (&stuck, new_serial (1));
  future = stuck_run (&stuck, wait_for_all_of_own);
  test_gate_wait_arrived (&stuck.gate, 1);
  cfut_promise_reject (stuck.promise, error);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  test_assert_settles (stuck.waited, CFUT_STATE_REJECTED);
  stuck_end (&stuck);
}

typedef struct {
  Stuck stuck;
  int n_waits;       /* atomic: done so far */
  int n_deadlocks;   /* atomic */
} Crowd;

/* Waits in one of all ways for tasks of its own pool. */
static gboolean
wait_somehow (Crowd  *self,
              guint   way,
              GError **error)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutFuture) all = NULL;
  CfutFuture *own[5];
  gboolean ended;

  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    {
      own[i] = cfut_executor_submit (self->stuck.executor, test_task_nothing, NULL, NULL);
      cfut_group_add (group, own[i]);
    }
  all = cfut_future_all (own, G_N_ELEMENTS (own));

  switch (way % 4)
    {
    case 0:
      ended = cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, error);
      break;
    case 1:
      ended = cfut_future_wait (all, -1, NULL, error);
      break;
    case 2:
      ended = cfut_future_wait (own[0], -1, NULL, error);
      break;
    default:
      {
        CfutFuture *next;

        while ((next = cfut_group_next (group, -1, NULL, error)) != NULL)
          g_object_unref (next);
        ended = error == NULL || *error == NULL;
      }
    }

  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    g_object_unref (own[i]);
  g_atomic_int_inc (&self->n_waits);
  return ended;
}

static gboolean
wait_often (CfutTask  *task,
            gpointer   data,
            GError   **error)
{
  Crowd *self = data;

  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (GError) problem = NULL;

      if (!wait_somehow (self, i + GPOINTER_TO_UINT (task) / 64, &problem))
        {
          assert_deadlock (&problem);
          g_atomic_int_inc (&self->n_deadlocks);
        }
    }
  return TRUE;
}

/* As long as a thread is left there is no deadlock, in whatever order threads begin to wait, and wake. */
static void
test_stuck_not_with_a_thread_left (void)
{
  for (guint max = 2; max <= 4; max++)
    {
      CfutFuture *futures[3];
      Crowd crowd = { .n_waits = 0 };

      stuck_begin (&crowd.stuck, new_serial (max));
      for (guint i = 0; i < max - 1; i++)
        futures[i] = cfut_executor_submit (crowd.stuck.executor, wait_often, &crowd, NULL);
      for (guint i = 0; i < max - 1; i++)
        {
          test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
          g_object_unref (futures[i]);
        }
      g_assert_cmpint (crowd.n_waits, ==, 100 * (int) (max - 1));
      g_assert_cmpint (crowd.n_deadlocks, ==, 0);
      stuck_end (&crowd.stuck);
    }
}

/* With as many tasks that wait as there are threads, and more, some are told, and none hangs. */
static void
test_stuck_some_of_many (void)
{
  for (guint max = 1; max <= 3; max++)
    {
      CfutFuture *futures[6];
      Crowd crowd = { .n_waits = 0 };

      stuck_begin (&crowd.stuck, new_serial (max));
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        futures[i] = cfut_executor_submit (crowd.stuck.executor, wait_often, &crowd, NULL);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
          g_object_unref (futures[i]);
        }
      g_assert_cmpint (crowd.n_waits, ==, 600);
      if (max == 1)
        g_assert_cmpint (crowd.n_deadlocks, ==, 600);
      stuck_end (&crowd.stuck);
    }
}

static gboolean
wait_for_first_of_group (CfutTask  *task,
                         gpointer   data,
                         GError   **error)
{
  Stuck *self = data;

  self->own = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
  cfut_group_add (self->group, self->own);
  test_gate_arrive (&self->gate);
  return cfut_group_wait (self->group, CFUT_RETURN_WHEN_FIRST_COMPLETED, -1, NULL, error);
}

static gboolean
wait_as_soon_as_possible (CfutTask  *task,
                          gpointer   data,
                          GError   **error)
{
  Stuck *self = data;
  g_autoptr (CfutFuture) own = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);

  test_gate_pass (&self->gate);
  while (!cfut_future_wait (own, -1, NULL, error))
    {
      g_assert_error (*error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
      g_clear_error (error);
      g_atomic_int_inc (&self->n_refused);
      g_thread_yield ();
    }
  return TRUE;
}

/* It has not begun to wait again for a while: it waits. */
static gboolean
is_quiet (Stuck *self,
          int   *n_before,
          guint *n_looks)
{
  int n = g_atomic_int_get (&self->n_refused);

  if (n != *n_before)
    *n_looks = 0;
  *n_before = n;
  return ++*n_looks > 20;
}

/* Two threads: one waits for a group of the pool's tasks, to which something else is added then. It is not one of those
 * that wait for the pool any more, so that the other may wait for it. */
static void
test_stuck_not_when_added_to (void)
{
  g_autoptr (CfutFuture) first = NULL;
  g_autoptr (CfutFuture) second = NULL;
  int n_before = -1;
  guint n_looks = 0;
  Stuck stuck;

  stuck_begin (&stuck, new_serial (2));
  second = stuck_run (&stuck, wait_as_soon_as_possible);
  test_gate_wait_arrived (&stuck.gate, 1);
  first = stuck_run (&stuck, wait_for_first_of_group);
  test_gate_wait_arrived (&stuck.gate, 2);
  cfut_group_add (stuck.group, cfut_promise_get_future (stuck.promise));
  test_gate_open (&stuck.gate);
  test_poll_until (is_quiet (&stuck, &n_before, &n_looks));
  cfut_promise_resolve (stuck.promise, NULL);
  test_assert_settles (first, CFUT_STATE_RESOLVED);
  test_assert_settles (second, CFUT_STATE_RESOLVED);
  stuck_end (&stuck);
}

/* What one of two threads waits for: in the end a promise, to which a chain goes on. */
typedef struct {
  Stuck stuck;
  TestGate runs;       /* of the pool's own task */
  CfutFuture *chained;
} Chained;

static gboolean
wait_for_chained (CfutTask  *task,
                  gpointer   data,
                  GError   **error)
{
  Chained *self = data;

  test_gate_arrive (&self->stuck.gate);
  return cfut_future_wait (self->chained, -1, NULL, error);
}

/* Two threads: one waits for a chain behind a task that the other has run, and which has a function to be called by
 * the loop: from that moment on it does not wait for the pool, and still not when that has given a promise. */
static void
test_stuck_not_behind_a_chain (void)
{
  for (guint calls = 0; calls < 2; calls++)
    {
      g_autoptr (CfutFuture) own = NULL;
      g_autoptr (CfutFuture) first = NULL;
      g_autoptr (CfutFuture) second = NULL;
      Chained chained = { .chained = NULL };
      Stuck *stuck = &chained.stuck;
      int n_before = -1;
      guint n_looks = 0;
      int n_called = 0;

      stuck_begin (stuck, new_serial (2));
      test_gate_init (&chained.runs);
      own = cfut_executor_submit (stuck->executor, test_task_pass, &chained.runs, NULL);
      chained.chained = cfut_future_chain (own, give_again, cfut_promise_get_future (stuck->promise),
                                           NULL);
      test_gate_wait_arrived (&chained.runs, 1);
      first = cfut_executor_submit (stuck->executor, wait_for_chained, &chained, NULL);
      test_gate_wait_arrived (&stuck->gate, 1);
      second = stuck_run (stuck, wait_as_soon_as_possible);
      cfut_future_add_done_callback (own, CFUT_CALLBACK_DEFAULT, count_call, &n_called, NULL);
      test_gate_open (&chained.runs);
      test_gate_open (&stuck->gate);
      if (calls)
        test_iterate_until (NULL, n_called > 0);
      test_poll_until (is_quiet (stuck, &n_before, &n_looks));
      cfut_promise_resolve (stuck->promise, NULL);
      test_iterate_until (NULL, cfut_future_is_settled (first));
      test_assert_settles (first, CFUT_STATE_RESOLVED);
      test_assert_settles (second, CFUT_STATE_RESOLVED);
      g_object_unref (chained.chained);
      test_gate_clear (&chained.runs);
      stuck_end (stuck);
    }
}

static gboolean
wait_for_group_of_gated (CfutTask  *task,
                         gpointer   data,
                         GError   **error)
{
  Stuck *self = data;
  g_autoptr (CfutFuture) gated = cfut_executor_submit (self->executor, test_task_pass, &self->gate,
                                                       NULL);

  cfut_group_add (self->group, gated);
  return cfut_group_wait (self->group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, error);
}

static gboolean
wait_for_own (CfutTask  *task,
              gpointer   executor,
              GError   **error)
{
  g_autoptr (CfutFuture) own = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);

  return cfut_future_wait (own, -1, NULL, error);
}

/* Who waits for a group that has just come to its end is about to wake, and is in nobody else's way who begins to
 * wait. */
static void
test_stuck_not_by_sleepers (void)
{
  for (guint round = 0; round < 200; round++)
    {
      g_autoptr (CfutFuture) first = NULL;
      g_autoptr (CfutFuture) next = NULL;
      Stuck stuck;

      stuck_begin (&stuck, new_serial (2));
      first = stuck_run (&stuck, wait_for_group_of_gated);
      test_gate_wait_arrived (&stuck.gate, 1);
      next = cfut_executor_submit (stuck.executor, wait_for_own, stuck.executor, NULL);
      test_gate_open (&stuck.gate);
      test_assert_settles (first, CFUT_STATE_RESOLVED);
      test_assert_settles (next, CFUT_STATE_RESOLVED);
      stuck_end (&stuck);
    }
}

/* The same for a chain whose function has come due. */
static void
test_stuck_not_by_sleepers_behind_chains (void)
{
  for (guint round = 0; round < 200; round++)
    {
      g_autoptr (CfutFuture) own = NULL;
      g_autoptr (CfutFuture) first = NULL;
      g_autoptr (CfutFuture) next = NULL;
      Chained chained = { .chained = NULL };
      Stuck *stuck = &chained.stuck;

      stuck_begin (stuck, new_serial (2));
      test_gate_init (&chained.runs);
      own = cfut_executor_submit (stuck->executor, test_task_pass, &chained.runs, NULL);
      chained.chained = cfut_future_chain (own, give_again, NULL, NULL);
      test_gate_wait_arrived (&chained.runs, 1);
      first = cfut_executor_submit (stuck->executor, wait_for_chained, &chained, NULL);
      test_gate_wait_arrived (&stuck->gate, 1);
      next = cfut_executor_submit (stuck->executor, wait_for_own, stuck->executor, NULL);
      test_gate_open (&chained.runs);
      test_iterate_until (NULL, cfut_future_is_settled (first));
      test_assert_settles (first, CFUT_STATE_RESOLVED);
      test_assert_settles (next, CFUT_STATE_RESOLVED);
      g_object_unref (chained.chained);
      test_gate_clear (&chained.runs);
      stuck_end (stuck);
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

/* When whoever waits for that has had time to fall asleep. */
static CfutFuture *
give_later (CfutFuture  *settled,
            gpointer     future,
            GError     **error)
{
  guint n_looks = 0;

  test_poll_until (++n_looks > 20);
  return g_object_ref (future);
}

/* A chain goes on with a task of the pool, for which there is no thread: who waits for it is told then. */
static void
test_stuck_on_a_serial_pool_by_a_chain (void)
{
  g_autoptr (CfutFuture) first = NULL;
  g_autoptr (CfutFuture) own = NULL;
  Chained chained = { .chained = NULL };
  Stuck *stuck = &chained.stuck;

  stuck_begin (stuck, new_serial (1));
  test_gate_init (&chained.runs);
  first = cfut_executor_submit (stuck->executor, wait_for_what_is_chained, stuck, NULL);
  own = cfut_executor_submit (stuck->executor, test_task_nothing, NULL, NULL);
  stuck->waited = cfut_future_chain (cfut_promise_get_future (stuck->promise), give_later, own, NULL);
  test_gate_open (&stuck->gate);
  cfut_promise_resolve (stuck->promise, NULL);
  test_iterate_until (NULL, cfut_future_is_settled (first));
  test_assert_fails (first, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
  test_assert_settles (stuck->waited, CFUT_STATE_RESOLVED);
  test_gate_clear (&chained.runs);
  stuck_end (stuck);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/nested-serial/" name, test_stuck_##func)
  add ("6-on-a-serial-pool", on_a_serial_pool);
  add ("6-on-a-serial-pool-and-another", on_a_serial_pool_and_another);
  add ("6-on-a-serial-pool-ended", on_a_serial_pool_ended);
  add ("6-not-with-a-thread-left", not_with_a_thread_left);
  add ("6-some-of-many", some_of_many);
  add ("6-not-when-added-to", not_when_added_to);
  add ("6-not-behind-a-chain", not_behind_a_chain);
  add ("6-not-by-sleepers", not_by_sleepers);
  add ("6-not-by-sleepers-behind-chains", not_by_sleepers_behind_chains);
  add ("6-on-a-serial-pool-by-a-chain", on_a_serial_pool_by_a_chain);
#undef add

  return g_test_run ();
}
