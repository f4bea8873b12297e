// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// Command lines as futures: their output, what they say as they go, and what becomes of those that fail.

import Cfut from 'gi://Cfut?version=1';
import Gio from 'gi://Gio';

// Without a worker of its own it runs commands, as many at once as there are processors.
const pool = new Cfut.ProcessExecutor();

const sorted = await pool.run(['sort', '-n'], '10\n9\n1\n');
print(sorted.dup_stdout_text().trim().split('\n').join(' '));

// A status other than 0 is an error, with the end of what the command has said.
try {
    await pool.run(['sh', '-c', 'echo "the disc is full" >&2; exit 1']);
} catch (error) {
    print(error.message.replaceAll('\n', ' '));
}

// Unless it is an answer.
const grep = await pool.run(null, {any_exit_status: true}, ['grep', 'needle', '/dev/null']);
print(grep.exit_status === 0 ? 'found' : 'not found');

// Lines as they come, on the main loop.
const command = new Cfut.Command();
command.set_line_func((task, stream, line) => print(`line: ${line}`));
await pool.run(null, command, ['printf', 'one\ntwo\n']);

// Several together, as they end.
const group = new Cfut.Group();
for (const seconds of ['0.2', '0', '30'])
    pool.run({group, name: `sleep ${seconds}`}, null, ['sleep', seconds]);
let nEnded = 0;
for await (const future of group) {
    const error = future.dup_error();
    print(`${future.dup_name()}: ${error?.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED) ? 'cancelled' : 'done'}`);
    if (++nEnded === 2)
        group.cancel();
}
