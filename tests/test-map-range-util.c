/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the tests of ranges share. */

#include "test-map-range-util.h"

void
work_init (Work    *self,
           guint64  begin,
           guint64  end)
{
  *self = (Work) { .begin = begin, .end = end, .fail_at = NEVER };
  g_mutex_init (&self->lock);
  if (end - begin <= 1000000)
    self->seen = g_new0 (guint8, end - begin + 1);
}

void
work_clear (Work *self)
{
  g_mutex_clear (&self->lock);
  g_free (self->seen);
}

gboolean
work_part (CfutTask  *task,
           guint64    begin,
           guint64    end,
           gpointer   user_data,
           GError   **error)
{
  Work *self = user_data;

  g_assert_cmpuint (begin, <, end);
  g_assert_cmpuint (begin, >=, self->begin);
  g_assert_cmpuint (end, <=, self->end);
  if (self->gate != NULL)
    test_gate_pass (self->gate);
  for (guint64 i = begin; self->seen != NULL && i < end; i++)
    self->seen[i - self->begin]++;

  g_mutex_lock (&self->lock);
  self->n_parts++;
  self->n_indexes += end - begin;
  self->max_part = MAX (self->max_part, end - begin);
  g_mutex_unlock (&self->lock);

  if (self->fail_at >= begin && self->fail_at < end)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "index %u", (guint) (self->fail_at - self->begin));
      return FALSE;
    }

  return TRUE;
}

void
work_assert_all_once (Work *self)
{
  g_assert_cmpuint (self->n_indexes, ==, self->end - self->begin);
  for (guint64 i = self->begin; self->seen != NULL && i < self->end; i++)
    g_assert_cmpuint (self->seen[i - self->begin], ==, 1);
}

void
assert_progress (CfutFuture *future,
                 guint64     done,
                 guint64     total)
{
  guint64 is_done;
  guint64 of_total;

  cfut_future_get_progress (future, &is_done, &of_total);
  g_assert_cmpuint (is_done, ==, done);
  g_assert_cmpuint (of_total, ==, total);
}

void
released_destroy (gpointer user_data)
{
  Released *self = user_data;

  test_place_note (&self->place);
}
