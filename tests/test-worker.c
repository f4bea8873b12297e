/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The worker's side of the protocol, step by step: this program, as an application, starts itself as the
 * worker, and speaks with it by hand. */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test-worker-util.h"

/* --- what the worker can do --- */

static gboolean
call_echo (CfutTask  *task,
           GVariant  *args,
           gpointer   user_data,
           GError   **error)
{
  cfut_task_set_result_variant (task, args);
  return TRUE;
}

/* Its number, as a number. */
static gboolean
call_number (CfutTask  *task,
             GVariant  *args,
             gpointer   user_data,
             GError   **error)
{
  cfut_task_set_result_int64 (task, g_variant_get_int64 (args));
  return TRUE;
}

static gboolean
call_fail (CfutTask  *task,
           GVariant  *args,
           gpointer   user_data,
           GError   **error)
{
  g_set_error_literal (error, g_quark_from_static_string ("test-domain"), 77, "why \xff");
  return FALSE;
}

static gboolean
call_unset (CfutTask  *task,
            GVariant  *args,
            gpointer   user_data,
            GError   **error)
{
  return FALSE;
}

static gboolean
call_object (CfutTask  *task,
             GVariant  *args,
             gpointer   user_data,
             GError   **error)
{
  cfut_task_set_result_object (task, G_OBJECT (task));
  return TRUE;
}

static void
wait_until_cancelled (CfutTask *task)
{
  GCancellable *cancellable = cfut_task_get_cancellable (task);
  GPollFD fd;

  g_assert_true (g_cancellable_make_pollfd (cancellable, &fd));
  g_poll (&fd, 1, -1);
  g_cancellable_release_fd (cancellable);
}

/* Says so when it has begun, and goes on until it is asked to stop. */
static gboolean
call_until_cancelled (CfutTask  *task,
                      GVariant  *args,
                      gpointer   user_data,
                      GError   **error)
{
  cfut_task_set_message (task, "begun");
  wait_until_cancelled (task);
  g_assert_false (cfut_task_checkpoint (task, error));
  return FALSE;
}

/* The same, and will not stop. */
static gboolean
call_stuck (CfutTask  *task,
            GVariant  *args,
            gpointer   user_data,
            GError   **error)
{
  cfut_task_set_message (task, "begun");
  for (;;)
    pause ();
  return TRUE;
}

/* The same, and succeeds when it is asked to stop. */
static gboolean
call_finishes (CfutTask  *task,
               GVariant  *args,
               gpointer   user_data,
               GError   **error)
{
  cfut_task_set_message (task, "begun");
  wait_until_cancelled (task);
  cfut_task_set_result_string (task, "finished");
  return TRUE;
}

static gboolean
call_pause (CfutTask  *task,
            GVariant  *args,
            gpointer   user_data,
            GError   **error)
{
  cfut_task_set_message (task, "begun");
  test_poll_until (cfut_future_is_paused (CFUT_FUTURE (task)));
  cfut_task_set_message (task, "paused");
  if (!cfut_task_checkpoint (task, error))
    return FALSE;
  cfut_task_set_result_boolean (task, TRUE);
  return TRUE;
}

/* As many steps as it is told, as fast as can be. */
static gboolean
call_steps (CfutTask  *task,
            GVariant  *args,
            gpointer   user_data,
            GError   **error)
{
  gint64 n = g_variant_get_int64 (args);

  for (gint64 i = 1; i <= n; i++)
    {
      g_autofree char *message = g_strdup_printf ("step %" G_GINT64_FORMAT, i);

      cfut_task_set_progress (task, (guint64) i, (guint64) n);
      cfut_task_set_message (task, message);
    }
  return TRUE;
}

static gboolean
call_print (CfutTask  *task,
            GVariant  *args,
            gpointer   user_data,
            GError   **error)
{
  printf ("printed\n");
  fflush (stdout);
  if (system ("echo by a child") != 0)
    return FALSE;
  cfut_task_set_result_boolean (task, getc (stdin) == EOF);
  return TRUE;
}

/* (transfer full): what a child of the worker's has of the worker's. */
static char *
ask_child (void)
{
  char *text = NULL;
  gsize size = 0;
  FILE *child = popen ("echo \"[$CFUT_WORKER]\"; for i in 3 4 5 6 7 8 9 10 11 12; do "
                       "if readlink /proc/self/fd/$i | grep -q -e socket -e eventfd; then echo $i; fi; done",
                       "r");

  g_assert_cmpint (getdelim (&text, &size, '\0', child), >, 0);
  pclose (child);
  return text;
}

/* What it had before the worker was run, and has now. */
static char *first_child;

static gboolean
call_child (CfutTask  *task,
            GVariant  *args,
            gpointer   user_data,
            GError   **error)
{
  g_autofree char *text = ask_child ();
  g_autofree char *both = g_strconcat (first_child, text, NULL);

  cfut_task_set_result_string (task, both);
  return TRUE;
}

static gboolean
call_fds (CfutTask  *task,
          GVariant  *args,
          gpointer   user_data,
          GError   **error)
{
  GUnixFDList *fds = cfut_task_get_fds (task);
  int fd = fds != NULL ? g_unix_fd_list_get (fds, g_variant_get_handle (args), error) : -1;

  if (fd < 0)
    return FALSE;
  g_assert_cmpint (write (fd, "hello", 5), ==, 5);
  close (fd);
  cfut_task_set_result_fds (task, fds);
  cfut_task_set_result_variant (task, g_variant_new_handle (0));
  return TRUE;
}

static gboolean
call_count (CfutTask  *task,
            GVariant  *args,
            gpointer   worker,
            GError   **error)
{
  CfutSharedDict *dict = cfut_worker_get_shared (worker, "numbers");
  GError *why = NULL;
  gint64 sum = cfut_shared_dict_add (dict, "n", 3, &why);

  if (why != NULL)
    {
      g_propagate_error (error, why);
      return FALSE;
    }
  cfut_task_set_result_int64 (task, sum);
  return TRUE;
}

static gboolean
call_bytes (CfutTask  *task,
            GVariant  *args,
            gpointer   user_data,
            GError   **error)
{
  gsize size = (gsize) g_variant_get_int64 (args);
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size), size);

  cfut_task_set_result_bytes (task, bytes);
  return TRUE;
}

static int
run_worker (void)
{
  static const struct { const char *name; CfutCallFunc func; } functions[] = {
    { "echo", call_echo },
    { "number", call_number },
    { "fail", call_fail },
    { "unset", call_unset },
    { "object", call_object },
    { "until-cancelled", call_until_cancelled },
    { "stuck", call_stuck },
    { "finishes", call_finishes },
    { "pause", call_pause },
    { "steps", call_steps },
    { "print", call_print },
    { "child", call_child },
    { "fds", call_fds },
    { "count", call_count },
    { "bytes", call_bytes },
  };
  g_autoptr (CfutWorker) worker = cfut_worker_new ();
  g_autoptr (GError) error = NULL;
  int status;

  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    cfut_worker_register (worker, functions[i].name, functions[i].func, worker, NULL);
  first_child = ask_child ();
  status = cfut_worker_run (worker, &error);
  g_free (first_child);
  if (error != NULL)
    g_printerr ("The worker failed: %s\n", error->message);
  return status;
}

/* --- what is common --- */

static void
assert_number (Peer    *peer,
               guint64  id,
               gint64   number)
{
  g_autoptr (GVariant) value = peer_expect_result (peer, id);

  g_assert_nonnull (value);
  g_assert_cmpint (g_variant_get_int64 (value), ==, number);
}

/* It has been started, and says so. */
static void
call_and_wait_begun (Peer       *peer,
                     guint64     id,
                     const char *function)
{
  Heard heard;

  peer_call (peer, id, function, NULL);
  peer_expect (peer->call_in, CFUT_WIRE_STARTED, id, NULL);
  peer_expect (peer->call_in, CFUT_WIRE_MESSAGE, id, &heard);
  g_assert_cmpstr (heard.wire.name, ==, "begun");
  heard_clear (&heard);
}

static void
stop_and_close (Peer *peer)
{
  peer_send_simple (peer, CFUT_WIRE_STOP, 0);
  peer_expect_end (peer->call_in);
  peer_assert_exits (peer, 0, NULL);
  peer_close (peer);
}

/* --- with each way --- */

/* Hello, calls in order, each with its started before its result, and the end when it is wanted, after what
 * came before. */
static void
test_worker_serves (gconstpointer way)
{
  Peer peer;
  GByteArray *many = g_byte_array_new ();

  peer_start (&peer, GPOINTER_TO_INT (way));
  peer_call (&peer, 1, "number", g_variant_new_int64 (11));
  assert_number (&peer, 1, 11);

  for (guint64 id = 2; id <= 100; id++)
    {
      g_autoptr (GVariant) args = g_variant_ref_sink (g_variant_new_int64 ((gint64) id));
      CfutWireOut frame = { .type = CFUT_WIRE_CALL, .id = id, .name = "number", .value = args };

      g_assert_true (cfut_wire_encode (&frame, CFUT_WIRE_MAX_BODY, many, NULL));
    }
  {
    CfutWireOut stop = { .type = CFUT_WIRE_STOP };

    g_assert_true (cfut_wire_encode (&stop, CFUT_WIRE_MAX_BODY, many, NULL));
  }
  peer_send_bytes (peer.call_out, many->data, many->len);
  for (guint64 id = 2; id <= 100; id++)
    assert_number (&peer, id, (gint64) id);
  peer_expect_end (peer.call_in);
  peer_assert_exits (&peer, 0, NULL);
  peer_close (&peer);
  g_byte_array_unref (many);
}

/* What functions fail with arrives whole; and a name that nobody has, and a result that cannot travel, say
 * so. The worker goes on. */
static void
test_worker_tells_errors (gconstpointer way)
{
  Peer peer;
  Heard heard;

  peer_start (&peer, GPOINTER_TO_INT (way));
  peer_call (&peer, 1, "fail", NULL);
  peer_expect (peer.call_in, CFUT_WIRE_STARTED, 1, NULL);
  peer_expect (peer.call_in, CFUT_WIRE_ERROR, 1, &heard);
  g_assert_cmpstr (heard.wire.domain, ==, "test-domain");
  g_assert_cmpint (heard.wire.code, ==, 77);
  g_assert_true (g_str_has_prefix (heard.wire.message, "why "));
  g_assert_true (g_utf8_validate (heard.wire.message, -1, NULL));
  g_assert_false (heard.wire.cancelled);
  heard_clear (&heard);

  peer_call (&peer, 2, "unset", NULL);
  peer_expect (peer.call_in, CFUT_WIRE_STARTED, 2, NULL);
  peer_expect_error (peer.call_in, 2, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_CALLBACK_FAILED, FALSE);
  peer_call (&peer, 3, "nobody", NULL);
  peer_expect_error (peer.call_in, 3, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_UNKNOWN_FUNCTION, FALSE);
  peer_call (&peer, 4, "object", NULL);
  peer_expect (peer.call_in, CFUT_WIRE_STARTED, 4, NULL);
  peer_expect_error (peer.call_in, 4, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, FALSE);
  peer_call (&peer, 5, "number", g_variant_new_int64 (5));
  assert_number (&peer, 5, 5);
  stop_and_close (&peer);
}

/* What runs is asked to stop, and may still succeed; what has not been started never is. */
static void
test_worker_cancels (gconstpointer way)
{
  g_autoptr (GVariant) value = NULL;
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  call_and_wait_begun (&peer, 1, "until-cancelled");
  peer_call (&peer, 2, "number", g_variant_new_int64 (2));
  peer_call (&peer, 3, "number", g_variant_new_int64 (3));
  peer_send_simple (&peer, CFUT_WIRE_CANCEL, 2);
  peer_send_simple (&peer, CFUT_WIRE_CANCEL, 1);
  peer_expect_error (peer.call_in, 1, G_IO_ERROR, G_IO_ERROR_CANCELLED, TRUE);
  peer_expect_error (peer.call_in, 2, G_IO_ERROR, G_IO_ERROR_CANCELLED, TRUE);
  assert_number (&peer, 3, 3);

  /* Too late, and of nothing. */
  peer_send_simple (&peer, CFUT_WIRE_CANCEL, 3);
  peer_send_simple (&peer, CFUT_WIRE_CANCEL, 0);

  peer_call (&peer, 4, "finishes", NULL);
  peer_expect (peer.call_in, CFUT_WIRE_STARTED, 4, NULL);
  peer_expect (peer.call_in, CFUT_WIRE_MESSAGE, 4, NULL);
  peer_send_simple (&peer, CFUT_WIRE_CANCEL, 4);
  {
    Heard heard;

    peer_expect (peer.call_in, CFUT_WIRE_RESULT, 4, &heard);
    heard_clear (&heard);
  }
  stop_and_close (&peer);
}

/* What was not started comes back, is never run, and the worker goes on with what comes after. */
static void
test_worker_gives_back (gconstpointer way)
{
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  peer_send_simple (&peer, CFUT_WIRE_TAKE_BACK, 0);
  peer_expect (peer.control, CFUT_WIRE_RETURNED, 0, NULL);

  call_and_wait_begun (&peer, 1, "until-cancelled");
  peer_call (&peer, 2, "number", g_variant_new_int64 (2));
  peer_call (&peer, 3, "number", g_variant_new_int64 (3));
  peer_send_simple (&peer, CFUT_WIRE_TAKE_BACK, 3);
  peer_expect (peer.control, CFUT_WIRE_RETURNED, 1, NULL);
  peer_call (&peer, 4, "number", g_variant_new_int64 (4));
  peer_send_simple (&peer, CFUT_WIRE_CANCEL, 1);
  peer_expect_error (peer.call_in, 1, G_IO_ERROR, G_IO_ERROR_CANCELLED, TRUE);
  assert_number (&peer, 4, 4);
  peer_send_simple (&peer, CFUT_WIRE_TAKE_BACK, 4);
  peer_expect (peer.control, CFUT_WIRE_RETURNED, 4, NULL);
  stop_and_close (&peer);
}

/* A function that runs does not keep the worker from answering. */
static void
test_worker_answers_pings (gconstpointer way)
{
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  peer_send_simple (&peer, CFUT_WIRE_PING, 5);
  peer_expect (peer.control, CFUT_WIRE_PONG, 5, NULL);
  call_and_wait_begun (&peer, 1, "until-cancelled");
  for (guint64 id = 6; id < 10; id++)
    {
      peer_send_simple (&peer, CFUT_WIRE_PING, id);
      peer_expect (peer.control, CFUT_WIRE_PONG, id, NULL);
    }
  peer_send_simple (&peer, CFUT_WIRE_CANCEL, 1);
  peer_expect_error (peer.call_in, 1, G_IO_ERROR, G_IO_ERROR_CANCELLED, TRUE);
  stop_and_close (&peer);
}

/* A paused function stops at its checkpoint until it is resumed, or cancelled. */
static void
test_worker_pauses (gconstpointer way)
{
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  for (guint64 id = 1; id <= 2; id++)
    {
      gboolean cancels = id == 2;
      Heard heard;

      call_and_wait_begun (&peer, id, "pause");
      peer_send_simple (&peer, CFUT_WIRE_PAUSE, id);
      peer_expect (peer.call_in, CFUT_WIRE_MESSAGE, id, &heard);
      g_assert_cmpstr (heard.wire.name, ==, "paused");
      heard_clear (&heard);

      /* Enough for it to go on if it did. */
      for (guint64 ping = 0; ping < 50; ping++)
        {
          peer_send_simple (&peer, CFUT_WIRE_PING, ping);
          peer_expect (peer.control, CFUT_WIRE_PONG, ping, NULL);
        }
      g_assert_true (peer_is_silent (peer.call_in));
      peer_send_simple (&peer, cancels ? CFUT_WIRE_CANCEL : CFUT_WIRE_RESUME, id);
      if (cancels)
        peer_expect_error (peer.call_in, id, G_IO_ERROR, G_IO_ERROR_CANCELLED, TRUE);
      else
        peer_expect (peer.call_in, CFUT_WIRE_RESULT, id, NULL);
    }
  stop_and_close (&peer);
}

/* However many steps there are, what is told of them is few, in order, and the last comes before the
 * result. */
static void
test_worker_tells_progress (gconstpointer way)
{
  static const gint64 counts[] = { 1, 2, 200000 };
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      guint64 n = (guint64) counts[i];
      g_autofree char *last = g_strdup_printf ("step %" G_GUINT64_FORMAT, n);
      g_autofree char *message = NULL;
      gint64 begun = g_get_monotonic_time ();
      guint64 done = 0;
      guint n_progress = 0;
      guint n_messages = 0;
      Heard heard;

      peer_call (&peer, i + 1, "steps", g_variant_new_int64 (counts[i]));
      peer_expect (peer.call_in, CFUT_WIRE_STARTED, i + 1, NULL);
      for (;;)
        {
          CfutWireType type;

          g_assert_true (peer_hear (peer.call_in, &heard));
          type = heard.wire.type;
          g_assert_cmpuint (heard.wire.id, ==, i + 1);
          if (type == CFUT_WIRE_PROGRESS)
            {
              n_progress++;
              g_assert_cmpuint (heard.wire.done, >=, done);
              g_assert_cmpuint (heard.wire.total, ==, n);
              done = heard.wire.done;
            }
          else if (type == CFUT_WIRE_MESSAGE)
            {
              n_messages++;
              g_free (message);
              message = g_strdup (heard.wire.name);
            }
          heard_clear (&heard);
          if (type == CFUT_WIRE_RESULT)
            break;
        }
      g_assert_cmpuint (done, ==, n);
      g_assert_cmpstr (message, ==, last);
      g_test_message ("%" G_GUINT64_FORMAT " steps: %u times progress", n, n_progress);
      g_assert_cmpuint (MAX (n_progress, n_messages), <=,
                        3 + (g_get_monotonic_time () - begun) * 60 / G_USEC_PER_SEC);
    }
  stop_and_close (&peer);
}

/* What is printed by the worker and its children goes somewhere else than the frames, and there is no
 * input. */
static void
test_worker_may_print (gconstpointer way)
{
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) again = NULL;
  g_autofree char *output = NULL;
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  peer_call (&peer, 1, "print", NULL);
  peer_call (&peer, 2, "print", NULL);
  value = peer_expect_result (&peer, 1);
  again = peer_expect_result (&peer, 2);
  g_assert_true (g_variant_get_boolean (value) && g_variant_get_boolean (again));
  peer_send_simple (&peer, CFUT_WIRE_STOP, 0);
  peer_expect_end (peer.call_in);
  if (peer.output >= 0)
    {
      output = peer_read_all (peer.output);
      g_assert_cmpstr (output, ==, "printed\nby a child\nprinted\nby a child\n");
    }
  peer_assert_exits (&peer, 0, peer.output >= 0 ? NULL : "printed\nby a child\n");
  peer_close (&peer);
}

/* What the worker starts is no worker, and has nothing of its. */
static void
test_worker_children_are_none (gconstpointer way)
{
  g_autoptr (GVariant) value = NULL;
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  peer_call (&peer, 1, "child", NULL);
  value = peer_expect_result (&peer, 1);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "[]\n[]\n");
  stop_and_close (&peer);
}

/* An operation on a dict is a question to the application; the answer comes while the function waits. */
static void
test_worker_asks_for_dicts (gconstpointer way)
{
  g_autoptr (GVariant) reply = NULL;
  Heard heard;
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  for (guint64 id = 1; id <= 2; id++)
    {
      g_autoptr (GVariant) value = NULL;
      CfutWireOut frame = { .type = CFUT_WIRE_DICT_REPLY };

      peer_call (&peer, id, "count", NULL);
      peer_expect (peer.call_in, CFUT_WIRE_STARTED, id, NULL);
      peer_expect (peer.control, CFUT_WIRE_DICT, id, &heard);
      g_assert_cmpstr (heard.wire.name, ==, "numbers");
      value = heard_dup_value (&heard);
      g_assert_cmpstr (g_variant_get_type_string (value), ==, "(ysmvmvx)");
      heard_clear (&heard);

      /* Of an operation that nobody waits for; and then a refusal. */
      frame.id = 99;
      frame.value = g_variant_ref_sink (g_variant_new_parsed ("@(m(sis)mv) (('test-domain', 5, 'no'), nothing)"));
      peer_send (&peer, peer.control == peer.call_in ? peer.call_out : peer.control, &frame);
      frame.id = id;
      peer_send (&peer, peer.control == peer.call_in ? peer.call_out : peer.control, &frame);
      peer_expect_error (peer.call_in, id, g_quark_from_static_string ("test-domain"), 5, FALSE);
      g_variant_unref ((GVariant *) frame.value);
    }
  stop_and_close (&peer);
}

/* --- the end of the application --- */

/* It hangs up while nothing runs: a good end. */
static void
test_worker_ends_when_idle (gconstpointer way)
{
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  peer_call (&peer, 1, "number", g_variant_new_int64 (1));
  assert_number (&peer, 1, 1);
  peer_hang_up (&peer);
  peer_assert_exits (&peer, 0, NULL);
  peer_close (&peer);
}

/* It hangs up while a function runs: that is asked to stop, which ends the worker; what was queued is not
 * begun. */
static void
test_worker_ends_in_a_call (gconstpointer way)
{
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  call_and_wait_begun (&peer, 1, "until-cancelled");
  peer_call (&peer, 2, "stuck", NULL);
  peer_hang_up (&peer);
  peer_assert_exits (&peer, 0, NULL);
  peer_close (&peer);
}

/* The same, of a function that waits for the application's answer. */
static void
test_worker_ends_in_a_request (gconstpointer way)
{
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  peer_call (&peer, 1, "count", NULL);
  peer_expect (peer.call_in, CFUT_WIRE_STARTED, 1, NULL);
  peer_expect (peer.control, CFUT_WIRE_DICT, 1, NULL);
  peer_hang_up (&peer);
  peer_assert_exits (&peer, 0, NULL);
  peer_close (&peer);
}

/* A function that does not stop does not keep the process. */
static void
test_worker_ends_when_stuck (gconstpointer way)
{
  g_autoptr (GVariant) options =
    g_variant_ref_sink (g_variant_new_parsed ("{'stop-grace-usec': <int64 1000>}"));
  CfutWireOut setup = { .type = CFUT_WIRE_SETUP, .value = options };
  Peer peer;

  peer_start (&peer, GPOINTER_TO_INT (way));
  peer_send (&peer, peer.call_out, &setup);
  call_and_wait_begun (&peer, 1, "stuck");
  peer_hang_up (&peer);
  peer_assert_exits (&peer, 1, NULL);
  peer_close (&peer);
}

/* It hangs up within a frame, at each byte of it that matters: the end says why. */
static void
test_worker_ends_in_a_frame (gconstpointer way)
{
  g_autoptr (GVariant) args = g_variant_ref_sink (g_variant_new_string ("argument"));
  CfutWireOut frame = { .type = CFUT_WIRE_CALL, .id = 1, .name = "echo", .value = args };
  g_autoptr (GBytes) bytes = peer_encode (&frame);
  const gsize sizes[] = { 1, CFUT_WIRE_HEADER_SIZE - 1, CFUT_WIRE_HEADER_SIZE, g_bytes_get_size (bytes) - 1 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      Peer peer;

      peer_start (&peer, GPOINTER_TO_INT (way));
      peer_send_bytes (peer.call_out, g_bytes_get_data (bytes, NULL), sizes[i]);
      peer_hang_up (&peer);
      peer_assert_exits (&peer, 1, "The worker failed: ");
      peer_close (&peer);
    }
}

/* What is no frame ends the worker, with a word about it, on whichever stream it comes. */
static void
test_worker_refuses_garbage (gconstpointer way)
{
  static const char garbage[64] = "This is no frame, and no prefix of one, however long it gets.";

  for (guint i = 0; i < 2; i++)
    {
      Peer peer;

      peer_start (&peer, GPOINTER_TO_INT (way));
      peer_send_bytes (i == 0 || peer.control == peer.call_in ? peer.call_out : peer.control, garbage,
                       sizeof (garbage));
      peer_expect_end (peer.call_in);
      peer_assert_exits (&peer, 1, "The worker failed: ");
      peer_close (&peer);
    }
}

/* --- starting --- */

/* An application of another version hears which one the worker has, and the worker ends. */
static void
test_worker_of_another_version (void)
{
  PeerOptions options = { .way = PEER_SOCKETS, .version = "2" };
  Heard hello;
  Peer peer;

  peer_open (&peer, &options);
  peer_expect (peer.call_in, CFUT_WIRE_HELLO, 0, &hello);
  g_assert_cmpuint (hello.wire.version, ==, 1);
  heard_clear (&hello);
  peer_expect_end (peer.call_in);
  peer_assert_exits (&peer, 1, "version 2");
  peer_close (&peer);
}

/* A variable that makes no sense still means a worker: the program does not go on as itself. */
static void
test_worker_with_a_bad_variable (void)
{
  static const char *variables[] = {
    "", "1", "1:cookie:3:x", "x:cookie:3:1:4:1", "0:cookie:3:1:4:1", "-1:cookie:3:1:4:1", "1:\xff:3:1:4:1",
    "99999999999999999999:cookie:3:1:4:1",
  };

  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    {
      PeerOptions options = { .way = PEER_SOCKETS, .variable = variables[i] };
      Peer peer;

      peer_open (&peer, &options);
      peer_assert_exits (&peer, 1, "cannot be found");
      peer_close (&peer);
    }
}

/* What stands in front of the program may clear the environment. */
static void
test_worker_behind_a_prefix (void)
{
  /* Where a GLib is tested that is not the system's, and watched, that goes on behind it. */
  static const char *variables[] = { "LD_LIBRARY_PATH", "TSAN_OPTIONS", "G_SLICE" };
  g_autoptr (GPtrArray) prefix = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (prefix, g_strdup ("nice"));
  g_ptr_array_add (prefix, g_strdup ("env"));
  g_ptr_array_add (prefix, g_strdup ("-i"));
  for (guint i = 0; i < G_N_ELEMENTS (variables); i++)
    if (g_getenv (variables[i]) != NULL)
      g_ptr_array_add (prefix, g_strdup_printf ("%s=%s", variables[i], g_getenv (variables[i])));
  g_ptr_array_add (prefix, NULL);

  for (PeerWay way = 0; way < PEER_N_WAYS; way++)
    {
      PeerOptions options = { .way = way, .prefix = (const char *const *) prefix->pdata };
      Heard hello;
      Peer peer;

      peer_open (&peer, &options);
      peer_expect (peer.call_in, CFUT_WIRE_HELLO, 0, &hello);
      g_assert_cmpint (!!hello.wire.has_control, ==, way < PEER_ONE_SOCKET);
      heard_clear (&hello);
      peer_call (&peer, 1, "number", g_variant_new_int64 (7));
      assert_number (&peer, 1, 7);
      stop_and_close (&peer);
    }
}

/* What stands under a number may be a socket, and not the application's: then all goes over one stream. */
static void
test_worker_with_other_sockets (void)
{
  for (guint others = 1; others <= 3; others++)
    {
      PeerOptions options = { .way = PEER_SOCKET_AT_STDIO, .call_is_other = (others & 1) != 0,
                              .control_is_other = (others & 2) != 0 };
      Heard hello;
      Peer peer;

      peer_open (&peer, &options);
      peer_expect (peer.call_in, CFUT_WIRE_HELLO, 0, &hello);
      g_assert_false (hello.wire.has_control);
      heard_clear (&hello);
      peer_call (&peer, 1, "number", g_variant_new_int64 (7));
      assert_number (&peer, 1, 7);

      /* What is not the worker's it does not listen to; what is, and of no use, it has let go. */
      if (options.control_is_other)
        peer_send_simple (&peer, CFUT_WIRE_PING, 1);
      else
        peer_expect_end (peer.control);
      peer_call (&peer, 2, "number", g_variant_new_int64 (8));
      assert_number (&peer, 2, 8);
      stop_and_close (&peer);
    }
}

/* An application that goes before it hears a word. */
static void
test_worker_whose_application_is_gone (void)
{
  for (PeerWay way = 0; way < PEER_N_WAYS; way++)
    {
      g_autofree char *text = NULL;
      PeerOptions options = { .way = way };
      Peer peer;

      peer_open (&peer, &options);
      peer_hang_up (&peer);
      text = peer_read_all (peer.errors);
      g_subprocess_wait (peer.process, NULL, NULL);
      g_assert_true (g_subprocess_get_if_exited (peer.process));
      peer_close (&peer);
    }
}

/* A program that nobody started as a worker is told so. */
static void
test_worker_not_requested (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();
  g_autoptr (GError) error = NULL;

  g_assert_false (cfut_worker_requested ());
  g_assert_cmpint (cfut_worker_run (worker, &error), ==, 1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
}

/* A dict of a worker that does not run says so, and does not wait. */
static void
test_worker_dict_without_an_application (void)
{
  g_autoptr (CfutWorker) worker = cfut_worker_new ();
  CfutSharedDict *dict = cfut_worker_get_shared (worker, "numbers");
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_worker_get_shared (worker, "numbers") == dict);
  g_assert_true (cfut_worker_get_shared (worker, "others") != dict);
  cfut_shared_dict_add (dict, "n", 1, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* --- descriptors --- */

/* A descriptor goes along with the arguments, and another with the result. */
static void
test_worker_passes_descriptors (void)
{
  g_autoptr (GVariant) args = g_variant_ref_sink (g_variant_new_handle (0));
  CfutWireOut frame = { .type = CFUT_WIRE_CALL, .id = 1, .name = "fds", .value = args, .n_fds = 1 };
  g_autoptr (GBytes) bytes = peer_encode (&frame);
  char text[6] = "";
  int pipe_fds[2];
  Heard heard;
  Peer peer;
  int fd;

  g_assert_true (g_unix_open_pipe (pipe_fds, FD_CLOEXEC, NULL));
  peer_start (&peer, PEER_SOCKETS);
  peer_send_with_fd (peer.call_out, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), pipe_fds[1]);
  close (pipe_fds[1]);
  peer_expect (peer.call_in, CFUT_WIRE_STARTED, 1, NULL);
  peer_expect (peer.call_in, CFUT_WIRE_RESULT, 1, &heard);
  g_assert_cmpuint (heard.wire.n_fds, ==, 1);
  fd = g_unix_fd_list_get (heard.fds, 0, NULL);
  heard_clear (&heard);
  g_assert_cmpint (read (pipe_fds[0], text, 5), ==, 5);
  g_assert_cmpstr (text, ==, "hello");
  g_assert_cmpint (write (fd, "x", 1), ==, 1);
  close (fd);
  g_assert_cmpint (read (pipe_fds[0], text, 5), ==, 1);

  /* The worker keeps none of them. */
  peer_call (&peer, 2, "number", g_variant_new_int64 (2));
  assert_number (&peer, 2, 2);
  g_assert_cmpint (read (pipe_fds[0], text, 5), ==, 0);
  close (pipe_fds[0]);
  stop_and_close (&peer);
}

/* A result that is too large for a frame is an error, not the end. */
static void
test_worker_result_too_large (void)
{
  Peer peer;

  peer_start (&peer, PEER_PIPES);
  peer_call (&peer, 1, "bytes", g_variant_new_int64 ((gint64) CFUT_WIRE_MAX_BODY + 1));
  peer_expect (peer.call_in, CFUT_WIRE_STARTED, 1, NULL);
  peer_expect_error (peer.call_in, 1, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, FALSE);
  peer_call (&peer, 2, "number", g_variant_new_int64 (2));
  assert_number (&peer, 2, 2);
  stop_and_close (&peer);
}

int
main (int    argc,
      char **argv)
{
  static const char *ways[PEER_N_WAYS] = { "sockets", "socket-at-stdio", "one-socket", "pipes" };
  static const struct { const char *name; GTestDataFunc func; } cases[] = {
    { "serves", test_worker_serves },
    { "tells-errors", test_worker_tells_errors },
    { "cancels", test_worker_cancels },
    { "gives-back", test_worker_gives_back },
    { "answers-pings", test_worker_answers_pings },
    { "pauses", test_worker_pauses },
    { "tells-progress", test_worker_tells_progress },
    { "may-print", test_worker_may_print },
    { "children-are-none", test_worker_children_are_none },
    { "asks-for-dicts", test_worker_asks_for_dicts },
    { "ends-when-idle", test_worker_ends_when_idle },
    { "ends-in-a-call", test_worker_ends_in_a_call },
    { "ends-in-a-request", test_worker_ends_in_a_request },
    { "ends-when-stuck", test_worker_ends_when_stuck },
    { "ends-in-a-frame", test_worker_ends_in_a_frame },
    { "refuses-garbage", test_worker_refuses_garbage },
  };

  /* What this process ignores, those that it starts do as well. */
  if (cfut_worker_requested ())
    {
      signal (SIGPIPE, SIG_DFL);
      return run_worker ();
    }

  g_test_init (&argc, &argv, NULL);
  signal (SIGPIPE, SIG_IGN);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (PeerWay way = 0; way < PEER_N_WAYS; way++)
      {
        g_autofree char *path = g_strdup_printf ("/cfut/worker/%s/%s", ways[way], cases[i].name);

        g_test_add_data_func (path, GINT_TO_POINTER (way), cases[i].func);
      }
  g_test_add_func ("/cfut/worker/of-another-version", test_worker_of_another_version);
  g_test_add_func ("/cfut/worker/with-a-bad-variable", test_worker_with_a_bad_variable);
  g_test_add_func ("/cfut/worker/behind-a-prefix", test_worker_behind_a_prefix);
  g_test_add_func ("/cfut/worker/with-other-sockets", test_worker_with_other_sockets);
  g_test_add_func ("/cfut/worker/whose-application-is-gone", test_worker_whose_application_is_gone);
  g_test_add_func ("/cfut/worker/not-requested", test_worker_not_requested);
  g_test_add_func ("/cfut/worker/dict-without-an-application",
                   test_worker_dict_without_an_application);
  g_test_add_func ("/cfut/worker/passes-descriptors", test_worker_passes_descriptors);
  g_test_add_func ("/cfut/worker/result-too-large", test_worker_result_too_large);

  return g_test_run ();
}
