/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Waits whose time is over as they are served, sleepers and loops that are woken on their way to
 * sleep, as in test-interleave.c. */

#include "test-interleave-util.h"

#include "cfut-future-private.h"

typedef struct {
  CfutFuture *future;
  gboolean settled;
  int is_over;  /* atomic */
} TimedWait;

static gpointer
wait_for_a_moment (gpointer data)
{
  TimedWait *self = data;

  self->settled = cfut_future_wait (self->future, 1000, NULL, NULL);
  g_atomic_int_set (&self->is_over, TRUE);
  return NULL;
}

/* 5. A wait whose time is over when it stands in the list that is being served: its place is on its
 * thread's stack, so it returns when it has been served, and says that the future has settled. */
static void
test_interleave_timed_out_while_served (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  TimedWait wait = { .future = future };
  TestStop serves, withdraws, late;
  GThread *waiter;
  GThread *settler;

  test_stop_at (&serves, CFUT_POINT_SERVES, future);
  test_stop_at (&withdraws, CFUT_POINT_WITHDRAWS, &future->cell);
  test_count_at (&late, CFUT_POINT_WITHDRAWS_LATE, &future->cell);
  waiter = g_thread_new ("waiter", wait_for_a_moment, &wait);
  test_stop_wait (&withdraws);
  settler = g_thread_new ("settler", test_promise_resolve, promise);
  test_stop_wait (&serves);
  test_stop_go (&withdraws);
  test_poll_until (test_stop_arrived (&late) || g_atomic_int_get (&wait.is_over));
  g_assert_false (g_atomic_int_get (&wait.is_over));

  test_stop_go (&serves);
  g_thread_join (settler);
  g_thread_join (waiter);
  g_assert_true (wait.settled);
  test_stop_clear (&serves);
  test_stop_clear (&withdraws);
  test_stop_clear (&late);
}

static gpointer
wait_for_long (gpointer data)
{
  TimedWait *self = data;

  self->settled = cfut_future_wait (self->future, TEST_DEADLINE_USEC, NULL, NULL);
  g_atomic_int_set (&self->is_over, TRUE);
  return NULL;
}

static void
pass_gate (CfutFuture *settled,
           gpointer    gate)
{
  test_gate_pass (gate);
}

/* 5. A thread that is asleep in a wait when the future settles is not behind a DIRECT callback that does
 * not return, as that may wait for it. */
static void
test_interleave_asleep_beside_a_direct_callback (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  TimedWait wait = { .future = future };
  TestStop sleeps;
  TestGate gate;
  GThread *waiter;
  GThread *settler;

  test_gate_init (&gate);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, pass_gate, &gate, NULL);
  test_count_at (&sleeps, CFUT_POINT_SLEEPS, NULL);
  waiter = g_thread_new ("waiter", wait_for_long, &wait);
  test_stop_wait (&sleeps);
  settler = g_thread_new ("settler", test_promise_resolve, promise);
  test_gate_wait_arrived (&gate, 1);
  test_poll_until (g_atomic_int_get (&wait.is_over));
  g_assert_true (wait.settled);

  test_gate_open (&gate);
  g_thread_join (settler);
  g_thread_join (waiter);
  test_stop_clear (&sleeps);
  test_gate_clear (&gate);
}

typedef struct {
  CfutGroup *group;
  CfutFuture *next;
  int is_over;  /* atomic */
} TimedNext;

static gpointer
next_for_a_moment (gpointer data)
{
  TimedNext *self = data;

  self->next = cfut_group_next (self->group, 1000, NULL, NULL);
  g_atomic_int_set (&self->is_over, TRUE);
  return NULL;
}

/* 15. The same for a group's next: it returns what it has been given, and not before it was told of
 * it. */
static void
test_interleave_next_timed_out_while_served (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  TimedNext next = { .group = group };
  TestStop serves, withdraws, late;
  GThread *waiter;
  GThread *settler;

  cfut_group_add (group, cfut_promise_get_future (promise));
  test_stop_at (&serves, CFUT_POINT_GROUP_SERVES, NULL);
  test_stop_at (&withdraws, CFUT_POINT_GROUP_WITHDRAWS, NULL);
  test_count_at (&late, CFUT_POINT_GROUP_WITHDRAWS_LATE, NULL);
  waiter = g_thread_new ("waiter", next_for_a_moment, &next);
  test_stop_wait (&withdraws);
  settler = g_thread_new ("settler", test_promise_resolve, promise);
  test_stop_wait (&serves);
  test_stop_go (&withdraws);
  test_poll_until (test_stop_arrived (&late) || g_atomic_int_get (&next.is_over));
  g_assert_false (g_atomic_int_get (&next.is_over));

  test_stop_go (&serves);
  g_thread_join (settler);
  g_thread_join (waiter);
  g_assert_true (next.next == cfut_promise_get_future (promise));
  g_object_unref (next.next);
  test_stop_clear (&serves);
  test_stop_clear (&withdraws);
  test_stop_clear (&late);
}

typedef struct {
  CfutWaiter waiter;
  CfutWake wake;
  TestSem ready;
  int is_fired;     /* atomic: who fires is through */
  gboolean in_time;
} Sleeper;

static gpointer
sleep_once (gpointer data)
{
  Sleeper *self = data;
  gint64 deadline = g_get_monotonic_time () + TEST_DEADLINE_USEC;

  cfut_waiter_init (&self->waiter);
  test_sem_post (&self->ready);
  self->wake = cfut_waiter_park (&self->waiter, deadline);
  self->in_time = g_get_monotonic_time () < deadline;
  return NULL;
}

static gpointer
fire_once (gpointer data)
{
  Sleeper *self = data;

  cfut_waiter_fire (&self->waiter);
  g_atomic_int_set (&self->is_fired, TRUE);
  return NULL;
}

/* 2. A wake-up between the last look and the sleep waits for the sleep: it is not lost. */
static void
test_interleave_fired_before_the_sleep (void)
{
  Sleeper self = { .is_fired = FALSE };
  GThread *sleeper;
  GThread *waker;
  TestStop sleeps;

  test_sem_init (&self.ready);
  test_stop_at (&sleeps, CFUT_POINT_SLEEPS, &self.waiter);
  sleeper = g_thread_new ("sleeper", sleep_once, &self);
  test_sem_wait (&self.ready);
  test_stop_wait (&sleeps);
  waker = g_thread_new ("waker", fire_once, &self);
  test_poll_until (cfut_waiter_fired (&self.waiter));
  /* Time enough to wake a thread that does not sleep yet. */
  test_burn (2000);
  test_stop_go (&sleeps);
  g_thread_join (sleeper);
  g_thread_join (waker);
  g_assert_cmpint (self.wake, ==, CFUT_WAKE_FIRED);
  g_assert_true (self.in_time);
  test_stop_clear (&sleeps);
  test_sem_clear (&self.ready);
}

typedef struct {
  CfutPromise *promises[2];
  TestPlace called;
} Delivered;

static void
make_promises (gpointer data)
{
  Delivered *self = data;

  for (guint i = 0; i < G_N_ELEMENTS (self->promises); i++)
    {
      self->promises[i] = cfut_promise_new ();
      cfut_future_add_done_callback (cfut_promise_get_future (self->promises[i]),
                                     CFUT_CALLBACK_DEFAULT, test_place_callback, &self->called,
                                     NULL);
    }
}

static void
drop_promises (gpointer data)
{
  Delivered *self = data;

  for (guint i = 0; i < G_N_ELEMENTS (self->promises); i++)
    g_object_unref (self->promises[i]);
}

/* 10. A loop has found nothing more to deliver, and is not counted as asleep yet, when something is
 * pushed for it: it looks again. */
static void
test_interleave_pushed_before_the_loop_sleeps (void)
{
  TestLoopThread *loop = test_loop_thread_new ();
  Delivered self = { .called = { 0 } };
  TestStop delivered;

  test_loop_thread_call (loop, make_promises, &self);
  test_stop_at (&delivered, CFUT_POINT_DELIVERED, NULL);
  cfut_promise_resolve (self.promises[0], NULL);
  test_stop_wait (&delivered);
  g_assert_cmpint (test_place_get_n (&self.called), ==, 1);
  cfut_promise_resolve (self.promises[1], NULL);
  test_stop_go (&delivered);
  test_poll_until (test_place_get_n (&self.called) == 2);
  g_assert_true (self.called.thread == test_loop_thread_get_thread (loop));

  test_loop_thread_call (loop, drop_promises, &self);
  test_loop_thread_free (loop);
  test_stop_clear (&delivered);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_stops_begin ();

#define add(name, func) g_test_add_func ("/cfut/interleave/" name, test_interleave_##func)
  add ("02-fired-before-the-sleep", fired_before_the_sleep);
  add ("05-timed-out-while-served", timed_out_while_served);
  add ("05-asleep-beside-a-direct-callback", asleep_beside_a_direct_callback);
  add ("10-pushed-before-the-loop-sleeps", pushed_before_the_loop_sleeps);
  add ("15-next-timed-out-while-served", next_timed_out_while_served);
#undef add

  return g_test_run ();
}
