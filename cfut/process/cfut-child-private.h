/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* One process that this one started, leader of a process group of its own. Its exit is told once,
 * on the I/O thread (cfut-io-private.h). All functions may be called on any thread and do not
 * block, but for cfut_child_spawn. */
typedef struct _CfutChild CfutChild;

typedef enum {
  CFUT_STDIO_NULL,     /* /dev/null */
  CFUT_STDIO_INHERIT,  /* this process's own */
  CFUT_STDIO_FD,       /* the descriptor given along */
  CFUT_STDIO_PIPE,     /* a pipe, of which cfut_child_steal_pipe gives our end */
  CFUT_STDIO_TAIL      /* stderr only: read to its end by the I/O thread, and the last of it kept */
} CfutStdio;

/* A descriptor that the child gets at a fixed number, from 3 on. */
typedef struct {
  int fd;
  int target;
} CfutChildFd;

/* 0: as this process has it. */
typedef struct {
  guint64 memory_bytes;  /* of address space */
  guint64 cpu_seconds;   /* SIGXCPU, and SIGKILL a second after */
  guint64 open_files;
  guint64 file_bytes;    /* of each file that it writes */
  gboolean no_core;      /* it leaves no core behind */
} CfutChildLimits;

/* The process was reaped. @wait_status is as waitpid has it, or -1 where somebody else in this
 * process reaped it. Stderr of CFUT_STDIO_TAIL was read to its end by then, or until a short while
 * after the exit where another process keeps it open. On the I/O thread, under no lock, never from
 * within cfut_child_spawn. */
typedef void (*CfutChildExited) (CfutChild *child,
                                 int        wait_status,
                                 gpointer   user_data);

/* How to start one. Only read, but for the descriptors in it. */
typedef struct {
  const char * const *argv;
  const char * const *prefix;        /* (nullable): stands in front of argv */
  gboolean prefix_quoted;            /* what follows it is one argument, quoted for a shell */
  const char *cwd;                   /* (nullable): of this process; with a prefix, that one's */
  const char * const *environ;       /* (nullable): of this process */
  const char * const *set_variables; /* (nullable): NAME=VALUE, above environ; with a prefix by the
                                      * program env between it and argv, so that they get past it */
  CfutStdio stdio[3];
  int stdio_fds[3];                  /* with CFUT_STDIO_FD; taken over */
  const CfutChildFd *fds;            /* the fd in each is taken over, also on failure */
  guint n_fds;
  gboolean quick;                    /* not through GSubprocessLauncher, where nothing in here
                                      * needs it: half the cost, see cfut-child-start.c */
  CfutChildLimits limits;
  gint64 grace_usec;                 /* between SIGTERM and SIGKILL */
  gsize tail_bytes;                  /* how much of stderr is kept; 0: 4 KiB */
  gboolean forward_stderr;           /* what is read of it goes to this process's stderr too */
  CfutChildExited exited;            /* (nullable) */
  gpointer user_data;                /* for @exited: the caller keeps it alive until then */
} CfutChildSpec;

/* An empty one: /dev/null thrice, and a grace of 5 s. */
#define CFUT_CHILD_SPEC_INIT { .stdio_fds = { -1, -1, -1 }, .grace_usec = 5 * G_USEC_PER_SEC }

/* (transfer full) (nullable). On the I/O thread, for as long as it takes to start a program. It
 * begins with no signal blocked, with SIGPIPE as by default, and with none of this process's
 * descriptors but those it is given. Errors: G_SPAWN_ERROR, by cause: NOENT, ACCES, NOEXEC, CHDIR
 * (the program cannot be started), FORK, MFILE, NOMEM (nothing can be now). On failure `exited` is
 * never called. */
CfutChild  *cfut_child_spawn           (CfutChildSpec  *spec,
                                        GError        **error);
CfutChild  *cfut_child_ref             (CfutChild      *self);
/* It is reaped and told of all the same. */
void        cfut_child_unref           (CfutChild      *self);

/* For good, also after it was reaped. */
int         cfut_child_get_pid         (CfutChild      *self);
/* Our end of the pipe at the child's descriptor @number, 0 to 2: non-blocking, close-on-exec, and
 * the caller's from now on. -1: there is none any more. */
int         cfut_child_steal_pipe      (CfutChild      *self,
                                        int             number);

/* The ladder: SIGTERM (and SIGCONT) to the whole process group now, SIGKILL to what is left of it
 * after the grace. Again: nothing. No signal ever hits a process of another group that came to have
 * the same number. */
void        cfut_child_stop            (CfutChild      *self);
/* SIGKILL to the whole process group now. */
void        cfut_child_kill            (CfutChild      *self);
/* Any other signal, to the process group. FALSE: the child is reaped. */
gboolean    cfut_child_signal          (CfutChild      *self,
                                        int             signal_number);
/* Whether it was reaped; with its status. */
gboolean    cfut_child_get_exited      (CfutChild      *self,
                                        int            *wait_status);
/* (transfer full): the last of its stderr, valid UTF-8 whatever it wrote, cut at a line's start
 * where that is near; empty if there is nothing. */
char       *cfut_child_dup_stderr_tail (CfutChild      *self);
/* (transfer full): for messages, in the user's language: "exited with status 1", "was killed by
 * signal 9 (Killed)". */
char       *cfut_child_describe_status (int             wait_status);
/* (transfer full): of the last @most bytes of any text, in that form; @cut: there was more. */
char       *cfut_text_tail             (const char     *data,
                                        gsize           size,
                                        gsize           most,
                                        gboolean        cut);
/* How many were started and are not yet told of. For tests, as is the next. */
guint       cfut_child_get_n_live      (void);
/* That the kernel cannot signal the group of a pidfd; Linux can from 6.9 on. */
void        cfut_child_pretend_old     (gboolean        pretend);

G_END_DECLS
