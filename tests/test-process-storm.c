/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Everything at once: calls of all kinds from four threads, cancels, deadlines, deaths, workers that
 * are killed. Every future settles, once, with its own result; nothing is left over. */

#include "test-process-util.h"

#include <signal.h>

#define N_THREADS 4
#define N_CALLS 400
#define N_BLOWS 20

typedef struct {
  CfutExecutor *executor;
  guint32 seed;
  int n_settled;
  int n_resolved;
  int n_rejected;
  int n_cancelled;
  TestSem blow;       /* posted as often as workers are to be ended */
} Storm;

static void
count_settled (CfutFuture *future,
               gpointer    data)
{
  Storm *storm = data;

  if ((g_atomic_int_add (&storm->n_settled, 1) + 1) % (N_THREADS * N_CALLS / N_BLOWS) == 0)
    test_sem_post (&storm->blow);
}

typedef struct {
  CfutFuture *future;
  gint64 expected;   /* negative: it has no number */
} Thrown;

/* What is thrown in is decided by chance. */
static Thrown
throw_one (Storm *storm,
           GRand *rand)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  gint64 a = g_rand_int_range (rand, 0, 1000000);
  int kind = g_rand_int_range (rand, 0, 100);
  Thrown thrown = { NULL, -1 };

  cfut_request_set_priority (request, g_rand_int_range (rand, -2, 3) * 10);
  if (kind < 70)
    {
      thrown.future = cfut_executor_call (storm->executor, kind < 35 ? NULL : request, "add",
                                          g_variant_new ("(xx)", a, (gint64) 7));
      thrown.expected = a + 7;
    }
  else if (kind < 80)
    {
      thrown.future = cfut_executor_call (storm->executor, request, "burn",
                                          g_variant_new ("(t)", (guint64) (a % 2000)));
    }
  else if (kind < 88)
    {
      cfut_request_set_run_deadline_usec (request, a % 5000);
      thrown.future = cfut_executor_call (storm->executor, request, "until-stopped", NULL);
    }
  else if (kind < 92)
    {
      cfut_request_set_queue_deadline_usec (request, a % 5000);
      thrown.future = cfut_executor_call (storm->executor, request, "nothing", NULL);
    }
  else if (kind < 95)
    {
      cfut_request_set_run_deadline_usec (request, a % 5000);
      thrown.future = cfut_executor_call (storm->executor, request, "deaf", NULL);
    }
  else if (kind < 98)
    thrown.future = cfut_executor_call (storm->executor, request, "exit", g_variant_new ("(i)", 1));
  else
    thrown.future = cfut_executor_call (storm->executor, NULL, "progress",
                                        g_variant_new ("(u)", 50));
  return thrown;
}

static void
look_at (Storm  *storm,
         Thrown *thrown)
{
  CfutState state;

  test_assert_settles (thrown->future, cfut_future_get_state (thrown->future));
  state = cfut_future_get_state (thrown->future);
  if (state == CFUT_STATE_RESOLVED)
    {
      g_atomic_int_inc (&storm->n_resolved);
      if (thrown->expected >= 0)
        g_assert_cmpint (g_variant_get_int64 (cfut_future_result_variant (thrown->future, 0, NULL)),
                         ==, thrown->expected);
    }
  else if (state == CFUT_STATE_CANCELLED)
    g_atomic_int_inc (&storm->n_cancelled);
  else
    {
      g_autoptr (GError) error = cfut_future_dup_error (thrown->future);

      g_atomic_int_inc (&storm->n_rejected);
      if (!g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED) &&
          !g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE))
        g_error ("%s", error->message);
    }
  g_object_unref (thrown->future);
}

static gpointer
throw_many (gpointer data)
{
  Storm *storm = data;
  GRand *rand = g_rand_new_with_seed (g_atomic_int_add ((int *) &storm->seed, 1));
  Thrown thrown[N_CALLS];

  for (guint i = 0; i < N_CALLS; i++)
    {
      thrown[i] = throw_one (storm, rand);
      cfut_future_add_done_callback (thrown[i].future, CFUT_CALLBACK_DIRECT, count_settled,
                                     storm, NULL);
      if (g_rand_int_range (rand, 0, 10) == 0)
        cfut_future_cancel (thrown[g_rand_int_range (rand, 0, i + 1)].future);
      if (g_rand_int_range (rand, 0, 20) == 0)
        {
          CfutFuture *paused = thrown[g_rand_int_range (rand, 0, i + 1)].future;

          cfut_future_pause (paused);
          cfut_future_resume (paused);
        }
      if (g_rand_int_range (rand, 0, 40) == 0)
        cfut_future_wait (thrown[i].future, TEST_DEADLINE_USEC, NULL, NULL);
    }
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_assert_true (cfut_future_wait (thrown[i].future, TEST_DEADLINE_USEC, NULL, NULL));
      look_at (storm, &thrown[i]);
    }

  g_rand_free (rand);
  return NULL;
}

/* A few times while it lasts, and not before something has come to its end: where all is slow, no worker may live
 * to see its first call else. */
static gpointer
kill_some (gpointer data)
{
  Storm *storm = data;
  CfutProcessExecutor *executor = CFUT_PROCESS_EXECUTOR (storm->executor);

  for (guint i = 0; i < N_BLOWS; i++)
    {
      test_sem_wait (&storm->blow);
      if (i % 2 == 1)
        cfut_process_executor_kill_workers (executor);
      else
        cfut_process_executor_terminate_workers (executor);
    }
  return NULL;
}

static void
test_storm (gconstpointer data)
{
  gboolean kills = data != NULL;
  GThread *threads[N_THREADS];
  Storm storm = { NULL, };
  GThread *killer = NULL;
  guint n_files;

  /* What stays open is open from here on. */
  storm.executor = test_process_executor_new (1);
  test_process_call_number (storm.executor, "pid");
  test_process_executor_end (storm.executor);
  n_files = test_count_descriptors ();

  storm.seed = test_seed ();
  test_sem_init (&storm.blow);
  storm.executor = test_process_executor_new (2);
  cfut_process_executor_set_stop_grace_usec (CFUT_PROCESS_EXECUTOR (storm.executor), 20 * 1000);
  cfut_process_executor_set_max_calls_per_worker (CFUT_PROCESS_EXECUTOR (storm.executor), 300);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("thrower", throw_many, &storm);
  if (kills)
    killer = g_thread_new ("killer", kill_some, &storm);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  if (killer != NULL)
    g_thread_join (killer);

  g_test_message ("%d resolved, %d rejected, %d cancelled", storm.n_resolved, storm.n_rejected,
                  storm.n_cancelled);
  /* Callbacks come after waiting threads. */
  test_poll_until (g_atomic_int_get (&storm.n_settled) >= N_THREADS * N_CALLS);
  g_assert_cmpint (storm.n_settled, ==, N_THREADS * N_CALLS);
  g_assert_cmpint (storm.n_resolved + storm.n_rejected + storm.n_cancelled, ==,
                   N_THREADS * N_CALLS);
  g_assert_cmpuint (cfut_executor_get_n_pending (storm.executor), ==, 0);
  test_poll_until (cfut_executor_get_n_running (storm.executor) == 0);
  test_process_executor_end (storm.executor);
  g_assert_cmpuint (test_count_descriptors (), ==, n_files);
  g_assert_cmpuint (test_count_children (), ==, 0);
  test_sem_clear (&storm.blow);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_setenv ("CFUT_TEST_WORKERS_ARE_KILLED", "1", TRUE);
  g_test_init (&argc, &argv, NULL);
  /* Whoever starts the tests may have it ignored. */
  signal (SIGPIPE, SIG_DFL);

  g_test_add_data_func ("/cfut/process-storm/calls", NULL, test_storm);
  g_test_add_data_func ("/cfut/process-storm/killed", "x", test_storm);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
