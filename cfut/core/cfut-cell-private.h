/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

#include "cfut-types.h"

G_BEGIN_DECLS

typedef struct _CfutNode CfutNode;
typedef struct _CfutNodeClass CfutNodeClass;

/* In the order in which a settling thread serves them. */
typedef enum {
  CFUT_NODE_INTERNAL,  /* groups: quick, of the library's own, on the settling thread */
  CFUT_NODE_WAIT,      /* a blocked thread, on the settling thread; @future may be gone by then */
  CFUT_NODE_DIRECT,    /* a user's callback, on the settling thread */
  CFUT_NODE_LATE,      /* after the hand-over to the delivery queue; @future may be gone by then */
  CFUT_NODE_CONTEXT    /* left in the list for the owner's context */
} CfutNodeKind;

struct _CfutNodeClass {
  CfutNodeKind kind;

  /* Called once, outside any lock, after the list was closed. All but CONTEXT are called
   * on the settling thread; the node belongs to the callee and is not touched again. In
   * INTERNAL and DIRECT @future is alive during the call. */
  void (*settled) (CfutNode   *node,
                   CfutFuture *future,
                   CfutState   state);

  /* Called under the cell's lock: atomics, and cfut_owner_push. May be NULL. */
  void (*progress) (CfutNode *node,
                    guint64   done,
                    guint64   total);
  /* The same, of another message. */
  void (*message)  (CfutNode *node);
};

struct _CfutNode {
  CfutNode *next;
  CfutNode *prev;
  const CfutNodeClass *klass;
};

/* The word of a cell: the state in the low bits, then flags. */
#define CFUT_CELL_STATE_MASK       0x0007u
#define CFUT_CELL_LOCK             0x0008u  /* guards nodes, and what the embedder says it does */
#define CFUT_CELL_HAS_NODES        0x0010u
#define CFUT_CELL_CANCEL_REQUESTED 0x0020u
#define CFUT_CELL_SCHEDULED        0x0040u  /* in the delivery queue of its owner */
#define CFUT_CELL_ANNOUNCED        0x0080u  /* `done` was emitted on the context */
#define CFUT_CELL_CHANGED          0x0100u  /* progress, message or state since the last delivery */
#define CFUT_CELL_THROTTLED        0x0200u  /* a delayed notification will come: not to schedule */
#define CFUT_CELL_REAPED           0x0800u  /* what the task was given was released */
#define CFUT_CELL_QUEUED           0x0400u  /* an executor's queue holds it, and counts it */
#define CFUT_CELL_ENTERED          0x1000u  /* its function is on a thread's stack */
#define CFUT_CELL_OBSERVED         0x2000u  /* somebody has seen, or will see, what it came to */
#define CFUT_CELL_PAUSED           0x4000u  /* not to be started, and stops at its checkpoints */
#define CFUT_CELL_PLACED           0x8000u  /* counted by its place among the priorities */
#define CFUT_CELL_TOLD             0x10000u /* that it runs was, or is about to be, notified */
#define CFUT_CELL_LINES            0x20000u /* lines of a command wait for the owner's context */
#define CFUT_CELL_REPORTED         0x40000u /* progress or a message was given to the owner once */
/* How many references the delivery queue drops besides the one of the presence. */
#define CFUT_CELL_RELEASE_SHIFT    24
#define CFUT_CELL_RELEASE_ONE      (1u << CFUT_CELL_RELEASE_SHIFT)
#define CFUT_CELL_RELEASE_MAX      0xffu
#define CFUT_CELL_RELEASE_MASK     (CFUT_CELL_RELEASE_MAX << CFUT_CELL_RELEASE_SHIFT)

typedef struct {
  CfutNode *nodes;  /* guarded by CFUT_CELL_LOCK; first->prev is the last */
  _Atomic guint word;
  _Atomic guint tag;  /* the embedder's */
} CfutCell;

static inline guint
cfut_cell_load (CfutCell *cell)
{
  return atomic_load_explicit (&cell->word, memory_order_acquire);
}

static inline CfutState
cfut_cell_state (guint word)
{
  return (CfutState) (word & CFUT_CELL_STATE_MASK);
}

static inline gboolean
cfut_cell_settled (guint word)
{
  return cfut_cell_state (word) >= CFUT_STATE_RESOLVED;
}

/* Whether what is to be served wants the future alive. */
static inline gboolean
cfut_nodes_need_future (CfutNode *serve[CFUT_NODE_CONTEXT])
{
  return serve[CFUT_NODE_INTERNAL] != NULL || serve[CFUT_NODE_DIRECT] != NULL;
}

guint     cfut_cell_lock        (CfutCell   *cell);
void      cfut_cell_unlock      (CfutCell   *cell);
guint     cfut_cell_set_flags   (CfutCell   *cell,
                                 guint       flags);
guint     cfut_cell_clear_flags (CfutCell   *cell,
                                 guint       flags);

gboolean  cfut_cell_add         (CfutCell   *cell,
                                 CfutNode   *node);
gboolean  cfut_cell_remove      (CfutCell   *cell,
                                 CfutNode   *node);
gboolean  cfut_cell_start       (CfutCell   *cell,
                                 guint       unless,
                                 guint       flags);
gboolean  cfut_cell_try_settle  (CfutCell   *cell,
                                 CfutState   to,
                                 guint      *before);
guint     cfut_cell_settle_locked (CfutCell   *cell,
                                   CfutState   to,
                                   CfutNode   *serve[CFUT_NODE_CONTEXT]);
void      cfut_cell_open        (CfutCell   *cell);
gboolean  cfut_cell_hand_over   (CfutCell   *cell,
                                 gboolean   *full);
CfutNode *cfut_cell_take_context_node (CfutCell            *cell,
                                       const CfutNodeClass *only);
void      cfut_cell_walk_progress (CfutCell   *cell,
                                   guint64     done,
                                   guint64     total);
void      cfut_cell_walk_message (CfutCell   *cell);

G_END_DECLS
