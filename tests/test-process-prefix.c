/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Workers behind a launch prefix: one that keeps the descriptors, one that empties the environment, a sandbox,
 * ones that let nothing through but stdin and stdout, and ssh to a server of the test's own. */

#include "test-process-util.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What a shell would make something else of. */
static const char *arguments[] = {
  "two  words", "it's", "\"so\"", "$HOME $(pwd) `pwd`", "back\\slash\\", "*", "", "a;b&c|d>e", "line\nbreak", "~", "#",
};

/* A worker with these arguments, and with what it needs of this environment where the tests are run in another
 * GLib than the system's. */
static CfutExecutor *
executor_new (void)
{
  static const char *variables[] = { "LD_LIBRARY_PATH", "TSAN_OPTIONS", "ASAN_OPTIONS", "G_SLICE" };
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = g_path_get_dirname (self);
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, g_strdup ("/usr/bin/env"));
  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    if (g_getenv (variables[i]) != NULL)
      g_ptr_array_add (argv, g_strdup_printf ("%s=%s", variables[i], g_getenv (variables[i])));
  g_ptr_array_add (argv, g_build_filename (directory, "worker-program", NULL));
  for (guint i = 0; i < G_N_ELEMENTS (arguments); i++)
    g_ptr_array_add (argv, g_strdup (arguments[i]));
  g_ptr_array_add (argv, NULL);

  return cfut_process_executor_new ((const char * const *) argv->pdata, 1);
}

/* Calls, and what comes in the middle of one. */
static void
check_executor (CfutExecutor *executor)
{
  g_autoptr (CfutFuture) echo = NULL;
  g_autoptr (CfutFuture) print = NULL;
  g_autoptr (CfutFuture) cancelled = NULL;
  g_autoptr (CfutFuture) deadly = NULL;
  g_autoptr (GPtrArray) many = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (CfutFuture) words = NULL;
  g_autofree const char **got = NULL;
  GError *error = NULL;
  GVariant *value;
  gsize n_got;

  words = cfut_executor_call (executor, NULL, "arguments", NULL);
  value = cfut_future_result_variant (words, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  got = g_variant_get_strv (value, &n_got);
  g_assert_cmpuint (n_got, ==, G_N_ELEMENTS (arguments));
  for (guint i = 0; i < n_got; i++)
    g_assert_cmpstr (got[i], ==, arguments[i]);

  echo = cfut_executor_call (executor, NULL, "echo", g_variant_new ("(sv)", "a 'quoted' \"word\" $HOME",
                                                                    g_variant_new_uint64 (7)));
  value = cfut_future_result_variant (echo, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (value, G_VARIANT_TYPE ("(sv)")));

  print = cfut_executor_call (executor, NULL, "print", g_variant_new ("(s)", "not a frame"));
  test_assert_settles (print, CFUT_STATE_RESOLVED);

  cancelled = cfut_executor_call (executor, NULL, "until-stopped", NULL);
  test_poll_until (cfut_future_get_state (cancelled) == CFUT_STATE_RUNNING);
  cfut_future_cancel (cancelled);
  test_assert_settles (cancelled, CFUT_STATE_CANCELLED);

  for (guint i = 0; i < 500; i++)
    g_ptr_array_add (many, cfut_executor_call (executor, NULL, "add",
                                               g_variant_new ("(xx)", (gint64) i, (gint64) i)));
  for (guint i = 0; i < many->len; i++)
    {
      test_assert_settles (many->pdata[i], CFUT_STATE_RESOLVED);
      g_assert_cmpint (g_variant_get_int64 (cfut_future_result_variant (many->pdata[i], 0, NULL)), ==,
                       2 * i);
    }

  deadly = cfut_executor_call (executor, NULL, "crash", g_variant_new ("(s)", "aaaaah"));
  test_assert_fails (deadly, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
  test_process_call_number (executor, "pid");
}

/* Why it cannot be run here, as bwrap in a container may not be. */
static char *
why_not (char **words)
{
  g_autofree char *program = g_find_program_in_path (words[0]);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) argv = NULL;
  g_autofree char *said = NULL;
  int status = 0;

  if (program == NULL)
    return g_strdup_printf ("there is no %s", words[0]);

  g_strv_builder_addv (builder, (const char **) words);
  g_strv_builder_add (builder, "true");
  argv = g_strv_builder_end (builder);
  g_assert_true (g_spawn_sync (NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                               &said, &status, NULL));
  return status != 0 ? g_strdup_printf ("%s does not work here: %s", words[0], said) : NULL;
}

static void
test_prefix (gconstpointer data)
{
  g_auto (GStrv) words = g_strsplit (data, "|", -1);
  g_autofree char *reason = why_not (words);
  CfutExecutor *executor;

  if (reason != NULL)
    {
      g_test_skip (reason);
      return;
    }

  executor = executor_new ();
  cfut_process_executor_set_launch_prefix (CFUT_PROCESS_EXECUTOR (executor),
                                           (const char * const *) words);
  check_executor (executor);
  test_process_executor_end (executor);
}

/* As with ssh: one argument, a shell, and nothing but two pipes. */
static void
test_relay (gconstpointer data)
{
  gboolean quoted = data != NULL;
  const char *direct[] = { "/bin/sh", "-c", "cat | \"$@\" 3>&- 4>&- | cat", "sh", NULL };
  const char *shell[] = { "/bin/sh", "-c", "cat | /bin/sh -c \"$1\" 3>&- 4>&- | cat", "sh", NULL };
  CfutExecutor *executor = executor_new ();

  /* The shell waits for the first "cat", and so the end of the worker is found by its silence. */
  cfut_process_executor_set_heartbeat_usec (CFUT_PROCESS_EXECUTOR (executor), G_USEC_PER_SEC);
  cfut_process_executor_set_launch_quoted (CFUT_PROCESS_EXECUTOR (executor), quoted);
  cfut_process_executor_set_launch_prefix (CFUT_PROCESS_EXECUTOR (executor),
                                           quoted ? shell : direct);
  check_executor (executor);
  test_process_executor_end (executor);
}

/* --- ssh --- */

typedef struct {
  char *folder;
  char *server_key;
  char *user_key;
  char *known_hosts;
  char *config;
  gboolean made_run_folder;
  guint16 port;
  GSubprocess *server;   /* (nullable) */
} Ssh;

#define RUN_FOLDER "/run/sshd"

static guint16
free_port (void)
{
  g_autoptr (GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (loopback, 0);
  g_autoptr (GSocketAddress) bound = NULL;

  g_assert_true (g_socket_bind (socket, address, FALSE, NULL));
  bound = g_socket_get_local_address (socket, NULL);
  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
}

static gboolean
is_served (guint16 port)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;

  g_socket_client_set_enable_proxy (client, FALSE);
  connection = g_socket_client_connect_to_host (client, "127.0.0.1", port, NULL, NULL);

  return connection != NULL;
}

static void
make_key (const char *path)
{
  const char *argv[] = { "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "cfut-tests", "-f", path, NULL };
  int status = -1;

  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
}

static void
ssh_write_files (Ssh *self)
{
  g_autofree char *public_path = g_strconcat (self->server_key, ".pub", NULL);
  g_autofree char *public_key = NULL;
  g_autofree char *known = NULL;
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (public_path, &public_key, NULL, NULL));
  known = g_strdup_printf ("[127.0.0.1]:%u %s", self->port, public_key);
  g_assert_true (g_file_set_contents (self->known_hosts, known, -1, NULL));
  text = g_strdup_printf ("ListenAddress 127.0.0.1:%u\n"
                          "HostKey %s\n"
                          "AuthorizedKeysFile %s.pub\n"
                          "StrictModes no\n"
                          "UsePAM no\n"
                          "UseDNS no\n"
                          "PasswordAuthentication no\n"
                          "KbdInteractiveAuthentication no\n"
                          "PermitRootLogin prohibit-password\n"
                          "PidFile none\n"
                          "LogLevel ERROR\n", self->port, self->server_key, self->user_key);
  g_assert_true (g_file_set_contents (self->config, text, -1, NULL));
}

/* FALSE: somebody has taken the port meanwhile. */
static gboolean
ssh_start_server (Ssh        *self,
                  const char *program)
{
  GError *error = NULL;

  self->port = free_port ();
  ssh_write_files (self);
  self->server = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error, program, "-D", "-e", "-f", self->config,
                                   NULL);
  g_assert_no_error (error);
  /* No identifier: it has ended. */
  test_poll_until (is_served (self->port) || g_subprocess_get_identifier (self->server) == NULL);
  if (g_subprocess_get_identifier (self->server) != NULL)
    return TRUE;

  g_clear_object (&self->server);
  return FALSE;
}

static void
ssh_init (Ssh        *self,
          const char *program)
{
  self->folder = g_dir_make_tmp ("cfut-ssh-XXXXXX", NULL);
  self->server_key = g_build_filename (self->folder, "server", NULL);
  self->user_key = g_build_filename (self->folder, "user", NULL);
  self->known_hosts = g_build_filename (self->folder, "known", NULL);
  self->config = g_build_filename (self->folder, "config", NULL);
  /* Where root runs a server it insists on this one. */
  self->made_run_folder = getuid () == 0 && g_mkdir (RUN_FOLDER, 0755) == 0;
  make_key (self->server_key);
  make_key (self->user_key);
  for (guint i = 0; i < 3 && self->server == NULL; i++)
    ssh_start_server (self, program);
}

static void
ssh_clear (Ssh *self)
{
  static const char *names[] = { "server", "server.pub", "user", "user.pub", "known", "config" };

  if (self->server != NULL)
    {
      g_subprocess_send_signal (self->server, SIGTERM);
      g_subprocess_wait (self->server, NULL, NULL);
      g_object_unref (self->server);
    }
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (self->folder, names[i], NULL);

      g_unlink (path);
    }
  g_rmdir (self->folder);
  if (self->made_run_folder)
    g_rmdir (RUN_FOLDER);
  g_free (self->folder);
  g_free (self->server_key);
  g_free (self->user_key);
  g_free (self->known_hosts);
  g_free (self->config);
}

static char **
ssh_words (Ssh *self)
{
  g_autofree char *line = g_strdup_printf ("ssh|-T|-F|none|-p|%u|-i|%s|-o|UserKnownHostsFile=%s|-o|GlobalKnownHostsFile=none|"
                                           "-o|StrictHostKeyChecking=yes|-o|BatchMode=yes|-o|IdentitiesOnly=yes|"
                                           "-o|IdentityAgent=none|-o|LogLevel=ERROR|%s@127.0.0.1",
                                           self->port, self->user_key, self->known_hosts, g_get_user_name ());

  return g_strsplit (line, "|", -1);
}

/* (transfer full) (nullable): the server is in no PATH but root's. */
static char *
find_server (void)
{
  char *program = g_find_program_in_path ("sshd");

  if (program == NULL && g_file_test ("/usr/sbin/sshd", G_FILE_TEST_IS_EXECUTABLE))
    program = g_strdup ("/usr/sbin/sshd");
  return program;
}

/* On another machine, as far as the worker can tell: its arguments went through a shell, and there is nothing but
 * stdin and stdout. */
static void
test_ssh (void)
{
  g_autofree char *server = find_server ();
  g_autofree char *client = g_find_program_in_path ("ssh");
  g_autofree char *reason = NULL;
  g_auto (GStrv) words = NULL;
  CfutExecutor *executor;
  Ssh ssh = { NULL, };

  if (server == NULL || client == NULL)
    {
      g_test_skip ("there is no ssh, or no server for it");
      return;
    }

  ssh_init (&ssh, server);
  words = ssh_words (&ssh);
  reason = ssh.server != NULL ? why_not (words) : g_strdup ("its server cannot be started");
  if (reason != NULL)
    {
      g_test_skip (reason);
      ssh_clear (&ssh);
      return;
    }

  executor = executor_new ();
  cfut_process_executor_set_launch_quoted (CFUT_PROCESS_EXECUTOR (executor), TRUE);
  cfut_process_executor_set_launch_prefix (CFUT_PROCESS_EXECUTOR (executor), (const char * const *) words);
  check_executor (executor);
  test_process_executor_end (executor);
  ssh_clear (&ssh);
}

/* A prefix that does not exist breaks the executor, and is named. */
static void
test_no_prefix (void)
{
  const char *words[] = { "/no/such/launcher", NULL };
  CfutExecutor *executor = test_process_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  cfut_process_executor_set_launch_prefix (CFUT_PROCESS_EXECUTOR (executor), words);
  future = cfut_executor_call (executor, NULL, "pid", NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  error = cfut_future_dup_error (future);
  g_assert_nonnull (strstr (error->message, "/no/such/launcher"));

  test_process_executor_end (executor);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/cfut/process-prefix/nice", "nice|-n|1", test_prefix);
  g_test_add_data_func ("/cfut/process-prefix/env", "env|-i", test_prefix);
  g_test_add_data_func ("/cfut/process-prefix/setpriv", "setpriv|--no-new-privs", test_prefix);
  g_test_add_data_func ("/cfut/process-prefix/bwrap", "bwrap|--dev-bind|/|/", test_prefix);
  g_test_add_data_func ("/cfut/process-prefix/bwrap-alone",
                        "bwrap|--dev-bind|/|/|--unshare-pid|--die-with-parent|--clearenv|--proc|/proc", test_prefix);
  g_test_add_func ("/cfut/process-prefix/ssh", test_ssh);
  g_test_add_data_func ("/cfut/process-prefix/relay", NULL, test_relay);
  g_test_add_data_func ("/cfut/process-prefix/relay-quoted", "x", test_relay);
  g_test_add_func ("/cfut/process-prefix/no-such-prefix", test_no_prefix);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
