/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The priorities that requests give: what is started first, what changes while it is queued, and
 * that nothing starves. Guarantees 1 (all settles, once), 2 (what was submitted is released on the
 * owner's context) and 5 (cancel). */

#include "test-request-util.h"

static CfutFuture *
submit (CfutExecutor   *executor,
        int             priority,
        CfutTaskFunc    func,
        gpointer        user_data,
        GDestroyNotify  destroy)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();

  cfut_request_set_priority (request, priority);
  return cfut_executor_submit_full (executor, request, func, user_data, destroy);
}

typedef struct {
  GMutex lock;
  GString *starts;
} Log;

typedef struct {
  Log *log;
  char sign;
} Logged;

static void
log_init (Log *self)
{
  g_mutex_init (&self->lock);
  self->starts = g_string_new (NULL);
}

static void
log_clear (Log *self)
{
  g_string_free (self->starts, TRUE);
  g_mutex_clear (&self->lock);
}

static gboolean
log_start (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Logged *self = data;

  g_mutex_lock (&self->log->lock);
  g_string_append_c (self->log->starts, self->sign);
  g_mutex_unlock (&self->log->lock);
  return TRUE;
}

static CfutFuture *
submit_logged (CfutExecutor *executor,
               Log          *log,
               int           priority,
               char          sign)
{
  Logged *logged = g_new (Logged, 1);

  *logged = (Logged) { log, sign };
  return submit (executor, priority, log_start, logged, g_free);
}

/* Urgent before default before background, and first in, first out, among equals, in whatever order
 * they come. */
static void
test_request_priorities_order (void)
{
  Log log;
  Held held;

  held_init (&held);
  log_init (&log);
  for (guint i = 0; i < 3; i++)
    {
      g_object_unref (submit_logged (held.executor, &log, 100, (char) ('x' + i)));
      g_object_unref (submit_logged (held.executor, &log, 0, (char) ('m' + i)));
      g_object_unref (submit_logged (held.executor, &log, -100, (char) ('a' + i)));
    }
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, 9);
  held_clear (&held, 9);

  g_assert_cmpstr (log.starts->str, ==, "abcmnoxyz");
  log_clear (&log);
}

/* A priority that is out of range counts as the nearest that is not, and is told so. */
static void
test_request_priority_extremes (void)
{
  g_autoptr (CfutFuture) low = NULL;
  g_autoptr (CfutFuture) high = NULL;
  Log log;
  Held held;

  held_init (&held);
  log_init (&log);
  low = submit_logged (held.executor, &log, 0, 'z');
  high = submit_logged (held.executor, &log, 0, 'a');
  g_assert_cmpint (cfut_future_get_priority (low), ==, 0);
  g_assert_true (cfut_future_set_priority (low, G_MAXINT));
  g_assert_true (cfut_future_set_priority (high, G_MININT));
  g_assert_cmpint (cfut_future_get_priority (low), ==, 100);
  g_assert_cmpint (cfut_future_get_priority (high), ==, -100);
  held_clear (&held, 2);
  g_assert_cmpstr (log.starts->str, ==, "az");
  log_clear (&log);
}

/* While it is queued, up, down and back to the default, each as often as one likes; the counts stay
 * as they are. */
static void
test_request_priority_changes_while_queued (void)
{
  CfutFuture *futures[6];
  Log log;
  Held held;

  held_init (&held);
  log_init (&log);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = submit_logged (held.executor, &log, i == 5 ? 100 : 0, (char) ('a' + i));

  g_assert_true (cfut_future_set_priority (futures[1], 100));
  g_assert_true (cfut_future_set_priority (futures[1], -100));
  g_assert_true (cfut_future_set_priority (futures[3], -100));
  g_assert_true (cfut_future_set_priority (futures[3], 50));
  g_assert_true (cfut_future_set_priority (futures[4], 100));
  g_assert_true (cfut_future_set_priority (futures[4], 0));
  g_assert_true (cfut_future_set_priority (futures[5], -50));
  g_assert_true (cfut_future_set_priority (futures[0], 100));
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, G_N_ELEMENTS (futures));

  held_open (&held);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_assert_false (cfut_future_set_priority (futures[i], 1));
      g_object_unref (futures[i]);
    }
  held_clear (&held, G_N_ELEMENTS (futures));
  g_assert_cmpuint (log.starts->len, ==, G_N_ELEMENTS (futures));
  g_assert_true (g_str_has_prefix (log.starts->str, "bf"));
  g_assert_true (g_str_has_suffix (log.starts->str, "da"));
  log_clear (&log);
}

/* What waits runs it itself, wherever it stands, and it stands nowhere after that. */
static gboolean
wait_for_one_of_low_priority (CfutTask  *task,
                              gpointer   executor,
                              GError   **error)
{
  g_autoptr (CfutFuture) inner = submit (executor, 100, test_task_nothing, NULL, NULL);

  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 1);
  g_assert_true (cfut_future_wait (inner, TEST_DEADLINE_USEC, NULL, error));
  g_assert_cmpint (cfut_future_get_state (inner), ==, CFUT_STATE_RESOLVED);
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, 0);
  return TRUE;
}

static void
test_request_priority_nested (void)
{
  CfutExecutor *executor = cfut_thread_executor_new (1);
  CfutFuture *outer = cfut_executor_submit (executor, wait_for_one_of_low_priority, executor, NULL);

  test_assert_settles (outer, CFUT_STATE_RESOLVED);
  g_object_unref (outer);
  g_object_unref (executor);
}

/* Only what is queued can be moved. */
static void
test_request_set_priority_elsewhere (void)
{
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (CfutFuture) cancelled = NULL;
  Held held;

  held_init (&held);
  g_assert_false (cfut_future_set_priority (held.blocker, -1));
  g_assert_false (cfut_future_set_priority (cfut_promise_get_future (promise), -1));
  g_assert_cmpint (cfut_future_get_priority (cfut_promise_get_future (promise)), ==, 0);
  cancelled = submit (held.executor, 3, test_task_nothing, NULL, NULL);
  g_assert_true (cfut_future_cancel (cancelled));
  g_assert_false (cfut_future_set_priority (cancelled, -1));
  held_clear (&held, 0);
}

typedef struct {
  CfutFuture **futures;
  guint n;
  guint32 seed;
} Shuffler;

static gpointer
shuffle_priorities (gpointer data)
{
  Shuffler *self = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (self->seed);

  for (guint i = 0; i < 20 * self->n; i++)
    cfut_future_set_priority (self->futures[g_rand_int_range (rand, 0, (gint32) self->n)],
                              g_rand_int_range (rand, -3, 4));
  return NULL;
}

/* Guarantee 1: several threads move tasks about while they are started, cancelled and come to their
 * deadlines: each settles, runs once at most, and is released; nothing is pending in the end. */
static void
test_request_priority_races (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint round = 0; round < 40; round++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1 + round % 3);
      TestPlace destroyed = { 0 };
      CfutFuture *futures[120];
      Shuffler shufflers[2];
      GThread *threads[2];
      int n_gone = 0;

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_autoptr (CfutRequest) request = cfut_request_new ();

          cfut_request_set_priority (request, (int) (i % 4) - 1);
          if (i % 5 == 0)
            cfut_request_set_queue_deadline_usec (request, g_rand_int_range (rand, 0, 1000));
          futures[i] = cfut_executor_submit_full (executor, request, test_task_nothing, &destroyed,
                                                  test_place_note);
          test_watch_gone (futures[i], &n_gone);
        }
      for (guint i = 0; i < 2; i++)
        {
          shufflers[i] = (Shuffler) { futures, G_N_ELEMENTS (futures), g_rand_int (rand) };
          threads[i] = g_thread_new ("shuffler", shuffle_priorities, &shufflers[i]);
        }
      for (guint i = 0; i < 20; i++)
        cfut_future_cancel (futures[g_rand_int_range (rand, 0, G_N_ELEMENTS (futures))]);
      for (guint i = 0; i < 2; i++)
        g_thread_join (threads[i]);

      test_assert_ends (executor);
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        {
          g_assert_true (cfut_future_is_settled (futures[i]));
          g_object_unref (futures[i]);
        }
      test_iterate_until (NULL, g_atomic_int_get (&n_gone) == G_N_ELEMENTS (futures));
      test_place_assert_here (&destroyed, G_N_ELEMENTS (futures));
    }
}

typedef struct {
  CfutExecutor *executor;
  CfutFuture *awaited;    /* (nullable): the flood ends when it has run */
  int priority;
  int n_starts;           /* atomic */
  int ends;               /* atomic */
} Flood;

/* Each submits another one before it ends, so there is always one more of them. */
static gboolean
flood_on (CfutTask  *task,
          gpointer   data,
          GError   **error)
{
  Flood *self = data;

  g_atomic_int_inc (&self->n_starts);
  if (!g_atomic_int_get (&self->ends) && !cfut_future_is_settled (self->awaited))
    g_object_unref (submit (self->executor, self->priority, flood_on, self, NULL));
  return TRUE;
}

/* Nothing starves: among default tasks without end one of the background is started when its time
 * has come. */
static void
test_request_background_ages (void)
{
  g_autoptr (CfutFuture) awaited = NULL;
  Flood flood = { NULL };
  Held held;

  held_init (&held);
  flood.executor = held.executor;
  flood.awaited = awaited = submit (held.executor, 1, test_task_nothing, NULL, NULL);
  for (guint i = 0; i < 4; i++)
    g_object_unref (submit (held.executor, 0, flood_on, &flood, NULL));
  held_open (&held);
  test_assert_settles (awaited, CFUT_STATE_RESOLVED);
  test_assert_ends (held.executor);
  held_clear (&held, 1 + (guint64) g_atomic_int_get (&flood.n_starts));
}

/* Of eight starts one is of default priority, while urgent ones come without end. */
static void
test_request_default_among_urgent (void)
{
  Flood flood = { .priority = -100 };
  CfutFuture *defaults[20];
  Log log;
  Held held;

  held_init (&held);
  log_init (&log);
  flood.executor = held.executor;
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    defaults[i] = submit (held.executor, 0, test_task_nothing, NULL, NULL);
  flood.awaited = defaults[G_N_ELEMENTS (defaults) - 1];
  for (guint i = 0; i < 4; i++)
    g_object_unref (submit (held.executor, -100, flood_on, &flood, NULL));
  held_open (&held);
  test_assert_settles (flood.awaited, CFUT_STATE_RESOLVED);
  test_assert_ends (held.executor);

  /* Seven for each of them, the four that end the flood, and what the first look at the queue is
   * worth. */
  g_assert_cmpint (g_atomic_int_get (&flood.n_starts), <=, 8 * (int) G_N_ELEMENTS (defaults) + 8);
  g_assert_cmpint (g_atomic_int_get (&flood.n_starts), >=, 4 * (int) G_N_ELEMENTS (defaults));
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    g_object_unref (defaults[i]);
  held_clear (&held, G_N_ELEMENTS (defaults) + (guint64) flood.n_starts);
  log_clear (&log);
}

/* The same for those that another worker has fetched, which is held up by the first of them. */
static void
test_request_default_behind_a_long_task (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  Flood flood = { .executor = executor, .priority = -100 };
  CfutFuture *defaults[8];
  TestGate both;
  TestGate gate;

  /* One of two workers takes all that is queued, of which the first does not end. */
  test_gate_init (&both);
  test_gate_init (&gate);
  for (guint i = 0; i < 2; i++)
    g_object_unref (cfut_executor_submit (executor, test_task_pass, &both, NULL));
  test_gate_wait_arrived (&both, 2);
  g_object_unref (cfut_executor_submit (executor, test_task_pass, &gate, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    defaults[i] = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  flood.awaited = defaults[G_N_ELEMENTS (defaults) - 1];
  for (guint i = 0; i < 4; i++)
    g_object_unref (submit (executor, -100, flood_on, &flood, NULL));
  test_gate_open (&both);
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    test_assert_settles (defaults[i], CFUT_STATE_RESOLVED);
  test_gate_open (&gate);
  test_assert_ends (executor);

  /* The flood looks at the last of them until then. */
  for (guint i = 0; i < G_N_ELEMENTS (defaults); i++)
    g_object_unref (defaults[i]);
  test_gate_clear (&gate);
  test_gate_clear (&both);
}

/* Guarantee 5: what stands among the priorities is cancelled at once, in any order: nothing is
 * pending, nothing kept, and the executor ends. */
static void
test_request_cancel_of_placed (void)
{
  CfutFuture *futures[300];
  TestPlace destroyed = { 0 };
  int n_gone = 0;
  Held held;

  held_init (&held);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      futures[i] = submit (held.executor, (int) (i % 7) - 3, test_task_nothing, &destroyed,
                           test_place_note);
      if (i % 2 == 0)
        cfut_future_set_priority (futures[i], (int) (i % 5) - 2);
      test_watch_gone (futures[i], &n_gone);
    }
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, G_N_ELEMENTS (futures));
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      guint j = (i * 7) % G_N_ELEMENTS (futures);

      g_assert_true (cfut_future_cancel (futures[j]));
      g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==,
                        G_N_ELEMENTS (futures) - i - 1);
    }
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    g_object_unref (futures[i]);
  test_iterate_until (NULL, test_place_get_n (&destroyed) == G_N_ELEMENTS (futures));
  test_place_assert_here (&destroyed, G_N_ELEMENTS (futures));
  held_clear (&held, 0);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == G_N_ELEMENTS (futures));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/request-run/" name, test_request_##func)
  add ("priorities-order", priorities_order);
  add ("priority-extremes", priority_extremes);
  add ("priority-changes-while-queued", priority_changes_while_queued);
  add ("priority-nested", priority_nested);
  add ("set-priority-elsewhere", set_priority_elsewhere);
  add ("1-priority-races", priority_races);
  add ("background-ages", background_ages);
  add ("default-among-urgent", default_among_urgent);
  add ("default-behind-a-long-task", default_behind_a_long_task);
  add ("5-cancel-of-placed", cancel_of_placed);
#undef add

  return g_test_run ();
}
