/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CFUT_DEBUG: what the library tells about itself on stderr when it is asked to.
 *
 * The variable is read when the library is loaded, and names keys: futures, states, delivery,
 * pools, or all; help lists them. Each line of a trace has the key, the time and the thread. With
 * any key a blocking wait that holds the default main context for long is warned of, once for each
 * thing that is waited for.
 *
 * Threads: any.
 * Locks: warned_lock, which guards the set of what was warned of.
 * Owns: that set, for ever; a thread's own description of what it is about to wait for.
 * Invariants:
 * 1. cfut_debug_flags never changes once the library is loaded.
 * 2. Without the variable a trace costs one look at it, and nothing is kept.
 * Not here: the table of live futures (cfut-debug.c); failures that nobody saw (cfut-report.c). */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/cfut-debug-private.h"
#include "core/cfut-lock-private.h"
#include "core/cfut-marks-private.h"

static const GDebugKey keys[] = {
  { "futures", CFUT_DEBUG_FUTURES },
  { "states", CFUT_DEBUG_STATES },
  { "delivery", CFUT_DEBUG_DELIVERY },
  { "pools", CFUT_DEBUG_POOLS },
};

guint cfut_debug_flags;

static GMutex warned_lock;
static GHashTable *warned;
static __thread char *waiting_for;

/* Before main, so that nobody has to look whether it was done. */
static void __attribute__ ((constructor))
debug_init (void)
{
  const char *value = g_getenv ("CFUT_DEBUG");

  if (value != NULL)
    cfut_debug_flags = g_parse_debug_string (value, keys, G_N_ELEMENTS (keys));
#ifdef HAVE_SYSPROF
  if (g_getenv ("SYSPROF_CONTROL_FD") != NULL && sysprof_collector_is_active ())
    cfut_debug_flags |= CFUT_DEBUG_MARKS;
#endif
}

/* A function without a symbol is told by its place in its file, for addr2line. */
static char *
describe_function (gpointer function)
{
  Dl_info info;
  const char *file;

  if (!dladdr (function, &info))
    return g_strdup_printf ("%p", function);

  if (info.dli_sname != NULL && info.dli_saddr == function)
    return g_strdup (info.dli_sname);

  file = strrchr (info.dli_fname, '/');
  return g_strdup_printf ("%s+0x%" G_GSIZE_MODIFIER "x", file != NULL ? file + 1 : info.dli_fname,
                          (gsize) function - (gsize) info.dli_fbase);
}

char *
cfut_debug_describe (const char *name,
                     const char *type_name,
                     gpointer    function)
{
  g_autofree char *symbol = NULL;

  if (name != NULL)
    return g_strdup_printf ("\"%s\"", name);
  if (function == NULL)
    return g_strdup_printf ("a %s", type_name);

  symbol = describe_function (function);
  return g_strdup_printf ("a %s of function %s", type_name, symbol);
}

char *
cfut_debug_describe_thread (void)
{
  char name[16] = "";

  pthread_getname_np (pthread_self (), name, sizeof (name));
  return g_strdup_printf ("%s %ld", name, (long) syscall (SYS_gettid));
}

/* One line, written at once. */
void
cfut_debug_trace (CfutDebugFlags  key,
                  const char     *format,
                  ...)
{
  g_autofree char *thread = cfut_debug_describe_thread ();
  g_autoptr (GString) line = g_string_new ("cfut ");
  const char *name = "";
  gint64 now = g_get_monotonic_time ();
  va_list args;

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (keys[i].value == key)
      name = keys[i].key;

  g_string_append_printf (line, "%s %" G_GINT64_FORMAT ".%06d [%s] ", name, now / G_USEC_PER_SEC,
                          (int) (now % G_USEC_PER_SEC), thread);
  va_start (args, format);
  g_string_append_vprintf (line, format, args);
  va_end (args);
  g_string_append_c (line, '\n');

  if (write (STDERR_FILENO, line->str, line->len) < 0)
    return;
}

void
cfut_debug_begin_wait (char *what)
{
  g_free (waiting_for);
  waiting_for = what;
}

void
cfut_debug_end_wait (void)
{
  g_clear_pointer (&waiting_for, g_free);
}

gboolean
cfut_debug_holds_default_context (void)
{
  return g_main_depth () > 0 && g_main_context_is_owner (g_main_context_default ());
}

void
cfut_debug_warn_of_wait (void)
{
  const char *what = waiting_for != NULL ? waiting_for : "a group or an executor";
  gboolean is_new;

  cfut_lock (&warned_lock, CFUT_LOCK_REPORT);
  if (warned == NULL)
    warned = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  is_new = g_hash_table_add (warned, g_strdup (what));
  cfut_unlock (&warned_lock, CFUT_LOCK_REPORT);

  if (is_new)
    g_warning ("The default main context is held by a blocking wait for %s, which has lasted %d ms "
               "so far: use the asynchronous form", what, CFUT_DEBUG_LONG_WAIT_USEC / 1000);
}
