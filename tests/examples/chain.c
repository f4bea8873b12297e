/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * One step after the other, without waiting for any: chain goes on with a value, recover with a failure, always with
 * either. The steps are called on the main context, or by who waits on its thread, and may submit work. */

#include <cfut/cfut.h>
#include <stdlib.h>

static gboolean
find_city (CfutTask  *task,
           gpointer   user_data,
           GError   **error)
{
  const char *person = user_data;

  if (!g_str_equal (person, "Ada"))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "Nobody knows %s", person);
      return FALSE;
    }
  cfut_task_set_result_string (task, "London");
  return TRUE;
}

static gboolean
find_weather (CfutTask  *task,
              gpointer   user_data,
              GError   **error)
{
  g_autofree char *weather = g_strdup_printf ("rain in %s", (const char *) user_data);

  cfut_task_set_result_string (task, weather);
  return TRUE;
}

/* The second step needs the result of the first, and is a task again. */
static CfutFuture *
ask_for_weather (CfutFuture *city,
                 gpointer    executor,
                 GError    **error)
{
  char *name = g_strdup (cfut_future_result_string (city, 0, NULL));

  return cfut_executor_submit (executor, find_weather, name, g_free);
}

/* A value that is there already comes as a future that has settled. */
static CfutFuture *
guess (CfutFuture *failed,
       gpointer    user_data,
       GError    **error)
{
  g_autoptr (GError) reason = cfut_future_dup_error (failed);
  g_autoptr (CfutPromise) promise = cfut_promise_new ();

  g_print ("  %s, so let us guess\n", reason->message);
  cfut_promise_resolve_string (promise, "sunshine");
  return g_object_ref (cfut_promise_get_future (promise));
}

/* Returning the future itself passes its outcome on. */
static CfutFuture *
note_end (CfutFuture *settled,
          gpointer    person,
          GError    **error)
{
  g_print ("  that is all for %s\n", (const char *) person);
  return g_object_ref (settled);
}

int
main (void)
{
  static const char *people[] = { "Ada", "Zoe" };
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (0);

  for (guint i = 0; i < G_N_ELEMENTS (people); i++)
    {
      g_autoptr (CfutFuture) city = cfut_executor_submit (executor, find_city, (gpointer) people[i], NULL);
      g_autoptr (CfutFuture) weather = cfut_future_chain (city, ask_for_weather, executor, NULL);
      g_autoptr (CfutFuture) recovered = cfut_future_recover (weather, guess, NULL, NULL);
      g_autoptr (CfutFuture) outcome = cfut_future_always (recovered, note_end, (gpointer) people[i], NULL);
      g_autoptr (GError) error = NULL;
      const char *result;

      g_print ("%s\n", people[i]);
      result = cfut_future_result_string (outcome, -1, &error);
      g_print ("  %s\n", result ? result : error->message);
    }
  return EXIT_SUCCESS;
}
