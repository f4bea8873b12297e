/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the tests of chains share. */

#include "test-chain-util.h"

CfutFuture *
step_func (CfutFuture  *settled,
           gpointer     user_data,
           GError     **error)
{
  Step *step = user_data;

  g_assert_true (cfut_future_is_settled (settled));
  g_assert_cmpint (test_place_get_n (&step->destroyed), ==, 0);
  step->settled = settled;
  test_place_note (&step->called);
  if (step->inner != NULL)
    return g_object_ref (step->inner);
  if (step->code != 0)
    g_set_error (error, G_IO_ERROR, step->code, "a step's own");
  return NULL;
}

void
step_destroy (gpointer user_data)
{
  test_place_note (&((Step *) user_data)->destroyed);
}

CfutFuture *
pass_func (CfutFuture  *settled,
           gpointer     user_data,
           GError     **error)
{
  if (user_data != NULL)
    (*(int *) user_data)++;
  return g_object_ref (settled);
}
