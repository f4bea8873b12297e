/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  CFUT_DEBUG_FUTURES = 1 << 0,
  CFUT_DEBUG_STATES = 1 << 1,
  CFUT_DEBUG_DELIVERY = 1 << 2,
  CFUT_DEBUG_POOLS = 1 << 3,
  CFUT_DEBUG_KEYS = (1 << 4) - 1,
  CFUT_DEBUG_MARKS = 1 << 4  /* no key: Sysprof records this process */
} CfutDebugFlags;

/* Immutable once the library is loaded: from CFUT_DEBUG. */
extern guint cfut_debug_flags;

/* One look at the flags when it is off: the arguments are not evaluated then. */
#define CFUT_TRACE(key, ...) \
  G_STMT_START { \
    if (G_UNLIKELY (cfut_debug_flags & CFUT_DEBUG_##key)) \
      cfut_debug_trace (CFUT_DEBUG_##key, __VA_ARGS__); \
  } G_STMT_END

void  cfut_debug_trace        (CfutDebugFlags  key,
                               const char     *format,
                               ...) G_GNUC_PRINTF (2, 3);

/* A blocking wait of this length in a dispatch of the default main context is warned of. */
#define CFUT_DEBUG_LONG_WAIT_USEC (100 * 1000)

/* What this thread is about to wait for; takes @what over. */
void     cfut_debug_begin_wait            (char *what);
void     cfut_debug_end_wait              (void);
gboolean cfut_debug_holds_default_context (void);
void     cfut_debug_warn_of_wait          (void);

/* The name and the number of this thread. */
char *cfut_debug_describe_thread (void);

/* What something is called in a report: its name, else its type and the function that it runs.
 * @function may be NULL, and is never called. */
char *cfut_debug_describe     (const char   *name,
                               const char   *type_name,
                               gpointer      function);

/* Under no lock. Of the many failures of one second only the first few are told one by one. */
void  cfut_report_unobserved  (const char   *name,
                               const char   *type_name,
                               gpointer      function,
                               const GError *error);

G_END_DECLS
