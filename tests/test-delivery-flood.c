/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How completions get back when there are very many: guarantee 4 (a flood of completions leaves the main
 * loop its turns, and progress is told as often as it can be seen). */

#include "test-util.h"

#include <string.h>

#define REDRAW_PRIORITY (G_PRIORITY_HIGH_IDLE + 20)

typedef struct {
  GSource source;
  gboolean always;
  gint64 work_usec;
  guint n_turns;
  guint n_called;      /* of callbacks, since it became ready */
  guint most_called;
  gboolean wanted;
} Redraw;

static gboolean
redraw_prepare (GSource *source,
                gint    *timeout)
{
  Redraw *self = (Redraw *) source;

  *timeout = -1;
  return self->always || self->wanted;
}

static gboolean
redraw_check (GSource *source)
{
  Redraw *self = (Redraw *) source;

  return self->always || self->wanted;
}

static gboolean
redraw_dispatch (GSource     *source,
                 GSourceFunc  callback,
                 gpointer     data)
{
  Redraw *self = (Redraw *) source;

  self->wanted = FALSE;
  self->n_turns++;
  self->most_called = MAX (self->most_called, self->n_called);
  self->n_called = 0;
  if (self->work_usec > 0)
    test_burn (self->work_usec);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs redraw_funcs = {
  .prepare = redraw_prepare, .check = redraw_check, .dispatch = redraw_dispatch
};

static Redraw *
redraw_new (void)
{
  GSource *source = g_source_new (&redraw_funcs, sizeof (Redraw));

  g_source_set_priority (source, REDRAW_PRIORITY);
  g_source_attach (source, NULL);
  return (Redraw *) source;
}

static void
redraw_free (Redraw *self)
{
  g_source_destroy ((GSource *) self);
  g_source_unref ((GSource *) self);
}

typedef struct {
  Redraw *redraw;
  int n_called;
  guint n_wanted;
  gint64 first_usec;
} FloodState;

static void
callback_50_usec (CfutFuture *future,
                  gpointer    data)
{
  FloodState *flood = data;

  test_burn (50);
  if (flood->first_usec == 0)
    flood->first_usec = g_get_monotonic_time ();
  flood->n_called++;
  if (flood->redraw->wanted)
    flood->redraw->n_called++;

  /* A frame is wanted now and then, as animations and input want one. */
  if (flood->n_called % 25 == 0 && !flood->redraw->wanted)
    {
      flood->redraw->wanted = TRUE;
      flood->redraw->n_called = 0;
      flood->n_wanted++;
    }
}

/* Resolves many that have the callback; drops them. */
static void
make_flood (FloodState *flood,
            guint       n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();

      cfut_future_add_done_callback (cfut_promise_get_future (promise), CFUT_CALLBACK_DEFAULT,
                                     callback_50_usec, flood, NULL);
      cfut_promise_resolve (promise, NULL);
    }
}

/* Guarantee 4: in a flood of 30,000 callbacks of 50 us, which is 1.5 s of work, a source at GTK's redraw
 * priority never waits for more of them than a slice of 4 ms holds. */
static void
test_delivery_flood_leaves_redraw_its_turns (void)
{
  Redraw *redraw = redraw_new ();
  FloodState flood = { .redraw = redraw };

  make_flood (&flood, 30000);
  test_iterate_until (NULL, flood.n_called == 30000);
  test_iterate_until (NULL, !redraw->wanted);

  g_test_message ("%u redraws wanted, %u turns, at most %u callbacks in between", flood.n_wanted,
                  redraw->n_turns, redraw->most_called);
  g_assert_cmpuint (redraw->n_turns, ==, flood.n_wanted);
  g_assert_cmpuint (redraw->n_turns, >=, 30000 / 120);
  g_assert_cmpuint (redraw->most_called, <=, 4000 / 50 + 16);
  redraw_free (redraw);
}

/* Guarantee 4: where something redraws without pause, a slice comes all the same about every 100 ms,
 * and the redraws go on. */
static void
test_delivery_flood_under_constant_redraw (void)
{
  Redraw *redraw = redraw_new ();
  FloodState flood = { .redraw = redraw };
  gint64 begin;

  redraw->always = TRUE;
  redraw->work_usec = 1000;
  begin = g_get_monotonic_time ();
  make_flood (&flood, 1000);
  test_iterate_until (NULL, flood.n_called > 0);
  g_test_message ("first slice after %" G_GINT64_FORMAT " us", flood.first_usec - begin);
  g_assert_cmpint (flood.first_usec - begin, <=, 2 * G_USEC_PER_SEC);

  /* It does not take over either. */
  redraw->n_turns = 0;
  test_iterate_until (NULL, flood.n_called == 1000);
  g_assert_cmpuint (redraw->n_turns, >=, 1000 / 80 - 3);

  redraw_free (redraw);
  test_iterate_ready (NULL);
}

/* More than a slice by itself. */
static void
callback_5_msec (CfutFuture *future,
                 gpointer    data)
{
  test_burn (5000);
  ((FloodState *) data)->n_called++;
}

/* Guarantee 4: afterwards the priority is the normal one again, though the last callback ended the slice: with
 * redraw ready the queue waits. */
static void
test_delivery_priority_returns_after_starvation (void)
{
  Redraw *redraw = redraw_new ();
  FloodState flood = { .redraw = redraw };
  g_autoptr (CfutPromise) last = cfut_promise_new ();
  gint64 begin;

  redraw->always = TRUE;
  make_flood (&flood, 199);
  cfut_future_add_done_callback (cfut_promise_get_future (last), CFUT_CALLBACK_DEFAULT,
                                 callback_5_msec, &flood, NULL);
  cfut_promise_resolve (last, NULL);
  test_iterate_until (NULL, flood.n_called == 200);

  begin = g_get_monotonic_time ();
  make_flood (&flood, 1);
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, TRUE);
  if (g_get_monotonic_time () - begin < 90 * 1000)
    g_assert_cmpint (flood.n_called, ==, 200);

  redraw->always = FALSE;
  test_iterate_until (NULL, flood.n_called == 201);
  redraw_free (redraw);
}

static void
callback_posts_more (CfutFuture *future,
                     gpointer    data)
{
  FloodState *flood = data;

  test_burn (50);
  flood->n_called++;
  if (flood->redraw->wanted)
    flood->redraw->n_called++;
  if (flood->n_called % 25 == 0 && !flood->redraw->wanted)
    {
      flood->redraw->wanted = TRUE;
      flood->redraw->n_called = 0;
      flood->n_wanted++;
    }

  if (flood->n_called < 5000)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();

      cfut_future_add_done_callback (cfut_promise_get_future (promise), CFUT_CALLBACK_DEFAULT,
                                     callback_posts_more, flood, NULL);
      cfut_promise_resolve (promise, NULL);
    }
}

/* Guarantee 4: a callback that always makes the next one keeps nobody out. */
static void
test_delivery_endless_chain_leaves_turns (void)
{
  Redraw *redraw = redraw_new ();
  FloodState flood = { .redraw = redraw };
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  cfut_future_add_done_callback (cfut_promise_get_future (promise), CFUT_CALLBACK_DEFAULT,
                                 callback_posts_more, &flood, NULL);
  cfut_promise_resolve (promise, NULL);
  test_iterate_until (NULL, flood.n_called == 5000);
  test_iterate_until (NULL, !redraw->wanted);
  g_assert_cmpuint (redraw->n_turns, ==, flood.n_wanted);
  g_assert_cmpuint (redraw->most_called, <=, 4000 / 50 + 16);
  redraw_free (redraw);
}

/* --- 4: progress --- */

#define PROGRESS_USEC (400 * 1000)

typedef struct {
  int n_fraction;
  int n_message;
  double last_fraction;
  int n_done;
  gboolean order_broken;
} Shown;

static void
fraction_shown (CfutFuture *future,
                GParamSpec *pspec,
                Shown      *shown)
{
  double fraction = cfut_future_get_fraction (future);

  shown->n_fraction++;
  if (shown->n_done > 0 || fraction < shown->last_fraction)
    shown->order_broken = TRUE;
  shown->last_fraction = fraction;
}

static void
message_shown (CfutFuture *future,
               GParamSpec *pspec,
               Shown      *shown)
{
  shown->n_message++;
  if (shown->n_done > 0)
    shown->order_broken = TRUE;
}

static void
done_shown (CfutFuture *future,
            Shown      *shown)
{
  shown->n_done++;
}

typedef struct {
  gint64 first_usec;
  gint64 last_usec;
  guint64 n_reports;
} Reports;

static gboolean
report_without_pause (CfutTask  *task,
                      gpointer   data,
                      GError   **error)
{
  Reports *reports = data;
  const guint64 total = G_MAXUINT32;
  guint64 done = 0;
  char message[32];

  reports->first_usec = g_get_monotonic_time ();
  do
    {
      cfut_task_set_progress (task, ++done, total);
      g_snprintf (message, sizeof message, "%" G_GUINT64_FORMAT, done);
      cfut_task_set_message (task, message);
      reports->last_usec = g_get_monotonic_time ();
    }
  while (reports->last_usec - reports->first_usec < PROGRESS_USEC);

  reports->n_reports = done;
  cfut_task_set_progress (task, total / 2, total);
  cfut_task_set_message (task, "the last word");
  return test_task_fail (task, NULL, error);
}

/* Guarantee 4: progress is coalesced to at most 60 notifications a second for each future and property,
 * the latest wins, and the last value comes before completion. */
static void
test_delivery_progress_is_coalesced (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  g_autofree char *message = NULL;
  Reports reports = { 0 };
  Shown shown = { 0 };
  gint64 begin = g_get_monotonic_time ();
  double span;
  int allowed;

  future = cfut_executor_submit (executor, report_without_pause, &reports, NULL);
  g_signal_connect (future, "notify::fraction", G_CALLBACK (fraction_shown), &shown);
  g_signal_connect (future, "notify::message", G_CALLBACK (message_shown), &shown);
  g_signal_connect (future, "done", G_CALLBACK (done_shown), &shown);
  test_iterate_until (NULL, shown.n_done == 1);
  span = (double) (g_get_monotonic_time () - begin) / G_USEC_PER_SEC;

  /* The first comes at once and the last with the completion, whenever that is. */
  allowed = (int) (span * 60.0) + 2;
  g_test_message ("%" G_GUINT64_FORMAT " reports in %.3f s, %d notifications, %d allowed",
                  reports.n_reports, span, shown.n_fraction, allowed);
  g_assert_cmpint (shown.n_fraction, <=, allowed);
  g_assert_cmpint (shown.n_message, <=, allowed);
  g_assert_cmpint (shown.n_fraction, >=, 3);
  g_assert_cmpint (shown.n_message, >=, 3);
  g_assert_false (shown.order_broken);
  g_assert_cmpfloat_with_epsilon (shown.last_fraction, 0.5, 0.001);
  message = cfut_future_dup_message (future);
  g_assert_cmpstr (message, ==, "the last word");
}

/* Guarantee 4: the last of a burst is shown though nothing follows it and the future does not settle. */
static void
test_delivery_progress_last_of_a_burst_is_shown (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  CfutFuture *future = cfut_promise_get_future (promise);
  Shown shown = { 0 };

  g_signal_connect (future, "notify::fraction", G_CALLBACK (fraction_shown), &shown);
  for (guint i = 1; i <= 100; i++)
    {
      cfut_promise_set_progress (promise, i, 200);
      test_iterate_ready (NULL);
    }
  test_iterate_until (NULL, shown.last_fraction == 0.5);
  g_assert_cmpint (shown.n_fraction, <, 100);

  /* The same value again is no change. */
  test_iterate_ready (NULL);
  shown.n_fraction = 0;
  cfut_promise_set_progress (promise, 100, 200);
  cfut_promise_set_running (promise);
  cfut_promise_set_progress (promise, 200, 200);
  cfut_promise_resolve (promise, NULL);
  g_signal_connect (future, "done", G_CALLBACK (done_shown), &shown);
  test_iterate_until (NULL, shown.n_done == 1);
  g_assert_cmpint (shown.n_fraction, ==, 1);
  g_assert_false (shown.order_broken);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/delivery/" name, test_delivery_##func)
  add ("4-flood-leaves-redraw-its-turns", flood_leaves_redraw_its_turns);
  add ("4-flood-under-constant-redraw", flood_under_constant_redraw);
  add ("4-priority-returns-after-starvation", priority_returns_after_starvation);
  add ("4-endless-chain-leaves-turns", endless_chain_leaves_turns);
  add ("4-progress-is-coalesced", progress_is_coalesced);
  add ("4-progress-last-of-a-burst-is-shown", progress_last_of_a_burst_is_shown);
#undef add

  return g_test_run ();
}
