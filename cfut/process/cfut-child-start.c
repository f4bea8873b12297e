/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

/* Starting a child process: quickly, or through GSubprocessLauncher.
 *
 * A process group has to be made by the child itself, between fork and exec, and so have the limits
 * of its resources. GSubprocessLauncher offers a function for that, and forks then: the copy of this
 * process's page tables, and the page faults after it in both, cost more than the start itself, the
 * more the larger the program is. posix_spawn makes the group without a copy, but cannot set limits.
 * For 1,000 runs of /bin/true, two at a time, with both pipes read: xargs 870 us each,
 * GSubprocessLauncher with a group 1,020 to 1,550, without one (it then uses posix_spawn itself) 670
 * to 790, posix_spawn with a group 460 to 560. The first result of a new worker process came 9.4 to
 * 10.5 ms after it was asked for with GSubprocessLauncher, 6.8 to 8.4 with posix_spawn, where fork
 * and exec of the program alone took 5.7 to 6.9. So the launcher starts what has limits, and what
 * posix_spawn leaves to a shell.
 *
 * Threads: the I/O thread; cfut_child_make_argv any.
 * Locks: none.
 * Owns: the descriptors it is given, as long as it takes.
 * Invariants:
 * 1. What is given is closed in this process when it returns, and nothing else stays open.
 * 2. However it is started, the child leads a group of its own when it runs its program, has no
 *    signal blocked, and no descriptor but those it is given.
 * Not here: what becomes of it (cfut-child.c). */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n-lib.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "process/cfut-child-start-private.h"

/* How many descriptors the child can be given quickly. */
#define MAX_QUICK_FDS 8

/* Where all descriptors from one on can be closed, and the directory changed. */
#if defined(__GLIBC__) && __GLIBC_PREREQ (2, 34)
#define HAVE_QUICK_START 1
#endif

/* For the child between fork and exec, where nothing may be allocated or looked up. */
typedef struct {
  int resource;
  struct rlimit limit;
} Limit;

typedef struct {
  Limit limits[5];
  guint n_limits;
  pid_t *pid;  /* shared with this process: GSubprocess forgets the number when it has reaped */
} Setup;

static void
add_all (GPtrArray          *array,
         const char * const *strings)
{
  for (guint i = 0; strings != NULL && strings[i] != NULL; i++)
    g_ptr_array_add (array, g_strdup (strings[i]));
}

static char *
join_quoted (const char * const *words)
{
  GString *line = g_string_new (NULL);

  for (guint i = 0; words[i] != NULL; i++)
    {
      g_autofree char *quoted = g_shell_quote (words[i]);

      if (i > 0)
        g_string_append_c (line, ' ');
      g_string_append (line, quoted);
    }

  return g_string_free (line, FALSE);
}

char **
cfut_child_make_argv (const CfutChildSpec *spec)
{
  g_autoptr (GPtrArray) program = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *line;

  if (spec->prefix == NULL || spec->prefix[0] == NULL)
    return g_strdupv ((char **) spec->argv);

  if (spec->set_variables != NULL && spec->set_variables[0] != NULL)
    {
      g_ptr_array_add (program, g_strdup ("env"));
      add_all (program, spec->set_variables);
    }
  add_all (program, spec->argv);
  g_ptr_array_add (program, NULL);

  line = g_ptr_array_new ();
  add_all (line, spec->prefix);
  if (spec->prefix_quoted)
    g_ptr_array_add (line, join_quoted ((const char * const *) program->pdata));
  else
    add_all (line, (const char * const *) program->pdata);
  g_ptr_array_add (line, NULL);

  return (char **) g_ptr_array_free (line, FALSE);
}

/* (nullable): as this process's is. */
static char **
make_environ (const CfutChildSpec *spec)
{
  gboolean has_prefix = spec->prefix != NULL && spec->prefix[0] != NULL;
  char **envp;

  if (spec->set_variables == NULL || has_prefix)
    return g_strdupv ((char **) spec->environ);

  envp = spec->environ != NULL ? g_strdupv ((char **) spec->environ) : g_get_environ ();
  for (guint i = 0; spec->set_variables[i] != NULL; i++)
    {
      const char *equals = strchr (spec->set_variables[i], '=');
      g_autofree char *name = g_strndup (spec->set_variables[i], equals - spec->set_variables[i]);

      envp = g_environ_setenv (envp, name, equals + 1, TRUE);
    }

  return envp;
}

/* What cannot be raised stays as it is. */
static void
setup_add_limit (Setup   *self,
                 int      resource,
                 guint64  soft,
                 guint64  hard)
{
  Limit *limit = &self->limits[self->n_limits];
  struct rlimit now;

  if (getrlimit (resource, &now) != 0)
    return;

  limit->resource = resource;
  limit->limit.rlim_max = MIN ((rlim_t) hard, now.rlim_max);
  limit->limit.rlim_cur = MIN ((rlim_t) soft, limit->limit.rlim_max);
  self->n_limits++;
}

static void
setup_add_limits (Setup                 *self,
                  const CfutChildLimits *limits)
{
  if (limits->memory_bytes > 0)
    setup_add_limit (self, RLIMIT_AS, limits->memory_bytes, limits->memory_bytes);
  if (limits->cpu_seconds > 0)
    setup_add_limit (self, RLIMIT_CPU, limits->cpu_seconds, limits->cpu_seconds + 1);
  if (limits->open_files > 0)
    setup_add_limit (self, RLIMIT_NOFILE, limits->open_files, limits->open_files);
  if (limits->file_bytes > 0)
    setup_add_limit (self, RLIMIT_FSIZE, limits->file_bytes, limits->file_bytes);
  if (limits->no_core)
    setup_add_limit (self, RLIMIT_CORE, 0, 0);
}

/* In the child: only what is safe in a signal handler. */
static void
in_child (gpointer data)
{
  const Setup *setup = data;
  sigset_t none;

  *setup->pid = getpid ();
  setpgid (0, 0);
  for (guint i = 0; i < setup->n_limits; i++)
    setrlimit (setup->limits[i].resource, &setup->limits[i].limit);
  signal (SIGPIPE, SIG_DFL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

/* (nullable): of the I/O thread, on which all are started. */
static pid_t *
shared_pid (void)
{
  static pid_t *page;

  if (page == NULL)
    {
      void *made = mmap (NULL, sizeof (pid_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                         -1, 0);

      page = made != MAP_FAILED ? made : NULL;
    }

  return page;
}

static GSubprocessFlags
launcher_flags (const CfutChildSpec *spec)
{
  GSubprocessFlags flags = G_SUBPROCESS_FLAGS_NONE;

  if (spec->stdio[0] == CFUT_STDIO_INHERIT)
    flags |= G_SUBPROCESS_FLAGS_STDIN_INHERIT;
  if (spec->stdio[1] == CFUT_STDIO_NULL)
    flags |= G_SUBPROCESS_FLAGS_STDOUT_SILENCE;
  if (spec->stdio[2] == CFUT_STDIO_NULL)
    flags |= G_SUBPROCESS_FLAGS_STDERR_SILENCE;

  return flags;
}

static gboolean
start_by_launcher (const CfutChildSpec  *spec,
                   char                **argv,
                   char                **envp,
                   const int            *stdio,
                   Setup                *setup,
                   int                  *pid,
                   GSubprocess         **subprocess,
                   GError              **error)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (launcher_flags (spec));
  g_autoptr (GError) cause = NULL;

  *setup->pid = 0;
  if (stdio[0] >= 0)
    g_subprocess_launcher_take_stdin_fd (launcher, stdio[0]);
  if (stdio[1] >= 0)
    g_subprocess_launcher_take_stdout_fd (launcher, stdio[1]);
  if (stdio[2] >= 0)
    g_subprocess_launcher_take_stderr_fd (launcher, stdio[2]);
  for (guint i = 0; i < spec->n_fds; i++)
    g_subprocess_launcher_take_fd (launcher, spec->fds[i].fd, spec->fds[i].target);
  if (spec->cwd != NULL)
    g_subprocess_launcher_set_cwd (launcher, spec->cwd);
  if (envp != NULL)
    g_subprocess_launcher_set_environ (launcher, envp);
  g_subprocess_launcher_set_child_setup (launcher, in_child, setup, NULL);

  *subprocess = g_subprocess_launcher_spawnv (launcher, (const char * const *) argv, &cause);
  if (cause != NULL && cause->domain == G_UNIX_ERROR)
    {
      /* Of a pipe of GLib's own. */
      g_set_error_literal (error, G_SPAWN_ERROR, G_SPAWN_ERROR_MFILE, cause->message);
      return FALSE;
    }
  if (cause != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&cause));
      return FALSE;
    }

  *pid = *setup->pid;
  return TRUE;
}

#ifdef HAVE_QUICK_START
static GSpawnError
spawn_error_from_errno (int code)
{
  switch (code)
    {
    case EACCES: return G_SPAWN_ERROR_ACCES;
    case EPERM: return G_SPAWN_ERROR_PERM;
    case E2BIG: return G_SPAWN_ERROR_TOO_BIG;
    case ENOEXEC: return G_SPAWN_ERROR_NOEXEC;
    case ENAMETOOLONG: return G_SPAWN_ERROR_NAMETOOLONG;
    case ENOENT: return G_SPAWN_ERROR_NOENT;
    case ENOMEM: return G_SPAWN_ERROR_NOMEM;
    case ENOTDIR: return G_SPAWN_ERROR_NOTDIR;
    case ELOOP: return G_SPAWN_ERROR_LOOP;
    case ETXTBSY: return G_SPAWN_ERROR_TXTBUSY;
    case EIO: return G_SPAWN_ERROR_IO;
    case ENFILE: return G_SPAWN_ERROR_NFILE;
    case EMFILE: return G_SPAWN_ERROR_MFILE;
    case EINVAL: return G_SPAWN_ERROR_INVAL;
    case EISDIR: return G_SPAWN_ERROR_ISDIR;
    case ELIBBAD: return G_SPAWN_ERROR_LIBBAD;
    case EAGAIN: return G_SPAWN_ERROR_FORK;
    default: return G_SPAWN_ERROR_FAILED;
    }
}

static void
set_quick_error (GError              **error,
                 const CfutChildSpec  *spec,
                 const char           *program,
                 int                   code)
{
  /* The same numbers come for the directory. */
  if (spec->cwd != NULL && (code == ENOENT || code == ENOTDIR || code == EACCES) &&
      (!g_file_test (spec->cwd, G_FILE_TEST_IS_DIR) || access (spec->cwd, X_OK) != 0))
    g_set_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_CHDIR,
                 _("“%s” could not be started in the directory “%s”: %s"), program, spec->cwd,
                 g_strerror (code));
  else
    g_set_error (error, G_SPAWN_ERROR, spawn_error_from_errno (code),
                 _("“%s” could not be started: %s"), program, g_strerror (code));
}

static void
quick_add_stdio (posix_spawn_file_actions_t *actions,
                 const CfutChildSpec        *spec,
                 const int                  *stdio)
{
  for (int i = 0; i < 3; i++)
    if (stdio[i] >= 0)
      posix_spawn_file_actions_adddup2 (actions, stdio[i], i);
    else if (spec->stdio[i] == CFUT_STDIO_NULL)
      posix_spawn_file_actions_addopen (actions, i, "/dev/null", i == 0 ? O_RDONLY : O_WRONLY, 0);
  if (spec->cwd != NULL)
    posix_spawn_file_actions_addchdir_np (actions, spec->cwd);
}

static int
above_targets (const CfutChildSpec *spec)
{
  int above = STDERR_FILENO + 1;

  for (guint i = 0; i < spec->n_fds; i++)
    above = MAX (above, spec->fds[i].target + 1);

  return above;
}

/* Copies of what the child is given, where none lies at another's target. The errno; @copies holds
 * -1 for what there is none of. */
static int
copy_fds (const CfutChildSpec *spec,
          int                 *copies)
{
  int above = above_targets (spec);

  for (guint i = 0; i < spec->n_fds; i++)
    copies[i] = -1;
  for (guint i = 0; i < spec->n_fds; i++)
    {
      copies[i] = fcntl (spec->fds[i].fd, F_DUPFD_CLOEXEC, above);
      if (copies[i] < 0)
        return errno;
    }

  return 0;
}

static void
close_copies (const CfutChildSpec *spec,
              const int           *copies)
{
  for (guint i = 0; i < spec->n_fds; i++)
    if (copies[i] >= 0)
      close (copies[i]);
}

/* To the targets, and nothing else from 3 on. */
static void
quick_add_fds (posix_spawn_file_actions_t *actions,
               const CfutChildSpec        *spec,
               const int                  *copies)
{
  int above = above_targets (spec);

  for (int fd = STDERR_FILENO + 1; fd < above; fd++)
    posix_spawn_file_actions_addclose (actions, fd);
  for (guint i = 0; i < spec->n_fds; i++)
    posix_spawn_file_actions_adddup2 (actions, copies[i], spec->fds[i].target);
  posix_spawn_file_actions_addclosefrom_np (actions, above);
}

/* The errno. */
static int
start_quickly (const CfutChildSpec  *spec,
               char                **argv,
               char                **envp,
               const int            *stdio,
               int                  *pid)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t signals;
  pid_t started;
  int copies[MAX_QUICK_FDS];
  int code;

  code = copy_fds (spec, copies);
  if (code != 0)
    {
      close_copies (spec, copies);
      return code;
    }

  posix_spawn_file_actions_init (&actions);
  posix_spawnattr_init (&attributes);
  quick_add_stdio (&actions, spec, stdio);
  quick_add_fds (&actions, spec, copies);

  /* The same that GLib sets, and SIGPIPE. */
  sigemptyset (&signals);
  posix_spawnattr_setsigmask (&attributes, &signals);
  sigaddset (&signals, SIGCHLD);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  sigaddset (&signals, SIGHUP);
  sigaddset (&signals, SIGPIPE);
  posix_spawnattr_setsigdefault (&attributes, &signals);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                         POSIX_SPAWN_SETSIGDEF);

  code = posix_spawnp (&started, argv[0], &actions, &attributes, argv,
                       envp != NULL ? envp : environ);
  if (code == 0)
    *pid = started;

  posix_spawnattr_destroy (&attributes);
  posix_spawn_file_actions_destroy (&actions);
  close_copies (spec, copies);
  return code;
}
#endif

static void
close_given (const CfutChildSpec *spec,
             const int           *stdio)
{
  for (int i = 0; i < 3; i++)
    if (stdio[i] >= 0)
      close (stdio[i]);
  for (guint i = 0; i < spec->n_fds; i++)
    close (spec->fds[i].fd);
}

gboolean
cfut_child_start (const CfutChildSpec  *spec,
                  const int            *stdio,
                  int                  *pid,
                  GSubprocess         **subprocess,
                  GError              **error)
{
  g_auto (GStrv) argv = cfut_child_make_argv (spec);
  g_auto (GStrv) envp = make_environ (spec);
  Setup setup = { .n_limits = 0 };

  *subprocess = NULL;
  setup_add_limits (&setup, &spec->limits);

#ifdef HAVE_QUICK_START
  if (spec->quick && spec->n_fds <= MAX_QUICK_FDS && setup.n_limits == 0)
    {
      int code = start_quickly (spec, argv, envp, stdio, pid);

      /* A script without its first line is for a shell, as GLib knows. */
      if (code != ENOEXEC)
        {
          close_given (spec, stdio);
          if (code != 0)
            set_quick_error (error, spec, argv[0], code);
          return code == 0;
        }
    }
#endif

  setup.pid = shared_pid ();
  if (setup.pid == NULL)
    {
      close_given (spec, stdio);
      g_set_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOMEM,
                   _("“%s” could not be started: %s"), argv[0], g_strerror (ENOMEM));
      return FALSE;
    }

  return start_by_launcher (spec, argv, envp, stdio, &setup, pid, subprocess, error);
}
