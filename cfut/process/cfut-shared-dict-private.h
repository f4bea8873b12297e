/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-shared-dict.h"
#include "process/cfut-dict-store-private.h"

G_BEGIN_DECLS

/* In the application: what an executor keeps of a dict that it shares, and serves its workers from.
 * It never keeps the object, whose last reference must not go on a thread of the library's.
 * (transfer full) (nullable): NULL for a worker's proxy, which cannot be shared again. */
CfutDictStore *cfut_shared_dict_dup_store (CfutSharedDict *self);

/* In a worker: the way to the application. */
typedef struct {
  /* Sends @request, which is of CFUT_DICT_REQUEST_TYPE and has no floating reference, and waits for
   * its reply. Any thread, several at once, under no lock. (transfer full): the reply, unchecked;
   * NULL with an error, and cfut_shared_dict_gone_error () where the application is gone. */
  GVariant *(*request) (gpointer   data,
                        GVariant  *request,
                        GError   **error);
  /* With the last reference on the proxy, on any thread. */
  void      (*free)    (gpointer   data);
} CfutDictTransport;

/* (transfer full). @transport is static; takes @data over. */
CfutSharedDict *cfut_shared_dict_new_proxy  (const CfutDictTransport *transport,
                                             gpointer                 data);
/* G_IO_ERROR_CLOSED, saying so. */
GError         *cfut_shared_dict_gone_error (void);

G_END_DECLS
