/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the suites share: gates and semaphores that put threads into an order, main-loop iteration
 * until a condition holds, a record of where something was called, and plain task functions.
 *
 * Threads: gates, semaphores, places and task functions are for any thread.
 * Every wait has the same long deadline: running into it ends the process, so that a test
 * that hangs says where.
 */

#include "test-util.h"

#include <stdlib.h>

void
test_gate_init (TestGate *gate)
{
  g_mutex_init (&gate->lock);
  g_cond_init (&gate->cond);
  gate->n_arrived = 0;
  gate->is_open = FALSE;
}

void
test_gate_clear (TestGate *gate)
{
  g_mutex_clear (&gate->lock);
  g_cond_clear (&gate->cond);
}

void
test_gate_open (TestGate *gate)
{
  g_mutex_lock (&gate->lock);
  gate->is_open = TRUE;
  g_cond_broadcast (&gate->cond);
  g_mutex_unlock (&gate->lock);
}

/* Arrives without stopping. */
void
test_gate_arrive (TestGate *gate)
{
  g_mutex_lock (&gate->lock);
  gate->n_arrived++;
  g_cond_broadcast (&gate->cond);
  g_mutex_unlock (&gate->lock);
}

/* Arrives, and goes on once the gate is open. */
void
test_gate_pass (TestGate *gate)
{
  gint64 deadline = g_get_monotonic_time () + TEST_DEADLINE_USEC;

  g_mutex_lock (&gate->lock);
  gate->n_arrived++;
  g_cond_broadcast (&gate->cond);
  while (!gate->is_open)
    {
      if (!g_cond_wait_until (&gate->cond, &gate->lock, deadline))
        g_error ("nobody opened the gate");
    }
  g_mutex_unlock (&gate->lock);
}

void
test_gate_wait_arrived (TestGate *gate,
                        guint     n)
{
  gint64 deadline = g_get_monotonic_time () + TEST_DEADLINE_USEC;

  g_mutex_lock (&gate->lock);
  while (gate->n_arrived < n)
    {
      if (!g_cond_wait_until (&gate->cond, &gate->lock, deadline))
        g_error ("%u arrived at the gate, %u should have", gate->n_arrived, n);
    }
  g_mutex_unlock (&gate->lock);
}

void
test_sem_init (TestSem *sem)
{
  g_mutex_init (&sem->lock);
  g_cond_init (&sem->cond);
  sem->count = 0;
}

void
test_sem_clear (TestSem *sem)
{
  g_mutex_clear (&sem->lock);
  g_cond_clear (&sem->cond);
}

void
test_sem_post (TestSem *sem)
{
  g_mutex_lock (&sem->lock);
  sem->count++;
  g_cond_signal (&sem->cond);
  g_mutex_unlock (&sem->lock);
}

void
test_sem_wait (TestSem *sem)
{
  gint64 deadline = g_get_monotonic_time () + TEST_DEADLINE_USEC;

  g_mutex_lock (&sem->lock);
  while (sem->count == 0)
    {
      if (!g_cond_wait_until (&sem->cond, &sem->lock, deadline))
        g_error ("nobody posted the semaphore");
    }
  sem->count--;
  g_mutex_unlock (&sem->lock);
}

void
test_place_note (gpointer place)
{
  TestPlace *self = place;
  GSource *source = g_main_current_source ();

  self->thread = g_thread_self ();
  self->context = source != NULL ? g_source_get_context (source) : NULL;
  g_atomic_int_inc (&self->n_calls);
}

void
test_place_callback (CfutFuture *settled,
                     gpointer    place)
{
  g_assert_true (cfut_future_is_settled (settled));
  test_place_note (place);
}

void
test_place_done (CfutFuture *future,
                 TestPlace  *place)
{
  test_place_note (place);
}

void
test_place_notify (GObject    *object,
                   GParamSpec *pspec,
                   TestPlace  *place)
{
  test_place_note (place);
}

void
test_place_async (GObject      *source,
                  GAsyncResult *result,
                  gpointer      place)
{
  test_place_note (place);
}

int
test_place_get_n (TestPlace *place)
{
  return g_atomic_int_get (&place->n_calls);
}

/* Called so many times, and on this thread. */
void
test_place_assert_here (TestPlace *place,
                        int        n_calls)
{
  g_assert_cmpint (test_place_get_n (place), ==, n_calls);
  g_assert_true (place->thread == g_thread_self ());
}

struct _TestLoopThread {
  GThread *thread;
  GMainContext *context;
  GMainLoop *loop;
};

static gpointer
test_loop_thread_run (gpointer data)
{
  TestLoopThread *self = data;

  g_main_context_push_thread_default (self->context);
  g_main_loop_run (self->loop);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

TestLoopThread *
test_loop_thread_new (void)
{
  TestLoopThread *self = g_new0 (TestLoopThread, 1);

  self->context = g_main_context_new ();
  self->loop = g_main_loop_new (self->context, FALSE);
  self->thread = g_thread_new ("test-loop", test_loop_thread_run, self);
  return self;
}

static void
test_loop_thread_quit (gpointer data)
{
  g_main_loop_quit (data);
}

void
test_loop_thread_free (TestLoopThread *self)
{
  test_loop_thread_call (self, test_loop_thread_quit, self->loop);
  g_thread_join (self->thread);
  g_main_loop_unref (self->loop);
  g_main_context_unref (self->context);
  g_free (self);
}

GMainContext *
test_loop_thread_get_context (TestLoopThread *self)
{
  return self->context;
}

GThread *
test_loop_thread_get_thread (TestLoopThread *self)
{
  return self->thread;
}

typedef struct {
  TestFunc func;
  gpointer user_data;
  TestSem called;
} TestCall;

static gboolean
test_loop_thread_dispatch (gpointer data)
{
  TestCall *call = data;

  call->func (call->user_data);
  test_sem_post (&call->called);
  return G_SOURCE_REMOVE;
}

void
test_loop_thread_call (TestLoopThread *self,
                       TestFunc        func,
                       gpointer        user_data)
{
  TestCall call = { .func = func, .user_data = user_data };
  GSource *source = g_idle_source_new ();

  test_sem_init (&call.called);
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, test_loop_thread_dispatch, &call, NULL);
  g_source_attach (source, self->context);
  g_source_unref (source);
  test_sem_wait (&call.called);
  test_sem_clear (&call.called);
}

static gboolean
test_patience_tick (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/* The tick is there for conditions that another thread makes true without waking the context;
 * its priority is below all that is tested. */
void
test_patience_begin (TestPatience *self,
                     GMainContext *context,
                     const char   *condition,
                     const char   *where)
{
  self->context = context;
  self->condition = condition;
  self->where = where;
  self->deadline = g_get_monotonic_time () + TEST_DEADLINE_USEC;
  self->tick = g_timeout_source_new (2);
  g_source_set_priority (self->tick, G_PRIORITY_LOW + 100);
  g_source_set_callback (self->tick, test_patience_tick, NULL, NULL);
  g_source_attach (self->tick, context);
}

void
test_patience_iterate (TestPatience *self)
{
  if (g_get_monotonic_time () > self->deadline)
    g_error ("%s: %s did not come true", self->where, self->condition);
  g_main_context_iteration (self->context, TRUE);
}

void
test_patience_end (TestPatience *self)
{
  g_source_destroy (self->tick);
  g_source_unref (self->tick);
}

void
test_poll_again (gint64      deadline,
                 const char *condition,
                 const char *where)
{
  if (g_get_monotonic_time () > deadline)
    g_error ("%s: %s did not come true", where, condition);
  g_usleep (500);
}

void
test_iterate_ready (GMainContext *context)
{
  while (g_main_context_iteration (context, FALSE))
    ;
}

void
test_assert_settles (CfutFuture *future,
                     CfutState   state)
{
  GError *error = NULL;
  gboolean settled;

  settled = cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (settled);
  g_assert_true (cfut_future_is_settled (future));
  if (state == CFUT_STATE_RESOLVED)
    {
      error = cfut_future_dup_error (future);
      g_assert_no_error (error);
    }
  g_assert_cmpint (cfut_future_get_state (future), ==, state);
}

void
test_assert_fails (CfutFuture *future,
                   CfutState   state,
                   GQuark      domain,
                   int         code)
{
  GError *error;

  test_assert_settles (future, state);
  error = cfut_future_dup_error (future);
  g_assert_error (error, domain, code);
  g_assert_cmpstr (error->message, !=, "");
  g_error_free (error);
}

void
test_assert_ends (CfutExecutor *executor)
{
  GError *error = NULL;
  guint n_stuck = 0;

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  if (CFUT_IS_THREAD_EXECUTOR (executor))
    n_stuck = cfut_thread_executor_get_n_abandoned (CFUT_THREAD_EXECUTOR (executor));
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_running (executor), <=, n_stuck);
  test_iterate_ready (NULL);
}

gboolean
test_ask_getter (CfutFuture  *future,
                 TestKind     kind,
                 gint64       timeout_usec,
                 GError     **error)
{
  switch (kind)
    {
    case TEST_KIND_VARIANT:
      return cfut_future_result_variant (future, timeout_usec, error) != NULL;
    case TEST_KIND_STRING:
      return cfut_future_result_string (future, timeout_usec, error) != NULL;
    case TEST_KIND_BYTES:
      return cfut_future_result_bytes (future, timeout_usec, error) != NULL;
    case TEST_KIND_OBJECT:
      return cfut_future_result_object (future, timeout_usec, error) != NULL;
    case TEST_KIND_INT64:
      return cfut_future_result_int64 (future, timeout_usec, error) != 0;
    case TEST_KIND_DOUBLE:
      return cfut_future_result_double (future, timeout_usec, error) != 0.0;
    case TEST_KIND_BOOLEAN:
      return cfut_future_result_boolean (future, timeout_usec, error) != FALSE;
    case TEST_N_KINDS:
    default:
      g_assert_not_reached ();
    }
}

/* Numbers convert among each other. */
static gboolean
is_number (TestKind kind)
{
  return kind == TEST_KIND_INT64 || kind == TEST_KIND_DOUBLE;
}

void
test_assert_holds (CfutFuture *future,
                   TestKind    kind)
{
  g_autoptr (GError) none = NULL;

  g_assert_nonnull (cfut_future_result (future, -1, &none));
  g_assert_no_error (none);

  for (TestKind asked = 0; asked < TEST_N_KINDS; asked++)
    {
      g_autoptr (GError) error = NULL;
      gboolean something = test_ask_getter (future, asked, -1, &error);

      if (asked == kind)
        {
          g_assert_no_error (error);
          g_assert_true (something);
        }
      else if (is_number (asked) && is_number (kind))
        {
          g_assert_no_error (error);
        }
      else
        {
          g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_INVALID_STATE);
          g_assert_false (something);
          g_assert_false (test_ask_getter (future, asked, -1, NULL));
        }
    }

  g_assert_null (cfut_future_dup_error (future));
}

CfutPromise *
test_promise_in_state (CfutState state)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_EXISTS, "it exists");
  CfutPromise *promise = cfut_promise_new ();

  switch (state)
    {
    case CFUT_STATE_PENDING:
      break;
    case CFUT_STATE_RUNNING:
      g_assert_true (cfut_promise_set_running (promise));
      break;
    case CFUT_STATE_RESOLVED:
      g_assert_true (cfut_promise_resolve_int64 (promise, 7));
      break;
    case CFUT_STATE_REJECTED:
      g_assert_true (cfut_promise_reject (promise, error));
      break;
    case CFUT_STATE_CANCELLED:
      g_assert_true (cfut_future_cancel (cfut_promise_get_future (promise)));
      break;
    default:
      g_assert_not_reached ();
    }

  return promise;
}

CfutFuture *
test_rejected_future (const char *name)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "It was in use");
  CfutFuture *future = g_object_ref (cfut_promise_get_future (promise));

  cfut_future_set_name (future, name);
  g_assert_true (cfut_promise_reject (promise, error));

  return future;
}

void
test_drop_and_await (CfutFuture *future)
{
  int n_gone = 0;

  test_watch_gone (future, &n_gone);
  g_object_unref (future);
  test_iterate_until (g_main_context_get_thread_default (), g_atomic_int_get (&n_gone) == 1);
}

gpointer
test_promise_resolve (gpointer promise)
{
  g_assert_true (cfut_promise_resolve_int64 (promise, 1));
  return NULL;
}

void
test_expect_critical (void)
{
  g_test_expect_message (TEST_LIBRARY_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, "*assertion*failed*");
}

static void
test_watch_gone_notify (gpointer  data,
                        GObject  *where_the_object_was)
{
  g_atomic_int_inc ((int *) data);
}

void
test_watch_gone (gpointer  object,
                 int      *n_gone)
{
  g_object_weak_ref (G_OBJECT (object), test_watch_gone_notify, n_gone);
}

gboolean
test_task_nothing (CfutTask  *task,
                   gpointer   user_data,
                   GError   **error)
{
  return TRUE;
}

gboolean
test_task_pass (CfutTask  *task,
                gpointer   gate,
                GError   **error)
{
  test_gate_pass (gate);
  return TRUE;
}

gboolean
test_task_count (CfutTask  *task,
                 gpointer   counter,
                 GError   **error)
{
  g_atomic_int_inc ((int *) counter);
  return TRUE;
}

gboolean
test_task_number (CfutTask  *task,
                  gpointer   number,
                  GError   **error)
{
  cfut_task_set_result_int64 (task, GPOINTER_TO_INT (number));
  return TRUE;
}

gboolean
test_task_fail (CfutTask  *task,
                gpointer   user_data,
                GError   **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "it failed as it should");
  return FALSE;
}

gboolean
test_task_unset (CfutTask  *task,
                 gpointer   user_data,
                 GError   **error)
{
  return FALSE;
}

static void
test_task_cancelled_cb (GCancellable *cancellable,
                        gpointer      gate)
{
  test_gate_open (gate);
}

gboolean
test_task_until_cancelled (CfutTask  *task,
                           gpointer   gate,
                           GError   **error)
{
  TestGate asked;
  GCancellable *cancellable = cfut_task_get_cancellable (task);
  gulong id;

  test_gate_init (&asked);
  id = g_cancellable_connect (cancellable, G_CALLBACK (test_task_cancelled_cb), &asked, NULL);
  test_gate_arrive (gate);
  test_gate_pass (&asked);
  g_cancellable_disconnect (cancellable, id);
  test_gate_clear (&asked);
  return cfut_task_checkpoint (task, error);
}

guint32
test_seed (void)
{
  const char *fixed = g_getenv ("CFUT_TEST_SEED");
  guint32 seed;

  seed = fixed != NULL ? (guint32) strtoul (fixed, NULL, 0) : g_random_int ();
  g_test_message ("CFUT_TEST_SEED=%u", seed);
  return seed;
}

void
test_burn (gint64 usec)
{
  gint64 end = g_get_monotonic_time () + usec;

  while (g_get_monotonic_time () < end)
    ;
}
