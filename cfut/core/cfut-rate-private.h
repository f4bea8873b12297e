/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How fast something goes, in units a second. Times are of a monotonic clock that the caller reads.
 * */
typedef struct {
  gboolean running;
  gint64 step_usec;     /* when `worked` was last taken over, or the clock was started */
  guint64 worked;
  double sum;           /* weighted mean of the speeds, times weight */
  double weight;        /* 0: nothing was measured yet */
  double gap;           /* mean seconds between two steps; 0: there was none */
  double memory;        /* the time constant in seconds */
} CfutRate;

/* A rate is not measured over less, and need not be shown more often. */
#define CFUT_RATE_INTERVAL_USEC (G_USEC_PER_SEC / 4)

void   cfut_rate_start  (CfutRate       *self,
                         gint64          now_usec,
                         guint64         worked);
void   cfut_rate_stop   (CfutRate       *self,
                         gint64          now_usec,
                         guint64         worked);
void   cfut_rate_update (CfutRate       *self,
                         gint64          now_usec,
                         guint64         worked);
double cfut_rate_get    (const CfutRate *self,
                         gint64          now_usec);

G_END_DECLS
