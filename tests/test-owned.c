/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What several share: whoever drops the last reference, the context of who made it releases it. */

#include "test-util.h"

#include "cfut-owned-private.h"

typedef struct {
  CfutOwned owned;
  TestPlace *destroyed;
  TestPlace *freed;
} Shared;

static void
shared_free (CfutOwned *owned)
{
  Shared *self = (Shared *) owned;

  /* After the user's data, which may be looked at until then. */
  g_assert_cmpint (test_place_get_n (self->destroyed), ==, 1);
  test_place_note (self->freed);
  g_free (self);
}

static Shared *
shared_new (TestPlace *destroyed,
            TestPlace *freed)
{
  Shared *self = g_new0 (Shared, 1);

  self->destroyed = destroyed;
  self->freed = freed;
  cfut_owned_init (&self->owned, destroyed, test_place_note, shared_free);
  return self;
}

static gpointer
drop (gpointer shared)
{
  cfut_owned_unref (shared);
  return NULL;
}

static void
drop_on_loop (gpointer shared)
{
  cfut_owned_unref (shared);
}

/* On the context that made it: at once. */
static void
test_owned_here (void)
{
  TestPlace destroyed = { 0 }, freed = { 0 };
  Shared *shared = shared_new (&destroyed, &freed);

  cfut_owned_unref (cfut_owned_ref (&shared->owned));
  g_assert_cmpint (test_place_get_n (&destroyed), ==, 0);
  cfut_owned_unref (&shared->owned);
  test_place_assert_here (&destroyed, 1);
  test_place_assert_here (&freed, 1);
}

/* On a thread that has no context, or another's: in the next turn of the loop that made it. */
static void
test_owned_elsewhere (void)
{
  TestLoopThread *loop = test_loop_thread_new ();

  for (guint i = 0; i < 2; i++)
    {
      TestPlace destroyed = { 0 }, freed = { 0 };
      Shared *shared = shared_new (&destroyed, &freed);

      if (i == 0)
        g_thread_join (g_thread_new ("drops", drop, &shared->owned));
      else
        test_loop_thread_call (loop, drop_on_loop, &shared->owned);
      g_assert_cmpint (test_place_get_n (&destroyed), ==, 0);
      test_iterate_until (NULL, test_place_get_n (&freed) == 1);
      test_place_assert_here (&destroyed, 1);
      test_place_assert_here (&freed, 1);
    }

  test_loop_thread_free (loop);
}

typedef struct {
  TestPlace destroyed;
  TestPlace freed;
  Shared *shared;
} Made;

static void
make (gpointer data)
{
  Made *self = data;

  self->shared = shared_new (&self->destroyed, &self->freed);
}

/* Made on another loop, dropped here: there. */
static void
test_owned_made_elsewhere (void)
{
  TestLoopThread *loop = test_loop_thread_new ();
  Made made = { 0 };

  test_loop_thread_call (loop, make, &made);
  cfut_owned_unref (&made.shared->owned);
  test_poll_until (test_place_get_n (&made.freed) == 1);
  g_assert_true (made.destroyed.thread == test_loop_thread_get_thread (loop));
  g_assert_true (made.freed.thread == test_loop_thread_get_thread (loop));
  test_loop_thread_free (loop);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/owned/here", test_owned_here);
  g_test_add_func ("/cfut/owned/elsewhere", test_owned_elsewhere);
  g_test_add_func ("/cfut/owned/made-elsewhere", test_owned_made_elsewhere);

  return g_test_run ();
}
