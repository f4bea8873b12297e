/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutMap compared with a naive model. */

#include "test-map-util.h"

/* The same against a naive model: a random map is taken by a random mixture of calls, and each item is
 * found as the model has it. */
typedef struct {
  guint32 seed;
  int *calls;  /* atomic, each */
  int n_destroyed;
} Random;

typedef enum { FINE, FAILS, SILENT, EMPTY } Outcome;

static Outcome
random_outcome (Random  *self,
                guint64  index)
{
  guint32 x = (self->seed ^ (guint32) index) * 2654435761u;

  return (x >> 16) % 8 > 3 ? FINE : (Outcome) ((x >> 16) % 4);
}

static gboolean
item_random (CfutTask  *task,
             guint64    index,
             gpointer   user_data,
             GError   **error)
{
  Random *self = user_data;

  g_atomic_int_inc (&self->calls[index]);
  switch (random_outcome (self, index))
    {
    case FINE:
      return item_number (task, index, NULL, error);
    case FAILS:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%u", (guint) index);
      return FALSE;
    case SILENT:
      return FALSE;
    case EMPTY:
    default:
      return TRUE;
    }
}

static void
random_destroy (gpointer user_data)
{
  ((Random *) user_data)->n_destroyed++;
}

static void
random_check (Random     *self,
              guint64     index,
              CfutFuture *future,
              gboolean    was_cancelled)
{
  g_autoptr (GError) error = cfut_future_dup_error (future);

  if (was_cancelled && cfut_future_get_state (future) == CFUT_STATE_CANCELLED)
    {
      g_assert_cmpint (self->calls[index], ==, 0);
      return;
    }

  g_assert_cmpint (self->calls[index], ==, 1);
  switch (random_outcome (self, index))
    {
    case FINE:
      g_assert_cmpint (cfut_future_result_int64 (future, 0, NULL), ==, ITEM_NUMBER (index));
      break;
    case FAILS:
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
      g_assert_cmpint (atoi (error->message), ==, (int) index);
      break;
    case SILENT:
      g_assert_error (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED);
      break;
    case EMPTY:
    default:
      g_assert_no_error (error);
      g_assert_null (cfut_future_result (future, 0, NULL));
    }
}

static void
random_round (GRand *rand)
{
  int n = g_rand_int_range (rand, 0, 200);
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (g_rand_int_range (rand, 1, 5));
  g_autoptr (CfutRequest) request = chunked (g_rand_int_range (rand, 1, 12));
  Random random = { .seed = g_rand_int (rand), .calls = g_new0 (int, n + 1) };
  int cancel_at = g_rand_boolean (rand) ? g_rand_int_range (rand, 0, n + 1) : G_MAXINT;
  int drop_at = g_rand_int_range (rand, 0, 3) == 0 ? g_rand_int_range (rand, 0, n + 1) : G_MAXINT;
  gboolean cancelled = FALSE;
  CfutMap *map;
  int i = 0;

  map = cfut_executor_map (executor, g_rand_boolean (rand) ? request : NULL, n,
                           g_rand_int_range (rand, 0, 30), item_random, &random, random_destroy);
  while (map != NULL)
    {
      g_autoptr (GError) error = NULL;
      CfutFuture *future;

      if (i >= cancel_at && !cancelled)
        {
          cfut_map_cancel (map);
          cancelled = TRUE;
        }
      if (i >= drop_at)
        {
          g_clear_object (&map);
          break;
        }

      future = cfut_map_next (map, g_rand_boolean (rand) ? -1 : g_rand_int_range (rand, 0, 50), NULL, &error);
      if (future != NULL)
        {
          random_check (&random, i++, future, cancelled);
          g_object_unref (future);
        }
      else if (error != NULL)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      else
        break;
    }

  if (map != NULL && !cancelled)
    g_assert_cmpint (i, ==, n);
  g_clear_object (&map);
  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, -1, NULL);
  test_iterate_until (NULL, random.n_destroyed > 0);
  test_iterate_ready (NULL);
  g_assert_cmpint (random.n_destroyed, ==, 1);
  for (int j = 0; j < n; j++)
    g_assert_cmpint (random.calls[j], <=, 1);
  g_free (random.calls);
}

static void
test_map_as_the_model (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < 150; i++)
    random_round (rand);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/map/" name, test_map_##func)
  add ("as-the-model", as_the_model);
#undef add

  return g_test_run ();
}
