/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Marks for Sysprof: this program is the profiler of another process of its own, which runs one task, and looks for
 * the marks in the rings that it has given to that one's threads. */

#include <gio/gunixfdmessage.h>
#include <string.h>
#include <sys/socket.h>
#include <sysprof-capture.h>

#include "test-util.h"

/* Of libsysprof-capture, which has them in no public header. */
typedef struct _MappedRingBuffer MappedRingBuffer;
typedef bool (*MappedRingBufferCallback) (const void *data,
                                          size_t     *length,
                                          void       *user_data);
MappedRingBuffer *mapped_ring_buffer_new_reader (size_t buffer_size);
int               mapped_ring_buffer_get_fd     (MappedRingBuffer *self);
void              mapped_ring_buffer_unref      (MappedRingBuffer *self);
bool              mapped_ring_buffer_drain      (MappedRingBuffer         *self,
                                                 MappedRingBufferCallback  callback,
                                                 void                     *user_data);

#define REQUEST "CreatRing"

/* The other process. */
static int
be_profiled (void)
{
  g_autoptr (CfutExecutor) executor = cfut_thread_executor_new (1);
  TestPlace place = { NULL, };
  CfutFuture *future;
  TestGate gate;

  test_gate_init (&gate);
  future = cfut_executor_submit (executor, test_task_pass, &gate, NULL);
  cfut_future_set_name (future, "marked");
  cfut_future_add_done_callback (future, 0, test_place_callback, &place, NULL);
  test_gate_open (&gate);
  test_iterate_until (NULL, test_place_get_n (&place) == 1);
  g_object_unref (future);
  test_gate_clear (&gate);

  return 0;
}

/* Gives a ring to each thread that asks for one, until the process has ended. */
static GPtrArray *
serve_rings (GSocket *socket)
{
  GPtrArray *rings = g_ptr_array_new_with_free_func ((GDestroyNotify) mapped_ring_buffer_unref);
  g_autoptr (GError) error = NULL;
  char request[sizeof (REQUEST)];

  while (g_socket_receive (socket, request, sizeof (request), NULL, &error) == sizeof (request))
    {
      MappedRingBuffer *ring = mapped_ring_buffer_new_reader (0);
      GSocketControlMessage *message = g_unix_fd_message_new ();
      GOutputVector vector = { "", 1 };

      g_assert_cmpstr (request, ==, REQUEST);
      g_ptr_array_add (rings, ring);
      g_unix_fd_message_append_fd (G_UNIX_FD_MESSAGE (message), mapped_ring_buffer_get_fd (ring), &error);
      g_assert_no_error (error);
      g_socket_send_message (socket, NULL, &vector, 1, &message, 1, 0, NULL, &error);
      g_assert_no_error (error);
      g_object_unref (message);
    }

  return rings;
}

static bool
note_mark (const void *data,
           size_t     *length,
           void       *user_data)
{
  const SysprofCaptureFrame *frame = data;
  const SysprofCaptureMark *mark = data;

  *length = frame->len;
  if (frame->type == SYSPROF_CAPTURE_FRAME_MARK && strcmp (mark->group, "cfut") == 0)
    {
      g_assert_cmpint (mark->duration, >=, 0);
      g_assert_cmpint (frame->time, >, 0);
      g_string_append_printf (user_data, "%s:%s;", mark->name, mark->message);
    }

  return true;
}

static void
test_marks_arrive (void)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GString) marks = g_string_new (NULL);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GPtrArray) rings = NULL;
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GError) error = NULL;
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  socket = g_socket_new_from_fd (ends[0], &error);
  g_assert_no_error (error);
  g_socket_set_timeout (socket, TEST_DEADLINE_USEC / G_USEC_PER_SEC);

  g_subprocess_launcher_take_fd (launcher, ends[1], 3);
  g_subprocess_launcher_setenv (launcher, "SYSPROF_CONTROL_FD", "3", TRUE);
  process = g_subprocess_launcher_spawn (launcher, &error, "/proc/self/exe", "--be-profiled", NULL);
  g_assert_no_error (error);
  g_subprocess_launcher_close (launcher);

  rings = serve_rings (socket);
  g_assert_true (g_subprocess_wait_check (process, NULL, &error));
  g_assert_no_error (error);

  for (guint i = 0; i < rings->len; i++)
    mapped_ring_buffer_drain (rings->pdata[i], note_mark, marks);
  g_test_message ("%s", marks->str);
  g_assert_nonnull (strstr (marks->str, "task:\"marked\";"));
  g_assert_nonnull (strstr (marks->str, "delivery:;"));
}

int
main (int   argc,
      char *argv[])
{
  if (argc == 2 && strcmp (argv[1], "--be-profiled") == 0)
    return be_profiled ();

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cfut/marks/arrive-in-sysprof", test_marks_arrive);

  return g_test_run ();
}
