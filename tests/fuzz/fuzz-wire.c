/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Any bytes at all to the decoder of frames. What it takes for a frame must be one to the letter, all
 * of it and no less; what it refuses it must refuse with an error.
 *
 * tests/fuzz/run builds it with libFuzzer. With CFUT_FUZZ_REPLAY it is a program that goes through
 * the files of the folders it is given. */

#include <gio/gio.h>
#include <stdint.h>

#include "../test-wire-util.h"

/* So small that bodies over it can be had. */
#define MAX_BODY ((gsize) 64 * 1024)

int LLVMFuzzerTestOneInput (const uint8_t *data,
                            size_t         size);

static CfutWireAnswer
decode (const guint8  *data,
        gsize          size,
        CfutWireSide   from,
        CfutWireFrame *frame,
        gsize         *consumed,
        guint8       **copy)
{
  g_autoptr (GError) error = NULL;
  CfutWireAnswer answer;

  /* Just as long, so that a read behind it is found; aligned, as it must be. */
  *copy = g_memdup2 (data, size);
  answer = cfut_wire_decode (*copy, size, from, MAX_BODY, frame, consumed, &error);
  g_assert_true ((answer == CFUT_WIRE_BAD) == (error != NULL));
  if (error != NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);

  return answer;
}

/* One frame, and what is true of it. */
static gboolean
check_one (const guint8 *data,
           gsize         size,
           CfutWireSide  from,
           gsize        *consumed)
{
  g_autofree guint8 *copy = NULL;
  g_autofree guint8 *exact_copy = NULL;
  g_autofree guint8 *short_copy = NULL;
  CfutWireFrame frame, again;
  gsize again_consumed;

  if (decode (data, size, from, &frame, consumed, &copy) != CFUT_WIRE_FRAME)
    return FALSE;

  g_assert_cmpuint (*consumed, <=, size);
  g_assert_cmpuint (*consumed, >=, CFUT_WIRE_HEADER_SIZE);
  g_assert_cmpuint (*consumed, ==, cfut_wire_peek_size (data, size));
  test_wire_assert_encodes_again (&frame, data, *consumed);

  g_assert_cmpint (decode (data, *consumed, from, &again, &again_consumed, &exact_copy), ==,
                   CFUT_WIRE_FRAME);
  g_assert_cmpuint (again_consumed, ==, *consumed);
  g_assert_cmpint (decode (data, *consumed - 1, from, &again, &again_consumed, &short_copy), ==,
                   CFUT_WIRE_MORE);

  return TRUE;
}

/* The first byte says from which side the others come. */
int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  CfutWireSide from;

  if (size == 0)
    return 0;

  from = data[0] & 1 ? CFUT_WIRE_WORKER : CFUT_WIRE_APPLICATION;
  data++;
  size--;
  while (size > 0)
    {
      gsize consumed;

      if (!check_one (data, size, from, &consumed))
        break;
      data += consumed;
      size -= consumed;
    }

  return 0;
}

#ifdef CFUT_FUZZ_REPLAY
int
main (int   argc,
      char *argv[])
{
  guint n = 0;

  for (int i = 1; i < argc; i++)
    {
      g_autoptr (GDir) dir = g_dir_open (argv[i], 0, NULL);
      const char *name;

      g_assert_nonnull (dir);
      while ((name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *path = g_build_filename (argv[i], name, NULL);
          g_autofree char *contents = NULL;
          gsize size;

          g_assert_true (g_file_get_contents (path, &contents, &size, NULL));
          LLVMFuzzerTestOneInput ((const uint8_t *) contents, size);
          n++;
        }
    }

  g_print ("%u inputs\n", n);
  return n > 0 ? 0 : 1;
}
#endif
