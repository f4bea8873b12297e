/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How much may stand in a queue: tasks, and bytes that they are said to hold. Those for whom there
 * is no room wait in line, or are turned away.
 *
 * Threads: any.
 * Locks: one for each room, under which nothing else is taken. Leaving is allowed under a cell's
 *   lock, and so what it sets going is: waking a thread and pushing to an owner.
 * Owns: nothing. A wait stands in the list as long as it waits, and its embedder lives as long.
 * Invariants:
 * 1. Nobody enters before one that came earlier and waits, so that what is large does not starve.
 * 2. What is larger than the limit on bytes enters when nothing else is inside.
 * 3. Who makes room enters for those that wait, and then wakes them: nobody is woken in vain, or
 *    enters twice.
 * 4. While the first in line waits there is no room for it.
 * Not here: what a task without room comes to (cfut-executor.c), and waiting in a main loop
 * (cfut-executor-limits.c). */

#include "core/cfut-delivery-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-room-private.h"

struct _CfutRoom {
  gatomicrefcount ref_count;

  /* Guarded by lock */
  GMutex lock;
  guint64 max_tasks;
  guint64 max_bytes;
  guint64 n_tasks;
  guint64 n_bytes;
  CfutRoomWait *first;
  CfutRoomWait *last;
  gboolean closed;
};

typedef struct {
  CfutRoomWait wait;
  CfutWaiter waiter;
} BlockedEntry;

CfutRoom *
cfut_room_new (void)
{
  CfutRoom *self = g_new0 (CfutRoom, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);

  return self;
}

CfutRoom *
cfut_room_ref (CfutRoom *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_room_unref (CfutRoom *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_assert (self->first == NULL);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static gboolean
room_fits_locked (CfutRoom *self,
                  guint64   bytes)
{
  if (self->max_tasks != 0 && self->n_tasks >= self->max_tasks)
    return FALSE;

  return self->max_bytes == 0 || self->n_tasks == 0 ||
         (self->n_bytes <= self->max_bytes && bytes <= self->max_bytes - self->n_bytes);
}

static void
room_enter_locked (CfutRoom *self,
                   guint64   bytes)
{
  self->n_tasks++;
  self->n_bytes += bytes;
}

static void
room_unlink_locked (CfutRoom     *self,
                    CfutRoomWait *wait)
{
  if (wait->prev != NULL)
    wait->prev->next = wait->next;
  else
    self->first = wait->next;
  if (wait->next != NULL)
    wait->next->prev = wait->prev;
  else
    self->last = wait->prev;
}

/* Takes out those at the head of the line whose wait is over. */
static CfutRoomWait *
room_serve_locked (CfutRoom *self)
{
  CfutRoomWait *served = NULL;
  CfutRoomWait **end = &served;

  while (self->first != NULL && (self->closed || room_fits_locked (self, self->first->bytes)))
    {
      CfutRoomWait *wait = self->first;

      room_unlink_locked (self, wait);
      wait->outcome = self->closed ? CFUT_ROOM_CLOSED : CFUT_ROOM_OPEN;
      if (wait->outcome == CFUT_ROOM_OPEN && wait->enters)
        room_enter_locked (self, wait->bytes);
      wait->next = NULL;
      *end = wait;
      end = &wait->next;
    }

  return served;
}

static void
room_unlock_and_serve (CfutRoom *self)
{
  CfutRoomWait *served = room_serve_locked (self);

  cfut_unlock (&self->lock, CFUT_LOCK_ROOM);

  while (served != NULL)
    {
      CfutRoomWait *wait = served;

      served = wait->next;
      wait->end (wait);
    }
}

void
cfut_room_set_limits (CfutRoom *self,
                      guint64   max_tasks,
                      guint64   max_bytes)
{
  cfut_lock (&self->lock, CFUT_LOCK_ROOM);
  self->max_tasks = max_tasks;
  self->max_bytes = max_bytes;
  room_unlock_and_serve (self);
}

void
cfut_room_get_limits (CfutRoom *self,
                      guint64  *max_tasks,
                      guint64  *max_bytes)
{
  cfut_lock (&self->lock, CFUT_LOCK_ROOM);
  *max_tasks = self->max_tasks;
  *max_bytes = self->max_bytes;
  cfut_unlock (&self->lock, CFUT_LOCK_ROOM);
}

void
cfut_room_get_counts (CfutRoom *self,
                      guint64  *n_tasks,
                      guint64  *n_bytes)
{
  cfut_lock (&self->lock, CFUT_LOCK_ROOM);
  *n_tasks = self->n_tasks;
  *n_bytes = self->n_bytes;
  cfut_unlock (&self->lock, CFUT_LOCK_ROOM);
}

gboolean
cfut_room_try_enter (CfutRoom *self,
                     guint64   bytes)
{
  gboolean enters;

  cfut_lock (&self->lock, CFUT_LOCK_ROOM);
  enters = self->closed || (self->first == NULL && room_fits_locked (self, bytes));
  if (enters)
    room_enter_locked (self, bytes);
  cfut_unlock (&self->lock, CFUT_LOCK_ROOM);

  return enters;
}

void
cfut_room_leave (CfutRoom *self,
                 guint64   bytes)
{
  cfut_lock (&self->lock, CFUT_LOCK_ROOM);
  g_assert (self->n_tasks > 0 && self->n_bytes >= bytes);
  self->n_tasks--;
  self->n_bytes -= bytes;
  room_unlock_and_serve (self);
}

CfutRoomOutcome
cfut_room_add (CfutRoom     *self,
               CfutRoomWait *wait)
{
  CfutRoomOutcome outcome = CFUT_ROOM_WAITING;

  cfut_lock (&self->lock, CFUT_LOCK_ROOM);
  if (self->closed)
    outcome = CFUT_ROOM_CLOSED;
  else if (self->first == NULL && room_fits_locked (self, wait->bytes))
    outcome = CFUT_ROOM_OPEN;

  wait->outcome = outcome;
  if (outcome == CFUT_ROOM_OPEN && wait->enters)
    room_enter_locked (self, wait->bytes);
  if (outcome == CFUT_ROOM_WAITING)
    {
      wait->next = NULL;
      wait->prev = self->last;
      if (wait->prev != NULL)
        wait->prev->next = wait;
      else
        self->first = wait;
      self->last = wait;
    }
  cfut_unlock (&self->lock, CFUT_LOCK_ROOM);

  return outcome;
}

gboolean
cfut_room_remove (CfutRoom     *self,
                  CfutRoomWait *wait)
{
  gboolean waited;

  cfut_lock (&self->lock, CFUT_LOCK_ROOM);
  waited = wait->outcome == CFUT_ROOM_WAITING;
  if (waited)
    room_unlink_locked (self, wait);

  /* It may have kept those behind it waiting. */
  room_unlock_and_serve (self);

  return waited;
}

static void
blocked_entry_end (CfutRoomWait *wait)
{
  cfut_waiter_fire (&((BlockedEntry *) wait)->waiter);
}

CfutRoomOutcome
cfut_room_block (CfutRoom     *self,
                 guint64       bytes,
                 gboolean      enters,
                 gint64        deadline_usec,
                 GCancellable *cancellable)
{
  BlockedEntry entry = { .wait = { .bytes = bytes, .enters = enters, .end = blocked_entry_end } };
  CfutRoomOutcome outcome;
  CfutWake wake;

  cfut_waiter_init (&entry.waiter);
  outcome = cfut_room_add (self, &entry.wait);
  if (outcome != CFUT_ROOM_WAITING)
    return outcome;

  wake = cfut_owner_block (&entry.waiter, deadline_usec, cancellable);
  if (wake == CFUT_WAKE_FIRED)
    return entry.wait.outcome;
  if (cfut_room_remove (self, &entry.wait))
    return wake == CFUT_WAKE_CANCELLED ? CFUT_ROOM_CANCELLED : CFUT_ROOM_TIMED_OUT;

  /* Served before we could leave: whoever did it is about to fire us. */
  entry.waiter.nudge = NULL;
  entry.waiter.owner_nudge = NULL;
  cfut_waiter_wait (&entry.waiter, CFUT_NO_DEADLINE, NULL);
  return entry.wait.outcome;
}

void
cfut_room_close (CfutRoom *self)
{
  cfut_lock (&self->lock, CFUT_LOCK_ROOM);
  self->closed = TRUE;
  room_unlock_and_serve (self);
}
