/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  HASH_ALGORITHM_SHA256,
  HASH_ALGORITHM_SHA512,
  HASH_ALGORITHM_SHA1,
  HASH_ALGORITHM_MD5
} HashAlgorithm;

#define HASH_N_ALGORITHMS 4
#define HASH_DEFAULT_ALGORITHM HASH_ALGORITHM_SHA256
#define HASH_MAX_HEX_LENGTH 128  /* without the nul */

/* "sha256", as the command line has it: letters of either case, "SHA-256" too. */
gboolean    hash_algorithm_from_string     (const char    *string,
                                            HashAlgorithm *algorithm);
gboolean    hash_algorithm_from_hex_length (gsize          length,
                                            HashAlgorithm *algorithm);
const char *hash_algorithm_to_string       (HashAlgorithm  algorithm);  /* "sha256" */
const char *hash_algorithm_get_title       (HashAlgorithm  algorithm);  /* "SHA-256" */
gsize       hash_algorithm_get_hex_length  (HashAlgorithm  algorithm);

/* A digest that is computed; for one thread at a time, and for any number of messages. */
typedef struct _HashDigest HashDigest;

HashDigest *hash_digest_new    (HashAlgorithm  algorithm);
void        hash_digest_free   (HashDigest    *self);
void        hash_digest_begin  (HashDigest    *self);
void        hash_digest_update (HashDigest    *self,
                                gconstpointer  data,
                                gsize          length);
/* Writes the hexadecimal digits and a nul. */
void        hash_digest_end    (HashDigest    *self,
                                char           hex[HASH_MAX_HEX_LENGTH + 1]);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HashDigest, hash_digest_free)

/* "libcrypto" or "GLib". */
const char *hash_digest_get_backend (void);

G_END_DECLS
