/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The dicts that a crew's workers may use, by name.
 *
 * Threads: shared on any, served on the I/O thread.
 * Locks: the crew's guards the table; a store is served outside of it.
 * Owns: a reference on each store, never on the object that the application has.
 * Invariants:
 * 1. Every operation gets one reply, on the channel on which it came.
 * Not here: what operations do (cfut-dict-store.c). */

#include <glib/gi18n-lib.h>

#include "process/cfut-crew-struct-private.h"

/* Takes over @store. FALSE: the name is taken. */
gboolean
cfut_crew_share (CfutCrew      *self,
                 const char    *name,
                 CfutDictStore *store)
{
  gboolean is_new;

  cfut_crew_enter (self);
  if (self->stores == NULL)
    self->stores = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                          (GDestroyNotify) cfut_dict_store_unref);
  is_new = !g_hash_table_contains (self->stores, name);
  if (is_new)
    g_hash_table_insert (self->stores, g_strdup (name), store);
  cfut_unlock (&self->lock, CFUT_LOCK_CREW);

  if (!is_new)
    cfut_dict_store_unref (store);
  return is_new;
}

GVariant *
cfut_crew_list_shared (CfutCrew *self)
{
  GVariant *names = NULL;

  cfut_crew_enter (self);
  if (self->stores != NULL)
    {
      g_autofree const char **keys =
        (const char **) g_hash_table_get_keys_as_array (self->stores, NULL);

      names = g_variant_new_strv (keys, -1);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_CREW);

  return names;
}

static GVariant *
crew_answer_dict (CfutCrew   *self,
                  CfutFrame  *frame)
{
  CfutDictStore *store = NULL;
  GVariant *request;
  GVariant *reply;
  GError *error = NULL;

  cfut_crew_enter (self);
  if (self->stores != NULL)
    store = g_hash_table_lookup (self->stores, frame->wire.name);
  if (store != NULL)
    cfut_dict_store_ref (store);
  cfut_unlock (&self->lock, CFUT_LOCK_CREW);

  request = cfut_frame_dup_value (frame, &error);
  if (store != NULL && request != NULL)
    reply = cfut_dict_store_serve (store, request, CFUT_WIRE_MAX_BODY / 2);
  else
    {
      if (error == NULL)
        g_set_error (&error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                     _("No dict is shared by the name “%s”"), frame->wire.name);
      reply = cfut_dict_reply_new_error (error);
      g_error_free (error);
    }

  g_clear_pointer (&request, g_variant_unref);
  g_clear_pointer (&store, cfut_dict_store_unref);
  return reply;
}

void
cfut_crew_serve_dict (CfutCrew    *self,
                      CfutChannel *channel,
                      CfutFrame   *frame)
{
  GVariant *reply = crew_answer_dict (self, frame);
  CfutWireOut out = { .type = CFUT_WIRE_DICT_REPLY, .id = frame->wire.id, .value = reply };
  GError *error = NULL;

  /* Where it cannot be sent that is said instead; where that cannot either, the worker is gone. */
  if (!cfut_channel_send (channel, &out, NULL, &error))
    {
      GVariant *failure = cfut_dict_reply_new_error (error);

      out.value = failure;
      g_clear_error (&error);
      if (!cfut_channel_send (channel, &out, NULL, &error))
        g_clear_error (&error);
      g_variant_unref (failure);
    }
  g_variant_unref (reply);
}
