/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Waits of tasks that can never end, as what they hang on is the task itself, or tasks for which their pool has no
 * thread: DEADLOCK, and never where somebody else may end them. Guarantee 6. */

#include "test-util.h"

static void
assert_ends (CfutExecutor *executor)
{
  GError *error = NULL;

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  test_iterate_ready (NULL);
}

static CfutExecutor *
new_serial (guint max_workers)
{
  return g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", max_workers, "compensate", FALSE,
                       NULL);
}

static void
assert_deadlock (GError **error)
{
  g_assert_error (*error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
  g_clear_error (error);
}

static void
assert_times_out (GError **error)
{
  g_assert_error (*error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (error);
}

static CfutFuture *
give_again (CfutFuture  *settled,
            gpointer     user_data,
            GError     **error)
{
  return g_object_ref (user_data != NULL ? user_data : (gpointer) settled);
}

static void
count_call (CfutFuture *settled,
            gpointer    n_calls)
{
  (*(int *) n_calls)++;
}

/* Runs @func as a task, while the promise and the loop are the test's. */
typedef struct {
  CfutExecutor *executor;
  CfutPromise *promise;
  CfutGroup *group;
  TestGate gate;          /* of the task: it has made what it waits for */
  CfutFuture *waited;     /* what that is */
  CfutFuture *own;        /* (nullable): queued in the executor */
  int n_refused;          /* atomic: waits */
} Stuck;

static void
stuck_begin (Stuck        *self,
             CfutExecutor *executor)
{
  memset (self, 0, sizeof (*self));
  self->executor = executor;
  self->promise = cfut_promise_new ();
  self->group = cfut_group_new ();
  test_gate_init (&self->gate);
}

static void
stuck_end (Stuck *self)
{
  g_autoptr (GError) seen = NULL;

  if (self->waited != NULL)
    seen = cfut_future_dup_error (self->waited);
  cfut_future_cancel (cfut_promise_get_future (self->promise));
  assert_ends (self->executor);
  g_clear_object (&self->waited);
  g_clear_object (&self->own);
  g_object_unref (self->promise);
  g_object_unref (self->group);
  g_object_unref (self->executor);
  test_iterate_ready (NULL);
  test_gate_clear (&self->gate);
}

static CfutFuture *
stuck_run (Stuck        *self,
           CfutTaskFunc  func)
{
  return cfut_executor_submit (self->executor, func, self, NULL);
}

/* --- for the task itself --- */

/* In each way in which a future can be made of others, and in all of them at once. */
#define N_WAYS 6

static CfutFuture *
make_of (CfutFuture *future,
         guint       way)
{
  g_autoptr (CfutFuture) one = NULL;
  g_autoptr (CfutFuture) two = NULL;
  g_autoptr (CfutFuture) three = NULL;

  switch (way)
    {
    case 0:
      return cfut_future_all (&future, 1);
    case 1:
      return cfut_future_any (&future, 1);
    case 2:
      return cfut_future_race (&future, 1);
    case 3:
      return cfut_future_chain (future, give_again, NULL, NULL);
    case 4:
      return cfut_future_recover (future, give_again, NULL, NULL);
    default:
      one = cfut_future_all (&future, 1);
      two = cfut_future_chain (one, give_again, NULL, NULL);
      three = cfut_future_any ((CfutFuture *[]) { two, one, future }, 3);
      return cfut_future_race ((CfutFuture *[]) { three, two }, 2);
    }
}

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

/* --- for the tasks of a pool that may not grow --- */

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
      assert_ends (own.executor);
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

#define add(name, func) g_test_add_func ("/cfut/nested-stuck/" name, test_stuck_##func)
  add ("6-for-oneself", for_oneself);
  add ("6-for-oneself-and-another", for_oneself_and_another);
  add ("6-by-a-chain", by_a_chain);
  add ("6-for-outer", for_outer);
  add ("6-in-own-group", in_own_group);
  add ("6-in-own-group-at-last", in_own_group_at_last);
  add ("6-in-own-group-held", in_own_group_held);
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
  add ("6-not-while-it-settles", not_while_it_settles);
  add ("6-in-own-map", in_own_map);
#undef add

  return g_test_run ();
}
