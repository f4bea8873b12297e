/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "process/cfut-channel-private.h"
#include "process/cfut-payload-private.h"

G_BEGIN_DECLS

/* What is read at once. A frame that is larger gets a block of its own. */
#define CFUT_CHANNEL_BUFFER_SIZE ((gsize) 64 * 1024)

/* Bytes that go out one after the other, beginning with a frame that has these descriptors. */
typedef struct _CfutChunk CfutChunk;

struct _CfutChunk {
  CfutChunk *next;
  GByteArray *bytes;
  gsize n_done;
  int fds[CFUT_WIRE_MAX_FDS];   /* (owned), until the first byte is out */
  guint n_fds;
};

typedef struct {
  CfutChunk *first;
  CfutChunk *last;
} CfutChunks;

struct _CfutChannel {
  /* Immutable. */
  gatomicrefcount ref_count;
  CfutWireSide side;
  CfutChannelFlags flags;
  gboolean reads_socket;
  gboolean writes_socket;
  CfutPayloads *payloads;
  CfutJournal *journal;    /* (nullable): of the worker's frames */
  GMutex lock;

  /* Set by start, then immutable. */
  const CfutChannelEvents *events;
  gpointer data;
  GDestroyNotify destroy;

  /* Guarded by the lock. The descriptors are closed by whoever finds that it is closed and that
   * nobody writes; the reader reads without the lock, as it is the one that closes. */
  int read_fd;
  int write_fd;
  GSource *source;         /* (owned) (nullable): from start until it is closed */
  CfutChunks pending;      /* what has been queued, but for what the writer has taken */
  CfutChunk *spare;
  gsize n_queued;
  gboolean is_writing;     /* some thread is the writer */
  GCond written;           /* none is any more */
  guint n_draining;        /* threads that wait for that */
  gboolean wants_out;      /* the I/O thread is to become the writer, when it can write */
  gboolean is_throttled;   /* and it cannot be told when: in a moment */
  gboolean is_broken;      /* the other side reads no more */
  gboolean is_closed;
  gboolean is_closing;     /* cfut_channel_close () */
  gboolean is_hung_up;     /* cfut_channel_hang_up () */

  /* The writer's. */
  CfutChunks out;

  /* The reader's: the I/O thread, or who calls receive. */
  guint8 *buffer;          /* frames start at multiples of 8 */
  gsize begin;
  gsize end;
  guint8 *block;           /* (nullable): a large frame that is not whole yet */
  gsize block_size;        /* what it will have */
  gsize block_room;        /* what is allocated of it */
  gsize block_fill;
  guint64 n_read;          /* of the stream, from its beginning */
  int fds[2 * CFUT_WIRE_MAX_FDS];   /* (owned): no frame's yet */
  guint n_fds;
  gboolean at_end;
  GError *error;           /* (nullable): nothing more is read */
  gpointer in_tag;
  gpointer out_tag;        /* NULL: not waiting to write */
};

/* The out half. */
void     cfut_channel_clear_out    (CfutChannel *self);
/* With the lock: what remains is dropped, and the descriptors closed if nobody writes. */
void     cfut_channel_shut_locked  (CfutChannel *self,
                                    CfutChunks  *dropped);
void     cfut_chunks_free          (CfutChunks  *self);
/* The I/O thread, when it can write: becomes the writer. */
void     cfut_channel_write_on     (CfutChannel *self);

/* The in half; the reader. */
typedef enum {
  CFUT_READ_SOME,
  CFUT_READ_NOTHING,   /* would block */
  CFUT_READ_STOP       /* at_end or error is set */
} CfutRead;

/* Reads once, up to what there is room for. */
CfutRead cfut_channel_read         (CfutChannel *self,
                                    gboolean     may_block);
/* The same of what was not sent before the end. */
CfutRead cfut_channel_read_journal (CfutChannel *self);
/* TRUE: @frame is the next whole frame. FALSE: there is none, or the error is set. */
gboolean cfut_channel_next         (CfutChannel *self,
                                    CfutFrame   *frame);
/* At the end: whether a frame was cut off; sets the error. */
void     cfut_channel_check_end    (CfutChannel *self);
void     cfut_channel_clear_in     (CfutChannel *self);

/* Everything of a frame but what was decoded. @raw: its bytes; @block: (transfer full) (nullable):
 * the same, if they are its own. */
void     cfut_frame_init           (CfutFrame    *frame,
                                    const guint8 *raw,
                                    gsize         raw_size,
                                    GBytes       *block);

G_END_DECLS
