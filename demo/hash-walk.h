/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>
#include <sys/types.h>

#include "hash-file.h"

G_BEGIN_DECLS

typedef struct {
  /* @folder: (nullable): NULL for a file that was named itself. */
  void     (*found)  (HashFolder    *folder,
                      const char    *name,
                      guint64        size,
                      gpointer       user_data);
  /* A path that cannot be walked; @error is for it alone, and the walk goes on. */
  void     (*failed) (const char    *path,
                      gboolean       is_folder,
                      const GError  *error,
                      gpointer       user_data);
  /* Called often. FALSE with @error: stop. */
  gboolean (*tick)   (gpointer       user_data,
                      GError       **error);
} HashWalkFuncs;

/* A file by its identity; all zero: none. */
typedef struct {
  dev_t device;
  ino_t inode;
} HashIdentity;

/* Blocking, on any thread. FALSE only if @funcs' tick stopped it. */
gboolean hash_walk (const char * const   *paths,
                    const HashIdentity   *excluded,
                    const HashWalkFuncs  *funcs,
                    gpointer              user_data,
                    GError              **error);

G_END_DECLS
