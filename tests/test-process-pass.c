/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Large bytes that go from worker to worker by way of the application. */

#include "test-process-util.h"

#define SIZE ((gsize) 3 * 1024 * 1024 + 17)
#define N_ROUNDS 6

static GVariant *
make_bytes (guint seed)
{
  guint8 *data = g_malloc (SIZE);

  for (gsize i = 0; i < SIZE; i++)
    data[i] = (guint8) (i * 7 + (i >> 12) + seed);

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, SIZE, TRUE, g_free, data);
}

static void
assert_bytes (GVariant *value,
              guint     seed)
{
  const guint8 *data = g_variant_get_data (value);

  g_assert_cmpuint (g_variant_get_size (value), ==, SIZE);
  for (gsize i = 0; i < SIZE; i++)
    if (data[i] != (guint8) (i * 7 + (i >> 12) + seed))
      g_error ("Byte %" G_GSIZE_FORMAT " is another", i);
}

/* (transfer full) */
static GVariant *
call (CfutExecutor *executor,
      GVariant     *args)
{
  g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, "echo", args);
  GError *error = NULL;
  GVariant *value = cfut_future_result_variant (future, TEST_DEADLINE_USEC, &error);

  g_assert_no_error (error);
  return g_variant_ref (value);
}

/* One worker's result is the next one's argument, in the first round and in those whose memory is used
 * again. The first worker is gone before the second has the bytes, or stays and is sent more. */
static void
test_two_workers (gconstpointer data)
{
  gboolean first_ends = data != NULL;
  CfutExecutor *first = test_process_executor_new (1);
  CfutExecutor *second = test_process_executor_new (1);
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);

  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_autoptr (GVariant) between = call (first, make_bytes (round));

      if (first_ends)
        cfut_process_executor_kill_workers (CFUT_PROCESS_EXECUTOR (first));
      g_ptr_array_add (kept, call (second, between));
      if (!first_ends)
        {
          g_clear_pointer (&between, g_variant_unref);
          g_variant_unref (call (first, make_bytes (round + 50)));
          g_variant_unref (call (second, make_bytes (round + 60)));
        }
      for (guint i = 0; i < kept->len; i++)
        assert_bytes (kept->pdata[i], i);
    }

  test_process_executor_end (first);
  for (guint i = 0; i < kept->len; i++)
    assert_bytes (kept->pdata[i], i);
  test_process_executor_end (second);
  for (guint i = 0; i < kept->len; i++)
    assert_bytes (kept->pdata[i], i);
}

/* The same bytes to several at once. */
static void
test_to_many (void)
{
  CfutExecutor *first = test_process_executor_new (1);
  CfutExecutor *others = test_process_executor_new (3);
  g_autoptr (GVariant) between = call (first, make_bytes (9));
  CfutFuture *futures[12];

  test_process_executor_end (first);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    futures[i] = cfut_executor_call (others, NULL, "echo", between);
  g_clear_pointer (&between, g_variant_unref);
  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      test_assert_settles (futures[i], CFUT_STATE_RESOLVED);
      assert_bytes (cfut_future_result_variant (futures[i], 0, NULL), 9);
      g_object_unref (futures[i]);
    }
  test_process_executor_end (others);
}

/* Nothing is left open once all is dropped. */
static void
test_descriptors (void)
{
  guint before = 0;

  for (guint i = 0; i < 2; i++)
    {
      test_two_workers (NULL);
      if (i == 0)
        before = test_count_descriptors ();
    }
  g_assert_cmpuint (test_count_descriptors (), ==, before);
}

int
main (int    argc,
      char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/cfut/process-pass/two-workers", NULL, test_two_workers);
  g_test_add_data_func ("/cfut/process-pass/first-worker-ends", "x", test_two_workers);
  g_test_add_func ("/cfut/process-pass/to-many", test_to_many);
  g_test_add_func ("/cfut/process-pass/descriptors", test_descriptors);

  status = g_test_run ();
  test_process_clear ();
  return status;
}
