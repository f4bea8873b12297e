/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What is done to all members of a group at once: they are paused, or resumed; or cancelled,
 * because somebody says so, as one of them has failed, or as what the group was bound to is gone.
 *
 *   member settles, rejected --> failed --(served after blocked threads)--> cancel
 *   an object goes ------------> ended -----------------------------------> cancel
 *   add to a failed or ended group ---------------------------------------> cancel what was added
 *
 * Threads: any; whoever dooms the group cancels, at once, and nobody else waits for it.
 * Locks: the core's, to collect some members; they are cancelled, and let go, after it: handlers of
 *   their cancellables are users' code, and each settles on this thread.
 * Owns: a reference on the core until a failure has been acted on.
 * Invariants:
 * 1. A group is walked once for each time that it is doomed. What is cancelled does not doom it, so
 *    nothing recurs, however many fail at the same time.
 * 2. Whoever has paused or resumed a future looks after it whether that is still what the group
 *    says, and whether the future is still in it, and mends that. So all members come to what was
 *    said last, whoever walks, adds and removes at the same time.
 * Not here: who is doomed and when (cfut-group-core.c). */

#include "cfut-group-core-private.h"

#define ACT_AT_ONCE 256

typedef struct {
  CfutNode node;
  CfutGroupCore *core;
} Failure;

/* From *@end towards the front. What is removed meanwhile only moves the rest to the front, so
 * nothing is missed. FALSE: the front was reached. */
static gboolean
core_cancel_some (CfutGroupCore *self,
                  guint         *end,
                  gboolean       only_running)
{
  CfutFuture *futures[ACT_AT_ONCE];
  guint n = 0;
  guint stop;

  cfut_group_core_lock (self);
  *end = MIN (*end, self->members.len);
  stop = *end - MIN (*end, ACT_AT_ONCE);
  while (*end > stop)
    {
      CfutGroupMember *member = cfut_deque_get (&self->members, --*end);

      if (!(member->flags & (MEMBER_SETTLED | MEMBER_LEAVING)) &&
          (!only_running || cfut_future_get_state (member->future) == CFUT_STATE_RUNNING))
        futures[n++] = g_object_ref (member->future);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  for (guint i = 0; i < n; i++)
    {
      cfut_future_cancel (futures[i]);
      cfut_future_release (futures[i]);
    }

  return stop > 0;
}

/* What runs is told first, as it takes its time; then what waits, from the end on, as workers come
 * from the front. */
void
cfut_group_core_cancel (CfutGroupCore *self)
{
  guint end = G_MAXUINT;

  while (core_cancel_some (self, &end, TRUE))
    ;

  end = G_MAXUINT;
  while (core_cancel_some (self, &end, FALSE))
    ;
}

/* What was added to a doomed group. */
void
cfut_group_core_cancel_added (CfutFuture **futures,
                              gsize        n_futures)
{
  for (gsize i = 0; i < n_futures; i++)
    cfut_future_cancel (futures[i]);
}

static void
failure_served (CfutNode   *node,
                CfutFuture *future,
                CfutState   state)
{
  Failure *failure = (Failure *) node;

  cfut_group_core_cancel (failure->core);
  cfut_group_core_unref (failure->core);
  g_free (failure);
}

static const CfutNodeClass failure_class = {
  .kind = CFUT_NODE_DIRECT,
  .settled = failure_served,
};

/* On a thread that serves the nodes of a future: cancels when it has woken who waits for that. May
 * be called under the lock. */
void
cfut_group_core_cancel_later (CfutGroupCore *self)
{
  Failure *failure = g_new (Failure, 1);

  failure->node.klass = &failure_class;
  failure->core = cfut_group_core_ref (self);
  cfut_future_serve_after (&failure->node);
}

void
cfut_group_core_end (CfutGroupCore *self)
{
  cfut_group_core_lock (self);
  self->ended = TRUE;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  cfut_group_core_cancel (self);
}

void
cfut_group_core_set_cancel_on_failure (CfutGroupCore *self,
                                       gboolean       cancel_on_failure)
{
  gboolean changed;
  gboolean fails;

  cfut_group_core_lock (self);
  changed = self->shown.cancel_on_failure != cancel_on_failure;
  self->shown.cancel_on_failure = cancel_on_failure;
  fails = cancel_on_failure && changed && self->n_rejected > 0;
  self->failed = cancel_on_failure && (self->failed || fails);
  cfut_group_core_unlock (self, changed);

  if (fails)
    cfut_group_core_cancel (self);
}

/* Under the lock: those of @futures that have left meanwhile. */
static gsize
core_find_gone_locked (CfutGroupCore  *self,
                       CfutFuture    **futures,
                       gsize           n_futures,
                       CfutFuture    **gone)
{
  gsize n_gone = 0;

  for (gsize i = 0; i < n_futures; i++)
    {
      if (cfut_pointer_map_get (&self->futures, futures[i]) == NULL)
        gone[n_gone++] = futures[i];
    }

  return n_gone;
}

/* At most ACT_AT_ONCE. */
static void
core_apply_pause (CfutGroupCore  *self,
                  CfutFuture    **futures,
                  gsize           n_futures,
                  gboolean        paused)
{
  CfutFuture *gone[ACT_AT_ONCE];
  gsize n_gone = 0;
  gboolean applied;

  do
    {
      for (gsize i = 0; i < n_futures; i++)
        {
          if (paused)
            cfut_future_pause (futures[i]);
          else
            cfut_future_resume (futures[i]);
        }

      applied = paused;
      cfut_group_core_lock (self);
      paused = self->shown.paused;
      n_gone = paused ? core_find_gone_locked (self, futures, n_futures, gone) : 0;
      cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
    }
  while (paused != applied);

  for (gsize i = 0; i < n_gone; i++)
    cfut_future_resume (gone[i]);
}

/* What was added to a paused group, at most ACT_AT_ONCE. */
void
cfut_group_core_pause_added (CfutGroupCore  *self,
                             CfutFuture    **futures,
                             gsize           n_futures)
{
  core_apply_pause (self, futures, n_futures, TRUE);
}

/* From *@number on, in the order in which they came. FALSE: there are no more. */
static gboolean
core_pause_some (CfutGroupCore *self,
                 guint32       *number)
{
  CfutFuture *futures[ACT_AT_ONCE];
  guint n = 0;
  guint i;
  gboolean paused;
  gboolean has_more;

  cfut_group_core_lock (self);
  paused = self->shown.paused;
  i = self->members.len > 0 ? cfut_group_core_find_locked (self, *number) : 0;
  for (; i < self->members.len && n < ACT_AT_ONCE; i++)
    {
      CfutGroupMember *member = cfut_deque_get (&self->members, i);

      if (!(member->flags & (MEMBER_SETTLED | MEMBER_LEAVING)))
        futures[n++] = g_object_ref (member->future);
      *number = member->number + 1;
    }
  has_more = i < self->members.len;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  core_apply_pause (self, futures, n, paused);
  for (i = 0; i < n; i++)
    cfut_future_release (futures[i]);

  return has_more;
}

/* The clock of the rate stands still meanwhile. */
void
cfut_group_core_set_paused (CfutGroupCore *self,
                            gboolean       paused)
{
  guint32 number = 0;
  gboolean changed;

  cfut_group_core_lock (self);
  changed = self->shown.paused != paused;
  self->shown.paused = paused;
  self->n_pause_walks += changed;
  if (paused)
    cfut_rate_stop (&self->rate, self->clock (), cfut_group_core_worked_locked (self));
  else if (self->n_unsettled > 0)
    cfut_rate_start (&self->rate, self->clock (), cfut_group_core_worked_locked (self));
  cfut_group_core_unlock (self, changed);

  if (!changed)
    return;
  while (core_pause_some (self, &number))
    ;

  cfut_group_core_lock (self);
  self->n_pause_walks--;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
}
