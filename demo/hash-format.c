/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Figures for a person. Threads: any. */

#include "hash-format.h"

#include <glib/gi18n.h>

char *
hash_format_count (guint64 count)
{
  g_autofree char *text = g_strdup_printf ("%'" G_GUINT64_FORMAT, count);

  /* The separator comes from the locale, in its encoding. */
  if (!g_utf8_validate (text, -1, NULL))
    {
      char *converted = g_locale_to_utf8 (text, -1, NULL, NULL, NULL);

      return converted != NULL ? converted : g_strdup_printf ("%" G_GUINT64_FORMAT, count);
    }

  return g_steal_pointer (&text);
}

char *
hash_format_rate (double bytes_per_second)
{
  g_autofree char *size = g_format_size ((guint64) MAX (bytes_per_second, 0));

  /* Translators: a size for each second, as in 1.2 GB/s */
  return g_strdup_printf (_("%s/s"), size);
}

char *
hash_format_duration (gint64 usec)
{
  gint64 seconds = (MAX (usec, 0) + G_USEC_PER_SEC / 2) / G_USEC_PER_SEC;
  int hours = (int) MIN (seconds / 3600, 99999);
  int minutes = (int) (seconds / 60 % 60);

  if (hours > 0)
    /* Translators: hours, minutes and seconds */
    return g_strdup_printf (C_("duration", "%d:%02d:%02d"), hours, minutes, (int) (seconds % 60));

  /* Translators: minutes and seconds */
  return g_strdup_printf (C_("duration", "%d:%02d"), minutes, (int) (seconds % 60));
}
