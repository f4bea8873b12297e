/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The command: how a program is to be run. It does nothing itself.
 *
 * Threads: one at a time, which is the user's to see to: there is no lock, and a submission reads
 *   on its own thread and is done with the command when it returns.
 * Locks: none.
 * Owns: copies of what is set, and a reference on the line closure, which runs share.
 * Invariants:
 * 1. A run keeps no hold of its command: what is changed in it holds for later runs.
 * 2. The data of a line function is freed where the command is dropped or changed, or on the
 *    owner's context of the last run that uses it.
 * Not here: running it (cfut-command-run.c). */

#include "process/cfut-command-private.h"

/**
 * CfutCommand:
 *
 * How [method@Cfut.ProcessExecutor.run] is to run a program: in which directory, with what limits,
 * and what is to be made of its output.
 *
 * A command is a template, as [class@Cfut.Request] is: a run reads it before it returns and keeps
 * no hold of it. %NULL in its place means the defaults. It may be made and used on any thread, but
 * not on two at once.
 *
 * Since: 1.0
 */

typedef enum {
  PROP_CWD = 1,
  PROP_ENVIRON,
  PROP_ANY_EXIT_STATUS,
  PROP_MAX_STDOUT_BYTES,
  PROP_MAX_STDERR_BYTES,
  PROP_MAX_MEMORY,
  PROP_MAX_CPU_SECONDS,
  PROP_MAX_OPEN_FILES
} CommandProperty;

static GParamSpec *properties[PROP_MAX_OPEN_FILES + 1];

G_DEFINE_FINAL_TYPE (CfutCommand, cfut_command, G_TYPE_OBJECT)

G_DEFINE_ENUM_TYPE (CfutCommandStream, cfut_command_stream,
                    G_DEFINE_ENUM_VALUE (CFUT_COMMAND_STREAM_STDOUT, "stdout"),
                    G_DEFINE_ENUM_VALUE (CFUT_COMMAND_STREAM_STDERR, "stderr"))

CfutLineClosure *
cfut_line_closure_ref (CfutLineClosure *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_line_closure_unref (CfutLineClosure *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  if (self->destroy != NULL)
    self->destroy (self->user_data);
  g_free (self);
}

static void
cfut_command_finalize (GObject *object)
{
  CfutCommand *self = CFUT_COMMAND (object);

  g_free (self->cwd);
  g_strfreev (self->environ);
  g_clear_pointer (&self->line, cfut_line_closure_unref);

  G_OBJECT_CLASS (cfut_command_parent_class)->finalize (object);
}

static void
cfut_command_get_property (GObject    *object,
                           guint       id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  CfutCommand *self = CFUT_COMMAND (object);

  switch ((CommandProperty) id)
    {
    case PROP_CWD:
      g_value_set_string (value, self->cwd);
      break;
    case PROP_ENVIRON:
      g_value_set_boxed (value, self->environ);
      break;
    case PROP_ANY_EXIT_STATUS:
      g_value_set_boolean (value, self->any_exit_status);
      break;
    case PROP_MAX_STDOUT_BYTES:
      g_value_set_uint64 (value, self->max_bytes[CFUT_COMMAND_STREAM_STDOUT]);
      break;
    case PROP_MAX_STDERR_BYTES:
      g_value_set_uint64 (value, self->max_bytes[CFUT_COMMAND_STREAM_STDERR]);
      break;
    case PROP_MAX_MEMORY:
      g_value_set_uint64 (value, self->limits.memory_bytes);
      break;
    case PROP_MAX_CPU_SECONDS:
      g_value_set_uint64 (value, self->limits.cpu_seconds);
      break;
    case PROP_MAX_OPEN_FILES:
      g_value_set_uint64 (value, self->limits.open_files);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_command_set_property (GObject      *object,
                           guint         id,
                           const GValue *value,
                           GParamSpec   *pspec)
{
  CfutCommand *self = CFUT_COMMAND (object);

  switch ((CommandProperty) id)
    {
    case PROP_CWD:
      cfut_command_set_cwd (self, g_value_get_string (value));
      break;
    case PROP_ENVIRON:
      cfut_command_set_environ (self, g_value_get_boxed (value));
      break;
    case PROP_ANY_EXIT_STATUS:
      cfut_command_set_any_exit_status (self, g_value_get_boolean (value));
      break;
    case PROP_MAX_STDOUT_BYTES:
      cfut_command_set_max_stdout_bytes (self, g_value_get_uint64 (value));
      break;
    case PROP_MAX_STDERR_BYTES:
      cfut_command_set_max_stderr_bytes (self, g_value_get_uint64 (value));
      break;
    case PROP_MAX_MEMORY:
      cfut_command_set_max_memory (self, g_value_get_uint64 (value));
      break;
    case PROP_MAX_CPU_SECONDS:
      cfut_command_set_max_cpu_seconds (self, g_value_get_uint64 (value));
      break;
    case PROP_MAX_OPEN_FILES:
      cfut_command_set_max_open_files (self, g_value_get_uint64 (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_command_class_init (CfutCommandClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->finalize = cfut_command_finalize;
  object_class->get_property = cfut_command_get_property;
  object_class->set_property = cfut_command_set_property;

  /**
   * CfutCommand:cwd: (getter get_cwd) (setter set_cwd)
   *
   * The directory that the program is started in; %NULL, the default, for that of this process.
   * Notified on the thread that sets it, as are all.
   *
   * Since: 1.0
   */
  properties[PROP_CWD] =
    g_param_spec_string ("cwd", NULL, NULL, NULL, flags);

  /**
   * CfutCommand:environ: (getter get_environ) (setter set_environ)
   *
   * The whole environment of the program; %NULL, the default, for that of this process.
   *
   * Since: 1.0
   */
  properties[PROP_ENVIRON] =
    g_param_spec_boxed ("environ", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * CfutCommand:any-exit-status: (getter get_any_exit_status) (setter set_any_exit_status)
   *
   * Whether a program that exits with a status other than 0, or dies by a signal, is a success too,
   * whose result tells about it. By default it rejects the future.
   *
   * Since: 1.0
   */
  properties[PROP_ANY_EXIT_STATUS] =
    g_param_spec_boolean ("any-exit-status", NULL, NULL, FALSE, flags);

  /**
   * CfutCommand:max-stdout-bytes: (getter get_max_stdout_bytes) (setter set_max_stdout_bytes)
   *
   * How many bytes of what the program writes to its output are kept for the result: the first.
   * All is read in any case. No limit by default.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_STDOUT_BYTES] =
    g_param_spec_uint64 ("max-stdout-bytes", NULL, NULL, 0, G_MAXUINT64, G_MAXUINT64, flags);

  /**
   * CfutCommand:max-stderr-bytes: (getter get_max_stderr_bytes) (setter set_max_stderr_bytes)
   *
   * How many bytes of what the program writes to its error output are kept for the result: the
   * last. No limit by default.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_STDERR_BYTES] =
    g_param_spec_uint64 ("max-stderr-bytes", NULL, NULL, 0, G_MAXUINT64, G_MAXUINT64, flags);

  /**
   * CfutCommand:max-memory: (getter get_max_memory) (setter set_max_memory)
   *
   * How many bytes of address space the program may have; 0, the default, for what this process
   * may.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_MEMORY] =
    g_param_spec_uint64 ("max-memory", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * CfutCommand:max-cpu-seconds: (getter get_max_cpu_seconds) (setter set_max_cpu_seconds)
   *
   * How many seconds of processor time the program may use, each of its processes by itself; 0, the
   * default, for what this process may. Then it gets SIGXCPU, and SIGKILL a second after.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_CPU_SECONDS] =
    g_param_spec_uint64 ("max-cpu-seconds", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * CfutCommand:max-open-files: (getter get_max_open_files) (setter set_max_open_files)
   *
   * How many descriptors the program may have open; 0, the default, for what this process may.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_OPEN_FILES] =
    g_param_spec_uint64 ("max-open-files", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
cfut_command_init (CfutCommand *self)
{
  self->max_bytes[CFUT_COMMAND_STREAM_STDOUT] = G_MAXUINT64;
  self->max_bytes[CFUT_COMMAND_STREAM_STDERR] = G_MAXUINT64;
}

/**
 * cfut_command_new:
 *
 * Makes a command that runs a program in the directory and the environment of this process, without
 * limits.
 *
 * Returns: (transfer full): a new command
 *
 * Since: 1.0
 */
CfutCommand *
cfut_command_new (void)
{
  return g_object_new (CFUT_TYPE_COMMAND, NULL);
}

/**
 * cfut_command_get_cwd: (get-property cwd)
 * @self: a command
 *
 * Tells in which directory the program is started.
 *
 * Returns: (transfer none) (nullable): the directory; %NULL for that of this process
 *
 * Since: 1.0
 */
const char *
cfut_command_get_cwd (CfutCommand *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND (self), NULL);

  return self->cwd;
}

/**
 * cfut_command_set_cwd: (set-property cwd)
 * @self: a command
 * @cwd: (nullable): a directory, or %NULL for that of this process
 *
 * Sets in which directory the program is started. Where it cannot be, the future is rejected with
 * %G_SPAWN_ERROR_CHDIR.
 *
 * Since: 1.0
 */
void
cfut_command_set_cwd (CfutCommand *self,
                      const char  *cwd)
{
  char *copy;

  g_return_if_fail (CFUT_IS_COMMAND (self));

  if (g_strcmp0 (self->cwd, cwd) == 0)
    return;

  copy = g_strdup (cwd);
  g_free (self->cwd);
  self->cwd = copy;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CWD]);
}

/**
 * cfut_command_get_environ: (get-property environ)
 * @self: a command
 *
 * Tells with what environment the program is started.
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1): strings of the form NAME=VALUE;
 *   %NULL for the environment of this process
 *
 * Since: 1.0
 */
const char * const *
cfut_command_get_environ (CfutCommand *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND (self), NULL);

  return (const char * const *) self->environ;
}

/**
 * cfut_command_set_environ: (set-property environ)
 * @self: a command
 * @environ: (nullable) (array zero-terminated=1): strings of the form NAME=VALUE, or %NULL for the
 *   environment of this process
 *
 * Sets the whole environment of the program. The program itself is looked for in the PATH of this
 * process.
 *
 * Since: 1.0
 */
void
cfut_command_set_environ (CfutCommand        *self,
                          const char * const *environ)
{
  char **copy;

  g_return_if_fail (CFUT_IS_COMMAND (self));

  if (environ != NULL && self->environ != NULL
        ? g_strv_equal (environ, (const char * const *) self->environ)
        : environ == NULL && self->environ == NULL)
    return;

  copy = g_strdupv ((char **) environ);
  g_strfreev (self->environ);
  self->environ = copy;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ENVIRON]);
}

/**
 * cfut_command_get_any_exit_status: (get-property any-exit-status)
 * @self: a command
 *
 * Tells whether a program that fails is a success too.
 *
 * Returns: whether any exit status resolves the future
 *
 * Since: 1.0
 */
gboolean
cfut_command_get_any_exit_status (CfutCommand *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND (self), FALSE);

  return self->any_exit_status;
}

/**
 * cfut_command_set_any_exit_status: (set-property any-exit-status)
 * @self: a command
 * @any_exit_status: whether any exit status resolves the future
 *
 * Sets whether a program that exits with a status other than 0, or dies by a signal, resolves the
 * future as well.
 *
 * Since: 1.0
 */
void
cfut_command_set_any_exit_status (CfutCommand *self,
                                  gboolean     any_exit_status)
{
  g_return_if_fail (CFUT_IS_COMMAND (self));

  any_exit_status = !!any_exit_status;
  if (self->any_exit_status == any_exit_status)
    return;

  self->any_exit_status = any_exit_status;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ANY_EXIT_STATUS]);
}

/**
 * cfut_command_get_max_stdout_bytes: (get-property max-stdout-bytes)
 * @self: a command
 *
 * Tells how much of the output is kept.
 *
 * Returns: a number of bytes
 *
 * Since: 1.0
 */
guint64
cfut_command_get_max_stdout_bytes (CfutCommand *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND (self), 0);

  return self->max_bytes[CFUT_COMMAND_STREAM_STDOUT];
}

/**
 * cfut_command_set_max_stdout_bytes: (set-property max-stdout-bytes)
 * @self: a command
 * @max_bytes: a number of bytes; %G_MAXUINT64 for no limit
 *
 * Sets how much of the output is kept: its beginning. The rest is read all the same.
 *
 * Since: 1.0
 */
void
cfut_command_set_max_stdout_bytes (CfutCommand *self,
                                   guint64      max_bytes)
{
  g_return_if_fail (CFUT_IS_COMMAND (self));

  if (self->max_bytes[CFUT_COMMAND_STREAM_STDOUT] == max_bytes)
    return;

  self->max_bytes[CFUT_COMMAND_STREAM_STDOUT] = max_bytes;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_STDOUT_BYTES]);
}

/**
 * cfut_command_get_max_stderr_bytes: (get-property max-stderr-bytes)
 * @self: a command
 *
 * Tells how much of the error output is kept.
 *
 * Returns: a number of bytes
 *
 * Since: 1.0
 */
guint64
cfut_command_get_max_stderr_bytes (CfutCommand *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND (self), 0);

  return self->max_bytes[CFUT_COMMAND_STREAM_STDERR];
}

/**
 * cfut_command_set_max_stderr_bytes: (set-property max-stderr-bytes)
 * @self: a command
 * @max_bytes: a number of bytes; %G_MAXUINT64 for no limit
 *
 * Sets how much of the error output is kept: its end. The rest is read all the same.
 *
 * Since: 1.0
 */
void
cfut_command_set_max_stderr_bytes (CfutCommand *self,
                                   guint64      max_bytes)
{
  g_return_if_fail (CFUT_IS_COMMAND (self));

  if (self->max_bytes[CFUT_COMMAND_STREAM_STDERR] == max_bytes)
    return;

  self->max_bytes[CFUT_COMMAND_STREAM_STDERR] = max_bytes;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_STDERR_BYTES]);
}

/**
 * cfut_command_get_max_memory: (get-property max-memory)
 * @self: a command
 *
 * Tells how much address space the program may have.
 *
 * Returns: a number of bytes; 0 for no limit of its own
 *
 * Since: 1.0
 */
guint64
cfut_command_get_max_memory (CfutCommand *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND (self), 0);

  return self->limits.memory_bytes;
}

/**
 * cfut_command_set_max_memory: (set-property max-memory)
 * @self: a command
 * @max_bytes: a number of bytes; 0 for no limit of its own
 *
 * Limits the address space of the program. With any limit the start of a program costs more, as
 * this process has to be copied for it.
 *
 * Since: 1.0
 */
void
cfut_command_set_max_memory (CfutCommand *self,
                             guint64      max_bytes)
{
  g_return_if_fail (CFUT_IS_COMMAND (self));

  if (self->limits.memory_bytes == max_bytes)
    return;

  self->limits.memory_bytes = max_bytes;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_MEMORY]);
}

/**
 * cfut_command_get_max_cpu_seconds: (get-property max-cpu-seconds)
 * @self: a command
 *
 * Tells how much processor time the program may use.
 *
 * Returns: seconds; 0 for no limit of its own
 *
 * Since: 1.0
 */
guint64
cfut_command_get_max_cpu_seconds (CfutCommand *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND (self), 0);

  return self->limits.cpu_seconds;
}

/**
 * cfut_command_set_max_cpu_seconds: (set-property max-cpu-seconds)
 * @self: a command
 * @max_seconds: seconds; 0 for no limit of its own
 *
 * Limits the processor time of the program.
 *
 * Since: 1.0
 */
void
cfut_command_set_max_cpu_seconds (CfutCommand *self,
                                  guint64      max_seconds)
{
  g_return_if_fail (CFUT_IS_COMMAND (self));

  if (self->limits.cpu_seconds == max_seconds)
    return;

  self->limits.cpu_seconds = max_seconds;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_CPU_SECONDS]);
}

/**
 * cfut_command_get_max_open_files: (get-property max-open-files)
 * @self: a command
 *
 * Tells how many descriptors the program may have open.
 *
 * Returns: a number; 0 for no limit of its own
 *
 * Since: 1.0
 */
guint64
cfut_command_get_max_open_files (CfutCommand *self)
{
  g_return_val_if_fail (CFUT_IS_COMMAND (self), 0);

  return self->limits.open_files;
}

/**
 * cfut_command_set_max_open_files: (set-property max-open-files)
 * @self: a command
 * @max_files: a number; 0 for no limit of its own
 *
 * Limits how many descriptors the program may have open.
 *
 * Since: 1.0
 */
void
cfut_command_set_max_open_files (CfutCommand *self,
                                 guint64      max_files)
{
  g_return_if_fail (CFUT_IS_COMMAND (self));

  if (self->limits.open_files == max_files)
    return;

  self->limits.open_files = max_files;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_OPEN_FILES]);
}

/**
 * cfut_command_set_line_func:
 * @self: a command
 * @func: (scope notified) (closure user_data) (destroy destroy) (nullable): called for each line
 *   that the program writes; %NULL for none
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, when neither the command nor a run of it will call @func
 *   any more; called where the command is dropped or changed, or on the main context of a run's
 *   owner
 *
 * Sets what is called for each line of the output and the error output of runs that are submitted
 * from now on, on the main context of their owner: to show it, or to turn it into progress with
 * [method@Cfut.Task.set_progress].
 *
 * A line ends with a line feed, a carriage return, or both. It is given as valid UTF-8, with bytes
 * that are not replaced by U+FFFD, and in pieces where it is longer than 64 KiB. All lines come
 * before the future's `done`. No program ever waits for this function: where lines come faster than
 * it takes them, and 4 MiB of them are waiting, the oldest are dropped. So are those that the
 * future's owner has not been told of when the future settles in a blocking wait of its own. The
 * result has them all.
 *
 * Since: 1.0
 */
void
cfut_command_set_line_func (CfutCommand    *self,
                            CfutLineFunc    func,
                            gpointer        user_data,
                            GDestroyNotify  destroy)
{
  CfutLineClosure *closure = NULL;
  CfutLineClosure *before;

  g_return_if_fail (CFUT_IS_COMMAND (self));

  if (func != NULL)
    {
      closure = g_new0 (CfutLineClosure, 1);
      g_atomic_ref_count_init (&closure->ref_count);
      closure->func = func;
      closure->user_data = user_data;
      closure->destroy = destroy;
    }

  before = self->line;
  self->line = closure;
  g_clear_pointer (&before, cfut_line_closure_unref);
}
