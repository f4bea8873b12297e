/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A table of functions that have names, for executors and workers.
 *
 * Threads: any.
 * Locks: the table's lock guards what is in it. No function is called and none let go under it.
 * Owns: its functions. A call holds the one that it was made for.
 * Invariants:
 * 1. A name stands for one function, for as long as there is the table.
 * 2. A function's data is released once, on the context that added it, when neither the table nor a
 *    call holds it.
 * Not here: calling them (cfut-call.c). */

#include "core/cfut-lock-private.h"
#include "cfut-call-private.h"

/**
 * CfutFunctions:
 *
 * A table of functions that can be called by name, with [method@Cfut.Executor.call].
 *
 * The same table serves a [class@Cfut.ThreadExecutor], several of them, and a worker process. All
 * methods may be called on any thread.
 *
 * Since: 1.0
 */

struct _CfutFunctions {
  GObject parent_instance;

  GMutex lock;
  GHashTable *table;  /* guarded by the lock */
};

G_DEFINE_FINAL_TYPE (CfutFunctions, cfut_functions, G_TYPE_OBJECT)

static void
function_free (CfutOwned *data)
{
  g_free (data);
}

static CfutFunction *
function_new (const char     *name,
              CfutCallFunc    func,
              gpointer        user_data,
              GDestroyNotify  destroy)
{
  gsize size = strlen (name) + 1;
  CfutFunction *self = g_malloc0 (sizeof (CfutFunction) + size);

  cfut_owned_init (&self->data, user_data, destroy, function_free);
  self->func = func;
  memcpy (self->name, name, size);
  return self;
}

void
cfut_function_unref (CfutFunction *self)
{
  cfut_owned_unref (&self->data);
}

gboolean
cfut_function_name_is_valid (const char *name)
{
  gsize length = strlen (name);

  return length > 0 && length <= CFUT_FUNCTION_NAME_MAX &&
         g_utf8_validate (name, (gssize) length, NULL);
}

CfutFunction *
cfut_functions_lookup (CfutFunctions *self,
                       const char    *name)
{
  CfutFunction *function;

  cfut_lock (&self->lock, CFUT_LOCK_FUNCTIONS);
  function = g_hash_table_lookup (self->table, name);
  if (function != NULL)
    cfut_owned_ref (&function->data);
  cfut_unlock (&self->lock, CFUT_LOCK_FUNCTIONS);

  return function;
}

static void
cfut_functions_finalize (GObject *object)
{
  CfutFunctions *self = CFUT_FUNCTIONS (object);

  g_hash_table_unref (self->table);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (cfut_functions_parent_class)->finalize (object);
}

static void
cfut_functions_class_init (CfutFunctionsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = cfut_functions_finalize;
}

static void
cfut_functions_init (CfutFunctions *self)
{
  g_mutex_init (&self->lock);
  self->table = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                       (GDestroyNotify) cfut_function_unref);
}

/**
 * cfut_functions_new:
 *
 * Makes a table with nothing in it.
 *
 * Returns: (transfer full): a new table
 *
 * Since: 1.0
 */
CfutFunctions *
cfut_functions_new (void)
{
  return g_object_new (CFUT_TYPE_FUNCTIONS, NULL);
}

/**
 * cfut_functions_add:
 * @self: a table
 * @function: the name: UTF-8, of 1 to 255 bytes
 * @func: (scope notified) (closure user_data) (destroy destroy): what is called by that name, on
 *   threads of an executor, on several at once
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, when the table is gone and no call of it is left; called
 *   on the main context of this call, never on a worker
 *
 * Gives a function a name.
 *
 * To add a name that the table has already is a mistake in the program, and is reported as such:
 * the first function keeps the name, and the data of the second is freed at once.
 *
 * Returns: whether it was added
 *
 * Since: 1.0
 */
gboolean
cfut_functions_add (CfutFunctions  *self,
                    const char     *function,
                    CfutCallFunc    func,
                    gpointer        user_data,
                    GDestroyNotify  destroy)
{
  CfutFunction *added;
  gboolean taken;

  g_return_val_if_fail (CFUT_IS_FUNCTIONS (self), FALSE);
  g_return_val_if_fail (function != NULL && cfut_function_name_is_valid (function), FALSE);
  g_return_val_if_fail (func != NULL, FALSE);

  added = function_new (function, func, user_data, destroy);
  cfut_lock (&self->lock, CFUT_LOCK_FUNCTIONS);
  taken = g_hash_table_contains (self->table, function);
  if (!taken)
    g_hash_table_insert (self->table, added->name, added);
  cfut_unlock (&self->lock, CFUT_LOCK_FUNCTIONS);

  if (taken)
    {
      g_critical ("A function with the name \"%s\" was added already", function);
      cfut_function_unref (added);
    }

  return !taken;
}

/**
 * cfut_functions_contains:
 * @self: a table
 * @function: a name
 *
 * Tells whether a function has that name.
 *
 * Returns: whether there is one
 *
 * Since: 1.0
 */
gboolean
cfut_functions_contains (CfutFunctions *self,
                         const char    *function)
{
  gboolean contains;

  g_return_val_if_fail (CFUT_IS_FUNCTIONS (self), FALSE);
  g_return_val_if_fail (function != NULL, FALSE);

  cfut_lock (&self->lock, CFUT_LOCK_FUNCTIONS);
  contains = g_hash_table_contains (self->table, function);
  cfut_unlock (&self->lock, CFUT_LOCK_FUNCTIONS);

  return contains;
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/**
 * cfut_functions_dup_names:
 * @self: a table
 *
 * Lists the names of all functions.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names, sorted
 *
 * Since: 1.0
 */
char **
cfut_functions_dup_names (CfutFunctions *self)
{
  GPtrArray *names;
  GHashTableIter iter;
  gpointer name;

  g_return_val_if_fail (CFUT_IS_FUNCTIONS (self), NULL);

  names = g_ptr_array_new ();
  cfut_lock (&self->lock, CFUT_LOCK_FUNCTIONS);
  g_hash_table_iter_init (&iter, self->table);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (names, g_strdup (name));
  cfut_unlock (&self->lock, CFUT_LOCK_FUNCTIONS);

  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}
