/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Workers that are wrong: of another version, others than the one that was started, that say what they cannot
 * mean, that print where frames go, that end again and again; and a machine without memory for payloads or room in
 * its temporary folder. The call that it concerns says so, and nothing else is hurt. This program is the worker too,
 * and speaks the protocol by hand where a real one would not say such things. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/cfut-worker-start-private.h"
#include "test-process-util.h"
#include "test-worker-util.h"

#define LARGE (4 * 1024 * 1024)

/* --- what cannot be meant --- */

typedef struct {
  const char *name;
  /* What is sent when the first call has come, whose id is 1. Its type 0: the end. */
  CfutWireOut frames[3];
  const char *text;      /* (nullable): and this */
  gboolean dies;         /* the call, as it had been started; else another worker runs it */
  gboolean resolves;     /* it had its result before that */
} Nonsense;

#define STARTED(i) { .type = CFUT_WIRE_STARTED, .id = i }
#define RESULT(i) { .type = CFUT_WIRE_RESULT, .id = i }
#define ERROR(i) { .type = CFUT_WIRE_ERROR, .id = i, .domain = "d", .message = "m" }
#define PRINTED "This is what somebody has printed here.\n"
#define HELLO { .type = CFUT_WIRE_HELLO, .has_control = TRUE, .version = CFUT_WIRE_VERSION, .pid = 1, .name = "x" }

static const Nonsense nonsense[] = {
  { .name = "hello-twice", .frames = { HELLO } },
  { .name = "result-of-what-was-not-started", .frames = { RESULT (1) } },
  { .name = "started-what-nobody-called", .frames = { STARTED (77) } },
  { .name = "started-twice", .frames = { STARTED (1), STARTED (1) }, .dies = TRUE },
  { .name = "result-of-what-nobody-called", .frames = { STARTED (1), RESULT (2) }, .dies = TRUE },
  { .name = "result-twice", .frames = { STARTED (1), RESULT (1), RESULT (1) }, .resolves = TRUE },
  { .name = "error-of-what-nobody-called", .frames = { ERROR (9) } },
  { .name = "gives-back-unasked", .frames = { { .type = CFUT_WIRE_RETURNED } } },
  { .name = "talks-like-an-application", .frames = { { .type = CFUT_WIRE_CANCEL, .id = 1 } } },
  { .name = "text", .text = PRINTED },
  { .name = "text-in-a-call", .frames = { STARTED (1) }, .text = PRINTED, .dies = TRUE },
};

/* --- workers --- */

static gboolean
do_log (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  int fd = open (g_variant_get_string (args, NULL), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

  if (write (fd, ".", 1) != 1)
    return FALSE;
  close (fd);
  return TRUE;
}

static gboolean
do_echo (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  cfut_task_set_result_variant (task, args);
  return TRUE;
}

/* So many bytes. */
static gboolean
do_bytes (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  gsize size = g_variant_get_uint32 (args);
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size), size);

  cfut_task_set_result_bytes (task, bytes);
  return TRUE;
}

static int
run_good_worker (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();

  cfut_worker_register (worker, "log", do_log, NULL, NULL);
  cfut_worker_register (worker, "echo", do_echo, NULL, NULL);
  cfut_worker_register (worker, "bytes", do_bytes, NULL, NULL);
  return cfut_worker_run (worker, NULL);
}

static void
say (const CfutWorkerStart *start,
     const CfutWireOut     *frame)
{
  g_autoptr (GBytes) bytes = peer_encode (frame);

  peer_send_bytes (start->write_fd, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static void
say_hello (const CfutWorkerStart *start,
           guint                  version,
           const char            *cookie)
{
  CfutWireOut hello = { .type = CFUT_WIRE_HELLO, .has_control = TRUE, .version = version, .pid = (guint32) getpid (),
                        .name = cookie };

  say (start, &hello);
}

static void
await_call (const CfutWorkerStart *start)
{
  CfutWireType type;
  Heard heard;

  do
    {
      g_assert_true (peer_hear_from (start->read_fd, CFUT_WIRE_APPLICATION, &heard));
      type = heard.wire.type;
      heard_clear (&heard);
    }
  while (type != CFUT_WIRE_CALL);
}

static void G_GNUC_NORETURN
talk_nonsense (const CfutWorkerStart *start,
               const Nonsense        *what)
{
  say_hello (start, CFUT_WIRE_VERSION, start->cookie);
  await_call (start);
  for (guint i = 0; i < G_N_ELEMENTS (what->frames) && what->frames[i].type != 0; i++)
    say (start, &what->frames[i]);
  if (what->text != NULL)
    peer_send_bytes (start->write_fd, what->text, strlen (what->text));
  for (;;)
    pause ();
}

/* One more line with the time. How many there are. */
static guint
note_start (const char *path)
{
  g_autofree char *line = g_strdup_printf ("%" G_GINT64_FORMAT "\n", g_get_monotonic_time ());
  g_autofree char *text = NULL;
  int fd = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  guint n = 0;

  g_assert_cmpint (write (fd, line, strlen (line)), ==, (gssize) strlen (line));
  close (fd);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  for (const char *c = text; *c != '\0'; c++)
    n += *c == '\n';
  return n;
}

#define N_FRUITLESS 6

static int
run_worker (int    argc,
            char **argv)
{
  const CfutWorkerStart *start = cfut_worker_start_get ();
  const char *what = argc > 1 ? argv[1] : "";

  if (g_str_equal (what, "version"))
    say_hello (start, 99, start->cookie);
  else if (g_str_equal (what, "cookie"))
    say_hello (start, CFUT_WIRE_VERSION, "somebody else's");
  else if (g_str_equal (what, "fruitless"))
    {
      if (note_start (argv[2]) > N_FRUITLESS)
        return run_good_worker ();
      say_hello (start, CFUT_WIRE_VERSION, start->cookie);
      await_call (start);
      return EXIT_SUCCESS;
    }
  else if (g_str_equal (what, "nonsense"))
    {
      /* The first one only. */
      int marker = open (argv[3], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

      if (marker < 0)
        return run_good_worker ();
      close (marker);
      talk_nonsense (start, &nonsense[atoi (argv[2])]);
    }
  else
    return run_good_worker ();

  for (;;)
    pause ();
}

/* --- tests --- */

static CfutExecutor *
executor_new (const char *first,
              const char *second,
              const char *third)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  const char *argv[] = { program, first, second, third, NULL };

  return cfut_process_executor_new (argv, 1);
}

/* Its hello is of no use: no other worker would be better, and the error says why. */
static void
test_bad_hello (gconstpointer what)
{
  CfutExecutor *executor = executor_new (what, NULL, NULL);
  const char *words = g_str_equal (what, "version") ? "version 99" : "not the worker that was started";

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "echo", NULL);
      g_autoptr (GError) error = NULL;

      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
      error = cfut_future_dup_error (future);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, words));
    }
  test_process_executor_end (executor);
}

/* It costs the worker its connection, and the call that it had started; that is run by no other. */
static void
test_bad_nonsense (gconstpointer data)
{
  const Nonsense *what = data;
  g_autofree char *marker = test_process_path ("marker");
  g_autofree char *log = test_process_path ("log");
  g_autofree char *index = g_strdup_printf ("%d", (int) (what - nonsense));
  g_autofree char *text = NULL;
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (CfutFuture) other = NULL;
  g_autoptr (GError) error = NULL;
  CfutExecutor *executor;

  g_unlink (marker);
  g_unlink (log);
  executor = executor_new ("nonsense", index, marker);
  future = cfut_executor_call (executor, NULL, "log", g_variant_new_string (log));
  if (what->dies)
    {
      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
      error = cfut_future_dup_error (future);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, "was killed. "));
    }
  else
    test_assert_settles (future, CFUT_STATE_RESOLVED);
  other = cfut_executor_call (executor, NULL, "log", g_variant_new_string (log));
  test_assert_settles (other, CFUT_STATE_RESOLVED);
  g_assert_true (g_file_get_contents (log, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, what->dies || what->resolves ? "." : "..");
  test_process_executor_end (executor);
}

/* What a login prints comes before the first frame: the error tells what was there. */
static void
test_bad_banner (void)
{
  const char *prefix[] = { "/bin/sh", "-c", "echo 'Welcome to this machine!'; exec \"$@\"", "sh", NULL };
  CfutExecutor *executor = executor_new (NULL, NULL, NULL);
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  cfut_process_executor_set_launch_prefix (CFUT_PROCESS_EXECUTOR (executor), prefix);
  future = cfut_executor_call (executor, NULL, "echo", NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  error = cfut_future_dup_error (future);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "Welcome"));
  test_process_executor_end (executor);
}

/* Who ends without having ended a call is followed later each time, and the call waits for one that does. */
static void
test_bad_backs_off (void)
{
  g_autofree char *path = test_process_path ("starts");
  g_autofree char *log = test_process_path ("log");
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (CfutFuture) future = NULL;
  CfutExecutor *executor;

  g_unlink (path);
  executor = executor_new ("fruitless", path, NULL);
  future = cfut_executor_call (executor, NULL, "log", g_variant_new_string (log));
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, N_FRUITLESS + 2);
  for (guint i = 0; i < N_FRUITLESS; i++)
    {
      gint64 gap = g_ascii_strtoll (lines[i + 1], NULL, 10) - g_ascii_strtoll (lines[i], NULL, 10);

      g_test_message ("start %u: after %" G_GINT64_FORMAT " us", i + 1, gap);
      g_assert_cmpint (gap, >=, (10 * 1000) << i);
    }
  test_process_executor_end (executor);
}

/* --- a machine that lacks something --- */

/* The same program in other surroundings, which it then runs @what in. */
static void
run_again (const char * const *prefix,
           const char          *what)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) argv = NULL;
  int status = -1;

  if (prefix != NULL)
    g_strv_builder_addv (builder, (const char **) prefix);
  g_strv_builder_add (builder, program);
  g_strv_builder_add (builder, what);
  argv = g_strv_builder_end (builder);
  g_assert_true (g_spawn_sync (NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
  if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
    g_test_skip ("that cannot be had here");
  else
    g_assert_cmpint (status, ==, 0);
}

/* From here on neither this process nor its workers can make memory to pass on. */
static void
forbid_memfd (void)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (code), code };

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    exit (77);
}

static GVariant *
large_bytes (void)
{
  guint8 *data = g_malloc0 (LARGE);

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, LARGE, TRUE, g_free, data);
}

static void
check_small (CfutExecutor *executor)
{
  g_autoptr (CfutFuture) small = cfut_executor_call (executor, NULL, "echo", g_variant_new_int32 (5));

  test_assert_settles (small, CFUT_STATE_RESOLVED);
}

/* The argument, and the result, of one call: others are none the worse. */
static int
run_without_memfd (void)
{
  g_autoptr (CfutFuture) argument = NULL;
  g_autoptr (CfutFuture) result = NULL;
  g_autoptr (GError) error = NULL;
  CfutExecutor *executor;

  forbid_memfd ();
  executor = executor_new (NULL, NULL, NULL);
  argument = cfut_executor_call (executor, NULL, "echo", large_bytes ());
  test_assert_fails (argument, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  check_small (executor);
  result = cfut_executor_call (executor, NULL, "bytes", g_variant_new_uint32 (LARGE));
  test_assert_fails (result, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  error = cfut_future_dup_error (result);
  g_print ("# %s\n", error->message);
  check_small (executor);
  test_process_executor_end (executor);
  return EXIT_SUCCESS;
}

static void
test_bad_no_memfd (void)
{
  run_again (NULL, "--without-memfd");
}

/* Calls, large values, dicts and commands need no file there. */
static int
run_in_full_folder (void)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "file", NULL);
  const char *argv[] = { "/bin/echo", "words", NULL };
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  CfutExecutor *executor = executor_new (NULL, NULL, NULL);
  g_autoptr (CfutFuture) large = NULL;
  g_autoptr (CfutFuture) command = NULL;
  int fd;

  fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  g_assert_true (fd < 0 || write (fd, path, 4) < 0);
  cfut_process_executor_share (CFUT_PROCESS_EXECUTOR (executor), "dict", dict);
  large = cfut_executor_call (executor, NULL, "echo", large_bytes ());
  command = cfut_process_executor_run (CFUT_PROCESS_EXECUTOR (executor), NULL, NULL, argv, NULL);
  test_assert_settles (large, CFUT_STATE_RESOLVED);
  test_assert_settles (command, CFUT_STATE_RESOLVED);
  check_small (executor);
  test_process_executor_end (executor);
  return EXIT_SUCCESS;
}

/* In a name space of mounts of its own; over /tmp as well, unless this program is there. */
static void
test_bad_full_folder (void)
{
  static const char script[] =
    "mount -t tmpfs -o size=4k none \"$1\" || exit 77\n"
    "cat /dev/zero > \"$1\"/full 2> /dev/null\n"
    "case $2 in /tmp/*) ;; *) mount --bind \"$1\" /tmp || exit 77;; esac\n"
    "TMPDIR=$1; export TMPDIR; shift; exec \"$@\"\n";
  g_autofree char *folder = g_dir_make_tmp ("cfut-full-XXXXXX", NULL);
  const char *prefix[] = { "unshare", getuid () == 0 ? "-m" : "-Urm", "/bin/sh", "-c", script, "sh", folder, NULL };
  const char *attempt[] = { "unshare", prefix[1], "true", NULL };
  int status = -1;

  if (!g_spawn_sync (NULL, (char **) attempt, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL) ||
      status != 0)
    g_test_skip ("there is no unshare, or it may not be used here");
  else
    run_again (prefix, "--in-full-folder");
  g_rmdir (folder);
}

/* The application's own side of a dict needs no executor: it goes on when that is gone. */
static void
test_bad_dict_without_executor (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  CfutExecutor *executor = executor_new (NULL, NULL, NULL);
  GError *error = NULL;

  cfut_process_executor_share (CFUT_PROCESS_EXECUTOR (executor), "dict", dict);
  check_small (executor);
  g_assert_cmpint (cfut_shared_dict_add (dict, "n", 3, &error), ==, 3);
  test_process_executor_end (executor);
  g_assert_cmpint (cfut_shared_dict_add (dict, "n", 4, &error), ==, 7);
  g_assert_no_error (error);
  g_assert_true (cfut_shared_dict_remove (dict, "n", &error));
  g_assert_no_error (error);
}

int
main (int    argc,
      char **argv)
{
  int status;

  if (cfut_worker_requested ())
    return run_worker (argc, argv);
  if (argc > 1 && g_str_equal (argv[1], "--without-memfd"))
    return run_without_memfd ();
  if (argc > 1 && g_str_equal (argv[1], "--in-full-folder"))
    return run_in_full_folder ();

  g_test_init (&argc, &argv, NULL);
  /* Whoever starts the tests may have it ignored. */
  signal (SIGPIPE, SIG_DFL);

  g_test_add_data_func ("/cfut/process-bad/another-version", "version", test_bad_hello);
  g_test_add_data_func ("/cfut/process-bad/somebody-else", "cookie", test_bad_hello);
  for (guint i = 0; i < G_N_ELEMENTS (nonsense); i++)
    {
      g_autofree char *path = g_strconcat ("/cfut/process-bad/nonsense/", nonsense[i].name, NULL);

      g_test_add_data_func (path, &nonsense[i], test_bad_nonsense);
    }
  g_test_add_func ("/cfut/process-bad/banner", test_bad_banner);
  g_test_add_func ("/cfut/process-bad/backs-off", test_bad_backs_off);
  g_test_add_func ("/cfut/process-bad/no-memfd", test_bad_no_memfd);
  g_test_add_func ("/cfut/process-bad/full-temporary-folder", test_bad_full_folder);
  g_test_add_func ("/cfut/process-bad/dict-without-executor", test_bad_dict_without_executor);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
