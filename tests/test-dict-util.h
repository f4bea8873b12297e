/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "test-util.h"

G_BEGIN_DECLS

typedef enum {
  TEST_DICT_SET,
  TEST_DICT_LOOKUP,
  TEST_DICT_REMOVE,
  TEST_DICT_CONTAINS,
  TEST_DICT_LENGTH,
  TEST_DICT_KEYS,
  TEST_DICT_ADD,
  TEST_DICT_COMPARE_AND_SET,
  TEST_DICT_N_VERBS
} TestDictVerb;

/* An operation on a dict. What it gives is put in words, "true" or "x 5" or "error g-io-error 35", so
 * that answers are compared as strings. */
typedef struct {
  TestDictVerb verb;
  const char *key;
  GVariant *expected;  /* (owned) (nullable) */
  GVariant *value;     /* (owned) (nullable) */
  gint64 delta;
} TestDictOp;

/* One of few keys and few values, with sums that come near the ends now and then. */
void       test_dict_op_random   (TestDictOp       *op,
                                  GRand            *rand,
                                  guint             n_keys);
void       test_dict_op_clear    (TestDictOp       *op);
char      *test_dict_op_describe (const TestDictOp *op);
/* By the public methods. */
char      *test_dict_do          (CfutSharedDict   *dict,
                                  const TestDictOp *op);
char      *test_dict_say_value   (GVariant         *value);  /* (nullable) */
char      *test_dict_say_error   (const GError     *error);
char      *test_dict_say_keys    (const char      **keys);   /* sorts them */

/* A list that is walked from its start, with values as their texts. */
typedef struct _TestNaiveDict TestNaiveDict;

TestNaiveDict *test_naive_dict_new  (void);
TestNaiveDict *test_naive_dict_copy (TestNaiveDict    *self);
void           test_naive_dict_free (TestNaiveDict    *self);
char          *test_naive_dict_do   (TestNaiveDict    *self,
                                     const TestDictOp *op);
/* All of it, in one order for all that are the same. */
char          *test_naive_dict_describe (TestNaiveDict *self);

/* An operation as it was seen: done between `begin` and `end`, by a clock that counts these. */
typedef struct {
  TestDictOp op;
  char *said;
  guint begin;
  guint end;
} TestDictEvent;

/* Whether there is an order of them, as steps each at one moment of its time, in which a naive dict says the same;
 * the dict was empty. At most 31. */
gboolean test_dict_is_linearizable (const TestDictEvent *events,
                                    guint                n_events);
/* Pairs of them. */
guint    test_dict_count_overlaps  (const TestDictEvent *events,
                                    guint                n_events);
void     test_dict_print_events    (const TestDictEvent *events,
                                    guint                n_events);

G_END_DECLS
