/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The demo's parts that need no executor: digests, reading, walking. */

#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hash-algorithm.h"
#include "hash-file.h"
#include "hash-read.h"
#include "hash-walk.h"
#include "test-hash-util.h"

/* --- algorithms --- */

static void
test_algorithm_names (void)
{
  for (guint i = 0; i < HASH_N_ALGORITHMS; i++)
    {
      HashAlgorithm algorithm;

      g_assert_true (hash_algorithm_from_string (hash_algorithm_to_string (i), &algorithm));
      g_assert_cmpint (algorithm, ==, i);
      g_assert_true (hash_algorithm_from_string (hash_algorithm_get_title (i), &algorithm));
      g_assert_cmpint (algorithm, ==, i);
      g_assert_true (hash_algorithm_from_hex_length (hash_algorithm_get_hex_length (i),
                                                     &algorithm));
      g_assert_cmpint (algorithm, ==, i);
    }
}

static void
test_algorithm_unknown (void)
{
  HashAlgorithm algorithm;

  g_assert_false (hash_algorithm_from_string ("", &algorithm));
  g_assert_false (hash_algorithm_from_string ("sha", &algorithm));
  g_assert_false (hash_algorithm_from_string ("sha2567", &algorithm));
  g_assert_false (hash_algorithm_from_hex_length (0, &algorithm));
  g_assert_false (hash_algorithm_from_hex_length (63, &algorithm));
}

/* One digest serves message after message, in any pieces. */
static void
test_digest_known_sums (void)
{
  static const char * const sums_of_abc[] = {
    SUM_OF_ABC,
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "a9993e364706816aba3e25717850c26c9cd0d89d",
    "900150983cd24fb0d6963f7d28e17f72",
  };

  for (guint i = 0; i < HASH_N_ALGORITHMS; i++)
    {
      g_autoptr (HashDigest) digest = hash_digest_new (i);
      char hex[HASH_MAX_HEX_LENGTH + 1];

      for (guint round = 0; round < 2; round++)
        {
          hash_digest_begin (digest);
          hash_digest_update (digest, "a", 1);
          hash_digest_update (digest, "", 0);
          hash_digest_update (digest, "bc", 2);
          hash_digest_end (digest, hex);
          g_assert_cmpstr (hex, ==, sums_of_abc[i]);
        }

      /* One that was given up in the middle leaves nothing behind. */
      hash_digest_begin (digest);
      hash_digest_update (digest, "xyz", 3);
      hash_digest_begin (digest);
      hash_digest_update (digest, "abc", 3);
      hash_digest_end (digest, hex);
      g_assert_cmpstr (hex, ==, sums_of_abc[i]);
    }
}

/* --- files --- */

static void
test_file_paths (void)
{
  g_autoptr (HashFolder) folder = hash_folder_new ("a//b");
  g_autoptr (HashFolder) root = hash_folder_new ("/");
  HashFile *file = hash_file_new (folder, "c", 7, FALSE, HASH_ALGORITHM_SHA1);
  HashFile *in_root = hash_file_new (root, "c", 7, FALSE, HASH_ALGORITHM_SHA1);
  HashFile *named = hash_file_new (NULL, "x/y", 7, TRUE, HASH_ALGORITHM_SHA1);
  g_autofree char *path = hash_file_dup_path (file);
  g_autofree char *root_path = hash_file_dup_path (in_root);
  g_autofree char *named_path = hash_file_dup_path (named);
  g_autofree char *named_folder = hash_file_dup_display_folder (named);
  g_autofree char *named_name = hash_file_dup_display_name (named);

  g_assert_cmpstr (path, ==, "a//b/c");
  g_assert_cmpstr (root_path, ==, "/c");
  g_assert_cmpstr (named_path, ==, "x/y");
  g_assert_cmpstr (named_folder, ==, "x");
  g_assert_cmpstr (named_name, ==, "y");
  g_assert_cmpuint (hash_file_get_size (file), ==, 7);
  g_assert_false (hash_file_is_folder (file));
  g_assert_true (hash_file_is_folder (named));
  g_assert_cmpint (hash_file_get_algorithm (file), ==, HASH_ALGORITHM_SHA1);

  hash_file_free (file);
  hash_file_free (in_root);
  hash_file_free (named);
}

/* Nothing that a name holds may move the cursor, clear the screen or turn the text round. */
static void
test_file_display (void)
{
  g_autofree char *plain = hash_path_to_display ("Grüße/x y");
  g_autofree char *control = hash_path_to_display ("a\nb\033[2J\177");
  g_autofree char *bidi = hash_path_to_display ("a\xe2\x80\xae" "gpj.exe");
  g_autofree char *broken = hash_path_to_display ("a\xff" "b");

  g_assert_cmpstr (plain, ==, "Grüße/x y");
  g_assert_cmpstr (control, ==, "a\xe2\x90\x8a" "b\xe2\x90\x9b[2J\xe2\x90\xa1");
  g_assert_cmpstr (bidi, ==, "a\xef\xbf\xbdgpj.exe");
  g_assert_cmpstr (broken, ==, "a\xef\xbf\xbd" "b");
}

/* --- reading --- */

static void
test_read_files (Fixture       *fixture,
                 gconstpointer  unused)
{
  g_autofree char *abc = make_file (fixture, "abc", "abc");
  g_autofree char *empty = make_file (fixture, "empty", "");
  g_autofree char *link = in_folder (fixture, "link");
  char hex[HASH_MAX_HEX_LENGTH + 1];
  GError *error = NULL;

  g_assert_cmpint (symlink ("abc", link), ==, 0);

  g_assert_true (hash_read_file (abc, HASH_ALGORITHM_SHA256, NULL, NULL, hex, &error));
  g_assert_cmpstr (hex, ==, SUM_OF_ABC);
  g_assert_true (hash_read_file (empty, HASH_ALGORITHM_SHA256, NULL, NULL, hex, &error));
  g_assert_cmpstr (hex, ==, SUM_OF_NOTHING);
  g_assert_true (hash_read_file (link, HASH_ALGORITHM_SHA256, NULL, NULL, hex, &error));
  g_assert_cmpstr (hex, ==, SUM_OF_ABC);
  g_assert_true (hash_read_file (abc, HASH_ALGORITHM_MD5, NULL, NULL, hex, &error));
  g_assert_cmpstr (hex, ==, "900150983cd24fb0d6963f7d28e17f72");
  g_assert_no_error (error);
}

/* Sizes on both sides of each buffer's border. */
static void
test_read_sizes (Fixture       *fixture,
                 gconstpointer  unused)
{
  static const gsize sizes[] = { 1, 4095, 4096, 262143, 262144, 262145, 524288, 1000000 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *path = make_big_file (fixture, "zeros", sizes[i]);
      g_autofree char *zeros = g_malloc0 (sizes[i]);
      g_autofree char *expected = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guchar *) zeros,
                                                               sizes[i]);
      char hex[HASH_MAX_HEX_LENGTH + 1];

      g_assert_true (hash_read_file (path, HASH_ALGORITHM_SHA256, NULL, NULL, hex, NULL));
      g_assert_cmpstr (hex, ==, expected);
    }
}

/* A file whose size says nothing is read to its end. */
static void
test_read_pseudo_file (void)
{
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;
  char hex[HASH_MAX_HEX_LENGTH + 1];
  gsize length;

  if (!g_file_get_contents ("/proc/version", &text, &length, NULL) || length == 0)
    {
      g_test_skip ("no /proc/version");
      return;
    }

  expected = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guchar *) text, length);
  g_assert_true (hash_read_file ("/proc/version", HASH_ALGORITHM_SHA256, NULL, NULL, hex, NULL));
  g_assert_cmpstr (hex, ==, expected);
}

/* What is no file is refused, and nothing waits for the other end of a pipe. */
static void
test_read_no_files (Fixture       *fixture,
                    gconstpointer  unused)
{
  g_autofree char *fifo = in_folder (fixture, "fifo");
  g_autofree char *loop = in_folder (fixture, "loop");
  g_autofree char *missing = in_folder (fixture, "missing");
  char hex[HASH_MAX_HEX_LENGTH + 1];
  GError *error = NULL;

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (symlink ("loop", loop), ==, 0);

  g_assert_false (hash_read_file (fifo, HASH_ALGORITHM_SHA256, NULL, NULL, hex, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE);
  g_clear_error (&error);

  g_assert_false (hash_read_file ("/dev/null", HASH_ALGORITHM_SHA256, NULL, NULL, hex, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE);
  g_clear_error (&error);

  g_assert_false (hash_read_file (fixture->folder, HASH_ALGORITHM_SHA256, NULL, NULL, hex, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE);
  g_clear_error (&error);

  g_assert_false (hash_read_file (loop, HASH_ALGORITHM_SHA256, NULL, NULL, hex, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_LINKS);
  g_clear_error (&error);

  g_assert_false (hash_read_file (missing, HASH_ALGORITHM_SHA256, NULL, NULL, hex, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
}

typedef struct {
  const char *path;
  void (*disturb) (const char *path);
  guint n_ticks;
  guint64 last_done;
} Disturbance;

static gboolean
disturb_once (guint64    done,
              guint64    total,
              gpointer   user_data,
              GError   **error)
{
  Disturbance *disturbance = user_data;

  g_assert_cmpuint (done, >, disturbance->last_done);
  g_assert_cmpuint (done, <=, total);
  disturbance->last_done = done;

  if (disturbance->n_ticks++ == 0 && disturbance->disturb != NULL)
    disturbance->disturb (disturbance->path);

  return TRUE;
}

/* The clock of the file system is coarse: an old time makes any change visible. */
static void
set_old_time (const char *path)
{
  const struct timespec long_ago[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

  g_assert_cmpint (utimensat (AT_FDCWD, path, long_ago, 0), ==, 0);
}

static void
grow (const char *path)
{
  int fd = open (path, O_WRONLY | O_APPEND);

  g_assert_cmpint (write (fd, "more", 4), ==, 4);
  close (fd);
}

static void
shrink (const char *path)
{
  g_assert_cmpint (truncate (path, 300000), ==, 0);
}

static void
overwrite (const char *path)
{
  int fd = open (path, O_WRONLY);

  g_assert_cmpint (pwrite (fd, "x", 1, 0), ==, 1);
  close (fd);
}

/* As an unpacker does that sets the time which it has on record. */
static void
shrink_and_set_time (const char *path)
{
  shrink (path);
  set_old_time (path);
}

static void
unlink_it (const char *path)
{
  g_assert_cmpint (g_unlink (path), ==, 0);
}

/* A file that changes while it is read gives an error and never a sum. */
static void
test_read_changing_file (Fixture       *fixture,
                         gconstpointer  unused)
{
  static void (* const disturbances[]) (const char *) = {
    grow, shrink, overwrite, shrink_and_set_time
  };

  for (guint i = 0; i < G_N_ELEMENTS (disturbances); i++)
    {
      g_autofree char *path = make_big_file (fixture, "changing", 1024 * 1024);
      Disturbance disturbance = { path, disturbances[i], 0, 0 };
      char hex[HASH_MAX_HEX_LENGTH + 1];
      GError *error = NULL;

      set_old_time (path);
      g_assert_false (hash_read_file (path, HASH_ALGORITHM_SHA256, disturb_once, &disturbance, hex,
                                      &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WRONG_ETAG);
      g_clear_error (&error);
    }
}

/* A file that is removed while it is open is still one whole state of it. */
static void
test_read_removed_file (Fixture       *fixture,
                        gconstpointer  unused)
{
  g_autofree char *path = make_big_file (fixture, "removed", 1024 * 1024);
  Disturbance disturbance = { path, unlink_it, 0, 0 };
  char hex[HASH_MAX_HEX_LENGTH + 1];

  g_assert_true (hash_read_file (path, HASH_ALGORITHM_SHA256, disturb_once, &disturbance, hex,
                                 NULL));
  g_assert_cmpuint (disturbance.n_ticks, >=, 3);
}

static gboolean
stop_at_once (guint64    done,
              guint64    total,
              gpointer   user_data,
              GError   **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "stopped");

  return FALSE;
}

static void
test_read_stopped (Fixture       *fixture,
                   gconstpointer  unused)
{
  g_autofree char *path = make_big_file (fixture, "big", 1024 * 1024);
  char hex[HASH_MAX_HEX_LENGTH + 1];
  GError *error = NULL;

  g_assert_false (hash_read_file (path, HASH_ALGORITHM_SHA256, stop_at_once, NULL, hex, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
}

/* --- walking --- */

typedef struct {
  GPtrArray *found;
  GPtrArray *failed;
  guint ticks_left;
} Walked;

static void
on_found (HashFolder *folder,
          const char *name,
          guint64     size,
          gpointer    user_data)
{
  Walked *walked = user_data;
  HashFile *file = hash_file_new (folder, name, size, FALSE, HASH_DEFAULT_ALGORITHM);

  g_ptr_array_add (walked->found, hash_file_dup_path (file));
  hash_file_free (file);
}

static void
on_failed (const char   *path,
           gboolean      is_folder,
           const GError *error,
           gpointer      user_data)
{
  Walked *walked = user_data;

  g_assert_nonnull (error);
  g_ptr_array_add (walked->failed, g_strdup_printf ("%s %s", is_folder ? "folder" : "file", path));
}

static gboolean
on_tick (gpointer   user_data,
         GError   **error)
{
  Walked *walked = user_data;

  if (walked->ticks_left-- > 0)
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "stopped");

  return FALSE;
}

static const HashWalkFuncs walk_funcs = { on_found, on_failed, on_tick };

static void
walked_init (Walked *walked)
{
  walked->found = g_ptr_array_new_with_free_func (g_free);
  walked->failed = g_ptr_array_new_with_free_func (g_free);
  walked->ticks_left = 1000000;
}

static void
walked_clear (Walked *walked)
{
  g_ptr_array_unref (walked->found);
  g_ptr_array_unref (walked->failed);
}

static void
assert_found (Fixture            *fixture,
              GPtrArray          *found,
              const char * const *expected)
{
  guint i;

  for (i = 0; expected[i] != NULL; i++)
    {
      g_autofree char *path = in_folder (fixture, expected[i]);

      g_assert_cmpuint (i, <, found->len);
      g_assert_cmpstr (g_ptr_array_index (found, i), ==, path);
    }

  g_assert_cmpuint (found->len, ==, i);
}

static void
make_folder (Fixture    *fixture,
             const char *name)
{
  g_autofree char *path = in_folder (fixture, name);

  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
}

static void
make_tree (Fixture *fixture)
{
  static const char * const files[] = { "z", "a", "m/2", "m/1", "m/deep/er", "b/only" };
  g_autofree char *up = in_folder (fixture, "m/up");
  g_autofree char *file_link = in_folder (fixture, "link");
  g_autofree char *fifo = in_folder (fixture, "fifo");

  make_folder (fixture, "m");
  make_folder (fixture, "m/deep");
  make_folder (fixture, "b");
  make_folder (fixture, "empty");

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    g_free (make_file (fixture, files[i], "x"));

  g_assert_cmpint (symlink ("..", up), ==, 0);
  g_assert_cmpint (symlink ("a", file_link), ==, 0);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
}

/* Sorted in each folder; links and special files passed over, so that a loop of links has no
 * effect. */
static void
test_walk_tree (Fixture       *fixture,
                gconstpointer  unused)
{
  static const char * const expected[] = { "a", "z", "b/only", "m/1", "m/2", "m/deep/er", NULL };
  const char * const paths[] = { fixture->folder, NULL };
  const HashIdentity nothing = { 0, 0 };
  Walked walked;

  make_tree (fixture);
  walked_init (&walked);
  g_assert_true (hash_walk (paths, &nothing, &walk_funcs, &walked, NULL));
  assert_found (fixture, walked.found, expected);
  g_assert_cmpuint (walked.failed->len, ==, 0);
  walked_clear (&walked);
}

/* What is named counts as it is: links are followed, and what is not there is told. */
static void
test_walk_named (Fixture       *fixture,
                 gconstpointer  unused)
{
  static const char * const expected[] = { "fifo", "link", "b-link/only", NULL };
  g_autofree char *fifo = in_folder (fixture, "fifo");
  g_autofree char *link = in_folder (fixture, "link");
  g_autofree char *folder_link = in_folder (fixture, "b-link");
  g_autofree char *loop = in_folder (fixture, "loop");
  g_autofree char *missing = in_folder (fixture, "missing");
  const char * const paths[] = { fifo, link, loop, missing, folder_link, NULL };
  const HashIdentity nothing = { 0, 0 };
  g_autofree char *loop_line = g_strdup_printf ("file %s", loop);
  g_autofree char *missing_line = g_strdup_printf ("file %s", missing);
  Walked walked;

  make_tree (fixture);
  g_assert_cmpint (symlink ("b", folder_link), ==, 0);
  g_assert_cmpint (symlink ("loop", loop), ==, 0);

  walked_init (&walked);
  g_assert_true (hash_walk (paths, &nothing, &walk_funcs, &walked, NULL));
  assert_found (fixture, walked.found, expected);
  g_assert_cmpuint (walked.failed->len, ==, 2);
  g_assert_cmpstr (g_ptr_array_index (walked.failed, 0), ==, loop_line);
  g_assert_cmpstr (g_ptr_array_index (walked.failed, 1), ==, missing_line);
  walked_clear (&walked);
}

static void
test_walk_excluded (Fixture       *fixture,
                    gconstpointer  unused)
{
  static const char * const expected[] = { "a", "z", "b/only", "m/1", "m/deep/er", NULL };
  const char * const paths[] = { fixture->folder, NULL };
  g_autofree char *excluded_path = in_folder (fixture, "m/2");
  HashIdentity excluded;
  struct stat info;
  Walked walked;

  make_tree (fixture);
  g_assert_cmpint (stat (excluded_path, &info), ==, 0);
  excluded.device = info.st_dev;
  excluded.inode = info.st_ino;

  walked_init (&walked);
  g_assert_true (hash_walk (paths, &excluded, &walk_funcs, &walked, NULL));
  assert_found (fixture, walked.found, expected);
  walked_clear (&walked);
}

/* A folder of many files is left soon after the word to stop. */
static void
test_walk_stopped (Fixture       *fixture,
                   gconstpointer  unused)
{
  const char * const paths[] = { fixture->folder, NULL };
  const HashIdentity nothing = { 0, 0 };
  GError *error = NULL;
  Walked walked;

  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);

      g_free (make_file (fixture, name, ""));
    }

  /* One tick for the path; the second comes among the entries. */
  walked_init (&walked);
  walked.ticks_left = 9;
  g_assert_false (hash_walk (paths, &nothing, &walk_funcs, &walked, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_cmpuint (walked.found->len, <, 2000);
  walked_clear (&walked);
}

int
main (int    argc,
      char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/demo/algorithm/names-there-and-back", test_algorithm_names);
  g_test_add_func ("/demo/algorithm/unknown-names-are-refused", test_algorithm_unknown);
  g_test_add_func ("/demo/algorithm/digest-gives-known-sums", test_digest_known_sums);
  g_test_add_func ("/demo/file/paths-as-they-were-given", test_file_paths);
  g_test_add_func ("/demo/file/names-are-safe-to-show", test_file_display);
  ADD_TEST ("/demo/read/files-and-links-to-them", test_read_files);
  ADD_TEST ("/demo/read/all-sizes", test_read_sizes);
  g_test_add_func ("/demo/read/pseudo-file-to-its-end", test_read_pseudo_file);
  ADD_TEST ("/demo/read/no-file-is-refused-without-waiting", test_read_no_files);
  ADD_TEST ("/demo/read/changing-file-gives-no-sum", test_read_changing_file);
  ADD_TEST ("/demo/read/removed-file-is-read-to-its-end", test_read_removed_file);
  ADD_TEST ("/demo/read/stops-when-told", test_read_stopped);
  ADD_TEST ("/demo/walk/sorted-and-without-links", test_walk_tree);
  ADD_TEST ("/demo/walk/named-paths-count-as-they-are", test_walk_named);
  ADD_TEST ("/demo/walk/passes-over-the-output", test_walk_excluded);
  ADD_TEST ("/demo/walk/stops-when-told", test_walk_stopped);

  return g_test_run ();
}
