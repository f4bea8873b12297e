/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What is made of a command's output: lines, and what is kept of it. */

#include <string.h>

#include "process/cfut-keep-private.h"
#include "process/cfut-lines-private.h"
#include "test-util.h"

static void
collect (char     *line,
         gpointer  lines)
{
  g_assert_true (g_utf8_validate (line, -1, NULL));
  g_ptr_array_add (lines, line);
}

/* In pieces of random sizes up to @most, or in one. */
static char *
cut (const char *bytes,
     gsize       size,
     GRand      *rand,
     guint       most)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  CfutLines self = { NULL, FALSE };

  for (gsize i = 0; i < size;)
    {
      gsize n = rand != NULL ? (gsize) g_rand_int_range (rand, 1, most + 1) : size;

      n = MIN (n, size - i);
      cfut_lines_add (&self, bytes + i, n, collect, lines);
      g_assert_true (self.begun == NULL || self.begun->len <= CFUT_LINES_MAX);
      i += n;
    }
  cfut_lines_end (&self, collect, lines);
  g_assert_null (self.begun);
  g_ptr_array_add (lines, NULL);

  return g_strjoinv ("|", (char **) lines->pdata);
}

static void
assert_cut (const char *text,
            const char *expected)
{
  g_autofree char *lines = cut (text, strlen (text), NULL, 0);

  g_assert_cmpstr (lines, ==, expected);
}

/* A line ends with a line feed, a carriage return, or both. */
static void
test_lines_ends (void)
{
  assert_cut ("", "");
  assert_cut ("a", "a");
  assert_cut ("a\n", "a");
  assert_cut ("a\nb", "a|b");
  assert_cut ("a\r\nb\r\n", "a|b");
  assert_cut ("a\rb\r\r\n\nc", "a|b|||c");
  assert_cut ("\n\n", "|");
  assert_cut ("a\n\rb", "a||b");
}

/* How the bytes come makes no difference. */
static void
test_lines_in_pieces (void)
{
  static const char alphabet[] = "ab\n\n\r\r\303\274\342\202\254\360\237\230\200\377\0";
  GRand *rand = g_rand_new_with_seed (test_seed ());
  char bytes[400];

  for (guint round = 0; round < 2000; round++)
    {
      gsize size = (gsize) g_rand_int_range (rand, 0, sizeof bytes);
      g_autofree char *whole = NULL, *in_pieces = NULL;

      for (gsize i = 0; i < size; i++)
        bytes[i] = alphabet[g_rand_int_range (rand, 0, sizeof alphabet)];
      whole = cut (bytes, size, NULL, 0);
      in_pieces = cut (bytes, size, rand, round % 2 == 0 ? 3 : 40);
      g_assert_cmpstr (in_pieces, ==, whole);
    }

  g_rand_free (rand);
}

/* A line that is too long comes in pieces, with no character torn. */
static void
test_lines_too_long (void)
{
  GRand *rand = g_rand_new_with_seed (test_seed ());

  for (guint lead = 0; lead < 5; lead++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autofree char *whole = NULL, *in_pieces = NULL;

      for (guint i = 0; i < lead; i++)
        g_string_append_c (text, 'x');
      while (text->len < 3 * CFUT_LINES_MAX)
        g_string_append (text, "\360\237\230\200\342\202\254");
      whole = cut (text->str, text->len, NULL, 0);
      in_pieces = cut (text->str, text->len, rand, 5000);
      g_assert_cmpstr (in_pieces, ==, whole);
      g_assert_null (strstr (whole, "\357\277\275"));
      g_assert_nonnull (strchr (whole, '|'));
      g_assert_cmpuint (strchr (whole, '|') - whole, <=, CFUT_LINES_MAX);
      g_assert_cmpuint (strchr (whole, '|') - whole, >, CFUT_LINES_MAX - 4);
    }

  /* One of exactly that length is one line. */
  {
    g_autofree char *text = g_strnfill (CFUT_LINES_MAX + 1, 'x');

    text[CFUT_LINES_MAX] = '\n';
    {
      g_autofree char *line = cut (text, CFUT_LINES_MAX + 1, NULL, 0);

      g_assert_cmpuint (strlen (line), ==, CFUT_LINES_MAX);
    }
  }

  g_rand_free (rand);
}

/* What waits is taken in order, and of too much the oldest go. */
static void
test_lines_wait (void)
{
  CfutLineQueue queue = { NULL, NULL, 0 };
  guint n_dropped = 0;
  CfutLine *line;
  guint next;

  g_assert_null (cfut_line_queue_pop (&queue));
  for (guint i = 0; i < 300; i++)
    {
      char *text = g_strnfill (CFUT_LINES_MAX, 'x');
      CfutLine *dropped;

      g_snprintf (text, 10, "%9u", i);
      text[9] = 'x';
      dropped = cfut_line_queue_add (&queue, cfut_line_new (text, i % 2));
      for (line = dropped; line != NULL; line = line->next)
        g_assert_cmpuint (g_ascii_strtoull (line->text, NULL, 10), ==, n_dropped++);
      cfut_lines_free (dropped);
      g_assert_cmpuint (queue.size, <=, CFUT_LINE_QUEUE_MAX);
    }
  g_assert_cmpuint (n_dropped, >, 200);
  for (next = n_dropped; (line = cfut_line_queue_pop (&queue)) != NULL; next++)
    {
      g_assert_cmpuint (g_ascii_strtoull (line->text, NULL, 10), ==, next);
      g_assert_cmpint (line->stream, ==, next % 2);
      cfut_lines_free (line);
    }
  g_assert_cmpuint (next, ==, 300);
  g_assert_cmpuint (queue.size, ==, 0);
}

/* The first or the last bytes of any stream, against all of it. */
static void
test_keep (void)
{
  GRand *rand = g_rand_new_with_seed (test_seed ());

  for (guint round = 0; round < 3000; round++)
    {
      g_autoptr (GByteArray) all = g_byte_array_new ();
      g_autoptr (GBytes) kept = NULL;
      gsize max = (gsize) g_rand_int_range (rand, 0, 200);
      gsize less = round % 3 == 0 ? max / 2 : max;
      gboolean last = round % 2;
      CfutKeep self = { .max = round % 50 == 0 ? G_MAXSSIZE : max, .last = last };
      gsize wanted;

      for (guint n = (guint) g_rand_int_range (rand, 0, 40); n > 0; n--)
        {
          guint8 piece[300];
          gsize size = (gsize) g_rand_int_range (rand, 1, n % 7 == 0 ? sizeof piece : 20);

          for (gsize i = 0; i < size; i++)
            piece[i] = (guint8) g_rand_int (rand);
          g_byte_array_append (all, piece, size);
          cfut_keep_add (&self, (const char *) piece, size);
          if (self.max != G_MAXSSIZE)
            g_assert_cmpuint (self.size, <=, last ? 2 * max : max);
        }

      /* Of the beginning, what is held is what is given. */
      if (self.max == G_MAXSSIZE)
        less = G_MAXSSIZE;
      kept = cfut_keep_steal (&self, last ? less : G_MAXSSIZE);
      wanted = MIN (all->len, last ? less : self.max);
      g_assert_cmpmem (g_bytes_get_data (kept, NULL), g_bytes_get_size (kept),
                       all->data + (last ? all->len - wanted : 0), wanted);
      g_assert_true (self.truncated == (wanted < all->len));
      g_free (self.bytes);
    }

  g_rand_free (rand);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/lines/end-in-three-ways", test_lines_ends);
  g_test_add_func ("/cfut/lines/come-in-pieces", test_lines_in_pieces);
  g_test_add_func ("/cfut/lines/are-too-long", test_lines_too_long);
  g_test_add_func ("/cfut/lines/wait", test_lines_wait);
  g_test_add_func ("/cfut/keep/first-or-last", test_keep);

  return g_test_run ();
}
