/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Waits whose time is over as they are served, as in test-interleave.c. */

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

/* 5. A wait whose time is over when it stands in the list that is being served: its place is on its thread's
 * stack, so it returns when it has been served, and says that the future has settled. */
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

/* 15. The same for a group's next: it returns what it has been given, and not before it was told of it. */
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

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_stops_begin ();

#define add(name, func) g_test_add_func ("/cfut/interleave/" name, test_interleave_##func)
  add ("05-timed-out-while-served", timed_out_while_served);
  add ("15-next-timed-out-while-served", next_timed_out_while_served);
#undef add

  return g_test_run ();
}
