/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Cancelling what has not started: it never runs. What runs already is only asked to stop, and goes on if it does not
 * look (cancel-running.c shows one that does). */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  GAsyncQueue *started;
  GAsyncQueue *go_on;
} Signals;

static gboolean
paint_room (CfutTask  *task,
            gpointer   user_data,
            GError   **error)
{
  Signals *signals = user_data;

  g_async_queue_push (signals->started, task);
  g_async_queue_pop (signals->go_on);
  cfut_task_set_result_string (task, "painted");
  return TRUE;
}

int
main (void)
{
  static const char *rooms[] = { "kitchen", "hall", "attic" };
  g_autoptr (GAsyncQueue) started = g_async_queue_new ();
  g_autoptr (GAsyncQueue) go_on = g_async_queue_new ();
  Signals signals = { started, go_on };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) shutdown_error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (rooms); i++)
    g_ptr_array_add (futures, cfut_executor_submit (executor, paint_room, &signals, NULL));

  /* There is one worker, and it is in the kitchen. */
  g_async_queue_pop (started);

  for (guint i = 0; i < G_N_ELEMENTS (rooms); i++)
    g_print ("cancel %s: %s\n", rooms[i],
             cfut_future_cancel (futures->pdata[i]) ? "it will not be painted" : "too late");

  g_async_queue_push (go_on, executor);
  for (guint i = 0; i < G_N_ELEMENTS (rooms); i++)
    {
      g_autoptr (GError) error = NULL;
      const char *result = cfut_future_result_string (futures->pdata[i], -1, &error);

      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_print ("%s: cancelled\n", rooms[i]);
      else if (error != NULL)
        g_printerr ("%s: %s\n", rooms[i], error->message);
      else
        g_print ("%s: %s\n", rooms[i], result);
    }

  if (!cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, &shutdown_error))
    {
      g_printerr ("Shutting down failed: %s\n", shutdown_error->message);
      return EXIT_FAILURE;
    }
  g_print ("functions that ran: %" G_GUINT64_FORMAT "\n", cfut_executor_get_n_completed (executor));
  return EXIT_SUCCESS;
}
