/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The contract of CfutExecutor, over every executor there is: many threads submit, cancel and shut down at
 * once. Guarantees 1, 5. */

#include "test-executor-util.h"

#define N_SUBMITTERS 4
#define N_SUBMITS 2000

typedef struct {
  Fixture *fixture;
  TestGate start;
  int n_ran;        /* atomic */
  int n_destroyed;  /* atomic */
} Crowd;

typedef struct {
  Crowd *crowd;
  GMainContext *context;
} Member;

static gboolean
crowd_task (CfutTask  *task,
            gpointer   data,
            GError   **error)
{
  g_atomic_int_inc (&((Crowd *) data)->n_ran);
  return TRUE;
}

static void
crowd_destroyed (gpointer data)
{
  g_atomic_int_inc (&((Crowd *) data)->n_destroyed);
}

static gpointer
crowd_submit (gpointer data)
{
  Crowd *crowd = data;
  GMainContext *context = g_main_context_new ();
  CfutFuture **futures = g_new0 (CfutFuture *, N_SUBMITS);

  g_main_context_push_thread_default (context);
  test_gate_pass (&crowd->start);
  for (guint i = 0; i < N_SUBMITS; i++)
    futures[i] = cfut_executor_submit (crowd->fixture->executor, crowd_task, crowd,
                                       crowd_destroyed);
  for (guint i = 0; i < N_SUBMITS; i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  g_free (futures);
  return NULL;
}

/* Guarantee 1: several threads submit at once: each piece of work runs once and settles, and its data goes. */
static void
test_many_submitters (Fixture       *fixture,
                      gconstpointer  data)
{
  GThread *threads[N_SUBMITTERS];
  Crowd crowd = { .fixture = fixture };

  test_gate_init (&crowd.start);
  for (guint i = 0; i < N_SUBMITTERS; i++)
    threads[i] = g_thread_new ("submitter", crowd_submit, &crowd);
  test_gate_wait_arrived (&crowd.start, N_SUBMITTERS);
  test_gate_open (&crowd.start);
  for (guint i = 0; i < N_SUBMITTERS; i++)
    g_thread_join (threads[i]);

  g_assert_cmpint (g_atomic_int_get (&crowd.n_ran), ==, N_SUBMITTERS * N_SUBMITS);
  test_iterate_until (NULL, g_atomic_int_get (&crowd.n_destroyed) == N_SUBMITTERS * N_SUBMITS);
  test_gate_clear (&crowd.start);
}

typedef struct {
  CfutExecutor *executor;
  int n_ran;   /* atomic */
  int n_left;  /* atomic */
  TestSem ended;
} Tree;

typedef struct {
  Tree *tree;
  guint depth;
} Branch;

static gboolean
grow (CfutTask  *task,
      gpointer   data,
      GError   **error)
{
  Branch *branch = data;
  Tree *tree = branch->tree;

  if (branch->depth > 0)
    {
      for (guint i = 0; i < 2; i++)
        {
          Branch *child = g_new (Branch, 1);
          CfutFuture *future;

          *child = (Branch) { tree, branch->depth - 1 };
          future = cfut_executor_submit (tree->executor, grow, child, g_free);
          g_object_unref (future);
        }
    }

  g_atomic_int_inc (&tree->n_ran);
  if (g_atomic_int_dec_and_test (&tree->n_left))
    test_sem_post (&tree->ended);
  return TRUE;
}

/* Guarantee 1: tasks that submit tasks: the whole tree runs, though nobody waits for any of it. */
static void
test_tree_of_tasks (Fixture       *fixture,
                    gconstpointer  data)
{
  const guint depth = 11;
  const int n_tasks = (1 << (depth + 1)) - 1;
  Tree tree = { .executor = fixture->executor, .n_left = n_tasks };
  Branch *root = g_new (Branch, 1);
  g_autoptr (CfutFuture) future = NULL;

  test_sem_init (&tree.ended);
  *root = (Branch) { &tree, depth };
  future = cfut_executor_submit (fixture->executor, grow, root, g_free);
  test_sem_wait (&tree.ended);
  g_assert_cmpint (g_atomic_int_get (&tree.n_ran), ==, n_tasks);

  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  test_sem_clear (&tree.ended);
}

#define N_CONTESTED 1500

typedef struct {
  CfutFuture *futures[N_CONTESTED];
  int ran[N_CONTESTED];        /* atomic */
  int destroyed[N_CONTESTED];
  gboolean cancelled[N_CONTESTED];
  int n_there;                 /* atomic: how many futures there are */
  guint32 seed;
} Contest;

static gpointer
contest_cancel (gpointer data)
{
  Contest *contest = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (contest->seed);

  for (int i = 0; i < N_CONTESTED; i++)
    {
      while (g_atomic_int_get (&contest->n_there) <= i)
        g_thread_yield ();
      if (g_rand_boolean (rand))
        contest->cancelled[i] = cfut_future_cancel (contest->futures[i]);
    }
  return NULL;
}

static void
contest_destroyed (gpointer data)
{
  ++*(int *) data;
}

/* Guarantee 5: cancel against start: one wins. A future whose cancel said TRUE never runs, another runs
 * once, and the data of each goes once. */
static void
test_cancel_against_start (Fixture       *fixture,
                           gconstpointer  data)
{
  Contest *contest = g_new0 (Contest, 1);
  int *numbers[N_CONTESTED];
  GThread *thread;
  int n_destroyed = 0;

  contest->seed = test_seed ();
  thread = g_thread_new ("canceller", contest_cancel, contest);
  for (guint i = 0; i < N_CONTESTED; i++)
    {
      numbers[i] = &contest->ran[i];
      contest->futures[i] = i % 2
        ? cfut_executor_submit (fixture->executor, test_task_count, numbers[i], NULL)
        : cfut_executor_submit (fixture->executor, test_task_nothing, &contest->destroyed[i],
                                contest_destroyed);
      g_atomic_int_set (&contest->n_there, (int) i + 1);
    }
  g_thread_join (thread);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));

  for (guint i = 0; i < N_CONTESTED; i++)
    {
      CfutState state = cfut_future_get_state (contest->futures[i]);

      /* Nothing here looks at its cancellable, so CANCELLED means that it was never started. */
      g_assert_cmpint (state, ==, contest->cancelled[i] ? CFUT_STATE_CANCELLED
                                                        : CFUT_STATE_RESOLVED);
      if (i % 2)
        g_assert_cmpint (contest->ran[i], ==, !contest->cancelled[i]);
      g_object_unref (contest->futures[i]);
    }

  test_iterate_ready (NULL);
  for (guint i = 0; i < N_CONTESTED; i += 2)
    n_destroyed += contest->destroyed[i] == 1;
  g_assert_cmpint (n_destroyed, ==, N_CONTESTED / 2);
  g_free (contest);
}

typedef struct {
  Fixture *fixture;
  TestGate start;
  int n_ran;              /* atomic */
  int n_resolved;         /* atomic */
  int n_destroyed;        /* atomic */
  int n_submitted;        /* atomic */
  int n_shut_down;        /* atomic */
} Closing;

static gboolean
closing_task (CfutTask  *task,
              gpointer   data,
              GError   **error)
{
  g_atomic_int_inc (&((Closing *) data)->n_ran);
  return TRUE;
}

static void
closing_destroyed (gpointer data)
{
  g_atomic_int_inc (&((Closing *) data)->n_destroyed);
}

/* Submits until it is told that no more is taken. */
static gpointer
closing_submit (gpointer data)
{
  Closing *closing = data;
  GMainContext *context = g_main_context_new ();
  gboolean taken = TRUE;

  g_main_context_push_thread_default (context);
  test_gate_pass (&closing->start);
  while (taken)
    {
      g_autoptr (CfutFuture) future = NULL;
      g_autoptr (GError) error = NULL;

      future = cfut_executor_submit (closing->fixture->executor, closing_task, closing,
                                     closing_destroyed);
      g_atomic_int_inc (&closing->n_submitted);
      g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));
      error = cfut_future_dup_error (future);
      if (error == NULL)
        g_atomic_int_inc (&closing->n_resolved);
      else if (error->domain == CFUT_FUTURE_ERROR)
        g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
      else
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      taken = !g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
    }
  g_atomic_int_inc (&closing->n_shut_down);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* Guarantee 1: submit against shutdown: each future is resolved, cancelled or told SHUT_DOWN; none hangs, and
 * those that were not resolved have not run. */
static void
test_submit_against_shutdown (Fixture       *fixture,
                              gconstpointer  data)
{
  static const CfutShutdownFlags flags[] = {
    CFUT_SHUTDOWN_DEFAULT, CFUT_SHUTDOWN_CANCEL_PENDING,
    CFUT_SHUTDOWN_CANCEL_PENDING | CFUT_SHUTDOWN_CANCEL_RUNNING | CFUT_SHUTDOWN_WAIT
  };

  for (guint i = 0; i < 30; i++)
    {
      GThread *threads[3];
      Closing closing = { .fixture = fixture };

      test_gate_init (&closing.start);
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        threads[j] = g_thread_new ("submitter", closing_submit, &closing);
      test_gate_wait_arrived (&closing.start, G_N_ELEMENTS (threads));
      test_gate_open (&closing.start);
      while (g_atomic_int_get (&closing.n_submitted) < 20)
        g_thread_yield ();
      g_assert_true (cfut_executor_shutdown (fixture->executor, flags[i % G_N_ELEMENTS (flags)],
                                             TEST_DEADLINE_USEC, NULL));
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        g_thread_join (threads[j]);
      g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                             TEST_DEADLINE_USEC, NULL));

      g_assert_cmpint (closing.n_shut_down, ==, G_N_ELEMENTS (threads));
      g_assert_cmpint (closing.n_ran, ==, closing.n_resolved);
      test_iterate_until (NULL, g_atomic_int_get (&closing.n_destroyed) ==
                                g_atomic_int_get (&closing.n_submitted));
      test_gate_clear (&closing.start);

      g_object_unref (fixture->executor);
      fixture->executor = executor_new (data);
    }
}

static const Case cases[] = {
  { "1-many-submitters", test_many_submitters, TRUE },
  { "1-tree-of-tasks", test_tree_of_tasks, TRUE },
  { "5-cancel-against-start", test_cancel_against_start, TRUE },
  { "1-submit-against-shutdown", test_submit_against_shutdown, TRUE },
};

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_cases (cases, G_N_ELEMENTS (cases));

  return g_test_run ();
}
