/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _CfutPipe CfutPipe;

/* Our end of a pipe from or to a child process. Embedded; on the I/O thread only. The functions in
 * it are set before it is opened, and may close it. */
struct _CfutPipe {
  int fd;           /* -1: closed */
  GSource *source;  /* (nullable) */

  /* Of one that is read: what came. */
  void (*got)   (CfutPipe   *self,
                 const char *data,
                 gsize       size);
  /* Closed, as there is nothing more to come, or nobody who reads. */
  void (*ended) (CfutPipe   *self);

  /* Of one that is written: what is left of it. */
  GBytes *bytes;    /* (nullable) */
  gsize offset;
};

#define CFUT_PIPE_INIT { .fd = -1 }

/* @child is the child's end, and both are close-on-exec and above 2; ours does not block. FALSE: no
 * descriptors (G_SPAWN_ERROR_MFILE). */
gboolean cfut_pipe_make  (gboolean   to_child,
                          int       *ours,
                          int       *childs,
                          GError   **error);
/* Takes the descriptor over, and moves it if it is none above 2. -1: there are none left. */
int      cfut_fd_above_stdio (int    fd);

/* Takes the descriptor over. Neither calls got or ended from within. */
void     cfut_pipe_read  (CfutPipe  *self,
                          int        fd);
void     cfut_pipe_write (CfutPipe  *self,
                          int        fd,
                          GBytes    *bytes);
/* Reads all that is there now. FALSE: it has ended by that, or before. */
gboolean cfut_pipe_drain (CfutPipe  *self);
/* Without ended. */
void     cfut_pipe_close (CfutPipe  *self);

G_END_DECLS
