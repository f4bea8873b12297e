/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The promise: the write side of a future that something other than an executor settles.
 *
 * Threads: any. The future belongs to the owner that made the promise.
 * Locks: none of its own; see cfut-future.c.
 * Owns: a reference on its future, dropped on the future's owner's context.
 * Invariants:
 * 1. The future is settled when the promise is gone, unless it was there before: finalised
 *    unsettled, it rejects with ABANDONED.
 * Not here: running functions. */

#include <glib/gi18n-lib.h>

#include "cfut-error.h"
#include "cfut-future-private.h"
#include "cfut-promise.h"
#include "cfut-value-private.h"

/**
 * CfutPromise:
 *
 * The write side of a future, for adapters: whoever holds the promise settles its future.
 *
 * A promise that is finalised without having settled its future rejects it with
 * %CFUT_FUTURE_ERROR_ABANDONED. All methods may be called on any thread.
 *
 * Since: 1.0
 */

typedef struct {
  CfutFuture parent_instance;
} CfutPromiseFuture;

typedef struct {
  CfutFutureClass parent_class;
} CfutPromiseFutureClass;

GType cfut_promise_future_get_type (void);

G_DEFINE_FINAL_TYPE (CfutPromiseFuture, cfut_promise_future, CFUT_TYPE_FUTURE)

static void
cfut_promise_future_class_init (CfutPromiseFutureClass *klass)
{
}

static void
cfut_promise_future_init (CfutPromiseFuture *self)
{
  cfut_future_made (&self->parent_instance);
}

struct _CfutPromise {
  GObject parent_instance;

  /* Immutable after construction */
  CfutFuture *future;
  gboolean is_for_given;  /* the future was there before it */
};

typedef enum {
  PROP_FUTURE = 1
} PromiseProperty;

G_DEFINE_FINAL_TYPE (CfutPromise, cfut_promise, G_TYPE_OBJECT)

static void
cfut_promise_finalize (GObject *object)
{
  CfutPromise *self = CFUT_PROMISE (object);

  if (!self->is_for_given && !cfut_future_is_settled (self->future))
    cfut_future_settle (self->future, CFUT_STATE_REJECTED, NULL,
                        g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_ABANDONED,
                                             _("The promise was dropped before it was kept")));
  cfut_future_release (self->future);

  G_OBJECT_CLASS (cfut_promise_parent_class)->finalize (object);
}

static CfutFuture *
future_new (void)
{
  return g_object_new (cfut_promise_future_get_type (), NULL);
}

static void
cfut_promise_constructed (GObject *object)
{
  CfutPromise *self = CFUT_PROMISE (object);

  if (self->future == NULL)
    self->future = future_new ();

  G_OBJECT_CLASS (cfut_promise_parent_class)->constructed (object);
}

static void
cfut_promise_get_property (GObject    *object,
                           guint       id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  CfutPromise *self = CFUT_PROMISE (object);

  switch ((PromiseProperty) id)
    {
    case PROP_FUTURE:
      g_value_set_object (value, self->future);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_promise_set_property (GObject      *object,
                           guint         id,
                           const GValue *value,
                           GParamSpec   *pspec)
{
  CfutPromise *self = CFUT_PROMISE (object);
  CfutFuture *future;

  switch ((PromiseProperty) id)
    {
    case PROP_FUTURE:
      future = g_value_get_object (value);
      if (future != NULL)
        {
          g_return_if_fail (G_OBJECT_TYPE (future) == cfut_promise_future_get_type ());
          self->future = g_object_ref (future);
          self->is_for_given = TRUE;
        }
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
cfut_promise_class_init (CfutPromiseClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = cfut_promise_constructed;
  object_class->finalize = cfut_promise_finalize;
  object_class->get_property = cfut_promise_get_property;
  object_class->set_property = cfut_promise_set_property;

  /**
   * CfutPromise:future: (getter get_future)
   *
   * The future that the promise settles. By default the promise makes one; about one that is given
   * see [ctor@Cfut.Promise.new_for].
   *
   * Since: 1.0
   */
  g_object_class_install_property (object_class, PROP_FUTURE,
    g_param_spec_object ("future", NULL, NULL, CFUT_TYPE_FUTURE,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));
}

static void
cfut_promise_init (CfutPromise *self)
{
}

/**
 * cfut_promise_new:
 *
 * Makes a promise with a pending future, which belongs to the thread-default main context and the
 * thread of this call.
 *
 * Returns: (transfer full): a new promise
 *
 * Since: 1.0
 */
CfutPromise *
cfut_promise_new (void)
{
  return g_object_new (CFUT_TYPE_PROMISE, NULL);
}

/**
 * cfut_promise_new_for:
 * @future: a pending future of the type that [func@Cfut.Promise.get_future_type] tells
 *
 * Makes a promise for a future that was made before it. That is for languages whose futures are
 * objects of their own from the start: one is made of that type, with `g_object_new`, and belongs
 * to the thread-default main context and the thread of that call. Of several promises for it the
 * first one that settles it does. To drop one settles nothing: whoever made the future answers for
 * it.
 *
 * Returns: (transfer full): a new promise
 *
 * Since: 1.0
 */
CfutPromise *
cfut_promise_new_for (CfutFuture *future)
{
  g_return_val_if_fail (CFUT_IS_FUTURE (future), NULL);
  g_return_val_if_fail (G_OBJECT_TYPE (future) == cfut_promise_future_get_type (), NULL);

  return g_object_new (CFUT_TYPE_PROMISE, "future", future, NULL);
}

/**
 * cfut_promise_get_future_type:
 *
 * Tells of which type the futures of promises are.
 *
 * Returns: the type, which nothing can be derived from
 *
 * Since: 1.0
 */
GType
cfut_promise_get_future_type (void)
{
  return cfut_promise_future_get_type ();
}

/**
 * cfut_promise_get_future: (get-property future)
 * @self: a promise
 *
 * Returns the future that this promise settles.
 *
 * Returns: (transfer none): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_promise_get_future (CfutPromise *self)
{
  g_return_val_if_fail (CFUT_IS_PROMISE (self), NULL);

  return self->future;
}

static gboolean
promise_resolve (CfutPromise *self,
                 GValue      *value)
{
  return cfut_future_settle (self->future, CFUT_STATE_RESOLVED, value, NULL);
}

/**
 * cfut_promise_resolve:
 * @self: a promise
 * @value: (nullable): the result; %NULL or an unset value for "no value"
 *
 * Settles the future with a value.
 *
 * Returns: %TRUE if this settled it, %FALSE if it had settled before
 *
 * Since: 1.0
 */
gboolean
cfut_promise_resolve (CfutPromise  *self,
                      const GValue *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);
  g_return_val_if_fail (value == NULL || value->g_type == G_TYPE_INVALID || G_IS_VALUE (value),
                        FALSE);

  cfut_value_init_copy (&copy, value);
  return promise_resolve (self, &copy);
}

/**
 * cfut_promise_resolve_variant:
 * @self: a promise
 * @value: (nullable): the result; a floating reference is sunk
 *
 * Settles the future with a [type@GLib.Variant], like [method@Cfut.Promise.resolve].
 *
 * Returns: whether this settled it
 *
 * Since: 1.0
 */
gboolean
cfut_promise_resolve_variant (CfutPromise *self,
                              GVariant    *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);

  cfut_value_init_variant (&copy, value);
  return promise_resolve (self, &copy);
}

/**
 * cfut_promise_resolve_string:
 * @self: a promise
 * @value: (nullable): the result
 *
 * Settles the future with a string, like [method@Cfut.Promise.resolve].
 *
 * Returns: whether this settled it
 *
 * Since: 1.0
 */
gboolean
cfut_promise_resolve_string (CfutPromise *self,
                             const char  *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);

  cfut_value_init_string (&copy, value);
  return promise_resolve (self, &copy);
}

/**
 * cfut_promise_resolve_bytes:
 * @self: a promise
 * @value: (nullable): the result
 *
 * Settles the future with a [struct@GLib.Bytes], like [method@Cfut.Promise.resolve].
 *
 * Returns: whether this settled it
 *
 * Since: 1.0
 */
gboolean
cfut_promise_resolve_bytes (CfutPromise *self,
                            GBytes      *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);

  cfut_value_init_bytes (&copy, value);
  return promise_resolve (self, &copy);
}

/**
 * cfut_promise_resolve_object:
 * @self: a promise
 * @value: (nullable): the result
 *
 * Settles the future with an object, like [method@Cfut.Promise.resolve].
 *
 * Returns: whether this settled it
 *
 * Since: 1.0
 */
gboolean
cfut_promise_resolve_object (CfutPromise *self,
                             GObject     *value)
{
  GValue copy = G_VALUE_INIT;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);
  g_return_val_if_fail (value == NULL || G_IS_OBJECT (value), FALSE);

  cfut_value_init_object (&copy, value);
  return promise_resolve (self, &copy);
}

/**
 * cfut_promise_resolve_int64:
 * @self: a promise
 * @value: the result
 *
 * Settles the future with a whole number, like [method@Cfut.Promise.resolve].
 *
 * Returns: whether this settled it
 *
 * Since: 1.0
 */
gboolean
cfut_promise_resolve_int64 (CfutPromise *self,
                            gint64       value)
{
  GValue copy = G_VALUE_INIT;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);

  cfut_value_init_int64 (&copy, value);
  return promise_resolve (self, &copy);
}

/**
 * cfut_promise_resolve_double:
 * @self: a promise
 * @value: the result
 *
 * Settles the future with a floating-point number, like [method@Cfut.Promise.resolve].
 *
 * Returns: whether this settled it
 *
 * Since: 1.0
 */
gboolean
cfut_promise_resolve_double (CfutPromise *self,
                             double       value)
{
  GValue copy = G_VALUE_INIT;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);

  cfut_value_init_double (&copy, value);
  return promise_resolve (self, &copy);
}

/**
 * cfut_promise_resolve_boolean:
 * @self: a promise
 * @value: the result
 *
 * Settles the future with true or false, like [method@Cfut.Promise.resolve].
 *
 * Returns: whether this settled it
 *
 * Since: 1.0
 */
gboolean
cfut_promise_resolve_boolean (CfutPromise *self,
                              gboolean     value)
{
  GValue copy = G_VALUE_INIT;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);

  cfut_value_init_boolean (&copy, value);
  return promise_resolve (self, &copy);
}

/**
 * cfut_promise_reject:
 * @self: a promise
 * @error: the error
 *
 * Settles the future with an error. With %G_IO_ERROR_CANCELLED, after the future was asked to stop,
 * it becomes cancelled, else rejected.
 *
 * Returns: %TRUE if this settled it, %FALSE if it had settled before
 *
 * Since: 1.0
 */
gboolean
cfut_promise_reject (CfutPromise  *self,
                     const GError *error)
{
  CfutState state = CFUT_STATE_REJECTED;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);
  g_return_val_if_fail (error != NULL, FALSE);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) &&
      cfut_future_cancel_requested (self->future))
    state = CFUT_STATE_CANCELLED;

  return cfut_future_settle (self->future, state, NULL, g_error_copy (error));
}

/**
 * cfut_promise_reject_literal:
 * @self: a promise
 * @domain: the error's domain
 * @code: the error's code
 * @message: the error's message, in UTF-8
 *
 * Settles the future with an error, like [method@Cfut.Promise.reject]: for languages that cannot
 * hand over a [type@GLib.Error].
 *
 * Returns: %TRUE if this settled it, %FALSE if it had settled before
 *
 * Since: 1.0
 */
gboolean
cfut_promise_reject_literal (CfutPromise *self,
                             GQuark       domain,
                             int          code,
                             const char  *message)
{
  g_autoptr (GError) error = NULL;

  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);
  g_return_val_if_fail (domain != 0, FALSE);
  g_return_val_if_fail (message != NULL, FALSE);

  error = g_error_new_literal (domain, code, message);
  return cfut_promise_reject (self, error);
}

/**
 * cfut_promise_set_running:
 * @self: a promise
 *
 * Says that the work has started: from now on [method@Cfut.Future.cancel] asks, and does not
 * cancel by itself.
 *
 * Returns: %FALSE if the future was running or had settled, for example as it was cancelled
 *
 * Since: 1.0
 */
gboolean
cfut_promise_set_running (CfutPromise *self)
{
  g_return_val_if_fail (CFUT_IS_PROMISE (self), FALSE);

  return cfut_future_start (self->future);
}

/**
 * cfut_promise_set_progress:
 * @self: a promise
 * @done: how much is done, in units of the caller's choice
 * @total: how much there is; 0 if that is not known
 *
 * Tells how far the work has come, like [method@Cfut.Task.set_progress], from any thread.
 *
 * Since: 1.0
 */
void
cfut_promise_set_progress (CfutPromise *self,
                           guint64      done,
                           guint64      total)
{
  g_return_if_fail (CFUT_IS_PROMISE (self));

  cfut_future_report_progress (self->future, done, total);
}

/**
 * cfut_promise_set_message:
 * @self: a promise
 * @message: (nullable): what is being done, for people to read
 *
 * Tells in words what is being done, like [method@Cfut.Task.set_message], from any thread.
 *
 * Since: 1.0
 */
void
cfut_promise_set_message (CfutPromise *self,
                          const char  *message)
{
  g_return_if_fail (CFUT_IS_PROMISE (self));

  cfut_future_report_message (self->future, message);
}

/**
 * cfut_promise_get_cancellable:
 * @self: a promise
 *
 * Returns what is cancelled when the future is cancelled or asked to stop. Made on the first call.
 *
 * Returns: (transfer none): the cancellable
 *
 * Since: 1.0
 */
GCancellable *
cfut_promise_get_cancellable (CfutPromise *self)
{
  g_return_val_if_fail (CFUT_IS_PROMISE (self), NULL);

  return cfut_future_cancellable (self->future);
}

/**
 * cfut_future_from_value:
 * @value: (nullable): the result; %NULL or an unset value for "no value"
 *
 * Makes a future that is resolved already, for example for a function of [method@Cfut.Future.chain]
 * to return.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_from_value (const GValue *value)
{
  CfutFuture *self;
  GValue copy = G_VALUE_INIT;

  g_return_val_if_fail (value == NULL || value->g_type == G_TYPE_INVALID || G_IS_VALUE (value),
                        NULL);

  self = future_new ();
  cfut_value_init_copy (&copy, value);
  cfut_future_settle (self, CFUT_STATE_RESOLVED, &copy, NULL);

  return self;
}

/**
 * cfut_future_from_error:
 * @error: the error
 *
 * Makes a future that is rejected already.
 *
 * Returns: (transfer full): a new future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_future_from_error (const GError *error)
{
  CfutFuture *self;

  g_return_val_if_fail (error != NULL, NULL);

  self = future_new ();
  cfut_future_settle (self, CFUT_STATE_REJECTED, NULL, g_error_copy (error));

  return self;
}
