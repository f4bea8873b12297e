/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* How much may stand in a queue: the two limits, and those that wait in line for room. */

#include "test-util.h"

#include <stdatomic.h>

#include "core/cfut-room-private.h"
#include "core/cfut-waiter-private.h"

static void
assert_counts (CfutRoom *room,
               guint64   n_tasks,
               guint64   n_bytes)
{
  guint64 tasks;
  guint64 bytes;

  cfut_room_get_counts (room, &tasks, &bytes);
  g_assert_cmpuint (tasks, ==, n_tasks);
  g_assert_cmpuint (bytes, ==, n_bytes);
}

/* Without limits all enter, and are counted. */
static void
test_room_without_limits (void)
{
  CfutRoom *room = cfut_room_new ();

  for (guint i = 1; i <= 1000; i++)
    {
      g_assert_true (cfut_room_try_enter (room, 10));
      assert_counts (room, i, 10 * i);
    }
  for (guint i = 0; i < 1000; i++)
    cfut_room_leave (room, 10);
  assert_counts (room, 0, 0);
  cfut_room_unref (room);
}

/* Each limit holds by itself; exactly full is not too full; who leaves makes room. */
static void
test_room_limits (void)
{
  CfutRoom *room = cfut_room_new ();
  guint64 max_tasks;
  guint64 max_bytes;

  cfut_room_set_limits (room, 3, 100);
  cfut_room_get_limits (room, &max_tasks, &max_bytes);
  g_assert_cmpuint (max_tasks, ==, 3);
  g_assert_cmpuint (max_bytes, ==, 100);

  g_assert_true (cfut_room_try_enter (room, 60));
  g_assert_false (cfut_room_try_enter (room, 41));
  g_assert_false (cfut_room_try_enter (room, G_MAXUINT64));
  g_assert_true (cfut_room_try_enter (room, 40));
  g_assert_false (cfut_room_try_enter (room, 1));
  g_assert_true (cfut_room_try_enter (room, 0));
  g_assert_false (cfut_room_try_enter (room, 0));
  assert_counts (room, 3, 100);
  cfut_room_leave (room, 60);
  g_assert_true (cfut_room_try_enter (room, 60));
  g_assert_false (cfut_room_try_enter (room, 0));

  /* A limit below what is inside only keeps out. */
  cfut_room_set_limits (room, 1, 10);
  cfut_room_leave (room, 40);
  g_assert_false (cfut_room_try_enter (room, 0));
  cfut_room_leave (room, 60);
  g_assert_false (cfut_room_try_enter (room, 0));
  cfut_room_leave (room, 0);
  assert_counts (room, 0, 0);
  cfut_room_unref (room);
}

/* What is larger than the limit enters when there is nothing else. */
static void
test_room_larger_than_all (void)
{
  CfutRoom *room = cfut_room_new ();

  cfut_room_set_limits (room, 0, 100);
  g_assert_true (cfut_room_try_enter (room, 1));
  g_assert_false (cfut_room_try_enter (room, 1000));
  cfut_room_leave (room, 1);
  g_assert_true (cfut_room_try_enter (room, 1000));
  g_assert_false (cfut_room_try_enter (room, 0));
  cfut_room_leave (room, 1000);
  cfut_room_unref (room);
}

typedef struct {
  CfutRoomWait wait;
  GString *log;  /* of names, in the order of their ends */
  char name;
} Named;

static void
named_end (CfutRoomWait *wait)
{
  Named *self = (Named *) wait;

  g_string_append_c (self->log, wait->outcome == CFUT_ROOM_OPEN ? self->name : '!');
}

static void
add_named (CfutRoom *room,
           Named    *named,
           GString  *log,
           char      name,
           guint64   bytes,
           gboolean  enters)
{
  *named = (Named) { .wait.bytes = bytes, .wait.enters = enters, .wait.end = named_end,
                     .log = log, .name = name };
  g_assert_cmpint (cfut_room_add (room, &named->wait), ==, CFUT_ROOM_WAITING);
}

/* The line is kept: what is large does not starve behind what is small, and nobody enters past those that wait; who
 * leaves the line lets on those behind. */
static void
test_room_first_come_first_served (void)
{
  g_autoptr (GString) log = g_string_new (NULL);
  CfutRoom *room = cfut_room_new ();
  Named waits[4];

  cfut_room_set_limits (room, 0, 100);
  for (guint i = 0; i < 10; i++)
    g_assert_true (cfut_room_try_enter (room, 10));
  add_named (room, &waits[0], log, 'a', 50, TRUE);
  add_named (room, &waits[1], log, 'b', 10, TRUE);
  add_named (room, &waits[2], log, 'c', 90, TRUE);
  add_named (room, &waits[3], log, 'd', 10, TRUE);

  for (guint i = 0; i < 4; i++)
    cfut_room_leave (room, 10);
  g_assert_cmpstr (log->str, ==, "");
  g_assert_false (cfut_room_try_enter (room, 1));
  cfut_room_leave (room, 10);
  g_assert_cmpstr (log->str, ==, "a");
  assert_counts (room, 6, 100);
  g_assert_false (cfut_room_remove (room, &waits[0].wait));

  cfut_room_leave (room, 50);
  g_assert_cmpstr (log->str, ==, "ab");
  g_assert_true (cfut_room_remove (room, &waits[2].wait));
  g_assert_cmpstr (log->str, ==, "abd");
  assert_counts (room, 7, 70);
  g_assert_true (cfut_room_try_enter (room, 30));
  cfut_room_leave (room, 30);
  for (guint i = 0; i < 7; i++)
    cfut_room_leave (room, 10);
  cfut_room_unref (room);
}

/* Who only wants to know is told when it is its turn and there is room, and takes none. */
static void
test_room_only_asking (void)
{
  g_autoptr (GString) log = g_string_new (NULL);
  CfutRoom *room = cfut_room_new ();
  Named waits[3];

  cfut_room_set_limits (room, 1, 0);
  waits[0] = (Named) { .wait.end = named_end };
  g_assert_cmpint (cfut_room_add (room, &waits[0].wait), ==, CFUT_ROOM_OPEN);
  g_assert_true (cfut_room_try_enter (room, 0));
  add_named (room, &waits[0], log, 'a', 1, FALSE);
  add_named (room, &waits[1], log, 'b', 1, FALSE);
  add_named (room, &waits[2], log, 'c', 5, TRUE);
  cfut_room_leave (room, 0);
  g_assert_cmpstr (log->str, ==, "abc");
  assert_counts (room, 1, 5);
  cfut_room_leave (room, 5);
  cfut_room_unref (room);
}

/* New limits let those in that have room by them. */
static void
test_room_raised_limits (void)
{
  g_autoptr (GString) log = g_string_new (NULL);
  CfutRoom *room = cfut_room_new ();
  Named waits[3];

  cfut_room_set_limits (room, 1, 0);
  g_assert_true (cfut_room_try_enter (room, 7));
  for (guint i = 0; i < 3; i++)
    add_named (room, &waits[i], log, (char) ('a' + i), 7, TRUE);
  cfut_room_set_limits (room, 2, 0);
  g_assert_cmpstr (log->str, ==, "a");
  cfut_room_set_limits (room, 0, 0);
  g_assert_cmpstr (log->str, ==, "abc");
  assert_counts (room, 4, 28);
  for (guint i = 0; i < 4; i++)
    cfut_room_leave (room, 7);
  cfut_room_unref (room);
}

/* The end of the room ends all waits; nobody waits after, and whoever tries is let in to be told why not. */
static void
test_room_closed (void)
{
  g_autoptr (GString) log = g_string_new (NULL);
  CfutRoom *room = cfut_room_new ();
  CfutRoomWait late = { .enters = TRUE };
  Named waits[3];

  cfut_room_set_limits (room, 1, 0);
  g_assert_true (cfut_room_try_enter (room, 0));
  for (guint i = 0; i < 3; i++)
    add_named (room, &waits[i], log, 'a', 0, i > 0);
  cfut_room_close (room);
  g_assert_cmpstr (log->str, ==, "!!!");
  assert_counts (room, 1, 0);
  g_assert_false (cfut_room_remove (room, &waits[1].wait));

  g_assert_cmpint (cfut_room_add (room, &late), ==, CFUT_ROOM_CLOSED);
  g_assert_cmpint (cfut_room_block (room, 0, TRUE, CFUT_NO_DEADLINE, NULL), ==, CFUT_ROOM_CLOSED);
  assert_counts (room, 1, 0);
  g_assert_true (cfut_room_try_enter (room, 0));
  cfut_room_leave (room, 0);
  cfut_room_leave (room, 0);
  cfut_room_close (room);
  cfut_room_unref (room);
}

/* A blocked thread gives up in time and when it is told to, and leaves no trace. */
static void
test_room_block_ends (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  CfutRoom *room = cfut_room_new ();
  gint64 deadline = g_get_monotonic_time () + 2000;

  cfut_room_set_limits (room, 1, 0);
  g_assert_cmpint (cfut_room_block (room, 3, TRUE, 0, NULL), ==, CFUT_ROOM_OPEN);
  g_assert_cmpint (cfut_room_block (room, 3, TRUE, deadline, NULL), ==, CFUT_ROOM_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time (), >=, deadline);
  g_assert_cmpint (cfut_room_block (room, 3, TRUE, 0, cancellable), ==, CFUT_ROOM_TIMED_OUT);
  g_cancellable_cancel (cancellable);
  g_assert_cmpint (cfut_room_block (room, 3, TRUE, CFUT_NO_DEADLINE, cancellable), ==,
                   CFUT_ROOM_CANCELLED);
  g_assert_cmpint (cfut_room_block (room, 3, FALSE, CFUT_NO_DEADLINE, cancellable), ==,
                   CFUT_ROOM_CANCELLED);
  assert_counts (room, 1, 3);
  cfut_room_leave (room, 3);
  g_assert_true (cfut_room_try_enter (room, 0));
  cfut_room_leave (room, 0);
  cfut_room_unref (room);
}

typedef struct {
  CfutRoom *room;
  guint32 seed;
  guint n_rounds;
  _Atomic gint64 *n_inside;
  _Atomic gint64 *bytes_inside;
  guint n_given_up;
} Visitor;

#define MAX_INSIDE 4
#define MAX_BYTES 100

static gpointer
visit (gpointer data)
{
  Visitor *self = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (self->seed);

  for (guint i = 0; i < self->n_rounds; i++)
    {
      gint64 bytes = g_rand_int_range (rand, 0, 60);
      gint64 deadline = g_rand_int_range (rand, 0, 3) == 0
                          ? g_get_monotonic_time () + g_rand_int_range (rand, 0, 60)
                          : CFUT_NO_DEADLINE;
      gboolean inside = i % 5 == 0 ? cfut_room_try_enter (self->room, bytes)
                                   : cfut_room_block (self->room, bytes, TRUE, deadline, NULL) ==
                                       CFUT_ROOM_OPEN;

      if (i % 7 == 0)
        cfut_room_block (self->room, 1, FALSE, g_get_monotonic_time () + 50, NULL);
      if (!inside)
        {
          self->n_given_up++;
          continue;
        }

      g_assert_cmpint (atomic_fetch_add (self->n_inside, 1), <, MAX_INSIDE);
      g_assert_cmpint (atomic_fetch_add (self->bytes_inside, bytes) + bytes, <=, MAX_BYTES);
      if (i % 16 == 0)
        g_thread_yield ();
      atomic_fetch_sub (self->n_inside, 1);
      atomic_fetch_sub (self->bytes_inside, bytes);
      cfut_room_leave (self->room, bytes);
    }

  return NULL;
}

/* Many threads that block, try, give up and leave: the limits hold at every moment, nobody is forgotten, and the
 * room is empty in the end. */
static void
test_room_many_threads (void)
{
  CfutRoom *room = cfut_room_new ();
  _Atomic gint64 n_inside = 0;
  _Atomic gint64 bytes_inside = 0;
  Visitor visitors[6];
  GThread *threads[G_N_ELEMENTS (visitors)];
  guint32 seed = test_seed ();

  cfut_room_set_limits (room, MAX_INSIDE, MAX_BYTES);
  for (guint i = 0; i < G_N_ELEMENTS (visitors); i++)
    {
      visitors[i] = (Visitor) { room, seed + i, 5000, &n_inside, &bytes_inside, 0 };
      threads[i] = g_thread_new ("visitor", visit, &visitors[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (visitors); i++)
    g_thread_join (threads[i]);

  assert_counts (room, 0, 0);
  cfut_room_unref (room);
}

static gpointer
close_room (gpointer room)
{
  cfut_room_close (room);
  return NULL;
}

/* A thread that is blocked hears of the end. */
static void
test_room_close_wakes_the_blocked (void)
{
  for (guint i = 0; i < 200; i++)
    {
      CfutRoom *room = cfut_room_new ();
      GThread *thread;

      cfut_room_set_limits (room, 1, 0);
      g_assert_true (cfut_room_try_enter (room, 0));
      thread = g_thread_new ("closer", close_room, room);
      g_assert_cmpint (cfut_room_block (room, 0, i % 2, CFUT_NO_DEADLINE, NULL), ==,
                       CFUT_ROOM_CLOSED);
      g_thread_join (thread);
      cfut_room_unref (room);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/room/without-limits", test_room_without_limits);
  g_test_add_func ("/cfut/room/limits", test_room_limits);
  g_test_add_func ("/cfut/room/larger-than-all", test_room_larger_than_all);
  g_test_add_func ("/cfut/room/first-come-first-served", test_room_first_come_first_served);
  g_test_add_func ("/cfut/room/only-asking", test_room_only_asking);
  g_test_add_func ("/cfut/room/raised-limits", test_room_raised_limits);
  g_test_add_func ("/cfut/room/closed", test_room_closed);
  g_test_add_func ("/cfut/room/block-ends", test_room_block_ends);
  g_test_add_func ("/cfut/room/many-threads", test_room_many_threads);
  g_test_add_func ("/cfut/room/close-wakes-the-blocked", test_room_close_wakes_the_blocked);

  return g_test_run ();
}
