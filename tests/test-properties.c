/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Properties, as a binding and g_object_bind_property use them: each tells what its getter tells, and
 * takes what its setter takes. */

#include "test-util.h"

static guint64
read_number (gpointer    object,
             const char *name)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_auto (GValue) number = G_VALUE_INIT;

  g_value_init (&number, G_TYPE_UINT64);
  g_object_get_property (object, name, &value);
  g_assert_true (g_value_transform (&value, &number));
  return g_value_get_uint64 (&number);
}

static double
read_double (gpointer    object,
             const char *name)
{
  double number;

  g_object_get (object, name, &number, NULL);
  return number;
}

/* An executor with one task that runs, one that waits, one that has run, and limits. */
static void
test_properties_executor (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (1e9, 100);
  g_autoptr (CfutRateLimit) same = NULL;
  g_autoptr (CfutFuture) done = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  g_autoptr (CfutFuture) running = NULL;
  g_autoptr (CfutFuture) waiting = NULL;
  TestGate gate;

  test_gate_init (&gate);
  test_assert_settles (done, CFUT_STATE_RESOLVED);
  running = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  waiting = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);

  g_assert_cmpuint (read_number (executor, "max-workers"), ==, 1);
  g_assert_cmpuint (read_number (executor, "n-pending"), ==, 1);
  g_assert_cmpuint (read_number (executor, "n-running"), ==, 1);
  test_poll_until (cfut_executor_get_n_completed (executor) == 1);
  g_assert_cmpuint (read_number (executor, "n-completed"), ==, 1);
  g_assert_cmpuint (read_number (executor, "can-run-functions"), ==, TRUE);
  g_assert_cmpuint (read_number (executor, "n-threads"), ==, 1);
  g_assert_cmpuint (read_number (executor, "n-abandoned"), ==, 0);

  g_object_set (executor, "max-pending", (guint64) 7, "max-pending-bytes", (guint64) 9000,
                "rate-limit", limit, "idle-timeout-usec", (gint64) 5000000,
                "thread-name-prefix", "props", NULL);
  g_assert_cmpuint (cfut_executor_get_max_pending (executor), ==, 7);
  g_assert_cmpuint (read_number (executor, "max-pending"), ==, 7);
  g_assert_cmpuint (cfut_executor_get_max_pending_bytes (executor), ==, 9000);
  g_assert_cmpuint (read_number (executor, "max-pending-bytes"), ==, 9000);
  g_assert_cmpuint (read_number (executor, "idle-timeout-usec"), ==, 5000000);
  g_object_get (executor, "rate-limit", &same, NULL);
  g_assert_true (same == limit);
  g_assert_true (cfut_executor_get_rate_limit (executor) == limit);

  g_assert_cmpuint (read_number (executor, "paused"), ==, FALSE);
  cfut_executor_pause (executor);
  g_assert_cmpuint (read_number (executor, "paused"), ==, TRUE);
  cfut_executor_resume (executor);
  test_gate_open (&gate);
  test_assert_settles (waiting, CFUT_STATE_RESOLVED);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_gate_clear (&gate);
}

/* A group with one future of each kind of end, and one that goes on. */
static void
test_properties_group (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "one failed");
  CfutPromise *promises[4];

  for (guint i = 0; i < 4; i++)
    {
      promises[i] = cfut_promise_new ();
      cfut_group_add_units (group, cfut_promise_get_future (promises[i]), 10 + i);
    }
  cfut_promise_resolve (promises[0], NULL);
  cfut_promise_reject (promises[1], error);
  cfut_future_cancel (cfut_promise_get_future (promises[2]));

  g_assert_cmpuint (read_number (group, "n-items"), ==, 4);
  g_assert_cmpuint (read_number (group, "n-done"), ==, 3);
  g_assert_cmpuint (read_number (group, "n-failed"), ==, 1);
  g_assert_cmpuint (read_number (group, "n-cancelled"), ==, 1);
  g_assert_cmpuint (read_number (group, "units-done"), ==, 10 + 11 + 12);
  g_assert_cmpuint (read_number (group, "units-total"), ==, 10 + 11 + 12 + 13);
  g_assert_cmpfloat (read_double (group, "fraction"), ==, cfut_group_get_fraction (group));

  g_assert_cmpuint (read_number (group, "cancel-on-failure"), ==, FALSE);
  g_object_set (group, "cancel-on-failure", TRUE, NULL);
  g_assert_cmpuint (read_number (group, "cancel-on-failure"), ==, TRUE);
  g_assert_true (cfut_group_get_cancel_on_failure (group));
  g_assert_cmpuint (read_number (group, "paused"), ==, FALSE);
  cfut_group_pause (group);
  g_assert_cmpuint (read_number (group, "paused"), ==, TRUE);
  cfut_group_resume (group);

  /* Nothing changes these any more. */
  cfut_promise_resolve (promises[3], NULL);
  g_assert_cmpfloat (read_double (group, "rate"), ==, cfut_group_get_rate (group));
  g_assert_cmpint ((gint64) read_number (group, "remaining-usec"), ==,
                   cfut_group_get_remaining_usec (group));

  for (guint i = 0; i < 4; i++)
    g_object_unref (promises[i]);
  test_iterate_ready (NULL);
}

/* Something else than what it is. */
static void
init_other_value (GValue     *value,
                  gpointer    object,
                  GParamSpec *pspec)
{
  static const char *words[] = { "A=1", "B=2", NULL };

  g_value_init (value, pspec->value_type);
  g_object_get_property (object, pspec->name, value);
  switch (pspec->value_type)
    {
    case G_TYPE_BOOLEAN:
      g_value_set_boolean (value, !g_value_get_boolean (value));
      break;
    case G_TYPE_UINT:
      g_value_set_uint (value, g_value_get_uint (value) + 5);
      break;
    case G_TYPE_INT64:
      g_value_set_int64 (value, g_value_get_int64 (value) + 5);
      break;
    case G_TYPE_UINT64:
      g_value_set_uint64 (value, g_value_get_uint64 (value) - 5);
      break;
    case G_TYPE_STRING:
      g_value_set_string (value, "/proc");
      break;
    case G_TYPE_VARIANT:
      g_value_set_variant (value, g_variant_new_string ("other"));
      break;
    default:
      g_assert_true (pspec->value_type == G_TYPE_STRV);
      g_value_set_boxed (value, words);
    }
}

static gboolean
values_are_equal (GValue *a,
                  GValue *b)
{
  if (G_VALUE_HOLDS (a, G_TYPE_STRV))
    return g_strv_equal (g_value_get_boxed (a), g_value_get_boxed (b));

  {
    g_autofree char *text = g_strdup_value_contents (a);
    g_autofree char *other = g_strdup_value_contents (b);

    return g_str_equal (text, other);
  }
}

static void
count_notify (gpointer    object,
              GParamSpec *pspec,
              guint      *n)
{
  (*n)++;
}

/* All that can be set holds what it was set to, and says so once. */
static guint
check_settable (gpointer object)
{
  g_autofree GParamSpec **pspecs = NULL;
  guint n_checked = 0;
  guint n_pspecs;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
  for (guint i = 0; i < n_pspecs; i++)
    {
      g_auto (GValue) other = G_VALUE_INIT;
      g_auto (GValue) is = G_VALUE_INIT;
      g_autofree char *signal = g_strconcat ("notify::", pspecs[i]->name, NULL);
      guint n_notified = 0;

      if (pspecs[i]->owner_type != G_OBJECT_TYPE (object) || !(pspecs[i]->flags & G_PARAM_WRITABLE) ||
          (pspecs[i]->flags & G_PARAM_CONSTRUCT_ONLY))
        continue;

      g_test_message ("%s", pspecs[i]->name);
      init_other_value (&other, object, pspecs[i]);
      g_signal_connect (object, signal, G_CALLBACK (count_notify), &n_notified);
      g_object_set_property (object, pspecs[i]->name, &other);
      g_assert_cmpuint (n_notified, ==, 1);
      g_object_get_property (object, pspecs[i]->name, &is);
      g_assert_true (values_are_equal (&is, &other));
      g_object_set_property (object, pspecs[i]->name, &other);
      g_assert_cmpuint (n_notified, ==, 1);
      g_signal_handlers_disconnect_by_data (object, &n_notified);
      n_checked++;
    }
  return n_checked;
}

/* What holds for workers. The getters tell the same. */
static void
test_properties_process_executor (void)
{
  const char *argv[] = { "/bin/true", "word", NULL };
  g_autoptr (CfutExecutor) executor = cfut_process_executor_new (argv, 3);
  CfutProcessExecutor *self = CFUT_PROCESS_EXECUTOR (executor);
  g_auto (GStrv) words = NULL;
  g_auto (GStrv) same = NULL;
  g_auto (GStrv) prefix = NULL;

  g_assert_cmpuint (read_number (executor, "max-workers"), ==, 3);
  g_assert_cmpuint (read_number (executor, "n-workers"), ==, 0);
  g_assert_cmpuint (read_number (executor, "n-pending"), ==, 0);
  g_assert_cmpuint (read_number (executor, "can-run-functions"), ==, FALSE);
  g_object_get (executor, "worker-argv", &words, NULL);
  same = cfut_process_executor_dup_worker_argv (self);
  g_assert_cmpstrv (words, argv);
  g_assert_cmpstrv (same, argv);

  g_assert_cmpuint (check_settable (executor), >=, 10);
  prefix = cfut_process_executor_dup_launch_prefix (self);
  g_assert_cmpuint (g_strv_length (prefix), ==, 2);
  g_assert_cmpuint (read_number (executor, "launch-quoted"), ==, cfut_process_executor_get_launch_quoted (self));
  g_assert_cmpuint (read_number (executor, "max-calls-per-worker"), ==,
                    cfut_process_executor_get_max_calls_per_worker (self));
  g_assert_cmpuint (read_number (executor, "stop-grace-usec"), ==,
                    (guint64) cfut_process_executor_get_stop_grace_usec (self));
  g_assert_cmpuint (read_number (executor, "start-timeout-usec"), ==,
                    (guint64) cfut_process_executor_get_start_timeout_usec (self));
  g_assert_cmpuint (read_number (executor, "idle-timeout-usec"), ==,
                    (guint64) cfut_process_executor_get_idle_timeout_usec (self));
  g_assert_cmpuint (read_number (executor, "heartbeat-usec"), ==,
                    (guint64) cfut_process_executor_get_heartbeat_usec (self));
  g_assert_cmpuint (read_number (executor, "max-memory"), ==, cfut_process_executor_get_max_memory (self));
  g_assert_cmpuint (read_number (executor, "max-cpu-seconds"), ==, cfut_process_executor_get_max_cpu_seconds (self));
  g_assert_cmpuint (read_number (executor, "max-open-files"), ==, cfut_process_executor_get_max_open_files (self));
}

static void
test_properties_command (void)
{
  g_autoptr (CfutCommand) command = cfut_command_new ();

  g_assert_cmpuint (check_settable (command), >=, 8);
  g_assert_cmpstr (cfut_command_get_cwd (command), ==, "/proc");
  g_assert_cmpstr (cfut_command_get_environ (command)[1], ==, "B=2");
  g_assert_true (cfut_command_get_any_exit_status (command));
  g_assert_cmpuint (read_number (command, "max-stdout-bytes"), ==, cfut_command_get_max_stdout_bytes (command));
  g_assert_cmpuint (read_number (command, "max-stderr-bytes"), ==, cfut_command_get_max_stderr_bytes (command));
  g_assert_cmpuint (read_number (command, "max-memory"), ==, cfut_command_get_max_memory (command));
  g_assert_cmpuint (read_number (command, "max-cpu-seconds"), ==, cfut_command_get_max_cpu_seconds (command));
  g_assert_cmpuint (read_number (command, "max-open-files"), ==, cfut_command_get_max_open_files (command));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/properties/executor", test_properties_executor);
  g_test_add_func ("/cfut/properties/group", test_properties_group);
  g_test_add_func ("/cfut/properties/process-executor", test_properties_process_executor);
  g_test_add_func ("/cfut/properties/command", test_properties_command);

  return g_test_run ();
}
