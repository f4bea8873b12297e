/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How completions get back where no main loop does it: guarantee 2 in a program that runs none, in a wait
 * inside one, on a thread without a context, and when the owner's context or thread is gone. */

#include "test-util.h"

/* A thread with no context of its own: its futures belong to the default context, which the main thread
 * runs. */
typedef struct {
  CfutExecutor *executor;
  TestPlace called;
  TestPlace destroyed;
  int n_finished;
} Contextless;

static void
assert_same_thread (gpointer data)
{
  TestPlace *place = data;

  /* Each has to be there, not just the last. */
  g_assert_true (place->thread == g_thread_self ());
  test_place_note (place);
}

static gpointer
submit_without_context (gpointer data)
{
  Contextless *self = data;

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing,
                                                            &self->destroyed, assert_same_thread);

      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                     &self->called, NULL);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }
  g_atomic_int_set (&self->n_finished, 1);
  return NULL;
}

/* Guarantee 2: its callbacks come on the default context's loop, and where the main thread is seen to run
 * that, its user data is released there too, not by its own waits between two iterations. */
static void
test_delivery_thread_without_context (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutPromise) first = cfut_promise_new ();
  Contextless self = { .executor = executor };
  GThread *thread;

  self.destroyed.thread = g_thread_self ();
  cfut_future_add_done_callback (cfut_promise_get_future (first), CFUT_CALLBACK_DEFAULT,
                                 test_place_callback, &self.called, NULL);
  cfut_promise_resolve (first, NULL);
  test_iterate_until (NULL, test_place_get_n (&self.called) == 1);

  thread = g_thread_new ("contextless", submit_without_context, &self);
  while (!g_atomic_int_get (&self.n_finished))
    g_main_context_iteration (NULL, FALSE);
  g_thread_join (thread);
  test_iterate_until (NULL, test_place_get_n (&self.called) == 201 &&
                            test_place_get_n (&self.destroyed) == 200);
  test_place_assert_here (&self.called, 201);
  test_place_assert_here (&self.destroyed, 200);
}

static gpointer
wait_without_context (gpointer data)
{
  Contextless *self = data;

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing, NULL,
                                                            NULL);

      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }
  return NULL;
}

/* Guarantee 2: what belongs to the main thread is never released by another thread's wait, though its
 * futures belong to the same context and nobody holds that at the moment. */
static void
test_delivery_other_threads_do_not_reap_for_main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  Contextless self = { .executor = executor };
  g_autoptr (CfutFuture) last = NULL;
  GThread *thread;

  self.destroyed.thread = g_thread_self ();
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_nothing,
                                                            &self.destroyed,
                                                            assert_same_thread);

      g_assert_nonnull (future);
    }
  thread = g_thread_new ("contextless", wait_without_context, &self);
  g_thread_join (thread);

  last = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  test_assert_settles (last, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 50);
  test_place_assert_here (&self.destroyed, 50);
}

/* --- 2: without a main loop --- */

/* The sanitizers' bookkeeping makes the full number take half a minute. */
#ifdef __SANITIZE_ADDRESS__
#define N_WAITED 20000
#else
#define N_WAITED 100000
#endif

static int n_released;  /* by the one thread that submits */

static void
count_released (gpointer data)
{
  g_assert_true (data == g_thread_self ());
  n_released++;
}

static void
submit_wait_drop (CfutExecutor *executor)
{
  int n_gone = 0;
  int n_most = 0;

  n_released = 0;
  for (int i = 0; i < N_WAITED; i++)
    {
      CfutFuture *future = cfut_executor_submit (executor, test_task_number, g_thread_self (),
                                                 count_released);

      if (i % 10 == 0)
        test_watch_gone (future, &n_gone);
      g_assert_true (cfut_future_wait (future, -1, NULL, NULL));
      g_object_unref (future);
      n_most = MAX (n_most, i + 1 - n_released);
    }

  /* At most the last few are on their way yet; a wait brings them. */
  g_assert_cmpint (n_most, <=, 2048);
  for (guint i = 0; n_released < N_WAITED || g_atomic_int_get (&n_gone) < N_WAITED / 10; i++)
    {
      g_autoptr (CfutPromise) never = cfut_promise_new ();

      g_assert_cmpuint (i, <, 1000);
      cfut_future_wait (cfut_promise_get_future (never), 1000, NULL, NULL);
    }
  g_assert_cmpint (n_released, ==, N_WAITED);
}

/* Guarantee 2: a program without a main loop leaks nothing: what it waited for and dropped is released on
 * its thread, and the amount that is not yet stays bounded. */
static void
test_delivery_no_loop_waits_release (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  submit_wait_drop (executor);
}

static gpointer
submit_wait_drop_with_context (gpointer executor)
{
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  submit_wait_drop (executor);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* The same on a thread with a context of its own that nobody iterates. */
static void
test_delivery_no_loop_own_context (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  g_thread_join (g_thread_new ("own-context", submit_wait_drop_with_context, executor));
}

static gboolean
post_sem (CfutTask  *task,
          gpointer   sem,
          GError   **error)
{
  test_sem_post (sem);
  return TRUE;
}

/* Guarantee 2: a program that only submits and never waits is reaped for by its submits. */
static void
test_delivery_no_loop_submits_release (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestSem sem;
  int n_submitted = 0;

  test_sem_init (&sem);
  n_released = 0;
  for (guint round = 0; round < 60; round++)
    {
      CfutFuture *last;

      for (guint i = 0; i < 1000; i++)
        {
          g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_number,
                                                                g_thread_self (), count_released);

          g_assert_nonnull (future);
          n_submitted++;
        }

      /* One worker, so all before this have ended. */
      last = cfut_executor_submit (executor, post_sem, &sem, NULL);
      g_object_unref (last);
      test_sem_wait (&sem);
      g_assert_cmpint (n_submitted - n_released, <=, 4096);
    }

  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, NULL));
  test_iterate_until (NULL, n_released == n_submitted);
  test_sem_clear (&sem);
}

static void
resolve_on_destroy (gpointer promise)
{
  cfut_promise_resolve (promise, NULL);
}

/* Guarantee 2: a thread that is blocked in a wait reaps meanwhile: here the wait is for something that only
 * the release of another task's data brings about. */
static void
test_delivery_no_loop_reaps_while_blocked (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      gint64 begin = g_get_monotonic_time ();
      TestGate gate;
      CfutFuture *blocker;
      CfutFuture *future;

      test_gate_init (&gate);
      blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
      future = cfut_executor_submit (executor, test_task_nothing, promise, resolve_on_destroy);
      g_object_unref (blocker);
      g_object_unref (future);
      test_gate_open (&gate);

      /* The end of the wait reaps too, so only one that ended before its limit has proved it. */
      test_assert_settles (cfut_promise_get_future (promise), CFUT_STATE_RESOLVED);
      g_assert_cmpint (g_get_monotonic_time () - begin, <, TEST_DEADLINE_USEC);
      test_gate_clear (&gate);
    }
}

/* Guarantee 2: reaping releases and does nothing else: whatever is called or emitted waits for a loop. */
static void
test_delivery_reaping_never_calls_back (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestPlace destroyed = { 0 };
  TestPlace called = { 0 };
  TestPlace done = { 0 };
  TestPlace notified = { 0 };
  TestPlace async = { 0 };

  for (guint i = 0; i < 20; i++)
    {
      CfutFuture *future = cfut_executor_submit (executor, test_task_nothing, &destroyed,
                                                 test_place_note);

      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &called,
                                     NULL);
      g_signal_connect (future, "done", G_CALLBACK (test_place_done), &done);
      g_signal_connect (future, "notify::state", G_CALLBACK (test_place_notify), &notified);
      cfut_future_wait_async (future, -1, NULL, test_place_async, &async);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      g_object_unref (future);
    }
  for (guint i = 0; test_place_get_n (&destroyed) < 20; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_nothing, NULL,
                                                            NULL);

      g_assert_cmpuint (i, <, 100000);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }

  test_place_assert_here (&destroyed, 20);
  g_assert_cmpint (test_place_get_n (&called), ==, 0);
  g_assert_cmpint (test_place_get_n (&done), ==, 0);
  g_assert_cmpint (test_place_get_n (&notified), ==, 0);
  g_assert_cmpint (test_place_get_n (&async), ==, 0);

  /* None is missed when a loop comes at last. */
  test_iterate_until (NULL, test_place_get_n (&async) == 20);
  test_iterate_ready (NULL);
  test_place_assert_here (&called, 20);
  test_place_assert_here (&done, 20);
  g_assert_cmpint (test_place_get_n (&notified), >=, 20);
  test_place_assert_here (&destroyed, 20);
}

typedef struct {
  CfutExecutor *executor;
  TestPlace destroyed;
} Depth;

static gboolean
wait_in_source (gpointer data)
{
  Depth *self = data;
  TestPlace before = self->destroyed;

  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing,
                                                            &self->destroyed, test_place_note);

      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }

  g_assert_cmpint (test_place_get_n (&self->destroyed), ==, before.n_calls);
  return G_SOURCE_REMOVE;
}

/* Guarantee 2: inside a main loop nothing is reaped: a destroy notify never runs in the middle of a
 * program's own callback. */
static void
test_delivery_no_reaping_inside_a_loop (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  Depth self = { .executor = executor };

  g_idle_add_full (G_PRIORITY_DEFAULT, wait_in_source, &self, NULL);
  test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 100);
  test_place_assert_here (&self.destroyed, 100);
}

/* --- 2: the context goes --- */

typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  gboolean settle_first;
  CfutFuture *future;
  TestPlace destroyed;
  TestPlace called;
  TestPlace callback_destroyed;
  TestPlace done;
} Orphan;

static void
callback_of_the_gone (CfutFuture *future,
                      gpointer    data)
{
  test_place_note (&((Orphan *) data)->called);
}

static void
orphan_callback_destroyed (gpointer data)
{
  test_place_note (&((Orphan *) data)->callback_destroyed);
}

static gboolean
orphan_task (CfutTask  *task,
             gpointer   data,
             GError   **error)
{
  test_gate_pass (&((Orphan *) data)->gate);
  cfut_task_set_progress (task, 1, 2);
  return TRUE;
}

static void
orphan_destroyed (gpointer data)
{
  test_place_note (&((Orphan *) data)->destroyed);
}

static gpointer
submit_and_leave (gpointer data)
{
  Orphan *self = data;
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  self->future = cfut_executor_submit (self->executor, orphan_task, self, orphan_destroyed);
  cfut_future_add_done_callback (self->future, CFUT_CALLBACK_DEFAULT, callback_of_the_gone, self,
                                 orphan_callback_destroyed);
  g_signal_connect (self->future, "done", G_CALLBACK (test_place_done), &self->done);
  if (self->settle_first)
    {
      test_gate_open (&self->gate);
      while (!cfut_future_is_settled (self->future))
        g_thread_yield ();
    }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* Guarantee 2: when the context goes, with futures still running or settled and not delivered, callbacks are
 * dropped, destroy notifies run on the default context, and waits still work. */
static void
test_delivery_context_goes (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);

  for (guint i = 0; i < 40; i++)
    {
      Orphan self = { .executor = executor, .settle_first = i & 1 };
      int n_gone = 0;

      test_gate_init (&self.gate);
      g_thread_join (g_thread_new ("leaver", submit_and_leave, &self));
      test_watch_gone (self.future, &n_gone);
      test_gate_open (&self.gate);
      test_assert_settles (self.future, CFUT_STATE_RESOLVED);

      test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 1 &&
                                test_place_get_n (&self.callback_destroyed) == 1);
      test_iterate_ready (NULL);
      test_place_assert_here (&self.destroyed, 1);
      test_place_assert_here (&self.callback_destroyed, 1);
      g_assert_cmpint (test_place_get_n (&self.called), ==, 0);
      g_assert_cmpint (test_place_get_n (&self.done), ==, 0);

      /* The future is as usable as before: DIRECT ones are called, others dropped. */
      cfut_future_add_done_callback (self.future, CFUT_CALLBACK_DEFAULT, callback_of_the_gone,
                                     &self, orphan_callback_destroyed);
      test_iterate_until (NULL, test_place_get_n (&self.callback_destroyed) == 2);
      g_assert_cmpint (test_place_get_n (&self.called), ==, 0);
      g_object_unref (self.future);
      test_iterate_until (NULL, n_gone == 1);
      test_gate_clear (&self.gate);
    }
}

static gpointer
flood_and_leave (gpointer data)
{
  Orphan *self = data;
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < 500; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing, self,
                                                            orphan_destroyed);

      if (i % 3 == 0)
        cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, callback_of_the_gone, self,
                                       orphan_callback_destroyed);
      if (i % 7 == 0)
        g_main_context_iteration (context, FALSE);
    }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* The same while workers are pushing: nothing is lost, whichever side of the end it falls on. */
static void
test_delivery_context_goes_under_fire (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  for (guint i = 0; i < 20; i++)
    {
      Orphan self = { .executor = executor };

      g_thread_join (g_thread_new ("leaver", flood_and_leave, &self));
      test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 500 &&
                                test_place_get_n (&self.callback_destroyed) == 167);
      test_iterate_ready (NULL);
      g_assert_cmpint (test_place_get_n (&self.destroyed), ==, 500);
      g_assert_cmpint (test_place_get_n (&self.callback_destroyed), ==, 167);
    }
}

static gpointer
flood_default_and_end (gpointer data)
{
  Orphan *self = data;

  for (guint i = 0; i < 500; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_submit (self->executor, test_task_nothing, self,
                                                            orphan_destroyed);

      g_assert_nonnull (future);
    }
  return NULL;
}

/* A thread that ended leaves its futures to its context's loop. */
static void
test_delivery_thread_goes (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);

  for (guint i = 0; i < 10; i++)
    {
      Orphan self = { .executor = executor };

      g_thread_join (g_thread_new ("leaver", flood_default_and_end, &self));
      test_iterate_until (NULL, test_place_get_n (&self.destroyed) == 500);
      g_assert_cmpint (test_place_get_n (&self.destroyed), ==, 500);
    }
}

/* No reference is held on a context: it goes when its maker drops it. */
static void
source_finalized (gpointer data)
{
  *(gboolean *) data = TRUE;
}

static gboolean
never_called (gpointer data)
{
  g_assert_not_reached ();
}

typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  gboolean gone;
  gboolean gone_while_running;
} Holding;

static gpointer
make_and_drop_context (gpointer data)
{
  Holding *self = data;
  GMainContext *context = g_main_context_new ();
  GSource *source = g_timeout_source_new_seconds (3600);
  CfutFuture *future;

  g_source_set_callback (source, never_called, &self->gone, source_finalized);
  g_source_attach (source, context);
  g_source_unref (source);
  g_main_context_push_thread_default (context);
  future = cfut_executor_submit (self->executor, test_task_pass, &self->gate, NULL);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  self->gone_while_running = self->gone;
  g_object_unref (future);
  return NULL;
}

static void
test_delivery_holds_no_context (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  Holding self = { .executor = executor };

  test_gate_init (&self.gate);
  g_thread_join (g_thread_new ("maker", make_and_drop_context, &self));
  g_assert_true (self.gone_while_running);
  test_gate_open (&self.gate);
  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, NULL));
  test_iterate_ready (NULL);
  test_gate_clear (&self.gate);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/delivery/" name, test_delivery_##func)
  add ("2-thread-without-context", thread_without_context);
  add ("2-other-threads-do-not-reap-for-main", other_threads_do_not_reap_for_main);
  add ("2-no-loop-waits-release", no_loop_waits_release);
  add ("2-no-loop-own-context", no_loop_own_context);
  add ("2-no-loop-submits-release", no_loop_submits_release);
  add ("2-no-loop-reaps-while-blocked", no_loop_reaps_while_blocked);
  add ("2-reaping-never-calls-back", reaping_never_calls_back);
  add ("2-no-reaping-inside-a-loop", no_reaping_inside_a_loop);
  add ("2-context-goes", context_goes);
  add ("2-context-goes-under-fire", context_goes_under_fire);
  add ("2-thread-goes", thread_goes);
  add ("2-holds-no-context", holds_no_context);
#undef add

  return g_test_run ();
}
