/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutGroup: pausing what belongs together. */

#include "test-group-util.h"

/* Whether the futures from @begin to before @end are paused. */
static void
assert_paused (GPtrArray *promises,
               guint      begin,
               guint      end,
               gboolean   paused)
{
  for (guint i = begin; i < end; i++)
    g_assert_cmpint (cfut_future_is_paused (future_at (promises, i)), ==, paused);
}

/* A pause reaches every future of the group, and what is added meanwhile, alone and among many; the end
 * of it as well. It is notified. */
static void
test_pause_reaches_all (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 1000);
  guint n_notified = 0;

  g_signal_connect_swapped (group, "notify::paused", G_CALLBACK (g_atomic_int_inc), &n_notified);
  g_assert_false (cfut_group_is_paused (group));
  cfut_group_pause (group);
  cfut_group_pause (group);
  g_assert_true (cfut_group_is_paused (group));
  assert_paused (promises, 0, 1000, TRUE);
  test_iterate_until (NULL, n_notified == 1);

  g_ptr_array_add (promises, add_promise (group));
  g_ptr_array_extend_and_steal (promises, add_elsewhere (group, 600));
  assert_paused (promises, 1000, promises->len, TRUE);

  cfut_group_resume (group);
  g_assert_false (cfut_group_is_paused (group));
  assert_paused (promises, 0, promises->len, FALSE);
  g_ptr_array_add (promises, add_promise (group));
  assert_paused (promises, promises->len - 1, promises->len, FALSE);
  test_iterate_until (NULL, n_notified == 2);
}

/* What leaves a paused group goes on: one that is removed, and all when the group is dropped. */
static void
test_pause_ends_with_membership (void)
{
  CfutGroup *group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 2000);

  cfut_group_pause (group);
  g_assert_true (cfut_group_remove (group, future_at (promises, 1)));
  assert_paused (promises, 0, 1, TRUE);
  assert_paused (promises, 1, 2, FALSE);
  assert_paused (promises, 2, 2000, TRUE);

  g_object_unref (group);
  test_iterate_ready (NULL);
  assert_paused (promises, 0, 2000, FALSE);
}

/* Of a future in two groups, and of one that is paused by itself, the last call holds. */
static void
test_pause_last_call_holds (void)
{
  g_autoptr (CfutGroup) first = cfut_group_new ();
  g_autoptr (CfutGroup) second = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (first, 2);

  cfut_group_add (second, future_at (promises, 0));
  cfut_group_pause (first);
  cfut_group_pause (second);
  cfut_group_resume (second);
  assert_paused (promises, 0, 1, FALSE);
  assert_paused (promises, 1, 2, TRUE);
  cfut_future_resume (future_at (promises, 1));
  assert_paused (promises, 1, 2, FALSE);
  cfut_group_resume (first);

  cfut_future_pause (future_at (promises, 1));
  cfut_group_resume (first);
  assert_paused (promises, 1, 2, TRUE);
}

/* Tasks of a paused group do not start; they do when it is resumed, or else can be cancelled. */
static void
test_pause_holds_tasks_back (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  int n_run = 0;

  cfut_group_pause (group);
  cfut_request_set_group (request, group);
  for (guint i = 0; i < 10; i++)
    g_object_unref (cfut_executor_submit_full (executor, request, test_task_count, &n_run, NULL));
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (CfutFuture) other = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);

      test_assert_settles (other, CFUT_STATE_RESOLVED);
    }
  g_assert_cmpint (g_atomic_int_get (&n_run), ==, 0);

  cfut_group_resume (group);
  g_assert_true (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, TEST_DEADLINE_USEC, NULL,
                                  NULL));
  g_assert_cmpint (g_atomic_int_get (&n_run), ==, 10);

  cfut_group_pause (group);
  for (guint i = 0; i < 10; i++)
    g_object_unref (cfut_executor_submit_full (executor, request, test_task_count, &n_run, NULL));
  cfut_group_cancel (group);
  g_assert_true (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, TEST_DEADLINE_USEC, NULL,
                                  NULL));
  g_assert_cmpint (g_atomic_int_get (&n_run), ==, 10);
}

typedef struct {
  CfutGroup *group;
  TestGate *gate;
  GPtrArray *promises;
} Race;

static gpointer
toggle_thread (gpointer data)
{
  Race *race = data;

  test_gate_pass (race->gate);
  for (guint i = 0; i < 20; i++)
    {
      cfut_group_pause (race->group);
      cfut_group_resume (race->group);
    }
  return NULL;
}

static gpointer
add_and_remove_thread (gpointer data)
{
  Race *race = data;

  test_gate_pass (race->gate);
  for (guint i = 0; i < 100; i++)
    {
      g_ptr_array_add (race->promises, add_promise (race->group));
      if (i % 2 == 1)
        cfut_group_remove (race->group, future_at (race->promises, i));
    }
  return NULL;
}

/* Threads pause and resume, add and remove at the same time. In the end all futures are as the group
 * says, and those that left it are not paused. */
static void
test_pause_races (void)
{
  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (GPtrArray) old = add_promises (group, 300);
      g_autoptr (GPtrArray) promises = g_ptr_array_new_with_free_func (g_object_unref);
      TestGate gate;
      Race race = { group, &gate, promises };
      GThread *threads[3];

      test_gate_init (&gate);
      threads[0] = g_thread_new ("toggle", toggle_thread, &race);
      threads[1] = g_thread_new ("toggle", toggle_thread, &race);
      threads[2] = g_thread_new ("add", add_and_remove_thread, &race);
      test_gate_open (&gate);
      if (round % 2 == 1)
        cfut_group_pause (group);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        g_thread_join (threads[i]);

      for (guint pass = 0; pass < 2; pass++)
        {
          gboolean paused = cfut_group_is_paused (group);

          assert_paused (old, 0, old->len, paused);
          for (guint i = 0; i < promises->len; i++)
            assert_paused (promises, i, i + 1, paused && i % 2 == 0);
          cfut_group_pause (group);
        }
      test_gate_clear (&gate);
    }
}

/* Programmer errors are told. */
static void
test_pause_bad_arguments (void)
{
  for (guint i = 0; i < 3; i++)
    test_expect_critical ();
  cfut_group_pause (NULL);
  cfut_group_resume (NULL);
  g_assert_false (cfut_group_is_paused (NULL));
  g_test_assert_expected_messages ();
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/group/pause/reaches-all", test_pause_reaches_all);
  g_test_add_func ("/cfut/group/pause/ends-with-membership", test_pause_ends_with_membership);
  g_test_add_func ("/cfut/group/pause/last-call-holds", test_pause_last_call_holds);
  g_test_add_func ("/cfut/group/pause/holds-tasks-back", test_pause_holds_tasks_back);
  g_test_add_func ("/cfut/group/pause/races", test_pause_races);
  g_test_add_func ("/cfut/group/pause/bad-arguments", test_pause_bad_arguments);

  return g_test_run ();
}
