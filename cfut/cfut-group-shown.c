/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The side of a group's core that its face looks at: slices on the owner's context, what is shown
 * and how that changes, whom future-done is emitted for, and the numbers.
 *
 *   any thread: something changed --schedule--> owner's queue --> slice: changes, signals, numbers
 *   a slice that may not notify yet, or sees work go on --later--> the owner's delays --> slice
 *
 * Threads: the status on any; all else on the owner's context only.
 * Locks: the core's. Futures are let go after it.
 * Owns: nothing; the presences in queue and delay hold the core, never the face, whose last
 *   reference must not be dropped by a worker. The face is taken hold of for the time of a slice.
 * Invariants:
 * 1. What is shown changes only by what next_change tells: one stretch at a time, so that the list
 *    is right at each emission.
 * 2. A future is announced only while it is shown.
 * 3. `quiet` is set only while the delay is armed.
 * Not here: emitting (cfut-group.c, cfut-group-model.c). */

#include "cfut-group-core-private.h"

#include <string.h>

/* Up to so many gaps are told one by one; above, the whole stretch is told as changed. */
#define MAX_RUNS 16
/* In a slice, for freeing what has left. */
#define SWEEP_USEC 1000

static void
core_slice (CfutGroupCore *self)
{
  GObject *face = g_weak_ref_get (&self->face);

  if (face != NULL)
    {
      self->slice (face);
      g_object_unref (face);
    }
}

static gboolean
core_deliver (CfutItem        *item,
              CfutDeliverMode  mode)
{
  CfutGroupCore *self = (CfutGroupCore *) ((char *) item - G_STRUCT_OFFSET (CfutGroupCore, item));
  gint64 until = G_MAXINT64;
  gboolean closed;

  if (mode == CFUT_DELIVER_REAP)
    {
      cfut_group_core_lock (self);
      closed = self->closed;
      cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

      /* All that a slice does for a face is for a loop; and the presence costs nothing but itself.
       * */
      if (!closed)
        return TRUE;
    }

  atomic_store (&self->scheduled, FALSE);
  if (mode == CFUT_DELIVER_LOOP)
    core_slice (self);
  if (mode != CFUT_DELIVER_REAP)
    until = g_get_monotonic_time () + SWEEP_USEC;
  if (cfut_group_core_sweep (self, until))
    cfut_group_core_again (self);

  cfut_group_core_unref (self);
  return FALSE;
}

static void
core_on_delayed (CfutDelayed     *delayed,
                 CfutDeliverMode  mode)
{
  CfutGroupCore *self =
    (CfutGroupCore *) ((char *) delayed - G_STRUCT_OFFSET (CfutGroupCore, delayed));

  self->armed = FALSE;
  atomic_store (&self->quiet, FALSE);
  if (mode == CFUT_DELIVER_LOOP)
    core_slice (self);
  cfut_group_core_unref (self);
}

static const CfutItemClass core_item_class = {
  .deliver = core_deliver,
};

void
cfut_group_core_init_slices (CfutGroupCore *self)
{
  self->item.klass = &core_item_class;
  self->delayed.func = core_on_delayed;
}

/* Finds the stretch with all leaving members in it, and the last run of them. */
static guint
core_find_leaving_locked (CfutGroupCore *self,
                          guint         *first,
                          guint         *last,
                          guint         *end)
{
  guint n_found = 0;
  guint n_runs = 0;

  for (guint i = self->leaving_begin; n_found < self->n_leaving; i++)
    {
      CfutGroupMember *member = cfut_deque_get (&self->members, i);

      self->n_looks++;
      if (!(member->flags & MEMBER_LEAVING))
        continue;

      if (n_found++ == 0)
        *first = i;
      if (n_runs == 0 || i != *end)
        {
          *last = i;
          n_runs++;
        }
      *end = i + 1;
    }

  return n_runs;
}

/* Takes out of what is shown one stretch with leaving members in it. */
static gboolean
core_take_leaving_locked (CfutGroupCore   *self,
                          CfutGroupChange *change)
{
  guint first = 0;
  guint last = 0;
  guint end = 0;
  guint kept;
  guint n_runs = core_find_leaving_locked (self, &first, &last, &end);

  if (n_runs == 0)
    return FALSE;
  if (n_runs <= MAX_RUNS)
    first = last;

  kept = first;
  for (guint i = first; i < end; i++)
    {
      CfutGroupMember *member = cfut_deque_get (&self->members, i);

      if (member->flags & MEMBER_LEAVING)
        cfut_group_core_out_locked (self, member);
      else
        cfut_deque_set (&self->members, kept++, member);
    }
  cfut_deque_remove (&self->members, kept, end - kept);
  self->n_shown -= end - kept;
  self->found_at = MIN (self->found_at, first);
  self->n_looked_at = MIN (self->n_looked_at, first);
  if (self->n_leaving == 0)
    self->leaving_begin = G_MAXUINT;

  change->position = first;
  change->n_removed = end - first;
  change->n_added = kept - first;
  return TRUE;
}

/* Shows what was added, without what has left before. */
static void
core_take_joining_locked (CfutGroupCore   *self,
                          CfutGroupChange *change)
{
  guint len = self->members.len;
  guint kept = self->n_shown;

  if (kept == len)
    return;

  for (guint i = kept; i < len; i++)
    {
      CfutGroupMember *member = cfut_deque_get (&self->members, i);

      if (member->flags & MEMBER_LEAVING)
        {
          cfut_group_core_out_locked (self, member);
          continue;
        }

      member->flags |= MEMBER_JOINED;
      self->shown.units_total += member->units;
      if (member->flags & MEMBER_SETTLED)
        cfut_group_core_count_done_locked (self, member, 1);
      cfut_deque_set (&self->members, kept++, member);
    }
  cfut_deque_remove (&self->members, kept, len - kept);
  if (kept < len)
    self->n_looked_at = MIN (self->n_looked_at, self->n_shown);

  change->position = self->n_shown;
  change->n_removed = 0;
  change->n_added = kept - self->n_shown;
  self->n_shown = kept;
}

static gboolean
core_has_changes_locked (CfutGroupCore *self)
{
  return self->n_leaving > 0 || self->n_shown < self->members.len;
}

/* What is shown changes by @change, which may be nothing, and has to be told. TRUE: there is more.
 * */
gboolean
cfut_group_core_next_change (CfutGroupCore   *self,
                             CfutGroupChange *change)
{
  gboolean has_more;
  gboolean has_garbage;

  memset (change, 0, sizeof (*change));
  cfut_group_core_lock (self);
  if (!core_take_leaving_locked (self, change))
    core_take_joining_locked (self, change);
  has_more = core_has_changes_locked (self);
  has_garbage = self->garbage != NULL;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  if (has_garbage)
    cfut_group_core_tidy (self);
  return has_more;
}

gboolean
cfut_group_core_has_changes (CfutGroupCore *self)
{
  gboolean has_changes;

  cfut_group_core_lock (self);
  has_changes = core_has_changes_locked (self);
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return has_changes;
}

guint
cfut_group_core_get_n_shown (CfutGroupCore *self)
{
  guint n_shown;

  cfut_group_core_lock (self);
  n_shown = self->n_shown;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return n_shown;
}

CfutFuture *
cfut_group_core_dup_shown (CfutGroupCore *self,
                           guint          position)
{
  CfutFuture *future = NULL;

  cfut_group_core_lock (self);
  if (position < self->n_shown)
    {
      CfutGroupMember *member = cfut_deque_get (&self->members, position);

      future = g_object_ref (member->future);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return future;
}

/* The next one for future-done, (transfer full); NULL: none, or, with @has_changes, one that has to
 * be shown first. */
CfutFuture *
cfut_group_core_next_announced (CfutGroupCore *self,
                                gboolean      *has_changes)
{
  CfutGroupMember *member;
  CfutFuture *future = NULL;

  cfut_group_core_lock (self);
  member = self->unannounced;
  *has_changes = member != NULL && !(member->flags & MEMBER_JOINED);
  if (member != NULL && !*has_changes)
    {
      future = g_object_ref (member->future);
      self->unannounced = (CfutGroupMember *) member->node.next;
    }
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return future;
}

/* Nobody listens. */
void
cfut_group_core_skip_announced (CfutGroupCore *self)
{
  cfut_group_core_lock (self);
  self->unannounced = NULL;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
}

/* Whether there is something to emit besides notifications. */
gboolean
cfut_group_core_has_news (CfutGroupCore *self)
{
  gboolean has_news;

  cfut_group_core_lock (self);
  has_news = core_has_changes_locked (self) || self->unannounced != NULL ||
             (self->all_done && cfut_group_core_is_at_end_locked (self));
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return has_news;
}

/* Whether all-done is due; with @take it is emitted by the caller now. */
gboolean
cfut_group_core_is_all_done (CfutGroupCore *self,
                             gboolean       take)
{
  gboolean all_done;

  cfut_group_core_lock (self);
  all_done = self->all_done && cfut_group_core_is_at_end_locked (self) &&
             self->unannounced == NULL && !core_has_changes_locked (self);
  if (all_done && take)
    self->all_done = FALSE;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return all_done;
}

static double
status_fraction (const CfutGroupStatus *status)
{
  if (status->n_items == 0)
    return 0.0;
  if (status->n_done == status->n_items)
    return 1.0;
  if (status->units_total == 0)
    return (double) status->n_done / status->n_items;
  return (double) status->units_done / (double) status->units_total;
}

static gint64
status_remaining_usec (const CfutGroupStatus *status,
                       double                 rate)
{
  double usec;

  if (rate <= 0)
    return -1;

  usec = (double) (status->units_total - status->units_done) / rate * G_USEC_PER_SEC;
  return usec < (double) (G_MAXINT64 / 2) ? (gint64) usec : -1;
}

/* Rate and remaining time stay as they are for a quarter of a second, so that they can be read. */
static void
core_measure_locked (CfutGroupCore         *self,
                     const CfutGroupStatus *status)
{
  gint64 now = self->clock ();

  if (self->measured_usec >= 0 &&
      (self->n_unsettled == 0 || now - self->measured_usec < CFUT_RATE_INTERVAL_USEC))
    return;

  if (self->n_unsettled > 0)
    cfut_rate_update (&self->rate, now, cfut_group_core_worked_locked (self));
  self->measured_usec = now;
  self->shown.rate = cfut_rate_get (&self->rate, now);
  if (self->n_unsettled > 0)
    self->shown.remaining_usec = status_remaining_usec (status, self->shown.rate);
  else
    self->shown.remaining_usec = self->n_holds > 0 ? -1 : 0;
}

static void
core_get_status_locked (CfutGroupCore   *self,
                        CfutGroupStatus *status)
{
  *status = self->shown;
  status->n_items = self->n_shown;
  /* The parts of those that are not shown yet are in the sum. */
  status->units_done = MIN (status->units_done + atomic_load (&self->part), status->units_total);
  status->fraction = status_fraction (status);
  core_measure_locked (self, status);
  status->rate = self->shown.rate;
  status->remaining_usec = self->shown.remaining_usec;
}

static gboolean
status_equal (const CfutGroupStatus *a,
              const CfutGroupStatus *b)
{
  return a->n_items == b->n_items && a->n_done == b->n_done && a->n_failed == b->n_failed &&
         a->n_cancelled == b->n_cancelled && a->units_done == b->units_done &&
         a->units_total == b->units_total && a->fraction == b->fraction && a->rate == b->rate &&
         a->remaining_usec == b->remaining_usec &&
         a->cancel_on_failure == b->cancel_on_failure && a->paused == b->paused;
}

void
cfut_group_core_get_status (CfutGroupCore   *self,
                            CfutGroupStatus *status)
{
  cfut_group_core_lock (self);
  core_get_status_locked (self, status);
  if (self->n_tellings > 0 && !status_equal (status, &self->told))
    self->seen_otherwise = TRUE;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
}

void
cfut_group_core_begin_telling (CfutGroupCore   *self,
                               CfutGroupStatus *status)
{
  cfut_group_core_lock (self);
  core_get_status_locked (self, status);
  self->told = *status;
  if (self->n_tellings++ == 0)
    self->seen_otherwise = FALSE;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
}

gboolean
cfut_group_core_end_telling (CfutGroupCore *self)
{
  gboolean seen_otherwise;

  cfut_group_core_lock (self);
  self->n_tellings--;
  seen_otherwise = self->seen_otherwise;
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);

  return seen_otherwise;
}

/* Asks for one more slice. */
void
cfut_group_core_again (CfutGroupCore *self)
{
  if (cfut_group_core_schedule (self))
    cfut_owner_push (self->owner, &self->item);
}

/* Asks for a slice at a time, or before. @quiet: until then, progress need not ask for one. */
void
cfut_group_core_later (CfutGroupCore *self,
                       gint64         at_usec,
                       gboolean       quiet)
{
  if (self->armed && self->delayed.at_usec > at_usec)
    {
      cfut_owner_undelay (self->owner, &self->delayed);
      cfut_owner_delay (self->owner, &self->delayed, at_usec);
    }
  else if (!self->armed)
    {
      self->armed = TRUE;
      cfut_group_core_ref (self);
      cfut_owner_delay (self->owner, &self->delayed, at_usec);
    }

  if (quiet)
    atomic_store (&self->quiet, TRUE);
}

/* Counts everything again, and compares. */
void
cfut_group_core_check (CfutGroupCore *self)
{
  CfutGroupStatus shown = { 0 };
  guint64 n_unsettled = 0;
  guint64 n_settled = 0;
  guint64 n_bad = 0;
  guint64 n_rejected = 0;
  guint64 n_logged = 0;
  guint n_leaving = 0;
  guint32 last_number = 0;
  CfutGroupMember *previous = NULL;

  cfut_group_core_lock (self);
  for (guint i = 0; i < self->members.len; i++)
    {
      CfutGroupMember *member = cfut_deque_get (&self->members, i);
      gboolean settled = (member->flags & MEMBER_SETTLED) != 0;

      g_assert (!(member->flags & MEMBER_OUT));
      g_assert (i == 0 || member->number > last_number);
      last_number = member->number;
      g_assert (!settled || !(member->flags & MEMBER_ATTACHED));
      g_assert (((member->flags & MEMBER_JOINED) != 0) == (i < self->n_shown));
      if (member->flags & MEMBER_JOINED)
        {
          shown.units_total += member->units;
          shown.n_done += settled;
          shown.units_done += settled ? member->units : 0;
          shown.n_failed += (member->flags & MEMBER_FAILED) != 0;
          shown.n_cancelled += (member->flags & MEMBER_CANCELLED) != 0;
        }
      if (member->flags & MEMBER_LEAVING)
        {
          n_leaving += (member->flags & MEMBER_JOINED) != 0;
          continue;
        }
      n_settled += settled;
      n_unsettled += !settled;
      n_rejected += (member->flags & MEMBER_FAILED) != 0;
      n_bad += (member->flags & (MEMBER_FAILED | MEMBER_CANCELLED)) != 0;
      g_assert (*cfut_pointer_map_get (&self->futures, member->future) == member->number);
    }

  for (CfutGroupMember *member = self->first_settled; member != NULL; n_logged++)
    {
      g_assert (member->node.prev == (CfutNode *) previous);
      g_assert ((member->flags & (MEMBER_SETTLED | MEMBER_LEAVING)) == MEMBER_SETTLED);
      previous = member;
      member = (CfutGroupMember *) member->node.next;
    }

  g_assert (self->last_settled == previous);
  g_assert (n_logged == self->n_settled);
  g_assert (n_settled == self->n_settled);
  g_assert (n_unsettled == self->n_unsettled);
  g_assert (n_bad == self->n_bad);
  g_assert (n_rejected == self->n_rejected);
  g_assert (!self->failed || self->shown.cancel_on_failure);
  g_assert (n_leaving == self->n_leaving);
  g_assert (shown.n_done == self->shown.n_done);
  g_assert (shown.n_failed == self->shown.n_failed);
  g_assert (shown.n_cancelled == self->shown.n_cancelled);
  g_assert (shown.units_done == self->shown.units_done);
  g_assert (shown.units_total == self->shown.units_total);
  g_assert (self->served == NULL);
  g_assert (self->ready == NULL || g_queue_is_empty (&self->requests[CFUT_GROUP_REQUEST_NEXT]));
  cfut_unlock (&self->lock, CFUT_LOCK_GROUP);
}
