/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* usage: test-race NAME [sound]
 * A program with a mistake that ThreadSanitizer has to report, or, with "sound", the same one
 * without it, of which it must not report anything. Not a test by itself: test-race.sh runs it,
 * and shows by that that the other programs would not have passed with a race in them.
 *
 * Each mistake is a plain int that two threads touch, and what is missing is what the library
 * is trusted to bring about: that settling comes before waiting, a submission before its run, and
 * the pushing of an item before its taking. */

#include "test-util.h"

#include <string.h>

#include "core/cfut-queue-private.h"

typedef struct {
  CfutExecutor *executor;
  gboolean sound;
  TestGate gate;
  GMutex lock;
  int number;      /* what is raced for */
  int is_written;  /* atomic, relaxed: orders nothing */
  int is_read;     /* the same */
  gboolean is_called;  /* the main thread's */
  CfutQueue queue;
} Race;

typedef void (*RaceFunc) (Race *race);

/* Say that @number was written, or read, in a way that orders nothing. */
static void
announce (int *what)
{
  __atomic_store_n (what, TRUE, __ATOMIC_RELAXED);
}

static void
wait_for_announcement (int *what)
{
  while (!__atomic_load_n (what, __ATOMIC_RELAXED))
    g_thread_yield ();
}

static gboolean
task_write (CfutTask  *task,
            gpointer   data,
            GError   **error)
{
  Race *race = data;

  race->number++;
  announce (&race->is_written);
  return TRUE;
}

/* Looking at what a task wrote without having waited for its future. */
static void
race_unwaited (Race *race)
{
  g_autoptr (CfutFuture) future = NULL;

  future = cfut_executor_submit (race->executor, task_write, race, NULL);
  wait_for_announcement (&race->is_written);
  if (race->sound)
    test_assert_settles (future, CFUT_STATE_RESOLVED);
  g_assert_cmpint (race->number, ==, 1);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
}

static gboolean
task_add (CfutTask  *task,
          gpointer   data,
          GError   **error)
{
  Race *race = data;

  test_gate_pass (&race->gate);
  if (race->sound)
    g_mutex_lock (&race->lock);
  race->number++;
  if (race->sound)
    g_mutex_unlock (&race->lock);
  return TRUE;
}

/* Two tasks that run at once, and add to the same. */
static void
race_unlocked (Race *race)
{
  g_autoptr (CfutFuture) first = NULL;
  g_autoptr (CfutFuture) second = NULL;

  first = cfut_executor_submit (race->executor, task_add, race, NULL);
  second = cfut_executor_submit (race->executor, task_add, race, NULL);
  test_gate_wait_arrived (&race->gate, 2);
  test_gate_open (&race->gate);
  test_assert_settles (first, CFUT_STATE_RESOLVED);
  test_assert_settles (second, CFUT_STATE_RESOLVED);
  g_assert_cmpint (race->number, ==, 2);
}

static gboolean
task_read (CfutTask  *task,
           gpointer   data,
           GError   **error)
{
  Race *race = data;
  gboolean found;

  wait_for_announcement (&race->is_written);
  found = race->number == 1;
  announce (&race->is_read);
  return found;
}

/* Writing what a task reads after having submitted it. To wait for the future at once could order
 * the two after all, where the task has not begun. */
static void
race_late (Race *race)
{
  g_autoptr (CfutFuture) future = NULL;

  if (race->sound)
    race->number = 1;
  future = cfut_executor_submit (race->executor, task_read, race, NULL);
  if (!race->sound)
    race->number = 1;
  announce (&race->is_written);
  wait_for_announcement (&race->is_read);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
}

static void
note_direct (CfutFuture *settled,
             gpointer    data)
{
  Race *race = data;

  race->number = 1;
  announce (&race->is_written);
}

static void
note_in_loop (CfutFuture *settled,
              gpointer    data)
{
  Race *race = data;

  race->is_called = TRUE;
}

/* Looking at what a direct callback wrote as soon as it has; the sound way is a callback on the
 * context, which comes after it. */
static void
race_direct (Race *race)
{
  g_autoptr (CfutFuture) future = NULL;

  future = cfut_executor_submit (race->executor, test_task_pass, &race->gate, NULL);
  cfut_future_add_done_callback (future, CFUT_CALLBACK_DIRECT, note_direct, race, NULL);
  if (race->sound)
    cfut_future_add_done_callback (future, CFUT_CALLBACK_DEFAULT, note_in_loop, race, NULL);
  test_gate_open (&race->gate);

  wait_for_announcement (&race->is_written);
  while (race->sound && !race->is_called)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (race->number, ==, 1);
  test_assert_settles (future, CFUT_STATE_RESOLVED);
}

typedef struct {
  CfutLink link;
  int number;
} Item;

static gpointer
push_item (gpointer data)
{
  Race *race = data;
  Item *item = g_new0 (Item, 1);

  if (race->sound)
    item->number = 1;
  cfut_queue_push (&race->queue, &item->link);
  if (!race->sound)
    item->number = 1;
  return NULL;
}

/* Writing into an item after it was pushed. */
static void
race_pushed (Race *race)
{
  GThread *thread;
  CfutLink *link;
  int number;

  cfut_queue_init (&race->queue);
  thread = g_thread_new ("pusher", push_item, race);
  while ((link = cfut_queue_pop (&race->queue)) == NULL)
    g_thread_yield ();
  number = ((Item *) link)->number;
  g_assert_cmpint (number, >=, race->sound);
  g_thread_join (thread);
  g_free (link);
}

static const struct {
  const char *name;
  RaceFunc func;
} races[] = {
  { "unwaited", race_unwaited },
  { "unlocked", race_unlocked },
  { "late", race_late },
  { "direct", race_direct },
  { "pushed", race_pushed },
};

int
main (int   argc,
      char *argv[])
{
  Race race = { 0 };

  race.sound = argc == 3 && strcmp (argv[2], "sound") == 0;
  race.executor = cfut_thread_executor_new (2);
  test_gate_init (&race.gate);
  g_mutex_init (&race.lock);

  for (guint i = 0; i < G_N_ELEMENTS (races); i++)
    if (argc >= 2 && strcmp (argv[1], races[i].name) == 0)
      {
        races[i].func (&race);
        g_print ("done\n");
      }

  g_object_unref (race.executor);
  return 0;
}
