/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How a map's items become tasks: each its own, or a chunk of them one that runs them in turn.
 *
 * Threads: items are submitted on any thread, by one at a time, and belong to the owner of the map
 *   all the same.
 * Locks: none.
 * Owns: an item holds the core until it is released. A chunk holds its items and the core; it is
 *   held by its task and by its node.
 * Invariants:
 * 1. No item holds the executor: an executor may hold items until it is finalised.
 * 2. When a chunk has settled, so have its items, or they do in the same step: those it did not
 *    come to, like the chunk.
 * 3. User data, objects, executor and request are let go on the owner's context.
 * Not here: how many are submitted, and when (cfut-map.c). */

#include "cfut-call-private.h"
#include "cfut-executor-private.h"
#include "cfut-map-private.h"
#include "cfut-task-private.h"

typedef struct {
  CfutMapCore *core;
  guint64 index;
} MapItem;

typedef struct {
  CfutNode node;
  gatomicrefcount ref_count;
  CfutMapCore *core;
  guint n_items;
  CfutFuture *items[];
} MapChunk;

static CfutRequest *
request_copy (CfutRequest *request)
{
  CfutRequest *copy = cfut_request_new ();

  copy->name = g_strdup (request->name);
  copy->priority = request->priority;
  copy->queue_deadline_usec = request->queue_deadline_usec;
  copy->run_deadline_usec = request->run_deadline_usec;
  copy->size = request->size;
  copy->when_full = request->when_full;
  copy->chunk_size = request->chunk_size;
  g_set_object (&copy->cancellable, request->cancellable);
  g_set_object (&copy->group, request->group);

  return copy;
}

void
cfut_map_split_request (CfutRequest  *request,
                        CfutRequest **of_future,
                        CfutRequest **of_task)
{
  *of_future = *of_task = NULL;
  if (request == NULL)
    return;

  *of_future = cfut_request_new ();
  (*of_future)->name = g_strdup (request->name);
  g_set_object (&(*of_future)->cancellable, request->cancellable);
  g_set_object (&(*of_future)->group, request->group);

  *of_task = request_copy (request);
  g_clear_object (&(*of_task)->group);
}

static void
core_free (CfutOwned *data)
{
  CfutMapCore *self = (CfutMapCore *) data;

  g_clear_pointer (&self->items, g_ptr_array_unref);
  g_clear_pointer (&self->function, g_free);
  g_clear_pointer (&self->args, g_variant_unref);
  g_free (self);
}

CfutMapCore *
cfut_map_core_new (gpointer       user_data,
                   GDestroyNotify destroy)
{
  CfutMapCore *self = g_new0 (CfutMapCore, 1);

  cfut_owned_init (&self->data, user_data, destroy, core_free);
  return self;
}

static void
source_free (CfutOwned *data)
{
  CfutMapSource *self = (CfutMapSource *) data;

  g_clear_pointer (&self->call, cfut_call_unref);
  g_object_unref (self->executor);
  g_clear_object (&self->whole);
  g_clear_object (&self->of_item);
  g_clear_object (&self->of_chunk);
  cfut_owned_unref (&self->core->data);
  g_free (self);
}

/* (transfer full): of an array of variants, what is in one. */
static GVariant *
core_dup_args (CfutMapCore *self,
               guint64      index)
{
  GVariant *args = g_variant_get_child_value (self->args, index);
  GVariant *inner;

  if (!g_variant_is_of_type (args, G_VARIANT_TYPE_VARIANT))
    return args;

  inner = g_variant_get_variant (args);
  g_variant_unref (args);
  return inner;
}

static MapItem *
item_new (CfutMapCore *core,
          guint64      index)
{
  MapItem *self = g_slice_new (MapItem);

  cfut_owned_ref (&core->data);
  self->core = core;
  self->index = index;
  return self;
}

static void
item_free (gpointer data)
{
  MapItem *self = data;

  cfut_owned_unref (&self->core->data);
  g_slice_free (MapItem, self);
}

static gboolean
item_run (CfutTask  *task,
          gpointer   data,
          GError   **error)
{
  MapItem *self = data;
  CfutMapCore *core = self->core;

  if (core->items != NULL)
    return core->item_func (task, core->items->pdata[self->index], core->data.user_data, error);

  return core->func (task, self->index, core->data.user_data, error);
}

static gpointer
item_get_function (gpointer data)
{
  CfutMapCore *core = ((MapItem *) data)->core;

  return core->items != NULL ? (gpointer) core->item_func : (gpointer) core->func;
}

static const CfutTaskWrapper item_wrapper = { item_run, item_get_function, NULL };

CfutMapSource *
cfut_map_source_new (CfutMapCore  *core,
                     CfutExecutor *executor,
                     CfutRequest  *request)
{
  CfutMapSource *self = g_new0 (CfutMapSource, 1);

  cfut_task_set_wrapper (CFUT_TASK_WRAPPER_MAP, &item_wrapper);
  cfut_owned_init (&self->data, NULL, NULL, source_free);
  cfut_owned_ref (&core->data);
  self->core = core;
  self->executor = g_object_ref (executor);
  if (request != NULL)
    self->whole = request_copy (request);
  cfut_map_split_request (request, &self->of_item, &self->of_chunk);

  return self;
}

static void
chunk_unref (gpointer data)
{
  MapChunk *self = data;

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  for (guint i = 0; i < self->n_items; i++)
    cfut_future_release (self->items[i]);
  cfut_owned_unref (&self->core->data);
  g_free (self);
}

/* What the chunk did not come to ends like it; what runs, as its time is up, is asked to stop
 * too. */
static void
chunk_settled (CfutNode   *node,
               CfutFuture *future,
               CfutState   state)
{
  MapChunk *self = (MapChunk *) node;

  if (state == CFUT_STATE_CANCELLED)
    {
      for (guint i = 0; i < self->n_items; i++)
        cfut_future_cancel (self->items[i]);
    }
  else if (state == CFUT_STATE_REJECTED)
    {
      GError *error = cfut_future_dup_error (future);

      for (guint i = 0; i < self->n_items; i++)
        if (!cfut_future_reject_pending (self->items[i], g_error_copy (error)) &&
            cfut_future_settle (self->items[i], CFUT_STATE_REJECTED, NULL, g_error_copy (error)))
          cfut_future_ask_to_stop (self->items[i]);
      g_error_free (error);
    }

  chunk_unref (self);
}

static const CfutNodeClass chunk_node_class = {
  .kind = CFUT_NODE_INTERNAL,
  .settled = chunk_settled,
};

static gboolean
chunk_run (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  MapChunk *self = data;

  for (guint i = 0; i < self->n_items; i++)
    {
      CfutFuture *item = self->items[i];

      if (!cfut_task_checkpoint (task, error))
        return FALSE;

      /* A paused one holds up those behind it. */
      cfut_future_pause_here (item);
      g_object_ref (item);
      if (!cfut_task_run (CFUT_TASK (item), 0))
        cfut_future_release (item);
    }

  return TRUE;
}

static MapChunk *
chunk_new (CfutMapSource *source,
           guint64        first,
           guint          n)
{
  MapChunk *self = g_malloc0 (sizeof (MapChunk) + n * sizeof (CfutFuture *));

  g_atomic_ref_count_init (&self->ref_count);
  self->node.klass = &chunk_node_class;
  self->core = source->core;
  cfut_owned_ref (&self->core->data);
  self->n_items = n;

  for (guint i = 0; i < n; i++)
    {
      CfutFuture *item = CFUT_FUTURE (cfut_task_new (item_run, item_new (source->core, first + i),
                                                     item_free));

      cfut_task_apply_request (CFUT_TASK (item), source->of_item, TRUE);
      self->items[i] = item;
    }

  return self;
}

/* A chain of slots, in order; takes @items over. */
static CfutMapSlot *
slots_new (CfutFuture  **items,
           guint         n,
           CfutFuture   *chunk,
           CfutMapSlot **last)
{
  CfutMapSlot *first = NULL;

  *last = NULL;
  for (guint i = n; i-- > 0;)
    {
      CfutMapSlot *slot = g_slice_new (CfutMapSlot);

      slot->next = first;
      slot->item = items[i];
      slot->chunk = chunk != NULL ? g_object_ref (chunk) : NULL;
      if (*last == NULL)
        *last = slot;
      first = slot;
    }

  return first;
}

void
cfut_map_slots_free (CfutMapSlot *slots)
{
  while (slots != NULL)
    {
      CfutMapSlot *slot = slots;

      slots = slot->next;
      if (slot->item != NULL)
        cfut_future_release (slot->item);
      if (slot->chunk != NULL)
        cfut_future_release (slot->chunk);
      g_slice_free (CfutMapSlot, slot);
    }
}

static CfutMapSlot *
source_make_chunk (CfutMapSource *self,
                   guint64        first,
                   guint          n,
                   CfutMapSlot  **last)
{
  MapChunk *chunk = chunk_new (self, first, n);
  guint64 size = self->whole->size;
  CfutMapSlot *slots;
  CfutFuture *future;

  self->of_chunk->size = size > G_MAXUINT64 / n ? G_MAXUINT64 : size * n;
  for (guint i = 0; i < n; i++)
    g_object_ref (chunk->items[i]);
  g_atomic_ref_count_inc (&chunk->ref_count);
  future = CFUT_FUTURE (cfut_executor_prepare (self->executor, self->of_chunk, chunk_run, chunk,
                                               chunk_unref));
  slots = slots_new (chunk->items, n, future, last);

  /* Its items tell what came of it. */
  cfut_future_observe (future);
  if (!cfut_future_add_node (future, &chunk->node))
    chunk_settled (&chunk->node, future, cfut_future_get_state (future));
  cfut_future_release (future);

  return slots;
}

static CfutTask *
source_prepare_one (CfutMapSource *self,
                    guint64        index)
{
  CfutMapCore *core = self->core;
  g_autoptr (GVariant) args = NULL;

  if (core->args == NULL)
    return cfut_executor_prepare (self->executor, self->whole, item_run, item_new (core, index),
                                  item_free);

  args = core_dup_args (core, index);
  return cfut_executor_prepare_call (self->executor, self->whole, core->function, args, NULL,
                                     &self->call);
}

CfutMapSlot *
cfut_map_source_make (CfutMapSource *self,
                      guint64        first,
                      guint          n,
                      CfutMapSlot  **last)
{
  CfutOwner *outer = NULL;
  gboolean foreign = cfut_owner_get_current () != self->data.owner;
  CfutMapSlot *slots;

  if (foreign)
    cfut_owner_enter (self->data.owner, &outer);
  if (n > 1)
    {
      slots = source_make_chunk (self, first, n, last);
    }
  else
    {
      CfutFuture *item = CFUT_FUTURE (source_prepare_one (self, first));

      slots = slots_new (&item, 1, NULL, last);
    }
  if (foreign)
    cfut_owner_enter (outer, NULL);

  return slots;
}

gboolean
cfut_map_source_submit (CfutMapSource *self,
                        CfutMapSlot   *slots,
                        gint64         deadline_usec,
                        GCancellable  *cancellable)
{
  CfutTask *task = CFUT_TASK (slots->chunk != NULL ? slots->chunk : slots->item);
  CfutRequest *request = slots->chunk != NULL ? self->of_chunk : self->whole;
  CfutOwner *outer = NULL;
  gboolean foreign = cfut_owner_get_current () != self->data.owner;
  gboolean submitted;

  if (foreign)
    cfut_owner_enter (self->data.owner, &outer);
  submitted = cfut_executor_submit_prepared (self->executor, task, request, deadline_usec,
                                             cancellable);
  if (foreign)
    cfut_owner_enter (outer, NULL);

  if (submitted && self->call != NULL)
    cfut_call_unref (g_steal_pointer (&self->call));

  /* Who waits for one of them on a worker of the pool waits for what that pool runs. */
  if (submitted && slots->chunk != NULL)
    for (CfutMapSlot *slot = slots; slot != NULL; slot = slot->next)
      CFUT_TASK (slot->item)->entry.pool = task->entry.pool;

  return submitted;
}

CfutExecutor *
cfut_map_source_peek (CfutMapSource *self,
                      CfutMapSlot   *slots,
                      guint64       *size)
{
  *size = slots->chunk != NULL ? self->of_chunk->size : self->whole != NULL ? self->whole->size : 0;
  return self->executor;
}
