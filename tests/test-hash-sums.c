/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The demo's texts: sums files, comparing with them, the progress line and the command line. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hash-compare.h"
#include "hash-format.h"
#include "hash-sums.h"
#include "terminal-bar.h"
#include "terminal-options.h"
#include "test-hash-util.h"

/* --- sums --- */

static void
assert_line (const char *path,
             const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);

  hash_sums_append_line (text, path, SUM_OF_ABC);
  g_assert_cmpstr (text->str, ==, expected);
}

/* As sha256sum of coreutils 9.1 writes them. */
static void
test_sums_lines (void)
{
  assert_line ("a", SUM_OF_ABC "  a\n");
  assert_line (" -x \xff", SUM_OF_ABC "   -x \xff\n");
  assert_line ("a\\b", "\\" SUM_OF_ABC "  a\\\\b\n");
  assert_line ("a\nb", "\\" SUM_OF_ABC "  a\\nb\n");
  assert_line ("a\rb", "\\" SUM_OF_ABC "  a\\rb\n");
  assert_line ("\\n\n", "\\" SUM_OF_ABC "  \\\\n\\n\n");
}

static void
assert_entry (HashSums   *sums,
              gsize       index,
              const char *path,
              const char *sum)
{
  g_assert_cmpuint (index, <, hash_sums_get_length (sums));
  g_assert_cmpstr (hash_sums_get_path (sums, index), ==, path);
  g_assert_cmpstr (hash_sums_get_sum (sums, index), ==, sum);
}

static void
test_sums_parse (void)
{
  static const char text[] =
    "# a comment\n"
    "\n"
    SUM_OF_ABC "  plain\n"
    SUM_OF_ABC " *binary\r\n"
    "\\" SUM_OF_ABC "  a\\nb\\\\c\\rd\n"
    "SHA256 (tagged) = x) = " SUM_OF_ABC "\n"
    "\\SHA256 (tag\\nged) = " SUM_OF_ABC "\n"
    "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD   capitals \n"
    SUM_OF_ABC "  no newline at the end";
  g_autoptr (HashSums) sums = NULL;
  GError *error = NULL;
  gsize n_bad;

  sums = hash_sums_parse (text, strlen (text), &n_bad, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_bad, ==, 0);
  g_assert_cmpint (hash_sums_get_algorithm (sums), ==, HASH_ALGORITHM_SHA256);
  g_assert_cmpuint (hash_sums_get_length (sums), ==, 7);
  assert_entry (sums, 0, "plain", SUM_OF_ABC);
  assert_entry (sums, 1, "binary", SUM_OF_ABC);
  assert_entry (sums, 2, "a\nb\\c\rd", SUM_OF_ABC);
  assert_entry (sums, 3, "tagged) = x", SUM_OF_ABC);
  assert_entry (sums, 4, "tag\nged", SUM_OF_ABC);
  assert_entry (sums, 5, " capitals ", SUM_OF_ABC);
  assert_entry (sums, 6, "no newline at the end", SUM_OF_ABC);
}

static void
test_sums_parse_bad_lines (void)
{
  static const char text[] =
    "nonsense\n"
    SUM_OF_ABC "  good\n"
    SUM_OF_ABC "  \n"
    SUM_OF_ABC " one space\n"
    SUM_OF_ABC "\n"
    SUM_OF_ABC "0  too long\n"
    "a9993e364706816aba3e25717850c26c9cd0d89d  another algorithm\n"
    "\\" SUM_OF_ABC "  wrong \\x escape\n"
    "\\" SUM_OF_ABC "  escape at the end\\\n"
    "SHA512 (x) = " SUM_OF_ABC "\n"
    "SHA256 (x) = " SUM_OF_ABC "0\n"
    "SHA256 () = " SUM_OF_ABC "\n"
    "SHA256 (\n"
    " (\n"
    ") = \n"
    "\\\n"
    "zzz\0zzz\n";
  g_autoptr (HashSums) sums = NULL;
  gsize n_bad;

  sums = hash_sums_parse (text, sizeof text - 1, &n_bad, NULL);
  g_assert_cmpuint (hash_sums_get_length (sums), ==, 1);
  assert_entry (sums, 0, "good", SUM_OF_ABC);
  g_assert_cmpuint (n_bad, ==, 16);
}

static void
test_sums_parse_nothing (void)
{
  static const char * const texts[] = { "", "\n\n", "# comment", "hello\n", "\\" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      GError *error = NULL;

      g_assert_null (hash_sums_parse (texts[i], strlen (texts[i]), NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
      g_clear_error (&error);
    }
}

/* Whatever the name, what is written is read back the same. */
static void
test_sums_round_trip (void)
{
  for (guint round = 0; round < 2000; round++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (GString) path = g_string_new (NULL);
      g_autoptr (HashSums) sums = NULL;
      guint length = g_test_rand_int_range (1, 12);

      for (guint i = 0; i < length; i++)
        {
          static const char letters[] = "\\\n\r *#()=-n/\xff\x80" "a";

          g_string_append_c (path, letters[g_test_rand_int_range (0, sizeof letters - 1)]);
        }

      hash_sums_append_line (text, path->str, SUM_OF_ABC);
      sums = hash_sums_parse (text->str, text->len, NULL, NULL);
      g_assert_nonnull (sums);
      g_assert_cmpuint (hash_sums_get_length (sums), ==, 1);
      assert_entry (sums, 0, strcmp (path->str, "-") == 0 ? "./-" : path->str, SUM_OF_ABC);
    }
}

static HashSums *
make_sums (void)
{
  HashSums *sums = hash_sums_new (HASH_ALGORITHM_SHA256);

  hash_sums_add (sums, "b", SUM_OF_ABC);
  hash_sums_add (sums, "\xff", SUM_OF_ABC);
  hash_sums_add (sums, "-", SUM_OF_ABC);
  hash_sums_add (sums, "B", SUM_OF_ABC);
  hash_sums_add (sums, "a\n", SUM_OF_ABC);

  return sums;
}

/* Bytewise, whatever the language; a file called "-" does not become standard input. */
#define SORTED_LINES \
  SUM_OF_ABC "  ./-\n" \
  SUM_OF_ABC "  B\n" \
  "\\" SUM_OF_ABC "  a\\n\n" \
  SUM_OF_ABC "  b\n" \
  SUM_OF_ABC "  \xff\n"

static void
test_sums_save (Fixture       *fixture,
                gconstpointer  unused)
{
  g_autofree char *fresh = in_folder (fixture, "new");
  g_autofree char *old = make_file (fixture, "old", "old text\n");
  g_autofree char *link = in_folder (fixture, "link");
  g_autoptr (HashSums) sums = make_sums ();
  GError *error = NULL;
  struct stat info;

  g_assert_true (hash_sums_save (sums, fresh, NULL, &error));
  g_assert_no_error (error);
  assert_file_contents (fresh, SORTED_LINES);

  /* What was there is replaced, keeps its mode, and stays what a link points to. */
  g_assert_cmpint (chmod (old, 0640), ==, 0);
  g_assert_cmpint (symlink ("old", link), ==, 0);
  g_assert_true (hash_sums_save (sums, link, NULL, &error));
  g_assert_no_error (error);
  assert_file_contents (old, SORTED_LINES);
  g_assert_cmpint (stat (old, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0640);
  g_assert_cmpint (lstat (link, &info), ==, 0);
  g_assert_true (S_ISLNK (info.st_mode));

  g_assert_cmpuint (count_entries (fixture->folder), ==, 3);
}

static void
test_sums_save_fails (Fixture       *fixture,
                      gconstpointer  unused)
{
  g_autofree char *old = make_file (fixture, "old", "old text\n");
  g_autofree char *nowhere = in_folder (fixture, "no/such/folder");
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (HashSums) sums = make_sums ();
  GError *error = NULL;

  g_cancellable_cancel (cancelled);
  g_assert_false (hash_sums_save (sums, old, cancelled, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  assert_file_contents (old, "old text\n");

  g_assert_false (hash_sums_save (sums, nowhere, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (hash_sums_check_target (nowhere, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_assert_false (hash_sums_save (sums, fixture->folder, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY);
  g_clear_error (&error);
  g_assert_false (hash_sums_check_target (fixture->folder, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY);
  g_clear_error (&error);

  /* A device without room. */
  g_assert_true (hash_sums_check_target ("/dev/full", &error));
  g_assert_false (hash_sums_save (sums, "/dev/full", NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_clear_error (&error);

  g_assert_true (hash_sums_check_target (old, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count_entries (fixture->folder), ==, 1);
}

static void
test_sums_load (Fixture       *fixture,
                gconstpointer  unused)
{
  g_autofree char *path = make_file (fixture, "sums", SORTED_LINES);
  g_autofree char *missing = in_folder (fixture, "missing");
  g_autoptr (HashSums) sums = NULL;
  GError *error = NULL;
  gsize n_bad;

  sums = hash_sums_load (path, &n_bad, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (hash_sums_get_length (sums), ==, 5);
  g_assert_cmpuint (n_bad, ==, 0);

  g_assert_null (hash_sums_load (missing, &n_bad, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
}

/* --- comparing --- */

#define OTHER_SUM SUM_OF_NOTHING

static void
test_compare (void)
{
  static const HashMatch matches[] = {
    HASH_MATCH_SAME, HASH_MATCH_DIFFERENT, HASH_MATCH_MISSING, HASH_MATCH_EXTRA
  };
  g_autoptr (HashSums) expected = hash_sums_new (HASH_ALGORITHM_SHA256);
  g_autoptr (HashSums) actual = hash_sums_new (HASH_ALGORITHM_SHA256);
  g_autoptr (HashComparison) comparison = NULL;
  g_autofree char *cwd = g_get_current_dir ();
  g_autofree char *absolute = g_build_filename (cwd, "a-same", NULL);

  hash_sums_add (expected, "d-missing", SUM_OF_ABC);
  hash_sums_add (expected, "c-different", SUM_OF_ABC);
  hash_sums_add (expected, "a-same", SUM_OF_ABC);
  hash_sums_add (expected, "./b-same", SUM_OF_ABC);
  hash_sums_add (actual, "e-extra", SUM_OF_ABC);
  hash_sums_add (actual, "b-same", SUM_OF_ABC);
  hash_sums_add (actual, absolute, SUM_OF_ABC);
  hash_sums_add (actual, ".//c-different", OTHER_SUM);

  comparison = hash_comparison_new (expected, NULL, actual, NULL);
  g_assert_nonnull (comparison);
  g_assert_cmpuint (hash_comparison_get_count (comparison, HASH_MATCH_SAME), ==, 2);
  g_assert_cmpuint (hash_comparison_get_count (comparison, HASH_MATCH_DIFFERENT), ==, 1);
  g_assert_cmpuint (hash_comparison_get_count (comparison, HASH_MATCH_MISSING), ==, 1);
  g_assert_cmpuint (hash_comparison_get_count (comparison, HASH_MATCH_EXTRA), ==, 1);
  g_assert_cmpuint (hash_comparison_get_length (comparison), ==, 5);

  for (guint i = 0; i < 4; i++)
    {
      const HashComparisonEntry *entry = hash_comparison_get_entry (comparison, i + 1);

      g_assert_cmpint (entry->match, ==, matches[i]);
      g_assert_cmpint (entry->expected == NULL, ==, entry->match == HASH_MATCH_EXTRA);
      g_assert_cmpint (entry->actual == NULL, ==, entry->match == HASH_MATCH_MISSING);
      g_assert_nonnull (hash_match_get_title (entry->match));
    }
}

/* Paths of a sums file start at its folder, and a line that stands there twice is decided twice. */
static void
test_compare_base_and_doubles (void)
{
  g_autoptr (HashSums) expected = hash_sums_new (HASH_ALGORITHM_SHA256);
  g_autoptr (HashSums) actual = hash_sums_new (HASH_ALGORITHM_SHA256);
  g_autoptr (HashComparison) comparison = NULL;

  hash_sums_add (expected, "a", SUM_OF_ABC);
  hash_sums_add (expected, "../base/a", OTHER_SUM);
  hash_sums_add (expected, "b", SUM_OF_ABC);
  hash_sums_add (actual, "/some/base/a", SUM_OF_ABC);
  hash_sums_add (actual, "/some/base/a", SUM_OF_ABC);
  hash_sums_add (actual, "/some/base/b", SUM_OF_ABC);

  comparison = hash_comparison_new (expected, "/some/base", actual, NULL);
  g_assert_cmpuint (hash_comparison_get_count (comparison, HASH_MATCH_SAME), ==, 2);
  g_assert_cmpuint (hash_comparison_get_count (comparison, HASH_MATCH_DIFFERENT), ==, 1);
  g_assert_cmpuint (hash_comparison_get_count (comparison, HASH_MATCH_MISSING), ==, 0);
  g_assert_cmpuint (hash_comparison_get_count (comparison, HASH_MATCH_EXTRA), ==, 0);
}

static void
test_compare_algorithms (void)
{
  g_autoptr (HashSums) expected = hash_sums_new (HASH_ALGORITHM_SHA256);
  g_autoptr (HashSums) actual = hash_sums_new (HASH_ALGORITHM_MD5);
  GError *error = NULL;

  g_assert_null (hash_comparison_new (expected, NULL, actual, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
}

/* --- figures and the progress line --- */

static void
test_format (void)
{
  g_autofree char *seconds = hash_format_duration (7 * G_USEC_PER_SEC);
  g_autofree char *hours = hash_format_duration (G_GINT64_CONSTANT (3723499999));
  g_autofree char *negative = hash_format_duration (-1);
  g_autofree char *count = hash_format_count (G_MAXUINT64);

  g_assert_cmpstr (seconds, ==, "0:07");
  g_assert_cmpstr (hours, ==, "1:02:03");
  g_assert_cmpstr (negative, ==, "0:00");
  g_assert_cmpstr (count, ==, "18446744073709551615");
}

static void
test_bar_full_line (void)
{
  const TerminalBarState state = { FALSE, 0.425, 12, 3, 40, 1.2e9, 12 * G_USEC_PER_SEC };
  g_autofree char *line = terminal_bar_layout (&state, 80, FALSE);
  g_autofree char *blocks = terminal_bar_layout (&state, 80, TRUE);

  g_assert_true (g_str_has_prefix (line, "[####"));
  g_assert_nonnull (strstr (line, "-]   42 %  12 of 40 files  3 failed  1.2"));
  g_assert_true (g_str_has_suffix (line, "0:12 left"));
  g_assert_nonnull (strstr (blocks, "\xe2\x96\x88"));
  g_assert_null (strstr (blocks, "#"));
}

/* At no width is the last column filled, and more room never shows less. */
static void
test_bar_widths (void)
{
  const TerminalBarState states[] = {
    { FALSE, 0.999999, 999999, 17, 1000000, 1.2e9, G_GINT64_CONSTANT (3600000000) },
    { TRUE, 0.5, 10, 0, 1000, 0, -1 },
    { FALSE, 0, 0, 0, 0, 0, -1 },
    { FALSE, 1, 1, 0, 1, 1, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    {
      glong previous = 0;

      for (guint columns = 0; columns < 300; columns++)
        {
          g_autofree char *line = terminal_bar_layout (&states[i], columns, columns % 2);
          glong length = g_utf8_strlen (line, -1);

          g_assert_cmpint (length, <=, columns > 0 ? columns - 1 : 0);
          g_assert_cmpint (length, >=, columns < 60 ? 0 : previous);
          g_assert_cmpint (strstr (line, "100 %") != NULL, ==,
                           states[i].fraction == 1 && columns > 5);
          previous = length;
        }
    }
}

/* --- the command line --- */

static gboolean
parse (TerminalOptions  *options,
       GError          **error,
       ...)
{
  const char *argv[16] = { "program", NULL, };
  va_list args;
  guint n = 1;

  va_start (args, error);
  while ((argv[n] = va_arg (args, const char *)) != NULL)
    n++;
  va_end (args);

  return terminal_options_parse (options, argv, error);
}

static void
test_options_good (void)
{
  TerminalOptions options;
  GError *error = NULL;

  g_assert_true (parse (&options, &error, NULL));
  g_assert_cmpint (options.algorithm, ==, HASH_ALGORITHM_SHA256);
  g_assert_false (options.algorithm_given);
  g_assert_cmpuint (options.workers, ==, 0);
  g_assert_null (options.output);
  g_assert_null (options.paths[0]);
  terminal_options_clear (&options);

  g_assert_true (parse (&options, &error, "--algorithm", "SHA-512", "--workers=3", "a\xff",
                        "--output", "o\xff", "--terminal", "--", "-b", NULL));
  g_assert_no_error (error);
  g_assert_cmpint (options.algorithm, ==, HASH_ALGORITHM_SHA512);
  g_assert_true (options.algorithm_given);
  g_assert_cmpuint (options.workers, ==, 3);
  g_assert_cmpstr (options.output, ==, "o\xff");
  g_assert_cmpstr (options.paths[0], ==, "a\xff");
  g_assert_cmpstr (options.paths[1], ==, "-b");
  g_assert_null (options.paths[2]);
  terminal_options_clear (&options);
}

/* Each message has in it what was wrong. */
static void
test_options_bad (void)
{
  static const struct {
    const char *arguments[2];
    const char *told;
  } bad[] = {
    { { "--workers", "0" }, "“0”" },
    { { "--workers", "-1" }, "“-1”" },
    { { "--workers", "two" }, "“two”" },
    { { "--workers", "1025" }, "1024" },
    { { "--workers", "" }, "1024" },
    { { "--workers", "99999999999999999999" }, "1024" },
    { { "--algorithm", "sha3" }, "sha256, sha512, sha1, md5" },
    { { "--algorithm", "" }, "sha256, sha512, sha1, md5" },
    { { "--wrong", "x" }, "--wrong" },
    { { "--check=a", "--output=b" }, "--check" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      TerminalOptions options;
      g_autoptr (GError) error = NULL;

      g_assert_false (parse (&options, &error, bad[i].arguments[0], bad[i].arguments[1], NULL));
      g_assert_nonnull (error);
      g_assert_nonnull (strstr (error->message, bad[i].told));
      terminal_options_clear (&options);
    }
}

int
main (int    argc,
      char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/demo/sums/lines-as-sha256sum-writes-them", test_sums_lines);
  g_test_add_func ("/demo/sums/reads-all-forms", test_sums_parse);
  g_test_add_func ("/demo/sums/counts-bad-lines", test_sums_parse_bad_lines);
  g_test_add_func ("/demo/sums/text-without-sums-is-an-error", test_sums_parse_nothing);
  g_test_add_func ("/demo/sums/any-name-there-and-back", test_sums_round_trip);
  ADD_TEST ("/demo/sums/saved-whole-and-sorted", test_sums_save);
  ADD_TEST ("/demo/sums/failed-save-leaves-the-old", test_sums_save_fails);
  ADD_TEST ("/demo/sums/loads", test_sums_load);
  g_test_add_func ("/demo/compare/same-different-missing-extra", test_compare);
  g_test_add_func ("/demo/compare/base-and-doubles", test_compare_base_and_doubles);
  g_test_add_func ("/demo/compare/other-algorithm-is-an-error", test_compare_algorithms);
  g_test_add_func ("/demo/format/figures", test_format);
  g_test_add_func ("/demo/bar/full-line", test_bar_full_line);
  g_test_add_func ("/demo/bar/fits-every-width", test_bar_widths);
  g_test_add_func ("/demo/options/good", test_options_good);
  g_test_add_func ("/demo/options/bad-values-are-named", test_options_bad);

  return g_test_run ();
}
