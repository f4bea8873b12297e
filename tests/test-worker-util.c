/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* What plays the application for a worker: see the header. */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test-worker-util.h"

#define COOKIE "cookie"

/* For who reads why a test failed: the worker that was started last, and where it writes errors. */
static char *last_started;
static int last_errors = -1;

static gint64
inode_of (int fd)
{
  struct stat info;

  g_assert_cmpint (fstat (fd, &info), ==, 0);
  return (gint64) info.st_ino;
}

static void
make_pair (int pair[2])
{
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
}

static void
make_pipe (int pair[2])
{
  g_assert_true (g_unix_open_pipe (pair, FD_CLOEXEC, NULL));
}

/* The descriptors in the worker's variable are those that it will have. */
static char *
variable_of (const PeerOptions *options,
             int                call,
             int                control)
{
  gboolean at_stdio = options->way != PEER_SOCKETS;

  if (options->variable != NULL)
    return g_strdup (options->variable);

  return g_strdup_printf ("%s:" COOKIE ":%d:%" G_GINT64_FORMAT ":%d:%" G_GINT64_FORMAT,
                          options->version != NULL ? options->version : "1",
                          at_stdio ? 0 : 3,
                          call >= 0 && !options->call_is_other ? inode_of (call) : 1, 4,
                          control >= 0 && !options->control_is_other ? inode_of (control) : 1);
}

void
peer_open (Peer              *self,
           const PeerOptions *options)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *variable = NULL;
  g_autofree char *assignment = NULL;
  g_autoptr (GError) error = NULL;
  int call[2] = { -1, -1 };
  int control[2] = { -1, -1 };
  int to[2] = { -1, -1 };
  int from[2] = { -1, -1 };
  int output[2] = { -1, -1 };
  int errors[2];

  memset (self, 0, sizeof (*self));
  self->way = options->way;
  make_pipe (errors);
  self->errors = errors[0];
  g_subprocess_launcher_take_stderr_fd (launcher, errors[1]);

  if (options->way == PEER_PIPES)
    {
      make_pipe (to);
      make_pipe (from);
      self->call_out = to[1];
      self->call_in = from[0];
    }
  else
    {
      make_pair (call);
      self->call_in = self->call_out = call[0];
    }
  self->control = self->call_in;
  if (options->way == PEER_SOCKETS || options->way == PEER_SOCKET_AT_STDIO)
    {
      make_pair (control);
      self->control = control[0];
    }
  variable = variable_of (options, call[1], control[1]);

  self->output = -1;
  switch (options->way)
    {
    case PEER_SOCKETS:
      make_pipe (output);
      self->output = output[0];
      g_subprocess_launcher_take_stdout_fd (launcher, output[1]);
      g_subprocess_launcher_take_fd (launcher, call[1], 3);
      break;
    case PEER_PIPES:
      g_subprocess_launcher_take_stdin_fd (launcher, to[0]);
      g_subprocess_launcher_take_stdout_fd (launcher, from[1]);
      break;
    case PEER_SOCKET_AT_STDIO:
    case PEER_ONE_SOCKET:
    case PEER_N_WAYS:
    default:
      g_subprocess_launcher_take_stdin_fd (launcher, dup (call[1]));
      g_subprocess_launcher_take_stdout_fd (launcher, call[1]);
      break;
    }
  if (control[1] >= 0)
    g_subprocess_launcher_take_fd (launcher, control[1], 4);

  /* On the command line, where it survives what clears the environment. */
  assignment = g_strdup_printf ("CFUT_WORKER=%s", variable);
  for (guint i = 0; options->prefix != NULL && options->prefix[i] != NULL; i++)
    g_ptr_array_add (argv, (gpointer) options->prefix[i]);
  g_ptr_array_add (argv, (gpointer) "env");
  g_ptr_array_add (argv, assignment);
  g_ptr_array_add (argv, program);
  g_ptr_array_add (argv, NULL);
  self->process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata,
                                                &error);
  g_assert_no_error (error);
  last_errors = self->errors;
  g_free (last_started);
  last_started = g_strdup (g_subprocess_get_identifier (self->process));
}

void
peer_start (Peer    *self,
            PeerWay  way)
{
  PeerOptions options = { .way = way };
  CfutWireOut setup = { .type = CFUT_WIRE_SETUP };
  g_autoptr (GVariant) nothing = NULL;
  gboolean one_stream = way == PEER_PIPES || way == PEER_ONE_SOCKET;
  Heard hello;

  peer_open (self, &options);
  peer_expect (self->call_in, CFUT_WIRE_HELLO, 0, &hello);
  g_assert_cmpint (!!hello.wire.has_control, ==, !one_stream);
  g_assert_cmpuint (hello.wire.version, ==, CFUT_WIRE_VERSION);
  g_assert_cmpstr (hello.wire.name, ==, COOKIE);
  g_assert_cmpuint (hello.wire.byte_order, ==, G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B');
  heard_clear (&hello);

  /* Time enough for what is to end by itself. */
  nothing = g_variant_ref_sink (g_variant_new_parsed ("{'stop-grace-usec': <int64 5000000>}"));
  setup.value = nothing;
  peer_send (self, self->call_out, &setup);
}

GBytes *
peer_encode (const CfutWireOut *frame)
{
  GByteArray *bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  cfut_wire_encode (frame, CFUT_WIRE_MAX_BODY, bytes, &error);
  g_assert_no_error (error);
  return g_byte_array_free_to_bytes (bytes);
}

void
peer_send_bytes (int         fd,
                 const void *bytes,
                 gsize       size)
{
  const char *at = bytes;

  while (size > 0)
    {
      gssize n = write (fd, at, size);

      if (n < 0 && errno == EINTR)
        continue;
      g_assert_cmpint (n, >, 0);
      at += n;
      size -= (gsize) n;
    }
}

void
peer_send_with_fd (int         to,
                   const void *bytes,
                   gsize       size,
                   int         fd)
{
  union { struct cmsghdr header; char space[CMSG_SPACE (sizeof (int))]; } control = { 0 };
  struct iovec iov = { (gpointer) bytes, size };
  struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                            .msg_controllen = sizeof (control) };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (header), &fd, sizeof (int));
  g_assert_cmpint (sendmsg (to, &message, 0), ==, (gssize) size);
}

void
peer_send (Peer              *self,
           int                fd,
           const CfutWireOut *frame)
{
  g_autoptr (GBytes) bytes = peer_encode (frame);

  peer_send_bytes (fd, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

void
peer_send_simple (Peer         *self,
                  CfutWireType  type,
                  guint64       id)
{
  CfutWireOut frame = { .type = type, .id = id };
  gboolean one_stream = self->control == self->call_in;

  peer_send (self, type == CFUT_WIRE_STOP || one_stream ? self->call_out : self->control, &frame);
}

void
peer_call (Peer       *self,
           guint64     id,
           const char *function,
           GVariant   *args)
{
  g_autoptr (GVariant) value =
    g_variant_ref_sink (args != NULL ? args : g_variant_new_tuple (NULL, 0));
  CfutWireOut frame = { .type = CFUT_WIRE_CALL, .id = id, .name = function, .value = value };

  peer_send (self, self->call_out, &frame);
}

static gboolean
wait_readable (int    fd,
               gint64 usec)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
  int n;

  do
    n = poll (&poll_fd, 1, (int) (usec / 1000));
  while (n < 0 && errno == EINTR);
  return n > 0;
}

/* What its threads are at, and what it has written. */
static void
print_last_started (void)
{
  static const char *files[] = { "comm", "wchan", "syscall" };
  g_autofree char *path = g_strdup_printf ("/proc/%s/task", last_started);
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *thread;

  while (folder != NULL && (thread = g_dir_read_name (folder)) != NULL)
    for (guint i = 0; i < G_N_ELEMENTS (files); i++)
      {
        g_autofree char *file = g_build_filename (path, thread, files[i], NULL);
        g_autofree char *text = NULL;

        if (g_file_get_contents (file, &text, NULL, NULL))
          g_printerr ("thread %s %s: %s\n", thread, files[i], g_strchomp (text));
      }

  while (last_errors >= 0 && wait_readable (last_errors, 0))
    {
      char errors[4096];
      gssize n = read (last_errors, errors, sizeof errors);

      if (n <= 0)
        break;
      g_printerr ("%.*s", (int) n, errors);
    }
}

/* FALSE: the end, before the first byte. Descriptors go to @fds. */
static gboolean
read_exactly (int           fd,
              guint8       *to,
              gsize         size,
              GUnixFDList **fds)
{
  gsize done = 0;

  while (done < size)
    {
      union { struct cmsghdr header; char space[CMSG_SPACE (CFUT_WIRE_MAX_FDS * sizeof (int))]; } control;
      struct iovec iov = { to + done, size - done };
      struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                                .msg_controllen = sizeof (control) };
      struct cmsghdr *header;
      gssize n;

      if (!wait_readable (fd, TEST_DEADLINE_USEC))
        {
          print_last_started ();
          g_error ("Nothing came, and no end");
        }
      n = recvmsg (fd, &message, MSG_CMSG_CLOEXEC);
      header = n > 0 ? CMSG_FIRSTHDR (&message) : NULL;
      if (header != NULL)
        {
          if (*fds == NULL)
            *fds = g_unix_fd_list_new ();
          for (gsize i = 0; i < (header->cmsg_len - CMSG_LEN (0)) / sizeof (int); i++)
            {
              int received = ((int *) CMSG_DATA (header))[i];

              g_unix_fd_list_append (*fds, received, NULL);
              close (received);
            }
        }
      if (n < 0 && errno == ENOTSOCK)
        n = read (fd, to + done, size - done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n == 0 || (n < 0 && errno == ECONNRESET))
        {
          g_assert_cmpuint (done, ==, 0);
          return FALSE;
        }
      g_assert_cmpint (n, >, 0);
      done += (gsize) n;
    }

  return TRUE;
}

gboolean
peer_hear_from (int           fd,
                CfutWireSide  from,
                Heard        *heard)
{
  guint8 header[CFUT_WIRE_HEADER_SIZE];
  g_autoptr (GError) error = NULL;
  gsize consumed;
  gsize size;

  memset (heard, 0, sizeof (*heard));
  if (!read_exactly (fd, header, sizeof (header), &heard->fds))
    return FALSE;

  size = cfut_wire_peek_size (header, sizeof (header));
  heard->bytes = g_malloc (size);
  memcpy (heard->bytes, header, sizeof (header));
  g_assert_true (read_exactly (fd, heard->bytes + sizeof (header), size - sizeof (header),
                               &heard->fds));
  g_assert_cmpint (cfut_wire_decode (heard->bytes, size, from, CFUT_WIRE_MAX_BODY,
                                     &heard->wire, &consumed, &error), ==, CFUT_WIRE_FRAME);
  g_assert_no_error (error);
  g_assert_cmpuint (consumed, ==, size);
  return TRUE;
}

gboolean
peer_hear (int    fd,
           Heard *heard)
{
  return peer_hear_from (fd, CFUT_WIRE_WORKER, heard);
}

void
heard_clear (Heard *heard)
{
  g_clear_pointer (&heard->bytes, g_free);
  g_clear_object (&heard->fds);
}

void
peer_expect (int          fd,
             CfutWireType type,
             guint64      id,
             Heard       *heard)
{
  Heard own;
  Heard *to = heard != NULL ? heard : &own;

  g_assert_true (peer_hear (fd, to));
  g_assert_cmpstr (cfut_wire_type_name (to->wire.type), ==, cfut_wire_type_name (type));
  g_assert_cmpuint (to->wire.id, ==, id);
  if (heard == NULL)
    heard_clear (to);
}

void
peer_expect_error (int      fd,
                   guint64  id,
                   GQuark   domain,
                   int      code,
                   gboolean cancelled)
{
  Heard heard;

  peer_expect (fd, CFUT_WIRE_ERROR, id, &heard);
  g_assert_cmpstr (heard.wire.domain, ==, g_quark_to_string (domain));
  g_assert_cmpint (heard.wire.code, ==, code);
  g_assert_cmpint (!!heard.wire.cancelled, ==, cancelled);
  heard_clear (&heard);
}

void
peer_expect_end (int fd)
{
  Heard heard;

  g_assert_false (peer_hear (fd, &heard));
}

gboolean
peer_is_silent (int fd)
{
  return !wait_readable (fd, 0);
}

GVariant *
heard_dup_value (const Heard *heard)
{
  g_autofree char *type = NULL;
  gpointer copy;

  if (heard->wire.value == NULL)
    return NULL;

  type = g_strndup (heard->wire.value_type, heard->wire.value_type_length);
  copy = g_memdup2 (heard->wire.value, heard->wire.value_size);
  return g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE (type), copy,
                                                      heard->wire.value_size, FALSE, g_free,
                                                      copy));
}

GVariant *
peer_expect_result (Peer    *self,
                    guint64  id)
{
  Heard heard;
  GVariant *value;

  peer_expect (self->call_in, CFUT_WIRE_STARTED, id, NULL);
  peer_expect (self->call_in, CFUT_WIRE_RESULT, id, &heard);
  value = heard_dup_value (&heard);
  heard_clear (&heard);
  if (value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      GVariant *inner = g_variant_get_variant (value);

      g_variant_unref (value);
      return inner;
    }
  return value;
}

char *
peer_read_all (int fd)
{
  GString *text = g_string_new (NULL);
  char block[256];
  gssize n;

  for (;;)
    {
      g_assert_true (wait_readable (fd, TEST_DEADLINE_USEC));
      n = read (fd, block, sizeof (block));
      if (n <= 0)
        break;
      g_string_append_len (text, block, n);
    }
  return g_string_free (text, FALSE);
}

void
peer_hang_up (Peer *self)
{
  if (self->control >= 0 && self->control != self->call_in)
    close (self->control);
  if (self->call_out >= 0 && self->call_out != self->call_in)
    close (self->call_out);
  if (self->call_in >= 0)
    close (self->call_in);
  self->control = self->call_in = self->call_out = -1;
}

void
peer_assert_exits (Peer       *self,
                   int         status,
                   const char *errors)
{
  g_autofree char *text = peer_read_all (self->errors);
  g_autoptr (GError) error = NULL;

  g_subprocess_wait (self->process, NULL, &error);
  g_assert_no_error (error);
  if (!g_subprocess_get_if_exited (self->process))
    g_error ("The worker ended by signal %d: %s", g_subprocess_get_term_sig (self->process), text);
  if (g_subprocess_get_exit_status (self->process) != status)
    g_error ("The worker exited with %d: %s", g_subprocess_get_exit_status (self->process), text);
  if (errors != NULL && strstr (text, errors) == NULL)
    g_error ("The worker said: %s", text);
}

void
peer_close (Peer *self)
{
  peer_hang_up (self);
  close (self->errors);
  if (self->output >= 0)
    close (self->output);
  g_subprocess_wait (self->process, NULL, NULL);
  g_object_unref (self->process);
}
