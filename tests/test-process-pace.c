/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How far ahead of their turn calls are handed over, by how long others took. */

#include <glib.h>

#include "process/cfut-crew-pace-private.h"

static void
note_many (CfutCrewPace *pace,
           guint         n,
           gint64        run_usec)
{
  for (guint i = 0; i < n; i++)
    cfut_crew_pace_note (pace, run_usec, 1);
}

/* Where nothing is known, and where calls are long, one at a time. */
static void
test_closed (void)
{
  CfutCrewPace pace = { 0 };

  g_assert_cmpuint (cfut_crew_pace_window (&pace), ==, 1);
  note_many (&pace, 1, 0);
  g_assert_cmpuint (cfut_crew_pace_window (&pace), ==, 1);
  note_many (&pace, 50, G_USEC_PER_SEC);
  g_assert_cmpuint (cfut_crew_pace_window (&pace), ==, 1);
}

/* Short calls open it, up to the limit; those of 100 microseconds, to some ten. */
static void
test_opens (void)
{
  CfutCrewPace pace = { 0 };

  note_many (&pace, 100, 1);
  g_assert_cmpuint (cfut_crew_pace_window (&pace), ==, CFUT_CREW_PACE_MAX);
  note_many (&pace, 100, 100);
  g_assert_cmpuint (cfut_crew_pace_window (&pace), >=, 8);
  g_assert_cmpuint (cfut_crew_pace_window (&pace), <=, 12);
}

/* One that lasts closes it at once, when it has ended and before; 100 short ones open it again. */
static void
test_lasts (void)
{
  CfutCrewPace pace = { 0 };

  note_many (&pace, 100, 1);
  cfut_crew_pace_lasts (&pace, 3000);
  g_assert_cmpuint (cfut_crew_pace_window (&pace), ==, 1);
  cfut_crew_pace_note (&pace, G_USEC_PER_SEC, 1);
  g_assert_cmpuint (cfut_crew_pace_window (&pace), ==, 1);
  note_many (&pace, 100, 1);
  g_assert_cmpuint (cfut_crew_pace_window (&pace), ==, CFUT_CREW_PACE_MAX);
}

/* What was shorter than was thought does not count as lasting. */
static void
test_not_shorter (void)
{
  CfutCrewPace pace = { 0 };
  guint window;

  note_many (&pace, 100, 400);
  window = cfut_crew_pace_window (&pace);
  cfut_crew_pace_lasts (&pace, 1);
  g_assert_cmpuint (cfut_crew_pace_window (&pace), ==, window);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/process-pace/closed", test_closed);
  g_test_add_func ("/cfut/process-pace/opens", test_opens);
  g_test_add_func ("/cfut/process-pace/lasts", test_lasts);
  g_test_add_func ("/cfut/process-pace/not-shorter", test_not_shorter);

  return g_test_run ();
}
