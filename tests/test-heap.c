/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The heap of priorities against a naive model: a list that is searched from end to end. */

#include "test-util.h"

#include "core/cfut-heap-private.h"

#define N_PLACES 200u

typedef struct {
  CfutPlace place;  /* first, so that a place is its item */
  gboolean inside;
  gint64 key;
  guint64 number;   /* when it was inserted */
} Item;

typedef struct {
  CfutHeap heap;
  Item items[N_PLACES];
  guint64 n_inserted;
  guint n_inside;
} Model;

static Item *
model_first (Model *self)
{
  Item *first = NULL;

  for (guint i = 0; i < N_PLACES; i++)
    {
      Item *item = &self->items[i];

      if (item->inside &&
          (first == NULL || item->key < first->key ||
           (item->key == first->key && item->number < first->number)))
        first = item;
    }

  return first;
}

static void
model_insert (Model  *self,
              Item   *item,
              gint64  key)
{
  item->inside = TRUE;
  item->key = key;
  item->number = self->n_inserted++;
  self->n_inside++;
  cfut_heap_insert (&self->heap, &item->place, key);
}

static void
model_remove (Model *self,
              Item  *item)
{
  item->inside = FALSE;
  self->n_inside--;
  cfut_heap_remove (&self->heap, &item->place);
}

/* Each place says where it is, none comes before the one above it, and the first is the model's. */
static void
model_check (Model *self)
{
  CfutHeap *heap = &self->heap;

  g_assert_cmpuint (heap->len, ==, self->n_inside);
  g_assert_true (cfut_heap_peek (heap) == (CfutPlace *) model_first (self));

  for (guint i = 0; i < heap->len; i++)
    {
      CfutPlace *place = heap->places[i];
      CfutPlace *above = heap->places[i > 0 ? (i - 1) / 2 : 0];

      g_assert_cmpuint (place->index, ==, i + 1);
      g_assert_cmpint (place->key, ==, ((Item *) place)->key);
      g_assert_true (above->key < place->key ||
                     (above->key == place->key && above->number <= place->number));
    }
  for (guint i = 0; i < N_PLACES; i++)
    g_assert_true ((self->items[i].place.index > 0) == self->items[i].inside);
}

static gint64
random_key (GRand *rand,
            gint   range)
{
  static const gint64 extremes[] = { G_MININT64, -1, 0, 1, G_MAXINT64 - 1, G_MAXINT64 };

  if (g_rand_int_range (rand, 0, 20) == 0)
    return extremes[g_rand_int_range (rand, 0, G_N_ELEMENTS (extremes))];

  return g_rand_int_range (rand, -range, range);
}

/* Whatever is inserted, moved and removed, and in whatever order, the heap is as the model has it:
 * with many equal keys, and with few. */
static void
test_heap_against_model (void)
{
  static const gint ranges[] = { 1, 3, 50, G_MAXINT / 2 };
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    {
      Model *model = g_new0 (Model, 1);
      gint likes_inserts = 50;

      for (guint step = 0; step < 6000; step++)
        {
          Item *item = &model->items[g_rand_int_range (rand, 0, N_PLACES)];

          /* Now it grows, now it shrinks. */
          if (step % 500 == 0)
            likes_inserts = g_rand_int_range (rand, 10, 90);

          if (!item->inside)
            {
              if (g_rand_int_range (rand, 0, 100) < likes_inserts)
                model_insert (model, item, random_key (rand, ranges[i]));
            }
          else if (g_rand_int_range (rand, 0, 100) >= likes_inserts)
            {
              model_remove (model, g_rand_boolean (rand) ? item : model_first (model));
            }
          else
            {
              item->key = random_key (rand, ranges[i]);
              cfut_heap_move (&model->heap, &item->place, item->key);
            }
          model_check (model);
        }

      while (model->n_inside > 0)
        {
          model_remove (model, model_first (model));
          model_check (model);
        }
      cfut_heap_clear (&model->heap);
      g_free (model);
    }
}

/* Of equal keys the one that came first comes first, also where all have been moved meanwhile; who
 * has left and comes again stands at the end. */
static void
test_heap_equal_keys_keep_their_order (void)
{
  Model *model = g_new0 (Model, 1);

  for (guint i = 0; i < N_PLACES; i++)
    model_insert (model, &model->items[i], 7);
  for (guint i = 0; i < N_PLACES; i++)
    cfut_heap_move (&model->heap, &model->items[(i * 7) % N_PLACES].place, 100 - (gint64) i);
  for (guint i = 0; i < N_PLACES; i++)
    cfut_heap_move (&model->heap, &model->items[(i * 11) % N_PLACES].place, 7);

  model_remove (model, &model->items[3]);
  model_insert (model, &model->items[3], 7);

  for (guint i = 0; i < N_PLACES; i++)
    {
      guint expected = i < 3 ? i : i < N_PLACES - 1 ? i + 1 : 3;
      Item *first = (Item *) cfut_heap_peek (&model->heap);

      g_assert_true (first == &model->items[expected]);
      model_remove (model, first);
    }
  g_assert_null (cfut_heap_peek (&model->heap));
  cfut_heap_clear (&model->heap);
  g_free (model);
}

/* A heap that was cleared can be used again. */
static void
test_heap_is_empty_after_clear (void)
{
  CfutHeap heap = { 0 };
  CfutPlace place = { 0 };

  g_assert_null (cfut_heap_peek (&heap));
  cfut_heap_insert (&heap, &place, 1);
  cfut_heap_remove (&heap, &place);
  g_assert_cmpuint (place.index, ==, 0);
  cfut_heap_clear (&heap);
  g_assert_null (cfut_heap_peek (&heap));

  cfut_heap_insert (&heap, &place, 2);
  g_assert_true (cfut_heap_peek (&heap) == &place);
  cfut_heap_remove (&heap, &place);
  cfut_heap_clear (&heap);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/heap/against-model", test_heap_against_model);
  g_test_add_func ("/cfut/heap/equal-keys-keep-their-order", test_heap_equal_keys_keep_their_order);
  g_test_add_func ("/cfut/heap/is-empty-after-clear", test_heap_is_empty_after_clear);

  return g_test_run ();
}
