/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <cfut/cfut.h>

#include "hash-algorithm.h"
#include "hash-file.h"

G_BEGIN_DECLS

#define HASH_TYPE_RUN (hash_run_get_type ())

/* One pass over files and folders. All functions belong to the thread that made the run, and
 * signals come on its context.
 *
 * Properties (all read-only, all notified):
 *   "scanning"   gboolean: folders are still being walked; n-items and units of the group still grow
 *   "running"    gboolean: from start until `finished`
 *   "cancelled"  gboolean: hash_run_cancel was called while it was running
 * Signal:
 *   "finished"   void (*) (HashRun *run, gpointer user_data): once, last of all: every future of the
 *                group has settled, and the group's properties say so */
G_DECLARE_FINAL_TYPE (HashRun, hash_run, HASH, RUN, GObject)

/* @workers: 0: the executor's default */
HashRun       *hash_run_new              (HashAlgorithm  algorithm,
                                          guint          workers);

/* Before start. @path is a raw file name: a file, or a folder that is walked with all below it.
 * Links in folders are not followed, and what is neither file nor folder there is passed over, as
 * `find -type f` does; a link that is named itself is followed. */
void           hash_run_add_path         (HashRun       *self,
                                          const char    *path);
/* Before start. A file that walks pass over (though not if it is named): the one that the
 * sums will be written to. */
void           hash_run_set_excluded     (HashRun       *self,
                                          const char    *path);
/* At least one path was added. */
void           hash_run_start            (HashRun       *self);
/* Returns at once; `finished` follows. Does nothing when nothing runs. */
void           hash_run_cancel           (HashRun       *self);

/* The list model of the run, in the order found: a future for each file and for each path that
 * could not be walked. Units are bytes (an empty file counts as one). There from the beginning. */
CfutGroup     *hash_run_get_group        (HashRun       *self);  /* (transfer none) */
CfutExecutor  *hash_run_get_executor     (HashRun       *self);  /* (transfer none) */
HashAlgorithm  hash_run_get_algorithm    (HashRun       *self);
guint          hash_run_get_workers      (HashRun       *self);  /* the number in use, never 0 */
gboolean       hash_run_get_scanning     (HashRun       *self);
gboolean       hash_run_get_running      (HashRun       *self);
gboolean       hash_run_get_cancelled    (HashRun       *self);
guint64        hash_run_get_total_bytes  (HashRun       *self);  /* of the files found by now */
gint64         hash_run_get_elapsed_usec (HashRun       *self);  /* stands still after the end */

/* What a future of the group is about. (transfer none), lives as long as the future; never NULL. */
HashFile      *hash_file_from_future     (CfutFuture    *future);
/* The hexadecimal sum, or NULL when there is none (yet). (transfer none), lives as long as the
 * future. */
const char    *hash_future_get_sum       (CfutFuture    *future);
/* The reason of a failed future as a translated sentence without the name of the file; NULL when
 * it did not fail (cancelled is no failure). */
char          *hash_future_dup_reason    (CfutFuture    *future);

G_END_DECLS
