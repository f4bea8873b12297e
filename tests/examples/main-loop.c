/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Work in a program with a main loop: nothing waits, so that the loop goes on drawing, here ticking, all the time. The
 * result comes as a call on the main thread. */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  GMainLoop *loop;
  GAsyncQueue *ticks;
  guint n_ticks;
} Program;

/* Is through when the main loop has ticked three times, which it could not while somebody waited in it. */
static gboolean
wait_for_ticks (CfutTask  *task,
                gpointer   user_data,
                GError   **error)
{
  GAsyncQueue *ticks = user_data;

  for (guint n = 1; n <= 3; n++)
    {
      g_async_queue_pop (ticks);
      cfut_task_set_progress (task, n, 3);
    }
  cfut_task_set_result_string (task, "tick, tick, tick");
  return TRUE;
}

static gboolean
on_tick (gpointer user_data)
{
  Program *program = user_data;

  program->n_ticks++;
  g_async_queue_push (program->ticks, program);
  return G_SOURCE_CONTINUE;
}

static void
on_progress (CfutFuture *future,
             GParamSpec *pspec,
             gpointer    user_data)
{
  if (cfut_future_get_fraction (future) == 1.0)
    g_print ("the progress is complete\n");
}

static void
on_waited (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  CfutFuture *future = CFUT_FUTURE (source);
  Program *program = user_data;
  g_autoptr (GError) error = NULL;
  const char *heard = NULL;

  if (cfut_future_wait_finish (future, result, &error))
    heard = cfut_future_result_string (future, 0, &error);
  if (heard != NULL)
    g_print ("the task heard: %s\n", heard);
  else
    g_print ("nothing was heard: %s\n", error ? error->message : "no result");
  g_main_loop_quit (program->loop);
}

int
main (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GAsyncQueue) ticks = g_async_queue_new ();
  Program program = { loop, ticks, 0 };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);
  g_autoptr (CfutFuture) future = cfut_executor_submit (executor, wait_for_ticks, ticks, NULL);
  guint tick_id = g_timeout_add (5, on_tick, &program);

  /* A widget's property would be bound: g_object_bind_property (future, "fraction", bar, "fraction", 0). */
  g_signal_connect (future, "notify::fraction", G_CALLBACK (on_progress), NULL);
  cfut_future_wait_async (future, -1, NULL, on_waited, &program);

  g_main_loop_run (loop);
  g_source_remove (tick_id);
  g_print ("the loop went on: %s\n", program.n_ticks >= 3 ? "yes" : "no");
  return EXIT_SUCCESS;
}
