#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Whether what a page of the documentation shows is true: its blocks of code are compiled and run. Speaks TAP.

usage: test-docs.py PAGE
       test-docs.py SOURCE.[ch] ...     what comments for gi-docgen show: functions, or else statements

In front of each block stands a comment that says what becomes of it; a block without one is a failure.
Each page has a folder of its own, in which its files are kept and its programs run, from top to bottom.

  <!-- test: program NAME [PACKAGE ...] [prints LINE ...] -->
                                             a program: compiled without a warning, and run; it has to succeed
  <!-- test: worker NAME -->                 a program that others start: kept, and compiled
  <!-- test: window NAME STEP ... -->        a program with a window, worked by docs_window.py
  <!-- test: fragment -->                    statements, compiled (C) or run (Python) within docs-fragment.*
  <!-- test: declarations -->                functions and types in C, compiled
  <!-- test: file NAME -->                   a file that others need: kept, and parsed where the name says how
  <!-- test: sh [quiet] -->                  commands: run; they have to succeed; quiet: whatever they print
  <!-- test: check -->                       commands that change a machine: their syntax, and that the files
                                             of this project which they name are there
  <!-- test: output -->                      what the one before has printed; with `stderr`, and said there

In output "…" stands for anything, and on a line of its own for any lines. What a program says on stderr has
to be shown, or is a failure. A program with the name of an earlier one takes its place. Set by who runs this:
CFUT_SOURCE (the source tree) and what pkg-config, the languages and their compilers need to find the library.
"""

import configparser
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

LIMIT_SECONDS = 120
SOURCE = pathlib.Path(os.environ['CFUT_SOURCE'])
TESTS = SOURCE / 'tests'
MARK = re.compile(r'<!--\s*test:\s*(.*?)\s*-->')
CFLAGS = ['-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror']


# What functions in comments have around them.
COMMENT_TYPES = [
    'typedef struct { GObject parent; CfutExecutor *executor; } Thing;',
    'extern CfutTaskFunc count;',
    'extern CfutCallFunc factorial;',
    'int run_application (int argc, char **argv);',
]


class Failure(Exception):
    """The block is wrong."""


class Skip(Exception):
    """The block needs what is not here."""


class Block:
    def __init__(self, mark, language, line):
        self.words = shlex.split(mark) if mark else ['']
        self.language = language
        self.line = line
        self.lines = []

    @property
    def text(self):
        return ''.join(line + '\n' for line in self.lines)


def read_blocks(page):
    """The page's fenced blocks, and those that are indented inside of lists, each with its mark."""
    blocks, mark, block, indent = [], None, None, 0
    for number, line in enumerate(page.read_text(encoding='utf-8').splitlines(), 1):
        fence = re.match(r'( *)```(.*)$', line)
        if block is not None:
            if fence and not fence[2].strip():
                blocks.append(block)
                block, mark = None, None
            else:
                block.lines.append(line[indent:] if line[:indent].isspace() else line)
        elif fence:
            indent = len(fence[1])
            block = Block(mark, fence[2].strip(), number)
        elif MARK.fullmatch(line.strip()):
            mark = MARK.fullmatch(line.strip())[1]
        elif line.strip():
            mark = None
    if block is not None:
        raise Failure('the block of line %d has no end' % block.line)
    return blocks


def read_comment_blocks(source):
    """The blocks in a source file's comments for gi-docgen, in both forms. What is in them is told by itself."""
    blocks, block = [], None
    for number, line in enumerate(source.read_text(encoding='utf-8').splitlines(), 1):
        text = re.match(r'\s*\* ?(.*)$', line)
        if text is None:
            if block is not None:
                raise Failure('%s: the block of line %d has no end' % (source, block.line))
        elif block is not None and text[1] in ('```', ']|'):
            if re.search(r'^\{', block.text, re.MULTILINE):
                block.words = ['declarations']
                block.lines[:0] = COMMENT_TYPES
            else:
                block.words = ['fragment']
            blocks.append(block)
            block = None
        elif block is not None:
            block.lines.append(text[1])
        elif text[1].startswith(('```', '|[')):
            block = Block('', 'c', number)
    return blocks


def need(program):
    if shutil.which(program) is None:
        raise Skip('there is no ' + program)
    return program


def run(command, folder, **more):
    """Runs a command that has to succeed, and returns what it wrote on stdout and on stderr."""
    environment = dict(os.environ, LC_ALL='C.UTF-8')
    environment.pop('LANGUAGE', None)
    try:
        process = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, text=True,
                                 capture_output=True, timeout=LIMIT_SECONDS, **more)
    except subprocess.TimeoutExpired:
        raise Failure('it did not end within %d s' % LIMIT_SECONDS) from None
    if process.returncode != 0:
        raise Failure('%s\n%sstatus: %d' % (process.stdout, process.stderr, process.returncode))
    return process.stdout, process.stderr


def package_flags(packages):
    for package in packages:
        if subprocess.run(['pkg-config', '--exists', package]).returncode != 0:
            raise Skip('there is no ' + package)
    return subprocess.run(['pkg-config', '--cflags', '--libs', 'cfut-1', *packages], check=True,
                          capture_output=True, text=True).stdout.split()


def compile_c(folder, name, packages, *flags):
    run([os.environ.get('CC', 'cc'), *CFLAGS, *flags, name, *package_flags(packages)], folder)


def compile_vala(folder, name, packages, output):
    need('valac')
    package_flags(packages)
    words = ['--pkg=' + package for package in ('gio-2.0', 'cfut-1', *packages)]
    for flag in package_flags(packages):
        words += ['-X', flag]
    # What valac says of the C that it made is nothing of the page's.
    run(['valac', '--quiet', '-X', '-w', *words, '-o', output, name], folder)


def make_program(folder, name, packages):
    """Keeps what is to be run, and returns the command for it."""
    path = folder / name
    output = folder / path.stem
    if path.suffix == '.c':
        compile_c(folder, name, packages, '-o', str(output))
        return [str(output)]
    if path.suffix == '.cpp':
        run([need('c++'), *CFLAGS, '-fPIC', '-o', str(output), name, *package_flags(packages)], folder)
        return [str(output)]
    if path.suffix == '.vala':
        compile_vala(folder, name, packages, str(output))
        return [str(output)]
    if path.suffix == '.py':
        return [sys.executable, str(path)]
    if path.suffix == '.js':
        return [need('gjs'), '-m', str(path)]
    if path.suffix == '.lua':
        for lua in ('lua5.3', 'lua5.1', 'luajit'):
            if shutil.which(lua) and subprocess.run([lua, '-e', 'require "lgi"'], capture_output=True).returncode == 0:
                return [lua, str(path)]
        raise Skip('there is no Lua with lgi')
    raise Failure('nobody knows how to run ' + name)


def check_file(name, text):
    """What can be told of a file that nothing runs."""
    if name.endswith('.json'):
        json.loads(text)
    elif name.endswith(('.wrap', '.ini', '.desktop')):
        configparser.ConfigParser().read_string(text)
    elif name.endswith('.py'):
        compile(text, name, 'exec')


def check_commands(folder, text):
    run(['bash', '-n', '-c', text], folder)
    for line in text.splitlines():
        for word in shlex.split(line, comments=True):
            if word.startswith('./') and not (SOURCE / word).exists():
                raise Failure('there is no ' + word)


def fits(shown, printed):
    """Whether lines that were printed are those that are shown."""
    if not shown:
        return not printed
    if shown[0].strip() == '…':
        return any(fits(shown[1:], printed[n:]) for n in range(len(printed) + 1))
    pattern = '.*'.join(re.escape(part) for part in shown[0].split('…'))
    return bool(printed) and re.fullmatch(pattern, printed[0]) is not None and fits(shown[1:], printed[1:])


def dead_links(page):
    """Links to pages, and to pictures, that are not in the page's folder."""
    names = re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', page.read_text(encoding='utf-8'))
    return [name for name in names
            if not (page.parent / (name[:-5] + '.md' if name.endswith('.html') else name)).exists()]


class Page:
    def __init__(self, folder):
        self.folder = folder
        # What the last block has printed, where nobody has compared it yet.
        self.printed = None

    def keep(self, block):
        name = block.words[1]
        (self.folder / name).write_text(block.text, encoding='utf-8')
        return name

    def ran(self, outputs):
        self.printed = outputs

    def finish(self):
        """Before the next block that is run: all that was printed has to have been shown."""
        printed, self.printed = self.printed, None
        if printed is not None and (printed[0] or printed[1]):
            raise Failure('this is not shown:\n%s%s' % printed)

    def compare_with(self, lines, words):
        printed, self.printed = self.printed, None
        if printed is None:
            raise Failure('nothing has run that could print this')
        said = printed[0]
        if words == ['stderr']:
            said += printed[1]
        elif printed[1]:
            raise Failure('on stderr:\n' + printed[1])
        if not fits([line.rstrip() for line in lines], [line.rstrip() for line in said.splitlines()]):
            raise Failure('it printed:\n' + said)

    def fragment(self, block):
        suffix = {'c': '.c', 'python': '.py'}.get(block.language)
        if suffix is None:
            raise Failure('no fragments in ' + block.language)
        frame = (TESTS / ('docs-fragment' + suffix)).read_text(encoding='utf-8')
        before, after = frame.split('@FRAGMENT@')
        path = self.folder / ('fragment' + suffix)
        path.write_text(before + block.text + after, encoding='utf-8')
        if suffix == '.c':
            compile_c(self.folder, path.name, [], '-fsyntax-only', '-Wno-unused-variable',
                      '-Wno-unused-but-set-variable')
        else:
            self.ran(run([sys.executable, str(path)], self.folder))

    def do(self, block):
        kind = block.words[0]
        if kind == 'output':
            self.compare_with(block.lines, block.words[1:])
            return
        self.finish()
        if kind == 'program':
            packages, prints = block.words[2:], []
            if 'prints' in packages:
                at = packages.index('prints')
                packages, prints = packages[:at], packages[at + 1:]
            command = make_program(self.folder, self.keep(block), packages)
            self.ran(run(command, self.folder))
            if prints:
                self.compare_with(prints, [])
        elif kind == 'worker':
            make_program(self.folder, self.keep(block), block.words[2:])
            (self.folder / block.words[1]).chmod(0o755)
        elif kind == 'window':
            command = make_program(self.folder, self.keep(block), ['gtk4'])
            need('Xvfb')
            run([str(TESTS / 'with-display'), sys.executable, str(TESTS / 'docs_window.py'),
                 *block.words[2:], '--', *command], self.folder)
        elif kind == 'fragment':
            self.fragment(block)
        elif kind == 'declarations':
            (self.folder / 'declarations.c').write_text('#include <cfut/cfut.h>\n' + block.text, encoding='utf-8')
            compile_c(self.folder, 'declarations.c', [], '-fsyntax-only', '-Wno-unused-function')
        elif kind == 'file':
            check_file(self.keep(block), block.text)
        elif kind == 'sh':
            printed = run(['bash', '-eu', '-c', block.text], self.folder)
            self.ran(('', '') if block.words[1:] == ['quiet'] else printed)
        elif kind == 'check':
            check_commands(self.folder, block.text)
        else:
            raise Failure('no mark says what becomes of it' if not kind else 'nobody knows the mark ' + kind)


def main_of_sources(sources):
    """For the comments of source files, whose blocks have nothing to do with each other."""
    blocks = [(source, block) for source in map(pathlib.Path, sources) for block in read_comment_blocks(source)]
    failed = False
    print('1..%d' % len(blocks))
    with tempfile.TemporaryDirectory(prefix='cfut-docs-') as folder:
        for n, (source, block) in enumerate(blocks, 1):
            title = '%d %s, line %d: %s' % (n, source.name, block.line, block.words[0])
            try:
                Page(pathlib.Path(folder)).do(block)
                print('ok ' + title)
            except Failure as reason:
                failed = True
                print('not ok %s\n#   %s' % (title, str(reason).replace('\n', '\n#   ')))
    return 1 if failed else 0


def main():
    if sys.argv[1].endswith(('.c', '.h')):
        return main_of_sources(sys.argv[1:])
    page = pathlib.Path(sys.argv[1])
    blocks = read_blocks(page)
    folder = pathlib.Path(tempfile.mkdtemp(prefix='cfut-docs-'))
    state, failed, skipped = Page(folder), False, False
    try:
        print('1..%d' % (len(blocks) + 2))
        for n, block in enumerate(blocks, 1):
            title = '%d %s, line %d: %s' % (n, page.name, block.line, ' '.join(block.words))
            if skipped and block.words[0] == 'output':
                print('ok %s # SKIP as the one before' % title)
                continue
            skipped = False
            try:
                state.do(block)
                print('ok ' + title)
            except Skip as reason:
                skipped = True
                print('ok %s # SKIP %s' % (title, reason))
            except (Failure, ValueError, OSError, configparser.Error, SyntaxError) as reason:
                failed = True
                print('not ok ' + title)
                for line in str(reason).splitlines()[-60:]:
                    print('#   ' + line)
            sys.stdout.flush()
        try:
            state.finish()
            print('ok %d %s shows all that is printed' % (len(blocks) + 1, page.name))
        except Failure as reason:
            failed = True
            print('not ok %d %s: %s' % (len(blocks) + 1, page.name, str(reason).replace('\n', '\n#   ')))
        dead = dead_links(page)
        failed |= bool(dead)
        print('%s %d %s links to what is there %s' % ('not ok' if dead else 'ok', len(blocks) + 2, page.name,
                                                      ' '.join(dead)))
    finally:
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
