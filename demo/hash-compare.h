/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "hash-sums.h"

G_BEGIN_DECLS

typedef enum {
  HASH_MATCH_SAME,
  HASH_MATCH_DIFFERENT,   /* both have a sum, and not the same */
  HASH_MATCH_MISSING,     /* in the sums file, and not in the run, or it has no sum there */
  HASH_MATCH_EXTRA        /* in the run, and not in the sums file */
} HashMatch;

#define HASH_N_MATCHES 4

typedef struct {
  HashMatch match;
  const char *path;      /* as its own side writes it; the run's where both have it */
  const char *expected;  /* NULL: extra */
  const char *actual;    /* NULL: missing */
} HashComparisonEntry;

typedef struct _HashComparison HashComparison;

/* Compares what a sums file expects with the sums of a run. Paths are the same when they name the
 * same file by their letters: relative ones of @expected start at @base, those of @actual at the
 * current folder. @base: (nullable): the current folder, as for sha256sum -c; a window gives the
 * folder of the sums file. Fails with G_IO_ERROR_INVALID_ARGUMENT when the algorithms differ. Any
 * thread. */
HashComparison            *hash_comparison_new       (HashSums       *expected,
                                                      const char     *base,
                                                      HashSums       *actual,
                                                      GError        **error);
void                       hash_comparison_free      (HashComparison *self);
gsize                      hash_comparison_get_count (HashComparison *self,
                                                      HashMatch       match);
/* Sorted bytewise by path; all kinds together. */
gsize                      hash_comparison_get_length (HashComparison *self);
const HashComparisonEntry *hash_comparison_get_entry (HashComparison *self,
                                                      gsize           index);
const char                *hash_match_get_title      (HashMatch       match);  /* translated */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HashComparison, hash_comparison_free)

G_END_DECLS
