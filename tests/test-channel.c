/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Channels: frames come in order, whole, with their descriptors, however full the way is; and how a
 * connection ends. */

#define _GNU_SOURCE   /* gettid () */

#include "test-channel-util.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_FRAMES 3000
#define N_SENDERS 4

/* Small ones most often, and some that need many reads. */
static gsize
size_of (guint i)
{
  return i % 100 == 99 ? 100000 + i : i % 7 == 0 ? i % 5000 : i % 60;
}

/* Sends back what comes, as a worker does, until there is no more. */
static gpointer
echo (gpointer data)
{
  CfutChannel *channel = data;
  g_autoptr (GError) error = NULL;
  CfutFrame frame;

  for (;;)
    {
      g_autoptr (GVariant) value = NULL;

      if (!cfut_channel_has_frame (channel))
        cfut_channel_flush (channel);
      if (cfut_channel_receive (channel, &frame, -1, &error) != CFUT_RECEIVED_FRAME)
        break;
      value = cfut_frame_dup_value (&frame, NULL);
      g_assert_true (cfut_channel_queue (channel,
                                         &(CfutWireOut) { .type = CFUT_WIRE_RESULT,
                                                          .id = frame.wire.id, .value = value },
                                         NULL, NULL));
      cfut_frame_clear (&frame);
    }

  g_assert_no_error (error);
  return NULL;
}

static void
check_frame (TestPair *pair,
             guint64   id,
             gsize     size)
{
  g_autoptr (CfutFrame) frame = test_end_pop (&pair->application);
  g_autoptr (GVariant) value = cfut_frame_dup_value (frame, NULL);

  g_assert_cmpint (frame->wire.type, ==, CFUT_WIRE_RESULT);
  g_assert_cmpuint (frame->wire.id, ==, id);
  test_assert_bytes (value, size, id);
}

/* There and back, in order and whole, over both kinds of connection. */
static void
test_channel_frames_come_in_order (gconstpointer pipes)
{
  TestPair pair;
  GThread *worker;

  test_pair_init (&pair, GPOINTER_TO_INT (pipes));
  worker = g_thread_new ("worker", echo, pair.worker);
  for (guint i = 0; i < N_FRAMES; i++)
    test_send (pair.application.channel, CFUT_WIRE_CALL, i, test_new_bytes (size_of (i), i), NULL);
  for (guint i = 0; i < N_FRAMES; i++)
    check_frame (&pair, i, size_of (i));

  g_assert_cmpuint (cfut_channel_get_n_queued (pair.application.channel), ==, 0);
  g_assert_cmpint (pair.application.n_batches, <=, N_FRAMES);
  cfut_channel_close (pair.application.channel);
  g_thread_join (worker);
  test_pair_clear (&pair);
}

/* Nobody reads: sends do not block, in either direction, and nothing is lost. */
static void
test_channel_full_both_ways (gconstpointer pipes)
{
  TestPair pair;
  GThread *worker;

  test_pair_init (&pair, GPOINTER_TO_INT (pipes));
  for (guint i = 0; i < N_FRAMES; i++)
    test_send (pair.application.channel, CFUT_WIRE_CALL, i, test_new_bytes (5000, i), NULL);
  g_assert_cmpuint (cfut_channel_get_n_queued (pair.application.channel), >, 5000 * N_FRAMES / 2);

  worker = g_thread_new ("worker", echo, pair.worker);
  for (guint i = 0; i < N_FRAMES; i++)
    check_frame (&pair, i, 5000);

  cfut_channel_close (pair.application.channel);
  g_thread_join (worker);
  test_pair_clear (&pair);
}

typedef struct {
  CfutChannel *channel;
  guint64 first_id;
  gboolean one_by_one;
} Sender;

static gpointer
send_many (gpointer data)
{
  Sender *self = data;

  for (guint i = 0; i < N_FRAMES; i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (test_new_bytes (size_of (i), self->first_id + i));
      CfutWireOut frame = { .type = CFUT_WIRE_CALL, .id = self->first_id + i, .name = "f",
                            .value = value };

      g_assert_true (cfut_channel_queue (self->channel, &frame, NULL, NULL));
      if (self->one_by_one || i % 10 == 9)
        cfut_channel_flush (self->channel);
    }
  cfut_channel_flush (self->channel);

  return NULL;
}

/* Many threads send at once: each one's frames come in its order. */
static void
test_channel_many_senders (gconstpointer pipes)
{
  GThread *threads[N_SENDERS];
  Sender senders[N_SENDERS];
  guint n_seen[N_SENDERS] = { 0 };
  GThread *worker;
  TestPair pair;

  test_pair_init (&pair, GPOINTER_TO_INT (pipes));
  worker = g_thread_new ("worker", echo, pair.worker);
  for (guint i = 0; i < N_SENDERS; i++)
    {
      senders[i] = (Sender) { pair.application.channel, i * 100000, i % 2 == 0 };
      threads[i] = g_thread_new ("sender", send_many, &senders[i]);
    }

  for (guint n = 0; n < N_SENDERS * N_FRAMES; n++)
    {
      g_autoptr (CfutFrame) frame = test_end_pop (&pair.application);
      g_autoptr (GVariant) value = cfut_frame_dup_value (frame, NULL);
      guint sender = frame->wire.id / 100000;

      g_assert_cmpuint (sender, <, N_SENDERS);
      g_assert_cmpuint (frame->wire.id % 100000, ==, n_seen[sender]);
      test_assert_bytes (value, size_of (n_seen[sender]), frame->wire.id);
      n_seen[sender]++;
    }

  for (guint i = 0; i < N_SENDERS; i++)
    g_thread_join (threads[i]);
  cfut_channel_close (pair.application.channel);
  g_thread_join (worker);
  test_pair_clear (&pair);
}

/* What was queued before a flush is written by that in one piece, and one read brings it. */
static void
test_channel_batches (gconstpointer pipes)
{
  TestPair pair;
  CfutFrame frame;

  test_pair_init (&pair, GPOINTER_TO_INT (pipes));
  for (guint i = 0; i < 100; i++)
    {
      CfutWireOut out = { .type = CFUT_WIRE_CANCEL, .id = i };

      g_assert_true (cfut_channel_queue (pair.application.channel, &out, NULL, NULL));
    }
  g_assert_cmpuint (cfut_channel_get_n_queued (pair.application.channel), ==,
                    100 * CFUT_WIRE_HEADER_SIZE);
  g_assert_cmpint (cfut_channel_receive (pair.worker, &frame, 0, NULL), ==, CFUT_RECEIVED_TIMED_OUT);
  cfut_channel_flush (pair.application.channel);
  g_assert_cmpuint (cfut_channel_get_n_queued (pair.application.channel), ==, 0);

  g_assert_false (cfut_channel_has_frame (pair.worker));
  for (guint i = 0; i < 100; i++)
    {
      g_assert_cmpint (cfut_channel_receive (pair.worker, &frame, 0, NULL), ==, CFUT_RECEIVED_FRAME);
      g_assert_cmpuint (frame.wire.id, ==, i);
      cfut_frame_clear (&frame);
      g_assert_cmpint (cfut_channel_has_frame (pair.worker), ==, i < 99);
    }

  /* The other way: the frames of one write are one batch. */
  for (guint i = 0; i < 100; i++)
    {
      CfutWireOut out = { .type = CFUT_WIRE_STARTED, .id = i };

      g_assert_true (cfut_channel_queue (pair.worker, &out, NULL, NULL));
    }
  cfut_channel_flush (pair.worker);
  test_poll_until (pair.application.n_batches == 1);
  g_assert_cmpint (pair.application.n_frames, ==, 100);
  test_pair_clear (&pair);
}

/* A receive waits as long as it was told. */
static void
test_channel_receive_times_out (gconstpointer pipes)
{
  TestPair pair;
  CfutFrame frame;
  gint64 begin;

  test_pair_init (&pair, GPOINTER_TO_INT (pipes));
  g_assert_cmpint (cfut_channel_receive (pair.worker, &frame, 0, NULL), ==, CFUT_RECEIVED_TIMED_OUT);
  begin = g_get_monotonic_time ();
  g_assert_cmpint (cfut_channel_receive (pair.worker, &frame, 20000, NULL), ==,
                   CFUT_RECEIVED_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 20000);
  test_pair_clear (&pair);
}

/* Large values go in the frame where nothing else is possible, up to the limit; and what is over it
 * hurts nothing else. */
static void
test_channel_large_frames (void)
{
  gsize most = CFUT_WIRE_MAX_BODY - 16;
  g_autoptr (GVariant) value = g_variant_ref_sink (test_new_bytes (CFUT_WIRE_MAX_BODY, 1));
  CfutWireOut out = { .type = CFUT_WIRE_CALL, .name = "f", .value = value };
  g_autoptr (GError) error = NULL;
  GThread *worker;
  TestPair pair;

  test_pair_init (&pair, TRUE);
  worker = g_thread_new ("worker", echo, pair.worker);
  test_send (pair.application.channel, CFUT_WIRE_CALL, 1, test_new_bytes (most, 1), NULL);
  g_assert_false (cfut_channel_send (pair.application.channel, &out, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE);
  test_send (pair.application.channel, CFUT_WIRE_CALL, 2, test_new_bytes (1, 2), NULL);
  check_frame (&pair, 1, most);
  check_frame (&pair, 2, 1);

  cfut_channel_close (pair.application.channel);
  g_thread_join (worker);
  test_pair_clear (&pair);
}

/* Descriptors. */

static ino_t
inode_of (int fd)
{
  struct stat status;

  g_assert_cmpint (fstat (fd, &status), ==, 0);
  return status.st_ino;
}

/* Each comes with its own frame, among frames without, however they are cut; they are not
 * inherited, and none is left. */
static void
test_channel_descriptors_come_with_their_frame (void)
{
  guint n_before = test_count_fds ();
  TestPair pair;

  test_pair_init (&pair, FALSE);
  for (guint round = 0; round < 50; round++)
    {
      GUnixFDList *lists[8];
      CfutFrame frame;

      for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
        {
          g_autoptr (GVariant) value = g_variant_ref_sink (test_new_bytes (i * 3000, i));
          CfutWireOut out = { .type = CFUT_WIRE_CALL, .id = i, .name = "f", .value = value };

          lists[i] = g_unix_fd_list_new ();
          for (guint n = 0; n < (i * 5) % (CFUT_WIRE_MAX_FDS + 1); n++)
            {
              int fds[2];

              g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
              g_unix_fd_list_append (lists[i], fds[0], NULL);
              close (fds[0]);
              close (fds[1]);
            }
          g_assert_true (cfut_channel_queue (pair.application.channel, &out, lists[i], NULL));
        }
      cfut_channel_flush (pair.application.channel);

      for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
        {
          g_autoptr (GUnixFDList) got = NULL;
          int n_given, n_got = 0;
          const int *given = g_unix_fd_list_peek_fds (lists[i], &n_given);
          const int *here;

          test_receive (pair.worker, &frame);
          g_assert_cmpuint (frame.wire.id, ==, i);
          /* Some are left to the frame. */
          if (i != 3)
            {
              got = cfut_frame_steal_fds (&frame);
              g_assert_true ((got != NULL) == (n_given > 0));
              here = got != NULL ? g_unix_fd_list_peek_fds (got, &n_got) : NULL;
              g_assert_cmpint (n_got, ==, n_given);
              for (int n = 0; n < n_got; n++)
                {
                  g_assert_cmpuint (inode_of (here[n]), ==, inode_of (given[n]));
                  g_assert_cmpint (fcntl (here[n], F_GETFD) & FD_CLOEXEC, !=, 0);
                }
            }
          cfut_frame_clear (&frame);
          g_object_unref (lists[i]);
        }
    }

  test_pair_clear (&pair);
  g_assert_cmpuint (test_count_fds (), ==, n_before);
}

/* Queued, and never sent or never read: they are closed. */
static void
test_channel_descriptors_that_do_not_arrive (void)
{
  guint n_before = test_count_fds ();
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  TestPair pair;

  test_pair_init (&pair, FALSE);
  g_unix_fd_list_append (list, 0, NULL);
  for (guint i = 0; i < 100; i++)
    test_send (pair.application.channel, CFUT_WIRE_CALL, i, test_new_bytes (30000, i), list);
  g_assert_cmpuint (cfut_channel_get_n_queued (pair.application.channel), >, 0);
  test_pair_clear (&pair);
  g_clear_object (&list);
  g_assert_cmpuint (test_count_fds (), ==, n_before);
}

static void
assert_send_fails (CfutChannel *channel,
                   GUnixFDList *fds,
                   int          code)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_byte (1));
  CfutWireOut frame = { .type = CFUT_WIRE_CALL, .name = "f", .value = value };
  g_autoptr (GError) error = NULL;

  g_assert_false (cfut_channel_send (channel, &frame, fds, &error));
  g_assert_error (error, G_IO_ERROR, code);
}

/* Where they cannot be sent, or not that many, it is said, and the channel goes on. */
static void
test_channel_descriptors_that_cannot_be_sent (void)
{
  g_autoptr (GUnixFDList) one = g_unix_fd_list_new ();
  g_autoptr (GUnixFDList) many = g_unix_fd_list_new ();
  struct rlimit before, none;
  TestPair socket, pipes;
  CfutFrame frame;
  int next;

  g_unix_fd_list_append (one, 0, NULL);
  for (guint i = 0; i <= CFUT_WIRE_MAX_FDS; i++)
    g_unix_fd_list_append (many, 0, NULL);
  test_pair_init (&socket, FALSE);
  test_pair_init (&pipes, TRUE);

  assert_send_fails (pipes.application.channel, one, G_IO_ERROR_NOT_SUPPORTED);
  assert_send_fails (socket.application.channel, many, G_IO_ERROR_INVALID_ARGUMENT);
  /* All that are below the limit are taken. With a lower one the I/O thread could not poll. */
  next = dup (0);
  close (next);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  none = before;
  none.rlim_cur = next;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  {
    g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_byte (1));
    CfutWireOut out = { .type = CFUT_WIRE_CALL, .name = "f", .value = value };
    g_autoptr (GError) error = NULL;

    g_assert_false (cfut_channel_send (socket.application.channel, &out, one, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  }
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);

  test_send (socket.application.channel, CFUT_WIRE_CALL, 1, g_variant_new_byte (1), NULL);
  test_send (pipes.application.channel, CFUT_WIRE_CALL, 1, g_variant_new_byte (1), NULL);
  test_receive (socket.worker, &frame);
  cfut_frame_clear (&frame);
  test_receive (pipes.worker, &frame);
  cfut_frame_clear (&frame);
  test_pair_clear (&socket);
  test_pair_clear (&pipes);
}

/* The receiver has no descriptor left: the connection ends with an error that says so, and those
 * that did come are closed. */
static void
test_channel_no_descriptors_left_to_receive (void)
{
  guint n_before = test_count_fds ();
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  struct rlimit before, few;
  g_autoptr (GError) error = NULL;
  CfutFrame frame;
  TestPair pair;
  int next;

  for (guint i = 0; i < 8; i++)
    g_unix_fd_list_append (list, 0, NULL);
  test_pair_init (&pair, FALSE);
  test_send (pair.application.channel, CFUT_WIRE_CALL, 1, g_variant_new_byte (1), list);

  next = dup (0);
  close (next);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &before), ==, 0);
  few = before;
  few.rlim_cur = next + 3;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &few), ==, 0);
  g_assert_cmpint (cfut_channel_receive (pair.worker, &frame, -1, &error), ==, CFUT_RECEIVED_ERROR);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &before), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  g_assert_cmpint (cfut_channel_receive (pair.worker, &frame, -1, NULL), ==, CFUT_RECEIVED_ERROR);

  test_pair_clear (&pair);
  g_clear_object (&list);
  g_assert_cmpuint (test_count_fds (), ==, n_before);
}

/* How it ends. */

static void
write_bare (int         fd,
            const void *data,
            gsize       size,
            const int  *fds,
            guint       n_fds)
{
  char control[CMSG_SPACE (sizeof (int) * 64)] = { 0 };
  struct iovec vector = { (gpointer) data, size };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

  if (n_fds > 0)
    {
      struct cmsghdr *header;

      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE (sizeof (int) * n_fds);
      header = CMSG_FIRSTHDR (&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN (sizeof (int) * n_fds);
      memcpy (CMSG_DATA (header), fds, sizeof (int) * n_fds);
    }
  if (n_fds > 0)
    g_assert_cmpint (sendmsg (fd, &message, MSG_NOSIGNAL), ==, size);
  else
    g_assert_cmpint (write (fd, data, size), ==, size);
}

/* What a peer can do wrong with bytes and descriptors costs it its connection, and nothing leaks. */
static void
test_channel_lies (void)
{
  static const struct {
    const char *bytes;
    gsize size;
    guint n_fds;
    int code;   /* -1: none */
  } lies[] = {
    { "", 0, 0, -1 },
    { "\0\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0", 16, 0, -1 },                                        /* STARTED */
    { "printf", 6, 0, G_IO_ERROR_INVALID_DATA },
    { "\0\0\0\0\2\0\0\0\1\0\0\0\0\0\0", 15, 0, G_IO_ERROR_CONNECTION_CLOSED },
    { "\5\0\0\0\6\0\0\0\1\0\0\0\0\0\0\0abcd\0\0\0", 23, 0, G_IO_ERROR_CONNECTION_CLOSED },    /* MESSAGE */
    { "\0\0\0\3\3\0\0\0\1\0\0\0\0\0\0\0abcd", 20, 0, G_IO_ERROR_CONNECTION_CLOSED },          /* RESULT, 48 MiB */
    { "\0\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32, 0,
      G_IO_ERROR_INVALID_DATA },
    { "\0\0\0\0\3\1\0\0\1\0\0\0\0\0\0\0", 16, 1, -1 },                                        /* RESULT */
    { "\0\0\0\0\3\2\0\0\1\0\0\0\0\0\0\0", 16, 1, G_IO_ERROR_INVALID_DATA },                   /* one is missing */
    { "\0\0\0\0\3\1\0\0\1\0\0\0\0\0\0\0", 16, 2, G_IO_ERROR_INVALID_DATA },                   /* one too many */
    { "\0\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0", 16, 1, G_IO_ERROR_INVALID_DATA },
    { "\0\0\0\0\3\20\0\0\1\0\0\0\0\0\0\0", 16, 16, -1 },
    { "\0\0\0\0\3\20\0\0\1\0\0\0\0\0\0\0", 16, 17, G_IO_ERROR_INVALID_DATA },
    { "\0\0\0\0\3\20\0\0\1\0\0\0\0\0\0\0", 16, 60, G_IO_ERROR_INVALID_DATA },
    { "\0\0\0\0\3\1\0\0\1\0\0\0\0\0\0", 15, 1, G_IO_ERROR_CONNECTION_CLOSED },
    { "\0\0\0\0\100\0\0\0\1\0\0\0\0\0\0\0", 16, 0, G_IO_ERROR_INVALID_DATA },                 /* RELEASE of nothing */
    { "\0\0\0\0\101\0\0\0\1\0\0\0\0\0\0\0", 16, 0, G_IO_ERROR_INVALID_DATA },                 /* FORGET of nothing */
  };
  int fds[60] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      guint n_before = test_count_fds ();
      TestPair pair;

      test_pair_init_bare (&pair, FALSE);
      if (lies[i].size > 0)
        write_bare (pair.worker_write, lies[i].bytes, lies[i].size, fds, lies[i].n_fds);
      test_pair_close_worker (&pair);
      test_end_wait_closed (&pair.application);
      if (lies[i].code < 0)
        g_assert_no_error (pair.application.error);
      else
        g_assert_error (pair.application.error, G_IO_ERROR, lies[i].code);
      test_pair_clear (&pair);
      g_assert_cmpuint (test_count_fds (), ==, n_before);
    }
}

/* A stream is cut anywhere: the same frames come. */
static void
test_channel_any_cut (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  g_autoptr (GByteArray) stream = g_byte_array_new ();
  TestPair pair;
  gsize at = 0;

  for (guint i = 0; i < 400; i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (test_new_bytes (size_of (i), i));
      CfutWireOut out = { .type = CFUT_WIRE_RESULT, .id = i, .value = value };

      g_assert_true (cfut_wire_encode (&out, CFUT_WIRE_MAX_BODY, stream, NULL));
    }

  test_pair_init_bare (&pair, TRUE);
  while (at < stream->len)
    {
      gsize n = g_rand_int_range (rand, 1, g_rand_boolean (rand) ? 40 : 5000);

      n = MIN (n, stream->len - at);
      write_bare (pair.worker_write, stream->data + at, n, NULL, 0);
      at += n;
      /* So that the cut is seen. */
      if (g_rand_int_range (rand, 0, 4) == 0)
        g_thread_yield ();
    }
  for (guint i = 0; i < 400; i++)
    check_frame (&pair, i, size_of (i));
  test_pair_clear (&pair);
}

/* The peer dies with something unread: what it had sent before comes all the same, then the end. */
static void
test_channel_reads_to_the_end (gconstpointer pipes)
{
  TestPair pair;

  test_pair_init (&pair, GPOINTER_TO_INT (pipes));
  for (guint i = 0; i < 20; i++)
    test_send (pair.application.channel, CFUT_WIRE_CALL, i, g_variant_new_byte (i), NULL);
  for (guint i = 0; i < 20; i++)
    test_send (pair.worker, CFUT_WIRE_RESULT, i, test_new_bytes (1000, i), NULL);
  test_pair_close_worker (&pair);

  for (guint i = 0; i < 20; i++)
    check_frame (&pair, i, 1000);
  test_end_wait_closed (&pair.application);
  g_assert_no_error (pair.application.error);
  test_pair_clear (&pair);
}

/* Nobody reads any more: an error, no signal, and none that waits; what comes is still read. */
static void
test_channel_broken_pipe (void)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (test_new_bytes (1000, 1));
  CfutWireOut out = { .type = CFUT_WIRE_CALL, .name = "f", .value = value };
  g_autoptr (GError) error = NULL;
  sigset_t pending;
  TestPair pair;

  test_pair_init_bare (&pair, TRUE);
  close (pair.worker_read);
  while (cfut_channel_send (pair.application.channel, &out, NULL, &error))
    ;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  sigpending (&pending);
  g_assert_false (sigismember (&pending, SIGPIPE));
  g_assert_cmpuint (cfut_channel_get_n_queued (pair.application.channel), ==, 0);
  g_assert_cmpint (pair.application.n_closed, ==, 0);

  write_bare (pair.worker_write, "\0\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0", 16, NULL, 0);
  cfut_frame_free (test_end_pop (&pair.application));
  close (pair.worker_write);
  pair.worker_read = pair.worker_write = -1;
  test_end_wait_closed (&pair.application);
  g_assert_no_error (pair.application.error);
  test_pair_clear (&pair);
}

/* The same for who blocks. */
static void
test_channel_broken_pipe_when_blocking (gconstpointer pipes)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (test_new_bytes (1000, 1));
  CfutWireOut out = { .type = CFUT_WIRE_RESULT, .value = value };
  g_autoptr (GError) error = NULL;
  sigset_t pending;
  CfutFrame frame;
  TestPair pair;

  test_pair_init (&pair, GPOINTER_TO_INT (pipes));
  cfut_channel_close (pair.application.channel);
  test_end_wait_closed (&pair.application);
  while (cfut_channel_send (pair.worker, &out, NULL, &error))
    ;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  sigpending (&pending);
  g_assert_false (sigismember (&pending, SIGPIPE));
  g_assert_cmpint (cfut_channel_receive (pair.worker, &frame, -1, NULL), ==, CFUT_RECEIVED_END);
  test_pair_clear (&pair);
}

/* The peer is dead, and a child of its holds its end open: all that it sent comes, then the end. */
static void
test_channel_hang_up (void)
{
  for (guint cut = 0; cut < 2; cut++)
    {
      TestPair pair;

      test_pair_init_bare (&pair, FALSE);
      for (guint i = 0; i < 100; i++)
        write_bare (pair.worker_write, "\0\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0", 16, NULL, 0);
      if (cut)
        write_bare (pair.worker_write, "\0\0\0\0\2", 5, NULL, 0);
      cfut_channel_hang_up (pair.application.channel);
      test_end_wait_closed (&pair.application);
      g_assert_cmpint (pair.application.n_frames, ==, 100);
      if (cut)
        g_assert_error (pair.application.error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
      else
        g_assert_no_error (pair.application.error);
      test_pair_clear (&pair);
    }
}

/* From within an event, it is the last one but `closed`. */
static void
test_channel_close_within_an_event (void)
{
  guint8 frames[10][16] = { { 0 } };
  TestPair pair;

  test_pair_init_bare (&pair, FALSE);
  pair.application.close_after = 7;
  for (guint i = 0; i < G_N_ELEMENTS (frames); i++)
    {
      frames[i][4] = CFUT_WIRE_STARTED;
      frames[i][8] = 1;
    }
  /* In one go, as the seventh may be the end before an eighth was written. */
  write_bare (pair.worker_write, frames, sizeof frames, NULL, 0);
  test_end_wait_closed (&pair.application);
  g_assert_cmpint (pair.application.n_frames, ==, 7);
  g_assert_error (pair.application.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  assert_send_fails (pair.application.channel, NULL, G_IO_ERROR_BROKEN_PIPE);
  test_pair_clear (&pair);
}

/* With much to write, by threads that write: `closed` comes once, their sends fail, and the
 * descriptors are gone. */
static gpointer
send_until_broken (gpointer data)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (test_new_bytes (3000, 1));
  CfutWireOut out = { .type = CFUT_WIRE_CALL, .name = "f", .value = value };

  while (cfut_channel_send (data, &out, NULL, NULL))
    ;
  return NULL;
}

static void
test_channel_close_while_sending (gconstpointer pipes)
{
  for (guint round = 0; round < 30; round++)
    {
      guint n_before = test_count_fds ();
      GThread *threads[N_SENDERS];
      TestPair pair;
      char byte;

      test_pair_init_bare (&pair, GPOINTER_TO_INT (pipes));
      for (guint i = 0; i < N_SENDERS; i++)
        threads[i] = g_thread_new ("sender", send_until_broken, pair.application.channel);
      for (guint i = 0; i < 100 * round; i++)
        g_assert_cmpint (read (pair.worker_read, &byte, 1), ==, 1);
      cfut_channel_close (pair.application.channel);
      for (guint i = 0; i < N_SENDERS; i++)
        g_thread_join (threads[i]);
      test_end_wait_closed (&pair.application);
      g_assert_error (pair.application.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
      test_pair_clear (&pair);
      g_assert_cmpuint (test_count_fds (), ==, n_before);
    }
}

/* Never started: the last reference closes it. */
static void
test_channel_never_started (void)
{
  guint n_before = test_count_fds ();
  int fds[2];
  CfutChannel *channel;
  char byte;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  channel = cfut_channel_new (fds[0], fds[0], CFUT_WIRE_APPLICATION, CFUT_CHANNEL_PASS_FDS);
  test_send (channel, CFUT_WIRE_CALL, 1, test_new_bytes (1000000, 1), NULL);
  cfut_channel_unref (channel);
  while (read (fds[1], &byte, 1) == 1)
    ;
  close (fds[1]);
  g_assert_cmpuint (test_count_fds (), ==, n_before);
}

/* What was sent before it was started and did not fit is sent after. */
static void
test_channel_started_with_a_queue (void)
{
  TestPair pair;
  TestEnd *end = &pair.application;
  GThread *worker;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  memset (&pair, 0, sizeof pair);
  end->frames = g_async_queue_new_full ((GDestroyNotify) cfut_frame_free);
  end->channel = cfut_channel_new (fds[0], fds[0], CFUT_WIRE_APPLICATION, CFUT_CHANNEL_PASS_FDS);
  for (guint i = 0; i < 100; i++)
    test_send (end->channel, CFUT_WIRE_CALL, i, test_new_bytes (30000, i), NULL);
  g_assert_cmpuint (cfut_channel_get_n_queued (end->channel), >, 0);
  g_assert_true (cfut_channel_start (end->channel, &test_end_events, end, test_end_destroyed, NULL));

  pair.worker = cfut_channel_new (fds[1], fds[1], CFUT_WIRE_WORKER,
                                  CFUT_CHANNEL_BLOCKING | CFUT_CHANNEL_PASS_FDS);
  worker = g_thread_new ("worker", echo, pair.worker);
  for (guint i = 0; i < 100; i++)
    check_frame (&pair, i, 30000);
  cfut_channel_close (end->channel);
  g_thread_join (worker);
  test_pair_clear (&pair);
}

static void
do_nothing (int number)
{
}

typedef struct {
  CfutChannel *channel;
  TestSem begun;
  pid_t tid;
} Receiver;

/* It has not come to the thread yet; the handler may be called later still, where somebody watches. */
static gboolean
is_pending (const Receiver *receiver)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/status", receiver->tid);
  g_autofree char *status = NULL;

  g_assert_true (g_file_get_contents (path, &status, NULL, NULL));
  return (g_ascii_strtoull (strstr (status, "\nSigPnd:") + 8, NULL, 16) & (1 << (SIGUSR1 - 1))) != 0;
}

static gpointer
receive_one (gpointer data)
{
  Receiver *receiver = data;
  CfutFrame frame;

  receiver->tid = gettid ();
  test_sem_post (&receiver->begun);
  test_receive (receiver->channel, &frame);
  cfut_frame_clear (&frame);
  g_assert_cmpint (cfut_channel_receive (receiver->channel, &frame, -1, NULL), ==, CFUT_RECEIVED_FRAME);
  cfut_frame_clear (&frame);
  return NULL;
}

/* Garbage behind a frame, in one read: the frame, then the error, though there is nothing more to
 * wait for. */
static void
test_channel_garbage_behind_a_frame (void)
{
  int down[2], up[2];
  CfutChannel *channel;
  CfutFrame frame;

  g_assert_true (g_unix_open_pipe (down, FD_CLOEXEC, NULL));
  g_assert_true (g_unix_open_pipe (up, FD_CLOEXEC, NULL));
  channel = cfut_channel_new (down[0], up[1], CFUT_WIRE_WORKER, CFUT_CHANNEL_BLOCKING);
  write_bare (down[1], "\0\0\0\0\42\0\0\0\1\0\0\0\0\0\0\0garbage!", 24, NULL, 0);   /* CANCEL */
  for (gint64 timeout_usec = -1; timeout_usec < 2; timeout_usec++)
    {
      g_autoptr (GError) error = NULL;

      if (timeout_usec < 0)
        {
          test_receive (channel, &frame);
          cfut_frame_clear (&frame);
        }
      g_assert_cmpint (cfut_channel_receive (channel, &frame, -timeout_usec, &error), ==,
                       CFUT_RECEIVED_ERROR);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
  cfut_channel_unref (channel);
  close (down[1]);
  close (up[0]);
}

/* Signals that interrupt a system call change nothing. */
static void
test_channel_interrupted (gconstpointer pipes)
{
  struct sigaction action = { .sa_handler = do_nothing }, before;
  Receiver receiver = { NULL, };
  pthread_t thread;
  TestPair pair;

  g_assert_cmpint (sigaction (SIGUSR1, &action, &before), ==, 0);
  test_pair_init (&pair, GPOINTER_TO_INT (pipes));
  receiver.channel = pair.worker;
  test_sem_init (&receiver.begun);
  g_assert_cmpint (pthread_create (&thread, NULL, receive_one, &receiver), ==, 0);
  test_sem_wait (&receiver.begun);
  for (guint frame = 0; frame < 2; frame++)
    {
      for (guint i = 0; i < 200; i++)
        {
          pthread_kill (thread, SIGUSR1);
          test_poll_until (!is_pending (&receiver));
        }
      test_send (pair.application.channel, CFUT_WIRE_CANCEL, 1, NULL, NULL);
    }
  pthread_join (thread, NULL);
  test_pair_clear (&pair);
  test_sem_clear (&receiver.begun);
  sigaction (SIGUSR1, &before, NULL);
}

/* A frame that was kept is whole after everything else is gone. */
static void
test_channel_kept_frames (void)
{
  g_autoptr (CfutFrame) kept = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;
  CfutWireOut out = { .type = CFUT_WIRE_ERROR, .domain = "domain", .code = 3, .message = "message" };
  TestPair pair;

  test_pair_init (&pair, FALSE);
  g_assert_true (cfut_channel_send (pair.worker, &out, NULL, &error));
  kept = test_end_pop (&pair.application);
  test_pair_clear (&pair);
  g_assert_cmpstr (kept->wire.domain, ==, "domain");
  g_assert_cmpstr (kept->wire.message, ==, "message");
  g_assert_cmpint (kept->wire.code, ==, 3);
}

/* In a child the connection is the parent's: nothing of the child's gets into it. */
static void
test_channel_forked (void)
{
  TestPair pair;
  int status;
  pid_t pid;

  test_pair_init_bare (&pair, FALSE);
  pid = fork ();
  if (pid == 0)
    {
      CfutWireOut out = { .type = CFUT_WIRE_CANCEL, .id = 1 };
      g_autoptr (GError) error = NULL;
      gboolean sent = cfut_channel_send (pair.application.channel, &out, NULL, &error);

      _exit (!sent && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE) ? 0 : 1);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  test_pair_clear (&pair);
}

static void
add_both (const char    *path,
          GTestDataFunc  func)
{
  g_autofree char *socket = g_strconcat (path, "/socket", NULL);
  g_autofree char *pipes = g_strconcat (path, "/pipes", NULL);

  g_test_add_data_func (socket, GINT_TO_POINTER (FALSE), func);
  g_test_add_data_func (pipes, GINT_TO_POINTER (TRUE), func);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_start_io ();

  add_both ("/cfut/channel/frames-come-in-order", test_channel_frames_come_in_order);
  add_both ("/cfut/channel/full-both-ways", test_channel_full_both_ways);
  add_both ("/cfut/channel/many-senders", test_channel_many_senders);
  add_both ("/cfut/channel/batches", test_channel_batches);
  add_both ("/cfut/channel/receive-times-out", test_channel_receive_times_out);
  g_test_add_func ("/cfut/channel/large-frames", test_channel_large_frames);
  g_test_add_func ("/cfut/channel/descriptors-come-with-their-frame",
                   test_channel_descriptors_come_with_their_frame);
  g_test_add_func ("/cfut/channel/descriptors-that-do-not-arrive",
                   test_channel_descriptors_that_do_not_arrive);
  g_test_add_func ("/cfut/channel/descriptors-that-cannot-be-sent",
                   test_channel_descriptors_that_cannot_be_sent);
  g_test_add_func ("/cfut/channel/no-descriptors-left-to-receive",
                   test_channel_no_descriptors_left_to_receive);
  g_test_add_func ("/cfut/channel/lies", test_channel_lies);
  g_test_add_func ("/cfut/channel/any-cut", test_channel_any_cut);
  add_both ("/cfut/channel/reads-to-the-end", test_channel_reads_to_the_end);
  g_test_add_func ("/cfut/channel/broken-pipe", test_channel_broken_pipe);
  add_both ("/cfut/channel/broken-pipe-when-blocking", test_channel_broken_pipe_when_blocking);
  g_test_add_func ("/cfut/channel/hang-up", test_channel_hang_up);
  g_test_add_func ("/cfut/channel/close-within-an-event", test_channel_close_within_an_event);
  add_both ("/cfut/channel/close-while-sending", test_channel_close_while_sending);
  g_test_add_func ("/cfut/channel/never-started", test_channel_never_started);
  g_test_add_func ("/cfut/channel/started-with-a-queue", test_channel_started_with_a_queue);
  g_test_add_func ("/cfut/channel/garbage-behind-a-frame", test_channel_garbage_behind_a_frame);
  add_both ("/cfut/channel/interrupted", test_channel_interrupted);
  g_test_add_func ("/cfut/channel/kept-frames", test_channel_kept_frames);
  g_test_add_func ("/cfut/channel/forked", test_channel_forked);

  return g_test_run ();
}
