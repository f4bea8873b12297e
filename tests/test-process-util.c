/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#include "test-process-util.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;

CfutExecutor *
test_process_executor_new_with (guint       max_workers,
                                const char *argument)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = g_path_get_dirname (self);
  g_autofree char *path = g_build_filename (directory, "worker-program", NULL);
  const char *argv[] = { path, argument, NULL };

  return cfut_process_executor_new (argv, max_workers);
}

CfutExecutor *
test_process_executor_new (guint max_workers)
{
  return test_process_executor_new_with (max_workers, NULL);
}

void
test_process_executor_end (CfutExecutor *executor)
{
  GError *error = NULL;

  cfut_executor_shutdown (executor, CFUT_SHUTDOWN_WAIT, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_object_unref (executor);
}

gint64
test_process_call_number (CfutExecutor *executor,
                          const char   *function)
{
  g_autoptr (CfutFuture) future = cfut_executor_call (executor, NULL, function, NULL);
  GVariant *value;
  GError *error = NULL;

  value = cfut_future_result_variant (future, TEST_DEADLINE_USEC, &error);
  g_assert_no_error (error);
  g_assert_nonnull (value);

  return g_variant_is_of_type (value, G_VARIANT_TYPE_INT32) ? g_variant_get_int32 (value)
                                                            : g_variant_get_int64 (value);
}

void
test_process_warm_up (CfutExecutor *executor)
{
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < 2000; i++)
    g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "nothing", NULL));
  for (guint i = 0; i < futures->len; i++)
    test_assert_settles (futures->pdata[i], CFUT_STATE_RESOLVED);
}

void
test_process_add_counts (GPtrArray    *futures,
                         CfutExecutor *executor,
                         guint         n)
{
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (futures, cfut_executor_call (executor, NULL, "count", NULL));
}

gint32
test_process_get_number (CfutFuture *future)
{
  GError *error = NULL;
  GVariant *value = cfut_future_result_variant (future, TEST_DEADLINE_USEC, &error);

  g_assert_no_error (error);
  return g_variant_get_int32 (value);
}

void
test_process_assert_done_by_another (GPtrArray *futures,
                                     guint      first)
{
  guint64 seen = 0;

  for (guint i = first; i < futures->len; i++)
    seen |= G_GUINT64_CONSTANT (1) << test_process_get_number (futures->pdata[i]);
  g_assert_cmphex (seen, ==, ((G_GUINT64_CONSTANT (1) << (futures->len - first)) - 1) << 1);
}

char *
test_process_path (const char *name)
{
  if (folder == NULL)
    folder = g_dir_make_tmp ("cfut-test-XXXXXX", NULL);
  g_assert_nonnull (folder);

  return g_build_filename (folder, name, NULL);
}

void
test_process_clear (void)
{
  const char *name;
  GDir *dir;

  if (folder == NULL)
    return;

  dir = g_dir_open (folder, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
  g_dir_close (dir);
  g_rmdir (folder);
  g_clear_pointer (&folder, g_free);
}

void
test_fifo_init (TestFifo   *fifo,
                const char *name)
{
  fifo->path = test_process_path (name);
  fifo->fd = -1;
  g_unlink (fifo->path);
  g_assert_cmpint (mkfifo (fifo->path, 0600), ==, 0);
}

CfutFuture *
test_fifo_hold (TestFifo     *fifo,
                CfutExecutor *executor,
                CfutRequest  *request)
{
  return cfut_executor_call (executor, request, "hold", g_variant_new ("(s)", fifo->path));
}

/* Without blocking, so that who never comes is noticed. */
void
test_fifo_wait_arrived (TestFifo *fifo)
{
  test_poll_until (fifo->fd >= 0 ||
                   (fifo->fd = open (fifo->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0);
}

void
test_fifo_open (TestFifo *fifo)
{
  test_fifo_wait_arrived (fifo);
  close (fifo->fd);
  fifo->fd = -1;
}

void
test_fifo_clear (TestFifo *fifo)
{
  if (fifo->fd >= 0)
    close (fifo->fd);
  g_unlink (fifo->path);
  g_clear_pointer (&fifo->path, g_free);
}

gboolean
test_process_exists (int pid)
{
  return kill (pid, 0) == 0 || errno != ESRCH;
}

/* Numbers are given out from the lowest on. */
#define MAX_DESCRIPTORS 1024

/* Without opening one. */
static guint
count_descriptors (guint *n_pidfds)
{
  guint n = 0;

  *n_pidfds = 0;
  for (guint fd = 0; fd < MAX_DESCRIPTORS; fd++)
    {
      char path[32];
      char what[32];
      gssize size;

      g_snprintf (path, sizeof path, "/proc/self/fd/%u", fd);
      size = readlink (path, what, sizeof what);
      if (size < 0)
        continue;
      n++;
      *n_pidfds += size == 18 && memcmp (what, "anon_inode:[pidfd]", 18) == 0;
    }
  return n;
}

guint
test_count_descriptors (void)
{
  guint n_pidfds;
  guint n;

  test_poll_until ((n = count_descriptors (&n_pidfds), n_pidfds == 0));
  return n;
}

guint
test_count_children (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/children", name);
      g_autofree char *children = NULL;

      if (g_file_get_contents (path, &children, NULL, NULL))
        for (const char *p = children; (p = strchr (p, ' ')) != NULL; p++)
          n++;
    }
  return n;
}
