/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#if !defined(CFUT_INSIDE) && !defined(CFUT_COMPILATION)
#error "Only <cfut/cfut.h> can be included directly."
#endif

#include <cfut/cfut-types.h>

G_BEGIN_DECLS

#define CFUT_TYPE_REQUEST (cfut_request_get_type ())

CFUT_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (CfutRequest, cfut_request, CFUT, REQUEST, GObject)

CFUT_AVAILABLE_IN_1_0
CfutRequest *cfut_request_new (void);

CFUT_AVAILABLE_IN_1_0
const char *cfut_request_get_name (CfutRequest *self);
CFUT_AVAILABLE_IN_1_0
void cfut_request_set_name (CfutRequest *self,
                            const char  *name);

CFUT_AVAILABLE_IN_1_0
int cfut_request_get_priority (CfutRequest *self);
CFUT_AVAILABLE_IN_1_0
void cfut_request_set_priority (CfutRequest *self,
                                int          priority);

CFUT_AVAILABLE_IN_1_0
gint64 cfut_request_get_queue_deadline_usec (CfutRequest *self);
CFUT_AVAILABLE_IN_1_0
void cfut_request_set_queue_deadline_usec (CfutRequest *self,
                                           gint64       queue_deadline_usec);

CFUT_AVAILABLE_IN_1_0
gint64 cfut_request_get_run_deadline_usec (CfutRequest *self);
CFUT_AVAILABLE_IN_1_0
void cfut_request_set_run_deadline_usec (CfutRequest *self,
                                         gint64       run_deadline_usec);

CFUT_AVAILABLE_IN_1_0
GCancellable *cfut_request_get_cancellable (CfutRequest *self);
CFUT_AVAILABLE_IN_1_0
void cfut_request_set_cancellable (CfutRequest  *self,
                                   GCancellable *cancellable);

CFUT_AVAILABLE_IN_1_0
CfutGroup *cfut_request_get_group (CfutRequest *self);
CFUT_AVAILABLE_IN_1_0
void cfut_request_set_group (CfutRequest *self,
                             CfutGroup   *group);

CFUT_AVAILABLE_IN_1_0
guint64 cfut_request_get_size (CfutRequest *self);
CFUT_AVAILABLE_IN_1_0
void cfut_request_set_size (CfutRequest *self,
                            guint64      size);

CFUT_AVAILABLE_IN_1_0
CfutWhenFull cfut_request_get_when_full (CfutRequest *self);
CFUT_AVAILABLE_IN_1_0
void cfut_request_set_when_full (CfutRequest  *self,
                                 CfutWhenFull  when_full);

CFUT_AVAILABLE_IN_1_0
guint cfut_request_get_chunk_size (CfutRequest *self);
CFUT_AVAILABLE_IN_1_0
void cfut_request_set_chunk_size (CfutRequest *self,
                                  guint        chunk_size);

G_END_DECLS
