/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a command came to: its status and what it wrote.
 *
 * Threads: any; immutable once made.
 * Locks: none.
 * Owns: the bytes, which are the library's own: to free them calls nothing of a user's.
 * Not here: what makes it (cfut-command-run.c). */

#include <sys/wait.h>

#include "process/cfut-command-private.h"

/**
 * CfutCommandResult:
 *
 * What a program that was run by [method@Cfut.ProcessExecutor.run] came to: the value of its
 * future.
 *
 * ```c
 * CfutCommandResult *result = g_value_get_object (cfut_future_result (future, -1, &error));
 * ```
 *
 * All methods may be called on any thread.
 *
 * Since: 1.0
 */

struct _CfutCommandResult {
  GObject parent_instance;

  int exit_status;
  int term_signal;
  GBytes *bytes[2];
  gboolean truncated[2];
};

typedef enum {
  PROP_EXIT_STATUS = 1,
  PROP_TERM_SIGNAL,
  PROP_STDOUT,
  PROP_STDERR,
  PROP_STDOUT_TRUNCATED,
  PROP_STDERR_TRUNCATED
} CommandResultProperty;

static GParamSpec *properties[PROP_STDERR_TRUNCATED + 1];

G_DEFINE_FINAL_TYPE (CfutCommandResult, cfut_command_result, G_TYPE_OBJECT)

static void
cfut_command_result_finalize (GObject *object)
{
  CfutCommandResult *self = CFUT_COMMAND_RESULT (object);

  g_clear_pointer (&self->bytes[0], g_bytes_unref);
  g_clear_pointer (&self->bytes[1], g_bytes_unref);

  G_OBJECT_CLASS (cfut_command_result_parent_class)->finalize (object);
}

static void
cfut_command_result_get_property (GObject    *object,
                                  guint       id,
                                  GValue     *value,
                                  GParamSpec *pspec)
{
  CfutCommandResult *self = CFUT_COMMAND_RESULT (object);

  switch ((CommandResultProperty) id)
    {
    case PROP_EXIT_STATUS:
      g_value_set_int (value, self->exit_status);
      break;
    case PROP_TERM_SIGNAL:
      g_value_set_int (value, self->term_signal);
      break;
    case PROP_STDOUT:
      g_value_set_boxed (value, self->bytes[CFUT_COMMAND_STREAM_STDOUT]);
      break;
    case PROP_STDERR:
      g_value_set_boxed (value, self->bytes[CFUT_COMMAND_STREAM_STDERR]);
      break;
    case PROP_STDOUT_TRUNCATED:
      g_value_set_boolean (value, self->truncated[CFUT_COMMAND_STREAM_STDOUT]);
      break;
    case PROP_STDERR_TRUNCATED:
      g_value_set_boolean (value, self->truncated[CFUT_COMMAND_STREAM_STDERR]);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_command_result_class_init (CfutCommandResultClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = cfut_command_result_finalize;
  object_class->get_property = cfut_command_result_get_property;

  /**
   * CfutCommandResult:exit-status: (getter get_exit_status)
   *
   * What the program exited with; -1 where it died by a signal.
   *
   * Since: 1.0
   */
  properties[PROP_EXIT_STATUS] =
    g_param_spec_int ("exit-status", NULL, NULL, -1, 255, 0, flags);

  /**
   * CfutCommandResult:term-signal: (getter get_term_signal)
   *
   * The number of the signal that the program died by; 0 where it exited.
   *
   * Since: 1.0
   */
  properties[PROP_TERM_SIGNAL] =
    g_param_spec_int ("term-signal", NULL, NULL, 0, G_MAXINT, 0, flags);

  /**
   * CfutCommandResult:stdout: (getter get_stdout)
   *
   * What the program wrote to its output, or the beginning of it.
   *
   * Since: 1.0
   */
  properties[PROP_STDOUT] =
    g_param_spec_boxed ("stdout", NULL, NULL, G_TYPE_BYTES, flags);

  /**
   * CfutCommandResult:stderr: (getter get_stderr)
   *
   * What the program wrote to its error output, or the end of it.
   *
   * Since: 1.0
   */
  properties[PROP_STDERR] =
    g_param_spec_boxed ("stderr", NULL, NULL, G_TYPE_BYTES, flags);

  /**
   * CfutCommandResult:stdout-truncated: (getter get_stdout_truncated)
   *
   * Whether there was more output than [property@Cfut.Command:max-stdout-bytes].
   *
   * Since: 1.0
   */
  properties[PROP_STDOUT_TRUNCATED] =
    g_param_spec_boolean ("stdout-truncated", NULL, NULL, FALSE, flags);

  /**
   * CfutCommandResult:stderr-truncated: (getter get_stderr_truncated)
   *
   * Whether there was more error output than [property@Cfut.Command:max-stderr-bytes].
   *
   * Since: 1.0
   */
  properties[PROP_STDERR_TRUNCATED] =
    g_param_spec_boolean ("stderr-truncated", NULL, NULL, FALSE, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
cfut_command_result_init (CfutCommandResult *self)
{
}

CfutCommandResult *
cfut_command_result_new (int       wait_status,
                         GBytes   *out,
                         gboolean  out_truncated,
                         GBytes   *err,
                         gboolean  err_truncated)
{
  CfutCommandResult *self = g_object_new (CFUT_TYPE_COMMAND_RESULT, NULL);

  self->exit_status = WIFEXITED (wait_status) ? WEXITSTATUS (wait_status) : -1;
  self->term_signal = WIFSIGNALED (wait_status) ? WTERMSIG (wait_status) : 0;
  self->bytes[CFUT_COMMAND_STREAM_STDOUT] = out;
  self->bytes[CFUT_COMMAND_STREAM_STDERR] = err;
  self->truncated[CFUT_COMMAND_STREAM_STDOUT] = out_truncated;
  self->truncated[CFUT_COMMAND_STREAM_STDERR] = err_truncated;

  return self;
}

static char *
dup_text (GBytes *bytes)
{
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);

  return size > 0 ? g_utf8_make_valid (data, size) : g_strdup ("");
}

/**
 * cfut_command_result_get_exit_status: (get-property exit-status)
 * @self: a result
 *
 * Tells what the program exited with. Where a future was resolved that is 0, unless its command
 * said [property@Cfut.Command:any-exit-status].
 *
 * Returns: 0 to 255; -1 where it died by a signal
 *
 * Since: 1.0
 */
int
cfut_command_result_get_exit_status (CfutCommandResult *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND_RESULT (self), -1);

  return self->exit_status;
}

/**
 * cfut_command_result_get_term_signal: (get-property term-signal)
 * @self: a result
 *
 * Tells by which signal the program died.
 *
 * Returns: the number; 0 where it exited
 *
 * Since: 1.0
 */
int
cfut_command_result_get_term_signal (CfutCommandResult *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND_RESULT (self), 0);

  return self->term_signal;
}

/**
 * cfut_command_result_get_stdout: (get-property stdout)
 * @self: a result
 *
 * Gives what the program wrote to its output.
 *
 * Returns: (transfer none): the bytes; never %NULL
 *
 * Since: 1.0
 */
GBytes *
cfut_command_result_get_stdout (CfutCommandResult *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND_RESULT (self), NULL);

  return self->bytes[CFUT_COMMAND_STREAM_STDOUT];
}

/**
 * cfut_command_result_get_stderr: (get-property stderr)
 * @self: a result
 *
 * Gives what the program wrote to its error output.
 *
 * Returns: (transfer none): the bytes; never %NULL
 *
 * Since: 1.0
 */
GBytes *
cfut_command_result_get_stderr (CfutCommandResult *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND_RESULT (self), NULL);

  return self->bytes[CFUT_COMMAND_STREAM_STDERR];
}

/**
 * cfut_command_result_get_stdout_truncated: (get-property stdout-truncated)
 * @self: a result
 *
 * Tells whether not all of the output was kept.
 *
 * Returns: whether there was more
 *
 * Since: 1.0
 */
gboolean
cfut_command_result_get_stdout_truncated (CfutCommandResult *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND_RESULT (self), FALSE);

  return self->truncated[CFUT_COMMAND_STREAM_STDOUT];
}

/**
 * cfut_command_result_get_stderr_truncated: (get-property stderr-truncated)
 * @self: a result
 *
 * Tells whether not all of the error output was kept.
 *
 * Returns: whether there was more
 *
 * Since: 1.0
 */
gboolean
cfut_command_result_get_stderr_truncated (CfutCommandResult *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND_RESULT (self), FALSE);

  return self->truncated[CFUT_COMMAND_STREAM_STDERR];
}

/**
 * cfut_command_result_dup_stdout_text:
 * @self: a result
 *
 * Gives the output as text, with bytes that are not UTF-8 replaced by U+FFFD.
 *
 * Returns: (transfer full): the text
 *
 * Since: 1.0
 */
char *
cfut_command_result_dup_stdout_text (CfutCommandResult *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND_RESULT (self), NULL);

  return dup_text (self->bytes[CFUT_COMMAND_STREAM_STDOUT]);
}

/**
 * cfut_command_result_dup_stderr_text:
 * @self: a result
 *
 * Gives the error output as text, with bytes that are not UTF-8 replaced by U+FFFD.
 *
 * Returns: (transfer full): the text
 *
 * Since: 1.0
 */
char *
cfut_command_result_dup_stderr_text (CfutCommandResult *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND_RESULT (self), NULL);

  return dup_text (self->bytes[CFUT_COMMAND_STREAM_STDERR]);
}
