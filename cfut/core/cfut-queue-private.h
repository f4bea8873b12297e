/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>
#include <stdatomic.h>

G_BEGIN_DECLS

typedef struct _CfutLink CfutLink;

struct _CfutLink {
  _Atomic (CfutLink *) next;
};

/* What lies around a link that will be taken soon: another processor wrote it, and fetching that may
 * take as long as what is done with the one before. Wrong addresses do no harm. */
static inline void
cfut_link_prefetch (const CfutLink *link,
                    int             before,
                    int             after)
{
  for (int offset = -before; offset < after; offset += 64)
    __builtin_prefetch ((const char *) link + offset, 1);
}

/* Intrusive, many producers, one consumer at a time. */
typedef struct {
  _Atomic (CfutLink *) tail;
  char padding[64 - sizeof (gpointer)];  /* producers and the consumer on lines of their own */
  CfutLink *head;  /* the consumer's */
  CfutLink stub;
} CfutQueue;

void      cfut_queue_init     (CfutQueue *self);
void      cfut_queue_push     (CfutQueue *self,
                               CfutLink  *link);
CfutLink *cfut_queue_peek     (CfutQueue *self);
CfutLink *cfut_queue_pop      (CfutQueue *self);
gboolean  cfut_queue_is_empty (CfutQueue *self);

G_END_DECLS
