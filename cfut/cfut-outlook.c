/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Whether a wait inside of a task can end.
 *
 * A task that waits for what waits for the task itself would do so for ever; so would one that
 * waits for what only the threads of its own pool could run, while all of them wait like this. So a
 * thread that runs a task looks, before it blocks, at what is waited for: down to the leaves, which
 * are not made of other futures. Each of combinators and chains settles, in one way or another, by
 * any one of what it waits for at the moment; so there is hope as long as one leaf is another's.
 *
 *   none is its own ---------------------> it blocks
 *   some are, one is not ----------------> it blocks, and looks again when that one has settled
 *   all are, or their pool's, which has
 *   a thread left -----------------------> it blocks, and looks again when a chain has gone on
 *   all are -----------------------------> DEADLOCK
 *
 * Who cancels a future from outside, or its deadline, could end any wait: that is no hope.
 *
 * Threads: the one that waits. Others only settle what is watched, and nudge.
 * Locks: none.
 * Owns: a reference on what it watches, and on what it has still to look at.
 * Invariants:
 * 1. What has settled without its combinator, chain or group having followed yet counts as hope:
 *    these are about to. It cannot be watched, so it is looked at again at once.
 * 2. A chain that goes on makes what was seen stale where it concerns the wait (cfut-chain.c): when
 *    its function gives something, after it has begun to wait for that; where a pool may be short of
 *    threads, also when its function is due, before who settled its upstream does anything else. So
 *    does a group to which something is added, or which is not held any more (cfut-group-core.c).
 * 3. Nobody is told of a deadlock who did not look after all threads of its pool had begun to wait.
 * Not here: the count of a pool's threads that wait (core/cfut-pool-run.c). */

#include "core/cfut-fork-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-outlook-private.h"
#include "cfut-follow-private.h"

static void
watch_settled (CfutNode   *node,
               CfutFuture *future,
               CfutState   state)
{
  CfutOutlook *self = (CfutOutlook *) ((char *) node - G_STRUCT_OFFSET (CfutOutlook, node));

  cfut_help_look_again (self->help);
  cfut_waiter_fire (&self->waiter);
}

static const CfutNodeClass watch_class = {
  .kind = CFUT_NODE_WAIT,
  .settled = watch_settled,
};

void
cfut_outlook_init (CfutOutlook *self,
                   CfutHelp    *help)
{
  self->help = help;
  self->n_own = 0;
  self->has_looked = FALSE;
  self->other = NULL;
  self->left = NULL;
  self->seen = NULL;
  self->tasks = NULL;
  self->is_watching = FALSE;
  self->waits_own = FALSE;
}

static void
outlook_unwatch (CfutOutlook *self)
{
  /* Closed before we could leave: who closed it is about to nudge us. */
  if (self->is_watching && !cfut_future_remove_node (self->other, &self->node))
    cfut_waiter_wait (&self->waiter, CFUT_NO_DEADLINE, NULL);
  self->is_watching = FALSE;

  if (self->other != NULL)
    cfut_future_release (g_steal_pointer (&self->other));
}

static gboolean
outlook_watch (CfutOutlook *self)
{
  cfut_waiter_init (&self->waiter);
  self->node.klass = &watch_class;
  self->is_watching = cfut_future_add_node (self->other, &self->node);
  return self->is_watching;
}

void
cfut_outlook_clear (CfutOutlook *self)
{
  outlook_unwatch (self);
}

gboolean
cfut_outlook_is_own (CfutOutlook *self,
                     CfutFuture  *leaf)
{
  for (guint i = 0; i < self->n_own; i++)
    if (self->own[i] == (GObject *) leaf)
      return TRUE;

  return FALSE;
}

void
cfut_outlook_see_other (CfutOutlook *self,
                        CfutFuture  *future)
{
  if (self->other == NULL && self->tasks == NULL)
    self->other = g_object_ref (future);
}

void
cfut_outlook_see (CfutOutlook *self,
                  CfutFuture  *future)
{
  if (cfut_future_is_settled (future))
    {
      cfut_outlook_see_other (self, future);
    }
  else if (cfut_future_has_upstream (future))
    {
      if (self->left == NULL)
        {
          self->left = g_ptr_array_new ();
          self->seen = g_hash_table_new (NULL, NULL);
        }
      if (g_hash_table_add (self->seen, future))
        g_ptr_array_add (self->left, g_object_ref (future));
    }
  else if (self->tasks != NULL)
    {
      if (CFUT_IS_TASK (future))
        g_ptr_array_add (self->tasks, g_object_ref (future));
    }
  else if (cfut_outlook_is_own (self, future))
    {
      self->is_touched = TRUE;
    }
  else if (cfut_outlook_is_pools (self, future))
    {
      self->is_touched = TRUE;
      self->is_on_pool = TRUE;
    }
  else
    {
      cfut_outlook_see_other (self, future);
    }
}

/* What is seen stays referenced until the walk is over: it is known by its address. */
static void
outlook_walk (CfutOutlook *self)
{
  if (self->left == NULL)
    return;

  for (guint i = 0; i < self->left->len; i++)
    {
      CfutFuture *future = self->left->pdata[i];

      if (cfut_future_is_settled (future))
        cfut_outlook_see_other (self, future);
      else
        ((CfutFutureClass *) ((GTypeInstance *) future)->g_class)->look_upstream (future, self);
    }

  for (guint i = 0; i < self->left->len; i++)
    cfut_future_release (self->left->pdata[i]);
  g_clear_pointer (&self->left, g_ptr_array_unref);
  g_clear_pointer (&self->seen, g_hash_table_unref);
}

static void
outlook_look (CfutOutlook     *self,
              CfutOutlookFunc  look,
              gpointer         data)
{
  if (self->n_own == 0)
    self->n_own = cfut_pool_list_runs_here (self->own, CFUT_OUTLOOK_MAX_OWN);
  if (self->n_own == 0 && self->help->task != NULL)
    self->own[self->n_own++] = self->help->task;

  self->has_looked = TRUE;
  for (;;)
    {
      outlook_unwatch (self);
      atomic_store_explicit (&self->help->is_stale, FALSE, memory_order_seq_cst);
      self->is_touched = FALSE;
      self->is_on_pool = FALSE;
      look (self, data);
      outlook_walk (self);
      if (!self->is_touched || self->other == NULL || outlook_watch (self))
        break;
      g_thread_yield ();
    }
}

CfutWake
cfut_outlook_begin_block (CfutOutlook     *self,
                          CfutOutlookFunc  look,
                          gpointer         data,
                          CfutCell        *cell,
                          CfutWaiter      *waiter)
{
  CfutHelp *help = self->help;

  if ((help->task == NULL && help->pool == NULL) || cfut_is_forked_child ())
    return CFUT_WAKE_FIRED;
  if (!self->has_looked || atomic_load_explicit (&help->is_stale, memory_order_seq_cst))
    outlook_look (self, look, data);

  self->own_wait.cell = cell;
  self->own_wait.waiter = waiter;
  self->own_wait.is_stale = &help->is_stale;
  for (guint n_tries = 0; n_tries < 2; n_tries++)
    {
      /* What the others did before they began to wait may have changed it. */
      if (n_tries > 0)
        outlook_look (self, look, data);
      if (!self->is_touched || self->other != NULL)
        return CFUT_WAKE_FIRED;
      if (!self->is_on_pool)
        return CFUT_WAKE_OWN;

      self->waits_own = cfut_pool_begin_wait_own (&self->own_wait);
      if (self->waits_own)
        return CFUT_WAKE_FIRED;
    }

  return CFUT_WAKE_NO_THREAD;
}

void
cfut_outlook_end_block (CfutOutlook *self)
{
  if (self->waits_own)
    cfut_pool_end_wait_own (&self->own_wait);
  self->waits_own = FALSE;
}

GPtrArray *
cfut_outlook_list_tasks (CfutFuture *future)
{
  CfutOutlook outlook;

  cfut_outlook_init (&outlook, NULL);
  outlook.tasks = g_ptr_array_new_with_free_func ((GDestroyNotify) cfut_future_release);
  cfut_outlook_see (&outlook, future);
  outlook_walk (&outlook);

  return outlook.tasks;
}

gboolean
cfut_outlook_concerns (CfutHelp  *help,
                       GPtrArray *tasks)
{
  if (help->pool != NULL)
    return TRUE;

  for (guint i = 0; i < tasks->len; i++)
    {
      CfutTask *task = tasks->pdata[i];

      if (task == help->task ||
          (help->is_nested && cfut_future_get_state (CFUT_FUTURE (task)) == CFUT_STATE_RUNNING))
        return TRUE;
    }

  return FALSE;
}

gboolean
cfut_outlook_runs_here (CfutFuture *future)
{
  GObject *own[CFUT_OUTLOOK_MAX_OWN];
  guint n_own;

  if (cfut_thread_get ()->running_task == future)
    return TRUE;
  if (cfut_future_get_state (future) != CFUT_STATE_RUNNING || !cfut_pool_is_nested ())
    return FALSE;

  n_own = cfut_pool_list_runs_here (own, CFUT_OUTLOOK_MAX_OWN);
  for (guint i = 0; i < n_own; i++)
    if (own[i] == (GObject *) future)
      return TRUE;

  return FALSE;
}
