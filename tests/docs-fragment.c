/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * What stands around statements that the documentation shows by themselves; test-docs.py puts them in. Compiled and
 * never run. */

#include <cfut/cfut.h>

extern CfutTaskFunc compute, make_thumbnail, count_words;
extern CfutMapFunc hash_file;
extern CfutRangeFunc add_pixels;
extern CfutChainFunc fetch_page, show_failure, use_cache;
extern CfutCallFunc multiply;
extern CfutCallback show_result;
extern CfutLineFunc on_line;
extern CfutInitializerFunc open_database;
extern CfutAsyncFunc load_start;
extern CfutFinishFunc load_finish;

void show (const char *text);
void handle (CfutFuture *settled);
void fragment (void);

extern CfutExecutor *executor, *processes;
extern CfutFuture *future, *address, *page, *both, *sum, *first, *second;
extern CfutFuture *futures[2];
extern CfutGroup *group;
extern CfutRequest *request;
extern CfutRateLimit *limit;
extern CfutSharedDict *dict;
extern CfutWorker *worker;
extern CfutTask *task;
extern GCancellable *cancellable;
extern GObject *bar, *label, *window;
extern GError *error;
extern gpointer data, file, files, image, input, path;
extern double result;
extern guint64 n_files, n_pixels, size;
extern gint64 n;

void
fragment (void)
{
  {
    @FRAGMENT@
  }
}
