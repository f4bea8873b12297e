/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What came in a file that nobody can write to goes on in that file: it is what it was, whoever drops it
 * first and whatever else is sent meanwhile, and nothing is left of it. */

#include "test-channel-util.h"

#include <stdio.h>

#define SIZE (CFUT_PAYLOAD_THRESHOLD + 12345)
#define N_HOLDERS 4
#define N_MANY 40

/* Which file it is that is mapped there. */
static guint64
get_file (GVariant *value)
{
  g_autofree char *maps = NULL;
  g_autofree char *begin = g_strdup_printf ("%08" G_GINT64_MODIFIER "x-",
                                            (guint64) (gsize) g_variant_get_data (value));
  g_auto (GStrv) lines = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], begin))
      {
        guint64 file;

        g_assert_cmpint (sscanf (lines[i], "%*s %*s %*s %*s %" G_GINT64_MODIFIER "u", &file), ==, 1);
        return file;
      }

  g_assert_not_reached ();
}

/* From the application to a worker, back, to another, and back: one file. Each of the four drops its own
 * in every order, while other bytes go both ways, and those that are left are what they were. */
static void
test_every_order (void)
{
  guint n_fds = test_count_fds ();

  for (guint order = 0; order < N_HOLDERS * N_HOLDERS * N_HOLDERS * N_HOLDERS; order++)
    {
      guint drops[N_HOLDERS] = { order % 4, order / 4 % 4, order / 16 % 4, order / 64 };
      GVariant *held[N_HOLDERS];
      TestPair first, second;

      if ((1u << drops[0] | 1u << drops[1] | 1u << drops[2] | 1u << drops[3]) != 15)
        continue;

      test_pair_init (&first, FALSE);
      test_pair_init (&second, FALSE);
      held[0] = test_pass_down (&first, test_new_bytes (SIZE, order));
      held[1] = test_pass_up (&first, held[0]);
      held[2] = test_pass_down (&second, held[1]);
      held[3] = test_pass_up (&second, held[2]);
      for (guint i = 1; i < N_HOLDERS; i++)
        g_assert_cmpuint (get_file (held[i]), ==, get_file (held[0]));

      for (guint n = 0; n < N_HOLDERS; n++)
        {
          g_clear_pointer (&held[drops[n]], g_variant_unref);
          for (guint up = 0; up < 2; up++)
            {
              g_autoptr (GVariant) one = test_pass (&first, up, test_new_bytes (SIZE, order + n + 1));
              g_autoptr (GVariant) other = test_pass (&second, up, test_new_bytes (SIZE, order + n + 2));

              test_assert_bytes (one, SIZE, order + n + 1);
              test_assert_bytes (other, SIZE, order + n + 2);
            }
          for (guint i = 0; i < N_HOLDERS; i++)
            if (held[i] != NULL)
              test_assert_bytes (held[i], SIZE, order);
        }
      test_pair_clear (&first);
      test_pair_clear (&second);
      g_assert_cmpuint (test_count_mappings (), ==, 0);
      g_assert_cmpuint (test_count_fds (), ==, n_fds);
    }
}

/* Memory that is written again is not passed on: it is copied, and the copy stays what it is. */
static void
test_recycled_is_copied (void)
{
  TestPair first, second;

  test_pair_init (&first, FALSE);
  test_pair_init (&second, FALSE);
  g_variant_unref (test_pass_down (&first, test_new_bytes (SIZE, 0)));
  for (guint i = 1; i < 6; i++)
    {
      g_autoptr (GVariant) recycled = test_pass_down (&first, test_new_bytes (SIZE, i));
      g_autoptr (GVariant) passed = test_pass_down (&second, recycled);
      g_autoptr (GVariant) next = NULL;

      g_assert_cmpuint (get_file (passed), !=, get_file (recycled));
      g_clear_pointer (&recycled, g_variant_unref);
      /* By this it is known that those are gone. */
      g_variant_unref (test_pass_up (&first, g_variant_new_byte (0)));
      next = test_pass_down (&first, test_new_bytes (SIZE, i + 100));
      test_assert_bytes (passed, SIZE, i);
      test_assert_bytes (next, SIZE, i + 100);
    }
  test_pair_clear (&first);
  test_pair_clear (&second);
  g_assert_cmpuint (test_count_mappings (), ==, 0);
}

/* A part of them is not all of them. */
static void
test_part (void)
{
  g_autoptr (GVariant) whole = NULL;
  g_autoptr (GVariant) part = NULL;
  g_autoptr (GVariant) got = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GBytes) some = NULL;
  TestPair pair;

  test_pair_init (&pair, FALSE);
  whole = test_pass_down (&pair, test_new_bytes (SIZE, 3));
  bytes = g_variant_get_data_as_bytes (whole);
  some = g_bytes_new_from_bytes (bytes, 0, CFUT_PAYLOAD_THRESHOLD);
  part = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, some, TRUE));
  got = test_pass_up (&pair, part);
  test_assert_bytes (got, CFUT_PAYLOAD_THRESHOLD, 3);
  g_assert_cmpuint (get_file (got), !=, get_file (whole));
  test_pair_clear (&pair);
}

/* With many at once most are copied, so that few descriptors are open for it, and all are well. */
static void
test_many (void)
{
  guint n_fds = test_count_fds ();
  GVariant *held[N_MANY];

  for (guint i = 0; i < N_MANY; i++)
    {
      TestPair pair;

      test_pair_init (&pair, FALSE);
      held[i] = test_pass_down (&pair, test_new_bytes (SIZE, i));
      test_pair_clear (&pair);
    }
  g_assert_cmpuint (test_count_fds () - n_fds, ==, 16);

  for (guint i = 0; i < N_MANY; i++)
    {
      g_autoptr (GVariant) got = NULL;
      TestPair pair;

      test_pair_init (&pair, FALSE);
      got = test_pass_up (&pair, held[i]);
      test_assert_bytes (got, SIZE, i);
      test_pair_clear (&pair);
      g_variant_unref (held[i]);
    }
  g_assert_cmpuint (test_count_fds (), ==, n_fds);
  g_assert_cmpuint (test_count_mappings (), ==, 0);
}

/* Lets what comes first go on, and drops it, while others do the same. */
static gpointer
pass_on (gpointer data)
{
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (GVariant) sent = NULL;
      g_autoptr (GVariant) got = NULL;
      TestPair pair;

      test_pair_init (&pair, FALSE);
      sent = test_pass_down (&pair, test_new_bytes (SIZE, GPOINTER_TO_UINT (data) + i));
      got = test_pass_up (&pair, sent);
      g_clear_pointer (&sent, g_variant_unref);
      test_assert_bytes (got, SIZE, GPOINTER_TO_UINT (data) + i);
      test_pair_clear (&pair);
    }

  return NULL;
}

static void
test_threads (void)
{
  guint n_fds = test_count_fds ();
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("passer", pass_on, GUINT_TO_POINTER (i * 50));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (test_count_fds (), ==, n_fds);
  g_assert_cmpuint (test_count_mappings (), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_start_io ();

  g_test_add_func ("/cfut/sealed/every-order", test_every_order);
  g_test_add_func ("/cfut/sealed/recycled-is-copied", test_recycled_is_copied);
  g_test_add_func ("/cfut/sealed/part", test_part);
  g_test_add_func ("/cfut/sealed/many", test_many);
  g_test_add_func ("/cfut/sealed/threads", test_threads);

  return g_test_run ();
}
