/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* A hierarchical timer wheel: adding, removing and finding what is next cost the same however many
 * there are.
 *
 * Time is cut into ticks of 32 us. A timer's tick is the first that does not begin before its
 * time. Level 0 has a slot for each of 64 ticks, level 1 for each 64 of these, and so on; ten
 * levels hold all times there are. The level of a timer is that of the highest digit, to the base
 * of 64, in which its tick differs from the wheel's. So the lowest level that has anything has what
 * comes first, and in its first slot in use.
 *
 * Threads, locks: none of its own; see cfut-timer.c.
 * Owns: nothing. Timers are linked in by what they embed.
 * Invariants:
 * 1. All slots in use begin at the wheel's tick or after it, so no level wraps around.
 * 2. The tick moves only to the beginning of the first slot in use, or less far: then every timer's
 *    level stays what it was.
 * 3. Where the tick reaches a slot above level 0, its timers are spread over the levels below
 *    before it goes on, some at a time, as a slot may hold a million of them.
 * Not here: the clock, and who waits for it. */

#include "core/cfut-wheel-private.h"

#define LEVEL_BITS 6
#define CASCADE_AT_ONCE 128

static inline guint64
tick_before (gint64 usec)
{
  return usec > 0 ? (guint64) usec / CFUT_WHEEL_TICK_USEC : 0;
}

static inline guint64
tick_after (gint64 usec)
{
  return usec > 0 ? ((guint64) usec + CFUT_WHEEL_TICK_USEC - 1) / CFUT_WHEEL_TICK_USEC : 0;
}

static inline guint
first_bit (guint64 bits)
{
  return (guint) __builtin_ctzll (bits);
}

static inline guint
slot_in_level (guint64 tick,
               guint   level)
{
  return (guint) (tick >> (level * LEVEL_BITS)) % CFUT_WHEEL_N_SLOTS;
}

void
cfut_wheel_add (CfutWheel *self,
                CfutTimer *timer)
{
  guint64 tick = MAX (tick_after (timer->at_usec), self->tick);
  guint level = (63 - (guint) __builtin_clzll ((tick ^ self->tick) | 1)) / LEVEL_BITS;
  guint slot = slot_in_level (tick, level);
  CfutTimer **head = &self->slots[level * CFUT_WHEEL_N_SLOTS + slot];

  timer->next = *head;
  if (timer->next != NULL)
    timer->next->link = &timer->next;
  timer->link = head;
  *head = timer;

  self->used[level] |= G_GUINT64_CONSTANT (1) << slot;
  self->levels |= 1u << level;
}

void
cfut_wheel_remove (CfutWheel *self,
                   CfutTimer *timer)
{
  CfutTimer **link = g_steal_pointer (&timer->link);

  *link = timer->next;
  if (timer->next != NULL)
    {
      timer->next->link = link;
    }
  else if (link >= self->slots && link < self->slots + G_N_ELEMENTS (self->slots))
    {
      guint n = (guint) (link - self->slots);
      guint level = n / CFUT_WHEEL_N_SLOTS;

      self->used[level] &= ~(G_GUINT64_CONSTANT (1) << n % CFUT_WHEEL_N_SLOTS);
      if (self->used[level] == 0)
        self->levels &= ~(1u << level);
    }
}

/* The tick with which the first slot in use begins, in a wheel that has any. */
static guint64
wheel_first_tick (CfutWheel *self,
                  guint     *level)
{
  guint shift;

  *level = first_bit (self->levels);
  shift = *level * LEVEL_BITS;
  return ((self->tick >> shift) / CFUT_WHEEL_N_SLOTS * CFUT_WHEEL_N_SLOTS +
          first_bit (self->used[*level])) << shift;
}

/* FALSE: there is more. */
static gboolean
wheel_cascade (CfutWheel *self)
{
  guint slot = slot_in_level (self->tick, self->cascading);
  CfutTimer **head = &self->slots[self->cascading * CFUT_WHEEL_N_SLOTS + slot];

  for (guint i = 0; i < CASCADE_AT_ONCE && *head != NULL; i++)
    {
      CfutTimer *timer = *head;

      cfut_wheel_remove (self, timer);
      cfut_wheel_add (self, timer);
    }

  if (*head != NULL)
    return FALSE;

  self->cascading = 0;
  return TRUE;
}

CfutTimer *
cfut_wheel_pop (CfutWheel *self,
                gint64     now_usec,
                gboolean  *again)
{
  guint64 now = tick_before (now_usec);

  *again = FALSE;
  for (;;)
    {
      guint64 first;
      guint level;

      if (self->cascading != 0 && !wheel_cascade (self))
        {
          *again = TRUE;
          return NULL;
        }
      if (self->levels == 0)
        break;

      first = wheel_first_tick (self, &level);
      if (first > now)
        break;

      self->tick = first;
      if (level == 0)
        {
          CfutTimer *timer = self->slots[slot_in_level (first, 0)];

          cfut_wheel_remove (self, timer);
          return timer;
        }
      self->cascading = level;
    }

  self->tick = MAX (self->tick, now);
  return NULL;
}

gint64
cfut_wheel_next (CfutWheel *self)
{
  guint64 first;
  guint level;

  if (self->levels == 0)
    return G_MAXINT64;

  first = wheel_first_tick (self, &level);
  return first <= G_MAXINT64 / CFUT_WHEEL_TICK_USEC ? (gint64) first * CFUT_WHEEL_TICK_USEC
                                                    : G_MAXINT64;
}
