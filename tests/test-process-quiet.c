/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a process executor leaves alone: the processor while there is nothing to do, a forked child's
 * parent, and other calls when one cannot be sent. */

#include "test-process-util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that hangs is killed by its own alarm. */
#define CHILD_SECONDS 30

/* How often all threads of a process have gone to sleep. */
static gint64
count_sleeps (int pid)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%d/task", pid);
  g_autoptr (GDir) threads = g_dir_open (folder, 0, NULL);
  const char *thread;
  gint64 n = 0;

  while ((thread = g_dir_read_name (threads)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, thread, "status", NULL);
      g_autofree char *text = NULL;

      if (g_file_get_contents (path, &text, NULL, NULL))
        n += g_ascii_strtoll (strstr (text, "\nvoluntary_ctxt_switches:") + 26, NULL, 10);
    }
  return n;
}

/* Two warm workers: for two seconds nobody wakes up, here or there. */
static void
test_idle (void)
{
  CfutExecutor *executor = test_process_executor_new (2);
  CfutFuture *futures[2];
  TestFifo fifos[2];
  gint64 before;
  gint64 here;
  int pids[2];

#ifdef __SANITIZE_THREAD__
  g_test_skip ("ThreadSanitizer has a thread of its own, which wakes up ten times a second");
  return;
#endif

  cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), 0);
  for (guint i = 0; i < 2; i++)
    {
      test_fifo_init (&fifos[i], i == 0 ? "first" : "second");
      futures[i] = test_fifo_hold (&fifos[i], executor, NULL);
    }
  for (guint i = 0; i < 2; i++)
    {
      test_fifo_open (&fifos[i]);
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      pids[i] = cfut_future_get_worker_pid (futures[i]);
      g_object_unref (futures[i]);
      test_fifo_clear (&fifos[i]);
    }
  /* What has just been done may have an end still. */
  g_usleep (G_USEC_PER_SEC);

  before = count_sleeps (pids[0]) + count_sleeps (pids[1]);
  here = count_sleeps (getpid ());
  g_usleep (2 * G_USEC_PER_SEC);
  g_assert_cmpint (count_sleeps (pids[0]) + count_sleeps (pids[1]), ==, before);
  /* This thread's own. */
  g_assert_cmpint (count_sleeps (getpid ()), ==, here + 1);

  test_process_executor_end (executor);
}

typedef struct {
  CfutExecutor *executor;
  CfutFuture *running;
  CfutFuture *waiting;
} Scene;

static void
child_uses_it (Scene *scene,
               gboolean drops)
{
  g_autoptr (CfutFuture) future = cfut_executor_call (scene->executor, NULL, "pid", NULL);

  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  g_assert_false (cfut_future_wait (scene->running, -1, NULL, NULL));
  g_assert_true (cfut_future_cancel (scene->waiting));
  cfut_future_cancel (scene->running);
  cfut_process_executor_kill_workers (CFUT_PROCESS_EXECUTOR (scene->executor));
  cfut_executor_shutdown (scene->executor, CFUT_SHUTDOWN_CANCEL_RUNNING, 0, NULL);
  if (drops)
    {
      g_object_unref (scene->running);
      g_object_unref (scene->waiting);
      g_object_unref (scene->executor);
    }
}

/* In a forked child calls are refused, nothing hangs, and the parent's workers are left alone. */
static void
test_fork (gconstpointer data)
{
  gboolean drops = data != NULL;
  Scene scene;
  TestFifo fifo;
  int status;
  pid_t pid;

  scene.executor = test_process_executor_new (1);
  test_fifo_init (&fifo, "fifo");
  scene.running = test_fifo_hold (&fifo, scene.executor, NULL);
  scene.waiting = cfut_executor_call (scene.executor, NULL, "pid", NULL);
  test_fifo_wait_arrived (&fifo);
  test_poll_until (cfut_future_get_state (scene.running) == CFUT_STATE_RUNNING);

  fflush (NULL);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      alarm (CHILD_SECONDS);
      child_uses_it (&scene, drops);
      _exit (EXIT_SUCCESS);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, EXIT_SUCCESS);

  g_assert_cmpint (cfut_future_get_state (scene.running), ==, CFUT_STATE_RUNNING);
  g_assert_cmpint (cfut_future_get_state (scene.waiting), ==, CFUT_STATE_PENDING);
  test_fifo_open (&fifo);
  test_assert_settles (scene.running, CFUT_STATE_RESOLVED);
  test_assert_settles (scene.waiting, CFUT_STATE_RESOLVED);
  g_object_unref (scene.running);
  g_object_unref (scene.waiting);
  test_fifo_clear (&fifo);
  test_process_executor_end (scene.executor);
}

/* An argument that no frame can hold: that call says so, others are none the worse. Text, as bytes may
 * travel otherwise. */
static void
test_too_large (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  gsize size = 80 * 1024 * 1024;
  char *text = g_malloc (size + 1);
  g_autoptr (CfutFuture) large = NULL;

  memset (text, 'x', size);
  text[size] = '\0';
  g_assert_cmpint (test_process_call_number (executor, "count"), ==, 1);
  large = cfut_executor_call (executor, NULL, "echo", g_variant_new ("(@s)",
                                                                     g_variant_new_take_string (text)));
  test_assert_fails (large, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_assert_cmpint (test_process_call_number (executor, "count"), ==, 2);

  test_process_executor_end (executor);
}

/* A large payload there and back. */
static void
test_payload (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  gsize size = 8 * 1024 * 1024;
  g_autofree guint8 *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] = (guint8) (i * 31 >> 3);
  for (guint round = 0; round < 3; round++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (data, size);
      g_autoptr (CfutFuture) future =
        cfut_executor_call (executor, NULL, "echo",
                            g_variant_new ("(@ay)", g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING,
                                                                              bytes, TRUE)));
      g_autoptr (GVariant) child = NULL;
      GError *error = NULL;
      GVariant *value = cfut_future_result_variant (future, TEST_DEADLINE_USEC, &error);

      g_assert_no_error (error);
      child = g_variant_get_child_value (value, 0);
      g_assert_cmpmem (g_variant_get_data (child), g_variant_get_size (child), data, size);
    }

  test_process_executor_end (executor);
}

/* Without a descriptor left a call fails after some tries, and says so; the next one works again. */
static void
test_no_descriptors (void)
{
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  struct rlimit old;
  struct rlimit few;
  int fd;

  /* Its thread, its timers have theirs. */
  test_process_call_number (executor, "pid");
  cfut_process_executor_kill_workers (CFUT_PROCESS_EXECUTOR (executor));
  test_poll_until (cfut_process_executor_get_n_workers (CFUT_PROCESS_EXECUTOR (executor)) == 0);

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old), ==, 0);
  few = old;
  few.rlim_cur = 256;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &few), ==, 0);
  while ((fd = fcntl (1, F_DUPFD_CLOEXEC, 3)) >= 0)
    g_array_append_val (fds, fd);
  future = cfut_executor_call (executor, NULL, "pid", NULL);
  g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));
  for (guint i = 0; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old), ==, 0);

  test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  error = cfut_future_dup_error (future);
  g_test_message ("%s", error->message);
  test_process_call_number (executor, "pid");

  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process-quiet/idle", test_idle);
  g_test_add_data_func ("/cfut/process-quiet/fork", NULL, test_fork);
  g_test_add_data_func ("/cfut/process-quiet/fork-and-drop", "x", test_fork);
  g_test_add_func ("/cfut/process-quiet/too-large", test_too_large);
  g_test_add_func ("/cfut/process-quiet/payload", test_payload);
  g_test_add_func ("/cfut/process-quiet/no-descriptors", test_no_descriptors);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
