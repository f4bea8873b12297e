/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Child processes: how they begin, how they are stopped, and that nothing is left of them. Each is
 * started in both ways, quickly and by GSubprocessLauncher. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/cfut-child-private.h"
#include "process/cfut-io-private.h"
#include "test-process-util.h"

#define QUICK GINT_TO_POINTER (TRUE)
#define SLOW GINT_TO_POINTER (FALSE)

typedef struct {
  CfutChildSpec spec;
  CfutChild *child;
  GError *error;
  TestSem started;
  TestSem exited;
  int n_exited;
  int wait_status;
} Start;

static void
on_exited (CfutChild *child,
           int        wait_status,
           gpointer   data)
{
  Start *self = data;

  g_assert_true (cfut_io_is_current ());
  self->wait_status = wait_status;
  g_atomic_int_inc (&self->n_exited);
  test_sem_post (&self->exited);
}

static void
spawn_on_io_thread (gpointer data)
{
  Start *self = data;

  self->child = cfut_child_spawn (&self->spec, &self->error);
  g_assert_true ((self->child == NULL) == (self->error != NULL));
  test_sem_post (&self->started);
}

static void
start_init (Start              *self,
            const char * const *argv,
            gconstpointer       quick)
{
  *self = (Start) { .spec = CFUT_CHILD_SPEC_INIT };
  self->spec.argv = argv;
  self->spec.quick = GPOINTER_TO_INT (quick);
  self->spec.stdio[2] = CFUT_STDIO_TAIL;
  self->spec.exited = on_exited;
  self->spec.user_data = self;
  test_sem_init (&self->started);
  test_sem_init (&self->exited);
}

static void
start_go (Start *self)
{
  g_assert_nonnull (cfut_io_get_context (NULL));
  cfut_io_invoke (spawn_on_io_thread, self);
  test_sem_wait (&self->started);
}

static void
nothing (gpointer sem)
{
  test_sem_post (sem);
}

/* What the I/O thread was told before has been done. */
static void
pass_io_thread (void)
{
  TestSem passed;

  test_sem_init (&passed);
  cfut_io_invoke (nothing, &passed);
  test_sem_wait (&passed);
  test_sem_clear (&passed);
}

static void
start_wait (Start *self)
{
  g_assert_no_error (self->error);
  test_sem_wait (&self->exited);
}

static void
start_clear (Start *self)
{
  pass_io_thread ();
  g_assert_cmpint (g_atomic_int_get (&self->n_exited), ==, self->error == NULL ? 1 : 0);
  g_clear_pointer (&self->child, cfut_child_unref);
  g_clear_error (&self->error);
  test_sem_clear (&self->started);
  test_sem_clear (&self->exited);
}

/* Runs a line of shell, and returns what it wrote to stderr. */
static char *
shell (const char    *line,
       gconstpointer  quick,
       int           *wait_status)
{
  const char *argv[] = { "/bin/sh", "-c", line, NULL };
  Start start;
  char *text;

  start_init (&start, argv, quick);
  start_go (&start);
  start_wait (&start);
  text = cfut_child_dup_stderr_tail (start.child);
  if (wait_status != NULL)
    *wait_status = start.wait_status;
  start_clear (&start);

  return text;
}

/* What is open when all is quiet: set by main. */
static guint n_quiet_fds;

/* Nothing is left of what was started, nor of the groups of those that were stopped. */
static void
assert_quiet (void)
{
  test_poll_until (cfut_child_get_n_live () == 0);
  /* Whoever told of the end has let go of it after that. */
  pass_io_thread ();
  g_assert_cmpuint (test_count_descriptors (), ==, n_quiet_fds);
  g_assert_cmpuint (test_count_children (), ==, 0);
}

static gboolean
is_alive (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *stat = NULL;

  if (!g_file_get_contents (path, &stat, NULL, NULL))
    return FALSE;

  return strstr (stat, ") Z ") == NULL && strstr (stat, ") X ") == NULL;
}

static int
try_read_pid (const char *path)
{
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strchr (text, '\n') != NULL ? atoi (text)
                                                                                      : 0;
}

/* The number in a file, once it is there. */
static int
read_pid (const char *path)
{
  int pid;

  test_poll_until ((pid = try_read_pid (path)) != 0);
  return pid;
}

/* Its status is told once, with its pid good for ever. */
static void
test_child_exits (gconstpointer quick)
{
  const char *argv[] = { "sh", "-c", "exit 3", NULL };
  Start start;
  int status = -1;
  int pid;

  start_init (&start, argv, quick);
  start_go (&start);
  pid = cfut_child_get_pid (start.child);
  g_assert_cmpint (pid, >, 1);
  start_wait (&start);
  g_assert_true (WIFEXITED (start.wait_status));
  g_assert_cmpint (WEXITSTATUS (start.wait_status), ==, 3);
  g_assert_true (cfut_child_get_exited (start.child, &status));
  g_assert_cmpint (status, ==, start.wait_status);
  g_assert_cmpint (cfut_child_get_pid (start.child), ==, pid);
  g_assert_false (is_alive (pid));
  g_assert_false (cfut_child_signal (start.child, SIGTERM));
  cfut_child_stop (start.child);
  cfut_child_kill (start.child);
  start_clear (&start);
}

/* Nobody holds it but itself: it is told of all the same. */
static void
test_child_dropped (gconstpointer quick)
{
  const char *argv[] = { "/bin/true", NULL };
  Start start;

  start_init (&start, argv, quick);
  start_go (&start);
  g_clear_pointer (&start.child, cfut_child_unref);
  start_wait (&start);
  g_assert_cmpint (start.wait_status, ==, 0);
  start_clear (&start);
}

/* What became of it is told in words. */
static void
test_child_described (void)
{
  g_autofree char *exited = cfut_child_describe_status (3 << 8);
  g_autofree char *killed = cfut_child_describe_status (9);
  g_autofree char *lost = cfut_child_describe_status (-1);

  g_assert_cmpstr (exited, ==, "exited with status 3");
  g_assert_nonnull (strstr (killed, "signal 9 ("));
  g_assert_nonnull (strstr (lost, "not known"));
}

/* A death by signal is told as such. */
static void
test_child_dies (gconstpointer quick)
{
  int status;
  g_autofree char *text = shell ("echo last words >&2; kill -USR1 $$", quick, &status);

  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGUSR1);
  g_assert_cmpstr (text, ==, "last words");
}

/* Of much on stderr the end is kept, from the start of a line on, whatever bytes it is made of. */
static void
test_child_tail (gconstpointer quick)
{
  g_autofree char *text = shell ("i=0; while [ $i -lt 5000 ]; do echo line number $i; i=$((i+1)); "
                                 "done >&2; printf 'b\\377d\\n' >&2", quick, NULL);
  g_autofree char *endless = shell ("head -c 1000000 /dev/zero | tr '\\0' x >&2", quick, NULL);

  g_assert_true (g_str_has_prefix (text, "line number "));
  g_assert_true (g_str_has_suffix (text, "line number 4999\nb\357\277\275d"));
  g_assert_cmpuint (strlen (text), >, 2048);
  g_assert_cmpuint (strlen (text), <=, 4096 + 2);
  g_assert_cmpuint (strlen (endless), ==, 4096);
}

/* A process in the background that keeps stderr open does not keep the exit from being told. */
static void
test_child_stderr_kept_open (gconstpointer quick)
{
  int status;
  g_autofree char *text = shell ("sleep 600 & echo $! >&2; exit 5", quick, &status);

  g_assert_cmpint (WEXITSTATUS (status), ==, 5);
  g_assert_cmpint (atoi (text), >, 1);
  g_assert_true (is_alive (atoi (text)));
  kill (atoi (text), SIGKILL);
}

/* It leads a process group, has no signal blocked, and does not ignore SIGPIPE. */
static void
test_child_clean_signals (gconstpointer quick)
{
  g_autofree char *text = NULL;
  void (*before) (int) = signal (SIGPIPE, SIG_IGN);
  guint64 blocked, ignored;
  int pid, group;

  text = shell ("read pid comm state ppid pgrp rest < /proc/$$/stat; echo $pid $pgrp >&2; "
                "grep SigBlk /proc/self/status >&2; grep SigIgn /proc/self/status >&2",
                quick, NULL);
  signal (SIGPIPE, before);
  g_assert_cmpint (sscanf (text, "%d %d SigBlk: %" G_GINT64_MODIFIER "x SigIgn: %"
                           G_GINT64_MODIFIER "x", &pid, &group, &blocked, &ignored), ==, 4);
  g_assert_cmpint (group, ==, pid);
  g_assert_cmphex (blocked, ==, 0);
  g_assert_cmphex (ignored & (1 << (SIGPIPE - 1)), ==, 0);
}

/* None of this process's descriptors gets there, close-on-exec or not. */
static void
test_child_inherits_nothing (gconstpointer quick)
{
  int open_one = open ("/dev/zero", O_RDONLY);
  g_autofree char *text = shell ("for i in /proc/$$/fd/*; do echo ${i##*/} $(readlink $i); "
                                 "done >&2", quick, NULL);

  g_assert_null (strstr (text, "/dev/zero"));
  g_assert_null (strstr (text, "pidfd"));
  g_assert_null (strstr (text, "eventfd"));
  g_assert_true (g_str_has_prefix (text, "0 /dev/null\n"));
  g_assert_nonnull (strstr (text, "\n2 pipe:"));
  close (open_one);
}

/* Descriptors arrive at the numbers that were asked for, also where these cross, and none arrives at
 * those in between. */
static void
test_child_gets_descriptors (gconstpointer quick)
{
  const char *argv[] = { "/bin/sh", "-c", "cd /proc/$$/fd; cat 40 42 >&2; "
                         "for i in 39 41 43; do test -e $i && echo \"$i is open\" >&2; done", NULL };
  int around[] = { 39, 41, 43 };
  CfutChildFd fds[2];
  g_autofree char *text = NULL;
  Start start;

  for (int i = 0; i < 2; i++)
    {
      int ends[2];

      g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
      g_assert_cmpint (write (ends[1], i == 0 ? "42\n" : "40\n", 3), ==, 3);
      close (ends[1]);
      fds[i].fd = ends[0];
      fds[i].target = i == 0 ? 42 : 40;
    }

  for (guint i = 0; i < G_N_ELEMENTS (around); i++)
    g_assert_cmpint (fcntl (fds[0].fd, F_DUPFD, around[i]), ==, around[i]);

  start_init (&start, argv, quick);
  start.spec.fds = fds;
  start.spec.n_fds = 2;
  start_go (&start);
  start_wait (&start);
  text = cfut_child_dup_stderr_tail (start.child);
  g_assert_cmpstr (text, ==, "40\n42");
  g_assert_cmpint (fcntl (fds[0].fd, F_GETFD), ==, -1);
  for (guint i = 0; i < G_N_ELEMENTS (around); i++)
    close (around[i]);
  start_clear (&start);
}

/* Our ends of its pipes: what it reads and writes. */
static void
test_child_pipes (gconstpointer quick)
{
  const char *argv[] = { "cat", NULL };
  char read_back[16] = "";
  Start start;
  int in, out;

  start_init (&start, argv, quick);
  start.spec.stdio[0] = CFUT_STDIO_PIPE;
  start.spec.stdio[1] = CFUT_STDIO_PIPE;
  start_go (&start);
  in = cfut_child_steal_pipe (start.child, 0);
  out = cfut_child_steal_pipe (start.child, 1);
  g_assert_cmpint (cfut_child_steal_pipe (start.child, 1), ==, -1);
  g_assert_cmpint (cfut_child_steal_pipe (start.child, 2), ==, -1);
  g_assert_cmpint (fcntl (in, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_assert_cmpint (fcntl (out, F_GETFL) & O_NONBLOCK, !=, 0);
  g_assert_cmpint (write (in, "hello", 5), ==, 5);
  close (in);
  start_wait (&start);
  g_assert_cmpint (read (out, read_back, sizeof read_back), ==, 5);
  g_assert_cmpstr (read_back, ==, "hello");
  close (out);
  start_clear (&start);
}

/* Directory, environment and variables are as asked. */
static void
test_child_surroundings (gconstpointer quick)
{
  const char *argv[] = { "/bin/sh", "-c", "pwd >&2; echo $A$B$C$HOME >&2", NULL };
  const char *environ_given[] = { "A=a", "B=x", NULL };
  const char *set_variables[] = { "B=b", "C=c=c", NULL };
  g_autofree char *text = NULL;
  Start start;

  start_init (&start, argv, quick);
  start.spec.cwd = "/proc";
  start.spec.environ = environ_given;
  start.spec.set_variables = set_variables;
  start_go (&start);
  start_wait (&start);
  text = cfut_child_dup_stderr_tail (start.child);
  g_assert_cmpstr (text, ==, "/proc\nabc=c");
  start_clear (&start);
}

/* Behind a prefix that empties the environment, the variables arrive; and so does each word, where
 * the prefix gives one line to a shell. */
static void
test_child_prefix (gconstpointer quick)
{
  const char *argv[] = { "/bin/sh", "-c", "echo \"$C|$HOME|$1\" >&2", "sh", "it's  $HOME", NULL };
  const char *set_variables[] = { "C=two  words", NULL };
  const char *plain[] = { "env", "-i", NULL };
  const char *quoted[] = { "env", "-i", "/bin/sh", "-c", NULL };

  for (int i = 0; i < 2; i++)
    {
      g_autofree char *text = NULL;
      Start start;

      start_init (&start, argv, quick);
      start.spec.prefix = i == 0 ? plain : quoted;
      start.spec.prefix_quoted = i == 1;
      start.spec.set_variables = set_variables;
      start_go (&start);
      start_wait (&start);
      text = cfut_child_dup_stderr_tail (start.child);
      g_assert_cmpstr (text, ==, "two  words||it's  $HOME");
      start_clear (&start);
    }
}

/* Limits hold from the first instruction on; what is above this process's own is no error. */
static void
test_child_limits (gconstpointer quick)
{
  const char *argv[] = { "/bin/sh", "-c", "ulimit -t >&2; ulimit -n >&2; ulimit -v >&2; "
                                          "ulimit -c >&2", NULL };
  g_autofree char *text = NULL;
  Start start;

  start_init (&start, argv, quick);
  start.spec.limits.cpu_seconds = 7;
  start.spec.limits.open_files = 33;
  start.spec.limits.memory_bytes = G_GUINT64_CONSTANT (1) << 31;
  start.spec.limits.no_core = TRUE;
  start.spec.limits.file_bytes = G_MAXINT64;
  start_go (&start);
  start_wait (&start);
  text = cfut_child_dup_stderr_tail (start.child);
  g_assert_cmpstr (text, ==, "7\n33\n2097152\n0");
  start_clear (&start);
}

static void
assert_not_started (const char    *program,
                    const char    *cwd,
                    gconstpointer  quick,
                    int            code)
{
  const char *argv[] = { program, NULL };
  Start start;

  start_init (&start, argv, quick);
  start.spec.cwd = cwd;
  start_go (&start);
  g_assert_error (start.error, G_SPAWN_ERROR, code);
  g_assert_nonnull (strstr (start.error->message, cwd != NULL ? cwd : program));
  start_clear (&start);
}

/* What cannot be started says why, and leaves nothing behind. */
static void
test_child_cannot_start (gconstpointer quick)
{
  assert_quiet ();
  assert_not_started ("/nowhere/program", NULL, quick, G_SPAWN_ERROR_NOENT);
  assert_not_started ("no-such-program-anywhere", NULL, quick, G_SPAWN_ERROR_NOENT);
  assert_not_started ("/etc/passwd", NULL, quick, G_SPAWN_ERROR_ACCES);
  assert_not_started ("/bin/true", "/nowhere/at/all", quick, G_SPAWN_ERROR_CHDIR);
  assert_quiet ();
}

/* A script that says not for whom it is is the shell's. */
static void
test_child_script (gconstpointer quick)
{
  g_autofree char *path = NULL;
  const char *argv[] = { NULL, "word", NULL };
  g_autofree char *text = NULL;
  int fd = g_file_open_tmp ("cfut-XXXXXX", &path, NULL);
  Start start;

  g_assert_cmpint (write (fd, "echo script $1 >&2\n", 19), ==, 19);
  fchmod (fd, 0700);
  close (fd);
  argv[0] = path;
  start_init (&start, argv, quick);
  start_go (&start);
  start_wait (&start);
  text = cfut_child_dup_stderr_tail (start.child);
  g_assert_cmpstr (text, ==, "script word");
  start_clear (&start);
  g_unlink (path);
}

/* With few descriptors left, or none, it fails, says so, and works from where there are enough. */
static void
test_child_no_descriptors (gconstpointer quick)
{
  const char *argv[] = { "/bin/true", NULL };
  int fillers[128];
  struct rlimit limit, low;
  guint n_started = 0, n_failed = 0, n_fillers = 0;

  assert_quiet ();
  getrlimit (RLIMIT_NOFILE, &limit);
  low = limit;
  low.rlim_cur = G_N_ELEMENTS (fillers);
  setrlimit (RLIMIT_NOFILE, &low);
  while ((fillers[n_fillers] = open ("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
    n_fillers++;
  g_assert_cmpint (errno, ==, EMFILE);

  for (guint room = 0; room < 12; room++)
    {
      Start start;

      start_init (&start, argv, quick);
      start.spec.stdio[1] = CFUT_STDIO_PIPE;
      start_go (&start);
      if (start.child != NULL)
        {
          n_started++;
          start_wait (&start);
        }
      else
        {
          n_failed++;
          g_assert_cmpuint (n_started, ==, 0);
          g_assert_cmpuint (start.error->domain, ==, G_SPAWN_ERROR);
        }
      start_clear (&start);
      /* What GLib keeps for a while is not in the way of the next one. */
      test_count_descriptors ();
      close (fillers[--n_fillers]);
    }

  while (n_fillers > 0)
    close (fillers[--n_fillers]);
  setrlimit (RLIMIT_NOFILE, &limit);
  g_test_message ("%u failed, %u started", n_failed, n_started);
  g_assert_cmpuint (n_failed, >=, 4);
  g_assert_cmpuint (n_started, >=, 1);
  assert_quiet ();
}

/* SIGTERM ends the child and what it started. */
static void
test_child_stops (gconstpointer quick)
{
  g_autofree char *dir = g_dir_make_tmp ("cfut-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "pid", NULL);
  g_autofree char *line = g_strdup_printf ("sleep 600 & echo $! > %s; wait", path);
  const char *argv[] = { "/bin/sh", "-c", line, NULL };
  Start start;
  int grandchild;

  start_init (&start, argv, quick);
  start.spec.grace_usec = TEST_DEADLINE_USEC;
  start_go (&start);
  grandchild = read_pid (path);
  cfut_child_stop (start.child);
  cfut_child_stop (start.child);
  start_wait (&start);
  g_assert_cmpint (WTERMSIG (start.wait_status), ==, SIGTERM);
  test_poll_until (!is_alive (grandchild));
  start_clear (&start);
  g_unlink (path);
  g_rmdir (dir);
}

/* Who ignores SIGTERM is killed after the grace; so is who does so behind a parent that went. */
static void
test_child_ladder (gconstpointer quick)
{
  static const char *lines[] = {
    "trap '' TERM; sleep 600 & echo $! > %s; while :; do wait; done",
    "(trap '' TERM; echo $(sh -c 'echo $PPID') > %s; while :; do sleep 600 & wait; done) "
    "2> /dev/null & wait",
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree char *dir = g_dir_make_tmp ("cfut-XXXXXX", NULL);
      g_autofree char *path = g_build_filename (dir, "pid", NULL);
      g_autofree char *before = g_strndup (lines[i], strstr (lines[i], "%s") - lines[i]);
      g_autofree char *line = g_strconcat (before, path, strstr (lines[i], "%s") + 2, NULL);
      const char *argv[] = { "/bin/sh", "-c", line, NULL };
      Start start;
      int grandchild;

      start_init (&start, argv, quick);
      start.spec.grace_usec = 100 * 1000;
      start_go (&start);
      grandchild = read_pid (path);
      g_assert_true (is_alive (grandchild));
      cfut_child_stop (start.child);
      start_wait (&start);
      g_assert_cmpint (WTERMSIG (start.wait_status), ==, i == 0 ? SIGKILL : SIGTERM);
      test_poll_until (!is_alive (grandchild));
      start_clear (&start);
      g_unlink (path);
      g_rmdir (dir);
    }
}

/* The same where the kernel knows no signals to the group of a pidfd. */
static void
test_child_ladder_on_old_kernels (void)
{
  cfut_child_pretend_old (TRUE);
  test_child_stops (QUICK);
  test_child_ladder (QUICK);
  test_child_stops (SLOW);
  cfut_child_pretend_old (FALSE);
}

/* A stopped process is stopped for good. */
static void
test_child_stops_what_is_stopped (gconstpointer quick)
{
  const char *argv[] = { "sleep", "600", NULL };
  Start start;

  start_init (&start, argv, quick);
  start.spec.grace_usec = TEST_DEADLINE_USEC;
  start_go (&start);
  g_assert_true (cfut_child_signal (start.child, SIGSTOP));
  cfut_child_stop (start.child);
  start_wait (&start);
  g_assert_cmpint (WTERMSIG (start.wait_status), ==, SIGTERM);
  start_clear (&start);
}

/* A kill reaches the whole group at once. */
static void
test_child_killed (gconstpointer quick)
{
  const char *argv[] = { "/bin/sh", "-c", "trap '' TERM; echo x; sleep 600", NULL };
  char byte;
  Start start;
  int out;

  start_init (&start, argv, quick);
  start.spec.stdio[1] = CFUT_STDIO_PIPE;
  start_go (&start);
  out = cfut_child_steal_pipe (start.child, 1);
  test_poll_until (read (out, &byte, 1) == 1);
  cfut_child_kill (start.child);
  start_wait (&start);
  g_assert_cmpint (WTERMSIG (start.wait_status), ==, SIGKILL);
  /* The end of the pipe comes when the sleep is gone too. */
  test_poll_until (read (out, &byte, 1) == 0 || read (out, &byte, 1) == 0);
  close (out);
  start_clear (&start);
}

/* Somebody else in the program reaps all children: the exit is told, and how is not known. */
static void
test_child_reaped_by_another (void)
{
  const char *argv[] = { "/bin/true", NULL };
  struct sigaction ignore = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
  struct sigaction before;
  Start start;

  start_init (&start, argv, QUICK);
  sigaction (SIGCHLD, &ignore, &before);
  start_go (&start);
  start_wait (&start);
  sigaction (SIGCHLD, &before, NULL);
  g_assert_cmpint (start.wait_status, ==, -1);
  cfut_child_kill (start.child);
  start_clear (&start);
}

typedef struct {
  CfutChildSpec spec;
  guint n_left;
  guint n_exited;
  TestSem exited;
} Flood;

static void
flood_on_exited (CfutChild *child,
                 int        wait_status,
                 gpointer   data);

static void
flood_start (gpointer data)
{
  Flood *self = data;
  CfutChild *child;
  GError *error = NULL;

  self->n_left--;
  child = cfut_child_spawn (&self->spec, &error);
  g_assert_no_error (error);
  /* Every third is stopped, which changes nothing for the accounts. */
  if (self->n_left % 3 == 0)
    cfut_child_stop (child);
  close (cfut_child_steal_pipe (child, 1));
  cfut_child_unref (child);
}

static void
flood_on_exited (CfutChild *child,
                 int        wait_status,
                 gpointer   data)
{
  Flood *self = data;

  g_assert_true (wait_status == 0 || WTERMSIG (wait_status) == SIGTERM);
  self->n_exited++;
  if (self->n_left > 0)
    flood_start (self);
  /* Each wait of the guard's length sees many. */
  if (self->n_exited % 100 == 0)
    test_sem_post (&self->exited);
}

/* After many starts no process is left, dead or alive, and no descriptor. */
static void
flood (guint    n,
       gboolean quick)
{
  const char *argv[] = { "/bin/true", NULL };
  Flood self = { .spec = CFUT_CHILD_SPEC_INIT };

  assert_quiet ();
  self.n_left = n;
  self.spec.argv = argv;
  self.spec.quick = quick;
  self.spec.stdio[1] = CFUT_STDIO_PIPE;
  self.spec.stdio[2] = CFUT_STDIO_TAIL;
  self.spec.exited = flood_on_exited;
  self.spec.user_data = &self;
  self.spec.grace_usec = 20 * 1000;
  test_sem_init (&self.exited);
  for (int i = 0; i < 4; i++)
    cfut_io_invoke (flood_start, &self);
  for (guint i = 0; i < n / 100; i++)
    test_sem_wait (&self.exited);
  pass_io_thread ();
  g_assert_cmpuint (self.n_exited, ==, n);
  assert_quiet ();
  test_sem_clear (&self.exited);
}

static void
test_child_leaves_nothing (void)
{
  flood (10000, TRUE);
  flood (500, FALSE);
}

int
main (int    argc,
      char **argv)
{
  static const struct {
    const char *name;
    void (*func) (gconstpointer quick);
  } both[] = {
    { "exits", test_child_exits },
    { "is-told-of-when-dropped", test_child_dropped },
    { "dies-by-a-signal", test_child_dies },
    { "keeps-the-tail-of-stderr", test_child_tail },
    { "leaves-stderr-open", test_child_stderr_kept_open },
    { "begins-with-clean-signals", test_child_clean_signals },
    { "inherits-no-descriptors", test_child_inherits_nothing },
    { "gets-descriptors", test_child_gets_descriptors },
    { "has-pipes", test_child_pipes },
    { "has-directory-and-environment", test_child_surroundings },
    { "comes-behind-a-prefix", test_child_prefix },
    { "has-limits", test_child_limits },
    { "cannot-be-started", test_child_cannot_start },
    { "is-a-script", test_child_script },
    { "no-descriptors-left", test_child_no_descriptors },
    { "stops-with-its-group", test_child_stops },
    { "is-killed-after-the-grace", test_child_ladder },
    { "stops-when-it-is-stopped", test_child_stops_what_is_stopped },
    { "is-killed-with-its-group", test_child_killed },
  };

  g_test_init (&argc, &argv, NULL);

  /* GLib opens something of its own with its first child. */
  g_free (shell (":", SLOW, NULL));
  pass_io_thread ();
  n_quiet_fds = test_count_descriptors ();

  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    {
      g_autofree char *quick = g_strconcat ("/cfut/child/quick/", both[i].name, NULL);
      g_autofree char *slow = g_strconcat ("/cfut/child/launcher/", both[i].name, NULL);

      g_test_add_data_func (quick, QUICK, both[i].func);
      g_test_add_data_func (slow, SLOW, both[i].func);
    }
  g_test_add_func ("/cfut/child/is-described", test_child_described);
  g_test_add_func ("/cfut/child/stops-on-old-kernels", test_child_ladder_on_old_kernels);
  g_test_add_func ("/cfut/child/is-reaped-by-another", test_child_reaped_by_another);
  g_test_add_func ("/cfut/child/leaves-nothing-behind", test_child_leaves_nothing);

  return g_test_run ();
}
