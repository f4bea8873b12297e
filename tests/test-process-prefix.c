/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Workers behind a launch prefix: one that keeps the descriptors, one that empties the environment,
 * one that lets nothing through but stdin and stdout. */

#include "test-process-util.h"

#include <string.h>

/* Calls, and what comes in the middle of one. */
static void
check_executor (CfutExecutor *executor)
{
  g_autoptr (CfutFuture) echo = NULL;
  g_autoptr (CfutFuture) print = NULL;
  g_autoptr (CfutFuture) cancelled = NULL;
  g_autoptr (CfutFuture) deadly = NULL;
  g_autoptr (GPtrArray) many = g_ptr_array_new_with_free_func (g_object_unref);
  GError *error = NULL;
  GVariant *value;

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

static void
test_prefix (gconstpointer data)
{
  g_auto (GStrv) words = g_strsplit (data, "|", -1);
  g_autofree char *program = g_find_program_in_path (words[0]);
  CfutExecutor *executor;

  if (program == NULL)
    {
      g_test_skip ("no such program");
      return;
    }

  executor = test_process_executor_new (1);
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
  CfutExecutor *executor = test_process_executor_new (1);

  cfut_process_executor_set_launch_quoted (CFUT_PROCESS_EXECUTOR (executor), quoted);
  cfut_process_executor_set_launch_prefix (CFUT_PROCESS_EXECUTOR (executor),
                                           quoted ? shell : direct);
  check_executor (executor);
  test_process_executor_end (executor);
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
  g_test_add_data_func ("/cfut/process-prefix/relay", NULL, test_relay);
  g_test_add_data_func ("/cfut/process-prefix/relay-quoted", "x", test_relay);
  g_test_add_func ("/cfut/process-prefix/no-such-prefix", test_no_prefix);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
