import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import {
  aDeleteLook,
  aKey,
  anOpId,
  aPutLook,
  aSmallValue,
  aValue,
  blindDelete,
  blindPut,
} from '../test/arbitraries.js';
import { embedded, join, mutated } from '../test/mutation.js';
import { CommandView, encodeDelete, encodePut, readCommand } from './command-codec.js';
import { Command, type DeleteOperation, type OpId } from './gen/dougdb/v1/types.js';
import { limits } from './limits.js';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const opId: OpId = {
  session: new Uint8Array(16).fill(9),
  startedAt: 5,
  seq: 7,
  firstIncomplete: 3,
};
const aCommand = commands(aKey, aValue);
const aSmallCommand = commands(fc.uint8Array({ minLength: 1, maxLength: 12 }), aSmallValue).map(
  (message) => Command.encode(message).finish(),
);

function commands(
  aKeyOf: fc.Arbitrary<Uint8Array>,
  aValueOf: fc.Arbitrary<Uint8Array>,
): fc.Arbitrary<Command> {
  const aPut = fc
    .tuple(fc.record({ key: aKeyOf, value: aValueOf }), aPutLook)
    .map(([put, look]) => ({ $case: 'put' as const, value: { ...put, ...look } }));
  const aDelete = fc
    .tuple(aKeyOf, aDeleteLook)
    .map(([key, look]) => ({ $case: 'delete' as const, value: { key, ...look } }));
  return fc.record({
    opId: fc.option(anOpId, { nil: undefined }),
    operation: fc.oneof(aPut, aDelete),
  });
}

/** A blind one. */
function command(id: OpId | undefined, key: Uint8Array, value?: Uint8Array): Command {
  return {
    opId: id,
    operation: value
      ? { $case: 'put', value: { key, value, ...blindPut } }
      : { $case: 'delete', value: { key, ...blindDelete } },
  };
}

function encode({ opId: id, operation }: Command): Uint8Array {
  return operation?.$case === 'put'
    ? encodePut(id ?? null, operation.value.key, operation.value.value, operation.value)
    : encodeDelete(id ?? null, removalOf(operation).key, removalOf(operation));
}

function removalOf(operation: Command['operation']): DeleteOperation {
  if (operation?.$case !== 'delete') throw new Error('not a delete');
  return operation.value;
}

/** What the view says, as the message that the generated decoder would make. */
function read(bytes: Uint8Array, start = 0, end = bytes.length): Command {
  const view = new CommandView();
  readCommand(bytes, start, end, view);
  const { sessionStart, startedAt, seq, firstIncomplete } = view;
  const session = bytes.slice(sessionStart, sessionStart + 16);
  const { ifRevision, ifAbsent, returnPrevious, returnExisted, ttlMs } = view;
  const key = bytes.slice(view.keyStart, view.keyEnd);
  const value = bytes.slice(view.valueStart, view.valueEnd);
  return {
    opId: sessionStart === -1 ? undefined : { session, startedAt, seq, firstIncomplete },
    operation:
      view.kind === 'put'
        ? { $case: 'put', value: { key, value, ifRevision, ifAbsent, returnPrevious, ttlMs } }
        : { $case: 'delete', value: { key, ifRevision, returnPrevious, returnExisted } },
  };
}

function attempt<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    return error as Error;
  }
}

const refused = (message: string | RegExp) =>
  expect.objectContaining({
    code: 'DOUG_INVALID_ARGUMENT',
    outcome: 'NOT_APPLIED',
    message: expect.stringMatching(message),
  });

// An op id whose frame ends before the value of seq.
const opIdUpToSeq = join(
  Uint8Array.of(0x0a, 19, 0x0a, 16),
  new Uint8Array(16),
  Uint8Array.of(0x18),
);

describe('encodePut and encodeDelete', () => {
  it('make the bytes that the generated encoder makes', () => {
    fc.assert(
      fc.property(aCommand, (message) => {
        const mine = encode(message);
        expect(Buffer.compare(mine, Command.encode(message).finish())).toBe(0);
      }),
    );
  });
});

describe('encoded commands', () => {
  it('are never written again by the next ones', () => {
    fc.assert(
      fc.property(fc.array(aCommand, { minLength: 2, maxLength: 8 }), (messages) => {
        const encoded = messages.map(encode);
        const wanted = messages.map((message) => Command.encode(message).finish());
        encoded.forEach((bytes, i) => {
          expect(Buffer.compare(bytes, wanted[i]!)).toBe(0);
        });
      }),
    );
  });
});

describe('readCommand', () => {
  it('finds what the generated encoder wrote, anywhere in a buffer', () => {
    fc.assert(
      fc.property(aCommand, (message) => {
        const place = embedded(Command.encode(message).finish(), 0x0a);
        expect(plain(read(place.bytes, place.start, place.end))).toEqual(plain(message));
      }),
    );
  });

  it('takes an empty value, and no value at all, for an empty one', () => {
    const written = encodePut(null, text('k'), new Uint8Array(0));
    expect(plain(read(written))).toEqual(plain(command(undefined, text('k'), new Uint8Array(0))));
    const explicit = raw((w) =>
      w.uint32(0x12).fork().uint32(10).string('k').uint32(18).string('').join(),
    );
    expect(plain(read(explicit))).toEqual(plain(command(undefined, text('k'), new Uint8Array(0))));
  });

  it('takes the operation before the op id', () => {
    const bytes = join(encodeDelete(null, text('k')), opIdField(opId));
    expect(plain(read(bytes))).toEqual(plain(command(opId, text('k'))));
  });

  it('fills a view again without traces of the last command', () => {
    const view = new CommandView();
    const first = encodePut(opId, text('key'), text('value'));
    readCommand(first, 0, first.length, view);
    const second = encodeDelete(null, text('k'));
    readCommand(second, 0, second.length, view);
    expect(view).toEqual(
      Object.assign(new CommandView(), {
        kind: 'delete',
        keyStart: 4,
        keyEnd: 5,
        valueStart: 5,
        valueEnd: 5,
      }),
    );
  });

  it('takes keys and values at their limits', () => {
    const bytes = encodePut(
      opId,
      new Uint8Array(limits.keyBytes),
      new Uint8Array(limits.valueBytes),
    );
    expect(() => read(bytes)).not.toThrow();
  });

  const bad: [string, Uint8Array, string | RegExp][] = [
    ['an empty command', new Uint8Array(0), 'no operation'],
    ['an op id alone', opIdField(opId), 'no operation'],
    ['an empty key', encodePut(null, new Uint8Array(0), text('v')), 'empty key'],
    ['an empty delete', raw((w) => w.uint32(0x1a).bytes(new Uint8Array(0))), 'empty key'],
    ['a key over the limit', encodeDelete(null, new Uint8Array(8193)), 'key of 8193 bytes is over'],
    [
      'a value over the limit',
      encodePut(null, text('k'), new Uint8Array(1_048_577)),
      'value of 1048577',
    ],
    [
      'two operations',
      join(encodeDelete(null, text('k')), encodeDelete(null, text('k'))),
      'two operations',
    ],
    [
      'a put and a delete',
      join(encodeDelete(null, text('k')), encodePut(null, text('k'), text('v'))),
      'two operations',
    ],
    ['two op ids', join(opIdField(opId), encodePut(opId, text('k'), text('v'))), 'two op ids'],
    [
      'an unknown field',
      join(
        encodeDelete(null, text('k')),
        raw((w) => w.uint32(0x42).string('new')),
      ),
      'unknown field 8',
    ],
    [
      'an operation of the wrong type',
      raw((w) => w.uint32(0x10).uint64(5)),
      'unknown field 2 or wrong wire type',
    ],
    [
      'an unknown field in a put',
      raw((w) => w.uint32(0x12).fork().uint32(10).string('k').uint32(0x38).uint64(1).join()),
      'field 7 .*in put',
    ],
    [
      'a value in a delete',
      raw((w) => w.uint32(0x1a).fork().uint32(10).string('k').uint32(18).string('v').join()),
      'field 2 .*in delete',
    ],
    [
      'two keys',
      raw((w) => w.uint32(0x1a).fork().uint32(10).string('k').uint32(10).string('l').join()),
      'repeated field 1 in delete',
    ],
    [
      'two values',
      raw((w) => w.uint32(0x12).fork().uint32(18).string('k').uint32(18).string('l').join()),
      'repeated field 2 in put',
    ],
    [
      'two conditions',
      raw((w) =>
        w
          .uint32(0x12)
          .fork()
          .uint32(10)
          .string('k')
          .uint32(0x18)
          .uint64(1)
          .uint32(0x18)
          .uint64(2)
          .join(),
      ),
      'repeated field 3 in put',
    ],
    [
      'if_absent together with if_revision',
      encodePut(null, text('k'), text('v'), { ifAbsent: true, ifRevision: 3 }),
      'if_absent together with if_revision',
    ],
    [
      'an unknown field in a delete',
      raw((w) => w.uint32(0x1a).fork().uint32(10).string('k').uint32(0x28).uint64(1).join()),
      'field 5 .*in delete',
    ],
    [
      'an unknown field in an op id',
      withOpId((w) => w.uint32(0x28).uint64(1)),
      'field 5 .*in op id',
    ],
    ['a session of the wrong type', withOpId((w) => w.uint32(0x08).uint64(1)), 'in op id'],
    ['a repeated seq', withOpId((w) => w.uint32(0x18).uint64(8)), 'repeated field'],
    [
      'a session of 15 bytes',
      encodeDelete({ ...opId, session: new Uint8Array(15) }, text('k')),
      '16 bytes',
    ],
    [
      'a session of 17 bytes',
      encodeDelete({ ...opId, session: new Uint8Array(17) }, text('k')),
      '16 bytes',
    ],
    ['no session', encodeDelete({ ...opId, session: new Uint8Array(0) }, text('k')), '16 bytes'],
    ['an empty op id', join(Uint8Array.of(0x0a, 0), encodeDelete(null, text('k'))), '16 bytes'],
    ['seq 0', encodeDelete({ ...opId, seq: 0, firstIncomplete: 0 }, text('k')), 'seq must be'],
    [
      'first_incomplete above seq',
      encodeDelete({ ...opId, firstIncomplete: 8 }, text('k')),
      'first_incomplete above',
    ],
    ['seq 2^53', rawOpId((w) => w.uint32(0x18).uint64(2n ** 53n)), '2\\^53'],
    [
      'startedAt 2^63',
      rawOpId((w) =>
        w
          .uint32(0x18)
          .uint64(1)
          .uint32(0x10)
          .uint64(2n ** 63n),
      ),
      '2\\^53',
    ],
    ['field 0', Uint8Array.of(0x02, 0), 'field number 0'],
    ['a group', Uint8Array.of(0x0b), 'unknown field 1'],
    [
      'a seq that lies behind its op id',
      join(opIdUpToSeq, Uint8Array.of(7), encodeDelete(null, text('k'))),
      'truncated',
    ],
    ['a key that lies behind its delete', Uint8Array.of(0x1a, 2, 0x0a, 1, 0x6b), 'truncated'],
    [
      'a value that lies behind its put',
      Uint8Array.of(0x12, 5, 0x0a, 1, 0x6b, 0x12, 1, 0x76),
      'truncated',
    ],
  ];
  it.each(bad)('refuses %s', (_what, bytes, message) => {
    expect(attempt(() => read(bytes))).toEqual(refused(message));
  });

  it('refuses every cut of a command', () => {
    for (const whole of [
      encodePut(opId, text('key'), text('value')),
      encodeDelete(null, text('k')),
    ]) {
      for (let size = 0; size < whole.length; size++) {
        const place = embedded(whole, 0x0a);
        // Cut after the op id: a whole message, but without an operation.
        const error = attempt(() => read(place.bytes, place.start, place.start + size));
        expect(error).toEqual(refused(/truncated|no operation/));
      }
    }
  });

  it('honours other limits', () => {
    const bytes = encodePut(null, text('abc'), text('abc'));
    const attemptWith = (change: object) => () =>
      readCommand(bytes, 0, bytes.length, new CommandView(), { ...limits, ...change });
    expect(attemptWith({ keyBytes: 3, valueBytes: 3 })).not.toThrow();
    expect(attemptWith({ keyBytes: 2 })).toThrow('key of 3 bytes is over the limit of 2');
    expect(attemptWith({ valueBytes: 2 })).toThrow('value of 3 bytes is over the limit of 2');
  });

  it('takes of mutated bytes only what the generated decoder takes, and finds the same in it', () => {
    let taken = 0;
    fc.assert(
      fc.property(mutated(aSmallCommand), (bytes) => {
        const mine = attempt(() => read(bytes));
        if ('operation' in mine) {
          taken++;
          expect(plain(mine)).toEqual(plain(Command.decode(bytes)));
        } else {
          expect(mine).toEqual(refused(/./));
        }
      }),
      { numRuns: 6000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it('depends on nothing outside of its range', () => {
    fc.assert(
      fc.property(mutated(aSmallCommand), (bytes) => {
        const outcomes = [0x00, 0x0a, 0xff].map((filler) => {
          const place = embedded(bytes, filler);
          const mine = attempt(() => read(place.bytes, place.start, place.end));
          return 'operation' in mine ? plain(mine) : mine.message;
        });
        expect(outcomes[1]).toEqual(outcomes[0]);
        expect(outcomes[2]).toEqual(outcomes[0]);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses random bytes without harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const mine = attempt(() => read(bytes));
        if (!('operation' in mine)) expect(mine).toEqual(refused(/./));
      }),
      { numRuns: 2000 },
    );
  });
});

/** Comparable: bytes as arrays, no bookkeeping of the generated code. */
function plain(message: Command): unknown {
  return JSON.parse(
    JSON.stringify(message, (name, value: unknown) => {
      if (name === '_unknownFields') return undefined;
      return ArrayBuffer.isView(value) ? Buffer.from(value as Uint8Array).toString('hex') : value;
    }),
  );
}

function raw(write: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

function opIdField(id: OpId): Uint8Array {
  return Command.encode({ opId: id, operation: undefined }).finish();
}

/** A delete with a good op id and something more in it. */
function withOpId(more: (writer: BinaryWriter) => void): Uint8Array {
  return rawOpId((w) => {
    w.uint32(0x18).uint64(7);
    more(w);
  });
}

function rawOpId(more: (writer: BinaryWriter) => void): Uint8Array {
  const id = raw((w) => {
    w.uint32(0x0a).fork().uint32(0x0a).bytes(new Uint8Array(16));
    more(w);
    w.join();
  });
  return join(id, encodeDelete(null, text('k')));
}
