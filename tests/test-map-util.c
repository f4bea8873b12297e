/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the tests of maps share. */

#include "test-map-util.h"

CfutRequest *
chunked (guint chunk_size)
{
  return g_object_new (CFUT_TYPE_REQUEST, "chunk-size", chunk_size, NULL);
}

gboolean
item_number (CfutTask  *task,
             guint64    index,
             gpointer   n_calls,
             GError   **error)
{
  if (n_calls != NULL)
    g_atomic_int_inc ((int *) n_calls);
  cfut_task_set_result_int64 (task, ITEM_NUMBER (index));
  return TRUE;
}

gboolean
item_kept (CfutTask  *task,
           guint64    index,
           gpointer   user_data,
           GError   **error)
{
  return item_number (task, index, NULL, error);
}

gboolean
item_until_cancelled (CfutTask  *task,
                      guint64    index,
                      gpointer   gate,
                      GError   **error)
{
  if (index == 0)
    return item_number (task, index, NULL, error);

  return test_task_until_cancelled (task, gate, error);
}

CfutFuture *
next_now (CfutMap *map)
{
  g_autoptr (GError) error = NULL;
  CfutFuture *future = cfut_map_next (map, TEST_DEADLINE_USEC, NULL, &error);

  g_assert_no_error (error);
  if (future != NULL)
    g_assert_true (cfut_future_is_settled (future));
  return future;
}

void
assert_next_is (CfutMap *map,
                guint64  index)
{
  g_autoptr (CfutFuture) future = next_now (map);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (future);
  g_assert_cmpint (cfut_future_result_int64 (future, 0, &error), ==, ITEM_NUMBER (index));
  g_assert_no_error (error);
  g_assert_cmpuint (cfut_map_get_n_taken (map), ==, index + 1);
}

void
assert_at_end (CfutMap *map)
{
  for (guint i = 0; i < 2; i++)
    g_assert_null (next_now (map));
}

gboolean
item_gated (CfutTask  *task,
            guint64    index,
            gpointer   user_data,
            GError   **error)
{
  Gated *self = user_data;

  g_atomic_int_inc (&self->n_calls);
  if (index == self->stop_at)
    test_gate_pass (&self->gate);
  return item_number (task, index, NULL, error);
}

void
gated_destroy (gpointer user_data)
{
  g_atomic_int_inc (&((Gated *) user_data)->n_destroyed);
}
