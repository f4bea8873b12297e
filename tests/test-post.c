/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What is posted: run once, released on the owner's context (guarantee 2), reported when it fails
 * (guarantee 10), asked to stop like any task; and the task that its function sees, which others
 * may keep. */

#include "test-util.h"

/* --- reports --- */

typedef struct {
  GMutex lock;
  GString *text;
  int n;  /* atomic */
} Reports;

static Reports reports;

/* All messages of the library's; the rest as ever. */
static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         user_data)
{
  const char *domain = NULL;
  const char *message = NULL;

  for (gsize i = 0; i < n_fields; i++)
    {
      if (g_strcmp0 (fields[i].key, "GLIB_DOMAIN") == 0)
        domain = fields[i].value;
      else if (g_strcmp0 (fields[i].key, "MESSAGE") == 0)
        message = fields[i].value;
    }

  if (level != G_LOG_LEVEL_MESSAGE || g_strcmp0 (domain, TEST_LIBRARY_LOG_DOMAIN) != 0)
    return g_log_writer_default (level, fields, n_fields, user_data);

  g_mutex_lock (&reports.lock);
  g_string_append_printf (reports.text, "%s\n", message);
  g_mutex_unlock (&reports.lock);
  g_atomic_int_inc (&reports.n);
  return G_LOG_WRITER_HANDLED;
}

static void
reports_clear (void)
{
  g_mutex_lock (&reports.lock);
  g_string_truncate (reports.text, 0);
  g_mutex_unlock (&reports.lock);
  g_atomic_int_set (&reports.n, 0);
}

static void
assert_reported (int         n,
                 const char *what)
{
  test_poll_until (g_atomic_int_get (&reports.n) >= n);
  g_assert_cmpint (g_atomic_int_get (&reports.n), ==, n);
  g_mutex_lock (&reports.lock);
  if (what != NULL)
    g_assert_nonnull (strstr (reports.text->str, what));
  g_mutex_unlock (&reports.lock);
}

/* --- running --- */

/* Guarantee 2: each runs once, and what it was posted with is released on the context that posted
 * it. */
static void
test_post_runs (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  TestPlace destroyed = { 0 };
  int n_ran = 0;

  for (guint i = 0; i < 2000; i++)
    {
      cfut_executor_post (executor, test_task_count, &n_ran, NULL);
      cfut_executor_post (executor, test_task_nothing, &destroyed, test_place_note);
    }
  test_assert_ends (executor);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 2000);
  test_place_assert_here (&destroyed, 2000);
  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, 2000);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 4000);
}

typedef struct {
  CfutExecutor *executor;
  TestPlace destroyed;
} Elsewhere;

static void
post_from_there (gpointer data)
{
  Elsewhere *self = data;

  for (guint i = 0; i < 100; i++)
    cfut_executor_post (self->executor, test_task_nothing, &self->destroyed, test_place_note);
}

/* Guarantee 2: the same on a thread with a context of its own. */
static void
test_post_from_another_context (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  TestLoopThread *thread = test_loop_thread_new ();
  Elsewhere elsewhere = { .executor = executor };

  test_loop_thread_call (thread, post_from_there, &elsewhere);
  test_poll_until (test_place_get_n (&elsewhere.destroyed) == 100);
  g_assert_true (elsewhere.destroyed.thread == test_loop_thread_get_thread (thread));
  test_assert_ends (executor);
  test_loop_thread_free (thread);
}

typedef struct {
  CfutExecutor *executor;
  TestPlace destroyed;
  int n_left;  /* atomic */
  int n_ran;   /* atomic */
} Nested;

static void
nested_destroy (gpointer data)
{
  test_place_note (&((Nested *) data)->destroyed);
}

/* Posts two more, and waits for a task in between, which posts too. */
static gboolean
post_more (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Nested *self = data;

  g_atomic_int_inc (&self->n_ran);
  g_assert_true (cfut_task_checkpoint (task, NULL));
  if (g_atomic_int_add (&self->n_left, -1) > 0)
    {
      g_autoptr (CfutFuture) inner = NULL;

      cfut_executor_post (self->executor, post_more, self, nested_destroy);
      inner = cfut_executor_submit (self->executor, post_more, self, nested_destroy);
      g_assert_true (cfut_future_wait (inner, -1, NULL, NULL));
      cfut_executor_post (self->executor, post_more, self, nested_destroy);
    }
  g_assert_true (cfut_task_checkpoint (task, NULL));
  return TRUE;
}

/* Posts inside of posts, and inside of tasks that they wait for; the release is on the first one's
 * context. */
static void
test_post_inside_a_post (void)
{
  for (guint max = 1; max <= 2; max++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (max);
      Nested nested = { .executor = executor, .n_left = 200 };

      cfut_executor_post (executor, post_more, &nested, nested_destroy);
      test_iterate_until (NULL, test_place_get_n (&nested.destroyed) == 601);
      test_place_assert_here (&nested.destroyed, 601);
      test_assert_ends (executor);
      g_assert_cmpint (g_atomic_int_get (&nested.n_ran), ==, 601);
    }
}

/* --- the task --- */

typedef struct {
  CfutTask *kept;
  TestPlace called;
  gboolean cancels;
  gboolean watches;
} Keeper;

static gboolean
keep_task (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Keeper *self = data;

  self->kept = g_object_ref (task);
  cfut_task_set_result_string (task, "kept");
  cfut_task_set_progress (task, 1, 2);
  if (self->watches)
    cfut_future_add_done_callback (CFUT_FUTURE (task), CFUT_CALLBACK_DEFAULT, test_place_callback,
                                   &self->called, NULL);
  if (self->cancels)
    g_assert_false (cfut_future_cancel (CFUT_FUTURE (task)));
  return TRUE;
}

/* The task that one function has seen is not seen again by another that would not find it new; and,
 * kept, it settles. */
static void
test_post_kept_task_settles (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  CfutTask *all[20];

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      Keeper keeper = { .cancels = i % 2 == 1, .watches = i % 3 == 1 };
      TestPlace destroyed = { 0 };
      g_autoptr (CfutFuture) after = NULL;

      cfut_executor_post (executor, keep_task, &keeper, NULL);
      cfut_executor_post (executor, test_task_nothing, &destroyed, test_place_note);
      after = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      test_assert_settles (after, CFUT_STATE_RESOLVED);
      all[i] = keeper.kept;
      for (guint j = 0; j < i; j++)
        g_assert_true (all[j] != all[i]);
      test_assert_settles (CFUT_FUTURE (all[i]), CFUT_STATE_RESOLVED);
      g_assert_cmpstr (cfut_future_result_string (CFUT_FUTURE (all[i]), 0, NULL), ==, "kept");
      test_iterate_until (NULL, test_place_get_n (&destroyed) == 1 &&
                                test_place_get_n (&keeper.called) == (keeper.watches ? 1 : 0));
    }
  test_assert_ends (executor);
  test_iterate_ready (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    {
      int n_gone = 0;

      test_watch_gone (all[i], &n_gone);
      g_object_unref (all[i]);
      g_assert_cmpint (n_gone, ==, 1);
    }
}

typedef struct {
  TestGate gate;
  gboolean uses_cancellable;
  gboolean fails;  /* with the error of the checkpoint */
  GError *error;
} Stopped;

static void
on_task_cancelled (GCancellable *cancellable,
                   gpointer      gate)
{
  test_gate_open (gate);
}

static gboolean
until_stopped (CfutTask  *task,
               gpointer   data,
               GError   **error)
{
  Stopped *self = data;

  test_gate_arrive (&self->gate);
  if (self->uses_cancellable)
    {
      GCancellable *cancellable = cfut_task_get_cancellable (task);
      gulong id = g_cancellable_connect (cancellable, G_CALLBACK (on_task_cancelled), &self->gate,
                                         NULL);

      test_gate_pass (&self->gate);
      g_cancellable_disconnect (cancellable, id);
      g_assert_false (cfut_task_checkpoint (task, &self->error));
    }
  else
    {
      test_poll_until (!cfut_task_checkpoint (task, &self->error));
    }
  if (self->fails)
    g_propagate_error (error, g_error_copy (self->error));
  return !self->fails;
}

/* Guarantee 5: a shutdown that asks what runs to stop reaches a post through its checkpoint, and
 * through its cancellable. */
static void
test_post_is_asked_to_stop (void)
{
  for (guint round = 0; round < 100; round++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      Stopped stopped = { .uses_cancellable = round % 2 };
      GError *error = NULL;

      test_gate_init (&stopped.gate);
      cfut_executor_post (executor, until_stopped, &stopped, NULL);
      test_gate_wait_arrived (&stopped.gate, 1);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_RUNNING | CFUT_SHUTDOWN_WAIT,
                              TEST_DEADLINE_USEC, &error);
      g_assert_no_error (error);
      g_assert_error (stopped.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&stopped.error);
      test_gate_clear (&stopped.gate);
    }
}

static gboolean
fail_as_cancelled (CfutTask  *task,
                   gpointer   data,
                   GError   **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "of its own accord");
  return FALSE;
}

/* Guarantee 10: one that was asked to stop, and fails with CANCELLED then, is not reported; one that
 * does so unasked is. */
static void
test_post_stopped_is_not_reported (void)
{
  g_autoptr (CfutExecutor) unasked = cfut_thread_executor_new (1);

  reports_clear ();
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      Stopped stopped = { .uses_cancellable = i, .fails = TRUE };

      test_gate_init (&stopped.gate);
      cfut_executor_post (executor, until_stopped, &stopped, NULL);
      test_gate_wait_arrived (&stopped.gate, 1);
      g_assert_true (cfut_executor_shutdown (executor,
                                             CFUT_SHUTDOWN_CANCEL_RUNNING | CFUT_SHUTDOWN_WAIT,
                                             TEST_DEADLINE_USEC, NULL));
      g_assert_error (stopped.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&stopped.error);
      g_assert_cmpint (g_atomic_int_get (&reports.n), ==, 0);
      test_gate_clear (&stopped.gate);
    }

  cfut_executor_post (unasked, fail_as_cancelled, NULL, NULL);
  assert_reported (1, "of its own accord");
  test_assert_ends (unasked);
}

/* --- failing, and too late --- */

/* Guarantee 10: a failure is reported, with its message; one that sets no error too. The next post
 * is not harmed. */
static void
test_post_failure_is_reported (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestPlace destroyed = { 0 };
  int n_ran = 0;

  reports_clear ();
  cfut_executor_post (executor, test_task_fail, &destroyed, test_place_note);
  cfut_executor_post (executor, test_task_count, &n_ran, NULL);
  assert_reported (1, "it failed as it should");
  cfut_executor_post (executor, test_task_unset, &destroyed, test_place_note);
  assert_reported (2, "set no error");
  test_assert_ends (executor);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 2);
  test_place_assert_here (&destroyed, 2);
  g_assert_cmpint (n_ran, ==, 1);
}

/* Guarantee 10: after the shutdown it is not run, released all the same, and reported. */
static void
test_post_after_shutdown (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestPlace destroyed = { 0 };
  int n_ran = 0;

  reports_clear ();
  test_assert_ends (executor);
  cfut_executor_post (executor, test_task_nothing, &destroyed, test_place_note);
  cfut_executor_post (executor, test_task_count, &n_ran, NULL);
  assert_reported (2, "shut down");
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 1);
  test_place_assert_here (&destroyed, 1);
  g_assert_cmpint (n_ran, ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
}

/* What is taken out of the queue by a shutdown is released and pending no more, and not run. */
static void
test_post_n_pending (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestPlace destroyed = { 0 };
  TestGate gate;
  int n_ran = 0;

  test_gate_init (&gate);
  cfut_executor_post (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  for (guint i = 0; i < 50; i++)
    {
      cfut_executor_post (executor, test_task_count, &n_ran, NULL);
      cfut_executor_post (executor, test_task_nothing, &destroyed, test_place_note);
    }
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 100);
  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_PENDING, 0, NULL));
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_running (executor), ==, 1);
  test_gate_open (&gate);
  test_assert_ends (executor);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 50);
  test_place_assert_here (&destroyed, 50);
  g_assert_cmpint (n_ran, ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, 1);
  test_gate_clear (&gate);
}

/* --- derived executors --- */

#define TEST_TYPE_HERE (test_here_get_type ())
G_DECLARE_FINAL_TYPE (TestHere, test_here, TEST, HERE, CfutExecutor)

/* Runs all at once, on the submitting thread. */
struct _TestHere {
  CfutExecutor parent_instance;
};

G_DEFINE_FINAL_TYPE (TestHere, test_here, CFUT_TYPE_EXECUTOR)

static void
test_here_execute (CfutExecutor *executor,
                   CfutWork     *work)
{
  cfut_work_run (work);
  cfut_work_unref (work);
}

static void
test_here_class_init (TestHereClass *klass)
{
  CFUT_EXECUTOR_CLASS (klass)->execute = test_here_execute;
}

static void
test_here_init (TestHere *self)
{
}

/* A derived executor gets it like any other work; a failure is reported all the same. */
static void
test_post_derived_executor (void)
{
  g_autoptr (CfutExecutor) executor = g_object_new (TEST_TYPE_HERE, NULL);
  TestPlace destroyed = { 0 };
  int n_ran = 0;

  reports_clear ();
  cfut_executor_post (executor, test_task_count, &n_ran, NULL);
  g_assert_cmpint (n_ran, ==, 1);
  cfut_executor_post (executor, test_task_nothing, &destroyed, test_place_note);
  cfut_executor_post (executor, test_task_fail, &destroyed, test_place_note);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 2);
  test_place_assert_here (&destroyed, 2);
  test_iterate_until (NULL, g_atomic_int_get (&reports.n) == 1);
  assert_reported (1, "it failed as it should");
  test_assert_ends (executor);
}

/* With a request, which may settle the future before the derived executor has its work: the log of
 * open work is empty in the end, or the shutdown would not end. */
static void
test_post_derived_executor_settled_early (void)
{
  g_autoptr (CfutExecutor) executor = g_object_new (TEST_TYPE_HERE, NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 20000; i++)
    {
      g_autoptr (CfutFuture) future = NULL;

      cfut_request_set_queue_deadline_usec (request, g_rand_int_range (rand, 0, 4));
      future = cfut_executor_submit_full (executor, request, test_task_nothing, NULL, NULL);
      g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));
      g_clear_error (&error);
      error = cfut_future_dup_error (future);
    }
  test_assert_ends (executor);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_mutex_init (&reports.lock);
  reports.text = g_string_new (NULL);
  g_log_set_writer_func (write_log, NULL, NULL);

#define add(name, func) g_test_add_func ("/cfut/post/" name, test_post_##func)
  add ("2-runs", runs);
  add ("2-from-another-context", from_another_context);
  add ("inside-a-post", inside_a_post);
  add ("kept-task-settles", kept_task_settles);
  add ("5-is-asked-to-stop", is_asked_to_stop);
  add ("10-stopped-is-not-reported", stopped_is_not_reported);
  add ("10-failure-is-reported", failure_is_reported);
  add ("10-after-shutdown", after_shutdown);
  add ("n-pending", n_pending);
  add ("derived-executor", derived_executor);
  add ("derived-executor-settled-early", derived_executor_settled_early);
#undef add

  return g_test_run ();
}
