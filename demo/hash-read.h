/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

#include "hash-algorithm.h"

G_BEGIN_DECLS

/* Files at least this long tell of their progress. */
#define HASH_PROGRESS_MIN_SIZE (4 * 1024 * 1024)

/* Called between the chunks of a file. FALSE with @error: stop. */
typedef gboolean (*HashReadTick) (guint64    done,
                                  guint64    total,
                                  gpointer   user_data,
                                  GError   **error);

/* Blocking, on any thread. Reads @path to its end and writes its sum to @hex. Errors: those of the
 * system as of g_io_error_from_errno; G_IO_ERROR_NOT_REGULAR_FILE for what is no file; and
 * G_IO_ERROR_WRONG_ETAG when it was changed meanwhile. The messages are translated sentences
 * without the path. */
gboolean hash_read_file   (const char     *path,
                           HashAlgorithm   algorithm,
                           HashReadTick    tick,
                           gpointer        user_data,
                           char            hex[HASH_MAX_HEX_LENGTH + 1],
                           GError        **error);

G_END_DECLS
