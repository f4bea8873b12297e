/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Payloads on their way out. What is true of them is said in cfut-payload.c.
 *
 * Threads: any.
 * Locks: the payloads', for the list of our own buffers.
 * Owns: a buffer that is busy belongs to who made it so, until the other side releases it.
 * Not here: what is done with the descriptors (cfut-channel-out.c). */

#define _GNU_SOURCE   /* memfd_create () */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cfut-lock-private.h"
#include "process/cfut-payload-struct-private.h"
#include "process/cfut-sealed-private.h"

/* Of what is kept to be used again. */
#define MAX_BUFFERS 16
#define MAX_KEPT_BYTES ((gsize) 256 * 1024 * 1024)
/* An array with more items than this is not looked into. */
#define MAX_ITEMS 1024

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Files. */

/* -1: errno. */
static int
make_file (void)
{
  int fd = memfd_create ("cfut-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

  /* Older systems do not know the last. */
  if (fd < 0 && errno == EINVAL)
    fd = memfd_create ("cfut-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  return fd;
}

static gboolean
write_all (int           fd,
           const guint8 *data,
           gsize         size)
{
  while (size > 0)
    {
      gssize n = write (fd, data, MIN (size, (gsize) 1 << 30));

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      data += n;
      size -= n;
    }

  return TRUE;
}

/* -1: errno. Faster than to map a fresh one and to copy into that. */
static int
make_filled_file (const guint8 *data,
                  gsize         size)
{
  int fd = make_file ();

  if (fd >= 0 && !write_all (fd, data, size))
    {
      int saved = errno;

      close (fd);
      errno = saved;
      return -1;
    }

  return fd;
}

static gboolean
seal_once (int fd)
{
  return fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
}

/* NULL: it cannot be used again, and has not been sealed. */
static CfutOwnBuffer *
keep_file (int   fd,
           gsize size)
{
  gsize page = sysconf (_SC_PAGESIZE);
  gsize capacity = (size + page - 1) / page * page;
  CfutOwnBuffer *buffer;
  gpointer data;

  if (ftruncate (fd, capacity) != 0)
    return NULL;
  data = mmap (NULL, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED)
    return NULL;
  if (fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0)
    {
      munmap (data, capacity);
      return NULL;
    }

  buffer = g_new0 (CfutOwnBuffer, 1);
  buffer->data = data;
  buffer->capacity = capacity;
  buffer->is_busy = TRUE;

  return buffer;
}

/* Packing. */

/* The smallest that is free and large enough, now busy. */
static CfutOwnBuffer *
take_own_locked (CfutPayloads *self,
                 gsize         size)
{
  CfutOwnBuffer *best = NULL;

  for (guint i = 0; i < self->own->len; i++)
    {
      CfutOwnBuffer *buffer = self->own->pdata[i];

      if (!buffer->is_busy && buffer->capacity >= size &&
          (best == NULL || buffer->capacity < best->capacity))
        best = buffer;
    }
  if (best != NULL)
    best->is_busy = TRUE;

  return best;
}

/* Free ones go until there is room for one of @size, which is counted; those are put into @gone. */
static gboolean
make_room_locked (CfutPayloads *self,
                  gsize         size,
                  GPtrArray    *gone)
{
  if (size > MAX_KEPT_BYTES)
    return FALSE;

  for (guint i = self->own->len; i-- > 0;)
    {
      CfutOwnBuffer *buffer = self->own->pdata[i];

      if (self->own->len < MAX_BUFFERS && self->kept_bytes + size <= MAX_KEPT_BYTES)
        break;
      if (!buffer->is_busy)
        {
          self->kept_bytes -= buffer->capacity;
          g_ptr_array_add (gone, g_ptr_array_remove_index (self->own, i));
        }
    }

  return self->own->len < MAX_BUFFERS && self->kept_bytes + size <= MAX_KEPT_BYTES;
}

static void
forget_own (CfutPayloads *self,
            GPtrArray    *gone)
{
  for (guint i = 0; i < gone->len; i++)
    self->owner->forget (self->data, ((CfutOwnBuffer *) gone->pdata[i])->number);
}

/* With an CfutOwnBuffer that is new, or without one. */
static void
add_own (CfutPayloads    *self,
         CfutOwnBuffer       *buffer,
         CfutWirePayload *payload)
{
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func ((GDestroyNotify)
                                                               cfut_own_buffer_free);

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  make_room_locked (self, buffer->capacity, gone);
  buffer->number = ++self->last_number;
  self->kept_bytes += buffer->capacity;
  g_ptr_array_add (self->own, buffer);
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);

  forget_own (self, gone);
  payload->kind = CFUT_WIRE_PAYLOAD_NEW;
  payload->buffer = buffer->number;
}

static void
add_file (CfutPacked      *packed,
          CfutWirePayload *payload,
          guint            first_fd,
          int              fd)
{
  payload->fd = first_fd + packed->n_fds;
  packed->fds[packed->n_fds++] = fd;
}

static gboolean
pack_fresh (CfutPayloads    *self,
            GBytes          *bytes,
            gboolean         keep,
            guint            first_fd,
            CfutPacked      *packed,
            CfutWirePayload *payload,
            GError         **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  int fd = make_filled_file (data, size);
  CfutOwnBuffer *buffer;

  if (fd < 0)
    return cfut_payload_set_memory_error (error, errno);

  buffer = keep ? keep_file (fd, size) : NULL;
  payload->kind = CFUT_WIRE_PAYLOAD_ONCE;
  payload->buffer = 0;
  if (buffer != NULL)
    add_own (self, buffer, payload);
  else if (!seal_once (fd))
    {
      cfut_payload_set_memory_error (error, errno);
      close (fd);
      return FALSE;
    }

  add_file (packed, payload, first_fd, fd);
  return TRUE;
}

static gboolean
pack_bytes (CfutPayloads *self,
            GBytes       *bytes,
            guint         first_fd,
            CfutPacked   *packed,
            GError      **error)
{
  CfutWirePayload *payload = &packed->payloads[packed->n_payloads];
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func ((GDestroyNotify)
                                                               cfut_own_buffer_free);
  gsize size;
  gconstpointer data = g_bytes_get_data (bytes, &size);
  int sealed_fd = cfut_sealed_dup_file (data, size);
  CfutOwnBuffer *buffer = NULL;
  gboolean keep;

  payload->size = size;
  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  if (sealed_fd < 0)
    buffer = take_own_locked (self, size);
  keep = sealed_fd < 0 && buffer == NULL && self->had_one && !self->is_closed &&
         make_room_locked (self, size, gone);
  self->had_one = TRUE;
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);
  forget_own (self, gone);

  if (sealed_fd >= 0)
    {
      payload->kind = CFUT_WIRE_PAYLOAD_ONCE;
      payload->buffer = 0;
      add_file (packed, payload, first_fd, sealed_fd);
    }
  else if (buffer == NULL)
    {
      if (!pack_fresh (self, bytes, keep, first_fd, packed, payload, error))
        return FALSE;
    }
  else
    {
      /* Its pages are there, but for the mapping's table: all at once is cheaper. */
      if (!buffer->was_reused)
        madvise (buffer->data, buffer->capacity, MADV_POPULATE_WRITE);
      buffer->was_reused = TRUE;
      memcpy (buffer->data, data, size);
      payload->kind = CFUT_WIRE_PAYLOAD_AGAIN;
      payload->fd = 0;
      payload->buffer = buffer->number;
    }

  packed->n_payloads++;
  return TRUE;
}

typedef struct {
  CfutPayloads *payloads;
  CfutPacked *packed;
  guint first_fd;
  guint32 path[CFUT_WIRE_MAX_PATH];
} Packing;

static gboolean
pack_leaf (Packing  *packing,
           GVariant *value,
           guint     depth,
           GError  **error)
{
  CfutPacked *packed = packing->packed;
  CfutWirePayload *payload = &packed->payloads[packed->n_payloads];
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (value);

  memcpy (payload->path, packing->path, depth * sizeof packing->path[0]);
  payload->path_length = depth;

  return pack_bytes (packing->payloads, bytes, packing->first_fd, packed, error);
}

/* (transfer full): @value without what went into payloads; NULL: an error. */
static GVariant *
pack_within (Packing  *packing,
             GVariant *value,
             guint     depth,
             GError  **error)
{
  CfutPacked *packed = packing->packed;
  g_autoptr (GPtrArray) children = NULL;
  gboolean changed = FALSE;

  if (packing->first_fd + packed->n_payloads >= CFUT_WIRE_MAX_FDS ||
      g_variant_get_size (value) < CFUT_PAYLOAD_THRESHOLD)
    return g_variant_ref (value);

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
    {
      if (!pack_leaf (packing, value, depth, error))
        return NULL;
      return g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, NULL, 0, TRUE,
                                                          NULL, NULL));
    }

  if (depth == CFUT_WIRE_MAX_PATH || !g_variant_is_container (value) ||
      g_variant_n_children (value) > MAX_ITEMS)
    return g_variant_ref (value);

  children = cfut_payload_get_children (value);
  for (guint i = 0; i < children->len; i++)
    {
      GVariant *child = children->pdata[i];
      GVariant *packed_child;

      packing->path[depth] = i;
      packed_child = pack_within (packing, child, depth + 1, error);
      if (packed_child == NULL)
        return NULL;
      changed |= packed_child != child;
      children->pdata[i] = packed_child;
      g_variant_unref (child);
    }

  if (!changed)
    return g_variant_ref (value);
  return cfut_payload_rebuild (value, (GVariant **) children->pdata, children->len);
}

gboolean
cfut_payloads_pack (CfutPayloads *self,
                    GVariant     *value,
                    guint         first_fd,
                    CfutPacked   *packed,
                    GError      **error)
{
  Packing packing = { .payloads = self, .packed = packed, .first_fd = first_fd };

  packed->n_payloads = packed->n_fds = 0;
  packed->value = pack_within (&packing, value, 0, error);
  if (packed->value != NULL)
    return TRUE;

  cfut_payloads_unpack (self, packed);
  cfut_packed_clear (packed);
  return FALSE;
}

/* The index of the buffer in @list, or its length. */
static guint
find_own_locked (CfutPayloads *self,
                 guint64       number)
{
  guint i = 0;

  while (i < self->own->len && ((CfutOwnBuffer *) self->own->pdata[i])->number != number)
    i++;

  return i;
}

void
cfut_payloads_unpack (CfutPayloads *self,
                      CfutPacked   *packed)
{
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func ((GDestroyNotify)
                                                               cfut_own_buffer_free);

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  for (guint i = 0; i < packed->n_payloads; i++)
    {
      guint at = find_own_locked (self, packed->payloads[i].buffer);

      if (packed->payloads[i].kind == CFUT_WIRE_PAYLOAD_ONCE || at == self->own->len)
        continue;
      ((CfutOwnBuffer *) self->own->pdata[at])->is_busy = FALSE;
      /* One that the other side has never seen. */
      if (packed->payloads[i].kind == CFUT_WIRE_PAYLOAD_NEW)
        {
          self->kept_bytes -= ((CfutOwnBuffer *) self->own->pdata[at])->capacity;
          g_ptr_array_add (gone, g_ptr_array_remove_index (self->own, at));
        }
    }
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);
  packed->n_payloads = 0;
}

void
cfut_packed_clear (CfutPacked *packed)
{
  for (guint i = 0; i < packed->n_fds; i++)
    close (packed->fds[i]);
  packed->n_fds = 0;
  packed->n_payloads = 0;
  g_clear_pointer (&packed->value, g_variant_unref);
}

gboolean
cfut_payloads_released (CfutPayloads *self,
                        guint64       number)
{
  gboolean known;
  guint at;

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  at = find_own_locked (self, number);
  known = at < self->own->len && ((CfutOwnBuffer *) self->own->pdata[at])->is_busy;
  if (known)
    ((CfutOwnBuffer *) self->own->pdata[at])->is_busy = FALSE;
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);

  return known;
}
