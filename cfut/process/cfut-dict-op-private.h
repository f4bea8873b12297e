/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What is refused in a dict. Keys count in bytes, values serialized. */
#define CFUT_DICT_MAX_KEY 4096
#define CFUT_DICT_MAX_VALUE (16 * 1024 * 1024)
/* GVariant itself ends at 128, some of which is for what a value travels in. */
#define CFUT_DICT_MAX_DEPTH 100

/* verb, key, expected, value, delta; what an operation has no use for is empty. */
#define CFUT_DICT_REQUEST_TYPE ((const GVariantType *) "(ysmvmvx)")
/* Either an error as domain, code and message; or what the operation gives, which is nothing for
 * set, and for the lookup of a key that is not there. */
#define CFUT_DICT_REPLY_TYPE ((const GVariantType *) "(m(sis)mv)")

/* The numbers are those of the protocol. */
typedef enum {
  CFUT_DICT_SET = 1,          /* value */
  CFUT_DICT_LOOKUP,           /* gives a value, or nothing */
  CFUT_DICT_REMOVE,           /* gives b: whether it was there */
  CFUT_DICT_CONTAINS,         /* gives b */
  CFUT_DICT_LENGTH,           /* no key; gives t */
  CFUT_DICT_KEYS,             /* no key; gives as */
  CFUT_DICT_ADD,              /* delta; gives x: the sum */
  CFUT_DICT_COMPARE_AND_SET   /* expected, value; gives b */
} CfutDictVerb;

typedef struct {
  CfutDictVerb verb;
  const char *key;       /* whoever made the operation keeps it */
  GVariant *expected;    /* (owned) (nullable): that there is none */
  GVariant *value;       /* (owned) (nullable): to remove it */
  gint64 delta;
} CfutDictOp;

typedef enum {
  CFUT_DICT_DONE,
  CFUT_DICT_OVERFLOW,
  CFUT_DICT_NO_NUMBER
} CfutDictOutcome;

/* What a table says to an operation. */
typedef struct {
  CfutDictOutcome outcome;
  gboolean changed;      /* the table is another one */
  gboolean truth;
  guint64 length;
  gint64 sum;
  GVariant *value;       /* (owned) (nullable) */
  GPtrArray *keys;       /* (owned) (nullable): entries of the table, which hold the keys */
  GVariant *dropped;     /* (owned) (nullable): the value that went out of the table */
} CfutDictAnswer;

/* FALSE: a key or a value that no dict takes. Else the operation may be sent, or owned and applied;
 * its values are of normal form. */
gboolean  cfut_dict_op_check      (CfutDictOp        *self,
                                   GError           **error);
/* After that its values are serialized, and the one to be set is in memory that nobody else has. */
void      cfut_dict_op_own        (CfutDictOp        *self);
void      cfut_dict_op_clear      (CfutDictOp        *self);

/* (transfer full): of the type for requests. */
GVariant *cfut_dict_op_encode     (const CfutDictOp  *self);
/* Any variant at all; checked. The key is that of @request. */
gboolean  cfut_dict_op_decode     (CfutDictOp        *self,
                                   GVariant          *request,
                                   GError           **error);

/* FALSE: the operation failed. */
gboolean  cfut_dict_answer_check  (const CfutDictAnswer *self,
                                   GError              **error);
char    **cfut_dict_answer_dup_keys (const CfutDictAnswer *self);
void      cfut_dict_answer_clear  (CfutDictAnswer       *self);

/* (transfer full): of the type for replies. */
GVariant *cfut_dict_reply_new       (CfutDictVerb          verb,
                                     const CfutDictAnswer *answer);
GVariant *cfut_dict_reply_new_error (const GError         *error);
/* Any variant at all; checked. The keys come as the value. FALSE: the operation failed, or @reply
 * is none to it. */
gboolean  cfut_dict_reply_decode    (GVariant             *reply,
                                     CfutDictVerb          verb,
                                     CfutDictAnswer       *answer,
                                     GError              **error);

G_END_DECLS
