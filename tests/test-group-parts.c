/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a group is built from, without futures: its rate by a clock of the test's, its set of
 * pointers and its array against naive ones. */

#include "test-util.h"

#include "core/cfut-deque-private.h"
#include "core/cfut-pointer-map-private.h"
#include "core/cfut-rate-private.h"

#define SECOND ((gint64) G_USEC_PER_SEC)

static void
assert_near (double is,
             double expected,
             double tolerance)
{
  g_assert_cmpfloat_with_epsilon (is, expected, expected * tolerance);
}

/* Lets @per_second units a second pass in steps of @step_usec. */
static void
run_rate (CfutRate *rate,
          gint64   *now,
          guint64  *worked,
          gint64    span,
          gint64    step,
          double    per_second)
{
  double exact = (double) *worked;

  for (gint64 end = *now + span; *now < end;)
    {
      *now += step;
      exact += per_second * step / SECOND;
      *worked = (guint64) exact;
      cfut_rate_update (rate, *now, *worked);
    }
}

/* A constant speed is told right from the first quarter of a second on. */
static void
test_rate_constant (void)
{
  CfutRate rate = { 0 };
  gint64 now = 7 * SECOND;
  guint64 worked = 12345;

  cfut_rate_start (&rate, now, worked);
  g_assert_cmpfloat (cfut_rate_get (&rate, now), ==, 0.0);
  run_rate (&rate, &now, &worked, SECOND / 4, SECOND / 60, 6000);
  assert_near (cfut_rate_get (&rate, now), 6000, 0.01);

  for (guint i = 0; i < 100; i++)
    {
      run_rate (&rate, &now, &worked, SECOND / 3, SECOND / 60, 6000);
      assert_near (cfut_rate_get (&rate, now), 6000, 0.01);
    }
}

/* After a change of speed the rate is between the two, and near the new one after three times its
 * memory of five seconds. */
static void
test_rate_change (void)
{
  CfutRate rate = { 0 };
  gint64 now = 0;
  guint64 worked = 0;
  double get;

  cfut_rate_start (&rate, now, worked);
  run_rate (&rate, &now, &worked, 60 * SECOND, SECOND / 60, 1000);
  run_rate (&rate, &now, &worked, 3 * SECOND, SECOND / 60, 100);
  get = cfut_rate_get (&rate, now);
  g_assert_cmpfloat (get, <, 900);
  g_assert_cmpfloat (get, >, 300);
  run_rate (&rate, &now, &worked, 15 * SECOND, SECOND / 60, 100);
  assert_near (cfut_rate_get (&rate, now), 100, 0.4);
  run_rate (&rate, &now, &worked, 40 * SECOND, SECOND / 60, 100);
  assert_near (cfut_rate_get (&rate, now), 100, 0.01);
}

/* When nothing is done any more the rate only falls, and is unknown in the end; then it comes back.
 * */
static void
test_rate_stall (void)
{
  CfutRate rate = { 0 };
  gint64 now = 0;
  guint64 worked = 0;
  double last;

  cfut_rate_start (&rate, now, worked);
  run_rate (&rate, &now, &worked, 30 * SECOND, SECOND / 60, 1000);
  last = cfut_rate_get (&rate, now);
  for (guint i = 1; i < 40; i++)
    {
      double get;

      now += SECOND;
      cfut_rate_update (&rate, now, worked);
      get = cfut_rate_get (&rate, now);
      g_assert_cmpfloat (get, <=, last);
      if (i == 5)
        g_assert_cmpfloat (get, <, 600);
      last = get;
    }
  g_assert_cmpfloat (last, ==, 0.0);
  run_rate (&rate, &now, &worked, 60 * SECOND, SECOND / 60, 1000);
  assert_near (cfut_rate_get (&rate, now), 1000, 0.1);
}

/* One unit in five minutes is a rate too, and is not forgotten between two of them; also when eight
 * jobs at a time end together. */
static void
test_rate_coarse (void)
{
  for (guint at_once = 1; at_once <= 8; at_once *= 8)
    {
      CfutRate rate = { 0 };
      gint64 now = 0;
      guint64 worked = 0;

      cfut_rate_start (&rate, now, worked);
      for (guint i = 0; i < 40; i++)
        {
          for (guint second = 0; second < 300; second++)
            {
              now += SECOND;
              cfut_rate_update (&rate, now, worked);
              if (i > 0)
                assert_near (cfut_rate_get (&rate, now), at_once / 300.0, 0.05);
            }
          worked += at_once;
          cfut_rate_update (&rate, now, worked);
          assert_near (cfut_rate_get (&rate, now), at_once / 300.0, 0.05);
        }
    }
}

/* Time in which nothing is under way does not count. */
static void
test_rate_stopped (void)
{
  CfutRate rate = { 0 };
  gint64 now = 0;
  guint64 worked = 0;

  for (guint i = 0; i < 50; i++)
    {
      cfut_rate_start (&rate, now, worked);
      now += SECOND / 100;
      worked += 3;
      cfut_rate_stop (&rate, now, worked);
      assert_near (cfut_rate_get (&rate, now), 300, 0.01);
      now += 1000 * SECOND;
      assert_near (cfut_rate_get (&rate, now), 300, 0.01);
    }
}

/* What is taken back is no speed, and what makes up for it neither. */
static void
test_rate_backwards (void)
{
  CfutRate rate = { 0 };
  gint64 now = 0;
  guint64 worked = 0;

  cfut_rate_start (&rate, now, worked);
  run_rate (&rate, &now, &worked, 10 * SECOND, SECOND / 4, 1000);
  cfut_rate_update (&rate, now + SECOND, worked - 5000);
  cfut_rate_update (&rate, now + 2 * SECOND, worked);
  g_assert_cmpfloat (cfut_rate_get (&rate, now + 2 * SECOND), <=, 1001);
  g_assert_cmpfloat (cfut_rate_get (&rate, now + 2 * SECOND), >, 500);
}

/* The set has what a hash table has: for objects side by side, and anywhere. */
static void
test_pointer_map (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  g_autoptr (GHashTable) model = g_hash_table_new (NULL, NULL);
  CfutPointerMap map = { 0 };

  g_assert_false (cfut_pointer_map_remove (&map, &map));
  g_assert_null (cfut_pointer_map_get (&map, &map));
  for (guint i = 0; i < 200000; i++)
    {
      /* Cells of 64 bytes in regions far apart, in some of which pages come and go. */
      gsize region = (gsize) g_rand_int_range (rand, 1, 4 + i / 10000) << (GLIB_SIZEOF_SIZE_T * 5);
      gsize object = region + (gsize) g_rand_int_range (rand, 1, 4000) * CFUT_POINTER_MAP_CELL +
                     g_rand_int_range (rand, 0, CFUT_POINTER_MAP_CELL / 16) * 16;
      gpointer cell = (gpointer) (object / CFUT_POINTER_MAP_CELL);
      gpointer number;
      gboolean known = g_hash_table_lookup_extended (model, cell, NULL, &number);
      const guint32 *got = cfut_pointer_map_get (&map, (gpointer) object);

      g_assert_cmpint (got != NULL, ==, known);
      if (known)
        g_assert_cmpuint (*got, ==, GPOINTER_TO_UINT (number));

      if (g_rand_boolean (rand))
        {
          g_assert_cmpint (cfut_pointer_map_add (&map, (gpointer) object, i), ==, !known);
          if (!known)
            g_hash_table_insert (model, cell, GUINT_TO_POINTER (i));
        }
      else
        {
          g_assert_cmpint (cfut_pointer_map_remove (&map, (gpointer) object), ==, known);
          g_hash_table_remove (model, cell);
        }
    }
  cfut_pointer_map_clear (&map);
}

/* The deque has what a GPtrArray has. */
static void
test_deque (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  g_autoptr (GPtrArray) model = g_ptr_array_new ();
  CfutDeque deque = { 0 };

  for (guint i = 0; i < 20000; i++)
    {
      /* Grows and shrinks in turns. */
      gboolean grow = g_rand_int_range (rand, 0, 10) < (i / 2000 % 2 == 0 ? 7 : 3);

      if (grow)
        {
          for (gint n = g_rand_int_range (rand, 0, 8); n > 0; n--)
            {
              gpointer item = GSIZE_TO_POINTER (g_rand_int (rand));

              cfut_deque_append (&deque, item);
              g_ptr_array_add (model, item);
            }
        }
      else if (model->len > 0)
        {
          guint position = g_rand_boolean (rand) ? 0 : g_rand_int_range (rand, 0, model->len);
          guint n = g_rand_int_range (rand, 0, MIN (10, model->len - position) + 1);

          cfut_deque_remove (&deque, position, n);
          if (n > 0)
            g_ptr_array_remove_range (model, position, n);
        }

      g_assert_cmpuint (deque.len, ==, model->len);
      g_assert_cmpuint (deque.head + deque.len, <=, deque.size);
      g_assert_cmpuint (deque.size, <=, MAX (16, 4 * model->len + 3));
      for (guint j = 0; j < model->len; j += 1 + model->len / 50)
        g_assert_true (cfut_deque_get (&deque, j) == model->pdata[j]);
    }
  cfut_deque_clear (&deque);
}

/* A queue that goes through the deque, and one that is emptied from the front, cost a
 * constant number of moves for each item, however long it is. */
static void
test_deque_linear (void)
{
  for (guint n = 1000; n <= 1000000; n *= 10)
    {
      CfutDeque deque = { 0 };

      for (guint i = 0; i < n; i++)
        cfut_deque_append (&deque, &deque);
      for (guint i = 0; i < n; i++)
        {
          cfut_deque_remove (&deque, MIN (5, deque.len - 1), 1);
          cfut_deque_append (&deque, &deque);
        }
      for (guint i = 0; i < n; i++)
        cfut_deque_remove (&deque, 0, 1);

      g_assert_cmpuint (deque.n_moves, <=, 10 * (guint64) n);
      cfut_deque_clear (&deque);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/rate/constant-speed", test_rate_constant);
  g_test_add_func ("/cfut/rate/change-of-speed", test_rate_change);
  g_test_add_func ("/cfut/rate/stall", test_rate_stall);
  g_test_add_func ("/cfut/rate/coarse-steps", test_rate_coarse);
  g_test_add_func ("/cfut/rate/stopped-time-does-not-count", test_rate_stopped);
  g_test_add_func ("/cfut/rate/backwards", test_rate_backwards);
  g_test_add_func ("/cfut/pointer-map/against-hash-table", test_pointer_map);
  g_test_add_func ("/cfut/deque/against-array", test_deque);
  g_test_add_func ("/cfut/deque/constant-moves-for-each", test_deque_linear);

  return g_test_run ();
}
