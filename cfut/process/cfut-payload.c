/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The memory in which large `ay` travel: files that have no name, whose descriptors are passed on,
 * and which both sides map.
 *
 * The first large one of a channel goes in a file of its own, sealed against everything, as most
 * channels see no second. From then on the file's mapping is kept: once the other side's bytes are
 * gone it says so, and the next one is copied into memory that both sides have mapped already.
 * Such a file cannot be sealed against the writes of who made it. But all that it ever carries are
 * `ay`, in which nothing is parsed.
 *
 * What came in a file that is sealed against everything, and is sent on as it came, goes in that very
 * file: nobody will ever write to it, so it does not matter who has it, nor for how long.
 *
 * Threads: any, but for cfut_payloads_open ().
 * Locks: the payloads' own, for the two lists; not held while bytes are copied or files are made.
 * Owns: mappings, of its own buffers and of the other side's.
 * Invariants:
 * 1. A buffer is written to only while the other side has no bytes of it, and by one thread. The
 *    other side's are read only while bytes of it live, of which there is one GBytes at a time.
 * 2. What is mapped for reading is sealed against shrinking, so that no read of it can fail, and
 *    has the size that was said.
 * 3. A buffer's file has memory for all of its pages before it is mapped for writing.
 * 4. No descriptor is kept: mappings do without. But for one that could not be mapped for lack of
 *    memory, which is tried again, and a few of sealed files, with the bytes (cfut-sealed.c).
 * Not here: which frames carry payloads (cfut-channel-out.c); how they go out (cfut-payload-pack.c) and
 *   come in (cfut-payload-open.c). */

#include <errno.h>
#include <glib/gi18n-lib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cfut-lock-private.h"
#include "process/cfut-payload-struct-private.h"

void
cfut_own_buffer_free (CfutOwnBuffer *self)
{
  munmap (self->data, self->capacity);
  g_free (self);
}

void
cfut_foreign_buffer_free (CfutForeignBuffer *self)
{
  if (self->data != NULL)
    munmap ((gpointer) self->data, self->capacity);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}

CfutPayloads *
cfut_payloads_new (const CfutPayloadOwner *owner,
                   gpointer                data)
{
  CfutPayloads *self = g_new0 (CfutPayloads, 1);

  self->owner = owner;
  self->data = data;
  g_mutex_init (&self->lock);
  self->own = g_ptr_array_new ();
  self->foreign = g_ptr_array_new ();

  return self;
}

void
cfut_payloads_close (CfutPayloads *self)
{
  g_autoptr (GPtrArray) own = g_ptr_array_new_with_free_func ((GDestroyNotify)
                                                               cfut_own_buffer_free);
  g_autoptr (GPtrArray) foreign = g_ptr_array_new_with_free_func ((GDestroyNotify)
                                                                  cfut_foreign_buffer_free);

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  self->is_closed = TRUE;
  /* A busy one of our own is being written; whoever does that finds out. */
  for (guint i = self->own->len; i-- > 0;)
    if (!((CfutOwnBuffer *) self->own->pdata[i])->is_busy)
      g_ptr_array_add (own, g_ptr_array_remove_index_fast (self->own, i));
  for (guint i = self->foreign->len; i-- > 0;)
    if (!((CfutForeignBuffer *) self->foreign->pdata[i])->is_busy)
      g_ptr_array_add (foreign, g_ptr_array_remove_index_fast (self->foreign, i));
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);
}

void
cfut_payloads_free (CfutPayloads *self)
{
  g_ptr_array_foreach (self->own, (GFunc) (void (*) (void)) cfut_own_buffer_free, NULL);
  g_ptr_array_foreach (self->foreign, (GFunc) (void (*) (void)) cfut_foreign_buffer_free, NULL);
  g_ptr_array_unref (self->own);
  g_ptr_array_unref (self->foreign);
  g_mutex_clear (&self->lock);
  g_free (self);
}

gboolean
cfut_payload_set_memory_error (GError **error,
                               int      why)
{
  int code = why == EMFILE || why == ENFILE ? G_IO_ERROR_TOO_MANY_OPEN_FILES : G_IO_ERROR_NO_SPACE;

  g_set_error (error, G_IO_ERROR, code,
               _("There is no memory to share with another process: %s"), g_strerror (why));
  return FALSE;
}

/* Values. */

GVariant *
cfut_payload_rebuild (GVariant  *value,
                      GVariant **children,
                      gsize      n)
{
  GVariant *built;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_TUPLE:
      built = g_variant_new_tuple (children, n);
      break;
    case G_VARIANT_CLASS_VARIANT:
      built = g_variant_new_variant (children[0]);
      break;
    case G_VARIANT_CLASS_MAYBE:
      built = g_variant_new_maybe (NULL, children[0]);
      break;
    case G_VARIANT_CLASS_DICT_ENTRY:
      built = g_variant_new_dict_entry (children[0], children[1]);
      break;
    default:
      built = g_variant_new_array (g_variant_type_element (g_variant_get_type (value)), children,
                                   n);
      break;
    }

  return g_variant_ref_sink (built);
}

GPtrArray *
cfut_payload_get_children (GVariant *value)
{
  gsize n = g_variant_n_children (value);
  GPtrArray *children = g_ptr_array_new_full (n, (GDestroyNotify) g_variant_unref);

  for (gsize i = 0; i < n; i++)
    g_ptr_array_add (children, g_variant_get_child_value (value, i));

  return children;
}

static GVariant *
put_one_in (GVariant              *value,
            const CfutWirePayload *payload,
            guint                  depth,
            GVariant              *leaf)
{
  g_autoptr (GPtrArray) children = NULL;
  GVariant *child;

  if (depth == payload->path_length)
    return g_variant_ref (leaf);

  children = cfut_payload_get_children (value);
  child = children->pdata[payload->path[depth]];
  children->pdata[payload->path[depth]] = put_one_in (child, payload, depth + 1, leaf);
  g_variant_unref (child);

  return cfut_payload_rebuild (value, (GVariant **) children->pdata, children->len);
}

GVariant *
cfut_payload_put_in (GVariant              *value,
                     const CfutWirePayload *payloads,
                     GBytes * const        *bytes,
                     guint                  n)
{
  GVariant *built = g_variant_ref (value);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GVariant) before = built;
      g_autoptr (GVariant) leaf = NULL;

      leaf = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes[i],
                                                           TRUE));
      built = put_one_in (before, &payloads[i], 0, leaf);
    }

  return built;
}
