/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * All or nothing: when one task of a group fails, the others are cancelled, those that wait and those that run. */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  GAsyncQueue *arrived;
  GAsyncQueue *accident;
} Tour;

/* Climbs until it is called back. */
static gboolean
climb (CfutTask  *task,
       gpointer   user_data,
       GError   **error)
{
  Tour *tour = user_data;

  g_async_queue_push (tour->arrived, task);
  while (cfut_task_checkpoint (task, error))
    g_usleep (1000);
  return FALSE;
}

static gboolean
carry_rope (CfutTask  *task,
            gpointer   user_data,
            GError   **error)
{
  Tour *tour = user_data;

  g_async_queue_pop (tour->accident);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The rope is lost");
  return FALSE;
}

int
main (void)
{
  static const struct {
    const char *name;
    CfutTaskFunc func;
  } climbers[] = { { "Anna", climb }, { "Ben", carry_rope }, { "Carla", climb }, { "David", climb } };
  g_autoptr (GAsyncQueue) arrived = g_async_queue_new ();
  g_autoptr (GAsyncQueue) accident = g_async_queue_new ();
  Tour tour = { arrived, accident };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutRequest) request = cfut_request_new ();

  cfut_group_set_cancel_on_failure (group, TRUE);
  cfut_request_set_group (request, group);
  for (guint i = 0; i < G_N_ELEMENTS (climbers); i++)
    {
      g_autoptr (CfutFuture) future = NULL;

      cfut_request_set_name (request, climbers[i].name);
      future = cfut_executor_submit_full (executor, request, climbers[i].func, &tour, NULL);
    }

  /* Anna and Carla climb; David waits for his turn. */
  g_async_queue_pop (arrived);
  g_async_queue_pop (arrived);
  g_async_queue_push (accident, executor);

  if (!cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL))
    return EXIT_FAILURE;
  for (guint i = 0; i < G_N_ELEMENTS (climbers); i++)
    {
      g_autoptr (CfutFuture) future = g_list_model_get_item (G_LIST_MODEL (group), i);
      g_autoptr (GError) error = cfut_future_dup_error (future);

      g_print ("%s: %s\n", climbers[i].name,
               g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? "called back" : error->message);
    }
  return EXIT_SUCCESS;
}
