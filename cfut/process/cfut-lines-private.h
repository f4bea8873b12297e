/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Cuts what comes in pieces into lines. Zero before its first use. */
typedef struct {
  GString *begun;      /* (nullable): the line that has not ended */
  gboolean after_cr;   /* a line feed now belongs to the last line's end */
} CfutLines;

/* Longer ones come in pieces. */
#define CFUT_LINES_MAX (64 * 1024)

/* @line is valid UTF-8, and taken over. */
typedef void (*CfutLinesFunc) (char     *line,
                               gpointer  data);

void cfut_lines_add (CfutLines     *self,
                     const char    *bytes,
                     gsize          size,
                     CfutLinesFunc  func,
                     gpointer       data);
/* What is begun is a line too. It is as before its first use after. */
void cfut_lines_end (CfutLines     *self,
                     CfutLinesFunc  func,
                     gpointer       data);

/* Lines that wait to be told. */
typedef struct _CfutLine CfutLine;
struct _CfutLine {
  CfutLine *next;
  int stream;
  gsize size;   /* with what it costs */
  char *text;
};

typedef struct {
  CfutLine *first;
  CfutLine *last;
  gsize size;
} CfutLineQueue;

#define CFUT_LINE_QUEUE_MAX (4 * 1024 * 1024)

/* Takes over @text. */
CfutLine *cfut_line_new       (char          *text,
                               int            stream);
/* (nullable): and all that follow it. */
void      cfut_lines_free     (CfutLine      *first);
/* Takes over the line. (transfer full) (nullable): the oldest, where all of them are too much. */
CfutLine *cfut_line_queue_add (CfutLineQueue *self,
                               CfutLine      *line);
/* (transfer full) (nullable): the oldest. */
CfutLine *cfut_line_queue_pop (CfutLineQueue *self);

G_END_DECLS
