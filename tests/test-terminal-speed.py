#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors

"""Over 1 GiB of files the terminal twin is at least three times as fast as xargs -P with sha256sum.

Usage: test-terminal-speed.py PROGRAM. Speaks TAP. Both read the same files from the page
cache, by turns, and the medians of five are compared. It holds where libcrypto is used and has SHA
instructions; elsewhere the figures are printed and nothing is asserted.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = os.path.abspath(sys.argv[1])
TOTAL = 1 << 30
ROUNDS = 5
FACTOR = 3
MIXED = [64 << 20] * 4 + [8 << 20] * 24 + [1 << 20] * 160 + [256 << 10] * 1200


def make_files(folder):
    generator = random.Random(1)
    sizes = list(MIXED)
    while sum(sizes) < TOTAL:
        sizes.append(generator.randint(1000, 60000))
    generator.shuffle(sizes)
    block = generator.randbytes(1 << 20)
    for i, size in enumerate(sizes):
        parent = os.path.join(folder, "%02d" % (i % 50))
        os.makedirs(parent, exist_ok=True)
        with open(os.path.join(parent, "%d" % i), "wb") as stream:
            while size > 0:
                size -= stream.write(block[:size])


def seconds(command, folder):
    started = time.monotonic()
    subprocess.run(command, shell=True, cwd=folder, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return time.monotonic() - started


def main():
    print("1..1", flush=True)
    folder = tempfile.mkdtemp(prefix="cfut-speed-")
    try:
        make_files(folder)
        commands = ("'%s' ." % PROGRAM,
                    "find . -type f -print0 | xargs -0 -P$(nproc) sha256sum")
        taken = ([], [])
        for which in (0, 1):
            seconds(commands[which], folder)
        for _ in range(ROUNDS):
            for which in (0, 1):
                taken[which].append(seconds(commands[which], folder))
    finally:
        shutil.rmtree(folder)
    ours, theirs = (statistics.median(times) for times in taken)
    factor = theirs / ours
    for name, times in zip(("cfut", "xargs"), taken):
        print("# %s: median %.2f s (%.2f to %.2f), %.0f MB/s" % (
            name, statistics.median(times), min(times), max(times),
            TOTAL / 1e6 / statistics.median(times)), flush=True)
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        text = cpuinfo.read()
    version = subprocess.run([PROGRAM, "--version"], check=True, stdout=subprocess.PIPE).stdout
    fast = b"libcrypto" in version and ("sha_ni" in text or " sha2" in text)
    name = "%.1f times as fast as xargs -P with sha256sum over 1 GiB" % factor
    if not fast:
        print("ok 1 - %s # SKIP libcrypto with SHA instructions is not there" % name)
        return 0
    print("%s 1 - %s" % ("ok" if factor >= FACTOR else "not ok", name))
    return 0 if factor >= FACTOR else 1


sys.exit(main())
