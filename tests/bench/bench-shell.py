#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# Running /bin/true N times with other programs that run programs: bench-shell.py xargs|parallel N WORKERS

import json
import resource
import subprocess
import sys
import time

COMMANDS = {
    "xargs": ["xargs", "-n1", "-P"],
    "parallel": ["parallel", "--will-cite", "-n1", "-j"],
}


def main():
    case, n, workers = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    command = [*COMMANDS[case], workers, "/bin/true"]
    words = "".join(f"{i}\n" for i in range(n)).encode()
    subprocess.run(command, input=b"1\n", check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.monotonic_ns()
    subprocess.run(command, input=words, check=True, stdout=subprocess.DEVNULL)
    wall = time.monotonic_ns() - wall
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"case": case, "ns": wall / n, "cpu_ns": cpu * 1e9 / n}))


main()
