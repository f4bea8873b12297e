/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Death at every step of the protocol, in four ways, on both sides: the tables below, one test for each row and
 * way. The one that dies speaks the protocol by hand up to the step; the other side is the library. Whatever
 * happens, no call is run twice, nothing hangs, and no process and no descriptor is left, those in flight
 * included. This program is the worker, the application, and who looks at both. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-death-util.h"
#include "test-process-util.h"

static const char *way_names[DEATH_N_WAYS] = { "sigkill", "sigstop", "closed", "exit" };

/* --- the table of workers that die --- */

/* What becomes of the call that it was given, or was to be. */
typedef enum {
  AGAIN,       /* it was not started: another worker runs it */
  DIES,        /* WORKER_DIED; it was started and not ended, and is not run again */
  CANCELLED,   /* it was to stop anyway */
  RESOLVES,    /* its result was there */
  NOTED,       /* the same, in the journal, where no descriptor is */
  LARGE,       /* the same, with large bytes, which outlive the worker */
  BREAKS       /* the executor: no worker can be started */
} Fate;

typedef struct {
  const char *name;
  DeathStep step;
  Fate fates[DEATH_N_WAYS];
} WorkerRow;

static const WorkerRow worker_rows[] = {
  /*                                              SIGKILL    SIGSTOP    closed     exit */
  { "before-hello", DEATH_BEFORE_HELLO,         { AGAIN,     BREAKS,    AGAIN,     AGAIN } },
  { "in-hello", DEATH_IN_HELLO,                 { AGAIN,     BREAKS,    AGAIN,     AGAIN } },
  { "call-in-flight", DEATH_CALL_UNREAD,        { AGAIN,     AGAIN,     AGAIN,     AGAIN } },
  { "call-read", DEATH_CALL_READ,               { AGAIN,     AGAIN,     AGAIN,     AGAIN } },
  { "entered", DEATH_ENTERED,                   { DIES,      DIES,      DIES,      DIES } },
  { "result-noted", DEATH_RESULT_NOTED,         { NOTED,     NOTED,     NOTED,     NOTED } },
  { "in-started", DEATH_IN_STARTED,             { AGAIN,     AGAIN,     AGAIN,     AGAIN } },
  { "started", DEATH_STARTED,                   { DIES,      DIES,      DIES,      DIES } },
  { "in-progress", DEATH_IN_PROGRESS,           { DIES,      DIES,      DIES,      DIES } },
  { "ping-read", DEATH_PING_READ,               { DIES,      DIES,      DIES,      DIES } },
  { "cancel-read", DEATH_CANCEL_READ,           { DIES,      CANCELLED, CANCELLED, DIES } },
  { "take-back-read", DEATH_TAKE_BACK_READ,     { DIES,      DIES,      DIES,      DIES } },
  { "in-dict", DEATH_IN_DICT,                   { DIES,      DIES,      DIES,      DIES } },
  { "dict-asked", DEATH_DICT_ASKED,             { DIES,      DIES,      DIES,      DIES } },
  { "in-result", DEATH_IN_RESULT,               { DIES,      DIES,      DIES,      DIES } },
  { "result-written", DEATH_RESULT_WRITTEN,     { RESOLVES,  RESOLVES,  RESOLVES,  RESOLVES } },
  { "in-payload", DEATH_IN_PAYLOAD,             { DIES,      DIES,      DIES,      DIES } },
  { "payload-written", DEATH_PAYLOAD_WRITTEN,   { LARGE,     LARGE,     LARGE,     LARGE } },
  { "release-read", DEATH_RELEASE_READ,         { LARGE,     LARGE,     LARGE,     LARGE } },
  { "stop-read", DEATH_STOP_READ,               { RESOLVES,  RESOLVES,  RESOLVES,  RESOLVES } },
  { "retired", DEATH_RETIRED,                   { RESOLVES,  RESOLVES,  RESOLVES,  RESOLVES } },
};

/* --- the table of applications that die --- */

#define ANY -1

typedef struct {
  const char *name;
  DeathStep step;
  const char *log;      /* "(" and ")": the call that runs until it is stopped; ".": another */
  int status;           /* of the worker; ANY: it may or may not have been about to write */
  gboolean needs_socket;
  gboolean leaves;      /* the worker ends of itself */
} ApplicationRow;

static const ApplicationRow application_rows[] = {
  { "hello-unread", DEATH_HELLO_UNREAD, "", ANY, FALSE, FALSE },
  { "in-setup", DEATH_IN_SETUP, "", 1, FALSE, FALSE },
  { "idle", DEATH_IDLE, "", 0, FALSE, FALSE },
  { "in-call", DEATH_IN_CALL, "", 1, FALSE, FALSE },
  { "call-runs", DEATH_CALL_RUNS, "()", 0, FALSE, FALSE },
  { "in-call-with-descriptor", DEATH_IN_CALL_BEHIND, "()", 1, TRUE, FALSE },
  { "call-with-descriptor-in-flight", DEATH_CALL_BEHIND, "()", 0, TRUE, FALSE },
  { "in-call-with-payload", DEATH_IN_PAYLOAD_BEHIND, "()", 1, TRUE, FALSE },
  { "call-with-payload-in-flight", DEATH_PAYLOAD_BEHIND, "()", 0, TRUE, FALSE },
  { "in-cancel", DEATH_IN_CANCEL, "()", 1, FALSE, FALSE },
  { "ping-sent", DEATH_PING_SENT, "()", 0, FALSE, FALSE },
  { "take-back-sent", DEATH_TAKE_BACK_SENT, "()", 0, FALSE, FALSE },
  { "dict-unanswered", DEATH_DICT_UNANSWERED, "", 0, FALSE, FALSE },
  { "in-dict-reply", DEATH_IN_DICT_REPLY, "", 1, FALSE, FALSE },
  { "result-unread", DEATH_RESULT_UNREAD, ".", ANY, FALSE, FALSE },
  { "payload-unread", DEATH_PAYLOAD_UNREAD, ".", ANY, TRUE, FALSE },
  { "in-release", DEATH_IN_RELEASE, ".", 1, TRUE, FALSE },
  { "stop-sent", DEATH_STOP_SENT, "", 0, FALSE, TRUE },
};

/* --- the worker that lives --- */

/* (sh): a letter in the log, a byte into the descriptor, which is the result. */
static gboolean
do_work (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  GUnixFDList *fds = cfut_task_get_fds (task);
  const char *log;
  int fd;

  g_variant_get (args, "(&sh)", &log, NULL);
  death_log (log, ".");
  fd = g_unix_fd_list_get (fds, 0, error);
  if (fd < 0 || write (fd, "x", 1) != 1)
    return FALSE;
  close (fd);
  cfut_task_set_result_fds (task, fds);
  cfut_task_set_result_variant (task, g_variant_new_handle (0));
  return TRUE;
}

static gboolean
do_log (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  const char *log;

  g_variant_get (args, "(&sh)", &log, NULL);
  death_log (log, ".");
  return TRUE;
}

static gboolean
do_large (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  g_autoptr (GVariant) large = death_large_new ();
  const char *log;

  g_variant_get (args, "(&sh)", &log, NULL);
  death_log (log, ".");
  cfut_task_set_result_variant (task, large);
  return TRUE;
}

static gboolean
do_until_stopped (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  GPollFD asked;
  const char *log;

  g_variant_get (args, "(&sh)", &log, NULL);
  death_log (log, "(");
  g_assert_true (g_cancellable_make_pollfd (cfut_task_get_cancellable (task), &asked));
  cfut_task_set_message (task, "begun");
  while (cfut_task_checkpoint (task, error))
    g_poll (&asked, 1, -1);
  g_cancellable_release_fd (cfut_task_get_cancellable (task));
  death_log (log, ")");
  return FALSE;
}

static gboolean
do_count (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  GError *problem = NULL;

  cfut_shared_dict_add (cfut_worker_get_shared (worker, "numbers"), "n", 1, &problem);
  if (problem != NULL)
    g_propagate_error (error, problem);
  return problem == NULL;
}

static gboolean
do_nothing (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  return TRUE;
}

static int
live_as_worker (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();
  /* Where it would be told nobody reads any more. */
  g_autoptr (GError) error = NULL;

  cfut_worker_register (worker, "work", do_work, worker, NULL);
  cfut_worker_register (worker, "log", do_log, worker, NULL);
  cfut_worker_register (worker, "large", do_large, worker, NULL);
  cfut_worker_register (worker, "until-stopped", do_until_stopped, worker, NULL);
  cfut_worker_register (worker, "count", do_count, worker, NULL);
  cfut_worker_register (worker, "warm", do_nothing, worker, NULL);
  return cfut_worker_run (worker, &error);
}

/* The first one that gets the marker dies; those after it live. */
static int
run_worker (int    argc,
            char **argv)
{
  int marker = argc == 5 ? open (argv[3], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;

  signal (SIGPIPE, SIG_DFL);
  if (marker < 0)
    return live_as_worker ();

  close (marker);
  death_play_worker (atoi (argv[1]), atoi (argv[2]), argv[4]);
}

/* --- what is common --- */

static void
assert_no_children (void)
{
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
}

static void
assert_log (const char *log,
            const char *expected)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents (log, &text, NULL, NULL))
    text = g_strdup ("");
  g_assert_cmpstr (text, ==, expected);
}

/* So many bytes were written there, and nobody is left who could write more. */
static void
assert_pipe (int   fd,
             guint n_bytes)
{
  char bytes[8];

  for (guint i = 0; i < n_bytes; i++)
    g_assert_cmpint (read (fd, bytes, 1), ==, 1);
  g_assert_cmpint (read (fd, bytes, 1), ==, 0);
  close (fd);
}

/* --- a worker dies --- */

typedef struct {
  CfutExecutor *executor;
  CfutSharedDict *dict;
  char *log;
  char *marker;
  int read_fd;
  int write_fd;
} Scene;

static void
scene_init (Scene           *self,
            const WorkerRow *row,
            DeathWay         way)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *step_text = g_strdup_printf ("%d", row->step);
  g_autofree char *way_text = g_strdup_printf ("%d", way);
  CfutProcessExecutor *processes;
  int ends[2];

  self->log = test_process_path ("log");
  self->marker = test_process_path ("marker");
  g_unlink (self->log);
  g_unlink (self->marker);
  {
    const char *argv[] = { program, step_text, way_text, self->marker, self->log, NULL };

    self->executor = cfut_process_executor_new (argv, 1);
  }
  processes = CFUT_PROCESS_EXECUTOR (self->executor);
  self->dict = cfut_shared_dict_new ();
  cfut_process_executor_share (processes, "numbers", self->dict);
  if (row->step == DEATH_RETIRED)
    cfut_process_executor_set_max_calls_per_worker (processes, 1);
  /* Where somebody hangs, that is how it is found. */
  if (way == DEATH_STOPPED || row->step == DEATH_PING_READ)
    cfut_process_executor_set_heartbeat_usec (processes, 300 * 1000);
  if (row->fates[way] == BREAKS)
    cfut_process_executor_set_start_timeout_usec (processes, 300 * 1000);
  if (way == DEATH_STOPPED || way == DEATH_CLOSED)
    cfut_process_executor_set_stop_grace_usec (processes, 100 * 1000);
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  self->read_fd = ends[0];
  self->write_fd = ends[1];
}

static CfutFuture *
scene_call (Scene *self)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();

  g_assert_cmpint (g_unix_fd_list_append (fds, self->write_fd, NULL), ==, 0);
  return cfut_executor_call_with_fds (self->executor, NULL, "work", g_variant_new ("(sh)", self->log, 0),
                                      fds);
}

/* So that calls are handed ahead. */
static void
scene_warm (Scene *self)
{
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_call (self->executor, NULL, "warm", NULL);

      test_assert_settles (future, CFUT_STATE_RESOLVED);
    }
}

static void
assert_fate (CfutFuture *future,
             Fate        fate)
{
  static const CfutState states[] = {
    [AGAIN] = CFUT_STATE_RESOLVED, [DIES] = CFUT_STATE_REJECTED, [CANCELLED] = CFUT_STATE_CANCELLED,
    [RESOLVES] = CFUT_STATE_RESOLVED, [NOTED] = CFUT_STATE_RESOLVED, [LARGE] = CFUT_STATE_RESOLVED,
    [BREAKS] = CFUT_STATE_REJECTED,
  };
  g_autoptr (GVariant) large = death_large_new ();

  if (fate == DIES)
    test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
  else if (fate == BREAKS)
    test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  else
    test_assert_settles (future, states[fate]);
  if (fate == LARGE)
    g_assert_true (g_variant_equal (cfut_future_result_variant (future, 0, NULL), large));
  else if (states[fate] == CFUT_STATE_RESOLVED && fate != NOTED)
    g_assert_cmpint (g_unix_fd_list_get_length (cfut_future_get_fds (future)), ==, 1);
}

/* How often a worker that lives has run something of it: the dying one writes no bytes. */
static guint
scene_see_calls (Scene           *self,
                 const WorkerRow *row,
                 DeathWay         way)
{
  Fate fate = row->fates[way];
  guint n_behind = row->step == DEATH_TAKE_BACK_READ ? 5 : 1;
  g_autoptr (GPtrArray) behind = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (CfutFuture) future = NULL;
  guint n_run = fate == AGAIN ? 1 : 0;

  if (row->step == DEATH_TAKE_BACK_READ)
    scene_warm (self);
  future = scene_call (self);
  if (row->step == DEATH_TAKE_BACK_READ)
    for (guint i = 0; i < n_behind; i++)
      g_ptr_array_add (behind, scene_call (self));
  if (row->step == DEATH_CANCEL_READ)
    {
      test_poll_until (cfut_future_get_state (future) == CFUT_STATE_RUNNING);
      cfut_future_cancel (future);
    }
  assert_fate (future, fate);
  /* It waits for the end. */
  if (row->step == DEATH_STOP_READ)
    return n_run;
  if (row->step == DEATH_RELEASE_READ)
    g_clear_object (&future);

  if (behind->len == 0)
    g_ptr_array_add (behind, scene_call (self));
  for (guint i = 0; i < behind->len; i++)
    assert_fate (behind->pdata[i], fate == BREAKS ? BREAKS : RESOLVES);
  /* It is not the worker's any more. */
  if (fate == LARGE && future != NULL)
    assert_fate (future, LARGE);
  return fate == BREAKS ? 0 : n_run + n_behind;
}

static void
test_worker_dies (gconstpointer data)
{
  const WorkerRow *row = &worker_rows[GPOINTER_TO_INT (data) / DEATH_N_WAYS];
  DeathWay way = GPOINTER_TO_INT (data) % DEATH_N_WAYS;
  g_autoptr (GString) expected = g_string_new (NULL);
  guint n_fds = test_count_descriptors ();
  Scene scene;
  guint n_run;

  scene_init (&scene, row, way);
  n_run = scene_see_calls (&scene, row, way);
  close (scene.write_fd);
  /* Who ends by itself has the time for that. */
  if (row->step != DEATH_STOP_READ)
    cfut_process_executor_set_stop_grace_usec (CFUT_PROCESS_EXECUTOR (scene.executor), TEST_DEADLINE_USEC);
  test_process_executor_end (scene.executor);

  if (row->fates[way] != AGAIN && row->fates[way] != BREAKS)
    g_string_append_c (expected, '!');
  for (guint i = 0; i < n_run; i++)
    g_string_append_c (expected, '.');
  assert_log (scene.log, expected->str);
  assert_pipe (scene.read_fd, n_run);
  g_assert_cmpint (cfut_shared_dict_add (scene.dict, "n", 0, NULL), ==, row->step == DEATH_DICT_ASKED);
  g_object_unref (scene.dict);
  assert_no_children ();
  g_assert_cmpuint (test_count_descriptors (), ==, n_fds);
  g_free (scene.log);
  g_free (scene.marker);
}

/* --- an application dies --- */

/* Its pid, and that of its worker. */
static pid_t
start_application (const ApplicationRow *row,
                   DeathWay              way,
                   PeerWay               peer_way,
                   const char           *log,
                   int                   fd,
                   pid_t                *worker)
{
  g_autofree char *step_text = g_strdup_printf ("%d", row->step);
  g_autofree char *way_text = g_strdup_printf ("%d", way);
  g_autofree char *peer_text = g_strdup_printf ("%d", peer_way);
  g_autofree char *fd_text = g_strdup_printf ("%d", fd);
  const char *argv[] = { "application", step_text, way_text, peer_text, log, fd_text, NULL };
  char text[32] = "";
  gsize n_read = 0;
  int ends[2];
  pid_t pid;

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      dup2 (ends[1], STDOUT_FILENO);
      fcntl (fd, F_SETFD, 0);
      execv ("/proc/self/exe", (char **) argv);
      _exit (98);
    }
  close (ends[1]);
  while (strchr (text, '\n') == NULL)
    {
      gssize n = read (ends[0], text + n_read, sizeof text - 1 - n_read);

      g_assert_cmpint (n, >, 0);
      n_read += n;
    }
  close (ends[0]);
  *worker = atoi (text);
  return pid;
}

/* The status. */
static int
await_child (pid_t pid,
             int   options)
{
  int status = 0;

  test_poll_until (waitpid (pid, &status, WNOHANG | options) == pid);
  return status;
}

static gboolean
is_alive (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *stat = NULL;

  return g_file_get_contents (path, &stat, NULL, NULL) && strstr (stat, ") Z ") == NULL;
}

static void
check_application (const ApplicationRow *row,
                   DeathWay              way,
                   PeerWay               peer_way)
{
  g_autofree char *log = test_process_path ("log");
  guint n_fds = test_count_descriptors ();
  pid_t application;
  pid_t worker;
  pid_t waited;
  int status;
  int ends[2];

  g_unlink (log);
  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  application = start_application (row, way, peer_way, log, ends[1], &worker);
  close (ends[1]);

  /* One that is stopped is not gone: the worker waits for it. */
  if (way == DEATH_STOPPED)
    {
      g_assert_true (WIFSTOPPED (await_child (application, WUNTRACED)));
      g_assert_true (row->leaves || is_alive (worker));
      kill (application, SIGKILL);
    }
  status = await_child (application, 0);
  if (way != DEATH_CLOSED)
    {
      if (way == DEATH_EXITED)
        g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 3);
      else
        g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
      /* It is this process's now; one that leaves may have been seen off by an application that took its
       * time to exit. */
      status = 0;
      test_poll_until ((waited = waitpid (worker, &status, WNOHANG)) != 0);
      g_assert_true (waited == worker || (way == DEATH_EXITED && row->leaves));
    }
  if (!WIFEXITED (status))
    g_error ("The worker ended by signal %d", WTERMSIG (status));
  g_test_message ("the worker exited with %d", WEXITSTATUS (status));
  if (row->status != ANY)
    g_assert_cmpint (WEXITSTATUS (status), ==, row->status);
  else
    g_assert_cmpint (WEXITSTATUS (status), <=, 1);

  assert_log (log, row->log);
  assert_pipe (ends[0], 0);
  assert_no_children ();
  g_assert_cmpuint (test_count_descriptors (), ==, n_fds);
}

static void
test_application_dies (gconstpointer data)
{
  const ApplicationRow *row = &application_rows[GPOINTER_TO_INT (data) / DEATH_N_WAYS];
  DeathWay way = GPOINTER_TO_INT (data) % DEATH_N_WAYS;

  check_application (row, way, PEER_SOCKETS);
  if (!row->needs_socket)
    check_application (row, way, PEER_PIPES);
}

static void
add_rows (const char    *side,
          const char    *name,
          guint          row,
          GTestDataFunc  func)
{
  for (guint way = 0; way < DEATH_N_WAYS; way++)
    {
      g_autofree char *path = g_strdup_printf ("/cfut/death-table/%s/%s/%s", side, name, way_names[way]);

      g_test_add_data_func (path, GINT_TO_POINTER (row * DEATH_N_WAYS + way), func);
    }
}

int
main (int    argc,
      char **argv)
{
  CfutExecutor *first;
  CfutFuture *warm;
  int status;

  if (cfut_worker_requested ())
    return run_worker (argc, argv);
  if (strcmp (argv[0], "application") == 0)
    death_play_application (atoi (argv[1]), atoi (argv[2]), atoi (argv[3]), argv[4], atoi (argv[5]));

  g_test_init (&argc, &argv, NULL);
  /* Whoever starts the tests may have it ignored. */
  signal (SIGPIPE, SIG_DFL);
  /* Whoever loses its parent is this process's. */
  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, 1), ==, 0);

  /* What stays open is open from here on. */
  first = cfut_process_executor_new_self (1);
  warm = cfut_executor_call (first, NULL, "warm", NULL);
  test_assert_settles (warm, CFUT_STATE_RESOLVED);
  g_object_unref (warm);
  test_process_executor_end (first);

  for (guint i = 0; i < G_N_ELEMENTS (worker_rows); i++)
    add_rows ("worker", worker_rows[i].name, i, test_worker_dies);
  for (guint i = 0; i < G_N_ELEMENTS (application_rows); i++)
    add_rows ("application", application_rows[i].name, i, test_application_dies);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
