/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutGroup as a scope: what happens to all its futures at once, as one of them fails, or as an object goes
 * that the group is bound to. No test here runs a main loop for it, unless it says so. */

#include "test-group-util.h"

static CfutState
state_at (GPtrArray *promises,
          guint      i)
{
  return cfut_future_get_state (future_at (promises, i));
}

/* The futures from @begin to before @end are in @state. */
static void
assert_states (GPtrArray *promises,
               guint      begin,
               guint      end,
               CfutState  state)
{
  for (guint i = begin; i < end; i++)
    g_assert_cmpint (state_at (promises, i), ==, state);
}

static gpointer
reject_thread (gpointer promise)
{
  reject (promise);
  return NULL;
}

static CfutGroup *
group_new_strict (void)
{
  return g_object_new (CFUT_TYPE_GROUP, "cancel-on-failure", TRUE, NULL);
}

/* One failure cancels all others, when who settled it returns, on whatever thread that is; what had
 * settled before stays as it was. */
static void
test_scope_failure_cancels_the_rest (void)
{
  for (guint elsewhere = 0; elsewhere < 2; elsewhere++)
    {
      g_autoptr (CfutGroup) group = group_new_strict ();
      g_autoptr (GPtrArray) promises = add_promises (group, 1000);

      g_assert_true (cfut_group_get_cancel_on_failure (group));
      cfut_promise_resolve (promises->pdata[0], NULL);
      assert_states (promises, 1, 1000, CFUT_STATE_PENDING);
      if (elsewhere)
        g_thread_join (g_thread_new ("reject", reject_thread, promises->pdata[500]));
      else
        reject (promises->pdata[500]);

      assert_states (promises, 0, 1, CFUT_STATE_RESOLVED);
      assert_states (promises, 1, 500, CFUT_STATE_CANCELLED);
      assert_states (promises, 500, 501, CFUT_STATE_REJECTED);
      assert_states (promises, 501, 1000, CFUT_STATE_CANCELLED);
      g_assert_true (wait_now (group, CFUT_RETURN_WHEN_ALL_COMPLETED));
    }
}

/* By default it cancels nothing. */
static void
test_scope_failure_is_no_matter_by_default (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 3);

  g_assert_false (cfut_group_get_cancel_on_failure (group));
  reject (promises->pdata[0]);
  assert_states (promises, 1, 3, CFUT_STATE_PENDING);
}

/* A future that is cancelled is no failure, nor is one that failed after it was removed. */
static void
test_scope_what_is_no_failure (void)
{
  g_autoptr (CfutGroup) group = group_new_strict ();
  g_autoptr (GPtrArray) promises = add_promises (group, 4);

  cfut_future_cancel (future_at (promises, 0));
  g_assert_true (cfut_group_remove (group, future_at (promises, 1)));
  reject (promises->pdata[1]);
  assert_states (promises, 2, 4, CFUT_STATE_PENDING);

  reject (promises->pdata[2]);
  assert_states (promises, 3, 4, CFUT_STATE_CANCELLED);
}

/* What is added to a group that has failed is cancelled at once, also one among many, and also when
 * the future that failed was removed; until the property is turned off. */
static void
test_scope_added_after_failure (void)
{
  g_autoptr (CfutGroup) group = group_new_strict ();
  g_autoptr (GPtrArray) promises = add_promises (group, 1);
  g_autoptr (GPtrArray) later = NULL;
  g_autoptr (GPtrArray) many = g_ptr_array_new_with_free_func (g_object_unref);
  CfutFuture *futures[600];

  reject (promises->pdata[0]);
  later = add_promises (group, 3);
  assert_states (later, 0, 3, CFUT_STATE_CANCELLED);

  g_assert_cmpuint (cfut_group_remove_settled (group), ==, 4);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_ptr_array_add (many, cfut_promise_new ());
      futures[i] = future_at (many, i);
    }
  cfut_group_add_many (group, futures, G_N_ELEMENTS (futures), NULL, 0);
  assert_states (many, 0, many->len, CFUT_STATE_CANCELLED);

  cfut_group_set_cancel_on_failure (group, FALSE);
  g_ptr_array_add (later, add_promise (group));
  cfut_group_set_cancel_on_failure (group, TRUE);
  g_ptr_array_add (later, add_promise (group));
  assert_states (later, 3, 5, CFUT_STATE_PENDING);
}

/* A future that was rejected before it is added is a failure too. */
static void
test_scope_added_as_failure (void)
{
  g_autoptr (CfutGroup) group = group_new_strict ();
  g_autoptr (GPtrArray) promises = add_promises (group, 2);
  g_autoptr (CfutPromise) failed = cfut_promise_new ();

  reject (failed);
  assert_states (promises, 0, 2, CFUT_STATE_PENDING);
  cfut_group_add (group, cfut_promise_get_future (failed));
  assert_states (promises, 0, 2, CFUT_STATE_CANCELLED);
}

/* A group that has a failed future is dealt with when the property is set; one of which it was
 * removed is not. The property is notified on the main loop. */
static void
test_scope_set_after_failure (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 3);
  g_autoptr (CfutPromise) later = NULL;
  guint n_notified = 0;

  reject (promises->pdata[0]);
  g_assert_true (cfut_group_remove (group, future_at (promises, 0)));
  cfut_group_set_cancel_on_failure (group, TRUE);
  cfut_group_set_cancel_on_failure (group, FALSE);
  assert_states (promises, 1, 3, CFUT_STATE_PENDING);

  reject (promises->pdata[1]);
  assert_states (promises, 2, 3, CFUT_STATE_PENDING);
  g_signal_connect_swapped (group, "notify::cancel-on-failure", G_CALLBACK (g_atomic_int_inc),
                            &n_notified);
  g_object_set (group, "cancel-on-failure", TRUE, NULL);
  assert_states (promises, 2, 3, CFUT_STATE_CANCELLED);
  later = add_promise (group);
  g_assert_cmpint (cfut_future_get_state (cfut_promise_get_future (later)), ==,
                   CFUT_STATE_CANCELLED);
  test_iterate_until (NULL, n_notified == 1);
}

typedef struct {
  CfutGroup *group;
  CfutPromise *added;
  CfutPromise *rejected;
  int n_calls;
} Handler;

/* Everything that a method of a group may do, while it is cancelling. */
static void
on_cancelled_use_group (GCancellable *cancellable,
                        Handler      *handler)
{
  handler->n_calls++;
  if (handler->added == NULL)
    handler->added = add_promise (handler->group);
  if (handler->rejected != NULL)
    reject (handler->rejected);
  handler->rejected = NULL;
  cfut_group_cancel (handler->group);
  cfut_group_remove_settled (handler->group);
  g_assert_false (cfut_group_remove (handler->group, cfut_promise_get_future (handler->added)));
}

/* No lock is held while it cancels: a handler of a future's cancellable may use the group, make another
 * one fail, and settle its own future. */
static void
test_scope_handlers_use_the_group (void)
{
  g_autoptr (CfutGroup) group = group_new_strict ();
  g_autoptr (GPtrArray) promises = add_promises (group, 4);
  Handler handler = { .group = group, .rejected = promises->pdata[2] };

  for (guint i = 1; i < 4; i++)
    cfut_promise_set_running (promises->pdata[i]);
  g_cancellable_connect (cfut_promise_get_cancellable (promises->pdata[1]),
                         G_CALLBACK (on_cancelled_use_group), &handler, NULL);
  reject (promises->pdata[0]);

  g_assert_cmpint (handler.n_calls, ==, 1);
  g_assert_null (handler.rejected);
  g_assert_cmpint (state_at (promises, 2), ==, CFUT_STATE_REJECTED);
  g_assert_cmpint (cfut_future_get_state (cfut_promise_get_future (handler.added)), ==,
                   CFUT_STATE_CANCELLED);
  g_assert_true (g_cancellable_is_cancelled (cfut_promise_get_cancellable (promises->pdata[3])));
  g_object_unref (handler.added);
}

typedef struct {
  CfutFuture *future;
  GThread *thread;
} Blocked;

static gpointer
blocked_thread (gpointer data)
{
  Blocked *blocked = data;

  g_assert_true (cfut_future_wait (blocked->future, TEST_DEADLINE_USEC, NULL, NULL));
  return NULL;
}

static void
on_cancelled_join (GCancellable *cancellable,
                   Blocked      *blocked)
{
  g_thread_join (g_steal_pointer (&blocked->thread));
}

/* A thread that is blocked on the future that fails is woken before any handler of the others runs:
 * one that waits for it comes to an end. */
static void
test_scope_blocked_threads_come_first (void)
{
  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (CfutGroup) group = group_new_strict ();
      g_autoptr (GPtrArray) promises = add_promises (group, 2);
      Blocked blocked = { .future = future_at (promises, 0) };

      cfut_promise_set_running (promises->pdata[1]);
      blocked.thread = g_thread_new ("blocked", blocked_thread, &blocked);
      g_cancellable_connect (cfut_promise_get_cancellable (promises->pdata[1]),
                             G_CALLBACK (on_cancelled_join), &blocked, NULL);
      reject (promises->pdata[0]);
      g_assert_null (blocked.thread);
    }
}

static void
on_cancelled_drop (GCancellable  *cancellable,
                   CfutGroup    **group)
{
  g_clear_object (group);
}

/* A group that is dropped while it cancels still cancels the rest. */
static void
test_scope_dropped_while_cancelling (void)
{
  CfutGroup *group = group_new_strict ();
  g_autoptr (GPtrArray) promises = add_promises (group, 3000);
  int n_gone = 0;

  test_watch_gone (group, &n_gone);
  cfut_promise_set_running (promises->pdata[1500]);
  g_cancellable_connect (cfut_promise_get_cancellable (promises->pdata[1500]),
                         G_CALLBACK (on_cancelled_drop), &group, NULL);
  reject (promises->pdata[0]);

  g_assert_cmpint (n_gone, ==, 1);
  test_iterate_ready (NULL);
  assert_states (promises, 1, 1500, CFUT_STATE_CANCELLED);
  assert_states (promises, 1501, 3000, CFUT_STATE_CANCELLED);
}

/* Dropping a group that has not failed cancels nothing. */
static void
test_scope_dropped_before_failure (void)
{
  CfutGroup *group = group_new_strict ();
  g_autoptr (GPtrArray) promises = add_promises (group, 3);

  g_object_unref (group);
  reject (promises->pdata[0]);
  assert_states (promises, 1, 3, CFUT_STATE_PENDING);
}

#define N_STORM_THREADS 4
#define N_STORM_EACH 40

typedef struct {
  CfutGroup *group;
  TestGate *gate;
  GPtrArray *promises;
} Storm;

static gpointer
storm_thread (gpointer data)
{
  Storm *storm = data;

  test_gate_pass (storm->gate);
  for (guint i = 0; i < storm->promises->len; i++)
    {
      g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "storm");

      cfut_promise_reject (storm->promises->pdata[i], error);
      g_ptr_array_add (storm->promises, add_promise (storm->group));
      if (storm->promises->len > N_STORM_EACH)
        break;
    }
  return NULL;
}

/* Many threads fail, cancel each other and add at the same time: all comes to an end, and all is
 * settled. */
static void
test_scope_failures_at_once (void)
{
  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (CfutGroup) group = group_new_strict ();
      Storm storms[N_STORM_THREADS];
      GThread *threads[N_STORM_THREADS];
      TestGate gate;

      test_gate_init (&gate);
      for (guint i = 0; i < N_STORM_THREADS; i++)
        {
          storms[i] = (Storm) { group, &gate, add_promises (group, N_STORM_EACH) };
          threads[i] = g_thread_new ("storm", storm_thread, &storms[i]);
        }
      test_gate_open (&gate);
      for (guint i = 0; i < N_STORM_THREADS; i++)
        g_thread_join (threads[i]);

      g_assert_true (wait_now (group, CFUT_RETURN_WHEN_ALL_COMPLETED));
      for (guint i = 0; i < N_STORM_THREADS; i++)
        {
          for (guint j = 0; j < storms[i].promises->len; j++)
            g_assert_true (cfut_future_is_settled (future_at (storms[i].promises, j)));
          g_ptr_array_unref (storms[i].promises);
        }
      test_gate_clear (&gate);
    }
}

/* Tasks of an executor: the failure of one ends those that run and those that wait, without a main
 * loop. */
static void
test_scope_failure_of_a_task (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutGroup) group = group_new_strict ();
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  TestGate gate;

  test_gate_init (&gate);
  cfut_request_set_group (request, group);
  g_ptr_array_add (futures, cfut_executor_submit_full (executor, request, test_task_until_cancelled,
                                                       &gate, NULL));
  test_gate_wait_arrived (&gate, 1);
  g_ptr_array_add (futures, cfut_executor_submit_full (executor, request, test_task_fail, NULL,
                                                       NULL));
  for (guint i = 0; i < 20; i++)
    g_ptr_array_add (futures, cfut_executor_submit_full (executor, request,
                                                         test_task_until_cancelled, &gate, NULL));

  g_assert_true (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, TEST_DEADLINE_USEC, NULL,
                                  NULL));
  for (guint i = 0; i < futures->len; i++)
    test_assert_settles (futures->pdata[i],
                         i == 1 ? CFUT_STATE_REJECTED : CFUT_STATE_CANCELLED);
  test_gate_clear (&gate);
}

/* When an object is disposed of, the groups that are bound to it end: their futures are cancelled,
 * and so is what is added later. */
static void
test_scope_object_goes (void)
{
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (CfutGroup) first = cfut_group_new ();
  g_autoptr (CfutGroup) second = cfut_group_new ();
  g_autoptr (GPtrArray) of_first = add_promises (first, 1000);
  g_autoptr (GPtrArray) of_second = add_promises (second, 2);

  cfut_group_bind (first, object);
  cfut_group_bind (second, object);
  assert_states (of_first, 0, 1000, CFUT_STATE_PENDING);
  g_object_unref (object);
  assert_states (of_first, 0, 1000, CFUT_STATE_CANCELLED);
  assert_states (of_second, 0, 2, CFUT_STATE_CANCELLED);

  g_ptr_array_add (of_first, add_promise (first));
  assert_states (of_first, 1000, 1001, CFUT_STATE_CANCELLED);
  g_assert_cmpuint (cfut_group_remove_settled (first), ==, 1001);
  g_ptr_array_add (of_first, add_promise (first));
  assert_states (of_first, 1001, 1002, CFUT_STATE_CANCELLED);
}

/* A group that was unbound goes on, however often it was bound. */
static void
test_scope_unbind (void)
{
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutGroup) other = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 2);
  g_autoptr (GPtrArray) of_other = add_promises (other, 2);

  g_assert_false (cfut_group_unbind (group, object));
  cfut_group_bind (group, object);
  cfut_group_bind (other, object);
  cfut_group_bind (group, object);
  g_assert_true (cfut_group_unbind (group, object));
  g_assert_false (cfut_group_unbind (group, object));
  g_object_unref (object);
  assert_states (promises, 0, 2, CFUT_STATE_PENDING);
  assert_states (of_other, 0, 2, CFUT_STATE_CANCELLED);
}

/* A group ends with the first of its objects. */
static void
test_scope_several_objects (void)
{
  GObject *first = g_object_new (G_TYPE_OBJECT, NULL);
  GObject *second = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 2);

  cfut_group_bind (group, first);
  cfut_group_bind (group, second);
  g_object_unref (second);
  assert_states (promises, 0, 2, CFUT_STATE_CANCELLED);
  g_assert_true (cfut_group_unbind (group, first));
  g_object_unref (first);
}

/* The object keeps the group, and not the other way round: the work of a window ends with it though
 * nobody else holds the group, which goes then, or when it is unbound. */
static void
test_scope_object_keeps_group (void)
{
  for (guint unbind = 0; unbind < 2; unbind++)
    {
      GObject *object = g_object_new (G_TYPE_OBJECT, NULL);
      CfutGroup *group = cfut_group_new ();
      g_autoptr (GPtrArray) promises = add_promises (group, 2);
      int n_gone = 0;
      int n_object_gone = 0;

      test_watch_gone (group, &n_gone);
      test_watch_gone (object, &n_object_gone);
      cfut_group_bind (group, object);
      g_object_unref (group);
      g_assert_cmpint (n_gone, ==, 0);
      if (unbind)
        g_assert_true (cfut_group_unbind (group, object));
      else
        g_object_unref (object);

      g_assert_cmpint (n_gone, ==, 1);
      g_assert_cmpint (n_object_gone, ==, !unbind);
      assert_states (promises, 0, 2, unbind ? CFUT_STATE_PENDING : CFUT_STATE_CANCELLED);
      if (unbind)
        g_object_unref (object);
    }
}

/* What is disposed of but kept, as a window that is closed may be, can be bound to again. */
static void
test_scope_disposed_but_kept (void)
{
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (CfutGroup) first = cfut_group_new ();
  g_autoptr (CfutGroup) second = cfut_group_new ();
  g_autoptr (GPtrArray) of_first = add_promises (first, 1);
  g_autoptr (GPtrArray) of_second = add_promises (second, 1);

  cfut_group_bind (first, object);
  g_object_run_dispose (object);
  assert_states (of_first, 0, 1, CFUT_STATE_CANCELLED);
  g_assert_false (cfut_group_unbind (first, object));

  cfut_group_bind (second, object);
  assert_states (of_second, 0, 1, CFUT_STATE_PENDING);
  g_object_unref (object);
  assert_states (of_second, 0, 1, CFUT_STATE_CANCELLED);
}

static gpointer
unref_thread (gpointer object)
{
  g_object_unref (object);
  return NULL;
}

static void
on_gone_note (gpointer  place,
              GObject  *where_the_object_was)
{
  test_place_note (place);
}

/* Guarantee 2: an object may go on any thread; the group, if that was its last reference, goes on
 * its owner's. */
static void
test_scope_object_goes_elsewhere (void)
{
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);
  CfutGroup *group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 2);
  TestPlace gone = { 0 };

  g_object_weak_ref (G_OBJECT (group), on_gone_note, &gone);
  cfut_group_bind (group, object);
  g_object_unref (group);
  g_thread_join (g_thread_new ("unref", unref_thread, object));
  assert_states (promises, 0, 2, CFUT_STATE_CANCELLED);

  test_iterate_until (NULL, test_place_get_n (&gone) == 1);
  g_assert_true (gone.thread == g_thread_self ());
}

typedef struct {
  GObject *object;
  CfutGroup *group;
  TestGate *gate;
} BindRace;

static gpointer
bind_race_thread (gpointer data)
{
  BindRace *race = data;

  test_gate_pass (race->gate);
  for (guint i = 0; i < 20; i++)
    {
      cfut_group_bind (race->group, race->object);
      cfut_group_unbind (race->group, race->object);
    }
  cfut_group_bind (race->group, race->object);
  g_object_unref (race->object);
  return NULL;
}

/* Threads bind, unbind, and dispose of the object at the same time. In the end it is gone, and with it
 * every group that was bound last. */
static void
test_scope_bind_races (void)
{
  for (guint round = 0; round < 100; round++)
    {
      GObject *object = g_object_new (G_TYPE_OBJECT, NULL);
      g_autoptr (GPtrArray) promises = g_ptr_array_new_with_free_func (g_object_unref);
      CfutGroup *groups[3];
      BindRace races[3];
      GThread *threads[3];
      TestGate gate;

      test_gate_init (&gate);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        {
          groups[i] = cfut_group_new ();
          g_ptr_array_add (promises, add_promise (groups[i]));
          races[i] = (BindRace) { g_object_ref (object), groups[i], &gate };
          threads[i] = g_thread_new ("bind", bind_race_thread, &races[i]);
        }
      test_gate_open (&gate);
      g_object_run_dispose (object);
      g_object_unref (object);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        {
          g_thread_join (threads[i]);
          g_object_unref (groups[i]);
        }

      assert_states (promises, 0, promises->len, CFUT_STATE_CANCELLED);
      test_gate_clear (&gate);
    }
  test_iterate_ready (NULL);
}

/* Programmer errors are told. */
static void
test_scope_bad_arguments (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);

  for (guint i = 0; i < 7; i++)
    test_expect_critical ();
  cfut_group_bind (NULL, object);
  cfut_group_bind (group, NULL);
  cfut_group_bind (group, G_OBJECT (group));
  g_assert_false (cfut_group_unbind (NULL, object));
  g_assert_false (cfut_group_unbind (group, NULL));
  g_assert_false (cfut_group_get_cancel_on_failure (NULL));
  cfut_group_set_cancel_on_failure (NULL, TRUE);
  g_test_assert_expected_messages ();
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/group/failure/cancels-the-rest", test_scope_failure_cancels_the_rest);
  g_test_add_func ("/cfut/group/failure/is-no-matter-by-default",
                   test_scope_failure_is_no_matter_by_default);
  g_test_add_func ("/cfut/group/failure/what-is-none", test_scope_what_is_no_failure);
  g_test_add_func ("/cfut/group/failure/added-after", test_scope_added_after_failure);
  g_test_add_func ("/cfut/group/failure/added-as-one", test_scope_added_as_failure);
  g_test_add_func ("/cfut/group/failure/set-after", test_scope_set_after_failure);
  g_test_add_func ("/cfut/group/failure/handlers-use-the-group", test_scope_handlers_use_the_group);
  g_test_add_func ("/cfut/group/failure/blocked-threads-come-first",
                   test_scope_blocked_threads_come_first);
  g_test_add_func ("/cfut/group/failure/dropped-while-cancelling",
                   test_scope_dropped_while_cancelling);
  g_test_add_func ("/cfut/group/failure/dropped-before", test_scope_dropped_before_failure);
  g_test_add_func ("/cfut/group/failure/many-at-once", test_scope_failures_at_once);
  g_test_add_func ("/cfut/group/failure/of-a-task", test_scope_failure_of_a_task);
  g_test_add_func ("/cfut/group/bind/object-goes", test_scope_object_goes);
  g_test_add_func ("/cfut/group/bind/unbind", test_scope_unbind);
  g_test_add_func ("/cfut/group/bind/several-objects", test_scope_several_objects);
  g_test_add_func ("/cfut/group/bind/object-keeps-group", test_scope_object_keeps_group);
  g_test_add_func ("/cfut/group/bind/disposed-but-kept", test_scope_disposed_but_kept);
  g_test_add_func ("/cfut/group/bind/object-goes-elsewhere", test_scope_object_goes_elsewhere);
  g_test_add_func ("/cfut/group/bind/races", test_scope_bind_races);
  g_test_add_func ("/cfut/group/bind/bad-arguments", test_scope_bad_arguments);

  return g_test_run ();
}
