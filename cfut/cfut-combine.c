/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Combinators: one future for several, settled by the first that decides.
 *
 * Each input has a part: a node in the list of that future. The part that decides settles the
 * combined future and takes the other nodes out again, so that nothing is left behind with inputs
 * that go on for long.
 *
 * Threads: any. Parts act on the threads that settle the inputs.
 * Locks: none of its own.
 * Owns: the parts, with a reference on each input, and one on itself: all are let go when no node
 *   stands in a list any more and nobody walks the parts.
 * Invariants:
 * 1. `n_uses` counts the nodes in lists and those who walk the parts; at zero the parts go, and it
 *    never rises from there.
 * 2. Nodes are taken out once: by whoever comes second of the one that settles, and the one that
 *    adds.
 * 3. `n_left` counts the inputs that may decide yet; who takes the last one decides.
 * Not here: combined futures that are inputs of others, in any depth (cfut-follow.c). */

#include <glib/gi18n-lib.h>

#include "cfut-combine.h"
#include "cfut-follow-private.h"
#include "cfut-outlook-private.h"

typedef struct _CfutCombinedFuture CfutCombinedFuture;

typedef enum {
  COMBINE_ALL,
  COMBINE_ANY,
  COMBINE_RACE
} CombineKind;

typedef struct {
  CfutNode node;
  CfutCombinedFuture *combined;
  CfutFuture *input;
} Part;

struct _CfutCombinedFuture {
  CfutFuture parent_instance;

  /* Immutable, until nobody uses it any more */
  CombineKind kind;
  gsize n_parts;
  Part *parts;
  gsize n_added;

  /* Atomic: sequentially consistent, as two sides tell each other by two of them */
  _Atomic gsize n_left;
  _Atomic gsize n_uses;
  _Atomic gboolean added;
  _Atomic gboolean unlinked;
};

typedef struct {
  CfutFutureClass parent_class;
} CfutCombinedFutureClass;

GType cfut_combined_future_get_type (void);

G_DEFINE_FINAL_TYPE (CfutCombinedFuture, cfut_combined_future, CFUT_TYPE_FUTURE)

static gboolean
combined_begin_use (CfutCombinedFuture *self)
{
  gsize n = atomic_load (&self->n_uses);

  do
    {
      if (n == 0)
        return FALSE;
    }
  while (!atomic_compare_exchange_weak (&self->n_uses, &n, n + 1));

  return TRUE;
}

static void
combined_end_uses (CfutCombinedFuture *self,
                   gsize               n)
{
  if (atomic_fetch_sub (&self->n_uses, n) != n)
    return;

  for (gsize i = 0; i < self->n_parts; i++)
    cfut_future_hand_over (self->parts[i].input);
  g_clear_pointer (&self->parts, g_free);
  cfut_future_hand_over (&self->parent_instance);
}

/* Settled: what has not settled is left alone from now on. The caller uses the parts. */
static void
combined_unlink (CfutCombinedFuture *self)
{
  gsize n = 0;

  if (!atomic_load (&self->added) || atomic_exchange (&self->unlinked, TRUE))
    return;

  for (gsize i = 0; i < self->n_added; i++)
    if (cfut_future_remove_node (self->parts[i].input, &self->parts[i].node))
      n++;

  if (n > 0)
    combined_end_uses (self, n);
}

/* All have failed: with the error of the first, as they were given, that was rejected. */
static gboolean
combined_fail (CfutCombinedFuture *self)
{
  CfutFuture *failed = self->parts[0].input;
  GError *error;
  char *message;

  for (gsize i = 0; i < self->n_parts; i++)
    {
      if (cfut_future_get_state (self->parts[i].input) == CFUT_STATE_REJECTED)
        {
          failed = self->parts[i].input;
          break;
        }
    }

  if (self->n_parts == 1 || cfut_future_get_state (failed) == CFUT_STATE_CANCELLED)
    return cfut_future_settle_like (&self->parent_instance, failed);

  error = cfut_future_dup_error (failed);
  message = g_strdup_printf (g_dngettext (GETTEXT_PACKAGE,
                                          "%u future failed, the first one with: %s",
                                          "%u futures failed, the first one with: %s",
                                          self->n_parts),
                             (guint) self->n_parts, error->message);
  g_free (error->message);
  error->message = message;

  return cfut_future_settle (&self->parent_instance, CFUT_STATE_REJECTED, NULL, error);
}

/* Whether one such input settles it. */
static gboolean
combined_is_decided_by (CfutCombinedFuture *self,
                        CfutState           state)
{
  return self->kind == COMBINE_RACE ||
         (self->kind == COMBINE_ALL) != (state == CFUT_STATE_RESOLVED);
}

static gboolean
combined_decide (CfutCombinedFuture *self,
                 CfutFuture         *input)
{
  CfutState state = cfut_future_get_state (input);

  if (combined_is_decided_by (self, state))
    return cfut_future_settle_like (&self->parent_instance, input);

  if (atomic_fetch_sub (&self->n_left, 1) != 1)
    return FALSE;

  return self->kind == COMBINE_ALL
           ? cfut_future_settle (&self->parent_instance, CFUT_STATE_RESOLVED, NULL, NULL)
           : combined_fail (self);
}

static void
part_follow (CfutNode *node)
{
  Part *part = (Part *) node;
  CfutCombinedFuture *self = part->combined;

  if (!cfut_future_is_settled (&self->parent_instance) && combined_decide (self, part->input))
    combined_unlink (self);
  combined_end_uses (self, 1);
}

static const CfutFollowClass part_node_class = {
  .base.kind = CFUT_NODE_LATE,
  .base.settled = cfut_follow_settled,
  .follow = part_follow,
};

static void
combined_cancelled (CfutFuture *future,
                    GPtrArray  *list)
{
  CfutCombinedFuture *self = (CfutCombinedFuture *) future;

  if (!combined_begin_use (self))
    return;

  combined_unlink (self);
  for (gsize i = self->n_parts; i > 0; i--)
    if (!cfut_future_is_settled (self->parts[i - 1].input))
      g_ptr_array_add (list, g_object_ref (self->parts[i - 1].input));
  combined_end_uses (self, 1);
}

static void
combined_list_upstream (CfutFuture *future,
                        GPtrArray  *list)
{
  CfutCombinedFuture *self = (CfutCombinedFuture *) future;

  if (!combined_begin_use (self))
    return;

  for (gsize i = 0; i < self->n_parts; i++)
    if (cfut_future_has_upstream (self->parts[i].input) &&
        !cfut_future_is_settled (self->parts[i].input))
      g_ptr_array_add (list, g_object_ref (self->parts[i].input));
  combined_end_uses (self, 1);
}

static void
combined_look_upstream (CfutFuture  *future,
                        CfutOutlook *outlook)
{
  CfutCombinedFuture *self = (CfutCombinedFuture *) future;
  gboolean decided = TRUE;

  if (combined_begin_use (self))
    {
      gsize n_open = 0;

      decided = FALSE;
      for (gsize i = 0; i < self->n_parts; i++)
        {
          CfutState state = cfut_future_get_state (self->parts[i].input);

          if (state >= CFUT_STATE_RESOLVED)
            {
              decided |= combined_is_decided_by (self, state);
              continue;
            }
          n_open++;
          cfut_outlook_see (outlook, self->parts[i].input);
        }
      decided |= n_open == 0;
      combined_end_uses (self, 1);
    }

  if (decided)
    cfut_outlook_see_other (outlook, future);
}

static void
cfut_combined_future_class_init (CfutCombinedFutureClass *klass)
{
  CfutFutureClass *future_class = (CfutFutureClass *) klass;

  future_class->cancelled = combined_cancelled;
  future_class->list_upstream = combined_list_upstream;
  future_class->look_upstream = combined_look_upstream;
}

static void
cfut_combined_future_init (CfutCombinedFuture *self)
{
}

/* Stops early where an input that has settled decides. */
static void
combined_add_nodes (CfutCombinedFuture *self)
{
  for (gsize i = 0; i < self->n_parts && !cfut_future_is_settled (&self->parent_instance); i++)
    {
      Part *part = &self->parts[i];

      atomic_fetch_add (&self->n_uses, 1);
      self->n_added = i + 1;
      if (!cfut_future_add_node (part->input, &part->node))
        cfut_follow_settled (&part->node, part->input, cfut_future_get_state (part->input));
    }

  atomic_store (&self->added, TRUE);
  if (cfut_future_is_settled (&self->parent_instance))
    combined_unlink (self);
}

static CfutFuture *
combined_new (CombineKind   kind,
              CfutFuture  **futures,
              gsize         n_futures)
{
  CfutCombinedFuture *self = g_object_new (cfut_combined_future_get_type (), NULL);
  CfutFuture *future = &self->parent_instance;

  cfut_future_made (future);
  if (n_futures == 0)
    {
      if (kind == COMBINE_ALL)
        cfut_future_settle (future, CFUT_STATE_RESOLVED, NULL, NULL);
      else
        cfut_future_settle (future, CFUT_STATE_REJECTED, NULL,
                            g_error_new_literal (G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                                                 _("There is no future to wait for")));
      return future;
    }

  self->kind = kind;
  self->n_parts = n_futures;
  self->parts = g_new (Part, n_futures);
  for (gsize i = 0; i < n_futures; i++)
    {
      self->parts[i].node.klass = &part_node_class.base;
      self->parts[i].combined = self;
      self->parts[i].input = g_object_ref (futures[i]);
      cfut_future_observe (futures[i]);
    }

  atomic_store (&self->n_left, n_futures);
  atomic_store (&self->n_uses, 1);
  g_object_ref (self);
  combined_add_nodes (self);
  combined_end_uses (self, 1);

  return future;
}

static gboolean
are_futures (CfutFuture **futures,
             gsize        n_futures)
{
  if (futures == NULL)
    return n_futures == 0;

  for (gsize i = 0; i < n_futures; i++)
    if (!CFUT_IS_FUTURE (futures[i]))
      return FALSE;

  return TRUE;
}

/**
 * cfut_future_all:
 * @futures: (array length=n_futures) (nullable) (transfer none): the futures; one may be there
 *   several times
 * @n_futures: how many there are
 *
 * Waits for several futures as one, until all are resolved.
 *
 * The new future is resolved, without a value, when all of @futures are; their values are read from
 * them. It is rejected or cancelled like the first of them that is; the others go on. Of no futures
 * it is resolved at once.
 *
 * It belongs to the caller's thread-default main context. Cancelling it cancels all of @futures.
 * Their failures count as seen. May be called on any thread.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_all (CfutFuture **futures,
                 gsize        n_futures)
{
  g_return_val_if_fail (are_futures (futures, n_futures), NULL);

  return combined_new (COMBINE_ALL, futures, n_futures);
}

/**
 * cfut_future_any:
 * @futures: (array length=n_futures) (nullable) (transfer none): the futures; one may be there
 *   several times
 * @n_futures: how many there are
 *
 * Waits for several futures as one, until any of them is resolved.
 *
 * The new future is resolved with the value of the first that is; the others go on. When all have
 * failed, it is rejected with the domain and code of the first in @futures that was rejected, and a
 * message that says how many there were; or it is cancelled, if all of them were.
 *
 * It belongs to the caller's thread-default main context. Cancelling it cancels all of @futures.
 * Their failures count as seen. May be called on any thread.
 *
 * Errors: also %G_IO_ERROR_INVALID_ARGUMENT, at once, when there are no futures.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_any (CfutFuture **futures,
                 gsize        n_futures)
{
  g_return_val_if_fail (are_futures (futures, n_futures), NULL);

  return combined_new (COMBINE_ANY, futures, n_futures);
}

/**
 * cfut_future_race:
 * @futures: (array length=n_futures) (nullable) (transfer none): the futures; one may be there
 *   several times
 * @n_futures: how many there are
 *
 * Waits for several futures as one, until any of them has settled.
 *
 * The new future settles like the first of them, be that resolved, rejected or cancelled; of those
 * that have settled already, like the first in @futures. The others go on.
 *
 * It belongs to the caller's thread-default main context. Cancelling it cancels all of @futures.
 * Their failures count as seen. May be called on any thread.
 *
 * Errors: also %G_IO_ERROR_INVALID_ARGUMENT, at once, when there are no futures.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_race (CfutFuture **futures,
                  gsize        n_futures)
{
  g_return_val_if_fail (are_futures (futures, n_futures), NULL);

  return combined_new (COMBINE_RACE, futures, n_futures);
}
