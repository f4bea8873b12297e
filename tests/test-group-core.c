/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The group where only private headers show it: its rate and remaining time by a clock that the
 * test sets, and what a future costs, counted. */

#include "test-util.h"

#include "cfut-group-private.h"

#define SECOND ((gint64) G_USEC_PER_SEC)

static void
assert_near (double is,
             double expected,
             double tolerance)
{
  g_assert_cmpfloat_with_epsilon (is, expected, expected * tolerance);
}

static gint64 fake_now;

static gint64
fake_clock (void)
{
  return fake_now;
}

/* Rate and remaining time of a group, by a clock of the test's: units of settled futures and of
 * progress count, cancelled ones with what they had done; known when something was measured, 0
 * remaining at the end. */
static void
test_group_rate (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) big = cfut_promise_new ();
  g_autoptr (CfutPromise) cancelled = cfut_promise_new ();
  g_autoptr (CfutPromise) before = cfut_promise_new ();

  fake_now = SECOND;
  cfut_group_core_set_clock (group->core, fake_clock);
  cfut_promise_resolve (before, NULL);

  cfut_group_add_units (group, cfut_promise_get_future (big), 1000);
  g_assert_cmpfloat (cfut_group_get_rate (group), ==, 0.0);
  g_assert_cmpint (cfut_group_get_remaining_usec (group), ==, -1);

  for (guint i = 1; i <= 40; i++)
    {
      fake_now += SECOND / 4;
      cfut_promise_set_progress (big, 5 * i, 1000);
      assert_near (cfut_group_get_rate (group), 20, 0.01);
      assert_near (cfut_group_get_remaining_usec (group), (1000 - 5 * i) / 20.0 * SECOND, 0.01);
      g_assert_cmpuint (cfut_group_get_units_done (group), ==, 5 * i);
    }

  /* Neither what had settled before it came, nor what is cancelled, is speed. */
  cfut_group_add_units (group, cfut_promise_get_future (before), 100000);
  cfut_group_add_units (group, cfut_promise_get_future (cancelled), 100000);
  cfut_future_cancel (cfut_promise_get_future (cancelled));
  fake_now += SECOND / 4;
  cfut_promise_set_progress (big, 205, 1000);
  assert_near (cfut_group_get_rate (group), 20, 0.01);
  g_assert_cmpuint (cfut_group_get_units_done (group), ==, 200205);

  fake_now += SECOND / 4;
  cfut_promise_resolve (big, NULL);
  g_assert_cmpint (cfut_group_get_remaining_usec (group), ==, 0);
  g_assert_cmpfloat (cfut_group_get_rate (group), >, 20);
  g_assert_cmpfloat (cfut_group_get_fraction (group), ==, 1.0);

  cfut_group_hold (group);
  g_assert_cmpint (cfut_group_get_remaining_usec (group), ==, -1);
  cfut_group_release (group);
  g_assert_cmpint (cfut_group_get_remaining_usec (group), ==, 0);
  cfut_group_core_check (group->core);
}

/* Between two measurements a quarter of a second apart the numbers stand still, so that they
 * can be read. */
static void
test_group_rate_is_readable (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  guint n_changes = 0;
  gint64 last = -1;

  fake_now = SECOND;
  cfut_group_core_set_clock (group->core, fake_clock);
  cfut_group_add_units (group, cfut_promise_get_future (promise), 1000000);

  for (guint i = 1; i <= 1000; i++)
    {
      gint64 remaining;

      fake_now += SECOND / 100;
      cfut_promise_set_progress (promise, i * 7, 1000000);
      remaining = cfut_group_get_remaining_usec (group);
      n_changes += remaining != last;
      last = remaining;
    }
  g_assert_cmpuint (n_changes, <=, 40);
  g_assert_cmpuint (n_changes, >=, 35);
}

/* Members with more units than a double can tell apart, and sums that wrap around. */
static void
test_group_huge_units (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) a = cfut_promise_new ();
  g_autoptr (CfutPromise) b = cfut_promise_new ();

  cfut_group_add_units (group, cfut_promise_get_future (a), G_MAXUINT64);
  cfut_promise_set_progress (a, G_MAXUINT64 - 1, G_MAXUINT64);
  g_assert_cmpuint (cfut_group_get_units_done (group), >, G_MAXUINT64 - 10000);
  g_assert_cmpfloat (cfut_group_get_fraction (group), <=, 1.0);
  cfut_promise_set_progress (a, 1, G_MAXUINT64);
  g_assert_cmpuint (cfut_group_get_units_done (group), <, 10000);
  cfut_group_add_units (group, cfut_promise_get_future (b), 2);
  g_assert_true (cfut_group_remove (group, cfut_promise_get_future (b)));
  g_assert_cmpuint (cfut_group_get_units_total (group), ==, G_MAXUINT64);
  cfut_promise_resolve (a, NULL);
  g_assert_cmpfloat (cfut_group_get_fraction (group), ==, 1.0);
  cfut_group_core_check (group->core);
  cfut_promise_resolve (b, NULL);
}

/* Group: the cost of a future does not depend on how many there are. Counted, not timed: looks at
 * members and moves of them, for adding, settling, handing out, and removing each as it comes or
 * all at the end. */
static void
test_group_linear (void)
{
  double few = 0;

  for (guint n = 1000; n <= 64000; n *= 8)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (GPtrArray) promises = g_ptr_array_new_with_free_func (g_object_unref);
      CfutFuture *future;
      guint n_next = 0;
      double each;

      for (guint i = 0; i < n; i++)
        {
          g_ptr_array_add (promises, cfut_promise_new ());
          cfut_group_add (group, cfut_promise_get_future (promises->pdata[i]));
        }
      for (guint i = 0; i < n; i++)
        {
          cfut_promise_resolve (promises->pdata[i ^ 3], NULL);
          if (i % 2 == 1)
            {
              future = cfut_group_next (group, 0, NULL, NULL);
              g_assert_true (cfut_group_remove (group, future));
              g_object_unref (future);
              n_next++;
            }
        }
      while ((future = cfut_group_next (group, 0, NULL, NULL)) != NULL)
        {
          g_object_unref (future);
          n_next++;
        }
      g_assert_cmpuint (n_next, ==, n);
      g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (group)), ==, n / 2);
      g_assert_cmpuint (cfut_group_remove_settled (group), ==, n / 2);

      each = (double) cfut_group_core_get_n_steps (group->core) / n;
      g_test_message ("%u futures: %.2f steps each", n, each);
      if (few == 0)
        few = each;
      g_assert_cmpfloat (each, <=, 1.3 * few);
      cfut_group_core_check (group->core);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/group-core/rate-and-remaining", test_group_rate);
  g_test_add_func ("/cfut/group-core/rate-is-readable", test_group_rate_is_readable);
  g_test_add_func ("/cfut/group-core/huge-units", test_group_huge_units);
  g_test_add_func ("/cfut/group-core/constant-steps-for-each", test_group_linear);

  return g_test_run ();
}
