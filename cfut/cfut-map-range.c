/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A function over a range of indexes: one future, and a few tasks of the executor, the runners,
 * that take parts of the range from one cursor.
 *
 *   submit --> runner 1 --\                 (part) func
 *          --> runner 2 ---+--> cursor -->  (part) func --> last one out --> settles the future
 *          --> ...      --/                 (part) func
 *
 * The future is a task as well, though no executor has it: while a runner calls the function, the
 * future is what runs on its thread. So it is what the function sees, on all threads at once, and
 * results, messages, progress, checkpoints and cancellation are the one future's without more ado.
 *
 * Threads: any. The function runs on those of the executor.
 * Locks: none of its own. The first error is guarded by the future's cell.
 * Owns: the range is held by the future and each runner until they are released, and by the
 *   submitter during the call. It holds references on all of them, which go with it.
 * Invariants:
 * 1. The cursor only grows; what a runner has taken of it is its alone, and is called or given up.
 * 2. n_out counts down from the runners and the submitter. Who takes it to 0 settles the future,
 *    and all runners are out by then: returned, or never to be started.
 * 3. When there is nothing more to take, runners that have not been started are cancelled. `over`
 *    is set before they are looked for and looked at after one is shown, both in one total order.
 * 4. No runner holds the executor, and none is waited for.
 * Not here: how parts are timed with a grain of the caller's: they are not. */

#include <glib/gi18n-lib.h>

#include "core/cfut-fork-private.h"
#include "core/cfut-pool-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-executor.h"
#include "cfut-map-private.h"
#include "cfut-task-private.h"

/* How long a part is to take, with an automatic grain: long against what taking it costs, short
 * against what the others wait for the last. */
#define PART_USEC 64
#define GROWTH 16
/* Progress is told for each of this many steps, and after so long. */
#define PROGRESS_STEPS 512
#define PROGRESS_USEC 1000

typedef struct _MapRange MapRange;

typedef struct {
  CfutNode node;
  MapRange *range;
  _Atomic (CfutFuture *) future;
  _Atomic gboolean started;
} RangeRunner;

struct _MapRange {
  CfutOwned data;
  CfutNode node;              /* the future's */

  /* Immutable */
  CfutTask *task;             /* the one future */
  CfutRangeFunc func;
  guint64 begin;
  guint64 total;
  guint64 grain;              /* 0: automatic */
  guint n_runners;

  _Atomic guint64 cursor;     /* from begin; taken so far */
  _Atomic guint64 n_done;
  _Atomic guint64 n_shown;
  _Atomic gint64 shown_usec;
  _Atomic gboolean showing;   /* a runner tells the progress */
  _Atomic gboolean over;      /* nothing is to be taken any more */
  _Atomic guint n_out;

  /* Guarded by the lock of the future's cell */
  GError *error;              /* (nullable): the first, of a runner that ran */
  GError *start_error;        /* (nullable): the first, of one that could not be started */

  RangeRunner runners[];
};

static void
range_free (CfutOwned *data)
{
  MapRange *self = (MapRange *) data;

  for (guint i = 0; i < self->n_runners; i++)
    {
      CfutFuture *runner = atomic_load_explicit (&self->runners[i].future, memory_order_relaxed);

      if (runner != NULL)
        g_object_unref (runner);
    }
  g_clear_error (&self->error);
  g_clear_error (&self->start_error);
  g_object_unref (self->task);
  g_free (self);
}

static void
range_unref (gpointer data)
{
  cfut_owned_unref (&((MapRange *) data)->data);
}

static void
runner_unref (gpointer data)
{
  range_unref (((RangeRunner *) data)->range);
}

/* Takes @error over, if it is the first. */
static void
range_take_error (MapRange  *self,
                  GError   **place,
                  GError    *error)
{
  CfutFuture *future = CFUT_FUTURE (self->task);

  cfut_cell_lock (&future->cell);
  if (*place == NULL)
    *place = g_steal_pointer (&error);
  cfut_cell_unlock (&future->cell);

  g_clear_error (&error);
}

/* Nothing more is taken; who has not started need not. */
static void
range_end (MapRange *self)
{
  atomic_store_explicit (&self->over, TRUE, memory_order_seq_cst);

  for (guint i = 0; i < self->n_runners; i++)
    {
      CfutFuture *runner = atomic_load_explicit (&self->runners[i].future, memory_order_seq_cst);

      if (runner != NULL)
        cfut_future_cancel_pending (runner);
    }
}

/* All are out. One whose time was up may still be in the function, but is not waited for. */
static void
range_settle (MapRange *self)
{
  CfutFuture *future = CFUT_FUTURE (self->task);
  guint64 n_done = atomic_load_explicit (&self->n_done, memory_order_acquire);
  GError *start_error;
  GError *error;

  cfut_cell_lock (&future->cell);
  error = g_steal_pointer (&self->error);
  start_error = g_steal_pointer (&self->start_error);
  cfut_cell_unlock (&future->cell);

  if (cfut_future_get_state (future) == CFUT_STATE_PENDING)
    {
      /* Nobody has come to start it. */
      if (start_error != NULL)
        cfut_future_reject_pending (future, g_steal_pointer (&start_error));
      else
        cfut_future_cancel_pending (future);
    }
  else
    {
      /* The time of one that had only just been given to a thread may have been up. */
      if (n_done < self->total && error == NULL && !cfut_future_cancel_requested (future))
        error = g_steal_pointer (&start_error);
      if (n_done < self->total && error == NULL)
        error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The task was cancelled"));
      cfut_future_report_progress (future, n_done, self->total);
      cfut_future_finish_run (g_object_ref (future), error == NULL, g_steal_pointer (&error));
    }

  g_clear_error (&error);
  g_clear_error (&start_error);
}

static void
range_out (MapRange *self)
{
  if (atomic_fetch_sub_explicit (&self->n_out, 1, memory_order_acq_rel) == 1)
    range_settle (self);
}

static gboolean
range_take (MapRange *self,
            guint64   wanted,
            guint64  *first,
            guint64  *n)
{
  guint64 at = atomic_load_explicit (&self->cursor, memory_order_relaxed);

  do
    {
      if (at == self->total)
        return FALSE;
      *n = MIN (wanted, self->total - at);
    }
  while (!atomic_compare_exchange_weak_explicit (&self->cursor, &at, at + *n, memory_order_relaxed,
                                                 memory_order_relaxed));

  *first = self->begin + at;
  return TRUE;
}

/* Not each of a million parts: in steps too small to see, and no later than one sees it. */
static gboolean
range_is_worth_showing (MapRange *self,
                        guint64   done)
{
  if (done - atomic_load_explicit (&self->n_shown, memory_order_relaxed) >=
      self->total / PROGRESS_STEPS)
    return TRUE;

  return g_get_monotonic_time () >=
         atomic_load_explicit (&self->shown_usec, memory_order_relaxed) + PROGRESS_USEC;
}

/* One runner at a time tells, so progress never goes back. Who finds another at it leaves that one
 * to look again. */
static void
range_show (MapRange *self,
            guint64   n)
{
  guint64 done = atomic_fetch_add_explicit (&self->n_done, n, memory_order_seq_cst) + n;

  while (range_is_worth_showing (self, done) &&
         !atomic_exchange_explicit (&self->showing, TRUE, memory_order_seq_cst))
    {
      guint64 shown = atomic_load_explicit (&self->n_done, memory_order_relaxed);

      cfut_future_report_progress (CFUT_FUTURE (self->task), shown, self->total);
      atomic_store_explicit (&self->n_shown, shown, memory_order_relaxed);
      atomic_store_explicit (&self->shown_usec, g_get_monotonic_time (), memory_order_relaxed);
      atomic_store_explicit (&self->showing, FALSE, memory_order_seq_cst);

      done = atomic_load_explicit (&self->n_done, memory_order_seq_cst);
      if (done == shown)
        break;
    }
}

/* How much to take next, by how long the last took. Near the end less, for all to end together. */
static guint64
range_adapt (MapRange *self,
             guint64   size,
             gint64    took_usec)
{
  guint64 left = self->total - atomic_load_explicit (&self->cursor, memory_order_relaxed);
  guint64 at_most = MAX (left / (2 * (guint64) self->n_runners), 1);

  if (took_usec * GROWTH <= PART_USEC)
    size = size > at_most / GROWTH ? at_most : size * GROWTH;
  else
    size = (guint64) MIN ((double) size * PART_USEC / (double) took_usec, (double) at_most);

  return CLAMP (size, 1, at_most);
}

/* FALSE: it failed. */
static gboolean
range_call (MapRange *self,
            guint64   first,
            guint64   n)
{
  GError *error = NULL;
  gboolean success = self->func (self->task, first, first + n, self->data.user_data, &error);

  if (cfut_is_forked_child () && cfut_thread_get ()->worker != NULL)
    cfut_fork_leave (success);
  if (success && error == NULL)
    return TRUE;

  if (error == NULL)
    error = cfut_future_no_error_set ();
  range_take_error (self, &self->error, error);
  return FALSE;
}

static void
range_work (MapRange   *self,
            CfutFuture *runner)
{
  guint64 size = self->grain > 0 ? self->grain : 1;
  gint64 before = self->grain == 0 ? g_get_monotonic_time () : 0;
  guint64 first;
  guint64 n;

  while (!atomic_load_explicit (&self->over, memory_order_relaxed) &&
         !cfut_future_cancel_requested (runner) && cfut_task_checkpoint (self->task, NULL) &&
         range_take (self, size, &first, &n))
    {
      if (!range_call (self, first, n))
        break;
      range_show (self, n);

      if (self->grain == 0)
        {
          gint64 after = g_get_monotonic_time ();

          size = range_adapt (self, n, after - before);
          before = after;
        }
    }
}

static gboolean
runner_run (CfutTask  *runner,
            gpointer   data,
            GError   **error)
{
  RangeRunner *self = data;
  MapRange *range = self->range;
  CfutFuture *future = CFUT_FUTURE (range->task);
  CfutThread *thread = cfut_thread_get ();
  CfutPoolRun run;

  atomic_store_explicit (&self->started, TRUE, memory_order_relaxed);
  if (cfut_future_start (future) || !cfut_future_is_settled (future))
    {
      /* The one future in place of the runner, whose deadlines count. */
      run.deadline_usec = 0;
      cfut_pool_enter_run (&run, G_OBJECT (future));
      thread->running_task = range->task;
      range_work (range, CFUT_FUTURE (runner));
      thread->running_task = runner;
      cfut_pool_leave_run (&run);
    }

  /* All is taken, or given up. */
  range_end (range);
  return TRUE;
}

/* It has returned, its time is up, or it will not be started. The last is no reason for others to
 * stop. */
static void
runner_settled (CfutNode   *node,
                CfutFuture *runner,
                CfutState   state)
{
  RangeRunner *self = (RangeRunner *) node;
  MapRange *range = self->range;

  if (state == CFUT_STATE_REJECTED)
    {
      gboolean started = atomic_load_explicit (&self->started, memory_order_relaxed);

      range_take_error (range, started ? &range->error : &range->start_error,
                        cfut_future_dup_error (runner));
      if (started)
        range_end (range);
    }

  range_out (range);
}

static const CfutNodeClass runner_node_class = {
  .kind = CFUT_NODE_INTERNAL,
  .settled = runner_settled,
};

/* If not by us, then as it was cancelled before it ran. */
static void
range_settled (CfutNode   *node,
               CfutFuture *future,
               CfutState   state)
{
  range_end ((MapRange *) ((char *) node - G_STRUCT_OFFSET (MapRange, node)));
}

static const CfutNodeClass range_node_class = {
  .kind = CFUT_NODE_INTERNAL,
  .settled = range_settled,
};

/* The future is never queued itself. */
static gboolean
range_run_nothing (CfutTask  *task,
                   gpointer   data,
                   GError   **error)
{
  return TRUE;
}

static guint
range_count_runners (CfutExecutor *executor,
                     guint64       total,
                     guint64       grain)
{
  guint64 n_parts = grain > 0 ? total / grain + (total % grain > 0) : total;
  guint n_workers = cfut_executor_get_max_workers (executor);

  if (n_workers == 0)
    n_workers = g_get_num_processors ();

  return (guint) MIN (n_parts, n_workers);
}

static MapRange *
range_new (guint          n_runners,
           gpointer       user_data,
           GDestroyNotify destroy)
{
  MapRange *self = g_malloc0 (sizeof (MapRange) + n_runners * sizeof (RangeRunner));

  cfut_owned_init (&self->data, user_data, destroy, range_free);
  cfut_owned_ref (&self->data);
  self->task = cfut_task_new (range_run_nothing, self, range_unref);
  self->node.klass = &range_node_class;
  self->n_runners = n_runners;
  for (guint i = 0; i < n_runners; i++)
    {
      self->runners[i].node.klass = &runner_node_class;
      self->runners[i].range = self;
    }

  cfut_future_add_node (CFUT_FUTURE (self->task), &self->node);

  return self;
}

/* Those behind the first are there to help: without room for them it goes without. */
static void
range_submit (MapRange     *self,
              CfutExecutor *executor,
              CfutRequest  *part)
{
  gboolean refused = FALSE;

  for (guint i = 0; i < self->n_runners && !refused &&
                    !atomic_load_explicit (&self->over, memory_order_seq_cst); i++)
    {
      RangeRunner *runner = &self->runners[i];
      CfutFuture *future;

      atomic_fetch_add_explicit (&self->n_out, 1, memory_order_relaxed);
      cfut_owned_ref (&self->data);
      future = cfut_executor_submit_full (executor, part, runner_run, runner, runner_unref);
      cfut_future_observe (future);
      /* Who waits on a worker of the pool waits for what that pool runs. */
      if (i == 0)
        self->task->entry.pool = CFUT_TASK (future)->entry.pool;
      atomic_store_explicit (&runner->future, future, memory_order_seq_cst);
      if (!cfut_future_add_node (future, &runner->node))
        {
          CfutState state = cfut_future_get_state (future);

          refused = state == CFUT_STATE_REJECTED;
          runner_settled (&runner->node, future, state);
        }

      if (part != NULL)
        {
          part->size = 0;
          part->when_full = CFUT_WHEN_FULL_REJECT;
        }
    }
}

static GError *
range_backwards_error (guint64 begin,
                       guint64 end)
{
  char first[24];
  char last[24];

  g_snprintf (first, sizeof (first), "%" G_GUINT64_FORMAT, begin);
  g_snprintf (last, sizeof (last), "%" G_GUINT64_FORMAT, end);

  return g_error_new (G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                      _("The range ends at %s, before it begins at %s"), last, first);
}

/**
 * cfut_executor_map_range:
 * @self: an executor
 * @request: (nullable): how it is to be submitted
 * @begin: the first index
 * @end: the first index behind the range
 * @grain: how many indexes to do in one call of @func; 0 to have that chosen by how long they take
 * @func: (scope notified) (closure user_data) (destroy destroy): what does a part of the range;
 *   called on threads of the executor, on several at once, for parts that do not overlap and
 *   together are the range
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data when @func cannot be called any more; called on the main
 *   context of this call, never on a worker
 *
 * Has a function run over a range of indexes, on as many threads as the executor has for it, and
 * returns one future for all.
 *
 * Whoever is free takes the next part, so that all end at about the same time. With a @grain of 0
 * parts begin with one index and grow until a call takes some ten microseconds, which makes the
 * cost of a call vanish even where an index costs next to nothing; choose a grain where indexes
 * belong together, or where one takes milliseconds and the next none.
 *
 * The task that @func gets is the future itself, on all threads. Its progress is told by the
 * library, in indexes; of results and messages the one set last stands. @func should call
 * [method@Cfut.Task.checkpoint] if a part takes long; between parts that is done for it.
 *
 * The first part that fails rejects the future, with its error, as soon as the other parts that
 * were begun have ended; no more are begun. It is the same when the future is cancelled while it
 * runs. The deadlines of @request are those of each thread's share, of which the first to be
 * started begins. An empty range is resolved at once. May be called on any thread.
 *
 * Errors, on the future: what @func fails with; %CFUT_FUTURE_ERROR_CALLBACK_FAILED when it fails
 * and says nothing; %G_IO_ERROR_INVALID_ARGUMENT when @end lies before @begin; those of
 * [method@Cfut.Executor.submit].
 *
 * Returns: (transfer full): the future; it has no value, unless @func sets one
 *
 * Since: 1.0
 */
CfutFuture *
cfut_executor_map_range (CfutExecutor   *self,
                         CfutRequest    *request,
                         guint64         begin,
                         guint64         end,
                         guint64         grain,
                         CfutRangeFunc   func,
                         gpointer        user_data,
                         GDestroyNotify  destroy)
{
  guint64 total = end > begin ? end - begin : 0;
  CfutRequest *of_future;
  CfutRequest *of_task;
  MapRange *range;
  CfutFuture *future;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), NULL);
  g_return_val_if_fail (request == NULL || CFUT_IS_REQUEST (request), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  range = range_new (range_count_runners (self, total, grain), user_data, destroy);
  range->func = func;
  /* Never called as such, but named in reports. */
  range->task->func = (CfutTaskFunc) (gpointer) func;
  range->begin = begin;
  range->total = total;
  range->grain = grain;
  atomic_init (&range->n_out, 1);
  future = g_object_ref (CFUT_FUTURE (range->task));

  cfut_map_split_request (request, &of_future, &of_task);
  if (of_future != NULL)
    cfut_task_apply_request (range->task, of_future, TRUE);
  /* It is the one future that hears of it, and tells the runners. */
  if (of_task != NULL)
    g_clear_object (&of_task->cancellable);

  if (begin > end)
    cfut_future_reject_pending (future, range_backwards_error (begin, end));
  else if (total == 0)
    cfut_future_start (future);
  else
    range_submit (range, self, of_task);

  /* Those that were shown after it was over. */
  if (atomic_load_explicit (&range->over, memory_order_seq_cst))
    range_end (range);
  range_out (range);
  range_unref (range);
  g_clear_object (&of_future);
  g_clear_object (&of_task);
  return future;
}
