/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Many tasks that do nothing, one after the other: what each costs whoever submits it, from the
 * submission until it has been waited for or called back, and dropped.
 *
 * The end of the executor is part of what is measured, as futures may be left until then; it takes some
 * hundred microseconds. */

#include "bench-cfut.h"

typedef struct {
  CfutExecutor *executor;
  guint64 n;
  guint window;
  CfutRequest *request;  /* (nullable) */
} Flow;

static inline CfutFuture *
flow_submit (const Flow *flow)
{
  if (flow->request == NULL)
    return cfut_executor_submit (flow->executor, bench_nothing, NULL, NULL);
  return cfut_executor_submit_full (flow->executor, flow->request, bench_nothing, NULL, NULL);
}

/* Submits a window, waits for each of it, drops each of it, and so on. */
static void
flow_run (const Flow *flow)
{
  g_autofree CfutFuture **futures = g_new (CfutFuture *, flow->window);

  for (guint64 done = 0; done < flow->n;)
    {
      guint n = MIN (flow->window, flow->n - done);

      for (guint i = 0; i < n; i++)
        futures[i] = flow_submit (flow);
      for (guint i = 0; i < n; i++)
        cfut_future_wait (futures[i], -1, NULL, NULL);
      for (guint i = 0; i < n; i++)
        g_object_unref (futures[i]);
      done += n;
    }
}

static gpointer
flow_thread (gpointer data)
{
  flow_run (data);
  return NULL;
}

static void
bench_flow (const BenchOptions *options,
            CfutRequest        *request)
{
  Flow flow = {
    cfut_thread_executor_new (options->workers), options->n, options->window, request
  };
  BenchTime start;

  /* As much, so that the memory is there. */
  flow_run (&flow);
  bench_deliver ();
  start = bench_now ();
  flow_run (&flow);
  bench_end (flow.executor);
  bench_report_each (bench_each (start, options->n));
}

void
bench_submit_wait (const BenchOptions *options)
{
  bench_flow (options, NULL);
}

void
bench_run_deadline (const BenchOptions *options)
{
  g_autoptr(CfutRequest) request = cfut_request_new ();

  cfut_request_set_run_deadline_usec (request, 60 * G_USEC_PER_SEC);
  bench_flow (options, request);
}

void
bench_queue_deadline (const BenchOptions *options)
{
  g_autoptr(CfutRequest) request = cfut_request_new ();

  cfut_request_set_queue_deadline_usec (request, 60 * G_USEC_PER_SEC);
  bench_flow (options, request);
}

/* Of another priority than most. */
void
bench_priority (const BenchOptions *options)
{
  g_autoptr(CfutRequest) request = cfut_request_new ();

  cfut_request_set_priority (request, 10);
  bench_flow (options, request);
}

/* The same from several threads at once; of all their tasks, what each took. */
void
bench_submitters (const BenchOptions *options)
{
  Flow flow = {
    cfut_thread_executor_new (options->workers), options->n / options->threads, options->window, NULL
  };
  g_autofree GThread **threads = g_new (GThread *, options->threads);
  Flow warm_up = flow;
  BenchTime start;

  warm_up.n = MAX (options->n / 10, 1);
  flow_run (&warm_up);
  start = bench_now ();
  for (guint i = 0; i < options->threads; i++)
    threads[i] = g_thread_new ("submitter", flow_thread, &flow);
  for (guint i = 0; i < options->threads; i++)
    g_thread_join (threads[i]);
  bench_end (flow.executor);
  bench_report_each (bench_each (start, flow.n * options->threads));
}

/* On the main context */
static guint64 n_called;

static void
on_settled (CfutFuture *settled,
            gpointer    user_data)
{
  n_called++;
}

static void
flow_call_back (const Flow *flow,
                gboolean    by_signal)
{
  n_called = 0;
  for (guint64 i = 0; i < flow->n; i++)
    {
      CfutFuture *future = cfut_executor_submit (flow->executor, bench_nothing, NULL, NULL);

      if (by_signal)
        g_signal_connect (future, "done", G_CALLBACK (on_settled), NULL);
      else
        cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, on_settled, NULL, NULL);
      g_object_unref (future);
    }
  while (n_called < flow->n)
    g_main_context_iteration (NULL, TRUE);
}

static gboolean
on_start (gpointer data)
{
  gboolean *started = data;

  *started = TRUE;
  return G_SOURCE_REMOVE;
}

static void
bench_call_back (const BenchOptions *options,
                 gboolean            by_signal)
{
  Flow flow = { cfut_thread_executor_new (options->workers), options->n, 0, NULL };
  Flow warm_up = flow;
  gboolean started = FALSE;
  BenchTime start;

  g_idle_add (on_start, &started);
  while (!started)
    g_main_context_iteration (NULL, TRUE);

  warm_up.n = MAX (options->n / 10, 1);
  flow_call_back (&warm_up, by_signal);
  start = bench_now ();
  flow_call_back (&flow, by_signal);
  bench_end (flow.executor);
  bench_report_each (bench_each (start, options->n));
}

/* Callbacks on the main context, whose loop runs. */
void
bench_submit_callback (const BenchOptions *options)
{
  bench_call_back (options, FALSE);
}

void
bench_submit_done (const BenchOptions *options)
{
  bench_call_back (options, TRUE);
}

typedef struct {
  CfutExecutor *executor;
  BenchLatch latch;
  guint64 n;
} Tree;

static Tree tree;

/* Numbered like a heap: the children of i are 2i and 2i + 1. */
static gboolean
tree_node (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  guint64 i = GPOINTER_TO_SIZE (user_data);

  for (guint64 child = 2 * i; child <= MIN (2 * i + 1, tree.n); child++)
    g_object_unref (cfut_executor_submit (tree.executor, tree_node, GSIZE_TO_POINTER (child), NULL));
  bench_latch_down (&tree.latch);
  return TRUE;
}

static void
tree_run (CfutExecutor *executor,
          guint64       n)
{
  CfutFuture *root;

  tree.executor = executor;
  tree.n = n;
  bench_latch_add (&tree.latch, n);
  root = cfut_executor_submit (executor, tree_node, GSIZE_TO_POINTER (1), NULL);
  bench_latch_wait (&tree.latch);
  cfut_future_wait (root, -1, NULL, NULL);
  g_object_unref (root);
}

/* Tasks that submit tasks; whoever submits drops the future. All is over when the executor has ended and
 * the futures, which belong to this thread, are gone. */
void
bench_tree (const BenchOptions *options)
{
  CfutExecutor *executor = cfut_thread_executor_new (options->workers);
  BenchTime start;

  bench_latch_init (&tree.latch, 0);
  tree_run (executor, MAX (options->n / 10, 1));
  start = bench_now ();
  tree_run (executor, options->n);
  bench_end (executor);
  bench_report_each (bench_each (start, options->n));
  bench_latch_clear (&tree.latch);
}

static BenchLatch posted;

static gboolean
count_down (CfutTask  *task,
            gpointer   user_data,
            GError   **error)
{
  bench_latch_down (&posted);
  return TRUE;
}

static void
post_round (CfutExecutor *executor,
            guint64       n,
            guint         window)
{
  for (guint64 done = 0; done < n;)
    {
      guint now = MIN (window, n - done);

      bench_latch_add (&posted, now);
      for (guint i = 0; i < now; i++)
        cfut_executor_post (executor, count_down, NULL, NULL);
      bench_latch_wait (&posted);
      done += now;
    }
}

/* Tasks without a future. */
void
bench_post (const BenchOptions *options)
{
  CfutExecutor *executor = cfut_thread_executor_new (options->workers);
  BenchTime start;

  bench_latch_init (&posted, 0);
  post_round (executor, MAX (options->n / 10, 1), options->window);
  start = bench_now ();
  post_round (executor, options->n, options->window);
  bench_end (executor);
  bench_report_each (bench_each (start, options->n));
  bench_latch_clear (&posted);
}

static gboolean
post_node (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  guint64 i = GPOINTER_TO_SIZE (user_data);

  for (guint64 child = 2 * i; child <= MIN (2 * i + 1, tree.n); child++)
    cfut_executor_post (tree.executor, post_node, GSIZE_TO_POINTER (child), NULL);
  bench_latch_down (&tree.latch);
  return TRUE;
}

/* The tree again, without futures. */
void
bench_post_tree (const BenchOptions *options)
{
  BenchTime start;

  tree.executor = cfut_thread_executor_new (options->workers);
  bench_latch_init (&tree.latch, 0);
  for (guint round = 0; round < 2; round++)
    {
      tree.n = round == 0 ? MAX (options->n / 10, 1) : options->n;
      bench_latch_add (&tree.latch, tree.n);
      start = bench_now ();
      cfut_executor_post (tree.executor, post_node, GSIZE_TO_POINTER (1), NULL);
      bench_latch_wait (&tree.latch);
    }
  bench_end (tree.executor);
  bench_report_each (bench_each (start, options->n));
  bench_latch_clear (&tree.latch);
}

static gboolean
wait_nested (CfutTask  *task,
             gpointer   user_data,
             GError   **error)
{
  Flow *flow = user_data;

  for (guint64 i = 0; i < flow->n; i++)
    {
      CfutFuture *future = cfut_executor_submit (flow->executor, bench_nothing, NULL, NULL);

      cfut_future_wait (future, -1, NULL, NULL);
      g_object_unref (future);
    }
  return TRUE;
}

static void
nested_round (Flow *flow)
{
  CfutFuture *future = cfut_executor_submit (flow->executor, wait_nested, flow, NULL);

  cfut_future_wait (future, -1, NULL, NULL);
  g_object_unref (future);
}

/* A task that submits and waits: on an executor of one worker, so that it is run by the wait itself. */
void
bench_nested (const BenchOptions *options)
{
  Flow flow = { cfut_thread_executor_new (1), options->n, 0, NULL };
  Flow warm_up = flow;
  BenchTime start;

  warm_up.n = MAX (options->n / 10, 1);
  nested_round (&warm_up);
  start = bench_now ();
  nested_round (&flow);
  bench_end (flow.executor);
  bench_report_each (bench_each (start, options->n));
}
