/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The pool under the thread executor, with idle times so short that workers come and go all the time, and
 * the ring that each worker has, at its limits. Guarantees 1 (nothing that was pushed is lost or
 * run twice) and 9 (idle threads go). */

#include "test-util.h"

#include "core/cfut-pool-struct-private.h"
#include "core/cfut-ring-private.h"

typedef struct {
  CfutLink link;  /* first, so that a link is its item */
  int n_ran;      /* atomic */
  TestSem *ran;
} Item;

static CfutPoolOutcome
run_item (CfutLink *link,
          gboolean  placed)
{
  Item *item = (Item *) link;
  TestSem *ran = item->ran;

  /* Whoever waits may let the item go at once. */
  g_atomic_int_inc (&item->n_ran);
  if (ran != NULL)
    test_sem_post (ran);
  return CFUT_POOL_RAN;
}

static void
fail_item (CfutLink     *link,
           const GError *error)
{
  g_assert_not_reached ();
}

static const CfutPoolClass item_class = { .run = run_item, .fail = fail_item };

static void
push (CfutPool *pool,
      Item     *item)
{
  gboolean queued = FALSE;

  g_assert_true (cfut_pool_push (pool, &item->link, &queued));
  g_assert_true (queued);
}

static guint
n_threads (CfutPool *pool)
{
  CfutPoolCounts counts;

  cfut_pool_get_counts (pool, &counts);
  return counts.n_threads;
}

/* --- the ring --- */

static void
ring_set (CfutRing *ring,
          guint32   index)
{
  atomic_store (&ring->head, index);
  atomic_store (&ring->tail, index);
}

/* One that is there, or was; only the first and the last can be had. */
static void
ring_take_back_one (CfutRing *ring,
                    GQueue   *model,
                    Item     *items,
                    GRand    *rand,
                    guint     n_items)
{
  Item *item = &items[g_rand_int_range (rand, 0, n_items)];
  gboolean takes;

  if (model->length > 0 && g_rand_boolean (rand))
    item = g_rand_boolean (rand) ? model->head->data : model->tail->data;
  takes = model->length > 0 && (item == model->head->data || item == model->tail->data);

  g_assert_cmpint (cfut_ring_take_back (ring, &item->link), ==, takes);
  if (takes)
    g_queue_remove (model, item);
}

/* First in, first out, empty and full where the model is, and across the wrap of the indexes; both
 * ends can be taken back. */
static void
test_pool_ring_against_model (void)
{
  static const guint32 begins[] = { 0, 255, 256, G_MAXUINT32 - 300, G_MAXUINT32 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < G_N_ELEMENTS (begins); i++)
    {
      CfutRing *ring = g_new0 (CfutRing, 1);
      Item *items = g_new0 (Item, 4096);
      GQueue model = G_QUEUE_INIT;

      ring_set (ring, begins[i]);
      for (guint step = 0; step < 4096; step++)
        {
          /* In long runs one way or the other, so that it gets full and empty. */
          gboolean append = (step / 400) % 2 == 0 ? g_rand_int_range (rand, 0, 4) > 0
                                                  : g_rand_int_range (rand, 0, 4) == 0;

          g_assert_cmpuint (cfut_ring_space (ring), ==, CFUT_RING_SIZE - model.length);
          g_assert_cmpint (cfut_ring_is_empty (ring), ==, model.length == 0);
          if (append && cfut_ring_space (ring) > 0)
            {
              cfut_ring_append (ring, &items[step].link);
              g_queue_push_tail (&model, &items[step]);
            }
          else if (!append)
            {
              g_assert_true ((gpointer) cfut_ring_take (ring) == g_queue_pop_head (&model));
            }
          if (step % 3 == 0)
            ring_take_back_one (ring, &model, items, rand, step + 1);
        }
      g_queue_clear (&model);
      g_free (items);
      g_free (ring);
    }
}

#define N_RING_ITEMS 100000

typedef struct {
  CfutRing ring;
  Item *items;
  int n_taken;  /* atomic */
} RingRace;

static gpointer
take_from_ring (gpointer data)
{
  RingRace *race = data;
  gint64 last = -1;

  while (g_atomic_int_get (&race->n_taken) < N_RING_ITEMS)
    {
      CfutLink *link = cfut_ring_take (&race->ring);
      Item *item = (Item *) link;

      if (item == NULL)
        {
          g_thread_yield ();
          continue;
        }

      /* What one thread takes comes in order. */
      g_assert_cmpint (item - race->items, >, last);
      last = item - race->items;
      g_assert_cmpint (g_atomic_int_add (&item->n_ran, 1), ==, 0);
      g_atomic_int_inc (&race->n_taken);
    }
  return NULL;
}

/* As in a wait for the task that was submitted last, or first. */
static void
ring_take_back (RingRace *race,
                Item     *item)
{
  if (!cfut_ring_take_back (&race->ring, &item->link))
    return;

  g_assert_cmpint (g_atomic_int_add (&item->n_ran, 1), ==, 0);
  g_atomic_int_inc (&race->n_taken);
}

/* Guarantee 1: the owner appends, and takes back what it appended last or a little before, while
 * others steal, over the wrap: each is taken once. */
static void
test_pool_ring_owner_against_thieves (void)
{
  RingRace *race = g_new0 (RingRace, 1);
  GThread *threads[3];

  race->items = g_new0 (Item, N_RING_ITEMS);
  ring_set (&race->ring, G_MAXUINT32 - N_RING_ITEMS / 2);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("thief", take_from_ring, race);
  for (guint i = 0; i < N_RING_ITEMS;)
    {
      if (cfut_ring_space (&race->ring) > 0)
        cfut_ring_append (&race->ring, &race->items[i++].link);
      else
        g_thread_yield ();
      if (i % 4 < 2)
        ring_take_back (race, &race->items[i - 1 - (i % 8 == 0 ? MIN (i - 1, 3) : 0)]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  g_assert_true (cfut_ring_is_empty (&race->ring));
  for (guint i = 0; i < N_RING_ITEMS; i++)
    g_assert_cmpint (race->items[i].n_ran, ==, 1);
  g_free (race->items);
  g_free (race);
}

/* --- the pool --- */

typedef struct {
  CfutPool *pool;
  guint32 seed;
  int idle_usec;
} Producer;

/* One at a time, with pauses about as long as a worker stays. */
static gpointer
push_and_wait (gpointer data)
{
  Producer *self = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (self->seed);
  TestSem ran;

  test_sem_init (&ran);
  for (guint i = 0; i < 1500; i++)
    {
      Item *item = g_new0 (Item, 1);

      item->ran = &ran;
      push (self->pool, item);
      test_sem_wait (&ran);
      g_assert_cmpint (g_atomic_int_get (&item->n_ran), ==, 1);
      g_free (item);
      test_burn (g_rand_int_range (rand, 0, 2 * self->idle_usec + 30));
    }
  test_sem_clear (&ran);
  return NULL;
}

/* Guarantees 1 and 9: a worker that retires against a push: either it sees the work, or the pusher sees that
 * it goes. */
static void
test_pool_retire_against_push (void)
{
  static const int idle_times[] = { 0, 5, 60 };
  guint32 seed = test_seed ();

  for (guint i = 0; i < G_N_ELEMENTS (idle_times) * 2; i++)
    {
      int idle_usec = idle_times[i / 2];
      CfutPool *pool = cfut_pool_new (&item_class, 1 + 2 * (i % 2), idle_usec, NULL, NULL);
      GThread *threads[2];
      Producer data[G_N_ELEMENTS (threads)];
      CfutPoolCounts counts;

      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        {
          data[j] = (Producer) { pool, seed + j, idle_usec };
          threads[j] = g_thread_new ("producer", push_and_wait, &data[j]);
        }
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        g_thread_join (threads[j]);

      /* All of them have nothing to do now. */
      test_poll_until (n_threads (pool) == 0);
      cfut_pool_get_counts (pool, &counts);
      g_assert_cmpuint (counts.n_completed, ==, 2 * 1500);
      g_assert_cmpuint (counts.n_pending, ==, 0);
      g_assert_cmpuint (counts.n_running, ==, 0);
      cfut_pool_close (pool);
      cfut_pool_unref (pool);
    }
}

typedef struct {
  CfutPool *pool;
  Item *items;
  guint n_items;
  TestGate *start;
} Batch;

static gpointer
push_batch (gpointer data)
{
  Batch *self = data;

  test_gate_pass (self->start);
  for (guint i = 0; i < self->n_items; i++)
    push (self->pool, &self->items[i]);
  return NULL;
}

/* Guarantee 1: bursts from several threads at workers that retire at once: each link is run once, and
 * counted once. */
static void
test_pool_bursts (void)
{
  for (guint round = 0; round < 60; round++)
    {
      CfutPool *pool = cfut_pool_new (&item_class, 1 + round % 5, round % 3 * 20, NULL, NULL);
      GThread *threads[3];
      Batch batches[G_N_ELEMENTS (threads)];
      TestGate start;
      CfutPoolCounts counts;
      guint n = round % 2 ? 700 : 40;

      test_gate_init (&start);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        {
          batches[i] = (Batch) { pool, g_new0 (Item, n), n, &start };
          threads[i] = g_thread_new ("producer", push_batch, &batches[i]);
        }
      test_gate_wait_arrived (&start, G_N_ELEMENTS (threads));
      test_gate_open (&start);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        g_thread_join (threads[i]);

      do
        {
          cfut_pool_get_counts (pool, &counts);
          g_thread_yield ();
        }
      while (counts.n_completed < n * G_N_ELEMENTS (threads));
      test_poll_until (n_threads (pool) == 0);

      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        {
          for (guint j = 0; j < n; j++)
            g_assert_cmpint (g_atomic_int_get (&batches[i].items[j].n_ran), ==, 1);
          g_free (batches[i].items);
        }
      cfut_pool_get_counts (pool, &counts);
      g_assert_cmpuint (counts.n_completed, ==, n * G_N_ELEMENTS (threads));
      g_assert_cmpuint (counts.n_pending, ==, 0);
      cfut_pool_close (pool);
      cfut_pool_unref (pool);
      test_gate_clear (&start);
    }
}

typedef struct {
  CfutPool *pool;
  int ends;          /* atomic */
  int n_looks;       /* atomic */
  int n_empty;
} Looker;

static gpointer
look_at_pool (gpointer data)
{
  Looker *self = data;

  while (!g_atomic_int_get (&self->ends))
    {
      if (!cfut_pool_has_links (self->pool))
        self->n_empty++;
      g_atomic_int_inc (&self->n_looks);
    }
  return NULL;
}

/* What stands among the priorities is there all the time, however it is moved: who looks whether a closed
 * pool has ended does so without a lock. */
static void
test_pool_moved_is_never_gone (void)
{
  Item item = { .ran = NULL };
  CfutPoolPlace place = { .link = &item.link };
  Looker looker = { .pool = cfut_pool_new (&item_class, 1, 1000, NULL, NULL) };
  GThread *thread;

  g_assert_false (cfut_pool_place (looker.pool, &place, CFUT_POOL_NEVER));
  thread = g_thread_new ("looker", look_at_pool, &looker);
  for (gint64 i = 1; g_atomic_int_get (&looker.n_looks) < 2000000; i++)
    g_assert_true (cfut_pool_place (looker.pool, &place, i % 3 == 0 ? CFUT_POOL_NEVER : i));
  g_atomic_int_set (&looker.ends, TRUE);
  g_thread_join (thread);

  g_assert_cmpint (looker.n_empty, ==, 0);
  g_assert_true (cfut_pool_unplace (looker.pool, &place));
  g_assert_false (cfut_pool_has_links (looker.pool));
  cfut_pool_close (looker.pool);
  cfut_pool_unref (looker.pool);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/pool/ring-against-model", test_pool_ring_against_model);
  g_test_add_func ("/cfut/pool/1-ring-owner-against-thieves", test_pool_ring_owner_against_thieves);
  g_test_add_func ("/cfut/pool/1-9-retire-against-push", test_pool_retire_against_push);
  g_test_add_func ("/cfut/pool/1-bursts", test_pool_bursts);

  g_test_add_func ("/cfut/pool/moved-is-never-gone", test_pool_moved_is_never_gone);

  return g_test_run ();
}
