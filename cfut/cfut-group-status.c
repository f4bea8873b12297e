/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a group's properties tell, for those who ask: on any thread, without a main loop.
 *
 * Threads: any.
 * Locks: the core's, for the time of a look.
 * Owns: nothing.
 * Invariants:
 * 1. A getter and its property tell the same, the present; notifications follow.
 * Not here: how it is counted (cfut-group-core.c, cfut-group-shown.c), when it is notified
 *   (cfut-group.c). */

#include "cfut-group-private.h"

static CfutGroupStatus
group_get_status (CfutGroup *self)
{
  CfutGroupStatus status;

  cfut_group_core_get_status (self->core, &status);
  return status;
}

/**
 * cfut_group_get_n_done: (get-property n-done)
 * @self: a group
 *
 * Counts the futures of the list that have settled. May be called on any thread.
 *
 * Returns: how many have settled
 *
 * Since: 1.0
 */
guint64
cfut_group_get_n_done (CfutGroup *self)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), 0);

  return group_get_status (self).n_done;
}

/**
 * cfut_group_get_n_failed: (get-property n-failed)
 * @self: a group
 *
 * Counts the futures of the list that were rejected. May be called on any thread.
 *
 * Returns: how many were rejected
 *
 * Since: 1.0
 */
guint64
cfut_group_get_n_failed (CfutGroup *self)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), 0);

  return group_get_status (self).n_failed;
}

/**
 * cfut_group_get_n_cancelled: (get-property n-cancelled)
 * @self: a group
 *
 * Counts the futures of the list that were cancelled. May be called on any thread.
 *
 * Returns: how many were cancelled
 *
 * Since: 1.0
 */
guint64
cfut_group_get_n_cancelled (CfutGroup *self)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), 0);

  return group_get_status (self).n_cancelled;
}

/**
 * cfut_group_get_fraction: (get-property fraction)
 * @self: a group
 *
 * Tells how much of the work is done. May be called on any thread.
 *
 * Returns: from 0 to 1
 *
 * Since: 1.0
 */
double
cfut_group_get_fraction (CfutGroup *self)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), 0.0);

  return group_get_status (self).fraction;
}

/**
 * cfut_group_get_units_done: (get-property units-done)
 * @self: a group
 *
 * Tells how many units are done. May be called on any thread.
 *
 * Returns: the units
 *
 * Since: 1.0
 */
guint64
cfut_group_get_units_done (CfutGroup *self)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), 0);

  return group_get_status (self).units_done;
}

/**
 * cfut_group_get_units_total: (get-property units-total)
 * @self: a group
 *
 * Tells how many units there are. May be called on any thread.
 *
 * Returns: the units
 *
 * Since: 1.0
 */
guint64
cfut_group_get_units_total (CfutGroup *self)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), 0);

  return group_get_status (self).units_total;
}

/**
 * cfut_group_get_rate: (get-property rate)
 * @self: a group
 *
 * Tells how fast the work goes, see [property@Cfut.Group:rate]. May be called on any thread.
 *
 * Returns: units a second; 0 while that is not known
 *
 * Since: 1.0
 */
double
cfut_group_get_rate (CfutGroup *self)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), 0.0);

  return group_get_status (self).rate;
}

/**
 * cfut_group_get_remaining_usec: (get-property remaining-usec)
 * @self: a group
 *
 * Tells how long the rest will take. May be called on any thread.
 *
 * Returns: microseconds; -1 while that is not known
 *
 * Since: 1.0
 */
gint64
cfut_group_get_remaining_usec (CfutGroup *self)
{
  g_return_val_if_fail (CFUT_IS_GROUP (self), -1);

  return group_get_status (self).remaining_usec;
}
