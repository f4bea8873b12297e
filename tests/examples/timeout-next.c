/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A limit for many futures together: take what comes in time, see what is late, and go on with that afterwards. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
await_vote (CfutTask  *task,
            gpointer   user_data,
            GError   **error)
{
  GAsyncQueue *ballot_box = user_data;

  cfut_task_set_result_string (task, g_async_queue_pop (ballot_box));
  return TRUE;
}

static void
submit_vote (CfutExecutor *executor,
             CfutGroup    *group,
             const char   *voter,
             GAsyncQueue  *ballot_box)
{
  g_autoptr (CfutFuture) vote = cfut_executor_submit (executor, await_vote, ballot_box, NULL);

  cfut_future_set_name (vote, voter);
  cfut_group_add (group, vote);
}

/* Prints what comes until a point in time. TRUE: that was everything. */
static gboolean
count_until (CfutGroup  *group,
             gint64      end_usec,
             GError    **error)
{
  g_autoptr (GError) local_error = NULL;
  CfutFuture *settled;

  /* Each call may take what is left of the time; 0 still hands out what is there. */
  while ((settled = cfut_group_next (group, MAX (0, end_usec - g_get_monotonic_time ()), NULL,
                                     &local_error)) != NULL)
    {
      g_print ("a vote: %s\n", cfut_future_result_string (settled, 0, NULL));
      g_object_unref (settled);
    }
  if (local_error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

int
main (void)
{
  g_autoptr (GAsyncQueue) full_box = g_async_queue_new ();
  g_autoptr (GAsyncQueue) empty_box = g_async_queue_new ();
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (3);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GError) error = NULL;

  g_async_queue_push (full_box, "yes");
  g_async_queue_push (full_box, "yes");
  submit_vote (executor, group, "Ann", full_box);
  submit_vote (executor, group, "Bob", full_box);
  submit_vote (executor, group, "Cyd", empty_box);

  if (!count_until (group, g_get_monotonic_time () + 3 * G_TIME_SPAN_SECOND, &error) &&
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    {
      /* A group is a list of its futures. */
      for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (group)); i++)
        {
          g_autoptr (CfutFuture) vote = g_list_model_get_item (G_LIST_MODEL (group), i);
          g_autofree char *voter = cfut_future_dup_name (vote);

          g_print ("%s %s\n", voter, cfut_future_is_settled (vote) ? "has voted" : "is late");
        }
    }
  g_clear_error (&error);

  g_async_queue_push (empty_box, "no");
  if (!count_until (group, g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND, &error))
    {
      g_printerr ("Counting failed: %s\n", error->message);
      return EXIT_FAILURE;
    }
  g_print ("that was everybody\n");
  return EXIT_SUCCESS;
}
