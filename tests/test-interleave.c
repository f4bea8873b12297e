/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Two threads that meet between two steps of one of them. One is stopped at a point of core/cfut-
 * point-private.h, the other comes past, and the first goes on: each interleaving is brought about
 * every time, and nothing is left to luck. The numbers are those of test-breaks.c. */

#include "test-interleave-util.h"

#include "cfut-task-private.h"
#include "core/cfut-pool-struct-private.h"

/* --- a task in a queue --- */

/* Has a task submitted behind a blocker, to an executor of one thread. */
typedef struct {
  CfutExecutor *executor;
  CfutFuture *blocker;
  CfutFuture *future;
  TestGate gate;      /* of the blocker */
  TestGate inside;    /* of the task */
  int n_ran;          /* atomic */
  int n_destroyed;    /* atomic */
  int n_gone;         /* atomic */
} Queued;

static gboolean
queued_run (CfutTask  *task,
            gpointer   data,
            GError   **error)
{
  Queued *self = data;

  g_atomic_int_inc (&self->n_ran);
  test_gate_pass (&self->inside);
  return TRUE;
}

static void
queued_destroyed (gpointer data)
{
  g_atomic_int_inc (&((Queued *) data)->n_destroyed);
}

static void
queued_init (Queued      *self,
             CfutRequest *request,
             gboolean     stays)
{
  *self = (Queued) { .executor = cfut_thread_executor_new (1) };
  test_gate_init (&self->gate);
  test_gate_init (&self->inside);
  if (!stays)
    test_gate_open (&self->inside);
  self->blocker = cfut_executor_submit (self->executor, test_task_pass, &self->gate, NULL);
  test_gate_wait_arrived (&self->gate, 1);
  self->future = cfut_executor_submit_full (self->executor, request, queued_run, self,
                                            queued_destroyed);
  test_watch_gone (self->future, &self->n_gone);
}

/* Each presence in a queue has dropped its reference, and no more than that; nothing is left. */
static void
queued_end (Queued *self,
            int     n_ran)
{
  GError *error = NULL;

  test_gate_open (&self->gate);
  test_assert_settles (self->blocker, CFUT_STATE_RESOLVED);
  cfut_executor_shutdown (self->executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cfut_executor_get_n_pending (self->executor), ==, 0);
  g_assert_cmpuint (cfut_executor_get_n_running (self->executor), ==, 0);
  g_assert_cmpint (g_atomic_int_get (&self->n_ran), ==, n_ran);

  if (self->future != NULL)
    {
      test_iterate_ready (NULL);
      g_assert_cmpint (g_atomic_int_get (&self->n_gone), ==, 0);
      g_clear_object (&self->future);
    }
  test_iterate_until (NULL, g_atomic_int_get (&self->n_gone) == 1);
  g_assert_cmpint (g_atomic_int_get (&self->n_destroyed), ==, 1);
  g_object_unref (self->blocker);
  g_object_unref (self->executor);
  test_gate_clear (&self->inside);
  test_gate_clear (&self->gate);
}

static gpointer
cancel_future (gpointer future)
{
  return GINT_TO_POINTER (cfut_future_cancel (future));
}

/* 6. Who cancels has taken it out of the counts and not settled it yet; the worker that comes to it
 * meanwhile does not start it. */
static void
test_interleave_claim_while_cancelled (void)
{
  TestStop cancels, worker;
  GThread *thread;
  Queued self;

  queued_init (&self, NULL, FALSE);
  test_stop_at (&cancels, CFUT_POINT_SETTLES, self.future);
  thread = g_thread_new ("canceller", cancel_future, self.future);
  test_stop_wait (&cancels);

  test_count_at (&worker, CFUT_POINT_CELL_WAITS, &self.future->cell);
  test_gate_open (&self.gate);
  test_poll_until (test_stop_arrived (&worker) || g_atomic_int_get (&self.n_ran) > 0);
  test_stop_go (&cancels);

  g_assert_true (GPOINTER_TO_INT (g_thread_join (thread)));
  g_assert_cmpint (cfut_future_get_state (self.future), ==, CFUT_STATE_CANCELLED);
  queued_end (&self, 0);
  test_stop_clear (&cancels);
  test_stop_clear (&worker);
}

/* 6. A worker has it in its hands when it is cancelled: it is not started. */
static void
test_interleave_cancelled_while_taken (void)
{
  TestStop worker;
  Queued self;

  queued_init (&self, NULL, FALSE);
  test_stop_at (&worker, CFUT_POINT_TAKEN, self.future);
  test_gate_open (&self.gate);
  test_stop_wait (&worker);
  g_assert_true (cfut_future_cancel (self.future));
  test_stop_go (&worker);
  queued_end (&self, 0);
  test_stop_clear (&worker);
}

/* The timers' thread has done with all that it took out before. */
static void
pass_timers (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) blocker = NULL;
  g_autoptr (CfutFuture) future = NULL;
  TestGate gate;

  test_gate_init (&gate);
  blocker = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_gate_wait_arrived (&gate, 1);
  cfut_request_set_queue_deadline_usec (request, 1);
  future = cfut_executor_submit_full (executor, request, test_task_nothing, NULL, NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE);
  test_gate_open (&gate);
  test_assert_settles (blocker, CFUT_STATE_RESOLVED);
  test_gate_clear (&gate);
}

/* What the timers of deadlines in the queue have in common. Others fire as well: that of notifications that a
 * task runs comes a frame after any start. */
static void (*deadline_fire) (CfutTimer *timer);

static gboolean
learn_deadline (gconstpointer timer)
{
  deadline_fire = ((const CfutTimer *) timer)->fire;
  return TRUE;
}

/* Before a main loop has run nothing is notified, and there is no other timer. */
static void
learn_deadlines (void)
{
  TestStop fires;

  test_stop_when (&fires, CFUT_POINT_TIMER_FIRES, learn_deadline);
  test_stop_go (&fires);
  pass_timers ();
  test_stop_clear (&fires);
  g_assert_nonnull (deadline_fire);
}

static gboolean
is_deadline (gconstpointer timer)
{
  return ((const CfutTimer *) timer)->fire == deadline_fire;
}

static CfutRequest *
request_with_queue_deadline (void)
{
  CfutRequest *request = cfut_request_new ();

  cfut_request_set_queue_deadline_usec (request, 1000);
  return request;
}

/* 6. The deadline in the queue has come, but a worker starts it before the timers' thread gets to
 * that: it runs to its end. */
static void
test_interleave_started_before_its_deadline_fires (void)
{
  g_autoptr (CfutRequest) request = request_with_queue_deadline ();
  TestStop fires;
  Queued self;

  test_stop_when (&fires, CFUT_POINT_TIMER_FIRES, is_deadline);
  queued_init (&self, request, TRUE);
  test_stop_wait (&fires);

  test_gate_open (&self.gate);
  test_gate_wait_arrived (&self.inside, 1);
  test_stop_go (&fires);
  pass_timers ();
  g_assert_cmpint (cfut_future_get_state (self.future), ==, CFUT_STATE_RUNNING);

  test_gate_open (&self.inside);
  test_assert_settles (self.future, CFUT_STATE_RESOLVED);
  queued_end (&self, 1);
  test_stop_clear (&fires);
}

/* 6. The other way round: it is in a worker's hands when its deadline settles it. */
static void
test_interleave_deadline_while_taken (void)
{
  g_autoptr (CfutRequest) request = request_with_queue_deadline ();
  TestStop fires, worker;
  Queued self;

  test_stop_when (&fires, CFUT_POINT_TIMER_FIRES, is_deadline);
  queued_init (&self, request, FALSE);
  test_stop_wait (&fires);
  test_stop_at (&worker, CFUT_POINT_TAKEN, self.future);
  test_gate_open (&self.gate);
  test_stop_wait (&worker);

  test_stop_go (&fires);
  test_assert_fails (self.future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_DEADLINE);
  test_stop_go (&worker);
  queued_end (&self, 0);
  test_stop_clear (&fires);
  test_stop_clear (&worker);
}

static gpointer
drop_future (gpointer future)
{
  g_object_unref (future);
  return NULL;
}

/* 6. It is cancelled, and everybody lets go of it, while its deadline is about to fire: its end
 * waits for that, which leaves it alone then. */
static void
test_interleave_gone_before_its_deadline_fires (void)
{
  g_autoptr (CfutRequest) request = request_with_queue_deadline ();
  g_autoptr (CfutFuture) behind = NULL;
  TestStop fires, waits;
  GThread *thread;
  gpointer timer;
  Queued self;

  test_stop_when (&fires, CFUT_POINT_TIMER_FIRES, is_deadline);
  queued_init (&self, request, FALSE);
  timer = test_stop_wait (&fires);

  g_assert_true (cfut_future_cancel (self.future));
  behind = cfut_executor_submit (self.executor, test_task_nothing, NULL, NULL);
  test_gate_open (&self.gate);
  test_assert_settles (behind, CFUT_STATE_RESOLVED);
  test_iterate_until (NULL, g_atomic_int_get (&self.n_destroyed) == 1);
  test_iterate_until (NULL, g_atomic_int_get ((gint *) &G_OBJECT (self.future)->ref_count) == 1);

  test_count_at (&waits, CFUT_POINT_TIMER_WAITS, timer);
  thread = g_thread_new ("dropper", drop_future, g_steal_pointer (&self.future));
  test_poll_until (test_stop_arrived (&waits));
  test_stop_go (&fires);
  g_thread_join (thread);
  queued_end (&self, 0);
  test_stop_clear (&fires);
  test_stop_clear (&waits);
}

/* 6. It gets a priority while a worker has it in its hands: it is run once, from one of its two
 * places. */
static void
test_interleave_priority_while_taken (void)
{
  for (int priority = -1; priority <= 1; priority++)
    {
      g_autoptr (CfutRequest) request = cfut_request_new ();
      TestStop worker;
      Queued self;

      cfut_request_set_priority (request, priority);
      queued_init (&self, request, FALSE);
      test_stop_at (&worker, CFUT_POINT_TAKEN, self.future);
      test_gate_open (&self.gate);
      test_stop_wait (&worker);

      g_assert_true (cfut_future_set_priority (self.future, 3));
      g_assert_true (cfut_future_set_priority (self.future, -3));
      test_stop_go (&worker);
      test_assert_settles (self.future, CFUT_STATE_RESOLVED);
      queued_end (&self, 1);
      test_stop_clear (&worker);
    }
}

/* 6. The same, and then it is cancelled: both places are given up. */
static void
test_interleave_priority_and_cancel_while_taken (void)
{
  for (int priority = -1; priority <= 1; priority++)
    {
      g_autoptr (CfutRequest) request = cfut_request_new ();
      TestStop worker;
      Queued self;

      cfut_request_set_priority (request, priority);
      queued_init (&self, request, FALSE);
      test_stop_at (&worker, CFUT_POINT_TAKEN, self.future);
      test_gate_open (&self.gate);
      test_stop_wait (&worker);

      g_assert_true (cfut_future_set_priority (self.future, 3));
      g_assert_true (cfut_future_cancel (self.future));
      g_assert_false (cfut_future_set_priority (self.future, 4));
      test_stop_go (&worker);
      queued_end (&self, 0);
      test_stop_clear (&worker);
    }
}

/* 6. All that is pending is cancelled for good while a worker has one in its hands: that is run,
 * unless somebody wants to give it another place, or has paused it: then there is none for it. */
static void
test_interleave_emptied_while_taken (void)
{
  for (guint i = 0; i < 6; i++)
    {
      g_autoptr (CfutRequest) request = cfut_request_new ();
      TestStop worker;
      Queued self;

      cfut_request_set_priority (request, i % 2 == 0 ? 0 : 5);
      queued_init (&self, request, FALSE);
      test_stop_at (&worker, CFUT_POINT_TAKEN, self.future);
      test_gate_open (&self.gate);
      test_stop_wait (&worker);
      cfut_executor_shutdown (self.executor, CFUT_SHUTDOWN_CANCEL_PENDING, 0, NULL);
      g_assert_cmpint (cfut_future_get_state (self.future), ==, CFUT_STATE_PENDING);
      if (i / 2 == 1)
        g_assert_false (cfut_future_set_priority (self.future, -5));
      else if (i / 2 == 2)
        cfut_future_pause (self.future);
      test_stop_go (&worker);
      test_assert_settles (self.future, i / 2 == 0 ? CFUT_STATE_RESOLVED : CFUT_STATE_CANCELLED);
      queued_end (&self, i / 2 == 0);
      test_stop_clear (&worker);
    }
}

/* --- a task that is being submitted --- */

/* Another thread submits it with a request, and is stopped there; the worker is busy meanwhile. */
typedef struct {
  CfutExecutor *executor;
  CfutFuture *blocker;
  TestGate gate;
  CfutRequest *request;
  CfutFuture *future;
  int n_ran;         /* atomic */
  int n_destroyed;   /* atomic */
  int n_gone;        /* atomic */
} Submission;

static gboolean
submission_run (CfutTask  *task,
                gpointer   data,
                GError   **error)
{
  g_atomic_int_inc (&((Submission *) data)->n_ran);
  return TRUE;
}

static void
submission_destroyed (gpointer data)
{
  g_atomic_int_inc (&((Submission *) data)->n_destroyed);
}

static gpointer
submission_submit (gpointer data)
{
  Submission *self = data;

  self->future = cfut_executor_submit_full (self->executor, self->request, submission_run, self,
                                            submission_destroyed);
  return NULL;
}

static void
submission_end (Submission *self,
                CfutGroup  *group,
                CfutState   state)
{
  GError *error = NULL;

  test_gate_open (&self->gate);
  test_assert_settles (self->blocker, CFUT_STATE_RESOLVED);
  test_assert_settles (self->future, state);
  cfut_executor_shutdown (self->executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (cfut_executor_get_n_pending (self->executor), ==, 0);
  g_assert_cmpint (self->n_ran, ==, state == CFUT_STATE_RESOLVED);

  if (group != NULL)
    cfut_group_remove (group, self->future);
  g_clear_object (&self->future);
  test_iterate_until (NULL, g_atomic_int_get (&self->n_gone) == 1);
  g_assert_cmpint (g_atomic_int_get (&self->n_destroyed), ==, 1);
  g_object_unref (self->blocker);
  g_object_unref (self->request);
  g_object_unref (self->executor);
  test_gate_clear (&self->gate);
}

static void
submission_init (Submission *self,
                 CfutGroup  *group,
                 int         priority)
{
  *self = (Submission) {
    .executor = cfut_thread_executor_new (1),
    .request = cfut_request_new (),
  };
  cfut_request_set_group (self->request, group);
  cfut_request_set_priority (self->request, priority);
  test_gate_init (&self->gate);
  self->blocker = cfut_executor_submit (self->executor, test_task_pass, &self->gate, NULL);
  test_gate_wait_arrived (&self->gate, 1);
}

/* 6. Its group is cancelled when it is in there and nowhere else, when the executor has just got
 * it, or when it is flagged as queued and does not stand there: it is cancelled, does not run, and
 * is not counted. */
static void
test_interleave_group_cancelled_while_submitting (void)
{
  static const CfutPoint points[] = {
    CFUT_POINT_SUBMITS, CFUT_POINT_FLAGS, CFUT_POINT_ENQUEUES,
  };

  for (guint i = 0; i < 3 * G_N_ELEMENTS (points); i++)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      Submission self;
      TestStop submits;
      GThread *thread;

      submission_init (&self, group, (int) i / 3 - 1);
      test_stop_at (&submits, points[i % 3], NULL);
      thread = g_thread_new ("submitter", submission_submit, &self);
      test_watch_gone (test_stop_wait (&submits), &self.n_gone);
      cfut_group_cancel (group);
      test_stop_go (&submits);
      g_thread_join (thread);

      g_assert_true (cfut_future_is_settled (self.future));
      submission_end (&self, group, CFUT_STATE_CANCELLED);
      test_stop_clear (&submits);
    }
}

/* 6. It gets another priority when it is flagged as queued and does not stand there: it is run
 * once, and its two ways into the queue drop a reference each. */
static void
test_interleave_priority_while_submitting (void)
{
  for (int priority = -1; priority <= 1; priority++)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      Submission self;
      TestStop submits;
      GThread *thread;
      CfutFuture *future;

      submission_init (&self, group, priority);
      test_stop_at (&submits, CFUT_POINT_ENQUEUES, NULL);
      thread = g_thread_new ("submitter", submission_submit, &self);
      future = test_stop_wait (&submits);
      test_watch_gone (future, &self.n_gone);
      g_assert_true (cfut_future_set_priority (future, 5));
      test_stop_go (&submits);
      g_thread_join (thread);
      submission_end (&self, group, CFUT_STATE_RESOLVED);
      test_stop_clear (&submits);
    }
}

/* 6. It is paused there, and resumed when it stands in the queue. */
static void
test_interleave_pause_while_submitting (void)
{
  for (int priority = -1; priority <= 1; priority++)
    {
      g_autoptr (CfutGroup) group = cfut_group_new ();
      Submission self;
      TestStop submits;
      GThread *thread;
      CfutTask *task;

      submission_init (&self, group, priority);
      test_stop_at (&submits, CFUT_POINT_ENQUEUES, NULL);
      thread = g_thread_new ("submitter", submission_submit, &self);
      task = test_stop_wait (&submits);
      test_watch_gone (task, &self.n_gone);
      cfut_future_pause (CFUT_FUTURE (task));
      test_stop_go (&submits);
      g_thread_join (thread);
      test_gate_open (&self.gate);
      test_poll_until (cfut_pool_is_aside (task->entry.pool,
                                           &cfut_task_peek_options (task)->place));
      cfut_group_resume (group);
      cfut_future_resume (self.future);
      submission_end (&self, group, CFUT_STATE_RESOLVED);
      test_stop_clear (&submits);
    }
}

/* 6. It has run to its end before its deadline is armed, which has passed by then: nothing comes of
 * that. */
static void
test_interleave_armed_after_it_has_run (void)
{
  Submission self;
  TestStop arms;
  GThread *thread;
  CfutFuture *future;

  submission_init (&self, NULL, 0);
  cfut_request_set_queue_deadline_usec (self.request, 1);
  test_stop_at (&arms, CFUT_POINT_ARMS, NULL);
  thread = g_thread_new ("submitter", submission_submit, &self);
  future = test_stop_wait (&arms);
  test_watch_gone (future, &self.n_gone);
  test_gate_open (&self.gate);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  test_stop_go (&arms);
  g_thread_join (thread);
  pass_timers ();
  submission_end (&self, NULL, CFUT_STATE_RESOLVED);
  test_stop_clear (&arms);
}

/* --- a task that runs --- */

static gboolean
checkpoint_once (CfutTask  *task,
                 gpointer   gate,
                 GError   **error)
{
  return cfut_task_checkpoint (task, error);
}

/* All that runs is asked to stop while a task is flagged as running and not to be found yet; it is
 * paused too, and nobody will resume it: it stops. */
static void
test_interleave_stopped_before_it_is_seen (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) future = NULL;
  TestStop starts;

  test_stop_at (&starts, CFUT_POINT_STARTED, NULL);
  future = cfut_executor_submit (executor, checkpoint_once, NULL, NULL);
  g_assert_true (test_stop_wait (&starts) == (gpointer) future);
  cfut_future_pause (future);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_RUNNING, 0, NULL);
  test_stop_go (&starts);
  test_assert_settles (future, CFUT_STATE_CANCELLED);
  test_stop_clear (&starts);
}

/* It is asked to stop, or resumed, between its look at the pause and its sleep. */
static void
test_interleave_pause_ends_before_the_sleep (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
      g_autoptr (CfutFuture) future = NULL;
      TestStop starts, pauses;

      test_stop_at (&starts, CFUT_POINT_STARTED, NULL);
      test_stop_at (&pauses, CFUT_POINT_PAUSES, NULL);
      future = cfut_executor_submit (executor, checkpoint_once, NULL, NULL);
      test_stop_wait (&starts);
      cfut_future_pause (future);
      test_stop_go (&starts);
      test_stop_wait (&pauses);
      if (i == 0)
        cfut_future_cancel (future);
      else if (i == 1)
        cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_RUNNING, 0, NULL);
      else
        cfut_future_resume (future);
      test_stop_go (&pauses);
      test_assert_settles (future, i == 2 ? CFUT_STATE_RESOLVED : CFUT_STATE_CANCELLED);
      test_stop_clear (&starts);
      test_stop_clear (&pauses);
    }
}

static gpointer
stop_running (gpointer executor)
{
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_CANCEL_RUNNING, 0, NULL);
  return NULL;
}

/* 12. While another thread looks at what runs on a worker, that does not end under its eyes. */
static void
test_interleave_ends_while_it_is_looked_at (void)
{
  CfutExecutor *executor = cfut_thread_executor_new (1);
  CfutFuture *future;
  TestStop claims, waits;
  GThread *thread;
  TestGate gate;
  int n_gone = 0;

  test_gate_init (&gate);
  future = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  test_watch_gone (future, &n_gone);
  test_gate_wait_arrived (&gate, 1);

  test_stop_at (&claims, CFUT_POINT_CLAIMS, NULL);
  test_count_at (&waits, CFUT_POINT_CLAIM_WAITS, NULL);
  thread = g_thread_new ("stopper", stop_running, executor);
  test_stop_wait (&claims);
  test_gate_open (&gate);
  test_poll_until (test_stop_arrived (&waits) || cfut_future_is_settled (future));
  g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_RUNNING);

  test_stop_go (&claims);
  g_thread_join (thread);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_object_unref (future);
  test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 1);
  g_object_unref (executor);
  test_stop_clear (&claims);
  test_stop_clear (&waits);
  test_gate_clear (&gate);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_stops_begin ();
  learn_deadlines ();

#define add(name, func) g_test_add_func ("/cfut/interleave/" name, test_interleave_##func)
  add ("06-armed-after-it-has-run", armed_after_it_has_run);
  add ("06-cancelled-while-taken", cancelled_while_taken);
  add ("06-claim-while-cancelled", claim_while_cancelled);
  add ("06-deadline-while-taken", deadline_while_taken);
  add ("06-emptied-while-taken", emptied_while_taken);
  add ("06-gone-before-its-deadline-fires", gone_before_its_deadline_fires);
  add ("06-group-cancelled-while-submitting", group_cancelled_while_submitting);
  add ("06-pause-while-submitting", pause_while_submitting);
  add ("06-priority-and-cancel-while-taken", priority_and_cancel_while_taken);
  add ("06-priority-while-submitting", priority_while_submitting);
  add ("06-priority-while-taken", priority_while_taken);
  add ("06-started-before-its-deadline-fires", started_before_its_deadline_fires);
  add ("12-ends-while-it-is-looked-at", ends_while_it_is_looked_at);
  add ("pause-ends-before-the-sleep", pause_ends_before_the_sleep);
  add ("stopped-before-it-is-seen", stopped_before_it_is_seen);
#undef add

  return g_test_run ();
}
