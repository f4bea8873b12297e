/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The end of a worker, however it comes about, and what becomes of its calls.
 *
 * A worker consists of three parts: the process, and two channels. When the process was reaped, its
 * channels are read to the end; when a channel ends, the process is given a while to do so too. Only
 * with the last part its death is judged, so what it had sent before counts.
 *
 *   the call that it had started  -> fails: WORKER_DIED, with pid, status, and its last words;
 *                                    CANCELLED, if that was to be stopped and it ended by our signal
 *   calls that were handed ahead  -> back into the queue
 *
 * What it had started is told by what it sent, and by its journal, which is the end of what it would
 * have sent, and the last call that it entered.
 *
 * Threads: the I/O thread.
 * Locks: the crew's.
 * Owns: nothing.
 * Invariants:
 * 1. A worker that is GONE has no calls, no process, no descriptors.
 * Not here: starting another one (cfut-crew-start.c). */

#include <glib/gi18n-lib.h>

#include "cfut-error.h"
#include "process/cfut-crew-struct-private.h"

/* What it came to, in whole sentences. */
static char *
worker_describe (CfutCrewWorker *self)
{
  g_autofree char *status = self->exited ? cfut_child_describe_status (self->wait_status) : NULL;
  g_autofree char *tail = self->child != NULL ? cfut_child_dup_stderr_tail (self->child) : NULL;
  GString *text = g_string_new (NULL);

  if (self->child == NULL)
    /* Translators: the name of a program */
    g_string_append_printf (text, _("%s could not be started"), self->crew->argv[0]);
  else if (self->pid == 0 && self->why != NULL)
    /* Translators: a program, and its process; a sentence follows that says why */
    g_string_append_printf (text, _("%s (process %d) was no worker that could be used, and killed"),
                            self->crew->argv[0], cfut_child_get_pid (self->child));
  else if (self->pid == 0)
    /* Translators: a program, its process, and for example "exited with status 1" */
    g_string_append_printf (text, _("%s (process %d) %s before it was ready as a worker"),
                            self->crew->argv[0], cfut_child_get_pid (self->child), status);
  else if (self->why != NULL)
    /* Translators: a sentence follows that says why */
    g_string_append_printf (text, _("Worker process %d was killed"), self->pid);
  else
    /* Translators: a number, and for example "exited with status 1" */
    g_string_append_printf (text, _("Worker process %d %s"), self->pid, status);
  if (self->why != NULL)
    g_string_append_printf (text, ". %s", self->why->message);
  if (tail != NULL && *tail != '\0')
    g_string_append_printf (text, ": %s", tail);

  return g_string_free (text, FALSE);
}

static GError *
worker_error_for (CfutCrewWorker *self,
                  CfutCrewCall   *call,
                  const char     *text)
{
  if (self->stopped && cfut_future_cancel_requested (CFUT_FUTURE (call->task)))
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _("The task was cancelled"));

  return g_error_new_literal (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED, text);
}

/* The call that it had started, and may not have told of, gets what its error says once more, for
 * programs. Only this thread ends that call. */
static void
worker_detail_death (CfutCrewWorker *self)
{
  g_autofree char *tail = self->child != NULL ? cfut_child_dup_stderr_tail (self->child) : NULL;
  CfutCrewCall *call;
  GVariantDict dict;

  cfut_crew_enter (self->crew);
  call = self->list.first;
  if (call != NULL && call->state != CFUT_CREW_CALL_STARTED &&
      !cfut_crew_worker_has_entered (self, call->id))
    call = NULL;
  cfut_unlock (&self->crew->lock, CFUT_LOCK_CREW);
  if (call == NULL)
    return;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "pid", "i", self->pid);
  if (self->exited)
    g_variant_dict_insert (&dict, "wait-status", "i", self->wait_status);
  g_variant_dict_insert (&dict, "stderr", "s", tail != NULL ? tail : "");
  cfut_future_take_error_details (CFUT_FUTURE (call->task),
                                  g_variant_ref_sink (g_variant_dict_end (&dict)));
}

/* What this process lacks is told as it is, as another try may do. */
static GError *
worker_start_error (CfutCrewWorker *self,
                    const char     *text)
{
  GError *error = g_error_new (CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_BROKEN,
                               /* Translators: a sentence follows */
                               _("No worker can be started. %s"), text);

  if (self->scarce && g_error_matches (self->why, G_SPAWN_ERROR, G_SPAWN_ERROR_MFILE))
    {
      error->domain = G_IO_ERROR;
      error->code = G_IO_ERROR_TOO_MANY_OPEN_FILES;
    }
  else if (self->scarce)
    {
      error->domain = self->why->domain;
      error->code = self->why->code;
    }

  return error;
}

static void
worker_leave_crew_locked (CfutCrewWorker *self)
{
  CfutCrew *crew = self->crew;

  cfut_crew_worker_retire_locked (self);
  self->state = CFUT_CREW_WORKER_GONE;
  crew->n_present--;
  if (self->prev != NULL)
    self->prev->next = self->next;
  else
    crew->workers = self->next;
  if (self->next != NULL)
    self->next->prev = self->prev;
}

void
cfut_crew_worker_ended (CfutCrewWorker *self)
{
  CfutCrew *crew = self->crew;
  g_autofree char *text = worker_describe (self);
  CfutCrewCall *call;
  gboolean armed;

  worker_detail_death (self);
  cfut_crew_enter (crew);
  worker_leave_crew_locked (self);
  while ((call = self->list.first) != NULL)
    {
      gboolean untold = call->state == CFUT_CREW_CALL_HANDED &&
                        cfut_crew_worker_has_entered (self, call->id);

      if (call->state == CFUT_CREW_CALL_HANDED && !call->settled && !untold)
        {
          cfut_crew_call_queue_locked (call, TRUE);
          continue;
        }
      if (untold)
        {
          cfut_future_set_worker_pid (CFUT_FUTURE (call->task), self->pid);
          cfut_crew_call_start_locked (call);
        }
      cfut_crew_finish_locked (crew, call, FALSE, worker_error_for (self, call, text));
    }
  if (self->pid == 0 && !self->stopped && !self->refused)
    cfut_crew_start_failed_locked (crew, worker_start_error (self, text), self->for_good,
                                   self->scarce);
  else if (self->n_done == 0 && !self->stopped)
    cfut_crew_start_failed_locked (crew, NULL, FALSE, FALSE);
  armed = self->armed_usec != 0 && cfut_timer_disarm (&self->timer);
  cfut_crew_dispatch_locked (crew);
  cfut_crew_leave (crew);

  if (armed)
    cfut_crew_worker_unref (self);
  /* The list's. */
  cfut_crew_worker_unref (self);
}

void
cfut_crew_worker_exited (CfutChild *child,
                         int        wait_status,
                         gpointer   data)
{
  CfutCrewWorker *self = data;
  CfutCrew *crew = self->crew;
  gboolean ended;

  cfut_crew_enter (crew);
  self->exited = TRUE;
  self->wait_status = wait_status;
  cfut_crew_worker_retire_locked (self);
  self->stop_at_usec = 0;
  cfut_crew_worker_do_locked (self, CFUT_CREW_DO_HANG_UP);
  ended = --self->n_parts == 0;
  cfut_crew_leave (crew);

  if (ended)
    cfut_crew_worker_ended (self);
}
