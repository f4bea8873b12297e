/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The whole group against a naive one, with its books checked after each step, which only private headers
 * allow. */

#include "test-util.h"

#include "cfut-group-private.h"

/* What the naive group knows of a future. */
typedef struct {
  CfutPromise *promise;
  CfutFuture *future;
  guint64 units;
  guint64 done;        /* progress, of 100 */
  gboolean in_group;
  gboolean left;       /* removed, and perhaps still shown */
} Entry;

typedef struct {
  GRand *rand;
  CfutGroup *group;
  GPtrArray *entries;   /* in the order added, those that left too until the next flush */
  GPtrArray *loose;     /* in no group */
  GQueue to_hand;       /* of futures */
  GQueue to_announce;
  guint holds;
  gboolean all_done;    /* due */
  guint n_all_done;
  guint n_seen_all_done;
  GPtrArray *mirror;    /* what items-changed told */
  GQueue announced;     /* what future-done told */
  double notified_fraction;
  guint64 notified_n_done;
  guint n_flushed_entries;
} Naive;

static void
naive_items_changed (GListModel *model,
                     guint       position,
                     guint       n_removed,
                     guint       n_added,
                     Naive      *naive)
{
  if (n_removed > 0)
    g_ptr_array_remove_range (naive->mirror, position, n_removed);
  for (guint i = 0; i < n_added; i++)
    {
      gpointer item = g_list_model_get_item (model, position + i);

      g_ptr_array_insert (naive->mirror, position + i, item);
      g_object_unref (item);
    }
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, naive->mirror->len);
}

static void
naive_future_done (CfutGroup  *group,
                   CfutFuture *future,
                   Naive      *naive)
{
  g_assert_true (cfut_future_is_settled (future));
  g_assert_true (g_ptr_array_find (naive->mirror, future, NULL));
  g_queue_push_tail (&naive->announced, future);
}

static void
naive_all_done (CfutGroup *group,
                Naive     *naive)
{
  naive->n_seen_all_done++;
  /* The final notifications came before. */
  g_assert_cmpfloat (naive->notified_fraction, ==, cfut_group_get_fraction (group));
  g_assert_cmpuint (naive->notified_n_done, ==, cfut_group_get_n_done (group));
}

static void
naive_notify (CfutGroup  *group,
              GParamSpec *pspec,
              Naive      *naive)
{
  naive->notified_fraction = cfut_group_get_fraction (group);
  naive->notified_n_done = cfut_group_get_n_done (group);
}

static gboolean
naive_at_end (Naive *naive)
{
  if (naive->holds > 0)
    return FALSE;
  for (guint i = 0; i < naive->entries->len; i++)
    {
      Entry *entry = naive->entries->pdata[i];

      if (!entry->left && !cfut_future_is_settled (entry->future))
        return FALSE;
    }
  return TRUE;
}

static void
naive_settled (Naive *naive,
               Entry *entry)
{
  g_queue_push_tail (&naive->to_hand, entry->future);
  g_queue_push_tail (&naive->to_announce, entry->future);
  if (naive_at_end (naive))
    naive->all_done = TRUE;
}

static Entry *
naive_pick (Naive     *naive,
            GPtrArray *from)
{
  return from->len > 0 ? from->pdata[g_rand_int_range (naive->rand, 0, from->len)] : NULL;
}

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_object_unref (entry->promise);
  g_free (entry);
}

/* What was removed is not shown any more, what was added is. */
static void
naive_flush (Naive *naive)
{
  for (guint i = 0; i < naive->entries->len;)
    {
      Entry *entry = naive->entries->pdata[i];

      if (entry->left)
        {
          g_ptr_array_remove_index (naive->entries, i);
          if (!entry->in_group)
            g_ptr_array_add (naive->loose, entry);
          else
            g_free (entry);
        }
      else
        {
          i++;
        }
    }
}

static void
naive_assert_shown (Naive *naive)
{
  GListModel *model = G_LIST_MODEL (naive->group);
  guint64 n_done = 0;
  guint64 n_failed = 0;
  guint64 n_cancelled = 0;
  guint64 units_done = 0;
  guint64 units_total = 0;

  g_assert_cmpuint (naive->mirror->len, ==, naive->entries->len);
  for (guint i = 0; i < naive->entries->len; i++)
    {
      Entry *entry = naive->entries->pdata[i];
      CfutState state = cfut_future_get_state (entry->future);
      g_autoptr (CfutFuture) item = g_list_model_get_item (model, i);

      g_assert_true (naive->mirror->pdata[i] == entry->future);
      g_assert_true (item == entry->future);
      units_total += entry->units;
      units_done += cfut_future_is_settled (entry->future) ? entry->units
                                                           : entry->units * entry->done / 100;
      n_done += cfut_future_is_settled (entry->future);
      n_failed += state == CFUT_STATE_REJECTED;
      n_cancelled += state == CFUT_STATE_CANCELLED;
    }
  g_assert_cmpuint (cfut_group_get_n_done (naive->group), ==, n_done);
  g_assert_cmpuint (cfut_group_get_n_failed (naive->group), ==, n_failed);
  g_assert_cmpuint (cfut_group_get_n_cancelled (naive->group), ==, n_cancelled);
  g_assert_cmpuint (cfut_group_get_units_total (naive->group), ==, units_total);
  /* Parts are rounded down one by one in both, though not in the same arithmetic. */
  g_assert_cmpuint (cfut_group_get_units_done (naive->group), <=, units_done);
  g_assert_cmpuint (cfut_group_get_units_done (naive->group) + naive->entries->len, >=, units_done);
  if (naive->entries->len == 0)
    g_assert_cmpfloat (cfut_group_get_fraction (naive->group), ==, 0.0);
  else if (n_done == naive->entries->len)
    g_assert_cmpfloat (cfut_group_get_fraction (naive->group), ==, 1.0);
}

typedef enum {
  DO_ADD,
  DO_ADD_MANY,
  DO_REMOVE,
  DO_REMOVE_SETTLED
} Change;

typedef struct {
  CfutGroup *group;
  Change change;
  CfutFuture **futures;
  guint64 *units;
  guint n_futures;
} ChangeCall;

static gpointer
change_call (gpointer data)
{
  ChangeCall *call = data;

  switch (call->change)
    {
    case DO_ADD:
      cfut_group_add_units (call->group, call->futures[0], call->units[0]);
      break;
    case DO_ADD_MANY:
      cfut_group_add_many (call->group, call->futures, call->n_futures, call->units, call->n_futures);
      break;
    case DO_REMOVE:
      g_assert_true (cfut_group_remove (call->group, call->futures[0]));
      break;
    case DO_REMOVE_SETTLED:
    default:
      cfut_group_remove_settled (call->group);
      break;
    }
  return NULL;
}

/* Here, or on a thread that does not own the group's context. */
static void
naive_change (Naive      *naive,
              ChangeCall *call)
{
  call->group = naive->group;
  if (g_rand_boolean (naive->rand))
    {
      change_call (call);
      naive_flush (naive);
      naive_assert_shown (naive);
    }
  else
    {
      guint before = g_list_model_get_n_items (G_LIST_MODEL (naive->group));

      g_thread_join (g_thread_new ("change", change_call, call));
      g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (naive->group)), ==, before);
    }
}

static void
naive_add (Naive *naive)
{
  CfutFuture *futures[20];
  guint64 units[20];
  ChangeCall call = { .futures = futures, .units = units };
  guint n = g_rand_int_range (naive->rand, 1, 20);

  call.change = g_rand_boolean (naive->rand) ? DO_ADD : DO_ADD_MANY;
  if (call.change == DO_ADD)
    n = 1;

  for (guint i = 0; i < n; i++)
    {
      Entry *entry = NULL;

      if (g_rand_int_range (naive->rand, 0, 4) == 0 && naive->loose->len > 0)
        {
          /* One that was removed before, settled or not. */
          entry = g_ptr_array_steal_index (naive->loose, g_rand_int_range (naive->rand, 0,
                                                                           naive->loose->len));
        }
      else if (g_rand_int_range (naive->rand, 0, 8) == 0 && naive->entries->len > 0)
        {
          /* One that is there, or is leaving. */
          Entry *other = naive_pick (naive, naive->entries);

          if (!other->left || other->in_group)
            {
              futures[i] = other->future;
              units[i] = 77;
              continue;
            }
          other->in_group = TRUE;
          entry = g_new0 (Entry, 1);
          entry->promise = other->promise;
          entry->future = other->future;
          entry->done = other->done;
        }
      if (entry == NULL)
        {
          entry = g_new0 (Entry, 1);
          entry->promise = cfut_promise_new ();
          entry->future = cfut_promise_get_future (entry->promise);
        }
      entry->left = FALSE;
      entry->in_group = TRUE;
      entry->units = g_rand_int_range (naive->rand, 0, 1000);
      g_ptr_array_add (naive->entries, entry);
      futures[i] = entry->future;
      units[i] = entry->units;
      if (cfut_future_is_settled (entry->future))
        naive_settled (naive, entry);
    }
  call.n_futures = n;
  naive_change (naive, &call);
}

static void
naive_leave (Naive *naive,
             Entry *entry)
{
  gboolean settled = cfut_future_is_settled (entry->future);

  entry->left = TRUE;
  entry->in_group = FALSE;
  g_queue_remove (&naive->to_hand, entry->future);
  g_queue_remove (&naive->to_announce, entry->future);
  if (!settled && naive_at_end (naive))
    naive->all_done = TRUE;
}

static void
naive_remove (Naive *naive)
{
  Entry *entry = naive_pick (naive, naive->entries);
  ChangeCall call = { .change = DO_REMOVE, .n_futures = 1 };
  CfutFuture *future;

  if (entry == NULL || entry->left)
    return;

  future = entry->future;
  call.futures = &future;
  naive_leave (naive, entry);
  naive_change (naive, &call);
  g_assert_false (cfut_group_remove (naive->group, future));
}

static void
naive_remove_settled (Naive *naive)
{
  ChangeCall call = { .change = DO_REMOVE_SETTLED };

  for (guint i = 0; i < naive->entries->len; i++)
    {
      Entry *entry = naive->entries->pdata[i];

      if (!entry->left && cfut_future_is_settled (entry->future))
        naive_leave (naive, entry);
    }
  naive_change (naive, &call);
}

static void
naive_settle (Naive *naive)
{
  Entry *entry = naive_pick (naive, g_rand_int_range (naive->rand, 0, 6) == 0 ? naive->loose
                                                                              : naive->entries);
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "so it goes");

  if (entry == NULL || cfut_future_is_settled (entry->future))
    return;

  switch (g_rand_int_range (naive->rand, 0, 4))
    {
    case 0:
      cfut_promise_set_running (entry->promise);
      entry->done = g_rand_int_range (naive->rand, 0, 101);
      cfut_promise_set_progress (entry->promise, entry->done, 100);
      for (guint i = 0; i < naive->entries->len; i++)
        {
          Entry *other = naive->entries->pdata[i];

          if (other->future == entry->future)
            other->done = entry->done;
        }
      return;
    case 1:
      cfut_promise_reject (entry->promise, error);
      break;
    case 2:
      /* One that runs is only asked. */
      cfut_future_cancel (entry->future);
      if (!cfut_future_is_settled (entry->future))
        cfut_promise_resolve (entry->promise, NULL);
      break;
    default:
      cfut_promise_resolve (entry->promise, NULL);
    }

  /* The same future may be leaving and be back. */
  for (guint i = 0; i < naive->entries->len; i++)
    {
      Entry *other = naive->entries->pdata[i];

      if (other->future == entry->future && !other->left)
        naive_settled (naive, other);
    }
}

static void
naive_next (Naive *naive)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CfutFuture) future = cfut_group_next (naive->group, 0, NULL, &error);
  CfutFuture *expected = g_queue_pop_head (&naive->to_hand);

  g_assert_true (future == expected);
  if (expected != NULL || naive_at_end (naive))
    g_assert_no_error (error);
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  /* Without a loop it brings the model up to date. */
  naive_flush (naive);
  naive_assert_shown (naive);
}

static void
naive_iterate (Naive *naive)
{
  CfutFuture *announced;

  test_iterate_ready (NULL);
  naive_flush (naive);
  naive_assert_shown (naive);

  while ((announced = g_queue_pop_head (&naive->announced)) != NULL)
    g_assert_true (announced == g_queue_pop_head (&naive->to_announce));
  g_assert_true (g_queue_is_empty (&naive->to_announce));

  if (naive->all_done && naive_at_end (naive))
    {
      naive->all_done = FALSE;
      naive->n_all_done++;
    }
  g_assert_cmpuint (naive->n_seen_all_done, ==, naive->n_all_done);
}

static void
naive_hold (Naive *naive)
{
  if (naive->holds > 0 && g_rand_int_range (naive->rand, 0, 3) > 0)
    {
      cfut_group_release (naive->group);
      naive->holds--;
      if (naive_at_end (naive))
        naive->all_done = TRUE;
    }
  else
    {
      cfut_group_hold (naive->group);
      naive->holds++;
    }
}

static void
naive_run (guint32 seed)
{
  Naive naive = { 0 };

  naive.rand = g_rand_new_with_seed (seed);
  naive.group = cfut_group_new ();
  naive.entries = g_ptr_array_new ();
  naive.loose = g_ptr_array_new ();
  naive.mirror = g_ptr_array_new ();
  g_signal_connect (naive.group, "items-changed", G_CALLBACK (naive_items_changed), &naive);
  g_signal_connect (naive.group, "future-done", G_CALLBACK (naive_future_done), &naive);
  g_signal_connect (naive.group, "all-done", G_CALLBACK (naive_all_done), &naive);
  g_signal_connect (naive.group, "notify", G_CALLBACK (naive_notify), &naive);

  for (guint i = 0; i < 600; i++)
    {
      gint what = g_rand_int_range (naive.rand, 0, 100);

      if (what < 20)
        naive_add (&naive);
      else if (what < 60)
        naive_settle (&naive);
      else if (what < 68)
        naive_remove (&naive);
      else if (what < 70)
        naive_remove_settled (&naive);
      else if (what < 85)
        naive_next (&naive);
      else if (what < 90)
        naive_hold (&naive);
      else
        naive_iterate (&naive);
      cfut_group_core_check (naive.group->core);
    }
  naive_iterate (&naive);

  /* Dropped as it is, with some unsettled and some not shown. */
  naive_add (&naive);
  g_object_unref (naive.group);
  naive_flush (&naive);
  g_ptr_array_set_free_func (naive.entries, entry_free);
  g_ptr_array_set_free_func (naive.loose, entry_free);
  g_ptr_array_unref (naive.entries);
  g_ptr_array_unref (naive.loose);
  g_ptr_array_unref (naive.mirror);
  g_queue_clear (&naive.to_hand);
  g_queue_clear (&naive.to_announce);
  g_rand_free (naive.rand);
  test_iterate_ready (NULL);
}

/* Group, guarantees 2 and 3: whatever is added, settled, cancelled, removed, held and handed out,
 * on the owner's context and off it, the group shows, counts, announces and hands out what a naive
 * one does. */
static void
test_group_against_naive (void)
{
  guint32 seed = test_seed ();

  for (guint i = 0; i < 30; i++)
    naive_run (seed + i);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/group-core/against-naive-group", test_group_against_naive);

  return g_test_run ();
}
