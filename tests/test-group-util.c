/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What the suites of the group share: promises in groups, on this thread and others, and a log of
 * what a group emits, which checks on the way what has to hold at every time. */

#include "test-group-util.h"

CfutPromise *
add_promise (CfutGroup *group)
{
  CfutPromise *promise = cfut_promise_new ();

  cfut_group_add (group, cfut_promise_get_future (promise));
  return promise;
}

GPtrArray *
add_promises (CfutGroup *group,
              guint      n)
{
  GPtrArray *promises = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (promises, add_promise (group));
  return promises;
}

typedef struct {
  CfutGroup *group;
  GPtrArray *promises;
  guint n;
} AddCall;

static gpointer
add_thread (gpointer data)
{
  AddCall *call = data;

  call->promises = add_promises (call->group, call->n);
  return NULL;
}

GPtrArray *
add_elsewhere (CfutGroup *group,
               guint      n)
{
  AddCall call = { .group = group, .n = n };

  g_thread_join (g_thread_new ("add", add_thread, &call));
  return call.promises;
}

static gpointer
remove_thread (gpointer data)
{
  gpointer *group_and_future = data;

  g_assert_true (cfut_group_remove (group_and_future[0], group_and_future[1]));
  return NULL;
}

void
remove_elsewhere (CfutGroup  *group,
                  CfutFuture *future)
{
  gpointer group_and_future[] = { group, future };

  g_thread_join (g_thread_new ("remove", remove_thread, group_and_future));
}

CfutFuture *
future_at (GPtrArray *promises,
           guint      i)
{
  return cfut_promise_get_future (promises->pdata[i]);
}

void
reject (CfutPromise *promise)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "so it goes");

  g_assert_true (cfut_promise_reject (promise, error));
}

void
assert_next (CfutGroup  *group,
             CfutFuture *expected)
{
  GError *error = NULL;
  CfutFuture *future = cfut_group_next (group, TEST_DEADLINE_USEC, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (future == expected);
  g_clear_object (&future);
}

void
assert_next_fails (CfutGroup    *group,
                   gint64        timeout_usec,
                   GCancellable *cancellable,
                   int           code)
{
  GError *error = NULL;

  g_assert_null (cfut_group_next (group, timeout_usec, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, code);
  g_error_free (error);
}

gboolean
wait_now (CfutGroup      *group,
          CfutReturnWhen  return_when)
{
  GError *error = NULL;
  gboolean is_so = cfut_group_wait (group, return_when, 0, NULL, &error);

  if (!is_so)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  else
    g_assert_no_error (error);
  g_clear_error (&error);
  return is_so;
}

guint
n_items (CfutGroup *group)
{
  guint n;

  g_object_get (group, "n-items", &n, NULL);
  g_assert_cmpuint (n, ==, g_list_model_get_n_items (G_LIST_MODEL (group)));
  return n;
}

/* Settles one for each start. */
static gpointer
settler_thread (gpointer data)
{
  Settler *settler = data;

  for (guint i = 0; i < settler->promises->len; i++)
    {
      test_sem_wait (&settler->start);
      cfut_promise_resolve (settler->promises->pdata[i], NULL);
      test_sem_post (&settler->ended);
    }
  return NULL;
}

void
settler_init (Settler   *settler,
              GPtrArray *promises)
{
  settler->promises = promises;
  test_sem_init (&settler->start);
  test_sem_init (&settler->ended);
  settler->thread = g_thread_new ("settle", settler_thread, settler);
}

void
settler_clear (Settler *settler)
{
  g_thread_join (settler->thread);
  g_ptr_array_unref (settler->promises);
  test_sem_clear (&settler->start);
  test_sem_clear (&settler->ended);
}

static void
group_log_items_changed (GListModel *model,
                   guint       position,
                   guint       n_removed,
                   guint       n_added,
                   GroupLog        *log)
{
  g_assert_true (g_thread_self () == log->thread);
  log->n_changes++;
  g_assert_cmpuint (position + n_removed, <=, log->mirror->len);
  if (n_removed > 0)
    g_ptr_array_remove_range (log->mirror, position, n_removed);
  for (guint i = 0; i < n_added; i++)
    g_ptr_array_insert (log->mirror, position + i, NULL);

  /* The model holds the same at this time, neither more nor less. */
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, log->mirror->len);
  for (guint i = position; i < position + n_added; i++)
    {
      log->mirror->pdata[i] = g_list_model_get_item (model, i);
      g_assert_true (CFUT_IS_FUTURE (log->mirror->pdata[i]));
    }
}

static void
group_log_future_done (CfutGroup  *group,
                 CfutFuture *future,
                 GroupLog        *log)
{
  g_assert_true (g_thread_self () == log->thread);
  g_assert_true (cfut_future_is_settled (future));
  g_assert_cmpuint (log->n_all_done, ==, 0);
  /* Without handlers on the future itself this would be slow to look up: ask only small models. */
  if (log->mirror->len < 1000)
    g_assert_true (g_ptr_array_find (log->mirror, future, NULL));
  g_ptr_array_add (log->done, g_object_ref (future));
}

static void
group_log_all_done (CfutGroup *group,
              GroupLog       *log)
{
  g_assert_true (g_thread_self () == log->thread);
  log->n_all_done++;
  g_assert_cmpfloat (log->fraction, ==, cfut_group_get_fraction (group));
  g_assert_cmpuint (log->n_done, ==, cfut_group_get_n_done (group));
  g_assert_cmpuint (log->n_items, ==, n_items (group));
  g_assert_cmpint (log->remaining_usec, ==, 0);
}

static void
group_log_notify (CfutGroup  *group,
            GParamSpec *pspec,
            GroupLog        *log)
{
  g_assert_true (g_thread_self () == log->thread);
  /* What is shown never runs ahead of the list. */
  g_assert_cmpuint (cfut_group_get_n_done (group), <=, log->mirror->len);
  if (g_str_equal (pspec->name, "fraction"))
    {
      log->n_fraction++;
      log->fraction = cfut_group_get_fraction (group);
    }
  else if (g_str_equal (pspec->name, "n-done"))
    {
      log->n_done = cfut_group_get_n_done (group);
    }
  else if (g_str_equal (pspec->name, "n-items"))
    {
      log->n_items = n_items (group);
      g_assert_cmpuint (log->n_items, ==, log->mirror->len);
    }
  else if (g_str_equal (pspec->name, "remaining-usec"))
    {
      log->remaining_usec = cfut_group_get_remaining_usec (group);
    }
}

void
group_log_connect (GroupLog       *log,
             CfutGroup *group)
{
  memset (log, 0, sizeof (*log));
  log->thread = g_thread_self ();
  log->mirror = g_ptr_array_new_with_free_func ((GDestroyNotify) g_object_unref);
  log->done = g_ptr_array_new_with_free_func (g_object_unref);
  g_signal_connect (group, "items-changed", G_CALLBACK (group_log_items_changed), log);
  g_signal_connect (group, "future-done", G_CALLBACK (group_log_future_done), log);
  g_signal_connect (group, "all-done", G_CALLBACK (group_log_all_done), log);
  g_signal_connect (group, "notify", G_CALLBACK (group_log_notify), log);
}

void
group_log_clear (GroupLog *log)
{
  g_ptr_array_unref (log->mirror);
  g_ptr_array_unref (log->done);
}

void
on_all_done_count (CfutGroup *group,
                   guint     *n_all_done)
{
  (*n_all_done)++;
}
