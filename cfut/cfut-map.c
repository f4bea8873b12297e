/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The map: one function over many items, with their futures in order, and never more of them
 * submitted than the buffer allows.
 *
 *   0 ........ n_taken ........ n_submitted ........ n_end
 *   handed out |   the slots    |   do not exist yet   |
 *
 * There is no thread that feeds it: whoever takes an item (cfut-map-next.c) submits what there is
 * room for then.
 *
 * Threads: any. Items belong to the owner of the map, whoever submits them.
 * Locks: the map's lock guards all that is not immutable. Nothing is submitted, settled, or let go
 *   under it.
 * Owns: a reference on each item between submitted and taken, and on the task of the chunk that
 *   runs it; the source, until all is submitted or the map is cancelled.
 * Invariants:
 * 1. n_taken <= n_submitted <= n_end, and n_submitted - n_taken <= buffer_size.
 * 2. One thread at a time submits; it resolves `published` when it has something to show, and when
 *    it ends.
 * 3. The map holds no task's data and no item holds the map: it may be dropped at any time.
 * 4. What was made and has no room yet stays where it is when the one who waited for room gives up:
 *    whoever takes next goes on with it.
 * Not here: taking items and waiting for them (cfut-map-next.c), how they become tasks
 * (cfut-map-submit.c), ranges (cfut-map-range.c). */

#include "cfut-future-private.h"
#include "cfut-map-struct-private.h"

#define BUFFER_AT_LEAST 16
#define BUFFER_PER_WORKER 2

/**
 * CfutMap:
 *
 * The results of one function over many items, one by one and in order.
 *
 * Made by [method@Cfut.Executor.map], [method@Cfut.Executor.map_model] and
 * [method@Cfut.Executor.map_array]. Each item is a future of its own, with its own error:
 *
 * ```c
 * g_autoptr (CfutMap) map = cfut_executor_map (executor, NULL, n_files, 0, hash_file, files, NULL);
 *
 * while ((future = cfut_map_next (map, -1, NULL, &error)) != NULL)
 *   {
 *     show (cfut_future_result_string (future, 0, NULL));
 *     g_object_unref (future);
 *   }
 * ```
 *
 * It is lazy: at most as many items as the buffer holds are submitted and not yet taken, and the
 * next ones when there is room again, on the thread that makes it by taking one. So a consumer that
 * is slow or stops holds back the rest, and a map over a great many items costs what its buffer
 * does.
 *
 * A map that is dropped before its end submits no more; what was submitted and has not started is
 * cancelled, and what is running runs to its end. All methods may be called on any thread.
 *
 * Since: 1.0
 */

G_DEFINE_FINAL_TYPE (CfutMap, cfut_map, G_TYPE_OBJECT)

/* How many of the next items to submit at once: a whole chunk or none. */
static guint
map_room_locked (CfutMap *self)
{
  guint64 n = MIN (self->n_end - self->n_submitted, self->chunk_size);

  return n <= self->buffer_size - (self->n_submitted - self->n_taken) ? (guint) n : 0;
}

static gboolean
map_has_more_locked (CfutMap *self)
{
  return self->made != NULL || map_room_locked (self) > 0;
}

static CfutMapSource *
map_steal_spent_source_locked (CfutMap *self)
{
  return self->n_submitted == self->n_end && self->made == NULL ? g_steal_pointer (&self->source)
                                                                : NULL;
}

/* For the copy of a chain that is worked on outside the lock. */
static CfutMapSlot *
slots_copy (CfutMapSlot *slots)
{
  CfutMapSlot *first = NULL;
  CfutMapSlot **link = &first;

  for (; slots != NULL; slots = slots->next)
    {
      CfutMapSlot *slot = g_slice_new (CfutMapSlot);

      slot->next = NULL;
      slot->item = g_object_ref (slots->item);
      slot->chunk = slots->chunk != NULL ? g_object_ref (slots->chunk) : NULL;
      *link = slot;
      link = &slot->next;
    }

  return first;
}

static void
slots_cancel (CfutMapSlot *slots)
{
  for (; slots != NULL; slots = slots->next)
    {
      /* A chunk that is queued takes its items along; in one that runs each is asked by itself. */
      if (slots->chunk != NULL)
        cfut_future_cancel_pending (slots->chunk);
      cfut_future_cancel (slots->item);
    }
}

static void
slots_drop (CfutMapSlot *slots)
{
  for (CfutMapSlot *slot = slots; slot != NULL; slot = slot->next)
    cfut_future_cancel_pending (slot->chunk != NULL ? slot->chunk : slot->item);
  for (CfutMapSlot *slot = slots; slot != NULL; slot = slot->next)
    if (slot->chunk != NULL)
      cfut_future_cancel_pending (slot->item);

  cfut_map_slots_free (slots);
}

/* Others look again. */
static void
publish (CfutPromise *published)
{
  if (published == NULL)
    return;

  cfut_promise_resolve (published, NULL);
  g_object_unref (published);
}

/* The next items, which are counted as submitted from here on, unless there are some already. The
 * lock is given up meanwhile. */
static void
map_make_locked (CfutMap       *self,
                 CfutMapSource *source)
{
  guint n = map_room_locked (self);
  guint64 first = self->n_submitted;
  CfutMapSlot *late = NULL;
  CfutMapSlot *slots;
  CfutMapSlot *last;

  if (self->made != NULL)
    return;

  self->n_submitted += n;
  cfut_map_unlock (self);
  slots = cfut_map_source_make (source, first, n, &last);
  cfut_map_lock (self);
  self->made = slots;
  self->last_made = last;
  if (!self->cancelled)
    return;

  /* Meanwhile. */
  late = slots_copy (slots);
  cfut_map_unlock (self);
  slots_cancel (late);
  cfut_map_slots_free (late);
  cfut_map_lock (self);
}

static void
map_show_made_locked (CfutMap *self)
{
  if (self->slots == NULL)
    self->slots = self->made;
  else
    self->last->next = self->made;
  self->last = self->last_made;
  self->made = NULL;
}

gboolean
cfut_map_top_up (CfutMap      *self,
                 gint64        deadline_usec,
                 GCancellable *cancellable)
{
  CfutMapSource *source = NULL;
  CfutMapSource *spent;
  CfutPromise *published;
  gboolean in_time = TRUE;

  cfut_map_lock (self);
  if (self->submitting)
    {
      cfut_map_unlock (self);
      return TRUE;
    }

  /* What was made before the map was cancelled needs none to be shown. */
  if (self->source != NULL)
    source = (CfutMapSource *) cfut_owned_ref (&self->source->data);
  self->submitting = TRUE;
  while (map_has_more_locked (self))
    {
      map_make_locked (self, source);
      cfut_map_unlock (self);
      in_time = source == NULL || cfut_map_source_submit (source, self->made, deadline_usec,
                                                          cancellable);
      cfut_map_lock (self);
      if (!in_time)
        break;
      map_show_made_locked (self);
      published = g_steal_pointer (&self->published);
      cfut_map_unlock (self);
      publish (published);
      cfut_map_lock (self);
    }

  self->submitting = FALSE;
  spent = map_steal_spent_source_locked (self);
  published = g_steal_pointer (&self->published);
  cfut_map_unlock (self);

  publish (published);
  if (source != NULL)
    cfut_owned_unref (&source->data);
  if (spent != NULL)
    cfut_owned_unref (&spent->data);
  return in_time;
}

CfutExecutor *
cfut_map_dup_full (CfutMap *self,
                   guint64 *size)
{
  CfutExecutor *executor = NULL;

  cfut_map_lock (self);
  if (self->made != NULL && self->source != NULL)
    executor = g_object_ref (cfut_map_source_peek (self->source, self->made, size));
  cfut_map_unlock (self);

  return executor;
}

static void
cfut_map_finalize (GObject *object)
{
  CfutMap *self = CFUT_MAP (object);

  slots_drop (self->slots);
  slots_drop (self->made);
  if (self->source != NULL)
    cfut_owned_unref (&self->source->data);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (cfut_map_parent_class)->finalize (object);
}

static void
cfut_map_class_init (CfutMapClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = cfut_map_finalize;
}

static void
cfut_map_init (CfutMap *self)
{
  g_mutex_init (&self->lock);
  self->timeout_usec = -1;
  self->made_usec = g_get_monotonic_time ();
}

static guint
default_buffer_size (CfutExecutor *executor,
                     guint         chunk_size)
{
  guint64 n_workers = cfut_executor_get_max_workers (executor);

  if (n_workers == 0)
    n_workers = g_get_num_processors ();

  return (guint) CLAMP (n_workers * BUFFER_PER_WORKER * chunk_size, BUFFER_AT_LEAST, G_MAXUINT);
}

/* Takes @core over. */
static CfutMap *
map_new (CfutExecutor *executor,
         CfutRequest  *request,
         guint64       n_items,
         guint         buffer_size,
         CfutMapCore  *core)
{
  CfutMap *self = g_object_new (CFUT_TYPE_MAP, NULL);

  self->chunk_size = request != NULL && core->args == NULL ? MAX (request->chunk_size, 1) : 1;
  self->buffer_size = buffer_size > 0 ? buffer_size
                                      : default_buffer_size (executor, self->chunk_size);
  self->chunk_size = MIN (self->chunk_size, self->buffer_size);
  self->n_items = self->n_end = n_items;
  self->source = cfut_map_source_new (core, executor, request);
  cfut_owned_unref (&core->data);

  cfut_map_top_up (self, CFUT_NO_DEADLINE, NULL);
  return self;
}

/**
 * cfut_executor_map:
 * @self: an executor
 * @request: (nullable): how each item is to be submitted; what it says now counts
 * @n_items: how many items there are
 * @buffer_size: how many items may be submitted ahead of what was taken; 0 for twice as many as the
 *   executor has workers, times the chunk size, and at least 16
 * @func: (scope notified) (closure user_data) (destroy destroy): what does an item; called once at
 *   most for each index from 0 to @n_items - 1, on threads of the executor, on several at once
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data when @func cannot be called any more; called on the main
 *   context of this call, never on a worker
 *
 * Has a function run for each of many items. [method@Cfut.Map.next] gives their futures in order.
 *
 * The first items are submitted at once, the others as items are taken. All futures belong to
 * the thread-default main context and the thread of this call.
 *
 * A `chunk-size` in @request makes that many items one task of the executor, which is what many
 * short ones want. They keep a future and an error each, and may be cancelled one by one. Name and
 * group are then those of the items; priority, deadlines and cancellable are the chunk's: an item
 * that its chunk does not come to ends like the chunk. Chunks are submitted whole, so the buffer
 * should have room for two at least for each worker; a chunk is never larger than the buffer.
 *
 * For an array in C, index it with what @func gets:
 *
 * ```c
 * static gboolean
 * square (CfutTask *task, guint64 index, gpointer user_data, GError **error)
 * {
 *   const double *numbers = user_data;
 *
 *   cfut_task_set_result_double (task, numbers[index] * numbers[index]);
 *   return TRUE;
 * }
 * ```
 *
 * May be called on any thread. It does not block, unless @request says to when the executor is
 * full; then [method@Cfut.Map.next] waits for room as well.
 *
 * Returns: (transfer full): the map
 *
 * Since: 1.0
 */
CfutMap *
cfut_executor_map (CfutExecutor   *self,
                   CfutRequest    *request,
                   guint64         n_items,
                   guint           buffer_size,
                   CfutMapFunc     func,
                   gpointer        user_data,
                   GDestroyNotify  destroy)
{
  CfutMapCore *core;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), NULL);
  g_return_val_if_fail (request == NULL || CFUT_IS_REQUEST (request), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  core = cfut_map_core_new (user_data, destroy);
  core->func = func;
  return map_new (self, request, n_items, buffer_size, core);
}

/**
 * cfut_executor_map_model:
 * @self: an executor
 * @request: (nullable): how each item is to be submitted; what it says now counts
 * @model: a list
 * @buffer_size: how many items may be submitted ahead of what was taken; 0 as in
 *   [method@Cfut.Executor.map]
 * @func: (scope notified) (closure user_data) (destroy destroy): what does an item; called on
 *   threads of the executor, on several at once
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data when @func cannot be called any more; called on the main
 *   context of this call, never on a worker
 *
 * Has a function run for each item of a list, like [method@Cfut.Executor.map].
 *
 * The items are those that are in @model now; how it changes later makes no difference. The map
 * holds them, until the last that was submitted has settled, and lets them go on the main context
 * of this call. To be called on the thread that the model belongs to.
 *
 * Returns: (transfer full): the map
 *
 * Since: 1.0
 */
CfutMap *
cfut_executor_map_model (CfutExecutor    *self,
                         CfutRequest     *request,
                         GListModel      *model,
                         guint            buffer_size,
                         CfutMapItemFunc  func,
                         gpointer         user_data,
                         GDestroyNotify   destroy)
{
  CfutMapCore *core;
  GObject *item;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), NULL);
  g_return_val_if_fail (request == NULL || CFUT_IS_REQUEST (request), NULL);
  g_return_val_if_fail (G_IS_LIST_MODEL (model), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  core = cfut_map_core_new (user_data, destroy);
  core->item_func = func;
  core->items = g_ptr_array_new_full (g_list_model_get_n_items (model), g_object_unref);
  for (guint i = 0; (item = g_list_model_get_item (model, i)) != NULL; i++)
    g_ptr_array_add (core->items, item);

  return map_new (self, request, core->items->len, buffer_size, core);
}

/**
 * cfut_executor_map_array:
 * @self: an executor
 * @request: (nullable): how each item is to be submitted; what it says now counts
 * @items: (array length=n_items): the objects
 * @n_items: how many
 * @buffer_size: how many items may be submitted ahead of what was taken; 0 as in
 *   [method@Cfut.Executor.map]
 * @func: (scope notified) (closure user_data) (destroy destroy): what does an item; called on
 *   threads of the executor, on several at once
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data when @func cannot be called any more; called on the main
 *   context of this call, never on a worker
 *
 * Has a function run for each object of an array, like [method@Cfut.Executor.map].
 *
 * The map holds the objects, until the last that was submitted has settled, and lets them go on the
 * main context of this call; the array is only read. May be called on any thread.
 *
 * Returns: (transfer full): the map
 *
 * Since: 1.0
 */
CfutMap *
cfut_executor_map_array (CfutExecutor     *self,
                         CfutRequest      *request,
                         GObject         **items,
                         gsize             n_items,
                         guint             buffer_size,
                         CfutMapItemFunc   func,
                         gpointer          user_data,
                         GDestroyNotify    destroy)
{
  CfutMapCore *core;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), NULL);
  g_return_val_if_fail (request == NULL || CFUT_IS_REQUEST (request), NULL);
  g_return_val_if_fail (items != NULL || n_items == 0, NULL);
  g_return_val_if_fail (n_items <= G_MAXUINT, NULL);
  g_return_val_if_fail (func != NULL, NULL);
  for (gsize i = 0; i < n_items; i++)
    g_return_val_if_fail (G_IS_OBJECT (items[i]), NULL);

  core = cfut_map_core_new (user_data, destroy);
  core->item_func = func;
  core->items = g_ptr_array_new_full ((guint) n_items, g_object_unref);
  for (gsize i = 0; i < n_items; i++)
    g_ptr_array_add (core->items, g_object_ref (items[i]));

  return map_new (self, request, n_items, buffer_size, core);
}

/**
 * cfut_executor_map_call:
 * @self: an executor
 * @request: (nullable): how each call is to be submitted; what it says now counts
 * @function: the name of a function
 * @args: an array, of which each element is what one call is given; of an array of variants (`av`),
 *   what is in each. A floating reference is sunk
 * @buffer_size: how many calls may be submitted ahead of what was taken; 0 as in
 *   [method@Cfut.Executor.map]
 *
 * Calls a function by its name for each element of an array, like [method@Cfut.Executor.call] and
 * [method@Cfut.Executor.map].
 *
 * Each call is a task of its own: a `chunk-size` in @request makes no difference. May be called on
 * any thread.
 *
 * Returns: (transfer full): the map
 *
 * Since: 1.0
 */
CfutMap *
cfut_executor_map_call (CfutExecutor *self,
                        CfutRequest  *request,
                        const char   *function,
                        GVariant     *args,
                        guint         buffer_size)
{
  CfutMapCore *core;

  g_return_val_if_fail (CFUT_IS_EXECUTOR (self), NULL);
  g_return_val_if_fail (request == NULL || CFUT_IS_REQUEST (request), NULL);
  g_return_val_if_fail (function != NULL, NULL);
  g_return_val_if_fail (args != NULL && g_variant_is_of_type (args, G_VARIANT_TYPE_ARRAY), NULL);

  core = cfut_map_core_new (NULL, NULL);
  core->function = g_strdup (function);
  core->args = g_variant_ref_sink (args);
  return map_new (self, request, g_variant_n_children (args), buffer_size, core);
}

/**
 * cfut_map_cancel:
 * @self: a map
 *
 * Cancels what is left: items that are not submitted will not be, those that were and have not been
 * taken are cancelled as by [method@Cfut.Future.cancel].
 *
 * [method@Cfut.Map.next] still hands out those that were submitted, and then is at its end. May be
 * called on any thread, and more than once.
 *
 * Since: 1.0
 */
void
cfut_map_cancel (CfutMap *self)
{
  CfutMapSource *source;
  CfutMapSlot *slots;
  CfutMapSlot *made;

  g_return_if_fail (CFUT_IS_MAP (self));

  cfut_map_lock (self);
  self->cancelled = TRUE;
  self->n_end = self->n_submitted;
  source = g_steal_pointer (&self->source);
  slots = slots_copy (self->slots);
  made = slots_copy (self->made);
  cfut_map_unlock (self);

  slots_cancel (slots);
  slots_cancel (made);
  cfut_map_slots_free (slots);
  cfut_map_slots_free (made);
  if (source != NULL)
    cfut_owned_unref (&source->data);
}

/**
 * cfut_map_set_timeout_usec:
 * @self: a map
 * @timeout_usec: how long the whole may take, in microseconds from the making of the map; negative,
 *   the default, for no limit
 *
 * Limits the waits for all items together. When the time is up [method@Cfut.Map.next] hands out
 * what has settled, and fails with %G_IO_ERROR_TIMED_OUT where it would have to wait. Nothing is
 * cancelled, and with another limit it goes on. May be called on any thread; waits under way keep
 * the limit that they began with.
 *
 * Since: 1.0
 */
void
cfut_map_set_timeout_usec (CfutMap *self,
                           gint64   timeout_usec)
{
  g_return_if_fail (CFUT_IS_MAP (self));

  cfut_map_lock (self);
  self->timeout_usec = MAX (timeout_usec, -1);
  cfut_map_unlock (self);
}

/**
 * cfut_map_get_timeout_usec:
 * @self: a map
 *
 * Tells the limit that [method@Cfut.Map.set_timeout_usec] set.
 *
 * Returns: the time in microseconds from the making of the map; -1 for no limit
 *
 * Since: 1.0
 */
gint64
cfut_map_get_timeout_usec (CfutMap *self)
{
  gint64 timeout_usec;

  g_return_val_if_fail (CFUT_IS_MAP (self), -1);

  cfut_map_lock (self);
  timeout_usec = self->timeout_usec;
  cfut_map_unlock (self);

  return timeout_usec;
}

/**
 * cfut_map_get_n_items:
 * @self: a map
 *
 * Tells how many items there are, whether or not they were submitted.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint64
cfut_map_get_n_items (CfutMap *self)
{
  g_return_val_if_fail (CFUT_IS_MAP (self), 0);

  return self->n_items;
}

/**
 * cfut_map_get_n_taken:
 * @self: a map
 *
 * Tells how many items were handed out. The last of them has the index that is one less. May be
 * called on any thread.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint64
cfut_map_get_n_taken (CfutMap *self)
{
  guint64 n_taken;

  g_return_val_if_fail (CFUT_IS_MAP (self), 0);

  cfut_map_lock (self);
  n_taken = self->n_taken;
  cfut_map_unlock (self);

  return n_taken;
}
