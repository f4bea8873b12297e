/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "core/cfut-gate-private.h"
#include "cfut-executor.h"
#include "cfut-work.h"

G_BEGIN_DECLS

typedef struct _CfutWorkGate CfutWorkGate;

/* As long as the executor, which is not owned. */
CfutWorkGate *cfut_work_gate_new      (CfutExecutor *executor);
void          cfut_work_gate_free     (CfutWorkGate *self);
CfutGate     *cfut_work_gate_get_gate (CfutWorkGate *self);
void          cfut_work_gate_enqueue  (CfutWorkGate *self,
                                       CfutWork     *work);  /* transfer full */
/* After its gate was; the caller has a reference on the executor. */
void          cfut_work_gate_paused   (CfutWorkGate *self);

G_END_DECLS
