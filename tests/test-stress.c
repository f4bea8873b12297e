/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Everything at once: four threads make futures, of tasks with all that a request may ask for, of promises,
 * of chains and of several others, and cancel, pause, wait for, connect to, call back from and drop them at random,
 * their own and those that another thread has put down. At the end, whatever came of each, every
 * future is gone, every piece of user data was destroyed once, on its owner's thread, every callback was
 * called once, and the memory of the process has stopped growing. Guarantees 1, 2, 3, 5.
 *
 * CFUT_TEST_STEPS: so many futures. */

#include "test-util.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_ACTORS 4
#define N_SLOTS 48
#define N_SHARED 32

#if defined (__SANITIZE_ADDRESS__) || defined (__SANITIZE_THREAD__)
#define N_FUTURES 40000
/* What is freed is kept for a while to catch those who use it. */
#define CAN_SEE_MEMORY FALSE
#else
#define N_FUTURES 100000
#define CAN_SEE_MEMORY TRUE
#endif

/* Who makes futures waits when so many are there. */
#define MAX_LIVE 20000
/* From the middle to the end; of ten million futures that is three bytes each. */
#define MAX_GROWTH (16 << 20)

typedef struct {
  CfutExecutor *executors[3];
  GThread *main_thread;

  GMutex lock;
  CfutPromise *shared[N_SHARED];  /* guarded by lock: any thread settles them */
  CfutFuture *put_down[N_SHARED]; /* guarded by lock: any thread drops them */

  int n_wanted;

  /* Atomic */
  int n_made;
  int n_gone;
  int n_data_made;
  int n_data_destroyed;
  int n_callbacks_added;
  int n_callbacks_called;
  int n_callbacks_destroyed;
  int n_direct_added;
  int n_direct_called;
  int n_handlers_added;
  int n_handlers_called;
  int n_async_started;
  int n_async_ended;
  int n_misplaced;
  int n_late;  /* told at a checkpoint that their deadline had come */
  /* As DIRECT callbacks saw them */
  int n_states[CFUT_STATE_CANCELLED + 1];
  int n_finished;
  int stop;
} Stress;

typedef struct {
  Stress *stress;
  guint number;
  GRand *rand;
  GThread *thread;
  GMainContext *context;  /* NULL: none of its own */
  CfutFuture *slots[N_SLOTS];
  CfutGroup *group;
  GCancellable *cancellable;
} Actor;

/* The user data of a task. */
typedef struct {
  Actor *actor;
  guint kind;
  gboolean is_destroyed;
} Cargo;

static void
count (int *counter)
{
  g_atomic_int_inc (counter);
}

/* What belongs to an actor happens on its thread; the default context's loop is the main thread's. */
static void
check_place (Actor *actor)
{
  GThread *here = g_thread_self ();

  if (here != actor->thread && (actor->context != NULL || here != actor->stress->main_thread))
    count (&actor->stress->n_misplaced);
}

static void
cargo_destroyed (gpointer data)
{
  Cargo *cargo = data;

  g_assert_false (cargo->is_destroyed);
  cargo->is_destroyed = TRUE;
  check_place (cargo->actor);
  count (&cargo->actor->stress->n_data_destroyed);
  g_free (cargo);
}

static CfutFuture *submit_cargo (Actor        *actor,
                                 CfutExecutor *executor,
                                 guint         kind);

static gboolean
stress_task (CfutTask  *task,
             gpointer   data,
             GError   **error)
{
  Cargo *cargo = data;

  g_assert_false (cargo->is_destroyed);
  switch (cargo->kind)
    {
    case 0:
      return test_task_number (task, GINT_TO_POINTER (1), error);

    case 1:
      return test_task_fail (task, NULL, error);

    case 2:
      return test_task_unset (task, NULL, error);

    case 3:
      for (guint i = 1; i <= 20; i++)
        {
          cfut_task_set_progress (task, i, 20);
          if (!cfut_task_checkpoint (task, error))
            return FALSE;
        }
      return TRUE;

    case 4:
      {
        g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);

        cfut_task_set_result_object (task, object);
        cfut_task_set_message (task, "object");
        return TRUE;
      }

    case 5:
      g_object_unref (submit_cargo (cargo->actor, cargo->actor->stress->executors[1], 0));
      return TRUE;

    case 6:
      test_burn (20);
      return !g_cancellable_set_error_if_cancelled (cfut_task_get_cancellable (task), error);

    case 7:
      {
        g_autoptr (CfutFuture) nested = submit_cargo (cargo->actor, cargo->actor->stress->executors[1], 0);

        cfut_future_wait (nested, -1, NULL, NULL);
        return TRUE;
      }

    /* Longer than some deadlines are. */
    case 8:
      for (guint i = 0; i < 20; i++)
        {
          test_burn (20);
          if (!cfut_task_checkpoint (task, error))
            {
              if (g_error_matches (*error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE))
                count (&cargo->actor->stress->n_late);
              return FALSE;
            }
        }
      return TRUE;

    default:
      return TRUE;
    }
}

static Cargo *
cargo_new (Actor *actor,
           guint  kind)
{
  Cargo *cargo = g_new (Cargo, 1);

  *cargo = (Cargo) { actor, kind, FALSE };
  count (&actor->stress->n_data_made);
  return cargo;
}

static CfutFuture *
watch (Actor      *actor,
       CfutFuture *future)
{
  count (&actor->stress->n_made);
  test_watch_gone (future, &actor->stress->n_gone);
  return future;
}

static CfutFuture *
submit_cargo (Actor        *actor,
              CfutExecutor *executor,
              guint         kind)
{
  return watch (actor, cfut_executor_submit (executor, stress_task, cargo_new (actor, kind), cargo_destroyed));
}

/* With a request that asks for this and that. */
static CfutFuture *
submit_requested (Actor        *actor,
                  CfutExecutor *executor,
                  guint         kind)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  guint asked = (guint) g_rand_int_range (actor->rand, 1, 64);

  if (asked & 1)
    cfut_request_set_priority (request, g_rand_int_range (actor->rand, -3, 4));
  if (asked & 2)
    cfut_request_set_queue_deadline_usec (request, g_rand_int_range (actor->rand, 0, 2000));
  if (asked & 4)
    {
      cfut_request_set_run_deadline_usec (request, g_rand_int_range (actor->rand, 1, 1000));
      kind = g_rand_int_range (actor->rand, 0, 8) == 0 ? 8 : kind;
    }
  if (asked & 8)
    cfut_request_set_cancellable (request, actor->cancellable);
  if (asked & 16)
    cfut_request_set_group (request, actor->group);
  if (asked & 32)
    cfut_request_set_name (request, "requested");

  return watch (actor, cfut_executor_submit_full (executor, request, stress_task, cargo_new (actor, kind),
                                                  cargo_destroyed));
}

static CfutFuture *
goes_on (CfutFuture  *settled,
         gpointer     data,
         GError     **error)
{
  Cargo *cargo = data;

  g_assert_true (cfut_future_is_settled (settled));
  check_place (cargo->actor);
  switch (cargo->kind)
    {
    case 0:
      return g_object_ref (settled);
    case 1:
      return submit_cargo (cargo->actor, cargo->actor->stress->executors[1], 3);
    case 2:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "goes no further");
      return NULL;
    default:
      return NULL;
    }
}

static void
settle_at_random (Actor       *actor,
                  CfutPromise *promise)
{
  g_autoptr (GError) error = NULL;

  if (promise == NULL)
    return;

  switch (g_rand_int_range (actor->rand, 0, 4))
    {
    case 0:
      cfut_promise_resolve_string (promise, "settled elsewhere");
      break;
    case 1:
      error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "perhaps");
      cfut_promise_reject (promise, error);
      break;
    case 2:
      if (cfut_promise_set_running (promise))
        cfut_promise_set_progress (promise, 1, 2);
      cfut_promise_resolve (promise, NULL);
      break;
    default:
      /* Dropped unsettled. */
      break;
    }

  g_object_unref (promise);
}

static CfutFuture *
make_shared_promise (Actor *actor)
{
  Stress *stress = actor->stress;
  CfutPromise *promise = cfut_promise_new ();
  CfutFuture *future = g_object_ref (cfut_promise_get_future (promise));
  guint slot = (guint) g_rand_int_range (actor->rand, 0, N_SHARED);
  CfutPromise *displaced;

  watch (actor, future);
  g_mutex_lock (&stress->lock);
  displaced = stress->shared[slot];
  stress->shared[slot] = promise;
  g_mutex_unlock (&stress->lock);
  settle_at_random (actor, displaced);

  return future;
}

static void
callback_called (CfutFuture *future,
                 gpointer    data)
{
  Actor *actor = data;

  g_assert_true (cfut_future_is_settled (future));
  check_place (actor);
  count (&actor->stress->n_callbacks_called);
}

static void
callback_destroyed (gpointer data)
{
  Actor *actor = data;

  check_place (actor);
  count (&actor->stress->n_callbacks_destroyed);
}

static void
direct_called (CfutFuture *future,
               gpointer    data)
{
  Stress *stress = ((Actor *) data)->stress;

  g_assert_true (cfut_future_is_settled (future));
  count (&stress->n_states[cfut_future_get_state (future)]);
  count (&stress->n_direct_called);
}

static void
handler_called (CfutFuture *future,
                Actor      *actor)
{
  check_place (actor);
  count (&actor->stress->n_handlers_called);
}

static void
async_ended (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  Actor *actor = data;

  cfut_future_wait_finish (CFUT_FUTURE (source), result, NULL);
  check_place (actor);
  count (&actor->stress->n_async_ended);
}

/* A handler of `done` is never missed by who connects it before his main loop goes on; of the default
 * context's, the main thread's loop may be faster. */
static void
make_future (Actor  *actor,
             guint   slot)
{
  Stress *stress = actor->stress;

  g_clear_object (&actor->slots[slot]);
  if (g_rand_int_range (actor->rand, 0, 5) == 0)
    actor->slots[slot] = make_shared_promise (actor);
  else if (g_rand_int_range (actor->rand, 0, 3) == 0)
    actor->slots[slot] = submit_requested (actor, stress->executors[g_rand_int_range (actor->rand, 0, 3)],
                                           (guint) g_rand_int_range (actor->rand, 0, 8));
  else
    actor->slots[slot] = submit_cargo (actor, stress->executors[g_rand_int_range (actor->rand, 0, 3)],
                                       (guint) g_rand_int_range (actor->rand, 0, 8));

  if (actor->context != NULL && g_rand_int_range (actor->rand, 0, 4) == 0)
    {
      g_signal_connect (actor->slots[slot], "done", G_CALLBACK (handler_called), actor);
      count (&stress->n_handlers_added);
    }
}

/* In its place something that depends on it. */
static void
derive_future (Actor *actor,
               guint  slot)
{
  CfutFuture *from[3] = { actor->slots[slot], };
  guint n = 1;
  guint kind = (guint) g_rand_int_range (actor->rand, 0, 4);
  CfutFuture *derived;

  while (n < 3 && actor->slots[(slot + n) % N_SLOTS] != NULL)
    {
      from[n] = actor->slots[(slot + n) % N_SLOTS];
      n++;
    }

  switch (g_rand_int_range (actor->rand, 0, 6))
    {
    case 0:
      derived = cfut_future_chain (from[0], goes_on, cargo_new (actor, kind), cargo_destroyed);
      break;
    case 1:
      derived = cfut_future_recover (from[0], goes_on, cargo_new (actor, kind), cargo_destroyed);
      break;
    case 2:
      derived = cfut_future_always (from[0], goes_on, cargo_new (actor, kind), cargo_destroyed);
      break;
    case 3:
      derived = cfut_future_all (from, n);
      break;
    case 4:
      derived = cfut_future_any (from, n);
      break;
    default:
      derived = cfut_future_race (from, n);
      break;
    }

  g_object_unref (actor->slots[slot]);
  actor->slots[slot] = watch (actor, derived);
}

/* The last reference of another thread's future, perhaps. */
static void
put_down (Actor *actor,
          guint  slot)
{
  Stress *stress = actor->stress;
  guint place = (guint) g_rand_int_range (actor->rand, 0, N_SHARED);
  CfutFuture *displaced;

  g_mutex_lock (&stress->lock);
  displaced = stress->put_down[place];
  stress->put_down[place] = g_steal_pointer (&actor->slots[slot]);
  g_mutex_unlock (&stress->lock);
  g_clear_object (&displaced);
}

static void
use_all (Actor *actor)
{
  Stress *stress = actor->stress;
  CfutExecutor *executor = stress->executors[g_rand_int_range (actor->rand, 0, 3)];
  guint kind = (guint) g_rand_int_range (actor->rand, 0, 8);

  switch (g_rand_int_range (actor->rand, 0, 40))
    {
    case 0:
      cfut_executor_pause (executor);
      cfut_executor_resume (executor);
      break;

    case 1:
      g_cancellable_cancel (actor->cancellable);
      g_object_unref (actor->cancellable);
      actor->cancellable = g_cancellable_new ();
      break;

    case 2:
      cfut_group_cancel (actor->group);
      break;

    case 3:
      cfut_group_pause (actor->group);
      cfut_group_resume (actor->group);
      break;

    case 4:
    case 5:
      cfut_group_remove_settled (actor->group);
      break;

    default:
      cfut_executor_post (executor, stress_task, cargo_new (actor, kind), cargo_destroyed);
      break;
    }
}

static void
use_future (Actor *actor,
            guint  slot)
{
  CfutFuture *future = actor->slots[slot];
  Stress *stress = actor->stress;

  switch (g_rand_int_range (actor->rand, 0, 16))
    {
    case 0:
    case 1:
      if (cfut_future_cancel (future))
        g_assert_cmpint (cfut_future_get_state (future), ==, CFUT_STATE_CANCELLED);
      break;

    case 2:
      cfut_future_wait (future, g_rand_int_range (actor->rand, 0, 200), NULL, NULL);
      break;

    case 3:
      /* Promises of others may stay unsettled to the end. */
      if (CFUT_IS_TASK (future))
        g_assert_true (cfut_future_wait (future, TEST_DEADLINE_USEC, NULL, NULL));
      break;

    case 4:
      count (&stress->n_callbacks_added);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, callback_called, actor,
                                     callback_destroyed);
      break;

    case 5:
      count (&stress->n_direct_added);
      cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, direct_called, actor, NULL);
      break;

    case 6:
      if (g_rand_int_range (actor->rand, 0, 8) == 0)
        {
          count (&stress->n_async_started);
          cfut_future_wait_async (future, g_rand_boolean (actor->rand) ? -1 : 300, NULL, async_ended,
                                  actor);
        }
      break;

    case 7:
      {
        g_autoptr (GError) error = cfut_future_dup_error (future);
        g_autofree char *message = cfut_future_dup_message (future);

        if (error != NULL)
          g_assert_true (cfut_future_is_settled (future));
        cfut_future_result (future, 0, NULL);
        cfut_future_get_fraction (future);
      }
      break;

    case 8:
      cfut_future_set_priority (future, g_rand_int_range (actor->rand, -3, 4));
      break;

    case 9:
      cfut_future_pause (future);
      cfut_future_set_priority (future, g_rand_int_range (actor->rand, -3, 4));
      if (g_rand_int_range (actor->rand, 0, 4) == 0)
        cfut_future_cancel (future);
      cfut_future_resume (future);
      break;

    case 10:
    case 11:
      derive_future (actor, slot);
      break;

    case 12:
      cfut_group_add (actor->group, future);
      break;

    case 13:
      put_down (actor, slot);
      break;

    default:
      g_clear_object (&actor->slots[slot]);
      break;
    }
}

static gboolean
are_too_many (Stress *stress)
{
  return g_atomic_int_get (&stress->n_made) - g_atomic_int_get (&stress->n_gone) > MAX_LIVE;
}

static gpointer
act (gpointer data)
{
  Actor *actor = data;
  Stress *stress = actor->stress;
  guint often = actor->number == 0 ? 20 : 500;

  actor->thread = g_thread_self ();
  if (actor->number < 2)
    {
      actor->context = g_main_context_new ();
      g_main_context_push_thread_default (actor->context);
    }

  actor->group = cfut_group_new ();
  actor->cancellable = g_cancellable_new ();

  for (guint step = 0; g_atomic_int_get (&stress->n_made) < stress->n_wanted; step++)
    {
      guint slot = (guint) g_rand_int_range (actor->rand, 0, N_SLOTS);

      if (actor->slots[slot] == NULL || g_rand_int_range (actor->rand, 0, 3) == 0)
        make_future (actor, slot);
      else if (g_rand_int_range (actor->rand, 0, 10) == 0)
        use_all (actor);
      else
        use_future (actor, slot);

      if (actor->context != NULL && step % often == 0)
        test_iterate_ready (actor->context);
      if (are_too_many (stress))
        {
          cfut_group_remove_settled (actor->group);
          if (actor->context != NULL)
            test_iterate_until (actor->context, !are_too_many (stress));
          else
            test_poll_until (!are_too_many (stress));
        }
    }

  for (guint i = 0; i < N_SLOTS; i++)
    g_clear_object (&actor->slots[i]);
  g_object_unref (actor->group);
  g_object_unref (actor->cancellable);
  count (&stress->n_finished);

  if (actor->context != NULL)
    {
      test_iterate_until (actor->context, g_atomic_int_get (&stress->stop));
      g_main_context_pop_thread_default (actor->context);
      g_main_context_unref (actor->context);
    }
  return NULL;
}

static gboolean
all_is_over (Stress *stress)
{
  return g_atomic_int_get (&stress->n_gone) == g_atomic_int_get (&stress->n_made) &&
         g_atomic_int_get (&stress->n_data_destroyed) == g_atomic_int_get (&stress->n_data_made) &&
         g_atomic_int_get (&stress->n_callbacks_destroyed) ==
           g_atomic_int_get (&stress->n_callbacks_added) &&
         g_atomic_int_get (&stress->n_direct_called) == g_atomic_int_get (&stress->n_direct_added) &&
         g_atomic_int_get (&stress->n_handlers_called) ==
           g_atomic_int_get (&stress->n_handlers_added) &&
         g_atomic_int_get (&stress->n_async_ended) == g_atomic_int_get (&stress->n_async_started);
}

static void
print_counts (Stress *stress)
{
  g_test_message ("futures %d of %d gone, data %d of %d destroyed, callbacks %d of %d called and %d "
                  "destroyed, direct %d of %d, handlers %d of %d, waits %d of %d, %d misplaced, "
                  "%d resolved, %d rejected, %d late, %d cancelled",
                  stress->n_gone, stress->n_made, stress->n_data_destroyed, stress->n_data_made,
                  stress->n_callbacks_called, stress->n_callbacks_added,
                  stress->n_callbacks_destroyed, stress->n_direct_called, stress->n_direct_added,
                  stress->n_handlers_called, stress->n_handlers_added, stress->n_async_ended,
                  stress->n_async_started, stress->n_misplaced,
                  stress->n_states[CFUT_STATE_RESOLVED], stress->n_states[CFUT_STATE_REJECTED],
                  stress->n_late, stress->n_states[CFUT_STATE_CANCELLED]);
}

/* All that was made is settled, delivered and gone; the counts are printed if that takes for ever. */
static void
wait_until_all_is_over (Stress *stress)
{
  gint64 patience = g_get_monotonic_time () + TEST_DEADLINE_USEC / 2;

  for (guint i = 0; i < G_N_ELEMENTS (stress->executors); i++)
    g_assert_true (cfut_executor_shutdown (stress->executors[i], CFUT_SHUTDOWN_WAIT,
                                           TEST_DEADLINE_USEC, NULL));
  test_iterate_until (NULL, all_is_over (stress) || g_get_monotonic_time () > patience);
  test_iterate_ready (NULL);
  print_counts (stress);

  g_assert_true (all_is_over (stress));
  g_assert_cmpint (stress->n_callbacks_called, ==, stress->n_callbacks_added);
  g_assert_cmpint (stress->n_misplaced, ==, 0);
  g_assert_cmpint (stress->n_made, >=, stress->n_wanted);

  /* It was what it is meant to be. */
  if (stress->n_wanted < 10000)
    return;
  for (CfutState state = CFUT_STATE_RESOLVED; state <= CFUT_STATE_CANCELLED; state++)
    g_assert_cmpint (stress->n_states[state], >, 0);
  g_assert_cmpint (stress->n_late, >, 0);
}

/* Bytes; 0: the system does not say. */
static gint64
memory_in_use (void)
{
  g_autofree char *text = NULL;
  const char *resident;

  if (!CAN_SEE_MEMORY || !g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    return 0;

  resident = strchr (text, ' ');
  return resident != NULL ? g_ascii_strtoll (resident, NULL, 10) * sysconf (_SC_PAGESIZE) : 0;
}

/* Iterates until so many futures were made, however long that takes, as long as it goes on at all. */
static void
iterate_until_made (Stress *stress,
                    int     n_made)
{
  for (int next = 0; next < n_made;)
    {
      next = MIN (g_atomic_int_get (&stress->n_made) + 10000, n_made);
      test_iterate_until (NULL, g_atomic_int_get (&stress->n_made) >= next);
    }
}

static int
get_n_wanted (void)
{
  const char *steps = g_getenv ("CFUT_TEST_STEPS");

  return steps != NULL ? MAX (atoi (steps), 1) : N_FUTURES;
}

static void
test_stress_everything_at_once (void)
{
  guint32 seed = test_seed ();
  GThread *threads[N_ACTORS];
  Actor actors[N_ACTORS];
  Stress stress = { .main_thread = g_thread_self (), .n_wanted = get_n_wanted () };
  gint64 begin = g_get_monotonic_time ();
  gint64 in_the_middle;
  gint64 at_the_end;

  g_mutex_init (&stress.lock);
  stress.executors[0] = cfut_thread_executor_new (1);
  stress.executors[1] = cfut_thread_executor_new (4);
  stress.executors[2] = cfut_thread_executor_new (0);

  for (guint i = 0; i < N_ACTORS; i++)
    {
      actors[i] = (Actor) { .stress = &stress, .number = i,
                            .rand = g_rand_new_with_seed (seed + i) };
      threads[i] = g_thread_ref (g_thread_new ("actor", act, &actors[i]));
    }
  iterate_until_made (&stress, stress.n_wanted / 2);
  in_the_middle = memory_in_use ();
  iterate_until_made (&stress, stress.n_wanted);
  test_iterate_until (NULL, g_atomic_int_get (&stress.n_finished) == N_ACTORS);

  for (guint i = 0; i < N_SHARED; i++)
    {
      settle_at_random (&actors[0], g_steal_pointer (&stress.shared[i]));
      g_clear_object (&stress.put_down[i]);
    }
  wait_until_all_is_over (&stress);
  at_the_end = memory_in_use ();
  g_test_message ("%.1f s, %.1f MiB in the middle and %.1f MiB at the end",
                  (g_get_monotonic_time () - begin) / (double) G_USEC_PER_SEC,
                  in_the_middle / 1048576.0, at_the_end / 1048576.0);
  g_assert_cmpint (at_the_end - in_the_middle, <=, MAX_GROWTH);

  g_atomic_int_set (&stress.stop, 1);
  for (guint i = 0; i < N_ACTORS; i++)
    {
      g_thread_join (threads[i]);
      g_thread_unref (threads[i]);
      g_rand_free (actors[i].rand);
    }
  for (guint i = 0; i < G_N_ELEMENTS (stress.executors); i++)
    g_object_unref (stress.executors[i]);
  g_mutex_clear (&stress.lock);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/stress/1-2-3-5-everything-at-once", test_stress_everything_at_once);

  return g_test_run ();
}
