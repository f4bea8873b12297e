/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a group knows, on any thread: its members, who waits for them, and the counts. The list
 * model and the signals (the face) are made from it on the owner's context.
 *
 *   add --> members, not shown --flush--> shown --remove, flush--> out
 *             \
 *              settled --> the log, in order of settling: next and future-done each walk it once
 *
 * Threads: any, but for what the header says.
 * Locks: `lock` guards all that is not atomic. Rank: above a cell's lock, which is taken under it
 *   to add and remove nodes; a future's progress comes under the cell's lock and so uses atomics
 *   only, and at most once in a while cfut_owner_push. Nothing is released, woken or pushed under
 *   `lock`.
 * Owns: a reference on each member's future; one on itself for the face, for each presence in the
 *   owner's queue, for the armed delay, and for each member that is out while its future is
 *   settling.
 * Invariants:
 * 1. `members` has the shown ones first: n_shown of them, JOINED; then those that will join.
 *    Only the owner's context changes n_shown, or where a shown one stands.
 * 2. A member is freed when it is out of `members` and its node is not ATTACHED: by who took it
 *    out, or by the settling thread, whichever is later.
 * 3. LEAVING is set once; from then on the member is in no log and in no live count, but as long as
 *    it is shown, in what is shown.
 * 4. The log has every settled member that is not LEAVING. `ready` and `unannounced` are the first
 *    of it that next, and future-done, have not had.
 * 5. A request is registered only while it cannot be served.
 * 6. Whoever dooms the group (failed, ended) cancels what is in it then; whoever adds to a doomed
 *    one cancels what it added. Both decide under `lock`, so nothing is missed.
 * Not here: signals, properties, GListModel (cfut-group.c, cfut-group-model.c); blocking
 * (cfut-group-wait.c). */

#include "core/cfut-point-private.h"
#include "cfut-follow-private.h"
#include "cfut-group-core-private.h"

#include <string.h>

/* Futures that are added under one hold of the lock, which settling workers want. */
#define ADD_AT_ONCE 256

static inline CfutGroupCore *
member_core (CfutGroupMember *member)
{
  const char *klass = (const char *) member->node.klass;

  return (CfutGroupCore *) (klass - G_STRUCT_OFFSET (CfutGroupCore, node_class));
}

CfutGroupCore *
cfut_group_core_ref (CfutGroupCore *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_group_core_unref (CfutGroupCore *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_assert (self->members.len == 0 && self->garbage == NULL);
  cfut_deque_clear (&self->members);
  cfut_pointer_map_clear (&self->futures);
  g_clear_pointer (&self->following, g_hash_table_unref);
  g_weak_ref_clear (&self->face);
  g_mutex_clear (&self->lock);
  cfut_owner_unref (self->owner);
  g_free (self);
}

/* TRUE: the caller pushes; the reference for that is taken. */
gboolean
cfut_group_core_schedule (CfutGroupCore *self)
{
  if (atomic_load (&self->scheduled) || atomic_exchange (&self->scheduled, TRUE))
    return FALSE;

  cfut_group_core_ref (self);
  return TRUE;
}

/* Unlocks and does what must not be done under the lock. As soon as the lock is free the core may
 * go, so after it only what a reference was taken for is touched. */
void
cfut_group_core_unlock (CfutGroupCore *self,
             gboolean       changed)
{
  CfutGroupRequest *served = g_steal_pointer (&self->served);
  gboolean push = changed && cfut_group_core_schedule (self);

  self->served_end = &self->served;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  if (served != NULL)
    cfut_point (CFUT_POINT_GROUP_SERVES, self);
  while (served != NULL)
    {
      CfutGroupRequest *request = served;

      served = request->next_served;
      request->wake (request);
    }

  if (push)
    cfut_owner_push (self->owner, &self->item);
}

gboolean
cfut_group_core_is_at_end_locked (CfutGroupCore *self)
{
  return self->n_unsettled == 0 && self->n_holds == 0;
}

/* All units that were done while the group looked on. Never goes down, but for progress that does.
 * */
guint64
cfut_group_core_worked_locked (CfutGroupCore *self)
{
  return self->worked + atomic_load (&self->part);
}

/* TRUE: @request has what it asks for. */
static gboolean
core_try_serve_locked (CfutGroupCore    *self,
                       CfutGroupRequest *request)
{
  switch (request->kind)
    {
    case CFUT_GROUP_REQUEST_NEXT:
      if (self->ready != NULL)
        {
          request->future = g_object_ref (self->ready->future);
          self->ready = (CfutGroupMember *) self->ready->node.next;
          return TRUE;
        }
      break;

    case CFUT_GROUP_REQUEST_FIRST:
      if (self->n_settled > 0)
        return TRUE;
      break;

    case CFUT_GROUP_REQUEST_FAILURE:
      if (self->n_bad > 0)
        return TRUE;
      break;

    case CFUT_GROUP_REQUEST_ALL:
    default:
      break;
    }

  return cfut_group_core_is_at_end_locked (self);
}

void
cfut_group_core_serve_locked (CfutGroupCore *self)
{
  for (guint kind = 0; kind < CFUT_GROUP_N_REQUEST_KINDS; kind++)
    {
      GList *link;

      while ((link = self->requests[kind].head) != NULL)
        {
          CfutGroupRequest *request = link->data;

          self->n_looks++;
          if (!core_try_serve_locked (self, request))
            break;

          g_queue_unlink (&self->requests[kind], link);
          request->state = CFUT_GROUP_REQUEST_SERVED;
          *self->served_end = request;
          self->served_end = &request->next_served;
        }
    }
}

/* Something may have ended: work, a hold, or a member's stay. */
void
cfut_group_core_ended_locked (CfutGroupCore *self)
{
  if (self->n_unsettled == 0)
    {
      cfut_rate_stop (&self->rate, self->clock (), cfut_group_core_worked_locked (self));
      self->measured_usec = -1;
    }
  if (cfut_group_core_is_at_end_locked (self))
    self->all_done = TRUE;
}

void
cfut_group_core_count_done_locked (CfutGroupCore   *self,
                        CfutGroupMember *member,
                        int              sign)
{
  self->shown.n_done += sign;
  self->shown.units_done += sign * member->units;
  if (member->flags & MEMBER_FAILED)
    self->shown.n_failed += sign;
  if (member->flags & MEMBER_CANCELLED)
    self->shown.n_cancelled += sign;
}

static void
core_append_to_log_locked (CfutGroupCore   *self,
                           CfutGroupMember *member)
{
  member->node.next = NULL;
  member->node.prev = (CfutNode *) self->last_settled;
  if (self->last_settled != NULL)
    self->last_settled->node.next = &member->node;
  else
    self->first_settled = member;
  self->last_settled = member;

  if (self->ready == NULL)
    self->ready = member;
  if (self->unannounced == NULL)
    self->unannounced = member;
}

/* The member's part becomes what was worked; with @all, all its units do. */
void
cfut_group_core_take_part_locked (CfutGroupCore   *self,
                       CfutGroupMember *member,
                       gboolean         all)
{
  self->worked += all ? member->units : member->part;
  atomic_fetch_sub (&self->part, member->part);
  member->part = 0;
}

/* Its future has settled: the node is in no cell. */
static void
core_settle_locked (CfutGroupCore   *self,
                    CfutGroupMember *member,
                    CfutState        state)
{
  member->flags |= MEMBER_SETTLED;
  if (state == CFUT_STATE_REJECTED)
    member->flags |= MEMBER_FAILED;
  else if (state == CFUT_STATE_CANCELLED)
    member->flags |= MEMBER_CANCELLED;
  if (member->flags & MEMBER_JOINED)
    cfut_group_core_count_done_locked (self, member, 1);

  self->n_unsettled--;
  self->n_settled++;
  if (G_UNLIKELY (self->following != NULL))
    g_hash_table_remove (self->following, member->future);
  if (state != CFUT_STATE_RESOLVED)
    self->n_bad++;
  if (state == CFUT_STATE_REJECTED)
    {
      self->n_rejected++;
      self->failed |= self->shown.cancel_on_failure;
    }

  core_append_to_log_locked (self, member);
  cfut_group_core_ended_locked (self);
  cfut_group_core_serve_locked (self);
}

/* On the settling thread, outside of its locks. */
static void
member_settled (CfutNode   *node,
                CfutFuture *future,
                CfutState   state)
{
  CfutGroupMember *member = (CfutGroupMember *) node;
  CfutGroupCore *self = member_core (member);

  cfut_group_core_lock (self);
  member->flags &= ~MEMBER_ATTACHED;
  if (G_LIKELY (!(member->flags & MEMBER_LEAVING)))
    {
      gboolean failed = self->failed;

      /* What fails takes its time as what succeeds does; what is cancelled says nothing of speed.
       * */
      cfut_group_core_take_part_locked (self, member, state != CFUT_STATE_CANCELLED);
      core_settle_locked (self, member, state);
      /* Here callbacks of users must not run yet. */
      if (G_UNLIKELY (self->failed != failed))
        cfut_group_core_cancel_later (self);
      cfut_group_core_unlock (self, TRUE);
    }
  else
    {
      gboolean out = (member->flags & MEMBER_OUT) != 0;

      cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
      if (out)
        {
          cfut_group_member_free (member);
          cfut_group_core_unref (self);
        }
    }
}

static guint64
units_of_progress (guint64 units,
                   guint64 done,
                   guint64 total)
{
  double part;

  if (total == 0)
    return 0;
  if (done >= total)
    return units;

  /* A double has fewer bits than a guint64 and may round up to all. */
  part = (double) units * ((double) done / (double) total);
  return part < (double) units ? (guint64) part : units;
}

/* Under the cell's lock. The group is there, as who removes the node takes that lock. */
static void
member_progress (CfutNode *node,
                 guint64   done,
                 guint64   total)
{
  CfutGroupMember *member = (CfutGroupMember *) node;
  CfutGroupCore *self = member_core (member);
  guint64 part = units_of_progress (member->units, done, total);

  if (part == member->part)
    return;

  atomic_fetch_add (&self->part, part - member->part);
  member->part = part;
  if (!atomic_load (&self->quiet) && cfut_group_core_schedule (self))
    cfut_owner_push (self->owner, &self->item);
}

CfutGroupCore *
cfut_group_core_new (GObject            *face,
                     CfutGroupSliceFunc  slice)
{
  CfutGroupCore *self = g_new0 (CfutGroupCore, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->owner = cfut_owner_ref (cfut_owner_get_current ());
  self->node_class.kind = CFUT_NODE_INTERNAL;
  self->node_class.settled = member_settled;
  self->node_class.progress = member_progress;
  self->slice = slice;
  g_weak_ref_init (&self->face, face);
  cfut_group_core_init_slices (self);
  g_mutex_init (&self->lock);
  for (guint kind = 0; kind < CFUT_GROUP_N_REQUEST_KINDS; kind++)
    g_queue_init (&self->requests[kind]);
  self->served_end = &self->served;
  self->clock = g_get_monotonic_time;
  self->measured_usec = -1;
  self->leaving_begin = G_MAXUINT;

  return self;
}

CfutOwner *
cfut_group_core_get_owner (CfutGroupCore *self)
{
  return self->owner;
}

/* What a running future has done before it came is no work that the group saw. */
static guint64
initial_part (CfutFuture *future,
              guint64     units)
{
  guint64 done;
  guint64 total;

  if (units == 0 || cfut_future_get_state (future) != CFUT_STATE_RUNNING)
    return 0;

  cfut_future_get_progress (future, &done, &total);
  return units_of_progress (units, done, total);
}

/* Four thousand million were added, most of which must have left since. */
static void
core_renumber_locked (CfutGroupCore *self)
{
  for (guint i = 0; i < self->members.len; i++)
    {
      CfutGroupMember *member = cfut_deque_get (&self->members, i);

      member->number = i;
      if (!(member->flags & MEMBER_LEAVING))
        *cfut_pointer_map_get (&self->futures, member->future) = i;
    }
  self->next_number = self->members.len;
}

static void
core_tell_requests_locked (CfutGroupCore *self)
{
  for (guint kind = 0; kind < CFUT_GROUP_N_REQUEST_KINDS; kind++)
    for (GList *link = self->requests[kind].head; link != NULL; link = link->next)
      {
        CfutGroupRequest *request = link->data;

        if (request->added != NULL)
          request->added (request);
      }
}

/* A thread that waits may have to call its function. */
static void
core_add_following_locked (CfutGroupCore *self,
                           CfutFuture    *future)
{
  if (self->following == NULL)
    self->following = g_hash_table_new (NULL, NULL);
  g_hash_table_add (self->following, future);

  core_tell_requests_locked (self);
}

static void
core_add_locked (CfutGroupCore *self,
                 CfutFuture    *future,
                 guint64        units)
{
  CfutGroupMember *member;

  if (G_UNLIKELY (self->next_number == G_MAXUINT32))
    core_renumber_locked (self);
  if (self->closed || !cfut_pointer_map_add (&self->futures, future, self->next_number))
    return;

  member = g_new (CfutGroupMember, 1);
  member->number = self->next_number++;
  member->node.klass = &self->node_class;
  member->future = g_object_ref (future);
  member->units = units;
  member->part = initial_part (future, units);
  member->flags = MEMBER_ATTACHED;
  self->worked -= member->part;
  atomic_fetch_add (&self->part, member->part);
  cfut_deque_append (&self->members, member);
  self->n_unsettled++;

  if (cfut_future_add_node (future, &member->node))
    {
      if (G_UNLIKELY (cfut_future_has_upstream (future)))
        core_add_following_locked (self, future);
      if (!self->rate.running && !self->shown.paused)
        {
          cfut_rate_start (&self->rate, self->clock (), cfut_group_core_worked_locked (self));
          self->measured_usec = -1;
        }
    }
  else
    {
      member->flags = 0;
      cfut_group_core_take_part_locked (self, member, FALSE);
      core_settle_locked (self, member, cfut_future_get_state (future));
    }
}

/* What is in the group already is passed over. */
void
cfut_group_core_add (CfutGroupCore  *self,
                     CfutFuture    **futures,
                     const guint64  *units,
                     gsize           n_futures)
{
  for (gsize begin = 0; begin < n_futures;)
    {
      gsize end = begin + MIN (n_futures - begin, ADD_AT_ONCE);
      gboolean failed;
      gboolean fails;
      gboolean doomed;
      gboolean paused;

      cfut_group_core_lock (self);
      failed = self->failed;
      for (gsize i = begin; i < end; i++)
        core_add_locked (self, futures[i], units != NULL ? units[i] : 1);
      if (G_UNLIKELY (self->is_looked_at))
        core_tell_requests_locked (self);
      fails = self->failed != failed;
      doomed = cfut_group_core_is_doomed_locked (self) && !self->closed;
      paused = self->shown.paused;
      cfut_group_core_unlock (self, TRUE);

      if (fails)
        cfut_group_core_cancel (self);
      else if (doomed)
        cfut_group_core_cancel_added (&futures[begin], end - begin);
      else if (paused)
        cfut_group_core_pause_added (self, &futures[begin], end - begin);
      begin = end;
    }
}

void
cfut_group_core_hold (CfutGroupCore *self)
{
  cfut_group_core_lock (self);
  self->n_holds++;
  self->measured_usec = -1;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
}

/* FALSE: there was no hold. */
gboolean
cfut_group_core_release (CfutGroupCore *self)
{
  gboolean held;

  cfut_group_core_lock (self);
  held = self->n_holds > 0;
  if (held)
    {
      self->n_holds--;
      cfut_group_core_ended_locked (self);
      cfut_group_core_serve_locked (self);
      if (G_UNLIKELY (self->is_looked_at))
        core_tell_requests_locked (self);
    }
  cfut_group_core_unlock (self, held);

  return held;
}

void
cfut_group_request_init (CfutGroupRequest      *request,
                         CfutGroupRequestKind   kind,
                         void                 (*wake) (CfutGroupRequest *))
{
  memset (request, 0, sizeof (*request));
  request->kind = kind;
  request->wake = wake;
  request->link.data = request;
}

gboolean
cfut_group_core_request (CfutGroupCore    *self,
                         CfutGroupRequest *request,
                         gboolean          may_wait)
{
  gboolean served = FALSE;

  cfut_group_core_lock (self);
  if (request->state == CFUT_GROUP_REQUEST_NEW)
    {
      served = core_try_serve_locked (self, request);
      if (served)
        {
          request->state = CFUT_GROUP_REQUEST_SERVED;
        }
      else if (may_wait)
        {
          request->state = CFUT_GROUP_REQUEST_REGISTERED;
          g_queue_push_tail_link (&self->requests[request->kind], &request->link);
        }
    }
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return served;
}

gboolean
cfut_group_core_withdraw (CfutGroupCore    *self,
                          CfutGroupRequest *request)
{
  gboolean withdrawn;

  cfut_group_core_lock (self);
  withdrawn = request->state == CFUT_GROUP_REQUEST_NEW ||
              request->state == CFUT_GROUP_REQUEST_REGISTERED;
  if (request->state == CFUT_GROUP_REQUEST_REGISTERED)
    g_queue_unlink (&self->requests[request->kind], &request->link);
  if (withdrawn)
    request->state = CFUT_GROUP_REQUEST_WITHDRAWN;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return withdrawn;
}

void
cfut_group_core_list_following (CfutGroupCore *self,
                                GPtrArray     *list)
{
  GHashTableIter iter;
  gpointer future;

  cfut_group_core_lock (self);
  if (self->following != NULL)
    {
      g_hash_table_iter_init (&iter, self->following);
      while (g_hash_table_iter_next (&iter, &future, NULL))
        g_ptr_array_add (list, g_object_ref (future));
    }
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
}

void
cfut_group_core_set_clock (CfutGroupCore  *self,
                           gint64        (*clock) (void))
{
  cfut_group_core_lock (self);
  self->clock = clock != NULL ? clock : g_get_monotonic_time;
  self->measured_usec = -1;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
}

guint64
cfut_group_core_get_n_steps (CfutGroupCore *self)
{
  guint64 n_steps;

  cfut_group_core_lock (self);
  n_steps = self->members.n_moves + self->n_looks;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return n_steps;
}
