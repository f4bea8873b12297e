/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The process executor: a crew of worker processes behind the executor's face.
 *
 * Threads: any.
 * Locks: none of its own; see cfut-crew.c.
 * Owns: a reference on the crew. Its workers and calls hold it too, so it outlives an executor that is
 *   dropped with work left, and ends when that is done.
 * Invariants:
 * 1. It runs no functions of this process: what is submitted by address is rejected.
 * Not here: what can be set (cfut-process-executor-options.c). */

#include <glib/gi18n-lib.h>
#include <unistd.h>

#include "cfut-call-private.h"
#include "cfut-executor-private.h"
#include "process/cfut-process-executor-private.h"
#include "process/cfut-shared-dict-private.h"

#define STOP_GRACE_USEC (2 * G_USEC_PER_SEC)
#define START_TIMEOUT_USEC (30 * G_USEC_PER_SEC)
#define IDLE_USEC (60 * G_USEC_PER_SEC)
#define HEARTBEAT_USEC (5 * G_USEC_PER_SEC)

/**
 * CfutProcessExecutor:
 *
 * Calls functions of worker processes by their names: for work that uses a processor and would wait
 * for a lock of its language on threads, for code that may crash, and for languages whose functions
 * cannot run on threads.
 *
 * Workers are started when there are calls for them, up to [property@Cfut.Executor:max-workers], and
 * stay for the next calls until they have been idle for a while. A worker is any program that runs a
 * [class@Cfut.Worker], or this one: `main` begins with [func@Cfut.Worker.requested] then.
 *
 * ```c
 * g_autoptr (CfutExecutor) executor = cfut_process_executor_new_self (0);
 * g_autoptr (CfutFuture) future =
 *   cfut_executor_call (executor, NULL, "digits", g_variant_new ("(u)", 1000));
 * ```
 *
 * When a worker dies, the one call that it was running fails with %CFUT_FUTURE_ERROR_WORKER_DIED, and
 * tells with what signal or status, and what it had last written to its stderr. A call that was
 * started is never run a second time. All others go to other workers. Where no worker can be started,
 * all calls fail with %CFUT_FUTURE_ERROR_BROKEN, which says why.
 *
 * A future is pending until a worker really begins with its call. Cancelled or past its deadline
 * then, it is asked to stop ([method@Cfut.Task.checkpoint]); a worker that does not comply within
 * [property@Cfut.ProcessExecutor:stop-grace-usec] gets SIGTERM, and SIGKILL after another.
 *
 * An executor that is dropped finishes what it took, and nobody has to wait for that; its workers
 * exit then. They also exit when this process dies, however it does.
 *
 * Since: 1.0
 */

typedef enum {
  PROP_MAX_WORKERS = 1,
  PROP_WORKER_ARGV,
  PROP_N_WORKERS,
  PROP_LAUNCH_PREFIX,
  PROP_LAUNCH_QUOTED,
  PROP_SETUP,
  PROP_MAX_CALLS_PER_WORKER,
  PROP_STOP_GRACE_USEC,
  PROP_START_TIMEOUT_USEC,
  PROP_IDLE_TIMEOUT_USEC,
  PROP_HEARTBEAT_USEC,
  PROP_MAX_MEMORY,
  PROP_MAX_CPU_SECONDS,
  PROP_MAX_OPEN_FILES
} ProcessExecutorProperty;

static GParamSpec *properties[PROP_MAX_OPEN_FILES + 1];

G_DEFINE_FINAL_TYPE (CfutProcessExecutor, cfut_process_executor, CFUT_TYPE_EXECUTOR)

static inline CfutCrew *
crew_of (CfutExecutor *executor)
{
  return ((CfutProcessExecutor *) executor)->crew;
}

static void
process_executor_enqueue (CfutExecutor *executor,
                          CfutTask     *task)
{
  cfut_crew_enqueue (crew_of (executor), task);
}

static void
process_executor_stop (CfutExecutor      *executor,
                       CfutShutdownFlags  flags)
{
  cfut_crew_stop (crew_of (executor), flags);
}

static GPtrArray *
process_executor_dup_running (CfutExecutor *executor)
{
  return cfut_crew_dup_running (crew_of (executor));
}

static CfutCell *
process_executor_get_ended (CfutExecutor *executor)
{
  return cfut_crew_get_ended (crew_of (executor));
}

static gboolean
process_executor_runs_here (CfutExecutor *executor)
{
  return FALSE;
}

static CfutGate *
process_executor_get_gate (CfutExecutor *executor,
                           gboolean      make)
{
  return cfut_crew_get_gate (crew_of (executor), make);
}

static void
process_executor_paused (CfutExecutor *executor)
{
  cfut_crew_paused (crew_of (executor));
}

static const CfutExecutorEngine process_engine = {
  .enqueue = process_executor_enqueue,
  .dup_running = process_executor_dup_running,
  .stop = process_executor_stop,
  .get_ended = process_executor_get_ended,
  .runs_here = process_executor_runs_here,
  .get_gate = process_executor_get_gate,
  .paused = process_executor_paused,
};

static void
cfut_process_executor_get_counts (CfutExecutor *executor,
                                  guint64      *n_pending,
                                  guint64      *n_running,
                                  guint64      *n_completed)
{
  CfutCrewCounts counts;

  cfut_crew_get_counts (crew_of (executor), &counts);
  *n_pending = counts.n_pending;
  *n_running = counts.n_running;
  *n_completed = counts.n_completed;
}

static guint
cfut_process_executor_get_max_workers (CfutExecutor *executor)
{
  return cfut_crew_get_max (crew_of (executor));
}

static void
cfut_process_executor_constructed (GObject *object)
{
  CfutProcessExecutor *self = CFUT_PROCESS_EXECUTOR (object);
  CfutCrewOptions *options;

  self->crew = cfut_crew_new ((const char * const *) self->worker_argv, self->max_workers);
  options = cfut_crew_lock_options (self->crew);
  options->stop_grace_usec = STOP_GRACE_USEC;
  options->start_timeout_usec = START_TIMEOUT_USEC;
  options->idle_timeout_usec = IDLE_USEC;
  options->heartbeat_usec = HEARTBEAT_USEC;
  cfut_crew_unlock_options (self->crew);

  G_OBJECT_CLASS (cfut_process_executor_parent_class)->constructed (object);
}

static void
cfut_process_executor_finalize (GObject *object)
{
  CfutProcessExecutor *self = CFUT_PROCESS_EXECUTOR (object);

  cfut_crew_drop (self->crew);
  g_strfreev (self->worker_argv);

  G_OBJECT_CLASS (cfut_process_executor_parent_class)->finalize (object);
}

static void
cfut_process_executor_get_property (GObject    *object,
                                    guint       id,
                                    GValue     *value,
                                    GParamSpec *pspec)
{
  CfutProcessExecutor *self = CFUT_PROCESS_EXECUTOR (object);

  switch ((ProcessExecutorProperty) id)
    {
    case PROP_MAX_WORKERS:
      g_value_set_uint (value, cfut_crew_get_max (self->crew));
      break;
    case PROP_WORKER_ARGV:
      g_value_take_boxed (value, cfut_process_executor_dup_worker_argv (self));
      break;
    case PROP_N_WORKERS:
      g_value_set_uint (value, cfut_process_executor_get_n_workers (self));
      break;
    case PROP_LAUNCH_PREFIX:
      g_value_take_boxed (value, cfut_process_executor_dup_launch_prefix (self));
      break;
    case PROP_LAUNCH_QUOTED:
      g_value_set_boolean (value, cfut_process_executor_get_launch_quoted (self));
      break;
    case PROP_SETUP:
      g_value_take_variant (value, cfut_process_executor_dup_setup (self));
      break;
    case PROP_MAX_CALLS_PER_WORKER:
      g_value_set_uint (value, cfut_process_executor_get_max_calls_per_worker (self));
      break;
    case PROP_STOP_GRACE_USEC:
      g_value_set_int64 (value, cfut_process_executor_get_stop_grace_usec (self));
      break;
    case PROP_START_TIMEOUT_USEC:
      g_value_set_int64 (value, cfut_process_executor_get_start_timeout_usec (self));
      break;
    case PROP_IDLE_TIMEOUT_USEC:
      g_value_set_int64 (value, cfut_process_executor_get_idle_timeout_usec (self));
      break;
    case PROP_HEARTBEAT_USEC:
      g_value_set_int64 (value, cfut_process_executor_get_heartbeat_usec (self));
      break;
    case PROP_MAX_MEMORY:
      g_value_set_uint64 (value, cfut_process_executor_get_max_memory (self));
      break;
    case PROP_MAX_CPU_SECONDS:
      g_value_set_uint64 (value, cfut_process_executor_get_max_cpu_seconds (self));
      break;
    case PROP_MAX_OPEN_FILES:
      g_value_set_uint64 (value, cfut_process_executor_get_max_open_files (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_process_executor_set_property (GObject      *object,
                                    guint         id,
                                    const GValue *value,
                                    GParamSpec   *pspec)
{
  CfutProcessExecutor *self = CFUT_PROCESS_EXECUTOR (object);

  switch ((ProcessExecutorProperty) id)
    {
    case PROP_MAX_WORKERS:
      self->max_workers = g_value_get_uint (value);
      break;
    case PROP_WORKER_ARGV:
      self->worker_argv = g_value_dup_boxed (value);
      break;
    case PROP_LAUNCH_PREFIX:
      cfut_process_executor_set_launch_prefix (self, g_value_get_boxed (value));
      break;
    case PROP_LAUNCH_QUOTED:
      cfut_process_executor_set_launch_quoted (self, g_value_get_boolean (value));
      break;
    case PROP_SETUP:
      cfut_process_executor_set_setup (self, g_value_get_variant (value));
      break;
    case PROP_MAX_CALLS_PER_WORKER:
      cfut_process_executor_set_max_calls_per_worker (self, g_value_get_uint (value));
      break;
    case PROP_STOP_GRACE_USEC:
      cfut_process_executor_set_stop_grace_usec (self, g_value_get_int64 (value));
      break;
    case PROP_START_TIMEOUT_USEC:
      cfut_process_executor_set_start_timeout_usec (self, g_value_get_int64 (value));
      break;
    case PROP_IDLE_TIMEOUT_USEC:
      cfut_process_executor_set_idle_timeout_usec (self, g_value_get_int64 (value));
      break;
    case PROP_HEARTBEAT_USEC:
      cfut_process_executor_set_heartbeat_usec (self, g_value_get_int64 (value));
      break;
    case PROP_MAX_MEMORY:
      cfut_process_executor_set_max_memory (self, g_value_get_uint64 (value));
      break;
    case PROP_MAX_CPU_SECONDS:
      cfut_process_executor_set_max_cpu_seconds (self, g_value_get_uint64 (value));
      break;
    case PROP_MAX_OPEN_FILES:
      cfut_process_executor_set_max_open_files (self, g_value_get_uint64 (value));
      break;
    case PROP_N_WORKERS:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

/* What holds for workers that are there, and for those to come. */
static void
install_options (GObjectClass *object_class)
{
  /**
   * CfutProcessExecutor:launch-prefix: (getter dup_launch_prefix) (setter set_launch_prefix)
   *
   * What stands in front of the worker's command line: `nice`, `bwrap` with its options, `ssh -T
   * host`. %NULL, the default, for nothing. Where it keeps the descriptors away from the worker, or
   * runs it on another machine, frames go through its stdin and stdout.
   *
   * Since: 1.0
   */
  properties[PROP_LAUNCH_PREFIX] =
    g_param_spec_boxed ("launch-prefix", NULL, NULL, G_TYPE_STRV,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:launch-quoted: (getter get_launch_quoted) (setter set_launch_quoted)
   *
   * Whether what follows the prefix is one argument, quoted for a shell, as `ssh` has it run on the
   * other side.
   *
   * Since: 1.0
   */
  properties[PROP_LAUNCH_QUOTED] =
    g_param_spec_boolean ("launch-quoted", NULL, NULL, FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:setup: (getter dup_setup) (setter set_setup)
   *
   * What each worker is told before its first call, and finds with [method@Cfut.Worker.get_setup];
   * %NULL, the default, for nothing. At most 32 MiB.
   *
   * Since: 1.0
   */
  properties[PROP_SETUP] =
    g_param_spec_variant ("setup", NULL, NULL, G_VARIANT_TYPE_ANY, NULL,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:max-calls-per-worker: (getter get_max_calls_per_worker)
   *   (setter set_max_calls_per_worker)
   *
   * After how many calls a worker is replaced by a new one; 0, the default, for never. For
   * functions that leak.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_CALLS_PER_WORKER] =
    g_param_spec_uint ("max-calls-per-worker", NULL, NULL, 0, G_MAXUINT, 0,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:stop-grace-usec: (getter get_stop_grace_usec)
   *   (setter set_stop_grace_usec)
   *
   * How many microseconds a call that was cancelled, or has passed its deadline, has to return
   * before its worker gets SIGTERM, and that to end before SIGKILL; 2 seconds by default. So has a
   * worker that is told to exit.
   *
   * Since: 1.0
   */
  properties[PROP_STOP_GRACE_USEC] =
    g_param_spec_int64 ("stop-grace-usec", NULL, NULL, 0, G_MAXINT64, STOP_GRACE_USEC,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:start-timeout-usec: (getter get_start_timeout_usec)
   *   (setter set_start_timeout_usec)
   *
   * How many microseconds a worker may take from its start until it is ready; negative for no
   * limit. 30 seconds by default. One that is not ready by then is killed, and breaks the executor
   * unless others work.
   *
   * Since: 1.0
   */
  properties[PROP_START_TIMEOUT_USEC] =
    g_param_spec_int64 ("start-timeout-usec", NULL, NULL, G_MININT64, G_MAXINT64, START_TIMEOUT_USEC,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:idle-timeout-usec: (getter get_idle_timeout_usec)
   *   (setter set_idle_timeout_usec)
   *
   * After how many microseconds without a call a worker goes away; negative for never. 60 seconds
   * by default.
   *
   * Since: 1.0
   */
  properties[PROP_IDLE_TIMEOUT_USEC] =
    g_param_spec_int64 ("idle-timeout-usec", NULL, NULL, G_MININT64, G_MAXINT64, IDLE_USEC,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:heartbeat-usec: (getter get_heartbeat_usec)
   *   (setter set_heartbeat_usec)
   *
   * How many microseconds a worker that has a call may be silent until it is asked for an answer,
   * and how many more until it is killed without one; 0 for never. 5 seconds by default. The answer
   * does not come from the function: that may take as long as it likes. It is missing when the
   * process is stopped, as by a debugger, or its machine is out of reach. Workers that have no call
   * are not asked.
   *
   * Since: 1.0
   */
  properties[PROP_HEARTBEAT_USEC] =
    g_param_spec_int64 ("heartbeat-usec", NULL, NULL, 0, G_MAXINT64, HEARTBEAT_USEC,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:max-memory: (getter get_max_memory)
   *   (setter set_max_memory)
   *
   * How many bytes of address space a worker may have; 0, the default, for what this process may.
   * An allocation that fails ends most programs, and the call with it.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_MEMORY] =
    g_param_spec_uint64 ("max-memory", NULL, NULL, 0, G_MAXUINT64, 0,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:max-cpu-seconds: (getter get_max_cpu_seconds)
   *   (setter set_max_cpu_seconds)
   *
   * How many seconds of processor time a worker may use in all its calls; 0, the default, for what
   * this process may. Then it gets SIGXCPU, and SIGKILL a second after.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_CPU_SECONDS] =
    g_param_spec_uint64 ("max-cpu-seconds", NULL, NULL, 0, G_MAXUINT64, 0,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * CfutProcessExecutor:max-open-files: (getter get_max_open_files)
   *   (setter set_max_open_files)
   *
   * How many descriptors a worker may have; 0, the default, for as many as this process.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_OPEN_FILES] =
    g_param_spec_uint64 ("max-open-files", NULL, NULL, 0, G_MAXUINT64, 0,
                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  for (guint id = PROP_LAUNCH_PREFIX; id < G_N_ELEMENTS (properties); id++)
    g_object_class_install_property (object_class, id, properties[id]);
}

static void
cfut_process_executor_class_init (CfutProcessExecutorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  CfutExecutorClass *executor_class = CFUT_EXECUTOR_CLASS (klass);

  object_class->constructed = cfut_process_executor_constructed;
  object_class->finalize = cfut_process_executor_finalize;
  object_class->get_property = cfut_process_executor_get_property;
  object_class->set_property = cfut_process_executor_set_property;
  executor_class->get_counts = cfut_process_executor_get_counts;
  executor_class->get_max_workers = cfut_process_executor_get_max_workers;

  /**
   * CfutProcessExecutor:max-workers:
   *
   * How many workers there are at most, and how many commands run at once. 0, the default, means the
   * number of processors.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_MAX_WORKERS,
    g_param_spec_uint ("max-workers", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));

  /**
   * CfutProcessExecutor:worker-argv: (getter dup_worker_argv)
   *
   * The worker's command line; %NULL where there are no workers, and only commands are run.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_WORKER_ARGV,
    g_param_spec_boxed ("worker-argv", NULL, NULL, G_TYPE_STRV,
                        G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));

  /**
   * CfutProcessExecutor:n-workers: (getter get_n_workers)
   *
   * How many workers there are at the moment, idle ones and those included that are being started.
   * Not notified.
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_N_WORKERS,
    g_param_spec_uint ("n-workers", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  install_options (object_class);
}

static void
cfut_process_executor_init (CfutProcessExecutor *self)
{
  cfut_executor_set_engine (CFUT_EXECUTOR (self), &process_engine);
  cfut_executor_set_by_name (CFUT_EXECUTOR (self));
}

/**
 * cfut_process_executor_new:
 * @worker_argv: (nullable) (array zero-terminated=1): the worker's command line; %NULL for an
 *   executor that only runs commands
 * @max_workers: how many workers there may be at most; 0 for the number of processors
 *
 * Makes an executor that calls functions of worker processes. A program without a slash in its name
 * is looked for in PATH. Nothing is started yet.
 *
 * Returns: (transfer full) (type Cfut.ProcessExecutor): a new executor
 *
 * Since: 1.0
 */
CfutExecutor *
cfut_process_executor_new (const char * const *worker_argv,
                           guint               max_workers)
{
  g_return_val_if_fail (worker_argv == NULL || worker_argv[0] != NULL, NULL);

  return g_object_new (CFUT_TYPE_PROCESS_EXECUTOR, "worker-argv", worker_argv, "max-workers",
                       max_workers, NULL);
}

/**
 * cfut_process_executor_new_self:
 * @max_workers: how many workers there may be at most; 0 for the number of processors
 *
 * Makes an executor whose workers run this program: its `main` begins with
 * [func@Cfut.Worker.requested], and runs the worker where that is %TRUE. They get no arguments.
 *
 * Returns: (transfer full) (type Cfut.ProcessExecutor): a new executor
 *
 * Since: 1.0
 */
CfutExecutor *
cfut_process_executor_new_self (guint max_workers)
{
  g_autofree char *path = g_file_read_link ("/proc/self/exe", NULL);
  const char *argv[] = { path, NULL };

  /* A program that was replaced since has no name any more, but is there still. */
  if (path == NULL || !g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    argv[0] = "/proc/self/exe";

  return cfut_process_executor_new (argv, max_workers);
}

/**
 * cfut_process_executor_share:
 * @self: a process executor
 * @name: by which the workers find it; one name for each
 * @dict: what they share with this process
 *
 * Lets the workers use a dict, which they find with [method@Cfut.Worker.get_shared]. It stays shared
 * as long as they work. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_process_executor_share (CfutProcessExecutor *self,
                             const char          *name,
                             CfutSharedDict      *dict)
{
  CfutDictStore *store;

  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));
  g_return_if_fail (name != NULL && cfut_function_name_is_valid (name));
  g_return_if_fail (CFUT_IS_SHARED_DICT (dict));

  store = cfut_shared_dict_dup_store (dict);
  g_return_if_fail (store != NULL);

  if (!cfut_crew_share (self->crew, name, store))
    g_critical ("A dict is shared by the name “%s” already", name);
}

/**
 * cfut_process_executor_terminate_workers:
 * @self: a process executor
 *
 * Ends all workers with SIGTERM, and with SIGKILL after [property@Cfut.ProcessExecutor:stop-grace-usec].
 * Calls that they run fail with %CFUT_FUTURE_ERROR_WORKER_DIED; calls that wait go to new workers. May
 * be called on any thread, and does not wait.
 *
 * Since: 1.0
 */
void
cfut_process_executor_terminate_workers (CfutProcessExecutor *self)
{
  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  cfut_crew_end_workers (self->crew, FALSE);
}

/**
 * cfut_process_executor_kill_workers:
 * @self: a process executor
 *
 * Ends all workers with SIGKILL, like [method@Cfut.ProcessExecutor.terminate_workers].
 *
 * Since: 1.0
 */
void
cfut_process_executor_kill_workers (CfutProcessExecutor *self)
{
  g_return_if_fail (CFUT_IS_PROCESS_EXECUTOR (self));

  cfut_crew_end_workers (self->crew, TRUE);
}

/**
 * cfut_process_executor_get_n_workers: (get-property n-workers)
 * @self: a process executor
 *
 * Tells how many workers there are at the moment. May be called on any thread.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
cfut_process_executor_get_n_workers (CfutProcessExecutor *self)
{
  CfutCrewCounts counts;

  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), 0);

  cfut_crew_get_counts (self->crew, &counts);
  return counts.n_workers;
}

/**
 * cfut_process_executor_dup_worker_argv: (get-property worker-argv)
 * @self: a process executor
 *
 * Tells the worker's command line. May be called on any thread.
 *
 * Returns: (transfer full) (nullable) (array zero-terminated=1): the words; %NULL where there are no
 *   workers, and only commands are run
 *
 * Since: 1.0
 */
char **
cfut_process_executor_dup_worker_argv (CfutProcessExecutor *self)
{
  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), NULL);

  return g_strdupv (self->worker_argv);
}
