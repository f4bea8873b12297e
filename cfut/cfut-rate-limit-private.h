/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-rate-limit.h"

G_BEGIN_DECLS

typedef struct _CfutRateWatch CfutRateWatch;

/* Who is told that there may be a token before the time that was said. Embedded, and zero before
 * its first use but for the functions. */
struct _CfutRateWatch {
  CfutRateWatch *next;
  CfutRateWatch **link;  /* what points to it; NULL: not in a list */

  /* Under the limit's lock: takes a reference on the embedder, if there is one still. */
  gboolean (*hold)    (CfutRateWatch *self);
  /* Outside any lock, on the thread that changed the limit or gave a token back; drops that
   * reference. It may come after unwatch. */
  void     (*changed) (CfutRateWatch *self);
};

/* All on any thread. FALSE: when there will be one, after now. */
gboolean cfut_rate_limit_try_take  (CfutRateLimit *self,
                                    gint64         now_usec,
                                    gint64        *next_usec);
gboolean cfut_rate_limit_has_token (CfutRateLimit *self,
                                    gint64         now_usec,
                                    gint64        *next_usec);
void     cfut_rate_limit_watch     (CfutRateLimit *self,
                                    CfutRateWatch *watch);
void     cfut_rate_limit_unwatch   (CfutRateLimit *self,
                                    CfutRateWatch *watch);

/* Puts a token back, which the caller took and did not use, and returns who is to be told of it:
 * under no lock. */
GPtrArray *cfut_rate_limit_give_back (CfutRateLimit *self);
void       cfut_rate_watches_tell    (GPtrArray     *watches);  /* (transfer full) (nullable) */

/* The setters, with a clock; 0 leaves a value. */
void     cfut_rate_limit_change    (CfutRateLimit *self,
                                    double         rate,
                                    guint          burst,
                                    gint64         now_usec);

G_END_DECLS
