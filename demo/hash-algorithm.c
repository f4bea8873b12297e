/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* The algorithms, and the digest that computes them.
 *
 * libcrypto uses the processor's SHA instructions where there are any, which makes it about five
 * times as fast as GChecksum, so it is used where it was found; GChecksum stands in where it was
 * not, and where libcrypto refuses an algorithm (MD5 in its FIPS mode). The answer is the same.
 *
 * Threads: the table is constant and the fetched EVP_MDs are made once; a HashDigest is for one
 * thread at a time.
 */

#include "hash-algorithm.h"

#include <string.h>

#ifdef HAVE_LIBCRYPTO
#include <openssl/crypto.h>
#include <openssl/evp.h>
#endif

typedef struct {
  const char *name;
  const char *title;
  gsize hex_length;
  GChecksumType checksum_type;
} AlgorithmInfo;

static const AlgorithmInfo algorithms[HASH_N_ALGORITHMS] = {
  [HASH_ALGORITHM_SHA256] = { "sha256", "SHA-256", 64, G_CHECKSUM_SHA256 },
  [HASH_ALGORITHM_SHA512] = { "sha512", "SHA-512", 128, G_CHECKSUM_SHA512 },
  [HASH_ALGORITHM_SHA1] = { "sha1", "SHA-1", 40, G_CHECKSUM_SHA1 },
  [HASH_ALGORITHM_MD5] = { "md5", "MD5", 32, G_CHECKSUM_MD5 },
};

struct _HashDigest {
  HashAlgorithm algorithm;
  GChecksum *checksum;  /* NULL: libcrypto does it */
#ifdef HAVE_LIBCRYPTO
  EVP_MD_CTX *context;
  const EVP_MD *md;
#endif
};

gboolean
hash_algorithm_from_string (const char    *string,
                            HashAlgorithm *algorithm)
{
  for (guint i = 0; i < HASH_N_ALGORITHMS; i++)
    {
      if (g_ascii_strcasecmp (string, algorithms[i].name) == 0 ||
          g_ascii_strcasecmp (string, algorithms[i].title) == 0)
        {
          *algorithm = i;
          return TRUE;
        }
    }

  return FALSE;
}

gboolean
hash_algorithm_from_hex_length (gsize          length,
                                HashAlgorithm *algorithm)
{
  for (guint i = 0; i < HASH_N_ALGORITHMS; i++)
    {
      if (algorithms[i].hex_length == length)
        {
          *algorithm = i;
          return TRUE;
        }
    }

  return FALSE;
}

const char *
hash_algorithm_to_string (HashAlgorithm algorithm)
{
  return algorithms[algorithm].name;
}

const char *
hash_algorithm_get_title (HashAlgorithm algorithm)
{
  return algorithms[algorithm].title;
}

gsize
hash_algorithm_get_hex_length (HashAlgorithm algorithm)
{
  return algorithms[algorithm].hex_length;
}

#ifdef HAVE_LIBCRYPTO

/* Looked up once: libcrypto 3 otherwise searches its providers, under a lock, for each message. */
static const EVP_MD *
get_md (HashAlgorithm algorithm)
{
  static gsize once;
  static const EVP_MD *mds[HASH_N_ALGORITHMS];

  if (g_once_init_enter (&once))
    {
      /* Workers may still be at work, or just ending, when the program exits: libcrypto must not be
       * taken down under them. */
#ifdef OPENSSL_INIT_NO_ATEXIT
      OPENSSL_init_crypto (OPENSSL_INIT_NO_ATEXIT, NULL);
#endif

#if OPENSSL_VERSION_NUMBER >= 0x30000000L
      for (guint i = 0; i < HASH_N_ALGORITHMS; i++)
        mds[i] = EVP_MD_fetch (NULL, algorithms[i].name, NULL);
#else
      mds[HASH_ALGORITHM_SHA256] = EVP_sha256 ();
      mds[HASH_ALGORITHM_SHA512] = EVP_sha512 ();
      mds[HASH_ALGORITHM_SHA1] = EVP_sha1 ();
      mds[HASH_ALGORITHM_MD5] = EVP_md5 ();
#endif
      g_once_init_leave (&once, 1);
    }

  return mds[algorithm];
}

static gboolean
crypto_begin (HashDigest *self)
{
  return self->md != NULL && self->context != NULL &&
         EVP_DigestInit_ex (self->context, self->md, NULL) == 1;
}

static void
crypto_end (HashDigest *self,
            char       *hex)
{
  static const char digits[] = "0123456789abcdef";
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int length = 0;

  if (EVP_DigestFinal_ex (self->context, raw, &length) != 1)
    g_error ("libcrypto could not finish a digest that it had begun");

  for (unsigned int i = 0; i < length; i++)
    {
      hex[2 * i] = digits[raw[i] >> 4];
      hex[2 * i + 1] = digits[raw[i] & 15];
    }

  hex[2 * length] = '\0';
}

#endif

HashDigest *
hash_digest_new (HashAlgorithm algorithm)
{
  HashDigest *self = g_new0 (HashDigest, 1);

  self->algorithm = algorithm;

#ifdef HAVE_LIBCRYPTO
  self->context = EVP_MD_CTX_new ();
  self->md = get_md (algorithm);

  if (crypto_begin (self))
    return self;
#endif

  self->checksum = g_checksum_new (algorithms[algorithm].checksum_type);

  return self;
}

void
hash_digest_free (HashDigest *self)
{
#ifdef HAVE_LIBCRYPTO
  EVP_MD_CTX_free (self->context);
#endif
  g_clear_pointer (&self->checksum, g_checksum_free);
  g_free (self);
}

void
hash_digest_begin (HashDigest *self)
{
  if (self->checksum != NULL)
    {
      g_checksum_reset (self->checksum);
      return;
    }

#ifdef HAVE_LIBCRYPTO
  if (!crypto_begin (self))
    g_error ("libcrypto could not begin a digest that it had begun before");
#endif
}

void
hash_digest_update (HashDigest    *self,
                    gconstpointer  data,
                    gsize          length)
{
  if (self->checksum != NULL)
    {
      g_checksum_update (self->checksum, data, length);
      return;
    }

#ifdef HAVE_LIBCRYPTO
  if (EVP_DigestUpdate (self->context, data, length) != 1)
    g_error ("libcrypto could not continue a digest that it had begun");
#endif
}

void
hash_digest_end (HashDigest *self,
                 char        hex[HASH_MAX_HEX_LENGTH + 1])
{
  if (self->checksum != NULL)
    {
      g_strlcpy (hex, g_checksum_get_string (self->checksum), HASH_MAX_HEX_LENGTH + 1);
      return;
    }

#ifdef HAVE_LIBCRYPTO
  crypto_end (self, hex);
#endif
}

const char *
hash_digest_get_backend (void)
{
#ifdef HAVE_LIBCRYPTO
  return "libcrypto";
#else
  return "GLib";
#endif
}
