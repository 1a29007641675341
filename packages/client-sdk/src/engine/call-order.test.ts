import { LINEARIZABLE } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { CallOrder } from './call-order.js';
import { Operation, type OperationKind, Place, type ResultReader } from './operation.js';
import { type Span, spansMeet } from './span.js';

const noReader: ResultReader = {
  found: () => null,
  looked: () => null,
  carriedOut: () => null,
};
let serial = 0;

function noop(): void {}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function made(kind: OperationKind, key: string): Operation {
  const one = new Operation(
    kind,
    key,
    bytes(key),
    null,
    null,
    LINEARIZABLE,
    noReader,
    null,
    noop,
    noop,
  );
  one.serial = ++serial;
  return one;
}

/** A call on one key. */
function put(key: string): Operation {
  return made('put', key);
}

/** A call on keys, and on ranges written 'a-c'. */
function txn(...names: string[]): Operation {
  const one = made('txn', names[0] ?? '');
  one.spans = names.map((name) => {
    const [start = '', end] = name.split('-');
    return { start: bytes(start), end: end === undefined ? null : bytes(end) };
  });
  return one;
}

/** What is dispatched and not finished, in that order. */
function setup() {
  const going: Operation[] = [];
  const order = new CallOrder((one) => {
    one.place = Place.queue;
    going.push(one);
  });
  const enter = (...ops: Operation[]): void => {
    for (const one of ops) {
      if (!order.enter(one)) continue;
      one.place = Place.queue;
      going.push(one);
    }
  };
  const finish = (...ops: Operation[]): void => {
    for (const one of ops) {
      order.leave(one);
      one.place = Place.done;
      const at = going.indexOf(one);
      if (at >= 0) going.splice(at, 1);
    }
  };
  return { order, going, enter, finish };
}

describe('CallOrder', () => {
  it('sends calls of several keys at once where they share none', () => {
    const { order, going, enter, finish } = setup();
    const ops = [txn('a', 'b'), put('c'), txn('d', 'e-g'), put('h')];
    enter(...ops);
    expect(going).toEqual(ops);
    finish(...ops);
    expect(order.size).toBe(0);
  });

  it('sends one when every earlier call on one of its keys is finished, INVARIANT(call-order)', () => {
    const { going, enter, finish } = setup();
    const [a, b, c, t] = [put('a'), put('b'), put('c'), txn('a', 'c')];
    enter(a, b, c, t);
    expect(going).toEqual([a, b, c]);
    finish(a);
    expect(going).toEqual([b, c]);
    finish(c);
    expect(going).toEqual([b, t]);
  });

  it('holds later calls on its keys back, and lets them go together, INVARIANT(call-order)', () => {
    const { order, going, enter, finish } = setup();
    const t = txn('a', 'b');
    const [a1, a2, b, other] = [put('a'), put('a'), put('b'), put('c')];
    enter(t, a1, a2, b, other);
    expect(going).toEqual([t, other]);
    finish(t);
    expect(going).toEqual([other, a1, a2, b]);
    finish(other, a1, a2, b);
    expect(order.size).toBe(0);
  });

  it('sends one behind held calls when those are finished, not when they go, INVARIANT(call-order)', () => {
    const { order, going, enter, finish } = setup();
    const [first, a, last] = [txn('a', 'b'), put('a'), txn('a', 'c')];
    enter(first, a, last);
    finish(first);
    expect(going).toEqual([a]);
    // It has to be sent again: still nothing passes it.
    a.place = Place.queue;
    order.retry(a);
    expect(going).not.toContain(last);
    finish(a);
    expect(going).toContain(last);
  });

  it('holds everything back that lies in its range, and nothing else', () => {
    const { going, enter, finish } = setup();
    const [before, range] = [put('b'), txn('a-c')];
    const [inside, outside, another] = [put('b'), put('c'), txn('bb', 'x')];
    enter(before, range, inside, outside, another);
    expect(going).toEqual([before, outside]);
    finish(before);
    expect(going).toEqual([outside, range]);
    finish(range);
    expect(going).toEqual([outside, inside, another]);
  });

  it('takes an empty end of a range for the last key', () => {
    const { going, enter } = setup();
    const [range, inside, outside] = [txn('m-'), put('zzz'), put('a')];
    enter(range, inside, outside);
    expect(going).toEqual([range, outside]);
  });

  it('keeps the order behind a call that is given up while it waits, INVARIANT(call-order)', () => {
    const { going, enter, finish } = setup();
    const [a, t1, t2, b] = [put('a'), txn('a', 'b'), txn('b', 'c'), put('b')];
    enter(a, t1, t2, b);
    finish(t1);
    // It waits for what t1 has waited for, which may be too much and is never too little.
    expect(going).toEqual([a]);
    finish(a);
    expect(going).toEqual([t2]);
    finish(t2);
    expect(going).toEqual([b]);
  });

  it('keeps the order behind held calls that are given up, INVARIANT(call-order)', () => {
    const { order, going, enter, finish } = setup();
    const [t1, held, t2, last] = [txn('a', 'b'), put('a'), txn('a'), put('a')];
    enter(t1, held, t2, last);
    finish(held);
    expect(going).toEqual([t1]);
    finish(t1);
    expect(going).toEqual([t2]);
    finish(t2, last);
    expect(order.size).toBe(0);
  });

  it('lets one that has no room wait by itself', () => {
    const { order, going, enter } = setup();
    const t = txn('a', 'b');
    enter(t);
    going.length = 0;
    expect(order.hold(t)).toBe(true);
    expect(t.place).toBe(Place.lane);
    order.resume(t);
    expect(going).toEqual([t]);
  });

  it('takes thousands that wait for each other without a deep stack', () => {
    const { order, going, enter, finish } = setup();
    const many = Array.from({ length: 8_000 }, () => txn('hot', 'key'));
    enter(...many);
    expect(going).toEqual([many[0]]);
    const first = many[0] as Operation;
    for (const one of many.slice(1)) {
      order.leave(one);
      one.place = Place.done;
    }
    finish(first);
    expect(order.size).toBe(0);
  });

  it('keeps calls that share a key in order and finishes all of them, whatever is refused or given up, INVARIANT(call-order)', () => {
    const letters = ['a', 'b', 'c', 'd', 'e'];
    const letter = fc.constantFrom(...letters);
    const range = fc
      .tuple(letter, fc.constantFrom('', 'b', 'c', 'd', 'e', 'f'))
      .filter(([start, end]) => end === '' || start < end)
      .map(([start, end]) => `${start}-${end}`);
    const call = fc.oneof(
      { weight: 4, arbitrary: letter.map((key) => ({ do: 'put' as const, keys: [key] })) },
      { weight: 2, arbitrary: letter.map((key) => ({ do: 'get' as const, keys: [key] })) },
      {
        weight: 3,
        arbitrary: fc
          .array(fc.oneof({ weight: 4, arbitrary: letter }, { weight: 1, arbitrary: range }), {
            minLength: 1,
            maxLength: 3,
          })
          .map((keys) => ({ do: 'txn' as const, keys })),
      },
    );
    const doing = fc.constantFrom('send', 'serve', 'serve', 'refuse', 'give up', 'turn', 'full');
    const other = fc.record({ do: doing, n: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(fc.oneof(call, other), { maxLength: 150 }), (steps) => {
        const { all, effects, size } = play(steps);
        expect(all.filter((one) => one.place !== Place.done)).toEqual([]);
        expect(size).toBe(0);
        for (const [at, later] of effects.entries()) {
          for (const earlier of effects.slice(0, at)) {
            if (earlier.serial < later.serial || (earlier.isRead && later.isRead)) continue;
            const meet = spansOf(earlier).some((a) => spansOf(later).some((b) => spansMeet(a, b)));
            if (meet) throw new Error(`${nameOf(later)} came after ${nameOf(earlier)}`);
          }
        }
      }),
      { numRuns: 600 },
    );
  });
});

type Step =
  | { readonly do: 'put' | 'get' | 'txn'; readonly keys: readonly string[] }
  | { readonly do: string; readonly n: number };

/** A client with two ways to its nodes, whose messages are served, refused and given up as the steps say. */
function play(steps: readonly Step[]) {
  const queues: [Operation[], Operation[]] = [[], []];
  const messages: Operation[][] = [];
  const roomless: Operation[] = [];
  const all: Operation[] = [];
  const effects: Operation[] = [];
  let way: 0 | 1 = 0;
  let message = 0;
  let isFull = false;
  const order = new CallOrder((one) => go(one));
  const go = (one: Operation): void => {
    one.place = Place.queue;
    if (order.mayGo(one, `way ${way}`)) queues[way].push(one);
  };
  const finish = (one: Operation): void => {
    order.leave(one);
    one.place = Place.done;
  };
  const answer = (refuse: boolean, n: number): void => {
    const [batch] = messages.splice(n % Math.max(1, messages.length), 1);
    for (const one of batch ?? []) {
      if (one.place !== Place.sent) continue;
      if (refuse) {
        one.place = Place.queue;
        order.retry(one);
      } else {
        effects.push(one);
        finish(one);
      }
    }
  };
  const send = (from: number, limit: number): void => {
    message++;
    const sent: Operation[] = [];
    const ready = queues[from % 2] as Operation[];
    while (ready.length > 0 && sent.length < limit) {
      const one = ready.shift() as Operation;
      if (one.place !== Place.queue) continue;
      if (isFull && !one.isRead) {
        if (order.hold(one)) roomless.push(one);
        continue;
      }
      if (!order.maySend(one, message)) continue;
      one.place = Place.sent;
      sent.push(one);
    }
    if (sent.length > 0) messages.push(sent);
  };
  const makeRoom = (): void => {
    isFull = false;
    for (const one of roomless.splice(0)) if (one.place === Place.lane) order.resume(one);
  };
  for (const step of steps) {
    if ('keys' in step) {
      const one =
        step.do === 'txn' ? txn(...step.keys) : made(step.do as 'put', step.keys[0] ?? '');
      all.push(one);
      if (order.enter(one)) go(one);
    } else if (step.do === 'send') {
      send(step.n, (step.n % 4) + 1);
    } else if (step.do === 'turn') {
      way = way === 0 ? 1 : 0;
    } else if (step.do === 'full') {
      if (isFull) makeRoom();
      else isFull = true;
    } else if (step.do === 'give up') {
      const one = all[step.n % Math.max(1, all.length)];
      // Only before it was sent: what was sent may still take effect.
      if (one !== undefined && one.place !== Place.sent && one.place !== Place.done) finish(one);
    } else {
      answer(step.do === 'refuse', step.n);
    }
  }
  for (let i = 0; i < 2_000 && all.some((one) => one.place !== Place.done); i++) {
    makeRoom();
    send(0, 3);
    send(1, 3);
    answer(false, 0);
  }
  return { all, effects, size: order.size };
}

function spansOf(one: Operation): readonly Span[] {
  return one.spans ?? [{ start: one.key, end: null }];
}

function nameOf(one: Operation): string {
  return `${one.kind} ${one.serial} of ${String(one.name)}`;
}
