/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include <glib.h>

#include "core/cfut-fork-private.h"

G_BEGIN_DECLS

/* The order of the library's locks: a thread takes a lock only while all that it holds stand above.
 * Above all of them is that of who forks (cfut-fork.c): the library's threads wait for it with none.
 * Under none of them runs code of a user's. A GMainContext's own lock comes after DELIVERY and
 * WAIT, and is never held when one of these is taken: GLib gives it up before it calls us. */
typedef enum {
  CFUT_LOCK_MAP,       /* which items of a map are submitted, and which are taken */
  CFUT_LOCK_FUTURES,   /* the table of live futures, with CFUT_DEBUG */
  CFUT_LOCK_BINDING,   /* which groups are bound to which objects; before GObject's own */
  CFUT_LOCK_GROUP,     /* a group's members and counters */
  CFUT_LOCK_LOG,       /* the open work of a derived executor, and what is held back of it */
  CFUT_LOCK_HANDLE,    /* whether a pool is there still */
  CFUT_LOCK_WORKER,    /* what a worker process does, and is to do */
  CFUT_LOCK_CREW,      /* an executor's worker processes, and the calls that wait for them */
  CFUT_LOCK_CELL,      /* the bit in a cell's word */
  CFUT_LOCK_ROOM,      /* how much a queue holds, and who waits for room */
  CFUT_LOCK_PLACES,    /* a pool's priorities */
  CFUT_LOCK_REGISTRY,  /* which context has which delivery */
  CFUT_LOCK_DELIVERY,  /* a context's list of owners that have something */
  CFUT_LOCK_WAIT,      /* the sources of waits in a main loop */
  CFUT_LOCK_POOLS,     /* the list of all pools */
  CFUT_LOCK_POOL,      /* a pool's idle workers and slots */
  CFUT_LOCK_GATE,      /* what holds back a queue */
  CFUT_LOCK_RATE,      /* a rate limit's bucket */
  CFUT_LOCK_FUNCTIONS, /* which functions have a name */
  CFUT_LOCK_DICT,      /* a shared dict's table, and which of its keys have changed */
  CFUT_LOCK_SPARE,     /* owners that may be used again */
  CFUT_LOCK_REPORT,    /* what was told of and warned of */
  CFUT_LOCK_PAYLOAD,   /* a channel's payload buffers */
  CFUT_LOCK_CHANNEL,   /* a channel's queue of what is to be sent */
  CFUT_LOCK_COMMAND,   /* what a run of a command was told, and the lines it wrote */
  CFUT_LOCK_CHILD,     /* whether a child process is reaped */
  CFUT_LOCK_IO,        /* whether there is an I/O thread */
  CFUT_LOCK_TIMER,     /* the wheel of all timers */
  CFUT_LOCK_PARKER     /* one thread's sleep, and spare parkers; nothing comes after it */
} CfutLock;

/* Builds with sanitizers check the order. */
#ifdef CFUT_CHECK_LOCKS
extern __thread guint cfut_locks_held;

static inline void
cfut_lock_enter (CfutLock lock)
{
  g_assert ((cfut_locks_held >> lock) == 0);
  cfut_locks_held |= 1u << lock;
}

static inline void
cfut_lock_leave (CfutLock lock)
{
  g_assert (cfut_locks_held & (1u << lock));
  cfut_locks_held &= ~(1u << lock);
}
#else
static inline void
cfut_lock_enter (CfutLock lock)
{
}

static inline void
cfut_lock_leave (CfutLock lock)
{
}
#endif

/* A microsecond or two. */
#define CFUT_LOCK_TRIES 40

static inline void
cfut_lock_relax (void)
{
#if defined (__i386__) || defined (__x86_64__)
  __builtin_ia32_pause ();
#endif
}

static inline void
cfut_lock (GMutex   *mutex,
           CfutLock  lock)
{
  cfut_lock_enter (lock);
  if (cfut_is_forked_child ())
    cfut_fork_lock_in_child (mutex);
  else
    g_mutex_lock (mutex);
}

/* The same for a lock that is taken very often and held for well below a microsecond: to sleep and be
 * woken takes both sides many times as long as to look a few times more. */
static inline void
cfut_lock_short (GMutex   *mutex,
                 CfutLock  lock)
{
  for (guint i = 0; i < CFUT_LOCK_TRIES && !cfut_is_forked_child (); i++)
    {
      if (g_mutex_trylock (mutex))
        {
          cfut_lock_enter (lock);
          return;
        }
      cfut_lock_relax ();
    }

  cfut_lock (mutex, lock);
}

static inline void
cfut_unlock (GMutex   *mutex,
             CfutLock  lock)
{
  g_mutex_unlock (mutex);
  cfut_lock_leave (lock);
}

G_END_DECLS
