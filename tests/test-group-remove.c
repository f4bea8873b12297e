/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How futures leave a group, and what it takes, seen from inside: steps are counted, not timed. */

#include "cfut-group-private.h"
#include "test-group-util.h"

/* An order of the numbers below @n. */
static guint *
shuffled (GRand *rand,
          guint  n)
{
  guint *order = g_new (guint, n);

  for (guint i = 0; i < n; i++)
    order[i] = i;
  for (guint i = n - 1; i > 0; i--)
    {
      guint other = (guint) g_rand_int_range (rand, 0, (gint32) i + 1);
      guint kept = order[i];

      order[i] = order[other];
      order[other] = kept;
    }
  return order;
}

/* What it takes to find one of many futures grows with the logarithm of their number at most, in
 * whatever order they are removed; half of them have settled. */
static void
test_group_remove_finds_in_logarithmic_steps (void)
{
  const guint n = 20000;

  for (guint kind = 0; kind < 3; kind++)
    {
      g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (GPtrArray) promises = add_promises (group, n);
      g_autofree guint *order = shuffled (rand, n);
      guint64 n_before;

      for (guint i = 0; i < n; i += 2)
        cfut_promise_resolve (promises->pdata[i], NULL);

      n_before = group->core->n_looks;
      for (guint i = 0; i < n; i++)
        {
          guint at = kind == 0 ? i : kind == 1 ? n - 1 - i : order[i];

          g_assert_true (cfut_group_remove (group, future_at (promises, at)));
          g_assert_false (cfut_group_remove (group, future_at (promises, at)));
          if (i % 1000 == 0)
            cfut_group_core_check (group->core);
        }
      g_assert_cmpuint (n_items (group), ==, 0);
      g_test_message ("kind %u: %.1f looks each", kind,
                      (double) (group->core->n_looks - n_before) / n);
      g_assert_cmpuint (group->core->n_looks - n_before, <, n * (kind < 2 ? 8 : 40));
    }
}

/* Members are numbered in the order in which they come. When the numbers are used up they are given
 * anew, and everybody is still found. */
static void
test_group_remove_after_many_were_added (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 3);
  g_autoptr (GPtrArray) elsewhere = NULL;

  group->core->next_number = G_MAXUINT32 - 2;
  for (guint i = 0; i < 2; i++)
    g_ptr_array_add (promises, add_promise (group));
  elsewhere = add_elsewhere (group, 3);
  remove_elsewhere (group, future_at (promises, 1));
  cfut_group_core_check (group->core);
  g_assert_cmpuint (group->core->next_number, <, 100);

  g_assert_false (cfut_group_remove (group, future_at (promises, 1)));
  for (guint i = 0; i < 3; i++)
    g_assert_true (cfut_group_remove (group, future_at (elsewhere, i)));
  for (guint i = 5; i-- > 0;)
    g_assert_cmpint (cfut_group_remove (group, future_at (promises, i)), ==, i != 1);
  cfut_group_core_check (group->core);
  g_assert_cmpuint (n_items (group), ==, 0);
}

static void
on_next (GObject      *group,
         GAsyncResult *result,
         gpointer      future)
{
  *(CfutFuture **) future = cfut_group_next_finish (CFUT_GROUP (group), result, NULL);
}

static gboolean
is_observed (CfutFuture *future)
{
  return (cfut_cell_load (&future->cell) & CFUT_CELL_OBSERVED) != 0;
}

/* Guarantee 10: who gets a future from next, in either form, or from future-done, is told of its
 * failure; who only waits, or looks at the list, is not. */
static void
test_group_next_observes (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 3);
  g_autoptr (CfutFuture) item = NULL;
  CfutFuture *future;

  for (guint i = 0; i < 3; i++)
    reject (promises->pdata[i]);
  g_assert_true (wait_now (group, CFUT_RETURN_WHEN_FIRST_FAILURE));
  item = g_list_model_get_item (G_LIST_MODEL (group), 0);
  for (guint i = 0; i < 3; i++)
    g_assert_false (is_observed (future_at (promises, i)));

  assert_next (group, future_at (promises, 0));
  g_assert_true (is_observed (future_at (promises, 0)));
  g_assert_false (is_observed (future_at (promises, 1)));

  future = NULL;
  cfut_group_next_async (group, -1, NULL, on_next, &future);
  test_iterate_until (NULL, future != NULL);
  g_assert_true (future == future_at (promises, 1));
  g_assert_true (is_observed (future));
  g_object_unref (future);
  g_assert_false (is_observed (future_at (promises, 2)));
}

/* The same for a handler of future-done; without one, nobody is told. */
static void
test_group_future_done_observes (void)
{
  for (guint connected = 0; connected < 2; connected++)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (CfutPromise) promise = add_promise (group);
      guint n_all_done = 0;

      g_signal_connect (group, "all-done", G_CALLBACK (on_all_done_count), &n_all_done);
      if (connected)
        g_signal_connect (group, "future-done", G_CALLBACK (g_object_is_floating), NULL);
      reject (promise);
      test_iterate_until (NULL, n_all_done == 1);
      g_assert_cmpint (is_observed (cfut_promise_get_future (promise)), ==, connected);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/group/remove/logarithmic-steps",
                   test_group_remove_finds_in_logarithmic_steps);
  g_test_add_func ("/cfut/group/remove/after-many-were-added",
                   test_group_remove_after_many_were_added);
  g_test_add_func ("/cfut/group/next/observes", test_group_next_observes);
  g_test_add_func ("/cfut/group/future-done/observes", test_group_future_done_observes);

  return g_test_run ();
}
