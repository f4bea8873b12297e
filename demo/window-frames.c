/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Frame statistics: how many frames a window painted while a run went on, and the longest time
 * between two of them.
 *
 * For measuring only: without CFUT_DEMO_FRAME_STATS in the environment, which names the file to
 * write, nothing is made. A tick callback keeps the frame clock asking for frames, so that the
 * count says what the window could have shown, not what changed in it. The gaps count from start
 * to stop, so a window that never paints has one gap as long as the run.
 *
 * Threads: the main one only.
 */

#include "window-frames.h"

struct _DemoFrames {
  GtkWidget *widget;
  GdkFrameClock *clock;
  char *filename;
  gulong painted_id;
  guint tick_id;
  guint n_frames;
  gint64 started_usec;
  gint64 last_usec;
  gint64 longest_usec;
};

static void
take_gap (DemoFrames *self)
{
  gint64 now = g_get_monotonic_time ();

  self->longest_usec = MAX (self->longest_usec, now - self->last_usec);
  self->last_usec = now;
}

static void
after_paint_cb (GdkFrameClock *clock,
                DemoFrames    *self)
{
  self->n_frames++;
  take_gap (self);
}

static gboolean
tick_cb (GtkWidget     *widget,
         GdkFrameClock *clock,
         gpointer       user_data)
{
  return G_SOURCE_CONTINUE;
}

DemoFrames *
demo_frames_start (GtkWidget *widget)
{
  const char *filename = g_getenv ("CFUT_DEMO_FRAME_STATS");
  GdkFrameClock *clock = gtk_widget_get_frame_clock (widget);
  DemoFrames *self;

  if (filename == NULL || filename[0] == '\0' || clock == NULL)
    return NULL;

  self = g_new0 (DemoFrames, 1);
  self->widget = g_object_ref (widget);
  self->clock = g_object_ref (clock);
  self->filename = g_strdup (filename);
  self->started_usec = self->last_usec = g_get_monotonic_time ();
  self->painted_id = g_signal_connect (clock, "after-paint", G_CALLBACK (after_paint_cb), self);
  self->tick_id = gtk_widget_add_tick_callback (widget, tick_cb, NULL, NULL);

  return self;
}

void
demo_frames_stop (DemoFrames *self)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  double seconds;

  if (self == NULL)
    return;

  take_gap (self);
  seconds = (self->last_usec - self->started_usec) / (double) G_USEC_PER_SEC;
  text = g_strdup_printf ("frames=%u\nmilliseconds=%.0f\nlongest-gap-milliseconds=%.1f\n",
                          self->n_frames, seconds * 1000, self->longest_usec / 1000.0);
  if (!g_file_set_contents (self->filename, text, -1, &error))
    g_warning ("%s", error->message);

  g_signal_handler_disconnect (self->clock, self->painted_id);
  gtk_widget_remove_tick_callback (self->widget, self->tick_id);
  g_object_unref (self->clock);
  g_object_unref (self->widget);
  g_free (self->filename);
  g_free (self);
}
