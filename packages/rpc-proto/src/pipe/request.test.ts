import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { aKey, aNumber, aSmallValue, aValue } from '../../test/arbitraries.js';
import { embedded, join, mutated } from '../../test/mutation.js';
import type { DougError } from '../doug-error.js';
import { type GetItem, PipeItem, PipeRequest } from '../gen/dougdb/v1/doug.js';
import type { Consistency } from '../gen/dougdb/v1/types.js';
import { limits } from '../limits.js';
import { readPipeRequest } from './request-reader.js';
import { PipeRequestWriter } from './request-writer.js';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

type Event = readonly unknown[];

/** Everything that the visitor was told, bytes in hex. */
function events(bytes: Uint8Array, table = limits): Event[] {
  const seen: Event[] = [];
  readPipeRequest(
    bytes,
    {
      begin: (firstId, start, end, count) =>
        void seen.push(['begin', firstId, hex(bytes.subarray(start, end)), count]),
      item: (id, timeoutMs, partitionId, epochVersion, resend, op, start, end, level, argument) =>
        void seen.push([
          'item',
          id,
          timeoutMs,
          partitionId,
          epochVersion,
          resend,
          op,
          hex(bytes.subarray(start, end)),
          level,
          argument,
        ]),
      invalid: (id, error) => void seen.push(['invalid', id, error.message]),
      cancel: (id) => void seen.push(['cancel', id]),
    },
    table,
  );
  return seen;
}

/** What the visitor should be told about a message that the generated code decoded. */
function expected(message: PipeRequest): Event[] {
  return [
    ['begin', message.firstId, hex(message.clusterId), message.items.length],
    ...message.items.map((item, i) => {
      const { timeoutMs, partitionId, epochVersion, resend, op } = item;
      const envelope = ['item', message.firstId + i, timeoutMs, partitionId, epochVersion, resend];
      return op!.$case === 'get'
        ? [...envelope, 'get', hex(op!.value.key), ...level(op!.value)]
        : [...envelope, 'command', hex(op!.value), 0, 0];
    }),
    ...message.cancelIds.map((id) => ['cancel', id]),
  ];
}

/** Nothing said is linearizable. */
function level({ consistency, revision, maxAgeMs }: GetItem): number[] {
  return [consistency === 0 ? 1 : consistency, revision + maxAgeMs];
}

/** The fields of a get that belong together. */
const aLevel: fc.Arbitrary<Omit<GetItem, 'key'>> = fc
  .record({ consistency: fc.constantFrom<Consistency[]>(0, 1, 2, 3, 4, 5), n: aNumber })
  .map(({ consistency, n }) => ({
    consistency,
    revision: consistency === 5 ? Math.max(1, n) : 0,
    maxAgeMs: consistency === 4 ? Math.max(1, n) : 0,
  }));

function anItem(
  key: fc.Arbitrary<Uint8Array>,
  value: fc.Arbitrary<Uint8Array>,
): fc.Arbitrary<PipeItem> {
  return fc.record({
    timeoutMs: fc.oneof(fc.nat(10_000), fc.constant(0x7fff_ffff)),
    partitionId: aNumber,
    epochVersion: aNumber,
    resend: fc.boolean(),
    op: fc.oneof(
      value.map((bytes) => ({ $case: 'command' as const, value: bytes })),
      fc
        .tuple(key, aLevel)
        .map(([name, level]) => ({ $case: 'get' as const, value: { key: name, ...level } })),
    ),
  });
}

function aRequest(item: fc.Arbitrary<PipeItem>): fc.Arbitrary<PipeRequest> {
  return fc.record({
    firstId: aNumber.map((n) => Math.min(n, Number.MAX_SAFE_INTEGER - 100)),
    clusterId: fc.uint8Array({ maxLength: 16 }),
    items: fc.array(item, { maxLength: 6 }),
    cancelIds: fc.array(aNumber, { maxLength: 4 }),
  });
}

const anyRequest = aRequest(anItem(aKey, aValue));
const aSmallRequest = aRequest(anItem(fc.uint8Array({ minLength: 1, maxLength: 9 }), aSmallValue));

function write(writer: PipeRequestWriter, message: PipeRequest): Uint8Array {
  writer.begin(message.firstId, message.clusterId);
  message.items.forEach(({ timeoutMs, partitionId, epochVersion, resend, op }, i) => {
    const place = embedded(op!.$case === 'get' ? op!.value.key : op!.value, 0xee);
    const id =
      op!.$case === 'get'
        ? writer.addGet(
            timeoutMs,
            partitionId,
            epochVersion,
            resend,
            op!.value.consistency,
            place.bytes,
            place.start,
            place.end,
            op!.value.revision + op!.value.maxAgeMs,
          )
        : writer.addCommand(
            timeoutMs,
            partitionId,
            epochVersion,
            resend,
            place.bytes,
            place.start,
            place.end,
          );
    expect(id).toBe(message.firstId + i);
  });
  for (const id of message.cancelIds) writer.addCancel(id);
  expect(writer.items).toBe(message.items.length);
  return writer.finish();
}

function attempt(bytes: Uint8Array): Event[] | DougError {
  try {
    return events(bytes);
  } catch (error) {
    return error as DougError;
  }
}

const refused = (message: string) =>
  expect.objectContaining({
    code: 'DOUG_INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });

const raw = (build: (writer: BinaryWriter) => void): Uint8Array => {
  const writer = new BinaryWriter();
  build(writer);
  return writer.finish();
};
const get = (key: string): PipeItem => ({
  timeoutMs: 0,
  partitionId: 0,
  epochVersion: 0,
  resend: false,
  op: { $case: 'get', value: { key: text(key), consistency: 0, revision: 0, maxAgeMs: 0 } },
});
const itemField = (item: Uint8Array): Uint8Array => raw((w) => w.uint32(0x1a).bytes(item));

describe('PipeRequestWriter', () => {
  it('writes what the generated decoder and our reader understand', () => {
    const writer = new PipeRequestWriter();
    fc.assert(
      fc.property(anyRequest, (message) => {
        const bytes = write(writer, message);
        expect(expected(PipeRequest.decode(bytes))).toEqual(expected(message));
        expect(events(bytes)).toEqual(expected(message));
      }),
    );
  });

  it('never touches a message again after handing it out', () => {
    const writer = new PipeRequestWriter();
    fc.assert(
      fc.property(fc.array(anyRequest, { minLength: 2, maxLength: 5 }), (messages) => {
        const written = messages.map((message) => write(writer, message));
        written.forEach((bytes, i) => {
          expect(events(bytes)).toEqual(expected(messages[i]!));
        });
      }),
    );
  });

  it('drops what was begun and not finished', () => {
    const writer = new PipeRequestWriter();
    writer.begin(1, new Uint8Array(0));
    writer.addCommand(0, 0, 0, false, text('gone'));
    writer.begin(9, new Uint8Array(0));
    expect(writer.items).toBe(0);
    writer.addCancel(4);
    expect(writer.sizeBytes).toBe(4);
    expect(events(writer.finish())).toEqual([
      ['begin', 9, '', 0],
      ['cancel', 4],
    ]);
  });

  it.each([
    [0.2, 1],
    [1.5, 2],
    [-3, 0],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, 0x7fff_ffff],
  ])('sends %p ms left as %p', (given, sent) => {
    const writer = new PipeRequestWriter();
    writer.begin(0, new Uint8Array(0));
    writer.addCommand(given, 0, 0, false, text('c'));
    writer.addGet(given, 0, 0, false, 0, text('k'));
    const items = PipeRequest.decode(writer.finish()).items;
    expect(items.map(({ timeoutMs }) => timeoutMs)).toEqual([sent, sent]);
  });

  it.each([2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])('refuses the partition %p', (id) => {
    const writer = new PipeRequestWriter();
    writer.begin(0, new Uint8Array(0));
    expect(() => writer.addCommand(0, id, 0, false, text('c'))).toThrow('not a safe integer');
  });
});

describe('readPipeRequest', () => {
  it('finds what the generated encoder wrote', () => {
    fc.assert(
      fc.property(anyRequest, (message) => {
        expect(events(PipeRequest.encode(message).finish())).toEqual(expected(message));
      }),
    );
  });

  it('takes fields in any order', () => {
    const bytes = join(
      itemField(PipeItem.encode(get('a')).finish()),
      raw((w) => w.uint32(0x20).uint64(3)),
      itemField(PipeItem.encode(get('b')).finish()),
      raw((w) => w.uint32(0x08).uint64(40)),
    );
    expect(events(bytes)).toEqual([
      ['begin', 40, '', 2],
      ['item', 40, 0, 0, 0, false, 'get', '61', 1, 0],
      ['item', 41, 0, 0, 0, false, 'get', '62', 1, 0],
      ['cancel', 3],
    ]);
  });

  it('takes cancel ids packed and single, between other fields', () => {
    const bytes = join(
      Uint8Array.of(0x22, 3, 1, 0x80, 0x01),
      Uint8Array.of(0x20, 2),
      itemField(PipeItem.encode(get('a')).finish()),
      Uint8Array.of(0x22, 1, 3),
      Uint8Array.of(0x22, 0),
      Uint8Array.of(0x08, 9),
    );
    expect(events(bytes)).toEqual([
      ['begin', 9, '', 1],
      ['item', 9, 0, 0, 0, false, 'get', '61', 1, 0],
      ['cancel', 1],
      ['cancel', 128],
      ['cancel', 2],
      ['cancel', 3],
    ]);
  });

  it('takes an empty message and an empty command', () => {
    expect(events(new Uint8Array(0))).toEqual([['begin', 0, '', 0]]);
    expect(events(itemField(raw((w) => w.uint32(0x2a).bytes(new Uint8Array(0)))))).toEqual([
      ['begin', 0, '', 1],
      ['item', 0, 0, 0, 0, false, 'command', '', 0, 0],
    ]);
  });

  const key = (value: string | Uint8Array) =>
    raw((w) => w.uint32(0x0a).bytes(typeof value === 'string' ? text(value) : value));
  const getItem = (...parts: Uint8Array[]) => raw((w) => w.uint32(0x32).bytes(join(...parts)));
  const command = raw((w) => w.uint32(0x2a).string('c'));
  const badItems: [string, Uint8Array, string][] = [
    ['no operation', raw((w) => w.uint32(0x08).uint64(5)), 'without an operation'],
    ['nothing', new Uint8Array(0), 'without an operation'],
    [
      'an unknown field',
      join(
        command,
        raw((w) => w.uint32(0x38).uint64(5)),
      ),
      'unknown field 7',
    ],
    [
      'a field of the wrong type',
      join(
        command,
        raw((w) => w.uint32(0x0a).string('5')),
      ),
      'unknown field 1 or wrong',
    ],
    ['two commands', join(command, command), 'repeated field'],
    ['a command and a get', join(command, getItem(key('k'))), 'repeated field'],
    [
      'two timeouts',
      join(
        command,
        raw((w) => w.uint32(8).uint64(1).uint32(8).uint64(1)),
      ),
      'repeated field',
    ],
    [
      'a partition of 2^53',
      join(
        command,
        raw((w) => w.uint32(16).uint64(2n ** 53n)),
      ),
      '2\\^53',
    ],
    ['a command longer than itself', Uint8Array.of(0x2a, 9, 1), 'truncated'],
    ['an empty key', getItem(key('')), 'empty key'],
    ['a get without a key', getItem(), 'empty key'],
    ['a key over the limit', getItem(key(new Uint8Array(8193))), 'key of 8193 bytes'],
    ['two keys', getItem(key('a'), key('b')), 'repeated field 1 in a get'],
    ['an unknown field in a get', getItem(key('a'), Uint8Array.of(0x28, 1)), 'field 5 in a get'],
    ['an unknown consistency', getItem(key('a'), Uint8Array.of(0x10, 6)), 'unknown consistency 6'],
    [
      'a revision of nothing',
      getItem(key('a'), Uint8Array.of(0x10, 2, 0x18, 1)),
      'a revision is for',
    ],
    ['two consistencies', getItem(key('a'), Uint8Array.of(0x10, 1, 0x10, 1)), 'field 2 in a get'],
    ['a key longer than its get', getItem(Uint8Array.of(0x0a, 5, 1)), 'truncated'],
    ['a group', Uint8Array.of(0x0b, 0x0c), 'wrong wire type'],
  ];
  it.each(badItems)(
    'refuses an item with %s and delivers its neighbours',
    (_what, item, message) => {
      const good = itemField(PipeItem.encode(get('a')).finish());
      const bytes = join(Uint8Array.of(0x08, 7), good, itemField(item), good);
      expect(events(bytes)).toEqual([
        ['begin', 7, '', 3],
        ['item', 7, 0, 0, 0, false, 'get', '61', 1, 0],
        ['invalid', 8, expect.stringMatching(message)],
        ['item', 9, 0, 0, 0, false, 'get', '61', 1, 0],
      ]);
    },
  );

  const badMessages: [string, Uint8Array, string][] = [
    ['an unknown field', raw((w) => w.uint32(0x28).uint64(1)), 'unknown field 5'],
    [
      'a field of the wrong type',
      raw((w) => w.uint32(0x0a).string('1')),
      'unknown field 1 or wrong',
    ],
    ['an item beyond the end', Uint8Array.of(0x1a, 5, 1), 'truncated'],
    ['a tag alone', Uint8Array.of(0x1a), 'truncated'],
    ['a packed cancel id that is cut', Uint8Array.of(0x22, 2, 1, 0x80), 'truncated'],
    [
      'a cancel id that lies behind its list',
      Uint8Array.of(0x22, 1, 0x80, 0x08, 0x01),
      'truncated',
    ],
    ['a cancel id of 2^53', raw((w) => w.uint32(0x20).uint64(2n ** 53n)), '2\\^53'],
    ['a first id of 2^53', raw((w) => w.uint32(0x08).uint64(2n ** 53n)), '2\\^53'],
    [
      'ids that reach 2^53',
      join(
        raw((w) => w.uint32(8).uint64(2 ** 53 - 1)),
        itemField(command),
      ),
      'ids of 2\\^53',
    ],
  ];
  it.each(badMessages)(
    'refuses a message with %s before it delivers anything',
    (_what, tail, message) => {
      const bytes = join(itemField(PipeItem.encode(get('a')).finish()), tail);
      const seen: string[] = [];
      const note = (what: string) => () => void seen.push(what);
      const visitor = {
        begin: note('begin'),
        item: note('item'),
        invalid: note('invalid'),
        cancel: note('cancel'),
      };
      expect(() => readPipeRequest(bytes, visitor)).toThrow(refused(message));
      expect(seen).toEqual([]);
    },
  );

  it('bounds the items and cancels of a message, and its size', () => {
    const items = (count: number) => join(...Array<Uint8Array>(count).fill(itemField(command)));
    expect(events(items(4096))).toHaveLength(4097);
    expect(() => events(items(4097))).toThrow('4097 items are over the limit of 4096');
    const packed = (count: number) => raw((w) => w.uint32(0x22).bytes(new Uint8Array(count)));
    expect(events(packed(4096))).toHaveLength(4097);
    expect(() => events(packed(4097))).toThrow('too many cancel ids');
    expect(() => events(new Uint8Array(limits.requestBytes + 1))).toThrow(
      expect.objectContaining({ code: 'DOUG_TOO_LARGE' }),
    );
    const table = { ...limits, keyBytes: 1, pipeWindowItems: 1 };
    const bytes = itemField(PipeItem.encode(get('ab')).finish());
    expect(events(bytes, table)[1]).toEqual(['invalid', 0, expect.stringContaining('limit of 1')]);
  });

  it('lets the visitor read another message meanwhile', () => {
    const bytes = PipeRequest.encode({
      firstId: 1,
      clusterId: text('c'),
      items: [get('a'), get('b')],
      cancelIds: [8],
    }).finish();
    const seen: unknown[] = [];
    readPipeRequest(bytes, {
      begin: () => undefined,
      item: (id) => void seen.push(id, events(bytes).length),
      invalid: () => undefined,
      cancel: (id) => void seen.push(id),
    });
    expect(seen).toEqual([1, 4, 2, 4, 8]);
  });

  it('passes on what the visitor throws', () => {
    const bytes = itemField(command);
    const boom = () => {
      throw new TypeError('boom');
    };
    const quiet = () => undefined;
    expect(() =>
      readPipeRequest(bytes, { begin: quiet, item: boom, invalid: quiet, cancel: quiet }),
    ).toThrow('boom');
  });

  it('takes of mutated bytes only what the generated decoder takes, and finds the same in it', () => {
    let taken = 0;
    fc.assert(
      fc.property(mutated(aSmallRequest.map((m) => PipeRequest.encode(m).finish())), (bytes) => {
        const mine = attempt(bytes);
        if (!Array.isArray(mine)) {
          expect(mine).toEqual(refused('.'));
          return;
        }
        // With a bad item in it the generated decoder may refuse the whole message.
        if (mine.some(([what]) => what === 'invalid')) return;
        taken++;
        expect(mine).toEqual(expected(PipeRequest.decode(bytes)));
      }),
      { numRuns: 6000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it('depends on nothing outside of its bytes', () => {
    fc.assert(
      fc.property(mutated(aSmallRequest.map((m) => PipeRequest.encode(m).finish())), (bytes) => {
        const outcomes = [0x00, 0x1a, 0xff].map((filler) => {
          const place = embedded(bytes, filler);
          const mine = attempt(place.bytes.subarray(place.start, place.end));
          return Array.isArray(mine) ? mine : mine.message;
        });
        expect(outcomes[1]).toEqual(outcomes[0]);
        expect(outcomes[2]).toEqual(outcomes[0]);
      }),
      { numRuns: 2000 },
    );
  });
});
