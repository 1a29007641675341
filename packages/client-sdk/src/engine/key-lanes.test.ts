import { LINEARIZABLE } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { KeyLanes } from './key-lanes.js';
import { Operation, type OperationKind, Place, type ResultReader } from './operation.js';

const noReader: ResultReader = {
  found: () => null,
  looked: () => null,
  carriedOut: () => null,
};
let serial = 0;

function op(kind: OperationKind, key = 'k'): Operation {
  const bytes = new TextEncoder().encode(key);
  const one = new Operation(kind, key, bytes, null, null, LINEARIZABLE, noReader, null, noop, noop);
  one.serial = ++serial;
  return one;
}

function noop(): void {}

/** Lanes whose dispatched operations gather in `ready`, as they would in the queue of a pipe. */
function setup() {
  const ready: Operation[] = [];
  const lanes = new KeyLanes((one) => {
    one.place = Place.queue;
    ready.push(one);
  });
  const enter = (one: Operation): void => {
    if (!lanes.enter(one)) return;
    one.place = Place.queue;
    ready.push(one);
  };
  /** Sends what is ready in one message. */
  const send = (message: number): Operation[] => {
    const sent = ready.splice(0).filter((one) => lanes.maySend(one, message));
    for (const one of sent) one.place = Place.sent;
    return sent;
  };
  return { ready, lanes, enter, send };
}

describe('KeyLanes', () => {
  it('lets calls on different keys pass each other', () => {
    const { lanes, enter, send } = setup();
    const [a, b] = [op('put', 'a'), op('put', 'b')];
    enter(a);
    expect(send(1)).toEqual([a]);
    enter(b);
    expect(send(2)).toEqual([b]);
    lanes.leave(b);
    lanes.leave(a);
    expect(lanes.size).toBe(0);
  });

  it('sends the writes of one key that were called together in one message', () => {
    const { lanes, enter, send, ready } = setup();
    const [a, b, c] = [op('put'), op('delete'), op('put')];
    for (const one of [a, b, c]) enter(one);
    expect(send(1)).toEqual([a, b, c]);
    const d = op('put');
    enter(d);
    expect(ready).toEqual([]);
    for (const one of [a, b]) lanes.leave(one);
    expect(ready).toEqual([]);
    lanes.leave(c);
    expect(send(2)).toEqual([d]);
    lanes.leave(d);
    expect(lanes.size).toBe(0);
  });

  it('parts writes of one key that would leave in two messages, INVARIANT(call-order)', () => {
    const { lanes, enter, ready } = setup();
    const [a, b, c] = [op('put'), op('put'), op('put')];
    for (const one of [a, b, c]) enter(one);
    ready.length = 0;
    expect(lanes.maySend(a, 1)).toBe(true);
    expect(lanes.maySend(b, 2)).toBe(false);
    expect(lanes.maySend(c, 2)).toBe(false);
    lanes.leave(a);
    expect(ready).toEqual([b, c]);
  });

  it('parts them even when the first is answered by then, INVARIANT(call-order)', () => {
    const { lanes, enter, ready } = setup();
    const [a, b, c] = [op('put'), op('put'), op('put')];
    for (const one of [a, b, c]) enter(one);
    ready.length = 0;
    expect(lanes.maySend(a, 1)).toBe(true);
    lanes.leave(a);
    expect(lanes.maySend(b, 2)).toBe(false);
    expect(lanes.maySend(c, 2)).toBe(false);
    expect(ready).toEqual([b, c]);
    expect(lanes.maySend(b, 3)).toBe(true);
    expect(lanes.maySend(c, 3)).toBe(true);
  });

  it('sends the writes of a key one way, whatever way is right by now, INVARIANT(call-order)', () => {
    const { lanes, enter, ready } = setup();
    const [a, b, c] = [op('put'), op('put'), op('put')];
    for (const one of [a, b, c]) enter(one);
    ready.length = 0;
    expect(lanes.mayGo(a, 'way 1')).toBe(true);
    expect(lanes.mayGo(b, 'way 2')).toBe(false);
    // The right way again, but behind one that was put back.
    expect(lanes.mayGo(c, 'way 1')).toBe(false);
    expect(ready).toEqual([]);
    lanes.leave(a);
    expect(ready).toEqual([b, c]);
    expect(lanes.mayGo(b, 'way 2')).toBe(true);
    expect(lanes.mayGo(c, 'way 2')).toBe(true);
  });

  it('lets reads go any way', () => {
    const { lanes, enter } = setup();
    const [a, b] = [op('get'), op('get')];
    for (const one of [a, b]) enter(one);
    expect(lanes.mayGo(a, 'way 1')).toBe(true);
    expect(lanes.mayGo(b, 'way 2')).toBe(true);
  });

  it('knows what is behind a call that was put back', () => {
    const { lanes, enter } = setup();
    const [a, b, c] = [op('put'), op('put'), op('put', 'other')];
    for (const one of [a, b, c]) enter(one);
    expect(lanes.hold(a)).toBe(false);
    expect([a, b, c].map((one) => lanes.isBehind(one))).toEqual([false, true, false]);
  });

  it('reads together, but neither before nor beside a write', () => {
    const { lanes, enter, send } = setup();
    const [w, r1, r2, w2] = [op('put'), op('get'), op('get'), op('put')];
    enter(w);
    enter(r1);
    expect(send(1)).toEqual([w]);
    enter(r2);
    enter(w2);
    lanes.leave(w);
    expect(send(2)).toEqual([r1, r2]);
    lanes.leave(r2);
    expect(send(3)).toEqual([]);
    lanes.leave(r1);
    expect(send(3)).toEqual([w2]);
  });

  it('lets reads join reads that are on their way', () => {
    const { enter, send } = setup();
    const [r1, r2] = [op('get'), op('get')];
    enter(r1);
    expect(send(1)).toEqual([r1]);
    enter(r2);
    expect(send(2)).toEqual([r2]);
  });

  it('lets later calls wait while an earlier one has to be sent again, INVARIANT(call-order)', () => {
    const { lanes, enter, send, ready } = setup();
    const [a, b, c] = [op('put'), op('put'), op('put')];
    enter(a);
    enter(b);
    send(1);
    enter(c);
    // b is refused first; it must not go before a is known to be served.
    lanes.retry(b);
    expect(ready).toEqual([]);
    lanes.retry(a);
    expect(ready).toEqual([a, b, c]);
  });

  it('lets later calls wait behind one that is held up, INVARIANT(call-order)', () => {
    const { lanes, enter, ready } = setup();
    const [a, b] = [op('put'), op('put')];
    enter(a);
    a.place = Place.gate;
    lanes.seal(a);
    ready.length = 0;
    enter(b);
    expect(ready).toEqual([]);
    lanes.leave(a);
    expect(ready).toEqual([b]);
  });

  it('forgets calls that are given up while they wait', () => {
    const { lanes, enter, send, ready } = setup();
    const [a, b, c, d] = [op('put'), op('put'), op('put'), op('put')];
    enter(a);
    send(1);
    for (const one of [b, c, d]) enter(one);
    for (const one of [c, d]) {
      lanes.leave(one);
      one.place = Place.done;
    }
    const e = op('put');
    enter(e);
    lanes.leave(a);
    expect(ready).toEqual([b, e]);
  });

  it('tells keys apart that look alike', () => {
    const { lanes, enter, ready } = setup();
    const long = 'x'.repeat(300);
    const keys = [long, `${long}y`, `${'x'.repeat(150)}y${'x'.repeat(149)}`, 'x', ''];
    for (const key of keys) enter(op('put', key));
    expect(ready).toHaveLength(keys.length);
    expect(lanes.size).toBe(keys.length);
  });

  it('makes no lane while as many keys end as begin, and finds all of many', () => {
    const { lanes, enter, ready } = setup();
    const many = Array.from({ length: 3000 }, (_, i) => op('put', `key ${i}`));
    for (const one of many) enter(one);
    expect(lanes.size).toBe(3000);
    ready.length = 0;
    for (const one of many) enter(op('get', one.name as string));
    expect(ready).toEqual([]);
    for (const one of many) lanes.leave(one);
    expect(ready).toHaveLength(3000);
    for (const one of [...ready]) lanes.leave(one);
    expect(lanes.size).toBe(0);
  });

  it('keeps the order of calls on a key whatever is refused, INVARIANT(call-order)', () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('call' as const), key: fc.nat(2), n: fc.nat(2) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('send' as const), key: fc.nat(2), n: fc.nat(3) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('serve' as const), key: fc.nat(2), n: fc.nat(9) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('refuse' as const), key: fc.nat(2), n: fc.nat(9) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('give up' as const), key: fc.nat(2), n: fc.nat(9) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('turn' as const), key: fc.nat(2), n: fc.nat(1) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        // Two ways, each with a queue of its own; which one is right changes.
        const queues: [Operation[], Operation[]] = [[], []];
        let way: 0 | 1 = 0;
        const lanes = new KeyLanes((one) => go(one));
        const go = (one: Operation): void => {
          one.place = Place.queue;
          if (lanes.mayGo(one, `way ${way}`)) queues[way].push(one);
        };
        const all: Operation[] = [];
        // A node takes a message as it comes: of one key it refuses all writes or none.
        const messages: Operation[][] = [];
        const effects: Operation[] = [];
        let message = 0;
        const serve = (refuse: boolean, n: number): void => {
          const [batch] = messages.splice(n % Math.max(1, messages.length), 1);
          for (const one of batch ?? []) {
            if (one.place !== Place.sent) continue;
            if (refuse) {
              one.place = Place.queue;
              lanes.retry(one);
            } else {
              effects.push(one);
              lanes.leave(one);
              one.place = Place.done;
            }
          }
        };
        const send = (from: number, limit: number): void => {
          message++;
          const sent: Operation[] = [];
          const ready = queues[from % 2] as Operation[];
          while (ready.length > 0 && sent.length < limit) {
            const one = ready.shift()!;
            if (one.place !== Place.queue || !lanes.maySend(one, message)) continue;
            one.place = Place.sent;
            sent.push(one);
          }
          if (sent.length > 0) messages.push(sent);
        };
        for (const { do: what, key, n } of steps) {
          if (what === 'call') {
            const one = op(n === 0 ? 'get' : 'put', `key ${key}`);
            all.push(one);
            if (lanes.enter(one)) go(one);
          } else if (what === 'send') {
            send(key, n + 1);
          } else if (what === 'turn') {
            way = way === 0 ? 1 : 0;
          } else if (what === 'give up') {
            // Only before it was sent: what was sent may still take effect.
            const one = all[n % Math.max(1, all.length)];
            if (one === undefined || one.place === Place.sent || one.place === Place.done) continue;
            lanes.leave(one);
            one.place = Place.done;
          } else {
            serve(what === 'refuse', n);
          }
        }
        while (all.some((one) => one.place !== Place.done)) {
          send(0, 3);
          send(1, 3);
          serve(false, 0);
        }
        expect(lanes.size).toBe(0);
        for (let key = 0; key < 3; key++) {
          const order = effects.filter((one) => one.name === `key ${key}`);
          const isOrdered = order.every((one, i) => {
            const previous = order[i - 1];
            return (
              previous === undefined ||
              previous.serial < one.serial ||
              (previous.isRead && one.isRead)
            );
          });
          expect(isOrdered).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
