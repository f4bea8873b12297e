/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gunixfdlist.h>

#include "process/cfut-wire-private.h"
#include "test-util.h"

G_BEGIN_DECLS

/* The application's side of one worker, by hand: frames and bytes as the test wants them. The worker is
 * this very program. */

typedef enum {
  PEER_SOCKETS,          /* two sockets, under numbers of their own */
  PEER_SOCKET_AT_STDIO,  /* the same, the call socket under 0 and 1 */
  PEER_ONE_SOCKET,       /* a call socket under 0 and 1, and no control socket: one stream */
  PEER_PIPES,            /* pipes as standard input and output: one stream */
  PEER_N_WAYS
} PeerWay;

typedef struct {
  GSubprocess *process;
  PeerWay way;
  int call_in;     /* what the worker sends about calls ... */
  int call_out;    /* ... and what it is sent; the same one, if it is a socket */
  int control;     /* the same as those, if there is one stream */
  int output;      /* what the worker prints to standard output, if that is its own; -1 */
  int errors;      /* the same of standard error */
} Peer;

/* One frame that the worker sent. */
typedef struct {
  CfutWireFrame wire;
  guint8 *bytes;
  GUnixFDList *fds;  /* (nullable) */
} Heard;

/* What stands in the environment is made of this; NULL: as it should be. */
typedef struct {
  PeerWay way;
  const char *version;
  const char *variable;       /* (nullable): all of it */
  const char *const *prefix;  /* (nullable): in front of the program */
  gboolean call_is_other;     /* what arrives under its number is another socket */
  gboolean control_is_other;
} PeerOptions;

void      peer_open          (Peer              *self,
                              const PeerOptions *options);
/* Its hello has come, and been answered. */
void      peer_start         (Peer              *self,
                              PeerWay            way);
void      peer_send          (Peer              *self,
                              int                fd,
                              const CfutWireOut *frame);
void      peer_send_bytes    (int                fd,
                              const void        *bytes,
                              gsize              size);
void      peer_send_with_fd  (int                to,
                              const void        *bytes,
                              gsize              size,
                              int                fd);
void      peer_send_simple   (Peer              *self,   /* to where it belongs */
                              CfutWireType       type,
                              guint64            id);
void      peer_call          (Peer              *self,
                              guint64            id,
                              const char        *function,
                              GVariant          *args);   /* (nullable); sunk */
GBytes   *peer_encode        (const CfutWireOut *frame);
/* The next frame from there. FALSE: the worker has hung up. */
gboolean  peer_hear          (int                fd,
                              Heard             *heard);
gboolean  peer_hear_from     (int                fd,
                              CfutWireSide       from,
                              Heard             *heard);
/* The next one, which is of that type, about that. */
void      peer_expect        (int                fd,
                              CfutWireType       type,
                              guint64            id,
                              Heard             *heard);   /* (nullable) */
void      peer_expect_error  (int                fd,
                              guint64            id,
                              GQuark             domain,
                              int                code,
                              gboolean           cancelled);
void      peer_expect_end    (int                fd);
/* No frame is there at the moment. */
gboolean  peer_is_silent     (int                fd);
/* (transfer full) (nullable) */
GVariant *heard_dup_value    (const Heard       *heard);
void      heard_clear        (Heard             *heard);
/* A result: (transfer full), unwrapped. */
GVariant *peer_expect_result (Peer              *self,
                              guint64            id);
/* Reads what the worker printed there, to the end. */
char     *peer_read_all      (int                fd);
void      peer_hang_up       (Peer              *self);
/* It exits by itself, with that status, and has printed something that contains @errors. */
void      peer_assert_exits  (Peer              *self,
                              int                status,
                              const char        *errors);   /* (nullable) */
void      peer_close         (Peer              *self);

G_END_DECLS
