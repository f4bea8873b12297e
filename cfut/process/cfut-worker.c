/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The worker: a process that calls functions for another one.
 *
 *   CALL --decide--> skip | ERROR | (STARTED) --function--> RESULT | ERROR
 *
 * Threads: run's is the one on which all functions are called. The rest is for any.
 * Locks: the worker's lock guards the table of dicts. Nothing is called under it but the making of
 *   a proxy.
 * Owns: its functions, its proxies, its link.
 * Invariants:
 * 1. That it is started has been sent before the function is entered, or stands in the journal. In
 *    that case what was sent may come to a result without STARTED before it, but to no error.
 * 2. Each call that is decided about is answered once, and by what is in the future of its task: a
 *    result that cannot be sent is an error.
 * 3. What a call was given, and what it gave, is let go before the next one is received.
 * Not here: which calls are run, progress, the application's end (cfut-worker-link.c). */

#include <glib/gi18n-lib.h>
#include <stdlib.h>

#include "core/cfut-lock-private.h"
#include "cfut-call-private.h"
#include "cfut-error.h"
#include "cfut-value-private.h"
#include "cfut-worker.h"
#include "process/cfut-shared-dict-private.h"
#include "process/cfut-worker-link-private.h"

/* How many of the tasks that something still holds are looked at again after a call. A language that
 * collects its garbage now and then holds thousands: to look at all of them would cost more than the
 * calls. */
#define REAP_OLD 16

/**
 * CfutWorker:
 *
 * The side of a worker process: it calls functions by name for the application that has started it.
 *
 * A program that is its own worker begins like this:
 *
 * ```c
 * int
 * main (int argc, char **argv)
 * {
 *   if (cfut_worker_requested ())
 *     {
 *       g_autoptr (CfutWorker) worker = cfut_worker_new ();
 *
 *       cfut_worker_register (worker, "factorial", factorial, NULL, NULL);
 *       return cfut_worker_run (worker, NULL);
 *     }
 *
 *   return run_application (argc, argv);
 * }
 * ```
 *
 * A worker calls one function at a time, on the thread of [method@Cfut.Worker.run]. What a function
 * does with its task reaches the future in the application: progress and message, at most 60 times
 * a second; [method@Cfut.Task.checkpoint] and [method@Cfut.Task.get_cancellable] tell that it was
 * cancelled; a pause stops it at its next checkpoint. An error arrives with domain, code and
 * message. A result arrives as the kind that it was set as, if that has a form as a
 * [type@GLib.Variant], as numbers, strings, arrays of strings and bytes have; one of another kind,
 * an object for example, is the error %G_IO_ERROR_NOT_SUPPORTED.
 *
 * What libraries print to standard output does not disturb the worker. When the application ends,
 * however it does, the worker ends as well: at once when nothing runs, else the function is asked
 * to stop, and after a second, or the grace that the executor gives its workers, the process exits.
 *
 * Since: 1.0
 */

struct _CfutWorker {
  GObject parent_instance;

  /* Immutable */
  CfutWorkerLink *link;

  _Atomic (CfutFunctions *) functions;  /* (nullable): set once */

  GMutex lock;
  GHashTable *dicts;  /* guarded by the lock: (nullable): by name */

  /* The runner's */
  gboolean is_open;
  GVariant *setup;    /* (nullable) */
};

G_DEFINE_FINAL_TYPE (CfutWorker, cfut_worker, G_TYPE_OBJECT)

/* --- dicts --- */

typedef struct {
  CfutWorkerLink *link;
  char name[];
} DictWay;

static GVariant *
dict_request (gpointer   data,
              GVariant  *request,
              GError   **error)
{
  DictWay *self = data;

  return cfut_worker_link_request (self->link, self->name, request, error);
}

static void
dict_way_free (gpointer data)
{
  DictWay *self = data;

  cfut_worker_link_unref (self->link);
  g_free (self);
}

static const CfutDictTransport dict_transport = { dict_request, dict_way_free };

static CfutSharedDict *
worker_make_proxy (CfutWorker *self,
                   const char *name)
{
  gsize size = strlen (name) + 1;
  DictWay *way = g_malloc (sizeof (DictWay) + size);

  way->link = cfut_worker_link_ref (self->link);
  memcpy (way->name, name, size);
  return cfut_shared_dict_new_proxy (&dict_transport, way);
}

/* --- calls --- */

static void
worker_queue_error (CfutWorker   *self,
                    guint64       id,
                    const GError *error,
                    gboolean      cancelled)
{
  g_autofree char *message = g_utf8_make_valid (error->message, -1);
  CfutWireOut frame = {
    .type = CFUT_WIRE_ERROR,
    .id = id,
    .domain = g_quark_to_string (error->domain),
    .code = error->code,
    .message = message,
    .cancelled = cancelled,
  };

  cfut_worker_link_make_room (self->link);
  /* It fails only where nobody is left to hear it, which the next call to receive finds out. */
  cfut_worker_link_queue (self->link, &frame, NULL, NULL);
}

/* One that cannot be sent goes without its details. */
static void
worker_queue_failure (CfutWorker   *self,
                      guint64       id,
                      CfutFuture   *future,
                      const GError *error)
{
  g_autoptr (GVariant) details = cfut_future_dup_error_details (future);
  CfutWireOut frame = { .type = CFUT_WIRE_DETAILS, .id = id, .value = details };

  if (details != NULL)
    cfut_worker_link_queue (self->link, &frame, NULL, NULL);
  worker_queue_error (self, id, error,
                      cfut_future_get_state (future) == CFUT_STATE_CANCELLED);
}

static void
worker_queue_cancelled (CfutWorker *self,
                        guint64     id)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                                  _("The task was cancelled"));

  worker_queue_error (self, id, error, TRUE);
}

static void
worker_queue_result (CfutWorker     *self,
                     CfutWorkerCall *call)
{
  CfutFuture *future = CFUT_FUTURE (call->task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = cfut_value_to_wire (&future->value, &error);
  CfutWireOut frame = { .type = CFUT_WIRE_RESULT, .id = call->id, .value = value };

  if (error == NULL)
    cfut_worker_link_queue (self->link, &frame, cfut_future_get_fds (future), &error);
  if (error == NULL)
    return;

  g_prefix_error (&error, "%s: ", _("The result could not be sent"));
  cfut_worker_link_tell (self->link, call);
  worker_queue_error (self, call->id, error, FALSE);
}

/* What the task has come to. */
static void
worker_queue_outcome (CfutWorker     *self,
                      CfutWorkerCall *call)
{
  CfutFuture *future = CFUT_FUTURE (call->task);
  CfutState state = cfut_future_get_state (future);

  cfut_future_observe (future);
  if (state == CFUT_STATE_RESOLVED)
    {
      worker_queue_result (self, call);
      return;
    }

  cfut_worker_link_tell (self->link, call);
  if (future->value.g_type == G_TYPE_ERROR)
    worker_queue_failure (self, call->id, future, g_value_get_boxed (&future->value));
  else
    worker_queue_cancelled (self, call->id);
}

static void
worker_run_task (CfutWorker *self,
                 CfutTask   *task,
                 guint64     id)
{
  CfutWorkerCall call = { .task = task, .id = id };

  switch (cfut_worker_link_begin (self->link, &call))
    {
    case CFUT_WORKER_SKIP:
      break;
    case CFUT_WORKER_CANCELLED:
      worker_queue_cancelled (self, id);
      break;
    case CFUT_WORKER_RUN:
    default:
      if (!cfut_future_is_settled (CFUT_FUTURE (task)))
        {
          cfut_worker_link_enter (self->link, &call);
          cfut_task_run (g_object_ref (task), 0);
        }
      cfut_worker_link_end (self->link, &call);
      worker_queue_outcome (self, &call);
      break;
    }
}

/* (transfer full) (nullable): NULL with an error. */
static CfutTask *
worker_make_task (CfutWorker  *self,
                  CfutFrame   *frame,
                  GError     **error)
{
  CfutFunctions *functions = cfut_worker_get_functions (self);
  CfutFunction *function = cfut_functions_lookup (functions, frame->wire.name);
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GVariant) args = NULL;
  CfutCall *call;

  if (function == NULL)
    {
      g_propagate_error (error, cfut_call_unknown_error (frame->wire.name));
      return NULL;
    }

  args = cfut_frame_dup_value (frame, error);
  if (args == NULL)
    {
      cfut_function_unref (function);
      return NULL;
    }

  fds = cfut_frame_steal_fds (frame);
  call = cfut_call_new (function, frame->wire.name, args, fds);
  return cfut_task_new (cfut_call_run, call, cfut_call_unref);
}

static void
worker_call (CfutWorker *self,
             CfutFrame  *frame)
{
  g_autoptr (GError) error = NULL;
  guint64 id = frame->wire.id;
  CfutTask *task = worker_make_task (self, frame, &error);

  /* One that cannot be called has failed already, but may have been taken back as well. */
  if (task == NULL)
    task = cfut_task_new (cfut_call_run, NULL, NULL);
  if (error != NULL)
    cfut_future_reject_pending (CFUT_FUTURE (task), g_steal_pointer (&error));

  worker_run_task (self, task, id);
  g_object_unref (task);
  cfut_frame_clear (frame);
  cfut_owner_reap (cfut_owner_get_current (), REAP_OLD);
}

static void
cfut_worker_finalize (GObject *object)
{
  CfutWorker *self = CFUT_WORKER (object);

  if (self->functions != NULL)
    g_object_unref (self->functions);
  g_clear_pointer (&self->dicts, g_hash_table_unref);
  g_clear_pointer (&self->setup, g_variant_unref);
  cfut_worker_link_unref (self->link);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (cfut_worker_parent_class)->finalize (object);
}

static void
cfut_worker_class_init (CfutWorkerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = cfut_worker_finalize;
}

static void
cfut_worker_init (CfutWorker *self)
{
  g_mutex_init (&self->lock);
  self->link = cfut_worker_link_new ();
}

/**
 * cfut_worker_requested:
 *
 * Tells whether this process was started as a worker, by a process executor of another program or
 * of this one. To be called first in `main`, before there are threads, and before anything is
 * printed.
 *
 * The first call takes what says so out of the environment, so that what this process starts are no
 * workers, and keeps the descriptors that are the worker's from them. Where these are standard
 * input and output, it moves them aside: from then on, standard input is empty, and what is printed
 * joins standard error.
 *
 * Returns: whether to run a [class@Cfut.Worker]
 *
 * Since: 1.0
 */
gboolean
cfut_worker_requested (void)
{
  return cfut_worker_start_get ()->requested;
}

/**
 * cfut_worker_new:
 *
 * Makes a worker, which does nothing until it is run.
 *
 * Returns: (transfer full): a new worker
 *
 * Since: 1.0
 */
CfutWorker *
cfut_worker_new (void)
{
  return g_object_new (CFUT_TYPE_WORKER, NULL);
}

/**
 * cfut_worker_register:
 * @self: a worker
 * @function: the name: UTF-8, of 1 to 255 bytes
 * @func: (scope notified) (closure user_data) (destroy destroy): what is called by that name, on
 *   the thread of [method@Cfut.Worker.run]
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data; called on the main context of this call
 *
 * Adds a function to the worker's table, like [method@Cfut.Functions.add]. May be called on any thread.
 *
 * Returns: whether it was added
 *
 * Since: 1.0
 */
gboolean
cfut_worker_register (CfutWorker     *self,
                      const char     *function,
                      CfutCallFunc    func,
                      gpointer        user_data,
                      GDestroyNotify  destroy)
{
  g_return_val_if_fail (CFUT_IS_WORKER (self), FALSE);

  return cfut_functions_add (cfut_worker_get_functions (self), function, func, user_data, destroy);
}

/* FALSE: it has one. */
static gboolean
worker_take_functions (CfutWorker    *self,
                       CfutFunctions *functions)
{
  CfutFunctions *none = NULL;

  if (atomic_compare_exchange_strong (&self->functions, &none, functions))
    return TRUE;

  g_object_unref (functions);
  return FALSE;
}

/**
 * cfut_worker_get_functions:
 * @self: a worker
 *
 * Returns the table of functions that the worker calls. It is made with the first look at it,
 * unless it was set, and stays. May be called on any thread.
 *
 * Returns: (transfer none): the table
 *
 * Since: 1.0
 */
CfutFunctions *
cfut_worker_get_functions (CfutWorker *self)
{
  g_return_val_if_fail (CFUT_IS_WORKER (self), NULL);

  if (atomic_load_explicit (&self->functions, memory_order_acquire) == NULL)
    worker_take_functions (self, cfut_functions_new ());

  return atomic_load_explicit (&self->functions, memory_order_acquire);
}

/**
 * cfut_worker_set_functions:
 * @self: a worker
 * @functions: a table
 *
 * Gives the worker a table of functions, which executors may have too. To be called once, before
 * [method@Cfut.Worker.register] and [method@Cfut.Worker.get_functions], on any thread.
 *
 * Since: 1.0
 */
void
cfut_worker_set_functions (CfutWorker    *self,
                           CfutFunctions *functions)
{
  g_return_if_fail (CFUT_IS_WORKER (self));
  g_return_if_fail (CFUT_IS_FUNCTIONS (functions));

  if (!worker_take_functions (self, g_object_ref (functions)))
    g_critical ("The worker has a table of functions already");
}

/**
 * cfut_worker_get_shared:
 * @self: a worker
 * @name: the name under which the executor shares the dict
 *
 * Returns a dict that the application shares with its workers. It can be used while the worker is
 * run. Whether there is one of that name is found out by the first operation, which fails with
 * %G_IO_ERROR_NOT_FOUND if there is none. May be called on any thread.
 *
 * Returns: (transfer none): the dict
 *
 * Since: 1.0
 */
CfutSharedDict *
cfut_worker_get_shared (CfutWorker *self,
                        const char *name)
{
  CfutSharedDict *dict;
  CfutSharedDict *made;

  g_return_val_if_fail (CFUT_IS_WORKER (self), NULL);
  g_return_val_if_fail (name != NULL && cfut_function_name_is_valid (name), NULL);

  made = worker_make_proxy (self, name);
  cfut_lock (&self->lock, CFUT_LOCK_FUNCTIONS);
  if (self->dicts == NULL)
    self->dicts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  dict = g_hash_table_lookup (self->dicts, name);
  if (dict == NULL)
    {
      dict = g_steal_pointer (&made);
      g_hash_table_insert (self->dicts, g_strdup (name), dict);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_FUNCTIONS);

  g_clear_object (&made);
  return dict;
}

/* FALSE: it ended for a reason that nobody wanted. */
static gboolean
worker_serve (CfutWorker  *self,
              GError     **error)
{
  for (;;)
    {
      CfutFrame frame;

      switch (cfut_worker_link_next (self->link, &frame, error))
        {
        case CFUT_WORKER_CALL:
          worker_call (self, &frame);
          break;
        case CFUT_WORKER_STOP:
          cfut_worker_link_flush (self->link);
          return TRUE;
        case CFUT_WORKER_GONE:
          return TRUE;
        case CFUT_WORKER_FAILED:
        default:
          return FALSE;
        }
    }
}

static gboolean
worker_open (CfutWorker  *self,
             GError     **error)
{
  const CfutWorkerStart *start = cfut_worker_start_get ();

  if (self->is_open)
    return TRUE;

  if (!start->requested)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                         _("This program was not started as a worker"));
  else if (start->version == 0 || start->read_fd < 0 || start->write_fd < 0)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         _("The way to the application cannot be found"));
  else if (!cfut_worker_start_take ())
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                         _("A worker of this process has run already"));
  else
    self->is_open = cfut_worker_link_open (self->link, start, error);

  return self->is_open;
}

/**
 * cfut_worker_open:
 * @self: a worker
 * @error: return location for an error
 *
 * Connects with the application, and waits for what that tells its workers
 * ([property@Cfut.ProcessExecutor:setup]), which is there for [method@Cfut.Worker.get_setup] then. No
 * call comes before [method@Cfut.Worker.run], which has to follow on the same thread, so there is time
 * to prepare; as much as [property@Cfut.ProcessExecutor:start-timeout-usec] allows. A worker that
 * needs none of this need not call it.
 *
 * Errors: those of [method@Cfut.Worker.run], and %G_IO_ERROR_CLOSED when the application is gone.
 *
 * Returns: whether it is connected
 *
 * Since: 1.0
 */
gboolean
cfut_worker_open (CfutWorker  *self,
                  GError     **error)
{
  g_return_val_if_fail (CFUT_IS_WORKER (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  g_return_val_if_fail (!self->is_open, FALSE);

  return worker_open (self, error) &&
         cfut_worker_link_hear_setup (self->link, &self->setup, error);
}

/**
 * cfut_worker_get_setup:
 * @self: a worker
 *
 * Returns what the application tells its workers, once [method@Cfut.Worker.open] has heard it.
 *
 * Returns: (transfer none) (nullable): the value; %NULL if there is none
 *
 * Since: 1.0
 */
GVariant *
cfut_worker_get_setup (CfutWorker *self)
{
  g_return_val_if_fail (CFUT_IS_WORKER (self), NULL);

  return self->setup;
}

/**
 * cfut_worker_refuse:
 * @self: a worker that is open, and does not run
 * @why: the reason
 *
 * Tells the application that this process cannot be a worker, and that no other one could, as when
 * what it was told makes no sense. The executor is broken then: its calls fail with
 * %CFUT_FUTURE_ERROR_BROKEN, which gives the reason. To be called after [method@Cfut.Worker.open], in
 * place of [method@Cfut.Worker.run]; the process has to exit after.
 *
 * Since: 1.0
 */
void
cfut_worker_refuse (CfutWorker *self,
                    GError     *why)
{
  g_return_if_fail (CFUT_IS_WORKER (self));
  g_return_if_fail (why != NULL);
  g_return_if_fail (self->is_open);

  cfut_worker_link_refuse (self->link, why);
}

/**
 * cfut_worker_run:
 * @self: a worker
 * @error: return location for an error
 *
 * Calls functions, on this thread, until the application wants no more or is gone. Once in a
 * process.
 *
 * When the application is gone while a function runs, and that does not end in time, the process
 * exits from within.
 *
 * Errors: %G_IO_ERROR_NOT_SUPPORTED when the process was not started as a worker, or by an
 * application that speaks another version of the protocol; %G_IO_ERROR_INVALID_DATA when what it
 * says makes no sense; others of GIO when it cannot be reached.
 *
 * Returns: what `main` is to return: 0, or 1 with @error set
 *
 * Since: 1.0
 */
int
cfut_worker_run (CfutWorker  *self,
                 GError     **error)
{
  GError *why = NULL;
  gboolean ended_well;

  g_return_val_if_fail (CFUT_IS_WORKER (self), EXIT_FAILURE);
  g_return_val_if_fail (error == NULL || *error == NULL, EXIT_FAILURE);

  ended_well = worker_open (self, &why) &&
               cfut_worker_link_begin_service (self->link, cfut_worker_start_get (), &why) &&
               worker_serve (self, &why);
  cfut_worker_link_close (self->link);
  if (ended_well)
    return EXIT_SUCCESS;

  /* For who looks at the end of a worker's output. */
  if (error == NULL)
    g_printerr ("%s\n", why->message);
  g_propagate_error (error, why);
  return EXIT_FAILURE;
}
