// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// JavaScript on every processor: this program is its own worker. What a function is given and what it returns
// are ordinary values, and what it throws is thrown where it was called.

import Cfut from 'gi://Cfut?version=1';
import System from 'system';

// Takes a while: nobody would want to do that in a program with windows.
function countPrimes(task, begin, end) {
    let nPrimes = 0;

    for (let n = Math.max(begin, 2); n < end; n++) {
        let divisor = 2;
        while (divisor * divisor <= n && n % divisor !== 0)
            divisor++;
        if (divisor * divisor > n)
            nPrimes++;
        if (n % 1000 === 0)
            task.checkpoint();
    }
    return nPrimes;
}

if (Cfut.Worker.requested()) {
    const worker = new Cfut.Worker();
    worker.register('count-primes', countPrimes);
    worker.register('divide', (task, a, b) => {
        if (b === 0)
            throw new RangeError(`Who would divide ${a} by nothing?`);
        return a / b;
    });
    System.exit(worker.run());
}

const pool = Cfut.ProcessExecutor.new_self(0);

print(`7 / 2 = ${await pool.call('divide', 7, 2)}`);
try {
    await pool.call('divide', 7, 0);
} catch (error) {
    print(`${error.name}: ${error.message}`);
}

// Four parts at once.
const counts = await Promise.all([0, 1, 2, 3].map(part => pool.call('count-primes', part * 25000, (part + 1) * 25000)));
print(`${counts.join(' + ')} = ${counts.reduce((sum, n) => sum + n)} primes below 100000`);

// Or as many as you like, in their order, and never more of them under way than needed.
const ranges = Array.from({length: 100}, (_, i) => [i * 1000, (i + 1) * 1000]);
let sum = 0;
for await (const future of pool.map_call(null, 'count-primes', ranges))
    sum += await future;
print(`and by the hundredth part: ${sum}`);
