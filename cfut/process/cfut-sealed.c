/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Which memory of this process is that of a file whose bytes can never change, with the file's descriptor:
 * so what came from one process goes to another, or back, without a copy.
 *
 * Threads: any.
 * Locks: none, so that bytes can be dropped in a child of fork. A place is taken by who turns its
 *   address from NULL to TAKEN, and given up by who holds the mapping.
 * Owns: the descriptors, of which there are no more than places.
 * Invariants:
 * 1. An address is published (release) after the size and the descriptor of its place, and is there
 *    until the memory is unmapped. Who looks for it holds bytes there, so its place is not given up
 *    meanwhile, and the place of another is not looked into.
 * Not here: whether a file is sealed (cfut-payload-open.c). */

#include "process/cfut-sealed-private.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#define N_PLACES 16
#define TAKEN GSIZE_TO_POINTER (1)

typedef struct {
  _Atomic gpointer data;   /* NULL: it is free */
  gsize size;
  int fd;
} Place;

static Place places[N_PLACES];

/* (nullable) */
static Place *
find_place (gconstpointer data)
{
  for (guint i = 0; i < N_PLACES; i++)
    if (atomic_load_explicit (&places[i].data, memory_order_acquire) == data)
      return &places[i];

  return NULL;
}

gboolean
cfut_sealed_add (gpointer data,
                 gsize    size,
                 int      fd)
{
  for (guint i = 0; i < N_PLACES; i++)
    {
      gpointer none = NULL;

      if (!atomic_compare_exchange_strong_explicit (&places[i].data, &none, TAKEN,
                                                    memory_order_acquire, memory_order_relaxed))
        continue;

      places[i].size = size;
      places[i].fd = fd;
      atomic_store_explicit (&places[i].data, data, memory_order_release);
      return TRUE;
    }

  return FALSE;
}

void
cfut_sealed_remove (gpointer data)
{
  Place *place = find_place (data);

  if (place == NULL)
    return;

  close (place->fd);
  atomic_store_explicit (&place->data, NULL, memory_order_release);
}

int
cfut_sealed_dup_file (gconstpointer data,
                      gsize         size)
{
  Place *place = find_place (data);

  if (place == NULL || place->size != size)
    return -1;

  return fcntl (place->fd, F_DUPFD_CLOEXEC, 3);
}
