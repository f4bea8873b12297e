/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Futures that follow other futures: how one settles as another has, however many stand in a row.
 *
 * A future that settles serves its LATE nodes last. A node that follows does not act there and
 * then, as what it settles may be followed in turn, and so on without an end: it joins a list of
 * this thread's, which the outermost of them works off.
 *
 * Threads: any; the list is each thread's own.
 * Locks: none.
 * Owns: nothing; a node brings along what it needs.
 * Invariants:
 * 1. While a thread follows, the depth of its stack does not depend on how many futures stand in a
 *    row.
 * 2. When the call that settled a future returns, all that follow it have acted.
 * 3. A user's DIRECT callback starts a list of its own, so what it settles is followed before it
 *    goes on.
 * Not here: what is done with an outcome (cfut-chain.c, cfut-combine.c). */

#include "cfut-follow-private.h"
#include "cfut-value-private.h"

static __thread CfutFollowScope scope_here;

void
cfut_follow_settled (CfutNode   *node,
                     CfutFuture *future,
                     CfutState   state)
{
  CfutFollowScope *scope = &scope_here;

  node->next = NULL;
  if (scope->first == NULL)
    scope->first = node;
  else
    scope->last->next = node;
  scope->last = node;

  if (scope->runs)
    return;

  scope->runs = TRUE;
  while ((node = scope->first) != NULL)
    {
      scope->first = node->next;
      ((const CfutFollowClass *) node->klass)->follow (node);
    }
  scope->runs = FALSE;
}

void
cfut_follow_suspend (CfutFollowScope *scope)
{
  *scope = scope_here;
  scope_here = (CfutFollowScope) { NULL, };
}

void
cfut_follow_resume (const CfutFollowScope *scope)
{
  scope_here = *scope;
}

gboolean
cfut_future_settle_like (CfutFuture *self,
                         CfutFuture *settled)
{
  CfutState state = cfut_future_get_state (settled);
  GValue value = G_VALUE_INIT;
  GError *error = NULL;

  if (state == CFUT_STATE_RESOLVED)
    cfut_value_init_copy (&value, &settled->value);
  else if (settled->value.g_type != G_TYPE_INVALID)
    error = g_value_dup_boxed (&settled->value);

  return cfut_future_settle (self, state, &value, error);
}

gboolean
cfut_future_depends_on (CfutFuture *self,
                        CfutFuture *other)
{
  gboolean found = FALSE;
  GHashTable *seen;
  GPtrArray *left;

  if (!cfut_future_has_upstream (self) || cfut_future_is_settled (self))
    return FALSE;

  seen = g_hash_table_new (NULL, NULL);
  left = g_ptr_array_new ();
  g_ptr_array_add (left, g_object_ref (self));
  while (left->len > 0)
    {
      CfutFuture *future = g_ptr_array_steal_index_fast (left, left->len - 1);

      found = found || future == other;
      if (!found && !cfut_future_is_settled (future) && g_hash_table_add (seen, future))
        ((CfutFutureClass *) ((GTypeInstance *) future)->g_class)->list_upstream (future, left);
      cfut_future_release (future);
    }
  g_ptr_array_unref (left);
  g_hash_table_unref (seen);

  return found;
}
