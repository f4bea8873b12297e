/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a worker leaves behind when it dies in the middle of a row of calls.
 *
 * To tell of each call before it is entered takes a call of the system, which for a short function is most
 * of what it costs. So a worker that has more calls at hand notes here which one it enters, and sends what
 * they come to by and by. Its stream of frames goes on as ever; here is a copy of its end:
 *
 *   stream:  ...........................................
 *   sent, and read by the application ------>|          |
 *   here:                          |<-- the last ROOM -->|
 *
 * Threads: any; one at a time writes. The two sides are in two processes.
 * Locks: none. The worker writes bytes, then their end (release); the application reads the end (acquire),
 *   then the bytes, which may be anything if the worker goes on meanwhile.
 * Owns: its mapping.
 * Invariants:
 * 1. The file is sealed against shrinking before the worker has it, so no look at it can fail.
 * 2. What is read is copied, and only within the file, whatever it says.
 * 3. The end is that of a frame, and whatever was entered after that frame was noted after it.
 * Not here: when to send (cfut-worker-link.c), what to make of it (cfut-channel-in.c,
 * cfut-crew-end.c). */

#define _GNU_SOURCE   /* memfd_create (), F_ADD_SEALS */

#include "process/cfut-journal-private.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* In the file. */
typedef struct {
  _Atomic guint64 entered;
  _Atomic guint64 end;       /* bytes of the stream */
  _Atomic guint64 begin;     /* none before this one are here */
  guint64 unused[5];
  guint8 bytes[CFUT_JOURNAL_ROOM];
} Page;

struct _CfutJournal {
  gatomicrefcount ref_count;
  Page *page;
};

static CfutJournal *
journal_map (int fd,
             int protection)
{
  void *page = mmap (NULL, sizeof (Page), protection, MAP_SHARED, fd, 0);
  CfutJournal *self;

  if (page == MAP_FAILED)
    return NULL;

  self = g_new (CfutJournal, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->page = page;

  return self;
}

CfutJournal *
cfut_journal_new (int *fd)
{
  CfutJournal *self = NULL;
  int file = memfd_create ("cfut-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

  /* Older systems do not know the last. */
  if (file < 0)
    file = memfd_create ("cfut-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0)
    return NULL;

  if (ftruncate (file, sizeof (Page)) == 0 && fcntl (file, F_ADD_SEALS, SEALS) == 0)
    self = journal_map (file, PROT_READ);
  if (self != NULL)
    *fd = file;
  else
    close (file);

  return self;
}

CfutJournal *
cfut_journal_open (int fd)
{
  struct stat status;
  int seals = fcntl (fd, F_GET_SEALS);

  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat (fd, &status) != 0 ||
      status.st_size != sizeof (Page))
    return NULL;

  return journal_map (fd, PROT_READ | PROT_WRITE);
}

CfutJournal *
cfut_journal_ref (CfutJournal *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
cfut_journal_unref (CfutJournal *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  munmap (self->page, sizeof (Page));
  g_free (self);
}

void
cfut_journal_set_entered (CfutJournal *self,
                          guint64      id)
{
  atomic_store_explicit (&self->page->entered, id, memory_order_release);
}

guint64
cfut_journal_get_entered (CfutJournal *self)
{
  return atomic_load_explicit (&self->page->entered, memory_order_acquire);
}

/* How many of @size bytes from there on lie in one piece. */
static gsize
part_at (guint64 at,
         gsize   size)
{
  return MIN (size, CFUT_JOURNAL_ROOM - at % CFUT_JOURNAL_ROOM);
}

void
cfut_journal_append (CfutJournal  *self,
                     const guint8 *data,
                     gsize         size,
                     gsize         n_waiting)
{
  Page *page = self->page;
  guint64 end = atomic_load_explicit (&page->end, memory_order_relaxed);
  gsize first = part_at (end, size);

  if (n_waiting > CFUT_JOURNAL_ROOM)
    {
      cfut_journal_skip (self, size);
      return;
    }

  memcpy (page->bytes + end % CFUT_JOURNAL_ROOM, data, first);
  memcpy (page->bytes, data + first, size - first);
  atomic_store_explicit (&page->end, end + size, memory_order_release);
}

void
cfut_journal_skip (CfutJournal *self,
                   guint64      size)
{
  Page *page = self->page;
  guint64 end = atomic_load_explicit (&page->end, memory_order_relaxed) + size;

  atomic_store_explicit (&page->begin, end, memory_order_relaxed);
  atomic_store_explicit (&page->end, end, memory_order_release);
}

gsize
cfut_journal_read (CfutJournal *self,
                   guint64      n_known,
                   guint8      *to,
                   gsize        room)
{
  Page *page = self->page;
  guint64 end = atomic_load_explicit (&page->end, memory_order_acquire);
  guint64 begin = atomic_load_explicit (&page->begin, memory_order_relaxed);
  gsize size, first;

  if (n_known < begin || end <= n_known || end - n_known > CFUT_JOURNAL_ROOM)
    return 0;

  size = MIN (end - n_known, room);
  first = part_at (n_known, size);
  memcpy (to, page->bytes + n_known % CFUT_JOURNAL_ROOM, first);
  memcpy (to + first, page->bytes, size - first);

  return size;
}
