/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How members leave a group: one, all that have settled, or all, as the group goes.
 *
 *   remove --> LEAVING --(taken out of what is shown)--> garbage --sweep--> future released, freed
 *                                    '--(still settling)--> OUT, freed by the settling thread
 *
 * Threads: any; what is shown is left to cfut-group-shown.c.
 * Locks: the core's. Futures are released after it, a few at a time.
 * Owns: the garbage.
 * Invariants:
 * 1. A member's future is kept until the member is out, since get_item may still be asked for it.
 * 2. The last references on a great many futures are not dropped in one go on a main loop, where
 *    each costs some hundred nanoseconds and what was submitted with it: slices sweep. Without a
 *    loop, or if they are few, they go at once.
 * 3. A closed core has no face: its members are taken out as they are swept, and it lives until
 *    then by its presence in the owner's queue.
 * Not here: who tells the model. */

#include "cfut-group-core-private.h"

#define SWEEP_AT_ONCE 64
/* So many are not worth a slice. */
#define FEW 1000

void
cfut_group_member_free (CfutGroupMember *member)
{
  if (G_UNLIKELY (member->flags & MEMBER_TO_CANCEL))
    cfut_future_cancel (member->future);
  if (G_UNLIKELY (member->flags & MEMBER_TO_RESUME))
    cfut_future_resume (member->future);
  cfut_future_release (member->future);
  g_free (member);
}

/* A list of members that are linked by their nodes. */
static void
members_free (CfutNode *list)
{
  while (list != NULL)
    {
      CfutNode *node = list;

      list = node->next;
      cfut_group_member_free ((CfutGroupMember *) node);
    }
}

static void
core_remove_from_log_locked (CfutGroupCore   *self,
                             CfutGroupMember *member)
{
  CfutNode *next = member->node.next;
  CfutNode *previous = member->node.prev;

  if (previous != NULL)
    previous->next = next;
  else
    self->first_settled = (CfutGroupMember *) next;
  if (next != NULL)
    next->prev = previous;
  else
    self->last_settled = (CfutGroupMember *) previous;

  if (self->ready == member)
    self->ready = (CfutGroupMember *) next;
  if (self->unannounced == member)
    self->unannounced = (CfutGroupMember *) next;
}

/* Out of next and of the live counts; what is shown follows on the owner's context. */
static void
core_leave_locked (CfutGroupCore   *self,
                   CfutGroupMember *member)
{
  if (member->flags & MEMBER_SETTLED)
    {
      core_remove_from_log_locked (self, member);
      self->n_settled--;
      if (member->flags & (MEMBER_FAILED | MEMBER_CANCELLED))
        self->n_bad--;
      if (member->flags & MEMBER_FAILED)
        self->n_rejected--;
    }
  else
    {
      if (cfut_future_remove_node (member->future, &member->node))
        member->flags &= ~MEMBER_ATTACHED;
      cfut_group_core_take_part_locked (self, member, FALSE);
      self->n_unsettled--;
      if (G_UNLIKELY (self->following != NULL))
        g_hash_table_remove (self->following, member->future);
      cfut_group_core_ended_locked (self);
    }

  cfut_pointer_map_remove (&self->futures, member->future);
  member->flags |= MEMBER_LEAVING;
  if (member->flags & MEMBER_JOINED)
    self->n_leaving++;
}

static guint32
core_number_at_locked (CfutGroupCore *self,
                       guint          position)
{
  CfutGroupMember *member = cfut_deque_get (&self->members, position);

  self->n_looks++;
  return member->number;
}

/* Where the first member from @number on stands, or the last one of all; there is one. Futures are
 * mostly removed in about the order in which they were added, with some left where they are, so the
 * search begins where the last one ended, in growing steps. */
guint
cfut_group_core_find_locked (CfutGroupCore *self,
                             guint32        number)
{
  guint low = 0;
  guint high = self->members.len - 1;
  guint at = MIN (self->found_at, high);

  if (core_number_at_locked (self, at) < number)
    {
      low = at + 1;
      for (guint step = 1; high - low > step; step *= 2)
        {
          if (core_number_at_locked (self, low + step) >= number)
            high = low + step;
          else
            low += step + 1;
        }
    }
  else
    {
      high = at;
      for (guint step = 1; high - low > step; step *= 2)
        {
          if (core_number_at_locked (self, high - step) <= number)
            low = high - step;
          else
            high -= step + 1;
        }
    }

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (core_number_at_locked (self, middle) < number)
        low = middle + 1;
      else
        high = middle;
    }

  return low;
}

/* FALSE: it was not there. */
gboolean
cfut_group_core_remove (CfutGroupCore *self,
                        CfutFuture    *future)
{
  const guint32 *number;
  gboolean paused;

  cfut_group_core_lock (self);
  number = cfut_pointer_map_get (&self->futures, future);
  if (number == NULL)
    {
      cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
      return FALSE;
    }

  self->found_at = cfut_group_core_find_locked (self, *number);
  self->leaving_begin = MIN (self->leaving_begin, self->found_at);
  core_leave_locked (self, cfut_deque_get (&self->members, self->found_at));
  cfut_group_core_serve_locked (self);
  /* One that is being resumed may not have come to this one. */
  paused = self->shown.paused || self->n_pause_walks > 0;
  cfut_group_core_unlock (self, TRUE);

  if (paused)
    cfut_future_resume (future);
  return TRUE;
}

gsize
cfut_group_core_remove_settled (CfutGroupCore *self)
{
  gsize n = 0;

  cfut_group_core_lock (self);
  self->leaving_begin = 0;
  for (; self->first_settled != NULL; n++)
    core_leave_locked (self, self->first_settled);
  cfut_group_core_unlock (self, n > 0);

  return n;
}

/* The member is in `members` no more, or is about to be. */
void
cfut_group_core_out_locked (CfutGroupCore   *self,
                            CfutGroupMember *member)
{
  if (member->flags & MEMBER_JOINED)
    {
      self->n_leaving--;
      self->shown.units_total -= member->units;
      if (member->flags & MEMBER_SETTLED)
        cfut_group_core_count_done_locked (self, member, -1);
    }

  if (member->flags & MEMBER_ATTACHED)
    {
      member->flags |= MEMBER_OUT;
      cfut_group_core_ref (self);
    }
  else
    {
      member->node.next = self->garbage;
      self->garbage = &member->node;
      self->n_garbage++;
    }
}

/* The face is gone. Who cancels because of a failure may come too late to find the member, and
 * nobody could end its pause. */
static void
core_leave_closed_locked (CfutGroupCore   *self,
                          CfutGroupMember *member)
{
  if (cfut_group_core_is_doomed_locked (self) && !(member->flags & MEMBER_SETTLED))
    member->flags |= MEMBER_TO_CANCEL;
  if (self->shown.paused || self->n_pause_walks > 0)
    member->flags |= MEMBER_TO_RESUME;
  core_leave_locked (self, member);
}

/* Frees what has left. TRUE: time is up, and there may be more. */
gboolean
cfut_group_core_sweep (CfutGroupCore *self,
                       gint64         until_usec)
{
  do
    {
      CfutNode *list = NULL;
      guint n_taken = 0;
      guint n_listed;

      cfut_group_core_lock (self);
      if (self->closed)
        {
          for (; n_taken < SWEEP_AT_ONCE && n_taken < self->members.len; n_taken++)
            {
              CfutGroupMember *member = cfut_deque_get (&self->members, n_taken);

              if (!(member->flags & MEMBER_LEAVING))
                core_leave_closed_locked (self, member);
              cfut_group_core_out_locked (self, member);
            }
          cfut_deque_remove (&self->members, 0, n_taken);
        }
      for (n_listed = 0; n_listed < SWEEP_AT_ONCE && self->garbage != NULL; n_listed++)
        {
          CfutNode *node = self->garbage;

          self->garbage = node->next;
          self->n_garbage--;
          node->next = list;
          list = node;
        }
      cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

      members_free (list);
      if (n_taken == 0 && n_listed == 0)
        return FALSE;
    }
  while (until_usec == G_MAXINT64 || g_get_monotonic_time () < until_usec);

  return TRUE;
}

/* Sees to it that what has left is freed, now or in slices. */
void
cfut_group_core_tidy (CfutGroupCore *self)
{
  guint n;

  cfut_group_core_lock (self);
  n = self->n_garbage + (self->closed ? self->members.len : 0);
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  if (n == 0)
    return;
  if (n <= FEW || (g_main_depth () == 0 && cfut_owner_is_context_here (self->owner)))
    cfut_group_core_sweep (self, G_MAXINT64);
  else
    cfut_group_core_again (self);
}

/* The face is gone, or going. */
void
cfut_group_core_close (CfutGroupCore *self)
{
  cfut_group_core_lock (self);
  self->closed = TRUE;
  self->n_shown = 0;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  cfut_group_core_tidy (self);
}
