/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

#include "process/cfut-dict-op-private.h"

G_BEGIN_DECLS

/* What is shared: the table with its lock, apart from the object that applications have. */
typedef struct _CfutDictStore CfutDictStore;

/* On the owner's context; once for each key that changed. */
typedef void (*CfutDictTellFunc) (GObject    *face,
                                  const char *key);
/* Under the store's lock, on any thread: whether anybody would hear of it. */
typedef gboolean (*CfutDictListenFunc) (GObject *face);

CfutDictStore *cfut_dict_store_new   (GObject            *face,
                                      CfutDictListenFunc  listens,
                                      CfutDictTellFunc    tell);
/* The face goes: nobody is told of anything any more. */
void           cfut_dict_store_close (CfutDictStore      *self);

/* Any thread; no user's memory and no user's code hangs on the last one. */
CfutDictStore *cfut_dict_store_ref   (CfutDictStore      *self);
void           cfut_dict_store_unref (CfutDictStore      *self);

/* Any thread. @op was checked; its values are replaced by the store's own. */
void           cfut_dict_store_apply (CfutDictStore      *self,
                                      CfutDictOp         *op,
                                      CfutDictAnswer     *answer);

/* Serves an operation of a worker's: any variant at all, from wire or payload; nothing of it is
 * kept. Any thread, under no lock; does not wait for anything.
 * (transfer full), not floating: the answer, whatever it is, of CFUT_DICT_REPLY_TYPE and at most
 * @max_reply_bytes long when serialized: else it is the error that it would be longer. (0 stands for
 * no limit; 1 KiB always suffices for an error.) */
GVariant      *cfut_dict_store_serve (CfutDictStore      *self,
                                      GVariant           *request,
                                      gsize               max_reply_bytes);

G_END_DECLS
