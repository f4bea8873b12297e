/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_WORK (cfut_work_get_type ())

CFUT_AVAILABLE_IN_1_0
GType cfut_work_get_type (void) G_GNUC_CONST;
CFUT_AVAILABLE_IN_1_0
CfutWork *cfut_work_ref (CfutWork *self);
CFUT_AVAILABLE_IN_1_0
void cfut_work_unref (CfutWork *self);
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_work_get_future (CfutWork *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_work_run (CfutWork *self);
CFUT_AVAILABLE_IN_1_0
gboolean cfut_work_reject (CfutWork     *self,
                           const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfutWork, cfut_work_unref)

G_END_DECLS
