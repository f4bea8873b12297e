/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What is posted: a function without a future, in one small allocation.
 *
 * Its function wants a task: each thread has one that serves for all, as long as nobody keeps it. A
 * task that somebody has kept, or that was changed, is resolved and left to them, and the next post
 * gets a new one.
 *
 * Threads: made on the submitting thread, run on any.
 * Locks: none.
 * Owns: the function's data, which is freed on the context of the submission.
 * Invariants:
 * 1. A thread's task is running, with the owner of the post that runs, and without one in between.
 * 2. Others can reach a post that runs only where it has asked for its cancellable: the rest do not
 *    pay for that.
 * Not here: queues. */

#include <string.h>

#include "core/cfut-debug-private.h"
#include "core/cfut-fork-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-post-private.h"

typedef struct {
  CfutPoolEntry entry;
  CfutItem item;
  CfutTaskFunc func;
  gpointer user_data;
  GDestroyNotify destroy;  /* (nullable) */
  CfutOwner *owner;
} CfutPost;

/* One that runs, on the stack of its thread. */
typedef struct _PostRun PostRun;
struct _PostRun {
  CfutTask *task;
  gboolean is_entered;
  CfutPoolRun run;
  PostRun *outer;
};

static __thread CfutTask *shared_task;
static __thread PostRun *running;

CfutPoolEntry *
cfut_post_new (CfutTaskFunc   func,
               gpointer       user_data,
               GDestroyNotify destroy)
{
  CfutPost *self = g_slice_new (CfutPost);

  self->entry.pool = NULL;
  self->func = func;
  self->user_data = user_data;
  self->destroy = destroy;
  self->owner = cfut_owner_ref (cfut_owner_get_current ());

  return &self->entry;
}

static gboolean
post_deliver (CfutItem        *item,
              CfutDeliverMode  mode)
{
  CfutPost *self = (CfutPost *) ((char *) item - G_STRUCT_OFFSET (CfutPost, item));
  CfutOwner *owner = self->owner;

  self->destroy (self->user_data);
  g_slice_free (CfutPost, self);
  cfut_owner_unref (owner);
  return FALSE;
}

static const CfutItemClass post_item_class = {
  .deliver = post_deliver,
};

void
cfut_post_free (CfutPoolEntry *entry)
{
  CfutPost *self = (CfutPost *) entry;
  CfutOwner *owner = self->owner;

  if (self->destroy != NULL)
    {
      self->item.klass = &post_item_class;
      cfut_owner_push (owner, &self->item);
      return;
    }

  g_slice_free (CfutPost, self);
  cfut_owner_unref (owner);
}

void
cfut_post_fail (CfutPoolEntry *entry,
                GError        *error)
{
  cfut_report_unobserved (NULL, "CfutTask", (gpointer) ((CfutPost *) entry)->func, error);
  g_error_free (error);
  cfut_post_free (entry);
}

/* Whoever has kept it finds it resolved. Its owner is the post's, to which it gets a reference of its
 * own; the pointer is not written, as who keeps it may be reading it. */
static void
shared_task_retire (void)
{
  CfutFuture *future = &shared_task->parent_instance;

  shared_task = NULL;
  cfut_owner_ref (future->owner);
  cfut_future_finish_run (future, TRUE, NULL);
}

static CfutTask *
shared_task_get (void)
{
  if (G_UNLIKELY (shared_task == NULL))
    {
      shared_task = g_object_new (CFUT_TYPE_TASK, NULL);
      /* Of the post that runs, each time. */
      g_clear_pointer (&shared_task->parent_instance.owner, cfut_owner_unref);
      cfut_future_begin_run (&shared_task->parent_instance, 0);
    }

  return shared_task;
}

static inline gboolean
shared_task_is_as_new (CfutFuture *future)
{
  guint changed = CFUT_CELL_CANCEL_REQUESTED | CFUT_CELL_HAS_NODES | CFUT_CELL_PAUSED |
                  CFUT_CELL_SCHEDULED | CFUT_CELL_CHANGED | CFUT_CELL_THROTTLED;

  return g_atomic_int_get ((gint *) &G_OBJECT (future)->ref_count) == 1 && future->extra == NULL &&
         future->value.g_type == G_TYPE_INVALID && !(cfut_cell_load (&future->cell) & changed);
}

/* Takes over @error. */
static void
report_failure (CfutPost *self,
                GError   *error)
{
  if (error == NULL)
    error = cfut_future_no_error_set ();
  cfut_report_unobserved (NULL, "CfutTask", (gpointer) self->func, error);
  g_error_free (error);
}

/* On the thread where @task runs: if it is a post's, who asks all that runs to stop finds it from
 * here on. */
void
cfut_post_show (CfutTask *task)
{
  if (running == NULL || running->task != task || running->is_entered)
    return;

  running->is_entered = TRUE;
  cfut_pool_enter_run (&running->run, G_OBJECT (task));
}

void
cfut_post_run (CfutPoolEntry *entry)
{
  CfutPost *self = (CfutPost *) entry;
  CfutThread *thread = cfut_thread_get ();
  CfutTask *task = shared_task_get ();
  CfutOwner *outer_owner = thread->running_owner;
  gpointer outer_task = thread->running_task;
  PostRun run = { .task = task, .outer = running };
  GError *error = NULL;
  gboolean was_aside;
  gboolean success;

  /* A post that runs inside of another one's wait has a task of its own. */
  shared_task = NULL;
  task->parent_instance.owner = self->owner;
  atomic_store_explicit (&task->parent_instance.cell.tag, thread->worker_name,
                         memory_order_relaxed);
  thread->running_task = task;
  thread->running_owner = self->owner;
  running = &run;
  was_aside = cfut_pool_step_aside ();
  success = self->func (task, self->user_data, &error);
  if (cfut_is_forked_child () && thread->worker != NULL)
    cfut_fork_leave (success);
  running = run.outer;
  if (G_UNLIKELY (run.is_entered))
    cfut_pool_leave_run (&run.run);
  cfut_pool_step_back (was_aside);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) &&
      cfut_future_cancel_requested (&task->parent_instance))
    g_clear_error (&error);
  else if (!success || error != NULL)
    report_failure (self, error);

  if (shared_task != NULL)
    cfut_post_thread_leaves ();
  shared_task = task;
  if (G_UNLIKELY (!shared_task_is_as_new (&task->parent_instance)))
    shared_task_retire ();
  else
    task->parent_instance.owner = NULL;
  thread->running_owner = outer_owner;
  thread->running_task = outer_task;

  cfut_post_free (entry);
}

void
cfut_post_thread_leaves (void)
{
  g_clear_object (&shared_task);
}
