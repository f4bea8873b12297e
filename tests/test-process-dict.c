/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Shared dicts with real workers, which are this program once more: nothing they count is lost, what all of
 * them see can be put in one order, and their deaths leave whole what they shared. */

#include "test-dict-util.h"
#include "test-process-util.h"

#define N_TIMES 500
#define LARGE (16 * 1024 * 1024)

/* Counts in two ways. */
static gboolean
do_count (CfutTask  *task,
          GVariant  *args,
          gpointer   worker,
          GError   **error)
{
  CfutSharedDict *dict = cfut_worker_get_shared (worker, "numbers");

  for (guint i = 0; i < N_TIMES; i++)
    {
      g_autoptr (GVariant) before = NULL;
      GVariant *after;

      if (cfut_shared_dict_add (dict, "added", 1, error) == 0)
        return FALSE;
      do
        {
          g_clear_pointer (&before, g_variant_unref);
          before = cfut_shared_dict_lookup (dict, "compared", NULL);
          after = g_variant_new_int64 (before != NULL ? g_variant_get_int64 (before) + 1 : 1);
        }
      while (!cfut_shared_dict_compare_and_set (dict, "compared", before, after, NULL));
    }

  return TRUE;
}

/* For ever: adds to two numbers, one after the other, and sets many bytes that are all the same. */
static gboolean
do_for_ever (CfutTask  *task,
             GVariant  *args,
             gpointer   worker,
             GError   **error)
{
  CfutSharedDict *dict = cfut_worker_get_shared (worker, "numbers");
  g_autofree guint8 *bytes = g_malloc (LARGE / 16);

  for (guint8 i = 0;; i++)
    {
      memset (bytes, i, LARGE / 16);
      if (cfut_shared_dict_add (dict, "first", 1, error) == 0 ||
          !cfut_shared_dict_set (dict, "same", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, LARGE / 16, 1),
                                 error) ||
          cfut_shared_dict_add (dict, "second", 1, error) == 0)
        return FALSE;
    }
}

/* (s): what is in "in" comes into "out". */
static gboolean
do_copy (CfutTask  *task,
         GVariant  *args,
         gpointer   worker,
         GError   **error)
{
  const char *name;
  CfutSharedDict *dict;
  g_autoptr (GVariant) value = NULL;

  g_variant_get (args, "(&s)", &name);
  dict = cfut_worker_get_shared (worker, name);
  value = cfut_shared_dict_lookup (dict, "in", error);
  return value != NULL && cfut_shared_dict_set (dict, "out", value, error);
}

static GVariant *
zeros (gsize size)
{
  gpointer data = g_malloc0 (size);

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, g_free, data);
}

static gboolean
do_set_too_large (CfutTask  *task,
                  GVariant  *args,
                  gpointer   worker,
                  GError   **error)
{
  return cfut_shared_dict_set (cfut_worker_get_shared (worker, "numbers"), "k", zeros (LARGE + 1), error);
}

/* (usmvmvx): an operation; what it said. */
static gboolean
do_operation (CfutTask  *task,
              GVariant  *args,
              gpointer   worker,
              GError   **error)
{
  TestDictOp op = { 0 };
  guint verb;
  g_autofree char *said = NULL;

  g_variant_get (args, "(u&smvmvx)", &verb, &op.key, &op.expected, &op.value, &op.delta);
  op.verb = (TestDictVerb) verb;
  said = test_dict_do (cfut_worker_get_shared (worker, "numbers"), &op);
  cfut_task_set_result_string (task, said);
  test_dict_op_clear (&op);
  return TRUE;
}

static int
run_worker (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();

  cfut_worker_register (worker, "count", do_count, worker, NULL);
  cfut_worker_register (worker, "for-ever", do_for_ever, worker, NULL);
  cfut_worker_register (worker, "copy", do_copy, worker, NULL);
  cfut_worker_register (worker, "set-too-large", do_set_too_large, worker, NULL);
  cfut_worker_register (worker, "operation", do_operation, worker, NULL);
  return cfut_worker_run (worker, NULL);
}

static CfutExecutor *
executor_sharing (guint           max_workers,
                  CfutSharedDict *dict)
{
  CfutExecutor *executor = cfut_process_executor_new_self (max_workers);

  cfut_process_executor_share (CFUT_PROCESS_EXECUTOR (executor), "numbers", dict);
  return executor;
}

/* What workers of two executors and the application count is all counted. */
static void
test_process_dict_sums (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  CfutExecutor *executors[] = { executor_sharing (2, dict), executor_sharing (1, dict) };
  CfutFuture *futures[6];

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_call (executors[i % 2], NULL, "count", NULL);
  for (guint i = 0; i < 20 * N_TIMES; i++)
    cfut_shared_dict_add (dict, "added", 1, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      g_object_unref (futures[i]);
    }

  g_assert_cmpint (cfut_shared_dict_add (dict, "added", 0, NULL), ==, 26 * N_TIMES);
  g_assert_cmpint (cfut_shared_dict_add (dict, "compared", 0, NULL), ==, 6 * N_TIMES);
  test_process_executor_end (executors[0]);
  test_process_executor_end (executors[1]);

  /* It goes on without them. */
  g_assert_cmpint (cfut_shared_dict_add (dict, "added", 1, NULL), ==, 26 * N_TIMES + 1);
}

static void
assert_all_the_same (CfutSharedDict *dict)
{
  g_autoptr (GVariant) value = cfut_shared_dict_lookup (dict, "same", NULL);
  gsize n;
  const guint8 *bytes = g_variant_get_fixed_array (value, &n, 1);

  g_assert_cmpuint (n, ==, LARGE / 16);
  g_assert_cmpmem (bytes, n - 1, bytes + 1, n - 1);
}

/* Workers that are killed at whatever they do leave values that are whole; each had at most one of the two additions
 * done without the other. And when a call has failed, nothing comes after it. */
static void
test_process_dict_deaths (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  CfutExecutor *executor = executor_sharing (2, dict);
  gint64 n_deaths = 0;

  for (guint i = 0; i < 6; i++)
    {
      CfutFuture *futures[2];
      gint64 before = cfut_shared_dict_add (dict, "second", 0, NULL);
      gint64 first;
      gint64 second;

      for (guint j = 0; j < 2; j++)
        futures[j] = cfut_executor_call (executor, NULL, "for-ever", NULL);
      test_poll_until (cfut_shared_dict_add (dict, "second", 0, NULL) > before + 3);
      test_poll_until (cfut_future_get_state (futures[0]) == CFUT_STATE_RUNNING &&
                       cfut_future_get_state (futures[1]) == CFUT_STATE_RUNNING);
      cfut_process_executor_kill_workers (CFUT_PROCESS_EXECUTOR (executor));
      for (guint j = 0; j < 2; j++)
        {
          test_assert_fails (futures[j], CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED);
          g_object_unref (futures[j]);
          n_deaths++;
        }

      first = cfut_shared_dict_add (dict, "first", 0, NULL);
      second = cfut_shared_dict_add (dict, "second", 0, NULL);
      g_assert_cmpint (first - second, >=, 0);
      g_assert_cmpint (first - second, <=, n_deaths);
      assert_all_the_same (dict);
    }

  test_process_executor_end (executor);
}

/* 16 MiB go to a worker and come back the same; a byte more is an error on the future concerned. */
static void
test_process_dict_large (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  CfutExecutor *executor = executor_sharing (1, dict);
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  guint32 *data = g_new (guint32, LARGE / 4);
  g_autoptr (GVariant) in = NULL;
  g_autoptr (GVariant) out = NULL;
  g_autoptr (GError) error = NULL;
  CfutFuture *future;

  for (guint i = 0; i < LARGE / 4; i++)
    data[i] = g_rand_int (rand);
  in = g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, LARGE, TRUE, g_free, data));
  g_assert_true (cfut_shared_dict_set (dict, "in", in, &error));
  for (guint i = 0; i < 3; i++)
    {
      g_assert_true (cfut_shared_dict_remove (dict, "out", &error) == (i > 0));
      future = cfut_executor_call (executor, NULL, "copy", g_variant_new ("(s)", "numbers"));
      test_assert_settles (future, CFUT_STATE_RESOLVED);
      g_object_unref (future);
      g_clear_pointer (&out, g_variant_unref);
      out = cfut_shared_dict_lookup (dict, "out", &error);
      g_assert_no_error (error);
      g_assert_true (g_variant_equal (in, out));
    }

  future = cfut_executor_call (executor, NULL, "set-too-large", NULL);
  test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_object_unref (future);
  test_process_executor_end (executor);
}

/* A name that nothing is shared by is an error of the operation, and hurts nothing else. */
static void
test_process_dict_unknown_name (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  CfutExecutor *executor = executor_sharing (1, dict);
  CfutFuture *future = cfut_executor_call (executor, NULL, "copy", g_variant_new ("(s)", "others"));

  test_assert_fails (future, CFUT_STATE_REJECTED, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_object_unref (future);
  future = cfut_executor_call (executor, NULL, "count", NULL);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_object_unref (future);
  test_process_executor_end (executor);
}

#define N_ACTORS 4
#define N_EVENTS 5
#define N_ALL (N_ACTORS * N_EVENTS)
#define N_HISTORIES 40

typedef struct {
  CfutExecutor *executor;  /* (nullable): the application's own */
  CfutSharedDict *dict;
  TestDictEvent *events;
  _Atomic guint *clock;
  TestGate *gate;
} Actor;

static char *
do_by_worker (CfutExecutor     *executor,
              const TestDictOp *op)
{
  GVariant *args = g_variant_new ("(usmvmvx)", (guint) op->verb, op->key, op->expected, op->value, op->delta);
  g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "operation", args);
  g_autoptr (GError) error = NULL;
  char *said = g_strdup (cfut_future_result_string (future, TEST_DEADLINE_USEC, &error));

  g_assert_no_error (error);
  return said;
}

static gpointer
act (gpointer data)
{
  Actor *self = data;

  test_gate_pass (self->gate);
  for (guint i = 0; i < N_EVENTS; i++)
    {
      TestDictEvent *event = &self->events[i];

      event->begin = ++*self->clock;
      event->said = self->executor != NULL ? do_by_worker (self->executor, &event->op)
                                           : test_dict_do (self->dict, &event->op);
      event->end = ++*self->clock;
    }

  return NULL;
}

static guint
check_history (GRand          *rand,
               CfutExecutor   *executor,
               CfutSharedDict *dict)
{
  TestDictEvent events[N_ALL] = { 0 };
  Actor actors[N_ACTORS];
  GThread *threads[N_ACTORS];
  _Atomic guint clock = 0;
  TestGate gate;
  guint n_overlaps;

  test_gate_init (&gate);
  for (guint i = 0; i < N_ALL; i++)
    test_dict_op_random (&events[i].op, rand, 2);
  for (guint i = 0; i < N_ACTORS; i++)
    {
      actors[i] = (Actor) { i < 3 ? executor : NULL, dict, events + i * N_EVENTS, &clock, &gate };
      threads[i] = g_thread_new ("actor", act, &actors[i]);
    }
  test_gate_wait_arrived (&gate, N_ACTORS);
  test_gate_open (&gate);
  for (guint i = 0; i < N_ACTORS; i++)
    g_thread_join (threads[i]);

  n_overlaps = test_dict_count_overlaps (events, N_ALL);
  if (!test_dict_is_linearizable (events, N_ALL))
    {
      test_dict_print_events (events, N_ALL);
      g_test_fail_printf ("There is no order of these");
    }

  for (guint i = 0; i < N_ALL; i++)
    {
      test_dict_op_clear (&events[i].op);
      g_free (events[i].said);
    }
  test_gate_clear (&gate);
  return n_overlaps;
}

static void
dict_empty (CfutSharedDict *dict)
{
  g_auto (GStrv) keys = cfut_shared_dict_dup_keys (dict, NULL);

  for (guint i = 0; keys[i] != NULL; i++)
    cfut_shared_dict_remove (dict, keys[i], NULL);
}

/* What workers and the application have seen is what they would have seen had each operation been done at one
 * moment between its begin and its end. */
static void
test_process_dict_linearizable (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  CfutExecutor *executor = executor_sharing (2, dict);
  guint n_overlaps = 0;

  for (guint i = 0; i < N_HISTORIES && !g_test_failed (); i++)
    {
      dict_empty (dict);
      n_overlaps += check_history (rand, executor, dict);
    }

  g_test_message ("%u pairs overlapped", n_overlaps);
  g_assert_cmpuint (n_overlaps, >, N_HISTORIES);
  test_process_executor_end (executor);
}

static void
note_key (CfutSharedDict *dict,
          const char     *key,
          GHashTable     *keys)
{
  g_hash_table_add (keys, g_strdup (key));
}

/* The application hears of what workers change. */
static void
test_process_dict_changed (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  CfutExecutor *executor = executor_sharing (1, dict);
  GHashTable *keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  CfutFuture *future;

  g_signal_connect (dict, "changed", G_CALLBACK (note_key), keys);
  future = cfut_executor_call (executor, NULL, "count", NULL);
  test_iterate_until (NULL, g_hash_table_size (keys) == 2);
  g_assert_true (g_hash_table_contains (keys, "added"));
  g_assert_true (g_hash_table_contains (keys, "compared"));
  test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_object_unref (future);
  test_process_executor_end (executor);
  g_clear_object (&dict);
  g_hash_table_unref (keys);
}

int
main (int    argc,
      char **argv)
{
  if (cfut_worker_requested ())
    return run_worker ();

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process-dict/sums-are-right", test_process_dict_sums);
  g_test_add_func ("/cfut/process-dict/deaths-leave-it-whole", test_process_dict_deaths);
  g_test_add_func ("/cfut/process-dict/values-of-16-mib", test_process_dict_large);
  g_test_add_func ("/cfut/process-dict/unknown-name", test_process_dict_unknown_name);
  g_test_add_func ("/cfut/process-dict/linearizable", test_process_dict_linearizable);
  g_test_add_func ("/cfut/process-dict/changed-by-workers", test_process_dict_changed);

  return g_test_run ();
}
