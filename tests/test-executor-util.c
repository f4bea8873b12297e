/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Every executor there is, for the contract that they share: CfutThreadExecutor with one, two and the default
 * number of workers, and two small ones that are derived here, as an application would derive them: one runs
 * work at once on the submitting thread, one on a thread of its own. */

#include "test-executor-util.h"

/* --- derived: at once, on the submitting thread --- */

#define TEST_TYPE_INLINE_EXECUTOR (test_inline_executor_get_type ())
G_DECLARE_FINAL_TYPE (TestInlineExecutor, test_inline_executor, TEST, INLINE_EXECUTOR, CfutExecutor)

struct _TestInlineExecutor {
  CfutExecutor parent_instance;
};

G_DEFINE_TYPE (TestInlineExecutor, test_inline_executor, CFUT_TYPE_EXECUTOR)

static void
test_inline_executor_execute (CfutExecutor *executor,
                              CfutWork     *work)
{
  /* It may have been cancelled by now. */
  cfut_work_run (work);
  cfut_work_unref (work);
}

static guint
one_worker (CfutExecutor *executor)
{
  return 1;
}

static void
test_inline_executor_class_init (TestInlineExecutorClass *klass)
{
  CfutExecutorClass *executor_class = CFUT_EXECUTOR_CLASS (klass);

  executor_class->execute = test_inline_executor_execute;
  executor_class->get_max_workers = one_worker;
}

static void
test_inline_executor_init (TestInlineExecutor *self)
{
}

/* --- derived: one thread of its own --- */

/* What the executor and its thread share, so that either may go first. */
typedef struct {
  gatomicrefcount ref_count;
  GMutex lock;
  GCond cond;
  GQueue queue;
  gboolean ends;
} Shared;

static void
shared_unref (Shared *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_assert_true (g_queue_is_empty (&self->queue));
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->cond);
  g_free (self);
}

static gpointer
shared_run (gpointer data)
{
  Shared *self = data;

  g_mutex_lock (&self->lock);
  for (;;)
    {
      CfutWork *work;

      while (g_queue_is_empty (&self->queue) && !self->ends)
        g_cond_wait (&self->cond, &self->lock);
      work = g_queue_pop_head (&self->queue);
      if (work == NULL)
        break;

      g_mutex_unlock (&self->lock);
      cfut_work_run (work);
      cfut_work_unref (work);
      g_mutex_lock (&self->lock);
    }
  g_mutex_unlock (&self->lock);

  shared_unref (self);
  return NULL;
}

#define TEST_TYPE_OWN_THREAD_EXECUTOR (test_own_thread_executor_get_type ())
G_DECLARE_FINAL_TYPE (TestOwnThreadExecutor, test_own_thread_executor, TEST, OWN_THREAD_EXECUTOR,
                      CfutExecutor)

struct _TestOwnThreadExecutor {
  CfutExecutor parent_instance;

  Shared *shared;
};

G_DEFINE_TYPE (TestOwnThreadExecutor, test_own_thread_executor, CFUT_TYPE_EXECUTOR)

static void
test_own_thread_executor_execute (CfutExecutor *executor,
                                  CfutWork     *work)
{
  Shared *shared = TEST_OWN_THREAD_EXECUTOR (executor)->shared;

  g_mutex_lock (&shared->lock);
  g_queue_push_tail (&shared->queue, work);
  g_cond_signal (&shared->cond);
  g_mutex_unlock (&shared->lock);
}

static void
test_own_thread_executor_finalize (GObject *object)
{
  Shared *shared = TEST_OWN_THREAD_EXECUTOR (object)->shared;

  g_mutex_lock (&shared->lock);
  shared->ends = TRUE;
  g_cond_signal (&shared->cond);
  g_mutex_unlock (&shared->lock);
  shared_unref (shared);

  G_OBJECT_CLASS (test_own_thread_executor_parent_class)->finalize (object);
}

static void
test_own_thread_executor_class_init (TestOwnThreadExecutorClass *klass)
{
  CfutExecutorClass *executor_class = CFUT_EXECUTOR_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = test_own_thread_executor_finalize;
  executor_class->execute = test_own_thread_executor_execute;
  executor_class->get_max_workers = one_worker;
}

static void
test_own_thread_executor_init (TestOwnThreadExecutor *self)
{
  self->shared = g_new0 (Shared, 1);
  g_atomic_ref_count_init (&self->shared->ref_count);
  g_atomic_ref_count_inc (&self->shared->ref_count);
  g_mutex_init (&self->shared->lock);
  g_cond_init (&self->shared->cond);
  g_thread_unref (g_thread_new ("own-thread", shared_run, self->shared));
}

static const Kind kinds[] = {
  { "thread-1", 1, NULL, FALSE },
  { "thread-2", 2, NULL, FALSE },
  { "thread-default", 0, NULL, FALSE },
  { "derived-inline", -1, test_inline_executor_get_type, TRUE },
  { "derived-own-thread", -1, test_own_thread_executor_get_type, FALSE },
};

CfutExecutor *
executor_new (const Kind *kind)
{
  if (kind->n_workers < 0)
    return g_object_new (kind->get_type (), NULL);
  return cfut_thread_executor_new ((guint) kind->n_workers);
}

void
fixture_set_up (Fixture       *fixture,
                gconstpointer  data)
{
  const Kind *kind = data;

  fixture->executor = executor_new (kind);
  fixture->n_workers = cfut_executor_get_max_workers (fixture->executor);
  test_gate_init (&fixture->gate);
}

void
fixture_unblock (Fixture *fixture)
{
  test_gate_open (&fixture->gate);
  if (fixture->blockers == NULL)
    return;

  for (guint i = 0; i < fixture->n_workers; i++)
    {
      test_assert_settles (fixture->blockers[i], CFUT_STATE_RESOLVED);
      g_object_unref (fixture->blockers[i]);
    }
  g_clear_pointer (&fixture->blockers, g_free);
}

void
fixture_tear_down (Fixture       *fixture,
                   gconstpointer  data)
{
  int n_gone = 0;

  fixture_unblock (fixture);
  if (fixture->executor != NULL)
    {
      test_watch_gone (fixture->executor, &n_gone);
      g_assert_true (cfut_executor_shutdown (fixture->executor, CFUT_SHUTDOWN_WAIT,
                                             TEST_DEADLINE_USEC, NULL));
      g_object_unref (fixture->executor);
      test_iterate_until (NULL, g_atomic_int_get (&n_gone) == 1);
    }
  test_iterate_ready (NULL);
  test_gate_clear (&fixture->gate);
}

/* Occupies every worker: what is submitted from here on is queued. */
void
fixture_block (Fixture *fixture)
{
  fixture->blockers = g_new0 (CfutFuture *, fixture->n_workers);
  for (guint i = 0; i < fixture->n_workers; i++)
    fixture->blockers[i] = cfut_executor_submit (fixture->executor, test_task_pass, &fixture->gate,
                                                 NULL);
  test_gate_wait_arrived (&fixture->gate, fixture->n_workers);
}

CfutFuture *
submit (Fixture      *fixture,
        CfutTaskFunc  func,
        gpointer      user_data)
{
  return cfut_executor_submit (fixture->executor, func, user_data, NULL);
}

void
add_cases (const Case *cases,
           gsize       n_cases)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (gsize j = 0; j < n_cases; j++)
      {
        g_autofree char *path = g_strdup_printf ("/cfut/executor/%s/%s", kinds[i].name,
                                                 cases[j].name);

        if (cases[j].inline_too || !kinds[i].is_inline)
          g_test_add (path, Fixture, &kinds[i], fixture_set_up, cases[j].func, fixture_tear_down);
      }
}
