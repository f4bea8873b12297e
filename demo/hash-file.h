/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "hash-algorithm.h"

G_BEGIN_DECLS

/* A folder that was walked: its path, shared by the files in it. Counted atomically. */
typedef struct _HashFolder HashFolder;

HashFolder *hash_folder_new      (const char *path);
HashFolder *hash_folder_ref      (HashFolder *self);
void        hash_folder_unref    (HashFolder *self);
const char *hash_folder_get_path (HashFolder *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HashFolder, hash_folder_unref)

/* A file of a run, or a folder that could not be read. Immutable, so any thread may read it. It is
 * kept small, as there may be millions: one allocation, and the folder's path is shared. */
typedef struct _HashFile HashFile;

/* @folder: (nullable): NULL when @name is the whole path, as the user gave it */
HashFile   *hash_file_new                 (HashFolder    *folder,
                                           const char    *name,
                                           guint64        size,
                                           gboolean       is_folder,
                                           HashAlgorithm  algorithm);
void        hash_file_free                (HashFile      *self);

char       *hash_file_dup_path            (HashFile      *self);  /* raw bytes */
char       *hash_file_dup_display_path    (HashFile      *self);  /* for people */
char       *hash_file_dup_display_name    (HashFile      *self);  /* the last part of it alone */
char       *hash_file_dup_display_folder  (HashFile      *self);  /* all but that; "." for none */
guint64     hash_file_get_size            (HashFile      *self);  /* bytes, when it was found */
gboolean    hash_file_is_folder           (HashFile      *self);  /* one whose walk failed */
HashAlgorithm hash_file_get_algorithm     (HashFile      *self);

/* For any raw path: what a person may be shown. Bytes that are not UTF-8 become U+FFFD, control
 * characters their pictures, and what would turn the direction of the text round is replaced. */
char       *hash_path_to_display          (const char    *path);

G_END_DECLS
