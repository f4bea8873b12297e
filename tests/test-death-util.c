/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Who dies at a step of the protocol: see the header. */

#include "test-death-util.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/cfut-dict-op-private.h"
#include "process/cfut-payload-private.h"
#include "process/cfut-worker-start-private.h"

void
death_log (const char *log,
           const char *letter)
{
  int fd = open (log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (write (fd, letter, 1), ==, 1);
  close (fd);
}

/* Who exits in the middle of something leaves what it holds: that is no leak. */
static gboolean exits_in_the_middle;

#ifdef __SANITIZE_ADDRESS__
/* Asked by the sanitizer, see its lsan_interface.h. */
int __lsan_is_turned_off (void);

int
__lsan_is_turned_off (void)
{
  return exits_in_the_middle;
}
#endif

static void G_GNUC_NORETURN
exit_in_the_middle (void)
{
  exits_in_the_middle = TRUE;
  exit (3);
}

/* The first half, or all of it. */
static void
send_part (int                fd,
           const CfutWireOut *frame,
           gboolean           half)
{
  g_autoptr (GBytes) bytes = peer_encode (frame);
  gsize size = g_bytes_get_size (bytes);

  peer_send_bytes (fd, g_bytes_get_data (bytes, NULL), half ? size / 2 : size);
}

static void
send_part_with_fd (int                to,
                   const CfutWireOut *frame,
                   gboolean           half,
                   int                fd)
{
  g_autoptr (GBytes) bytes = peer_encode (frame);
  gsize size = g_bytes_get_size (bytes);

  peer_send_with_fd (to, g_bytes_get_data (bytes, NULL), half ? size / 2 : size, fd);
}

GVariant *
death_large_new (void)
{
  char *bytes = g_strnfill (2 * CFUT_PAYLOAD_THRESHOLD, 'p');

  return g_variant_ref_sink (g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes,
                                                      2 * CFUT_PAYLOAD_THRESHOLD, TRUE, g_free, bytes));
}

static gpointer
ref_nobody (gpointer nobody)
{
  return nobody;
}

static void
unref_nobody (gpointer nobody)
{
}

static void
tell_nobody (gpointer nobody,
             guint64  buffer)
{
}

/* Large bytes in place of its value. @kept: in memory that is to be used again, which the second gets. */
static void
send_part_with_large (int          to,
                      CfutWireOut *frame,
                      gboolean     half,
                      gboolean     kept)
{
  static const CfutPayloadOwner nobody = { ref_nobody, unref_nobody, tell_nobody, tell_nobody };
  /* They end with this process. */
  CfutPayloads *payloads = cfut_payloads_new (&nobody, NULL);
  g_autoptr (GVariant) large = death_large_new ();
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < (kept ? 2 : 1); i++)
    {
      CfutPacked packed = { 0 };

      g_assert_true (cfut_payloads_pack (payloads, large, 0, &packed, &error));
      g_assert_cmpuint (packed.n_fds, ==, 1);
      if (i == (kept ? 1 : 0))
        {
          g_assert_cmpint (packed.payloads[0].kind, ==,
                           kept ? CFUT_WIRE_PAYLOAD_NEW : CFUT_WIRE_PAYLOAD_ONCE);
          frame->value = packed.value;
          frame->payloads = packed.payloads;
          frame->n_payloads = packed.n_payloads;
          frame->n_fds = packed.n_fds;
          send_part_with_fd (to, frame, half, packed.fds[0]);
        }
      cfut_packed_clear (&packed);
    }
}

/* There is something to read there. */
static void
await (int fd)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

  g_assert_cmpint (poll (&poll_fd, 1, TEST_DEADLINE_USEC / 1000), ==, 1);
}

/* --- the worker --- */

typedef struct {
  const CfutWorkerStart *start;
  DeathStep step;
  DeathWay way;
  const char *log;
  gsize n_said;   /* bytes of its stream before the first call */
} Dying;

static void G_GNUC_NORETURN
dying_die (const Dying *self)
{
  if (self->way == DEATH_KILLED)
    raise (SIGKILL);
  if (self->way == DEATH_STOPPED)
    raise (SIGSTOP);
  if (self->way == DEATH_EXITED)
    exit_in_the_middle ();
  if (self->way == DEATH_CLOSED)
    {
      close (self->start->read_fd);
      close (self->start->control_fd);
    }
  for (;;)
    pause ();
}

static void
dying_at (const Dying *self,
          DeathStep    step)
{
  if (self->step == step)
    dying_die (self);
}

/* Half of the frame if it dies within it, all of it else. */
static void
dying_say (const Dying       *self,
           const CfutWireOut *frame,
           DeathStep          within)
{
  send_part (frame->type == CFUT_WIRE_DICT ? self->start->control_fd : self->start->write_fd, frame,
             self->step == within);
  dying_at (self, within);
}

/* Until one of that type comes. */
static void
dying_await (const Dying  *self,
             int           fd,
             CfutWireType  type,
             Heard        *heard)
{
  for (;;)
    {
      g_assert_true (peer_hear_from (fd, CFUT_WIRE_APPLICATION, heard));
      if (heard->wire.type == type)
        return;
      heard_clear (heard);
    }
}

static void
dying_await_control (const Dying  *self,
                     CfutWireType  type,
                     DeathStep     step)
{
  Heard heard;

  if (self->step != step)
    return;

  dying_await (self, self->start->control_fd, type, &heard);
  dying_die (self);
}

static void
dying_ask_dict (const Dying *self)
{
  CfutDictOp op = { .verb = CFUT_DICT_ADD, .key = "n", .delta = 1 };
  CfutWireOut frame = { .type = CFUT_WIRE_DICT, .id = 1, .name = "numbers" };

  if (self->step != DEATH_IN_DICT && self->step != DEATH_DICT_ASKED)
    return;

  frame.value = g_variant_ref_sink (cfut_dict_op_encode (&op));
  dying_say (self, &frame, DEATH_IN_DICT);
  await (self->start->control_fd);
  dying_die (self);
}

static void
dying_answer (const Dying *self,
              guint64      id,
              int          fd)
{
  g_autoptr (GVariant) handle = g_variant_ref_sink (g_variant_new_handle (0));
  CfutWireOut frame = { .type = CFUT_WIRE_RESULT, .id = id, .value = handle, .n_fds = 1 };

  if (fd >= 0 && (self->step == DEATH_IN_PAYLOAD || self->step == DEATH_PAYLOAD_WRITTEN ||
                  self->step == DEATH_RELEASE_READ))
    {
      Heard heard;

      send_part_with_large (self->start->write_fd, &frame, self->step == DEATH_IN_PAYLOAD,
                            self->step == DEATH_RELEASE_READ);
      if (self->step == DEATH_RELEASE_READ)
        dying_await (self, self->start->read_fd, CFUT_WIRE_RELEASE, &heard);
      dying_die (self);
    }

  if (fd < 0)
    {
      frame.value = NULL;
      frame.n_fds = 0;
      send_part (self->start->write_fd, &frame, FALSE);
      return;
    }

  send_part_with_fd (self->start->write_fd, &frame, self->step == DEATH_IN_RESULT, fd);
  dying_at (self, DEATH_IN_RESULT);
  dying_at (self, DEATH_RESULT_WRITTEN);
}

static gsize
encode (const CfutWireOut *frame,
        GByteArray        *bytes)
{
  GError *error = NULL;

  g_byte_array_set_size (bytes, 0);
  cfut_wire_encode (frame, CFUT_WIRE_MAX_BODY, bytes, &error);
  g_assert_no_error (error);
  return bytes->len;
}

/* In the journal alone. */
static void
dying_note (const Dying *self,
            guint64      id)
{
  CfutWireOut frames[] = { { .type = CFUT_WIRE_STARTED, .id = id }, { .type = CFUT_WIRE_RESULT, .id = id } };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  CfutJournal *journal = self->start->journal;

  if (self->step != DEATH_ENTERED && self->step != DEATH_RESULT_NOTED)
    return;

  g_assert_nonnull (journal);
  death_log (self->log, "!");
  cfut_journal_set_entered (journal, id);
  cfut_journal_skip (journal, self->n_said);
  for (guint i = 0; i < G_N_ELEMENTS (frames) && self->step == DEATH_RESULT_NOTED; i++)
    {
      gsize size = encode (&frames[i], bytes);

      cfut_journal_append (journal, bytes->data, size, size);
    }
  dying_die (self);
}

static void
dying_serve (const Dying *self)
{
  CfutWireOut started = { .type = CFUT_WIRE_STARTED };
  CfutWireOut progress = { .type = CFUT_WIRE_PROGRESS, .done = 1, .total = 2 };
  gboolean warm;
  Heard heard;

  g_assert_true (peer_hear_from (self->start->read_fd, CFUT_WIRE_APPLICATION, &heard));
  if ((self->step == DEATH_STOP_READ || self->step == DEATH_RETIRED) && heard.wire.type == CFUT_WIRE_STOP)
    dying_die (self);
  g_assert_cmpint (heard.wire.type, ==, CFUT_WIRE_CALL);
  dying_at (self, DEATH_CALL_READ);

  /* What makes it known that calls are short. */
  warm = g_str_equal (heard.wire.name, "warm");
  dying_note (self, heard.wire.id);
  started.id = progress.id = heard.wire.id;
  dying_say (self, &started, DEATH_IN_STARTED);
  if (!warm)
    {
      death_log (self->log, "!");
      dying_at (self, DEATH_STARTED);
      if (self->step == DEATH_IN_PROGRESS)
        dying_say (self, &progress, DEATH_IN_PROGRESS);
      dying_await_control (self, CFUT_WIRE_PING, DEATH_PING_READ);
      dying_await_control (self, CFUT_WIRE_CANCEL, DEATH_CANCEL_READ);
      dying_await_control (self, CFUT_WIRE_TAKE_BACK, DEATH_TAKE_BACK_READ);
      dying_ask_dict (self);
    }
  dying_answer (self, heard.wire.id, warm ? -1 : g_unix_fd_list_peek_fds (heard.fds, NULL)[0]);
  heard_clear (&heard);
}

void
death_play_worker (DeathStep   step,
                   DeathWay    way,
                   const char *log)
{
  Dying self = { cfut_worker_start_get (), step, way, log, 0 };
  CfutWireOut hello = { .type = CFUT_WIRE_HELLO, .has_control = TRUE, .version = CFUT_WIRE_VERSION,
                        .pid = (guint32) getpid (), .name = self.start->cookie };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Heard setup;

  self.n_said = encode (&hello, bytes);
  dying_at (&self, DEATH_BEFORE_HELLO);
  dying_say (&self, &hello, DEATH_IN_HELLO);
  dying_await (&self, self.start->read_fd, CFUT_WIRE_SETUP, &setup);
  heard_clear (&setup);
  if (step == DEATH_CALL_UNREAD)
    {
      await (self.start->read_fd);
      dying_die (&self);
    }
  for (;;)
    dying_serve (&self);
}

/* --- the application --- */

static void G_GNUC_NORETURN
leaving_die (Peer     *peer,
             DeathWay  way)
{
  if (way == DEATH_KILLED)
    raise (SIGKILL);
  if (way == DEATH_STOPPED)
    raise (SIGSTOP);
  if (way == DEATH_EXITED)
    exit_in_the_middle ();

  peer_hang_up (peer);
  g_subprocess_wait (peer->process, NULL, NULL);
  _exit (g_subprocess_get_if_exited (peer->process) ? g_subprocess_get_exit_status (peer->process) : 99);
}

static void
leaving_call (Peer       *peer,
              const char *function,
              const char *log,
              gboolean    half)
{
  g_autoptr (GVariant) args = g_variant_ref_sink (g_variant_new ("(sh)", log, 0));
  CfutWireOut frame = { .type = CFUT_WIRE_CALL, .id = 1, .name = function, .value = args };

  send_part (peer->call_out, &frame, half);
}

/* It is in its function, and says so. */
static void
leaving_call_until_stopped (Peer       *peer,
                            const char *log)
{
  leaving_call (peer, "until-stopped", log, FALSE);
  peer_expect (peer->call_in, CFUT_WIRE_STARTED, 1, NULL);
  peer_expect (peer->call_in, CFUT_WIRE_MESSAGE, 1, NULL);
}

static int
control_out (Peer *peer)
{
  return peer->control == peer->call_in ? peer->call_out : peer->control;
}

static void
leaving_call_behind (Peer       *peer,
                     DeathStep   step,
                     const char *log,
                     int         fd)
{
  g_autoptr (GVariant) args = g_variant_ref_sink (g_variant_new ("(sh)", log, 0));
  CfutWireOut frame = { .type = CFUT_WIRE_CALL, .id = 2, .name = "work", .value = args, .n_fds = 1 };

  leaving_call_until_stopped (peer, log);
  send_part_with_fd (peer->call_out, &frame, step == DEATH_IN_CALL_BEHIND, fd);
}

static void
leaving_call_behind_with_large (Peer       *peer,
                                DeathStep   step,
                                const char *log)
{
  CfutWireOut frame = { .type = CFUT_WIRE_CALL, .id = 2, .name = "log" };

  leaving_call_until_stopped (peer, log);
  send_part_with_large (peer->call_out, &frame, step == DEATH_IN_PAYLOAD_BEHIND, FALSE);
}

static void
leaving_get_large (Peer       *peer,
                   DeathStep   step,
                   const char *log)
{
  CfutWireOut frame = { .type = CFUT_WIRE_RELEASE, .id = 1 };

  leaving_call (peer, "large", log, FALSE);
  peer_expect (peer->call_in, CFUT_WIRE_STARTED, 1, NULL);
  await (peer->call_in);
  if (step != DEATH_IN_RELEASE)
    return;

  peer_expect (peer->call_in, CFUT_WIRE_RESULT, 1, NULL);
  send_part (peer->call_out, &frame, TRUE);
}

static void
leaving_tell (Peer         *peer,
              DeathStep     step,
              CfutWireType  type,
              const char   *log)
{
  CfutWireOut frame = { .type = type, .id = 1 };

  leaving_call_until_stopped (peer, log);
  send_part (control_out (peer), &frame, step == DEATH_IN_CANCEL);
  if (step != DEATH_IN_CANCEL)
    await (peer->control);
}

static void
leaving_answer_dict (Peer       *peer,
                     DeathStep   step,
                     const char *log)
{
  CfutDictAnswer answer = { .sum = 1 };
  CfutWireOut frame = { .type = CFUT_WIRE_DICT_REPLY };
  Heard heard;

  leaving_call (peer, "count", log, FALSE);
  peer_expect (peer->call_in, CFUT_WIRE_STARTED, 1, NULL);
  g_assert_true (peer_hear (peer->control, &heard));
  g_assert_cmpint (heard.wire.type, ==, CFUT_WIRE_DICT);
  frame.id = heard.wire.id;
  frame.value = g_variant_ref_sink (cfut_dict_reply_new (CFUT_DICT_ADD, &answer));
  if (step == DEATH_IN_DICT_REPLY)
    send_part (control_out (peer), &frame, TRUE);
}

static void
leaving_play (Peer       *peer,
              DeathStep   step,
              const char *log,
              int         fd)
{
  switch ((guint) step)
    {
    case DEATH_IN_CALL:
      leaving_call (peer, "work", log, TRUE);
      break;
    case DEATH_CALL_RUNS:
      leaving_call_until_stopped (peer, log);
      break;
    case DEATH_IN_CALL_BEHIND:
    case DEATH_CALL_BEHIND:
      leaving_call_behind (peer, step, log, fd);
      break;
    case DEATH_IN_PAYLOAD_BEHIND:
    case DEATH_PAYLOAD_BEHIND:
      leaving_call_behind_with_large (peer, step, log);
      break;
    case DEATH_PAYLOAD_UNREAD:
    case DEATH_IN_RELEASE:
      leaving_get_large (peer, step, log);
      break;
    case DEATH_IN_CANCEL:
      leaving_tell (peer, step, CFUT_WIRE_CANCEL, log);
      break;
    case DEATH_PING_SENT:
      leaving_tell (peer, step, CFUT_WIRE_PING, log);
      break;
    case DEATH_TAKE_BACK_SENT:
      leaving_tell (peer, step, CFUT_WIRE_TAKE_BACK, log);
      break;
    case DEATH_DICT_UNANSWERED:
    case DEATH_IN_DICT_REPLY:
      leaving_answer_dict (peer, step, log);
      break;
    case DEATH_RESULT_UNREAD:
      leaving_call (peer, "log", log, FALSE);
      peer_expect (peer->call_in, CFUT_WIRE_STARTED, 1, NULL);
      await (peer->call_in);
      break;
    case DEATH_STOP_SENT:
      peer_send_simple (peer, CFUT_WIRE_STOP, 0);
      break;
    case DEATH_IDLE:
    default:
      break;
    }
}

void
death_play_application (DeathStep   step,
                        DeathWay    way,
                        PeerWay     peer_way,
                        const char *log,
                        int         fd)
{
  g_autoptr (GVariant) nothing = g_variant_ref_sink (g_variant_new_parsed ("@a{sv} {}"));
  CfutWireOut setup = { .type = CFUT_WIRE_SETUP, .value = nothing };
  PeerOptions options = { .way = peer_way };
  Peer peer;

  peer_open (&peer, &options);
  printf ("%s\n", g_subprocess_get_identifier (peer.process));
  fflush (stdout);
  if (step != DEATH_HELLO_UNREAD)
    {
      peer_expect (peer.call_in, CFUT_WIRE_HELLO, 0, NULL);
      send_part (peer.call_out, &setup, step == DEATH_IN_SETUP);
    }
  if (step != DEATH_IN_SETUP)
    leaving_play (&peer, step, log, fd);
  /* What was sent along is nobody's here. */
  close (fd);
  leaving_die (&peer, way);
}
