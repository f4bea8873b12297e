/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A future from its submission to its end: pending, running, and then resolved, rejected or cancelled. */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  GAsyncQueue *questions;
  GAsyncQueue *answers;
} Desk;

/* Asks, and waits for the answer: until then it is running. */
static gboolean
ask (CfutTask  *task,
     gpointer   user_data,
     GError   **error)
{
  Desk *desk = user_data;
  g_autofree char *answer = NULL;

  g_async_queue_push (desk->questions, g_strdup ("What is it?"));
  answer = g_async_queue_pop (desk->answers);
  if (answer[0] == '\0')
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The answer is empty");
      return FALSE;
    }
  cfut_task_set_result_string (task, answer);
  return TRUE;
}

static void
print_state (const char *what,
             CfutFuture *future)
{
  g_autofree char *state = g_enum_to_string (CFUT_TYPE_STATE, cfut_future_get_state (future));

  g_print ("%s: %s%s\n", what, state, cfut_future_is_settled (future) ? ", settled" : "");
}

int
main (void)
{
  g_autoptr (GAsyncQueue) questions = g_async_queue_new_full (g_free);
  g_autoptr (GAsyncQueue) answers = g_async_queue_new_full (g_free);
  Desk desk = { questions, answers };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) first = cfut_executor_submit (executor, ask, &desk, NULL);
  g_autoptr (CfutFuture) second = cfut_executor_submit (executor, ask, &desk, NULL);
  g_autoptr (CfutFuture) third = cfut_executor_submit (executor, ask, &desk, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *question = NULL;

  /* The only worker has got to the first, and the others wait for it. */
  question = g_async_queue_pop (questions);
  print_state ("first", first);
  print_state ("second", second);

  /* What has not started is cancelled at once. */
  g_print ("cancelled: %s\n", cfut_future_cancel (third) ? "yes" : "no");
  print_state ("third", third);

  g_async_queue_push (answers, g_strdup ("A future"));
  g_async_queue_push (answers, g_strdup (""));

  g_print ("first says: %s\n", cfut_future_result_string (first, -1, &error));
  print_state ("first", first);
  g_assert_no_error (error);

  if (cfut_future_result_string (second, -1, &error) == NULL)
    g_print ("second fails: %s\n", error->message);
  print_state ("second", second);

  return cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
