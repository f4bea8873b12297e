/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The protocol between the application and its workers, version 1.
 *
 * A frame is a header of 16 bytes and a body, which is padded with zeros to a multiple of 8:
 *   le32 bytes in the body, without the padding | u8 type | u8 number of descriptors | le16 flags
 *   | le64 id
 * The body is a GVariant in little-endian normal form, of the type that stands behind the frame's
 * in the table below; or there is none ("-"). The id is a call's or a dict operation's number, or
 * what the frame is an answer to. */
#define CFUT_WIRE_VERSION 1
#define CFUT_WIRE_HEADER_SIZE 16
#define CFUT_WIRE_MAX_BODY ((gsize) 64 * 1024 * 1024)
#define CFUT_WIRE_MAX_FDS 16
#define CFUT_WIRE_MAX_NAME 255      /* bytes of a function's or dict's name, UTF-8, not empty */
#define CFUT_WIRE_MAX_MESSAGE 4096  /* bytes; longer ones are cut when they are sent */
#define CFUT_WIRE_MAX_PATH 8        /* containers around a payload */

typedef enum {
  /* from the worker */
  CFUT_WIRE_HELLO = 1,        /* (uuybs): version, pid, byte order ('l' or 'B'), whether the worker
                               * has a control socket of its own, cookie; the first frame */
  CFUT_WIRE_STARTED,          /* -: the call's function is about to be entered */
  CFUT_WIRE_RESULT,           /* mv: the call has succeeded, with a value or none */
  CFUT_WIRE_ERROR,            /* (sisb): domain, code, message, whether it counts as cancelled; of
                               * id 0, in place of the hello: it can be no worker, and none can */
  CFUT_WIRE_PROGRESS,         /* (tt): done, total */
  CFUT_WIRE_MESSAGE,          /* s */
  CFUT_WIRE_DICT,             /* (sv): the dict's name, the operation; the id is the operation's */
  CFUT_WIRE_PONG,             /* -: the id is the ping's */
  CFUT_WIRE_RETURNED,         /* -: the answer to TAKE_BACK; the id is that of the call that was
                               * started last, 0: none; those between the two never will be */
  CFUT_WIRE_DETAILS,          /* v: what goes with the error of the call, which follows */
  /* from the application */
  CFUT_WIRE_SETUP = 32,       /* a{sv}: options; the first frame */
  CFUT_WIRE_CALL,             /* (sv): function, arguments */
  CFUT_WIRE_CANCEL,           /* - */
  CFUT_WIRE_PAUSE,            /* - */
  CFUT_WIRE_RESUME,           /* - */
  CFUT_WIRE_TAKE_BACK,        /* -: start none of the calls up to this id that have not begun */
  CFUT_WIRE_DICT_REPLY,       /* v: the id is the operation's */
  CFUT_WIRE_PING,             /* - */
  CFUT_WIRE_STOP,             /* -: finish the calls that came before this, then exit */
  /* from both; a channel keeps these to itself */
  CFUT_WIRE_RELEASE = 64,     /* -: the receiver of the payload buffer of this id is done with it */
  CFUT_WIRE_FORGET            /* -: the payload buffer with this id is used no more */
} CfutWireType;

/* Who sent it. */
typedef enum {
  CFUT_WIRE_APPLICATION,
  CFUT_WIRE_WORKER
} CfutWireSide;

/* With PAYLOAD the body's type is (Ta(auyutt)), where T is the frame's: each item is an `ay` of the
 * value that is empty in the body, as its bytes travel beside it: the way to it through the
 * value's containers, a CfutWirePayloadKind, the numbers of a descriptor, a buffer, its bytes. */
typedef enum {
  CFUT_WIRE_FLAG_PAYLOAD = 1 << 0
} CfutWireFlags;

typedef enum {
  CFUT_WIRE_PAYLOAD_ONCE,   /* a descriptor, sealed against writes; the buffer's number is 0 */
  CFUT_WIRE_PAYLOAD_NEW,    /* a descriptor of a buffer that will be used again */
  CFUT_WIRE_PAYLOAD_AGAIN   /* a buffer that is known; the descriptor's number is 0 */
} CfutWirePayloadKind;

typedef struct {
  guint32 path[CFUT_WIRE_MAX_PATH];
  guint path_length;
  CfutWirePayloadKind kind;
  guint fd;
  guint64 buffer;
  guint64 size;
} CfutWirePayload;

/* What is to be sent. Fields that the type does not have stay zero. Nothing is owned. */
typedef struct {
  CfutWireType type;
  guint64 id;
  const char *name;         /* CALL: function; DICT: the dict's; MESSAGE: text; HELLO: cookie */
  GVariant *value;          /* CALL, RESULT (nullable), DETAILS, DICT, DICT_REPLY; SETUP: a{sv}. Sunk */
  const char *domain;       /* ERROR: of the GError */
  int code;
  const char *message;
  gboolean cancelled;
  guint64 done;             /* PROGRESS */
  guint64 total;
  guint32 version;          /* HELLO */
  guint32 pid;
  gboolean has_control;
  /* A channel fills these in. */
  guint n_fds;
  const CfutWirePayload *payloads;
  guint n_payloads;
} CfutWireOut;

/* What was received, checked. Pointers go into the bytes that it was decoded from. */
typedef struct {
  CfutWireType type;
  guint64 id;
  const char *name;         /* as in CfutWireOut, NUL-terminated UTF-8 */
  const char *domain;
  int code;
  const char *message;
  gboolean cancelled;
  guint64 done;
  guint64 total;
  guint32 version;            /* of a HELLO; nothing else of one of another version is filled in */
  guint32 pid;
  guint8 byte_order;
  gboolean has_control;

  /* The value, in normal form; NULL: none. See cfut_frame_dup_value (). */
  const guint8 *value;
  gsize value_size;
  const char *value_type;     /* not NUL-terminated */
  gsize value_type_length;

  guint n_fds;
  CfutWirePayload payloads[CFUT_WIRE_MAX_FDS];
  guint n_payloads;
} CfutWireFrame;

typedef enum {
  CFUT_WIRE_FRAME,   /* a whole one */
  CFUT_WIRE_MORE,    /* what is there is well so far; more is needed */
  CFUT_WIRE_BAD      /* it is no frame, and never will be: G_IO_ERROR_INVALID_DATA */
} CfutWireAnswer;

/* All of them: any thread, no I/O, no lock. */

/* Appends the frame to @out, whose length is and stays a multiple of 8. FALSE: nothing was
 * appended. G_IO_ERROR_MESSAGE_TOO_LARGE: the body is over @max_body; G_IO_ERROR_INVALID_ARGUMENT:
 * a name is not as it must be, a value too deep. What else is in @frame is the caller's to have
 * right. */
gboolean       cfut_wire_encode        (const CfutWireOut *frame,
                                        gsize              max_body,
                                        GByteArray        *out,
                                        GError           **error);
/* Bytes that the frame takes, padding included, to know when there is a header; 0: @size is too
 * little for that. It says nothing of whether it is one. */
gsize          cfut_wire_peek_size     (const guint8      *data,
                                        gsize              size);
/* @data is aligned to 8. @from: whose frames these are. With CFUT_WIRE_FRAME, @consumed says how
 * many bytes it took. A bad one is found as soon as its first bytes tell. */
CfutWireAnswer cfut_wire_decode        (const guint8      *data,
                                        gsize              size,
                                        CfutWireSide       from,
                                        gsize              max_body,
                                        CfutWireFrame     *frame,
                                        gsize             *consumed,
                                        GError           **error);
/* The GVariant type string of a body; NULL: it has none. */
const char    *cfut_wire_body_type     (CfutWireType       type);
/* For messages and traces, not translated: "CALL". */
const char    *cfut_wire_type_name     (CfutWireType       type);

G_END_DECLS
