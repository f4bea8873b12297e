/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutSharedDict::changed: on the owner's context (guarantee 2), never a flood (4), and never missing the last. */

#include "test-util.h"

/* At least so long between two emissions for one key. */
#define ROUND_USEC (G_USEC_PER_SEC / 60)

typedef struct {
  GPtrArray *keys;     /* in the order of the emissions */
  TestPlace place;
  CfutSharedDict *dict;
  gint64 last;         /* what `last` was at the latest emission */
} Log;

static void
on_changed (CfutSharedDict *dict,
            const char     *key,
            Log            *log)
{
  g_autoptr (GVariant) value = cfut_shared_dict_lookup (dict, key, NULL);

  test_place_note (&log->place);
  g_ptr_array_add (log->keys, g_strdup (key));
  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_INT64))
    log->last = g_variant_get_int64 (value);
}

static Log *
log_new (void)
{
  Log *self = g_new0 (Log, 1);

  self->keys = g_ptr_array_new_with_free_func (g_free);
  self->dict = cfut_shared_dict_new ();
  g_signal_connect (self->dict, "changed", G_CALLBACK (on_changed), self);
  return self;
}

static void
log_free (Log *self)
{
  g_clear_object (&self->dict);
  g_ptr_array_unref (self->keys);
  g_free (self);
}

/* A source of the loop's that comes again and again. */
static gboolean
on_idle (gpointer counter)
{
  (*(guint *) counter)++;
  return G_SOURCE_CONTINUE;
}

/* Lets the loop go round for long enough that what is put off comes. */
static void
iterate_rounds (GMainContext *context)
{
  gint64 until = g_get_monotonic_time () + 3 * ROUND_USEC;

  test_iterate_until (context, g_get_monotonic_time () >= until);
}

/* However often a key is changed before the loop comes round, it is told once; and each key for itself, in the
 * order of their first changes. Nothing is told where it was changed. */
static void
test_dict_changed_coalesced (void)
{
  Log *log = log_new ();

  for (guint i = 0; i < 1000; i++)
    {
      cfut_shared_dict_add (log->dict, "first", 1, NULL);
      cfut_shared_dict_add (log->dict, "second", 1, NULL);
      cfut_shared_dict_set (log->dict, "gone", g_variant_new_byte (0), NULL);
      cfut_shared_dict_remove (log->dict, "gone", NULL);
    }
  g_assert_cmpuint (log->keys->len, ==, 0);
  iterate_rounds (NULL);
  g_assert_cmpuint (log->keys->len, ==, 3);
  g_assert_cmpstr (log->keys->pdata[0], ==, "first");
  g_assert_cmpstr (log->keys->pdata[1], ==, "second");
  g_assert_cmpstr (log->keys->pdata[2], ==, "gone");

  for (guint i = 0; i < 1000; i++)
    cfut_shared_dict_add (log->dict, "first", 1, NULL);
  iterate_rounds (NULL);
  g_assert_cmpuint (log->keys->len, ==, 4);
  g_assert_cmpint (log->last, ==, 2000);
  log_free (log);
}

/* Only what changed is told: not what was looked at, and not what failed. */
static void
test_dict_changed_only_by_changes (void)
{
  Log *log = log_new ();

  g_assert_false (cfut_shared_dict_remove (log->dict, "none", NULL));
  g_assert_false (cfut_shared_dict_contains (log->dict, "none", NULL));
  g_assert_null (cfut_shared_dict_lookup (log->dict, "none", NULL));
  g_assert_true (cfut_shared_dict_compare_and_set (log->dict, "none", NULL, NULL, NULL));
  g_assert_false (cfut_shared_dict_compare_and_set (log->dict, "none", g_variant_new_byte (1), NULL, NULL));
  g_strfreev (cfut_shared_dict_dup_keys (log->dict, NULL));
  iterate_rounds (NULL);
  g_assert_cmpuint (log->keys->len, ==, 0);

  g_assert_true (cfut_shared_dict_set (log->dict, "text", g_variant_new_string (""), NULL));
  test_iterate_until (NULL, log->keys->len == 1);
  g_assert_cmpint (cfut_shared_dict_add (log->dict, "text", 1, NULL), ==, 0);
  iterate_rounds (NULL);
  g_assert_cmpuint (log->keys->len, ==, 1);

  g_assert_cmpint (cfut_shared_dict_add (log->dict, "n", 0, NULL), ==, 0);
  test_iterate_until (NULL, log->keys->len == 2);
  g_assert_cmpint (cfut_shared_dict_add (log->dict, "n", 0, NULL), ==, 0);
  iterate_rounds (NULL);
  g_assert_cmpuint (log->keys->len, ==, 2);

  g_assert_true (cfut_shared_dict_compare_and_set (log->dict, "text", g_variant_new_string (""), NULL, NULL));
  iterate_rounds (NULL);
  g_assert_cmpuint (log->keys->len, ==, 3);
  log_free (log);
}

typedef struct {
  CfutSharedDict *dict;
  guint n_times;
  _Atomic guint n_left;
} Adders;

static gpointer
add_many (gpointer data)
{
  Adders *self = data;

  for (guint i = 0; i < self->n_times; i++)
    cfut_shared_dict_add (self->dict, "n", 1, NULL);
  self->n_left--;
  return NULL;
}

/* While threads change a key as fast as they can, the loop hears of it no more than 60 times a second, on its own
 * thread; and of the last change always. */
static void
test_dict_changed_no_flood (void)
{
  Log *log = log_new ();
  Adders adders = { .dict = log->dict, .n_times = 20000, .n_left = 4 };
  GThread *threads[4];
  gint64 begin = g_get_monotonic_time ();
  gint64 rounds;

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("adder", add_many, &adders);
  test_iterate_until (NULL, log->last == 4 * 20000);
  rounds = (g_get_monotonic_time () - begin) / ROUND_USEC;
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  g_test_message ("%u emissions in %" G_GINT64_FORMAT "/60 s", log->keys->len, rounds);
  g_assert_cmpuint (log->keys->len, <=, rounds + 1);
  test_place_assert_here (&log->place, (int) log->keys->len);
  log_free (log);
}

typedef struct {
  Log *log;
  guint idle;
  guint n_told;  /* when the loop came to another source */
} Between;

static gboolean
on_between (gpointer data)
{
  Between *self = data;

  self->n_told = self->log->keys->len;
  return G_SOURCE_REMOVE;
}

static void
ask_for_idle (CfutSharedDict *dict,
              const char     *key,
              Between        *between)
{
  if (between->idle == 0)
    between->idle = g_idle_add_full (G_PRIORITY_HIGH_IDLE, on_between, between, NULL);
}

/* Very many keys at once are told bit by bit: what turns up while they are told has its turn before the last. Each
 * is told once, in order. */
static void
test_dict_changed_many_keys (void)
{
  const guint n_keys = 50000;
  Log *log = log_new ();
  Between between = { .log = log };

  g_signal_connect (log->dict, "changed", G_CALLBACK (ask_for_idle), &between);
  for (guint i = 0; i < n_keys; i++)
    {
      g_autofree char *key = g_strdup_printf ("%u", i);

      cfut_shared_dict_add (log->dict, key, 1, NULL);
    }
  test_iterate_until (NULL, log->keys->len >= n_keys);
  g_assert_cmpuint (between.n_told, >, 0);
  g_assert_cmpuint (between.n_told, <, n_keys);
  iterate_rounds (NULL);
  g_assert_cmpuint (log->keys->len, ==, n_keys);
  for (guint i = 0; i < n_keys; i++)
    {
      g_autofree char *key = g_strdup_printf ("%u", i);

      g_assert_cmpstr (log->keys->pdata[i], ==, key);
    }
  log_free (log);
}

static gpointer
set_here (gpointer dict)
{
  cfut_shared_dict_set (dict, "k", g_variant_new_byte (1), NULL);
  return NULL;
}

static void
make_log (gpointer log)
{
  *(Log **) log = log_new ();
}

static void
free_log (gpointer log)
{
  log_free (log);
}

/* The signal belongs to the context that the dict was made in, whoever changes it. */
static void
test_dict_changed_on_its_context (void)
{
  TestLoopThread *loop = test_loop_thread_new ();
  Log *log;

  test_loop_thread_call (loop, make_log, &log);
  set_here (log->dict);
  test_poll_until (test_place_get_n (&log->place) == 1);
  g_thread_join (g_thread_new ("other", set_here, log->dict));
  test_poll_until (test_place_get_n (&log->place) == 2);
  g_assert_true (log->place.thread == test_loop_thread_get_thread (loop));
  test_loop_thread_call (loop, free_log, log);
  test_loop_thread_free (loop);
}

/* Where nobody listens nothing is kept to be told: who connects later hears of what comes after. */
static void
test_dict_changed_without_handlers (void)
{
  Log *log = log_new ();

  g_signal_handlers_disconnect_by_data (log->dict, log);
  cfut_shared_dict_add (log->dict, "before", 1, NULL);
  g_signal_connect (log->dict, "changed", G_CALLBACK (on_changed), log);
  iterate_rounds (NULL);
  g_assert_cmpuint (log->keys->len, ==, 0);
  cfut_shared_dict_add (log->dict, "after", 1, NULL);
  iterate_rounds (NULL);
  g_assert_cmpuint (log->keys->len, ==, 1);
  g_assert_cmpstr (log->keys->pdata[0], ==, "after");
  log_free (log);
}

static void
change_again (CfutSharedDict *dict,
              const char     *key,
              guint          *n_calls)
{
  (*n_calls)++;
  cfut_shared_dict_add (dict, key, 1, NULL);
}

/* A handler that changes what it is told of is told again, at that pace, and the loop goes on. */
static void
test_dict_changed_by_its_handler (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  guint n_calls = 0;
  guint n_idles = 0;
  guint idle = g_idle_add_full (G_PRIORITY_LOW, on_idle, &n_idles, NULL);
  gint64 begin = g_get_monotonic_time ();

  g_signal_connect (dict, "changed", G_CALLBACK (change_again), &n_calls);
  cfut_shared_dict_add (dict, "k", 1, NULL);
  test_iterate_until (NULL, n_calls == 5);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 4 * ROUND_USEC);
  g_assert_cmpuint (n_idles, >, 0);
  g_assert_cmpint (cfut_shared_dict_add (dict, "k", 0, NULL), ==, 6);
  g_source_remove (idle);
}

static void
drop_dict (CfutSharedDict *dict,
           const char     *key,
           CfutSharedDict **mine)
{
  g_clear_object (mine);
}

/* A handler may drop the dict; what else was to be told is not. And so may anybody before it was told. */
static void
test_dict_changed_and_dropped (void)
{
  for (guint in_handler = 0; in_handler < 2; in_handler++)
    {
      CfutSharedDict *dict = cfut_shared_dict_new ();
      int n_gone = 0;

      test_watch_gone (dict, &n_gone);
      g_signal_connect (dict, "changed", G_CALLBACK (drop_dict), &dict);
      cfut_shared_dict_add (dict, "k", 1, NULL);
      cfut_shared_dict_add (dict, "another", 1, NULL);
      if (!in_handler)
        g_clear_object (&dict);
      iterate_rounds (NULL);
      g_assert_null (dict);
      g_assert_cmpint (n_gone, ==, 1);
    }
}

typedef struct {
  gboolean changes;
  guint depth;
  guint n_calls;
  guint n_expected;
} Nest;

static void
iterate_within (CfutSharedDict *dict,
                const char     *key,
                Nest           *nest)
{
  nest->n_calls++;
  if (nest->depth++ == 0)
    {
      if (nest->changes)
        cfut_shared_dict_add (dict, "later", 1, NULL);
      test_iterate_until (NULL, nest->n_calls == nest->n_expected);
    }
  nest->depth--;
}

/* A handler may run a loop until the rest was told: what changed before, and what changes then. */
static void
test_dict_changed_in_a_nested_loop (void)
{
  for (guint changes = 0; changes < 2; changes++)
    {
      g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
      Nest nest = { .changes = changes, .n_expected = 3 + changes };

      g_signal_connect (dict, "changed", G_CALLBACK (iterate_within), &nest);
      cfut_shared_dict_add (dict, "a", 1, NULL);
      cfut_shared_dict_add (dict, "b", 1, NULL);
      cfut_shared_dict_add (dict, "c", 1, NULL);
      test_iterate_until (NULL, nest.n_calls == nest.n_expected && nest.depth == 0);
    }
}

static void
make_dict_with_log (gpointer log)
{
  make_log (log);
  cfut_shared_dict_add ((*(Log **) log)->dict, "n", 1, NULL);
}

/* A dict whose context is gone works on, and tells nothing. */
static void
test_dict_changed_context_gone (void)
{
  TestLoopThread *loop = test_loop_thread_new ();
  Log *log;
  guint n_told;

  test_loop_thread_call (loop, make_dict_with_log, &log);
  test_loop_thread_free (loop);
  iterate_rounds (NULL);
  n_told = log->keys->len;
  g_assert_cmpuint (n_told, <=, 1);

  for (guint i = 0; i < 3; i++)
    {
      cfut_shared_dict_add (log->dict, "n", 1, NULL);
      iterate_rounds (NULL);
    }
  g_assert_cmpint (cfut_shared_dict_add (log->dict, "n", 0, NULL), ==, 4);
  g_assert_cmpuint (log->keys->len, ==, n_told);
  log_free (log);
}

/* With no loop at all, dicts that have something to tell are dropped and leave nothing behind. (What is left would
 * be found by LeakSanitizer.) */
static gpointer
drop_without_a_loop (gpointer unused)
{
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < 1000; i++)
    {
      Log *log = log_new ();

      cfut_shared_dict_add (log->dict, "n", 1, NULL);
      log_free (log);
    }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

static void
test_dict_changed_without_a_loop (void)
{
  g_thread_join (g_thread_new ("no loop", drop_without_a_loop, NULL));
  test_iterate_ready (NULL);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/dict-changed/once-for-each-key", test_dict_changed_coalesced);
  g_test_add_func ("/cfut/dict-changed/only-by-changes", test_dict_changed_only_by_changes);
  g_test_add_func ("/cfut/dict-changed/no-flood", test_dict_changed_no_flood);
  g_test_add_func ("/cfut/dict-changed/many-keys-bit-by-bit", test_dict_changed_many_keys);
  g_test_add_func ("/cfut/dict-changed/on-its-context", test_dict_changed_on_its_context);
  g_test_add_func ("/cfut/dict-changed/nothing-kept-without-handlers", test_dict_changed_without_handlers);
  g_test_add_func ("/cfut/dict-changed/changed-by-its-handler", test_dict_changed_by_its_handler);
  g_test_add_func ("/cfut/dict-changed/dropped-in-a-handler-or-before", test_dict_changed_and_dropped);
  g_test_add_func ("/cfut/dict-changed/in-a-nested-loop", test_dict_changed_in_a_nested_loop);
  g_test_add_func ("/cfut/dict-changed/its-context-is-gone", test_dict_changed_context_gone);
  g_test_add_func ("/cfut/dict-changed/without-a-loop", test_dict_changed_without_a_loop);

  return g_test_run ();
}
