/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Shutdowns of a thread executor: whom they wait for, whom they name, and that nothing slips
 * through that was to be cancelled or asked to stop. Guarantees 1 and 5. */

#include "test-util.h"

/* --- stragglers --- */

static CfutFuture *
submit_named (CfutExecutor *executor,
              const char   *name,
              TestGate     *gate)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();

  cfut_request_set_name (request, name);
  return cfut_executor_submit_full (executor, request, test_task_pass, gate, NULL);
}

/* The message of a shutdown that waited in vain names the tasks that still run, five of them at
 * most, and no others. */
static void
test_shutdown_names_stragglers (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (7);
  g_autoptr (GError) error = NULL;
  CfutFuture *futures[9];
  TestGate gate;

  test_gate_init (&gate);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_autofree char *name = i == 3 ? NULL : g_strdup_printf ("täsk-%u", i);

      futures[i] = submit_named (executor, name, &gate);
      if (i == 6)
        test_gate_wait_arrived (&gate, 7);
    }
  g_assert_false (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, 1000, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (error->message, "7 tasks"));
  g_assert_nonnull (strstr (error->message, "…"));
  g_assert_null (strstr (error->message, "täsk-7"));
  g_assert_null (strstr (error->message, "täsk-8"));
  g_clear_error (&error);

  g_assert_false (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, 0, NULL));
  test_gate_open (&gate);
  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  test_gate_clear (&gate);
}

/* Two of them are both named, without more. */
static void
test_shutdown_names_few (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (GError) error = NULL;
  g_autoptr (CfutFuture) one = NULL;
  g_autoptr (CfutFuture) two = NULL;
  TestGate gate;

  test_gate_init (&gate);
  one = submit_named (executor, "upload", &gate);
  two = submit_named (executor, "checksum", &gate);
  test_gate_wait_arrived (&gate, 2);
  g_assert_false (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, 1000, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (error->message, "upload"));
  g_assert_nonnull (strstr (error->message, "checksum"));
  g_assert_null (strstr (error->message, "…"));
  test_gate_open (&gate);
  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, NULL));
  test_gate_clear (&gate);
}

static void
keep_shutdown_error (GObject      *source,
                     GAsyncResult *result,
                     gpointer      error)
{
  g_assert_false (cfut_executor_shutdown_finish (CFUT_EXECUTOR (source), result, error));
}

/* The asynchronous form names them as the blocking one does, and looks when its time is up; one
 * that is cancelled says just that. */
static void
test_shutdown_async_names_stragglers (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) blocking = NULL;
  g_autoptr (GError) limited = NULL;
  g_autoptr (GError) cancelled = NULL;
  g_autoptr (CfutFuture) one = NULL;
  g_autoptr (CfutFuture) two = NULL;
  TestGate gate;

  test_gate_init (&gate);
  one = submit_named (executor, "upload", &gate);
  two = submit_named (executor, "checksum", &gate);
  test_gate_wait_arrived (&gate, 2);
  g_assert_false (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, 0, &blocking));
  cfut_executor_shutdown_async (executor, CFUT_SHUTDOWN_DEFAULT, 1000, NULL, keep_shutdown_error,
                                &limited);
  cfut_executor_shutdown_async (executor, CFUT_SHUTDOWN_DEFAULT, -1, cancellable,
                                keep_shutdown_error, &cancelled);
  test_iterate_until (NULL, limited != NULL);
  g_assert_error (limited, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_nonnull (strstr (limited->message, "upload"));
  g_assert_cmpstr (limited->message, ==, blocking->message);

  g_cancellable_cancel (cancellable);
  test_iterate_until (NULL, cancelled != NULL);
  g_assert_error (cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (strstr (cancelled->message, "upload"));
  test_gate_open (&gate);
  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, NULL));
  test_gate_clear (&gate);
}

/* --- nothing slips through --- */

typedef struct {
  int n_unasked;     /* atomic: began after the shutdown had returned, and were not asked to stop */
  int n_began;       /* atomic */
  int is_shut_down;  /* atomic */
} Slips;

/* Of those that begin when the shutdown has returned, all have been asked. */
static gboolean
tell_if_unasked (CfutTask  *task,
                 gpointer   data,
                 GError   **error)
{
  Slips *self = data;
  gboolean late = g_atomic_int_get (&self->is_shut_down);

  g_atomic_int_inc (&self->n_began);
  if (cfut_task_checkpoint (task, error))
    {
      if (late)
        g_atomic_int_inc (&self->n_unasked);
      return TRUE;
    }
  return FALSE;
}

/* Guarantee 5: a shutdown that cancels what is pending and asks what runs to stop leaves none out,
 * however the workers fetch and steal meanwhile. */
static void
test_shutdown_lets_nothing_slip_through (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint round = 0; round < 1000; round++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2 + round % 6);
      CfutFuture *futures[150];
      Slips slips = { 0 };

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        futures[i] = cfut_executor_submit (executor, tell_if_unasked, &slips, NULL);
      test_burn (g_rand_int_range (rand, 0, 30));
      g_assert_true (cfut_executor_shutdown (executor,
                                             CFUT_SHUTDOWN_CANCEL_PENDING |
                                             CFUT_SHUTDOWN_CANCEL_RUNNING,
                                             0, NULL));
      g_atomic_int_set (&slips.is_shut_down, TRUE);
      g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC,
                                             NULL));
      g_assert_cmpint (slips.n_unasked, ==, 0);
      g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
      g_assert_cmpuint (cfut_executor_get_n_completed (executor), ==, slips.n_began);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_assert_true (cfut_future_is_settled (futures[i]));
          g_object_unref (futures[i]);
        }
    }
}

typedef struct {
  CfutFuture **futures;
  guint n;
  int ends;  /* atomic */
} Mover;

static gpointer
move_about (gpointer data)
{
  Mover *self = data;

  for (guint i = 0; !g_atomic_int_get (&self->ends); i++)
    cfut_future_set_priority (self->futures[i % self->n], (int) (i % 5) - 2);
  return NULL;
}

/* The same while somebody gives priorities to what is queued. */
static void
test_shutdown_against_set_priority (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint round = 0; round < 300; round++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2 + round % 2);
      CfutFuture *futures[60];
      Mover mover = { .futures = futures, .n = G_N_ELEMENTS (futures) };
      Slips slips = { 0 };
      GThread *thread;

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        futures[i] = cfut_executor_submit (executor, tell_if_unasked, &slips, NULL);
      thread = g_thread_new ("mover", move_about, &mover);
      test_burn (g_rand_int_range (rand, 0, 30));
      g_assert_true (cfut_executor_shutdown (executor,
                                             CFUT_SHUTDOWN_CANCEL_PENDING |
                                             CFUT_SHUTDOWN_CANCEL_RUNNING,
                                             0, NULL));
      g_atomic_int_set (&slips.is_shut_down, TRUE);
      g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC,
                                             NULL));
      g_atomic_int_set (&mover.ends, TRUE);
      g_thread_join (thread);
      g_assert_cmpint (slips.n_unasked, ==, 0);
      g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_assert_true (cfut_future_is_settled (futures[i]));
          g_object_unref (futures[i]);
        }
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/shutdown/names-stragglers", test_shutdown_names_stragglers);
  g_test_add_func ("/cfut/shutdown/names-few", test_shutdown_names_few);
  g_test_add_func ("/cfut/shutdown/async-names-stragglers", test_shutdown_async_names_stragglers);
  g_test_add_func ("/cfut/shutdown/5-lets-nothing-slip-through",
                   test_shutdown_lets_nothing_slip_through);
  g_test_add_func ("/cfut/shutdown/5-against-set-priority", test_shutdown_against_set_priority);

  return g_test_run ();
}
