/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Timers: the wheel by itself with a clock that the test turns, against a naive model; then the thread that waits
 * for it (guarantee 7: deadlines are event-driven and exact). */

#include "test-util.h"

#include <stdatomic.h>

#include "core/cfut-wheel-private.h"

#define TICK CFUT_WHEEL_TICK_USEC
#define YEAR (G_GINT64_CONSTANT (31556952) * G_USEC_PER_SEC)

/* No timer may fire before its time, or later than a tick after it, by a wheel that is looked at all the time. */
static void
assert_due (CfutTimer *timer,
            gint64     before,
            gint64     now)
{
  g_assert_null (timer->link);
  g_assert_cmpint (timer->at_usec, <=, now);
  g_assert_cmpint (timer->at_usec, >, before - TICK);
}

static CfutTimer *
pop (CfutWheel *wheel,
     gint64     now)
{
  CfutTimer *timer;
  gboolean again;

  do
    timer = cfut_wheel_pop (wheel, now, &again);
  while (again);

  return timer;
}

static void
add (CfutWheel *wheel,
     CfutTimer *timer,
     gint64     at_usec)
{
  timer->at_usec = at_usec;
  cfut_wheel_add (wheel, timer);
}

/* How long a step is, from less than a tick to centuries. */
static gint64
random_span (GRand *rand)
{
  guint bits = (guint) g_rand_int_range (rand, 0, 53);
  guint64 span = (guint64) g_rand_int (rand) << 32 | g_rand_int (rand);

  return (gint64) (span >> (63 - bits));
}

/* The model looks at every timer. */
static gint64
model_earliest (CfutTimer *timers,
                guint      n)
{
  gint64 earliest = G_MAXINT64;

  for (guint i = 0; i < n; i++)
    if (timers[i].link != NULL)
      earliest = MIN (earliest, timers[i].at_usec);

  return earliest;
}

#define N_MODEL_TIMERS 50

/* One wheel's life, short enough that the clock does not run over; returns how many have fired. */
static guint
run_against_model (GRand *rand)
{
  CfutTimer timers[N_MODEL_TIMERS] = { 0 };
  CfutWheel wheel = { 0 };
  gint64 now = random_span (rand);
  gint64 before = now;
  guint n_fired = 0;

  g_assert_null (pop (&wheel, now));
  for (guint i = 0; i < 400; i++)
    {
      CfutTimer *timer = &timers[g_rand_int_range (rand, 0, N_MODEL_TIMERS)];
      gint64 earliest;

      switch (g_rand_int_range (rand, 0, 6))
        {
        case 0:
        case 1:
        case 2:
          if (timer->link == NULL)
            add (&wheel, timer, now + random_span (rand) - (i % 16 == 0 ? 10 * TICK : 0));
          break;
        case 3:
          if (timer->link != NULL)
            cfut_wheel_remove (&wheel, timer);
          break;
        case 4:
          now += random_span (rand);
          break;
        case 5:
        default:
          if (cfut_wheel_next (&wheel) != G_MAXINT64)
            now = MAX (now, cfut_wheel_next (&wheel));
        }

      /* Ticks in their order, none before its time, and all that are due. */
      for (gint64 last = 0; (timer = pop (&wheel, now)) != NULL; n_fired++)
        {
          g_assert_null (timer->link);
          g_assert_cmpint (timer->at_usec, <=, now);
          g_assert_cmpint (MAX (timer->at_usec, before), >, last - TICK);
          last = MAX (timer->at_usec, before);
        }
      before = now;

      earliest = model_earliest (timers, N_MODEL_TIMERS);
      g_assert_cmpint (earliest, >, now - TICK);
      g_assert_cmpint (cfut_wheel_next (&wheel), >, now);
      if (earliest == G_MAXINT64)
        g_assert_cmpint (cfut_wheel_next (&wheel), ==, G_MAXINT64);
      else
        g_assert_cmpint (cfut_wheel_next (&wheel), <, earliest + TICK);
    }

  return n_fired;
}

/* Over any mix of adding, removing and time that passes, what fires is what the model says, tick by tick, and the
 * wheel asks to be looked at in time. */
static void
test_timer_wheel_random_against_model (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  guint n_fired = 0;

  for (guint i = 0; i < 1000; i++)
    n_fired += run_against_model (rand);

  g_assert_cmpuint (n_fired, >, 10000);
}

/* Looks at the wheel whenever it asks, until a timer comes. */
static guint
count_looks (CfutWheel *wheel,
             gint64    *now,
             CfutTimer *expected)
{
  for (guint n = 1;; n++)
    {
      gint64 next = cfut_wheel_next (wheel);
      CfutTimer *timer;

      g_assert_cmpint (next, >, *now);
      g_assert_cmpint (next, <, G_MAXINT64);
      timer = pop (wheel, next);
      if (timer != NULL)
        {
          g_assert_true (timer == expected);
          assert_due (timer, next, next);
          *now = next;
          return n;
        }
      *now = next;
    }
}

/* At the borders of each level, from wherever the wheel stands, a timer comes in its own tick, after no more looks
 * than there are levels: years away too. */
static void
test_timer_wheel_cascades (void)
{
  static const gint64 starts[] = { 0, 1, 63 * TICK, 64 * TICK - 1, 4095 * TICK + 17, 50 * YEAR };

  for (guint i = 0; i < G_N_ELEMENTS (starts); i++)
    for (gint64 span = 1; span < 1000 * YEAR; span *= 64)
      for (gint64 off = -1; off <= 1; off++)
        {
          CfutTimer timer = { 0 };
          CfutWheel wheel = { 0 };
          gint64 now = starts[i];

          g_assert_null (pop (&wheel, now));
          add (&wheel, &timer, now + span * TICK + off);
          g_assert_cmpuint (count_looks (&wheel, &now, &timer), <=, CFUT_WHEEL_N_LEVELS);
          g_assert_cmpint (cfut_wheel_next (&wheel), ==, G_MAXINT64);
        }
}

/* What lies in the past comes with the next look, "never" does not come, and both can be removed. */
static void
test_timer_wheel_past_and_never (void)
{
  static const gint64 past[] = { G_MININT64, -1, 0, 1, 1000 * TICK };
  CfutTimer timer = { 0 };
  CfutTimer never = { 0 };
  CfutWheel wheel = { 0 };
  gint64 now = 1000 * TICK;

  g_assert_null (pop (&wheel, now));
  add (&wheel, &never, G_MAXINT64);
  g_assert_cmpint (cfut_wheel_next (&wheel), ==, G_MAXINT64);

  for (guint i = 0; i < G_N_ELEMENTS (past); i++)
    {
      add (&wheel, &timer, past[i]);
      cfut_wheel_remove (&wheel, &timer);
      g_assert_null (pop (&wheel, now));
      add (&wheel, &timer, past[i]);
      g_assert_true (pop (&wheel, now) == &timer);
      g_assert_null (timer.link);
    }

  g_assert_null (pop (&wheel, 1000 * YEAR));
  g_assert_null (pop (&wheel, G_MAXINT64));
  g_assert_nonnull (never.link);
  cfut_wheel_remove (&wheel, &never);
  g_assert_null (never.link);
  g_assert_cmpuint (wheel.levels, ==, 0);
}

/* A clock that goes back (which it never should) moves nothing. */
static void
test_timer_wheel_clock_stands (void)
{
  CfutTimer timer = { 0 };
  CfutWheel wheel = { 0 };

  g_assert_null (pop (&wheel, 100 * TICK));
  add (&wheel, &timer, 101 * TICK);
  g_assert_null (pop (&wheel, 50 * TICK));
  g_assert_null (pop (&wheel, 101 * TICK - 1));
  g_assert_true (pop (&wheel, 101 * TICK) == &timer);
}

/* A slot of thousands is spread in parts, and others may be added and removed between these, of that slot too. */
static void
test_timer_wheel_crowded_slot (void)
{
  const guint n = 5000;
  g_autofree CfutTimer *timers = g_new0 (CfutTimer, n + 1);
  CfutWheel wheel = { 0 };
  gint64 now = 4096 * TICK;
  guint n_left = n;
  guint n_parts = 0;
  gboolean again;

  for (guint i = 0; i < n; i++)
    add (&wheel, &timers[i], now + i % 4000 * TICK);
  g_assert_cmpint (cfut_wheel_next (&wheel), ==, now);

  while (cfut_wheel_pop (&wheel, now - 1, &again) != NULL || again)
    g_assert_not_reached ();

  /* In the middle of it: one that is not spread yet, one that is, and a new one for now. */
  g_assert_null (cfut_wheel_pop (&wheel, now, &again));
  g_assert_true (again);
  cfut_wheel_remove (&wheel, &timers[0]);
  cfut_wheel_remove (&wheel, &timers[n - 1]);
  n_left -= 2;
  add (&wheel, &timers[n], now - 1);
  n_left++;

  while (n_left > 0)
    {
      CfutTimer *timer = cfut_wheel_pop (&wheel, now, &again);

      if (timer != NULL)
        {
          g_assert_cmpint (timer->at_usec, <=, now);
          g_assert_cmpint (timer->at_usec, >=, now - TICK);
          n_left--;
        }
      else if (again)
        {
          n_parts++;
        }
      else
        {
          now = cfut_wheel_next (&wheel);
        }
    }

  g_assert_cmpuint (n_parts, >, 10);
  g_assert_cmpint (cfut_wheel_next (&wheel), ==, G_MAXINT64);
}

/* All of a slot can go while it is being spread. */
static void
test_timer_wheel_emptied_while_spread (void)
{
  static CfutTimer timers[1000];
  CfutTimer later = { 0 };
  CfutWheel wheel = { 0 };
  gint64 now = 64 * TICK;
  gboolean again;

  for (guint i = 0; i < G_N_ELEMENTS (timers); i++)
    add (&wheel, &timers[i], now + 5 * TICK);
  g_assert_null (cfut_wheel_pop (&wheel, now, &again));
  g_assert_true (again);
  for (guint i = 0; i < G_N_ELEMENTS (timers); i++)
    cfut_wheel_remove (&wheel, &timers[i]);

  g_assert_cmpuint (wheel.levels, ==, 0);
  add (&wheel, &later, now + 70 * TICK);
  g_assert_null (cfut_wheel_pop (&wheel, now, &again));
  g_assert_false (again);
  g_assert_cmpuint (count_looks (&wheel, &now, &later), <=, 2);
}

typedef struct {
  CfutTimer timer;
  TestSem fired;
  GThread *thread;
  gint64 fired_usec;
  int n_more;       /* how often it arms itself again */
} Alarm;

static void
alarm_fire (CfutTimer *timer)
{
  Alarm *self = (Alarm *) timer;

  self->fired_usec = g_get_monotonic_time ();
  self->thread = g_thread_self ();
  g_assert_null (timer->link);
  g_assert_false (cfut_timer_disarm (timer));
  if (self->n_more > 0)
    {
      self->n_more--;
      g_assert_true (cfut_timer_arm (timer, self->fired_usec + 100));
    }
  else
    {
      test_sem_post (&self->fired);
    }
}

static void
alarm_init (Alarm *self)
{
  *self = (Alarm) { .timer.fire = alarm_fire };
  test_sem_init (&self->fired);
}

/* Never early, on the timers' own thread, and an earlier one that is armed later is not kept waiting: the first is
 * an hour away. */
static void
test_timer_fires_on_its_thread (void)
{
  Alarm hour;
  Alarm alarm;

  alarm_init (&hour);
  alarm_init (&alarm);
  g_assert_true (cfut_timer_arm (&hour.timer, g_get_monotonic_time () + G_TIME_SPAN_HOUR));

  for (gint64 span = -1000; span < 40000; span += 1733)
    {
      gint64 at_usec = g_get_monotonic_time () + span;

      g_assert_true (cfut_timer_arm (&alarm.timer, at_usec));
      test_sem_wait (&alarm.fired);
      g_assert_cmpint (alarm.fired_usec, >=, at_usec);
      g_assert_true (alarm.thread != g_thread_self ());
      g_assert_false (cfut_timer_disarm (&alarm.timer));
    }

  g_assert_true (cfut_timer_disarm (&hour.timer));
  g_assert_false (cfut_timer_disarm (&hour.timer));
  g_assert_null (hour.thread);
  test_sem_clear (&hour.fired);
  test_sem_clear (&alarm.fired);
}

/* A timer may be armed from its own fire. */
static void
test_timer_arms_itself_again (void)
{
  Alarm alarm;

  alarm_init (&alarm);
  alarm.n_more = 50;
  g_assert_true (cfut_timer_arm (&alarm.timer, 0));
  test_sem_wait (&alarm.fired);
  g_assert_cmpint (alarm.n_more, ==, 0);
  test_sem_clear (&alarm.fired);
}

/* Whatever the order of arming, they fire by their ticks. */
static void
test_timer_order_of_firing (void)
{
  Alarm alarms[16];
  gint64 start = g_get_monotonic_time () + 10000;

  for (guint i = 0; i < G_N_ELEMENTS (alarms); i++)
    alarm_init (&alarms[i]);
  for (guint i = 0; i < G_N_ELEMENTS (alarms); i++)
    {
      guint n = i * 7 % G_N_ELEMENTS (alarms);

      g_assert_true (cfut_timer_arm (&alarms[n].timer, start + (gint64) n * 2 * TICK));
    }
  for (guint i = 0; i < G_N_ELEMENTS (alarms); i++)
    {
      test_sem_wait (&alarms[i].fired);
      if (i > 0)
        g_assert_cmpint (alarms[i].fired_usec, >=, alarms[i - 1].fired_usec);
      test_sem_clear (&alarms[i].fired);
    }
}

/* "Never" does not wake the thread or fire, and is disarmed like any. */
static void
test_timer_never (void)
{
  Alarm never;
  Alarm alarm;

  alarm_init (&never);
  alarm_init (&alarm);
  g_assert_true (cfut_timer_arm (&never.timer, G_MAXINT64));
  g_assert_true (cfut_timer_arm (&alarm.timer, g_get_monotonic_time () + 2000));
  test_sem_wait (&alarm.fired);
  g_assert_null (never.thread);
  g_assert_true (cfut_timer_disarm (&never.timer));
  test_sem_clear (&never.fired);
  test_sem_clear (&alarm.fired);
}

typedef struct {
  CfutTimer timer;
  TestGate gate;
  gboolean let_go;     /* atomic */
  TestSem after;
} Held;

static void
held_fire (CfutTimer *timer)
{
  Held *self = (Held *) timer;

  test_gate_pass (&self->gate);
  g_atomic_int_set (&self->let_go, TRUE);
  cfut_timer_let_go (timer);
  test_sem_post (&self->after);
}

static gpointer
open_gate (gpointer gate)
{
  test_gate_open (gate);
  return NULL;
}

/* Clearing disarms, and where the timer fires at that time, it returns when that has let it go; a
 * timer that was let go may be armed again. */
static void
test_timer_clear_waits_for_fire (void)
{
  Held self = { .timer.fire = held_fire };
  GThread *thread;

  test_gate_init (&self.gate);
  test_sem_init (&self.after);
  g_assert_true (cfut_timer_arm (&self.timer, G_MAXINT64));
  cfut_timer_clear (&self.timer);
  g_assert_false (cfut_timer_disarm (&self.timer));
  cfut_timer_clear (&self.timer);

  g_assert_true (cfut_timer_arm (&self.timer, 0));
  test_gate_wait_arrived (&self.gate, 1);
  thread = g_thread_new ("opener", open_gate, &self.gate);
  cfut_timer_clear (&self.timer);
  g_assert_true (g_atomic_int_get (&self.let_go));
  g_thread_join (thread);
  test_sem_wait (&self.after);

  g_assert_true (cfut_timer_arm (&self.timer, 0));
  test_sem_wait (&self.after);
  cfut_timer_clear (&self.timer);
  test_sem_clear (&self.after);
  test_gate_clear (&self.gate);
}

/* What a thread gave back it gets again, and what is too much for it is freed; so is the rest when
 * it ends. */
static gpointer
make_loose_timers (gpointer data)
{
  g_autofree CfutLooseTimer **timers = g_new (CfutLooseTimer *, 5000);

  for (guint i = 0; i < 5000; i++)
    {
      timers[i] = cfut_loose_timer_new ();
      g_assert_null (timers[i]->timer.link);
    }
  for (guint i = 0; i < 5000; i++)
    cfut_loose_timer_free (timers[i]);
  timers[0] = cfut_loose_timer_new ();
  g_assert_null (timers[0]->timer.link);
  cfut_loose_timer_free (timers[0]);
  g_assert_true (cfut_loose_timer_new () == timers[0]);
  cfut_loose_timer_free (timers[0]);

  return NULL;
}

static void
test_timer_loose_timers_go_with_their_thread (void)
{
  for (guint i = 0; i < 3; i++)
    g_thread_join (g_thread_new ("maker", make_loose_timers, NULL));
}

#define N_RACERS 3
#define N_ROUNDS 20000

typedef struct {
  CfutTimer timer;
  _Atomic guint n_owners;  /* 1 while armed: its fire, or who disarms it, takes it */
} Raced;

static _Atomic guint n_raced_fires;
static _Atomic guint n_raced_disarms;

static void
raced_fire (CfutTimer *timer)
{
  g_assert_cmpuint (atomic_fetch_sub (&((Raced *) timer)->n_owners, 1), ==, 1);
  atomic_fetch_add (&n_raced_fires, 1);
}

static gpointer
race (gpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));
  Raced timers[8] = { 0 };

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      Raced *raced = &timers[i % G_N_ELEMENTS (timers)];

      /* Now and then the timer is left to win. */
      if (i % 128 == 127)
        test_poll_until (atomic_load (&raced->n_owners) == 0);
      if (cfut_timer_disarm (&raced->timer))
        {
          g_assert_cmpuint (atomic_fetch_sub (&raced->n_owners, 1), ==, 1);
          atomic_fetch_add (&n_raced_disarms, 1);
        }
      test_poll_until (atomic_load (&raced->n_owners) == 0);

      raced->timer.fire = raced_fire;
      atomic_store (&raced->n_owners, 1);
      g_assert_true (cfut_timer_arm (&raced->timer, g_get_monotonic_time () +
                                                      g_rand_int_range (rand, -300, 1000)));
    }

  for (guint i = 0; i < G_N_ELEMENTS (timers); i++)
    {
      if (cfut_timer_disarm (&timers[i].timer))
        atomic_fetch_add (&n_raced_disarms, 1);
      else
        test_poll_until (atomic_load (&timers[i].n_owners) == 0);
    }

  return NULL;
}

/* Disarming against firing: each timer that was armed fires once or is disarmed once, never both and never
 * neither. */
static void
test_timer_disarm_against_fire (void)
{
  GThread *threads[N_RACERS];
  guint32 seed = test_seed ();

  for (guint i = 0; i < N_RACERS; i++)
    threads[i] = g_thread_new ("racer", race, GUINT_TO_POINTER (seed + i));
  for (guint i = 0; i < N_RACERS; i++)
    g_thread_join (threads[i]);

  g_assert_cmpuint (atomic_load (&n_raced_fires) + atomic_load (&n_raced_disarms), ==,
                    N_RACERS * N_ROUNDS);
  g_assert_cmpuint (atomic_load (&n_raced_fires), >, 0);
  g_assert_cmpuint (atomic_load (&n_raced_disarms), >, 0);
}

static _Atomic gboolean no_threads;

/* In place of GLib's, for all that is linked into this program. */
GThread *
g_thread_try_new (const char   *name,
                  GThreadFunc   func,
                  gpointer      data,
                  GError      **error)
{
  if (!atomic_load (&no_threads))
    return g_thread_new (name, func, data);

  g_set_error_literal (error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN, "The test makes no thread");
  return NULL;
}

/* Where no thread can be made, arming says so and leaves the timer disarmed; later it succeeds. */
static void
test_timer_thread_cannot_be_made (void)
{
  Alarm alarm;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }

  alarm_init (&alarm);
  atomic_store (&no_threads, TRUE);
  g_assert_false (cfut_timer_arm (&alarm.timer, 0));
  g_assert_false (cfut_timer_arm (&alarm.timer, 0));
  g_assert_false (cfut_timer_disarm (&alarm.timer));

  atomic_store (&no_threads, FALSE);
  g_assert_true (cfut_timer_arm (&alarm.timer, 0));
  test_sem_wait (&alarm.fired);
  test_sem_clear (&alarm.fired);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/timer/wheel-random-against-model", test_timer_wheel_random_against_model);
  g_test_add_func ("/cfut/timer/wheel-cascades", test_timer_wheel_cascades);
  g_test_add_func ("/cfut/timer/wheel-past-and-never", test_timer_wheel_past_and_never);
  g_test_add_func ("/cfut/timer/wheel-clock-stands", test_timer_wheel_clock_stands);
  g_test_add_func ("/cfut/timer/wheel-crowded-slot", test_timer_wheel_crowded_slot);
  g_test_add_func ("/cfut/timer/wheel-emptied-while-spread", test_timer_wheel_emptied_while_spread);
  g_test_add_func ("/cfut/timer/fires-on-its-thread", test_timer_fires_on_its_thread);
  g_test_add_func ("/cfut/timer/arms-itself-again", test_timer_arms_itself_again);
  g_test_add_func ("/cfut/timer/order-of-firing", test_timer_order_of_firing);
  g_test_add_func ("/cfut/timer/never", test_timer_never);
  g_test_add_func ("/cfut/timer/clear-waits-for-fire", test_timer_clear_waits_for_fire);
  g_test_add_func ("/cfut/timer/loose-timers-go-with-their-thread",
                   test_timer_loose_timers_go_with_their_thread);
  g_test_add_func ("/cfut/timer/disarm-against-fire", test_timer_disarm_against_fire);

  g_test_add_func ("/cfut/timer/thread-cannot-be-made", test_timer_thread_cannot_be_made);

  return g_test_run ();
}
