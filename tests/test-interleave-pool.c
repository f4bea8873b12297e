/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Threads that meet inside of the pool and of the timers, as in test-interleave.c. */

#include "test-interleave-util.h"

#include "core/cfut-lock-private.h"
#include "core/cfut-pool-struct-private.h"
#include "core/cfut-timer-private.h"

/* --- a worker that goes to sleep --- */

/* Guarantee 1: a worker has looked everywhere, and is about to sleep for ever, when something
 * comes: be it submitted, given a priority, or resumed. Nobody wakes it, as it is counted as
 * looking. */
static void
test_interleave_parks_while_something_comes (void)
{
  for (int priority = -1; priority <= 1; priority++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutRequest) request = cfut_request_new ();
      g_autoptr (CfutFuture) first = NULL;
      g_autoptr (CfutFuture) second = NULL;
      TestStop parks;

      cfut_thread_executor_set_idle_timeout_usec (CFUT_THREAD_EXECUTOR (executor), -1);
      cfut_request_set_priority (request, priority);
      test_stop_at (&parks, CFUT_POINT_PARKS, NULL);
      first = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      test_stop_wait (&parks);
      test_assert_settles (first, CFUT_STATE_RESOLVED);
      second = cfut_executor_submit_full (executor, request, test_task_nothing, NULL, NULL);
      test_stop_go (&parks);
      test_assert_settles (second, CFUT_STATE_RESOLVED);
      test_stop_clear (&parks);
    }
}

/* The same for one that would leave after no time, and for a pool that is closed: all workers
 * end. */
static void
test_interleave_parks_while_closed (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutFuture) first = NULL;
      GError *error = NULL;
      TestStop parks;

      cfut_thread_executor_set_idle_timeout_usec (CFUT_THREAD_EXECUTOR (executor), i == 0 ? -1 : 0);
      test_stop_at (&parks, CFUT_POINT_PARKS, NULL);
      first = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
      test_stop_wait (&parks);
      test_assert_settles (first, CFUT_STATE_RESOLVED);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
      test_stop_go (&parks);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error);
      g_assert_no_error (error);
      test_stop_clear (&parks);
    }
}

/* --- a thief and who drains the pool --- */

#define N_CHILDREN 10

typedef struct _Robbery Robbery;

typedef struct {
  CfutLink link;  /* first, so that a link is its item */
  void (*func) (Robbery *self);
  Robbery *robbery;
} Item;

/* One worker has filled its ring and goes on for long; the other is kept from stealing until
 * then. */
struct _Robbery {
  CfutPool *pool;
  Item filler;
  Item keeper;
  Item children[N_CHILDREN];
  TestGate filled;
  TestGate kept;
  TestGate child;   /* who runs one stays there */
  int n_ran;        /* atomic: children */
  int n_drained;    /* atomic */
  int drain_is_over; /* atomic */
};

static CfutPoolOutcome
run_item (CfutLink *link,
          gboolean  placed)
{
  Item *item = (Item *) link;

  item->func (item->robbery);
  return CFUT_POOL_RAN;
}

static void
fail_item (CfutLink     *link,
           const GError *error)
{
  g_assert_not_reached ();
}

static const CfutPoolClass item_class = { .run = run_item, .fail = fail_item };

static void
push (Robbery *self,
      Item    *item,
      void   (*func) (Robbery *self))
{
  gboolean queued = FALSE;

  item->func = func;
  item->robbery = self;
  g_assert_true (cfut_pool_push (self->pool, &item->link, &queued));
}

static void
run_child (Robbery *self)
{
  g_atomic_int_inc (&self->n_ran);
  test_gate_pass (&self->child);
}

static void
run_filler (Robbery *self)
{
  for (guint i = 0; i < N_CHILDREN; i++)
    push (self, &self->children[i], run_child);
  test_gate_pass (&self->filled);
}

static void
run_keeper (Robbery *self)
{
  test_gate_pass (&self->kept);
}

static void
robbery_init (Robbery *self)
{
  *self = (Robbery) { .pool = cfut_pool_new (&item_class, 2, G_USEC_PER_SEC, NULL, NULL) };
  test_gate_init (&self->filled);
  test_gate_init (&self->kept);
  test_gate_init (&self->child);
  push (self, &self->keeper, run_keeper);
  test_gate_wait_arrived (&self->kept, 1);
  push (self, &self->filler, run_filler);
  test_gate_wait_arrived (&self->filled, 1);
}

static void
robbery_end (Robbery *self)
{
  test_gate_open (&self->child);
  test_gate_open (&self->filled);
  cfut_pool_close (self->pool);
  test_poll_until (cfut_cell_settled (cfut_cell_load (cfut_pool_get_ended (self->pool))));
  cfut_pool_unref (self->pool);
  g_assert_cmpint (self->n_ran + self->n_drained, ==, N_CHILDREN);
  test_gate_clear (&self->filled);
  test_gate_clear (&self->kept);
  test_gate_clear (&self->child);
}

static void
count_drained (CfutLink *link)
{
  g_atomic_int_inc (&((Item *) link)->robbery->n_drained);
}

static gpointer
drain (gpointer data)
{
  Robbery *self = data;

  cfut_pool_drain (self->pool, count_drained);
  g_atomic_int_set (&self->drain_is_over, TRUE);
  return NULL;
}

/* Guarantee 1: who takes all that is queued waits for a thief that has some of it in its hands:
 * only what has been begun is not taken. */
static void
test_interleave_drain_while_stealing (void)
{
  TestStop steals, waits;
  GThread *drainer;
  Robbery self;

  robbery_init (&self);
  test_stop_at (&steals, CFUT_POINT_STEALS, self.pool);
  test_count_at (&waits, CFUT_POINT_DRAIN_WAITS, self.pool);
  test_gate_open (&self.kept);
  test_stop_wait (&steals);

  drainer = g_thread_new ("drainer", drain, &self);
  test_poll_until (test_stop_arrived (&waits) || g_atomic_int_get (&self.drain_is_over));
  g_assert_false (g_atomic_int_get (&self.drain_is_over));
  test_stop_go (&steals);
  g_thread_join (drainer);
  test_gate_wait_arrived (&self.child, 1);
  g_assert_cmpint (g_atomic_int_get (&self.n_drained), ==, N_CHILDREN - 1);

  robbery_end (&self);
  test_stop_clear (&steals);
  test_stop_clear (&waits);
}

/* Guarantee 1: once somebody has begun to take all, a thief takes what it runs next, and no
 * more. */
static void
test_interleave_steal_while_draining (void)
{
  TestStop drains, steals;
  GThread *drainer;
  Robbery self;

  robbery_init (&self);
  test_stop_at (&drains, CFUT_POINT_DRAINS, self.pool);
  test_count_at (&steals, CFUT_POINT_STEALS, self.pool);
  drainer = g_thread_new ("drainer", drain, &self);
  test_stop_wait (&drains);
  test_gate_open (&self.kept);
  test_gate_wait_arrived (&self.child, 1);
  g_assert_false (test_stop_arrived (&steals));

  test_stop_go (&drains);
  g_thread_join (drainer);
  g_assert_cmpint (g_atomic_int_get (&self.n_drained), ==, N_CHILDREN - 1);

  robbery_end (&self);
  test_stop_clear (&drains);
  test_stop_clear (&steals);
}

/* --- timers --- */

#define HOUR_USEC (3600 * (gint64) G_USEC_PER_SEC)

typedef struct {
  CfutTimer timer;
  int n_first;   /* atomic */
  int n_second;  /* atomic */
} TwoThings;

static void
on_first (CfutTimer *timer)
{
  g_atomic_int_inc (&((TwoThings *) timer)->n_first);
}

static void
on_second (CfutTimer *timer)
{
  g_atomic_int_inc (&((TwoThings *) timer)->n_second);
}

/* A timer that is about to fire is armed for another thing: what comes is what it was armed for at
 * first, and the other thing stays for its time. */
static void
test_interleave_armed_anew_while_firing (void)
{
  TwoThings self = { .timer.fire = on_first };
  TestStop fires;

  test_stop_at (&fires, CFUT_POINT_TIMER_FIRES, &self.timer);
  g_assert_true (cfut_timer_arm (&self.timer, g_get_monotonic_time ()));
  test_stop_wait (&fires);
  g_assert_false (cfut_timer_disarm (&self.timer));

  self.timer.fire = on_second;
  g_assert_true (cfut_timer_arm (&self.timer, g_get_monotonic_time () + HOUR_USEC));
  test_stop_go (&fires);
  test_poll_until (g_atomic_int_get (&self.n_first) + g_atomic_int_get (&self.n_second) > 0);
  g_assert_cmpint (g_atomic_int_get (&self.n_first), ==, 1);
  g_assert_true (cfut_timer_disarm (&self.timer));
  g_assert_cmpint (g_atomic_int_get (&self.n_second), ==, 0);
  test_stop_clear (&fires);
}

static CfutFuture *
submit_with_deadline (CfutExecutor *executor,
                      gint64        deadline_usec,
                      CfutTaskFunc  func,
                      gpointer      data)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();

  cfut_request_set_run_deadline_usec (request, deadline_usec);
  return cfut_executor_submit_full (executor, request, func, data, NULL);
}

/* Guarantee 7: a worker's timer is about to fire for what has ended when the next begins, with a
 * later deadline; and the same when it has looked for what runs already. That deadline comes. */
static void
test_interleave_deadline_of_the_next (void)
{
  static const CfutPoint points[] = { CFUT_POINT_TIMER_FIRES, CFUT_POINT_LOOKS_LATE };

  for (guint i = 0; i < G_N_ELEMENTS (points); i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutFuture) before = NULL;
      g_autoptr (CfutFuture) blocker = NULL;
      g_autoptr (CfutFuture) first = NULL;
      g_autoptr (CfutFuture) next = NULL;
      TestStop timer;
      TestGate begin, gate, inside;

      test_gate_init (&begin);
      test_gate_init (&gate);
      test_gate_init (&inside);
      test_stop_at (&timer, points[i], NULL);
      before = cfut_executor_submit (executor, test_task_pass, &begin, NULL);
      first = submit_with_deadline (executor, 20 * 1000, test_task_nothing, NULL);
      /* So that the worker does not sleep after that, which would take the timer back. */
      blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
      test_gate_open (&begin);
      test_stop_wait (&timer);
      test_assert_settles (first, CFUT_STATE_RESOLVED);

      next = submit_with_deadline (executor, 50 * 1000, test_task_until_cancelled, &inside);
      test_gate_open (&gate);
      test_gate_wait_arrived (&inside, 1);
      test_stop_go (&timer);
      test_assert_fails (next, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);

      test_assert_settles (blocker, CFUT_STATE_RESOLVED);
      cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
      test_stop_clear (&timer);
      test_gate_clear (&begin);
      test_gate_clear (&gate);
      test_gate_clear (&inside);
    }
}

/* --- waits in a pool that may not grow --- */

typedef struct {
  CfutExecutor *executor;
  TestGate gate;
  CfutFuture *gated;  /* set when somebody has arrived there */
} OwnWaits;

static gboolean
wait_for_gated (CfutTask  *task,
                gpointer   data,
                GError   **error)
{
  OwnWaits *self = data;

  self->gated = cfut_executor_submit (self->executor, test_task_pass, &self->gate, NULL);
  return cfut_future_wait (self->gated, -1, NULL, error);
}

static gboolean
wait_for_nothing (CfutTask  *task,
                  gpointer   data,
                  GError   **error)
{
  OwnWaits *self = data;
  g_autoptr (CfutFuture) inner = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);

  return cfut_future_wait (inner, -1, NULL, error);
}

static gboolean
somebody_waits (CfutPool *pool)
{
  gboolean waits = FALSE;

  cfut_lock (&pool->lock, CFUT_LOCK_POOL);
  for (guint i = 0; i < atomic_load (&pool->n_slots); i++)
    waits = waits || atomic_load (&pool->slots[i])->own_wait != NULL;
  cfut_unlock (&pool->lock, CFUT_LOCK_POOL);

  return waits;
}

/* Guarantee 6: what a worker is about to wait for ends, and the worker that ran it begins to wait
 * itself. The first does not sleep, so neither wait is a deadlock. */
static void
test_interleave_ends_before_it_is_waited_for (void)
{
  g_autoptr (CfutExecutor) executor = g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", 2,
                                                    "compensate", FALSE, NULL);
  OwnWaits own = { .executor = executor };
  g_autoptr (CfutFuture) first = NULL;
  g_autoptr (CfutFuture) second = NULL;
  CfutPool *pool;
  TestStop waits;

  test_gate_init (&own.gate);
  test_stop_at (&waits, CFUT_POINT_WAITS_OWN, NULL);
  first = cfut_executor_submit (executor, wait_for_gated, &own, NULL);
  pool = test_stop_wait (&waits);
  test_gate_wait_arrived (&own.gate, 1);
  test_gate_open (&own.gate);
  test_assert_settles (own.gated, CFUT_STATE_RESOLVED);
  second = cfut_executor_submit (executor, wait_for_nothing, &own, NULL);
  test_poll_until (somebody_waits (pool));

  test_stop_go (&waits);
  test_assert_settles (first, CFUT_STATE_RESOLVED);
  test_assert_settles (second, CFUT_STATE_RESOLVED);
  test_assert_ends (executor);
  test_stop_clear (&waits);
  test_gate_clear (&own.gate);
  g_object_unref (own.gated);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_stops_begin ();

#define add(name, func) g_test_add_func ("/cfut/interleave-pool/" name, test_interleave_##func)
  add ("01-parks-while-closed", parks_while_closed);
  add ("01-parks-while-something-comes", parks_while_something_comes);
  add ("armed-anew-while-firing", armed_anew_while_firing);
  add ("deadline-of-the-next", deadline_of_the_next);
  add ("drain-while-stealing", drain_while_stealing);
  add ("steal-while-draining", steal_while_draining);
  add ("6-ends-before-it-is-waited-for", ends_before_it_is_waited_for);
#undef add

  return g_test_run ();
}
