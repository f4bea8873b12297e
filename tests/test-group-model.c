/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The group as a GUI sees it: the list model, signals and notifications, and what their handlers
 * may do. Guarantees 3 (order) and 4 (a flood never freezes the UI). */

#include "test-group-util.h"

/* add shows the future at once on the owner's context, and with one items-changed; from another
 * thread in the next slice. In between the model, its length and the counts stand still; next does
 * not depend on it. */
static void
test_group_items_changed (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) here = NULL;
  g_autoptr (GPtrArray) elsewhere = NULL;
  g_autoptr (CfutPromise) last = NULL;
  GroupLog log;

  group_log_connect (&log, group);
  here = add_promises (group, 2);
  g_assert_cmpuint (log.n_changes, ==, 2);
  g_assert_cmpuint (n_items (group), ==, 2);

  elsewhere = add_elsewhere (group, 10);
  cfut_promise_resolve (elsewhere->pdata[7], NULL);
  g_assert_cmpuint (log.n_changes, ==, 2);
  g_assert_cmpuint (n_items (group), ==, 2);
  g_assert_cmpuint (cfut_group_get_n_done (group), ==, 0);
  g_assert_cmpuint (cfut_group_get_units_total (group), ==, 2);
  g_assert_null (g_list_model_get_item (G_LIST_MODEL (group), 2));
  g_assert_true (wait_now (group, CFUT_RETURN_WHEN_FIRST_COMPLETED));

  test_iterate_until (NULL, log.done->len == 1);
  g_assert_cmpuint (log.n_changes, ==, 3);
  g_assert_cmpuint (n_items (group), ==, 12);
  g_assert_cmpuint (cfut_group_get_n_done (group), ==, 1);
  for (guint i = 0; i < 10; i++)
    g_assert_true (log.mirror->pdata[2 + i] == future_at (elsewhere, i));

  /* What waits to be shown comes first. */
  g_ptr_array_unref (elsewhere);
  elsewhere = add_elsewhere (group, 3);
  last = add_promise (group);
  g_assert_cmpuint (log.n_changes, ==, 4);
  g_assert_cmpuint (n_items (group), ==, 16);
  g_assert_true (log.mirror->pdata[15] == cfut_promise_get_future (last));
  group_log_clear (&log);
}

/* A handler of items-changed that adds and removes: every handler, in whatever place, hears of the
 * changes in the order in which they happen to the model. */
static void
on_items_changed_add (GListModel *model,
                      guint       position,
                      guint       n_removed,
                      guint       n_added,
                      GPtrArray  *more)
{
  if (n_added > 0 && more->len < 20)
    {
      g_ptr_array_add (more, add_promise (CFUT_GROUP (model)));
      if (more->len % 4 == 0)
        cfut_group_remove (CFUT_GROUP (model), future_at (more, more->len / 2));
    }
}

static void
test_group_change_within_items_changed (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) more = g_ptr_array_new_with_free_func (g_object_unref);
  GroupLog before;
  GroupLog after;

  group_log_connect (&before, group);
  g_signal_connect (group, "items-changed", G_CALLBACK (on_items_changed_add), more);
  group_log_connect (&after, group);
  g_ptr_array_add (more, add_promise (group));
  g_assert_cmpuint (more->len, >=, 20);
  g_assert_cmpuint (before.mirror->len, ==, after.mirror->len);
  g_assert_cmpuint (before.mirror->len, ==, n_items (group));
  for (guint i = 0; i < before.mirror->len; i++)
    g_assert_true (before.mirror->pdata[i] == after.mirror->pdata[i]);
  group_log_clear (&before);
  group_log_clear (&after);
}

static gboolean
task_report_progress (CfutTask  *task,
                      gpointer   enough,
                      GError   **error)
{
  guint64 i = 0;

  while (!g_atomic_int_get ((int *) enough))
    cfut_task_set_progress (task, ++i % 1000000, 1000000);
  return TRUE;
}

/* Guarantee 4: progress as fast as a worker can report it is notified, at most 60 times a second,
 * and the last notifications come before all-done, which group_log_all_done checks. */
static void
test_group_notifications_are_coalesced (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutFuture) future = NULL;
  gint64 begin = g_get_monotonic_time ();
  double seconds;
  int enough = FALSE;
  GroupLog log;

  group_log_connect (&log, group);
  future = cfut_executor_submit (executor, task_report_progress, &enough, NULL);
  cfut_group_add_units (group, future, 1000000);
  test_iterate_until (NULL, log.n_fraction >= 20);
  g_assert_cmpuint (log.n_all_done, ==, 0);
  g_atomic_int_set (&enough, TRUE);
  test_iterate_until (NULL, log.n_all_done == 1);
  seconds = (g_get_monotonic_time () - begin) / (double) G_USEC_PER_SEC;

  g_test_message ("%u notifications in %.3f s", log.n_fraction, seconds);
  /* The first, and the final one, which is exempt. */
  g_assert_cmpfloat (log.n_fraction, <=, 60 * seconds + 2);
  g_assert_cmpfloat (log.fraction, ==, 1.0);
  group_log_clear (&log);
}

typedef struct {
  guint n_done;
  guint n_since_beat;
  guint most;        /* announced between two beats */
} Flood;

static gboolean
on_beat (gpointer data)
{
  Flood *flood = data;

  flood->n_since_beat = 0;
  return G_SOURCE_CONTINUE;
}

static void
on_done_burn (CfutGroup  *group,
              CfutFuture *future,
              Flood      *flood)
{
  flood->n_done++;
  flood->n_since_beat++;
  flood->most = MAX (flood->most, flood->n_since_beat);
  test_burn (200);
}

/* Guarantee 4: however many futures have settled, and though something redraws without pause, what
 * is announced in one go takes a slice of time and no more. */
static void
test_group_flood_leaves_room (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 1000);
  GSource *beat = g_idle_source_new ();
  Flood flood = { 0 };

  g_signal_connect (group, "future-done", G_CALLBACK (on_done_burn), &flood);
  for (guint i = 0; i < promises->len; i++)
    cfut_promise_resolve (promises->pdata[i], NULL);
  g_source_set_priority (beat, G_PRIORITY_HIGH_IDLE + 20);
  g_source_set_callback (beat, on_beat, &flood, NULL);
  g_source_attach (beat, NULL);
  test_iterate_until (NULL, flood.n_done == 1000);
  g_source_destroy (beat);
  g_source_unref (beat);

  /* 4 ms, and the 1 ms in which the group looks at the time itself, are 25 handlers. */
  g_test_message ("at most %u in one go", flood.most);
  g_assert_cmpuint (flood.most, <=, 30);
}

typedef struct {
  CfutGroup *group;
  CfutPromise *other;
  GPtrArray *more;
  guint n_calls;
  int n_gone;
} Handler;

static void
on_done_drop (CfutGroup  *group,
              CfutFuture *future,
              Handler    *handler)
{
  handler->n_calls++;
  g_clear_object (&handler->group);
}

/* A handler of future-done may drop the last reference: nothing more comes, and the group is gone
 * after it. */
static void
test_group_handler_drops_group (void)
{
  Handler handler = { .group = cfut_group_new () };
  g_autoptr (GPtrArray) promises = add_promises (handler.group, 5);

  test_watch_gone (handler.group, &handler.n_gone);
  g_signal_connect (handler.group, "future-done", G_CALLBACK (on_done_drop), &handler);
  for (guint i = 0; i < 5; i++)
    cfut_promise_resolve (promises->pdata[i], NULL);
  test_iterate_until (NULL, handler.n_gone == 1);
  test_iterate_ready (NULL);
  /* The slice holds it to the end of the batch. */
  g_assert_cmpuint (handler.n_calls, >=, 1);
}

static void
on_done_add (CfutGroup  *group,
             CfutFuture *future,
             Handler    *handler)
{
  if (handler->n_calls++ < 100)
    {
      CfutPromise *promise = add_promise (group);

      g_ptr_array_add (handler->more, promise);
      cfut_promise_resolve (promise, NULL);
    }
}

/* A handler of future-done may add, and what it adds is announced too, before all-done. */
static void
test_group_handler_adds (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) promise = NULL;
  g_autoptr (GPtrArray) more = g_ptr_array_new_with_free_func (g_object_unref);
  Handler handler = { .more = more };
  GroupLog log;

  group_log_connect (&log, group);
  g_signal_connect (group, "future-done", G_CALLBACK (on_done_add), &handler);
  promise = add_promise (group);
  cfut_promise_resolve (promise, NULL);
  test_iterate_until (NULL, log.n_all_done == 1);
  g_assert_cmpuint (log.done->len, ==, 101);
  g_assert_cmpuint (n_items (group), ==, 101);
  group_log_clear (&log);
}

static void
on_done_remove (CfutGroup  *group,
                CfutFuture *future,
                Handler    *handler)
{
  handler->n_calls++;
  g_assert_true (cfut_group_remove (group, future));
  if (handler->other != NULL)
    g_assert_true (cfut_group_remove (group, cfut_promise_get_future (handler->other)));
  handler->other = NULL;
}

/* A handler of future-done may remove its future, and the next one, which then is not announced. */
static void
test_group_handler_removes (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = NULL;
  Handler handler = { 0 };
  GroupLog log;

  group_log_connect (&log, group);
  promises = add_promises (group, 10);
  handler.other = promises->pdata[5];
  g_signal_connect (group, "future-done", G_CALLBACK (on_done_remove), &handler);
  for (guint i = 0; i < 10; i++)
    cfut_promise_resolve (promises->pdata[(i + 4) % 10], NULL);
  test_iterate_until (NULL, log.n_all_done == 1);
  g_assert_cmpuint (handler.n_calls, ==, 9);
  g_assert_cmpuint (n_items (group), ==, 0);
  g_assert_cmpuint (cfut_group_get_n_done (group), ==, 0);
  group_log_clear (&log);
}

typedef struct {
  guint n_begun;
  guint n_ended;
  guint n_all_done;
  guint n_all_done_at_end;
} Nested;

static void
on_done_nest (CfutGroup  *group,
              CfutFuture *future,
              Nested     *nested)
{
  /* The first handler runs a loop until everything is done, a modal dialog say. */
  if (nested->n_begun++ == 0)
    {
      test_iterate_until (NULL, nested->n_all_done > 0);
      nested->n_all_done_at_end = nested->n_all_done;
    }
  nested->n_ended++;
}

/* A main loop inside a handler goes on with the group: the other futures, and all-done, once. */
static void
test_group_nested_loop (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (GPtrArray) promises = add_promises (group, 20);
  Nested nested = { 0 };

  g_signal_connect (group, "future-done", G_CALLBACK (on_done_nest), &nested);
  g_signal_connect (group, "all-done", G_CALLBACK (on_all_done_count), &nested.n_all_done);
  for (guint i = 0; i < 20; i++)
    cfut_promise_resolve (promises->pdata[i], NULL);
  test_iterate_until (NULL, nested.n_ended == 20);
  test_iterate_ready (NULL);
  g_assert_cmpuint (nested.n_begun, ==, 20);
  g_assert_cmpuint (nested.n_all_done_at_end, ==, 1);
  g_assert_cmpuint (nested.n_all_done, ==, 1);
}

typedef struct {
  GPtrArray *promises;
  guint n_changes;
  guint n_all_done;
} NestedModel;

static void
on_items_changed_nest (GListModel  *model,
                       guint        position,
                       guint        n_removed,
                       guint        n_added,
                       NestedModel *nested)
{
  if (nested->n_changes++ == 0)
    {
      nested->promises = add_elsewhere (CFUT_GROUP (model), 5);
      for (guint i = 0; i < 5; i++)
        cfut_promise_resolve (nested->promises->pdata[i], NULL);
      test_iterate_until (NULL, nested->n_all_done > 0);
    }
}

/* Even inside items-changed: a loop that waits there for the group does not wait for ever. */
static void
test_group_nested_loop_in_items_changed (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) promise = cfut_promise_new ();
  NestedModel nested = { 0 };

  g_signal_connect (group, "items-changed", G_CALLBACK (on_items_changed_nest), &nested);
  g_signal_connect (group, "all-done", G_CALLBACK (on_all_done_count), &nested.n_all_done);
  cfut_promise_resolve (promise, NULL);
  cfut_group_add (group, cfut_promise_get_future (promise));
  g_assert_cmpuint (nested.n_all_done, ==, 1);
  g_assert_cmpuint (n_items (group), ==, 6);
  g_ptr_array_unref (nested.promises);
}

static void
on_items_changed_own (GListModel *model,
                      guint       position,
                      guint       n_removed,
                      guint       n_added,
                      guint      *n_calls)
{
  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  (*n_calls)++;
}

/* Where no loop runs, what shows at once owns the context while it does: a loop that another thread begins to run
 * then does not show the same at the same time. */
static void
test_group_shows_as_owner (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutPromise) promise = NULL;
  guint n_calls = 0;

  g_signal_connect (group, "items-changed", G_CALLBACK (on_items_changed_own), &n_calls);
  promise = add_promise (group);
  g_assert_cmpuint (n_calls, ==, 1);
  g_assert_false (g_main_context_is_owner (g_main_context_default ()));
}

typedef struct {
  GPtrArray *promises;
  guint64 n_done;         /* as last seen by a handler */
  gint64 remaining_usec;
  guint n_calls;
  guint n_all_done;
} Seen;

static void
on_n_done_do_and_undo (CfutGroup  *group,
                       GParamSpec *pspec,
                       Seen       *seen)
{
  if (seen->n_calls++ == 0)
    cfut_promise_resolve (seen->promises->pdata[1], NULL);
  seen->n_done = cfut_group_get_n_done (group);
  if (seen->n_calls == 1)
    cfut_group_remove (group, future_at (seen->promises, 1));
}

/* What a handler sees is live, and may be more than what it was called for. When that is taken back
 * before anything else is notified, the handler is called once more: it never stays with what it
 * saw in between. */
static void
test_group_undone_while_notified (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  Seen seen = { .promises = add_promises (group, 3) };

  g_signal_connect (group, "notify::n-done", G_CALLBACK (on_n_done_do_and_undo), &seen);
  cfut_promise_resolve (seen.promises->pdata[0], NULL);
  test_iterate_until (NULL, seen.n_calls == 2);
  g_assert_cmpuint (seen.n_done, ==, 1);
  g_assert_cmpuint (cfut_group_get_n_done (group), ==, 1);
  g_assert_cmpuint (n_items (group), ==, 2);
  g_ptr_array_unref (seen.promises);
  test_iterate_ready (NULL);
}

static void
on_remaining_hold (CfutGroup  *group,
                   GParamSpec *pspec,
                   Seen       *seen)
{
  gboolean at_end = cfut_group_get_n_done (group) == 1 && seen->n_calls++ == 0;

  if (at_end)
    cfut_group_hold (group);
  seen->remaining_usec = cfut_group_get_remaining_usec (group);
  if (at_end)
    {
      g_assert_cmpint (seen->remaining_usec, ==, -1);
      cfut_group_release (group);
    }
}

static void
on_all_done_compare (CfutGroup *group,
                     Seen      *seen)
{
  g_assert_cmpint (seen->remaining_usec, ==, cfut_group_get_remaining_usec (group));
  seen->n_all_done++;
}

/* The same at the end: when all-done is emitted, the handlers of notifications have seen how it
 * ended. */
static void
test_group_undone_at_the_end (void)
{
  g_autoptr (CfutGroup) group = cfut_group_new ();
  Seen seen = { .promises = add_promises (group, 1) };

  g_signal_connect (group, "notify::remaining-usec", G_CALLBACK (on_remaining_hold), &seen);
  g_signal_connect (group, "all-done", G_CALLBACK (on_all_done_compare), &seen);
  test_iterate_until (NULL, seen.remaining_usec == -1);
  cfut_promise_resolve (seen.promises->pdata[0], NULL);
  test_iterate_until (NULL, seen.n_all_done == 1);
  g_assert_cmpuint (seen.n_calls, ==, 2);
  g_assert_cmpint (seen.remaining_usec, ==, 0);
  g_ptr_array_unref (seen.promises);
  test_iterate_ready (NULL);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/group/items-changed", test_group_items_changed);
  g_test_add_func ("/cfut/group/change-within-items-changed",
                   test_group_change_within_items_changed);
  g_test_add_func ("/cfut/group/notifications-are-coalesced",
                   test_group_notifications_are_coalesced);
  g_test_add_func ("/cfut/group/flood-leaves-room", test_group_flood_leaves_room);
  g_test_add_func ("/cfut/group/handler/drops-group", test_group_handler_drops_group);
  g_test_add_func ("/cfut/group/handler/adds", test_group_handler_adds);
  g_test_add_func ("/cfut/group/handler/removes", test_group_handler_removes);
  g_test_add_func ("/cfut/group/handler/nested-loop", test_group_nested_loop);
  g_test_add_func ("/cfut/group/handler/nested-loop-in-items-changed",
                   test_group_nested_loop_in_items_changed);
  g_test_add_func ("/cfut/group/shows-as-owner-of-the-context", test_group_shows_as_owner);
  g_test_add_func ("/cfut/group/handler/undone-while-notified", test_group_undone_while_notified);
  g_test_add_func ("/cfut/group/handler/undone-at-the-end", test_group_undone_at_the_end);

  return g_test_run ();
}
