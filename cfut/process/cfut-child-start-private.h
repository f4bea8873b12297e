/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 */

#pragma once

#include "process/cfut-child-private.h"

G_BEGIN_DECLS

/* (transfer full): the whole command line, with prefix, variables and quoting. */
char    **cfut_child_make_argv (const CfutChildSpec  *spec);

/* Starts it, with the descriptors of spec->fds and @stdio: (-1: /dev/null, or inherited where the
 * spec says so); all of them are taken over, however it ends. @subprocess: (nullable): set where it
 * was started by GSubprocess, which reaps it then. */
gboolean  cfut_child_start     (const CfutChildSpec  *spec,
                                const int            *stdio,
                                int                  *pid,
                                GSubprocess         **subprocess,
                                GError              **error);

G_END_DECLS
