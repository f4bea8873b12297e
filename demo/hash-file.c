/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a row of a run's list is about, in as few bytes as can be.
 *
 * A run may list millions of files, so a HashFile is one allocation that holds the last part of the
 * path alone; the path of its folder stands once in a HashFolder, which all files of that folder
 * share. Names are raw bytes as the system has them; what a person is shown is made on demand.
 *
 * Threads: both are immutable; the folder's count is atomic, as the thread that walks makes files
 * while the run's own thread frees others. A HashFile has one owner, the future that it stands for.
 */

#include "hash-file.h"

#include <string.h>

struct _HashFolder {
  gatomicrefcount ref_count;
  char path[];
};

struct _HashFile {
  HashFolder *folder;
  guint64 size;
  guint8 is_folder;
  guint8 algorithm;
  char name[];
};

HashFolder *
hash_folder_new (const char *path)
{
  gsize length = strlen (path) + 1;
  HashFolder *self = g_malloc (sizeof (HashFolder) + length);

  g_atomic_ref_count_init (&self->ref_count);
  memcpy (self->path, path, length);

  return self;
}

HashFolder *
hash_folder_ref (HashFolder *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
hash_folder_unref (HashFolder *self)
{
  if (g_atomic_ref_count_dec (&self->ref_count))
    g_free (self);
}

const char *
hash_folder_get_path (HashFolder *self)
{
  return self->path;
}

HashFile *
hash_file_new (HashFolder    *folder,
               const char    *name,
               guint64        size,
               gboolean       is_folder,
               HashAlgorithm  algorithm)
{
  gsize length = strlen (name) + 1;
  HashFile *self = g_malloc (G_STRUCT_OFFSET (HashFile, name) + length);

  self->folder = folder != NULL ? hash_folder_ref (folder) : NULL;
  self->size = size;
  self->is_folder = is_folder != FALSE;
  self->algorithm = algorithm;
  memcpy (self->name, name, length);

  return self;
}

void
hash_file_free (HashFile *self)
{
  g_clear_pointer (&self->folder, hash_folder_unref);
  g_free (self);
}

/* Plain concatenation: g_build_filename would take away what the user wrote, as in "a//b". */
char *
hash_file_dup_path (HashFile *self)
{
  const char *folder;
  gsize length;

  if (self->folder == NULL)
    return g_strdup (self->name);

  folder = self->folder->path;
  length = strlen (folder);

  if (length > 0 && folder[length - 1] == '/')
    return g_strconcat (folder, self->name, NULL);

  return g_strconcat (folder, "/", self->name, NULL);
}

char *
hash_file_dup_display_path (HashFile *self)
{
  g_autofree char *path = hash_file_dup_path (self);

  return hash_path_to_display (path);
}

char *
hash_file_dup_display_name (HashFile *self)
{
  g_autofree char *name = NULL;

  if (self->folder != NULL)
    return hash_path_to_display (self->name);

  name = g_path_get_basename (self->name);

  return hash_path_to_display (name);
}

char *
hash_file_dup_display_folder (HashFile *self)
{
  g_autofree char *folder = NULL;

  if (self->folder != NULL)
    return hash_path_to_display (self->folder->path);

  folder = g_path_get_dirname (self->name);

  return hash_path_to_display (folder);
}

guint64
hash_file_get_size (HashFile *self)
{
  return self->size;
}

gboolean
hash_file_is_folder (HashFile *self)
{
  return self->is_folder;
}

HashAlgorithm
hash_file_get_algorithm (HashFile *self)
{
  return self->algorithm;
}

/* U+2400 and on are pictures of the control characters, in their order. */
static gunichar
displayable (gunichar c)
{
  if (c < 0x20)
    return 0x2400 + c;

  if (c == 0x7f)
    return 0x2421;

  if ((c >= 0x80 && c < 0xa0) || c == 0x2028 || c == 0x2029 ||
      c == 0x061c || c == 0x200e || c == 0x200f ||
      (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
    return 0xfffd;

  return c;
}

char *
hash_path_to_display (const char *path)
{
  g_autofree char *valid = g_utf8_make_valid (path, -1);
  GString *text = g_string_sized_new (strlen (valid) + 1);

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    g_string_append_unichar (text, displayable (g_utf8_get_char (p)));

  return g_string_free (text, FALSE);
}
