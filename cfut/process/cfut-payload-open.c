/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Payloads on their way in. What is true of them is said in cfut-payload.c.
 *
 * Threads: the reader's; bytes are freed on any.
 * Locks: the payloads', for the list of the other side's buffers.
 * Owns: a buffer that is busy belongs to its one GBytes.
 * Not here: where in a value they belong (cfut-payload.c). */

#define _GNU_SOURCE   /* F_GET_SEALS */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cfut-lock-private.h"
#include "process/cfut-payload-struct-private.h"
#include "process/cfut-sealed-private.h"

/* Of what the other side may have us keep. */
#define MAX_FOREIGN_BUFFERS 64

/* What the free of a GBytes gets. */
typedef struct {
  CfutPayloads *payloads;   /* held by the owner, of which this has a reference */
  CfutForeignBuffer *buffer;
} Loan;

typedef struct {
  gpointer data;
  gsize size;
} Mapping;

static guint
find_foreign_locked (CfutPayloads *self,
                     guint64       number)
{
  guint i = 0;

  while (i < self->foreign->len &&
         ((CfutForeignBuffer *) self->foreign->pdata[i])->number != number)
    i++;

  return i;
}

gboolean
cfut_payloads_forget (CfutPayloads *self,
                      guint64       number)
{
  CfutForeignBuffer *buffer = NULL;
  guint at;

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  at = find_foreign_locked (self, number);
  if (at < self->foreign->len && !((CfutForeignBuffer *) self->foreign->pdata[at])->is_busy)
    buffer = g_ptr_array_remove_index_fast (self->foreign, at);
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);

  if (buffer == NULL)
    return FALSE;

  cfut_foreign_buffer_free (buffer);
  return TRUE;
}

static void
mapping_free (gpointer data)
{
  Mapping *self = data;

  cfut_sealed_remove (self->data);
  munmap (self->data, self->size);
  g_free (self);
}

/* The last reference to bytes of a buffer is gone. */
static void
loan_end (gpointer data)
{
  Loan *loan = data;
  CfutPayloads *self = loan->payloads;
  CfutForeignBuffer *gone = NULL;
  guint64 number = loan->buffer->number;
  gpointer owner_data = self->data;
  const CfutPayloadOwner *owner = self->owner;

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  loan->buffer->is_busy = FALSE;
  if (self->is_closed)
    {
      gone = loan->buffer;
      g_ptr_array_remove_fast (self->foreign, gone);
    }
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);

  if (gone != NULL)
    cfut_foreign_buffer_free (gone);
  else
    owner->release (owner_data, number);
  g_free (loan);
  owner->unref (owner_data);
}

static gpointer
set_lie (GError    **error,
         const char *what)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, what);
  return NULL;
}

/* Bytes in the file, if it is such a one as can be read without danger; 0: it is not. */
static gsize
check_file (int   fd,
            int   seals,
            gsize least)
{
  int has = fcntl (fd, F_GET_SEALS);
  struct stat status;

  if (has < 0 || (has & seals) != seals || fstat (fd, &status) != 0 || status.st_size <= 0 ||
      (gsize) status.st_size < least)
    return 0;

  return status.st_size;
}

/* NULL: errno. */
static gpointer
map_for_reading (int   fd,
                 gsize size)
{
  gpointer data = mmap (NULL, size, PROT_READ, MAP_SHARED, fd, 0);

  /* Not every system allows that of one that is sealed against writes. */
  if (data == MAP_FAILED && errno == EPERM)
    data = mmap (NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

  return data != MAP_FAILED ? data : NULL;
}

static GBytes *
open_once (const CfutWirePayload *payload,
           int                   *fd,
           GError               **error)
{
  Mapping *mapping;
  gpointer data;

  if (check_file (*fd, F_SEAL_SHRINK | F_SEAL_WRITE, payload->size) == 0)
    return set_lie (error, "a payload that is not what was said of it");

  data = map_for_reading (*fd, payload->size);
  if (data == NULL)
    {
      cfut_payload_set_memory_error (error, errno);
      return NULL;
    }

  if (cfut_sealed_add (data, payload->size, *fd))
    *fd = -1;
  mapping = g_new (Mapping, 1);
  *mapping = (Mapping) { data, payload->size };
  return g_bytes_new_with_free_func (data, payload->size, mapping_free, mapping);
}

/* Makes @buffer busy and lends it. */
static GBytes *
lend (CfutPayloads  *self,
      CfutForeignBuffer *buffer,
      gsize          size,
      GError       **error)
{
  Loan *loan;

  if (buffer->data == NULL)
    {
      buffer->data = map_for_reading (buffer->fd, buffer->capacity);
      if (buffer->data == NULL)
        {
          cfut_payload_set_memory_error (error, errno);
          /* So that the other side can use it for something else. */
          self->owner->release (self->data, buffer->number);
          return NULL;
        }
      close (buffer->fd);
      buffer->fd = -1;
    }

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  buffer->is_busy = TRUE;
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);

  loan = g_new (Loan, 1);
  *loan = (Loan) { self, buffer };
  self->owner->ref (self->data);
  return g_bytes_new_with_free_func (buffer->data, size, loan_end, loan);
}

static GBytes *
open_new (CfutPayloads          *self,
          const CfutWirePayload *payload,
          int                   *fd,
          GError               **error)
{
  gsize capacity = check_file (*fd, F_SEAL_SHRINK, payload->size);
  CfutForeignBuffer *buffer;
  gboolean allowed;

  if (capacity == 0)
    return set_lie (error, "a payload that is not what was said of it");

  buffer = g_new0 (CfutForeignBuffer, 1);
  buffer->number = payload->buffer;
  buffer->capacity = capacity;
  buffer->fd = *fd;
  *fd = -1;
  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  allowed = self->foreign->len < MAX_FOREIGN_BUFFERS &&
            find_foreign_locked (self, payload->buffer) == self->foreign->len;
  if (allowed)
    g_ptr_array_add (self->foreign, buffer);
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);

  if (!allowed)
    {
      cfut_foreign_buffer_free (buffer);
      return set_lie (error, "a payload buffer that is known already, or one too many");
    }

  return lend (self, buffer, payload->size, error);
}

static GBytes *
open_again (CfutPayloads          *self,
            const CfutWirePayload *payload,
            GError               **error)
{
  CfutForeignBuffer *buffer = NULL;
  guint at;

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  at = find_foreign_locked (self, payload->buffer);
  if (at < self->foreign->len)
    buffer = self->foreign->pdata[at];
  if (buffer != NULL && (buffer->is_busy || buffer->capacity < payload->size))
    buffer = NULL;
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);

  if (buffer == NULL)
    return set_lie (error, "a payload buffer that is not known, in use, or too small");

  return lend (self, buffer, payload->size, error);
}

GBytes *
cfut_payloads_open (CfutPayloads          *self,
                    const CfutWirePayload *payload,
                    int                   *fd,
                    GError               **error)
{
  switch (payload->kind)
    {
    case CFUT_WIRE_PAYLOAD_ONCE:
      return open_once (payload, fd, error);
    case CFUT_WIRE_PAYLOAD_NEW:
      return open_new (self, payload, fd, error);
    case CFUT_WIRE_PAYLOAD_AGAIN:
    default:
      return open_again (self, payload, error);
    }
}
