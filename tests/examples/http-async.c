/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Fetching several addresses at once without any thread: what GIO and libsoup do asynchronously becomes futures, and
 * these go into a group as all others do.
 *
 * usage: http-async URL ... */

#include <cfut/cfut.h>
#include <libsoup/soup.h>
#include <stdlib.h>

#define TIMEOUT_SECONDS 5

typedef struct {
  SoupMessage *message;
  gint64 start_usec;
} Fetch;

static void
fetch_free (gpointer data)
{
  Fetch *self = data;

  g_object_unref (self->message);
  g_free (self);
}

/* Calls the one half of the pair, */
static void
fetch_start (GObject             *session,
             GCancellable        *cancellable,
             GAsyncReadyCallback  callback,
             gpointer             callback_data,
             gpointer             user_data)
{
  Fetch *self = user_data;

  soup_session_send_and_read_async (SOUP_SESSION (session), self->message, G_PRIORITY_DEFAULT,
                                    cancellable, callback, callback_data);
}

/* and this the other. */
static gboolean
fetch_finish (GObject       *session,
              GAsyncResult  *result,
              CfutPromise   *promise,
              gpointer       user_data,
              GError       **error)
{
  Fetch *self = user_data;
  g_autoptr (GBytes) body = soup_session_send_and_read_finish (SOUP_SESSION (session), result, error);

  if (body == NULL)
    return FALSE;
  return cfut_promise_resolve_variant (
    promise, g_variant_new ("(utx)", soup_message_get_status (self->message),
                            (guint64) g_bytes_get_size (body),
                            g_get_monotonic_time () - self->start_usec));
}

static CfutFuture *
fetch (SoupSession *session,
       const char  *url)
{
  g_autoptr (SoupMessage) message = soup_message_new (SOUP_METHOD_GET, url);
  Fetch *self;

  if (message == NULL)
    {
      g_autoptr (CfutPromise) promise = cfut_promise_new ();
      g_autoptr (GError) error =
        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "Not an address");

      cfut_promise_reject (promise, error);
      return g_object_ref (cfut_promise_get_future (promise));
    }
  self = g_new (Fetch, 1);
  *self = (Fetch){ g_steal_pointer (&message), g_get_monotonic_time () };
  return cfut_future_from_async (session, fetch_start, fetch_finish, self, fetch_free);
}

static void
on_future_done (CfutGroup  *group,
                CfutFuture *future,
                gpointer    user_data)
{
  g_autofree char *url = cfut_future_dup_name (future);
  g_autoptr (GError) error = NULL;
  GVariant *result = cfut_future_result_variant (future, 0, &error);
  guint status;
  guint64 n_bytes;
  gint64 usec;

  if (result == NULL)
    {
      g_print ("failed  %s: %s\n", url, error ? error->message : "no result");
      return;
    }
  g_variant_get (result, "(utx)", &status, &n_bytes, &usec);
  g_print ("%6u  %s: %" G_GUINT64_FORMAT " bytes in %" G_GINT64_FORMAT " ms\n", status, url, n_bytes,
           usec / 1000);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SoupSession) session =
    soup_session_new_with_options ("max-conns-per-host", 8, "timeout", TIMEOUT_SECONDS, NULL);
  g_autoptr (CfutGroup) group = cfut_group_new ();

  g_signal_connect (group, "future-done", G_CALLBACK (on_future_done), NULL);
  g_signal_connect_swapped (group, "all-done", G_CALLBACK (g_main_loop_quit), loop);

  /* Held while it is being filled: it could come to its end before. */
  cfut_group_hold (group);
  for (int i = 1; i < argc; i++)
    {
      g_autoptr (CfutFuture) future = fetch (session, argv[i]);

      cfut_future_set_name (future, argv[i]);
      cfut_group_add (group, future);
    }
  cfut_group_release (group);
  g_main_loop_run (loop);

  g_print ("%u fetched, %" G_GUINT64_FORMAT " of them failed\n",
           g_list_model_get_n_items (G_LIST_MODEL (group)), cfut_group_get_n_failed (group));
  return EXIT_SUCCESS;
}
