/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the tests of waits that can never end share. */

#include "test-stuck-util.h"

CfutExecutor *
new_serial (guint max_workers)
{
  return g_object_new (CFUT_TYPE_THREAD_EXECUTOR, "max-workers", max_workers, "compensate", FALSE,
                       NULL);
}

void
assert_deadlock (GError **error)
{
  g_assert_error (*error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLOCK);
  g_clear_error (error);
}

void
assert_times_out (GError **error)
{
  g_assert_error (*error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (error);
}

CfutFuture *
give_again (CfutFuture  *settled,
            gpointer     user_data,
            GError     **error)
{
  return g_object_ref (user_data != NULL ? user_data : (gpointer) settled);
}

void
count_call (CfutFuture *settled,
            gpointer    n_calls)
{
  (*(int *) n_calls)++;
}

void
stuck_begin (Stuck        *self,
             CfutExecutor *executor)
{
  memset (self, 0, sizeof (*self));
  self->executor = executor;
  self->promise = cfut_promise_new ();
  self->group = cfut_group_new ();
  test_gate_init (&self->gate);
}

void
stuck_end (Stuck *self)
{
  g_autoptr (GError) seen = NULL;

  if (self->waited != NULL)
    seen = cfut_future_dup_error (self->waited);
  cfut_future_cancel (cfut_promise_get_future (self->promise));
  test_assert_ends (self->executor);
  g_clear_object (&self->waited);
  g_clear_object (&self->own);
  g_object_unref (self->promise);
  g_object_unref (self->group);
  g_object_unref (self->executor);
  test_iterate_ready (NULL);
  test_gate_clear (&self->gate);
}

CfutFuture *
stuck_run (Stuck        *self,
           CfutTaskFunc  func)
{
  return cfut_executor_submit (self->executor, func, self, NULL);
}

CfutFuture *
make_of (CfutFuture *future,
         guint       way)
{
  g_autoptr (CfutFuture) one = NULL;
  g_autoptr (CfutFuture) two = NULL;
  g_autoptr (CfutFuture) three = NULL;

  switch (way)
    {
    case 0:
      return cfut_future_all (&future, 1);
    case 1:
      return cfut_future_any (&future, 1);
    case 2:
      return cfut_future_race (&future, 1);
    case 3:
      return cfut_future_chain (future, give_again, NULL, NULL);
    case 4:
      return cfut_future_recover (future, give_again, NULL, NULL);
    default:
      one = cfut_future_all (&future, 1);
      two = cfut_future_chain (one, give_again, NULL, NULL);
      three = cfut_future_any ((CfutFuture *[]) { two, one, future }, 3);
      return cfut_future_race ((CfutFuture *[]) { three, two }, 2);
    }
}
