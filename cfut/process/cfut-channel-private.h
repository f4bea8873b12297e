/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "process/cfut-journal-private.h"
#include "process/cfut-wire-private.h"

G_BEGIN_DECLS

/* A connection between the application and a worker, at either end of it: frames out and in, in
 * order, with their descriptors and payloads. Counted references, any thread.
 *
 * Two ways to use one:
 * - started: the I/O thread reads it and calls the events; sends never block. (Application.)
 * - CFUT_CHANNEL_BLOCKING: one thread at a time calls cfut_channel_receive (); a send blocks until
 *   all that is queued is written, and there is no I/O thread. (Worker.) */
typedef struct _CfutChannel CfutChannel;

typedef enum {
  CFUT_CHANNEL_DEFAULT = 0,
  CFUT_CHANNEL_PASS_FDS = 1 << 0,  /* one Unix stream socket whose other end is a CfutChannel too */
  CFUT_CHANNEL_BLOCKING = 1 << 1
} CfutChannelFlags;

/* A frame that was received. */
typedef struct {
  CfutWireFrame wire;    /* live as long as this */
  /*< private >*/
  int fds[CFUT_WIRE_MAX_FDS];
  guint n_fds;                         /* the sender's own; what payloads came in is gone */
  GBytes *payloads[CFUT_WIRE_MAX_FDS];
  GError *payload_error;               /* (nullable): why they could not be mapped */
  const guint8 *raw;                   /* what wire points into */
  gsize raw_size;
  GBytes *block;                       /* (nullable): the same, if it is the frame's own */
} CfutFrame;

/* All on the I/O thread, under no lock, never after `closed`; quick. */
typedef struct {
  /* @frame is valid for the call; cfut_frame_keep () makes a lasting one of it. */
  void (*frame)  (CfutChannel  *channel,
                  CfutFrame    *frame,
                  gpointer      data);
  /* (nullable): all the frames of one read have been given. To settle and to hand on in batches. */
  void (*batch)  (CfutChannel  *channel,
                  gpointer      data);
  /* Once, always, after the last frame. @error: NULL: the other side hung up between two frames;
   * G_IO_ERROR_CONNECTION_CLOSED: within one; G_IO_ERROR_INVALID_DATA: it broke the protocol, and
   * why; G_IO_ERROR_CLOSED: cfut_channel_close (); else: reading failed. The descriptors are
   * closed, or are about to be, by who is writing. */
  void (*closed) (CfutChannel  *channel,
                  const GError *error,
                  gpointer      data);
} CfutChannelEvents;

typedef enum {
  CFUT_RECEIVED_FRAME,
  CFUT_RECEIVED_END,        /* the other side hung up, between two frames */
  CFUT_RECEIVED_TIMED_OUT,
  CFUT_RECEIVED_ERROR       /* as in `closed`; and again each time */
} CfutReceived;

/* (transfer full). @self's descriptors: owned, may be the same, O_CLOEXEC is set. @side: whose end
 * this is. Not BLOCKING: pipes are made non-blocking; sockets never are, nor anything with
 * BLOCKING. */
CfutChannel *cfut_channel_new        (int                      read_fd,
                                      int                      write_fd,
                                      CfutWireSide             side,
                                      CfutChannelFlags         flags);
CfutChannel *cfut_channel_ref        (CfutChannel             *self);
/* The last one of a channel that was never started closes it. A started one holds itself until
 * `closed`. */
void         cfut_channel_unref      (CfutChannel             *self);
/* Before anything is sent or read. What a worker's channel queues is noted in it too; at the other
 * end, when there is nothing more to read, what was not sent is found in it. */
void         cfut_channel_set_journal (CfutChannel            *self,
                                      CfutJournal             *journal);
/* Once, not with BLOCKING. @destroy: after `closed`, on the I/O thread. FALSE: no I/O thread;
 * nothing was done, @data is the caller's. */
gboolean     cfut_channel_start      (CfutChannel             *self,
                                      const CfutChannelEvents *events,
                                      gpointer                 data,
                                      GDestroyNotify           destroy,
                                      GError                 **error);

/* Any thread. Encodes the frame and puts it behind the others, without sending. @fds: (nullable):
 * duplicated, at most CFUT_WIRE_MAX_FDS. FALSE: nothing was queued: as cfut_wire_encode (), and
 * G_IO_ERROR_NOT_SUPPORTED: descriptors cannot be passed here; G_IO_ERROR_TOO_MANY_OPEN_FILES,
 * G_IO_ERROR_NO_SPACE: no descriptor, no memory; G_IO_ERROR_BROKEN_PIPE: the other side reads no
 * more, or the channel is closed. */
gboolean     cfut_channel_queue      (CfutChannel             *self,
                                      const CfutWireOut       *frame,
                                      GUnixFDList             *fds,
                                      GError                 **error) G_GNUC_WARN_UNUSED_RESULT;
/* Any thread. Writes what is queued: what can be written at once by this thread, unless another is
 * at it, who takes it along; the remainder by the I/O thread. With BLOCKING it blocks until all is
 * written. */
void         cfut_channel_flush      (CfutChannel             *self);
/* BLOCKING, any thread. The same, and blocks until what was queued before is written, whoever writes it, or
 * cannot be written any more. */
void         cfut_channel_drain      (CfutChannel             *self);
/* Both. */
gboolean     cfut_channel_send       (CfutChannel             *self,
                                      const CfutWireOut       *frame,
                                      GUnixFDList             *fds,
                                      GError                 **error) G_GNUC_WARN_UNUSED_RESULT;
/* Any thread. What the other side's system has not taken yet, in bytes; a hint. */
gsize        cfut_channel_get_n_queued (CfutChannel           *self);

/* BLOCKING. Fills in @frame (valid until cfut_frame_clear (), and the next receive at the latest).
 * Does not flush. @timeout_usec: negative: no limit; 0: what is there already. */
CfutReceived cfut_channel_receive    (CfutChannel             *self,
                                      CfutFrame               *frame,
                                      gint64                   timeout_usec,
                                      GError                 **error);
/* BLOCKING, by the receiving thread. The next receive will not have to read. */
gboolean     cfut_channel_has_frame  (CfutChannel             *self);

/* Any thread; started. The peer is dead, though somebody else may hold its end open: what has been
 * sent is read to the end, then comes `closed` as if it had hung up. */
void         cfut_channel_hang_up    (CfutChannel             *self);
/* Any thread. What is queued is dropped, nothing more is read, `closed` comes soon. With BLOCKING a
 * receive that blocks elsewhere is not woken. */
void         cfut_channel_close      (CfutChannel             *self);

/* (transfer full): the value with its payloads, no `ay` of which is copied; not floating. NULL
 * without an error: there is none. NULL with one: there was no memory for a payload. Any thread,
 * once or more. */
GVariant    *cfut_frame_dup_value    (const CfutFrame         *frame,
                                      GError                 **error);
/* (transfer full) (nullable): its descriptors, which `h` in the value are indices of. Once. */
GUnixFDList *cfut_frame_steal_fds    (CfutFrame               *frame);
/* (transfer full): everything of @frame, which is then empty, in one for cfut_frame_free (). */
CfutFrame   *cfut_frame_keep         (CfutFrame               *frame);
void         cfut_frame_clear        (CfutFrame               *frame);
void         cfut_frame_free         (CfutFrame               *frame);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfutChannel, cfut_channel_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfutFrame, cfut_frame_free)

G_END_DECLS
