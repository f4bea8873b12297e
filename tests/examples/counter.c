/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Data that several tasks change: a plain variable loses counts. An atomic counter, or a lock, is right; not to share
 * anything, and to add up the results, is simpler and faster. */

#include <cfut/cfut.h>
#include <stdlib.h>

#define N_TASKS 8
#define N_TIMES 10000

typedef struct {
  GMutex lock;          /* guards what follows */
  GHashTable *by_digit; /* last digit --> how often */
} Tally;

static gboolean
count_atomically (CfutTask  *task,
                  gpointer   user_data,
                  GError   **error)
{
  int *counter = user_data;

  for (int i = 0; i < N_TIMES; i++)
    g_atomic_int_inc (counter);
  return TRUE;
}

static gboolean
count_with_lock (CfutTask  *task,
                 gpointer   user_data,
                 GError   **error)
{
  Tally *tally = user_data;

  for (int i = 0; i < N_TIMES; i++)
    {
      g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&tally->lock);
      gpointer digit = GINT_TO_POINTER (i % 10);
      int n = GPOINTER_TO_INT (g_hash_table_lookup (tally->by_digit, digit));

      g_hash_table_insert (tally->by_digit, digit, GINT_TO_POINTER (n + 1));
    }
  return TRUE;
}

/* Counts for itself, and tells at the end. */
static gboolean
count_alone (CfutTask  *task,
             gpointer   user_data,
             GError   **error)
{
  gint64 n = 0;

  for (int i = 0; i < N_TIMES; i++)
    n++;
  cfut_task_set_result_int64 (task, n);
  return TRUE;
}

/* Runs a function several times, at the same time, and adds up the results that there are. */
static gint64
run_many (CfutExecutor *executor,
          CfutTaskFunc  func,
          gpointer      user_data)
{
  CfutFuture *futures[N_TASKS];
  gint64 sum = 0;

  for (guint i = 0; i < N_TASKS; i++)
    futures[i] = cfut_executor_submit (executor, func, user_data, NULL);
  for (guint i = 0; i < N_TASKS; i++)
    {
      const GValue *value = cfut_future_result (futures[i], -1, NULL);

      sum += value ? g_value_get_int64 (value) : 0;
      g_object_unref (futures[i]);
    }
  return sum;
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (4);
  Tally tally = { .by_digit = g_hash_table_new (NULL, NULL) };
  int counter = 0;
  gint64 sum;

  g_mutex_init (&tally.lock);
  run_many (executor, count_atomically, &counter);
  run_many (executor, count_with_lock, &tally);
  sum = run_many (executor, count_alone, NULL);

  g_print ("atomically: %d\n", counter);
  g_print ("with a lock: %d end with a 7\n",
           GPOINTER_TO_INT (g_hash_table_lookup (tally.by_digit, GINT_TO_POINTER (7))));
  g_print ("from the results: %" G_GINT64_FORMAT "\n", sum);

  g_hash_table_unref (tally.by_digit);
  g_mutex_clear (&tally.lock);
  return EXIT_SUCCESS;
}
