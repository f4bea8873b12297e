/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The group and its owner: a loop in another thread, no loop, a loop that comes late, a context
 * that is gone; and many threads at once. Guarantee 2 (owner). */

#include "test-group-util.h"

typedef struct {
  TestLoopThread *loop;
  CfutGroup *group;
  GroupLog log;
} LoopGroup;

static void
loop_group_make (gpointer data)
{
  LoopGroup *self = data;

  self->group = cfut_group_new ();
  group_log_connect (&self->log, self->group);
}

static void
loop_group_drop (gpointer data)
{
  LoopGroup *self = data;

  group_log_clear (&self->log);
  g_object_unref (self->group);
}

static void
loop_group_look (gpointer data)
{
  LoopGroup *self = data;

  g_assert_cmpuint (self->log.n_all_done, ==, 1);
  g_assert_cmpuint (self->log.done->len, ==, 2000);
  g_assert_cmpuint (self->log.mirror->len, ==, 2000);
}

static gboolean
loop_group_is_done (LoopGroup *self)
{
  return cfut_group_get_n_done (self->group) == 2000;
}

static void
on_all_done_post (CfutGroup *group,
                  TestSem   *sem)
{
  test_sem_post (sem);
}

/* Guarantee 2: a group that was made in the context of another thread shows, notifies and emits
 * there, though futures are submitted here and settle on workers. The handlers check the thread. */
static void
test_group_emits_on_its_context (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  LoopGroup self = { .loop = test_loop_thread_new () };
  TestSem all_done;
  int n_ran = 0;

  test_sem_init (&all_done);
  test_loop_thread_call (self.loop, loop_group_make, &self);
  cfut_group_hold (self.group);
  g_signal_connect (self.group, "all-done", G_CALLBACK (on_all_done_post), &all_done);
  for (guint i = 0; i < 2000; i++)
    {
      CfutFuture *future = cfut_executor_submit (executor, test_task_count, &n_ran, NULL);

      cfut_group_add (self.group, future);
      g_object_unref (future);
    }
  cfut_group_release (self.group);
  test_sem_wait (&all_done);
  g_assert_true (loop_group_is_done (&self));
  test_loop_thread_call (self.loop, loop_group_look, &self);
  test_loop_thread_call (self.loop, loop_group_drop, &self);
  test_loop_thread_free (self.loop);
  test_sem_clear (&all_done);
  test_iterate_ready (NULL);
}

static void
release_note (gpointer data)
{
  test_place_note (data);
}

static gboolean
task_note (CfutTask  *task,
           gpointer   place,
           GError   **error)
{
  return TRUE;
}

/* Runs on a thread of its own, which has a context and never runs it. */
static gpointer
no_loop_thread (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (CfutExecutor) executor = NULL;
  CfutGroup *group;
  TestPlace place = { 0 };
  GPtrArray *promises;
  int n_gone = 0;
  CfutFuture *future;
  guint n_next = 0;

  g_main_context_push_thread_default (context);
  executor = cfut_thread_executor_new (2);
  group = cfut_group_new ();
  for (guint i = 0; i < 3000; i++)
    {
      future = cfut_executor_submit (executor, task_note, &place, release_note);
      test_watch_gone (future, &n_gone);
      cfut_group_add (group, future);
      g_object_unref (future);
    }
  g_assert_cmpuint (n_items (group), ==, 3000);
  while ((future = cfut_group_next (group, TEST_DEADLINE_USEC, NULL, NULL)) != NULL)
    {
      n_next++;
      g_assert_true (cfut_group_remove (group, future));
      g_object_unref (future);
    }
  g_assert_cmpuint (n_next, ==, 3000);
  g_assert_cmpuint (n_items (group), ==, 0);

  /* What another thread adds is counted by the time next returns. */
  promises = add_elsewhere (group, 10);
  g_assert_cmpuint (n_items (group), ==, 0);
  for (guint i = 0; i < 10; i++)
    cfut_promise_resolve (promises->pdata[i], NULL);
  future = cfut_group_next (group, TEST_DEADLINE_USEC, NULL, NULL);
  g_assert_nonnull (future);
  g_object_unref (future);
  g_assert_cmpuint (n_items (group), ==, 10);
  g_assert_cmpfloat (cfut_group_get_fraction (group), ==, 1.0);
  g_ptr_array_unref (promises);
  g_object_unref (group);

  /* All of it is reaped here, by the thread's own blocking calls. */
  test_poll_until ((cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL),
                    test_place_get_n (&place) == 3000));
  test_place_assert_here (&place, 3000);
  g_main_context_pop_thread_default (context);
  g_assert_cmpint (g_atomic_int_get (&n_gone), <=, 3000);
  return NULL;
}

/* Guarantee 2: a program without a loop: next is all it needs, counts are right, and what tasks
 * were submitted with is released on its thread. */
static void
test_group_without_loop (void)
{
  g_thread_join (g_thread_new ("no loop", no_loop_thread, NULL));
  test_iterate_ready (NULL);
}

static void
on_any_note (CfutGroup *group,
             gpointer   a,
             gpointer   b)
{
  TestPlace *place = g_object_get_data (G_OBJECT (group), "place");

  test_place_note (place);
}

/* Without a loop nothing is emitted; a handler connected before the program runs one misses
 * nothing. */
static gpointer
late_loop_thread (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  CfutGroup *group;
  TestPlace place = { 0 };
  g_autoptr (GPtrArray) promises = NULL;
  g_autoptr (GPtrArray) elsewhere = NULL;
  guint n_all_done = 0;
  gulong notify_id;

  g_main_context_push_thread_default (context);
  group = cfut_group_new ();
  promises = add_promises (group, 10);
  elsewhere = add_elsewhere (group, 10);
  for (guint i = 0; i < 10; i++)
    {
      cfut_promise_resolve (promises->pdata[i], NULL);
      cfut_promise_resolve (elsewhere->pdata[i], NULL);
    }
  g_object_set_data (G_OBJECT (group), "place", &place);
  notify_id = g_signal_connect (group, "notify", G_CALLBACK (on_any_note), NULL);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (CfutFuture) future = cfut_group_next (group, TEST_DEADLINE_USEC, NULL, NULL);

      g_assert_nonnull (future);
    }
  assert_next (group, NULL);
  g_assert_cmpint (test_place_get_n (&place), ==, 0);
  g_signal_connect (group, "future-done", G_CALLBACK (on_any_note), NULL);
  g_signal_handler_disconnect (group, notify_id);
  g_signal_connect (group, "all-done", G_CALLBACK (on_all_done_count), &n_all_done);
  test_iterate_until (context, n_all_done == 1);
  test_place_assert_here (&place, 20);
  g_object_unref (group);
  test_iterate_ready (context);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
test_group_loop_comes_late (void)
{
  g_thread_join (g_thread_new ("late loop", late_loop_thread, NULL));
  test_iterate_ready (NULL);
}

typedef struct {
  CfutGroup *group;
  GPtrArray *promises;
} Orphan;

static gpointer
orphan_thread (gpointer data)
{
  Orphan *orphan = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  orphan->group = cfut_group_new ();
  orphan->promises = add_promises (orphan->group, 10);
  cfut_promise_resolve (orphan->promises->pdata[0], NULL);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
on_never (CfutGroup *group)
{
  g_assert_not_reached ();
}

/* Guarantee 2: when the group's context is gone nothing is emitted any more, next works on, and all
 * is released by the default context. */
static void
test_group_context_gone (void)
{
  Orphan orphan;
  int n_gone = 0;
  int n_futures_gone = 0;

  g_thread_join (g_thread_new ("orphan", orphan_thread, &orphan));
  g_signal_connect (orphan.group, "future-done", G_CALLBACK (on_never), NULL);
  g_signal_connect (orphan.group, "all-done", G_CALLBACK (on_never), NULL);
  g_signal_connect (orphan.group, "items-changed", G_CALLBACK (on_never), NULL);
  test_watch_gone (orphan.group, &n_gone);
  for (guint i = 0; i < 10; i++)
    test_watch_gone (future_at (orphan.promises, i), &n_futures_gone);
  g_ptr_array_add (orphan.promises, add_promise (orphan.group));
  for (guint i = 1; i < 11; i++)
    {
      cfut_promise_set_progress (orphan.promises->pdata[i], 1, 2);
      cfut_promise_resolve (orphan.promises->pdata[i], NULL);
    }
  test_iterate_ready (NULL);
  for (guint i = 0; i < 11; i++)
    assert_next (orphan.group, future_at (orphan.promises, i));
  assert_next (orphan.group, NULL);
  g_object_unref (orphan.group);
  g_ptr_array_unref (orphan.promises);
  test_iterate_until (NULL, n_gone == 1 && n_futures_gone == 10);
}

typedef struct {
  CfutGroup *group;
  _Atomic guint n_added;
  _Atomic guint n_next;
  _Atomic guint n_timed_out;
  _Atomic guint n_cancelled;
  guint8 *had;           /* by number */
  guint n_each;
  CfutExecutor *executor;
  guint seed;
} Stress;

static gpointer
stress_next (gpointer data)
{
  Stress *stress = data;
  guint round = 0;

  for (;;)
    {
      GError *error = NULL;
      /* Some without limit, some whose time is up as it comes. */
      gint64 timeout_usec = round++ % 3 == 0 ? (gint64) round % 100 : -1;
      CfutFuture *future = cfut_group_next (stress->group, timeout_usec, NULL, &error);

      if (future != NULL)
        {
          if (cfut_future_get_state (future) == CFUT_STATE_RESOLVED)
            {
              gint64 number = cfut_future_result_int64 (future, 0, NULL);

              /* Nobody else has it, so nobody else writes there. */
              g_assert_cmpuint (stress->had[number], ==, 0);
              stress->had[number] = 1;
            }
          else
            {
              g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
              stress->n_cancelled++;
            }
          stress->n_next++;
          if (round % 5 == 0)
            g_assert_true (cfut_group_remove (stress->group, future));
          g_object_unref (future);
        }
      else if (error != NULL)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
          g_error_free (error);
          stress->n_timed_out++;
        }
      else
        {
          return NULL;
        }
    }
}

static gpointer
stress_add (gpointer data)
{
  Stress *stress = data;

  for (guint i = 0; i < stress->n_each; i++)
    {
      guint number = stress->n_added++;
      CfutFuture *future = cfut_executor_submit (stress->executor, test_task_number,
                                                 GUINT_TO_POINTER (number), NULL);

      cfut_group_add (stress->group, future);
      if (number % 7 == 0)
        cfut_future_cancel (future);
      g_object_unref (future);
    }
  cfut_group_release (stress->group);
  return NULL;
}

/* Four threads add, four take, workers settle, some are cancelled and removed, and the owner's loop
 * shows it all: each future is had by exactly one, and then all see the end. */
static void
test_group_stress (void)
{
  const guint n_adders = 4;
  const guint n_takers = 4;
  Stress stress = { .n_each = 5000 };
  GThread *adders[4];
  GThread *takers[4];
  guint n = n_adders * stress.n_each;
  guint n_had = 0;
  GroupLog log;

  stress.group = cfut_group_new ();
  stress.executor = cfut_thread_executor_new (3);
  stress.had = g_new0 (guint8, n);
  group_log_connect (&log, stress.group);
  for (guint i = 0; i < n_adders; i++)
    cfut_group_hold (stress.group);
  for (guint i = 0; i < n_takers; i++)
    takers[i] = g_thread_new ("take", stress_next, &stress);
  for (guint i = 0; i < n_adders; i++)
    adders[i] = g_thread_new ("add", stress_add, &stress);

  test_iterate_until (NULL, log.n_all_done == 1);
  for (guint i = 0; i < n_adders; i++)
    g_thread_join (adders[i]);
  for (guint i = 0; i < n_takers; i++)
    g_thread_join (takers[i]);
  test_iterate_ready (NULL);

  for (guint i = 0; i < n; i++)
    n_had += stress.had[i];
  g_assert_cmpuint (stress.n_next, ==, n);
  g_assert_cmpuint (n_had + stress.n_cancelled, ==, n);
  g_assert_cmpuint (log.mirror->len, ==, n_items (stress.group));
  g_assert_cmpuint (cfut_group_get_n_done (stress.group), ==, n_items (stress.group));
  g_test_message ("%u cancelled, %u times out of time, %u changes", stress.n_cancelled,
                  stress.n_timed_out, log.n_changes);

  group_log_clear (&log);
  g_object_unref (stress.group);
  cfut_executor_shutdown (stress.executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  g_object_unref (stress.executor);
  g_free (stress.had);
  test_iterate_ready (NULL);
}

typedef struct {
  CfutPromise *promise;
  GCancellable *cancellable;
} Meeting;

/* After the handler by which next wakes up, which then waits until this one has returned. */
static void
on_cancelled_settle (GCancellable *cancellable,
                     Meeting      *meeting)
{
  /* Time enough to wake up; whichever comes first, nothing is lost. */
  test_burn (2000);
  cfut_promise_resolve (meeting->promise, NULL);
}

static gpointer
cancel_meeting (gpointer data)
{
  Meeting *meeting = data;

  /* Time enough to fall asleep. */
  test_burn (2000);
  g_cancellable_cancel (meeting->cancellable);
  return NULL;
}

/* A next that was cancelled finds that it was served, before it could withdraw: it gives the future,
 * or leaves it for the next call, and never loses it. */
static void
test_group_served_while_withdrawing (void)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (CfutPromise) promise = add_promise (group);
      g_autoptr (GError) error = NULL;
      g_autoptr (CfutFuture) future = NULL;
      Meeting meeting = { promise, cancellable };
      GThread *thread;

      g_signal_connect_after (cancellable, "cancelled", G_CALLBACK (on_cancelled_settle), &meeting);
      thread = g_thread_new ("cancel", cancel_meeting, &meeting);
      future = cfut_group_next (group, -1, cancellable, &error);
      g_thread_join (thread);
      if (future == NULL)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          future = cfut_group_next (group, TEST_DEADLINE_USEC, NULL, NULL);
        }
      else
        {
          g_assert_no_error (error);
        }
      g_assert_true (future == cfut_promise_get_future (promise));
    }
  test_iterate_ready (NULL);
}

/* A hundred thousand, in a loop and without: each announced once, all-done once, and little is
 * emitted besides. */
static void
test_group_many (void)
{
  const guint n = 100000;
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  CfutFuture **futures = g_new (CfutFuture *, n);
  int n_ran = 0;
  gint64 begin = g_get_monotonic_time ();
  double seconds;
  GroupLog log;

  group_log_connect (&log, group);
  for (guint i = 0; i < n; i++)
    futures[i] = cfut_executor_submit (executor, test_task_count, &n_ran, NULL);
  cfut_group_add_many (group, futures, n, NULL, 0);
  for (guint i = 0; i < n; i++)
    g_object_unref (futures[i]);
  g_free (futures);
  g_assert_cmpuint (log.n_changes, ==, 1);
  test_iterate_until (NULL, log.n_all_done == 1);
  seconds = (g_get_monotonic_time () - begin) / (double) G_USEC_PER_SEC;

  g_assert_cmpuint (log.done->len, ==, n);
  g_assert_cmpuint (n_items (group), ==, n);
  g_assert_cmpuint (log.n_changes, ==, 1);
  g_assert_cmpfloat (log.n_fraction, <=, 60 * seconds + 2);
  g_assert_cmpuint (cfut_group_remove_settled (group), ==, n);
  g_assert_cmpuint (log.n_changes, ==, 2);
  g_assert_cmpuint (log.mirror->len, ==, 0);
  group_log_clear (&log);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/group/emits-on-its-context", test_group_emits_on_its_context);
  g_test_add_func ("/cfut/group/without-loop", test_group_without_loop);
  g_test_add_func ("/cfut/group/loop-comes-late", test_group_loop_comes_late);
  g_test_add_func ("/cfut/group/context-gone", test_group_context_gone);
  g_test_add_func ("/cfut/group/stress", test_group_stress);
  g_test_add_func ("/cfut/group/next/served-while-withdrawing",
                   test_group_served_while_withdrawing);
  g_test_add_func ("/cfut/group/many", test_group_many);

  return g_test_run ();
}
