/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "process/cfut-dict-op-private.h"

G_BEGIN_DECLS

typedef struct _CfutDictTable CfutDictTable;
typedef struct _CfutDictEntry CfutDictEntry;

CfutDictTable *cfut_dict_table_new     (void);
void           cfut_dict_table_free    (CfutDictTable    *self);

/* @op was checked and has values of its own. Frees nothing, so that it may be called under a lock:
 * what is dropped is in @answer, which was zero. (transfer full) (nullable): the entry of the key
 * that changed. */
CfutDictEntry *cfut_dict_table_apply   (CfutDictTable    *self,
                                        const CfutDictOp *op,
                                        CfutDictAnswer   *answer);

/* Any thread; the key never changes, and stays the entry's when that has left the table. */
const char    *cfut_dict_entry_get_key (CfutDictEntry    *self);
CfutDictEntry *cfut_dict_entry_ref     (CfutDictEntry    *self);
void           cfut_dict_entry_unref   (CfutDictEntry    *self);

G_END_DECLS
