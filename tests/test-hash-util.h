/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

/* A folder of files for each test of the demo's parts, removed after it. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define SUM_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SUM_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

typedef struct {
  char *folder;
} Fixture;

static inline void
fixture_set_up (Fixture       *fixture,
                gconstpointer  unused)
{
  fixture->folder = g_dir_make_tmp ("cfut-hash-XXXXXX", NULL);
  g_assert_nonnull (fixture->folder);
}

static inline void
remove_tree (const char *path)
{
  struct stat info;

  g_assert_cmpint (lstat (path, &info), ==, 0);

  if (S_ISDIR (info.st_mode))
    {
      GDir *dir = g_dir_open (path, 0, NULL);
      const char *name;

      while ((name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *child = g_build_filename (path, name, NULL);

          remove_tree (child);
        }

      g_dir_close (dir);
    }

  g_assert_cmpint (g_remove (path), ==, 0);
}

static inline void
fixture_tear_down (Fixture       *fixture,
                   gconstpointer  unused)
{
  remove_tree (fixture->folder);
  g_free (fixture->folder);
}

static inline char *
in_folder (Fixture    *fixture,
           const char *name)
{
  return g_build_filename (fixture->folder, name, NULL);
}

static inline char *
make_file (Fixture    *fixture,
           const char *name,
           const char *text)
{
  char *path = in_folder (fixture, name);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));

  return path;
}

static inline char *
make_big_file (Fixture    *fixture,
               const char *name,
               gsize       size)
{
  g_autofree char *zeros = g_malloc0 (size);
  char *path = in_folder (fixture, name);

  g_assert_true (g_file_set_contents (path, zeros, size, NULL));

  return path;
}

static inline void
assert_file_contents (const char *path,
                      const char *expected)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, expected);
}

static inline guint
count_entries (const char *folder)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  g_dir_close (dir);

  return n;
}

#define ADD_TEST(path, func) \
  g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
