/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Large `ay` beside their frames: nothing is copied by who receives them, memory is used again, never
 * while bytes of it live, and what the other side says of it is not believed. */

#define _GNU_SOURCE   /* memfd_create () */

#include "test-channel-util.h"

#include <sys/mman.h>
#include <sys/resource.h>

#define SIZE (CFUT_PAYLOAD_THRESHOLD + 12345)
#define N_RANDOM 300
#define N_HELD 12

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* The other side has been told that bytes of it are gone. */
static void
settle (TestPair *pair,
        gboolean  up)
{
  g_autoptr (GVariant) value = test_pass (pair, !up, g_variant_new_byte (0));
}

/* All sizes around the threshold and a page come through, in both directions. */
static void
test_payload_sizes (void)
{
  static const gssize around[] = { -1, 0, 1, 4095, 4096, 4097, 1000000 };
  guint n_fds = test_count_fds ();

  for (guint up = 0; up < 2; up++)
    {
      TestPair pair;

      test_pair_init (&pair, FALSE);
      for (guint round = 0; round < 3; round++)
        for (guint i = 0; i < G_N_ELEMENTS (around); i++)
          {
            gsize size = CFUT_PAYLOAD_THRESHOLD + around[i];
            g_autoptr (GVariant) got = test_pass (&pair, up, test_new_bytes (size, i + round));

            test_assert_bytes (got, size, i + round);
          }
      test_pair_clear (&pair);
    }

  g_assert_cmpuint (test_count_mappings (), ==, 0);
  g_assert_cmpuint (test_count_fds (), ==, n_fds);
}

/* Wherever in a value they are, there are none in the frame, and the value is what it was. */
static void
test_payload_inside_of_values (void)
{
  static const char * const shapes[] = {
    "(1, %@ay)", "(%@ay, 'and', %@ay)", "<%@ay>", "(<(<%@ay>,)>, 2)", "just %@ay",
    "[%@ay, @ay [1], %@ay]", "{'one': <%@ay>, 'two': <2>}", "@a{sv} {}",
  };
  TestPair pair;

  test_pair_init (&pair, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      g_autoptr (GVariant) bytes = g_variant_ref_sink (test_new_bytes (SIZE, i));
      g_autoptr (GVariant) value = NULL;
      g_autoptr (GVariant) got = NULL;
      guint n_before = test_count_mappings ();

      value = g_variant_ref_sink (g_variant_new_parsed (shapes[i], bytes, bytes));
      got = test_pass_down (&pair, value);
      g_assert_true (g_variant_equal (got, value));
      if (i < G_N_ELEMENTS (shapes) - 1)
        g_assert_cmpuint (test_count_mappings (), >=, MIN (n_before, 1));
    }
  test_pair_clear (&pair);
}

/* More than there can be descriptors, or deeper than a path: the others go in the frame. */
static void
test_payload_many_and_deep (void)
{
  g_autoptr (GVariant) many = NULL;
  g_autoptr (GVariant) deep = g_variant_ref_sink (test_new_bytes (SIZE, 1));
  g_autoptr (GVariant) got_many = NULL;
  g_autoptr (GVariant) got_deep = NULL;
  GVariantBuilder builder;
  TestPair pair;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aay"));
  for (guint i = 0; i < CFUT_WIRE_MAX_FDS + 4; i++)
    g_variant_builder_add_value (&builder, test_new_bytes (SIZE, i));
  many = g_variant_ref_sink (g_variant_builder_end (&builder));
  for (guint i = 0; i <= CFUT_WIRE_MAX_PATH; i++)
    {
      GVariant *outer = g_variant_ref_sink (g_variant_new_variant (deep));

      g_variant_unref (deep);
      deep = outer;
    }

  test_pair_init (&pair, FALSE);
  for (guint round = 0; round < 3; round++)
    {
      g_clear_pointer (&got_many, g_variant_unref);
      g_clear_pointer (&got_deep, g_variant_unref);
      got_many = test_pass_up (&pair, many);
      g_assert_true (g_variant_equal (got_many, many));
      got_deep = test_pass_up (&pair, deep);
      g_assert_true (g_variant_equal (got_deep, deep));
    }
  test_pair_clear (&pair);
}

/* Descriptors of the sender's own, and those of payloads: each gets its own. */
static void
test_payload_beside_descriptors (void)
{
  TestPair pair;

  test_pair_init (&pair, FALSE);
  for (guint round = 0; round < 4; round++)
    {
      g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
      g_autoptr (GUnixFDList) got_list = NULL;
      g_autoptr (GVariant) value = NULL;
      CfutFrame frame;
      int fds[2];

      g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
      g_unix_fd_list_append (list, fds[1], NULL);
      close (fds[1]);
      test_send (pair.application.channel, CFUT_WIRE_CALL, 1, test_new_bytes (SIZE, round), list);
      g_clear_object (&list);
      test_receive (pair.worker, &frame);
      got_list = cfut_frame_steal_fds (&frame);
      g_assert_cmpint (g_unix_fd_list_get_length (got_list), ==, 1);
      g_assert_cmpint (write (g_unix_fd_list_peek_fds (got_list, NULL)[0], "x", 1), ==, 1);
      value = cfut_frame_dup_value (&frame, NULL);
      test_assert_bytes (value, SIZE, round);
      cfut_frame_clear (&frame);
      close (fds[0]);
    }
  test_pair_clear (&pair);
}

/* The first has a file of its own; the next one's memory is used for those after it, once its bytes
 * are gone: the receiver finds them in the same place, with nothing new mapped. */
static void
test_payload_memory_is_used_again (void)
{
  for (guint up = 0; up < 2; up++)
    {
      g_autoptr (GVariant) first = NULL;
      gconstpointer place = NULL;
      TestPair pair;

      test_pair_init (&pair, FALSE);
      first = test_pass (&pair, up, test_new_bytes (SIZE, 0));
      for (guint i = 1; i < 10; i++)
        {
          g_autoptr (GVariant) got = test_pass (&pair, up, test_new_bytes (SIZE - i, i));

          test_assert_bytes (got, SIZE - i, i);
          if (place == NULL)
            place = g_variant_get_data (got);
          g_assert_true (g_variant_get_data (got) == place);
          /* One of the first; of the other, the writer's and the reader's. */
          g_assert_cmpuint (test_count_mappings (), ==, 3);
          g_clear_pointer (&got, g_variant_unref);
          settle (&pair, up);
        }
      test_assert_bytes (first, SIZE, 0);
      g_clear_pointer (&first, g_variant_unref);
      test_pair_clear (&pair);
      g_assert_cmpuint (test_count_mappings (), ==, 0);
    }
}

/* While bytes live nothing is written over them, whoever holds them and however they are dropped. */
static void
test_payload_is_not_rewritten_while_it_lives (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  TestPair pair;
  struct {
    GVariant *value;
    gsize size;
    guint8 first;
  } held[N_HELD] = { { NULL, 0, 0 } };

  test_pair_init (&pair, FALSE);
  for (guint i = 0; i < N_RANDOM; i++)
    {
      guint at = g_rand_int_range (rand, 0, N_HELD);

      if (held[at].value != NULL)
        {
          test_assert_bytes (held[at].value, held[at].size, held[at].first);
          g_clear_pointer (&held[at].value, g_variant_unref);
          if (g_rand_boolean (rand))
            continue;
        }
      held[at].size = CFUT_PAYLOAD_THRESHOLD + g_rand_int_range (rand, 0, 3) * 50000;
      held[at].first = i;
      held[at].value = test_pass (&pair, g_rand_boolean (rand), test_new_bytes (held[at].size, i));
    }

  test_pair_clear (&pair);
  for (guint i = 0; i < N_HELD; i++)
    if (held[i].value != NULL)
      {
        test_assert_bytes (held[i].value, held[i].size, held[i].first);
        g_variant_unref (held[i].value);
      }
  g_assert_cmpuint (test_count_mappings (), ==, 0);
}


/* Sends back what comes, and drops it while the next is on its way. */
static gpointer
churn (gpointer data)
{
  CfutChannel *channel = data;
  CfutFrame frame;

  while (cfut_channel_receive (channel, &frame, -1, NULL) == CFUT_RECEIVED_FRAME)
    {
      g_autoptr (GVariant) value = cfut_frame_dup_value (&frame, NULL);
      CfutWireOut out = { .type = CFUT_WIRE_RESULT, .id = frame.wire.id, .value = value };

      g_assert_true (cfut_channel_send (channel, &out, NULL, NULL));
      cfut_frame_clear (&frame);
    }

  return NULL;
}

/* The same with all at once: sender, receiver and releases on threads of their own. */
static void
test_payload_pipelined (void)
{
  GThread *worker;
  TestPair pair;

  test_pair_init (&pair, FALSE);
  worker = g_thread_new ("worker", churn, pair.worker);
  for (guint i = 0; i < 4; i++)
    test_send (pair.application.channel, CFUT_WIRE_CALL, i, test_new_bytes (SIZE, i), NULL);
  for (guint i = 0; i < N_RANDOM; i++)
    {
      g_autoptr (CfutFrame) frame = test_end_pop (&pair.application);
      g_autoptr (GVariant) value = cfut_frame_dup_value (frame, NULL);

      g_assert_cmpuint (frame->wire.id, ==, i);
      test_assert_bytes (value, SIZE, i);
      if (i + 4 < N_RANDOM)
        test_send (pair.application.channel, CFUT_WIRE_CALL, i + 4, test_new_bytes (SIZE, i + 4), NULL);
    }
  cfut_channel_close (pair.application.channel);
  g_thread_join (worker);
  test_pair_clear (&pair);
  g_assert_cmpuint (test_count_mappings (), ==, 0);
}

/* What is kept has a limit, and what goes is forgotten on the other side, too. */
static void
test_payload_limit_of_what_is_kept (void)
{
  GVariant *held[40];
  TestPair pair;

  test_pair_init (&pair, FALSE);
  for (guint round = 0; round < 3; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (held); i++)
        held[i] = test_pass_down (&pair, test_new_bytes (SIZE + (round * 40 + i) * 4096, i));
      for (guint i = 0; i < G_N_ELEMENTS (held); i++)
        {
          test_assert_bytes (held[i], SIZE + (round * 40 + i) * 4096, i);
          g_variant_unref (held[i]);
        }
      settle (&pair, FALSE);
      g_assert_cmpuint (test_count_mappings (), <=, 32);
    }
  test_pair_clear (&pair);
  g_assert_cmpuint (test_count_mappings (), ==, 0);
}

/* Bytes outlive their channel. */
static void
test_payload_outlives_its_channel (void)
{
  GVariant *held[2][3];
  TestPair pair;

  test_pair_init (&pair, FALSE);
  for (guint i = 0; i < 3; i++)
    for (guint up = 0; up < 2; up++)
      held[up][i] = test_pass (&pair, up, test_new_bytes (SIZE, i));
  test_pair_clear (&pair);

  for (guint i = 0; i < 3; i++)
    for (guint up = 0; up < 2; up++)
      {
        test_assert_bytes (held[up][i], SIZE, i);
        g_variant_unref (held[up][i]);
      }
  g_assert_cmpuint (test_count_mappings (), ==, 0);
}

/* What a bare peer gets: everything is sealed that can be. */
static void
test_payload_seals (void)
{
  TestPair pair;

  test_pair_init_bare (&pair, FALSE);
  for (guint i = 0; i < 2; i++)
    {
      char control[CMSG_SPACE (sizeof (int))];
      guint8 bytes[1000];
      struct iovec vector = { bytes, sizeof bytes };
      struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
                                .msg_controllen = sizeof control };
      int fd, seals;

      test_send (pair.application.channel, CFUT_WIRE_CALL, 1, test_new_bytes (SIZE, i), NULL);
      g_assert_cmpint (recvmsg (pair.worker_read, &message, 0), >, 0);
      memcpy (&fd, CMSG_DATA (CMSG_FIRSTHDR (&message)), sizeof fd);
      seals = fcntl (fd, F_GET_SEALS);
      g_assert_cmpint (seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), ==,
                       F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
      g_assert_cmpint (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE), ==,
                       i == 0 ? F_SEAL_WRITE : F_SEAL_FUTURE_WRITE);
      g_assert_cmpint (write (fd, "x", 1), <, 0);
      g_assert_true (mmap (NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
      close (fd);
    }
  test_pair_clear (&pair);
}

/* Lies. */

static int
make_memfd (gsize size,
            int   seals)
{
  int fd = memfd_create ("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  if (seals != 0)
    g_assert_cmpint (fcntl (fd, F_ADD_SEALS, seals), ==, 0);

  return fd;
}

static void
send_lie (int             to,
          CfutWirePayload payload,
          int             fd)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GVariant) empty = g_variant_ref_sink (g_variant_new_parsed ("@ay []"));
  CfutWireOut out = { .type = CFUT_WIRE_RESULT, .id = 1, .value = empty, .payloads = &payload,
                      .n_payloads = 1, .n_fds = fd >= 0 ? 1 : 0 };
  char control[CMSG_SPACE (sizeof (int))] = { 0 };
  struct iovec vector;
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

  g_assert_true (cfut_wire_encode (&out, CFUT_WIRE_MAX_BODY, bytes, NULL));
  vector = (struct iovec) { bytes->data, bytes->len };
  if (fd >= 0)
    {
      struct cmsghdr *header;

      message.msg_control = control;
      message.msg_controllen = sizeof control;
      header = CMSG_FIRSTHDR (&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN (sizeof (int));
      memcpy (CMSG_DATA (header), &fd, sizeof fd);
    }
  g_assert_cmpint (sendmsg (to, &message, MSG_NOSIGNAL), ==, bytes->len);
  if (fd >= 0)
    close (fd);
}

#define GOOD (F_SEAL_SHRINK | F_SEAL_WRITE)
#define ONCE(n) { .kind = CFUT_WIRE_PAYLOAD_ONCE, .size = (n) }
#define NEW(b, n) { .kind = CFUT_WIRE_PAYLOAD_NEW, .buffer = (b), .size = (n) }
#define AGAIN(b, n) { .kind = CFUT_WIRE_PAYLOAD_AGAIN, .buffer = (b), .size = (n) }

/* Files that shrink, are too small or none, and buffers that are not what was said: each costs the
 * connection, and nothing is left of it. */
static void
test_payload_lies (void)
{
  static const struct {
    struct {
      CfutWirePayload payload;
      gssize file;    /* bytes; 0: no descriptor; -1: a pipe's */
      int seals;
    } steps[2];
    guint n_steps;
    gboolean hold;    /* the first's bytes, over the second */
    gboolean is_well;
  } lies[] = {
    { { { ONCE (5000), 5000, GOOD } }, 1, FALSE, TRUE },
    { { { ONCE (5000), 6000, GOOD | F_SEAL_GROW } }, 1, FALSE, TRUE },
    { { { ONCE (5001), 5000, GOOD } }, 1, FALSE, FALSE },
    { { { ONCE (G_MAXSSIZE), 5000, GOOD } }, 1, FALSE, FALSE },
    { { { ONCE (5000), 5000, F_SEAL_WRITE } }, 1, FALSE, FALSE },    /* it could shrink */
    { { { ONCE (5000), 5000, F_SEAL_SHRINK } }, 1, FALSE, FALSE },   /* it could be written */
    { { { ONCE (5000), 5000, 0 } }, 1, FALSE, FALSE },
    { { { ONCE (1), -1, 0 } }, 1, FALSE, FALSE },
    { { { NEW (1, 5000), 8192, F_SEAL_SHRINK } }, 1, FALSE, TRUE },
    { { { NEW (1, 8193), 8192, F_SEAL_SHRINK } }, 1, FALSE, FALSE },
    { { { NEW (1, 5000), 8192, 0 } }, 1, FALSE, FALSE },
    { { { NEW (1, 5000), -1, 0 } }, 1, FALSE, FALSE },
    { { { NEW (1, 5000), 8192, F_SEAL_SHRINK }, { AGAIN (1, 8192), 0, 0 } }, 2, FALSE, TRUE },
    { { { NEW (1, 5000), 8192, F_SEAL_SHRINK }, { AGAIN (1, 8193), 0, 0 } }, 2, FALSE, FALSE },
    { { { NEW (1, 5000), 8192, F_SEAL_SHRINK }, { AGAIN (2, 5000), 0, 0 } }, 2, FALSE, FALSE },
    { { { NEW (1, 5000), 8192, F_SEAL_SHRINK }, { AGAIN (1, 5000), 0, 0 } }, 2, TRUE, FALSE },
    { { { NEW (1, 5000), 8192, F_SEAL_SHRINK }, { NEW (1, 5000), 8192, F_SEAL_SHRINK } }, 2, FALSE,
      FALSE },
    { { { NEW (1, 5000), 8192, F_SEAL_SHRINK }, { NEW (2, 5000), 8192, F_SEAL_SHRINK } }, 2, TRUE,
      TRUE },
    { { { AGAIN (1, 5000), 0, 0 } }, 1, FALSE, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      guint n_before = test_count_fds ();
      g_autoptr (CfutFrame) held = NULL;
      TestPair pair;

      test_pair_init_bare (&pair, FALSE);
      for (guint step = 0; step < lies[i].n_steps; step++)
        {
          gssize file = lies[i].steps[step].file;
          int fd = -1, pipe[2];

          if (file > 0)
            fd = make_memfd (file, lies[i].steps[step].seals);
          else if (file < 0)
            {
              g_assert_true (g_unix_open_pipe (pipe, FD_CLOEXEC, NULL));
              close (pipe[1]);
              fd = pipe[0];
            }
          send_lie (pair.worker_write, lies[i].steps[step].payload, fd);
          if (step + 1 < lies[i].n_steps)
            {
              held = test_end_pop (&pair.application);
              if (!lies[i].hold)
                g_clear_pointer (&held, cfut_frame_free);
            }
        }
      if (lies[i].is_well)
        cfut_frame_free (test_end_pop (&pair.application));
      else
        {
          test_end_wait_closed (&pair.application);
          g_assert_error (pair.application.error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
        }
      g_clear_pointer (&held, cfut_frame_free);
      test_pair_clear (&pair);
      g_assert_cmpuint (test_count_fds (), ==, n_before);
    }
}

/* More buffers than anybody needs. */
static void
test_payload_too_many_buffers (void)
{
  TestPair pair;

  test_pair_init_bare (&pair, FALSE);
  for (guint i = 1; i <= 65; i++)
    send_lie (pair.worker_write, (CfutWirePayload) NEW (i, 4096), make_memfd (4096, F_SEAL_SHRINK));
  test_end_wait_closed (&pair.application);
  g_assert_error (pair.application.error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  g_assert_cmpint (pair.application.n_frames, ==, 64);
  test_pair_clear (&pair);
}

/* No descriptor for a file: the send fails and says so; later ones are well, whatever was packed
 * before it failed. */
static void
test_payload_no_descriptor_to_send (void)
{
  TestPair pair;

  test_pair_init (&pair, FALSE);
  for (guint round = 0; round < 5; round++)
    {
      g_autoptr (GVariant) bytes = g_variant_ref_sink (test_new_bytes (SIZE, round));
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new ("(@ay@ay@ay)", bytes, bytes, bytes));
      g_autoptr (GVariant) got = NULL;
      CfutWireOut out = { .type = CFUT_WIRE_CALL, .name = "f", .value = value };
      g_autoptr (GError) error = NULL;
      guint n_before = test_count_fds ();
      struct rlimit before, few;
      int next = dup (0);

      close (next);
      g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
      few = before;
      few.rlim_cur = next + MIN (round, 2);
      g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &few), ==, 0);
      if (round == 0)
        {
          g_assert_false (cfut_channel_send (pair.application.channel, &out, NULL, &error));
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
        }
      else if (!cfut_channel_queue (pair.application.channel, &out, NULL, &error))
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
      g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);

      /* With memory that is used again no descriptor may be needed. */
      if (round > 0 && error == NULL)
        {
          CfutFrame frame;

          cfut_channel_flush (pair.application.channel);
          test_receive (pair.worker, &frame);
          cfut_frame_clear (&frame);
        }
      g_assert_cmpuint (test_count_fds (), ==, n_before);
      got = test_pass_down (&pair, value);
      g_assert_true (g_variant_equal (got, value));
    }
  test_pair_clear (&pair);
  g_assert_cmpuint (test_count_mappings (), ==, 0);
}

#if !defined (__SANITIZE_ADDRESS__) && !defined (__SANITIZE_THREAD__)
static void
limit_memory (struct rlimit *before)
{
  struct rlimit little;

  g_assert_cmpint (getrlimit (RLIMIT_AS, before), ==, 0);
  little = *before;
  little.rlim_cur = 1;
  g_assert_cmpint (setrlimit (RLIMIT_AS, &little), ==, 0);
}

/* No memory to map what came: an error of the one value. The connection goes on, and what could not
 * be mapped is mapped when it comes again. */
static void
test_payload_no_memory_to_receive (void)
{
  TestPair pair;

  test_pair_init (&pair, FALSE);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GVariant) got = NULL;
      g_autoptr (GError) error = NULL;
      struct rlimit before;
      CfutFrame frame;

      test_send (pair.application.channel, CFUT_WIRE_CALL, 1, test_new_bytes (SIZE, i), NULL);
      if (i < 2)
        limit_memory (&before);
      test_receive (pair.worker, &frame);
      if (i < 2)
        g_assert_cmpint (setrlimit (RLIMIT_AS, &before), ==, 0);
      got = cfut_frame_dup_value (&frame, &error);
      if (i < 2)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
          g_assert_null (got);
        }
      else
        {
          g_assert_no_error (error);
          test_assert_bytes (got, SIZE, i);
        }
      cfut_frame_clear (&frame);
      g_clear_pointer (&got, g_variant_unref);
      settle (&pair, FALSE);
    }
  test_pair_clear (&pair);
  g_assert_cmpuint (test_count_mappings (), ==, 0);
}
#endif

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_start_io ();

  g_test_add_func ("/cfut/payload/sizes", test_payload_sizes);
  g_test_add_func ("/cfut/payload/inside-of-values", test_payload_inside_of_values);
  g_test_add_func ("/cfut/payload/many-and-deep", test_payload_many_and_deep);
  g_test_add_func ("/cfut/payload/beside-descriptors", test_payload_beside_descriptors);
  g_test_add_func ("/cfut/payload/memory-is-used-again", test_payload_memory_is_used_again);
  g_test_add_func ("/cfut/payload/is-not-rewritten-while-it-lives",
                   test_payload_is_not_rewritten_while_it_lives);
  g_test_add_func ("/cfut/payload/pipelined", test_payload_pipelined);
  g_test_add_func ("/cfut/payload/limit-of-what-is-kept", test_payload_limit_of_what_is_kept);
  g_test_add_func ("/cfut/payload/outlives-its-channel", test_payload_outlives_its_channel);
  g_test_add_func ("/cfut/payload/seals", test_payload_seals);
  g_test_add_func ("/cfut/payload/lies", test_payload_lies);
  g_test_add_func ("/cfut/payload/too-many-buffers", test_payload_too_many_buffers);
  g_test_add_func ("/cfut/payload/no-descriptor-to-send", test_payload_no_descriptor_to_send);
#if !defined (__SANITIZE_ADDRESS__) && !defined (__SANITIZE_THREAD__)
  g_test_add_func ("/cfut/payload/no-memory-to-receive", test_payload_no_memory_to_receive);
#endif

  return g_test_run ();
}
