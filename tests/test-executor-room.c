/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Back-pressure at an executor's face: what waits is limited, and a submission that finds no room
 * is rejected, or blocks, or was told before when there would be some. All executors. */

#include "test-executor-util.h"

/* Keeps every worker busy, and lets so many tasks wait. */
static void
fill (Fixture     *fixture,
      guint        n,
      CfutFuture **futures)
{
  fixture_block (fixture);
  cfut_executor_set_max_pending (fixture->executor, n);
  for (guint i = 0; i < n; i++)
    futures[i] = submit (fixture, test_task_nothing, NULL);
}

static void
assert_all_resolved (CfutFuture **futures,
                     guint        n)
{
  for (guint i = 0; i < n; i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
}

/* What comes when the queue is full is rejected at once, on its owner's context like all else, and
 * takes no room; what is cancelled there makes some. */
static void
test_room_rejects (Fixture       *fixture,
                   gconstpointer  kind)
{
  g_autoptr (CfutFuture) rejected = NULL;
  CfutFuture *futures[3];
  TestPlace destroyed = { 0 };

  fill (fixture, G_N_ELEMENTS (futures), futures);
  rejected = cfut_executor_submit (fixture->executor, test_task_nothing, &destroyed,
                                   test_place_note);
  test_assert_fails (rejected, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_QUEUE_FULL);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == 1);
  test_place_assert_here (&destroyed, 1);

  g_assert_true (cfut_future_cancel (futures[1]));
  g_object_unref (futures[1]);
  futures[1] = submit (fixture, test_task_nothing, NULL);
  g_assert_false (cfut_future_is_settled (futures[1]));

  fixture_unblock (fixture);
  assert_all_resolved (futures, G_N_ELEMENTS (futures));
}

typedef struct {
  int n_ran;  /* atomic */
  TestPlace destroyed;
} Post;

static gboolean
post_run (CfutTask  *task,
          gpointer   data,
          GError   **error)
{
  g_atomic_int_inc (&((Post *) data)->n_ran);
  return TRUE;
}

static void
post_destroyed (gpointer data)
{
  test_place_note (&((Post *) data)->destroyed);
}

/* What is posted takes room as well; what finds none is not run, and lets go of its data like the
 * rest. */
static void
test_room_post (Fixture       *fixture,
                gconstpointer  kind)
{
  Post post = { 0 };

  fixture_block (fixture);
  cfut_executor_set_max_pending (fixture->executor, 2);
  for (guint i = 0; i < 5; i++)
    cfut_executor_post (fixture->executor, post_run, &post, post_destroyed);
  test_iterate_until (NULL, test_place_get_n (&post.destroyed) == 3);
  g_assert_cmpint (g_atomic_int_get (&post.n_ran), ==, 0);
  fixture_unblock (fixture);
  test_iterate_until (NULL, test_place_get_n (&post.destroyed) == 5);
  test_place_assert_here (&post.destroyed, 5);
  g_assert_cmpint (g_atomic_int_get (&post.n_ran), ==, 2);
}

/* Limits may be on bytes; one that is larger than the limit is taken when nothing else waits. */
static void
test_room_bytes (Fixture       *fixture,
                 gconstpointer  kind)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) huge = NULL;
  g_autoptr (CfutFuture) rejected = NULL;
  g_autoptr (CfutFuture) small = NULL;
  CfutFuture *futures[2];

  fixture_block (fixture);
  cfut_executor_set_max_pending_bytes (fixture->executor, 100);
  g_assert_cmpuint (cfut_executor_get_max_pending_bytes (fixture->executor), ==, 100);
  cfut_request_set_size (request, 1000);
  huge = cfut_executor_submit_full (fixture->executor, request, test_task_nothing, NULL, NULL);
  g_assert_false (cfut_future_is_settled (huge));
  rejected = cfut_executor_submit_full (fixture->executor, request, test_task_nothing, NULL, NULL);
  test_assert_fails (rejected, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_QUEUE_FULL);
  g_assert_true (cfut_future_cancel (huge));

  cfut_request_set_size (request, 50);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_submit_full (fixture->executor, request, test_task_nothing, NULL,
                                            NULL);
  cfut_request_set_size (request, 1);
  small = cfut_executor_submit_full (fixture->executor, request, test_task_nothing, NULL, NULL);
  test_assert_fails (small, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_QUEUE_FULL);
  fixture_unblock (fixture);
  assert_all_resolved (futures, G_N_ELEMENTS (futures));
}

/* --- submissions that block --- */

typedef struct {
  CfutExecutor *executor;
  CfutRequest *request;
  TestSem begins;
  int *n_settled;       /* atomic: of what stood before it */
  int n_settled_then;   /* when it had been let in */
  CfutFuture *future;
} Blocked;

static gpointer
submit_blocked (gpointer data)
{
  Blocked *self = data;

  test_sem_post (&self->begins);
  self->future = cfut_executor_submit_full (self->executor, self->request, test_task_nothing, NULL,
                                            NULL);
  if (self->n_settled != NULL)
    self->n_settled_then = g_atomic_int_get (self->n_settled);
  return NULL;
}

static GThread *
block_a_thread (Blocked *self,
                Fixture *fixture)
{
  GThread *thread;

  self->executor = fixture->executor;
  cfut_request_set_when_full (self->request, CFUT_WHEN_FULL_BLOCK);
  test_sem_init (&self->begins);
  thread = g_thread_new ("submitter", submit_blocked, self);
  test_sem_wait (&self->begins);
  return thread;
}

static void
blocked_clear (Blocked *self)
{
  g_object_unref (self->future);
  g_object_unref (self->request);
  test_sem_clear (&self->begins);
}

static gboolean
count_started (CfutTask  *task,
               gpointer   n_started,
               GError   **error)
{
  g_atomic_int_inc ((int *) n_started);
  return TRUE;
}

/* A submission that blocks is let in when one of those that wait has been started, and not
 * before. */
static void
test_room_blocks (Fixture       *fixture,
                  gconstpointer  kind)
{
  g_autoptr (CfutFuture) before = NULL;
  Blocked blocked = { .request = cfut_request_new () };
  GThread *thread;
  int n_started = 0;

  fixture_block (fixture);
  cfut_executor_set_max_pending (fixture->executor, 1);
  before = submit (fixture, count_started, &n_started);
  blocked.n_settled = &n_started;
  thread = block_a_thread (&blocked, fixture);
  /* Time enough to come back, if it did. */
  test_burn (2000);
  fixture_unblock (fixture);
  test_assert_settles (before, CFUT_STATE_RESOLVED);
  g_thread_join (thread);
  test_assert_settles (blocked.future, CFUT_STATE_RESOLVED);
  blocked_clear (&blocked);
}

/* Raising the limit lets it in; so does taking it away. */
static void
test_room_raised (Fixture       *fixture,
                  gconstpointer  kind)
{
  static const guint64 limits[] = { 2, 0 };

  fixture_block (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      g_autoptr (CfutFuture) before = NULL;
      Blocked blocked = { .request = cfut_request_new () };
      GThread *thread;

      cfut_executor_set_max_pending (fixture->executor, 1);
      before = submit (fixture, test_task_nothing, NULL);
      thread = block_a_thread (&blocked, fixture);
      test_burn (500);
      cfut_executor_set_max_pending (fixture->executor, limits[i]);
      g_thread_join (thread);
      g_assert_false (cfut_future_is_settled (blocked.future));
      g_assert_true (cfut_future_cancel (before));
      g_assert_true (cfut_future_cancel (blocked.future));
      blocked_clear (&blocked);
    }
  fixture_unblock (fixture);
}

/* A submission that blocks ends when its future does: by its cancellable, its deadline, its group,
 * or a shutdown. */
static void
test_room_block_ends (Fixture       *fixture,
                      gconstpointer  kind)
{
  CfutFuture *futures[1];

  fill (fixture, 1, futures);
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (CfutGroup) group = cfut_group_new ();
      GObject *window = g_object_new (G_TYPE_OBJECT, NULL);
      Blocked blocked = { .request = cfut_request_new () };
      GThread *thread;

      cfut_group_bind (group, window);
      if (i == 0)
        cfut_request_set_cancellable (blocked.request, cancellable);
      else if (i == 1)
        cfut_request_set_queue_deadline_usec (blocked.request, 3000);
      else if (i == 2)
        cfut_request_set_group (blocked.request, group);
      thread = block_a_thread (&blocked, fixture);
      test_burn (500);
      if (i == 0)
        g_cancellable_cancel (cancellable);
      else if (i == 2)
        g_clear_object (&window);
      else if (i == 3)
        cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
      g_clear_object (&window);
      g_thread_join (thread);

      if (i == 1)
        test_assert_fails (blocked.future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                           CFUT_FUTURE_ERROR_DEADLINE);
      else if (i == 3)
        test_assert_fails (blocked.future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                           CFUT_FUTURE_ERROR_SHUT_DOWN);
      else
        g_assert_cmpint (cfut_future_get_state (blocked.future), ==, CFUT_STATE_CANCELLED);
      blocked_clear (&blocked);
    }
  fixture_unblock (fixture);
  assert_all_resolved (futures, 1);
}

/* --- from a task of the executor's own --- */

typedef struct {
  CfutExecutor *executor;
  CfutFuture *first;
  CfutFuture *second;
  GError *wait_error;
} Inner;

static gboolean
submit_two_from_a_task (CfutTask  *task,
                        gpointer   data,
                        GError   **error)
{
  Inner *self = data;
  g_autoptr (CfutRequest) request = cfut_request_new ();

  cfut_request_set_when_full (request, CFUT_WHEN_FULL_BLOCK);
  self->first = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
  self->second = cfut_executor_submit_full (self->executor, request, test_task_nothing, NULL, NULL);
  cfut_executor_wait_ready (self->executor, -1, NULL, &self->wait_error);
  return TRUE;
}

/* Guarantee 6: a task that blocks for room in its own executor is stood in for; where that is not
 * allowed, and no other thread is left, it is told so. */
static void
test_room_inside_a_task (void)
{
  for (guint compensate = 0; compensate < 2; compensate++)
    {
      g_autoptr (CfutExecutor) executor = NULL;
      g_autoptr (CfutFuture) outer = NULL;
      Inner self = { NULL, };

      executor = g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", 1, "compensate",
                               compensate == 1, NULL);
      self.executor = executor;
      cfut_executor_set_max_pending (executor, 1);
      outer = cfut_executor_submit (executor, submit_two_from_a_task, &self, NULL);
      test_assert_settles (outer, CFUT_STATE_RESOLVED);
      test_assert_settles (self.first, CFUT_STATE_RESOLVED);
      if (compensate)
        {
          test_assert_settles (self.second, CFUT_STATE_RESOLVED);
          g_assert_no_error (self.wait_error);
        }
      else
        {
          test_assert_fails (self.second, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                             CFUT_FUTURE_ERROR_DEADLOCK);
          g_assert_error (self.wait_error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
        }
      g_clear_error (&self.wait_error);
      g_object_unref (self.first);
      g_object_unref (self.second);
    }
}

/* --- waiting until there is room --- */

/* Without room the wait lasts its time, or until it is cancelled; then, until there is some. */
static void
test_room_wait_ready (Fixture       *fixture,
                      gconstpointer  kind)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  CfutFuture *futures[2];
  gint64 deadline;

  fill (fixture, G_N_ELEMENTS (futures), futures);
  deadline = g_get_monotonic_time () + 3000;
  g_assert_false (cfut_executor_wait_ready (fixture->executor, 3000, NULL, &error));
  g_assert_cmpint (g_get_monotonic_time (), >=, deadline);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  g_cancellable_cancel (cancellable);
  g_assert_false (cfut_executor_wait_ready (fixture->executor, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  fixture_unblock (fixture);
  g_assert_true (cfut_executor_wait_ready (fixture->executor, TEST_DEADLINE_USEC, NULL, &error));
  g_assert_no_error (error);
  assert_all_resolved (futures, G_N_ELEMENTS (futures));
}

typedef struct {
  TestPlace place;
  GAsyncResult *result;
} Ready;

static void
on_ready (GObject      *source,
          GAsyncResult *result,
          gpointer      data)
{
  Ready *self = data;

  self->result = g_object_ref (result);
  test_place_note (&self->place);
}

static gboolean
finish_ready (Fixture       *fixture,
              Ready         *ready,
              GMainContext  *context,
              GError       **error)
{
  gboolean is_ready;

  test_iterate_until (context, ready->result != NULL);
  is_ready = cfut_executor_wait_ready_finish (fixture->executor, ready->result, error);
  g_clear_object (&ready->result);
  return is_ready;
}

/* The same in a main loop, on the context of the call. */
static void
test_room_wait_ready_async (Fixture       *fixture,
                            gconstpointer  kind)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GError) error = NULL;
  CfutFuture *futures[2];
  Ready ready = { 0 };
  gint64 deadline;

  fill (fixture, G_N_ELEMENTS (futures), futures);
  g_main_context_push_thread_default (context);
  deadline = g_get_monotonic_time () + 3000;
  cfut_executor_wait_ready_async (fixture->executor, 3000, NULL, on_ready, &ready);
  g_assert_false (finish_ready (fixture, &ready, context, &error));
  g_assert_cmpint (g_get_monotonic_time (), >=, deadline);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  cfut_executor_wait_ready_async (fixture->executor, -1, cancellable, on_ready, &ready);
  g_assert_null (ready.result);
  g_cancellable_cancel (cancellable);
  g_assert_false (finish_ready (fixture, &ready, context, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  cfut_executor_wait_ready_async (fixture->executor, TEST_DEADLINE_USEC, NULL, on_ready, &ready);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_assert_null (ready.result);
  fixture_unblock (fixture);
  g_assert_true (finish_ready (fixture, &ready, context, &error));
  g_assert_no_error (error);
  g_assert_true (ready.place.thread == g_thread_self ());
  g_assert_true (ready.place.context == context);
  g_main_context_pop_thread_default (context);
  assert_all_resolved (futures, G_N_ELEMENTS (futures));
}

/* A shutdown ends the wait, and says why. */
static void
test_room_wait_ready_shut_down (Fixture       *fixture,
                                gconstpointer  kind)
{
  g_autoptr (GError) error = NULL;
  CfutFuture *futures[1];
  Ready ready = { 0 };

  fill (fixture, 1, futures);
  cfut_executor_wait_ready_async (fixture->executor, -1, NULL, on_ready, &ready);
  cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
  g_assert_false (finish_ready (fixture, &ready, NULL, &error));
  g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
  fixture_unblock (fixture);
  assert_all_resolved (futures, 1);
}

/* The limits' properties are notified when they change, and only then; none is made by setting
 * none. */
static void
test_room_properties (Fixture       *fixture,
                      gconstpointer  kind)
{
  TestPlace tasks = { 0 };
  TestPlace bytes = { 0 };

  g_signal_connect (fixture->executor, "notify::max-pending", G_CALLBACK (test_place_notify),
                    &tasks);
  g_signal_connect (fixture->executor, "notify::max-pending-bytes", G_CALLBACK (test_place_notify),
                    &bytes);
  cfut_executor_set_max_pending (fixture->executor, 0);
  cfut_executor_set_max_pending_bytes (fixture->executor, 0);
  g_assert_cmpint (test_place_get_n (&tasks) + test_place_get_n (&bytes), ==, 0);
  cfut_executor_set_max_pending (fixture->executor, 3);
  cfut_executor_set_max_pending (fixture->executor, 3);
  cfut_executor_set_max_pending_bytes (fixture->executor, 4);
  cfut_executor_set_max_pending_bytes (fixture->executor, 4);
  g_assert_cmpint (test_place_get_n (&tasks), ==, 1);
  g_assert_cmpint (test_place_get_n (&bytes), ==, 1);
  g_assert_cmpuint (cfut_executor_get_max_pending (fixture->executor), ==, 3);
  g_assert_cmpuint (cfut_executor_get_max_pending_bytes (fixture->executor), ==, 4);
}

int
main (int   argc,
      char *argv[])
{
  static const Case cases[] = {
    { "room-rejects", test_room_rejects, FALSE },
    { "room-bytes", test_room_bytes, FALSE },
    { "room-blocks", test_room_blocks, FALSE },
    { "room-raised", test_room_raised, FALSE },
    { "room-block-ends", test_room_block_ends, FALSE },
    { "room-wait-ready", test_room_wait_ready, FALSE },
    { "room-wait-ready-async", test_room_wait_ready_async, FALSE },
    { "room-wait-ready-shut-down", test_room_wait_ready_shut_down, FALSE },
    { "room-properties", test_room_properties, TRUE },
    { "room-post", test_room_post, FALSE },
  };

  g_test_init (&argc, &argv, NULL);
  add_cases (cases, G_N_ELEMENTS (cases));
  g_test_add_func ("/cfut/executor/room-inside-a-task", test_room_inside_a_task);

  return g_test_run ();
}
