/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a task has that was submitted with a request, or is given a priority or paused later:
 * deadlines, a place among the priorities, a cancellable from outside.
 *
 * What has deadlines and nothing else has no options: a run deadline stands in the task itself, and
 * a queue deadline in a small timer, which costs its submitter's thread some tens of nanoseconds
 * and no other thread anything. These become part of the options where somebody makes some.
 *
 *   submitted --(queue deadline)--> rejected
 *       \--started--(run deadline)--> rejected, asked to stop --(100 ms)--> its thread is given up
 *
 * Threads: a request is applied on the submitting thread; priorities and pauses come on any;
 *   deadlines on the timer's.
 * Locks: the cell's guards priority, place and held_pool. While a task is pending and queued and
 *   its cell is locked, the pool in which it is queued is alive: who takes it from there waits for
 *   the lock.
 * Owns: the armed timer of a run owns a reference on the task, and so does the handler on a
 *   cancellable from outside. That of a queue deadline owns none: the task's end clears it.
 * Invariants:
 * 1. A task whose place counts is flagged PLACED, and its presence in a queue is stale from then
 *    on.
 * 2. What is set aside keeps its pool alive until it is released.
 * 3. The timer is armed for one thing at a time, which its function tells: so one that fires late
 *    does not take the next thing for its own. The run deadline is its own only on threads that are
 *    no pool's workers.
 * 4. What has entered an executor's room leaves it once: when it is started, or settled before.
 * 5. A queue deadline is armed once, and taken back when the task goes, not when it starts: what has
 *    started or settled by then is left alone when it fires.
 * Not here: heaps (core/cfut-pool-place.c), the deadlines of what workers run
 * (core/cfut-pool-late.c), running (cfut-task.c). */

#include <glib/gi18n-lib.h>

#include "core/cfut-point-private.h"
#include "core/cfut-waiter-private.h"
#include "cfut-error.h"
#include "cfut-group.h"
#include "cfut-request-private.h"
#include "cfut-task-private.h"

/* So much later is a task of priority 1 queued than one of priority 0. */
#define PRIORITY_STEP_USEC (100 * 1000)

/* A function that was asked to stop at its deadline has so long until its thread is replaced. */
#define STUCK_USEC (100 * 1000)

/* Negative: none. */
static inline gint64
terms_run_deadline (guintptr terms)
{
  switch ((CfutTaskTerms) (terms & CFUT_TASK_TERMS_MASK))
    {
    case CFUT_TASK_TERMS_RUN:
      return (gint64) (terms >> CFUT_TASK_TERMS_SHIFT);
    case CFUT_TASK_TERMS_QUEUE_RUN:
      return cfut_task_terms_queue_timer (terms)->usec;
    case CFUT_TASK_TERMS_OPTIONS:
      return terms != 0 ? ((CfutTaskOptions *) terms)->run_deadline_usec : -1;
    case CFUT_TASK_TERMS_QUEUE:
    default:
      return -1;
    }
}

CfutTaskOptions *
cfut_task_get_options (CfutTask *self)
{
  CfutTaskOptions *options = cfut_task_peek_options (self);
  CfutTaskOptions *made;
  guintptr terms;

  if (options != NULL)
    return options;

  made = g_slice_new0 (CfutTaskOptions);
  made->task = self;
  made->place.link = &self->entry.link;
  terms = cfut_task_terms (self);
  do
    {
      options = cfut_task_terms_options (terms);
      if (options != NULL)
        {
          g_slice_free (CfutTaskOptions, made);
          return options;
        }
      made->queue_timer = cfut_task_terms_queue_timer (terms);
      made->run_deadline_usec = terms_run_deadline (terms);
    }
  while (!atomic_compare_exchange_weak_explicit (&self->terms, &terms, (guintptr) made,
                                                 memory_order_acq_rel, memory_order_acquire));

  return made;
}

static void
options_free (CfutTaskOptions *self)
{
  CfutTaskRemote *remote = atomic_load_explicit (&self->remote, memory_order_acquire);

  if (remote != NULL)
    remote->klass->free (remote);
  g_clear_pointer (&self->held_pool, cfut_pool_unref);
  g_clear_object (&self->parent);
  g_clear_pointer (&self->room, cfut_room_unref);
  g_slice_free (CfutTaskOptions, self);
}

/* With the task, where its last reference is dropped. */
void
cfut_task_free_terms (CfutTask *self)
{
  guintptr terms = cfut_task_terms (self);
  CfutTaskOptions *options = cfut_task_terms_options (terms);
  CfutLooseTimer *timer = options != NULL ? options->queue_timer : cfut_task_terms_queue_timer (terms);

  if (timer != NULL)
    {
      if (timer->wait_usec < 0)
        cfut_timer_clear (&timer->timer);
      cfut_loose_timer_free (timer);
    }
  if (options != NULL)
    options_free (options);
}

/* Under the cell's lock, or before others have the task. The first look at the time stands for the
 * submission. */
gint64
cfut_task_options_key (CfutTaskOptions *self)
{
  if (self->made_usec == 0)
    self->made_usec = g_get_monotonic_time ();

  return self->made_usec + self->priority * (gint64) PRIORITY_STEP_USEC;
}

static inline CfutTaskOptions *
options_from_timer (CfutTimer *timer)
{
  return (CfutTaskOptions *) ((char *) timer - G_STRUCT_OFFSET (CfutTaskOptions, timer));
}

static gboolean
options_arm (CfutTaskOptions *self,
             void           (*fire) (CfutTimer *timer),
             gint64           at_usec)
{
  self->timer.fire = fire;
  return cfut_timer_arm (&self->timer, at_usec);
}

static GError *
no_timer_error (void)
{
  return g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                              _("No thread could be started for deadlines"));
}

GError *
cfut_task_not_started_error (void)
{
  return g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE,
                              _("The task was not started before its deadline"));
}

/* The task is there until the timer is let go, as its end waits for that. As long as it is pending
 * somebody has a reference on it, who needs the cell to start or to settle it: so with that locked
 * we may have one too. */
static void
on_queue_deadline (CfutTimer *timer)
{
  CfutFuture *future = CFUT_FUTURE (((CfutLooseTimer *) timer)->of);
  gboolean pending = cfut_cell_state (cfut_cell_lock (&future->cell)) == CFUT_STATE_PENDING;

  if (pending)
    g_object_ref (future);
  cfut_cell_unlock (&future->cell);
  cfut_timer_let_go (timer);
  if (!pending)
    return;

  /* A worker process may have entered it, and not said so yet. */
  if (!cfut_future_has_begun (future))
    cfut_future_reject_pending (future, cfut_task_not_started_error ());
  cfut_future_release (future);
}

static void
on_stuck (CfutTimer *timer)
{
  CfutTask *task = options_from_timer (timer)->task;
  CfutFuture *future = CFUT_FUTURE (task);

  if (cfut_cell_load (&future->cell) & CFUT_CELL_ENTERED)
    cfut_pool_abandon (G_OBJECT (task));
  cfut_future_release (future);
}

static GError *
late_error (void)
{
  return g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE,
                              _("The task did not end before its deadline"));
}

/* Takes the reference. */
void
cfut_task_run_late (GObject *object)
{
  CfutTask *self = (CfutTask *) object;
  CfutFuture *future = CFUT_FUTURE (self);
  gboolean settled = cfut_future_settle (future, CFUT_STATE_REJECTED, NULL, late_error ());

  if (settled)
    cfut_future_ask_to_stop (future);

  if (!settled || !(cfut_cell_load (&future->cell) & CFUT_CELL_ENTERED) ||
      !options_arm (cfut_task_get_options (self), on_stuck,
                    cfut_deadline_from_timeout (STUCK_USEC)))
    cfut_future_release (future);
}

static void
on_run_deadline (CfutTimer *timer)
{
  cfut_task_run_late (G_OBJECT (options_from_timer (timer)->task));
}

static void
options_leave_room (CfutTaskOptions *self)
{
  if (atomic_exchange_explicit (&self->in_room, FALSE, memory_order_relaxed))
    cfut_room_leave (self->room, self->size);
}

static void
room_node_settled (CfutNode   *node,
                   CfutFuture *future,
                   CfutState   state)
{
  size_t offset = G_STRUCT_OFFSET (CfutTaskOptions, room_node);

  options_leave_room ((CfutTaskOptions *) ((char *) node - offset));
}

static const CfutNodeClass room_node_class = {
  .kind = CFUT_NODE_INTERNAL,
  .settled = room_node_settled,
};

void
cfut_task_enter_room (CfutTask *self,
                      CfutRoom *room,
                      guint64   size)
{
  CfutTaskOptions *options = cfut_task_get_options (self);

  options->room = cfut_room_ref (room);
  options->size = size;
  atomic_store_explicit (&options->in_room, TRUE, memory_order_relaxed);
  options->room_node.klass = &room_node_class;
  if (!cfut_future_add_node (CFUT_FUTURE (self), &options->room_node))
    options_leave_room (options);
}

static void
options_start (CfutTaskOptions *self)
{
  CfutTask *task = self->task;

  /* It may stand among the priorities while it is run from elsewhere: by a wait, or by one of two
   * workers that had taken it, each from another place. Aside, and resumed just now, it would stand
   * there for ever. */
  if ((cfut_cell_load (&task->parent_instance.cell) & CFUT_CELL_PLACED) &&
      task->entry.pool != NULL && cfut_pool_unplace (task->entry.pool, &self->place))
    g_object_unref (task);

  options_leave_room (self);
}

/* On the thread that runs it, before its run is entered. */
void
cfut_task_terms_start (CfutTask    *self,
                       CfutPoolRun *run)
{
  guintptr terms = cfut_task_terms (self);
  CfutTaskOptions *options = cfut_task_terms_options (terms);
  gint64 run_deadline_usec = terms_run_deadline (terms);

  if (options != NULL)
    options_start (options);
  if (run_deadline_usec >= 0)
    run->deadline_usec = cfut_deadline_from_timeout (run_deadline_usec);
}

/* After that: a worker watches its deadline; for other threads, each has its own timer. FALSE: the
 * function is not to be called. */
gboolean
cfut_task_terms_watch (CfutTask  *self,
                       gint64     deadline_usec,
                       GError   **error)
{
  if (terms_run_deadline (cfut_task_terms (self)) == 0)
    {
      g_propagate_error (error, late_error ());
      return FALSE;
    }

  if (cfut_pool_get_current () != NULL)
    {
      if (cfut_pool_watch_run (deadline_usec))
        return TRUE;
    }
  else
    {
      g_object_ref (self);
      if (options_arm (cfut_task_get_options (self), on_run_deadline, deadline_usec))
        return TRUE;
      g_object_unref (self);
    }

  g_propagate_error (error, no_timer_error ());
  return FALSE;
}

/* After it; the caller has a reference. */
void
cfut_task_options_ended (CfutTaskOptions *self)
{
  if (self->run_deadline_usec >= 0 && cfut_pool_get_current () == NULL &&
      cfut_timer_disarm (&self->timer))
    g_object_unref (self->task);
}

/* On the owner's context, with a reference: settled, and no function of it runs. */
void
cfut_task_options_released (CfutTaskOptions *self)
{
  g_clear_pointer (&self->held_pool, cfut_pool_unref);
}

static void
on_parent_cancelled (GCancellable *cancellable,
                     gpointer      data)
{
  cfut_future_cancel (data);
}

static void
release_closure_data (gpointer  data,
                      GClosure *closure)
{
  cfut_future_release (data);
}

/* Not with g_cancellable_disconnect, which waits for a handler that may be what settles. */
static void
parent_node_settled (CfutNode   *node,
                     CfutFuture *future,
                     CfutState   state)
{
  size_t offset = G_STRUCT_OFFSET (CfutTaskOptions, parent_node);
  CfutTaskOptions *self = (CfutTaskOptions *) ((char *) node - offset);

  g_signal_handler_disconnect (self->parent, self->parent_handler);
}

static const CfutNodeClass parent_node_class = {
  .kind = CFUT_NODE_INTERNAL,
  .settled = parent_node_settled,
};

static void
options_follow_parent (CfutTaskOptions *self,
                       GCancellable    *parent)
{
  CfutFuture *future = CFUT_FUTURE (self->task);

  self->parent = g_object_ref (parent);
  self->parent_handler = g_signal_connect_data (parent, "cancelled",
                                                G_CALLBACK (on_parent_cancelled),
                                                g_object_ref (future), release_closure_data, 0);
  self->parent_node.klass = &parent_node_class;
  if (!cfut_future_add_node (future, &self->parent_node))
    parent_node_settled (&self->parent_node, future, CFUT_STATE_CANCELLED);
  if (g_cancellable_is_cancelled (parent))
    cfut_future_cancel (future);
}

/* On the submitter's thread. */
void
cfut_task_arm_queue_deadline (CfutTask       *self,
                              CfutLooseTimer *timer)
{
  gint64 at_usec = cfut_deadline_from_timeout (timer->wait_usec);

  timer->wait_usec = -1;
  if (!cfut_timer_arm (&timer->timer, at_usec))
    cfut_future_reject_pending (CFUT_FUTURE (self), no_timer_error ());
}

/* FALSE: it needs more than deadlines, or the number is too large. */
static inline gboolean
request_is_short (CfutRequest *request)
{
  return request->priority == 0 && request->cancellable == NULL && request->group == NULL &&
         request->run_deadline_usec <= (gint64) (G_MAXSIZE >> (CFUT_TASK_TERMS_SHIFT + 1));
}

/* Only deadlines: nobody else has it yet. FALSE: it was given options all the same. */
static gboolean
task_try_short_terms (CfutTask      *self,
                      CfutLooseTimer *timer,
                      gint64         run_deadline_usec)
{
  guintptr terms = (guintptr) timer;

  if (cfut_task_terms (self) != 0)
    return FALSE;

  if (timer != NULL)
    terms |= run_deadline_usec >= 0 ? CFUT_TASK_TERMS_QUEUE_RUN : CFUT_TASK_TERMS_QUEUE;
  else
    terms = (guintptr) run_deadline_usec << CFUT_TASK_TERMS_SHIFT | CFUT_TASK_TERMS_RUN;
  atomic_store_explicit (&self->terms, terms, memory_order_release);

  return TRUE;
}

static void
task_apply_options (CfutTask      *self,
                    CfutRequest   *request,
                    CfutLooseTimer *timer)
{
  CfutTaskOptions *options = cfut_task_get_options (self);

  options->priority = request->priority;
  options->run_deadline_usec = request->run_deadline_usec;
  options->queue_timer = timer;
  if (request->cancellable != NULL)
    options_follow_parent (options, request->cancellable);
}

/* What a task with this request waits for is not armed yet. */
static CfutLooseTimer *
queue_timer_new (CfutTask    *self,
                 CfutRequest *request)
{
  CfutLooseTimer *timer = cfut_loose_timer_new ();

  timer->timer.fire = on_queue_deadline;
  timer->of = self;
  timer->usec = request->run_deadline_usec;
  timer->wait_usec = request->queue_deadline_usec;
  return timer;
}

gboolean
cfut_task_apply_request (CfutTask    *self,
                         CfutRequest *request,
                         gboolean     arm)
{
  CfutFuture *future = (CfutFuture *) self;
  CfutLooseTimer *timer = NULL;

  if (request->name != NULL)
    cfut_future_set_name (future, request->name);
  if (request->group != NULL)
    cfut_group_add (request->group, future);
  cfut_point (CFUT_POINT_SUBMITS, self);

  if (G_UNLIKELY (request->queue_deadline_usec == 0))
    cfut_future_reject_pending (future, cfut_task_not_started_error ());
  else if (request->queue_deadline_usec > 0)
    timer = queue_timer_new (self, request);

  /* With a group too: others see the future from here on, and whoever has options is queued with
   * care. */
  if (!request_is_short (request) ||
      ((timer != NULL || request->run_deadline_usec >= 0) &&
       !task_try_short_terms (self, timer, request->run_deadline_usec)))
    {
      task_apply_options (self, request, timer);
      arm = TRUE;
    }
  if (timer != NULL && arm)
    cfut_task_arm_queue_deadline (self, timer);

  return !cfut_cell_settled (cfut_cell_load (&future->cell));
}

/* Under the cell's lock. */
static gboolean
task_is_queued (CfutTask *self,
                guint     word)
{
  return cfut_cell_state (word) == CFUT_STATE_PENDING && (word & CFUT_CELL_QUEUED) &&
         self->entry.pool != NULL;
}

static CfutTaskRemote *
task_peek_remote (CfutTask *self)
{
  CfutTaskOptions *options = cfut_task_peek_options (self);

  return options != NULL ? atomic_load_explicit (&options->remote, memory_order_acquire) : NULL;
}

void
cfut_task_paused (CfutFuture *future)
{
  CfutTaskRemote *remote = task_peek_remote (CFUT_TASK (future));

  if (remote != NULL)
    remote->klass->paused (CFUT_TASK (future));
}

/* It is PENDING. */
gboolean
cfut_task_has_begun (CfutFuture *future)
{
  CfutTaskRemote *remote = task_peek_remote (CFUT_TASK (future));

  return remote != NULL && remote->klass->has_begun (CFUT_TASK (future));
}

void
cfut_task_asked_to_stop (CfutFuture *future)
{
  CfutTaskRemote *remote = task_peek_remote (CFUT_TASK (future));

  if (remote != NULL)
    remote->klass->stop (CFUT_TASK (future));
}

/**
 * cfut_future_set_priority:
 * @self: a future
 * @priority: as GLib's: 0 is the default, less is more urgent; from -100 to 100
 *
 * Changes the priority of a task that waits in the queue of a [class@Cfut.ThreadExecutor] or a
 * [class@Cfut.ProcessExecutor]. May be called on any thread. What [property@Cfut.Request:priority] says of priorities holds here too.
 *
 * Returns: %FALSE if the task is not queued there (any more)
 *
 * Since: 1.0
 */
gboolean
cfut_future_set_priority (CfutFuture *self,
                          int         priority)
{
  CfutTask *task;
  CfutTaskOptions *options;
  CfutTaskRemote *remote;
  CfutPool *pool = NULL;
  gboolean placed = TRUE;
  gboolean was_placed;
  guint word;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), FALSE);

  if (!CFUT_IS_TASK (self))
    return FALSE;

  task = CFUT_TASK (self);
  options = cfut_task_get_options (task);
  remote = task_peek_remote (task);
  word = cfut_cell_lock (&self->cell);
  if (remote != NULL && cfut_cell_state (word) == CFUT_STATE_PENDING)
    {
      options->priority = CLAMP (priority, -CFUT_PRIORITY_LIMIT, CFUT_PRIORITY_LIMIT);
      cfut_cell_unlock (&self->cell);
      return remote->klass->replace (task);
    }
  if (task_is_queued (task, word))
    {
      pool = cfut_pool_ref (task->entry.pool);
      options->priority = CLAMP (priority, -100, 100);
      if (!(word & CFUT_CELL_PLACED) || !cfut_pool_is_aside (pool, &options->place))
        {
          placed = cfut_pool_try_place (pool, &options->place, cfut_task_options_key (options),
                                        &was_placed);
          if (placed)
            cfut_cell_set_flags (&self->cell, CFUT_CELL_PLACED);
          if (placed && !was_placed)
            g_object_ref (self);
        }
    }
  cfut_cell_unlock (&self->cell);

  if (pool == NULL)
    return FALSE;

  /* A worker has it in its hands, while all that is pending was cancelled. */
  if (G_UNLIKELY (!placed))
    cfut_future_cancel_pending (self);
  cfut_pool_notify (pool);
  cfut_pool_unref (pool);
  return placed;
}

/**
 * cfut_future_get_priority:
 * @self: a future
 *
 * Tells the priority that the future was submitted with, or was given after. May be called on any
 * thread.
 *
 * Returns: the priority; 0 is the default
 *
 * Since: 1.0
 */
int
cfut_future_get_priority (CfutFuture *self)
{
  CfutTaskOptions *options;
  int priority = 0;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), 0);

  if (!CFUT_IS_TASK (self) || (options = cfut_task_peek_options (CFUT_TASK (self))) == NULL)
    return 0;

  cfut_cell_lock (&self->cell);
  priority = options->priority;
  cfut_cell_unlock (&self->cell);

  return priority;
}

/* It may go on: if it was set aside, to its place in the queue. */
void
cfut_task_resumed (CfutFuture *future)
{
  CfutTask *self = CFUT_TASK (future);
  CfutTaskOptions *options = cfut_task_peek_options (self);
  CfutTaskRemote *remote = task_peek_remote (self);
  CfutPool *pool = NULL;
  guint word;

  if (options == NULL)
    return;
  if (remote != NULL)
    {
      remote->klass->resumed (self);
      return;
    }

  word = cfut_cell_lock (&future->cell);
  if (task_is_queued (self, word) && (word & CFUT_CELL_PLACED) && !(word & CFUT_CELL_PAUSED) &&
      cfut_pool_is_aside (self->entry.pool, &options->place))
    {
      gboolean was_placed;

      /* Who takes out all that is pending may have just taken it. */
      pool = cfut_pool_ref (self->entry.pool);
      if (cfut_pool_try_place (pool, &options->place, cfut_task_options_key (options), &was_placed) &&
          !was_placed)
        g_object_ref (self);
    }
  cfut_cell_unlock (&future->cell);

  if (pool != NULL)
    {
      cfut_pool_notify (pool);
      cfut_pool_unref (pool);
    }
}
