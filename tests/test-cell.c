/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The cell, which is a future's state, lock and list of waiters: against a naive model, then with
 * threads that race. It carries guarantees 1 (settles exactly once), 3 (nodes are served in the order
 * in which they were added) and 5 (cancel against start: one wins). */

#include "test-util.h"

#include "core/cfut-cell-private.h"

typedef struct {
  CfutNode node;  /* first, so that a node is its waiter */
  guint number;
} Waiter;

#define N_KINDS (CFUT_NODE_CONTEXT + 1)

/* One of each kind, set up in main, and one more of the last. */
static CfutNodeClass classes[N_KINDS];
static const CfutNodeClass context_class = { .kind = CFUT_NODE_CONTEXT };

/* The naive model: a state, and one list of waiters for each kind. */
typedef struct {
  CfutState state;
  guint flags;
  guint n_releases;
  GQueue nodes;
} Model;

/* The flags that the cell keeps for others, without a meaning to it. */
#define SETTABLE \
  (CFUT_CELL_CANCEL_REQUESTED | CFUT_CELL_ANNOUNCED | CFUT_CELL_CHANGED | CFUT_CELL_THROTTLED | \
   CFUT_CELL_REAPED | CFUT_CELL_ENTERED | CFUT_CELL_OBSERVED | CFUT_CELL_PAUSED)

static gboolean
model_settled (Model *model)
{
  return model->state >= CFUT_STATE_RESOLVED;
}

static void
assert_equals_model_but_nodes (CfutCell *cell,
                               Model    *model)
{
  const guint modelled = SETTABLE | CFUT_CELL_SCHEDULED | CFUT_CELL_QUEUED;
  guint word = cfut_cell_load (cell);

  g_assert_cmpint (cfut_cell_state (word), ==, model->state);
  g_assert_cmpint (cfut_cell_settled (word), ==, model_settled (model));
  g_assert_cmpuint (word & CFUT_CELL_LOCK, ==, 0);
  g_assert_cmphex (word & modelled, ==, model->flags);
  g_assert_cmpuint (word >> CFUT_CELL_RELEASE_SHIFT, ==, model->n_releases);
}

static void
assert_equals_model (CfutCell *cell,
                     Model    *model)
{
  assert_equals_model_but_nodes (cell, model);
  g_assert_cmpint ((cfut_cell_load (cell) & CFUT_CELL_HAS_NODES) != 0, ==,
                   !g_queue_is_empty (&model->nodes));
}

static void
model_hand_over (Model *model)
{
  if (model->flags & CFUT_CELL_SCHEDULED)
    model->n_releases++;
  model->flags |= CFUT_CELL_SCHEDULED;
}

static void
assert_served (CfutNode     *served,
               GQueue       *nodes,
               CfutNodeKind  kind)
{
  GList *link = nodes->head;

  while (link != NULL)
    {
      GList *next = link->next;
      CfutNode *node = link->data;

      if (node->klass->kind == kind)
        {
          g_assert_true (served == node);
          served = served->next;
          g_queue_delete_link (nodes, link);
        }
      link = next;
    }

  g_assert_null (served);
}

static void
settle_both (CfutCell  *cell,
             Model     *model,
             CfutState  to)
{
  CfutNode *serve[CFUT_NODE_CONTEXT] = { NULL };
  guint before;

  cfut_cell_lock (cell);
  before = cfut_cell_settle_locked (cell, to, serve);
  g_assert_cmpint (cfut_cell_state (before), ==, model->state);
  model->state = to;

  /* The reference is handed over in the same step, or after what needs the future was served. */
  if (serve[CFUT_NODE_INTERNAL] == NULL && serve[CFUT_NODE_DIRECT] == NULL)
    {
      model_hand_over (model);
      assert_equals_model_but_nodes (cell, model);
    }
  else
    {
      gboolean full;

      assert_equals_model_but_nodes (cell, model);
      g_assert_cmpint (cfut_cell_hand_over (cell, &full), ==,
                       !(model->flags & CFUT_CELL_SCHEDULED));
      g_assert_false (full);
      model_hand_over (model);
    }

  for (guint kind = 0; kind < CFUT_NODE_CONTEXT; kind++)
    assert_served (serve[kind], &model->nodes, kind);
}

static void
try_settle_both (CfutCell  *cell,
                 Model     *model,
                 CfutState  to)
{
  guint before;
  gboolean possible = model->state == CFUT_STATE_RUNNING && g_queue_is_empty (&model->nodes);

  g_assert_cmpint (cfut_cell_try_settle (cell, to, &before), ==, possible);
  if (possible)
    {
      g_assert_cmpint (cfut_cell_state (before), ==, CFUT_STATE_RUNNING);
      model->state = to;
      /* The function has returned: what settles that way is what ends its run. */
      model->flags &= ~CFUT_CELL_ENTERED;
      model_hand_over (model);
    }
}

static void
change_nodes_both (CfutCell *cell,
                   Model    *model,
                   GRand    *rand,
                   Waiter   *waiter)
{
  GList *link = g_queue_find (&model->nodes, waiter);

  if (link == NULL && g_rand_int_range (rand, 0, 3) > 0)
    {
      gboolean taken;

      waiter->node.klass = &classes[g_rand_int_range (rand, 0, N_KINDS)];
      if (waiter->node.klass->kind == CFUT_NODE_CONTEXT && g_rand_boolean (rand))
        waiter->node.klass = &context_class;
      taken = !model_settled (model) || waiter->node.klass->kind == CFUT_NODE_CONTEXT;
      g_assert_cmpint (cfut_cell_add (cell, &waiter->node), ==, taken);
      if (taken)
        g_queue_push_tail (&model->nodes, waiter);
    }
  else if (link != NULL)
    {
      g_assert_cmpint (cfut_cell_remove (cell, &waiter->node), ==, !model_settled (model));
      if (!model_settled (model))
        g_queue_delete_link (&model->nodes, link);
    }
}

/* The first of that class, whatever stands before it. */
static void
take_one_class_both (CfutCell            *cell,
                     Model               *model,
                     const CfutNodeClass *only)
{
  CfutNode *taken = cfut_cell_take_context_node (cell, only);
  GList *link = model->nodes.head;

  while (link != NULL && ((CfutNode *) link->data)->klass != only)
    link = link->next;
  g_assert_true ((gpointer) taken == (link != NULL ? link->data : NULL));
  if (link != NULL)
    g_queue_delete_link (&model->nodes, link);
}

/* Unless one of some flags is set; others are set in the same step. */
static void
start_both (CfutCell *cell,
            Model    *model,
            GRand    *rand)
{
  guint unless = g_rand_boolean (rand) ? g_rand_int (rand) & SETTABLE : 0;
  guint flags = g_rand_int (rand) & SETTABLE;
  gboolean starts = model->state == CFUT_STATE_PENDING && !(model->flags & unless);

  g_assert_cmpint (cfut_cell_start (cell, unless, flags), ==, starts);
  if (!starts)
    return;

  model->state = CFUT_STATE_RUNNING;
  model->flags = (model->flags & ~CFUT_CELL_QUEUED) | flags;
}

static void
step_both (CfutCell *cell,
           Model    *model,
           GRand    *rand,
           Waiter   *waiters,
           guint     n_waiters)
{
  CfutState to = (CfutState) g_rand_int_range (rand, CFUT_STATE_RESOLVED, CFUT_STATE_CANCELLED + 1);
  gboolean full;
  guint flags;

  switch (g_rand_int_range (rand, 0, 24))
    {
    case 0:
      start_both (cell, model, rand);
      break;

    case 1:
      if (!model_settled (model))
        settle_both (cell, model, to);
      break;

    case 2:
      try_settle_both (cell, model, to);
      break;

    case 3:
      flags = g_rand_int (rand) & (SETTABLE | CFUT_CELL_QUEUED);
      g_assert_cmphex (cfut_cell_set_flags (cell, flags) & SETTABLE, ==, model->flags & SETTABLE);
      model->flags |= flags;
      break;

    case 4:
      flags = g_rand_int (rand) & (SETTABLE | CFUT_CELL_SCHEDULED | CFUT_CELL_RELEASE_MASK);
      if (!(flags & CFUT_CELL_SCHEDULED))
        flags &= ~CFUT_CELL_RELEASE_MASK;
      else
        flags |= CFUT_CELL_RELEASE_MASK;
      g_assert_cmphex (cfut_cell_clear_flags (cell, flags) & SETTABLE, ==, model->flags & SETTABLE);
      model->flags &= ~flags;
      if (flags & CFUT_CELL_RELEASE_MASK)
        model->n_releases = 0;
      break;

    case 5:
      g_assert_cmpint (cfut_cell_hand_over (cell, &full), ==,
                       !(model->flags & CFUT_CELL_SCHEDULED));
      g_assert_false (full);
      model_hand_over (model);
      break;

    case 6:
      if (model_settled (model))
        g_assert_true ((gpointer) cfut_cell_take_context_node (cell, NULL) ==
                       g_queue_pop_head (&model->nodes));
      break;

    case 7:
      if (model_settled (model))
        take_one_class_both (cell, model, g_rand_boolean (rand) ? &context_class
                                                                : &classes[CFUT_NODE_CONTEXT]);
      break;

    default:
      change_nodes_both (cell, model, rand, &waiters[g_rand_int_range (rand, 0, (gint32) n_waiters)]);
      break;
    }
}

/* Guarantees 1 and 3: any mix of operations leaves the cell as it leaves the model. */
static void
test_cell_random_against_model (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint round = 0; round < 5000; round++)
    {
      Waiter waiters[6];
      Model model = { CFUT_STATE_PENDING, 0, 0, G_QUEUE_INIT };
      CfutCell cell = { 0 };
      guint n_steps = (guint) g_rand_int_range (rand, 1, 60);

      for (guint i = 0; i < n_steps; i++)
        {
          step_both (&cell, &model, rand, waiters, G_N_ELEMENTS (waiters));
          assert_equals_model (&cell, &model);
        }

      if (!model_settled (&model))
        settle_both (&cell, &model, CFUT_STATE_RESOLVED);
      while (!g_queue_is_empty (&model.nodes))
        g_assert_true ((gpointer) cfut_cell_take_context_node (&cell, NULL) ==
                       g_queue_pop_head (&model.nodes));
      g_assert_null (cfut_cell_take_context_node (&cell, NULL));
      assert_equals_model (&cell, &model);
    }
}

/* Guarantee 1: a settled cell stays as it is; the library stops rather than settle it again. */
static void
test_cell_settling_twice_stops_the_program (void)
{
  if (g_test_subprocess ())
    {
      CfutNode *serve[CFUT_NODE_CONTEXT] = { NULL };
      CfutCell cell = { 0 };

      cfut_cell_lock (&cell);
      cfut_cell_settle_locked (&cell, CFUT_STATE_CANCELLED, serve);
      cfut_cell_lock (&cell);
      cfut_cell_settle_locked (&cell, CFUT_STATE_RESOLVED, serve);
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
}

/* References for the delivery queue are counted up to a limit; what is refused above it is not
 * lost, and settling, which cannot be refused, still finds room for its own. */
static void
test_cell_counts_references_to_release (void)
{
  CfutNode *serve[CFUT_NODE_CONTEXT] = { NULL };
  CfutCell cell = { 0 };
  gboolean full = FALSE;
  guint n_taken = 0;

  for (guint i = 0; i < 2 * CFUT_CELL_RELEASE_MAX && !full; i++)
    {
      g_assert_cmpint (cfut_cell_hand_over (&cell, &full), ==, i == 0);
      if (!full)
        n_taken++;
      g_assert_cmpuint ((cfut_cell_load (&cell) >> CFUT_CELL_RELEASE_SHIFT) + 1, ==, n_taken);
    }
  g_assert_true (full);

  cfut_cell_lock (&cell);
  cfut_cell_settle_locked (&cell, CFUT_STATE_RESOLVED, serve);
  g_assert_cmpuint ((cfut_cell_load (&cell) >> CFUT_CELL_RELEASE_SHIFT) + 1, ==, n_taken + 1);
  g_assert_cmpint (cfut_cell_state (cfut_cell_load (&cell)), ==, CFUT_STATE_RESOLVED);
}

#define N_THREADS 4
#define N_ROUNDS 2000
#define N_PER_THREAD 3

typedef enum {
  FATE_NONE,
  FATE_REFUSED,
  FATE_REMOVED,
  FATE_TOO_LATE,   /* removing it failed: it must have been served */
  FATE_LEFT        /* added and never removed: it must have been served or kept */
} Fate;

typedef struct {
  CfutCell cell;
  Waiter waiters[N_THREADS][N_PER_THREAD];
  Fate fates[N_THREADS][N_PER_THREAD];
  int n_served[N_THREADS][N_PER_THREAD];  /* atomic */
  int n_settled;                          /* atomic */
} Round;

typedef struct {
  Round *rounds;
  TestGate start;
  int n_there[N_ROUNDS];  /* atomic: threads at the start of the round */
} Race;

typedef struct {
  Race *race;
  guint number;
  GRand *rand;
} Racer;

static void
serve_list (Round    *round,
            CfutNode *node)
{
  while (node != NULL)
    {
      CfutNode *next = node->next;
      Waiter *waiter = (Waiter *) node;

      g_atomic_int_inc (&round->n_served[waiter->number / N_PER_THREAD]
                                        [waiter->number % N_PER_THREAD]);
      node = next;
    }
}

static void
race_to_settle (Round     *round,
                CfutState  to)
{
  CfutNode *serve[CFUT_NODE_CONTEXT] = { NULL };
  guint word;

  word = cfut_cell_lock (&round->cell);
  if (cfut_cell_settled (word))
    {
      cfut_cell_unlock (&round->cell);
      return;
    }

  cfut_cell_settle_locked (&round->cell, to, serve);
  g_atomic_int_inc (&round->n_settled);
  for (guint kind = 0; kind < CFUT_NODE_CONTEXT; kind++)
    serve_list (round, serve[kind]);
}

static void
race_a_round (Racer *self,
              Round *round)
{
  Fate *fates = round->fates[self->number];
  Waiter *waiters = round->waiters[self->number];
  guint before;

  for (guint i = 0; i < N_PER_THREAD; i++)
    {
      waiters[i].number = self->number * N_PER_THREAD + i;
      waiters[i].node.klass = &classes[g_rand_int_range (self->rand, 0, N_KINDS)];
      fates[i] = cfut_cell_add (&round->cell, &waiters[i].node) ? FATE_LEFT : FATE_REFUSED;
    }

  switch (self->number)
    {
    case 0:
      if (cfut_cell_start (&round->cell, 0, 0) &&
          cfut_cell_try_settle (&round->cell, CFUT_STATE_RESOLVED, &before))
        g_atomic_int_inc (&round->n_settled);
      else
        race_to_settle (round, CFUT_STATE_RESOLVED);
      break;

    case 1:
      race_to_settle (round, CFUT_STATE_CANCELLED);
      break;

    default:
      break;
    }

  for (guint i = 0; i < N_PER_THREAD; i++)
    if (fates[i] == FATE_LEFT && g_rand_boolean (self->rand))
      fates[i] = cfut_cell_remove (&round->cell, &waiters[i].node) ? FATE_REMOVED : FATE_TOO_LATE;
}

static gpointer
race_run (gpointer data)
{
  Racer *self = data;

  test_gate_pass (&self->race->start);
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      /* All begin the round together, as near as that can be had. */
      g_atomic_int_inc (&self->race->n_there[i]);
      while (g_atomic_int_get (&self->race->n_there[i]) < N_THREADS)
        g_thread_yield ();
      race_a_round (self, &self->race->rounds[i]);
    }

  return NULL;
}

static void
assert_round_is_sound (Round *round)
{
  guint n_kept = 0;
  guint n_expected = 0;

  g_assert_cmpint (round->n_settled, ==, 1);
  g_assert_true (cfut_cell_settled (cfut_cell_load (&round->cell)));

  for (guint i = 0; i < N_THREADS; i++)
    for (guint j = 0; j < N_PER_THREAD; j++)
      {
        gboolean in_list = round->fates[i][j] == FATE_LEFT || round->fates[i][j] == FATE_TOO_LATE;
        gboolean context = round->waiters[i][j].node.klass->kind == CFUT_NODE_CONTEXT;

        g_assert_cmpint (round->n_served[i][j], ==, in_list && !context);
        n_expected += in_list && context;
        if (round->fates[i][j] == FATE_REFUSED)
          g_assert_false (context);
      }

  while (cfut_cell_take_context_node (&round->cell, NULL) != NULL)
    n_kept++;
  g_assert_cmpuint (n_kept, ==, n_expected);
}

/* Guarantees 1 and 5: with a runner, a canceller and threads that add and remove waiters, one
 * settles, and each waiter is either refused, removed or served, exactly once. */
static void
test_cell_racing_threads (void)
{
  GThread *threads[N_THREADS];
  Racer racers[N_THREADS];
  Race race = { 0 };
  guint32 seed = test_seed ();

  race.rounds = g_new0 (Round, N_ROUNDS);
  test_gate_init (&race.start);
  for (guint i = 0; i < N_THREADS; i++)
    {
      racers[i] = (Racer) { &race, i, g_rand_new_with_seed (seed + i) };
      threads[i] = g_thread_new ("racer", race_run, &racers[i]);
    }
  test_gate_wait_arrived (&race.start, N_THREADS);
  test_gate_open (&race.start);
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_thread_join (threads[i]);
      g_rand_free (racers[i].rand);
    }

  for (guint i = 0; i < N_ROUNDS; i++)
    assert_round_is_sound (&race.rounds[i]);

  test_gate_clear (&race.start);
  g_free (race.rounds);
}

static gpointer
start_cell (gpointer data)
{
  return GINT_TO_POINTER (cfut_cell_start (data, 0, 0));
}

/* Guarantee 5: who starts while another holds the lock waits for what that one decides. */
static void
test_cell_start_waits_for_the_lock (void)
{
  for (guint i = 0; i < 200; i++)
    {
      CfutNode *serve[CFUT_NODE_CONTEXT] = { NULL };
      CfutCell cell = { 0 };
      GThread *thread;

      cfut_cell_lock (&cell);
      thread = g_thread_new ("starter", start_cell, &cell);
      cfut_cell_settle_locked (&cell, CFUT_STATE_CANCELLED, serve);
      g_assert_false (GPOINTER_TO_INT (g_thread_join (thread)));
      g_assert_cmpint (cfut_cell_state (cfut_cell_load (&cell)), ==, CFUT_STATE_CANCELLED);
    }
}

typedef struct {
  CfutNode node;
  guint64 done;
  guint64 total;
} Watcher;

static void
watcher_progress (CfutNode *node,
                  guint64   done,
                  guint64   total)
{
  Watcher *self = (Watcher *) node;

  self->done = done;
  self->total = total;
}

/* Guarantee 4: progress reaches the nodes that want it, and none after settling. */
static void
test_cell_progress_walk (void)
{
  static const CfutNodeClass watching = {
    .kind = CFUT_NODE_INTERNAL, .progress = watcher_progress
  };
  CfutNode *serve[CFUT_NODE_CONTEXT] = { NULL };
  Waiter deaf = { .node.klass = &classes[CFUT_NODE_INTERNAL] };
  Watcher watcher = { .node.klass = &watching };
  CfutCell cell = { 0 };

  cfut_cell_walk_progress (&cell, 1, 2);
  cfut_cell_add (&cell, &deaf.node);
  cfut_cell_add (&cell, &watcher.node);
  cfut_cell_walk_progress (&cell, 3, 7);
  g_assert_cmpuint (watcher.done, ==, 3);
  g_assert_cmpuint (watcher.total, ==, 7);

  cfut_cell_lock (&cell);
  cfut_cell_settle_locked (&cell, CFUT_STATE_RESOLVED, serve);
  cfut_cell_walk_progress (&cell, 5, 7);
  g_assert_cmpuint (watcher.done, ==, 3);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (guint kind = 0; kind < N_KINDS; kind++)
    classes[kind].kind = kind;

  g_test_add_func ("/cfut/cell/1-3-random-against-model", test_cell_random_against_model);
  g_test_add_func ("/cfut/cell/1-settling-twice-stops-the-program",
                   test_cell_settling_twice_stops_the_program);
  g_test_add_func ("/cfut/cell/2-counts-references-to-release",
                   test_cell_counts_references_to_release);
  g_test_add_func ("/cfut/cell/1-5-racing-threads", test_cell_racing_threads);
  g_test_add_func ("/cfut/cell/5-start-waits-for-the-lock", test_cell_start_waits_for_the_lock);
  g_test_add_func ("/cfut/cell/4-progress-walk", test_cell_progress_walk);

  return g_test_run ();
}
