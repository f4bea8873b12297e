/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How a thread becomes one of an executor: its name, and the function that prepares it.
 *
 * Threads: the pool's workers call enter and leave on their own; the setters come before them, or
 *   on any.
 * Locks: none. The prefix is an interned string behind an atomic pointer.
 * Owns: the initializer's data, which is freed on the context of who set it.
 * Invariants:
 * 1. The initializer is set once, before it is called.
 * 2. A thread has its old name back when it leaves: others may use it next.
 * Not here: threads themselves (core/cfut-pool.c). */

/* pthread_setname_np */
#define _GNU_SOURCE

#include <glib/gi18n-lib.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/cfut-thread-private.h"
#include "cfut-error.h"
#include "cfut-post-private.h"
#include "cfut-thread-setup-private.h"

#define DEFAULT_PREFIX "cfut"
#define SYSTEM_NAME_SIZE 16

struct _CfutThreadSetup {
  _Atomic (const char *) prefix;  /* interned */

  /* Immutable once it has workers */
  CfutInitializerFunc func;
  gpointer user_data;
  GDestroyNotify destroy;
  CfutOwner *owner;
};

/* The data, on its way to its context. */
typedef struct {
  CfutItem item;
  gpointer user_data;
  GDestroyNotify destroy;
} SetupRelease;

static __thread char outer_name[SYSTEM_NAME_SIZE];

CfutThreadSetup *
cfut_thread_setup_new (void)
{
  CfutThreadSetup *self = g_new0 (CfutThreadSetup, 1);

  atomic_init (&self->prefix, DEFAULT_PREFIX);

  return self;
}

static gboolean
release_deliver (CfutItem        *item,
                 CfutDeliverMode  mode)
{
  SetupRelease *release = (SetupRelease *) item;

  release->destroy (release->user_data);
  g_free (release);
  return FALSE;
}

static const CfutItemClass release_item_class = {
  .deliver = release_deliver,
};

void
cfut_thread_setup_free (CfutThreadSetup *self)
{
  if (self->destroy != NULL)
    {
      SetupRelease *release = g_new0 (SetupRelease, 1);

      release->item.klass = &release_item_class;
      release->user_data = self->user_data;
      release->destroy = self->destroy;
      cfut_owner_push (self->owner, &release->item);
    }
  if (self->owner != NULL)
    cfut_owner_unref (self->owner);
  g_free (self);
}

const char *
cfut_thread_setup_get_prefix (CfutThreadSetup *self)
{
  return atomic_load_explicit (&self->prefix, memory_order_acquire);
}

void
cfut_thread_setup_set_prefix (CfutThreadSetup *self,
                              const char      *prefix)
{
  atomic_store_explicit (&self->prefix,
                         prefix != NULL ? g_intern_string (prefix) : DEFAULT_PREFIX,
                         memory_order_release);
}

gboolean
cfut_thread_setup_has_initializer (CfutThreadSetup *self)
{
  return self->func != NULL;
}

void
cfut_thread_setup_set_initializer (CfutThreadSetup     *self,
                                   CfutInitializerFunc  func,
                                   gpointer             user_data,
                                   GDestroyNotify       destroy)
{
  self->owner = cfut_owner_ref (cfut_owner_get_current ());
  self->user_data = user_data;
  self->destroy = destroy;
  self->func = func;
}

gboolean
cfut_thread_setup_enter (gpointer   data,
                         guint      worker,
                         GError   **error)
{
  CfutThreadSetup *self = data;
  CfutThread *thread = cfut_thread_get ();
  g_autofree char *name = g_strdup_printf ("%s-%u", cfut_thread_setup_get_prefix (self), worker);
  g_autofree char *shown = g_strndup (name, SYSTEM_NAME_SIZE - 1);
  gboolean was_aside;
  gboolean success;

  thread->worker_name = g_quark_from_string (name);
  pthread_getname_np (pthread_self (), outer_name, sizeof outer_name);
  pthread_setname_np (pthread_self (), shown);

  if (self->func == NULL)
    return TRUE;

  was_aside = cfut_pool_step_aside ();
  success = self->func (self->user_data, error);
  cfut_pool_step_back (was_aside);
  if (success)
    return TRUE;

  if (error != NULL && *error == NULL)
    g_set_error_literal (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED,
                         _("The function that prepares a thread failed and set no error"));
  cfut_thread_setup_leave (self);
  return FALSE;
}

void
cfut_thread_setup_leave (gpointer data)
{
  cfut_thread_get ()->worker_name = 0;
  pthread_setname_np (pthread_self (), outer_name);
  cfut_post_thread_leaves ();
}
