/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <cfut/cfut.h>

G_BEGIN_DECLS

/* What has not come by then has failed. It guards against hangs and never orders anything. */
#define TEST_DEADLINE_USEC (40 * G_USEC_PER_SEC)

/* The domain in which the library complains about programmer errors. */
#define TEST_LIBRARY_LOG_DOMAIN "cfut"

/* A place where threads stop until it is opened. */
typedef struct {
  GMutex lock;
  GCond cond;
  guint n_arrived;
  gboolean is_open;
} TestGate;

void test_gate_init         (TestGate *gate);
void test_gate_clear        (TestGate *gate);
void test_gate_open         (TestGate *gate);
void test_gate_arrive       (TestGate *gate);
void test_gate_pass         (TestGate *gate);
void test_gate_wait_arrived (TestGate *gate,
                             guint     n);

/* A counting semaphore. */
typedef struct {
  GMutex lock;
  GCond cond;
  guint count;
} TestSem;

void test_sem_init  (TestSem *sem);
void test_sem_clear (TestSem *sem);
void test_sem_post  (TestSem *sem);
void test_sem_wait  (TestSem *sem);

/* Where something was called, and how often; filled in on any thread. The pointers are compared,
 * never followed. */
typedef struct {
  GThread *thread;
  GMainContext *context;  /* of the source that was being dispatched; NULL: none */
  int n_calls;
} TestPlace;

void     test_place_note       (gpointer     place);       /* fits GDestroyNotify */
void     test_place_callback   (CfutFuture  *settled,      /* fits CfutCallback */
                                gpointer     place);
void     test_place_done       (CfutFuture  *future,       /* a handler of `done` */
                                TestPlace   *place);
void     test_place_notify     (GObject     *object,       /* a handler of `notify` */
                                GParamSpec  *pspec,
                                TestPlace   *place);
void     test_place_async      (GObject     *source,       /* fits GAsyncReadyCallback */
                                GAsyncResult *result,
                                gpointer     place);
int      test_place_get_n      (TestPlace   *place);
void     test_place_assert_here (TestPlace  *place,
                                 int         n_calls);

/* A thread that runs a main loop of its own, as its thread-default context. */
typedef struct _TestLoopThread TestLoopThread;
typedef void (*TestFunc) (gpointer user_data);

TestLoopThread *test_loop_thread_new         (void);
void            test_loop_thread_free        (TestLoopThread *self);
GMainContext   *test_loop_thread_get_context (TestLoopThread *self);
GThread        *test_loop_thread_get_thread  (TestLoopThread *self);
/* Calls @func on the thread, and returns after it. */
void            test_loop_thread_call        (TestLoopThread *self,
                                              TestFunc        func,
                                              gpointer        user_data);

/* Iterates @context (NULL: the default one) until @condition holds. */
#define test_iterate_until(context, condition) \
  G_STMT_START { \
    TestPatience patience_; \
    test_patience_begin (&patience_, (context), #condition, G_STRLOC); \
    while (!(condition)) \
      test_patience_iterate (&patience_); \
    test_patience_end (&patience_); \
  } G_STMT_END

/* Looks until @condition holds, with no main loop, for what nobody announces. */
#define test_poll_until(condition) \
  G_STMT_START { \
    gint64 deadline_ = g_get_monotonic_time () + TEST_DEADLINE_USEC; \
    while (!(condition)) \
      test_poll_again (deadline_, #condition, G_STRLOC); \
  } G_STMT_END

typedef struct {
  GMainContext *context;
  GSource *tick;
  const char *condition;
  const char *where;
  gint64 deadline;
} TestPatience;

void test_patience_begin   (TestPatience *self,
                            GMainContext *context,
                            const char   *condition,
                            const char   *where);
void test_patience_iterate (TestPatience *self);
void test_patience_end     (TestPatience *self);
void test_poll_again       (gint64        deadline,
                            const char   *condition,
                            const char   *where);
/* Dispatches all that is ready, without waiting. */
void test_iterate_ready    (GMainContext *context);

/* Waits with the guard's limit and asserts that the future settled in that way. */
void test_assert_settles   (CfutFuture *future,
                            CfutState   state);
/* The same, and its error. */
void test_assert_fails     (CfutFuture *future,
                            CfutState   state,
                            GQuark      domain,
                            int         code);
/* Shuts it down, within the guard's limit: nothing is left in it then, but for what was given up, and
 * all that is ready here has been dispatched. */
void test_assert_ends      (CfutExecutor *executor);

/* The kinds of values that have a setter and a getter of their own. */
typedef enum {
  TEST_KIND_VARIANT,
  TEST_KIND_STRING,
  TEST_KIND_BYTES,
  TEST_KIND_OBJECT,
  TEST_KIND_INT64,
  TEST_KIND_DOUBLE,
  TEST_KIND_BOOLEAN,
  TEST_N_KINDS
} TestKind;

/* The settled future holds a value of that kind, and each getter of another kind says so. */
void test_assert_holds      (CfutFuture *future,
                             TestKind    kind);
/* Asks the getter of that kind. TRUE: it gave something other than zero; sets @error as it does. */
gboolean test_ask_getter    (CfutFuture *future,
                             TestKind    kind,
                             gint64      timeout_usec,
                             GError    **error);

/* A promise (transfer full) whose future is in that state: of 7, or an error of its own. */
CfutPromise *test_promise_in_state (CfutState state);
/* (transfer full): with that name, for being in use. */
CfutFuture  *test_rejected_future  (const char *name);
/* Until it is finalised. */
void         test_drop_and_await   (CfutFuture *future);
/* Resolves it with 1; fits GThreadFunc. */
gpointer     test_promise_resolve  (gpointer  promise);

/* Expects that what comes until g_test_assert_expected_messages () complains about an argument. */
void test_expect_critical  (void);

/* Counts into @n_gone, atomically, when the object is disposed of. */
void test_watch_gone       (gpointer    object,
                            int        *n_gone);

/* Task functions. */
gboolean test_task_nothing (CfutTask  *task,       /* resolves with no value */
                            gpointer   user_data,
                            GError   **error);
gboolean test_task_pass    (CfutTask  *task,       /* passes the TestGate, no value */
                            gpointer   gate,
                            GError   **error);
gboolean test_task_count   (CfutTask  *task,       /* adds one to an int */
                            gpointer   counter,
                            GError   **error);
gboolean test_task_number  (CfutTask  *task,       /* resolves with GPOINTER_TO_INT (number) */
                            gpointer   number,
                            GError   **error);
gboolean test_task_fail    (CfutTask  *task,       /* G_IO_ERROR_FAILED */
                            gpointer   user_data,
                            GError   **error);
gboolean test_task_unset   (CfutTask  *task,       /* FALSE without an error */
                            gpointer   user_data,
                            GError   **error);
gboolean test_task_until_cancelled (CfutTask  *task,  /* arrives at the TestGate, then waits for its cancellation */
                                    gpointer   gate,
                                    GError   **error);

/* A seed for randomised tests: printed, and taken from CFUT_TEST_SEED where that is set. */
guint32 test_seed          (void);
/* How long a busy loop lasts, by the monotonic clock. */
void    test_burn          (gint64 usec);

G_END_DECLS
