/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How a thread becomes an executor's: its name, the function that prepares it, and what becomes of
 * the executor when that fails. Guarantees 1 (all settles) and 2 (the function's data is released
 * on the context of who set it). */

/* pthread_getname_np */
#define _GNU_SOURCE

#include "test-util.h"

#include <pthread.h>

/* --- names --- */

static gboolean
tell_name (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  char name[16];

  g_assert_cmpint (pthread_getname_np (pthread_self (), name, sizeof name), ==, 0);
  cfut_task_set_result_string (task, name);
  return TRUE;
}

static void
assert_named (CfutExecutor *executor,
              const char   *worker_name,
              const char   *system_name)
{
  g_autoptr (CfutFuture) future = cfut_executor_submit (executor, tell_name, NULL, NULL);
  g_autofree char *name = NULL;

  g_assert_cmpstr (cfut_future_result_string (future, TEST_DEADLINE_USEC, NULL), ==, system_name);
  name = cfut_future_dup_worker_name (future);
  g_assert_cmpstr (name, ==, worker_name);
}

/* A thread has the executor's prefix and a number for a name, of which the system shows 15
 * bytes. */
static void
test_initializer_names (void)
{
  g_autoptr (CfutExecutor) usual = cfut_thread_executor_new (1);
  g_autoptr (CfutExecutor) named = cfut_thread_executor_new (1);
  g_autoptr (CfutExecutor) lengthy = g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", 1,
                                                   "thread-name-prefix", "a-rather-long-name",
                                                   NULL);
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autofree char *prefix = NULL;

  g_assert_null (cfut_future_dup_worker_name (cfut_promise_get_future (promise)));
  assert_named (usual, "cfut-1", "cfut-1");
  cfut_thread_executor_set_thread_name_prefix (CFUT_THREAD_EXECUTOR (named), "disk");
  prefix = cfut_thread_executor_dup_thread_name_prefix (CFUT_THREAD_EXECUTOR (named));
  g_assert_cmpstr (prefix, ==, "disk");
  assert_named (named, "disk-1", "disk-1");
  assert_named (lengthy, "a-rather-long-name-1", "a-rather-long-n");

  test_assert_ends (usual);
  test_assert_ends (named);
  test_assert_ends (lengthy);
}

/* --- once for each thread --- */

/* Threads go from one executor to the next. */
static guint n_preparations;
static __thread guint prepared_for;
static __thread guint prepared;      /* how often */

typedef struct {
  guint number;
  TestPlace destroyed;
  int n_calls;      /* atomic */
  int fails_after;  /* so many succeed; negative: all */
} Preparation;

static void
preparation_destroy (gpointer data)
{
  test_place_note (&((Preparation *) data)->destroyed);
}

static gboolean
prepare (gpointer   data,
         GError   **error)
{
  Preparation *self = data;
  int n = g_atomic_int_add (&self->n_calls, 1);

  if (self->fails_after >= 0 && n >= self->fails_after)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no licence for thread %d", n);
      return FALSE;
    }

  prepared = prepared_for == self->number ? prepared + 1 : 1;
  prepared_for = self->number;
  return TRUE;
}

static gboolean
pass_prepared (CfutTask  *task,
               gpointer   gate,
               GError   **error)
{
  g_assert_cmpuint (prepared, ==, 1);
  test_gate_pass (gate);
  return TRUE;
}

static gboolean
check_prepared (CfutTask  *task,
                gpointer   user_data,
                GError   **error)
{
  g_assert_cmpuint (prepared, ==, 1);
  return TRUE;
}

/* It is called once on each thread, before the first task; its data is released once, where it was
 * set, when the last thread has gone. */
static void
test_initializer_once_for_each_thread (void)
{
  CfutExecutor *executor = cfut_thread_executor_new (3);
  Preparation preparation = { .number = ++n_preparations, .fails_after = -1 };
  TestGate gate;

  test_gate_init (&gate);
  cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), prepare, &preparation,
                                        preparation_destroy);
  for (guint i = 0; i < 3; i++)
    g_object_unref (cfut_executor_submit (executor, pass_prepared, &gate, NULL));
  test_gate_wait_arrived (&gate, 3);
  g_assert_cmpint (g_atomic_int_get (&preparation.n_calls), ==, 3);
  test_gate_open (&gate);
  for (guint i = 0; i < 300; i++)
    g_object_unref (cfut_executor_submit (executor, check_prepared, NULL, NULL));
  test_assert_ends (executor);
  g_assert_cmpint (preparation.n_calls, ==, 3);
  g_assert_cmpint (test_place_get_n (&preparation.destroyed), ==, 0);

  g_object_unref (executor);
  test_iterate_until (NULL, test_place_get_n (&preparation.destroyed) > 0);
  test_iterate_ready (NULL);
  test_place_assert_here (&preparation.destroyed, 1);
  test_gate_clear (&gate);
}

/* --- failing --- */

static void
assert_broken (CfutFuture *future)
{
  g_autoptr (GError) error = NULL;

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  error = cfut_future_dup_error (future);
  g_assert_nonnull (strstr (error->message, "no licence for thread"));
}

/* Guarantee 1: what waits, and what comes later, is rejected with the function's message; shutdown
 * and drop work, and all is released. */
static void
test_initializer_fails (void)
{
  CfutExecutor *executor = cfut_thread_executor_new (2);
  Preparation preparation = { .number = ++n_preparations, .fails_after = 0 };
  TestPlace destroyed = { 0 };
  CfutFuture *futures[20];

  cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), prepare, &preparation,
                                        preparation_destroy);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_autoptr (CfutRequest) request = cfut_request_new ();

      /* Later ones come when it is broken for certain. */
      if (i == 10)
        test_assert_settles (futures[0], CFUT_STATE_REJECTED);
      cfut_request_set_priority (request, (int) (i % 3) - 1);
      futures[i] = cfut_executor_submit_full (executor, request, test_task_nothing, &destroyed,
                                              test_place_note);
    }
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      assert_broken (futures[i]);
      g_object_unref (futures[i]);
    }
  test_assert_ends (executor);
  g_object_unref (executor);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == G_N_ELEMENTS (futures) &&
                            test_place_get_n (&preparation.destroyed) > 0);
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures));
  test_place_assert_here (&preparation.destroyed, 1);
}

static gboolean
fail_without_error (gpointer   data,
                    GError   **error)
{
  return FALSE;
}

/* Guarantee 1: FALSE without an error has a message too. */
static void
test_initializer_fails_without_error (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;

  cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), fail_without_error, NULL,
                                        NULL);
  future = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  test_assert_ends (executor);
}

/* Guarantee 1: what runs on a thread that was prepared runs to its end, though a second one cannot
 * be. */
static void
test_initializer_fails_on_the_second (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  Preparation preparation = { .number = ++n_preparations, .fails_after = 1 };
  g_autoptr (CfutFuture) runs = NULL;
  g_autoptr (CfutFuture) waits = NULL;
  g_autoptr (CfutFuture) late = NULL;
  TestGate gate;

  test_gate_init (&gate);
  cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), prepare, &preparation,
                                        NULL);
  runs = cfut_executor_submit (executor, pass_prepared, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  waits = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  assert_broken (waits);
  g_assert_cmpint (cfut_future_get_state (runs), ==, CFUT_STATE_RUNNING);
  late = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  assert_broken (late);
  test_gate_open (&gate);
  test_assert_settles (runs, CFUT_STATE_RESOLVED);
  test_assert_ends (executor);
  test_gate_clear (&gate);
}

typedef struct {
  CfutExecutor *executor;
  TestPlace *destroyed;
  int n_settled;  /* atomic */
} Submitter;

static gpointer
submit_some (gpointer data)
{
  Submitter *self = data;

  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (CfutRequest) request = cfut_request_new ();
      g_autoptr (CfutFuture) future = NULL;
      g_autoptr (GError) error = NULL;

      cfut_request_set_priority (request, i % 2);
      future = cfut_executor_submit_full (self->executor, request, test_task_nothing,
                                          self->destroyed, test_place_note);
      cfut_future_result (future, TEST_DEADLINE_USEC, &error);
      g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
      g_atomic_int_inc (&self->n_settled);
    }
  return NULL;
}

/* Guarantee 1: several threads submit while the executor breaks, again and again: each future
 * settles, all is released, the executor ends. */
static void
test_initializer_breaks_while_submitting (void)
{
  for (guint round = 0; round < 300; round++)
    {
      CfutExecutor *executor = cfut_thread_executor_new (1 + round % 3);
      Preparation preparation = { .number = ++n_preparations, .fails_after = 0 };
      TestPlace destroyed = { 0 };
      Submitter submitter = { .executor = executor, .destroyed = &destroyed };
      GThread *threads[2];

      cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), prepare, &preparation,
                                            preparation_destroy);
      for (guint i = 0; i < 2; i++)
        threads[i] = g_thread_new ("submitter", submit_some, &submitter);
      for (guint i = 0; i < 2; i++)
        g_thread_join (threads[i]);
      g_assert_cmpint (submitter.n_settled, ==, 20);
      if (round % 2 == 0)
        test_assert_ends (executor);
      g_object_unref (executor);
      test_iterate_until (NULL, test_place_get_n (&destroyed) == 20 &&
                                test_place_get_n (&preparation.destroyed) == 1);
    }
}

/* The executor is dropped while its only thread is being prepared in vain: all the same. */
static void
test_initializer_fails_in_a_dropped_executor (void)
{
  for (guint round = 0; round < 1000; round++)
    {
      CfutExecutor *executor = cfut_thread_executor_new (1);
      Preparation preparation = { .number = ++n_preparations, .fails_after = 0 };
      g_autoptr (CfutFuture) future = NULL;
      gboolean cancelled;

      cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), prepare, &preparation,
                                            preparation_destroy);
      future = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      cancelled = round % 3 == 0 && cfut_future_cancel (future);
      g_object_unref (executor);
      if (cancelled)
        test_assert_settles (future, CFUT_STATE_CANCELLED);
      else
        assert_broken (future);
      test_iterate_until (NULL, test_place_get_n (&preparation.destroyed) == 1);
      test_place_assert_here (&preparation.destroyed, 1);
    }
}

/* It is set once, and is a function. */
static void
test_initializer_bad_input (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  test_expect_critical ();
  cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), NULL, NULL, NULL);
  g_test_assert_expected_messages ();
  cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), fail_without_error, NULL,
                                        NULL);
  test_expect_critical ();
  cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (executor), fail_without_error, NULL,
                                        NULL);
  g_test_assert_expected_messages ();
  test_assert_ends (executor);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/initializer/" name, test_initializer_##func)
  add ("names", names);
  add ("2-once-for-each-thread", once_for_each_thread);
  add ("1-fails", fails);
  add ("1-fails-without-error", fails_without_error);
  add ("1-fails-on-the-second", fails_on_the_second);
  add ("1-breaks-while-submitting", breaks_while_submitting);
  add ("1-fails-in-a-dropped-executor", fails_in_a_dropped_executor);
  add ("bad-input", bad_input);
#undef add

  return g_test_run ();
}
