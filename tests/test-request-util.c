/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the tests of requests share. */

#include "test-request-util.h"

void
held_init (Held *self)
{
  self->executor = cfut_thread_executor_new (1);
  test_gate_init (&self->gate);
  self->blocker = cfut_executor_submit (self->executor, test_task_pass, &self->gate, NULL);
  test_gate_wait_arrived (&self->gate, 1);
}

void
held_open (Held *self)
{
  test_gate_open (&self->gate);
}

void
held_clear (Held    *self,
            guint64  n_completed)
{
  held_open (self);
  test_assert_ends (self->executor);
  g_assert_cmpuint (cfut_executor_get_n_completed (self->executor), ==, n_completed + 1);
  g_assert_cmpuint (cfut_executor_get_n_running (self->executor), ==, 0);
  g_clear_object (&self->blocker);
  test_iterate_ready (NULL);
  g_clear_object (&self->executor);
  test_gate_clear (&self->gate);
}
