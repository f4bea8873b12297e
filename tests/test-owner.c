/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* An owner's references, which its thread counts for itself and others with atomic operations; and how
 * much it delivers in one turn of a main loop. What fails here breaks guarantees 2 (where and whether
 * something is released) and 4 (a slice of 4 ms). */

#include "test-util.h"

#include "core/cfut-delivery-private.h"

/* More than a slice. */
#define LONG_USEC 5000

/* --- 2: references --- */

typedef struct {
  TestGate gate;
  CfutOwner *owner;
  int n_before;  /* references that its thread takes, before it can be seen */
  int n_after;   /* and gives back, when others had it */
} Counted;

static gpointer
counted_thread (gpointer data)
{
  Counted *self = data;

  self->owner = cfut_owner_get_current ();
  for (int i = 0; i < self->n_before; i++)
    cfut_owner_ref (self->owner);
  test_gate_pass (&self->gate);
  for (int i = 0; i < self->n_after; i++)
    cfut_owner_unref (self->owner);

  return NULL;
}

static gpointer
owner_of_thread (gpointer data)
{
  return cfut_owner_get_current ();
}

static CfutOwner *
owner_of_new_thread (void)
{
  return g_thread_join (g_thread_new ("new", owner_of_thread, NULL));
}

/* However its references were taken and dropped, on its thread or on others, before that ended or
 * after: an owner is used again when the last one has gone, and no sooner. */
static void
test_owner_last_reference_wherever (void)
{
  for (int n_before = 0; n_before < 4; n_before++)
    for (int n_here = 0; n_here < 4; n_here++)
      for (int n_after = 0; n_after <= n_before + n_here; n_after++)
        {
          Counted counted = { .n_before = n_before, .n_after = n_after };
          int left = n_before + n_here - n_after;
          GThread *thread;

          test_gate_init (&counted.gate);
          thread = g_thread_new ("counted", counted_thread, &counted);
          test_gate_wait_arrived (&counted.gate, 1);
          for (int i = 0; i < n_here; i++)
            cfut_owner_ref (counted.owner);
          test_gate_open (&counted.gate);
          g_thread_join (thread);

          for (; left > 0; left--)
            {
              g_assert_true (owner_of_new_thread () != counted.owner);
              cfut_owner_unref (counted.owner);
            }
          g_assert_true (owner_of_new_thread () == counted.owner);
          test_gate_clear (&counted.gate);
        }
}

/* The thread lets go of the owner of a context that is gone, and still drops what it had taken. */
static void
test_owner_of_context_that_is_gone (void)
{
  for (int n_late = 0; n_late < 3; n_late++)
    {
      GMainContext *context = g_main_context_new ();
      CfutOwner *owner;

      g_main_context_push_thread_default (context);
      owner = cfut_owner_get_current ();
      for (int i = 0; i <= n_late; i++)
        cfut_owner_ref (owner);
      cfut_owner_unref (owner);
      g_main_context_pop_thread_default (context);
      g_main_context_unref (context);

      /* Asking for an owner that is not there yet lets go of the dead ones. */
      context = g_main_context_new ();
      g_main_context_push_thread_default (context);
      for (int i = 0; i < n_late; i++)
        {
          g_assert_true (cfut_owner_get_current () != owner);
          g_assert_true (owner_of_new_thread () != owner);
          cfut_owner_unref (owner);
        }
      g_assert_true (n_late == 0 ? cfut_owner_get_current () == owner
                                 : owner_of_new_thread () == owner);
      g_main_context_pop_thread_default (context);
      g_main_context_unref (context);
    }
}

/* --- 4: slices --- */

typedef struct {
  CfutItem item;  /* first, so that an item is its Burner */
  gboolean tells;
} Burner;

static guint n_burned;

static void
burn (void)
{
  test_burn (LONG_USEC);
  n_burned++;
}

static gboolean
burner_deliver (CfutItem        *item,
                CfutDeliverMode  mode)
{
  burn ();
  return ((Burner *) item)->tells;
}

static const CfutItemClass brief_class = { .deliver = burner_deliver, .is_brief = TRUE };
static const CfutItemClass other_class = { .deliver = burner_deliver };

/* Iterates until @n have burned; the most that did so in one turn. */
static guint
most_in_a_turn (guint n)
{
  gint64 deadline_usec = g_get_monotonic_time () + TEST_DEADLINE_USEC;
  guint most = 0;

  n_burned = 0;
  while (n_burned < n)
    {
      guint before = n_burned;

      g_assert_cmpint (g_get_monotonic_time (), <, deadline_usec);
      g_main_context_iteration (NULL, FALSE);
      most = MAX (most, n_burned - before);
    }
  g_assert_cmpuint (n_burned, ==, n);

  return most;
}

/* The clock is read after each item, but for those that say that they took nothing of a user's. */
static void
test_owner_slice_ends_after_long_item (void)
{
  const CfutItemClass *classes[] = { &other_class, &other_class, &brief_class };
  Burner burners[8];

  for (guint kind = 0; kind < G_N_ELEMENTS (classes); kind++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (burners); i++)
        {
          burners[i] = (Burner) { .item.klass = classes[kind], .tells = kind > 0 };
          cfut_owner_push (cfut_owner_get_current (), &burners[i].item);
        }
      g_assert_cmpuint (most_in_a_turn (G_N_ELEMENTS (burners)), ==, 1);
    }
}

static void
burn_data (gpointer data)
{
  burn ();
}

static gboolean
resolve (CfutTask  *task,
         gpointer   with_value,
         GError   **error)
{
  if (with_value != NULL)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_with_free_func ("", 1, burn_data, NULL);

      cfut_task_set_result_bytes (task, bytes);
    }
  return TRUE;
}

static void
burn_weakly (gpointer  data,
             GObject  *where_it_was)
{
  burn ();
}

static void
burn_callback (CfutFuture *settled,
               gpointer    data)
{
  burn ();
}

typedef enum {
  BURNS_HANDLER,
  BURNS_CALLBACK,
  BURNS_DATA,
  BURNS_VALUE,
  BURNS_WEAKLY,
  BURNS_ATTACHED,
  N_BURNS
} Burns;

static CfutFuture *
submit_burning (CfutExecutor *executor,
                Burns         burns)
{
  CfutFuture *future;

  if (burns == BURNS_DATA)
    return cfut_executor_submit (executor, resolve, NULL, burn_data);

  future = cfut_executor_submit (executor, resolve, GINT_TO_POINTER (burns == BURNS_VALUE), NULL);
  if (burns == BURNS_HANDLER)
    g_signal_connect (future, "done", G_CALLBACK (burn_callback), NULL);
  else if (burns == BURNS_CALLBACK)
    cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, burn_callback, NULL, NULL);
  else if (burns == BURNS_WEAKLY)
    g_object_weak_ref (G_OBJECT (future), burn_weakly, NULL);
  else if (burns == BURNS_ATTACHED)
    g_object_set_data_full (G_OBJECT (future), "burns", future, burn_data);

  return future;
}

/* Whatever of a user's takes long where a future is delivered, the slice ends after it. */
static void
test_owner_slice_ends_after_long_future (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (2);
  CfutFuture *futures[8];
  guint64 n_completed = 0;

  for (Burns burns = 0; burns < N_BURNS; burns++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        futures[i] = submit_burning (executor, burns);
      n_completed += G_N_ELEMENTS (futures);
      test_poll_until (cfut_executor_get_n_completed (executor) == n_completed);

      for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
        g_object_unref (futures[i]);
      g_assert_cmpuint (most_in_a_turn (G_N_ELEMENTS (futures)), ==, 1);
    }

  test_assert_ends (executor);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/owner/last-reference-wherever", test_owner_last_reference_wherever);
  g_test_add_func ("/cfut/owner/of-context-that-is-gone", test_owner_of_context_that_is_gone);
  g_test_add_func ("/cfut/owner/slice-ends-after-long-item", test_owner_slice_ends_after_long_item);
  g_test_add_func ("/cfut/owner/slice-ends-after-long-future",
                   test_owner_slice_ends_after_long_future);

  return g_test_run ();
}
