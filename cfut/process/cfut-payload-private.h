/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

#include "process/cfut-wire-private.h"

G_BEGIN_DECLS

/* An `ay` of this many bytes or more travels in a memfd, where descriptors can be passed. */
#define CFUT_PAYLOAD_THRESHOLD ((gsize) 128 * 1024)

/* The payloads of one channel, in both directions. A channel owns it, and is its only user. */
typedef struct _CfutPayloads CfutPayloads;

/* What a message has beside its frame, on its way out. */
typedef struct {
  GVariant *value;       /* (owned): the value with its large `ay` emptied */
  CfutWirePayload payloads[CFUT_WIRE_MAX_FDS];
  guint n_payloads;
  int fds[CFUT_WIRE_MAX_FDS];   /* (owned) */
  guint n_fds;
} CfutPacked;

/* Called on any thread, under no lock. Bytes that live hold a reference. */
typedef struct {
  gpointer (*ref)     (gpointer data);
  void     (*unref)   (gpointer data);
  /* The other side is to be told that we are done with a buffer of its own. */
  void     (*release) (gpointer data,
                       guint64  buffer);
  /* The other side is to be told that a buffer of ours is used no more. */
  void     (*forget)  (gpointer data,
                       guint64  buffer);
} CfutPayloadOwner;

CfutPayloads *cfut_payloads_new      (const CfutPayloadOwner *owner,
                                      gpointer                data);
/* Any thread. Nothing more is sent or received: what no bytes live of is unmapped. */
void          cfut_payloads_close    (CfutPayloads *self);
/* No bytes of it live. */
void          cfut_payloads_free     (CfutPayloads *self);

/* Any thread. Takes the large `ay` out of @value, as many as there are descriptors for behind the
 * @first_fd that are taken. FALSE: there is no memory
 * or descriptor for it (G_IO_ERROR_NO_SPACE, G_IO_ERROR_TOO_MANY_OPEN_FILES), and nothing
 * happened. */
gboolean      cfut_payloads_pack     (CfutPayloads *self,
                                      GVariant     *value,
                                      guint         first_fd,
                                      CfutPacked   *packed,
                                      GError      **error);
/* It was not sent and never will be: its buffers are free again. */
void          cfut_payloads_unpack   (CfutPayloads *self,
                                      CfutPacked   *packed);
void          cfut_packed_clear      (CfutPacked   *packed);
/* The other side has said so. FALSE: there is no such buffer out, which is a lie. */
gboolean      cfut_payloads_released (CfutPayloads *self,
                                      guint64       buffer);
gboolean      cfut_payloads_forget   (CfutPayloads *self,
                                      guint64       buffer);
/* The reader. Maps what a frame brought. (transfer full): read-only, never copied; its free
 * gives the buffer back. @fd is -1 after if it was kept, else it stays the caller's. NULL:
 * G_IO_ERROR_INVALID_DATA: a lie; others: no memory. */
GBytes       *cfut_payloads_open     (CfutPayloads          *self,
                                      const CfutWirePayload *payload,
                                      int                   *fd,
                                      GError               **error);
/* (transfer full): @value with the @bytes in their places. The codec has checked the paths. */
GVariant     *cfut_payload_put_in    (GVariant              *value,
                                      const CfutWirePayload *payloads,
                                      GBytes * const        *bytes,
                                      guint                  n);

G_END_DECLS
