/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The cell: a future's state, its lock and its one list of waiter nodes, without the object around
 * it. Everything that waits for a future, be it a blocked thread, a group or a
 * callback, is a node of this list. Whoever settles the future closes the list once and serves what
 * was in it outside the lock.
 *
 *              cell_start            cell_settle_locked, cell_try_settle
 *   PENDING ---------------> RUNNING --------------------> RESOLVED | REJECTED | CANCELLED
 *      |                                                        ^
 *      '--------------------------------------------------------'
 *            cell_settle_locked: cancelled, rejected or abandoned before it ran
 *
 * Threads: any.
 * Locks: CFUT_CELL_LOCK, a bit of the word, guards the list of nodes and what the embedder keeps
 *   under it (its result until it settles). Under it nothing is called from here but a node's
 *   progress function, which may push into a delivery queue; the embedder may take what comes after
 *   it in cfut-lock-private.h. It is held for tens of instructions, so a thread that finds it taken
 *   yields.
 * Owns: nothing; nodes belong to who added them until they are closed or removed.
 * Invariants:
 * 1. The state only moves along the edges above; a settled state never changes.
 * 2. Flags may be set and cleared by anyone without the lock, so nobody stores the word
 *    plainly: all changes are read-modify-write.
 * 3. After settling the list holds CONTEXT nodes only, and takes no others.
 * 4. HAS_NODES is set exactly while the list is not empty (checked under the lock).
 * Not here: results, owners, delivery. */

#include "core/cfut-cell-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-point-private.h"

/* allowed[from] has the bit of each state that may follow. */
static const guint8 allowed[] = {
  [CFUT_STATE_PENDING] = 1 << CFUT_STATE_RUNNING | 1 << CFUT_STATE_RESOLVED |
                         1 << CFUT_STATE_REJECTED | 1 << CFUT_STATE_CANCELLED,
  [CFUT_STATE_RUNNING] = 1 << CFUT_STATE_RESOLVED | 1 << CFUT_STATE_REJECTED |
                         1 << CFUT_STATE_CANCELLED,
  [CFUT_STATE_RESOLVED] = 0,
  [CFUT_STATE_REJECTED] = 0,
  [CFUT_STATE_CANCELLED] = 0,
};

static inline guint
cell_transition (guint     word,
                 CfutState to)
{
  g_assert (allowed[cfut_cell_state (word)] & (1 << to));

  return (word & ~CFUT_CELL_STATE_MASK) | to;
}

/* Looks after which, in a forked child, the holder is a thread that did not survive. */
#define ORPHANED_SPINS 100000

/* Yields after a few looks: the holder may have been preempted. TRUE: there is none. */
static inline gboolean
cell_pause (CfutCell *cell,
            guint    *spins)
{
  cfut_point (CFUT_POINT_CELL_WAITS, cell);
  if (++*spins > 16)
    g_thread_yield ();

  return *spins > ORPHANED_SPINS && cfut_is_forked_child ();
}

/* Returns the word as it was, without the lock bit. */
guint
cfut_cell_lock (CfutCell *cell)
{
  guint word = atomic_load_explicit (&cell->word, memory_order_relaxed);
  guint spins = 0;

  cfut_lock_enter (CFUT_LOCK_CELL);
  for (;;)
    {
      if (word & CFUT_CELL_LOCK)
        {
          if (cell_pause (cell, &spins))
            return word & ~CFUT_CELL_LOCK;
          word = atomic_load_explicit (&cell->word, memory_order_relaxed);
        }
      else if (atomic_compare_exchange_weak_explicit (&cell->word, &word, word | CFUT_CELL_LOCK,
                                                      memory_order_acquire, memory_order_relaxed))
        {
          return word;
        }
    }
}

void
cfut_cell_unlock (CfutCell *cell)
{
  atomic_fetch_and_explicit (&cell->word, ~CFUT_CELL_LOCK, memory_order_release);
  cfut_lock_leave (CFUT_LOCK_CELL);
}

/* Both return the word as it was before. */
guint
cfut_cell_set_flags (CfutCell *cell,
                     guint     flags)
{
  return atomic_fetch_or_explicit (&cell->word, flags, memory_order_acq_rel);
}

guint
cfut_cell_clear_flags (CfutCell *cell,
                       guint     flags)
{
  return atomic_fetch_and_explicit (&cell->word, ~flags, memory_order_acq_rel);
}

static void
list_append (CfutNode **list,
             CfutNode  *node)
{
  node->next = NULL;

  if (*list == NULL)
    {
      node->prev = node;
      *list = node;
      return;
    }

  node->prev = (*list)->prev;
  (*list)->prev->next = node;
  (*list)->prev = node;
}

static void
list_remove (CfutNode **list,
             CfutNode  *node)
{
  if (node == *list)
    {
      *list = node->next;
      if (node->next != NULL)
        node->next->prev = node->prev;
      return;
    }

  node->prev->next = node->next;
  if (node->next != NULL)
    node->next->prev = node->prev;
  else
    (*list)->prev = node->prev;
}

/* FALSE: settled, and the node is not one for the context; it was not taken. */
gboolean
cfut_cell_add (CfutCell *cell,
               CfutNode *node)
{
  guint word = cfut_cell_lock (cell);
  gboolean taken = !cfut_cell_settled (word) || node->klass->kind == CFUT_NODE_CONTEXT;

  if (taken)
    {
      list_append (&cell->nodes, node);
      cfut_cell_set_flags (cell, CFUT_CELL_HAS_NODES);
    }

  cfut_cell_unlock (cell);
  return taken;
}

/* Takes out a node that was added. FALSE: the list was closed before. */
gboolean
cfut_cell_remove (CfutCell *cell,
                  CfutNode *node)
{
  guint word = cfut_cell_lock (cell);
  gboolean removed = !cfut_cell_settled (word);

  if (removed)
    {
      list_remove (&cell->nodes, node);
      if (cell->nodes == NULL)
        cfut_cell_clear_flags (cell, CFUT_CELL_HAS_NODES);
    }

  cfut_cell_unlock (cell);
  return removed;
}

/* PENDING to RUNNING, unless one of some flags is set; sets others. A held lock is waited for: who
 * cancels does its accounts under it, and whoever fails to start may drop what those accounts are
 * in. */
gboolean
cfut_cell_start (CfutCell *cell,
                 guint     unless,
                 guint     flags)
{
  guint word = cfut_cell_load (cell);
  guint spins = 0;

  for (;;)
    {
      if (word & CFUT_CELL_LOCK)
        {
          cell_pause (cell, &spins);
          word = cfut_cell_load (cell);
        }
      else if (cfut_cell_state (word) != CFUT_STATE_PENDING || (word & unless))
        {
          return FALSE;
        }
      else if (atomic_compare_exchange_weak_explicit (&cell->word, &word,
                                                      (cell_transition (word, CFUT_STATE_RUNNING) &
                                                       ~CFUT_CELL_QUEUED) | flags,
                                                      memory_order_acq_rel, memory_order_acquire))
        {
          return TRUE;
        }
    }
}

/* Gives the one reference that the caller holds to the delivery queue: as the presence that is
 * scheduled with it, or, where the future stands in that queue already, as one more to be
 * dropped. */
static inline guint
hand_over (guint word)
{
  return word & CFUT_CELL_SCHEDULED ? word + CFUT_CELL_RELEASE_ONE : word | CFUT_CELL_SCHEDULED;
}

/* The fast way out of RUNNING, by who runs it, with nobody in the list. FALSE: somebody is, or the
 * lock is taken: then lock and settle. */
gboolean
cfut_cell_try_settle (CfutCell  *cell,
                      CfutState  to,
                      guint     *before)
{
  guint word = atomic_load_explicit (&cell->word, memory_order_relaxed);

  do
    {
      if ((word & (CFUT_CELL_LOCK | CFUT_CELL_HAS_NODES)) ||
          cfut_cell_state (word) != CFUT_STATE_RUNNING)
        return FALSE;
    }
  while (!atomic_compare_exchange_weak_explicit (&cell->word, &word,
                                                 hand_over (cell_transition (word, to)) &
                                                   ~CFUT_CELL_ENTERED,
                                                 memory_order_acq_rel, memory_order_relaxed));

  *before = word;
  return TRUE;
}

/* Settles, closes the list and unlocks. Nodes that are to be served on this thread come back in
 * @serve, by kind and in the order in which they were added. The caller's reference goes to the
 * delivery queue in the same step, unless there are nodes that the future has to be alive for: then
 * that is up to the caller, after serving them. Returns the word as it was. */
guint
cfut_cell_settle_locked (CfutCell  *cell,
                         CfutState  to,
                         CfutNode  *serve[CFUT_NODE_CONTEXT])
{
  CfutNode *kept = NULL;
  CfutNode *node;
  guint before;
  guint after;

  while ((node = cell->nodes) != NULL)
    {
      cell->nodes = node->next;
      list_append (node->klass->kind == CFUT_NODE_CONTEXT ? &kept : &serve[node->klass->kind],
                   node);
    }
  cell->nodes = kept;

  before = atomic_load_explicit (&cell->word, memory_order_relaxed);
  do
    {
      after = cell_transition (before, to);
      if (!cfut_nodes_need_future (serve))
        after = hand_over (after);
      after &= ~(CFUT_CELL_LOCK | CFUT_CELL_HAS_NODES);
      if (kept != NULL)
        after |= CFUT_CELL_HAS_NODES;
    }
  while (!atomic_compare_exchange_weak_explicit (&cell->word, &before, after,
                                                 memory_order_acq_rel, memory_order_relaxed));
  cfut_lock_leave (CFUT_LOCK_CELL);

  return before;
}

/* A cell used as a latch, with no future around it: settles it and serves all that wait. */
void
cfut_cell_open (CfutCell *cell)
{
  CfutNode *nodes[CFUT_NODE_CONTEXT] = { NULL, };

  if (cfut_cell_settled (cfut_cell_lock (cell)))
    {
      cfut_cell_unlock (cell);
      return;
    }

  cfut_cell_settle_locked (cell, CFUT_STATE_RESOLVED, nodes);
  for (guint kind = 0; kind < CFUT_NODE_CONTEXT; kind++)
    while (nodes[kind] != NULL)
      {
        CfutNode *node = nodes[kind];

        nodes[kind] = node->next;
        node->klass->settled (node, NULL, CFUT_STATE_RESOLVED);
      }
}

/* Gives one reference to the delivery queue. TRUE: the caller pushes the item; FALSE: it stands
 * there already, and the reference goes with it. @full: it could not be counted; the last two
 * numbers are left for settling, and for a place that is given up with it, which happen once and
 * cannot fail. */
gboolean
cfut_cell_hand_over (CfutCell *cell,
                     gboolean *full)
{
  guint word = atomic_load_explicit (&cell->word, memory_order_relaxed);

  *full = FALSE;
  do
    {
      if ((word & CFUT_CELL_SCHEDULED) &&
          (word >> CFUT_CELL_RELEASE_SHIFT) >= CFUT_CELL_RELEASE_MAX - 2)
        {
          *full = TRUE;
          return FALSE;
        }
    }
  while (!atomic_compare_exchange_weak_explicit (&cell->word, &word, hand_over (word),
                                                 memory_order_acq_rel, memory_order_relaxed));

  return !(word & CFUT_CELL_SCHEDULED);
}

/* The first of the nodes that a settled cell kept for the context, or the first of one class; NULL
 * when there are none. */
CfutNode *
cfut_cell_take_context_node (CfutCell            *cell,
                             const CfutNodeClass *only)
{
  CfutNode *node;

  if (!(cfut_cell_load (cell) & CFUT_CELL_HAS_NODES))
    return NULL;

  cfut_cell_lock (cell);
  node = cell->nodes;
  while (node != NULL && only != NULL && node->klass != only)
    node = node->next;
  if (node != NULL)
    {
      list_remove (&cell->nodes, node);
      if (cell->nodes == NULL)
        cfut_cell_clear_flags (cell, CFUT_CELL_HAS_NODES);
    }
  cfut_cell_unlock (cell);

  return node;
}

/* Tells the nodes that want it how far a future that is not settled has come. */
void
cfut_cell_walk_progress (CfutCell *cell,
                         guint64   done,
                         guint64   total)
{
  guint word;

  if (!(cfut_cell_load (cell) & CFUT_CELL_HAS_NODES))
    return;

  word = cfut_cell_lock (cell);
  if (!cfut_cell_settled (word))
    {
      for (CfutNode *node = cell->nodes; node != NULL; node = node->next)
        if (node->klass->progress != NULL)
          node->klass->progress (node, done, total);
    }
  cfut_cell_unlock (cell);
}

/* And those that want to know that it has another message. */
void
cfut_cell_walk_message (CfutCell *cell)
{
  guint word;

  if (!(cfut_cell_load (cell) & CFUT_CELL_HAS_NODES))
    return;

  word = cfut_cell_lock (cell);
  if (!cfut_cell_settled (word))
    {
      for (CfutNode *node = cell->nodes; node != NULL; node = node->next)
        if (node->klass->message != NULL)
          node->klass->message (node);
    }
  cfut_cell_unlock (cell);
}
