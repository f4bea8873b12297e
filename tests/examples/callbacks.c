/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * Callbacks on one future, several of them: they are called in the order in which they were added, one by one, on the
 * main context of whoever submitted the work. They may touch anything that the main thread may. */

#include <cfut/cfut.h>
#include <stdlib.h>

typedef struct {
  GThread *main_thread;
  GMainLoop *loop;
  guint n_left;
} Program;

static gboolean
look_up (CfutTask  *task,
         gpointer   user_data,
         GError   **error)
{
  int id = GPOINTER_TO_INT (user_data);

  if (id <= 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "There is no user %d", id);
      return FALSE;
    }
  cfut_task_set_result_string (task, id == 1 ? "Ada" : "Grace");
  return TRUE;
}

/* What a callback gets has settled, so that the result is there without waiting. */
static void
greet (CfutFuture *settled,
       gpointer    user_data)
{
  g_autoptr (GError) error = NULL;
  const char *name = cfut_future_result_string (settled, 0, &error);

  if (name != NULL)
    g_print ("Good morning, %s\n", name);
  else
    g_print ("Nobody to greet: %s\n", error->message);
}

static void
write_log (CfutFuture *settled,
           gpointer    user_data)
{
  Program *program = user_data;
  g_autofree char *state = g_enum_to_string (CFUT_TYPE_STATE, cfut_future_get_state (settled));

  g_print ("  log: %s, on the %s thread\n", state,
           g_thread_self () == program->main_thread ? "main" : "wrong");
}

static void
count_down (CfutFuture *settled,
            gpointer    user_data)
{
  Program *program = user_data;

  program->n_left--;
  g_print ("  %u to go\n", program->n_left);
  if (program->n_left == 0)
    g_main_loop_quit (program->loop);
}

int
main (void)
{
  static const int ids[] = { 1, 2, -3 };
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  /* One worker: the users come in the order in which they are looked up. */
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  Program program = { g_thread_self (), loop, G_N_ELEMENTS (ids) };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      /* The future may be dropped right away: it is kept until everybody has been told. */
      g_autoptr (CfutFuture) future =
        cfut_executor_submit (executor, look_up, GINT_TO_POINTER (ids[i]), NULL);

      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, greet, NULL, NULL);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, write_log, &program, NULL);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, count_down, &program, NULL);
    }

  g_print ("All are submitted\n");
  g_main_loop_run (loop);
  return EXIT_SUCCESS;
}
