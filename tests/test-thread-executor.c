/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutThreadExecutor beyond the contract that test-executor.c runs over all executors: how many threads there
 * are and how long, that no wake-up is lost and nothing is stuck behind a long task, that GIO's own
 * threads are left alone. Guarantees 1, 8, 9. */

#include "test-util.h"

#include <time.h>
#include <unistd.h>

/* The number of workers is as asked for, by constructor or property; 0 means the default. */
static void
test_thread_executor_max_workers (void)
{
  g_autoptr (CfutExecutor) three = cfut_thread_executor_new (3);
  g_autoptr (CfutExecutor) usual = cfut_thread_executor_new (0);
  g_autoptr (CfutExecutor) built = g_object_new (CFUT_TYPE_THREAD_EXECUTOR, NULL);
  g_autoptr (CfutExecutor) two = g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", 2, NULL);
  guint expected = MIN (32, g_get_num_processors () + 4);

  g_assert_cmpuint (cfut_executor_get_max_workers (three), ==, 3);
  g_assert_cmpuint (cfut_executor_get_max_workers (usual), ==, expected);
  g_assert_cmpuint (cfut_executor_get_max_workers (built), ==, expected);
  g_assert_cmpuint (cfut_executor_get_max_workers (two), ==, 2);

  /* None is made before there is work. */
  g_assert_cmpuint (cfut_thread_executor_get_n_threads (CFUT_THREAD_EXECUTOR (three)), ==, 0);
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
  Crowding *crowding = data;
  int now = g_atomic_int_add (&crowding->n_now, 1) + 1;
  int most = g_atomic_int_get (&crowding->n_most);

  while (now > most && !g_atomic_int_compare_and_exchange (&crowding->n_most, most, now))
    most = g_atomic_int_get (&crowding->n_most);
  test_burn (20);
  g_atomic_int_add (&crowding->n_now, -1);
  return TRUE;
}

/* As many run at once as there are workers, and never more. */
static void
test_thread_executor_runs_so_many_at_once (void)
{
  static const guint numbers[] = { 1, 2, 5, 16 };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (numbers[i]);
      Crowding crowding = { 0 };
      TestGate gate;

      test_gate_init (&gate);
      for (guint j = 0; j < numbers[i] + 3; j++)
        {
          g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_pass, &gate,
                                                                NULL);
          g_assert_nonnull (future);
        }

      /* They stand at the gate together, so they run at once. */
      test_gate_wait_arrived (&gate, numbers[i]);
      g_assert_cmpuint (cfut_thread_executor_get_n_threads (CFUT_THREAD_EXECUTOR (executor)), ==,
                        numbers[i]);
      g_assert_cmpuint (cfut_executor_get_n_running (executor), ==, numbers[i]);
      g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 3);
      test_gate_open (&gate);

      for (guint j = 0; j < 500; j++)
        {
          g_autoptr (CfutFuture) future = cfut_executor_submit (executor, measure_crowding,
                                                                &crowding, NULL);
          g_assert_nonnull (future);
        }
      test_assert_ends (executor);
      g_assert_cmpint (crowding.n_most, <=, (int) numbers[i]);
      g_assert_cmpint (crowding.n_most, >=, 1);
      test_gate_clear (&gate);
    }
}

typedef struct {
  int *next;
  int number;
} Turn;

static gboolean
take_turn (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Turn *turn = data;

  g_assert_cmpint (*turn->next, ==, turn->number);
  ++*turn->next;
  return TRUE;
}

/* One worker runs what one thread submits in the order in which it was submitted. */
static void
test_thread_executor_one_worker_keeps_the_order (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  int next = 0;

  for (int i = 0; i < 5000; i++)
    {
      Turn *turn = g_new (Turn, 1);
      g_autoptr (CfutFuture) future = NULL;

      *turn = (Turn) { &next, i };
      future = cfut_executor_submit (executor, take_turn, turn, g_free);
    }
  test_assert_ends (executor);
  g_assert_cmpint (next, ==, 5000);
}

/* --- wake-ups --- */

typedef struct {
  CfutExecutor *executor;
  guint32 seed;
  guint n_rounds;
} PingPong;

static gpointer
ping_pong (gpointer data)
{
  PingPong *self = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (self->seed);
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < self->n_rounds; i++)
    {
      g_autoptr (CfutFuture) future = NULL;

      /* About as long as a worker looks around before it sleeps. */
      test_burn (g_rand_int_range (rand, 0, 16));
      future = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* Guarantee 1: no wake-up is lost between a worker that goes to sleep and a submit: each future is waited
 * for before the next is submitted, after a pause around the time at which workers park. */
static void
test_thread_executor_park_against_submit (void)
{
  static const guint numbers[] = { 1, 2, 4 };
  guint32 seed = test_seed ();

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (numbers[i]);
      GThread *threads[2];
      PingPong data[G_N_ELEMENTS (threads)];

      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        {
          data[j] = (PingPong) { executor, seed + j, 3000 };
          threads[j] = g_thread_new ("ping", ping_pong, &data[j]);
        }
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        g_thread_join (threads[j]);
      test_assert_ends (executor);
    }
}

/* Guarantee 1: nothing is stuck behind a task that is busy while another worker is idle, whatever
 * batches workers take. */
static void
test_thread_executor_long_task_holds_up_no_other (void)
{
  static const guint counts[] = { 1, 10, 63, 200, 2000 };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  for (guint i = 0; i < G_N_ELEMENTS (counts) * 10; i++)
    {
      guint n = counts[i % G_N_ELEMENTS (counts)];
      CfutFuture **futures = g_new0 (CfutFuture *, n);
      g_autoptr (CfutFuture) blocker = NULL;
      TestGate gate;

      test_gate_init (&gate);
      for (guint j = 0; j < n; j++)
        {
          if (j == n / 2)
            blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
          futures[j] = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
        }
      for (guint j = 0; j < n; j++)
        {
          test_assert_settles (futures[j], CFUT_STATE_RESOLVED);
          g_object_unref (futures[j]);
        }
      test_gate_open (&gate);
      test_assert_settles (blocker, CFUT_STATE_RESOLVED);
      test_gate_clear (&gate);
      g_free (futures);
    }
  test_assert_ends (executor);
}

typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  guint n_children;
  CfutFuture **children;
} Parent;

static gboolean
submit_children_then_block (CfutTask  *task,
                            gpointer   data,
                            GError   **error)
{
  Parent *parent = data;

  for (guint i = 0; i < parent->n_children; i++)
    parent->children[i] = cfut_executor_submit (parent->executor, test_task_nothing, NULL, NULL);
  test_gate_pass (&parent->gate);
  return TRUE;
}

/* Guarantee 1: the same for what a task has submitted itself, more than any worker's own queue holds. */
static void
test_thread_executor_children_are_stolen (void)
{
  static const guint counts[] = { 1, 2, 100, 256, 257, 5000 };

  for (guint i = 0; i < G_N_ELEMENTS (counts) * 4; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
      g_autoptr (CfutFuture) future = NULL;
      Parent parent = { .executor = executor, .n_children = counts[i % G_N_ELEMENTS (counts)] };

      test_gate_init (&parent.gate);
      parent.children = g_new0 (CfutFuture *, parent.n_children);
      future = cfut_executor_submit (executor, submit_children_then_block, &parent, NULL);
      test_gate_wait_arrived (&parent.gate, 1);
      for (guint j = 0; j < parent.n_children; j++)
        {
          test_assert_settles (parent.children[j], CFUT_STATE_RESOLVED);
          g_object_unref (parent.children[j]);
        }
      g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);
      test_gate_open (&parent.gate);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      g_free (parent.children);
      test_assert_ends (executor);
      test_gate_clear (&parent.gate);
    }
}

/* --- 8: GIO --- */

static void
pass_in_gtask (GTask        *task,
               gpointer      source,
               gpointer      gate,
               GCancellable *cancellable)
{
  test_gate_pass (gate);
  g_task_return_boolean (task, TRUE);
}

static void
gtask_done (GObject      *source,
            GAsyncResult *result,
            gpointer      counter)
{
  ++*(int *) counter;
}

#define N_BLOCKED 40

/* Guarantee 8: with every thread of GIO's pool blocked, ours run. */
static void
test_thread_executor_needs_no_gio_threads (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (4);
  TestGate gate;
  int n_done = 0;

  test_gate_init (&gate);
  for (guint i = 0; i < N_BLOCKED; i++)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, gtask_done, &n_done);

      g_task_set_task_data (task, &gate, NULL);
      g_task_run_in_thread (task, pass_in_gtask);
    }
  test_gate_wait_arrived (&gate, 10);

  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);

      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }
  test_assert_ends (executor);
  g_assert_cmpint (n_done, ==, 0);

  test_gate_open (&gate);
  test_iterate_until (NULL, n_done == N_BLOCKED);
  test_gate_clear (&gate);
}

static void
count_in_gtask (GTask        *task,
                gpointer      source,
                gpointer      data,
                GCancellable *cancellable)
{
  g_task_return_boolean (task, TRUE);
}

static void
query_done (GObject      *source,
            GAsyncResult *result,
            gpointer      counter)
{
  g_autoptr (GFileInfo) info = g_file_query_info_finish (G_FILE (source), result, NULL);

  g_assert_nonnull (info);
  ++*(int *) counter;
}

/* Guarantee 8: with forty of ours blocked, GIO's asynchronous calls and GTask go on. */
static void
test_thread_executor_leaves_gio_its_threads (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (N_BLOCKED);
  g_autoptr (GFile) file = g_file_new_for_path (g_get_tmp_dir ());
  TestGate gate;
  int n_done = 0;
  int n_queried = 0;

  test_gate_init (&gate);
  for (guint i = 0; i < N_BLOCKED; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_pass, &gate, NULL);

      g_assert_nonnull (future);
    }
  test_gate_wait_arrived (&gate, N_BLOCKED);

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, gtask_done, &n_done);

      g_task_run_in_thread (task, count_in_gtask);
      g_file_query_info_async (file, "standard::*", G_FILE_QUERY_INFO_NONE, G_PRIORITY_DEFAULT, NULL,
                               query_done, &n_queried);
    }
  test_iterate_until (NULL, n_done == 20 && n_queried == 20);
  g_assert_cmpuint (cfut_executor_get_n_running (executor), ==, N_BLOCKED);

  test_gate_open (&gate);
  test_assert_ends (executor);
  test_gate_clear (&gate);
}

/* --- 9: threads go --- */

static guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static gint64
cpu_usec (void)
{
  struct timespec used;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &used);
  return used.tv_sec * G_USEC_PER_SEC + used.tv_nsec / 1000;
}

static void
use_all_workers (CfutExecutor *executor)
{
  guint n = cfut_executor_get_max_workers (executor);
  TestGate gate;

  test_gate_init (&gate);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_pass, &gate, NULL);

      g_assert_nonnull (future);
    }
  test_gate_wait_arrived (&gate, n);
  g_assert_cmpuint (cfut_thread_executor_get_n_threads (CFUT_THREAD_EXECUTOR (executor)), ==, n);
  test_gate_open (&gate);
  test_poll_until (cfut_executor_get_n_running (executor) == 0);
  test_iterate_ready (NULL);
  test_gate_clear (&gate);
}

/* Guarantee 9: threads that have nothing to do go away, by default after 15 s; until then they sleep; and
 * the executor works as before when there is work again. */
static void
test_thread_executor_idle_threads_go (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (8);
  CfutThreadExecutor *threads = CFUT_THREAD_EXECUTOR (executor);
  g_autoptr (CfutFuture) future = NULL;
  gint64 begin;
  gint64 used;
  gint64 span;

  use_all_workers (executor);
  begin = g_get_monotonic_time ();
  used = cpu_usec ();

  /* Not at once: the next task would have to wait for a new one. */
  g_assert_cmpuint (cfut_thread_executor_get_n_threads (threads), >=, 1);

  while (cfut_thread_executor_get_n_threads (threads) > 0)
    {
      g_assert_cmpint (g_get_monotonic_time () - begin, <, 60 * G_USEC_PER_SEC);
      g_usleep (50000);
    }
  span = g_get_monotonic_time () - begin;
  used = cpu_usec () - used;
  g_test_message ("gone after %.1f s, %" G_GINT64_FORMAT " us of processor time", span / 1e6, used);
  g_assert_cmpint (used, <, G_USEC_PER_SEC / 2);

  /* GLib keeps two of its own, for as long again. */
  test_poll_until (count_threads () <= 1 + 2 + 1);

  future = cfut_executor_submit (executor, test_task_number, GINT_TO_POINTER (1), NULL);
  g_assert_cmpint (cfut_future_result_int64 (future, TEST_DEADLINE_USEC, NULL), ==, 1);
  test_assert_ends (executor);
}

/* Guarantee 9: those of an executor that was shut down or dropped do not stay that long. */
static void
test_thread_executor_ended_threads_go (void)
{
  g_autoptr (CfutExecutor) ended = cfut_thread_executor_new (6);
  gint64 begin;

  use_all_workers (ended);
  begin = g_get_monotonic_time ();
  test_assert_ends (ended);
  test_poll_until (cfut_thread_executor_get_n_threads (CFUT_THREAD_EXECUTOR (ended)) == 0);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 10 * G_USEC_PER_SEC);
}

/* Guarantee 9: many executors that come and go, with work and without, leave no threads behind. */
static void
test_thread_executor_many_come_and_go (void)
{
  int n_gone = 0;
  int n_ran = 0;

  for (guint i = 0; i < 300; i++)
    {
      CfutExecutor *executor = cfut_thread_executor_new (1 + i % 4);

      test_watch_gone (executor, &n_gone);
      for (guint j = 0; j < i % 5; j++)
        {
          g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_count, &n_ran,
                                                                NULL);
          g_assert_nonnull (future);
        }
      if (i % 7 == 0)
        cfut_executor_shutdown (executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
      g_object_unref (executor);
    }

  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 300);
  test_iterate_until (NULL, g_atomic_int_get (&n_ran) == 600);
  g_test_message ("%u threads", count_threads ());
  g_assert_cmpuint (count_threads (), <, 100);
}

/* All that was submitted has run when the block is left. */
static void
test_thread_executor_scope (void)
{
  int n_ran = 0;

  {
    g_autoptr (CfutExecutorScope) executor = cfut_thread_executor_new (2);

    for (guint i = 0; i < 100; i++)
      cfut_executor_post (executor, test_task_count, &n_ran, NULL);
  }

  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, 100);
}

static gboolean
count_slowly (CfutTask  *task,
              gpointer   counter,
              GError   **error)
{
  test_burn (50);
  return test_task_count (task, counter, error);
}

/* What a worker has fetched together with a task that does not end is run by others, however much is submitted
 * after it without a pause. */
static void
test_thread_executor_fetched_behind_a_long_task (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  gint64 deadline = g_get_monotonic_time () + TEST_DEADLINE_USEC;
  int n_before = 0;
  int n_behind = 0;
  int n_after = 0;
  TestGate start;
  TestGate gate;

  test_gate_init (&start);
  test_gate_init (&gate);

  /* Quick ones first, so that workers fetch many at once. */
  for (guint i = 0; i < 2; i++)
    cfut_executor_post (executor, test_task_pass, &start, NULL);
  for (guint i = 0; i < 1000; i++)
    cfut_executor_post (executor, test_task_count, &n_before, NULL);
  cfut_executor_post (executor, test_task_pass, &gate, NULL);
  for (guint i = 0; i < 100; i++)
    cfut_executor_post (executor, test_task_count, &n_behind, NULL);
  for (guint i = 0; i < 2000; i++)
    cfut_executor_post (executor, count_slowly, &n_after, NULL);
  test_gate_open (&start);

  while (g_atomic_int_get (&n_behind) < 100)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      if (cfut_executor_get_n_pending (executor) < 2000)
        cfut_executor_post (executor, count_slowly, &n_after, NULL);
    }

  test_gate_open (&gate);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
  test_gate_clear (&start);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/thread-executor/" name, test_thread_executor_##func)
  add ("max-workers", max_workers);
  add ("runs-so-many-at-once", runs_so_many_at_once);
  add ("one-worker-keeps-the-order", one_worker_keeps_the_order);
  add ("1-park-against-submit", park_against_submit);
  add ("1-long-task-holds-up-no-other", long_task_holds_up_no_other);
  add ("1-children-are-stolen", children_are_stolen);
  add ("8-needs-no-gio-threads", needs_no_gio_threads);
  add ("8-leaves-gio-its-threads", leaves_gio_its_threads);
  add ("9-ended-threads-go", ended_threads_go);
  add ("9-many-come-and-go", many_come_and_go);
  add ("9-idle-threads-go", idle_threads_go);
#undef add

  g_test_add_func ("/cfut/thread-executor/scope", test_thread_executor_scope);

  g_test_add_func ("/cfut/thread-executor/fetched-behind-a-long-task",
                   test_thread_executor_fetched_behind_a_long_task);

  return g_test_run ();
}
