/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutRateLimit: the bucket, with a clock that the test turns; who is told of changes; and its face. */

#include "test-util.h"

#include "cfut-rate-limit-private.h"

#define SECOND ((gint64) G_USEC_PER_SEC)
#define MINUTE (60 * SECOND)

/* Where the clock stands at first: days after boot, which is where rounding would show. */
#define START (40 * 24 * 3600 * SECOND)

static guint
take_all (CfutRateLimit *limit,
          gint64         now,
          gint64        *next)
{
  guint n = 0;

  while (cfut_rate_limit_try_take (limit, now, next))
    n++;

  g_assert_false (cfut_rate_limit_has_token (limit, now, next));
  g_assert_cmpint (*next, >, now);
  return n;
}

/* A full bucket gives its burst at once, and then one token each time one falls due, neither before nor after. */
static void
test_rate_limit_burst_then_rate (void)
{
  for (guint burst = 1; burst <= 20; burst += 19)
    {
      g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (8, burst);
      gint64 now = START;
      gint64 next;

      g_assert_true (cfut_rate_limit_has_token (limit, now, &next));
      g_assert_cmpuint (take_all (limit, now, &next), ==, burst);
      for (guint i = 1; i <= 100; i++)
        {
          gint64 due = START + i * SECOND / 8;

          g_assert_cmpint (next, >=, due);
          g_assert_cmpint (next, <=, due + 1);
          g_assert_false (cfut_rate_limit_has_token (limit, due - 1, &next));
          g_assert_false (cfut_rate_limit_try_take (limit, due - 1, &next));
          g_assert_true (cfut_rate_limit_has_token (limit, due, &next));
          g_assert_cmpuint (take_all (limit, due, &next), ==, 1);
        }
    }
}

/* Over a minute the number of starts is exact to a hundredth (and better), at rates that no number of
 * microseconds divides, when each start comes as late as threads do, and however often somebody looks. */
static void
test_rate_limit_exact_over_a_minute (void)
{
  static const double rates[] = { 0.7, 3, 10, 77.7, 1000, 3333.3, 20000 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint r = 0; r < G_N_ELEMENTS (rates); r++)
    for (guint looks = 0; looks < 3; looks++)
      {
        g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (rates[r], 1);
        gint64 now = START;
        gint64 next;
        guint n = take_all (limit, now, &next) - 1;

        for (;;)
          {
            for (guint i = 0; i < looks; i++)
              cfut_rate_limit_try_take (limit, now + (next - now) * i / looks, &(gint64) { 0 });
            now = next + g_rand_int_range (rand, 0, 3000);
            if (now > START + MINUTE)
              break;
            n += take_all (limit, now, &next);
          }

        g_test_message ("%g/s: %u in a minute", rates[r], n);
        g_assert_cmpfloat (n, >=, 60 * rates[r] * 0.999 - 1);
        g_assert_cmpfloat (n, <=, 60 * rates[r] * 1.0001);
      }
}

/* In no window of the times at which tokens were taken are there more than burst + rate * window (and what is
 * caught up: 20 ms): not after an hour without any, and not when the hour began with somebody turned away. */
static void
test_rate_limit_never_above_the_burst (void)
{
  for (guint turned_away = 0; turned_away < 2; turned_away++)
    {
      g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (100, 5);
      gint64 now = START;
      gint64 next;
      guint n;

      for (guint i = 0; i < 5; i++)
        g_assert_true (cfut_rate_limit_try_take (limit, now, &next));
      if (turned_away)
        g_assert_false (cfut_rate_limit_try_take (limit, now, &next));
      now += 60 * MINUTE;
      n = take_all (limit, now, &next);
      g_assert_cmpuint (n, >=, 5);
      g_assert_cmpuint (n, <=, 5 + 2 * turned_away);
    }
}

/* Random takes against a count of what may have been given: in any window from the first take on. */
static void
test_rate_limit_random_against_bound (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint run = 0; run < 200; run++)
    {
      double rate = g_rand_double_range (rand, 0.1, 5000);
      guint burst = (guint) g_rand_int_range (rand, 1, 50);
      g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (rate, burst);
      g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (gint64));
      double slack = 1 + rate * 0.02;
      gint64 now = START;

      for (guint i = 0; i < 500; i++)
        {
          gint64 next = 0;
          gboolean had = cfut_rate_limit_has_token (limit, now, &next);
          gboolean taken = cfut_rate_limit_try_take (limit, now, &next);

          g_assert_cmpint (had, ==, taken);
          if (taken)
            g_array_append_val (times, now);
          else
            g_assert_cmpint (next, >, now);
          if (g_rand_int_range (rand, 0, 20) == 0 && taken)
            {
              cfut_rate_watches_tell (cfut_rate_limit_give_back (limit));
              g_array_set_size (times, times->len - 1);
              g_assert_true (cfut_rate_limit_has_token (limit, now, &next));
            }
          now += (gint64) (g_rand_double (rand) * (i % 3) / rate * G_USEC_PER_SEC);
        }

      for (guint first = 0; first < times->len; first++)
        for (guint last = first; last < times->len; last++)
          {
            gint64 window = g_array_index (times, gint64, last) - g_array_index (times, gint64, first);

            g_assert_cmpfloat (last - first + 1, <=,
                               burst + slack + rate * (double) window / G_USEC_PER_SEC);
          }
    }
}

/* A clock that another thread has read earlier takes nothing back. */
static void
test_rate_limit_clock_of_another_thread (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (1, 2);
  gint64 next;

  g_assert_cmpuint (take_all (limit, START, &next), ==, 2);
  g_assert_cmpuint (take_all (limit, START + 10 * SECOND, &next), ==, 2);
  g_assert_false (cfut_rate_limit_try_take (limit, START, &next));
  g_assert_cmpint (next, >=, START + 11 * SECOND - 20000);
  g_assert_cmpuint (take_all (limit, START + 11 * SECOND, &next), ==, 1);
}

/* The least and the largest rates there are do neither overflow nor hang. */
static void
test_rate_limit_extremes (void)
{
  g_autoptr (CfutRateLimit) never = cfut_rate_limit_new (G_MINDOUBLE, 1);
  g_autoptr (CfutRateLimit) rare = cfut_rate_limit_new (1e-6, 1);
  g_autoptr (CfutRateLimit) always = cfut_rate_limit_new (G_MAXDOUBLE, G_MAXUINT);
  gint64 next;

  g_assert_cmpuint (take_all (never, START, &next), ==, 1);
  g_assert_cmpint (next, ==, G_MAXINT64);
  g_assert_cmpuint (take_all (rare, START, &next), ==, 1);
  g_assert_cmpint (next, >=, START + 1000000 * SECOND);
  g_assert_cmpint (next, <=, START + 1000000 * SECOND + 1);
  for (guint i = 0; i < 1000; i++)
    g_assert_true (cfut_rate_limit_try_take (always, START + i, &next));
}

/* A new rate counts from the change on; what was saved up stays. A larger burst gives no tokens, a smaller one
 * takes what is too much. */
static void
test_rate_limit_changes (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (2, 4);
  gint64 now = START;
  gint64 next;

  g_assert_cmpuint (take_all (limit, now, &next), ==, 4);
  now += SECOND;
  cfut_rate_limit_change (limit, 10, 0, now);
  g_assert_cmpuint (take_all (limit, now, &next), ==, 2);
  g_assert_cmpint (next - now, >=, SECOND / 10);
  g_assert_cmpint (next - now, <=, SECOND / 10 + 1);

  cfut_rate_limit_change (limit, 0, 20, now);
  g_assert_false (cfut_rate_limit_has_token (limit, now, &next));
  now += SECOND;
  g_assert_cmpuint (take_all (limit, now, &next), ==, 10);

  now += SECOND;
  cfut_rate_limit_change (limit, 1, 3, now);
  g_assert_cmpuint (take_all (limit, now, &next), ==, 3);
  g_assert_cmpint (next - now, >=, SECOND - 20000);
}

typedef struct {
  CfutRateWatch watch;
  int n_holds;
  int n_changes;
  gboolean gone;
} Watcher;

static gboolean
watcher_hold (CfutRateWatch *watch)
{
  Watcher *self = (Watcher *) watch;

  if (self->gone)
    return FALSE;

  self->n_holds++;
  return TRUE;
}

static void
watcher_changed (CfutRateWatch *watch)
{
  Watcher *self = (Watcher *) watch;

  g_assert_cmpint (++self->n_changes, ==, self->n_holds);
}

/* Who watches hears of new rates and bursts and of tokens that are given back, with its reference held; nothing when
 * it cannot be held or has gone, and nothing where nothing changed. */
static void
test_rate_limit_tells_who_watches (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (2, 4);
  Watcher watchers[3];
  gint64 next;

  for (guint i = 0; i < 3; i++)
    {
      watchers[i] = (Watcher) { .watch.hold = watcher_hold, .watch.changed = watcher_changed };
      cfut_rate_limit_watch (limit, &watchers[i].watch);
    }

  cfut_rate_limit_set_rate (limit, 3);
  cfut_rate_limit_set_rate (limit, 3);
  cfut_rate_limit_set_burst (limit, 5);
  cfut_rate_limit_set_burst (limit, 5);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (watchers[i].n_changes, ==, 2);

  cfut_rate_limit_unwatch (limit, &watchers[1].watch);
  g_assert_true (cfut_rate_limit_try_take (limit, g_get_monotonic_time (), &next));
  cfut_rate_watches_tell (cfut_rate_limit_give_back (limit));
  g_assert_cmpint (watchers[0].n_changes, ==, 3);
  g_assert_cmpint (watchers[1].n_changes, ==, 2);
  g_assert_cmpint (watchers[2].n_changes, ==, 3);

  watchers[0].gone = TRUE;
  cfut_rate_limit_set_rate (limit, 5);
  g_assert_cmpint (watchers[0].n_changes, ==, 3);
  g_assert_cmpint (watchers[2].n_changes, ==, 4);

  cfut_rate_limit_unwatch (limit, &watchers[2].watch);
  cfut_rate_limit_unwatch (limit, &watchers[0].watch);
  cfut_rate_limit_set_rate (limit, 4);
  g_assert_cmpint (watchers[0].n_changes, ==, 3);
}

static void
on_notify (GObject    *object,
           GParamSpec *pspec,
           gpointer    counter)
{
  (*(guint *) counter)++;
}

/* The properties, at construction and after, and their notifications. */
static void
test_rate_limit_properties (void)
{
  g_autoptr (CfutRateLimit) limit = g_object_new (CFUT_TYPE_RATE_LIMIT, NULL);
  guint n_notified = 0;
  double rate;
  guint burst;

  g_object_get (limit, "rate", &rate, "burst", &burst, NULL);
  g_assert_cmpfloat (rate, ==, 1);
  g_assert_cmpuint (burst, ==, 1);

  g_signal_connect (limit, "notify::rate", G_CALLBACK (on_notify), &n_notified);
  g_signal_connect (limit, "notify::burst", G_CALLBACK (on_notify), &n_notified);
  g_object_set (limit, "rate", 2.5, "burst", 7, NULL);
  g_assert_cmpuint (n_notified, ==, 2);
  g_object_set (limit, "rate", 2.5, "burst", 7, NULL);
  g_assert_cmpuint (n_notified, ==, 2);
  g_assert_cmpfloat (cfut_rate_limit_get_rate (limit), ==, 2.5);
  g_assert_cmpuint (cfut_rate_limit_get_burst (limit), ==, 7);
}

/* What is no rate and no burst is a programmer's error, and changes nothing. */
static void
test_rate_limit_bad_values (void)
{
  static const double bad[] = { 0, -1, -G_MAXDOUBLE };
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (2, 3);
  double infinite = G_MAXDOUBLE * 2;
  double nan = infinite - infinite;

  for (guint i = 0; i < G_N_ELEMENTS (bad) + 2; i++)
    {
      double rate = i < G_N_ELEMENTS (bad) ? bad[i] : i == G_N_ELEMENTS (bad) ? infinite : nan;

      test_expect_critical ();
      g_assert_null (cfut_rate_limit_new (rate, 1));
      test_expect_critical ();
      cfut_rate_limit_set_rate (limit, rate);
      g_test_assert_expected_messages ();
    }

  test_expect_critical ();
  g_assert_null (cfut_rate_limit_new (1, 0));
  test_expect_critical ();
  cfut_rate_limit_set_burst (limit, 0);
  g_test_expect_message ("GLib-GObject", G_LOG_LEVEL_WARNING, "*out of range*");
  g_object_set (limit, "rate", nan, NULL);
  g_test_assert_expected_messages ();

  g_assert_cmpfloat (cfut_rate_limit_get_rate (limit), ==, 2);
  g_assert_cmpuint (cfut_rate_limit_get_burst (limit), ==, 3);
}

/* What no executor starts takes from the same bucket, and is told how long it has to wait. */
static void
test_rate_limit_take (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (1.0 / 1000, 2);
  gint64 wait = -1;
  gint64 next;

  g_assert_true (cfut_rate_limit_take (limit, &wait));
  g_assert_cmpint (wait, ==, 0);
  g_assert_true (cfut_rate_limit_try_take (limit, g_get_monotonic_time (), &next));
  g_assert_false (cfut_rate_limit_take (limit, NULL));
  g_assert_false (cfut_rate_limit_take (limit, &wait));
  g_assert_cmpint (wait, >, 500 * SECOND);
  g_assert_cmpint (wait, <=, 1000 * SECOND + 1);

  cfut_rate_limit_set_rate (limit, 1e-300);
  g_assert_false (cfut_rate_limit_take (limit, &wait));
  g_assert_cmpint (wait, ==, G_MAXINT64);
  test_expect_critical ();
  g_assert_false (cfut_rate_limit_take (NULL, &wait));
  g_test_assert_expected_messages ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/rate-limit/burst-then-rate", test_rate_limit_burst_then_rate);
  g_test_add_func ("/cfut/rate-limit/exact-over-a-minute", test_rate_limit_exact_over_a_minute);
  g_test_add_func ("/cfut/rate-limit/never-above-the-burst", test_rate_limit_never_above_the_burst);
  g_test_add_func ("/cfut/rate-limit/random-against-bound", test_rate_limit_random_against_bound);
  g_test_add_func ("/cfut/rate-limit/clock-of-another-thread",
                   test_rate_limit_clock_of_another_thread);
  g_test_add_func ("/cfut/rate-limit/extremes", test_rate_limit_extremes);
  g_test_add_func ("/cfut/rate-limit/changes", test_rate_limit_changes);
  g_test_add_func ("/cfut/rate-limit/tells-who-watches", test_rate_limit_tells_who_watches);
  g_test_add_func ("/cfut/rate-limit/properties", test_rate_limit_properties);
  g_test_add_func ("/cfut/rate-limit/take", test_rate_limit_take);
  g_test_add_func ("/cfut/rate-limit/bad-values", test_rate_limit_bad_values);

  return g_test_run ();
}
