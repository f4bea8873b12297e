/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _CfutRoom CfutRoom;
typedef struct _CfutRoomWait CfutRoomWait;

typedef enum {
  CFUT_ROOM_OPEN,       /* entered, or there is room */
  CFUT_ROOM_CLOSED,
  CFUT_ROOM_TIMED_OUT,
  CFUT_ROOM_CANCELLED,
  CFUT_ROOM_WAITING
} CfutRoomOutcome;

/* A wait for room. Embedded; set the last three before it is added. */
struct _CfutRoomWait {
  CfutRoomWait *next;
  CfutRoomWait *prev;
  CfutRoomOutcome outcome;  /* WAITING as long as it stands in the list */
  guint64 bytes;
  gboolean enters;          /* else it only wants to know */

  /* Once, on the thread that made room, which may hold a cell's lock: atomics, parkers,
   * cfut_owner_push. It is not touched again. */
  void (*end) (CfutRoomWait *self);
};

CfutRoom       *cfut_room_new        (void);
CfutRoom       *cfut_room_ref        (CfutRoom      *self);
void            cfut_room_unref      (CfutRoom      *self);

/* All on any thread. 0: no limit. */
void            cfut_room_set_limits (CfutRoom      *self,
                                      guint64        max_tasks,
                                      guint64        max_bytes);
void            cfut_room_get_limits (CfutRoom      *self,
                                      guint64       *max_tasks,
                                      guint64       *max_bytes);
void            cfut_room_get_counts (CfutRoom      *self,
                                      guint64       *n_tasks,
                                      guint64       *n_bytes);

/* Who entered leaves with the same bytes. One that is closed lets all in, and they are turned away
 * for another reason. */
gboolean        cfut_room_try_enter  (CfutRoom      *self,
                                      guint64        bytes);
void            cfut_room_leave      (CfutRoom      *self,
                                      guint64        bytes);

/* OPEN, CLOSED: at once, and end is not called. */
CfutRoomOutcome cfut_room_add        (CfutRoom      *self,
                                      CfutRoomWait  *wait);
/* FALSE: end was called, or is about to be. */
gboolean        cfut_room_remove     (CfutRoom      *self,
                                      CfutRoomWait  *wait);
CfutRoomOutcome cfut_room_block      (CfutRoom      *self,
                                      guint64        bytes,
                                      gboolean       enters,
                                      gint64         deadline_usec,
                                      GCancellable  *cancellable);
void            cfut_room_close      (CfutRoom      *self);

G_END_DECLS
