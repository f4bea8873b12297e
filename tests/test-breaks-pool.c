/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The part of test-breaks.c that concerns the pool and its sleepers by themselves. */

#include "test-util.h"

#include "core/cfut-pool-struct-private.h"

typedef struct _Item Item;

struct _Item {
  CfutLink link;  /* first, so that a link is its item */
  int n_ran;      /* atomic */
  void (*func) (Item *item);
  gpointer data;
};

static CfutPoolOutcome
run_item (CfutLink *link,
          gboolean  placed)
{
  Item *item = (Item *) link;

  g_atomic_int_inc (&item->n_ran);
  if (item->func != NULL)
    item->func (item);
  return CFUT_POOL_RAN;
}

static void
fail_item (CfutLink     *link,
           const GError *error)
{
  g_assert_not_reached ();
}

static const CfutPoolClass item_class = { .run = run_item, .fail = fail_item };

static CfutPool *
new_pool (guint  max_workers,
          gint64 idle_usec)
{
  return cfut_pool_new (&item_class, max_workers, idle_usec, NULL, NULL);
}

static void
push (CfutPool *pool,
      Item     *item)
{
  gboolean queued = FALSE;

  g_assert_true (cfut_pool_push (pool, &item->link, &queued));
  g_assert_true (queued);
}

static void
end_pool (CfutPool *pool)
{
  cfut_pool_close (pool);
  test_poll_until (cfut_cell_settled (cfut_cell_load (cfut_pool_get_ended (pool))));
  cfut_pool_unref (pool);
}

static guint64
n_completed (CfutPool *pool)
{
  CfutPoolCounts counts;

  cfut_pool_get_counts (pool, &counts);
  return counts.n_completed;
}

/* Guarantee 1: as long as a push is only half done, no worker goes to sleep: the producer may have
 * been counting on it. The second half is done here without a wake-up. */
static void
test_breaks_half_a_push (void)
{
  for (guint i = 0; i < 10; i++)
    {
      /* One that would leave, and one that would sleep for ever. */
      CfutPool *pool = new_pool (1, i % 2 == 0 ? 0 : -1);
      Item half = { 0 };
      Item whole = { 0 };
      CfutLink *previous;

      previous = atomic_exchange (&pool->injector.tail, &half.link);
      push (pool, &whole);
      /* Time enough to go to sleep, and to leave. */
      test_burn (2000);
      atomic_store (&previous->next, &half.link);

      test_poll_until (n_completed (pool) == 2);
      g_assert_cmpint (g_atomic_int_get (&half.n_ran), ==, 1);
      g_assert_cmpint (g_atomic_int_get (&whole.n_ran), ==, 1);
      end_pool (pool);
    }
}

typedef struct {
  CfutWaiter waiter;
  guint n_rounds;
  _Atomic guint armed;  /* the round that the sleeper is in */
  _Atomic guint fired;  /* the round that the waker has ended */
} Sleeper;

static void
wait_for_round (_Atomic guint *round,
                guint          n)
{
  for (guint look = 0; atomic_load (round) < n; look++)
    if (look > 500)
      g_thread_yield ();
}

static gpointer
fire_each_time (gpointer data)
{
  Sleeper *self = data;

  for (guint i = 1; i <= self->n_rounds; i++)
    {
      wait_for_round (&self->armed, i);
      /* Over all of the way from there to the sleep. */
      for (guint j = 0; j < i % 97; j++)
        cfut_waiter_fired (&self->waiter);
      cfut_waiter_fire (&self->waiter);
      atomic_store (&self->fired, i);
    }
  return NULL;
}

/* Guarantee 1: who is woken between its last look and its sleep does not sleep on. Each sleep is a
 * new one, and nothing but this one wake-up ends it before the guard's limit. */
static void
test_breaks_wake_between_look_and_sleep (void)
{
  Sleeper sleeper = { .n_rounds = 100000 };
  GThread *thread;

  thread = g_thread_new ("waker", fire_each_time, &sleeper);
  for (guint i = 1; i <= sleeper.n_rounds; i++)
    {
      gint64 deadline = cfut_deadline_from_timeout (TEST_DEADLINE_USEC);

      cfut_waiter_init (&sleeper.waiter);
      atomic_store (&sleeper.armed, i);
      g_assert_cmpint (cfut_waiter_park (&sleeper.waiter, deadline), ==, CFUT_WAKE_FIRED);
      /* The waker uses it until then. */
      wait_for_round (&sleeper.fired, i);
    }
  g_thread_join (thread);
}

#define N_CHILDREN 2000

typedef struct {
  CfutPool *pool;
  Item *items;
  int n_pushed;   /* atomic */
  TestGate both;  /* where two parents meet */
  TestGate full;  /* and once more, with their rings full */
} Family;

/* Each puts one in the place of itself, so that the ring stays as full as it is. */
static void
push_next (Item *item)
{
  Family *family = item->data;
  int i = g_atomic_int_add (&family->n_pushed, 1);

  if (i < N_CHILDREN)
    push (family->pool, &family->items[i]);
}

static void
push_too_many (Item *item)
{
  for (guint i = 0; i < CFUT_RING_SIZE + 100; i++)
    push_next (item);
}

/* Guarantee 1: what is in the injector does not overwrite what is in a ring that is full when the
 * worker moves a batch over, as it does now and then although it has enough to do. */
static void
test_breaks_batch_into_a_full_ring (void)
{
  Family family = { .pool = new_pool (1, G_USEC_PER_SEC) };
  Item first = { .func = push_too_many, .data = &family };

  family.items = g_new0 (Item, N_CHILDREN);
  for (guint i = 0; i < N_CHILDREN; i++)
    {
      family.items[i].func = push_next;
      family.items[i].data = &family;
    }

  push (family.pool, &first);
  test_poll_until (n_completed (family.pool) == N_CHILDREN + 1);
  end_pool (family.pool);
  for (guint i = 0; i < N_CHILDREN; i++)
    g_assert_cmpint (family.items[i].n_ran, ==, 1);
  g_free (family.items);
}

static void
push_too_many_together (Item *item)
{
  Family *family = item->data;

  test_gate_pass (&family->both);
  push_too_many (item);
  test_gate_pass (&family->full);
}

/* The same for what is stolen: two workers, each with a full ring, look into each other's now and
 * then. */
static void
test_breaks_steal_into_a_full_ring (void)
{
  Family family = { .pool = new_pool (2, G_USEC_PER_SEC) };
  Item parents[2];

  test_gate_init (&family.both);
  test_gate_init (&family.full);
  family.items = g_new0 (Item, N_CHILDREN);
  for (guint i = 0; i < N_CHILDREN; i++)
    {
      family.items[i].func = push_next;
      family.items[i].data = &family;
    }

  for (guint i = 0; i < G_N_ELEMENTS (parents); i++)
    {
      parents[i] = (Item) { .func = push_too_many_together, .data = &family };
      push (family.pool, &parents[i]);
    }
  test_gate_wait_arrived (&family.both, G_N_ELEMENTS (parents));
  test_gate_open (&family.both);
  test_gate_wait_arrived (&family.full, G_N_ELEMENTS (parents));
  test_gate_open (&family.full);
  test_poll_until (n_completed (family.pool) == N_CHILDREN + G_N_ELEMENTS (parents));
  end_pool (family.pool);
  for (guint i = 0; i < N_CHILDREN; i++)
    g_assert_cmpint (family.items[i].n_ran, ==, 1);
  g_free (family.items);
  test_gate_clear (&family.both);
  test_gate_clear (&family.full);
}

static void
block_at_gate (Item *item)
{
  CfutPool *blocked = cfut_pool_block ();

  g_assert_nonnull (blocked);
  test_gate_pass (item->data);
  cfut_pool_unblock (blocked);
}

/* Guarantee 6: a submission that finds all workers blocked gets another one. */
static void
test_breaks_submit_when_all_are_blocked (void)
{
  CfutPool *pool = new_pool (2, G_USEC_PER_SEC);
  TestGate gate;
  Item blocked[2];
  Item after = { 0 };

  test_gate_init (&gate);
  for (guint i = 0; i < G_N_ELEMENTS (blocked); i++)
    {
      blocked[i] = (Item) { .func = block_at_gate, .data = &gate };
      push (pool, &blocked[i]);
    }
  test_gate_wait_arrived (&gate, G_N_ELEMENTS (blocked));

  push (pool, &after);
  test_poll_until (g_atomic_int_get (&after.n_ran) == 1);
  test_gate_open (&gate);
  end_pool (pool);
  test_gate_clear (&gate);
}

static void
pass_gate (Item *item)
{
  test_gate_pass (item->data);
}

/* Guarantee 9: the last reference to a pool is that of a worker which leaves: it frees the pool,
 * and does not wait for its own thread to end. */
static void
test_breaks_freed_by_its_own_worker (void)
{
  TestPlace freed = { 0 };
  TestGate gate;
  Item item = { .func = pass_gate, .data = &gate };
  CfutPool *pool;

  test_gate_init (&gate);
  pool = cfut_pool_new (&item_class, 1, 0, &freed, test_place_note);
  push (pool, &item);
  test_gate_wait_arrived (&gate, 1);
  cfut_pool_close (pool);
  cfut_pool_unref (pool);
  g_assert_cmpint (test_place_get_n (&freed), ==, 0);

  test_gate_open (&gate);
  test_poll_until (test_place_get_n (&freed) == 1);
  test_gate_clear (&gate);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define add(name, func) g_test_add_func ("/cfut/breaks/" name, test_breaks_##func)
  add ("01-half-a-push-keeps-the-worker-awake", half_a_push);
  add ("02-wake-between-look-and-sleep", wake_between_look_and_sleep);
  add ("04-batch-into-a-full-ring", batch_into_a_full_ring);
  add ("04-steal-into-a-full-ring", steal_into_a_full_ring);
  add ("07-submit-when-all-are-blocked", submit_when_all_are_blocked);
  add ("11-freed-by-its-own-worker", freed_by_its_own_worker);
#undef add

  return g_test_run ();
}
