/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_PROMISE (cfut_promise_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutPromise, cfut_promise, CFUT, PROMISE, GObject)

CFUT_AVAILABLE_IN_1_0
CfutPromise *cfut_promise_new (void);
CFUT_AVAILABLE_IN_1_0
CfutPromise *cfut_promise_new_for (CfutFuture *future);
CFUT_AVAILABLE_IN_1_0
GType cfut_promise_get_future_type (void);
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_promise_get_future (CfutPromise *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_resolve (CfutPromise  *self,
                               const GValue *value);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_resolve_variant (CfutPromise *self,
                                       GVariant    *value);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_resolve_string (CfutPromise *self,
                                      const char  *value);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_resolve_bytes (CfutPromise *self,
                                     GBytes      *value);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_resolve_object (CfutPromise *self,
                                      GObject     *value);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_resolve_int64 (CfutPromise *self,
                                     gint64       value);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_resolve_double (CfutPromise *self,
                                      double       value);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_resolve_boolean (CfutPromise *self,
                                       gboolean     value);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_reject (CfutPromise  *self,
                              const GError *error);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_reject_literal (CfutPromise *self,
                                      GQuark       domain,
                                      int          code,
                                      const char  *message);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_promise_set_running (CfutPromise *self);
CFUT_AVAILABLE_IN_1_0
void cfut_promise_set_progress (CfutPromise *self,
                                guint64      done,
                                guint64      total);
CFUT_AVAILABLE_IN_1_0
void cfut_promise_set_message (CfutPromise *self,
                               const char  *message);
CFUT_AVAILABLE_IN_1_0
GCancellable *cfut_promise_get_cancellable (CfutPromise *self);

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_from_value (const GValue *value);
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_from_error (const GError *error);

G_END_DECLS
