/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Commands: programs that are run by a process executor. Guarantees 1, 2, 3, 5, 7. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test-util.h"

#define MIB (1024 * 1024)

static CfutExecutor *
make_executor (guint max_workers)
{
  return cfut_process_executor_new (NULL, max_workers);
}

/* Runs a line of shell. */
static CfutFuture *
run_shell (CfutExecutor *executor,
           CfutRequest  *request,
           CfutCommand  *command,
           GBytes       *stdin_data,
           const char   *line)
{
  const char *argv[] = { "/bin/sh", "-c", line, NULL };

  return cfut_process_executor_run (CFUT_PROCESS_EXECUTOR (executor), request, command, argv,
                                    stdin_data);
}

static CfutCommandResult *
result_of (CfutFuture *future)
{
  g_autoptr (GError) error = NULL;
  const GValue *value = cfut_future_result (future, TEST_DEADLINE_USEC, &error);

  g_assert_no_error (error);
  g_assert_true (G_VALUE_HOLDS (value, CFUT_TYPE_COMMAND_RESULT));
  return g_value_get_object (value);
}

static void
assert_output (CfutFuture *future,
               const char *out,
               const char *err)
{
  g_autofree char *out_text = cfut_command_result_dup_stdout_text (result_of (future));
  g_autofree char *err_text = cfut_command_result_dup_stderr_text (result_of (future));

  g_assert_cmpstr (out_text, ==, out);
  g_assert_cmpstr (err_text, ==, err);
}

static guint
count_fds (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

/* Dead ones that were not reaped count. */
static guint
count_children (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/children", name);
      g_autofree char *children = NULL;

      if (g_file_get_contents (path, &children, NULL, NULL))
        for (const char *p = children; (p = strchr (p, ' ')) != NULL; p++)
          n++;
    }

  return n;
}

static gboolean
is_alive (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *stat = NULL;

  return g_file_get_contents (path, &stat, NULL, NULL) && strstr (stat, ") Z ") == NULL &&
         strstr (stat, ") X ") == NULL;
}

/* A directory of the test's own, with a pipe in it that commands wait at: `cat < gate`. */
typedef struct {
  CfutExecutor *executor;
  char *dir;
  char *gate;
  char *note;
} Place;

static void
place_set_up (Place         *self,
              gconstpointer  max_workers)
{
  self->executor = make_executor (GPOINTER_TO_UINT (max_workers));
  self->dir = g_dir_make_tmp ("cfut-XXXXXX", NULL);
  self->gate = g_build_filename (self->dir, "gate", NULL);
  self->note = g_build_filename (self->dir, "note", NULL);
  g_assert_cmpint (mkfifo (self->gate, 0600), ==, 0);
}

static void
place_tear_down (Place         *self,
                 gconstpointer  max_workers)
{
  g_clear_object (&self->executor);
  test_poll_until (count_children () == 0);
  g_unlink (self->gate);
  g_unlink (self->note);
  g_rmdir (self->dir);
  g_free (self->gate);
  g_free (self->note);
  g_free (self->dir);
}

/* In the directory. */
static CfutFuture *
place_run (Place       *self,
           CfutRequest *request,
           CfutCommand *command,
           const char  *line)
{
  g_autofree char *whole = g_strdup_printf ("cd %s; %s", self->dir, line);

  return run_shell (self->executor, request, command, NULL, whole);
}

static int
try_read_note (Place *self)
{
  g_autofree char *text = NULL;

  return g_file_get_contents (self->note, &text, NULL, NULL) && strchr (text, '\n') != NULL
           ? atoi (text) : 0;
}

/* The number that a command wrote into the file `note`. */
static int
place_read_note (Place *self)
{
  int number;

  test_poll_until ((number = try_read_note (self)) != 0);
  return number;
}

/* One that waits at the gate goes on. It blocks until there is one. */
static void
place_open_gate (Place *self)
{
  int fd = open (self->gate, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
}

/* Both outputs, the status and the pid are there. It works with no main loop. */
static void
test_command_resolves (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutFuture) future = run_shell (executor, NULL, NULL, NULL,
                                             "echo $$; echo error >&2");
  g_autofree char *pid = NULL;

  test_assert_settles (future, CFUT_STATE_RESOLVED);
  pid = g_strdup_printf ("%d\n", cfut_future_get_worker_pid (future));
  assert_output (future, pid, "error\n");
  g_assert_cmpint (cfut_command_result_get_exit_status (result_of (future)), ==, 0);
  g_assert_cmpint (cfut_command_result_get_term_signal (result_of (future)), ==, 0);
  g_assert_false (cfut_command_result_get_stdout_truncated (result_of (future)));
  g_assert_false (cfut_command_result_get_stderr_truncated (result_of (future)));
}

/* What a result says by its methods it says by its properties. */
static void
test_command_result_properties (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutCommand) command = g_object_new (CFUT_TYPE_COMMAND, "any-exit-status", TRUE,
                                                  "max-stdout-bytes", (guint64) 2,
                                                  "max-stderr-bytes", (guint64) 3, NULL);
  g_autoptr (CfutFuture) future = run_shell (executor, NULL, command, NULL,
                                             "printf 12345; printf abcde >&2; exit 9");
  g_autoptr (GBytes) out = NULL, err = NULL;
  gboolean out_truncated, err_truncated;
  int status, signal_number;

  g_object_get (result_of (future), "exit-status", &status, "term-signal", &signal_number,
                "stdout", &out, "stderr", &err, "stdout-truncated", &out_truncated,
                "stderr-truncated", &err_truncated, NULL);
  g_assert_cmpint (status, ==, 9);
  g_assert_cmpint (signal_number, ==, 0);
  g_assert_cmpmem (g_bytes_get_data (out, NULL), g_bytes_get_size (out), "12", 2);
  g_assert_cmpmem (g_bytes_get_data (err, NULL), g_bytes_get_size (err), "cde", 3);
  g_assert_true (out_truncated);
  g_assert_true (err_truncated);
}

/* A command is a template: what is changed in it after changes nothing that was submitted. */
static void
test_command_is_a_template (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutCommand) command = cfut_command_new ();
  const char *environ_given[] = { "A=a", NULL };
  g_autoptr (CfutFuture) first = NULL, second = NULL;

  cfut_command_set_cwd (command, "/proc");
  cfut_command_set_environ (command, environ_given);
  g_assert_cmpstr (cfut_command_get_cwd (command), ==, "/proc");
  g_assert_cmpstr (cfut_command_get_environ (command)[0], ==, "A=a");
  first = run_shell (executor, NULL, command, NULL, "pwd; echo $A$HOME");
  cfut_command_set_cwd (command, "/");
  cfut_command_set_environ (command, NULL);
  second = run_shell (executor, NULL, command, NULL, "pwd; echo $A");
  g_clear_object (&command);

  assert_output (first, "/proc\na\n", "");
  assert_output (second, "/\n\n", "");
}

/* A status other than 0 rejects, with what stderr said last. */
static void
test_command_fails (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutFuture) future = run_shell (executor, NULL, NULL, NULL,
                                             "echo first >&2; echo the reason >&2; exit 7");
  g_autoptr (GError) error = NULL;

  test_assert_fails (future, CFUT_STATE_REJECTED, G_SPAWN_EXIT_ERROR, 7);
  error = cfut_future_dup_error (future);
  g_assert_true (g_str_has_suffix (error->message, "exited with status 7:\nfirst\nthe reason"));
}

/* So does a death by a signal. */
static void
test_command_dies (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutFuture) future = run_shell (executor, NULL, NULL, NULL, "kill -KILL $$");
  g_autoptr (GError) error = NULL;

  test_assert_fails (future, CFUT_STATE_REJECTED, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED);
  error = cfut_future_dup_error (future);
  g_assert_nonnull (strstr (error->message, "killed by signal 9 ("));
}

/* Unless the command says that any is welcome. */
static void
test_command_any_exit_status (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutCommand) command = cfut_command_new ();
  g_autoptr (CfutFuture) exits = NULL, dies = NULL, missing = NULL;
  const char *argv[] = { "/nowhere/program", NULL };

  cfut_command_set_any_exit_status (command, TRUE);
  exits = run_shell (executor, NULL, command, NULL, "echo out; exit 255");
  dies = run_shell (executor, NULL, command, NULL, "echo out; kill -USR2 $$");
  missing = cfut_process_executor_run (CFUT_PROCESS_EXECUTOR (executor), NULL, command, argv, NULL);

  assert_output (exits, "out\n", "");
  g_assert_cmpint (cfut_command_result_get_exit_status (result_of (exits)), ==, 255);
  assert_output (dies, "out\n", "");
  g_assert_cmpint (cfut_command_result_get_exit_status (result_of (dies)), ==, -1);
  g_assert_cmpint (cfut_command_result_get_term_signal (result_of (dies)), ==, SIGUSR2);
  test_assert_fails (missing, CFUT_STATE_REJECTED, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
}

/* What cannot be started says why, however many there are, and the executor goes on. */
static void
test_command_cannot_start (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (2);
  g_autoptr (CfutCommand) command = cfut_command_new ();
  static const struct {
    const char *program;
    const char *cwd;
    int code;
  } cases[] = {
    { "/nowhere/program", NULL, G_SPAWN_ERROR_NOENT },
    { "no-such-program-anywhere", NULL, G_SPAWN_ERROR_NOENT },
    { "/etc/passwd", NULL, G_SPAWN_ERROR_ACCES },
    { "/etc", NULL, G_SPAWN_ERROR_ACCES },
    { "/bin/true", "/nowhere/at/all", G_SPAWN_ERROR_CHDIR },
  };
  CfutFuture *futures[5 * 200];

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      const char *argv[] = { cases[i % 5].program, NULL };

      cfut_command_set_cwd (command, cases[i % 5].cwd);
      futures[i] = cfut_process_executor_run (CFUT_PROCESS_EXECUTOR (executor), NULL, command, argv,
                                              NULL);
    }
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_autoptr (GError) error = NULL;

      test_assert_fails (futures[i], CFUT_STATE_REJECTED, G_SPAWN_ERROR, cases[i % 5].code);
      error = cfut_future_dup_error (futures[i]);
      g_assert_nonnull (strstr (error->message, cases[i % 5].program));
      g_object_unref (futures[i]);
    }

  cfut_command_set_cwd (command, NULL);
  {
    g_autoptr (CfutFuture) future = run_shell (executor, NULL, command, NULL, "echo works");

    assert_output (future, "works\n", "");
  }
}

/* A program of no name is the caller's mistake. */
static void
test_command_without_program (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  const char *none[] = { NULL };
  const char *empty[] = { "", NULL };

  for (int i = 0; i < 2; i++)
    {
      CfutFuture *future;

      test_expect_critical ();
      future = cfut_process_executor_run (CFUT_PROCESS_EXECUTOR (executor), NULL, NULL,
                                          i == 0 ? none : empty, NULL);
      g_test_assert_expected_messages ();
      g_assert_null (future);
    }
}

/* Limits hold, and leave this process alone. */
static void
test_command_limits (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutCommand) command = cfut_command_new ();
  g_autoptr (CfutFuture) limits = NULL, burns = NULL;

  cfut_command_set_max_cpu_seconds (command, 1);
  cfut_command_set_max_open_files (command, 44);
  cfut_command_set_max_memory (command, G_GUINT64_CONSTANT (1) << 32);
  g_assert_cmpuint (cfut_command_get_max_cpu_seconds (command), ==, 1);
  g_assert_cmpuint (cfut_command_get_max_open_files (command), ==, 44);
  g_assert_cmpuint (cfut_command_get_max_memory (command), ==, G_GUINT64_CONSTANT (1) << 32);
  limits = run_shell (executor, NULL, command, NULL, "ulimit -t; ulimit -n; ulimit -v");
  burns = run_shell (executor, NULL, command, NULL, "while :; do :; done");

  assert_output (limits, "1\n44\n4194304\n", "");
  test_assert_fails (burns, CFUT_STATE_REJECTED, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED);
}

static GBytes *
make_bytes (gsize size)
{
  char *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] = (char) (i * 7 + i / 251);

  return g_bytes_new_take (data, size);
}

/* Much in and much out at once, with nobody stuck at a full pipe. */
static void
test_command_input_and_output (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (2);
  g_autoptr (GBytes) bytes = make_bytes (8 * MIB);
  g_autoptr (GBytes) nothing = g_bytes_new (NULL, 0);
  g_autoptr (CfutFuture) through = run_shell (executor, NULL, NULL, bytes, "cat");
  g_autoptr (CfutFuture) empty = run_shell (executor, NULL, NULL, nothing, "cat; echo end");

  g_assert_true (g_bytes_equal (cfut_command_result_get_stdout (result_of (through)), bytes));
  assert_output (empty, "end\n", "");
}

/* Input that is not read, or only begun, harms neither the program nor this process. */
static void
test_command_input_not_read (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (2);
  g_autoptr (GBytes) bytes = make_bytes (8 * MIB);
  g_autoptr (CfutFuture) not_read = run_shell (executor, NULL, NULL, bytes, "exec 0<&-; echo done");
  g_autoptr (CfutFuture) begun = run_shell (executor, NULL, NULL, bytes, "head -c 100 | wc -c");
  g_autoptr (CfutFuture) exits = run_shell (executor, NULL, NULL, bytes, "exit 3");

  assert_output (not_read, "done\n", "");
  assert_output (begun, "100\n", "");
  test_assert_fails (exits, CFUT_STATE_REJECTED, G_SPAWN_EXIT_ERROR, 3);
}

/* The program itself has SIGPIPE as programs expect it. */
static void
test_command_sigpipe (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutFuture) future = run_shell (executor, NULL, NULL, NULL, "yes | head -n 1");

  assert_output (future, "y\n", "");
}

/* Huge output on both pipes at once; of it the first of the one and the last of the other is
 * kept, as much as was said. */
static void
test_command_huge_output (void)
{
  static const char *line = "head -c 20000000 /dev/zero | tr '\\0' o & "
                            "head -c 20000000 /dev/zero | tr '\\0' e >&2; wait; printf END; "
                            "printf END >&2";
  g_autoptr (CfutExecutor) executor = make_executor (2);
  g_autoptr (CfutCommand) command = cfut_command_new ();
  g_autoptr (CfutFuture) all = run_shell (executor, NULL, NULL, NULL, line);
  g_autoptr (CfutFuture) part = NULL, none = NULL;
  const char *data;
  gsize size;

  data = g_bytes_get_data (cfut_command_result_get_stdout (result_of (all)), &size);
  g_assert_cmpuint (size, ==, 20000003);
  g_assert_cmpint (memcmp (data + size - 4, "oEND", 4), ==, 0);
  data = g_bytes_get_data (cfut_command_result_get_stderr (result_of (all)), &size);
  g_assert_cmpuint (size, ==, 20000003);
  g_assert_cmpint (memcmp (data + size - 4, "eEND", 4), ==, 0);

  cfut_command_set_max_stdout_bytes (command, 1000);
  cfut_command_set_max_stderr_bytes (command, 100000);
  part = run_shell (executor, NULL, command, NULL, line);
  data = g_bytes_get_data (cfut_command_result_get_stdout (result_of (part)), &size);
  g_assert_cmpuint (size, ==, 1000);
  g_assert_cmpint (data[999], ==, 'o');
  data = g_bytes_get_data (cfut_command_result_get_stderr (result_of (part)), &size);
  g_assert_cmpuint (size, ==, 100000);
  g_assert_cmpint (memcmp (data + size - 4, "eEND", 4), ==, 0);

  cfut_command_set_max_stdout_bytes (command, 0);
  cfut_command_set_max_stderr_bytes (command, 0);
  none = run_shell (executor, NULL, command, NULL, "echo a; echo b >&2");
  assert_output (none, "", "");
  g_assert_true (cfut_command_result_get_stdout_truncated (result_of (none)));
  g_assert_true (cfut_command_result_get_stderr_truncated (result_of (none)));
}

/* With nothing of stderr kept, an error still tells the end of it. */
static void
test_command_tells_the_end (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutCommand) command = cfut_command_new ();
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  cfut_command_set_max_stderr_bytes (command, 0);
  future = run_shell (executor, NULL, command, NULL,
                      "head -c 100000 /dev/zero >&2; printf '\\nlast \\377 words\\n' >&2; exit 1");
  test_assert_fails (future, CFUT_STATE_REJECTED, G_SPAWN_EXIT_ERROR, 1);
  error = cfut_future_dup_error (future);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_nonnull (strstr (error->message, "last \357\277\275 words"));
  g_assert_cmpuint (strlen (error->message), <, 20000);
}

/* A process that the program leaves behind, and that keeps the pipes open, does not keep the future
 * from settling, nor is it touched. */
static void
test_command_leaves_a_process (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutFuture) future = run_shell (executor, NULL, NULL, NULL,
                                             "sleep 600 & echo $!; exit 0");
  g_autofree char *text = cfut_command_result_dup_stdout_text (result_of (future));

  g_assert_true (is_alive (atoi (text)));
  kill (atoi (text), SIGKILL);
}

/* What it still writes within a quarter of a second is taken along, up to the end of both pipes. */
static void
test_command_output_after_the_exit (Place         *place,
                                    gconstpointer  max_workers)
{
  g_autoptr (CfutFuture) future = place_run (place, NULL, NULL,
                                             "(while kill -0 $$ 2> /dev/null; do :; done; "
                                             "echo late) & echo soon");

  assert_output (future, "soon\nlate\n", "");
}

typedef struct {
  GString *lines;
  TestPlace called;
  TestPlace destroyed;
  TestPlace done;
  guint n;
  gboolean after_done;
} Heard;

static void
heard_line (CfutTask          *task,
            CfutCommandStream  stream,
            const char        *line,
            gpointer           data)
{
  Heard *self = data;

  g_assert_true (g_utf8_validate (line, -1, NULL));
  test_place_note (&self->called);
  self->n++;
  self->after_done |= test_place_get_n (&self->done) > 0;
  if (strlen (line) < 1000)
    g_string_append_printf (self->lines, "%s%s|", stream == CFUT_COMMAND_STREAM_STDERR ? "!" : "",
                            line);
  else
    g_string_append_printf (self->lines, "(%" G_GSIZE_FORMAT ")|", strlen (line));
}

static void
heard_destroyed (gpointer data)
{
  test_place_note (&((Heard *) data)->destroyed);
}

static CfutCommand *
heard_init (Heard *self)
{
  CfutCommand *command = cfut_command_new ();

  *self = (Heard) { .lines = g_string_new (NULL) };
  cfut_command_set_line_func (command, heard_line, self, heard_destroyed);
  return command;
}

static void
heard_clear (Heard *self)
{
  g_string_free (self->lines, TRUE);
}

/* Lines are told on the owner's context, all before `done`; their data goes there too, when neither
 * command nor run needs it. */
static void
test_command_lines (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  Heard heard;
  CfutCommand *command = heard_init (&heard);
  g_autoptr (CfutFuture) future = run_shell (executor, NULL, command, NULL,
                                             "echo one; echo; printf 'two\\r\\nthree\\rfour'");

  g_object_unref (command);
  g_signal_connect (future, "done", G_CALLBACK (test_place_done), &heard.done);
  g_assert_cmpint (test_place_get_n (&heard.destroyed), ==, 0);
  test_iterate_until (NULL, test_place_get_n (&heard.done) == 1);
  g_assert_cmpstr (heard.lines->str, ==, "one||two|three|four|");
  g_assert_false (heard.after_done);
  test_place_assert_here (&heard.called, 5);
  test_iterate_until (NULL, test_place_get_n (&heard.destroyed) == 1);
  test_place_assert_here (&heard.destroyed, 1);
  assert_output (future, "one\n\ntwo\r\nthree\rfour", "");
  heard_clear (&heard);
}

static void
run_for_lines (gpointer data)
{
  gpointer *all = data;

  all[2] = run_shell (all[0], NULL, all[1], NULL, "echo one; echo two >&2");
  g_signal_connect (all[2], "done", G_CALLBACK (test_place_done), &((Heard *) all[3])->done);
}

static void
drop_future (gpointer data)
{
  g_object_unref (((gpointer *) data)[2]);
}

/* The owner is who submitted, not who made the command. */
static void
test_command_lines_elsewhere (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  TestLoopThread *loop = test_loop_thread_new ();
  Heard heard;
  CfutCommand *command = heard_init (&heard);
  gpointer all[4] = { executor, command, NULL, &heard };

  test_loop_thread_call (loop, run_for_lines, all);
  test_poll_until (test_place_get_n (&heard.done) == 1);
  g_assert_true (heard.called.thread == test_loop_thread_get_thread (loop));
  g_assert_cmpuint (heard.n, ==, 2);
  test_loop_thread_call (loop, drop_future, all);
  g_object_unref (command);
  test_loop_thread_free (loop);
  test_place_assert_here (&heard.destroyed, 1);
  heard_clear (&heard);
}

/* Without a main loop no line is told, nothing hangs, and not all of them are held. */
static void
test_command_lines_without_loop (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  Heard heard;
  CfutCommand *command = heard_init (&heard);
  CfutFuture *future = run_shell (executor, NULL, command, NULL, "seq -f %0200.0f 1 30000");
  int n_gone = 0;

  g_object_unref (command);
  g_assert_cmpuint (g_bytes_get_size (cfut_command_result_get_stdout (result_of (future))), ==,
                    30000 * 201);
  g_assert_cmpuint (heard.n, ==, 0);
  test_watch_gone (future, &n_gone);
  g_object_unref (future);
  test_iterate_until (NULL, n_gone == 1 && test_place_get_n (&heard.destroyed) == 1);
  heard_clear (&heard);
}

/* A flood of lines: the latest are told, in order, with the main loop free in between. */
static void
test_command_lines_in_a_flood (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  Heard heard;
  CfutCommand *command = heard_init (&heard);
  g_autoptr (CfutFuture) future = run_shell (executor, NULL, command, NULL, "seq -f %0200.0f 1 30000");
  g_autofree char *last = g_strdup_printf ("|%0200d|%0200d|", 29999, 30000);

  g_object_unref (command);
  g_signal_connect (future, "done", G_CALLBACK (test_place_done), &heard.done);
  test_poll_until (cfut_future_get_state (future) == CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, test_place_get_n (&heard.done) == 1);
  g_assert_cmpuint (heard.n, >, 1000);
  g_assert_cmpuint (heard.n, <, 30000);
  g_assert_true (g_str_has_suffix (heard.lines->str, last));
  test_iterate_until (NULL, test_place_get_n (&heard.destroyed) == 1);
  heard_clear (&heard);
}

/* What is no UTF-8 is told as text, and a line without an end in pieces. */
static void
test_command_odd_lines (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  Heard heard;
  CfutCommand *command = heard_init (&heard);
  g_autoptr (CfutFuture) future =
    run_shell (executor, NULL, command, NULL,
               "printf 'a\\377b\\000c\\n'; head -c 200000 /dev/zero | tr '\\0' x; echo end >&2");

  g_object_unref (command);
  g_signal_connect (future, "done", G_CALLBACK (test_place_done), &heard.done);
  test_iterate_until (NULL, test_place_get_n (&heard.done) == 1);
  g_assert_true (g_str_has_prefix (heard.lines->str, "a\357\277\275b\357\277\275c|(65536)|"));
  g_assert_nonnull (strstr (heard.lines->str, "(65536)|(65536)|"));
  g_assert_nonnull (strstr (heard.lines->str, "(3392)|"));
  g_assert_nonnull (strstr (heard.lines->str, "!end|"));
  test_iterate_until (NULL, test_place_get_n (&heard.destroyed) == 1);
  heard_clear (&heard);
}

static void
line_to_progress (CfutTask          *task,
                  CfutCommandStream  stream,
                  const char        *line,
                  gpointer           data)
{
  guint done, total;

  cfut_task_set_result_string (task, "not for a line to say");
  if (sscanf (line, "%u/%u", &done, &total) == 2)
    cfut_task_set_progress (task, done, total);
  cfut_task_set_message (task, line);
}

static void
note_fraction (GObject    *object,
               GParamSpec *pspec,
               gpointer    fractions)
{
  g_string_append_printf (fractions, "%.2f ", cfut_future_get_fraction (CFUT_FUTURE (object)));
}

/* A line can become progress, which is notified like any other. */
static void
test_command_progress (Place         *place,
                       gconstpointer  max_workers)
{
  g_autoptr (CfutCommand) command = cfut_command_new ();
  g_autoptr (GString) fractions = g_string_new (NULL);
  g_autoptr (CfutFuture) future = NULL;
  TestPlace done = { 0 };

  cfut_command_set_line_func (command, line_to_progress, NULL, NULL);
  future = place_run (place, NULL, command,
                      "echo 1/4; cat < gate; echo 2/4; cat < gate; echo 3/4; cat < gate; echo 4/4");
  g_signal_connect (future, "notify::fraction", G_CALLBACK (note_fraction), fractions);
  g_signal_connect (future, "done", G_CALLBACK (test_place_done), &done);
  for (int i = 1; i < 4; i++)
    {
      g_autofree char *expected = g_strdup_printf ("%d/4", i);
      g_autofree char *message = NULL;

      test_iterate_until (NULL, cfut_future_get_fraction (future) == i / 4.0);
      message = cfut_future_dup_message (future);
      g_assert_cmpstr (message, ==, expected);
      test_iterate_until (NULL, fractions->len >= 5 * (gsize) i);
      place_open_gate (place);
    }
  test_iterate_until (NULL, test_place_get_n (&done) == 1);
  /* The last comes once more where its line was told before the end. */
  g_assert_true (g_str_has_prefix (fractions->str, "0.25 0.50 0.75 1.00 "));
  assert_output (future, "1/4\n2/4\n3/4\n4/4\n", "");
}

static void
assert_last_words (CfutFuture *future,
                   TestPlace  *place)
{
  g_autofree char *message = cfut_future_dup_message (future);

  g_assert_cmpstr (message, ==, "4/5 last words");
  test_place_note (place);
}

static void
group_last_words (CfutGroup  *group,
                  CfutFuture *future,
                  TestPlace  *place)
{
  assert_last_words (future, place);
}

/* What the last line says is there when the future, or its group, tells that it has settled,
 * however soon after the line that was. */
static void
test_command_last_words (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutCommand) command = cfut_command_new ();

  cfut_command_set_line_func (command, line_to_progress, NULL, NULL);
  for (int i = 0; i < 100; i++)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      g_autoptr (CfutFuture) future = run_shell (executor, NULL, command, NULL,
                                                 i % 2 ? "echo 4/5 last words"
                                                       : "echo 4/5 last words; exit 1");
      TestPlace done = { 0 };
      TestPlace group_done = { 0 };

      g_signal_connect (future, "done", G_CALLBACK (assert_last_words), &done);
      if (i % 3 > 0)
        {
          cfut_group_add (group, future);
          g_signal_connect (group, "future-done", G_CALLBACK (group_last_words), &group_done);
        }
      if (i % 4 > 0)
        test_poll_until (cfut_future_get_state (future) >= CFUT_STATE_RESOLVED);
      test_iterate_until (NULL, test_place_get_n (&done) == 1 &&
                                test_place_get_n (&group_done) == (i % 3 > 0 ? 1 : 0));
      if (i % 2 == 0)
        g_assert_cmpfloat (cfut_future_get_fraction (future), ==, 4.0 / 5.0);
    }
}

/* Guarantee 5: what waits is cancelled at once, and never started. */
static void
test_command_cancelled_waiting (Place         *place,
                                gconstpointer  max_workers)
{
  g_autoptr (CfutFuture) first = place_run (place, NULL, NULL, "cat < gate; echo first");
  g_autoptr (CfutFuture) second = place_run (place, NULL, NULL, "echo $$ > note");

  test_poll_until (cfut_future_get_state (first) == CFUT_STATE_RUNNING);
  g_assert_true (cfut_future_cancel (second));
  g_assert_cmpint (cfut_future_get_state (second), ==, CFUT_STATE_CANCELLED);
  place_open_gate (place);
  assert_output (first, "first\n", "");
  g_assert_false (g_file_test (place->note, G_FILE_TEST_EXISTS));
}

/* Guarantee 5: what runs gets SIGTERM, with all that it started. */
static void
test_command_cancelled_running (Place         *place,
                                gconstpointer  max_workers)
{
  g_autoptr (CfutFuture) future = place_run (place, NULL, NULL,
                                             "sleep 600 & echo $! > note; sleep 600");
  int grandchild = place_read_note (place);

  test_poll_until (cfut_future_get_state (future) == CFUT_STATE_RUNNING);
  g_assert_false (cfut_future_cancel (future));
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_poll_until (!is_alive (grandchild));
}

/* Guarantee 5: and SIGKILL after the grace. */
static void
test_command_cancelled_stubborn (Place         *place,
                                 gconstpointer  max_workers)
{
  g_autoptr (CfutCommand) command = cfut_command_new ();
  g_autoptr (CfutFuture) future = NULL;
  int pid;

  g_object_set (place->executor, "stop-grace-usec", (gint64) (100 * 1000), NULL);
  cfut_command_set_any_exit_status (command, TRUE);
  future = place_run (place, NULL, command,
                      "trap '' TERM; echo $$ > note; while :; do sleep 600; done");
  pid = place_read_note (place);
  test_poll_until (cfut_future_get_state (future) == CFUT_STATE_RUNNING);
  g_assert_false (cfut_future_cancel (future));
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_poll_until (!is_alive (pid));
}

/* Guarantee 5: a program that catches SIGTERM and still succeeds has succeeded. */
static void
test_command_cancelled_and_succeeds (Place         *place,
                                     gconstpointer  max_workers)
{
  g_autoptr (CfutFuture) future = NULL;

  g_object_set (place->executor, "stop-grace-usec", (gint64) TEST_DEADLINE_USEC, NULL);
  future = place_run (place, NULL, NULL,
                      "exec 2> /dev/null; trap 'echo saved; exit 0' TERM; echo $$ > note; "
                      "while :; do sleep 0.01; done");
  place_read_note (place);
  test_poll_until (cfut_future_get_state (future) == CFUT_STATE_RUNNING);
  g_assert_false (cfut_future_cancel (future));
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  assert_output (future, "saved\n", "");
}

/* Guarantee 7: the future settles on time; the process is stopped, and keeps its place until it is
 * gone. Its line data lives until then. */
static void
test_command_run_deadline (Place         *place,
                           gconstpointer  max_workers)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) future = NULL, next = NULL;
  Heard heard;
  CfutCommand *command = heard_init (&heard);
  int pid;

  g_object_set (place->executor, "stop-grace-usec", (gint64) (200 * 1000), NULL);
  cfut_request_set_run_deadline_usec (request, 300 * 1000);
  future = place_run (place, request, command,
                      "trap '' TERM; echo $$ > note; while :; do echo x; sleep 0.01; done");
  g_object_unref (command);
  next = place_run (place, NULL, NULL, "echo next");
  pid = place_read_note (place);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  g_assert_cmpint (test_place_get_n (&heard.destroyed), ==, 0);
  assert_output (next, "next\n", "");
  g_assert_false (is_alive (pid));
  test_iterate_until (NULL, test_place_get_n (&heard.destroyed) == 1);
  heard_clear (&heard);
}

/* A queue deadline removes what waits. */
static void
test_command_queue_deadline (Place         *place,
                             gconstpointer  max_workers)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) first = place_run (place, NULL, NULL, "cat < gate");
  g_autoptr (CfutFuture) second = NULL;

  cfut_request_set_queue_deadline_usec (request, 1000);
  second = place_run (place, request, NULL, "echo $$ > note");
  test_assert_fails (second, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  place_open_gate (place);
  test_assert_settles (first, CFUT_STATE_RESOLVED);
  g_assert_false (g_file_test (place->note, G_FILE_TEST_EXISTS));
}

/* All that wait at the gate now go on. TRUE. */
static gboolean
try_open_gate (Place *self)
{
  int fd = open (self->gate, O_WRONLY | O_CLOEXEC | O_NONBLOCK);

  if (fd >= 0)
    close (fd);
  return TRUE;
}

/* No more run at once than the executor allows, and that many do. */
static void
test_command_bounded (Place         *place,
                      gconstpointer  max_workers)
{
  CfutFuture *futures[9];
  guint most = 0;

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = place_run (place, NULL, NULL,
                            "mkdir run.$$; n=$(ls -d run.* | wc -l); cat < gate; rmdir run.$$; "
                            "echo $n");
  test_poll_until (cfut_executor_get_n_running (place->executor) == 3);
  g_assert_cmpuint (cfut_executor_get_n_pending (place->executor), ==, 6);
  test_poll_until (try_open_gate (place) &&
                   cfut_executor_get_n_completed (place->executor) == G_N_ELEMENTS (futures));

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_autofree char *text = cfut_command_result_dup_stdout_text (result_of (futures[i]));

      most = MAX (most, (guint) atoi (text));
      g_object_unref (futures[i]);
    }
  g_assert_cmpuint (most, <=, 3);
}

/* Shut down, or dropped, an executor finishes what it took; asked to, it stops what runs. */
static void
test_command_shutdown (Place         *place,
                       gconstpointer  max_workers)
{
  g_autoptr (CfutFuture) first = place_run (place, NULL, NULL, "cat < gate; echo first");
  g_autoptr (CfutFuture) second = place_run (place, NULL, NULL, "echo second");
  g_autoptr (CfutFuture) third = NULL, fourth = NULL;
  g_autoptr (CfutExecutor) other = make_executor (1);
  g_autoptr (GError) error = NULL;

  g_clear_object (&place->executor);
  place_open_gate (place);
  assert_output (first, "first\n", "");
  assert_output (second, "second\n", "");

  third = run_shell (other, NULL, NULL, NULL, "sleep 600");
  test_poll_until (cfut_future_get_state (third) == CFUT_STATE_RUNNING);
  g_assert_true (cfut_executor_shutdown (other, CFUT_SHUTDOWN_CANCEL_RUNNING | CFUT_SHUTDOWN_WAIT,
                                         TEST_DEADLINE_USEC, &error));
  g_assert_no_error (error);
  test_assert_fails (third, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  fourth = run_shell (other, NULL, NULL, NULL, "echo never");
  test_assert_fails (fourth, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_SHUT_DOWN);
}

/* With no descriptors left commands fail, say so, and work again when there are some. */
static void
test_command_no_descriptors (void)
{
  g_autoptr (CfutExecutor) executor = make_executor (1);
  g_autoptr (CfutFuture) before = run_shell (executor, NULL, NULL, NULL, "echo before");
  g_autoptr (CfutFuture) during = NULL, after = NULL;
  struct rlimit limit, low;
  int fillers[128];
  guint n = 0;

  assert_output (before, "before\n", "");
  getrlimit (RLIMIT_NOFILE, &limit);
  low = limit;
  low.rlim_cur = G_N_ELEMENTS (fillers);
  setrlimit (RLIMIT_NOFILE, &low);
  while ((fillers[n] = open ("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
    n++;

  during = run_shell (executor, NULL, NULL, NULL, "echo during");
  test_assert_fails (during, CFUT_STATE_REJECTED, G_SPAWN_ERROR, G_SPAWN_ERROR_MFILE);
  while (n > 0)
    close (fillers[--n]);
  setrlimit (RLIMIT_NOFILE, &limit);
  after = run_shell (executor, NULL, NULL, NULL, "echo after");
  assert_output (after, "after\n", "");
}

/* After many runs, some of them cancelled, no process is left, and no descriptor. */
static void
test_command_leaves_nothing (void)
{
  CfutExecutor *executor = make_executor (4);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutFuture) first = run_shell (executor, NULL, NULL, NULL, ":");
  guint n = 2000;
  guint n_fds;

  test_assert_settles (first, CFUT_STATE_RESOLVED);
  n_fds = count_fds ();

  for (guint i = 0; i < n; i++)
    {
      const char *argv[] = { i % 4 == 0 ? "sleep" : "/bin/echo", i % 4 == 0 ? "600" : "x", NULL };
      g_autoptr (CfutFuture) future =
        cfut_process_executor_run (CFUT_PROCESS_EXECUTOR (executor), NULL, NULL, argv, NULL);

      cfut_group_add (group, future);
      if (i % 4 == 0)
        cfut_future_cancel (future);
    }
  g_assert_true (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, 2 * TEST_DEADLINE_USEC,
                                  NULL, NULL));
  g_object_unref (executor);
  test_poll_until (count_children () == 0);
  test_poll_until (count_fds () <= n_fds);
}

int
main (int    argc,
      char **argv)
{
  static const struct {
    const char *name;
    guint max_workers;
    void (*func) (Place *, gconstpointer);
  } at_a_place[] = {
    { "/cfut/command/output-after-the-exit", 1, test_command_output_after_the_exit },
    { "/cfut/command/lines-become-progress", 1, test_command_progress },
    { "/cfut/command/cancelled-while-it-waits", 1, test_command_cancelled_waiting },
    { "/cfut/command/cancelled-while-it-runs", 1, test_command_cancelled_running },
    { "/cfut/command/cancelled-and-stubborn", 1, test_command_cancelled_stubborn },
    { "/cfut/command/cancelled-and-succeeds", 1, test_command_cancelled_and_succeeds },
    { "/cfut/command/has-a-run-deadline", 1, test_command_run_deadline },
    { "/cfut/command/has-a-queue-deadline", 1, test_command_queue_deadline },
    { "/cfut/command/bounded-by-max-workers", 3, test_command_bounded },
    { "/cfut/command/shutdown", 1, test_command_shutdown },
  };

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/command/resolves-with-both-outputs", test_command_resolves);
  g_test_add_func ("/cfut/command/result-has-properties", test_command_result_properties);
  g_test_add_func ("/cfut/command/is-a-template", test_command_is_a_template);
  g_test_add_func ("/cfut/command/rejects-with-the-exit-status", test_command_fails);
  g_test_add_func ("/cfut/command/rejects-with-the-signal", test_command_dies);
  g_test_add_func ("/cfut/command/any-exit-status", test_command_any_exit_status);
  g_test_add_func ("/cfut/command/cannot-be-started", test_command_cannot_start);
  g_test_add_func ("/cfut/command/without-a-program", test_command_without_program);
  g_test_add_func ("/cfut/command/has-limits", test_command_limits);
  g_test_add_func ("/cfut/command/input-and-output", test_command_input_and_output);
  g_test_add_func ("/cfut/command/input-not-read", test_command_input_not_read);
  g_test_add_func ("/cfut/command/sigpipe-is-the-programs", test_command_sigpipe);
  g_test_add_func ("/cfut/command/huge-output-on-both-pipes", test_command_huge_output);
  g_test_add_func ("/cfut/command/error-tells-the-end-of-stderr", test_command_tells_the_end);
  g_test_add_func ("/cfut/command/leaves-a-process", test_command_leaves_a_process);
  g_test_add_func ("/cfut/command/lines", test_command_lines);
  g_test_add_func ("/cfut/command/lines-elsewhere", test_command_lines_elsewhere);
  g_test_add_func ("/cfut/command/lines-without-a-loop", test_command_lines_without_loop);
  g_test_add_func ("/cfut/command/lines-in-a-flood", test_command_lines_in_a_flood);
  g_test_add_func ("/cfut/command/last-words-are-there", test_command_last_words);
  g_test_add_func ("/cfut/command/odd-lines", test_command_odd_lines);
  g_test_add_func ("/cfut/command/no-descriptors-left", test_command_no_descriptors);
  g_test_add_func ("/cfut/command/leaves-nothing-behind", test_command_leaves_nothing);
  for (guint i = 0; i < G_N_ELEMENTS (at_a_place); i++)
    g_test_add (at_a_place[i].name, Place, GUINT_TO_POINTER (at_a_place[i].max_workers),
                place_set_up, at_a_place[i].func, place_tear_down);

  return g_test_run ();
}
