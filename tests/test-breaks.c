/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The places where an engine like this one is known to break, each with what is tested there: a
 * test is there to fail when the cure is taken out. The numbers are those of the paths below; what
 * has its test elsewhere is named here; those of the pool by itself are in test-breaks-pool.c.
 *
 *  1  Parking against submitting, with a producer stopped half-way through its push:
 *     01-half-a-push-keeps-the-worker-awake, /cfut/queue/random-halves-against-model; with the
 *     worker stopped: /cfut/interleave-pool/01-*.
 *  2  A wake-up between a sleeper's last look and its sleep: 02-wake-between-look-and-sleep,
 *     /cfut/interleave/02-fired-before-the-sleep.
 *  3  What a wait runs itself, while another comes to its place in the queue:
 *     03-presence-popped-while-run-in-a-wait.
 *  4  A ring that overflows when a batch is moved into it: 04-batch-into-a-full-ring,
 *     04-steal-into-a-full-ring; its indexes that wrap: /cfut/pool/ring-against-model,
 *     /cfut/pool/1-ring-owner-against-thieves.
 *  5  A waiter on a stack whose time runs out as it is served:
 *     /cfut/future/1-timeouts-against-settling,
 *     /cfut/interleave/05-timed-out-while-served; one behind a callback that blocks:
 *     /cfut/interleave/05-asleep-beside-a-direct-callback.
 *  6  Cancelling, a deadline in the queue, a new priority, and the worker that claims:
 *     06-one-winner-in-the-queue; one against one: /cfut/interleave/06-*.
 *  7  All workers blocked while nothing is queued, then a submission:
 *     07-submit-when-all-are-blocked.
 *  8  The last reference dropped on a worker: 08-stale-entry-goes-home,
 *     08-replaced-result-goes-home.
 *  9  A thread without a context of its own, between two iterations of the main thread's loop:
 *     09-no-reaping-between-two-iterations.
 * 10  A context that goes between scheduling and wake-up: /cfut/delivery/2-context-goes-under-fire;
 *     one that sleeps as something comes: /cfut/interleave/10-pushed-before-the-loop-sleeps;
 *     a loop inside of a callback: /cfut/delivery/3-nested-main-loop.
 * 11  An executor that is finalised on its own worker: 11-dropped-by-its-own-task,
 *     11-freed-by-its-own-worker.
 * 12  A stuck thread that was given up, and returns: 12-stuck-and-late; one that is looked at while
 *     it returns: /cfut/interleave/12-ends-while-it-is-looked-at.
 * 14  Threads that cannot be made, and then can: /cfut/no-threads/1-*.
 * 15  A group's next against settling and ending: /cfut/interleave/15-next-timed-out-while-served,
 *     /cfut/group/next/last-settles-while-parking,
 *     /cfut/group/next/cancelled-while-parking, /cfut/group/async-races. */

#include "test-util.h"

#include "core/cfut-pool-private.h"
#include "cfut-task-private.h"

typedef struct {
  CfutFuture *future;
  TestGate *start;
  int n_ran;        /* atomic */
  int n_destroyed;  /* atomic */
  int n_gone;       /* atomic */
  gboolean cancelled;
} Contest;

static gboolean
contest_run (CfutTask  *task,
             gpointer   data,
             GError   **error)
{
  g_atomic_int_inc (&((Contest *) data)->n_ran);
  return TRUE;
}

static void
contest_destroyed (gpointer data)
{
  g_atomic_int_inc (&((Contest *) data)->n_destroyed);
}

static gpointer
contest_cancel (gpointer data)
{
  Contest *self = data;

  test_gate_pass (self->start);
  self->cancelled = cfut_future_cancel (self->future);
  return NULL;
}

static gpointer
contest_move (gpointer data)
{
  Contest *self = data;

  test_gate_pass (self->start);
  for (int i = 0; i < 20; i++)
    cfut_future_set_priority (self->future, i % 5 - 2);
  return NULL;
}

static void
contest_end (Contest *self)
{
  CfutState state;
  gboolean ran;

  test_iterate_until (NULL, cfut_future_is_settled (self->future));
  state = cfut_future_get_state (self->future);
  ran = g_atomic_int_get (&self->n_ran) > 0;

  g_assert_cmpint (self->n_ran, ==, state == CFUT_STATE_RESOLVED);
  g_assert_cmpint (self->cancelled, ==, state == CFUT_STATE_CANCELLED);
  if (state == CFUT_STATE_REJECTED)
    test_assert_fails (self->future, state, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  else
    g_assert_cmpint (ran, ==, state == CFUT_STATE_RESOLVED);
  g_object_unref (self->future);
  test_iterate_until (NULL, g_atomic_int_get (&self->n_gone) == 1);
  g_assert_cmpint (g_atomic_int_get (&self->n_destroyed), ==, 1);
}

/* Guarantees 1, 5 and 7: a worker that takes it, one that cancels, a deadline and new priorities:
 * one of them decides, and each presence in a queue drops one reference. */
static void
test_breaks_one_winner (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (CfutRequest) request = cfut_request_new ();
      g_autoptr (CfutFuture) blocker = NULL;
      Contest contest = { 0 };
      GThread *threads[2];
      TestGate start;

      test_gate_init (&start);
      contest.start = &start;
      blocker = cfut_executor_submit (executor, test_task_pass, &start, NULL);
      cfut_request_set_queue_deadline_usec (request, g_rand_int_range (rand, 1, 2000));
      if (g_rand_boolean (rand))
        cfut_request_set_priority (request, g_rand_int_range (rand, -2, 3));
      contest.future = cfut_executor_submit_full (executor, request, contest_run, &contest,
                                                  contest_destroyed);
      test_watch_gone (contest.future, &contest.n_gone);
      threads[0] = g_thread_new ("canceller", contest_cancel, &contest);
      threads[1] = g_thread_new ("mover", contest_move, &contest);
      test_gate_wait_arrived (&start, 3);
      test_burn (g_rand_int_range (rand, 0, 1000));
      test_gate_open (&start);
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        g_thread_join (threads[j]);

      contest_end (&contest);
      test_assert_settles (blocker, CFUT_STATE_RESOLVED);
      test_gate_clear (&start);
    }
}

/* Guarantee 2: the reference of an entry that has been cancelled is the last one, and a worker
 * finds it. */
static void
test_breaks_stale_entry_goes_home (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) blocker = NULL;
  g_autoptr (CfutFuture) behind = NULL;
  CfutFuture *stale;
  TestPlace gone = { 0 };
  TestGate gate;

  test_gate_init (&gate);
  blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  stale = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  behind = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  g_object_set_data_full (G_OBJECT (stale), "gone", &gone, test_place_note);
  g_assert_true (cfut_future_cancel (stale));
  g_object_unref (stale);
  test_iterate_ready (NULL);
  g_assert_cmpint (test_place_get_n (&gone), ==, 0);

  test_gate_open (&gate);
  test_assert_settles (behind, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, test_place_get_n (&gone) == 1);
  test_place_assert_here (&gone, 1);
  test_gate_clear (&gate);
}

static gboolean
replace_result (CfutTask  *task,
                gpointer   place,
                GError   **error)
{
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);

  g_object_set_data_full (object, "gone", place, test_place_note);
  cfut_task_set_result_object (task, object);
  g_object_unref (object);
  cfut_task_set_result_int64 (task, 1);
  return TRUE;
}

/* Guarantee 2: a result that another takes the place of is not dropped by the worker. */
static void
test_breaks_replaced_result_goes_home (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  TestPlace gone = { 0 };

  future = cfut_executor_submit (executor, replace_result, &gone, NULL);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, test_place_get_n (&gone) == 1);
  test_place_assert_here (&gone, 1);
}

typedef struct {
  CfutExecutor *executor;
  TestPlace destroyed;
} Visitor;

static gpointer
submit_and_wait (gpointer data)
{
  Visitor *self = data;

  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (CfutFuture) future = NULL;

      future = cfut_executor_submit (self->executor, test_task_nothing, &self->destroyed,
                                     test_place_note);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }
  return NULL;
}

/* Guarantee 2: the main thread's loop has run, and is between two iterations, so that its context
 * is free to be taken; a thread without a context of its own waits meanwhile. What is to be dropped
 * is the main thread's all the same. */
static void
test_breaks_no_reaping_between_two_iterations (void)
{
  Visitor visitor = { .executor = cfut_thread_executor_new (1) };
  CfutFuture *mine;

  /* The default context has a delivery, and the loop has looked at it. */
  mine = cfut_executor_submit (visitor.executor, test_task_nothing, NULL, NULL);
  test_assert_settles (mine, CFUT_STATE_RESOLVED);
  test_iterate_ready (NULL);
  g_object_unref (mine);

  g_thread_join (g_thread_new ("visitor", submit_and_wait, &visitor));
  g_assert_cmpint (test_place_get_n (&visitor.destroyed), ==, 0);
  test_iterate_until (NULL, test_place_get_n (&visitor.destroyed) == 50);
  test_place_assert_here (&visitor.destroyed, 50);
  g_object_unref (visitor.executor);
}

static gboolean
drop_executor (CfutTask  *task,
               gpointer   data,
               GError   **error)
{
  CfutExecutor **executor = data;

  g_clear_object (executor);
  return TRUE;
}

/* Guarantee 9: the last reference to an executor is dropped by a task of its own: it frees itself
 * without waiting for the thread that does so, and what it had taken is run. */
static void
test_breaks_dropped_by_its_own_task (void)
{
  for (guint i = 0; i < 50; i++)
    {
      CfutExecutor *executor = cfut_thread_executor_new (1);
      g_autoptr (CfutFuture) future = NULL;
      g_autoptr (CfutFuture) after = NULL;
      g_autoptr (CfutFuture) blocker = NULL;
      int n_gone = 0;
      TestGate gate;

      test_gate_init (&gate);
      test_watch_gone (executor, &n_gone);
      blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
      future = cfut_executor_submit (executor, drop_executor, &executor, NULL);
      after = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      test_gate_open (&gate);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      test_assert_settles (after, CFUT_STATE_RESOLVED);
      test_assert_settles (blocker, CFUT_STATE_RESOLVED);
      test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 1);
      test_gate_clear (&gate);
    }
}

#define N_LEFT_BEHIND 40

typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  CfutFuture *behind[N_LEFT_BEHIND];
  TestPlace destroyed;
} Stuck;

static void
stuck_destroyed (gpointer data)
{
  test_place_note (&((Stuck *) data)->destroyed);
}

static gboolean
get_stuck (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Stuck *self = data;

  /* These stand in this worker's own ring. */
  for (guint i = 0; i < N_LEFT_BEHIND; i++)
    self->behind[i] = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
  test_gate_pass (&self->gate);
  cfut_task_set_result_int64 (task, 1);
  return TRUE;
}

/* Guarantee 7: a thread that is stuck after its deadline is replaced, and what it left in its ring
 * is run meanwhile. When it returns, that changes nothing; only then goes its user data. */
static void
test_breaks_stuck_and_late (void)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) last = NULL;
  Stuck stuck = { .executor = cfut_thread_executor_new (1) };
  CfutThreadExecutor *threads;

  test_gate_init (&stuck.gate);
  cfut_thread_executor_set_idle_timeout_usec (CFUT_THREAD_EXECUTOR (stuck.executor), -1);
  cfut_request_set_run_deadline_usec (request, 20 * 1000);
  future = cfut_executor_submit_full (stuck.executor, request, get_stuck, &stuck, stuck_destroyed);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  test_gate_wait_arrived (&stuck.gate, 1);
  for (guint i = 0; i < N_LEFT_BEHIND; i++)
    {
      test_assert_settles (stuck.behind[i], CFUT_STATE_RESOLVED);
      g_object_unref (stuck.behind[i]);
    }
  test_iterate_ready (NULL);
  g_assert_cmpint (test_place_get_n (&stuck.destroyed), ==, 0);

  test_gate_open (&stuck.gate);
  test_iterate_until (NULL, test_place_get_n (&stuck.destroyed) == 1);
  test_place_assert_here (&stuck.destroyed, 1);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  /* It goes, and does not wait for more. */
  threads = CFUT_THREAD_EXECUTOR (stuck.executor);
  test_poll_until (cfut_thread_executor_get_n_abandoned (threads) == 0);
  g_assert_cmpuint (cfut_thread_executor_get_n_threads (threads), ==, 1);
  last = cfut_executor_submit (stuck.executor, test_task_nothing, NULL, NULL);
  test_assert_settles (last, CFUT_STATE_RESOLVED);
  g_object_unref (stuck.executor);
  test_gate_clear (&stuck.gate);
}

typedef struct {
  CfutExecutor *executor;
  CfutFuture *nested;
  GThread *waiter;
  TestGate gate;
  TestSem popped;
  int n_gone;      /* atomic */
} Stale;

static gboolean
post_popped (CfutTask  *task,
             gpointer   data,
             GError   **error)
{
  test_sem_post (&((Stale *) data)->popped);
  return TRUE;
}

static gboolean
run_in_the_wait (CfutTask  *task,
                 gpointer   data,
                 GError   **error)
{
  Stale *self = data;

  g_assert_true (g_thread_self () == self->waiter);
  test_gate_open (&self->gate);
  test_sem_wait (&self->popped);
  return TRUE;
}

static gboolean
submit_nested_and_wait (CfutTask  *task,
                 gpointer   data,
                 GError   **error)
{
  Stale *self = data;
  g_autoptr (CfutFuture) before = NULL;
  g_autoptr (CfutFuture) behind = NULL;

  self->waiter = g_thread_self ();
  before = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
  self->nested = cfut_executor_submit (self->executor, run_in_the_wait, self, NULL);
  test_watch_gone (self->nested, &self->n_gone);
  behind = cfut_executor_submit (self->executor, post_popped, self, NULL);
  return cfut_future_wait (self->nested, -1, NULL, error);
}

/* 3. What a wait runs itself stays in the queue, where it stands neither first nor last. While it
 * runs, the other worker comes to it there, as it comes to what was queued behind it, and drops the
 * queue's reference: the run has one of its own, and the waiter still has his. */
static void
test_breaks_popped_while_run_in_a_wait (void)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (CfutFuture) blocker = NULL;
      g_autoptr (CfutFuture) outer = NULL;
      Stale self = { .executor = cfut_thread_executor_new (2) };

      test_gate_init (&self.gate);
      test_sem_init (&self.popped);
      blocker = cfut_executor_submit (self.executor, test_task_pass, &self.gate, NULL);
      test_gate_wait_arrived (&self.gate, 1);
      outer = cfut_executor_submit (self.executor, submit_nested_and_wait, &self, NULL);
      test_assert_settles (outer, CFUT_STATE_RESOLVED);
      cfut_executor_shutdown (self.executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      test_iterate_ready (NULL);
      g_assert_cmpint (g_atomic_int_get (&self.n_gone), ==, 0);

      g_object_unref (self.nested);
      test_iterate_until (NULL, g_atomic_int_get (&self.n_gone) == 1);
      g_object_unref (self.executor);
      test_sem_clear (&self.popped);
      test_gate_clear (&self.gate);
    }
}

static gboolean
run_other (CfutTask  *task,
           gpointer   other,
           GError   **error)
{
  g_object_ref (other);
  g_assert_true (cfut_task_run (other, CFUT_CELL_PAUSED));
  return TRUE;
}

/* Two workers have taken one task, each from another place, as it was given a priority in between.
 * It is paused: the first sets it aside; it is resumed, and before it is given its place in the
 * queue again the second has begun to run it. Nothing is left of it there, and the executor
 * ends. */
static void
test_breaks_run_by_the_other_of_two (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) blocker = NULL;
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) runner = NULL;
  TestPlace destroyed = { NULL, };
  GError *error = NULL;
  TestGate gate;
  CfutTask *task;

  test_gate_init (&gate);
  blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  future = cfut_executor_submit (executor, test_task_nothing, &destroyed, test_place_note);
  cfut_future_pause (future);
  test_gate_open (&gate);

  task = CFUT_TASK (future);
  test_poll_until (cfut_cell_load (&future->cell) & CFUT_CELL_PLACED);
  test_poll_until (cfut_pool_is_aside (task->entry.pool, &cfut_task_peek_options (task)->place));

  /* The first half of resuming. */
  cfut_cell_clear_flags (&future->cell, CFUT_CELL_PAUSED);
  runner = cfut_executor_submit (executor, run_other, task, NULL);
  test_assert_settles (runner, CFUT_STATE_RESOLVED);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  cfut_future_resume (future);

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_assert_cmpint (test_place_get_n (&destroyed), ==, 1);
  test_gate_clear (&gate);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/breaks/" name, test_breaks_##func)
  add ("03-presence-popped-while-run-in-a-wait", popped_while_run_in_a_wait);
  add ("06-one-winner-in-the-queue", one_winner);
  add ("08-stale-entry-goes-home", stale_entry_goes_home);
  add ("08-replaced-result-goes-home", replaced_result_goes_home);
  add ("09-no-reaping-between-two-iterations", no_reaping_between_two_iterations);
  add ("11-dropped-by-its-own-task", dropped_by_its_own_task);
  add ("12-stuck-and-late", stuck_and_late);
#undef add

  g_test_add_func ("/cfut/breaks/06-run-by-the-other-of-two", test_breaks_run_by_the_other_of_two);

  return g_test_run ();
}
