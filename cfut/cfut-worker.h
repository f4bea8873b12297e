/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-functions.h>
#include <cfut/cfut-shared-dict.h>

G_BEGIN_DECLS

#define CFUT_TYPE_WORKER (cfut_worker_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutWorker, cfut_worker, CFUT, WORKER, GObject)

CFUT_AVAILABLE_IN_1_0
gboolean cfut_worker_requested (void);

CFUT_AVAILABLE_IN_1_0
CfutWorker *cfut_worker_new (void);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_worker_register (CfutWorker     *self,
                               const char     *function,
                               CfutCallFunc    func,
                               gpointer        user_data,
                               GDestroyNotify  destroy);
CFUT_AVAILABLE_IN_1_0
CfutFunctions *cfut_worker_get_functions (CfutWorker *self);
CFUT_AVAILABLE_IN_1_0
void cfut_worker_set_functions (CfutWorker    *self,
                                CfutFunctions *functions);
CFUT_AVAILABLE_IN_1_0
CfutSharedDict *cfut_worker_get_shared (CfutWorker *self,
                                        const char *name);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_worker_open (CfutWorker  *self,
                           GError     **error);
CFUT_AVAILABLE_IN_1_0
GVariant *cfut_worker_get_setup (CfutWorker *self);
CFUT_AVAILABLE_IN_1_0
void cfut_worker_refuse (CfutWorker *self,
                         GError     *why);
CFUT_AVAILABLE_IN_1_0
int cfut_worker_run (CfutWorker  *self,
                     GError     **error);

G_END_DECLS
