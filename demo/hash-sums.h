/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

#include "hash-algorithm.h"
#include "hash-run.h"

G_BEGIN_DECLS

/* A table of paths and their sums: of a run, or read from a file. Not for several threads at a
 * time; it may be handed from one to another. */
typedef struct _HashSums HashSums;

HashSums      *hash_sums_new            (HashAlgorithm  algorithm);
HashSums      *hash_sums_ref            (HashSums      *self);
void           hash_sums_unref          (HashSums      *self);
/* Those of a run's futures that have a sum by now. On the run's thread. Unsorted. */
HashSums      *hash_sums_new_from_run   (HashRun       *run);
void           hash_sums_add            (HashSums      *self,
                                         const char    *path,
                                         const char    *sum);
void           hash_sums_sort           (HashSums      *self);  /* bytewise by path */
HashAlgorithm  hash_sums_get_algorithm  (HashSums      *self);
gsize          hash_sums_get_length     (HashSums      *self);
const char    *hash_sums_get_path       (HashSums      *self,
                                         gsize          index);
const char    *hash_sums_get_sum        (HashSums      *self,
                                         gsize          index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HashSums, hash_sums_unref)

/* Appends a line as sha256sum writes it, a newline at its end. For the clipboard too. */
void           hash_sums_append_line    (GString       *text,
                                         const char    *path,
                                         const char    *sum);

/* Reads the text of a sums file: lines as sha256sum writes them, or with --tag. The first good line
 * settles the algorithm. @n_bad_lines (optional): lines that are no sums. Fails with
 * G_IO_ERROR_INVALID_DATA when there is no good line at all. */
HashSums      *hash_sums_parse          (const char    *text,
                                         gsize          length,
                                         gsize         *n_bad_lines,
                                         GError       **error);
/* Blocking, on any thread. */
HashSums      *hash_sums_load           (const char    *filename,
                                         gsize         *n_bad_lines,
                                         GError       **error);

/* Blocking, on any thread. Sorts, then writes @filename whole or not at all: a file that was there
 * stays as it was when this fails or is cancelled. A device or pipe is written to directly. */
gboolean       hash_sums_save           (HashSums      *self,
                                         const char    *filename,
                                         GCancellable  *cancellable,
                                         GError       **error);
/* The same to an open file descriptor. */
gboolean       hash_sums_write          (HashSums      *self,
                                         int            fd,
                                         GCancellable  *cancellable,
                                         GError       **error);
/* Tells beforehand of what makes a later save fail: no such folder, no permission. */
gboolean       hash_sums_check_target   (const char    *filename,
                                         GError       **error);

/* The same as futures, on a worker; cancelling stops them. No value. (transfer full) */
CfutFuture    *hash_sums_save_in        (HashSums      *self,
                                         CfutExecutor  *executor,
                                         const char    *filename);
CfutFuture    *hash_sums_write_in       (HashSums      *self,
                                         CfutExecutor  *executor,
                                         int            fd);

G_END_DECLS
