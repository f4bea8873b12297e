/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "hash-run.h"
#include "hash-sums.h"
#include "window-compare.h"
#include "window-frames.h"
#include "window-main.h"

G_BEGIN_DECLS

/* The window's parts see each other's fields: it is one object in several files. */
struct _DemoWindow {
  AdwApplicationWindow parent_instance;

  /* of the template */
  AdwToastOverlay *toasts;
  GtkWidget *drop_area;
  AdwWindowTitle *title;
  GtkWidget *empty_choose_button;
  GtkWidget *start_button;
  GtkWidget *cancel_button;
  GtkDropDown *algorithm_drop_down;
  GtkSpinButton *workers_spin;
  GtkAdjustment *workers_adjustment;
  GtkWidget *compare_box;
  GtkLabel *compare_label;
  GtkStack *pages;
  AdwStatusPage *ready_page;
  GtkListView *file_list;
  GtkRevealer *status_revealer;
  GtkProgressBar *progress_bar;
  GtkLabel *status_label;
  GtkLabel *detail_label;
  GtkWidget *problems_button;
  AdwButtonContent *problems_content;

  /* constant */
  CfutExecutor *background;     /* what a window does besides hashing: load, compare, copy, save */
  GtkMultiSelection *selection;
  char *output;                 /* (nullable): where the sums go at the end of each run */

  /* what will be hashed */
  GStrv paths;                  /* raw names, never NULL */

  /* the run that is shown */
  HashRun *run;                 /* (nullable) */
  char *prefix;                 /* (nullable): the beginning that all its paths have, for display */
  GListStore *problems;         /* futures that failed, then what a comparison found */
  GBinding *fraction_binding;   /* while the bar shows the group's fraction */
  DemoFrames *frames;
  guint update_id;
  gboolean running;             /* run is, and was not cancelled here */
  gboolean problems_only;

  /* what it is compared with */
  HashSums *expected;           /* (nullable) */
  char *expected_base;          /* absolute */
  DemoVerdicts *verdicts;       /* (nullable): of this run, after its end */
  guint n_failed_items;         /* the first of problems; what follows is the comparison's */
  guint n_missing;              /* without those whose failure stands in the list already */
  CfutFuture *loading;          /* (nullable): of a sums file */
  CfutFuture *comparing;        /* (nullable) */

  GtkFileChooserNative *chooser;  /* (nullable): the one that is open */
};

/* window-main.c */
void demo_window_toast       (DemoWindow *self,
                              const char *text);
void demo_window_update      (DemoWindow *self);
void demo_window_rebind_rows (DemoWindow *self);

/* window-actions.c */
void demo_window_install_actions (GtkWidgetClass *widget_class);
void demo_window_add_drop_target (DemoWindow     *self);
void demo_window_add_list_keys   (DemoWindow     *self);
void demo_window_save_sums       (DemoWindow     *self,
                                  const char     *filename);

G_END_DECLS
