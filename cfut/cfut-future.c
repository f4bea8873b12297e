/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The future: a cell and its result in a GObject, with an owner to whom it is announced.
 *
 * Who settles it writes the result, closes the cell's list, serves the nodes that were in it, and
 * hands the future to its owner's delivery queue (cfut-future-settle.c). There, on the owner's main
 * context, it notifies and emits, calls back, and lets go of what was submitted with it
 * (cfut-future-announce.c). Whoever waits or reads, on any thread, finds it in
 * cfut-future-result.c.
 *
 * Threads: getters, wait, cancel and add_done_callback on any. Signals, notifications, callbacks
 *   (but DIRECT ones), destroy notifies and the library's own unrefs on the owner's context.
 * Locks: the cell's lock bit guards the value until the future has settled, and the fields of the
 *   extra part that say so. Nothing of a user's runs under it, and nothing is freed.
 * Owns: its value, its extra part, a reference on its owner.
 * Invariants:
 * 1. The value is written before the state settles and never after, so whoever has seen a settled
 *    state reads it without a lock.
 * 2. Each presence in the owner's queue, and each count of CFUT_CELL_RELEASE_ONE, owns a reference.
 * Not here: the function that a task runs (cfut-task.c), groups. */

#include <glib/gi18n-lib.h>

#include "cfut-future-private.h"

/**
 * CfutFuture:
 *
 * The read side of a computation: its state, its result or its error, and how far it has come.
 *
 * Futures are made by executors ([method@Cfut.Executor.submit]) and promises
 * ([class@Cfut.Promise]). A future settles exactly once, and always.
 *
 * A future belongs to its owner: the thread-default main context and the thread of the submission.
 * Its signals, notifications and callbacks come on that context, in this order: last progress,
 * `state`, [signal@Cfut.Future::done], callbacks, [method@Cfut.Future.wait_async]. All methods may
 * be called on any thread, and getters always tell the present.
 *
 * A failure that nobody saw is reported: when a rejected future is finalised and neither its result
 * nor its error was asked for, no handler of `done` or of the notification of `state` was called,
 * no callback, nothing that was chained to it, and no group has handed it out or emitted it, a
 * message is logged (domain `cfut`, %G_LOG_LEVEL_MESSAGE) with its name, or its type and function
 * where it has none, and with its error. To have waited for it is not to have seen it, nor is its
 * state. Cancelled futures are never reported. Of more than 20 in a second the log tells only how
 * many there were.
 *
 * Since: 1.0
 */

typedef enum {
  PROP_STATE = 1,
  PROP_FRACTION,
  PROP_MESSAGE,
  PROP_NAME,
  PROP_WORKER_NAME,
  PROP_WORKER_PID
} FutureProperty;

static GParamSpec *properties[PROP_WORKER_PID + 1];
static guint done_signal;
static guint notify_signal;

G_DEFINE_ABSTRACT_TYPE (CfutFuture, cfut_future, G_TYPE_OBJECT)

/* On the owner's context: what handlers hear, the state last. */
void
cfut_future_notify (CfutFuture      *self,
                    CfutFutureDirty  dirty)
{
  if (dirty & CFUT_FUTURE_DIRTY_NAME)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_NAME]);
  if (dirty & CFUT_FUTURE_DIRTY_PROGRESS)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_FRACTION]);
  if (dirty & CFUT_FUTURE_DIRTY_MESSAGE)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MESSAGE]);
  if (dirty & CFUT_FUTURE_DIRTY_STATE)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_STATE]);
}

void
cfut_future_emit_done (CfutFuture *self)
{
  g_signal_emit (self, done_signal, 0);
}

gboolean
cfut_future_has_watchers (CfutFuture *self)
{
  return g_signal_handler_find (self, G_SIGNAL_MATCH_ID | G_SIGNAL_MATCH_UNBLOCKED, notify_signal,
                                0, NULL, NULL, NULL) != 0;
}

gboolean
cfut_future_has_observers (CfutFuture *self)
{
  return g_signal_has_handler_pending (self, done_signal, 0, FALSE) ||
         g_signal_has_handler_pending (self, notify_signal, 0, FALSE) ||
         g_signal_has_handler_pending (self, notify_signal, g_quark_from_static_string ("state"),
                                       FALSE);
}

static void
future_report (CfutFuture *self)
{
  CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;
  CfutFutureExtra *extra = cfut_future_peek_extra (self);

  cfut_report_unobserved (extra != NULL ? extra->name : NULL, G_OBJECT_TYPE_NAME (self),
                          klass->get_function != NULL ? klass->get_function (self) : NULL,
                          g_value_get_boxed (&self->value));
}

/* What GObject's own dispose does, disconnecting handlers and telling weak references, the last
 * unref does once more right after it, here too. There it is left out: looking twice for what a
 * future seldom has is a fifth of what a future costs in all. g_object_run_dispose holds a
 * reference. */
static void
cfut_future_dispose (GObject *object)
{
  if (g_atomic_int_get ((gint *) &object->ref_count) > 1)
    G_OBJECT_CLASS (cfut_future_parent_class)->dispose (object);
}

static void
cfut_future_finalize (GObject *object)
{
  CfutFuture *self = (CfutFuture *) object;
  CfutFutureExtra *extra = cfut_future_peek_extra (self);
  guint word = cfut_cell_load (&self->cell);

  if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_TRACKS_FUTURES))
    cfut_future_debug_gone (self);
  if (G_UNLIKELY (cfut_cell_state (word) == CFUT_STATE_REJECTED && !(word & CFUT_CELL_OBSERVED)))
    future_report (self);

  cfut_future_reap_submitted (self);
  cfut_future_drop_callbacks (self);
  if (self->value.g_type != G_TYPE_INVALID)
    g_value_unset (&self->value);
  if (extra != NULL)
    {
      g_free (extra->name);
      g_free (extra->message);
      g_clear_object (&extra->cancellable);
      g_clear_object (&extra->fds);
      g_clear_pointer (&extra->error_details, g_variant_unref);
      g_slice_free (CfutFutureExtra, extra);
    }
  /* A thread's task for posts has none between two of them. */
  if (self->owner != NULL)
    cfut_owner_unref (self->owner);

  G_OBJECT_CLASS (cfut_future_parent_class)->finalize (object);
}

static void
cfut_future_get_property (GObject    *object,
                          guint       id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  CfutFuture *self = CFUT_FUTURE (object);

  switch ((FutureProperty) id)
    {
    case PROP_STATE:
      g_value_set_enum (value, cfut_future_get_state (self));
      break;
    case PROP_FRACTION:
      g_value_set_double (value, cfut_future_get_fraction (self));
      break;
    case PROP_MESSAGE:
      g_value_take_string (value, cfut_future_dup_message (self));
      break;
    case PROP_NAME:
      g_value_take_string (value, cfut_future_dup_name (self));
      break;
    case PROP_WORKER_NAME:
      g_value_take_string (value, cfut_future_dup_worker_name (self));
      break;
    case PROP_WORKER_PID:
      g_value_set_int (value, cfut_future_get_worker_pid (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_future_set_property (GObject      *object,
                          guint         id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  CfutFuture *self = CFUT_FUTURE (object);

  switch ((FutureProperty) id)
    {
    case PROP_NAME:
      cfut_future_set_name (self, g_value_get_string (value));
      break;
    case PROP_STATE:
    case PROP_FRACTION:
    case PROP_MESSAGE:
    case PROP_WORKER_NAME:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

/* The library's messages are in a domain of its own, which no program binds; unless it is one
 * that comes with the library and says where its translations are. */
static void
bind_messages (void)
{
  if (g_getenv ("CFUT_LOCALEDIR") == NULL)
    bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  else
    bindtextdomain (GETTEXT_PACKAGE, g_getenv ("CFUT_LOCALEDIR"));
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
}

static void
cfut_future_class_init (CfutFutureClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  bind_messages ();
  cfut_delivery_set_loop_func (cfut_future_loop_seen);
  object_class->dispose = cfut_future_dispose;
  object_class->finalize = cfut_future_finalize;
  object_class->get_property = cfut_future_get_property;
  object_class->set_property = cfut_future_set_property;

  /**
   * CfutFuture:state: (getter get_state)
   *
   * Where the future stands. Notified on the owner's context; states that pass between two
   * deliveries are not notified one by one, and that a function runs is told about a sixtieth of a
   * second after it began, if it still runs then.
   *
   * Since: 1.0
   */
  properties[PROP_STATE] =
    g_param_spec_enum ("state", NULL, NULL, CFUT_TYPE_STATE, CFUT_STATE_PENDING,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * CfutFuture:fraction: (getter get_fraction)
   *
   * How much is done, from 0 to 1; 1 when resolved, 0 where nothing is known. Notified at
   * most 60 times a second, and the last value always before [signal@Cfut.Future::done].
   *
   * Since: 1.0
   */
  properties[PROP_FRACTION] =
    g_param_spec_double ("fraction", NULL, NULL, 0.0, 1.0, 0.0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * CfutFuture:message: (getter dup_message)
   *
   * What the task says of itself, for people. Notified like [property@Cfut.Future:fraction].
   *
   * Since: 1.0
   */
  properties[PROP_MESSAGE] =
    g_param_spec_string ("message", NULL, NULL, NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * CfutFuture:name: (getter dup_name) (setter set_name)
   *
   * What the future is called in lists and reports.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] =
    g_param_spec_string ("name", NULL, NULL, NULL,
                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  /**
   * CfutFuture:worker-name: (getter dup_worker_name)
   *
   * Which thread runs the task, or ran it; %NULL before, and where the executor does not say. Not
   * notified: it is there when [property@Cfut.Future:state] tells that the task runs.
   *
   * Since: 1.0
   */
  properties[PROP_WORKER_NAME] =
    g_param_spec_string ("worker-name", NULL, NULL, NULL,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * CfutFuture:worker-pid: (getter get_worker_pid)
   *
   * Which process of a [class@Cfut.ProcessExecutor] runs the call, or ran it; 0 where none does.
   * Not notified.
   *
   * Since: 1.0
   */
  properties[PROP_WORKER_PID] =
    g_param_spec_int ("worker-pid", NULL, NULL, 0, G_MAXINT, 0,
                      G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);

  /**
   * CfutFuture::done:
   * @self: the future
   *
   * The future has settled. Emitted once, on the owner's main context, before the callbacks. A
   * handler that is connected before the program returns to its main loop is never missed; one that
   * is connected to a future which was announced already is not called.
   *
   * Since: 1.0
   */
  done_signal = g_signal_new ("done", CFUT_TYPE_FUTURE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                              g_cclosure_marshal_VOID__VOID, G_TYPE_NONE, 0);
  notify_signal = g_signal_lookup ("notify", G_TYPE_OBJECT);
}

static void
cfut_future_init (CfutFuture *self)
{
  self->item.klass = &cfut_future_item_class;
  self->owner = cfut_owner_ref (cfut_owner_get_current ());
}

/**
 * cfut_future_get_state: (get-property state)
 * @self: a future
 *
 * Tells where the future stands at this moment. May be called on any thread.
 *
 * Returns: the state
 *
 * Since: 1.0
 */
CfutState
cfut_future_get_state (CfutFuture *self)
{
  CfutState state;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), CFUT_STATE_PENDING);

  state = cfut_cell_state (cfut_cell_load (&self->cell));
  if (state == CFUT_STATE_PENDING && cfut_future_has_begun (self))
    state = CFUT_STATE_RUNNING;

  return state;
}

/**
 * cfut_future_is_settled:
 * @self: a future
 *
 * Tells whether the future is resolved, rejected or cancelled. May be called on any thread.
 *
 * Returns: whether it has settled
 *
 * Since: 1.0
 */
gboolean
cfut_future_is_settled (CfutFuture *self)
{
  g_return_val_if_fail (CFUT_IS_FUTURE (self), FALSE);

  return cfut_cell_settled (cfut_cell_load (&self->cell));
}

/**
 * cfut_future_dup_name: (get-property name)
 * @self: a future
 *
 * Returns what the future is called. May be called on any thread.
 *
 * Returns: (transfer full) (nullable): the name
 *
 * Since: 1.0
 */
char *
cfut_future_dup_name (CfutFuture *self)
{
  CfutFutureExtra *extra;
  char *name;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);

  extra = cfut_future_peek_extra (self);
  if (extra == NULL)
    return NULL;

  cfut_cell_lock (&self->cell);
  name = g_strdup (extra->name);
  cfut_cell_unlock (&self->cell);

  return name;
}

/**
 * cfut_future_set_name: (set-property name)
 * @self: a future
 * @name: (nullable): what to call it
 *
 * Names the future, for lists and reports. May be called on any thread; the notification comes on
 * the owner's context, at once if that is here.
 *
 * Since: 1.0
 */
void
cfut_future_set_name (CfutFuture *self,
                      const char *name)
{
  CfutFutureExtra *extra;
  gboolean here;
  char *copy;
  char *old;

  g_return_if_fail (CFUT_IS_FUTURE (self));

  extra = cfut_future_get_extra (self);
  here = cfut_owner_is_context_here (self->owner);
  copy = g_strdup (name);
  cfut_cell_lock (&self->cell);
  old = extra->name;
  extra->name = copy;
  if (!here)
    extra->dirty |= CFUT_FUTURE_DIRTY_NAME;
  cfut_cell_unlock (&self->cell);
  g_free (old);

  if (here)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_NAME]);
  else
    cfut_future_changed (self);
}

void
cfut_future_name_if_unnamed (CfutFuture *self,
                             const char *name)
{
  CfutFutureExtra *extra = cfut_future_get_extra (self);
  char *copy = g_strdup (name);

  cfut_cell_lock (&self->cell);
  if (extra->name == NULL)
    extra->name = g_steal_pointer (&copy);
  cfut_cell_unlock (&self->cell);

  g_free (copy);
}

/**
 * cfut_future_dup_worker_name: (get-property worker-name)
 * @self: a future
 *
 * Tells which thread of a [class@Cfut.ThreadExecutor] runs the task, or ran it. May be called on
 * any thread.
 *
 * Returns: (transfer full) (nullable): the name of the thread, or %NULL
 *
 * Since: 1.0
 */
char *
cfut_future_dup_worker_name (CfutFuture *self)
{
  guint tag;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);

  tag = atomic_load_explicit (&self->cell.tag, memory_order_relaxed);
  return (tag & CFUT_FUTURE_TAG_PID) ? NULL : g_strdup (g_quark_to_string (tag));
}

/**
 * cfut_future_get_worker_pid: (get-property worker-pid)
 * @self: a future
 *
 * Tells which process of a [class@Cfut.ProcessExecutor] runs the call, or ran it, by the number that
 * it has on its own machine. It may have ended since, and the number be another's. May be called on
 * any thread.
 *
 * Returns: the process, or 0 if it was not started, or runs on a thread
 *
 * Since: 1.0
 */
int
cfut_future_get_worker_pid (CfutFuture *self)
{
  guint tag;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), 0);

  tag = atomic_load_explicit (&self->cell.tag, memory_order_relaxed);
  return (tag & CFUT_FUTURE_TAG_PID) ? (int) (tag & ~CFUT_FUTURE_TAG_PID) : 0;
}

void
cfut_future_set_worker_pid (CfutFuture *self,
                            int         pid)
{
  atomic_store_explicit (&self->cell.tag, CFUT_FUTURE_TAG_PID | (guint) pid, memory_order_relaxed);
}

/**
 * cfut_future_get_fraction: (get-property fraction)
 * @self: a future
 *
 * Tells how much is done. May be called on any thread.
 *
 * Returns: from 0 to 1; 1 when resolved, 0 where nothing is known
 *
 * Since: 1.0
 */
double
cfut_future_get_fraction (CfutFuture *self)
{
  guint64 done;
  guint64 total;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), 0.0);

  if (cfut_future_get_state (self) == CFUT_STATE_RESOLVED)
    return 1.0;

  cfut_future_get_progress (self, &done, &total);
  return total > 0 ? (double) done / (double) total : 0.0;
}

/**
 * cfut_future_get_progress:
 * @self: a future
 * @done: (out) (optional): how much is done, in units of the task's choice
 * @total: (out) (optional): how much there is; 0 when that is not known
 *
 * Returns the progress that was last reported. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_future_get_progress (CfutFuture *self,
                          guint64    *done,
                          guint64    *total)
{
  CfutFutureExtra *extra;
  guint64 is_done = 0;
  guint64 of_total = 0;

  g_return_if_fail (CFUT_IS_FUTURE (self));

  extra = cfut_future_peek_extra (self);
  if (extra != NULL)
    {
      cfut_cell_lock (&self->cell);
      is_done = extra->done;
      of_total = extra->total;
      cfut_cell_unlock (&self->cell);
    }

  if (done != NULL)
    *done = is_done;
  if (total != NULL)
    *total = of_total;
}

/**
 * cfut_future_dup_message: (get-property message)
 * @self: a future
 *
 * Returns what the task last said of itself. May be called on any thread.
 *
 * Returns: (transfer full) (nullable): the message
 *
 * Since: 1.0
 */
char *
cfut_future_dup_message (CfutFuture *self)
{
  CfutFutureExtra *extra;
  char *message;

  g_return_val_if_fail (CFUT_IS_FUTURE (self), NULL);

  extra = cfut_future_peek_extra (self);
  if (extra == NULL)
    return NULL;

  cfut_cell_lock (&self->cell);
  message = g_strdup (extra->message);
  cfut_cell_unlock (&self->cell);

  return message;
}
