/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A function of the form that GIO's have, with a cancellable, a callback and a finish function, that uses an executor:
 * who calls it need not know of futures. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
count_lines (CfutTask  *task,
             gpointer   user_data,
             GError   **error)
{
  const char *text = user_data;
  gint64 n_lines = 0;

  for (; *text != '\0'; text++)
    {
      n_lines += *text == '\n';
      if (n_lines % 1000 == 999 && !cfut_task_checkpoint (task, error))
        return FALSE;
    }
  cfut_task_set_result_int64 (task, n_lines);
  return TRUE;
}

/* Cancelling the cancellable cancels the future. */
static void
lines_count_async (CfutExecutor        *executor,
                   const char          *text,
                   GCancellable        *cancellable,
                   GAsyncReadyCallback  callback,
                   gpointer             user_data)
{
  g_autoptr (CfutFuture) future =
    cfut_executor_submit (executor, count_lines, g_strdup (text), g_free);

  cfut_future_to_task (future, g_task_new (executor, cancellable, callback, user_data));
}

static gint64
lines_count_finish (CfutExecutor  *executor,
                    GAsyncResult  *result,
                    GError       **error)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_return_val_if_fail (g_task_is_valid (result, executor), -1);

  if (!g_task_propagate_value (G_TASK (result), &value, error))
    return -1;
  return g_value_get_int64 (&value);
}

static void
on_counted (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  guint *n_left = user_data;
  g_autoptr (GError) error = NULL;
  gint64 n_lines = lines_count_finish (CFUT_EXECUTOR (source), result, &error);

  if (n_lines >= 0)
    g_print ("%" G_GINT64_FORMAT " lines\n", n_lines);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_print ("not counted, as asked\n");
  else
    g_print ("not counted: %s\n", error->message);
  --*n_left;
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  guint n_left = 2;

  lines_count_async (executor, "one\ntwo\nthree\n", NULL, on_counted, &n_left);
  while (n_left > 1)
    g_main_context_iteration (NULL, TRUE);

  g_cancellable_cancel (cancellable);
  lines_count_async (executor, "four\n", cancellable, on_counted, &n_left);
  while (n_left > 0)
    g_main_context_iteration (NULL, TRUE);
  return EXIT_SUCCESS;
}
