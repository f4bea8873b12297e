/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_chain   (CfutFuture      *self,
                                 CfutChainFunc    func,
                                 gpointer         user_data,
                                 GDestroyNotify   destroy);
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_recover (CfutFuture      *self,
                                 CfutChainFunc    func,
                                 gpointer         user_data,
                                 GDestroyNotify   destroy);
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_always  (CfutFuture      *self,
                                 CfutChainFunc    func,
                                 gpointer         user_data,
                                 GDestroyNotify   destroy);
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_all     (CfutFuture     **futures,
                                 gsize            n_futures) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_any     (CfutFuture     **futures,
                                 gsize            n_futures) G_GNUC_WARN_UNUSED_RESULT;
CFUT_AVAILABLE_IN_1_0
CfutFuture *cfut_future_race    (CfutFuture     **futures,
                                 gsize            n_futures) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
