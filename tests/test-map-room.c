/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutMap in an executor whose queue is full, with a request that waits for room: whoever takes waits no longer
 * than it wants to, and nothing is lost by that. */

#include "test-map-util.h"

/* Added to the size of a chunk: there are two of them in all; and, they are calls by name. */
#define ALL_MADE 16
#define BY_NAME 32

/* A map whose first task has ended, over an executor of one worker, which stands at a gate now, with a queue that has
 * no room. */
typedef struct {
  CfutExecutor *executor;
  CfutGroup *group;       /* of the items */
  CfutFuture *blocker;
  CfutFuture *filler;
  TestGate gate;
  TestPlace destroyed;
  CfutMap *map;
  guint chunk;
  guint n_items;
} Full;

static gboolean
call_number (CfutTask  *task,
             GVariant  *args,
             gpointer   user_data,
             GError   **error)
{
  cfut_task_set_result_int64 (task, ITEM_NUMBER (g_variant_get_uint32 (args)));
  return TRUE;
}

static CfutMap *
map_by_name (Full        *self,
             CfutRequest *request)
{
  GVariantBuilder args;

  g_variant_builder_init (&args, G_VARIANT_TYPE ("au"));
  for (guint i = 0; i < self->n_items; i++)
    g_variant_builder_add (&args, "u", i);
  cfut_functions_add (cfut_executor_get_functions (self->executor), "number", call_number,
                      &self->destroyed, test_place_note);
  return cfut_executor_map_call (self->executor, request, "number", g_variant_builder_end (&args),
                                 self->chunk);
}

static void
full_set_up (Full          *self,
             gconstpointer  kind)
{
  g_autoptr (CfutRequest) request = NULL;

  self->chunk = GPOINTER_TO_UINT (kind) % ALL_MADE;
  self->n_items = GPOINTER_TO_UINT (kind) & ALL_MADE ? 2 * self->chunk : 7;
  request = chunked (self->chunk);
  self->group = cfut_group_new ();
  cfut_request_set_when_full (request, CFUT_WHEN_FULL_BLOCK);
  cfut_request_set_group (request, self->group);
  self->executor = cfut_thread_executor_new (1);
  cfut_executor_set_max_pending (self->executor, 1);
  test_gate_init (&self->gate);
  self->map = GPOINTER_TO_UINT (kind) & BY_NAME
    ? map_by_name (self, request)
    : cfut_executor_map (self->executor, request, self->n_items, self->chunk, item_kept,
                         &self->destroyed, test_place_note);
  test_poll_until (cfut_executor_get_n_completed (self->executor) == 1);
  self->blocker = cfut_executor_submit (self->executor, test_task_pass, &self->gate, NULL);
  test_gate_wait_arrived (&self->gate, 1);
  self->filler = cfut_executor_submit (self->executor, test_task_nothing, NULL, NULL);
}

/* Takes what has ended: what comes next has no room. */
static void
full_use_up (Full *self)
{
  for (guint i = 0; i < self->chunk; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (CfutFuture) future = cfut_map_next (self->map, 1000, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpint (cfut_future_result_int64 (future, 0, NULL), ==, ITEM_NUMBER (i));
    }
  g_assert_cmpuint (cfut_map_get_n_taken (self->map), ==, self->chunk);
}

static void
full_take_the_rest (Full *self)
{
  test_gate_open (&self->gate);
  for (guint i = (guint) cfut_map_get_n_taken (self->map); i < self->n_items; i++)
    assert_next_is (self->map, i);
  assert_at_end (self->map);
}

static void
full_tear_down (Full          *self,
                gconstpointer  kind)
{
  test_gate_open (&self->gate);
  g_clear_object (&self->map);
  g_assert_true (cfut_executor_shutdown (self->executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC,
                                         NULL));
  g_object_unref (self->blocker);
  g_object_unref (self->filler);
  g_object_unref (self->executor);
  test_iterate_until (NULL, test_place_get_n (&self->destroyed) == 1);
  test_place_assert_here (&self->destroyed, 1);
  g_object_unref (self->group);
  test_iterate_ready (NULL);
  test_gate_clear (&self->gate);
}

static void
assert_times_out (CfutMap *map,
                  gint64   timeout_usec)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (cfut_map_next (map, timeout_usec, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

/* Its own time limit, none at all, and that of the map. What was taken before the place of it could be filled is
 * handed out in time too. */
static void
test_room_times_out (Full          *full,
                     gconstpointer  kind)
{
  full_use_up (full);
  assert_times_out (full->map, 0);
  assert_times_out (full->map, 1000);
  cfut_map_set_timeout_usec (full->map, 1000);
  assert_times_out (full->map, -1);
  cfut_map_set_timeout_usec (full->map, -1);
  g_assert_cmpuint (cfut_map_get_n_taken (full->map), ==, full->chunk);

  full_take_the_rest (full);
}

static gpointer
cancel_on_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* The caller's cancellable, before and while it waits for room. */
static void
test_room_cancelled (Full          *full,
                     gconstpointer  kind)
{
  full_use_up (full);
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      GThread *thread = g_thread_new ("cancel", cancel_on_thread, cancellable);

      g_assert_null (cfut_map_next (full->map, -1, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);
    }

  full_take_the_rest (full);
}

typedef struct {
  CfutMap *map;
  CfutFuture *got;
  TestSem taken;
} Taker;

static gpointer
take_on_thread (gpointer data)
{
  Taker *self = data;

  self->got = next_now (self->map);
  test_sem_post (&self->taken);
  return NULL;
}

/* Whoever waits behind the one that waits for room goes on with it when that gives up. */
static void
test_room_taken_over (Full          *full,
                      gconstpointer  kind)
{
  Taker taker = { .map = full->map };
  GThread *thread;

  full_use_up (full);
  test_sem_init (&taker.taken);
  thread = g_thread_new ("taker", take_on_thread, &taker);
  for (guint i = 0; i < 50; i++)
    assert_times_out (full->map, i * 20);
  test_gate_open (&full->gate);
  g_thread_join (thread);
  g_assert_cmpint (cfut_future_result_int64 (taker.got, 0, NULL), ==, ITEM_NUMBER (full->chunk));
  g_object_unref (taker.got);
  test_sem_clear (&taker.taken);

  full_take_the_rest (full);
}

static void
assert_next_is_cancelled (CfutMap *map)
{
  g_autoptr (CfutFuture) future = next_now (map);

  g_assert_nonnull (future);
  test_assert_fails (future, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* A map that is cancelled waits for room no more, be it at that moment or not; what had been made is handed out. */
static void
test_room_map_cancelled (Full          *full,
                         gconstpointer  kind)
{
  full_use_up (full);
  assert_times_out (full->map, 0);
  cfut_map_cancel (full->map);
  for (guint i = 0; i < full->chunk; i++)
    assert_next_is_cancelled (full->map);
  assert_at_end (full->map);
}

static void
test_room_map_cancelled_meanwhile (Full          *full,
                                   gconstpointer  kind)
{
  Taker taker = { .map = full->map };
  GThread *thread;

  full_use_up (full);
  test_sem_init (&taker.taken);
  thread = g_thread_new ("taker", take_on_thread, &taker);
  cfut_map_cancel (full->map);
  g_thread_join (thread);
  g_assert_nonnull (taker.got);
  test_assert_fails (taker.got, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_object_unref (taker.got);
  for (guint i = 1; i < full->chunk; i++)
    assert_next_is_cancelled (full->map);
  assert_at_end (full->map);
  test_sem_clear (&taker.taken);
}

/* The items that have no room are in their group, and end with it; the map goes on with those behind them. */
static void
test_room_group_cancelled (Full          *full,
                           gconstpointer  kind)
{
  full_use_up (full);
  assert_times_out (full->map, 0);
  cfut_group_cancel (full->group);
  test_gate_open (&full->gate);
  for (guint i = 0; i < full->chunk; i++)
    assert_next_is_cancelled (full->map);

  full_take_the_rest (full);
}

/* An executor that is shut down says so to what had no room, and to what is behind it. */
static void
test_room_shut_down (Full          *full,
                     gconstpointer  kind)
{
  full_use_up (full);
  assert_times_out (full->map, 0);
  cfut_executor_shutdown (full->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
  for (guint i = full->chunk; i < full->n_items; i++)
    {
      g_autoptr (CfutFuture) future = next_now (full->map);

      test_assert_fails (future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                         CFUT_FUTURE_ERROR_SHUT_DOWN);
    }
  assert_at_end (full->map);
}

/* A map that is dropped while something of it has no room cancels that, and frees its data. */
static void
test_room_dropped (Full          *full,
                   gconstpointer  kind)
{
  g_autoptr (CfutFuture) made = NULL;

  full_use_up (full);
  assert_times_out (full->map, 0);
  test_iterate_until (NULL, g_list_model_get_n_items (G_LIST_MODEL (full->group)) == 2 * full->chunk);
  made = g_list_model_get_item (G_LIST_MODEL (full->group), full->chunk);
  g_assert_cmpint (cfut_future_get_state (made), ==, CFUT_STATE_PENDING);
  g_clear_object (&full->map);
  test_assert_fails (made, CFUT_STATE_CANCELLED, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

typedef struct {
  CfutFuture *future;
  GError *error;
  int n_calls;
} AsyncNext;

static void
on_next (GObject      *object,
         GAsyncResult *result,
         gpointer      data)
{
  AsyncNext *self = data;

  self->n_calls++;
  self->future = cfut_map_next_finish (CFUT_MAP (object), result, &self->error);
}

/* The asynchronous form does not block its thread, and ends in the same ways. */
static void
test_room_async (Full          *full,
                 gconstpointer  kind)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  AsyncNext limited = { NULL };
  AsyncNext cancelled = { NULL };

  full_use_up (full);
  cfut_map_next_async (full->map, 1000, NULL, on_next, &limited);
  cfut_map_next_async (full->map, -1, cancellable, on_next, &cancelled);
  test_iterate_until (NULL, limited.n_calls > 0);
  g_assert_error (limited.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (cancelled.n_calls, ==, 0);
  g_cancellable_cancel (cancellable);
  test_iterate_until (NULL, cancelled.n_calls > 0);
  g_assert_error (cancelled.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&limited.error);
  g_clear_error (&cancelled.error);

  for (guint i = full->chunk; i <= full->n_items; i++)
    {
      AsyncNext next = { NULL };

      cfut_map_next_async (full->map, -1, NULL, on_next, &next);
      if (i == full->chunk)
        {
          g_assert_cmpint (next.n_calls, ==, 0);
          test_gate_open (&full->gate);
        }
      test_iterate_until (NULL, next.n_calls > 0);
      g_assert_no_error (next.error);
      if (i == full->n_items)
        g_assert_null (next.future);
      else
        g_assert_cmpint (cfut_future_result_int64 (next.future, 0, NULL), ==, ITEM_NUMBER (i));
      g_clear_object (&next.future);
    }
}

/* Where the executor is shut down while the asynchronous form waits for room, its item says so. */
static void
test_room_async_shut_down (Full          *full,
                           gconstpointer  kind)
{
  AsyncNext next = { NULL };

  full_use_up (full);
  cfut_map_next_async (full->map, -1, NULL, on_next, &next);
  cfut_executor_shutdown (full->executor, CFUT_SHUTDOWN_DEFAULT, 0, NULL);
  test_iterate_until (NULL, next.n_calls > 0);
  g_assert_no_error (next.error);
  test_assert_fails (next.future, CFUT_STATE_REJECTED, CFUT_FUTURE_ERROR,
                     CFUT_FUTURE_ERROR_SHUT_DOWN);
  g_clear_object (&next.future);
}

int
main (int   argc,
      char *argv[])
{
  static const struct { const char *name; guint kind; } kinds[] = {
    { "one-by-one", 1 },
    { "in-chunks", 3 },
    { "the-last", 1 + ALL_MADE },
    { "the-last-chunk", 3 + ALL_MADE },
    { "calls", 1 + BY_NAME },
    { "the-last-call", 1 + ALL_MADE + BY_NAME },
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
#define ADD(path, func) \
  G_STMT_START { \
    g_autofree char *whole_ = g_strconcat ("/cfut/map/room/", kinds[i].name, "/" path, NULL); \
    g_test_add (whole_, Full, GUINT_TO_POINTER (kinds[i].kind), full_set_up, test_room_##func, \
                full_tear_down); \
  } G_STMT_END

      ADD ("times-out", times_out);
      ADD ("cancelled", cancelled);
      ADD ("taken-over", taken_over);
      ADD ("map-cancelled", map_cancelled);
      ADD ("map-cancelled-meanwhile", map_cancelled_meanwhile);
      ADD ("group-cancelled", group_cancelled);
      ADD ("shut-down", shut_down);
      ADD ("dropped", dropped);
      ADD ("async", async);
      ADD ("async-shut-down", async_shut_down);
#undef ADD
    }

  return g_test_run ();
}
