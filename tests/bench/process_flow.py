# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What pools of processes in Python are measured by: a module, so that their workers find the function."""

N_BYTES = 64 * 1024 * 1024


def echo(value):
    return value


def flow(executor, n, window):
    done = 0
    while done < n:
        now = min(window, n - done)
        futures = [executor.submit(echo, i) for i in range(now)]
        for future in futures:
            future.result()
        done += now
