/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A run of a command: a child process whose pipes the I/O thread serves, and what it came to.
 *
 *   new --(start)--> runs --(exit)--> exited --(both pipes at their end, or DRAIN_USEC)--> ended
 *
 * Threads: made where it is submitted, started and ended on the I/O thread, stopped on any; lines
 *   are taken on the owner's context.
 * Locks: lock, for the child, what it was told, and the lines that wait.
 * Owns: a reference of its own from start to end, and one on the task. What is a user's, the input
 *   and the line closure, is let go of with the task, on the owner's context: the task lives until
 *   the end, as its function is said to be entered.
 * Invariants:
 * 1. Both pipes are read until they end, however much of it is kept, so the program never waits for
 *    this process; unless another process keeps them open after its exit: that gets DRAIN_USEC.
 * 2. What was told to stop before it was started is not started, and after that it is told to the
 *    child.
 * 3. No line comes after the end.
 * Not here: the queue, deadlines (cfut-crew.c), the process (cfut-child.c). */

#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/cfut-lock-private.h"
#include "core/cfut-thread-private.h"
#include "cfut-executor.h"
#include "process/cfut-command-private.h"
#include "process/cfut-command-run-private.h"
#include "process/cfut-io-private.h"
#include "process/cfut-keep-private.h"
#include "process/cfut-lines-private.h"
#include "process/cfut-pipe-private.h"

/* For how long after the exit others may keep the pipes open before that is not waited for. */
#define DRAIN_USEC (250 * 1000)
/* Of stderr, for the message of an error, whatever is kept of it. */
#define TAIL_BYTES 4096
/* How long lines are told at a time. */
#define TELL_USEC 2000

typedef struct {
  CfutPipe pipe;
  CfutCommandRun *run;
  CfutCommandStream stream;
  gsize max;           /* of what the result gets */
  CfutKeep keep;
  CfutLines lines;
} Output;

struct _CfutCommandRun {
  gatomicrefcount ref_count;

  /* Immutable; the user's things go with the task */
  char **argv;
  char *cwd;
  char **environ;
  gboolean any_exit_status;
  CfutChildLimits limits;
  GBytes *stdin_data;     /* (nullable) */
  CfutLineClosure *line;  /* (nullable) */

  /* I/O thread only */
  CfutTask *task;         /* from start to end */
  CfutCommandEnded ended;
  gpointer data;
  CfutPipe input;
  Output outputs[2];
  gboolean exited;
  int wait_status;
  GError *cause;          /* (nullable): why it was not started */
  GSource *drain;         /* (nullable): of the end of patience with the pipes */

  /* Guarded by lock */
  GMutex lock;
  CfutChild *child;       /* (nullable) */
  gboolean stop;
  gboolean kill;
  CfutLineQueue waiting;
};

CfutCommandRun *
cfut_command_run_new (CfutCommand        *command,
                      const char * const *argv,
                      GBytes             *stdin_data)
{
  CfutCommandRun *self = g_new0 (CfutCommandRun, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->argv = g_strdupv ((char **) argv);
  self->stdin_data = stdin_data != NULL ? g_bytes_ref (stdin_data) : NULL;
  self->input.fd = -1;
  for (int i = 0; i < 2; i++)
    {
      Output *output = &self->outputs[i];

      output->pipe.fd = -1;
      output->run = self;
      output->stream = (CfutCommandStream) i;
      output->max = command != NULL ? MIN (command->max_bytes[i], G_MAXSSIZE) : G_MAXSSIZE;
      output->keep.max = output->max;
    }
  self->outputs[CFUT_COMMAND_STREAM_STDERR].keep.last = TRUE;
  self->outputs[CFUT_COMMAND_STREAM_STDERR].keep.max =
    MAX (self->outputs[CFUT_COMMAND_STREAM_STDERR].max, TAIL_BYTES);

  if (command != NULL)
    {
      self->cwd = g_strdup (command->cwd);
      self->environ = g_strdupv (command->environ);
      self->any_exit_status = command->any_exit_status;
      self->limits = command->limits;
      self->line = command->line != NULL ? cfut_line_closure_ref (command->line) : NULL;
    }

  return self;
}

static void
run_unref (CfutCommandRun *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  cfut_lines_free (self->waiting.first);
  g_free (self->outputs[0].keep.bytes);
  g_free (self->outputs[1].keep.bytes);
  g_strfreev (self->argv);
  g_free (self->cwd);
  g_strfreev (self->environ);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
cfut_command_run_free (gpointer data)
{
  CfutCommandRun *self = data;

  g_clear_pointer (&self->stdin_data, g_bytes_unref);
  g_clear_pointer (&self->line, cfut_line_closure_unref);
  run_unref (self);
}

gboolean
cfut_command_run (CfutTask  *task,
                  gpointer   run,
                  GError   **error)
{
  g_return_val_if_reached (FALSE);
}

CfutCommandRun *
cfut_command_run_from_task (CfutTask *task)
{
  return task->func == cfut_command_run ? task->user_data : NULL;
}

static CfutLine *
pop_line (CfutCommandRun *self)
{
  CfutLine *line;

  cfut_lock (&self->lock, CFUT_LOCK_COMMAND);
  line = cfut_line_queue_pop (&self->waiting);
  cfut_unlock (&self->lock, CFUT_LOCK_COMMAND);

  return line;
}

/* On the owner's context, in its loop. TRUE: there is more. */
static gboolean
run_tell_lines (CfutFuture *future)
{
  CfutTask *task = CFUT_TASK (future);
  CfutCommandRun *self = task->user_data;
  CfutThread *thread = cfut_thread_get ();
  gpointer outer = thread->telling_task;
  gint64 until = g_get_monotonic_time () + TELL_USEC;
  gboolean is_over = FALSE;
  CfutLine *line;

  while (!is_over && (line = pop_line (self)) != NULL)
    {
      thread->telling_task = task;
      self->line->func (task, (CfutCommandStream) line->stream, line->text, self->line->user_data);
      thread->telling_task = outer;
      cfut_lines_free (line);
      is_over = g_get_monotonic_time () >= until;
    }

  return is_over;
}

/* On the I/O thread. */
static void
run_add_line (char     *text,
              gpointer  data)
{
  Output *output = data;
  CfutCommandRun *self = output->run;
  CfutLine *line = cfut_line_new (text, output->stream);
  CfutLine *dropped;

  cfut_lock (&self->lock, CFUT_LOCK_COMMAND);
  dropped = cfut_line_queue_add (&self->waiting, line);
  cfut_unlock (&self->lock, CFUT_LOCK_COMMAND);

  cfut_lines_free (dropped);
}

static void
output_got (CfutPipe   *pipe,
            const char *data,
            gsize       size)
{
  Output *self = (Output *) pipe;
  CfutCommandRun *run = self->run;

  cfut_keep_add (&self->keep, data, size);
  if (run->line != NULL)
    {
      cfut_lines_add (&self->lines, data, size, run_add_line, self);
      cfut_future_lines_came (CFUT_FUTURE (run->task));
    }
}

/* (transfer full): of a status that is not success. */
static GError *
run_status_error (CfutCommandRun *self)
{
  CfutKeep *keep = &self->outputs[CFUT_COMMAND_STREAM_STDERR].keep;
  g_autofree char *tail = cfut_text_tail (keep->bytes, keep->size, TAIL_BYTES, keep->truncated);
  const char *program = self->argv[0];
  const char *between = tail[0] != '\0' ? ":\n" : "";
  int status = self->wait_status;

  if (status < 0)
    return g_error_new (G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED,
                        _("How “%s” ended is not known, as another part of the program asked"),
                        program);
  /* Translators: last comes what the program wrote, on lines of its own, or nothing */
  if (WIFSIGNALED (status))
    return g_error_new (G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED,
                        _("“%s” was killed by signal %d (%s)%s%s"), program, WTERMSIG (status),
                        g_strsignal (WTERMSIG (status)), between, tail);

  /* Translators: last comes what the program wrote, on lines of its own, or nothing */
  return g_error_new (G_SPAWN_EXIT_ERROR, WEXITSTATUS (status),
                      _("“%s” exited with status %d%s%s"), program, WEXITSTATUS (status), between,
                      tail);
}

/* (nullable) (transfer full) */
static GError *
run_get_error (CfutCommandRun *self)
{
  gboolean stopped;

  cfut_lock (&self->lock, CFUT_LOCK_COMMAND);
  stopped = self->stop || self->kill;
  cfut_unlock (&self->lock, CFUT_LOCK_COMMAND);

  if (self->wait_status == 0 || (self->any_exit_status && !stopped && self->wait_status >= 0))
    return NULL;
  if (stopped)
    return g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, _("“%s” was stopped"), self->argv[0]);

  return run_status_error (self);
}

/* The last of it, and of the references that start took. */
static void
run_end (CfutCommandRun *self,
         GError         *error)
{
  CfutTask *task = g_steal_pointer (&self->task);
  CfutChild *child;

  cfut_pipe_close (&self->input);
  for (int i = 0; i < 2; i++)
    cfut_pipe_close (&self->outputs[i].pipe);
  if (self->drain != NULL)
    {
      g_source_destroy (self->drain);
      g_clear_pointer (&self->drain, g_source_unref);
    }

  cfut_lock (&self->lock, CFUT_LOCK_COMMAND);
  child = g_steal_pointer (&self->child);
  cfut_unlock (&self->lock, CFUT_LOCK_COMMAND);
  g_clear_pointer (&child, cfut_child_unref);

  self->ended (self->data, error == NULL, error);
  cfut_future_release (CFUT_FUTURE (task));
  run_unref (self);
}

static void
run_end_exited (CfutCommandRun *self)
{
  GError *error = run_get_error (self);

  for (int i = 0; i < 2; i++)
    cfut_lines_end (&self->outputs[i].lines, run_add_line, &self->outputs[i]);
  if (self->line != NULL)
    cfut_future_lines_came (CFUT_FUTURE (self->task));

  if (error == NULL)
    {
      Output *out = &self->outputs[CFUT_COMMAND_STREAM_STDOUT];
      Output *err = &self->outputs[CFUT_COMMAND_STREAM_STDERR];
      GBytes *out_bytes = cfut_keep_steal (&out->keep, out->max);
      GBytes *err_bytes = cfut_keep_steal (&err->keep, err->max);
      GValue value = G_VALUE_INIT;

      g_value_init (&value, CFUT_TYPE_COMMAND_RESULT);
      g_value_take_object (&value,
                           cfut_command_result_new (self->wait_status, out_bytes,
                                                    out->keep.truncated,
                                                    err_bytes, err->keep.truncated));
      cfut_future_take_value (CFUT_FUTURE (self->task), &value);
    }
  run_end (self, error);
}

static gboolean
run_pipes_ended (CfutCommandRun *self)
{
  return self->outputs[0].pipe.fd < 0 && self->outputs[1].pipe.fd < 0;
}

static void
output_ended (CfutPipe *pipe)
{
  CfutCommandRun *self = ((Output *) pipe)->run;

  /* While patience lasts. Drained in run_on_exited, it ends there. */
  if (self->drain != NULL && run_pipes_ended (self))
    run_end_exited (self);
}

static void
input_ended (CfutPipe *pipe)
{
}

static gboolean
run_lost_patience (gpointer data)
{
  run_end_exited (data);
  return G_SOURCE_REMOVE;
}

static void
run_on_exited (CfutChild *child,
               int        wait_status,
               gpointer   data)
{
  CfutCommandRun *self = data;

  self->wait_status = wait_status;
  cfut_pipe_close (&self->input);
  cfut_pipe_drain (&self->outputs[0].pipe);
  cfut_pipe_drain (&self->outputs[1].pipe);
  if (run_pipes_ended (self))
    {
      run_end_exited (self);
      return;
    }

  self->drain = g_timeout_source_new (DRAIN_USEC / 1000);
  g_source_set_static_name (self->drain, "[cfut] command drain");
  g_source_set_callback (self->drain, run_lost_patience, self, NULL);
  g_source_attach (self->drain, cfut_io_get_context (NULL));
}

static gboolean
run_spawn (CfutCommandRun  *self,
           gint64           grace_usec,
           GError         **error)
{
  CfutChildSpec spec = CFUT_CHILD_SPEC_INIT;
  CfutChild *child;
  gboolean stop, kill;

  cfut_lock (&self->lock, CFUT_LOCK_COMMAND);
  stop = self->stop || self->kill;
  cfut_unlock (&self->lock, CFUT_LOCK_COMMAND);
  if (stop)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("“%s” was stopped"), self->argv[0]);
      return FALSE;
    }

  spec.argv = (const char * const *) self->argv;
  spec.cwd = self->cwd;
  spec.environ = (const char * const *) self->environ;
  spec.limits = self->limits;
  spec.quick = TRUE;
  spec.stdio[0] = self->stdin_data != NULL ? CFUT_STDIO_PIPE : CFUT_STDIO_NULL;
  spec.stdio[1] = CFUT_STDIO_PIPE;
  spec.stdio[2] = CFUT_STDIO_PIPE;
  spec.grace_usec = grace_usec;
  spec.exited = run_on_exited;
  spec.user_data = self;
  child = cfut_child_spawn (&spec, error);
  if (child == NULL)
    return FALSE;

  cfut_future_set_worker_pid (CFUT_FUTURE (self->task), cfut_child_get_pid (child));
  cfut_lock (&self->lock, CFUT_LOCK_COMMAND);
  self->child = child;
  stop = self->stop;
  kill = self->kill;
  cfut_unlock (&self->lock, CFUT_LOCK_COMMAND);

  if (kill)
    cfut_child_kill (child);
  else if (stop)
    cfut_child_stop (child);
  return TRUE;
}

static void
run_end_not_started (gpointer data)
{
  CfutCommandRun *self = data;

  run_end (self, g_steal_pointer (&self->cause));
}

void
cfut_command_run_start (CfutCommandRun   *self,
                        CfutTask         *task,
                        gint64            grace_usec,
                        CfutCommandEnded  ended,
                        gpointer          data)
{
  g_atomic_ref_count_inc (&self->ref_count);
  self->task = g_object_ref (task);
  self->ended = ended;
  self->data = data;
  self->input.ended = input_ended;
  for (int i = 0; i < 2; i++)
    {
      self->outputs[i].pipe.got = output_got;
      self->outputs[i].pipe.ended = output_ended;
    }
  if (self->line != NULL)
    cfut_future_get_extra (CFUT_FUTURE (task))->tell_lines = run_tell_lines;

  if (!run_spawn (self, grace_usec, &self->cause))
    {
      cfut_io_invoke (run_end_not_started, self);
      return;
    }

  if (self->stdin_data != NULL)
    cfut_pipe_write (&self->input, cfut_child_steal_pipe (self->child, 0), self->stdin_data);
  cfut_pipe_read (&self->outputs[0].pipe, cfut_child_steal_pipe (self->child, 1));
  cfut_pipe_read (&self->outputs[1].pipe, cfut_child_steal_pipe (self->child, 2));
}

static void
run_tell_child (CfutCommandRun *self,
                gboolean        kill)
{
  CfutChild *child;

  cfut_lock (&self->lock, CFUT_LOCK_COMMAND);
  self->stop = TRUE;
  self->kill |= kill;
  child = self->child != NULL ? cfut_child_ref (self->child) : NULL;
  cfut_unlock (&self->lock, CFUT_LOCK_COMMAND);

  if (child == NULL)
    return;
  if (kill)
    cfut_child_kill (child);
  else
    cfut_child_stop (child);
  cfut_child_unref (child);
}

void
cfut_command_run_stop (CfutCommandRun *self)
{
  run_tell_child (self, FALSE);
}

void
cfut_command_run_kill (CfutCommandRun *self)
{
  run_tell_child (self, TRUE);
}

/**
 * cfut_process_executor_run:
 * @self: an executor
 * @request: (nullable): how to submit it; %NULL for the defaults
 * @command: (nullable): how to run it; %NULL for the defaults
 * @argv: (array zero-terminated=1): the program, and its arguments; without a slash the program is
 *   looked for in the PATH of this process
 * @stdin_data: (nullable): what the program gets as its input; %NULL for none
 *
 * Runs a program, when fewer than [property@Cfut.Executor:max-workers] run, and returns a future
 * for what it comes to: a [class@Cfut.CommandResult].
 *
 * No shell is involved. Input and both outputs are served by a thread of the library's, whatever
 * their sizes; a program that does not read its input is none the worse for it. The result is there
 * when the program has exited and its outputs have ended; where another process, which it left
 * behind, keeps them open, a quarter of a second is given to that.
 *
 * The program is the leader of a process group. Cancelled, or past the run deadline of @request,
 * the whole group gets SIGTERM, and SIGKILL after
 * [property@Cfut.ProcessExecutor:stop-grace-usec]. May be called on any thread, and does not block
 * but as [property@Cfut.Request:when-full] says.
 *
 * Errors, on the future: %G_SPAWN_EXIT_ERROR with the status as its code, and %G_SPAWN_ERROR_FAILED
 * for a death by signal, both with the last lines of the error output, unless @command says
 * [property@Cfut.Command:any-exit-status]; other codes of %G_SPAWN_ERROR where the program cannot
 * be started; and those of [method@Cfut.Executor.submit_full].
 *
 * ```c
 * const char *argv[] = { "gzip", "-9", path, NULL };
 * g_autoptr (CfutFuture) future =
 *   cfut_process_executor_run (CFUT_PROCESS_EXECUTOR (executor), NULL, NULL, argv, NULL);
 * ```
 *
 * Returns: (transfer full): the future
 *
 * Since: 1.0
 */
CfutFuture *
cfut_process_executor_run (CfutProcessExecutor *self,
                           CfutRequest         *request,
                           CfutCommand         *command,
                           const char * const  *argv,
                           GBytes              *stdin_data)
{
  g_return_val_if_fail (CFUT_IS_PROCESS_EXECUTOR (self), NULL);
  g_return_val_if_fail (request == NULL || CFUT_IS_REQUEST (request), NULL);
  g_return_val_if_fail (command == NULL || CFUT_IS_COMMAND (command), NULL);
  g_return_val_if_fail (argv != NULL && argv[0] != NULL && argv[0][0] != '\0', NULL);

  return cfut_executor_submit_full (CFUT_EXECUTOR (self), request, cfut_command_run,
                                    cfut_command_run_new (command, argv, stdin_data),
                                    cfut_command_run_free);
}
