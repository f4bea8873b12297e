/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutWork: what a derived executor may do with one. Guarantees 1, 2, 5. */

#include "test-util.h"

static guint
one_worker (CfutExecutor *executor)
{
  return 1;
}

#define TEST_TYPE_HOLDING_EXECUTOR (test_holding_executor_get_type ())
G_DECLARE_FINAL_TYPE (TestHoldingExecutor, test_holding_executor, TEST, HOLDING_EXECUTOR,
                      CfutExecutor)

struct _TestHoldingExecutor {
  CfutExecutor parent_instance;

  CfutWork *work;
  gboolean drop;
  guint n_shutdowns;
  CfutShutdownFlags latest_flags;
};

G_DEFINE_TYPE (TestHoldingExecutor, test_holding_executor, CFUT_TYPE_EXECUTOR)

static void
test_holding_executor_execute (CfutExecutor *executor,
                               CfutWork     *work)
{
  TestHoldingExecutor *self = TEST_HOLDING_EXECUTOR (executor);

  if (self->drop)
    {
      cfut_work_unref (work);
      return;
    }

  g_assert_null (self->work);
  self->work = work;
}

static void
test_holding_executor_shutdown (CfutExecutor      *executor,
                                CfutShutdownFlags  flags)
{
  TestHoldingExecutor *self = TEST_HOLDING_EXECUTOR (executor);

  self->n_shutdowns++;
  self->latest_flags = flags;
}

static void
test_holding_executor_class_init (TestHoldingExecutorClass *klass)
{
  CfutExecutorClass *executor_class = CFUT_EXECUTOR_CLASS (klass);

  executor_class->execute = test_holding_executor_execute;
  executor_class->shutdown = test_holding_executor_shutdown;
  executor_class->get_max_workers = one_worker;
}

static void
test_holding_executor_init (TestHoldingExecutor *self)
{
}

typedef struct {
  TestHoldingExecutor *executor;
  CfutFuture *future;
  TestPlace destroyed;
  int n_ran;
} Held;

static gboolean
held_task (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  ((Held *) data)->n_ran++;
  return TRUE;
}

static void
held_destroyed (gpointer data)
{
  test_place_note (&((Held *) data)->destroyed);
}

static void
held_set_up (Held          *held,
             gconstpointer  data)
{
  held->executor = g_object_new (TEST_TYPE_HOLDING_EXECUTOR, NULL);
  held->future = cfut_executor_submit (CFUT_EXECUTOR (held->executor), held_task, held,
                                       held_destroyed);
  g_assert_nonnull (held->executor->work);
  g_assert_true (cfut_work_get_future (held->executor->work) == held->future);
  g_assert_cmpint (cfut_future_get_state (held->future), ==, CFUT_STATE_PENDING);
}

static void
held_tear_down (Held          *held,
                gconstpointer  data)
{
  int n_gone = 0;

  test_watch_gone (held->future, &n_gone);
  g_clear_pointer (&held->executor->work, cfut_work_unref);
  g_clear_object (&held->executor);
  test_iterate_until (NULL, test_place_get_n (&held->destroyed) > 0);
  g_object_unref (held->future);
  test_iterate_until (NULL, n_gone == 1);
  test_place_assert_here (&held->destroyed, 1);
}

static void
assert_counts (Held    *held,
               guint64  n_pending,
               guint64  n_completed)
{
  CfutExecutor *executor = CFUT_EXECUTOR (held->executor);

  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, n_pending);
  g_assert_cmpuint (cfut_executor_get_n_running (executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, n_completed);
}

/* It runs once, and is counted once; whoever runs it again is told FALSE. */
static void
test_work_runs_once (Held          *held,
                     gconstpointer  data)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");

  g_assert_true (cfut_work_run (held->executor->work));
  g_assert_cmpint (held->n_ran, ==, 1);
  g_assert_cmpint (cfut_future_get_state (held->future), ==, CFUT_STATE_RESOLVED);
  g_assert_false (cfut_work_run (held->executor->work));
  g_assert_false (cfut_work_reject (held->executor->work, error));
  g_assert_cmpint (held->n_ran, ==, 1);
  test_assert_settles (held->future, CFUT_STATE_RESOLVED);
  assert_counts (held, 0, 1);
}

/* Guarantee 1: it may be rejected with any error, instead of being run, and has not been completed
 * then. */
static void
test_work_rejected (Held          *held,
                    gconstpointer  data)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");

  assert_counts (held, 1, 0);
  g_assert_true (cfut_work_reject (held->executor->work, error));
  assert_counts (held, 0, 0);
  test_assert_fails (held->future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_false (cfut_work_run (held->executor->work));
  g_assert_false (cfut_work_reject (held->executor->work, error));
  g_assert_cmpint (held->n_ran, ==, 0);
}

/* Guarantee 1: dropped, it rejects with ABANDONED. */
static void
test_work_dropped (Held          *held,
                   gconstpointer  data)
{
  g_clear_pointer (&held->executor->work, cfut_work_unref);
  test_assert_fails (held->future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_ABANDONED);
  g_assert_cmpint (held->n_ran, ==, 0);
  assert_counts (held, 0, 0);
}

static gpointer
drop_work (gpointer work)
{
  cfut_work_unref (work);
  return NULL;
}

/* Guarantees 1 and 2: the same on another thread, after the executor went; the data comes home. */
static void
test_work_dropped_elsewhere (Held          *held,
                             gconstpointer  data)
{
  CfutWork *work = g_steal_pointer (&held->executor->work);

  g_object_unref (held->executor);
  g_thread_join (g_thread_new ("dropper", drop_work, work));
  g_assert_cmpint (test_place_get_n (&held->destroyed), ==, 0);
  test_assert_fails (held->future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_ABANDONED);
  held->executor = g_object_new (TEST_TYPE_HOLDING_EXECUTOR, NULL);
}

static gpointer
run_work (gpointer work)
{
  g_assert_true (cfut_work_run (work));
  cfut_work_unref (work);
  return NULL;
}

/* It may be run on any thread, also when the executor is gone. */
static void
test_work_outlives_the_executor (Held          *held,
                                 gconstpointer  data)
{
  CfutWork *work = g_steal_pointer (&held->executor->work);

  g_object_unref (held->executor);
  g_thread_join (g_thread_new ("runner", run_work, work));
  g_assert_cmpint (held->n_ran, ==, 1);
  test_assert_settles (held->future, CFUT_STATE_RESOLVED);
  held->executor = g_object_new (TEST_TYPE_HOLDING_EXECUTOR, NULL);
}

/* Guarantee 5: cancelled while it is held: running it does nothing. */
static void
test_work_cancelled (Held          *held,
                     gconstpointer  data)
{
  g_assert_true (cfut_future_cancel (held->future));
  test_iterate_until (NULL, test_place_get_n (&held->destroyed) == 1);
  g_assert_false (cfut_work_run (held->executor->work));
  g_assert_cmpint (held->n_ran, ==, 0);
  test_assert_fails (held->future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Guarantee 1: an executor that drops it at once has rejected it when submit returns. */
static void
test_work_dropped_at_once (Held          *held,
                           gconstpointer  data)
{
  g_autoptr (CfutFuture) future = NULL;

  held->executor->drop = TRUE;
  future = cfut_executor_submit (CFUT_EXECUTOR (held->executor), test_task_nothing, NULL, NULL);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_REJECTED);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_ABANDONED);
}

/* A derived class hears of each shutdown, with its flags. */
static void
test_work_shutdown_is_told (Held          *held,
                            gconstpointer  data)
{
  g_autoptr (CfutExecutor) executor = g_object_new (TEST_TYPE_HOLDING_EXECUTOR, NULL);
  TestHoldingExecutor *self = TEST_HOLDING_EXECUTOR (executor);

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_PENDING, 0, NULL);
  g_assert_cmpuint (self->n_shutdowns, ==, 1);
  g_assert_cmpint (self->latest_flags, ==, CFUT_SHUTDOWN_CANCEL_PENDING);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, 0, NULL);
  g_assert_cmpuint (self->n_shutdowns, ==, 2);
  g_assert_cmpint (self->latest_flags & CFUT_SHUTDOWN_CANCEL_PENDING, ==, 0);
}

/* Counted by the base class, as this one does not count. */
static void
test_work_is_counted (Held          *held,
                      gconstpointer  data)
{
  CfutExecutor *executor = CFUT_EXECUTOR (held->executor);

  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 1);
  g_assert_cmpuint (cfut_executor_get_n_running (executor), ==, 0);
  g_assert_false (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, 0, NULL));
  g_assert_true (cfut_work_run (held->executor->work));
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 1);
  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL));
}

static void
test_work_bad_input (Held          *held,
                     gconstpointer  data)
{
  test_expect_critical ();
  g_assert_false (cfut_work_run (NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_false (cfut_work_reject (held->executor->work, NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_null (cfut_work_get_future (NULL));
  g_test_assert_expected_messages ();
  g_assert_cmpint (cfut_future_get_state (held->future), ==, CFUT_STATE_PENDING);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) \
  g_test_add ("/cfut/work/" name, Held, NULL, held_set_up, test_work_##func, held_tear_down)
  add ("1-runs-once", runs_once);
  add ("1-rejected", rejected);
  add ("1-dropped", dropped);
  add ("1-2-dropped-elsewhere", dropped_elsewhere);
  add ("1-outlives-the-executor", outlives_the_executor);
  add ("5-cancelled", cancelled);
  add ("1-dropped-at-once", dropped_at_once);
  add ("shutdown-is-told", shutdown_is_told);
  add ("is-counted", is_counted);
  add ("bad-input", bad_input);
#undef add

  return g_test_run ();
}
