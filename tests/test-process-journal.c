/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a worker has noted and not said: results too large for its journal between those that wait, a
 * worker that stops in the middle of a row, one that got no journal, and what has just been entered. */

#define _GNU_SOURCE   /* memfd_create () */

#include "test-process-util.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_ROUNDS 10
#define N_FROZEN 6
#define N_BEFORE 30
#define N_AFTER 20
#define SHORT_USEC (100 * 1000)
#define QUEUE_USEC (2 * G_USEC_PER_SEC)

static _Atomic int n_journals;
static _Atomic gboolean has_no_descriptor;

/* In place of the system's: it has no descriptor left, for a journal. */
int
memfd_create (const char   *name,
              unsigned int  flags)
{
  if (strcmp (name, "cfut-journal") == 0)
    {
      n_journals++;
      if (has_no_descriptor)
        {
          errno = EMFILE;
          return -1;
        }
    }

  return syscall (SYS_memfd_create, name, flags);
}

/* (transfer full): what a frame, or a payload, holds. */
static GVariant *
make_bytes (gsize size)
{
  guint8 *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) (i * 11 + size);
  return g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, g_free,
                                                      data));
}

/* A worker dies behind results of all sizes: the journal keeps the small ones only, and nothing of what
 * came before the death is lost. */
static void
test_large_in_a_row (void)
{
  static const gsize sizes[] = { 5000, 100 * 1000, 300 * 1000, 9000 };
  CfutExecutor *executor = test_process_executor_new (1);
  g_autofree char *path = test_process_path ("log");

  for (guint round = 0; round < N_ROUNDS; round++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      {
        g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
        g_autoptr (GVariant) bytes = make_bytes (sizes[i]);
        guint n_small = round % 3;
        gint32 count;

        test_process_warm_up (executor);
        count = test_process_call_number (executor, "count");
        test_process_add_counts (futures, executor, N_BEFORE);
        g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "echo", bytes));
        /* What is put off has this in front of it, or nothing. */
        test_process_add_counts (futures, executor, n_small);
        g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "append-and-die",
                                                      g_variant_new ("(ss)", path, "x")));
        test_process_add_counts (futures, executor, N_AFTER);

        for (guint at = 0; at < N_BEFORE + 1 + n_small; at++)
          {
            GError *error = NULL;

            if (at != N_BEFORE)
              {
                g_assert_cmpint (test_process_get_number (futures->pdata[at]), ==, count + 1 + at - (at > N_BEFORE));
                continue;
              }
            g_assert_true (g_variant_equal (cfut_future_result_variant (futures->pdata[at],
                                                                        TEST_DEADLINE_USEC, &error),
                                            bytes));
            g_assert_no_error (error);
          }
        test_assert_fails (futures->pdata[N_BEFORE + 1 + n_small], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                           CFUT_FUTURE_ERROR_WORKER_DIED);
        test_process_assert_done_by_another (futures, N_BEFORE + 2 + n_small);
      }

  test_process_executor_end (executor);
}

/* It stops in a call, with results that wait: the heartbeat finds it, it is killed, and that call alone
 * is lost. */
static void
test_stopped (void)
{
  CfutExecutor *executor = test_process_executor_new (1);

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
      gint32 count;

      /* On a busy machine one that works may seem to be silent, too. */
      cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), 0);
      test_process_warm_up (executor);
      count = test_process_call_number (executor, "count");
      test_process_add_counts (futures, executor, N_BEFORE);
      g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "freeze", NULL));
      /* With these behind it nothing of the row is told of any more. */
      test_process_add_counts (futures, executor, N_AFTER);
      test_poll_until (cfut_future_get_state (futures->pdata[N_BEFORE]) == CFUT_STATE_RUNNING);
      cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), SHORT_USEC);
      cfut_future_wait (futures->pdata[N_BEFORE], TEST_DEADLINE_USEC, NULL, NULL);
      cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), 0);

      for (guint i = 0; i < N_BEFORE; i++)
        g_assert_cmpint (test_process_get_number (futures->pdata[i]), ==, count + 1 + (gint) i);
      test_assert_fails (futures->pdata[N_BEFORE], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                         CFUT_FUTURE_ERROR_WORKER_DIED);
      test_process_assert_done_by_another (futures, N_BEFORE + 1);
    }

  test_process_executor_end (executor);
}

/* Without a journal a worker tells of each call before it enters it, and all is as ever. */
static void
test_no_descriptor (void)
{
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  g_autofree char *path = test_process_path ("log");
  guint before = test_count_descriptors ();
  CfutExecutor *executor;
  gint32 count;

  n_journals = 0;
  has_no_descriptor = TRUE;
  executor = test_process_executor_new (1);
  test_process_warm_up (executor);
  g_assert_cmpint (n_journals, >, 0);
  count = test_process_call_number (executor, "count");
  test_process_add_counts (futures, executor, N_BEFORE);
  g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "append-and-die",
                                                g_variant_new ("(ss)", path, "x")));
  test_process_add_counts (futures, executor, N_AFTER);
  for (guint i = 0; i < N_BEFORE; i++)
    g_assert_cmpint (test_process_get_number (futures->pdata[i]), ==, count + 1 + (gint) i);
  test_assert_fails (futures->pdata[N_BEFORE], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_WORKER_DIED);
  test_process_assert_done_by_another (futures, N_BEFORE + 1);
  test_process_executor_end (executor);
  has_no_descriptor = FALSE;
  g_assert_cmpuint (test_count_descriptors (), <=, before + 8);
}

static gboolean
is_stopped (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strncmp (strrchr (text, ')'), ") T", 3) == 0;
}

/* A row with a call in it in which the worker stops, so that nothing is told of it: it is entered when this
 * returns, and nobody has asked about it. (transfer full) */
static CfutFuture *
stop_in_a_row (CfutExecutor *executor,
               CfutRequest  *request,
               GPtrArray    *futures,
               int          *pid)
{
  CfutFuture *frozen;

  test_process_warm_up (executor);
  *pid = test_process_call_number (executor, "pid");
  test_process_add_counts (futures, executor, N_BEFORE);
  frozen = cfut_executor_call (executor, request, "freeze", NULL);
  test_process_add_counts (futures, executor, N_AFTER);
  test_poll_until (is_stopped (*pid));

  return frozen;
}

/* A worker that is silent already is watched from when that is asked for. */
static void
test_heartbeat_later (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) frozen = NULL;
  g_autoptr (GError) error = NULL;
  int pid;

  /* No other timer comes to it. */
  cfut_process_executor_set_idle_timeout_usec (CFUT_PROCESS_EXECUTOR (executor), -1);
  cfut_process_executor_set_start_timeout_usec (CFUT_PROCESS_EXECUTOR (executor), 4 * TEST_DEADLINE_USEC);
  cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), 0);
  pid = test_process_call_number (executor, "pid");
  frozen = cfut_executor_call (executor, NULL, "freeze", NULL);
  test_poll_until (is_stopped (pid) && cfut_future_get_state (frozen) == CFUT_STATE_RUNNING);
  g_assert_false (cfut_future_wait (frozen, SHORT_USEC, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), SHORT_USEC);
  test_assert_fails (frozen, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
  test_process_executor_end (executor);
}

/* Its time in the queue is over once it is entered, told of or not; one behind it has its own. A worker on a
 * busy machine may come to tell of it: so there are several. */
static void
test_queue_deadline (void)
{
  CfutExecutor *executors[N_FROZEN];
  CfutFuture *frozen[N_FROZEN];
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) behind = NULL;
  int pids[N_FROZEN];

  cfut_request_set_queue_deadline_usec (request, QUEUE_USEC);
  for (guint i = 0; i < N_FROZEN; i++)
    {
      executors[i] = test_process_executor_new (1);
      cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executors[i]), 0);
      frozen[i] = stop_in_a_row (executors[i], request, futures, &pids[i]);
    }
  behind = cfut_executor_call (executors[0], request, "count", NULL);
  test_assert_fails (behind, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);

  for (guint i = 0; i < N_FROZEN; i++)
    {
      g_assert_cmpint (cfut_future_get_state (frozen[i]), ==, CFUT_STATE_RUNNING);
      g_assert_cmpint (kill (pids[i], SIGCONT), ==, 0);
      test_assert_settles (frozen[i], CFUT_STATE_RESOLVED);
      g_object_unref (frozen[i]);
    }
  for (guint i = 0; i < futures->len; i++)
    test_assert_settles (futures->pdata[i], CFUT_STATE_RESOLVED);
  for (guint i = 0; i < N_FROZEN; i++)
    test_process_executor_end (executors[i]);
}

/* It can no longer be cancelled at once: it is asked to stop, and its worker ended. What else that had is
 * done by another. */
static void
test_cancel (void)
{
  CfutExecutor *executor = test_process_executor_new (1);

  cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), 0);
  cfut_process_executor_set_stop_grace_usec (CFUT_PROCESS_EXECUTOR (executor), SHORT_USEC);
  for (guint round = 0; round < 3; round++)
    {
      g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
      g_autoptr (CfutFuture) frozen = NULL;
      int pid;

      frozen = stop_in_a_row (executor, NULL, futures, &pid);
      g_assert_false (cfut_future_cancel (frozen));
      test_assert_fails (frozen, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      for (guint i = 0; i < N_BEFORE; i++)
        g_assert_cmpint (test_process_get_number (futures->pdata[i]), ==, 1 + (gint) i);
      test_process_assert_done_by_another (futures, N_BEFORE);
      cfut_process_executor_kill_workers (CFUT_PROCESS_EXECUTOR (executor));
      test_poll_until (cfut_process_executor_get_n_workers (CFUT_PROCESS_EXECUTOR (executor)) == 0);
    }

  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process-journal/large-in-a-row", test_large_in_a_row);
  g_test_add_func ("/cfut/process-journal/stopped", test_stopped);
  g_test_add_func ("/cfut/process-journal/heartbeat-later", test_heartbeat_later);
  g_test_add_func ("/cfut/process-journal/no-descriptor", test_no_descriptor);
  g_test_add_func ("/cfut/process-journal/queue-deadline", test_queue_deadline);
  g_test_add_func ("/cfut/process-journal/cancel", test_cancel);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
