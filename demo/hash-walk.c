/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Finds the files below folders.
 *
 * Depth first and sorted by name within each folder, so that the list that a person sees is the
 * same each time. What lies in a folder goes by its own type: links are passed over, and so are
 * pipes, sockets and devices. What the user named is followed where it is a link, and is taken for
 * a file where it is no folder; what it really is, and whether it can be read, comes out when it is
 * opened.
 *
 * Each folder knows those that it lies in, by device and inode, so that a file system that contains
 * itself (FUSE can make one) ends in an error and not in a walk without end.
 *
 * An entry that is gone when it is looked at still counts as found: opening it gives the error that
 * belongs to it, and nothing is lost without a word.
 *
 * Threads: any; all state is on the stack of the caller.
 */

#include "hash-walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK_INTERVAL 256

/* A folder that is to be walked, and by its parents those that it lies in. */
typedef struct _Level Level;

struct _Level {
  guint ref_count;
  Level *parent;
  HashFolder *folder;
  HashIdentity identity;
};

typedef struct {
  gsize offset;  /* in the names */
  guint8 type;   /* DT_* */
} Entry;

typedef struct {
  const HashIdentity *excluded;
  const HashWalkFuncs *funcs;
  gpointer user_data;
  GPtrArray *pending;  /* of Level: a stack */
  GArray *entries;     /* of Entry: of the folder at hand */
  GString *names;      /* of the folder at hand, each with its nul */
  guint n_until_tick;
} Walk;

static Level *
level_new (Level      *parent,
           HashFolder *folder)
{
  Level *self = g_new0 (Level, 1);

  self->ref_count = 1;
  self->parent = parent;
  self->folder = folder;

  if (parent != NULL)
    parent->ref_count++;

  return self;
}

/* A loop and no recursion, as somebody may have made a path as deep as it can be. */
static void
level_unref (gpointer data)
{
  Level *self = data;

  while (self != NULL && --self->ref_count == 0)
    {
      Level *parent = self->parent;

      hash_folder_unref (self->folder);
      g_free (self);
      self = parent;
    }
}

static gboolean
is_same (const HashIdentity *a,
         const HashIdentity *b)
{
  return a->device == b->device && a->inode == b->inode;
}

static gboolean
level_is_inside_itself (Level *self)
{
  for (Level *level = self->parent; level != NULL; level = level->parent)
    {
      if (is_same (&level->identity, &self->identity))
        return TRUE;
    }

  return FALSE;
}

static char *
join (const char *folder,
      const char *name)
{
  gsize length = strlen (folder);

  if (length > 0 && folder[length - 1] == '/')
    return g_strconcat (folder, name, NULL);

  return g_strconcat (folder, "/", name, NULL);
}

static gboolean
tick (Walk    *walk,
      GError **error)
{
  if (walk->n_until_tick-- > 0)
    return TRUE;

  walk->n_until_tick = TICK_INTERVAL;

  return walk->funcs->tick (walk->user_data, error);
}

static void
report_folder (Walk       *walk,
               const char *path,
               int         saved_errno)
{
  g_autoptr (GError) error = NULL;

  g_set_error (&error, G_IO_ERROR, g_io_error_from_errno (saved_errno),
               _("The folder cannot be read: %s"), g_strerror (saved_errno));
  walk->funcs->failed (path, TRUE, error, walk->user_data);
}

/* FALSE with @error: stopped. What could be read before an error of the system is kept. */
static gboolean
read_entries (Walk        *walk,
              DIR         *dir,
              const char  *path,
              GError     **error)
{
  g_string_truncate (walk->names, 0);
  g_array_set_size (walk->entries, 0);

  while (TRUE)
    {
      Entry entry = { walk->names->len, DT_UNKNOWN };
      struct dirent *found;

      errno = 0;
      found = readdir (dir);

      if (found == NULL)
        {
          if (errno != 0)
            report_folder (walk, path, errno);
          return TRUE;
        }

      if (!tick (walk, error))
        return FALSE;

      if (strcmp (found->d_name, ".") == 0 || strcmp (found->d_name, "..") == 0)
        continue;

      entry.type = found->d_type;
      if (entry.type != DT_REG && entry.type != DT_DIR && entry.type != DT_UNKNOWN)
        continue;

      g_string_append_len (walk->names, found->d_name, strlen (found->d_name) + 1);
      g_array_append_val (walk->entries, entry);
    }
}

static int
compare_entries (gconstpointer a,
                 gconstpointer b,
                 gpointer      names)
{
  const Entry *entry_a = a;
  const Entry *entry_b = b;

  return strcmp ((const char *) names + entry_a->offset, (const char *) names + entry_b->offset);
}

static gboolean
walk_entries (Walk    *walk,
              Level   *level,
              int      dir_fd,
              GError **error)
{
  const char *path = hash_folder_get_path (level->folder);
  guint n_pending = walk->pending->len;

  g_array_sort_with_data (walk->entries, compare_entries, walk->names->str);

  for (guint i = 0; i < walk->entries->len; i++)
    {
      const Entry *entry = &g_array_index (walk->entries, Entry, i);
      const char *name = walk->names->str + entry->offset;
      gboolean is_folder = entry->type == DT_DIR;
      struct stat info = { 0, };

      if (!tick (walk, error))
        return FALSE;

      if (!is_folder && fstatat (dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        {
          HashIdentity identity = { info.st_dev, info.st_ino };

          is_folder = S_ISDIR (info.st_mode);

          if (!is_folder && (!S_ISREG (info.st_mode) || is_same (&identity, walk->excluded)))
            continue;
        }

      if (is_folder)
        {
          g_autofree char *child = join (path, name);

          g_ptr_array_add (walk->pending, level_new (level, hash_folder_new (child)));
        }
      else
        walk->funcs->found (level->folder, name, info.st_size, walk->user_data);
    }

  /* The stack gives the last first. */
  for (guint i = n_pending, j = walk->pending->len; i + 1 < j; i++)
    {
      gpointer swapped = walk->pending->pdata[--j];

      walk->pending->pdata[j] = walk->pending->pdata[i];
      walk->pending->pdata[i] = swapped;
    }

  return TRUE;
}

static gboolean
walk_level (Walk    *walk,
            Level   *level,
            GError **error)
{
  const char *path = hash_folder_get_path (level->folder);
  struct stat info;
  gboolean stopped;
  DIR *dir;

  dir = opendir (path);

  if (dir == NULL || fstat (dirfd (dir), &info) != 0)
    {
      report_folder (walk, path, errno);
      if (dir != NULL)
        closedir (dir);
      return TRUE;
    }

  level->identity.device = info.st_dev;
  level->identity.inode = info.st_ino;

  if (level_is_inside_itself (level))
    {
      report_folder (walk, path, ELOOP);
      closedir (dir);
      return TRUE;
    }

  stopped = !read_entries (walk, dir, path, error) ||
            !walk_entries (walk, level, dirfd (dir), error);
  closedir (dir);

  return !stopped;
}

static gboolean
walk_path (Walk        *walk,
           const char  *path,
           GError     **error)
{
  struct stat info;

  if (stat (path, &info) != 0)
    {
      g_autoptr (GError) reason = NULL;

      g_set_error (&reason, G_IO_ERROR, g_io_error_from_errno (errno),
                   _("The file cannot be opened: %s"), g_strerror (errno));
      walk->funcs->failed (path, FALSE, reason, walk->user_data);
      return TRUE;
    }

  if (!S_ISDIR (info.st_mode))
    {
      walk->funcs->found (NULL, path, S_ISREG (info.st_mode) ? info.st_size : 0, walk->user_data);
      return TRUE;
    }

  g_ptr_array_add (walk->pending, level_new (NULL, hash_folder_new (path)));

  while (walk->pending->len > 0)
    {
      Level *level = g_ptr_array_steal_index (walk->pending, walk->pending->len - 1);
      gboolean stopped = !walk_level (walk, level, error);

      level_unref (level);

      if (stopped)
        return FALSE;
    }

  return TRUE;
}

gboolean
hash_walk (const char * const   *paths,
           const HashIdentity   *excluded,
           const HashWalkFuncs  *funcs,
           gpointer              user_data,
           GError              **error)
{
  Walk walk = { .excluded = excluded, .funcs = funcs, .user_data = user_data };
  gboolean stopped = FALSE;

  walk.pending = g_ptr_array_new_with_free_func (level_unref);
  walk.entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  walk.names = g_string_new (NULL);

  for (guint i = 0; paths[i] != NULL && !stopped; i++)
    stopped = !funcs->tick (user_data, error) || !walk_path (&walk, paths[i], error);

  g_ptr_array_unref (walk.pending);
  g_array_unref (walk.entries);
  g_string_free (walk.names, TRUE);

  return !stopped;
}
