/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What holds back an executor's tasks: who is told no is called when it may ask again, on no worker's time. */

#include "test-util.h"

#include <stdatomic.h>

#include "cfut-rate-limit-private.h"
#include "core/cfut-gate-private.h"

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

typedef struct {
  TestSem opened;
  _Atomic guint n_calls;
  GThread *thread;
  CfutGate *closes;  /* (nullable): to be closed from within */
} Opened;

static void
on_open (gpointer data)
{
  Opened *self = data;

  self->thread = g_thread_self ();
  atomic_fetch_add (&self->n_calls, 1);
  if (self->closes != NULL)
    cfut_gate_close (self->closes);
  test_sem_post (&self->opened);
}

static CfutGate *
make_gate (Opened *opened)
{
  *opened = (Opened) { .thread = NULL };
  test_sem_init (&opened->opened);
  return cfut_gate_new (on_open, opened);
}

static void
drop_gate (CfutGate *gate,
           Opened   *opened)
{
  cfut_gate_close (gate);
  cfut_gate_unref (gate);
  test_sem_clear (&opened->opened);
}

static guint
pass_all (CfutGate *gate)
{
  guint n = 0;

  while (cfut_gate_pass (gate))
    n++;
  return n;
}

/* A gate that nothing holds passes all, and calls nobody, whatever is done to it. */
static void
test_gate_free (void)
{
  Opened opened;
  CfutGate *gate = make_gate (&opened);

  for (guint i = 0; i < 100; i++)
    {
      g_assert_true (cfut_gate_is_open (gate));
      g_assert_true (cfut_gate_pass (gate));
      if (i % 3 == 0)
        cfut_gate_give_back (gate);
    }
  cfut_gate_set_paused (gate, FALSE);
  cfut_gate_set_limit (gate, NULL);
  g_assert_null (cfut_gate_peek_limit (gate));
  g_assert_cmpuint (opened.n_calls, ==, 0);
  drop_gate (gate, &opened);
}

/* A pause holds all; the end of it calls who was turned away, once, on the thread that resumes; nobody, where nobody
 * was. To pause again or resume again changes nothing. */
static void
test_gate_paused (void)
{
  Opened opened;
  CfutGate *gate = make_gate (&opened);

  for (guint asks = 0; asks < 4; asks++)
    {
      guint before = opened.n_calls;

      cfut_gate_set_paused (gate, TRUE);
      cfut_gate_set_paused (gate, TRUE);
      g_assert_true (cfut_gate_is_paused (gate));
      if (asks & 1)
        g_assert_false (cfut_gate_pass (gate));
      if (asks & 2)
        g_assert_false (cfut_gate_is_open (gate));
      g_assert_cmpuint (opened.n_calls, ==, before);

      cfut_gate_set_paused (gate, FALSE);
      cfut_gate_set_paused (gate, FALSE);
      g_assert_false (cfut_gate_is_paused (gate));
      g_assert_cmpuint (opened.n_calls, ==, before + (asks != 0));
      g_assert_true (cfut_gate_pass (gate));
    }

  g_assert_true (opened.thread == g_thread_self ());
  drop_gate (gate, &opened);
}

/* With a limit the burst passes; who is turned away then is called when there is a token, by a thread that is no
 * worker, and not before. */
static void
test_gate_limited (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (200, 3);
  Opened opened;
  CfutGate *gate = make_gate (&opened);
  gint64 start;

  cfut_gate_set_limit (gate, limit);
  g_assert_true (cfut_gate_peek_limit (gate) == limit);

  start = g_get_monotonic_time ();
  for (guint n = 0; n < 12;)
    {
      if (cfut_gate_pass (gate))
        {
          n++;
          g_assert_cmpint (g_get_monotonic_time () - start, >=, ((gint64) n - 3) * 5000 - 20000);
        }
      else
        {
          g_assert_cmpuint (n, >=, 3);
          test_sem_wait (&opened.opened);
          g_assert_true (opened.thread != g_thread_self ());
          g_assert_true (cfut_gate_is_open (gate));
        }
    }

  drop_gate (gate, &opened);
}

/* However often it is asked, the end of the wait is one call. */
static void
test_gate_one_call_for_many (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (1.0 / 3600, 1);
  Opened opened;
  CfutGate *gate = make_gate (&opened);

  cfut_gate_set_limit (gate, limit);
  g_assert_cmpuint (pass_all (gate), ==, 1);
  for (guint i = 0; i < 50; i++)
    g_assert_false (i % 2 ? cfut_gate_is_open (gate) : cfut_gate_pass (gate));
  cfut_rate_limit_set_rate (limit, 1.0 / 7200);
  g_assert_cmpuint (opened.n_calls, ==, 1);
  cfut_rate_limit_set_rate (limit, 1.0 / 3600);
  g_assert_cmpuint (opened.n_calls, ==, 1);
  drop_gate (gate, &opened);
}

/* Who was turned away for an hour is called at once when there is a token after all: as the rate is raised, as
 * the limit goes, as another limit comes, or as somebody gives a token back, here or in another executor. */
static void
test_gate_opens_before_its_time (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (1.0 / 3600, 1);
  g_autoptr (CfutRateLimit) other = cfut_rate_limit_new (1.0 / 3600, 1);
  Opened opened;
  Opened opened_too;
  CfutGate *gate = make_gate (&opened);
  CfutGate *gate_too = make_gate (&opened_too);

  cfut_gate_set_limit (gate, limit);
  cfut_gate_set_limit (gate_too, limit);
  g_assert_true (cfut_gate_pass (gate));

  g_assert_false (cfut_gate_pass (gate));
  cfut_gate_give_back (gate);
  g_assert_cmpuint (opened.n_calls, ==, 1);
  g_assert_cmpuint (opened_too.n_calls, ==, 0);
  g_assert_true (cfut_gate_pass (gate));

  g_assert_false (cfut_gate_pass (gate_too));
  cfut_gate_give_back (gate);
  g_assert_cmpuint (opened.n_calls, ==, 1);
  g_assert_cmpuint (opened_too.n_calls, ==, 1);
  g_assert_true (cfut_gate_pass (gate_too));

  g_assert_false (cfut_gate_pass (gate));
  g_assert_false (cfut_gate_pass (gate_too));
  cfut_gate_set_limit (gate, other);
  g_assert_cmpuint (opened.n_calls, ==, 2);
  g_assert_true (cfut_gate_pass (gate));
  g_assert_false (cfut_gate_pass (gate));
  cfut_gate_set_limit (gate, NULL);
  g_assert_cmpuint (opened.n_calls, ==, 3);
  g_assert_true (cfut_gate_pass (gate));

  cfut_rate_limit_set_rate (limit, 1e6);
  g_assert_cmpuint (opened_too.n_calls, ==, 2);
  test_poll_until (cfut_gate_is_open (gate_too));
  g_assert_true (cfut_gate_pass (gate_too));

  drop_gate (gate, &opened);
  drop_gate (gate_too, &opened_too);
}

/* A token that comes during a pause opens nothing; the end of the pause does. */
static void
test_gate_token_during_a_pause (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (20, 1);
  Opened clock_opened;
  Opened opened;
  CfutGate *clock = make_gate (&clock_opened);
  CfutGate *gate = make_gate (&opened);
  gint64 start;

  cfut_gate_set_limit (gate, limit);
  cfut_gate_set_limit (clock, limit);

  /* Until the pause has come for certain before the token: it comes 30 ms after the last at the earliest. */
  do
    {
      cfut_gate_set_paused (gate, FALSE);
      start = g_get_monotonic_time ();
      pass_all (gate);
      cfut_gate_set_paused (gate, TRUE);
    }
  while (g_get_monotonic_time () - start > 25000);
  atomic_store (&opened.n_calls, 0);

  /* Another one that waits for the same limit tells that its time has come. */
  for (guint n = 0; n < 2;)
    if (cfut_gate_pass (clock))
      n++;
    else
      test_sem_wait (&clock_opened.opened);
  g_assert_cmpuint (opened.n_calls, ==, 0);
  cfut_gate_set_paused (gate, FALSE);
  g_assert_cmpuint (opened.n_calls, ==, 1);
  g_assert_true (opened.thread == g_thread_self ());

  drop_gate (gate, &opened);
  drop_gate (clock, &clock_opened);
}

/* Where no timer can be had, late is not worse than never: tasks start. */
static void
test_gate_without_a_timer (void)
{
  g_autoptr (CfutRateLimit) limit = NULL;
  Opened opened;
  CfutGate *gate;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }

  atomic_store (&no_threads, TRUE);
  limit = cfut_rate_limit_new (1.0 / 3600, 2);
  gate = make_gate (&opened);
  cfut_gate_set_limit (gate, limit);
  for (guint i = 0; i < 10; i++)
    g_assert_true (cfut_gate_pass (gate));

  atomic_store (&no_threads, FALSE);
  g_assert_false (cfut_gate_pass (gate));
  drop_gate (gate, &opened);
}

/* A limit that never gives a second token is waited for without a timer. */
static void
test_gate_token_that_never_comes (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (G_MINDOUBLE, 1);
  Opened opened;
  CfutGate *gate = make_gate (&opened);

  cfut_gate_set_limit (gate, limit);
  g_assert_true (cfut_gate_pass (gate));
  g_assert_false (cfut_gate_pass (gate));
  cfut_rate_limit_set_rate (limit, 1e6);
  g_assert_cmpuint (opened.n_calls, ==, 1);
  drop_gate (gate, &opened);
}

static gpointer
drop_gate_here (gpointer gate)
{
  cfut_gate_close (gate);
  cfut_gate_unref (gate);
  return NULL;
}

/* Guarantee 2: the limit is let go where it was set, though the gate ends on another thread. */
static void
test_gate_lets_go_of_the_limit (void)
{
  CfutRateLimit *limit = cfut_rate_limit_new (1, 1);
  TestPlace gone = { 0 };
  CfutGate *gate = cfut_gate_new (on_open, NULL);

  g_object_set_data_full (G_OBJECT (limit), "gone", &gone, test_place_note);
  cfut_gate_set_limit (gate, limit);
  g_object_unref (limit);
  g_assert_true (cfut_gate_pass (gate));
  g_assert_false (cfut_gate_pass (gate));

  g_thread_join (g_thread_new ("dropper", drop_gate_here, gate));
  test_iterate_until (NULL, test_place_get_n (&gone) == 1);
  test_place_assert_here (&gone, 1);
}

/* A gate may be closed from the call of open; what was armed is gone after it. */
static void
test_gate_closed_from_open (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (1000, 1);

  for (guint by_timer = 0; by_timer < 2; by_timer++)
    {
      Opened opened;
      CfutGate *gate = make_gate (&opened);

      opened.closes = gate;
      cfut_gate_set_limit (gate, limit);
      pass_all (gate);
      if (!by_timer)
        cfut_gate_set_limit (gate, NULL);
      test_sem_wait (&opened.opened);
      drop_gate (gate, &opened);
    }
}

typedef struct {
  CfutGate *gate;
  CfutRateLimit *limit;
  _Atomic gboolean stop;
  _Atomic gboolean *alive;
} Meddler;

static void
on_open_alive (gpointer data)
{
  g_assert_true (atomic_load ((_Atomic gboolean *) data));
  g_thread_yield ();
  g_assert_true (atomic_load ((_Atomic gboolean *) data));
}

static gpointer
meddle (gpointer data)
{
  Meddler *self = data;

  for (guint i = 0; !atomic_load (&self->stop); i++)
    {
      cfut_gate_set_paused (self->gate, i % 2 == 0);
      cfut_gate_pass (self->gate);
      if (i % 7 == 0)
        cfut_rate_limit_set_rate (self->limit, 1000 + i % 100);
    }

  return NULL;
}

/* After close has returned open is not running and is not called, while threads and the timer go on trying. */
static void
test_gate_close_against_open (void)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (2000, 1);

  for (guint round = 0; round < 300; round++)
    {
      _Atomic gboolean *alive = g_new (_Atomic gboolean, 1);
      CfutGate *gate = cfut_gate_new (on_open_alive, alive);
      Meddler meddler = { .gate = gate, .limit = limit };
      GThread *threads[2];

      atomic_init (alive, TRUE);
      cfut_gate_set_limit (gate, limit);
      for (guint i = 0; i < 2; i++)
        threads[i] = g_thread_new ("meddler", meddle, &meddler);
      for (guint i = 0; i < round; i++)
        cfut_gate_is_open (gate);

      cfut_gate_close (gate);
      atomic_store (alive, FALSE);
      for (guint i = 0; i < 20; i++)
        cfut_gate_is_open (gate);
      atomic_store (&meddler.stop, TRUE);
      for (guint i = 0; i < 2; i++)
        g_thread_join (threads[i]);
      cfut_gate_unref (gate);
      g_free (alive);
    }
}

#define N_WORKERS 3

/* A pool in small: workers that sleep when the gate says no, until open has been called since they asked. */
typedef struct {
  CfutGate *gate;
  GMutex lock;
  GCond cond;
  guint n_opens;         /* guarded by lock */
  _Atomic int n_left;
  _Atomic guint n_started;
} Works;

static void
works_open (gpointer data)
{
  Works *self = data;

  g_mutex_lock (&self->lock);
  self->n_opens++;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->lock);
}

static gpointer
works_worker (gpointer data)
{
  Works *self = data;

  while (atomic_load (&self->n_left) > 0)
    {
      guint seen;

      g_mutex_lock (&self->lock);
      seen = self->n_opens;
      g_mutex_unlock (&self->lock);

      if (cfut_gate_pass (self->gate))
        {
          if (atomic_fetch_sub (&self->n_left, 1) > 0)
            atomic_fetch_add (&self->n_started, 1);
          else
            cfut_gate_give_back (self->gate);
          continue;
        }

      g_mutex_lock (&self->lock);
      while (seen == self->n_opens)
        g_cond_wait (&self->cond, &self->lock);
      g_mutex_unlock (&self->lock);
    }

  return NULL;
}

/* Until it has been open for one of them. */
static void
wait_for_a_start (Works *self)
{
  int before = atomic_load (&self->n_left);

  while (before > 0 && atomic_load (&self->n_left) == before)
    g_thread_yield ();
}

/* No wake-up is lost: workers of two pools that share a limit, while it is changed and they are paused, get all
 * their work done, and the limit is kept. */
static void
test_gate_no_worker_is_forgotten (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (5000, 2);
  Works works[2] = { 0 };
  GThread *threads[2 * N_WORKERS];
  const int n = 600;

  for (guint i = 0; i < 2; i++)
    {
      g_mutex_init (&works[i].lock);
      g_cond_init (&works[i].cond);
      atomic_init (&works[i].n_left, n);
      works[i].gate = cfut_gate_new (works_open, &works[i]);
      cfut_gate_set_limit (works[i].gate, limit);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("worker", works_worker, &works[i % 2]);

  while (atomic_load (&works[0].n_left) > 0 || atomic_load (&works[1].n_left) > 0)
    {
      Works *one = &works[g_rand_int_range (rand, 0, 2)];

      if (g_rand_int_range (rand, 0, 4) == 0)
        cfut_rate_limit_set_rate (limit, g_rand_double_range (rand, 2000, 9000));
      cfut_gate_set_paused (one->gate, TRUE);
      g_thread_yield ();
      cfut_gate_set_paused (one->gate, FALSE);
      wait_for_a_start (one);
    }

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpuint (atomic_load (&works[i].n_started), ==, n);
      cfut_gate_close (works[i].gate);
      cfut_gate_unref (works[i].gate);
      g_mutex_clear (&works[i].lock);
      g_cond_clear (&works[i].cond);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/gate/free", test_gate_free);
  g_test_add_func ("/cfut/gate/paused", test_gate_paused);
  g_test_add_func ("/cfut/gate/limited", test_gate_limited);
  g_test_add_func ("/cfut/gate/one-call-for-many", test_gate_one_call_for_many);
  g_test_add_func ("/cfut/gate/opens-before-its-time", test_gate_opens_before_its_time);
  g_test_add_func ("/cfut/gate/token-during-a-pause", test_gate_token_during_a_pause);
  g_test_add_func ("/cfut/gate/without-a-timer", test_gate_without_a_timer);
  g_test_add_func ("/cfut/gate/token-that-never-comes", test_gate_token_that_never_comes);
  g_test_add_func ("/cfut/gate/lets-go-of-the-limit", test_gate_lets_go_of_the_limit);
  g_test_add_func ("/cfut/gate/closed-from-open", test_gate_closed_from_open);
  g_test_add_func ("/cfut/gate/close-against-open", test_gate_close_against_open);
  g_test_add_func ("/cfut/gate/no-worker-is-forgotten", test_gate_no_worker_is_forgotten);

  return g_test_run ();
}
