/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The request: how something is to be submitted. */

#include "cfut-request-private.h"

/**
 * CfutRequest:
 *
 * How something is to be submitted; a template that many submissions may use.
 *
 * Since: 1.0
 */

G_DEFINE_FINAL_TYPE (CfutRequest, cfut_request, G_TYPE_OBJECT)

static void
cfut_request_class_init (CfutRequestClass *klass)
{
}

static void
cfut_request_init (CfutRequest *self)
{
  self->queue_deadline_usec = -1;
  self->run_deadline_usec = -1;
  self->chunk_size = 1;
}

/**
 * cfut_request_new:
 *
 * Makes a request with the defaults.
 *
 * Returns: (transfer full): a new request
 *
 * Since: 1.0
 */
CfutRequest *
cfut_request_new (void)
{
  return g_object_new (CFUT_TYPE_REQUEST, NULL);
}
