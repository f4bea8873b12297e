/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The way back to an owner, by itself: items and delayed calls against a naive model of two lists
 * and a sorted one, step by step; then producers on threads, which checks that nothing is lost,
 * doubled or overtaken. What fails here breaks guarantees 2 (where something is delivered) and 3
 * (in which order). */

#include "test-util.h"

#include "core/cfut-delivery-private.h"

#define N_ITEMS 24
#define N_DELAYED 8
#define MAX_DEPTH 3

typedef struct _Model Model;

typedef struct {
  CfutItem item;  /* first, so that an item is its Thing */
  Model *model;
  gboolean queued;
  gboolean wants_loop;
} Thing;

typedef struct {
  CfutDelayed delayed;  /* first, for the same reason */
  Model *model;
  gboolean armed;
} Call;

struct _Model {
  GRand *rand;
  CfutOwner *owner;
  GMainContext *context;  /* NULL: gone */
  Thing things[N_ITEMS];
  Call calls[N_DELAYED];

  /* What is expected next */
  GQueue kept;
  guint n_looked_at;  /* of these, by the reaping that is not through with them */
  GQueue young;
  GQueue delayed;     /* by time */
  guint n_old_left;   /* that a reaping may still look at */
  gsize n_released;   /* by it */
  guint depth;
  guint n_delivered;
};

static guint
model_random (Model *model,
              guint  n)
{
  return (guint) g_rand_int_range (model->rand, 0, (gint32) n);
}

static gboolean
model_is_empty (Model *model)
{
  return g_queue_is_empty (&model->kept) && g_queue_is_empty (&model->young);
}

static void
push_both (Model *model)
{
  Thing *thing = &model->things[model_random (model, N_ITEMS)];

  if (thing->queued)
    return;

  thing->queued = TRUE;
  thing->wants_loop = g_rand_boolean (model->rand);
  cfut_owner_push (model->owner, &thing->item);
  g_queue_push_tail (&model->young, thing);
}

static int
compare_calls (gconstpointer a,
               gconstpointer b,
               gpointer      data)
{
  gint64 first = ((const Call *) a)->delayed.at_usec;
  gint64 second = ((const Call *) b)->delayed.at_usec;

  /* Those of one time stay in their order: g_queue_insert_sorted puts what is equal in front. */
  return first <= second ? -1 : 1;
}

static void
delay_both (Model *model)
{
  Call *call = &model->calls[model_random (model, N_DELAYED)];

  if (call->armed)
    {
      g_assert_true (cfut_owner_undelay (model->owner, &call->delayed));
      g_assert_false (cfut_owner_undelay (model->owner, &call->delayed));
      g_assert_true (g_queue_remove (&model->delayed, call));
      call->armed = FALSE;
      return;
    }

  call->armed = TRUE;
  cfut_owner_delay (model->owner, &call->delayed,
                    g_get_monotonic_time () + model_random (model, 500));
  g_queue_insert_sorted (&model->delayed, call, compare_calls, NULL);
}

/* A context may be iterated from what it calls. */
static void
iterate_both (Model *model)
{
  model->depth++;
  test_iterate_ready (model->context);
  model->depth--;
  g_assert_true (model_is_empty (model));
}

static void
thing_in_loop (Thing *self)
{
  Model *model = self->model;

  g_assert_cmpint (model->depth, >, 0);
  g_assert_true (g_queue_pop_head (g_queue_is_empty (&model->kept) ? &model->young : &model->kept) ==
                 self);
  if (model->n_looked_at > 0)
    model->n_looked_at--;
  self->queued = FALSE;

  /* Not from within a loop. */
  g_assert_cmpuint (cfut_owner_reap (model->owner, N_ITEMS), ==, 0);

  if (model->context == NULL)
    return;
  switch (model_random (model, 8))
    {
    case 0:
    case 1:
      push_both (model);
      break;
    case 2:
      delay_both (model);
      break;
    case 3:
      if (model->depth < MAX_DEPTH)
        iterate_both (model);
      break;
    default:
      break;
    }
}

static gboolean
thing_reaped (Thing *self)
{
  Model *model = self->model;

  g_assert_cmpuint (model->depth, ==, 0);
  if (model->n_old_left > 0)
    {
      model->n_old_left--;
      g_assert_true (g_queue_peek_nth (&model->kept, model->n_looked_at) == self);
      if (self->wants_loop)
        {
          model->n_looked_at++;
          return TRUE;
        }
      g_queue_pop_nth (&model->kept, model->n_looked_at);
    }
  else
    {
      g_assert_true (g_queue_pop_head (&model->young) == self);
      if (self->wants_loop)
        {
          g_queue_push_tail (&model->kept, self);
          return TRUE;
        }
    }
  self->queued = FALSE;
  model->n_released++;
  return FALSE;
}

static gboolean
thing_deliver (CfutItem        *item,
               CfutDeliverMode  mode)
{
  Thing *self = (Thing *) item;
  Model *model = self->model;

  g_assert_true (self->queued);
  model->n_delivered++;
  if (mode == CFUT_DELIVER_REAP)
    return thing_reaped (self);

  g_assert_cmpint (mode, ==, model->context != NULL ? CFUT_DELIVER_LOOP : CFUT_DELIVER_ORPHAN);
  thing_in_loop (self);
  return FALSE;
}

static const CfutItemClass thing_class = { .deliver = thing_deliver };

static void
call_func (CfutDelayed     *delayed,
           CfutDeliverMode  mode)
{
  Call *self = (Call *) delayed;

  g_assert_cmpint (mode, ==,
                   self->model->context != NULL ? CFUT_DELIVER_LOOP : CFUT_DELIVER_ORPHAN);
  g_assert_true (self->armed);
  g_assert_true (g_queue_pop_head (&self->model->delayed) == self);
  self->armed = FALSE;
  if (mode == CFUT_DELIVER_LOOP)
    g_assert_cmpint (delayed->at_usec, <=, g_get_monotonic_time ());
}

/* Of what was kept at most so many are looked at, from where the last look ended, and stay in their order; what is
 * young, wholly. */
static void
reap_both (Model *model)
{
  guint n_old = model_random (model, 6);
  guint n_left = g_queue_get_length (&model->kept) - model->n_looked_at;
  gsize n_reaped;

  model->n_old_left = MIN (n_old, n_left);
  model->n_released = 0;
  n_reaped = cfut_owner_reap (model->owner, n_old);
  g_assert_cmpuint (n_reaped, ==, model->n_released);
  g_assert_cmpuint (model->n_old_left, ==, 0);
  g_assert_true (g_queue_is_empty (&model->young));
  if (n_old > n_left)
    model->n_looked_at = 0;
}

static void
step_both (Model *model)
{
  switch (model_random (model, 12))
    {
    case 0:
      iterate_both (model);
      break;
    case 1:
      reap_both (model);
      break;
    default:
      push_both (model);
      break;
    }
}

static void
model_init (Model *model,
            GRand *rand)
{
  *model = (Model) { .rand = rand };
  for (guint i = 0; i < N_ITEMS; i++)
    {
      model->things[i].item.klass = &thing_class;
      model->things[i].model = model;
    }
  for (guint i = 0; i < N_DELAYED; i++)
    {
      model->calls[i].delayed.func = call_func;
      model->calls[i].model = model;
    }
  model->context = g_main_context_new ();
  g_main_context_push_thread_default (model->context);
  model->owner = cfut_owner_ref (cfut_owner_get_current ());
}

static void
model_drop_context (Model *model)
{
  GMainContext *context = g_steal_pointer (&model->context);

  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
}

/* Any mix of pushing, iterating, nested iterating, reaping and delaying delivers what two lists and
 * a sorted one would, and so does the default context when the owner's is gone half-way. */
static void
test_model_delivery_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  guint n_delivered = 0;

  for (guint round = 0; round < 1500; round++)
    {
      guint n_steps = (guint) g_rand_int_range (rand, 1, 120);
      Model model;

      model_init (&model, rand);
      for (guint i = 0; i < n_steps; i++)
        step_both (&model);

      /* Sometimes everything comes to its end, sometimes the context goes before. */
      if (g_rand_boolean (rand))
        {
          iterate_both (&model);
          while (!g_queue_is_empty (&model.delayed))
            g_main_context_iteration (model.context, TRUE);
        }
      model_drop_context (&model);

      /* What is pushed from now on goes the same way. */
      for (guint i = 0; i < 4; i++)
        push_both (&model);
      iterate_both (&model);
      g_assert_true (g_queue_is_empty (&model.delayed));

      n_delivered += model.n_delivered;
      cfut_owner_unref (model.owner);
    }

  g_test_message ("%u deliveries", n_delivered);
}

#define N_PRODUCERS 3
#define N_PUSHED 20000

typedef struct {
  CfutItem item;
  struct _Traffic *traffic;
  guint producer;
  gint64 number;
  gboolean wants_loop;
  guint n_seen;
  gboolean is_finished;
} Parcel;

typedef struct _Traffic {
  CfutOwner *owner;
  GThread *thread;
  TestGate start;
  Parcel *parcels[N_PRODUCERS];
  gboolean context_gone;

  /* The consumer's */
  gint64 last_seen[N_PRODUCERS];
  guint n_finished;
} Traffic;

typedef struct {
  Traffic *traffic;
  guint number;
} Producer;

static void
parcel_finish (Parcel *self)
{
  g_assert_false (self->is_finished);
  self->is_finished = TRUE;
  self->traffic->n_finished++;
}

/* Parcels are seen for the first time in the order in which their producer pushed them. */
static gboolean
parcel_deliver (CfutItem        *item,
                CfutDeliverMode  mode)
{
  Parcel *self = (Parcel *) item;
  Traffic *traffic = self->traffic;

  g_assert_true (g_thread_self () == traffic->thread);
  if (self->n_seen++ == 0)
    {
      g_assert_cmpint (self->number, ==, traffic->last_seen[self->producer] + 1);
      traffic->last_seen[self->producer] = self->number;
    }

  if (mode == CFUT_DELIVER_REAP)
    {
      g_assert_false (traffic->context_gone);
      if (!self->wants_loop)
        parcel_finish (self);
      return self->wants_loop;
    }

  g_assert_cmpint (mode, ==, traffic->context_gone ? CFUT_DELIVER_ORPHAN : CFUT_DELIVER_LOOP);
  parcel_finish (self);
  return FALSE;
}

static const CfutItemClass parcel_class = { .deliver = parcel_deliver };

static gpointer
produce (gpointer data)
{
  Producer *self = data;
  Parcel *parcels = self->traffic->parcels[self->number];

  test_gate_pass (&self->traffic->start);
  for (guint i = 0; i < N_PUSHED; i++)
    cfut_owner_push (self->traffic->owner, &parcels[i].item);
  return NULL;
}

static void
traffic_init (Traffic *traffic,
              GRand   *rand)
{
  *traffic = (Traffic) { .thread = g_thread_self () };
  test_gate_init (&traffic->start);
  for (guint i = 0; i < N_PRODUCERS; i++)
    {
      traffic->last_seen[i] = -1;
      traffic->parcels[i] = g_new0 (Parcel, N_PUSHED);
      for (guint j = 0; j < N_PUSHED; j++)
        {
          Parcel *parcel = &traffic->parcels[i][j];

          parcel->item.klass = &parcel_class;
          parcel->traffic = traffic;
          parcel->producer = i;
          parcel->number = j;
          parcel->wants_loop = g_rand_int_range (rand, 0, 50) == 0;
        }
    }
}

/* In one of the ways that there are. */
static void
consume_once (Traffic      *traffic,
              GMainContext *context,
              GRand        *rand)
{
  CfutWaiter waiter;

  switch (g_rand_int_range (rand, 0, traffic->context_gone ? 1 : 3))
    {
    case 0:
      g_main_context_iteration (context, FALSE);
      break;
    case 1:
      cfut_owner_reap (traffic->owner, (guint) g_rand_int_range (rand, 0, 8));
      break;
    default:
      cfut_waiter_init (&waiter);
      g_assert_cmpint (cfut_owner_block (&waiter, cfut_deadline_from_timeout (200), NULL), ==,
                       CFUT_WAKE_TIMED_OUT);
      break;
    }
}

/* Takes at least @n of what comes. */
static void
consume (Traffic      *traffic,
         GMainContext *context,
         GRand        *rand,
         guint         n)
{
  gint64 deadline = g_get_monotonic_time () + TEST_DEADLINE_USEC;

  while (traffic->n_finished < n)
    {
      if (g_get_monotonic_time () > deadline)
        g_error ("only %u of %u came", traffic->n_finished, n);
      consume_once (traffic, context, rand);
    }
}

/* Producers on threads, and the owner that iterates, reaps and blocks at random; on the way its
 * context goes. Each parcel comes to its end once, and
 * none is seen before an older one of its producer's. */
static void
test_model_delivery_producers (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  const guint n_all = N_PRODUCERS * N_PUSHED;
  GMainContext *context = g_main_context_new ();
  GThread *threads[N_PRODUCERS];
  Producer producers[N_PRODUCERS];
  Traffic traffic;

  traffic_init (&traffic, rand);
  g_main_context_push_thread_default (context);
  traffic.owner = cfut_owner_ref (cfut_owner_get_current ());
  for (guint i = 0; i < N_PRODUCERS; i++)
    {
      producers[i] = (Producer) { &traffic, i };
      threads[i] = g_thread_new ("producer", produce, &producers[i]);
    }
  test_gate_wait_arrived (&traffic.start, N_PRODUCERS);
  test_gate_open (&traffic.start);

  consume (&traffic, context, rand, n_all / 2);
  g_main_context_pop_thread_default (context);
  traffic.context_gone = TRUE;
  g_main_context_unref (context);
  consume (&traffic, NULL, rand, n_all);

  for (guint i = 0; i < N_PRODUCERS; i++)
    g_thread_join (threads[i]);
  test_iterate_ready (NULL);
  g_assert_cmpuint (traffic.n_finished, ==, n_all);
  for (guint i = 0; i < N_PRODUCERS; i++)
    {
      g_assert_cmpint (traffic.last_seen[i], ==, N_PUSHED - 1);
      g_free (traffic.parcels[i]);
    }
  cfut_owner_unref (traffic.owner);
  test_gate_clear (&traffic.start);
}

/* While it is blocked a thread looks once a millisecond at most, and every time something is there. */
#define N_LETTERS_LOOP 30000
#define N_LETTERS_BLOCKED 500

typedef struct {
  CfutItem item;
  CfutOwner *owner;
  TestSem delivered;
  CfutWaiter waiter;
  gboolean in_loop;
  guint n_letters;
  guint n_delivered;
} Letter;

static gboolean
letter_deliver (CfutItem        *item,
                CfutDeliverMode  mode)
{
  Letter *self = (Letter *) item;

  g_assert_cmpint (mode, ==, self->in_loop ? CFUT_DELIVER_LOOP : CFUT_DELIVER_REAP);
  self->n_delivered++;
  test_sem_post (&self->delivered);
  return FALSE;
}

static const CfutItemClass letter_class = { .deliver = letter_deliver };

static gpointer
write_letters (gpointer data)
{
  Letter *self = data;

  for (guint i = 0; i < self->n_letters; i++)
    {
      cfut_owner_push (self->owner, &self->item);
      test_sem_wait (&self->delivered);
    }
  if (!self->in_loop)
    cfut_waiter_fire (&self->waiter);
  return NULL;
}

/* One item at a time: each comes as the owner is about to find that there is nothing, and no other
 * comes after it that would make good a lost wake-up. */
static void
send_letters (gboolean in_loop)
{
  GMainContext *context = g_main_context_new ();
  Letter letter = { .item.klass = &letter_class, .in_loop = in_loop };
  GThread *thread;

  g_main_context_push_thread_default (context);
  letter.owner = cfut_owner_ref (cfut_owner_get_current ());
  letter.n_letters = in_loop ? N_LETTERS_LOOP : N_LETTERS_BLOCKED;
  test_sem_init (&letter.delivered);
  cfut_waiter_init (&letter.waiter);
  thread = g_thread_new ("writer", write_letters, &letter);

  if (in_loop)
    test_iterate_until (context, letter.n_delivered == letter.n_letters);
  else
    g_assert_cmpint (cfut_owner_block (&letter.waiter, CFUT_NO_DEADLINE, NULL), ==,
                     CFUT_WAKE_FIRED);

  g_thread_join (thread);
  g_assert_cmpuint (letter.n_delivered, ==, letter.n_letters);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  cfut_owner_unref (letter.owner);
  test_sem_clear (&letter.delivered);
}

static void
test_model_delivery_one_at_a_time_in_a_loop (void)
{
  send_letters (TRUE);
}

static void
test_model_delivery_one_at_a_time_while_blocked (void)
{
  send_letters (FALSE);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/model-delivery/2-3-random-against-model", test_model_delivery_random);
  g_test_add_func ("/cfut/model-delivery/2-3-producers", test_model_delivery_producers);
  g_test_add_func ("/cfut/model-delivery/2-one-at-a-time-in-a-loop",
                   test_model_delivery_one_at_a_time_in_a_loop);
  g_test_add_func ("/cfut/model-delivery/2-one-at-a-time-while-blocked",
                   test_model_delivery_one_at_a_time_while_blocked);

  return g_test_run ();
}
