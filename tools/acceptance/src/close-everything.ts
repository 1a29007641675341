// A program that leaves calls of every kind open, closes its clients and then does nothing more: Node.js
// ends it if, and only if, they left no timer and no connection behind.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DougClient } from '@dougdb/client';

/** Nobody listens there. */
const NOBODY = '127.0.0.1:1';

const [endpoints = ''] = process.argv.slice(2);
const db = await DougClient.connect(`${endpoints},${NOBODY}`, {
  pendingLimit: { operations: 1_000 },
});
await db.put('close/1', 'v');
const timeoutMs = 600_000;
const stop = new AbortController();
const calls: Promise<unknown>[] = [
  ...Array.from({ length: 900 }, (_, i) => db.put(`close/${i}`, 'v', { timeoutMs })),
  db.getMany(['close/1', 'close/2'], { signal: stop.signal, timeoutMs }),
  ...Array.from({ length: 200 }, (_, i) => db.get(`close/${i}`, { timeoutMs })),
  db.ready({ timeoutMs, signal: stop.signal }),
  db.admin.status(NOBODY, { timeoutMs }),
  db.scan({ prefix: 'close/', timeoutMs }).next(),
  DougClient.connect(NOBODY, { signal: stop.signal, timeoutMs }),
];
const settled = Promise.allSettled(calls);
await nextTurn();
await db.close();
stop.abort();
const reasons = (await settled).flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
const codes = [...new Set(reasons.map((reason) => String((reason as { code?: unknown }).code)))];
console.log(JSON.stringify(codes.sort()));
