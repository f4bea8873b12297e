/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

#include <dirent.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/cfut-channel-private.h"
#include "process/cfut-io-private.h"
#include "process/cfut-payload-private.h"

G_BEGIN_DECLS

/* The application's end of a connection: what comes is put into a queue. */
typedef struct {
  CfutChannel *channel;
  GAsyncQueue *frames;      /* of CfutFrame */
  _Atomic int n_frames;
  _Atomic int n_batches;
  _Atomic int n_closed;
  _Atomic int n_destroyed;
  GError *error;            /* of `closed` */
  int close_after;          /* frames, then it closes itself */
} TestEnd;

static void
test_end_frame (CfutChannel *channel,
                CfutFrame   *frame,
                gpointer     data)
{
  TestEnd *self = data;

  g_assert_cmpint (self->n_closed, ==, 0);
  self->n_frames++;
  g_async_queue_push (self->frames, cfut_frame_keep (frame));
  if (self->close_after > 0 && self->n_frames == self->close_after)
    cfut_channel_close (channel);
}

static void
test_end_batch (CfutChannel *channel,
                gpointer     data)
{
  TestEnd *self = data;

  g_assert_cmpint (self->n_closed, ==, 0);
  self->n_batches++;
}

static void
test_end_closed (CfutChannel  *channel,
                 const GError *error,
                 gpointer      data)
{
  TestEnd *self = data;

  if (error != NULL)
    self->error = g_error_copy (error);
  self->n_closed++;
}

static void
test_end_destroyed (gpointer data)
{
  TestEnd *self = data;

  g_assert_cmpint (self->n_closed, ==, 1);
  self->n_destroyed++;
}

static const CfutChannelEvents test_end_events = {
  .frame = test_end_frame,
  .batch = test_end_batch,
  .closed = test_end_closed,
};

static inline void
test_end_init (TestEnd          *self,
               int               read_fd,
               int               write_fd,
               CfutChannelFlags  flags)
{
  g_autoptr (GError) error = NULL;

  memset (self, 0, sizeof *self);
  self->frames = g_async_queue_new_full ((GDestroyNotify) cfut_frame_free);
  self->channel = cfut_channel_new (read_fd, write_fd, CFUT_WIRE_APPLICATION, flags);
  g_assert_true (cfut_channel_start (self->channel, &test_end_events, self, test_end_destroyed,
                                     &error));
  g_assert_no_error (error);
}

static inline CfutFrame *
test_end_pop (TestEnd *self)
{
  CfutFrame *frame = g_async_queue_timeout_pop (self->frames, TEST_DEADLINE_USEC);

  g_assert_nonnull (frame);
  return frame;
}

static inline void
test_end_wait_closed (TestEnd *self)
{
  test_poll_until (self->n_destroyed == 1);
}

static inline void
test_end_clear (TestEnd *self)
{
  if (self->n_closed == 0)
    cfut_channel_close (self->channel);
  test_end_wait_closed (self);
  g_assert_cmpint (self->n_closed, ==, 1);
  g_clear_error (&self->error);
  g_async_queue_unref (self->frames);
  cfut_channel_unref (self->channel);
}

/* Both ends, over a socket or a pair of pipes. */
typedef struct {
  TestEnd application;
  CfutChannel *worker;   /* NULL: its descriptors are used bare */
  int worker_read;
  int worker_write;
} TestPair;

static inline void
test_pair_init_bare (TestPair *self,
                     gboolean  pipes)
{
  int a[2], b[2];

  if (pipes)
    {
      g_assert_true (g_unix_open_pipe (a, FD_CLOEXEC, NULL));
      g_assert_true (g_unix_open_pipe (b, FD_CLOEXEC, NULL));
      test_end_init (&self->application, a[0], b[1], CFUT_CHANNEL_DEFAULT);
      self->worker_read = b[0];
      self->worker_write = a[1];
    }
  else
    {
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a), ==, 0);
      test_end_init (&self->application, a[0], a[0], CFUT_CHANNEL_PASS_FDS);
      self->worker_read = self->worker_write = a[1];
    }
  self->worker = NULL;
}

static inline void
test_pair_init (TestPair *self,
                gboolean  pipes)
{
  test_pair_init_bare (self, pipes);
  self->worker = cfut_channel_new (self->worker_read, self->worker_write, CFUT_WIRE_WORKER,
                                   CFUT_CHANNEL_BLOCKING | (pipes ? 0 : CFUT_CHANNEL_PASS_FDS));
}

static inline void
test_pair_close_worker (TestPair *self)
{
  if (self->worker != NULL)
    g_clear_pointer (&self->worker, cfut_channel_unref);
  else if (self->worker_read >= 0)
    {
      close (self->worker_read);
      if (self->worker_write != self->worker_read)
        close (self->worker_write);
    }
  self->worker_read = self->worker_write = -1;
}

static inline void
test_pair_clear (TestPair *self)
{
  test_pair_close_worker (self);
  test_end_clear (&self->application);
}

static inline void
test_send (CfutChannel  *channel,
           CfutWireType  type,
           guint64       id,
           GVariant     *value,
           GUnixFDList  *fds)
{
  g_autoptr (GVariant) owned = value != NULL ? g_variant_ref_sink (value) : NULL;
  CfutWireOut frame = { .type = type, .id = id, .name = "f", .value = owned };
  g_autoptr (GError) error = NULL;

  g_assert_true (cfut_channel_send (channel, &frame, fds, &error));
  g_assert_no_error (error);
}

static inline void
test_receive (CfutChannel *channel,
              CfutFrame   *frame)
{
  g_autoptr (GError) error = NULL;
  CfutReceived received = cfut_channel_receive (channel, frame, TEST_DEADLINE_USEC, &error);

  g_assert_no_error (error);
  g_assert_cmpint (received, ==, CFUT_RECEIVED_FRAME);
}

static inline GVariant *
test_new_bytes (gsize  size,
                guint8 first)
{
  guint8 *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] = first + i * 7;

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, g_free, data);
}

static inline void
test_assert_bytes (GVariant *value,
                   gsize     size,
                   guint8    first)
{
  const guint8 *data = g_variant_get_data (value);

  g_assert_true (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING));
  g_assert_cmpuint (g_variant_get_size (value), ==, size);
  for (gsize i = 0; i < size; i++)
    if (data[i] != (guint8) (first + i * 7))
      g_error ("byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " is wrong", i, size);
}

/* From the application to the worker, and what it is then; the frame is gone. */
static inline GVariant *
test_pass_down (TestPair *pair,
                GVariant *value)
{
  g_autoptr (GError) error = NULL;
  GVariant *got;
  CfutFrame frame;

  test_send (pair->application.channel, CFUT_WIRE_CALL, 1, value, NULL);
  test_receive (pair->worker, &frame);
  got = cfut_frame_dup_value (&frame, &error);
  g_assert_no_error (error);
  cfut_frame_clear (&frame);

  return got;
}

/* And the other way. */
static inline GVariant *
test_pass_up (TestPair *pair,
              GVariant *value)
{
  g_autoptr (CfutFrame) frame = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *got;

  test_send (pair->worker, CFUT_WIRE_RESULT, 1, value, NULL);
  frame = test_end_pop (&pair->application);
  got = cfut_frame_dup_value (frame, &error);
  g_assert_no_error (error);

  return got;
}

static inline GVariant *
test_pass (TestPair *pair,
           gboolean  up,
           GVariant *value)
{
  return up ? test_pass_up (pair, value) : test_pass_down (pair, value);
}

static inline guint
test_count_fds (void)
{
  DIR *dir = opendir ("/proc/self/fd");
  guint n = 0;

  g_assert_nonnull (dir);
  while (readdir (dir) != NULL)
    n++;
  closedir (dir);

  return n;
}

static void
test_note_run (gpointer data)
{
  *(_Atomic gboolean *) data = TRUE;
}

/* The I/O thread and the contexts have descriptors of their own, and stay. */
static inline void
test_start_io (void)
{
  _Atomic gboolean has_run = FALSE;

  g_main_context_default ();
  g_assert_nonnull (cfut_io_get_context (NULL));
  cfut_io_invoke (test_note_run, (gpointer) &has_run);
  test_poll_until (has_run);
}

/* Payloads that are mapped into this process. */
static inline guint
test_count_mappings (void)
{
  g_autofree char *maps = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  for (const char *at = maps; (at = strstr (at, "cfut-payload")) != NULL; at++)
    n++;

  return n;
}

G_END_DECLS
