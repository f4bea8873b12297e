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
 *    memory, which is tried again.
 * Not here: which frames carry payloads (cfut-channel-out.c). */

#define _GNU_SOURCE   /* memfd_create () */

#include "process/cfut-payload-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cfut-lock-private.h"

/* Of what is kept to be used again. */
#define MAX_BUFFERS 16
#define MAX_KEPT_BYTES ((gsize) 256 * 1024 * 1024)
/* Of what the other side may have us keep. */
#define MAX_FOREIGN_BUFFERS 64
/* An array with more items than this is not looked into. */
#define MAX_ITEMS 1024

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

typedef struct {
  guint64 number;
  guint8 *data;
  gsize capacity;
  gboolean is_busy;       /* being written, or the other side has bytes of it */
  gboolean was_reused;
} OwnBuffer;

typedef struct {
  guint64 number;
  const guint8 *data;     /* NULL: it could not be mapped */
  gsize capacity;
  int fd;                 /* (owned); -1: none, as it is mapped */
  gboolean is_busy;       /* bytes of it live */
} ForeignBuffer;

struct _CfutPayloads {
  /* Immutable. */
  const CfutPayloadOwner *owner;
  gpointer data;
  GMutex lock;

  /* Guarded by the lock; the lists own what they hold. */
  GPtrArray *own;
  GPtrArray *foreign;
  guint64 last_number;
  gsize kept_bytes;
  gboolean had_one;
  gboolean is_closed;
};

/* What the free of a GBytes gets. */
typedef struct {
  CfutPayloads *payloads;   /* held by the owner, of which this has a reference */
  ForeignBuffer *buffer;
} Loan;

typedef struct {
  gpointer data;
  gsize size;
} Mapping;

static void
own_buffer_free (OwnBuffer *self)
{
  munmap (self->data, self->capacity);
  g_free (self);
}

static void
foreign_buffer_free (ForeignBuffer *self)
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
  g_autoptr (GPtrArray) own = g_ptr_array_new_with_free_func ((GDestroyNotify) own_buffer_free);
  g_autoptr (GPtrArray) foreign = g_ptr_array_new_with_free_func ((GDestroyNotify)
                                                                  foreign_buffer_free);

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  self->is_closed = TRUE;
  /* A busy one of our own is being written; whoever does that finds out. */
  for (guint i = self->own->len; i-- > 0;)
    if (!((OwnBuffer *) self->own->pdata[i])->is_busy)
      g_ptr_array_add (own, g_ptr_array_remove_index_fast (self->own, i));
  for (guint i = self->foreign->len; i-- > 0;)
    if (!((ForeignBuffer *) self->foreign->pdata[i])->is_busy)
      g_ptr_array_add (foreign, g_ptr_array_remove_index_fast (self->foreign, i));
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);
}

void
cfut_payloads_free (CfutPayloads *self)
{
  g_ptr_array_foreach (self->own, (GFunc) (void (*) (void)) own_buffer_free, NULL);
  g_ptr_array_foreach (self->foreign, (GFunc) (void (*) (void)) foreign_buffer_free, NULL);
  g_ptr_array_unref (self->own);
  g_ptr_array_unref (self->foreign);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Files. */

static gboolean
set_memory_error (GError **error,
                  int      why)
{
  int code = why == EMFILE || why == ENFILE ? G_IO_ERROR_TOO_MANY_OPEN_FILES : G_IO_ERROR_NO_SPACE;

  g_set_error (error, G_IO_ERROR, code,
               _("There is no memory to share with another process: %s"), g_strerror (why));
  return FALSE;
}

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

/* NULL: it cannot be used again. The file is sealed in either case, or this is not possible here. */
static OwnBuffer *
keep_file (int   fd,
           gsize size)
{
  gsize page = sysconf (_SC_PAGESIZE);
  gsize capacity = (size + page - 1) / page * page;
  OwnBuffer *buffer;
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

  buffer = g_new0 (OwnBuffer, 1);
  buffer->data = data;
  buffer->capacity = capacity;
  buffer->is_busy = TRUE;

  return buffer;
}

/* Packing. */

/* The smallest that is free and large enough, now busy. */
static OwnBuffer *
take_own_locked (CfutPayloads *self,
                 gsize         size)
{
  OwnBuffer *best = NULL;

  for (guint i = 0; i < self->own->len; i++)
    {
      OwnBuffer *buffer = self->own->pdata[i];

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
      OwnBuffer *buffer = self->own->pdata[i];

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
    self->owner->forget (self->data, ((OwnBuffer *) gone->pdata[i])->number);
}

/* With an OwnBuffer that is new, or without one. */
static void
add_own (CfutPayloads    *self,
         OwnBuffer       *buffer,
         CfutWirePayload *payload)
{
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func ((GDestroyNotify) own_buffer_free);

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
  OwnBuffer *buffer;

  if (fd < 0)
    return set_memory_error (error, errno);

  buffer = keep ? keep_file (fd, size) : NULL;
  payload->kind = CFUT_WIRE_PAYLOAD_ONCE;
  payload->buffer = 0;
  if (buffer != NULL)
    add_own (self, buffer, payload);
  else if (!seal_once (fd))
    {
      set_memory_error (error, errno);
      close (fd);
      return FALSE;
    }

  payload->fd = first_fd + packed->n_fds;
  packed->fds[packed->n_fds++] = fd;

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
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func ((GDestroyNotify) own_buffer_free);
  gsize size = g_bytes_get_size (bytes);
  OwnBuffer *buffer;
  gboolean keep;

  payload->size = size;
  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  buffer = take_own_locked (self, size);
  keep = buffer == NULL && self->had_one && !self->is_closed && make_room_locked (self, size, gone);
  self->had_one = TRUE;
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);
  forget_own (self, gone);

  if (buffer == NULL)
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
      memcpy (buffer->data, g_bytes_get_data (bytes, NULL), size);
      payload->kind = CFUT_WIRE_PAYLOAD_AGAIN;
      payload->fd = 0;
      payload->buffer = buffer->number;
    }

  packed->n_payloads++;
  return TRUE;
}

/* A container like @value, of these children (transfer none). (transfer full) */
static GVariant *
rebuild (GVariant  *value,
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
      built = g_variant_new_array (g_variant_type_element (g_variant_get_type (value)), children, n);
      break;
    }

  return g_variant_ref_sink (built);
}

static GPtrArray *
get_children (GVariant *value)
{
  gsize n = g_variant_n_children (value);
  GPtrArray *children = g_ptr_array_new_full (n, (GDestroyNotify) g_variant_unref);

  for (gsize i = 0; i < n; i++)
    g_ptr_array_add (children, g_variant_get_child_value (value, i));

  return children;
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

  children = get_children (value);
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
  return rebuild (value, (GVariant **) children->pdata, children->len);
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

  while (i < self->own->len && ((OwnBuffer *) self->own->pdata[i])->number != number)
    i++;

  return i;
}

void
cfut_payloads_unpack (CfutPayloads *self,
                      CfutPacked   *packed)
{
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func ((GDestroyNotify) own_buffer_free);

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  for (guint i = 0; i < packed->n_payloads; i++)
    {
      guint at = find_own_locked (self, packed->payloads[i].buffer);

      if (packed->payloads[i].kind == CFUT_WIRE_PAYLOAD_ONCE || at == self->own->len)
        continue;
      ((OwnBuffer *) self->own->pdata[at])->is_busy = FALSE;
      /* One that the other side has never seen. */
      if (packed->payloads[i].kind == CFUT_WIRE_PAYLOAD_NEW)
        {
          self->kept_bytes -= ((OwnBuffer *) self->own->pdata[at])->capacity;
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
  known = at < self->own->len && ((OwnBuffer *) self->own->pdata[at])->is_busy;
  if (known)
    ((OwnBuffer *) self->own->pdata[at])->is_busy = FALSE;
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);

  return known;
}

/* Opening. */

static guint
find_foreign_locked (CfutPayloads *self,
                     guint64       number)
{
  guint i = 0;

  while (i < self->foreign->len && ((ForeignBuffer *) self->foreign->pdata[i])->number != number)
    i++;

  return i;
}

gboolean
cfut_payloads_forget (CfutPayloads *self,
                      guint64       number)
{
  ForeignBuffer *buffer = NULL;
  guint at;

  cfut_lock (&self->lock, CFUT_LOCK_PAYLOAD);
  at = find_foreign_locked (self, number);
  if (at < self->foreign->len && !((ForeignBuffer *) self->foreign->pdata[at])->is_busy)
    buffer = g_ptr_array_remove_index_fast (self->foreign, at);
  cfut_unlock (&self->lock, CFUT_LOCK_PAYLOAD);

  if (buffer == NULL)
    return FALSE;

  foreign_buffer_free (buffer);
  return TRUE;
}

static void
mapping_free (gpointer data)
{
  Mapping *self = data;

  munmap (self->data, self->size);
  g_free (self);
}

/* The last reference to bytes of a buffer is gone. */
static void
loan_end (gpointer data)
{
  Loan *loan = data;
  CfutPayloads *self = loan->payloads;
  ForeignBuffer *gone = NULL;
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
    foreign_buffer_free (gone);
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
           int                    fd,
           GError               **error)
{
  Mapping *mapping;
  gpointer data;

  if (check_file (fd, F_SEAL_SHRINK | F_SEAL_WRITE, payload->size) == 0)
    return set_lie (error, "a payload that is not what was said of it");

  data = map_for_reading (fd, payload->size);
  if (data == NULL)
    {
      set_memory_error (error, errno);
      return NULL;
    }

  mapping = g_new (Mapping, 1);
  *mapping = (Mapping) { data, payload->size };
  return g_bytes_new_with_free_func (data, payload->size, mapping_free, mapping);
}

/* Makes @buffer busy and lends it. */
static GBytes *
lend (CfutPayloads  *self,
      ForeignBuffer *buffer,
      gsize          size,
      GError       **error)
{
  Loan *loan;

  if (buffer->data == NULL)
    {
      buffer->data = map_for_reading (buffer->fd, buffer->capacity);
      if (buffer->data == NULL)
        {
          set_memory_error (error, errno);
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
  ForeignBuffer *buffer;
  gboolean allowed;

  if (capacity == 0)
    return set_lie (error, "a payload that is not what was said of it");

  buffer = g_new0 (ForeignBuffer, 1);
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
      foreign_buffer_free (buffer);
      return set_lie (error, "a payload buffer that is known already, or one too many");
    }

  return lend (self, buffer, payload->size, error);
}

static GBytes *
open_again (CfutPayloads          *self,
            const CfutWirePayload *payload,
            GError               **error)
{
  ForeignBuffer *buffer = NULL;
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
      return open_once (payload, *fd, error);
    case CFUT_WIRE_PAYLOAD_NEW:
      return open_new (self, payload, fd, error);
    case CFUT_WIRE_PAYLOAD_AGAIN:
    default:
      return open_again (self, payload, error);
    }
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

  children = get_children (value);
  child = children->pdata[payload->path[depth]];
  children->pdata[payload->path[depth]] = put_one_in (child, payload, depth + 1, leaf);
  g_variant_unref (child);

  return rebuild (value, (GVariant **) children->pdata, children->len);
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
