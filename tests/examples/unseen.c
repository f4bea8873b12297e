/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Failures that nobody looks at are not lost: they are logged, once each, with the name of the task, when their future goes
 * away. A function that nobody wants to hear of is posted, without a future, and reported likewise. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
deliver (CfutTask  *task,
         gpointer   user_data,
         GError   **error)
{
  const char *address = user_data;

  if (address == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "The address is missing");
      return FALSE;
    }
  return TRUE;
}

/* An application has its own place for logs; the default is stderr, or the journal. */
static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         user_data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      g_print ("log: %s\n", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutFuture) parcel = NULL;
  CfutFuture *card;
  g_autoptr (GError) error = NULL;

  g_log_set_writer_func (write_log, NULL, NULL);

  /* This one is looked at, so that it is not reported. */
  parcel = cfut_executor_submit (executor, deliver, NULL, NULL);
  cfut_future_result (parcel, -1, &error);
  g_print ("parcel: %s\n", error->message);

  /* This one is not. */
  card = cfut_executor_submit (executor, deliver, NULL, NULL);
  cfut_future_set_name (card, "a card");
  g_object_unref (card);

  cfut_executor_post (executor, deliver, "1 Main Street", NULL);
  cfut_executor_post (executor, deliver, NULL, NULL);

  return cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL) ? EXIT_SUCCESS : EXIT_FAILURE;
}
