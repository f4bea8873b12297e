/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The group as a scope: its futures are paused and cancelled together, by hand, by the first
 * failure, or with the life of another object.
 *
 *   object --qdata--> Watcher --> Binding --> group
 *   object is disposed of --weak notify--> its bindings are taken: each group ends, and is let go
 *
 * Threads: any. An object may go on any thread, also while another binds or unbinds.
 * Locks: `binding_lock` guards all watchers and bindings; under it only GObject's own locks are
 *   taken. What a binding held is let go after it.
 * Owns: a binding holds its group. A watcher is held by its object's qdata, and while it is armed
 *   by the weak notify. A group whose last reference may be a binding's is let go on its owner's
 *   context.
 * Invariants:
 * 1. Whoever takes a binding out of its watcher disposes of it: unbind or the notify, not both. The
 *    weak notify is never taken back, as that could come too late on another thread: a watcher with
 *    no bindings stays for the object's next one.
 * 2. A watcher that has bindings is armed.
 * Not here: how a group is cancelled and paused (cfut-group-act.c). */

#include "cfut-group-private.h"

typedef struct {
  CfutItem item;       /* in the owner's queue, when it goes */
  CfutGroup *group;
} Binding;

typedef struct {
  gatomicrefcount ref_count;
  gboolean armed;
  GPtrArray *bindings;
} Watcher;

static GMutex binding_lock;

static GQuark
watcher_quark (void)
{
  return g_quark_from_static_string ("cfut-group-watcher");
}

static void
watcher_unref (gpointer data)
{
  Watcher *watcher = data;

  if (!g_atomic_ref_count_dec (&watcher->ref_count))
    return;

  g_assert (watcher->bindings->len == 0);
  g_ptr_array_unref (watcher->bindings);
  g_free (watcher);
}

static gboolean
binding_deliver (CfutItem        *item,
                 CfutDeliverMode  mode)
{
  Binding *binding = (Binding *) item;

  g_object_unref (binding->group);
  g_free (binding);
  return FALSE;
}

static const CfutItemClass binding_class = {
  .deliver = binding_deliver,
};

static void
binding_free (gpointer data)
{
  Binding *binding = data;
  CfutOwner *owner = cfut_owner_ref (cfut_group_core_get_owner (binding->group->core));

  if (cfut_owner_is_context_here (owner))
    binding_deliver (&binding->item, CFUT_DELIVER_LOOP);
  else
    cfut_owner_push (owner, &binding->item);
  cfut_owner_unref (owner);
}

/* The object is being disposed of, on whatever thread. It may live on, and be bound to again. */
static void
watcher_notify (gpointer  data,
                GObject  *where_the_object_was)
{
  Watcher *watcher = data;
  GPtrArray *bindings;

  cfut_lock (&binding_lock, CFUT_LOCK_BINDING);
  watcher->armed = FALSE;
  bindings = watcher->bindings;
  watcher->bindings = g_ptr_array_new ();
  cfut_unlock (&binding_lock, CFUT_LOCK_BINDING);

  for (guint i = 0; i < bindings->len; i++)
    {
      Binding *binding = g_ptr_array_index (bindings, i);

      cfut_group_core_end (binding->group->core);
      binding_free (binding);
    }
  g_ptr_array_unref (bindings);
  watcher_unref (watcher);
}

/* The position of @group's binding; -1: there is none. */
static int
watcher_find_locked (Watcher   *watcher,
                     CfutGroup *group)
{
  for (guint i = 0; watcher != NULL && i < watcher->bindings->len; i++)
    {
      Binding *binding = g_ptr_array_index (watcher->bindings, i);

      if (binding->group == group)
        return (int) i;
    }

  return -1;
}

static Watcher *
watcher_get_locked (GObject *object)
{
  Watcher *watcher = g_object_get_qdata (object, watcher_quark ());

  if (watcher == NULL)
    {
      watcher = g_new0 (Watcher, 1);
      g_atomic_ref_count_init (&watcher->ref_count);
      watcher->bindings = g_ptr_array_new ();
      g_object_set_qdata_full (object, watcher_quark (), watcher, watcher_unref);
    }

  return watcher;
}

/**
 * cfut_group_cancel:
 * @self: a group
 *
 * Cancels every future in the group that has not settled, as [method@Cfut.Future.cancel] does: what
 * waits is cancelled at once, what runs is asked to stop.
 *
 * What is added later is not cancelled; see [method@Cfut.Group.bind] and
 * [property@Cfut.Group:cancel-on-failure] for groups that come to an end. May be called on any
 * thread; handlers of the futures' cancellables run on this one.
 *
 * Since: 1.0
 */
void
cfut_group_cancel (CfutGroup *self)
{
  g_return_if_fail (CFUT_IS_GROUP (self));

  cfut_group_core_cancel (self->core);
}

/**
 * cfut_group_get_cancel_on_failure: (get-property cancel-on-failure)
 * @self: a group
 *
 * Tells whether the first failure cancels the rest. May be called on any thread.
 *
 * Returns: whether it does
 *
 * Since: 1.0
 */
gboolean
cfut_group_get_cancel_on_failure (CfutGroup *self)
{
  CfutGroupStatus status;

  g_return_val_if_fail (CFUT_IS_GROUP (self), FALSE);

  cfut_group_core_get_status (self->core, &status);
  return status.cancel_on_failure;
}

/**
 * cfut_group_set_cancel_on_failure: (set-property cancel-on-failure)
 * @self: a group
 * @cancel_on_failure: whether the first failure is to cancel the rest
 *
 * Sets whether the first failure cancels the rest, see [property@Cfut.Group:cancel-on-failure].
 *
 * May be called on any thread; handlers of the futures' cancellables may run on this one.
 *
 * Since: 1.0
 */
void
cfut_group_set_cancel_on_failure (CfutGroup *self,
                                  gboolean   cancel_on_failure)
{
  g_return_if_fail (CFUT_IS_GROUP (self));

  cfut_group_core_set_cancel_on_failure (self->core, cancel_on_failure != FALSE);
}

/**
 * cfut_group_pause:
 * @self: a group
 *
 * Pauses the group: every future in it that has not settled, as [method@Cfut.Future.pause] does,
 * and what is added until [method@Cfut.Group.resume].
 *
 * A future that is removed from a paused group goes on, and all do when the group is dropped. A
 * pause is a future's, not its group's: of a future that is in several groups, or is paused and
 * resumed by itself, the last call holds. Pauses do not add up. The clock of
 * [property@Cfut.Group:rate] stands still. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_group_pause (CfutGroup *self)
{
  g_return_if_fail (CFUT_IS_GROUP (self));

  cfut_group_core_set_paused (self->core, TRUE);
}

/**
 * cfut_group_resume:
 * @self: a group
 *
 * Ends a pause of the group, and of every future in it, in the order in which they were added. Has
 * no effect on a group that is not paused. May be called on any thread.
 *
 * Since: 1.0
 */
void
cfut_group_resume (CfutGroup *self)
{
  g_return_if_fail (CFUT_IS_GROUP (self));

  cfut_group_core_set_paused (self->core, FALSE);
}

/**
 * cfut_group_is_paused: (get-property paused)
 * @self: a group
 *
 * Tells whether the group was paused and not resumed. May be called on any thread.
 *
 * Returns: whether it is paused
 *
 * Since: 1.0
 */
gboolean
cfut_group_is_paused (CfutGroup *self)
{
  CfutGroupStatus status;

  g_return_val_if_fail (CFUT_IS_GROUP (self), FALSE);

  cfut_group_core_get_status (self->core, &status);
  return status.paused;
}

/**
 * cfut_group_bind:
 * @self: a group
 * @object: (type GObject.Object): what the work is for: a window, say
 *
 * Binds the group to the life of an object: when @object is disposed of, the group ends. Its
 * futures are cancelled, as by [method@Cfut.Group.cancel], and so is, at once, what is added to it
 * from then on.
 *
 * The group lives at least as long as @object, so that a window's work ends with it even if nobody
 * else keeps the group; the object is not kept alive. But a task that itself holds a reference on
 * @object keeps it from going. A group may be bound to several objects: it ends with the first one
 * that goes. To bind it to the same one again changes nothing.
 *
 * May be called on any thread, and @object may go on any; handlers of the futures' cancellables
 * run on that one.
 *
 * Since: 1.0
 */
void
cfut_group_bind (CfutGroup *self,
                 GObject   *object)
{
  Binding *binding;
  Watcher *watcher;

  g_return_if_fail (CFUT_IS_GROUP (self));
  g_return_if_fail (G_IS_OBJECT (object));
  g_return_if_fail ((gpointer) self != (gpointer) object);

  /* The reference may call a toggle reference's notify, so it is not taken under the lock. */
  binding = g_new0 (Binding, 1);
  binding->item.klass = &binding_class;
  binding->group = g_object_ref (self);

  cfut_lock (&binding_lock, CFUT_LOCK_BINDING);
  watcher = watcher_get_locked (object);
  if (watcher_find_locked (watcher, self) < 0)
    {
      g_ptr_array_add (watcher->bindings, g_steal_pointer (&binding));
      if (!watcher->armed)
        {
          watcher->armed = TRUE;
          g_atomic_ref_count_inc (&watcher->ref_count);
          g_object_weak_ref (object, watcher_notify, watcher);
        }
    }
  cfut_unlock (&binding_lock, CFUT_LOCK_BINDING);

  g_clear_pointer (&binding, binding_free);
}

/**
 * cfut_group_unbind:
 * @self: a group
 * @object: (type GObject.Object): an object that it was bound to
 *
 * Takes back [method@Cfut.Group.bind]: the object may go, and the group goes on. May be called on
 * any thread.
 *
 * Returns: whether it was bound to @object; %FALSE too if that has been disposed of
 *
 * Since: 1.0
 */
gboolean
cfut_group_unbind (CfutGroup *self,
                   GObject   *object)
{
  Binding *binding = NULL;
  Watcher *watcher;
  int i;

  g_return_val_if_fail (CFUT_IS_GROUP (self), FALSE);
  g_return_val_if_fail (G_IS_OBJECT (object), FALSE);

  cfut_lock (&binding_lock, CFUT_LOCK_BINDING);
  watcher = g_object_get_qdata (object, watcher_quark ());
  i = watcher_find_locked (watcher, self);
  if (i >= 0)
    binding = g_ptr_array_steal_index_fast (watcher->bindings, i);
  cfut_unlock (&binding_lock, CFUT_LOCK_BINDING);

  if (binding == NULL)
    return FALSE;

  binding_free (binding);
  return TRUE;
}
