/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the library says unasked: that something failed and nobody saw it.
 *
 * They go to the log at the level of messages. A flood is cut short: REPORTS_PER_SECOND in a second
 * one by one, then how many more there were, with the next report after that second, or from the
 * default main context, or when the program exits.
 *
 * Threads: any.
 * Locks: report_lock, which guards the count of this second's reports. Nothing is logged under it.
 * Owns: nothing.
 * Invariants:
 * 1. Each failure is either told or counted, and each count is told once.
 * Not here: which failures were seen (cfut-future.c). */

#include <stdlib.h>

#include "core/cfut-debug-private.h"
#include "core/cfut-lock-private.h"

#define REPORTS_PER_SECOND 20

static GMutex report_lock;
static gint64 report_second;
static guint n_reported;
static guint64 n_held_back;
static gboolean report_at_exit;

void
cfut_report_hold_locks (gboolean hold)
{
  (hold ? g_mutex_lock : g_mutex_unlock) (&report_lock);
}

static void
tell_held_back (guint64 n)
{
  if (n > 0)
    g_message ("... and %" G_GUINT64_FORMAT " more failures that nobody saw", n);
}

static guint64
take_held_back (void)
{
  guint64 n;

  cfut_lock (&report_lock, CFUT_LOCK_REPORT);
  n = n_held_back;
  n_held_back = 0;
  cfut_unlock (&report_lock, CFUT_LOCK_REPORT);

  return n;
}

static gboolean
on_second_over (gpointer data)
{
  tell_held_back (take_held_back ());
  return G_SOURCE_REMOVE;
}

static void
on_exit_report (void)
{
  if (!cfut_is_forked_child ())
    tell_held_back (take_held_back ());
}

/* TRUE: tell it. @held_back: how many of an earlier second are to be told of first. */
static gboolean
report_begin (guint64 *held_back)
{
  gint64 second = g_get_monotonic_time () / G_USEC_PER_SEC;
  gboolean tell;
  gboolean first = FALSE;
  gboolean at_exit = FALSE;

  *held_back = 0;
  cfut_lock (&report_lock, CFUT_LOCK_REPORT);
  if (second != report_second)
    {
      report_second = second;
      n_reported = 0;
      *held_back = n_held_back;
      n_held_back = 0;
    }

  tell = n_reported < REPORTS_PER_SECOND;
  if (tell)
    {
      n_reported++;
    }
  else
    {
      first = n_held_back++ == 0;
      at_exit = !report_at_exit;
      report_at_exit = TRUE;
    }
  cfut_unlock (&report_lock, CFUT_LOCK_REPORT);

  if (at_exit)
    atexit (on_exit_report);
  if (first)
    g_timeout_add_seconds (1, on_second_over, NULL);

  return tell;
}

void
cfut_report_unobserved (const char   *name,
                        const char   *type_name,
                        gpointer      function,
                        const GError *error)
{
  g_autofree char *what = NULL;
  guint64 held_back;
  gboolean tell = report_begin (&held_back);

  tell_held_back (held_back);
  if (!tell)
    return;

  what = cfut_debug_describe (name, type_name, function);
  g_message ("Nobody saw that %s failed: %s (%s, %d)", what, error->message,
             g_quark_to_string (error->domain), error->code);
}
