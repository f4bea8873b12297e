/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Bytes in any pieces to lines, and lines that wait.
 *
 * A line ends with a line feed, a carriage return, or both in this order: programs draw their bars
 * with carriage returns alone.
 *
 * Threads: one at a time.
 * Locks: none.
 * Owns: the line that has begun, and those that wait.
 * Invariants:
 * 1. What comes out depends on the bytes alone, not on the pieces they came in.
 * 2. No more than CFUT_LINES_MAX bytes are held.
 * 3. A line is cut between characters where it is UTF-8.
 * 4. No more than CFUT_LINE_QUEUE_MAX bytes of lines wait.
 * Not here: who is told (cfut-command-run.c). */

#include <string.h>

#include "process/cfut-lines-private.h"

static void
give (const char    *bytes,
      gsize          size,
      CfutLinesFunc  func,
      gpointer       data)
{
  func (g_utf8_make_valid (bytes, size), data);
}

/* How much of so many bytes is cut off, so that no character is torn. */
static gsize
size_of_piece (const char *bytes,
               gsize       size)
{
  gsize n = size;

  for (int i = 0; i < 4 && n > 0; i++)
    {
      guchar byte = (guchar) bytes[--n];

      if ((byte & 0xc0) == 0x80)
        continue;
      if (byte >= 0xc0 && n > 0 &&
          g_utf8_get_char_validated (bytes + n, size - n) == (gunichar) -2)
        return n;
      break;
    }

  return size;
}

static void
lines_add_part (CfutLines     *self,
                const char    *bytes,
                gsize          size,
                CfutLinesFunc  func,
                gpointer       data)
{
  while (size > 0)
    {
      gsize room = CFUT_LINES_MAX - self->begun->len;
      gsize n = MIN (room, size);

      g_string_append_len (self->begun, bytes, n);
      bytes += n;
      size -= n;
      /* Only when it is known that there is more than fits. */
      if (self->begun->len == CFUT_LINES_MAX && size > 0)
        {
          gsize piece = size_of_piece (self->begun->str, self->begun->len);

          give (self->begun->str, piece, func, data);
          g_string_erase (self->begun, 0, piece);
        }
    }
}

void
cfut_lines_add (CfutLines     *self,
                const char    *bytes,
                gsize          size,
                CfutLinesFunc  func,
                gpointer       data)
{
  const char *end = bytes + size;

  if (self->begun == NULL)
    self->begun = g_string_new (NULL);

  while (bytes < end)
    {
      const char *p = bytes;

      if (self->after_cr && *p == '\n')
        {
          self->after_cr = FALSE;
          bytes++;
          continue;
        }
      self->after_cr = FALSE;

      while (p < end && *p != '\n' && *p != '\r')
        p++;
      lines_add_part (self, bytes, p - bytes, func, data);
      if (p < end)
        {
          self->after_cr = *p == '\r';
          give (self->begun->str, self->begun->len, func, data);
          g_string_truncate (self->begun, 0);
          p++;
        }
      bytes = p;
    }
}

void
cfut_lines_end (CfutLines     *self,
                CfutLinesFunc  func,
                gpointer       data)
{
  if (self->begun != NULL)
    {
      if (self->begun->len > 0)
        give (self->begun->str, self->begun->len, func, data);
      g_string_free (self->begun, TRUE);
    }

  memset (self, 0, sizeof *self);
}

CfutLine *
cfut_line_new (char *text,
               int   stream)
{
  CfutLine *self = g_new (CfutLine, 1);

  self->next = NULL;
  self->stream = stream;
  self->size = sizeof (CfutLine) + strlen (text) + 1;
  self->text = text;

  return self;
}

void
cfut_lines_free (CfutLine *first)
{
  while (first != NULL)
    {
      CfutLine *line = first;

      first = line->next;
      g_free (line->text);
      g_free (line);
    }
}

CfutLine *
cfut_line_queue_pop (CfutLineQueue *self)
{
  CfutLine *line = self->first;

  if (line == NULL)
    return NULL;

  self->first = line->next;
  self->size -= line->size;
  line->next = NULL;
  return line;
}

CfutLine *
cfut_line_queue_add (CfutLineQueue *self,
                     CfutLine      *line)
{
  CfutLine *dropped = NULL;

  if (self->first != NULL)
    self->last->next = line;
  else
    self->first = line;
  self->last = line;
  self->size += line->size;

  while (self->size > CFUT_LINE_QUEUE_MAX)
    {
      CfutLine *oldest = cfut_line_queue_pop (self);

      oldest->next = dropped;
      dropped = oldest;
    }

  return dropped;
}
