#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors

"""The terminal twin against sha256sum and its kin, and against bad input.

Usage: test-terminal.py PROGRAM. Speaks TAP.
"""

import fcntl
import os
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading

sys.dont_write_bytecode = True
from terminal_harness import (
    Background, check, check_with, DEADLINE, environment, equal, expected_sums, hostile_tree,
    read, run, run_tests, Skip, sparse, Terminal, test, TOOLS, wait_until, write,
)


# --- sums ---

@test("the current folder by default, sums on standard output as sha256sum writes them")
def default_folder(folder):
    hostile_tree(folder)
    done = run(cwd=folder)
    equal(done.status, 0, done.err)
    equal(done.out, expected_sums("sha256sum", ".", folder))


@test("each algorithm agrees with its tool on names of every kind, both ways")
def all_algorithms(folder):
    tree = os.path.join(folder, "tree")
    hostile_tree(tree)
    for name, tool in TOOLS.items():
        done = run("--algorithm", name, "tree", cwd=folder)
        equal(done.status, 0, done.err)
        equal(done.out, expected_sums(tool, "tree", folder), name)
        checked = check_with(tool, done.out, folder)
        equal((checked.returncode, checked.stdout), (0, b""), name)


@test("the order is the same with any number of workers")
def stable_order(folder):
    for i in range(500):
        write(os.path.join(folder, "%d" % (i * 7919 % 500)), b"%d" % i * (i % 50))
    one = run("--workers", "1", folder)
    equal(one.status, 0, one.err)
    equal(len(one.out.splitlines()), 500)
    for workers in ("2", "7", "64"):
        equal(run("--workers", workers, folder).out, one.out, workers, "workers")


@test("folders and files together, with a slash, and a lone dash")
def named_paths(folder):
    os.makedirs(os.path.join(folder, "sub"))
    for name in ("-", "-x", "sub/a"):
        write(os.path.join(folder, name), name.encode())
    done = run("--", "sub/", "-x", "-", cwd=folder)
    equal(done.status, 0, done.err)
    equal([line[66:] for line in done.out.splitlines()], [b"./-", b"-x", b"sub/a"])
    equal(check_with("sha256sum", done.out, folder).returncode, 0)


@test("an empty folder has no sums and is no failure")
def empty_folder(folder):
    done = run(folder)
    equal((done.status, done.out), (0, b""), done.err)
    check("0 files" in done.err, done.err)


@test("100,000 small files")
def many_files(folder):
    for i in range(100):
        parent = os.path.join(folder, "tree", "%02d" % i)
        os.makedirs(parent)
        for j in range(1000):
            write(os.path.join(parent, "%03d" % j), b"%d %d" % (i, j))
    done = run("tree", cwd=folder)
    equal(done.status, 0, done.err)
    equal(len(done.out.splitlines()), 100000)
    equal(check_with("sha256sum", done.out, folder).returncode, 0)
    check("100" in done.err and "Hashed" in done.err, done.err)


@test("all of /usr/share, and sha256sum -c agrees on each file")
def usr_share(folder):
    output = os.path.join(folder, "sums")
    done = run("--output", output, "/usr/share")
    equal(done.status, 0, done.err)
    found = subprocess.run(["find", "/usr/share", "-type", "f", "-print0"], check=True,
                           stdout=subprocess.PIPE).stdout
    sums = read(output)
    equal(sums.count(b"\n"), found.count(b"\0"))
    checked = check_with("sha256sum", sums, folder)
    equal((checked.returncode, checked.stdout), (0, b""))


# --- links and special files ---

@test("links in folders are passed over, so a loop of them has no effect; named ones are followed")
def links(folder):
    os.makedirs(os.path.join(folder, "tree/sub"))
    write(os.path.join(folder, "tree/sub/file"))
    os.symlink("..", os.path.join(folder, "tree/sub/up"))
    os.symlink("sub/file", os.path.join(folder, "tree/link"))
    os.symlink("tree", os.path.join(folder, "to-tree"))
    done = run("tree", cwd=folder)
    equal(done.status, 0, done.err)
    equal(done.out, expected_sums("sha256sum", "tree", folder))
    done = run("to-tree", "tree/link", cwd=folder)
    equal(done.status, 0, done.err)
    equal([line[66:] for line in done.out.splitlines()], [b"to-tree/sub/file", b"tree/link"])


@test("a loop of links that is named is an error with its reason, and the rest is hashed")
def link_loop(folder):
    os.symlink("loop", os.path.join(folder, "loop"))
    write(os.path.join(folder, "file"))
    done = run("loop", "file", cwd=folder)
    equal(done.status, 1, done.err)
    check("loop: " in done.err and "symbolic links" in done.err, done.err)
    equal(done.out.count(b"\n"), 1)


@test("pipes and devices never make it wait: passed over in folders, errors when named")
def special_files(folder):
    os.mkfifo(os.path.join(folder, "fifo"))
    write(os.path.join(folder, "file"))
    done = run(folder)
    equal((done.status, done.out.count(b"\n")), (0, 1), done.err)
    done = run("fifo", "/dev/tty", "/dev/zero", "file", cwd=folder)
    equal((done.status, done.out.count(b"\n")), (1, 1), done.err)
    for name in ("fifo", "/dev/zero"):
        check("%s: This is neither a regular file nor a folder" % name in done.err, done.err)
    check("/dev/tty: " in done.err, done.err)


# --- files that fail ---

@test("a folder that does not exist: named with the reason, counted, status 1, the rest is written")
def missing_folder(folder):
    write(os.path.join(folder, "file"))
    output = os.path.join(folder, "sums")
    done = run("--output", output, "missing", "file", "", cwd=folder)
    equal(done.status, 1, done.err)
    check("missing: " in done.err and "No such file" in done.err, done.err)
    check("2 could not be hashed" in done.err, done.err)
    equal(read(output), expected_sums("sha256sum", "file", folder))


@test("files and folders that may not be read: named with the reason, the rest is written")
def no_permission(folder):
    os.makedirs(os.path.join(folder, "closed"))
    for name in ("secret", "open", "closed/file"):
        write(os.path.join(folder, name))
    os.chmod(os.path.join(folder, "secret"), 0)
    os.chmod(os.path.join(folder, "closed"), 0)
    prefix = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            raise Skip("root may read everything, and there is no setpriv")
        prefix = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search",
                  "--inh-caps", "-dac_override,-dac_read_search")
    done = run(".", cwd=folder, prefix=prefix)
    os.chmod(os.path.join(folder, "closed"), 0o700)
    equal(done.status, 1, done.err)
    check("./secret: The file cannot be opened: Permission denied" in done.err, done.err)
    check("./closed: The folder cannot be read: Permission denied" in done.err, done.err)
    check("2 could not be hashed" in done.err, done.err)
    equal(done.out, expected_sums("sha256sum", "./open", folder))


@test("a file that vanishes before its turn is an error of its own")
def vanishing_file(folder):
    big, small = os.path.join(folder, "0"), os.path.join(folder, "1")
    sparse(big, 4 << 30)
    write(small)
    program = Background("--workers", "1", ".", cwd=folder)
    program.wait_for_reading(big)
    os.unlink(small)
    os.truncate(big, 0)
    done = program.finish()
    equal(done.status, 1, done.err)
    check("./1: The file cannot be opened: No such file" in done.err, done.err)
    check("./0: The file was changed while it was read" in done.err, done.err)
    check("2 could not be hashed" in done.err, done.err)
    equal(done.out, b"")


@test("a file that grows without end gives an error and no sum")
def growing_file(folder):
    path = os.path.join(folder, "log")
    sparse(path, 256 << 20)
    write(os.path.join(folder, "other"))
    started, stop = threading.Event(), threading.Event()

    def append():
        with open(path, "ab", buffering=0) as stream:
            while not stop.is_set():
                stream.write(b"line\n")
                started.set()

    writer = threading.Thread(target=append)
    writer.start()
    started.wait()
    try:
        done = run(".", cwd=folder)
    finally:
        stop.set()
        writer.join()
    equal(done.status, 1, done.err)
    check("./log: The file was changed while it was read" in done.err, done.err)
    equal(done.out, expected_sums("sha256sum", "./other", folder))


@test("control characters of names do not reach the terminal in messages")
def names_in_messages(folder):
    done = run(b"esc\x1b[2J\nnext", cwd=folder)
    equal(done.status, 1)
    check("\x1b" not in done.err and "esc␛[2J␊next: " in done.err, done.err)


# --- --output ---

@test("--output writes the same lines, and an older file of sums in the folder is not among them")
def output_in_folder(folder):
    hostile_tree(folder)
    expected = expected_sums("sha256sum", ".", folder)
    for _ in range(2):
        done = run("--output", "sums", cwd=folder)
        equal((done.status, done.out), (0, b""), done.err)
        equal(read(os.path.join(folder, "sums")), expected)
    check("“sums”" in done.err, done.err)


@test("--output where nothing can be written fails before any work")
def output_impossible(folder):
    os.makedirs(os.path.join(folder, "tree"))
    sparse(os.path.join(folder, "tree/big"), 1 << 40)
    for target in ("no/such/folder", "tree"):
        done = run("--output", target, "tree", cwd=folder)
        equal((done.status, done.out), (1, b""), done.err)
        check("“%s”: " % target in done.err, done.err)


@test("--output beyond a limit of size: an error, the old file stays, nothing else is left")
def output_too_large(folder):
    tree = os.path.join(folder, "tree")
    target = os.path.join(folder, "target")
    os.makedirs(target)
    hostile_tree(tree)
    write(os.path.join(target, "sums"), b"old")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = run("--output", "target/sums", "tree", cwd=folder, preexec_fn=limit)
    equal(done.status, 1, done.err)
    check("“target/sums”: File too large" in done.err, done.err)
    equal(os.listdir(target), ["sums"])
    equal(read(os.path.join(target, "sums")), b"old")


@test("--output to a full disk: an error, the old file stays, nothing else is left")
def output_full_disk(folder):
    tree = os.path.join(folder, "tree")
    target = os.path.join(folder, "target")
    os.makedirs(target)
    os.makedirs(tree)
    for i in range(1000):
        write(os.path.join(tree, "%d" % i))
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", target]
    if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
        raise Skip("a small file system cannot be mounted here")
    try:
        write(os.path.join(target, "sums"), b"old")
        done = run("--output", "target/sums", "tree", cwd=folder)
        left = os.listdir(target), read(os.path.join(target, "sums"))
    finally:
        subprocess.run(["umount", target], check=True)
    equal(done.status, 1, done.err)
    check("“target/sums”: No space left" in done.err, done.err)
    equal(left, (["sums"], b"old"))


@test("--output to a device writes to it, and says when that fails")
def output_device(folder):
    write(os.path.join(folder, "file"))
    done = run("--output", "/dev/null", "file", cwd=folder)
    equal(done.status, 0, done.err)
    done = run("--output", "/dev/full", "file", cwd=folder)
    equal(done.status, 1, done.err)
    check("“/dev/full”: No space left" in done.err, done.err)
    done = run("--output", "/dev/stdout", "file", cwd=folder)
    equal((done.status, done.out), (0, expected_sums("sha256sum", "file", folder)), done.err)


@test("standard output that is full or closed is an error")
def broken_stdout(folder):
    write(os.path.join(folder, "file"))
    with open("/dev/full", "wb") as full:
        done = run("file", cwd=folder, stdout=full)
    equal(done.status, 1, done.err)
    check("No space left" in done.err, done.err)
    reading, writing = os.pipe()
    os.close(reading)
    done = run("file", cwd=folder, stdout=writing)
    os.close(writing)
    equal(done.status, 1, done.err)
    check("Broken pipe" in done.err, done.err)


@test("standard streams that are closed are an error of writing, and no file is mistaken for them")
def closed_streams(folder):
    write(os.path.join(folder, "file"))
    done = run("file", cwd=folder, preexec_fn=lambda: os.close(1))
    equal(done.status, 1, done.err)
    check("Bad file descriptor" in done.err, done.err)
    done = run("--output", "sums", "file", "missing", cwd=folder, preexec_fn=lambda: os.close(2))
    equal(done.status, 1)
    equal(read(os.path.join(folder, "sums")), expected_sums("sha256sum", "file", folder))


# --- --check ---

@test("--check finds what is the same, different, missing and extra")
def check_option(folder):
    tree = os.path.join(folder, "tree")
    hostile_tree(tree)
    equal(run("--algorithm", "sha1", "--output", "sums", "tree", cwd=folder).status, 0)
    for args in (("--check", "sums"), ("--check", "sums", "tree"), ("--check", "sums", tree)):
        done = run(*args, cwd=folder)
        equal((done.status, done.out), (0, b""), done.err)
        check("60 files are the same" in done.err, done.err)
    write(os.path.join(tree, "-x"), b"other")
    os.unlink(os.path.join(tree, "plain"))
    write(os.path.join(tree, "more"))
    done = run("--check", "sums", "tree", cwd=folder)
    equal(done.status, 1, done.err)
    equal(sorted(done.out.decode().splitlines()),
          ["tree/-x: different", "tree/more: not in the sums file", "tree/plain: missing"])
    done = run("--check", "sums", cwd=folder)
    equal(done.status, 1, done.err)
    equal(sorted(done.out.decode().splitlines()), ["tree/-x: different", "tree/plain: missing"])


@test("--check reads what sha256sum --tag writes, and refuses what are no sums")
def check_forms(folder):
    hostile_tree(os.path.join(folder, "tree"))
    tagged = subprocess.run("find tree -type f -print0 | xargs -0 sha512sum --tag", shell=True,
                            cwd=folder, stdout=subprocess.PIPE, env=environment()).stdout
    write(os.path.join(folder, "tagged"), tagged)
    done = run("--check", "tagged", cwd=folder)
    equal((done.status, done.out), (0, b""), done.err)
    write(os.path.join(folder, "no-sums"), b"hello\n")
    for name in ("no-sums", "missing"):
        done = run("--check", name, "tree", cwd=folder)
        equal((done.status, done.out), (1, b""), done.err)
        check("“%s”" % name in done.err, done.err)


# --- the command line ---

@test("a wrong command line is told in a sentence, status 2")
def usage(folder):
    for args, told in (
            (("--workers", "0"), "from 1 to 1024, and not “0”"),
            (("--workers", "-3"), "“-3”"),
            (("--workers", "many"), "“many”"),
            (("--algorithm", "sha0"), "“sha0”; known are: sha256, sha512, sha1, md5"),
            (("--nonsense",), "--nonsense"),
            (("--output",), "--output"),
            (("--check", "a", "--output", "b"), "--check")):
        done = run(*args, cwd=folder)
        equal((done.status, done.out), (2, b""), args, done.err)
        check(told in done.err and "--help" in done.err, args, done.err)


@test("--help and --version")
def help_and_version(folder):
    done = run("--help")
    equal(done.status, 0)
    for option in (b"--algorithm", b"--workers", b"--output", b"--check"):
        check(option in done.out, done.out)
    done = run("--version")
    equal(done.status, 0)
    check(re.search(rb"\d+\.\d+\.\d+", done.out), done.out)


# --- the bar, and signals ---

def lines_of_bar(screen):
    return [line for line in re.split(rb"\r", screen) if b"[" in line and b"]" in line]


@test("on a terminal a bar moves, fits the width and is gone at the end")
def bar(folder):
    for i in range(8):
        sparse(os.path.join(folder, "%d" % i), 128 << 20)
    for columns in (80, 46, 20):
        terminal = Terminal("--workers", "1", "--output", "sums", ".", cwd=folder, columns=columns)
        equal(terminal.finish(), 0, terminal.screen)
        text = terminal.screen.decode()
        drawn = re.findall(r"\r([^\r\n]*)\x1b\[K", text)
        bars = [line for line in drawn if "%" in line]
        check(len(bars) >= 3, "the bar was drawn", len(bars), "times", text)
        check(all(len(line) < columns for line in drawn), columns, drawn)
        percents = [int(re.search(r"(\d+) %", line).group(1)) for line in bars]
        equal(percents, sorted(percents))
        check(percents[0] < 100 and len(set(percents)) >= 3, percents)
        if columns == 80:
            check("█" in bars[-1] and "files" in bars[-1], bars[-1])
        # After the last bar the line is wiped, and only then comes the summary.
        check(re.search(r"\r\x1b\[KHashed 8 files", text), text)
        equal(text.count("Hashed"), 1)


@test("without UTF-8 or on a dumb terminal nothing is shown that it cannot show")
def plain_terminals(folder):
    sparse(os.path.join(folder, "big"), 1 << 30)
    terminal = Terminal(".", cwd=folder, env=environment(LC_ALL="C"))
    equal(terminal.finish(), 0)
    check(lines_of_bar(terminal.screen), terminal.screen)
    check(all(byte < 128 for byte in terminal.screen), terminal.screen)
    terminal = Terminal(".", cwd=folder, env=environment(TERM="dumb"))
    equal(terminal.finish(), 0)
    check(b"\x1b" not in terminal.screen and b"Hashed 1 file" in terminal.screen, terminal.screen)


@test("elsewhere there are plain lines")
def plain_lines(folder):
    for i in range(4):
        sparse(os.path.join(folder, "%d" % i), 256 << 20)
    done = run("--workers", "1", ".", cwd=folder)
    equal(done.status, 0, done.err)
    check("\r" not in done.err and "\x1b" not in done.err, done.err)
    check(re.search(r"Found 4 files \(1\.1\sGB\)\.\n\d+ % are done\.\n", done.err), done.err)
    check("Hashed 4 files" in done.err, done.err)


@test("Ctrl-C on a terminal: it says so, status 130, the file of --output stays as it was")
def interrupt(folder):
    os.makedirs(os.path.join(folder, "tree"))
    os.makedirs(os.path.join(folder, "target"))
    write(os.path.join(folder, "tree/a"))
    sparse(os.path.join(folder, "tree/big"), 1 << 40)
    for old in (None, b"old"):
        if old:
            write(os.path.join(folder, "target/sums"), old)
        terminal = Terminal("--output", "target/sums", "tree", cwd=folder)
        terminal.read_until(rb"1 of 2 files")
        terminal.press(b"\x03")
        equal(terminal.finish(), 130, terminal.screen)
        text = terminal.screen.decode()
        check("Cancelling" in text and "Cancelled: 1 of 2 files were hashed." in text, text)
        check("Nothing was written to “target/sums”" in text, text)
        equal(os.listdir(os.path.join(folder, "target")), ["sums"] if old else [])
        if old:
            equal(read(os.path.join(folder, "target/sums")), old)


@test("a signal without --output: the sums that were computed are written, status by the signal")
def interrupt_keeps_sums(folder):
    tree = os.path.join(folder, "tree")
    os.makedirs(tree)
    write(os.path.join(tree, "a"))
    big = os.path.join(tree, "big")
    sparse(big, 1 << 40)
    for i in range(1000):
        write(os.path.join(tree, "z%d" % i))
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        program = Background("--workers", "1", "tree", cwd=folder)
        program.wait_for_reading(big)
        program.process.send_signal(number)
        done = program.finish()
        equal(done.status, status, done.err)
        # The worker may take a few more between the end of the big one and that of the rest.
        cancelled = re.search(r"Cancelled: (\d+) of 1002 files were hashed", done.err)
        check(cancelled and 1 <= int(cancelled.group(1)) < 1000, done.err)
        equal(done.out.count(b"\n"), int(cancelled.group(1)))
        check(b"  tree/a\n" in done.out and b"big" not in done.out, done.out)
        equal(check_with("sha256sum", done.out, folder).returncode, 0)


@test("a second signal ends it even where writing is stuck")
def second_signal(folder):
    for i in range(2000):
        write(os.path.join(folder, "%d" % i))
    program = Background("--workers", "1", ".", cwd=folder)
    full = fcntl.fcntl(program.process.stdout, fcntl.F_GETPIPE_SZ)

    def filled():
        return fcntl.ioctl(program.process.stdout, termios.FIONREAD, struct.pack("i", 0))

    wait_until(lambda: struct.unpack("i", filled())[0] == full, "the pipe is full")
    program.process.send_signal(signal.SIGINT)
    told = b""
    while "Cancelling…".encode() not in told:
        check(select.select([program.process.stderr], [], [], DEADLINE)[0], "nothing was said")
        told += os.read(program.process.stderr.fileno(), 4096)
    program.process.send_signal(signal.SIGINT)
    equal(program.process.wait(DEADLINE), 130)
    program.process.communicate()


# --- languages ---

@test("messages are translated, plural forms too")
def translated(folder):
    locale_dir = os.environ.get("CFUT_LOCALEDIR")
    if not locale_dir or not os.path.exists(os.path.join(locale_dir, "de/LC_MESSAGES/cfut.mo")):
        raise Skip("there are no translations")
    for i in range(2):
        write(os.path.join(folder, "%d" % i))
    env = environment(LANGUAGE="de")
    english = run(folder).err
    german = run(folder, env=env).err
    check(german and german != english, german)
    one = run(os.path.join(folder, "0"), env=env).err
    check("Datei" in one and "Dateien" not in one and "Dateien" in german, one, german)
    done = run("--workers", "0", env=env)
    equal(done.status, 2)
    check("„0“" in done.err, done.err)


sys.exit(run_tests())
