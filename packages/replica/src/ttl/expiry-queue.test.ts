import fc from 'fast-check';
import { ExpiryQueue } from './expiry-queue.js';

const key = (n: number): Uint8Array => Uint8Array.from([n & 0xff, n >>> 8, 0xff]);
const shown = (queue: ExpiryQueue, logTime: number, most = 1024): string[] =>
  queue
    .due(logTime, most, 1 << 20)
    .map(({ key: k, revision, expiresAt }) => `${k[0]}@${revision} ${expiresAt}`);

describe('the queue of keys with a time', () => {
  it('hands out what is due, the soonest first, and keeps it', () => {
    const queue = new ExpiryQueue();
    queue.add(key(1), 10, 300);
    queue.add(key(2), 11, 100);
    queue.add(key(3), 12, 200);
    expect(queue.soonest).toBe(100);
    expect(shown(queue, 99)).toEqual([]);
    expect(shown(queue, 200)).toEqual(['2@11 100', '3@12 200']);
    expect(shown(queue, 1000, 2)).toHaveLength(2);
    expect(queue.size).toBe(3);
    expect([...(queue.due(100, 1, 1)[0]?.key ?? [])]).toEqual([...key(2)]);
  });

  it('knows a key as it was written last', () => {
    const queue = new ExpiryQueue();
    queue.add(key(1), 10, 100);
    queue.add(key(1), 12, 500);
    queue.add(key(1), 11, 50);
    expect(shown(queue, 1000)).toEqual(['1@12 500']);
    queue.forgetVersion(key(1), 10);
    expect(queue.size).toBe(1);
    queue.forgetVersion(key(1), 12);
    expect([queue.size, queue.sizeBytes, queue.soonest]).toEqual([0, 0, Number.POSITIVE_INFINITY]);
    queue.add(key(1), 13, 100);
    queue.forget(key(1));
    queue.forget(key(2));
    expect(queue.isEmpty).toBe(true);
  });

  it('hands out keys of any length, and as many bytes of them as are wanted', () => {
    const queue = new ExpiryQueue();
    const long = new Uint8Array(10_000).map((_, i) => i % 251);
    queue.add(long, 1, 5);
    queue.add(key(2), 2, 6);
    expect(queue.due(10, 10, 100).map(({ revision }) => revision)).toEqual([1]);
    expect(queue.due(10, 10, 10_100)).toHaveLength(2);
    expect(queue.due(10, 10, 100)[0]?.key).toEqual(long);
  });

  it('keeps the soonest of too many, says from when on some are missing, and hears of no later ones', () => {
    const queue = new ExpiryQueue({ keys: 100, bytes: 1 << 20 });
    for (let i = 0; i < 101; i++) queue.add(key(i), i + 1, 1000 + ((i * 37) % 101));
    expect([queue.size, queue.horizon, queue.isThin]).toEqual([75, 1075, false]);
    expect(queue.due(5000, 1024, 1 << 20).map(({ expiresAt }) => expiresAt)).toEqual(
      Array.from({ length: 75 }, (_, i) => 1000 + i),
    );
    queue.add(key(200), 200, 1075);
    expect(queue.size).toBe(75);
    // A key that is known, and gets a time behind the horizon, is not known any more.
    const [first] = queue.due(5000, 1, 100);
    queue.add(first?.key ?? key(0), 300, 9000);
    expect([queue.size, queue.soonest]).toEqual([74, 1001]);
    for (const { key: k } of queue.due(1050, 1024, 1 << 20)) queue.forget(k);
    expect([queue.size, queue.isThin]).toEqual([24, true]);
    queue.openHorizon();
    queue.add(key(200), 200, 1075);
    expect([queue.size, queue.horizon]).toEqual([25, Number.POSITIVE_INFINITY]);
  });

  it('is bounded in bytes as well', () => {
    const queue = new ExpiryQueue({ keys: 1000, bytes: 100_000 });
    for (let i = 0; i < 500; i++) {
      const long = new Uint8Array(1000);
      long.set(key(i));
      queue.add(long, i + 1, 1000 - i);
      expect(queue.sizeBytes).toBeLessThanOrEqual(100_000);
    }
    expect(queue.soonest).toBe(501);
    expect(queue.horizon).toBeLessThan(1000);
  });

  it('is what a sorted list of its keys is, whatever comes and goes', () => {
    const step = fc.record({
      key: fc.nat(30),
      expiresAt: fc.integer({ min: 1, max: 50 }),
      forget: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.nat(60), (steps, logTime) => {
        const queue = new ExpiryQueue();
        const known = new Map<number, { revision: number; expiresAt: number }>();
        for (const [i, { key: n, expiresAt, forget }] of steps.entries()) {
          if (forget) queue.forget(key(n));
          else queue.add(key(n), i + 1, expiresAt);
          if (forget) known.delete(n);
          else known.set(n, { revision: i + 1, expiresAt });
        }
        const due = queue.due(logTime, 1024, 1 << 20);
        const order = due.map(({ expiresAt }) => expiresAt);
        expect(order).toEqual([...order].sort((a, b) => a - b));
        const expected = [...known].filter(([, { expiresAt }]) => expiresAt <= logTime);
        expect(new Set(due.map(({ key: k, revision }) => `${k[0]}@${revision}`))).toEqual(
          new Set(expected.map(([n, { revision }]) => `${n}@${revision}`)),
        );
        expect(queue.size).toBe(known.size);
      }),
      { numRuns: 200 },
    );
  });
});
