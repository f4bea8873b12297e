/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The speed of a stream of work, for a progress bar's "12 MB/s, 3 minutes left".
 *
 * Simple exponential smoothing (R. G. Brown, 1959) in the form for observations at irregular times
 * (D. J. Wright, 1986): each stretch of time counts with the speed in it, weighs by its length, and
 * fades with age. The sum is divided by the sum of the weights, so that the first seconds
 * are not drawn towards nought.
 *
 * What fades in how many seconds has to suit both a stream of a thousand files a second and ten
 * jobs of five minutes each. So the memory covers the last sixteen steps, and at least five
 * seconds: a step is a quarter of a second in which something was done, or the longer stretch until
 * something was.
 *
 * Threads: none of its own; the caller locks.
 * Invariants:
 * 1. Only steps are taken into the sums. A stretch in which nothing was done lowers the rate that
 *    is read, once it is longer than the usual gap, and enters the sums with the step that ends it.
 * 2. Time in which nothing is under way (stopped) does not count at all.
 * Not here: what a unit is, and how many are left. */

#include "core/cfut-rate-private.h"

#define MIN_MEMORY 5.0
#define STEPS_REMEMBERED 16.0
/* Nothing was done for so many times the memory: the rate is unknown. */
#define FORGOTTEN 4.0

/* exp (-x), near enough for weights: 2 % at x = 1. */
static double
decay (double x)
{
  return 1.0 / (1.0 + x * (1.0 + x * (0.5 + x / 6.0)));
}

static double
seconds (gint64 usec)
{
  return usec / (double) G_USEC_PER_SEC;
}

static void
rate_step (CfutRate *self,
           gint64    now_usec,
           guint64   worked)
{
  double span = seconds (now_usec - self->step_usec);
  double kept;

  self->gap += (span - self->gap) / (self->gap > 0 ? STEPS_REMEMBERED : 1.0);
  self->memory = MAX (MIN_MEMORY, STEPS_REMEMBERED * self->gap);
  kept = decay (span / self->memory);

  self->sum = self->sum * kept + (worked - self->worked) / span * (1.0 - kept);
  self->weight = self->weight * kept + (1.0 - kept);
  self->step_usec = now_usec;
  self->worked = worked;
}

/* @worked only grows, but for what had to be taken back: that is passed over until it is made up
 * for. */
static void
rate_look (CfutRate *self,
           gint64    now_usec,
           guint64   worked,
           gint64    at_least_usec)
{
  if (self->running && (gint64) (worked - self->worked) > 0 &&
      now_usec - self->step_usec >= at_least_usec)
    rate_step (self, now_usec, worked);
}

/* Something is under way from now on. */
void
cfut_rate_start (CfutRate *self,
                 gint64    now_usec,
                 guint64   worked)
{
  if (self->running)
    return;

  self->running = TRUE;
  self->step_usec = now_usec;
  self->worked = worked;
}

/* Nothing is under way any more; the rate stays as it is. */
void
cfut_rate_stop (CfutRate *self,
                gint64    now_usec,
                guint64   worked)
{
  rate_look (self, now_usec, worked, 1);
  self->running = FALSE;
}

void
cfut_rate_update (CfutRate *self,
                  gint64    now_usec,
                  guint64   worked)
{
  rate_look (self, now_usec, worked, CFUT_RATE_INTERVAL_USEC);
}

/* 0: not known. */
double
cfut_rate_get (const CfutRate *self,
               gint64          now_usec)
{
  double weight = self->weight;
  double sum = self->sum;

  if (weight <= 0)
    return 0;

  if (self->running)
    {
      double still = seconds (now_usec - self->step_usec) -
                     MAX (self->gap, seconds (CFUT_RATE_INTERVAL_USEC));

      if (still > FORGOTTEN * self->memory)
        return 0;
      if (still > 0)
        {
          double kept = decay (still / self->memory);

          sum *= kept;
          weight = weight * kept + (1.0 - kept);
        }
    }

  return sum / weight;
}
