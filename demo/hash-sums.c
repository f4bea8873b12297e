/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The table of sums, and the text form of one: what sha256sum and its kin write and check.
 *
 * A line is the sum in hexadecimal digits, two spaces (or a space and an asterisk, which means the
 * same here), and the path in raw bytes. A path with a backslash, a newline or a carriage return in
 * it has these escaped, and then a backslash stands before the sum. The --tag form is read as well:
 * "SHA256 (path) = sum". A file that is called "-" is written "./-", as a lone "-" means the
 * standard input to the reader.
 *
 * Paths and sums of a million files are two million strings, so they stand in one arena.
 *
 * Threads: one at a time; the count is atomic so that a table may be handed on.
 * Not here: reading and writing files (hash-sums-file).
 */

#include "hash-sums.h"

#include <glib/gi18n.h>
#include <string.h>

typedef struct {
  const char *path;
  const char *sum;
} SumsEntry;

struct _HashSums {
  gatomicrefcount ref_count;
  HashAlgorithm algorithm;
  GArray *entries;  /* of SumsEntry */
  GStringChunk *strings;
};

HashSums *
hash_sums_new (HashAlgorithm algorithm)
{
  HashSums *self = g_new0 (HashSums, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->algorithm = algorithm;
  self->entries = g_array_new (FALSE, FALSE, sizeof (SumsEntry));
  self->strings = g_string_chunk_new (64 * 1024);

  return self;
}

HashSums *
hash_sums_ref (HashSums *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
hash_sums_unref (HashSums *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_array_unref (self->entries);
  g_string_chunk_free (self->strings);
  g_free (self);
}

HashSums *
hash_sums_new_from_run (HashRun *run)
{
  HashSums *self = hash_sums_new (hash_run_get_algorithm (run));
  GListModel *files = G_LIST_MODEL (hash_run_get_group (run));
  guint n_files = g_list_model_get_n_items (files);

  for (guint i = 0; i < n_files; i++)
    {
      g_autoptr (CfutFuture) future = g_list_model_get_item (files, i);
      const char *sum = hash_future_get_sum (future);

      if (sum != NULL)
        {
          g_autofree char *path = hash_file_dup_path (hash_file_from_future (future));

          hash_sums_add (self, path, sum);
        }
    }

  return self;
}

void
hash_sums_add (HashSums   *self,
               const char *path,
               const char *sum)
{
  SumsEntry entry;

  entry.path = g_string_chunk_insert (self->strings, path);
  entry.sum = g_string_chunk_insert (self->strings, sum);
  g_array_append_val (self->entries, entry);
}

static int
compare_entries (gconstpointer a,
                 gconstpointer b)
{
  const SumsEntry *entry_a = a;
  const SumsEntry *entry_b = b;

  return strcmp (entry_a->path, entry_b->path);
}

void
hash_sums_sort (HashSums *self)
{
  g_array_sort (self->entries, compare_entries);
}

HashAlgorithm
hash_sums_get_algorithm (HashSums *self)
{
  return self->algorithm;
}

gsize
hash_sums_get_length (HashSums *self)
{
  return self->entries->len;
}

const char *
hash_sums_get_path (HashSums *self,
                    gsize     index)
{
  return g_array_index (self->entries, SumsEntry, index).path;
}

const char *
hash_sums_get_sum (HashSums *self,
                   gsize     index)
{
  return g_array_index (self->entries, SumsEntry, index).sum;
}

void
hash_sums_append_line (GString    *text,
                       const char *path,
                       const char *sum)
{
  if (strcmp (path, "-") == 0)
    path = "./-";

  if (strpbrk (path, "\\\n\r") == NULL)
    {
      g_string_append (text, sum);
      g_string_append (text, "  ");
      g_string_append (text, path);
      g_string_append_c (text, '\n');
      return;
    }

  g_string_append_c (text, '\\');
  g_string_append (text, sum);
  g_string_append (text, "  ");

  for (const char *p = path; *p != '\0'; p++)
    {
      switch (*p)
        {
        case '\\':
          g_string_append (text, "\\\\");
          break;
        case '\n':
          g_string_append (text, "\\n");
          break;
        case '\r':
          g_string_append (text, "\\r");
          break;
        default:
          g_string_append_c (text, *p);
        }
    }

  g_string_append_c (text, '\n');
}

/* NULL: an escape that nobody writes. */
static char *
unescape (const char *name)
{
  GString *path = g_string_new (NULL);

  for (const char *p = name; *p != '\0'; p++)
    {
      if (*p != '\\')
        {
          g_string_append_c (path, *p);
          continue;
        }

      p++;

      if (*p == '\\')
        g_string_append_c (path, '\\');
      else if (*p == 'n')
        g_string_append_c (path, '\n');
      else if (*p == 'r')
        g_string_append_c (path, '\r');
      else
        {
          g_string_free (path, TRUE);
          return NULL;
        }
    }

  return g_string_free (path, FALSE);
}

static gsize
count_hex_digits (const char *text)
{
  gsize n = 0;

  while (g_ascii_isxdigit (text[n]))
    n++;

  return n;
}

/* "SUM  NAME" or "SUM *NAME". The pointers go into @line, which is written to. */
static gboolean
split_plain (char           *line,
             HashAlgorithm  *algorithm,
             char          **name,
             char          **sum)
{
  gsize length = count_hex_digits (line);

  if (!hash_algorithm_from_hex_length (length, algorithm) ||
      line[length] != ' ' || (line[length + 1] != ' ' && line[length + 1] != '*'))
    return FALSE;

  line[length] = '\0';
  *sum = line;
  *name = line + length + 2;

  return TRUE;
}

/* "SHA256 (NAME) = SUM". The name may have ") = " in it, the sum cannot. */
static gboolean
split_tagged (char           *line,
              HashAlgorithm  *algorithm,
              char          **name,
              char          **sum)
{
  char *opening = strstr (line, " (");
  char *closing = g_strrstr (line, ") = ");

  if (opening == NULL || closing == NULL || closing < opening + 2)
    return FALSE;

  *opening = '\0';
  *closing = '\0';
  *name = opening + 2;
  *sum = closing + 4;

  return hash_algorithm_from_string (line, algorithm) &&
         count_hex_digits (*sum) == hash_algorithm_get_hex_length (*algorithm) &&
         (*sum)[hash_algorithm_get_hex_length (*algorithm)] == '\0';
}

static gboolean
parse_line (HashSums **self,
            char      *line)
{
  gboolean escaped = line[0] == '\\';
  HashAlgorithm algorithm;
  g_autofree char *path = NULL;
  g_autofree char *lower = NULL;
  char *name, *sum;

  line += escaped;

  if (!split_plain (line, &algorithm, &name, &sum) && !split_tagged (line, &algorithm, &name, &sum))
    return FALSE;

  path = escaped ? unescape (name) : g_strdup (name);
  if (path == NULL || path[0] == '\0')
    return FALSE;

  if (*self == NULL)
    *self = hash_sums_new (algorithm);
  else if ((*self)->algorithm != algorithm)
    return FALSE;

  lower = g_ascii_strdown (sum, -1);
  hash_sums_add (*self, path, lower);

  return TRUE;
}

HashSums *
hash_sums_parse (const char  *text,
                 gsize        length,
                 gsize       *n_bad_lines,
                 GError     **error)
{
  const char *end = text + length;
  HashSums *self = NULL;
  gsize n_bad = 0;

  for (const char *p = text, *next; p < end; p = next)
    {
      const char *newline = memchr (p, '\n', end - p);
      gsize line_length = (newline != NULL ? newline : end) - p;
      g_autofree char *line = NULL;

      next = newline != NULL ? newline + 1 : end;

      if (line_length > 0 && p[line_length - 1] == '\r')
        line_length--;

      if (line_length == 0 || p[0] == '#')
        continue;

      line = g_strndup (p, line_length);

      if (strlen (line) != line_length || !parse_line (&self, line))
        n_bad++;
    }

  if (n_bad_lines != NULL)
    *n_bad_lines = n_bad;

  if (self == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                         _("There is no line with a sum in this file"));

  return self;
}
