/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The codec of frames against a naive model, GVariant's own builder; and what it says to lies. */

#include "test-util.h"

#include "test-wire-util.h"

#define N_RANDOM 1000
#define N_MUTATED 6000

static const CfutWireType all_types[] = {
  CFUT_WIRE_HELLO, CFUT_WIRE_STARTED, CFUT_WIRE_RESULT, CFUT_WIRE_ERROR, CFUT_WIRE_PROGRESS,
  CFUT_WIRE_MESSAGE, CFUT_WIRE_DICT, CFUT_WIRE_PONG, CFUT_WIRE_RETURNED, CFUT_WIRE_DETAILS,
  CFUT_WIRE_SETUP,
  CFUT_WIRE_CALL, CFUT_WIRE_CANCEL, CFUT_WIRE_PAUSE, CFUT_WIRE_RESUME, CFUT_WIRE_TAKE_BACK,
  CFUT_WIRE_DICT_REPLY, CFUT_WIRE_PING, CFUT_WIRE_STOP, CFUT_WIRE_RELEASE, CFUT_WIRE_FORGET,
};

static CfutWireSide
side_of (CfutWireType type)
{
  return type < CFUT_WIRE_SETUP ? CFUT_WIRE_WORKER : CFUT_WIRE_APPLICATION;
}

/* Random frames. */

static char *
random_text (GRand *rand,
             guint  least,
             guint  most)
{
  static const char * const characters[] = { "a", "Z", " ", "ß", "€", "𝄞", "/" };
  GString *text = g_string_new (NULL);
  guint length = g_rand_int_range (rand, least, most + 1);

  while (text->len < length)
    {
      const char *character = characters[g_rand_int_range (rand, 0, G_N_ELEMENTS (characters))];

      g_string_append (text, text->len + strlen (character) <= length ? character : "x");
    }

  return g_string_free (text, FALSE);
}

static GVariant *
new_zeros (gsize n)
{
  gpointer data = g_malloc0 (n);

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, n, TRUE, g_free, data);
}

static GVariant *
random_value (GRand *rand,
              guint  depth)
{
  switch (g_rand_int_range (rand, 0, depth == 0 ? 9 : 16))
    {
    case 0:
      return g_variant_new_byte (g_rand_int (rand));
    case 1:
      return g_variant_new_boolean (g_rand_boolean (rand));
    case 2:
      return g_variant_new_uint16 (g_rand_int (rand));
    case 3:
      return g_variant_new_int32 (g_rand_int (rand));
    case 4:
      return g_variant_new_uint64 (((guint64) g_rand_int (rand) << 32) | g_rand_int (rand));
    case 5:
      return g_variant_new_double (g_rand_double (rand));
    case 6:
      return g_variant_new_take_string (random_text (rand, 0, 40));
    case 7:
      return g_variant_new ("()");
    case 8:
      {
        gsize n = g_rand_int_range (rand, 0, 30) == 0 ? g_rand_int_range (rand, 0, 70000)
                                                    : g_rand_int_range (rand, 0, 300);

        return new_zeros (n);
      }
    case 9:
      return g_variant_new ("(vs)", random_value (rand, depth - 1), "and");
    case 10:
      return g_variant_new_variant (random_value (rand, depth - 1));
    case 11:
      return g_variant_new_maybe (NULL, random_value (rand, depth - 1));
    case 12:
      return g_variant_new_parsed ("{'one': %v, 'two': <2>}", random_value (rand, depth - 1));
    case 13:
      return g_variant_new ("(yt)", 7, G_GUINT64_CONSTANT (9));
    case 14:
      return g_variant_new_parsed ("@as []");
    default:
      return g_variant_new_parsed ("[('a', 1), ('bc', 2)]");
    }
}

typedef struct {
  CfutWireOut out;
  CfutWirePayload payloads[CFUT_WIRE_MAX_FDS];
  char *texts[3];
} Random;

static void
random_init (Random *self,
             GRand  *rand)
{
  CfutWireOut *out = &self->out;
  const char *type;

  memset (self, 0, sizeof *self);
  out->type = all_types[g_rand_int_range (rand, 0, G_N_ELEMENTS (all_types))];
  out->id = ((guint64) g_rand_int (rand) << 32) | g_rand_int (rand);
  type = cfut_wire_body_type (out->type);
  self->texts[0] = random_text (rand, 1, CFUT_WIRE_MAX_NAME);
  self->texts[1] = random_text (rand, 0, g_rand_boolean (rand) ? CFUT_WIRE_MAX_MESSAGE : 250);
  self->texts[2] = random_text (rand, 0, CFUT_WIRE_MAX_NAME);

  if (g_strcmp0 (type, "(uuybs)") == 0)
    {
      out->version = CFUT_WIRE_VERSION;
      out->pid = g_rand_int (rand);
      out->has_control = g_rand_boolean (rand);
      out->name = self->texts[0];
    }
  else if (g_strcmp0 (type, "(sisb)") == 0)
    {
      out->domain = self->texts[2];
      out->code = g_rand_int (rand);
      out->message = self->texts[1];
      out->cancelled = g_rand_boolean (rand);
    }
  else if (g_strcmp0 (type, "(tt)") == 0)
    {
      out->done = g_rand_int (rand);
      out->total = ((guint64) g_rand_int (rand) << 32);
    }
  else if (g_strcmp0 (type, "s") == 0)
    out->name = self->texts[1];
  else if (g_strcmp0 (type, "a{sv}") == 0)
    out->value = g_variant_ref_sink (g_variant_new_parsed ("@a{sv} {'n': %v}",
                                                           random_value (rand, 2)));
  else if (type != NULL)
    {
      out->name = self->texts[0];
      if (out->type != CFUT_WIRE_RESULT || g_rand_boolean (rand))
        out->value = g_variant_ref_sink (random_value (rand, 3));
      out->n_fds = g_rand_boolean (rand) ? g_rand_int_range (rand, 0, 10) : 0;
    }
}

/* With payloads of all kinds, in the places that the value then has for them. */
static void
random_init_with_payloads (Random *self,
                           GRand  *rand)
{
  static const CfutWireType types[] = { CFUT_WIRE_RESULT, CFUT_WIRE_CALL, CFUT_WIRE_DICT,
                                        CFUT_WIRE_DICT_REPLY, CFUT_WIRE_DETAILS };
  CfutWireOut *out = &self->out;
  GVariantBuilder builder;
  guint n_own = g_rand_int_range (rand, 0, 3);

  memset (self, 0, sizeof *self);
  out->type = types[g_rand_int_range (rand, 0, G_N_ELEMENTS (types))];
  out->name = self->texts[0] = random_text (rand, 1, CFUT_WIRE_MAX_NAME);
  out->payloads = self->payloads;
  out->n_payloads = g_rand_int_range (rand, 1, 15);
  out->n_fds = n_own;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_TUPLE);
  for (guint i = 0; i < out->n_payloads; i++)
    {
      CfutWirePayload *payload = &self->payloads[i];
      gboolean inside = g_rand_boolean (rand);

      payload->path[0] = 2 * i + 1;
      payload->path_length = inside ? 2 : 1;
      payload->kind = g_rand_int_range (rand, 0, 3);
      payload->buffer = payload->kind == CFUT_WIRE_PAYLOAD_ONCE ? 0 : 1 + g_rand_int (rand);
      payload->fd = payload->kind == CFUT_WIRE_PAYLOAD_AGAIN ? 0 : out->n_fds++;
      payload->size = 1 + g_rand_int (rand);
      g_variant_builder_add_value (&builder, random_value (rand, 1));
      if (inside)
        g_variant_builder_add_parsed (&builder, "<@ay []>");
      else
        g_variant_builder_add_parsed (&builder, "@ay []");
    }
  out->value = g_variant_ref_sink (g_variant_builder_end (&builder));
}

static void
random_clear (Random *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->texts); i++)
    g_free (self->texts[i]);
  g_clear_pointer (&self->out.value, g_variant_unref);
}

/* The model: what the header's comment says, word for word. */

static GVariant *
naive_inner (const CfutWireOut *out)
{
  const char *type = cfut_wire_body_type (out->type);

  if (type == NULL)
    return NULL;
  if (g_str_equal (type, "(uuybs)"))
    return g_variant_new (type, out->version, out->pid, G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B',
                          out->has_control, out->name);
  if (g_str_equal (type, "mv"))
    return g_variant_new_maybe (G_VARIANT_TYPE_VARIANT,
                                out->value != NULL ? g_variant_new_variant (out->value) : NULL);
  if (g_str_equal (type, "(sisb)"))
    return g_variant_new (type, out->domain, out->code, out->message, out->cancelled);
  if (g_str_equal (type, "(tt)"))
    return g_variant_new (type, out->done, out->total);
  if (g_str_equal (type, "s"))
    return g_variant_new_string (out->name);
  if (g_str_equal (type, "(sv)"))
    return g_variant_new ("(sv)", out->name, out->value);
  if (g_str_equal (type, "v"))
    return g_variant_new_variant (out->value);
  return g_variant_ref (out->value);
}

static GVariant *
naive_body (const CfutWireOut *out)
{
  GVariant *inner = naive_inner (out);
  GVariantBuilder builder;

  if (out->n_payloads == 0)
    return inner;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(auyutt)"));
  for (guint i = 0; i < out->n_payloads; i++)
    {
      const CfutWirePayload *payload = &out->payloads[i];
      GVariantBuilder path;

      g_variant_builder_init (&path, G_VARIANT_TYPE ("au"));
      for (guint j = 0; j < payload->path_length; j++)
        g_variant_builder_add (&path, "u", payload->path[j]);
      g_variant_builder_add (&builder, "(auyutt)", &path, payload->kind, payload->fd,
                             payload->buffer, payload->size);
    }

  return g_variant_new ("(@*a(auyutt))", inner, &builder);
}

static GByteArray *
naive_frame (guint32  size,
             guint8   type,
             guint8   n_fds,
             guint16  flags,
             guint64  id,
             GVariant *body)
{
  GByteArray *bytes = g_byte_array_new ();

  size = GUINT32_TO_LE (size);
  flags = GUINT16_TO_LE (flags);
  id = GUINT64_TO_LE (id);
  g_byte_array_append (bytes, (guint8 *) &size, 4);
  g_byte_array_append (bytes, &type, 1);
  g_byte_array_append (bytes, &n_fds, 1);
  g_byte_array_append (bytes, (guint8 *) &flags, 2);
  g_byte_array_append (bytes, (guint8 *) &id, 8);
  if (body != NULL)
    {
      g_autoptr (GVariant) owned = g_variant_take_ref (body);

      if (g_variant_get_size (owned) > 0)
        g_byte_array_append (bytes, g_variant_get_data (owned), g_variant_get_size (owned));
    }
  while (bytes->len % 8 != 0)
    g_byte_array_append (bytes, (const guint8 *) "", 1);

  return bytes;
}

static GByteArray *
naive_encode (const CfutWireOut *out)
{
  GVariant *body = naive_body (out);

  return naive_frame (body != NULL ? g_variant_get_size (body) : 0, out->type, out->n_fds,
                      out->n_payloads > 0 ? CFUT_WIRE_FLAG_PAYLOAD : 0, out->id, body);
}

/* An exact copy, so that a read past its end is seen. */
static CfutWireAnswer
decode (const guint8  *data,
        gsize          size,
        CfutWireSide   from,
        CfutWireFrame *frame,
        guint8       **copy,
        gsize         *consumed,
        GError       **error)
{
  *copy = g_memdup2 (data, size);
  return cfut_wire_decode (*copy, size, from, CFUT_WIRE_MAX_BODY, frame, consumed, error);
}

static void
assert_same (const CfutWireOut   *out,
             const CfutWireFrame *frame)
{
  g_autoptr (GVariant) value = test_wire_dup_value (frame);

  g_assert_cmpint (frame->type, ==, out->type);
  g_assert_cmpuint (frame->id, ==, out->id);
  g_assert_cmpuint (frame->n_fds, ==, out->n_fds);
  if (frame->name != NULL)
    g_assert_cmpstr (frame->name, ==, out->name);
  g_assert_cmpstr (frame->domain, ==, out->domain);
  g_assert_cmpint (frame->code, ==, out->code);
  g_assert_cmpstr (frame->message, ==, out->message);
  g_assert_cmpint (frame->cancelled, ==, out->cancelled);
  g_assert_cmpuint (frame->done, ==, out->done);
  g_assert_cmpuint (frame->total, ==, out->total);
  g_assert_cmpuint (frame->pid, ==, out->pid);
  g_assert_cmpint (frame->has_control, ==, out->has_control);
  g_assert_true ((value != NULL) == (out->value != NULL));
  if (value != NULL)
    {
      /* By their bytes: GVariant prints both to compare them, as one is from outside. */
      g_assert_true (g_variant_is_of_type (value, g_variant_get_type (out->value)));
      g_assert_cmpmem (g_variant_get_data (value), g_variant_get_size (value),
                       g_variant_get_data (out->value), g_variant_get_size (out->value));
    }
  g_assert_cmpuint (frame->n_payloads, ==, out->n_payloads);
  for (guint i = 0; i < out->n_payloads; i++)
    g_assert_cmpmem (&frame->payloads[i], sizeof (CfutWirePayload), &out->payloads[i],
                     sizeof (CfutWirePayload));
}

static void
check_random (Random *random)
{
  g_autoptr (GByteArray) expected = naive_encode (&random->out);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *copy = NULL;
  CfutWireFrame frame;
  gsize consumed;

  g_assert_true (cfut_wire_encode (&random->out, CFUT_WIRE_MAX_BODY, bytes, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (bytes->data, bytes->len, expected->data, expected->len);
  g_assert_cmpuint (cfut_wire_peek_size (bytes->data, bytes->len), ==, bytes->len);

  g_assert_cmpint (decode (bytes->data, bytes->len, side_of (random->out.type), &frame, &copy,
                           &consumed, &error), ==, CFUT_WIRE_FRAME);
  g_assert_no_error (error);
  g_assert_cmpuint (consumed, ==, bytes->len);
  assert_same (&random->out, &frame);
  test_wire_assert_encodes_again (&frame, bytes->data, bytes->len);
}

/* Frames of all types: the bytes are what GVariant would have made of them, and they come out as
 * they went in. */
static void
test_wire_matches_a_naive_model (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < N_RANDOM; i++)
    {
      Random random;

      (i % 4 == 0 ? random_init_with_payloads : random_init) (&random, rand);
      check_random (&random);
      random_clear (&random);
    }
}

/* Sizes around those where GVariant's offsets become wider. */
static void
test_wire_offsets_of_all_widths (void)
{
  for (gsize around = 256; around <= 65536; around *= 256)
    for (gsize n = around - 40; n < around + 10; n++)
      for (guint kind = 0; kind < 3; kind++)
        {
          Random random = { .out.type = CFUT_WIRE_CALL, .out.name = "f" };
          CfutWirePayload payload = { .path = { 0 }, .path_length = 1, .size = 1 };

          random.out.value = g_variant_ref_sink (
            g_variant_new ("(@ay@ay)", g_variant_new_parsed ("@ay []"),
                           new_zeros (n)));
          if (kind == 1)
            {
              random.out.payloads = &payload;
              random.out.n_payloads = random.out.n_fds = 1;
            }
          else if (kind == 2 && n <= CFUT_WIRE_MAX_MESSAGE)
            {
              random.texts[0] = g_strnfill (n, 'm');
              random.out = (CfutWireOut) { .type = CFUT_WIRE_ERROR, .domain = "domain", .code = -7,
                                           .message = random.texts[0], .value = random.out.value };
              g_clear_pointer (&random.out.value, g_variant_unref);
            }
          check_random (&random);
          random_clear (&random);
        }
}

/* However a stream is cut, more is wanted until a frame is whole; then it is that. */
static void
test_wire_each_prefix_wants_more (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());

  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      Random random;
      guint step;

      (i % 4 == 0 ? random_init_with_payloads : random_init) (&random, rand);
      g_assert_true (cfut_wire_encode (&random.out, CFUT_WIRE_MAX_BODY, bytes, NULL));
      step = 1 + bytes->len / 200;
      for (guint n = 0; n < bytes->len; n += n < 40 ? 1 : step)
        {
          g_autofree guint8 *copy = NULL;
          g_autoptr (GError) error = NULL;
          CfutWireFrame frame;
          gsize consumed;

          g_assert_cmpint (decode (bytes->data, n, side_of (random.out.type), &frame, &copy,
                                   &consumed, &error), ==, CFUT_WIRE_MORE);
          g_assert_no_error (error);
          g_assert_cmpuint (cfut_wire_peek_size (bytes->data, n), ==, n < 4 ? 0 : bytes->len);
        }
      random_clear (&random);
    }
}

/* Bytes that were changed at random are refused, or are a frame to the letter. */
static void
test_wire_mutations_are_refused_or_sound (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (test_seed ());
  guint n_refused = 0, n_frames = 0;

  for (guint i = 0; i < N_MUTATED; i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (GError) error = NULL;
      g_autofree guint8 *copy = NULL;
      CfutWireFrame frame;
      CfutWireAnswer answer;
      gsize consumed;
      Random random;

      (i % 3 == 0 ? random_init_with_payloads : random_init) (&random, rand);
      g_assert_true (cfut_wire_encode (&random.out, CFUT_WIRE_MAX_BODY, bytes, NULL));
      for (guint n = g_rand_int_range (rand, 1, 4); n > 0; n--)
        {
          guint at = g_rand_boolean (rand) ? g_rand_int_range (rand, 0, bytes->len)
                                           : g_rand_int_range (rand, 0, MIN (bytes->len, 40));

          bytes->data[at] ^= 1 << g_rand_int_range (rand, 0, 8);
        }

      answer = decode (bytes->data, bytes->len, side_of (random.out.type), &frame, &copy, &consumed,
                       &error);
      if (answer == CFUT_WIRE_FRAME)
        {
          test_wire_assert_encodes_again (&frame, bytes->data, consumed);
          n_frames++;
        }
      else if (answer == CFUT_WIRE_BAD)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
          n_refused++;
        }
      random_clear (&random);
    }

  g_test_message ("%u refused, %u frames", n_refused, n_frames);
  g_assert_cmpuint (n_refused, >, N_MUTATED / 10);
  g_assert_cmpuint (n_frames, >, N_MUTATED / 100);
}

/* Lies. */

static void
assert_bad (const guint8 *data,
            gsize         size,
            CfutWireSide  from,
            const char   *why)
{
  g_autofree guint8 *copy = NULL;
  g_autoptr (GError) error = NULL;
  CfutWireFrame frame;
  gsize consumed;

  if (decode (data, size, from, &frame, &copy, &consumed, &error) != CFUT_WIRE_BAD)
    g_error ("not refused: %s", why);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  if (strstr (error->message, why) == NULL)
    g_error ("refused, but not as '%s': %s", why, error->message);
}

static void
assert_bad_frame (GByteArray   *bytes,
                  CfutWireSide  from,
                  const char   *why)
{
  assert_bad (bytes->data, bytes->len, from, why);
  g_byte_array_unref (bytes);
}

/* What a header can say that is not so. Each is refused before any of the body is there. */
static void
test_wire_lies_in_the_header (void)
{
  static const struct {
    guint32 size;
    guint8 type;
    guint8 n_fds;
    guint16 flags;
    CfutWireSide from;
    const char *why;
  } lies[] = {
    { CFUT_WIRE_MAX_BODY + 1, CFUT_WIRE_CALL, 0, 0, CFUT_WIRE_APPLICATION, "length over the limit" },
    { G_MAXUINT32, CFUT_WIRE_RESULT, 0, 0, CFUT_WIRE_WORKER, "length over the limit" },
    { G_MAXUINT32 - 7, CFUT_WIRE_RESULT, 0, 0, CFUT_WIRE_WORKER, "length over the limit" },
    { 0, 0, 0, 0, CFUT_WIRE_WORKER, "type that does not exist" },
    { 0, CFUT_WIRE_DETAILS + 1, 0, 0, CFUT_WIRE_WORKER, "type that does not exist" },
    { 0, CFUT_WIRE_STOP + 1, 0, 0, CFUT_WIRE_APPLICATION, "type that does not exist" },
    { 0, CFUT_WIRE_FORGET + 1, 0, 0, CFUT_WIRE_WORKER, "type that does not exist" },
    { 0, 255, 0, 0, CFUT_WIRE_WORKER, "type that does not exist" },
    { 0, CFUT_WIRE_STARTED, 0, 0, CFUT_WIRE_APPLICATION, "this side does not send" },
    { 40, CFUT_WIRE_CALL, 0, 0, CFUT_WIRE_WORKER, "this side does not send" },
    { 0, CFUT_WIRE_STOP, 0, 0, CFUT_WIRE_WORKER, "this side does not send" },
    { 8, CFUT_WIRE_STARTED, 0, 0, CFUT_WIRE_WORKER, "does not fit the type" },
    { 1, CFUT_WIRE_RELEASE, 0, 0, CFUT_WIRE_WORKER, "does not fit the type" },
    { 15, CFUT_WIRE_PROGRESS, 0, 0, CFUT_WIRE_WORKER, "does not fit the type" },
    { 24, CFUT_WIRE_PROGRESS, 0, 0, CFUT_WIRE_WORKER, "does not fit the type" },
    { 0, CFUT_WIRE_CALL, 0, 0, CFUT_WIRE_APPLICATION, "does not fit the type" },
    { 0, CFUT_WIRE_DICT_REPLY, 0, 0, CFUT_WIRE_APPLICATION, "does not fit the type" },
    { 0, CFUT_WIRE_MESSAGE, 0, 0, CFUT_WIRE_WORKER, "does not fit the type" },
    { CFUT_WIRE_MAX_MESSAGE + 2, CFUT_WIRE_MESSAGE, 0, 0, CFUT_WIRE_WORKER, "does not fit the type" },
    { 8192, CFUT_WIRE_ERROR, 0, 0, CFUT_WIRE_WORKER, "does not fit the type" },
    { 8192, CFUT_WIRE_HELLO, 0, 0, CFUT_WIRE_WORKER, "does not fit the type" },
    { 40, CFUT_WIRE_CALL, CFUT_WIRE_MAX_FDS + 1, 0, CFUT_WIRE_APPLICATION, "too many descriptors" },
    { 40, CFUT_WIRE_RESULT, 255, 0, CFUT_WIRE_WORKER, "too many descriptors" },
    { 0, CFUT_WIRE_STARTED, 1, 0, CFUT_WIRE_WORKER, "too many descriptors" },
    { 16, CFUT_WIRE_PROGRESS, 1, 0, CFUT_WIRE_WORKER, "too many descriptors" },
    { 40, CFUT_WIRE_CALL, 0, 2, CFUT_WIRE_APPLICATION, "flags that do not exist" },
    { 40, CFUT_WIRE_CALL, 0, 0x100, CFUT_WIRE_APPLICATION, "flags that do not exist" },
    { 0, CFUT_WIRE_STARTED, 0, CFUT_WIRE_FLAG_PAYLOAD, CFUT_WIRE_WORKER, "flags that do not exist" },
    { 5, CFUT_WIRE_MESSAGE, 0, CFUT_WIRE_FLAG_PAYLOAD, CFUT_WIRE_WORKER, "flags that do not exist" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    assert_bad_frame (naive_frame (lies[i].size, lies[i].type, lies[i].n_fds, lies[i].flags, 1, NULL),
                      lies[i].from, lies[i].why);
}

/* What a body can be that it must not; all with true headers. */
static void
test_wire_lies_in_the_body (void)
{
  static const struct {
    CfutWireType type;
    const char *body;
    gsize size;
    const char *why;
  } lies[] = {
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\0u\2", 11, "not in normal form" },   /* a u with no byte of it */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0y\2", 12, NULL },                 /* well: f (7) */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0b\2", 12, "not in normal form" }, /* a boolean of 7 */
    { CFUT_WIRE_CALL, "f\0\1\0\0\0\0\0\7\0y\2", 12, "not in normal form" }, /* padding */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0y\1", 12, "name that is none" },  /* the NUL is not in it */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0y\3", 12, "name that is none" },  /* two are */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0y\0", 12, "name that is none" },  /* no name: the value is at 0 */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0y\14", 12, "name that is too long" },
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0y\377", 12, "name that is too long" },
    { CFUT_WIRE_CALL, "\0\0\0\0\0\0\0\0\7\0y\1", 12, "name that is none" },  /* an empty one */
    { CFUT_WIRE_CALL, "\377\0\0\0\0\0\0\0\7\0y\2", 12, "name that is none" }, /* no UTF-8 */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0*\2", 12, "whose type is none" },  /* an indefinite type */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0yy\2", 13, "whose type is none" },
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0(\2", 12, "whose type is none" },
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\7\0\2", 11, "whose type is none" },
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0y\2", 10, "without a type" },
    { CFUT_WIRE_CALL, "f\0\2", 3, "not in normal form" },                     /* no value at all */
    { CFUT_WIRE_CALL, "\1", 1, "name that is too long" },
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0ab\0s\2", 13, "not in normal form" },   /* a string without its NUL */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0a\0b\0\0s\2", 15, "not in normal form" },
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0\1\0()\2", 13, "not in normal form" },  /* a unit that is not zero */
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0ab\0\3\0as\2", 16, NULL },
    { CFUT_WIRE_CALL, "f\0\0\0\0\0\0\0ab\0\4\0as\2", 16, "not in normal form" }, /* an offset that leads out */
    { CFUT_WIRE_DICT_REPLY, "\0", 1, "whose type is none" },
    { CFUT_WIRE_DICT_REPLY, "y", 1, "without a type" },
    { CFUT_WIRE_RESULT, "\7\0y\0", 4, NULL },
    { CFUT_WIRE_RESULT, "\7\0y\1", 4, "not in normal form" },                 /* just, without its zero */
    { CFUT_WIRE_RESULT, "\0", 1, "without a type" },
    { CFUT_WIRE_MESSAGE, "a", 1, "text that is none" },
    { CFUT_WIRE_MESSAGE, "a\0\0", 3, "text that is none" },
    { CFUT_WIRE_MESSAGE, "\300\200\0", 3, "text that is none" },
    { CFUT_WIRE_ERROR, "d\0\0\0\1\0\0\0m\0\0\12\2", 13, NULL },
    { CFUT_WIRE_ERROR, "d\0\0\0\1\0\0\0m\0\2\12\2", 13, "not in normal form" },
    { CFUT_WIRE_ERROR, "d\0\1\0\1\0\0\0m\0\0\12\2", 13, "not in normal form" },
    { CFUT_WIRE_ERROR, "d\0\0\0\1\0\0\0m\0\0\11\2", 13, "lead out of the body" },
    { CFUT_WIRE_ERROR, "d\0\0\0\1\0\0\0m\0\0\12\16", 13, "lead out of the body" },
    { CFUT_WIRE_ERROR, "d\0\0\0\1\0\0\0m\0\0\12\13", 13, "not in normal form" },
    { CFUT_WIRE_ERROR, "d\0\0\0\1\0\0\0m\0\0\12\1", 13, "text that is none" },
    { CFUT_WIRE_ERROR, "\0\0\0", 3, "too short" },
    { CFUT_WIRE_SETUP, "", 0, NULL },
    { CFUT_WIRE_SETUP, "\1", 1, "options that are not" },
    { CFUT_WIRE_HELLO, "\1\0\0", 3, "too short" },
    { CFUT_WIRE_HELLO, "\1\0\0\0\5\0\0\0l\0", 10, "too short" },
    { CFUT_WIRE_HELLO, "\1\0\0\0\5\0\0\0l\1c\0", 12, NULL },
    { CFUT_WIRE_HELLO, "\1\0\0\0\5\0\0\0B\1c\0", 12, NULL },
    { CFUT_WIRE_HELLO, "\1\0\0\0\5\0\0\0m\1c\0", 12, "hello that is none" },  /* no such byte order */
    { CFUT_WIRE_HELLO, "\1\0\0\0\5\0\0\0l\2c\0", 12, "hello that is none" },
    { CFUT_WIRE_HELLO, "\1\0\0\0\5\0\0\0l\1cc", 12, "hello that is none" },
    { CFUT_WIRE_HELLO, "\2\0\0\0anything", 12, NULL },                        /* of another version */
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      g_autoptr (GByteArray) bytes = naive_frame (lies[i].size, lies[i].type, 0, 0, 1, NULL);
      g_autofree guint8 *copy = NULL;
      CfutWireFrame frame;
      gsize consumed;

      g_byte_array_append (bytes, (const guint8 *) lies[i].body, lies[i].size);
      while (bytes->len % 8 != 0)
        g_byte_array_append (bytes, (const guint8 *) "", 1);

      if (lies[i].why != NULL)
        assert_bad (bytes->data, bytes->len, side_of (lies[i].type), lies[i].why);
      else
        g_assert_cmpint (decode (bytes->data, bytes->len, side_of (lies[i].type), &frame, &copy,
                                 &consumed, NULL), ==, CFUT_WIRE_FRAME);
    }
}

/* Padding behind the body is zero, too. */
static void
test_wire_lies_in_the_padding (void)
{
  for (guint i = 5; i < 8; i++)
    {
      GByteArray *bytes = naive_frame (5, CFUT_WIRE_MESSAGE, 0, 0, 1, g_variant_new_string ("four"));

      bytes->data[CFUT_WIRE_HEADER_SIZE + i] = 1;
      assert_bad_frame (bytes, CFUT_WIRE_WORKER, "padding that is not zero");
    }
}

/* GVariant in the other byte order is not what it would be in this one, and is told where it can
 * be: here by offsets and lengths. */
static void
test_wire_other_endianness (void)
{
  guint8 big[CFUT_WIRE_HEADER_SIZE + 24] = { 0, 0, 0, 12, CFUT_WIRE_CALL };

  assert_bad (big, sizeof big, CFUT_WIRE_APPLICATION, "length over the limit");
}

static GVariant *
nest (guint depth)
{
  GVariant *value = g_variant_new_byte (1);

  for (guint i = 0; i < depth; i++)
    value = g_variant_new_variant (value);

  return g_variant_ref_sink (value);
}

/* A value is as deep as GVariant allows, at both ends; a deeper one is an error of who sends it, and
 * a lie of who sends it all the same. */
static void
test_wire_depth (void)
{
  guint n_fit = 0;

  for (guint depth = 100; depth < 200; depth++)
    {
      g_autoptr (GVariant) value = nest (depth);
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (GError) error = NULL;
      g_autofree guint8 *copy = NULL;
      CfutWireOut out = { .type = CFUT_WIRE_CALL, .name = "f", .value = value };
      CfutWireFrame frame;
      gsize consumed;

      if (cfut_wire_encode (&out, CFUT_WIRE_MAX_BODY, bytes, &error))
        {
          g_assert_cmpuint (n_fit, ==, depth - 100);
          n_fit++;
          g_assert_cmpint (decode (bytes->data, bytes->len, CFUT_WIRE_APPLICATION, &frame, &copy,
                                   &consumed, &error), ==, CFUT_WIRE_FRAME);
        }
      else
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
          g_assert_cmpuint (bytes->len, ==, 0);
          assert_bad_frame (naive_encode (&out), CFUT_WIRE_APPLICATION, "not in normal form");
        }
    }

  g_assert_cmpuint (n_fit, >, 0);
  g_assert_cmpuint (n_fit, <, 60);
}

/* Payloads. */

static GByteArray *
frame_with_payloads (const char *value,
                     const char *payloads,
                     guint       n_fds)
{
  g_autoptr (GVariant) parsed = g_variant_ref_sink (g_variant_new_parsed (value));
  GVariant *list = g_variant_parse (G_VARIANT_TYPE ("a(auyutt)"), payloads, NULL, NULL, NULL);
  GVariant *body;

  g_assert_nonnull (list);
  body = g_variant_new ("((sv)@a(auyutt))", "f", parsed, list);
  g_variant_unref (list);
  return naive_frame (g_variant_get_size (body), CFUT_WIRE_CALL, n_fds, CFUT_WIRE_FLAG_PAYLOAD, 1, body);
}

static void
test_wire_lies_about_payloads (void)
{
  static const struct {
    const char *value;
    const char *payloads;
    guint n_fds;
    const char *why;
  } lies[] = {
    { "@ay []", "[([], 0, 0, 0, 5)]", 1, NULL },
    { "(1, @ay [])", "[([1], 1, 0, 9, 5)]", 1, NULL },
    { "(1, @ay [])", "[([1], 2, 0, 9, 5)]", 0, NULL },
    { "(1, @ay [])", "[([1], 0, 2, 0, 5)]", 3, NULL },
    { "(<@ay []>, @ay [])", "[([0, 0], 0, 1, 0, 5), ([1], 1, 2, 1, 5)]", 3, NULL },
    { "@ay []", "[]", 0, "no payload" },
    { "@ay []", "[([], 0, 0, 0, 0)]", 1, "payload that is none" },                  /* nothing in it */
    { "@ay []", "[([], 0, 0, 0, 0x8000000000000000)]", 1, "payload that is none" },
    { "@ay []", "[([], 0, 0, 1, 5)]", 1, "payload that is none" },                  /* once, with a buffer */
    { "@ay []", "[([], 1, 0, 0, 5)]", 1, "payload that is none" },                  /* new, without one */
    { "@ay []", "[([], 2, 0, 0, 5)]", 0, "payload that is none" },
    { "@ay []", "[([], 2, 1, 1, 5)]", 1, "payload that is none" },                  /* again, with a descriptor */
    { "@ay []", "[([], 3, 0, 1, 5)]", 1, "payload that is none" },                  /* no such kind */
    { "@ay []", "[([], 0, 0, 0, 5)]", 0, "do not fit their descriptors" },
    { "@ay []", "[([], 0, 0, 0, 5)]", 2, "do not fit their descriptors" },
    { "@ay []", "[([], 0, 1, 0, 5)]", 1, "do not fit their descriptors" },
    { "(@ay [], @ay [])", "[([0], 0, 0, 0, 5), ([1], 0, 0, 0, 5)]", 2, "do not fit their descriptors" },
    { "(@ay [], @ay [])", "[([0], 0, 1, 0, 5), ([1], 0, 0, 0, 5)]", 2, "do not fit their descriptors" },
    { "(@ay [], 1)", "[([0], 0, 0, 0, 5), ([0], 0, 1, 0, 5)]", 2, "two payloads in one place" },
    { "@ay [1]", "[([], 0, 0, 0, 5)]", 1, "has no place" },
    { "''", "[([], 0, 0, 0, 5)]", 1, "has no place" },
    { "(1, @ay [])", "[([], 0, 0, 0, 5)]", 1, "has no place" },
    { "(1, @ay [])", "[([0], 0, 0, 0, 5)]", 1, "has no place" },
    { "(1, @ay [])", "[([2], 0, 0, 0, 5)]", 1, "has no place" },
    { "(1, @ay [])", "[([4294967295], 0, 0, 0, 5)]", 1, "has no place" },
    { "(1, @ay [])", "[([1, 0], 0, 0, 0, 5)]", 1, "has no place" },
    { "(1, @ay [])", "[([0, 0], 0, 0, 0, 5)]", 1, "has no place" },
    { "@ay []", "[([0, 0, 0, 0, 0, 0, 0, 0, 0], 0, 0, 0, 5)]", 1, "path is too long" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      g_autoptr (GByteArray) bytes = frame_with_payloads (lies[i].value, lies[i].payloads,
                                                          lies[i].n_fds);
      g_autofree guint8 *copy = NULL;
      CfutWireFrame frame;
      gsize consumed;

      if (lies[i].why != NULL)
        assert_bad (bytes->data, bytes->len, CFUT_WIRE_APPLICATION, lies[i].why);
      else
        g_assert_cmpint (decode (bytes->data, bytes->len, CFUT_WIRE_APPLICATION, &frame, &copy,
                                 &consumed, NULL), ==, CFUT_WIRE_FRAME);
    }
}

/* A result without a value has no place for any. */
static void
test_wire_payloads_of_nothing (void)
{
  GVariant *body = g_variant_new_parsed ("(@mv nothing, @a(auyutt) [([], 0, 0, 0, 5)])");

  assert_bad_frame (naive_frame (g_variant_get_size (body), CFUT_WIRE_RESULT, 1,
                                 CFUT_WIRE_FLAG_PAYLOAD, 1, body),
                    CFUT_WIRE_WORKER, "no payload");
}

/* The output of what knows no protocol is told at once, and is shown. */
static void
test_wire_output_of_something_else (void)
{
  static const char * const outputs[] = {
    "Hello, world!\n", "warning: this is no frame\n", "\033[1mbold", "12345", "<?xml version=\"1.0\"?>",
  };

  for (guint i = 0; i < G_N_ELEMENTS (outputs); i++)
    {
      g_autofree guint8 *copy = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *start = g_strndup (outputs[i] + 1, 3);
      CfutWireFrame frame;
      gsize consumed;

      g_assert_cmpint (decode ((const guint8 *) outputs[i], strlen (outputs[i]), CFUT_WIRE_WORKER,
                               &frame, &copy, &consumed, &error), ==, CFUT_WIRE_BAD);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
      g_assert_nonnull (strstr (error->message, start));
    }
}

/* What cannot be sent is an error that says so, and leaves what was encoded before as it was. */
static void
test_wire_refuses_to_encode (void)
{
  g_autofree char *long_name = g_strnfill (CFUT_WIRE_MAX_NAME + 1, 'n');
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_string ("0123456789"));
  const struct {
    const char *name;
    gsize max_body;
    int code;
  } refused[] = {
    { "", CFUT_WIRE_MAX_BODY, G_IO_ERROR_INVALID_ARGUMENT },
    { "\377", CFUT_WIRE_MAX_BODY, G_IO_ERROR_INVALID_ARGUMENT },
    { long_name, CFUT_WIRE_MAX_BODY, G_IO_ERROR_INVALID_ARGUMENT },
    { "f", 21, G_IO_ERROR_MESSAGE_TOO_LARGE },   /* name 8, string 11, type 2, offset 1: 22 */
    { "f", 22, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();
      g_autoptr (GError) error = NULL;
      CfutWireOut out = { .type = CFUT_WIRE_CALL, .name = refused[i].name, .value = value };
      gboolean ok;

      g_byte_array_append (bytes, (const guint8 *) "before..", 8);
      ok = cfut_wire_encode (&out, refused[i].max_body, bytes, &error);
      g_assert_cmpint (ok, ==, refused[i].code == 0);
      if (ok)
        continue;
      g_assert_error (error, G_IO_ERROR, refused[i].code);
      g_assert_cmpmem (bytes->data, bytes->len, "before..", 8);
    }
}

/* An error's texts are whatever a program made them: they are cut, and made valid. */
static void
test_wire_cuts_long_texts (void)
{
  g_autofree char *domain = g_strnfill (300, 'd');
  GString *message = g_string_new ("x");
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  CfutWireOut out = { .type = CFUT_WIRE_ERROR, .domain = domain };
  CfutWireFrame frame;
  gsize consumed;

  while (message->len < 5000)
    g_string_append (message, "€");
  out.message = message->str;
  g_assert_true (cfut_wire_encode (&out, CFUT_WIRE_MAX_BODY, bytes, NULL));
  g_assert_cmpint (cfut_wire_decode (bytes->data, bytes->len, CFUT_WIRE_WORKER, CFUT_WIRE_MAX_BODY,
                                     &frame, &consumed, &error), ==, CFUT_WIRE_FRAME);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (frame.domain), ==, CFUT_WIRE_MAX_NAME);
  g_assert_cmpuint (strlen (frame.message), <=, CFUT_WIRE_MAX_MESSAGE);
  g_assert_cmpuint (strlen (frame.message), >=, CFUT_WIRE_MAX_MESSAGE - 3);

  /* Each byte that is not valid is made three. */
  g_string_truncate (message, 0);
  while (message->len < CFUT_WIRE_MAX_MESSAGE)
    g_string_append_c (message, '\200');
  out.message = message->str;
  g_byte_array_set_size (bytes, 0);
  g_assert_true (cfut_wire_encode (&out, CFUT_WIRE_MAX_BODY, bytes, NULL));
  g_assert_cmpint (cfut_wire_decode (bytes->data, bytes->len, CFUT_WIRE_WORKER, CFUT_WIRE_MAX_BODY,
                                     &frame, &consumed, &error), ==, CFUT_WIRE_FRAME);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (frame.message), <=, CFUT_WIRE_MAX_MESSAGE);
  g_string_free (message, TRUE);
}

/* A value that came from outside and is not in normal form goes out in it. */
static void
test_wire_normalises_what_it_sends (void)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (
    g_variant_new_from_data (G_VARIANT_TYPE ("b"), "\7", 1, FALSE, NULL, NULL));
  Random random = { .out = { .type = CFUT_WIRE_RESULT, .value = value } };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  CfutWireFrame frame;
  gsize consumed;

  g_assert_true (cfut_wire_encode (&random.out, CFUT_WIRE_MAX_BODY, bytes, NULL));
  g_assert_cmpint (cfut_wire_decode (bytes->data, bytes->len, CFUT_WIRE_WORKER, CFUT_WIRE_MAX_BODY,
                                     &frame, &consumed, &error), ==, CFUT_WIRE_FRAME);
  g_assert_no_error (error);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/cfut/wire/matches-a-naive-model", test_wire_matches_a_naive_model);
  g_test_add_func ("/cfut/wire/offsets-of-all-widths", test_wire_offsets_of_all_widths);
  g_test_add_func ("/cfut/wire/each-prefix-wants-more", test_wire_each_prefix_wants_more);
  g_test_add_func ("/cfut/wire/mutations-are-refused-or-sound",
                   test_wire_mutations_are_refused_or_sound);
  g_test_add_func ("/cfut/wire/lies-in-the-header", test_wire_lies_in_the_header);
  g_test_add_func ("/cfut/wire/lies-in-the-body", test_wire_lies_in_the_body);
  g_test_add_func ("/cfut/wire/lies-in-the-padding", test_wire_lies_in_the_padding);
  g_test_add_func ("/cfut/wire/other-endianness", test_wire_other_endianness);
  g_test_add_func ("/cfut/wire/depth", test_wire_depth);
  g_test_add_func ("/cfut/wire/lies-about-payloads", test_wire_lies_about_payloads);
  g_test_add_func ("/cfut/wire/payloads-of-nothing", test_wire_payloads_of_nothing);
  g_test_add_func ("/cfut/wire/output-of-something-else", test_wire_output_of_something_else);
  g_test_add_func ("/cfut/wire/refuses-to-encode", test_wire_refuses_to_encode);
  g_test_add_func ("/cfut/wire/cuts-long-texts", test_wire_cuts_long_texts);
  g_test_add_func ("/cfut/wire/normalises-what-it-sends", test_wire_normalises_what_it_sends);

  return g_test_run ();
}
