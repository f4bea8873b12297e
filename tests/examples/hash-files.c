/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Hashing every file of a folder and of those in it, several at once; prints what sha256sum prints.
 *
 * usage: hash-files FOLDER */

#include <cfut/cfut.h>
#include <locale.h>
#include <stdlib.h>

/* Reads a file in blocks, and looks between them whether it is to go on. */
static gboolean
hash_file (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (user_data);
  g_autoptr (GFileInputStream) stream = g_file_read (file, NULL, error);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 buffer[65536];
  gssize n;

  if (stream == NULL)
    return FALSE;
  while ((n = g_input_stream_read (G_INPUT_STREAM (stream), buffer, sizeof buffer, NULL, error)) > 0)
    {
      g_checksum_update (checksum, buffer, n);
      if (!cfut_task_checkpoint (task, error))
        return FALSE;
    }
  if (n < 0)
    return FALSE;
  cfut_task_set_result_string (task, g_checksum_get_string (checksum));
  return TRUE;
}

/* Submits every file below the folder; a folder that cannot be read is an error of its own. */
static void
submit_folder (CfutExecutor *executor,
               CfutGroup    *group,
               const char   *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  const char *name;

  if (dir == NULL)
    g_printerr ("%s: %s\n", folder, error->message);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_autoptr (CfutFuture) future = NULL;

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        {
          if (!g_file_test (path, G_FILE_TEST_IS_SYMLINK))
            submit_folder (executor, group, path);
          continue;
        }
      future = cfut_executor_submit (executor, hash_file, g_strdup (path), g_free);
      cfut_future_set_name (future, path);
      cfut_group_add (group, future);
    }
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GError) error = NULL;
  CfutFuture *settled;

  /* For names that are not ASCII. */
  setlocale (LC_ALL, "");
  if (argc != 2)
    {
      g_printerr ("usage: %s FOLDER\n", argv[0]);
      return EXIT_FAILURE;
    }
  submit_folder (executor, group, argv[1]);

  while ((settled = cfut_group_next (group, -1, NULL, &error)) != NULL)
    {
      g_autoptr (CfutFuture) future = settled;
      g_autoptr (GError) file_error = NULL;
      g_autofree char *path = cfut_future_dup_name (future);
      const char *digest = cfut_future_result_string (future, 0, &file_error);

      if (digest != NULL)
        g_print ("%s  %s\n", digest, path);
      else
        g_printerr ("%s: %s\n", path, file_error->message);
    }
  return error == NULL && cfut_group_get_n_failed (group) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
