/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What limits an executor, at its face: the pause, the rate, and the wait for room; on threads and on a derived
 * executor, which runs its work at once where it is executed. */

#include "test-util.h"

#define TEST_TYPE_PLAIN_EXECUTOR (test_plain_executor_get_type ())
G_DECLARE_FINAL_TYPE (TestPlainExecutor, test_plain_executor, TEST, PLAIN_EXECUTOR, CfutExecutor)

struct _TestPlainExecutor {
  CfutExecutor parent_instance;
};

G_DEFINE_FINAL_TYPE (TestPlainExecutor, test_plain_executor, CFUT_TYPE_EXECUTOR)

static GThread *executed_by;
static int n_executed_elsewhere;

static void
test_plain_executor_execute (CfutExecutor *executor,
                             CfutWork     *work)
{
  if (executed_by != NULL && executed_by != g_thread_self ())
    g_atomic_int_inc (&n_executed_elsewhere);
  cfut_work_run (work);
  cfut_work_unref (work);
}

static void
test_plain_executor_class_init (TestPlainExecutorClass *klass)
{
  CFUT_EXECUTOR_CLASS (klass)->execute = test_plain_executor_execute;
}

static void
test_plain_executor_init (TestPlainExecutor *self)
{
}

static CfutExecutor *
make_executor (gconstpointer derived)
{
  return derived != NULL ? g_object_new (TEST_TYPE_PLAIN_EXECUTOR, NULL) : cfut_thread_executor_new (2);
}

static gboolean
append_number (CfutTask  *task,
               gpointer   order,
               GError   **error)
{
  static GMutex lock;

  g_mutex_lock (&lock);
  g_array_append_vals (order, &(guint) { ((GArray *) order)->len }, 1);
  g_mutex_unlock (&lock);
  return TRUE;
}

/* Nothing is started during a pause, what was cancelled never, and all else after it. */
static void
test_limits_pause (gconstpointer derived)
{
  g_autoptr (CfutExecutor) executor = make_executor (derived);
  g_autoptr (GArray) order = g_array_new (FALSE, FALSE, sizeof (guint));
  CfutFuture *futures[10];
  gboolean paused;

  g_assert_false (cfut_executor_is_paused (executor));
  cfut_executor_pause (executor);
  g_object_get (executor, "paused", &paused, NULL);
  g_assert_true (paused);

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_submit (executor, append_number, order, NULL);
  g_assert_true (cfut_future_cancel (futures[3]));
  g_assert_false (cfut_future_wait (futures[0], 20000, NULL, NULL));
  g_assert_cmpuint (order->len, ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_running (executor), ==, 0);

  cfut_executor_resume (executor);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], i == 3 ? CFUT_STATE_CANCELLED : CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  g_assert_cmpuint (order->len, ==, G_N_ELEMENTS (futures) - 1);
}

/* An executor that is dropped while it is paused, or held back by its rate, finishes what it took. */
static void
test_limits_dropped (gconstpointer derived)
{
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (100, 1);
      CfutExecutor *executor = make_executor (derived);
      CfutFuture *futures[5];
      int n_gone = 0;

      test_watch_gone (executor, &n_gone);
      if (i > 0)
        cfut_executor_set_rate_limit (executor, limit);
      if (i < 2)
        cfut_executor_pause (executor);
      for (guint j = 0; j < G_N_ELEMENTS (futures); j++)
        futures[j] = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      /* While there is something that the rate holds back. */
      if (i == 3)
        cfut_executor_pause (executor);
      g_object_unref (executor);

      for (guint j = 0; j < G_N_ELEMENTS (futures); j++)
        {
          test_assert_settles (futures[j], CFUT_STATE_RESOLVED);
          g_object_unref (futures[j]);
        }
      test_iterate_until (NULL, g_atomic_int_get (&n_gone) > 0);
    }
}

/* A rate holds whatever runs the tasks; no earlier than the bucket says, and all in the end. */
static void
test_limits_rate (gconstpointer derived)
{
  g_autoptr (CfutExecutor) executor = make_executor (derived);
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (200, 2);
  CfutFuture *futures[20];
  gint64 start;

  g_object_set (executor, "rate-limit", limit, NULL);
  g_assert_true (cfut_executor_get_rate_limit (executor) == limit);
  start = g_get_monotonic_time ();
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }

  /* 18 that the burst does not hold, 5 ms each, less the 20 ms that are caught up at most. */
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 18 * 5000 - 20000);

  cfut_executor_set_rate_limit (executor, NULL);
  g_assert_null (cfut_executor_get_rate_limit (executor));
}

/* A shutdown ends the executor's pause, before the wait and for good. */
static void
test_limits_shut_down_while_paused (gconstpointer derived)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (CfutExecutor) executor = make_executor (derived);
      CfutFuture *futures[3];
      GError *error = NULL;

      cfut_executor_pause (executor);
      for (guint j = 0; j < G_N_ELEMENTS (futures); j++)
        futures[j] = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      g_assert_true (cfut_executor_shutdown (executor,
                                             CFUT_SHUTDOWN_WAIT | (i == 1 ? CFUT_SHUTDOWN_CANCEL_PENDING : 0),
                                             -1, &error));
      g_assert_no_error (error);
      cfut_executor_pause (executor);
      g_assert_false (cfut_executor_is_paused (executor));
      for (guint j = 0; j < G_N_ELEMENTS (futures); j++)
        {
          g_assert_cmpint (cfut_future_get_state (futures[j]), ==,
                           i == 1 ? CFUT_STATE_CANCELLED : CFUT_STATE_RESOLVED);
          g_object_unref (futures[j]);
        }
    }
}

typedef struct {
  CfutExecutor *executor;
  CfutFuture *futures[5];
} Held;

static void
held_submit (Held *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->futures); i++)
    self->futures[i] = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
}

static void
held_clear (Held *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->futures); i++)
    g_clear_object (&self->futures[i]);
}

static gboolean
held_wait_for_all (gpointer data)
{
  Held *self = data;

  for (guint i = 0; i < G_N_ELEMENTS (self->futures); i++)
    test_assert_settles (self->futures[i], CFUT_STATE_RESOLVED);
  return G_SOURCE_REMOVE;
}

/* What was held back is executed by the thread that has submitted it: in its loop, in a wait, and in a wait inside a
 * callback of its loop. */
static void
test_limits_executes_on_the_submitter (gconstpointer derived)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (200, 1);
  Held held = { .executor = make_executor (derived) };

  cfut_executor_set_rate_limit (held.executor, limit);
  executed_by = g_thread_self ();
  for (guint i = 0; i < 3; i++)
    {
      held_submit (&held);
      if (i == 0)
        held_wait_for_all (&held);
      else if (i == 1)
        g_idle_add (held_wait_for_all, &held);
      test_iterate_until (NULL, cfut_future_is_settled (held.futures[G_N_ELEMENTS (held.futures) - 1]));
      held_wait_for_all (&held);
      held_clear (&held);
    }
  g_assert_cmpint (g_atomic_int_get (&n_executed_elsewhere), ==, 0);
  executed_by = NULL;
  g_object_unref (held.executor);
}

static gpointer
held_submit_on_thread (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  held_submit (data);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static gpointer
held_submit_on_default (gpointer data)
{
  held_submit (data);
  return NULL;
}

/* Neither a submitter's thread that is gone nor its context leaves work behind: without any loop, and behind work of
 * others. */
static void
test_limits_submitter_gone (gconstpointer derived)
{
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (CfutExecutor) executor = make_executor (derived);
      g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (500, 1);
      Held theirs = { .executor = executor };
      Held ours = { .executor = executor };

      if (i < 2)
        cfut_executor_set_rate_limit (executor, limit);
      else
        cfut_executor_pause (executor);
      g_thread_join (g_thread_new ("submitter", i % 2 == 0 ? held_submit_on_thread : held_submit_on_default,
                                   &theirs));
      held_submit (&ours);
      cfut_executor_resume (executor);
      held_wait_for_all (&theirs);
      held_wait_for_all (&ours);
      held_clear (&theirs);
      held_clear (&ours);
    }
}

/* The limits are read back; without one there is room at once, and none after a shutdown. */
static void
test_limits_wait_ready (gconstpointer derived)
{
  g_autoptr (CfutExecutor) executor = make_executor (derived);
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_executor_wait_ready (executor, 0, NULL, &error));
  g_object_set (executor, "max-pending", G_GUINT64_CONSTANT (3), "max-pending-bytes",
                G_GUINT64_CONSTANT (100), NULL);
  g_assert_cmpuint (cfut_executor_get_max_pending (executor), ==, 3);
  g_assert_cmpuint (cfut_executor_get_max_pending_bytes (executor), ==, 100);
  g_assert_true (cfut_executor_wait_ready (executor, -1, NULL, &error));
  g_assert_no_error (error);

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
  g_assert_false (cfut_executor_wait_ready (executor, -1, NULL, &error));
  g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
}

static void
on_ready (GObject      *source,
          GAsyncResult *result,
          gpointer      data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

/* The same in a main loop. */
static void
test_limits_wait_ready_async (gconstpointer derived)
{
  g_autoptr (CfutExecutor) executor = make_executor (derived);
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  cfut_executor_wait_ready_async (executor, -1, NULL, on_ready, &result);
  g_assert_null (result);
  test_iterate_until (NULL, result != NULL);
  g_assert_true (cfut_executor_wait_ready_finish (executor, result, &error));
  g_assert_no_error (error);
  g_clear_object (&result);

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
  cfut_executor_wait_ready_async (executor, 1000000, NULL, on_ready, &result);
  test_iterate_until (NULL, result != NULL);
  g_assert_false (cfut_executor_wait_ready_finish (executor, result, &error));
  g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
  g_clear_object (&result);
}

int
main (int   argc,
      char *argv[])
{
  static const char *const kinds[] = { "threads", "derived" };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      gconstpointer derived = i == 1 ? kinds[i] : NULL;

#define ADD(name, func) \
  G_STMT_START { \
    g_autofree char *path_ = g_strconcat ("/cfut/executor-limits/", kinds[i], "/", name, NULL); \
    g_test_add_data_func (path_, derived, func); \
  } G_STMT_END

      ADD ("pause", test_limits_pause);
      ADD ("dropped", test_limits_dropped);
      ADD ("rate", test_limits_rate);
      ADD ("shut-down-while-paused", test_limits_shut_down_while_paused);
      if (derived != NULL)
        ADD ("executes-on-the-submitter", test_limits_executes_on_the_submitter);
      ADD ("submitter-gone", test_limits_submitter_gone);
      ADD ("wait-ready", test_limits_wait_ready);
      ADD ("wait-ready-async", test_limits_wait_ready_async);
#undef ADD
    }

  return g_test_run ();
}
