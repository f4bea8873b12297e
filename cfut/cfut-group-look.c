/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a group hangs on, for a task that is about to wait for it.
 *
 * Threads: any.
 * Locks: the core's.
 * Owns: nothing.
 * Invariants:
 * 1. The first n_looked_at members have settled, or are tasks of looked_for: a task's pool does not
 *    change, and what has settled stays so. Where members are taken out, it goes down.
 * 2. From the first look on, requests hear of what is added, and of the end of the last hold.
 * Not here: what is made of it (cfut-outlook.c). */

#include "cfut-follow-private.h"
#include "cfut-group-core-private.h"
#include "cfut-outlook-private.h"

/* Whether the group hangs on something of the thread's own, or may. */
static gboolean
core_is_touched_locked (CfutGroupCore *self,
                        CfutOutlook   *outlook)
{
  if (self->following != NULL || outlook->help->pool != NULL)
    return TRUE;

  for (guint i = 0; i < outlook->n_own; i++)
    if (cfut_pointer_map_get (&self->futures, outlook->own[i]) != NULL)
      return TRUE;

  return FALSE;
}

/* Of those that are not made of other futures: one of the others', and else that there is one of
 * the pool's. The first ones are passed over that were passed over before, so that it is not
 * quadratic to take one after the other. */
static void
core_look_at_leaves_locked (CfutGroupCore *self,
                            CfutOutlook   *outlook)
{
  CfutPool *pool = outlook->help->pool;
  guint64 n_passed = 0;
  gboolean is_first = TRUE;

  if (self->looked_for != pool)
    self->n_looked_at = 0;
  self->looked_for = pool;

  for (guint i = self->n_looked_at; i < self->members.len; i++)
    {
      CfutGroupMember *member = cfut_deque_get (&self->members, i);

      if (!(member->flags & (MEMBER_LEAVING | MEMBER_SETTLED)))
        {
          gboolean is_settled = cfut_future_is_settled (member->future);

          if (!is_settled && (cfut_future_has_upstream (member->future) ||
                              cfut_outlook_is_own (outlook, member->future)))
            {
              n_passed++;
              is_first = FALSE;
            }
          else if (is_settled || !cfut_outlook_is_pools (outlook, member->future))
            {
              cfut_outlook_see_other (outlook, member->future);
              outlook->is_touched = TRUE;
              return;
            }
        }
      if (is_first)
        self->n_looked_at = i + 1;
    }

  outlook->is_touched = TRUE;
  outlook->is_on_pool = self->n_unsettled > n_passed;
}

void
cfut_group_core_look (CfutGroupCore *self,
                      CfutOutlook   *outlook)
{
  GHashTableIter iter;
  gpointer future;

  cfut_group_core_lock (self);
  if (self->n_holds > 0)
    {
      /* Somebody has something to add. */
      self->is_looked_at = TRUE;
    }
  else if (self->n_unsettled > 0 && core_is_touched_locked (self, outlook))
    {
      self->is_looked_at = TRUE;
      core_look_at_leaves_locked (self, outlook);
      if (self->following != NULL)
        {
          g_hash_table_iter_init (&iter, self->following);
          while (g_hash_table_iter_next (&iter, &future, NULL))
            cfut_outlook_see (outlook, future);
        }
    }
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
}
