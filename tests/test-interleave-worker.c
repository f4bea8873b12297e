/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A worker that dies while what its runner has queued is not written, by the listener that holds it or by
 * the runner itself: what was finished is told, and what was started is not started again. This program
 * is the worker, too. */

#include "test-process-util.h"

#include "core/cfut-point-private.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define HOLD_USEC (5 * G_USEC_PER_SEC)
#define N_ROUNDS 10
#define N_UNKNOWN 200

/* --- the worker --- */

static GThread *runner;
static GMutex held_lock;
static GCond held_changed;
static gboolean is_held;
static gboolean is_let_go;

/* The listener stops where it is about to write, until the runner waits for it. Where no other call was at
 * hand the runner does not: then nothing is shown, and it goes on after a while. */
static void
on_point (CfutPoint point,
          gpointer  what)
{
  gint64 end_usec = g_get_monotonic_time () + HOLD_USEC;

  if (point != CFUT_POINT_WRITES && point != CFUT_POINT_WRITE_WAITS)
    return;

  g_mutex_lock (&held_lock);
  if (point == CFUT_POINT_WRITE_WAITS)
    {
      is_let_go = TRUE;
    }
  else if (g_thread_self () != runner)
    {
      is_held = TRUE;
      g_cond_broadcast (&held_changed);
      while (!is_let_go && g_cond_wait_until (&held_changed, &held_lock, end_usec))
        ;
    }
  g_cond_broadcast (&held_changed);
  g_mutex_unlock (&held_lock);
}

/* (ys): what it comes to: a small value, a large one, or a descriptor; where it stands until the other call
 * has come. */
static gboolean
do_hold (CfutTask *task, GVariant *args, gpointer data, GError **error)
{
  const char *path;
  guint8 kind;
  char end;
  int fd;

  g_variant_get (args, "(y&s)", &kind, &path);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  /* At its end as soon as it is opened there. */
  if (fd < 0 || read (fd, &end, 1) != 0)
    return FALSE;
  close (fd);
  runner = g_thread_self ();
  atomic_store (&cfut_point_func, on_point);
  cfut_task_set_message (task, "it wakes the listener");
  g_mutex_lock (&held_lock);
  while (!is_held)
    g_cond_wait (&held_changed, &held_lock);
  g_mutex_unlock (&held_lock);

  if (kind == 'd')
    {
      g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();

      if (g_unix_fd_list_append (fds, STDIN_FILENO, error) < 0)
        return FALSE;
      cfut_task_set_result_fds (task, fds);
      cfut_task_set_result_variant (task, g_variant_new_handle (0));
    }
  else if (kind == 'l')
    {
      g_autofree char *text = g_strnfill (50 * 1000, 'x');

      cfut_task_set_result_variant (task, g_variant_new_string (text));
    }
  else
    {
      cfut_task_set_result_variant (task, g_variant_new_string ("x"));
    }
  return TRUE;
}

/* (s): a letter there, each time. */
static gboolean
do_die (CfutTask *task, GVariant *args, gpointer data, GError **error)
{
  const char *path;
  int fd;

  g_variant_get (args, "(&s)", &path);
  fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0 || write (fd, "!", 1) != 1)
    return FALSE;
  raise (SIGKILL);
  return TRUE;
}

/* Where it is about to write. */
static void
die_at_writing (CfutPoint point,
                gpointer  what)
{
  if (point == CFUT_POINT_WRITES && g_thread_self () == runner)
    raise (SIGKILL);
}

/* The next time that the runner is to write it dies. */
static gboolean
do_arm (CfutTask *task, GVariant *args, gpointer data, GError **error)
{
  runner = g_thread_self ();
  atomic_store (&cfut_point_func, die_at_writing);
  return TRUE;
}

static gboolean
do_nothing (CfutTask *task, GVariant *args, gpointer data, GError **error)
{
  return TRUE;
}

static int
live_as_worker (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();
  g_autoptr (GError) error = NULL;

  cfut_worker_register (worker, "hold", do_hold, NULL, NULL);
  cfut_worker_register (worker, "die", do_die, NULL, NULL);
  cfut_worker_register (worker, "arm", do_arm, NULL, NULL);
  cfut_worker_register (worker, "nothing", do_nothing, NULL, NULL);
  return cfut_worker_run (worker, &error);
}

/* --- the application --- */

typedef struct {
  const char *name;
  char kind;
  gboolean has_sockets;
} Row;

static const Row rows[] = {
  { "small", 's', TRUE },
  { "large", 'l', TRUE },
  { "descriptor", 'd', TRUE },
  { "stdio-small", 's', FALSE },
  { "stdio-large", 'l', FALSE },
};

/* Guarantee 1: the call that was finished before the worker died resolves; the one that it died in was
 * begun once. */
static void
test_dies_while_the_listener_writes (gconstpointer data)
{
  /* Nothing but stdin and stdout gets through. */
  static const char *prefix[] = { "sh", "-c", "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec \"$0\" \"$@\"", NULL };
  const Row *row = data;
  CfutExecutor *executor = cfut_process_executor_new_self (1);
  g_autofree char *path = test_process_path (row->name);
  TestFifo fifo;
  g_autofree char *log = NULL;
  g_autoptr (CfutFuture) held = NULL;
  g_autoptr (CfutFuture) deadly = NULL;
  g_autoptr (CfutFuture) after = NULL;

  if (!row->has_sockets)
    cfut_process_executor_set_launch_prefix (CFUT_PROCESS_EXECUTOR (executor), prefix);
  test_fifo_init (&fifo, "fifo");
  /* So that the second is there before the first has ended. */
  test_process_warm_up (executor);
  held = cfut_executor_call (executor, NULL, "hold", g_variant_new ("(ys)", row->kind, fifo.path));
  deadly = cfut_executor_call (executor, NULL, "die", g_variant_new ("(s)", path));
  test_fifo_open (&fifo);

  test_assert_settles (held, CFUT_STATE_RESOLVED);
  test_assert_fails (deadly, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
  g_assert_true (g_file_get_contents (path, &log, NULL, NULL));
  g_assert_cmpstr (log, ==, "!");
  after = cfut_executor_call (executor, NULL, "nothing", NULL);
  test_assert_settles (after, CFUT_STATE_RESOLVED);
  test_process_executor_end (executor);
  test_fifo_clear (&fifo);
}

/* A call is finished, and behind it come more that fail without being entered than the journal has room
 * for, and then a death: the first resolves, the others fail for what they are, on another worker. */
static void
test_dies_behind_what_was_not_entered (void)
{
  CfutExecutor *executor = cfut_process_executor_new_self (1);
  g_autofree char *nowhere = g_strnfill (250, 'x');

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_autoptr (GPtrArray) unknown = g_ptr_array_new_with_free_func (g_object_unref);
      g_autoptr (CfutFuture) armed = NULL;
      g_autoptr (CfutFuture) after = NULL;

      test_process_warm_up (executor);
      /* All at once, so that all are at hand when the first is entered. */
      cfut_executor_pause (executor);
      armed = cfut_executor_call (executor, NULL, "arm", NULL);
      for (guint i = 0; i < N_UNKNOWN; i++)
        g_ptr_array_add (unknown, cfut_executor_call (executor, NULL, nowhere, NULL));
      cfut_executor_resume (executor);

      test_assert_settles (armed, CFUT_STATE_RESOLVED);
      for (guint i = 0; i < N_UNKNOWN; i++)
        test_assert_fails (unknown->pdata[i], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                           CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION);
      after = cfut_executor_call (executor, NULL, "nothing", NULL);
      test_assert_settles (after, CFUT_STATE_RESOLVED);
    }

  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  if (cfut_worker_requested ())
    return live_as_worker ();

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/cfut/interleave-worker/dies-while-the-listener-writes/%s",
                                               rows[i].name);

      g_test_add_data_func (path, &rows[i], test_dies_while_the_listener_writes);
    }

  g_test_add_func ("/cfut/interleave-worker/dies-behind-what-was-not-entered",
                   test_dies_behind_what_was_not_entered);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
