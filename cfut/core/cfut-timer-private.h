/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _CfutTimer CfutTimer;

/* Something that is to happen at a time, once. Embedded, and zero before its first use but for
 * @fire. The embedder lives as long as it is armed, and holds a reference of its own for that: it
 * goes to @fire, or back to whose disarm returned TRUE. */
struct _CfutTimer {
  CfutTimer *next;
  CfutTimer **link;   /* what points to it; NULL: not armed */
  gint64 at_usec;

  /* On the timer's thread, outside of any lock of the timer's; quick, and nothing of a user's. The
   * timer is disarmed by then, and may be armed again from there, or freed. */
  void (*fire) (CfutTimer *self);
};

/* Any thread. It must not be armed. At @at_usec of the monotonic clock or within the millisecond
 * after it, as soon as there is a processor; in no certain order with others of that millisecond.
 * G_MAXINT64: never. FALSE: nothing will come of it, as there is no thread and none can be made. */
gboolean cfut_timer_arm    (CfutTimer *self,
                            gint64     at_usec) G_GNUC_WARN_UNUSED_RESULT;
/* Any thread. FALSE: it was not armed: it has fired, or is about to. */
gboolean cfut_timer_disarm (CfutTimer *self);

G_END_DECLS
