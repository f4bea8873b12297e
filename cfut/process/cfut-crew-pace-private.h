/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* As many calls a worker has at most, the running one included. */
#define CFUT_CREW_PACE_MAX 256

/* How long calls take, and so how many are handed to a worker ahead of their turn. */
typedef struct {
  gint64 run_nsec;   /* a moving estimate; 0: nothing is known */
} CfutCrewPace;

/* A worker has done @n of them in this time. */
void  cfut_crew_pace_note   (CfutCrewPace *self,
                             gint64        usec,
                             guint         n);
/* It runs, and has for so long. */
void  cfut_crew_pace_lasts  (CfutCrewPace *self,
                             gint64        run_usec);
guint cfut_crew_pace_window (const CfutCrewPace *self);

G_END_DECLS
