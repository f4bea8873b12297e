/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A submission to an executor whose queue is full, with a request that waits for room: all that ends the future ends
 * the wait, and what had no room is counted nowhere. */

#include "test-util.h"

/* One worker, at a gate, and a queue with room for one, who is there; a thread submits another. */
typedef struct {
  CfutExecutor *executor;
  CfutRequest *request;
  CfutGroup *group;
  CfutFuture *blocker;
  CfutFuture *filler;
  TestGate gate;
  GThread *thread;
  int n_ran;
} Full;

static gpointer
submit_on_thread (gpointer data)
{
  Full *self = data;

  return cfut_executor_submit_full (self->executor, self->request, test_task_count, &self->n_ran,
                                    NULL);
}

static void
full_begin (Full   *self,
            gint64  queue_deadline_usec)
{
  memset (self, 0, sizeof (*self));
  self->executor = cfut_thread_executor_new (1);
  self->group = cfut_group_new ();
  self->request = cfut_request_new ();
  cfut_request_set_when_full (self->request, CFUT_WHEN_FULL_BLOCK);
  cfut_request_set_group (self->request, self->group);
  cfut_request_set_queue_deadline_usec (self->request, queue_deadline_usec);
  test_gate_init (&self->gate);
  self->blocker = cfut_executor_submit (self->executor, test_task_pass, &self->gate, NULL);
  test_gate_wait_arrived (&self->gate, 1);
  cfut_executor_set_max_pending (self->executor, 1);
  self->filler = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
}

/* Until the future is there: its submission waits for room, or is about to. */
static void
full_submit (Full *self)
{
  self->thread = g_thread_new ("submit", submit_on_thread, self);
  test_iterate_until (NULL, g_list_model_get_n_items (G_LIST_MODEL (self->group)) == 1);
}

/* (transfer full) */
static CfutFuture *
full_submitted (Full *self)
{
  return g_thread_join (self->thread);
}

static void
full_end (Full *self,
          int   n_ran)
{
  test_gate_open (&self->gate);
  g_assert_true (cfut_executor_shutdown (self->executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC,
                                         NULL));
  g_assert_cmpint (self->n_ran, ==, n_ran);
  g_assert_cmpuint (cfut_executor_get_n_completed (self->executor), ==, 2 + n_ran);
  g_object_unref (self->blocker);
  g_object_unref (self->filler);
  g_object_unref (self->group);
  g_object_unref (self->request);
  g_object_unref (self->executor);
  test_iterate_ready (NULL);
  test_gate_clear (&self->gate);
}

/* Guarantee 5: its group is cancelled; the room that it waited for is the next one's. */
static void
test_full_group_cancelled (void)
{
  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (CfutFuture) future = NULL;
      g_autoptr (CfutFuture) next = NULL;
      Full full;

      full_begin (&full, -1);
      full_submit (&full);
      cfut_group_cancel (full.group);
      future = full_submitted (&full);
      test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpuint (cfut_executor_get_n_pending (full.executor), ==, 1);

      test_gate_open (&full.gate);
      test_assert_settles (full.filler, CFUT_STATE_RESOLVED);
      next = cfut_executor_submit (full.executor, test_task_count, &full.n_ran, NULL);
      test_assert_settles (next, CFUT_STATE_RESOLVED);
      full_end (&full, 1);
    }
}

/* Guarantee 5: the cancellable that it was submitted with. */
static void
test_full_cancelled (void)
{
  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (CfutFuture) future = NULL;
      Full full;

      full_begin (&full, -1);
      cfut_request_set_cancellable (full.request, cancellable);
      full_submit (&full);
      g_cancellable_cancel (cancellable);
      future = full_submitted (&full);
      test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      full_end (&full, 0);
    }
}

/* Guarantee 7: its queue deadline passes. */
static void
test_full_deadline (void)
{
  g_autoptr (CfutFuture) future = NULL;
  Full full;

  full_begin (&full, 2000);
  full_submit (&full);
  future = full_submitted (&full);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  full_end (&full, 0);
}

/* Guarantee 1: the executor is shut down. */
static void
test_full_shut_down (void)
{
  g_autoptr (CfutFuture) future = NULL;
  Full full;

  full_begin (&full, -1);
  full_submit (&full);
  cfut_executor_shutdown (full.executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
  future = full_submitted (&full);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
  full_end (&full, 0);
}

/* There is room in the end. */
static void
test_full_enters (void)
{
  g_autoptr (CfutFuture) future = NULL;
  Full full;

  full_begin (&full, -1);
  full_submit (&full);
  test_gate_open (&full.gate);
  future = full_submitted (&full);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  full_end (&full, 1);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/executor-full/" name, test_full_##func)
  add ("5-group-cancelled", group_cancelled);
  add ("5-cancelled", cancelled);
  add ("7-deadline", deadline);
  add ("1-shut-down", shut_down);
  add ("enters", enters);
#undef add

  return g_test_run ();
}
