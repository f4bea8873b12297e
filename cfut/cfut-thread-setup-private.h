/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "cfut-types.h"

G_BEGIN_DECLS

typedef struct _CfutThreadSetup CfutThreadSetup;

CfutThreadSetup *cfut_thread_setup_new             (void);
void             cfut_thread_setup_free            (CfutThreadSetup      *self);
const char      *cfut_thread_setup_get_prefix      (CfutThreadSetup      *self);
void             cfut_thread_setup_set_prefix      (CfutThreadSetup      *self,
                                                    const char           *prefix);
gboolean         cfut_thread_setup_has_initializer (CfutThreadSetup      *self);
void             cfut_thread_setup_set_initializer (CfutThreadSetup      *self,
                                                    CfutInitializerFunc   func,
                                                    gpointer              user_data,
                                                    GDestroyNotify        destroy);
gboolean         cfut_thread_setup_enter           (gpointer              self,
                                                    guint                 worker,
                                                    GError              **error);
void             cfut_thread_setup_leave           (gpointer              self);

G_END_DECLS
