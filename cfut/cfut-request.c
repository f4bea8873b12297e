/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The request: how something is to be submitted. It does nothing itself; what submits reads the
 * fields (cfut-request-private.h).
 *
 * Threads: one at a time, which is the user's to see to: there is no lock, and a submission reads
 *   on its own thread and is done with the request when it returns.
 * Locks: none.
 * Owns: the name, and a reference on the cancellable and on the group. They are dropped where the
 *   request is, or where it is changed: a submission takes references of its own.
 * Invariants:
 * 1. Each field is within the range of its property: the setters see to it, g_object_set ends in
 *    them.
 * 2. A deadline that is none is -1.
 * Not here: what the fields lead to (cfut-executor.c, the map, the pool). */

#include "cfut-request-private.h"

#include "cfut-group.h"

/**
 * CfutRequest:
 *
 * How something is to be submitted: a name, a priority, deadlines and the like.
 *
 * A request is a template. A submission reads it, on its own thread and before it returns, and
 * keeps no hold of it: it may be used for many submissions, to several executors, and be changed in
 * between, which changes nothing that was submitted before. %NULL in its place means the defaults,
 * and costs nothing.
 *
 * ```c
 * g_autoptr (CfutRequest) request = cfut_request_new ();
 *
 * cfut_request_set_name (request, "thumbnail");
 * cfut_request_set_group (request, group);
 * cfut_request_set_run_deadline_usec (request, 5 * G_USEC_PER_SEC);
 * future = cfut_executor_submit_full (executor, request, make_thumbnail, file, g_object_unref);
 * ```
 *
 * It may be made and used on any thread, but not on two at once.
 *
 * Since: 1.0
 */

typedef enum {
  PROP_NAME = 1,
  PROP_PRIORITY,
  PROP_QUEUE_DEADLINE_USEC,
  PROP_RUN_DEADLINE_USEC,
  PROP_CANCELLABLE,
  PROP_GROUP,
  PROP_SIZE,
  PROP_WHEN_FULL,
  PROP_CHUNK_SIZE
} RequestProperty;

static GParamSpec *properties[PROP_CHUNK_SIZE + 1];

G_DEFINE_FINAL_TYPE (CfutRequest, cfut_request, G_TYPE_OBJECT)

static void
cfut_request_dispose (GObject *object)
{
  CfutRequest *self = CFUT_REQUEST (object);

  g_clear_object (&self->cancellable);
  g_clear_object (&self->group);

  G_OBJECT_CLASS (cfut_request_parent_class)->dispose (object);
}

static void
cfut_request_finalize (GObject *object)
{
  g_free (CFUT_REQUEST (object)->name);

  G_OBJECT_CLASS (cfut_request_parent_class)->finalize (object);
}

static void
cfut_request_get_property (GObject    *object,
                           guint       id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  CfutRequest *self = CFUT_REQUEST (object);

  switch ((RequestProperty) id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_PRIORITY:
      g_value_set_int (value, self->priority);
      break;
    case PROP_QUEUE_DEADLINE_USEC:
      g_value_set_int64 (value, self->queue_deadline_usec);
      break;
    case PROP_RUN_DEADLINE_USEC:
      g_value_set_int64 (value, self->run_deadline_usec);
      break;
    case PROP_CANCELLABLE:
      g_value_set_object (value, self->cancellable);
      break;
    case PROP_GROUP:
      g_value_set_object (value, self->group);
      break;
    case PROP_SIZE:
      g_value_set_uint64 (value, self->size);
      break;
    case PROP_WHEN_FULL:
      g_value_set_enum (value, self->when_full);
      break;
    case PROP_CHUNK_SIZE:
      g_value_set_uint (value, self->chunk_size);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_request_set_property (GObject      *object,
                           guint         id,
                           const GValue *value,
                           GParamSpec   *pspec)
{
  CfutRequest *self = CFUT_REQUEST (object);

  switch ((RequestProperty) id)
    {
    case PROP_NAME:
      cfut_request_set_name (self, g_value_get_string (value));
      break;
    case PROP_PRIORITY:
      cfut_request_set_priority (self, g_value_get_int (value));
      break;
    case PROP_QUEUE_DEADLINE_USEC:
      cfut_request_set_queue_deadline_usec (self, g_value_get_int64 (value));
      break;
    case PROP_RUN_DEADLINE_USEC:
      cfut_request_set_run_deadline_usec (self, g_value_get_int64 (value));
      break;
    case PROP_CANCELLABLE:
      cfut_request_set_cancellable (self, g_value_get_object (value));
      break;
    case PROP_GROUP:
      cfut_request_set_group (self, g_value_get_object (value));
      break;
    case PROP_SIZE:
      cfut_request_set_size (self, g_value_get_uint64 (value));
      break;
    case PROP_WHEN_FULL:
      cfut_request_set_when_full (self, g_value_get_enum (value));
      break;
    case PROP_CHUNK_SIZE:
      cfut_request_set_chunk_size (self, g_value_get_uint (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

/* Where the range is the contract's and not the type's, values outside are moved into it, by
 * g_object_set as by the setter (LAX_VALIDATION). */
static void
install_properties (GObjectClass *object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  const GParamFlags clamped = flags | G_PARAM_LAX_VALIDATION;

  /**
   * CfutRequest:name: (getter get_name) (setter set_name)
   *
   * What the future is called in messages for people, and by debuggers.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * CfutRequest:priority: (getter get_priority) (setter set_priority)
   *
   * How urgent it is, as in GLib: 0 is the default, and less is more urgent. From -100 to 100; what
   * lies outside is taken for the nearest of these.
   *
   * Of the tasks that wait, an executor starts the most urgent ones first, and among equals the one
   * that was submitted first, roughly. Nothing is interrupted for them. Nothing starves either:
   * each step of priority counts as much as 100 milliseconds of waiting, so that a task of priority
   * 5 comes before one of priority 2 that was submitted more than 300 milliseconds after it, and is
   * as good as one of default priority after 500; and of eight tasks that a busy executor starts at
   * least one is of default priority, as long as there are any.
   *
   * The default is the cheapest one. A priority has no effect in executors that keep no queue of
   * their own.
   *
   * Since: 1.0
   */
  properties[PROP_PRIORITY] =
    g_param_spec_int ("priority", NULL, NULL,
                      -CFUT_PRIORITY_LIMIT, CFUT_PRIORITY_LIMIT, 0, clamped);

  /**
   * CfutRequest:queue-deadline-usec: (getter get_queue_deadline_usec)
   *   (setter set_queue_deadline_usec)
   *
   * How long it may wait to be started, in microseconds from the submission on; -1, and every
   * negative value, for any time.
   *
   * What has not started by then is taken out of the queue and rejected with
   * %CFUT_FUTURE_ERROR_DEADLINE. 0 has passed at once: it rejects without a look whether a thread
   * is free.
   *
   * Since: 1.0
   */
  properties[PROP_QUEUE_DEADLINE_USEC] =
    g_param_spec_int64 ("queue-deadline-usec", NULL, NULL, -1, G_MAXINT64, -1, clamped);

  /**
   * CfutRequest:run-deadline-usec: (getter get_run_deadline_usec) (setter set_run_deadline_usec)
   *
   * How long it may run, in microseconds from its start on, without the time that it waited; -1,
   * and every negative value, for any time.
   *
   * What has not ended by then is rejected with %CFUT_FUTURE_ERROR_DEADLINE on time, and its
   * cancellable is triggered so that the function ends soon. What was submitted with it is released
   * when the function has really returned. 0 has passed as soon as it starts.
   *
   * Since: 1.0
   */
  properties[PROP_RUN_DEADLINE_USEC] =
    g_param_spec_int64 ("run-deadline-usec", NULL, NULL, -1, G_MAXINT64, -1, clamped);

  /**
   * CfutRequest:cancellable: (getter get_cancellable) (setter set_cancellable)
   *
   * A cancellable that cancels what is submitted, as [method@Cfut.Future.cancel] does.
   *
   * Each task still has one of its own ([method@Cfut.Task.get_cancellable]), which follows this:
   * cancelling one future leaves the others alone.
   *
   * Since: 1.0
   */
  properties[PROP_CANCELLABLE] =
    g_param_spec_object ("cancellable", NULL, NULL, G_TYPE_CANCELLABLE, flags);

  /**
   * CfutRequest:group: (getter get_group) (setter set_group)
   *
   * A group that the future is added to, before it can start.
   *
   * Since: 1.0
   */
  properties[PROP_GROUP] = g_param_spec_object ("group", NULL, NULL, CFUT_TYPE_GROUP, flags);

  /**
   * CfutRequest:size: (getter get_size) (setter set_size)
   *
   * How many bytes it takes up while it waits, as the submitter reckons them, for executors that
   * limit the bytes in their queue.
   *
   * Since: 1.0
   */
  properties[PROP_SIZE] = g_param_spec_uint64 ("size", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * CfutRequest:when-full: (getter get_when_full) (setter set_when_full)
   *
   * What a submission does when the executor's queue has reached its limit.
   *
   * Since: 1.0
   */
  properties[PROP_WHEN_FULL] =
    g_param_spec_enum ("when-full", NULL, NULL, CFUT_TYPE_WHEN_FULL, CFUT_WHEN_FULL_REJECT, flags);

  /**
   * CfutRequest:chunk-size: (getter get_chunk_size) (setter set_chunk_size)
   *
   * How many items of a map run as one task, at least 1: where an item takes less than some
   * microseconds, more of them in one task cost less. It has no effect on single submissions.
   *
   * Since: 1.0
   */
  properties[PROP_CHUNK_SIZE] =
    g_param_spec_uint ("chunk-size", NULL, NULL, 1, G_MAXUINT, 1, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
cfut_request_class_init (CfutRequestClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = cfut_request_dispose;
  object_class->finalize = cfut_request_finalize;
  object_class->get_property = cfut_request_get_property;
  object_class->set_property = cfut_request_set_property;
  install_properties (object_class);
}

static void
cfut_request_init (CfutRequest *self)
{
  self->queue_deadline_usec = -1;
  self->run_deadline_usec = -1;
  self->chunk_size = 1;
}

/**
 * cfut_request_new:
 *
 * Makes a request with the defaults.
 *
 * Returns: (transfer full): a new request
 *
 * Since: 1.0
 */
CfutRequest *
cfut_request_new (void)
{
  return g_object_new (CFUT_TYPE_REQUEST, NULL);
}

/**
 * cfut_request_get_name: (get-property name)
 * @self: a request
 *
 * Tells what futures will be called.
 *
 * Returns: (transfer none) (nullable): the name, which is valid until it is set again
 *
 * Since: 1.0
 */
const char *
cfut_request_get_name (CfutRequest *self)
{
  g_return_val_if_fail (CFUT_IS_REQUEST (self), NULL);

  return self->name;
}

/**
 * cfut_request_set_name: (set-property name)
 * @self: a request
 * @name: (nullable): what to call them
 *
 * Sets what futures will be called, see [property@Cfut.Request:name].
 *
 * Since: 1.0
 */
void
cfut_request_set_name (CfutRequest *self,
                       const char  *name)
{
  char *copy;

  g_return_if_fail (CFUT_IS_REQUEST (self));

  if (g_strcmp0 (self->name, name) == 0)
    return;

  copy = g_strdup (name);
  g_free (self->name);
  self->name = copy;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_NAME]);
}

/**
 * cfut_request_get_priority: (get-property priority)
 * @self: a request
 *
 * Tells how urgent it will be.
 *
 * Returns: from -100 to 100; less is more urgent
 *
 * Since: 1.0
 */
int
cfut_request_get_priority (CfutRequest *self)
{
  g_return_val_if_fail (CFUT_IS_REQUEST (self), 0);

  return self->priority;
}

/**
 * cfut_request_set_priority: (set-property priority)
 * @self: a request
 * @priority: from -100 to 100; less is more urgent
 *
 * Sets how urgent it will be, see [property@Cfut.Request:priority].
 *
 * Since: 1.0
 */
void
cfut_request_set_priority (CfutRequest *self,
                           int          priority)
{
  g_return_if_fail (CFUT_IS_REQUEST (self));

  priority = CLAMP (priority, -CFUT_PRIORITY_LIMIT, CFUT_PRIORITY_LIMIT);
  if (self->priority == priority)
    return;

  self->priority = priority;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PRIORITY]);
}

/**
 * cfut_request_get_queue_deadline_usec: (get-property queue-deadline-usec)
 * @self: a request
 *
 * Tells how long it will be allowed to wait.
 *
 * Returns: microseconds; -1: any time
 *
 * Since: 1.0
 */
gint64
cfut_request_get_queue_deadline_usec (CfutRequest *self)
{
  g_return_val_if_fail (CFUT_IS_REQUEST (self), -1);

  return self->queue_deadline_usec;
}

/**
 * cfut_request_set_queue_deadline_usec: (set-property queue-deadline-usec)
 * @self: a request
 * @queue_deadline_usec: microseconds from the submission on; negative: any time; 0: none at all
 *
 * Sets how long it will be allowed to wait, see [property@Cfut.Request:queue-deadline-usec].
 *
 * Since: 1.0
 */
void
cfut_request_set_queue_deadline_usec (CfutRequest *self,
                                      gint64       queue_deadline_usec)
{
  g_return_if_fail (CFUT_IS_REQUEST (self));

  queue_deadline_usec = MAX (queue_deadline_usec, -1);
  if (self->queue_deadline_usec == queue_deadline_usec)
    return;

  self->queue_deadline_usec = queue_deadline_usec;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_QUEUE_DEADLINE_USEC]);
}

/**
 * cfut_request_get_run_deadline_usec: (get-property run-deadline-usec)
 * @self: a request
 *
 * Tells how long it will be allowed to run.
 *
 * Returns: microseconds; -1: any time
 *
 * Since: 1.0
 */
gint64
cfut_request_get_run_deadline_usec (CfutRequest *self)
{
  g_return_val_if_fail (CFUT_IS_REQUEST (self), -1);

  return self->run_deadline_usec;
}

/**
 * cfut_request_set_run_deadline_usec: (set-property run-deadline-usec)
 * @self: a request
 * @run_deadline_usec: microseconds from the start on; negative: any time; 0: none at all
 *
 * Sets how long it will be allowed to run, see [property@Cfut.Request:run-deadline-usec].
 *
 * Since: 1.0
 */
void
cfut_request_set_run_deadline_usec (CfutRequest *self,
                                    gint64       run_deadline_usec)
{
  g_return_if_fail (CFUT_IS_REQUEST (self));

  run_deadline_usec = MAX (run_deadline_usec, -1);
  if (self->run_deadline_usec == run_deadline_usec)
    return;

  self->run_deadline_usec = run_deadline_usec;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RUN_DEADLINE_USEC]);
}

/**
 * cfut_request_get_cancellable: (get-property cancellable)
 * @self: a request
 *
 * Tells what will cancel it.
 *
 * Returns: (transfer none) (nullable): the cancellable
 *
 * Since: 1.0
 */
GCancellable *
cfut_request_get_cancellable (CfutRequest *self)
{
  g_return_val_if_fail (CFUT_IS_REQUEST (self), NULL);

  return self->cancellable;
}

/**
 * cfut_request_set_cancellable: (set-property cancellable)
 * @self: a request
 * @cancellable: (nullable): what is to cancel it
 *
 * Sets what will cancel it, see [property@Cfut.Request:cancellable].
 *
 * Since: 1.0
 */
void
cfut_request_set_cancellable (CfutRequest  *self,
                              GCancellable *cancellable)
{
  g_return_if_fail (CFUT_IS_REQUEST (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  if (g_set_object (&self->cancellable, cancellable))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CANCELLABLE]);
}

/**
 * cfut_request_get_group: (get-property group)
 * @self: a request
 *
 * Tells which group futures will be added to.
 *
 * Returns: (transfer none) (nullable): the group
 *
 * Since: 1.0
 */
CfutGroup *
cfut_request_get_group (CfutRequest *self)
{
  g_return_val_if_fail (CFUT_IS_REQUEST (self), NULL);

  return self->group;
}

/**
 * cfut_request_set_group: (set-property group)
 * @self: a request
 * @group: (nullable): a group
 *
 * Sets which group futures will be added to, see [property@Cfut.Request:group].
 *
 * Since: 1.0
 */
void
cfut_request_set_group (CfutRequest *self,
                        CfutGroup   *group)
{
  g_return_if_fail (CFUT_IS_REQUEST (self));
  g_return_if_fail (group == NULL || CFUT_IS_GROUP (group));

  if (g_set_object (&self->group, group))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_GROUP]);
}

/**
 * cfut_request_get_size: (get-property size)
 * @self: a request
 *
 * Tells how many bytes it will count for.
 *
 * Returns: bytes
 *
 * Since: 1.0
 */
guint64
cfut_request_get_size (CfutRequest *self)
{
  g_return_val_if_fail (CFUT_IS_REQUEST (self), 0);

  return self->size;
}

/**
 * cfut_request_set_size: (set-property size)
 * @self: a request
 * @size: bytes
 *
 * Sets how many bytes it will count for, see [property@Cfut.Request:size].
 *
 * Since: 1.0
 */
void
cfut_request_set_size (CfutRequest *self,
                       guint64      size)
{
  g_return_if_fail (CFUT_IS_REQUEST (self));

  if (self->size == size)
    return;

  self->size = size;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SIZE]);
}

/**
 * cfut_request_get_when_full: (get-property when-full)
 * @self: a request
 *
 * Tells what a submission will do when the queue is full.
 *
 * Returns: what will be done
 *
 * Since: 1.0
 */
CfutWhenFull
cfut_request_get_when_full (CfutRequest *self)
{
  g_return_val_if_fail (CFUT_IS_REQUEST (self), CFUT_WHEN_FULL_REJECT);

  return self->when_full;
}

/**
 * cfut_request_set_when_full: (set-property when-full)
 * @self: a request
 * @when_full: what to do
 *
 * Sets what a submission will do when the queue is full, see [property@Cfut.Request:when-full].
 *
 * Since: 1.0
 */
void
cfut_request_set_when_full (CfutRequest  *self,
                            CfutWhenFull  when_full)
{
  g_return_if_fail (CFUT_IS_REQUEST (self));
  g_return_if_fail (when_full <= CFUT_WHEN_FULL_BLOCK);

  if (self->when_full == when_full)
    return;

  self->when_full = when_full;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WHEN_FULL]);
}

/**
 * cfut_request_get_chunk_size: (get-property chunk-size)
 * @self: a request
 *
 * Tells how many items of a map will run as one task.
 *
 * Returns: the number of items
 *
 * Since: 1.0
 */
guint
cfut_request_get_chunk_size (CfutRequest *self)
{
  g_return_val_if_fail (CFUT_IS_REQUEST (self), 1);

  return self->chunk_size;
}

/**
 * cfut_request_set_chunk_size: (set-property chunk-size)
 * @self: a request
 * @chunk_size: the number of items, at least 1
 *
 * Sets how many items of a map will run as one task, see [property@Cfut.Request:chunk-size].
 *
 * Since: 1.0
 */
void
cfut_request_set_chunk_size (CfutRequest *self,
                             guint        chunk_size)
{
  g_return_if_fail (CFUT_IS_REQUEST (self));
  g_return_if_fail (chunk_size > 0);

  if (self->chunk_size == chunk_size)
    return;

  self->chunk_size = chunk_size;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CHUNK_SIZE]);
}
