/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What stands in a pool by priority, beside its queues: a heap ordered by a time.
 *
 * Something that is more urgent than the rest has as key a time before its submission, something
 * less urgent one after it. What has come to its time is as good as what stands in the queues, so
 * nothing waits for ever (ageing); among each other the order of two keys never changes, so nothing
 * has to be sorted again as time passes. The idea is that of a deadline scheduler with virtual
 * times.
 *
 *   push_placed, place --> heap --take_placed--> run
 *                            \--(NEVER)--> set aside, until it is given another key
 *
 * Threads: any.
 * Locks: places_lock, after a cell's.
 * Owns: a reference on each link, as the queues do.
 * Invariants:
 * 1. n_ready counts the places whose key is not NEVER, n_places all of them; sequentially
 *    consistent, as who goes to sleep looks at them.
 * 2. What is moved is counted all the time: else its pool could seem to be empty, and be taken for
 *    ended.
 * Not here: how keys come from priorities (cfut-task-options.c). */

#include "core/cfut-lock-private.h"
#include "core/cfut-pool-struct-private.h"

static void
pool_count_place (CfutPool *self,
                  gint64    key,
                  int       sign)
{
  atomic_fetch_add_explicit (&self->n_places, sign, memory_order_seq_cst);
  if (key != CFUT_POOL_NEVER)
    atomic_fetch_add_explicit (&self->n_ready, sign, memory_order_seq_cst);
}

static gboolean
pool_place_locked (CfutPool      *self,
                   CfutPoolPlace *place,
                   gint64         key)
{
  gboolean was_ready;

  if (place->place.index == 0)
    {
      cfut_heap_insert (&self->heap, &place->place, key);
      pool_count_place (self, key, 1);
      return FALSE;
    }

  /* Who looks at the counts does so without the lock: what only moves is there all the time. */
  was_ready = place->place.key != CFUT_POOL_NEVER;
  cfut_heap_move (&self->heap, &place->place, key);
  if (was_ready != (key != CFUT_POOL_NEVER))
    atomic_fetch_add_explicit (&self->n_ready, was_ready ? -1 : 1, memory_order_seq_cst);

  return TRUE;
}

gboolean
cfut_pool_place (CfutPool      *self,
                 CfutPoolPlace *place,
                 gint64         key)
{
  gboolean moved;

  cfut_lock (&self->places_lock, CFUT_LOCK_PLACES);
  moved = pool_place_locked (self, place, key);
  cfut_unlock (&self->places_lock, CFUT_LOCK_PLACES);

  return moved;
}

/* Who empties the heap has said so before, so either he finds it or we see that. */
gboolean
cfut_pool_try_place (CfutPool      *self,
                     CfutPoolPlace *place,
                     gint64         key,
                     gboolean      *was_placed)
{
  gboolean placed;

  cfut_lock (&self->places_lock, CFUT_LOCK_PLACES);
  placed = place->place.index > 0 || !(pool_word (self) & EMPTIED);
  *was_placed = placed && pool_place_locked (self, place, key);
  cfut_unlock (&self->places_lock, CFUT_LOCK_PLACES);

  return placed;
}

/* FALSE: it did not stand there. Else its reference is the caller's. */
gboolean
cfut_pool_unplace (CfutPool      *self,
                   CfutPoolPlace *place)
{
  gboolean found;

  cfut_lock (&self->places_lock, CFUT_LOCK_PLACES);
  found = place->place.index > 0;
  if (found)
    {
      cfut_heap_remove (&self->heap, &place->place);
      pool_count_place (self, place->place.key, -1);
    }
  cfut_unlock (&self->places_lock, CFUT_LOCK_PLACES);

  return found;
}

gboolean
cfut_pool_is_aside (CfutPool      *self,
                    CfutPoolPlace *place)
{
  gboolean aside;

  cfut_lock (&self->places_lock, CFUT_LOCK_PLACES);
  aside = place->place.index > 0 && place->place.key == CFUT_POOL_NEVER;
  cfut_unlock (&self->places_lock, CFUT_LOCK_PLACES);

  return aside;
}

/* What comes first, if its time has come; with @any, even if not. */
CfutLink *
cfut_pool_take_placed (CfutPool *self,
                       gboolean  any)
{
  gint64 until = any ? CFUT_POOL_NEVER - 1 : g_get_monotonic_time ();
  CfutPlace *place;

  cfut_lock (&self->places_lock, CFUT_LOCK_PLACES);
  place = cfut_heap_peek (&self->heap);
  if (place != NULL && place->key <= until)
    {
      cfut_heap_remove (&self->heap, place);
      pool_count_place (self, place->key, -1);
    }
  else
    {
      place = NULL;
    }
  cfut_unlock (&self->places_lock, CFUT_LOCK_PLACES);

  /* More of it may have sleepers to run it. */
  if (place != NULL && atomic_load_explicit (&self->n_ready, memory_order_relaxed) > 0)
    cfut_pool_notify (self);

  return place != NULL ? ((CfutPoolPlace *) place)->link : NULL;
}

void
cfut_pool_drain_places (CfutPool *self,
                        void    (*func) (CfutLink *link))
{
  for (;;)
    {
      CfutPlace *place;

      cfut_lock (&self->places_lock, CFUT_LOCK_PLACES);
      place = cfut_heap_peek (&self->heap);
      if (place != NULL)
        {
          cfut_heap_remove (&self->heap, place);
          pool_count_place (self, place->key, -1);
        }
      cfut_unlock (&self->places_lock, CFUT_LOCK_PLACES);

      if (place == NULL)
        break;
      cfut_pool_drain_link (self, ((CfutPoolPlace *) place)->link, func);
    }
}
