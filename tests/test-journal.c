/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What a worker leaves behind: the end of its stream, wherever that lies in the ring. */

#define _GNU_SOURCE   /* memfd_create () */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process/cfut-journal-private.h"

/* Both ends in one process. */
typedef struct {
  CfutJournal *reader;
  CfutJournal *writer;
} Ends;

static void
ends_init (Ends *self)
{
  int fd = -1;

  self->reader = cfut_journal_new (&fd);
  g_assert_nonnull (self->reader);
  self->writer = cfut_journal_open (fd);
  g_assert_nonnull (self->writer);
  close (fd);
}

static void
ends_clear (Ends *self)
{
  cfut_journal_unref (self->reader);
  cfut_journal_unref (self->writer);
}

static guint8
byte_at (guint64 at)
{
  return (guint8) (at * 31 >> 2);
}

static void
append (Ends    *self,
        guint64 *end,
        gsize    size,
        gsize    n_waiting)
{
  g_autofree guint8 *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] = byte_at (*end + i);
  cfut_journal_append (self->writer, data, size, n_waiting);
  *end += size;
}

/* By pieces that fit nowhere: all that waits is found, at every turn of the ring. */
static void
test_ring (void)
{
  g_autofree guint8 *found = g_malloc (CFUT_JOURNAL_ROOM);
  guint64 end = 0, known = 0;
  Ends ends;

  ends_init (&ends);
  g_assert_cmpuint (cfut_journal_read (ends.reader, 0, found, CFUT_JOURNAL_ROOM), ==, 0);
  for (guint i = 0; i < 2000; i++)
    {
      gsize size = 1 + i * 37 % 4000;

      if (end + size - known > CFUT_JOURNAL_ROOM)
        known = end;
      append (&ends, &end, size, end + size - known);
      g_assert_cmpuint (cfut_journal_read (ends.reader, known, found, CFUT_JOURNAL_ROOM), ==,
                        end - known);
      for (gsize j = 0; j < end - known; j++)
        g_assert_cmphex (found[j], ==, byte_at (known + j));
      /* In part. */
      g_assert_cmpuint (cfut_journal_read (ends.reader, end - 1, found, 5), ==, 1);
      g_assert_cmpuint (cfut_journal_read (ends.reader, end - size, found, 1), ==, 1);
      g_assert_cmphex (found[0], ==, byte_at (end - size));
    }
  g_assert_cmpuint (cfut_journal_read (ends.reader, end, found, CFUT_JOURNAL_ROOM), ==, 0);
  g_assert_cmpuint (cfut_journal_read (ends.reader, end + 1, found, CFUT_JOURNAL_ROOM), ==, 0);
  ends_clear (&ends);
}

/* What was not kept cuts off all before its end, and so does more than there is room for. */
static void
test_gaps (void)
{
  g_autofree guint8 *found = g_malloc (CFUT_JOURNAL_ROOM);
  guint64 end = 0, known;
  Ends ends;

  ends_init (&ends);
  append (&ends, &end, 100, 100);
  cfut_journal_skip (ends.writer, 1000000);
  end += 1000000;
  g_assert_cmpuint (cfut_journal_read (ends.reader, 50, found, CFUT_JOURNAL_ROOM), ==, 0);
  g_assert_cmpuint (cfut_journal_read (ends.reader, end - 1, found, CFUT_JOURNAL_ROOM), ==, 0);
  known = end;
  append (&ends, &end, 100, 100);
  g_assert_cmpuint (cfut_journal_read (ends.reader, known, found, CFUT_JOURNAL_ROOM), ==, 100);
  g_assert_cmphex (found[99], ==, byte_at (end - 1));

  append (&ends, &end, 4000, CFUT_JOURNAL_ROOM + 1);
  g_assert_cmpuint (cfut_journal_read (ends.reader, known, found, CFUT_JOURNAL_ROOM), ==, 0);
  ends_clear (&ends);
}

static void
test_entered (void)
{
  Ends ends;

  ends_init (&ends);
  g_assert_cmpuint (cfut_journal_get_entered (ends.reader), ==, 0);
  cfut_journal_set_entered (ends.writer, G_MAXUINT64 - 1);
  g_assert_cmpuint (cfut_journal_get_entered (ends.reader), ==, G_MAXUINT64 - 1);
  ends_clear (&ends);
}

/* Nothing else is taken for one, and the worker cannot make it smaller. */
static void
test_file (void)
{
  int other = memfd_create ("other", MFD_CLOEXEC);
  CfutJournal *journal;
  int fd = -1;

  g_assert_cmpint (ftruncate (other, 1 << 20), ==, 0);
  g_assert_null (cfut_journal_open (other));
  g_assert_null (cfut_journal_open (-1));
  close (other);

  journal = cfut_journal_new (&fd);
  g_assert_nonnull (journal);
  g_assert_cmpint (ftruncate (fd, 0), <, 0);
  close (fd);
  cfut_journal_unref (journal);
}

/* Whatever is in the file, nothing outside of it is read. */
static void
test_lies (void)
{
  g_autofree guint8 *found = g_malloc (CFUT_JOURNAL_ROOM);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  int fd = -1;
  CfutJournal *journal = cfut_journal_new (&fd);
  guint64 *words = mmap (NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  g_assert_true (words != MAP_FAILED);
  for (guint i = 0; i < 10000; i++)
    {
      guint64 known = g_rand_boolean (rand) ? g_rand_int (rand) : G_MAXUINT64 - g_rand_int (rand);

      for (guint j = 0; j < 8; j++)
        words[j] = known + g_rand_int_range (rand, -70000, 70000);
      g_assert_cmpuint (cfut_journal_read (journal, known, found, CFUT_JOURNAL_ROOM), <=,
                        CFUT_JOURNAL_ROOM);
    }
  munmap (words, 64);
  close (fd);
  cfut_journal_unref (journal);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/journal/ring", test_ring);
  g_test_add_func ("/cfut/journal/gaps", test_gaps);
  g_test_add_func ("/cfut/journal/entered", test_entered);
  g_test_add_func ("/cfut/journal/file", test_file);
  g_test_add_func ("/cfut/journal/lies", test_lies);

  return g_test_run ();
}
