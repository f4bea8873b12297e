/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What ends a wait in a main loop before its time: a deadline, or a cancellable.
 *
 * Threads: made and dispatched on the caller's context; attached and dropped by whoever sets the
 *   wait up, or ends it, which may be two threads at once.
 * Locks: sources_lock guards the pointers to all these sources, while they are attached or stolen;
 *   a leaf but for the GMainContext's own.
 * Owns: a reference on its wait, from its making until it is finalised.
 * Invariants:
 * 1. A source is made before its wait may end, and attached after it has begun: one that was dropped
 *    in between is never attached.
 * Not here: which of the two ends a wait (cfut-wait.c, cfut-executor-limits.c). */

#include "core/cfut-lock-private.h"
#include "core/cfut-waiter-private.h"
#include "cfut-wait-source-private.h"

typedef struct {
  GSource source;
  gpointer wait;
  void (*ended) (gpointer wait);
  void (*unref) (gpointer wait);
} WaitSource;

static GMutex sources_lock;

/* By the source's own time, or its child: the cancellable. */
static gboolean
wait_source_dispatch (GSource     *source,
                      GSourceFunc  callback,
                      gpointer     data)
{
  WaitSource *self = (WaitSource *) source;

  self->ended (self->wait);
  return G_SOURCE_REMOVE;
}

static void
wait_source_finalize (GSource *source)
{
  WaitSource *self = (WaitSource *) source;

  self->unref (self->wait);
}

static GSourceFuncs wait_source_funcs = {
  .dispatch = wait_source_dispatch,
  .finalize = wait_source_finalize,
};

GSource *
cfut_wait_source_new (const char   *name,
                      gint64        deadline_usec,
                      GCancellable *cancellable,
                      gpointer      wait,
                      void        (*ended) (gpointer wait),
                      void        (*unref) (gpointer wait))
{
  GSource *source = g_source_new (&wait_source_funcs, sizeof (WaitSource));
  WaitSource *self = (WaitSource *) source;

  self->wait = wait;
  self->ended = ended;
  self->unref = unref;
  g_source_set_static_name (source, name);
  if (deadline_usec != CFUT_NO_DEADLINE)
    g_source_set_ready_time (source, deadline_usec);
  if (cancellable != NULL)
    {
      GSource *child = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (child);
      g_source_add_child_source (source, child);
      g_source_unref (child);
    }

  return source;
}

void
cfut_wait_source_attach (GSource     **source,
                         GMainContext *context)
{
  cfut_lock (&sources_lock, CFUT_LOCK_WAIT);
  if (*source != NULL)
    g_source_attach (*source, context);
  cfut_unlock (&sources_lock, CFUT_LOCK_WAIT);
}

void
cfut_wait_source_drop (GSource **source)
{
  GSource *stolen;

  cfut_lock (&sources_lock, CFUT_LOCK_WAIT);
  stolen = g_steal_pointer (source);
  cfut_unlock (&sources_lock, CFUT_LOCK_WAIT);

  if (stolen != NULL)
    {
      g_source_destroy (stolen);
      g_source_unref (stolen);
    }
}
