/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * What GIO does asynchronously, as futures: any pair of functions whose names end in _async and _finish. The main loop
 * has to run for them; a chain goes on with what they come to. */

#include <cfut/cfut.h>
#include <stdlib.h>

static void
load_start (GObject             *file,
            GCancellable        *cancellable,
            GAsyncReadyCallback  callback,
            gpointer             callback_data,
            gpointer             user_data)
{
  g_file_load_bytes_async (G_FILE (file), cancellable, callback, callback_data);
}

static gboolean
load_finish (GObject       *file,
             GAsyncResult  *result,
             CfutPromise   *promise,
             gpointer       user_data,
             GError       **error)
{
  g_autoptr (GBytes) bytes = g_file_load_bytes_finish (G_FILE (file), result, NULL, error);

  return bytes != NULL && cfut_promise_resolve_bytes (promise, bytes);
}

static gboolean
hash (CfutTask  *task,
      gpointer   user_data,
      GError   **error)
{
  g_autofree char *digest = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, user_data);

  cfut_task_set_result_string (task, digest);
  return TRUE;
}

/* From the loop to a thread, as this computes, and back. */
static CfutFuture *
hash_contents (CfutFuture *loaded,
               gpointer    executor,
               GError    **error)
{
  GBytes *bytes = cfut_future_result_bytes (loaded, 0, NULL);

  return cfut_executor_submit (executor, hash, g_bytes_ref (bytes), (GDestroyNotify) g_bytes_unref);
}

static CfutFuture *
hash_file (CfutExecutor *executor,
           GFile        *file)
{
  g_autoptr (CfutFuture) loaded = cfut_future_from_async (file, load_start, load_finish, NULL, NULL);

  return cfut_future_chain (loaded, hash_contents, g_object_ref (executor), g_object_unref);
}

int
main (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);
  g_autoptr (GFileIOStream) stream = NULL;
  g_autoptr (GFile) file = NULL;
  g_autoptr (GFile) missing = g_file_new_for_path ("/nowhere/at/all");
  g_autoptr (GError) error = NULL;

  file = g_file_new_tmp ("cfut-XXXXXX", &stream, &error);
  if (file == NULL || !g_file_replace_contents (file, "abc", 3, NULL, FALSE, 0, NULL, NULL, &error))
    {
      g_printerr ("No file to read: %s\n", error->message);
      return EXIT_FAILURE;
    }

  GFile *files[] = { file, missing };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (CfutFuture) hashed = hash_file (executor, files[i]);
      g_autoptr (GError) file_error = NULL;
      const char *digest;

      while (!cfut_future_is_settled (hashed))
        g_main_context_iteration (NULL, TRUE);

      digest = cfut_future_result_string (hashed, 0, &file_error);
      if (digest != NULL)
        g_print ("the file: %.16s...\n", digest);
      else if (g_error_matches (file_error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        g_print ("the other: there is no such file\n");
      else
        g_print ("%s\n", file_error->message);
    }
  return g_file_delete (file, NULL, &error) ? EXIT_SUCCESS : EXIT_FAILURE;
}
