/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The intrusive queue that submissions and deliveries go through: against a naive model, with a
 * producer that is stopped half-way, and with several producers at once.
 * What fails here breaks guarantee 1, since a task that a queue loses never settles. */

#include "test-util.h"

#include "core/cfut-queue-private.h"

typedef struct {
  CfutLink link;  /* first, so that a link is its item */
  guint producer;
  guint number;
} Item;

static void
test_queue_new_is_empty (void)
{
  CfutQueue queue;

  cfut_queue_init (&queue);
  g_assert_true (cfut_queue_is_empty (&queue));
  g_assert_null (cfut_queue_pop (&queue));
  g_assert_null (cfut_queue_pop (&queue));
  g_assert_true (cfut_queue_is_empty (&queue));
}

/* First in, first out, and empty exactly when the model is, over any mix of pushes and pops; links
 * are used again at once. */
static void
test_queue_random_against_model (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  Item items[64];
  gboolean queued[G_N_ELEMENTS (items)] = { FALSE };
  GQueue model = G_QUEUE_INIT;
  CfutQueue queue;

  cfut_queue_init (&queue);

  for (guint i = 0; i < 300000; i++)
    {
      guint n = (guint) g_rand_int_range (rand, 0, G_N_ELEMENTS (items));

      if (g_rand_boolean (rand) && !queued[n])
        {
          cfut_queue_push (&queue, &items[n].link);
          g_queue_push_tail (&model, &items[n]);
          queued[n] = TRUE;
        }
      else if (!queued[n])
        {
          Item *expected = g_queue_pop_head (&model);

          g_assert_true ((gpointer) cfut_queue_pop (&queue) == (gpointer) expected);
          if (expected != NULL)
            queued[expected - items] = FALSE;
        }

      g_assert_cmpint (cfut_queue_is_empty (&queue), ==, g_queue_is_empty (&model));
    }

  g_queue_clear (&model);
}

/* A producer that has exchanged the tail but not linked yet: the queue is not empty, pop says
 * NULL without losing anything, and others may push meanwhile. A sleeper that took
 * this for empty would never be woken. */
static void
test_queue_producer_stopped_half_way (void)
{
  for (guint n_before = 0; n_before < 3; n_before++)
    {
      Item before[3];
      Item stopped;
      Item after;
      CfutLink *previous;
      CfutQueue queue;

      cfut_queue_init (&queue);
      for (guint i = 0; i < n_before; i++)
        cfut_queue_push (&queue, &before[i].link);

      atomic_store (&stopped.link.next, NULL);
      previous = atomic_exchange (&queue.tail, &stopped.link);
      g_assert_false (cfut_queue_is_empty (&queue));

      /* The last that is linked is not safe to hand out: the producer still has to write to it. */
      for (guint i = 0; i + 1 < n_before; i++)
        g_assert_true (cfut_queue_pop (&queue) == &before[i].link);
      g_assert_null (cfut_queue_pop (&queue));
      g_assert_false (cfut_queue_is_empty (&queue));

      cfut_queue_push (&queue, &after.link);
      g_assert_null (cfut_queue_pop (&queue));

      atomic_store (&previous->next, &stopped.link);
      if (n_before > 0)
        g_assert_true (cfut_queue_pop (&queue) == &before[n_before - 1].link);
      g_assert_true (cfut_queue_pop (&queue) == &stopped.link);
      g_assert_true (cfut_queue_pop (&queue) == &after.link);
      g_assert_null (cfut_queue_pop (&queue));
      g_assert_true (cfut_queue_is_empty (&queue));
    }
}

#define N_HALVES 4

typedef struct {
  Item *item;
  CfutLink *previous;
} Half;

/* What the consumer may have now: all that stands before the first gap. The last link before a gap
 * is the one that a producer still has to write to. */
static Item *
expected_now (GQueue *model,
              Half   *halves)
{
  Item *first = g_queue_peek_head (model);

  for (guint i = 0; i < N_HALVES; i++)
    if (halves[i].item != NULL &&
        (halves[i].item == first || halves[i].previous == &first->link))
      return NULL;

  return first;
}

/* As above, with producers that stop between the two halves of a push, several at once, and end it
 * at any time: the queue is never empty because of them, hands out nothing out of turn, and goes on
 * where it stood. */
static void
test_queue_random_halves_against_model (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  Item items[32];
  gboolean queued[G_N_ELEMENTS (items)] = { FALSE };
  Half halves[N_HALVES] = { { NULL, NULL } };
  GQueue model = G_QUEUE_INIT;
  CfutQueue queue;

  cfut_queue_init (&queue);

  for (guint i = 0; i < 300000; i++)
    {
      guint n = (guint) g_rand_int_range (rand, 0, G_N_ELEMENTS (items));
      Half *half = &halves[g_rand_int_range (rand, 0, N_HALVES)];
      guint action = (guint) g_rand_int_range (rand, 0, 5);

      if (action == 0 && half->item != NULL)
        {
          atomic_store (&half->previous->next, &half->item->link);
          half->item = NULL;
        }
      else if (action == 1 && half->item == NULL && !queued[n])
        {
          half->item = &items[n];
          atomic_store (&items[n].link.next, NULL);
          half->previous = atomic_exchange (&queue.tail, &items[n].link);
          g_queue_push_tail (&model, &items[n]);
          queued[n] = TRUE;
        }
      else if (action == 2 && !queued[n])
        {
          cfut_queue_push (&queue, &items[n].link);
          g_queue_push_tail (&model, &items[n]);
          queued[n] = TRUE;
        }
      else if (action > 2)
        {
          Item *expected = expected_now (&model, halves);

          g_assert_true ((gpointer) cfut_queue_pop (&queue) == (gpointer) expected);
          if (expected != NULL)
            {
              g_queue_pop_head (&model);
              queued[expected - items] = FALSE;
            }
        }

      g_assert_cmpint (cfut_queue_is_empty (&queue), ==, g_queue_is_empty (&model));
    }

  g_queue_clear (&model);
}

#define N_PRODUCERS 4
#define N_ITEMS 50000

typedef struct {
  CfutQueue queue;
  TestGate start;
  Item *items[N_PRODUCERS];
  GMutex consuming;
  int n_popped;                /* atomic */
  guint8 *seen[N_PRODUCERS];   /* guarded by consuming */
  gint64 last[N_PRODUCERS];    /* guarded by consuming */
} Flood;

typedef struct {
  Flood *flood;
  guint producer;
} Producer;

static gpointer
produce (gpointer data)
{
  Producer *self = data;
  Item *items = self->flood->items[self->producer];

  test_gate_pass (&self->flood->start);
  for (guint i = 0; i < N_ITEMS; i++)
    {
      items[i].producer = self->producer;
      items[i].number = i;
      cfut_queue_push (&self->flood->queue, &items[i].link);
    }

  return NULL;
}

/* Takes up to @n; with the consumer's right. */
static void
consume_locked (Flood *flood,
                guint  n)
{
  CfutLink *link;

  while (n-- > 0 && (link = cfut_queue_pop (&flood->queue)) != NULL)
    {
      Item *item = (Item *) link;

      g_assert_cmpuint (item->producer, <, N_PRODUCERS);
      g_assert_cmpint (item->number, ==, flood->last[item->producer] + 1);
      flood->last[item->producer] = item->number;
      g_assert_cmpint (flood->seen[item->producer][item->number], ==, 0);
      flood->seen[item->producer][item->number] = 1;
      g_atomic_int_inc (&flood->n_popped);

      /* Whoever popped it may do with it what he wants. */
      atomic_store_explicit (&link->next, (CfutLink *) (gpointer) flood, memory_order_relaxed);
    }
}

static gpointer
consume_in_turns (gpointer data)
{
  Flood *flood = data;

  test_gate_pass (&flood->start);
  while (g_atomic_int_get (&flood->n_popped) < N_PRODUCERS * N_ITEMS)
    {
      if (g_mutex_trylock (&flood->consuming))
        {
          consume_locked (flood, 64);
          g_mutex_unlock (&flood->consuming);
        }
      else
        {
          g_thread_yield ();
        }
    }

  return NULL;
}

/* Each item comes out exactly once, and those of one producer in its order; consumers take turns
 * under a lock that is tried, as the workers of an executor do. */
static void
flood_with_consumers (guint n_consumers)
{
  GThread *producers[N_PRODUCERS];
  GThread *consumers[4];
  Producer producer_data[N_PRODUCERS];
  Flood flood = { 0 };

  g_assert_cmpuint (n_consumers, <=, G_N_ELEMENTS (consumers));
  cfut_queue_init (&flood.queue);
  test_gate_init (&flood.start);
  g_mutex_init (&flood.consuming);

  for (guint i = 0; i < N_PRODUCERS; i++)
    {
      flood.items[i] = g_new0 (Item, N_ITEMS);
      flood.seen[i] = g_new0 (guint8, N_ITEMS);
      flood.last[i] = -1;
      producer_data[i] = (Producer) { &flood, i };
      producers[i] = g_thread_new ("producer", produce, &producer_data[i]);
    }
  for (guint i = 0; i < n_consumers; i++)
    consumers[i] = g_thread_new ("consumer", consume_in_turns, &flood);

  test_gate_wait_arrived (&flood.start, N_PRODUCERS + n_consumers);
  test_gate_open (&flood.start);

  for (guint i = 0; i < N_PRODUCERS; i++)
    g_thread_join (producers[i]);
  for (guint i = 0; i < n_consumers; i++)
    g_thread_join (consumers[i]);

  g_assert_true (cfut_queue_is_empty (&flood.queue));
  g_assert_null (cfut_queue_pop (&flood.queue));
  for (guint i = 0; i < N_PRODUCERS; i++)
    {
      g_assert_cmpint (flood.last[i], ==, N_ITEMS - 1);
      g_free (flood.items[i]);
      g_free (flood.seen[i]);
    }
  test_gate_clear (&flood.start);
  g_mutex_clear (&flood.consuming);
}

static void
test_queue_many_producers_one_consumer (void)
{
  flood_with_consumers (1);
}

static void
test_queue_many_producers_consumers_in_turns (void)
{
  flood_with_consumers (3);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/queue/new-is-empty", test_queue_new_is_empty);
  g_test_add_func ("/cfut/queue/random-against-model", test_queue_random_against_model);
  g_test_add_func ("/cfut/queue/random-halves-against-model",
                   test_queue_random_halves_against_model);
  g_test_add_func ("/cfut/queue/producer-stopped-half-way", test_queue_producer_stopped_half_way);
  g_test_add_func ("/cfut/queue/many-producers-one-consumer",
                   test_queue_many_producers_one_consumer);
  g_test_add_func ("/cfut/queue/many-producers-consumers-in-turns",
                   test_queue_many_producers_consumers_in_turns);

  return g_test_run ();
}
