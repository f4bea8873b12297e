/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* One pass over files and folders: an executor, a group, and a task for each file.
 *
 * The walk is a task of the same executor. It submits a task for each file that it finds, and as
 * what a task submits belongs to whoever owns that task, the futures are the run's as if it had
 * submitted them itself. They join the group in batches. A path that cannot be walked joins it too,
 * as a promise that is rejected: so whatever was asked for stands in the list, and is counted.
 *
 * The group is held while the walk is on, so that it is not done before all files are known.
 *
 * What a future is about hangs on it as data, and goes when it goes; the task borrows it, which it
 * may, as a running task is alive. That saves a destroy notify and a reference for each of millions
 * of files.
 *
 * Threads: a HashRun belongs to the thread that made it. The walk's job is shared with the walking
 * worker: constant but for the batch, which is the worker's, and the total, which is atomic.
 * Invariants: 1. `scanning` while the group is held. 2. `finished` comes once for each start. 3.
 * After a cancel no file is left uncancelled: the walk may have added a batch after it, so the end
 * of the walk cancels once more.
 * Not here: reading (hash-read), finding (hash-walk), what to do with the sums (hash-sums).
 */

#include "hash-run.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "hash-read.h"
#include "hash-walk.h"

#define BATCH_SIZE 256
#define BATCH_USEC (20 * G_TIME_SPAN_MILLISECOND)

typedef struct {
  /* constant */
  CfutExecutor *executor;
  CfutGroup *group;
  HashAlgorithm algorithm;
  GStrv paths;
  HashIdentity excluded;

  /* the worker's */
  CfutTask *task;
  GPtrArray *futures;  /* found and not yet in the group */
  GArray *units;       /* of guint64, one for each */
  gint64 flushed_at;

  /* relaxed: a figure for people */
  _Atomic guint64 total_bytes;
} WalkJob;

struct _HashRun {
  GObject parent_instance;

  /* constant */
  HashAlgorithm algorithm;
  CfutExecutor *executor;
  CfutGroup *group;

  GPtrArray *paths;  /* until start */
  HashIdentity excluded;
  WalkJob *job;      /* from start on */
  CfutFuture *walk;  /* from start to the end of the walk */
  gint64 started_at;
  gint64 ended_at;
  gboolean scanning;
  gboolean running;
  gboolean cancelled;
};

typedef enum {
  PROP_SCANNING = 1,
  PROP_RUNNING,
  PROP_CANCELLED
} HashRunProperty;

static GParamSpec *properties[PROP_CANCELLED + 1];
static guint finished_signal;

static G_DEFINE_QUARK (hash-file, hash_file)

G_DEFINE_FINAL_TYPE (HashRun, hash_run, G_TYPE_OBJECT)

static WalkJob *
walk_job_new (HashRun *run)
{
  WalkJob *self = g_atomic_rc_box_new0 (WalkJob);

  g_ptr_array_add (run->paths, NULL);

  self->executor = g_object_ref (run->executor);
  self->group = g_object_ref (run->group);
  self->algorithm = run->algorithm;
  self->paths = (GStrv) g_ptr_array_steal (run->paths, NULL);
  self->excluded = run->excluded;
  self->futures = g_ptr_array_new_with_free_func (g_object_unref);
  self->units = g_array_new (FALSE, FALSE, sizeof (guint64));

  return self;
}

static void
walk_job_clear (gpointer data)
{
  WalkJob *self = data;

  g_clear_pointer (&self->futures, g_ptr_array_unref);
  g_clear_pointer (&self->units, g_array_unref);
  g_clear_pointer (&self->paths, g_strfreev);
  g_clear_object (&self->group);
  g_clear_object (&self->executor);
}

static void
walk_job_release (gpointer data)
{
  g_atomic_rc_box_release_full (data, walk_job_clear);
}

static void
walk_job_flush (WalkJob *self)
{
  cfut_group_add_many (self->group, (CfutFuture **) self->futures->pdata,
                       self->futures->len, (const guint64 *) (gpointer) self->units->data,
                       self->units->len);
  g_ptr_array_set_size (self->futures, 0);
  g_array_set_size (self->units, 0);
  self->flushed_at = g_get_monotonic_time ();
}

/* Takes @future and @file. */
static void
walk_job_add (WalkJob    *self,
              CfutFuture *future,
              HashFile   *file,
              guint64     units)
{
  g_object_set_qdata_full (G_OBJECT (future), hash_file_quark (), file,
                           (GDestroyNotify) hash_file_free);
  g_ptr_array_add (self->futures, future);
  g_array_append_val (self->units, units);

  if (self->futures->len >= BATCH_SIZE)
    walk_job_flush (self);
}

static gboolean
on_chunk_read (guint64    done,
               guint64    total,
               gpointer   user_data,
               GError   **error)
{
  CfutTask *task = user_data;

  if (total >= HASH_PROGRESS_MIN_SIZE)
    cfut_task_set_progress (task, done, total);

  return cfut_task_checkpoint (task, error);
}

/* Threads that hash leave the processors to the one that draws, where there are not enough for all: on
 * Linux a niceness is a thread's own. */
static void
yield_to_others (void)
{
#ifdef __linux__
  static _Thread_local gboolean done;

  if (!done)
    done = setpriority (PRIO_PROCESS, 0, 10) == 0;
#endif
}

static gboolean
hash_file_task (CfutTask  *task,
                gpointer   user_data,
                GError   **error)
{
  HashFile *file = user_data;
  g_autofree char *path = hash_file_dup_path (file);
  char sum[HASH_MAX_HEX_LENGTH + 1];

  yield_to_others ();
  if (!hash_read_file (path, hash_file_get_algorithm (file), on_chunk_read, task, sum, error))
    return FALSE;

  cfut_task_set_result_string (task, sum);

  return TRUE;
}

static void
on_found (HashFolder *folder,
          const char *name,
          guint64     size,
          gpointer    user_data)
{
  WalkJob *self = user_data;
  HashFile *file = hash_file_new (folder, name, size, FALSE, self->algorithm);

  atomic_fetch_add_explicit (&self->total_bytes, size, memory_order_relaxed);
  walk_job_add (self, cfut_executor_submit (self->executor, hash_file_task, file, NULL), file,
                MAX (size, 1));
}

static void
on_failed (const char   *path,
           gboolean      is_folder,
           const GError *error,
           gpointer      user_data)
{
  WalkJob *self = user_data;
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  cfut_promise_reject (promise, error);
  walk_job_add (self, g_object_ref (cfut_promise_get_future (promise)),
                hash_file_new (NULL, path, 0, is_folder, self->algorithm), 1);
}

static gboolean
on_tick (gpointer   user_data,
         GError   **error)
{
  WalkJob *self = user_data;

  if (self->futures->len > 0 && g_get_monotonic_time () - self->flushed_at >= BATCH_USEC)
    walk_job_flush (self);

  return cfut_task_checkpoint (self->task, error);
}

static gboolean
walk_task (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  static const HashWalkFuncs funcs = { on_found, on_failed, on_tick };
  WalkJob *self = user_data;
  gboolean finished;

  yield_to_others ();
  self->task = task;
  self->flushed_at = g_get_monotonic_time ();
  finished = hash_walk ((const char * const *) self->paths, &self->excluded, &funcs, self, error);
  walk_job_flush (self);

  return finished;
}

static gboolean
cancel_task (CfutTask  *task,
             gpointer   user_data,
             GError   **error)
{
  cfut_group_cancel (user_data);

  return TRUE;
}

static void
on_cancel_task_done (CfutFuture *future,
                     gpointer    user_data)
{
  /* There was no thread for it. */
  if (cfut_future_get_state (future) == CFUT_STATE_REJECTED)
    cfut_group_cancel (user_data);
}

/* A million futures take a second to cancel, which is too long for a thread that draws; so a thread
 * of its own does it, as those of the run are busy. */
static void
cancel_group (CfutGroup *group)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;

  future = cfut_executor_submit (executor, cancel_task, g_object_ref (group), g_object_unref);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, on_cancel_task_done,
                                 g_object_ref (group), g_object_unref);
}

static void
hash_run_set_flag (HashRun         *self,
                   HashRunProperty  property,
                   gboolean        *flag,
                   gboolean         value)
{
  if (*flag == value)
    return;

  *flag = value;
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

static void
on_walk_done (CfutFuture *walk,
              HashRun    *self)
{
  /* It fails only where the executor can run nothing at all. The list has to say so. */
  if (cfut_future_get_state (walk) == CFUT_STATE_REJECTED)
    {
      g_object_set_qdata_full (G_OBJECT (walk), hash_file_quark (),
                               hash_file_new (NULL, self->job->paths[0], 0, TRUE, self->algorithm),
                               (GDestroyNotify) hash_file_free);
      cfut_group_add_units (self->group, walk, 1);
    }

  if (self->cancelled)
    cancel_group (self->group);

  hash_run_set_flag (self, PROP_SCANNING, &self->scanning, FALSE);
  cfut_group_release (self->group);
  g_clear_object (&self->walk);
}

static void
on_all_done (CfutGroup *group,
             HashRun   *self)
{
  if (!self->running || self->scanning)
    return;

  self->ended_at = g_get_monotonic_time ();
  hash_run_set_flag (self, PROP_RUNNING, &self->running, FALSE);
  g_signal_emit (self, finished_signal, 0);
}

static void
hash_run_get_property (GObject    *object,
                       guint       property_id,
                       GValue     *value,
                       GParamSpec *pspec)
{
  HashRun *self = HASH_RUN (object);

  switch ((HashRunProperty) property_id)
    {
    case PROP_SCANNING:
      g_value_set_boolean (value, self->scanning);
      break;
    case PROP_RUNNING:
      g_value_set_boolean (value, self->running);
      break;
    case PROP_CANCELLED:
      g_value_set_boolean (value, self->cancelled);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
hash_run_dispose (GObject *object)
{
  HashRun *self = HASH_RUN (object);

  /* Nobody will see the results; the walk and the workers need not go on for them. */
  if (self->walk != NULL)
    cfut_future_cancel (self->walk);
  if (self->running)
    cancel_group (self->group);

  self->running = FALSE;
  g_clear_object (&self->walk);

  G_OBJECT_CLASS (hash_run_parent_class)->dispose (object);
}

static void
hash_run_finalize (GObject *object)
{
  HashRun *self = HASH_RUN (object);

  g_clear_pointer (&self->job, walk_job_release);
  g_clear_pointer (&self->paths, g_ptr_array_unref);
  g_clear_object (&self->group);
  g_clear_object (&self->executor);

  G_OBJECT_CLASS (hash_run_parent_class)->finalize (object);
}

static void
hash_run_class_init (HashRunClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = hash_run_get_property;
  object_class->dispose = hash_run_dispose;
  object_class->finalize = hash_run_finalize;

  properties[PROP_SCANNING] = g_param_spec_boolean ("scanning", NULL, NULL, FALSE, flags);
  properties[PROP_RUNNING] = g_param_spec_boolean ("running", NULL, NULL, FALSE, flags);
  properties[PROP_CANCELLED] = g_param_spec_boolean ("cancelled", NULL, NULL, FALSE, flags);
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);

  finished_signal = g_signal_new ("finished", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                  NULL, NULL, G_TYPE_NONE, 0);
}

static void
hash_run_init (HashRun *self)
{
  self->paths = g_ptr_array_new_with_free_func (g_free);
  self->group = cfut_group_new ();
  g_signal_connect_object (self->group, "all-done", G_CALLBACK (on_all_done), self, 0);
}

HashRun *
hash_run_new (HashAlgorithm algorithm,
              guint         workers)
{
  HashRun *self = g_object_new (HASH_TYPE_RUN, NULL);

  self->algorithm = algorithm;
  self->executor = cfut_thread_executor_new (workers);

  return self;
}

void
hash_run_add_path (HashRun    *self,
                   const char *path)
{
  g_return_if_fail (self->job == NULL);

  g_ptr_array_add (self->paths, g_strdup (path));
}

void
hash_run_set_excluded (HashRun    *self,
                       const char *path)
{
  struct stat info;

  g_return_if_fail (self->job == NULL);

  if (stat (path, &info) == 0)
    {
      self->excluded.device = info.st_dev;
      self->excluded.inode = info.st_ino;
    }
}

void
hash_run_start (HashRun *self)
{
  g_return_if_fail (self->job == NULL);
  g_return_if_fail (self->paths->len > 0);

  self->job = walk_job_new (self);
  self->started_at = g_get_monotonic_time ();
  cfut_group_hold (self->group);

  self->walk = cfut_executor_submit (self->executor, walk_task,
                                     g_atomic_rc_box_acquire (self->job), walk_job_release);
  g_signal_connect_object (self->walk, "done", G_CALLBACK (on_walk_done), self, 0);

  g_object_freeze_notify (G_OBJECT (self));
  hash_run_set_flag (self, PROP_SCANNING, &self->scanning, TRUE);
  hash_run_set_flag (self, PROP_RUNNING, &self->running, TRUE);
  g_object_thaw_notify (G_OBJECT (self));
}

void
hash_run_cancel (HashRun *self)
{
  if (!self->running)
    return;

  hash_run_set_flag (self, PROP_CANCELLED, &self->cancelled, TRUE);

  if (self->walk != NULL)
    cfut_future_cancel (self->walk);
  cancel_group (self->group);
}

CfutGroup *
hash_run_get_group (HashRun *self)
{
  return self->group;
}

CfutExecutor *
hash_run_get_executor (HashRun *self)
{
  return self->executor;
}

HashAlgorithm
hash_run_get_algorithm (HashRun *self)
{
  return self->algorithm;
}

guint
hash_run_get_workers (HashRun *self)
{
  return cfut_executor_get_max_workers (self->executor);
}

gboolean
hash_run_get_scanning (HashRun *self)
{
  return self->scanning;
}

gboolean
hash_run_get_running (HashRun *self)
{
  return self->running;
}

gboolean
hash_run_get_cancelled (HashRun *self)
{
  return self->cancelled;
}

guint64
hash_run_get_total_bytes (HashRun *self)
{
  if (self->job == NULL)
    return 0;

  return atomic_load_explicit (&self->job->total_bytes, memory_order_relaxed);
}

gint64
hash_run_get_elapsed_usec (HashRun *self)
{
  if (self->started_at == 0)
    return 0;

  return (self->ended_at != 0 ? self->ended_at : g_get_monotonic_time ()) - self->started_at;
}

HashFile *
hash_file_from_future (CfutFuture *future)
{
  return g_object_get_qdata (G_OBJECT (future), hash_file_quark ());
}

const char *
hash_future_get_sum (CfutFuture *future)
{
  if (cfut_future_get_state (future) != CFUT_STATE_RESOLVED)
    return NULL;

  return cfut_future_result_string (future, 0, NULL);
}

char *
hash_future_dup_reason (CfutFuture *future)
{
  g_autoptr (GError) error = NULL;

  if (cfut_future_get_state (future) != CFUT_STATE_REJECTED)
    return NULL;

  error = cfut_future_dup_error (future);

  return g_strdup (error->message);
}
