/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The group: the object around the core. It emits and notifies, in slices that the owner's delivery
 * queue gives it.
 *
 *   slice: items-changed --> future-done, one by one --> (nothing left) notify, all-done
 *                                      '--> (time is up) notify if it is time; one more slice
 *
 * Threads: methods on any; signals, notifications and items-changed on the owner's context.
 * Locks: none of its own, and none held while it emits.
 * Owns: the core.
 * Invariants:
 * 1. future-done comes after the items-changed that shows the future, and all-done after every
 *    future-done and after the notifications that tell the end.
 * 2. Apart from the end, properties are notified at most 60 times a second, all that changed
 *    together.
 * 3. Any handler may add, remove, run a main loop or drop the group: the slice holds a reference
 *    and reads everything again after each emission.
 * Not here: what is counted (cfut-group-core.c), waiting (cfut-group-wait.c), what happens to all
 *   members at once (cfut-group-scope.c), the model, getters (cfut-group-status.c). */

#include "cfut-group-private.h"

/**
 * CfutGroup:
 *
 * Futures that belong together: the jobs of a window, or of one loop.
 *
 * A group tells how far they have come as a whole (properties for a progress bar and its text),
 * hands them out as they settle ([method@Cfut.Group.next]), cancels them together, and is a
 * [iface@Gio.ListModel] of them in the order in which they were added. Settled futures stay until
 * they are removed.
 *
 * A future counts for one unit of work unless [method@Cfut.Group.add_units] says otherwise: where
 * jobs differ much in size, as files do in bytes, units make [property@Cfut.Group:fraction] and
 * [property@Cfut.Group:remaining-usec] true. A future that is running counts in part, by its own
 * progress.
 *
 * A group belongs to its owner: the thread-default main context, and the thread, that it was made
 * in. The list model, [signal@Cfut.Group::future-done], [signal@Cfut.Group::all-done] and
 * notifications belong to that context. What the model shows changes only together with
 * [signal@Gio.ListModel::items-changed]: at once for what is added or removed on that context, with
 * its next iteration for the rest. All methods of the group itself may be called on any thread, and
 * [method@Cfut.Group.next] and [method@Cfut.Group.wait] need no main loop.
 *
 * Where futures come by the hundred thousand, one handler of the group's signals is cheaper than
 * one for each future. Dropping a group cancels nothing, and ends its signals: keep it as long as
 * you want to hear of it.
 *
 * Since: 1.0
 */

/* A slice gives way to other deliveries after that. */
#define SLICE_USEC 1000
#define NOTIFY_USEC (G_USEC_PER_SEC / 60 + 1)
/* While work goes on and nothing happens, rate and remaining time are looked at so often. */
#define STILL_USEC G_USEC_PER_SEC

typedef enum {
  PROP_FRACTION = 1,
  PROP_N_ITEMS,
  PROP_N_DONE,
  PROP_N_FAILED,
  PROP_N_CANCELLED,
  PROP_UNITS_DONE,
  PROP_UNITS_TOTAL,
  PROP_RATE,
  PROP_REMAINING_USEC,
  PROP_CANCEL_ON_FAILURE,
  PROP_PAUSED
} GroupProperty;

#define PROP_LAST PROP_PAUSED

enum {
  SIGNAL_FUTURE_DONE,
  SIGNAL_ALL_DONE,
  N_SIGNALS
};

static GParamSpec *properties[PROP_LAST + 1];
static guint signals[N_SIGNALS];

G_DEFINE_TYPE_WITH_CODE (CfutGroup, cfut_group, G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, cfut_group_model_init))

static gboolean
status_differs (const CfutGroupStatus *a,
                const CfutGroupStatus *b,
                GroupProperty          property)
{
  switch (property)
    {
    case PROP_FRACTION:
      return a->fraction != b->fraction;
    case PROP_N_ITEMS:
      return a->n_items != b->n_items;
    case PROP_N_DONE:
      return a->n_done != b->n_done;
    case PROP_N_FAILED:
      return a->n_failed != b->n_failed;
    case PROP_N_CANCELLED:
      return a->n_cancelled != b->n_cancelled;
    case PROP_UNITS_DONE:
      return a->units_done != b->units_done;
    case PROP_UNITS_TOTAL:
      return a->units_total != b->units_total;
    case PROP_RATE:
      return a->rate != b->rate;
    case PROP_REMAINING_USEC:
      return a->remaining_usec != b->remaining_usec;
    case PROP_CANCEL_ON_FAILURE:
      return a->cancel_on_failure != b->cancel_on_failure;
    case PROP_PAUSED:
      return a->paused != b->paused;
    default:
      return FALSE;
    }
}

/* The properties whose handlers have not seen @status yet, as bits. */
static guint
group_find_news (CfutGroup             *self,
                 const CfutGroupStatus *status)
{
  guint news = self->doubtful;

  for (guint i = PROP_FRACTION; i <= PROP_LAST; i++)
    {
      if (status_differs (&self->notified, status, i))
        news |= 1u << i;
    }

  return news;
}

/* Handlers see what is true when they look, which may be different already, and may turn back to
 * what they were called for before anything else is notified: then they are called again. */
static void
group_tell (CfutGroup *self)
{
  CfutGroupStatus status;
  guint news;

  cfut_group_core_begin_telling (self->core, &status);
  news = group_find_news (self, &status);
  self->notified = status;
  self->doubtful = 0;
  for (guint i = PROP_FRACTION; i <= PROP_LAST; i++)
    {
      if (news & (1u << i))
        g_object_notify_by_pspec (G_OBJECT (self), properties[i]);
    }
  if (cfut_group_core_end_telling (self->core))
    self->doubtful |= news;
}

/* Notifies what differs from the last time; too soon after that, and not @final, later. */
static void
group_notify (CfutGroup *self,
              gboolean   final)
{
  gint64 now = g_get_monotonic_time ();
  CfutGroupStatus status;
  guint news;

  cfut_group_core_get_status (self->core, &status);
  news = group_find_news (self, &status);

  if (news != 0 && !final && now - self->notified_usec < NOTIFY_USEC)
    {
      cfut_group_core_later (self->core, self->notified_usec + NOTIFY_USEC, TRUE);
      return;
    }

  /* A rate fades, and is forgotten in the end, without anybody doing anything. */
  if (status.rate > 0 && status.remaining_usec != 0 && !status.paused)
    cfut_group_core_later (self->core, now + STILL_USEC, FALSE);
  if (news == 0)
    return;

  self->notified_usec = now;
  group_tell (self);
  /* Once more is enough for what others did meanwhile; handlers that do something each time get no
   * further. */
  if (final && self->doubtful != 0)
    group_tell (self);
}

/* TRUE: time is up. */
static gboolean
group_announce (CfutGroup *self)
{
  gint64 until = g_get_monotonic_time () + SLICE_USEC;
  CfutFuture *future;
  gboolean has_changes;

  if (!g_signal_has_handler_pending (self, signals[SIGNAL_FUTURE_DONE], 0, FALSE))
    {
      cfut_group_core_skip_announced (self->core);
      return FALSE;
    }

  do
    {
      future = cfut_group_core_next_announced (self->core, &has_changes);
      if (future != NULL)
        {
          cfut_future_observe_failure (future);
          if (G_UNLIKELY (cfut_cell_load (&future->cell) & CFUT_CELL_LINES))
            cfut_future_tell_all_lines (future);
          g_signal_emit (self, signals[SIGNAL_FUTURE_DONE], 0, future);
          cfut_future_release (future);
        }
      else if (!has_changes || !cfut_group_model_flush (self))
        {
          return FALSE;
        }
    }
  while (g_get_monotonic_time () < until);

  return TRUE;
}

static void
group_slice (GObject *face)
{
  CfutGroup *self = CFUT_GROUP (face);

  /* A handler may run a main loop and wait there for the rest: that has to find the group in the
   * queue. */
  if (cfut_group_core_has_news (self->core))
    cfut_group_core_again (self->core);

  cfut_group_model_flush (self);

  if (group_announce (self))
    {
      cfut_group_core_again (self->core);
      group_notify (self, FALSE);
    }
  else if (cfut_group_core_is_all_done (self->core, FALSE))
    {
      group_notify (self, TRUE);
      /* Unless a handler of those has given it more to do. */
      if (cfut_group_core_is_all_done (self->core, TRUE))
        g_signal_emit (self, signals[SIGNAL_ALL_DONE], 0);
    }
  else
    {
      group_notify (self, FALSE);
    }
}

static void
cfut_group_dispose (GObject *object)
{
  cfut_group_core_close (CFUT_GROUP (object)->core);

  G_OBJECT_CLASS (cfut_group_parent_class)->dispose (object);
}

static void
cfut_group_finalize (GObject *object)
{
  cfut_group_core_unref (CFUT_GROUP (object)->core);

  G_OBJECT_CLASS (cfut_group_parent_class)->finalize (object);
}

static void
cfut_group_get_property (GObject    *object,
                         guint       id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  CfutGroupStatus status;

  cfut_group_core_get_status (CFUT_GROUP (object)->core, &status);

  switch ((GroupProperty) id)
    {
    case PROP_FRACTION:
      g_value_set_double (value, status.fraction);
      break;
    case PROP_N_ITEMS:
      g_value_set_uint (value, status.n_items);
      break;
    case PROP_N_DONE:
      g_value_set_uint64 (value, status.n_done);
      break;
    case PROP_N_FAILED:
      g_value_set_uint64 (value, status.n_failed);
      break;
    case PROP_N_CANCELLED:
      g_value_set_uint64 (value, status.n_cancelled);
      break;
    case PROP_UNITS_DONE:
      g_value_set_uint64 (value, status.units_done);
      break;
    case PROP_UNITS_TOTAL:
      g_value_set_uint64 (value, status.units_total);
      break;
    case PROP_RATE:
      g_value_set_double (value, status.rate);
      break;
    case PROP_REMAINING_USEC:
      g_value_set_int64 (value, status.remaining_usec);
      break;
    case PROP_CANCEL_ON_FAILURE:
      g_value_set_boolean (value, status.cancel_on_failure);
      break;
    case PROP_PAUSED:
      g_value_set_boolean (value, status.paused);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_group_set_property (GObject      *object,
                         guint         id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  if (id == PROP_CANCEL_ON_FAILURE)
    cfut_group_set_cancel_on_failure (CFUT_GROUP (object), g_value_get_boolean (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

/* Over 80 lines, most of them documentation. */
static void
install_properties (GObjectClass *object_class)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  /**
   * CfutGroup:fraction: (getter get_fraction)
   *
   * How much of the work is done, from 0 to 1, for a progress bar.
   *
   * It is [property@Cfut.Group:units-done] of [property@Cfut.Group:units-total]; where all
   * units are 0, the share of futures that have settled. 0 for an empty group, 1 when all have
   * settled. This and all other properties are notified at most 60 times a second, and for the
   * last time before [signal@Cfut.Group::all-done].
   *
   * Since: 1.0
   */
  properties[PROP_FRACTION] = g_param_spec_double ("fraction", NULL, NULL, 0.0, 1.0, 0.0, flags);

  /**
   * CfutGroup:n-items:
   *
   * The length of the list.
   *
   * Since: 1.0
   */
  properties[PROP_N_ITEMS] = g_param_spec_uint ("n-items", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * CfutGroup:n-done: (getter get_n_done)
   *
   * How many futures of the list have settled, however they did.
   *
   * Since: 1.0
   */
  properties[PROP_N_DONE] = g_param_spec_uint64 ("n-done", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * CfutGroup:n-failed: (getter get_n_failed)
   *
   * How many of these were rejected. Cancelled ones are not among them.
   *
   * Since: 1.0
   */
  properties[PROP_N_FAILED] =
    g_param_spec_uint64 ("n-failed", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * CfutGroup:n-cancelled: (getter get_n_cancelled)
   *
   * How many of the settled ones were cancelled.
   *
   * Since: 1.0
   */
  properties[PROP_N_CANCELLED] =
    g_param_spec_uint64 ("n-cancelled", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * CfutGroup:units-done: (getter get_units_done)
   *
   * The units of the futures that have settled, and of running ones as far as their progress tells.
   *
   * Since: 1.0
   */
  properties[PROP_UNITS_DONE] =
    g_param_spec_uint64 ("units-done", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * CfutGroup:units-total: (getter get_units_total)
   *
   * The units of all futures of the list.
   *
   * Since: 1.0
   */
  properties[PROP_UNITS_TOTAL] =
    g_param_spec_uint64 ("units-total", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * CfutGroup:rate: (getter get_rate)
   *
   * Units a second; 0 while that is not known.
   *
   * It is an exponentially weighted mean over the last five seconds, or over the last sixteen steps
   * where these take longer, measured by a monotonic clock while something is unsettled, and
   * computed four times a second. What is cancelled counts with what it had done, all else that
   * settles in full. When nothing is done for a long time compared with what it covers, it is
   * unknown again; when everything has settled it stays.
   *
   * Since: 1.0
   */
  properties[PROP_RATE] = g_param_spec_double ("rate", NULL, NULL, 0.0, G_MAXDOUBLE, 0.0, flags);

  /**
   * CfutGroup:remaining-usec: (getter get_remaining_usec)
   *
   * How long the rest will take, in microseconds, at the present rate; -1 while that is not known,
   * 0 when everything has settled and nobody holds the group.
   *
   * Since: 1.0
   */
  properties[PROP_REMAINING_USEC] =
    g_param_spec_int64 ("remaining-usec", NULL, NULL, -1, G_MAXINT64, 0, flags);

  /**
   * CfutGroup:cancel-on-failure: (getter get_cancel_on_failure) (setter set_cancel_on_failure)
   *
   * Whether the first failure ends the rest: as soon as a future of the group is rejected, all
   * others that have not settled are cancelled, as by [method@Cfut.Group.cancel].
   *
   * Cancelled futures are no failures. The group stays failed, also when the future that was
   * rejected is removed: what is added later is cancelled at once. To set this to %FALSE ends
   * that; to set it to %TRUE on a group that has a rejected future cancels the rest of it.
   *
   * The thread that settles the failing future cancels, before that future's
   * %CFUT_CALLBACK_DIRECT callbacks; it needs no main loop. Who waits for the failure may be woken
   * before all others are cancelled.
   *
   * Since: 1.0
   */
  properties[PROP_CANCEL_ON_FAILURE] =
    g_param_spec_boolean ("cancel-on-failure", NULL, NULL, FALSE, flags | G_PARAM_WRITABLE);

  /**
   * CfutGroup:paused: (getter is_paused)
   *
   * Whether the group is paused, see [method@Cfut.Group.pause].
   *
   * Since: 1.0
   */
  properties[PROP_PAUSED] = g_param_spec_boolean ("paused", NULL, NULL, FALSE, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
cfut_group_class_init (CfutGroupClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = cfut_group_dispose;
  object_class->finalize = cfut_group_finalize;
  object_class->get_property = cfut_group_get_property;
  object_class->set_property = cfut_group_set_property;
  install_properties (object_class);

  /* The map of members relies on it. */
  G_STATIC_ASSERT (sizeof (CfutFuture) > CFUT_POINTER_MAP_CELL);

  /**
   * CfutGroup::future-done:
   * @self: the group
   * @future: a future of the group, which has settled
   *
   * A future has settled, however it did. Emitted once for each, in the order of settling, on the
   * group's main context, in batches that leave it free to draw; after the items-changed that
   * brought the future into the list, and not for one that was removed before.
   *
   * It does not take futures from [method@Cfut.Group.next]. A handler that is connected before the
   * program returns to its main loop misses nothing of what settles from then on.
   *
   * Since: 1.0
   */
  signals[SIGNAL_FUTURE_DONE] = g_signal_new ("future-done", CFUT_TYPE_GROUP, G_SIGNAL_RUN_LAST, 0,
                                              NULL, NULL, NULL, G_TYPE_NONE, 1, CFUT_TYPE_FUTURE);

  /**
   * CfutGroup::all-done:
   * @self: the group
   *
   * Everything in the group has settled, and nobody holds it. Emitted on the group's main context
   * after [signal@Cfut.Group::future-done] of the last future and after the last notifications;
   * also when the last hold of an empty group is released. When more is added later, it comes
   * again.
   *
   * Since: 1.0
   */
  signals[SIGNAL_ALL_DONE] = g_signal_new ("all-done", CFUT_TYPE_GROUP, G_SIGNAL_RUN_LAST, 0,
                                           NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
cfut_group_init (CfutGroup *self)
{
  self->core = cfut_group_core_new (G_OBJECT (self), group_slice);
  self->emitting_depth = -1;
  cfut_group_core_get_status (self->core, &self->notified);
  self->notified_usec = g_get_monotonic_time () - NOTIFY_USEC;
}

/**
 * cfut_group_new:
 *
 * Makes an empty group. It belongs to the calling thread and its thread-default main context.
 *
 * Returns: (transfer full): a group
 *
 * Since: 1.0
 */
CfutGroup *
cfut_group_new (void)
{
  return g_object_new (CFUT_TYPE_GROUP, NULL);
}

/**
 * cfut_group_add:
 * @self: a group
 * @future: a future, settled or not
 *
 * Adds a future that counts for one unit.
 *
 * A future that is in the group already is not added again. One that has settled counts at once.
 * May be called on any thread; see [class@Cfut.Group] for when the list shows it.
 *
 * Since: 1.0
 */
void
cfut_group_add (CfutGroup  *self,
                CfutFuture *future)
{
  cfut_group_add_units (self, future, 1);
}

/**
 * cfut_group_add_units:
 * @self: a group
 * @future: a future, settled or not
 * @units: how much work it is, compared with the others: bytes, say
 *
 * Adds a future, as [method@Cfut.Group.add] does, with a size.
 *
 * Since: 1.0
 */
void
cfut_group_add_units (CfutGroup  *self,
                      CfutFuture *future,
                      guint64     units)
{
  g_return_if_fail (CFUT_IS_GROUP (self));
  g_return_if_fail (CFUT_IS_FUTURE (future));

  cfut_group_core_add (self->core, &future, &units, 1);
  cfut_group_model_show (self);
}

/**
 * cfut_group_add_many:
 * @self: a group
 * @futures: (array length=n_futures) (nullable): futures, settled or not
 * @n_futures: how many there are
 * @units: (array length=n_units) (nullable): the size of each; %NULL for one unit each
 * @n_units: how many @units there are, which is @n_futures or 0
 *
 * Adds futures in their order, as [method@Cfut.Group.add_units] does one by one, with one change of
 * the list.
 *
 * Since: 1.0
 */
void
cfut_group_add_many (CfutGroup      *self,
                     CfutFuture    **futures,
                     gsize           n_futures,
                     const guint64  *units,
                     gsize           n_units)
{
  g_return_if_fail (CFUT_IS_GROUP (self));
  g_return_if_fail (futures != NULL || n_futures == 0);
  g_return_if_fail (n_units == (units != NULL ? n_futures : 0));
  for (gsize i = 0; i < n_futures; i++)
    g_return_if_fail (CFUT_IS_FUTURE (futures[i]));

  cfut_group_core_add (self->core, futures, units, n_futures);
  cfut_group_model_show (self);
}

/**
 * cfut_group_remove:
 * @self: a group
 * @future: a future
 *
 * Removes a future: from the list, from what is counted, and from what [method@Cfut.Group.next]
 * hands out. It is not cancelled.
 *
 * May be called on any thread. It takes time in proportion to the logarithm of the length of the
 * list, and to move the shorter side of it by one place, eight bytes for each future.
 *
 * Returns: whether it was in the group
 *
 * Since: 1.0
 */
gboolean
cfut_group_remove (CfutGroup  *self,
                   CfutFuture *future)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), FALSE);
  g_return_val_if_fail (CFUT_IS_FUTURE (future), FALSE);

  if (!cfut_group_core_remove (self->core, future))
    return FALSE;

  cfut_group_model_show (self);
  return TRUE;
}

/**
 * cfut_group_remove_settled:
 * @self: a group
 *
 * Removes all futures that have settled, as a list's "clear finished" does.
 *
 * It makes no difference whether [method@Cfut.Group.next] has handed them out: who wants each
 * of them removes them one by one. May be called on any thread. It takes time in proportion to the
 * length of the list.
 *
 * Returns: how many were removed
 *
 * Since: 1.0
 */
gsize
cfut_group_remove_settled (CfutGroup *self)
{
  gsize n_removed;

  g_return_val_if_fail (CFUT_IS_GROUP (self), 0);

  n_removed = cfut_group_core_remove_settled (self->core);
  cfut_group_model_show (self);
  return n_removed;
}

/**
 * cfut_group_hold:
 * @self: a group
 *
 * Keeps the group from coming to an end while it is still being filled.
 *
 * As long as it is held, [method@Cfut.Group.next] waits for more, and [signal@Cfut.Group::all-done]
 * is not emitted. Each hold needs one [method@Cfut.Group.release]. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_group_hold (CfutGroup *self)
{
  g_return_if_fail (CFUT_IS_GROUP (self));

  cfut_group_core_hold (self->core);
}

/**
 * cfut_group_release:
 * @self: a group that is held
 *
 * Takes back one [method@Cfut.Group.hold]. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_group_release (CfutGroup *self)
{
  gboolean group_is_held;

  g_return_if_fail (CFUT_IS_GROUP (self));

  group_is_held = cfut_group_core_release (self->core);
  g_return_if_fail (group_is_held);
}
