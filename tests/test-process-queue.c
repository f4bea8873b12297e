/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The queue of a process executor: order, priorities, deadlines, limits, pauses, as with threads; and
 * what is handed to a worker ahead of its turn. */

#include "test-process-util.h"

#include <glib/gstdio.h>

#include "process/cfut-crew-struct-private.h"
#include "process/cfut-process-executor-private.h"

/* One worker, which stands at a fifo; what it does after that is written to a log, in order. */
typedef struct {
  CfutExecutor *executor;
  TestFifo fifo;
  CfutFuture *first;
  char *log;
} Held;

static void
held_init (Held *held)
{
  held->executor = test_process_executor_new (1);
  test_fifo_init (&held->fifo, "fifo");
  held->log = test_process_path ("log");
  g_unlink (held->log);
  held->first = test_fifo_hold (&held->fifo, held->executor, NULL);
  test_fifo_wait_arrived (&held->fifo);
  test_poll_until (cfut_future_get_state (held->first) == CFUT_STATE_RUNNING);
}

static CfutFuture *
held_append (Held        *held,
             CfutRequest *request,
             const char  *letter)
{
  return cfut_executor_call (held->executor, request, "append",
                             g_variant_new ("(ss)", held->log, letter));
}

static void
held_end (Held       *held,
          const char *expected)
{
  g_autofree char *text = NULL;

  if (held->fifo.fd >= 0)
    test_fifo_open (&held->fifo);
  test_process_executor_end (held->executor);
  g_file_get_contents (held->log, &text, NULL, NULL);
  g_assert_cmpstr (text, ==, expected);
  g_object_unref (held->first);
  test_fifo_clear (&held->fifo);
  g_free (held->log);
}

/* In the order of submission; a priority comes first, or last. */
static void
test_priority (void)
{
  static const struct {
    const char *letter;
    int priority;
  } calls[] = { { "c", 0 }, { "d", 0 }, { "e", 10 }, { "a", -20 }, { "b", -10 } };
  Held held;

  held_init (&held);
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++)
    {
      g_autoptr (CfutRequest) request = cfut_request_new ();

      cfut_request_set_priority (request, calls[i].priority);
      g_object_unref (held_append (&held, request, calls[i].letter));
    }
  held_end (&held, "abcde");
}

/* It can be changed while a call waits, and not after that. */
static void
test_set_priority (void)
{
  g_autoptr (CfutFuture) a = NULL;
  g_autoptr (CfutFuture) b = NULL;
  g_autoptr (CfutFuture) c = NULL;
  Held held;

  held_init (&held);
  a = held_append (&held, NULL, "a");
  b = held_append (&held, NULL, "b");
  c = held_append (&held, NULL, "c");
  g_assert_true (cfut_future_set_priority (c, -50));
  g_assert_cmpint (cfut_future_get_priority (c), ==, -50);
  g_assert_true (cfut_future_set_priority (a, 50));
  g_assert_false (cfut_future_set_priority (held.first, 1));
  held_end (&held, "cba");
}

/* What waits is cancelled at once, and never runs. */
static void
test_cancel_queued (void)
{
  g_autoptr (CfutFuture) a = NULL;
  g_autoptr (CfutFuture) b = NULL;
  Held held;

  held_init (&held);
  a = held_append (&held, NULL, "a");
  b = held_append (&held, NULL, "b");
  g_assert_true (cfut_future_cancel (a));
  g_assert_cmpint (cfut_future_get_state (a), ==, CFUT_STATE_CANCELLED);
  g_assert_cmpuint (cfut_executor_get_n_pending (held.executor), ==, 1);
  held_end (&held, "b");
}

/* So does a queue deadline, a cancellable, a group. */
static void
test_queue_deadline (void)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) late = NULL;
  Held held;

  held_init (&held);
  cfut_request_set_queue_deadline_usec (request, 20 * 1000);
  late = held_append (&held, request, "a");
  g_object_unref (held_append (&held, NULL, "b"));
  test_assert_fails (late, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  held_end (&held, "b");
}

static void
test_cancellable (void)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (CfutFuture) cancelled = NULL;
  Held held;

  held_init (&held);
  cfut_request_set_cancellable (request, cancellable);
  cancelled = held_append (&held, request, "a");
  g_cancellable_cancel (cancellable);
  g_assert_cmpint (cfut_future_get_state (cancelled), ==, CFUT_STATE_CANCELLED);
  held_end (&held, NULL);
}

static void
test_group (void)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  GError *error = NULL;
  Held held;

  held_init (&held);
  cfut_request_set_group (request, group);
  for (guint i = 0; i < 10; i++)
    g_object_unref (held_append (&held, request, "x"));
  test_fifo_open (&held.fifo);
  g_assert_true (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, TEST_DEADLINE_USEC, NULL,
                                  &error));
  g_assert_no_error (error);
  held_end (&held, "xxxxxxxxxx");
}

/* max-pending counts what waits, and makes room when a call is started. */
static void
test_room (void)
{
  g_autoptr (CfutFuture) full = NULL;
  GError *error = NULL;
  Held held;

  held_init (&held);
  cfut_executor_set_max_pending (held.executor, 2);
  g_object_unref (held_append (&held, NULL, "a"));
  g_object_unref (held_append (&held, NULL, "b"));
  full = held_append (&held, NULL, "c");
  test_assert_fails (full, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_QUEUE_FULL);
  test_fifo_open (&held.fifo);
  g_assert_true (cfut_executor_wait_ready (held.executor, TEST_DEADLINE_USEC, NULL, &error));
  g_assert_no_error (error);
  held_end (&held, "ab");
}

/* A future that is paused waits, others do not. */
static void
test_pause_future (void)
{
  g_autoptr (CfutFuture) a = NULL;
  g_autoptr (CfutFuture) b = NULL;
  Held held;

  held_init (&held);
  a = held_append (&held, NULL, "a");
  b = held_append (&held, NULL, "b");
  cfut_future_pause (a);
  test_fifo_open (&held.fifo);
  test_assert_settles (b, CFUT_STATE_RESOLVED);
  g_assert_cmpint (cfut_future_get_state (a), ==, CFUT_STATE_PENDING);
  cfut_future_resume (a);
  test_assert_settles (a, CFUT_STATE_RESOLVED);
  held_end (&held, "ba");
}

/* One that was set aside is cancelled like all that wait. */
static void
test_cancel_paused (void)
{
  g_autoptr (CfutFuture) a = NULL;
  g_autoptr (CfutFuture) b = NULL;
  Held held;

  held_init (&held);
  a = held_append (&held, NULL, "a");
  b = held_append (&held, NULL, "b");
  cfut_future_pause (a);
  test_fifo_open (&held.fifo);
  test_assert_settles (b, CFUT_STATE_RESOLVED);
  g_assert_true (cfut_future_cancel (a));
  cfut_future_resume (a);
  held_end (&held, "b");
}

/* An executor that is paused starts nothing; what runs goes on. */
static void
test_pause_executor (void)
{
  g_autoptr (CfutFuture) a = NULL;
  Held held;

  held_init (&held);
  cfut_executor_pause (held.executor);
  a = held_append (&held, NULL, "a");
  test_fifo_open (&held.fifo);
  test_assert_settles (held.first, CFUT_STATE_RESOLVED);
  g_assert_cmpint (cfut_future_get_state (a), ==, CFUT_STATE_PENDING);
  cfut_executor_resume (held.executor);
  test_assert_settles (a, CFUT_STATE_RESOLVED);
  held_end (&held, "a");
}

/* A pause ends with the executor: what it took is still done. */
static void
test_drop_paused (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;

  cfut_executor_pause (executor);
  future = cfut_executor_call (executor, NULL, "pid", NULL);
  g_object_unref (executor);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
}

/* With a rate limit calls are started no faster than that. */
static void
test_rate_limit (void)
{
  CfutExecutor *executor = test_process_executor_new (2);
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (100.0, 1);
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  gint64 begin;

  test_process_call_number (executor, "pid");
  cfut_executor_set_rate_limit (executor, limit);
  begin = g_get_monotonic_time ();
  for (guint i = 0; i < 11; i++)
    g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "nothing", NULL));
  for (guint i = 0; i < futures->len; i++)
    test_assert_settles (futures->pdata[i], CFUT_STATE_RESOLVED);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 90 * 1000);

  test_process_executor_end (executor);
}

/* How many calls were handed to workers behind others. */
static guint64
count_ahead (CfutExecutor *executor)
{
  CfutCrew *crew = CFUT_PROCESS_EXECUTOR (executor)->crew;
  guint64 n_ahead;

  cfut_crew_lock_options (crew);
  n_ahead = crew->n_ahead;
  cfut_crew_unlock_options (crew);

  return n_ahead;
}

/* From here on it is taken for granted that calls are short, so that what follows is handed ahead. */
static void
quicken (CfutExecutor *executor)
{
  CfutCrew *crew = CFUT_PROCESS_EXECUTOR (executor)->crew;

  test_process_call_number (executor, "pid");
  cfut_crew_lock_options (crew);
  crew->pace.run_nsec = 1000;
  cfut_crew_unlock_options (crew);
}

/* Handed ahead behind a call that lasts: still pending, cancelled at once, and not run, as the worker
 * hears of that before their turn: the pause sees to it, during which it gives back the others. */
static void
test_ahead_cancelled (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autofree char *log = test_process_path ("log");
  g_autoptr (CfutFuture) holds = NULL;
  CfutFuture *futures[20];
  g_autofree char *text = NULL;
  TestFifo fifo;

  g_unlink (log);
  test_fifo_init (&fifo, "fifo");
  quicken (executor);
  holds = test_fifo_hold (&fifo, executor, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_call (executor, NULL, "append",
                                     g_variant_new ("(ss)", log, i % 2 == 0 ? "x" : "."));
  test_fifo_wait_arrived (&fifo);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_assert_cmpint (cfut_future_get_state (futures[i]), ==, CFUT_STATE_PENDING);
      if (i % 2 == 0)
        g_assert_true (cfut_future_cancel (futures[i]));
    }
  g_assert_cmpuint (cfut_executor_get_n_pending (executor), ==, G_N_ELEMENTS (futures) / 2);
  cfut_executor_pause (executor);
  test_poll_until (count_ahead (executor) == 0);
  cfut_executor_resume (executor);
  test_fifo_open (&fifo);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], i % 2 == 0 ? CFUT_STATE_CANCELLED : CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  g_file_get_contents (log, &text, NULL, NULL);
  g_assert_cmpstr (text, ==, "..........");

  test_fifo_clear (&fifo);
  test_process_executor_end (executor);
}

/* Handed ahead behind a call that lasts, with another worker that has nothing to do: they go there. */
static void
test_ahead_taken_back (void)
{
  CfutExecutor *executor = test_process_executor_new (2);
  g_autoptr (CfutFuture) holds = NULL;
  CfutFuture *futures[100];
  TestFifo fifo;

  test_fifo_init (&fifo, "fifo");
  quicken (executor);
  holds = test_fifo_hold (&fifo, executor, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_call (executor, NULL, "nothing", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }
  g_assert_cmpint (cfut_future_get_state (holds), !=, CFUT_STATE_RESOLVED);
  test_fifo_open (&fifo);
  test_assert_settles (holds, CFUT_STATE_RESOLVED);

  test_fifo_clear (&fifo);
  test_process_executor_end (executor);
}

/* Handed ahead, then paused: not started until they are resumed. */
static void
test_ahead_paused (gconstpointer data)
{
  gboolean executor_too = data != NULL;
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) holds = NULL;
  g_autoptr (CfutFuture) a = NULL;
  g_autoptr (CfutFuture) b = NULL;
  TestFifo fifo;

  test_fifo_init (&fifo, "fifo");
  quicken (executor);
  holds = test_fifo_hold (&fifo, executor, NULL);
  a = cfut_executor_call (executor, NULL, "nothing", NULL);
  b = cfut_executor_call (executor, NULL, "nothing", NULL);
  test_fifo_wait_arrived (&fifo);
  if (executor_too)
    cfut_executor_pause (executor);
  else
    cfut_future_pause (a);
  /* They are on their way back until the worker has answered. */
  test_poll_until (count_ahead (executor) == 0);
  test_fifo_open (&fifo);
  test_assert_settles (holds, CFUT_STATE_RESOLVED);
  if (!executor_too)
    test_assert_settles (b, CFUT_STATE_RESOLVED);
  g_assert_cmpint (cfut_future_get_state (a), ==, CFUT_STATE_PENDING);
  if (executor_too)
    cfut_executor_resume (executor);
  else
    cfut_future_resume (a);
  test_assert_settles (a, CFUT_STATE_RESOLVED);
  test_assert_settles (b, CFUT_STATE_RESOLVED);

  test_fifo_clear (&fifo);
  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process-queue/priority", test_priority);
  g_test_add_func ("/cfut/process-queue/set-priority", test_set_priority);
  g_test_add_func ("/cfut/process-queue/cancel", test_cancel_queued);
  g_test_add_func ("/cfut/process-queue/queue-deadline", test_queue_deadline);
  g_test_add_func ("/cfut/process-queue/cancellable", test_cancellable);
  g_test_add_func ("/cfut/process-queue/group", test_group);
  g_test_add_func ("/cfut/process-queue/room", test_room);
  g_test_add_func ("/cfut/process-queue/pause-future", test_pause_future);
  g_test_add_func ("/cfut/process-queue/cancel-paused", test_cancel_paused);
  g_test_add_func ("/cfut/process-queue/pause-executor", test_pause_executor);
  g_test_add_func ("/cfut/process-queue/drop-paused", test_drop_paused);
  g_test_add_func ("/cfut/process-queue/rate-limit", test_rate_limit);
  g_test_add_func ("/cfut/process-queue/ahead/cancelled", test_ahead_cancelled);
  g_test_add_func ("/cfut/process-queue/ahead/taken-back", test_ahead_taken_back);
  g_test_add_data_func ("/cfut/process-queue/ahead/future-paused", NULL, test_ahead_paused);
  g_test_add_data_func ("/cfut/process-queue/ahead/executor-paused", "x", test_ahead_paused);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
