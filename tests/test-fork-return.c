/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A function that forks on a worker and returns in the child too: the child ends there, and neither settles a future
 * nor runs anything else. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-util.h"

/* A child that hangs is killed by its own alarm. */
#define CHILD_SECONDS 30

/* Counted in the parent and in all its children. */
typedef struct {
  int n_others;     /* what else ran: other tasks, other parts */
  int n_settled;    /* calls of callbacks, on whatever thread settles */
  int n_at_exit;
} Counted;

static Counted *counted;

typedef struct {
  CfutExecutor *executor;
  gboolean succeeds;  /* in the child */
  int status;         /* of the child */
  TestGate gate;
} Forking;

static void
note_exit (void)
{
  if (counted != NULL)
    __atomic_fetch_add (&counted->n_at_exit, 1, __ATOMIC_SEQ_CST);
}

static gboolean
fork_and_return (Forking  *self,
                 GError  **error)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      alarm (CHILD_SECONDS);
      if (!self->succeeds)
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "in the child");
      return self->succeeds;
    }

  g_assert_cmpint (waitpid (pid, &self->status, 0), ==, pid);
  return TRUE;
}

static gboolean
run_other (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  __atomic_fetch_add (&counted->n_others, 1, __ATOMIC_SEQ_CST);
  return TRUE;
}

static void
note_settled (CfutFuture *settled,
              gpointer    data)
{
  __atomic_fetch_add (&counted->n_settled, 1, __ATOMIC_SEQ_CST);
}

static gboolean
run_forking (CfutTask  *task,
             gpointer   data,
             GError   **error)
{
  Forking *self = data;

  test_gate_pass (&self->gate);
  return fork_and_return (self, error);
}

static gboolean
run_outer (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Forking *self = data;
  g_autoptr (CfutFuture) inner = cfut_executor_submit (self->executor, run_forking, self, NULL);

  return cfut_future_wait (inner, -1, NULL, error) && run_other (task, NULL, error);
}

static gboolean
item_forking (CfutTask  *task,
              guint64    index,
              gpointer   data,
              GError   **error)
{
  return index == 0 ? run_forking (task, data, error) : run_other (task, NULL, error);
}

static gboolean
range_forking (CfutTask  *task,
               guint64    begin,
               guint64    end,
               gpointer   data,
               GError   **error)
{
  return item_forking (task, begin, data, error);
}

/* Each gives what settles in the parent; what runs behind it is one other. */
static CfutFuture *
start_task (Forking *self)
{
  return cfut_executor_submit (self->executor, run_forking, self, NULL);
}

static CfutFuture *
start_inside (Forking *self)
{
  return cfut_executor_submit (self->executor, run_outer, self, NULL);
}

static CfutFuture *
start_post (Forking *self)
{
  cfut_executor_post (self->executor, run_forking, self, NULL);
  return cfut_executor_submit (self->executor, run_other, NULL, NULL);
}

static CfutFuture *
start_chunk (Forking *self)
{
  g_autoptr (CfutRequest) request = g_object_new (CFUT_TYPE_REQUEST, "chunk-size", 2, NULL);
  g_autoptr (CfutMap) map = cfut_executor_map (self->executor, request, 2, 2, item_forking, self,
                                               NULL);
  CfutFuture *first;

  test_gate_open (&self->gate);
  first = cfut_map_next (map, TEST_DEADLINE_USEC, NULL, NULL);
  g_object_unref (cfut_map_next (map, TEST_DEADLINE_USEC, NULL, NULL));
  return first;
}

static CfutFuture *
start_range (Forking *self)
{
  return cfut_executor_map_range (self->executor, NULL, 0, 2, 1, range_forking, self, NULL);
}

/* In each way in which a function is run on a worker, and with either outcome. */
static void
test_fork_return (gconstpointer start)
{
  for (guint succeeds = 0; succeeds < 2; succeeds++)
    {
      Forking forking = { .executor = cfut_thread_executor_new (1), .succeeds = succeeds };
      g_autoptr (CfutFuture) future = NULL;
      g_autoptr (CfutFuture) behind = NULL;
      gboolean others = start != start_task;

      memset (counted, 0, sizeof (*counted));
      test_gate_init (&forking.gate);
      fflush (NULL);
      future = ((CfutFuture *(*) (Forking *)) start) (&forking);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, note_settled, NULL, NULL);
      behind = cfut_executor_submit (forking.executor, run_other, NULL, NULL);
      test_gate_open (&forking.gate);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      test_assert_settles (behind, CFUT_STATE_RESOLVED);
      g_assert_true (cfut_executor_shutdown (forking.executor, CFUT_SHUTDOWN_WAIT,
                                             TEST_DEADLINE_USEC, NULL));

      g_assert_true (WIFEXITED (forking.status));
      g_assert_cmpint (WEXITSTATUS (forking.status), ==, succeeds ? EXIT_SUCCESS : EXIT_FAILURE);
      g_assert_cmpint (counted->n_others, ==, 1 + others);
      g_assert_cmpint (counted->n_settled, ==, 1);
      g_assert_cmpint (counted->n_at_exit, ==, 0);
      g_object_unref (forking.executor);
      test_iterate_ready (NULL);
      test_gate_clear (&forking.gate);
    }
}

static gboolean
set_up_forking (gpointer   data,
                GError   **error)
{
  return fork_and_return (data, error);
}

/* What sets up a thread may fork as well. */
static void
test_fork_return_initializer (void)
{
  for (guint succeeds = 0; succeeds < 2; succeeds++)
    {
      Forking forking = { .executor = cfut_thread_executor_new (1), .succeeds = succeeds };
      g_autoptr (CfutFuture) future = NULL;

      memset (counted, 0, sizeof (*counted));
      fflush (NULL);
      cfut_thread_executor_set_initializer (CFUT_THREAD_EXECUTOR (forking.executor), set_up_forking,
                                            &forking, NULL);
      future = cfut_executor_submit (forking.executor, run_other, NULL, NULL);
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      g_assert_true (WIFEXITED (forking.status));
      g_assert_cmpint (WEXITSTATUS (forking.status), ==, succeeds ? EXIT_SUCCESS : EXIT_FAILURE);
      g_assert_cmpint (counted->n_others, ==, 1);
      g_assert_true (cfut_executor_shutdown (forking.executor, CFUT_SHUTDOWN_WAIT,
                                             TEST_DEADLINE_USEC, NULL));
      g_object_unref (forking.executor);
      test_iterate_ready (NULL);
    }
}

int
main (int   argc,
      char *argv[])
{
  int result;

  g_test_init (&argc, &argv, NULL);

  counted = mmap (NULL, sizeof (Counted), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (counted != MAP_FAILED);
  atexit (note_exit);

#define ADD(name, start) \
  g_test_add_data_func ("/cfut/fork/return-in-the-child/" name, (gconstpointer) start, test_fork_return)
  ADD ("task", start_task);
  ADD ("inside-a-wait", start_inside);
  ADD ("post", start_post);
  ADD ("chunk", start_chunk);
  ADD ("range", start_range);
#undef ADD
  g_test_add_func ("/cfut/fork/return-in-the-child/initializer", test_fork_return_initializer);

  result = g_test_run ();
  counted = NULL;
  return result;
}
