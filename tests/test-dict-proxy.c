/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutSharedDict as workers have it: proxies whose operations travel as bytes to another thread, which serves
 * them from the application's store. Whether all of them together, and the application's own, are
 * linearizable is decided from what was recorded. */

#include "test-dict-util.h"

#include "cfut-error.h"
#include "process/cfut-shared-dict-private.h"

/* An application that serves: one thread, as the I/O thread is, which answers in the order in which it is asked. */
typedef struct {
  CfutDictStore *store;
  GAsyncQueue *requests;
  GThread *thread;
  gsize max_reply_bytes;
  _Atomic guint n_served;
} Server;

typedef struct {
  GVariant *request;
  GVariant *reply;
  TestSem answered;
} Question;

/* What goes wrong on the way. */
typedef enum {
  WAY_SOUND,
  WAY_LOST,        /* before it was sent: nothing was done */
  WAY_UNANSWERED   /* it was done, and nobody hears of it: its worker has died */
} Way;

typedef struct {
  Server *server;
  GRand *rand;     /* (nullable): of a single thread, whose way is not always sound */
  Way way;         /* of its latest */
  gboolean gone;
  int *n_freed;
} Line;

/* A history for the judge. */
#define N_ACTORS 4
#define N_EVENTS 5
#define N_ALL (N_ACTORS * N_EVENTS)
#define N_HISTORIES 250

static Question last_question;

/* As bytes, and back again. */
static GVariant *
travel (GVariant *value)
{
  g_autoptr (GBytes) bytes = g_bytes_new (g_variant_get_data (value), g_variant_get_size (value));

  return g_variant_ref_sink (g_variant_new_from_bytes (g_variant_get_type (value), bytes, FALSE));
}

static gpointer
serve (gpointer data)
{
  Server *self = data;
  Question *question;

  while ((question = g_async_queue_pop (self->requests)) != &last_question)
    {
      g_autoptr (GVariant) request = travel (question->request);
      g_autoptr (GVariant) reply = cfut_dict_store_serve (self->store, request, self->max_reply_bytes);

      g_assert_false (g_variant_is_floating (reply));
      g_assert_true (g_variant_is_of_type (reply, CFUT_DICT_REPLY_TYPE));
      self->n_served++;
      question->reply = travel (reply);
      test_sem_post (&question->answered);
    }

  return NULL;
}

static Server *
server_new (CfutSharedDict *dict)
{
  Server *self = g_new0 (Server, 1);

  self->store = cfut_shared_dict_dup_store (dict);
  self->requests = g_async_queue_new ();
  self->thread = g_thread_new ("server", serve, self);
  return self;
}

static void
server_free (Server *self)
{
  g_async_queue_push (self->requests, &last_question);
  g_thread_join (self->thread);
  g_async_queue_unref (self->requests);
  cfut_dict_store_unref (self->store);
  g_free (self);
}

static GVariant *
line_request (gpointer   data,
              GVariant  *request,
              GError   **error)
{
  Line *self = data;
  Question question = { .request = request };

  g_assert_true (g_variant_is_of_type (request, CFUT_DICT_REQUEST_TYPE));
  g_assert_false (g_variant_is_floating (request));
  if (self->rand != NULL)
    self->way = (Way) g_rand_int_range (self->rand, 0, 3);
  if (self->gone || self->way == WAY_LOST)
    {
      g_propagate_error (error, cfut_shared_dict_gone_error ());
      return NULL;
    }

  test_sem_init (&question.answered);
  g_async_queue_push (self->server->requests, &question);
  test_sem_wait (&question.answered);
  test_sem_clear (&question.answered);

  if (self->way == WAY_UNANSWERED)
    {
      g_variant_unref (question.reply);
      g_propagate_error (error, cfut_shared_dict_gone_error ());
      return NULL;
    }

  return question.reply;
}

static void
line_free (gpointer data)
{
  Line *self = data;

  if (self->n_freed != NULL)
    (*self->n_freed)++;
  g_free (self);
}

static const CfutDictTransport line_transport = {
  .request = line_request,
  .free = line_free,
};

static CfutSharedDict *
proxy_new (Server  *server,
           Line   **line)
{
  Line *data = g_new0 (Line, 1);

  data->server = server;
  if (line != NULL)
    *line = data;
  return cfut_shared_dict_new_proxy (&line_transport, data);
}

/* A worker's dict answers as a naive one does, errors included; so does the application's meanwhile, which has the
 * same values in it. */
static void
test_dict_proxy_as_naive (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
      Server *server = server_new (dict);
      CfutSharedDict *proxy = proxy_new (server, NULL);
      TestNaiveDict *naive = test_naive_dict_new ();

      for (guint j = 0; j < 300; j++)
        {
          g_autofree char *expected = NULL;
          g_autofree char *said = NULL;
          TestDictOp op;

          test_dict_op_random (&op, rand, 5);
          expected = test_naive_dict_do (naive, &op);
          said = test_dict_do (g_rand_int_range (rand, 0, 4) == 0 ? dict : proxy, &op);
          g_assert_cmpstr (said, ==, expected);
          test_dict_op_clear (&op);
        }
      test_naive_dict_free (naive);
      g_object_unref (proxy);
      server_free (server);
    }
}

/* A worker that dies at any point of an operation leaves it done or not done, never half: the dict is as it would be
 * had the served ones been all. */
static void
test_dict_proxy_dies (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  Server *server = server_new (dict);
  TestNaiveDict *naive = test_naive_dict_new ();
  guint n_ways[3] = { 0 };

  for (guint i = 0; i < 3000; i++)
    {
      Line *line;
      CfutSharedDict *proxy = proxy_new (server, &line);
      g_autofree char *described = NULL;
      g_autofree char *expected = NULL;
      g_autofree char *said = NULL;
      TestDictOp op;

      test_dict_op_random (&op, rand, 5);
      line->rand = rand;
      said = test_dict_do (proxy, &op);
      n_ways[line->way]++;
      if (line->way != WAY_LOST)
        expected = test_naive_dict_do (naive, &op);
      if (line->way == WAY_SOUND)
        g_assert_cmpstr (said, ==, expected);
      else
        g_assert_true (g_str_has_prefix (said, "error g-io-error-quark"));
      g_object_unref (proxy);

      /* All of it, seen from the application. */
      g_clear_pointer (&expected, g_free);
      g_clear_pointer (&said, g_free);
      test_dict_op_clear (&op);
      op.verb = i % 2 == 0 ? TEST_DICT_KEYS : TEST_DICT_LOOKUP;
      expected = test_naive_dict_do (naive, &op);
      said = test_dict_do (dict, &op);
      g_assert_cmpstr (said, ==, expected);
    }
  g_assert_cmpuint (MIN (n_ways[0], MIN (n_ways[1], n_ways[2])), >, 0);

  test_naive_dict_free (naive);
  server_free (server);
}

/* Where the application is gone every operation says so; what no dict takes is refused all the same, unasked. */
static void
test_dict_proxy_application_gone (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  g_autofree char *gone = g_strdup_printf ("error g-io-error-quark %d", G_IO_ERROR_CLOSED);
  Server *server = server_new (dict);
  int n_freed = 0;
  Line *line;
  CfutSharedDict *proxy = proxy_new (server, &line);
  g_autoptr (GError) error = NULL;

  line->n_freed = &n_freed;
  g_assert_cmpint (cfut_shared_dict_add (proxy, "n", 1, &error), ==, 1);
  g_assert_no_error (error);
  line->gone = TRUE;
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *said = NULL;
      TestDictOp op;

      test_dict_op_random (&op, rand, 5);
      said = test_dict_do (proxy, &op);
      g_assert_cmpstr (said, ==, gone);
      test_dict_op_clear (&op);
    }
  g_assert_null (cfut_shared_dict_dup_keys (proxy, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_false (cfut_shared_dict_contains (proxy, "\xff", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_cmpuint (server->n_served, ==, 1);

  g_assert_null (cfut_shared_dict_dup_store (proxy));
  g_assert_cmpint (n_freed, ==, 0);
  g_object_unref (proxy);
  g_assert_cmpint (n_freed, ==, 1);
  server_free (server);
}

static GVariant *
zeros (gsize size)
{
  gpointer data = g_malloc0 (size);

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, g_free, data);
}

/* Values of 16 MiB travel both ways, two at once too; larger ones are refused before they are sent. An answer that
 * has no room in a frame is an error that says so. */
static void
test_dict_proxy_sizes (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  Server *server = server_new (dict);
  CfutSharedDict *proxy = proxy_new (server, NULL);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_shared_dict_set (proxy, "k", zeros (CFUT_DICT_MAX_VALUE), &error));
  value = cfut_shared_dict_lookup (proxy, "k", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_get_size (value), ==, CFUT_DICT_MAX_VALUE);
  g_assert_true (cfut_shared_dict_compare_and_set (proxy, "k", value, zeros (CFUT_DICT_MAX_VALUE), &error));
  g_assert_no_error (error);

  g_assert_cmpuint (server->n_served, ==, 3);
  g_assert_false (cfut_shared_dict_set (proxy, "k", zeros (CFUT_DICT_MAX_VALUE + 1), &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_clear_error (&error);
  g_assert_cmpuint (server->n_served, ==, 3);

  server->max_reply_bytes = 1024;
  g_assert_null (cfut_shared_dict_lookup (proxy, "k", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  g_clear_error (&error);
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *key = g_strdup_printf ("key %u", i);

      cfut_shared_dict_add (proxy, key, 1, &error);
    }
  g_assert_no_error (error);
  g_assert_null (cfut_shared_dict_dup_keys (proxy, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);

  g_object_unref (proxy);
  server_free (server);
}

/* What is served is any variant at all, and gets an answer. */
static void
test_dict_proxy_serves_anything (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  CfutDictStore *store = cfut_shared_dict_dup_store (dict);
  g_autoptr (GBytes) cut = g_bytes_new_static ("\x01key", 4);
  GVariant *requests[] = {
    g_variant_new_string ("set"),
    g_variant_new_from_bytes (CFUT_DICT_REQUEST_TYPE, cut, FALSE),
    g_variant_new ("(ysmvmvx)", 0, "k", NULL, NULL, (gint64) 0),
    g_variant_new ("(ysmvmvx)", 255, "k", NULL, NULL, (gint64) 0),
    g_variant_new ("(ysmvmvx)", CFUT_DICT_SET, "k", NULL, NULL, (gint64) 0),
    g_variant_new ("(ysmvmvx)", CFUT_DICT_SET, "k", NULL, zeros (CFUT_DICT_MAX_VALUE + 1), (gint64) 0),
  };
  const int codes[] = { G_IO_ERROR_INVALID_DATA,  G_IO_ERROR_INVALID_DATA,  G_IO_ERROR_NOT_SUPPORTED,
                        G_IO_ERROR_NOT_SUPPORTED, G_IO_ERROR_NOT_SUPPORTED, G_IO_ERROR_MESSAGE_TOO_LARGE };

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr (GVariant) request = g_variant_ref_sink (requests[i]);
      g_autoptr (GVariant) reply = cfut_dict_store_serve (store, request, 0);
      CfutDictAnswer answer = { 0 };
      g_autoptr (GError) error = NULL;

      g_assert_false (cfut_dict_reply_decode (reply, CFUT_DICT_SET, &answer, &error));
      g_assert_error (error, G_IO_ERROR, codes[i]);
    }
  g_assert_cmpuint (cfut_shared_dict_get_length (dict, NULL), ==, 0);
  cfut_dict_store_unref (store);
}

/* The store serves on when the object is gone, whose handlers hear nothing of it. */
static void
test_dict_proxy_object_gone (void)
{
  CfutSharedDict *dict = cfut_shared_dict_new ();
  Server *server = server_new (dict);
  CfutSharedDict *proxy = proxy_new (server, NULL);
  TestPlace place = { 0 };
  int n_gone = 0;

  test_watch_gone (dict, &n_gone);
  g_signal_connect_swapped (dict, "changed", G_CALLBACK (test_place_note), &place);
  cfut_shared_dict_add (proxy, "n", 1, NULL);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
  test_place_assert_here (&place, 1);
  cfut_shared_dict_add (proxy, "n", 1, NULL);
  g_object_unref (dict);
  g_assert_cmpint (n_gone, ==, 1);
  g_assert_cmpint (cfut_shared_dict_add (proxy, "n", 1, NULL), ==, 3);
  test_iterate_ready (NULL);
  g_assert_cmpint (test_place_get_n (&place), ==, 1);
  g_object_unref (proxy);
  server_free (server);
}

/* The judge itself: what it lets pass, and what it does not. */
static void
test_dict_judge (void)
{
  TestDictOp add = { .verb = TEST_DICT_ADD, .key = "k", .delta = 1 };
  TestDictOp look = { .verb = TEST_DICT_LOOKUP, .key = "k" };
  TestDictOp remove = { .verb = TEST_DICT_REMOVE, .key = "k" };
  /* One after the other. */
  TestDictEvent serial[] = { { add, (char *) "x 1", 1, 2 }, { look, (char *) "int64 1", 3, 4 }, { add, (char *) "x 2", 5, 6 } };
  /* A sum that was lost. */
  TestDictEvent lost[] = { { add, (char *) "x 1", 1, 4 }, { add, (char *) "x 1", 2, 3 } };
  TestDictEvent both[] = { { add, (char *) "x 2", 1, 4 }, { add, (char *) "x 1", 2, 3 } };
  /* A look into the past, after somebody has seen the present. */
  TestDictEvent stale[] = { { add, (char *) "x 1", 1, 6 }, { look, (char *) "int64 1", 2, 3 }, { look, (char *) "nothing", 4, 5 } };
  TestDictEvent fresh[] = { { add, (char *) "x 1", 1, 6 }, { look, (char *) "nothing", 2, 3 }, { look, (char *) "int64 1", 4, 5 } };
  /* Two that both had the only one. */
  TestDictEvent twice[] = { { add, (char *) "x 1", 1, 2 }, { remove, (char *) "true", 3, 6 }, { remove, (char *) "true", 4, 5 } };

  g_assert_true (test_dict_is_linearizable (serial, 3));
  g_assert_true (test_dict_is_linearizable (both, 2));
  g_assert_true (test_dict_is_linearizable (fresh, 3));
  g_assert_false (test_dict_is_linearizable (lost, 2));
  g_assert_false (test_dict_is_linearizable (stale, 3));
  g_assert_false (test_dict_is_linearizable (twice, 3));
  serial[1].begin = 7;
  serial[1].end = 8;
  g_assert_false (test_dict_is_linearizable (serial, 3));
}

typedef struct {
  CfutSharedDict *dict;
  TestDictEvent *events;
  _Atomic guint *clock;
  TestGate *gate;
} Actor;

static gpointer
act (gpointer data)
{
  Actor *self = data;

  test_gate_pass (self->gate);
  for (guint i = 0; i < N_EVENTS; i++)
    {
      TestDictEvent *event = &self->events[i];

      event->begin = ++*self->clock;
      event->said = test_dict_do (self->dict, &event->op);
      event->end = ++*self->clock;
    }

  return NULL;
}

static guint
check_history (GRand *rand)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  Server *server = server_new (dict);
  CfutSharedDict *proxies[] = { proxy_new (server, NULL), proxy_new (server, NULL) };
  TestDictEvent events[N_ALL] = { 0 };
  Actor actors[N_ACTORS];
  GThread *threads[N_ACTORS];
  _Atomic guint clock = 0;
  TestGate gate;
  guint n_overlaps;

  test_gate_init (&gate);
  for (guint i = 0; i < N_ALL; i++)
    test_dict_op_random (&events[i].op, rand, 2);
  for (guint i = 0; i < N_ACTORS; i++)
    {
      /* Two threads of one worker, one of another, and the application's. */
      actors[i] = (Actor) { i < 3 ? proxies[i / 2] : dict, events + i * N_EVENTS, &clock, &gate };
      threads[i] = g_thread_new ("actor", act, &actors[i]);
    }
  test_gate_wait_arrived (&gate, N_ACTORS);
  test_gate_open (&gate);
  for (guint i = 0; i < N_ACTORS; i++)
    g_thread_join (threads[i]);

  n_overlaps = test_dict_count_overlaps (events, N_ALL);
  if (!test_dict_is_linearizable (events, N_ALL))
    {
      test_dict_print_events (events, N_ALL);
      g_test_fail_printf ("There is no order of these");
    }

  for (guint i = 0; i < N_ALL; i++)
    {
      test_dict_op_clear (&events[i].op);
      g_free (events[i].said);
    }
  test_gate_clear (&gate);
  g_object_unref (proxies[0]);
  g_object_unref (proxies[1]);
  server_free (server);
  return n_overlaps;
}

/* What threads of two workers and of the application have seen, of operations that overlapped, is what they would
 * have seen had each been done at one moment between its begin and its end. */
static void
test_dict_linearizable (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  guint n_overlaps = 0;

  for (guint i = 0; i < N_HISTORIES && !g_test_failed (); i++)
    n_overlaps += check_history (rand);

  g_test_message ("%u pairs overlapped", n_overlaps);
  g_assert_cmpuint (n_overlaps, >, N_HISTORIES);
}

typedef struct {
  CfutSharedDict *dict;
  guint n_times;
} Adder;

static gpointer
add_times (gpointer data)
{
  Adder *self = data;

  for (guint i = 0; i < self->n_times; i++)
    {
      g_autoptr (GVariant) before = NULL;

      cfut_shared_dict_add (self->dict, "added", 1, NULL);
      do
        {
          g_clear_pointer (&before, g_variant_unref);
          before = cfut_shared_dict_lookup (self->dict, "compared", NULL);
        }
      while (!cfut_shared_dict_compare_and_set (
        self->dict, "compared", before,
        g_variant_new_int64 (before != NULL ? g_variant_get_int64 (before) + 1 : 1), NULL));
    }

  return NULL;
}

/* Sums of workers and application together are right. */
static void
test_dict_proxy_sums (void)
{
  g_autoptr (CfutSharedDict) dict = cfut_shared_dict_new ();
  Server *server = server_new (dict);
  CfutSharedDict *proxies[] = { proxy_new (server, NULL), proxy_new (server, NULL) };
  Adder adders[] = { { proxies[0], 2000 }, { proxies[0], 2000 }, { proxies[1], 2000 }, { dict, 20000 } };
  GThread *threads[G_N_ELEMENTS (adders)];

  for (guint i = 0; i < G_N_ELEMENTS (adders); i++)
    threads[i] = g_thread_new ("adder", add_times, &adders[i]);
  for (guint i = 0; i < G_N_ELEMENTS (adders); i++)
    g_thread_join (threads[i]);

  g_assert_cmpint (cfut_shared_dict_add (dict, "added", 0, NULL), ==, 26000);
  g_assert_cmpint (cfut_shared_dict_add (dict, "compared", 0, NULL), ==, 26000);
  g_object_unref (proxies[0]);
  g_object_unref (proxies[1]);
  server_free (server);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/dict-proxy/as-a-naive-one", test_dict_proxy_as_naive);
  g_test_add_func ("/cfut/dict-proxy/a-death-leaves-it-whole", test_dict_proxy_dies);
  g_test_add_func ("/cfut/dict-proxy/application-gone", test_dict_proxy_application_gone);
  g_test_add_func ("/cfut/dict-proxy/sizes", test_dict_proxy_sizes);
  g_test_add_func ("/cfut/dict-proxy/serves-anything", test_dict_proxy_serves_anything);
  g_test_add_func ("/cfut/dict-proxy/serves-without-the-object", test_dict_proxy_object_gone);
  g_test_add_func ("/cfut/dict-proxy/judge-of-histories", test_dict_judge);
  g_test_add_func ("/cfut/dict-proxy/linearizable", test_dict_linearizable);
  g_test_add_func ("/cfut/dict-proxy/sums-are-right", test_dict_proxy_sums);

  return g_test_run ();
}
