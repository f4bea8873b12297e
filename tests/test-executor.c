/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The contract of CfutExecutor: one suite that runs over every executor there is: CfutThreadExecutor with
 * one, two and the default number of workers, and two small ones that are derived here, as an application
 * would derive them: one runs work at once on the submitting thread, one on a thread of its own. At the
 * end: what a derived executor may do with a CfutWork. Guarantees 1, 2, 3, 5, 9. */

#include "test-util.h"

/* --- derived: at once, on the submitting thread --- */

#define TEST_TYPE_INLINE_EXECUTOR (test_inline_executor_get_type ())
G_DECLARE_FINAL_TYPE (TestInlineExecutor, test_inline_executor, TEST, INLINE_EXECUTOR, CfutExecutor)

struct _TestInlineExecutor {
  CfutExecutor parent_instance;
};

G_DEFINE_TYPE (TestInlineExecutor, test_inline_executor, CFUT_TYPE_EXECUTOR)

static void
test_inline_executor_execute (CfutExecutor *executor,
                              CfutWork     *work)
{
  /* It may have been cancelled by now. */
  cfut_work_run (work);
  cfut_work_unref (work);
}

static guint
one_worker (CfutExecutor *executor)
{
  return 1;
}

static void
test_inline_executor_class_init (TestInlineExecutorClass *klass)
{
  CfutExecutorClass *executor_class = CFUT_EXECUTOR_CLASS (klass);

  executor_class->execute = test_inline_executor_execute;
  executor_class->get_max_workers = one_worker;
}

static void
test_inline_executor_init (TestInlineExecutor *self)
{
}

/* --- derived: one thread of its own --- */

/* What the executor and its thread share, so that either may go first. */
typedef struct {
  gatomicrefcount ref_count;
  GMutex lock;
  GCond cond;
  GQueue queue;
  gboolean ends;
} Shared;

static void
shared_unref (Shared *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_assert_true (g_queue_is_empty (&self->queue));
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->cond);
  g_free (self);
}

static gpointer
shared_run (gpointer data)
{
  Shared *self = data;

  g_mutex_lock (&self->lock);
  for (;;)
    {
      CfutWork *work;

      while (g_queue_is_empty (&self->queue) && !self->ends)
        g_cond_wait (&self->cond, &self->lock);
      work = g_queue_pop_head (&self->queue);
      if (work == NULL)
        break;

      g_mutex_unlock (&self->lock);
      cfut_work_run (work);
      cfut_work_unref (work);
      g_mutex_lock (&self->lock);
    }
  g_mutex_unlock (&self->lock);

  shared_unref (self);
  return NULL;
}

#define TEST_TYPE_OWN_THREAD_EXECUTOR (test_own_thread_executor_get_type ())
G_DECLARE_FINAL_TYPE (TestOwnThreadExecutor, test_own_thread_executor, TEST, OWN_THREAD_EXECUTOR,
                      CfutExecutor)

struct _TestOwnThreadExecutor {
  CfutExecutor parent_instance;

  Shared *shared;
  guint n_shutdowns;
  CfutShutdownFlags latest_flags;
};

G_DEFINE_TYPE (TestOwnThreadExecutor, test_own_thread_executor, CFUT_TYPE_EXECUTOR)

static void
test_own_thread_executor_execute (CfutExecutor *executor,
                                  CfutWork     *work)
{
  Shared *shared = TEST_OWN_THREAD_EXECUTOR (executor)->shared;

  g_mutex_lock (&shared->lock);
  g_queue_push_tail (&shared->queue, work);
  g_cond_signal (&shared->cond);
  g_mutex_unlock (&shared->lock);
}

static void
test_own_thread_executor_shutdown (CfutExecutor      *executor,
                                   CfutShutdownFlags  flags)
{
  TestOwnThreadExecutor *self = TEST_OWN_THREAD_EXECUTOR (executor);

  self->n_shutdowns++;
  self->latest_flags = flags;
}

static void
test_own_thread_executor_finalize (GObject *object)
{
  Shared *shared = TEST_OWN_THREAD_EXECUTOR (object)->shared;

  g_mutex_lock (&shared->lock);
  shared->ends = TRUE;
  g_cond_signal (&shared->cond);
  g_mutex_unlock (&shared->lock);
  shared_unref (shared);

  G_OBJECT_CLASS (test_own_thread_executor_parent_class)->finalize (object);
}

static void
test_own_thread_executor_class_init (TestOwnThreadExecutorClass *klass)
{
  CfutExecutorClass *executor_class = CFUT_EXECUTOR_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_own_thread_executor_finalize;
  executor_class->execute = test_own_thread_executor_execute;
  executor_class->shutdown = test_own_thread_executor_shutdown;
  executor_class->get_max_workers = one_worker;
}

static void
test_own_thread_executor_init (TestOwnThreadExecutor *self)
{
  self->shared = g_new0 (Shared, 1);
  g_atomic_ref_count_init (&self->shared->ref_count);
  g_atomic_ref_count_inc (&self->shared->ref_count);
  g_mutex_init (&self->shared->lock);
  g_cond_init (&self->shared->cond);
  g_thread_unref (g_thread_new ("own-thread", shared_run, self->shared));
}

/* --- derived: holds what it gets --- */

#define TEST_TYPE_HOLDING_EXECUTOR (test_holding_executor_get_type ())
G_DECLARE_FINAL_TYPE (TestHoldingExecutor, test_holding_executor, TEST, HOLDING_EXECUTOR,
                      CfutExecutor)

struct _TestHoldingExecutor {
  CfutExecutor parent_instance;

  CfutWork *work;
  gboolean drop;
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
test_holding_executor_class_init (TestHoldingExecutorClass *klass)
{
  CfutExecutorClass *executor_class = CFUT_EXECUTOR_CLASS (klass);

  executor_class->execute = test_holding_executor_execute;
  executor_class->get_max_workers = one_worker;
}

static void
test_holding_executor_init (TestHoldingExecutor *self)
{
}

/* --- the suite --- */

typedef struct {
  const char *name;
  int n_workers;  /* of a thread executor; -1: derived */
  GType (*get_type) (void);
  gboolean is_inline;
} Kind;

static const Kind kinds[] = {
  { "thread-1", 1, NULL, FALSE },
  { "thread-2", 2, NULL, FALSE },
  { "thread-default", 0, NULL, FALSE },
  { "derived-inline", -1, test_inline_executor_get_type, TRUE },
  { "derived-own-thread", -1, test_own_thread_executor_get_type, FALSE },
};

typedef struct {
  CfutExecutor *executor;
  guint n_workers;
  TestGate gate;           /* where blockers stand */
  CfutFuture **blockers;
} Fixture;

static CfutExecutor *
executor_new (const Kind *kind)
{
  if (kind->n_workers < 0)
    return g_object_new (kind->get_type (), NULL);
  return cfut_thread_executor_new ((guint) kind->n_workers);
}

static void
fixture_set_up (Fixture       *fixture,
                gconstpointer  data)
{
  const Kind *kind = data;

  fixture->executor = executor_new (kind);
  fixture->n_workers = cfut_executor_get_max_workers (fixture->executor);
  test_gate_init (&fixture->gate);
}

static void
fixture_unblock (Fixture *fixture)
{
  test_gate_open (&fixture->gate);
  if (fixture->blockers == NULL)
    return;

  for (guint i = 0; i < fixture->n_workers; i++)
    {
      test_assert_settles (fixture->blockers[i], CFUT_STATE_RESOLVED);
      g_object_unref (fixture->blockers[i]);
    }
  g_clear_pointer (&fixture->blockers, g_free);
}

static void
fixture_tear_down (Fixture       *fixture,
                   gconstpointer  data)
{
  int n_gone = 0;

  fixture_unblock (fixture);
  if (fixture->executor != NULL)
    {
      test_watch_gone (fixture->executor, &n_gone);
      g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                             TEST_DEADLINE_USEC, NULL));
      g_object_unref (fixture->executor);
      test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 1);
    }
  test_iterate_ready (NULL);
  test_gate_clear (&fixture->gate);
}

/* Occupies every worker: what is submitted from here on is queued. */
static void
fixture_block (Fixture *fixture)
{
  fixture->blockers = g_new0 (CfutFuture *, fixture->n_workers);
  for (guint i = 0; i < fixture->n_workers; i++)
    fixture->blockers[i] = cfut_executor_submit (fixture->executor, test_task_pass, &fixture->gate,
                                                 NULL);
  test_gate_wait_arrived (&fixture->gate, fixture->n_workers);
}

static CfutFuture *
submit (Fixture      *fixture,
        CfutTaskFunc  func,
        gpointer      user_data)
{
  return cfut_executor_submit (fixture->executor, func, user_data, NULL);
}

/* Guarantee 1: what a function returns is what the future says. */
static void
test_outcomes (Fixture       *fixture,
               gconstpointer  data)
{
  g_autoptr (CfutFuture) number = submit (fixture, test_task_number, GINT_TO_POINTER (42));
  g_autoptr (CfutFuture) nothing = submit (fixture, test_task_nothing, NULL);
  g_autoptr (CfutFuture) fails = submit (fixture, test_task_fail, NULL);
  g_autoptr (CfutFuture) unset = submit (fixture, test_task_unset, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (CFUT_IS_TASK (number));
  g_assert_cmpint (cfut_future_result_int64 (number, TEST_DEADLINE_USEC, &error), ==, 42);
  g_assert_no_error (error);
  g_assert_null (cfut_future_result (nothing, TEST_DEADLINE_USEC, &error));
  g_assert_no_error (error);
  test_assert_settles (nothing, CFUT_STATE_RESOLVED);
  test_assert_fails (fails, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_FAILED);
  test_assert_fails (unset, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_CALLBACK_FAILED);
}

typedef struct {
  TestPlace called;
  TestPlace destroyed;
  TestPlace done;
} Places;

static void
note_done (CfutFuture *future,
           TestPlace  *place)
{
  test_place_note (place);
}

static void
note_destroyed (gpointer data)
{
  test_place_note (&((Places *) data)->destroyed);
}

/* Guarantees 2 and 3: callbacks, handlers and the user data's destroy notify come here, each once. */
static void
test_delivers_to_the_submitter (Fixture       *fixture,
                                gconstpointer  data)
{
  static const CfutTaskFunc funcs[] = { test_task_nothing, test_task_fail, test_task_unset };

  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    {
      Places places = { 0 };
      g_autoptr (CfutFuture) future = cfut_executor_submit (fixture->executor, funcs[i], &places,
                                                            note_destroyed);

      g_signal_connect (future, "done", G_CALLBACK (note_done), &places.done);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                     &places.called, test_place_note);
      test_iterate_until (NULL, test_place_get_n (&places.called) == 2 &&
                                test_place_get_n (&places.destroyed) == 1);
      test_iterate_ready (NULL);
      test_place_assert_here (&places.called, 2);
      test_place_assert_here (&places.done, 1);
      test_place_assert_here (&places.destroyed, 1);
    }
}

typedef struct {
  CfutFuture *future;
  TestGate *start;
  gboolean settled;
} Waiting;

static gpointer
wait_in_thread (gpointer data)
{
  Waiting *self = data;

  test_gate_pass (self->start);
  self->settled = cfut_future_wait (self->future, -1, NULL, NULL);
  return NULL;
}

static void
async_done (GObject      *source,
            GAsyncResult *result,
            gpointer      place)
{
  g_assert_true (cfut_future_wait_finish (CFUT_FUTURE (source), result, NULL));
  test_place_note (place);
}

/* Guarantee 5: queued work is cancelled at once, everywhere: whoever waits returns, handlers and callbacks
 * come and the user data goes while the workers are busy still, and the function is never called.
 * (Elsewhere, waiters of a cancelled future were known to hang for ever.) */
static void
test_cancel_queued (Fixture       *fixture,
                    gconstpointer  data)
{
  GThread *threads[3];
  Waiting waiting[G_N_ELEMENTS (threads)];
  TestGate start;
  TestPlace destroyed = { 0 };
  TestPlace async = { 0 };
  TestPlace called = { 0 };
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) other = NULL;
  int n_ran = 0;

  fixture_block (fixture);
  test_gate_init (&start);
  future = cfut_executor_submit (fixture->executor, test_task_count, &n_ran, NULL);
  other = cfut_executor_submit (fixture->executor, test_task_nothing, &destroyed,
                                test_place_note);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_PENDING);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      waiting[i] = (Waiting) { future, &start, FALSE };
      threads[i] = g_thread_new ("waiter", wait_in_thread, &waiting[i]);
    }
  cfut_future_wait_async (future, -1, NULL, async_done, &async);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback, &called, NULL);
  test_gate_wait_arrived (&start, G_N_ELEMENTS (threads));
  test_gate_open (&start);

  g_assert_true (cfut_future_cancel (future));
  g_assert_true (cfut_future_cancel (other));
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      g_thread_join (threads[i]);
      g_assert_true (waiting[i].settled);
    }
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_iterate_until (NULL, test_place_get_n (&async) == 1 && test_place_get_n (&called) == 1 &&
                            test_place_get_n (&destroyed) == 1);
  test_place_assert_here (&called, 1);
  test_place_assert_here (&destroyed, 1);

  fixture_unblock (fixture);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  g_assert_cmpint (n_ran, ==, 0);
  test_iterate_ready (NULL);
  test_place_assert_here (&destroyed, 1);
  test_gate_clear (&start);
}

/* Guarantee 5: running work is asked to stop, and says how it ended. */
static void
test_cancel_running (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;

  test_gate_init (&gate);
  future = submit (fixture, test_task_until_cancelled, &gate);
  test_gate_wait_arrived (&gate, 1);
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);

  /* The function may have ended by the time cancel returns. */
  if (!cfut_future_cancel (future))
    g_assert_cmpint (cfut_future_get_state (future), !=, CFUT_STATE_RESOLVED);
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_gate_clear (&gate);
}

/* Guarantee 1: after a shutdown each submit gives a rejected future that says so; the user data goes home. */
static void
test_submit_after_shutdown (Fixture       *fixture,
                            gconstpointer  data)
{
  g_assert_false (cfut_executor_is_shut_down (fixture->executor));
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL));
  g_assert_true (cfut_executor_is_shut_down (fixture->executor));
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL));

  for (guint i = 0; i < 3; i++)
    {
      Places places = { 0 };
      g_autoptr (CfutFuture) future = cfut_executor_submit (fixture->executor, test_task_nothing,
                                                            &places, note_destroyed);

      g_assert_nonnull (future);
      g_assert_cmpint (test_place_get_n (&places.destroyed), ==, 0);
      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                         CFUT_FUTURE_ERROR_SHUT_DOWN);
      g_assert_false (cfut_future_cancel (future));
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, test_place_callback,
                                     &places.called, NULL);
      test_iterate_until (NULL, test_place_get_n (&places.destroyed) == 1 &&
                                test_place_get_n (&places.called) == 1);
      test_place_assert_here (&places.destroyed, 1);
      test_place_assert_here (&places.called, 1);
    }
}

/* A plain shutdown returns at once, and what was taken still runs. */
static void
test_shutdown_runs_what_it_took (Fixture       *fixture,
                                 gconstpointer  data)
{
  CfutFuture *futures[50];
  int n_ran = 0;

  fixture_block (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = submit (fixture, test_task_count, &n_ran);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL));
  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, 0);
  fixture_unblock (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, G_N_ELEMENTS (futures));
}

/* Guarantees 1, 2, 5: CANCEL_PENDING cancels what has not started, at once; what runs goes on. */
static void
test_shutdown_cancels_pending (Fixture       *fixture,
                               gconstpointer  data)
{
  CfutFuture *futures[50];
  TestPlace destroyed = { 0 };
  int n_ran = 0;

  fixture_block (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = i % 2 ? submit (fixture, test_task_count, &n_ran)
                       : cfut_executor_submit (fixture->executor, test_task_nothing, &destroyed,
                                               test_place_note);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_CANCEL_PENDING, 0, NULL));

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_assert_cmpint (cfut_future_get_state (futures[i]), ==, CFUT_STATE_CANCELLED);
      test_assert_fails (futures[i], CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_object_unref (futures[i]);
    }
  g_assert_cmpint (cfut_future_get_state (fixture->blockers[0]), ==, CFUT_STATE_RUNNING);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == G_N_ELEMENTS (futures) / 2);
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures) / 2);

  fixture_unblock (fixture);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  g_assert_cmpint (n_ran, ==, 0);
}

/* CANCEL_RUNNING asks what runs to stop; with WAIT it has ended when the call returns. */
static void
test_shutdown_cancels_running (Fixture       *fixture,
                               gconstpointer  data)
{
  CfutFuture **futures = g_new0 (CfutFuture *, fixture->n_workers);
  g_autoptr (CfutFuture) queued = NULL;
  TestGate gate;
  int n_ran = 0;

  test_gate_init (&gate);
  for (guint i = 0; i < fixture->n_workers; i++)
    futures[i] = submit (fixture, test_task_until_cancelled, &gate);
  test_gate_wait_arrived (&gate, fixture->n_workers);
  queued = submit (fixture, test_task_count, &n_ran);

  g_assert_true (cfut_executor_shutdown (fixture->executor,
                                         CFUT_SHUTDOWN_CANCEL_RUNNING | CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  for (guint i = 0; i < fixture->n_workers; i++)
    {
      g_assert_cmpint (cfut_future_get_state (futures[i]), ==, CFUT_STATE_CANCELLED);
      g_object_unref (futures[i]);
    }

  /* What was queued was not to be cancelled, and has run. */
  g_assert_cmpint (cfut_future_get_state (queued), ==, CFUT_STATE_RESOLVED);
  g_assert_cmpint (n_ran, ==, 1);
  g_free (futures);
  test_gate_clear (&gate);
}

/* WAIT keeps its limit, and after it returned TRUE nothing is left. */
static void
test_shutdown_waits (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr (CfutFuture) queued = NULL;
  g_autoptr (GError) looked = NULL;
  g_autoptr (GError) waited = NULL;

  fixture_block (fixture);
  queued = submit (fixture, test_task_nothing, NULL);
  g_assert_false (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT, 0, &looked));
  g_assert_error (looked, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_false (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT, 10000, &waited));
  g_assert_error (waited, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_false (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT, 1, NULL));
  g_assert_true (cfut_executor_is_shut_down (fixture->executor));
  g_assert_cmpint (cfut_future_get_state (queued), ==, CFUT_STATE_PENDING);

  test_gate_open (&fixture->gate);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT, -1, NULL));
  g_assert_cmpint (cfut_future_get_state (queued), ==, CFUT_STATE_RESOLVED);
  for (guint i = 0; i < fixture->n_workers; i++)
    g_assert_cmpint (cfut_future_get_state (fixture->blockers[i]), ==, CFUT_STATE_RESOLVED);
  g_assert_cmpuint (cfut_executor_get_n_pending (fixture->executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_running (fixture->executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_completed (fixture->executor), ==, fixture->n_workers + 1);
}

typedef struct {
  TestPlace place;
  gboolean ended;
  GError *error;
} AsyncShutdown;

static void
async_shutdown_done (GObject      *source,
                     GAsyncResult *result,
                     gpointer      data)
{
  AsyncShutdown *self = data;

  self->ended = cfut_executor_shutdown_finish (CFUT_EXECUTOR (source), result, &self->error);
  test_place_note (&self->place);
}

/* The asynchronous twin: limits, cancellable and end, each on the caller's context. */
static void
test_shutdown_async (Fixture       *fixture,
                     gconstpointer  data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  AsyncShutdown limited = { 0 };
  AsyncShutdown cancelled = { 0 };
  AsyncShutdown unlimited = { 0 };
  AsyncShutdown after = { 0 };

  if (!((const Kind *) data)->is_inline)
    fixture_block (fixture);

  if (fixture->blockers != NULL)
    {
      cfut_executor_shutdown_async (fixture->executor, CFUT_SHUTDOWN_WAIT, 2000, NULL,
                                    async_shutdown_done, &limited);
      cfut_executor_shutdown_async (fixture->executor, CFUT_SHUTDOWN_WAIT, -1, cancellable,
                                    async_shutdown_done, &cancelled);
      cfut_executor_shutdown_async (fixture->executor, CFUT_SHUTDOWN_WAIT, -1, NULL,
                                    async_shutdown_done, &unlimited);
      g_assert_true (cfut_executor_is_shut_down (fixture->executor));
      test_iterate_until (NULL, test_place_get_n (&limited.place) == 1);
      g_assert_error (limited.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_cancellable_cancel (cancellable);
      test_iterate_until (NULL, test_place_get_n (&cancelled.place) == 1);
      g_assert_error (cancelled.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpint (test_place_get_n (&unlimited.place), ==, 0);
      fixture_unblock (fixture);
      test_iterate_until (NULL, test_place_get_n (&unlimited.place) == 1);
      g_assert_no_error (unlimited.error);
      g_assert_true (unlimited.ended);
      test_place_assert_here (&unlimited.place, 1);
    }

  cfut_executor_shutdown_async (fixture->executor, CFUT_SHUTDOWN_WAIT, -1, NULL,
                                async_shutdown_done, &after);
  g_assert_cmpint (test_place_get_n (&after.place), ==, 0);
  test_iterate_until (NULL, test_place_get_n (&after.place) == 1);
  g_assert_no_error (after.error);
  g_assert_true (after.ended);
  g_clear_error (&limited.error);
  g_clear_error (&cancelled.error);
}

static gboolean
shut_down_from_inside (CfutTask  *task,
                       gpointer   executor,
                       GError   **error)
{
  return cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, error);
}

/* Guarantee 1: a task that waits for the end of its own executor is told so instead of hanging. */
static void
test_shutdown_from_own_task (Fixture       *fixture,
                             gconstpointer  data)
{
  g_autoptr (CfutFuture) future = submit (fixture, shut_down_from_inside, fixture->executor);

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
}

/* From a task of another executor it is a wait like any. */
static void
test_shutdown_from_other_task (Fixture       *fixture,
                               gconstpointer  data)
{
  g_autoptr (CfutExecutor) other = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;

  if (!((const Kind *) data)->is_inline)
    fixture_block (fixture);
  future = cfut_executor_submit (other, shut_down_from_inside, fixture->executor, NULL);
  fixture_unblock (fixture);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
}

/* Guarantees 1 and 9: an executor that is dropped finishes what it took, does not block who dropped
 * it, and goes. */
static void
test_dropped_finishes_its_work (Fixture       *fixture,
                                gconstpointer  data)
{
  CfutFuture *futures[50];
  TestPlace destroyed = { 0 };
  int n_ran = 0;
  int n_gone = 0;

  if (!((const Kind *) data)->is_inline)
    fixture_block (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = i % 2 ? submit (fixture, test_task_count, &n_ran)
                       : cfut_executor_submit (fixture->executor, test_task_nothing, &destroyed,
                                               test_place_note);

  test_watch_gone (fixture->executor, &n_gone);
  g_clear_object (&fixture->executor);
  if (fixture->blockers != NULL)
    g_assert_cmpint (cfut_future_get_state (fixture->blockers[0]), ==, CFUT_STATE_RUNNING);
  fixture_unblock (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  g_assert_cmpint (g_atomic_int_get (&n_ran), ==, G_N_ELEMENTS (futures) / 2);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == G_N_ELEMENTS (futures) / 2 &&
                            g_atomic_int_get (&n_gone) == 1);
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures) / 2);
}

static gboolean
drop_executor_after_gate (CfutTask  *task,
                          gpointer   data,
                          GError   **error)
{
  Fixture *fixture = data;

  test_gate_pass (&fixture->gate);
  g_clear_object (&fixture->executor);
  return TRUE;
}

/* Guarantee 9: the last reference may be dropped by a task of its own. */
static void
test_dropped_by_its_own_task (Fixture       *fixture,
                              gconstpointer  data)
{
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) queued = NULL;
  int n_gone = 0;

  test_watch_gone (fixture->executor, &n_gone);
  future = submit (fixture, drop_executor_after_gate, fixture);
  queued = submit (fixture, test_task_nothing, NULL);
  test_gate_open (&fixture->gate);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  test_assert_settles (queued, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 1);
}

/* Counts tell the present: pending, running and completed work. */
static void
test_counts (Fixture       *fixture,
             gconstpointer  data)
{
  g_autoptr (CfutFuture) first = NULL;
  g_autoptr (CfutFuture) second = NULL;
  guint64 pending;
  guint64 running;
  guint64 completed;
  guint max_workers;

  fixture_block (fixture);
  first = submit (fixture, test_task_nothing, NULL);
  second = submit (fixture, test_task_nothing, NULL);
  g_assert_cmpuint (cfut_executor_get_n_running (fixture->executor), ==, fixture->n_workers);
  g_assert_cmpuint (cfut_executor_get_n_pending (fixture->executor), ==, 2);
  g_assert_cmpuint (cfut_executor_get_n_completed (fixture->executor), ==, 0);

  g_assert_true (cfut_future_cancel (second));
  g_assert_cmpuint (cfut_executor_get_n_pending (fixture->executor), ==, 1);
  g_object_get (fixture->executor, "n-pending", &pending, "n-running", &running, "n-completed",
                &completed, "max-workers", &max_workers, NULL);
  g_assert_cmpuint (pending, ==, 1);
  g_assert_cmpuint (running, ==, fixture->n_workers);
  g_assert_cmpuint (completed, ==, 0);
  g_assert_cmpuint (max_workers, ==, fixture->n_workers);

  fixture_unblock (fixture);
  test_assert_settles (first, CFUT_STATE_RESOLVED);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  g_assert_cmpuint (cfut_executor_get_n_pending (fixture->executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_running (fixture->executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_completed (fixture->executor), >=, fixture->n_workers + 1);
  g_assert_cmpuint (cfut_executor_get_n_completed (fixture->executor), <=, fixture->n_workers + 2);
}

/* Functions are what all of these run. */
static void
test_can_run_functions (Fixture       *fixture,
                        gconstpointer  data)
{
  gboolean can = FALSE;

  g_assert_true (cfut_executor_can_run_functions (fixture->executor));
  g_object_get (fixture->executor, "can-run-functions", &can, NULL);
  g_assert_true (can);
}

#define N_SUBMITTERS 4
#define N_SUBMITS 2000

typedef struct {
  Fixture *fixture;
  TestGate start;
  int n_ran;        /* atomic */
  int n_destroyed;  /* atomic */
} Crowd;

typedef struct {
  Crowd *crowd;
  GMainContext *context;
} Member;

static gboolean
crowd_task (CfutTask  *task,
            gpointer   data,
            GError   **error)
{
  g_atomic_int_inc (&((Crowd *) data)->n_ran);
  return TRUE;
}

static void
crowd_destroyed (gpointer data)
{
  g_atomic_int_inc (&((Crowd *) data)->n_destroyed);
}

static gpointer
crowd_submit (gpointer data)
{
  Crowd *crowd = data;
  GMainContext *context = g_main_context_new ();
  CfutFuture **futures = g_new0 (CfutFuture *, N_SUBMITS);

  g_main_context_push_thread_default (context);
  test_gate_pass (&crowd->start);
  for (guint i = 0; i < N_SUBMITS; i++)
    futures[i] = cfut_executor_submit (crowd->fixture->executor, crowd_task, crowd,
                                       crowd_destroyed);
  for (guint i = 0; i < N_SUBMITS; i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  g_free (futures);
  return NULL;
}

/* Guarantee 1: several threads submit at once: each piece of work runs once and settles, and its data goes. */
static void
test_many_submitters (Fixture       *fixture,
                      gconstpointer  data)
{
  GThread *threads[N_SUBMITTERS];
  Crowd crowd = { .fixture = fixture };

  test_gate_init (&crowd.start);
  for (guint i = 0; i < N_SUBMITTERS; i++)
    threads[i] = g_thread_new ("submitter", crowd_submit, &crowd);
  test_gate_wait_arrived (&crowd.start, N_SUBMITTERS);
  test_gate_open (&crowd.start);
  for (guint i = 0; i < N_SUBMITTERS; i++)
    g_thread_join (threads[i]);

  g_assert_cmpint (g_atomic_int_get (&crowd.n_ran), ==, N_SUBMITTERS * N_SUBMITS);
  test_iterate_until (NULL, g_atomic_int_get (&crowd.n_destroyed) == N_SUBMITTERS * N_SUBMITS);
  test_gate_clear (&crowd.start);
}

typedef struct {
  CfutExecutor *executor;
  int n_ran;   /* atomic */
  int n_left;  /* atomic */
  TestSem ended;
} Tree;

typedef struct {
  Tree *tree;
  guint depth;
} Branch;

static gboolean
grow (CfutTask  *task,
      gpointer   data,
      GError   **error)
{
  Branch *branch = data;
  Tree *tree = branch->tree;

  if (branch->depth > 0)
    {
      for (guint i = 0; i < 2; i++)
        {
          Branch *child = g_new (Branch, 1);
          CfutFuture *future;

          *child = (Branch) { tree, branch->depth - 1 };
          future = cfut_executor_submit (tree->executor, grow, child, g_free);
          g_object_unref (future);
        }
    }

  g_atomic_int_inc (&tree->n_ran);
  if (g_atomic_int_dec_and_test (&tree->n_left))
    test_sem_post (&tree->ended);
  return TRUE;
}

/* Guarantee 1: tasks that submit tasks: the whole tree runs, though nobody waits for any of it. */
static void
test_tree_of_tasks (Fixture       *fixture,
                    gconstpointer  data)
{
  const guint depth = 11;
  const int n_tasks = (1 << (depth + 1)) - 1;
  Tree tree = { .executor = fixture->executor, .n_left = n_tasks };
  Branch *root = g_new (Branch, 1);
  g_autoptr (CfutFuture) future = NULL;

  test_sem_init (&tree.ended);
  *root = (Branch) { &tree, depth };
  future = cfut_executor_submit (fixture->executor, grow, root, g_free);
  test_sem_wait (&tree.ended);
  g_assert_cmpint (g_atomic_int_get (&tree.n_ran), ==, n_tasks);

  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));
  test_sem_clear (&tree.ended);
}

#define N_CONTESTED 1500

typedef struct {
  CfutFuture *futures[N_CONTESTED];
  int ran[N_CONTESTED];        /* atomic */
  int destroyed[N_CONTESTED];
  gboolean cancelled[N_CONTESTED];
  int n_there;                 /* atomic: how many futures there are */
  guint32 seed;
} Contest;

static gpointer
contest_cancel (gpointer data)
{
  Contest *contest = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (contest->seed);

  for (int i = 0; i < N_CONTESTED; i++)
    {
      while (g_atomic_int_get (&contest->n_there) <= i)
        g_thread_yield ();
      if (g_rand_boolean (rand))
        contest->cancelled[i] = cfut_future_cancel (contest->futures[i]);
    }
  return NULL;
}

static void
contest_destroyed (gpointer data)
{
  ++*(int *) data;
}

/* Guarantee 5: cancel against start: one wins. A future whose cancel said TRUE never runs, another runs
 * once, and the data of each goes once. */
static void
test_cancel_against_start (Fixture       *fixture,
                           gconstpointer  data)
{
  Contest *contest = g_new0 (Contest, 1);
  int *numbers[N_CONTESTED];
  GThread *thread;
  int n_destroyed = 0;

  contest->seed = test_seed ();
  thread = g_thread_new ("canceller", contest_cancel, contest);
  for (guint i = 0; i < N_CONTESTED; i++)
    {
      numbers[i] = &contest->ran[i];
      contest->futures[i] = i % 2
        ? cfut_executor_submit (fixture->executor, test_task_count, numbers[i], NULL)
        : cfut_executor_submit (fixture->executor, test_task_nothing, &contest->destroyed[i],
                                contest_destroyed);
      g_atomic_int_set (&contest->n_there, (int) i + 1);
    }
  g_thread_join (thread);
  g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, NULL));

  for (guint i = 0; i < N_CONTESTED; i++)
    {
      CfutState state = cfut_future_get_state (contest->futures[i]);

      /* Nothing here looks at its cancellable, so CANCELLED means that it was never started. */
      g_assert_cmpint (state, ==, contest->cancelled[i] ? CFUT_STATE_CANCELLED
                                                        : CFUT_STATE_RESOLVED);
      if (i % 2)
        g_assert_cmpint (contest->ran[i], ==, !contest->cancelled[i]);
      g_object_unref (contest->futures[i]);
    }

  test_iterate_ready (NULL);
  for (guint i = 0; i < N_CONTESTED; i += 2)
    n_destroyed += contest->destroyed[i] == 1;
  g_assert_cmpint (n_destroyed, ==, N_CONTESTED / 2);
  g_free (contest);
}

typedef struct {
  Fixture *fixture;
  TestGate start;
  int n_ran;              /* atomic */
  int n_resolved;         /* atomic */
  int n_destroyed;        /* atomic */
  int n_submitted;        /* atomic */
  int n_shut_down;        /* atomic */
} Closing;

static gboolean
closing_task (CfutTask  *task,
              gpointer   data,
              GError   **error)
{
  g_atomic_int_inc (&((Closing *) data)->n_ran);
  return TRUE;
}

static void
closing_destroyed (gpointer data)
{
  g_atomic_int_inc (&((Closing *) data)->n_destroyed);
}

/* Submits until it is told that no more is taken. */
static gpointer
closing_submit (gpointer data)
{
  Closing *closing = data;
  GMainContext *context = g_main_context_new ();
  gboolean taken = TRUE;

  g_main_context_push_thread_default (context);
  test_gate_pass (&closing->start);
  while (taken)
    {
      g_autoptr (CfutFuture) future = NULL;
      g_autoptr (GError) error = NULL;

      future = cfut_executor_submit (closing->fixture->executor, closing_task, closing,
                                     closing_destroyed);
      g_atomic_int_inc (&closing->n_submitted);
      g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));
      error = cfut_future_dup_error (future);
      if (error == NULL)
        g_atomic_int_inc (&closing->n_resolved);
      else if (error->domain == CFUT_FUTURE_ERROR)
        g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
      else
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      taken = !g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
    }
  g_atomic_int_inc (&closing->n_shut_down);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* Guarantee 1: submit against shutdown: each future is resolved, cancelled or told SHUT_DOWN; none hangs, and
 * those that were not resolved have not run. */
static void
test_submit_against_shutdown (Fixture       *fixture,
                              gconstpointer  data)
{
  static const CfutShutdownFlags flags[] = {
    CFUT_SHUTDOWN_DEFAULT, CFUT_SHUTDOWN_CANCEL_PENDING,
    CFUT_SHUTDOWN_CANCEL_PENDING | CFUT_SHUTDOWN_CANCEL_RUNNING | CFUT_SHUTDOWN_WAIT
  };

  for (guint i = 0; i < 30; i++)
    {
      GThread *threads[3];
      Closing closing = { .fixture = fixture };

      test_gate_init (&closing.start);
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        threads[j] = g_thread_new ("submitter", closing_submit, &closing);
      test_gate_wait_arrived (&closing.start, G_N_ELEMENTS (threads));
      test_gate_open (&closing.start);
      while (g_atomic_int_get (&closing.n_submitted) < 20)
        g_thread_yield ();
      g_assert_true (cfut_executor_shutdown (fixture->executor, flags[i % G_N_ELEMENTS (flags)],
                                             TEST_DEADLINE_USEC, NULL));
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        g_thread_join (threads[j]);
      g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                             TEST_DEADLINE_USEC, NULL));

      g_assert_cmpint (closing.n_shut_down, ==, G_N_ELEMENTS (threads));
      g_assert_cmpint (closing.n_ran, ==, closing.n_resolved);
      test_iterate_until (NULL, g_atomic_int_get (&closing.n_destroyed) ==
                                g_atomic_int_get (&closing.n_submitted));
      test_gate_clear (&closing.start);

      g_object_unref (fixture->executor);
      fixture->executor = executor_new (data);
    }
}

/* Bad input is refused with a critical; a NULL function is no work. */
static void
test_bad_input (Fixture       *fixture,
                gconstpointer  data)
{
  CfutFuture *none;

  test_expect_critical ();
  none = cfut_executor_submit (NULL, test_task_nothing, NULL, NULL);
  g_test_assert_expected_messages ();
  g_assert_null (none);

  test_expect_critical ();
  none = cfut_executor_submit (fixture->executor, NULL, NULL, NULL);
  g_test_assert_expected_messages ();
  g_assert_null (none);

  test_expect_critical ();
  g_assert_false (cfut_executor_shutdown (NULL, CFUT_SHUTDOWN_DEFAULT, 0, NULL));
  g_test_assert_expected_messages ();

  test_expect_critical ();
  g_assert_cmpuint (cfut_executor_get_n_pending (NULL), ==, 0);
  g_test_assert_expected_messages ();
  g_assert_false (cfut_executor_is_shut_down (fixture->executor));
}

/* --- what may become of a CfutWork --- */

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

/* It runs once; whoever runs it again is told FALSE. */
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
}

/* Guarantee 1: it may be rejected with any error, instead of being run. */
static void
test_work_rejected (Held          *held,
                    gconstpointer  data)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");

  g_assert_true (cfut_work_reject (held->executor->work, error));
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
  g_autoptr (CfutExecutor) executor = g_object_new (TEST_TYPE_OWN_THREAD_EXECUTOR, NULL);
  TestOwnThreadExecutor *self = TEST_OWN_THREAD_EXECUTOR (executor);

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

typedef struct {
  const char *name;
  void (*func) (Fixture       *fixture,
                gconstpointer  data);
  gboolean inline_too;  /* needs no worker beside the submitting thread */
} Case;

static const Case cases[] = {
  { "1-outcomes", test_outcomes, TRUE },
  { "2-3-delivers-to-the-submitter", test_delivers_to_the_submitter, TRUE },
  { "5-cancel-queued", test_cancel_queued, FALSE },
  { "5-cancel-running", test_cancel_running, FALSE },
  { "1-2-submit-after-shutdown", test_submit_after_shutdown, TRUE },
  { "1-shutdown-runs-what-it-took", test_shutdown_runs_what_it_took, FALSE },
  { "1-2-5-shutdown-cancels-pending", test_shutdown_cancels_pending, FALSE },
  { "5-shutdown-cancels-running", test_shutdown_cancels_running, FALSE },
  { "1-shutdown-waits", test_shutdown_waits, FALSE },
  { "1-shutdown-async", test_shutdown_async, TRUE },
  { "1-shutdown-from-own-task", test_shutdown_from_own_task, TRUE },
  { "1-shutdown-from-other-task", test_shutdown_from_other_task, TRUE },
  { "1-9-dropped-finishes-its-work", test_dropped_finishes_its_work, TRUE },
  { "9-dropped-by-its-own-task", test_dropped_by_its_own_task, FALSE },
  { "counts", test_counts, FALSE },
  { "can-run-functions", test_can_run_functions, TRUE },
  { "1-many-submitters", test_many_submitters, TRUE },
  { "1-tree-of-tasks", test_tree_of_tasks, TRUE },
  { "5-cancel-against-start", test_cancel_against_start, TRUE },
  { "1-submit-against-shutdown", test_submit_against_shutdown, TRUE },
  { "bad-input", test_bad_input, TRUE },
};

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (guint j = 0; j < G_N_ELEMENTS (cases); j++)
      {
        g_autofree char *path = g_strdup_printf ("/cfut/executor/%s/%s", kinds[i].name,
                                                 cases[j].name);

        if (cases[j].inline_too || !kinds[i].is_inline)
          g_test_add (path, Fixture, &kinds[i], fixture_set_up, cases[j].func, fixture_tear_down);
      }

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
