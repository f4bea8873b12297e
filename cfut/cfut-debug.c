/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The table of live futures, which is kept with CFUT_DEBUG=futures or states, and what is traced of
 * them.
 *
 * Threads: any.
 * Locks: futures_lock guards the table. It comes before a cell's: under it that is taken, to read
 *   what a future shows. A future leaves the table as the first thing in its finalisation, so what
 *   is in the table while the lock is held has all that it needs to be shown.
 * Owns: the table and its entries, no future.
 * Invariants:
 * 1. With neither key the table is never made.
 * 2. Numbers are given once, in the order in which futures are made.
 * Not here: how lines are written (core/cfut-debug.c). */

#include <stdlib.h>

#include "core/cfut-fork-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-marks-private.h"
#include "cfut-debug.h"
#include "cfut-future-private.h"

#define MAX_ROWS_AT_EXIT 100

typedef struct {
  guint64 number;
  gint64 made_usec;
  char *thread;  /* (nullable): that runs it, or ran it */
} Entry;

typedef struct {
  guint64 number;
  char *text;
} Row;

static GMutex futures_lock;
static GHashTable *futures;  /* CfutFuture -> Entry */
static guint64 n_made;

static const char *
state_name (CfutState state)
{
  static const char * const names[] = { "pending", "running", "resolved", "rejected", "cancelled" };

  return state < G_N_ELEMENTS (names) ? names[state] : "?";
}

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->thread);
  g_free (entry);
}

static void
row_clear (gpointer data)
{
  g_free (((Row *) data)->text);
}

/* What it is called; on any thread that holds it. */
char *
cfut_future_debug_describe (CfutFuture *self)
{
  CfutFutureClass *klass = (CfutFutureClass *) ((GTypeInstance *) self)->g_class;
  g_autofree char *name = cfut_future_dup_name (self);

  return cfut_debug_describe (name, G_OBJECT_TYPE_NAME (self),
                              klass->get_function != NULL ? klass->get_function (self) : NULL);
}

void
cfut_future_mark_run (CfutFuture *self,
                      gint64      begin)
{
  g_autofree char *what = cfut_future_debug_describe (self);

  cfut_mark_end (begin, "task", what);
}

static void
row_init (Row        *row,
          CfutFuture *future,
          Entry      *entry)
{
  g_autofree char *what = cfut_future_debug_describe (future);
  CfutFutureExtra *extra = cfut_future_peek_extra (future);
  guint n_nodes[CFUT_NODE_CONTEXT + 1] = { 0, };
  g_autofree char *progress = NULL;
  guint word = cfut_cell_lock (&future->cell);
  gint64 age_usec;

  for (CfutNode *node = future->cell.nodes; node != NULL; node = node->next)
    n_nodes[node->klass->kind]++;
  if (extra != NULL && (extra->done > 0 || extra->total > 0))
    progress = g_strdup_printf ("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
                                extra->done, extra->total);
  cfut_cell_unlock (&future->cell);

  row->number = entry->number;
  age_usec = g_get_monotonic_time () - entry->made_usec;
  row->text = g_strdup_printf ("%8" G_GUINT64_FORMAT "  %-9s  %9.3f s  %-13s  %5u  %5u  %5u  %-21s"
                               "  %s\n",
                               entry->number, state_name (cfut_cell_state (word)),
                               (double) age_usec / G_USEC_PER_SEC,
                               progress != NULL ? progress : "-", n_nodes[CFUT_NODE_INTERNAL],
                               n_nodes[CFUT_NODE_WAIT] + n_nodes[CFUT_NODE_LATE],
                               n_nodes[CFUT_NODE_DIRECT] + n_nodes[CFUT_NODE_CONTEXT],
                               entry->thread != NULL ? entry->thread : "-", what);
}

static int
compare_rows (gconstpointer a,
              gconstpointer b)
{
  guint64 left = ((const Row *) a)->number;
  guint64 right = ((const Row *) b)->number;

  return left < right ? -1 : left > right;
}

static char *
dump_futures (guint max_rows)
{
  GString *text = g_string_new (NULL);
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (Row));
  GHashTableIter iter;
  gpointer future;
  gpointer entry;

  g_array_set_clear_func (rows, row_clear);
  cfut_lock (&futures_lock, CFUT_LOCK_FUTURES);
  if (futures != NULL)
    {
      g_hash_table_iter_init (&iter, futures);
      while (g_hash_table_iter_next (&iter, &future, &entry))
        {
          Row row;

          row_init (&row, future, entry);
          g_array_append_val (rows, row);
        }
    }
  cfut_unlock (&futures_lock, CFUT_LOCK_FUTURES);

  g_array_sort (rows, compare_rows);
  g_string_append_printf (text, "%u futures are alive\n", rows->len);
  if (rows->len > 0)
    g_string_append_printf (text, "%8s  %-9s  %11s  %-13s  %5s  %5s  %5s  %-21s  %s\n",
                            "number", "state", "age", "progress", "links", "waits", "calls",
                            "worker", "what");
  for (guint i = 0; i < MIN (rows->len, max_rows); i++)
    g_string_append (text, g_array_index (rows, Row, i).text);
  if (rows->len > max_rows)
    g_string_append_printf (text, "... and %u more\n", rows->len - max_rows);
  g_array_unref (rows);

  return g_string_free (text, FALSE);
}

static void
on_exit_dump (void)
{
  g_autofree char *text = NULL;

  if (cfut_is_forked_child ())
    return;

  text = g_strchomp (dump_futures (MAX_ROWS_AT_EXIT));
  cfut_debug_trace (CFUT_DEBUG_FUTURES, "at exit %s", text);
}

void
cfut_future_debug_made (CfutFuture *self)
{
  Entry *entry = g_new0 (Entry, 1);
  gboolean first;
  guint64 number;

  entry->made_usec = g_get_monotonic_time ();
  cfut_lock (&futures_lock, CFUT_LOCK_FUTURES);
  first = futures == NULL;
  if (first)
    futures = g_hash_table_new_full (NULL, NULL, NULL, entry_free);
  number = entry->number = ++n_made;
  g_hash_table_insert (futures, self, entry);
  cfut_unlock (&futures_lock, CFUT_LOCK_FUTURES);

  if (first && (cfut_debug_flags & CFUT_DEBUG_FUTURES))
    atexit (on_exit_dump);

  if (cfut_debug_flags & CFUT_DEBUG_FUTURES)
    {
      g_autofree char *what = cfut_future_debug_describe (self);

      CFUT_TRACE (FUTURES, "%" G_GUINT64_FORMAT " (%p) made: %s", number, (void *) self, what);
    }
}

/* In its finalisation. */
void
cfut_future_debug_gone (CfutFuture *self)
{
  CfutState state = cfut_cell_state (cfut_cell_load (&self->cell));
  guint64 number = 0;
  Entry *entry;

  cfut_lock (&futures_lock, CFUT_LOCK_FUTURES);
  entry = futures != NULL ? g_hash_table_lookup (futures, self) : NULL;
  if (entry != NULL)
    {
      number = entry->number;
      g_hash_table_remove (futures, self);
    }
  cfut_unlock (&futures_lock, CFUT_LOCK_FUTURES);

  CFUT_TRACE (FUTURES, "%" G_GUINT64_FORMAT " (%p) finalised, %s",
              number, (void *) self, state_name (state));
}

static void
trace_state (CfutFuture *self,
             CfutState   state,
             char       *thread)
{
  g_autofree char *what = cfut_future_debug_describe (self);
  gint64 age_usec = 0;
  guint64 number = 0;
  Entry *entry;

  cfut_lock (&futures_lock, CFUT_LOCK_FUTURES);
  entry = futures != NULL ? g_hash_table_lookup (futures, self) : NULL;
  if (entry != NULL)
    {
      number = entry->number;
      age_usec = g_get_monotonic_time () - entry->made_usec;
      if (thread != NULL)
        {
          g_free (entry->thread);
          entry->thread = g_steal_pointer (&thread);
        }
    }
  cfut_unlock (&futures_lock, CFUT_LOCK_FUTURES);

  g_free (thread);
  CFUT_TRACE (STATES, "%" G_GUINT64_FORMAT " (%p) %s after %.3f ms: %s",
              number, (void *) self, state_name (state),
              (double) age_usec / 1000, what);
}

/* On the thread that runs it. */
void
cfut_future_debug_started (CfutFuture *self)
{
  trace_state (self, CFUT_STATE_RUNNING, cfut_debug_describe_thread ());
}

/* Takes over a reference. */
void
cfut_future_debug_settled (CfutFuture *self,
                           CfutState   to)
{
  trace_state (self, to, NULL);
  cfut_future_release (self);
}

/**
 * cfut_debug_dump_futures:
 *
 * Describes all futures that are alive, for a person to read, one in a line: its number, state,
 * age, progress, how many groups and chains (links), waits and callbacks hang on it, the thread
 * that runs or ran it, and its name or function. The form may change at any time.
 *
 * Futures are only kept track of when the environment variable `CFUT_DEBUG` has `futures` (or
 * `states`, or `all`) in it when the library is loaded; without it the text says so. May be called
 * on any thread.
 *
 * Returns: (transfer full): the text
 *
 * Since: 1.0
 */
char *
cfut_debug_dump_futures (void)
{
  if (!(cfut_debug_flags & CFUT_DEBUG_TRACKS_FUTURES))
    return g_strdup ("Futures are only kept track of with CFUT_DEBUG=futures in the environment\n");

  return dump_futures (G_MAXUINT);
}

/**
 * cfut_debug_get_n_futures:
 *
 * Counts the futures that are alive, where they are kept track of: see
 * [func@Cfut.debug_dump_futures]. May be called on any thread.
 *
 * Returns: how many there are; 0 where that is not known
 *
 * Since: 1.0
 */
guint64
cfut_debug_get_n_futures (void)
{
  guint64 n;

  cfut_lock (&futures_lock, CFUT_LOCK_FUTURES);
  n = futures != NULL ? g_hash_table_size (futures) : 0;
  cfut_unlock (&futures_lock, CFUT_LOCK_FUTURES);

  return n;
}
