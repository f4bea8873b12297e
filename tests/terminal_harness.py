# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors

"""What the tests of the terminal twin share: running it in pipes and in a terminal, and TAP."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time

PROGRAM = os.path.abspath(sys.argv[1])
DEADLINE = 60  # seconds: a guard, nothing is timed by it
TOOLS = {"sha256": "sha256sum", "sha512": "sha512sum", "sha1": "sha1sum", "md5": "md5sum"}
HOSTILE_NAMES = [
    b"plain", b"-", b"-x", b"--workers", b" lead", b"trail ", b"*star", b"#hash", b"new\nline",
    b"\n", b"back\\slash", b"\\", b"carriage\rreturn", b"tab\t", b"\xff\xfe not utf-8",
    "Grüße".encode(), "日本".encode(), b"esc\x1b[2J", b"$(touch x)", b"a" * 255,
]

tests = []


class Skip(Exception):
    pass


def test(name):
    def add(function):
        tests.append((name, function))
        return function
    return add


def check(condition, *told):
    if not condition:
        raise AssertionError(" ".join(str(part) for part in told))


def equal(got, expected, *told):
    check(got == expected, *told, "\n  got      ", repr(got)[:1500],
          "\n  expected ", repr(expected)[:1500])


def environment(**more):
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("LC_") and key not in ("LANG", "LANGUAGE")}
    env.update({"LC_ALL": "C.UTF-8", "TERM": "xterm"})
    env.update(more)
    return env


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err.decode("utf-8", "replace")


def run(*args, cwd=None, stdout=subprocess.PIPE, prefix=(), env=None, preexec_fn=None):
    done = subprocess.run([*prefix, PROGRAM, *args], cwd=cwd, stdin=subprocess.DEVNULL,
                          stdout=stdout, stderr=subprocess.PIPE, env=env or environment(),
                          timeout=DEADLINE * 5, preexec_fn=preexec_fn)
    return Result(done.returncode, done.stdout, done.stderr)


def write(path, data=b"x"):
    with open(path, "wb") as stream:
        stream.write(data)


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def sparse(path, size):
    """A big file that takes long to hash and no room."""
    with open(path, "wb") as stream:
        stream.write(b"x" * 4096)
        stream.truncate(size)


def hostile_tree(folder):
    folder = os.fsencode(folder)
    for below in (b"", b"in \xff\n\\folder", b"in \xff\n\\folder/deeper"):
        parent = os.path.join(folder, below)
        os.makedirs(parent, exist_ok=True)
        for i, name in enumerate(HOSTILE_NAMES):
            write(os.path.join(parent, name), name * i)


def expected_sums(tool, folder, cwd):
    """What the tool says of all files, in the order that is promised."""
    found = subprocess.run(["find", folder, "-type", "f", "-print0"], cwd=cwd, check=True,
                           stdout=subprocess.PIPE, env=environment()).stdout
    paths = sorted(path for path in found.split(b"\0") if path)
    if not paths:
        return b""
    return subprocess.run(["xargs", "-0", tool, "--"], cwd=cwd, check=True, input=b"\0".join(paths),
                          stdout=subprocess.PIPE, env=environment()).stdout


def check_with(tool, sums, cwd):
    return subprocess.run([tool, "-c", "--strict", "--quiet"], cwd=cwd, input=sums,
                          env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def wait_until(condition, what):
    limit = time.monotonic() + DEADLINE
    while not condition():
        check(time.monotonic() < limit, "waited in vain until", what)
        time.sleep(0.002)


def has_open(pid, path):
    folder = "/proc/%d/fd" % pid
    try:
        return any(os.readlink(os.path.join(folder, fd)) == path for fd in os.listdir(folder))
    except OSError:
        return False


class Background:
    """The program at work; its output is collected in pipes, which hold all of it."""

    def __init__(self, *args, cwd=None):
        self.process = subprocess.Popen([PROGRAM, *args], cwd=cwd, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment())

    def wait_for_reading(self, path):
        path = os.path.realpath(path)
        wait_until(lambda: has_open(self.process.pid, path) or self.process.poll() is not None,
                   "the file is being read")
        check(self.process.poll() is None, "the program ended too early")

    def finish(self):
        out, err = self.process.communicate(timeout=DEADLINE)
        return Result(self.process.returncode, out, err)


class Terminal:
    """The program in a terminal of its own."""

    def __init__(self, *args, cwd=None, columns=80, env=None):
        self.screen = b""
        main, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

        def own_session():
            os.setsid()
            fcntl.ioctl(2, termios.TIOCSCTTY, 0)

        self.main = main
        self.process = subprocess.Popen([PROGRAM, *args], cwd=cwd, stdin=terminal,
                                        stdout=terminal, stderr=terminal,
                                        env=env or environment(), preexec_fn=own_session)
        os.close(terminal)

    def read_some(self, seconds):
        if not select.select([self.main], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.main, 65536)
        except OSError:
            return False
        self.screen += data
        return bool(data)

    def read_until(self, pattern):
        limit = time.monotonic() + DEADLINE
        while not re.search(pattern, self.screen):
            check(time.monotonic() < limit, "waited in vain for", pattern, "in", self.screen[-500:])
            check(self.read_some(1), "the program ended before", pattern, "in", self.screen[-500:])

    def press(self, keys):
        os.write(self.main, keys)

    def finish(self):
        limit = time.monotonic() + DEADLINE
        while self.read_some(1):
            check(time.monotonic() < limit, "the program does not end:", self.screen[-500:])
        os.close(self.main)
        return self.process.wait(DEADLINE)


def run_tests():
    print("1..%d" % len(tests), flush=True)
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        folder = tempfile.mkdtemp(prefix="cfut-terminal-")
        try:
            function(folder)
            print("ok %d - %s" % (number, name), flush=True)
        except Skip as reason:
            print("ok %d - %s # SKIP %s" % (number, name, reason), flush=True)
        except Exception as error:  # one that fails does not stop the next
            failed += 1
            print("not ok %d - %s" % (number, name), flush=True)
            for line in ("%s: %s" % (type(error).__name__, error)).split("\n"):
                print("# " + line, flush=True)
        finally:
            shutil.rmtree(os.fsencode(folder), ignore_errors=True)
    return 1 if failed else 0

