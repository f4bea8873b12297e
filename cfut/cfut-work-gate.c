/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The work of a derived executor that a pause or a rate limit holds back.
 *
 * The gate may open on any thread, the timers' for one. `execute` may be code of a language that
 * runs on one thread only, so it is called on the context that the work belongs to: its
 * submitter's. It is called as chains' functions are that others wait for: in a loop, or by that
 * thread inside whatever wait of the library's it is blocked in.
 *
 * Threads: any. Work that is not held back is executed on the thread that submits it.
 * Locks: one, of the rank of the work log's, which is not taken under it; the gate's lock may be.
 * Owns: the work that is held, and a reference on the executor while there is any and no pause: an
 *   executor that is dropped finishes what it took. It goes back on the context where the gate was
 *   made. So does the one of a call that is under way.
 * Invariants:
 * 1. Work is executed in the order of its submission, by one thread at a time; what has settled is
 *    skipped.
 * 2. When the gate opens while a thread is at it, that thread asks the gate once more.
 * 3. There is held work without a reference on the executor only during a pause, or while a thread
 *    that has one of its own is at it.
 * 4. A thread that leaves work to another has a call under way to it, or was turned away by the
 *    gate.
 * Not here: when the gate is open (core/cfut-gate.c). */

#include "core/cfut-delivery-private.h"
#include "core/cfut-lock-private.h"
#include "cfut-future-private.h"
#include "cfut-work-gate-private.h"

struct _CfutWorkGate {
  /* Immutable */
  CfutExecutor *executor;
  CfutOwner *owner;
  CfutGate *gate;

  /* Guarded by lock */
  GMutex lock;
  GQueue works;
  gboolean draining;
  CfutOwner *called;  /* (nullable): to come for the first work, with a reference on the executor */
  gboolean again;   /* it has opened while draining */
  gboolean holds;   /* the reference on the executor */
};

typedef struct {
  CfutItem item;
  CfutOwner *owner;
  CfutExecutor *executor;
} LetGo;

static gboolean
let_go_deliver (CfutItem        *item,
                CfutDeliverMode  mode)
{
  LetGo *self = (LetGo *) item;

  g_object_unref (self->executor);
  cfut_owner_unref (self->owner);
  g_free (self);
  return FALSE;
}

static const CfutItemClass let_go_class = {
  .deliver = let_go_deliver,
};

static void
work_gate_let_go (CfutWorkGate *self)
{
  LetGo *let_go = g_new0 (LetGo, 1);

  let_go->item.klass = &let_go_class;
  let_go->owner = cfut_owner_ref (self->owner);
  let_go->executor = self->executor;
  cfut_owner_push (let_go->owner, &let_go->item);
}

static void work_gate_drain (CfutWorkGate *self,
                             CfutWork     *own,
                             CfutOwner    *orphan);

/* On the owner of the work that was the first, or, where its context is gone, on the default
 * one. */
static void
work_gate_called (gpointer        data,
                  CfutDeliverMode mode)
{
  CfutWorkGate *self = data;
  CfutOwner *called;

  cfut_lock (&self->lock, CFUT_LOCK_LOG);
  called = g_steal_pointer (&self->called);
  cfut_unlock (&self->lock, CFUT_LOCK_LOG);

  work_gate_drain (self, NULL, mode == CFUT_DELIVER_ORPHAN ? called : NULL);
  cfut_owner_unref (called);
  work_gate_let_go (self);
}

/* Gives up the lock meanwhile. FALSE: the gate said no, or the work is another thread's. */
static gboolean
work_gate_execute_one_locked (CfutWorkGate  *self,
                              CfutWork     **own,
                              CfutOwner     *orphan,
                              CfutOwner    **theirs)
{
  CfutWork *work = g_queue_peek_head (&self->works);
  CfutOwner *owner = cfut_future_get_owner (cfut_work_get_future (work));
  gboolean settled = cfut_future_is_settled (cfut_work_get_future (work));

  if (!settled && work != *own && owner != orphan && !cfut_owner_is_context_here (owner))
    {
      if (self->called == NULL && cfut_gate_is_open (self->gate))
        {
          g_object_ref (self->executor);
          self->called = cfut_owner_ref (owner);
          *theirs = cfut_owner_ref (owner);
        }
      return FALSE;
    }
  if (!settled && !cfut_gate_pass (self->gate))
    return FALSE;

  g_queue_pop_head (&self->works);
  if (work == *own)
    *own = NULL;
  cfut_unlock (&self->lock, CFUT_LOCK_LOG);
  if (settled)
    cfut_work_unref (work);
  else
    CFUT_EXECUTOR_GET_CLASS (self->executor)->execute (self->executor, work);
  cfut_lock (&self->lock, CFUT_LOCK_LOG);

  return TRUE;
}

/* Takes, or gives back, the reference for what is held. TRUE: it is to be let go. */
static gboolean
work_gate_hold_locked (CfutWorkGate *self)
{
  gboolean wants = !g_queue_is_empty (&self->works) && !cfut_gate_is_paused (self->gate);
  gboolean lets_go = !wants && self->holds;

  if (wants && !self->holds)
    g_object_ref (self->executor);
  self->holds = wants;

  return lets_go;
}

/* @own was just submitted by this thread; the context of @orphan is gone, and this is who acts for
 *   it. */
static void
work_gate_drain (CfutWorkGate *self,
                 CfutWork     *own,
                 CfutOwner    *orphan)
{
  CfutOwner *theirs = NULL;
  gboolean lets_go;

  /* What the parent will run, a forked child does not run as well. */
  if (cfut_is_forked_child ())
    return;

  cfut_lock (&self->lock, CFUT_LOCK_LOG);
  if (self->draining || g_queue_is_empty (&self->works))
    {
      self->again = self->draining;
      cfut_unlock (&self->lock, CFUT_LOCK_LOG);
      return;
    }

  self->draining = TRUE;
  g_object_ref (self->executor);
  do
    {
      self->again = FALSE;
      while (!g_queue_is_empty (&self->works) &&
             work_gate_execute_one_locked (self, &own, orphan, &theirs))
        ;
    }
  while (self->again);
  self->draining = FALSE;
  lets_go = work_gate_hold_locked (self);
  cfut_unlock (&self->lock, CFUT_LOCK_LOG);

  if (theirs != NULL)
    {
      cfut_owner_want (theirs, work_gate_called, self);
      cfut_owner_unref (theirs);
    }
  if (lets_go)
    work_gate_let_go (self);
  work_gate_let_go (self);
}

static void
on_open (gpointer data)
{
  work_gate_drain (data, NULL, NULL);
}

CfutWorkGate *
cfut_work_gate_new (CfutExecutor *executor)
{
  CfutWorkGate *self = g_new0 (CfutWorkGate, 1);

  g_mutex_init (&self->lock);
  self->executor = executor;
  self->owner = cfut_owner_ref (cfut_owner_get_current ());
  self->gate = cfut_gate_new (on_open, self);

  return self;
}

void
cfut_work_gate_free (CfutWorkGate *self)
{
  cfut_gate_close (self->gate);
  cfut_gate_unref (self->gate);
  g_queue_clear_full (&self->works, (GDestroyNotify) cfut_work_unref);
  cfut_owner_unref (self->owner);
  g_mutex_clear (&self->lock);
  g_free (self);
}

CfutGate *
cfut_work_gate_get_gate (CfutWorkGate *self)
{
  return self->gate;
}

/* The caller has a reference on the executor. */
void
cfut_work_gate_enqueue (CfutWorkGate *self,
                        CfutWork     *work)
{
  cfut_lock (&self->lock, CFUT_LOCK_LOG);
  g_queue_push_tail (&self->works, work);
  cfut_unlock (&self->lock, CFUT_LOCK_LOG);

  work_gate_drain (self, work, NULL);
}

/* A pause has begun: who drops the executor ends it, so nothing here may keep it. */
void
cfut_work_gate_paused (CfutWorkGate *self)
{
  gboolean lets_go;

  cfut_lock (&self->lock, CFUT_LOCK_LOG);
  lets_go = !self->draining && work_gate_hold_locked (self);
  cfut_unlock (&self->lock, CFUT_LOCK_LOG);

  if (lets_go)
    work_gate_let_go (self);
}
