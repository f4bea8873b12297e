/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Locks that a thread held at the time of a fork () stand locked in the child, where that thread is gone: the child
 * takes them all the same. */

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/cfut-cell-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-thread-private.h"
#include "core/cfut-timer-private.h"
#include "test-util.h"

#define CHILD_SECONDS 30

typedef struct {
  GMutex mutex;
  CfutCell cell;
  TestGate gate;
} Held;

static gpointer
hold_both (gpointer data)
{
  Held *held = data;

  g_mutex_lock (&held->mutex);
  cfut_cell_lock (&held->cell);
  test_gate_pass (&held->gate);
  cfut_cell_unlock (&held->cell);
  g_mutex_unlock (&held->mutex);

  return NULL;
}

/* Forks while another thread holds them; in the child @func has to come to its end. */
static void
fork_while_held (void (*func) (Held *held))
{
  Held held = { .cell = { 0 } };
  GThread *thread;
  int status;
  pid_t pid;

  cfut_thread_get ();
  g_mutex_init (&held.mutex);
  test_gate_init (&held.gate);
  thread = g_thread_new ("holder", hold_both, &held);
  test_gate_wait_arrived (&held.gate, 1);

  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      alarm (CHILD_SECONDS);
      func (&held);
      _exit (EXIT_SUCCESS);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, EXIT_SUCCESS);

  /* In the parent they are held still. */
  g_assert_false (g_mutex_trylock (&held.mutex));
  g_assert_true (cfut_cell_load (&held.cell) & CFUT_CELL_LOCK);
  test_gate_open (&held.gate);
  g_thread_join (thread);
  g_mutex_clear (&held.mutex);
  test_gate_clear (&held.gate);
}

static void
take_mutex (Held *held)
{
  for (guint i = 0; i < 2; i++)
    {
      cfut_lock (&held->mutex, CFUT_LOCK_GROUP);
      cfut_unlock (&held->mutex, CFUT_LOCK_GROUP);
    }
}

static void
test_fork_locks_mutex (void)
{
  fork_while_held (take_mutex);
}

static void
take_cell (Held *held)
{
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpuint (cfut_cell_lock (&held->cell), ==, CFUT_STATE_PENDING);
      g_assert_true (cfut_cell_load (&held->cell) & CFUT_CELL_LOCK);
      cfut_cell_unlock (&held->cell);
      g_assert_cmpuint (cfut_cell_load (&held->cell), ==, CFUT_STATE_PENDING);
    }
}

static void
test_fork_locks_cell (void)
{
  fork_while_held (take_cell);
}

typedef struct {
  CfutTimer timer;
  TestGate gate;
  int is_through;   /* atomic */
} Firing;

static void
fire_through_gate (CfutTimer *timer)
{
  Firing *self = (Firing *) timer;

  test_gate_pass (&self->gate);
  g_atomic_int_set (&self->is_through, TRUE);
}

static gpointer
open_for_fork (gpointer gate)
{
  test_poll_until (atomic_load (&cfut_forking));
  test_gate_open (gate);
  return NULL;
}

/* One of the library's threads is at something when the process is to be forked: it comes to its end first. */
static void
test_fork_locks_waits_for_threads (void)
{
  Firing self = { .timer = { .fire = fire_through_gate } };
  gint64 begin;
  gint64 took;
  GThread *thread;
  int status;
  pid_t pid;

  cfut_thread_get ();
  test_gate_init (&self.gate);
  g_assert_true (cfut_timer_arm (&self.timer, 0));
  test_gate_wait_arrived (&self.gate, 1);
  thread = g_thread_new ("opener", open_for_fork, &self.gate);

  begin = g_get_monotonic_time ();
  pid = fork ();
  took = g_get_monotonic_time () - begin;
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    _exit (g_atomic_int_get (&self.is_through) ? EXIT_SUCCESS : EXIT_FAILURE);

  g_thread_join (thread);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  /* On a machine where the opener does not come to it for that long, it is not waited for. */
  if (took < G_USEC_PER_SEC)
    g_assert_cmpint (WEXITSTATUS (status), ==, EXIT_SUCCESS);
  cfut_timer_clear (&self.timer);
  test_gate_clear (&self.gate);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/fork-locks/mutex-of-a-lost-thread", test_fork_locks_mutex);
  g_test_add_func ("/cfut/fork-locks/cell-of-a-lost-thread", test_fork_locks_cell);
  g_test_add_func ("/cfut/fork-locks/waits-for-threads", test_fork_locks_waits_for_threads);

  return g_test_run ();
}
