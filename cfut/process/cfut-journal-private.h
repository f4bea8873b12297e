/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Memory that a worker writes and its application reads: which call it has entered last, and what it has
 * queued of its frames. It outlives the worker. Counted references, any thread. */
typedef struct _CfutJournal CfutJournal;

/* So many bytes may wait to be sent and be found here still. */
#define CFUT_JOURNAL_ROOM ((gsize) 32 * 1024)

/* (transfer full) (nullable): the application's side. @fd: (transfer full): for the worker. NULL: there is
 * no memory or no descriptor for it. */
CfutJournal *cfut_journal_new         (int               *fd);
/* (transfer full) (nullable): the worker's side. NULL: @fd is not such a one, or cannot be mapped. */
CfutJournal *cfut_journal_open        (int                fd);
CfutJournal *cfut_journal_ref         (CfutJournal       *self);
void         cfut_journal_unref       (CfutJournal       *self);

/* The worker. Ids grow. */
void         cfut_journal_set_entered (CfutJournal       *self,
                                       guint64            id);
/* The worker, one thread at a time: bytes that come next in its stream, of which @n_waiting, these
 * included, have not been sent. */
void         cfut_journal_append      (CfutJournal       *self,
                                       const guint8      *data,
                                       gsize              size,
                                       gsize              n_waiting);
/* The same of bytes that are not kept: nothing that comes before their end can be found any more. */
void         cfut_journal_skip        (CfutJournal       *self,
                                       guint64            size);

/* The application, any thread: 0: none. */
guint64      cfut_journal_get_entered (CfutJournal       *self);
/* The application: copies what came in the stream after its first @n_known bytes. 0: there is no more, or it
 * is not there. */
gsize        cfut_journal_read        (CfutJournal       *self,
                                       guint64            n_known,
                                       guint8            *to,
                                       gsize              room);

G_END_DECLS
