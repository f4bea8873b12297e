/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What can be set on a process executor: how workers are started, how long they live, what they may
 * use.
 *
 * Threads: any; a change is notified on the thread that makes it.
 * Locks: the crew's, through cfut_crew_lock_options.
 * Owns: nothing.
 * Invariants:
 * 1. A setter that changes nothing does not notify.
 * Not here: what they do (cfut-crew-start.c, cfut-crew-watch.c). */

#include "process/cfut-process-executor-private.h"

/* So that the frame that carries it always fits. */
#define MAX_SETUP_SIZE ((gsize) 32 * 1024 * 1024)

static void
executor_unlock_and_notify (CfutProcessExecutor *self,
                            gboolean             changed,
                            const char          *property)
{
  cfut_crew_unlock_options (self->crew);
  if (changed)
    g_object_notify (G_OBJECT (self), property);
}

/**
 * cfut_process_executor_set_launch_prefix: (set-property launch-prefix)
 * @self: a process executor
 * @prefix: (nullable) (array zero-terminated=1): what stands in front of the worker's command line
 *
 * Sets what starts the workers, for those that are started from now on: `nice`, `bwrap` with its
 * options, `ssh -T host`. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_launch_prefix (CfutProcessExecutor *self,
                                         const char * const  *prefix)
{
  CfutCrewOptions *options;
  char **copy;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  copy = prefix != NULL && prefix[0] != NULL ? g_strdupv ((char **) prefix) : NULL;
  options = cfut_crew_lock_options (self->crew);
  if (copy == NULL || options->launch_prefix == NULL)
    changed = copy != options->launch_prefix;
  else
    changed = !g_strv_equal ((const char * const *) copy,
                             (const char * const *) options->launch_prefix);
  if (changed)
    {
      char **old = options->launch_prefix;

      options->launch_prefix = copy;
      copy = old;
    }
  executor_unlock_and_notify (self, changed, "launch-prefix");
  g_strfreev (copy);
}

/**
 * cfut_process_executor_dup_launch_prefix: (get-property launch-prefix)
 * @self: a process executor
 *
 * Tells what stands in front of the worker's command line. May be called on any thread.
 *
 * Returns: (transfer full) (nullable) (array zero-terminated=1): the words, or %NULL
 *
 * Since: 1.0
 */
char **
cfut_process_executor_dup_launch_prefix (CfutProcessExecutor *self)
{
  char **prefix;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), NULL);

  prefix = g_strdupv (cfut_crew_lock_options (self->crew)->launch_prefix);
  cfut_crew_unlock_options (self->crew);

  return prefix;
}

/**
 * cfut_process_executor_set_launch_quoted: (set-property launch-quoted)
 * @self: a process executor
 * @quoted: whether the launcher takes a line for a shell
 *
 * Sets whether what follows the prefix is one argument, quoted for a shell, as `ssh` has it run on
 * the other side; for workers that are started from now on. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_launch_quoted (CfutProcessExecutor *self,
                                         gboolean             quoted)
{
  CfutCrewOptions *options;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  options = cfut_crew_lock_options (self->crew);
  changed = !options->launch_quoted != !quoted;
  options->launch_quoted = quoted;
  executor_unlock_and_notify (self, changed, "launch-quoted");
}

/**
 * cfut_process_executor_get_launch_quoted: (get-property launch-quoted)
 * @self: a process executor
 *
 * Tells whether what follows the prefix is one argument. May be called on any thread.
 *
 * Returns: whether it is quoted
 *
 * Since: 1.0
 */
gboolean
cfut_process_executor_get_launch_quoted (CfutProcessExecutor *self)
{
  gboolean quoted;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), FALSE);

  quoted = cfut_crew_lock_options (self->crew)->launch_quoted;
  cfut_crew_unlock_options (self->crew);

  return quoted;
}

/**
 * cfut_process_executor_set_setup: (set-property setup)
 * @self: a process executor
 * @setup: (nullable): what workers are told; consumed if it is floating
 *
 * Sets what each worker that is started from now on is told before its first call. What it means
 * is the worker's to know: it finds it with [method@Cfut.Worker.get_setup]. At most 32 MiB. May be
 * called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_setup (CfutProcessExecutor *self,
                                 GVariant            *setup)
{
  CfutCrewOptions *options;
  GVariant *old;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  if (setup != NULL)
    g_variant_ref_sink (setup);
  if (setup != NULL && g_variant_get_size (setup) > MAX_SETUP_SIZE)
    {
      g_critical ("What workers are told has more than %zu bytes", MAX_SETUP_SIZE);
      g_variant_unref (setup);
      return;
    }

  options = cfut_crew_lock_options (self->crew);
  old = options->setup;
  options->setup = setup;
  executor_unlock_and_notify (self, setup != old, "setup");
  g_clear_pointer (&old, g_variant_unref);
}

/**
 * cfut_process_executor_dup_setup: (get-property setup)
 * @self: a process executor
 *
 * Tells what each worker is told before its first call. May be called on any thread.
 *
 * Returns: (transfer full) (nullable): the value, or %NULL
 *
 * Since: 1.0
 */
GVariant *
cfut_process_executor_dup_setup (CfutProcessExecutor *self)
{
  GVariant *setup;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), NULL);

  setup = cfut_crew_lock_options (self->crew)->setup;
  if (setup != NULL)
    g_variant_ref (setup);
  cfut_crew_unlock_options (self->crew);

  return setup;
}

/**
 * cfut_process_executor_set_max_calls_per_worker: (set-property max-calls-per-worker)
 * @self: a process executor
 * @max_calls: the number; 0 for no limit
 *
 * Sets how many calls a worker does before it is replaced by a new one. May be called on any
 * thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_max_calls_per_worker (CfutProcessExecutor *self,
                                                guint                max_calls)
{
  CfutCrewOptions *options;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  options = cfut_crew_lock_options (self->crew);
  changed = options->max_calls != max_calls;
  options->max_calls = max_calls;
  executor_unlock_and_notify (self, changed, "max-calls-per-worker");
}

/**
 * cfut_process_executor_get_max_calls_per_worker: (get-property max-calls-per-worker)
 * @self: a process executor
 *
 * Tells how many calls a worker does before it is replaced by a new one. May be called on any
 * thread.
 *
 * Returns: the number; 0 for no limit
 *
 * Since: 1.0
 */
guint
cfut_process_executor_get_max_calls_per_worker (CfutProcessExecutor *self)
{
  guint value;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), 0);

  value = cfut_crew_lock_options (self->crew)->max_calls;
  cfut_crew_unlock_options (self->crew);

  return value;
}

/**
 * cfut_process_executor_set_stop_grace_usec: (set-property stop-grace-usec)
 * @self: a process executor
 * @grace_usec: the time, in microseconds
 *
 * Sets how long what is to stop has until it is stopped harder. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_stop_grace_usec (CfutProcessExecutor *self,
                                           gint64               grace_usec)
{
  CfutCrewOptions *options;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));
  g_return_if_fail (grace_usec >= 0);

  options = cfut_crew_lock_options (self->crew);
  changed = options->stop_grace_usec != grace_usec;
  options->stop_grace_usec = grace_usec;
  executor_unlock_and_notify (self, changed, "stop-grace-usec");
}

/**
 * cfut_process_executor_get_stop_grace_usec: (get-property stop-grace-usec)
 * @self: a process executor
 *
 * Tells how long what is to stop has until it is stopped harder. May be called on any thread.
 *
 * Returns: the time, in microseconds
 *
 * Since: 1.0
 */
gint64
cfut_process_executor_get_stop_grace_usec (CfutProcessExecutor *self)
{
  gint64 value;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), 0);

  value = cfut_crew_lock_options (self->crew)->stop_grace_usec;
  cfut_crew_unlock_options (self->crew);

  return value;
}

/**
 * cfut_process_executor_set_start_timeout_usec: (set-property start-timeout-usec)
 * @self: a process executor
 * @timeout_usec: the time, in microseconds; negative for no limit
 *
 * Sets how long a worker may take to be ready, for workers that are started from now on. May be
 * called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_start_timeout_usec (CfutProcessExecutor *self,
                                              gint64               timeout_usec)
{
  CfutCrewOptions *options;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  options = cfut_crew_lock_options (self->crew);
  changed = options->start_timeout_usec != timeout_usec;
  options->start_timeout_usec = timeout_usec;
  executor_unlock_and_notify (self, changed, "start-timeout-usec");
}

/**
 * cfut_process_executor_get_start_timeout_usec: (get-property start-timeout-usec)
 * @self: a process executor
 *
 * Tells how long a worker may take to be ready. May be called on any thread.
 *
 * Returns: the time, in microseconds; negative for no limit
 *
 * Since: 1.0
 */
gint64
cfut_process_executor_get_start_timeout_usec (CfutProcessExecutor *self)
{
  gint64 value;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), 0);

  value = cfut_crew_lock_options (self->crew)->start_timeout_usec;
  cfut_crew_unlock_options (self->crew);

  return value;
}

/**
 * cfut_process_executor_set_idle_timeout_usec: (set-property idle-timeout-usec)
 * @self: a process executor
 * @timeout_usec: the time, in microseconds; negative for never
 *
 * Sets after how long without a call a worker goes away. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_idle_timeout_usec (CfutProcessExecutor *self,
                                             gint64               timeout_usec)
{
  CfutCrewOptions *options;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  options = cfut_crew_lock_options (self->crew);
  changed = options->idle_timeout_usec != timeout_usec;
  options->idle_timeout_usec = timeout_usec;
  if (changed)
    cfut_crew_watch_anew_locked (self->crew, TRUE);
  executor_unlock_and_notify (self, changed, "idle-timeout-usec");
}

/**
 * cfut_process_executor_get_idle_timeout_usec: (get-property idle-timeout-usec)
 * @self: a process executor
 *
 * Tells after how long without a call a worker goes away. May be called on any thread.
 *
 * Returns: the time, in microseconds; negative for never
 *
 * Since: 1.0
 */
gint64
cfut_process_executor_get_idle_timeout_usec (CfutProcessExecutor *self)
{
  gint64 value;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), 0);

  value = cfut_crew_lock_options (self->crew)->idle_timeout_usec;
  cfut_crew_unlock_options (self->crew);

  return value;
}

/**
 * cfut_process_executor_set_heartbeat_usec: (set-property heartbeat-usec)
 * @self: a process executor
 * @heartbeat_usec: the time, in microseconds; 0 for never
 *
 * Sets how often a worker that has a call is to be heard of. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_heartbeat_usec (CfutProcessExecutor *self,
                                          gint64               heartbeat_usec)
{
  CfutCrewOptions *options;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));
  g_return_if_fail (heartbeat_usec >= 0);

  options = cfut_crew_lock_options (self->crew);
  changed = options->heartbeat_usec != heartbeat_usec;
  options->heartbeat_usec = heartbeat_usec;
  if (changed)
    cfut_crew_watch_anew_locked (self->crew, FALSE);
  executor_unlock_and_notify (self, changed, "heartbeat-usec");
}

/**
 * cfut_process_executor_get_heartbeat_usec: (get-property heartbeat-usec)
 * @self: a process executor
 *
 * Tells how often a worker that has a call is to be heard of. May be called on any thread.
 *
 * Returns: the time, in microseconds; 0 for never
 *
 * Since: 1.0
 */
gint64
cfut_process_executor_get_heartbeat_usec (CfutProcessExecutor *self)
{
  gint64 value;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), 0);

  value = cfut_crew_lock_options (self->crew)->heartbeat_usec;
  cfut_crew_unlock_options (self->crew);

  return value;
}

/**
 * cfut_process_executor_set_max_memory: (set-property max-memory)
 * @self: a process executor
 * @max_bytes: the number of bytes of address space; 0 for no limit of its own
 *
 * Sets how much memory a worker may have, for workers that are started from now on. May be called
 * on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_max_memory (CfutProcessExecutor *self,
                                      guint64              max_bytes)
{
  CfutCrewOptions *options;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  options = cfut_crew_lock_options (self->crew);
  changed = options->limits.memory_bytes != max_bytes;
  options->limits.memory_bytes = max_bytes;
  executor_unlock_and_notify (self, changed, "max-memory");
}

/**
 * cfut_process_executor_get_max_memory: (get-property max-memory)
 * @self: a process executor
 *
 * Tells how much memory a worker may have. May be called on any thread.
 *
 * Returns: the number of bytes of address space; 0 for no limit of its own
 *
 * Since: 1.0
 */
guint64
cfut_process_executor_get_max_memory (CfutProcessExecutor *self)
{
  guint64 value;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), 0);

  value = cfut_crew_lock_options (self->crew)->limits.memory_bytes;
  cfut_crew_unlock_options (self->crew);

  return value;
}

/**
 * cfut_process_executor_set_max_cpu_seconds: (set-property max-cpu-seconds)
 * @self: a process executor
 * @max_seconds: the number of seconds; 0 for no limit of its own
 *
 * Sets how much processor time a worker may use, for workers that are started from now on. May be
 * called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_max_cpu_seconds (CfutProcessExecutor *self,
                                           guint64              max_seconds)
{
  CfutCrewOptions *options;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  options = cfut_crew_lock_options (self->crew);
  changed = options->limits.cpu_seconds != max_seconds;
  options->limits.cpu_seconds = max_seconds;
  executor_unlock_and_notify (self, changed, "max-cpu-seconds");
}

/**
 * cfut_process_executor_get_max_cpu_seconds: (get-property max-cpu-seconds)
 * @self: a process executor
 *
 * Tells how much processor time a worker may use. May be called on any thread.
 *
 * Returns: the number of seconds; 0 for no limit of its own
 *
 * Since: 1.0
 */
guint64
cfut_process_executor_get_max_cpu_seconds (CfutProcessExecutor *self)
{
  guint64 value;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), 0);

  value = cfut_crew_lock_options (self->crew)->limits.cpu_seconds;
  cfut_crew_unlock_options (self->crew);

  return value;
}

/**
 * cfut_process_executor_set_max_open_files: (set-property max-open-files)
 * @self: a process executor
 * @max_files: the number; 0 for no limit of its own
 *
 * Sets how many files a worker may have open, for workers that are started from now on. May be
 * called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_set_max_open_files (CfutProcessExecutor *self,
                                          guint64              max_files)
{
  CfutCrewOptions *options;
  gboolean changed;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  options = cfut_crew_lock_options (self->crew);
  changed = options->limits.open_files != max_files;
  options->limits.open_files = max_files;
  executor_unlock_and_notify (self, changed, "max-open-files");
}

/**
 * cfut_process_executor_get_max_open_files: (get-property max-open-files)
 * @self: a process executor
 *
 * Tells how many files a worker may have open. May be called on any thread.
 *
 * Returns: the number; 0 for no limit of its own
 *
 * Since: 1.0
 */
guint64
cfut_process_executor_get_max_open_files (CfutProcessExecutor *self)
{
  guint64 value;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), 0);

  value = cfut_crew_lock_options (self->crew)->limits.open_files;
  cfut_crew_unlock_options (self->crew);

  return value;
}
