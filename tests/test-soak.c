/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Long weather: calls of all kinds from four threads, cancels and deadlines, and ten times a second a worker
 * that is killed at random, for as long as CFUT_TEST_SECONDS says (300). Not in the plain run: see tests/soak.
 *
 * Every future settles exactly once, in a way that its call allows; no call is run twice; results are right;
 * and at the end descriptors, processes, threads, mappings and memory are where they were after a first, short
 * round. What happened is counted and printed. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <glib-unix.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "test-process-util.h"

#define N_THREADS 4
#define N_OPEN 32             /* calls that a thread has open */
#define N_PIDS 16             /* workers that were seen last */
#define KILL_EVERY_USEC (G_USEC_PER_SEC / 10)
#define WARM_UP_SECONDS 3
#define MAX_GROWTH (64 * 1024)

#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes (void);
int __lsan_is_turned_off (void);

/* Leaks are looked for by a process that holds the one in question as a debugger does. A worker that is killed
 * meanwhile cannot be reaped yet when GLib hears of its end, and GLib asks once only. */
static int is_worker;

int
__lsan_is_turned_off (void)
{
  return is_worker;
}
#endif

typedef struct _Kind Kind;

typedef struct {
  CfutExecutor *executor;
  CfutSharedDict *dict;
  gint64 end_usec;
  int stop;
  int pids[N_PIDS];
  guint next_pid;
  guint32 seed;
  guint n_killed;
  int n_calls;
  int n_callbacks;
  guint n_late;         /* calls that were run although they had been cancelled */
} Soak;

typedef struct {
  Soak *soak;
  const Kind *kind;
  CfutFuture *future;
  char *key;            /* (nullable): of a tally */
  gint64 number;
  GVariant *args;       /* (nullable): to compare with */
  int fd;               /* -1: none */
  gboolean asked;       /* to stop */
  int n_settled;
} Call;

typedef enum {
  MAY_RESOLVE = 1 << 0,
  MAY_FAIL = 1 << 1,      /* with an error of its own */
  MAY_DIE = 1 << 2,       /* with its worker */
  MAY_EXPIRE = 1 << 3
} May;

struct _Kind {
  const char *name;
  guint weight;
  May may;
  void (*start) (Call *call, CfutRequest *request, GRand *rand);
  void (*check) (Call *call);   /* (nullable): once it has resolved */
};

/* --- what workers can do --- */

static gboolean
do_add (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  gint64 a;
  gint64 b;

  g_variant_get (args, "(xx)", &a, &b);
  cfut_task_set_result_int64 (task, a + b);
  return TRUE;
}

/* Each call has a key of its own: who finds another number in it was not the first. */
static gboolean
do_tally (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  GError *problem = NULL;
  gint64 sum = cfut_shared_dict_add (cfut_worker_get_shared (worker, "tally"),
                                     g_variant_get_string (args, NULL), 1, &problem);

  if (problem != NULL)
    {
      g_propagate_error (error, problem);
      return FALSE;
    }
  cfut_task_set_result_int64 (task, sum);
  return TRUE;
}

static gboolean
do_echo (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  cfut_task_set_result_variant (task, args);
  return TRUE;
}

static gboolean
do_write (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  GUnixFDList *fds = cfut_task_get_fds (task);
  int fd = g_unix_fd_list_get (fds, g_variant_get_handle (args), error);

  if (fd < 0 || write (fd, "x", 1) != 1)
    return FALSE;
  close (fd);
  cfut_task_set_result_fds (task, fds);
  cfut_task_set_result_variant (task, g_variant_new_handle (0));
  return TRUE;
}

static gboolean
do_burn (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  test_burn (g_variant_get_int64 (args));
  return TRUE;
}

static gboolean
do_until_stopped (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  while (cfut_task_checkpoint (task, error))
    g_usleep (1000);
  return FALSE;
}

static gboolean
do_deaf (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  for (;;)
    pause ();
  return FALSE;
}

static gboolean
do_stubborn (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  signal (SIGTERM, SIG_IGN);
  return do_deaf (task, args, worker, error);
}

static gboolean
do_steps (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  gint64 n = g_variant_get_int64 (args);

  for (gint64 i = 1; i <= n; i++)
    {
      cfut_task_set_progress (task, (guint64) i, (guint64) n);
      cfut_task_set_message (task, i % 2 == 0 ? "even" : "odd");
    }
  return TRUE;
}

static gboolean
do_fail (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "on purpose");
  return FALSE;
}

static gboolean
do_exit (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  _exit (7);
}

/* It is there still, and does not answer any more. */
static gboolean
do_freeze (CfutTask *task, GVariant *args, gpointer worker, GError **error)
{
  raise (SIGSTOP);
  return TRUE;
}

static int
run_worker (void)
{
  static const struct { const char *name; CfutCallFunc func; } functions[] = {
    { "add", do_add },
    { "tally", do_tally },
    { "echo", do_echo },
    { "write", do_write },
    { "burn", do_burn },
    { "until-stopped", do_until_stopped },
    { "deaf", do_deaf },
    { "stubborn", do_stubborn },
    { "steps", do_steps },
    { "fail", do_fail },
    { "exit", do_exit },
    { "freeze", do_freeze },
  };
  g_autoptr (CfutWorker) worker = cfut_worker_new ();

#ifdef __SANITIZE_ADDRESS__
  is_worker = TRUE;
#endif
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    cfut_worker_register (worker, functions[i].name, functions[i].func, worker, NULL);
  return cfut_worker_run (worker, NULL);
}

/* --- kinds of calls --- */

static void
start_add (Call *call, CfutRequest *request, GRand *rand)
{
  gint64 a = g_rand_int (rand);
  gint64 b = g_rand_int (rand);

  call->number = a + b;
  /* NULL: as most programs do it. */
  call->future = cfut_executor_call (call->soak->executor, g_rand_boolean (rand) ? NULL : request,
                                     "add", g_variant_new ("(xx)", a, b));
}

static void
start_tally (Call *call, CfutRequest *request, GRand *rand)
{
  call->key = g_strdup_printf ("%p-%08x%08x", call, g_rand_int (rand), g_rand_int (rand));
  call->number = 1;
  call->future = cfut_executor_call (call->soak->executor, request, "tally",
                                     g_variant_new_string (call->key));
}

static void
check_number (Call *call)
{
  g_assert_cmpint (cfut_future_result_int64 (call->future, 0, NULL), ==, call->number);
}

/* Of all sizes: in the frame, and beside it. */
static void
start_echo (Call *call, CfutRequest *request, GRand *rand)
{
  gsize size = (gsize) 1 << g_rand_int_range (rand, 0, 19);
  guint8 *data;

  size += g_rand_int_range (rand, 0, 64);
  data = g_malloc (size);
  memset (data, g_rand_int_range (rand, 0, 256), size);
  call->args = g_variant_ref_sink (g_variant_new ("(s@ay)", "bytes",
    g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, data, size, TRUE, g_free, data)));
  call->future = cfut_executor_call (call->soak->executor, request, "echo", call->args);
}

static void
check_echo (Call *call)
{
  g_assert_true (g_variant_equal (cfut_future_result_variant (call->future, 0, NULL), call->args));
}

/* The worker writes to a pipe that comes along, and sends it back. */
static void
start_write (Call *call, CfutRequest *request, GRand *rand)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  int ends[2];

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  g_assert_cmpint (g_unix_fd_list_append (fds, ends[1], NULL), ==, 0);
  close (ends[1]);
  call->fd = ends[0];
  call->future = cfut_executor_call_with_fds (call->soak->executor, request, "write",
                                              g_variant_new_handle (0), fds);
}

static void
check_write (Call *call)
{
  char text[2];
  int fd = g_unix_fd_list_get (cfut_future_get_fds (call->future), 0, NULL);

  g_assert_cmpint (read (call->fd, text, 2), ==, 1);
  g_assert_cmpint (write (fd, "y", 1), ==, 1);
  close (fd);
  g_assert_cmpint (read (call->fd, text, 2), ==, 1);
  g_assert_cmpint (text[0], ==, 'y');
}

static void
start_burn (Call *call, CfutRequest *request, GRand *rand)
{
  call->future = cfut_executor_call (call->soak->executor, request, "burn",
                                     g_variant_new_int64 (g_rand_int_range (rand, 0, 2000)));
}

static void
start_with_run_deadline (Call *call, CfutRequest *request, GRand *rand)
{
  cfut_request_set_run_deadline_usec (request, g_rand_int_range (rand, 0, 5000));
  call->future = cfut_executor_call (call->soak->executor, request, call->kind->name, NULL);
}

static void
start_with_queue_deadline (Call *call, CfutRequest *request, GRand *rand)
{
  cfut_request_set_queue_deadline_usec (request, g_rand_int_range (rand, 0, 5000));
  call->number = 3;
  call->future = cfut_executor_call (call->soak->executor, request, "add",
                                     g_variant_new ("(xx)", (gint64) 1, (gint64) 2));
}

static void
start_steps (Call *call, CfutRequest *request, GRand *rand)
{
  call->number = g_rand_int_range (rand, 1, 1000);
  call->future = cfut_executor_call (call->soak->executor, request, "steps",
                                     g_variant_new_int64 (call->number));
}

static void
check_steps (Call *call)
{
  g_autofree char *message = cfut_future_dup_message (call->future);
  guint64 done;
  guint64 total;

  cfut_future_get_progress (call->future, &done, &total);
  g_assert_cmpuint (done, ==, (guint64) call->number);
  g_assert_cmpuint (total, ==, (guint64) call->number);
  g_assert_cmpstr (message, ==, call->number % 2 == 0 ? "even" : "odd");
}

static void
start_plain (Call *call, CfutRequest *request, GRand *rand)
{
  call->future = cfut_executor_call (call->soak->executor, request, call->kind->name, NULL);
}

static void
start_command (Call *call, CfutRequest *request, GRand *rand)
{
  const char *argv[] = { "/bin/echo", "words", NULL };

  call->future = cfut_process_executor_run (CFUT_PROCESS_EXECUTOR (call->soak->executor), request,
                                            NULL, argv, NULL);
}

static void
check_command (Call *call)
{
  CfutCommandResult *result = CFUT_COMMAND_RESULT (cfut_future_result_object (call->future, 0, NULL));
  GBytes *output = cfut_command_result_get_stdout (result);

  g_assert_cmpmem (g_bytes_get_data (output, NULL), g_bytes_get_size (output), "words\n", 6);
}

static const Kind kinds[] = {
  { "add", 400, MAY_RESOLVE | MAY_DIE, start_add, check_number },
  { "tally", 200, MAY_RESOLVE | MAY_DIE, start_tally, check_number },
  { "echo", 120, MAY_RESOLVE | MAY_DIE, start_echo, check_echo },
  { "write", 50, MAY_RESOLVE | MAY_DIE, start_write, check_write },
  { "steps", 60, MAY_RESOLVE | MAY_DIE, start_steps, check_steps },
  { "burn", 40, MAY_RESOLVE | MAY_DIE, start_burn, NULL },
  { "queue-deadline", 40, MAY_RESOLVE | MAY_DIE | MAY_EXPIRE, start_with_queue_deadline, check_number },
  { "fail", 40, MAY_FAIL | MAY_DIE, start_plain, NULL },
  { "until-stopped", 25, MAY_DIE | MAY_EXPIRE, start_with_run_deadline, NULL },
  { "deaf", 3, MAY_DIE | MAY_EXPIRE, start_with_run_deadline, NULL },
  { "stubborn", 1, MAY_DIE | MAY_EXPIRE, start_with_run_deadline, NULL },
  { "exit", 6, MAY_DIE, start_plain, NULL },
  { "freeze", 1, MAY_DIE, start_plain, NULL },
  { "command", 10, MAY_RESOLVE, start_command, check_command },
};
#define N_KINDS G_N_ELEMENTS (kinds)

typedef enum { RESOLVED, FAILED, DIED, EXPIRED, CANCELLED, N_OUTCOMES } Outcome;

static int outcomes[N_KINDS][N_OUTCOMES];

static const Kind *
choose_kind (GRand *rand)
{
  guint sum = 0;
  gint32 at;
  guint i;

  for (i = 0; i < N_KINDS; i++)
    sum += kinds[i].weight;
  at = g_rand_int_range (rand, 0, (gint32) sum);
  for (i = 0; at >= (gint32) kinds[i].weight; i++)
    at -= (gint32) kinds[i].weight;
  return &kinds[i];
}

/* --- one call --- */

static void
on_settled (CfutFuture *future,
            gpointer    data)
{
  Call *call = data;

  g_atomic_int_inc (&call->n_settled);
  g_atomic_int_inc (&call->soak->n_callbacks);
}

static Call *
call_start (Soak  *soak,
            GRand *rand)
{
  g_autoptr (CfutRequest) request = cfut_request_new ();
  Call *call = g_new0 (Call, 1);

  call->soak = soak;
  call->kind = choose_kind (rand);
  call->fd = -1;
  cfut_request_set_priority (request, g_rand_int_range (rand, -2, 3) * 10);
  call->kind->start (call, request, rand);
  g_atomic_int_inc (&soak->n_calls);
  cfut_future_add_done_callback (call->future, CFUT_CALLBACK_DIRECT, on_settled, call, NULL);
  return call;
}

static Outcome
call_outcome (Call *call)
{
  g_autoptr (GError) error = NULL;
  May may = call->kind->may;

  switch (cfut_future_get_state (call->future))
    {
    case CFUT_STATE_RESOLVED:
      g_assert_true (may & MAY_RESOLVE);
      if (call->kind->check != NULL)
        call->kind->check (call);
      return RESOLVED;
    case CFUT_STATE_CANCELLED:
      g_assert_true (call->asked);
      return CANCELLED;
    case CFUT_STATE_REJECTED:
      break;
    case CFUT_STATE_PENDING:
    case CFUT_STATE_RUNNING:
    default:
      g_assert_not_reached ();
    }

  error = cfut_future_dup_error (call->future);
  if ((may & MAY_FAIL) && g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC))
    return FAILED;
  if ((may & MAY_DIE) && g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_WORKER_DIED))
    return DIED;
  if ((may & MAY_EXPIRE) && g_error_matches (error, CFUT_FUTURE_ERROR, CFUT_FUTURE_ERROR_DEADLINE))
    return EXPIRED;
  g_error ("%s: %s", call->kind->name, error->message);
}

/* Who has not resolved may have counted, but not twice. One that is cancelled just when its worker starts it may
 * do so later: that key stays, and is looked at in the end. */
static void
call_check_tally (Call    *call,
                  Outcome  outcome)
{
  GError *error = NULL;
  gint64 count = cfut_shared_dict_add (call->soak->dict, call->key, 0, &error);

  g_assert_no_error (error);
  g_assert_cmpint (count, <=, 1);
  if (outcome == RESOLVED)
    g_assert_cmpint (count, ==, 1);
  cfut_shared_dict_remove (call->soak->dict, call->key, &error);
  g_assert_no_error (error);
}

static void
call_finish (Call *call)
{
  Soak *soak = call->soak;
  Outcome outcome;
  int pid;

  g_assert_true (cfut_future_wait (call->future, TEST_DEADLINE_USEC, NULL, NULL));
  outcome = call_outcome (call);
  g_atomic_int_inc (&outcomes[call->kind - kinds][outcome]);
  pid = cfut_future_get_worker_pid (call->future);
  if (pid > 0 && call->kind->may & MAY_DIE)
    g_atomic_int_set (&soak->pids[g_atomic_int_add ((int *) &soak->next_pid, 1) % N_PIDS], pid);
  if (call->key != NULL)
    call_check_tally (call, outcome);
  /* Direct callbacks come after the waits. */
  test_poll_until (g_atomic_int_get (&call->n_settled) > 0);
  g_assert_cmpint (g_atomic_int_get (&call->n_settled), ==, 1);
  g_object_unref (call->future);
  if (call->fd >= 0)
    close (call->fd);
  g_clear_pointer (&call->args, g_variant_unref);
  g_free (call->key);
  g_free (call);
}

/* --- the weather --- */

static gpointer
throw_calls (gpointer data)
{
  Soak *soak = data;
  GRand *rand = g_rand_new_with_seed ((guint32) g_atomic_int_add ((int *) &soak->seed, 1));
  Call *calls[N_OPEN] = { NULL };
  guint at = 0;

  while (g_get_monotonic_time () < soak->end_usec)
    {
      guint other = (guint) g_rand_int_range (rand, 0, N_OPEN);

      g_clear_pointer (&calls[at], call_finish);
      calls[at] = call_start (soak, rand);
      if (calls[other] != NULL && g_rand_int_range (rand, 0, 20) == 0)
        {
          calls[other]->asked = TRUE;
          cfut_future_cancel (calls[other]->future);
        }
      if (calls[other] != NULL && g_rand_int_range (rand, 0, 50) == 0)
        {
          cfut_future_pause (calls[other]->future);
          cfut_future_resume (calls[other]->future);
        }
      at = (at + 1) % N_OPEN;
    }
  for (guint i = 0; i < N_OPEN; i++)
    g_clear_pointer (&calls[i], call_finish);

  g_rand_free (rand);
  return NULL;
}

/* By a descriptor, so that it is nobody who has got the number since. */
static gboolean
kill_child (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", pid);
  g_autofree char *ours = g_strdup_printf ("\nPPid:\t%d\n", getpid ());
  g_autofree char *status = NULL;
  int pidfd = pid > 0 ? pidfd_open (pid, 0) : -1;
  gboolean killed;

  if (pidfd < 0)
    return FALSE;

  killed = g_file_get_contents (path, &status, NULL, NULL) && strstr (status, ours) != NULL &&
           strstr (status, "\nState:\tZ") == NULL && pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0;
  close (pidfd);
  return killed;
}

/* Of the workers that were seen last one that lives. */
static gpointer
kill_workers (gpointer data)
{
  Soak *soak = data;
  GRand *rand = g_rand_new_with_seed ((guint32) g_atomic_int_add ((int *) &soak->seed, 1));

  while (!g_atomic_int_get (&soak->stop))
    {
      guint first = (guint) g_rand_int_range (rand, 0, N_PIDS);

      for (guint i = 0; i < N_PIDS; i++)
        if (kill_child (g_atomic_int_get (&soak->pids[(first + i) % N_PIDS])))
          {
            soak->n_killed++;
            break;
          }
      g_usleep (KILL_EVERY_USEC);
    }
  g_rand_free (rand);
  return NULL;
}

static void
check_late (Soak *soak)
{
  g_auto (GStrv) keys = cfut_shared_dict_dup_keys (soak->dict, NULL);

  for (guint i = 0; keys[i] != NULL; i++)
    g_assert_cmpint (cfut_shared_dict_add (soak->dict, keys[i], 0, NULL), ==, 1);
  soak->n_late = g_strv_length (keys);
}

static void
rain (Soak  *soak,
      guint  seconds)
{
  CfutProcessExecutor *processes;
  GThread *threads[N_THREADS];
  GThread *killer;

  soak->seed = test_seed ();
  soak->dict = cfut_shared_dict_new ();
  soak->executor = cfut_process_executor_new_self (2);
  processes = CFUT_PROCESS_EXECUTOR (soak->executor);
  cfut_process_executor_share (processes, "tally", soak->dict);
  cfut_process_executor_set_stop_grace_usec (processes, 20 * 1000);
  cfut_process_executor_set_heartbeat_usec (processes, 200 * 1000);
  cfut_process_executor_set_max_calls_per_worker (processes, 5000);

  soak->end_usec = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("thrower", throw_calls, soak);
  killer = g_thread_new ("killer", kill_workers, soak);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_atomic_int_set (&soak->stop, TRUE);
  g_thread_join (killer);

  g_assert_cmpint (soak->n_callbacks, ==, soak->n_calls);
  g_assert_cmpuint (cfut_executor_get_n_pending (soak->executor), ==, 0);
  test_process_executor_end (soak->executor);
  check_late (soak);
  g_clear_object (&soak->dict);
}

/* --- what is left --- */

typedef struct {
  guint n_files;
  guint n_children;
  guint n_threads;
  guint n_mappings;
  gsize n_bytes;
} Traces;

static guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static guint
count_mappings (void)
{
  g_autofree char *maps = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  for (const char *p = maps; (p = strstr (p, "/memfd:")) != NULL; p++)
    n++;
  return n;
}

static gsize
count_bytes (void)
{
#ifdef __SANITIZE_ADDRESS__
  return __sanitizer_get_current_allocated_bytes ();
#else
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
#endif
}

static void
look (Traces *traces)
{
  traces->n_children = test_count_children ();
  traces->n_files = test_count_descriptors ();
  traces->n_threads = count_threads ();
  traces->n_mappings = count_mappings ();
  traces->n_bytes = count_bytes ();
}

static void
say_traces (const char   *when,
            const Traces *traces)
{
  g_test_message ("%s: %u descriptors, %u children, %u threads, %u mappings, %" G_GSIZE_FORMAT " bytes", when,
                  traces->n_files, traces->n_children, traces->n_threads, traces->n_mappings,
                  traces->n_bytes);
}

/* Says what it sees when that is something else than the last time. */
static gboolean
is_quiet (Traces *traces)
{
  static Traces last;

  look (traces);
  if (traces->n_children != last.n_children || traces->n_mappings != last.n_mappings ||
      traces->n_threads != last.n_threads || traces->n_files != last.n_files)
    say_traces ("now", traces);
  last = *traces;
  return traces->n_children == 0 && traces->n_mappings == 0;
}

static gboolean
is_as_before (Traces       *traces,
              const Traces *before)
{
  return is_quiet (traces) && traces->n_files == before->n_files && traces->n_threads == before->n_threads;
}

static void
say_counts (const Soak *soak,
            guint       seconds)
{
  static const char *words[] = { "resolved", "failed", "died with their worker", "expired", "cancelled" };
  int sums[N_OUTCOMES] = { 0 };

  for (guint i = 0; i < N_KINDS; i++)
    {
      g_autoptr (GString) line = g_string_new (NULL);

      for (guint j = 0; j < N_OUTCOMES; j++)
        {
          sums[j] += outcomes[i][j];
          if (outcomes[i][j] > 0)
            g_string_append_printf (line, "%s %d %s", line->len > 0 ? "," : "", outcomes[i][j], words[j]);
        }
      g_test_message ("%s:%s", kinds[i].name, line->str);
    }
  g_test_message ("%d calls in %u seconds, %u workers killed, %u run although cancelled", soak->n_calls,
                  seconds, soak->n_killed, soak->n_late);
  for (guint j = 0; j < N_OUTCOMES; j++)
    g_test_message ("%d %s", sums[j], words[j]);
}

static void
test_soak (void)
{
  const char *wanted = g_getenv ("CFUT_TEST_SECONDS");
  guint seconds = wanted != NULL ? (guint) g_ascii_strtoull (wanted, NULL, 10) : 300;
  Soak warm = { NULL, };
  Soak soak = { NULL, };
  Traces before;
  Traces after;

  rain (&warm, WARM_UP_SECONDS);
  /* What threads have left to be let go of is the main context's. */
  test_iterate_until (NULL, is_quiet (&before));
  say_traces ("before", &before);

  memset (outcomes, 0, sizeof outcomes);
  rain (&soak, seconds);
  say_counts (&soak, seconds);
  look (&after);
  say_traces ("at once", &after);
  test_iterate_until (NULL, is_as_before (&after, &before));
  say_traces ("after", &after);
  g_assert_cmpuint (after.n_bytes, <=, before.n_bytes + MAX_GROWTH);
  g_assert_cmpuint (soak.n_killed, >, 0);
}

/* Nothing is held back to be used again, so that what is in use can be counted. */
static void
begin_countable (char **argv)
{
  if (g_getenv ("CFUT_SOAK_BEGUN") != NULL)
    return;

  g_setenv ("CFUT_SOAK_BEGUN", "1", TRUE);
  g_setenv ("G_SLICE", "always-malloc", TRUE);
  g_setenv ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", TRUE);
  execv ("/proc/self/exe", argv);
  g_error ("This program cannot be started again");
}

int
main (int    argc,
      char **argv)
{
  if (cfut_worker_requested ())
    return run_worker ();

  begin_countable (argv);
  g_test_init (&argc, &argv, NULL);
  /* Whoever starts the tests may have it ignored. */
  signal (SIGPIPE, SIG_DFL);

  g_test_add_func ("/cfut/soak", test_soak);

  return g_test_run ();
}
