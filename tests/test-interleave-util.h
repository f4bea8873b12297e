/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

#include "core/cfut-point-private.h"

G_BEGIN_DECLS

/* What stops the first thread that comes to a point, or only sees it come. */
typedef struct _TestStop TestStop;

/* On the thread that comes. */
typedef gboolean (*TestStopFunc) (gconstpointer what);

struct _TestStop {
  CfutPoint point;
  gconstpointer what;  /* (nullable): the first that comes there */
  TestStopFunc wanted; /* (nullable): the first of which it is TRUE */
  TestGate gate;
  gboolean armed;      /* guarded by the stops' lock, as these are */
  gpointer arrived;    /* (nullable): what came */
  TestStop *next;
  int passed;          /* atomic: it is not touched any more */
};

/* Before anything is stopped. */
void     test_stops_begin  (void);
void     test_stop_at      (TestStop      *stop,
                            CfutPoint      point,
                            gconstpointer  what);
void     test_stop_when    (TestStop      *stop,
                            CfutPoint      point,
                            TestStopFunc   wanted);
/* Stops nobody. */
void     test_count_at     (TestStop      *stop,
                            CfutPoint      point,
                            gconstpointer  what);
/* Until somebody has come; returns what he came with. */
gpointer test_stop_wait    (TestStop      *stop);
gboolean test_stop_arrived (TestStop      *stop);
void     test_stop_go      (TestStop      *stop);
void     test_stop_clear   (TestStop      *stop);

G_END_DECLS
