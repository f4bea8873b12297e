/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Tasks that wait for tasks, on threads of the same executor and of others. Guarantee 6: such waits
 * never deadlock a pool that may grow, and one that may not says so. */

#include "test-util.h"

static guint
n_threads (CfutExecutor *executor)
{
  return cfut_thread_executor_get_n_threads (CFUT_THREAD_EXECUTOR (executor));
}

static CfutExecutor *
new_serial (guint max_workers)
{
  return g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", max_workers, "compensate", FALSE,
                       NULL);
}

/* --- inline --- */

typedef struct {
  CfutExecutor *executor;
  GThread *outer;
  GThread *inner;
  guint64 n_pending;  /* as the inner one sees it */
  guint64 n_running;
} Pair;

static gboolean
run_inner (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Pair *self = data;

  self->inner = g_thread_self ();
  self->n_pending = cfut_executor_get_n_pending (self->executor);
  self->n_running = cfut_executor_get_n_running (self->executor);
  cfut_task_set_result_int64 (task, 42);
  return TRUE;
}

static gboolean
run_outer (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Pair *self = data;
  g_autoptr (CfutFuture) inner = cfut_executor_submit (self->executor, run_inner, self, NULL);

  self->outer = g_thread_self ();
  cfut_task_set_result_int64 (task, cfut_future_result_int64 (inner, -1, error));
  return error == NULL || *error == NULL;
}

/* A thousand waits, one after the other or eight at a time from the first on. */
static gboolean
wait_often (CfutTask  *task,
            gpointer   data,
            GError   **error)
{
  CfutExecutor *executor = data;

  for (guint i = 0; i < 1000; i++)
    {
      CfutFuture *futures[8];
      guint n = i % 2 == 0 ? 1 : G_N_ELEMENTS (futures);

      for (guint k = 0; k < n; k++)
        futures[k] = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      for (guint k = 0; k < n; k++)
        {
          g_assert_true (cfut_future_wait (futures[k], -1, NULL, NULL));

          /* Ours, and that of the owner's queue. */
          g_assert_cmpint (g_atomic_int_get ((int *) &G_OBJECT (futures[k])->ref_count), <=, 2);
        }
      for (guint k = 0; k < n; k++)
        g_object_unref (futures[k]);
    }
  return TRUE;
}

/* What a wait has run leaves nothing behind in the queue, however long the task that waits goes on:
 * a server's main task would else grow with each. */
static void
test_nested_leaves_nothing_queued (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = cfut_executor_submit (executor, wait_often, executor, NULL);

  g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RESOLVED);
  test_assert_ends (executor);
}

/* Guarantee 6: in a pool of one the wait runs what it waits for, on its own thread, and it counts
 * as running then. */
static void
test_nested_inline (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  Pair pair = { .executor = executor };

  future = cfut_executor_submit (executor, run_outer, &pair, NULL);
  g_assert_cmpint (cfut_future_result_int64 (future, TEST_DEADLINE_USEC, NULL), ==, 42);
  g_assert_true (pair.outer == pair.inner);
  g_assert_cmpuint (pair.n_pending, ==, 0);
  g_assert_cmpuint (pair.n_running, ==, 2);
  g_assert_cmpuint (n_threads (executor), ==, 1);
  test_assert_ends (executor);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 2);
}

typedef struct {
  CfutExecutor *executor;
  guint depth;
  int most_threads;  /* atomic */
} Deep;

typedef struct {
  Deep *deep;
  guint level;
} DeepLevel;

static gboolean
run_deeper (CfutTask  *task,
            gpointer   data,
            GError   **error)
{
  DeepLevel *self = data;
  Deep *deep = self->deep;
  DeepLevel *next;
  g_autoptr (CfutFuture) below = NULL;
  int threads = (int) n_threads (deep->executor);

  if (threads > g_atomic_int_get (&deep->most_threads))
    g_atomic_int_set (&deep->most_threads, threads);
  if (self->level == deep->depth)
    {
      cfut_task_set_result_int64 (task, self->level);
      return TRUE;
    }

  next = g_new (DeepLevel, 1);
  *next = (DeepLevel) { deep, self->level + 1 };
  below = cfut_executor_submit (deep->executor, run_deeper, next, g_free);
  cfut_task_set_result_int64 (task, cfut_future_result_int64 (below, -1, error));
  return *error == NULL;
}

/* Guarantee 6: 200 deep, of which each 64 run on one thread, and each further thread is one more,
 * which goes when all is over. */
static void
test_nested_deep (void)
{
  for (guint max = 1; max <= 2; max++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (max);
      g_autoptr (CfutFuture) future = NULL;
      Deep deep = { .executor = executor, .depth = 200 };
      DeepLevel top = { &deep, 0 };

      future = cfut_executor_submit (executor, run_deeper, &top, NULL);
      g_assert_cmpint (cfut_future_result_int64 (future, TEST_DEADLINE_USEC, NULL), ==, 200);
      g_assert_cmpint (deep.most_threads, >=, 2);
      g_assert_cmpint (deep.most_threads, <=, 201);
      test_poll_until (n_threads (executor) <= max);
      test_assert_ends (executor);
      g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 201);
    }
}

typedef struct {
  CfutExecutor *executor;
  guint depth;
} Tree;

static gboolean
grow_tree (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Tree *self = data;
  gint64 sum = 1;

  if (self->depth > 0)
    {
      CfutFuture *children[3];

      for (guint i = 0; i < G_N_ELEMENTS (children); i++)
        {
          Tree *child = g_new (Tree, 1);

          *child = (Tree) { self->executor, self->depth - 1 };
          children[i] = cfut_executor_submit (self->executor, grow_tree, child, g_free);
        }
      for (guint i = 0; i < G_N_ELEMENTS (children); i++)
        {
          g_autoptr (GError) failure = NULL;

          sum += cfut_future_result_int64 (children[i], -1, &failure);
          g_assert_no_error (failure);
          g_object_unref (children[i]);
        }
    }

  cfut_task_set_result_int64 (task, sum);
  return TRUE;
}

/* Guarantee 6: a tree of tasks, each of which waits for its children, with few workers and with
 * more. */
static void
test_nested_tree (void)
{
  for (guint max = 1; max <= 4; max++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (max);
      g_autoptr (CfutFuture) future = NULL;
      Tree tree = { executor, 6 };

      future = cfut_executor_submit (executor, grow_tree, &tree, NULL);
      g_assert_cmpint (cfut_future_result_int64 (future, TEST_DEADLINE_USEC, NULL), ==,
                       (3 * 729 - 1) / 2);
      test_assert_ends (executor);
      g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, (3 * 729 - 1) / 2);
    }
}

/* --- growth --- */

typedef struct {
  CfutExecutor *executor;
  CfutFuture *awaited;   /* (nullable): else one is submitted */
  gint64 timeout_usec;
} Waiting;

static gboolean
wait_for_it (CfutTask  *task,
             gpointer   data,
             GError   **error)
{
  Waiting *self = data;
  g_autoptr (CfutFuture) awaited = self->awaited != NULL
    ? g_object_ref (self->awaited)
    : cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);

  return cfut_future_wait (awaited, self->timeout_usec, NULL, error);
}

/* Guarantee 6: a wait with a limit is stood in for: the pool grows by one, and has its size again
 * after. */
static void
test_nested_wait_with_limit (void)
{
  for (guint max = 1; max <= 3; max++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (max);
      Waiting waiting = { executor, NULL, TEST_DEADLINE_USEC };

      for (guint round = 0; round < 50; round++)
        {
          CfutFuture *futures[8];

          for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
            futures[i] = cfut_executor_submit (executor, wait_for_it, &waiting, NULL);
          for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
            {
              test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
              g_object_unref (futures[i]);
            }
        }
      test_poll_until (n_threads (executor) <= max);
      test_assert_ends (executor);
      g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 50 * 16);
    }
}

/* Guarantee 6: all workers sleep in waits, the queue is empty, and then somebody submits from
 * outside. */
static void
test_nested_all_blocked_then_submit (void)
{
  for (guint max = 1; max <= 3; max++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (max);
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      Waiting waiting = { executor, cfut_promise_get_future (promise), -1 };
      g_autoptr (CfutFuture) outside = NULL;
      CfutFuture *futures[5];

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        futures[i] = cfut_executor_submit (executor, wait_for_it, &waiting, NULL);
      test_poll_until (cfut_executor_get_n_running (executor) == G_N_ELEMENTS (futures));

      for (guint i = 0; i < 20; i++)
        {
          g_autoptr (CfutFuture) each = cfut_executor_submit (executor, test_task_nothing, NULL,
                                                              NULL);

          test_assert_settles (each, CFUT_STATE_RESOLVED);
        }
      cfut_promise_resolve (promise, NULL);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
          g_object_unref (futures[i]);
        }
      test_poll_until (n_threads (executor) <= max);
      test_assert_ends (executor);
    }
}

typedef struct {
  int n_now;   /* atomic */
  int n_most;  /* atomic */
} Crowding;

static gboolean
measure_crowding (CfutTask  *task,
                  gpointer   data,
                  GError   **error)
{
  Crowding *self = data;
  int now = g_atomic_int_add (&self->n_now, 1) + 1;
  int most = g_atomic_int_get (&self->n_most);

  while (now > most && !g_atomic_int_compare_and_exchange (&self->n_most, most, now))
    most = g_atomic_int_get (&self->n_most);
  test_burn (20);
  g_atomic_int_add (&self->n_now, -1);
  return TRUE;
}

/* After it has grown, and nobody is blocked any more, there are never more at once than there are
 * to be. */
static void
test_nested_limits_hold_again (void)
{
  for (guint max = 1; max <= 3; max++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (max);
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      Waiting waiting = { executor, cfut_promise_get_future (promise), -1 };
      Crowding crowding = { 0 };
      CfutFuture *futures[6];

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        futures[i] = cfut_executor_submit (executor, wait_for_it, &waiting, NULL);
      test_poll_until (cfut_executor_get_n_running (executor) == G_N_ELEMENTS (futures));
      cfut_promise_resolve (promise, NULL);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
          g_object_unref (futures[i]);
        }
      test_poll_until (n_threads (executor) <= max);

      for (guint i = 0; i < 500; i++)
        g_object_unref (cfut_executor_submit (executor, measure_crowding, &crowding, NULL));
      test_assert_ends (executor);
      g_assert_cmpint (crowding.n_most, <=, (int) max);
      g_assert_cmpint (crowding.n_most, >=, 1);
    }
}

/* --- groups, maps, chains --- */

static gboolean
use_group (CfutTask  *task,
           gpointer   executor,
           GError   **error)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  gint64 sum = 0;

  for (int i = 1; i <= 20; i++)
    {
      g_autoptr (CfutFuture) member = cfut_executor_submit (executor, test_task_number,
                                                            GINT_TO_POINTER (i), NULL);
      cfut_group_add (group, member);
    }
  for (;;)
    {
      g_autoptr (CfutFuture) next = cfut_group_next (group, -1, NULL, error);

      if (next == NULL)
        break;
      sum += cfut_future_result_int64 (next, -1, NULL);
    }
  cfut_task_set_result_int64 (task, sum);
  return *error == NULL;
}

static gboolean
number_of_item (CfutTask  *task,
                guint64    index,
                gpointer   user_data,
                GError   **error)
{
  cfut_task_set_result_int64 (task, (gint64) index + 1);
  return TRUE;
}

static gboolean
use_map (CfutTask  *task,
         gpointer   executor,
         GError   **error)
{
  g_autoptr (CfutMap) map = cfut_executor_map (executor, NULL, 20, 3, number_of_item, NULL, NULL);
  gint64 sum = 0;

  for (;;)
    {
      g_autoptr (CfutFuture) next = cfut_map_next (map, -1, NULL, error);

      if (next == NULL)
        break;
      sum += cfut_future_result_int64 (next, -1, NULL);
    }
  cfut_task_set_result_int64 (task, sum);
  return *error == NULL;
}

/* Guarantee 6: groups and maps over the executor that the caller runs on, in a pool of one and of
 * two, several at once. */
static void
test_nested_groups_and_maps (void)
{
  for (guint max = 1; max <= 2; max++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (max);
      CfutFuture *futures[12];

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        futures[i] = cfut_executor_submit (executor, i % 2 == 0 ? use_group : use_map, executor,
                                           NULL);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_autoptr (GError) error = NULL;

          g_assert_cmpint (cfut_future_result_int64 (futures[i], TEST_DEADLINE_USEC, &error), ==,
                           210);
          g_assert_no_error (error);
          g_object_unref (futures[i]);
        }
      test_poll_until (n_threads (executor) <= max);
      test_assert_ends (executor);
    }
}

/* --- two executors --- */

typedef struct {
  CfutExecutor *here;
  CfutExecutor *there;
  guint depth;
} PingPong;

static gboolean
play (CfutTask  *task,
      gpointer   data,
      GError   **error)
{
  PingPong *self = data;
  PingPong *other;
  g_autoptr (CfutFuture) answer = NULL;

  if (self->depth == 0)
    return TRUE;

  other = g_new (PingPong, 1);
  *other = (PingPong) { self->there, self->here, self->depth - 1 };
  answer = cfut_executor_submit (self->there, play, other, g_free);
  return cfut_future_wait (answer, -1, NULL, error);
}

/* Guarantee 6: two pools of one, whose tasks wait for each other's, back and forth. */
static void
test_nested_two_pools (void)
{
  g_autoptr (CfutExecutor) one = cfut_thread_executor_new (1);
  g_autoptr (CfutExecutor) two = cfut_thread_executor_new (1);

  for (guint round = 0; round < 20; round++)
    {
      PingPong first = { one, two, 12 };
      PingPong second = { two, one, 12 };
      g_autoptr (CfutFuture) from_one = cfut_executor_submit (one, play, &first, NULL);
      g_autoptr (CfutFuture) from_two = cfut_executor_submit (two, play, &second, NULL);

      test_assert_settles (from_one, CFUT_STATE_RESOLVED);
      test_assert_settles (from_two, CFUT_STATE_RESOLVED);
    }
  test_poll_until (n_threads (one) <= 1 && n_threads (two) <= 1);
  test_assert_ends (one);
  test_assert_ends (two);
}

/* --- without compensation --- */

/* Guarantee 6: a pool of one stays serial, and a wait that it could not serve fails with DEADLOCK;
 * in a pool of two the other thread serves it. */
static void
test_nested_serial_pool (void)
{
  g_autoptr (CfutExecutor) one = new_serial (1);
  g_autoptr (CfutExecutor) two = new_serial (2);
  Waiting in_one = { one, NULL, -1 };
  Waiting in_two = { two, NULL, -1 };
  g_autoptr (CfutFuture) fails = cfut_executor_submit (one, wait_for_it, &in_one, NULL);
  g_autoptr (CfutFuture) after = NULL;
  g_autoptr (CfutFuture) served = cfut_executor_submit (two, wait_for_it, &in_two, NULL);

  test_assert_fails (fails, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
  after = cfut_executor_submit (one, test_task_nothing, NULL, NULL);
  test_assert_settles (after, CFUT_STATE_RESOLVED);
  g_assert_cmpuint (n_threads (one), <=, 1);
  test_assert_settles (served, CFUT_STATE_RESOLVED);

  g_assert_cmpuint (n_threads (two), <=, 2);
  test_assert_ends (one);
  test_assert_ends (two);
}

typedef struct {
  CfutExecutor *executor;
  guint depth;
  guint n_failed;  /* atomic: waits */
  GError *error;   /* atomic, (nullable): of the one that failed */
} Chain;

static gboolean
wait_down (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Chain *self = data;
  g_autoptr (CfutFuture) below = NULL;
  GError *wait_error = NULL;

  if (self->depth-- == 0)
    return TRUE;

  below = cfut_executor_submit (self->executor, wait_down, self, NULL);
  if (!cfut_future_wait (below, -1, NULL, &wait_error))
    {
      g_atomic_int_inc (&self->n_failed);
      g_atomic_pointer_set (&self->error, wait_error);
    }

  return TRUE;
}

/* Guarantee 6: three in a row need a third thread, which a pool of two does not have: of the two
 * waits, the one that begins last fails, at once. */
static void
test_nested_serial_pool_of_two (void)
{
  g_autoptr (CfutExecutor) executor = new_serial (2);
  Chain chain = { .executor = executor, .depth = 2 };
  g_autoptr (CfutFuture) future = cfut_executor_submit (executor, wait_down, &chain, NULL);

  test_assert_settles (future, CFUT_STATE_RESOLVED);
  test_assert_ends (executor);
  g_assert_cmpuint (chain.n_failed, ==, 1);
  g_assert_error (chain.error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
  g_clear_error (&chain.error);
}

typedef struct {
  CfutExecutor *executor;
  TestGate gate;
} Handover;

static gboolean
wait_for_gated (CfutTask  *task,
                gpointer   data,
                GError   **error)
{
  Handover *self = data;
  g_autoptr (CfutFuture) gated = cfut_executor_submit (self->executor, test_task_pass, &self->gate,
                                                       NULL);

  return cfut_future_wait (gated, -1, NULL, error);
}

/* Guarantee 6: who waits for what has just settled is about to wake, and is in nobody else's way
 * who begins to wait. */
static void
test_nested_serial_pool_counts_sleepers (void)
{
  for (guint round = 0; round < 200; round++)
    {
      g_autoptr (CfutExecutor) executor = new_serial (2);
      Waiting waiting = { executor, NULL, -1 };
      Handover handover = { .executor = executor };
      g_autoptr (CfutFuture) first = NULL;
      g_autoptr (CfutFuture) next = NULL;

      test_gate_init (&handover.gate);
      first = cfut_executor_submit (executor, wait_for_gated, &handover, NULL);
      test_gate_wait_arrived (&handover.gate, 1);
      next = cfut_executor_submit (executor, wait_for_it, &waiting, NULL);
      test_gate_open (&handover.gate);
      test_assert_settles (first, CFUT_STATE_RESOLVED);
      test_assert_settles (next, CFUT_STATE_RESOLVED);
      test_assert_ends (executor);
      test_gate_clear (&handover.gate);
    }
}

/* A wait for oneself is refused wherever it is made. */
static gboolean
wait_for_oneself (CfutTask  *task,
                  gpointer   data,
                  GError   **error)
{
  return cfut_future_wait (CFUT_FUTURE (task), -1, NULL, error);
}

static void
test_nested_wait_for_oneself (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = cfut_executor_submit (executor, wait_for_oneself, NULL, NULL);

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
  test_assert_ends (executor);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/nested/" name, test_nested_##func)
  add ("6-inline", inline);
  add ("6-leaves-nothing-queued", leaves_nothing_queued);
  add ("6-deep", deep);
  add ("6-tree", tree);
  add ("6-wait-with-limit", wait_with_limit);
  add ("6-all-blocked-then-submit", all_blocked_then_submit);
  add ("6-limits-hold-again", limits_hold_again);
  add ("6-groups-and-maps", groups_and_maps);
  add ("6-two-pools", two_pools);
  add ("6-serial-pool", serial_pool);
  add ("6-serial-pool-of-two", serial_pool_of_two);
  add ("6-serial-pool-counts-sleepers", serial_pool_counts_sleepers);
  add ("6-wait-for-oneself", wait_for_oneself);
#undef add

  return g_test_run ();
}
