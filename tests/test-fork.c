/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A child of fork () that does not exec: what needs a thread is a clear error there and never a hang, what
 * needs none works on, and the parent does not notice. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-util.h"

/* A child that hangs is killed by its own alarm. */
#define CHILD_SECONDS 30

typedef void (*ChildFunc) (gpointer data);

/* Where it is counted which lines run, _exit () would lose the child's. */
extern void __gcov_dump (void) __attribute__ ((weak));

/* Calls @func in a child, which has to come to its end: by _exit (), or by exit () with all that the
 * library and others have asked for. */
static void
run_in_child (ChildFunc func,
              gpointer  data,
              gboolean  cleanly)
{
  int status;
  pid_t pid;

  fflush (NULL);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      alarm (CHILD_SECONDS);
      func (data);
      /* Nothing of the parent's report is to be written twice. */
      if (cleanly)
        exit (EXIT_SUCCESS);
      if (__gcov_dump != NULL)
        __gcov_dump ();
      _exit (EXIT_SUCCESS);
    }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (WIFSIGNALED (status))
    g_error ("the child ended by signal %d", WTERMSIG (status));
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, EXIT_SUCCESS);
}

/* An executor whose one worker is busy, with more queued behind it, and one that has nothing to do. */
typedef struct {
  CfutExecutor *busy;
  CfutExecutor *idle;
  CfutGroup *group;
  CfutPromise *promise;
  CfutFuture *running;
  CfutFuture *pending;
  CfutFuture *resolved;
  CfutFuture *rejected;
  TestGate gate;
} Scene;

static void
scene_begin (Scene *self)
{
  self->busy = cfut_thread_executor_new (1);
  self->idle = cfut_thread_executor_new (2);
  self->group = cfut_group_new ();
  self->promise = cfut_promise_new ();
  test_gate_init (&self->gate);

  self->running = cfut_executor_submit (self->busy, test_task_pass, &self->gate, NULL);
  test_gate_wait_arrived (&self->gate, 1);
  self->pending = cfut_executor_submit (self->busy, test_task_number, GINT_TO_POINTER (7), NULL);
  cfut_group_add (self->group, self->pending);

  self->resolved = cfut_executor_submit (self->idle, test_task_number, GINT_TO_POINTER (5), NULL);
  self->rejected = cfut_executor_submit (self->idle, test_task_fail, NULL, NULL);
  test_assert_settles (self->resolved, CFUT_STATE_RESOLVED);
  test_assert_fails (self->rejected, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_FAILED);
}

static void
scene_drop (Scene *self)
{
  g_clear_object (&self->running);
  g_clear_object (&self->pending);
  g_clear_object (&self->resolved);
  g_clear_object (&self->rejected);
  g_clear_object (&self->promise);
  g_clear_object (&self->group);
  g_clear_object (&self->busy);
  g_clear_object (&self->idle);
}

/* In the parent: nothing was noticed, and all goes on. */
static void
scene_end (Scene *self)
{
  CfutFuture *after = cfut_executor_submit (self->idle, test_task_number, GINT_TO_POINTER (9), NULL);
  CfutFuture *next;

  test_assert_settles (after, CFUT_STATE_RESOLVED);
  g_object_unref (after);

  g_assert_cmpint (cfut_future_get_state (self->running), ==, CFUT_STATE_RUNNING);
  g_assert_cmpint (cfut_future_get_state (self->pending), ==, CFUT_STATE_PENDING);
  g_assert_false (cfut_executor_is_shut_down (self->busy));
  test_gate_open (&self->gate);
  test_assert_settles (self->running, CFUT_STATE_RESOLVED);
  g_assert_cmpint (cfut_future_result_int64 (self->pending, -1, NULL), ==, 7);
  next = cfut_group_next (self->group, -1, NULL, NULL);
  g_assert_true (next == self->pending);
  g_object_unref (next);

  g_assert_true (cfut_promise_resolve (self->promise, NULL));
  g_assert_true (cfut_executor_shutdown (self->busy, CFUT_SHUTDOWN_WAIT, -1, NULL));
  g_assert_true (cfut_executor_shutdown (self->idle, CFUT_SHUTDOWN_WAIT, -1, NULL));
  scene_drop (self);
  test_gate_clear (&self->gate);
  test_iterate_ready (NULL);
}

#define assert_broken(error) \
  G_STMT_START { \
    g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN); \
    g_clear_error (&(error)); \
  } G_STMT_END

static void
assert_refuses (CfutExecutor *executor)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) plain = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
  g_autoptr (CfutFuture) full = cfut_executor_submit_full (executor, request, test_task_nothing, NULL, NULL);

  test_assert_fails (plain, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
  test_assert_fails (full, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
}

static void
child_submits (gpointer data)
{
  Scene *scene = data;

  assert_refuses (scene->busy);
  assert_refuses (scene->idle);
  cfut_executor_post (scene->busy, test_task_nothing, NULL, NULL);
  cfut_executor_post (scene->idle, test_task_nothing, NULL, NULL);
}

/* Submitting is refused, by an executor with work and by one without. */
static void
test_fork_submit_is_refused (void)
{
  Scene scene;

  scene_begin (&scene);
  run_in_child (child_submits, &scene, FALSE);
  scene_end (&scene);
}

static void
child_waits (gpointer data)
{
  CfutFuture *unsettled[3];
  Scene *scene = data;
  g_autoptr (GError) error = NULL;

  unsettled[0] = scene->running;
  unsettled[1] = scene->pending;
  unsettled[2] = cfut_promise_get_future (scene->promise);
  for (guint i = 0; i < G_N_ELEMENTS (unsettled); i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();

      g_assert_false (cfut_future_wait (unsettled[i], -1, NULL, &error));
      assert_broken (error);
      g_assert_false (cfut_future_wait (unsettled[i], G_USEC_PER_SEC, cancellable, &error));
      assert_broken (error);
      g_assert_null (cfut_future_result (unsettled[i], -1, &error));
      assert_broken (error);
    }

  g_assert_null (cfut_group_next (scene->group, -1, NULL, &error));
  assert_broken (error);
  g_assert_false (cfut_group_wait (scene->group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, &error));
  assert_broken (error);
  g_assert_false (cfut_executor_shutdown (scene->busy, CFUT_SHUTDOWN_WAIT, -1, &error));
  assert_broken (error);
  g_assert_false (cfut_executor_shutdown (scene->idle,
                                          CFUT_SHUTDOWN_WAIT | CFUT_SHUTDOWN_CANCEL_RUNNING, -1,
                                          &error));
  assert_broken (error);
}

/* A blocking wait for what only the parent can settle fails, whatever it waits for. */
static void
test_fork_waits_fail (void)
{
  Scene scene;

  scene_begin (&scene);
  run_in_child (child_waits, &scene, FALSE);
  scene_end (&scene);
}

typedef struct {
  GAsyncResult *results[3];
  guint n;
} Results;

static void
on_result (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Results *results = user_data;

  results->results[results->n++] = g_object_ref (result);
}

static void
child_waits_async (gpointer data)
{
  GMainContext *context = g_main_context_new ();
  Results results = { { NULL, }, 0 };
  Scene *scene = data;
  g_autoptr (GError) error = NULL;

  g_main_context_push_thread_default (context);
  cfut_future_wait_async (scene->pending, -1, NULL, on_result, &results);
  test_iterate_until (context, results.n == 1);
  g_assert_false (cfut_future_wait_finish (scene->pending, results.results[0], &error));
  assert_broken (error);

  cfut_group_next_async (scene->group, -1, NULL, on_result, &results);
  test_iterate_until (context, results.n == 2);
  g_assert_null (cfut_group_next_finish (scene->group, results.results[1], &error));
  assert_broken (error);

  cfut_executor_shutdown_async (scene->busy, 0, -1, NULL, on_result, &results);
  test_iterate_until (context, results.n == 3);
  g_assert_false (cfut_executor_shutdown_finish (scene->busy, results.results[2], &error));
  assert_broken (error);
  g_main_context_pop_thread_default (context);
}

/* So do the asynchronous twins. */
static void
test_fork_async_waits_fail (void)
{
  Scene scene;

  scene_begin (&scene);
  run_in_child (child_waits_async, &scene, FALSE);
  scene_end (&scene);
}

static void
child_goes_on (gpointer data)
{
  GMainContext *context = g_main_context_new ();
  Scene *scene = data;
  TestPlace direct = { NULL, };
  TestPlace place = { NULL, };
  CfutPromise *promise;
  CfutFuture *future;

  g_assert_true (cfut_future_wait (scene->resolved, -1, NULL, NULL));
  g_assert_cmpint (cfut_future_result_int64 (scene->resolved, -1, NULL), ==, 5);
  test_assert_fails (scene->rejected, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_true (cfut_future_cancel (scene->pending));
  g_assert_true (cfut_executor_shutdown (scene->busy, CFUT_SHUTDOWN_CANCEL_PENDING, -1, NULL));
  g_assert_true (cfut_executor_is_shut_down (scene->busy));

  g_main_context_push_thread_default (context);
  promise = cfut_promise_new ();
  future = cfut_promise_get_future (promise);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, test_place_callback, &direct, NULL);
  cfut_future_add_done_callback (future, 0, test_place_callback, &place, NULL);
  g_assert_true (cfut_promise_resolve_int64 (promise, 3));
  g_assert_cmpint (cfut_future_result_int64 (future, -1, NULL), ==, 3);
  g_assert_cmpint (test_place_get_n (&direct), ==, 1);
  test_iterate_until (context, test_place_get_n (&place) == 1);
  g_object_unref (promise);
  g_main_context_pop_thread_default (context);
}

/* Getters, cancelling, promises and callbacks work in the child, on its own copies. */
static void
test_fork_what_needs_no_thread_works (void)
{
  Scene scene;

  scene_begin (&scene);
  run_in_child (child_goes_on, &scene, FALSE);
  scene_end (&scene);
}

static void
child_drops (gpointer data)
{
  scene_drop (data);
}

/* Everything may be dropped in the child, and it may end as any program does. */
static void
test_fork_child_drops_and_exits (void)
{
  Scene scene;

  scene_begin (&scene);
/* In the child the leak checker would not see what only threads hold that are gone. */
#ifdef __SANITIZE_ADDRESS__
  run_in_child (child_drops, &scene, FALSE);
#else
  run_in_child (child_drops, &scene, TRUE);
#endif
  scene_end (&scene);
}

#define TEST_TYPE_PLAIN_EXECUTOR (test_plain_executor_get_type ())
G_DECLARE_FINAL_TYPE (TestPlainExecutor, test_plain_executor, TEST, PLAIN_EXECUTOR, CfutExecutor)

struct _TestPlainExecutor {
  CfutExecutor parent_instance;
};

G_DEFINE_FINAL_TYPE (TestPlainExecutor, test_plain_executor, CFUT_TYPE_EXECUTOR)

static void
test_plain_executor_execute (CfutExecutor *executor,
                             CfutWork     *work)
{
  cfut_work_run (work);
  cfut_work_unref (work);
}

static void
test_plain_executor_class_init (TestPlainExecutorClass *klass)
{
  CFUT_EXECUTOR_CLASS (klass)->execute = test_plain_executor_execute;
}

static void
test_plain_executor_init (TestPlainExecutor *self)
{
}

/* What holds back tasks: executors of both kinds, paused and with a rate, each with a task that waits for that. */
typedef struct {
  CfutRateLimit *limit;
  CfutExecutor *executors[4];
  CfutFuture *futures[4];
} Held;

static void
child_of_held (gpointer data)
{
  g_autoptr (CfutRateLimit) limit = cfut_rate_limit_new (1000, 1);
  g_autoptr (GError) error = NULL;
  Results results = { { NULL, }, 0 };
  Held *held = data;

  cfut_rate_limit_set_rate (held->limit, 1000);
  for (guint i = 0; i < G_N_ELEMENTS (held->executors); i++)
    {
      CfutExecutor *executor = held->executors[i];

      assert_refuses (executor);
      g_assert_false (cfut_executor_wait_ready (executor, -1, NULL, &error));
      assert_broken (error);
      cfut_executor_resume (executor);
      cfut_executor_set_rate_limit (executor, limit);
      g_assert_false (cfut_future_wait (held->futures[i], -1, NULL, &error));
      assert_broken (error);
      cfut_executor_set_rate_limit (executor, NULL);
      cfut_executor_pause (executor);
      cfut_executor_resume (executor);
      g_assert_false (cfut_future_wait (held->futures[i], -1, NULL, &error));
      assert_broken (error);
    }

  cfut_executor_wait_ready_async (held->executors[0], -1, NULL, on_result, &results);
  test_iterate_until (NULL, results.n == 1);
  g_assert_false (cfut_executor_wait_ready_finish (held->executors[0], results.results[0], &error));
  assert_broken (error);
  for (guint i = 0; i < G_N_ELEMENTS (held->executors); i++)
    {
      g_object_unref (held->futures[i]);
      g_object_unref (held->executors[i]);
    }
}

/* What a pause or a rate holds back is the parent's: the child neither runs it nor waits for a token. */
static void
test_fork_what_is_held_back (void)
{
  Held held = { .limit = cfut_rate_limit_new (0.001, 1) };

  for (guint i = 0; i < G_N_ELEMENTS (held.executors); i++)
    {
      CfutExecutor *executor =
        i % 2 == 0 ? cfut_thread_executor_new (1) : g_object_new (TEST_TYPE_PLAIN_EXECUTOR, NULL);

      held.executors[i] = executor;
      if (i < 2)
        {
          cfut_executor_pause (executor);
        }
      else
        {
          g_autoptr (CfutFuture) first = NULL;

          cfut_executor_set_rate_limit (executor, held.limit);
          /* The burst is one, for both. */
          if (i == 2)
            first = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
          if (first != NULL)
            test_assert_settles (first, CFUT_STATE_RESOLVED);
        }
      held.futures[i] = cfut_executor_submit (executor, test_task_number, GINT_TO_POINTER (i), NULL);
    }

  run_in_child (child_of_held, &held, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (held.executors); i++)
    {
      g_assert_cmpint (cfut_future_get_state (held.futures[i]), ==, CFUT_STATE_PENDING);
      cfut_executor_resume (held.executors[i]);
      cfut_executor_set_rate_limit (held.executors[i], NULL);
      g_assert_cmpint (cfut_future_result_int64 (held.futures[i], -1, NULL), ==, i);
      g_object_unref (held.futures[i]);
      g_object_unref (held.executors[i]);
    }
  g_object_unref (held.limit);
}

static gboolean
map_index (CfutTask  *task,
           guint64    index,
           gpointer   gate,
           GError   **error)
{
  if (gate != NULL)
    test_gate_pass (gate);
  cfut_task_set_result_int64 (task, index);
  return TRUE;
}

static gboolean
map_part (CfutTask  *task,
          guint64    begin,
          guint64    end,
          gpointer   gate,
          GError   **error)
{
  return map_index (task, 0, gate, error);
}

typedef struct {
  Scene scene;
  CfutMap *map;
  CfutFuture *range;
} MapScene;

static void
child_maps (gpointer data)
{
  MapScene *maps = data;
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (cfut_map_next (maps->map, -1, NULL, &error));
  assert_broken (error);
  g_assert_false (cfut_future_wait (maps->range, -1, NULL, &error));
  assert_broken (error);
  for (guint chunk = 0; chunk < 2; chunk++)
    {
      g_autoptr (CfutFuture) range =
        cfut_executor_map_range (maps->scene.idle, NULL, 0, 100, 1, map_part, NULL, NULL);
      g_autoptr (CfutMap) map = NULL;
      CfutFuture *item;
      guint n = 0;

      cfut_request_set_chunk_size (request, 1 + 2 * chunk);
      map = cfut_executor_map (maps->scene.idle, request, 10, 3, map_index, NULL, NULL);
      test_assert_fails (range, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
      while ((item = cfut_map_next (map, -1, NULL, NULL)) != NULL)
        {
          test_assert_fails (item, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN);
          g_object_unref (item);
          n++;
        }
      g_assert_cmpuint (n, ==, 10);
    }
  cfut_map_cancel (maps->map);
  g_object_unref (maps->map);
  cfut_future_cancel (maps->range);
  g_object_unref (maps->range);
}

/* Maps and ranges fail in the child, those of the parent and its own. */
static void
test_fork_maps (void)
{
  MapScene maps;

  scene_begin (&maps.scene);
  maps.map = cfut_executor_map (maps.scene.busy, NULL, 10, 2, map_index, NULL, NULL);
  maps.range = cfut_executor_map_range (maps.scene.busy, NULL, 0, 10, 1, map_part, NULL, NULL);
  run_in_child (child_maps, &maps, FALSE);
  g_clear_object (&maps.map);
  scene_end (&maps.scene);
  test_assert_settles (maps.range, CFUT_STATE_RESOLVED);
  g_object_unref (maps.range);
}

static CfutFuture *
pass_func (CfutFuture  *settled,
           gpointer     user_data,
           GError     **error)
{
  return g_object_ref (settled);
}

static void
on_gtask (GObject      *source,
          GAsyncResult *result,
          gpointer      data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static void
child_chains (gpointer data)
{
  Scene *scene = data;
  g_autoptr (CfutFuture) theirs = cfut_future_chain (scene->pending, pass_func, NULL, NULL);
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  g_autoptr (CfutFuture) ours = cfut_future_always (cfut_promise_get_future (promise), pass_func, NULL, NULL);
  g_autoptr (CfutFuture) settled = cfut_future_chain (scene->resolved, pass_func, NULL, NULL);
  CfutFuture *both[] = { ours, settled };
  g_autoptr (CfutFuture) all = cfut_future_all (both, 2);
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (CfutGroup) group = cfut_group_new ();

  g_assert_false (cfut_future_wait (theirs, -1, NULL, &error));
  assert_broken (error);
  g_assert_false (cfut_future_wait (ours, -1, NULL, &error));
  assert_broken (error);
  cfut_group_add (group, ours);
  g_assert_false (cfut_group_wait (group, CFUT_RETURN_WHEN_ALL_COMPLETED, -1, NULL, &error));
  assert_broken (error);
  cfut_promise_resolve_int64 (promise, 3);
  test_assert_settles (all, CFUT_STATE_RESOLVED);
  g_assert_cmpint (cfut_future_result_int64 (ours, -1, NULL), ==, 3);

  cfut_future_to_task (ours, g_task_new (NULL, NULL, on_gtask, &result));
  test_iterate_until (NULL, result != NULL);
  g_assert_true (cfut_future_cancel (theirs));
}

/* Chains, combinations and what becomes a GTask need no thread but their own: they work in the child, on what settles
 * there. */
static void
test_fork_chains (void)
{
  Scene scene;

  scene_begin (&scene);
  run_in_child (child_chains, &scene, FALSE);
  scene_end (&scene);
}

static void
child_of_task (gpointer data)
{
  child_submits (data);
  child_waits (data);
}

static gboolean
fork_in_task (CfutTask  *task,
              gpointer   scene,
              GError   **error)
{
  run_in_child (child_of_task, scene, FALSE);
  return TRUE;
}

/* A task may fork too: in its child it finds the same. */
static void
test_fork_in_a_task (void)
{
  CfutFuture *future;
  Scene scene;

  scene_begin (&scene);
  future = cfut_executor_submit (scene.idle, fork_in_task, &scene, NULL);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_object_unref (future);
  scene_end (&scene);
}

typedef struct {
  CfutExecutor *executor;
  CfutFuture *future;
} Rush;

static void
child_in_a_rush (gpointer data)
{
  Rush *rush = data;
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  assert_refuses (rush->executor);
  cfut_future_cancel (rush->future);
  cfut_future_wait (rush->future, -1, NULL, NULL);
  g_assert_true (cfut_promise_resolve (promise, NULL));
  g_object_unref (rush->future);
  g_object_unref (rush->executor);
}

/* Forked while workers settle and deliver with all their might, and hold what locks they may, the child gets no lock
 * that nobody will give back. */
static void
test_fork_under_load (void)
{
#ifdef __SANITIZE_THREAD__
  g_test_skip ("ThreadSanitizer's allocator takes no care of its own locks when a program forks");
  return;
#endif

  for (guint i = 0; i < 30; i++)
    {
      g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (4);
      g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
      Rush rush = { .executor = executor };

      for (guint j = 0; j < 2000; j++)
        {
          rush.future = cfut_executor_submit (executor, test_task_nothing, NULL, NULL);
          g_ptr_array_add (futures, rush.future);
        }
      run_in_child (child_in_a_rush, &rush, FALSE);
      for (guint j = 0; j < futures->len; j++)
        test_assert_settles (futures->pdata[j], CFUT_STATE_RESOLVED);
      g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL));
    }
}

static void
child_starts_afresh (gpointer data)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutFuture) future = cfut_executor_submit (executor, test_task_number, GINT_TO_POINTER (4), NULL);

  g_assert_cmpint (cfut_future_result_int64 (future, -1, NULL), ==, 4);
  g_assert_true (cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL));
}

/* A program that forks before it uses the library, as a daemon does, has all of it. */
static void
test_fork_before_first_use (void)
{
  if (g_test_subprocess ())
    {
      run_in_child (child_starts_afresh, NULL, FALSE);
      return;
    }

  g_test_trap_subprocess (NULL, TEST_DEADLINE_USEC, 0);
  g_test_trap_assert_passed ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/fork/submit-is-refused", test_fork_submit_is_refused);
  g_test_add_func ("/cfut/fork/waits-fail", test_fork_waits_fail);
  g_test_add_func ("/cfut/fork/async-waits-fail", test_fork_async_waits_fail);
  g_test_add_func ("/cfut/fork/what-needs-no-thread-works", test_fork_what_needs_no_thread_works);
  g_test_add_func ("/cfut/fork/child-drops-and-exits", test_fork_child_drops_and_exits);
  g_test_add_func ("/cfut/fork/what-is-held-back", test_fork_what_is_held_back);
  g_test_add_func ("/cfut/fork/maps", test_fork_maps);
  g_test_add_func ("/cfut/fork/chains", test_fork_chains);
  g_test_add_func ("/cfut/fork/fork-in-a-task", test_fork_in_a_task);
  g_test_add_func ("/cfut/fork/fork-under-load", test_fork_under_load);
  g_test_add_func ("/cfut/fork/fork-before-first-use", test_fork_before_first_use);

  return g_test_run ();
}
