/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Several futures as one: all of them, any that succeeds, or simply the first. */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  const char *server;
  gboolean is_up;
  GAsyncQueue *replies; /* what it sends; a server that is never sent anything to is slow */
} Server;

static gboolean
ask (CfutTask  *task,
     gpointer   user_data,
     GError   **error)
{
  Server *server = user_data;

  if (!server->is_up)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_UNREACHABLE, "%s is down", server->server);
      return FALSE;
    }
  g_async_queue_pop (server->replies);
  cfut_task_set_result_string (task, server->server);
  return TRUE;
}

int
main (void)
{
  g_autoptr (GAsyncQueue) replies = g_async_queue_new ();
  g_autoptr (GAsyncQueue) late_replies = g_async_queue_new ();
  Server down = { "the near server", FALSE, NULL };
  Server quick = { "the far server", TRUE, replies };
  Server slow = { "the old server", TRUE, late_replies };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  CfutFuture *futures[] = {
    cfut_executor_submit (executor, ask, &down, NULL),
    cfut_executor_submit (executor, ask, &quick, NULL),
    cfut_executor_submit (executor, ask, &slow, NULL),
  };
  g_autoptr (CfutFuture) all = cfut_future_all (futures, G_N_ELEMENTS (futures));
  g_autoptr (CfutFuture) any = cfut_future_any (futures, G_N_ELEMENTS (futures));
  g_autoptr (CfutFuture) race = cfut_future_race (futures, G_N_ELEMENTS (futures));
  g_autoptr (GError) error = NULL;

  /* The first failure is the end of all, and of the race: nothing else has come so far. */
  if (!cfut_future_result (all, -1, &error) && error != NULL)
    g_print ("all: %s\n", error->message);
  g_clear_error (&error);
  if (!cfut_future_result (race, -1, &error) && error != NULL)
    g_print ("race: %s\n", error->message);
  g_clear_error (&error);

  /* Any goes on, until one of them succeeds. */
  g_async_queue_push (replies, executor);
  g_print ("any: %s\n", cfut_future_result_string (any, -1, &error));
  g_assert_no_error (error);

  /* The others are not touched by that. */
  g_print ("the last: %s\n", cfut_future_is_settled (futures[2]) ? "settled" : "goes on");
  g_async_queue_push (late_replies, executor);
  g_print ("the last: %s\n", cfut_future_result_string (futures[2], -1, &error));

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    g_object_unref (futures[i]);
  return EXIT_SUCCESS;
}
