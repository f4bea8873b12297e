/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#include "process/cfut-channel-private.h"

CfutChannel *
cfut_channel_new (int read_fd, int write_fd, CfutWireSide side, CfutChannelFlags flags)
{
  return NULL;
}

CfutChannel *
cfut_channel_ref (CfutChannel *self)
{
  return NULL;
}

void
cfut_channel_unref (CfutChannel *self)
{
}

gboolean
cfut_channel_start (CfutChannel *self, const CfutChannelEvents *events, gpointer data, GDestroyNotify destroy, GError **error)
{
  return FALSE;
}

gboolean
cfut_channel_queue (CfutChannel *self, const CfutWireOut *frame, GUnixFDList *fds, GError **error)
{
  return FALSE;
}

void
cfut_channel_flush (CfutChannel *self)
{
}

gboolean
cfut_channel_send (CfutChannel *self, const CfutWireOut *frame, GUnixFDList *fds, GError **error)
{
  return FALSE;
}

gsize
cfut_channel_get_n_queued (CfutChannel *self)
{
  return 0;
}

CfutReceived
cfut_channel_receive (CfutChannel *self, CfutFrame *frame, gint64 timeout_usec, GError **error)
{
  return CFUT_RECEIVED_ERROR;
}

gboolean
cfut_channel_has_frame (CfutChannel *self)
{
  return FALSE;
}

void
cfut_channel_hang_up (CfutChannel *self)
{
}

void
cfut_channel_close (CfutChannel *self)
{
}

GVariant *
cfut_frame_dup_value (const CfutFrame *frame, GError **error)
{
  return NULL;
}

GUnixFDList *
cfut_frame_steal_fds (CfutFrame *frame)
{
  return NULL;
}

CfutFrame *
cfut_frame_keep (CfutFrame *frame)
{
  return NULL;
}

void
cfut_frame_clear (CfutFrame *frame)
{
}

void
cfut_frame_free (CfutFrame *frame)
{
}
