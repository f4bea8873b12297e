/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* One row of the list: a file, how far it is, and its sum or what went wrong.
 *
 * A list view keeps some four hundred rows around what is seen, and moves them from item to item.
 * Made of boxes, labels and an image that is four thousand widgets, half a second of work in one
 * frame when a run starts. So a row is one widget that draws itself: text is laid out only by the
 * rows that are seen, and to be bound costs a row no more than to remember.
 *
 * Threads: the main one only; a future notifies there.
 * Owns: a reference to its item while it is bound. What to draw is copied from it whenever that
 * changes.
 * Invariants:
 *   1. handlers are connected exactly while future is set
 *   2. the list item's accessible label says what the row shows
 * Not here: which items there are (window-main.c), what a comparison found (window-compare.c).
 */

#include "window-row.h"

#include <glib/gi18n.h>

#include "hash-run.h"
#include "window-compare.h"
#include "window-problem.h"

#define MARGIN 12
#define GAP 12
#define LINE_GAP 4
#define ICON_SIZE 16
#define BAR_HEIGHT 8
#define END_WIDTH 64
#define DIM_ALPHA 0.6
#define CAPTION_SCALE 0.85

typedef enum {
  LOOK_NONE,
  LOOK_WAITING,
  LOOK_RUNNING,
  LOOK_DONE,
  LOOK_FAILED,
  LOOK_CANCELLED,
  LOOK_SAME,
  LOOK_DIFFERENT,
  LOOK_MISSING,
  LOOK_EXTRA,
  N_LOOKS
} Look;

struct _DemoRow {
  GtkWidget parent_instance;

  CfutFuture *future;
  DemoVerdicts *verdicts;      /* borrowed */

  /* what is drawn */
  Look look;
  char *name;
  gsize folder_length;         /* the bytes of name that are not the file's own */
  char *detail;
  char *size;
  double fraction;             /* 0: no bar */
  gboolean ellipsized;         /* the last time that it was drawn */
};

G_DEFINE_FINAL_TYPE (DemoRow, demo_row, GTK_TYPE_WIDGET)

static const struct {
  const char *icon_name;
  const char *color_name;     /* of the theme; NULL: a dim text color */
  const char *title;          /* for a screen reader, and for the eye where it is drawn */
  gboolean draw_title;
  gboolean is_sum;            /* the detail */
} looks[N_LOOKS] = {
  [LOOK_NONE] = { NULL, NULL, "", FALSE, FALSE },
  [LOOK_WAITING] = { "content-loading-symbolic", NULL, N_("Waiting"), FALSE, FALSE },
  [LOOK_RUNNING] = { "media-playback-start-symbolic", "accent_color", N_("Being hashed"), FALSE,
                     FALSE },
  [LOOK_DONE] = { "emblem-ok-symbolic", "success_color", N_("Done"), FALSE, TRUE },
  [LOOK_FAILED] = { "dialog-error-symbolic", "error_color", N_("Failed"), TRUE, FALSE },
  [LOOK_CANCELLED] = { "process-stop-symbolic", NULL, N_("Cancelled"), FALSE, FALSE },
  [LOOK_SAME] = { "emblem-ok-symbolic", "success_color", N_("Matches"), TRUE, TRUE },
  [LOOK_DIFFERENT] = { "dialog-warning-symbolic", "error_color", N_("Differs"), TRUE, TRUE },
  [LOOK_MISSING] = { "dialog-question-symbolic", "warning_color", N_("Missing"), TRUE, FALSE },
  [LOOK_EXTRA] = { "emblem-ok-symbolic", "success_color", N_("Not listed"), TRUE, TRUE },
};

/* What is shown */

/* @detail is taken. */
static void
show (DemoRow *self,
      Look     look,
      char    *detail)
{
  g_autofree char *label = NULL;
  GtkWidget *item = gtk_widget_get_parent (GTK_WIDGET (self));

  self->look = look;
  g_free (self->detail);
  self->detail = detail;

  /* Translators: a file, its state ("Waiting", "Failed"), and its sum or what went wrong */
  label = g_strdup_printf (_("%s: %s. %s"), self->name, _(looks[look].title), detail);
  if (item != NULL)
    gtk_accessible_update_property (GTK_ACCESSIBLE (item),
                                    GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);

  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static Look
get_compared_look (DemoRow *self)
{
  g_autofree char *path = NULL;
  const HashComparisonEntry *entry;

  if (self->verdicts == NULL)
    return LOOK_DONE;

  path = hash_file_dup_path (hash_file_from_future (self->future));
  entry = demo_verdicts_find (self->verdicts, path);
  if (entry == NULL)
    return LOOK_DONE;

  switch (entry->match)
    {
    case HASH_MATCH_SAME:
      return LOOK_SAME;
    case HASH_MATCH_DIFFERENT:
      return LOOK_DIFFERENT;
    case HASH_MATCH_EXTRA:
      return LOOK_EXTRA;
    case HASH_MATCH_MISSING:
    default:
      return LOOK_DONE;
    }
}

static void
update_state (DemoRow *self)
{
  CfutState state = cfut_future_get_state (self->future);

  self->fraction = state == CFUT_STATE_RUNNING ? cfut_future_get_fraction (self->future) : 0;

  switch (state)
    {
    case CFUT_STATE_RUNNING:
      show (self, LOOK_RUNNING, g_strdup (_("Being hashed…")));
      break;
    case CFUT_STATE_RESOLVED:
      show (self, get_compared_look (self), g_strdup (hash_future_get_sum (self->future)));
      break;
    case CFUT_STATE_REJECTED:
      show (self, LOOK_FAILED, hash_future_dup_reason (self->future));
      break;
    case CFUT_STATE_CANCELLED:
      show (self, LOOK_CANCELLED, g_strdup (_("Cancelled")));
      break;
    case CFUT_STATE_PENDING:
    default:
      show (self, LOOK_WAITING, g_strdup (_("Waiting")));
      break;
    }
}

static void
update_fraction (DemoRow *self)
{
  double fraction = cfut_future_get_fraction (self->future);
  guint percent = fraction * 100;

  if (self->look != LOOK_RUNNING || fraction <= 0)
    return;

  /* Heard is each tenth only, seen is all of it. */
  if (percent / 10 != (guint) (self->fraction * 10))
    /* Translators: how much of a file is done */
    show (self, LOOK_RUNNING, g_strdup_printf (_("%u %%"), percent));
  self->fraction = fraction;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
set_name (DemoRow    *self,
          const char *path,
          const char *prefix)
{
  const char *slash;

  if (prefix != NULL && g_str_has_prefix (path, prefix) && path[strlen (prefix)] != '\0')
    path += strlen (prefix);

  slash = strrchr (path, '/');
  self->folder_length = slash != NULL && slash[1] != '\0' ? slash + 1 - path : 0;
  g_free (self->name);
  self->name = g_strdup (path);
}

static void
show_future (DemoRow    *self,
             CfutFuture *future,
             const char *prefix)
{
  HashFile *file = hash_file_from_future (future);
  g_autofree char *path = hash_file_dup_display_path (file);

  self->future = g_object_ref (future);
  g_signal_connect_swapped (future, "notify::state", G_CALLBACK (update_state), self);
  g_signal_connect_swapped (future, "notify::fraction", G_CALLBACK (update_fraction), self);

  set_name (self, path, prefix);
  if (!hash_file_is_folder (file))
    self->size = g_format_size (hash_file_get_size (file));
  update_state (self);
}

static void
show_problem (DemoRow     *self,
              DemoProblem *problem,
              const char  *prefix)
{
  gboolean missing = demo_problem_get_match (problem) == HASH_MATCH_MISSING;

  set_name (self, demo_problem_get_path (problem), prefix);
  show (self, missing ? LOOK_MISSING : LOOK_DIFFERENT, demo_problem_dup_reason (problem));
}

void
demo_row_set_item (DemoRow      *self,
                   gpointer      item,
                   DemoVerdicts *verdicts,
                   const char   *prefix)
{
  if (self->future != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->future, self);
      g_clear_object (&self->future);
    }

  self->verdicts = verdicts;
  self->fraction = 0;
  g_clear_pointer (&self->size, g_free);

  if (CFUT_IS_FUTURE (item))
    show_future (self, item, prefix);
  else if (DEMO_IS_PROBLEM (item))
    show_problem (self, item, prefix);
}

/* Drawing */

static GdkRGBA
get_color (DemoRow    *self,
           const char *name)
{
  GtkStyleContext *context = gtk_widget_get_style_context (GTK_WIDGET (self));
  GdkRGBA color;

  if (name == NULL || !gtk_style_context_lookup_color (context, name, &color))
    gtk_style_context_get_color (context, &color);

  return color;
}

static GdkRGBA
get_dim_color (DemoRow *self)
{
  GdkRGBA color = get_color (self, NULL);

  color.alpha *= DIM_ALPHA;

  return color;
}

static GdkRGBA
get_look_color (DemoRow *self)
{
  const char *name = looks[self->look].color_name;

  return name != NULL ? get_color (self, name) : get_dim_color (self);
}

static PangoLayout *
make_caption (DemoRow    *self,
              const char *text,
              gboolean    monospace)
{
  PangoLayout *layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
  g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();

  pango_attr_list_insert (attributes, pango_attr_scale_new (CAPTION_SCALE));
  if (monospace)
    pango_attr_list_insert (attributes, pango_attr_family_new ("monospace"));
  pango_layout_set_attributes (layout, attributes);

  return layout;
}

/* The folder recedes, as the eye looks for the name. */
static PangoLayout *
make_name (DemoRow *self)
{
  PangoLayout *layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), self->name);

  if (self->folder_length > 0)
    {
      g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();
      PangoAttribute *dim = pango_attr_foreground_alpha_new (G_MAXUINT16 * DIM_ALPHA);

      dim->end_index = self->folder_length;
      pango_attr_list_insert (attributes, dim);
      pango_layout_set_attributes (layout, attributes);
    }

  return layout;
}

/* At the left, or where the language runs the other way, at the right. */
static float
mirror (DemoRow *self,
        float    x,
        float    width)
{
  if (gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL)
    return gtk_widget_get_width (GTK_WIDGET (self)) - x - width;

  return x;
}

static void
draw_layout (DemoRow       *self,
             GtkSnapshot   *snapshot,
             PangoLayout   *layout,
             float          x,
             float          y,
             const GdkRGBA *color)
{
  int width;

  pango_layout_get_pixel_size (layout, &width, NULL);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (mirror (self, x, width), y));
  gtk_snapshot_append_layout (snapshot, layout, color);
  gtk_snapshot_restore (snapshot);
}

static void
draw_icon (DemoRow     *self,
           GtkSnapshot *snapshot)
{
  GtkWidget *widget = GTK_WIDGET (self);
  GtkIconTheme *theme = gtk_icon_theme_get_for_display (gtk_widget_get_display (widget));
  GdkRGBA color = get_look_color (self);
  g_autoptr (GtkIconPaintable) icon = NULL;

  if (looks[self->look].icon_name == NULL)
    return;

  icon = gtk_icon_theme_lookup_icon (theme, looks[self->look].icon_name, NULL, ICON_SIZE,
                                     gtk_widget_get_scale_factor (widget),
                                     gtk_widget_get_direction (widget), 0);
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot,
                          &GRAPHENE_POINT_INIT (mirror (self, MARGIN, ICON_SIZE),
                                                (gtk_widget_get_height (widget) - ICON_SIZE) / 2));
  gtk_symbolic_paintable_snapshot_symbolic (GTK_SYMBOLIC_PAINTABLE (icon), snapshot, ICON_SIZE,
                                            ICON_SIZE, &color, 1);
  gtk_snapshot_restore (snapshot);
}

static void
draw_bar (DemoRow     *self,
          GtkSnapshot *snapshot,
          float        x,
          float        y,
          float        width)
{
  GdkRGBA trough = get_color (self, NULL), bar = get_color (self, "accent_bg_color");
  float done = width * self->fraction;
  graphene_rect_t bounds = GRAPHENE_RECT_INIT (mirror (self, x, width), y, width, BAR_HEIGHT);
  GskRoundedRect shape;

  trough.alpha *= 0.15;
  gsk_rounded_rect_init_from_rect (&shape, &bounds, BAR_HEIGHT / 2);
  gtk_snapshot_push_rounded_clip (snapshot, &shape);
  gtk_snapshot_append_color (snapshot, &trough, &bounds);
  gtk_snapshot_append_color (snapshot, &bar,
                             &GRAPHENE_RECT_INIT (mirror (self, x, done), y, done, BAR_HEIGHT));
  gtk_snapshot_pop (snapshot);
}

/* The column at the end: the size, and what came of it. Returns its width, which is the same for
 * most rows, so that bars end below each other. */
static int
draw_end (DemoRow     *self,
          GtkSnapshot *snapshot)
{
  const char *texts[] = { self->size != NULL ? self->size : "",
                          looks[self->look].draw_title ? _(looks[self->look].title) : "" };
  GdkRGBA colors[] = { get_dim_color (self), get_look_color (self) };
  PangoLayout *layouts[G_N_ELEMENTS (texts)];
  int widths[G_N_ELEMENTS (texts)], heights[G_N_ELEMENTS (texts)];
  int n_lines = 0, height = 0;
  float y;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      layouts[i] = make_caption (self, texts[i], FALSE);
      pango_layout_get_pixel_size (layouts[i], &widths[i], &heights[i]);
      if (texts[i][0] == '\0')
        heights[i] = 0;
      else
        n_lines++;
      height += heights[i];
    }

  y = (gtk_widget_get_height (GTK_WIDGET (self)) - height - (n_lines == 2 ? LINE_GAP : 0)) / 2;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      draw_layout (self, snapshot, layouts[i],
                   gtk_widget_get_width (GTK_WIDGET (self)) - MARGIN - widths[i], y, &colors[i]);
      y += heights[i] + LINE_GAP;
      g_object_unref (layouts[i]);
    }

  return MAX (END_WIDTH, MAX (widths[0], widths[1]));
}

static void
demo_row_snapshot (GtkWidget   *widget,
                   GtkSnapshot *snapshot)
{
  DemoRow *self = DEMO_ROW (widget);
  const float x = MARGIN + ICON_SIZE + GAP;
  g_autoptr (PangoLayout) name = NULL, detail = NULL;
  GdkRGBA color = get_color (self, NULL);
  int name_height, detail_height, width;
  float y;

  if (self->name == NULL)
    return;

  draw_icon (self, snapshot);
  width = gtk_widget_get_width (widget) - x - MARGIN - GAP - draw_end (self, snapshot);
  width = MAX (width, 0);

  name = make_name (self);
  pango_layout_set_ellipsize (name, PANGO_ELLIPSIZE_MIDDLE);
  pango_layout_set_width (name, width * PANGO_SCALE);
  pango_layout_get_pixel_size (name, NULL, &name_height);

  detail = make_caption (self, self->detail, looks[self->look].is_sum);
  pango_layout_set_ellipsize (detail, PANGO_ELLIPSIZE_END);
  pango_layout_set_width (detail, width * PANGO_SCALE);
  pango_layout_get_pixel_size (detail, NULL, &detail_height);

  y = (gtk_widget_get_height (widget) - name_height - LINE_GAP - detail_height) / 2;
  draw_layout (self, snapshot, name, x, y, &color);
  y += name_height + LINE_GAP;

  if (self->fraction > 0)
    {
      draw_bar (self, snapshot, x, y + (detail_height - BAR_HEIGHT) / 2, width);
    }
  else
    {
      color = self->look == LOOK_FAILED ? get_look_color (self) :
              looks[self->look].is_sum ? color : get_dim_color (self);
      draw_layout (self, snapshot, detail, x, y, &color);
    }

  self->ellipsized = pango_layout_is_ellipsized (name) || pango_layout_is_ellipsized (detail);
}

/* The same for all rows: nothing is laid out to know it. */
static void
demo_row_measure (GtkWidget      *widget,
                  GtkOrientation  orientation,
                  int             for_size,
                  int            *minimum,
                  int            *natural,
                  int            *minimum_baseline,
                  int            *natural_baseline)
{
  PangoContext *context = gtk_widget_get_pango_context (widget);
  PangoFontMetrics *metrics;
  int line;

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      *minimum = *natural = 2 * MARGIN + ICON_SIZE + GAP;
      return;
    }

  metrics = pango_context_get_metrics (context, NULL, NULL);
  line = PANGO_PIXELS_CEIL (pango_font_metrics_get_height (metrics));
  pango_font_metrics_unref (metrics);
  *minimum = *natural = line + LINE_GAP + line * CAPTION_SCALE + MARGIN + LINE_GAP;
}

static gboolean
demo_row_query_tooltip (GtkWidget  *widget,
                        int         x,
                        int         y,
                        gboolean    keyboard_mode,
                        GtkTooltip *tooltip)
{
  DemoRow *self = DEMO_ROW (widget);
  g_autofree char *text = NULL;

  if (!self->ellipsized)
    return FALSE;

  text = g_strconcat (self->name, "\n", self->detail, NULL);
  gtk_tooltip_set_text (tooltip, text);

  return TRUE;
}

static void
demo_row_dispose (GObject *object)
{
  demo_row_set_item (DEMO_ROW (object), NULL, NULL, NULL);

  G_OBJECT_CLASS (demo_row_parent_class)->dispose (object);
}

static void
demo_row_finalize (GObject *object)
{
  DemoRow *self = DEMO_ROW (object);

  g_free (self->name);
  g_free (self->detail);
  g_free (self->size);

  G_OBJECT_CLASS (demo_row_parent_class)->finalize (object);
}

static void
demo_row_class_init (DemoRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = demo_row_dispose;
  G_OBJECT_CLASS (klass)->finalize = demo_row_finalize;
  widget_class->measure = demo_row_measure;
  widget_class->snapshot = demo_row_snapshot;
  widget_class->query_tooltip = demo_row_query_tooltip;

  gtk_widget_class_set_css_name (widget_class, "filerow");
  /* The list item speaks for it. */
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_PRESENTATION);
}

static void
demo_row_init (DemoRow *self)
{
  gtk_widget_set_has_tooltip (GTK_WIDGET (self), TRUE);
}

GtkWidget *
demo_row_new (void)
{
  return g_object_new (DEMO_TYPE_ROW, NULL);
}
