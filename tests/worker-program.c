/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A worker for tests: functions that answer, last, report, fail, and die in every way. */

#include <cfut/cfut.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
int __lsan_is_turned_off (void);

/* Leaks are looked for by a process that holds this one as a debugger does. If it is killed meanwhile,
 * it cannot be reaped yet when GLib hears of its end, and GLib asks once only. */
int
__lsan_is_turned_off (void)
{
  return g_getenv ("CFUT_TEST_WORKERS_ARE_KILLED") != NULL;
}
#endif

static gboolean
do_echo (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  cfut_task_set_result_variant (task, args);
  return TRUE;
}

/* (xx): their sum */
static gboolean
do_add (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  gint64 a;
  gint64 b;

  if (!g_variant_is_of_type (args, G_VARIANT_TYPE ("(xx)")))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "Two numbers, please");
      return FALSE;
    }
  g_variant_get (args, "(xx)", &a, &b);
  cfut_task_set_result_variant (task, g_variant_new_int64 (a + b));
  return TRUE;
}

static gboolean
do_pid (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  cfut_task_set_result_variant (task, g_variant_new_int32 (getpid ()));
  return TRUE;
}

static gboolean
do_nothing (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  return TRUE;
}

/* (s): opens a FIFO and reads it to its end: arrived when the other side has opened it, and passed
 * when that has closed it. */
static void
pass_fifo (GVariant *args)
{
  const char *path;
  char byte;
  int fd;

  g_variant_get_child (args, 0, "&s", &path);
  do
    fd = open (path, O_RDONLY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    exit (77);
  while (read (fd, &byte, 1) != 0)
    ;
  close (fd);
}

static gboolean
do_hold (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  pass_fifo (args);
  cfut_task_set_result_variant (task, g_variant_new_int32 (getpid ()));
  return TRUE;
}

/* (ss): adds the second to the end of the file that is the first. */
static gboolean
do_append (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  const char *path;
  const char *text;
  int fd;

  g_variant_get (args, "(&s&s)", &path, &text);
  fd = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || write (fd, text, strlen (text)) != (gssize) strlen (text))
    exit (77);
  close (fd);
  return TRUE;
}

/* The same, and then it dies. */
static gboolean
do_append_and_die (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  do_append (task, args, user_data, error);
  raise (SIGKILL);
  return TRUE;
}

/* Until it is asked to stop, with a checkpoint every millisecond. */
static gboolean
do_until_stopped (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  cfut_task_set_message (task, "begun");
  while (cfut_task_checkpoint (task, error))
    g_usleep (1000);
  return FALSE;
}

/* It hears of nothing but signals. */
static gboolean
do_deaf (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  cfut_task_set_message (task, "begun");
  for (;;)
    pause ();

  return FALSE;
}

/* Nor of these, as far as that goes. */
static gboolean
do_stubborn (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  signal (SIGTERM, SIG_IGN);
  return do_deaf (task, args, user_data, error);
}

/* (u): so many steps, of which it reports each. */
static gboolean
do_progress (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  guint n;

  g_variant_get (args, "(u)", &n);
  for (guint i = 1; i <= n; i++)
    {
      g_autofree char *message = g_strdup_printf ("step %u", i);

      cfut_task_set_message (task, message);
      cfut_task_set_progress (task, i, n);
    }
  return TRUE;
}

/* (s): fails with that message. */
static gboolean
do_fail (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  const char *message;

  g_variant_get (args, "(&s)", &message);
  g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, message);
  return FALSE;
}

/* (s): writes that to stderr, and crashes. */
static gboolean
do_crash (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  const char *words;

  g_variant_get (args, "(&s)", &words);
  fprintf (stderr, "%s\n", words);
  fflush (stderr);
  raise (SIGSEGV);
  raise (SIGKILL);
  return TRUE;
}

/* (i): exits with that. */
static gboolean
do_exit (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  int status;

  g_variant_get (args, "(i)", &status);
  _exit (status);
}

/* It is there still, and says nothing any more. */
static gboolean
do_freeze (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  raise (SIGSTOP);
  return TRUE;
}

/* (s): what a library may do on stdout. */
static gboolean
do_print (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  const char *words;

  g_variant_get (args, "(&s)", &words);
  printf ("# %s\n", words);
  fflush (stdout);
  return TRUE;
}

/* (t): lasts so many microseconds of processor time. */
static gboolean
do_burn (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  gint64 end = g_get_monotonic_time ();
  guint64 usec;

  g_variant_get (args, "(t)", &usec);
  end += usec;
  while (g_get_monotonic_time () < end)
    ;
  return TRUE;
}

/* (t): so many bytes of memory, or the end. */
static gboolean
do_allocate (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  guint64 size;
  char *memory;

  g_variant_get (args, "(t)", &size);
  memory = g_malloc (size);
  memset (memory, 1, size);
  g_free (memory);
  return TRUE;
}

/* How many descriptors it may have. */
static gboolean
do_max_files (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  cfut_task_set_result_variant (task, g_variant_new_int64 (sysconf (_SC_OPEN_MAX)));
  return TRUE;
}

/* How often this process was called. */
static gboolean
do_count (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  static int n;

  cfut_task_set_result_variant (task, g_variant_new_int32 (++n));
  return TRUE;
}

/* The words behind the program's name. */
static char **arguments;

static gboolean
do_arguments (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  cfut_task_set_result_variant (task, g_variant_new_strv ((const char * const *) arguments, -1));
  return TRUE;
}

static const struct {
  const char *name;
  CfutCallFunc func;
} functions[] = {
  { "add", do_add },
  { "allocate", do_allocate },
  { "append", do_append },
  { "append-and-die", do_append_and_die },
  { "arguments", do_arguments },
  { "burn", do_burn },
  { "count", do_count },
  { "crash", do_crash },
  { "deaf", do_deaf },
  { "echo", do_echo },
  { "exit", do_exit },
  { "fail", do_fail },
  { "freeze", do_freeze },
  { "hold", do_hold },
  { "max-files", do_max_files },
  { "nothing", do_nothing },
  { "pid", do_pid },
  { "print", do_print },
  { "progress", do_progress },
  { "stubborn", do_stubborn },
  { "until-stopped", do_until_stopped },
};

/* What the worker was told, with `--prepare`. */
static GVariant *setup;

static gboolean
do_setup (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  if (setup != NULL)
    cfut_task_set_result_variant (task, setup);
  return TRUE;
}

/* Fails, and the arguments are the details of that. */
static gboolean
do_detail (CfutTask *task, GVariant *args, gpointer user_data, GError **error)
{
  cfut_task_set_error_details (task, args);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "see the details");
  return FALSE;
}

/* FALSE: it has refused. */
static gboolean
prepare (CfutWorker  *worker,
         GError     **error)
{
  g_autoptr (GError) why = NULL;

  if (!cfut_worker_open (worker, error))
    return FALSE;

  setup = cfut_worker_get_setup (worker);
  cfut_worker_register (worker, "setup", do_setup, NULL, NULL);
  if (setup == NULL || !g_variant_is_of_type (setup, G_VARIANT_TYPE_STRING))
    return TRUE;

  why = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, g_variant_get_string (setup, NULL));
  cfut_worker_refuse (worker, why);
  return FALSE;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (CfutWorker) worker = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  if (!cfut_worker_requested ())
    {
      fprintf (stderr, "This is a worker, and wants to be started as one.\n");
      return 64;
    }
  /* One that fails to begin. */
  if (argc > 1 && strcmp (argv[1], "--fail") == 0)
    {
      fprintf (stderr, "no licence\n");
      return 3;
    }
  if (argc > 1 && strcmp (argv[1], "--hang") == 0)
    for (;;)
      pause ();

  arguments = argv + 1;
  worker = cfut_worker_new ();
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    cfut_worker_register (worker, functions[i].name, functions[i].func, NULL, NULL);
  cfut_worker_register (worker, "detail", do_detail, NULL, NULL);
  if (argc > 1 && strcmp (argv[1], "--prepare") == 0 && !prepare (worker, &error))
    return 4;
  status = cfut_worker_run (worker, &error);
  if (error != NULL)
    fprintf (stderr, "%s\n", error->message);

  return status;
}
