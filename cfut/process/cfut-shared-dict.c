/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The object of a shared dict: in the application the face of a store, in a worker a proxy, which
 * sends each operation to the application and waits for the answer.
 *
 *   application: method --> op --> store --> answer
 *   worker:      method --> op --request, transport, reply--> answer
 *
 * Threads: methods on any; `changed` on the owner's context.
 * Locks: none of its own, and none held while a transport waits.
 * Owns: the store, whose other holders (executors) outlive the object; or the transport's data.
 * Invariants:
 * 1. What no dict takes is refused before it is sent or applied, with the same error in both.
 * 2. A proxy keeps nothing of what it has seen: each operation asks.
 * Not here: what operations do (cfut-dict-table.c), when `changed` is emitted (cfut-dict-store.c),
 *   how a request travels. */

#include <glib/gi18n-lib.h>

#include "core/cfut-fork-private.h"
#include "process/cfut-shared-dict-private.h"

/**
 * CfutSharedDict:
 *
 * Data that the application and its worker processes share: a table of [type@GLib.Variant]s under
 * string keys.
 *
 * The application makes one with [ctor@Cfut.SharedDict.new], gives it to its process executors, and
 * uses it as any other object. A worker asks for it by its name and uses the same methods. The data
 * are the application's: a worker that dies, at whatever point, leaves the dict whole, and a dict
 * that nobody shares any more works on.
 *
 * All methods may be called on any thread. All operations, of all threads and all workers, take
 * effect one after the other, each at one moment between its call and its return. What has to be
 * done in one step is one method: [method@Cfut.SharedDict.add] counts, and
 * [method@Cfut.SharedDict.compare_and_set] is what anything else is built of.
 *
 * ```c
 * g_autoptr (GVariant) before = cfut_shared_dict_lookup (dict, "best", NULL);
 *
 * while (before == NULL || g_variant_get_double (before) < result)
 *   {
 *     if (cfut_shared_dict_compare_and_set (dict, "best", before, g_variant_new_double (result), NULL))
 *       break;
 *     g_clear_pointer (&before, g_variant_unref);
 *     before = cfut_shared_dict_lookup (dict, "best", NULL);
 *   }
 * ```
 *
 * In the application an operation takes less than a microsecond, and some milliseconds with values
 * of many megabytes, as those are copied when they are set. In a worker each operation is a question
 * to the application, and blocks until its answer has come; that needs no main loop there. Where a
 * function counts much, let it count by itself and add the sum now and then.
 *
 * A key is UTF-8 of at most 4,096 bytes. A value has at most 16 MiB (16,777,216 bytes) when it is
 * serialized, and at most 100 containers in each other; how many keys there are is limited by memory
 * only. File descriptors do not travel with values.
 *
 * Every method can fail with these errors, and in the application fails with no others than those it
 * names itself besides:
 *
 * - %G_IO_ERROR_INVALID_ARGUMENT: the key is too long or not UTF-8, or a value is nested too deeply
 * - %G_IO_ERROR_MESSAGE_TOO_LARGE: a value is too large, or in a worker the answer is
 * - %G_IO_ERROR_CLOSED: in a worker, the application that holds the dict is gone
 * - %CFUT_FUTURE_ERROR_BROKEN: in a child of a worker that was forked without exec
 *
 * Since: 1.0
 */

struct _CfutSharedDict {
  GObject parent_instance;

  /* Immutable; one of the two */
  CfutDictStore *store;
  const CfutDictTransport *transport;
  gpointer transport_data;
};

enum {
  SIGNAL_CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (CfutSharedDict, cfut_shared_dict, G_TYPE_OBJECT)

static gboolean
shared_dict_listens (GObject *face)
{
  return g_signal_has_handler_pending (face, signals[SIGNAL_CHANGED], 0, FALSE);
}

static void
shared_dict_tell (GObject    *face,
                  const char *key)
{
  g_signal_emit (face, signals[SIGNAL_CHANGED], 0, key);
}

static void
cfut_shared_dict_dispose (GObject *object)
{
  CfutSharedDict *self = CFUT_SHARED_DICT (object);

  if (self->store != NULL)
    cfut_dict_store_close (self->store);

  G_OBJECT_CLASS (cfut_shared_dict_parent_class)->dispose (object);
}

static void
cfut_shared_dict_finalize (GObject *object)
{
  CfutSharedDict *self = CFUT_SHARED_DICT (object);

  g_clear_pointer (&self->store, cfut_dict_store_unref);
  if (self->transport != NULL)
    self->transport->free (self->transport_data);

  G_OBJECT_CLASS (cfut_shared_dict_parent_class)->finalize (object);
}

static void
cfut_shared_dict_class_init (CfutSharedDictClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = cfut_shared_dict_dispose;
  object_class->finalize = cfut_shared_dict_finalize;

  /**
   * CfutSharedDict::changed:
   * @self: a shared dict
   * @key: the key
   *
   * The value of a key was set, changed or removed since this was last emitted for it.
   *
   * It is emitted on the thread-default main context that the dict was made in, after the first
   * change with the next iteration, and for each key at most 60 times a second: several changes
   * between two emissions are one, and look up what the value is now. After the last change of a
   * key there is always an emission. Setting the value that was there counts as a change.
   *
   * Changes made while no handler was connected are not told later. A worker's dict emits nothing.
   *
   * Since: 1.0
   */
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST,
                                          0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void
cfut_shared_dict_init (CfutSharedDict *self)
{
  self->store = cfut_dict_store_new (G_OBJECT (self), shared_dict_listens, shared_dict_tell);
}

CfutDictStore *
cfut_shared_dict_dup_store (CfutSharedDict *self)
{
  return self->store != NULL ? cfut_dict_store_ref (self->store) : NULL;
}

GError *
cfut_shared_dict_gone_error (void)
{
  return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                              _("The application that holds the shared dict is gone"));
}

CfutSharedDict *
cfut_shared_dict_new_proxy (const CfutDictTransport *transport,
                            gpointer                 data)
{
  CfutSharedDict *self = g_object_new (CFUT_TYPE_SHARED_DICT, NULL);

  g_clear_pointer (&self->store, cfut_dict_store_unref);
  self->transport = transport;
  self->transport_data = data;
  return self;
}

static gboolean
proxy_ask (CfutSharedDict    *self,
           const CfutDictOp  *op,
           CfutDictAnswer    *answer,
           GError           **error)
{
  g_autoptr (GVariant) request = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (cfut_is_forked_child ())
    {
      g_propagate_error (error, cfut_fork_error ());
      return FALSE;
    }

  request = cfut_dict_op_encode (op);
  reply = self->transport->request (self->transport_data, request, error);
  return reply != NULL && cfut_dict_reply_decode (reply, op->verb, answer, error);
}

/* FALSE: it failed. Clears the operation; the answer, which was zero, is the caller's to clear. */
static gboolean
shared_dict_do (CfutSharedDict  *self,
                CfutDictOp      *op,
                CfutDictAnswer  *answer,
                GError         **error)
{
  gboolean success = cfut_dict_op_check (op, error);

  if (success && self->store != NULL)
    {
      cfut_dict_store_apply (self->store, op, answer);
      success = cfut_dict_answer_check (answer, error);
    }
  else if (success)
    {
      success = proxy_ask (self, op, answer, error);
    }

  cfut_dict_op_clear (op);
  return success;
}

/* The same where the answer is yes or no. FALSE: no, or it failed. */
static gboolean
shared_dict_ask (CfutSharedDict  *self,
                 CfutDictOp      *op,
                 GError         **error)
{
  CfutDictAnswer answer = { 0 };
  gboolean truth = shared_dict_do (self, op, &answer, error) && answer.truth;

  cfut_dict_answer_clear (&answer);
  return truth;
}

/**
 * cfut_shared_dict_new:
 *
 * Makes an empty dict. Its signal belongs to the thread-default main context of this call.
 *
 * Returns: (transfer full): a new dict
 *
 * Since: 1.0
 */
CfutSharedDict *
cfut_shared_dict_new (void)
{
  return g_object_new (CFUT_TYPE_SHARED_DICT, NULL);
}

/**
 * cfut_shared_dict_set:
 * @self: a shared dict
 * @key: the key
 * @value: the value, of any type; a floating reference is sunk
 * @error: return location for an error
 *
 * Sets the value of a key, whether it was there or not. The dict keeps a copy.
 *
 * Returns: whether it succeeded
 *
 * Since: 1.0
 */
gboolean
cfut_shared_dict_set (CfutSharedDict  *self,
                      const char      *key,
                      GVariant        *value,
                      GError         **error)
{
  CfutDictOp op = { .verb = CFUT_DICT_SET, .key = key };
  CfutDictAnswer answer = { 0 };
  gboolean success;

  g_return_val_if_fail (CFUT_IS_SHARED_DICT (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (value != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  op.value = g_variant_ref_sink (value);
  success = shared_dict_do (self, &op, &answer, error);
  cfut_dict_answer_clear (&answer);
  return success;
}

/**
 * cfut_shared_dict_lookup:
 * @self: a shared dict
 * @key: the key
 * @error: return location for an error
 *
 * Returns the value of a key. It does not change when the dict does.
 *
 * Returns: (transfer full) (nullable): the value; %NULL without an error if there is no such key
 *
 * Since: 1.0
 */
GVariant *
cfut_shared_dict_lookup (CfutSharedDict  *self,
                         const char      *key,
                         GError         **error)
{
  CfutDictOp op = { .verb = CFUT_DICT_LOOKUP, .key = key };
  CfutDictAnswer answer = { 0 };

  g_return_val_if_fail (CFUT_IS_SHARED_DICT (self), NULL);
  g_return_val_if_fail (key != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  shared_dict_do (self, &op, &answer, error);
  return answer.value;
}

/**
 * cfut_shared_dict_remove:
 * @self: a shared dict
 * @key: the key
 * @error: return location for an error
 *
 * Removes a key and its value.
 *
 * Returns: %TRUE if it was there; %FALSE without an error if it was not
 *
 * Since: 1.0
 */
gboolean
cfut_shared_dict_remove (CfutSharedDict  *self,
                         const char      *key,
                         GError         **error)
{
  CfutDictOp op = { .verb = CFUT_DICT_REMOVE, .key = key };

  g_return_val_if_fail (CFUT_IS_SHARED_DICT (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return shared_dict_ask (self, &op, error);
}

/**
 * cfut_shared_dict_contains:
 * @self: a shared dict
 * @key: the key
 * @error: return location for an error
 *
 * Tells whether a key is there.
 *
 * Returns: %TRUE if it is; %FALSE without an error if it is not
 *
 * Since: 1.0
 */
gboolean
cfut_shared_dict_contains (CfutSharedDict  *self,
                           const char      *key,
                           GError         **error)
{
  CfutDictOp op = { .verb = CFUT_DICT_CONTAINS, .key = key };

  g_return_val_if_fail (CFUT_IS_SHARED_DICT (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return shared_dict_ask (self, &op, error);
}

/**
 * cfut_shared_dict_get_length:
 * @self: a shared dict
 * @error: return location for an error
 *
 * Tells how many keys there are.
 *
 * Returns: the number; 0 with an error if it failed
 *
 * Since: 1.0
 */
guint64
cfut_shared_dict_get_length (CfutSharedDict  *self,
                             GError         **error)
{
  CfutDictOp op = { .verb = CFUT_DICT_LENGTH };
  CfutDictAnswer answer = { 0 };

  g_return_val_if_fail (CFUT_IS_SHARED_DICT (self), 0);
  g_return_val_if_fail (error == NULL || *error == NULL, 0);

  shared_dict_do (self, &op, &answer, error);
  return answer.length;
}

/**
 * cfut_shared_dict_dup_keys:
 * @self: a shared dict
 * @error: return location for an error
 *
 * Returns all keys that are there at one moment, in no particular order.
 *
 * Returns: (transfer full) (array zero-terminated=1): the keys
 *
 * Since: 1.0
 */
char **
cfut_shared_dict_dup_keys (CfutSharedDict  *self,
                           GError         **error)
{
  CfutDictOp op = { .verb = CFUT_DICT_KEYS };
  CfutDictAnswer answer = { 0 };
  char **keys = NULL;

  g_return_val_if_fail (CFUT_IS_SHARED_DICT (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (shared_dict_do (self, &op, &answer, error))
    keys = cfut_dict_answer_dup_keys (&answer);
  cfut_dict_answer_clear (&answer);
  return keys;
}

/**
 * cfut_shared_dict_add:
 * @self: a shared dict
 * @key: the key
 * @delta: what to add; may be negative
 * @error: return location for an error
 *
 * Adds to a number, in one step: what several threads or workers add at the same time is all
 * counted. The value is a variant of type `x`; a key that is not there counts as 0, and is there
 * afterwards. Adding 0 to a number that is there tells it, and is no change.
 *
 * It fails with %G_IO_ERROR_INVALID_DATA if the value is of another type, and with
 * %G_IO_ERROR_INVALID_ARGUMENT if the sum does not fit in 64 bits; nothing is changed then.
 *
 * Returns: the sum, which is the new value; 0 with an error if it failed
 *
 * Since: 1.0
 */
gint64
cfut_shared_dict_add (CfutSharedDict  *self,
                      const char      *key,
                      gint64           delta,
                      GError         **error)
{
  CfutDictOp op = { .verb = CFUT_DICT_ADD, .key = key, .delta = delta };
  CfutDictAnswer answer = { 0 };
  gint64 sum;

  g_return_val_if_fail (CFUT_IS_SHARED_DICT (self), 0);
  g_return_val_if_fail (key != NULL, 0);
  g_return_val_if_fail (error == NULL || *error == NULL, 0);

  sum = shared_dict_do (self, &op, &answer, error) ? answer.sum : 0;
  cfut_dict_answer_clear (&answer);
  return sum;
}

/**
 * cfut_shared_dict_compare_and_set:
 * @self: a shared dict
 * @key: the key
 * @expected: (nullable): the value that has to be there, of the same type; %NULL: that there is
 *   none. A floating reference is sunk
 * @value: (nullable): the value to set; %NULL removes the key. A floating reference is sunk
 * @error: return location for an error
 *
 * Sets the value of a key, or removes it, if it is as expected; in one step. Values are equal as
 * [method@GLib.Variant.equal] has it; numbers with a fraction are so if their bits are.
 *
 * Returns: %TRUE if the value was as expected, and is now as asked for; %FALSE without an error if
 *   it was another one, which was left alone
 *
 * Since: 1.0
 */
gboolean
cfut_shared_dict_compare_and_set (CfutSharedDict  *self,
                                  const char      *key,
                                  GVariant        *expected,
                                  GVariant        *value,
                                  GError         **error)
{
  CfutDictOp op = { .verb = CFUT_DICT_COMPARE_AND_SET, .key = key };

  g_return_val_if_fail (CFUT_IS_SHARED_DICT (self), FALSE);
  g_return_val_if_fail (key != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  op.expected = expected != NULL ? g_variant_ref_sink (expected) : NULL;
  op.value = value != NULL ? g_variant_ref_sink (value) : NULL;
  return shared_dict_ask (self, &op, error);
}
