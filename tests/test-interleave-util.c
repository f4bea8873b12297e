/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#include "test-interleave-util.h"

static GMutex stops_lock;
static TestStop *stops;

static void
on_point (CfutPoint point,
          gpointer  what)
{
  TestStop *stop;

  g_mutex_lock (&stops_lock);
  for (stop = stops; stop != NULL; stop = stop->next)
    if (stop->armed && stop->point == point && (stop->what == NULL || stop->what == what) &&
        (stop->wanted == NULL || stop->wanted (what)))
      {
        stop->armed = FALSE;
        stop->arrived = what;
        break;
      }
  g_mutex_unlock (&stops_lock);

  if (stop == NULL)
    return;

  test_gate_pass (&stop->gate);
  g_atomic_int_set (&stop->passed, TRUE);
}

void
test_stops_begin (void)
{
  atomic_store (&cfut_point_func, on_point);
}

static void
stop_add (TestStop      *stop,
          CfutPoint      point,
          gconstpointer  what,
          TestStopFunc   wanted,
          gboolean       is_open)
{
  *stop = (TestStop) { .point = point, .what = what, .wanted = wanted, .armed = TRUE };
  test_gate_init (&stop->gate);
  if (is_open)
    test_gate_open (&stop->gate);

  g_mutex_lock (&stops_lock);
  stop->next = stops;
  stops = stop;
  g_mutex_unlock (&stops_lock);
}

void
test_stop_at (TestStop      *stop,
              CfutPoint      point,
              gconstpointer  what)
{
  stop_add (stop, point, what, NULL, FALSE);
}

void
test_stop_when (TestStop     *stop,
                CfutPoint     point,
                TestStopFunc  wanted)
{
  stop_add (stop, point, NULL, wanted, FALSE);
}

void
test_count_at (TestStop      *stop,
               CfutPoint      point,
               gconstpointer  what)
{
  stop_add (stop, point, what, NULL, TRUE);
}

gpointer
test_stop_wait (TestStop *stop)
{
  gpointer arrived;

  test_gate_wait_arrived (&stop->gate, 1);
  g_mutex_lock (&stops_lock);
  arrived = stop->arrived;
  g_mutex_unlock (&stops_lock);

  return arrived;
}

gboolean
test_stop_arrived (TestStop *stop)
{
  gboolean arrived;

  g_mutex_lock (&stops_lock);
  arrived = !stop->armed;
  g_mutex_unlock (&stops_lock);

  return arrived;
}

void
test_stop_go (TestStop *stop)
{
  test_gate_open (&stop->gate);
}

void
test_stop_clear (TestStop *stop)
{
  gboolean arrived;

  g_mutex_lock (&stops_lock);
  for (TestStop **link = &stops; *link != NULL; link = &(*link)->next)
    if (*link == stop)
      {
        *link = stop->next;
        break;
      }
  arrived = !stop->armed;
  g_mutex_unlock (&stops_lock);

  if (arrived)
    test_poll_until (g_atomic_int_get (&stop->passed));
  test_gate_clear (&stop->gate);
}
