/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* CfutRequest, the template of a submission: what its fields are, start from and take. */

#include "test-util.h"

/* Sets all properties to something other than their defaults. */
static CfutRequest *
request_new_full (GCancellable *cancellable,
                  CfutGroup    *group)
{
  return g_object_new (CFUT_TYPE_REQUEST,
                       "name", "a name",
                       "priority", -3,
                       "queue-deadline-usec", G_GINT64_CONSTANT (5000000000),
                       "run-deadline-usec", G_GINT64_CONSTANT (0),
                       "cancellable", cancellable,
                       "group", group,
                       "size", G_GUINT64_CONSTANT (1) << 40,
                       "when-full", CFUT_WHEN_FULL_BLOCK,
                       "chunk-size", 64u,
                       NULL);
}

/* The defaults are those of a submission without a request: nothing special. */
static void
test_request_defaults (void)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();

  g_assert_null (cfut_request_get_name (request));
  g_assert_cmpint (cfut_request_get_priority (request), ==, 0);
  g_assert_cmpint (cfut_request_get_queue_deadline_usec (request), ==, -1);
  g_assert_cmpint (cfut_request_get_run_deadline_usec (request), ==, -1);
  g_assert_null (cfut_request_get_cancellable (request));
  g_assert_null (cfut_request_get_group (request));
  g_assert_cmpuint (cfut_request_get_size (request), ==, 0);
  g_assert_cmpint (cfut_request_get_when_full (request), ==, CFUT_WHEN_FULL_REJECT);
  g_assert_cmpuint (cfut_request_get_chunk_size (request), ==, 1);
}

/* A new request's fields are what their properties say the defaults are. */
static void
test_request_defaults_are_declared (void)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autofree GParamSpec **pspecs = NULL;
  guint n;

  pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (request), &n);
  g_assert_cmpuint (n, ==, 9);
  for (guint i = 0; i < n; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      g_object_get_property (G_OBJECT (request), pspecs[i]->name, &value);
      g_assert_true (g_param_value_defaults (pspecs[i], &value));
    }
}

/* Each property leads to its own field, and from it to the getter. */
static void
test_request_properties_are_the_fields (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutRequest) request = request_new_full (cancellable, group);
  g_autoptr (GCancellable) got_cancellable = NULL;
  g_autoptr (CfutGroup) got_group = NULL;
  g_autofree char *name = NULL;
  int priority;
  gint64 queue_deadline_usec;
  gint64 run_deadline_usec;
  guint64 size;
  CfutWhenFull when_full;
  guint chunk_size;

  g_assert_cmpstr (cfut_request_get_name (request), ==, "a name");
  g_assert_cmpint (cfut_request_get_priority (request), ==, -3);
  g_assert_cmpint (cfut_request_get_queue_deadline_usec (request), ==,
                   G_GINT64_CONSTANT (5000000000));
  g_assert_cmpint (cfut_request_get_run_deadline_usec (request), ==, 0);
  g_assert_true (cfut_request_get_cancellable (request) == cancellable);
  g_assert_true (cfut_request_get_group (request) == group);
  g_assert_cmpuint (cfut_request_get_size (request), ==, G_GUINT64_CONSTANT (1) << 40);
  g_assert_cmpint (cfut_request_get_when_full (request), ==, CFUT_WHEN_FULL_BLOCK);
  g_assert_cmpuint (cfut_request_get_chunk_size (request), ==, 64);

  g_object_get (request,
                "name", &name,
                "priority", &priority,
                "queue-deadline-usec", &queue_deadline_usec,
                "run-deadline-usec", &run_deadline_usec,
                "cancellable", &got_cancellable,
                "group", &got_group,
                "size", &size,
                "when-full", &when_full,
                "chunk-size", &chunk_size,
                NULL);
  g_assert_cmpstr (name, ==, "a name");
  g_assert_cmpint (priority, ==, -3);
  g_assert_cmpint (queue_deadline_usec, ==, G_GINT64_CONSTANT (5000000000));
  g_assert_cmpint (run_deadline_usec, ==, 0);
  g_assert_true (got_cancellable == cancellable);
  g_assert_true (got_group == group);
  g_assert_cmpuint (size, ==, G_GUINT64_CONSTANT (1) << 40);
  g_assert_cmpint (when_full, ==, CFUT_WHEN_FULL_BLOCK);
  g_assert_cmpuint (chunk_size, ==, 64);
}

static void
on_notify (GObject    *object,
           GParamSpec *pspec,
           GString    *log)
{
  g_string_append_printf (log, "%s ", pspec->name);
}

static void
set_all (CfutRequest  *request,
         GCancellable *cancellable,
         CfutGroup    *group)
{
  cfut_request_set_name (request, "n");
  cfut_request_set_priority (request, 7);
  cfut_request_set_queue_deadline_usec (request, 1);
  cfut_request_set_run_deadline_usec (request, 2);
  cfut_request_set_cancellable (request, cancellable);
  cfut_request_set_group (request, group);
  cfut_request_set_size (request, 3);
  cfut_request_set_when_full (request, CFUT_WHEN_FULL_BLOCK);
  cfut_request_set_chunk_size (request, 4);
}

/* A setter notifies once when the field changes, and not when it does not. */
static void
test_request_setters_notify_changes (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutRequest) request = cfut_request_new ();
  g_autoptr (GString) log = g_string_new (NULL);

  g_signal_connect (request, "notify", G_CALLBACK (on_notify), log);
  set_all (request, cancellable, group);
  g_assert_cmpstr (log->str, ==,
                   "name priority queue-deadline-usec run-deadline-usec cancellable group size "
                   "when-full chunk-size ");

  g_string_truncate (log, 0);
  set_all (request, cancellable, group);
  g_assert_cmpstr (log->str, ==, "");
}

/* What lies outside the range of a priority or a deadline is moved into it, by the setter and by
 * g_object_set alike. */
static void
test_request_clamps (void)
{
  static const int priorities[][2] = {
    { G_MININT, -100 }, { -101, -100 }, { -100, -100 }, { 100, 100 }, { 101, 100 },
    { G_MAXINT, 100 }
  };
  static const gint64 deadlines[][2] = {
    { G_MININT64, -1 }, { -2, -1 }, { -1, -1 }, { 0, 0 }, { G_MAXINT64, G_MAXINT64 }
  };
  g_autoptr (CfutRequest) request = cfut_request_new ();

  for (guint i = 0; i < G_N_ELEMENTS (priorities); i++)
    {
      cfut_request_set_priority (request, priorities[i][0]);
      g_assert_cmpint (cfut_request_get_priority (request), ==, priorities[i][1]);
      cfut_request_set_priority (request, 0);
      g_object_set (request, "priority", priorities[i][0], NULL);
      g_assert_cmpint (cfut_request_get_priority (request), ==, priorities[i][1]);
    }

  for (guint i = 0; i < G_N_ELEMENTS (deadlines); i++)
    {
      cfut_request_set_queue_deadline_usec (request, deadlines[i][0]);
      cfut_request_set_run_deadline_usec (request, deadlines[i][0]);
      g_assert_cmpint (cfut_request_get_queue_deadline_usec (request), ==, deadlines[i][1]);
      g_assert_cmpint (cfut_request_get_run_deadline_usec (request), ==, deadlines[i][1]);
      g_object_set (request, "queue-deadline-usec", (gint64) 5, "run-deadline-usec", (gint64) 5,
                    NULL);
      g_object_set (request,
                    "queue-deadline-usec", deadlines[i][0],
                    "run-deadline-usec", deadlines[i][0],
                    NULL);
      g_assert_cmpint (cfut_request_get_queue_deadline_usec (request), ==, deadlines[i][1]);
      g_assert_cmpint (cfut_request_get_run_deadline_usec (request), ==, deadlines[i][1]);
    }
}

/* What can be unset can be unset again, and a name may be set from a part of itself. */
static void
test_request_can_be_unset (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autoptr (CfutRequest) request = request_new_full (cancellable, group);

  cfut_request_set_name (request, cfut_request_get_name (request) + 2);
  g_assert_cmpstr (cfut_request_get_name (request), ==, "name");
  cfut_request_set_name (request, NULL);
  g_assert_null (cfut_request_get_name (request));
  cfut_request_set_cancellable (request, NULL);
  g_assert_null (cfut_request_get_cancellable (request));
  cfut_request_set_group (request, NULL);
  g_assert_null (cfut_request_get_group (request));
}

/* A request holds its cancellable and its group, and lets go of them when it is given others, and
 * when it goes itself. */
static void
test_request_holds_what_it_has (void)
{
  CfutRequest *request = NULL;
  int n_gone = 0;

  for (guint i = 0; i < 2; i++)
    {
      GCancellable *cancellable = g_cancellable_new ();
      CfutGroup *group = cfut_group_new ();

      test_watch_gone (cancellable, &n_gone);
      test_watch_gone (group, &n_gone);
      if (request == NULL)
        {
          request = request_new_full (cancellable, group);
        }
      else
        {
          cfut_request_set_cancellable (request, cancellable);
          cfut_request_set_group (request, group);
        }
      g_object_unref (cancellable);
      g_object_unref (group);
      g_assert_cmpint (n_gone, ==, 2 * i);
    }

  g_object_unref (request);
  g_assert_cmpint (n_gone, ==, 4);
}

/* Programmer errors are told, and change nothing. */
static void
test_request_bad_values (void)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();

  test_expect_critical ();
  cfut_request_set_chunk_size (request, 0);
  g_test_assert_expected_messages ();
  g_assert_cmpuint (cfut_request_get_chunk_size (request), ==, 1);

  test_expect_critical ();
  cfut_request_set_when_full (request, CFUT_WHEN_FULL_BLOCK + 1);
  g_test_assert_expected_messages ();
  test_expect_critical ();
  cfut_request_set_when_full (request, (CfutWhenFull) -1);
  g_test_assert_expected_messages ();
  g_assert_cmpint (cfut_request_get_when_full (request), ==, CFUT_WHEN_FULL_REJECT);

  test_expect_critical ();
  cfut_request_set_cancellable (request, (GCancellable *) request);
  g_test_assert_expected_messages ();
  g_assert_null (cfut_request_get_cancellable (request));

  test_expect_critical ();
  cfut_request_set_group (request, (CfutGroup *) request);
  g_test_assert_expected_messages ();
  g_assert_null (cfut_request_get_group (request));
}

/* NULL in place of a request is told by every method, and the getters give the defaults. */
static void
test_request_null (void)
{
  for (guint i = 0; i < 18; i++)
    test_expect_critical ();

  g_assert_null (cfut_request_get_name (NULL));
  g_assert_cmpint (cfut_request_get_priority (NULL), ==, 0);
  g_assert_cmpint (cfut_request_get_queue_deadline_usec (NULL), ==, -1);
  g_assert_cmpint (cfut_request_get_run_deadline_usec (NULL), ==, -1);
  g_assert_null (cfut_request_get_cancellable (NULL));
  g_assert_null (cfut_request_get_group (NULL));
  g_assert_cmpuint (cfut_request_get_size (NULL), ==, 0);
  g_assert_cmpint (cfut_request_get_when_full (NULL), ==, CFUT_WHEN_FULL_REJECT);
  g_assert_cmpuint (cfut_request_get_chunk_size (NULL), ==, 1);
  set_all (NULL, NULL, NULL);

  g_test_assert_expected_messages ();
}

/* A request is only read by a submission: what is changed or dropped after it does not reach the
 * future. */
static void
test_request_is_a_template (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  g_autoptr (CfutGroup) group = cfut_group_new ();
  g_autofree char *first_name = NULL;
  g_autofree char *second_name = NULL;
  CfutRequest *request = cfut_request_new ();
  CfutFuture *first;
  CfutFuture *second;

  cfut_request_set_name (request, "first");
  cfut_request_set_group (request, group);
  first = cfut_executor_submit_full (executor, request, test_task_nothing, NULL, NULL);
  cfut_request_set_name (request, "second");
  cfut_request_set_group (request, NULL);
  second = cfut_executor_submit_full (executor, request, test_task_nothing, NULL, NULL);
  g_object_unref (request);

  test_assert_settles (first, CFUT_STATE_RESOLVED);
  test_assert_settles (second, CFUT_STATE_RESOLVED);
  first_name = cfut_future_dup_name (first);
  second_name = cfut_future_dup_name (second);
  g_assert_cmpstr (first_name, ==, "first");
  g_assert_cmpstr (second_name, ==, "second");
  g_assert_true (cfut_group_remove (group, first));
  g_assert_false (cfut_group_remove (group, second));
  g_object_unref (first);
  g_object_unref (second);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/request/defaults", test_request_defaults);
  g_test_add_func ("/cfut/request/defaults-are-declared", test_request_defaults_are_declared);
  g_test_add_func ("/cfut/request/properties-are-the-fields",
                   test_request_properties_are_the_fields);
  g_test_add_func ("/cfut/request/setters-notify-changes", test_request_setters_notify_changes);
  g_test_add_func ("/cfut/request/clamps", test_request_clamps);
  g_test_add_func ("/cfut/request/can-be-unset", test_request_can_be_unset);
  g_test_add_func ("/cfut/request/holds-what-it-has", test_request_holds_what_it_has);
  g_test_add_func ("/cfut/request/bad-values", test_request_bad_values);
  g_test_add_func ("/cfut/request/null", test_request_null);
  g_test_add_func ("/cfut/request/is-a-template", test_request_is_a_template);

  return g_test_run ();
}
