/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Priorities: what is more urgent is started first, and can be made more urgent while it waits. Less is more urgent. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
wait_for_key (CfutTask  *task,
              gpointer   user_data,
              GError   **error)
{
  GAsyncQueue *key = user_data;

  g_async_queue_pop (key);
  return TRUE;
}

static gboolean
serve_customer (CfutTask  *task,
                gpointer   user_data,
                GError   **error)
{
  return TRUE;
}

int
main (void)
{
  static const struct {
    const char *name;
    int priority;
  } customers[] = { { "a reader", 50 }, { "a lady", 0 }, { "a doctor", -50 }, { "a boy", 50 } };
  g_autoptr (GAsyncQueue) key = g_async_queue_new ();
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (CfutFuture) opening = cfut_executor_submit (executor, wait_for_key, key, NULL);
  g_autoptr (CfutFuture) last = NULL;
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;

  /* The shop is closed: they queue. What is submitted with a request joins its group. */
  cfut_request_set_group (request, group);
  for (guint i = 0; i < G_N_ELEMENTS (customers); i++)
    {
      cfut_request_set_name (request, customers[i].name);
      cfut_request_set_priority (request, customers[i].priority);
      g_clear_object (&last);
      last = cfut_executor_submit_full (executor, request, serve_customer, NULL, NULL);
    }

  /* Somebody has noticed that the boy is bleeding. */
  if (cfut_future_set_priority (last, -100))
    g_print ("the boy may go first\n");

  g_async_queue_push (key, executor);
  while ((settled = cfut_group_next (group, -1, NULL, &error)) != NULL)
    {
      g_autoptr (CfutFuture) future = settled;
      g_autofree char *name = cfut_future_dup_name (future);

      g_print ("served: %s\n", name);
    }
  if (error != NULL)
    {
      g_printerr ("Waiting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  return EXIT_SUCCESS;
}
