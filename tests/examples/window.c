/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Work that ends with its window: a group that is bound to an object cancels everything when that goes away. */

#include <cfut/cfut.h>
#include <stdlib.h>

/* Renders one preview after the other, for as long as somebody wants them. */
static gboolean
render (CfutTask  *task,
        gpointer   user_data,
        GError   **error)
{
  GAsyncQueue *started = user_data;

  g_async_queue_push (started, task);
  while (cfut_task_checkpoint (task, error))
    g_usleep (1000);
  return FALSE;
}

static void
on_all_done (CfutGroup *group,
             gpointer   user_data)
{
  g_print ("%" G_GUINT64_FORMAT " of %u cancelled\n", cfut_group_get_n_cancelled (group),
           g_list_model_get_n_items (G_LIST_MODEL (group)));
  g_main_loop_quit (user_data);
}

int
main (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GAsyncQueue) started = g_async_queue_new ();
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) late = NULL;
  /* Any GObject will do: this one stands for a GtkWindow. */
  GObject *window = G_OBJECT (g_simple_action_group_new ());

  g_signal_connect (group, "all-done", G_CALLBACK (on_all_done), loop);
  cfut_group_bind (group, window);
  cfut_request_set_group (request, group);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (CfutFuture) future =
        cfut_executor_submit_full (executor, request, render, started, NULL);
    }

  /* Two of them render, and one waits. The window is closed. */
  g_async_queue_pop (started);
  g_async_queue_pop (started);
  g_object_unref (window);
  g_main_loop_run (loop);

  /* Nothing more is begun for it. */
  late = cfut_executor_submit_full (executor, request, render, started, NULL);
  g_print ("too late: %s\n", cfut_future_get_state (late) == CFUT_STATE_CANCELLED ? "cancelled" : "begun");
  return cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
